"""mote train, eval and plan as a user runs them: options, memory, kills and resumes, damage, bad input."""

import gzip
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD, data_folder, mote_program  # noqa: E402,F401

PROGRAM = str(BUILD / "mote")
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
    ("--policy", "m\udcff", "policy: line 1, column 0: expected a name in UTF-8"),
    ("--policy", '{"policy": "mxfp6", "forward": {"weight": "mxfp7"}}', "policy: forward.weight: unknown format 'mxfp7'; known: fp32 bf16"),
    ("--policy", '{"policy": "mxfp6", "layers": [{"match": "lm_head", "update": {"gradient": 6}}]}',
     "policy: rule for 'lm_head': update.gradient: unknown format '(no string)'"),
    ("--policy", '{"policy": "mxfp6", "layers": [{"match": "lm_head", "rounding": "up"}]}',
     "policy: rule for 'lm_head': rounding: unknown name 'up'; known: nearest_even"),
    ("--policy", '{"layers": [{"match": "*attention", "policy": "fp32"}, {"match": "*.attn", "policy": "fp32"}, {"match": "tail", "policy": "fp32"}]}',
     "policy: no layer matches '*attention', 'tail'; layers with products: transformer.h.*.attn.c_attn transformer.h.*.attn "
     "transformer.h.*.attn.c_proj transformer.h.*.mlp.c_fc transformer.h.*.mlp.c_proj lm_head\n"),
    ("--policy", '{"policy": "mxfp6"', "policy: line 1, column 18: '}' expected near end of file"),
    ("--model", "gpt-huge", "unknown name 'gpt-huge'; known: gpt-tiny"),
    ("--model", '{"model": "gpt-tiny", "depth": 3}', "unknown key 'depth'"),
    ("--heads", "3", "the width (32) must be a multiple of heads (3)"),
    ("--optimizer", "adam", "unknown name 'adam'; known: adamw adamw8 sgd"),
    ("--schedule", "steps", "unknown name 'steps'; known: cosine linear constant"),
    ("--profile", "h20", "unknown name 'h20'; known: epyc-9654 h200"),
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


def test_joules_of_another_machine(mote_program, genome, tmp_path):
    """mote plan, and a run where nothing can be measured, say the same; a user's own profile is read."""
    plans = {p: json.loads(mote_program("plan", genome, *TINY, "--profile", p, "--json").stdout) for p in ("ryzen-7840u", "raspberry-pi-5")}
    laptop, board = (plan["energy"] for plan in plans.values())
    assert laptop["status"] == "modelled" and laptop["step_joules"] == pytest.approx(
        laptop["product_joules"] + laptop["byte_joules"] + laptop["idle_joules"])
    assert board["step_seconds"] > laptop["step_seconds"] and board["idle_joules"] == pytest.approx(3 * board["step_seconds"])
    assert laptop["joules_per_token"] * plans["ryzen-7840u"]["tokens"] == pytest.approx(laptop["joules"])
    assert "energy" not in json.loads(mote_program("plan", genome, *TINY, "--json").stdout)
    assert "modelled on h200" in mote_program("plan", genome, *TINY, "--profile", "h200").stdout
    mote_program("train", genome, *TINY, "--profile", "ryzen-7840u", "-o", tmp_path / "run")
    energy = run_of(tmp_path / "run")["results"]["energy"]
    if energy["status"] != "measured":
        assert energy["status"] == "modelled" and energy["source"] == "the steps on profile ryzen-7840u"
        assert energy["joules"] == pytest.approx(laptop["joules"], rel=1e-6) and "modelled" in (tmp_path / "run/report.html").read_text()
        assert all(m["joules"] is None for m in metrics_of(tmp_path / "run") if "joules" in m)
    own = tmp_path / "own.json"
    own.write_text((Path(__file__).resolve().parents[2] / "profiles/ryzen-7840u.json").read_text().replace('"value": 5,', '"value": 10,'))
    doubled = json.loads(mote_program("plan", genome, *TINY, "--profile", own, "--json").stdout)["energy"]
    assert doubled["idle_joules"] == pytest.approx(2 * laptop["idle_joules"]) and doubled["product_joules"] == laptop["product_joules"]
    own.write_text("{}")
    assert "own.json: the profile: 'description' is missing" in mote_program("plan", genome, *TINY, "--profile", own, status=1).stderr


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


