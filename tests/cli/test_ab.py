"""attnbench ab: verdicts and exit statuses, wrong and failing sides, what A and B may be."""
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

from harness import (INCOMPLETE, INTERRUPTED, OK, PROGRAM, SKIP, SOURCE, USAGE, WRONG,
                     ProgramTest, main, make_suite)

VERDICTS = {"same", "faster", "slower", "unclear", "wrong", "failed"}


class AbTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("s.json", make_suite({"n": [8, 16]}, variants=["naive", "fused"]))

    def ab(self, *args, status=OK, script=None, **more):
        """The result as JSON."""
        script = {"time_s": {"*": "1e-5*n_q"}, "noise": 0.02, **(script or {})}
        if not any(str(a).startswith("null") for a in args):
            args = (*args, "--device", "null")
        result = self.attnbench("ab", *args, "--suite", "s.json", "--format", "json",
                                script=script, status=status, **more)
        return json.loads(result.stdout)

    @staticmethod
    def verdicts(result):
        return [row["verdict"] for row in result["rows"]]

    def folder_of(self, name, variant="fused", **change):
        """A folder of kernels with one variant, as it is shipped but for `change`."""
        folder = self.folder / name
        shutil.copytree(SOURCE / "kernels" / variant, folder / variant)
        path = folder / variant / "variant.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        return name


class Verdicts(AbTest):
    def test_a_slower_b_fails(self):
        script = {"time_s": {"fused": "1.05e-5*n_q", "*": "1e-5*n_q"}}
        result = self.ab("naive", "fused", status=WRONG, script=script)
        self.assertEqual(self.verdicts(result), ["slower", "slower"])
        for row in result["rows"]:
            self.assertLess(row["ratio_low"], 1.05)
            self.assertGreater(row["ratio_low"], 1.01)
            self.assertGreater(row["ratio_high"], 1.05)
            self.assertEqual((row["a"]["variant"], row["b"]["variant"]), ("naive", "fused"))
            self.assertEqual(row["units"], len(row["ratios"]))
            self.assertGreaterEqual(len(row["sessions"]), 3)
            self.assertEqual(row["clock"], "device")
        self.assertAlmostEqual(result["geomean"]["ratio"], 1.05, delta=0.01)
        self.assertEqual(result["summary"]["slower"], 2)

    def test_a_faster_b_does_not(self):
        script = {"time_s": {"fused": "1e-5*n_q", "*": "1.05e-5*n_q"}}
        result = self.ab("naive", "fused", script=script)
        self.assertEqual(self.verdicts(result), ["faster", "faster"])

    def test_a_thing_against_itself_is_the_same(self):
        for args in (("fused", "fused"), ("naive", "fused")):
            self.assertEqual(self.verdicts(self.ab(*args)), ["same", "same"])

    def test_the_threshold_says_what_is_the_same(self):
        script = {"time_s": {"fused": "1.05e-5*n_q", "*": "1e-5*n_q"}}
        self.assertEqual(self.verdicts(self.ab("naive", "fused", "--threshold", "20%",
                                               script=script)), ["same", "same"])

    def test_what_lies_across_the_threshold_is_unclear_and_does_not_fail(self):
        script = {"time_s": {"fused": "1.01e-5*n_q", "*": "1e-5*n_q"}}
        result = self.ab("naive", "fused", "--time", "0.3s", script=script)
        self.assertEqual(self.verdicts(result), ["unclear", "unclear"])


class WrongAndFailing(AbTest):
    def test_a_wrong_side_is_no_winner(self):
        script = {"time_s": {"fused": "1e-6*n_q", "*": "1e-5*n_q"},
                  "faults": [{"at": "launch", "variant": "fused", "do": "wrong"}]}
        for args, side in ((("naive", "fused"), "b"), (("fused", "naive"), "a")):
            result = self.ab(*args, status=WRONG, script=script)
            self.assertEqual(self.verdicts(result), ["wrong", "wrong"])
            self.assertEqual(result["rows"][0][side]["status"], "wrong")
            self.assertIn("rows are wrong", result["rows"][0][side]["reason"])
            self.assertEqual(result["geomean"]["problems"], 0)

    def test_what_becomes_wrong_while_it_is_timed_is_wrong(self):
        script = {"faults": [{"at": "launch", "variant": "fused", "cell": "n_q=8,", "do": "wrong",
                              "nth": 20}]}
        result = self.ab("naive", "fused", status=WRONG, script=script)
        self.assertEqual(self.verdicts(result), ["wrong", "same"])
        self.assertIn("timed launch", result["rows"][0]["b"]["reason"])

    def test_a_side_that_crashes_leaves_the_others(self):
        script = {"faults": [{"at": "launch", "variant": "fused", "cell": "n_q=8,", "do": "crash"}]}
        result = self.ab("naive", "fused", status=INCOMPLETE, script=script)
        self.assertEqual(self.verdicts(result), ["failed", "same"])
        self.assertEqual(result["rows"][0]["b"]["status"], "crash")
        self.assertEqual(result["rows"][0]["a"]["status"], "ok")

    def test_a_doubted_clock_puts_both_sides_on_the_hosts(self):
        script = {"faults": [{"at": "launch", "variant": "fused", "do": "bad_timer"}]}
        result = self.ab("naive", "fused", "--time", "0.3s", script=script)
        self.assertEqual({row["clock"] for row in result["rows"]}, {"host"})

    def test_an_interrupt_tells_what_there_is(self):
        process = self.start("ab", "naive", "fused", "--suite", "s.json", "--device", "null",
                             "--time", "60s", "--format", "json",
                             script={"time_s": {"fused": "1.01e-5*n_q", "*": "1e-5*n_q"},
                                     "noise": 0.02, "pause_s": 0.01})
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertTrue(json.loads(out)["interrupted"])


