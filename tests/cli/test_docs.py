"""The man page and the completions that the build makes from the table of options: they name what
--help names, lint clean, complete in real shells, start no driver and run nothing that they read.
"""
import os
import pathlib
import pty
import re
import resource
import select
import shlex
import shutil
import subprocess
import time
import unittest

from harness import BUILD, OK, PROGRAM, SOURCE, USAGE, ProgramTest, main, needs

DOCS = BUILD / "docs"


class Docs(ProgramTest):
    def lines(self, *args, **more):
        return self.attnbench(*args, status=OK, **more).stdout.splitlines()

    def commands(self):
        return re.findall(r"^  (\w+) ", "\n".join(self.lines("--help")), re.M)

    def options(self, command):
        return re.findall(r"^  (--[\w-]+)", "\n".join(self.lines(command, "--help")), re.M)


class Table(Docs):
    def test_it_has_what_help_has(self):
        rows = [line.split("\t") for line in self.lines("docs", "table")]
        for row in rows:
            self.assertEqual(len(row), 5, row)
            self.assertTrue(all(row), row)
            self.assertNotIn("unknown", row[2], "docs.c: kinds: a line for this kind of argument")
        self.assertEqual([row[0] for row in rows if row[1] == "-"], self.commands())
        for command in self.commands():
            self.assertEqual([row[1] for row in rows if row[0] == command and row[1] != "-"],
                             self.options(command))

    def test_usage(self):
        self.assertIn("docs: expected man, table, suites or variants, found 'pdf'",
                      self.attnbench("docs", "pdf", status=USAGE).stderr)

    def test_variants(self):
        self.assertLessEqual({"naive", "fused", "clblast"}, set(self.lines("docs", "variants")))

    def test_suites_are_plain_names(self):
        """What a shell is given to offer must be nothing that a shell would run."""
        (self.folder / "suites/models").mkdir(parents=True)
        for name in ["mine.json", "models/mine-too.json", "$(touch run).json", "-x.json", "a b.json",
                     ".hidden.json", "quick.json", "text.txt", "new\nline.json"]:
            (self.folder / "suites" / name).write_text("{}")
        names = self.lines("docs", "suites")
        self.assertEqual(names, sorted(set(names)))
        self.assertLessEqual({"mine", "models/mine-too", "quick"}, set(names))
        for name in names:
            self.assertRegex(name, r"^(models/)?[A-Za-z0-9_][\w.-]*$")

    def test_no_driver_is_touched(self):
        (self.folder / "icd").mkdir()
        self.write("icd/x.icd", "libattnbench-no-such-driver.so\n")
        def loads_drivers(*args):
            self.attnbench(*args, LD_DEBUG="libs", LD_DEBUG_OUTPUT=f"{self.folder}/log",
                           OCL_ICD_VENDORS=f"{self.folder}/icd")
            logs = list(self.folder.glob("log.*"))
            found = any("no-such-driver" in log.read_text(errors="replace") for log in logs)
            for log in logs:
                log.unlink()
            return found
        if not loads_drivers("devices"):
            self.skipTest("this system does not say what a program loads")
        for what in ["table", "man", "suites", "variants"]:
            self.assertFalse(loads_drivers("docs", what))

    def test_it_is_fast(self):
        """By the processor's time, and the best of many: others may keep the machine busy."""
        if "sanitized" in self.attnbench("version", status=OK).stdout:
            self.skipTest("sanitizers take their time")
        def used():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime
        for what in ["suites", "variants"]:
            times = []
            for _ in range(10):
                before = used()
                self.attnbench("docs", what, status=OK)
                times.append(used() - before)
            self.assertLess(min(times), 0.05, what)


