"""The real engines: Slurm's srun and arrays, Open MPI, ReFrame. A rank is killed in the middle, and
what is left over, run again and merged, is the serial run."""
import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]
from harness import INCOMPLETE, OK, PROGRAM, SOURCE, USAGE, ProgramTest, find_device, main, make_suite
import slurm

# Each cell takes a moment, by its reference, so that there is a middle to be killed in.
SUITE = make_suite({"n_q": [192, 224, 256, 288, 320, 352], "n_kv": [512], "heads": [1, 2]},
                   variants=["naive", "fused"], defaults={"d_k": 64}, name="fleet")
# Four devices of one model: one for each rank of a node.
SCRIPT = {"devices": [{"name": "twin"}] * 4, "noise": 0.01}
PATIENCE = 500


class ClusterTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("s.json", SUITE)
        self.variables = {"PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}",
                          "OMP_NUM_THREADS": "1", **self.more_variables()}

    def more_variables(self):
        return {}

    def shell(self, *command, script=SCRIPT, status=OK):
        result = subprocess.run([str(c) for c in command], cwd=self.folder, text=True,
                                env=self.environment(script, **self.variables),
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        if status is not None and result.returncode != status:
            logs = "".join(pathlib.Path(p).read_text()[-3000:]
                           for p in glob.glob(str(self.folder / "*.log")))
            self.fail(f"exit status {result.returncode} of {command}\n{result.stdout}"
                      f"{result.stderr}{logs}")
        return result

    def emit(self, kind, ranks):
        text = self.attnbench("plan", "s.json", "--device", "null", "--emit", kind, "--ranks", ranks,
                              script=SCRIPT, status=OK).stdout
        self.write(f"job.{kind}", text)
        return text

    def serial(self):
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "serial.json",
                       script=SCRIPT, status=OK, timeout=PATIENCE)
        return self.cells("serial.json")

    def cells(self, name):
        return sorted((r["cell"], r["variant"], r["status"]) for r in self.results(name)["rows"])

    def expect_the_serial_run(self, *parts):
        self.attnbench("merge", *(parts or ["parts"]), "--out", "all.json", script=SCRIPT, status=OK)
        self.attnbench("check", "all.json", status=OK)
        self.assertEqual(self.cells("all.json"), self.serial())
        return self.results("all.json")

    def find_rank(self, variable, value, rows):
        """The process id of the run with this variable, once its journal has some rows."""
        until = time.monotonic() + PATIENCE
        wanted = {f"{variable}={value}".encode(), f"ATTNBENCH_CACHE_DIR={self.folder}/cache".encode()}
        while time.monotonic() < until:
            for journal in self.folder.glob("parts/*.journal"):
                if journal.read_text().count('\n{"row"') < rows:
                    continue
                for entry in pathlib.Path("/proc").glob("[0-9]*"):
                    try:
                        words = (entry / "cmdline").read_bytes().split(b"\0")
                        has = wanted <= set((entry / "environ").read_bytes().split(b"\0"))
                        opened = {os.path.realpath(p) for p in entry.glob("fd/*")}
                    except OSError:
                        continue
                    if words[1:2] == [b"run"] and has and str(journal.resolve()) in opened:
                        return int(entry.name), journal
            time.sleep(0.02)
        self.fail(f"no rank with {variable}={value} and {rows} rows")


