"""How each command is called with each option that names a file: what tests over all commands, all
options and all kinds of files share. `OUT` and `IN` stand for the file that is tried."""
import os
import pathlib
import socket
import threading

from harness import OK, SOURCE, ProgramTest, make_suite, npy

OUT, IN = "OUT", "IN"
# What takes longer hangs; on a quiet machine all take well below 5 s.
SLOW_S = 15
RUN = ["run", "s.json", "--device", "null", "--peaks", "none", "--quiet", "--force"]
VERIFY = ["verify", "case", "--device", "null", "--variants", "naive"]
TUNE = ["tune", "s.json", "--device", "null", "--quiet", "--variants", "fused_tiled"]
AB = ["ab", "naive", "fused", "--device", "null", "--quiet", "--time", "0.1s", "--filter", "n_q=4,",
      "--suite"]

# (command, option): command lines; whether only a regular file will do; whether the file that was
# there is replaced (a database grows, a tuning file is added to)
OUTPUTS = {
    ("run", "--out"): [(RUN + ["--out", OUT], True)],
    ("tune", "--out"): [(TUNE + ["--out", OUT], True)],
    ("merge", "--out"): [(["merge", "a.json", "--out", OUT], False)],
    ("report", "--out"): [(["report", "a.json", "--format", name, "--out", OUT], name == "sqlite")
                          for name in ("md", "csv", "html", "gbench", "bmf", "sqlite")],
    ("compare", "--out"): [(["compare", "a.json", "b.json", "--format", name, "--out", OUT], False)
                           for name in ("text", "md", "json", "html", "junit")],
    ("ab", "--out"): [(AB + ["s.json", "--format", name, "--out", OUT], False)
                      for name in ("text", "md", "json", "html")],
    ("check", "--out"): [(["check", "a.json", "--format", "junit", "--out", OUT], False)],
    ("inspect", "--out"): [(["inspect", "case", "--device", "null", "--out", OUT], False)],
    ("verify", "--weights"): [(VERIFY + ["--weights", OUT], False)],
    ("verify", "--out"): [(VERIFY + ["--json", "--out", OUT], False)],
}

# (command, option or "-"): a command line, the file that stands for IN, and whether a pipe may be
# named there
INPUTS = {
    ("plan", "-"): (["plan", IN, "--device", "null"], "s.json", True),
    ("run", "-"): (["run", IN] + RUN[2:] + ["--out", "o.json"], "s.json", True),
    ("tune", "-"): (["tune", IN] + TUNE[2:] + ["--out", "t2.json"], "s.json", True),
    ("report", "-"): (["report", IN], "a.json", True),
    ("compare", "-"): (["compare", IN, "b.json"], "a.json", True),
    ("check", "-"): (["check", IN], "a.json", True),
    ("merge", "-"): (["merge", IN, "--out", "m.json"], "a.json", False),
    ("compare", "--base"): (["compare", "--base", IN, "b.json"], "a.json", True),
    ("run", "--resume"): (["run", "--resume", IN, "--quiet"], None, False),
    ("plan", "--tuning"): (["plan", "s.json", "--device", "null", "--tuning", IN], "t.json", True),
    ("ab", "--suite"): (AB + [IN], "s.json", True),
    ("ab", "--tuning"): (AB + ["s.json", "--tuning", IN], "t.json", False),
    ("run", "--tuning"): (RUN + ["--out", "o.json", "--tuning", IN], "t.json", True),
}
# Options of kind "folder" and what is read in the folder.
FOLDERS = {
    ("verify", "-"): (["verify", IN, "--device", "null", "--variants", "naive"], "case",
                      ["case.json", "q.npy", "k.npy", "v.npy"]),
    ("inspect", "-"): (["inspect", IN, "--device", "null"], "case",
                       ["case.json", "q.npy", "k.npy", "v.npy", "tokens.txt"]),
    ("merge", "-"): (["merge", IN, "--out", "m.json"], "parts", ["1.json", "x.journal"]),
    **{(command, "--kernels"): (line + ["--kernels", IN], "mine", ["variant.json", "k.cl", "k.clh"])
       for command, line in (("variants", ["variants", "--device", "null"]),
                             ("plan", ["plan", "s.json", "--device", "null"]),
                             ("run", RUN + ["--out", "o.json"]), ("tune", TUNE + ["--out", "t2.json"]),
                             ("verify", VERIFY), ("inspect", ["inspect", "case", "--device", "null"]),
                             ("ab", AB + ["s.json"]))},
}

