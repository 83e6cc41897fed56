#!/usr/bin/env python3
"""The checker checked from both sides: wrong kernels are wrong wherever it matters, right ones never.

corpus.py                  all mutants and controls, in every dtype and shape: some 20 minutes
corpus.py --fast           a part of them, dtypes and shapes in turns: about a minute
corpus.py --only TEXT      those whose name contains TEXT
    [--device D] [--dtypes f32,f16] [--shapes own,8k] [--keep FOLDER] [--list]

Wrong kernels: mutants.json, operations.json and mutants_long.json (mutation.py says what an entry holds,
and of these:
    dtypes    in which it is exercised; all three otherwise
    shapes    the names below for which it is; all that fit its problem otherwise
    always    it must be wrong wherever it runs, though its output may be right: mistakes of memory
              and of launches
    samples   how many timed launches it takes to show).
Right kernels: controls.json, with "how" they differ in place of a mistake.

A mistake is *material* where the error energy of the output (the row's NMSE against the reference)
is over 20 times that of the variant that it is made from, on the same inputs: rounding P to 16 bits
doubles it, a store that truncates makes it 4 times. There it must be called wrong. At the end stand
two numbers, of false ok and of false wrong; the exit status is 1 unless both are 0.

In the table a column is a shape, and each of its marks a dtype (f32, f16, bf16):
    W  wrong, as it must be          w  wrong, though immaterial
    -  ok, and immaterial            .  not run: the dtype is not its, or the variant does not support it
    X  FALSE OK                      !  crashed, timed out, failed: not ok, so it deceives nobody
of a right kernel:  ok  -   FALSE WRONG  X   failed  !
"""
import argparse
import collections
import json
import math
import pathlib
import sys
import tempfile

import mutation

DTYPES = ["f32", "f16", "bf16"]
# Lengths; what else a problem has is the mutant's. `own` is its problem as it stands.
SHAPES = {
    "own": None,
    "prefill": {"n_q": 100, "n_kv": 100},
    "decode": {"n_q": 3, "n_kv": 700},
    "8k": {"n_q": 2, "n_kv": 8192},
    "32k": {"n_q": 2, "n_kv": 32768},
    "128k": {"n_q": 1, "n_kv": 131072},
}
MATERIAL = 20
LEAST_NMSE = 1e-16  # of a right kernel whose output happens to be exact
FRAMED = "naive,rnn_steps,rnn_persistent,additive"  # what computes operations, or stands in frames
FAST_SHAPES = ["prefill", "8k", "32k", "decode"]


def load(only):
    wrong = [m for name in ("mutants.json", "operations.json", "mutants_long.json")
             for m in mutation.load(mutation.HERE / name)]
    right = [{**c, "right": True} for c in mutation.load(mutation.HERE / "controls.json")]
    for mutant in wrong + right:
        if "own" in shapes_of(mutant) and not {"n", "n_q"} & set(mutant["problem"]):
            sys.exit(f"{mutant['name']}: its problem has no length of its own")
    return [m for m in wrong + right if not only or only in m["name"]]


def is_operation(mutant):
    return "op" in mutant["problem"]


def shapes_of(mutant):
    """Those that its problem can have."""
    if "shapes" in mutant:
        return mutant["shapes"]
    problem = mutant["problem"]
    has_own = any(key in problem for key in ("n", "n_q"))
    if is_operation(mutant) or "kv_lengths" in problem:
        return ["own"]
    few_rows = mutant["variant"] == "split_kv"
    return [name for name in SHAPES
            if (name != "own" or has_own) and not (name == "prefill" and few_rows)]


def problem_of(mutant, shape, dtype):
    problem = dict(mutant["problem"])
    if SHAPES[shape]:
        problem = {k: v for k, v in problem.items() if k not in ("n", "n_q", "n_kv")}
        problem.update(SHAPES[shape])
    return {**problem, "dtype": dtype}


def cases_of(mutant, args):
    """(shape, dtype) pairs in which it is exercised."""
    dtypes = mutant.get("dtypes") or ([mutant["problem"]["dtype"]] if "dtype" in mutant["problem"]
                                      else DTYPES)
    return [(shape, dtype) for shape in shapes_of(mutant) for dtype in dtypes
            if dtype in args.dtypes and shape in args.shapes]


