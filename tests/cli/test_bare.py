"""scripts/bench --bare without building: options, what is found in a folder of unpacked packages,
the command that fills it, drivers that nobody registered, and the stages, run with a stub program.
"""
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import INTERRUPTED, OK, SOURCE, USAGE, ProgramTest, main

STUB = """#!/bin/bash
# Says what it was asked, ends as the variable named after its command says, writes what --out names.
echo "$*" >> "$STUB_LOG"
status=STATUS_$1
while [[ $# -gt 0 ]]; do
    if [[ $1 == --out ]]; then echo result > "$2"; fi
    shift
done
echo out
exit "${!status:-0}"
"""


@unittest.skipUnless(os.uname().sysname == "Linux", "--bare is for Linux hosts")
class BareTest(ProgramTest):
    def setUp(self):
        super().setUp()
        # Copies, so that the repository's own build/bare stays as it is.
        (self.folder / "scripts").mkdir()
        for name in ["bench", "setup.sh", "bare.sh"]:
            shutil.copy(SOURCE / "scripts" / name, self.folder / "scripts")

    def run_bash(self, *command, status=None, **more):
        result = subprocess.run(command, cwd=self.folder, env=self.environment(**more), text=True,
                                capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def bench(self, *args, **more):
        return self.run_bash("bash", "scripts/bench", *args, **more)

    def call(self, code, **more):
        """Runs a function of bare.sh."""
        return self.run_bash("bash", "-c", "set -euo pipefail; . scripts/setup.sh; "
                             f". scripts/bare.sh; mkdir -p build/bare; {code}", **more)

    def make(self, path, content=""):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path


class Options(BareTest):
    def test_usage(self):
        self.make("done/log.txt")
        cases = [(["--minutes", "0"], "--minutes: expected a whole number from 1, found '0'"),
                 (["--minutes=soon"], "--minutes: expected a whole number from 1, found 'soon'"),
                 (["--deps"], "--deps needs a value"), (["--out="], "--out needs a value"),
                 (["quick"], "--bare goes with --deps DIR, --out DIR, --device D and --minutes N, "
                             "not with 'quick'"),
                 (["--budget", "5m"], "not with '--budget'"),
                 (["--out", "done"], "--out: 'done' holds a run already")]
        for args, message in cases:
            for order in [["--bare", *args], [*args, "--bare"]]:
                if args == ["--deps"] and order[-1] == "--bare":
                    continue # there, --bare is the value
                with self.subTest(args=order):
                    self.assertIn(f"bench: {message}" if message[0] == "-" else message,
                                  self.bench(*order, status=USAGE).stderr)

    def test_both_forms_of_an_option(self):
        (self.folder / "d").mkdir()
        for args in ["--deps d --out o --minutes 3 --device x", "--deps=d --out=o --minutes=3 --device=x"]:
            self.assertEqual(
                self.call(f'bare_parse --bare {args}; echo "$bare_deps" $bare_out $bare_minutes '
                          "$bare_device", status=OK).stdout, f"{self.folder.resolve()}/d o 3 x\n")

    def test_tools_that_no_folder_brings(self):
        (self.folder / "path").mkdir()
        for tool in ["dirname", "date", "awk", "bash"]:
            os.symlink(shutil.which(tool), self.folder / "path" / tool)
        result = self.bench("--bare", PATH=str(self.folder / "path"), CC="", status=USAGE)
        self.assertIn("not on the path: a C compiler (cc, or what CC names), cmake, make or ninja;",
                      result.stderr)


class Missing(BareTest):
    def test_nothing_there_prints_the_command_and_writes_nothing(self):
        compiler = self.make("bin/no-headers", "#!/bin/sh\nexit 1\n")
        compiler.chmod(0o755)
        result = self.bench("--bare", "--out", "out", CC=str(compiler), status=USAGE)
        self.assertIn("cl-headers cl-loader cjson clblast missing: on any machine with a network, ",
                      result.stderr)
        self.assertRegex(result.stderr, r"\n    mkdir -p deps && \(cd deps && .* done\)\n")
        self.assertIn("\n    scripts/bench --bare --deps deps\n", result.stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_the_command(self):
        command = lambda *needs: self.call(f"bare_command {' '.join(needs)}", status=OK).stdout
        self.assertEqual(
            command("apt", "cl-headers", "cl-loader", "cjson", "clblast"),
            "mkdir -p deps && (cd deps && apt-get download opencl-c-headers ocl-icd-libopencl1 "
            "libcjson-dev libcjson1 libclblast-dev libclblast1 && "
            'for p in *.deb; do dpkg -x "$p" .; done)\n')
        self.assertEqual(
            command("dnf", "cjson"),
            "mkdir -p deps && (cd deps && dnf download cjson-devel cjson && "
            'for p in *.rpm; do rpm2cpio "$p" | cpio -idm; done)\n')

    def test_the_distribution(self):
        for text, want in [("ID=debian\nPRETTY_NAME='Debian 12'\n", "apt Debian 12"),
                           ("ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME='U 24'\n", "apt U 24"),
                           ("ID=rocky\nID_LIKE='rhel centos fedora'\nPRETTY_NAME='R 9'\n", "dnf R 9"),
                           ("ID=other\n", "apt a Debian that is no newer")]:
            self.make("os-release", text)
            self.assertEqual(self.call("bare_distribution os-release", status=OK).stdout, want + "\n")


class Folder(BareTest):
    """A folder of unpacked packages as they come: links without a target among the files."""

    def setUp(self):
        super().setUp()
        found = self.call('"${CC:-cc}" -print-file-name=libcjson.so', status=OK).stdout.strip()
        if not os.path.isabs(found):
            self.skipTest("no libcjson to copy")
        self.make("deps/usr/include/cjson/cJSON.h")
        self.library = self.make("deps/usr/lib/some-multiarch/libcjson.so.1.7.15")
        shutil.copy(os.path.realpath(found), self.library)
        self.make("deps/usr/share/man/man7/libcjson.so.7.gz")

    def find(self, what, **more):
        return self.call(f"bare_deps=$PWD/deps; {what}", **more)

    def test_header(self):
        self.assertEqual(self.find("bare_find_header cjson/cJSON.h", status=OK).stdout,
                         f"{self.folder.resolve()}/deps/usr/include\n")

    def test_library_by_its_file_when_links_are_broken_or_missing(self):
        where = self.library.parent
        for link in [None, "/no/such/libcjson.so.1", "libcjson.so.1"]:
            with self.subTest(link=link):
                if link:
                    (where / "libcjson.so").unlink(missing_ok=True)
                    (where / "libcjson.so").symlink_to(link)
                self.assertEqual(self.find("bare_find_library cjson", status=OK).stderr, "")
                names = sorted((self.folder / "build/bare/lib").iterdir())
                self.assertEqual([n.name for n in names], ["libcjson.so", "libcjson.so.1"])
                for name in names:
                    self.assertEqual(name.resolve(), self.library.resolve())

    def test_a_library_that_no_program_starts_with_is_passed_over(self):
        self.make("deps/usr/lib/zzz/libcjson.so.2", "for another processor, say")
        result = self.find("bare_find_library cjson", status=OK)
        self.assertIn("deps/usr/lib/zzz/libcjson.so.2 is no library for programs here: ",
                      result.stderr)
        self.assertEqual((self.folder / "build/bare/lib/libcjson.so").resolve(),
                         self.library.resolve())

    def test_what_is_missing_is_turned_off(self):
        """CMake must not find again what does not work, or what an earlier run had."""
        self.make("build/bare/lib/libclblast.so")
        result = self.find('bare_table="need cmake header library\n'
                           'clblast CLBLAST no/such.h clblast\ncjson CJSON cjson/cJSON.h cjson"; '
                           'bare_find_needs; echo "${bare_missing[@]}"; '
                           'printf "%s\\n" "${bare_options[@]}"', status=OK)
        root = self.folder.resolve()
        self.assertEqual(result.stdout.splitlines(),
                         ["clblast", "-DCLBLAST_INCLUDE_DIR=OFF", "-DCLBLAST_LIBRARY=OFF",
                          f"-DCJSON_INCLUDE_DIR={root}/deps/usr/include",
                          f"-DCJSON_LIBRARY={root}/build/bare/lib/libcjson.so"])


class Drivers(BareTest):
    REGISTER = ('bare_ldconfig() { echo "$CACHE"; }; '
                "bare_register registered vendors nowhere somewhere && echo made")

    def register(self, status=OK, cache=""):
        return self.call(self.REGISTER, CACHE=cache, status=status)

    def vendors(self):
        return {p.name: p.read_text() for p in (self.folder / "vendors").glob("*")}

    def test_a_driver_without_a_file(self):
        self.make("somewhere/libnvidia-opencl.so.1")
        self.assertIn("names the driver somewhere/libnvidia-opencl.so.1", self.register().stderr)
        self.assertEqual(self.vendors(),
                         {"libnvidia-opencl.so.1.icd": "somewhere/libnvidia-opencl.so.1\n"})

    def test_the_loaders_cache_comes_first_and_other_drivers_stay(self):
        self.make("somewhere/libnvidia-opencl.so.1")
        self.make("registered/pocl.icd", "libpocl.so.2\n")
        self.register(cache="\tlibnvidia-opencl.so.1 (libc6,x86-64) => /x/libnvidia-opencl.so.1\n"
                            "\tlibnvidia-opencl.so (libc6,x86-64) => /y/libnvidia-opencl.so\n")
        self.assertEqual(self.vendors(),
                         {"libnvidia-opencl.so.1.icd": "/x/libnvidia-opencl.so.1\n",
                          "pocl.icd": "libpocl.so.2\n"})

    def test_nothing_to_add(self):
        self.make("vendors/old.icd")
        self.register(status=1)
        self.make("somewhere/libamdocl64.so")
        self.make("registered/amdocl64.icd", "/opt/rocm/lib/libamdocl64.so\n")
        self.register(status=1)
        self.assertEqual(self.vendors(), {})

    def test_a_drivers_folder_and_a_users_choice(self):
        driver = self.make("somewhere/libigdrcl.so")
        export = ('bare_ldconfig() { :; }; bare_driver_folders=("$PWD/somewhere"); '
                  'bare_drivers=(libigdrcl.so); bare_export_driver; '
                  'echo "${OCL_ICD_VENDORS:-}" "${LD_LIBRARY_PATH:-}"')
        root = self.folder.resolve()
        self.assertEqual(self.call(export, OCL_ICD_VENDORS="", LD_LIBRARY_PATH="/z", status=OK).stdout,
                         f"{root}/build/bare/vendors {root / driver.parent}:/z\n")
        self.assertEqual(self.call(export, OCL_ICD_VENDORS="/mine", LD_LIBRARY_PATH="/z",
                                   status=OK).stdout, "/mine /z\n")


class Stages(BareTest):
    def stages(self, status, stub=STUB, **more):
        self.make("stub", stub).chmod(0o755)
        (self.folder / "out").mkdir(exist_ok=True)
        self.make("asked", "")
        result = self.call('attnbench=$PWD/stub bare_out=$PWD/out bare_device=d bare_minutes=8; '
                           "bare_options=(); bare_run", STUB_LOG=str(self.folder / "asked"),
                           status=status, **more)
        return result, [line.split() for line in
                        (self.folder / "asked").read_text().splitlines()]

    def test_all_of_them_in_order(self):
        _, asked = self.stages(OK)
        self.assertEqual([" ".join(a[:2]) for a in asked],
                         ["devices --device", "devices --device", "run suites/quick.json",
                          "tune suites/standard.json", "run suites/standard.json",
                          "report out/standard.json"])
        self.assertIn("--peaks fresh", " ".join(asked[1]))
        self.assertIn("--tuning out/tuning.json", " ".join(asked[4]))
        for line in asked[:5]:
            self.assertEqual(line[line.index("--device") + 1], "d")
        budgets = [int(a[a.index("--budget") + 1].removesuffix("s")) for a in asked[2:5]]
        self.assertEqual(budgets, sorted(budgets))
        self.assertLess(max(budgets), 8 * 60)
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()),
                         ["devices.json", "quick.json", "report.md", "standard.json",
                          "tuning.json"])

    def test_one_that_fails_stops_no_other_and_the_worst_status_counts(self):
        for statuses, want in [({"run": 3}, 3), ({"run": 3, "tune": 1}, 1), ({"run": 1, "tune": 3}, 1),
                               ({"tune": 2, "report": 6}, 2), ({"run": 1, "report": 139}, 139)]:
            with self.subTest(statuses=statuses):
                more = {f"STATUS_{name}": str(value) for name, value in statuses.items()}
                result, asked = self.stages(want, **more)
                self.assertEqual(len(asked), 6)
                for name, status in statuses.items():
                    self.assertIn(f"ended with status {status} ", result.stderr)

    def test_a_tuning_that_was_not_found_is_not_asked_for(self):
        stub = STUB.replace("$1 == --out", "$1 == --out && $2 != *tuning*")
        _, asked = self.stages(2, stub, STATUS_tune="2")
        self.assertNotIn("--tuning", asked[4])

    def test_devices_stay_known_when_peaks_fail(self):
        stub = STUB.replace("echo out\n", 'echo out\n[[ " $all " != *" --peaks "* ]] || exit 3\n')
        stub = stub.replace("status=STATUS_$1", 'status=STATUS_$1 all="$*"')
        self.make("stub", stub).chmod(0o755)
        (self.folder / "out").mkdir()
        self.call("attnbench=$PWD/stub bare_out=$PWD/out bare_device=d; bare_peaks",
                  STUB_LOG="/dev/null", status=3)
        self.assertEqual((self.folder / "out/devices.json").read_text(), "out\n")

    def test_an_interruption_ends_it(self):
        _, asked = self.stages(INTERRUPTED, STATUS_tune="130")
        self.assertEqual(asked[-1][0], "tune")


main()
