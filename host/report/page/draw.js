/* What Chart.js lacks, axes, and the figure that each chart stands in: a sentence computed from the
 * same numbers before it, a table of them behind it. */

/* Intervals as bands behind the lines. */
const bands = {
  id: "bands",
  beforeDatasetsDraw(chart) {
    const { ctx, scales } = chart;
    chart.data.datasets.forEach((set, i) => {
      const points = set.data.filter((point) => point && point.low > 0);
      if (!chart.isDatasetVisible(i) || points.length < 2) return;
      ctx.save();
      ctx.globalAlpha = 0.22;
      ctx.fillStyle = set.borderColor;
      ctx.beginPath();
      for (const point of points)
        ctx.lineTo(scales.x.getPixelForValue(point.x), scales.y.getPixelForValue(point.high));
      for (const point of points.reverse())
        ctx.lineTo(scales.x.getPixelForValue(point.x), scales.y.getPixelForValue(point.low));
      ctx.fill();
      ctx.restore();
    });
  },
};
/* Draws "fused n^1.92" with a small raised exponent; returns its width. */
function drawLabel(ctx, text, x, y, measure) {
  const [words, exponent] = text.split("^");
  ctx.font = "12px " + Chart.defaults.font.family;
  const width = ctx.measureText(words).width;
  if (!measure) ctx.fillText(words, x, y);
  if (exponent === undefined) return width;
  ctx.font = "9.5px " + Chart.defaults.font.family;
  if (!measure) ctx.fillText(exponent, x + width + 0.5, y - 4);
  return width + 1 + ctx.measureText(exponent).width;
}
/* Names at the ends of lines, moved apart where they would overlap. */
const ends = {
  id: "ends",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea } = chart,
      STEP = 14,
      wide = isWide(chart);
    const labels = [];
    chart.data.datasets.forEach((set, i) => {
      const points = chart.getDatasetMeta(i).data,
        last = points[points.length - 1];
      const text = wide ? set.end : set.shortEnd;
      if (text && last)
        labels.push({ text: text, x: last.x, at: last.y, y: last.y, colour: set.borderColor });
    });
    labels.sort((a, b) => a.y - b.y);
    for (let pass = 0; pass < 60; ++pass) {
      for (const label of labels)
        label.y = Math.min(Math.max(label.y, chartArea.top + 2), chartArea.bottom - 4);
      for (let i = 1; i < labels.length; ++i) {
        const overlap = STEP - (labels[i].y - labels[i - 1].y);
        if (overlap > 0) {
          labels[i - 1].y -= overlap / 2;
          labels[i].y += overlap / 2;
        }
      }
    }
    ctx.save();
    ctx.textBaseline = "middle";
    for (const label of labels) {
      ctx.fillStyle = ctx.strokeStyle = label.colour;
      ctx.globalAlpha = 0.5;
      ctx.beginPath();
      ctx.moveTo(label.x + 5, label.at);
      ctx.lineTo(chartArea.right + 9, label.y);
      ctx.stroke();
      ctx.globalAlpha = 1;
      drawLabel(ctx, label.text, chartArea.right + 12, label.y);
    }
    ctx.restore();
    chart.data.datasets.forEach((set, i) => {
      const first = chart.getDatasetMeta(i).data;
      if (!set.up || !first.length) return;
      ctx.save(); // at the foot of a vertical line
      ctx.fillStyle = set.borderColor;
      ctx.font = "12px " + Chart.defaults.font.family;
      ctx.fillText(set.up, first[0].x + 5, chartArea.bottom - 7);
      ctx.restore();
    });
    chart.data.datasets.forEach((set, i) => {
      const first = chart.getDatasetMeta(i).data;
      if (!set.along || first.length < 2) return;
      ctx.save(); // along a rising line, a little above it
      ctx.translate((first[0].x + first[1].x) / 2, (first[0].y + first[1].y) / 2);
      ctx.rotate(Math.atan2(first[1].y - first[0].y, first[1].x - first[0].x));
      ctx.fillStyle = set.borderColor;
      ctx.textAlign = "center";
      ctx.textBaseline = "bottom";
      ctx.font = "12px " + Chart.defaults.font.family;
      ctx.fillText(set.along, 0, -4);
      ctx.restore();
    });
  },
};
const isNarrow = () => document.documentElement.clientWidth < 600;
const isWide = (chart) => chart.width >= 430;
function endsWidth(chart) {
  const { ctx } = chart;
  const texts = chart.data.datasets
    .map((set) => (isWide(chart) ? set.end : set.shortEnd))
    .filter(Boolean);
  return Math.max(8, ...texts.map((text) => drawLabel(ctx, text, 0, 0, true) + 18));
}
/* Where a time says more about launching than about attention: `areas` are {below, name}, the
 * highest first; where several devices are shown each has an edge of its own. */
const launchBound = {
  id: "launchBound",
  beforeDraw(chart, args, options) {
    const { ctx, chartArea, scales } = chart;
    (options.areas || []).forEach((area, i) => {
      const top = Math.max(chartArea.top, scales.y.getPixelForValue(area.below));
      if (!(top < chartArea.bottom)) return;
      ctx.save();
      ctx.fillStyle = style("--raised");
      if (i === 0)
        ctx.fillRect(chartArea.left, top, chartArea.right - chartArea.left, chartArea.bottom - top);
      ctx.strokeStyle = style("--muted");
      ctx.setLineDash([2, 4]);
      if (options.areas.length > 1) {
        ctx.beginPath();
        ctx.moveTo(chartArea.left, top);
        ctx.lineTo(chartArea.right, top);
        ctx.stroke();
      }
      ctx.restore();
    });
  },
  afterDatasetsDraw(chart, args, options) {
    const { ctx, chartArea, scales } = chart;
    const areas = options.areas || [];
    for (const area of areas) {
      const top = Math.max(chartArea.top, scales.y.getPixelForValue(area.below));
      if (top > chartArea.bottom - 14) continue;
      ctx.save();
      ctx.fillStyle = style("--muted");
      ctx.font = "11px " + Chart.defaults.font.family;
      ctx.textAlign = "right";
      ctx.textBaseline = areas.length > 1 ? "top" : "bottom";
      ctx.fillText(
        area.name,
        chartArea.right - 6,
        areas.length > 1 ? top + 2 : chartArea.bottom - 3,
      );
      ctx.restore();
    }
  },
};

