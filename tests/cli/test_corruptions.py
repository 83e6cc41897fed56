"""Every key of a suite, a variant and a results file: missing, of another type, out of range, and
huge. Each is refused with exit status 5 and one line that names file, line and key path."""
import copy
import json
import re

from harness import BAD_INPUT, OK, SOURCE, ProgramTest, main, make_suite

MARK = "@@"
FILES_A_CALL = 16

SUITE = {
    "format": "attnbench-suite", "version": 1, "name": "s", "title": "t", "comment": "c",
    "defaults": {"batch": 1, "heads_q": 4, "heads_kv": 2, "d_k": 8, "d_v": 8, "dtype": "f32",
                 "layout": "bhnd", "causal_offset": 0, "window_left": 1, "window_right": 1,
                 "bias": "none", "softcap": 0, "sink": False, "scale": 0.5, "bias_shape": "11qk",
                 "returns": "none", "kv_lengths": [8], "op": "attention"},
    "sweeps": [{"name": "n", "title": "t", "defaults": {"mask": "none"},
                "axes": {"n_q": {"from": 8, "to": 16, "times": 2},
                         "n_kv": {"from": 8, "to": 9, "step": 1}}, "variants": ["naive"]}],
    "measure": {"min_samples": 3, "min_time_s": 0, "max_time_s": 1, "target_rel_ci": 0.5,
                "budget_s": 10, "check": "full"},
    "deadlines": {"enumerate_s": 1, "build_s": 1, "run_s": 1, "read_s": 1, "teardown_s": 1}}
SUITE_NEEDS = {"format", "version", "name", "sweeps", "sweeps[0].name", "sweeps[0].axes",
               "sweeps[0].axes.n_q.from", "sweeps[0].axes.n_q.to",
               "sweeps[0].axes.n_kv.from", "sweeps[0].axes.n_kv.to"}

VARIANT = {
    "name": "mine", "title": "t", "idea": "i", "source": "s",
    "supports": {"dtype": ["f32"], "d_k": {"min": 1, "max": 64, "multiple_of": 2}, "sink": True,
                 "where": "d_k > 1"},
    "requires": {"extensions": [], "local_bytes": 16, "device_type": ["gpu", "cpu"],
                 "library": "clblast"},
    "tune": {"WG": [1, 2]}, "where": "WG > 0", "defaults": {"cpu": {"WG": 1}, "gpu": {"WG": 2}},
    "scratch": {"scores": ["n_q", 2]}, "returns": {"weights": "scores"},
    "passes": [{"kernel": "go", "groups": [1, "n_q", 1], "local": ["WG", 1, 1],
                "args": ["q", "scores", "o"]},
               {"gemm": {"a": "q", "b": "k", "c": "scores", "transpose_b": True, "m": 1, "n": 1,
                         "k": 1, "lda": 1, "ldb": 1, "ldc": 1, "stride_a": 0, "stride_b": 0,
                         "stride_c": 0, "count": 1, "alpha": "scale"}}]}
VARIANT_NEEDS = {"name", "supports", "passes", "passes[0].kernel", "passes[0].groups",
                 "passes[0].local", *(f"passes[1].gemm.{key}" for key in
                                      "a b c m n k lda ldb ldc stride_a stride_b stride_c".split())}

# Text that is only shown, and expressions may be anything of their type; so may what has no sign.
FREE_TEXT = re.compile(r"(title|comment|idea|source|name|extensions.*|device_type.*|run\..*|cell|device|"
                       r"variant|sweep.*|fixed|reason|phase|clock|clock_reason|cache|mode|options|"
                       r"worker_output|.*check\.scale|rounding|precision|kernel|id|index|platform|vendor|"
                       r"driver|opencl_c|type)$")
SIGNED = re.compile(r"(causal_offset|window_left|window_right|scale|exponent|memory_exponent|scaling.*)$")


