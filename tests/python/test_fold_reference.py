"""Tests of the AlphaFold 2 reference itself: names and counts of published files, symmetries, masks, and gradients."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fold_reference import features, losses, model, modules, names, residues, structure
from reference_models import backend

NUMPY = backend("numpy")
KINDS = ("monomer_ptm", "multimer_v3")
RESIDUES = 7


def whole(c, weights, batch, rounds=1):
    return model.loss(NUMPY, c, weights, batch, rounds)


# ---- Names ----


@pytest.mark.parametrize(
    "kind, parameters, file_bytes",
    [
        ("monomer", 93229082, 373069562),
        ("monomer_plain", 92899674, 371712506),
        ("monomer_plain_ptm", 92907930, 371746284),
        ("monomer_ptm", 93237338, 373103340),
        ("multimer_v3", 93223705, 373043148),
    ],
)
def test_table_gives_the_size_of_published_files(kind, parameters, file_bytes):
    """The lengths of params_model_{1,3}.npz, _ptm.npz and params_model_1_multimer_v3.npz: they count all values and all letters of all keys."""
    c = names.sizes(kind)
    entry = 2 * len(".npy") + 128 + 30 + 20 + 46  # NumPy's header, zip's own, its 64-bit extra, its index
    rows = names.table(c)
    assert names.parameter_count(c) == parameters
    assert sum(entry + 2 * len(row.key) for row in rows) + 4 * parameters + 22 == file_bytes


def test_listing_is_up_to_date():
    assert json.loads(names.LISTING.read_text()) == names.listing()
    rows = names.listing()
    for kind in names.KINDS:
        keys = [row[0] for row in rows if kind in row[4].split()]
        assert len(keys) == len(set(keys)) == len(names.table(names.sizes(kind)))


@pytest.mark.parametrize("kind", names.KINDS)
def test_files_round_trip(kind, tmp_path):
    pytest.importorskip("safetensors")
    c = names.small(kind)
    weights = names.random_weights(c, 1)
    names.write_npz(tmp_path / "w.npz", c, weights)
    names.write_openfold(tmp_path / "w.safetensors", weights)
    names.write_openfold(tmp_path / "earlier.safetensors", weights, earlier=True)
    for file in ("w.npz", "w.safetensors") + ("earlier.safetensors",) * (kind != "multimer_v3"):
        found = names.read(tmp_path / file, c)
        assert found.keys() == weights.keys()
        assert all((found[key] == weights[key]).all() for key in weights)
    for wrong in (names.small(kind, c_m=17), names.small(kind, evoformer_blocks=3)):
        with pytest.raises(ValueError):
            names.read(tmp_path / "w.npz", wrong)


def test_some_names():
    """Where a name is made of several rules: literally as OpenFold's model, and its first checkpoints, have it."""
    shapes = names.canonical_shapes(names.sizes("monomer_ptm"))
    for name, earlier, shape in (
        ("evoformer.blocks.47.pair_stack.tri_att_end.mha.linear_g.bias", "evoformer.blocks.47.core.tri_att_end.mha.linear_g.bias", (128,)),
        ("extra_msa_stack.blocks.3.msa_att_col.global_attention.linear_k.weight",) * 2 + ((8, 64),),
        ("evoformer.blocks.0.outer_product_mean.linear_out.weight", "evoformer.blocks.0.core.outer_product_mean.linear_out.weight", (128, 1024)),
        ("structure_module.ipa.linear_kv_points.linear.weight", "structure_module.ipa.linear_kv_points.weight", (432, 384)),
        ("template_embedder.template_single_embedder.linear_1.weight", "template_angle_embedder.linear_1.weight", (256, 57)),
        ("template_embedder.template_pair_stack.blocks.1.pair_transition.linear_1.weight", "template_pair_stack.blocks.1.pair_transition.linear_1.weight", (128, 64)),
    ):
        assert shapes[name] == shape and names.earlier_name(name) == earlier
    shapes = names.canonical_shapes(names.sizes("multimer_v3"))
    assert shapes["evoformer.blocks.0.pair_stack.tri_mul_in.linear_ab_p.weight"] == (256, 128)
    assert shapes["template_embedder.template_pair_embedder.x_linear.weight"] == (64, 1)
    assert shapes["structure_module.ipa.linear_v_points.linear.weight"] == (288, 384)


