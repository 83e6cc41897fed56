/* Which series are shown, the table of all rows, light and dark, and the start of it all. */

function swatch(one) {
  const NS = "http://www.w3.org/2000/svg",
    svg = document.createElementNS(NS, "svg"),
    line = document.createElementNS(NS, "path"),
    mark = document.createElementNS(NS, "path");
  const MARK = {
    circle: "M10 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    rect: "M10.5 2.5h7v7h-7z",
    triangle: "M14 1.5l4.5 8h-9z",
    rectRot: "M14 1l5 5l-5 5l-5-5z",
    cross: "M14 1v10M9 6h10",
    star: "M14 1v10M9 6h10M10.5 2.5l7 7M17.5 2.5l-7 7",
    crossRot: "M10.5 2.5l7 7M17.5 2.5l-7 7",
    dash: "M10 6h8",
  };
  for (const [name, value] of [
    ["width", 28],
    ["height", 12],
    ["viewBox", "0 0 28 12"],
    ["aria-hidden", "true"],
  ])
    svg.setAttribute(name, value);
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
  const legend = element("div", {
    id: "series",
    role: "group",
    "aria-label": "series shown in the charts",
  });
  for (const one of series) {
    const button = element(
      "button",
      { type: "button", "aria-pressed": "true" },
      swatch(one),
      one.name,
    );
    button.addEventListener("click", () => {
      one.on = !one.on;
      button.setAttribute("aria-pressed", String(one.on));
      figures.forEach((entry) => entry.redraw());
    });
    legend.append(button);
  }
  charts.append(legend);
  if (many && shared.length)
    charts.append(element("p", { className: "note" }, "All series: " + shared.join(" ") + "."));
}
function addSorting(table) {
  const body = table.tBodies[0],
    all = [...body.rows];
  [...table.tHead.rows[0].cells].forEach((head, column, heads_) => {
    if (column === heads_.length - 1) return;
    const button = element("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads_.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numbers = all.some((row) => row.cells[column].dataset.v !== undefined);
      const value = (row) =>
        numbers ? Number(row.cells[column].dataset.v ?? NaN) : row.cells[column].textContent;
      const sorted = all
        .map((row) => [value(row), row])
        .sort((a, b) => {
          if (a[0] !== a[0] || b[0] !== b[0]) return (a[0] !== a[0]) - (b[0] !== b[0]); // the unknown last
          return ascending(a[0], b[0]) * (down ? -1 : 1);
        });
      body.append(...sorted.map((pair) => pair[1]));
    });
  });
}
function addFilter(table) {
  const all = [...table.tBodies[0].rows].map((row) => ({
    row: row,
    text: [...row.cells]
      .slice(0, -1)
      .map((cell) => cell.textContent)
      .join(" ")
      .toLowerCase(),
    status: data.rows[row.querySelector("details[data-row]").dataset.row].status,
  }));
  const option = (name) => element("option", { value: name }, name);
  const input = element("input", {
    type: "search",
    id: "filter",
    placeholder: "fused 1024 causal",
  });
  const status = element(
    "select",
    { id: "status" },
    element("option", { value: "" }, "any status"),
    ...unique(all.map((one) => one.status)).map(option),
  );
  const kept = element("span", { role: "status" });
  function apply() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of all)
      one.row.hidden =
        !words.every((word) => one.text.includes(word)) ||
        (status.value !== "" && one.status !== status.value);
    kept.textContent =
      all.filter((one) => !one.row.hidden).length + " of " + count(all.length, "row");
  }
  input.addEventListener("input", apply);
  status.addEventListener("change", apply);
  document
    .getElementById("filters")
    .append(
      element("label", { htmlFor: "filter" }, "Filter"),
      input,
      element("label", { htmlFor: "status" }, "Status"),
      status,
      kept,
    );
  apply();
}
function addRowDetails(details) {
  details.addEventListener("toggle", () => {
    const row = data.rows[details.dataset.row];
    if (!details.open || details.dataset.filled || !row.samples_s) return;
    details.dataset.filled = "yes";
    const thinned = row.samples > row.samples_s.length;
    details.append(
      element(
        "p",
        {},
        count(row.samples, "sample") +
          (thinned ? ", of which " + row.samples_s.length + " evenly spaced quantiles" : "") +
          ", in seconds:",
      ),
      element("pre", {}, row.samples_s.join(" ")),
    );
  });
}
function addTheme() {
  const root = document.documentElement,
    button = document.getElementById("theme");
  const prefers = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
  function name() {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", "switch to " + (dark() ? "light" : "dark") + " colours");
  }
  function apply() {
    name();
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
  name();
}

const table = document.getElementById("rows");
if (window.Chart) {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  addClaims();
  if (ok.length) {
    charts.replaceChildren();
    addLegend();
    const sections = [
      addTimes,
      addRates,
      addRoofline,
      addHeat,
      addSpeedups,
      addMemory,
      addPasses,
      addSamples,
      addAccuracy,
    ];
    for (const add of sections) add();
  } else {
    charts.firstElementChild.textContent = "No charts: no cell has a right result.";
  }
}
addSorting(table);
addFilter(table);
table.querySelectorAll("details[data-row]").forEach(addRowDetails);
addTheme();