class ManPage(Docs):
    def page(self):
        return (DOCS / "attnbench.1").read_text(encoding="ascii")

    def test_it_has_what_help_has(self):
        page = self.page()
        sections = re.findall(r"^\.Sh (.*)", page, re.M)
        self.assertEqual(sections, ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "ENVIRONMENT",
                                    "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"])
        parts = dict(re.findall(r"^\.Ss (\w+)\n(.*?)(?=^\.S[sh] )", page, re.M | re.S))
        self.assertEqual(list(parts), self.commands())
        for command, part in parts.items():
            self.assertEqual(["-" + o for o in re.findall(r"^\.It Fl \\(-[\w-]+)", part, re.M)],
                             [o for o in self.options(command) if o != "--help"])

    def test_every_variable_that_is_read(self):
        read = set()
        for file in (SOURCE / "host").rglob("*.c"):
            read |= set(re.findall(r'getenv\("(\w+)"\)', file.read_text()))
        self.assertIn("ATTNBENCH_SUITES", read)
        told = set(re.findall(r"\w+", " ".join(re.findall(r"^\.It Ev (.*)", self.page(), re.M))))
        self.assertEqual(read - told, set())

    def test_every_exit_status(self):
        header = (SOURCE / "host/commands/options.h").read_text()
        statuses = re.findall(r"EXIT_\w+ = (\d+)", header)
        self.assertEqual(re.findall(r"^\.It (\d+)$", self.page(), re.M), statuses)

    @needs("mandoc")
    def test_mandoc_finds_nothing(self):
        result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", DOCS / "attnbench.1"],
                                text=True, capture_output=True, timeout=60)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    @needs("man", "groff")
    def test_man_shows_it(self):
        result = subprocess.run(["man", "--warnings", "-l", DOCS / "attnbench.1"], text=True,
                                env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
                                capture_output=True, timeout=60)
        self.assertEqual(result.stderr, "")
        for words in ["attnbench run SUITE ...", "--peaks [cached|fresh|none]",
                      "--set KEY=VALUES", "EXIT STATUS"]:
            self.assertIn(words, result.stdout)
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)

    @needs("cmake")
    def test_the_same_program_makes_the_same_bytes(self):
        for template, name in [("attnbench.1", "attnbench.1"), ("attnbench.bash", "attnbench.bash"),
                               ("attnbench.zsh", "_attnbench"), ("attnbench.fish", "attnbench.fish")]:
            out = self.folder / name
            subprocess.run(["cmake", f"-DPROGRAM={PROGRAM}", f"-DVERSION_H={BUILD}/version.h",
                            f"-DTEMPLATE={SOURCE}/docs/{template}.in", f"-DOUT={out}", "-P",
                            SOURCE / "cmake/docs.cmake"], check=True, cwd=self.folder, timeout=60,
                           env=self.environment(TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="86400"))
            self.assertEqual(out.read_bytes(), (DOCS / name).read_bytes(), name)


class Completion:
    """What every shell must offer. A shell's class has complete(lines) -> a list of sets of words."""
    EXACT = [
        ("attnbench ru", {"run"}),
        ("attnbench run --che", {"--check"}),
        ("attnbench run --check ", {"full", "sample", "none"}),
        ("attnbench run --check=s", {"sample"}),
        ("attnbench run --variants fused,nai", {"fused,naive"}),
        ("attnbench run --peaks=", {"cached", "fresh", "none"}),
        ("attnbench run --set n", {"n", "n_q", "n_kv"}),
        ("attnbench run standa", {"standard"}),
        ("attnbench plan models/gpt-", {"models/gpt-2", "models/gpt-3", "models/gpt-oss-20b"}),
        ("attnbench plan own", {"own-suite.json"}),
        ("attnbench devices --device ", {"all", "null", "pocl-cpu-7"}),
        ("attnbench verify ca", {"case"}),
        ("attnbench run --kernels ca", {"case"}),
        ("attnbench check resu", {"result.json"}),
        ("attnbench run --tuning tuni", {"tuning.txt"}),
        ("attnbench check --qui", {"--quiet"}),
        ("attnbench check --dev", set()),
        ("attnbench run --filter ", set()),
        ("attnbench docs ", set()),
        ("attnbench run --check full --quar", {"--quarantine"}),
        ("attnbench run pw", set()),
    ]

    def prepare(self):
        (self.folder / "case").mkdir()
        (self.folder / "suites").mkdir()
        self.write("suites/pw$(touch pwned).json", "{}")
        for name in ["own-suite.json", "result.json", "tuning.txt"]:
            self.write(name, "{}")
        self.path = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
        return self.environment(PATH=self.path, ATTNBENCH_DEVICE="pocl-cpu-7",
                                HOME=str(self.folder / "home"))

    def test_words(self):
        environment = self.prepare()
        answers = self.complete([line for line, _ in self.EXACT] + ["attnbench ",
                                                                    "attnbench run --"], environment)
        for (line, wanted), got in zip(self.EXACT, answers):
            with self.subTest(line=line):
                # A shell may add a slash, a comma or an equals sign, and repeat the option's name.
                self.assertEqual({re.sub(r"^--\w+=(?=.)", "", word).rstrip("/,=") for word in got},
                                 wanted)
        commands, options = answers[-2:]
        self.assertEqual({word for word in commands if word[0] != "-"}, set(self.commands()))
        self.assertEqual({word.rstrip("=") for word in options}, set(self.options("run")))
        self.assertFalse((self.folder / "pwned").exists())


