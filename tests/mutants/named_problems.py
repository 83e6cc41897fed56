#!/usr/bin/env python3
"""Every mutant is called wrong on the problem it names, where the variant it is made from is right.

named_problems.py [--list FILE] [--only TEXT] [--device D]
"""
import argparse
import collections
import pathlib
import sys
import tempfile

import mutation


def make_jobs(mutants, options):
    """A run has inputs of one kind; the largest kind is shared out over two."""
    by_kind = collections.defaultdict(list)
    for mutant in mutants:
        by_kind[mutant.get("inputs", "random")].append(mutant)
    parts = [(f"{kind}-{half}", kind, of_kind[half::2])
             for kind, of_kind in by_kind.items() for half in (0, 1)]
    return [(name, mutation.make_suite([(m["name"], m["problem"],
                                         [mutation.control(m)["name"], m["name"]])
                                        for m in part]),
             ["--inputs", kind, *options])
            for name, kind, part in sorted(parts, key=lambda p: -len(p[2])) if part]


def judge(mutant, row, right):
    """What is not as it should be with a mutant's row and its control's."""
    tuning = mutant.get("tuning", {})
    if row["status"] != "wrong":
        yield f"SURVIVES as {row['status']} on {row['cell']}: {row['reason']}"
    if right["status"] != "ok":
        yield f"its control {right['variant']} is {right['status']}: {right['reason']}"
    for one in (row, right):
        if one["tuning"] and any(one["tuning"][key] != tuning[key] for key in tuning):
            yield f"{one['variant']} ran with another tuning: {one['tuning']}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", default=mutation.HERE / "mutants.json")
    parser.add_argument("--only")
    parser.add_argument("--device")
    args = parser.parse_args()
    mutants = mutation.load(args.list, args.only)
    with tempfile.TemporaryDirectory(prefix="attnbench-mutants-") as temporary:
        folder = pathlib.Path(temporary)
        mutation.build_all(mutation.tuned_controls(mutants) + mutants, folder / "kernels")
        options = ["--kernels", str(folder / "kernels")]
        options += ["--device", args.device] if args.device else []
        runs = mutation.run_parallel(make_jobs(mutants, options), folder)
    rows = {(sweep.split("/", 1)[1], row["variant"]): row
            for of_run in runs.values() for row in of_run for sweep in row["sweeps"]}

    failures = 0
    for mutant in mutants:
        name = mutant["name"]
        row, right = rows[name, name], rows[name, mutation.control(mutant)["name"]]
        ratio = (row["check"] or {}).get("err_over_tolerance")
        print(f"{name:36} {row['status']:8} {float('inf') if ratio is None else ratio:8.2g}  "
              f"{mutant['mistake']}")
        complaints = list(judge(mutant, row, right))
        for complaint in complaints:
            print(f"    {complaint}")
        failures += bool(complaints)
    print(f"{len(mutants)} mutants, {failures} failures")
    return 1 if failures or not mutants else 0


sys.exit(main())
