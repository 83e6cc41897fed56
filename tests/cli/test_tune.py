"""attnbench tune on the scripted device: the optimum is known, so what the search must find is exact;
candidates that crash, hang, fail or are wrong never win; what run makes of the file."""
import json
import re
import signal

from harness import (BAD_INPUT, INCOMPLETE, INTERRUPTED, OK, ProgramTest, main, make_suite)

SUITE = make_suite({"n": [8]}, variants=["bowl"], deadlines={
    "enumerate_s": 10, "build_s": 10, "run_s": 1, "read_s": 10, "teardown_s": 2})
TUNE = {"A": [1, 2, 4, 8, 16], "B": [1, 2, 4, 8, 16], "C": [8, 16, 32, 64], "D": [1, 2, 3, 4, 5]}
# Of 500 combinations 1 + 4 * 4 = 17 pairs (A, B) are allowed, 340 in all. Times in ms; the best is
# A=8 B=4 C=16 D=4, the default takes 3.4 times as long.
WHERE = "(A == 1) == (B == 1)"
TIME = ("1e-3*(1 + 0.3*max(A/8, 8/A) + 0.3*max(B/4, 4/B) + 0.2*max(C/16, 16/C) + "
        "0.3*max(D-4, 4-D) - 0.8)")
BEST = {"A": 8, "B": 4, "C": 16, "D": 4}
DEFAULT = {"A": 1, "B": 1, "C": 64, "D": 1}


