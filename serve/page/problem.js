/** What went wrong, in the server's words, and what to do. */

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
