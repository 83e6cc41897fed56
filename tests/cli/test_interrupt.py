"""Interrupted and killed runs: what was measured is on disk, and --resume makes the rest."""
import datetime
import json
import pathlib
import re
import shlex
import signal
import time

from harness import (BAD_INPUT, INCOMPLETE, INTERRUPTED, IO, NO_DEVICE, OK, SOURCE, USAGE, ProgramTest, main,
                     make_suite)

SUITE = make_suite({"n": [8, 12, 16, 20, 24]})
HANG = {"faults": [{"at": "launch", "do": "hang", "variant": "naive", "cell": "n_q=16,"}]}
CRASH = {"faults": [{"at": "launch", "do": "crash", "variant": "naive", "cell": "n_q=16,"}]}


class Interrupted(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("s.json", SUITE)
        self.cells = self.planned("s.json")

    def start_hanging(self, deadline="60s", script=HANG, rows=4, **more):
        """A run that has written its first rows and now hangs in a cell."""
        process = self.start("run", "s.json", "--device", "null", "--out", "out.json",
                             "--deadline", deadline, script=script, **more)
        self.wait_for_rows(rows)
        time.sleep(0.1)
        return process

    def resume_command(self, stderr):
        found = re.search(r"interrupted; to go on: attnbench (run --resume \S+)$", stderr, re.M)
        self.assertTrue(found, stderr)
        return shlex.split(found.group(1))

    def expect_resumed(self, *command, status=OK, script=None):
        result = self.attnbench(*command, script=script or {}, status=status)
        results = self.results()
        self.expect_complete(results, self.cells)
        self.assertFalse((self.folder / "out.json.journal").exists())
        self.assertIsNotNone(results["run"]["finished_utc"])
        self.attnbench("check", "out.json", status=OK)
        return result, results

    def test_interrupt_ends_after_the_present_group(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            with self.subTest(signal=number):
                process = self.start_hanging(deadline="1s")
                process.send_signal(number)
                _, stderr = process.communicate(timeout=20)
                self.assertEqual(process.returncode, INTERRUPTED, stderr)
                before = self.results()
                self.assertIsNone(before["run"]["finished_utc"])
                # the hung cell became a row at its deadline, the rest of its group waits
                self.assertEqual([r["status"] for r in before["rows"]].count("timeout"), 1)
                self.assertLess(len(before["rows"]), len(self.cells))
                self.attnbench("check", "out.json", status=OK)
                _, after = self.expect_resumed(*self.resume_command(stderr), status=INCOMPLETE)
                self.assertEqual([r for r in after["rows"] if r in before["rows"]], before["rows"])
                self.assertEqual(after["run"]["id"], before["run"]["id"])
                self.assertEqual(after["run"]["started_utc"], before["run"]["started_utc"])

    def test_second_interrupt_ends_at_once(self):
        process = self.start_hanging()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, stderr = process.communicate(timeout=20)
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(process.returncode, INTERRUPTED, stderr)
        self.assertEqual({r["status"] for r in self.results()["rows"]}, {"ok"})
        self.expect_resumed(*self.resume_command(stderr))

    def test_interrupt_in_the_last_group(self):
        """bug: an interrupt during the last group ended as if the run were complete"""
        script = {"faults": [{"at": "launch", "do": "hang", "variant": "fused", "cell": "n_q=24,"}]}
        process = self.start_hanging(deadline="1s", script=script, rows=8)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
        rows = len(self.results()["rows"])
        if rows < len(self.cells):
            self.assertEqual(process.returncode, INTERRUPTED, f"{rows} rows; {stderr}")
            self.expect_resumed(*self.resume_command(stderr), status=INCOMPLETE)
        else:
            self.assertEqual(process.returncode, INCOMPLETE)
            self.expect_complete(self.results(), self.cells)

    def test_killed_supervisor(self):
        process = self.start_hanging()
        process.kill()
        process.wait()
        self.assertTrue((self.folder / "out.json.journal").exists())
        result, results = self.expect_resumed("run", "--resume", "out.json")
        self.assertEqual([r["status"] for r in results["rows"]], ["ok"] * len(self.cells))

    def test_killed_supervisor_leaves_no_worker_behind(self):
        process = self.start_hanging()
        task = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}")
        children = [int(p) for p in (task / "children").read_text().split()]
        self.assertEqual(len(children), 1)
        process.kill()
        process.wait()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                status = pathlib.Path(f"/proc/{children[0]}/stat").read_text()
                if status.rpartition(")")[2].split()[0] == "Z":
                    return
            except (FileNotFoundError, ProcessLookupError):
                return
            time.sleep(0.02)
        self.fail("the worker outlives its supervisor")

    def test_killed_again_and_again(self):
        """A kill after every pair of rows: the set of cells is complete in the end."""
        command = ["run", "s.json", "--device", "null", "--out", "out.json", "--quiet"]
        for n, rows in [(12, 2), (16, 4), (20, 6), (24, 8)]:
            script = {"faults": [{"at": "build", "do": "hang", "cell": f"n_q={n},"}]}
            process = self.start(*command, script=script)
            self.wait_for_rows(rows)
            process.kill()
            process.wait()
            command = ["run", "--resume", "out.json", "--quiet"]
        self.expect_resumed(*command)

    def test_a_torn_last_line_is_dropped_and_said(self):
        journal = self.folder / "out.json.journal"
        process = self.start_hanging()
        process.kill()
        process.wait()
        whole = journal.read_bytes()
        last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
        for cut in [last + 1, (last + len(whole)) // 2, len(whole) - 2, len(whole) - 1]:
            with self.subTest(cut=cut - len(whole)):
                journal.write_bytes(whole[:cut])
                result, _ = self.expect_resumed("run", "--resume", "out.json")
                self.assertIn("the last line was cut off and is dropped", result.stderr)

    def test_resume_takes_the_journal_too_and_the_suite(self):
        for command in [["run", "--resume", "out.json.journal"],
                        ["run", "s.json", "--device", "null", "--resume", "out.json"]]:
            with self.subTest(command=command):
                process = self.start_hanging()
                process.kill()
                process.wait()
                self.expect_resumed(*command)

    def test_resume_keeps_the_options(self):
        self.cells = self.planned("s.json", "--set", "d_k=8", "--variants", "naive")
        process = self.start("run", "s.json", "--device", "null", "--out", "out.json", "--set",
                             "d_k=8", "--variants=naive", "--filter", "n_q=(8|16),", "--check",
                             "none", "--seed", "7", script=HANG)
        self.wait_for_rows(2)
        process.kill()
        process.wait()
        _, results = self.expect_resumed("run", "--resume", "out.json")
        self.assertEqual([r["status"] for r in results["rows"]],
                         ["ok", "skipped", "ok", "skipped", "skipped"])
        self.assertEqual({r["check"]["mode"] for r in results["rows"] if r["status"] == "ok"},
                         {"none"})
        self.assertEqual(results["run"]["seed"], 7)

    def test_resume_keeps_a_device_from_the_environment(self):
        """bug: the device chosen by ATTNBENCH_DEVICE is forgotten on --resume"""
        process = self.start("run", "s.json", "--out", "out.json", script=HANG,
                             ATTNBENCH_DEVICE="null")
        self.wait_for_rows(4)
        process.kill()
        process.wait()
        self.expect_resumed("run", "--resume", "out.json")

    def test_check_of_a_journal(self):
        process = self.start_hanging()
        process.kill()
        process.wait()
        whole = (self.folder / "out.json.journal").read_text()
        result = self.attnbench("check", "out.json.journal", status=OK)
        self.assertIn("valid, but unfinished: 4 rows of 10", result.stdout)
        rows = [line for line in whole.splitlines(True) if line.startswith('{"row"')]
        for text, message in [
                (whole[:-20], "the last line is cut off; --resume drops it"),
                (whole + rows[0], "the cell has more than one row"),
                (whole.replace('"repeatable": true', '"repeatable": false', 1)
                 .replace('"repeatable":true', '"repeatable":false', 1),
                 "edited or damaged: its digest does not fit"),
                (whole.replace(rows[1], rows[1][:40] + "\n"), "out.json.journal:4:")]:
            with self.subTest(message=message):
                self.assertNotEqual(text, whole)
                (self.folder / "out.json.journal").write_text(text)
                result = self.attnbench("check", "out.json.journal", status=BAD_INPUT)
                self.assertIn(message, result.stderr)

    def test_an_edited_journal_is_not_resumed(self):
        process = self.start_hanging()
        process.kill()
        process.wait()
        journal = self.folder / "out.json.journal"
        journal.write_text(journal.read_text().replace('"status":"ok"', '"status":"wrong"', 1)
                           .replace('"status": "ok"', '"status": "wrong"', 1))
        result = self.attnbench("run", "--resume", "out.json", status=BAD_INPUT)
        self.assertIn("the row was edited or damaged", result.stderr)

    def test_another_plan_is_refused(self):
        process = self.start_hanging()
        process.kill()
        process.wait()
        before = (self.folder / "out.json.journal").read_bytes()
        for change in [["--set", "d_k=8"], ["--variants", "naive"], ["--filter", "n_q=8"]]:
            result = self.attnbench("run", "s.json", "--device", "null", "--resume", "out.json",
                                    *change, status=USAGE)
            self.assertIn("belongs to another plan: options: none in BASE, "
                          f"{change[0]}={change[1]} in NEW", result.stderr)
        self.assertEqual((self.folder / "out.json.journal").read_bytes(), before)
        self.expect_resumed("run", "--resume", "out.json")

    def test_a_changed_kernel_is_named(self):
        folder = self.folder / "k/mine"
        folder.mkdir(parents=True)
        description = json.loads((SOURCE / "kernels/naive/variant.json").read_text())
        self.write("k/mine/variant.json", {**description, "name": "mine"})
        self.write("k/mine/mine.cl", (SOURCE / "kernels/naive/naive.cl").read_text())
        self.write("m.json", make_suite({"n": [8, 16]}, variants=["naive", "mine"]))
        run = lambda *args, **more: self.attnbench("run", "m.json", "--device", "null", "--kernels",
                                                   "k", "--out", "out.json", *args, **more)
        run(status=OK)
        (self.folder / "base.json").write_bytes((self.folder / "out.json").read_bytes())
        self.write("k/mine/variant.json", {**description, "name": "mine", "title": "Changed"})
        for result in (run("--continue", status=USAGE),):
            self.assertIn("belongs to another plan: kernels/mine/variant.json differs; use",
                          result.stderr)
        run(status=OK)
        compared = self.attnbench("compare", "base.json", "out.json").stdout
        self.assertEqual(compared.count("warning: "), 1)
        self.assertIn("warning: kernels/mine/variant.json differs", compared)

    def test_an_unfinished_run_is_not_overwritten(self):
        process = self.start_hanging()
        process.kill()
        process.wait()
        result = self.attnbench("run", "s.json", "--device", "null", "--out", "out.json", status=IO)
        self.assertIn("use --resume to go on with it, or remove it", result.stderr)
        self.expect_resumed("run", "--resume", "out.json")

    def test_a_running_run_is_not_resumed(self):
        self.start_hanging()
        result = self.attnbench("run", "--resume", "out.json", status=IO)
        self.assertIn("another attnbench is writing it", result.stderr)

    def test_two_runs_on_one_device_go_one_after_the_other(self):
        process = self.start_hanging()
        waiting = self.start("run", "s.json", "--device", "null", "--out", "second.json", script={})
        line = waiting.stderr.readline()
        self.assertIn(f"null-0 is in use by another run (process {process.pid}); waiting", line)
        self.assertIsNone(waiting.poll())
        process.kill()  # the lock goes with its process
        waiting.communicate(timeout=30)
        self.assertEqual(waiting.returncode, OK)
        self.assertEqual(self.results("second.json")["summary"]["ok"], len(self.cells))

    def test_a_waiting_run_can_be_interrupted_and_resumed(self):
        holder = self.start_hanging()
        waiting = self.start("run", "s.json", "--device", "null", "--out", "second.json", script={})
        self.assertIn("waiting", waiting.stderr.readline())
        waiting.send_signal(signal.SIGINT)
        _, stderr = waiting.communicate(timeout=20)
        self.assertEqual(waiting.returncode, INTERRUPTED)
        command = self.resume_command(stderr)
        holder.kill()
        holder.wait()
        self.attnbench(*command, script={}, status=OK)
        self.expect_complete(self.results("second.json"), self.cells)

    def test_waiting_has_a_limit(self):
        holder = self.start_hanging()
        for limit in ("0", "300ms"):
            result = self.attnbench("run", "s.json", "--device", "null", "--out", "second.json",
                                    "--wait", limit, script={}, status=NO_DEVICE)
            self.assertIn("null-0 is in use by another run, for longer than --wait", result.stderr)
            self.assertIn(f"process {holder.pid} holds", result.stderr)
            self.assertEqual(sorted(p.name for p in self.folder.glob("second*")), [])
            self.attnbench("tune", "s.json", "--device", "null", "--wait", limit, script={},
                           status=NO_DEVICE)
        self.attnbench("run", "s.json", "--device", "null", "--wait", "-1s", status=USAGE)

    def test_waiting_is_not_the_runs_time(self):
        holder = self.start_hanging()
        before = time.time()
        waiting = self.start("run", "s.json", "--device", "null", "--peaks", "none", "--out",
                             "second.json", script={})
        self.assertIn("waiting", waiting.stderr.readline())
        time.sleep(3)
        holder.kill()
        released = time.time()
        waiting.communicate(timeout=60)
        waited = time.time() - released
        run = self.results("second.json")["run"]
        self.assertLess(sum(run["time_s"].values()), waited + 1)
        started = datetime.datetime.fromisoformat(run["started_utc"].replace("Z", "+00:00"))
        self.assertGreaterEqual(started.timestamp(), int(before) + 2)

    def test_no_lock(self):
        self.start_hanging()
        result = self.attnbench("run", "s.json", "--device", "null", "--out", "second.json",
                                "--no-lock", "--quiet", script={}, status=OK)
        self.assertNotIn("in use", result.stderr)

    def test_without_a_place_for_locks_there_are_none(self):
        self.start_hanging()
        self.write("cache-file", "not a folder")
        self.attnbench("run", "s.json", "--device", "null", "--out", "second.json", "--quiet",
                       script={}, status=OK, ATTNBENCH_CACHE_DIR=str(self.folder / "cache-file"))

    def test_a_finished_run_is_not_overwritten(self):
        run = lambda *args, **more: self.attnbench("run", "s.json", "--device", "null", "--quiet",
                                                   "--out", "out.json", *args, again=False, **more)
        run(status=OK)
        before = (self.folder / "out.json").read_bytes()
        for args in ([], ["--set", "d_k=8"]):  # also the same command: it is another run
            result = run(*args, status=USAGE)
            self.assertIn("'out.json' holds a run of test from 20", result.stderr)
            self.assertIn("--force", result.stderr)
        self.assertEqual((self.folder / "out.json").read_bytes(), before)
        run("--continue", status=OK)  # finished already
        self.assertEqual((self.folder / "out.json").read_bytes(), before)
        run("--force", status=OK)
        self.assertNotEqual((self.folder / "out.json").read_bytes(), before)

    def test_a_finished_run_has_nothing_to_resume(self):
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "out.json", status=OK)
        before = (self.folder / "out.json").read_bytes()
        result = self.attnbench("run", "--resume", "out.json", status=BAD_INPUT)
        self.assertIn("nothing to continue", result.stderr)
        self.assertEqual((self.folder / "out.json").read_bytes(), before)


main()
