"""Every variant over edge shapes on an OpenCL device, checked against the reference in full.

The device is ATTNBENCH_TEST_DEVICE, or PoCL's CPU, or else whatever there is. Measuring is cut to
one sample, so that building and checking are what costs time; d_k is a build-time macro and n is
not, so a sweep over n shares its builds.
"""
import collections
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, PROGRAM, SOURCE, WRONG, ProgramTest, find_device, main  # noqa: E402

EDGES = [1, 2, 17, 63, 64, 65, 257]
HEADS = [1, 8, 40, 64, 72, 80, 96, 128, 256]
ONCE = {"min_samples": 1, "min_time_s": 0, "max_time_s": 0.001, "check": "full"}


class DeviceTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")

    def run_sweeps(self, sweeps, *args, defaults=None, status=OK, variants=None):
        self.write("s.json", {
            "format": "attnbench-suite", "version": 1, "name": "edges",
            "defaults": defaults or {}, "measure": ONCE,
            "deadlines": {"build_s": 120, "run_s": 60},
            "sweeps": [{"name": name, **({"variants": variants} if variants else {}),
                        "defaults": sweep.get("defaults", {}), "axes": sweep["axes"]}
                       for name, sweep in sweeps.items()]})
        plan = json.loads(self.attnbench("plan", "s.json", "--device", self.device, "--json", *args,
                                         status=OK).stdout)["cells"]
        result = self.attnbench("run", "s.json", "--device", self.device, "--quiet", "--out",
                                "out.json", "--peaks", "none", *args, timeout=850)
        results = self.results()
        self.expect_complete(results, [(c["cell"], c["device"], c["variant"]) for c in plan])
        self.assertEqual(result.returncode, status, self.failures_of(results) + result.stderr)
        self.attnbench("check", "out.json", status=OK)
        return results["rows"]

    @staticmethod
    def failures_of(results):
        return "".join(f"\n{r['status']} {r['variant']} {r['cell']}: {r['reason']}"
                       for r in results["rows"] if r["status"] not in ("ok", "unsupported"))

    def expect_right(self, rows, unsupported=()):
        """All ok, but for variants that say why not, where the test knows that they cannot."""
        for row in rows:
            with self.subTest(cell=row["cell"], variant=row["variant"]):
                if row["status"] == "unsupported":
                    too_many = row["variant"] == "split_kv" and row["problem"]["n_q"] > 16
                    self.assertTrue(too_many or row["variant"] in unsupported, row["reason"])
                    self.assertTrue(row["reason"])
                    continue
                self.assertEqual(row["status"], "ok", row["reason"])
                self.assertEqual(row["check"]["mode"], "full")
                self.assertTrue(row["check"]["rechecked"])
                # the tolerance has room: a right kernel stays well inside it
                self.assertLess(row["check"]["err_over_tolerance"], 0.5)
        ok = collections.Counter(r["variant"] for r in rows if r["status"] == "ok")
        for variant in ["naive", "tiled", "fused", "fused_tiled"]:
            self.assertGreater(ok[variant], 0, f"{variant} was never tried")
        print("    " + ", ".join(f"{v}: {n} ok" for v, n in sorted(ok.items())), file=sys.stderr)


