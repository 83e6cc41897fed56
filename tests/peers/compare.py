#!/usr/bin/env python3
"""The variants beside attention by other means on the same CPU, in one run.

compare.py ATTNBENCH ATTENTION_PEERS [FMA_PEAK] [--device D] [--rounds R] [--variants A,B]

Peers: attention composed of OpenBLAS products (ATTENTION_PEERS), and the peak that a plain C loop of
multiply-adds reaches (FMA_PEAK, which prints GFLOP/s). Peers and attnbench take turns for R rounds,
so that a machine that slows down or gets busy does so for all; a figure is the median over rounds,
and a ratio the median of the rounds' ratios, with the smallest and largest. All use as many threads
as the device has compute units, and leave it to the system on which cores.

Exit status: 1 when an output was wrong or a variant's row is not ok, 77 when there is no CPU device.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

DIMS, LENGTHS, MASKS, HEADS = [64, 128], [512, 1024, 2048], ["none", "causal"], 8
PROBLEMS = [(d, n, mask) for d in DIMS for n in LENGTHS for mask in MASKS]
# naive is the definition, not a contender: it would take most of the time.
LEFT_OUT = {"naive"}


class Failure(Exception):
    pass


def run(command, **more):
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                            **more)
    return result.returncode, result.stdout


def find_device(attnbench, wanted):
    """The CPU device to compare with: the peers run on the CPU."""
    option = ["--device", wanted] if wanted else []
    status, out = run([attnbench, "devices", "--json", *option], stderr=subprocess.DEVNULL)
    devices = json.loads(out)["devices"] if status == 0 else []
    cpus = [d for d in devices if d["type"] == "cpu"]
    if not cpus:
        print("no OpenCL CPU device to compare with")
        sys.exit(77)
    return cpus[0]


def write_suite(folder, variants):
    suite = {"format": "attnbench-suite", "version": 1, "name": "peers",
             "sweeps": [{"name": "peers", "defaults": {"heads": HEADS, "dtype": "f32"},
                         "axes": {"d_k": DIMS, "n": LENGTHS, "mask": MASKS},
                         "variants": variants}],
             "measure": {"min_samples": 7, "min_time_s": 0.3, "max_time_s": 5,
                         "target_rel_ci": 0.05}}
    path = folder / "peers.json"
    path.write_text(json.dumps(suite, indent=1))
    return path


def flops(d, n, mask):
    pairs = n * n if mask == "none" else n * (n + 1) // 2
    return 4 * HEADS * pairs * d


def measure_variants(attnbench, device, suite, folder):
    """{problem: {variant: GFLOP/s}} of one run; a row that is neither ok nor unsupported fails."""
    out = folder / "out.json"
    status, _ = run([attnbench, "run", str(suite), "--device", device["id"], "--check", "sample",
                     "--quiet", "--peaks", "none", "--out", str(out)])
    if not out.exists():
        raise Failure(f"attnbench run ended with status {status}")
    rates = {problem: {} for problem in PROBLEMS}
    for row in json.loads(out.read_text())["rows"]:
        keys = row["problem"]
        problem = (keys["d_k"], keys["n_q"], keys.get("mask", "none"))
        if row["status"] == "ok":
            rates[problem][row["variant"]] = flops(*problem) / row["time"]["median_s"] / 1e9
        elif row["status"] != "unsupported":
            raise Failure(f"{row['cell']} {row['variant']}: {row['status']}: {row['reason']}")
    out.unlink()
    return rates


def measure_openblas(program, environment):
    status, out = run([program, *(f"{d}:{n}:{mask}" for d, n, mask in PROBLEMS)], env=environment)
    if status:
        raise Failure(f"{program} ended with status {status}")
    medians = [float(line.split()[1]) for line in out.splitlines()]
    return {p: flops(*p) / s / 1e9 for p, s in zip(PROBLEMS, medians, strict=True)}


def measure_peak(program, environment):
    if not program:
        return None
    status, out = run([program, "--loop"], env=environment)
    if status:
        raise Failure(f"{program} ended with status {status}")
    return float(out.split()[0])


def show(values):
    return f"{statistics.median(values):8.1f}" if values else f"{'-':>8}"


def show_ratio(values):
    if not values:
        return f"{'-':>20}"
    return f"{statistics.median(values):6.2f} ({min(values):5.2f}-{max(values):5.2f})"


def table(rounds, variants):
    """Lines of a table; `rounds` are (peak, {problem: openblas}, {problem: {variant: rate}})."""
    has_peak = all(peak for peak, _, _ in rounds)
    yield ("  d     n mask  " + "".join(f" {name[:12]:>12}" for name in [*variants, "openblas"])
           + f"  {'best / openblas':>20}  {'best / FMA peak':>20}")
    for problem in PROBLEMS:
        rates = {name: [r[problem][name] for _, _, r in rounds if name in r[problem]]
                 for name in variants}
        blas = [b[problem] for _, b, _ in rounds]
        rates = {name: values for name, values in rates.items() if len(values) == len(rounds)}
        if not rates:
            raise Failure(f"no variant computes {problem}")
        best = rates[max(rates, key=lambda name: statistics.median(rates[name]))]
        to_peak = [b / peak for b, (peak, _, _) in zip(best, rounds)] if has_peak else []
        yield (f"{problem[0]:3d} {problem[1]:5d} {problem[2]:6s}"
               + "".join(f"     {show(rates.get(name, []))}" for name in variants)
               + f"     {show(blas)}  {show_ratio([b / o for b, o in zip(best, blas)])}"
               + f"  {show_ratio(to_peak)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("attnbench")
    parser.add_argument("attention_peers")
    parser.add_argument("fma_peak", nargs="?")
    parser.add_argument("--device")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", help="default: all but " + ", ".join(LEFT_OUT))
    args = parser.parse_args()

    device = find_device(args.attnbench, args.device)
    threads = device["compute_units"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "false",
                   "OMP_DYNAMIC": "false"}
    _, out = run([args.attnbench, "variants", "--device", device["id"], "--json"])
    known = [v["name"] for v in json.loads(out)["variants"]]
    variants = (args.variants.split(",") if args.variants
                else [name for name in known if name not in LEFT_OUT])

    rounds = []
    with tempfile.TemporaryDirectory(prefix="attnbench-peers-") as temporary:
        folder = pathlib.Path(temporary)
        suite = write_suite(folder, variants)
        for number in range(args.rounds):
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
            rounds.append((measure_peak(args.fma_peak, environment),
                           measure_openblas(args.attention_peers, environment),
                           measure_variants(args.attnbench, device, suite, folder)))
    measured = [name for name in variants if any(name in r[PROBLEMS[0]] for _, _, r in rounds)]
    print(f"{device['name']}, {device['driver']}; f32, {HEADS} heads, {threads} threads; "
          f"GFLOP/s, median of {args.rounds} rounds; ratios with their range")
    print("\n".join(table(rounds, measured)))
    peaks = [peak for peak, _, _ in rounds if peak]
    if peaks:
        print(f"C loop of multiply-adds: {statistics.median(peaks):.1f} GFLOP/s "
              f"({min(peaks):.1f}-{max(peaks):.1f})")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: figures of a busy "
          "machine mean little, ratios more")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"compare.py: {failure}", file=sys.stderr)
        sys.exit(1)
