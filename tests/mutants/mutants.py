#!/usr/bin/env python3
"""Every mutant is called wrong on the problem it names, where the variant it is made from is right.

mutants.py [--list FILE] [--only TEXT] [--device D] [--keep]

ATTNBENCH names the binary and ATTNBENCH_SOURCE the repository.
"""
import argparse
import collections
import os
import pathlib
import sys
import tempfile

import mutation

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("ATTNBENCH_SOURCE", HERE.parents[1]))
PROGRAM = os.environ.get("ATTNBENCH", str(SOURCE / "build/release/attnbench"))


def run_kinds(mutants, folder, options):
    """One run for each kind of inputs, two at a time; yields the results' paths by kind."""
    kinds = collections.defaultdict(list)
    for mutant in mutants:
        kinds[mutant.get("inputs", "random")].append(mutant)
    jobs = [(f"{kind}-{part}", kind, part_of) for kind, of_kind in kinds.items()
            for part, part_of in enumerate([of_kind[0::2], of_kind[1::2]]) if part_of]
    jobs.sort(key=lambda job: -len(job[2]))
    running = []
    rows = []

    def finish():
        out, process = running.pop(0)
        if process.wait() == mutation.NO_DEVICE:
            print("no OpenCL device")
            sys.exit(77)
        rows.extend(mutation.rows_of(out))

    for name, kind, part in jobs:
        suite, out = folder / f"{name}.json", folder / f"{name}-results.json"
        mutation.write_json(suite, mutation.make_suite(
            [(m["name"], m["problem"], [mutation.control(m)["name"], m["name"]]) for m in part]))
        running.append((out, mutation.start(PROGRAM, suite, out, "--inputs", kind, *options)))
        if len(running) == 2:
            finish()
    while running:
        finish()
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", default=HERE / "mutants.json")
    parser.add_argument("--only")
    parser.add_argument("--device")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attnbench-mutants-") as temporary:
        folder = pathlib.Path(temporary)
        mutants = mutation.load(args.list, args.only)
        mutation.build_all(mutants, SOURCE / "kernels", folder / "kernels")
        options = ["--kernels", str(folder / "kernels")]
        options += ["--device", args.device] if args.device else []
        rows = run_kinds(mutants, folder, options)

    bad = 0
    by_sweep = {(sweep.split("/", 1)[1], row["variant"]): row
                for row in rows for sweep in row["sweeps"]}
    for mutant in mutants:
        row = by_sweep[mutant["name"], mutant["name"]]
        right = by_sweep[mutant["name"], mutation.control(mutant)["name"]]
        caught = row["status"] == "wrong"
        tuned = all(r["tuning"][key] == value for r in (row, right)
                    for key, value in mutant.get("tuning", {}).items())
        ratio = row["check"]["err_over_tolerance"] if row["check"] else None
        print(f"{mutant['name']:36} {row['status']:8} "
              f"{'' if ratio is None else f'{ratio:<10.3g}'}{mutant['mistake']}")
        if not caught:
            print(f"    SURVIVES on {row['cell']}: {row['reason']}")
        if right["status"] != "ok":
            print(f"    its control {right['variant']} is {right['status']}: {right['reason']}")
        if not tuned:
            print(f"    ran with another tuning: {row['tuning']}")
        bad += not (caught and tuned and right["status"] == "ok")
    print(f"{len(mutants)} mutants, {bad} failures")
    return 1 if bad or not mutants else 0


sys.exit(main())
