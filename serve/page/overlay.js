/** What is drawn over a slice: the patient's sides, points, the crop's frame, heat map, a scale. */

import { html } from "./vendor/preact-htm.js";
import { levelOf, spoken, toneOf } from "./words.js";

const SHAPES = {
  "Normal/Mild": "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z",
  Moderate: "M0-8 7.5 5.5H-7.5z",
  Severe: "M-6-6H6V6H-6z",
};

/** Room that a label takes, in pixels of the screen. */
const LABEL = [70, 16];

export function Overlay({ box, fit, one, n, eye, findings, selected, select, heat }) {
  const crop = findings.includes(selected) ? selected.evidence.crop_px?.map(fit.at) : null;
  return html`<svg class="overlay" viewBox="0 0 ${box.width} ${box.height}" aria-hidden="true">
    ${heat && crop && html`<${Heat} crop=${crop} url=${heat} />`}
    ${eye.marks && crop && html`<polygon class="crop" points=${crop.map((point) => point.join()).join(" ")} />`}
    ${eye.marks && placed(findings, fit).map(({ finding, ...place }) => html`<${Point} ...${{ finding, select, ...place }} current=${finding === selected} />`)}
    <${Sides} marks=${one.marks[n]} ...${{ box, fit }} />
    ${fit.pxPerMm && html`<${Scale} box=${box} pxPerMm=${fit.pxPerMm} />`}
  </svg>`;
}

/** The map laid on the square that the model saw, turned and stretched as that lies on the slice. */
function Heat({ crop: [corner, right, , below], url }) {
  const matrix = [right[0] - corner[0], right[1] - corner[1], below[0] - corner[0], below[1] - corner[1], ...corner];
  return html`<image class="heat" href=${url} width="1" height="1" preserveAspectRatio="none" transform="matrix(${matrix.join(" ")})" />`;
}

/** Points on the screen; a label goes to the left where a neighbour would lie under it. */
function placed(findings, fit) {
  const places = findings.map((finding) => ({ finding, at: fit.at(finding.evidence.point_px) }));
  const under = (a, b) => b[0] > a[0] && b[0] - a[0] < LABEL[0] && Math.abs(b[1] - a[1]) < LABEL[1];
  return places.map((place) => ({ ...place, left: places.some(({ at }) => under(place.at, at)) }));
}

function Point({ finding, at, left, current, select }) {
  return html`<g class="point ${toneOf(finding.severity)} ${current ? "current" : ""}" transform="translate(${at.join(" ")})" data-pick onClick=${() => select(finding)}>
    <title>${spoken(finding)}</title>
    <circle class="reach" r="14" />
    <path d=${SHAPES[finding.severity]} />
    <text x=${left ? -13 : 13} y="5" text-anchor=${left ? "end" : "start"}>${levelOf(finding)}</text>
  </g>`;
}

/** Letters from the geometry alone; where the file has none, nothing is written. */
function Sides({ marks, box, fit }) {
  if (!marks) return html`<text class="side unknown" x=${box.width / 2} y=${box.height - 12}>sides unknown: the file has no geometry</text>`;
  // At the picture's edges, or the screen's where it is larger.
  const left = Math.max(0, fit.left) + 16;
  const right = Math.min(box.width, fit.left + fit.width) - 16;
  const top = Math.max(0, fit.top) + 24;
  const bottom = Math.min(box.height, fit.top + fit.height) - 12;
  return html`
    <text class="side" x=${left} y=${(top + bottom) / 2}>${marks.left}</text>
    <text class="side" x=${right} y=${(top + bottom) / 2}>${marks.right}</text>
    <text class="side" x=${(left + right) / 2} y=${top}>${marks.top}</text>
    <text class="side" x=${(left + right) / 2} y=${bottom}>${marks.bottom}</text>
  `;
}

function Scale({ box, pxPerMm }) {
  const mm = [100, 50, 20, 10, 5].find((length) => length * pxPerMm < box.height / 3) ?? 5;
  const end = box.height - 16;
  const start = end - mm * pxPerMm;
  return html`<path class="scale" d="M${box.width - 22} ${start}h8m-4 0V${end}m-4 0h8" /><text class="scale" x=${box.width - 26} y=${(start + end) / 2 + 4}>${mm} mm</text>`;
}
