"""The pages (*.md): every link, anchor and file that they name is there; every command of attnbench in
them is one that the program takes, and runs on the scripted device where one can; scripts have the
options that pages give them; host/README.md's map is that of host/; decisions have their form.
"""
import gzip
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import unittest

from harness import (INCOMPLETE, INTERRUPTED, NO_DEVICE, OK, PROGRAM, SOURCE, ProgramTest, main,
                     make_suite, npy)
from pages import (FOLDERS, PAGES, anchors, bad_command, bad_script, bad_scripts, code_blocks, commands,
                   dead_links, decision_faults, links, map_faults, map_missing, missing_files,
                   table_faults, unknown_options, words_of)


class Pages(unittest.TestCase):
    def expect_none(self, complaints):
        self.assertEqual(complaints, [], "\n" + "\n".join(complaints))

    def of_all(self, find):
        return [f"{page.relative_to(SOURCE)}:{complaint}" for page in PAGES
                for complaint in find(page.read_text(), page.parent)]

    def test_all_are_found(self):
        names = {str(page.relative_to(SOURCE)) for page in PAGES}
        self.assertLessEqual({"README.md", "host/README.md", "kernels/README.md", "suites/README.md",
                              "results/README.md", "docs/README.md", "docs/decisions.md"}, names)
        self.assertGreater(sum(len(links(page.read_text())) for page in PAGES), 100)

    def test_links(self):
        self.expect_none(self.of_all(dead_links))

    def test_files(self):
        self.expect_none(self.of_all(missing_files))

    def test_scripts(self):
        self.expect_none(self.of_all(lambda page, _: bad_scripts(page)))

    def test_commands_are_taken(self):
        self.expect_none(self.of_all(lambda page, _: [
            f"{number}: {line}: {complaint}" for number, line, _ in commands(page)
            for complaint in [bad_command(line)] if complaint]))

    def test_options_are_known(self):
        """But for those of other programs, which kernels/README.md speaks of."""
        self.expect_none(self.of_all(lambda page, folder: [
            complaint for complaint in unknown_options(page) if folder.name != "kernels"]))

    def test_what_sources_point_to(self):
        """Comments, messages and data name pages by their path from the repository's root."""
        complaints = []
        for folder in ["host", "kernels", "scripts", "cmake", "suites", "docs", "tests"]:
            for file in (SOURCE / folder).rglob("*"):
                if not file.is_file() or file.suffix in (".md", ".png", ".npy") or \
                        file.name == pathlib.Path(__file__).name or "corpus" in file.parts:
                    continue
                text = file.read_text(errors="replace")
                for name, anchor in re.findall(r"\b((?:[\w-]+/)+[\w-]+\.md)(#[\w-]+)?", text):
                    page = SOURCE / name
                    if name.startswith(("share/", "tmp/")) or not re.match(FOLDERS, name):
                        continue
                    if not page.is_file():
                        complaints.append(f"{file}: no {name}")
                    elif anchor and anchor[1:] not in anchors(page.read_text()):
                        complaints.append(f"{file}: no {name}{anchor}")
        self.expect_none(complaints)

    def test_every_page_of_docs_is_led_to(self):
        led = {(page.parent / target.partition("#")[0]).resolve()
               for page in [SOURCE / "README.md", SOURCE / "docs/README.md"]
               for _, target in links(page.read_text())}
        for page in (SOURCE / "docs").glob("*.md"):
            self.assertIn(page.resolve(), led)

    def test_the_readme_is_short(self):
        text = (SOURCE / "README.md").read_text()
        self.assertLessEqual(len(text.splitlines()), 90)
        self.assertEqual(len(re.findall(r"!\[", text)), 1)

    def test_tables(self):
        self.expect_none(self.of_all(lambda page, _: table_faults(page)))

    def test_the_map_of_host(self):
        page = (SOURCE / "host/README.md").read_text()
        self.expect_none([*map_faults(page), *map_missing(page)])

    def test_decisions(self):
        page = (SOURCE / "docs/decisions.md").read_text()
        self.assertGreater(page.count("\n### "), 25)
        self.expect_none(list(decision_faults(page)))
        self.assertNotIn("\n1. ", (SOURCE / "host/README.md").read_text())


