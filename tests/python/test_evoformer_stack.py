"""AlphaFold 2's trunk against the plain FP64 one of fold_reference: each module, block and stack, forward and gradients."""

import numpy as np
import pytest

import mote
from mote._trunk import MODULES
from fold_reference import features, modules, names
from reference_models import backend

NUMPY = backend("numpy")
FIELDS = set(mote.Trunk(mote.Graph()).config)


def trunk_of(g, c, **changes):
    """The trunk of a reference's sizes."""
    return mote.Trunk(g, {**{key: value for key, value in c.items() if key in FIELDS}, **changes})


# ---- what runs, here and there ----


def updated(c, stack, module, name):
    """A module as the reference has it: (m, z) with its residual, from p, m, z and both masks."""

    def changed(p, m, z, msa, pair):
        b = NUMPY
        if module == "msa_row_attention":
            return m + modules.msa_row_attention(b, c, p, f"{name}.msa_att_row", m, z, msa), z
        if module == "msa_column_attention":
            column = modules.msa_column_global_attention if stack == "extra" else modules.msa_column_attention
            return m + column(b, c, p, f"{name}.msa_att_col", m, msa), z
        if module == "msa_transition":
            return m + modules.transition(p, f"{name}.msa_transition", m), z
        if module == "outer_product_mean":
            return m, z + modules.outer_product_mean(b, p, f"{name}.outer_product_mean", m, msa)
        inside = name if stack == "template" else f"{name}.pair_stack"
        if module in ("triangle_outgoing", "triangle_incoming"):
            incoming = module == "triangle_incoming"
            return m, z + modules.triangle_product(b, c, p, f"{inside}.tri_mul_{'in' if incoming else 'out'}", z, pair, incoming)
        if module in ("triangle_starting", "triangle_ending"):
            ending = module == "triangle_ending"
            return m, z + modules.triangle_attention(b, c, p, f"{inside}.tri_att_{'end' if ending else 'start'}", z, pair, ending)
        return m, z + modules.transition(p, f"{inside}.pair_transition", z)

    return changed


LAYERS = {"evoformer": "evoformer.blocks.0", "extra": "extra_msa_stack.blocks.0", "template": "template_embedder.template_pair_stack.blocks.0"}


def problem(c, stack, residues=7, sequences=5, seed=3):
    """m, z, the masks of both and the weights of a loss that is linear in the results. A sequence, a residue and a pair's row are masked as a whole."""
    rng = np.random.default_rng(seed)
    c_m, c_z = {"evoformer": (c["c_m"], c["c_z"]), "extra": (c["c_e"], c["c_z"]), "template": (0, c["c_t"])}[stack]
    found = {"z": rng.normal(size=(residues, residues, c_z)), "pair_mask": (rng.random((residues, residues)) < 0.8) * 1.0}
    found["pair_mask"][2] = 0
    found["pair_mask"][:, 1] = 0
    if c_m:
        found["m"] = rng.normal(size=(sequences, residues, c_m))
        found["msa_mask"] = (rng.random((sequences, residues)) < 0.8) * 1.0
        found["msa_mask"][3] = 0
        found["msa_mask"][:, 4] = 0
    found = {key: x.astype(np.float32) for key, x in found.items()}
    loss = {key: rng.normal(size=found[key].shape).astype(np.float32) for key in ("m", "z") if key in found}
    for key, mask in (("m", "msa_mask"), ("z", "pair_mask")):
        if key in loss:  # rows and columns without a key have values, but other gradients: see include/mote/trunk.h
            loss[key] *= (found[mask].any(1)[:, None] & found[mask].any(0)[None, :])[..., None]
    return found, loss