# ---- the same bits ----

SHORT = ["--model", "gpt-tiny", "--layers", "2", "--width", "32", "--heads", "2", "--context", "32", "--batch", "4", "--steps", "60",
         "--checkpoint-every", "5", "--evaluate-every", "20", "--evaluate-batches", "2", "--threads", "1"]

RECIPES = {
    "mxfp6": ["--policy", "mxfp6"],
    "fp32 average": ["--policy", "fp32", "--average", "0.9"],
    "mxint8 accumulation": ["--policy", "mxint8", "--accumulation", "2"],
    "mxfp4 adamw8 dropout": ["--policy", "mxfp4", "--optimizer", "adamw8", "--dropout", "0.1"],
    "nvfp4 sgd, everything": ["--policy", "nvfp4", "--optimizer", "sgd", "--average", "0.8", "--accumulation", "2", "--dropout", "0.2"],
    "esm": ["--model", "esm-tiny", "--policy", "mxfp8"],
    "llama, limited": ["--model", "llama-tiny", "--layers", "4", "--batch", "16", "--policy", "bf16", "--memory", "4M"],
}


def metrics_of(folder):
    lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def undisturbed(genome, tmp_path_factory):
    """One uninterrupted run of each recipe."""
    runs = {}

    def run(name):
        if name not in runs:
            folder = tmp_path_factory.mktemp("undisturbed") / "run"
            subprocess.run([PROGRAM, "train", genome, *SHORT, *RECIPES[name], "-o", folder], check=True, capture_output=True, timeout=60)
            runs[name] = folder
        return runs[name]

    return run


@pytest.mark.parametrize("name", RECIPES)
def test_threads_change_no_bit(mote_program, genome, undisturbed, tmp_path, name):
    idle = {"OMP_WAIT_POLICY": "passive"}  # threads that wait do not take the processor from other tests
    mote_program("train", genome, *SHORT, *RECIPES[name], "--threads", "2", "-o", tmp_path / "run", env=idle)
    assert same_model(tmp_path / "run", undisturbed(name))
    assert metrics_of(tmp_path / "run") == metrics_of(undisturbed(name))


def killed_after(arguments, stop):
    """Starts the program and kills it as soon as stop() is true; False if it was done before."""
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not stop():
        pass
    process.kill()
    error = process.communicate()[1]
    assert process.returncode in (0, -signal.SIGKILL), error
    return process.returncode != 0