class Faults(unittest.TestCase):
    """What the checks above are for is seen by them."""

    def test_links(self):
        here = SOURCE / "docs"
        for text, fault in [("[a](no-such.md)", "no file no-such.md"),
                            ("[a](compare.md#no-such)", "no heading #no-such"),
                            ("# A b: `c`\n[a](#a-b)", "no heading #a-b"),
                            ("![a](../results/none.png)", "no file")]:
            self.assertIn(fault, " ".join(dead_links(text, here)), text)
        for text in ["[a](compare.md#two-devices)", "# A b: `c`\n[a](#a-b-c)", "`[a](none.md)`",
                     "text\n\n    [a](none.md)", "[a](https://example.org/none)"]:
            self.assertEqual(list(dead_links(text, here)), [], text)

    def test_tables(self):
        good = "| a | b |\n|---|--:|\n| 1 | `x\\|y` |\n"
        self.assertEqual(list(table_faults(good)), [])
        for bad in [good + "| 1 | 2 | 3 |\n", good + "\n| 1 | 2 |\n", "text\n| 1 | 2 |\n"]:
            self.assertTrue(list(table_faults(bad)), bad)

    def test_files(self):
        for text, count in [("`host/none.c`", 1), ("`host/main.c`", 0), ("`../host/none.h`", 1),
                            ("`suites/quikc.json`", 1), ("`tests/cli/test_*.py`", 0)]:
            self.assertEqual(len(list(missing_files(text, SOURCE / "docs"))), count, text)

    def test_commands(self):
        for line, fault in [("attnbench run quick --fliter x", "did you mean --filter"),
                            ("attnbench rum quick", "unknown command"),
                            ("attnbench check FILE.json --device 0:0", "is no option of 'check'"),
                            ("attnbench report FILE.json --format htm | cat", "--format is one of"),
                            ("attnbench run quick --peaks=fersh", "expected one of"),
                            ("srun -n 16 attnbench run x --shrad auto", "did you mean --shard"),
                            ("build/release/attnbench inspect a b", "one argument too many"),
                            ("attnbench run quick --budget soon 2> log", "expected a time")]:
            self.assertIn(fault, bad_command(line), line)
        for line in ["attnbench run ... --progress json", "attnbench COMMAND --help",
                     "attnbench report *.json --format sqlite --out x   # more --no-such"]:
            self.assertEqual(bad_command(line), "", line)
        self.assertEqual(len(list(unknown_options("`--no-such` `--peaks fresh` `--minutes N`"))), 1)
        found = list(commands("a\n\n    attnbench devices\n    $ attnbench version\n\n`attnbench run x`\n"
                              "```\nattnbench check y\n```\n    attnbench no block\n"))
        self.assertEqual([line for _, line, _ in found],
                         ["attnbench devices", "attnbench version", "attnbench check y",
                          "attnbench run x"])

    def test_scripts(self):
        for line, fault in [("scripts/bnech", "there is no"), ("scripts/bench quikc", "no suite quikc"),
                            ("scripts/bench --bare --depts x", "has no --depts"),
                            ("scripts/bench quick --devise 0:0", "did you mean --device"),
                            ("scripts/test -L untis", "label untis"), (".ci/run fzuz", "no lane"),
                            ("cmake --build --preset relaese", "no preset")]:
            self.assertIn(fault, bad_script(line), line)
        for line in ["scripts/bench gpt-2 --budget 5m", "scripts/bench --bare --deps deps --out here",
                     "scripts/test -L peers -V", "cmake --preset package -DX=y", ".ci/run fuzz"]:
            self.assertEqual(bad_script(line), "", line)

    def test_host(self):
        page = (SOURCE / "host/README.md").read_text()
        row = next(line for line in page.splitlines() if line.startswith("| `report/`"))
        for old, new, fault in [
                (row, f"{row}\n{row}", "report/ stands in the map 2 times"),
                (row, "", "report/ stands in the map 0 times"),
                ("`measure/sampling.c`", "`measure/sample.c`", "measure/sample.c: no such file"),
                ("`report/ranking.h`", "`rank_it` in `report/ranking.h`", "rank_it is not in"),
                ("`words_unlink`", "`words_unlnik`", "words_unlnik: no such name")]:
            self.assertIn(old, page)
            broken = page.replace(old, new, 1)
            self.assertIn(fault, " ".join([*map_faults(broken), *map_missing(broken)]))

    def test_decisions(self):
        good = "## A\n\n### T\n- **What:** a\n- **Instead of:** b\n- **Why:** c\n"
        self.assertEqual(list(decision_faults(good)), [])
        for bad in [good.replace("Why", "Because"), good + good, good + "\n153. **New.** x\n",
                    good.replace("- **Instead of:** b\n", "")]:
            self.assertTrue(list(decision_faults(bad)), bad)