def reference(f, weights, arrays, loss):
    """Values and gradients in FP64: {"m", "z"}, {parameter or "m" or "z": gradient}. Parameters that f does not read have none."""
    msa, pair = (arrays.get(key, np.zeros(0)).astype(np.float64) for key in ("msa_mask", "pair_mask"))

    def total(p):
        m, z = f(p, p.get("m"), p["z"], msa, pair)
        results = {"m": m, "z": z}
        return sum((results[key] * loss[key].astype(np.float64)).sum() for key in loss), {key: results[key] for key in loss}

    leaves = {**weights, **{key: arrays[key].astype(np.float64) for key in loss}}
    _, extra, gradients = NUMPY.gradient(total)(leaves)
    return extra, gradients


def ours(build, c, weights, arrays, loss, policy=None, gradients=True, **changes):
    """The same of mote; build(trunk, m, z, msa_mask, pair_mask)."""
    g = mote.Graph()
    trunk = trunk_of(g, c, **changes)
    inputs = {key: g.input(key, x.shape) for key, x in arrays.items()}
    for key in loss:
        g.want_gradient(inputs[key])
    given = {key: g.scale(inputs[key], 1.0) for key in loss}  # residuals are added in place, but for inputs
    m, z = build(g, trunk, given.get("m", -1), given["z"], inputs.get("msa_mask", -1), inputs["pair_mask"])
    results, parts = {"m": m, "z": z}, []
    for key in loss:
        g.output(results[key])
        w = g.input(f"loss.{key}", loss[key].shape)
        inputs[f"loss.{key}"] = w
        parts.append(g.sum(g.multiply(results[key], w), 0, 3))
    if gradients:
        g.differentiate(parts[0] if len(parts) == 1 else g.add(*parts))
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g)
    for name, v in g.parameters.items():
        assert g.shape(v) == weights[name].shape, name
        plan[v][...] = weights[name]
    for key, v in inputs.items():
        plan[v][...] = arrays[key] if key in arrays else loss[key.split(".")[1]]
    plan.run(seed=1)
    values = {key: np.array(plan[results[key]]) for key in loss}
    if not gradients:
        return values, {}
    found = {name: np.array(plan[g.gradient(v)]) for name, v in g.parameters.items() if g.gradient(v) >= 0}
    found.update({key: np.array(plan[g.gradient(inputs[key])]) for key in loss if g.gradient(inputs[key]) >= 0})
    return values, found


def rounding(operations, terms):
    """Of FP32 against FP64, relative to a tensor's largest value: chains of so many operations of 2^-24 each way, whose sums have up to so
    many terms. Independent errors grow with the root of both; 4 standard deviations."""
    return 4 * (2 * operations * terms) ** 0.5 * 2**-24


def compare(found, expected, bound):
    """Of each value and gradient. msa_att_row.layer_norm_z.bias adds one number to all scores of a row, so its gradient is 0 but for
    rounding: it is held against the weight's."""
    (values, gradients), (wanted, wanted_gradients) = found, expected
    errors = {key: np.abs(values[key] - wanted[key]).max() / np.abs(wanted[key]).max() for key in values}
    for key, got in gradients.items():
        like = key.replace("bias", "weight") if key.endswith("msa_att_row.layer_norm_z.bias") else key
        if "template_pointwise_att.mha.linear_" in key and not wanted_gradients[key].any():  # one template: no choice
            like = key.replace("linear_q", "linear_v").replace("linear_k", "linear_v")
        scale, error = np.abs(wanted_gradients[like]).max(), np.abs(got - wanted_gradients[key]).max()
        errors[f"gradient of {key}"] = error / scale if scale else error
    for key, expected in wanted_gradients.items():
        if key not in gradients:
            assert not expected.any(), f"{key} has no gradient here"
    wrong = {key: f"{error:.1e}" for key, error in errors.items() if not error <= bound}
    assert not wrong, f"expected at most {bound:.1e}: {wrong}"


# ---- modules ----

CASES = [("evoformer", m) for m in MODULES] + [("extra", m) for m in MODULES[:4]] + [("template", m) for m in MODULES[4:]]
CASES = [("monomer", *case) for case in CASES] + [("multimer_v3", s, m) for s, m in CASES if m in ("triangle_outgoing", "triangle_incoming")]

