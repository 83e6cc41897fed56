/* Charts over length: time, rate, speed-up and memory, a panel a group. */
const LAUNCHES = 5; // below so many empty launches a fit leaves a time out
const PANELS = 12;

const few = () => groups.slice(0, PANELS);
const left = () =>
  groups.length > PANELS
    ? " " + count(groups.length - PANELS, "further combination") + " in the tables below."
    : "";
const common = () =>
  groups.common ? groups.common.replace(/^./, (c) => c.toUpperCase()) + ". " : "";
const labelled = () => shown().length <= 9;
const rowTitle = {
  title: (items) => (items[0] && items[0].raw.row ? lengths(problemOf(items[0].raw.row)) : ""),
};

/* Groups over the same axis share their range, so that panels compare. */
function rangesOf(group, value) {
  const among = groups.filter((other) => other.axis === group.axis);
  return {
    x: extent(among.flatMap((other) => other.ns)),
    y: extent(among.flatMap((other) => other.rows.map(value)).filter((y) => y > 0)),
  };
}

/* The name at the end of a line; the source only where a variant has several here. */
function endName(group, one) {
  const repeated = shown().some(
    (other) => other !== one && other.variant === one.variant && pick(group, other).length,
  );
  return repeated ? one.name : one.variant;
}

/* A panel with a line a series. Of `view`: value(row) and low(row), high(row); format(value);
 * grown(points, one), an exponent or ""; y, an axis; references, further sets; say(sets); foot, a
 * last line of the table; omit(one). */
function lengthPanel(parent, group, title, view) {
  const pointsOf = (one) =>
    pick(group, one)
      .map((row) => ({
        x: lengthOf(row),
        y: view.value(row),
        row: row,
        low: view.low && view.low(row),
        high: view.high && view.high(row),
      }))
      .filter((point) => point.y > 0);
  figure(parent, title, () => {
    const sets = [];
    for (const one of shown()) {
      const points = view.omit && view.omit(one) ? [] : pointsOf(one);
      if (!points.length) continue;
      const grown = view.grown ? view.grown(points, one) : "";
      const ends = labelled()
        ? { end: endName(group, one) + (grown && " " + grown), shortEnd: grown }
        : {};
      sets.push(lineSet(one, points, { ...ends, one: one }));
    }
    const references = view.references ? view.references(group) : [];
    const at = (set, n) => set.data.find((point) => point.x === n);
    return {
      sentence: sets.length ? view.say(group, sets) : "Nothing is shown.",
      config: configure(
        "line",
        [...sets, ...references],
        { x: lengthAxis(rangesOf(group, view.value).x, group.axis), y: view.y(group) },
        {
          ...rowTitle,
          label: (item) =>
            item.dataset.label +
            ": " +
            view.format(item.raw.y) +
            (item.raw.low > 0
              ? " (95 %: " + view.format(item.raw.low) + " to " + view.format(item.raw.high) + ")"
              : ""),
        },
        view.plugins,
      ),
      table: () => [
        [group.axis, ...sets.map((set) => set.label)],
        [
          ...group.ns.map((n) => [
            n,
            ...sets.map((set) => (at(set, n) ? view.format(at(set, n).y) : "")),
          ]),
          ...(view.foot ? [view.foot(group, sets)] : []),
        ],
      ],
    };
  });
}
const highest = (sets) => sets.flatMap((set) => set.data).reduce((a, b) => (a.y >= b.y ? a : b));

// ---- time

/* Of each source that is shown, a device's own: below so many of its empty launches. */
const launchAreas = () =>
  data.sources
    .map((source, s) => ({ below: LAUNCHES * 1e-6 * (source.launch_us || 0), source: s }))
    .filter((area) => area.below > 0 && shown().some((one) => one.source === area.source))
    .map((area) => ({
      below: area.below,
      name: "launch-bound" + (many ? " on " + labels[area.source] : ""),
    }))
    .sort((a, b) => b.below - a.below);

