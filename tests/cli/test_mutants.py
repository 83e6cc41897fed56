"""The lists of mutants, without a device: each applies to today's kernels and has a problem; edits
that do not apply are refused."""
import json
import pathlib
import sys
import tempfile
import unittest

from harness import OK, SOURCE, ProgramTest, main

sys.path.insert(0, str(SOURCE / "tests/mutants"))
import mutation  # noqa: E402


class Lists(ProgramTest):
    def test_every_mutant_applies_and_has_a_valid_problem(self):
        for name in ("mutants.json", "mutants_long.json", "controls.json"):
            mutants = [m for m in mutation.load(mutation.HERE / name) if "op" not in m["problem"]]
            for mutant in mutants:
                if not {"n", "n_q"} & set(mutant["problem"]):
                    mutant["problem"] = {**mutant["problem"], "n": 64}
            kernels = self.folder / name.removesuffix(".json")
            mutation.build_all(mutation.tuned_controls(mutants) + mutants, kernels)
            self.write("s.json", mutation.make_suite([(m["name"], m["problem"], [m["name"]])
                                                      for m in mutants]))
            plan = self.attnbench("plan", "s.json", "--device", "null", "--kernels", kernels,
                                  "--json", status=OK).stdout
            self.assertEqual({cell["variant"] for cell in json.loads(plan)["cells"]},
                             {mutant["name"] for mutant in mutants})

    def test_mutants_of_operations_apply(self):
        for name in ("operations.json", "mutants_long.json", "controls.json"):
            for mutant in mutation.load(mutation.HERE / name):
                if "op" in mutant["problem"]:
                    place = self.folder / mutant["name"]
                    place.mkdir()
                    mutation.build({**mutant, "name": mutant["variant"]}, place)
                    self.write("s.json", mutation.make_suite([("own", mutant["problem"], None)]))
                    self.attnbench("plan", "s.json", "--device", "null", "--kernels", place, status=OK)

    def test_the_corpus_is_large_and_has_both_sides(self):
        wrong = [m for name in ("mutants.json", "operations.json", "mutants_long.json")
                 for m in mutation.load(mutation.HERE / name)]
        right = mutation.load(mutation.HERE / "controls.json")
        self.assertGreaterEqual(len(wrong), 150)
        self.assertGreaterEqual(len(right), 25)
        self.assertEqual(len({m["name"] for m in wrong + right}), len(wrong + right))
        self.assertGreaterEqual(sum(bool(m.get("always")) for m in wrong), 11)
        self.assertLessEqual({"naive", "tiled", "fused", "fused_vector", "fused_tiled", "split_kv",
                              "clblast", "additive", "mha", "encoder_layer", "decoder_layer",
                              "rnn_steps", "rnn_persistent"}, {m["variant"] for m in wrong})

    def test_every_bug_applies_and_there_are_some_of_each_kind(self):
        bugs = mutation.load(mutation.HERE / "bugs.json")
        for bug in bugs:
            (self.folder / bug["name"]).mkdir()
            mutation.build(bug, self.folder / bug["name"])
            self.assertTrue(bug["mistake"] and bug["kind"])
        self.assertLessEqual({"out-of-bounds", "data-race", "uninitialised", "barrier-divergence",
                              "misaligned", "api"}, {bug["kind"] for bug in bugs})

    def test_every_kind_of_kernel_has_mutants(self):
        mutants = mutation.load(mutation.HERE / "mutants.json")
        self.assertGreaterEqual(len(mutants), 60)
        self.assertLessEqual({"naive", "tiled", "fused", "split_kv"},
                             {mutant["variant"] for mutant in mutants})
        self.assertGreaterEqual(len(mutation.load(mutation.HERE / "bugs.json")), 12)


class Edits(unittest.TestCase):
    def test_white_space_does_not_matter(self):
        self.assertEqual(mutation.replace_once("a =\n    b;\nc;", "a = b;", "d;", "x"), "d;\nc;")

    def test_what_is_put_is_taken_as_it_stands(self):
        self.assertEqual(mutation.replace_once("f(x)", "f(x)", r"\1\n", "x"), r"\1\n")

    def test_text_must_occur_once(self):
        for text, count in (("b", 0), ("a; a", 2)):
            with self.assertRaisesRegex(mutation.DoesNotApply, f"x: \"a\" occurs {count} times"):
                mutation.replace_once(text, "a", "c", "x")

    def test_a_mutant_that_does_not_apply_ends_the_test(self):
        stale = {"name": "stale", "variant": "naive", "edits": [["naive.cl", "no such text", ""]]}
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(SystemExit, "stale: naive.cl: \"no such text\" occurs 0"):
                mutation.build_all([stale], pathlib.Path(folder) / "kernels")


main()
