"""Tasks on molecules against their raw files and expectations written by hand: atoms, bonds, splits, baselines and scores."""

import csv
import gzip
import re

import gemmi
import numpy as np
import pytest

import mote
from real_data import auroc, check_baselines, check_score, column, fifth, given, mae, open_text, ridge, rmse, same, standardize, table

ELEMENTS = ["C", "N", "O", "S", "F", "Cl", "Br", "I", "P"]  # and any other
TOKEN = re.compile(r"\[[^\]]*\]|Br|Cl|[BCNOPSFIbcnops]|%\d\d|\d|[.()=#$:/\\-]")


def counted(smiles):
    """Atoms and bonds of a SMILES by its signs alone: each atom but the first of a part is bonded to one before it, and each
    ring number that is there twice is a bond more."""
    signs = TOKEN.findall(smiles.strip())
    assert "".join(signs) == smiles.strip()
    atoms = sum(s[0] == "[" or s[0].isalpha() for s in signs)
    rings = sum(s.isdigit() or s[0] == "%" for s in signs)
    return atoms, atoms - 1 - signs.count(".") + rings // 2


def check_counts(arrays, smiles, room):
    """Of each sample, whose molecule may be larger than there is room for; the fingerprint sees all atoms three times."""
    bonds, mask = arrays["bonds"], arrays["mask"]
    assert np.array_equal(bonds, bonds.transpose(0, 2, 1)) and bonds.min() == 0 and bonds.max() <= 4
    found = np.stack([mask.sum(1), (bonds > 0).sum((1, 2)) / 2, np.round(np.expm1(arrays["fingerprint"]).sum(1))], 1)
    expected = np.array([counted(s) for s in smiles])
    assert np.array_equal(found[:, 0], np.minimum(expected[:, 0], room)) and np.array_equal(found[:, 2], 3 * expected[:, 0])
    whole = expected[:, 0] <= room
    assert np.array_equal(found[whole, 1], expected[whole, 1]) and np.all(found[:, 1] <= expected[:, 1])
    neighbours = arrays["atoms"][:, :, 10:16].argmax(2)
    assert np.array_equal(neighbours[whole], np.minimum((bonds > 0).sum(2), 5)[whole])
    return whole


def described(arrays, sample):
    """Atoms as element, neighbours, hydrogens, with charge, 'a' aromatic and 'r' ring; bonds as "0-1", "=", "#" and ":"."""
    atoms = []
    for x in arrays["atoms"][sample][arrays["mask"][sample] == 1]:
        element = [*ELEMENTS, "*"][x[:10].argmax()]
        assert x[:10].sum() == x[10:16].sum() == x[16:21].sum() == 1
        charge = f"{int(x[21]):+d}" if x[21] else ""
        atoms.append(f"{element}{x[10:16].argmax()}{x[16:21].argmax()}{charge}{'a' if x[22] else ''}{'r' if x[23] else ''}")
    kinds = arrays["bonds"][sample]
    return " ".join(atoms), " ".join(f"{i}{' -=#:'[kinds[i, j]]}{j}" for i, j in np.argwhere(np.triu(kinds)))


KNOWN = {
    "CC#N": ("C13 C20 N10", "0-1 1#2"),
    "CC(C)O": ("C13 C31 C13 O11", "0-1 1-2 1-3"),
    "COC=O": ("C13 O20 C21 O10", "0-1 1-2 2=3"),
    "C1CCOC1": ("C22r C22r C22r O20r C22r", "0-1 0-4 1-2 2-3 3-4"),
    "c1ccsc1": ("C21ar C21ar C21ar S20ar C21ar", "0:1 0:4 1:2 2:3 3:4"),
    "c1cncnc1": ("C21ar C21ar N20ar C21ar N20ar C21ar", "0:1 0:5 1:2 2:3 3:4 4:5"),
    "CC1CO1": ("C13 C31r C22r O20r", "0-1 1-2 1-3 2-3"),
    "NC(=S)N": ("N12 C30 S10 N12", "0-1 1=2 1-3"),
    "ClCBr": ("Cl10 C22 Br10", "0-1 1-2"),
    "CC(=C)C": ("C13 C30 C12 C13", "0-1 1=2 1-3"),
}


