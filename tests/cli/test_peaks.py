"""Peaks on the null backend: measured once, cached, measured afresh, left out; and what rows and
`check` make of them."""
import json

from harness import BAD_INPUT, INCOMPLETE, OK, USAGE, ProgramTest, main, make_suite

# every launch takes 250 us; a problem of 8 heads of 64 over n = 256 has
# 134217728 operations, 2097152 bytes, 524288 exponentials
SUITE = make_suite({"n": [256]}, variants=["fused"], defaults={"d_k": 64, "heads": 8})
TIME = {"time_s": {"*": "2.5e-4"}}
PEAKS = {"f32_gflop_s": 1000, "f16_gflop_s": None, "exp_gop_s": 50, "copy_gb_s": 80,
         "read_gb_s": 100, "local_gb_s": 500}
MEASURING = "measuring peaks of null-0, about "


class PeaksTest(ProgramTest):
    def cached(self):
        file, = (self.folder / "cache/peaks").glob("*.json")
        return file

    def devices(self, *args, script=None):
        result = self.attnbench("devices", "--device", "null", "--json", *args, status=OK,
                                script=script)
        return result.stderr, json.loads(result.stdout)["devices"][0]["peaks"]

    def run_suite(self, *args, script=None, suite=SUITE, status=OK):
        self.write("s.json", suite)
        result = self.attnbench("run", "s.json", "--device", "null", "--check", "none", "--out",
                                "out.json", *args, status=status, script={**TIME, **(script or {})})
        return result, self.results()


