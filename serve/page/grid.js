/** The 25 findings where they lie: levels down, the patient's right on the viewer's left. */

import { Glyph, Legend } from "./glyph.js";
import { html, useRef, useState } from "./vendor/preact-htm.js";
import { FILM_ORDER, LEVELS, findingWords, levelWords, likelier, ownShare, percent, placeOf, shares, sideOf, spoken } from "./words.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** While `windowing` the arrows set the window, here too. */
export function Grid({ findings, selected, select, windowing = false }) {
  const [pointed, point] = useState(null);
  const table = useRef();
  const cell = (level, condition) => findings.find((one) => one.level === level && one.condition === condition);
  const here = findings.includes(selected) ? selected : cell(LEVELS[0], FILM_ORDER[0]);
  const keyed = (event) => {
    const step = STEPS[event.key];
    if (!step || windowing || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault(); // the arrows move in the grid, not through the slices
    const row = LEVELS.indexOf(here.level) + step[0];
    const column = FILM_ORDER.indexOf(here.condition) + step[1];
    if (!LEVELS[row] || !FILM_ORDER[column]) return;
    select(cell(LEVELS[row], FILM_ORDER[column]));
    table.current.tBodies[0].rows[row].cells[column + 1].firstElementChild.focus();
  };
  return html`<div class="grid25">
    <table role="grid" aria-label="The 25 findings" ref=${table} onKeyDown=${keyed}>
      <thead>
        <tr class="sides" aria-hidden="true"><td></td><td colspan="2">R <span>patient's right</span></td><td></td><td colspan="2"><span>patient's left</span> L</td></tr>
        <tr><th scope="col"><span class="unseen">Level</span></th>${FILM_ORDER.map((condition) => html`<th scope="col"><span class="unseen">${sideOf(condition)} </span>${placeOf(condition)}</th>`)}</tr>
      </thead>
      <tbody>
        ${LEVELS.map(
          (level) => html`<tr>
            <th scope="row">${levelWords(level)}</th>
            ${FILM_ORDER.map((condition) => {
              const finding = cell(level, condition);
              return html`<td class=${finding.evidence || finding.severity ? "" : "out"}>
                <${CellButton} ...${{ finding, select, point }} current=${finding === selected} reached=${finding === here} />
              </td>`;
            })}
          </tr>`,
        )}
      </tbody>
      <${Basis} findings=${findings} />
    </table>
    <${Readout} finding=${pointed ?? here} />
    <${Legend} weighed=${findings.some(likelier)} />
  </div>`;
}

function CellButton({ finding, current, reached, select, point }) {
  const share = ownShare(finding);
  return html`<button
    class="cell"
    aria-pressed=${current}
    aria-label=${spoken(finding)}
    tabindex=${reached ? 0 : -1}
    onClick=${() => select(finding)}
    onPointerEnter=${() => point(finding)}
    onPointerLeave=${() => point(null)}
  >
    <${Glyph} severity=${finding.severity} />
    <span class="share">${share === null ? "" : percent(share)}${likelier(finding) && " ↑"}</span>
  </button>`;
}

/** The three probabilities of the cell under the pointer, else of the one that is selected. */
function Readout({ finding }) {
  return html`<p class="readout" aria-hidden="true">
    <b>${findingWords(finding)}</b><br />
    ${finding.severity
      ? shares(finding).map(({ severity, share }) => html`<span class=${severity === finding.severity ? "own" : ""}>${severity} ${percent(share)}</span> `)
      : html`<span>Not assessed: ${finding.reason}</span>`}
  </p>`;
}

/** What each column's grades rest on: models tested on patients, or on phantoms alone. */
function Basis({ findings }) {
  const of = (condition) => findings.find((one) => one.condition === condition && one.basis)?.basis;
  if (!FILM_ORDER.some(of)) return null;
  return html`<tfoot><tr><th scope="row">Basis</th>${FILM_ORDER.map((condition) => html`<td>${of(condition) ?? "-"}</td>`)}</tr></tfoot>`;
}
