#!/usr/bin/env python3
"""One recipe in several policies and seeds: final validation loss, and its difference from FP32, as a table.

    bench/policies.py --out build/policies -- [mote train's own options and files]
    bench/policies.py --seeds 3 --policies fp32,mxfp6 --out build/ecoli -- ecoli.fna.gz --steps 1000

A policy is a name or a JSON file. Runs that are done already are not run again, so it may be stopped and started.
"""

import argparse
import json
import statistics
import subprocess
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--mote", default="build/mote")
parser.add_argument("--out", required=True, type=Path)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--policies", default="fp32,mxint8,mxfp8,mxfp6,mxfp6_e2m3,mxfp4-w_mxfp6-ag")
parser.add_argument("arguments", nargs="*", help="for mote train, after --")
options = parser.parse_args()


def name_of(policy):
    return Path(policy).stem if policy.endswith(".json") else policy


def result(policy, seed):
    folder = options.out / f"{name_of(policy)}-{seed}"
    run = folder / "run.json"
    state = json.loads(run.read_text())["status"] if run.exists() else None
    if state != "done":
        command = [options.mote, "train", *options.arguments, "--policy", policy, "--seed", str(seed), "-o", str(folder)]
        subprocess.run(command + (["--resume"] if state else []), check=True, stdout=subprocess.DEVNULL)
    return json.loads(run.read_text())


policies = options.policies.split(",")
runs = {p: [result(p, seed) for seed in range(1, options.seeds + 1)] for p in policies}
limit = runs[policies[0]][0]["data"]["limit"]
loss = {p: statistics.mean(r["results"]["loss"] for r in rs) for p, rs in runs.items()}
first = runs[policies[0]][0]
print(f"{first['data']['description']}\n{first['model']['model']}, {first['model']['parameters']} parameters, {first['recipe']['steps']} steps\n")
print("| policy | loss, nats a token | spread | bits | above the limit | difference from fp32 |")
print("|---|---|---|---|---|---|")
for p, rs in runs.items():
    losses = [r["results"]["loss"] for r in rs]
    bits = statistics.mean(r["results"]["bits"] for r in rs)
    spread = statistics.stdev(losses) if len(losses) > 1 else 0.0
    above = f"{bits - statistics.mean(r['data']['limit']['bits'] for r in rs):+.4f}" if limit else "-"
    against = f"{100 * (loss[p] / loss['fp32'] - 1):+.2f} %" if "fp32" in loss else "-"
    print(f"| {name_of(p)} | {loss[p]:.4f} | {spread:.4f} | {bits:.4f} | {above} | {against} |")
