/** What went wrong, in the server's words, and what to do. */

import { setKey } from "./api.js";
import { html } from "./vendor/preact-htm.js";

/** A problem as a note; `children` instead of the way back, `one` where it is the whole screen. */
export function ProblemNote({ problem, children, one = true }) {
  return html`<section class="note bad" role="alert">
    ${one ? html`<h1>${problem.title}</h1>` : html`<h2>${problem.title}</h2>`}
    ${problem.detail && html`<p>${sentence(problem.detail)}</p>`}
    ${problem.hint && html`<p>${sentence(problem.hint)}</p>`}
    <p class="row">${children ?? html`<a class="button" href="#/">Back</a>`}</p>
  </section>`;
}

/** The server's half-sentences as sentences. */
export const sentence = (words) => {
  const whole = words[0].toUpperCase() + words.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
};

/** Asks for the key of a server that wants one; it stays in this tab only. */
export function KeyForm() {
  const submit = (event) => {
    event.preventDefault();
    setKey(new FormData(event.target).get("key").trim());
    location.reload();
  };
  return html`<form class="note narrow" onSubmit=${submit}>
    <h1>API key</h1>
    <p>This server answers to those who have a key. It is kept until this tab is closed.</p>
    <label class="field"><span>Key</span><input name="key" type="password" autocomplete="off" required /></label>
    <p class="row"><button class="button primary">Continue</button></p>
  </form>`;
}
