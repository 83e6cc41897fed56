"""attnbench new: a folder that works at once, and nothing that is there is touched."""
import json
import re

from harness import IO, OK, USAGE, ProgramTest, main, make_suite

TEMPLATES = ("naive", "fused", "vector")


class New(ProgramTest):
    def test_what_it_writes_runs_as_it_is(self):
        self.write("s.json", make_suite({"n": [8, 13]}, defaults={"d_k": 8}, variants=None or []))
        for template in TEMPLATES:
            name = f"my_{template}"
            result = self.attnbench("new", name, "--from", template, "--kernels", "mine", status=OK)
            self.assertIn(f"attnbench run quick --kernels mine --variants {name}", result.stdout)
            kernel = (self.folder / "mine" / name / f"{name}.cl").read_text()
            self.assertLessEqual(len(kernel.splitlines()), 60)
            self.assertNotIn("NAME", kernel)
            comments = sum(len(c.splitlines()) for c in re.findall(r"/\*.*?\*/", kernel, re.S))
            self.assertGreater(comments, len(kernel.splitlines()) / 5)
            description = json.loads((self.folder / "mine" / name / "variant.json").read_text())
            self.assertEqual(description["name"], name)
            self.assertIn(f"void {description['passes'][0]['kernel']}(", kernel)
            self.attnbench("run", "s.json", "--device", "null", "--kernels", "mine", "--variants",
                           name, "--quiet", "--out", "out.json", status=OK)
            self.assertEqual({r["status"] for r in self.results()["rows"]}, {"ok"})

    def test_naive_is_the_default_and_this_folder(self):
        self.attnbench("new", "maxfirst", status=OK)
        self.assertIn("keys twice", (self.folder / "maxfirst/maxfirst.cl").read_text())

    def test_the_environment_saves_repeating_the_folder(self):
        environment = {"ATTNBENCH_KERNELS": str(self.folder / "mine")}
        self.attnbench("new", "first", status=OK, **environment)
        self.attnbench("new", "second", "--from", "vector", status=OK, **environment)
        self.assertTrue((self.folder / "mine/second/second.cl").exists())
        listed = json.loads(self.attnbench("variants", "--device", "null", "--json", status=OK,
                                           **environment).stdout)
        self.assertLessEqual({"first", "second", "naive"}, {v["name"] for v in listed["variants"]})
        self.write("s.json", make_suite({"n": [8]}, variants=[]))
        run = lambda *args, **more: self.attnbench("run", "s.json", "--device", "null", "--out",
                                                   "out.json", "--variants", "first", *args, **more)
        run(status=OK, **environment)
        self.assertIn(f"--kernels={self.folder}/mine", self.results()["run"]["argv"])
        run(status=USAGE)  # without it there is no such variant
        # The option wins, and an empty variable is none.
        self.attnbench("new", "third", "--kernels", "other", status=OK, **environment)
        self.assertTrue((self.folder / "other/third").exists())
        run("--kernels", "other", status=USAGE, **environment)
        run(status=USAGE, ATTNBENCH_KERNELS="")

    def test_nothing_that_is_there_is_touched(self):
        self.attnbench("new", "mine", status=OK)
        (self.folder / "mine/mine.cl").write_text("precious")
        result = self.attnbench("new", "mine", "--from", "fused", status=USAGE)
        self.assertIn("'./mine' is there already", result.stderr)
        self.assertEqual((self.folder / "mine/mine.cl").read_text(), "precious")
        self.write("file", "x")
        self.attnbench("new", "file", status=USAGE)

    def test_mistakes(self):
        self.attnbench("new", "one", status=OK)
        for args, status, message in (
                (["naive"], USAGE, "'naive' is a built-in variant"),
                (["mha"], USAGE, "'mha' is a built-in variant"),
                (["include"], USAGE, "'include' is a folder of the kernel tree"),
                (["../up"], USAGE, "'../up' is no name for a variant"),
                (["2nd"], USAGE, "is no name for a variant"), (["a" * 60], USAGE, "at most 48"),
                (["x", "--from", "magic"], USAGE, "--from: expected naive, fused or vector"),
                (["x", "--kernels", "one"], IO, "'one' is a variant; name the folder"),
                (["x", "--kernels", "no/such"], IO, "cannot make the folder 'no/such'"),
                ([], USAGE, "'new' needs NAME")):
            with self.subTest(args=args):
                self.assertIn(message, self.attnbench("new", *args, status=status).stderr)
        self.assertFalse((self.folder / "x").exists())


main()
