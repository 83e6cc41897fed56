#!/usr/bin/env python3
"""Random problems over the whole problem space: every variant that supports one must be right.

property.py ATTNBENCH --count 200 [--seed S] [--device D] [--variants A,B] [--keep DIR]

Draws problems in groups that share their builds (head sizes, dtype, layout, masks: compiling takes a
second each), writes them as suites, runs them, and looks at every row. Two runs go side by side: one
compiles while the other computes. A failure prints the seed and a command that shows it alone.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

HEAD_DIMS = [1, 2, 3, 7, 8, 16, 20, 32, 33, 40, 48, 64, 72, 80, 96, 112, 120, 128, 192, 256, 512]
LENGTHS = [1, 1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 191, 257]
GROUP = 32


def draw_build(rng):
    """The keys that a build depends on."""
    d_k = rng.choice(HEAD_DIMS)
    keys = {
        "d_k": d_k,
        "d_v": d_k if rng.random() < 0.6 else rng.choice(HEAD_DIMS),
        "dtype": rng.choice(["f32", "f32", "f16", "bf16"]),
        "layout": rng.choice(["bhnd", "bhnd", "bnhd"]),
        "mask": rng.choice(["none", "causal", "causal", "window", "causal+window"]),
        "bias": rng.choice(["none", "none", "none", "float", "bool", "alibi"]),
        "sink": rng.random() < 0.2,
        "softcap": rng.choice([0, 0, 0, 5, 30]),
        "returns": rng.choice(["none"] * 6 + ["weights", "scores"]),
    }
    if keys["bias"] in ("float", "bool"):
        keys["bias_shape"] = rng.choice(["11qk", "1hqk", "b1qk", "bhqk", "111k", "b11k", "bh1k",
                                         "11q1", "bhq1", "1h11"])
    if rng.random() < 0.03:  # multi-head latent attention
        keys.update(d_k=576, d_v=512)
    return keys, rng.random() < 0.25


def draw_problem(rng, build, padded):
    """A problem of that build: everything that is a run-time argument."""
    heads_kv = rng.choice([1, 1, 2, 3])
    n_q = rng.choice(LENGTHS)
    n_kv = n_q if rng.random() < 0.4 else rng.choice(LENGTHS)
    if rng.random() < 0.2:  # decode
        n_q, n_kv = rng.randint(1, 16), rng.choice(LENGTHS + [400, 513, 600, 1100])
    keys = dict(build, batch=rng.choice([1, 1, 2, 3]), heads_kv=heads_kv,
                heads_q=heads_kv * rng.choice([1, 1, 2, 4]), n_q=n_q, n_kv=n_kv)
    if "causal" in build["mask"] and rng.random() < 0.5:
        keys["causal_offset"] = rng.randint(-n_q - 3, n_kv + 3)
    if "window" in build["mask"]:
        keys["window_left"] = rng.choice([-1, 0, 1, 7, 16, 63, 200])
        if build["mask"] == "window":
            keys["window_right"] = rng.choice([-1, 0, 1, 5, 64])
    if rng.random() < 0.2:
        keys["scale"] = rng.choice([0.05, 0.3, 1.0, -0.5])
    if padded:
        keys["kv_lengths"] = [rng.randint(0, n_kv) for _ in range(keys["batch"])]
    return keys


def shrink(problem):
    """A problem that a simulator runs in a second: few heads, short rows."""
    small = {"n_q": 20, "n_kv": 37, "d_k": 33, "d_v": 24, "batch": 2, "heads_q": 4, "heads_kv": 2}
    for key, most in small.items():
        problem[key] = min(problem[key], most)
    if problem["heads_q"] % problem["heads_kv"]:
        problem["heads_q"] = problem["heads_kv"]
    if "kv_lengths" in problem:
        problem["kv_lengths"] = [min(n, problem["n_kv"])
                                 for n in problem["kv_lengths"][:problem["batch"]]]
    return problem


def make_suite(problems, name):
    sweeps = [{"name": str(i), "axes": {key: [value] for key, value in problem.items()}}
              for i, problem in enumerate(problems)]
    return {"format": "attnbench-suite", "version": 1, "name": name, "sweeps": sweeps,
            "measure": {"min_samples": 1, "min_time_s": 0, "max_time_s": 0.001}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("attnbench")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--device", default=None)
    parser.add_argument("--variants", default=None)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--group", type=int, default=GROUP,
                        help="problems that share their builds")
    parser.add_argument("--deadline", default=None, help="of a build, launch or read: 20s")
    parser.add_argument("--budget", default=None, help="later cells are skipped: 5m")
    parser.add_argument("--any-status", action="store_true",
                        help="for drivers with known faults: what is not right fails the test only "
                             "when a cell has no row or a row no reason")
    parser.add_argument("--oclgrind", action="store_true",
                        help="small problems under Oclgrind, whose log must stay empty")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    print(f"seed {seed}: {args.count} problems", flush=True)

    problems = []
    while len(problems) < args.count:
        build, padded = draw_build(rng)
        problems += [draw_problem(rng, build, padded)
                     for _ in range(min(args.group, args.count - len(problems)))]

    if args.oclgrind:
        if not shutil.which("oclgrind"):
            print("oclgrind is not installed")
            return 77
        problems = [shrink(problem) for problem in problems]
        os.environ["ATTNBENCH_BARE_BUFFERS"] = "1"  # reads past a buffer do not end in its guards
    folder = tempfile.mkdtemp(prefix="attnbench-property-")
    runs = []
    # One run has ordinary inputs, the other one kind of the adversarial ones.
    kinds = ["random", rng.choice(["large", "dominant", "equal", "tiny"])]
    print(f"inputs: {', '.join(kinds[:args.jobs])}", flush=True)
    groups = [problems[i:i + args.group] for i in range(0, len(problems), args.group)]
    for job in range(args.jobs):
        mine = [p for group in groups[job::args.jobs] for p in group]
        if not mine:
            continue
        suite, out = f"{folder}/{job}.json", f"{folder}/{job}-results.json"
        with open(suite, "w", encoding="utf-8") as file:
            json.dump(make_suite(mine, f"property{job}"), file)
        command = [args.attnbench, "run", suite, "--out", out, "--quiet", "--no-lock", "--seed", str(seed),
                   "--check", "full", "--inputs", kinds[job % len(kinds)], "--peaks", "none"]
        command += ["--device", args.device] if args.device else []
        command += ["--variants", args.variants] if args.variants else []
        command += ["--deadline", args.deadline] if args.deadline else []
        command += ["--budget", args.budget] if args.budget else []
        if args.oclgrind:
            command = ["oclgrind", "--data-races", "--check-api", "--local-mem-size", "65536",
                       "--log", f"{folder}/{job}.log"] + command
        runs.append((suite, out, command, subprocess.Popen(command, stdout=subprocess.DEVNULL)))

    counts, bad, faults, tight = {}, 0, 0, {}
    for suite, out, command, process in runs:
        code = process.wait()
        log = out.replace("-results.json", ".log")
        if args.oclgrind and os.path.exists(log) and os.path.getsize(log):
            with open(log, encoding="utf-8", errors="replace") as file:
                print(f"Oclgrind reports:\n{file.read(4000)}")
            bad += 1
        if code == 4:
            print("no OpenCL device")
            return 77
        with open(out, encoding="utf-8") as file:
            results = json.load(file)
        if len(results["rows"]) != results["run"]["planned_cells"]:
            print(f"{suite}: {len(results['rows'])} rows, {results['run']['planned_cells']} cells")
            bad += 1
        for row in results["rows"]:
            key = row["variant"], row["status"]
            counts[key] = counts.get(key, 0) + 1
            if row["status"] == "ok":
                kind = row["variant"], row["problem"].get("dtype", "f32")
                tight[kind] = max(tight.get(kind, 0), row["check"]["err_over_tolerance"] or 0)
            if row["status"] not in ("ok", "unsupported"):
                faults += 1
                bad += not args.any_status or not row["reason"]
                if faults <= 10:
                    print(f"{row['status']}: {row['variant']} {row['cell']}: {row['reason']}\n"
                          f"  {' '.join(command[command.index(args.attnbench):][:3])} "
                          f"--inputs {command[command.index('--inputs') + 1]} --filter '"
                          f"{row['cell'].translate(str.maketrans({c: '.' for c in '()+'}))}"
                          f" {row['variant']}'")
    for (variant, status), count in sorted(counts.items()):
        print(f"{variant:12} {status:12} {count}")
    for (variant, dtype), ratio in sorted(tight.items()):
        print(f"{variant:12} {dtype:5} largest error over tolerance {ratio:.3f}")
    if bad or not any(status == "ok" for _, status in counts):
        print(f"FAILED: {bad} rows; seed {seed}; suites in {folder}")
        return 1
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
    os.rmdir(folder)
    print(f"{sum(counts.values()) - faults} rows right or unsupported, {faults} with a reason why not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