# About 20 operations one after the other in a module, sums of up to 7 x 7 pairs of a weight's gradient.
MODULE = rounding(20, 49)


@pytest.mark.parametrize("piece", [0, 1, 3, 100])
@pytest.mark.parametrize("kind, stack, module", CASES)
def test_module(kind, stack, module, piece):
    c = names.small(kind)
    weights = names.random_weights(c, 2)
    arrays, loss = problem(c, stack)

    def build(g, trunk, *values):
        with g.layer(LAYERS[stack]):
            return trunk.module(stack, module, *values)

    expected = reference(updated(c, stack, module, LAYERS[stack]), weights, arrays, loss)
    compare(ours(build, c, weights, arrays, loss, piece=piece), expected, MODULE)


# ---- blocks and the whole ----


def residue_masks(arrays, loss, residues=(1, 4), sequence=3):
    """Masks of whole residues and a sequence, as padding has them; what is masked has no loss."""
    arrays["pair_mask"][:] = 1
    arrays["pair_mask"][residues, :] = 0
    arrays["pair_mask"][:, residues] = 0
    arrays["msa_mask"][sequence] = 0
    arrays["msa_mask"][:, residues] = 0
    loss["m"] *= (arrays["msa_mask"] > 0)[..., None]
    loss["z"] *= (arrays["pair_mask"] > 0)[..., None]
    return arrays, loss


# Nine modules one after the other; a chain of k errors of one size ends as the root of k.
BLOCK = 3 * MODULE


@pytest.mark.parametrize("piece", [0, 1, 3])
@pytest.mark.parametrize("kind, stack", [(k, s) for k in ("monomer", "multimer_v3") for s in ("evoformer", "extra")])
def test_block(kind, stack, piece):
    c = names.small(kind)
    weights = names.random_weights(c, 2)
    arrays, loss = residue_masks(*problem(c, stack))

    def f(p, m, z, msa, pair):
        return modules.evoformer_block(NUMPY, c, p, LAYERS[stack], m, z, msa, pair, extra=stack == "extra")

    found = ours(lambda g, trunk, *values: trunk.block(stack, 0, *values), c, weights, arrays, loss, piece=piece)
    compare(found, reference(f, weights, arrays, loss), BLOCK)


def round_inputs(trunk, c, batch, previous):
    """The inputs of mote.Trunk.build() from a batch of the reference."""
    chains = [batch[key] for key in ("asym_id", "entity_id", "sym_id")] if c["multimer"] else []
    offsets, copies = trunk.relative_positions(batch["residue_index"], *chains)
    beta = modules.pseudo_beta(NUMPY, batch["aatype"], previous["atoms"])
    found = {
        "target": batch["target_feat"], "residue_mask": batch["seq_mask"], "msa": batch["msa_feat"], "msa_mask": batch["msa_mask"],
        "extra": batch["extra_msa_feat"], "extra_mask": batch["extra_msa_mask"], "offsets": offsets, "copies": copies,
        "previous_m": previous["m"], "previous_z": previous["z"], "previous_bins": mote.distance_bins(beta, c["recycling_bins"], 20.75),
    }  # fmt: skip
    if "template_mask" in batch:
        found.update(template_inputs(c, batch))
    return {key: x for key, x in found.items() if x is not None}