def haiku(c, weights, module):
    """The parameters of a module's first block as the .npz has them, by the last parts of their keys."""
    found = {}
    for row in names.table(c):
        if f"/{module}/" in row.key.replace("//", "/"):
            w = names.to_npz(weights[row.name.format(0)], row.transform, row.shape)
            found[row.key.split(f"/{module}/")[-1]] = w
    return found


def test_npz_arrays_mean_what_modules_make_of_them():
    """Attention, products and points, computed from the .npz's own arrays with the published einsums."""
    random = np.random.default_rng(3)
    for kind in KINDS:
        c = names.small(kind)
        weights = names.random_weights(c, 4)
        z = random.standard_normal((5, 5, c["c_z"]))
        h = haiku(c, weights, "evoformer_iteration/triangle_attention_starting_node")
        x = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
        n = x * h["query_norm//scale"] + h["query_norm//offset"]
        q, k, v, g = (np.einsum("bqa,ahc->bqhc", n, h[f"attention//{p}_w"]) for p in ("query", "key", "value", "gating"))
        scores = np.einsum("bqhc,bkhc->bhqk", q, k) * q.shape[-1] ** -0.5 + np.einsum("qkc,ch->hqk", n, h["/feat_2d_weights"])
        a = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        y = np.einsum("bhqk,bkhc->bqhc", a, v) / (1 + np.exp(-g - h["attention//gating_b"]))
        y = np.einsum("bqhc,hco->bqo", y, h["attention//output_w"]) + h["attention//output_b"]
        name = "evoformer.blocks.0.pair_stack"
        found = modules.triangle_attention(NUMPY, c, weights, f"{name}.tri_att_start", z, np.ones((5, 5)), False)
        np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-12)
        for which, equation in (("outgoing", "ikc,jkc->ijc"), ("incoming", "kjc,kic->ijc")):
            h = haiku(c, weights, f"evoformer_iteration/triangle_multiplication_{which}")
            norm, centre = ("left_norm_input", "center_norm") if c["multimer"] else ("layer_norm_input", "center_layer_norm")
            n = x * h[f"{norm}//scale"] + h[f"{norm}//offset"]

            def layer(part):
                return n @ h[f"{part}//weights"] + h[f"{part}//bias"]

            if c["multimer"]:
                both = layer("projection") / (1 + np.exp(-layer("gate")))
                left, right = np.split(both, 2, -1)
            else:
                left, right = (layer(f"{s}_projection") / (1 + np.exp(-layer(f"{s}_gate"))) for s in ("left", "right"))
            y = np.einsum(equation, left, right)
            y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
            y = y * h[f"{centre}//scale"] + h[f"{centre}//offset"]
            y = (y @ h["output_projection//weights"] + h["output_projection//bias"]) / (1 + np.exp(-layer("gating_linear")))
            short, incoming = ("tri_mul_in", True) if which == "incoming" else ("tri_mul_out", False)
            found = modules.triangle_product(NUMPY, c, weights, f"{name}.{short}", z, np.ones((5, 5)), incoming)
            np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-12)
        h = haiku(c, weights, "evoformer_iteration/outer_product_mean")
        m, mask = random.standard_normal((3, 5, c["c_m"])), random.integers(0, 2, (3, 5)) * 1.0
        n = (m - m.mean(-1, keepdims=True)) / np.sqrt(m.var(-1, keepdims=True) + 1e-5)
        n = n * h["layer_norm_input//scale"] + h["layer_norm_input//offset"]
        left, right = (mask[..., None] * (n @ h[f"{s}_projection//weights"] + h[f"{s}_projection//bias"]) for s in ("left", "right"))
        y = np.einsum("abc,ade,cef->bdf", left, right, h["/output_w"]) + h["/output_b"]
        y /= 1e-3 + np.einsum("ab,ad->bd", mask, mask)[..., None]
        found = modules.outer_product_mean(NUMPY, weights, "evoformer.blocks.0.outer_product_mean", m, mask)
        np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_point_attention_by_loops(kind):
    """Alg. 22 line by line, one pair of residues, head and point at a time, from the .npz's own arrays."""
    c, random, n = names.small(kind), np.random.default_rng(25), 4
    weights = names.random_weights(c, 26)
    s, z = random.standard_normal((n, c["c_s"])), random.standard_normal((n, n, c["c_z"]))
    turn, shift = features.random_rotations(random, n), random.standard_normal((n, 3))
    h = haiku(c, weights, "fold_iteration/invariant_point_attention")
    heads, width, pq, pv = c["ipa_heads"], c["ipa_width"], c["query_points"], c["value_points"]

    def layer(part, shape):
        return (np.tensordot(s, h[f"{part}//weights"], 1) + h.get(f"{part}//bias", 0)).reshape((n,) + shape)

    if c["multimer"]:
        q, k, v = (layer(f"{p}_scalar_projection", (heads, width)) for p in "qkv")
        local = [layer(f"{p}_point_projection/point_projection", (heads, 3, -1)) for p in "qkv"]
        qp, kp, vp = (x.transpose(0, 1, 3, 2) for x in local)
    else:
        q, both = layer("q_scalar", (heads, width)), layer("kv_scalar", (heads, 2 * width))
        k, v = both[..., :width], both[..., width:]
        qp, both = (layer(f"{p}_point_local", (3, heads, -1)).transpose(0, 2, 3, 1) for p in ("q", "kv"))
        kp, vp = both[:, :, :pq], both[:, :, pq:]
    rows = []
    for i in range(n):
        scalars, points, pairs = [], [], []
        for head in range(heads):
            gamma = np.log1p(np.exp(h["/trainable_point_weights"][head]))
            scores = np.zeros(n)
            for j in range(n):
                far = sum(
                    ((turn[i] @ qp[i, head, p] + shift[i] - turn[j] @ kp[j, head, p] - shift[j]) ** 2).sum() for p in range(pq)
                )
                bias = z[i, j] @ h["attention_2d//weights"][:, head] + h["attention_2d//bias"][head]
                weight = np.sqrt(2 / (9 * pq))  # w_C, and sqrt(1 / 3) is w_L
                scores[j] = np.sqrt(1 / 3) * (q[i, head] @ k[j, head] / np.sqrt(width) + bias - gamma * weight / 2 * far)
            a = np.exp(scores) / np.exp(scores).sum()
            scalars += list(sum(a[j] * v[j, head] for j in range(n)))
            for p in range(pv):
                global_ = sum(a[j] * (turn[j] @ vp[j, head, p] + shift[j]) for j in range(n))
                points.append(turn[i].T @ (global_ - shift[i]))
            pairs += list(sum(a[j] * z[i, j] for j in range(n)))
        points = np.array(points)
        rows.append(np.concatenate([scalars, points.T.reshape(-1), np.linalg.norm(points, axis=-1), pairs]))
    y = np.array(rows) @ h["output_projection//weights"] + h["output_projection//bias"]
    found = structure.point_attention(NUMPY, c, weights, "structure_module.ipa", s, z, (turn, shift), np.ones(n))
    np.testing.assert_allclose(found, y, rtol=1e-6, atol=1e-6)


