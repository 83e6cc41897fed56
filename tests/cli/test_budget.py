"""A budget: whatever moment it ends at, as much as possible is known, and nobody is favoured."""
from harness import INCOMPLETE, OK, ProgramTest, main, make_suite

LENGTHS = [128, 256, 512, 1024]  # enough work for a rate to be learned from each


class Budget(ProgramTest):
    def run_suites(self, names, *args, script=None, status=OK):
        self.attnbench("run", *names, "--quiet", "--out", "out.json", *args, script=script or {},
                       status=status)
        self.attnbench("check", "out.json", status=OK)
        return self.results()["rows"]

    def suite(self, name, **more):
        suite = make_suite({"n": LENGTHS}, **{"defaults": {"d_k": 64}, **more})
        suite["name"] = name
        self.write(f"{name}.json", suite)
        return f"{name}.json"

    def ok(self, rows, **where):
        return [r["cell"] for r in rows if r["status"] == "ok" and
                all(value in str(r[key]) for key, value in where.items())]

    def test_a_slow_variant_costs_a_launch_or_two_a_problem(self):
        name = self.suite("s", measure={"min_samples": 12, "max_time_s": 20})
        rows = self.run_suites([name], "--device", "null", "--budget", "8s",
                               script={"pause": 1, "time_s": {"naive": "6e-7*pairs", "*": "6e-9*pairs"}})
        self.assertEqual({r["status"] for r in rows}, {"ok"})
        for row in rows:
            samples = len(row["time"]["samples_s"])
            if row["variant"] == "naive" and row["problem"]["n_q"] == 1024:
                self.assertLessEqual(samples, 6, row["cell"])
                self.assertTrue(row["check"]["rechecked"])
                self.assertTrue(row["check"]["inputs_changed"])
            elif row["variant"] == "fused":
                self.assertGreaterEqual(samples, 3, row["cell"])

    def test_suites_share_it(self):
        names = [self.suite("a"), self.suite("b", defaults={"d_k": 32})]
        rows = self.run_suites(names, "--device", "null", "--budget", "4s",
                               script={"pause": 1, "time_s": {"*": "4e-7*pairs"}})
        counts = [len(self.ok(rows, sweeps=name)) for name in ("a/", "b/")]
        self.assertGreater(sum(counts), 4)
        self.assertLess(sum(counts), len(rows))
        self.assertLessEqual(abs(counts[0] - counts[1]), 3)  # a problem of two variants, and a bit

    def test_devices_share_it_and_run_the_same_cells(self):
        rows = self.run_suites([self.suite("s")], "--device", "null-all", "--budget", "5s",
                               script={"devices": [{"id": "null-a"}, {"id": "null-b"}],
                                       "pause": 1,
                                       "time_s": {"*": "4e-7*pairs"}})
        cells = [set(self.ok(rows, device=name)) for name in ("null-a", "null-b")]
        self.assertTrue(cells[0] & cells[1])
        self.assertLessEqual(len(cells[0] ^ cells[1]), 2)

    def test_what_fits_is_not_left_out_for_what_does_not(self):
        name = self.suite("s")
        rows = self.run_suites([name], "--device", "null", "--budget", "5s",
                               script={"pause": 1, "time_s": {"naive": "8e-6*pairs", "*": "1e-8*pairs"}})
        skipped = [(r["variant"], r["problem"]["n_q"]) for r in rows if r["status"] != "ok"]
        self.assertEqual(skipped, [("naive", 512), ("naive", 1024)])

    def test_too_short_for_anything(self):
        name = self.suite("s")
        result = self.attnbench("run", name, "--device", "null", "--quiet", "--out", "out.json",
                                "--budget", "1ms", status=INCOMPLETE)
        self.assertIn("nothing was measured: 8 skipped (over the budget: ", result.stderr)
        self.assertRegex(result.stderr, r"this cell would take about [\d.]+ s at least; raise --budget")


if __name__ == "__main__":
    main()