def template_inputs(c, batch):
    """The few numbers that templates' features are made of, from those features."""
    if c["multimer"]:
        parts = [{key: np.asarray(x) for key, x in one.items()} for one in batch["template_pair_parts"]]
        bins = [one["dgram_linear"] for one in parts]
        beta, backbone = ([one[f"{key}_linear"][..., 0] for one in parts] for key in ("pseudo_beta_mask", "backbone_mask"))
        types = [one["aatype_linear_2"][:, 0].argmax(-1) for one in parts]
    else:
        ends = np.cumsum([c["template_bins"], 1, 22, 22, 3])
        parts = [np.split(one, ends, -1) for one in batch["template_pair_feat"]]
        bins, beta, backbone = [p[0] for p in parts], [p[1][..., 0] for p in parts], [p[5][..., 0] for p in parts]
        types = [batch["template_angle_feat"][i, :, :22].argmax(-1) for i in range(len(parts))]
    each = {"bins": [x.any(-1) * (x.argmax(-1) + 1) for x in bins], "types": types, "beta_mask": beta, "backbone_mask": backbone}
    if c["multimer"]:
        each["directions"] = [np.concatenate([one[f"{x}_linear"] for x in "xyz"], -1) for one in parts]
    found = {key.replace("angle_feat", "angles"): batch[key] for key in ("template_mask", "template_angle_feat", "template_angle_mask")}
    return {**found, **{f"template.{i}.{key}": x[i] for key, x in each.items() for i in range(len(parts))}}


def whole_round(c, templates, seed=5, padding=2):
    """A batch, the round before, and weights of a loss; what is masked has none."""
    batch = features.random_batch(c, seed, templates=templates, padding=padding)
    rng = np.random.default_rng(seed)
    n = len(batch["aatype"])
    if templates:
        batch["template_mask"][:] = {1: [1], 2: [0, 0], 3: [1, 0, 1]}[templates]
    previous = {"m": rng.normal(size=(n, c["c_m"])), "z": rng.normal(size=(n, n, c["c_z"])), "atoms": rng.normal(size=(n, 37, 3)) * 6}
    there = batch["seq_mask"] > 0
    loss = {
        "m": rng.normal(size=(*batch["msa_mask"].shape, c["c_m"])) * (batch["msa_mask"] > 0)[..., None],
        "z": rng.normal(size=(n, n, c["c_z"])) * (there[:, None] & there[None])[..., None],
        "single": rng.normal(size=(n, c["c_s"])) * there[:, None],
    }
    single = lambda x: np.asarray(x).astype(np.float32).astype(np.float64)
    return batch, {key: single(x) for key, x in previous.items()}, {key: single(x) for key, x in loss.items()}


def run_round(c, weights, batch, previous, loss, policy=None, **changes):
    g = mote.Graph()
    trunk = trunk_of(g, c, **changes)
    templates = len(batch["template_mask"]) if "template_mask" in batch else 0
    values = trunk.build(len(batch["aatype"]), len(batch["msa_feat"]), len(batch["extra_msa_feat"]), templates)
    inputs = round_inputs(trunk, c, batch, previous)
    parts = []
    for key, x in loss.items():
        values[key] = g.widen(values[key])
        g.output(values[key])
        inputs[f"loss.{key}"], values[f"loss.{key}"] = x, g.input(f"loss.{key}", x.shape)
        parts.append(g.sum(g.multiply(values[key], values[f"loss.{key}"]), 0, x.ndim))
    g.differentiate(g.add(g.add(parts[0], parts[1]), parts[2]))
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g)
    for name, v in g.parameters.items():
        assert g.shape(v) == weights[name].shape, name
        plan[v][...] = weights[name]
    for key, x in inputs.items():
        plan.set(values[key], x)
    plan.run(seed=1)
    return {key: np.array(plan[values[key]]) for key in loss}, {n: np.array(plan[g.gradient(v)]) for n, v in g.parameters.items() if g.gradient(v) >= 0}


@pytest.mark.parametrize("piece", [0, 3])
@pytest.mark.parametrize("kind, templates", [("monomer", 3), ("monomer", 2), ("monomer", 1), ("monomer_plain", 0), ("multimer_v3", 2)])
def test_round(kind, templates, piece):
    """Algorithm 2, embedders, templates and recycling included."""
    c = names.small(kind)
    weights = names.random_weights(c, 4)
    batch, previous, loss = whole_round(c, templates)

    def total(p):
        found = modules.trunk(NUMPY, c, p, batch, previous)
        return sum((found[key] * loss[key]).sum() for key in loss), {key: found[key] for key in loss}

    _, values, gradients = NUMPY.gradient(total)(weights)
    gradients = {key: x for key, x in gradients.items() if not key.startswith(("structure_module", "aux_heads"))}
    compare(run_round(c, weights, batch, previous, loss, piece=piece), (values, gradients), ROUND)


