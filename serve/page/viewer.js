/** The pictures: series as tabs, one slice large, what was found on it, and the tools. */

import { Stage } from "./stage.js";
import { html } from "./vendor/preact-htm.js";
import { placeOn } from "./look.js";
import { levelOf } from "./words.js";

export function Viewer({ id, series, eye, move, selected, select, findings }) {
  if (!series.length) return html`<p class="nofilm">There are no pictures to show.</p>`;
  const one = series[eye.k];
  const n = eye.at[eye.k];
  return html`
    <${Tabs} ...${{ series, eye, move }} />
    <div class="stagebox" id="stage" role="tabpanel" aria-labelledby="tab${eye.k}" tabindex="-1">
      <${Stage} ...${{ id, one, n, eye, move, selected, select, findings }} />
    </div>
    <div class="slider">
      <label><span class="unseen">Slice</span>
        <input type="range" min="0" max=${one.slices - 1} value=${n} disabled=${one.slices < 2}
          aria-valuetext="Slice ${n + 1} of ${one.slices}" onInput=${(event) => move({ kind: "slice", to: Number(event.target.value) })} />
      </label>
      <output>${n + 1} / ${one.slices}</output>
    </div>
    <${Tools} ...${{ eye, move }} />
    <${Elsewhere} ...${{ series, eye, selected, select }} />
  `;
}

function Tabs({ series, eye, move }) {
  const keyed = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || eye.keys === "window" || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move({ kind: "series", by });
    event.currentTarget.children[(eye.k + by + series.length) % series.length].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="Series" onKeyDown=${keyed}>
    ${series.map(
      ({ description, slices }, k) => html`<button role="tab" id="tab${k}" aria-controls="stage" aria-selected=${k === eye.k} tabindex=${k === eye.k ? 0 : -1} onClick=${() => move({ kind: "series", to: k })}>
        ${description} <small>${slices}</small>
      </button>`,
    )}
  </div>`;
}

function Tools({ eye, move }) {
  const toggle = (label, on, deed, title) => html`<button class="tool" aria-pressed=${on} title=${title} onClick=${() => move(deed)}>${label}</button>`;
  const push = (label, deed, name) => html`<button class="tool" aria-label=${name} title=${name} onClick=${() => move(deed)}>${label}</button>`;
  return html`<div class="tools" role="toolbar" aria-label="Picture">
    <span class="group">
      ${toggle("Window", eye.tool === "window", { kind: "tool", tool: "window" }, "Drag: width across, centre up and down")}
      ${toggle("Move", eye.tool === "move", { kind: "tool", tool: "move" }, "Drag the picture (or hold Shift); a click or the arrow keys move it too")}
    </span>
    <span class="group" role="group" aria-label="Brightness">
      <span aria-hidden="true">Brightness</span>
      ${push("−", { kind: "window", center: 0.1 }, "Darker")}
      ${push("+", { kind: "window", center: -0.1 }, "Brighter")}
    </span>
    <span class="group" role="group" aria-label="Width">
      <span aria-hidden="true">Width</span>
      ${push("−", { kind: "window", width: -0.15 }, "Narrower, more contrast")}
      ${push("+", { kind: "window", width: 0.15 }, "Wider, less contrast")}
    </span>
    <span class="group" role="group" aria-label="Zoom">
      <span aria-hidden="true">Zoom</span>
      ${push("−", { kind: "zoom", factor: 0.8 }, "Smaller")}
      ${push("+", { kind: "zoom", factor: 1.25 }, "Larger")}
    </span>
    ${push("Reset", { kind: "reset" }, "Reset: whole picture, the series' own window")}
    <span class="group">
      ${toggle("Heat map", eye.heat, { kind: "layer", layer: "heat" }, "Where the picture would change the grade (h)")}
      ${toggle("Points", eye.marks, { kind: "layer", layer: "marks" }, "Located points and the crop's frame")}
    </span>
  </div>`;
}

/** The way back where the selected finding lies on another slice than the one that is shown. */
function Elsewhere({ series, eye, selected, select }) {
  const place = placeOn(series, selected?.evidence);
  const shown = place && place.k === eye.k && place.n === eye.at[eye.k];
  return html`<p class="elsewhere" role="status">
    ${eye.keys === "window" && html`<b>Arrows set the window.</b> w or Esc ends it. `}
    ${place && !shown && html`${levelOf(selected)} was read off ${series[place.k].description}, slice ${place.n + 1}. <button class="link" onClick=${() => select(selected)}>Show it</button>`}
  </p>`;
}
