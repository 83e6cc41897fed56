/* Draws the charts of the report from the page's data, and makes the table of all rows sortable.
 *
 * Nothing of the data is ever parsed as markup: text goes to the page as text nodes. Each chart stands in
 * a figure with a sentence that is computed from the same numbers, and a table of them. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = document.getElementById("charts");
  const rows = data.rows.filter((row) => row.source >= 0);
  const ok = rows.filter((row) => row.status === "ok" && row.median_s > 0);
  const LAUNCHES = 5; // below so many empty launches a fit leaves a time out
  const PANELS = 12;

  // ---- words and numbers

  function digits(value) {
    const size = Math.abs(value);
    return value.toFixed(size === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
  }
  function scaled(value, units, step) {
    let unit = 0;
    while (value >= step && unit + 1 < units.length) {
      value /= step;
      ++unit;
    }
    return [value, units[unit]];
  }
  function engineering(value, units, step, format) {
    const [number, unit] = scaled(value, units, step);
    return format(number) + "\u00a0" + unit;
  }
  const plain = (value) => String(Number(value.toPrecision(3)));
  const NANO = ["ns", "µs", "ms", "s"], BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];
  const seconds = (value) =>
    value >= 999.5 ? Math.round(value) + "\u00a0s" : engineering(value * 1e9, NANO, 999.5, digits);
  const tickSeconds = (value) => engineering(value * 1e9 * (1 + 1e-9), NANO, 1000, plain);
  const bytes = (value) => engineering(value, BYTES, 1024, plain);
  const percent = (value) => (100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0) + "\u00a0%";
  const count = (number, word) => number + " " + word + (number === 1 ? "" : "s");
  const times = (value) => (value >= 9.95 ? value.toFixed(0) : value.toFixed(1)) + "\u00a0times";
  function list(words) {
    return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words[words.length - 1];
  }
  const superscript = (text) => text.replace(/[0-9.]/g, (c) => (c === "." ? "\u02d9" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  const power = (exponent) => "n" + superscript(exponent.toFixed(2));

  const most = Math.max(0, ...ok.map((row) => row.gflop_s || 0));
  const rateUnit = most >= 10000 ? "TFLOP/s" : "GFLOP/s";
  const rateOf = (gflop) => (most >= 10000 ? gflop / 1000 : gflop);
  const rate = (gflop) => digits(rateOf(gflop)) + "\u00a0" + rateUnit;

  const unique = (values) => [...new Set(values)];
  const extent = (values) => [Math.min(...values), Math.max(...values)];
  const ascending = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  function median(values) {
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
  function quantile(values, part) {
    const sorted = [...values].sort((a, b) => a - b), at = part * (sorted.length - 1), low = Math.floor(at);
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
  function numbersTable(label, head, body) {
    const cell = (name, scope) => (text) => element(name, scope ? { scope: scope } : {}, String(text));
    return element("div", { className: "scroll", role: "region", tabIndex: 0, "aria-label": "numbers: " + label },
      element("table", {},
        element("thead", {}, element("tr", {}, ...head.map(cell("th", "col")))),
        element("tbody", {}, ...body.map((line) => element("tr", {}, ...line.map(cell("td")))))));
  }
  function section(title, intro) {
    const panels = element("div", { className: "panels" });
    const id = "s-" + title.toLowerCase().replace(/[^a-z]+/g, "-");
    charts.append(element("h2", { id: id }, title));
    if (intro) charts.append(element("p", {}, intro));
    charts.append(panels);
    return panels;
  }

  // ---- series: a variant of a source

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const MARKS = ["circle", "rect", "triangle", "rectRot", "cross", "star", "crossRot", "dash"];
  const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [5, 2], [1, 3], [12, 4], [4, 4, 1, 4]];
  const variants = unique(rows.map((row) => row.variant)).sort(ascending);
  const baseline = "naive";
  const coloured = variants.filter((name) => name !== baseline);
  const colourOf = (variant) => (variant === baseline ? "--c7" : "--c" + (coloured.indexOf(variant) % 7));
  const many = data.sources.length > 1;
  const series = [];
  data.sources.forEach((source, s) => {
    for (const variant of variants) {
      if (!ok.some((row) => row.variant === variant && row.source === s)) continue;
      const v = variants.indexOf(variant);
      series.push({ source: s, variant: variant, colour: colourOf(variant), on: true,
        name: many ? variant + ", " + source.label : variant,
        mark: MARKS[v % MARKS.length], dash: DASHES[(many ? s : v) % DASHES.length] });
    }
  });
  const seriesOf = (row) => series.find((one) => one.source === row.source && one.variant === row.variant);
  const shown = () => series.filter((one) => one.on);

  // ---- problems and groups: problems that differ in length alone

  const heads = (key) => key.heads_q + (key.heads_q === key.heads_kv ? "" : "/" + key.heads_kv);
  const size = (key) => key.d_k + (key.d_k === key.d_v ? "" : "/" + key.d_v);
  const NAMES = {
    heads: (key) => heads(key) + (key.heads_q === 1 ? " head" : " heads"), d: (key) => "d_k " + size(key),
    mask: (key) => (key.mask === "none" ? "no mask" : key.mask), dtype: (key) => key.dtype,
    n_q: (key) => (key.n_q === key.n_kv ? "" : count(key.n_q, "query row")), others: (key) => key.others || "",
  };
  const describe = (key, names) => (names || Object.keys(NAMES)).map((name) => NAMES[name](key)).filter(Boolean).join(", ");
  const lengths = (key) => (key.n_q === key.n_kv ? "n " + key.n_q : "n " + key.n_q + " × " + key.n_kv);
  function withoutLengths(cell, keepQueries) {
    return cell.replace(/^[^(]*\(/, "").replace(/\)$/, "").split(",")
      .filter((part) => !part.startsWith("n_kv=") && (keepQueries || !part.startsWith("n_q="))).join(",");
  }
  function findGroups() {
    const groups = new Map();
    for (const row of ok) {
      const key = data.problems[row.problem], square = key.n_q === key.n_kv;
      const fixed = withoutLengths(key.cell, !square);
      if (!groups.has(fixed)) groups.set(fixed, { fixed: fixed, axis: square ? "n" : "n_kv", key: key, rows: [] });
      groups.get(fixed).rows.push(row);
    }
    const found = [...groups.values()].filter((group) => unique(group.rows.map((row) => row.problem)).length > 1);
    const names = Object.keys(NAMES).filter((name) => unique(found.map((group) => NAMES[name](group.key))).length > 1);
    const common = Object.keys(NAMES).filter((name) => !names.includes(name));
    for (const group of found) {
      group.title = describe(group.key, names) || describe(group.key);
      group.ns = unique(group.rows.map((row) => data.problems[row.problem].n_kv)).sort((a, b) => a - b);
    }
    const order = (group) => [group.axis, group.key.others || "", group.key.dtype, group.key.heads_q, group.key.d_k, group.key.mask];
    found.sort((a, b) => order(a).map((value, i) => (typeof value === "number" ? value - order(b)[i] : ascending(order(b)[i], value) * (i === 5 ? 1 : -1))).find((x) => x) || 0);
    found.common = found.length && names.length ? describe(found[0].key, common) : "";
    return found;
  }
  const lengthOf = (row) => data.problems[row.problem].n_kv;
  const groups = findGroups();
  const main = groups.length ? groups.reduce((a, b) => (b.rows.length > a.rows.length ? b : a)) : null;
  const pick = (group, one) => group.rows.filter((row) => row.source === one.source && row.variant === one.variant)
    .sort((a, b) => lengthOf(a) - lengthOf(b));
  const fitOf = (group, one) => data.fits
    .filter((fit) => fit.source === one.source && fit.variant === one.variant && fit.fixed === group.fixed)
    .reduce((a, b) => (a && a.points >= b.points ? a : b), null);
  function peakOf(source, dtype) {
    const rates = [source.f32_gflop_s, dtype === "f32" ? undefined : source.f16_gflop_s].filter((value) => value > 0);
    return rates.length ? Math.max(...rates) : undefined;
  }

  // ---- charts: what Chart.js lacks

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
        for (const point of points) ctx.lineTo(scales.x.getPixelForValue(point.x), scales.y.getPixelForValue(point.high));
        for (const point of points.reverse()) ctx.lineTo(scales.x.getPixelForValue(point.x), scales.y.getPixelForValue(point.low));
        ctx.fill();
        ctx.restore();
      });
    },
  };
  /* Names at the ends of lines, moved apart where they would overlap. */
  const ends = {
    id: "ends",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea } = chart, STEP = 14, wide = isWide(chart);
      const labels = [];
      chart.data.datasets.forEach((set, i) => {
        const points = chart.getDatasetMeta(i).data, last = points[points.length - 1];
        const text = wide ? set.end : set.shortEnd;
        if (text && last) labels.push({ text: text, x: last.x, at: last.y, y: last.y, colour: set.borderColor });
      });
      labels.sort((a, b) => a.y - b.y);
      for (let pass = 0; pass < 60; ++pass)
        for (let i = 1; i < labels.length; ++i) {
          const overlap = STEP - (labels[i].y - labels[i - 1].y);
          if (overlap > 0) {
            labels[i - 1].y -= overlap / 2;
            labels[i].y += overlap / 2;
          }
        }
      ctx.save();
      ctx.font = "12px " + Chart.defaults.font.family;
      ctx.textBaseline = "middle";
      for (const label of labels) {
        ctx.fillStyle = ctx.strokeStyle = label.colour;
        ctx.globalAlpha = 0.5;
        ctx.beginPath();
        ctx.moveTo(label.x + 5, label.at);
        ctx.lineTo(chartArea.right + 9, label.y);
        ctx.stroke();
        ctx.globalAlpha = 1;
        ctx.fillText(label.text, chartArea.right + 12, label.y);
      }
      ctx.restore();
    },
  };
  const isWide = (chart) => chart.width >= 430;
  function endsWidth(chart) {
    const { ctx } = chart;
    ctx.font = "12px " + Chart.defaults.font.family;
    const texts = chart.data.datasets.map((set) => (isWide(chart) ? set.end : set.shortEnd)).filter(Boolean);
    return Math.max(8, ...texts.map((text) => ctx.measureText(text).width + 18));
  }
  /* Where a time says more about launching than about attention. */
  const launchBound = {
    id: "launchBound",
    beforeDraw(chart, args, options) {
      if (!(options.below > 0)) return;
      const { ctx, chartArea, scales } = chart;
      const top = Math.max(chartArea.top, scales.y.getPixelForValue(options.below));
      if (!(top < chartArea.bottom)) return;
      ctx.save();
      ctx.fillStyle = style("--raised");
      ctx.fillRect(chartArea.left, top, chartArea.right - chartArea.left, chartArea.bottom - top);
      ctx.fillStyle = style("--muted");
      ctx.font = "11px " + Chart.defaults.font.family;
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      if (chartArea.bottom - top > 14) ctx.fillText("launch-bound", chartArea.right - 6, chartArea.bottom - 3);
      ctx.restore();
    },
  };

  function powersOf(base, low, high, limit) {
    let powers = [];
    for (let e = Math.floor(Math.log(low) / Math.log(base)); base ** e <= high * 1.0001; ++e)
      if (base ** e >= low * 0.9999) powers.push(base ** e);
    while (powers.length > (limit || 9)) powers = powers.filter((value, i) => i % 2 === 0);
    return powers;
  }
  function axis(options) {
    return {
      type: options.type || "linear", min: options.min, max: options.max, reverse: options.reverse || false,
      stacked: options.stacked || false, offset: options.offset,
      title: { display: Boolean(options.title), text: options.title, color: style("--muted"), font: { size: 12 },
        padding: 2 },
      grid: { color: style("--grid"), borderColor: style("--line"), drawTicks: false, display: options.grid !== false },
      border: { color: style("--line") },
      ticks: { color: style("--muted"), font: { size: 12 }, padding: 6, autoSkip: Boolean(options.skip),
        maxRotation: 0, callback: options.tick },
      afterBuildTicks: options.at && ((scale) => { scale.ticks = options.at(scale).map((value) => ({ value: value })); }),
    };
  }
  const logAxis = (range, base, options) => axis({ type: "logarithmic", min: range[0], max: range[1],
    at: (scale) => powersOf(base, scale.min, scale.max, scale.isHorizontal() && scale.chart.width < 430 ? 6 : 9), ...options });
  const lengthAxis = (range, name) => logAxis([range[0] / 1.12, range[1] * 1.12], 2, { title: name, tick: (value) => String(value), grid: false });
  const padded = (range, factor) => [range[0] / factor, range[1] * factor];

  function lineSet(one, points, more) {
    const colour = style(one.colour);
    return { label: one.name, data: points, borderColor: colour, backgroundColor: colour, borderWidth: 2,
      borderDash: one.dash, pointStyle: one.mark, pointRadius: 3.5, pointHoverRadius: 6, pointBorderWidth: 1.5,
      tension: 0, ...more };
  }
  function reference(label, points, more) {
    return { label: label, data: points, borderColor: style("--muted"), borderWidth: 1.25, borderDash: [3, 3],
      pointRadius: 0, pointHitRadius: 0, pointStyle: "line", tension: 0, ...more };
  }
  function configure(type, sets, scales, tooltip, plugins) {
    return {
      type: type, data: { datasets: sets },
      options: {
        responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
        interaction: { mode: "nearest", intersect: true }, scales: scales,
        layout: { padding: { top: 6, right: (context) => endsWidth(context.chart) } },
        plugins: { legend: { display: false }, tooltip: { callbacks: tooltip }, ...plugins },
      },
      plugins: [bands, ends, launchBound],
    };
  }

  /* Every figure, to be drawn again when the theme or the series shown change. */
  const figures = [];
  function figure(parent, title, draw, options) {
    const canvas = element("canvas", { role: "img" }), sentence = element("p");
    const box = element("div", { className: "canvas" }, canvas);
    const details = element("details", {}, element("summary", {}, "Numbers"));
    const made = element("figure", {}, element("figcaption", {}, title ? element("h3", {}, title) : "", sentence), box, details);
    const entry = { redraw() {
      const drawn = draw();
      if (entry.chart) entry.chart.destroy();
      box.style.height = drawn.height ? drawn.height + "px" : "";
      sentence.textContent = drawn.sentence;
      canvas.setAttribute("aria-label", (title ? title + ". " : "") + drawn.sentence);
      entry.chart = new Chart(canvas, drawn.config);
      entry.table = drawn.table;
      if (details.open) fill();
    } };
    function fill() {
      details.replaceChildren(details.firstChild, numbersTable(title || sentence.textContent, ...entry.table()));
    }
    details.addEventListener("toggle", () => details.open && fill());
    parent.append(made);
    figures.push(entry);
    if (!options || !options.later) entry.redraw();
    return entry;
  }

  // ---- the sections

  const at = (item) => lengths(data.problems[item.raw.row.problem]);
  const tip = (words) => ({ title: (items) => (items[0] && items[0].raw.row ? at(items[0]) : ""),
    label: (item) => item.dataset.label + ": " + words(item.raw, item) });
  const labelled = () => shown().length <= 9;

  function growth(group, one) {
    const fit = fitOf(group, one);
    return fit ? power(fit.exponent) : "";
  }
  function sayTimes(group) {
    const n = group.ns[group.ns.length - 1], last = group.rows.filter((row) => lengthOf(row) === n && seriesOf(row).on)
      .sort((a, b) => a.median_s - b.median_s);
    if (!last.length) return "Nothing is shown.";
    const best = last[0], worst = last[last.length - 1];
    let words = "At " + group.axis + " " + n + " " + seriesOf(best).name + " takes " + seconds(best.median_s);
    if (last.length > 1) words += ", " + seriesOf(worst).name + " " + times(worst.median_s / best.median_s) + " as long";
    const fits = shown().map((one) => fitOf(group, one)).filter(Boolean).sort((a, b) => a.exponent - b.exponent);
    if (fits.length > 1) words += "; time grows as " + power(fits[0].exponent) + " (" + fits[0].variant + ") to " + power(fits[fits.length - 1].exponent) + " (" + fits[fits.length - 1].variant + ")";
    else if (fits.length) words += "; time grows as " + power(fits[0].exponent);
    return words + ".";
  }
  function sayLaunch() {
    const launches = data.sources.map((source) => source.launch_us).filter((value) => value > 0);
    return launches.length ? " Shaded: launch-bound, below " + LAUNCHES + " empty launches (" + seconds(LAUNCHES * 1e-6 * Math.max(...launches)) + ")." : "";
  }
  function drawTimes(group, ranges) {
    const sets = shown().map((one) => {
      const fit = fitOf(group, one), grown = fit ? power(fit.exponent) : "";
      return lineSet(one, pick(group, one).map((row) => ({ x: lengthOf(row), y: row.median_s, row: row,
        low: row.ci95_s ? row.ci95_s[0] : undefined, high: row.ci95_s ? row.ci95_s[1] : undefined })),
      { end: labelled() ? (many ? one.variant : one.name) + " " + grown : "", shortEnd: labelled() ? grown : "" });
    }).filter((set) => set.data.length);
    const launch = Math.max(0, ...data.sources.map((source) => source.launch_us || 0));
    return {
      sentence: sayTimes(group),
      config: configure("line", sets, { x: lengthAxis(ranges.x, group.axis), y: logAxis(ranges.y, 10, { tick: tickSeconds }) },
        tip((point) => seconds(point.y) + (point.low ? " (95 %: " + seconds(point.low) + " to " + seconds(point.high) + ")" : "")),
        { launchBound: { below: LAUNCHES * launch * 1e-6 } }),
      table: () => [[group.axis, ...shown().map((one) => one.name)],
        [...group.ns.map((n) => [n, ...shown().map((one) => {
          const row = pick(group, one).find((candidate) => lengthOf(candidate) === n);
          return row ? seconds(row.median_s) : "";
        })]), ["growth", ...shown().map((one) => {
          const fit = fitOf(group, one);
          return fit ? power(fit.exponent) + (fit.exponent_ci95 >= 0 ? " ± " + fit.exponent_ci95.toFixed(2) : "") : "";
        })]]],
    };
  }
  function rangesOf(axisName, y) {
    const among = groups.filter((group) => group.axis === axisName);
    return { x: extent(among.flatMap((group) => group.ns)), y: extent(among.flatMap((group) => group.rows.map(y)).filter((value) => value > 0)) };
  }
  const few = () => groups.slice(0, PANELS);
  const left = () => (groups.length > PANELS ? " " + count(groups.length - PANELS, "further combination") + " in the tables below." : "");
  const common = () => (groups.common ? groups.common.replace(/^./, (c) => c.toUpperCase()) + ". " : "");

  function addTimes() {
    if (!groups.length) {
      charts.append(element("p", { className: "note" }, "No charts over n: no two right results differ in their length alone."));
      return;
    }
    const panels = section("Time against length", common() + "Both axes are logarithmic; bands are 95 % intervals of the median, exponents those of the fits." + sayLaunch() + left());
    for (const group of few()) {
      const ranges = rangesOf(group.axis, (row) => row.median_s);
      figure(panels, group.title, () => drawTimes(group, { x: ranges.x, y: padded(ranges.y, 1.6) }));
    }
  }

  function sayRates(group) {
    const best = group.rows.filter((row) => seriesOf(row).on && row.gflop_s > 0).reduce((a, b) => (a && a.gflop_s >= b.gflop_s ? a : b), null);
    if (!best) return "Nothing is shown.";
    const peak = peakOf(data.sources[best.source], group.key.dtype);
    return seriesOf(best).name + " reaches " + rate(best.gflop_s) + " at " + group.axis + " " + lengthOf(best) + (peak ? ", " + percent(best.gflop_s / peak) + " of the peak" : "") + ".";
  }
  function drawRates(group, range, top) {
    const sets = shown().map((one) => lineSet(one, pick(group, one).filter((row) => row.gflop_s > 0)
      .map((row) => ({ x: lengthOf(row), y: rateOf(row.gflop_s), row: row })),
    { end: labelled() ? (many ? one.variant : one.name) : "", shortEnd: "" })).filter((set) => set.data.length);
    unique(shown().map((one) => one.source)).forEach((s) => {
      const peak = peakOf(data.sources[s], group.key.dtype);
      if (peak && group.rows.some((row) => row.source === s))
        sets.push(reference("peak" + (many ? ", " + data.sources[s].label : ""), padded(range, 1.12).map((x) => ({ x: x, y: rateOf(peak) })),
          { end: "peak " + digits(rateOf(peak)), shortEnd: "peak" }));
    });
    return {
      sentence: sayRates(group),
      config: configure("line", sets, { x: lengthAxis(range, group.axis), y: axis({ min: 0, max: top, skip: true, tick: (value) => plain(value) }) },
        tip((point) => digits(point.y) + " " + rateUnit)),
      table: () => [[group.axis, ...shown().map((one) => one.name)], group.ns.map((n) => [n, ...shown().map((one) => {
        const row = pick(group, one).find((candidate) => lengthOf(candidate) === n);
        return row && row.gflop_s > 0 ? digits(rateOf(row.gflop_s)) : "";
      })])],
    };
  }
  function addRates() {
    if (!groups.length || !(most > 0)) return;
    const panels = section(rateUnit + " against length", common() + "Operations count unmasked pairs only, so that a causal problem has half of them and not half the rate." + left());
    for (const group of few()) {
      const among = groups.filter((other) => other.axis === group.axis);
      const peaks = data.sources.map((source) => peakOf(source, group.key.dtype) || 0);
      const top = rateOf(Math.max(...peaks, ...among.flatMap((other) => other.rows.map((row) => row.gflop_s || 0)))) * 1.06;
      figure(panels, group.title, () => drawRates(group, rangesOf(group.axis, (row) => row.median_s).x, top));
    }
  }

  function addRoofline() {
    const placed = ok.filter((row) => row.flops > 0 && row.bytes > 0 && row.gflop_s > 0);
    const roofs = data.sources.map((source) => ({ source: source, compute: peakOf(source, "f16"), bandwidth: Math.max(source.read_gb_s || 0, source.copy_gb_s || 0) }));
    if (!placed.length || !roofs.some((roof) => roof.compute && roof.bandwidth)) {
      charts.append(element("p", { className: "note" }, "No roofline: the device's peaks were not measured (attnbench run --peaks fresh)."));
      return;
    }
    const panels = section("Roofline", "Each mark is a cell: its rate against its operations per byte, each input read once and the output written once. No cell can lie above a roof that was measured well.");
    panels.classList.add("one");
    const intensity = (row) => row.flops / row.bytes;
    const ridges = roofs.filter((roof) => roof.compute && roof.bandwidth).map((roof) => roof.compute / roof.bandwidth);
    const x = padded(extent([...placed.map(intensity), ...ridges]), 2);
    const dims = unique(placed.map((row) => data.problems[row.problem].d_k + data.problems[row.problem].d_v)).sort((a, b) => a - b);
    figure(panels, "", () => {
      const sets = shown().map((one) => lineSet(one, placed.filter((row) => seriesOf(row) === one).map((row) => ({ x: intensity(row), y: rateOf(row.gflop_s), row: row })), { showLine: false }));
      roofs.forEach((roof) => {
        if (!roof.compute || !roof.bandwidth) return;
        const ridge = roof.compute / roof.bandwidth, tag = many ? ", " + roof.source.label : "";
        sets.push(reference("bandwidth " + plain(roof.bandwidth) + " GB/s" + tag, [{ x: x[0], y: rateOf(x[0] * roof.bandwidth) }, { x: ridge, y: rateOf(roof.compute) }], { borderDash: [], begin: "bandwidth " + plain(roof.bandwidth) + " GB/s" }));
        sets.push(reference("compute " + rate(roof.compute) + tag, [ridge, x[1]].map((value) => ({ x: value, y: rateOf(roof.compute) })), { borderDash: [], end: "compute " + plain(rateOf(roof.compute)), shortEnd: "compute" }));
        const width = dims[0], exp = roof.source.exp_gop_s * 2 * width;
        if (exp > 0) sets.push(reference("exp2 at d_k " + width / 2 + tag, x.map((value) => ({ x: value, y: rateOf(exp) })), { end: "exp2, d_k " + width / 2, shortEnd: "exp2" }));
      });
      const visible = placed.filter((row) => seriesOf(row).on);
      const near = visible.map((row) => [row, row.gflop_s / Math.min(roofs[row.source].compute || Infinity, intensity(row) * (roofs[row.source].bandwidth || Infinity))]).sort((a, b) => b[1] - a[1])[0];
      const y = extent(sets.flatMap((set) => set.data.map((point) => point.y)));
      const ridge = Math.min(...ridges), right = visible.filter((row) => intensity(row) > ridge).length;
      return {
        height: 380,
        sentence: near ? right + " of " + count(visible.length, "cell") + " lie where arithmetic binds (over " + plain(ridge) + " operations a byte). Nearest to its roof is " + seriesOf(near[0]).name + " at " + lengths(data.problems[near[0].problem]) + ", " + describe(data.problems[near[0].problem]) + ": " + percent(near[1]) + "." : "Nothing is shown.",
        config: configure("scatter", sets, { x: logAxis(x, 2, { title: "operations per byte", tick: (value) => plain(value), grid: false }), y: logAxis(padded(y, 1.3), 10, { title: rateUnit, tick: (value) => plain(value) }) },
          { label: (item) => item.raw.row ? item.dataset.label + ": " + digits(item.raw.y) + " " + rateUnit + ", " + lengths(data.problems[item.raw.row.problem]) + ", " + describe(data.problems[item.raw.row.problem]) : item.dataset.label }),
        table: () => [["series", "problem", "operations per byte", rateUnit], visible.map((row) => [seriesOf(row).name, lengths(data.problems[row.problem]) + ", " + describe(data.problems[row.problem]), plain(intensity(row)), digits(rateOf(row.gflop_s))])],
      };
    });
  }

  function addSpeedups() {
    const based = groups.filter((group) => group.rows.some((row) => row.variant === baseline) && group.rows.some((row) => row.variant !== baseline)).slice(0, PANELS);
    if (!based.length) return;
    const panels = section("Speed-up over naive", common() + "How many times as fast as the naive kernel on the same device in the same run.");
    const ratio = (group, row) => {
      const base = group.rows.find((other) => other.variant === baseline && other.source === row.source && other.problem === row.problem);
      return base ? base.median_s / row.median_s : NaN;
    };
    const all = based.flatMap((group) => group.rows.map((row) => ratio(group, row))).filter((value) => value > 0);
    for (const group of based)
      figure(panels, group.title, () => {
        const sets = shown().filter((one) => one.variant !== baseline).map((one) => lineSet(one, pick(group, one)
          .map((row) => ({ x: lengthOf(row), y: ratio(group, row), row: row })).filter((point) => point.y > 0),
        { end: labelled() ? (many ? one.variant : one.name) : "", shortEnd: "" })).filter((set) => set.data.length);
        const best = sets.flatMap((set) => set.data).reduce((a, b) => (a && a.y >= b.y ? a : b), null);
        return {
          sentence: best ? seriesOf(best.row).name + " is " + times(best.y) + " as fast as naive at " + group.axis + " " + best.x + "." : "Nothing is shown.",
          config: configure("line", sets, { x: lengthAxis(rangesOf(group.axis, (row) => row.median_s).x, group.axis), y: logAxis(padded(extent([1, ...all]), 1.3), 2, { tick: (value) => plain(value) + "×" }) },
            tip((point) => plain(point.y) + " times as fast")),
          table: () => [[group.axis, ...sets.map((set) => set.label)], group.ns.map((n) => [n, ...sets.map((set) => {
            const point = set.data.find((one) => one.x === n);
            return point ? plain(point.y) : "";
          })])],
        };
      });
  }

  function addHeat() {
    const cells = new Map();
    for (const row of ok) {
      const key = data.problems[row.problem];
      const rest = [lengths(key), ...["mask", "dtype", "others"].map((name) => NAMES[name](key))].filter(Boolean).join(", ");
      if (!cells.has(rest)) cells.set(rest, []);
      cells.get(rest).push(row);
    }
    const key = (row) => data.problems[row.problem];
    const spread = (found) => unique(found.map((row) => heads(key(row)))).length > 1 && unique(found.map((row) => size(key(row)))).length > 1;
    const chosen = [...cells].filter(([, found]) => spread(found)).sort((a, b) => b[1].length - a[1].length)[0];
    if (!chosen) return;
    const [title, found] = chosen;
    const best = Math.max(...found.map((row) => row.gflop_s || 0));
    const panels = section("Heads and head dimension", rateUnit + " at " + title + "; the darker, the nearer to the highest, " + rate(best) + ". Empty: not measured.");
    panels.classList.add("three");
    const down = unique(found.map((row) => heads(key(row)))).sort((a, b) => parseInt(a) - parseInt(b));
    const across = unique(found.map((row) => size(key(row)))).sort((a, b) => parseInt(a) - parseInt(b));
    for (const one of series) {
      const mine = found.filter((row) => seriesOf(row) === one);
      if (!mine.length) continue;
      const top = mine.reduce((a, b) => (a.gflop_s >= b.gflop_s ? a : b));
      const table = element("table", { className: "heat" },
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "heads \\ d"), ...across.map((d) => element("th", { scope: "col" }, d)))),
        element("tbody", {}, ...down.map((h) => element("tr", {}, element("th", { scope: "row" }, h), ...across.map((d) => {
          const row = mine.find((candidate) => heads(key(candidate)) === h && size(key(candidate)) === d);
          const cell = element("td", {}, row ? digits(rateOf(row.gflop_s)) : "");
          if (row) cell.style.backgroundColor = "rgba(" + style("--heat") + "," + (0.04 + 0.36 * row.gflop_s / best).toFixed(3) + ")";
          return cell;
        })))));
      panels.append(element("figure", {}, element("figcaption", {}, element("h3", {}, one.name),
        element("p", {}, "Highest with " + heads(key(top)) + " heads of " + size(key(top)) + ".")), table));
    }
  }

  function slope(points) {
    const first = points[0], last = points[points.length - 1];
    return points.length > 1 && first.y > 0 ? Math.log(last.y / first.y) / Math.log(last.x / first.x) : NaN;
  }
  function addMemory() {
    if (!main || !main.rows.some((row) => row.total_bytes > 0)) return;
    const panels = section("Scratch memory against length", "What a variant needs beside inputs and output; " + describe(main.key) + ".");
    panels.classList.add("one");
    figure(panels, "", () => {
      const sets = shown().map((one) => {
        const points = pick(main, one).filter((row) => row.scratch_bytes > 0).map((row) => ({ x: lengthOf(row), y: row.scratch_bytes, row: row }));
        const grown = slope(points);
        return lineSet(one, points, { end: labelled() ? (many ? one.variant : one.name) + " " + (isFinite(grown) ? power(grown) : "") : "", shortEnd: isFinite(grown) ? power(grown) : "" });
      }).filter((set) => set.data.length);
      const free = unique(shown().filter((one) => { const mine = pick(main, one); return mine.length && mine.every((row) => row.scratch_bytes === 0); }).map((one) => one.variant));
      const rest = main.ns.map((n) => { const row = main.rows.find((one) => lengthOf(one) === n && one.total_bytes > 0); return { x: n, y: row ? row.total_bytes - (row.scratch_bytes || 0) : NaN }; }).filter((point) => point.y > 0);
      sets.push(reference("inputs and output", rest, { end: "inputs and output " + power(slope(rest)), shortEnd: power(slope(rest)) }));
      const y = extent(sets.flatMap((set) => set.data.map((point) => point.y)));
      const words = sets.slice(0, -1).map((set) => set.label + " " + bytes(set.data[set.data.length - 1].y));
      return {
        sentence: (words.length ? "At " + main.axis + " " + main.ns[main.ns.length - 1] + ": " + list(words) + ". " : "") + (free.length ? list(free) + (free.length > 1 ? " need" : " needs") + " none." : ""),
        config: configure("line", sets, { x: lengthAxis(extent(main.ns), main.axis), y: logAxis(padded(y, 1.5), 4, { tick: bytes }) }, tip((point) => bytes(point.y))),
        table: () => [[main.axis, ...sets.map((set) => set.label)], main.ns.map((n) => [n, ...sets.map((set) => { const point = set.data.find((one) => one.x === n); return point ? bytes(point.y) : ""; })])],
      };
    });
  }

  function addPasses() {
    const found = main ? series.filter((one) => pick(main, one).some((row) => row.passes && row.passes.length > 1)) : [];
    if (!found.length) return;
    const panels = section("Where the time goes", "The part of each pass in the time of all; " + describe(main.key) + ". Variants of one pass are left out.");
    for (const one of found) {
      const mine = pick(main, one).filter((row) => row.passes && row.passes.length > 1);
      const names = mine[0].passes.map((pass, i) => i + 1 + ". " + pass.kernel);
      const sum = (row) => row.passes.reduce((total, pass) => total + pass.median_s, 0);
      const part = (row, i) => (row.passes[i] ? row.passes[i].median_s / sum(row) : 0);
      figure(panels, one.name, () => {
        const last = mine[mine.length - 1], large = names.map((name, i) => i).reduce((a, b) => (part(last, a) >= part(last, b) ? a : b));
        const config = configure("bar", names.map((name, i) => ({ label: name, data: mine.map((row) => 100 * part(row, i)),
          backgroundColor: mix(style(one.colour), style("--ground"), 1 - 0.8 * i / Math.max(1, names.length - 1) * 0.95), borderColor: style("--ground"), borderWidth: 1, barPercentage: 0.9, categoryPercentage: 0.9 })),
        { x: axis({ type: "category", stacked: true, title: main.axis, grid: false, offset: true }), y: axis({ stacked: true, min: 0, max: 100, skip: true, tick: (value) => value + " %" }) },
        { label: (item) => item.dataset.label + ": " + item.raw.toFixed(1) + " %" },
        { legend: { display: true, position: "bottom", labels: { color: style("--ink"), boxWidth: 12, boxHeight: 12, padding: 10 } } });
        config.data.labels = mine.map((row) => String(lengthOf(row)));
        return {
          height: 260, config: config,
          sentence: "At " + main.axis + " " + lengthOf(last) + " " + names[large].replace(/^\d+\. /, "") + " takes " + percent(part(last, large)) + ".",
          table: () => [[main.axis, ...names], mine.map((row) => [lengthOf(row), ...names.map((name, i) => percent(part(row, i)) + " (" + seconds(row.passes[i] ? row.passes[i].median_s : 0) + ")")])],
        };
      });
    }
  }
  function mix(colour, ground, part) {
    const channels = (text) => [1, 3, 5].map((i) => parseInt(text.length < 7 ? text[(i + 1) / 2].repeat(2) : text.slice(i, i + 2), 16));
    const [a, b] = [channels(colour), channels(ground)];
    return "rgb(" + a.map((value, i) => Math.round(value * part + b[i] * (1 - part))).join(",") + ")";
  }

  /* Rows of marks, one row a series; x is a number. */
  function strip(names, sets, xAxis, tooltip, plugins) {
    const config = configure("scatter", sets, { x: xAxis, y: axis({ min: -0.6, max: names.length - 0.4, reverse: true, at: () => names.map((name, i) => i), tick: (value) => names[value], grid: false }) }, tooltip, plugins);
    return config;
  }
  const wiggle = (i) => 0.5 * ((i * 0.618034) % 1) - 0.25; // spread evenly, the same each time

  function addSamples() {
    const timed = unique(ok.filter((row) => row.samples_s && row.samples_s.length > 2).map((row) => row.problem));
    if (!timed.length) return;
    const panels = section("Samples of one cell", "Each mark is a launch, placed by how far it lies from its row's median.");
    panels.classList.add("one");
    const of = (problem) => ok.filter((row) => row.problem === problem && row.samples_s && row.samples_s.length > 2);
    const inMain = main ? main.ns[main.ns.length >> 1] : 0;
    let chosen = timed.find((problem) => main && main.rows.some((row) => row.problem === problem) && data.problems[problem].n_kv === inMain) ?? timed[0];
    const select = element("select", { id: "cell" }, ...timed.map((problem) => element("option", { value: problem, selected: problem === chosen }, lengths(data.problems[problem]) + ", " + describe(data.problems[problem]))));
    panels.before(element("div", { className: "choose" }, element("label", { htmlFor: "cell" }, "Cell"), select));
    const entry = figure(panels, "", () => {
      const mine = of(chosen).filter((row) => seriesOf(row).on);
      const off = (row) => row.samples_s.map((value) => value / median(row.samples_s) - 1);
      const all = mine.flatMap(off), reach = Math.max(0.02, quantile(all.map(Math.abs), 0.985) || 0) * 1.05;
      const outside = all.filter((value) => Math.abs(value) > reach).length;
      const sets = mine.map((row, place) => lineSet(seriesOf(row), off(row).map((value, i) => ({ x: Math.max(-reach, Math.min(reach, value)) * 100, y: place + wiggle(i), row: row, s: row.samples_s[i] })),
        { showLine: false, pointStyle: "circle", pointRadius: 2, pointBorderWidth: 0, backgroundColor: style(seriesOf(row).colour) + "99" }));
      const spreads = mine.map((row) => [row, (quantile(row.samples_s, 0.9) - quantile(row.samples_s, 0.1)) / median(row.samples_s)]).sort((a, b) => a[1] - b[1]);
      const thinned = mine.some((row) => row.samples > row.samples_s.length);
      return {
        height: 60 + 40 * mine.length,
        sentence: (spreads.length ? "Steadiest is " + seriesOf(spreads[0][0]).name + ", of whose samples four fifths lie within " + percent(spreads[0][1]) + "; widest " + seriesOf(spreads[spreads.length - 1][0]).name + " with " + percent(spreads[spreads.length - 1][1]) + "." : "Nothing is shown.") +
          (outside ? " " + count(outside, "sample") + " beyond the axis " + (outside === 1 ? "stands" : "stand") + " at its edge." : "") + (thinned ? " Rows with many samples are shown by evenly spaced quantiles of them." : ""),
        config: strip(mine.map((row) => seriesOf(row).name), sets, axis({ min: -reach * 100, max: reach * 100, skip: true, tick: (value) => (value > 0 ? "+" : "") + plain(value) + " %" }), { label: (item) => item.dataset.label + ": " + seconds(item.raw.s) }),
        table: () => [["series", "samples", "least", "10 %", "median", "90 %", "greatest"], mine.map((row) => [seriesOf(row).name, row.samples, ...[0, 0.1, 0.5, 0.9, 1].map((part) => seconds(quantile(row.samples_s, part)))])],
      };
    });
    select.addEventListener("change", () => {
      chosen = Number(select.value);
      entry.redraw();
    });
  }

  function addAccuracy() {
    const checked = rows.filter((row) => row.err_over_tolerance >= 0 && seriesOf(row));
    if (!checked.length) return;
    const panels = section("Accuracy", "The largest error of each checked cell as a part of its tolerance, which is derived for each problem. Right of 1 a result is wrong.");
    panels.classList.add("one");
    figure(panels, "", () => {
      const mine = checked.filter((row) => seriesOf(row).on), dtype = (row) => data.problems[row.problem].dtype;
      const kinds = unique(mine.map((row) => dtype(row) + "\u00a0 " + seriesOf(row).name)).sort(ascending);
      const positive = mine.map((row) => row.err_over_tolerance).filter((value) => value > 0);
      const range = [Math.min(0.1, ...positive) / 1.5, Math.max(1, ...positive) * 1.6];
      const sets = shown().map((one) => lineSet(one, mine.filter((row) => seriesOf(row) === one).map((row, i) => ({ x: Math.max(range[0], row.err_over_tolerance), y: kinds.indexOf(dtype(row) + "\u00a0 " + one.name) + wiggle(i), row: row })), { showLine: false, pointRadius: 3 })).filter((set) => set.data.length);
      sets.push(reference("tolerance", [{ x: 1, y: -0.6 }, { x: 1, y: kinds.length - 0.4 }], { showLine: true, borderDash: [], borderColor: style("--bad") }));
      const worst = mine.reduce((a, b) => (a && a.err_over_tolerance >= b.err_over_tolerance ? a : b), null);
      return {
        height: 60 + 32 * kinds.length,
        sentence: worst ? "Nearest to its tolerance is " + seriesOf(worst).name + " at " + lengths(data.problems[worst.problem]) + ", " + describe(data.problems[worst.problem]) + ": " + plain(worst.err_over_tolerance) + " of it." : "Nothing is shown.",
        config: strip(kinds, sets, logAxis(range, 10, { tick: (value) => plain(value) }), { label: (item) => item.raw.row ? item.dataset.label + ": " + plain(item.raw.row.err_over_tolerance) + ", " + lengths(data.problems[item.raw.row.problem]) : item.dataset.label }),
        table: () => [["dtype and series", "cells", "least", "median", "greatest"], kinds.map((kind) => { const errors = mine.filter((row) => dtype(row) + "\u00a0 " + seriesOf(row).name === kind).map((row) => row.err_over_tolerance); return [kind, errors.length, plain(Math.min(...errors)), plain(median(errors)), plain(Math.max(...errors))]; })],
      };
    });
  }

  // ---- which series are shown

  function swatch(one) {
    const NS = "http://www.w3.org/2000/svg", svg = document.createElementNS(NS, "svg"), line = document.createElementNS(NS, "path"), mark = document.createElementNS(NS, "path");
    const MARK = { circle: "M10 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0", rect: "M10.5 2.5h7v7h-7z", triangle: "M14 1.5l4.5 8h-9z", rectRot: "M14 1l5 5l-5 5l-5-5z", cross: "M14 1v10M9 6h10", star: "M14 1v10M9 6h10M10.5 2.5l7 7M17.5 2.5l-7 7", crossRot: "M10.5 2.5l7 7M17.5 2.5l-7 7", dash: "M10 6h8" };
    for (const [name, value] of [["width", 28], ["height", 12], ["viewBox", "0 0 28 12"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
    line.setAttribute("d", "M0 6h28");
    line.setAttribute("stroke-dasharray", one.dash.join(" "));
    mark.setAttribute("d", MARK[one.mark]);
    for (const path of [line, mark]) {
      path.style.stroke = "var(" + one.colour + ")";
      path.setAttribute("stroke-width", 2);
    }
    mark.style.fill = "var(" + one.colour + ")";
    svg.append(line, mark);
    return svg;
  }
  function addLegend() {
    const legend = element("div", { id: "series", role: "group", "aria-label": "series shown in the charts" });
    for (const one of series) {
      const button = element("button", { type: "button", "aria-pressed": "true" }, swatch(one), one.name);
      button.addEventListener("click", () => {
        one.on = !one.on;
        button.setAttribute("aria-pressed", String(one.on));
        figures.forEach((entry) => entry.redraw());
      });
      legend.append(button);
    }
    charts.append(legend);
  }

  // ---- the table of all rows

  function addSorting(table) {
    const body = table.tBodies[0], all = [...body.rows];
    [...table.tHead.rows[0].cells].forEach((head, column, heads_) => {
      if (column === heads_.length - 1) return;
      const button = element("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads_.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const numbers = all.some((row) => row.cells[column].dataset.v !== undefined);
        const value = (row) => (numbers ? Number(row.cells[column].dataset.v ?? NaN) : row.cells[column].textContent);
        const sorted = all.map((row) => [value(row), row]).sort((a, b) => {
          if (a[0] !== a[0] || b[0] !== b[0]) return (a[0] !== a[0]) - (b[0] !== b[0]); // the unknown last
          return ascending(a[0], b[0]) * (down ? -1 : 1);
        });
        body.append(...sorted.map((pair) => pair[1]));
      });
    });
  }
  function addFilter(table) {
    const all = [...table.tBodies[0].rows], texts = all.map((row) => [...row.cells].slice(0, -1).map((cell) => cell.textContent).join(" ").toLowerCase());
    const input = element("input", { type: "search", id: "filter", placeholder: "fused 1024 causal" });
    const status = element("select", { id: "status" }, element("option", { value: "" }, "any status"), ...unique(data.rows.map((row) => row.status)).map((name) => element("option", { value: name }, name)));
    const shownRows = element("span", { role: "status" });
    function apply() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let kept = 0;
      all.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word)) || (status.value !== "" && !row.querySelector("details[data-row]") ? true : status.value !== "" && data.rows[row.querySelector("details[data-row]").dataset.row].status !== status.value);
        kept += !row.hidden;
      });
      shownRows.textContent = kept + " of " + count(all.length, "row");
    }
    input.addEventListener("input", apply);
    status.addEventListener("change", apply);
    document.getElementById("filters").append(element("label", { htmlFor: "filter" }, "Filter"), input, element("label", { htmlFor: "status" }, "Status"), status, shownRows);
    apply();
  }
  function addRowDetails(details) {
    details.addEventListener("toggle", () => {
      const row = data.rows[details.dataset.row];
      if (!details.open || details.dataset.filled || !row.samples_s) return;
      details.dataset.filled = "yes";
      const thinned = row.samples > row.samples_s.length;
      details.append(element("p", {}, count(row.samples, "sample") + (thinned ? ", of which " + row.samples_s.length + " evenly spaced quantiles" : "") + ", in seconds:"), element("pre", {}, row.samples_s.join(" ")));
    });
  }

  // ---- theme

  function addTheme() {
    const root = document.documentElement, button = document.getElementById("theme");
    const prefers = window.matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
    function apply() {
      button.textContent = dark() ? "Light" : "Dark";
      button.setAttribute("aria-label", dark() ? "switch to light colours" : "switch to dark colours");
      figures.forEach((entry) => entry.redraw());
    }
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      apply();
    });
    prefers.addEventListener("change", apply);
    let before;
    window.addEventListener("beforeprint", () => {
      before = root.dataset.theme;
      root.dataset.theme = "light";
      apply();
    });
    window.addEventListener("afterprint", () => {
      if (before) root.dataset.theme = before;
      else delete root.dataset.theme;
      apply();
    });
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", dark() ? "switch to light colours" : "switch to dark colours");
  }

  const table = document.getElementById("rows");
  if (window.Chart) {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    if (ok.length) {
      charts.replaceChildren();
      addLegend();
      addTimes();
      addRates();
      addRoofline();
      addHeat();
      addSpeedups();
      addMemory();
      addPasses();
      addSamples();
      addAccuracy();
    } else {
      charts.firstElementChild.textContent = "No charts: no cell has a right result.";
    }
  }
  addSorting(table);
  addFilter(table);
  table.querySelectorAll("details[data-row]").forEach(addRowDetails);
  addTheme();
})();