class Shapes(DeviceTest):
    def test_lengths_and_head_sizes(self):
        rows = self.run_sweeps({"d": {"axes": {"d_k": HEADS, "n": EDGES}},
                                "heads": {"axes": {"heads": [3], "n": EDGES},
                                          "defaults": {"d_k": 64}}})
        self.assertEqual(len({r["cell"] for r in rows}), len(HEADS) * len(EDGES) + len(EDGES))
        self.expect_right(rows)

    def test_unequal_lengths_and_masks(self):
        pairs = {"more keys": {"n_q": [1, 2, 17, 63], "n_kv": [64, 65, 257]},
                 "more queries": {"n_q": [64, 65, 257], "n_kv": [1, 2, 17, 63]}}
        sweeps = {}
        for mask in ["none", "causal", "window", "causal+window"]:
            for name, axes in {**pairs, "square": {"n": EDGES}}.items():
                sweeps[f"{mask} {name}"] = {"axes": axes, "defaults": {"mask": mask}}
        # more queries than keys, aligned at the bottom right: the first rows see nothing at all
        sweeps["top left"] = {"axes": {"causal_offset": [0, 3, -5], "n_q": [17, 65],
                                       "n_kv": [17, 64]}, "defaults": {"mask": "causal"}}
        sweeps["one side"] = {"axes": {"window_left": [-1, 0], "window_right": [0, 70],
                                       "n": [17, 65]}, "defaults": {"mask": "window"}}
        rows = self.run_sweeps(sweeps, defaults={"d_k": 40, "heads": 3, "window_left": 5,
                                                 "window_right": 2})
        self.expect_right(rows)

    def test_value_size_differs_from_key_size(self):
        rows = self.run_sweeps({"d": {"axes": {"d_k": [8, 72], "d_v": [1, 64, 80],
                                               "n": [1, 17, 65]}}})
        self.expect_right(rows)

    def test_dtypes(self):
        rows = self.run_sweeps({"dtype": {"axes": {"dtype": ["f16", "bf16"], "d_k": [1, 40, 64],
                                                   "n": [1, 17, 64, 65]}},
                                "causal": {"axes": {"dtype": ["f16", "bf16"], "n_q": [2, 65],
                                                    "n_kv": [63]},
                                           "defaults": {"mask": "causal", "d_k": 64,
                                                        "heads": 3}}})
        self.expect_right(rows, unsupported=["clblast"])

    def test_layout_groups_and_batch(self):
        rows = self.run_sweeps({
            "bnhd": {"axes": {"layout": ["bnhd"], "dtype": ["f32", "f16"], "n": [1, 17, 65]},
                     "defaults": {"heads": 3, "batch": 2}},
            "gqa": {"axes": {"heads_kv": [1, 2, 6], "n_q": [1, 65], "n_kv": [64]},
                    "defaults": {"heads_q": 6, "batch": 2}},
            "gqa bnhd": {"axes": {"heads_kv": [1, 2], "n_q": [2, 17], "n_kv": [65]},
                         "defaults": {"heads_q": 6, "layout": "bnhd", "mask": "causal"}}},
            defaults={"d_k": 40})
        self.expect_right(rows, unsupported=["clblast"])

    def test_softcap_and_scale(self):
        rows = self.run_sweeps({
            "softcap": {"axes": {"softcap": [1, 30], "n": [1, 17, 65]}},
            "scale": {"axes": {"scale": [1, 0.01, -0.5], "n": [17, 65]}}},
            defaults={"d_k": 64, "heads": 3})
        self.expect_right(rows)

    def test_a_first_key_that_the_bias_hides(self):
        """Where a window's first key has a bias of -1e9 and is all that its tile shows, later
        scores must not be taken relative to its score: they would have lost their digits."""
        rows = self.run_sweeps(
            {"n": {"axes": {"n": [129], "batch": [8], "bias_shape": ["b1qk", "11qk"]}}},
            defaults={"d_k": 16, "heads": 1, "mask": "window", "window_left": 0, "bias": "float"})
        self.expect_right(rows, unsupported=["clblast"])


