/* Charts of cells: roofline, heads by head dimension, passes. */

const problemName = (row) => lengths(problemOf(row)) + ", " + describe(problemOf(row));

// ---- roofline

/* The roofs of a source as lines from x[0] to x[1] operations per byte. */
function roofSets(roof, x, width) {
  const ridge = roof.compute / roof.bandwidth,
    tag = many ? " (" + roof.label + ")" : "";
  const point = (at, gflop) => ({ x: at, y: rateOf(gflop) });
  const bandwidth = plain(roof.bandwidth) + " GB/s";
  const sets = [
    reference(
      "bandwidth " + bandwidth + tag,
      [point(x[0], x[0] * roof.bandwidth), point(ridge, roof.compute)],
      { borderDash: [], along: roof.first && !isNarrow() ? bandwidth : "" },
    ),
    reference(
      "compute " + rate(roof.compute) + tag,
      [point(ridge, roof.compute), point(x[1], roof.compute)],
      { borderDash: [], end: "compute " + plain(rateOf(roof.compute)), shortEnd: "compute" },
    ),
  ];
  const exp = roof.exp * 2 * width; // operations that go with one exponential
  if (exp > 0)
    sets.push(
      reference(
        "exp2, d_k " + width / 2 + tag,
        x.map((at) => point(at, exp)),
        { end: roof.first ? "exp2, d_k " + width / 2 : "", shortEnd: roof.first ? "exp2" : "" },
      ),
    );
  return sets;
}
const intensity = (row) => row.flops / row.bytes;
function sayRoofline(visible, roofs) {
  if (!visible.length) return "Nothing is shown.";
  const known = roofs.filter((roof) => roof.known),
    ridge = Math.min(...known.map((roof) => roof.compute / roof.bandwidth));
  const bound = visible.filter((row) => intensity(row) > ridge).length;
  const part = (row) =>
    roofs[row.source].known
      ? row.gflop_s /
        Math.min(roofs[row.source].compute, intensity(row) * roofs[row.source].bandwidth)
      : 0;
  const near = visible.reduce((a, b) => (part(a) >= part(b) ? a : b));
  return (
    bound +
    " of " +
    count(visible.length, "cell") +
    " lie where arithmetic binds (over " +
    plain(ridge) +
    " operations a byte). Nearest to its roof is " +
    seriesOf(near).name +
    " at " +
    problemName(near) +
    ": " +
    percent(part(near)) +
    "."
  );
}
function addRoofline() {
  const placed = ok.filter((row) => row.flops > 0 && row.bytes > 0 && row.gflop_s > 0);
  const roofs = data.sources.map((source, s) => {
    const compute = peakOf(source, "f16"),
      bandwidth = Math.max(source.read_gb_s || 0, source.copy_gb_s || 0);
    return {
      compute: compute,
      bandwidth: bandwidth,
      exp: source.exp_gop_s,
      label: labels[s],
      known: compute > 0 && bandwidth > 0,
      first: s === 0,
    };
  });
  const known = roofs.filter((roof) => roof.known);
  if (!placed.length || !known.length) {
    charts.append(
      element(
        "p",
        { className: "note" },
        "No roofline: the device's peaks were not measured (attnbench run --peaks fresh).",
      ),
    );
    return;
  }
  const panels = section(
    "Roofline",
    "Each mark is a cell: its rate against its operations per byte, each input read once and the output written once. A cell above a roof tells of a stale peak, or of data that caches kept.",
  );
  panels.classList.add("one");
  const x = padded(
    extent([...placed.map(intensity), ...known.map((roof) => roof.compute / roof.bandwidth)]),
    2,
  );
  const width = Math.min(...placed.map((row) => problemOf(row).d_k + problemOf(row).d_v));
  figure(panels, "", () => {
    const visible = placed.filter((row) => seriesOf(row).on);
    const marks = shown()
      .map((one) =>
        lineSet(
          one,
          visible
            .filter((row) => seriesOf(row) === one)
            .map((row) => ({ x: intensity(row), y: rateOf(row.gflop_s), row: row })),
          { showLine: false },
        ),
      )
      .filter((set) => set.data.length);
    const sets = [...marks, ...known.flatMap((roof) => roofSets(roof, x, width))];
    const y = padded(extent(sets.flatMap((set) => set.data.map((point) => point.y))), 1.3);
    return {
      height: 380,
      sentence: sayRoofline(visible, roofs),
      config: configure(
        "scatter",
        sets,
        {
          x: logAxis(x, 2, { title: "operations per byte", tick: plain, grid: false }),
          y: logAxis(y, 10, { title: rateUnit, tick: plain }),
        },
        {
          label: (item) =>
            item.dataset.label +
            (item.raw.row
              ? ": " + digits(item.raw.y) + " " + rateUnit + ", " + problemName(item.raw.row)
              : ""),
        },
      ),
      table: () => [
        ["series", "problem", "operations per byte", rateUnit],
        visible.map((row) => [
          seriesOf(row).name,
          problemName(row),
          plain(intensity(row)),
          digits(rateOf(row.gflop_s)),
        ]),
      ],
    };
  });
}

// ---- heads by head dimension

