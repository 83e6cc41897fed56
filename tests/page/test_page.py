"""The HTML report in Chromium, with the network off: nothing is requested and nothing complains, each
chart has its marks, the table sorts and filters, the keyboard reaches everything, foreign text does
nothing, axe-core (Deque) finds no fault, and without scripts the tables are there.
"""
import collections
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from browser import Browser, missing  # noqa: E402
from harness import OK, PROGRAM, SKIP, SOURCE, ProgramTest, main, make_suite  # noqa: E402

AXE = pathlib.Path(os.environ.get("ATTNBENCH_AXE",
                                  SOURCE / "build/npm/node_modules/axe-core/axe.min.js"))
STANDARD = SOURCE / "results/pocl-cpu-0--standard--2026-11-21T0739Z.json"
SPEED = SOURCE / "results/pocl-cpu-0--speed--2026-11-21.json"
CLAIMS = SOURCE / "tests/golden/claims.results.json"
NASTY = ("<img src=x onerror=window.hacked=1> </script><script>window.hacked=1</script> "
         "\x1b[31m \u202egnp \u2028 <!-- \" ' & javascript:window.hacked=1")
TAB, SPACE, ENTER = "\ue004", " ", "\ue007"

# Of each canvas: the section's heading, the figure's, marks of each dataset, and drawn pixels.
CHARTS = """
return [...document.querySelectorAll("canvas")].map((canvas) => {
  const chart = Chart.getChart(canvas), figure = canvas.closest("figure");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let heading = figure.parentElement;
  while (heading.tagName !== "H2") heading = heading.previousElementSibling;
  return {
    section: heading.textContent, title: (figure.querySelector("h3") || {textContent: ""}).textContent,
    label: canvas.getAttribute("aria-label"), sentence: figure.querySelector("figcaption p").textContent,
    sets: chart.data.datasets.map((set) => [set.label, set.data.length]),
    x: chart.scales.x.ticks.map((tick) => tick.label), drawn: pixels.some((value) => value > 0),
  };
});"""

# Of each claim: its key, verdict, and of its canvases the label, marks and drawn pixels.
FIGURES = """
return [...document.querySelectorAll(".claim")].map((claim) => [claim.dataset.key,
  claim.querySelector("h3 + p").textContent, [...claim.querySelectorAll("canvas")].map((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return {label: canvas.getAttribute("aria-label"), drawn: pixels.some((value) => value > 0),
            sets: Chart.getChart(canvas).data.datasets.map((set) => [set.label, set.data.length])};
  })]);"""


def setUpModule():
    global browser
    browser = Browser()
    unittest.addModuleCleanup(browser.close)


class Page(ProgramTest):
    def show(self, *results, scheme="light", scripts=True, edit=None):
        self.attnbench("report", *results, "--format", "html", "--out", "page.html", status=OK)
        path = self.folder / "page.html"
        if edit:
            path.write_text(edit(path.read_text()))
        browser.size(1280, 900)
        browser.open(path, scheme, scripts)
        return path

    def expect_quiet(self, path):
        self.assertEqual(browser.logs(), [])
        self.assertEqual(browser.requests(), [path.as_uri()])

    def run_null(self, name="out.json", **more):
        self.write("s.json", make_suite({"n": [4, 8, 16]}, **more))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", name, status=OK)
        return self.results(name)

    def visible(self):
        return browser.run("return [...document.querySelectorAll('#rows tbody tr')]"
                           ".filter((row) => !row.hidden).map((row) => row.cells[0].textContent)")