class Sides(AbTest):
    def test_tunings_of_one_variant(self):
        script = {"time_s": {"fused": "1e-5*n_q*(1 + 0.1*(BLOCK_Q == 16))"}}
        result = self.ab("fused:BLOCK_Q=8", "fused:BLOCK_Q=16", status=WRONG, script=script)
        self.assertEqual(self.verdicts(result), ["slower", "slower"])
        row = result["rows"][0]
        self.assertIn("BLOCK_Q=8,", row["a"]["tuning"])
        self.assertIn("BLOCK_Q=16,", row["b"]["tuning"])

    def test_mistakes_in_tunings_are_told(self):
        for side, want in (("fused:BLOCK_Q=7", "BLOCK_Q of fused is one of"),
                           ("fused:NONE=1", "fused has no tunable NONE; it has: BLOCK_Q"),
                           ("fused:BLOCK_Q=x", "expected NAME:KEY=VALUE"),
                           ("fuse:BLOCK_Q=8", "fuse")):
            result = self.attnbench("ab", "fused", side, "--suite", "s.json", "--device", "null",
                                    status=USAGE)
            self.assertIn(want, result.stderr)

    def test_two_folders_of_kernels(self):
        a, b = self.folder_of("a"), self.folder_of("b", idea="another")
        result = self.ab(a, b)
        self.assertEqual(self.verdicts(result), ["same", "same"])
        self.assertEqual({row["b"]["variant"] for row in result["rows"]}, {"fused"})
        self.assertEqual(result["unit"], "quadruple")

    def test_a_folder_against_itself_and_against_what_is_shipped(self):
        a = self.folder_of("a")
        self.assertEqual(self.verdicts(self.ab(a, a)), ["same", "same"])
        for args in ((a, "fused"), ("fused", a)):
            self.assertEqual(self.verdicts(self.ab(*args)), ["same", "same"])

    def test_variants_of_folders_by_name(self):
        a, b = self.folder_of("a"), self.folder_of("b", idea="another")
        result = self.ab(a, b, "--variants", "naive,fused")
        self.assertEqual(sorted({row["b"]["variant"] for row in result["rows"]}),
                         ["fused", "naive"])

    def test_two_devices(self):
        script = {"devices": [{"id": "null-0"}, {"id": "null-1"}]}
        result = self.ab("null-0", "null-1", "--variants", "fused", script=script)
        self.assertEqual(result["unit"], "session")
        self.assertEqual([(r["a"]["device"], r["b"]["device"]) for r in result["rows"]],
                         [("null-0", "null-1")] * 2)
        self.assertEqual(set(self.verdicts(result)) - {"same", "unclear"}, set())
        self.assertGreaterEqual(result["rows"][0]["units"], 5)

    def test_another_program(self):
        result = self.ab("fused", "--with", PROGRAM, "--time", "2s")
        self.assertEqual(result["unit"], "session")
        self.assertEqual(set(self.verdicts(result)) - {"same", "unclear"}, set())
        self.assertGreaterEqual(result["rows"][0]["units"], 5)

    def test_a_program_that_is_none(self):
        for program in ("nothing-there", "s.json", "."):
            result = self.attnbench("ab", "fused", "--with", program, "--suite", "s.json",
                                    "--device", "null", status=USAGE)
            self.assertIn("is no program", result.stderr)

    def test_a_program_that_speaks_otherwise_is_a_failed_side(self):
        result = self.ab("fused", "--with", shutil.which("true"), "--time", "1s",
                         status=INCOMPLETE)
        self.assertEqual(self.verdicts(result), ["failed", "failed"])
        self.assertNotEqual(result["rows"][0]["b"]["status"], "ok")

    def test_no_common_problem_lists_what_both_support(self):
        a = self.folder_of("a", supports={"d_k": {"min": 8}})
        result = self.attnbench("ab", "naive", a, "--suite", "s.json", "--device", "null",
                                "--variants", "fused", status=USAGE)
        self.assertIn("--variants says which", result.stderr)
        result = self.attnbench("ab", a, "fused", "--suite", "s.json", "--device", "null",
                                status=USAGE)
        self.assertIn("have no problem of 's.json' in common", result.stderr)
        self.assertRegex(result.stderr, r"'a' supports none of them: .*d_k")
        self.assertRegex(result.stderr, r"'fused' supports attention\(n_q=8,.*n_q=16,")

    def test_what_is_nothing_is_told(self):
        result = self.attnbench("ab", "fused", "fusde", "--suite", "s.json", "--device", "null",
                                status=USAGE)
        self.assertIn("fusde", result.stderr)
        for args, want in ((("fused",), "needs A and B"), ((), "needs A"),
                           (("fused", "naive", "--with", PROGRAM), "--with PROGRAM is B"),
                           (("fused", "naive", "--format", "xml"), "--format: expected text"),
                           (("fused", "null-0"), "are a device and something else")):
            result = self.attnbench("ab", *args, "--suite", "s.json", status=USAGE)
            self.assertIn(want, result.stderr)

    def test_filters_and_sets_choose_problems(self):
        result = self.ab("naive", "fused", "--filter", "n_q=16,")
        self.assertEqual(len(result["rows"]), 1)
        self.assertIn("n_q=16,", result["rows"][0]["cell"])
        result = self.ab("naive", "fused", "--set", "n=32")
        self.assertIn("n_q=32,", result["rows"][0]["cell"])


