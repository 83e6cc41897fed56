"""A comparison of real runs: `fused` made to do a sixth more work is named first, and a run of the
same thing is not. Times of a machine that others use may differ more than that between two runs,
which is why each attempt has a control, a second run of BASE: without a quiet attempt within a
minute the test is skipped with the figures, and neither passed nor failed."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, SOURCE, WRONG, ProgramTest, find_device, main, make_suite  # noqa: E402

ENOUGH_S = 45  # of attempts
QUIET = 0.06  # how far the ranges of a control may reach from 1
NARROW = 1.12  # the upper over the lower end of a range that says something
MEASURE = {"min_samples": 20, "min_time_s": 0.3, "max_time_s": 0.8, "target_rel_ci": 0.005}
LOOP = "for (int key = first; key < end; key += BLOCK_KV) {"
# Tiles past the last key: every score in them is masked, so that they cost time and change nothing.
MORE = "for (int key = first; key < end + (end - first) / 6; key += BLOCK_KV) {"


class CompareOnADevice(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")

    def add_copy(self, folder, name, heavier):
        """fused under the name `name`, as it is or made to take longer."""
        to = self.folder / folder / name
        to.mkdir(parents=True)
        description = json.loads((SOURCE / "kernels/fused/variant.json").read_text())
        (to / "variant.json").write_text(json.dumps({**description, "name": name}))
        kernel = (SOURCE / "kernels/fused/fused.cl").read_text()
        self.assertEqual(kernel.count(LOOP), 1)
        (to / "fused.cl").write_text(kernel.replace(LOOP, MORE) if heavier else kernel)

    def measure(self, out, variants, *args):
        # One work-group and less than a millisecond: what waits for two cores, or for the next
        # slice of time, is hit by whatever else the machine does.
        self.write("s.json", make_suite({"n_kv": [1024, 2048]}, variants=variants, measure=MEASURE,
                                        defaults={"d_k": 64, "heads": 1, "n_q": 128}))
        self.attnbench("run", "s.json", "--device", self.device, "--quiet", "--no-tuning",
                       "--peaks", "none", "--check", "sample", "--out", out, *args, status=OK)

    def compare(self, *args):
        result = self.attnbench("compare", *args, "--format", "json")
        self.assertIn(result.returncode, (OK, WRONG), result.stderr)
        comparison = json.loads(result.stdout)
        self.assertEqual(result.returncode == WRONG, comparison["summary"]["regressions"] > 0)
        figures = "; ".join(
            f"{row['variant']} {row['verdict']} {row['ratio']} ({row['ratio_low']}, "
            f"{row['ratio_high']})" for row in comparison["rows"])
        print(f"{' '.join(args)}: {figures}", file=sys.stderr)
        return comparison, figures

    @staticmethod
    def is_narrow(comparison):
        return all(row["ratio_high"] and row["ratio_high"] < NARROW * row["ratio_low"]
                   for row in comparison["rows"])

    @staticmethod
    def is_quiet(control):
        return all(row["ratio_high"] and row["ratio_low"] > 1 - QUIET and
                   row["ratio_high"] < 1 + QUIET for row in control["rows"])

    def test_between_runs(self):
        for folder in ("old", "new"):
            self.add_copy(folder, "twin", False)
        self.add_copy("new", "fused", True)  # in the place of the one that came with the program
        started, quiet, noise, figures = time.monotonic(), False, "", ""
        while not quiet and time.monotonic() - started < ENOUGH_S:
            self.measure("base.json", ["fused", "twin"], "--kernels", "old")
            self.measure("new.json", ["fused", "twin"], "--kernels", "new")
            self.measure("control.json", ["fused", "twin"], "--kernels", "old")
            control, noise = self.compare("base.json", "control.json")
            comparison, figures = self.compare("base.json", "new.json")
            quiet = self.is_quiet(control) and self.is_narrow(comparison)
        if not quiet:
            self.skipTest(f"too noisy a machine: two runs of the same differ: {noise}")
        self.assertEqual([(row["variant"], row["verdict"]) for row in comparison["rows"][:2]],
                         [("fused", "slower")] * 2, figures)

    def test_within_a_run(self):
        """Their rounds alternate, so that what the machine does meets both."""
        self.add_copy("new", "heavier", True)
        started, narrow, figures = time.monotonic(), False, ""
        while not narrow and time.monotonic() - started < ENOUGH_S:
            self.measure("one.json", ["fused", "heavier"], "--kernels", "new")
            comparison, figures = self.compare("one.json", "--variants", "fused,heavier")
            narrow = self.is_narrow(comparison)
        if not narrow:
            self.skipTest(f"too noisy a machine for a verdict: {figures}")
        self.assertEqual([row["verdict"] for row in comparison["rows"]], ["slower"] * 2, figures)
        self.assertGreater(comparison["geomean"]["ratio"], 1.05, figures)
        self.assertLess(comparison["geomean"]["ratio"], 1.35, figures)


main()