def thin_out(mutants, args):
    """--fast: one mutant in four and one control in three, each in one dtype and shape, in turns; of
    the memory's mistakes all, in one dtype."""
    chosen = []
    for i, mutant in enumerate(mutants):
        keep = mutant.get("always") or i % (3 if mutant.get("right") else 6) == 0
        cases = cases_of(mutant, args)
        if keep and cases:
            fast = [c for c in cases if c[0] in FAST_SHAPES] or cases
            chosen.append((mutant, [fast[(i // 3 * 7) % len(fast)]]))
    return chosen


# ---- runs ----------------------------------------------------------------------------------------

def suite_of(chosen, name_of):
    """A sweep for each problem, with all that run it: they share the reference."""
    by_problem = collections.defaultdict(set)
    for mutant, cases in chosen:
        for shape, dtype in cases:
            problem = json.dumps(problem_of(mutant, shape, dtype), sort_keys=True)
            by_problem[problem] |= set(name_of(mutant))
    suite = mutation.make_suite([(str(i), json.loads(problem), sorted(names) or None)
                                 for i, (problem, names) in enumerate(by_problem.items())])
    suite["deadlines"] = {"build_s": 600, "run_s": 600}  # PoCL may compile for a minute
    samples = max(mutant.get("samples", 1) for mutant, _ in chosen)
    suite["measure"] = {**suite["measure"], "min_samples": samples,
                        "max_time_s": 0.001 if samples == 1 else 2}
    return suite


def jobs(chosen, folder, options):
    """(name, suite, options) of each run. Mistakes of memory have a process to themselves, so that
    they disturb nobody; so has each operation, whose mutant takes the place of the folder."""
    shared = collections.defaultdict(list)
    for mutant, cases in chosen:
        kind = mutant.get("inputs", "random")
        if is_operation(mutant):
            place = folder / f"{mutant['name']}-kernels"
            place.mkdir()
            mutation.build({**mutant, "name": mutant["variant"]}, place)
            extra = ["--kernels", str(place), "--inputs", kind, "--variants", FRAMED]
            yield mutant["name"], suite_of([(mutant, cases)], lambda m: []), [*extra, *options]
            plain = {**mutant, "variant": mutant["variant"]}
            yield (f"{mutant['name']}-right", suite_of([(plain, cases)], lambda m: []),
                   ["--inputs", kind, "--variants", FRAMED, *options])
        else:
            shared[kind, mutant["name"] if mutant.get("always") else ""].append((mutant, cases))
    for (kind, alone), part in shared.items():
        parts = [part] if alone else [part[0::4], part[1::4], part[2::4], part[3::4]]
        for i, some in enumerate(parts):
            if some:
                yield (f"{alone or kind}-{i}",
                       suite_of(some, lambda m: [m["name"], mutation.control(m)["name"]]),
                       ["--kernels", str(folder / "kernels"), "--inputs", kind, *options])


def key_of(problem):
    """What a row's problem and ours have in common."""
    return json.dumps(problem, sort_keys=True)


def run_all(chosen, folder, options):
    """Rows by (run, problem, variant)."""
    attention = [m for m, _ in chosen if not is_operation(m)]
    mutation.build_all(mutation.tuned_controls(attention) + attention, folder / "kernels")
    planned = sorted(jobs(chosen, folder, ["--peaks", "none", *options]),
                     key=lambda job: -len(job[1]["sweeps"]))
    rows = {}
    for name, run_rows in mutation.run_parallel(planned, folder).items():
        sweeps = next(suite for job, suite, _ in planned if job == name)["sweeps"]
        problems = {sweep["name"]: key_of({k: v[0] for k, v in sweep["axes"].items()})
                    for sweep in sweeps}
        for row in run_rows:
            for sweep in row["sweeps"]:
                rows[name, problems[sweep.split("/", 1)[1]], row["variant"]] = row
    return rows


def rows_of(rows, mutant, shape, dtype):
    """The mutant's row and that of what it is made from."""
    problem = key_of(problem_of(mutant, shape, dtype))
    if is_operation(mutant):
        own = mutant["variant"] if mutant["variant"] in FRAMED.split(",") else "naive"
        return (rows[mutant["name"], problem, own], rows[f"{mutant['name']}-right", problem, own])
    kind = mutant.get("inputs", "random")
    run = next(run for run, p, variant in rows
               if p == problem and variant == mutant["name"] and
               run.startswith((f"{kind}-", mutant["name"])))
    return rows[run, problem, mutant["name"]], rows[run, problem, mutation.control(mutant)["name"]]


# ---- judging -------------------------------------------------------------------------------------

def nmse(row):
    """Infinite where it was not measured: without a check, or of an output with NaN in it, whose
    other elements it may have been measured of."""
    value = (row.get("check") or {}).get("nmse")
    return math.inf if value is None or "NaN" in (row["reason"] or "") else value


def is_material(mutant, row, right):
    return bool(mutant.get("always")) or nmse(row) > MATERIAL * max(nmse(right), LEAST_NMSE)


def mark(mutant, row, right):
    """The mark in the table; "X" is a false verdict."""
    if row["status"] in ("unsupported", "skipped"):
        return "."
    if row["status"] not in ("ok", "wrong"):
        return "!"
    wrong = row["status"] == "wrong"
    if mutant.get("right"):
        return "X" if wrong else "-"
    material = is_material(mutant, row, right)
    return ("W" if material else "w") if wrong else "X" if material else "-"


def describe(mutant, shape, dtype, row, right):
    return (f"{row['status']} {mutant['name']} {dtype} {shape}: nmse {nmse(row):.2g}, of "
            f"{right['variant']} {nmse(right):.2g}" + (f"; {row['reason']}" if row["reason"] else ""))


def show(chosen, rows):
    """The table; returns the false ok, the false wrong, and what failed."""
    false_ok, false_wrong, failed, immaterial = [], [], [], []
    print(f"{'':42}" + "".join(f"{name:8}" for name in SHAPES))
    for mutant, cases in chosen:
        marks, matters = {}, False
        for shape, dtype in cases:
            row, right = rows_of(rows, mutant, shape, dtype)
            marks[shape, dtype] = letter = mark(mutant, row, right)
            line = describe(mutant, shape, dtype, row, right)
            if letter == "X":
                (false_wrong if mutant.get("right") else false_ok).append(line)
            if letter == "!":
                failed.append(line)
            if right["status"] == "wrong":
                false_wrong.append(f"what {mutant['name']} is made from: {line}")
            matters = matters or letter in "WX!"
        if not matters and not mutant.get("right"):
            immaterial.append(mutant["name"])
        print(f"{mutant['name']:42}" +
              "".join("".join(marks.get((shape, dtype), ".") for dtype in DTYPES) + "     "
                      for shape in SHAPES) + mutant.get("mistake", mutant.get("how", "")))
    for title, lines in (("failed", failed), ("FALSE OK", false_ok), ("FALSE WRONG", false_wrong)):
        for line in lines:
            print(f"{title}: {line}")
    if immaterial:
        print("material nowhere that was run: " + ", ".join(immaterial))
    return false_ok, false_wrong, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--device")
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--keep", help="a new folder for suites, kernels and results")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    args = parser.parse_args()
    args.dtypes, args.shapes = args.dtypes.split(","), args.shapes.split(",")
    mutants = load(args.only)
    chosen = thin_out(mutants, args) if args.fast else [(m, cases_of(m, args)) for m in mutants]
    chosen = [(mutant, cases) for mutant, cases in chosen if cases]
    count = sum(len(cases) for _, cases in chosen)
    wrong = [m for m, _ in chosen if not m.get("right")]
    print(f"{len(wrong)} wrong kernels and {len(chosen) - len(wrong)} right ones, {count} cells")
    if args.list or not chosen:
        return 0 if chosen else 1
    options = ["--device", args.device] if args.device else []
    with tempfile.TemporaryDirectory(prefix="attnbench-corpus-") as temporary:
        folder = pathlib.Path(args.keep or temporary)
        folder.mkdir(exist_ok=True)
        rows = run_all(chosen, folder, options)
        false_ok, false_wrong, failed = show(chosen, rows)
    print(f"false ok: {len(false_ok)}\nfalse wrong: {len(false_wrong)}")
    if failed:
        print(f"neither: {len(failed)}")
    return 1 if false_ok or false_wrong else 0


sys.exit(main())