# ---- Residues ----


def test_residues_have_sensible_bonds():
    """Every atom but the first is bonded (1.2 to 1.9 angstrom) to some other, none is nearer, whatever the angles."""
    random = np.random.default_rng(5)
    aatype = np.arange(20)
    atoms, mask = features.random_protein(random, aatype, missing=0)
    assert (mask.sum(-1) == [len(r["atoms"]) for r in residues.RESIDUES]).all()
    assert [len(r["atoms"]) for r in residues.RESIDUES] == [5, 11, 8, 8, 6, 9, 9, 4, 10, 8, 8, 9, 8, 11, 7, 6, 7, 14, 12, 7]
    for i in range(20):
        x = atoms[i][mask[i] > 0]
        d = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1)) + 10 * np.eye(len(x))
        assert (d.min(-1) > 1.15).all() and (d.min(-1) < 1.9).all(), residues.RESIDUES[i]["name"]


def test_angles_come_back_from_atoms():
    random = np.random.default_rng(6)
    aatype = random.integers(0, 20, 30)
    turns = random.uniform(-np.pi, np.pi, (30, 7))
    sines = np.stack([np.sin(turns), np.cos(turns)], -1)
    frames = features.random_rotations(random, 30), random.standard_normal((30, 3)) * 10
    groups = structure.all_frames(NUMPY, aatype, frames, sines)
    atoms = structure.to_atom37(NUMPY, aatype, structure.atom_positions(NUMPY, aatype, groups))
    mask = residues.TABLES["atom37_mask"][aatype]
    found, turned, there = features.torsions(aatype, atoms, mask)
    chi = there[:, 2:, None] > 0
    assert (there[:, 3:] == residues.TABLES["chi_mask"][aatype]).all()
    np.testing.assert_allclose(np.where(chi, found[:, 2:], 0), np.where(chi, sines[:, 2:], 0), atol=5e-3)
    truth = features.ground_truth(aatype, atoms, mask)
    seen = truth["group_mask"][:, :, None] > 0
    np.testing.assert_allclose(np.where(seen, truth["group_origins"], 0), np.where(seen, groups[1], 0), atol=2e-3)
    seen = seen[..., None]
    np.testing.assert_allclose(np.where(seen, truth["group_rotations"], 0), np.where(seen, groups[0], 0), atol=5e-3)


