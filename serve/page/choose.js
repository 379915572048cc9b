/** Screen 1: choose a scan. Nothing leaves the browser before "Upload" is pressed. */

import { Earlier } from "./earlier.js";
import { ofDrop, ofInput, sortFiles } from "./formats.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { bytesWords, count } from "./words.js";

const NOTHING = { sent: [], left: [], bytes: 0, kinds: [], untold: false };
const LISTED = 5;

export function Choose({ send }) {
  const [choice, setChoice] = useState(NOTHING);
  const [view, setView] = useState("");
  const [said, setSaid] = useState("");
  const turn = useRef(0);
  /** Show a choice; null while it is looked at. What is chosen last counts, whichever is read first. */
  const show = (next, words = "") => {
    setChoice(next ?? NOTHING);
    setSaid(words);
  };
  const take = async (files) => {
    const mine = ++turn.current;
    show(null, "Looking at the files");
    const next = await Promise.resolve(files).then(sortFiles).catch(() => null);
    if (mine === turn.current) show(next, next ? "" : "These files could not be read. Choose them again.");
  };
  const clear = () => {
    turn.current += 1;
    show(null);
  };
  useEffect(() => {
    document.title = "lumbar";
  }, []);
  const ready = choice.sent.length > 0;
  return html`<div class="narrow choose">
    <h1>Grade a lumbar spine MRI</h1>
    <p class="lead">
      25 findings - canal, foramina and recesses at five levels - each Normal/Mild, Moderate or Severe, with the
      slice it was read off.
    </p>
    <${DropField} take=${take} chosen=${ready}>
      <div role="status">${said || html`<${Chosen} ...${{ choice, clear }} />`}</div>
      ${choice.untold && html`<${ViewField} ...${{ view, setView }} />`}
      <p class="row end">
        <button class="button primary big" disabled=${!ready} onClick=${() => send(choice, choice.untold ? view : "")}>
          Upload
        </button>
      </p>
    <//>
    <${Earlier} />
  </div>`;
}

/** The field that files are dropped on, with the two buttons that choose them instead. */
function DropField({ take, chosen, children }) {
  const [over, setOver] = useState(false);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(ofDrop(event.dataTransfer));
  };
  const drag = (event) => {
    event.preventDefault();
    setOver(event.type === "dragover");
  };
  return html`<section class="drop ${over ? "over" : ""}" aria-label="Scan" onDragOver=${drag} onDragLeave=${drag} onDrop=${drop}>
    <p class="invite"><b>${chosen ? "Drop others to choose anew" : "Drop a scan here"}</b></p>
    <p class="soft">DICOM or PNG: one slice, files, a folder or a zip. Several studies at once are fine.</p>
    <p class="row">
      <${Browse} take=${take}>Choose files<//>
      <${Browse} take=${take} folder=${true}>Choose a folder<//>
    </p>
    ${children}
  </section>`;
}

function Browse({ take, folder, children }) {
  const input = useRef();
  const chosen = () => {
    if (input.current.files.length) take(ofInput(input.current));
    input.current.value = ""; // the same file may be chosen again
  };
  return html`
    <button class="button" onClick=${() => input.current.click()}>${children}</button>
    <input ref=${input} type="file" multiple hidden webkitdirectory=${folder} onChange=${chosen} aria-label=${folder ? "Folder" : "Files"} />
  `;
}

function Chosen({ choice, clear }) {
  const { sent, left, bytes, kinds } = choice;
  if (!sent.length && !left.length) return null;
  if (!sent.length) return html`<${WrongFormat} left=${left} />`;
  return html`<div class="chosen">
    <p>
      <b>${sent.length === 1 ? sent[0].path : count(sent.length, "file")}</b>
      <span class="soft">${kinds.join(", ")} · ${bytesWords(bytes)}</span>
      <button class="link" onClick=${clear}>Clear</button>
    </p>
    ${left.length > 0 &&
    html`<details><summary>${count(left.length, "other file")} left out</summary><${Found} files=${left} /></details>`}
  </div>`;
}

function WrongFormat({ left }) {
  return html`<div class="note bad" role="alert">
    <h2>Wrong format</h2>
    <${Found} files=${left} />
    <p>Accepted are DICOM files, PNG pictures, and zip archives of them. Nothing was sent.</p>
  </div>`;
}

function Found({ files }) {
  return html`<ul class="files">
    ${files.slice(0, LISTED).map(({ path, format }) => html`<li><span class="path">${path}</span> is ${format}</li>`)}
    ${files.length > LISTED && html`<li>and ${count(files.length - LISTED, "more file")}</li>`}
  </ul>`;
}

function ViewField({ view, setView }) {
  return html`<label class="field">
    <span>What the PNG shows</span>
    <select value=${view} onChange=${(event) => setView(event.target.value)}>
      <option value="">Recognise it</option>
      <option value="sagittal_t1">Sagittal T1</option>
      <option value="sagittal_t2">Sagittal T2/STIR</option>
      <option value="axial_t2">Axial T2</option>
    </select>
    <small class="soft">A picture has no header that says it. Say it if you know, and if all that you send shows the same.</small>
  </label>`;
}
