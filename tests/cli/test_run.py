"""Whole runs on the null backend: one row a cell, a valid and believable file, reports, scaling."""
import csv
import io
import json
import re
import shutil
import subprocess
import sys

from harness import (BAD_INPUT, INCOMPLETE, OK, PROGRAM, SKIP, SOURCE, USAGE, WRONG, ProgramTest, main,
                     make_suite)

# Every fate that needs no fault: it runs, it is unsupported, it does not fit.
MIXED = make_suite({"small": {"n": [8, 16, 33], "heads": [1, 2]},
                    "half": {"dtype": ["f16", "bf16"], "n": [8]},
                    "masks": {"mask": ["causal", "window", "causal+window"], "n": [16]},
                    "large": {"n": [512], "heads": [8]},
                    "gqa": {"heads_q": [4], "heads_kv": [1, 2], "n_q": [1, 5], "n_kv": [9]}},
                   variants=["naive", "tiled", "fused", "clblast"],
                   defaults={"window_left": 3, "d_v": 6})
SMALL_DEVICE = {"devices": [{"max_alloc_bytes": 1 << 20}]}


class Rows(ProgramTest):
    def run_suite(self, suite, *args, status=OK, **more):
        self.write("s.json", suite)
        result = self.attnbench("run", "s.json", "--device", "null", "--out", "out.json", *args,
                                status=status, **more)
        return result, self.results()

    def test_every_cell_has_one_row(self):
        self.write("s.json", MIXED)
        cells = self.planned("s.json", script=SMALL_DEVICE)
        result, results = self.run_suite(MIXED, script=SMALL_DEVICE)
        self.expect_complete(results, cells)
        statuses = {row["status"] for row in results["rows"]}
        self.assertEqual(statuses, {"ok", "unsupported", "skipped"})
        self.assertIn("results: out.json", result.stdout)
        self.assertFalse((self.folder / "out.json.journal").exists())
        self.assertIsNotNone(results["run"]["finished_utc"])
        for row in results["rows"]:
            if row["status"] == "ok":
                self.assertEqual(row["phase"], "done")
                self.assertTrue(row["check"]["rechecked"] and row["check"]["repeatable"], row)
                self.assertTrue(row["check"]["inputs_changed"], row)
                self.assertGreater(row["time"]["median_s"], 0)
            else:
                self.assertNotIn("time", row)

    def test_a_run_is_believable_and_fits_the_schema(self):
        self.run_suite(MIXED, script=SMALL_DEVICE)
        self.assertIn("out.json: valid", self.attnbench("check", "out.json", status=OK).stdout)
        tool = SOURCE / "tests/cli/schema_valid.py"
        schema = SOURCE / "host/store/results.schema.json"
        checked = subprocess.run([sys.executable, tool, self.folder / "out.json", schema],
                                 capture_output=True, text=True)
        if checked.returncode == SKIP:
            self.skipTest(checked.stdout)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_check_sees_a_lie(self):
        _, results = self.run_suite(make_suite({"n": [8, 16]}))
        lies = [lambda r: r["rows"].pop(),
                lambda r: r["rows"].append(r["rows"][0]),
                lambda r: r["rows"].__setitem__(1, r["rows"][0]),
                lambda r: r["rows"][0]["time"].update(median_s=1e-12),
                lambda r: r["rows"][0]["rates"].update(gflop_s=1e9),
                lambda r: r["rows"][0].update(status="wrong"),
                lambda r: r["rows"][0]["check"].update(err_over_tolerance=1.5),
                lambda r: r["summary"].update(ok=3),
                lambda r: r["rows"][1].update(device="other")]
        for number, lie in enumerate(lies):
            with self.subTest(lie=number):
                lied = json.loads(json.dumps(results))
                lie(lied)
                self.write("lie.json", lied)
                result = self.attnbench("check", "lie.json", status=BAD_INPUT)
                self.assertIn("lie.json", result.stderr)

    def test_check_sees_an_edit_that_makes_sense(self):
        """What no rule contradicts: each row has a digest."""
        _, results = self.run_suite(make_suite({"n": [8, 16]}))
        edits = [lambda row: row.update(worker_output="nothing to see"),
                 lambda row: row["check"].update(max_abs_err=0),
                 lambda row: row["time"].update(stable=not row["time"]["stable"]),
                 lambda row: row["tuning"].update(WG=128),
                 lambda row: row.update(note="an unknown field"),
                 lambda row: row.pop("digest")]
        for number, edit in enumerate(edits):
            with self.subTest(edit=number):
                edited = json.loads(json.dumps(results))
                edit(edited["rows"][1])
                self.write("edited.json", edited)
                result = self.attnbench("check", "edited.json", status=BAD_INPUT)
                self.assertIn("the row was edited or damaged", result.stderr)
                self.assertIn("1 rule broken", result.stderr)
        for row in results["rows"]:  # as files of earlier versions
            row.pop("digest")
        self.write("old.json", results)
        self.attnbench("check", "old.json", status=OK)

    def test_the_same_run_gives_the_same_rows(self):
        self.write("s.json", make_suite({"n": [8, 16, 24]}))
        rows = []
        for out in ["a.json", "b.json"]:
            self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", out, status=OK)
            results = self.results(out)
            for row in results["rows"]:
                row["build"].pop("time_s")
                row.pop("digest")
            rows.append((results["rows"], results["scaling"], results["run"]["plan_id"]))
        self.assertEqual(rows[0], rows[1])

    def test_filter_set_and_variants(self):
        _, results = self.run_suite(make_suite({"n": [8, 16]}), "--set", "n=4..16*2", "--variants",
                                    "naive", "--filter", "n_q=(4|8),")
        self.assertEqual([(r["problem"]["n_q"], r["variant"], r["status"]) for r in results["rows"]],
                         [(4, "naive", "ok"), (8, "naive", "ok"), (16, "naive", "skipped")])
        self.assertEqual(results["rows"][2]["reason"], "does not match --filter n_q=(4|8),")
        self.attnbench("check", "out.json", status=OK)

    def test_quiet_says_only_where_the_results_are(self):
        result, _ = self.run_suite(make_suite({"n": [8]}), "--quiet")
        self.assertEqual(result.stdout, "results: out.json\n")
        self.assertEqual(result.stderr, "")

    def test_data_on_stdout_progress_on_stderr(self):
        result, _ = self.run_suite(make_suite({"n": [8, 16]}))
        self.assertRegex(result.stderr, r"^4 cells, about \d+ s \(a guess: no peaks of the device are kept yet\)"
                                        r"\nmeasuring peaks of null-0, about \d+ s \(the first time with "
                                        r"this driver; they are kept\)\n")
        self.assertEqual(result.stderr.count("\n"), 2 + 4, result.stderr)
        self.assertIn("[4/4] ok naive", result.stderr)
        self.assertNotIn("[4/4]", result.stdout)
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_plan_and_run_say_how_long_it_takes(self):
        self.write("s.json", make_suite({"n": [256, 512]}, defaults={"d_k": 64, "heads": 8},
                                        measure={"min_time_s": 2, "max_time_s": 30,
                                                 "budget_s": 600}))
        plan = lambda *args: self.attnbench("plan", "s.json", "--device", "null", *args,
                                            status=OK).stdout.splitlines()[-1]
        forecast = lambda: json.loads(self.attnbench("plan", "s.json", "--device", "null", "--json",
                                                     status=OK).stdout)["forecast"]
        self.assertRegex(plan(), r"^4 cells, about \d+ s \(a guess: no peaks of the device are kept "
                                 r"yet\), at most 10 min by the suite's budget$")
        guess = forecast()
        self.assertEqual((guess["cells"], guess["from"], guess["budget_s"]), (4, "guess", 600))
        self.assertGreater(guess["seconds"], 4 * 2)  # the least that the rules ask for
        self.assertLess(guess["seconds"], 4 * 4)
        self.attnbench("devices", "--device", "null", "--peaks", status=OK,
                       script={"peaks": {"f32_gflop_s": 0.1}})
        slow = forecast()  # by peaks of 0.1 GFLOP/s: minutes
        self.assertEqual(slow["from"], "peaks")
        self.assertGreater(slow["seconds"], 60)
        self.assertRegex(plan("--filter", "naive", "--budget", "30s"),
                         r"^2 cells, about \d+ (s|min) \(from the kept peaks\), at most 30 s by --budget$")
        self.assertRegex(plan("--shard", "1/2"), r"^2 cells, about ")
        # What is done already is not counted again.
        _, results = self.run_suite(make_suite({"n": [8, 16]}))
        self.assertEqual(len(results["rows"]), 4)

    def test_uneven_shapes_of_a_new_variant_come_first(self):
        suite = make_suite({"n": {"n": [32, 64, 128]}, "uneven": {"n": [61]}})
        def order(*args):
            result, results = self.run_suite(suite, *args)
            self.assertEqual([r["problem"]["n_q"] for r in results["rows"]][::2], [32, 64, 128, 61])
            lines = re.findall(r"(?m)^\[\d/8\] ok (\w+) attention\(n_q=(\d+)", result.stderr)
            return [int(n) for variant, n in lines if variant == "naive"]
        coarse_to_fine = [32, 61, 128, 64]
        self.assertEqual(order(), coarse_to_fine)  # on a new machine all that is shipped is new
        # Another version of the kernel is new; others are not.
        shutil.copytree(SOURCE / "kernels/naive", self.folder / "k/naive")
        with open(self.folder / "k/naive/naive.cl", "a") as kernel:
            kernel.write("// changed\n")
        self.assertEqual(order("--kernels", "k"), [61, 32, 128, 64])
        self.assertEqual(order("--kernels", "k"), coarse_to_fine)
        # What never was right is new for ever, and an interrupt leaves the rest for --resume.
        with open(self.folder / "k/naive/naive.cl", "a") as kernel:
            kernel.write("// again\n")
        wrong = {"faults": [{"at": "launch", "variant": "naive", "do": "wrong"}]}
        for _ in range(2):
            result, _ = self.run_suite(suite, "--kernels", "k", script=wrong, status=WRONG)
            self.assertRegex(result.stderr, r"(?m)^\[[12]/8\] wrong naive attention\(n_q=61,")

    def test_a_budget_holds_for_what_comes_first_too(self):
        shutil.copytree(SOURCE / "kernels/naive", self.folder / "k/naive")
        _, results = self.run_suite(make_suite({"n": {"n": [256, 512, 768]}, "uneven": {"n": [61]}},
                                               variants=["naive"], measure={"max_time_s": 60}),
                                    "--budget", "5s", "--kernels", "k",
                                    script={"time_s": {"*": "1"}})
        self.assertEqual([r["status"] for r in results["rows"]].count("skipped"), 2)
        self.assertEqual(results["rows"][-1]["status"], "ok")
        self.attnbench("check", "out.json", status=OK)

    def test_check_modes(self):
        for mode in ["full", "sample", "none"]:
            with self.subTest(mode=mode):
                _, results = self.run_suite(make_suite({"n": [50], "heads": [2]}), "--check", mode,
                                            status=OK)
                check = results["rows"][0]["check"]
                self.assertEqual(check["mode"], mode)
                # so small a problem is affordable whole, whatever the mode
                self.assertEqual(check.get("rows_checked", 0), 0 if mode == "none" else 100)
                self.attnbench("check", "out.json", status=OK)

    def test_unchecked_wrong_results_are_not_called_wrong(self):
        """--check none says what it does: the row is ok and its mode is none."""
        script = {"faults": [{"at": "launch", "do": "wrong"}]}
        _, results = self.run_suite(make_suite({"n": [8]}), "--check", "none", script=script)
        self.assertEqual({r["check"]["mode"] for r in results["rows"]}, {"none"})
        self.run_suite(make_suite({"n": [8]}), script=script, status=WRONG)

    def test_several_suites(self):
        self.write("a.json", make_suite({"n": [8, 16]}))
        self.write("b.json", {**make_suite({"n": [16, 32]}), "name": "other"})
        self.attnbench("run", "a.json", "b.json", "--device", "null", "--out", "out.json", "--quiet",
                       status=OK)
        results = self.results()
        self.assertEqual([r["problem"]["n_q"] for r in results["rows"]], [8, 8, 16, 16, 32, 32])
        self.assertEqual(results["rows"][2]["sweeps"], ["test/n", "other/n"])
        self.attnbench("check", "out.json", status=OK)

    def test_budget_skips_with_figures(self):
        # each launch takes 1 s of scripted time; the second cell is estimated at 4 s a launch
        _, results = self.run_suite(make_suite({"n": [256, 512, 768]}, variants=["naive"],
                                               measure={"max_time_s": 60}),
                                    "--budget", "5s", script={"time_s": {"*": "1"}})
        statuses = [r["status"] for r in results["rows"]]
        self.assertEqual(statuses[0], "ok")
        self.assertEqual(statuses[-1], "skipped")
        self.assertRegex(results["rows"][-1]["reason"], r"over the budget: .* raise --budget")
        self.assertEqual(len(statuses), 3)
        self.attnbench("check", "out.json", status=OK)

    def test_large_cells_are_tried_small_first(self):
        # 2.7e11 operations: a pilot says that a launch takes hours, so it is never started
        _, results = self.run_suite(
            make_suite({"n": [8192]}, variants=["fused"], defaults={"d_k": 64, "heads": 16},
                       deadlines={"run_s": 10}),
            script={"time_s": {"*": "1e-6*pairs*heads_q"}}, status=INCOMPLETE)
        row, = results["rows"]
        self.assertEqual(row["status"], "skipped")
        self.assertRegex(row["reason"], r"one launch of 275 GFLOP would take about 1\.\d+e\+03 s")

    def test_nothing_measured_is_not_green(self):
        result, _ = self.run_suite(make_suite({"n": [8, 16]}, defaults={"d_k": 4096},
                                              variants=["naive", "fused"]),
                                   status=INCOMPLETE, script={"devices": [{"global_bytes": 1000}]})
        self.assertRegex(result.stderr, r"(?m)^attnbench: nothing was measured: 2 unsupported \(.*\), "
                                        r"2 skipped \(needs .*\)$")
        # One that was is enough.
        self.run_suite(make_suite({"n": [8]}, defaults={"d_k": 600}), status=OK)

    def test_cells_that_a_filter_left_out_are_hidden(self):
        result, results = self.run_suite(make_suite({"small": {"n": [8, 16]}, "large": {"n": [64]}}),
                                         "--filter", "n_q=8,.* naive")
        table = result.stdout
        self.assertNotIn("test/large", table)
        self.assertNotIn("skipped", table.split("cells:")[0])
        self.assertNotIn("fused", table)
        self.assertEqual(len(results["rows"]), 6)
        self.assertIn("6 cells: 1 ok, 5 skipped", table)
        report = self.attnbench("report", "out.json", status=OK).stdout
        self.assertNotIn("test/large on", report)

    def test_one_cause_is_told_once(self):
        script = {"faults": [{"at": "build", "variant": "naive", "do": "fail"},
                             {"at": "build", "variant": "fused", "cell": "n_q=24,", "do": "fail"}]}
        result, _ = self.run_suite(make_suite({"n": [8, 16, 24]}), script=script, status=INCOMPLETE)
        lines = [line for line in result.stderr.splitlines() if " build_failed " in line]
        self.assertEqual([line.split("): ")[1] for line in lines if " naive " in line],
                         ["the script says that build fails"] + 2 * ["for the same reason"])
        self.assertEqual([line.split("): ")[1] for line in lines if " fused " in line],
                         ["the script says that build fails"])

    def test_set_of_n_keeps_the_queries_of_a_sweep_that_decodes(self):
        self.write("s.json", make_suite({"decode": {"n_q": [1, 4], "n_kv": [64, 128]},
                                         "cross": {"n_q": [32], "n_kv": [64]},
                                         "n": {"n": [8]}}, variants=["naive"]))
        result = self.attnbench("plan", "s.json", "--device", "null", "--set", "n=256", "--json",
                                status=OK)
        cells = [c["cell"] for c in json.loads(result.stdout)["cells"]]
        self.assertEqual([c.split(",d_k")[0] for c in cells],
                         ["attention(n_q=1,n_kv=256", "attention(n_q=4,n_kv=256",
                          "attention(n_q=256,n_kv=256"])
        self.assertEqual(result.stderr.splitlines(), [
            'attnbench: --set n=256: sweep "decode" decodes: n sets n_kv there, n_q stays',
            'attnbench: --set n=256: sweep "cross": n sets n_q and n_kv, which differed there'])
        result = self.attnbench("plan", "s.json", "--device", "null", "--set", "n_kv=256",
                                status=OK)
        self.assertEqual(result.stderr, "")

    def test_a_build_folder_of_any_name_finds_suites_and_cases(self):
        odd = self.folder / "elsewhere" / "My build (2)"
        odd.mkdir(parents=True)
        program = odd / "attnbench"
        shutil.copy(PROGRAM, program)
        run = lambda *args: subprocess.run([program, *args, "--device", "null"], cwd=self.folder,
                                           env=self.environment(), capture_output=True, text=True,
                                           timeout=60)
        self.assertEqual(run("plan", "quick").returncode, BAD_INPUT)
        (odd / "CMakeCache.txt").write_text(
            f"// cache\nCMAKE_HOME_DIRECTORY:INTERNAL={SOURCE}\nX:BOOL=ON\n")
        self.assertEqual(run("plan", "quick").returncode, OK)
        self.assertEqual(run("inspect", "pronoun").returncode, OK)
        # A folder inside of the sources, at any depth.
        inside = self.folder / "sources"
        (inside / "suites").mkdir(parents=True)
        shutil.copy(SOURCE / "suites/quick.json", inside / "suites")
        for depth in ("b", "out/a/b"):
            (inside / depth).mkdir(parents=True, exist_ok=True)
            program = inside / depth / "attnbench"
            shutil.copy(PROGRAM, program)
            self.assertEqual(run("plan", "quick").returncode, OK)

    def test_default_name_of_the_results(self):
        self.write("s.json", make_suite({"n": [8]}))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", status=OK)
        names = [p.name for p in self.folder.glob("*.json") if p.name != "s.json"]
        self.assertEqual(len(names), 1)
        self.assertRegex(names[0], r"^null-0--test--\d{8}T\d{6}Z\.json$")

    def test_isolation(self):
        script = {"faults": [{"at": "launch", "variant": "fused", "cell": "n_q=16,", "do": "crash"}]}
        self.write("s.json", make_suite({"n": [8, 16, 24]}))
        cells = self.planned("s.json")
        for how in ["cell", "device", "none"]:
            with self.subTest(isolate=how):
                _, results = self.run_suite(make_suite({"n": [8, 16, 24]}), "--isolate", how,
                                            status=INCOMPLETE, script=script)
                self.expect_complete(results, cells)
                self.assertEqual([r["status"] for r in results["rows"]],
                                 ["ok", "ok", "crash", "ok", "ok", "ok"])
                self.attnbench("check", "out.json", status=OK)

    def test_where_the_time_went(self):
        result, results = self.run_suite(make_suite({"n": [8, 16]}))
        spent = results["run"]["time_s"]
        self.assertEqual(list(spent), ["measure", "check", "warmup", "build", "inputs", "peaks", "start",
                                       "other"])
        # scripted launches take no real time, but starting workers does
        self.assertGreater(spent["start"], 0)
        self.assertTrue(all(seconds >= 0 for seconds in spent.values()), spent)
        self.assertRegex(" ".join(result.stdout.split()),
                         r"time: measure \d+ %, check \d+ %, .*, other \d+ % of \d")

    def test_cold_caches(self):
        """Only a cold run empties caches, and the row says which it was."""
        script = {"faults": [{"at": "evict", "do": "fail"}]}
        hot, cold = make_suite({"n": [8]}), make_suite({"n": [8]}, measure={"cache": "cold"})
        for suite, args, state in [(hot, [], "hot"), (cold, [], "cold"),
                                   (hot, ["--cache", "cold"], "cold"),
                                   (cold, ["--cache=hot"], "hot")]:
            with self.subTest(args=args, state=state):
                _, results = self.run_suite(suite, *args)
                self.assertEqual([r["time"]["cache"] for r in results["rows"]], [state, state])
                self.attnbench("check", "out.json", status=OK)
                _, results = self.run_suite(suite, *args, script=script,
                                            status=INCOMPLETE if state == "cold" else OK)
                for row in results["rows"] if state == "cold" else []:
                    self.assertEqual((row["status"], row["phase"]), ("error", "measure"))
                    self.assertIn("evict fails", row["reason"])
        result = self.attnbench("run", "s.json", "--device", "null", "--cache", "warm",
                                status=USAGE)
        self.assertIn("--cache: expected hot or cold, found 'warm'", result.stderr)


