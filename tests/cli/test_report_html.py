"""attnbench report --format html: one file or several, its size, and the commands in it."""
import copy
import html
import json
import os
import re
import shlex
import subprocess
import unittest

from harness import BAD_INPUT, OK, PROGRAM, SOURCE, ProgramTest, main, make_suite

MAX_BYTES = 2 << 20
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
PUBLISHED = sorted((SOURCE / "results").glob("*--standard--*T*.json"))


class ReportHtml(ProgramTest):
    def measure(self, name="out.json", *args, **more):
        self.write("s.json", make_suite({"n": [4, 8, 16]}, **more))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", name, *args,
                       status=OK)

    def report(self, *files, status=OK):
        page = self.attnbench("report", *files, "--format", "html", status=status).stdout
        return page, json.loads(DATA.search(page).group(1))

    def test_one_file(self):
        self.measure()
        page, data = self.report("out.json")
        self.assertEqual([len(data["sources"]), len(data["rows"])], [1, 6])
        self.assertEqual(page.count("<tr><td>"), 6)  # of the table of all rows
        self.attnbench("report", "out.json", "--format", "html", "--out", "out.html", status=OK)
        self.assertEqual((self.folder / "out.html").read_text(), page)
        for address in re.findall(r"""(?:src|href)=["'](.*?)["']""", DATA.sub("", page)):
            self.assertTrue(address.startswith("#"), address)

    def test_several_files(self):
        self.measure("a.json")
        self.measure("b.json", "--variants", "fused")
        _, data = self.report("a.json", "b.json")
        self.assertEqual([row["source"] for row in data["rows"]], [0] * 6 + [1] * 3)
        self.assertEqual(len(data["problems"]), 3)
        self.assertEqual(len({source["label"] for source in data["sources"]}), 2)
        self.attnbench("report", "a.json", "missing.json", "--format", "html", status=BAD_INPUT)

    def test_its_commands_measure_the_row_again(self):
        self.write("it's a suite.json", make_suite({"n": [4, 8]}, defaults={"mask": "causal"}))
        self.attnbench("run", "it's a suite.json", "--device", "null", "--quiet", "--seed", "5",
                       "--set", "n=4,8,12", "--out", "out.json", status=OK)
        rows = self.results()["rows"]
        page, _ = self.report("out.json")
        commands = [html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page)]
        self.assertEqual(len(commands), len(rows))
        for row, command in list(zip(rows, commands))[::2]:
            words = shlex.split(command)
            self.assertEqual(words[:2], ["attnbench", "run"])
            done = subprocess.run(["sh", "-c", f"{command} --quiet --force --out again.json"],
                                  cwd=self.folder, capture_output=True, text=True, timeout=120,
                                  env=self.environment(PATH=f"{self.folder}:{os.environ['PATH']}"))
            self.assertEqual(done.returncode, OK, command + done.stderr)
            ran = [again for again in self.results("again.json")["rows"]
                   if again["status"] != "skipped"]
            self.assertEqual([(r["cell"], r["variant"], r["status"]) for r in ran],
                             [(row["cell"], row["variant"], row["status"])], command)
            self.assertEqual(self.results("again.json")["run"]["seed"], 5)

    def setUp(self):
        super().setUp()
        (self.folder / "attnbench").symlink_to(PROGRAM)  # for commands that name it

    def test_the_gallery_is_small(self):
        for kind, most in (("html", MAX_BYTES), ("png", 200_000)):
            files = list((SOURCE / "results").glob(f"*.{kind}"))
            self.assertTrue(files)
            for file in files:
                self.assertLess(file.stat().st_size, most, file)

    @unittest.skipUnless(PUBLISHED, "no published run")
    def test_a_thousand_cells_are_small(self):
        """Rows of a published run, many of them with 1,000 samples, until there are 1,000."""
        results = json.loads(PUBLISHED[-1].read_text())
        found = [row for row in results["rows"] if row["status"] == "ok"]
        rows = []
        for batch in range(1, 1000):
            for row in found[:1000 - len(rows)]:
                row = copy.deepcopy(row)
                row["problem"]["batch"] = batch
                row["cell"] = row["cell"].replace("(", f"(batch={batch},", 1)
                rows.append(row)
        results["rows"] = rows
        results["summary"] = {**results["summary"], "cells": 1000, "ok": 1000, "unsupported": 0}
        self.write("many.json", results)
        page, data = self.report("many.json")
        self.assertEqual(len(data["rows"]), 1000)
        size = len(page.encode())
        print(f"{size} bytes for 1,000 cells")
        self.assertLess(size, MAX_BYTES)
        for row, whole in zip(data["rows"], rows):
            samples = sorted(whole["time"]["samples_s"])
            self.assertEqual(row["samples"], len(samples))
            self.assertAlmostEqual(min(row["samples_s"]), samples[0], delta=1e-4 * samples[0])
            self.assertAlmostEqual(max(row["samples_s"]), samples[-1], delta=1e-4 * samples[-1])


main()