class Peaks(PeaksTest):
    def test_measured_once_then_cached(self):
        for args in [[], ["cached"]]:
            stderr, peaks = self.devices("--peaks", *args)
            self.assertEqual({k: peaks[k] for k in PEAKS}, PEAKS)
            self.assertEqual(peaks["launch_us"], 5 if not args else None)
            self.assertEqual(peaks["how"]["f32_gflop_s"], "scripted")
            self.assertRegex(peaks["measured_utc"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(MEASURING in stderr, not args, stderr)
        self.assertEqual(json.loads(self.cached().read_text())["device"], "scripted device")

    def test_it_says_why_they_are_measured_again(self):
        run = lambda **script: self.run_suite(script=script)[0].stderr
        self.assertIn("(the first time with this driver; they are kept)", run(peaks=PEAKS))
        self.assertNotIn("measuring", run(peaks=PEAKS))
        self.assertIn("(f32 multiply-add is 2e+03 GFLOP/s now, 2.00 times the cached 1e+03)",
                      run(peaks={**PEAKS, "f32_gflop_s": 2000}))
        self.assertIn("(--peaks fresh)", self.devices("--peaks", "fresh")[0])
        self.cached().write_text("{")
        self.assertIn("(the kept ones are invalid)", run(peaks=PEAKS))

    def test_devices_without_the_option_measure_nothing(self):
        stderr, peaks = self.devices()
        self.assertEqual(stderr, "")
        self.assertEqual({k: peaks[k] for k in PEAKS}, dict.fromkeys(PEAKS))
        self.assertFalse((self.folder / "cache" / "peaks").exists())

    def test_text(self):
        text = self.attnbench("devices", "--device", "null", "--peaks", status=OK).stdout
        for line in ["    peaks     measured 2", "      f32 multiply-add 1000 GFLOP/s: scripted\n",
                     "      f16 multiply-add unknown", "      exp2             50.0 Gop/s",
                     "      global read      100 GB/s", "      empty launch     5 us\n"]:
            self.assertIn(line, text)

    def test_fresh_measures_again_and_keeps_that(self):
        self.devices("--peaks")
        faster = {"peaks": {"f32_gflop_s": 2000}}
        self.assertEqual(self.devices("--peaks", script=faster)[1]["f32_gflop_s"], 1000)
        stderr, peaks = self.devices("--peaks", "fresh", script=faster)
        self.assertIn(MEASURING, stderr)
        self.assertEqual(peaks["f32_gflop_s"], 2000)
        self.assertEqual(self.devices("--peaks=cached")[1]["f32_gflop_s"], 2000)

    def test_an_invalid_cache_is_replaced(self):
        self.devices("--peaks")
        whole = self.cached().read_text()
        broken = [("{", "JSON"), ("[]", "expected an object"), ("", "JSON"), ('{"format": "other"}', "format"),
                  (whole.replace('"version":\t1', '"version":\t2'), "version"),
                  (whole.replace('"read_gb_s":\t100', '"read_gb_s":\t-1'), "peaks.read_gb_s"),
                  (whole.replace("measured_utc", "x"), "measured_utc")]
        for text, word in broken:
            with self.subTest(text=text[:40]):
                self.assertNotEqual(text, whole)
                self.cached().write_text(text)
                stderr, peaks = self.devices("--peaks")
                self.assertIn("attnbench: peaks are measured again, as the cached ones are invalid: "
                              f"{self.cached()}", stderr)
                self.assertIn(word, stderr)
                self.assertIn(MEASURING, stderr)
                self.assertEqual({k: peaks[k] for k in PEAKS}, PEAKS)
                self.assertNotIn(MEASURING, self.devices("--peaks")[0])

    def test_another_driver_has_peaks_of_its_own(self):
        self.devices("--peaks")
        stderr, _ = self.devices("--peaks", script={"devices": [{"driver": "2"}]})
        self.assertIn(MEASURING, stderr)
        self.assertEqual(len(list((self.folder / "cache/peaks").iterdir())), 2)

    def test_without_a_place_for_the_cache(self):
        self.write("cache", "a file, no folder")
        for _ in range(2):
            stderr, peaks = self.devices("--peaks")
            self.assertEqual(stderr.count("\n"), 1, stderr)
            self.assertEqual(peaks["f32_gflop_s"], 1000)

    def test_faults_cost_one_peak(self):
        for what, reason in [("crash", "killed by SIGSEGV"), ("exit", "in step 'peak'"),
                             ("fail", "the script says that peak fails"),
                             ("fatal", "CL_OUT_OF_RESOURCES")]:
            with self.subTest(do=what):
                fault = {"at": "peak", "variant": "exp_gop_s", "do": what}
                _, peaks = self.devices("--peaks", "fresh", script={"faults": [fault]})
                self.assertEqual({k: peaks[k] for k in PEAKS}, {**PEAKS, "exp_gop_s": None})
                self.assertIn(reason, peaks["how"]["exp_gop_s"])

    def test_a_hang_costs_one_peak(self):
        _, results = self.run_suite("--deadline", "1s", suite=make_suite({"n": [8]}), script={
            "faults": [{"at": "peak", "variant": "local_gb_s", "do": "hang"}]})
        peaks = results["devices"][0]["peaks"]
        self.assertEqual({k: peaks[k] for k in PEAKS}, {**PEAKS, "local_gb_s": None})
        self.assertIn("in step 'peak'", peaks["how"]["local_gb_s"])

    def test_a_device_that_does_not_open_has_no_peaks(self):
        result, results = self.run_suite(script={"faults": [{"at": "open", "do": "fail"}]},
                                         status=INCOMPLETE)
        peaks = results["devices"][0]["peaks"]
        self.assertEqual({k: peaks[k] for k in PEAKS}, dict.fromkeys(PEAKS))
        self.assertFalse((self.folder / "cache/peaks").exists())

    def test_unknown_words(self):
        for args in [["devices", "--peaks=stale"], ["run", "s.json", "--peaks=stale"]]:
            self.assertIn("--peaks: expected one of [cached|fresh|none], found 'stale'",
                          self.attnbench(*args, status=USAGE).stderr)


class Rooflines(PeaksTest):
    def rates(self, *args, **more):
        _, results = self.run_suite(*args, **more)
        self.attnbench("check", "out.json", status=OK)
        return results["rows"][0]["rates"]

    def expect(self, rates, peak, roofline, roof):
        self.assertEqual(rates["roof"], roof)
        for key, value in [("frac_of_peak", peak), ("frac_of_roofline", roofline)]:
            if value is None:
                self.assertIsNone(rates[key])
            else:
                self.assertAlmostEqual(rates[key], value, delta=1e-9 * value)

    def test_each_roof_binds(self):
        flops_s, time_s = 1.34217728e-4, 2.5e-4 # the first at 1000 GFLOP/s
        for peaks, launch_us, roofline, roof in [
                ({}, 5, flops_s / time_s, "compute"),
                ({"f32_gflop_s": 1e6, "read_gb_s": 10, "copy_gb_s": 8}, 5, 2.097152e-4 / time_s,
                 "bandwidth"),
                ({"f32_gflop_s": 1e6, "exp_gop_s": 5}, 5, 1.048576e-4 / time_s, "exp"),
                ({"f32_gflop_s": 1e6, "exp_gop_s": 1e4}, 1000, 1e-3 / (1e-3 + time_s), "launch")]:
            with self.subTest(roof=roof):
                rates = self.rates("--peaks", "fresh",
                                   script={"peaks": peaks, "launch_us": launch_us})
                self.expect(rates, flops_s / time_s * 1000 / peaks.get("f32_gflop_s", 1000), roofline,
                            roof)

    def test_none_leaves_them_out(self):
        self.expect(self.rates("--peaks", "none"), None, None, None)
        self.assertFalse((self.folder / "cache" / "peaks").exists())
        table = self.attnbench("report", "out.json", status=OK).stdout
        self.assertNotIn("Measured peaks", table)

    def test_run_takes_no_cached_ones_that_the_device_exceeds(self):
        self.devices("--peaks", script={"peaks": {"f32_gflop_s": 900, "read_gb_s": 70}})
        result, results = self.run_suite(script={"peaks": {"f32_gflop_s": 930}})  # within noise
        self.assertNotIn(MEASURING, result.stderr)
        self.assertEqual(results["devices"][0]["peaks"]["f32_gflop_s"], 900)
        result, results = self.run_suite(script={"peaks": {"f32_gflop_s": 1000}})
        self.assertIn(MEASURING, result.stderr)
        self.assertEqual(results["devices"][0]["peaks"]["f32_gflop_s"], 1000)
        self.assertEqual(results["devices"][0]["peaks"]["read_gb_s"], 100)

    def test_run_takes_the_cached_ones(self):
        self.devices("--peaks", script={"peaks": {"f32_gflop_s": 2000}})
        result, results = self.run_suite()
        self.assertNotIn(MEASURING, result.stderr)
        self.assertAlmostEqual(results["rows"][0]["rates"]["frac_of_peak"], 0.268435456, delta=1e-9)
        self.assertIn("27%", result.stdout)

    def test_check_recomputes_the_fractions(self):
        _, results = self.run_suite()
        for lie in [{"frac_of_peak": 0.9}, {"frac_of_roofline": None}, {"roof": "exp"}]:
            with self.subTest(lie=lie):
                lied = json.loads(json.dumps(results))
                lied["rows"][0]["rates"].update(lie)
                self.write("lie.json", lied)
                stderr = self.attnbench("check", "lie.json", status=BAD_INPUT).stderr
                self.assertIn("its time and the device's peaks say", stderr)

    def test_faster_than_the_roof_is_a_warning(self):
        result, _ = self.run_suite(script={"peaks": {"f32_gflop_s": 100}})
        self.assertIn("1 row is faster than the measured roofs allow", result.stdout.replace("\n    ", " "))
        checked = self.attnbench("check", "out.json", status=OK)
        self.assertRegex(checked.stderr, r"^out\.json: warning: attention\(.* @ fused @ null-0: "
                                         r"5\.37 of the compute roof: ")
        self.assertIn("out.json: valid", checked.stdout)

    def test_resume_keeps_the_peaks_of_the_first_part(self):
        suite = make_suite({"n": [256, 512]}, variants=["fused"],
                           defaults={"d_k": 64, "heads": 8})
        self.write("s.json", suite)
        # the null backend's own fault ends the worker, not the run: the first part ends by hand
        self.attnbench("run", "s.json", "--device", "null", "--check", "none", "--out", "out.json",
                       "--quiet", status=OK, script=TIME)
        whole = self.results()
        journal = [{"format": "attnbench-journal", "version": whole["version"],
                    "run": {**whole["run"], "finished_utc": None}, "devices": whole["devices"]},
                   {"row": whole["rows"][0]}]
        self.write("out.json.journal", "".join(json.dumps(line) + "\n" for line in journal))
        faster = {**TIME, "launch_us": 9, "peaks": {"f32_gflop_s": 4000}}
        self.devices("--peaks", "fresh", script=faster)
        self.attnbench("run", "--resume", "out.json", "--quiet", status=OK, script=faster)
        resumed = self.results()
        self.assertEqual(resumed["devices"], whole["devices"])
        self.assertEqual(len(resumed["rows"]), 2)
        self.attnbench("check", "out.json", status=OK)

    def test_files_of_the_first_version_are_read(self):
        _, results = self.run_suite("--peaks", "none")
        results["version"] = "1.0.0"
        for row in results["rows"]:
            del row["rates"]["roof"], row["digest"]
        results["devices"][0]["peaks"] = {"launch_us": 5}
        self.write("old.json", results)
        self.attnbench("check", "old.json", status=OK)
        self.assertIn("fused", self.attnbench("report", "old.json", status=OK).stdout)


main()
