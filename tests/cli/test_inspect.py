"""attnbench inspect: ranked pairs, entropies and maps of a case, in a terminal and as JSON. Null
backend: the reference's weights."""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import BAD_INPUT, NO_DEVICE, OK, SOURCE, USAGE, ProgramTest, main, npy

try:
    import numpy as np
except ImportError:
    np = None

CASES = SOURCE / "suites/cases"


class Inspect(ProgramTest):
    def inspect(self, *args, status=OK, **more):
        return self.attnbench("inspect", *args, "--device", "null", status=status, **more)

    def case(self, n_q=2, n_kv=2, heads=1, batch=1, attributes=None, **files):
        """d 1, q all ones, keys ln 1, ln 2, ...: weights of n keys are 1, 2, ..., n over their sum."""
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        keys = [math.log(j + 1) for j in range(n_kv)] * heads * batch
        contents = {"q.npy": npy((batch, heads, n_q, 1), [1] * (batch * heads * n_q)),
                    "k.npy": npy((batch, heads, n_kv, 1), keys),
                    "v.npy": npy((batch, heads, n_kv, 1), keys),
                    "case.json": json.dumps(attributes or {}).encode()}
        for name, content in {**contents, **{f"{k}.txt": v for k, v in files.items()}}.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return "case"


class Terminal(Inspect):
    def test_the_strongest_pair_comes_first(self):
        for args in ([], ["--head", "0"], ["--token", "it"], ["--token", "7"]):
            lines = self.inspect("pronoun", *args).stdout.splitlines()
            self.assertTrue(lines[0].startswith("it → animal 0.91"), lines[0])
        self.assertEqual(self.inspect("pronoun", "--head", "0").stdout.splitlines()[0],
                         "it → animal 0.91")
        text = self.inspect("pronoun", "--head", "0", LC_ALL="C").stdout
        self.assertEqual(text.splitlines()[0], "it -> animal 0.91")
        self.assertTrue(text.isascii())
        self.assertIn("reference alone", text)

    def test_pictures(self):
        """The whole output, which must fit eighty columns."""
        text = ""
        for case in ("pronoun", "induction", "translation"):
            for locale in ("C.UTF-8", "C"):
                shown = self.inspect(case, LC_ALL=locale).stdout
                self.assertLessEqual(max(map(len, shown.splitlines())), 80)
                text += f"==== {case}, {locale}\n{shown}"
        self.golden("inspect.txt", text)

    def test_a_token_is_chosen(self):
        lines = self.inspect("induction", "--token", "the", "--head", "2").stdout.splitlines()
        self.assertEqual(lines[:2], ["the[0] → the[0] 1.00", "the[5] → cat[1] 0.88"])
        self.assertEqual(self.inspect("induction", "--token", "the[5]", "--head", "2").stdout
                         .splitlines()[0], "the[5] → cat[1] 0.88")
        for token, said in (("anmial", "did you mean 'animal'?"), ("11", "index from 0 to 10"),
                            ("-1", "index from 0 to 10")):
            self.assertIn(said, self.inspect("pronoun", "--token", token, status=USAGE).stderr)

    def test_heads_and_batches(self):
        self.case(heads=3, batch=2)
        self.assertEqual(self.inspect("case").stdout.count("\nhead "), 3)
        self.assertIn("\nhead 2: ", self.inspect("case", "--head", "2", "--batch", "1").stdout)
        for option, limit in (("--head", 2), ("--batch", 1)):
            said = self.inspect("case", option, str(limit + 1), status=USAGE).stderr
            self.assertIn(f"{option}: expected 0 to {limit}, found {limit + 1}", said)

    def test_long_cases_are_shown_in_blocks(self):
        self.case(300, 500)
        text = self.inspect("case").stdout
        self.assertIn("every cell is the largest of 8 queries x 8 keys", text)
        self.assertIn("296-299", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_queries_without_keys(self):
        self.case(attributes={"mask": "causal", "causal_offset": -5})
        self.assertIn("no query has a choice of keys", self.inspect("case").stdout)
        self.assertIn("no key is visible", self.inspect("case", "--token", "0").stdout)


class Entropy(Inspect):
    def rows(self, *args):
        return json.loads(self.inspect(*args, "--json").stdout)["heads"]

    def test_by_hand(self):
        self.case(1, 3)
        row = self.rows("case")[0]["rows"][0]
        want = -sum(p * math.log2(p) for p in (1 / 6, 2 / 6, 3 / 6))
        self.assertAlmostEqual(row["entropy_bits"], want, places=6)
        self.assertAlmostEqual(row["entropy_share"], want / math.log2(3), places=6)
        self.assertEqual([t["key"] for t in row["top"]], [2, 1, 0])
        for top, p in zip(row["top"], (3 / 6, 2 / 6, 1 / 6)):
            self.assertAlmostEqual(top["weight"], p, places=6)

    @unittest.skipUnless(np, "NumPy is not installed")
    def test_against_numpy(self):
        for case in ("pronoun", "induction", "translation"):
            wanted = np.load(CASES / case / "expect_weights.npy").astype(float)[0]
            causal = case == "induction"
            for h, head in enumerate(self.rows(case)):
                self.assertEqual(head["head"], h)
                for i, row in enumerate(head["rows"]):
                    p = wanted[h, i]
                    bits = -np.sum(p[p > 0] * np.log2(p[p > 0]))
                    visible = i + 1 if causal else p.size
                    self.assertEqual(row["visible_keys"], visible)
                    self.assertAlmostEqual(row["entropy_bits"], bits, places=5)
                    if visible > 1:
                        self.assertAlmostEqual(row["entropy_share"], bits / np.log2(visible), places=5)
                    else:
                        self.assertIsNone(row["entropy_share"])
                    for top in row["top"]:
                        self.assertAlmostEqual(top["weight"], p[top["key"]], places=6)

    @unittest.skipUnless(np, "NumPy is not installed")
    def test_the_cases_are_what_their_program_makes(self):
        """Not to the bit, as matrix libraries differ: files, sizes, words, and the scores' softmax."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, CASES / "make_cases.py", folder], check=True)
            made = sorted(p.relative_to(folder) for p in pathlib.Path(folder).rglob("*.*"))
            shipped = sorted(p.relative_to(CASES) for p in CASES.rglob("*/*.*"))
            self.assertEqual(made, shipped)
            for path in made:
                old, new = CASES / path, pathlib.Path(folder) / path
                if path.suffix != ".npy":
                    self.assertEqual(old.read_text(), new.read_text(), path)
                elif path.stem not in ("q", "k"):
                    np.testing.assert_allclose(np.load(old), np.load(new), atol=1e-6)
        for case in ("pronoun", "induction", "translation"):
            self.attnbench("verify", case, "--device", "null", "--variants", "naive", status=OK)


class Broken(Inspect):
    CASES = [
        ({"tokens": "a\n"}, "case/tokens.txt:2: ends after 1 tokens; there are 2 queries"),
        ({"tokens": "a\nb\nc\n"}, "case/tokens.txt:3: more lines than the 2 queries"),
        ({"tokens": "a\n\n"}, "case/tokens.txt:2: an empty line; expected a token"),
        ({"tokens": b"a\nb\xff\n"}, "case/tokens.txt:2: byte 2 is not UTF-8; expected UTF-8"),
        ({"tokens": b"\0\nb\n"}, "case/tokens.txt:1: byte 1 is NUL; expected UTF-8"),
        ({"tokens": "a\n" + "x" * (1 << 20)}, "case/tokens.txt:2: a token of 1048576 bytes"),
        ({"tokens_q": "a\nb\n", "tokens_kv": "a\n"},
         "case/tokens_kv.txt:2: ends after 1 tokens; there are 2 keys"),
    ]

    def test_tokens(self):
        for files, said in self.CASES:
            self.case(**files)
            self.assertIn(said, self.inspect("case", status=BAD_INPUT).stderr)
        self.case(tokens="a\nb\n", tokens_kv="c\nd\n")  # the specific file goes before
        self.assertTrue(self.inspect("case").stdout.startswith("a → d 0.67"))
        self.case(n_q=2, n_kv=3, tokens="a\nb\n")
        self.assertIn("case/tokens.txt:3: ends after 2 tokens; there are 3 keys",
                      self.inspect("case", status=BAD_INPUT).stderr)

    def test_other_mistakes(self):
        self.assertIn("nosuch/case.json", self.inspect("nosuch", status=BAD_INPUT).stderr)
        self.attnbench("inspect", status=USAGE)
        said = self.attnbench("inspect", "pronoun", "--device", "nosuch", status=NO_DEVICE).stderr
        self.assertNotIn("→", said)

    def test_without_any_device(self):
        (self.folder / "none").mkdir()
        result = self.attnbench("inspect", "pronoun", status=OK, OCL_ICD_VENDORS=f"{self.folder}/none/")
        self.assertTrue(result.stdout.startswith("it → animal 0.91"))
        self.assertIn("there is no OpenCL device", result.stdout)


if __name__ == "__main__":
    main()
