"""What a process may lack: standard descriptors that are closed or full, a reader that has gone, a
small stack, few descriptors, limits on the sizes of files and on memory. Every command meets each of
them; it works, or says why not with status 6, in time; no signal ends it, no temporary stays, and
what a run has measured is in its journal or results.

Prints how many were injected and how they ended.
"""
import collections
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import IO, OK, USAGE, main, make_suite  # noqa: E402
from ways import LINES, MORE_LINES, RUN, SLOW_S, Ways  # noqa: E402

HELP = [[name, "--help"] for name in LINES]
ALL = list(LINES.values()) + MORE_LINES + HELP
KIB, MIB = 1 << 10, 1 << 20


class Process(Ways):
    ended = collections.Counter()

    @classmethod
    def tearDownClass(cls):
        print(f"{sum(cls.ended.values())} injections")
        for (what, status), count in sorted(cls.ended.items()):
            print(f"    {what:18} exit {status}: {count}")

    def setUp(self):
        super().setUp()
        self.keep()

    def keep(self):
        """What is there now is no trace of a fault."""
        self.before = self.names()

    def inject(self, what, line, statuses, shell="", prepare=None, **streams):
        """Runs the line under a fault; `shell`: what bash does before it becomes the program."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        began = time.monotonic()
        with self.subTest(" ".join(line)[:200], fault=what):
            result = subprocess.run(["bash", "-c", f'{shell} exec "$0" "$@"', *self.command(), *line],
                                    cwd=self.folder, env=self.environment(**self.quiet), text=True,
                                    stdin=subprocess.DEVNULL, timeout=60, preexec_fn=prepare,
                                    **streams)
            seconds = time.monotonic() - began
            self.ended[re.sub(r" \d+.*", "", what), result.returncode] += 1
            self.assertIn(result.returncode, statuses, result.stderr)
            self.assertLess(seconds, SLOW_S)
            if result.returncode == IO and result.stderr is not None and "2>" not in shell:
                self.assertRegex(result.stderr, r"(?m)^attnbench: .")
            self.expect_tidy(result.returncode)
            return result
        return None

    def expect_tidy(self, status):
        """No temporary and no empty file; of a run that failed a journal that can be resumed."""
        for name in self.names() - self.before:
            self.assertNotRegex(name, r"\.tmp\.|attnbench\.")
            path = self.folder / name
            if name.endswith(".journal"):
                self.assertNotEqual(status, OK)
                self.assertEqual([line for line in path.read_text().splitlines()
                                  if not line.startswith("{")], [])
                self.call("run", "--resume", name, "--quiet", status=OK)
                self.assertFalse(path.exists())
                self.call("check", name.removesuffix(".journal"), status=OK)
            elif path.is_file() and name.endswith(".json") and name.startswith("o"):
                self.call("check", name, "--quiet", status=OK)
            if path.is_file():
                path.unlink(missing_ok=True)

    # ---- the three descriptors ---------------------------------------------------------------

    def test_standard_output_is_full(self):
        for line in ALL:
            result = self.inject("stdout full", line, (IO,), stdout=open("/dev/full", "w"))
            if result:
                self.assertIn("No space left on device", result.stderr)

    def test_standard_output_is_closed(self):
        for line in ALL:
            result = self.inject("stdout closed", line, (IO,), ">&-")
            if result:
                self.assertIn("standard output: it is closed", result.stderr)

    def test_the_reader_has_gone(self):
        for line in ALL:
            ours, theirs = os.pipe()
            os.close(ours)
            result = self.inject("reader gone", line, (OK,), stdout=theirs)
            os.close(theirs)
            if result:
                self.assertEqual(result.stderr, "")

    def test_standard_error_is_closed_or_full(self):
        for line in ALL:
            want = self.call(*line, status=OK).stdout
            for what, shell in (("stderr closed", "2>&-"), ("stderr full", "2>/dev/full")):
                result = self.inject(what, line, (OK,), shell)
                if result and not line[0] in ("run", "tune"):  # which print times
                    self.assertEqual(result.stdout, want)

    def test_standard_input_is_closed(self):
        for line in ALL:
            self.inject("stdin closed", line, (OK,), "<&-")

    def test_all_are_closed(self):
        for line in ALL:
            self.inject("all closed", line, (IO,), "<&- >&- 2>&-")

    def test_messages_go_into_no_file(self):
        """bug: the journal became descriptor 2, and progress was written into it"""
        self.write("slow.json", make_suite({"n": [4, 8, 12, 16]}, measure={"max_time_s": 0.01}))
        self.keep()
        for shell in ("2>&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            for progress in ("plain", "json"):
                line = ["run", "slow.json"] + RUN[2:-1] + ["--progress", progress, "--out", "o.json"]
                result = self.inject(f"progress {shell}", line, (OK, IO), shell)
                self.assertIsNotNone(result)

    # ---- limits ------------------------------------------------------------------------------

    def limited(self, what, which, values, line, statuses):
        for value in values:
            def prepare(value=value):
                resource.setrlimit(which, (value, value))
            self.inject(f"{what} {value}", line, statuses, prepare=prepare)

    def test_small_stacks(self):
        deep = make_suite({"n": [4]}, measure={"max_time_s": 0.01}, comment=[[[[[[[[1]]]]]]]])
        self.write("deep.json", deep)
        self.keep()
        lines = list(LINES.values()) + [["plan", "deep.json", "--device", "null"],
                                        ["report", "a.json", "--format", "html"],
                                        ["report", "a.json", "--format", "sqlite", "--out", "x.db"]]
        for line in lines:
            self.limited("stack", resource.RLIMIT_STACK,
                         [64 * KIB, 96 * KIB, 128 * KIB, 200 * KIB, 300 * KIB, 512 * KIB], line, (OK,))

    def test_few_descriptors(self):
        for line in LINES.values():
            self.limited("descriptors", resource.RLIMIT_NOFILE, [6, 8, 10, 12, 16, 20, 24, 32], line,
                         (OK, IO))

    def test_small_files(self):
        """SIGXFSZ, which would kill, is a failed write."""
        for line in list(LINES.values()) + [["report", "a.json", "--format", "sqlite", "--out", "x.db"],
                                            ["report", "a.json", "--format", "html", "--out", "x.html"]]:
            self.limited("file size", resource.RLIMIT_FSIZE,
                         [0, 1, 100, 1000, 3000, 6000, 20000, MIB], line, (OK, IO))

    def test_little_memory(self):
        for line in LINES.values():
            self.limited("memory", resource.RLIMIT_AS, [MIB * mib for mib in (48, 64, 96, 192)], line,
                         (OK, IO))

    def test_few_processes(self):
        if os.geteuid() == 0:
            self.skipTest("root has no limit")
        for line in LINES.values():
            self.limited("processes", resource.RLIMIT_NPROC, [1], line, (OK, IO))

    # ---- expressions -------------------------------------------------------------------------

    def test_hostile_expressions(self):
        """Nested, long and counted ones are refused, or match or not, on a small stack too."""
        expressions = ["(" * 20 + "a" + ")" * 20, "(" * 50000 + "a" + ")" * 50000, "a" * 100000,
                       "a?" * 100, "a?" * 5000, "(a|b)" * 50, "|".join("ab" for _ in range(200)),
                       "((a{99}){99}){99}", "a{1,255}" * 40, "(a?){200}", "(((a?)?)?){60}", "a**" * 40,
                       "[" * 1000, "[[:alpha:]]" * 500, "\\" * 1001, "(a)\\1", "(a*)*" * 30, "^" * 5000,
                       "$^" * 2000, ".*" * 100, "()" * 60, "(|)" * 60, "a{65536}", "{", "a{", "a{,3}",
                       "x" * 16384, "a{-1}", "\\(" * 5000]
        for expression in expressions:
            for command in ("plan", "run", "tune"):
                line = LINES[command] + ["--filter", expression]
                # what is on the command line stands on the stack
                stack = 128 * KIB if len(expression) < 20000 else MIB
                self.limited("expression", resource.RLIMIT_STACK, [stack], line, (OK, USAGE))

    def test_an_expression_in_a_file_is_not_compiled(self):
        """A part or journal with a hostile --filter in its command line is merged and resumed."""
        suite = make_suite({"n": [4, 8, 12]}, measure={"max_time_s": 0.01})
        self.write("s.json", suite)
        hostile = "(" * 50000 + "n_q" + ")" * 50000
        self.call(*RUN, "--filter", "n_q=(4|8),", "--shard", "1/2", "--out", "p.json", status=OK)
        text = (self.folder / "p.json").read_text()
        self.assertIn("n_q=(4|8),", text)
        self.write("p.json", text.replace("--filter=n_q=(4|8),", f"--filter={hostile}"))
        self.keep()
        for value in (128 * KIB, 8 * MIB):
            self.limited("part's filter", resource.RLIMIT_STACK, [value],
                         ["merge", "p.json", "--out", "m.json"], (OK, 3))
        self.assertEqual(self.call("merge", "p.json", "--out", "m.json").returncode, 3)
        header = {"format": "attnbench-journal", "version": "1.2.0"}
        self.assertIn("selection", text)
        start = text.index('"run":')
        end = text.index('"rows":')
        line = "{" + ", ".join(f'"{k}": "{v}"' for k, v in header.items()) + ", " + re.sub(
            r"\s*\n\s*", " ", text[start:end]).rstrip().rstrip(",") + "}"
        self.write("j.json.journal", line.replace("--filter=n_q=(4|8),", f"--filter={hostile}") + "\n")
        self.call("run", "--resume", "j.json", "--quiet", "--filter", hostile, status=USAGE)
        self.call("run", "--resume", "j.json", "--quiet", status=OK)


main()