class GpuTunings(DeviceTest):
    """What a GPU would run, on whatever device there is: its grids of work-items and its barriers."""
    # BLOCK_Q, BLOCK_KV, GRID_M, GRID_N, CHUNK, Q_RESIDENT, PREFETCH: each value at least once
    FUSED_TILED = [(64, 64, 16, 8, 32, 1, 1), (64, 64, 16, 8, 32, 0, 1), (64, 64, 8, 16, 16, 0, 0),
                   (128, 32, 16, 8, 32, 0, 1), (32, 32, 8, 8, 16, 1, 0), (16, 16, 4, 4, 4, 1, 0)]

    def test_fused_tiled(self):
        source = SOURCE / "kernels/fused_tiled"
        default = json.loads((source / "variant.json").read_text())["defaults"]["gpu"]
        self.assertIn(tuple(default.values()), self.FUSED_TILED)
        for i, values in enumerate(self.FUSED_TILED):
            folder = self.folder / "kernels" / f"tuning{i}"
            folder.mkdir(parents=True)
            for file in source.iterdir():
                (folder / file.name).write_text(file.read_text())
            variant = json.loads((source / "variant.json").read_text())
            tuning = dict(zip(default, values))
            variant.update(name=folder.name, defaults={"cpu": tuning, "gpu": tuning},
                           tune={key: [value] for key, value in tuning.items()})
            (folder / "variant.json").write_text(json.dumps(variant))
        rows = self.run_sweeps({
            "d": {"axes": {"d_k": [7, 64, 128], "n_q": [65], "n_kv": [129]}},
            "mask": {"axes": {"mask": ["causal+window"], "n": [1, 63, 200]},
                     "defaults": {"window_left": 70, "d_k": 40}},
            "f16": {"axes": {"dtype": ["f16"], "n": [65]},
                    "defaults": {"d_k": 64, "layout": "bnhd", "bias": "alibi", "softcap": 30}}},
            "--kernels", "kernels", "--variants",
            ",".join(f"tuning{i}" for i in range(len(self.FUSED_TILED))), defaults={"heads": 2})
        right = collections.Counter(r["variant"] for r in rows if r["status"] == "ok")
        self.assertEqual(len(right), len(self.FUSED_TILED), right)
        for row in rows:
            with self.subTest(cell=row["cell"], variant=row["variant"]):
                if row["status"] == "unsupported":  # too large a head for that tuning
                    self.assertGreater(row["problem"]["d_k"], 64, row["reason"])
                    continue
                self.assertEqual(row["status"], "ok", row["reason"])
                self.assertLess(row["check"]["err_over_tolerance"], 0.5)


class NewVariants(DeviceTest):
    """A new variant is a new folder: no rebuild, and what is wrong is called wrong."""
    SWEEP = {"n": {"axes": {"n": [1, 17, 65, 257]}, "defaults": {"d_k": 64, "heads": 3}}}

    def copy_fused(self, change=None):
        source = SOURCE / "kernels/fused"
        folder = self.folder / "mine"
        folder.mkdir()
        for file in source.iterdir():
            text = file.read_text()
            if file.name == "variant.json":
                self.assertEqual(text.count('"name": "fused"'), 1)
                text = text.replace('"name": "fused"', '"name": "mine"')
            elif change:
                text = change(text)
            (folder / file.name).write_text(text)

    def test_a_copied_folder_runs_and_is_right(self):
        self.copy_fused()
        rows = self.run_sweeps(self.SWEEP, "--kernels", "mine", "--variants", "mine,fused")
        self.assertEqual([r["variant"] for r in rows], ["fused", "mine"] * 4)
        self.assertEqual({r["status"] for r in rows}, {"ok"})

    def test_without_the_softmax_scale_it_is_wrong(self):
        self.copy_fused(lambda text: text.replace("shape.scale", "1.0f"))
        sources = "".join(p.read_text() for p in (self.folder / "mine").glob("*.cl"))
        self.assertIn("1.0f", sources)
        self.assertNotIn("shape.scale", sources)
        rows = self.run_sweeps(self.SWEEP, "--kernels", "mine", "--variants", "mine,fused",
                               status=WRONG)
        for row in rows:
            # one key: the softmax of one score is 1, whatever its scale
            right = row["variant"] == "fused" or row["problem"]["n_q"] == 1
            self.assertEqual(row["status"], "ok" if right else "wrong", row)


if not os.path.exists(PROGRAM):
    sys.exit(f"{PROGRAM} does not exist")
main()
