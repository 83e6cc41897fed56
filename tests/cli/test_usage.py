"""Help, typos, usage errors, devices: what the program says before it measures anything."""
import json
import re

from harness import (BAD_INPUT, IO, NO_DEVICE, OK, USAGE, ProgramTest, main, make_suite)

COMMANDS = ["devices", "variants", "plan", "run", "report", "check"]


class Help(ProgramTest):
    def test_help_lists_every_command_and_hides_the_worker(self):
        listed = re.findall(r"^  (\w+) ", self.attnbench("--help", status=OK).stdout, re.M)
        self.assertEqual([name for name in COMMANDS if name not in listed], [])
        self.assertNotIn("worker", listed)
        for command in listed:
            result = self.attnbench(command, "--help", status=OK)
            self.assertTrue(result.stdout.startswith(f"usage: attnbench {command} "), result.stdout)
            self.assertIn("  --help ", result.stdout)
            self.assertEqual(result.stderr, "")

    def test_other_ways_to_ask(self):
        whole = self.attnbench("--help", status=OK).stdout
        self.assertEqual(self.attnbench("help", status=OK).stdout, whole)
        self.assertEqual(self.attnbench("-h", status=OK).stdout, whole)
        self.assertEqual(self.attnbench("run", "-h", status=OK).stdout,
                         self.attnbench("run", "--help", status=OK).stdout)
        self.assertEqual(self.attnbench(status=USAGE).stdout, whole)

    def test_help_fits_eighty_columns(self):
        for command in [[], *[[c] for c in COMMANDS]]:
            for line in self.attnbench(*command, "--help", status=OK).stdout.splitlines():
                self.assertLessEqual(len(line.rstrip()), 80, line)

    def test_version(self):
        text = self.attnbench("--version", status=OK).stdout
        self.assertRegex(text, r"^attnbench \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|unknown)\)\n"
                               r"date +\d{4}-\d\d-\d\d\nbuild +\w+, (gcc|clang) \d")
        for name in ["OpenCL", "CLBlast", "OpenMP", "cJSON", "SQLite"]:
            self.assertRegex(text, rf"(?m)^{name} +(no|yes|\d[\d.]*)$")
        self.assertEqual(self.attnbench("version", status=OK).stdout, text)


class Usage(ProgramTest):
    CASES = [
        (["rum"], "unknown command 'rum'; did you mean 'run'?"),
        (["Report"], "unknown command 'Report'; did you mean 'report'?"),
        (["devics"], "unknown command 'devics'; did you mean 'devices'?"),
        (["elephant"], "unknown command 'elephant'; see attnbench --help"),
        (["--hlep"], "unknown command '--hlep'; see attnbench --help"),
        (["run", "--devise", "null"], "unknown option --devise; did you mean --device?"),
        (["run", "--fliter=x"], "unknown option --fliter; did you mean --filter?"),
        (["run", "--elephant"], "unknown option --elephant; see attnbench run --help"),
        (["check", "--device", "null"],
         "--device is no option of 'check'; it belongs to: devices variants plan run"),
        (["run", "-d", "null"],
         "unknown option -d; options are long here, see attnbench run --help"),
        (["run"], "'run' needs a SUITE, such as suites/quick.json; see attnbench run --help"),
        (["plan"], "'plan' needs SUITE...; see attnbench plan --help"),
        (["check"], "'check' needs RESULT...; see attnbench check --help"),
        (["report"], "'report' needs RESULT...; see attnbench report --help"),
        (["devices", "x"], "'x' is one argument too many for 'devices'"),
        (["run", "--device"], "--device needs a value: --device D"),
        (["run", "--quiet=1"], "--quiet takes no value"),
        (["run", "--budget", "soon"],
         "--budget: expected a time such as 60s, 5m or 1h, found 'soon'"),
        (["run", "--budget", "0"], "--budget: expected a time such as 60s, 5m or 1h, found '0'"),
        (["run", "--deadline=-1s"],
         "--deadline: expected a time such as 60s, 5m or 1h, found '-1s'"),
        (["run", "--seed", "-1"], "--seed: expected a whole number from 0 to 2^53, found '-1'"),
        (["run", "--seed", "1.5"], "--seed: expected a whole number from 0 to 2^53, found '1.5'"),
        (["run", "--seed", "9007199254740992"],
         "--seed: expected a whole number from 0 to 2^53, found '9007199254740992'"),
    ]
    ON_A_SUITE = [
        (["--variants", "nave"], 'unknown variant "nave"; did you mean "naive"?'),
        (["--filter", "("], "--filter '(': "),
        (["--set", "n"], '--set n: "n" is no assignment; expected KEY=VALUES'),
        (["--set", "dytpe=f16"],
         '--set dytpe=f16: unknown problem key "dytpe"; did you mean "dtype"?'),
        (["--set", "n=0"],
         "--set n=0: n: expected an integer from 1 to 1073741824, found 0"),
    ]
    ON_A_RUN = [
        (["--check", "maybe"], "--check: expected full, sample or none, found 'maybe'"),
        (["--isolate", "vm"], "--isolate: expected cell, device or none, found 'vm'"),
    ]

    def expect(self, args, message):
        result = self.attnbench(*args, status=USAGE)
        self.assertIn(f"attnbench: {message}", result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_mistakes(self):
        for args, message in self.CASES:
            with self.subTest(args=args):
                self.expect(args, message)

    def test_mistakes_with_a_suite(self):
        self.write("s.json", make_suite({"n": [8]}))
        for command in ["plan", "run"]:
            for args, message in self.ON_A_SUITE:
                with self.subTest(command=command, args=args):
                    self.expect([command, "s.json", "--device", "null", *args], message)

    def test_mistakes_of_a_run(self):
        self.write("s.json", make_suite({"n": [8]}))
        for args, message in self.ON_A_RUN:
            with self.subTest(args=args):
                self.expect(["run", "s.json", "--device", "null", "--out", "o.json", *args], message)
                self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["s.json"],
                                 "a usage error leaves no files behind")