class Reports(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("s.json", MIXED)
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "out.json",
                       script={**SMALL_DEVICE, "faults": [
                           {"at": "launch", "variant": "tiled", "cell": "n_q=33,", "do": "wrong"},
                           {"at": "build", "variant": "fused", "cell": "n_q=33,", "do": "fail"}]},
                       status=WRONG)
        self.rows = self.results()["rows"]

    def test_csv_has_every_row(self):
        text = self.attnbench("report", "out.json", "--format", "csv", status=OK).stdout
        table = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([(t["cell"], t["variant"], t["status"]) for t in table],
                         [(r["cell"], r["variant"], r["status"]) for r in self.rows])
        for line, row in zip(table, self.rows):
            self.assertEqual(line["problem.n_q"], str(row["problem"]["n_q"]))
            self.assertEqual(line["reason"], row["reason"] or "")
            if row["status"] == "ok":
                self.assertEqual(float(line["time.median_s"]), row["time"]["median_s"])
            else:
                self.assertEqual(line["time.median_s"] == "", "time" not in row)

    def test_markdown_names_every_variant_status_and_problem(self):
        text = self.attnbench("report", "out.json", "--format", "md", status=OK).stdout
        for word in ["naive", "tiled", "fused", "clblast", "wrong", "build_failed", "unsupported",
                     "skipped", "null-0"]:
            self.assertIn(word, text.replace("\\_", "_"))
        self.assertEqual(self.attnbench("report", "out.json", status=OK).stdout, text)

    def test_out_writes_the_same_text(self):
        for form in ["md", "csv"]:
            text = self.attnbench("report", "out.json", "--format", form, status=OK).stdout
            self.attnbench("report", "out.json", "--format", form, "--out", "r.txt", status=OK)
            self.assertEqual((self.folder / "r.txt").read_text(), text)

    def test_unknown_format(self):
        self.assertIn("--format: expected ", self.attnbench(
            "report", "out.json", "--format", "pdf", status=USAGE).stderr)


