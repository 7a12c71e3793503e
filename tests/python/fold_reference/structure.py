"""AlphaFold 2's structure module and heads in FP64 (Alg. 20 to 25, 29 and sections 1.9.6 to 1.9.10). Frames are pairs (rotation [..., 3, 3], translation [..., 3]); arguments as in modules.py."""

import math

import numpy as np

from .modules import layer_norm, linear, relu, softmax
from .residues import TABLES


def apply(b, frame, x):
    """T x. The frame's leading dimensions broadcast against those of x [..., 3]."""
    return b.np.einsum("...ij,...j->...i", frame[0], x) + frame[1]


def apply_inverse(b, frame, x):
    return b.np.einsum("...ji,...j->...i", frame[0], x - frame[1])


def compose(b, one, other):
    """T1 T2."""
    return b.np.einsum("...ij,...jk->...ik", one[0], other[0]), apply(b, one, other[1])


def stack(b, rows):
    """A matrix [..., 3, 3] from three rows of three."""
    return b.np.stack([b.np.stack(row, -1) for row in rows], -2)


def backbone_update(b, p, name, s):
    """Alg. 23: the quaternion (1, x, y, z), made a unit one, and a translation."""
    x, y, z, *translation = (linear(s, p, f"{name}.linear")[..., i] for i in range(6))
    norm = b.np.sqrt(1 + x * x + y * y + z * z)
    w, x, y, z = 1 / norm, x / norm, y / norm, z / norm
    rotation = stack(
        b,
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ],
    )
    return rotation, b.np.stack(translation, -1)


def points(b, c, p, name, s, frames):
    """Points [residues, heads, points, 3] in the global frame. The layer gives all x, all y, all z; in the multimer so for each head."""
    heads, found = c["ipa_heads"], linear(s, p, f"{name}.linear")
    if c["multimer"]:
        found = b.np.einsum("rhdq->rhqd", found.reshape(s.shape[0], heads, 3, -1))
    else:
        found = b.np.einsum("rdhq->rhqd", found.reshape(s.shape[0], 3, heads, -1))
    return apply(b, (frames[0][:, None, None], frames[1][:, None, None]), found)


def point_attention(b, c, p, name, s, z, frames, mask):
    """Invariant point attention, Alg. 22. A pair with a masked residue has its score lowered by 1e5 (in the multimer 1e5 / sqrt 3)."""
    heads, width, residues = c["ipa_heads"], c["ipa_width"], s.shape[0]
    q = linear(s, p, f"{name}.linear_q").reshape(residues, heads, width)
    q_points = points(b, c, p, f"{name}.linear_q_points", s, frames)
    if c["multimer"]:
        k, v = (linear(s, p, f"{name}.linear_{x}").reshape(residues, heads, width) for x in "kv")
        k_points, v_points = (points(b, c, p, f"{name}.linear_{x}_points", s, frames) for x in "kv")
    else:
        both = linear(s, p, f"{name}.linear_kv").reshape(residues, heads, 2 * width)
        k, v = both[..., :width], both[..., width:]
        both = points(b, c, p, f"{name}.linear_kv_points", s, frames)
        k_points, v_points = both[:, :, : c["query_points"]], both[:, :, c["query_points"] :]
    distances = ((q_points[:, None] - k_points[None]) ** 2).sum(-1).sum(-1)
    weights = b.np.log(1 + b.np.exp(p[f"{name}.head_weights"])) * math.sqrt(2 / (9 * c["query_points"]))
    scores = b.np.einsum("ihd,jhd->ijh", q, k) / math.sqrt(width) + linear(z, p, f"{name}.linear_b")
    scores = scores - 0.5 * weights * distances
    penalty = 1e5 * (1 - mask[:, None] * mask[None, :]) * (1 if c["multimer"] else math.sqrt(3))
    scores = (scores - b.array(penalty)[..., None]) * math.sqrt(1 / 3)
    a = softmax(b, b.np.einsum("ijh->hij", scores))
    local = b.np.einsum("hij,jhqd->ihqd", a, v_points)
    local = apply_inverse(b, (frames[0][:, None, None], frames[1][:, None, None]), local)
    found = [b.np.einsum("hij,jhd->ihd", a, v)]
    found += [local[..., i] for i in range(3)] + [length(b, local, c)]
    found += [b.np.einsum("hij,ijc->ihc", a, z)]
    return linear(b.concatenate([x.reshape(residues, -1) for x in found], -1), p, f"{name}.linear_out")


