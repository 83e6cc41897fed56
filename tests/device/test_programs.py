"""Compiled programs on an OpenCL device: built once a run, kept for the next, never trusted when
damaged or wrong. And launches with cold caches."""
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, SOURCE, WRONG, ProgramTest, find_device, main, make_suite  # noqa: E402

VARIANTS = ["fused", "naive", "tiled"]


class Programs(ProgramTest):
    def setUp(self):
        super().setUp()
        self.device = find_device(self)
        if not self.device:
            self.skipTest("no OpenCL device")
        self.write("s.json", make_suite({"n": [16, 33, 64]}, variants=VARIANTS))

    def run_suite(self, *args, status=OK, **more):
        more.setdefault("ATTNBENCH_PROGRAM_CACHE", "on")  # PoCL's is off: it has one of its own
        self.attnbench("run", "s.json", "--device", self.device, "--quiet", "--out", "out.json",
                       "--peaks", "none", *args, status=status, **more)
        self.attnbench("check", "out.json", status=OK)
        return self.results()["rows"]

    def origins(self, *args, **more):
        rows = self.run_suite(*args, **more)
        return collections.Counter((r["variant"], r["build"]["origin"]) for r in rows)

    def files(self):
        return sorted((self.folder / "cache/programs").glob("*/*"))

    def once(self, origin):
        """Lengths are no build options: one program serves all three problems."""
        return {**{(v, origin): 1 for v in VARIANTS}, **{(v, "session"): 2 for v in VARIANTS}}

    def test_a_program_is_built_once(self):
        self.assertEqual(self.origins(), self.once("source"))
        files = self.files()
        if not files:
            self.skipTest("the driver gives out no binaries")
        self.assertEqual({f.suffix for f in files}, {".bin"})
        self.assertEqual(self.origins(), self.once("cache"))
        self.assertEqual(self.origins("--isolate", "none"), self.once("cache"))
        self.assertEqual(self.origins("--isolate", "cell"), {(v, "cache"): 3 for v in VARIANTS})
        self.assertEqual(self.files(), files)

    def test_without_the_cache(self):
        self.assertEqual(self.origins("--no-program-cache"), self.once("source"))
        self.assertEqual(self.origins(ATTNBENCH_PROGRAM_CACHE="off"), self.once("source"))
        self.assertEqual(self.files(), [])

    def test_pocl_is_left_to_its_own_cache(self):
        if "pocl" not in self.device:
            self.skipTest("another driver")
        self.origins(ATTNBENCH_PROGRAM_CACHE="")
        self.assertEqual(self.files(), [])

    def test_other_options_and_compilers_are_other_programs(self):
        self.origins()
        self.assertEqual(self.origins("--set", "d_k=8"), self.once("source"))
        self.assertEqual(self.origins(POCL_ANYTHING="1"), self.once("source"))

    def test_damaged_files_are_built_again(self):
        self.origins()
        if not self.files():
            self.skipTest("the driver gives out no binaries")
        for damage in [lambda b: b[:-1], lambda b: b"", lambda b: b[:len(b) // 2] + b"\0" * 400,
                       lambda b: b.replace(b"bytes ", b"bytes 9", 1)]:
            for file in self.files():
                file.write_bytes(damage(file.read_bytes()))
            self.assertEqual(self.origins(), self.once("source"))
            self.assertEqual(self.origins(), self.once("cache"))

    def test_what_the_driver_refuses_is_built_again(self):
        """A file that is whole by its own account, but holds no program."""
        import hashlib
        if "pocl" not in self.device:
            self.skipTest("some drivers crash")
        self.origins()
        for file in self.files():
            payload = b"this is no program"
            file.write_bytes(b"attnbench program 1\nkey %s\nsha256 %s\nbytes %d\n" % (
                file.stem.encode(), hashlib.sha256(payload).hexdigest().encode(), len(payload))
                + payload)
        self.assertEqual(self.origins(), self.once("source"))
        self.assertEqual(self.origins(), self.once("cache"))

    def test_the_program_of_a_wrong_result_is_not_kept(self):
        folder = self.folder / "mine"
        folder.mkdir()
        for file in (SOURCE / "kernels/fused").iterdir():
            (folder / file.name).write_text(file.read_text().replace("shape.scale", "1.0f").replace(
                '"name": "fused"', '"name": "mine"'))
        self.write("s.json", make_suite({"n": [33]}, variants=["mine"]))
        args = ["--kernels", "mine", "--variants", "mine"]
        self.assertEqual(self.origins(*args, status=WRONG), {("mine", "source"): 1})
        self.assertEqual(self.origins(*args, status=WRONG), {("mine", "source"): 1})

    def test_clblast_compiles_while_it_is_built(self):
        if "pocl" not in self.device:
            self.skipTest("another driver may keep what CLBlast compiled")
        self.write("s.json", make_suite({"n": [16]}, variants=["clblast"]))
        row, = self.run_suite(POCL_CACHE_DIR=str(self.folder / "kcache"))
        if row["status"] == "unsupported":
            self.skipTest(row["reason"])
        spent = self.results()["run"]["time_s"]
        self.assertGreater(spent["build"], 4 * (spent["check"] + spent["warmup"]))

    def test_cold_caches(self):
        times = {}
        for state in ["hot", "cold"]:
            self.write("s.json", make_suite(
                {"n_q": [1], "n_kv": [2048], "heads": [8]}, variants=["split_kv"],
                defaults={"d_k": 64}, measure={"min_samples": 20, "max_time_s": 2}))
            row, = self.run_suite("--cache", state)
            self.assertEqual(row["time"]["cache"], state)
            self.assertGreaterEqual(len(row["time"]["samples_s"]), 20)
            times[state] = row["time"]["median_s"]
        print(f"    a cold launch takes {times['cold'] / times['hot']:.2f} times a hot one",
              file=sys.stderr)


main()
