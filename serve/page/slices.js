/** Slices and heat maps as bitmaps: fetched once, the neighbours ahead of time. */

import * as api from "./api.js";
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";

const KEPT_BYTES = 128 * 2 ** 20;
const FEWEST = 8;
const AHEAD = [1, -1, 2, -2];
const SETTLED_MS = 120;
const cache = new Map();

/** A slice by the file's numbers, as the server windows it; null while it is on its way. */
export function useSlice(id, one, n, window) {
  const wanted = keyOf(id, one.index, n, window);
  const [shown, setShown] = useState({ key: null });
  const last = useRef(null);
  useEffect(() => {
    const leaving = new AbortController();
    const gone = () => leaving.signal.aborted;
    const fetchIt = () =>
      load(id, one, n, window, leaving.signal).then(
        (bitmap) => {
          if (gone()) return;
          setShown({ key: wanted, bitmap, window, place: `${one.index}/${n}` });
          for (const by of AHEAD) if (one.instances[n + by]) load(id, one, n + by, window).catch(() => {});
        },
        (problem) => gone() || setShown({ key: wanted, problem }),
      );
    // While a window is dragged the shown slice is re-mapped; the exact one follows.
    const same = last.current === `${one.index}/${n}` && !cache.has(wanted);
    last.current = `${one.index}/${n}`;
    const timer = same ? setTimeout(fetchIt, SETTLED_MS) : void fetchIt();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [wanted]);
  return shown;
}

const keyOf = (id, k, n, { center, width }) => `${id}/${k}/${n}/${center}/${width}`;

/** A slice of the cache, else of the server; `signal` takes a request back that nobody waits for. */
function load(id, one, n, window, signal) {
  const key = keyOf(id, one.index, n, window);
  const kept = cache.get(key) ?? api.slice(id, one.index, n, window, { signal }).then((blob) => createImageBitmap(blob));
  const drop = () => cache.get(key) === kept && cache.delete(key);
  cache.delete(key);
  cache.set(key, kept); // the last used is the last to go
  signal?.addEventListener("abort", drop);
  kept.then(() => signal?.removeEventListener("abort", drop), drop);
  const most = Math.max(FEWEST, Math.floor(KEPT_BYTES / (4 * one.rows * one.columns)));
  while (cache.size > most) cache.delete(cache.keys().next().value);
  return kept;
}

/** Draw a slice on a canvas, re-mapped from the window it came in to the one that is wanted. */
export function draw(canvas, { bitmap, window: from }, to) {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  if (from.center === to.center && from.width === to.width) return;
  const table = Uint8ClampedArray.from({ length: 256 }, (_, grey) => {
    const value = from.center + (grey / 255 - 0.5) * from.width;
    return ((value - to.center) / to.width + 0.5) * 255;
  });
  const picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
  for (let at = 0; at < picture.data.length; at += 4) {
    const grey = table[picture.data[at]];
    picture.data[at] = picture.data[at + 1] = picture.data[at + 2] = grey;
  }
  context.putImageData(picture, 0, 0);
}

/** Address of a finding's heat map, coloured, in this browser; null where there is none. */
export function useHeatmap(id, finding, on) {
  const [map, setMap] = useState({});
  useEffect(() => {
    if (!on || !finding?.evidence?.heatmap || !finding.level) return undefined;
    const leaving = new AbortController();
    let url = null;
    api
      .heatmap(id, finding, { signal: leaving.signal })
      .then(coloured)
      .then((blob) => {
        if (leaving.signal.aborted) return;
        url = URL.createObjectURL(blob);
        setMap({ finding, url });
      })
      .catch(() => {}); // a picture without its heat map is still the picture
    return () => {
      leaving.abort();
      if (url) URL.revokeObjectURL(url);
      setMap({});
    };
  }, [id, finding, on]);
  return map.finding === finding ? map.url : null;
}

/** Grey to a glow as opaque as the value squared: the picture stays clear where little was seen. */
async function coloured(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
  for (let at = 0; at < picture.data.length; at += 4) {
    const value = picture.data[at] / 255;
    picture.data.set([255, 60 + 190 * value, 40 + 60 * value * value, 230 * value * value], at);
  }
  context.putImageData(picture, 0, 0);
  return canvas.convertToBlob();
}
