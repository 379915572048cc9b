/**
 * What the viewer shows: series `k`, the slice `at` and the window `windows` of each series, zoom and
 * pan in pixels of the screen, the tool of a drag, and which layers lie over the picture.
 */

const MOST = 12;

/** Where to look first: at the worst finding, else at the middle of the first series. */
export function firstLook(series, finding) {
  const eye = {
    series,
    k: 0,
    at: series.map(({ slices }) => Math.floor(slices / 2)),
    windows: series.map(({ window }) => window),
    zoom: 1,
    pan: [0, 0],
    tool: null,
    keys: "slices",
    heat: true,
    marks: true,
  };
  return finding ? look(eye, { kind: "jump", finding }) : eye;
}

/** The next look after a deed. */
export function look(eye, deed) {
  return DEEDS[deed.kind](eye, deed);
}

const DEEDS = {
  jump: (eye, { finding }) => {
    const place = placeOn(eye.series, finding.evidence);
    return place ? { ...eye, k: place.k, at: put(eye.at, place.k, place.n), pan: [0, 0], zoom: 1 } : eye;
  },
  series: (eye, { to, by }) => {
    const count = eye.series.length;
    return { ...eye, k: to ?? (eye.k + by + count) % count, zoom: 1, pan: [0, 0] };
  },
  slice: (eye, { to, by }) => {
    const last = eye.series[eye.k].slices - 1;
    return { ...eye, at: put(eye.at, eye.k, clamp(to ?? eye.at[eye.k] + by, 0, last)) };
  },
  window: (eye, { center = 0, width = 0 }) => {
    // By shares of the series' own window, so that a drag means the same on every scanner.
    const { window: own } = eye.series[eye.k];
    const now = eye.windows[eye.k];
    const next = {
      center: now.center + center * own.width,
      width: Math.max(own.width / 100, now.width + width * own.width),
    };
    return { ...eye, windows: put(eye.windows, eye.k, next) };
  },
  zoom: (eye, { factor, about = [0, 0] }) => {
    const zoom = clamp(eye.zoom * factor, 1, MOST);
    const grown = zoom / eye.zoom;
    const pan = zoom === 1 ? [0, 0] : eye.pan.map((p, axis) => about[axis] - (about[axis] - p) * grown);
    return { ...eye, zoom, pan };
  },
  pan: (eye, { by }) => ({ ...eye, pan: [eye.pan[0] + by[0], eye.pan[1] + by[1]] }),
  tool: (eye, { tool }) => ({ ...eye, tool: eye.tool === tool ? null : tool }),
  keys: (eye) => ({ ...eye, keys: eye.keys === "window" ? "slices" : "window" }),
  layer: (eye, { layer }) => ({ ...eye, [layer]: !eye[layer] }),
  reset: (eye) => ({
    ...eye,
    zoom: 1,
    pan: [0, 0],
    keys: "slices",
    tool: null,
    windows: put(eye.windows, eye.k, eye.series[eye.k].window),
  }),
  escape: (eye) => (eye.keys === "window" ? { ...eye, keys: "slices" } : { ...eye, zoom: 1, pan: [0, 0], tool: null }),
};

/**
 * Series and slice that a finding was read off; null where the server no longer has it. Ids of slices
 * may repeat, so the server says the slice's number; an older answer has the id alone.
 */
export function placeOn(series, evidence) {
  if (!evidence) return null;
  const k = series.findIndex(({ series_id: id }) => id === evidence.series_id);
  const n = k < 0 ? -1 : (evidence.slice ?? series[k].instances.indexOf(evidence.instance));
  return n < 0 ? null : { k, n };
}

const put = (list, at, value) => list.map((old, k) => (k === at ? value : old));
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
