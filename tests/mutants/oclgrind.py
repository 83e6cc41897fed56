#!/usr/bin/env python3
"""Every variant under Oclgrind, whose log must stay empty, and bugs that it must report.

oclgrind.py clean     edge shapes, all checks on; tunings small enough for a simulator
oclgrind.py bugs      each bug of bugs.json makes the log say what its "report" expects
oclgrind.py small     16 KiB of local memory, work-groups of 16 or 64: right or unsupported

Oclgrind's exit status is the program's own, so the log is what counts.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

import mutation

# Variants that are not listed run as they are tuned for GPUs, which takes a simulator long.
SMALL = {
    "naive": {"WG": 16},
    "tiled": {"TILE_M": 16, "TILE_N": 16, "TILE_K": 16, "GRID_M": 4, "GRID_N": 4,
              "SOFTMAX_WG": 16},
    "fused": {"BLOCK_Q": 8, "BLOCK_KV": 16, "GRID_M": 4, "GRID_N": 4, "CHUNK": 8},
    "fused_tiled": {"BLOCK_Q": 16, "BLOCK_KV": 16, "GRID_M": 4, "GRID_N": 4, "CHUNK": 4,
                    "Q_RESIDENT": 1, "PREFETCH": 0},
    "fused_vector": {"VEC": 4, "VECS": 2, "ROWS": 4, "BLOCK_Q": 12},
    "split_kv": {"WG": 16, "LANES": 4, "BLOCK_KV": 32, "BLOCK_ROWS": 4, "VEC": 4, "SPLIT": 128},
    "clblast": {"SOFTMAX_WG": 16},
}
# Oclgrind 21.10 does not know an instruction of optimised code, and finds undefined values there.
ALL_CHECKS = ["--build-options", "-cl-opt-disable", "--data-races", "--uninitialized",
              "--check-api"]
# 1, primes, and one around the tiles of 8 and 16 above.
EDGES = [{"n_q": q, "n_kv": kv} for q, kv in [(1, 1), (1, 17), (7, 15), (8, 16), (9, 31), (17, 7)]]
FEATURES = [
    {"d_k": 5, "d_v": 17, "mask": "causal"},
    {"d_k": 16, "mask": "window", "window_left": 3, "window_right": 2, "sink": True, "softcap": 5},
    {"d_k": 7, "dtype": "f16", "layout": "bnhd", "heads_q": 2, "heads_kv": 1, "bias": "float",
     "bias_shape": "1hqk"},
    {"d_k": 9, "dtype": "bf16", "bias": "alibi", "batch": 2, "returns": "weights"},
]


# Every operation beside attention, with what computes it or stands in its frame.
OPERATIONS = [
    {"op": "mha", "heads": 2, "d_k": 5, "n": 9, "position": "rope", "biases": True},
    {"op": "mha", "d_k": 6, "n": 9, "position": "relative", "layout": "bnhd", "dtype": "f16"},
    {"op": "encoder_layer", "heads": 2, "d_k": 4, "n": 7, "layers": 2, "position": "sinusoidal",
     "biases": True, "activation": "gelu", "d_ff": 9},
    {"op": "decoder_layer", "heads": 2, "d_k": 4, "n_q": 5, "n_kv": 7, "mask": "causal",
     "layer_norm": "pre", "dtype": "bf16", "d_ff": 9},
    {"op": "rnn", "n": 4, "d_model": 7, "rnn_cell": "lstm", "batch": 2},
    {"op": "rnn", "n": 4, "d_model": 16, "rnn_cell": "gru", "dtype": "f16"},
    {"op": "bahdanau", "n_q": 3, "n_kv": 5, "d_model": 7, "d_k": 9, "batch": 2},
]


def variants():
    """Those of attention."""
    return sorted(path.parent.name for path in mutation.KERNELS.glob("*/variant.json")
                  if "op" not in json.loads(path.read_text())["supports"])


def reports_of(log):
    """The reports that name no kernel or one of ours, and how many name others: a library's
    kernels are not ours to mend."""
    ours = set()
    for path in [*mutation.KERNELS.glob("*/*.cl"), *mutation.KERNELS.glob("include/*.clh")]:
        ours |= set(re.findall(r"__kernel\b[^{;]*?\bvoid\s+(\w+)", path.read_text()))
    kept, others = [], 0
    for report in re.split(r"\n\s*\n(?=\S)", log):
        kernel = re.search(r"Kernel:\s*(\w+)", report)
        if kernel and kernel.group(1) not in ours:
            others += 1
        elif report.strip():
            kept.append(report)
    return "\n".join(kept), others


def run(name, sweeps, folder, checks, *options):
    """Rows and reports of one run."""
    suite, out, log = (folder / f"{name}.{end}" for end in ("json", "results.json", "log"))
    suite_object = mutation.make_suite(sweeps)
    suite_object["deadlines"] = {"build_s": 300, "run_s": 600}
    mutation.write_json(suite, suite_object)
    process = mutation.start(suite, out, *options, prefix=[
        "oclgrind", "--num-threads", "1", *checks, "--log", str(log)])
    rows = mutation.finish(process, out)
    # What a call of the API did wrong goes to the worker's output, with what the compiler says.
    said = "".join(filter(lambda text: "Oclgrind" in text,
                          (row["worker_output"] or "" for row in rows)))
    return rows, said + (log.read_text(errors="replace") if log.exists() else "")


def side_by_side(jobs):
    """Calls two at a time; yields (what it was called with, what came back) in order."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from zip(jobs, pool.map(lambda job: run(*job), jobs))


