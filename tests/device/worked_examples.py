#!/usr/bin/env python3
"""Worked examples: cases made by an independent NumPy implementation in float64, for `verify`.

worked_examples.py ATTNBENCH [--device D]

Each case is what someone with tensors from another framework would save. Every variant that supports
it, and the reference, must agree with NumPy; the last ones are wrong on purpose and must be found.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("NumPy is not installed")
    sys.exit(77)


def attention(q, k, v, *, mask=None, bias=None, scale=None, softcap=0.0, sinks=None):
    """o and weights from the definition; mask: True lets a query see a key. Heads on axis 1."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    s = q @ np.swapaxes(k, -1, -2) * (scale if scale is not None else q.shape[-1] ** -0.5)
    if softcap:
        s = softcap * np.tanh(s / softcap)
    if bias is not None:
        s = s + bias
    if mask is not None:
        s = np.where(mask, s, -np.inf)
    top = s.max(axis=-1, keepdims=True)
    if sinks is not None:
        top = np.maximum(top, sinks[:, None, None])
    top = np.where(np.isfinite(top), top, 0.0)
    e = np.exp(s - top)
    total = e.sum(axis=-1, keepdims=True)
    if sinks is not None:
        total = total + np.exp(sinks[:, None, None] - top)
    weights = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
    return weights @ v, weights


def diagonal(n_q, n_kv, offset):
    """j - i - offset: 0 on the diagonal, positive in the future."""
    return np.arange(n_kv)[None, :] - np.arange(n_q)[:, None] - offset


def bf16(x):
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


class Maker:
    def __init__(self, folder):
        self.folder = folder
        self.rng = np.random.default_rng(2017)

    def qkv(self, batch, heads_q, heads_kv, n_q, n_kv, d_k, d_v=None):
        draw = self.rng.standard_normal
        return (draw((batch, heads_q, n_q, d_k)), draw((batch, heads_kv, n_kv, d_k)),
                draw((batch, heads_kv, n_kv, d_v or d_k)))

    def save(self, name, attributes, **arrays):
        case = self.folder / name
        case.mkdir()
        (case / "case.json").write_text(json.dumps(attributes))
        for key, value in arrays.items():
            np.save(case / f"{key}.npy", value)
        return case


