"""Hostile strings: what drivers and files say stays text, in the terminal and in every format."""
import csv
import html
import io
import itertools
import json
import os
import re
import sqlite3
import unicodedata

from harness import BAD_INPUT, OK, USAGE, ProgramTest, main, make_suite

# Escape sequences, an override of reading direction, markup, a formula, a table cell of its own.
NASTY = "=cmd|' /C calc'!A0 \x1b[2J\x1b]0;owned\x07 \u202egnp.exe <img src=x onerror=alert(1)> `a` |b|"
# A NUL ends a string.
STRINGS = [NASTY, "a\0b", "<script>alert(1)</script></summary></details>", "\x1b[31mred\x1b]8;;http://a\x07",
           "=cmd()", "-- | `a` | ```\n# b\n\n---\n<!--", "two\r\nlines\u2028and\u2029more", "\u202egnp",
           "\ufeff\u200f\u2066", "'); DROP TABLE run; --", "%s%n{}${x}\\",
           '"quoted", with a comma']
# What the files of a test hold: every string in several places, every place with several strings.
FILES = [STRINGS[start:] + STRINGS[:start] for start in (0, 2, 5)] + [["x" * 1_000_000],
                                                                      ["\u202e" * 100_000]]
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "  =1+1",
            "\u00a0=1+1", "\u200b=1+1", "\ufeff=1+1", "\u2060\u200d=1+1", "\u3000 =1+1", "\u00ad=1+1",
            "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(A1)", "\u00a0\uff1d1+1", "\ufe661+1",
            "\u207c1", "\u22121+1", "\u180e=1", "\ufe0f=1", "\U000e0020=1"]
# What makes a link of itself in a comment on GitHub, or in any reader of CommonMark with autolinks.
LINKS = ["http://a.example/x", "HTTPS://A.example", "ftp://a.example", "www.a.example", "WWW.a.example",
         "me@a.example", "mailto:me@a", "xmpp:me@a", "@someone", "(@team/one)", "#123", "a/b#1", "GH-12"]
LINK = re.compile(r"://|www\.|mailto:|xmpp:|(?<![\w])@\w|@[\w-]+[./]\w|#\d|gh-\d", re.I)
DEVICE = {"id": "null-0", "type": "gpu",
          **{key: NASTY for key in ("name", "vendor", "driver", "platform", "opencl_c")}}