# Six blocks and the embedders, as a chain.
ROUND = 3 * BLOCK

# ---- what changes nothing, and what does ----


@pytest.mark.parametrize("kind, stack", [("monomer", "evoformer"), ("monomer", "extra"), ("multimer_v3", "evoformer")])
def test_pieces_change_no_bit_of_values(kind, stack):
    c = names.small(kind)
    weights = names.random_weights(c, 2)
    arrays, loss = problem(c, stack)
    build = lambda g, trunk, *values: trunk.block(stack, 0, *values)
    whole, *others = [ours(build, c, weights, arrays, loss, gradients=False, piece=piece)[0] for piece in (0, 1, 3, 100)]
    for other in others:
        assert all(np.array_equal(other[key], whole[key]) for key in whole)


@pytest.mark.parametrize("stack", ["evoformer", "extra"])
def test_padding_changes_no_bit(stack):
    """Masked residues and sequences behind the others: what is there keeps its bits, in values and in gradients of m and z."""
    c = names.small("monomer")
    weights = names.random_weights(c, 2)
    arrays, loss = problem(c, stack, residues=70, sequences=70)
    arrays["pair_mask"][:], arrays["msa_mask"][:] = 1, 1
    arrays["pair_mask"][40:], arrays["pair_mask"][:, 40:] = 0, 0
    arrays["msa_mask"][33:], arrays["msa_mask"][:, 40:] = 0, 0
    loss["m"], loss["z"] = loss["m"] * arrays["msa_mask"][..., None], loss["z"] * arrays["pair_mask"][..., None]
    cut = {"m": np.s_[:33, :40], "z": np.s_[:40, :40], "msa_mask": np.s_[:33, :40], "pair_mask": np.s_[:40, :40]}
    build = lambda g, trunk, *values: trunk.block(stack, 0, *values)
    alone = ours(build, c, weights, {k: x[cut[k]] for k, x in arrays.items()}, {k: x[cut[k]] for k, x in loss.items()}, piece=16)
    padded = ours(build, c, weights, arrays, loss, piece=16)
    for one, other in zip(alone, padded):
        for key in ("m", "z"):
            assert np.array_equal(one[key], other[key][cut[key]]), key


@pytest.mark.parametrize("policy, bits", [("bf16", 8), ("mxint8", 6), ("mxfp8", 3), ("mxfp6", 2), ("mxfp4", 1)])
def test_policies(policy, bits):
    """A whole round in every family of formats, forward and backward. bits: of an element's mantissa, so u = 2^-(bits + 1). Five blocks of
    nine modules with three products in a row and two operands each: the root of 5 * 9 * 3 * 2 errors of one rounding, and never as
    large as the result."""
    c = names.small("monomer")
    weights = names.random_weights(c, 4)
    batch, previous, loss = whole_round(c, 3)
    exact = run_round(c, weights, batch, previous, loss, piece=3)
    found = run_round(c, weights, batch, previous, loss, policy, piece=3)
    for key in loss:
        there = loss[key] != 0
        error = np.linalg.norm((found[0][key] - exact[0][key])[there]) / np.linalg.norm(exact[0][key][there])
        assert 0 < error < min(1, (5 * 9 * 3 * 2) ** 0.5 * 2.0 ** -(bits + 1)), (key, error)
    assert all(np.isfinite(x).all() for x in found[1].values())


