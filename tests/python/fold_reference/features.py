"""What AlphaFold 2 reads and what its losses compare with, made from residue types, alignments and atoms (supplement 1.2 and 1.8; numpy only).

Atoms are [residues, 37, 3] in angstrom with a mask [residues, 37]; a missing atom lies at the origin, as in the published
code. MSA letters are residue types 0 to 19, 20 unknown, 21 gap, 22 masked.
"""

import numpy as np

from reference_models import backend

from . import structure
from .modules import distance_bins, one_hot, pseudo_beta
from .residues import TABLES

NUMPY = backend("numpy")


def deletion_features(deletions):
    """Table 1: whether there are deletions to the left, and how many, brought to [0, 1)."""
    return np.stack([np.clip(deletions, 0, 1), 2 / np.pi * np.arctan(deletions / 3)], -1)


def msa_features(msa, deletions, profile, deletion_means):
    """msa_feat [sequences, residues, 49]. profile [..., 23] and deletion_means are those of the clusters."""
    means = 2 / np.pi * np.arctan(deletion_means / 3)[..., None]
    return np.concatenate([one_hot(msa, 23), deletion_features(deletions), profile, means], -1)


def extra_msa_features(msa, deletions):
    """[sequences, residues, 25]."""
    return np.concatenate([one_hot(msa, 23), deletion_features(deletions)], -1)


def target_features(c, aatype):
    """The sequence; for the monomer after a column for breaks between segments, always 0 here."""
    found = one_hot(aatype, 21)
    return found if c["multimer"] else np.concatenate([np.zeros((len(aatype), 1)), found], -1)


def frames_from_points(x, origin, xy, epsilon):
    """Alg. 21 with x3 - x2 = x: the x axis along x, xy in the xy plane, both relative to origin. epsilon: added to squared lengths."""
    ex = x / np.sqrt((x * x).sum(-1, keepdims=True) + epsilon)
    ey = xy - (xy * ex).sum(-1, keepdims=True) * ex
    ey = ey / np.sqrt((ey * ey).sum(-1, keepdims=True) + epsilon)
    return np.stack([ex, ey, np.cross(ex, ey)], -1), origin


def backbone_frames(atoms, mask):
    """Frames at CA with C on the x axis and N in the xy plane, and where all three are there."""
    n, ca, c = atoms[:, 0], atoms[:, 1], atoms[:, 2]
    return frames_from_points(c - ca, ca, n - ca, 1e-20), mask[:, 0] * mask[:, 1] * mask[:, 2]


def torsions(aatype, atoms, mask):
    """1.9.1 and table 2: (sin, cos) [residues, 7, 2] of omega before the residue, phi, psi and chi 1 to 4, the same with the symmetric chi turned by half, and their mask."""
    aatype = np.minimum(aatype, 20)
    before, before_mask = (np.concatenate([x[:1] * 0, x[:-1]]) for x in (atoms, mask))
    chi, rows = TABLES["chi_atoms"][aatype], np.arange(len(aatype))[:, None, None]
    four = np.concatenate(
        [
            np.concatenate([before[:, 1:3], atoms[:, 0:2]], 1)[:, None],
            np.concatenate([before[:, 2:3], atoms[:, 0:3]], 1)[:, None],
            atoms[:, [0, 1, 2, 4]][:, None],
            atoms[rows, chi],
        ],
        1,
    )
    there = np.stack(
        [
            before_mask[:, 1:3].prod(-1) * mask[:, 0:2].prod(-1),
            before_mask[:, 2] * mask[:, 0:3].prod(-1),
            mask[:, [0, 1, 2, 4]].prod(-1),
        ],
        -1,
    )
    there = np.concatenate([there, TABLES["chi_mask"][aatype] * mask[rows, chi].prod(-1)], -1)
    frame = frames_from_points(four[:, :, 2] - four[:, :, 1], four[:, :, 2], four[:, :, 0] - four[:, :, 2], 1e-8)
    local = structure.apply_inverse(NUMPY, frame, four[:, :, 3])
    found = local[..., [2, 1]]
    found = found / np.sqrt((found * found).sum(-1, keepdims=True) + 1e-8)
    found[:, 2] *= -1  # psi was measured at the oxygen
    turned = found.copy()
    turned[:, 3:] *= 1 - 2 * TABLES["chi_symmetric"][aatype][..., None]
    return found, turned, there


