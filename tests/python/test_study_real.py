"""Tasks on real tables and fields against their raw files: samples and splits, numbers, baselines and scores."""

import re

import gemmi
import numpy as np
import pytest

import mote
from real_data import FOLDERS, auroc, check_baselines, check_score, column, fifth, given, mae, open_text, r2, relative, ridge, rmse, same, standardize, table

# ---- astronomy and particle physics ----


def check_two_classes(data, penalty, input):
    """Baselines and score of a task of two classes whose metric is AUROC."""
    truth = data.test["class"]
    check_baselines(data, 0.5, auroc(truth, ridge(data.training[input], np.eye(2)[data.training["class"]], data.test[input], penalty)))
    check_score(data, lambda guess: auroc(truth, guess), (len(truth), 2))


def test_htru2_pulsars(data_folder):
    folder, data = given(data_folder, "htru2_pulsars")
    rows = table(folder / "HTRU_2.csv.gz")
    names = list(rows[0])
    x, c = np.stack([column(rows, n) for n in names[:8]], 1), np.array([r[names[8]] == "pulsar" for r in rows], int)
    train, test = fifth(2, len(rows))
    assert (len(train), len(test), c.sum()) == (14319, 3579, 1639)  # Lyon et al. 2016: 17898 candidates
    a, b, _, _ = standardize(x[train], x[test])
    same(data.training, features=a, **{"class": c[train]})
    same(data.test, features=b, **{"class": c[test]})
    check_two_classes(data, 1e-3, "features")


def test_higgs(data_folder):
    folder, data = given(data_folder, "higgs")
    files = []
    for name in ("train", "test"):
        lines = np.loadtxt(folder / f"higgs_{name}.tsv.gz", delimiter="\t")
        files.append((lines[:, 1:].astype(np.float32).astype(float), lines[:, 0].astype(int)))
    (x, c), (xt, ct) = files
    assert x.shape == (7000, 28) and xt.shape == (500, 28)
    assert not {r.tobytes() for r in x} & {r.tobytes() for r in xt}
    a, b, _, _ = standardize(x, xt)
    same(data.training, features=a, **{"class": c})
    same(data.test, features=b, **{"class": ct})
    check_two_classes(data, 1e-3, "features")


# ---- materials ----


def composition(formula):
    """Amounts of elements, by a grammar's rules applied to the innermost bracket first."""
    amounts = lambda text, factor: "".join(f"{e}{{{float(n or 1) * factor!r}}}" for e, n in parts(text))
    parts = lambda text: [(e, a or b) for e, a, b in re.findall(r"([A-Z][a-z]?)(?:\{([^}]*)\}|([0-9.]*))", text)]
    text = formula.strip()
    while re.search(r"[(\[]", text):
        text = re.sub(r"[(\[]([^()\[\]]*)[)\]]([0-9.]*)", lambda m: amounts(m[1], float(m[2] or 1)), text, count=1)
    total = {}
    for element, amount in parts(text):
        total[element] = total.get(element, 0) + float(amount or 1)
    return {gemmi.Element(e).atomic_number: n / sum(total.values()) for e, n in total.items()}


def test_composition():
    assert composition("Ca(OH)2") == pytest.approx({20: 1 / 5, 8: 2 / 5, 1: 2 / 5})
    assert composition("Fe0.5[C0.25(MnO2)2]2") == pytest.approx({26: 0.5 / 13, 6: 0.5 / 13, 25: 4 / 13, 8: 8 / 13})


def place(number):
    """Period and group of an element, as the table is drawn; the f block is in the third group."""
    begins = [1, 3, 11, 19, 37, 55, 87]
    period = max(p for p, first in enumerate(begins, 1) if number >= first)
    at = number - begins[period - 1]
    if period == 1:
        return 1, 1 if number == 1 else 18
    if period <= 3:
        return period, at + 1 if at < 2 else at + 11
    if period <= 5:
        return period, at + 1
    return period, at + 1 if at < 2 else 3 if at <= 16 else at - 13


def statistics(fractions, values):
    """Mean, mean deviation from it, least and largest."""
    w, v = np.array(list(fractions.values())), np.array([values(z) for z in fractions])
    mean = np.sum(w * v)
    return [mean, np.sum(w * np.abs(v - mean)), v.min(), v.max()]


