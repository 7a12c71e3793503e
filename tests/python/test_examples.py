"""The Python examples run, and say what they should."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"


def run(name, *arguments):
    done = subprocess.run([sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_learn_pendulum():
    """A seventh of what the states move at most, in every format, and FP32 is the best of them."""
    errors = {line.split()[0]: float(line.split()[1]) for line in run("learn_pendulum.py").splitlines()[1:]}
    assert len(errors) == 4 and errors["fp32"] == min(errors.values()) and max(errors.values()) < 0.15


def test_train_genes(tmp_path):
    text = run("train_genes.py", tmp_path / "run")
    bits, limit = map(float, re.search(r"validation: ([\d.]+) bits a base; no model can do better than ([\d.]+)", text).groups())
    assert limit < bits < 2.5
    assert text.splitlines()[-1] == f"report: {tmp_path}/run/report.html" and (tmp_path / "run" / "report.html").stat().st_size > 10000