def test_a_perfect_structure_has_no_loss():
    """Truth against itself, moved as a whole and with its symmetric atoms named the other way: FAPE is its least, renaming finds all, lDDT is 1."""
    random = np.random.default_rng(7)
    c, aatype = names.small("monomer_ptm"), np.array([3, 6, 13, 18, 0, 7, 1, 3])
    atoms, mask = features.random_protein(random, aatype, missing=0)
    truth = features.ground_truth(aatype, atoms, mask)
    other = dict(truth)
    for key in ("atoms14", "mask14", "group_rotations"):
        other[key], other[f"other_{key}"] = truth[f"other_{key}"], truth[key]
    turn, shift = features.random_rotations(random, 1)[0], random.standard_normal(3) * 20
    groups = np.einsum("ij,rgjk->rgik", turn, truth["group_rotations"]), truth["group_origins"] @ turn.T + shift
    out = {"groups": groups, "atoms": truth["atoms14"] @ turn.T + shift, "frames": [tuple(x[:, 0] for x in groups)]}
    symmetric = (truth["ambiguous14"].sum(-1) > 0) * 1.0
    assert symmetric.sum() == 5
    assert (losses.rename(NUMPY, out["atoms"], truth) == 0).all()
    assert (losses.rename(NUMPY, out["atoms"], other) == symmetric).all()
    for batch, renamed in ((truth, symmetric * 0), (other, symmetric)):
        np.testing.assert_allclose(losses.side_chain_fape(NUMPY, c, out, batch, renamed), 1e-3, rtol=1e-3)
        assert losses.side_chain_fape(NUMPY, c, out, batch, 1 - renamed) > 0.01
    exchanged = np.zeros_like(atoms)
    exchanged[np.arange(8)[:, None], residues.TABLES["atom14_to_37"][aatype]] += truth["other_atoms14"]
    exchanged[:, 0] = atoms[:, 0]  # where places without an atom went
    renamed = features.ground_truth(aatype, exchanged, mask)
    there = truth["group_mask"][..., None, None]
    np.testing.assert_allclose(renamed["group_rotations"] * there, truth["other_group_rotations"] * there, atol=1e-2)
    batch = {**truth, "asym_id": aatype * 0, "aatype": aatype, "seq_mask": np.ones(8)}
    turned = features.torsions(aatype, atoms, mask)[1][None]
    chi, norm = losses.torsion_losses(NUMPY, {**out, "angles": turned, "raw_angles": 0 * turned + [3, 4]}, batch)
    assert abs(chi) < 1e-12 and abs(norm - 4) < 1e-6
    np.testing.assert_allclose(losses.backbone_fape(NUMPY, c, out, batch), 1e-3, rtol=1e-3)
    np.testing.assert_allclose(losses.true_lddt(NUMPY, out["atoms"][:, 1], atoms[:, 1], mask[:, 1]), 1)


# ---- Symmetries and masks ----


