"""Runs of the program with the fault layer between it and the driver (fault_layer.c), and what must
hold after each of them, whatever the fault."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import IO, INTERRUPTED, PROGRAM, SKIP, USAGE  # noqa: E402

LAYER = os.environ.get("ATTNBENCH_FAULT_LAYER", "")
DEVICE = os.environ.get("ATTNBENCH_TEST_DEVICE", "pocl-cpu-0")
# What a driver may make the program exit with; the others would blame the user or the disk.
STATUSES = set(range(0, 5))
assert not STATUSES & {IO, INTERRUPTED} and USAGE in STATUSES


def environment(folder, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ATTNBENCH_")}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "OMP_NUM_THREADS": "1",
            "ATTNBENCH_CACHE_DIR": str(folder / "cache"), **more}


def left_behind(mark):
    """Processes that still have `mark` in their environment."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                if mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # gone, or another user's
                pass
    return found


class Bench:
    """A suite, its cells, and a folder in which runs of it can meet faults."""

    def __init__(self, suite):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="attnbench-faults-"))
        self.suite = self.folder / "suite.json"
        self.suite.write_text(suite if isinstance(suite, str) else json.dumps(suite))
        (self.folder / "pocl").mkdir()
        self.runs = 0
        plan = subprocess.run([PROGRAM, "plan", self.suite, "--device", DEVICE, "--json"],
                              env=environment(self.folder), capture_output=True, text=True)
        if plan.returncode == 4:
            print(f"no device {DEVICE}: {plan.stderr}")
            sys.exit(SKIP)
        self.cells = sorted((c["cell"], c["variant"]) for c in json.loads(plan.stdout)["cells"])

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, fault, *args, timeout=120):
        self.runs += 1
        return Run(self, self.folder / f"run-{self.runs}", fault, args, timeout)


class Run:
    """One run and what became of it; `broken` lists the promises that do not hold."""

    def __init__(self, bench, folder, fault, args, timeout):
        folder.mkdir()
        state = folder / "state"
        began = time.monotonic()
        process = subprocess.run(
            [PROGRAM, "run", bench.suite, "--device", DEVICE, "--quiet", "--peaks", "none", "--out",
             folder / "out.json", "--no-lock", *args],
            env=environment(bench.folder, OPENCL_LAYERS=LAYER, ATTNBENCH_FAULT=fault,
                            ATTNBENCH_FAULT_STATE=str(state), ATTNBENCH_CACHE_DIR=str(folder),
                            POCL_CACHE_DIR=str(bench.folder / "pocl")),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout)
        ended = time.monotonic()
        self.seconds = ended - began
        self.fault, self.status = fault, process.returncode
        self.stderr, self.stdout = process.stderr, process.stdout
        self.counts = self.read_state(state)
        # from the strike to the next worker, or to the end of the run
        self.delay_s = self.counts.get("ms of next process", 1000 * ended) / 1000 - \
            self.counts.get("ms of strike", 1000 * ended) / 1000
        self.struck = sum(n for name, n in self.counts.items() if name.startswith("struck"))
        self.rows, self.results = [], None
        if (folder / "out.json").exists():
            self.text = (folder / "out.json").read_text()
            self.results = json.loads(self.text)
            self.rows = self.results["rows"]
        self.broken = self.judge(bench, folder)
        shutil.rmtree(folder)

    @staticmethod
    def read_state(path):
        if not path.exists():
            return {}
        return {name.rstrip(b"\0").decode(): count
                for name, count in struct.iter_unpack("56sQ", path.read_bytes()) if count}

    def judge(self, bench, folder):
        broken = []
        if self.status not in STATUSES:
            broken.append(f"exit status {self.status}")
        if self.status in (2, 4) and (self.results or not self.stderr.startswith("attnbench: ")):
            broken.append(f"exit status {self.status} without a message, or with results")
        if self.status not in (2, 4):
            if sorted((r["cell"], r["variant"]) for r in self.rows) != bench.cells:
                broken.append("lost: not one row a cell")
            if (folder / "out.json.journal").exists():
                broken.append("lost: the journal was left behind")
        for row in self.rows:
            if (row["status"] == "ok") != (row["reason"] is None):
                broken.append(f"a reason for ok, or none for {row['status']}")
            if row["status"] == "ok" and not (
                    row["check"]["err_over_tolerance"] <= 1 and row["check"]["rechecked"]
                    and row["check"]["inputs_changed"]
                    and row["time"]["median_s"] > 0
                    and (row["time"]["clock"] == "device" or row["time"]["clock_reason"])):
                broken.append("false ok: not checked or not timed")
        if any(ord(c) < 32 and c not in "\n\t" for c in self.stderr + self.stdout):
            broken.append("control characters on the terminal")
        stuck = left_behind(str(folder))
        if stuck:
            broken.append(f"stuck: {stuck}")
        return broken

    def bad_rows(self):
        return [r for r in self.rows if r["status"] != "ok"]

    def describe(self):
        rows = "; ".join(f"{r['variant']} {r['status']} ({r['phase']}): {str(r['reason'])[:120]}"
                         for r in self.rows)
        return f"[{self.fault}] exit {self.status}, struck {self.struck}: {rows}{self.stderr[:300]}"
