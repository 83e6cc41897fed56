"""cmake --install into an empty prefix, which is then moved; how suites are found by name; and
version.h, which follows the checkout.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import BAD_INPUT, BUILD, OK, SOURCE, ProgramTest, main, make_suite, needs


@needs("cmake")
class Install(ProgramTest):
    def setUp(self):
        super().setUp()
        first = self.folder / "first"
        result = subprocess.run(["cmake", "--install", BUILD, "--prefix", first], text=True,
                                capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.prefix = self.folder / "moved/prefix"
        self.prefix.parent.mkdir()
        first.rename(self.prefix)
        (self.folder / "elsewhere").mkdir()

    def call(self, *command, status=0, **more):
        environment = self.environment(PATH=f"{self.prefix}/bin:{os.environ['PATH']}", **more)
        result = subprocess.run(list(map(str, command)), cwd=self.folder / "elsewhere", text=True,
                                env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=120)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def test_files(self):
        there = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file()}
        suites = {f"share/attnbench/suites/{p.relative_to(SOURCE / 'suites')}"
                  for p in (SOURCE / "suites").rglob("*.json")}
        self.assertGreater(len(suites), 20)
        self.assertLessEqual(suites | {
            "bin/attnbench", "share/man/man1/attnbench.1", "share/doc/attnbench/LICENSE",
            "share/bash-completion/completions/attnbench", "share/zsh/site-functions/_attnbench",
            "share/fish/vendor_completions.d/attnbench.fish",
            "share/attnbench/kernels/include/shape.h", "share/attnbench/kernels/README.md",
            "share/doc/attnbench/README.md", "share/doc/attnbench/suites/README.md",
            "share/doc/attnbench/kernels/README.md"}, there)
        pages = {f"share/doc/attnbench/docs/{page.name}" for page in (SOURCE / "docs").glob("*.md")}
        self.assertGreater(len(pages), 10)
        self.assertEqual({name for name in there if name.startswith("share/doc/attnbench/docs/")},
                         pages - {"share/doc/attnbench/docs/decisions.md"} |
                         {"share/doc/attnbench/docs/claims.png"})
        self.assertEqual({name.split("/")[0] for name in there}, {"bin", "share"})
        self.assertTrue(os.access(self.prefix / "bin/attnbench", os.X_OK))

    def test_it_runs_from_anywhere(self):
        self.call("attnbench", "run", "quick", "--device", "null", "--quiet", "--filter",
                  "n_q=128,.*naive", "--check", "none", "--peaks", "none", "--out", "out.json")
        self.call("attnbench", "check", "out.json")
        names = self.call("attnbench", "docs", "suites").stdout.split()
        self.assertLessEqual({"quick", "standard", "models/gpt-2"}, set(names))
        for name in ["models/gpt-2", "gpt-2"]:
            self.call("attnbench", "plan", name, "--device", "null")
        kernels = self.prefix / "share/attnbench/kernels"
        shutil.copytree(kernels / "fused", self.folder / "elsewhere/mine")
        variant = self.folder / "elsewhere/mine/variant.json"
        variant.write_text(variant.read_text().replace('"fused"', '"mine"', 1))
        self.call("attnbench", "plan", "quick", "--device", "null", "--kernels", "mine",
                  "--variants", "mine")

    @needs("man")
    def test_man(self):
        shown = self.call("man", "-l", self.prefix / "share/man/man1/attnbench.1").stdout
        self.assertIn("SYNOPSIS", shown)

    @needs("bash")
    def test_bash_completion_finds_it(self):
        loader = pathlib.Path("/usr/share/bash-completion/bash_completion")
        if not loader.exists():
            self.skipTest("not installed: bash-completion")
        shown = self.call("bash", "--norc", "-c", f". {loader}; __load_completion attnbench; "
                          "complete -p attnbench", XDG_DATA_DIRS=f"{self.prefix}/share").stdout
        self.assertEqual(shown.split(), ["complete", "-F", "_attnbench", "attnbench"])

    @needs("fish")
    def test_fish_finds_it(self):
        shown = self.call("fish", "-c", "complete -C 'attnbench run stan'",
                          XDG_DATA_DIRS=f"{self.prefix}/share:/usr/share",
                          HOME=str(self.folder)).stdout
        self.assertEqual(shown.split(), ["standard"])


class SuitePath(ProgramTest):
    def lengths(self, name, **more):
        plan = json.loads(self.attnbench("plan", name, "--device", "null", "--json", status=OK,
                                         **more).stdout)
        return {int(re.search(r"n_q=(\d+)", cell["cell"])[1]) for cell in plan["cells"]}

    def put(self, path, n):
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        self.write(path, make_suite({"n": [n]}))

    def test_order(self):
        """Each place hides those after it."""
        self.assertNotIn(7, self.lengths("quick"))  # the checkout's
        self.put("own/models/quick.json", 3)
        self.assertEqual(self.lengths("quick", ATTNBENCH_SUITES="own"), {3})
        self.put("own/quick.json", 4)
        self.assertEqual(self.lengths("quick", ATTNBENCH_SUITES="own"), {4})
        self.put("suites/quick.json", 5)
        self.assertEqual(self.lengths("quick", ATTNBENCH_SUITES="own"), {5})
        self.put("quick", 6)
        self.assertEqual(self.lengths("quick", ATTNBENCH_SUITES="own"), {6})

    def test_a_folder_hides_no_suite(self):
        (self.folder / "quick").mkdir()
        self.assertGreater(len(self.lengths("quick")), 1)

    def test_unknown(self):
        for name, message in [("quikc", "there is no file and no suite 'quikc'; did you mean 'quick'?"),
                              ("elephant", "there is no file 'elephant', nor a suite of that name in")]:
            result = self.attnbench("plan", name, "--device", "null", status=BAD_INPUT)
            self.assertIn(message, result.stderr)
        self.assertIn("ATTNBENCH_SUITES", result.stderr)
        result = self.attnbench("plan", "a\x1b[31m", "--device", "null", status=BAD_INPUT)
        self.assertNotIn("\x1b", result.stderr)


@needs("cmake", "git")
class Version(ProgramTest):
    """cmake/version.cmake in a repository of its own."""
    def setUp(self):
        super().setUp()
        self.source = self.folder / "source"
        for name in ["host/version.h.in", "cmake/version.cmake"]:
            (self.source / name).parent.mkdir(parents=True)
            shutil.copy(SOURCE / name, self.source / name)
        for name in ["CMakeLists.txt", "host/main.c", "host/README.md", "kernels/a/a.cl",
                     "results/r.json"]:
            self.put(name, "one")

    def put(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *args, at=None):
        # No hooks, no signing, nothing of whoever runs the tests.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        environment.update(HOME=str(self.folder), GIT_CONFIG_NOSYSTEM="1",
                           GIT_COMMITTER_DATE="2020-02-03T04:05:06Z")
        return subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *args],
                              cwd=at or self.source, check=True, env=environment, text=True,
                              capture_output=True, timeout=60).stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "--short=12", "HEAD")

    def version(self, source=None, **more):
        """commit, date"""
        source, out = source or self.source, self.folder / "version.h"
        subprocess.run(["cmake", f"-DSOURCE={source}", "-DVERSION=1.2.3", f"-DOUT={out}", "-P",
                        source / "cmake/version.cmake"], check=True, timeout=60,
                       env=self.environment(**more))
        values = dict(re.findall(r'#define ATTNBENCH_(\w+) +"(.*)"', out.read_text()))
        self.assertEqual(values["VERSION"], "1.2.3")
        return values["COMMIT"], values["DATE"]

    def test_it_follows_the_checkout(self):
        self.git("init", "-q")
        first = self.commit()
        self.assertEqual(self.version(), (first, "2020-02-03"))
        written = (self.folder / "version.h").stat().st_mtime_ns
        self.version()
        self.assertEqual((self.folder / "version.h").stat().st_mtime_ns, written,
                         "what is unchanged must not look new")
        for name in ["results/new.json", "results/r.json", "host/README.md"]:
            self.put(name, "two")
            self.assertEqual(self.version()[0], first, name)
        for name in ["host/main.c", "kernels/a/a.cl", "CMakeLists.txt", "kernels/b/new.cl"]:
            self.put(name, "two")
            self.assertEqual(self.version()[0], f"{first}-dirty", name)
            second = self.commit()
            self.assertNotEqual(second, first)
            self.assertEqual(self.version()[0], second, name)
            first = second
        self.assertEqual(self.version(SOURCE_DATE_EPOCH="86400")[1], "1970-01-02")

    def test_a_tarball_has_no_commit(self):
        os.utime(self.source / "CMakeLists.txt", (1e9, 1e9))
        self.assertEqual(self.version(), ("unknown", "2001-09-09"))
        self.git("init", "-q", at=self.folder)  # unpacked within somebody's repository
        self.git("add", "source", at=self.folder)
        self.git("commit", "-q", "-m", "x", at=self.folder)
        self.assertEqual(self.version(), ("unknown", "2001-09-09"))


main()
