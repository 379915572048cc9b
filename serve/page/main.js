/** The page: which screen is shown, what stands above and below every one of them. */

import * as api from "./api.js";
import { Choose } from "./choose.js";
import { Progress, Sending } from "./progress.js";
import { Result } from "./result.js";
import { Theme } from "./theme.js";
import { html, render, useCallback, useEffect, useErrorBoundary, useRef, useState } from "./vendor/preact-htm.js";
import { NOTICE } from "./words.js";

/** The address after #: "" to choose, "jobs/A+B" for the studies of one upload. */
const readRoute = () => location.hash.replace(/^#\/?/, "");
const go = (route) => {
  location.hash = `/${route}`;
};
const routeOf = (jobs) => `jobs/${jobs.map(({ id }) => id).join("+")}`;

function useRoute() {
  const [route, setRoute] = useState(readRoute());
  useEffect(() => {
    const changed = () => setRoute(readRoute());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** The model that the server has, asked on each screen: it may be replaced while a page is open. */
function useModel(route) {
  const [model, setModel] = useState(null);
  useEffect(() => {
    api.model().then(setModel, () => {}); // the screens say what fails
  }, [route]);
  return model;
}

/** Sends a choice; while it is on its way `sending` says how far. */
function useUpload() {
  const [sending, setSending] = useState(null);
  const send = useCallback((choice, view) => {
    const leaving = new AbortController();
    const state = { choice, view, cancel: () => leaving.abort() };
    setSending({ ...state, share: 0 });
    api.upload(choice.sent, view, (share) => setSending({ ...state, share }), leaving.signal).then(
      (jobs) => {
        go(routeOf(jobs));
        setSending(null);
      },
      (problem) => setSending(problem.name === "AbortError" ? null : { ...state, problem }),
    );
  }, []);
  return [sending, send, () => setSending(null)];
}

function App() {
  const route = useRoute();
  const model = useModel(route);
  const [made, setMade] = useState(null);
  const [sending, send, forget] = useUpload();
  const main = useRef();
  const screen = sending ? "sending" : route;
  const before = useRef(null);
  const [broken] = useErrorBoundary();
  useEffect(() => {
    scrollTo(0, 0);
    if (screen || before.current !== null) main.current.focus({ preventScroll: true });
    before.current = screen;
  }, [screen]);
  if (broken) return html`<${Broken} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => skip(event, main)}>Skip to the content</a>
    <header class="top">
      <a class="name" href="#/">lumbar</a>
      <p class="notice">${NOTICE}</p>
      <${Theme} />
    </header>
    <main id="main" tabindex="-1" ref=${main}>
      <${Screen} key=${screen} ...${{ route, sending, send, forget, setMade }} />
    </main>
    <${Foot} ...${{ model, made }} />
  `;
}

/** A fault of the page's own: said, instead of a screen that no longer moves. */
function Broken() {
  return html`<main class="narrow"><section class="note bad" role="alert">
    <h1>The page has failed</h1>
    <p>What was sent is still with the server: you find it under the earlier results.</p>
    <p class="row"><a class="button" href="/">Start again</a></p>
  </section></main>`;
}

function skip(event, main) {
  event.preventDefault();
  main.current.focus();
}

function Screen({ route, sending, send, forget, setMade }) {
  if (sending) return html`<${Sending} ...${{ sending, send, forget }} />`;
  const ids = route.match(/^jobs\/([\w+-]+)$/)?.[1].split("+");
  if (!ids) return html`<${Choose} send=${send} />`;
  return html`<${Study} key=${ids.join()} ...${{ ids, setMade }} />`;
}

/** One study: progress until it is done, then its result. Several: their progress, side by side. */
function Study({ ids, setMade }) {
  const jobs = useJobs(ids);
  if (ids.length === 1 && jobs[0]?.state === "done") return html`<${Result} job=${jobs[0]} setMade=${setMade} />`;
  return html`<${Progress} jobs=${jobs} />`;
}

/** Studies that are followed by a stream each; more of them would leave the browser no connection. */
const STREAMED = 3;

/** The jobs of these ids as they change; one that cannot be had carries the problem. */
function useJobs(ids) {
  const [jobs, setJobs] = useState(ids.map(() => null));
  useEffect(() => {
    const leaving = new AbortController();
    const put = (at, job) => setJobs((all) => all.map((old, k) => (k === at ? job : old)));
    ids.forEach((id, at) =>
      api
        .follow(id, (job) => put(at, job), leaving.signal, ids.length <= STREAMED)
        .catch((problem) => put(at, { id, state: "failed", study_id: "A study", files: 0, problem })),
    );
    return () => leaving.abort();
  }, [ids.join()]);
  return jobs;
}

/** Below a result the model that made it, which may have been replaced since; elsewhere today's. */
function Foot({ model, made }) {
  const today = model && { bundle: model.bundle, trained_on: trainedOn(model.card) };
  const named = made ?? today;
  return html`<footer class="foot">
    <p><b>${NOTICE}.</b> A grade is a model's opinion of one examination; it replaces no reader.</p>
    ${named &&
    html`<p>
      Model <code>${named.bundle}</code>, trained on ${named.trained_on}.${" "}
      ${named.bundle === today?.bundle ? html`<a href="/api/v1/model">Its card</a>.` : today && html`The server has another one now.`}
    </p>`}
  </footer>`;
}

/** A card says it in a phrase, or with more beside it. */
const trainedOn = ({ trained_on: told }) => (told?.source ?? told ?? "what its card does not say").replaceAll("_", " ");

render(html`<${App} />`, document.getElementById("app"));