def template_parts(aatype, atoms, mask, unit_vectors, chains=None):
    """What one template says of pairs, by the names of the multimer's layers. chains [residues]: pairs of different chains are masked."""
    beta = pseudo_beta(NUMPY, aatype, atoms)
    beta_mask = np.where(aatype == 7, mask[:, 1], mask[:, 3])
    same = 1.0 if chains is None else (chains[:, None] == chains[None, :]) * 1.0
    beta_mask = beta_mask[:, None] * beta_mask[None, :] * same
    frames, backbone = backbone_frames(atoms, mask)
    backbone = backbone[:, None] * backbone[None, :] * same
    towards = structure.apply_inverse(NUMPY, (frames[0][:, None], frames[1][:, None]), frames[1][None])
    squared = (towards * towards).sum(-1, keepdims=True)
    towards = towards / np.sqrt(squared + 1e-6 if chains is None else np.maximum(squared, 1e-12))
    towards = towards * backbone[..., None] * unit_vectors
    types, n = one_hot(aatype, 22), len(aatype)
    return {
        "dgram_linear": distance_bins(NUMPY, beta, 3.25, 50.75, 39),
        "pseudo_beta_mask_linear": beta_mask[..., None],
        "aatype_linear_1": np.broadcast_to(types[None], (n, n, 22)),
        "aatype_linear_2": np.broadcast_to(types[:, None], (n, n, 22)),
        "x_linear": towards[..., 0:1],
        "y_linear": towards[..., 1:2],
        "z_linear": towards[..., 2:3],
        "backbone_mask_linear": backbone[..., None],
    }


def template_features(c, aatype, atoms, mask, template_mask, chains=None):
    """All inputs from templates. aatype [templates, residues], atoms and mask with the same first dimension, template_mask [templates].

    Monomer: directions are left out (the published models were trained without) and all is masked where a backbone is not
    whole. Multimer: directions are in; only the distances are masked, by CB."""
    found = {"template_mask": np.asarray(template_mask, np.float64)}
    angles, present, pairs = [], [], []
    for one in zip(aatype, atoms, mask):
        turns, turned, there = torsions(*one)
        parts = template_parts(*one, float(c["multimer"]), chains if c["multimer"] else None)
        if c["multimer"]:
            parts["dgram_linear"] = parts["dgram_linear"] * parts["pseudo_beta_mask_linear"]
            chi = turns[:, 3:] * there[:, 3:, None]
            rows = [one_hot(one[0], 22), chi[..., 0], chi[..., 1], there[:, 3:]]
        else:
            parts = np.concatenate(list(parts.values()), -1) * parts["backbone_mask_linear"]
            rows = [one_hot(one[0], 22), turns.reshape(-1, 14), turned.reshape(-1, 14), there]
        pairs.append(parts)
        angles.append(np.concatenate(rows, -1))
        present.append(there[:, 3 if c["multimer"] else 2])
    found["template_pair_parts" if c["multimer"] else "template_pair_feat"] = pairs
    return {**found, "template_angle_feat": np.stack(angles), "template_angle_mask": np.stack(present)}


def ground_truth(aatype, atoms, mask):
    """What structure losses compare with: the 14 atoms, the frames of the groups, the chi angles, and all with the symmetric atoms' other names."""
    rows, to37 = np.arange(len(aatype))[:, None], TABLES["atom14_to_37"][aatype]
    exists14 = TABLES["atom14_mask"][aatype]
    atoms14, mask14 = atoms[rows, to37] * exists14[..., None], mask[rows, to37] * exists14
    partner = TABLES["renamed14"][aatype]
    base = TABLES["group_atoms"][aatype]
    three, three_mask = atoms[rows[..., None], base], mask[rows[..., None], base]
    rotation, origin = frames_from_points(three[:, :, 1] - three[:, :, 0], three[:, :, 1], three[:, :, 2] - three[:, :, 1], 1e-8)
    rotation[:, 0] = rotation[:, 0] * np.array([-1, 1, -1])  # the backbone's x axis goes to C, not away
    turned = rotation.copy()
    ambiguous = TABLES["chi_symmetric"][aatype][..., None, None] > 0
    turned[:, 4:] = np.where(ambiguous, turned[:, 4:] * np.array([1, -1, -1]), turned[:, 4:])
    sines, _, there = torsions(aatype, atoms, mask)
    beta = pseudo_beta(NUMPY, aatype, atoms)
    return {
        "all_atom_positions": atoms, "all_atom_mask": mask,
        "atoms14": atoms14, "mask14": mask14,
        "other_atoms14": atoms14[rows, partner], "other_mask14": mask14[rows, partner],
        "ambiguous14": (partner != np.arange(14)) * 1.0,
        "group_rotations": rotation, "other_group_rotations": turned, "group_origins": origin,
        "group_mask": three_mask.min(-1) * TABLES["group_mask"][aatype],
        "chi": sines[:, 3:], "chi_mask": there[:, 3:],
        "pseudo_beta": beta, "pseudo_beta_mask": np.where(aatype == 7, mask[:, 1], mask[:, 3]),
    }  # fmt: skip


