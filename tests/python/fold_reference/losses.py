"""AlphaFold 2's losses in FP64 (Alg. 26 to 28, section 1.9). truth is what features.ground_truth gives, out what model.fold gives.

Not here: the violations of 1.9.11 (fine-tuning only), and the factor sqrt(residues) on the whole loss.
"""

import numpy as np

from .modules import number, relu
from .residues import TABLES
from .structure import apply_inverse

WEIGHTS = {
    "backbone": 0.5,
    "side_chains": 0.5,
    "chi": 0.5,
    "angle_norm": 0.01,
    "distances": 0.3,
    "msa": 2.0,
    "lddt": 0.01,
    "resolved": 0.01,
    "aligned_error": 0.1,
}
"""1.9, eq. 7, as the published code shares it out: L_aux is the backbone's mean over layers and the torsions."""


def cross_entropy(b, scores, classes):
    """-log of the softmax at each class; classes are numbers, with the shape of scores but for its last dimension."""
    scores = scores - b.stop(b.np.amax(scores, -1))[..., None]
    chosen = number(b, b.array(classes)[..., None] == b.array(np.arange(scores.shape[-1])))
    return b.np.log(b.np.exp(scores).sum(-1)) - (scores * chosen).sum(-1)


def masked_mean(b, x, mask, epsilon):
    mask = b.array(mask)
    return (x * mask).sum() / (mask.sum() + epsilon)


def fape(b, c, frames, true_frames, frame_mask, points, true_points, point_mask, clamp=None, unit=10.0, pairs=None):
    """Alg. 28. Frames [f], points [p, 3], pairs [f, p]: a mask more. The root is kept from 0 by 1e-4 under it; in the multimer distances are at least 1e-4."""
    local, true_local = (
        apply_inverse(b, (f[0][:, None], f[1][:, None]), x[None])
        for f, x in ((frames, points), (true_frames, true_points))
    )
    squared = ((local - true_local) ** 2).sum(-1)
    distance = b.np.sqrt(b.np.where(squared > 1e-8, squared, 1e-8) if c["multimer"] else squared + 1e-4)
    if clamp is not None:
        distance = b.np.where(distance < clamp, distance, clamp)
    mask = b.array(frame_mask)[:, None] * b.array(point_mask)[None, :] * (1 if pairs is None else b.array(pairs))
    return masked_mean(b, distance, mask, 1e-4) / unit


def backbone_fape(b, c, out, batch, clamped=1.0):
    """Alg. 20 line 17: the mean over layers. clamped: the share of the clamped loss (1.11.5). Multimer: clamped within chains, not between them (Evans 7.4)."""
    truth = b.array(batch["group_rotations"][:, 0]), b.array(batch["group_origins"][:, 0])
    mask, total = batch["group_mask"][:, 0], 0
    same = batch["asym_id"][:, None] == batch["asym_id"][None, :]
    for frames in out["frames"]:

        def one(**settings):
            return fape(b, c, frames, truth, mask, frames[1], truth[1], mask, **settings)

        if c["multimer"]:
            total = total + one(clamp=10.0, pairs=same) + one(clamp=1000.0, unit=20.0, pairs=~same)
        else:
            total = total + clamped * one(clamp=10.0)
            total = total + ((1 - clamped) * one() if clamped < 1 else 0)
    return total / len(out["frames"])


def rename(b, atoms, batch):
    """Alg. 26: for each residue 1 where the other names of its symmetric atoms fit better to distances from all other atoms."""

    def distances(x):
        return b.np.sqrt(1e-10 + ((x[:, :, None, None] - x[None, None]) ** 2).sum(-1))

    predicted, ambiguous = distances(b.stop(atoms)), batch["ambiguous14"]
    mask = (batch["mask14"] * ambiguous)[:, :, None, None] * (batch["mask14"] * (1 - ambiguous))[None, None]
    as_named, other = (
        (b.array(mask) * b.np.sqrt(1e-10 + (predicted - distances(b.array(batch[key]))) ** 2)).sum((1, 2, 3))
        for key in ("atoms14", "other_atoms14")
    )
    return number(b, other < as_named)


def side_chain_fape(b, c, out, batch, renamed):
    """Alg. 20 line 28: all frames and all atoms of the last layer; renamed: what Alg. 26 gave."""

    def choose(name, other):
        chosen = renamed.reshape((-1,) + (1,) * (batch[name].ndim - 1))
        return (1 - chosen) * b.array(batch[name]) + chosen * b.array(batch[other])

    truth = choose("group_rotations", "other_group_rotations"), b.array(batch["group_origins"])
    frames, predicted = (tuple(x.reshape((-1,) + tuple(x.shape[2:])) for x in pair) for pair in (truth, out["groups"]))
    points, mask = choose("atoms14", "other_atoms14").reshape(-1, 3), choose("mask14", "other_mask14").reshape(-1)
    return fape(b, c, predicted, frames, batch["group_mask"].reshape(-1), out["atoms"].reshape(-1, 3), points, mask, clamp=10.0)


