"""Every fault that the null backend can be told to have: the row says what became of the cell, the
other cells are measured all the same, and each cell has exactly one row."""
from harness import (INCOMPLETE, NO_DEVICE, OK, WRONG, ProgramTest, main, make_suite)

SUITE = make_suite({"n": [8, 16, 24]}, deadlines={
    "enumerate_s": 0.5, "build_s": 0.5, "run_s": 1, "read_s": 1, "teardown_s": 1})
# Rows in plan order: n=8 fused, naive, n=16 fused, naive, n=24 fused, naive.
VICTIM = {"variant": "fused", "cell": "n_q=16,"}

# (where, what): status, exit status, part of the reason, phase
CELL_FAULTS = {
    ("build", "crash"): ("crash", INCOMPLETE, "SIGSEGV", "prepare"),
    ("build", "abort"): ("crash", INCOMPLETE, "SIGABRT", "prepare"),
    ("build", "exit"): ("crash", INCOMPLETE, "exited with status 0", "prepare"),
    ("build", "hang"): ("timeout", INCOMPLETE, "no answer within 1 s", "prepare"),
    ("build", "fail"): ("build_failed", INCOMPLETE, "the script says that build fails", "prepare"),
    ("build", "oom"): ("oom", INCOMPLETE, "build is out of memory", "prepare"),
    ("build", "fatal"): ("oom", INCOMPLETE, "CL_OUT_OF_RESOURCES", "prepare"),
    ("build", "print"): ("ok", OK, None, "done"),
    ("launch", "crash"): ("crash", INCOMPLETE, "SIGSEGV", "check"),
    ("launch", "abort"): ("crash", INCOMPLETE, "SIGABRT", "check"),
    ("launch", "exit"): ("crash", INCOMPLETE, "exited with status 0", "check"),
    ("launch", "hang"): ("timeout", INCOMPLETE, "no answer within", "check"),
    ("launch", "fail"): ("error", INCOMPLETE, "the script says that launch fails", "check"),
    ("launch", "oom"): ("oom", INCOMPLETE, "launch is out of memory", "check"),
    ("launch", "fatal"): ("oom", INCOMPLETE, "CL_OUT_OF_RESOURCES", "check"),
    ("launch", "wrong"): ("wrong", WRONG, "1 of 16 compared rows are wrong", "check"),
    ("launch", "nan"): ("wrong", WRONG, "1 of 64 output values are NaN", "check"),
    ("launch", "unwritten"): ("wrong", WRONG, "64 of 64 output values are NaN, infinite or unwritten",
                              "check"),
    ("launch", "overrun"): ("wrong", WRONG, "wrote outside a buffer: 0 bytes past the end of o",
                            "check"),
    ("launch", "overrun_far"): ("wrong", WRONG, "wrote outside a buffer: 6000 bytes past the end "
                                "of o", "check"),
    ("launch", "tamper"): ("wrong", WRONG, "wrote to its input k", "check"),
    ("launch", "stale"): ("wrong", WRONG, "on inputs in which each key matters: 16 of 16 compared "
                          "rows", "check"),
    ("launch", "flaky"): ("ok", OK, None, "done"),
    ("launch", "bad_timer"): ("ok", OK, None, "done"),
    ("launch", "print"): ("ok", OK, None, "done"),
}

READ_FAULTS = {"crash": ("crash", "SIGSEGV"), "abort": ("crash", "SIGABRT"),
               "exit": ("crash", "exited with status 0"), "hang": ("timeout", "no answer within 1 s"),
               "fail": ("error", "read fails"), "oom": ("oom", "read is out of memory"),
               "fatal": ("oom", "CL_OUT_OF_RESOURCES"), "print": ("ok", None)}

OPEN_FAULTS = {"crash": ("crash", "SIGSEGV"), "abort": ("crash", "SIGABRT"),
               "exit": ("crash", "exited with status 0"), "hang": ("timeout", "no answer within 1.5 s"),
               "fail": ("error", "open fails"), "oom": ("oom", "open is out of memory"),
               "fatal": ("oom", "CL_OUT_OF_RESOURCES"), "print": ("ok", None)}

ENUMERATE_FAULTS = {"crash": "SIGSEGV", "abort": "SIGABRT", "exit": "exited with status 0",
                    "hang": "no answer within 0.5 s", "fail": "enumerate fails",
                    "oom": "enumerate is out of memory", "fatal": "CL_OUT_OF_RESOURCES"}


def in_turn(rows):
    """The six rows of n_q 8, 16, 24 as they were measured: the ends before the middle."""
    return rows[:2] + rows[4:] + rows[2:4]


