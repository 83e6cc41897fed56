"""200 times SIGKILL, to the supervisor or to its worker, at random moments of runs that are resumed
until they are complete: the cells are those of an undisturbed run, none twice, none missing.

The device is the scripted one, so that the moments fall into the program's own work: planning,
journal, results file, talking to the worker, resuming. ATTNBENCH_KILLS sets another number.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import INCOMPLETE, OK, PROGRAM, ProgramTest, main, make_suite  # noqa: E402

KILLS = int(os.environ.get("ATTNBENCH_KILLS", "200"))


def child_of(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None
    except OSError:
        return None


class Killed(ProgramTest):
    def setUp(self):
        super().setUp()
        lengths = list(range(2, 62, 2))
        self.write("s.json", make_suite({"n": lengths}, measure={"max_time_s": 0.2}))
        self.cells = sorted(self.planned("s.json"))
        self.random = random.Random(20)
        self.env = self.environment({})
        self.kills = {"supervisor": 0, "worker": 0, "came too late": 0}
        self.crashes = 0

    def begin(self, *args):
        return subprocess.Popen([PROGRAM, "run", *args, "--quiet", "--quarantine", "0"],
                                cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def disturb(self, process, within):
        """One kill at a random moment; returns how the run ended, None when it was killed."""
        time.sleep(self.random.uniform(0, within))
        whom = self.random.choice(["supervisor", "worker"])
        victim = process.pid if whom == "supervisor" else child_of(process.pid)
        if process.poll() is not None or victim is None:
            self.kills["came too late"] += 1
        else:
            try:
                os.kill(victim, 9)
                self.kills[whom] += 1
            except ProcessLookupError:
                self.kills["came too late"] += 1
        if whom == "supervisor":
            process.wait()
        return whom

    def check_results_file(self):
        """Whatever happened, the results file is whole: old or new, and its rows believable."""
        path = self.folder / "out.json"
        if path.exists():
            rows = self.identities(self.results())
            self.assertEqual(len(rows), len(set(rows)))
            self.attnbench("check", "out.json", status=OK)

    def run_to_the_end(self, within):
        arguments = ["s.json", "--device", "null", "--out", "out.json", "--force"]
        for attempt in range(60):
            process = self.begin(*arguments)
            if sum(self.kills.values()) - self.kills["came too late"] < KILLS:
                self.disturb(process, within)
            _, stderr = process.communicate(timeout=60)
            self.check_results_file()
            if process.returncode in (OK, INCOMPLETE):
                return
            if process.returncode == 4:  # the worker was killed while it looked for devices
                self.assertIn("SIGKILL", stderr)
                continue
            self.assertEqual(process.returncode, -9, stderr)
            if not (self.folder / "out.json.journal").exists():
                if (self.folder / "out.json").exists():  # killed after its last act
                    return
            else:
                arguments = ["--resume", "out.json"]
                if '"run"' not in (self.folder / "out.json.journal").read_text():
                    (self.folder / "out.json.journal").unlink()  # as the message says
                    arguments = ["s.json", "--device", "null", "--out", "out.json", "--force"]
        self.fail("60 kills and still not complete")

    def test_200_kills(self):
        began = time.monotonic()
        self.attnbench("run", "s.json", "--device", "null", "--out", "undisturbed.json", "--quiet",
                       script={}, status=OK)
        whole = time.monotonic() - began
        self.assertEqual(sorted(self.identities(self.results("undisturbed.json"))), self.cells)
        runs = 0
        while self.kills["supervisor"] + self.kills["worker"] < KILLS:
            self.run_to_the_end(whole)
            runs += 1
            results = self.results()
            self.assertEqual(sorted(self.identities(results)), self.cells)
            for row in results["rows"]:
                if row["status"] != "ok":
                    self.assertEqual(row["status"], "crash", row)
                    self.assertIn("SIGKILL", row["reason"])
                    self.crashes += 1
            self.assertFalse((self.folder / "out.json.journal").exists())
            self.assertEqual([p.name for p in self.folder.glob("out.json?*")], [])
            (self.folder / "out.json").unlink()
        # a worker's death costs one cell at most
        self.assertLessEqual(self.crashes, self.kills["worker"])
        print(f"    {self.kills}; {runs} runs of {len(self.cells)} cells completed, "
              f"{self.crashes} rows crash, lost 0, twice 0, {time.monotonic() - began:.0f} s",
              file=sys.stderr)


main()