def test_distance_bins():
    """Also just on an edge, where the reference has no bin, and nearer than the first."""
    points = np.random.default_rng(2).normal(size=(30, 3)).astype(np.float32) * 9
    points[:4] = [[0, 0, 0], [3.25, 0, 0], [0, 4.5, 0], [0, 0, 3]]
    for count, last in ((15, 20.75), (39, 50.75)):
        hot = modules.distance_bins(NUMPY, points.astype(np.float64), 3.25, last, count)
        assert np.array_equal(mote.distance_bins(points, count, last), hot.any(-1) * (hot.argmax(-1) + 1))
    with pytest.raises(mote.MoteValueError, match="expected points"):
        mote.distance_bins(points[0], 15, 20.75)


def test_dropout_is_shared_along_rows_and_columns():
    """What a module adds is 0 in whole channels of a column (or row, the ending node's), at the rates of the configuration."""
    c = names.small("monomer", c_m=40, c_z=40)
    weights = names.random_weights(c, 2)
    for module, key, axis, rate in (
        ("msa_row_attention", "m", 0, 0.15), ("triangle_outgoing", "z", 0, 0.25), ("triangle_incoming", "z", 0, 0.25),
        ("triangle_starting", "z", 0, 0.25), ("triangle_ending", "z", 1, 0.25),
        ("msa_column_attention", "m", 0, 0), ("msa_transition", "m", 0, 0), ("outer_product_mean", "z", 0, 0), ("pair_transition", "z", 0, 0),
    ):  # fmt: skip
        arrays, loss = problem(c, "evoformer", residues=20)
        arrays["msa_mask"][:], arrays["pair_mask"][:] = 1, 1

        def build(g, trunk, *values):
            with g.layer(LAYERS["evoformer"]):
                return trunk.module("evoformer", module, *values)

        run = lambda **changes: ours(build, c, weights, arrays, loss, gradients=False, **changes)[0][key] - arrays[key]
        kept = run(training=0)
        for piece in (0, 3):
            dropped = run(training=1, piece=piece)
            gone = dropped == 0
            assert (gone == gone.any(axis, keepdims=True)).all()
            assert abs(gone.mean() - rate) < 5 * (rate * (1 - rate) / (gone.size / gone.shape[axis])) ** 0.5 + 1e-9, module
            assert np.abs(np.where(gone, 0, dropped - kept / (1 - rate))).max() < 1e-5


def test_names_and_shapes_of_the_published_models():
    for kind in ("monomer_ptm", "multimer_v3"):
        g = mote.Graph()
        mote.Trunk(g, {"multimer": kind.startswith("multimer")}).build(16, 4, 4, 2)
        wanted = names.canonical_shapes(names.sizes(kind))
        wanted = {key: shape for key, shape in wanted.items() if not key.startswith(("structure_module", "aux_heads"))}
        assert {key: g.shape(v) for key, v in g.parameters.items()} == wanted


def test_starting_values():
    """Residuals start at 0 and gates open, so a new block changes nothing (supplement 1.11.4)."""
    c = names.small("monomer")
    arrays, _ = problem(c, "evoformer")
    g = mote.Graph()
    values = [g.input(key, arrays[key].shape) for key in ("m", "z", "msa_mask", "pair_mask")]
    m, z = trunk_of(g, c, piece=3).block("evoformer", 0, *values)
    g.output(m)
    g.output(z)
    plan = mote.Plan(g)
    plan.initialize(1)
    for v, key in zip(values, ("m", "z", "msa_mask", "pair_mask")):
        plan[v][...] = arrays[key]
    plan.run()
    assert np.array_equal(plan[m], arrays["m"]) and np.array_equal(plan[z], arrays["z"])
    name = "evoformer.blocks.0.pair_stack.tri_att_start.mha.linear_"
    assert (plan[g.parameters[f"{name}g.bias"]] == 1).all() and plan[g.parameters[f"{name}q.weight"]].any()