class Faults(ProgramTest):
    def run_with(self, faults, *args, status, suite=SUITE):
        self.write("s.json", suite)
        cells = self.planned("s.json")
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "out.json",
                       "--deadline", "1s", *args, script={"faults": faults}, status=status)
        results = self.results()
        self.expect_complete(results, cells)
        self.assertFalse((self.folder / "out.json.journal").exists())
        self.attnbench("check", "out.json", status=OK)
        return results["rows"]

    def expect_victim(self, rows, victim, status, reason):
        for number, row in enumerate(rows):
            self.assertEqual(row["status"], status if number == victim else "ok", row)
        if reason is not None:
            self.assertIn(reason, rows[victim]["reason"])

    def test_faults_of_a_cell(self):
        for (where, what), (status, exit_status, reason, phase) in CELL_FAULTS.items():
            with self.subTest(at=where, do=what):
                rows = self.run_with([{"at": where, "do": what, **VICTIM}], status=exit_status)
                self.expect_victim(rows, 2, status, reason)
                self.assertEqual(rows[2]["phase"], phase)
                if what == "flaky":
                    self.assertFalse(rows[2]["check"]["repeatable"])
                    self.assertTrue(rows[3]["check"]["repeatable"])
                if what == "bad_timer":
                    self.assertEqual(rows[2]["time"]["clock"], "host")
                    self.assertIn("ended before started", rows[2]["time"]["clock_reason"])
                    self.assertEqual(rows[3]["time"]["clock"], "device")
                if what == "print":
                    self.assertIn("driver says hello on stdout", rows[2]["worker_output"])
                    self.assertIn("driver says hello on stderr", rows[2]["worker_output"])

    def test_faults_of_a_read(self):
        for what, (status, reason) in READ_FAULTS.items():
            with self.subTest(do=what):
                rows = self.run_with([{"at": "read", "do": what, **VICTIM}],
                                     status=OK if status == "ok" else INCOMPLETE)
                self.expect_victim(rows, 2, status, reason)

    def test_faults_of_opening_the_device(self):
        for what, (status, reason) in OPEN_FAULTS.items():
            with self.subTest(do=what):
                rows = self.run_with([{"at": "open", "do": what}],
                                     status=OK if status == "ok" else INCOMPLETE)
                # each attempt costs a row; after the third the device is left alone
                for number, row in enumerate(in_turn(rows)):
                    if reason is None or number < 3:
                        self.assertEqual(row["status"], status, row)
                    else:
                        self.assertEqual(row["status"], "skipped", row)
                    if reason is not None:
                        self.assertIn(reason, row["reason"])
                        self.assertEqual(row["phase"], "open" if number < 3 else "plan")

    def test_faults_of_looking_for_devices(self):
        self.write("s.json", SUITE)
        for what, message in ENUMERATE_FAULTS.items():
            with self.subTest(do=what):
                result = self.attnbench("run", "s.json", "--device", "null", "--out", "out.json",
                                        script={"faults": [{"at": "enumerate", "do": what}]},
                                        status=NO_DEVICE)
                self.assertIn(message, result.stderr)
                self.assertFalse((self.folder / "out.json").exists())
        self.run_with([{"at": "enumerate", "do": "print"}], status=OK)

    def test_wrong_in_one_timed_launch(self):
        """Each timed output is compared with one that was judged, not the last one alone."""
        for nth in (6, 7, 20, 40):
            with self.subTest(nth=nth):
                rows = self.run_with([{"at": "launch", "do": "wrong", "nth": nth, **VICTIM}],
                                     status=WRONG)
                self.expect_victim(rows, 2, "wrong", "compared rows are wrong")
                self.assertEqual(rows[2]["phase"], "measure")
                self.assertRegex(rows[2]["reason"], r"^timed launch \d+(, on other inputs)?: 1 of 16")
                if nth > 10:  # behind the warm-up: it keeps its numbers
                    self.assertGreater(rows[2]["time"]["median_s"], 0)

    def test_other_bits_that_are_right(self):
        """A variant that is not repeatable is judged each time, and stays ok."""
        rows = self.run_with([{"at": "launch", "do": "flaky", **VICTIM}] * 2, status=OK)
        self.assertFalse(rows[2]["check"]["repeatable"])
        for row in rows:
            self.assertGreaterEqual(row["check"]["launches_compared"],
                                    len(row["time"]["samples_s"]))
            self.assertTrue(row["check"]["inputs_changed"])

    def test_scratch_has_guards(self):
        victim = {"variant": "naive", "cell": "n_q=16,"}
        rows = self.run_with([{"at": "launch", "do": "overrun_scratch", **victim}], status=WRONG)
        self.expect_victim(rows, 3, "wrong", "wrote outside a buffer: 0 bytes past the end of scores")

    # Two slices of launches for each, in turn: what naive does in its first is seen after fused's last.
    TURNS = make_suite({"n": [16]}, measure={"min_samples": 100, "max_time_s": 60})

    def test_the_innocent_keep_their_rows(self):
        """Damage is seen after the launches of another: each suspect repeats it alone."""
        faults = [{"at": "launch", "do": "tamper", "variant": "naive", "nth": 12}]
        rows = self.run_with(faults, status=WRONG, suite=self.TURNS)
        self.assertEqual([r["variant"] for r in rows], ["fused", "naive"])
        self.assertEqual([r["status"] for r in rows], ["ok", "wrong"], rows)
        self.assertEqual(rows[1]["reason"], "wrote to its input k")
        self.assertGreaterEqual(len(rows[0]["time"]["samples_s"]), 100)

    def test_damage_that_nobody_repeats(self):
        """The launch is one that neither reaches alone."""
        faults = [{"at": "launch", "do": "tamper", "nth": 100}]
        rows = self.run_with(faults, status=WRONG,
                             suite=make_suite({"n": [16]}, measure={"max_time_s": 60}))
        wrong = [r for r in rows if r["status"] == "wrong"]
        self.assertEqual(len(wrong), 1, rows)
        self.assertEqual(wrong[0]["reason"],
                         "wrote to its input k; it did not happen again in a worker of its own, nor "
                         "do the others of its group do it")
        self.assertEqual({r["status"] for r in rows}, {"ok", "wrong"})

    def test_faults_in_the_timed_launches(self):
        """bug: the worker that took over had no guard zones, and the other variant was called wrong"""
        for what, status in [("crash", "crash"), ("hang", "timeout"), ("oom", "oom"),
                             ("fatal", "oom"), ("fail", "error")]:
            with self.subTest(do=what):
                rows = self.run_with([{"at": "launch", "do": what, "nth": 4, **VICTIM}],
                                     status=INCOMPLETE)
                self.expect_victim(rows, 2, status, None)
                self.assertEqual(rows[2]["phase"], "measure")

    def test_one_bad_timer_spoils_the_clock_of_its_row(self):
        rows = self.run_with([{"at": "launch", "do": "bad_timer", "nth": 7, **VICTIM}], status=OK)
        self.assertEqual(rows[2]["time"]["clock"], "host")
        self.assertEqual(rows[2]["time"]["median_s"], rows[2]["time"]["host_median_s"])
        for row in rows[:2] + rows[3:]:
            self.assertEqual(row["time"]["clock"], "device")
            self.assertLess(row["time"]["median_s"], row["time"]["host_median_s"])

    def test_many_faults_at_once(self):
        faults = [{"at": "build", "do": "crash", "cell": "n_q=8,", "variant": "fused"},
                  {"at": "launch", "do": "crash", "cell": "n_q=8,", "variant": "naive"},
                  {"at": "launch", "do": "wrong", "cell": "n_q=24,", "variant": "fused"},
                  {"at": "launch", "do": "fatal", "cell": "n_q=24,", "variant": "naive"},
                  {"at": "build", "do": "fail", "cell": "n_q=16,", "variant": "fused"},
                  {"at": "launch", "do": "abort", "cell": "n_q=16,", "variant": "naive"}]
        rows = self.run_with(faults, status=WRONG)
        self.assertEqual([r["status"] for r in rows],
                         ["crash", "crash", "build_failed", "crash", "wrong", "oom"])

    def test_every_cell_crashes(self):
        for options, limit in [((), 3), (("--quarantine", "2"), 2), (("--quarantine", "0"), 6)]:
            with self.subTest(options=options):
                rows = self.run_with([{"at": "launch", "do": "crash"}], *options,
                                     status=INCOMPLETE)
                self.assertEqual([r["status"] for r in in_turn(rows)],
                                 ["crash"] * limit + ["skipped"] * (6 - limit))
                for row in in_turn(rows)[limit:]:
                    self.assertIn(f"in quarantine after {limit} failures in a row", row["reason"])
                    self.assertIn("crash: the worker was killed by SIGSEGV", row["reason"])

    def test_a_success_ends_a_row_of_failures(self):
        crashes = [{"at": "launch", "do": "crash", "variant": v, "cell": f"n_q={n},"}
                   for v, n in [("fused", 8), ("naive", 8), ("fused", 16), ("naive", 16)]]
        rows = self.run_with(crashes, status=INCOMPLETE)
        self.assertEqual([r["status"] for r in in_turn(rows)],
                         ["crash", "crash", "ok", "ok", "crash", "crash"])

    def test_quarantine_is_of_one_device(self):
        self.write("s.json", make_suite({"n": [8, 16, 24]}))
        script = {"devices": [{"id": "null-bad"}, {"id": "null-good"}],
                  "faults": [{"at": "build", "do": "crash", "device": "null-bad"}]}
        self.attnbench("run", "s.json", "--device", "null-all", "--quiet", "--out", "out.json",
                       script=script, status=INCOMPLETE)
        statuses = {}
        for row in self.results()["rows"]:
            statuses.setdefault(row["device"], []).append(row["status"])
        statuses["null-bad"] = in_turn(statuses["null-bad"])
        self.assertEqual(statuses, {"null-bad": ["crash"] * 3 + ["skipped"] * 3,
                                    "null-good": ["ok"] * 6})

    def test_chatter_of_a_crash_is_kept(self):
        rows = self.run_with([{"at": "launch", "do": "print", "nth": 1, **VICTIM},
                              {"at": "launch", "do": "crash", **VICTIM}], status=INCOMPLETE)
        self.expect_victim(rows, 2, "crash", "SIGSEGV")
        self.assertIn("driver says hello on stderr", rows[2]["worker_output"])


main()