# A line for each command that ends well.
LINES = {
    "devices": ["devices", "--device", "null"], "variants": ["variants", "--device", "null"],
    "plan": ["plan", "s.json", "--device", "null"], "run": RUN + ["--out", "o.json"],
    "tune": TUNE + ["--out", "t2.json"], "verify": VERIFY,
    "inspect": ["inspect", "case", "--device", "null"], "ab": AB + ["s.json"], "compare": ["compare", "a.json", "b.json"],
    "report": ["report", "a.json"], "check": ["check", "a.json"],
    "merge": ["merge", "a.json", "--out", "m.json"], "version": ["version"],
}
MORE_LINES = [VERIFY + ["--json"], ["inspect", "case", "--device", "null", "--json"],
              ["plan", "s.json", "--device", "null", "--json"], ["variants", "--device", "null", "--json"],
              ["plan", "s.json", "--device", "null", "--emit", "slurm"],
              ["plan", "s.json", "--device", "null", "--simulate", "2,4"],
              ["report", "a.json", "--format", "html"], ["check", "a.json", "--format", "junit"],
              ["compare", "a.json", "b.json", "--format", "json"], ["docs", "table"], ["docs", "man"],
              ["--help"], ["help"], ["--version"], ["-h"]]


class Ways(ProgramTest):
    """A folder that holds a good example of every input."""

    def setUp(self):
        super().setUp()
        # Nothing here is about drivers, which may open files of their own.
        self.quiet = {"OCL_ICD_VENDORS": str(self.folder)}
        self.write("s.json", make_suite({"n": [4, 8]}, measure={"max_time_s": 0.01}))
        for name in ("a.json", "b.json"):
            self.call(*RUN, "--out", name, status=OK)
        self.case("case")
        (self.folder / "parts").mkdir()
        (self.folder / "parts/1.json").write_bytes((self.folder / "a.json").read_bytes())
        (self.folder / "mine").mkdir()
        for name in ("variant.json", "naive.cl"):
            text = (SOURCE / "kernels/naive" / name).read_text()
            self.write(f"mine/{name}", text.replace('"name": "naive"', '"name": "mine"'))

    def call(self, *args, status=None, **more):
        return self.attnbench(*args, status=status, **{**self.quiet, **more})

    def case(self, name):
        (self.folder / name).mkdir()
        self.write(f"{name}/case.json", "{}")
        self.write(f"{name}/tokens.txt", "a\nb\n")
        for tensor in ("q", "k", "v"):
            self.write(f"{name}/{tensor}.npy", npy((1, 1, 2, 4), [0.5, 1, 2, 3, 4, 5, 6, 7]))

    def table(self):
        """(command, option or -, kind), from the program's own table of options."""
        rows = self.call("docs", "table", status=OK).stdout.splitlines()
        return [tuple(row.split("\t")[:3]) for row in rows]

    @staticmethod
    def put(line, **files):
        """The line with OUT and IN replaced."""
        return [str(files.get(word, word)) for word in line]

    def names(self):
        return {str(p.relative_to(self.folder)) for p in self.folder.rglob("*")
                if "cache" not in p.parts}

    @staticmethod
    def socket(path):
        with socket.socket(socket.AF_UNIX) as one:
            here = os.getcwd()
            os.chdir(pathlib.Path(path).parent)  # its name has few letters
            try:
                one.bind(pathlib.Path(path).name)
            finally:
                os.chdir(here)

    @staticmethod
    def feed(path, content):
        """A writer for a pipe, in the background; it gives up when nobody reads."""
        def write():
            try:
                with open(path, "wb") as pipe:
                    pipe.write(content)
            except OSError:
                pass
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        return thread

    @staticmethod
    def drain(path):
        """A reader of a pipe, in the background: (thread, list that gets the content)."""
        got = []
        def read():
            with open(path, "rb") as pipe:
                got.append(pipe.read())
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread, got

    def release(self, path):
        """Ends a reader or writer that still waits for the other end."""
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
