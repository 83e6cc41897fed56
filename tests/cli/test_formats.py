"""Reports for other programs, read by them: Google Benchmark's compare.py, SQLite, and what reads
CSV and JSON."""
import csv
import io
import json
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import unittest

from harness import (BAD_INPUT, INCOMPLETE, IO, OK, SOURCE, USAGE, ProgramTest, main, make_suite)

COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")  # Debian: libbenchmark-tools
PYTHON = "/usr/bin/python3"
SAMPLES = {"min_samples": 20, "min_time_s": 0, "max_time_s": 1, "target_rel_ci": 1}


def can_compare():
    return COMPARE.exists() and subprocess.run([PYTHON, "-c", "import scipy"],
                                               capture_output=True).returncode == 0


def strict(text):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")
    return json.loads(text, parse_constant=refuse)


class Formats(ProgramTest):
    def run_suite(self, name, time_s="1e-6*n_q", faults=(), seed=1, axes=None, **more):
        self.write("s.json", make_suite(axes or {"n": [64, 128, 256]}, measure=SAMPLES, **more))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", name, "--seed",
                       seed, status=INCOMPLETE if faults else OK,
                       script={"time_s": {"naive": time_s, "fused": "1e-7*n_q"}, "noise": 0.02,
                               "faults": list(faults)})
        return self.results(name)

    def report(self, *args, status=OK, **more):
        return self.attnbench("report", *args, status=status, **more).stdout


class ForOtherTools(Formats):
    def test_gbench_holds_every_sample(self):
        results = self.run_suite("a.json", faults=[{"at": "build", "variant": "fused",
                                                    "cell": "n_q=64,", "do": "fail"}])
        report = strict(self.report("a.json", "--format", "gbench"))
        self.assertEqual(report["context"]["host_name"], results["run"]["host"]["name"])
        self.assertIn("scripted device", report["context"]["device_0"])
        for row in results["rows"]:
            name = f"{row['cell']}/{row['variant']}"
            entries = [e for e in report["benchmarks"] if e["run_name"] == name]
            if row["status"] != "ok":
                self.assertEqual([(e["error_occurred"], e["name"]) for e in entries],
                                 [(True, name + "_error")])
                self.assertEqual(entries[0]["error_message"],
                                 f"{row['status']}: {row['reason']}")
                continue
            samples = [e for e in entries if e["run_type"] == "iteration"]
            self.assertEqual([e["repetition_index"] for e in samples], list(range(len(samples))))
            for entry, time_s in zip(samples, row["time"]["samples_s"], strict=True):
                self.assertAlmostEqual(entry["real_time"], 1e9 * time_s, delta=1e-6 * entry["real_time"])
                self.assertEqual((entry["time_unit"], entry["name"]), ("ns", name))
            aggregates = {e["aggregate_name"]: e for e in entries if e["run_type"] == "aggregate"}
            self.assertEqual(set(aggregates), {"mean", "median", "stddev"})
            self.assertAlmostEqual(aggregates["median"]["real_time"],
                                   1e9 * row["time"]["median_s"], delta=1e-3)

    @unittest.skipUnless(can_compare(), "libbenchmark-tools and python3-scipy are not there")
    def test_compare_py_finds_what_is_slower(self):
        fault = {"at": "build", "variant": "fused", "cell": "n_q=128,", "do": "fail"}
        self.run_suite("base.json")
        self.run_suite("new.json", time_s="1.2e-6*n_q", faults=[fault])
        for name in ("base", "new"):
            self.report(f"{name}.json", "--format", "gbench", "--out", f"{name}.gbench.json")
        subprocess.run([PYTHON, COMPARE, "-d", "difference.json", "benchmarks", "base.gbench.json",
                        "new.gbench.json"], cwd=self.folder, check=True, capture_output=True)
        found = {entry["name"]: entry
                 for entry in strict((self.folder / "difference.json").read_text())}
        times = lambda name: [m["time"] for m in found[name]["measurements"]]
        for n in (64, 128, 256):
            cell = f"attention(n_q={n},n_kv={n},d_k=4,d_v=4)"
            self.assertAlmostEqual(times(f"{cell}/naive_median")[0], 0.2, delta=0.02)
            self.assertLess(found[f"{cell}/naive"]["utest"]["time_pvalue"], 0.001)
            self.assertGreaterEqual(found[f"{cell}/naive"]["utest"]["nr_of_repetitions"], 20)
            self.assertEqual(f"{cell}/fused" in found, n != 128, "a failure is no time")
        # All samples count: three cells of naive are slower, three of fused alike, one is missing.
        self.assertGreater(times("OVERALL_GEOMEAN")[0], 0)
        self.assertLess(times("OVERALL_GEOMEAN")[0], 1)

    def test_bencher_metric_format(self):
        results = self.run_suite("a.json", faults=[{"at": "build", "variant": "fused", "do": "fail"}])
        report = strict(self.report("a.json", "--format", "bmf"))
        ok = [row for row in results["rows"] if row["status"] == "ok"]
        self.assertEqual(len(ok), 3)
        self.assertEqual(list(report), [f"{row['cell']}/{row['variant']}" for row in ok])
        for row in ok:
            measures = report[f"{row['cell']}/{row['variant']}"]
            low, high = row["time"]["ci95_s"]
            for measure, values in (("latency", (row["time"]["median_s"] * 1e9, low * 1e9, high * 1e9)),
                                    ("throughput", [row["rates"]["flops"] / t for t in (
                                        row["time"]["median_s"], high, low)])):
                found = [measures[measure][key] for key in ("value", "lower_value", "upper_value")]
                for got, want in zip(found, values, strict=True):
                    self.assertAlmostEqual(got, want, delta=1e-9 * want)

    def test_csv_of_several_files_is_one_table(self):
        runs = [self.run_suite(f"{name}.json") for name in "ab"]
        table = list(csv.DictReader(io.StringIO(self.report("a.json", "b.json", "--format", "csv"))))
        self.assertEqual(len(table), 12)
        self.assertEqual([row["run.id"] for row in table],
                         [run["run"]["id"] for run in runs for _ in run["rows"]])
        rows = [row for run in runs for row in run["rows"]]
        for line, row in zip(table, rows, strict=True):
            for path in ("time.median_s", "rates.gflop_s", "rates.frac_of_peak",
                         "rates.frac_of_roofline", "check.err_over_tolerance"):
                group, key = path.split(".")
                self.assertEqual(float(line[path]), row[group][key], path)
            self.assertEqual([float(line[f"time.ci95_{end}_s"]) for end in ("low", "high")],
                             row["time"]["ci95_s"])
            self.assertEqual((line["problem.n_q"], line["problem.dtype"], line["device.f32_gflop_s"]),
                             (str(row["problem"]["n_q"]), "f32", "1000"))

    def test_csv_leaves_empty_what_is_unknown(self):
        self.run_suite("a.json", faults=[{"at": "build", "do": "fail"}])
        for line in csv.DictReader(io.StringIO(self.report("a.json", "--format", "csv"))):
            for key, value in line.items():
                if key.startswith(("time.", "check.", "rates.g", "build.")):
                    self.assertEqual(value, "", key)

    def test_usage(self):
        self.run_suite("a.json")
        for args, message in (
                (["--format", "xml"], "--format: expected md, csv, html, gbench, bmf"),
                (["a.json", "--format", "gbench"], "--format gbench takes one file; 'a.json' is one"),
                (["--format", "sqlite"], "--format sqlite adds to a database; name it: --out FILE")):
            result = self.attnbench("report", "a.json", *args, status=USAGE)
            self.assertIn(message, result.stderr)