class Formats(AbTest):
    SCRIPT = {"time_s": {"fused": "1.05e-5*n_q", "*": "1e-5*n_q"}, "noise": 0.02}

    def shown(self, form, *args, status=WRONG):
        return self.attnbench("ab", "naive", "fused", "--suite", "s.json", "--device", "null",
                              "--format", form, *args, script=self.SCRIPT, status=status)

    def test_json_fits_its_schema(self):
        self.shown("json", "--out", "ab.json")
        self.assertEqual(set(self.results("ab.json")["summary"]), VERDICTS | {"left_out"})
        checked = subprocess.run(
            [sys.executable, SOURCE / "tests/cli/schema_valid.py", self.folder / "ab.json",
             SOURCE / "host/store/ab.schema.json"], capture_output=True, text=True)
        if checked.returncode == SKIP:
            self.skipTest(checked.stdout)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_table_and_the_progress(self):
        result = self.shown("text")
        lines = result.stdout.splitlines()
        self.assertTrue(all(len(line) <= 80 for line in lines), result.stdout)
        self.assertEqual(len([l for l in lines if re.match(r"slower +1\.0\d\d ", l)]), 2)
        self.assertRegex(lines[-1], r"^2 slower; geometric mean 1\.0\d\dx \(.*\) of 2 problems$")
        self.assertRegex(result.stderr, r"\[2/2\] slower 1\.0\d\dx attention\(n_q=16")
        self.assertEqual(self.shown("text", "--quiet").stderr, "")

    def test_markdown(self):
        text = self.shown("md").stdout
        self.assertIn("### Is fused (B) faster than naive (A)?", text)
        self.assertEqual(len(re.findall(r"^\| \*\*slower\*\* \|", text, re.M)), 2)

    def test_the_page_draws_a_strip_for_each_problem_and_loads_nothing(self):
        text = self.shown("html").stdout
        self.assertEqual(text.count("<svg "), 2)
        self.assertIn("default-src 'none'", text)
        for element in ("<script", "<img", "<link", "http:", "https:"):
            self.assertNotIn(element, text)
        for strip in re.findall(r"<svg .*?</svg>", text):
            ElementTree.fromstring(strip)
            self.assertEqual(len(re.findall(r"M[0-9.]+ 4v12", strip)),
                             int(re.search(r'aria-label="(\d+) ratios', strip).group(1)))

    def test_hostile_names_stay_text(self):
        name = self.folder_of("<b>|x|", idea="<script>")
        for form, bad in (("html", "<b>"), ("md", "|x|")):
            result = self.attnbench("ab", name, "fused", "--suite", "s.json", "--device", "null",
                                    "--time", "0.2s", "--format", form, script=self.SCRIPT)
            self.assertNotIn(bad, result.stdout)


main()