def matbench(data_folder, name, counts):
    folder, data = given(data_folder, f"matbench_{name}")
    rows = table(folder / f"matbench_{name}.csv.gz")
    fold, formulas = np.array([int(r["test_fold"]) for r in rows]), [composition(r["formula"]) for r in rows]
    assert (np.sum(fold != 0), np.sum(fold == 0)) == counts and set(fold) == {0, 1, 2, 3, 4}
    fractions = np.zeros((len(rows), 96))
    for i, f in enumerate(formulas):
        for z, amount in f.items():
            fractions[i, z - 1] = amount
    known = (lambda z: z, lambda z: gemmi.Element(z).weight, lambda z: place(z)[0], lambda z: place(z)[1])
    properties = np.array([sum((statistics(f, values) for values in known), []) for f in formulas]).astype(np.float32).astype(float)
    for split, arrays in ((fold != 0, data.training), (fold == 0, data.test)):
        same(arrays, fractions=fractions[split])
    a, b, _, _ = standardize(properties[fold != 0], properties[fold == 0])
    for arrays, expected in ((data.training, a), (data.test, b)):
        error = np.abs(arrays["properties"][:, :16] - expected).max(0)
        assert error[[*range(4), *range(8, 16)]].max() < 1e-5 and error[4:8].max() < 5e-3  # tables give technetium 97.9 or 98
    return data, column(rows, "target"), fold


@pytest.mark.parametrize("name, counts", [("expt_gap", (3683, 921)), ("steels", (249, 63))])
def test_matbench_numbers(data_folder, name, counts):
    data, target, fold = matbench(data_folder, name, counts)
    a, b, mean, deviation = standardize(target[fold != 0], target[fold == 0])
    same(data.training, target=a)
    same(data.test, target=b)
    guess = ridge(data.training["fractions"], data.training["target"], data.test["fractions"], 1e-2).ravel()
    check_baselines(data, mae(target[fold == 0], mean), deviation * mae(b, guess))
    check_score(data, lambda guess: deviation * mae(b, guess), b.shape)


def test_matbench_glass(data_folder):
    data, target, fold = matbench(data_folder, "glass", (4544, 1136))
    same(data.training, target=target[fold != 0].astype(int))
    same(data.test, target=target[fold == 0].astype(int))
    truth = data.test["target"]
    guess = ridge(data.training["fractions"], np.eye(2)[data.training["target"]], data.test["fractions"], 1e-2)
    check_baselines(data, 0.5, auroc(truth, guess))
    check_score(data, lambda guess: auroc(truth, guess), (len(truth), 2))


# ---- reactions and nuclei ----


def test_reaction_yield(data_folder):
    folder, data = given(data_folder, "reaction_yield")
    rows = table(folder / "buchwald_hartwig.csv.gz")
    known = {}
    for row in rows:
        for role in ("Ligand", "Additive", "Base", "Aryl halide"):
            known.setdefault((role, row[role]), len(known))
    assert [len([k for k in known if k[0] == role]) for role in ("Ligand", "Additive", "Base", "Aryl halide")] == [4, 22, 3, 15]  # Ahneman et al. 2018, less one additive
    ones = np.zeros((len(rows), 48))
    for i, row in enumerate(rows):
        ones[i, [known[role, row[role]] for role in ("Ligand", "Additive", "Base", "Aryl halide")]] = 1
    y, n = column(rows, "Output"), 2768
    assert (len(rows), len({tuple(o) for o in ones})) == (3955, 3955)  # no reaction is there twice
    a, b, mean, deviation = standardize(y[:n], y[n:])
    same(data.training, components=ones[:n], **{"yield": a})
    same(data.test, components=ones[n:], **{"yield": b})
    check_baselines(data, r2(y[n:], mean), r2(b, ridge(ones[:n], a, ones[n:], 1e-3).ravel()))
    check_score(data, lambda guess: r2(b, guess), b.shape)


