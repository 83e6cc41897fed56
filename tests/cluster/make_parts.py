#!/usr/bin/env python3
"""Parts for measuring how merge grows: one real run of the null backend, copied under other names.

usage: make_parts.py hosts|cells PARTS ROWS FOLDER

hosts: each part is the whole plan, run on a node of its own. cells: each part is a shard, with cells
that no other has, all on one node. Rows and digests are as the program would have written them.
"""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ATTNBENCH", str(SOURCE / "build/release/attnbench"))
DIGEST = re.compile(r',"digest":"[0-9a-f]*"}$')


def real_part(rows, folder):
    """The lines of a results file with that many rows."""
    variants = ["fused", "naive", "tiled", "fused_tiled"]
    suite = {"format": "attnbench-suite", "version": 1, "name": "many", "defaults": {"d_k": 4},
             "sweeps": [{"name": "n", "variants": variants,
                         "axes": {"n_q": {"from": 1, "to": (rows + 3) // 4, "step": 1},
                                  "n_kv": [8]}}],
             "measure": {"min_samples": 10, "min_time_s": 0, "max_time_s": 0.05,
                         "target_rel_ci": 1}}
    (folder / "suite.json").write_text(json.dumps(suite))
    (folder / "script.json").write_text('{"noise": 0.02}')
    environment = {**os.environ, "ATTNBENCH_NULL_SCRIPT": "script.json",
                   "ATTNBENCH_CACHE_DIR": str(folder)}
    subprocess.run([PROGRAM, "run", "suite.json", "--device", "null", "--peaks", "none", "--quiet",
                    "--out", "real.json"], cwd=folder, check=True, env=environment,
                   stdout=subprocess.DEVNULL)
    return (folder / "real.json").read_text().splitlines()


def with_batch(line, batch):
    """The row of another cell, with its digest."""
    row = DIGEST.sub("}", line.strip().rstrip(","))
    row = row.replace('"attention(', f'"attention(batch={batch},', 1)
    row = row.replace('"problem":{"op":"attention"', f'"problem":{{"op":"attention","batch":{batch}')
    digest = hashlib.sha256(row.encode()).hexdigest()[:16]
    comma = "," if line.endswith(",") else ""
    return f'    {row[:-1]},"digest":"{digest}"}}{comma}'


def main():
    mode, parts, rows, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with tempfile.TemporaryDirectory() as folder:
        lines = real_part(rows, pathlib.Path(folder))
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    begin, end = lines.index('  "rows": ['), next(i for i, l in enumerate(lines)
                                                   if l == "  ]," and i > lines.index('  "rows": ['))
    count = end - begin - 1
    for part in range(1, parts + 1):
        new = list(lines)
        for i in range(begin):
            new[i] = re.sub(r'("id": )"[0-9a-f]{32}"', rf'\1"{part:032x}"', new[i])
            if mode == "hosts":
                new[i] = re.sub(r'("host": {"name":)"[^"]*"', rf'\1"node{part:04d}"', new[i])
            elif new[i].startswith('    "shard": '):
                new[i] = (f'    "shard": {{"index":{part},"count":{parts},"source":"--shard",'
                          f'"plan_cells":{parts * count}}}{"," if new[i].endswith(",") else ""}')
        if mode == "cells" and part > 1:
            new[begin + 1:end] = [with_batch(line, part) for line in lines[begin + 1:end]]
        (pathlib.Path(out) / f"{part:04d}.json").write_text("\n".join(new) + "\n")
    print(f"{parts} parts of {count} rows")


main()
