/** The caller's earlier results, as long as the server keeps them. */

import * as api from "./api.js";
import { ToneMark } from "./glyph.js";
import { sentence } from "./problem.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { count, timeWords } from "./words.js";

const STATES = { queued: "Waiting", running: "Being graded", failed: "Failed", interrupted: "Interrupted" };

export function Earlier() {
  const [jobs, setJobs] = useState([]);
  const [said, setSaid] = useState("");
  const words = useRef();
  const load = () => api.jobs().then(setJobs, (problem) => setSaid(problem.title));
  useEffect(() => void load(), []);
  const erase = async (job) => {
    await api.erase(job.id).then(() => setSaid("Erased"), (problem) => setSaid(problem.title));
    words.current.focus(); // the button that had it goes with its row
    load();
  };
  return html`<div class="earlier">
    <p role="status" class="soft" tabindex="-1" ref=${words}>${said}</p>
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

/** A job's result: its headline with what that rests on, or how far it is, or why there is none. */
export function Outcome({ job }) {
  if (!job.headline) return html`${job.problem?.title ?? STATES[job.state]}`;
  const { tone, title, lines } = job.headline;
  return html`<span class="outcome"><${ToneMark} tone=${tone} /> <span>${title}${lines[0] && html`<small>${sentence(lines[0])}</small>`}</span></span>`;
}
