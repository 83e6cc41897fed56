"""How work is handed over: queue, profiling and memory are keys of a problem that every variant
supports, and rows say how they were timed."""
from harness import BAD_INPUT, OK, ProgramTest, main, make_suite

LAUNCH_US = 50
SCRIPT = {"time_s": {"*": "20e-6"}, "launch_us": LAUNCH_US}
COLD = {"cache": "cold"}


class Handover(ProgramTest):
    def rows(self, axes, **measure):
        self.write("s.json", make_suite({"n": [64], **axes}, variants=["naive"], measure=measure))
        out = f"{len(list(self.folder.iterdir()))}.json"
        self.attnbench("run", "s.json", "--device", "null", "--out", out, script=SCRIPT, status=OK)
        self.attnbench("check", out, status=OK)
        return self.results(out)["rows"]

    def test_a_stream_shares_out_what_waiting_costs(self):
        wait, stream = self.rows({"queue": ["wait", "stream"]})
        self.assertIsNone(wait["time"]["launches_per_sample"])
        flight = stream["time"]["launches_per_sample"]
        self.assertTrue(16 < flight < 64, flight)
        self.assertAlmostEqual(wait["time"]["host_median_s"], 70e-6, delta=1e-9)
        self.assertLess(stream["time"]["host_median_s"], 25e-6)
        self.assertGreater(stream["time"]["host_median_s"], 20e-6 + LAUNCH_US * 1e-6 / 64)
        self.assertIn("queue=stream", stream["cell"])
        self.assertNotIn("queue", wait["cell"])

    def test_flights_are_compared_and_see_other_inputs(self):
        row, = self.rows({"queue": ["stream"]})
        self.assertGreaterEqual(row["check"]["launches_compared"],
                                len(row["time"]["samples_s"]))
        self.assertTrue(row["check"]["inputs_changed"] and row["check"]["rechecked"])

    def test_without_profiling_the_host_s_clock_counts(self):
        on, off = self.rows({"profiling": ["on", "off"]})
        self.assertEqual((on["time"]["clock"], off["time"]["clock"]), ("device", "host"))
        self.assertEqual(off["time"]["clock_reason"],
                         "profiling=off: the device was asked for no times")
        self.assertAlmostEqual(off["time"]["median_s"], 70e-6, delta=1e-9)

    def test_cold_caches_are_for_one_launch(self):
        row, = self.rows({"queue": ["stream"]}, **COLD)
        self.assertEqual(row["time"]["launches_per_sample"], 1)

    def test_memory_is_part_of_the_cell(self):
        device, host = self.rows({"memory": ["device", "host"]})
        self.assertIn("memory=host", host["cell"])
        self.assertEqual((device["status"], host["status"]), ("ok", "ok"))

    def test_other_values(self):
        for key, value, choices in (("queue", "deep", '"wait", "stream"'),
                                    ("profiling", "maybe", '"on", "off"'),
                                    ("memory", "disk", '"device", "host"')):
            self.write("s.json", make_suite({"n": [64], key: [value]}))
            told = self.attnbench("plan", "s.json", "--device", "null", status=BAD_INPUT).stderr
            self.assertIn(f"axes.{key}", told)
            self.assertIn(choices, told)


main()
