/** A grade as colour, letter and shape: circle N, triangle M, square S; a dash for none. */

import { html } from "./vendor/preact-htm.js";
import { WEIGHED, toneOf } from "./words.js";

const SHAPES = {
  "Normal/Mild": html`<circle cx="14" cy="14" r="10.5" />`,
  Moderate: html`<path d="M14 2.5 26.5 25H1.5z" />`,
  Severe: html`<rect x="3" y="3" width="22" height="22" rx="1.5" />`,
};

/** The sign of a grade; words beside it say the same, so screen readers pass it by. */
export function Glyph({ severity }) {
  const low = severity === "Moderate" ? 21.5 : 18.5;
  return html`<svg class="glyph ${toneOf(severity)}" viewBox="0 0 28 28" aria-hidden="true">
    ${SHAPES[severity] ?? html`<path class="dash" d="M8 14h12" />`}
    ${severity && html`<text x="14" y=${low}>${severity[0]}</text>`}
  </svg>`;
}

const TONES = {
  none: html`<circle cx="14" cy="14" r="9" />`,
  possible: html`<path d="M14 2.5 25.5 14 14 25.5 2.5 14z" />`,
  found: html`<path d="M14 2.5 25.5 14 14 25.5 2.5 14z" />`,
};

/** A headline's tone: a ring for no degeneration, a diamond for some, hollow where only possible. */
export const ToneMark = ({ tone }) => html`<svg class="tone ${tone}" viewBox="0 0 28 28" aria-hidden="true">
  ${TONES[tone] ?? html`<path d="M7 14h14" />`}
</svg>`;

/** What the signs mean. */
export const Legend = ({ weighed }) => html`<ul class="legend">
  ${["Normal/Mild", "Moderate", "Severe", null].map(
    (severity) => html`<li><${Glyph} severity=${severity} /> ${severity ?? "Not assessed"}</li>`,
  )}
  ${weighed && html`<li><b>↑</b> above the likeliest grade: ${WEIGHED}</li>`}
</ul>`;
