"""Mutants: variants with a deliberate mistake, made from the real ones by an exact edit.

A mutant is an object in a list like mutants.json:

    name      a variant's name; the folder is called so
    variant   the variant it is made from
    mistake   what is wrong with it, for people
    edits     [file, find, put]...: `find` occurs exactly once in that file of the variant or of
              kernels/include, white space aside, so that a reformatted kernel is still found. A
              shared file is changed in a copy that only the mutant sees
    passes    the order in which its passes run, by their numbers in variant.json
    tuning    tunables that replace those of the variant's defaults, for paths that this device does
              not take by itself
    problem   problem keys
    inputs    their kind; random unless given
"""
import json
import pathlib
import re
import shutil
import subprocess

NO_DEVICE = 4
ONE_SAMPLE = {"min_samples": 1, "min_time_s": 0, "max_time_s": 0.001, "check": "full"}


class DoesNotApply(Exception):
    pass


def load(path, only=None):
    """The list in `path`, or those of it whose name contains `only`."""
    mutants = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    names = [mutant["name"] for mutant in mutants]
    if len(set(names)) != len(names):
        raise DoesNotApply(f"{path}: a name stands there twice")
    return [mutant for mutant in mutants if not only or only in mutant["name"]]


def replace_once(text, find, put, where):
    pattern = r"\s+".join(map(re.escape, find.split()))
    count = len(re.findall(pattern, text))
    if count != 1:
        raise DoesNotApply(f"{where}: \"{find}\" occurs {count} times, not once; the kernel has "
                           "changed, so change the mutant")
    return re.sub(pattern, lambda _: put, text)


def build(mutant, kernels, folder):
    """Writes the mutant's folder below `folder`; `kernels` is the tree of right variants."""
    source, target = kernels / mutant["variant"], folder / mutant["name"]
    shutil.copytree(source, target)
    for file, find, put in mutant.get("edits", []):
        path = target / file
        if not path.exists():
            shutil.copy(kernels / "include" / file, path)
        path.write_text(replace_once(path.read_text(), find, put, f"{mutant['name']}: {file}"))
    path = target / "variant.json"
    variant = json.loads(path.read_text())
    variant["name"] = mutant["name"]
    for defaults in variant["defaults"].values():
        defaults.update(mutant.get("tuning", {}))
    variant["passes"] = [variant["passes"][i] for i in mutant.get("passes",
                                                                  range(len(variant["passes"])))]
    path.write_text(json.dumps(variant, indent=1))


def control(mutant):
    """The right variant that a mutant is compared with: the built-in one, or one tuned alike."""
    tuning = mutant.get("tuning")
    if not tuning:
        return {"name": mutant["variant"], "variant": mutant["variant"]}
    values = "_".join(f"{key}{value}" for key, value in sorted(tuning.items()))
    return {"name": f"control_{mutant['variant']}_{values}", "variant": mutant["variant"],
            "tuning": tuning}


def build_all(mutants, kernels, folder):
    """The mutants and their controls, in one folder for --kernels."""
    folder.mkdir()
    controls = {c["name"]: c for c in map(control, mutants) if "tuning" in c}
    for mutant in [*controls.values(), *mutants]:
        build(mutant, kernels, folder)


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def make_suite(sweeps):
    """`sweeps`: (name, problem, names of variants)."""
    return {"format": "attnbench-suite", "version": 1, "name": "mutants", "measure": ONE_SAMPLE,
            "sweeps": [{"name": name, "variants": variants,
                        "axes": {key: [value] for key, value in problem.items()}}
                       for name, problem, variants in sweeps]}


def start(program, suite, out, *options, prefix=()):
    """Starts a run; `suite` is a path, results go to `out`."""
    return subprocess.Popen([*prefix, program, "run", str(suite), "--quiet", "--out", str(out),
                             *options], stdout=subprocess.DEVNULL)


def rows_of(out):
    """The rows of a finished run; all planned ones must be there."""
    results = json.loads(pathlib.Path(out).read_text(encoding="utf-8"))
    if len(results["rows"]) != results["run"]["planned_cells"]:
        raise RuntimeError(f"{out}: {len(results['rows'])} rows of "
                           f"{results['run']['planned_cells']} cells")
    return results["rows"]
