"""mote.train, mote.evaluate and mote.plan_training as a Python program calls them."""

import json
import math
import os
import signal
import threading
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

import mote

TINY = {"model": "gpt-tiny", "layers": 1, "width": 16, "heads": 2, "context": 16, "batch": 2, "policy": "mxfp6", "evaluate_batches": 2}


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "genome.fa"
    path.write_text(">r\n" + "".join(np.random.default_rng(1).choice(list("ACGT"), 4000)) + "\n")
    return path


def test_train_and_evaluate(genome, tmp_path):
    seen = []
    result = mote.train([genome], output=tmp_path / "run", steps=6, evaluate_every=3, progress=seen.append, **TINY)
    assert [p.step for p in seen] == [1, 2, 3, 4, 5, 6] and all(p.steps == 6 and p.loss > 0 and p.gradient_norm > 0 for p in seen)
    assert math.isnan(seen[1].validation_bits) and seen[-1].validation_bits == result.bits
    assert result.steps == 6 and not result.stopped and result.folder == str(tmp_path / "run") and result.notice == ""
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert run["status"] == "done" and run["results"]["bits"] == pytest.approx(result.bits, rel=1e-8)
    assert result.perplexity == pytest.approx(math.exp(result.loss)) and math.isnan(result.limit_bits)
    score = mote.evaluate(tmp_path / "run", genome)
    assert score.units == 4000 and score.tokens == 4001
    assert mote.evaluate(tmp_path / "run", genome, limit=1, stride=16, batch=3).tokens == 48
    assert mote.plan_training(genome, steps=6, **TINY).total == result.planned_bytes == run["plan"]["peak_bytes"]