def make_cases(m):
    f32 = np.float32
    good, bad = [], []

    q, k, v = (x.astype(f32) for x in m.qkv(2, 4, 4, 33, 33, 64))
    o, w = attention(*(x.astype(float) for x in (q, k, v)))
    good.append(m.save("plain", {}, q=q, k=k, v=v, expect=o, expect_weights=w))
    bad.append(m.save("wrong-scale", {"scale": 0.2}, q=q, k=k, v=v, expect=o))
    bad.append(m.save("one-element", {}, q=q, k=k, v=v,
                      expect=o + 0.01 * (np.arange(o.size).reshape(o.shape) == 1234)))

    q, k, v = m.qkv(1, 3, 3, 50, 70, 40)
    o, w = attention(q, k, v, mask=diagonal(50, 70, 20) <= 0)
    good.append(m.save("causal-bottom-right", {"mask": "causal"}, q=q, k=k, v=v, expect=o))
    bad.append(m.save("causal-top-left-as-bottom-right", {"mask": "causal", "causal_offset": 0},
                      q=q, k=k, v=v, expect=o))

    q, k, v = m.qkv(1, 2, 2, 40, 24, 16)
    o, _ = attention(q, k, v, mask=diagonal(40, 24, 0) <= 0)
    good.append(m.save("causal-top-left", {"mask": "causal", "causal_offset": 0},
                       q=q, k=k, v=v, expect=o))
    o, _ = attention(q, k, v, mask=diagonal(40, 24, -16) <= 0)  # 16 rows see nothing
    good.append(m.save("masked-rows", {"mask": "causal"}, q=q, k=k, v=v, expect=o))

    q, k, v = m.qkv(2, 6, 2, 31, 31, 72, 40)
    o, _ = attention(q, k, v)
    good.append(m.save("grouped-heads", {}, q=q, k=k, v=v, expect=o))

    q, k, v = m.qkv(1, 2, 2, 65, 65, 32)
    d = diagonal(65, 65, 0)
    o, _ = attention(q, k, v, mask=(d <= 3) & (d >= -9))
    good.append(m.save("window", {"mask": "window", "window_left": 9, "window_right": 3},
                       q=q, k=k, v=v, expect=o))

    q, k, v = m.qkv(3, 2, 2, 20, 48, 32)
    lengths = np.array([48, 7, 0], dtype=np.int64)
    mask = np.arange(48)[None, None, None, :] < lengths[:, None, None, None]
    o, _ = attention(q, k, v, mask=mask)
    good.append(m.save("padding", {}, q=q, k=k, v=v, kv_lengths=lengths, expect=o))

    q, k, v = m.qkv(2, 4, 4, 19, 23, 8)
    bias = m.rng.standard_normal((4, 19, 23))
    bias[:, 3, 5:] = -np.inf
    o, w = attention(q, k, v, bias=bias)
    good.append(m.save("bias", {"bias": "float"}, q=q, k=k, v=v, bias=bias, expect=o,
                       expect_weights=w))
    mask = m.rng.random((2, 1, 19, 23)) < 0.6
    mask[1, 0, 2] = False
    o, _ = attention(q, k, v, mask=mask)
    good.append(m.save("boolean-mask", {}, q=q, k=k, v=v, mask=mask, expect=o))
    o, _ = attention(q, k, v, mask=mask, bias=bias)
    good.append(m.save("bias-and-mask", {}, q=q, k=k, v=v, mask=mask, bias=bias, expect=o))
    o, _ = attention(q, k, v, mask=mask & (diagonal(19, 23, 4) <= 0), bias=bias)
    good.append(m.save("bias-mask-causal", {"mask": "causal"}, q=q, k=k, v=v, mask=mask, bias=bias,
                       expect=o))

    q, k, v = m.qkv(1, 8, 8, 40, 40, 16)
    slopes = 2.0 ** -np.arange(1, 9)
    d = diagonal(40, 40, 0)
    o, _ = attention(q, k, v, bias=-slopes[:, None, None] * np.abs(d), mask=d <= 0)
    good.append(m.save("alibi", {"bias": "alibi", "mask": "causal"}, q=q, k=k, v=v, expect=o))

    q, k, v = m.qkv(1, 4, 2, 30, 30, 64)
    sinks = m.rng.standard_normal(4)
    o, _ = attention(4 * q, k, v, softcap=5.0, sinks=sinks, scale=0.3)
    good.append(m.save("softcap-sink-scale", {"softcap": 5, "scale": 0.3}, q=4 * q, k=k, v=v,
                       sinks=sinks, expect=o))

    q, k, v = m.qkv(2, 4, 2, 17, 29, 24)
    o, _ = attention(q, k, v)
    swap = lambda x: np.swapaxes(x, 1, 2)
    good.append(m.save("bnhd", {"layout": "bnhd"}, q=swap(q), k=swap(k), v=swap(v),
                       expect=swap(o)))
    good.append(m.save("byte-order", {}, q=np.asfortranarray(q).astype(">f8"),
                       k=k.astype(">f4"), v=np.asfortranarray(v), expect=o.astype("<f4")))

    half = [x.astype(np.float16) for x in m.qkv(1, 2, 2, 33, 47, 80)]
    o, _ = attention(*(x.astype(float) for x in half))
    good.append(m.save("f16", {}, q=half[0], k=half[1], v=half[2], expect=o))
    q, k, v = m.qkv(1, 2, 2, 33, 47, 80)
    o, _ = attention(*(bf16(x).astype(float) for x in (q, k, v)))
    good.append(m.save("bf16", {"dtype": "bf16"}, q=q.astype(f32), k=k.astype(f32),
                       v=v.astype(f32), expect=o))

    q, k, v = m.qkv(1, 8, 2, 1, 700, 128)
    o, _ = attention(q, k, v)
    good.append(m.save("decode", {}, q=q, k=k, v=v, expect=o))
    return good, bad


def main():
    binary, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="attnbench-cases-") as folder:
        good, bad = make_cases(Maker(pathlib.Path(folder)))
        run = subprocess.run([binary, "verify", *map(str, good), "--json", *options],
                             stdout=subprocess.PIPE, check=False)
        if run.returncode == 4:
            print("no OpenCL device")
            return 77
        failures = 0
        for case in json.loads(run.stdout)["cases"]:
            rows = case["rows"]
            ok = sum(row["status"] == "ok" for row in rows)
            failed = [r for r in rows if r["status"] not in ("ok", "unsupported")]
            name = pathlib.Path(case["case"]).name
            print(f"{name:24} {ok} of {len(rows)} rows ok")
            for row in failed:
                print(f"  {row['variant']}: {row['status']}: {row.get('reason')}")
            failures += bool(failed) or ok < 3
        failures += run.returncode != 0
        for case in bad:
            one = subprocess.run([binary, "verify", str(case), *options], stdout=subprocess.PIPE,
                                 check=False, text=True)
            found = one.returncode == 1 and "wrong" in one.stdout and " ok " not in one.stdout
            print(f"{case.name:24} {'called wrong' if found else 'NOT FOUND: ' + one.stdout}")
            failures += not found
        print(f"{len(good) + len(bad)} cases, {failures} failures")
        return 1 if failures else 0


sys.exit(main())
