"""A language model of simulated genes, whose entropy rate is known, trained for a few steps in a number format of your
choice: train_genes.py [FOLDER [POLICY]]. With FASTA files as data (the first argument of mote.train) it is one of a
genome."""

import sys
import tempfile

import mote

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="genes-")
policy = sys.argv[2] if len(sys.argv) > 2 else "mxfp6"
options = {"model": {"model": "gpt-tiny", "layers": 2, "width": 64}, "policy": policy, "context": 128, "batch": 4, "steps": 30}

plan = mote.plan_training(**options)
print(f"{plan.parameters} parameters, {plan.total / 1e6:.1f} MB in all, {plan.multiply_adds:.3g} multiply-adds a step")

result = mote.train(output=folder, **options, progress=lambda p: p.step % 10 == 0 and print(f"step {p.step}: {p.bits:.3f} bits a base"))
print(f"validation: {result.bits:.4f} bits a base; no model can do better than {result.limit_bits:.4f}")

for forward in ("fp32", "mxfp4"):
    score = mote.evaluate(folder, policy=forward, limit=8)
    print(f"the same model on other genes, every product in {forward}: {score.bits:.4f} bits a base")
print(f"report: {mote.report(folder)}")
