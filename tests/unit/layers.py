#!/usr/bin/env python3
"""The layer rule of host/: includes go down the list only, and OpenCL stays inside host/device/.

usage: layers.py REPOSITORY      prints each offending line; exit status 1 if there is one
       layers.py --self-test     proves that each kind of offence is seen
"""
import pathlib
import re
import sys

# From the top down; folders on one level do not include each other. main.c stands above all.
LEVELS = [
    ["main.c"],
    ["commands"],
    ["worker", "report"],
    ["device", "store"],
    ["verify", "measure"],
    ["problem"],
    ["util"],
]
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
# Not part of the layers: made by the build, or shared with the kernels.
FREE = {"version.h", "shape.h"}
PURE = {"problem", "verify", "measure"}
PURE_FORBIDDEN = {"time.h", "sys/time.h", "unistd.h", "fcntl.h", "sys/stat.h", "dirent.h"}
# stdio.h stays allowed, for snprintf; these functions would be input, output or a clock.
IMPURE_CALL = re.compile(r"(?<![\w>.])(printf|fprintf|fopen|fread|fwrite|fputs|puts|open|read|write|"
                         r"time|clock|clock_gettime|gettimeofday|getenv|rand|srand)\s*\(")
# No command line is ever made of text; the worker is spawned with a list of arguments.
SHELL_CALL = re.compile(r"(?<![\w>.])(system|popen|execl|execlp|execle|execvp|wordexp)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
OPENCL = re.compile(r"^(CL/|OpenCL/|clblast)")


def without_comments(text):
    keep_lines = lambda match: "\n" * match.group(0).count("\n")
    return re.sub(r"/\*.*?\*/|//[^\n]*", keep_lines, text, flags=re.S)


def without_strings(line):
    return re.sub(r'"(\\.|[^"\\])*"', '""', line)


def offences(path, text):
    """path: relative to host/, such as "problem/plan.c"."""
    folder = path.split("/")[0]
    if folder not in LEVEL_OF:
        yield 1, f"'{folder}' has no place in the layers; add it to LEVELS"
        return
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            if SHELL_CALL.search(without_strings(line)):
                yield number, "nothing is run through a shell"
            if folder in PURE and IMPURE_CALL.search(without_strings(line)):
                yield number, f"{folder}/ is pure: no input, output, environment or clock"
            continue
        quoted, name = match.group(1) == '"', match.group(2)
        if OPENCL.match(name):
            if folder != "device":
                yield number, f"{name} is included in host/device/ only"
            continue
        if folder in PURE and name in PURE_FORBIDDEN:
            yield number, f"{folder}/ is pure: no {name}"
        if not quoted or name in FREE:
            continue
        target = name.split("/")[0]
        if "/" not in name:
            yield number, f'"{name}" lacks its folder'
        elif target not in LEVEL_OF:
            yield number, f"'{target}' has no place in the layers"
        elif target != folder and LEVEL_OF[target] <= LEVEL_OF[folder]:
            yield number, f"{folder}/ must not include from {target}/: includes go down only"


def check(root):
    host = pathlib.Path(root) / "host"
    files = sorted(p for p in host.rglob("*") if p.suffix in (".c", ".h"))
    if len(files) < 50:
        print(f"{host}: only {len(files)} C files found")
        return 1
    count = 0
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, why in offences(str(file.relative_to(host)), "\n".join(lines)):
            print(f"{file}:{number}: {why}\n    {lines[number - 1] if lines else ''}")
            count += 1
    return 1 if count else 0


def self_test():
    bad = [
        ("util/text.c", '#include "problem/plan.h"'),
        ("device/null.c", '#include "store/row.h"'),
        ("store/row.c", '#include "device/backend.h"'),
        ("verify/inputs.c", '#include "measure/stats.h"'),
        ("worker/job.c", '#include "report/report.h"'),
        ("worker/job.c", '#include "commands/options.h"'),
        ("problem/plan.c", '#include "CL/cl.h"'),
        ("worker/worker.c", "#include <CL/cl.h>"),
        ("commands/run.c", " #  include <clblast_c.h>"),
        ("problem/plan.c", "#include <time.h>"),
        ("measure/stats.c", '    printf("x");'),
        ("verify/verdict.c", 'int x = (int)time(NULL);'),
        ("commands/run.c", '    return system("ls");'),
        ("worker/process.c", '    FILE *f = popen(command, "r");'),
        ("misc/new.c", ""),
        ("util/text.c", '#include "text.h"'),
    ]
    good = [
        ("device/opencl.c", '#include "CL/cl.h"'),
        ("commands/run.c", '#include "util/text.h"'),
        ("util/text.c", '/* #include "problem/plan.h" */'),
        ("main.c", '#include "commands/options.h"'),
        ("measure/stats.c", '    snprintf(x, 3, "time()");\n    row->run_time(3);'),
        ("device/runner.c", '#include "shape.h"'),
    ]
    failures = [f"not seen: {case}" for case in bad if not list(offences(*case))]
    failures += [f"false alarm: {case}" for case in good if list(offences(*case))]
    print("\n".join(failures))
    return 1 if failures else 0


if len(sys.argv) != 2:
    sys.exit(__doc__)
if sys.argv[1] == "--self-test":
    sys.exit(self_test())
sys.exit(self_test() or check(sys.argv[1]))
