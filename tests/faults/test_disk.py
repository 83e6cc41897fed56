"""A disk that is full, fails, or takes half: the results file is the old one or the new one, whole;
the journal loses no row that was reported; the exit status is 6 and the message names the file.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import IO, OK, SKIP, ProgramTest, main, make_suite  # noqa: E402

SHIM = os.environ.get("ATTNBENCH_DISK_FAULTS", "")
CALLS = ["write", "fsync", "fdatasync", "rename"]


class Disk(ProgramTest):
    def setUp(self):
        super().setUp()
        if not SHIM:
            self.skipTest("the shim was not built")
        self.write("s.json", make_suite({"n": [4, 8, 12]}))
        self.cells = self.planned("s.json")
        self.work = self.folder / "disk"
        self.work.mkdir()

    def run_on(self, disk, *args):
        """A run whose files are in self.work, on a disk with this fault."""
        return self.attnbench(*args, "--quiet", script={}, LD_PRELOAD=SHIM,
                              ATTNBENCH_DISK=f"{self.work} {disk}")

    def clear(self):
        for path in self.work.iterdir():
            path.unlink()

    def expect_whole(self, old):
        """The results file, if there is one, is `old` or a valid one, and nothing lies beside it but
        the journal."""
        out = self.work / "out.json"
        if out.exists() and out.read_text() != old:
            rows = self.identities(json.loads(out.read_text()))
            self.assertEqual(len(set(rows)), len(rows))
            self.attnbench("check", out, status=OK)
        names = {p.name for p in self.work.iterdir()}
        self.assertLessEqual(names, {"out.json", "out.json.journal"})

    def test_every_call_fails_once(self):
        out = self.work / "out.json"
        self.run_on("none 1 EIO", "run", "s.json", "--device", "null", "--out", out, "--force")
        old = out.read_text()
        ended = collections.Counter()
        for call in CALLS:
            for how in ("ENOSPC", "EIO", "short") if call == "write" else ("EIO",):
                for k in range(1, 40):
                    with self.subTest(call=call, how=how, k=k):
                        self.clear()
                        out.write_text(old)
                        result = self.run_on(f"{call} {k} {how}", "run", "s.json", "--device",
                                             "null", "--out", out, "--force")
                        self.expect_whole(old)
                        ended[call, how, result.returncode] += 1
                        if result.returncode == OK:
                            self.expect_complete(json.loads(out.read_text()), self.cells)
                            self.assertFalse((self.work / "out.json.journal").exists())
                            continue
                        self.assertEqual(result.returncode, IO, result.stderr)
                        self.assertIn(str(out), result.stderr)
                        self.resume(out)
                    if result.returncode == OK and how != "short":
                        break  # fewer than k such calls
        for (call, how, status), count in sorted(ended.items()):
            print(f"    {call:9} {how:6} exit {status}: {count}", file=sys.stderr)
        for call in CALLS:
            self.assertGreater(ended[call, "EIO", IO], 0, f"{call} was never met")
        self.assertFalse(ended["write", "short", IO])

    def resume(self, out):
        """On a disk that works again the run is completed, from the journal where there is one."""
        if (self.work / "out.json.journal").exists():
            self.attnbench("run", "--resume", out, "--quiet", script={}, status=OK)
            self.expect_complete(json.loads(out.read_text()), self.cells)

    def test_a_disk_that_stays_full(self):
        out = self.work / "out.json"
        for k in range(1, 14):
            with self.subTest(k=k):
                self.clear()
                result = self.run_on(f"any {k}+ ENOSPC", "run", "s.json", "--device", "null",
                                     "--out", out)
                self.assertEqual(result.returncode, IO, result.stderr)
                self.assertIn("No space left on device", result.stderr)
                self.expect_whole(None)
                self.resume(out)

    def test_a_small_file_system(self):
        """Not the shim: a real one of 64 KiB, where one can be mounted."""
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.work],
                               capture_output=True, text=True)
        if mount.returncode:
            self.skipTest(f"no tmpfs: {mount.stderr.strip()}")
        try:
            out = self.work / "out.json"
            self.write("s.json", make_suite({"n": list(range(1, 60))}))
            cells = self.planned("s.json")
            result = self.attnbench("run", "s.json", "--device", "null", "--out", out, "--quiet",
                                    script={})
            self.assertEqual(result.returncode, IO, result.stderr)
            self.expect_whole(None)
            subprocess.run(["mount", "-o", "remount,size=16m", self.work], check=True)
            self.attnbench("run", "--resume", out, "--quiet", script={}, status=OK)
            self.expect_complete(json.loads(out.read_text()), cells)
        finally:
            subprocess.run(["umount", "-l", self.work], check=True)


main()