class Devices(ProgramTest):
    SCRIPT = {"devices": [{"name": "Alpha one", "type": "cpu"},
                          {"name": "Alpha two", "type": "gpu", "compute_units": 4},
                          {"name": "Beta", "type": "gpu", "compute_units": 40}]}

    def test_list(self):
        result = self.attnbench("devices", "--device", "null", script=self.SCRIPT, status=OK)
        for word in ["null-0", "null-1", "null-2", "Alpha one", "8.00 GiB global"]:
            self.assertIn(word, result.stdout)
        self.assertRegex(result.stdout, r"null-2 .*\(default\)")
        self.assertEqual(result.stdout.count("(default)"), 1)

    def test_json(self):
        result = self.attnbench("devices", "--device", "null", "--json", script=self.SCRIPT,
                                status=OK)
        devices = json.loads(result.stdout)["devices"]
        self.assertEqual([d["id"] for d in devices], ["null-0", "null-1", "null-2"])
        self.assertEqual(devices[2]["compute_units"], 40)

    def test_no_device(self):
        result = self.attnbench("devices", "--device", "null", "--json", script={"devices": []},
                                status=NO_DEVICE)
        self.assertEqual(json.loads(result.stdout), {"devices": []})
        self.assertIn("no OpenCL device found", result.stderr)

    def test_unknown_device(self):
        self.write("s.json", make_suite({"n": [8]}))
        for command in [["devices"], ["variants"], ["plan", "s.json"], ["run", "s.json"]]:
            with self.subTest(command=command):
                result = self.attnbench(*command, "--device", "null-9", script=self.SCRIPT,
                                        status=NO_DEVICE)
                self.assertIn("no device matches 'null-9'; there are: null-0", result.stderr)

    def test_environment_chooses_and_the_option_wins(self):
        self.write("s.json", make_suite({"n": [8]}, variants=["naive"]))
        device = lambda *args, **env: json.loads(self.attnbench(
            "plan", "s.json", "--json", *args, script=self.SCRIPT, status=OK,
            **env).stdout)["cells"][0]["device"]
        self.assertEqual(device(ATTNBENCH_DEVICE="null-1"), "null-1")
        self.assertEqual(device("--device", "null-2", ATTNBENCH_DEVICE="null-1"), "null-2")

    def test_broken_script_is_reported(self):
        for text, message in [('{"tme_s": {}}', 'script.json:1: tme_s: unknown key; did you mean "time_s"?'),
                              ("{", "script.json:1: not valid JSON")]:
            with self.subTest(text=text):
                result = self.attnbench("devices", "--device", "null", script=text,
                                        status=NO_DEVICE)
                self.assertIn(message, result.stderr)