def test_nothing_is_written_without_a_folder(genome, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mote.train(genome, steps=2, **TINY).folder == "" and not list(tmp_path.iterdir())


def test_stopping_and_going_on(genome, tmp_path):
    """By progress, by an exception in it and by Ctrl-C; each leaves a checkpoint, and the end is the same."""

    def fail(p):
        if p.step == 5:
            raise KeyError("mine")

    def interrupt(p):
        if p.step == 7:
            signal.raise_signal(signal.SIGINT)

    options = {"steps": 9, "output": tmp_path / "run", **TINY}
    stopped = mote.train(genome, progress=lambda p: p.step == 3, **options)
    assert stopped.stopped and stopped.steps == 3
    with pytest.raises(KeyError, match="mine"):
        mote.train(genome, resume=True, progress=fail, **options)
    assert (tmp_path / "run/checkpoint-000000005.safetensors").exists()
    with pytest.raises(KeyboardInterrupt):
        mote.train(genome, resume=True, progress=interrupt, **options)
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "interrupted"
    result = mote.train(genome, resume=True, progress=lambda p: p.step == 9, **options)  # too late to stop
    whole = mote.train(genome, **{**options, "output": tmp_path / "whole"})
    assert not result.stopped and (result.loss, result.steps) == (whole.loss, whole.steps)
    assert (tmp_path / "run/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


def test_interrupt_before_the_first_step(tmp_path):
    """Planning alone would take most of a minute; what it asks now and then lets Python notice Ctrl-C."""
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        mote.train(model="llama-small", layers=200, width=64, memory_limit=90e6, steps=2, output=tmp_path / "run")
    assert time.monotonic() - began < 10 and not list(tmp_path.iterdir())


def test_0_means_0_and_none_the_default(genome, tmp_path):
    mote.train(genome, steps=1, output=tmp_path / "run", **TINY, weight_decay=0, clip=0.0, average=None, beta1=None)
    recipe = json.loads((tmp_path / "run/run.json").read_text())["recipe"]
    assert (recipe["weight_decay"], recipe["clip"], recipe["average"], recipe["beta1"]) == (0, 0, 0, 0.9)


def test_descriptions_may_be_dictionaries(genome, tmp_path):
    policy = {"policy": "mxfp8", "layers": [{"match": "*.self_attn*", "policy": "fp32"}]}
    mote.train(genome, steps=1, output=tmp_path / "run", **{**TINY, "model": {"model": "llama-tiny", "window": 5}, "policy": policy})
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert run["model"]["window"] == 5 and run["policy"]["definition"] == policy
    assert mote.plan_training(genome, model={"model": "llama-tiny", "window": 5}).model["window"] == 5


def test_mistakes(genome, tmp_path):
    with pytest.raises(TypeError, match="unknown option 'learn_rate'; known: .*learning_rate"):
        mote.train(genome, learn_rate=1)
    with pytest.raises(mote.MoteValueError, match="learning_rate: expected a number above 0"):
        mote.train(genome, learning_rate=0, **TINY)
    with pytest.raises(mote.MoteOSError, match="nothing.fa"):
        mote.train(tmp_path / "nothing.fa", **TINY)
    with pytest.raises(mote.MoteMemoryError, match="the smallest limit that works is"):
        mote.plan_training(genome, memory_limit=1000, **TINY)
    with pytest.raises(mote.MoteError, match="config.json"):
        mote.evaluate(tmp_path, genome)
    with pytest.raises(ZeroDivisionError):
        mote.train(genome, progress=lambda p: 1 / 0, steps=2, **TINY)


# ---- recipes ----


@pytest.fixture(scope="module")
def one_window(tmp_path_factory):
    """Data whose training record fits into one window: every batch is the same. The seed below makes it the first."""
    path = tmp_path_factory.mktemp("data") / "two.fa"
    rng = np.random.default_rng(1)
    path.write_text("".join(f">r\n{''.join(rng.choice(list('ACGT'), length))}\n" for length in (38, 50)))
    return path


SAME = {**TINY, "context": 39, "batch": 1, "split": "record", "validation": 0.5, "no_reverse_complement": True, "seed": 2, "steps": 6,
        "checkpoint_every": 1, "keep": 6, "policy": "fp32"}


def checkpoints(folder):
    return [load_file(folder / f"checkpoint-{step:09d}.safetensors") for step in range(1, 7)]


def test_accumulation_is_a_mean(one_window, tmp_path):
    """Of equal parts: doubling and halving are exact, so not a bit differs."""
    models = []
    for parts in (1, 2, 4):
        mote.train(one_window, output=tmp_path / f"{parts}", accumulation=parts, **SAME)
        models.append((tmp_path / f"{parts}/model.safetensors").read_bytes())
    assert json.loads((tmp_path / "1/run.json").read_text())["data"]["tokens"] == 40
    assert models[0] == models[1] == models[2]


def test_average(one_window, tmp_path):
    mote.train(one_window, output=tmp_path / "a", average=0.75, **SAME)
    found = checkpoints(tmp_path / "a")
    for before, after in zip(found, found[1:]):
        for key in (k for k in after if k.startswith("average.")):
            expected = 0.75 * before[key].astype(np.float64) + 0.25 * after[key.replace("average", "parameter", 1)]
            assert np.abs(after[key] - expected).max() <= 2**-22 * np.abs(expected).max()
    last, saved = found[-1], load_file(tmp_path / "a/model.safetensors")
    assert np.array_equal(saved["transformer.wte.weight"], last["average.transformer.wte.weight"])
    assert not np.array_equal(saved["transformer.wte.weight"], last["parameter.transformer.wte.weight"])


def test_sgd(one_window, tmp_path):
    """Momentum 0.5, decay of matrices alone, a linear schedule from 0.1 to 0.05."""
    rates = []
    mote.train(one_window, output=tmp_path / "a", optimizer="sgd", learning_rate=0.1, schedule="linear", minimum_rate=0.5, warmup=1,
               beta1=0.5, weight_decay=0.2, progress=lambda p: rates.append(p.learning_rate), **SAME)
    assert rates == pytest.approx([0.1] + [0.1 * (1 - 0.5 * i / 5) for i in range(5)])
    found = checkpoints(tmp_path / "a")
    for rate, before, after in zip(rates[1:], found, found[1:]):
        for key in (k for k in after if k.startswith("parameter.")):
            decay = 1 - rate * 0.2 * (after[key].ndim > 1)
            expected = decay * before[key].astype(np.float64) - rate * after[key.replace("parameter", "momentum", 1)]
            assert np.abs(after[key] - expected).max() <= 2**-22 * np.abs(expected).max()


def test_eight_bit_states_learn_as_well(one_window):
    losses, planned = {}, {}
    for name in ("adamw", "adamw8"):
        seen = []
        planned[name] = mote.train(one_window, optimizer=name, progress=seen.append, **{**SAME, "steps": 150}).planned_bytes
        losses[name] = seen[-1].loss
    assert planned["adamw8"] < planned["adamw"] and losses["adamw"] < 0.05 * seen[0].loss
    assert losses["adamw8"] == pytest.approx(losses["adamw"], rel=0.1)
