"""A sweep over a fleet: shares of a plan, ranks found in the environment, and merging."""
import itertools
import json
import random
import re
import shutil
import subprocess
import unittest

from harness import (BAD_INPUT, INCOMPLETE, OK, PROGRAM, SOURCE, USAGE, WRONG, ProgramTest, main,
                     make_suite)

LAUNCHER = re.compile(r"^(OMPI|PMI|PMIX|SLURM|MPI|MV2|PALS|JOB_COMPLETION|CUDA|ROCR|GPU_DEVICE|ZE_)")
# Times differ by variant and problem, and from run to run by nothing.
SCRIPT = {"time_s": {"naive": "2e-9*pairs*heads_q", "*": "1e-9*pairs*heads_q"}}
SUITE = make_suite({"n": [8, 16, 32, 64], "heads": [1, 2]}, variants=["naive", "fused", "tiled"])


class FleetTest(ProgramTest):
    def environment(self, script=None, **more):
        environment = super().environment(script, **more)
        return {k: v for k, v in environment.items() if not LAUNCHER.match(k) or k in more}

    def run_shard(self, shard, out, *args, status=OK, host="node1", script=SCRIPT, **more):
        return self.attnbench("run", "s.json", "--device", "null", "--peaks", "none", "--quiet",
                              *(["--shard", shard] if shard else []), "--out", out, *args,
                              status=status, script=script, ATTNBENCH_HOST=host, **more)

    def merge(self, *parts, out="all.json", status=OK):
        result = self.attnbench("merge", *parts, "--out", out, status=status)
        return result, (self.folder / out).read_bytes()

    def cells(self, name):
        return sorted({(r["cell"], r["variant"]) for r in self.results(name)["rows"]})

    def setUp(self):
        super().setUp()
        self.write("s.json", SUITE)


# Environment, --shard, and "I/N" with a part of its source, or a part of the refusal.
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "2", "SLURM_NTASKS": "4"}
BATCH = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "4"}
ARRAY = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "16",
         "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "16", "SLURM_ARRAY_TASK_STEP": "1"}
