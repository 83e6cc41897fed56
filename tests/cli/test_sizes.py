"""Each whole-number key at its limits, alone and with every other, in every operation: a problem that
is too large is refused as one, before anything runs; nothing overflows on the way. In a build with
UBSan (preset asan) an overflow would end the program."""
import itertools
import json
import re
import time

from harness import BAD_INPUT, OK, USAGE, ProgramTest, main, make_suite, npy
from ways import SLOW_S

SIZE, HEAD = 1 << 30, 4096
# The limits of problem.c; a test compares them with what the program says.
KEYS = {"batch": (1, SIZE), "heads_q": (1, SIZE), "heads_kv": (1, SIZE), "heads": (1, SIZE),
        "n_q": (1, SIZE), "n_kv": (1, SIZE), "n": (1, SIZE), "d_k": (1, HEAD), "d_v": (1, HEAD),
        "causal_offset": (-SIZE, SIZE), "window_left": (-1, SIZE), "window_right": (-1, SIZE),
        "d_model": (1, SIZE), "d_ff": (1, SIZE), "layers": (1, 256), "relative_clip": (1, 4096)}
ONLY = {"d_model": 62, "d_ff": 12, "layers": 12, "relative_clip": 14}  # operations, a bit each
OPS = ["attention", "mha", "encoder_layer", "decoder_layer", "rnn", "bahdanau"]
SMALL = {"attention": {"batch": 1, "n": 2, "d_k": 1}, **{op: {"batch": 1, "n": 2, "d_model": 4}
                                                        for op in OPS[1:]}}
NEEDS = {"relative_clip": {"position": "relative"}, "causal_offset": {"mask": "causal"},
         "window_left": {"mask": "window"}, "window_right": {"mask": "causal+window"}}
BIG = {"f16": {"dtype": "f16"}, "bias": {"bias": "float", "bias_shape": "bhqk"},
       "mask": {"bias": "bool"}, "alibi": {"bias": "alibi"}, "returns": {"returns": "weights"},
       "padding": {"kv_lengths": [1]}, "bnhd": {"layout": "bnhd"}, "sink": {"sink": True}}


