#!/usr/bin/env python3
"""Every variant on small devices, which Oclgrind plays: 16 KiB of local memory, work-groups of 16 or
64. Each cell is right or unsupported, and the log stays empty. What attnbench lint finds is tested in
lint.py.

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

# 1, primes, and one around the tiles of 8 and 16 above.
EDGES = [{"n_q": q, "n_kv": kv} for q, kv in [(1, 1), (1, 17), (7, 15), (8, 16), (9, 31), (17, 7)]]
FEATURES = [
    {"d_k": 5, "d_v": 17, "mask": "causal"},
    {"d_k": 16, "mask": "window", "window_left": 3, "window_right": 2, "sink": True, "softcap": 5},
    {"d_k": 7, "dtype": "f16", "layout": "bnhd", "heads_q": 2, "heads_kv": 1, "bias": "float",
     "bias_shape": "1hqk"},
    {"d_k": 9, "dtype": "bf16", "bias": "alibi", "batch": 2, "returns": "weights"},
]



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
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not shutil.which("oclgrind"):
        print("oclgrind is not installed")
        return mutation.SKIP
    os.environ["ATTNBENCH_BARE_BUFFERS"] = "1"
    with tempfile.TemporaryDirectory(prefix="attnbench-oclgrind-") as temporary:
        bad = small(pathlib.Path(temporary))
    print(f"{bad} failures")
    return 1 if bad else 0


sys.exit(main())
