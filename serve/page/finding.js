/** One finding: its probabilities, what they rest on, and a reader's word against it. */

import * as api from "./api.js";
import { Glyph } from "./glyph.js";
import { placeOn } from "./look.js";
import { sentence } from "./problem.js";
import { html, useState } from "./vendor/preact-htm.js";
import { SEVERITIES, WEIGHED, conditionOf, levelOf, likelier, percent, shares, toneOf, viewWords } from "./words.js";

const BASES = {
  real: "tested on patients (real)",
  synthetic: "never tested on patients (synthetic)",
};

export function FindingCard({ id, finding, series, select }) {
  const graded = finding.severity !== null;
  return html`<section class="panel card" aria-labelledby="finding">
    <h2 id="finding"><${Glyph} severity=${finding.severity} /><span>${levelOf(finding)} <small>${conditionOf(finding)}</small></span></h2>
    ${graded ? html`<${Shares} finding=${finding} />` : html`<p>Not assessed.</p>`}
    <dl class="facts">
      ${finding.evidence && html`<${Where} ...${{ finding, series, select }} />`}
      ${graded && html`<dt>Model</dt><dd>${BASES[finding.basis]}</dd>`}
      <dt>Why</dt><dd>${sentence(finding.reason)}</dd>
    </dl>
    ${"side" in finding ? null : html`<${Feedback} ...${{ id, finding }} />`}
  </section>`;
}

function Shares({ finding }) {
  const all = shares(finding);
  const other = likelier(finding);
  return html`
    <table class="shares">
      <caption class="unseen">Probabilities</caption>
      <tbody>
        ${all.map(
          ({ severity, share }) => html`<tr class=${severity === finding.severity ? "own" : ""}>
            <th scope="row">${severity}</th>
            <td class="track"><meter class=${toneOf(severity)} min="0" max="1" value=${share} aria-label="${severity}, ${percent(share)}"></meter></td>
            <td>${percent(share)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${other && html`<p class="weighed"><b aria-hidden="true">↑</b> Graded ${finding.severity} though ${other} is likelier: ${WEIGHED}.</p>`}
  `;
}

function Where({ finding, series, select }) {
  const { evidence } = finding;
  const place = placeOn(series, evidence);
  return html`
    <dt>Read off</dt>
    <dd>
      ${viewWords(evidence.view)}${place && `, slice ${place.n + 1} of ${series[place.k].slices}`}
      ${place && html` <button class="link" onClick=${() => select(finding)}>Show</button>`}
    </dd>
    <dt>Located</dt>
    <dd>with confidence ${percent(evidence.confidence)}</dd>
  `;
}

/** A reader says which grade they see; it is kept with the ids of study and job alone. */
function Feedback({ id, finding }) {
  const [said, setSaid] = useState(null);
  const send = (event) => {
    event.preventDefault();
    const severity = new FormData(event.target).get("severity");
    api.feedback(id, finding, severity).then(
      () => setSaid(`Noted: you see ${severity}. Thank you.`),
      (problem) => setSaid(`${problem.message}. ${problem.detail}`),
    );
  };
  return html`<details class="feedback">
    <summary>I see another grade</summary>
    <form onSubmit=${send}>
      <label class="field"><span>Your grade</span>
        <select name="severity">${SEVERITIES.map((severity) => html`<option>${severity}</option>`)}</select>
      </label>
      <button class="button">Send</button>
    </form>
    <p role="status" class="soft">${said}</p>
  </details>`;
}
