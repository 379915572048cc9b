/** Screen 3: the headline, the grid, the pictures, and everything the grades rest on. */

import * as api from "./api.js";
import { About } from "./about.js";
import { FindingCard } from "./finding.js";
import { Findings, LoneSlices, NotAssessed } from "./findings.js";
import { ToneMark } from "./glyph.js";
import { Grid } from "./grid.js";
import { KeyHelp, useKeys } from "./keys.js";
import { ProblemNote, sentence } from "./problem.js";
import { Save } from "./save.js";
import { html, useCallback, useEffect, useReducer, useRef, useState } from "./vendor/preact-htm.js";
import { firstLook, look } from "./look.js";
import { Viewer } from "./viewer.js";
import { NOTICE, worstFirst } from "./words.js";

/** The line of a headline that is a warning. */
const UNCERTAIN = "Level numbering uncertain";

/** The result of a job that is done; `setMade` is told the model that made it while it is shown. */
export function Result({ job, setMade }) {
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    setMade(loaded.answer?.model ?? null);
    return () => setMade(null);
  }, [loaded.answer]);
  useEffect(() => {
    document.title = "Result - lumbar";
    Promise.all([api.answer(job.id), api.series(job.id)]).then(
      ([answer, series]) => setLoaded({ answer, series }),
      (problem) => setLoaded({ problem }),
    );
  }, [job.id]);
  if (loaded.problem) return html`<div class="narrow"><${ProblemNote} problem=${loaded.problem} /></div>`;
  if (!loaded.answer) return html`<p class="narrow soft" role="status">Opening the result</p>`;
  return html`<${Reading} id=${job.id} ...${loaded} />`;
}

function Reading({ id, answer, series }) {
  const all = [...answer.findings, ...answer.unsided];
  const order = worstFirst(all);
  const [selected, setSelected] = useState(order[0] ?? null);
  const [eye, move] = useReducer(look, null, () => firstLook(series, order[0]));
  const [saving, setSaving] = useState(false);
  const select = useCallback((finding) => {
    setSelected(finding);
    move({ kind: "jump", finding });
  }, []);
  const step = (by) => order.length && select(order[Math.max(0, Math.min(order.length - 1, order.indexOf(selected) + by))]);
  useKeys({ eye, move, step, save: () => setSaving(true) });
  const graded = worstFirst(answer.findings);
  const lone = answer.unsided.length > 0;
  const grid = html`<${Grid} findings=${answer.findings} windowing=${eye.keys === "window"} ...${{ selected, select }} />`;
  return html`<div class="result">
    <div class="bar-top">
      <a class="button" href="#/">Back</a>
      <span class="path">${answer.study_id}</span>
      <${KeyHelp} />
      <${Save} id=${id} name=${answer.study_id} open=${saving} setOpen=${setSaving} />
    </div>
    <section class="read">
      <${Headline} answer=${answer} />
      ${(graded.length > 0 || !lone) && grid}
      ${lone && html`<${LoneSlices} findings=${answer.unsided} ...${{ selected, select }} />`}
      ${!graded.length && lone && html`<details class="panel"><summary>The 25 findings of a whole study</summary>${grid}</details>`}
    </section>
    <section class="film" aria-label="Pictures">
      <${Viewer} ...${{ id, series, eye, move, selected, select }} findings=${order} />
    </section>
    ${selected && html`<${FindingCard} key=${all.indexOf(selected)} ...${{ id, series, select }} finding=${selected} />`}
    <section class="more">
      <${Findings} order=${graded} ...${{ selected, select }} />
      <${NotAssessed} findings=${answer.findings} />
      <${About} answer=${answer} />
    </section>
  </div>`;
}

function Headline({ answer }) {
  const { headline } = answer;
  const title = useRef();
  useEffect(() => title.current.focus({ preventScroll: true }), []); // so that it is read out
  return html`<header class="headline ${headline.tone}">
    <h1 tabindex="-1" ref=${title}><${ToneMark} tone=${headline.tone} /> ${headline.title}</h1>
    ${headline.lines.map((line) => html`<p class=${line.startsWith(UNCERTAIN) ? "caution" : ""}>${sentence(line)}</p>`)}
    <p class="print-only">${NOTICE}</p>
  </header>`;
}
