#!/usr/bin/env python3
"""Operations beside attention against an independent NumPy implementation in float64, by `verify`.

Weights and inputs are drawn here and saved as cases; the reference and every variant must agree with
what NumPy says. The last cases are wrong on purpose and must be found.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("NumPy is not installed")
    sys.exit(77)

# rtol and atol: what rounding to the dtype after every stage leaves of values around 1.
TOLERANCE = {"f32": (2e-5, 4e-6), "f16": (8e-3, 8e-3), "bf16": (6e-2, 6e-2)}


def bf16(x):
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


ROUND = {"f32": np.float32, "f16": np.float16, "bf16": bf16}


class Tensors(dict):
    """Arrays by name, drawn and rounded when they are first asked for; float64 to compute with."""

    def __init__(self, dtype, seed=2017):
        super().__init__()
        self.rng, self.round = np.random.default_rng(seed), ROUND[dtype]

    def draw(self, name, *shape, scale=1.0, around=0.0):
        self[name] = self.round(around + scale * self.rng.standard_normal(shape))
        return np.asarray(self[name], float)

    def weight(self, name, *shape):
        return self.draw(name, *shape, scale=shape[-2] ** -0.5)

    def shift(self, name, *shape):
        return self.draw(name, *shape, scale=0.1)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def erf(x):
    """Maclaurin series; exact to 1e-13 for the |x| < 4 that occur."""
    total, term = np.zeros_like(x), x.copy()
    for k in range(1, 90):
        total += term / (2 * k - 1)
        term *= -x * x / k
    return 2 / np.sqrt(np.pi) * total


def heads_of(x, heads):
    batch, n, width = x.shape
    return x.reshape(batch, n, heads, width // heads).swapaxes(1, 2)


def rotate(x, base, fraction):
    """RoPE as GPT-NeoX pairs the elements: c with c + pairs."""
    n, d = x.shape[-2:]
    pairs = int(d * fraction / 2)
    angle = np.arange(n)[:, None] * base ** (-np.arange(pairs) / pairs)
    a, b = x[..., :pairs], x[..., pairs:2 * pairs]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle),
                           a * np.sin(angle) + b * np.cos(angle), x[..., 2 * pairs:]], axis=-1)


def attend(q, k, v, causal=False, bias=0.0):
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    return softmax(s) @ v


class Heads:
    """The four projections of one multi-head attention, of each layer."""

    def __init__(self, t, layers, d, heads, heads_kv, d_k, prefix="", biases=False):
        self.heads, self.heads_kv, self.w, self.b = heads, heads_kv, {}, {}
        for name, rows, columns in (("q", d, heads * d_k), ("k", d, heads_kv * d_k),
                                    ("v", d, heads_kv * d_k), ("o", heads * d_k, d)):
            self.w[name] = t.weight(f"{prefix}w_{name}", layers, rows, columns)
            self.b[name] = (t.shift(f"{prefix}b_{name}", layers, columns) if biases
                            else np.zeros((layers, columns)))

    def project(self, name, x, layer):
        return x @ self.w[name][layer] + self.b[name][layer]

    def __call__(self, layer, x, y, causal=False, bias=0.0, rope=None):
        q = heads_of(self.project("q", x, layer), self.heads)
        k = heads_of(self.project("k", y, layer), self.heads_kv)
        v = heads_of(self.project("v", y, layer), self.heads_kv)
        if rope:
            q, k = rotate(q, *rope), rotate(k, *rope)
        o = attend(q, k, v, causal, bias).swapaxes(1, 2)
        return self.project("o", o.reshape(*o.shape[:2], -1), layer)


def layer_norm(x, gain, shift):
    centred = x - x.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-5) + shift


def sinusoids(n, d):
    c = np.arange(d)
    angle = np.arange(n)[:, None] / 10000.0 ** (c // 2 * 2 / d)
    return np.where(c % 2 == 0, np.sin(angle), np.cos(angle))


def mha_case(dtype, *, cross=False, heads=4, heads_kv=4, d_k=8, biases=False, position="none",
             causal=False, **keys):
    t, d, n, clip = Tensors(dtype), 24, 29, 5
    x = t.draw("x", 2, n, d)
    y = t.draw("y", 2, 17, d) if cross else None
    block, bias, rope = Heads(t, 1, d, heads, heads_kv, d_k, biases=biases), 0.0, None
    if position == "relative":
        table = t.draw("distances", heads, 2 * clip + 1)
        keys["relative_clip"] = clip
        away = np.arange(n)[None, :] - np.arange(n)[:, None]
        bias = table[:, np.clip(away, -clip, clip) + clip]
    elif position.startswith("rope"):
        rope = keys.setdefault("rope_base", 500), keys.setdefault("rope_fraction", 0.5)
    elif position == "learned":
        x = x + t.draw("positions", n, d)
    elif position == "sinusoidal":
        x = x + sinusoids(n, d)
    o = block(0, x, y if cross else x, causal, bias, rope)
    return {"op": "mha", "heads_q": heads, "heads_kv": heads_kv, "d_k": d_k, "cross": cross,
            "biases": biases, "position": position, "mask": "causal" if causal else "none",
            **keys}, t, o


def layer_case(dtype, op, *, layers=2, norm="post", activation="relu", **keys):
    t, d, d_ff, n, heads = Tensors(dtype), 24, 40, 21, 3
    stream = t.draw("x", 2, n, d) + sinusoids(n, d)
    y = t.draw("y", 2, 13, d) if op == "decoder_layer" else None
    parts = [Heads(t, layers, d, heads, heads, d // heads, biases=True)]
    if y is not None:
        parts.append(Heads(t, layers, d, heads, heads, d // heads, "cross_", biases=True))
    w_1, b_1 = t.weight("w_1", layers, d, d_ff), t.shift("b_1", layers, d_ff)
    w_2, b_2 = t.weight("w_2", layers, d_ff, d), t.shift("b_2", layers, d)
    gains = [t.draw(f"gain_{i + 1}", layers, d, scale=0.1, around=1.0)
             for i in range(len(parts) + 1)]
    shifts = [t.shift(f"shift_{i + 1}", layers, d) for i in range(len(parts) + 1)]

    def feed_forward(layer, h):
        h = h @ w_1[layer] + b_1[layer]
        h = np.maximum(h, 0) if activation == "relu" else h * (1 + erf(h / np.sqrt(2))) / 2
        return h @ w_2[layer] + b_2[layer]

    functions = [lambda layer, h: parts[0](layer, h, h, y is not None)]
    if y is not None:
        functions.append(lambda layer, h: parts[1](layer, h, y))
    functions.append(feed_forward)
    for layer in range(layers):
        for i, part in enumerate(functions):
            normal = lambda h: layer_norm(h, gains[i][layer], shifts[i][layer])
            stream = (normal(stream + part(layer, stream)) if norm == "post"
                      else stream + part(layer, normal(stream)))
    return {"op": op, "heads": heads, "d_k": d // heads, "d_ff": d_ff, "layers": layers,
            "layer_norm": norm, "activation": activation, "biases": True, "position": "sinusoidal",
            "mask": "causal" if y is not None else "none", **keys}, t, stream


def rnn_case(dtype, cell, d=16):
    t, n, gates = Tensors(dtype), 40, {"elman": 1, "gru": 3, "lstm": 4}[cell]
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    x = t.draw("x", 3, n, d)
    w_x, w_h = t.weight("w_x", d, gates * d), t.weight("w_h", d, gates * d)
    b_x, b_h = t.shift("b_x", gates * d), t.shift("b_h", gates * d)
    h, s, out = np.zeros((3, d)), np.zeros((3, d)), []
    for step in range(n):
        a = np.split(x[:, step] @ w_x + b_x, gates, axis=-1)
        c = np.split(h @ w_h + b_h, gates, axis=-1)
        if cell == "elman":
            h = np.tanh(a[0] + c[0])
        elif cell == "gru":
            reset, update = sigmoid(a[0] + c[0]), sigmoid(a[1] + c[1])
            h = (1 - update) * np.tanh(a[2] + reset * c[2]) + update * h
        else:
            enter, forget, leave = (sigmoid(a[g] + c[g]) for g in (0, 1, 3))
            s = forget * s + enter * np.tanh(a[2] + c[2])
            h = leave * np.tanh(s)
        out.append(h)
    return {"op": "rnn", "rnn_cell": cell}, t, np.stack(out, axis=1)


def bahdanau_case(dtype):
    t, d, middle = Tensors(dtype), 18, 21
    x, y = t.draw("x", 2, 11, d), t.draw("y", 2, 19, d)
    w, u, v = t.weight("w_a", d, middle), t.weight("u_a", d, middle), t.draw("v_a", middle)
    scores = np.tanh((x @ w)[:, :, None] + (y @ u)[:, None]) @ v
    return {"op": "bahdanau", "d_k": middle}, t, softmax(scores) @ y


def make_cases():
    cases = {}

    def add(name, dtype, make, *args, **keys):
        cases[f"{name}-{dtype}"] = (dtype, *make(dtype, *args, **keys))

    for dtype in TOLERANCE:
        add("lstm", dtype, rnn_case, "lstm")
        add("gru", dtype, rnn_case, "gru")
        add("encoder", dtype, layer_case, "encoder_layer")
    for dtype in ("f32", "bf16"):
        add("decoder", dtype, layer_case, "decoder_layer")
        add("bahdanau", dtype, bahdanau_case)
    for dtype in ("f32", "f16"):
        add("rope", dtype, mha_case, position="rope", layout="bnhd")
        add("relative", dtype, mha_case, position="relative")
    add("elman", "f32", rnn_case, "elman", 13)
    add("encoder-pre", "f32", layer_case, "encoder_layer", norm="pre", activation="gelu")
    add("decoder-pre", "f32", layer_case, "decoder_layer", norm="pre", layout="bnhd")
    add("cross", "f32", mha_case, cross=True, heads_kv=2, biases=True)
    add("library", "f32", mha_case, gemm="clblast", biases=True, causal=True)
    add("rope-in-load", "f32", mha_case, position="rope_in_load", layout="bnhd")
    add("learned", "f32", mha_case, position="learned", causal=True)
    return cases


def spoil(cases, case):
    """The same case with a neighbouring definition: its expectation is another one."""
    name, change = case
    dtype, keys, tensors, expect = cases[name]
    return dtype, {**keys, **change}, tensors, expect


WRONG = [("encoder-f32", {"position": "none"}), ("decoder-f32", {"mask": "none"}),
         ("rope-f32", {"rope_fraction": 1.0}), ("cross-f32", {"scale": 0.3})]


def save(folder, name, dtype, keys, tensors, expect):
    case = folder / name
    case.mkdir()
    rtol, atol = TOLERANCE[dtype]
    (case / "case.json").write_text(json.dumps({**keys, "dtype": dtype, "rtol": rtol,
                                                "atol": atol}))
    for key, value in tensors.items():
        np.save(case / f"{key}.npy", value)
    np.save(case / "expect.npy", expect)
    return str(case)


def verify(cases, *options):
    run = subprocess.run([os.environ["ATTNBENCH"], "verify", *cases, "--json", *options],
                         stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode == 4:
        print("no OpenCL device")
        sys.exit(77)
    return {pathlib.Path(case["case"]).name: case["rows"]
            for case in json.loads(run.stdout)["cases"]}


def main():
    failures = judged = 0
    with tempfile.TemporaryDirectory(prefix="attnbench-operations-") as temporary:
        folder = pathlib.Path(temporary)
        cases = make_cases()
        good = [save(folder, name, *case) for name, case in cases.items()]
        bad = [save(folder, f"wrong-{i}", *spoil(cases, case)) for i, case in enumerate(WRONG)]
        results = verify([path for path in good + bad if "in-load" not in path], "--variants",
                         "naive,rnn_steps,rnn_persistent,additive")
        results.update(verify([path for path in good if "in-load" in path], "--variants",
                              "fused_vector"))
    for name, rows in results.items():
        wanted = "wrong" if name.startswith("wrong") else "ok"
        errors = {row["variant"]: row.get("max_abs_err") for row in rows
                  if row["status"] != "unsupported"}
        judged += len(errors)
        complaints = [f"{row['variant']} is {row['status']}: {row.get('reason')}" for row in rows
                      if row["status"] not in ("unsupported", wanted)]
        # The rotation inside of a load is a CPU variant's.
        if len(errors) < 2 and "in-load" not in name:
            complaints.append("no variant computes it")
        print(f"{name:16} {wanted:6} " + " ".join(f"{v} {e or 0:.1e}" for v, e in errors.items()))
        for complaint in complaints:
            print(f"    {complaint}")
        failures += len(complaints)
    print(f"{len(results)} cases, {judged} outputs, {failures} failures")
    return 1 if failures or not judged else 0


sys.exit(main())
