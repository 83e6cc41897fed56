/* The figures of the claims; their words and tables are the page's already. Nothing is computed
 * here but places: each figure says what it is (see html_add_claims_data). */

const CLAIM_MARKS = ["circle", "rect", "triangle", "rectRot"];
const FORMATS = {
  s: seconds,
  rate: (value) => engineering(value, ["", "k", "million", "billion"], 1000, plain) + " a second",
  ratio: (value) => plain(value) + "×",
  number: (value) => value.toFixed(2),
  part: percent,
};
const TICKS = {
  ...FORMATS,
  s: tickSeconds,
  rate: (value) => engineering(value, ["", "k", "M", "G"], 1000, plain),
  number: plain,
};

function claimLines(figure) {
  return figure.series.map((one, i) =>
    lineSet(
      { name: one.name, colour: "--c" + (i % 7), mark: CLAIM_MARKS[i % 4], dash: DASHES[i % 4] },
      one.x.map((x, k) => ({ x: x, y: one.y[k] })).filter((point) => point.y > 0),
      { end: one.end || one.name, shortEnd: one.name },
    ),
  );
}
/* Across the figure at a value of y, or up it at one of x. */
function markLine(mark, x, y) {
  return mark.axis === "y"
    ? reference(
        mark.name,
        x.map((at) => ({ x: at, y: mark.at })),
        { end: mark.name, shortEnd: mark.name },
      )
    : reference(
        mark.name,
        y.map((at) => ({ x: mark.at, y: at })),
        { up: mark.name },
      );
}
function drawLines(figure) {
  const sets = claimLines(figure),
    points = sets.flatMap((set) => set.data),
    marks = (axis) => figure.marks.filter((mark) => mark.axis === axis).map((mark) => mark.at);
  const x = padded(extent([...points.map((point) => point.x), ...marks("x")]), 1.12),
    spread = extent([...points.map((point) => point.y), ...marks("y")]);
  const y = figure.log ? padded(spread, 1.5) : [0, 1.06 * spread[1]];
  const options = { title: figure.y, tick: TICKS[figure.unit] };
  return {
    height: 300,
    config: configure(
      "line",
      [...sets, ...figure.marks.map((mark) => markLine(mark, x, y))],
      {
        x: logAxis(x, 2, { title: figure.x, tick: String, grid: false }),
        y: figure.log ? logAxis(y, y[1] / y[0] > 200 ? 10 : 2, options) : linearAxis(y, options),
      },
      {
        title: (items) => (items[0] ? figure.x + " " + plain(items[0].raw.x) : ""),
        label: (item) => item.dataset.label + ": " + FORMATS[figure.unit](item.raw.y),
      },
    ),
  };
}
function drawDots(figure) {
  const sets = claimLines(figure).map((set) => ({
    ...set,
    end: "",
    shortEnd: "",
    showLine: false,
    pointRadius: 5,
  }));
  figure.series.forEach((one, i) => {
    const aside = 0.24 * (i - (figure.series.length - 1) / 2); // so that equal values stay apart
    sets[i].data = one.x.map((x, k) => ({ x: x, y: one.y[k] + aside }));
  });
  const x = padded(extent(figure.series.flatMap((one) => one.x)), 1.6);
  const config = strip(
    figure.names,
    sets,
    logAxis(x, 10, { title: figure.x, tick: TICKS[figure.unit] }),
    {
      label: (item) => item.dataset.label + ": " + FORMATS[figure.unit](item.raw.x),
    },
  );
  config.options.plugins.legend = legendBelow(true);
  return { height: 90 + 34 * figure.names.length, config: config };
}
const legendBelow = (points) => ({
  display: true,
  position: "bottom",
  labels: {
    color: style("--ink"),
    boxWidth: 12,
    boxHeight: points ? 8 : 12,
    padding: 10,
    usePointStyle: points,
  },
});
function drawParts(figure) {
  const bars = figure.series.map((one, i) => ({
    label: one.name,
    data: one.y.map((part) => 100 * part),
    backgroundColor: style("--p" + i),
    borderColor: style("--ground"),
    borderWidth: 1,
    barPercentage: 0.9,
    categoryPercentage: 0.9,
    maxBarThickness: 120,
  }));
  const config = configure(
    "bar",
    bars,
    {
      x: axis({ type: "category", stacked: true, title: figure.x, grid: false, offset: true }),
      y: linearAxis([0, 100], { stacked: true, tick: (value) => value + " %" }),
    },
    { label: (item) => item.dataset.label + ": " + item.raw.toFixed(1) + " %" },
    { legend: legendBelow(false) },
  );
  config.data.labels = figure.series[0].x.map(String);
  return { height: 300, config: config };
}
function addClaims() {
  const draw = { lines: drawLines, dots: drawDots, parts: drawParts };
  for (const panels of document.querySelectorAll("[data-claim]")) {
    const claim = panels.closest(".claim"),
      text = (what) => claim.querySelector(what).textContent;
    for (const one of data.claims[panels.dataset.claim])
      figure(
        panels,
        one.title,
        () => ({ ...draw[one.kind](one), sentence: text("h3") + ": " + text(".found") }),
        { bare: true },
      );
  }
}
