"""suites/quick.json on a device whose compiler hangs on the third kernel: the run ends by itself,
that row is a timeout, all others are as they would be."""
import json
import sys
import unittest

import layer
from harness import INCOMPLETE, SOURCE

DEADLINE_S = 60  # CLBlast compiles its kernels at the first launch: 20 s on a busy machine


class Quick(unittest.TestCase):
    def test_a_hang_in_the_third_build(self):
        if not layer.LAYER:
            sys.exit(layer.SKIP)
        suite = json.loads((SOURCE / "suites/quick.json").read_text())
        suite["measure"] = {"min_samples": 3, "min_time_s": 0.01, "max_time_s": 0.05}
        bench = layer.Bench(suite)
        self.addCleanup(bench.close)
        # Nothing is built ahead, where the hang would meet a builder and cost no row.
        # The first build of a worker is the empty kernel that measures launching.
        run = bench.run("call=clBuildProgram k=4 do=hang", "--budget", "30m", "--deadline",
                        f"{DEADLINE_S}s", "--no-program-cache", timeout=800)
        self.assertEqual(run.broken, [], run.describe())
        self.assertEqual((run.status, run.struck), (INCOMPLETE, 1), run.describe())
        bad = [r for r in run.rows if r["status"] not in ("ok", "unsupported")]
        self.assertEqual([r["status"] for r in bad], ["timeout"], run.describe())
        self.assertEqual(bad[0]["phase"], "prepare")
        self.assertIn(f"no answer within {DEADLINE_S} s in step 'prepare'", bad[0]["reason"])
        print(f"    {len(run.rows)} rows: 1 timeout ({bad[0]['variant']}), "
              f"{sum(r['status'] == 'ok' for r in run.rows)} ok, "
              f"{sum(r['status'] == 'unsupported' for r in run.rows)} unsupported, in "
              f"{run.seconds:.0f} s", file=sys.stderr)


unittest.main(verbosity=2)
