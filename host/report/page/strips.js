/* Rows of marks: the samples of one cell, and errors as parts of their limits. */

function strip(names, sets, x, tooltip) {
  const y = axis({
    min: -0.6,
    max: names.length - 0.4,
    reverse: true,
    at: () => names.map((name, i) => i),
    tick: (value) => names[value],
    grid: false,
  });
  return configure("scatter", sets, { x: x, y: y }, tooltip);
}
const wiggle = (i) => 0.5 * ((i * 0.618034) % 1) - 0.25; // spread evenly, the same each time

function drawSamples(mine) {
  const middle = mine.map((row) => median(row.samples_s)),
    off = (row, place) => row.samples_s.map((value) => value / middle[place] - 1);
  const all = mine.flatMap(off),
    near = (value) => Math.max(range[0], Math.min(range[1], value));
  const range = all.length
    ? [1.1 * Math.min(-0.02, quantile(all, 0.004)), 1.1 * Math.max(0.02, quantile(all, 0.95))]
    : [-1, 1];
  const outside = all.filter((value) => near(value) !== value).length;
  const sets = mine.map((row, place) =>
    lineSet(
      seriesOf(row),
      off(row, place).map((value, i) => ({
        x: 100 * near(value),
        y: place + wiggle(i),
        row: row,
        s: row.samples_s[i],
      })),
      {
        showLine: false,
        clip: 6,
        pointStyle: "circle",
        pointRadius: 2,
        pointBorderWidth: 0,
        backgroundColor: style(seriesOf(row).colour) + "99",
      },
    ),
  );
  const width = (row) =>
    (quantile(row.samples_s, 0.9) - quantile(row.samples_s, 0.1)) / median(row.samples_s);
  const steady = [...mine].sort((a, b) => width(a) - width(b)),
    last = steady[steady.length - 1];
  let words = mine.length
    ? "Steadiest is " +
      seriesOf(steady[0]).name +
      ", of whose samples four fifths lie within " +
      percent(width(steady[0]))
    : "Nothing is shown";
  if (mine.length > 1) words += "; widest " + seriesOf(last).name + " with " + percent(width(last));
  words += ".";
  if (outside)
    words +=
      " " +
      count(outside, "sample") +
      " beyond the axis " +
      (outside === 1 ? "stands" : "stand") +
      " at its edge.";
  if (mine.some((row) => row.samples > row.samples_s.length))
    words += " Of rows with many samples evenly spaced quantiles are shown.";
  const signed = (value) =>
    (value > 0 ? "+" : value < 0 ? "−" : "") + plain(Math.abs(value)) + " %";
  return {
    height: 60 + 40 * mine.length,
    sentence: words,
    config: strip(
      mine.map((row) => seriesOf(row).name),
      sets,
      linearAxis(
        range.map((value) => 100 * value),
        { tick: signed },
      ),
      { label: (item) => item.dataset.label + ": " + seconds(item.raw.s) },
    ),
    table: () => [
      ["series", "samples", "least", "10 %", "median", "90 %", "greatest"],
      mine.map((row) => [
        seriesOf(row).name,
        row.samples,
        ...[0, 0.1, 0.5, 0.9, 1].map((part) => seconds(quantile(row.samples_s, part))),
      ]),
    ],
  };
}
function addSamples() {
  const sampled = ok.filter((row) => row.samples_s && row.samples_s.length > 2),
    cells = unique(sampled.map((row) => row.problem));
  if (!cells.length) return;
  const panels = section(
    "Samples of one cell",
    "Each mark is a launch, placed by how far it lies from its row's median.",
  );
  panels.classList.add("one");
  const middle =
    main &&
    main.rows.find(
      (row) => lengthOf(row) === main.ns[main.ns.length >> 1] && cells.includes(row.problem),
    );
  let chosen = middle ? middle.problem : cells[0];
  const option = (cell) =>
    element(
      "option",
      { value: cell, selected: cell === chosen },
      lengths(data.problems[cell]) + ", " + describe(data.problems[cell]),
    );
  const select = element("select", { id: "cell" }, ...cells.map(option));
  panels.before(
    element("div", { className: "choose" }, element("label", { htmlFor: "cell" }, "Cell"), select),
  );
  const entry = figure(panels, "", () =>
    drawSamples(sampled.filter((row) => row.problem === chosen && seriesOf(row).on)),
  );
  select.addEventListener("change", () => {
    chosen = Number(select.value);
    entry.redraw();
  });
}

function drawAccuracy(mine) {
  const kind = (row) => problemOf(row).dtype + "\u00a0 " + seriesOf(row).name,
    kinds = unique(mine.map(kind)).sort(ascending);
  const error = (row) => row.err_over_tolerance,
    positive = mine.map(error).filter((value) => value > 0);
  const range = [Math.min(0.1, ...positive) / 1.5, Math.max(1, ...positive) * 1.6];
  const point = (row, i) => ({
    x: Math.max(range[0], error(row)),
    y: kinds.indexOf(kind(row)) + wiggle(i),
    row: row,
  });
  const sets = shown()
    .map((one) =>
      lineSet(one, mine.filter((row) => seriesOf(row) === one).map(point), {
        showLine: false,
        pointRadius: 3,
      }),
    )
    .filter((set) => set.data.length);
  sets.push(
    reference(
      "limit",
      [-0.6, kinds.length - 0.4].map((y) => ({ x: 1, y: y })),
      { borderDash: [], borderColor: style("--bad") },
    ),
  );
  const worst = mine.length ? mine.reduce((a, b) => (error(a) >= error(b) ? a : b)) : null;
  const line = (name) => {
    const errors = mine.filter((row) => kind(row) === name).map(error);
    return [
      name,
      errors.length,
      plain(Math.min(...errors)),
      plain(median(errors)),
      plain(Math.max(...errors)),
      plain(1 / Math.max(...errors)) + "\u00a0\u00d7",
      unique(mine.filter((row) => kind(row) === name).map((row) => row.rounding || "")).join(" ").replace(/_/g, " "),
    ];
  };
  return {
    height: 60 + 32 * kinds.length,
    sentence: worst
      ? "Nearest to its limit is " +
        seriesOf(worst).name +
        " at " +
        problemName(worst) +
        ", " +
        plain(1 / error(worst)) +
        " times inside" +
        (worst.scale ? " (" + worst.scale + ")" : "") +
        "."
      : "Nothing is shown.",
    config: strip(kinds, sets, logAxis(range, 10, { tick: plain }), {
      label: (item) =>
        item.dataset.label +
        (item.raw.row ? ": " + plain(error(item.raw.row)) + ", " + problemName(item.raw.row) : ""),
    }),
    table: () => [["dtype and series", "cells", "least", "median", "greatest", "distance to the limit", "outputs rounded"], kinds.map(line)],
  };
}
function addAccuracy() {
  const checked = rows.filter((row) => row.err_over_tolerance >= 0 && seriesOf(row));
  if (!checked.length) return;
  const panels = section(
    "Accuracy",
    "How much of its limit each checked cell uses, at the scale that comes nearest to it: an element, a row, a head, a column, a batch entry or the whole output. Limits follow from what rounding does in a right kernel. Right of 1 a result is wrong.",
  );
  panels.classList.add("one");
  figure(panels, "", () => drawAccuracy(checked.filter((row) => seriesOf(row).on)));
}
