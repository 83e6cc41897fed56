"""Every option that names an output, with every kind of file behind the name: a pipe or device is
written to and stays, a link stays and its target is replaced, and what cannot be written is refused
before anything runs, leaving nothing behind. An input is never overwritten."""
import concurrent.futures
import functools
import os
import stat
import subprocess
import time

from harness import BAD_INPUT, INCOMPLETE, IO, OK, USAGE, main
from ways import OUT, OUTPUTS, SLOW_S, Ways

LINES = [(key, line, only_file) for key, lines in OUTPUTS.items() for line, only_file in lines]


def every_output():
    """For each a name for its file, the command line, and whether only a regular file will do."""
    return [(f"out{number}", line, only) for number, (_, line, only) in enumerate(LINES)]


def each_output(only_files=None):
    """The test is made once for each of them."""
    def wrap(test):
        @functools.wraps(test)
        def run(self):
            for name, line, only_file in every_output():
                if only_files is None or only_file == only_files:
                    with self.subTest(" ".join(line)):
                        test(self, name, line, only_file)
        return run
    return wrap


class Outputs(Ways):

    def refused(self, line, name, statuses=(IO,), left=()):
        """The line fails with one of the statuses, in time, names the file and leaves nothing."""
        before, began = self.names(), time.monotonic()
        result = self.call(*self.put(line, OUT=name))
        self.assertIn(result.returncode, statuses, result.stderr)
        self.assertLess(time.monotonic() - began, SLOW_S)
        self.assertIn(os.path.basename(str(name).rstrip("/")) or "''", result.stderr)
        self.assertEqual(self.names() - before, set(left))
        return result

    def test_every_output_of_the_table_is_tried(self):
        known = set(OUTPUTS) | {("plan", "--tuning"), ("run", "--tuning"), ("ab", "--tuning"),  # inputs
                                ("ab", "--with"),  # a program
                                ("compare", "--base")}
        found = {(command, option) for command, option, kind in self.table()
                 if option.startswith("--") and kind == "file"}
        self.assertEqual(found, known, "say in ways.py how a new option is called")

    @each_output()
    def test_a_new_file(self, name, line, _):
        self.call(*self.put(line, OUT=name), status=OK)
        self.assertGreater((self.folder / name).stat().st_size, 0)
        self.assertEqual({n for n in self.names() if n.startswith(name)}, {name})

    @each_output(only_files=False)
    def test_the_rights_of_a_file_stay(self, name, line, _):
        self.write(name, "old").chmod(0o640)
        self.call(*self.put(line, OUT=name), status=OK)
        self.assertNotEqual((self.folder / name).read_text(errors="replace"), "old")
        self.assertEqual((self.folder / name).stat().st_mode & 0o777, 0o640)

    def test_standard_output(self):
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                if only_file or "--weights" in line:  # which has its verdicts to write
                    self.refused(line, "-", (USAGE,))
                    continue
                self.call(*self.put(line, OUT=name), status=OK)
                want = (self.folder / name).read_bytes()
                for way in ("-", "/dev/stdout"):
                    got = subprocess.run(self.command() + self.put(line, OUT=way), cwd=self.folder,
                                         env=self.environment(**self.quiet), capture_output=True)
                    self.assertEqual(got.returncode, OK, got.stderr)
                    self.assertEqual(got.stdout, want, way)
        self.assertFalse((self.folder / "-").exists())

    @each_output(only_files=False)
    def test_standard_output_that_is_a_file(self, name, line, _):
        """--out /dev/stdout > FILE writes into that file, whose name the shell has opened."""
        if "--weights" in line:
            return
        with open(self.folder / name, "wb") as out:
            got = subprocess.run(self.command() + self.put(line, OUT="/dev/stdout"), stdout=out,
                                 cwd=self.folder, env=self.environment(**self.quiet),
                                 stderr=subprocess.PIPE)
        self.assertEqual(got.returncode, OK, got.stderr)
        self.assertGreater((self.folder / name).stat().st_size, 0)

    @each_output()
    def test_a_pipe_is_written_to(self, name, line, only_file):
        pipe = self.folder / name
        os.mkfifo(pipe)
        if only_file:
            self.refused(line, name, (USAGE,))
        else:
            reader, got = self.drain(pipe)
            self.call(*self.put(line, OUT=name), status=OK)
            reader.join(5)
            self.assertGreater(len(got[0]), 0)
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))

    def test_a_pipe_that_nobody_reads(self):
        def one(number):
            name = f"out{number}"
            os.mkfifo(self.folder / name)
            began = time.monotonic()
            result = self.call(*self.put(LINES[number][1], OUT=name))
            return result, time.monotonic() - began, (self.folder / name).stat().st_mode
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for (key, line, only_file), (result, seconds, mode) in zip(
                    LINES, pool.map(one, range(len(LINES)))):
                with self.subTest(" ".join(line)):
                    self.assertTrue(stat.S_ISFIFO(mode))
                    self.assertLess(seconds, 4 * SLOW_S)  # 3 s, and seven others beside it
                    if line[0] == "verify":  # the row says it: what was checked stays checked
                        self.assertIn(result.returncode, (IO, INCOMPLETE), result.stderr)
                    else:
                        self.assertEqual(result.returncode, USAGE if only_file else IO, result.stderr)
                        self.assertRegex(result.stderr, "nobody has opened it|it is a pipe")

    def test_devices(self):
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                if only_file:
                    self.refused(line, "/dev/null", (USAGE,))
                    self.refused(line, "/dev/full", (USAGE,))
                else:
                    self.call(*self.put(line, OUT="/dev/null"), status=OK)
                    full = self.call(*self.put(line, OUT="/dev/full"))
                    self.assertIn(full.returncode, (IO, INCOMPLETE) if line[0] == "verify" else (IO,))
                    self.assertIn("No space left", full.stdout + full.stderr)
        for device in ("/dev/null", "/dev/full"):
            self.assertTrue(stat.S_ISCHR(os.stat(device).st_mode))

    @each_output()
    def test_sockets_and_folders(self, name, line, _):
        self.socket(self.folder / name)
        self.refused(line, name)
        self.assertTrue(stat.S_ISSOCK((self.folder / name).stat().st_mode))
        folder = f"{name}-folder"
        (self.folder / folder).mkdir()
        self.refused(line, folder)
        self.refused(line, folder + "/")
        os.symlink(folder, self.folder / f"{name}-link")
        self.refused(line, f"{name}-link")

    @each_output()
    def test_links(self, name, line, only_file):
        link, target = self.folder / name, self.folder / "far" / f"{name}-target"
        target.parent.mkdir(exist_ok=True)
        os.symlink(f"far/{name}-target", link)
        for there in (False, True):  # to nowhere: the file is made where the link points
            if there and not only_file:
                target.write_text("old")
            self.call(*self.put(line, OUT=name), status=OK)
            self.assertTrue(link.is_symlink())
            self.assertGreater(target.stat().st_size, 3)
            self.assertEqual([p.name for p in target.parent.iterdir()
                              if p.name.startswith(name)], [target.name])
        chain = self.folder / f"{name}-chain"
        os.symlink(name, chain)
        self.call(*self.put(line, OUT=chain.name), status=OK)
        self.assertTrue(link.is_symlink() and chain.is_symlink())

    def test_links_that_lead_nowhere_at_all(self):
        os.symlink("loop", self.folder / "loop")
        os.symlink("no/such/folder/file", self.folder / "lost")
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                self.refused(line, "loop")
                self.refused(line, "lost")

    def test_places_that_cannot_be_written(self):
        self.write("plain", "a file")
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                for place in ("no/such/folder/x", "plain/x", "/proc/attnbench-x", "/sys/attnbench-x",
                              "x" * 300, "y/" * 2100 + "x"):
                    result = self.call(*self.put(line, OUT=place))
                    self.assertEqual(result.returncode, IO, result.stderr)
                    self.assertNotIn("Traceback", result.stderr)
                self.refused(line, "", (USAGE,))
        self.assertEqual({n for n in self.names() if n.endswith((".tmp", ".journal"))}, set())

    def test_a_file_that_may_not_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything")
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                self.write(name, "precious").chmod(0o444)
                self.refused(line, name)
                self.assertEqual((self.folder / name).read_text(), "precious")

    def test_a_full_disk(self):
        work = self.folder / "disk"
        work.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", work],
                               capture_output=True, text=True)
        if mount.returncode:
            self.skipTest(f"no tmpfs: {mount.stderr.strip()}")
        try:
            with self.assertRaises(OSError), open(work / "filler", "wb") as filler:
                while True:
                    filler.write(bytes(1024))
                    filler.flush()
            for name, line, _ in every_output():
                with self.subTest(" ".join(line)):
                    result = self.refused(line, f"disk/{name}")
                    self.assertIn("No space left", result.stderr)
        finally:
            subprocess.run(["umount", "-l", work], check=True)

    def test_an_input_is_no_output(self):
        inputs = {"run": "s.json", "tune": "s.json", "merge": "a.json", "report": "a.json",
                  "compare": "b.json", "check": "a.json", "inspect": "case/q.npy",
                  "verify": "case/case.json", "ab": "s.json"}
        for name, line, only_file in every_output():
            with self.subTest(" ".join(line)):
                source = self.folder / inputs[line[0]]
                before = source.read_bytes()
                os.link(source, self.folder / f"{name}-hard")
                os.symlink(inputs[line[0]], self.folder / f"{name}-soft")
                for way in (inputs[line[0]], "./" + inputs[line[0]], source, f"{name}-hard",
                            f"{name}-soft", f"case/../{inputs[line[0]]}"):
                    result = self.refused(line, way, (USAGE,))
                    self.assertIn("is read by this command", result.stderr)
                self.assertEqual(source.read_bytes(), before)

    def test_what_is_in_an_input_folder(self):
        """Parts of a folder, kernels and named suites count, too; weights of a case do not."""
        self.refused(["merge", "parts", "--out", OUT], "parts/1.json", (USAGE,))
        for line in (OUTPUTS["run", "--out"][0][0], OUTPUTS["tune", "--out"][0][0]):
            self.refused(line + ["--kernels", "mine"], "mine/variant.json", (USAGE,))
            (self.folder / "tree").mkdir(exist_ok=True)
            if not (self.folder / "tree/mine").exists():
                os.symlink("../mine", self.folder / "tree/mine")
            self.refused(line + ["--kernels", "tree"], "tree/mine/naive.cl", (USAGE,))
        self.call("run", "s.json", "--device", "null", "--out", "t.json", "--peaks", "none",
                  "--quiet", status=OK)
        line = OUTPUTS["verify", "--weights"][0][0]
        for _ in range(2):
            self.call(*self.put(line, OUT="weights.npy"), status=OK)

    def test_a_journal_is_in_the_way(self):
        """What stands where the journal goes is never replaced, nor waited for."""
        line = OUTPUTS["run", "--out"][0][0]
        for kind in ("pipe", "folder", "socket", "link"):
            with self.subTest(kind):
                journal = self.folder / f"{kind}.json.journal"
                if kind == "pipe":
                    os.mkfifo(journal)
                elif kind == "folder":
                    journal.mkdir()
                elif kind == "socket":
                    self.socket(journal)
                else:
                    os.symlink("nowhere", journal)
                mode = journal.lstat().st_mode
                result = self.call(*self.put(line, OUT=f"{kind}.json"))
                self.assertEqual(result.returncode, IO, result.stderr)
                self.assertEqual(journal.lstat().st_mode, mode)
                resumed = self.call("run", "--resume", f"{kind}.json", "--quiet", timeout=10)
                self.assertEqual(resumed.returncode, BAD_INPUT, resumed.stderr)


main()
