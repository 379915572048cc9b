/** The findings in words: worst first, then what could not be assessed and why. */

import { Glyph } from "./glyph.js";
import { sentence } from "./problem.js";
import { html } from "./vendor/preact-htm.js";
import { FILM_ORDER, LEVELS, conditionOf, count, levelOf, levelWords, likelier, ownShare, percent, placeOf, sideOf, worstFirst } from "./words.js";

/** Degeneration worst first; the Normal/Mild ones folded away. */
export function Findings({ order, selected, select }) {
  const bad = order.filter(({ severity }) => severity !== "Normal/Mild");
  const mild = order.filter(({ severity }) => severity === "Normal/Mild");
  if (!order.length) return null;
  const none = order.length === 1 ? "The one graded finding is Normal/Mild" : `All ${order.length} graded findings are Normal/Mild`;
  return html`<section class="panel" aria-labelledby="worst">
    <h2 id="worst">${bad.length ? `${count(bad.length, "finding")}, worst first` : none}</h2>
    ${bad.length > 0 && html`<${List} findings=${bad} ...${{ selected, select }} />`}
    ${mild.length > 0 &&
    html`<details><summary>${mild.length} Normal/Mild</summary><${List} findings=${mild} ...${{ selected, select }} /></details>`}
  </section>`;
}

/** What lone slices show that is none of the 25; their rows say why they stay empty. */
export function LoneSlices({ findings, selected, select }) {
  return html`<section class="panel lone" aria-labelledby="lone">
    <h2 id="lone">Read off slices without neighbours, worst first</h2>
    <${List} findings=${worstFirst(findings)} ...${{ selected, select }} />
    ${[...new Set(findings.map(({ reason }) => reason))].map((reason) => html`<p class="soft">${sentence(reason)}</p>`)}
  </section>`;
}

function List({ findings, selected, select }) {
  return html`<ol class="findings">
    ${findings.map(
      (finding) => html`<li>
        <button aria-pressed=${finding === selected} onClick=${() => select(finding)}>
          <${Glyph} severity=${finding.severity} />
          <span class="level">${levelOf(finding)}</span>
          <span class="what">${conditionOf(finding)}<small>${finding.severity}${likelier(finding) && `, though ${likelier(finding)} is likelier`} · ${finding.basis}</small></span>
          <span class="share">${percent(ownShare(finding))}</span>
        </button>
      </li>`,
    )}
  </ol>`;
}

/** Findings without a grade, grouped by the reason. */
export function NotAssessed({ findings }) {
  const out = findings.filter(({ severity }) => !severity);
  if (!out.length) return null;
  const reasons = Map.groupBy(out, ({ reason }) => reason);
  return html`<section class="panel" aria-labelledby="out">
    <h2 id="out">${out.length} not assessed</h2>
    <dl class="reasons">
      ${[...reasons].map(([reason, some]) => html`<dt>${sentence(reason)}</dt><dd>${placesOf(some)}</dd>`)}
    </dl>
  </section>`;
}

/** "Right recess L1/L2 to L5/S1; canal L4/L5". */
function placesOf(findings) {
  const words = FILM_ORDER.map((condition) => {
    const levels = LEVELS.filter((level) => findings.some((one) => one.condition === condition && one.level === level));
    if (!levels.length) return null;
    const place = `${sideOf(condition) ?? ""} ${placeOf(condition).toLowerCase()}`.trim();
    const run = levels.length > 2 && LEVELS.indexOf(levels.at(-1)) - LEVELS.indexOf(levels[0]) === levels.length - 1;
    return `${place} ${run ? `${levelWords(levels[0])} to ${levelWords(levels.at(-1))}` : levels.map(levelWords).join(", ")}`;
  });
  return words.filter(Boolean).join("; ");
}