def length(b, x, c):
    """Of vectors, with the published code's guards against a root at 0: 1e-8 more, in the multimer at least 1e-8."""
    squared = (x * x).sum(-1)
    return b.np.sqrt(b.np.where(squared > 1e-16, squared, 1e-16) if c["multimer"] else squared + 1e-8)


def torsion_angles(b, c, p, name, s, initial):
    """Alg. 20 lines 11 to 14: (sin, cos) [residues, 7, 2], unit and as they came. Unlike the paper, a ReLU goes before the first layers too."""
    a = linear(relu(s), p, f"{name}.linear_in") + linear(relu(initial), p, f"{name}.linear_initial")
    for i in range(c["angle_blocks"]):
        a = a + linear(relu(linear(relu(a), p, f"{name}.layers.{i}.linear_1")), p, f"{name}.layers.{i}.linear_2")
    raw = linear(relu(a), p, f"{name}.linear_out").reshape(-1, 7, 2)
    squared = (raw * raw).sum(-1)[..., None]
    return raw / b.np.sqrt(b.np.where(squared > 1e-12, squared, 1e-12)), raw


def all_frames(b, aatype, backbone, angles):
    """Alg. 24 lines 2 to 10: the frames of the eight groups [residues, 8]. backbone in angstrom, angles (sin, cos) [residues, 7, 2]."""
    default = b.array(TABLES["default_frames"][aatype])
    sine, cosine = (b.concatenate([angles[:, :1, i] * 0 + i, angles[..., i]], -1) for i in range(2))
    zero, one = sine * 0, sine * 0 + 1
    turn = stack(b, [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]])  # Alg. 25
    rotation, translation = b.np.einsum("rgij,rgjk->rgik", default[..., :3, :3], turn), default[..., :3, 3]
    groups = [(rotation[:, i], translation[:, i]) for i in range(8)]
    for i in range(5, 8):
        groups[i] = compose(b, groups[i - 1], groups[i])
    groups = [compose(b, backbone, group) for group in groups]
    return b.np.stack([g[0] for g in groups], 1), b.np.stack([g[1] for g in groups], 1)


def atom_positions(b, aatype, frames):
    """Alg. 24 line 11: [residues, 14, 3], 0 where there is no atom."""
    rows, groups = np.arange(len(aatype))[:, None], TABLES["atom14_group"][aatype]
    found = apply(b, (frames[0][rows, groups], frames[1][rows, groups]), b.array(TABLES["atom14_place"][aatype]))
    return found * b.array(TABLES["atom14_mask"][aatype])[..., None]


def to_atom37(b, aatype, atoms):
    """[residues, 14, 3] to [residues, 37, 3]."""
    found = atoms[np.arange(len(aatype))[:, None], TABLES["atom37_to_14"][aatype]]
    return found * b.array(TABLES["atom37_mask"][aatype])[..., None]


