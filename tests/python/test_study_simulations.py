"""Simulated tasks of the study whose samples are drawn: their baselines and scores, and the laws they are drawn by.

Arrays are standardized, and the numbers that this took are the task's own. A deviation follows from scores, which are in the
target's own unit; where a test needs more it finds it from the arrays, by what it knows of them (a count of 0 is there, the
potential of a wall is 0), and its docstring says so.
"""

import math

import numpy as np
import pytest

import mote
from test_study import auroc, ridge


def rmse(a, b):
    return np.sqrt(np.mean((np.asarray(a, float) - b) ** 2))


def given(task):
    """The task's data; a plain skip where the build has no solver."""
    try:
        return mote.study_data(task)
    except mote.MoteError as error:
        if error.status != "unsupported":
            raise
        pytest.skip(str(error))


def doubles(split):
    return {name: a.astype(float) if a.dtype == np.float32 else a for name, a in split.items()}


def check_scores(data, score, shape, last=-1):
    """Of random predictions, and of one that is not a number, where one counts last."""
    for seed in range(2):
        guess = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        assert data.score(guess) == pytest.approx(score(guess.astype(float)), rel=2e-5)
    guess.flat[last] = np.nan
    assert math.isnan(data.score(guess))


def deviation_of(data, target):
    """Of a target whose metric is an RMSE in its own unit."""
    truth = data.test[target].astype(float)
    return data.score(np.zeros_like(truth)) / np.sqrt(np.mean(truth**2))


def check_regression(data, source, target, penalty):
    """Metric RMSE, baselines the mean and ridge regression."""
    x, y, at, truth = (s[n].reshape(len(s[n]), -1).astype(float) for s in (data.training, data.test) for n in (source, target))
    deviation = deviation_of(data, target)
    assert data.trivial == pytest.approx(deviation * rmse(truth, y.mean(0)), rel=1e-5)
    assert data.strong == pytest.approx(deviation * rmse(truth, ridge(x, y, at, penalty)), rel=1e-4)
    check_scores(data, lambda guess: deviation * rmse(truth, guess), truth.shape)


def check_standardized(x, groups):
    """Training samples, by the last axis or all together."""
    x = x.reshape(-1, groups)
    assert np.abs(x.mean(0)).max() < 1e-4 and np.abs(x.std(0) - 1).max() < 1e-4


def counts_of(x):
    """Integers from their standardized column, of which 0 and 1 are the lowest; and the column's step."""
    low = x.min()
    step = np.min(x[x > low + 1e-4]) - low
    counts = (x - low) / step
    assert np.abs(counts - np.round(counts)).max() < 1e-2
    return np.round(counts), step


# ---- genes ----


def test_gene_model():
    """The limit is what bits of the baselines leave of their scores. The chain's states are not in the arrays, so it is held between
    what is known: windows cannot be told better than endless sequence, whose entropy rate is 1.729 bits (docs/results.md), and the
    context model cannot be better than the chain."""
    data = given("gene_model")
    read, following, at, truth = (s[n] for s in (data.training, data.test) for n in ("read", "next"))
    for split in (data.training, data.test):
        padded = np.concatenate([np.zeros((len(split["read"]), 3), int), split["read"]], 1)
        assert np.array_equal(split["words"], sum(padded[:, 3 - k : 131 - k] << (2 * k) for k in range(4)))
        assert np.array_equal(split["read"][:, 1:], split["next"][:, :-1]) and set(np.unique(split["next"])) == {0, 1, 2, 3}

    def bits(scores):
        logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        return -np.take_along_axis(logs, truth[..., None], -1).mean() / np.log(2)

    shares = np.bincount(following.ravel(), minlength=4) + 0.5
    order_0 = bits(np.log(shares / shares.sum()) * np.ones((*truth.shape, 1)))
    limit = order_0 - data.trivial
    p = np.full((*truth.shape, 4), 0.25)
    for k in range(9):  # contexts of k bases, as far as there are
        begin = max(k, 1) - 1
        context = lambda r: sum((r[:, k - 1 - i : 128 - i].astype(int) << (2 * i) for i in range(k)), np.zeros((len(r), 128 - begin), int))
        last, here = context(read), context(at)
        table = np.bincount((last * 4 + following[:, begin:]).ravel(), minlength=4 ** (k + 1)).reshape(-1, 4)[here]
        p[:, begin:] = (table + 12 * p[:, begin:]) / (table.sum(-1, keepdims=True) + 12)
    assert data.strong == pytest.approx(bits(np.log(p)) - limit, abs=1e-5)
    check_scores(data, lambda guess: bits(guess.reshape(*truth.shape, 4)) - limit, (*truth.shape, 4))
    assert 1.729 - 0.02 < limit < bits(np.log(p)) - 0.1 and limit < 1.729 + 0.05


