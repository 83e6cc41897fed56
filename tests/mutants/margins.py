#!/usr/bin/env python3
"""Right kernels stay twice inside of every limit: every variant, dtype and kind of inputs.

margins.py [--device D] [--seed S]

Prints the largest error over tolerance of each variant, dtype and kind, and the smallest margin of
each dtype. Above a half, either a kernel is worse than the tolerance's derivation says (error_model.h) or
the derivation lacks something.
"""
import argparse
import pathlib
import sys
import tempfile

import mutation

DTYPES = ["f32", "f16", "bf16"]
INPUTS = ["random", "large", "dominant", "equal", "tiny"]
LARGEST = 0.5

# What the tolerance depends on: few and many keys, short and long dot products, all that changes a
# score, weights that underflow (a sink over ALiBi), rows that see one key, none, or only -1e9.
FEATURES = [
    {"d_k": 64}, {"d_k": 3, "d_v": 16}, {"d_k": 128, "mask": "causal", "heads": 2},
    {"d_k": 40, "mask": "causal", "bias": "alibi", "sink": True, "softcap": 5, "heads": 8},
    {"d_k": 32, "bias": "float", "bias_shape": "1hqk", "heads": 4},
]
LENGTHS = [{"n_q": 1, "n_kv": 1}, {"n_q": 9, "n_kv": 2}, {"n_q": 16, "n_kv": 100},
           {"n_q": 4, "n_kv": 1500}, {"n_q": 129, "n_kv": 257}]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device")
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    problems = [{**feature, **lengths, "dtype": dtype}
                for dtype in DTYPES for feature in FEATURES for lengths in LENGTHS]
    suite = mutation.make_suite([(str(i), problem, None) for i, problem in enumerate(problems)])
    options = ["--seed", args.seed, *(["--device", args.device] if args.device else [])]
    with tempfile.TemporaryDirectory(prefix="attnbench-margins-") as temporary:
        runs = mutation.run_parallel([(kind, suite, ["--inputs", kind, *options])
                                      for kind in INPUTS], pathlib.Path(temporary))
    largest, failures, judged = {}, 0, 0
    for kind, rows in runs.items():
        for row in rows:
            if row["status"] == "unsupported":
                continue
            ratio = (row["check"] or {}).get("err_over_tolerance")
            judged += 1
            if row["status"] != "ok" or ratio > LARGEST:
                print(f"{row['status']} {row['variant']} {row['cell']} inputs {kind}: {ratio} "
                      f"{row['reason'] or ''}")
                failures += 1
                continue
            key = row["problem"].get("dtype", "f32"), row["variant"], kind
            largest[key] = max(largest.get(key, 0), ratio)
    print(f"{'':18}" + "".join(f"{kind:>10}" for kind in INPUTS))
    for dtype, variant in sorted({key[:2] for key in largest}):
        print(f"{dtype:5} {variant:12}" +
              "".join(f"{largest.get((dtype, variant, kind), 0):10.3f}" for kind in INPUTS))
    for dtype in DTYPES:
        worst = max((ratio for key, ratio in largest.items() if key[0] == dtype), default=1)
        print(f"{dtype}: right kernels stay {1 / worst:.1f} times inside the tolerance")
    print(f"{judged} rows, {failures} failures")
    return 1 if failures or not judged else 0


sys.exit(main())
