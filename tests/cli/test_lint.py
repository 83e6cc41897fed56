"""attnbench lint without Oclgrind: what it says before it runs anything, and, with a script in
Oclgrind's place, what it makes of logs, crashes and hangs. What it finds is tested in
tests/mutants/lint.py."""
import json
import os
import sys

from harness import BAD_INPUT, NO_DEVICE, OK, USAGE, WRONG, ProgramTest, main

# Stands for `oclgrind OPTIONS PROGRAM worker`: answers as a worker does, and does what the file
# `do` beside it says when it comes to a step.
FAKE = '''#!{python}
import json, os, signal, sys, time
here = os.path.dirname(os.path.abspath(__file__))
log = sys.argv[sys.argv.index("--log") + 1] if "--log" in sys.argv else os.devnull
device = json.load(open(here + "/device.json"))
todo = json.load(open(here + "/do.json"))
replies = os.fdopen(4, "w")
for line in os.fdopen(3):
    step = json.loads(line)["do"]
    action = todo.get(step, "")
    if action == "die":
        print("OCLGRIND FATAL ERROR (Kernel.cpp:1)\\nUnhandled instruction", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if action == "hang":
        time.sleep(60)
    reply = {{"enumerate": {{"devices": [device]}}, "judge": {{"ok": action != "wrong",
             "reason": "row 0 is off"}}}}.get(step, {{}})
    if action in ("build_failed", "unsupported", "error"):
        reply = {{"failure": action, "reason": "no luck"}}
    print(json.dumps(reply), file=replies, flush=True)
open(log, "w").write(todo.get("log", ""))
'''
RACE = ("\nWrite-write data race at global memory address 0x10\n\tKernel: naive_scores\n\t\n"
        "\tFirst entity:  Global(1,0,0) Local(1,0,0) Group(0,0,0)\n\t  store\n"
        "\tAt line 46 (column 2) of naive/naive.cl:\n\t  x\n\t\n"
        "\tSecond entity: Global(0,0,0) Local(0,0,0) Group(0,0,0)\n\t  store\n"
        "\tAt line 19 (column 2) of include/attention.clh:\n\t  x\n\t\n")
LIBRARY = ("\nInvalid read of size 4 at global memory address 0x10\n\tKernel: Xgemm\n"
           "\tAt line 9 (column 2) of input.cl:\n\t  x\n\t\n")
ONE = ("--filter", r"n_q=1,n_kv=1,d_k=1,d_v=1\) naive$")  # edge shape, in f32


class Before(ProgramTest):
    def test_an_unknown_variant_gets_a_suggestion(self):
        said = self.attnbench("lint", "fusd", status=USAGE).stderr
        self.assertIn('unknown variant "fusd"; did you mean "fused"?', said)
        said = self.attnbench("lint", "naive", "elephant", status=USAGE).stderr
        self.assertIn('unknown variant "elephant"; there are: additive, ', said)

    def test_a_folder_that_is_not_there(self):
        self.attnbench("lint", "--kernels", "nowhere", status=BAD_INPUT)

    def test_without_oclgrind_it_says_what_to_install(self):
        said = self.attnbench("lint", "naive", status=NO_DEVICE, PATH=str(self.folder)).stderr
        self.assertIn("there is no 'oclgrind' on the PATH", said)
        self.assertIn("install it (Debian, Ubuntu: oclgrind)", said)

    def test_an_oclgrind_that_does_not_start_programs(self):
        fake = self.folder / "oclgrind"
        fake.write_text("#!/bin/sh\nexit 3\n")
        fake.chmod(0o755)
        said = self.attnbench("lint", "naive", status=NO_DEVICE,
                              PATH=f"{self.folder}:{os.environ['PATH']}").stderr
        self.assertIn(f"'{fake}' does not run this program", said)
        self.assertIn("exited with status 3", said)

    def test_options(self):
        said = self.attnbench("lint", "--help", status=OK).stdout
        for option in ("--kernels DIR", "--json", "--quick", "--filter REGEX", "--deadline TIME"):
            self.assertIn(option, said)