# ---- the law of 1963 ----


def test_law_discovery():
    """Lorenz's four numbers from the test's trajectory: a standardized coordinate is x = a X + b with a and b unknown, but the law,
    whose form is given, fixes them. Rates must then be the law's at these states, and the training's differ from them by noise."""
    data = given("law_discovery")
    train, test = doubles(data.training), doubles(data.test)
    check_standardized(train["library"], 55), check_standardized(train["rate"], 3)
    truth, size = test["rate"], np.linalg.norm(test["rate"])
    assert data.trivial == pytest.approx(1, abs=1e-6)
    guess = ridge(train["library"], train["rate"], test["library"], 1e-9)
    assert data.strong == pytest.approx(np.linalg.norm(guess - truth) / size, rel=1e-3)
    check_scores(data, lambda g: np.linalg.norm(g - truth) / size, truth.shape)

    path = test["library"][:, :3]  # every 0.01 of time
    slope = sum(w * np.roll(path, -k, 0) for k, w in ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60)))[3:-3] / 0.01
    x, y, z = path[3:-3].T
    fit = lambda terms, target: np.linalg.lstsq(np.stack(terms, 1), target, rcond=None)[0]
    one = np.ones_like(x)
    yx, xx, _ = fit((y, x, one), slope[:, 0])
    by_x, by_y, by_z, by_xz, _ = fit((x, y, z, x * z, one), slope[:, 1])
    to_z, to_xy, to_x, to_y, to_1 = fit((z, x * y, x, y, one), slope[:, 2])
    a0 = np.sqrt(-by_xz * to_xy)
    a1, a2 = yx * a0 / 10, -by_xz * yx / 10
    b0, b1 = to_y * a2 / a1, to_x * a2 / a0
    b2 = (b0 * b1 - to_1 * a2) * 3 / 8
    assert (-xx, -by_y, -to_z) == pytest.approx((10, 1, 8 / 3), rel=2e-3)
    assert by_x * a1 / a0 + b2 == pytest.approx(28, rel=2e-3)

    def rates(library):
        x, y, z = (a * column + b for a, b, column in zip((a0, a1, a2), (b0, b1, b2), library.T))
        return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], 1)

    for j, expected in enumerate(rates(test["library"][:, :3]).T):
        scale, mean = np.polyfit(truth[:, j], expected, 1)
        assert np.abs(scale * truth[:, j] + mean - expected).max() < 2e-3 * expected.std()
        noise = np.std(scale * train["rate"][:, j] + mean - rates(train["library"][:, :3])[:, j])
        assert noise == pytest.approx(0.5 * (43.5, 66.6, 80.3)[j], rel=0.1)


# ---- proteins on a lattice ----

SITES = [(i, j, k) for i in range(3) for j in range(3) for k in range(3)]
BESIDE = [[n for n, b in enumerate(SITES) if sum(abs(p - q) for p, q in zip(a, b)) == 1] for a in SITES]


