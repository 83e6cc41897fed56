"""attnbench verify: verdicts on cases of the user's, and what is said of broken ones. Null backend: its
outputs are the reference's, so every variant agrees with a right expectation."""
import json
import math
import struct

from harness import BAD_INPUT, OK, WRONG, ProgramTest, main, npy


class Verify(ProgramTest):
    def case(self, attributes=None, **files):
        """One head, two queries, two keys, d 1: scores 0 and ln 3, so weights 1/4 and 3/4."""
        folder = self.folder / "case"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        shape = (1, 1, 2, 1)
        contents = {"q.npy": npy(shape, [1, 1]), "k.npy": npy(shape, [0, math.log(3)]),
                    "v.npy": npy(shape, [4, 8]), "expect.npy": npy(shape, [7, 7]),
                    "case.json": json.dumps(attributes or {}).encode()}
        for name, content in {**contents, **{k.replace("_npy", ".npy"): v
                                             for k, v in files.items()}}.items():
            if content is not None:
                (folder / name).write_bytes(content)
        return "case"

    def verify(self, *args, status=OK):
        return self.attnbench("verify", "case", "--device", "null", "--variants", "naive,fused",
                              *args, status=status)

    def test_right_expectation(self):
        self.case()
        lines = self.verify().stdout.splitlines()
        self.assertEqual([line.split()[:2] for line in lines],
                         [["ok", "reference"], ["ok", "fused"], ["ok", "naive"]])
        rows = json.loads(self.verify("--json").stdout)["cases"][0]["rows"]
        self.assertEqual([r["variant"] for r in rows], ["reference", "fused", "naive"])
        self.assertTrue(all(r["against"] == "expect.npy" for r in rows))

    def test_without_expectation_the_reference_judges(self):
        self.case(expect_npy=None)
        text = self.verify().stdout
        self.assertNotIn("expect.npy", text)
        self.assertEqual(text.count("against the reference"), 2)

    def test_wrong_expectations(self):
        shape = (1, 1, 2, 1)
        for values in ([7, 7.01], [7, math.nan], [math.inf, 7], [0, 0]):
            self.case(expect_npy=npy(shape, values))
            text = self.verify(status=WRONG).stdout
            self.assertEqual(text.count("wrong "), 3, text)
        self.case({"atol": 0.1}, expect_npy=npy(shape, [7, 7.01]))
        self.verify()
        self.case({"mask": "causal"})  # the first row sees one key: 4
        self.assertIn("is the mask, scale or layout", self.verify(status=WRONG).stdout)
        self.case({"mask": "causal"}, expect_npy=npy(shape, [4, 7]))
        self.verify()

    def test_masks_biases_and_lengths(self):
        shape = (1, 1, 2, 1)
        self.case(mask_npy=npy((2, 2), [1, 1, 0, 0], "|b1"), expect_npy=npy(shape, [7, 0]))
        self.verify()
        self.case(bias_npy=npy((2,), [math.log(3), 0]), expect_npy=npy(shape, [6, 6]))
        self.verify()
        self.case(bias_npy=npy((2, 1), [5, -math.inf]), expect_npy=npy(shape, [7, 0]))
        self.verify()
        self.case(kv_lengths_npy=npy((1,), [1], "<i8"), expect_npy=npy(shape, [4, 4]))
        self.verify()
        self.case(sinks_npy=npy((1,), [math.log(4)]), expect_npy=npy(shape, [3.5, 3.5]))
        self.verify()

    def test_weights(self):
        self.case(expect_weights_npy=npy((1, 1, 2, 2), [.25, .75, .25, .75]))
        text = self.verify("--weights", "w.npy").stdout
        self.assertRegex(text, r"(?m)^ok +naive\+weights")
        self.assertRegex(text, r"(?m)^unsupported +fused\+weights.*returns=weights")
        data = (self.folder / "w.npy").read_bytes()
        self.assertIn(b"'shape': (1, 1, 2, 2,)", data)
        for got, want in zip(struct.unpack("<4f", data[-16:]), [.25, .75, .25, .75]):
            self.assertAlmostEqual(got, want, places=6)
        self.case(expect_weights_npy=npy((1, 1, 2, 2), [.75, .25, .25, .75]))
        self.assertIn("expect_weights.npy", self.verify(status=WRONG).stdout)

    def test_broken_cases(self):
        shape = (1, 1, 2, 1)
        cases = [
            ({"q_npy": None}, r"case/q.npy': No such file"),
            ({"q_npy": b"hello"}, r"case/q.npy: not a .npy file"),
            ({"q_npy": npy((2, 1), [1, 1])}, r"q.npy: expected 4 dimensions of floats"),
            ({"q_npy": npy(shape, [1, 1], "<i8")}, r"q.npy: expected 4 dimensions of floats"),
            ({"q_npy": npy(shape, [1, math.nan])}, r"q.npy: element 1 is nan"),
            ({"k_npy": npy((1, 1, 2, 2), [1] * 4)}, r"k.npy: shape \[1, 1, 2, 2\]; expected"),
            ({"v_npy": npy((1, 1, 3, 1), [1] * 3)}, r"v.npy: shape .* to fit k.npy"),
            ({"k_npy": npy((1, 2, 2, 1), [1] * 4), "v_npy": npy((1, 2, 2, 1), [1] * 4)},
             r"no multiple of heads_kv"),
            ({"expect_npy": npy((1, 1, 1, 2), [7, 7])}, r"expect.npy: shape"),
            ({"bias_npy": npy((3,), [0] * 3)}, r"bias.npy: its shape does not broadcast"),
            ({"bias_npy": npy((2,), [0, math.nan])}, r"bias.npy: element \[0, 0, 0, 1\] is nan"),
            ({"kv_lengths_npy": npy((1,), [3], "<i8")}, r"more than n_kv"),
            ({"kv_lengths_npy": npy((2,), [1, 1], "<i8")}, r"kv_lengths.npy: shape"),
            ({"attributes": {"dtpye": "f16"}}, r'case.json:1: dtpye: .*did you mean "dtype"'),
            ({"attributes": {"n_q": 3}}, r"case.json:1: n_q: q.npy says 2"),
            ({"attributes": {"rtol": -1}}, r"case.json:1: rtol: expected a number"),
            ({"attributes": {"bias": "float"}}, r"bias.npy: there is none"),
            ({"attributes": {"sink": True}}, r"sinks.npy: there is none"),
            ({"attributes": {"dtype": "f16"}, "q_npy": npy(shape, [1, 1e9])},
             r"q.npy: element 1 is 1e\+09, which f16 cannot hold"),
        ]
        for files, message in cases:
            with self.subTest(files=list(files), message=message):
                self.case(**files)
                self.assertRegex(self.verify(status=BAD_INPUT).stderr, message)
        self.attnbench("verify", "nowhere", "--device", "null", status=BAD_INPUT)


main()
