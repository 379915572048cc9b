/** The keyboard of the result screen. Single keys can be switched off (WCAG 2.1.4). */

import { html, useEffect, useState } from "./vendor/preact-htm.js";

const KEPT = "lumbar-keys";
const PAN_PX = 40;
const HELP = [
  ["↑ ↓", "slice before, after"],
  ["← →", "worse finding, milder finding"],
  ["[ ]", "series before, after"],
  ["w", "arrows set the window: width ← →, centre ↑ ↓"],
  ["Move", "with it on, arrows look up, down, left and right"],
  ["h", "heat map"],
  ["s", "save the result"],
  ["Esc", "close; whole picture"],
];

const areOn = () => localStorage.getItem(KEPT) !== "off";

/** Listen while the result is shown. */
export function useKeys(hands) {
  useEffect(() => {
    const pressed = (event) => {
      if (event.defaultPrevented || isShortcut(event) || !areOn() || isTheirs(event)) return;
      const deed = deedOf(event.key, hands);
      if (!deed) return;
      event.preventDefault();
      deed();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });
}

/** A browser's or system's key; brackets are typed with Alt or AltGr on many keyboards. */
const isShortcut = ({ key, ctrlKey, altKey, metaKey }) =>
  metaKey || (ctrlKey && !altKey) || (altKey && key !== "[" && key !== "]");

/** A key that the focused field needs itself: of a slider the arrows alone. */
function isTheirs({ key, target }) {
  if (target.matches("input[type=range]")) return key.startsWith("Arrow");
  return target.closest("input, select, textarea, dialog, [role=menu], [role=region]") !== null;
}

function deedOf(key, { eye, move, step, save }) {
  if (!eye.series.length) return { s: save }[key];
  const window = (change) => () => move({ kind: "window", ...change });
  const slice = (by) => () => move({ kind: "slice", by });
  const pan = (x, y) => () => move({ kind: "pan", by: [x * PAN_PX, y * PAN_PX] });
  const arrows = {
    slices: { ArrowUp: slice(-1), ArrowDown: slice(1), ArrowLeft: () => step(-1), ArrowRight: () => step(1) },
    pan: { ArrowUp: pan(0, 1), ArrowDown: pan(0, -1), ArrowLeft: pan(1, 0), ArrowRight: pan(-1, 0) },
    window: {
      ArrowUp: window({ center: 0.05 }),
      ArrowDown: window({ center: -0.05 }),
      ArrowLeft: window({ width: -0.05 }),
      ArrowRight: window({ width: 0.05 }),
    },
  }[eye.keys === "slices" && eye.tool === "move" ? "pan" : eye.keys];
  const others = {
    "[": () => move({ kind: "series", by: -1 }),
    "]": () => move({ kind: "series", by: 1 }),
    w: () => move({ kind: "keys" }),
    h: () => move({ kind: "layer", layer: "heat" }),
    s: save,
    Escape: () => move({ kind: "escape" }),
  };
  return arrows[key] ?? others[key];
}

/** What the keys do, and the switch that turns them off. */
export function KeyHelp() {
  const [on, setOn] = useState(areOn());
  const change = (event) => {
    localStorage.setItem(KEPT, event.target.checked ? "on" : "off");
    setOn(event.target.checked);
  };
  const closed = (event) => {
    const { currentTarget: help } = event;
    if (event.key !== "Escape" || !help.open) return;
    event.preventDefault();
    help.open = false;
    help.firstElementChild.focus();
  };
  return html`<details class="menu keys" onKeyDown=${closed}>
    <summary class="button">Keys</summary>
    <div class="sheet">
      <dl>${HELP.map(([key, does]) => html`<dt><kbd>${key}</kbd></dt><dd>${does}</dd>`)}</dl>
      <label><input type="checkbox" checked=${on} onChange=${change} /> Single keys work</label>
    </div>
  </details>`;
}