OMPI = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8"}
DETECTION = [
    (OMPI, "auto", "4/8", "OMPI_COMM_WORLD_RANK=3 of OMPI_COMM_WORLD_SIZE=8"),
    ({**OMPI, **STEP}, "auto", "4/8", "OMPI"),
    ({**OMPI, **BATCH}, "auto", "4/8", "OMPI"),
    (OMPI, "auto/8", "4/8", "OMPI"),
    (OMPI, "auto/12", None, "8 ranks, which do not divide it"),
    (OMPI, "auto/16", None, "no SLURM_ARRAY_TASK_ID and no JOB_COMPLETION_INDEX"),
    ({"OMPI_COMM_WORLD_RANK": "3"}, "auto", None, "OMPI_COMM_WORLD_SIZE is not"),
    ({**OMPI, "OMPI_COMM_WORLD_RANK": "8"}, "auto", None, "does not fit OMPI_COMM_WORLD_SIZE=8"),
    ({**OMPI, "OMPI_COMM_WORLD_RANK": "x"}, "auto", None, "OMPI_COMM_WORLD_RANK is 'x'"),
    ({"PMI_RANK": "0", "PMI_SIZE": "2"}, "auto", "1/2", "PMI_RANK=0 of PMI_SIZE=2"),
    ({"PMI_SIZE": "2"}, "auto", None, "PMI_SIZE is set, but PMI_RANK is not"),
    ({"PMI_RANK": "1", "PMI_SIZE": "2", **STEP}, "auto", "2/2", "PMI_RANK"),
    ({"PMIX_RANK": "2"}, "auto", None, "use --shard auto/N"),
    ({"PMIX_RANK": "2"}, "auto/3", "3/3", "PMIX_RANK=2"),
    ({"PMIX_RANK": "2", **STEP}, "auto", "3/4", "PMIX_RANK=2 of SLURM_NTASKS=4"),
    (STEP, "auto", "3/4", "SLURM_PROCID=2 of SLURM_NTASKS=4"),
    ({**STEP, "SLURM_STEP_NUM_TASKS": "3"}, "auto", "3/3", "SLURM_STEP_NUM_TASKS=3"),
    ({**STEP, "SLURM_PROCID": "4"}, "auto", None, "SLURM_PROCID=4 does not fit"),
    (BATCH, "auto", None, "start attnbench with srun"),
    ({**BATCH, "SLURM_STEP_ID": "4294967291"}, "auto", None, "start attnbench with srun"),
    ({**BATCH, "SLURM_STEP_ID": "4294967290"}, "auto", None, "start attnbench with srun"),
    ({**BATCH, "SLURM_NTASKS": "1"}, "auto", None, "names no rank"),
    (ARRAY, "auto", "5/16", "SLURM_ARRAY_TASK_ID=5 of 16"),
    ({**ARRAY, **BATCH}, "auto", "5/16", "SLURM_ARRAY_TASK_ID=5"),
    ({**ARRAY, "SLURM_ARRAY_TASK_ID": "15", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_MAX": "25",
      "SLURM_ARRAY_TASK_STEP": "10", "SLURM_ARRAY_TASK_COUNT": "3"}, "auto", "2/3", "by 10"),
    ({**ARRAY, "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "9",
      "SLURM_ARRAY_TASK_STEP": "4", "SLURM_ARRAY_TASK_COUNT": "3"}, "auto", "1/3", "of 3 from 0"),
    ({**ARRAY, "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MAX": "7", "SLURM_ARRAY_TASK_COUNT": "3"},
     "auto", None, "use --shard auto/N with --array=1-N"),  # --array=1,3,7
    ({"SLURM_ARRAY_TASK_ID": "7"}, "auto", None, "COUNT and MIN are not"),
    ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "5"}, "auto/16", "5/16",
     "SLURM_ARRAY_TASK_ID=5"),  # some of them again
    ({**ARRAY, "SLURM_ARRAY_TASK_ID": "0"}, "auto/16", None, "submit with --array=1-16"),
    ({**ARRAY, "SLURM_ARRAY_TASK_ID": "17"}, "auto/16", None, "submit with --array=1-16"),
    ({**ARRAY, **STEP}, "auto", "19/64", "SLURM_ARRAY_TASK_ID=5 of 16 from 1 by 1, SLURM_PROCID=2"),
    ({**ARRAY, **STEP}, "auto/64", "19/64", "SLURM_ARRAY_TASK_ID=5, SLURM_PROCID=2"),
    ({**ARRAY, **STEP, "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, "auto/16", "5/16",
     "SLURM_ARRAY_TASK_ID=5"),
    ({**ARRAY, **OMPI}, "auto", "36/128", "OMPI_COMM_WORLD_RANK=3"),
    ({"JOB_COMPLETION_INDEX": "0"}, "auto/16", "1/16", "JOB_COMPLETION_INDEX=0"),
    ({"JOB_COMPLETION_INDEX": "15"}, "auto/16", "16/16", "JOB_COMPLETION_INDEX=15"),
    ({"JOB_COMPLETION_INDEX": "16"}, "auto/16", None, "does not fit"),
    ({"JOB_COMPLETION_INDEX": "1"}, "auto", None, "use --shard auto/N with completions: N"),
    ({}, "auto", None, "names no rank"),
    ({}, "auto/0", None, "a number of shards from 1"),
    ({}, "auto/x", None, "a number of shards from 1"),
    ({}, "0/4", None, "expected I/N with I from 1 to N"),
    ({}, "5/4", None, "expected I/N with I from 1 to N"),
    ({}, "3", None, "expected I/N with I from 1 to N"),
    ({}, "3/4", "3/4", "--shard"),
    (STEP, "2/3", "2/3", "--shard"),
]