# Cages have a smallest ring more than they need to be described, and the table counts it.
CAGES = ["eucalyptol", "1,8-Cineole", "Kepone", "Mirex"]

# ---- solubility ----


def esol(data_folder):
    folder, data = given(data_folder, "esol")
    return data, table(folder / "esol.csv.gz"), "measured log solubility in mols per litre"


def test_esol(data_folder):
    data, rows, name = esol(data_folder)
    train, test = fifth(2004, len(rows))
    assert (len(train), len(test)) == (903, 225)
    smiles = np.array([r["smiles"].strip() for r in rows])
    assert len(set(smiles[train]) & set(smiles[test])) == 2  # the table has five compounds twice, with two measurements
    y, delaney = column(rows, name), column(rows, "ESOL predicted log solubility in mols per litre")
    a, b, mean, deviation = standardize(y[train], y[test])
    same(data.training, solubility=a)
    same(data.test, solubility=b)
    check_baselines(data, rmse(y[test], mean), rmse(y[test], delaney[test]))
    check_score(data, lambda guess: deviation * rmse(b, guess), b.shape)


def test_esol_molecules(data_folder):
    """The table says what another program counted in each molecule: weight, rings, the least number of neighbours."""
    data, rows, _ = esol(data_folder)
    seen = 0
    for arrays, part in zip((data.training, data.test), fifth(2004, len(rows))):
        smiles = [rows[i]["smiles"].strip() for i in part]
        whole = check_counts(arrays, smiles, 32)
        atoms, mask = arrays["atoms"], arrays["mask"]
        weights = np.array([gemmi.Element(e).weight for e in ELEMENTS] + [np.nan])
        hydrogens = atoms[:, :, 16:21].argmax(2)
        mass = np.where(mask == 1, weights[atoms[:, :, :10].argmax(2)] + 1.008 * hydrogens, 0).sum(1)
        known = whole & np.isfinite(mass)
        assert known.mean() > 0.97
        assert np.abs(mass - column([rows[i] for i in part], "Molecular Weight"))[known].max() < 0.1
        parts = np.array([s.count(".") for s in smiles]) + 1
        rings = (arrays["bonds"] > 0).sum((1, 2)) // 2 - mask.sum(1) + parts
        theirs = column([rows[i] for i in part], "Number of Rings")
        caged = np.array([rows[i]["Compound ID"].strip() in CAGES for i in part])
        assert np.array_equal(rings + caged, np.where(whole, theirs, rings + caged))
        least = np.where(mask == 1, (arrays["bonds"] > 0).sum(2), 9).min(1)
        assert np.array_equal(least[whole], column([rows[i] for i in part], "Minimum Degree")[whole])
        for sample, text in enumerate(smiles):
            if text in KNOWN:
                assert described(arrays, sample) == KNOWN[text], text
                seen += 1
    assert seen == len(KNOWN)


# ---- lipophilicity ----


def test_lipophilicity(data_folder):
    folder, data = given(data_folder, "lipophilicity")
    rows = table(folder / "lipophilicity.csv.gz")
    parts, y = fifth(74, len(rows)), column(rows, "exp")
    assert [len(p) for p in parts] == [3360, 840] and len({r["CMPD_CHEMBLID"] for r in rows}) == len(rows)
    a, b, mean, deviation = standardize(*(y[p] for p in parts))
    for arrays, part, expected in zip((data.training, data.test), parts, (a, b)):
        check_counts(arrays, [rows[i]["smiles"] for i in part], 40)
        same(arrays, log_D=expected)
    check_baselines(data, rmse(y[parts[1]], mean), deviation * rmse(b, ridge(data.training["fingerprint"], a, data.test["fingerprint"], 0.1).ravel()))
    check_score(data, lambda guess: deviation * rmse(b, guess), b.shape)


# ---- scaffolds ----


def mix(a, b):
    return (a ^ b) * np.uint64(0x9E3779B97F4A7C15) ^ ((a + b) * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(31))