class Findings(ProgramTest):
    def lint(self, todo, *arguments, status):
        fake = self.folder / "oclgrind"
        fake.write_text(FAKE.format(python=sys.executable))
        fake.chmod(0o755)
        devices = json.loads(self.attnbench("devices", "--device", "null", "--json",
                                            status=OK).stdout)["devices"]
        self.write("device.json", {**devices[0], "platform": "Oclgrind"})
        self.write("do.json", todo)
        return self.attnbench("lint", "naive", *ONE, *arguments, status=status,
                              PATH=f"{self.folder}:{os.environ['PATH']}", TMPDIR=str(self.folder))

    def finding(self, todo, *arguments):
        found = json.loads(self.lint(todo, "--json", *arguments, status=WRONG).stdout)["findings"]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_clean(self):
        result = self.lint({}, status=OK)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\[1/\d\] naive attention\(n_q=1,.*: clean \(")
        self.assertIn("0 findings in", result.stderr)
        self.assertEqual([p.name for p in self.folder.glob("attnbench-lint-*")], [])

    def test_a_race_is_named_by_file_line_and_kernel(self):
        said = self.lint({"log": RACE * 3}, "--quiet", status=WRONG)
        first = said.stdout.splitlines()[0]
        self.assertEqual(first, "kernels/include/attention.clh:19: data-race: naive_scores: "
                                "Write-write data race at global memory, with kernels/naive/naive.cl:46")
        self.assertRegex(said.stdout.splitlines()[1], r"^    naive attention\(n_q=1,.*\) WG=")
        self.assertNotIn("[1/", said.stderr)
        found = self.finding({"log": RACE})
        self.assertEqual((found["file"], found["line"]), ("kernels/include/attention.clh", 19))
        self.assertEqual((found["kind"], found["kernel"]), ("data-race", "naive_scores"))

    def test_a_librarys_kernels_are_counted_only(self):
        report = json.loads(self.lint({"log": LIBRARY}, "--json", status=OK).stdout)
        self.assertEqual(report["findings"], [])
        self.assertGreaterEqual(report["in_libraries"], 1)

    def test_a_crash_is_a_finding(self):
        found = self.finding({"launch": "die"})
        self.assertEqual((found["kind"], found["file"], found["line"]),
                         ("crash", "kernels/naive/variant.json", None))
        self.assertIn("step 'launch': the worker was killed by SIGSEGV", found["message"])
        self.assertIn("Unhandled instruction", found["message"])

    def test_a_hang_is_a_finding(self):
        found = self.finding({"prepare": "hang"}, "--deadline", "1s")
        self.assertEqual(found["kind"], "timeout")
        self.assertEqual(found["message"], "step 'prepare' had not ended after 1 s")

    def test_what_else_becomes_of_a_run(self):
        for todo, kind in (({"judge": "wrong"}, "wrong"), ({"prepare": "build_failed"}, "build"),
                           ({"launch": "error"}, "api")):
            self.assertEqual(self.finding(todo)["kind"], kind)
        # What Oclgrind says of a kernel explains a wrong result, and goes before it.
        self.assertEqual(self.finding({"judge": "wrong", "log": RACE})["kind"], "data-race")

    def test_what_oclgrind_cannot_do_is_no_finding(self):
        result = self.lint({"prepare": "unsupported"}, status=OK)
        self.assertIn("not possible in Oclgrind: step 'prepare': no luck", result.stderr)

    def test_a_filter_that_leaves_nothing(self):
        said = self.attnbench("lint", "naive", "--filter", "(", status=USAGE,
                              PATH=f"{self.fake()}:{os.environ['PATH']}").stderr
        self.assertIn("--filter '('", said)

    def fake(self):
        self.lint({}, status=OK)
        return self.folder


main()
