"""What the tests of the program share: running the real binary in an empty folder, with the null
backend where no device is wanted, and reading what it wrote.

ATTNBENCH names the binary and ATTNBENCH_SOURCE the repository; ctest sets both.
GOLDEN_UPDATE=1 rewrites golden files instead of comparing.
"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("ATTNBENCH_SOURCE",
                                     pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("ATTNBENCH", str(SOURCE / "build/release/attnbench"))
GOLDEN = SOURCE / "tests/golden/cli"
SKIP = 77
BUILD = pathlib.Path(PROGRAM).resolve().parent

OK, WRONG, USAGE, INCOMPLETE, NO_DEVICE, BAD_INPUT, IO, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

# Times of the null backend cost no time, so that these rules end at once.
QUICK = {"min_samples": 3, "min_time_s": 0, "max_time_s": 0.05, "target_rel_ci": 1}


def make_suite(axes, variants=("naive", "fused"), defaults=None, measure=None, **more):
    """A suite of one sweep, or of several when `axes` is a dict of dicts."""
    sweeps = axes if any(isinstance(v, dict) and "from" not in v for v in axes.values()) else {
        "n": axes}
    return {"format": "attnbench-suite", "version": 1, "name": "test",
            "defaults": {"d_k": 4, **(defaults or {})},
            "sweeps": [{"name": name, "axes": sweep, "variants": list(variants)}
                       for name, sweep in sweeps.items()],
            "measure": {**QUICK, **(measure or {})}, **more}


class ProgramTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="attnbench-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, content):
        path = self.folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def environment(self, script=None, **more):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("ATTNBENCH_") or k == "ATTNBENCH"}
        environment.update(LC_ALL="C.UTF-8", NO_COLOR="1",
                           ATTNBENCH_CACHE_DIR=str(self.folder / "cache"))
        environment.update(more)
        if script is not None:
            environment["ATTNBENCH_NULL_SCRIPT"] = str(self.write("script.json", script))
        return environment

    @staticmethod
    def again(args):
        """Tests run into one file again and again, which a person must not do by accident."""
        goes_on = {"--force", "--resume", "--continue"} & set(args)
        return [*args, "--force"] if args[:1] == ("run",) and "--out" in args and not goes_on else args

    def start(self, *args, script=None, **more):
        process = subprocess.Popen([PROGRAM, *map(str, self.again(args))], cwd=self.folder,
                                   env=self.environment(script, **more), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def command():
        """For tests that start the program in a way of their own."""
        return [PROGRAM]

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()

    def attnbench(self, *args, status=None, script=None, timeout=120, again=True, **more):
        """Runs the program to its end; `status` is the exit status it must have. again=False: a run
        does not replace the file of another."""
        result = subprocess.run([PROGRAM, *map(str, self.again(args) if again else args)], cwd=self.folder, text=True,
                                env=self.environment(script, **more), stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=timeout)
        if status is not None and result.returncode != status:
            self.fail(f"exit status {result.returncode}, not {status}: attnbench "
                      f"{' '.join(map(str, args))}\n{result.stdout}{result.stderr}")
        return result

    def results(self, name="out.json"):
        def refuse(constant):
            raise ValueError(f"{constant} is not JSON")
        return json.loads((self.folder / name).read_text(), parse_constant=refuse)

    def planned(self, suite, *args, **more):
        """The cells of the plan as (cell, device, variant)."""
        plan = json.loads(self.attnbench("plan", suite, "--device", "null", "--json", *args,
                                         status=OK, **more).stdout)
        return [(c["cell"], c["device"], c["variant"]) for c in plan["cells"]]

    @staticmethod
    def identities(results):
        return [(r["cell"], r["device"], r["variant"]) for r in results["rows"]]

    def expect_complete(self, results, cells):
        """Every cell has one row, and the summary says so."""
        self.assertEqual(sorted(self.identities(results)), sorted(cells))
        statuses = [row["status"] for row in results["rows"]]
        summary = dict(results["summary"])
        self.assertEqual(summary.pop("cells"), len(cells))
        for status, count in summary.items():
            self.assertEqual(count, statuses.count(status), status)
        for row in results["rows"]:
            self.assertEqual(row["status"] == "ok", row["reason"] is None, row)

    def wait_for_rows(self, count, journal="out.json.journal", timeout=30):
        """Until the journal of a run holds `count` rows."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            try:
                rows = (self.folder / journal).read_text().count('\n{"row"')
            except FileNotFoundError:
                rows = -1
            if rows >= count:
                return
            time.sleep(0.01)
        self.fail(f"no {count} rows in the journal within {timeout} s")

    def golden(self, name, text):
        path = GOLDEN / name
        if os.environ.get("GOLDEN_UPDATE") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if not path.exists():
            self.fail(f"{path} is missing; GOLDEN_UPDATE=1 writes it")
        self.maxDiff = None
        self.assertEqual(path.read_text(), text, f"{path}; GOLDEN_UPDATE=1 rewrites it")


def needs(*tools):
    """Skips a test or a class where a program is not installed."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    return unittest.skipIf(missing, f"not installed: {' '.join(missing)}")


def npy(shape, values, kind="<f4"):
    """The bytes of a .npy file. Of V2, ml_dtypes' bfloat16, and u2 the values are bits."""
    code = {"f2": "e", "f4": "f", "f8": "d", "b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H",
            "i4": "i", "i8": "q", "u8": "Q", "V2": "H"}[kind[1:]]
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}\n".encode()
    body = b"".join(struct.pack("<" + code, v) for v in values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def bf16(value):
    """The bits of the bfloat16 that a float is cut to."""
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16


def find_device(test):
    """The id of ATTNBENCH_TEST_DEVICE, or of PoCL's CPU, or else of whatever there is; or None."""
    result = test.attnbench("devices", "--json", timeout=120)
    devices = json.loads(result.stdout)["devices"] if result.stdout else []
    if not devices:
        return None
    ids = [d["id"] for d in devices]
    wanted = os.environ.get("ATTNBENCH_TEST_DEVICE")
    return wanted or next((i for i in ids if "pocl" in i), ids[0])


def main():
    """Exit status: 0 all passed, 1 failures, 77 nothing but skips."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun == 0:
        sys.exit("no tests were found")
    sys.exit(SKIP if len(result.skipped) == result.testsRun else 0)