@needs("bash")
class Bash(Completion, Docs):
    SCRIPT = """
        . "$1"
        complete -p attnbench > /dev/null || exit 1
        while IFS=$'\\t' read -r -a COMP_WORDS; do
            # A word that is being begun stands as a dot.
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            if [[ ${COMP_WORDS[COMP_CWORD]} == . ]]; then COMP_WORDS[COMP_CWORD]=; fi
            _attnbench
            printf '%s\\t' "${COMPREPLY[@]}"
            echo
        done
    """

    def complete(self, lines, environment):
        def words(line):  # as readline splits them
            return [w for w in re.split(r"\s+|(=)", line) if w] + ["."] * line.endswith(" ")
        result = subprocess.run(["bash", "--norc", "-c", self.SCRIPT, "bash",
                                 DOCS / "attnbench.bash"], cwd=self.folder, env=environment,
                                input="".join("\t".join(words(line)) + "\n" for line in lines),
                                text=True, capture_output=True, timeout=120)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [{word for word in line.split("\t") if word} for line in result.stdout.splitlines()]

    @needs("shellcheck")
    def test_shellcheck(self):
        result = subprocess.run(["shellcheck", DOCS / "attnbench.bash"], text=True,
                                capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout)


@needs("fish")
class Fish(Completion, Docs):
    def test_syntax(self):
        subprocess.run(["fish", "-n", DOCS / "attnbench.fish"], check=True, timeout=60)

    def complete(self, lines, environment):
        code = "".join(f"complete -C {shlex.quote(line)}; echo ====\n" for line in lines)
        result = subprocess.run(["fish", "--no-config", "-c",
                                 f"source {shlex.quote(str(DOCS / 'attnbench.fish'))}\n{code}"],
                                cwd=self.folder, env=environment, text=True, capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [{line.split("\t")[0] for line in answer.splitlines()}
                for answer in result.stdout.split("====\n")[:-1]]


@needs("zsh")
class Zsh(Completion, Docs):
    """On a terminal: TAB inserts all matches, and control-X writes what then stands there."""
    RC = """
        fpath=({folder}/functions $fpath)
        PS1='READY> '
        unsetopt beep
        autoload -Uz compinit; compinit -u -D
        zle -C all complete-word _generic
        zstyle ':completion:all:*' completer _all_matches _complete
        zstyle ':completion:all:*' insert yes
        show() {{ print -r -- "$BUFFER" > {folder}/new; mv {folder}/new {folder}/shown; BUFFER= }}
        zle -N show
        bindkey '^I' all
        bindkey '^X' show
    """

    def test_syntax(self):
        subprocess.run(["zsh", "-n", DOCS / "_attnbench"], check=True, timeout=60)

    def read_until(self, terminal, done, seconds=60):
        seen, until = b"", time.monotonic() + seconds
        while not done(seen):
            if time.monotonic() > until:
                self.fail(f"zsh does not answer: {seen[-500:]}")
            if select.select([terminal], [], [], 0.02)[0]:
                seen += os.read(terminal, 4096)

    def complete(self, lines, environment):
        home = self.folder / "home"
        (home / "functions").mkdir(parents=True)
        shutil.copy(DOCS / "_attnbench", home / "functions")
        (home / ".zshrc").write_text(self.RC.format(folder=home))
        master, terminal = pty.openpty()
        process = subprocess.Popen(["zsh", "-i", "-d"], stdin=terminal, stdout=terminal,
                                   stderr=terminal, cwd=self.folder, start_new_session=True,
                                   env={**environment, "ZDOTDIR": str(home), "TERM": "xterm"})
        os.close(terminal)
        shown, answers = home / "shown", []
        try:
            self.read_until(master, lambda seen: b"READY> " in seen)
            for line in lines:
                os.write(master, f"{line}\t\x18".encode())
                self.read_until(master, lambda seen: shown.exists())
                typed, text = shlex.split(line), shlex.split(shown.read_text())
                shown.unlink()
                begun = [] if line.endswith(" ") else typed[-1:]
                words = text[len(typed) - len(begun):]
                answers.append(set() if words == begun else set(words))
        finally:
            process.kill()
            process.wait()
            os.close(master)
        return answers


main()