def torsion_losses(b, out, batch):
    """Alg. 27: the chi angles, symmetric ones with either of two values, and the length of the raw vectors of all seven, meaned over layers. As in the published code omega, phi and psi are left to FAPE."""
    layers, truth = len(out["frames"]), b.array(batch["chi"])
    turn = b.array(1 - 2 * TABLES["chi_symmetric"][batch["aatype"]])[..., None]
    angles = out["angles"][:, :, 3:]
    one, other = (((angles - x[None]) ** 2).sum(-1) for x in (truth, truth * turn))
    error = b.np.where(one < other, one, other)
    chi = (error * b.array(batch["chi_mask"])).sum() / (layers * batch["chi_mask"].sum() + 1e-10)
    norm = abs(b.np.sqrt((out["raw_angles"] ** 2).sum(-1) + 1e-6) - 1)
    mask = b.array(batch["seq_mask"])[None, :, None]
    return chi, (norm * mask).sum() / (7 * layers * batch["seq_mask"].sum() + 1e-10)


def binned(b, squared, breaks):
    """How many breaks a distance is beyond."""
    return (squared[..., None] > b.array(breaks**2)).sum(-1)


def distance_loss(b, c, out, batch):
    """1.9.8, eq. 41: between CB atoms, CA for glycine."""
    x, mask = b.array(batch["pseudo_beta"]), batch["pseudo_beta_mask"]
    classes = binned(b, ((x[:, None] - x[None]) ** 2).sum(-1), np.linspace(2.3125, 21.6875, c["distance_bins"] - 1))
    return masked_mean(b, cross_entropy(b, out["scores"]["distances"], classes), mask[:, None] * mask[None, :], 1e-6)


def msa_loss(b, c, out, batch):
    """1.9.9: the letters that were masked."""
    return masked_mean(b, cross_entropy(b, out["scores"]["msa"], batch["true_msa"]), batch["bert_mask"], 1e-8)


def true_lddt(b, points, true_points, mask):
    """1.9.6: lDDT of CA, [residues] of 0 to 1, over pairs within 15 angstrom."""

    def distances(x):
        return b.np.sqrt(1e-10 + ((x[:, None] - x[None]) ** 2).sum(-1))

    true, found = distances(b.array(true_points)), distances(b.stop(points))
    counted = number(b, true < 15) * b.array(mask[:, None] * mask[None, :] * (1 - np.eye(len(mask))))
    score = sum(number(b, abs(true - found) < limit) * 0.25 for limit in (0.5, 1, 2, 4))
    return (1e-10 + (counted * score).sum(-1)) / (1e-10 + counted.sum(-1))


def good(batch):
    """1.9.6, 1.9.7, 1.9.10: only these resolutions count."""
    return float(0.1 <= batch["resolution"] <= 3.0)


def lddt_loss(b, c, out, batch):
    mask, last = batch["all_atom_mask"][:, 1], c["lddt_bins"] - 1
    classes = b.np.floor(true_lddt(b, out["atoms"][:, 1], batch["all_atom_positions"][:, 1], mask) * c["lddt_bins"])
    classes = b.np.where(classes < last, classes, last)
    return masked_mean(b, cross_entropy(b, out["scores"]["lddt"], classes), mask, 1e-8) * good(batch)


def resolved_loss(b, c, out, batch):
    """1.9.10, eq. 43: which of the atoms a residue has were seen."""
    scores, seen = out["scores"]["resolved"], b.array(batch["all_atom_mask"])
    error = relu(scores) - scores * seen + b.np.log(1 + b.np.exp(-abs(scores)))
    mask = TABLES["atom37_mask"][batch["aatype"]] * batch["seq_mask"][:, None]
    return masked_mean(b, error, mask, 1e-8) * good(batch)


def aligned_error_loss(b, c, out, batch):
    """1.9.7: the error of each CA in each residue's frame."""
    mask = batch["group_mask"][:, 0]
    frames = tuple(b.stop(x)[:, None] for x in out["frames"][-1])
    truth = b.array(batch["group_rotations"][:, None, 0]), b.array(batch["group_origins"][:, None, 0])
    local, true_local = (apply_inverse(b, f, f[1].swapaxes(0, 1)) for f in (frames, truth))
    # Its own CA is 0 away from each frame, which is exactly a break: no rounding may put it beyond.
    squared = ((local - true_local) ** 2).sum(-1) * b.array(1 - np.eye(len(mask)))
    classes = binned(b, squared, np.linspace(0, 31, c["error_bins"] - 1))
    error = cross_entropy(b, out["scores"]["aligned_error"], classes)
    return masked_mean(b, error, mask[:, None] * mask[None, :], 1e-8) * good(batch)


def losses(b, c, out, batch, clamped=1.0):
    """All terms by the names of WEIGHTS."""
    renamed = rename(b, out["atoms"], batch)
    chi, norm = torsion_losses(b, out, batch)
    found = {
        "backbone": backbone_fape(b, c, out, batch, clamped),
        "side_chains": side_chain_fape(b, c, out, batch, renamed),
        "chi": chi,
        "angle_norm": norm,
        "distances": distance_loss(b, c, out, batch),
        "msa": msa_loss(b, c, out, batch),
        "lddt": lddt_loss(b, c, out, batch),
        "resolved": resolved_loss(b, c, out, batch),
    }
    if c["aligned_error"]:
        found["aligned_error"] = aligned_error_loss(b, c, out, batch)
    return found
