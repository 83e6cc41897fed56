"""A small sweep on a real driver with one fault a run: each call of each entry point fails once, and
beside that a driver hangs, crashes, lies, corrupts and babbles. No fault may crash the supervisor,
lose a cell, leave a process behind or make a wrong cell ok, and a fault that strikes once costs one
row at most.

ATTNBENCH_WALK_SECONDS (default 15) is for walking calls × error codes; every call meets at least one
code, whatever the time. Prints fault kind × phase -> row status.
"""
import collections
import concurrent.futures
import itertools
import os
import random
import re
import sys
import time
import unittest

import layer

CODES = [-2, -4, -5, -6, -11, -30, -34, -36, -38, -45, -48, -52, -54, -55, -58, -61, -63, -9999]
# Calls without which a cell may still be right: releases, queries that have a fallback, and, done
# without effect, waits that the next blocking call makes up for, and arguments, writes, copies and
# launches that repeat what was there already or that serve a comparison which then says "changed"
# (so that the output is judged again). Those of the variants' own kernels have tests of their own.
NEEDLESS = {"clReleaseContext", "clReleaseCommandQueue", "clReleaseMemObject", "clReleaseProgram",
            "clReleaseKernel", "clReleaseEvent", "clGetDeviceInfo", "clGetPlatformInfo",
            "clGetDeviceIDs", "clGetKernelWorkGroupInfo", "clGetEventProfilingInfo",
            "clGetProgramBuildInfo", "clGetProgramInfo"}
NEEDLESS_TO_DO = NEEDLESS | {"clFinish", "clFlush", "clEnqueueFillBuffer", "clGetPlatformIDs",
                             "clEnqueueCopyBuffer", "clEnqueueNDRangeKernel", "clSetKernelArg",
                             "clEnqueueWriteBuffer"}
OUTPUT = {"fused": 7, "naive_scores": 5, "naive_softmax": 0, "naive_values": 4}  # arguments

PATIENT = dict.fromkeys(["enumerate_s", "build_s", "run_s", "read_s", "teardown_s"], 30)
RECOVERY_S = 2.0  # from a deadline to the next step


def suite(deadlines, n=16, samples=1, seconds=0.002):
    return {"format": "attnbench-suite", "version": 1, "name": "faults",
            "defaults": {"d_k": 16, "heads": 1},
            "sweeps": [{"name": "n", "axes": {"n": [n]}, "variants": ["naive", "fused"]}],
            "measure": {"min_samples": samples, "min_time_s": 0, "max_time_s": seconds,
                        "target_rel_ci": 1}, "deadlines": deadlines}


