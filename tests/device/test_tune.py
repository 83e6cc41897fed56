"""Tuning on a real device: a search within its time, and a run that uses what it found."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, ProgramTest, find_device, main, make_suite  # noqa: E402

BUDGET_S = 15


class TuneOnADevice(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")

    def run_row(self, *args):
        self.attnbench("run", "s.json", "--device", self.device, "--quiet", "--out", "out.json",
                       *args, status=OK)
        row, = self.results()["rows"]
        return row

    def test_tune_then_run(self):
        self.write("s.json", make_suite({"n": [100]}, variants=["fused"], defaults={"d_k": 32}))
        started = time.monotonic()
        out = self.attnbench("tune", "s.json", "--device", self.device, "--budget", f"{BUDGET_S}s",
                             timeout=300)
        took_s = time.monotonic() - started
        self.assertEqual(out.returncode, OK, out.stdout + out.stderr)
        path, = (self.folder / "cache/tuning").iterdir()
        entry, = json.loads(path.read_text())["entries"]
        self.assertEqual(entry["variant"], "fused")
        self.assertEqual(entry["class"]["n_q"], 256)
        self.assertGreaterEqual(entry["candidates"], 4)
        self.assertEqual(entry["wrong"], 0, out.stdout + out.stderr)
        self.assertLessEqual(entry["tuned_s"], entry["default_s"])
        row = self.run_row()
        self.assertEqual(row["tuning"], entry["tuning"])
        self.assertEqual(row["tuning_origin"]["source"], "tuned")
        self.assertTrue(row["check"]["rechecked"])
        self.assertEqual(self.run_row("--no-tuning")["tuning_origin"]["source"], "default")
        print(f"{entry['candidates']} candidates in {took_s:.1f} s, "
              f"{entry['default_s'] / entry['tuned_s']:.2f}x", file=sys.stderr)


main()
