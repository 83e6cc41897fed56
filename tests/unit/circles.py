#!/usr/bin/env python3
"""Circles between the modules of host/: a module (X.c with X.h) that needs another one's functions is
not needed by it, directly or in turn. Headers include no one in a circle either.

usage: circles.py REPOSITORY     prints each circle that KNOWN lacks, and each of KNOWN that is gone;
                                 exit status 1 if there is one
       circles.py --self-test    proves that circles are seen
"""
import pathlib
import re
import sys

# Circles that stand until someone finds the seam; no others come in, and what is gone leaves the list.
KNOWN = {
    # pairs are a matter of masks, and those of an operation the sum of those of its attentions
    frozenset({"problem/mask", "problem/operation", "problem/problem"}),
    # a field of a row may be its status
    frozenset({"store/fields", "store/row"}),
    # who opens an output, who fills it, and standard output, all write by file_write_all
    frozenset({"util/file", "util/place", "util/standard"}),
    # the table of commands names the functions that are called by it, and resume and merge read the
    # command line of an earlier run by the same table
    frozenset({"commands/command_table", "commands/docs", "commands/merge", "commands/resume",
               "commands/run"}),
}
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
HEAD = re.compile(r"^(?!static\b|typedef\b|return\b|else\b)[A-Za-z_][\w \t*]*?[ *](\w+)\(", re.M)
DATA = re.compile(r"^(?!static\b|typedef\b|extern\b)[A-Za-z_][\w \t*]*?[ *](\w+)(?:\[[^\]]*\])* =", re.M)
# The name of a function in a header, or a line with "extern".
DECLARATION = re.compile(r"\b\w+(?=\()|^extern\b[^;]*", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)\.h"', re.M)


def plain(text):
    """Without comments and strings; includes are read before."""
    return re.sub(r"^\s*#.*?(?<!\\)$", "", NO_CODE.sub(" ", text), flags=re.M | re.S)


def defined(text):
    """Functions and data that other files may name. Definitions begin in the first column."""
    names = set(DATA.findall(text))
    for match in HEAD.finditer(text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        if text[at:].lstrip().startswith("{"):
            names.add(match[1])
    return names


def needs(sources):
    """{module: the modules it needs}, of {"problem/plan.c": text, ...}. A name is another module's
    where a header that the file reads declares it."""
    codes = {path: plain(text) for path, text in sources.items()}
    homes = {name: path[:-2] for path, code in codes.items() if path.endswith(".c")
             for name in defined(code)}
    declared = {path: {name for line in DECLARATION.findall(code) for name in re.findall(r"\w+", line)}
                for path, code in codes.items() if path.endswith(".h")}
    read = {path: [f"{name}.h" for name in INCLUDE.findall(text)] for path, text in sources.items()}
    graph = {}
    for path, code in codes.items():
        if path.endswith(".h"):
            continue
        headers, waiting = set(), list(read[path])
        while waiting:
            header = waiting.pop()
            if header not in headers and header in sources:
                headers.add(header)
                waiting += read[header]
        known = set().union(*(declared[header] for header in headers)) & set(homes)
        used = set(re.findall(r"(?<![\w.>])(\w+)", code)) & known
        graph[path[:-2]] = {homes[name] for name in used} - {path[:-2]}
    return graph


def includes(sources):
    """{header: the headers it includes}."""
    return {path[:-2]: {name for name in INCLUDE.findall(text) if f"{name}.h" in sources}
            for path, text in sources.items() if path.endswith(".h")}


def circles(graph):
    """Sets of modules that reach one another (Tarjan 1972)."""
    order, low, stack, found = {}, {}, [], []

    def visit(one):
        order[one] = low[one] = len(order)
        stack.append(one)
        for other in sorted(graph.get(one, ())):
            if other not in order:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in stack:
                low[one] = min(low[one], order[other])
        if low[one] == order[one]:
            at = stack.index(one)
            if len(stack) - at > 1:
                found.append(frozenset(stack[at:]))
            del stack[at:]

    for one in sorted(graph):
        if one not in order:
            visit(one)
    return set(found)


def check(root):
    host = pathlib.Path(root) / "host"
    sources = {str(file.relative_to(host)): file.read_text() for file in host.rglob("*.[ch]")}
    if len(sources) < 100:
        print(f"{host}: only {len(sources)} C files found")
        return 1
    graph = needs(sources)
    found = circles(graph) | circles(includes(sources))
    for circle in found - KNOWN:
        print("a circle:", *(f"\n    {one} needs {other}" for one in sorted(circle)
                             for other in sorted(graph.get(one, set()) & circle)))
    for circle in KNOWN - found:
        print("not a circle any more, or another one; mend KNOWN:", ", ".join(sorted(circle)))
    return 1 if found ^ KNOWN else 0


def self_test():
    two = {"a/x.c": '#include "a/y.h"\nint x_make(int n)\n{\n    return y_make(n);\n}\n',
           "a/x.h": "int x_make(int n);\n", "a/y.h": "int y_make(int n);\n",
           "a/y.c": "#include \"a/x.h\"\nstatic int z(void)\n{\n    return 0;\n}\nint y_make(int n)\n{\n"
                    "    return n ? %s : z();\n}\n"}
    pair = {frozenset({"a/x", "a/y"})}
    cases = [("x_make(n)", pair), ("n", set()), ('say("x_make(n)")', set()), ("/* x_make(n) */ 1", set()),
             ("p->x_make(n)", set()), ("call(x_make, n)", pair), ("z()", set())]
    failures = [what for what, wanted in cases
                if circles(needs({**two, "a/y.c": two["a/y.c"] % what})) != wanted]
    table = {"a/x.c": '#include "a/z.h"\nconst struct row table[] = {{y_run}};\n',
             "a/z.h": "extern const struct row table[];\nint y_run(void);\n",
             "a/y.c": "#include \"a/z.h\"\nint y_run(void)\n{\n    return table[0].n;\n}\n"}
    if circles(needs(table)) != pair:
        failures.append("a table")
    if circles(includes({"a/x.h": '#include "a/y.h"', "a/y.h": '#include "a/x.h"'})) != pair:
        failures.append("headers")
    if circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) != {frozenset("abc")}:
        failures.append("three")
    print("\n".join(f"not as it should be: {one}" for one in failures))
    return 1 if failures else 0


if len(sys.argv) != 2:
    sys.exit(__doc__)
if sys.argv[1] == "--self-test":
    sys.exit(self_test())
sys.exit(self_test() or check(sys.argv[1]))
