/** What a file is by its first bytes, whatever its name says; and what of a choice can be sent. */

const ACCEPTED = { dicom: "DICOM", png: "PNG", zip: "zip" };

/** Beside PNG pictures: which side each shows (docs/imaging.md). */
const GEOMETRY = "slice_geometry.csv";

const KNOWN = [
  ["png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["a JPEG picture", [0xff, 0xd8, 0xff]],
  ["a GIF picture", [0x47, 0x49, 0x46, 0x38]],
  ["a BMP picture", [0x42, 0x4d]],
  ["a TIFF picture", [0x49, 0x49, 0x2a, 0x00]],
  ["a TIFF picture", [0x4d, 0x4d, 0x00, 0x2a]],
  ["a PDF", [0x25, 0x50, 0x44, 0x46]],
  ["a gzip archive", [0x1f, 0x8b]],
  ["a 7z archive", [0x37, 0x7a, 0xbc, 0xaf]],
  ["a RAR archive", [0x52, 0x61, 0x72, 0x21]],
  ["an empty zip archive", [0x50, 0x4b, 0x05, 0x06]],
];

/** "dicom", "png" or "zip"; for all else what was found, in words. */
export async function formatOf(file) {
  if (file.size === 0) return "an empty file";
  const head = new Uint8Array(await file.slice(0, 512).arrayBuffer());
  if (String.fromCharCode(...head.slice(128, 132)) === "DICM" || isBareDicom(head)) return "dicom";
  const known = KNOWN.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  if (known) return known[0];
  return head.every((byte) => byte > 8 && byte !== 127) ? "text" : "an unknown format";
}

/** A data set without the preamble starts with group 2 or 8 (PS3.5, section 7.1), in either order. */
function isBareDicom(head) {
  if (head.length < 8) return false;
  const little = (head[0] === 2 || head[0] === 8) && head[1] === 0 && head[3] === 0;
  const big = head[0] === 0 && (head[1] === 2 || head[1] === 8) && head[2] === 0;
  return little || big;
}

/**
 * Sort chosen files into what can be sent and what is left out, with the reason in words.
 * `files` are {file, path}; gives {sent, left, bytes, kinds, untold}: whether all of it is one series
 * whose files do not tell what it shows, PNGs in one folder.
 */
export async function sortFiles(files) {
  const formats = [];
  for (let at = 0; at < files.length; at += 64) {
    const some = files.slice(at, at + 64).map(({ file }) => formatOf(file).catch(() => "a file that cannot be read"));
    formats.push(...(await Promise.all(some)));
  }
  const entries = files.map((entry, at) => ({ ...entry, format: formats[at] }));
  const pictures = entries.filter(({ format }) => format in ACCEPTED);
  const beside = ({ file, format }) => file.name === GEOMETRY && format === "text" && pictures.length > 0;
  return {
    sent: entries.filter((entry) => entry.format in ACCEPTED || beside(entry)),
    left: entries.filter((entry) => !(entry.format in ACCEPTED || beside(entry))),
    bytes: pictures.reduce((sum, { file }) => sum + file.size, 0),
    kinds: [...new Set(pictures.map(({ format }) => ACCEPTED[format]))],
    untold: pictures.every(({ format }) => format === "png") && new Set(pictures.map(folderOf)).size === 1,
  };
}

const folderOf = ({ path }) => path.slice(0, path.lastIndexOf("/") + 1);

/** The files of an `<input>`, under their path where a folder was chosen. */
export const ofInput = (input) =>
  [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** The files of a drop, folders walked through. */
export async function ofDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    files.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const inner of some) await walk(inner, files);
  }
}