function sayTimes(group, sets) {
  const n = group.ns[group.ns.length - 1];
  const last = sets
    .flatMap((set) => set.data)
    .filter((point) => point.x === n)
    .sort((a, b) => a.y - b.y);
  const words = [];
  if (last.length)
    words.push(
      "at " +
        group.axis +
        " " +
        n +
        " " +
        seriesOf(last[0].row).name +
        " takes " +
        seconds(last[0].y),
    );
  if (last.length > 1) {
    const worst = last[last.length - 1];
    words[0] += ", " + seriesOf(worst.row).name + " " + times(worst.y / last[0].y) + " as long";
  }
  const fits = sets
    .map((set) => fitOf(group, set.one))
    .filter(Boolean)
    .sort((a, b) => a.exponent - b.exponent);
  const grown = (fit) => power(fit.exponent) + " (" + fit.variant + ")";
  if (fits.length > 1)
    words.push("time grows as " + grown(fits[0]) + " to " + grown(fits[fits.length - 1]));
  else if (fits.length) words.push("time grows as " + power(fits[0].exponent));
  return words.join("; ").replace(/^./, (c) => c.toUpperCase()) + ".";
}
function footTimes(group, sets) {
  return [
    "growth",
    ...sets.map((set) => {
      const fit = fitOf(group, set.one);
      return fit
        ? power(fit.exponent) + (fit.exponent_ci95 >= 0 ? " ± " + fit.exponent_ci95.toFixed(2) : "")
        : "";
    }),
  ];
}
function addTimes() {
  if (!groups.length) {
    charts.append(
      element(
        "p",
        { className: "note" },
        "No charts over n: no two right results differ in their length alone.",
      ),
    );
    return;
  }
  const shaded = launchAreas().length
    ? " Shaded: launch-bound, below " +
      LAUNCHES +
      " empty launches (" +
      list(
        launchAreas().map(
          (area) => seconds(area.below) + (many ? area.name.replace("launch-bound", "") : ""),
        ),
      ) +
      ")."
    : "";
  const panels = section(
    "Time against length",
    common() +
      "Both axes are logarithmic; bands are 95 % intervals of the median, exponents those of the fits." +
      shaded +
      left(),
  );
  for (const group of few())
    lengthPanel(panels, group, group.title, {
      value: (row) => row.median_s,
      low: (row) => row.ci95_s && row.ci95_s[0],
      high: (row) => row.ci95_s && row.ci95_s[1],
      format: seconds,
      grown(points, one) {
        const fit = fitOf(group, one);
        return fit ? power(fit.exponent) : "";
      },
      y() {
        const range = padded(rangesOf(group, (row) => row.median_s).y, 1.6);
        for (const area of launchAreas()) // room for their names
          if (area.below > range[0]) range[0] = Math.min(range[0], area.below / 2.5);
        return logAxis(range, 10, { tick: tickSeconds });
      },
      say: sayTimes,
      foot: footTimes,
      plugins: { launchBound: { areas: launchAreas() } },
    });
}

// ---- rate

function addRates() {
  if (!groups.length || !(most > 0)) return;
  const panels = section(
    rateUnit + " against length",
    common() +
      "Operations count unmasked pairs only, so that a causal problem has half of them and not half the rate." +
      left(),
  );
  const value = (row) => (row.gflop_s > 0 ? rateOf(row.gflop_s) : undefined);
  const peak = (group, s) => peakOf(data.sources[s], group.key.dtype);
  const peaks = (group) =>
    data.sources
      .map((source, s) => s)
      .filter(
        (s) => peak(group, s) && shown().some((one) => one.source === s && pick(group, one).length),
      );
  for (const group of few())
    lengthPanel(panels, group, group.title, {
      value: value,
      format: (rate) => digits(rate) + " " + rateUnit,
      y: () =>
        linearAxis(
          [
            0,
            1.06 *
              Math.max(
                rangesOf(group, value).y[1],
                ...data.sources.map((source, s) => rateOf(peak(group, s) || 0)),
              ),
          ],
          { tick: plain },
        ),
      references: () =>
        peaks(group).map((s) =>
          reference(
            "peak" + (many ? " (" + labels[s] + ")" : ""),
            padded(rangesOf(group, value).x, 1.12).map((x) => ({
              x: x,
              y: rateOf(peak(group, s)),
            })),
            { end: "peak " + digits(rateOf(peak(group, s))), shortEnd: "peak" },
          ),
        ),
      say(_, sets) {
        const best = highest(sets),
          most_ = peak(group, best.row.source);
        return (
          seriesOf(best.row).name +
          " reaches " +
          rate(best.row.gflop_s) +
          " at " +
          group.axis +
          " " +
          best.x +
          (most_ ? ", " + percent(best.row.gflop_s / most_) + " of the peak" : "") +
          "."
        );
      },
    });
}

