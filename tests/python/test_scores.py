"""Scores of structures held to numpy: superposition by singular values, TM-score by its definition, lDDT as AlphaFold's."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

DUMP = Path(os.environ.get("MOTE_BUILD", Path(__file__).resolve().parents[2] / "build")) / "tests" / "fold_dump"


@pytest.fixture(scope="module", autouse=True)
def tool():
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")


def score(model, target):
    points = np.stack([model, target]).astype(np.float32)
    done = subprocess.run([DUMP, "scores", str(len(model))], input=points.tobytes(), capture_output=True, check=True)
    lines = [np.array(line.split(), float) for line in done.stdout.decode().splitlines()]
    return *lines[0], np.array(lines[1:4]), lines[4]


def kabsch(model, target):
    """[3, 4] and the distances that are left."""
    a, b = model.mean(0), target.mean(0)
    u, _, v = np.linalg.svd((model - a).T @ (target - b))
    u[:, -1] *= np.sign(np.linalg.det(u @ v))
    rotation = (u @ v).T
    moved = np.concatenate([rotation, (b - rotation @ a)[:, None]], axis=1)
    return moved, np.linalg.norm(model @ rotation.T + moved[:, 3] - target, axis=1)


def d0(length):
    return max(1.24 * np.cbrt(length - 15) - 1.8, 0.5) if length > 15 else 0.5


def tm(distances, length):
    return (1 / (1 + (distances / d0(length)) ** 2)).sum() / length


def lddt(model, target):
    """As in AlphaFold's lddt.py, in FP64."""
    true = np.linalg.norm(target[:, None] - target[None], axis=-1)
    error = np.abs(true - np.linalg.norm(model[:, None] - model[None], axis=-1))
    scored = (true < 15) & ~np.eye(len(model), dtype=bool)
    kept = sum((error < limit).astype(float) for limit in (0.5, 1, 2, 4)) / 4
    return (scored * kept).sum() / max(scored.sum(), 1), np.where(scored.sum(1), (scored * kept).sum(1) / np.maximum(scored.sum(1), 1), 1)


def walk(random, count):
    steps = random.normal(size=(count, 3))
    return (3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True)).cumsum(0).astype(np.float32).astype(float)


def rotation(random):
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("count", [3, 4, 7, 16, 50, 150])
@pytest.mark.parametrize("noise", [0, 0.3, 2, 20])
def test_random_walks(count, noise):
    random = np.random.default_rng(count)
    target = walk(random, count)
    model = (target @ rotation(random) + random.normal(size=3) * 30 + random.normal(size=(count, 3)) * noise).astype(np.float32).astype(float)
    rmsd, found_tm, found_lddt, moved, each = score(model, target)
    wanted, distances = kabsch(model, target)
    assert rmsd == pytest.approx(np.sqrt((distances**2).mean()), rel=1e-6, abs=1e-5)
    if count > 3 or noise == 0:
        assert np.abs(moved[:, :3] @ moved[:, :3].T - np.eye(3)).max() < 1e-12 and np.linalg.det(moved[:, :3]) > 0
        assert np.abs(model @ (moved - wanted)[:, :3].T + (moved - wanted)[:, 3]).max() < 1e-3
    # the search can only find more than one superposition gives, and never more than 1
    assert tm(distances, count) - 1e-9 <= found_tm <= 1 + 1e-12
    assert noise or found_tm == pytest.approx(1, abs=1e-6)
    whole, single = lddt(model, target)
    assert found_lddt == pytest.approx(whole, abs=1e-12) and np.abs(each - single).max() < 1e-6


def best_by_trying(model, target, random, tries=4000):
    """The largest TM-score over superpositions of random triples, and each refined: a search of another kind."""
    best = 0
    for _ in range(tries):
        near = random.choice(len(model), 4, replace=False)
        for _ in range(6):
            moved, _ = kabsch(model[near], target[near])
            distances = np.linalg.norm(model @ moved[:, :3].T + moved[:, 3] - target, axis=1)
            best = max(best, tm(distances, len(model)))
            near = np.flatnonzero(distances < d0(len(model)) + 2)
            if len(near) < 4:
                break
    return best


@pytest.mark.parametrize("seed", range(3))
def test_search_finds_the_best(seed):
    """Two rigid halves that turned against each other, and noise."""
    random = np.random.default_rng(seed)
    target = walk(random, 80)
    model = target.copy()
    model[45:] = (model[45:] - model[45]) @ rotation(random) + model[45]
    model += random.normal(size=model.shape) * 0.5
    found = score(model, target)[1]
    assert found > best_by_trying(model.astype(np.float32).astype(float), target, random, 300) - 0.01
