"""Mutants: variants with a deliberate mistake, made from the real ones by exact edits.

A mutant is an object in a list like mutants.json:

    name      a variant's name; its folder is called so
    variant   the variant it is made from
    mistake   what is wrong with it, for people
    edits     [file, find, put]...: `find` occurs exactly once in that file of the variant or of
              kernels/include, white space aside, so that a reformatted kernel is still found. A
              shared file is changed in a copy that only the mutant sees
    like      another of the list, whose edits come first, and whose other members it has unless it
              gives them itself
    passes    the order in which its passes run, by their numbers in variant.json
    tuning    tunables that replace those of the variant's defaults, for paths that a CPU does not
              take by itself
    problem   problem keys
    inputs    their kind; random unless given
    dtypes, shapes, always, samples    see corpus.py

ATTNBENCH names the binary and ATTNBENCH_SOURCE the repository; ctest sets both.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("ATTNBENCH_SOURCE", HERE.parents[1]))
PROGRAM = os.environ.get("ATTNBENCH", str(SOURCE / "build/release/attnbench"))
KERNELS = SOURCE / "kernels"

NO_DEVICE, SKIP = 4, 77  # exit statuses: the program's, a test's
ONE_SAMPLE = {"min_samples": 1, "min_time_s": 0, "max_time_s": 0.001, "check": "full"}


class DoesNotApply(Exception):
    pass


def load(path, only=None):
    """The list in `path`, or those of it whose name contains `only`."""
    mutants = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    names = [mutant["name"] for mutant in mutants]
    if len(set(names)) != len(names):
        raise DoesNotApply(f"{path}: a name stands there twice")
    by_name = {mutant["name"]: mutant for mutant in mutants}
    for mutant in mutants:
        if "like" in mutant:  # another's edits first, and what it does not say itself
            base = by_name[mutant["like"]]
            mutant.update({**base, **mutant, "edits": base["edits"] + mutant["edits"]})
    return [mutant for mutant in mutants if not only or only in mutant["name"]]


def replace_once(text, find, put, where):
    pattern = r"\s+".join(map(re.escape, find.split()))
    count = len(re.findall(pattern, text))
    if count != 1:
        raise DoesNotApply(f'{where}: "{find}" occurs {count} times, not once; if the kernel has '
                           "changed, change the mutant")
    return re.sub(pattern, lambda _: put, text)


def build(mutant, folder):
    """Writes the mutant's folder below `folder`."""
    target = folder / mutant["name"]
    shutil.copytree(KERNELS / mutant["variant"], target)
    for file, find, put in mutant.get("edits", []):
        path = target / file
        if not path.exists():
            shutil.copy(KERNELS / "include" / file, path)
        path.write_text(replace_once(path.read_text(), find, put, f"{mutant['name']}: {file}"))
    path = target / "variant.json"
    variant = json.loads(path.read_text())
    variant["name"] = mutant["name"]
    for defaults in variant["defaults"].values():
        defaults.update(mutant.get("tuning", {}))
    variant["passes"] = [variant["passes"][i]
                         for i in mutant.get("passes", range(len(variant["passes"])))]
    write_json(path, variant)


def build_all(variants, folder):
    """Mutants and tuned controls, in one folder for --kernels; all that do not apply are named."""
    folder.mkdir()
    complaints = []
    for variant in variants:
        try:
            build(variant, folder)
        except DoesNotApply as complaint:
            complaints.append(str(complaint))
    if complaints:
        sys.exit("\n".join(complaints))


def control(mutant):
    """The right variant that a mutant is compared with: the built-in one, or one tuned alike."""
    tuning = mutant.get("tuning")
    if not tuning:
        return {"name": mutant["variant"], "variant": mutant["variant"]}
    values = "_".join(f"{key}{value}" for key, value in sorted(tuning.items()))
    return {"name": f"control_{mutant['variant']}_{values}", "variant": mutant["variant"],
            "tuning": tuning}


def tuned_controls(mutants):
    return list({c["name"]: c for c in map(control, mutants) if "tuning" in c}.values())


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def make_suite(sweeps):
    """`sweeps`: (name, problem, names of variants or None for all) each."""
    return {"format": "attnbench-suite", "version": 1, "name": "mutants", "measure": ONE_SAMPLE,
            "sweeps": [{"name": name, "axes": {key: [value] for key, value in problem.items()},
                        **({"variants": variants} if variants else {})}
                       for name, problem, variants in sweeps]}


def start(suite, out, *options, prefix=()):
    """Starts a run; `suite` is a path, results go to `out`."""
    return subprocess.Popen([*prefix, PROGRAM, "run", str(suite), "--quiet", "--no-lock", "--force",
                             "--out", str(out), *options], stdout=subprocess.DEVNULL)


def finish(process, out):
    """Waits for a run and returns its rows; all planned ones must be there."""
    if process.wait() == NO_DEVICE:
        print("no OpenCL device")
        sys.exit(SKIP)
    results = json.loads(out.read_text(encoding="utf-8"))
    if len(results["rows"]) != results["run"]["planned_cells"]:
        sys.exit(f"{out}: {len(results['rows'])} rows of {results['run']['planned_cells']} cells")
    return results["rows"]


def run_parallel(jobs, folder, limit=2):
    """`jobs`: (name, suite, options) each; their rows by name, `limit` runs at a time."""
    def run(job):
        name, suite, options = job
        path, out = folder / f"{name}.json", folder / f"{name}-results.json"
        write_json(path, suite)
        return name, finish(start(path, out, *options), out)
    with concurrent.futures.ThreadPoolExecutor(limit) as pool:
        return dict(pool.map(run, jobs))
