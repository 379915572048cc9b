/** One slice at its true shape, what lies over it, and what the pointer does to it. */

import { placeOn } from "./look.js";
import { Overlay } from "./overlay.js";
import { draw, useHeatmap, useSlice } from "./slices.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";
import { sentence } from "./problem.js";

const WHEEL_PX = 40;
const DRAG_SHARE = 1 / 300;
const STILL_PX = 4;

export function Stage({ id, one, n, eye, move, selected, select, findings }) {
  const stage = useRef();
  const canvas = useRef();
  const box = useBox(stage);
  const window = eye.windows[eye.k];
  const shown = useSlice(id, one, n, window);
  const ready = shown.place === `${one.index}/${n}`;
  const here = (finding) => placeOn([one], finding.evidence)?.n === n;
  const heat = useHeatmap(id, selected, eye.heat);
  const fit = fitted(one.matrices[n], box, eye);
  useLayoutEffect(() => {
    if (ready) draw(canvas.current, shown, window);
  });
  useWheel(stage, move);
  return html`<div class="stage ${eye.tool ?? ""}" ref=${stage} ...${useDrag(eye, move)}>
    <canvas
      ref=${canvas}
      role="img"
      aria-label="${one.description}, slice ${n + 1} of ${one.slices}"
      class=${ready ? "" : "coming"}
      style=${{ left: `${fit.left}px`, top: `${fit.top}px`, width: `${fit.width}px`, height: `${fit.height}px` }}
    ></canvas>
    ${shown.problem && html`<p class="nofilm" role="alert">${sentence(shown.problem.detail || shown.problem.message)}</p>`}
    ${ready && box.width > 0 &&
    html`<${Overlay} ...${{ box, fit, one, n, eye, select, selected }} findings=${findings.filter(here)} heat=${selected && here(selected) ? heat : null} />`}
    <p class="corner" aria-hidden="true">${one.description}<br />slice ${n + 1} of ${one.slices}<br />W ${Math.round(window.width)} · C ${Math.round(window.center)}</p>
  </div>`;
}

function useBox(element) {
  const [box, setBox] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setBox({ width: entry.contentRect.width, height: entry.contentRect.height }));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return box;
}

/** Where the picture lies in the box: millimetres keep their shape, square pixels where none are known. */
function fitted(matrix, box, { zoom, pan }) {
  const [rowMm, columnMm] = matrix.spacing_mm ?? [1, 1];
  const scale = Math.min(box.width / (matrix.columns * columnMm), box.height / (matrix.rows * rowMm)) * zoom;
  const [sx, sy] = [scale * columnMm, scale * rowMm];
  const [width, height] = [matrix.columns * sx, matrix.rows * sy];
  const left = (box.width - width) / 2 + pan[0];
  const top = (box.height - height) / 2 + pan[1];
  // The centre of the first pixel is (0, 0).
  const at = ([column, row]) => [left + (column + 0.5) * sx, top + (row + 0.5) * sy];
  return { left, top, width, height, at, pxPerMm: matrix.spacing_mm && scale };
}

/** The wheel turns slices; with Ctrl, as a pinch does too, it zooms. */
function useWheel(element, move) {
  useEffect(() => {
    let turned = 0;
    const wheel = (event) => {
      event.preventDefault();
      if (event.ctrlKey) {
        const box = element.current.getBoundingClientRect();
        const about = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
        move({ kind: "zoom", factor: Math.exp(-event.deltaY / 300), about });
        return;
      }
      turned += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_PX;
      const by = Math.trunc(turned / WHEEL_PX);
      turned -= by * WHEEL_PX;
      if (by) move({ kind: "slice", by: Math.sign(by) });
    };
    element.current.addEventListener("wheel", wheel, { passive: false });
    return () => element.current?.removeEventListener("wheel", wheel);
  }, []);
}

/** A drag sets the window, or moves the picture; a finger does so only with a tool chosen. */
function useDrag(eye, move) {
  const last = useRef(null);
  const began = useRef(null);
  return {
    onPointerDown: (event) => {
      if (event.pointerType === "touch" && !eye.tool) return;
      if (event.target.closest("[data-pick]")) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      last.current = [event.clientX, event.clientY, event.shiftKey || event.button === 1 || eye.tool === "move"];
      began.current = [event.clientX, event.clientY];
    },
    onPointerMove: (event) => {
      if (!last.current) return;
      const [x, y, panning] = last.current;
      const by = [event.clientX - x, event.clientY - y];
      last.current = [event.clientX, event.clientY, panning];
      if (panning) move({ kind: "pan", by });
      else move({ kind: "window", width: by[0] * DRAG_SHARE, center: by[1] * DRAG_SHARE });
    },
    onPointerUp: (event) => {
      const [x, y] = began.current ?? [];
      const still = Math.hypot(event.clientX - x, event.clientY - y) < STILL_PX;
      if (last.current && still && eye.tool === "move" && eye.zoom > 1) {
        // What was clicked comes to the middle, for who cannot drag (WCAG 2.5.7).
        const box = event.currentTarget.getBoundingClientRect();
        move({ kind: "pan", by: [box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY] });
      }
      last.current = null;
    },
    onPointerCancel: () => (last.current = null),
    onDblClick: () => move({ kind: "reset" }),
  };
}