def scaffolds(arrays):
    """A hash of each molecule's rings and what links them, from its atoms and bonds; 0 without rings."""
    bonds, kept = arrays["bonds"], arrays["mask"] == 1
    while True:
        left = kept & (((bonds > 0) & kept[:, None]).sum(2) > 1)
        if np.array_equal(left, kept):
            break
        kept = left
    kept = kept | (((bonds == 2) & kept[:, None]).any(2) & (arrays["mask"] == 1))
    inside = [(bonds == kind) & kept[:, None] for kind in range(1, 5)]
    colours = arrays["atoms"][:, :, :10].argmax(2).astype(np.uint64) * np.uint64(64) + (arrays["atoms"][:, :, 21] + 16).astype(np.uint64)
    for _ in range(12):
        heard = sum((mix(colours, np.uint64(kind))[:, None] * among).sum(2) for kind, among in enumerate(inside, 1))
        colours = mix(colours * np.uint64(3), heard)
    return np.where(kept, mix(colours, np.uint64(7)), 0).sum(1)


def test_hiv(data_folder):
    folder, data = given(data_folder, "hiv")
    rows = table(folder / "hiv.csv.gz")
    active = np.array([int(r["HIV_active"]) for r in rows])
    truth, learned = data.test["active"], data.training["active"]
    # the split of MoleculeNet: 32901 and 4113 of 41127 compounds, of which 1232 and 130 are active
    assert len(rows) == 41127 and (len(truth), truth.sum()) == (4113, 130)
    assert (learned.sum(), len(learned)) == (1232, 1232 + 2800) and active.sum() == 1232 + 81 + 130
    known = scaffolds(data.training), scaffolds(data.test)
    simple = [np.all(a["atoms"][:, :, 9] == 0, 1) & (a["mask"].sum(1) < 40) for a in (data.training, data.test)]  # known whole, by their elements
    assert not set(known[0][simple[0]]) & set(known[1][simple[1]])
    guess = ridge(data.training["fingerprint"], np.eye(2)[learned], data.test["fingerprint"], 0.1)
    check_baselines(data, 0.5, auroc(truth, guess))
    check_score(data, lambda guess: auroc(truth, guess), (len(truth), 2))


# ---- tables of our own ----


def write(path, header, rows):
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_one_molecule_in_two_notations(tmp_path):
    pairs = [("OCC", "C(C)O"), ("c1ccccc1Cl", "Clc1ccccc1"), ("CC(=O)[O-]", "[O-]C(C)=O"), ("C1CC1N", "NC1CC1"), ("N#Cc1ccncc1", "c1cc(C#N)ccn1")]
    smiles = [s for pair in pairs for s in pair]
    names = ("measured log solubility in mols per litre", "ESOL predicted log solubility in mols per litre", "smiles")
    write(tmp_path / "drug_discovery" / "esol" / "esol.csv.gz", names, [(i, i, s) for i, s in enumerate(smiles)])
    data, made = mote.study_data("esol", tmp_path), {}
    for arrays, part in zip((data.training, data.test), fifth(2004, len(smiles))):
        check_counts(arrays, [smiles[i] for i in part], 32)
        made |= {i: (arrays["fingerprint"][k], sorted(described(arrays, k)[0].split())) for k, i in enumerate(part)}
    for i in range(0, len(smiles), 2):
        assert np.array_equal(made[i][0], made[i + 1][0]) and made[i][1] == made[i + 1][1]
    assert len({made[i][0].tobytes() for i in range(0, len(smiles), 2)}) == len(pairs)


