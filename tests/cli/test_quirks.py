"""Known quirks of drivers: shown by `devices`, in results and at the start of a run; followed unless
--no-quirks says otherwise."""
import json

from harness import OK, ProgramTest, main, make_suite

LLVMPIPE = {"id": "null-0", "platform": "rusticl", "type": "cpu", "driver": "22.3.6",
            "name": "llvmpipe (LLVM 15.0.6, 256 bits)", "max_work_group": 1024}
SCRIPT = {"devices": [LLVMPIPE]}
NAME = "llvmpipe-loop-limit"


class Quirks(ProgramTest):
    def run_it(self, *args, script=SCRIPT):
        self.write("s.json", make_suite({"n": [128, 256]}, variants=["tiled"]))
        out = f"{len(list(self.folder.iterdir()))}.json"
        ran = self.attnbench("run", "s.json", "--device", "null", "--out", out, *args,
                             script=script, status=OK)
        return ran, self.results(out)

    def test_they_are_shown(self):
        shown = self.attnbench("devices", "--device", "null", script=SCRIPT, status=OK).stdout
        self.assertIn(f"quirk     {NAME}: the driver silently", shown)
        listed = json.loads(self.attnbench("devices", "--device", "null", "--json", script=SCRIPT,
                                           status=OK).stdout)["devices"][0]["quirks"]
        self.assertIn(NAME, [quirk["name"] for quirk in listed])
        ran, results = self.run_it()
        self.assertIn(f"null-0: known quirk {NAME}: ", ran.stderr)
        self.assertEqual(results["devices"][0]["quirks"], listed)
        self.assertTrue(all(quirk["reason"] for quirk in listed))

    def test_they_are_worked_around(self):
        items = [[row["tuning"]["GRID_M"] * row["tuning"]["GRID_N"] for row in results["rows"]]
                 for results in (self.run_it()[1], self.run_it("--no-quirks")[1])]
        self.assertEqual(items[0][0], 1)
        self.assertGreaterEqual(items[0][1], 16)
        self.assertEqual(items[1], [1, 1])

    def test_what_cannot_be_worked_around_is_skipped(self):
        small = {"devices": [{**LLVMPIPE, "max_work_group": 1}]}
        rows = self.run_it(script=small)[1]["rows"]
        self.assertEqual([row["status"] for row in rows], ["ok", "skipped"])
        self.assertIn(f"known quirk {NAME}: ", rows[1]["reason"])
        rows = self.run_it("--no-quirks", script=small)[1]["rows"]
        self.assertEqual([row["status"] for row in rows], ["ok", "ok"])

    def test_other_devices_have_none(self):
        ran, results = self.run_it(script={"devices": [{"id": "null-0"}]})
        self.assertNotIn("known quirk", ran.stderr)
        self.assertNotIn("quirks", results["devices"][0])

    def test_no_quirks_shows_none(self):
        ran, results = self.run_it("--no-quirks")
        self.assertNotIn("known quirk", ran.stderr)
        self.assertNotIn("quirks", results["devices"][0])


main()