class Scaling(ProgramTest):
    def fit(self, time_s, axes=None, **script):
        self.write("s.json", make_suite(axes or {"n": {"from": 64, "to": 1024, "times": 2}}))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "out.json",
                       "--check", "none", script={"launch_us": 0, "time_s": time_s, **script},
                       status=OK)
        self.attnbench("check", "out.json", status=OK)
        return {f["variant"]: f for f in self.results()["scaling"]}

    def test_quadratic_and_linear_are_exact(self):
        fits = self.fit({"naive": "1e-9*pairs*heads_q", "fused": "1e-6*n_q"})
        self.assertEqual(sorted(fits), ["fused", "naive"])
        for variant, exponent in [("naive", 2), ("fused", 1)]:
            fit = fits[variant]
            self.assertAlmostEqual(fit["exponent"], exponent, delta=1e-12)
            self.assertAlmostEqual(fit["r2"], 1, delta=1e-12)
            self.assertEqual(fit["n"], [64, 128, 256, 512, 1024])
        self.assertAlmostEqual(fits["naive"]["ps_per_pair"], 1000, delta=1e-6)

    def test_noise_widens_the_interval_around_the_truth(self):
        fit = self.fit({"*": "1e-9*pairs*heads_q"}, noise=0.05)["naive"]
        self.assertTrue(0.001 < fit["exponent_ci95"] < 0.2, fit)
        self.assertLess(abs(fit["exponent"] - 2), 2 * fit["exponent_ci95"])

    def test_causal_is_quadratic_too(self):
        # n(n+1)/2 pairs: the local slope is a little under 2
        fit = self.fit({"*": "1e-9*pairs*heads_q"},
                       axes={"mask": ["causal"], "n": {"from": 128, "to": 1024, "times": 2}})
        self.assertTrue(1.99 < fit["naive"]["exponent"] < 2, fit["naive"])


main()
