"""Reports of large files: linear in rows, in time and in memory. CPU time and peak memory of the
program itself count, so that a busy machine does not; the bounds are generous, growth is not.
"""
import json
import os
import subprocess

from harness import OK, PROGRAM, ProgramTest, main, make_suite

FORMATS = ("md", "html", "gbench", "csv", "bmf")
FEW, MANY = 5000, 20000


class Size(ProgramTest):
    def large(self, name, count, sweeps_of, layout="lines"):
        """A results file of copies of a real row, each another cell, with the digest of the first:
        reports do not ask for it."""
        if not (self.folder / "base.json").exists():
            self.write("suite.json", make_suite({"n": [16]}, variants=["naive"],
                                                measure={"min_samples": 9}))
            self.attnbench("run", "suite.json", "--device", "null", "--peaks", "none", "--out",
                           "base.json", "--quiet", status=OK)
        base = self.results("base.json")
        row, = base.pop("rows")
        scaling, summary = base.pop("scaling"), dict(base.pop("summary"), cells=count, ok=count)
        separators = (",", ":") if layout == "lines" else (", ", ": ")
        with open(self.folder / name, "w") as file:
            file.write(json.dumps(base)[:-1] + ', "rows": [')
            for i in range(count):
                n = 16 + i // 4
                row["problem"]["n_q"] = row["problem"]["n_kv"] = n
                row["cell"] = f"attention(n_q={n},n_kv={n},d_k=4,d_v=4)"
                row["variant"] = ("naive", "tiled", "fused", "split_kv")[i % 4]
                row["sweeps"] = [f"test/{sweeps_of(i)}"]
                row["status"], row["reason"] = ("ok", None) if i % 5 else ("skipped", f"reason {i % 50}")
                file.write(("," if i else "") + ("\n" if layout == "lines" else " ") +
                           json.dumps(row, separators=separators))
            summary.update(ok=count - (count + 4) // 5, skipped=(count + 4) // 5)
            file.write('], "scaling": ' + json.dumps(scaling) + ', "summary": ' +
                       json.dumps(summary) + "}\n")

    def cost(self, name, form):
        """CPU seconds and peak KiB of one report, its own and nobody else's."""
        process = subprocess.Popen([PROGRAM, "report", name, "--format", form, "--out", "out"],
                                   cwd=self.folder, env=self.environment())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, OK)
        return used.ru_utime, used.ru_maxrss

    def check(self, sweeps_of, layout="lines"):
        self.large("few.json", FEW, sweeps_of, layout)
        self.large("many.json", MANY, sweeps_of, layout)
        for form in FORMATS:
            with self.subTest(format=form):
                few, many = (min(self.cost(name, form) for _ in range(2))
                             for name in ("few.json", "many.json"))  # both the same way
                self.assertLess(many[0], 6 * max(few[0], 0.05), "CPU time is not linear")
                self.assertLess(many[0], 20)
                self.assertLess(many[1], 120 << 10, "KiB at their peak")

    def test_one_long_sweep(self):
        self.check(lambda i: "n")

    def test_many_sweeps_on_one_line(self):
        self.check(lambda i: f"s{i // 20}", layout="one line")

    def test_what_is_read_quickly_is_what_is_read(self):
        """A file with its rows first takes the other way through the reader, to the same report."""
        self.large("few.json", 200, lambda i: f"s{i // 50}")
        tree = json.loads((self.folder / "few.json").read_text())
        self.write("turned.json", json.dumps({key: tree[key] for key in reversed(tree)}))
        for form in FORMATS:
            reports = [self.attnbench("report", name, "--format", form, status=OK).stdout
                       for name in ("few.json", "turned.json")]
            self.assertEqual(reports[0], reports[1], form)


main()