class Charts(Page):
    def expect_marks(self, scheme):
        """The published run: 4 groups of 6 variants and 6 lengths, 198 right cells."""
        path = self.show(STANDARD, scheme=scheme)
        self.expect_quiet(path)
        charts = collections.defaultdict(list)
        for chart in browser.run(CHARTS):
            self.assertTrue(chart["drawn"], chart)
            self.assertIn(chart["sentence"].replace("^", ""), chart["label"].replace("^", ""))
            self.assertRegex(chart["sentence"], r"\d.*\.$")
            charts[chart["section"]].append(chart)
        marks = {name: [sorted(count for _, count in chart["sets"]) for chart in found]
                 for name, found in charts.items()}
        self.assertEqual(marks, {
            "Time against length": [[6] * 6] * 4,
            "GFLOP/s against length": [[2] + [6] * 6] * 4,
            "Speed-up over naive": [[6] * 5] * 4,
            "Roofline": [[2] * 3 + [33] * 6],
            "Scratch memory against length": [[6] * 5],
            "Where the time goes": [[6] * 3, [6] * 2, [6] * 3, [6] * 3],
            "Samples of one cell": [marks["Samples of one cell"][0]],
            "Accuracy": [[2] + [33] * 6]})
        results = json.loads(STANDARD.read_text())["rows"]
        cell = "attention(heads_q=8,heads_kv=8,n_q=1024,n_kv=1024,d_k=64,d_v=64)"
        self.assertEqual(dict(charts["Samples of one cell"][0]["sets"]), {
            row["variant"]: len(row["time"]["samples_s"]) for row in results
            if row["cell"] == cell and row["status"] == "ok"})
        self.assertEqual(charts["Time against length"][0]["x"],
                         ["128", "256", "512", "1024", "2048", "4096"])
        self.assertEqual(browser.run("return [...document.querySelectorAll('.heat td')]"
                                     ".filter((cell) => cell.textContent).length"), 6 * 11)

    def test_light(self):
        self.expect_marks("light")

    def test_dark(self):
        self.expect_marks("dark")

    def test_several_files_are_series_side_by_side(self):
        path = self.show(STANDARD, SPEED)
        self.expect_quiet(path)
        first = browser.run(CHARTS)[0]
        self.assertEqual(dict(first["sets"])["fused_vector (standard)"], 6)
        self.assertEqual(dict(first["sets"])["fused_vector (speed)"], 7)
        self.assertEqual(browser.run("return document.querySelectorAll('#series button').length"), 8)

    def test_titles_name_models_and_phases_and_each_device_has_its_own_launches(self):
        sweeps = {"prefill": {"n": [64, 128, 256]}, "decode": {"n_q": [1], "n_kv": [64, 128, 256]}}
        for model, heads in (("gpt-x", 2), ("llama-y", 4)):
            self.write(f"{model}.json", {**make_suite(sweeps, defaults={"heads": heads}),
                                         "name": model})
        devices = [{"id": f"dev-{i}", "name": f"Device {i}"} for i in range(2)]
        self.attnbench("run", "gpt-x.json", "llama-y.json", "--device", "null-all", "--quiet", "--out",
                       "out.json", status=OK, script={"devices": devices, "launch_us": 7})
        results = self.results()
        results["devices"][1]["peaks"]["launch_us"] = 40
        self.write("out.json", results)
        path = self.show("out.json")
        self.expect_quiet(path)
        charts = [c for c in browser.run(CHARTS) if c["section"] == "Time against length"]
        titles = [chart["title"] for chart in charts]
        self.assertEqual(len(titles), 4)
        self.assertEqual(len(set(titles)), 4, titles)
        for model in ("gpt-x", "llama-y"):
            for phase in ("prefill", "decode"):
                self.assertTrue([t for t in titles if t.startswith(f"{model}, {phase}, ")], titles)
        areas = browser.run("""return Chart.getChart(document.querySelector("canvas"))
            .options.plugins.launchBound.areas.map((area) => [area.name, area.below])""")
        self.assertEqual([name for name, _ in areas],
                         ["launch-bound on dev-1", "launch-bound on dev-0"])
        self.assertAlmostEqual(areas[0][1], 5 * 40e-6)
        self.assertAlmostEqual(areas[1][1], 5 * 7e-6)
        first = browser.run("return document.querySelector('.pairs li').textContent")
        self.assertRegex(first, r"^dev-\d .* times as fast as dev-\d .*; prefill .*; decode ")
        # Two runs of one suite are one name in the title.
        self.show("out.json", "out.json")
        self.assertEqual(browser.run("return document.title").count("gpt-x"), 1)

    def test_every_chart_has_its_numbers(self):
        self.show(STANDARD)
        tables = browser.run("""
            const details = [...document.querySelectorAll("figure details")];
            details.forEach((one) => (one.open = true));
            return new Promise((done) => setTimeout(() => done(details.map((one) =>
              one.querySelectorAll("tbody tr").length)), 200));""")
        self.assertEqual(len(tables), len(browser.run(CHARTS)))
        self.assertNotIn(0, tables)
        # The same digits as in the tables that C wrote.
        read = """return [...document.querySelectorAll(arguments[0] + " tr")].map((line) =>
            [...line.cells].map((cell) => (cell.querySelector("small") ? [...cell.childNodes]
              .slice(0, -1).map((node) => node.textContent).join("") : cell.textContent)
              .replace(/[~\\s]+/g, " ").trim()));"""
        panel = browser.run(read, "figure:first-child details table")[:7]  # of the first panel
        sweep = [line for line in browser.run(read, "[aria-label^='times of standard/n,']")
                 if line[0].endswith(", 64")]
        self.assertEqual([line[1:] for line in panel[1:]], [line[1:] for line in sweep])

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        self.show(STANDARD, SPEED)
        browser.size(390, 800)
        self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), 390)

    def test_it_prints(self):
        self.show(STANDARD, scheme="dark")
        browser.pdf(self.folder / "page.pdf")
        self.assertTrue((self.folder / "page.pdf").read_bytes().startswith(b"%PDF"))
        self.assertEqual(browser.logs(), [])

    def test_without_chart_js(self):
        def without(page):
            begin = page.index("<script>") + len("<script>")
            return page[:begin] + page[page.index("</script>", begin):]
        path = self.show(SPEED, edit=without)
        self.expect_quiet(path)
        self.assertEqual(browser.run("return document.querySelectorAll('canvas').length"), 0)
        self.assertEqual(browser.run("return document.querySelectorAll('#rows th button').length"),
                         14)

    def test_nothing_right_is_no_error(self):
        results = self.run_null()
        for row in results["rows"]:
            row.update(status="error", reason="it failed")
        results["summary"].update(ok=0, error=len(results["rows"]))
        path = self.show(self.write("none.json", results))
        self.expect_quiet(path)
        self.assertIn("no cell has a right result", browser.run(
            "return document.getElementById('charts').textContent"))


