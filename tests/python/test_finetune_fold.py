"""A step of training of the whole of AlphaFold 2: trunk with templates, structure module, heads and losses in one graph."""

import mote
import numpy as np
import pytest

from fold_reference import features, losses, model, names
from mote import _structure as s
from reference_models import backend
from test_evoformer_stack import round_inputs, trunk_of
from test_structure import config_of, rounding, scale_of, truth_arrays

NUMPY = backend("numpy")
KINDS = ("monomer_ptm", "multimer_v3")
RESIDUES, TEMPLATES = 7, 3


def random_round(c):
    """What a round before found."""
    random = np.random.default_rng(1)
    shapes = {"m": (RESIDUES, c["c_m"]), "z": (RESIDUES, RESIDUES, c["c_z"]), "atoms": (RESIDUES, 37, 3)}
    found = {key: random.standard_normal(shape) * (6 if key == "atoms" else 1) for key, shape in shapes.items()}
    return {key: x.astype(np.float32).astype(np.float64) for key, x in found.items()}


def build(kind, seed, policy=None, training=0, **options):
    """A small model with a random protein, weights and what a round before found."""
    c = names.small(kind)
    batch = features.random_batch(c, seed, residues=RESIDUES, templates=TEMPLATES)
    previous = random_round(c)
    g = mote.Graph()
    trunk = trunk_of(g, c, piece=3, training=training)
    values = trunk.build(RESIDUES, len(batch["msa_feat"]), len(batch["extra_msa_feat"]), TEMPLATES)
    truth = s.structure_truth(g, len(batch["msa_feat"]), RESIDUES)
    config = config_of(c, training=training)
    made = s.structure_module(g, config, values["single"], values["z"], truth.aatype, values["residue_mask"])
    scores = s.structure_heads(g, config, values["m"], values["z"], values["single"], made.single)
    total = s.structure_loss(g, config, made, scores, truth)["total"]
    g.differentiate(total)
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g, **options)
    weights = names.random_weights(c, seed)
    for name, v in g.parameters.items():
        plan[v][...] = weights[name]
    for key, x in round_inputs(trunk, c, batch, previous).items():
        plan[values[key]][...] = x
    for key, x in truth_arrays(batch).items():
        plan[getattr(truth, key)][...] = x
    return c, batch, weights, g, plan, total


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_all_gradients(kind):
    c, batch, weights, g, plan, total = build(kind, 21)
    plan.run()

    def f(p):
        found = model.fold(NUMPY, c, p, batch, random_round(c))
        terms = losses.losses(NUMPY, c, found, batch, clamped=0.75)
        return sum(losses.WEIGHTS[name] * x for name, x in terms.items()), terms

    expected, _, gradients = NUMPY.gradient(f)(weights)
    assert g.parameters.keys() == weights.keys()
    assert abs(float(plan[total]) / expected - 1) < 1e-5
    # some 9 modules of 6 blocks and two iterations, of about 60 operations, each way
    tolerance = rounding(2 * (6 * 9 + 4) * 60, 64)
    nothing = []
    for name, v in g.parameters.items():
        gradient = g.gradient(v)
        found = plan[gradient] if gradient >= 0 else np.zeros(weights[name].shape)
        # a number that is added to all scores of a row has no gradient but for rounding: held against the weight's
        like = name.replace("bias", "weight") if name.endswith("msa_att_row.layer_norm_z.bias") else name
        scale = scale_of(gradients, like)
        error = np.abs(found - gradients[name]).max()
        assert error <= tolerance * scale, (name, error / scale, tolerance)
        if gradient < 0 or not np.any(found):
            nothing.append(name)
    # Every parameter has a gradient, but that multimers' last extra block changes an MSA that nobody reads.
    assert all(c["multimer"] and name.startswith("extra_msa_stack.blocks.0.msa") for name in nothing), nothing


@pytest.mark.parametrize("kind, policy", [("monomer_ptm", "fp32"), ("monomer_ptm", "mxfp8"), ("multimer_v3", "mxint8")])
def test_finetuning_learns(kind, policy):
    """Thirty steps with dropout, gradients clipped, under a memory limit that has blocks computed twice."""
    *_, g, plan, total = build(kind, 5, policy, training=1)
    least = plan.memory["total"]
    *_, g, plan, total = build(kind, 5, policy, training=1, memory_limit=int(least * 0.95))
    assert plan.memory["recomputed"] > 0
    optimizer, seen = mote.Optimizer(plan), []
    for step in range(30):
        plan.run(seed=step)
        seen.append(float(plan[total]))
        gradients = [plan[g.gradient(v)] for v in g.parameters.values() if g.gradient(v) >= 0]
        norm = np.sqrt(sum((x.astype(float) ** 2).sum() for x in gradients))
        assert np.isfinite(norm)
        optimizer.step(3e-3, multiplier=min(1, 1 / norm))
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:5]), seen