function powersOf(base, low, high, limit) {
  let powers = [];
  for (let e = Math.floor(Math.log(low) / Math.log(base)); base ** e <= high * 1.0001; ++e)
    if (base ** e >= low * 0.9999) powers.push(base ** e);
  while (powers.length > (limit || 9)) powers = powers.filter((value, i) => i % 2 === 0);
  return powers;
}
/* Round numbers, as far apart as leaves about five. */
function roundSteps(low, high) {
  const rough = (high - low) / 5,
    base = 10 ** Math.floor(Math.log10(rough));
  const step = base * [1, 2, 5, 10].find((factor) => factor * base >= rough * 0.999);
  const steps = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); ++i)
    steps.push(Number((i * step).toPrecision(12)));
  return steps;
}
const linearAxis = (range, options) =>
  axis({
    min: range[0],
    max: range[1],
    at: (scale) => roundSteps(scale.min, scale.max),
    ...options,
  });
function axis(options) {
  return {
    type: options.type || "linear",
    min: options.min,
    max: options.max,
    reverse: options.reverse || false,
    stacked: options.stacked || false,
    offset: options.offset,
    title: {
      display: Boolean(options.title),
      text: options.title,
      color: style("--muted"),
      font: { size: 12 },
      padding: 2,
    },
    grid: {
      color: style("--grid"),
      borderColor: style("--line"),
      drawTicks: false,
      display: options.grid !== false,
    },
    border: { color: style("--line") },
    ticks: {
      color: style("--muted"),
      font: { size: 12 },
      padding: 6,
      autoSkip: Boolean(options.skip),
      maxRotation: 0,
      ...(options.tick ? { callback: options.tick } : {}),
    },
    afterBuildTicks:
      options.at &&
      ((scale) => {
        scale.ticks = options.at(scale).map((value) => ({ value: value }));
      }),
  };
}
const logAxis = (range, base, options) =>
  axis({
    type: "logarithmic",
    min: range[0],
    max: range[1],
    at: (scale) =>
      powersOf(base, scale.min, scale.max, scale.isHorizontal() && scale.chart.width < 430 ? 6 : 9),
    ...options,
  });
const lengthAxis = (range, name) =>
  logAxis([range[0] / 1.12, range[1] * 1.12], 2, {
    title: name,
    tick: (value) => String(value),
    grid: false,
  });
const padded = (range, factor) => [range[0] / factor, range[1] * factor];

function lineSet(one, points, more) {
  const colour = style(one.colour);
  return {
    label: one.name,
    data: points,
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2,
    borderDash: one.dash,
    pointStyle: one.mark,
    pointRadius: 3.5,
    pointHoverRadius: 6,
    pointBorderWidth: 1.5,
    tension: 0,
    ...more,
  };
}
function reference(label, points, more) {
  return {
    label: label,
    data: points,
    borderColor: style("--muted"),
    borderWidth: 1.25,
    borderDash: [3, 3],
    pointRadius: 0,
    pointHitRadius: 0,
    pointStyle: "line",
    tension: 0,
    showLine: true,
    ...more,
  };
}
function configure(type, sets, scales, tooltip, plugins) {
  return {
    type: type,
    data: { datasets: sets },
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      normalized: true,
      interaction: { mode: "nearest", intersect: true },
      scales: scales,
      layout: { padding: { top: 6, right: (context) => endsWidth(context.chart) } },
      plugins: { legend: { display: false }, tooltip: { callbacks: tooltip }, ...plugins },
    },
    plugins: [bands, ends, launchBound],
  };
}

/* Every figure, to be drawn again when the theme or the series shown change. */
const figures = [];
function figure(parent, title, draw, options) {
  const canvas = element("canvas", { role: "img" }),
    sentence = element("p");
  const box = element("div", { className: "canvas" }, canvas);
  const details = element("details", {}, element("summary", {}, "Numbers"));
  const bare = options && options.bare; // where the page has the sentence and the numbers already
  const made = bare
    ? element("figure", {}, title ? element("figcaption", {}, title) : "", box)
    : element(
        "figure",
        {},
        element("figcaption", {}, title ? element("h3", {}, title) : "", sentence),
        box,
        details,
      );
  const entry = {
    redraw() {
      const drawn = draw();
      if (entry.chart) entry.chart.destroy();
      box.style.height = drawn.height ? drawn.height + "px" : "";
      sentence.replaceChildren(...typeset(drawn.sentence));
      canvas.setAttribute("aria-label", (title ? title + ". " : "") + drawn.sentence);
      entry.chart = new Chart(canvas, drawn.config);
      entry.table = drawn.table;
      if (details.open) fill();
    },
  };
  function fill() {
    details.replaceChildren(
      details.firstChild,
      numbersTable(title || sentence.textContent, ...entry.table()),
    );
  }
  details.addEventListener("toggle", () => details.open && fill());
  parent.append(made);
  figures.push(entry);
  if (!options || !options.later) entry.redraw();
  return entry;
}
