"""The table of residues held to real structures: from a backbone and its torsion angles alone it must build their atoms."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

DUMP = Path(os.environ.get("MOTE_BUILD", Path(__file__).resolve().parents[2] / "build")) / "tests" / "fold_dump"
THREE = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK".split()
ATOMS = (
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3 NZ OXT"
).split()
LAYOUT = [
    ("atom14_mask", "f4", (21, 14)),
    ("atom37_mask", "f4", (21, 37)),
    ("atom14_to_atom37", "u1", (21, 14)),
    ("atom37_to_atom14", "u1", (21, 37)),
    ("atom14_group", "u1", (21, 14)),
    ("atom14_position", "f4", (21, 14, 3)),
    ("atom14_swap", "u1", (21, 14)),
    ("atom14_ambiguous", "f4", (21, 14)),
    ("chi_mask", "f4", (21, 4)),
    ("chi_symmetric", "f4", (21, 4)),
    ("chi_atoms", "u1", (21, 4, 4)),
    ("frames", "f4", (21, 8, 3, 4)),
]


@pytest.fixture(scope="module")
def tables():
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")
    raw = subprocess.run([DUMP, "residues"], capture_output=True, check=True).stdout
    found, at = {}, 0
    for name, kind, shape in LAYOUT:
        size = np.dtype(kind).itemsize * int(np.prod(shape))
        found[name] = np.frombuffer(raw[at : at + size], kind).reshape(shape).astype("f8" if kind == "f4" else int)
        at += size
    assert at == len(raw)
    return found


@pytest.fixture(scope="session")
def residues(data_folder):
    """Whole residues of real structures: (type, {atom: position}, the next residue's N or None)."""
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")
    found = []
    for path in sorted(data_folder.glob("structures/pdb_small_set/*.gz")):
        lines = [line.split() for line in subprocess.run([DUMP, "structure", path], capture_output=True, text=True, check=True).stdout.splitlines()]
        parsed = [(w[0], int(w[1]), THREE.index(w[3]), {w[i]: np.array(w[i + 1 : i + 4], float) for i in range(5, len(w), 4)}) for w in lines]
        for a, b in zip(parsed, parsed[1:] + parsed[:1]):
            follows = a[0] == b[0] and a[1] + 1 == b[1] and "N" in b[3]
            found.append((a[2], a[3], b[3]["N"] if follows else None))
    assert len(found) > 4000
    return found


def unit(v):
    return v / np.linalg.norm(v)


def dihedral(a, b, c, d):
    x = unit(c - b)
    u, v = (a - b) - np.dot(a - b, x) * x, (d - c) - np.dot(d - c, x) * x
    return np.arctan2(np.dot(np.cross(x, u), v), np.dot(u, v))


def compose(a, b):
    return np.concatenate([a[:, :3] @ b[:, :3], (a[:, :3] @ b[:, 3:]) + a[:, 3:]], axis=1)


def turn(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0]])


def build(tables, kind, atoms, following):
    """{atom: position} of all groups whose angles are known."""
    x = unit(atoms["C"] - atoms["CA"])
    y = atoms["N"] - atoms["CA"]
    y = unit(y - np.dot(y, x) * x)
    frames = {0: np.concatenate([np.stack([x, y, np.cross(x, y)], 1), atoms["CA"][:, None]], axis=1)}
    default = tables["frames"][kind]
    if following is not None:
        psi = dihedral(atoms["N"], atoms["CA"], atoms["C"], following)
        frames[3] = compose(frames[0], compose(default[3], turn(psi)))
    for k in range(4):
        if tables["chi_mask"][kind][k]:
            chi = dihedral(*(atoms[ATOMS[a]] for a in tables["chi_atoms"][kind][k]))
            frames[4 + k] = compose(frames[0 if k == 0 else 3 + k], compose(default[4 + k], turn(chi)))
    built = {}
    for i in range(14):
        group = tables["atom14_group"][kind][i]
        if tables["atom14_mask"][kind][i] and group in frames:
            f = frames[group]
            built[ATOMS[tables["atom14_to_atom37"][kind][i]]] = f[:, :3] @ tables["atom14_position"][kind][i] + f[:, 3]
    return built


def test_builds_real_residues(tables, residues):
    errors, seen = {}, set()
    for kind, atoms, following in residues:
        names = {ATOMS[a] for a in np.flatnonzero(tables["atom37_mask"][kind])}
        if kind == 20 or not names <= set(atoms):
            continue
        built = build(tables, kind, atoms, following)
        assert set(built) == names - (set() if following is not None else {"O"})
        for name, place in built.items():
            errors.setdefault((THREE[kind], name), []).append(np.linalg.norm(place - atoms[name]))
        seen.add(kind)
    assert seen == set(range(20)) and len(errors) == 167
    for atom, values in errors.items():
        # real bonds and angles differ by some hundredths, which the ends of side chains add up; a wrong sign or frame
        # is off by more than half an angstrom
        assert np.median(values) < 0.45, atom
    assert np.median(np.concatenate(list(errors.values()))) < 0.05


def test_names_are_those_of_real_residues(tables, residues):
    for kind in range(20):
        found = set().union(*(set(atoms) for k, atoms, _ in residues if k == kind)) - {"OXT"}
        assert found == {ATOMS[a] for a in np.flatnonzero(tables["atom37_mask"][kind])}, THREE[kind]


def test_ambiguous_atoms_are_symmetric(tables, residues):
    """Exchanging their names is turning the last angle by half a turn, where that angle is symmetric."""
    for kind in range(20):
        swapped = np.flatnonzero(tables["atom14_ambiguous"][kind])
        assert bool(len(swapped)) == bool(tables["chi_symmetric"][kind].any())
        last = int(tables["chi_mask"][kind].sum()) - 1
        for i in swapped:
            assert tables["chi_symmetric"][kind][last] and tables["atom14_group"][kind][i] == 4 + last
            here, there = tables["atom14_position"][kind][i], tables["atom14_position"][kind][tables["atom14_swap"][kind][i]]
            assert np.abs(turn(np.pi)[:, :3] @ here - there).max() < 0.025
