/* What the charts show: series (a variant of a source), and groups of problems that differ in length
 * alone. Each group is one panel of the charts over length. */

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const MARKS = ["circle", "rect", "triangle", "rectRot", "cross", "star", "crossRot", "dash"];
const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [5, 2], [1, 3], [12, 4], [4, 4, 1, 4]];
const variants = unique(rows.map((row) => row.variant)).sort(ascending);
const baseline = "naive";
const coloured = variants.filter((name) => name !== baseline);
const colourOf = (variant) =>
  variant === baseline ? "--c7" : "--c" + (coloured.indexOf(variant) % 7);
const many = data.sources.length > 1;
/* What tells a source from the others: the words of its label that not all share. */
const labelWords = data.sources.map((source) => source.label.split(" "));
const shared = labelWords.length
  ? labelWords[0].filter((word) => labelWords.every((words) => words.includes(word)))
  : [];
const shortLabels = labelWords.map((words) =>
  words.filter((word) => !shared.includes(word)).join(" "),
);
const labels =
  unique(shortLabels).length === shortLabels.length
    ? shortLabels
    : shortLabels.map((label, i) => label + " #" + (i + 1));
const series = [];
data.sources.forEach((source, s) => {
  for (const variant of variants) {
    if (!ok.some((row) => row.variant === variant && row.source === s)) continue;
    const v = variants.indexOf(variant);
    series.push({
      source: s,
      variant: variant,
      colour: colourOf(variant),
      on: true,
      name: many ? variant + " (" + labels[s] + ")" : variant,
      mark: MARKS[v % MARKS.length],
      dash: DASHES[(many ? s : v) % DASHES.length],
    });
  }
});
const seriesOf = (row) =>
  series.find((one) => one.source === row.source && one.variant === row.variant);
const shown = () => series.filter((one) => one.on);
const heads = (key) => key.heads_q + (key.heads_q === key.heads_kv ? "" : "/" + key.heads_kv);
const size = (key) => key.d_k + (key.d_k === key.d_v ? "" : "/" + key.d_v);
/* What a title says of a group, as far as it varies: the model and the phase first. */
const NAMES = {
  suite: (key) => key.suite || "",
  phase: (key) => key.phase,
  op: (key) => key.op || "",
  heads: (key) => heads(key) + (key.heads_q === 1 ? " head" : " heads"),
  d: (key) => "d_k " + size(key),
  mask: (key) => (key.mask === "none" ? "no mask" : key.mask),
  dtype: (key) => key.dtype,
  n_q: (key) => (key.n_q === key.n_kv ? "" : count(key.n_q, "query row")),
  others: (key) => key.others || "",
};
/* These go without saying where they are the same everywhere. */
const ONLY_VARYING = ["suite", "phase"];
const describe = (key, names) =>
  (names || Object.keys(NAMES).filter((name) => !ONLY_VARYING.includes(name)))
    .map((name) => NAMES[name](key))
    .filter(Boolean)
    .join(", ");
const lengths = (key) =>
  key.n_q === key.n_kv ? "n " + key.n_q : "n " + key.n_q + " × " + key.n_kv;
function withoutLengths(cell, keepQueries) {
  return cell
    .replace(/^[^(]*\(/, "")
    .replace(/\)$/, "")
    .split(",")
    .filter((part) => !part.startsWith("n_kv=") && (keepQueries || !part.startsWith("n_q=")))
    .join(",");
}
/* By kind and dtype, then head dimension down and mask across, as panels stand in two columns. */
function orderOf(group) {
  const key = group.key,
    padded = (value) => String(value).padStart(12, "0");
  return [
    group.axis,
    key.others || "",
    key.dtype === "f32" ? "" : key.dtype,
    padded(key.heads_q),
    padded(key.d_k),
    key.mask === "none" ? "" : key.mask,
  ].join(" ");
}
function findGroups() {
  const all = new Map();
  for (const row of ok) {
    const key = data.problems[row.problem],
      square = key.n_q === key.n_kv;
    const fixed = withoutLengths(key.cell, !square);
    if (!all.has(fixed))
      all.set(fixed, { fixed: fixed, axis: square ? "n" : "n_kv", key: key, rows: [] });
    all.get(fixed).rows.push(row);
  }
  const grows = (group) => series.some((one) => unique(pick(group, one).map(lengthOf)).length > 1);
  const found = [...all.values()].filter(grows);
  const valuesOf = (name) => unique(found.map((group) => NAMES[name](group.key)));
  const varying = Object.keys(NAMES).filter((name) => valuesOf(name).length > 1);
  const constant = Object.keys(NAMES).filter(
    (name) => !varying.includes(name) && !ONLY_VARYING.includes(name),
  );
  for (const group of found) {
    group.title = describe(group.key, varying) || describe(group.key);
    group.ns = unique(group.rows.map(lengthOf)).sort((a, b) => a - b);
  }
  /* Two groups that the names do not tell apart are told by all of their keys. */
  for (const group of found)
    group.doubled = found.filter((other) => other.title === group.title).length > 1;
  for (const group of found) if (group.doubled) group.title += ", " + group.fixed;
  found.sort((a, b) => ascending(orderOf(a), orderOf(b)));
  found.common = varying.length && found.length ? describe(found[0].key, constant) : "";
  return found;
}
const problemOf = (row) => data.problems[row.problem];
const lengthOf = (row) => problemOf(row).n_kv;
const pick = (group, one) =>
  group.rows
    .filter((row) => row.source === one.source && row.variant === one.variant)
    .sort((a, b) => lengthOf(a) - lengthOf(b));
const UNDETERMINED = 0.5; // an interval that is wider tells linear from quadratic no more
const fitOf = (group, one) =>
  data.fits
    .filter(
      (fit) =>
        fit.source === one.source &&
        fit.variant === one.variant &&
        fit.fixed === group.fixed &&
        !(fit.exponent_ci95 > UNDETERMINED),
    )
    .reduce((a, b) => (a && a.points >= b.points ? a : b), null);
function peakOf(source, dtype) {
  const rates = [source.f32_gflop_s, dtype === "f32" ? undefined : source.f16_gflop_s].filter(
    (value) => value > 0,
  );
  return rates.length ? Math.max(...rates) : undefined;
}
const groups = findGroups();
const main = groups.length
  ? groups.reduce((a, b) => (b.rows.length > a.rows.length ? b : a))
  : null;