class Sizes(ProgramTest):
    def setUp(self):
        super().setUp()
        self.refused = self.planned_problems = 0

    def tearDown(self):
        if self.refused:
            print(f"    {self.refused} refused, {self.planned_problems} planned")

    def plan(self, *problems):
        """Plans all of them, each in a file of its own; what is refused is too large."""
        for problem in problems:
            keys = {**SMALL[problem["op"]], **problem}
            suite = make_suite({"batch": [keys.pop("batch")]}, defaults={"d_k": keys.pop("d_k", 1)})
            suite["sweeps"][0].pop("variants")
            suite["defaults"] = {**keys, **({"d_k": problem.get("d_k", 1)}
                                            if "d_k" in problem or problem["op"] == "attention" else {})}
            self.write("big.json", suite)
            began = time.monotonic()
            result = self.attnbench("plan", "big.json", "--device", "null")
            self.assertLess(time.monotonic() - began, SLOW_S, problem)
            self.assertNotIn("runtime error", result.stderr, problem)
            self.assertIn(result.returncode, (OK, BAD_INPUT), f"{problem}: {result.stderr}")
            if result.returncode == OK:
                self.planned_problems += 1
                self.expect_sane(result.stdout, problem)
            else:
                self.refused += 1
                self.assertRegex(result.stderr, r"too large|no key of|no multiple|differ|a boolean mask "
                                 r"for|kv_lengths|masks, biases|needs? position|need one sequence|"
                                 r"bias itself|is for the operation|expected|is no key", problem)

    def expect_sane(self, plan, problem):
        """Sizes are positive, and no more than the limits allow."""
        for number, unit in re.findall(r"([\d.e+-]+|nan|inf) (GFLOP|[KMGTPE]?i?B) ", plan):
            self.assertGreaterEqual(float(number), 0, (problem, plan))
        self.assertNotIn("EiB", plan, problem)

    def keys_of(self, op):
        return [key for key in KEYS if not (key in ONLY and not ONLY[key] >> OPS.index(op) & 1)]

    def test_the_limits_are_these(self):
        for key, (low, high) in KEYS.items():
            for beyond in (low - 1, high + 1):
                self.write("big.json", make_suite({"n": [2]}, defaults={key: beyond}))
                result = self.attnbench("plan", "big.json", "--device", "null", status=BAD_INPUT)
                self.assertIn(f"an integer from {low} to {high}", result.stderr, key)

    def test_each_alone(self):
        for op in OPS:
            for key in self.keys_of(op):
                for value in KEYS[key]:
                    self.plan({"op": op, key: value, **NEEDS.get(key, {})})

    def test_each_with_each(self):
        """With both at their upper limits."""
        for op in ("attention", "decoder_layer", "rnn"):
            for one, other in itertools.combinations(self.keys_of(op), 2):
                self.plan({"op": op, one: KEYS[one][1], other: KEYS[other][1], **NEEDS.get(one, {}),
                           **NEEDS.get(other, {})})

    def test_all_together(self):
        for op in OPS:
            keys = self.keys_of(op)
            for count in range(3, len(keys) + 1):
                self.plan({"op": op, **{key: KEYS[key][1] for key in keys[:count]},
                           "mask": "causal+window"})
            self.plan({"op": op, **{key: KEYS[key][1] for key in keys}, "mask": "causal+window"})

    def test_with_every_kind_of_input(self):
        for more in BIG.values():
            for key in ("batch", "heads", "n_q", "n_kv", "n", "d_k"):
                for value in (KEYS[key][1], 1 << 25):
                    if value <= KEYS[key][1]:
                        self.plan({"op": "attention", key: value, **more})

    def test_by_set_and_run(self):
        """--set says what a suite says; run refuses what plan refuses."""
        self.write("s.json", make_suite({"n": [2]}))
        for sets in (["n=1073741824"], ["batch=1073741824", "heads=1073741824"],
                     ["op=encoder_layer", "d_model=1073741824", "d_ff=1073741824", "layers=256"],
                     ["op=mha", "heads=1073741824", "d_k=4096", "d_model=1073741824"]):
            for command in (["plan", "s.json"], ["run", "s.json", "--out", "o.json", "--quiet"]):
                words = [word for one in sets for word in ("--set", one)]
                result = self.attnbench(*command, "--device", "null", *words)
                self.assertIn(result.returncode, (USAGE, BAD_INPUT), result.stderr)
                self.assertIn("too large", result.stderr)
        self.assertFalse((self.folder / "o.json.journal").exists())

    def test_the_limit_of_a_plan_counts_what_was_asked_for(self):
        """bug: variants that no sweep wants counted, so that 96,100 cells were refused"""
        axes = {"n": {"from": 1, "to": 250, "step": 1}, "heads": {"from": 1, "to": 250, "step": 1}}
        many = make_suite({"n": axes}, variants=["naive"])
        self.write("s.json", many)
        result = self.attnbench("plan", "s.json", "--device", "null", status=OK)
        self.assertIn("\n62500 cells", result.stdout)
        del many["sweeps"][0]["variants"]
        suites = [f"s{number}.json" for number in range(3)]
        for number, name in enumerate(suites):
            self.write(name, {**many, "name": name, "defaults": {"d_k": number + 1}})
        result = self.attnbench("plan", *suites, "--device", "null", status=USAGE)
        self.assertRegex(result.stderr, r"the plan has 1\d{6} cells, more than 1000000")

    def test_cases(self):
        (self.folder / "case").mkdir()
        for tensor in ("q", "k", "v"):
            self.write(f"case/{tensor}.npy", npy((1, 1, 2, 4), range(8)))
        for key, limits in KEYS.items():
            for value in limits:
                self.write("case/case.json", json.dumps({key: value, **NEEDS.get(key, {})}))
                result = self.attnbench("verify", "case", "--device", "null", "--variants", "naive")
                self.assertNotIn("runtime error", result.stderr)
                self.assertGreaterEqual(result.returncode, 0, (key, value, result.stderr))
                self.assertLessEqual(result.returncode, BAD_INPUT, (key, value, result.stderr))
        for shape in ((1 << 31, 1 << 31, 2, 4), (2**62, 4, 2, 4), (1, 1, 2**63, 4), (0, 0, 0, 0)):
            self.write("case/case.json", "{}")
            self.write("case/q.npy", npy(shape, range(8)))
            self.attnbench("verify", "case", "--device", "null", "--variants", "naive",
                           status=BAD_INPUT)

    def test_numbers_of_options(self):
        self.write("s.json", make_suite({"n": [2]}))
        for option, value in itertools.product(
                ("--seed", "--quarantine", "--shard", "--budget", "--deadline"),
                ("0", "1", "9007199254740991", "9007199254740992", "1e308", "1/1000000",
                 "1000000/1000000", "1/9999999999999999999", "99999999999999999999999", "-1")):
            result = self.attnbench("run", "s.json", "--device", "null", "--peaks", "none", "--quiet",
                                    "--out", "o.json", option, value)
            self.assertNotIn("runtime error", result.stderr)
            self.assertGreaterEqual(result.returncode, 0, (option, value))
        for option in ("--simulate", "--ranks"):
            for value in ("1", "1000000", "1000001", "9007199254740991"):
                more = ["--emit", "slurm"] if option == "--ranks" else []
                result = self.attnbench("plan", "s.json", "--device", "null", option, value, *more)
                self.assertIn(result.returncode, (OK, USAGE), (option, value, result.stderr))


main()
