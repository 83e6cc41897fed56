"""Peaks of the default device: each is known or says why, is kept, and is one that rows stand under."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, ProgramTest, main, make_suite  # noqa: E402

NAMES = ["f32_gflop_s", "exp_gop_s", "copy_gb_s", "read_gb_s", "local_gb_s"]


class Peaks(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = os.environ.get("ATTNBENCH_DEVICE", "")
        if self.attnbench("devices").returncode != OK:
            self.skipTest("no OpenCL device")

    def test_measured_kept_and_used(self):
        choose = ["--device", self.device] if self.device else []
        self.write("s.json", make_suite({"n": [64]}, variants=["fused"], defaults={"d_k": 64}))
        result = self.attnbench("run", "s.json", "--out", "out.json", *choose, status=OK,
                                timeout=600)
        self.assertIn("measuring peaks of ", result.stderr)
        results = self.results()
        device, = results["devices"]
        peaks = device["peaks"]
        for name in NAMES:
            self.assertTrue(peaks[name] and peaks[name] > 0, peaks)
        self.assertEqual("cl_khr_fp16" in device["extensions"].split(),
                         peaks["f16_gflop_s"] is not None, peaks)
        self.assertEqual(sorted(peaks["how"]), sorted([*NAMES, "f16_gflop_s"]))
        rates = results["rows"][0]["rates"]
        self.assertAlmostEqual(rates["frac_of_peak"], rates["gflop_s"] / peaks["f32_gflop_s"],
                               delta=1e-9)
        self.assertLess(rates["frac_of_peak"], 1)
        self.assertIn(rates["roof"], ["compute", "bandwidth", "exp", "launch"])
        self.attnbench("check", "out.json", status=OK)
        again = self.attnbench("devices", "--json", "--peaks", "--device", device["id"], status=OK)
        self.assertEqual(again.stderr, "")
        kept, = [d["peaks"] for d in json.loads(again.stdout)["devices"] if d["id"] == device["id"]]
        self.assertEqual({**kept, "launch_us": None}, {**peaks, "launch_us": None})


main()