class Claims(Page):
    """The golden run of tests/unit/test_claims.c: nine claims, whose rows are made."""

    def expect_figures(self, scheme):
        path = self.show(CLAIMS, scheme=scheme)
        self.expect_quiet(path)
        found = {key: (verdict, figures) for key, verdict, figures in browser.run(FIGURES)}
        for key, (_, figures) in found.items():
            for figure in figures:
                self.assertTrue(figure["drawn"], key)
                self.assertRegex(figure["label"], r": .*\d")
        self.assertEqual({key: verdict for key, (verdict, _) in found.items()}, {
            **dict.fromkeys(["growth", "crossover", "additive", "million", "heads", "saturation",
                             "layer-transformer-base"], "holds"),
            **dict.fromkeys(["layer-bert-base", "layer-gpt-3"], "not measured here")})
        self.assertEqual({key: [figure["sets"] for figure in figures]
                          for key, (_, figures) in found.items()}, {
            "growth": [[["multi-head", 4], ["attention", 4], ["LSTM", 4], ["GRU", 4]]],
            "crossover": [[["LSTM", 4], ["GRU", 4], ["as fast", 2], ["d = 512", 2]]],
            "additive": [[["additive", 3], ["as fast", 2]]],
            "million": [[["no mask", 2], ["causal", 2]]],
            "heads": [[["whole", 6], ["attention itself", 6], ["one head", 2], ["similar", 2]]],
            "saturation": [[["with 1/√d_k", 8], ["without", 8], [name, 2]]
                           for name in ("uniform", "one takes all")],
            "layer-transformer-base": [[[name, 6] for name in (
                "attention", "projections", "feed-forward", "norms, residuals, the rest")]],
            "layer-bert-base": [[[name, 3] for name in (
                "attention", "projections", "feed-forward", "norms, residuals, the rest")]],
            "layer-gpt-3": []})

    def test_light(self):
        self.expect_figures("light")

    def test_dark(self):
        self.expect_figures("dark")

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        self.show(CLAIMS)
        browser.size(390, 800)
        self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), 390)

    def test_two_devices_have_sections_of_their_own(self):
        path = self.show(CLAIMS, SPEED, CLAIMS)
        self.expect_quiet(path)
        titles = browser.run("""return [...document.querySelectorAll(".claims h2")]
            .map((one) => one.textContent);""")
        self.assertEqual([title.split(":")[0] for title in titles], ["The paper, measured here"] * 2)
        self.assertEqual(len(set(titles)), 2)
        self.assertEqual(browser.run("return document.querySelectorAll('.claim canvas').length"), 18)
        self.assertEqual(browser.run("""const ids = [...document.querySelectorAll("[id]")]
            .map((one) => one.id); return ids.length - new Set(ids).size;"""), 0)

    def test_without_scripts_verdicts_and_tables_are_there(self):
        self.show(CLAIMS, scripts=False)
        root = browser.cdp("DOM.getDocument", depth=0)["root"]["nodeId"]
        page = browser.cdp("DOM.getOuterHTML", nodeId=root)["outerHTML"]
        self.assertEqual(page.count('<p class="holds">holds</p>'), 7)
        for words in ("they cross at n = 700", "O(n²·d)", "1024 steps of", "nothing here is a claim"):
            self.assertIn(words, page)
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)


