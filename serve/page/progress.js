/** Screen 2: how far the server has come with what was sent. */

import * as api from "./api.js";
import { Outcome } from "./earlier.js";
import { ProblemNote } from "./problem.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { bytesWords, count } from "./words.js";

const STAGES = ["received", "decoding", "locating", "grading", "done"];

/** What is on its way to the server. */
export function Sending({ sending, send, forget }) {
  const { choice, view, share, problem, cancel } = sending;
  if (problem) return html`<div class="narrow"><${NotSent} again=${() => send(choice, view)} ...${{ problem, forget }} /></div>`;
  return html`<div class="narrow">
    <h1>Sending</h1>
    <p class="lead">${count(choice.sent.length, "file")}, ${bytesWords(choice.bytes)}</p>
    <${Bar} label="Sent" value=${share} of=${1} words=${share < 1 ? `${Math.floor(share * 100)} %` : "sent; the server is reading"} />
    <p class="row"><button class="button" onClick=${cancel}>Cancel</button></p>
  </div>`;
}

/** No answer, too slow, busy: the same files may well be taken a little later. */
const PASSING = new Set([0, 408, 503]);

function NotSent({ problem, again, forget }) {
  const passing = PASSING.has(problem.status);
  const hint = problem.status === 503 ? "Wait some seconds, then send it again." : problem.hint;
  return html`<${ProblemNote} problem=${{ title: problem.title, detail: problem.detail, hint }}>
    ${passing && html`<button class="button primary" onClick=${again}>Send again</button>`}
    <button class="button" onClick=${forget}>Back</button>
  <//>`;
}

/** The studies of one upload, each with its stages. */
export function Progress({ jobs }) {
  const ended = jobs.every((job) => job && api.hasEnded(job));
  const done = jobs.filter((job) => job?.state === "done").length;
  const state = !ended ? "Grading" : done ? "Graded" : "Not graded";
  const studies = count(jobs.length, "study", "studies");
  const many = !ended ? `Grading ${studies}` : done === jobs.length ? `${studies} graded` : `${done} of ${studies} graded`;
  useEffect(() => {
    document.title = `${state} - lumbar`;
  }, [state]);
  return html`<div class="narrow">
    <h1>${jobs.length === 1 ? state : many}</h1>
    ${jobs.map((job) => job && html`<${JobProgress} key=${job.id} job=${job} many=${jobs.length > 1} />`)}
    ${jobs.length > 1 && html`<p class="row"><a class="button" href="#/">Back</a></p>`}
  </div>`;
}

function JobProgress({ job, many }) {
  if (job.problem || job.state === "interrupted") return html`<${Failed} job=${job} many=${many} />`;
  if (job.state !== "done") return html`<${Running} job=${job} many=${many} />`;
  return html`<section class="panel finished">
    <p><span class="path">${job.study_id}</span><br /><${Outcome} job=${job} /></p>
    <a class="button" href="#/jobs/${job.id}">Open<span class="unseen"> the result of ${job.study_id}</span></a>
  </section>`;
}

function Running({ job, many }) {
  const [said, setSaid] = useState("");
  const cancel = () =>
    api.erase(job.id).then(
      () => many || (location.hash = "/"), // of several, its own panel says that it is gone
      (problem) => setSaid(`Not erased: ${problem.message}.`),
    );
  return html`<section class="panel">
    <p class="path">${job.study_id ?? count(job.files, "file")}</p>
    <ol class="stages" aria-label="Stages">${stagesOf(job).map((stage) => html`<${Stage} key=${stage.label} ...${stage} />`)}</ol>
    <p class="unseen" role="status">${STAGE_WORDS[job.progress.stage]}</p>
    <p class="row"><button class="button" onClick=${cancel}>Cancel and erase</button> <span role="alert">${said}</span></p>
  </section>`;
}

const STAGE_WORDS = {
  received: "Waiting for its turn",
  decoding: "Reading the pictures",
  locating: "Finding the levels",
  grading: "Grading",
  done: "Done",
};

function stagesOf({ progress, files }) {
  const now = STAGES.indexOf(progress.stage);
  const state = (at) => (at < now ? "past" : at === now ? "now" : "next");
  return [
    { label: "Received", state: now ? "past" : "now", words: now ? count(files, "file") : "waiting for its turn", value: 1, of: 1 },
    { label: "Pictures read", state: state(1), value: progress.decoded, of: progress.of },
    { label: "Points located", state: state(2), value: progress.located, of: 25 },
    { label: "Findings graded", state: state(3), value: progress.graded, of: 25 },
  ];
}

function Stage({ label, state, value, of, words }) {
  const figure = words ?? (state === "next" || !of ? "" : `${value} of ${of}`);
  return html`<li class=${state} aria-current=${state === "now" ? "step" : null}>
    <${Bar} label=${label} value=${state === "past" ? of || 1 : value} of=${of || 1} words=${figure} />
  </li>`;
}

function Bar({ label, value, of, words }) {
  return html`<label class="bar"><span>${label}</span><span class="soft">${words}</span><progress value=${value} max=${of} /></label>`;
}

function Failed({ job, many }) {
  const problem = job.problem ?? {
    title: "Interrupted",
    detail: "the server was restarted while this was graded",
    hint: "send it again",
  };
  const name = html`<span class="path">${job.study_id ?? count(job.files, "file")}</span>`;
  return html`<${ProblemNote} problem=${problem} one=${false}>${many ? name : null}<//>`;
}