class Detection(FleetTest):
    def test_every_launcher(self):
        for environment, given, shard, text in DETECTION:
            with self.subTest(environment=environment, given=given):
                result = self.attnbench("plan", "s.json", "--device", "null", "--json", "--shard",
                                        given, status=OK if shard else USAGE, **environment)
                if shard:
                    found = json.loads(result.stdout)["shard"]
                    self.assertEqual(f'{found["index"]}/{found["count"]}', shard)
                    self.assertIn(text, found["source"])
                else:
                    self.assertIn(text, result.stderr)
                    self.assertEqual(result.stdout, "")


class Devices(FleetTest):
    TWO = {"devices": [{"name": "twin", "compute_units": 4}, {"name": "twin", "compute_units": 4},
                       {"name": "small", "compute_units": 1}]}

    def device(self, script, *args, **environment):
        plan = json.loads(self.attnbench("plan", "s.json", "--json", *args, script=script,
                                         status=OK, **environment).stdout)
        return {c["device"] for c in plan["cells"]}, plan["plan_id"]

    def test_ranks_of_a_node_share_out_devices_of_one_model(self):
        ids = set()
        for local, device in [("0", "null-0"), ("1", "null-1"), ("2", "null-0")]:
            found, plan = self.device(self.TWO, "--device", "null", "--shard", "auto", **OMPI,
                                      OMPI_COMM_WORLD_LOCAL_RANK=local)
            self.assertEqual(found, {device})
            ids.add(plan)
        self.assertEqual(len(ids), 1, "it is one plan on all of them")
        found, _ = self.device(self.TWO, "--device", "null-2", "--shard", "auto", **OMPI,
                               OMPI_COMM_WORLD_LOCAL_RANK="1")
        self.assertEqual(found, {"null-2"}, "an id is no choice")

    def test_slurms_local_rank_is_not_that_of_mpirun_inside_of_it(self):
        inner = {**STEP, "SLURM_LOCALID": "1"}
        self.assertEqual(self.device(self.TWO, "--device", "null", "--shard", "auto", **inner)[0],
                         {"null-1"})
        self.assertEqual(self.device(self.TWO, "--device", "null", "--shard", "auto", **inner,
                                     **OMPI)[0], {"null-0"})

    def test_narrowed_devices_keep_their_names_apart(self):
        script = {**SCRIPT, "devices": [{"id": "nvidia-gpu-0", "platform": "NVIDIA CUDA"}]}
        ids = {"devices": [{"id": "nvidia-gpu-0", "platform": "NVIDIA CUDA",
                            "uuid": "3f2a91c0" + "0" * 24}], **SCRIPT}
        for shard, given, environment in [("1/3", script, {"CUDA_VISIBLE_DEVICES": "2,5"}),
                                          ("2/3", script, {"CUDA_VISIBLE_DEVICES": "3"}),
                                          ("3/3", ids, {"CUDA_VISIBLE_DEVICES": "4"})]:
            self.run_shard(shard, f"{shard[0]}.json", script=given, **environment)
        self.assertEqual(self.results("1.json")["devices"][0]["visible"], "CUDA_VISIBLE_DEVICES=2,5")
        self.merge("1.json", "2.json", "3.json")
        self.assertEqual([d["id"] for d in self.results("all.json")["devices"]],
                         ["nvidia-gpu-2@node1", "nvidia-gpu-3@node1", "nvidia-gpu-3f2a91c0@node1"])

    def test_two_ranks_on_one_device_take_turns(self):
        slow = {**SCRIPT, "faults": [{"at": "launch", "variant": "naive", "cell": "n_q=64,",
                                      "do": "hang"}]}
        first = self.start("run", "s.json", "--device", "null", "--peaks", "none", "--shard", "1/1",
                           "--deadline", "3s", "--out", "a.json", script=slow)
        self.wait_for_rows(1, "a.json.journal")
        second = self.run_shard("1/2", "b.json", host="")
        self.assertIn("is in use by another run", second.stderr)
        self.assertIsNotNone(first.poll(), "the second waited")