def test_nuclear_masses(data_folder):
    folder, data = given(data_folder, "nuclear_masses")
    rows = table(folder / "ame2016.csv.gz")
    z, n, b = (column(rows, name) for name in ("Z", "N", "binding"))
    used = (z >= 8) & (n >= 8) & (b > 100)
    z, n, b = z[used], n[used], b[used]
    a = z + n
    assert np.all(np.abs(b[(z == 26) & (n == 30)] - 8790.3) < 0.1)  # iron 56, keV a nucleon
    both_even, both_odd = (z % 2 == 0) & (n % 2 == 0), (z % 2 == 1) & (n % 2 == 1)
    drop = np.stack([a, -(a ** (2 / 3)), -z * (z - 1) / a ** (1 / 3), -((n - z) ** 2) / a, (both_even * 1.0 - both_odd) / np.sqrt(a)], 1)
    train, test = fifth(1935, len(z))
    binding = b * a / 1000
    coefficients = np.linalg.lstsq(drop[train], binding[train], rcond=None)[0]
    assert np.all(np.abs(coefficients - [15.5, 17, 0.7, 23, 11]) < [0.5, 2, 0.05, 2, 3])  # MeV, as textbooks have them
    rest = binding - drop @ coefficients
    closed = np.array([8, 20, 28, 50, 82, 126, 184])
    shell = lambda count: [min(abs(closed - c)) / (np.diff(closed)[max(np.searchsorted(closed, c) - 1, 0)] / 2) for c in count]
    x = np.stack([z, n, np.cbrt(a), (n - z) / a, shell(z), shell(n), z % 2, n % 2], 1)
    xa, xb, _, _ = standardize(x[train], x[test])
    ya, yb, mean, deviation = standardize(rest[train], rest[test])
    for arrays, features, expected in ((data.training, xa, ya), (data.test, xb, yb)):
        same(arrays, features=features)
        assert np.abs(arrays["rest"] - expected).max() < 1e-4
    check_baselines(data, rmse(rest[test], 0), deviation * rmse(yb, ridge(xa, ya, xb, 1e-6).ravel()))
    check_score(data, lambda guess: deviation * rmse(data.test["rest"], guess), yb.shape)


# ---- forces ----


def inverse_distances(x, labels):
    """Of pairs j < i, of relabelled atoms: [..., 36]."""
    x = x[..., labels, :]
    i, j = np.tril_indices(9, -1)
    return 1 / np.linalg.norm(x[..., i, :] - x[..., j, :], axis=-1)


def labellings():
    """Turns of the methyl group's hydrogens, and mirror images, which exchange CH2's hydrogens too."""
    turns = [[0, 1, 2, 3, 4, 5, 6, 7, 8]]
    for _ in range(2):
        last = turns[-1]
        turns.append(last[:5] + [last[6], last[7], last[5]] + last[8:])
    return turns + [[t[i] for i in (0, 1, 2, 4, 3, 6, 5, 7, 8)] for t in turns]


def test_rmd17_ethanol(data_folder):
    folder, data = given(data_folder, "rmd17_ethanol")
    raw = [np.load(folder / f"rmd17_ethanol_{name}_01.npz") for name in ("train", "test")]
    x, e, f = ([r[name] for r in raw] for name in ("coords", "energies", "forces"))
    assert [len(a) for a in x] == [1000, 1000] and not set(raw[0]["old_indices"]) & set(raw[1]["old_indices"])
    charges = list(raw[0]["nuclear_charges"])
    bonds = [{i for i in range(9) if i != c and charges[i] == 1 and np.linalg.norm(x[0][:, i] - x[0][:, c], axis=1).mean() < 1.3} for c in range(3)]
    assert sorted(bonds, key=min) == [{3, 4}, {5, 6, 7}, {8}]  # CH2, CH3 and OH
    unit = np.sqrt(np.mean(f[0] ** 2))
    expected = np.stack([inverse_distances(x[0], l) for l in labellings()], 1)
    mean, deviation = expected.mean((0, 1)), expected.std((0, 1))
    for arrays, xs, es, fs in zip((data.training, data.test), x, e, f):
        same(arrays, energy=(es - e[0].mean()) / unit, forces=fs.reshape(-1, 27) / unit)
        rows = (np.stack([inverse_distances(xs, l) for l in labellings()], 1) - mean) / deviation
        distance = np.abs(arrays["features"][:, :, None] - rows[:, None]).max((0, 3))
        match = distance.argmin(1)  # whatever the order of labellings
        assert sorted(match) == list(range(6)) and distance.min(1).max() < 1e-4
        for sample in (0, 500, 999):
            jacobian = arrays["jacobian"][sample].reshape(6, 36, 27)
            for coordinate in range(27):
                step = np.zeros(27)
                step[coordinate] = 1e-5
                both = [np.stack([inverse_distances(xs[sample] + s * step.reshape(9, 3), labellings()[m]) for m in match]) for s in (1, -1)]
                assert np.abs((both[0] - both[1]) / 2e-5 / deviation - jacobian[:, :, coordinate]).max() < 1e-4 * np.abs(jacobian).max()
    truth = f[1].reshape(-1, 27) / unit
    check_baselines(data, mae(f[1], 0))
    check_score(data, lambda guess: unit * mae(truth, guess), truth.shape)