def test_mistakes():
    g = mote.Graph()
    with pytest.raises(mote.MoteValueError, match="unknown key 'c_q'"):
        mote.Trunk(g, {"c_q": 3})
    with pytest.raises(mote.MoteValueError, match="trunk: pair_heads: expected 1 to 1048576, found 0"):
        mote.Trunk(g, {"pair_heads": 0})
    with pytest.raises(mote.MoteValueError, match="trunk: pair_dropout: expected from 0 to below 1, found 1"):
        mote.Trunk(g, {"pair_dropout": 1.0})
    with pytest.raises(mote.MoteValueError, match="found 'tail'"):
        mote.Trunk(g).module("tail", "pair_transition", -1, -1)

    def wrong(shapes, message, stack="evoformer", module="msa_transition"):
        g = mote.Graph()
        values = [g.input(str(i), shape) for i, shape in enumerate(shapes)]
        with pytest.raises(mote.MoteValueError, match=message):
            mote.Trunk(g).module(stack, module, *values)

    right = [(4, 5, 256), (5, 5, 128), (4, 5), (5, 5)]
    for i, message in enumerate((r"m must be fp32 \[4, 5, 256\]", r"z must be fp32 \[5, 5, 128\]", r"msa_mask must be fp32 \[4, 5\]", r"pair_mask must be fp32 \[5, 5\]")):
        wrong([(*shape[:-1], 7) if i == j else shape for j, shape in enumerate(right)], f"trunk: {message}")
    wrong([(4, 5, 256), (5, 5, 64), (4, 5), (5, 5)], "the stack has no module 0", "template", "msa_row_attention")
    with pytest.raises(mote.MoteValueError, match="expected 1 to 4 templates, found 5"):
        mote.Trunk(mote.Graph()).build(4, 2, 2, 5)
    with pytest.raises(mote.MoteValueError, match="at least 1 residue"):
        mote.Trunk(mote.Graph()).build(0, 2, 2)
    with pytest.raises(mote.MoteValueError, match="expected 4 arrays of 3 numbers"):
        mote.Trunk(mote.Graph(), {"multimer": 1}).relative_positions([1, 2, 3])

# ---- memory ----


def block_memory(residues=1024, sequences=128, **changes):
    """A block of the published size, its inputs made by the graph as a block before would; and what it takes, in pair tensors."""
    g = mote.Graph()
    trunk = mote.Trunk(g, changes)
    kinds = g.input("kinds", (residues, residues), "int32")
    rows = g.input("rows", (sequences, residues), "int32")
    m = g.embedding(g.parameter("m", (4, 256), spread=1), rows)
    z = g.embedding(g.parameter("z", (4, 128), spread=1), kinds)
    m, z = trunk.block("evoformer", 0, m, z, g.input("msa_mask", (sequences, residues)), g.input("pair_mask", (residues, residues)))
    g.output(m)
    g.output(z)
    memory = mote.measure(g)
    return (memory["total"] - memory["parameters"]) / (residues * residues * 128 * 4)


def test_memory_of_a_block():
    """The pairs, the one whole factor of a triangle multiplication, the MSA (a quarter of the pairs) and a piece."""
    assert 2.25 < block_memory() < 2.4
    assert 2.25 < block_memory(multimer=1, piece=4) < 2.3
    assert block_memory(residues=256, piece=0) > 8


def test_training_memory():
    """Under a limit blocks are computed twice: two blocks then take what one does, and their results."""

    def measured(**options):
        g = mote.Graph()
        trunk = mote.Trunk(g, {"evoformer_blocks": 4})
        m = g.embedding(g.parameter("m", (4, 256), spread=1), g.input("rows", (32, 64), "int32"))
        z = g.embedding(g.parameter("z", (4, 128), spread=1), g.input("kinds", (64, 64), "int32"))
        m, z = trunk.stack("evoformer", m, z, g.input("msa_mask", (32, 64)), g.input("pair_mask", (64, 64)))
        g.differentiate(g.add(g.sum(m, 0, 3), g.sum(z, 0, 3)))
        return mote.measure(g, **options)

    free = measured()
    held = measured(memory_limit=free["total"] - free["saved"] // 2)
    assert free["segments"] == 4 and held["recomputed"] > 0 and held["saved"] < 0.6 * free["saved"]