class Table(Page):
    def test_sorting(self):
        self.show(STANDARD)
        read = """
            const head = [...document.querySelectorAll("#rows th")].find((th) =>
              th.textContent === arguments[0]);
            for (let i = 0; i < arguments[1]; ++i) head.querySelector("button").click();
            const column = head.cellIndex;
            return [head.getAttribute("aria-sort"), [...document.querySelectorAll("#rows tbody tr")]
              .map((row) => row.cells[column].dataset.v ?? row.cells[column].textContent)];"""
        for clicks, order in ((1, "ascending"), (1, "descending")):
            sort, values = browser.run(read, "median", clicks)
            self.assertEqual(sort, order)
            times = [float(value) for value in values if value]
            self.assertEqual(len(times), 198)
            self.assertEqual(values[198:], [""] * 33)  # the unknown come last
            self.assertEqual(times, sorted(times, reverse=order == "descending"))
        sort, values = browser.run(read, "variant", 1)
        self.assertEqual(values, sorted(values))

    def test_filter(self):
        self.show(STANDARD)
        write = """
            const input = document.getElementById(arguments[0]);
            input.value = arguments[1];
            input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input"));"""
        self.assertEqual(len(self.visible()), 231)
        browser.run(write, "filter", "FUSED_vector causal")
        self.assertEqual(self.visible(), ["fused_vector"] * 12)
        browser.run(write, "filter", "no such row")
        self.assertEqual(self.visible(), [])
        browser.run(write, "filter", "")
        browser.run(write, "status", "unsupported")
        self.assertEqual(self.visible(), ["split_kv"] * 33)
        self.assertIn("33 of 231 rows", browser.run(
            "return document.getElementById('filters').textContent"))


class Keyboard(Page):
    def test_it_reaches_and_works_everything(self):
        self.show(SPEED)
        browser.run("""
            window.reached = new Set();
            document.addEventListener("focusin", (event) => window.reached.add(event.target));""")
        for _ in range(3):
            browser.keys(TAB * 60)
        missed = browser.run("""
            const wanted = [...document.querySelectorAll(
              "button, select, input, summary, a[href], [tabindex='0']")].filter((one) =>
              one.checkVisibility());
            return wanted.filter((one) => !window.reached.has(one)).map((one) => one.outerHTML);""")
        self.assertEqual(missed, [])
        sets = "return Chart.getChart(document.querySelector('canvas')).data.datasets.length"
        before = browser.run(sets)
        browser.run("document.querySelector('#series button').focus()")
        browser.keys(SPACE)
        self.assertEqual(browser.run(sets), before - 1)
        browser.run("document.querySelector('#rows details summary').focus()")
        browser.keys(ENTER)
        shown = browser.run("""return new Promise((done) => setTimeout(() => done(
            document.querySelector('#rows details').innerText), 200));""")
        self.assertIn("attnbench run", shown)
        self.assertIn("samples", shown)
        ground = "return getComputedStyle(document.body).backgroundColor"
        light = browser.run(ground)
        browser.run("document.getElementById('theme').focus()")
        browser.keys(ENTER)
        self.assertNotEqual(browser.run(ground), light)
        self.assertEqual(browser.logs(), [])


