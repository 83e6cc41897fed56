"""Comparisons: what is called a regression and what is not, and what every format makes of it."""
import base64
import hashlib
import html.parser
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree

from harness import (BAD_INPUT, INCOMPLETE, IO, OK, PROGRAM, SKIP, SOURCE, USAGE, WRONG, ProgramTest, main,
                     make_suite)

FORMATS = ("text", "md", "json", "html", "junit")
REGRESSIONS = {"broken", "slower", "missing"}
# Enough samples for a verdict; the scripted times cost no time.
MEASURE = {"min_samples": 20, "min_time_s": 0, "max_time_s": 0.05, "target_rel_ci": 1}
NASTY = ("=cmd|' /C calc'!A0 \x1b[2J\x1b]0;owned\x07 \u202egnp.exe <img src=x onerror=alert(1)> "
         "</script><script>alert(2)</script> `a` |b| ]]> &amp; \x01\x0b\x7f \ufffe\uffff \u2028 \u2066")


class Page(html.parser.HTMLParser):
    """The elements of a page, its style, and what it would load or run."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.open, self.text, self.policy = [], [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> ends {self.open}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))


class CompareTest(ProgramTest):
    def run_suite(self, out, variants=("naive", "fused"), args=(), axes=None, status=OK, **script):
        self.write("s.json", make_suite(axes or {"n": [8, 16, 24, 32]}, variants=variants,
                                        measure=MEASURE))
        script = {"time_s": {"*": "1e-5*n_q"}, "noise": 0.02, **script}
        return self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", out, *args,
                              script=script, status=status)

    def compare(self, *args, status=OK):
        """The comparison as JSON."""
        result = self.attnbench("compare", *args, "--format", "json", status=status)
        return json.loads(result.stdout), result.stderr

    def verdicts(self, comparison):
        return {(row["variant"], row["base" if row["base"] else "new"]["device"],
                 int(re.search(r"n_q=(\d+)", row["cell"]).group(1))): row["verdict"]
                for row in comparison["rows"]}

    def expect_xml(self, text):
        """Well formed, and its numbers agree."""
        if shutil.which("xmllint"):
            self.write("x.xml", text)
            checked = subprocess.run(["xmllint", "--noout", str(self.folder / "x.xml")],
                                     capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        root = ElementTree.fromstring(text)
        for suite in root:
            cases = suite.findall("testcase")
            self.assertEqual(int(suite.get("tests")), len(cases))
            for attribute, element in (("failures", "failure"), ("errors", "error"),
                                       ("skipped", "skipped")):
                self.assertEqual(int(suite.get(attribute)),
                                 sum(case.find(element) is not None for case in cases))
            for case in cases:
                self.assertTrue(case.get("name") and case.get("classname"))
        return root


class Verdicts(CompareTest):
    def test_a_run_is_the_same_as_itself(self):
        self.run_suite("a.json")
        comparison, warnings = self.compare("a.json", "a.json")
        self.assertEqual(set(self.verdicts(comparison).values()), {"same"})
        self.assertEqual(comparison["geomean"], {"variant": None, "ratio": 1, "cells": 8})
        self.assertEqual(warnings, "")
        for format in FORMATS:
            result = self.attnbench("compare", "a.json", "a.json", "--format", format, status=OK)
            self.assertEqual(result.stderr, "")
        result = self.attnbench("compare", "a.json", "a.json", "--threshold", "50%", status=OK)
        self.assertEqual(result.stdout.splitlines()[-1], "8 same; geometric mean 1.000x")

    def test_a_slowed_variant_comes_first(self):
        variants = ("naive", "fused", "tiled")
        self.run_suite("a.json", variants, noise_seed=1)
        self.run_suite("b.json", variants, noise_seed=2,
                       time_s={"tiled": "1.1e-5*n_q", "*": "1e-5*n_q"})
        comparison, _ = self.compare("a.json", "b.json", status=WRONG)
        self.assertEqual([(row["variant"], row["verdict"]) for row in comparison["rows"][:4]],
                         [("tiled", "slower")] * 4)
        self.assertEqual(comparison["summary"]["regressions"], 4)
        for row in comparison["rows"][:4]:
            self.assertLess(row["ratio_low"], 1.1)
            self.assertGreater(row["ratio_high"], 1.1)
            self.assertLess(row["p_value"], 1e-4)
        means = {mean["variant"]: mean["ratio"] for mean in comparison["geomeans"]}
        self.assertAlmostEqual(means["tiled"], 1.1, delta=0.01)
        self.assertAlmostEqual(means["naive"], 1, delta=0.01)
        table = self.attnbench("compare", "a.json", "b.json", status=WRONG).stdout
        lines = table.split("\n\n")[1].splitlines()
        self.assertRegex(lines[1], r"^slower +1\.1\d\dx .* tiled ")
        self.assertRegex(table.splitlines()[-1], r"^4 slower, .*geometric mean 1\.0\d\dx$")
        # Backwards the same is faster, and beyond a large threshold nothing happened.
        comparison, _ = self.compare("b.json", "a.json", status=OK)
        self.assertEqual(comparison["summary"]["faster"], 4)
        comparison, _ = self.compare("a.json", "b.json", "--threshold", "20%", status=OK)
        self.assertEqual(comparison["summary"]["same"], 12)

    def test_noise_is_no_regression(self):
        """Six independent runs of 40 cells each against the first: 240 comparisons, no alarm."""
        axes = {"n": list(range(4, 44, 2))}
        self.run_suite("a.json", axes=axes, noise_seed=100)
        for seed in range(1, 7):
            with self.subTest(seed=seed):
                self.run_suite("b.json", axes=axes, noise_seed=seed)
                a, b = self.results("a.json")["rows"], self.results("b.json")["rows"]
                self.assertNotEqual(a[0]["time"]["samples_s"], b[0]["time"]["samples_s"])
                comparison, _ = self.compare("a.json", "b.json", status=OK)
                self.assertEqual(len(comparison["rows"]), 40)
                self.assertLessEqual(set(self.verdicts(comparison).values()), {"same", "unclear"})
                self.assertGreater(comparison["summary"]["same"], 35)

    def test_two_variants_of_one_run(self):
        self.run_suite("a.json", ("naive", "fused", "tiled"),
                       time_s={"naive": "2e-5*n_q", "fused": "1e-5*n_q", "tiled": "1e-5*n_q"})
        comparison, warnings = self.compare("a.json", "--variants", "fused,naive", status=WRONG)
        self.assertEqual([row["verdict"] for row in comparison["rows"]], ["slower"] * 4)
        self.assertEqual(warnings, "")
        self.assertEqual((comparison["base"]["variant"], comparison["new"]["variant"]),
                         ("fused", "naive"))
        comparison, _ = self.compare("a.json", "--variants", "naive,fused", status=OK)
        self.assertEqual([row["verdict"] for row in comparison["rows"]], ["faster"] * 4)
        comparison, _ = self.compare("a.json", "--variants", "tiled,fused", status=OK)
        self.assertEqual([row["verdict"] for row in comparison["rows"]], ["same"] * 4)
        result = self.attnbench("compare", "a.json", "--variants", "fused,fussed", status=USAGE)
        self.assertIn("no problem was given to both fused and fussed on one device in 'a.json', "
                      "which has the variants fused, naive, tiled", result.stderr)
        self.assertEqual(result.stdout, "")


class SeveralRuns(CompareTest):
    def test_what_the_runs_of_the_base_differ_by_is_no_change(self):
        for out, factor in (("a.json", 1), ("b.json", 1.15), ("c.json", 0.92), ("d.json", 1.06),
                            ("new.json", 1.19), ("slow.json", 2.5)):
            self.run_suite(out, time_s={"*": f"{factor}*1e-5*n_q"}, noise_seed=ord(out[0]))
        comparison, _ = self.compare("a.json", "new.json", status=WRONG)  # as one run has it
        self.assertEqual(comparison["summary"]["slower"], 8)
        base = ["--base", "a.json,b.json,c.json,d.json"]
        comparison, _ = self.compare(*base, "new.json", status=OK)
        self.assertEqual(comparison["summary"]["slower"], 0)
        self.assertEqual(len(comparison["base"]["more_run_ids"]), 3)
        self.assertEqual(comparison["base"]["file"], "a.json,b.json,c.json,d.json")
        for row in comparison["rows"]:
            self.assertGreater(row["threshold"], 0.25)
        comparison, _ = self.compare(*base, "slow.json", status=WRONG)
        self.assertEqual(comparison["summary"]["slower"], 8)
        table = self.attnbench("compare", *base, "new.json", status=OK).stdout
        self.assertRegex(" ".join(table.split()), r"threshold 3 %, of 8 cells up to [\d.]+ %: as far as "
                                                  r"the runs of BASE are apart")
        self.assertIn("test (4 runs)", table)
        # One base is what two files are.
        one, _ = self.compare("--base", "a.json", "new.json", status=WRONG)
        self.assertEqual(one["summary"]["slower"], 8)

    def test_usage(self):
        self.run_suite("a.json")
        for args in (["--base", "a.json", "a.json", "a.json"],
                     ["--base", "a.json", "a.json", "--variants", "naive,fused"]):
            self.assertIn("--base FILE,... names all runs of BASE",
                          self.attnbench("compare", *args, status=USAGE).stderr)
        self.attnbench("compare", "--base", "a.json,none.json", "a.json", status=BAD_INPUT)


class NothingIsNotGreen(CompareTest):
    def test_no_cell_is_ok_on_both_sides(self):
        fails = [{"at": "build", "do": "fail"}]
        self.run_suite("bad.json", status=None, faults=fails)
        result = self.attnbench("compare", "bad.json", "bad.json", status=INCOMPLETE)
        self.assertIn("nothing was compared: of 8 cells none is ok on both sides; neither: the "
                      "script says that build fails", result.stderr)
        self.run_suite("good.json")
        self.attnbench("compare", "bad.json", "good.json", status=INCOMPLETE)  # fixed, not judged
        self.attnbench("compare", "good.json", "bad.json", status=WRONG)  # broken is worse

    def test_require(self):
        self.run_suite("a.json")
        self.run_suite("b.json", axes={"n": [8, 16, 24, 32, 40]})
        self.compare("a.json", "b.json", "--require", "8", status=OK)
        comparison = self.attnbench("compare", "a.json", "b.json", "--require", "9",
                                    status=INCOMPLETE)
        self.assertIn("8 cells are ok on both sides, --require wants 9", comparison.stderr)
        self.assertTrue(comparison.stdout)

    def test_a_threshold_without_a_sign(self):
        self.run_suite("a.json")
        result = self.attnbench("compare", "a.json", "a.json", "--threshold", "5", status=OK)
        self.assertEqual(result.stderr, "attnbench: the threshold is 5 %\n")
        self.assertIn("threshold 5 %", result.stdout)
        result = self.attnbench("compare", "a.json", "a.json", "--threshold", "5%", status=OK)
        self.assertEqual(result.stderr, "")
        for value in ("0.05", "5 %", "5x", "1e3"):  # 5 % or 0.05 %? more than 1000 %?
            self.attnbench("compare", "a.json", "a.json", "--threshold", value, status=USAGE
                           if value != "1e3" else OK)


class TwoDevices(CompareTest):
    """Which device, how much, and which kernel: naive is best on the slow one, fused elsewhere."""

    DEVICES = [{"id": "gpu-0", "name": "Fast thing", "type": "gpu"},
               {"id": "cpu-0", "name": "Slow thing", "type": "cpu"}]

    def run_devices(self, out="both.json", status=OK, faults=(), args=(), axes=None):
        self.write("s.json", make_suite(axes or {
            "prefill": {"n": [16, 32, 64]}, "decode": {"n_q": [1], "n_kv": [64, 128]}},
            measure=MEASURE))
        work = "1e-6*n_q*n_kv"
        script = {"noise": 0.02, "devices": self.DEVICES, "faults": list(faults), "time_s": {
            "naive": f"3*{work}", "fused": work}}
        self.attnbench("run", "s.json", "--device", "null-all", "--quiet", "--out", out, *args,
                       script=script, status=status)

    def slow_down(self, factors, out="both.json"):
        """The scripted device has one speed: the other's rows become slower by their variant."""
        results = self.results(out)
        for row in results["rows"]:
            row.pop("digest", None)
            if row["device"] == "cpu-0" and row["status"] == "ok":
                factor = factors[row["variant"]]
                time = row["time"]
                for key, value in time.items():
                    if key.endswith("_s") and isinstance(value, list):
                        time[key] = [factor * v for v in value]
                    elif key.endswith("_s") and value is not None:
                        time[key] = factor * value
                for key in ("gflop_s", "gb_s", "frac_of_peak", "frac_of_roofline"):
                    if row["rates"].get(key) is not None:
                        row["rates"][key] /= factor
                for one in row.get("passes", []):
                    one["median_s"] *= factor
        for fit in results["scaling"]:
            if fit["device"] == "cpu-0":
                fit["median_s"] = [factors[fit["variant"]] * v for v in fit["median_s"]]
                fit["ps_per_pair"] *= factors[fit["variant"]]
        self.write(out, results)

    def test_the_first_screen_says_it(self):
        self.run_devices()
        self.slow_down({"naive": 10, "fused": 100})  # best: 1 there, 30 here
        comparison, _ = self.compare("both.json", "--devices", "gpu-0,cpu-0", status=OK)
        pair = comparison["pair"]
        self.assertEqual((pair["all"]["problems"], pair["prefill"]["problems"],
                          pair["decode"]["problems"]), (5, 3, 2))
        for part in ("all", "prefill", "decode"):
            self.assertAlmostEqual(pair[part]["mean"], 30, delta=1)  # never 100: worst against best
        out = self.attnbench("compare", "both.json", "--devices", "gpu-0,cpu-0", status=OK)
        self.assertEqual(out.stderr, "")
        head = " ".join(out.stdout.split("BASE")[0].split())
        self.assertRegex(head, r"^gpu-0 is \d+\.\d to \d+\.\d times as fast as cpu-0 \(geometric mean "
                               r"\d+\.\d over 5 problems that both computed, the best variant of "
                               r"each, by the device's clock\); prefill .*3 problems\); decode .*2 "
                               r"problems\)")
        self.assertIn("on gpu-0 use fused (fastest on 3 of 3 problems), and for decoding fused "
                      "(fastest on 2 of 2 problems)", head)
        self.assertIn("on cpu-0 use naive (fastest on 3 of 3 problems)", head)
        self.assertNotIn("not measured", head)
        # The other way round the sentence is the same, and no device is a regression of another.
        other = self.attnbench("compare", "both.json", "--devices", "Slow,Fast", status=OK).stdout
        self.assertEqual(" ".join(other.split("BASE")[0].split()).split(")")[0],
                         head.split(")")[0])
        for format in FORMATS:
            text = self.attnbench("compare", "both.json", "--devices", "gpu-0,cpu-0", "--format",
                                  format, status=OK).stdout
            if format != "junit":
                self.assertRegex(" ".join(text.split()), "times as fast as cpu.{1,2}0", format)

    def test_what_was_not_measured_is_said(self):
        self.run_devices(status=INCOMPLETE, faults=[
            {"at": "launch", "device": "cpu-0", "variant": "fused", "cell": "n_q=32,", "do": "oom"},
            {"at": "build", "device": "gpu-0", "variant": "naive", "cell": "n_q=16,", "do": "fail"}])
        comparison, _ = self.compare("both.json", "--devices", "gpu-0,cpu-0", status=OK)
        text = " ".join(comparison["pair"]["sentences"])
        self.assertIn("not measured on cpu-0: 1 of 10 cells: 1 oom of fused", text)
        self.assertIn("not measured on gpu-0: 1 of 10 cells: 1 build_failed of naive", text)
        self.assertEqual(comparison["pair"]["all"]["partial"], 2)
        self.assertIn("of 2 problems not every variant was measured", text)

    def test_two_clocks_have_the_hosts_in_common(self):
        self.run_devices(faults=[{"at": "launch", "device": "cpu-0", "do": "bad_timer"}])
        comparison, _ = self.compare("both.json", "--devices", "gpu-0,cpu-0", status=OK)
        self.assertEqual(comparison["pair"]["clock"], "host")
        self.assertEqual(comparison["pair"]["all"]["problems"], 5)
        self.assertEqual({row["clock"] for row in comparison["rows"]}, {"host"})
        self.assertIn("by the host's clock", comparison["pair"]["sentences"][0])

    def test_two_files_of_one_device_each(self):
        self.run_devices()
        both = self.results("both.json")
        comparison, _ = self.compare("both.json", "both.json", status=OK)
        self.assertIsNone(comparison["pair"])  # several devices, compared with themselves
        self.assertEqual(len(both["devices"]), 2)

    def test_usage(self):
        self.run_devices()
        for devices, message in (("gpu-0", "--devices: expected two"),
                                 ("gpu-0,tpu", "--devices: "),
                                 ("gpu-0,gpu-0", "compared with itself"),
                                 ("gpu-0,Fast", "are one device, gpu-0")):
            result = self.attnbench("compare", "both.json", "--devices", devices, status=USAGE)
            self.assertIn(message, result.stderr)
        for args in (["--devices", "gpu-0,cpu-0", "both.json"],
                     ["--devices", "gpu-0,cpu-0", "--variants", "naive,fused"]):
            self.attnbench("compare", "both.json", *args, status=USAGE)


