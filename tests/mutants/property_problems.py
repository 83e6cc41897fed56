#!/usr/bin/env python3
"""Every mutant is called wrong by the problems that the property test draws.

property_problems.py [--list FILE] [--only TEXT] [--device D] [--count 2048] [--seed S]

Problems come in groups that share their builds, as there; every other group has ordinary inputs,
the others the adversarial kinds in turn. A mutant that was found takes no part in later groups, and
what is printed of it is how many problems that took.
"""
import argparse
import pathlib
import random
import sys
import tempfile

import mutation

sys.path.insert(0, str(mutation.SOURCE / "tests/device"))
import property as drawn  # noqa: E402

ADVERSARIAL = ["large", "dominant", "equal", "tiny"]


def find(mutants, problems, kind, options, folder):
    """The first problem's index that each mutant is wrong on."""
    jobs = []
    for half in (0, 1):
        names = [mutant["name"] for mutant in mutants[half::2]]
        if names:
            sweeps = [(str(i), problem, names) for i, problem in enumerate(problems)]
            jobs.append((f"half{half}", mutation.make_suite(sweeps), ["--inputs", kind, *options]))
    first = {}
    for rows in mutation.run_parallel(jobs, folder).values():
        for row in rows:
            if row["status"] == "wrong":
                index = min(int(sweep.split("/", 1)[1]) for sweep in row["sweeps"])
                first[row["variant"]] = min(index, first.get(row["variant"], index))
    return first


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", default=mutation.HERE / "mutants.json")
    parser.add_argument("--only")
    parser.add_argument("--device")
    parser.add_argument("--count", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    mutants = mutation.load(args.list, args.only)
    print(f"seed {seed}, at most {args.count} problems, {len(mutants)} mutants", flush=True)
    left, after = list(mutants), {}
    with tempfile.TemporaryDirectory(prefix="attnbench-mutants-") as temporary:
        folder = pathlib.Path(temporary)
        mutation.build_all(mutants, folder / "kernels")
        options = ["--kernels", str(folder / "kernels"), "--seed", str(seed)]
        options += ["--device", args.device] if args.device else []
        for group in range(args.count // drawn.GROUP):
            build, padded = drawn.draw_build(rng)
            problems = [drawn.draw_problem(rng, build, padded) for _ in range(drawn.GROUP)]
            kind = ADVERSARIAL[group // 2 % len(ADVERSARIAL)] if group % 2 else "random"
            for name, index in find(left, problems, kind, options, folder).items():
                after[name] = group * drawn.GROUP + index + 1
                print(f"{after[name]:6}  {name} ({kind})", flush=True)
            left = [mutant for mutant in left if mutant["name"] not in after]
            if not left:
                break
    for mutant in left:
        print(f"NOT FOUND  {mutant['name']}: {mutant['mistake']}")
    counts = sorted(after.values())
    for limit in (32, 96, 256, 1024, 2048):
        print(f"within {limit:4} problems: {sum(count <= limit for count in counts)}")
    return 1 if left or not mutants else 0


sys.exit(main())
