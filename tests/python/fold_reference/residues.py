"""Amino acids as AlphaFold 2 builds them: tables from residues.json, which has each heavy atom with its rigid group and its place in that group's frame (supplement 1.8.4 and table 2).

Groups: 0 backbone, 1 before omega, 2 phi (both without heavy atoms), 3 psi, 4 to 7 chi 1 to 4. Types 0 to 19 in the order of
the three-letter names, 20 unknown, which has no atoms. A residue's atoms stand in residues.json in the order of its 14 places.
"""

import json
from pathlib import Path

import numpy as np

_DATA = json.loads(Path(__file__).with_name("residues.json").read_text())
RESIDUES, ATOMS = _DATA["residues"], _DATA["atoms"]
LETTERS = "".join(r["letter"] for r in RESIDUES)
ATOM_ORDER = {name: i for i, name in enumerate(ATOMS)}


def _frame(x, xy, origin):
    """[4, 4]: a frame with its x axis along x, xy in its xy plane."""
    ex = x / np.linalg.norm(x)
    ey = xy - xy @ ex * ex
    ey = ey / np.linalg.norm(ey)
    found = np.eye(4)
    found[:3] = np.stack([ex, ey, np.cross(ex, ey), origin], -1)
    return found


def _default_frames(places, chi):
    """[8, 4, 4]: from each group to the one it hangs on, with all angles 0: the backbone, and for chi 2 to 4 the chi before."""
    found = np.tile(np.eye(4), (8, 1, 1))
    n, ca, c = places["N"], places["CA"], places["C"]
    found[2] = _frame(n - ca, np.array([1.0, 0, 0]), n)
    found[3] = _frame(c - ca, ca - n, c)
    for i, (first, second, third, _) in enumerate(chi):
        if i == 0:
            found[4] = _frame(places[third] - places[second], places[first] - places[second], places[third])
        else:
            found[4 + i] = _frame(places[third], np.array([-1.0, 0, 0]), places[third])
    return found


def _tables():
    t = dict(
        atom14_group=np.zeros((21, 14), int),  # the rigid group of each of the 14 places
        atom14_place=np.zeros((21, 14, 3)),  # where in the group's frame, angstrom
        atom14_mask=np.zeros((21, 14)),
        atom14_to_37=np.zeros((21, 14), int),  # 0 for a place without an atom
        atom37_to_14=np.zeros((21, 37), int),
        atom37_mask=np.zeros((21, 37)),
        default_frames=np.tile(np.eye(4), (21, 8, 1, 1)),
        chi_atoms=np.zeros((21, 4, 4), int),  # among the 37
        chi_mask=np.zeros((21, 4)),
        chi_symmetric=np.zeros((21, 4)),  # half a turn gives the same structure with other names
        group_atoms=np.zeros((21, 8, 3), int),  # among the 37: the three atoms that give a group's frame
        group_mask=np.zeros((21, 8)),
        renamed14=np.tile(np.arange(14), (21, 1)),  # the place of the symmetric partner, else its own (table 3)
    )
    for i, residue in enumerate(RESIDUES):
        names = [a[0] for a in residue["atoms"]]
        for j, (atom, group, *place) in enumerate(residue["atoms"]):
            k = ATOM_ORDER[atom]
            t["atom14_group"][i, j], t["atom14_place"][i, j], t["atom14_mask"][i, j] = group, place, 1
            t["atom14_to_37"][i, j], t["atom37_to_14"][i, k], t["atom37_mask"][i, k] = k, j, 1
        places = {a[0]: np.array(a[2:]) for a in residue["atoms"]}
        t["default_frames"][i] = _default_frames(places, residue["chi"])
        t["group_atoms"][i, 0] = [ATOM_ORDER[a] for a in ("C", "CA", "N")]
        t["group_atoms"][i, 3] = [ATOM_ORDER[a] for a in ("CA", "C", "O")]
        t["group_mask"][i, [0, 3]] = 1
        for j, chi in enumerate(residue["chi"]):
            t["chi_atoms"][i, j] = [ATOM_ORDER[a] for a in chi]
            t["group_atoms"][i, 4 + j] = [ATOM_ORDER[a] for a in chi[1:]]
            t["chi_mask"][i, j] = t["group_mask"][i, 4 + j] = 1
            t["chi_symmetric"][i, j] = residue["chi_symmetric"][j]
        for one, other in residue["swaps"]:
            j, k = names.index(one), names.index(other)
            t["renamed14"][i, j], t["renamed14"][i, k] = k, j
    t["group_atoms"][20, 0], t["group_atoms"][20, 3] = t["group_atoms"][0, 0], t["group_atoms"][0, 3]
    t["group_mask"][20, [0, 3]] = 1  # as in the published code; no atom of it is ever there
    return t


TABLES = _tables()