class Shares(FleetTest):
    def test_every_cell_is_in_one_share_and_groups_stay_together(self):
        whole = sorted(self.planned("s.json"))
        for count in [1, 2, 3, 7, 16, 30]:
            shares = [self.planned("s.json", "--shard", f"{i}/{count}")
                      for i in range(1, count + 1)]
            self.assertEqual(sorted(itertools.chain(*shares)), whole)
            if count <= 7:  # more shards than groups: groups are split
                for share in shares:
                    for cell in {c for c, _, _ in share}:
                        self.assertEqual(sum(c == cell for c, _, _ in share), 3)

    def test_simulation(self):
        out = self.attnbench("plan", "s.json", "--device", "null", "--simulate", "1,2,24,1000",
                             status=OK).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in out[1:5]], ["1", "2", "24", "1000"])
        self.assertIn("100.0 %", out[1])
        self.assertIn("no number of ranks goes below that", out[5])
        self.assertIn("--simulate: expected numbers of ranks",
                      self.attnbench("plan", "s.json", "--device", "null", "--simulate", "0",
                                     status=USAGE).stderr)


class Merging(FleetTest):
    def comparable(self, name):
        """The rows without what differs from run to run."""
        rows = self.results(name)["rows"]
        for row in rows:
            for key in ["part", "digest", "build"]:
                row.pop(key, None)
        return rows

    def test_shards_in_any_order_and_grouping_are_the_serial_run(self):
        self.run_shard(None, "serial.json")
        self.merge("serial.json", out="one.json")
        dice = random.Random(3)
        for count in [1, 2, 3, 7, 16]:
            parts = [f"{count}-{i}.json" for i in range(1, count + 1)]
            for i, part in enumerate(parts, 1):
                self.run_shard(f"{i}/{count}", part, host=f"node{i % 3}" if count == 7 else "node1")
            _, want = self.merge(*parts)
            self.attnbench("check", "all.json", status=OK)
            if count != 7:
                self.assertEqual(self.comparable("all.json"), self.comparable("one.json"))
                self.assertEqual(self.results("all.json")["scaling"],
                                 self.results("one.json")["scaling"])
            self.assertEqual(self.cells("all.json"), self.cells("serial.json"))
            for turn in range(20):
                order = parts[:]
                dice.shuffle(order)
                cut = dice.randrange(count + 1)
                if cut and turn % 2:  # a part of them first, and some of them twice
                    self.attnbench("merge", *order[:cut], "--out", "some.json")
                    order = ["some.json", *order[dice.randrange(cut):]]
                    dice.shuffle(order)
                _, got = self.merge(*order, out="again.json")
                self.assertEqual(got, want, f"{count} shards as {order}")

    def test_layout_does_not_matter(self):
        for i in [1, 2]:
            self.run_shard(f"{i}/2", f"{i}.json")
        _, want = self.merge("1.json", "2.json")
        for name, change in [("pretty", lambda d: json.dumps(d, indent=4)),
                             ("flat", json.dumps),
                             ("rows first", lambda d: json.dumps({"rows": d["rows"], **d}))]:
            self.write(f"{name}.json", change(self.results("2.json")))
            with self.subTest(name):
                _, got = self.merge("1.json", f"{name}.json")
                self.assertEqual(got, want)

    def test_nodes_are_separate_series(self):
        for i in [1, 2]:
            self.run_shard(f"{i}/2", f"{i}.json", host=f"node{i}")
        self.merge("1.json", "2.json")
        results = self.results("all.json")
        self.assertEqual([d["id"] for d in results["devices"]], ["null-0@node1", "null-0@node2"])
        self.assertEqual([d["host"] for d in results["devices"]], ["node1", "node2"])
        self.assertNotIn("host", results["run"])
        self.assertEqual({(p["index"], p["count"], p["host"]) for p in results["run"]["parts"]},
                         {(1, 2, "node1"), (2, 2, "node2")})
        report = self.attnbench("report", "all.json", status=OK).stdout
        self.assertIn("null-0@node2", report)

    def test_missing_cells_are_listed_with_the_command(self):
        for i in [1, 3]:
            self.run_shard(f"{i}/3", f"p{i}.json")
        result, _ = self.merge("p1.json", "p3.json", status=INCOMPLETE)
        missing = [line for line in result.stdout.splitlines() if line.startswith("missing ")]
        share = self.planned("s.json", "--shard", "2/3")
        self.assertEqual(missing, [f"missing {cell}@{variant} shard 2/3"
                                   for cell, _, variant in share])
        command = re.search(r"^    attnbench (run .*--shard 2/3 .*)$", result.stderr, re.M)
        self.attnbench("check", "all.json", status=OK)
        self.assertIsNone(self.results("all.json")["run"]["finished_utc"])
        self.attnbench(*command.group(1).split(), "--quiet", status=OK, script=SCRIPT,
                       ATTNBENCH_HOST="node1")
        self.merge("p1.json", "p3.json", "2-of-3.json", status=OK)

    def test_array_tasks_are_named_by_their_ids(self):
        for i in [1, 4]:
            self.run_shard("auto/4", f"{i}.json", SLURM_ARRAY_TASK_ID=str(i))
        result, _ = self.merge("1.json", "4.json", status=INCOMPLETE)
        self.assertIn("    sbatch --array=2,3 JOB", result.stderr)

    def test_without_the_suite_the_shards_are_named(self):
        for i in [1, 3]:
            self.run_shard(f"{i}/3", f"p{i}.json")
        (self.folder / "s.json").unlink()
        result, _ = self.merge("p1.json", "p3.json", status=INCOMPLETE)
        self.assertIn("cannot be named", result.stderr)
        self.assertIn("--shard 2/3", result.stderr)
        self.assertNotIn("--shard 1/3", result.stderr)

    def test_journals_of_interrupted_shards_are_parts(self):
        self.run_shard("1/2", "1.json")
        fault = {**SCRIPT, "faults": [{"at": "launch", "cell": "n_q=64,", "do": "hang"}]}
        process = self.start("run", "s.json", "--device", "null", "--peaks", "none", "--shard",
                             "2/2", "--out", "2.json", script=fault, ATTNBENCH_HOST="node1")
        self.wait_for_rows(3, "2.json.journal")
        process.kill()
        process.wait()
        with open(self.folder / "2.json.journal", "a") as journal:
            journal.write('{"row": {"cel')
        result, _ = self.merge("1.json", "2.json.journal", status=INCOMPLETE)
        self.assertIn("the last line was cut off", result.stderr)
        self.assertIn("missing ", result.stdout)
        self.attnbench("run", "--resume", "2.json", "--quiet", status=OK, script=SCRIPT,
                       ATTNBENCH_HOST="node1")
        shutil.copy(self.folder / "all.json", self.folder / "early.json")
        _, want = self.merge("1.json", "2.json", status=OK)
        _, got = self.merge("early.json", "1.json", "2.json", out="more.json", status=OK)
        self.assertEqual(got, want, "what was merged early is not there twice")

    def test_other_plans_are_refused_with_the_difference(self):
        self.run_shard("1/2", "a.json")
        self.write("t.json", {**SUITE, "title": "other"})
        cases = [("s.json", ["--seed", "2"], "the seed is 1 and 2", {}),
                 ("s.json", ["--cache", "cold"], "one was run with --cache=cold, the other without", {}),
                 ("s.json", ["--set", "n=8"], "their cells differ", {}),
                 ("t.json", [], "the suite's SHA-256 is", {}),
                 ("s.json", [], "the devices' drivers are '1' and '2'",
                  {"devices": [{"driver": "2"}]}),
                 ("s.json", [], "have 8 and 9 compute units", {"devices": [{"compute_units": 9}]})]
        for suite, args, message, script in cases:
            with self.subTest(message):
                self.attnbench("run", suite, "--device", "null", "--peaks", "none", "--quiet",
                               "--shard", "2/2", "--out", "b.json", *args, status=OK,
                               script={**SCRIPT, **script})
                result = self.attnbench("merge", "a.json", "b.json", "--out", "c.json", status=USAGE)
                self.assertIn(message, result.stderr)
                self.assertIn("a.json and b.json do not belong together", result.stderr)
                self.assertFalse((self.folder / "c.json").exists())
        other = self.results("a.json")
        other["run"]["tool_version"] = "9.9.9"
        self.write("b.json", other)
        self.assertIn("the tool version is", self.attnbench(
            "merge", "a.json", "b.json", "--out", "c.json", status=USAGE).stderr)

    def test_damaged_parts_are_refused(self):
        self.run_shard("1/2", "a.json")
        text = (self.folder / "a.json").read_text()
        cases = [(text[:len(text) // 2], "the file ends in the middle"),
                 (text[:text.rindex('"summary"')], "not valid JSON"),
                 (text.replace('"status":"ok"', '"status":"wrong"', 1), "its digest does not fit"),
                 (re.sub(r'^    \{"cell".*,\n', "", text, count=1, flags=re.M), "cells is"),
                 ("", "not valid JSON"), ("{}", "no results file"), ("[1]", "no results file")]
        for content, message in cases:
            with self.subTest(message):
                self.write("b.json", content)
                result = self.attnbench("merge", "b.json", "--out", "c.json", status=BAD_INPUT)
                self.assertIn(message, result.stderr)
                self.assertEqual([p for p in self.folder.iterdir() if "c.json" in p.name], [])
        self.assertIn("needs --out", self.attnbench("merge", "a.json", status=USAGE).stderr)

    def test_what_check_refuses_is_left_out(self):
        """Each rule of `check` that can be broken behind a digest's back: named, and not merged."""
        for shard in ("1/2", "2/2"):
            self.run_shard(shard, f"{shard[0]}.json")
        whole = (self.folder / "2.json").read_text()
        bare = re.sub(r', *"digest": *"[^"]*"', "", whole)
        rows = [line for line in bare.splitlines() if line.startswith('    {"cell"')]
        edits = {"median": re.sub(r'"median_s": *[0-9][0-9.e+-]*', '"median_s":1e-12', bare),
                 "digest": re.sub(r', *"digest": *"[^"]*"', "", whole, count=1),
                 "reason": bare.replace('"reason":null', '"reason":"none"', 1),
                 "device": bare.replace('"device":"null-0"', '"device":"other"', 1),
                 "id": bare.replace('"cell":"attention(', '"cell":"attention(d_k=9,', 1),
                 "samples": re.sub(r'"samples_s":\[[^\]]*\]', '"samples_s":[1e-9]', bare, count=1),
                 "twice": bare.replace(rows[-1], rows[0].rstrip(",")),
                 "planned": re.sub(r'"planned_cells": *(\d+)', '"planned_cells":9', bare, count=1)}
        for what, text in edits.items():
            with self.subTest(what):
                self.assertNotEqual(text, whole)
                self.write("2.json", text)
                self.attnbench("check", "2.json", status=BAD_INPUT)
                result = self.attnbench("merge", "1.json", "2.json", "--out", "all.json")
                self.assertEqual(result.returncode, INCOMPLETE, result.stderr)
                self.assertIn("'2.json' is left out: it breaks", result.stderr)
                self.attnbench("check", "all.json", status=OK)
                self.assertEqual(len(self.results("all.json")["rows"]),
                                 len(self.results("1.json")["rows"]))
                (self.folder / "all.json").unlink()
                alone = self.attnbench("merge", "2.json", "--out", "all.json", status=INCOMPLETE)
                self.assertIn("no part is left", alone.stderr)
                self.assertFalse((self.folder / "all.json").exists())

    def test_missing_cells_of_a_run_with_a_filter(self):
        self.run_shard("1/2", "1.json", "--filter", "n_q=8,")
        result = self.attnbench("merge", "1.json", "--out", "all.json", status=INCOMPLETE)
        self.assertIn("missing attention", result.stdout)
        self.assertIn("--filter=n_q=8,", result.stderr)

    def test_a_cell_measured_twice_keeps_both_and_tells_of_a_difference(self):
        noisy = {**SCRIPT, "noise": 0.01}
        slower = {"time_s": {"naive": "2e-9*pairs*heads_q", "tiled": "1.5e-9*pairs*heads_q",
                             "*": "1e-9*pairs*heads_q"}, "noise": 0.011}
        suite = make_suite({"n": [8, 16, 32, 64]}, variants=["naive", "tiled"],
                           measure={"min_samples": 20, "max_time_s": 1})
        self.write("s.json", suite)
        self.run_shard(None, "a.json", script=noisy)
        self.run_shard(None, "b.json", script=slower)
        result, want = self.merge("a.json", "b.json", status=OK)
        _, got = self.merge("b.json", "a.json", "b.json", out="two.json", status=OK)
        self.assertEqual(got, want)
        self.assertIn("8 measured again, 4 of these disagree", result.stdout)
        self.assertEqual(result.stderr.count("which is no noise"), 4, result.stderr)
        rows = self.results("all.json")["rows"]
        self.assertEqual(len(rows), 16)
        for first, second in zip(rows[::2], rows[1::2]):
            self.assertEqual((first["cell"], first["variant"]), (second["cell"], second["variant"]))
            self.assertIsNone(first["part"]["repeat"])
            self.assertEqual(second["part"]["repeat"] in ("slower", "faster"),
                             second["variant"] == "tiled")
            self.assertNotEqual(first["part"]["run"], second["part"]["run"])
        self.assertEqual(len(self.results("all.json")["scaling"]), 2, "a curve of each variant")
        self.attnbench("check", "all.json", status=OK)

    def test_a_failure_that_another_run_mended_and_a_wrong_one_that_stays(self):
        crash = {**SCRIPT, "faults": [{"at": "launch", "variant": "tiled", "cell": "n_q=8,",
                                       "do": "crash"}]}
        wrong = {**SCRIPT, "faults": [{"at": "launch", "variant": "tiled", "cell": "n_q=8,",
                                       "do": "wrong"}]}
        self.run_shard(None, "a.json", script=crash, status=INCOMPLETE)
        self.run_shard(None, "b.json")
        self.run_shard(None, "c.json", script=wrong, status=WRONG)
        self.merge("a.json", status=INCOMPLETE)
        self.merge("a.json", "b.json", status=OK)
        self.merge("a.json", "b.json", "c.json", status=WRONG)

    def test_a_folder_is_its_files(self):
        (self.folder / "parts").mkdir()
        for i in [1, 2]:
            self.run_shard(f"{i}/2", "parts/{shard}.json")
        self.assertEqual(sorted(p.name for p in (self.folder / "parts").iterdir()),
                         ["1-of-2.json", "2-of-2.json"])
        _, a = self.merge("parts", status=OK)
        _, b = self.merge("parts/2-of-2.json", "parts/1-of-2.json", status=OK)
        self.assertEqual(a, b)


class Resuming(FleetTest):
    def interrupted(self, shard, host="node1"):
        fault = {**SCRIPT, "faults": [{"at": "launch", "cell": "n_q=64,", "do": "hang"}]}
        process = self.start("run", "s.json", "--device", "null", "--peaks", "none", "--shard",
                             shard, "--out", "p.json", script=fault, ATTNBENCH_HOST=host)
        self.wait_for_rows(3, "p.json.journal")
        process.kill()
        process.wait()

    def test_another_shard_is_refused(self):
        self.interrupted("1/2")
        for args in [["--shard", "2/2"], ["--shard", "1/3"], []]:
            result = self.attnbench("run", "s.json", "--device", "null", "--peaks", "none",
                                    "--resume", "p.json", *args, status=USAGE, script=SCRIPT)
            self.assertIn("belongs to shard 1/2", result.stderr)
        self.attnbench("run", "--resume", "p.json", "--quiet", status=OK, script=SCRIPT)
        self.assertEqual(self.results("p.json")["run"]["shard"]["index"], 1)
        self.attnbench("check", "p.json", status=OK)

    def test_continue_starts_goes_on_and_stops(self):
        self.interrupted("1/2")
        for message in ["", "is finished already"]:
            result = self.run_shard("1/2", "p.json", "--continue")
            self.assertIn(message, result.stderr)
        self.assertEqual(len(self.results("p.json")["rows"]),
                         len(self.planned("s.json", "--shard", "1/2")))
        self.assertIn("belongs to shard 1/2",
                      self.run_shard("2/2", "p.json", "--continue", status=USAGE).stderr)
        self.assertIn("needs --out", self.attnbench("run", "s.json", "--device", "null",
                                                    "--continue", status=USAGE).stderr)

    def test_continue_on_another_node_keeps_the_series_apart(self):
        self.interrupted("1/1")
        result = self.run_shard("1/1", "p.json", "--continue", host="node2")
        self.assertIn("was begun on node1", result.stderr)
        aside = next(p.name for p in self.folder.glob("p-*.journal"))
        self.merge("p.json", aside, status=OK)
        results = self.results("all.json")
        self.assertEqual({d["host"] for d in results["devices"]}, {"node1", "node2"})
        self.assertEqual(len(results["rows"]), len(self.planned("s.json")), "no cell ran twice")


class Jobs(FleetTest):
    def emit(self, kind, *args, status=OK):
        return self.attnbench("plan", "s.json", "--device", "null", "--emit", kind, "--ranks", "16",
                              *args, status=status)

    def test_figures_for_programs(self):
        out = self.run_shard(None, "o.json", "--fom").stdout
        lines = re.findall(r"^FOM (\S+)@(\w+) (\S+) (\S+)$", out, re.M)
        rows = self.results("o.json")["rows"]
        self.assertEqual([(c, v, float(s), u) for c, v, s, u in lines],
                         [(r["cell"], r["variant"], float(f'{r["time"]["median_s"]:.9g}'), "s")
                          for r in rows])

    def test_scripts_are_shell_and_quote_what_they_are_given(self):
        for kind in ["slurm", "mpi"]:
            text = self.emit(kind, "--filter", "n_q=8,.*|'; $(touch bad)").stdout
            self.assertTrue(text.startswith("#!/bin/"), text)
            self.write("job.sh", text)
            subprocess.run(["bash", "-n", "job.sh"], cwd=self.folder, check=True)
            words = re.search(r"attnbench (run .*)$", text, re.M).group(1)
            shown = subprocess.run(["bash", "-c", f"printf '%s\\n' {words.split(' >>')[0]}"],
                                   cwd=self.folder, check=True, capture_output=True,
                                   text=True).stdout.splitlines()
            self.assertIn("--filter=n_q=8,.*|'; $(touch bad)", shown)
            self.assertIn("--continue", shown)
        self.assertFalse((self.folder / "bad").exists())
        self.assertIn("--array=1-16", self.emit("slurm").stdout)

    def test_kubernetes_and_reframe(self):
        text = self.emit("k8s").stdout
        args = json.loads(re.search(r"^          args: (.*)$", text, re.M).group(1))
        self.assertIn("--shard=auto/16", args)
        self.assertIn("completions: 16", text)
        text = self.emit("reframe", "--set", "n=8").stdout
        compile(text, "check.py", "exec")
        self.assertIn('"--set=n=8"', text)
        self.assertIn("expected slurm, mpi, k8s or reframe",
                      self.emit("pbs", status=USAGE).stderr)


if __name__ == "__main__":
    main()
