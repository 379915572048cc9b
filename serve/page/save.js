/** "Save result": the browser's own save, in one of four forms. */

import * as api from "./api.js";
import { sentence } from "./problem.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const FORMS = [
  ["html", "HTML", "a report to read; print it for a PDF"],
  ["csv", "CSV", "25 rows for a table"],
  ["json", "JSON", "everything, for a program"],
  ["dcm", "DICOM SR", "a Structured Report for the archive"],
];

export function Save({ id, name, open, setOpen }) {
  const [said, setSaid] = useState("");
  const field = useRef();
  useEffect(() => {
    if (!open) return undefined;
    field.current.querySelector(".sheet button").focus();
    const away = (event) => !field.current?.contains(event.target) && setOpen(false);
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, [open]);
  const close = () => {
    setOpen(false);
    field.current.querySelector("button").focus();
  };
  const save = async (form) => {
    setSaid("");
    await api.saved(id, form).then(
      (blob) => {
        handOver(blob, `lumbar-${name}.${form}`);
        close();
      },
      (problem) => setSaid(`${problem.message}. ${problem.detail ? sentence(problem.detail) : ""}`),
    );
  };
  const keyed = (event) => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    close();
  };
  return html`<div class="menu save" ref=${field} onKeyDown=${keyed}>
    <button class="button primary" aria-expanded=${open} onClick=${() => setOpen(!open)}>Save result</button>
    ${open &&
    html`<div class="sheet" role="group" aria-label="Save as">
      ${FORMS.map(([form, title, words]) => html`<button class="choice" onClick=${() => save(form)}><b>${title}</b><small>${words}</small></button>`)}
      <p role="alert">${said}</p>
    </div>`}
  </div>`;
}

function handOver(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replaceAll(/[^\w.-]/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