class Run(ProgramTest):
    """Each page's commands in a folder of its own, in their order, through the scripted device and
    with small suites under the real ones' names."""

    # The statuses that a command may end with, if not 0 only: no driver is there to be asked, and a
    # search has two seconds.
    STATUSES = {"doctor": {OK, NO_DEVICE}, "tune": {OK, INCOMPLETE}}
    # What is only parsed: what needs Oclgrind, or sides that no scripted device has (cli.test_ab runs
    # them).
    PARSED = {"lint", "ab"}

    STUBS = {
        "attnbench": """
            words=()
            while [[ $# -gt 0 ]]; do
                words+=("$1")
                if [[ $1 == --device ]]; then words+=(null); shift; fi
                shift
            done
            if [[ ${words[0]} == tune && " ${words[*]} " != *" --budget "* ]]; then
                words+=(--budget 2s)
            fi
            exec "$ATTNBENCH" "${words[@]}" """,
        "srun": """
            [[ $1 == -n ]] || exit 2
            for ((rank = 0; rank < $2; ++rank)); do
                SLURM_STEP_ID=0 SLURM_PROCID=$rank SLURM_STEP_NUM_TASKS=$2 "${@:3}" || exit
            done""",
        "bencher": "[[ $1 == run ]] && cat > /dev/null",
    }

    def setUp(self):
        super().setUp()
        self.tools = self.folder / "tools"
        self.model = self.folder / "model"
        (self.folder / "no-drivers").mkdir()
        for folder in [self.tools, self.model / "suites/models", self.model / "case",
                       self.model / "parts", self.model / "runs", self.model / "build/release"]:
            folder.mkdir(parents=True)
        for name, text in self.STUBS.items():
            stub = self.tools / name
            stub.write_text(f"#!/usr/bin/env bash\n{text}\n")
            stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
        os.symlink(self.tools / "attnbench", self.model / "build/release/attnbench")
        self.has_sqlite = "\nSQLite no" not in re.sub(" +", " ", self.attnbench("version").stdout)
        self.make_inputs()

    def make_inputs(self):
        for suite in (SOURCE / "suites").rglob("*.json"):
            name = suite.relative_to(SOURCE / "suites")
            if name.parts[0] != "cases":
                small = make_suite({"n": [4, 8]}, measure={"check": "none"})
                small["name"] = name.stem
                del small["sweeps"][0]["variants"]
                self.write(f"model/suites/{name}", small)
        shutil.copy(self.model / "suites/quick.json", self.model / "mine.json")
        devices = {"devices": [{"id": name, "type": "cpu"} for name in ["gpu-0", "cpu-0"]]}
        self.attnbench("run", "model/suites/quick.json", "--device", "null-all", "--quiet", "--out",
                       "model/run.json", script=devices, status=OK)
        for name in ["FILE", "old", "new", "base", "good", "a", "b", "c", "A", "B", "before", "after",
                     "parts/1", "runs/1"]:
            self.attnbench("run", "model/suites/quick.json", "--device", "null", "--quiet", "--out",
                           f"model/{name}.json", status=OK)
        (self.model / "old.json.gz").write_bytes(
            gzip.compress((self.model / "old.json").read_bytes()))
        self.write("model/case/case.json", "{}")
        self.write("model/case/tokens.txt", "a\nb\n")
        for tensor in "qkv":
            self.write(f"model/case/{tensor}.npy", npy((1, 1, 2, 4), [0.5, 1, 2, 3, 4, 5, 6, 7]))

    def interrupt_a_run(self, folder):
        """FILE.json, as an interrupt leaves it."""
        process = self.start("run", self.model / "suites/quick.json", "--device", "null", "--quiet",
                             "--out", folder / "FILE.json", "--force", script={"pause_s": 0.05})
        self.wait_for_rows(1, folder / "FILE.json.journal")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)

    def prepare(self, folder, words):
        """Before a command: its output is not there yet, and what it goes on from is."""
        for old in folder.glob("null-0--*"):
            old.unlink()
        if words[1] == "run" and "--out" in words:
            (folder / words[words.index("--out") + 1]).unlink(missing_ok=True)
        if "--resume" in words:
            self.interrupt_a_run(folder)
        if any(word.startswith("parts/") for word in words):
            for old in (folder / "parts").iterdir():
                old.unlink()

    def run_page(self, name, text, inline=False):
        """How many commands ran; what went wrong."""
        folder = self.folder / "pages" / name.replace("/", "-")
        shutil.copytree(self.model, folder, symlinks=True)
        environment = self.environment(
            PATH=f"{self.tools}:{os.environ['PATH']}", ATTNBENCH=str(pathlib.Path(PROGRAM).resolve()),
            ATTNBENCH_DEVICE="null", OCL_ICD_VENDORS=str(self.folder / "no-drivers"))
        exports = dict(line.removeprefix("export ").split("#")[0].strip().split("=")
                       for _, line in code_blocks(text) if line.startswith("export "))
        ran, complaints = 0, []
        for number, line, block in commands(text):
            words = words_of(line)
            if not (block or inline) or words[1] in self.PARSED or "COMMAND" in words:
                continue
            if "sqlite" in words and not self.has_sqlite:
                continue
            self.prepare(folder, words)
            more = {**exports} if block else {}
            if "auto" in words and not line.startswith("srun"):
                more.update(SLURM_STEP_ID="0", SLURM_PROCID="0", SLURM_STEP_NUM_TASKS="2")
            result = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=folder, text=True,
                                    env={**environment, **more}, stdin=subprocess.DEVNULL,
                                    capture_output=True, timeout=120)
            ran += 1
            if result.returncode not in self.STATUSES.get(words[1], {OK}):
                complaints.append(f"{name}:{number}: {line}: exit status {result.returncode}\n"
                                  f"{result.stdout[-500:]}{result.stderr[-500:]}")
        return ran, complaints

    def test_commands_run(self):
        ran, complaints = 0, []
        for page in PAGES:
            name = str(page.relative_to(SOURCE))
            count, more = self.run_page(name, page.read_text(), inline=name == "docs/README.md")
            ran += count
            complaints += more
        self.assertEqual(complaints, [], "\n" + "\n".join(complaints))
        self.assertGreater(ran, 70)

    def test_a_command_that_fails_is_seen(self):
        ran, complaints = self.run_page("page.md", "x\n\n    attnbench check no-such.json\n"
                                                   "    attnbench check FILE.json\n")
        self.assertEqual((ran, len(complaints)), (2, 1))
        self.assertIn("no-such.json", complaints[0])


main()
