/**
 * The endpoint: one function a route. What fails is a Problem with the server's own words. Who asks
 * is the browser's affair: it sends the cookie, or the key that it asked for when the page was opened.
 */

const ROOT = "/api/v1";

/** An RFC 9457 problem: what is wrong (`title`, `detail`) and what to do (`hint`). */
export class Problem extends Error {
  constructor({ title, detail = "", hint = "", status = 0 }) {
    super(title);
    Object.assign(this, { title, detail, hint, status });
  }
}

const UNREACHABLE = {
  title: "No answer from the server",
  detail: "The connection failed, or the server was stopped.",
  hint: "Try again; what had been graded is still there.",
};

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(ROOT + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHABLE);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

const problemOf = async (response) =>
  new Problem(await response.json().catch(() => ({ title: `The server answered ${response.status}`, status: response.status })));

const json = async (path, options) => (await ask(path, options)).json();
const blob = async (path, options) => (await ask(path, options)).blob();

export const model = () => json("/model");
export const jobs = async () => (await json("/jobs")).jobs;
export const job = (id) => json(`/jobs/${id}`);
export const answer = (id) => json(`/jobs/${id}/result.json`);
export const series = async (id) => (await json(`/jobs/${id}/series`)).series;
export const erase = (id) => ask(`/jobs/${id}`, { method: "DELETE" });
export const saved = (id, form) => blob(`/jobs/${id}/result.${form}`);
export const heatmap = (id, { condition, level }, options) =>
  blob(`/jobs/${id}/findings/${condition}/${level}/heatmap.png`, options);
export const slice = (id, k, n, { center, width }, options) =>
  blob(`/jobs/${id}/series/${k}/slices/${n}.png?window=${center},${width}`, options);
export const feedback = (id, { condition, level }, severity) =>
  json(`/jobs/${id}/feedback`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ condition, level, severity }),
  });

/**
 * Send files; `sent` is told the share that has left. Gives the jobs, one a study.
 * XMLHttpRequest, because fetch does not say how far an upload has come.
 */
export function upload(files, view, sent, signal) {
  const form = new FormData();
  for (const { file, path } of files) form.append("file", file, path);
  const request = new XMLHttpRequest();
  request.open("POST", `${ROOT}/jobs${view ? `?view=${view}` : ""}`);
  request.responseType = "json";
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    request.onerror = () => reject(new Problem(UNREACHABLE));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () =>
      request.status < 300
        ? resolve(request.response.jobs)
        : reject(new Problem(request.response ?? { title: `The server answered ${request.status}` }));
    request.send(form);
  });
}

const ENDED = new Set(["done", "failed", "interrupted"]);
export const hasEnded = (job) => ENDED.has(job.state);

const SOON_MS = 500;
const LATE_MS = 10_000;

/**
 * Tell `changed` of each change of a job until it has ended; a lost connection is taken up again.
 * `streamed` keeps a connection open meanwhile, of which a browser has six a server; else it asks.
 */
export async function follow(id, changed, signal, streamed = true) {
  for (let wait = SOON_MS; !signal.aborted; ) {
    try {
      const now = await job(id);
      if (signal.aborted) return;
      changed(now);
      if (hasEnded(now)) return;
      if (streamed) await events(id, changed, signal);
      wait = SOON_MS;
    } catch (error) {
      if (signal.aborted) return;
      if (error.status && error.status < 500) throw error; // the server has said why
      wait = Math.min(2 * wait, LATE_MS);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function events(id, changed, signal) {
  const response = await ask(`/jobs/${id}/events`, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data:"));
      if (data.length) changed(jobOf(JSON.parse(data.map((line) => line.slice(5)).join("\n"))));
    }
  }
}

/** What an event tells of a job; the last word of one that is gone is a problem. */
function jobOf(told) {
  if (told.state) return told;
  throw new Problem(told);
}