@pytest.mark.parametrize("turned", [False, True])
def test_split_by_scaffolds(tmp_path, turned):
    """The largest groups learn up to 80 %, the next are left out up to 90 %, the last are tested."""
    biphenyl = ["c1ccccc1c2ccccc2", "Cc1ccc(cc1)-c2ccccc2", "OC(=O)c1ccccc1-c1ccccc1", "Clc1cccc(c1)c1ccc(Cl)cc1", "CCCCc1ccccc1c1ccccc1N"]
    benzene = ["c1ccccc1", "Cc1ccccc1", "CC(=O)Nc1ccc(O)cc1", "OC(=O)c1ccccc1", "Clc1cc(Cl)ccc1"]
    ketone = ["O=C1CCCCC1", "CC1CCCCC1=O", "O=C1CC(C)CCC1", "O=C1CCCCC1Br", "OC1CCCCC1=O", "O=C1CCC(N)CC1"]  # what is bonded twice counts
    open_chains = ["CCO", "CC(=O)C"]
    last = ["OC1CCCCC1", "c1ccc(cc1)Cc1ccccc1"]  # not the ketone's; and a link is no bond
    smiles = biphenyl + benzene + ketone + open_chains + last
    rows = [(s, "CI", int(s in benzene + last[1:])) for s in (smiles[::-1] if turned else smiles)]
    write(tmp_path / "drug_discovery" / "hiv" / "hiv.csv.gz", ("smiles", "activity", "HIV_active"), rows)
    data = mote.study_data("hiv", tmp_path)
    assert sorted(data.training["mask"].sum(1)) == sorted(counted(s)[0] for s in biphenyl + benzene + ketone)
    assert sorted(zip(data.test["mask"].sum(1), data.test["active"])) == [(7, 0), (13, 1)]


# ---- atoms in space ----


def test_qm7(data_folder):
    folder, data = given(data_folder, "qm7")
    with open_text(folder / "qm7.xyz.gz") as file:
        lines = file.read().splitlines()
    molecules, at = [], 0
    while at < len(lines) and lines[at].strip():
        count = int(lines[at])
        energy = float(re.search(r"atomization_energy_pbe0_kcal_mol=(\S+)", lines[at + 1])[1])
        atoms = [line.split() for line in lines[at + 2 : at + 2 + count]]
        molecules.append((energy, [a[0] for a in atoms], np.array([a[1:4] for a in atoms], float)))
        at += 2 + count
    assert len(molecules) == 7101 and max(len(m[1]) for m in molecules) == 23
    train, test = fifth(7, len(molecules))
    charges = {"H": 1, "C": 6, "N": 7, "O": 8, "S": 16}
    counts = np.array([[m[1].count(e) for e in charges] for m in molecules], float)
    energies = np.array([m[0] for m in molecules])
    rest = energies - counts @ np.linalg.lstsq(counts[train], energies[train], rcond=None)[0]
    ya, yb, mean, deviation = standardize(rest[train], rest[test])
    same(data.training, energy=ya)
    same(data.test, energy=yb)
    for sample in (0, 1, 500, len(test) - 1):
        _, names, places = molecules[test[sample]]
        n, apart = len(names), np.linalg.norm(places[:, None] - places, axis=2)
        z = np.array([charges[e] for e in names], float)
        near = np.where((apart < 6) & ~np.eye(n, dtype=bool), 0.5 + 0.5 * np.cos(np.pi * apart / 6), 0)
        for name, expected in (("distances", np.minimum(apart, 6)), ("weights", near)):
            padded = np.zeros((23, 23))
            padded[:n, :n] = expected
            assert np.abs(data.test[name][sample] - padded).max() < 1e-5
        assert data.test["mask"][sample].sum() == n
        assert (data.test["elements"][sample].sum(0) == counts[test[sample]]).all()
        coulomb = np.where(np.eye(n, dtype=bool), 0.5 * z**2.4, np.outer(z, z) * 0.529177 / np.maximum(apart, 0.1))
        lower = np.zeros((23, 23))
        lower[np.tril_indices(23)] = data.test["Coulomb matrix"][sample]
        full = lower + np.tril(lower, -1).T
        norms = np.linalg.norm(full, axis=1)[:n]
        assert (np.diff(norms) < 1e-3).all()
        assert np.sort(full[:n, :n].ravel()) == pytest.approx(np.sort(coulomb.ravel()), rel=1e-4, abs=1e-4)
    matrices = [split["Coulomb matrix"].astype(float) for split in (data.training, data.test)]
    check_baselines(data, mae(rest[test], mean), deviation * mae(yb, ridge(matrices[0], ya, matrices[1], 1e-4).ravel()))
    check_score(data, lambda guess: deviation * mae(yb, guess), yb.shape)