/* The problems that differ in these two alone, most cells first: [what they share, rows]. */
function findHeat() {
  const all = new Map();
  for (const row of ok) {
    const rest = [
      lengths(problemOf(row)),
      describe(problemOf(row), ["mask", "dtype", "others"]),
    ].join(", ");
    if (!all.has(rest)) all.set(rest, []);
    all.get(rest).push(row);
  }
  const spread = (found, of) => unique(found.map((row) => of(problemOf(row)))).length > 1;
  return [...all]
    .filter(([, found]) => spread(found, heads) && spread(found, size))
    .sort((a, b) => b[1].length - a[1].length)[0];
}
function heatTable(mine, down, across, best) {
  const th = (scope) => (text) => element("th", { scope: scope }, text);
  const cell = (h, d) => {
    const row = mine.find((one) => heads(problemOf(one)) === h && size(problemOf(one)) === d);
    const made = element("td", {}, row ? digits(rateOf(row.gflop_s)) : "");
    if (row)
      made.style.backgroundColor =
        "rgba(var(--heat), " + (0.04 + (0.36 * row.gflop_s) / best).toFixed(3) + ")";
    return made;
  };
  return element(
    "table",
    { className: "heat" },
    element("thead", {}, element("tr", {}, ...["heads", ...across].map(th("col")))),
    element(
      "tbody",
      {},
      ...down.map((h) => element("tr", {}, th("row")(h), ...across.map((d) => cell(h, d)))),
    ),
  );
}
function addHeat() {
  const chosen = findHeat();
  if (!chosen) return;
  const [title, found] = chosen,
    best = Math.max(...found.map((row) => row.gflop_s || 0));
  const values = (of) =>
    unique(found.map((row) => of(problemOf(row)))).sort((a, b) => parseInt(a) - parseInt(b));
  const panels = section(
    "Heads and head dimension",
    rateUnit +
      " at " +
      title +
      ": heads down, d_k across; the stronger the colour, the nearer to the highest, " +
      rate(best) +
      ". Empty: not measured.",
  );
  panels.classList.add("three");
  for (const one of series) {
    const mine = found.filter((row) => seriesOf(row) === one && row.gflop_s > 0);
    if (!mine.length) continue;
    const top = mine.reduce((a, b) => (a.gflop_s >= b.gflop_s ? a : b));
    panels.append(
      element(
        "figure",
        {},
        element(
          "figcaption",
          {},
          element("h3", {}, one.name),
          element(
            "p",
            {},
            "Highest with " + NAMES.heads(problemOf(top)) + " of " + size(problemOf(top)) + ".",
          ),
        ),
        heatTable(mine, values(heads), values(size), best),
      ),
    );
  }
}

// ---- passes

/* `part` of the colour over the ground, both "#rrggbb" or "#rgb". */
function mix(colour, ground, part) {
  const channels = (text) =>
    [1, 3, 5].map((i) =>
      parseInt(text.length < 7 ? text[(i + 1) / 2].repeat(2) : text.slice(i, i + 2), 16),
    );
  const under = channels(ground);
  return (
    "rgb(" +
    channels(colour)
      .map((value, i) => Math.round(value * part + under[i] * (1 - part)))
      .join(",") +
    ")"
  );
}
function passPanel(parent, one, mine) {
  const names = mine[0].passes.map((pass, i) => i + 1 + ". " + pass.kernel),
    last = mine[mine.length - 1];
  const sum = (row) => row.passes.reduce((total, pass) => total + pass.median_s, 0);
  const time = (row, i) => (row.passes[i] ? row.passes[i].median_s : 0),
    part = (row, i) => time(row, i) / sum(row);
  const order = names.map((name, i) => i).sort((a, b) => part(last, b) - part(last, a)); // the largest is the darkest
  const shade = (i) => 1 - (0.78 * order.indexOf(i)) / Math.max(1, names.length - 1);
  figure(parent, one.name, () => {
    const bars = names.map((name, i) => ({
      label: name,
      data: mine.map((row) => 100 * part(row, i)),
      backgroundColor: mix(style(one.colour), style("--ground"), shade(i)),
      borderColor: style("--ground"),
      borderWidth: 1,
      barPercentage: 0.9,
      categoryPercentage: 0.9,
    }));
    const config = configure(
      "bar",
      bars,
      {
        x: axis({ type: "category", stacked: true, title: main.axis, grid: false, offset: true }),
        y: linearAxis([0, 100], { stacked: true, tick: (value) => value + " %" }),
      },
      { label: (item) => item.dataset.label + ": " + item.raw.toFixed(1) + " %" },
      {
        legend: {
          display: true,
          position: "bottom",
          labels: { color: style("--ink"), boxWidth: 12, boxHeight: 12, padding: 10 },
        },
      },
    );
    config.data.labels = mine.map((row) => String(lengthOf(row)));
    return {
      height: 260,
      config: config,
      sentence:
        "At " +
        main.axis +
        " " +
        lengthOf(last) +
        " " +
        names[order[0]].replace(/^\d+\. /, "") +
        " takes " +
        percent(part(last, order[0])) +
        " of the time.",
      table: () => [
        [main.axis, ...names],
        mine.map((row) => [
          lengthOf(row),
          ...names.map((name, i) => percent(part(row, i)) + " (" + seconds(time(row, i)) + ")"),
        ]),
      ],
    };
  });
}
function addPasses() {
  const several = (one) => pick(main, one).filter((row) => row.passes && row.passes.length > 1);
  const found = main ? series.filter((one) => several(one).length) : [];
  if (!found.length) return;
  const panels = section(
    "Where the time goes",
    "The part of each pass in the time of all; " +
      describe(main.key) +
      ". Variants of one pass are left out.",
  );
  for (const one of found) passPanel(panels, one, several(one));
}
