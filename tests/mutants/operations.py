#!/usr/bin/env python3
"""Mutants of operations beside attention are called wrong where the right kernels are right.

operations.py [--only TEXT] [--device D]

Frames have no cells of their own, so a mutant takes the place of the folder that it is made from.
"""
import argparse
import pathlib
import sys
import tempfile

import mutation

# One attention variant in the frames; what computes an operation by itself is taken as well.
VARIANTS = "naive,rnn_steps,rnn_persistent,additive"


def kind_of(mutant):
    return mutant.get("inputs", "random")


def jobs(mutants, folder, options):
    """A run for each mutant, and of the right kernels one for each kind of inputs."""
    for mutant in mutants:
        place = folder / mutant["name"]
        place.mkdir()
        mutation.build({**mutant, "name": mutant["variant"]}, place)
        yield (mutant["name"], mutation.make_suite([(mutant["name"], mutant["problem"], None)]),
               ["--kernels", str(place), "--inputs", kind_of(mutant), *options])
    for kind in sorted(set(map(kind_of, mutants))):
        yield (f"right-{kind}",
               mutation.make_suite([(m["name"], m["problem"], None) for m in mutants
                                    if kind_of(m) == kind]), ["--inputs", kind, *options])


def row_of(rows, mutant):
    """Of what computes the operation: the mutant's own folder, or what stands in the frame."""
    own = mutant["variant"] if mutant["variant"] in VARIANTS else "naive"
    return next(row for row in rows if row["variant"] == own and
                any(sweep.endswith("/" + mutant["name"]) for sweep in row["sweeps"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--device")
    args = parser.parse_args()
    mutants = mutation.load(mutation.HERE / "operations.json", args.only)
    options = ["--variants", VARIANTS, "--peaks", "none"]
    options += ["--device", args.device] if args.device else []
    with tempfile.TemporaryDirectory(prefix="attnbench-operations-") as temporary:
        folder = pathlib.Path(temporary)
        runs = mutation.run_parallel(jobs(mutants, folder, options), folder)
    failures = 0
    for mutant in mutants:
        row, right = (row_of(runs[run], mutant)
                      for run in (mutant["name"], f"right-{kind_of(mutant)}"))
        ratio, margin = ((r.get("check") or {}).get("err_over_tolerance") for r in (row, right))
        print(f"{mutant['name']:24} {row['status']:6} {float('inf') if ratio is None else ratio:8.2g}  "
              f"right {margin or 0:.2g}  {mutant['mistake']}")
        if row["status"] != "wrong" or right["status"] != "ok" or margin > 0.5:
            print(f"    {row['status']}: {row['reason']}; right: {right['status']} {right['reason']}")
            failures += 1
    print(f"{len(mutants)} mutants, {failures} failures")
    return 1 if failures or not mutants else 0


sys.exit(main())