class Rows(CompareTest):
    def test_broken_missing_skipped_new_and_fixed(self):
        self.run_suite("base.json", axes={"n": [8, 16, 24, 32]}, status=None, faults=[
            {"at": "build", "variant": "fused", "cell": "n_q=8,", "do": "fail"}])
        self.run_suite("new.json", axes={"n": [8, 16, 24, 40]}, status=None,
                       args=["--filter", "n_q=(8|16|40),.*|n_q=24,.* naive"], faults=[
                           {"at": "launch", "variant": "naive", "cell": "n_q=8,", "do": "wrong"},
                           {"at": "launch", "variant": "naive", "cell": "n_q=16,", "do": "crash"}])
        comparison, _ = self.compare("base.json", "new.json", status=WRONG)
        self.assertEqual(self.verdicts(comparison), {
            ("naive", "null-0", 8): "broken", ("naive", "null-0", 16): "broken",
            ("naive", "null-0", 24): "same", ("naive", "null-0", 32): "missing",
            ("naive", "null-0", 40): "new", ("fused", "null-0", 8): "fixed",
            ("fused", "null-0", 16): "same", ("fused", "null-0", 24): "missing",
            ("fused", "null-0", 32): "missing", ("fused", "null-0", 40): "new"})
        reasons = {(row["new"] or {}).get("status"): row["reason"] for row in comparison["rows"]
                   if row["verdict"] in REGRESSIONS}
        self.assertIn("SIGSEGV", reasons["crash"])
        self.assertEqual(reasons[None], "there is no such row")
        self.assertIn("filter", reasons["skipped"])
        table = self.attnbench("compare", "base.json", "new.json", status=WRONG).stdout
        self.assertTrue(table.endswith(
            "2 broken, 3 missing, 2 same, 2 new, 1 fixed; geometric mean "
            f"{comparison['geomean']['ratio']:.3f}x\n"), table)
        self.assertIn("broken (crash), 1 cell: ", table)
        # Each of them alone is a regression.
        for fault in ("wrong", "nan", "crash", "oom", "fail"):
            with self.subTest(fault=fault):
                self.run_suite("new.json", status=None, axes={"n": [16]}, faults=[
                    {"at": "launch", "variant": "naive", "do": fault}])
                self.run_suite("base.json", axes={"n": [16]})
                comparison, _ = self.compare("base.json", "new.json", status=WRONG)
                self.assertEqual(comparison["summary"]["regressions"], 1)

    def test_what_is_ok_in_neither_is_no_regression(self):
        faults = [{"at": "build", "variant": "naive", "do": "fail"}]
        self.run_suite("a.json", status=None, faults=faults)
        comparison, _ = self.compare("a.json", "a.json", status=OK)
        self.assertEqual(comparison["summary"]["neither"], 4)
        self.assertIn("4 same, 4 ok in neither; geometric", self.attnbench(
            "compare", "a.json", "a.json", status=OK).stdout)

    def test_nothing_in_common(self):
        self.run_suite("a.json", ["naive"], axes={"n": [8]})
        self.run_suite("b.json", ["fused"], axes={"n": [8]})
        result = self.attnbench("compare", "a.json", "b.json", status=USAGE)
        self.assertIn("no cell is in both files: devices null-0 in BASE, null-0 in NEW; "
                      "variants naive in BASE, fused in NEW; suite test with attention(",
                      result.stderr)
        self.assertEqual(result.stdout, "")

    def test_invalid_files(self):
        self.run_suite("a.json")
        results = self.results("a.json")
        results["rows"][3]["time"]["median_s"] *= 2
        self.write("lie.json", results)
        self.write("torn.json", (self.folder / "a.json").read_text()[:-100])
        for args, message in ((["a.json", "lie.json"], "'lie.json' cannot be believed: "),
                              (["lie.json", "--variants", "naive,fused"], "'lie.json' cannot be "),
                              (["torn.json", "a.json"], "torn.json"),
                              (["a.json", "none.json"], "none.json"),
                              (["s.json", "a.json"], "s.json")):
            with self.subTest(args=args):
                result = self.attnbench("compare", *args, status=BAD_INPUT)
                self.assertIn(message, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_out(self):
        self.run_suite("a.json")
        for format in FORMATS:
            args = ["compare", "a.json", "a.json", "--format", format]
            result = self.attnbench(*args, "--out", "there", status=OK)
            self.assertEqual(result.stdout, "")
            self.assertEqual((self.folder / "there").read_text(),
                             self.attnbench(*args, status=OK).stdout)
            self.attnbench(*args, "--out", "no/such/folder", status=IO)


class Machines(CompareTest):
    def differences(self, status=OK):
        comparison, warnings = self.compare("a.json", "b.json", status=status)
        table = self.attnbench("compare", "a.json", "b.json")
        self.assertEqual(table.stderr, "")  # the table has the warnings, once
        self.assertEqual(table.stdout.count("warning: "), len(comparison["differences"]))
        self.assertEqual(warnings.count("attnbench: warning: "), len(comparison["differences"]))
        self.assertEqual(warnings.count("\n"), len(comparison["differences"]))
        for format in FORMATS:
            text = self.attnbench("compare", "a.json", "b.json", "--format", format).stdout
            text = " ".join(text.split())  # however its lines are broken
            for difference in comparison["differences"]:
                self.assertIn(difference["what"], text, format)
                self.assertIn(difference["what"] + " differs" if difference["content"]
                              and format != "json" else difference["new"], text, format)
        return {d["what"]: (d["base"], d["new"], d["cells"]) for d in comparison["differences"]}

    def test_what_differs_is_said_once(self):
        self.run_suite("a.json")
        self.run_suite("b.json", args=["--seed", "2", "--cache", "cold"], devices=[
            {"id": "gpu-7", "name": "Another", "driver": "2", "platform": "other"}])
        differences = self.differences()
        for what, (base, new) in {"device id": ("null-0", "gpu-7"), "driver": ("1", "2"),
                                  "device name": ("scripted device", "Another"),
                                  "platform": ("null", "other"), "seed": ("1", "2")}.items():
            self.assertEqual(differences[what], (base, new, 0))
        self.assertEqual(differences["caches"], ("hot", "cold", 8))
        results = self.results("b.json")
        results["run"]["host"]["cpu"] = "Z80"
        results["run"]["tool_version"] = "9.9.9"
        self.write("b.json", results)
        differences = self.differences()
        self.assertEqual(differences["host CPU"][1], "Z80")
        self.assertIn("9.9.9", differences["attnbench"][1])

    def test_another_suite_and_an_unfinished_run(self):
        self.run_suite("a.json")
        self.run_suite("b.json", axes={"n": [8, 16]})
        results = self.results("b.json")
        results["rows"].pop()
        results["summary"].update(cells=3, ok=3)
        results["run"]["finished_utc"] = None
        self.write("b.json", results)
        differences = self.differences(status=WRONG)
        self.assertEqual(differences["rows"][:2], ("8 of 8", "3 of 4, unfinished"))
        self.assertIn("the file of suite test", differences)
        self.assertNotIn("plan (cells, variants, devices)", differences)  # the suite explains it

    def test_rows_of_two_clocks_are_compared_by_the_hosts(self):
        self.run_suite("a.json")
        self.run_suite("b.json", launch_us=400, faults=[
            {"at": "launch", "variant": "naive", "do": "bad_timer"}])
        comparison, _ = self.compare("a.json", "b.json", status=WRONG)
        for row in comparison["rows"]:
            own = row["variant"] == "fused"
            self.assertEqual((row["clock"], row["verdict"]),
                             ("device", "same") if own else ("host", "slower"))
            if not own:
                hosts = row["new"]["host_median_s"] / row["base"]["host_median_s"]
                self.assertAlmostEqual(row["ratio"], hosts, delta=0.05 * hosts)
                self.assertLess(row["ratio_low"], hosts)
                self.assertGreater(row["ratio_high"], hosts)
        self.assertEqual(self.differences(status=WRONG)["clock"], ("device", "host", 4))
        table = self.attnbench("compare", "a.json", "b.json", status=WRONG).stdout
        self.assertEqual(table.count("(host's clock)"), 4)
        self.assertIn("4 cells were timed by the device's clock on one side only: compared by the",
                      " ".join(table.split()))
        # Where launching may be all of the difference nothing is said.
        self.run_suite("b.json", launch_us=40, faults=[
            {"at": "launch", "variant": "naive", "do": "bad_timer"}])
        comparison, _ = self.compare("a.json", "b.json", status=None)
        n_8, = [row for row in comparison["rows"] if row["clock"] == "host"
                and row["cell"].startswith("attention(n_q=8,")]
        self.assertEqual(n_8["clock"], "host")

    def test_several_devices_are_matched_by_id(self):
        devices = lambda *ids: {"devices": [{"id": id, "name": f"Device {id}"} for id in ids]}
        run = lambda out, *ids: self.attnbench(
            "run", "s.json", "--device", "null-all", "--quiet", "--out", out, status=OK,
            script={"time_s": {"*": "1e-5*n_q"}, **devices(*ids)})
        self.run_suite("a.json")
        run("a.json", "x-0", "y-0")
        run("b.json", "y-0", "z-0")
        comparison, warnings = self.compare("a.json", "b.json", status=WRONG)
        verdicts = self.verdicts(comparison)
        self.assertEqual({(key[1], verdict) for key, verdict in verdicts.items()},
                         {("x-0", "missing"), ("y-0", "same"), ("z-0", "new")})
        self.assertIn("device x-0: present in BASE, absent in NEW", warnings)
        self.assertIn(" on y-0", self.attnbench("compare", "a.json", "b.json").stdout)


class Formats(CompareTest):
    def slowed(self):
        self.run_suite("a.json", noise_seed=1)
        self.run_suite("b.json", noise_seed=2, time_s={"fused": "1.2e-5*n_q", "*": "1e-5*n_q"})

    def test_json_fits_its_schema(self):
        self.slowed()
        self.attnbench("compare", "a.json", "b.json", "--format", "json", "--out", "c.json",
                       status=WRONG)
        checked = subprocess.run(
            [sys.executable, SOURCE / "tests/cli/schema_valid.py", self.folder / "c.json",
             SOURCE / "host/store/comparison.schema.json"], capture_output=True, text=True)
        if checked.returncode == SKIP:
            self.skipTest(checked.stdout)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_page_runs_and_loads_nothing(self):
        self.slowed()
        text = self.attnbench("compare", "a.json", "b.json", "--format", "html", status=WRONG).stdout
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertFalse({"script", "img", "link", "iframe", "object"} & set(page.elements))
        for name, value in page.attributes:
            self.assertFalse(name.startswith("on") or name in ("src", "href", "style"), name)
        style, = [data for tag, data in page.text if tag == "style"]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertEqual(page.policy, f"default-src 'none'; style-src 'sha256-{digest}'; "
                                      "base-uri 'none'; form-action 'none'")
        self.assertNotIn("url(", style)
        self.assertLess(len(text), 20000)
        self.assertIn("prefers-color-scheme: dark", style)

    def test_junit(self):
        self.slowed()
        text = self.attnbench("compare", "a.json", "b.json", "--format", "junit",
                              status=WRONG).stdout
        suite, = self.expect_xml(text)
        self.assertEqual(suite.get("failures"), "4")
        failed = [case for case in suite.findall("testcase") if case.find("failure") is not None]
        self.assertEqual({case.get("classname") for case in failed}, {"null-0.fused"})
        self.assertRegex(failed[0].find("failure").get("message"),
                         r"^slower: 1\.\d+ times as long \(99 % range 1\.\d+-1\.\d+\), \d+ us in BASE")
        self.assertGreater(float(failed[0].get("time")), 0)

    def test_junit_of_check(self):
        self.run_suite("good.json", status=None, faults=[
            {"at": "launch", "variant": "naive", "cell": "n_q=8,", "do": "wrong"},
            {"at": "build", "variant": "naive", "cell": "n_q=16,", "do": "fail"}],
            args=["--filter", "n_q=(8|16|24),"])
        good = self.attnbench("check", "good.json", "--format", "junit", status=OK).stdout
        suite, = self.expect_xml(good)
        self.assertEqual([suite.get(k) for k in ("tests", "failures", "errors", "skipped")],
                         ["9", "1", "1", "2"])
        lie = self.results("good.json")
        next(row for row in lie["rows"] if row["status"] == "ok")["time"]["median_s"] *= 2
        self.write("lie.json", lie)
        self.write("broken.json", "{")
        result = self.attnbench("check", "good.json", "lie.json", "broken.json", "--format",
                                "junit", "--out", "check.xml", status=BAD_INPUT)
        self.assertEqual(result.stdout, "")
        self.assertIn("rules broken", result.stderr)
        good, lie, broken = self.expect_xml((self.folder / "check.xml").read_text())
        rules = [c for c in lie.findall("testcase") if c.get("classname") == "attnbench.rule"]
        self.assertGreaterEqual(len(rules), 2)  # the digest, the median and its rates
        self.assertIn("median_s is", " ".join(c.find("failure").get("message") for c in rules))
        self.assertEqual(broken.get("errors"), "1")
        self.assertIn("broken.json:1: not valid JSON",
                      broken.find("testcase").find("error").get("message"))

    def test_the_terminal(self):
        """Colour there and nowhere else; eighty columns; warnings once, where both are seen."""
        self.slowed()
        results = self.results("b.json")
        results["run"]["host"]["cpu"] = "Z80"
        self.write("b.json", results)

        def on_a_terminal(**environment):
            main_end, other = pty.openpty()
            process = subprocess.Popen([PROGRAM, "compare", "a.json", "b.json"], cwd=self.folder,
                                       stdout=other, stderr=other, stdin=subprocess.DEVNULL,
                                       env={**self.environment(), "TERM": "xterm", **environment})
            os.close(other)
            output = b""
            try:
                while chunk := os.read(main_end, 4096):
                    output += chunk
            except OSError:
                pass  # the other end is closed
            os.close(main_end)
            self.assertEqual(process.wait(), WRONG)
            return output.decode().replace("\r\n", "\n")

        colored = on_a_terminal(NO_COLOR="")
        self.assertIn("\x1b[31mslower \x1b[0m", colored)
        self.assertEqual(colored.count("Z80"), 1)
        plain = self.attnbench("compare", "a.json", "b.json", status=WRONG, NO_COLOR="").stdout
        self.assertEqual(re.sub(r"\x1b\[[0-9;]*m", "", colored), plain)
        for quiet in ({"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}):
            self.assertEqual(on_a_terminal(**quiet), plain)
        self.assertLessEqual(max(map(len, plain.splitlines())), 80)

    def test_hostile_strings_stay_text(self):
        devices = [{"id": "null-0", **{key: NASTY for key in ("name", "vendor", "driver",
                                                              "platform", "opencl_c")}}]
        self.run_suite("a.json")
        self.run_suite("b.json", status=None, devices=devices, faults=[
            {"at": "build", "variant": "naive", "do": "fail"}])
        results = self.results("b.json")
        for row in results["rows"]:  # as another program may have written it
            row.pop("digest")
            if row["status"] != "ok":
                row["reason"] = NASTY
        results["run"]["suite"]["name"] = results["run"]["tool_version"] = NASTY
        results["run"]["host"]["cpu"] = results["run"]["id"] = NASTY
        results["devices"][0]["driver"] = NASTY
        name = "\x1b[2J<b>&'\"|.json"
        self.write(name, results)
        for command in (["compare", "a.json", name], ["check", "a.json", name]):
            for format in FORMATS if command[0] == "compare" else ("text", "junit"):
                with self.subTest(command=command[0], format=format):
                    result = self.attnbench(*command, "--format", format)
                    self.assertIn(result.returncode, (OK, WRONG), result.stderr)
                    for character in result.stdout + result.stderr:
                        if unicodedata.category(character) in ("Cc", "Cf") and character != "\n":
                            self.fail(f"{character!a} in {result.stdout!a}")
                    if format == "junit":
                        self.expect_xml(result.stdout)
                    elif format == "html":
                        page = Page(result.stdout)
                        self.assertFalse({"script", "img", "b"} & set(page.elements))
                        self.assertIn("<img src=x onerror=alert(1)>",
                                      "".join(data for _, data in page.text))
                    elif format == "json":
                        json.loads(result.stdout)
                    elif format == "md":
                        self.assertNotRegex(result.stdout, r"<(?!/?(details|summary)>)")
                        for table in result.stdout.split("\n\n"):
                            rows = [line.replace("\\|", "") for line in table.split("\n")
                                    if line.startswith("|")]
                            self.assertLessEqual(len({row.count("|") for row in rows}), 1, table)


main()