// ---- speed-up over naive

function addSpeedups() {
  const based = groups
    .filter(
      (group) =>
        group.rows.some((row) => row.variant === baseline) &&
        group.rows.some((row) => row.variant !== baseline),
    )
    .slice(0, PANELS);
  if (!based.length) return;
  const panels = section(
    "Speed-up over naive",
    common() + "How many times as fast as the naive kernel on the same device in the same run.",
  );
  const ratio = (group) => (row) => {
    const base = group.rows.find(
      (other) =>
        other.variant === baseline && other.source === row.source && other.problem === row.problem,
    );
    return base ? base.median_s / row.median_s : undefined;
  };
  const range = padded(
    extent([1, ...based.flatMap((group) => group.rows.map(ratio(group))).filter((y) => y > 0)]),
    1.3,
  );
  for (const group of based)
    lengthPanel(panels, group, group.title, {
      value: ratio(group),
      omit: (one) => one.variant === baseline,
      format: (value) => plain(value) + "×",
      y: () => logAxis(range, 2, { tick: (value) => plain(value) + "×" }),
      say: (_, sets) =>
        seriesOf(highest(sets).row).name +
        " is " +
        times(highest(sets).y) +
        " as fast as naive at " +
        group.axis +
        " " +
        highest(sets).x +
        ".",
    });
}

// ---- memory

function slope(points) {
  const first = points[0],
    last = points[points.length - 1];
  return points.length > 1 ? power(Math.log(last.y / first.y) / Math.log(last.x / first.x)) : "";
}
function addMemory() {
  if (!main || !main.rows.some((row) => row.total_bytes > 0)) return;
  const panels = section(
    "Scratch memory against length",
    "What a variant needs beside inputs and output; " + describe(main.key) + ".",
  );
  panels.classList.add("one");
  const rest = main.ns
    .map((n) => {
      const row = main.rows.find((one) => lengthOf(one) === n && one.total_bytes > 0);
      return { x: n, y: row ? row.total_bytes - (row.scratch_bytes || 0) : NaN };
    })
    .filter((point) => point.y > 0);
  const free = () =>
    unique(
      shown()
        .filter(
          (one) =>
            pick(main, one).length && pick(main, one).every((row) => row.scratch_bytes === 0),
        )
        .map((one) => one.variant),
    );
  const all = [
    ...main.rows.map((row) => row.scratch_bytes).filter((y) => y > 0),
    ...rest.map((point) => point.y),
  ];
  lengthPanel(panels, main, "", {
    value: (row) => row.scratch_bytes,
    format: bytes,
    grown: slope,
    y: () => logAxis(padded(extent(all), 1.5), 4, { tick: bytes }),
    references: () => [
      reference("inputs and output", rest, {
        end: "inputs and output " + slope(rest),
        shortEnd: slope(rest),
      }),
    ],
    say(_, sets) {
      const needs = sets.map((set) => set.label + " " + bytes(set.data[set.data.length - 1].y));
      const none = free().length
        ? " " + list(free()) + (free().length > 1 ? " need" : " needs") + " none."
        : "";
      return (
        "At " + main.axis + " " + main.ns[main.ns.length - 1] + ": " + list(needs) + "." + none
      );
    },
  });
}