class Tune(ProgramTest):
    def make_variant(self, name="bowl", tune=None, where=WHERE, defaults=DEFAULT, program=""):
        folder = self.folder / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.cl").write_text(f"__kernel void k() {{}}{program}\n")
        (folder / "variant.json").write_text(json.dumps({
            "name": name, "supports": {"mask": ["none", "causal"]}, "tune": tune or TUNE,
            "where": where, "defaults": {"gpu": defaults},
            "passes": [{"kernel": "k", "groups": [1, 1, 1], "local": [1, 1, 1],
                        "args": ["q", "k", "v", "o"]}]}))

    def setUp(self):
        super().setUp()
        self.make_variant()
        self.write("s.json", SUITE)
        self.script = {"noise": 0.001, "time_s": {"*": TIME}}

    def tune(self, *args, status=OK, faults=(), **more):
        return self.attnbench("tune", "s.json", "--device", "null", "--kernels", "kernels", *args,
                              script={**self.script, "faults": list(faults)}, status=status, **more)

    def tuning_files(self):
        return sorted((self.folder / "cache" / "tuning").glob("*"))

    def entries(self, path=None):
        path = path or self.tuning_files()[0]
        content = json.loads(path.read_text())
        self.assertEqual(content["format"], "attnbench-tuning")
        return content["entries"]

    def rows(self, *args, status=OK, suite="s.json"):
        self.attnbench("run", suite, "--device", "null", "--kernels", "kernels", "--quiet", "--out",
                       "out.json", *args, script=self.script, status=status)
        return self.results()["rows"]

    # ---- the search --------------------------------------------------------------------------

    def test_the_optimum_is_found_whatever_the_seed(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                self.tune("--seed", seed, "--out", f"{seed}.json", "--quiet")
                entry, = self.entries(self.folder / f"{seed}.json")
                self.assertEqual(entry["tuning"], BEST)
                self.assertEqual(entry["candidates"], 64)
                self.assertEqual((entry["failed"], entry["wrong"]), (0, 0))
                self.assertAlmostEqual(entry["tuned_s"], 1e-3, delta=1e-5)
                self.assertGreater(entry["default_s"], 3 * entry["tuned_s"])

    def test_bad_candidates_never_win_and_are_counted(self):
        """The four best values of D are spoiled in four ways; the optimum is what is left of it."""
        faults = [{"at": "launch", "tuning": "D=4", "do": "wrong"},
                  {"at": "build", "tuning": "D=5", "do": "fail"},
                  {"at": "launch", "tuning": "D=3", "do": "crash"},
                  {"at": "launch", "tuning": "C=16,D=2", "do": "hang"}]
        out = self.tune("--deadline", "1s", faults=faults)
        entry, = self.entries()
        self.assertIn(entry["tuning"], [{**BEST, "C": c, "D": 2} for c in (8, 32)])
        self.assertGreater(entry["wrong"], 0)
        self.assertGreater(entry["failed"], 2)
        self.assertIn(f"{entry['failed']} failed, {entry['wrong']} wrong", out.stdout)
        self.assertIn("failed or wrong, the first: ", out.stderr)

    def test_the_time_limit_of_a_candidate_follows_from_the_defaults(self):
        """bug: two candidates that hung cost 30 s each where the default takes milliseconds. What the
        suite allows a launch is longer still."""
        bad = {"A": 1, "B": 1, "C": 64, "D": 2}  # beside the default, so that it is tried early
        text = ",".join(f"{name}={value}" for name, value in bad.items())
        self.write("s.json", {**SUITE, "deadlines": {"run_s": 60, "build_s": 60}})
        self.tune(faults=[{"at": "launch", "tuning": text, "do": "hang"}])
        entry, = self.entries()
        self.assertEqual(entry["tuning"], BEST)
        hung, = [b for b in self.content()["avoid"] if b["status"] == "timeout"]
        self.assertEqual(hung["tuning"], bad)
        limit = float(re.search(r"within ([\d.]+) s", hung["reason"]).group(1))
        self.assertGreater(limit, 9.9)  # ten times the default's, or the least
        self.assertLess(limit, 20)

    def content(self):
        return json.loads(self.tuning_files()[0].read_text())

    def test_what_was_bad_is_remembered_and_named(self):
        faults = [{"at": "launch", "tuning": "D=3", "do": "crash"}]
        out = self.tune(faults=faults)
        avoided = self.content()["avoid"]
        crashed = [b for b in avoided if b["status"] == "crash"]
        self.assertTrue(crashed)
        for bad in crashed:
            self.assertEqual((bad["variant"], bad["tuning"]["D"]), ("bowl", 3))
            self.assertIn("SIGSEGV", bad["reason"])
            named = ",".join(f"{k}={v}" for k, v in bad["tuning"].items())
            self.assertIn(f"avoided from now on: {named} (crash: ", out.stderr)
        self.assertEqual(out.stderr.count("avoided from now on"), len(crashed))
        self.assertRegex(out.stderr, r"64 candidates \([\d.e+]+ a minute\)")
        # Nothing of it is tried again, in this class and in others, with or without the entry.
        self.write("s.json", make_suite({"n": [8, 64]}, variants=["bowl"]))
        again = self.tune("--retune", "--seed", 1)
        now = self.content()["avoid"]
        self.assertEqual([b for b in now if b["status"] == "crash"], crashed)
        self.assertIn(f"{len(avoided)} passed over that were bad before", again.stderr)
        self.assertEqual(len(self.content()["entries"]), 2)
        # A run takes the file as it is; another version of the kernel starts afresh.
        self.rows()
        self.make_variant(program=" // changed")
        self.assertNotIn("passed over", self.tune("--retune").stderr)

    def test_a_class_without_a_right_tuning_remembers_too(self):
        self.tune(status=INCOMPLETE, faults=[{"at": "launch", "do": "crash"}])
        content = self.content()
        self.assertEqual(content["entries"], [])
        self.assertGreater(len(content["avoid"]), 30)

    def test_a_candidate_that_is_wrong_only_when_timed_never_wins(self):
        # In the search, or not before the last comparison, which takes more launches. A fault counts
        # the calls that those before it left alone: from the nth launch on.
        for nth in (3, 150):
            with self.subTest(nth=nth):
                self.tune("--retune", faults=300 * [{"at": "launch", "tuning": "A=8,B=4,C=16,D=4",
                                                     "do": "wrong", "nth": nth}])
                entry, = self.entries()
                self.assertNotEqual(entry["tuning"], BEST)
                self.assertEqual(entry["wrong"], 1)

    def test_a_candidate_that_is_wrong_on_uneven_lengths_never_wins(self):
        self.write("s.json", make_suite({"n": [64]}, variants=["bowl"]))
        self.tune(faults=[{"at": "launch", "cell": "n_q=61,n_kv=59", "do": "wrong",
                           "tuning": "A=8,B=4,C=16,D=4"}])
        entry, = self.entries()
        self.assertNotEqual(entry["tuning"], BEST)
        self.assertEqual(entry["wrong"], 1)

    def test_slow_candidates_are_given_up_after_a_launch(self):
        self.script["time_s"]["*"] = "1e-3*(A == 1) + 1e-3 + 0.1*(D > 1)"
        self.make_variant(defaults={"A": 1, "B": 1, "C": 8, "D": 1})
        out = self.tune()
        slow = int(out.stdout.split("tried, ")[1].split(" slow")[0])
        self.assertGreater(slow, 20)
        entry, = self.entries()
        self.assertEqual((entry["tuning"]["D"], entry["failed"], entry["wrong"]), (1, 0, 0))
        self.assertNotEqual(entry["tuning"]["A"], 1)

    def test_all_combinations_are_tried_where_there_are_few(self):
        self.make_variant(tune={"A": [1, 2, 4], "B": [1, 2, 4]}, where="A <= B",
                          defaults={"A": 1, "B": 4})
        self.script["time_s"]["*"] = "1e-3*(5 - A + B)"
        self.tune()
        entry, = self.entries()
        self.assertEqual(entry["candidates"], 6)
        self.assertIn(entry["tuning"], [{"A": n, "B": n} for n in (1, 2, 4)])

    def test_the_default_stays_unless_it_is_beaten_by_more_than_noise(self):
        self.script = {"noise": 0.05, "time_s": {"*": "1e-3*(1 - 0.005*(C == 8))"}}
        out = self.tune()
        entry, = self.entries()
        self.assertEqual(entry["tuning"], DEFAULT)
        self.assertEqual(entry["tuned_s"], entry["default_s"])
        self.assertIn("1.00x", out.stdout)

    def test_a_default_that_crashes_is_replaced(self):
        self.tune(faults=[{"at": "launch", "tuning": "C=64", "do": "crash"}])
        entry, = self.entries()
        self.assertEqual(entry["tuning"], BEST)
        self.assertIsNone(entry["default_s"])

    def test_a_class_without_any_right_tuning(self):
        self.make_variant("other")
        self.write("s.json", make_suite({"n": [8]}, variants=["bowl", "other"]))
        out = self.tune(status=INCOMPLETE, faults=[{"at": "build", "variant": "bowl", "do": "fail"}])
        self.assertIn("not tuned: the script says that build fails", out.stdout)
        self.assertEqual([e["variant"] for e in self.entries()], ["other"])

    # ---- classes and the file ----------------------------------------------------------------

    def test_one_search_a_class_and_only_what_is_not_known(self):
        self.write("s.json", make_suite({"n": [5, 8, 16, 17], "mask": ["none", "causal"]},
                                        variants=["bowl"]))
        self.tune()
        classes = [(e["class"]["n_q"], e["class"]["mask"], e["problem"]) for e in self.entries()]
        self.assertEqual([c[:2] for c in classes],
                         [(16, "full"), (16, "masked"), (64, "full"), (64, "masked")])
        self.assertIn("n_q=16,", classes[0][2])  # the largest of the suite's
        before = self.tuning_files()[0].read_text()
        out = self.tune()
        self.assertEqual(out.stdout.count("known; --retune searches again"), 4)
        self.assertEqual(self.tuning_files()[0].read_text(), before)
        out = self.tune("--retune", "--seed", 2)
        self.assertEqual(out.stdout.count("64 tried"), 4)
        self.assertEqual(len(self.entries()), 4)

    def test_entries_of_others_are_kept(self):
        self.tune()
        path = self.tuning_files()[0]
        content = json.loads(path.read_text())
        content["entries"].append({"variant": "somebody's", "what": "ever"})
        path.write_text(json.dumps(content))
        self.tune("--retune")
        self.assertEqual([e["variant"] for e in self.entries()], ["somebody's", "bowl"])

    def test_a_file_that_is_something_else_is_not_replaced(self):
        for content in ("{}", "hello", json.dumps({"format": "attnbench-tuning", "version": 1,
                                                   "device": {"name": "x"}, "entries": []})):
            with self.subTest(content=content):
                self.write("notes.json", content)
                out = self.tune("--out", "notes.json", status=BAD_INPUT)
                self.assertIn("notes.json:1: ", out.stderr)
                self.assertEqual((self.folder / "notes.json").read_text(), content)

    def test_an_interrupt_keeps_what_was_found(self):
        self.make_variant("hanging")
        self.write("s.json", make_suite({"n": [8]}, variants=["bowl", "hanging"]))
        process = self.start("tune", "s.json", "--device", "null", "--kernels", "kernels", script={
            **self.script, "faults": [{"at": "launch", "variant": "hanging", "do": "hang"}]})
        line = process.stderr.readline()  # of the class that is done
        self.assertIn("[1/2] bowl", line)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, err)
        self.assertIn("the same command goes on with the classes that are left", err)
        self.assertEqual([e["variant"] for e in self.entries()], ["bowl"])
        self.tune()
        self.assertEqual([e["variant"] for e in self.entries()], ["bowl", "hanging"])

    def test_a_budget_that_is_used_up(self):
        self.make_variant("later")
        self.write("s.json", make_suite({"n": [8]}, variants=["bowl", "later"]))
        out = self.tune("--budget", "0.001s", status=INCOMPLETE)
        self.assertIn("not tuned: the time was up", out.stdout)

    # ---- run ---------------------------------------------------------------------------------

    def origin(self, row):
        return row["tuning"], row["tuning_origin"]["source"]

    def test_run_uses_the_tuning_and_says_so(self):
        row, = self.rows()
        self.assertEqual(self.origin(row), (DEFAULT, "default"))
        self.assertIsNone(row["tuning_origin"]["class"])
        self.tune()
        row, = self.rows()
        self.assertEqual(self.origin(row), (BEST, "tuned"))
        self.assertEqual(row["tuning_origin"]["class"],
                         "d_k=4 d_v=4 f32 bhnd full n_q<=16 n_kv<=16 group=1")
        row, = self.rows("--no-tuning")
        self.assertEqual(self.origin(row), (DEFAULT, "default"))
        self.attnbench("check", "out.json", status=OK)

    def test_run_takes_a_file_alone(self):
        self.tune("--out", "mine.json")
        self.assertFalse((self.folder / "cache" / "tuning").exists() and self.tuning_files())
        row, = self.rows("--tuning", "mine.json")
        self.assertEqual(self.origin(row), (BEST, "given"))
        text = (self.folder / "mine.json").read_text()
        self.write("mine.json", text.replace('"A":8', '"A":7'))
        out = self.attnbench("run", "s.json", "--device", "null", "--kernels", "kernels",
                             "--tuning", "mine.json", script=self.script, status=BAD_INPUT)
        self.assertIn("mine.json:6: entries[0].tuning.A: expected one of the variant's values",
                      out.stderr)
        self.write("mine.json", text.replace("scripted device", "another"))
        out = self.attnbench("run", "s.json", "--device", "null", "--kernels", "kernels",
                             "--tuning", "mine.json", script=self.script, status=BAD_INPUT)
        self.assertIn("mine.json: device: this is not null-0", out.stderr)
        self.attnbench("run", "s.json", "--device", "null", "--tuning", "none.json",
                       status=BAD_INPUT)

    def test_a_broken_file_in_the_cache_stops_nothing(self):
        self.tune()
        path = self.tuning_files()[0]
        good = path.read_text()
        for content, message in ((good.replace('"A":8', '"A":7'), "the entry is ignored"),
                                 (good[:200], "the file is ignored"),
                                 (good.replace('"bowl"', '"bowls"'), None)):  # not loaded: silent
            with self.subTest(message=message):
                path.write_text(content)
                out = self.attnbench("run", "s.json", "--device", "null", "--kernels", "kernels",
                                     "--out", "out.json", script=self.script, status=OK)
                if message:
                    self.assertIn(message, out.stderr)
                    self.assertIn(str(path), out.stderr)
                else:
                    self.assertNotIn("bowls", out.stderr)
                row, = self.results()["rows"]
                self.assertEqual(self.origin(row), (DEFAULT, "default"))

    def test_tunings_of_a_changed_kernel_are_stale(self):
        self.tune()
        self.make_variant(program=" // changed")
        out = self.attnbench("run", "s.json", "--device", "null", "--kernels", "kernels", "--out",
                             "out.json", script=self.script, status=OK)
        self.assertIn("1 tunings are of kernels that have changed since (bowl)", out.stderr)
        self.assertEqual(self.origin(self.results()["rows"][0]), (DEFAULT, "default"))
        self.tune()
        self.assertEqual(len(self.entries()), 1)
        row, = self.rows()
        self.assertEqual(self.origin(row), (BEST, "tuned"))

    def test_a_library_with_another_tuning_gets_another_worker(self):
        """Parameters that a library was given cannot be taken back in its process."""
        self.write("s.json", make_suite({"n": [8, 64, 9]}, variants=["bowl"]))
        self.tune("--out", "mine.json", "--filter", "n_q=8,")
        content = json.loads((self.folder / "mine.json").read_text())
        entry, = content["entries"]
        del entry["program_sha"]
        content["entries"].append({**entry, "class": {**entry["class"], "n_q": 64, "n_kv": 64},
                                   "tuning": {**BEST, "D": 5}})
        self.write("mine.json", content)
        description = json.loads((self.folder / "kernels/bowl/variant.json").read_text())
        self.script["faults"] = [{"at": "build", "nth": 2, "do": "fail"}]  # of a process
        for requires, status, statuses in (({}, INCOMPLETE, ["ok", "build_failed", "ok"]),
                                           ({"library": "clblast"}, OK, ["ok", "ok", "ok"])):
            with self.subTest(requires=requires):
                self.write("kernels/bowl/variant.json", {**description, "requires": requires})
                rows = self.rows("--tuning", "mine.json", status=status)
                self.assertEqual([r["status"] for r in rows], statuses)

    def test_without_a_tuning_the_library_has_its_own_parameters(self):
        """bug: a rule that divided by MWG = 0 refused the default, and others were searched for 30 s"""
        self.write("s.json", make_suite({"n": [77, 1024]}, variants=["clblast"]))
        plan = json.loads(self.attnbench("plan", "s.json", "--device", "null", "--json",
                                         status=OK).stdout)
        for cell in plan["cells"]:
            self.assertEqual((cell["tuning"]["MWG"], cell["tuning_source"]), (0, "default"))

    def test_a_variant_brings_its_own_tunings(self):
        self.tune("--out", "mine.json")
        shipped = json.loads((self.folder / "mine.json").read_text())
        shipped["device"] = {"type": "gpu"}
        del shipped["entries"][0]["program_sha"]
        self.write("kernels/bowl/gpu.tuning.json", shipped)
        row, = self.rows()
        self.assertEqual(self.origin(row), (BEST, "shipped"))
        row, = self.rows("--no-tuning")
        self.assertEqual(self.origin(row), (DEFAULT, "default"))
        shipped["entries"][0]["variant"] = "naive"
        self.write("kernels/bowl/gpu.tuning.json", shipped)
        out = self.attnbench("variants", "--device", "null", "--kernels", "kernels",
                             status=BAD_INPUT)
        self.assertIn('entries[0].variant: unknown variant "naive"', out.stderr)


main()
