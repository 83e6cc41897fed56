#!/usr/bin/env python3
"""Numbers at the edge of f32, on a device: what masks a key and what does not, in every variant.

d is 1, so that a query is a factor and a key is its score; each head is a case of its own, and what
is expected of it is computed here in float64 from the definition.
"""
import json
import math
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import BAD_INPUT, ProgramTest, bf16, find_device, main, npy  # noqa: E402

MOST = 3.4028234663852886e38  # FLT_MAX
INF = math.inf
VARIANTS = {"naive", "tiled", "fused", "fused_vector", "fused_tiled", "split_kv"}


def bf16_lowest():
    return struct.unpack("<f", struct.pack("<I", 0xff7f0000))[0]


def attention(scores, bias, values, sink):
    """One row, by the definition: -infinity masks, and so does -FLT_MAX as a bias."""
    seen = [(s + b, v) for s, b, v in zip(scores, bias, values) if b > -MOST]
    if not seen:
        return 0.0
    most = max([s for s, _ in seen] + ([sink] if sink is not None else []))
    weights = [math.exp(s - most) for s, _ in seen]
    total = sum(weights) + (math.exp(sink - most) if sink is not None else 0)
    return sum(w * v for w, (_, v) in zip(weights, seen)) / total


class Edges(ProgramTest):
    def case(self, name, *heads, mask=None, kind="<f4", encode=float):
        """heads: (scores of three keys, their bias or None, sink or None)."""
        folder = self.folder / name
        folder.mkdir()
        count, values = len(heads), [1, -2, 3]
        (folder / "q.npy").write_bytes(npy((1, count, 2, 1), [1] * count * 2))
        (folder / "k.npy").write_bytes(npy((1, count, 3, 1), [s for h in heads for s in h[0]]))
        (folder / "v.npy").write_bytes(npy((1, count, 3, 1), values * count))
        expect = [attention(scores, bias or [0 if m else -INF for m in mask or [1] * 3], values, sink)
                  for scores, bias, sink in heads for _ in range(2)]
        (folder / "expect.npy").write_bytes(npy((1, count, 2, 1), expect))
        if heads[0][1]:
            (folder / "bias.npy").write_bytes(
                npy((1, count, 1, 3), [encode(b) for h in heads for b in h[1]], kind))
        if mask:
            (folder / "mask.npy").write_bytes(npy((1, 3), mask, "|b1"))
        if heads[0][2] is not None:
            (folder / "sinks.npy").write_bytes(npy((count,), [h[2] for h in heads]))
        (folder / "case.json").write_text(json.dumps({"scale": 1, "rtol": 1e-4, "atol": 1e-5}))
        return name

    def test_every_variant_masks_the_same(self):
        device = find_device(self)
        if not device:
            self.skipTest("no OpenCL device")
        low, flat, steps = [-1.2e30, -1.3e30, -9e30], [0, 0, 0], [0, 1, 2]
        cases = [
            self.case("scores", (low, None, None), ([-9e37, -9.5e37, -9.1e37], None, None),
                      ([-1e31] * 3, None, None), ([9e37, -9e37, 1], None, None)),
            self.case("bool", (low, None, None), (steps, None, None), mask=[0, 1, 1]),
            self.case("bias", (low, [0.5, 0, 0], None), (low, [-INF] * 3, None),
                      (flat, [-1.01e30, -1.01e30, -1.02e30], None),
                      (flat, [-9e37, -9e37, -9.9e37], None), (steps, [-3e38, 0, -2.9e38], None),
                      (flat, [-3e38] * 3, None), (flat, [-3e38, -3e38, -MOST], None),
                      (steps, [-MOST, -INF, 0], None), (steps, [-MOST, -INF, -MOST], None)),
            self.case("bias-f8", (steps, [-1.7e308, 0, 1], None), (steps, [-MOST] * 3, None),
                      kind="<f8"),
            self.case("sinks", (low, None, 0.5), (steps, None, -INF), (steps, None, -3e38),
                      (steps, None, 2.5e38), ([0, -1e37, 9e37], None, MOST)),
            self.case("bias-sinks", (low, [-INF] * 3, 1.0), (steps, [-MOST] * 3, -INF),
                      (steps, [0, -INF, 1], MOST), (steps, [0, -INF, 1], -MOST)),
        ]
        for name, kind, lowest, encode in (("f16", "<f2", -65504, float),
                                           ("bf16", "|V2", bf16_lowest(), bf16)):
            case = self.case(f"bias-{name}", (steps, [lowest, 0, 1], None),
                             (steps, [lowest, -INF, lowest], None), kind=kind, encode=encode)
            masked = attention(steps, [-INF, 0, 1], [1, -2, 3], None)
            (self.folder / case / "expect.npy").write_bytes(npy((1, 2, 2, 1), [masked] * 2 + [0] * 2))
            cases.append(case)
        result = self.attnbench("verify", *cases, "--device", device, "--json", timeout=600)
        wrong, tried = [], set()
        for case in json.loads(result.stdout)["cases"]:
            for row in case["rows"]:
                tried |= {row["variant"]} if row["status"] == "ok" else set()
                if row["status"] not in ("ok", "unsupported", "skipped"):
                    wrong.append((case["case"], row["variant"], row["status"], row["reason"]))
        self.assertEqual(wrong, [])
        self.assertLessEqual(VARIANTS, tried)

    def test_what_f32_cannot_hold_is_refused_by_name(self):
        for i, (scores, bias, sink, message) in enumerate((
                ([2e38, 0, 0], None, None, r"q.npy: .* key 0 of k.npy add up to 2e\+38"),
                ([0] * 3, [3e38, 0, 0], None, r"bias.npy: element \[0, 0, 0, 0\] is 3e\+38"),
                ([0] * 3, [-3e38, -2e38, -2e38], None, r"bias.npy: the biases of .* from -3e\+38"),
                ([0] * 3, [math.nan, 0, 0], None, r"bias.npy: element \[0, 0, 0, 0\] is nan"),
                ([0] * 3, None, INF, r"sinks.npy: element 0 is inf"),
                ([0] * 3, None, math.nan, r"sinks.npy: element 0 is nan"))):
            with self.subTest(message=message):
                name = self.case(f"case{i}", ([0] * 3, bias and [0] * 3, sink and 0))
                (self.folder / name / "k.npy").write_bytes(npy((1, 1, 3, 1), scores))
                if bias:
                    (self.folder / name / "bias.npy").write_bytes(npy((1, 1, 1, 3), bias))
                if sink:
                    (self.folder / name / "sinks.npy").write_bytes(npy((1,), [sink]))
                result = self.attnbench("verify", name, "--device", "null", status=BAD_INPUT)
                self.assertRegex(result.stderr, message)


main()
