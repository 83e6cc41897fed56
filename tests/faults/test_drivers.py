"""Drivers that crash, hang or are missing beside a good one: its devices are found under the ids that
they have without the others, and the bad one is named with its file, its library and what to do.
"""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import BUILD, NO_DEVICE, OK, ProgramTest, main, make_suite  # noqa: E402

BAD = pathlib.Path(os.environ.get("ATTNBENCH_BAD_DRIVERS", BUILD / "tests"))


def good_icd():
    """A driver's own .icd file, PoCL's if there is one."""
    place = pathlib.Path(os.environ.get("OCL_ICD_VENDORS", "/etc/OpenCL/vendors"))
    files = [place] if place.suffix == ".icd" else sorted(place.glob("*.icd"))
    return next((f for f in files if "pocl" in f.name), files[0] if files else None)


class Drivers(ProgramTest):
    def vendors(self, *bad, good=True):
        folder = self.folder / "vendors"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        if good:
            icd = good_icd()
            if not icd:
                self.skipTest("no OpenCL driver")
            (folder / "zz-good.icd").write_bytes(icd.read_bytes())
        for name in bad:
            library = BAD / f"libbad_driver_{name}.so"
            (folder / f"{name}.icd").write_text(f"{library}\n")
        return str(folder)

    def devices(self, vendors, *args, status=OK):
        return self.attnbench("devices", *args, status=status, OCL_ICD_VENDORS=vendors)

    def test_a_bad_driver_hides_no_other(self):
        alone = json.loads(self.devices(self.vendors(), "--json").stdout)["devices"]
        for name, what in (("constructor", "crashes: .*SIGSEGV"), ("platforms", "crashes: .*SIGSEGV"),
                           ("leave", "crashes: .*exited with status 7"),
                           ("missing", "cannot be loaded: .*libbad_driver_missing.so: cannot open")):
            with self.subTest(name=name):
                result = self.devices(self.vendors(name), "--json")
                found = json.loads(result.stdout)["devices"]
                self.assertEqual([(d["id"], d["index"]) for d in found],
                                 [(d["id"], d["index"]) for d in alone])
                self.assertRegex(result.stderr, rf"the driver of '[^']*/{name}.icd', "
                                                rf"'[^']*libbad_driver_{name}.so', {what}")
                self.assertRegex(result.stderr, "(re)?install")
        result = self.devices(self.vendors("constructor", "missing", "empty"))
        self.assertEqual(result.stdout.split()[0], alone[0]["id"])

    def test_nothing_is_said_of_good_ones(self):
        self.assertEqual(self.devices(self.vendors()).stderr, "")
        self.assertEqual(self.devices(self.vendors("empty")).stderr, "")
        self.assertFalse((self.folder / "cache/drivers").exists())

    def run_beside(self, bad):
        suite = make_suite({"n": [16]}, variants=["naive"], deadlines={"enumerate_s": 3})
        self.write("suite.json", suite)
        result = self.attnbench("run", "suite.json", "--peaks", "none", "--out", "out.json", "--quiet",
                                status=OK, OCL_ICD_VENDORS=self.vendors(bad))
        self.assertIn(f"{bad}.icd", result.stderr)
        self.assertEqual([row["status"] for row in self.results()["rows"]], ["ok"])
        return result

    def test_a_run_goes_on_with_the_good_one(self):
        self.run_beside("platforms")

    def test_hangs(self):
        for name in ("hang", "hang_constructor"):
            with self.subTest(name=name):
                self.assertRegex(self.run_beside(name).stderr, "hangs: no answer within 3 s")

    def test_only_bad_ones(self):
        result = self.devices(self.vendors("constructor", "missing", good=False), status=NO_DEVICE)
        self.assertIn("constructor.icd", result.stderr)
        self.assertIn("missing.icd", result.stderr)

    def test_broken_files(self):
        folder = self.vendors()
        (self.folder / "vendors/empty.icd").write_text("")
        result = self.devices(folder)
        self.assertIn("empty.icd", result.stderr)
        self.assertIn("names no library", result.stderr)

    def doctor(self, vendors, status):
        report = json.loads(self.attnbench("doctor", "--json", status=status, OCL_ICD_VENDORS=vendors,
                                           OPENCL_LAYERS="").stdout)
        return report, {pathlib.Path(d["name"]).stem: d for d in report["drivers"]}

    def test_the_doctor_finds_each(self):
        report, drivers = self.doctor(self.vendors("constructor", "platforms", "leave", "missing",
                                                   "empty", "hang"), OK)
        for name, verdict, text in (("constructor", "bad", "crashes: .*SIGSEGV"),
                                    ("platforms", "bad", "crashes: .*SIGSEGV"),
                                    ("leave", "bad", "crashes: .*status 7"), ("hang", "bad", "hangs: "),
                                    ("missing", "bad", "cannot be loaded: .*cannot open"),
                                    ("empty", "warn", "loads, but shows no device"),
                                    ("zz-good", "ok", r"\d+ devices?, asked in")):
            self.assertEqual(drivers[name]["verdict"], verdict, name)
            self.assertRegex(drivers[name]["text"], text)
            self.assertEqual(drivers[name]["do"] is None, verdict == "ok")
        self.assertGreaterEqual(report["usable"], 1)
        self.assertRegex(report["devices"][0]["text"], "attention of 64 queries and keys is right, in ")

    def test_the_doctor_without_a_good_one(self):
        report, drivers = self.doctor(self.vendors("platforms", good=False), NO_DEVICE)
        self.assertEqual((report["usable"], drivers["platforms"]["verdict"]), (0, "bad"))
        self.assertEqual(report["devices"][0]["verdict"], "bad")


main()
