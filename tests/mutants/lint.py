#!/usr/bin/env python3
"""attnbench lint finds seeded bugs, and nothing in the shipped variants.

lint.py bugs [--only TEXT]   each bug of bugs.json is found: its kind, file, line and kernel
lint.py quick                all variants, dtypes in turns: no finding
lint.py whole                all variants, each edge shape in each dtype: no finding

A bug is a mutant (mutation.py) with
    kind, kernel, file    what lint must say of it
    at                    a part of the line that it must name, as it reads after the edits
    edges                 which edge shapes, a regular expression; see DEFAULT_EDGES
    replaces              it takes the place of the variant that it is made from: frames and what
                          computes an operation by itself
"""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import mutation

DEFAULT_EDGES = r"attention\(n_q=5,n_kv=17,d_k=5,d_v=7,layout"  # in f32
FINDINGS, CLEAN = 1, 0


def run(*arguments):
    """The exit status and the findings."""
    done = subprocess.run([mutation.PROGRAM, "lint", "--json", "--quiet", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (FINDINGS, CLEAN):
        sys.exit(f"lint {' '.join(arguments)}: status {done.returncode}\n{done.stderr}")
    return done.returncode, json.loads(done.stdout)


def lines_with(path, part):
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if part in line}


def name_of(bug):
    return bug["variant"] if bug.get("replaces") else bug["name"]


def is_expected(finding, bug, folder):
    """Is this what lint must say? Files of the folder are named as they are found there."""
    path = folder / name_of(bug) / bug["file"]
    source = path if path.exists() else mutation.KERNELS / "include" / bug["file"]
    shown = str(path) if path.exists() else f"kernels/include/{bug['file']}"
    places = [(finding["file"], finding["line"])]
    if "other_file" in finding:
        places.append((finding["other_file"], finding["other_line"]))
    return (finding["kind"] == bug["kind"] and finding["kernel"] == bug["kernel"] and
            any(file == shown and (not bug["at"] or line in lines_with(source, bug["at"]))
                for file, line in places))


def find(bug, folder):
    """What lint says of a bug, and whether that is right."""
    name = name_of(bug)
    place = folder / bug["name"]
    place.mkdir()
    mutation.build({**bug, "name": name}, place)
    status, report = run(name, "--kernels", str(place), "--filter",
                         bug.get("edges", DEFAULT_EDGES))
    found = [f for f in report["findings"] if is_expected(f, bug, place)]
    return bool(found) and status == FINDINGS, found or report["findings"]


def bugs(only):
    listed = mutation.load(mutation.HERE / "bugs.json", only)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="attnbench-lint-") as temporary, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        folder = pathlib.Path(temporary)
        for bug, (ok, said) in zip(listed, pool.map(lambda bug: find(bug, folder), listed)):
            print(f"{bug['name']:34} {'found' if ok else 'MISSED'}  {bug['mistake']}", flush=True)
            for finding in said[:1 if ok else 6]:
                print(f"    {pathlib.Path(finding['file']).name}:{finding['line']}: "
                      f"{finding['kind']}: {finding['kernel']}: {finding['message']}")
            missed += not ok
    print(f"{len(listed)} bugs, {missed} missed")
    return missed or not listed


def clean(*options):
    status, report = run(*options)
    for finding in report["findings"]:
        print(f"{finding['file']}:{finding['line']}: {finding['kind']}: {finding['kernel']}: "
              f"{finding['message']}\n    {finding['variant']} {finding['cell']} "
              f"{finding['tuning']}")
    print(f"{report['runs']} runs, {len(report['findings'])} findings, "
          f"{report['not_possible']} not possible")
    return status != CLEAN or report["runs"] < 60


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["bugs", "quick", "whole"])
    parser.add_argument("--only")
    args = parser.parse_args()
    if not shutil.which("oclgrind"):
        print("oclgrind is not installed")
        return mutation.SKIP
    if args.what == "bugs":
        return int(bugs(args.only))
    return int(clean(*["--quick"][:args.what == "quick"]))


sys.exit(main())