# ---- fields ----


def test_burgers_operator(data_folder):
    folder, data = given(data_folder, "burgers_operator")
    raw = np.load(folder / "burgers_operator.npz")
    assert (len(raw["train_x"]), len(raw["test_x"])) == (800, 400)
    assert not {r.tobytes() for r in raw["train_x"]} & {r.tobytes() for r in raw["test_x"]}
    same(data.training, start=raw["train_x"] / 0.2, course=raw["train_y"] / 0.2)
    same(data.test, start=raw["test_x"] / 0.2, course=raw["test_y"] / 0.2)
    truth = raw["test_y"]
    stays = np.repeat(raw["test_x"][:, None], 17, 1)
    guess = ridge(data.training["start"], data.training["course"], data.test["start"], 1e-6)
    check_baselines(data, relative(truth, stays), relative(truth / 0.2, guess))
    check_score(data, lambda guess: relative(truth / 0.2, guess), truth.shape)


def test_darcy_flow(data_folder):
    folder, data = given(data_folder, "darcy_flow")
    raw = np.load(folder / "darcy.npz")
    assert (len(raw["train16_x"]), len(raw["test16_x"])) == (1000, 50)
    assert not {r.tobytes() for r in raw["train16_x"]} & {r.tobytes() for r in raw["test16_x"]}
    media = {name: np.where(raw[name], 1, -1) for name in ("train16_x", "test16_x")}
    same(data.training, medium=media["train16_x"], pressure=raw["train16_y"])
    same(data.test, medium=media["test16_x"], pressure=raw["test16_y"])
    truth = raw["test16_y"].astype(float)
    mean = np.broadcast_to(raw["train16_y"].astype(float).mean(0), truth.shape)
    check_baselines(data, relative(truth, mean), relative(truth, ridge(media["train16_x"], raw["train16_y"], media["test16_x"], 1e-2)))
    check_score(data, lambda guess: relative(truth, guess), truth.shape)


# ---- pictures ----


def test_pneumonia(data_folder):
    folder, data = given(data_folder, "pneumonia")
    raw = np.load(folder / "pneumoniamnist.npz")
    x, c, xt, ct = (raw[name] for name in ("train_images", "train_labels", "test_images", "test_labels"))
    assert (len(x), len(xt), ct.sum()) == (3882, 624, 390)  # of the test pictures, Kermany et al. 2018
    mean, deviation = x.mean(), x.std()
    same(data.training, image=((x - mean) / deviation)[..., None], **{"class": c.ravel()})
    same(data.test, image=((xt - mean) / deviation)[..., None], **{"class": ct.ravel()})
    check_two_classes(data, 1e-2, "image")


def test_airfoil_noise(data_folder):
    folder, data = given(data_folder, "airfoil_noise")
    with open_text(folder / "data.csv.gz") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32).astype(float)
    with open_text(folder / "test_mask.csv.gz") as file:
        tested = np.loadtxt(file, delimiter=",", dtype=int)[:, 0] == 1
    assert rows.shape == (1503, 6) and 100 < tested.sum() < 200
    a, b, _, _ = standardize(rows[~tested, :5], rows[tested, :5])
    ya, yb, mean, deviation = standardize(rows[~tested, 5], rows[tested, 5])
    same(data.training, features=a, level=ya)
    same(data.test, features=b, level=yb)
    check_baselines(data, rmse(rows[tested, 5], mean), deviation * rmse(yb, ridge(a, ya, b, 1e-6).ravel()))
    check_score(data, lambda guess: deviation * rmse(yb, guess), yb.shape)


def test_all_are_tested():
    assert {t.name for t in mote.study_tasks() if not t.simulated} == set(FOLDERS)