class Variants(ProgramTest):
    def test_matrix_and_json(self):
        text = self.attnbench("variants", "--device", "null", status=OK).stdout
        listed = json.loads(self.attnbench("variants", "--device", "null", "--json",
                                           status=OK).stdout)["variants"]
        names = [v["name"] for v in listed]
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({"naive", "tiled", "fused", "fused_tiled", "clblast"}, set(names))
        self.assertEqual(text.splitlines()[2].split(), names)
        rows = {line[:15].strip(): line[15:].split() for line in text.split("\n\n")[1].splitlines()}
        for column, variant in enumerate(listed):
            self.assertRegex(text, rf"(?m)^{variant['name']}: ")
            for feature, answer in variant["runs"].items():
                self.assertEqual(rows[feature][column], "yes" if answer == "yes" else "-")
                if answer != "yes":
                    self.assertIn(answer, text)
            self.assertTrue(variant["idea"] and variant["source"], variant["name"])
            self.assertTrue(all(variant["runs"].values()), variant)

    def test_kernels_folder(self):
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "variant.json").write_text(json.dumps(
            {"name": "mine", "supports": {}, "passes": [
                {"kernel": "k", "groups": [1, 1, 1], "local": [1, 1, 1], "args": ["q", "o"]}]}))
        (mine / "mine.cl").write_text("__kernel void k() {}\n")
        names = lambda *args: [v["name"] for v in json.loads(self.attnbench(
            "variants", "--device", "null", "--json", *args, status=OK).stdout)["variants"]]
        self.assertEqual(set(names("--kernels", "mine")) - set(names()), {"mine"})
        self.assertEqual(names("--kernels", str(self.folder)), names("--kernels", "mine"))

    def test_bad_kernels_folders(self):
        good = {"name": "bad", "supports": {}, "passes": [
            {"kernel": "k", "groups": [1, 1, 1], "local": [1, 1, 1]}]}
        cases = [
            ({}, "--kernels: cannot read the folder 'bad'"),
            ({"x.cl": ""}, "--kernels: no variant in 'bad'"),
            ({"variant.json": "{"}, "bad/variant.json:1: not valid JSON"),
            ({"variant.json": json.dumps({**good, "name": "other"}), "k.cl": "x"},
             'bad/variant.json:1: name: expected "bad", the name of the folder'),
            ({"variant.json": json.dumps(good)}, "bad/variant.json: no .cl file beside it"),
            ({"variant.json": json.dumps(good), "k.cl": '\n#include "../../etc/passwd"\n'},
             'bad/k.cl:2: #include "../../etc/passwd": only names without a path'),
            ({"variant.json": json.dumps(good), "k.cl": '#include "no.clh"'},
             'bad/k.cl:1: #include "no.clh": no such file beside it or in kernels/include'),
            ({"variant.json": json.dumps(good), "k.cl": "a\0b"},
             "bad/k.cl: holds a NUL byte; a text file was expected"),
        ]
        for files, message in cases:
            with self.subTest(message=message):
                folder = self.folder / "bad"
                if files:
                    folder.mkdir(exist_ok=True)
                for old in folder.glob("*"):
                    old.unlink()
                for name, content in files.items():
                    (folder / name).write_text(content)
                result = self.attnbench("variants", "--device", "null", "--kernels", "bad",
                                        status=BAD_INPUT)
                self.assertIn(f"attnbench: {message}", result.stderr)


class Files(ProgramTest):
    def test_unwritable_outputs(self):
        self.write("s.json", make_suite({"n": [8]}))
        self.attnbench("run", "s.json", "--device", "null", "--quiet", "--out", "good.json",
                       status=OK)
        for out in ["no/such/folder/o.json", "/proc/o.json"]:
            with self.subTest(out=out):
                self.assertIn("o.json", self.attnbench(
                    "run", "s.json", "--device", "null", "--out", out, status=IO).stderr)
                self.assertIn("o.json", self.attnbench(
                    "report", "good.json", "--out", out, status=IO).stderr)

    def test_missing_inputs(self):
        for args in [["run", "no.json", "--device", "null"], ["plan", "no.json", "--device", "null"],
                     ["check", "no.json"], ["report", "no.json"], ["run", "--resume", "no.json"]]:
            with self.subTest(args=args):
                result = self.attnbench(*args, status=BAD_INPUT)
                self.assertIn("no.json", result.stderr)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_folder_is_no_file(self):
        (self.folder / "d").mkdir()
        for args in [["run", "d", "--device", "null"], ["check", "d"], ["report", "d"]]:
            with self.subTest(args=args):
                self.attnbench(*args, status=BAD_INPUT)

    def test_a_suite_is_no_result(self):
        self.write("s.json", make_suite({"n": [8]}))
        for command in ["check", "report"]:
            self.assertIn("s.json:", self.attnbench(command, "s.json", status=BAD_INPUT).stderr)


main()
