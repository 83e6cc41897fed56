"use strict";
/* The script of the report, in eight files that html.c joins in this order: words, series,
 * draw, lengths, cells, strips, claims, report. Nothing of the data is ever parsed as markup: it goes to the page as text.
 *
 * This file: numbers in words, and elements. */
const data = JSON.parse(document.getElementById("data").textContent);
const charts = document.getElementById("charts");
const rows = data.rows.filter((row) => row.source >= 0);
const ok = rows.filter((row) => row.status === "ok" && row.median_s > 0);

function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
/* In the largest unit of which it has one, each `step` times the one before. */
function engineering(value, units, step, format) {
  let unit = 0;
  while (value >= step * 0.9995 && unit + 1 < units.length) {
    value /= step;
    ++unit;
  }
  return format(value) + "\u00a0" + units[unit];
}
const plain = (value) =>
  String(Number.isInteger(value) && value < 1e6 ? value : Number(value.toPrecision(3)));
const NANO = ["ns", "µs", "ms", "s"],
  BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];
const seconds = (value) => engineering(value * 1e9, NANO, 1000, digits);
const tickSeconds = (value) => engineering(value * 1e9, NANO, 1000, plain);
const bytes = (value) => engineering(value, BYTES, 1024, plain);
const percent = (value) => (100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0) + "\u00a0%";
const count = (number, word) => number + " " + word + (number === 1 ? "" : "s");
const times = (value) => (value >= 9.95 ? value.toFixed(0) : value.toFixed(1)) + "\u00a0times";
function list(words) {
  return words.length < 2
    ? words.join("")
    : words.slice(0, -1).join(", ") + " and " + words[words.length - 1];
}
const power = (exponent) => "n^" + exponent.toFixed(2);

const most = Math.max(0, ...ok.map((row) => row.gflop_s || 0));
const rateUnit = most >= 10000 ? "TFLOP/s" : "GFLOP/s";
const rateOf = (gflop) => (most >= 10000 ? gflop / 1000 : gflop);
const rate = (gflop) => digits(rateOf(gflop)) + "\u00a0" + rateUnit;

const unique = (values) => [...new Set(values)];
const extent = (values) => [Math.min(...values), Math.max(...values)];
const ascending = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
function median(values) {
  const sorted = [...values].sort((a, b) => a - b),
    half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b),
    at = part * (sorted.length - 1),
    low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

// ---- elements

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {}))
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  made.append(...children);
  return made;
}
/* "n^1.92" with a raised exponent, as nodes. */
const typeset = (text) =>
  String(text)
    .split(/(?<=n)\^([0-9.]*[0-9])/)
    .map((part, i) => (i % 2 ? element("sup", {}, part) : part));
function numbersTable(label, head, body) {
  const cell = (name, scope) => (text) =>
    element(name, scope ? { scope: scope } : {}, ...typeset(text));
  return element(
    "div",
    { className: "scroll", role: "group", tabIndex: 0, "aria-label": "numbers: " + label },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head.map(cell("th", "col")))),
      element("tbody", {}, ...body.map((line) => element("tr", {}, ...line.map(cell("td"))))),
    ),
  );
}
function section(title, intro) {
  const panels = element("div", { className: "panels" });
  const id = "s-" + title.toLowerCase().replace(/[^a-z]+/g, "-");
  charts.append(element("h2", { id: id }, title));
  if (intro) charts.append(element("p", {}, intro));
  charts.append(panels);
  return panels;
}