@pytest.mark.parametrize("kind", KINDS)
def test_structure_turns_with_its_start(kind):
    """Start frames moved as a whole move all atoms so and change no angle."""
    random, c = np.random.default_rng(8), names.small(kind, structure_layers=3)
    weights, aatype = names.random_weights(c, 9), random.integers(0, 21, RESIDUES)
    single, z = random.standard_normal((RESIDUES, c["c_s"])), random.standard_normal((RESIDUES, RESIDUES, c["c_z"]))
    start = features.random_rotations(random, RESIDUES), random.standard_normal((RESIDUES, 3))
    turn, shift = features.random_rotations(random, 1)[0], random.standard_normal(3)
    moved = turn @ start[0], start[1] @ turn.T + shift
    mask = np.ones(RESIDUES)
    one, two = (structure.structure_module(NUMPY, c, weights, single, z, aatype, mask, s) for s in (start, moved))
    there = residues.TABLES["atom14_mask"][aatype][..., None]
    expected = (one["atoms"] @ turn.T + shift * c["position_scale"]) * there
    np.testing.assert_allclose(two["atoms"], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two["angles"], one["angles"], rtol=1e-9, atol=1e-9)
    assert abs(two["atoms"] - one["atoms"]).max() > 1
    for rotation, _ in two["frames"]:
        np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), np.tile(np.eye(3), (RESIDUES, 1, 1)), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(rotation), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_sequences_does_not_matter(kind):
    c = names.small(kind)
    weights, batch = names.random_weights(c, 10), features.random_batch(c, 11)
    one = model.fold(NUMPY, c, weights, batch)
    order, more = np.array([0, 3, 1, 2]), np.array([4, 2, 0, 1, 3])
    mixed = {**batch, **{k: batch[k][order] for k in ("msa_feat", "msa_mask")}}
    mixed.update({k: batch[k][more] for k in ("extra_msa_feat", "extra_msa_mask")})
    two = model.fold(NUMPY, c, weights, mixed)
    np.testing.assert_allclose(two["atoms37"], one["atoms37"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two["z"], one["z"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two["m"], one["m"][order], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    """Masked residues, sequences and extra sequences full of ones, over two rounds: nothing changes where the mask is, and no loss."""
    c = names.small(kind)
    weights = names.random_weights(c, 12)
    batches = [features.random_batch(c, 13, padding=padding) for padding in (0, 3)]
    (one, terms, plain), (two, padded_terms, padded) = (whole(c, weights, batch, 2) for batch in batches)
    n, sequences = len(batches[0]["aatype"]), len(batches[0]["msa_mask"])
    assert len(batches[1]["aatype"]) == n + 3 and np.isfinite(two)
    for key in ("z", "single", "atoms37", "m"):
        cut = (slice(sequences), slice(n)) if key == "m" else (slice(n),) * (1 + (key == "z"))
        np.testing.assert_allclose(padded[key][cut], plain[key], rtol=1e-9, atol=1e-9)
    for key, term in terms.items():
        np.testing.assert_allclose(padded_terms[key], term, rtol=1e-9, err_msg=key)
    np.testing.assert_allclose(two, one, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rounds_hand_on_what_they_found(kind):
    c = names.small(kind)
    weights, batch = names.random_weights(c, 21), features.random_batch(c, 22)
    first = model.fold(NUMPY, c, weights, batch)
    previous = {"m": first["m"][0], "z": first["z"], "atoms": first["atoms37"]}
    second, rounds = model.fold(NUMPY, c, weights, batch, previous), model.rounds(NUMPY, c, weights, batch, 2)
    assert (second["atoms"] == rounds["atoms"]).all()
    for key in previous:
        changed = model.fold(NUMPY, c, weights, batch, {**previous, key: model.empty(c, RESIDUES)[key]})
        assert abs(changed["atoms"] - second["atoms"]).max() > 1e-6, key


def test_shapes():
    c = names.small("monomer_ptm", msa_classes=23)
    batch = features.random_batch(c, 14, residues=6, sequences=3, extra=2, templates=1)
    found = model.fold(NUMPY, c, names.random_weights(c, 15), batch)
    shapes = {key: found[key].shape for key in ("m", "z", "single", "angles", "atoms", "atoms37")}
    assert shapes == {
        "m": (3, 6, 16), "z": (6, 6, 8), "single": (6, 12), "angles": (2, 6, 7, 2), "atoms": (6, 14, 3), "atoms37": (6, 37, 3),
    }  # fmt: skip
    scores = {key: value.shape for key, value in found["scores"].items()}
    assert scores == {
        "lddt": (6, 50), "distances": (6, 6, 64), "msa": (3, 6, 23), "resolved": (6, 37), "aligned_error": (6, 6, 64),
    }  # fmt: skip
    assert found["groups"][0].shape == (6, 8, 3, 3) and len(found["frames"]) == 2
    assert ((0 <= structure.predicted_lddt(NUMPY, found["scores"]["lddt"])) & (found["m"].shape[1] > 0)).all()


def test_predicted_tm_of_certain_scores():
    """All in the first bin (a quarter angstrom) with 60 residues: 1 / (1 + (0.25 / d0)^2). Between chains only pairs across count."""
    scores = np.full((60, 60, 64), -1e3)
    scores[..., 0] = 0
    d0 = 1.24 * 45 ** (1 / 3) - 1.8
    np.testing.assert_allclose(structure.predicted_tm(NUMPY, scores), 1 / (1 + (0.25 / d0) ** 2), rtol=1e-9)
    chains = np.arange(60) // 30
    far = chains[:, None] != chains[None, :]
    scores[far, 0], scores[far, 20] = -1e3, 0
    np.testing.assert_allclose(structure.predicted_tm(NUMPY, scores, asym_id=chains), 1 / (1 + (10.25 / d0) ** 2), rtol=1e-9)
    np.testing.assert_allclose(structure.predicted_aligned_error(NUMPY, scores)[0, ::59], [0.25, 10.25])


# ---- Gradients ----


def replaying(kept, recording):
    """numpy with a stop() that keeps what it lets through, or gives back what it kept: a finite difference then sees what a gradient sees."""
    left = iter(kept)

    def stop(x):
        if recording:
            kept.append(x)
            return x
        return next(left)

    return SimpleNamespace(**{**vars(NUMPY), "stop": stop})


def unused(name, c):
    """What one round from nothing cannot reach: norms of zeros, bins of no distance, in the multimer the last extra block's MSA, and what adds the same to all scores of a softmax."""
    last = f"extra_msa_stack.blocks.{c['extra_blocks'] - 1}.msa_"
    return (
        (name.startswith("recycling_embedder") and name.endswith("weight"))
        or (c["multimer"] and name.startswith(last))
        or name.endswith(("msa_att_row.layer_norm_z.bias", "ipa.linear_b.bias"))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_finite_differences(kind):
    c = names.small(kind)
    weights, batch = names.random_weights(c, 16), features.random_batch(c, 17, templates=3)
    value, terms, gradients = model.loss_and_gradients(NUMPY, c, batch)(weights)
    expected, expected_terms, _ = whole(c, weights, batch)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for key, term in expected_terms.items():
        np.testing.assert_allclose(terms[key], term, rtol=1e-12, err_msg=key)
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all(), name
        assert (abs(gradient).max() > 1e-12) != unused(name, c), name
    kept = []
    model.loss(replaying(kept, True), c, weights, batch)
    random, step = np.random.default_rng(18), 1e-7  # small: some ReLU is always near its kink
    for _ in range(3):
        way = {name: random.standard_normal(w.shape) * np.sqrt((w * w).mean()) for name, w in weights.items()}
        ahead, behind = (
            model.loss(replaying(kept, False), c, {k: w + s * way[k] for k, w in weights.items()}, batch)[0]
            for s in (step, -step)
        )
        slope = sum((gradients[name] * way[name]).sum() for name in weights)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-6)


def test_layers_hand_on_gradients_of_translations_only():
    """With an update that is a constant, near the identity, the last translation has it from each layer, the last rotation from the last alone."""
    c = names.small("monomer", structure_layers=3)
    weights, aatype, random = names.random_weights(c, 23), np.arange(RESIDUES), np.random.default_rng(24)
    update = "structure_module.bb_update.linear"
    weights[f"{update}.weight"] *= 0
    weights[f"{update}.bias"] *= 0
    single, z = random.standard_normal((RESIDUES, c["c_s"])), random.standard_normal((RESIDUES, RESIDUES, c["c_z"]))

    def last(part):
        def f(p):
            found = structure.structure_module(NUMPY, c, p, single, z, aatype, np.ones(RESIDUES))["frames"][-1]
            return part(found).sum(), {}

        return NUMPY.gradient(f)(weights)[2][f"{update}.bias"]

    scale = 3 * RESIDUES * c["position_scale"]
    np.testing.assert_allclose(last(lambda frames: frames[1][:, 0]), [0, 0, 0, scale, 0, 0], atol=1e-12)
    np.testing.assert_allclose(last(lambda frames: frames[0][:, 2, 1]), [2 * RESIDUES, 0, 0, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_torch(kind):
    pytest.importorskip("torch")
    c = names.small(kind)
    weights, batch = names.random_weights(c, 19), features.random_batch(c, 20)
    one, two = (model.loss_and_gradients(b, c, batch, 2)(weights) for b in (NUMPY, backend("torch")))
    np.testing.assert_allclose(one[0], two[0], rtol=1e-12)
    for name in weights:
        np.testing.assert_allclose(one[2][name], two[2][name], rtol=1e-9, atol=1e-12 * abs(two[2][name]).max() + 1e-14)
