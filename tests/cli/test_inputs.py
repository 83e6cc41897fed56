"""Every argument and option that names an input, with every kind of file behind the name: a regular
file is read, a pipe where the user names it, and everything else is refused by name, in time.
Caches that are no files are done without, with a word."""
import os
import shutil
import subprocess
import time

from harness import BAD_INPUT, OK, USAGE, main, make_suite
from ways import FOLDERS, INPUTS, OUTPUTS, RUN, SLOW_S, Ways

ODD = ["missing", "folder", "socket", "device", "lost link", "loop", "behind a file", "empty", "zeros",
       "long name"]


class Inputs(Ways):
    def setUp(self):
        super().setUp()
        self.call("tune", "s.json", "--device", "null", "--quiet", "--variants", "fused_tiled",
                  "--out", "t.json", status=OK)

    def make(self, kind, name):
        """What is named then."""
        path = self.folder / name
        if kind == "folder":
            path.mkdir()
        elif kind == "socket":
            self.socket(path)
        elif kind == "device":
            return "/dev/null"
        elif kind == "lost link":
            os.symlink("nowhere", path)
        elif kind == "loop":
            os.symlink(name, path)
        elif kind == "behind a file":
            return f"s.json/{name}"
        elif kind == "empty":
            path.write_bytes(b"")
        elif kind == "zeros":
            path.write_bytes(bytes(1000))
        elif kind == "long name":
            return "x" * 300 + ".json"
        return name

    def refused(self, line, name, statuses=(BAD_INPUT,)):
        began = time.monotonic()
        result = self.call(*self.put(line, IN=name), timeout=60)
        self.assertIn(result.returncode, statuses, result.stderr)
        self.assertIn(str(name)[-40:], result.stderr)
        self.assertLess(time.monotonic() - began, SLOW_S)
        return result

    def test_every_input_of_the_table_is_tried(self):
        # new writes a folder; lint takes its kernels as variants does, and a simulator for each
        outputs = set(OUTPUTS) | {("new", "--kernels"), ("lint", "--kernels"),
                                  ("ab", "-"), ("ab", "--with")}  # sides, a program: test_ab.py
        found = {(command, option) for command, option, kind in self.table()
                 if kind in ("file", "result", "suite", "folder")}
        self.assertEqual(found - outputs, set(INPUTS) | set(FOLDERS),
                         "say in ways.py how a new option is called")

    def test_what_is_no_file(self):
        number = 0
        for key, (line, _, _) in INPUTS.items():
            for kind in ODD:
                with self.subTest(" ".join(line), kind=kind):
                    number += 1
                    self.refused(line, self.make(kind, f"in{number}.json"))
                    (self.folder / "o.json.journal").unlink(missing_ok=True)

    def test_a_pipe_that_is_named(self):
        for key, (line, example, may_be_pipe) in INPUTS.items():
            with self.subTest(" ".join(line)):
                name = f"pipe-{'-'.join(key)}.json"
                os.mkfifo(self.folder / name)
                if may_be_pipe:
                    self.feed(self.folder / name, (self.folder / example).read_bytes())
                    self.call(*self.put(line, IN=name), status=OK, timeout=60)
                else:
                    self.refused(line, name)
                (self.folder / "o.json").unlink(missing_ok=True)

    def test_a_pipe_of_the_shell(self):
        """check <(...) and the like, also when the writer takes its time."""
        for key, (line, example, may_be_pipe) in INPUTS.items():
            if not may_be_pipe:
                continue
            for slow in ("", "sleep 4; "):
                with self.subTest(" ".join(line), slow=slow):
                    if slow and key not in (("check", "-"), ("plan", "-")):
                        continue  # it is the same function; four seconds each would be long
                    words = " ".join(f"<({slow}cat {example})" if word == "IN" else f"'{word}'"
                                     for word in line)
                    result = subprocess.run(["bash", "-c", f"'{self.command()[0]}' {words}"],
                                            cwd=self.folder, env=self.environment(**self.quiet),
                                            capture_output=True, text=True, timeout=60)
                    self.assertEqual(result.returncode, OK, result.stderr)

    def test_a_pipe_that_nobody_writes(self):
        for key, (line, _, may_be_pipe) in INPUTS.items():
            with self.subTest(" ".join(line)):
                name = f"pipe-{'-'.join(key)}.json"
                os.mkfifo(self.folder / name)
                result = self.refused(line, name)
                if may_be_pipe:
                    self.assertIn("nobody has opened it for writing", result.stderr)

    def test_a_pipe_whose_writer_leaves(self):
        for key, (line, _, may_be_pipe) in INPUTS.items():
            if may_be_pipe:
                with self.subTest(" ".join(line)):
                    name = f"pipe-{'-'.join(key)}.json"
                    os.mkfifo(self.folder / name)
                    self.feed(self.folder / name, b"")
                    self.refused(line, name)

    def test_what_stands_in_a_folder(self):
        """A pipe, socket, folder or link to nowhere among the files of a case, of kernels or parts."""
        number = 0
        for key, (line, folder, names) in FOLDERS.items():
            if key == ("inspect", "--kernels"):
                continue  # the reference alone needs none
            for name in names:
                for kind in ("pipe", "folder", "socket", "lost link"):
                    with self.subTest(" ".join(line), name=name, kind=kind):
                        number += 1
                        copy = self.folder / f"{folder}{number}" / folder
                        shutil.copytree(self.folder / folder, copy)
                        (copy / name).unlink(missing_ok=True)
                        if kind == "pipe":
                            os.mkfifo(copy / name)
                        else:
                            self.make(kind, str((copy / name).relative_to(self.folder)))
                        began = time.monotonic()
                        result = self.call(*self.put(line, IN=copy), timeout=60)
                        self.assertLess(time.monotonic() - began, SLOW_S)
                        self.assertIn(result.returncode, (BAD_INPUT, USAGE), result.stderr)
                        self.assertRegex(result.stderr, rf"{name}|no variant")
                        (self.folder / "o.json.journal").unlink(missing_ok=True)

    def test_caches_that_are_no_files(self):
        """A run does without them, and says so."""
        line = ["run", "s.json", "--device", "null", "--quiet", "--out", "o.json"]
        self.call(*line, "--peaks", "fresh", status=OK)
        cache = self.folder / "cache"
        files = [p for p in cache.rglob("*") if p.is_file()]
        self.assertEqual(sorted({p.parent.name for p in files}), ["locks", "measured", "peaks"])
        tuning = cache / "tuning" / next(p.name for p in files if p.parent.name == "peaks")
        tuning.parent.mkdir()
        files = [path for path in files if path.parent.name != "measured"]  # marks: only their names count
        for path in files + [tuning]:
            for kind in ("pipe", "folder", "socket", "lost link", "loop"):
                with self.subTest(path.parent.name, kind=kind):
                    if path.is_dir():
                        path.rmdir()
                    elif path.is_symlink() or path.exists():
                        path.unlink()
                    if kind == "pipe":
                        os.mkfifo(path)
                    else:
                        self.make(kind, str(path.relative_to(self.folder)))
                    began = time.monotonic()
                    result = self.call(*line, timeout=60)
                    self.assertEqual(result.returncode, OK, result.stderr)
                    self.assertLess(time.monotonic() - began, SLOW_S)
                    if kind in ("pipe", "folder", "socket"):
                        self.assertIn(path.name, result.stderr)
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def test_a_cache_folder_that_is_none(self):
        for kind in ("pipe", "socket", "empty", "lost link", "loop", "device"):
            with self.subTest(kind):
                name = f"cache-{kind.replace(' ', '-')}"
                if kind == "pipe":
                    os.mkfifo(self.folder / name)
                else:
                    name = self.make(kind, name)
                self.call(*RUN, "--out", "o.json", status=OK, timeout=60,
                          ATTNBENCH_CACHE_DIR=str(self.folder / name))

    def test_deep_brackets(self):
        """Nothing recurses as deeply as a file says."""
        for depth in (49, 1000, 1_000_000):
            for opening, closing in (("[", "]"), ('{"a":', "}")):
                text = opening * depth + "1" + closing * depth
                for key, (line, _, _) in INPUTS.items():
                    with self.subTest(" ".join(line), depth=depth, opening=opening):
                        if key != ("run", "--resume"):
                            self.write("deep.json", text)
                            self.refused(line, "deep.json")
                self.write("s2.json", {**make_suite({"n": [4]}), "comment": 1})
                self.write("s2.json", (self.folder / "s2.json").read_text().replace(
                    '"comment": 1', f'"comment": {text}'))
                self.refused(["plan", "IN", "--device", "null"], "s2.json")


main()
