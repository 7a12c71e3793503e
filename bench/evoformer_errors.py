#!/usr/bin/env python3
"""Errors of attention with biases and a gate, and of its gradients, against the definition in FP64, as a table.

    bench/evoformer_errors.py [--sequences 16] [--length 256] [--heads 4] [--width 32] [--policies fp32,mxint8,...]

For each result: the largest error, and the norm of the error over the norm of the result.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import mote  # noqa: E402
from definitions import evoformer  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--sequences", type=int, default=16)
parser.add_argument("--length", type=int, default=256)
parser.add_argument("--heads", type=int, default=4)
parser.add_argument("--width", type=int, default=32)
parser.add_argument("--policies", default="fp32,bf16,mxint8,mxfp8,mxfp6_e2m3,mxfp6,mxfp4")
options = parser.parse_args()

rng = np.random.default_rng(0)
N, L, H, D = options.sequences, options.length, options.heads, options.width
q, k, v, do, gate = (rng.normal(size=(1, N, L, H, D)).astype(np.float32) for _ in range(5))
mask = np.where(rng.random((1, N, 1, 1, L)) < 0.1, -np.inf, 0.3 * rng.normal(size=(1, N, 1, 1, L))).astype(np.float32)
pair = rng.normal(size=(1, 1, H, L, L)).astype(np.float32)


def flat(y, dq, dk, dv, biases, dgate):
    return y, dq, dk, dv, *biases, dgate


expected = flat(*evoformer(q, k, v, do, [mask, pair], gate))
print(f"{N} sequences of {L}, {H} heads of {D}; largest error, relative error\n")
print("| policy | y | dq | dk | dv | dmask | dpair | dgate |\n|---|---|---|---|---|---|---|---|")
for policy in options.policies.split(","):
    y = mote.evoformer_attention(q, k, v, [mask, pair], gate=gate, policy=policy)
    found = flat(y, *mote.evoformer_attention_backward(q, k, v, do, [mask, pair], gate=gate, policy=policy))
    cells = [f"{np.abs(x - e).max():.1e}, {np.linalg.norm(x - e) / np.linalg.norm(e):.1e}" for x, e in zip(found, expected)]
    print(f"| {policy} | " + " | ".join(cells) + " |")