def report_run(name, rows, log):
    """One line, and the number of things that are not as they should be."""
    log, others = reports_of(log)
    bad = [row for row in rows if row["status"] not in ("ok", "unsupported")]
    counts = collections.Counter(row["status"] for row in rows)
    print(f"{name:24} " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) +
          f", {len(log)} bytes of reports" +
          (f", {others} on the library's kernels" if others else ""), flush=True)
    for row in bad[:3]:
        print(f"    {row['status']} {row['variant']} {row['cell']}: {row['reason']}")
    if log:
        print("\n".join(f"    {line}" for line in log[:1000].splitlines()))
    return len(bad) + bool(log)


def clean(folder):
    tuned = [{"name": f"small_{variant}", "variant": variant, "tuning": SMALL[variant]}
             for variant in variants() if variant in SMALL]
    mutation.build_all(tuned, folder / "kernels")
    names = [one["name"] for one in tuned] + [v for v in variants() if v not in SMALL]
    sweeps = {name: [(f"{f}-{e}", {**feature, **edge}, [name])
                     for f, feature in enumerate(FEATURES) for e, edge in enumerate(EDGES)]
              for name in names}
    sweeps["operations"] = [(str(i), one, ["small_naive", "rnn_steps", "rnn_persistent", "additive"])
                            for i, one in enumerate(OPERATIONS)]
    names.append("operations")
    # A worker for each cell: Oclgrind 21.10 takes a buffer at a released one's address for
    # uninitialised.
    jobs = [(name, sweeps[name], folder, [*ALL_CHECKS, "--local-mem-size", "65536"],
             "--isolate", "cell", "--kernels", str(folder / "kernels")) for name in names]
    bad = 0
    for job, (rows, log) in side_by_side(jobs):
        bad += report_run(job[0], rows, log)
        if not any(row["status"] == "ok" for row in rows):
            print(f"{job[0]} was never tried")
            bad += 1
    return bad


def bugs(folder):
    listed = mutation.load(mutation.HERE / "bugs.json")
    mutation.build_all(listed, folder / "kernels")
    jobs = [(bug["name"], [("bug", bug["problem"], [bug["name"]])], folder,
             [*ALL_CHECKS, "--local-mem-size", "65536"], "--kernels", str(folder / "kernels"))
            for bug in listed]
    missed = 0
    for bug, (_, (_, log)) in zip(listed, side_by_side(jobs)):
        found = re.search(f".*{bug['report']}.*", log)
        print(f"{bug['name']:34} {'found' if found else 'MISSED'}  {bug['mistake']}", flush=True)
        if not found:
            print(f"    expected {bug['report']} in: {log[:600]}")
        missed += not found
    return missed


def small(folder):
    problems = [{**edge, **feature, "d_k": d_k} for edge in EDGES[2:5] for feature in FEATURES[:2]
                for d_k in (16, 64)]
    sweeps = [(str(i), problem, None) for i, problem in enumerate(problems)]
    devices = {"local memory 16 KiB": ["--local-mem-size", "16384"],
               "groups of 64": ["--local-mem-size", "65536", "--max-wgsize", "64"],
               "groups of 16": ["--local-mem-size", "65536", "--max-wgsize", "16"],
               "both": ["--local-mem-size", "16384", "--max-wgsize", "16"]}
    jobs = [(name.replace(" ", "-"), sweeps, folder, ["--data-races", "--check-api", *options])
            for name, options in devices.items()]
    return sum(report_run(job[0], rows, log) for job, (rows, log) in side_by_side(jobs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["clean", "bugs", "small"])
    args = parser.parse_args()
    if not shutil.which("oclgrind"):
        print("oclgrind is not installed")
        return mutation.SKIP
    os.environ["ATTNBENCH_BARE_BUFFERS"] = "1"
    with tempfile.TemporaryDirectory(prefix="attnbench-oclgrind-") as temporary:
        bad = {"clean": clean, "bugs": bugs, "small": small}[args.what](pathlib.Path(temporary))
    print(f"{bad} failures")
    return 1 if bad else 0


sys.exit(main())