@pytest.mark.parametrize("number", range(20))
def test_a_kill_at_any_instant_costs_no_bit(genome, undisturbed, tmp_path, number):
    """Three kills, each at a random moment; every third of the trials while a file is being written."""
    rng = np.random.default_rng(number)
    name = list(RECIPES)[number % len(RECIPES)]
    expected, run = undisturbed(name), tmp_path / "run"
    duration = 1.2 * run_of(expected)["results"]["seconds"]
    for _ in range(3):
        if number % 3:
            end = time.monotonic() + rng.uniform(0, duration)
            stop = lambda: time.monotonic() > end  # noqa: E731
        else:
            writing = "checkpoint-*.part" if rng.random() < 0.7 else "*.part"
            skipped = iter(range(int(rng.integers(0, 8))))
            stop = lambda: run.is_dir() and next(run.glob(writing), None) and next(skipped, None) is None  # noqa: E731
        resume = ["--resume"] if (run / "run.json").exists() else []
        killed_after(["train", genome, *SHORT, *RECIPES[name], "-o", run, *resume], stop)
    resume = ["--resume"] if (run / "run.json").exists() else []
    done = subprocess.run([PROGRAM, "train", genome, *SHORT, *RECIPES[name], "-o", run, *resume], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert same_model(run, expected) and metrics_of(run) == metrics_of(expected)
    assert (run / "config.json").read_bytes() == (expected / "config.json").read_bytes()
    assert sorted(p.name for p in run.iterdir()) == sorted(p.name for p in expected.iterdir())


# ---- damage ----


@pytest.fixture(scope="module")
def kept(genome, tmp_path_factory):
    """A run with all of its checkpoints."""
    run = tmp_path_factory.mktemp("kept") / "run"
    subprocess.run([PROGRAM, "train", genome, *SHORT, *RECIPES["mxfp6"], "--keep", "12", "-o", run], check=True, capture_output=True, timeout=60)
    return run


@pytest.fixture
def interrupted(kept, tmp_path):
    """The same as if it had been killed when it had checkpoints of steps 20, 25 and 30."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ["run.json", "metrics.jsonl", *(f"checkpoint-0000000{step}.safetensors" for step in (20, 25, 30))]:
        shutil.copy(kept / name, run / name)
    return run


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def resume(genome, run):
    return subprocess.run([PROGRAM, "train", genome, *SHORT, *RECIPES["mxfp6"], "--keep", "3", "-o", run, "--resume"], capture_output=True, text=True, timeout=60)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "another file": lambda path: path.write_text("x" * 5000),
    "a flipped bit at the end": lambda path: flip(path, 8 * path.stat().st_size - 3),
    "another step": lambda path: path.write_bytes(path.read_bytes().replace(b'"30"', b'"29"')),
    "another recipe": lambda path: path.write_bytes(path.read_bytes().replace(b"cosine", b"linear")),
    "no hash": lambda path: path.write_bytes(path.read_bytes().replace(b"training.xxh3", b"training.xxx3")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over(genome, undisturbed, interrupted, damage):
    last = interrupted / "checkpoint-000000030.safetensors"
    DAMAGES[damage](last)
    done = resume(genome, interrupted)
    assert done.returncode == 0 and f"mote train: {last}" in done.stderr and "went on from the checkpoint before it" in done.stderr, done.stderr
    expected = undisturbed("mxfp6")
    assert same_model(interrupted, expected) and metrics_of(interrupted) == metrics_of(expected)


def test_any_flipped_bit_is_noticed(genome, undisturbed, interrupted):
    """In the header as well as in the numbers: never another result."""
    last = interrupted / "checkpoint-000000030.safetensors"
    intact, rng = last.read_bytes(), np.random.default_rng(1)
    header = 8 + int.from_bytes(intact[:8], "little")
    places = [*rng.integers(0, 8 * header, 20), *rng.integers(0, 8 * len(intact), 5)]
    for bit in places:
        copy = interrupted.parent / "copy"
        shutil.copytree(interrupted, copy)
        flip(copy / last.name, int(bit))
        done = resume(genome, copy)
        assert done.returncode == 0, (bit, done.stderr)
        assert same_model(copy, undisturbed("mxfp6")), bit
        shutil.rmtree(copy)


def test_nothing_whole_is_left(genome, interrupted):
    before = {p.name: p.read_bytes() for p in interrupted.iterdir()}
    for step in (20, 25, 30):
        path = interrupted / f"checkpoint-0000000{step}.safetensors"
        path.write_bytes(before[path.name][:-1])
    done = resume(genome, interrupted)
    assert done.returncode == 1 and "checkpoint-000000020.safetensors" in done.stderr
    assert (interrupted / "run.json").read_bytes() == before["run.json"]


def test_a_damaged_checkpoint_never_replaces_a_good_one(genome, interrupted):
    """With --keep 3, those that were passed over must not count, and not push out what comes before them."""
    for step in (25, 30):
        flip(interrupted / f"checkpoint-0000000{step}.safetensors", 8 * 3000)
    arguments = ["train", genome, *SHORT, *RECIPES["mxfp6"], "--keep", "3", "--checkpoint-every", "2", "-o", interrupted, "--resume", "--json"]
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while json.loads(process.stdout.readline())["step"] < 25:  # the checkpoint of step 24 is written
        pass
    process.kill()
    process.communicate()
    found = sorted(int(p.name[11:20]) for p in interrupted.glob("checkpoint-*.safetensors"))
    assert len(found) >= 3 and all(step % 2 == 0 for step in found)
    assert resume(genome, interrupted).returncode == 0


@pytest.mark.parametrize("changed", [
    ["--policy", "mxfp4"], ["--width", "64"], ["--seed", "1"], ["--steps", "80"], ["--rate", "0.001"], ["--one-strand"],
    ["--optimizer", "adamw8"], ["--average", "0.9"], ["--model", "llama-tiny"], ["--validation", "0.1"],
])
def test_a_run_of_something_else_is_refused(mote_program, genome, undisturbed, changed):
    run = undisturbed("mxfp6")
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    error = mote_program("train", genome, *SHORT, *RECIPES["mxfp6"], *changed, "-o", run, "--resume", status=1).stderr
    assert f"{run}/checkpoint-000000060.safetensors: belongs to a run with another model, policy, recipe or data" in error
    assert {p.name: p.read_bytes() for p in run.iterdir()} == before


def test_data_is_known_by_what_is_in_it(mote_program, genome, undisturbed, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(undisturbed("mxfp6"), run)
    moved = shutil.copy(genome, tmp_path / "moved.fa")
    mote_program("train", moved, *SHORT, *RECIPES["mxfp6"], "-o", run, "--resume")
    assert same_model(run, undisturbed("mxfp6"))
    text = Path(genome).read_text()
    Path(genome).write_text(text[:-2] + ("A" if text[-2] != "A" else "C") + "\n")
    try:
        error = mote_program("train", genome, *SHORT, *RECIPES["mxfp6"], "-o", run, "--resume", status=1).stderr
    finally:
        Path(genome).write_text(text)
    assert "belongs to a run with another" in error


# ---- how a run can end ----


@pytest.mark.parametrize("policy", ["fp32", "mxfp6", "mxfp4"])
def test_divergence_names_its_place(mote_program, genome, tmp_path, policy):
    run = tmp_path / "run"
    wild = [*SHORT, "--policy", policy, "--optimizer", "sgd", "--clip", "0", "--rate", "999", "--accumulation", "2", "--checkpoint-every", "1"]
    error = mote_program("train", genome, *wild, "-o", run, status=1).stderr
    found = re.search(r"^mote train: step (\d+): the loss or its gradient is not finite: (\w+) of layer '([\w.]+)' \((forward|backward) pass\) gives "
                      r"a value that is not finite; the checkpoint of step (\d+) is kept. Try a lower learning rate \(now 999\)", error)
    assert found and found[3].startswith("transformer.") and int(found[5]) == int(found[1]) - 1
    assert run_of(run)["status"] == "diverged" and (run / f"checkpoint-{int(found[5]):09d}.safetensors").exists()
    assert not (run / "model.safetensors").exists()
    assert all(np.isfinite(line.get("loss", 0)) for line in metrics_of(run)) and len(metrics_of(run)) >= int(found[5])
    assert mote_program("train", genome, *wild, "-o", run, "--resume", status=1).stderr == error


def test_a_loss_that_rises_is_divergence(mote_program, genome, tmp_path):
    error = mote_program("train", genome, *SHORT, "--policy", "fp32", "--rate", "30", "--warmup", "50", "--steps", "100",
                         "-o", tmp_path / "run", status=1).stderr
    assert "training diverged: the loss rose from" in error and run_of(tmp_path / "run")["status"] == "diverged"


def test_interrupt(mote_program, genome, undisturbed, tmp_path):
    run, arguments = tmp_path / "run", ["train", genome, *SHORT, *RECIPES["mxfp6"]]
    process = subprocess.Popen([PROGRAM, *map(str, arguments), "-o", run, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(7):
        assert json.loads(process.stdout.readline())["steps"] == 60
    process.send_signal(signal.SIGINT)
    rest, error = process.communicate(timeout=60)
    assert process.returncode == 1 and "; a checkpoint is saved" in error and f"--resume -o {run}" in error
    last = json.loads(rest.splitlines()[-1])["step"] if rest else 7
    assert (run / f"checkpoint-{last:09d}.safetensors").exists() and run_of(run)["status"] == "interrupted"
    mote_program(*arguments, "-o", run, "--resume")
    assert same_model(run, undisturbed("mxfp6")) and metrics_of(run) == metrics_of(undisturbed("mxfp6"))


def interrupt(arguments, sent, when=lambda: True):
    """Starts the program, sends a signal once it is caught and when() holds, and returns its output; it has ten seconds."""
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def caught():
        mask = Path(f"/proc/{process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
        return int(mask, 16) >> (sent - 1) & 1

    while process.poll() is None and not (caught() and when()):
        pass
    process.send_signal(sent)
    output, error = process.communicate(timeout=10)
    return process.returncode, output, error


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", ["simulating", "reading", "planning"])
def test_interrupt_before_the_first_step(tmp_path, what, sent):
    """Each would go on for longer than it is given: planning for most of a minute."""
    large = tmp_path / "large.fa"
    if what == "reading":
        large.write_text(">a\n" + "ACGTTGCAAC\n" * 2_000_000)
    arguments = {"simulating": [*TINY, "--memory", "1G"], "reading": [large, *TINY],
                 "planning": ["--layers", "200", "--width", "64", "--memory", "90M"]}[what]
    code, output, error = interrupt(["train", *arguments, "-o", tmp_path / "run"], sent)
    assert (code, output) == (1, "") and error == "mote train: stopped before the first step; nothing was written\n"
    assert not (tmp_path / "run").exists()


def test_interrupt_of_an_evaluation(undisturbed, tmp_path):
    large = tmp_path / "large.fa"
    large.write_text(">a\n" + "ACGTTGCAAC\n" * 2_000_000)
    code, output, error = interrupt(["eval", undisturbed("mxfp6"), large], signal.SIGINT)
    assert (code, output) == (1, "") and error.startswith("mote eval: stopped ")


@pytest.mark.parametrize("number", range(4))
def test_interrupt_during_a_save(genome, undisturbed, tmp_path, number):
    """The save is finished, and the run that goes on ends with the same bits."""
    run, arguments = tmp_path / "run", ["train", genome, *SHORT, *RECIPES["mxfp6"], "--checkpoint-every", "1"]
    skipped = iter(range(number * 20))
    code, _, error = interrupt([*arguments, "-o", run], signal.SIGINT,
                               lambda: run.is_dir() and next(run.glob("checkpoint-*.part"), None) and next(skipped, None) is None)
    step = int(re.search(r"stopped after step (\d+) of 60; a checkpoint is saved", error)[1])
    assert code == 1 and (run / f"checkpoint-{step:09d}.safetensors").exists() and not list(run.glob("*.part"))
    assert run_of(run)["status"] == "interrupted"
    done = subprocess.run([PROGRAM, *map(str, arguments), "-o", run, "--resume"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and same_model(run, undisturbed("mxfp6"))


def test_a_folder_that_holds_a_run(mote_program, genome, undisturbed, tmp_path):
    run = undisturbed("mxfp6")
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    assert f"{run}: holds a run already; resume it, or choose another" in mote_program("train", genome, *SHORT, "-o", run, status=1).stderr
    assert {p.name: p.read_bytes() for p in run.iterdir()} == before
    assert "holds no run to resume" in mote_program("train", genome, *SHORT, "-o", tmp_path, "--resume", status=1).stderr


def test_a_finished_run_may_be_resumed(mote_program, genome, undisturbed, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(undisturbed("mxfp6"), run)
    (run / "model.safetensors").unlink()
    mote_program("train", genome, *SHORT, *RECIPES["mxfp6"], "-o", run, "--resume")
    assert same_model(run, undisturbed("mxfp6")) and metrics_of(run) == metrics_of(undisturbed("mxfp6"))
    assert run_of(run)["results"]["bits"] == run_of(undisturbed("mxfp6"))["results"]["bits"]


def test_a_checkpoint_that_a_kill_left_is_removed(mote_program, genome, undisturbed, tmp_path):
    """Killed between writing the last checkpoint and removing the oldest."""
    run = tmp_path / "run"
    shutil.copytree(undisturbed("mxfp6"), run)
    shutil.copy(next(run.glob("checkpoint-*")), run / "checkpoint-000000001.safetensors")
    mote_program("train", genome, *SHORT, *RECIPES["mxfp6"], "-o", run, "--resume")
    assert sorted(p.name for p in run.iterdir()) == sorted(p.name for p in undisturbed("mxfp6").iterdir())


def test_full_disk(genome, kept, tmp_path):
    """No file may grow beyond 100 kB, a checkpoint is larger: the run ends there, and goes on once there is room."""
    run, arguments = tmp_path / "run", ["train", genome, *SHORT, *RECIPES["mxfp6"]]
    limited = f"trap '' XFSZ; ulimit -f 200; exec {PROGRAM} {' '.join(map(str, arguments))} -o {run}"
    done = subprocess.run(["/bin/sh", "-c", limited], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"{run}/checkpoint-000000005.safetensors: cannot write: File too large" in done.stderr
    assert run_of(run)["status"] == "failed" and sorted(p.name for p in run.iterdir()) == ["metrics.jsonl", "run.json"]
    again = subprocess.run(["/bin/sh", "-c", f"{limited} --resume"], capture_output=True, text=True, timeout=60)
    assert again.returncode == 1 and "File too large" in again.stderr
    done = subprocess.run([PROGRAM, *map(str, arguments), "-o", run, "--resume"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and same_model(run, kept) and metrics_of(run) == metrics_of(kept)


def test_a_folder_for_reading_only(genome):
    """Where the tests run as root, who may write everywhere, the program does not."""
    someone = {"user": 65534} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(PROGRAM, folder / "mote")
        shutil.copy(genome, folder / "genome.fa")
        closed = folder / "closed"
        closed.mkdir(mode=0o555)
        for run, message in ((closed, "cannot write into it"), (closed / "run", "cannot make the folder")):
            done = subprocess.run([folder / "mote", "train", folder / "genome.fa", *TINY, "-o", run], capture_output=True, text=True, **someone)
            assert (done.returncode, done.stderr) == (1, f"mote train: {run}: {message}: Permission denied\n")
        assert not list(closed.iterdir())


# ---- bad input ----

BAD = {
    "empty file": ("", "expected sequences, found an empty file"),
    "no letters": (">a\n>b\n", "every record is empty (2)"),
    "a zero byte": (">a\nACGT\0ACGT\n", "record 1 ('a'), line 2: expected a letter behind letter 4, found the byte 0x00"),
    "no FASTA": ("hello world\n", "line 1: expected a record"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(mote_program, tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / "bad.fa"
    path.write_text(content)
    error = mote_program("train", path, *TINY, "-o", tmp_path / "run", status=1).stderr
    assert f"mote train: {path}: {message}" in error and not (tmp_path / "run").exists()


def test_data_of_another_kind(mote_program, genome, undisturbed, tmp_path):
    protein = tmp_path / "protein.fa"
    protein.write_text(">p\n" + "MKVLAAGIVGLCAKAYWLERSTDEQNPHFFILMMV" * 20 + "\n")
    refused = f"{protein}: only 26 % of the letters are known to the vocabulary "
    assert refused + "'codon', which is for DNA" in mote_program("train", protein, *TINY, "--vocabulary", "codon", status=1).stderr
    assert refused + "'byte', which is for DNA" in mote_program("eval", undisturbed("mxfp6"), protein, status=1).stderr
    (tmp_path / "cut.fa.gz").write_bytes(gzip.compress(genome.read_bytes())[:3000])
    assert f"{tmp_path}/cut.fa.gz: line 1: the compressed data is damaged or cut off" in mote_program(
        "train", tmp_path / "cut.fa.gz", *TINY, status=1).stderr
    for path, reason in ((tmp_path / "none.fa", "No such file or directory"), (tmp_path, "found a directory")):
        assert f"{path}: " in (error := mote_program("train", genome, path, *TINY, status=1).stderr) and reason in error


# ---- evaluation and reports ----


def test_eval_agrees_with_the_run(mote_program, tmp_path):
    """Two records, one trains and one validates: eval of the latter in the same windows."""
    rng = np.random.default_rng(2)
    for i, length in enumerate((3000, 3500)):
        (tmp_path / f"{i}.fa").write_text(">r\n" + "".join(rng.choice(list("ACGT"), length)) + "\n")
    run = tmp_path / "run"
    mote_program("train", tmp_path / "0.fa", tmp_path / "1.fa", *TINY, "--split", "record", "--validation", "0.5",
                 "--evaluate-batches", "1000", "--policy", "mxfp6", "-o", run)
    validating = {3002: "0.fa", 3502: "1.fa"}[run_of(run)["data"]["validation_tokens"]]
    score = json.loads(mote_program("eval", run, tmp_path / validating, "--stride", "32", "--policy", "mxfp6", "--json").stdout)
    assert score["bits"] == pytest.approx(run_of(run)["results"]["bits"], rel=1e-6)
    assert score["loss"] == pytest.approx(run_of(run)["results"]["loss"], rel=1e-6)
    closer = json.loads(mote_program("eval", run, tmp_path / validating, "--stride", "8", "--policy", "mxfp6", "--json").stdout)
    assert closer["tokens"] == score["tokens"] and closer["bits"] != score["bits"]


def test_eval_takes_a_policy_from_a_file(mote_program, genome, undisturbed, tmp_path):
    (tmp_path / "policy.json").write_text('{"policy": "mxfp4", "layers": [{"match": "*", "policy": "mxfp8"}]}')
    bits = [json.loads(mote_program("eval", undisturbed("mxfp6"), genome, "--policy", policy, "--json").stdout)["bits"]
            for policy in ("mxfp4", "mxfp8", tmp_path / "policy.json")]
    assert bits[0] != bits[1] == bits[2]


def test_eval_refuses(mote_program, genome, undisturbed, tmp_path):
    run = undisturbed("mxfp6")
    for arguments, message in (
        ([run, genome, "--stride", "33"], "stride: expected at most the context, 32, found 33"),
        ([run, genome, "--context", "33"], "context: the model has learned 32 positions, found 33"),
        ([run, genome, "--policy", "mxfp7"], "unknown policy 'mxfp7'"),
        ([tmp_path, genome], f"{tmp_path}/config.json: cannot open: No such file"),
    ):
        assert message in mote_program("eval", *arguments, status=1).stderr
    mote_program("eval", run, genome, "--policy", tmp_path / "none.json", status=2)
    mote_program("eval", status=2)
    mote_program("eval", run, genome, "--batch", "0", status=2)


def test_eval_of_a_model_that_does_not_fit(mote_program, genome, undisturbed, tmp_path):
    """The tensors of another model, of one that is cut short, and no tensors."""
    run, weights = tmp_path / "run", tmp_path / "run" / "model.safetensors"
    run.mkdir()
    shutil.copy(undisturbed("mxfp6") / "config.json", run)
    whole = (undisturbed("mxfp6") / "model.safetensors").read_bytes()
    for content, message in (
        ((undisturbed("llama, limited") / "model.safetensors").read_bytes(), "there is no tensor 'transformer.wte.weight'"),
        (whole[:-1000], "has 107544 bytes of data (truncated?)"),
        (whole[:100], "truncated"),
        (whole.replace(b'"F32"', b'"I32"', 1), "does not have the shape or format that config.json says"),
    ):
        weights.write_bytes(content)
        error = mote_program("eval", run, genome, status=1).stderr
        assert error.startswith(f"mote eval: {weights}: ") and message in error, error
    weights.unlink()
    assert f"mote eval: {weights}: cannot open: No such file" in mote_program("eval", run, genome, status=1).stderr


def test_the_command_can_be_pasted(mote_program, genome, tmp_path):
    folder = tmp_path / "it's a folder"
    mote_program("train", genome, *TINY, "--steps", "1", "--model", '{"model": "gpt-tiny"}', "-o", folder)
    command = run_of(folder)["command"]
    assert shlex.split(command)[2:] == [str(genome), *TINY, "--steps", "1", "--model", '{"model": "gpt-tiny"}', "-o", str(folder)]


def test_a_report_of_a_run_lacks_nothing(mote_program, genome, undisturbed, tmp_path):
    runs = [undisturbed("mxfp6"), undisturbed("fp32 average")]
    mote_program("report", *runs, "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    data = json.loads(text.split('<script type="application/json"')[1].split(">", 1)[1].split("</script>")[0])
    for series, run in zip(data["sets"]["loss"], runs):
        lines = [line for line in metrics_of(run) if "bits" in line]
        assert series["line"]["step"] == [line["step"] for line in lines]
        assert series["line"]["bits"] == pytest.approx([line["bits"] for line in lines], rel=1e-6)
        assert series["points"]["step"] == [20, 40, 60] and None not in series["points"]["bits"]
    rows = data["charts"]["memory"]["rows"]
    assert [sum(row["values"]) for row in rows] == [run_of(run)["plan"]["peak_bytes"] for run in runs]
    assert {reference["name"] for reference in data["charts"]["steps"]["references"]} >= {"order-0", "order-3"}
    page = html.unescape(text)
    assert all(run_of(run)["command"].startswith(f"mote train {shlex.quote(str(genome))} --model gpt-tiny") for run in runs)
    assert all(run_of(run)["command"] in page for run in runs) and "UTC" in page
    own = (runs[0] / "report.html").read_text()  # written by mote train
    assert "mxfp6" in own and "NaN" not in own.split("</main>")[0] and "unknown" not in own.split("<script")[0].replace("unknown letters", "")
    timeline = json.loads(own.split('<script type="application/json"')[1].split(">", 1)[1].split("</script>")[0])["sets"]["timeline"][0]["line"]
    assert len(timeline["bytes"]) > 20 and max(timeline["bytes"]) > 0