# ---- Something to test with ----


def random_rotations(random, count):
    found = np.linalg.qr(random.standard_normal((count, 3, 3)))[0]
    return found * np.sign(np.linalg.det(found))[:, None, None]


def random_protein(random, aatype, missing=0.1):
    """Atoms [residues, 37, 3] and mask: residues of right shape at random turns, CA 3.8 angstrom from the one before."""
    count = len(aatype)
    steps = random.standard_normal((count, 3))
    origins = np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=-1, keepdims=True), 0)
    angles = random.uniform(-np.pi, np.pi, (count, 7))
    turns = np.stack([np.sin(angles), np.cos(angles)], -1)
    frames = structure.all_frames(NUMPY, aatype, (random_rotations(random, count), origins), turns)
    atoms = structure.to_atom37(NUMPY, aatype, structure.atom_positions(NUMPY, aatype, frames))
    mask = TABLES["atom37_mask"][aatype] * (random.random((count, 37)) > missing)
    return atoms * mask[..., None], mask


def random_batch(c, seed, residues=7, sequences=4, extra=5, templates=2, padding=0):
    """A whole input with ground truth. The last `padding` residues, sequences and extra sequences are masked; other values do not depend on how many there are."""
    random = np.random.default_rng(seed)
    aatype = random.integers(0, 20, residues)
    msa, deletions = random.integers(0, 23, (sequences, residues)), random.poisson(0.5, (sequences, residues))
    profile, means = random.dirichlet(np.ones(23), (sequences, residues)), random.random((sequences, residues))
    true_msa, bert_mask = random.integers(0, 22, (sequences, residues)), random.random((sequences, residues)) < 0.5
    more, more_deletions = random.integers(0, 22, (extra, residues)), random.poisson(0.5, (extra, residues))
    chain = (np.arange(residues) >= residues // 2) * 1
    batch = {
        "aatype": aatype,
        "residue_index": np.arange(residues) + 40 * chain - c["multimer"] * chain * 38,
        "asym_id": chain, "entity_id": chain * 0, "sym_id": chain,
        "seq_mask": np.ones(residues),
        "target_feat": target_features(c, aatype),
        "msa_feat": msa_features(msa, deletions, profile, means),
        "msa_mask": (random.random((sequences, residues)) > 0.1) * 1.0,
        "extra_msa_feat": extra_msa_features(more, more_deletions),
        "extra_msa_mask": (random.random((extra, residues)) > 0.1) * 1.0,
        "true_msa": true_msa, "bert_mask": bert_mask * 1.0,
        "resolution": 2.0,
    }  # fmt: skip
    batch["msa_mask"][0] = 1
    atoms, mask = random_protein(random, aatype)
    types = random.integers(0, 20, (templates, residues))
    proteins = [random_protein(random, t) for t in types]
    if padding:
        batch = {k: _pad(k, v, padding) for k, v in batch.items()}
        aatype, types = batch["aatype"], np.pad(types, ((0, 0), (0, padding)))
        atoms, mask = (_pad("", x, padding) for x in (atoms, mask))
        proteins = [tuple(_pad("", x, padding) for x in protein) for protein in proteins]
    batch.update(ground_truth(aatype, atoms, mask))
    if c["templates"]:
        there = np.ones(templates)
        there[-1] = c["multimer"] or templates == 1
        arrays = [np.stack(x) for x in zip(*proteins)]
        batch.update(template_features(c, types, *arrays, there, batch["asym_id"]))
    return batch


def _pad(key, x, padding):
    """Padding with ones, so that what a mask does not hide is seen; masks with zeros."""
    if not np.ndim(x):
        return x
    both = key in ("msa_feat", "extra_msa_feat", "msa_mask", "extra_msa_mask", "true_msa", "bert_mask")
    width = [(0, padding if axis < 1 + both else 0) for axis in range(x.ndim)]
    return np.pad(x, width, constant_values=0 if key.endswith("mask") or not key else 1)