def tables(path):
    with sqlite3.connect(path) as database:
        return {table: database.execute(f"SELECT * FROM {table}").fetchall()
                for table in ("run", "device", "row", "sample")}


class Database(Formats):
    def setUp(self):
        super().setUp()
        self.run_suite("probe.json", axes={"n": [4]})
        probe = self.attnbench("report", "probe.json", "--format", "sqlite", "--out", "probe.db")
        if "without SQLite" in probe.stderr:
            self.skipTest("built without SQLite")
        self.assertEqual(probe.returncode, OK, probe.stderr)

    def add(self, *names, status=OK, out="lab.db", **more):
        return self.attnbench("report", *names, "--format", "sqlite", "--out", out, status=status,
                              **more).stderr

    def ask(self, sql):
        with sqlite3.connect(self.folder / "lab.db") as database:
            return database.execute(sql).fetchall()

    def test_a_run_is_added_once(self):
        results = self.run_suite("a.json")
        other = self.run_suite("b.json", seed=2)
        self.assertIn("lab.db: 2 runs added, 0 there already", self.add("a.json", "b.json"))
        before = tables(self.folder / "lab.db")
        self.assertEqual([len(before[t]) for t in ("run", "device", "row")], [2, 2, 12])
        self.assertEqual(len(before["sample"]), sum(
            len(row["time"]["samples_s"]) for row in results["rows"] + other["rows"]))
        self.assertIn("0 runs added, 2 there already", self.add("b.json", "a.json"))
        self.assertIn("0 runs added, 2 there already", self.add("a.json", "a.json"))
        self.assertEqual(tables(self.folder / "lab.db"), before)

    def test_values_and_types(self):
        results = self.run_suite("a.json", faults=[{"at": "build", "variant": "fused", "do": "fail"}])
        self.add("a.json")
        found = {(cell, variant): rest for cell, variant, *rest in self.ask(
            "SELECT cell, variant, n_q, dtype, time_median_s, time_ci95_low_s, time_stable, "
            "rates_frac_of_peak, status, tuning, device_name FROM result")}
        for row in results["rows"]:
            n, dtype, median, low, stable, peak, status, tuning, device = found[
                row["cell"], row["variant"]]
            self.assertEqual((n, type(n), dtype, status, device),
                             (row["problem"]["n_q"], int, "f32", row["status"], "scripted device"))
            self.assertEqual(json.loads(tuning), row["tuning"])
            if status == "ok":
                self.assertEqual((median, low, stable, peak),
                                 (row["time"]["median_s"], row["time"]["ci95_s"][0],
                                  row["time"]["stable"], row["rates"]["frac_of_peak"]))
            else:
                self.assertEqual((median, low, stable), (None, None, None))
        self.assertEqual(self.ask("PRAGMA foreign_key_check") + self.ask("PRAGMA integrity_check"),
                         [("ok",)])
        self.assertEqual(self.ask("SELECT peaks_f32_gflop_s, seed FROM device, run"), [(1000, 1)])

    def test_a_resumed_run_takes_the_place_of_its_part(self):
        whole = self.run_suite("whole.json")
        part = json.loads(json.dumps(whole))
        part["rows"] = part["rows"][:2]
        part["run"]["finished_utc"] = None
        part["summary"] = {**part["summary"], "cells": 2, "ok": 2}
        self.write("part.json", part)
        self.assertIn("1 run added", self.add("part.json"))
        self.assertIn("1 run added", self.add("whole.json"))
        self.assertIn("0 runs added, 1 there already", self.add("part.json"))
        self.assertEqual(self.ask("SELECT count(*) FROM row"), [(6,)])
        self.assertEqual(self.ask("SELECT count(*) FROM sample"),
                         [(sum(len(row["time"]["samples_s"]) for row in whole["rows"]),)])

    def test_files_that_are_not_ours_stay_as_they_are(self):
        self.run_suite("a.json")
        self.write("text.db", "no database, " * 100)
        with sqlite3.connect(self.folder / "foreign.db") as database:
            database.execute("CREATE TABLE row (mine)")
        shutil.copy(self.folder / "probe.db", self.folder / "newer.db")
        with sqlite3.connect(self.folder / "newer.db") as database:
            database.execute("PRAGMA user_version = 2")
        for name, message in (("text.db", "not an SQLite database"),
                              ("foreign.db", "a database of another program"),
                              ("newer.db", "made by a newer attnbench: schema version 2")):
            before = (self.folder / name).read_bytes()
            self.assertIn(message, self.add("a.json", out=name, status=BAD_INPUT))
            self.assertEqual((self.folder / name).read_bytes(), before)

    def test_an_older_database_gets_the_columns_it_lacks(self):
        self.add("probe.json")
        with sqlite3.connect(self.folder / "lab.db") as database:
            database.execute("DROP VIEW result")
            database.execute("ALTER TABLE row DROP COLUMN rates_roof")
        self.run_suite("a.json")
        self.add("a.json")
        self.assertEqual(self.ask("SELECT rates_roof, count(*) FROM result GROUP BY 1 ORDER BY 1")[0],
                         (None, 2))

    def test_errors_of_the_disk_change_nothing(self):
        self.run_suite("a.json")
        self.add("probe.json")
        before = tables(self.folder / "lab.db")
        self.assertIn("no/such/lab.db", self.add("a.json", out="no/such/lab.db", status=IO))
        size = (self.folder / "lab.db").stat().st_size

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, size + 4096))
        result = subprocess.run([*self.command(), "report", "a.json", "--format", "sqlite", "--out",
                                 "lab.db"], cwd=self.folder, env=self.environment(), text=True,
                                capture_output=True, preexec_fn=little_room)
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assertIn("cannot write 'lab.db'", result.stderr)
        self.assertEqual(tables(self.folder / "lab.db"), before)
        self.assertIn("1 run added", self.add("a.json"))

    @unittest.skipUnless(shutil.which("sqlite3"), "the sqlite3 program is not there")
    def test_the_example_queries(self):
        base = self.run_suite("a.json")
        slower = self.run_suite("b.json", time_s="1.3e-6*n_q",
                                faults=[{"at": "build", "variant": "fused", "cell": "n_q=64,",
                                         "do": "fail"}])
        for name, results, date in (("a", base, "2026-01-01"), ("b", slower, "2026-02-01")):
            results["run"]["started_utc"] = f"{date}T00:00:00Z"
            self.write(f"{name}.json", results)
        self.add("a.json", "b.json")
        sql = (SOURCE / "results/queries.sql").read_text()
        questions = [q for q in re.split(r"\n\n(?=-- [A-Z])", sql)[1:] if "SELECT" in q]
        answers = [json.loads(subprocess.run(
            ["sqlite3", "-json", self.folder / "lab.db"], input=question, text=True, check=True,
            capture_output=True).stdout or "[]") for question in questions]
        best, regressions, accuracy, broken = answers
        self.assertEqual([(a["n_q"], a["variant"]) for a in best],
                         [(64, "naive"), (128, "fused"), (256, "fused")])
        self.assertEqual([(a["variant"], round(a["times_as_long"], 1)) for a in regressions],
                         [("naive", 1.3)] * 3)
        self.assertEqual([a["dtype"] for a in accuracy], ["f32"])
        worst = max(r["check"]["err_over_tolerance"] for run in (base, slower)
                    for r in run["rows"] if r["status"] == "ok")
        self.assertAlmostEqual(accuracy[0]["err_over_tolerance"], worst, places=12)
        self.assertEqual([(a["variant"], a["status"], a["cells"]) for a in broken],
                         [("fused", "build_failed", 1)])


main()
