#!/usr/bin/env python3
"""Random problems on every other OpenCL driver that is here: Mesa's rusticl where it is installed,
and what OCL_ICD_VENDORS leads to.

drivers.py ATTNBENCH [--count N] [--device D | --platform NAME]

Their hangs, crashes and wrong results are rows with reasons, and the run goes on: the test fails when
a cell is lost, a row lacks a reason, nothing at all is right, or the run does not end. PoCL is left
out: the other device tests run on it. Exit status 77: no such driver.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

PROPERTY = pathlib.Path(__file__).resolve().parent / "property.py"
DEADLINE_S, BUDGET_S = 20, 240


def find_devices(attnbench, environment):
    listed = subprocess.run([attnbench, "devices", "--json"], env=environment, timeout=120,
                            stdout=subprocess.PIPE, check=False)
    return json.loads(listed.stdout or '{"devices": []}')["devices"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("attnbench")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--device", default=None, help="only the device with this id")
    parser.add_argument("--platform", default=None, help="only platforms with this in their name")
    args = parser.parse_args()
    environment = {"RUSTICL_ENABLE": "llvmpipe", **os.environ}
    failed, tested = [], 0
    for device in find_devices(args.attnbench, environment):
        if args.device or args.platform:
            wanted = device["id"] == args.device or (args.platform or "\0") in device["platform"]
        else:
            wanted = "Portable Computing Language" not in device["platform"]
        if not wanted:
            continue
        tested += 1
        print(f"== {device['id']}: {device['name']}, {device['platform']} {device['driver']}")
        for quirk in device.get("quirks", []):
            print(f"   known quirk {quirk['name']}")
        sys.stdout.flush()
        command = [sys.executable, PROPERTY, args.attnbench, "--count", str(args.count), "--seed",
                   "1", "--group", "3", "--device", device["id"], "--jobs", "1", "--any-status",
                   "--deadline", f"{DEADLINE_S}s", "--budget", f"{BUDGET_S}s"]
        try:
            # A cell that has begun may take a build, a launch and a read more.
            status = subprocess.run(command, env=environment, check=False,
                                    timeout=BUDGET_S + 10 * DEADLINE_S).returncode
        except subprocess.TimeoutExpired:
            status = "it did not end"
        if status:
            failed.append(f"{device['id']}: {status}")
    print("\n".join(failed) or f"{tested} devices")
    return 1 if failed else 0 if tested else 77


sys.exit(main())