def structure_module(b, c, p, single, z, aatype, mask, start=None):
    """Alg. 20. Everything in angstrom: {"frames": one pair per layer, "angles", "raw_angles" [layers, residues, 7, 2], "groups": the eight frames of the last layer, "atoms" [residues, 14, 3], "single" [residues, c_s]}.

    start: other frames than the origin to begin with, in units of position_scale angstrom (for tests)."""
    name, scale = "structure_module", c["position_scale"]
    initial = layer_norm(single, p, f"{name}.layer_norm_s")
    z, s = layer_norm(z, p, f"{name}.layer_norm_z"), linear(initial, p, f"{name}.linear_in")
    if start is None:
        start = np.tile(np.eye(3), (len(aatype), 1, 1)), np.zeros((len(aatype), 3))
    frames, found = tuple(b.array(x) for x in start), {"frames": [], "angles": [], "raw_angles": []}
    for i in range(c["structure_layers"]):
        s = s + point_attention(b, c, p, f"{name}.ipa", s, z, frames, mask)
        s = layer_norm(s, p, f"{name}.layer_norm_ipa")
        step = f"{name}.transition.layers.0"
        inner = relu(linear(relu(linear(s, p, f"{step}.linear_1")), p, f"{step}.linear_2"))
        s = layer_norm(s + linear(inner, p, f"{step}.linear_3"), p, f"{name}.transition.layer_norm")
        frames = compose(b, frames, backbone_update(b, p, f"{name}.bb_update", s))
        angles, raw = torsion_angles(b, c, p, f"{name}.angle_resnet", s, initial)
        scaled = frames[0], frames[1] * scale
        for key, value in (("frames", scaled), ("angles", angles), ("raw_angles", raw)):
            found[key].append(value)
        frames = b.stop(frames[0]), frames[1]  # line 20: no gradient through rotations from layer to layer
    groups = all_frames(b, aatype, scaled, angles)
    found["angles"], found["raw_angles"] = b.np.stack(found["angles"], 0), b.np.stack(found["raw_angles"], 0)
    return {**found, "groups": groups, "atoms": atom_positions(b, aatype, groups), "single": s}


# ---- Heads ----


def lddt_head(p, s):
    """Alg. 29: scores of 50 bins from the single representation of the structure module."""
    name = "aux_heads.plddt"
    s = layer_norm(s, p, f"{name}.layer_norm")
    s = relu(linear(relu(linear(s, p, f"{name}.linear_1")), p, f"{name}.linear_2"))
    return linear(s, p, f"{name}.linear_3")


def distogram_head(p, z):
    """1.9.8: symmetric; the bias counts twice."""
    half = linear(z, p, "aux_heads.distogram.linear")
    return half + half.swapaxes(0, 1)


def heads(c, p, m, z, single, structure_single):
    """All scores that heads give before a softmax or sigmoid."""
    found = {
        "lddt": lddt_head(p, structure_single),
        "distances": distogram_head(p, z),
        "msa": linear(m, p, "aux_heads.masked_msa.linear"),
        "resolved": linear(single, p, "aux_heads.experimentally_resolved.linear"),
    }
    if c["aligned_error"]:
        found["aligned_error"] = linear(z, p, "aux_heads.tm.linear")
    return found


def predicted_lddt(b, scores):
    """Alg. 29 line 5: 0 to 100 for each residue."""
    centres = (np.arange(scores.shape[-1]) + 0.5) / scores.shape[-1]
    return 100 * (softmax(b, scores) * b.array(centres)).sum(-1)


def error_centres(bins):
    """Bins of 31 / (bins - 2) angstrom, the last for all that is more."""
    width = 31.0 / (bins - 2)
    return np.arange(bins) * width + width / 2


def predicted_aligned_error(b, scores):
    """1.9.7: angstrom, [frames, residues]."""
    return (softmax(b, scores) * b.array(error_centres(scores.shape[-1]))).sum(-1)


def predicted_tm(b, scores, weights=None, asym_id=None):
    """1.9.7, eq. 40 (pTM): the best mean over a frame. With asym_id only pairs of different chains count (ipTM, Evans eq. 1). weights [residues] of 0 to 1."""
    weights = np.ones(scores.shape[0]) if weights is None else np.asarray(weights, np.float64)
    counted = max(int(weights.sum()), 19)
    d0 = 1.24 * (counted - 15) ** (1 / 3) - 1.8
    per_bin = 1 / (1 + (error_centres(scores.shape[-1]) / d0) ** 2)
    pairs = weights[None, :] * weights[:, None]
    if asym_id is not None:
        pairs = pairs * (asym_id[:, None] != asym_id[None, :])
    pairs = pairs / (1e-8 + pairs.sum(-1, keepdims=True))
    rows = ((softmax(b, scores) * b.array(per_bin)).sum(-1) * b.array(pairs)).sum(-1)
    return rows[(np.asarray(rows) * weights).argmax()]
