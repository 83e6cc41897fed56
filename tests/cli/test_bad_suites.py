"""Suites with mistakes: exit status 5, and a message that names file, line and key path."""
from harness import BAD_INPUT, OK, ProgramTest, main

GOOD = """{
  "format": "attnbench-suite",
  "version": 1,
  "name": "bad",
  "defaults": { "heads": 4, "d_k": 8 },
  "sweeps": [
    {
      "name": "n",
      "axes": { "n": { "from": 8, "to": 32, "times": 2 } },
      "variants": ["naive"]
    }
  ],
  "measure": { "min_samples": 3, "min_time_s": 0, "max_time_s": 1 }
}
"""

# name: (text of the good suite, what stands there instead)
MISTAKES = {
    "empty file": (GOOD, ""),
    "not json": (GOOD, "n = 128\n"),
    "an array": (GOOD, "[]\n"),
    "binary": (GOOD, "\x7fELF\0\0"),
    "cut off": ('  "measure": { "min_samples": 3, "min_time_s": 0, "max_time_s": 1 }\n}\n', ""),
    "missing comma": ('"version": 1,', '"version": 1'),
    "another format": ('"attnbench-suite"', '"attnbench-results"'),
    "a newer version": ('"version": 1', '"version": 2'),
    "no name": ('  "name": "bad",\n', ""),
    "unknown top key": ('"measure"', '"measurement"'),
    "unknown default": ('"heads": 4', '"haeds": 4'),
    "zero heads": ('"heads": 4', '"heads": 0'),
    "a size in quotes": ('"d_k": 8', '"d_k": "8"'),
    "key twice": ('"d_k": 8', '"d_k": 8, "heads": 2'),
    "no sweeps": ('"axes"', '"axis"'),
    "an empty axis": ('{ "from": 8, "to": 32, "times": 2 }', "[]"),
    "an empty range": ('"from": 8', '"from": 64'),
    "a range without a step": (', "times": 2', ""),
    "an unknown mask": ('"heads": 4', '"mask": "casual"'),
    "impossible heads": ('"heads": 4', '"heads_q": 4, "heads_kv": 3'),
    "n is nowhere": ('"n": { "from"', '"batch": { "from"'),
    "too many cells": ('"to": 32, "times": 2', '"to": 90000, "step": 1'),
    "a variant that is a number": ('["naive"]', '["naive", 7]'),
    "an unknown variant": ('["naive"]', '["naive", "naiv"]'),
    "an unknown measure key": ('"min_samples"', '"minimum_samples"'),
    "times the wrong way round": ('"max_time_s": 1', '"max_time_s": 0.01, "min_time_s": 1'),
    "a terminal escape": ('"heads": 4', '"\\u001b[2J\\u202e": 4'),
}


class BadSuites(ProgramTest):
    def test_the_good_suite_is_good(self):
        self.write("bad.json", GOOD)
        self.attnbench("plan", "bad.json", "--device", "null", status=OK)

    def test_mistakes(self):
        text = ""
        for name, (old, new) in MISTAKES.items():
            with self.subTest(mistake=name):
                self.assertEqual(GOOD.count(old), 1, old)
                changed = GOOD.replace(old, new)
                if name == "times the wrong way round":
                    changed = changed.replace('"min_time_s": 0, ', "")
                self.write("bad.json", changed)
                results = [self.attnbench(command, "bad.json", "--device", "null")
                           for command in ["plan", "run"]]
                text += f"{name}\n    {results[0].stderr}"
                for result in results:
                    self.assertEqual(result.returncode, BAD_INPUT, result.stderr)
                    self.assertEqual(result.stdout, "")
                    self.assertRegex(result.stderr, r"\Aattnbench: bad\.json:[^\n]*\n\Z")
                    self.assertTrue(result.stderr[:-1].isprintable(), result.stderr)
        self.assertGreaterEqual(len(MISTAKES), 20)
        self.golden("bad_suites.txt", text)

    def test_no_files_are_left_behind(self):
        self.write("bad.json", "{")
        self.attnbench("run", "bad.json", "--device", "null", "--out", "o.json", status=BAD_INPUT)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["bad.json"])

    def test_a_good_suite_beside_a_bad_one(self):
        self.write("good.json", GOOD)
        self.write("bad.json", "{}")
        result = self.attnbench("plan", "good.json", "bad.json", "--device", "null",
                                status=BAD_INPUT)
        self.assertIn("bad.json:1: ", result.stderr)


main()
