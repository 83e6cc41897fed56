"""Cases as people save them: element types, shapes, masks, padding, names; and that what contradicts
itself or is not understood is refused with both values. Null backend: its outputs are the
reference's."""
import json
import math
import os

from harness import BAD_INPUT, OK, WRONG, ProgramTest, bf16, main, npy

INF, NAN = math.inf, math.nan


class Tensors(ProgramTest):
    def save(self, files, **attributes):
        """A case of these files: bytes, or (shape, values[, type])."""
        folder = self.folder / "case"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else npy(*content))
        (folder / "case.json").write_text(json.dumps(attributes))

    def small(self, more=None, batch=1, heads=1, n=2, **attributes):
        """Scores 0 everywhere: each output is the mean of the values that are seen, 4 and 8 in each
        head of two keys (4, 8, 12 ... of more)."""
        shape, count = (batch, heads, n, 1), batch * heads
        values = [4.0 * (j + 1) for j in range(n)] * count
        self.save({"q.npy": (shape, [0] * n * count), "k.npy": (shape, [0] * n * count),
                   "v.npy": (shape, values), **(more or {})}, **attributes)

    def verify(self, *args, status=OK):
        return self.attnbench("verify", "case", "--device", "null", "--variants", "naive", *args,
                              status=status)

    def refused(self, message):
        self.assertRegex(self.verify(status=BAD_INPUT).stderr, message)

    # ---- masks

    def test_float_masks_are_added_and_others_are_boolean(self):
        first_only, mean = ((1, 1, 2, 1), [4, 4]), ((1, 1, 2, 1), [6, 6])
        for kind, hide, show in (("<f4", -INF, 0), ("<f4", -3.4028234663852886e38, 0), ("<f4", -1e30, 0),
                                 ("<f2", -65504, 0), ("<f2", -INF, 0), ("<f8", -1.7e308, 0),
                                 ("|V2", 0xff7f, 0), ("|V2", bf16(-INF), 0), ("|b1", 0, 1),
                                 ("|u1", 0, 1), ("|u1", 0, 255), ("|i1", 0, 1), ("|i1", 0, -1),
                                 ("<i8", 0, 1), ("<i4", 0, 1), (">i4", 0, 1)):
            with self.subTest(kind=kind, hide=hide, show=show):
                if kind[0] == ">":
                    show <<= 24
                self.small({"mask.npy": ((1, 2), [show, hide], kind), "expect.npy": first_only})
                self.verify()
                self.small({"mask.npy": ((1, 2), [show, show], kind), "expect.npy": mean})
                self.verify()
        self.small({"mask.npy": ((2,), [0, math.log(3)]), "expect.npy": ((1, 1, 2, 1), [7, 7])})
        self.verify()
        self.small({"mask.npy": ((2,), [0, math.log(3)]), "bias.npy": ((2, 1), [5, -INF]),
                    "expect.npy": ((1, 1, 2, 1), [7, 0])})
        self.verify()

    def test_what_a_mask_cannot_hold(self):
        for content, message in (
                (((2,), [0, NAN]), r"mask.npy: element \[0, 0, 0, 1\] is nan"),
                (((2,), [0, INF]), r"mask.npy: element \[0, 0, 0, 1\] is inf"),
                (((2,), [0, 2], "<i8"), r"mask.npy: element 1 is 2; a mask of i8 holds 0 and 1"),
                (((2,), [0, bf16(-INF)], "<u2"), r"mask.npy: element 1 is 65408; a mask of u2"),
                (((3,), [1, 1, 1], "|b1"), r"mask.npy: its shape does not broadcast .* it is \[3\]")):
            with self.subTest(message=message):
                self.small({"mask.npy": content})
                self.refused(message)
        self.small({"bias.npy": ((2,), [1, 0], "|b1")})
        self.refused(r"bias.npy: expected floats, found b1; booleans belong into mask.npy")

    def test_shapes_of_masks(self):
        def expect(rows):
            return ((2, 3, 4, 1), [x for b in range(2) for h in range(3) for x in rows(b, h)])

        everything = lambda b, h: [10] * 4  # noqa: E731: of the values 4, 8, 12, 16
        for shape, values, rows in (
                ((4,), [1, 0, 0, 1], everything),
                ((4, 4), [1, 0, 0, 0] * 4, lambda b, h: [4] * 4),
                ((2, 4), [1, 0, 0, 0, 0, 0, 0, 1], lambda b, h: [16 if b else 4] * 4),
                ((3, 1, 4), [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], lambda b, h: [4 * (h + 1)] * 4),
                ((2, 1, 4), [1, 0, 0, 0, 0, 0, 0, 1], lambda b, h: [16 if b else 4] * 4),
                ((2, 4, 4), [1, 0, 0, 0] * 4 + [0, 1, 0, 0] * 4, lambda b, h: [8 if b else 4] * 4),
                ((6, 4, 1), ([1] * 4) * 5 + [0] * 4,
                 lambda b, h: [0 if b and h == 2 else 10] * 4),
                ((2, 1, 4, 4), [1] * 32, everything)):
            with self.subTest(shape=shape):
                self.small({"mask.npy": (shape, values, "|b1"), "expect.npy": expect(rows)},
                           batch=2, heads=3, n=4)
                self.verify()
        self.small({"mask.npy": ((2, 2), [1, 0, 0, 1], "|b1")}, batch=2, heads=3)
        self.refused(r"mask.npy: its shape \[2, 2\] may mean \[1, 1, 2, 2\] or \[2, 1, 1, 2\]")

    # ---- element types and dimensions

    def test_bfloat16_as_ml_dtypes_and_as_bits(self):
        for kind in ("|V2", "<V2", "<u2"):
            shape = (1, 1, 2, 1)
            files = {"q.npy": (shape, [0, 0], kind), "k.npy": (shape, [0, 0], kind),
                     "v.npy": (shape, [bf16(4), bf16(8)], kind),
                     "expect.npy": (shape, [bf16(6)] * 2, kind)}
            for attributes in ({}, {"dtype": "bf16"}):
                with self.subTest(kind=kind, attributes=attributes):
                    self.save(files, **attributes)
                    self.verify()
            self.save(files, dtype="f16")
            self.refused(r"case.json:1: dtype: q.npy holds bf16, this says f16")
        self.save({**files, "v.npy": (shape, [4, 8], "<f2")})
        self.refused(r"v.npy: holds f16, and q.npy bf16")

    def test_three_dimensions(self):
        q, expect = (6, 2, 1), ((6, 2, 1), [6] * 12)
        files = {"q.npy": (q, [0] * 12), "k.npy": (q, [0] * 12), "v.npy": (q, [4, 8] * 6),
                 "expect.npy": expect}
        for attributes in ({}, {"heads": 6}, {"heads": 3}, {"heads": 3, "batch": 2}, {"batch": 3}):
            with self.subTest(attributes=attributes):
                self.save(files, **attributes)
                self.verify()
        self.save({**files, "expect.npy": ((2, 3, 2, 1), [6] * 12),
                   "expect_weights.npy": ((6, 2, 2), [.5] * 24)}, heads=3)
        self.verify()
        self.save({**files, "k.npy": ((2, 2, 1), [0] * 4), "v.npy": ((2, 2, 1), [4, 8] * 2)},
                  heads_q=3)
        self.verify()  # grouped heads, a batch of 2
        self.save({"q.npy": ((2, 3, 1), [0] * 6), "k.npy": ((2, 3, 1), [0] * 6),
                   "v.npy": ((2, 3, 1), [4] * 3 + [8] * 3),
                   "expect.npy": ((2, 3, 1), [6] * 6)}, layout="bnhd")
        self.verify()
        for attributes, message in (({"heads": 4}, r"q.npy: 6 is no multiple of the heads .* 4"),
                                    ({"batch": 4}, r"q.npy: 6 is no multiple of the batch .* 4"),
                                    ({"heads": 3, "batch": 3}, r"batch: q.npy says 2, this says 3")):
            self.save(files, **attributes)
            self.refused(message)
        self.save({**files, "k.npy": ((1, 6, 2, 1), [0] * 12)})
        self.refused(r"k.npy: expected 4 dimensions .* as q.npy has them; found shape \[1, 6, 2, 1\]")

    # ---- padding

    def test_what_nobody_looks_at_may_be_anything(self):
        shape, expect = (1, 1, 2, 1), ((1, 1, 2, 1), [4, 4])
        for bad in (NAN, INF, -INF, 3e38):
            files = {"q.npy": (shape, [1, 1]), "k.npy": (shape, [0, bad]),
                     "v.npy": (shape, [4, bad]), "expect.npy": expect}
            for name, content in (("kv_lengths.npy", ((1,), [1], "<i8")),
                                  ("kv_lengths.npy", ((1, 2), [1, 0], "|b1")),
                                  ("mask.npy", ((1, 2), [1, 0], "|b1")),
                                  ("bias.npy", ((1, 2), [0, -INF]))):
                with self.subTest(bad=bad, name=name):
                    self.save({**files, name: content})
                    self.verify()
            self.save(files)
            self.refused(r"k.npy: element 1 is .*f32 cannot hold \(batch 0, head 0, row 1, column 0\)"
                         if not math.isfinite(bad) else r"v.npy: values up to 3e\+38")
            self.save({**files, "mask.npy": ((2, 2), [1, 0, 1, 1], "|b1")})
            self.refused(r"[kv].npy: ")  # a query looks at it
            with self.subTest(bad=bad, name="q"):
                self.save({"q.npy": (shape, [1, bad]), "k.npy": (shape, [0, 0]),
                           "v.npy": (shape, [4, 8]), "mask.npy": ((2, 1), [1, 0], "|b1"),
                           "expect.npy": (shape, [6, 0])})
                self.verify()
        self.small({"kv_lengths.npy": ((1,), [1], "<i4"), "mask.npy": ((2,), [0, NAN]),
                    "expect.npy": expect})
        self.verify()
        self.small({"kv_lengths.npy": ((1,), [1], "<i4"), "expect.npy": expect,
                    "expect_weights.npy": ((1, 1, 2, 2), [1, NAN, 1, NAN])})
        self.verify()

    def test_padding_as_booleans(self):
        expect = ((2, 1, 2, 1), [4, 4, 6, 6])
        for kind in ("|b1", "|u1", "<i8"):
            self.small({"kv_lengths.npy": ((2, 2), [1, 0, 1, 1], kind), "expect.npy": expect}, batch=2)
            self.verify()
        self.small({"kv_lengths.npy": ((2, 2), [0, 1, 1, 1], "|b1")}, batch=2)
        self.refused(r"kv_lengths.npy: element \[0, 1\] is 1 behind one that is 0.*mask.npy")
        self.small({"kv_lengths.npy": ((2,), [1, 1], "|b1")}, batch=2)
        self.refused(r"kv_lengths.npy: shape \[2\]; expected \[2, 2\] \(batch, n_kv\) for booleans")

    def test_sinks_of_minus_infinity(self):
        self.small({"sinks.npy": ((1,), [-INF]), "expect.npy": ((1, 1, 2, 1), [6, 6])})
        self.verify()

    # ---- conventions

    def test_rows_that_see_no_key(self):
        mask, shape = ((2, 1), [1, 0], "|b1"), (1, 1, 2, 1)
        weights = ((1, 1, 2, 2), [.5, .5, .5, .5])
        for attributes, expect, status in (({}, [6, 0], OK), ({}, [6, 6], WRONG),
                                           ({"empty_rows": "zero"}, [6, 0], OK),
                                           ({"empty_rows": "mean"}, [6, 6], OK),
                                           ({"empty_rows": "mean"}, [6, 0], WRONG),
                                           ({"empty_rows": "mean"}, [6, 5], WRONG)):
            with self.subTest(attributes=attributes, expect=expect):
                self.small({"mask.npy": mask, "expect.npy": (shape, expect)}, **attributes)
                self.verify(status=status)
        self.small({"mask.npy": mask, "expect_weights.npy": weights}, empty_rows="mean")
        self.verify()
        self.small({"mask.npy": mask, "expect_weights.npy": weights})
        self.verify(status=WRONG)
        self.small(empty_rows="nan")
        self.refused(r'empty_rows: expected "zero" or "mean", found "nan"')

    # ---- contradictions

    def test_contradictions_are_refused_with_both_values(self):
        sinks, bools, floats = ((1,), [0]), ((2,), [1, 0], "|b1"), ((2,), [1, 0])
        for files, attributes, message in (
                ({}, {"heads": 8}, r"heads: q.npy says 1 for heads_q, this says 8"),
                ({}, {"heads_q": 8}, r"heads_q: q.npy says 1, this says 8"),
                ({}, {"heads_kv": 8}, r"heads_kv: k.npy says 1, this says 8"),
                ({}, {"n": 99}, r"n: q.npy says 2 for n_q, this says 99"),
                ({}, {"n_kv": 99}, r"n_kv: k.npy says 2, this says 99"),
                ({}, {"d_k": 3}, r"d_k: q.npy says 1, this says 3"),
                ({}, {"d_v": 3}, r"d_v: v.npy says 1, this says 3"),
                ({}, {"batch": 3}, r"batch: q.npy says 1, this says 3"),
                ({}, {"n_heads": 8}, r'n_heads: unknown problem key .*did you mean "heads"'),
                ({}, {"is_causal": True}, r'is_causal: .*did you mean "mask": "causal"'),
                ({}, {"kv_lengths": [3]}, r"kv_lengths\[0\] is 3, more than n_kv = 2"),
                ({}, {"kv_lengths": [1, 1]}, r"kv_lengths has 2 values, but batch is 1"),
                ({"kv_lengths.npy": ((1,), [1], "<i8")}, {"kv_lengths": [2]},
                 r"kv_lengths: kv_lengths.npy says 1 for batch entry 0, this says 2"),
                ({"kv_lengths.npy": ((1,), [1.5])}, {}, r"kv_lengths.npy: .*found 1.5"),
                ({}, {"window_left": 3}, r'window_left: 3 has no effect with "mask": "none"'),
                ({}, {"window_left": 3, "mask": "causal"},
                 r'window_left: 3 has no effect .*expected "causal\+window"'),
                ({}, {"window_right": 0}, r'window_right: 0 has no effect with "mask": "none"'),
                ({}, {"mask": "window"}, r'mask: "window" needs "window_left" or "window_right"'),
                ({}, {"causal_offset": 1}, r'causal_offset: 1 has no effect with "mask": "none"'),
                ({}, {"scale": 0}, r"scale: 0 would mean the default"),
                ({}, {"returns": "weights"}, r'returns: "weights" has no effect'),
                ({"sinks.npy": sinks}, {"sink": False}, r"sink: sinks.npy is there, this says false"),
                ({}, {"sink": True}, r"sinks.npy: there is none"),
                ({"bias.npy": floats}, {"bias": "none"}, r'bias: bias.npy .*"float", this says "none"'),
                ({"bias.npy": floats}, {"bias": "bool"}, r'bias: bias.npy .*"float", this says "bool"'),
                ({"mask.npy": bools}, {"bias": "float"}, r'mask.npy holds b1, .*"bool", this says "float"'),
                ({"mask.npy": floats}, {"bias": "bool"}, r'mask.npy holds f4, .*"float", this says "bool"'),
                ({"mask.npy": bools}, {"bias": "none"}, r'bias: mask.npy .*"bool", this says "none"'),
                ({"mask.npy": bools}, {"bias": "alibi"}, r"mask.npy: cannot be combined"),
                ({"mask.npy": bools}, {"bias_shape": "bhqk"}, r'"111k", this says "bhqk"'),
                ({}, {"bias_shape": "bhqk"}, r'bias_shape: "bhqk", but there is neither'),
                ({}, {"bias": "bool"}, r"mask.npy: there is none"),
                ({"q.npy": ((1, 1, 2, 1), [0, 0], "<f2")}, {}, r"k.npy: holds f32, and q.npy f16"),
                ({"q.npy": ((1, 1, 2, 1), [0, 0], "<f2")}, {"dtype": "f32"},
                 r"dtype: q.npy holds f16, this says f32")):
            with self.subTest(attributes=attributes, files=list(files)):
                self.small(files)
                self.write("case/case.json", attributes)
                self.refused(message)

    def test_agreement_is_no_contradiction(self):
        self.small({"kv_lengths.npy": ((1,), [1], "<i8"), "sinks.npy": ((1,), [0]),
                    "mask.npy": ((2,), [1, 0], "|b1")})
        self.write("case/case.json", {
            "comment": "all of it", "batch": 1, "heads": 1, "n": 2, "n_q": 2, "heads_kv": 1, "d_k": 1,
            "kv_lengths": [1], "sink": True, "bias": "bool", "bias_shape": "111k", "dtype": "f32",
            "mask": "causal+window", "window_left": 1})
        self.verify()

    # ---- files

    def test_files_that_are_not_understood(self):
        array = ((2, 2), [1, 1, 1, 1], "|b1")
        for name, meant in (("attn_mask.npy", "mask.npy"), ("attention_mask.npy", "mask.npy"),
                            ("key_padding_mask.npy", "mask.npy"), ("query.npy", "q.npy"),
                            ("key.npy", "k.npy"), ("value.npy", "v.npy"), ("Q.npy", "q.npy"),
                            ("masks.npy", "mask.npy"), ("attn_weights.npy", "expect_weights.npy"),
                            ("out.npy", "expect.npy"), ("expcet.npy", "expect.npy"),
                            ("seqlens.npy", "kv_lengths.npy"), ("sink.npy", "sinks.npy"),
                            ("mask.npz", "mask.npy"), ("case.jsn", "case.json")):
            with self.subTest(name=name):
                self.small({name: array})
                self.refused(f"case/{name}: no file of a case of attention; did you mean {meant}")
        for name in ("x.npy", "weird.bin", "model.safetensors"):
            self.small({name: array})
            self.refused(f"case/{name}: no file of a case")
        self.small({"README.md": b"# why", "make.py": b"", ".hidden": b"", "tokens.txt": b"a\nb\n"})
        self.verify()
        for name in ("mask.npy", "bias.npy", "expect.npy", "kv_lengths.npy", "sinks.npy",
                     "expect_weights.npy"):
            with self.subTest(dangling=name):
                self.small()
                os.symlink("nowhere.npy", self.folder / "case" / name)
                self.refused(name)
                (self.folder / "case" / name).unlink()
                (self.folder / "case" / name).mkdir()
                self.refused(name)
                (self.folder / "case" / name).rmdir()

    # ---- output

    def test_nothing_is_said_against_an_expectation_that_is_not_there(self):
        self.small()
        line = self.verify().stdout
        self.assertNotIn("expect.npy", line)
        self.assertIn("against the reference", line)
        result = self.attnbench("verify", "case", "--device", "null", "--variants", "fused",
                                "--weights", "w.npy", status=OK)
        self.assertRegex(result.stdout, r"(?m)^unsupported +fused\+weights +case: ")
        self.assertNotIn("expect.npy", result.stdout)

    def test_json_goes_where_it_is_wanted(self):
        self.small()
        wanted = self.verify("--json").stdout
        self.assertEqual(self.verify("--out", "-").stdout, wanted)
        self.assertFalse((self.folder / "-").exists())
        self.assertEqual(self.verify("--out", "v.json").stdout, "")
        self.assertEqual((self.folder / "v.json").read_text(), wanted)
        self.assertEqual(json.loads(wanted)["cases"][0]["rows"][0]["status"], "ok")


main()
