/** What the answer rests on: the series and their roles, files set aside, the model. */

import { sentence } from "./problem.js";
import { html } from "./vendor/preact-htm.js";
import { count, viewWords } from "./words.js";

export function About({ answer }) {
  const { series, set_aside: aside, model } = answer;
  return html`<section class="panel about" aria-labelledby="about">
    <h2 id="about">What this rests on</h2>
    <details>
      <summary>${count(series.length, "series", "series")}</summary>
      <dl>${series.map(({ view, reason, slices }) => html`<dt>${view ? viewWords(view) : "Not used"}, ${count(slices, "slice")}</dt><dd>${sentence(reason)}</dd>`)}</dl>
    </details>
    ${aside.length > 0 &&
    html`<details>
      <summary>${count(aside.length, "file")} set aside</summary>
      <dl>${aside.map(({ file, reason }) => html`<dt class="path">${file}</dt><dd>${sentence(reason)}</dd>`)}</dl>
    </details>`}
    <p>Model <code>${model.bundle}</code>, trained on ${model.trained_on}. ${model.notice}.</p>
  </section>`;
}