@unittest.skipIf(slurm.why_not(), slurm.why_not())
class InSlurm(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="attnbench-slurm-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.slurm = slurm.Slurm(cls.temporary.name)
        cls.addClassCleanup(cls.slurm.stop)
        cls.slurm.start()

    def more_variables(self):
        return self.slurm.environment

    def test_srun(self):
        (self.folder / "parts").mkdir()
        result = self.shell("srun", "-n", "4", "attnbench", "run", "s.json", "--device", "null",
                            "--quiet", "--shard", "auto", "--out", "parts/{shard}.json")
        results = self.expect_the_serial_run()
        self.assertEqual([p["source"] for p in results["run"]["parts"]],
                         [f"SLURM_PROCID={i} of SLURM_STEP_NUM_TASKS=4" for i in range(4)])
        self.assertEqual(len(results["devices"]), 4, "each task had a device of its own")

    def test_a_batch_script_is_no_task(self):
        self.write("job.sh", "#!/bin/bash\nattnbench run s.json --device null --shard auto\n")
        self.shell("sbatch", "--wait", "-n", "4", "-o", "job.log", "job.sh", status=USAGE)
        self.assertIn("start attnbench with srun", (self.folder / "job.log").read_text())

    def test_array_with_a_killed_task(self):
        self.emit("slurm", 4)
        job = subprocess.Popen(["sbatch", "--wait", "job.slurm"], cwd=self.folder,
                               env=self.environment(SCRIPT, **self.variables),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid, journal = self.find_rank("SLURM_ARRAY_TASK_ID", 3, 2)
        os.kill(pid, signal.SIGKILL)
        self.assertNotEqual(job.wait(PATIENCE), 0)
        self.assertTrue(journal.exists())
        result = self.attnbench("merge", "parts", "--out", "early.json", status=INCOMPLETE,
                                script=SCRIPT)
        again = re.search(r"^    (sbatch --array=3 )JOB", result.stderr, re.M)
        self.assertTrue(again, result.stderr)
        self.shell(*again.group(1).split(), "--wait", "job.slurm")
        results = self.expect_the_serial_run("parts", "early.json")
        self.assertEqual(len(results["run"]["parts"]), 4, "it was resumed, not started again")

    def test_a_task_that_is_told_to_end_is_queued_again(self):
        self.emit("slurm", 2)
        job = subprocess.Popen(["sbatch", "--wait", "job.slurm"], cwd=self.folder,
                               env=self.environment(SCRIPT, **self.variables),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid, _ = self.find_rank("SLURM_ARRAY_TASK_ID", 1, 2)
        os.kill(pid, signal.SIGTERM)
        job.wait(PATIENCE)
        until = time.monotonic() + PATIENCE
        while len(list(self.folder.glob("parts/*.json"))) < 2 or list(
                self.folder.glob("parts/*.journal")):
            self.assertLess(time.monotonic(), until, "the task was not queued again")
            time.sleep(0.2)
        self.assertIn("to go on: attnbench run --resume",
                      "".join(p.read_text() for p in self.folder.glob("*.log")))
        self.expect_the_serial_run()


@unittest.skipUnless(shutil.which("mpirun"), "no mpirun")
class InMpi(ClusterTest):
    MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe"]

    def test_mpirun_with_a_killed_rank(self):
        (self.folder / "parts").mkdir()
        command = [*self.MPIRUN, "-n", "4", "attnbench", "run", "s.json", "--device", "null",
                   "--quiet", "--shard", "auto", "--out", "parts/{shard}.json", "--continue"]
        job = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                               env=self.environment(SCRIPT, **self.variables),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid, _ = self.find_rank("OMPI_COMM_WORLD_RANK", 2, 2)
        os.kill(pid, signal.SIGKILL)
        self.assertNotEqual(job.wait(PATIENCE), 0, "mpirun tells of a killed rank")
        self.attnbench("merge", "parts", "--out", "early.json", status=INCOMPLETE, script=SCRIPT)
        self.shell(*command)
        results = self.expect_the_serial_run()
        self.assertEqual(len(results["devices"]), 4, "each rank had a device of its own")
        self.assertEqual(len(results["run"]["parts"]), 4)

    def test_the_emitted_script(self):
        text = self.emit("mpi", 3)
        self.write("job.mpi", text.replace("mpirun", " ".join(self.MPIRUN)))
        self.shell("sh", "job.mpi")
        self.expect_the_serial_run()

    def test_a_real_device(self):
        device = find_device(self)
        if not device:
            self.skipTest("no OpenCL device")
        self.write("s.json", make_suite({"n": [32, 64, 96]}, variants=["naive", "fused"],
                                        defaults={"d_k": 16}, measure={"max_time_s": 0.2}))
        run = ["attnbench", "run", "s.json", "--device", device, "--peaks", "none", "--quiet"]
        self.shell(*self.MPIRUN, "-n", "2", *run, "--shard", "auto", "--out", "p{shard}.json")
        self.shell(*run, "--out", "serial.json")
        self.attnbench("merge", "p1-of-2.json", "p2-of-2.json", "--out", "all.json", status=OK)
        self.attnbench("check", "all.json", status=OK)
        self.assertEqual(self.cells("all.json"), self.cells("serial.json"))
        self.assertEqual(len(self.results("all.json")["devices"]), 1)


def reframe():
    """The command of ReFrame: installed, or in the virtual environment that ATTNBENCH_REFRAME names."""
    return os.environ.get("ATTNBENCH_REFRAME") or shutil.which("reframe")


@unittest.skipUnless(reframe(), "no reframe (PyPI: reframe-hpc)")
class InReframe(ClusterTest):
    def test_the_emitted_check(self):
        self.write("check.py", self.emit("reframe", 2).replace(
            '"s.json"', f'"{self.folder}/s.json"'))
        result = self.shell(reframe(), "-c", "check.py", "-r", "--performance-report",
                            "--prefix", "rfm", status=OK)
        self.assertRegex(result.stdout, r"Ran 2/2 test case\(s\)")
        self.assertIn("naive", result.stdout)
        parts = [p for p in self.folder.glob("rfm/**/parts/*.json")]
        self.assertEqual(len({p.name for p in parts}), 2)
        self.expect_the_serial_run(*parts)


if __name__ == "__main__":
    main()