def walk(node, path=""):
    """(path, parent, key, value) of everything below a node."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        below = f"{path}[{key}]" if isinstance(node, list) else f"{path}.{key}" if path else key
        yield below, node, key, value
        if isinstance(value, (dict, list)):
            yield from walk(value, below)


def corruptions(path, value):
    """(what, JSON text) that a key with this value must not have."""
    last = path.rsplit(".", 1)[-1]
    if isinstance(value, bool):
        return [("type", '"true"'), ("range", "2"), ("huge", "1e999")]
    if isinstance(value, (int, float)):
        texts = [("type", "{}"), ("type", "true"), ("huge", "1e999"), ("huge", "-1e999")]
        return texts + ([] if SIGNED.match(last) or SIGNED.match(path) else [("range", "-2")])
    if isinstance(value, str):
        texts = [("type", "true"), ("type", "[]")]
        free = FREE_TEXT.match(last) or FREE_TEXT.match(path)
        return texts + ([] if free else [("range", '"no such thing"'),
                                         ("huge", json.dumps("x" * 100000))])
    if isinstance(value, list):
        return [("type", '"x"'), ("type", "{}"), ("huge", "[" + "[]," * 100000 + "[]]")]
    if isinstance(value, dict):
        return [("type", '"x"'), ("type", "[[]]"), ("range", "3")]
    return []


def line_of(document, path):
    """The line on which the value at the path stands when the document is written with indent=1."""
    marked = copy.deepcopy(document)
    for at, parent, key, _ in walk(marked):
        if at == path:
            parent[key] = MARK
            break
    text = json.dumps(marked, indent=1)
    return text[:text.index(f'"{MARK}"')].count("\n") + 1, text


class Corruptions(ProgramTest):
    @staticmethod
    def fault_of(status, stderr, name, where, lines):
        """What is wrong with the refusal of the file, or None."""
        match = re.fullmatch(rf"attnbench: [^\n]*{re.escape(name)}:(\d+): ([^\n]*)\n", stderr)
        if status != BAD_INPUT or not match:
            return f"exit status {status}: {stderr[:300]!r}"
        said = match[2].replace(": device.", ".").replace(": tuning.", ".")
        if not said.startswith(where):
            return f"named elsewhere: {match[2][:300]}"
        if int(match[1]) not in lines:
            return f"line {match[1]}, not {lines}: {match[2][:300]}"
        if not re.search("expected|missing|unknown|newer|more than|too large|over", said):
            return f"does not say what was expected: {said[:300]}"
        return None if len(said) < 2200 else f"{len(said)} letters"

    @staticmethod
    def cases(document, needs, skip):
        """(path, what, the file's text, how the message begins, on one of which lines)"""
        for path, _, key, value in walk(document):
            if path.startswith(skip):
                continue
            parent = re.sub(r"(\.[^.\[]+|\[\d+\]|^[^.\[]+)\Z", "", path)
            parent_line = line_of(document, parent)[0] if parent else 1
            prefix = f"{parent}: " if parent else ""
            if isinstance(key, str) and needs(path):
                changed = copy.deepcopy(document)
                for at, node, item, _ in walk(changed):
                    if at == path:
                        del node[item]
                        break
                where = (f'{prefix}the key "{key}" is missing', f'{prefix}device: the key "{key}" ')
                yield path, "missing", json.dumps(changed, indent=1), where, [parent_line]
            line, marked = line_of(document, path)
            for what, text in corruptions(path, value):
                # A list's elements and a device's fields may be refused with it.
                where = (path, prefix) if isinstance(key, int) else (path,)
                yield (path, f"{what} {text[:20]}", marked.replace(f'"{MARK}"', text), where,
                       [line, parent_line])

    def every(self, document, needs, refusal, skip=()):
        """Looks at what `refusal` of each text says (status, stderr and name); how many there were."""
        cases = list(self.cases(document, needs, tuple(skip)))
        faults = []
        for number, (path, what, text, where, lines) in enumerate(cases):
            fault = self.fault_of(*refusal(number, text), where, lines)
            if fault:
                faults.append(f"{path} ({what}): {fault}")
        self.assertFalse(faults, f"{len(faults)} of {len(cases)}:\n" + "\n".join(faults[:40]))
        return len(cases)

    def by_plan(self, name, *args):
        """Refusals of a file, one after the other."""
        def refusal(_, text):
            self.write(name, text)
            result = self.attnbench("plan", "s.json", "--device", "null", *args)
            return result.returncode, result.stderr, name
        return refusal

    def by_check(self, document, needs, skip):
        """Refusals of results files, many of which one call checks."""
        names = [self.write(f"{number}.json", text).name for number, (_, _, text, _, _) in
                 enumerate(self.cases(document, needs, tuple(skip)))]
        said = {}
        for first in range(0, len(names), FILES_A_CALL):
            result = self.attnbench("check", *names[first:first + FILES_A_CALL], status=BAD_INPUT)
            for line, name in re.findall(r"^(attnbench: (\d+\.json):.*\n)", result.stderr, re.M):
                said[name] = line
        return lambda number, _: (BAD_INPUT, said.get(names[number], ""), names[number])

    def test_suites(self):
        self.write("s.json", json.dumps(SUITE, indent=1))
        self.attnbench("plan", "s.json", "--device", "null", status=OK)
        count = self.every(SUITE, SUITE_NEEDS.__contains__, self.by_plan("s.json"),
                           ["comment", "sweeps[0].variants[0]"])
        print(f"suite: {count} corruptions refused")
        self.assertGreater(count, 150)

    def test_variants(self):
        folder = self.folder / "kernels/mine"
        folder.mkdir(parents=True)
        (folder / "mine.cl").write_text("kernel void go() {}\n")
        self.write("s.json", make_suite({"n": [8]}, variants=["mine"]))
        name = "kernels/mine/variant.json"
        self.write(name, json.dumps(VARIANT, indent=1))
        self.attnbench("plan", "s.json", "--device", "null", "--kernels", "kernels", status=OK)
        count = self.every(VARIANT, VARIANT_NEEDS.__contains__,
                           self.by_plan(name, "--kernels", "kernels"))
        print(f"variant: {count} corruptions refused")
        self.assertGreater(count, 130)

    def test_results(self):
        self.write("s.json", make_suite({"n": [4, 8, 16]}, defaults={"heads": 2}))
        self.attnbench("run", "s.json", "--device", "null", "--out", "out.json", "--quiet",
                       status=OK)
        document = self.results()
        document["rows"] = document["rows"][:1]
        document["scaling"] = document["scaling"][:1]
        document["summary"] = {key: int(key in ("cells", "ok")) for key in document["summary"]}
        schema = json.loads((SOURCE / "host/store/results.schema.json").read_text())

        def needs(path):
            """Required by the schema: the reader is as strict."""
            node = schema
            *above, key = re.findall(r"[^.\[\]]+", path)
            for step in above:
                node = node["items"] if step.isdigit() else node["properties"][step]
            return key in node.get("required", ()) and path not in (
                "rows[0].tuning", "rows[0].problem")
        # The last three are judged by check's rules, which name the row.
        skip = ["rows[0].tuning.", "rows[0].problem.", "devices[0].peaks", "rows[0].rates.roof",
                "rows[0].build.origin", "rows[0].digest"]
        count = self.every(document, needs, self.by_check(document, needs, skip), skip)
        print(f"results: {count} corruptions refused")
        self.assertGreater(count, 400)


main()
