"""The study: killed and resumed, its errors, and its scores and baselines against other definitions."""

import csv
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import mote
from conftest import BUILD

TASK = "htru2_pulsars"
RUN = [str(BUILD / "mote"), "study", TASK, "--policies", "mxfp6", "--seeds", "2"]


@pytest.fixture(scope="module")
def pulsars(tmp_path_factory):
    """A folder of data sets with a small one in the way of HTRU2: two classes that overlap."""
    root, r = tmp_path_factory.mktemp("data"), np.random.default_rng(1)
    folder = root / "astronomy" / "htru2_pulsars"
    folder.mkdir(parents=True)
    classes = r.random(1000) < 0.2
    features = r.normal(size=(1000, 8)) + 0.7 * classes[:, None] * r.normal(size=8)
    with gzip.open(folder / "HTRU_2.csv.gz", "wt") as file:
        file.write(",".join(f"feature {i}" for i in range(8)) + ",target_class\n")
        for row, positive in zip(features, classes):
            file.write(",".join(f"{x:.6f}" for x in row) + (",pulsar\n" if positive else ",not_pulsar\n"))
    return root


def figures(folder):
    """results.csv without what a clock or a meter says."""
    with open(Path(folder) / "results.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k not in ("seconds", "measured_joules")} for row in csv.DictReader(file)]


def run(data, out, *options, status=0):
    done = subprocess.run([*RUN, "--data", str(data), "-o", str(out), *map(str, options)], capture_output=True, text=True, timeout=100)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def whole(pulsars, tmp_path_factory):
    """A study that nothing disturbed."""
    folder = tmp_path_factory.mktemp("study") / "whole"
    done = run(pulsars, folder, "--jobs", 1, "--threads", 1)
    assert f"report: {folder}/report.html" in done.stdout
    return folder


# ---- what is left behind, whatever happens ----


def test_results(whole):
    rows = figures(whole)
    assert [(r["policy"], r["setting"]) for r in rows] == [("fp32", "train"), ("fp32", "finetune"), ("mxfp6", "train"), ("mxfp6", "cast"), ("mxfp6", "finetune")]
    assert all(r["seeds"] == "2" and 0.5 < float(r["mean"]) < 1 for r in rows)
    summary = json.loads((whole / "study.json").read_text())
    assert [r["mean"] for r in summary["tasks"][0]["results"]] == pytest.approx([float(r["mean"]) for r in rows])
    kept = [json.loads(f.read_text()) for f in (whole / "results" / TASK).glob("*.json")]
    for row in rows:
        scores = np.array([k["score"] for k in kept if (k["policy"], k["setting"]) == (row["policy"], row["setting"])])
        assert scores.mean() == pytest.approx(float(row["mean"])) and scores.std(ddof=1) == pytest.approx(float(row["spread"]))
    base = float(rows[0]["mean"])
    for row in rows:
        assert float(row["difference_percent"]) == pytest.approx(100 * (float(row["mean"]) / base - 1), abs=1e-6)


@pytest.mark.parametrize("options", [("--jobs", 2, "--threads", 2), ("--jobs", 1, "--threads", 2)])
def test_same_with_more_threads(pulsars, whole, tmp_path, options):
    run(pulsars, tmp_path / "s", *options)
    assert figures(tmp_path / "s") == figures(whole)


def test_killed_and_resumed(pulsars, whole, tmp_path):
    out, random_instants, kills = tmp_path / "s", random.Random(7), 0
    for attempt in range(40):
        process = subprocess.Popen([*RUN, "--data", str(pulsars), "-o", str(out), "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(0.02 + random_instants.random() * (0.4 + 0.1 * attempt))
            assert process.returncode == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert process.returncode == 0 and kills > 0
    assert figures(out) == figures(whole)


def test_interrupted_and_resumed(pulsars, whole, tmp_path):
    out = tmp_path / "s"
    process = subprocess.Popen([*RUN, "--data", str(pulsars), "-o", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "1/10" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1 and "--resume" in process.stderr.read()
    assert not (out / "results.csv").exists() and list((out / "results" / TASK).glob("*.json"))
    run(pulsars, out, "--resume")
    assert figures(out) == figures(whole)


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "weights"])
def test_damaged_result_is_made_again(pulsars, whole, tmp_path, damage):
    out = tmp_path / "s"
    shutil.copytree(whole, out)
    result = out / "results" / TASK / "train.fp32.0.json"
    text = result.read_text()
    if damage == "cut":
        result.write_text(text[: len(text) // 2])
    elif damage == "other":  # of other data
        result.write_text(re.sub('"fingerprint": ?"[^"]*"', '"fingerprint": "0"', text).replace('"score":0.', '"score":0.1'))
    elif damage == "gone":
        result.unlink()
    else:
        (out / "results" / TASK / "fp32.0.safetensors").write_bytes(b"weights")
    done = run(pulsars, out, "--resume")
    assert "1 experiments" in done.stdout and figures(out) == figures(whole)


# ---- errors ----


def test_unknown_names(tmp_path):
    with pytest.raises(mote.MoteValueError, match="unknown task 'astrology'"):
        mote.study(["astrology"], out=tmp_path / "s")
    with pytest.raises(mote.MoteValueError, match="unknown policy 'mxfp5'"):
        mote.study([TASK], policies=["mxfp5"], out=tmp_path / "s")
    with pytest.raises(mote.MoteValueError, match="unknown task"):
        mote.study_data("astrology")
    assert not (tmp_path / "s").exists()


def test_folder_in_use(pulsars, whole):
    assert "holds a study already" in run(pulsars, whole, status=1).stderr


def test_folder_that_cannot_be_written(pulsars, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "s", "/proc/s"):
        with pytest.raises(mote.MoteOSError):
            mote.study([TASK], policies=["mxfp6"], seeds=1, data=pulsars, out=out)
    if os.geteuid() != 0:
        os.chmod(tmp_path, 0o500)
        with pytest.raises(mote.MoteOSError):
            mote.study([TASK], policies=["mxfp6"], seeds=1, data=pulsars, out=tmp_path / "s")
        os.chmod(tmp_path, 0o700)


def test_task_without_data(tmp_path):
    (tmp_path / "data").mkdir()
    result = mote.study([TASK], policies=["mxfp6"], seeds=1, data=tmp_path / "data", out=tmp_path / "s")
    assert (result.tasks, result.not_run, result.failed, result.experiments) == (1, 1, 0, 0)
    assert TASK in result.summary["tasks"][0]["not_run"] or "htru2" in result.summary["tasks"][0]["not_run"].lower()
    assert "Not run" in Path(result.report).read_text()


def test_bad_data(pulsars, tmp_path):
    folder = tmp_path / "astronomy" / "htru2_pulsars"
    folder.mkdir(parents=True)
    lines = gzip.open(pulsars / "astronomy" / "htru2_pulsars" / "HTRU_2.csv.gz", "rt").read().splitlines()
    with gzip.open(folder / "HTRU_2.csv.gz", "wt") as file:
        file.write("\n".join(lines[:500] + ["1,2,3"] + lines[500:]))
    with pytest.raises(mote.MoteValueError, match="line 501.*expected 9 cells, found 3"):
        mote.study_data(TASK, tmp_path)
    done = run(tmp_path, tmp_path / "s", status=1)
    assert "1 tasks failed" in done.stderr and "line 501" in (tmp_path / "s" / "study.json").read_text()


# ---- Python ----


def test_from_python(pulsars, whole, tmp_path):
    seen = []
    result = mote.study([TASK], ["mxfp6"], 2, data=pulsars, out=tmp_path / "s", jobs=1, progress=seen.append)
    assert result.experiments == 10 == len(seen) and [p.done for p in seen] == list(range(1, 11))
    assert {(p.task, p.metric) for p in seen} == {(TASK, "AUROC")} and {p.setting for p in seen} == {"train", "cast", "finetune"}
    assert figures(tmp_path / "s") == figures(whole) and result.failure == "" and Path(result.report).exists()
    assert result.summary["tasks"][0]["name"] == TASK


def test_stopped_from_python(pulsars, whole, tmp_path):
    class Stop(Exception):
        pass

    def stop(progress):
        raise Stop

    options = {"tasks": [TASK], "policies": ["mxfp6"], "seeds": 2, "data": pulsars, "out": tmp_path / "s"}
    with pytest.raises(Stop):
        mote.study(progress=stop, **options)
    with pytest.raises(mote.MoteError) as stopped:
        mote.study(progress=lambda p: True, resume=True, **options)
    assert stopped.value.status == "cancelled"
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            mote.study(progress=lambda p: time.sleep(0.1), resume=True, **options)
    finally:
        signal.signal(signal.SIGALRM, previous)
    mote.study(resume=True, **options)
    assert figures(tmp_path / "s") == figures(whole)


def test_tasks():
    tasks = mote.study_tasks()
    assert len({t.name for t in tasks}) == len(tasks) >= 2
    for t in tasks:
        assert re.fullmatch("[a-z][a-z0-9_]*", t.name) and t.title and t.science and t.metric and t.trivial_name
        assert not t.title.endswith(".") and t.steps > 0 and t.batch > 0 and (t.published is None) == (t.published_source is None)


# ---- scores ----


def ranks(x):
    """From 1; ties share the mean of theirs."""
    return np.array([(x < v).sum() + ((x == v).sum() + 1) / 2 for v in x])


def auroc(truth, margins):
    return np.mean([(p > n) + 0.5 * (p == n) for p in margins[truth == 1] for n in margins[truth == 0]])


def dump(truth, predicted, classes=0):
    done = subprocess.run([BUILD / "tests" / "score_dump", str(len(truth)), str(classes)], input=truth.tobytes() + predicted.tobytes(), capture_output=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.decode().splitlines())}


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_numbers(seed):
    r = np.random.default_rng(seed)
    t = (r.normal(size=200) * 10 ** r.uniform(-2, 2)).astype(np.float32)
    p = (t + r.normal(size=200) * t.std() * 0.5).astype(np.float32)
    if seed == 2:  # many ties
        t, p = np.round(t / t.std()), np.round(p / p.std())
    x, y = t.astype(float), p.astype(float)
    expected = {
        "rmse": np.sqrt(np.mean((y - x) ** 2)),
        "mae": np.mean(np.abs(y - x)),
        "pearson": np.corrcoef(x, y)[0, 1],
        "r2": 1 - np.sum((y - x) ** 2) / np.sum((x - x.mean()) ** 2),
        "spearman": np.corrcoef(ranks(x), ranks(y))[0, 1],
        "relative": np.mean([np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(x.reshape(-1, 4), y.reshape(-1, 4))]),
    }
    assert dump(t, p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_of_classes(classes):
    r = np.random.default_rng(classes)
    t = r.integers(0, classes, 300).astype(np.int32)
    s = np.round(r.normal(size=(300, classes)) + np.eye(classes)[t], 1).astype(np.float32)  # with ties
    answer = s.argmax(1)
    f1 = [2 * np.sum((t == c) & (answer == c)) / (np.sum(t == c) + np.sum(answer == c)) for c in range(classes)]
    shares = (s - np.log(np.exp(s.astype(float)).sum(1, keepdims=True))).astype(np.float32)
    expected = {"accuracy": np.mean(answer == t), "macro_f1": np.mean(f1), "auroc_classes": np.mean([auroc(t == c, shares[:, c]) for c in range(classes)])}
    if classes == 2:
        margins = s[:, 1] - s[:, 0]
        expected |= {"matthews": np.corrcoef(t, answer)[0, 1], "auroc": auroc(t, margins)}
    assert dump(t, s, classes) == pytest.approx(expected, rel=1e-9)


def test_scores_without_some_rows():
    """Rows of no class do not count; neither do classes without a row, in the mean of areas."""
    r = np.random.default_rng(4)
    t, s = r.integers(-1, 4, 200).astype(np.int32), r.normal(size=(200, 6)).astype(np.float32)
    answer, known = s.argmax(1), t >= 0
    f1 = [2 * np.sum((t == c) & (answer == c)) / max(np.sum(t == c) + np.sum(known & (answer == c)), 1) for c in range(6)]
    shares = s - np.log(np.exp(s.astype(float)).sum(1, keepdims=True))
    areas = np.mean([auroc(t == c, shares[:, c]) for c in range(4)])
    expected = {"accuracy": np.mean(answer[known] == t[known]), "macro_f1": np.mean(f1), "auroc_classes": areas}
    assert dump(t, s, 6) == pytest.approx(expected, rel=1e-9)


def test_scores_that_are_not_numbers():
    t, p = np.arange(8, dtype=np.float32), np.full(8, np.nan, np.float32)
    assert all(np.isnan(v) for v in dump(t, p).values())
    assert all(np.isnan(v) for v in dump(np.arange(8, dtype=np.int32) % 2, np.full((8, 2), np.nan, np.float32), 2).values())


# ---- data and baselines ----


def ridge(x, y, at, penalty):
    """Centred; the penalty times the mean square of an input."""
    x, at = x.astype(float), at.astype(float)
    centre, mean = x.mean(0), y.mean(0)
    gram = (x - centre).T @ (x - centre)
    return (at - centre) @ np.linalg.solve(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)), (x - centre).T @ (y - mean)) + mean


def test_pulsars(pulsars):
    data = mote.study_data(TASK, pulsars)
    x, c, at, truth = data.training["features"], data.training["class"], data.test["features"], data.test["class"]
    assert len(x) == 800 and len(at) == 200 and np.abs(x.mean(0)).max() < 1e-5 and np.abs(x.std(0) - 1).max() < 1e-5
    assert data.trivial == 0.5  # all the same: by chance
    guess = ridge(x, np.eye(2)[c], at, 1e-3)
    assert data.strong == pytest.approx(auroc(truth, guess[:, 1] - guess[:, 0]), abs=1e-4)
    assert data.score(guess) == pytest.approx(data.strong, abs=1e-4)
    assert data.score(np.eye(2)[truth]) == 1 and data.score(1 - np.eye(2)[truth]) == 0
    with pytest.raises(mote.MoteValueError, match="expected 400 predictions, found 399"):
        data.score(np.zeros(399))


def test_real_pulsars(data_folder):
    if not (data_folder / "astronomy" / "htru2_pulsars").is_dir():
        pytest.skip("no HTRU2")
    data = mote.study_data(TASK, data_folder)
    assert len(data.training["class"]) + len(data.test["class"]) == 17898
    assert data.training["class"].sum() + data.test["class"].sum() == 1639  # Lyon et al. 2016


def lorenz96(x, units, steps=80):
    """Runge and Kutta's steps of fourth order."""
    rate = lambda x: (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8
    h = units / steps
    for _ in range(steps):
        a = rate(x)
        b = rate(x + h / 2 * a)
        c = rate(x + h / 2 * b)
        x = x + h / 6 * (a + 2 * b + 2 * c + rate(x + h * c))
    return x


def test_lorenz96():
    try:
        data = mote.study_data("lorenz96")
    except mote.MoteError as error:
        pytest.skip(str(error))  # no SUNDIALS
    x, dx, at, truth = (split[name].astype(float) for split in (data.training, data.test) for name in ("state", "change"))
    deviation = data.score(np.zeros_like(truth)) / np.sqrt(np.mean(truth**2))  # of changes, which are standardized
    # a change is the difference of two states: what a standardized state is worth, and the mean change
    a, b = np.polyfit((x[1:] - x[:-1]).ravel(), dx[:-1].ravel(), 1)
    scale, mean = a * deviation, -b * deviation
    assert data.trivial == pytest.approx(deviation * np.sqrt(np.mean((truth + mean / deviation) ** 2)), rel=1e-4)
    guess = ridge(x, dx, at, 1e-6)
    assert data.strong == pytest.approx(deviation * np.sqrt(np.mean((guess - truth) ** 2)), rel=1e-4)
    # the states' mean is the one with which they obey the equations
    centres = np.linspace(2, 3, 101)
    errors = [np.abs(lorenz96(scale * x[:20] + c, 0.4) - (scale * x[1:21] + c)).max() for c in centres]
    best = centres[np.argmin(errors)]
    fine = np.linspace(best - 0.01, best + 0.01, 81)
    assert min(np.abs(lorenz96(scale * x[:20] + c, 0.4) - (scale * x[1:21] + c)).max() for c in fine) < 2e-2
    for size in (0.5, 2):
        assert data.score(guess * size) == pytest.approx(deviation * np.sqrt(np.mean((guess * size - truth) ** 2)), rel=1e-5)
