"""What `attnbench new` writes is right at once, on every kind of problem that it says it supports."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, ProgramTest, find_device, main, make_suite  # noqa: E402

MEASURE = {"min_samples": 1, "max_time_s": 0.01}


class New(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")

    def test_all_that_they_support(self):
        sizes = {"naive": [1, 7, 80, 256], "fused": [1, 7, 80, 256], "vector": [8, 80, 256]}
        for template, d_k in sizes.items():
            self.attnbench("new", template + "_copy", "--from", template, status=OK)
            self.write("s.json", make_suite({
                "sizes": {"n": [1, 13, 65], "d_k": d_k},
                "storage": {"dtype": ["f32", "f16", "bf16"], "layout": ["bhnd", "bnhd"], "n": [33],
                            "batch": [2], "heads": [3]},
                "masks": {"mask": ["causal", "window", "causal+window"], "n_q": [5, 40],
                          "n_kv": [17, 40]},
                "apart": {"n_q": [37], "n_kv": [53], "d_v": [8, 16]},
                "grouped": {"heads_q": [6], "heads_kv": [1, 2, 3], "n_q": [1, 9], "n_kv": [70]},
                "padded": {"batch": [2], "n": [20], "kv_lengths": [[0, 20], [3, 17]],
                           "mask": ["none", "causal"]},
            }, variants=[], defaults={"d_k": 16, "window_left": 3, "window_right": 2},
                measure=MEASURE))
            self.attnbench("run", "s.json", "--device", self.device, "--kernels", ".", "--variants",
                           template + "_copy", "--check", "full", "--peaks", "none", "--quiet",
                           "--out", "out.json", status=OK, timeout=600)
            rows = self.results()["rows"]
            self.assertEqual({row["status"] for row in rows}, {"ok"},
                             [(r["cell"], r["status"], r["reason"]) for r in rows
                              if r["status"] != "ok"])
            self.assertGreater(len(rows), 30)


main()