class Walk(unittest.TestCase):
    table = collections.Counter()
    summary = collections.Counter()
    recovery_s = 0.0

    @classmethod
    def setUpClass(cls):
        if not layer.LAYER:
            print("the fault layer was not built")
            sys.exit(layer.SKIP)
        cls.patient = cls.warmed(suite(PATIENT))
        cls.slow_kernels = cls.warmed(suite(PATIENT, n=512, samples=3, seconds=0.1))
        # what hangs is to be found soon, but not where the machine is merely busy
        cls.soon = round(max(0.5, 3 * cls.patient.seconds), 1)
        cls.hasty = cls.warmed(suite(dict.fromkeys(PATIENT, cls.soon)))

    @staticmethod
    def warmed(plan):
        """A bench whose kernels are in the driver's cache; `counts` are the calls of a clean run."""
        bench = layer.Bench(plan)
        bench.run("", "--deadline", "60s")
        clean = bench.run("")
        assert not clean.broken and not clean.bad_rows(), clean.describe() + str(clean.broken)
        bench.counts = {n: c for n, c in clean.counts.items() if n.startswith("cl")}
        bench.seconds = clean.seconds
        return bench

    @classmethod
    def tearDownClass(cls):
        for bench in (cls.patient, cls.hasty, cls.slow_kernels):
            bench.close()
        phases = sorted({phase for _, phase, _ in cls.table})
        width = max([len(kind) for kind, _, _ in cls.table], default=0)
        print("\nfault kind × phase -> row status")
        for kind in sorted({kind for kind, _, _ in cls.table}):
            for phase in phases:
                ended = {s: n for (k, p, s), n in cls.table.items() if (k, p) == (kind, phase)}
                if ended:
                    print(f"  {kind:{width}}  {phase:9}  " +
                          ", ".join(f"{s} {n}" for s, n in sorted(ended.items())))
        print(f"{cls.summary['injections']} injections, lost cells {cls.summary['lost']}, "
              f"false ok {cls.summary['false ok']}, stuck processes {cls.summary['stuck']}, longest "
              f"recovery beyond the deadline {cls.recovery_s:.2f} s")

    def all(self, bench, faults, expect, workers=None):
        """Runs with each (kind, fault), and expects that each strikes."""
        with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            runs = pool.map(lambda f: (f[0], bench.run(f[1])), faults)
            for kind, run in runs:
                self.take(kind, run, expect)

    def take(self, kind, run, expect):
        if run.struck:
            self.summary["injections"] += 1
            bad = run.bad_rows()
            for row in bad:
                self.table[kind, row["phase"], row["status"]] += 1
            if run.status in (2, 4):
                self.table[kind, "enumerate", f"exit {run.status}"] += 1
            elif not bad:
                self.table[kind, "-", "all ok"] += 1
        broken = run.broken + list(expect(run) or [])
        if not run.struck and run.bad_rows():
            broken.append("bad rows without a fault")
        for what in broken:
            self.summary[what.partition(":")[0]] += 1
        with self.subTest(fault=run.fault):
            self.assertFalse(broken, run.describe())

    @staticmethod
    def call_of(run):
        return re.search(r"call=(\w+)", run.fault).group(1)

    @staticmethod
    def one_row(run):
        if len(run.bad_rows()) > 1:
            yield "cost: more than one row"

    # ---- one call fails ---------------------------------------------------------------------

    def every_call(self, bench, limit=10**6):
        """(call, k) for each call of a run, at most `limit` an entry point, spread evenly."""
        for name, count in sorted(bench.counts.items()):
            steps = min(count, limit)
            for i in range(steps):
                yield name, 1 + i * count // steps

    def test_every_call_fails(self):
        def expect(run):
            yield from self.one_row(run)
            needed = self.call_of(run) not in NEEDLESS
            if run.struck and needed and run.results and not run.bad_rows():
                yield "false ok: a call that failed was needed"

        def faults():
            calls = list(self.every_call(self.patient, limit=12))
            for (name, k), code in zip(calls, itertools.cycle(CODES)):
                yield "error", f"call={name} k={k} do=error:{code}"
            rest = [(name, k, code) for name, k in self.every_call(self.patient) for code in CODES]
            random.Random(1).shuffle(rest)
            for name, k, code in rest:
                if time.monotonic() > until:
                    return
                yield "error", f"call={name} k={k} do=error:{code}"

        until = time.monotonic() + float(os.environ.get("ATTNBENCH_WALK_SECONDS", "15"))
        chunk, source = 64, faults()
        while part := list(itertools.islice(source, chunk)):  # pool.map would draw all at once
            self.all(self.patient, part, expect)

    def test_every_call_does_nothing(self):
        def expect(run):
            name, k = self.call_of(run), int(re.search(r"k=(\d+)", run.fault).group(1))
            needed = name not in NEEDLESS_TO_DO
            needed |= name == "clEnqueueWriteBuffer" and k <= 3  # q, k and v
            if name != "clEnqueueWriteBuffer":  # inputs are of both
                yield from self.one_row(run)
            if run.struck and needed and run.results and not run.bad_rows():
                yield "false ok: nothing was done"
        self.all(self.patient, [("nothing", f"call={name} k={k} do=nothing")
                                for name, k in self.every_call(self.patient, limit=12)] +
                 [("nothing", f"call=clEnqueueWriteBuffer k={k} do=nothing") for k in (1, 2, 3)],
                 expect)

    # ---- garbage ----------------------------------------------------------------------------

    def must_be_wrong(self, run):
        yield from self.one_row(run) if "WriteBuffer" not in run.fault else ()
        if run.struck and [r["status"] for r in run.bad_rows()] not in (["wrong"], ["wrong"] * 2):
            yield "false ok: a corrupted cell is not wrong"

    def test_corrupted_reads_and_writes(self):
        """Most reads ask only whether an output is the one that was judged: a corrupt answer has it
        judged again. Those of outputs, guards and hashes make a row bad."""
        bad = []

        def expect(run):
            bad.extend(run.bad_rows())
            yield from self.one_row(run)
        reads = self.patient.counts["clEnqueueReadBuffer"]
        self.all(self.patient, [("corrupt", f"call=clEnqueueReadBuffer k={k} do=corrupt")
                                for k in range(1, reads + 1, 1 + reads // 60)], expect)
        self.assertGreater(len(bad), 5)
        self.all(self.patient,
                 [("corrupt", f"call=clEnqueueWriteBuffer k={k} do=corrupt") for k in (1, 2, 3)],
                 self.must_be_wrong)

    def test_corrupted_kernels(self):
        self.all(self.patient,
                 [("corrupt", f"call=clEnqueueNDRangeKernel kernel={name} k={k} do=corrupt:{arg}")
                  for name, arg in OUTPUT.items() for k in ("1", "2", "1+", "2+", "3+")],
                 self.must_be_wrong)

    def test_launches_that_do_nothing(self):
        """The timed ones too, although the output of the launch before is right."""
        self.all(self.patient,
                 [("nothing", f"call=clEnqueueNDRangeKernel kernel={name} k={k} do=nothing")
                  for name in OUTPUT for k in ("1", "2", "1+", "2+", "3+")], self.must_be_wrong)

    def test_reads_that_do_nothing(self):
        reads = self.patient.counts["clEnqueueReadBuffer"]
        self.all(self.patient, [("nothing", f"call=clEnqueueReadBuffer k={k}+ do=nothing")
                                for k in range(1, reads + 1, 1 + reads // 30)],
                 lambda run: ["false ok: nothing was read"]
                 if run.struck and not run.bad_rows() else ())

    # ---- ends and hangs ---------------------------------------------------------------------

    def some_calls(self, bench, each=3):
        for name, count in sorted(bench.counts.items()):
            yield from ((name, k) for k in sorted({1, (count + 1) // 2, count} if each == 3 else {
                count}))

    def test_crashes(self):
        faults = [(what, f"call={name} k={k} do={what}") for what in ("crash", "abort", "exit")
                  for name, k in self.some_calls(self.patient)]
        self.all(self.patient, faults, self.one_row)

    def test_hangs(self):
        """A hang costs its deadline and one row, also when the driver ignores SIGTERM."""
        def expect(run):
            yield from self.one_row(run)
            found = [re.search(r"no answer within ([\d.]+) s", r["reason"] or "") for r in run.rows]
            found += [re.search(r"no answer within ([\d.]+) s", run.stderr)]
            deadlines = [float(m.group(1)) for m in found if m]
            over = run.delay_s - max(deadlines, default=self.soon)
            Walk.recovery_s = max(Walk.recovery_s, over)
            if over > RECOVERY_S:
                yield f"recovery: took {over:.2f} s beyond the deadline"
            needed = run.struck and self.call_of(run) not in NEEDLESS
            if needed and run.results and not run.bad_rows():
                yield "false ok: a call hung"
        faults = [(what, f"call={name} k={k} do={what}") for what, each in (("hang", 3), ("deaf", 1))
                  for name, k in self.some_calls(self.hasty, each)]
        self.all(self.hasty, faults, expect, workers=4)

    def test_what_a_driver_has_started(self):
        """A compiler that outlives its crash neither stays nor delays the end of its worker."""
        def expect(run):
            yield from self.one_row(run)
            if run.seconds > 10 + 2 * self.patient.seconds:
                yield f"recovery: {run.seconds:.1f} s"
        self.all(self.patient, [("orphan", f"call={name} k=2 do=orphan")
                                for name in ("clBuildProgram", "clFinish", "clSetKernelArg",
                                             "clEnqueueReadBuffer", "clReleaseProgram")], expect)

    def test_chatter(self):
        def printed(run):
            yield from self.one_row(run)
            if run.results and not any("driver says hello on stderr" in (r["worker_output"] or "")
                                       for r in run.rows):
                yield "lost: what the driver printed"
        calls = ["clBuildProgram", "clFinish", "clEnqueueReadBuffer", "clSetKernelArg"]
        self.all(self.patient, [("print", f"call={name} k=2 do=print") for name in calls], printed)
        self.all(self.hasty, [("babble", f"call={name} k=2 do=babble") for name in calls],
                 self.one_row)
        self.all(self.patient, [("delay", f"call={name} k=3 do=delay:100") for name in calls],
                 lambda run: ["cost: a delay"] if run.bad_rows() else ())

    # ---- lies -------------------------------------------------------------------------------

    def test_timers(self):
        lies = ["zero", "equal", "constant", "backwards", "swapped", "early", "unsubmitted",
                "decreasing", "span1000", "span20", "long20", "eternal", "clock1000", "clock20",
                "fast1000", "random", "overflow", "coarse"]

        def expect(run):
            for row in run.rows:
                if row["status"] != "ok":
                    yield f"cost: {row['status']} for a timer"
                elif row["time"]["clock"] != "host" or not row["time"]["clock_reason"]:
                    yield "false ok: a lie was believed"
                elif row["time"]["median_s"] != row["time"]["host_median_s"]:
                    yield "false ok: two clocks in a row"
        call = "call=clGetEventProfilingInfo"
        self.all(self.slow_kernels, [(f"timer {lie}", f"{call} do=time:{lie}") for lie in lies] +
                 [("timer error", f"{call} do=error:-7"), ("timer nothing", f"{call} do=nothing"),
                  ("timer tick", "call=clGetDeviceInfo param=0x1025 do=value:1000000000")], expect)
        honest = self.slow_kernels.run(f"{call} do=time:honest")
        self.assertEqual([r["time"]["clock"] for r in honest.rows], ["device"] * 2,
                         [r["time"]["clock_reason"] for r in honest.rows])

    def test_limits(self):
        properties = {"type": 0x1000, "compute_units": 0x1002, "work_item_sizes": 0x1005,
                      "work_group": 0x1004, "clock": 0x100c, "max_alloc": 0x1010,
                      "alignment": 0x1019, "global": 0x101f, "local": 0x1023, "tick": 0x1025}
        values = [0, 1, 7, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]
        self.all(self.patient, [("limit", f"call=clGetDeviceInfo param={p:#x} do=value:{v}")
                                for p in properties.values() for v in values], lambda run: ())

    def test_hostile_text(self):
        properties = {"name": 0x102b, "vendor": 0x102c, "driver": 0x102d, "version": 0x103d,
                      "extensions": 0x1030}
        queries = [f"call=clGetDeviceInfo param={p:#x}" for p in properties.values()]
        queries.append("call=clGetPlatformInfo param=0x902")
        faults = [f"{query} do=text:{kind}" for query in queries
                  for kind in ("ansi", "html", "utf8", "plain", "huge")]
        faults += [f"call=clGetProgramBuildInfo do=text:{kind};call=clBuildProgram k=2 do=error:-11"
                   for kind in ("ansi", "html", "utf8", "plain", "huge")]

        def expect(run):
            if run.results and len(run.text) > 200_000:
                yield f"size: {len(run.text)} bytes of results"
            if run.results and any(ord(c) < 32 and c not in "\n\t" for c in run.text):
                yield "control characters in the results"
        self.all(self.patient, [("text", fault) for fault in faults], expect)


unittest.main(verbosity=2)
