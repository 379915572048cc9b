/** The caller's earlier results, as long as the server keeps them. */

import * as api from "./api.js";
import { ToneMark } from "./glyph.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { count, timeWords } from "./words.js";

const STATES = { queued: "Waiting", running: "Being graded", failed: "Failed", interrupted: "Interrupted" };

export function Earlier() {
  const [jobs, setJobs] = useState([]);
  const [said, setSaid] = useState("");
  const load = () => api.jobs().then(setJobs, (problem) => setSaid(problem.title));
  useEffect(() => void load(), []);
  const erase = async (job) => {
    await api.erase(job.id).then(() => setSaid("Erased"), (problem) => setSaid(problem.title));
    load();
  };
  return html`<div class="earlier">
    <p role="status" class="soft">${said}</p>
    ${jobs.length > 0 &&
    html`<h2 id="earlier">Earlier results</h2>
      <p class="soft">Kept on the server until the time beside each, or until you erase it.</p>
      <div class="scroll" tabindex="0" role="region" aria-labelledby="earlier">
        <table class="list">
          <thead><tr><th>Study</th><th>Result</th><th>Sent</th><th>Files</th><th>Kept until</th><th><span class="unseen">Erase</span></th></tr></thead>
          <tbody>${jobs.map((job) => html`<${Row} key=${job.id} job=${job} erase=${erase} />`)}</tbody>
        </table>
      </div>`}
  </div>`;
}

function Row({ job, erase }) {
  const name = job.study_id ?? "not read yet";
  return html`<tr>
    <td><a class="path" href="#/jobs/${job.id}">${name}</a></td>
    <td><${Outcome} job=${job} /></td>
    <td>${timeWords(job.created)}</td>
    <td>${job.files}</td>
    <td>${timeWords(job.expires)}</td>
    <td><button class="link" onClick=${() => erase(job)} aria-label="Erase the result of ${name}, ${count(job.files, "file")}, sent ${timeWords(job.created)}">Erase</button></td>
  </tr>`;
}

/** A job's result in a line: its headline, or how far it is, or why there is none. */
export function Outcome({ job }) {
  if (!job.headline) return html`${job.problem?.title ?? STATES[job.state]}`;
  return html`<span class="outcome"><${ToneMark} tone=${job.headline.tone} /> ${job.headline.title}</span>`;
}
