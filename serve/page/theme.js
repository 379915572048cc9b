/** Light, dark, or as the system has it; kept for the next visit. */

import { html, useState } from "./vendor/preact-htm.js";

const THEMES = ["auto", "light", "dark"];
const KEPT = "lumbar-theme";

function apply(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(KEPT, theme);
  return theme;
}

const first = apply(THEMES.find((theme) => theme === localStorage.getItem(KEPT)) ?? "auto");

/** The choice of a theme. */
export function Theme() {
  const [theme, setTheme] = useState(first);
  return html`<label class="theme">
    <span>Theme</span>
    <select value=${theme} onChange=${(event) => setTheme(apply(event.target.value))}>
      ${THEMES.map((one) => html`<option value=${one}>${one}</option>`)}
    </select>
  </label>`;
}