def walk_with(touch):
    """A walk through all sites of the cube whose contacts are these, or None."""
    residues = len(touch)
    place, free, visited = [], set(range(27)), 0

    def go(site):
        nonlocal visited
        visited += 1
        i = len(place)
        near = {j for j in range(i - 1) if place[j] in BESIDE[site]}
        if near != {j for j in range(i - 1) if touch[i, j]} or visited > 200000:
            return False
        place.append(site)
        free.discard(site)
        if len(place) == residues or any(go(s) for s in BESIDE[site] if s in free):
            return True
        free.add(place.pop())
        return False

    return place if any(go(s) for s in range(27)) else None


def test_potts_contacts():
    data = given("potts_contacts")
    truth, at = data.test["contacts"], data.test["features"].astype(float)
    check_standardized(data.training["features"].astype(float), 3)
    lower = np.tril(np.ones((27, 27), bool))
    score = lambda guess: np.mean([auroc(t[lower & (t >= 0)], g[lower & (t >= 0)]) for t, g in zip(truth, guess[..., 1] - guess[..., 0])])
    assert data.trivial == 0.5
    assert data.strong == pytest.approx(score(np.stack([0 * at[..., 1], at[..., 1]], -1).astype(np.float32)), abs=1e-5)
    check_scores(data, lambda guess: score(guess.astype(np.float32)), (*truth.shape, 2), last=-2 * 3 - 1)  # the last residue and the third from it
    apart = np.abs(np.subtract.outer(np.arange(27), np.arange(27)))
    ratios = []
    for contacts, features in zip(truth, at):
        assert np.array_equal(contacts >= 0, (apart % 2 == 1) & (apart > 1)) and np.array_equal(contacts, contacts.T)
        touch = contacts > 0
        assert touch.sum() == 2 * 28  # 54 pairs of sites are neighbours, 26 of them along the chain
        norms, corrected = (features[..., c] - features[0, 0, c] for c in (0, 1))  # both are 0 on the diagonal
        means = norms.sum(0) / 26
        expected = np.where(apart > 0, norms - np.outer(means, means) / means.mean(), 0)
        ratios.append(np.sum(corrected * expected) / np.sum(expected**2))
        assert np.abs(corrected - ratios[-1] * expected).max() < 1e-4 * np.abs(corrected).max()
    assert np.ptp(ratios) < 1e-4 * ratios[0]
    assert all(walk_with(contacts > 0) for contacts in truth[:20])


# ---- citations ----


def test_citation_growth():
    """A paper's counts come back from their logarithms, as 0 and 1 are among them in every quarter. What the model of Wang, Song and
    Barabasi says of means is drawn here anew, with other random numbers."""
    data = given("citation_growth")
    check_regression(data, "history", "future", 1e-3)
    check_standardized(data.training["history"].astype(float), 20), check_standardized(data.training["future"].astype(float), 1)
    r, papers = np.random.default_rng(1), 100000
    fitness, mu, sigma = np.exp(-0.2 + 0.6 * r.normal(size=papers)), 1.9 + 0.6 * r.normal(size=papers), np.exp(-0.1 + 0.3 * r.normal(size=papers))
    phi = lambda years: np.array([0.5 * math.erfc(-v) for v in (np.log(years) - mu) / (sigma * np.sqrt(2))])
    mean = lambda years: 30 * np.expm1(fitness * phi(years))
    quarter, five, twenty = mean(0.25), mean(5), mean(20)
    drawn = [np.log1p(r.poisson(quarter))]
    drawn.append(np.log1p(r.poisson(five)))
    drawn.append(np.log1p(np.expm1(drawn[-1]) + r.poisson(twenty - five)))
    history, future = (np.concatenate([s[n].astype(float) for s in (data.training, data.test)]) for n in ("history", "future"))
    deviation, n = deviation_of(data, "future"), len(history)
    for q, expected in ((0, drawn[0]), (19, drawn[1])):
        low = history[:, q].min()
        step = (np.min(history[history[:, q] > low + 1e-4, q]) - low) / np.log(2)
        found = (history[:, q] - low) / step
        few = found < np.log(100)
        assert np.abs(np.expm1(found[few]) - np.round(np.expm1(found[few]))).max() < 1e-2
        assert found.mean() == pytest.approx(expected.mean(), abs=3 * expected.std() / np.sqrt(n))
        assert found.std() == pytest.approx(expected.std(), rel=0.05)
    assert deviation == pytest.approx(drawn[2].std(), rel=0.06)
    assert np.corrcoef(history[:, 19], future[:, 0])[0, 1] == pytest.approx(np.corrcoef(drawn[1], drawn[2])[0, 1], abs=0.02)


