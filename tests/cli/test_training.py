"""mote train, eval and plan as a user runs them: options, memory, kills and resumes, damage, bad input."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD, data_folder, mote_program  # noqa: E402,F401

TINY = ["--model", "gpt-tiny", "--layers", "2", "--width", "32", "--heads", "2", "--context", "32", "--batch", "4",
        "--steps", "20", "--evaluate-batches", "2", "--threads", "1"]


def write_fasta(path, letters, length, seed, records=1):
    """Random records in which a letter depends on the one before, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    steps = rng.choice(len(letters), length, p=[0.5] + [0.5 / (len(letters) - 1)] * (len(letters) - 1))
    text = "".join(letters[i] for i in np.cumsum(steps) % len(letters))
    with open(path, "w") as file:
        for i, piece in enumerate(np.array_split(np.arange(length), records)):
            file.write(f">record {i}\n{text[piece[0]:piece[-1] + 1]}\n")
    return path


@pytest.fixture(scope="session")
def genome(tmp_path_factory):
    return write_fasta(tmp_path_factory.mktemp("data") / "genome.fa", "ACGT", 20000, 1)


def same_model(a, b):
    return (Path(a) / "model.safetensors").read_bytes() == (Path(b) / "model.safetensors").read_bytes()


def run_of(folder):
    return json.loads((Path(folder) / "run.json").read_text())


# ---- options ----


def test_nothing_can_be_asked_for(mote_program, genome, tmp_path):
    """0 means 0 where that is a choice, also against a model that has something else."""
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"model": "gpt-tiny", "dropout": 0.5}))
    mote_program("train", genome, *TINY, "--steps", "1", "-o", tmp_path / "a", "--model", model,
                 "--dropout", "0", "--average", "0", "--clip", "0", "--weight-decay", "0", "--minimum-rate", "0")
    recipe = run_of(tmp_path / "a")["recipe"]
    assert all(recipe[name] == 0 for name in ("dropout", "average", "clip", "weight_decay", "minimum_rate"))


@pytest.mark.parametrize("option, value, message", [
    ("--rate", "0", "learning_rate: expected a number above 0 and below 1000, found 0"),
    ("--validation", "0", "validation: expected a number above 0 and below 0.9, found 0"),
    ("--validation", "1", "validation: expected a number above 0 and below 0.9, found 1"),
    ("--beta2", "1", "beta2: expected at least 0 and below 1, found 1"),
    ("--policy", "mxfp7", "unknown policy 'mxfp7'; known: fp32 bf16"),
    ("--model", "gpt-huge", "unknown name 'gpt-huge'; known: gpt-tiny"),
    ("--model", '{"model": "gpt-tiny", "depth": 3}', "unknown key 'depth'"),
    ("--heads", "3", "the width (32) must be a multiple of heads (3)"),
    ("--optimizer", "adam", "unknown name 'adam'; known: adamw adamw8 sgd"),
    ("--schedule", "steps", "unknown name 'steps'; known: cosine linear constant"),
    ("--vocabulary", "dna", "unknown name 'dna'; known: byte"),
    ("--split", "half", "unknown name 'half'; known: auto record block"),
    ("--context", "40000", "the largest context that works is 19003"),
])
def test_refused_options(mote_program, genome, tmp_path, option, value, message):
    error = mote_program("train", genome, *TINY, "-o", tmp_path / "a", option, value, status=1).stderr
    assert message in error and not (tmp_path / "a").exists()


@pytest.mark.parametrize("arguments", [["--batch", "0"], ["--steps", "many"], ["--rate", "fast"], ["--seed", "-1"], ["--what"],
                                       ["--memory", "3 apples"]])
def test_misused_options(mote_program, genome, arguments):
    assert mote_program("train", genome, *arguments, status=2).stderr.startswith("mote train: ")


# ---- memory ----

BIG = ["--model", "gpt-tiny", "--context", "256", "--steps", "1", "--evaluate-batches", "1", "--threads", "1"]


@pytest.mark.parametrize("policy", ["fp32", "mxfp6"])
def test_the_plan_is_the_peak(mote_program, genome, tmp_path, policy):
    """mote plan, run.json and what the process took, beside what a run of nearly nothing takes."""
    planned = json.loads(mote_program("plan", genome, *BIG, "--policy", policy, "--json").stdout)["total_bytes"]
    mote_program("train", genome, *TINY, "--steps", "1", "--width", "8", "--context", "8", "--batch", "1", "-o", tmp_path / "little")
    mote_program("train", genome, *BIG, "--policy", policy, "-o", tmp_path / "run")
    little, run = run_of(tmp_path / "little"), run_of(tmp_path / "run")
    assert run["plan"]["peak_bytes"] == planned == sum(c["bytes"] for c in run["plan"]["categories"])
    here, there = (r["results"]["measured_peak_bytes"] - r["plan"]["peak_bytes"] for r in (run, little))
    assert abs(here - there) < 0.03 * planned


def test_a_memory_limit_is_obeyed_or_refused_with_one_that_works(mote_program, genome, tmp_path):
    options = [genome, *BIG, "--policy", "fp32", "--average", "0.9", "--accumulation", "2"]
    error = mote_program("train", *options, "--memory", "10M", "-o", tmp_path / "a", status=1).stderr
    least = error.split("the smallest limit that works is ")[1].split(" MB")[0]
    mote_program("train", *options, "--memory", f"{least}M", "-o", tmp_path / "a")
    run = run_of(tmp_path / "a")
    assert run["plan"]["recomputed"] > 0 and run["plan"]["peak_bytes"] <= float(least) * 1e6
    assert f"{float(least) - 0.02:.2f} MB" in mote_program("plan", *options, "--memory", f"{float(least) - 0.02:.2f}M", status=1).stderr
    mote_program("train", *options, "-o", tmp_path / "b")
    free = run_of(tmp_path / "b")
    saved = free["plan"]["peak_bytes"] - run["plan"]["peak_bytes"]
    measured = free["results"]["measured_peak_bytes"] - run["results"]["measured_peak_bytes"]
    assert saved > 5e6 and abs(measured - saved) < 0.03 * free["plan"]["peak_bytes"]
    assert same_model(tmp_path / "a", tmp_path / "b")