class Hostile(ProgramTest):
    def expect_harmless(self, text, what):
        for character in set(text):
            if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf"):
                self.fail(f"{what} holds {character!a}: {text[:10000]!a}")

    def run_nasty(self, **script):
        suite = make_suite({NASTY: {"n": [4, 8, 16]}}, name=NASTY, title=NASTY)
        self.write("s.json", suite)
        return self.attnbench("run", "s.json", "--device", "null", "--out", "out.json",
                              script={"devices": [DEVICE], **script})

    def test_the_terminal(self):
        script = {"devices": [DEVICE]}
        ran = self.run_nasty(faults=[{"at": "build", "variant": "naive", "do": "print"},
                                     {"at": "build", "variant": "fused", "do": "fail"}])
        self.expect_harmless(ran.stdout + ran.stderr, "run")
        for command in (["devices"], ["devices", "--json"], ["variants"], ["plan", "s.json"],
                        ["plan", "s.json", "--json"], ["run", "s.json", "--variants", NASTY],
                        ["plan", "s.json", "--filter", NASTY + "("], ["plan", NASTY],
                        ["plan", "s.json", "--set", NASTY]):
            device = [] if command[0] == "devices" else ["--device", "null"]
            result = self.attnbench(*command, *device, script=script,
                                    **({"ATTNBENCH_DEVICE": "null"} if not device else {}))
            self.assertIn(result.returncode, (OK, USAGE, BAD_INPUT), result.stderr)
            self.expect_harmless(result.stdout + result.stderr, command[0])

    def test_reports(self):
        self.run_nasty()
        results = self.results()
        self.expect_harmless((self.folder / "out.json").read_text(), "the results file")
        # As another program may have written it.
        results["devices"][0]["name"] = results["rows"][0]["reason"] = NASTY
        results["rows"][0]["status"] = "error"
        results["rows"][1]["worker_output"] = NASTY * 3
        for key, count in (("error", 1), ("ok", len(results["rows"]) - 1)):
            results["summary"][key] = count
        self.write("nasty.json", results)
        for report in (["check", "nasty.json"], ["report", "nasty.json"]):
            result = self.attnbench(*report)
            self.expect_harmless(result.stdout + result.stderr, report[0])
        markdown = result.stdout
        self.assertNotIn("<img", markdown)
        for table in markdown.split("\n\n"):
            rows = [line.replace("\\|", "") for line in table.split("\n") if line.startswith("|")]
            self.assertLessEqual(len({row.count("|") for row in rows}), 1, table)

    def nasty_file(self, texts):
        """As another program may have written it: the texts in turn wherever a string is free."""
        text = lambda turn=itertools.cycle(texts): next(turn)
        results = json.loads(self.clean)
        device, rows, sweep = results["devices"][0], results["rows"], text()
        for key in ("name", "vendor", "driver", "platform", "opencl_c", "extensions", "id"):
            device[key] = text()
        for key in ("id", "started_utc", "tool_version", "git_commit"):
            results["run"][key] = text()
        results["run"]["suite"]["name"] = text()
        results["run"]["host"]["name"] = text()
        results["run"]["argv"] = [text()]
        for row in rows:
            row["device"], row["worker_output"], row["sweeps"] = device["id"], text(), [sweep]
        rows[0].update(status="error", reason=text(), cell=text(), phase=text())
        rows[1]["variant"] = text()
        rows[1]["time"]["clock_reason"] = text()
        rows[2]["passes"] = [{"kernel": text(), "median_s": 1}]
        results["scaling"] = []
        results["summary"].update(error=1, ok=len(rows) - 1)
        return self.write("nasty.json", results)

    def expect_whole(self, name, text):
        """The format is what it was, and holds no more than text."""
        self.expect_harmless(text.replace("\r\n", "\n"), name)
        if name in ("gbench", "bmf"):
            json.loads(text)
        elif name == "csv":
            table = list(csv.reader(io.StringIO(text, newline="")))
            self.assertEqual({len(row) for row in table}, {len(table[0])})
            for cell in (cell for row in table for cell in row):
                if cell.lstrip().startswith(("=", "+", "-", "@")):
                    float(cell)
        elif name == "md":
            self.assertLess(len(text), 65536)
            self.assertEqual(re.sub(r"</?(details|summary)>", "", text).count("<"), 0)
            for tag in ("details", "summary"):
                self.assertEqual(text.count(f"<{tag}>"), text.count(f"</{tag}>"))
            for heading in re.findall(r"(?m)^#.*", text):
                self.assertRegex(heading, r"^(## attnbench: |### Not ok$|### .* on )")

    def test_every_format(self):
        self.run_nasty()
        self.clean = (self.folder / "out.json").read_text()
        for texts in FILES:
            self.nasty_file(texts)
            for name in ("md", "csv", "gbench", "bmf"):
                with self.subTest(format=name, first=texts[0][:40]):
                    result = self.attnbench("report", "nasty.json", "--format", name, status=OK)
                    self.expect_whole(name, result.stdout)
                    self.assertEqual(result.stderr, "")
            with self.subTest(format="check", first=texts[0][:40]):
                result = self.attnbench("check", "nasty.json")
                self.expect_harmless(result.stdout + result.stderr, "check")

    def test_the_database(self):
        self.run_nasty()
        self.clean = (self.folder / "out.json").read_text()
        for texts in FILES:
            self.nasty_file(texts)
            result = self.attnbench("report", "nasty.json", "--format", "sqlite", "--out", "lab.db")
            if "without SQLite" in result.stderr:
                self.skipTest("built without SQLite")
            self.assertEqual(result.returncode, OK, result.stderr)
            self.expect_harmless(result.stderr, "report --format sqlite")
        with sqlite3.connect(self.folder / "lab.db") as database:
            for table in ("run", "device", "row"):
                for value in (value for row in database.execute(f"SELECT * FROM {table}")
                              for value in row if isinstance(value, str)):
                    self.expect_harmless(value, table)
            self.assertEqual(database.execute("SELECT count(*) FROM run").fetchone(),
                             (len(FILES),))

    def test_formulas_in_csv(self):
        self.run_nasty()
        results = self.results()
        results["rows"][0]["cell"] = results["rows"][0]["sweeps"][0] = "=HYPERLINK(1)"
        seen = 0
        for start in range(0, len(FORMULAS), len(results["rows"])):
            for row, text in zip(results["rows"], FORMULAS[start:]):
                row["worker_output"] = row["cell"] = text
            results["devices"][0]["name"] = FORMULAS[start]
            self.write("nasty.json", results)
            text = self.attnbench("report", "nasty.json", "--format", "csv", status=OK).stdout
            table = list(csv.reader(io.StringIO(text)))
            self.assertEqual(len({len(row) for row in table}), 1)
            for cell in (cell for row in table for cell in row):
                visible = "".join(c for c in unicodedata.normalize("NFKC", cell)
                                  if unicodedata.category(c)[0] not in "CZM").replace("\u2212", "-")
                if visible.startswith(("=", "+", "-", "@")):
                    float(cell)  # a number may keep its sign
                seen += visible.startswith("'")
        self.assertGreaterEqual(seen, 2 * len(FORMULAS) - 8)

    def test_links_in_markdown(self):
        """Names of devices, reasons and kernels become no links, by whatever a reader knows."""
        self.run_nasty()
        self.clean = (self.folder / "out.json").read_text()
        for start, link in enumerate(LINKS):
            with self.subTest(link):
                self.nasty_file([link] + LINKS[start:] + LINKS[:start])
                markdown = self.attnbench("report", "nasty.json", status=OK).stdout
                text = re.sub(r"`[^`]*`|```.*?```", "", markdown, flags=re.S).replace("\\", "")
                text = html.unescape(text)
                self.assertEqual([m.group() for m in LINK.finditer(text)], [], markdown[:3000])

    def test_a_folder_with_a_hostile_name(self):
        for name in ("\x1b[2J", "../up", "a b", "$(touch x)", "-rf", ""):
            with self.subTest(name=name):
                folder = self.folder / "kernels" / (name.replace("/", "_") or "empty")
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "k.cl").write_text("kernel void k() {}")
                (folder / "variant.json").write_text(json.dumps(
                    {"name": name, "supports": {}, "passes": [
                        {"kernel": "k", "groups": [1, 1, 1], "local": [1, 1, 1], "args": []}]}))
                self.write("s.json", make_suite({"n": [4]}))
                result = self.attnbench("plan", "s.json", "--device", "null", "--kernels", folder,
                                        status=BAD_INPUT)
                self.expect_harmless(result.stderr, name)
        self.assertFalse(os.path.exists(self.folder / "x"))

    def test_nothing_reaches_out_of_the_folder(self):
        (self.folder / "secret.clh").write_text("SECRET")
        for name in ("../secret.clh", "/etc/passwd", "..\\secret.clh", "..", "secret.clh"):
            folder = self.folder / "kernels" / "mine"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "k.cl").write_text(f'#include "{name}"\nkernel void k() {{}}')
            (folder / "variant.json").write_text(json.dumps(
                {"name": "mine", "supports": {}, "passes": [
                    {"kernel": "k", "groups": [1, 1, 1], "local": [1, 1, 1], "args": []}]}))
            self.write("s.json", make_suite({"n": [4]}))
            result = self.attnbench("plan", "s.json", "--device", "null", "--kernels", "kernels",
                                    status=BAD_INPUT)
            self.assertIn("k.cl:1: #include", result.stderr)


main()