class Accessibility(Page):
    @unittest.skipUnless(AXE.exists(), "axe-core is not there (scripts/axe fetches it)")
    def test_axe_finds_nothing(self):
        for result, scheme in itertools.product((SPEED, CLAIMS), ("light", "dark")):
            with self.subTest(result=result.name, scheme=scheme):
                self.show(result, scheme=scheme)
                browser.run("""
                    const all = document.querySelectorAll(
                      "figure details, .claim details, #rows details");
                    [...all].slice(0, 40).forEach((one) => (one.open = true));""")
                browser.cdp("Runtime.evaluate", expression=AXE.read_text())
                found = browser.run_async("""
                    const done = arguments[arguments.length - 1];
                    axe.run(document, {resultTypes: ["violations"]}).then((result) =>
                      done([result.passes.length, result.violations.map((one) =>
                        [one.id, one.help, one.nodes.length, one.nodes[0].html])]));""")
                self.assertEqual(found[1], [])
                self.assertGreater(found[0], 20)


class Hostile(Page):
    def nasty(self):
        """Every string that a driver or a foreign file can choose."""
        results = self.run_null()
        for key in ("name", "vendor", "driver", "platform", "opencl_c"):
            results["devices"][0][key] = NASTY
        results["run"]["suite"]["name"] = NASTY
        results["run"]["argv"] = ["run", NASTY]
        results["run"]["host"]["cpu"] = NASTY
        for i, row in enumerate(results["rows"]):
            row["variant"] = NASTY if i % 2 else "naive"
            row["sweeps"] = [NASTY]
            row["worker_output"] = NASTY
            for one in row["passes"]:
                one["kernel"] = NASTY
        results["rows"][0].update(status="error", reason=NASTY)
        results["summary"].update(ok=len(results["rows"]) - 1, error=1)
        return self.write("nasty.json", results)

    def test_it_does_nothing(self):
        path = self.show(self.nasty())
        browser.run("""document.querySelectorAll("details").forEach((one) => (one.open = true));
                       document.querySelectorAll("#rows th button")[0].click();""")
        self.expect_quiet(path)
        harmless, counts, text = browser.run("""
            const count = (what) => document.querySelectorAll(what).length;
            return new Promise((done) => setTimeout(() => done([window.hacked === undefined,
              [count("script"), count("img, [onerror]"), count("#rows td"), count("#rows td *:not(" +
                "details, details *)")], document.querySelector("main").textContent]), 300));""")
        self.assertTrue(harmless)
        self.assertEqual(counts, [3, 0, 6 * 15, 0])
        self.assertIn("<img src=x onerror=window.hacked=1>", text)
        self.assertIsNone(re.search("[\x1b\u202e\u2028]", text))
        self.assertGreater(browser.run("return document.querySelectorAll('canvas').length"), 3)

    def test_the_policy_stops_what_should_not_be_there(self):
        """Were the escaping to fail, the page's own policy would still refuse to run or load it."""
        def inject(page):
            return page.replace("<main>", '<main><script>window.hacked=1</script>'
                                '<img src="file:///dev/null" onerror="window.hacked=1">', 1)
        self.show(SPEED, edit=inject)
        self.assertTrue(browser.run("return window.hacked === undefined"))
        refused = [line for line in browser.logs() if "Content Security Policy" in line]
        for what in ("image", "script"):
            self.assertTrue([line for line in refused if f"{what}" in line.split("violates")[0]],
                            (what, refused))


class WithoutScripts(Page):
    def test_the_tables_are_there(self):
        self.show(STANDARD, SPEED, scripts=False)
        root = browser.cdp("DOM.getDocument", depth=0)["root"]["nodeId"]
        page = browser.cdp("DOM.getOuterHTML", nodeId=root)["outerHTML"]
        self.assertEqual(page.count("<canvas"), 0)
        self.assertEqual(len(re.findall("<tr><td>pocl-cpu-0 ", page)), 231 + 50)
        for words in ("is the one to use on", "79.1 ms", "438 GFLOP/s", "is above its maximum of 16",
                      "Charts are drawn where scripts run", "time grows as n^"):
            self.assertIn(words, page)
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)


def lacks():
    """Why the page cannot be tested here, or None."""
    page = subprocess.run([PROGRAM, "report", SPEED, "--format", "html"], capture_output=True,
                          text=True, check=True).stdout
    return "the program was built without Chart.js" if "built without Chart.js" in page else None


lacking = missing() or lacks()
if lacking:
    print(f"skipped: {lacking}")
    sys.exit(SKIP)
main()