# ---- transits ----


def box_least_squares(flux):
    """The highest peak of each curve (Kovacs et al. 2002, equation 5)."""
    flux = flux - flux.mean(1, keepdims=True)
    times, best = flux.shape[1], np.zeros(len(flux))
    for period in range(30, 90):
        rounds = -(-times // period)
        padded = np.concatenate([flux, np.zeros((len(flux), rounds * period - times))], 1)
        sums = padded.reshape(len(flux), rounds, period).sum(1)
        counts = np.bincount(np.arange(times) % period)
        for duration in range(4, 13, 2):
            around = lambda a: np.cumsum(np.concatenate([np.zeros_like(a[..., :1]), a, a[..., :duration]], -1), -1)
            inside = around(sums)[:, duration : period + duration] - around(sums)[:, :period]
            weight = (around(counts)[duration : period + duration] - around(counts)[:period]) / times
            best = np.maximum(best, np.where(inside < 0, inside**2 / (weight * (1 - weight)), 0).max(1))
    return best


def test_transit_search():
    """The noise's correlations in curves without a planet, and what planets dim on average. The flux is in units of its deviation,
    which noise of variance 1 and transits make."""
    data = given("transit_search")
    truth, at = data.test["planet"], data.test["flux"].astype(float)
    assert np.array_equal(truth, np.arange(1000) % 2)
    check_standardized(data.training["flux"].astype(float), 1)
    score = lambda guess: auroc(truth, (guess[:, 1] - guess[:, 0]).astype(np.float32))
    power = box_least_squares(at)
    assert data.trivial == 0.5 and data.strong == pytest.approx(score(np.stack([0 * power, power], 1)), abs=5e-5)
    check_scores(data, score, (len(truth), 2))
    flux, planet = data.training["flux"].astype(float), data.training["planet"]
    alone = flux[planet == 0] - flux[planet == 0].mean()
    unit = alone.std()  # of noise
    for lag in (1, 4, 12, 30):
        found = np.mean(alone[:, lag:] * alone[:, :-lag]) / unit**2
        assert found == pytest.approx(0.5 * np.exp(-lag / 12), abs=0.012)
    assert np.mean(alone**4) / unit**4 == pytest.approx(3, abs=0.08)
    # depth 1.25, duration 8, of which ingress and egress count half, and the mean of 1 / period
    dimmed = (flux[planet == 0].mean() - flux[planet == 1].mean()) / unit
    assert dimmed == pytest.approx(1.25 * 8 * 0.9 * np.log(90 / 30) / 60, abs=0.03)


# ---- spins ----


def log_partition(k, n=16):
    """Of the n x n Ising torus at coupling k (Kaufman, Phys. Rev. 76 (1949) 1232)."""
    angles = np.pi * np.arange(2 * n) / n
    c = np.cosh(2 * k) / np.tanh(2 * k) - np.cos(angles)
    gamma = np.arccosh(np.maximum(c, 1))
    gamma[0] = 2 * k + np.log(np.tanh(k))  # changes its sign at the critical temperature
    total = []
    for half in (gamma[1::2], gamma[0::2]):
        x = n * half / 2
        total.append((np.sum(np.abs(x) + np.log1p(np.exp(-2 * np.abs(x)))), 1))
        total.append((np.sum(np.abs(x) + np.log(-np.expm1(-2 * np.abs(x)))), np.prod(np.sign(x))))
    largest = max(t for t, _ in total)
    return largest + np.log(0.5 * sum(s * np.exp(t - largest) for t, s in total)) + n * n / 2 * np.log(2 * np.sinh(2 * k))


def energy_moments(temperature):
    """Mean and variance of the torus's energy."""
    k, h = 1 / temperature, 1e-4
    below, at, above = (log_partition(k + d) for d in (-h, 0, h))
    return -(above - below) / (2 * h), (above - 2 * at + below) / h**2


def onsager_energy(temperature):
    """A spin, of the infinite lattice; the elliptic integral by the arithmetic-geometric mean."""
    k = 2 / temperature
    modulus, a = 2 * np.sinh(k) / np.cosh(k) ** 2, 1.0
    b = np.sqrt(1 - modulus**2)
    for _ in range(30):
        a, b = (a + b) / 2, np.sqrt(a * b)
    return -1 / np.tanh(k) * (1 + 2 / np.pi * (2 * np.tanh(k) ** 2 - 1) * np.pi / (2 * a))


def test_ising():
    """Energies against Kaufman's solution of the very lattice, magnetizations far below the transition against Onsager and Yang's."""
    data = given("ising")
    critical = 2 / np.log(1 + np.sqrt(2))
    temperatures = [np.concatenate([np.arange(1, 2, 0.1)[:10], np.arange(2.7, 3.65, 0.1)]), critical + 0.03 * (np.arange(26) - 12.5)]
    assert onsager_energy(1.5) == pytest.approx(energy_moments(1.5)[0] / 256, rel=1e-5)
    strength = []
    for split, ts in zip((data.training, data.test), temperatures):
        spins = split["spins"][..., 0].astype(float).reshape(len(ts), -1, 16, 16)
        assert set(np.unique(spins)) == {-1, 1}
        assert np.array_equal(split["ordered"].reshape(len(ts), -1), np.repeat((ts < critical)[:, None], spins.shape[1], 1))
        energies = -(spins * (np.roll(spins, 1, 2) + np.roll(spins, 1, 3))).sum((2, 3))
        moments = np.array([energy_moments(t) for t in ts])
        deviates = (energies.mean(1) - moments[:, 0]) / np.sqrt(moments[:, 1] / spins.shape[1])
        assert np.abs(deviates).max() < 4 and 0.3 < np.mean(deviates**2) < 2.2
        strength.append(np.abs(spins.mean((2, 3))))
    for t, m in zip(temperatures[0][:8], strength[0]):  # where the lattice is long beside the correlation
        exact = (1 - np.sinh(2 / t) ** -4) ** 0.125
        assert m.mean() == pytest.approx(exact, abs=max(4 * m.std() / 10, 1e-3))
    phases = [strength[0][data.training["ordered"].reshape(20, -1)[:, 0] == c].mean() for c in (0, 1)]
    truth = data.test["ordered"]
    assert data.trivial == 0.5 and data.strong == np.mean((strength[1].ravel() > np.mean(phases)) == truth)
    check_scores(data, lambda guess: np.mean(guess.argmax(1) == truth), (len(truth), 2))


@pytest.fixture(scope="module")
def chain():
    """The Hamiltonian of ten spins on a ring at the critical field, dense, and its ground state."""
    states = np.arange(1024)
    spins = 2 * ((states[:, None] >> np.arange(10)) & 1) - 1
    bonds = -(spins * np.roll(spins, -1, 1)).sum(1)
    matrix = np.diag(bonds.astype(float))
    for i in range(10):
        matrix[states, states ^ (1 << i)] -= 1
    values, vectors = np.linalg.eigh(matrix)
    return spins, bonds, matrix, values[0], np.abs(vectors[:, 0])


def test_transverse_ising(chain):
    spins, bonds, matrix, exact, ground = chain
    data = given("transverse_ising")
    for split in (data.training, data.test):
        assert np.array_equal(split["rotations"], np.stack([np.roll(spins, -i, 1) for i in range(10)], 1))
        assert np.array_equal(split["bonds"], bonds)
        assert np.array_equal(split["flipped"], np.arange(1024)[:, None] ^ (1 << np.arange(10)))
    momenta = (2 * np.arange(10) + 1) * np.pi / 10
    assert exact == pytest.approx(-np.sum(np.sqrt(2 - 2 * np.cos(momenta))), rel=1e-12)  # Pfeuty's free fermions

    def error(logarithms):
        psi = np.exp(logarithms - logarithms.max())
        return 100 * (1 - psi @ matrix @ psi / (psi @ psi) / exact)

    assert data.score(np.log(ground)) == pytest.approx(0, abs=1e-6)
    check_scores(data, error, 1024)
    # all spins turned by the same angle have the energy -10 (1 - c^2 + c), which is least at c = 1/2
    assert data.trivial == pytest.approx(100 * (1 + 12.5 / exact), rel=1e-6)
    pairs = [(spins * np.roll(spins, -d, 1)).sum(1) for d in range(1, 6)]
    logarithms = np.zeros(1024)
    for _ in range(3):  # one number after the other, as the task does
        for pair in pairs:
            low, high = -0.5, 0.5
            for _ in range(60):
                a, b = low + (high - low) / 3, high - (high - low) / 3
                low, high = (low, b) if error(logarithms + a * pair) < error(logarithms + b * pair) else (a, high)
            logarithms = logarithms + low * pair
    assert data.strong == pytest.approx(error(logarithms), rel=2e-4)  # its searches stop at 1e-5


def test_transverse_ising_is_solved(tmp_path):
    result = mote.study(["transverse_ising"], policies=["fp32"], seeds=1, out=tmp_path / "s", jobs=1)
    assert result.failed == 0
    scores = [r["mean"] for r in result.summary["tasks"][0]["results"] if r["setting"] == "train"]
    assert all(0 <= s < 1 for s in scores)  # per cent above the exact energy


# ---- a particle ----


def test_schrodinger():
    """The network's potentials have errors of the probe, and the true ones are not in the arrays: their energies, of dense matrices,
    differ from the task's by what the errors do to first order. The potential's unit is the one with which this holds; where it
    is 0 the wall tells. Bohr and Sommerfeld's energies need both and are therefore no closer than these are known."""
    data = given("schrodinger")
    train, test = doubles(data.training), doubles(data.test)
    check_standardized(train["potential"], 1), check_standardized(train["energy"], 4)
    truth, step = test["energy"], 8 / 64
    deviations = np.array([4 * data.score(truth + np.eye(4)[level]) for level in range(4)])
    mae = lambda guess: np.mean(np.abs(guess.reshape(truth.shape) - truth) * deviations)
    assert data.trivial == pytest.approx(mae(np.tile(train["energy"].mean(0), (len(truth), 1))), rel=1e-5)
    check_scores(data, mae, truth.shape)

    wall = test["potential"][0, 63]
    assert np.all(test["potential"][:, 63] == wall) and np.all(train["potential"][:, 63] == wall)
    shape = test["potential"][:, :63] - wall
    kinetic = (np.diag(np.full(63, 1.0)) - np.diag(np.full(62, 0.5), 1) - np.diag(np.full(62, 0.5), -1)) / step**2
    scale = 2.5
    for _ in range(4):  # Gauss and Newton, by Hellmann and Feynman
        values, vectors = np.linalg.eigh(kinetic + scale * shape[:, None, :] * np.eye(63))
        left = values[:, :4] - deviations * truth
        slope = np.einsum("nij,ni->nj", vectors[..., :4] ** 2, shape)
        left, slope = left - left.mean(0), slope - slope.mean(0)
        scale -= np.sum(left * slope) / np.sum(slope**2)
    expected = 0.1 * np.sqrt(np.mean(np.sum(vectors[..., :4] ** 4, 1), 0))
    assert left.std(0) == pytest.approx(expected, rel=0.1)

    means = (values[:, :4] - deviations * truth).mean(0)
    potential = scale * shape
    semiclassical = np.empty_like(truth)
    for level in range(4):
        low, high = np.full(len(truth), -60.0), np.full(len(truth), 100.0)
        for _ in range(50):
            middle = (low + high) / 2
            above = step * np.sqrt(2 * np.maximum(middle[:, None] - potential, 0)).sum(1) / np.pi > level + 0.5
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        semiclassical[:, level] = (low - means[level]) / deviations[level]
    assert data.strong == pytest.approx(mae(semiclassical), rel=0.02)


# ---- place cells ----


def test_spike_decoding():
    """Counts come back from standardized ones, as 0 and 1 are among them. Places are known but for where the box begins, which nothing
    but the fields' middles depends on."""
    data = given("spike_decoding")
    train, test = doubles(data.training), doubles(data.test)
    check_standardized(train["counts"], 48), check_standardized(train["place"], 2)
    truth = test["place"]
    deviations = np.array([data.score(truth + np.eye(2)[axis]) for axis in range(2)])
    distance = lambda guess: np.mean(np.linalg.norm((guess.reshape(truth.shape) - truth) * deviations, axis=1))
    assert data.trivial == pytest.approx(distance(np.tile(train["place"].mean(0), (len(truth), 1))), rel=1e-5)
    guess = ridge(train["counts"].reshape(8000, -1), train["place"], test["counts"].reshape(1000, -1), 1)
    assert data.strong == pytest.approx(distance(guess), rel=1e-4)
    check_scores(data, distance, truth.shape)

    place = train["place"] * deviations
    assert np.all(np.ptp(place, 0) <= 1) and np.all(np.ptp(place, 0) > 0.97)
    velocity = np.diff(place, axis=0) / 0.05
    free = np.abs(np.diff(velocity, axis=0)) < 0.4  # not turned back by a wall
    kept = np.sum(free * velocity[1:] * velocity[:-1]) / np.sum(free * velocity[:-1] ** 2)
    assert velocity.std() == pytest.approx(0.25, rel=0.12) and kept == pytest.approx(np.exp(-0.05), abs=0.01)

    assert np.array_equal(train["counts"][1:, :-1], train["counts"][:-1, 1:])  # windows of one run, a bin apart
    counts = np.stack([counts_of(c)[0] for c in train["counts"][:, -1].T], 1)
    spectrum = np.abs(np.fft.rfft(counts.sum(1) - counts.sum())) ** 2
    assert np.fft.rfftfreq(len(counts), 0.05)[1 + spectrum[1:].argmax()] == pytest.approx(8, abs=0.01)
    time = 0.05 * (np.arange(len(counts)) + 15)
    theta = 1 + np.cos(2 * np.pi * 8 * time)
    fields = np.array([fit_field(place, theta, c) for c in counts.T])
    peaks, backgrounds, widths = fields.T
    assert peaks.mean() == pytest.approx(20, rel=0.05) and backgrounds.mean() == pytest.approx(0.5, rel=0.1)
    assert np.all((widths > 0.07) & (widths < 0.17)) and widths.mean() == pytest.approx(0.12, abs=0.02)


def fit_field(place, theta, counts):
    """Peak and background in Hz and width of a Gaussian field, by Newton's method (with expected curvatures) on Poisson's likelihood."""
    far = counts * theta
    middle = (far[:, None] * place).sum(0) / far.sum()
    for _ in range(20):  # the mean of the spikes near the middle
        near = far * np.exp(-np.sum((place - middle) ** 2, 1) / 0.08)
        middle = (near[:, None] * place).sum(0) / near.sum()
    p = np.array([np.log(15), np.log(0.5), np.log(0.12), *middle])
    for _ in range(30):
        d = (place - p[3:]) / np.exp(p[2])
        bump = 0.05 * theta * np.exp(p[0] - np.sum(d**2, 1) / 2)
        mean = bump + 0.05 * np.exp(p[1])
        slopes = np.stack([bump, mean - bump, bump * np.sum(d**2, 1), *(bump[:, None] * d / np.exp(p[2])).T])
        step = np.linalg.solve((slopes / mean) @ slopes.T + 1e-3 * np.eye(5), slopes @ (counts / mean - 1))
        p = p + np.clip(step, -0.3, 0.3)
    return np.exp(p[:3])
