"""Progress and the final table: on terminals of any width, in files, for other programs."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import OK, USAGE, ProgramTest, main, make_suite

# How a run begins.
FORECAST = r"^\d+ cells, about \d+ (s|min) \(.*\)"
CLEAR = "\r\x1b[K"
# A cell takes over a tenth of a second: progress is shown ten times in a second.
SLOW = {"min_samples": 200, "min_time_s": 0, "max_time_s": 60, "target_rel_ci": 1}
PAUSE = {"pause_s": 0.001}


class Screen:
    """A terminal: what a program wrote to it, and its size."""

    def __init__(self, test, columns, args, **environment):
        self.master, slave = pty.openpty()
        self.resize(columns)
        env = test.environment(script=test.script)
        env.pop("NO_COLOR")
        env.update({"TERM": "xterm", **environment})
        env = {key: value for key, value in env.items() if value is not None}
        self.process = subprocess.Popen([*test.command(), *map(str, args)], cwd=test.folder,
                                        env=env, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        self.text = ""
        test.addCleanup(self.close)

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self, until=None, timeout=60):
        """To the end, or until a text has come."""
        end = time.monotonic() + timeout
        while until is None or until not in self.text:
            left = end - time.monotonic()
            if left < 0:
                raise AssertionError(f"no {until!r} within {timeout} s: {self.text!r}")
            if not select.select([self.master], [], [], left)[0]:
                continue
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # EIO: the last process that had it open has ended
                break
            self.text += piece.decode()
        return self.text.replace("\r\n", "\n")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


def without_color(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Progress(ProgramTest):
    script = {"time_s": {"naive": "2e-6*n_q", "*": "1e-6*n_q"}, "noise": 0.01}

    def setUp(self):
        super().setUp()
        self.write("s.json", make_suite({"n": [64, 128, 256, 512]}, measure=SLOW))
        self.args = ["run", "s.json", "--device", "null", "--out", "out.json", "--peaks", "none", "--force"]

    def show(self, columns, *args, **environment):
        screen = Screen(self, columns, [*self.args, *args], **environment)
        text = screen.read()
        self.assertEqual(screen.process.wait(), OK, text)
        first, text = text.split("\n", 1)
        self.assertRegex(first, FORECAST)
        return text

    def expect_fits(self, text, columns):
        for line in without_color(text).replace(CLEAR, "\n").split("\n"):
            self.assertLessEqual(len(line), columns, line)

    def test_a_terminal_has_one_line_that_is_rewritten(self):
        self.script = {**self.script, **PAUSE}
        for columns in (24, 40, 80, 200):
            with self.subTest(columns=columns):
                text = self.show(columns)
                progress, table = text[:text.rindex(CLEAR)], text[text.rindex(CLEAR):]
                self.assertNotIn("\n", progress)
                self.expect_fits(progress, columns - 1)
                self.expect_fits(table[:table.index("results: ")], max(columns, 40))
                steps = progress.split(CLEAR)
                self.assertGreaterEqual(len(steps), 8, text)
                for step in steps:
                    self.assertRegex(step, r"^\[\d/8\] ")
                    self.assertRegex(step, r"^\[\d/8\] (about \d+ s left  )?[nf]")

    def test_the_line_has_all_that_matters(self):
        self.write("s.json", make_suite({"n": [64, 128], "heads": [1, 2, 4, 8]}, measure=SLOW))
        self.script = {**self.script, **PAUSE}
        self.assertRegex(self.show(200), r"\[\d+/16\] about \d+ s left  (naive|fused) measure "
                                         r"\S+ (u|m)s  attention\(.*d_v=4\)\r")

    def test_the_table_marks_the_winner(self):
        text = self.show(80)
        for n in (64, 128, 256, 512):
            self.assertRegex(text, rf"(?m)^ *{n}\x1b\[1m.*\*\x1b\[0m .*[^*]$")
        plain = self.show(80, NO_COLOR="1")
        self.assertEqual(plain.replace(CLEAR, "").count("\x1b"), 0)
        self.assertEqual(len(re.findall(r"(?m)^ *\d+ .*\*", plain)), 4)

    def test_rates_are_blocks_where_the_locale_is_utf8(self):
        self.script = {**self.script, "noise": 0}
        for locale, blocks in ({"LC_ALL": "C.UTF-8"}, True), ({"LC_ALL": "C"}, False), (
                {"LC_ALL": "", "LC_CTYPE": "de_DE.utf8"}, True), (
                {"LC_ALL": "", "LC_CTYPE": None, "LANG": "de_DE.ISO-8859-1"}, False), (
                {"LC_ALL": "C.UTF-8", "TERM": "dumb"}, False):
            with self.subTest(locale=locale):
                text = self.show(80, **locale)
                self.assertEqual("\u2588" in text, blocks)
                self.assertEqual(text.isascii(), not blocks)
                if blocks:
                    self.assertRegex(text, "(?m)^  fused ▁▂▄█  naive ▁▁▂▄$")

    def test_a_dumb_terminal_gets_lines(self):
        for term in ("dumb", None):
            text = self.show(80, TERM=term)
            self.assertNotIn("\x1b", text)
            self.assertEqual(len(re.findall(r"(?m)^\[\d/8\] ok ", text)), 8)

    def test_a_resize_holds_from_the_next_step_on(self):
        self.script = {**self.script, **PAUSE}
        screen = Screen(self, 120, self.args)
        screen.read(until="d_v=4)")
        screen.resize(30)
        seen = len(screen.text)
        screen.read(until=CLEAR)
        text = screen.read()[seen:]
        progress = text[:text.rindex(CLEAR)].split(CLEAR)[2:]  # one may have been under way
        self.assertGreater(len(progress), 0, text)
        for step in progress:
            self.assertLessEqual(len(step), 29, step)

    def test_a_file_gets_a_line_a_cell(self):
        result = self.attnbench(*self.args, status=OK, script=self.script)
        lines = result.stderr.splitlines()
        self.assertRegex(lines.pop(0), FORECAST)
        self.assertEqual(len(lines), 8)
        for i, line in enumerate(lines, 1):
            self.assertRegex(line, rf"^\[{i}/8\] ok (naive|fused) attention\(.*\) \S+ (u|m)s(, about \d+ s left)?$")
        self.expect_fits(result.stdout[:result.stdout.index("results: ")], 80)

    def test_columns_say_how_wide_a_file_is(self):
        widest = lambda **more: max(map(len, self.attnbench(
            *self.args, status=OK, script=self.script, **more).stdout.splitlines()))
        self.assertGreater(widest(COLUMNS="200"), 80)
        self.assertLessEqual(widest(COLUMNS="60"), 60)
        for nonsense in ("0", "-5", "x", "99999999999", ""):
            self.assertLessEqual(widest(COLUMNS=nonsense), 80)

    def test_json_is_for_programs(self):
        result = self.attnbench(*self.args, "--progress", "json", "--quiet", status=OK,
                                script=self.script)
        events = [json.loads(line) for line in result.stderr.splitlines()]
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("start", "end"))
        self.assertEqual(result.stdout, "results: out.json\n")
        rows = [event for event in events if event["event"] == "row"]
        self.assertEqual([event["done"] for event in rows], list(range(1, 9)))
        by_cell = lambda thing: (thing["cell"], thing["variant"])
        for event, row in zip(sorted(rows, key=by_cell), sorted(self.results()["rows"], key=by_cell),
                              strict=True):
            self.assertEqual([event[key] for key in ("cell", "variant", "device", "status", "reason")],
                             [row[key] for key in ("cell", "variant", "device", "status", "reason")])
            self.assertAlmostEqual(event["median_s"], row["time"]["median_s"], places=15)
        for event in events:
            self.assertEqual(event["cells"], 8)
            self.assertGreaterEqual(event["elapsed_s"], 0)
            self.assertTrue(event["eta_s"] is None or event["eta_s"] >= 0)
        steps = [event for event in events if event["event"] == "step"]
        self.assertTrue(steps)
        self.assertLessEqual({event["phase"] for event in steps}, {"build", "check", "measure"})
        self.assertEqual(events[-1]["done"], 8)

    def test_failures_are_events_and_stay_visible(self):
        self.script = {**self.script, "faults": [{"at": "build", "variant": "fused", "cell": "n_q=64,",
                                                  "do": "fail"}]}
        result = self.attnbench(*self.args, "--progress=json", script=self.script)
        rows = [json.loads(line) for line in result.stderr.splitlines() if '"row"' in line]
        failed = [row for row in rows if row["status"] != "ok"]
        self.assertEqual([(row["status"], row["median_s"]) for row in failed],
                         [("build_failed", None)])
        self.assertTrue(failed[0]["reason"])
        screen = Screen(self, 80, self.args)
        text = screen.read()
        self.assertRegex(text, r"(?m)\[1/8\] build_failed fused attention\(n_q=64.*: .")

    def test_modes(self):
        run = lambda *args: self.attnbench(*self.args, *args, status=OK, script=self.script)
        self.assertEqual(run("--progress", "none").stderr, "")
        self.assertIn("results: ", run("--progress", "none").stdout)
        self.assertEqual(run("--quiet").stderr, "")
        self.assertEqual(len(run("--quiet", "--progress", "plain").stderr.splitlines()), 8)
        self.assertEqual(len(run("--progress", "auto").stderr.splitlines()), 1 + 8)
        text = self.show(80, "--progress", "plain")
        self.assertEqual(text.count(CLEAR), 0)
        self.assertIn("--progress: expected one of [auto|plain|json|none], found 'fancy'",
                      self.attnbench(*self.args, "--progress=fancy", status=USAGE).stderr)

    def test_a_resumed_run_counts_what_is_done(self):
        self.attnbench(*self.args, "--quiet", status=OK, script=self.script)
        results = self.results()
        # What a kill after three rows leaves: the journal with its header.
        self.script = {**self.script, "faults": [{"at": "launch", "variant": "naive",
                                                  "cell": "n_q=512,", "do": "hang"}]}
        process = self.start(*self.args, script=self.script)
        self.wait_for_rows(2)
        process.kill()
        process.wait()
        done = (self.folder / "out.json.journal").read_text().count('\n{"row"')
        resumed = self.attnbench("run", "--resume", "out.json", "--progress", "json", status=OK,
                                 script={**self.script, "faults": []})
        events = [json.loads(line) for line in resumed.stderr.splitlines() if line[0] == "{"]
        self.assertEqual((events[0]["done"], events[-1]["done"]), (done, len(results["rows"])))


if __name__ == "__main__":
    main()
