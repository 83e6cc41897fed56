"""attnbench ab on a device: a thing against itself is never called faster or slower, `fused` made to
do a sixth more work is slower than as it is shipped, and a wrong kernel wins nothing. On a machine
so busy that no range becomes narrow, the second is skipped with the figures; the other two hold on
any machine."""
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, SOURCE, WRONG, ProgramTest, find_device, main, make_suite  # noqa: E402

ATTEMPTS = 3
LOOP = "for (int key = first; key < end; key += BLOCK_KV) {"
# Tiles past the last key: every score in them is masked, so that they cost time and change nothing.
MORE = "for (int key = first; key < end + (end - first) / 6; key += BLOCK_KV) {"
# A last tile that is left out.
LESS = "for (int key = first; key < end - BLOCK_KV; key += BLOCK_KV) {"


class AbOnADevice(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")
        self.write("s.json", make_suite({"n": [384]}, defaults={"d_k": 64, "heads": 2}))

    def folder_of(self, name, loop):
        to = self.folder / name / "fused"
        to.mkdir(parents=True)
        shutil.copy(SOURCE / "kernels/fused/variant.json", to)
        kernel = (SOURCE / "kernels/fused/fused.cl").read_text()
        self.assertEqual(kernel.count(LOOP), 1)
        (to / "fused.cl").write_text(kernel.replace(LOOP, loop))
        return name

    def ab(self, *args, time="6s", statuses=(OK, WRONG)):
        result = self.attnbench("ab", *args, "--suite", "s.json", "--device", self.device,
                                "--time", time, "--format", "json", "--quiet", timeout=400)
        self.assertIn(result.returncode, statuses, result.stderr)
        row, = json.loads(result.stdout)["rows"]
        self.assertEqual(row["verdict"] in ("slower", "wrong"), result.returncode == WRONG)
        return row

    def test_a_thing_against_itself(self):
        same = self.folder_of("same", LOOP)
        for args in (("fused", "fused"), ("fused", same)):
            row = self.ab(*args, statuses=(OK,))
            self.assertIn(row["verdict"], ("same", "unclear"), row)
            self.assertLess(abs(row["ratio"] - 1), 0.1, row)

    def test_a_sixth_more_work_is_slower(self):
        figures = []
        more = self.folder_of("more", MORE)
        for _ in range(ATTEMPTS):
            row = self.ab("fused", more, time="10s")
            self.assertIn(row["verdict"], ("slower", "unclear"), row)
            if row["verdict"] == "slower":
                self.assertLess(row["ratio_high"], 2, row)
                return
            figures.append(f"{row['ratio']:.3f} ({row['ratio_low']}-{row['ratio_high']})")
        self.skipTest(f"too busy for a verdict: {', '.join(figures)}")

    def test_a_wrong_kernel_wins_nothing(self):
        less = self.folder_of("less", LESS)
        for args, side in ((("fused", less), "b"), ((less, "fused"), "a")):
            row = self.ab(*args, time="2s", statuses=(WRONG,))
            self.assertEqual((row["verdict"], row[side]["status"]), ("wrong", "wrong"))


main()
