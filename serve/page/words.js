/** The field's words as a reader expects them, and the order that findings are shown in. */

export const NOTICE = "Research use only - not a medical device";

export const LEVELS = ["l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1"];

/** As on an axial picture seen from the feet: the patient's right on the viewer's left. */
export const FILM_ORDER = [
  "right_neural_foraminal_narrowing",
  "right_subarticular_stenosis",
  "spinal_canal_stenosis",
  "left_subarticular_stenosis",
  "left_neural_foraminal_narrowing",
];

/** Worst first. */
export const SEVERITIES = ["Severe", "Moderate", "Normal/Mild"];

const COLUMNS = { "Normal/Mild": "normal_mild", Moderate: "moderate", Severe: "severe" };
const VIEWS = {
  sagittal_t1: "Sagittal T1",
  sagittal_t2: "Sagittal T2/STIR",
  axial_t2: "Axial T2",
};
const PLACES = {
  spinal_canal_stenosis: "Canal",
  neural_foraminal_narrowing: "Foramen",
  subarticular_stenosis: "Recess",
};

/** "L4/L5" of `l4_l5`. */
export const levelWords = (level) => level.replace("_", "/").toUpperCase();

/** "Right neural foraminal narrowing" of its snake_case. */
export const conditionWords = (condition) => {
  const words = condition.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

export const viewWords = (view) => VIEWS[view] ?? "Other view";

/** left, right or null for the canal. */
export const sideOf = (condition) => condition.match(/^(left|right)_/)?.[1] ?? null;

/** The place in one word: Canal, Foramen, Recess. */
export const placeOf = (condition) => PLACES[condition.replace(/^(left|right)_/, "")];

/** normal_mild, moderate, severe; none for what has no grade. */
export const toneOf = (severity) => COLUMNS[severity] ?? "none";

/** The probability of the grade that was given. */
export const ownShare = (finding) =>
  finding.probabilities ? finding.probabilities[COLUMNS[finding.severity]] : null;

/** The likeliest grade where the model's rule gave a higher one, else null. */
export function likelier(finding) {
  if (!finding.severity) return null;
  const likeliest = shares(finding).reduce((a, b) => (b.share >= a.share ? b : a)); // of equals the milder
  return likeliest.severity === finding.severity ? null : likeliest.severity;
}

export const WEIGHED = "the model's rule counts Moderate twice and Severe four times, to miss fewer of them";

/** A finding's three probabilities with their words, worst first. */
export const shares = (finding) =>
  SEVERITIES.map((severity) => ({ severity, share: finding.probabilities[COLUMNS[severity]] }));

/** "87 %"; below one per cent "<1 %", never "100 %" for what is not certain. */
export function percent(share) {
  if (share < 0.01) return "<1 %";
  if (share > 0.99 && share < 1) return ">99 %";
  return `${Math.round(share * 100)} %`;
}

/** "Right neural foraminal narrowing"; of a lone slice also "..., side unknown". */
export function conditionOf(finding) {
  if (!("side" in finding)) return conditionWords(finding.condition);
  if (finding.side) return conditionWords(`${finding.side}_${finding.condition}`);
  const unknown = finding.condition === "spinal_canal_stenosis" ? "" : ", side unknown";
  return conditionWords(finding.condition) + unknown;
}

export const levelOf = (finding) => (finding.level ? levelWords(finding.level) : "Level unknown");

/** "L4/L5 · Right neural foraminal narrowing". */
export const findingWords = (finding) => `${levelOf(finding)} · ${conditionOf(finding)}`;

/** What a screen reader says of a finding. */
export function spoken(finding) {
  const name = findingWords(finding).replace(" · ", ", ");
  if (!finding.severity) return `${name}: not assessed, ${finding.reason}`;
  const all = shares(finding).map(({ severity, share }) => `${severity} ${percent(share)}`);
  const other = likelier(finding);
  const why = other ? `. Above the likeliest grade, ${other}` : "";
  return `${name}: ${finding.severity}. Probabilities: ${all.join(", ")}${why}. Basis: ${finding.basis}`;
}

/** Findings worst first: by grade, then by how probable anything but Normal/Mild is. */
export const worstFirst = (findings) =>
  findings
    .filter((finding) => finding.severity)
    .toSorted(
      (a, b) =>
        SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
        a.probabilities.normal_mild - b.probabilities.normal_mild,
    );

/** "3 files", "1 file". */
export const count = (n, word, many = `${word}s`) => `${n.toLocaleString("en")} ${n === 1 ? word : many}`;

export function bytesWords(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** "14:05" today, else "24 Nov, 14:05". */
export function timeWords(iso) {
  const then = new Date(iso);
  const clock = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === new Date().toDateString()) return clock;
  return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clock}`;
}
