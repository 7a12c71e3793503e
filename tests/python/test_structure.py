"""The structure module, its heads and losses against the FP64 definitions of fold_reference: values and all gradients."""

import numpy as np
import pytest

import mote
from fold_reference import features, losses, names, structure
from fold_reference.residues import TABLES
from mote import _structure as s
from reference_models import backend

NUMPY = backend("numpy")
KINDS = ("monomer_ptm", "multimer_v3")
SIZES = (
    "c_m c_z c_s structure_layers ipa_heads ipa_width query_points value_points c_angles angle_blocks c_lddt lddt_bins distance_bins "
    "error_bins msa_classes position_scale"
).split()


def rounding(operations, terms):
    """Of FP32 against FP64, relative to a tensor's largest value: errors of u = 2^-24 an operation, one after the other, of
    sums of so many terms; independent ones grow with the root of both, and four standard deviations are allowed."""
    return 4 * (operations * terms) ** 0.5 * 2**-24


def config_of(c, **changes):
    sizes = {key: c[key] for key in SIZES}
    return s.structure_config(bool(c["multimer"]), bool(c["aligned_error"]), **{**sizes, **changes})


def random(seed):
    return np.random.default_rng(seed)


def single_precision(arrays):
    return {key: np.asarray(x, np.float32).astype(np.float64) for key, x in arrays.items()}


def part_of(weights, prefix):
    """Parameters below a prefix, by the rest of their names."""
    return {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}


# Its gradient is 0, since it adds a constant to all scores of a row; held against the other's.
SIBLINGS = {"linear_b.bias": "linear_b.weight"}


def scale_of(gradients, name):
    for constant, other in SIBLINGS.items():
        if name.endswith(constant):
            return np.abs(gradients[name.replace(constant, other)]).max()
    return np.abs(gradients[name]).max()


def check(build, reference, arrays, weights, tolerance, integers=None, seen=None, fixed=None):
    """Holds outputs {name: value} of build(graph, values) and the gradients of their sum, with random weights, against
    reference(arrays) in FP64. seen: factors for an output, 0 where it means nothing. Gradients: of arrays and of
    parameters, which weights gives by their names; fixed arrays need none."""
    arrays, weights, fixed = single_precision(arrays), single_precision(weights), single_precision(fixed or {})
    integers, seen = integers or {}, seen or {}
    g = mote.Graph()
    values = {key: g.input(key, x.shape) for key, x in {**arrays, **fixed}.items()}
    values |= {key: g.input(key, x.shape, np.int32) for key, x in integers.items()}
    for key in arrays:
        g.want_gradient(values[key])
    outputs = build(g, values)
    assert g.parameters.keys() == weights.keys()
    factors = {key: random(len(key)).standard_normal(g.shape(v)) * seen.get(key, 1) for key, v in outputs.items()}
    factors = single_precision(factors)
    loss = -1
    for key, v in outputs.items():
        g.output(v)
        rank = len(g.shape(v))
        term = g.sum(g.multiply(v, g.array(factors[key])), 0, rank) if rank else g.multiply(v, g.array(factors[key]))
        loss = term if loss < 0 else g.add(loss, term)
    g.differentiate(loss)
    plan = mote.Plan(g)
    for key, x in {**arrays, **fixed, **integers}.items():
        plan[values[key]][...] = x
    for name, v in g.parameters.items():
        assert plan[v].shape == weights[name].shape, name
        plan[v][...] = weights[name]
    plan.run()

    def f(leaves):
        found = reference({**leaves, **fixed})
        total = sum((x * factors[key]).sum() for key, x in found.items())
        return total, found

    _, expected, gradients = NUMPY.gradient(f)({**arrays, **weights})
    errors = {}
    for key, v in outputs.items():
        there = np.broadcast_to(np.asarray(seen.get(key, 1.0)) != 0, expected[key].shape)
        errors[key] = np.abs((plan[v] - expected[key]) * there).max() / np.abs(expected[key] * there).max()
    named = {**{key: values[key] for key in arrays}, **g.parameters}
    for key, v in named.items():
        gradient = g.gradient(v)
        found = plan[gradient] if gradient >= 0 else np.zeros(gradients[key].shape)
        scale = scale_of(gradients, key)
        errors[f"gradient of {key}"] = np.abs(found - gradients[key]).max() / scale if scale else np.abs(found).max()
    worst = max(errors, key=errors.get)
    assert errors[worst] <= tolerance, f"{worst}: {errors[worst]:.1e} of {tolerance:.1e}"
    assert all(np.isfinite(e) for e in errors.values())
    return plan, g


def random_frames(seed, *leading):
    turns = features.random_rotations(random(seed), int(np.prod(leading))).reshape(*leading, 3, 3)
    return turns, random(seed + 1).standard_normal((*leading, 3))


# ---- frames ----


def test_frames():
    (r1, t1), (r2, t2) = random_frames(1, 5, 3), random_frames(3, 5, 3)
    arrays = {"r1": r1, "t1": t1, "r2": r2, "t2": t2, "x": random(5).standard_normal((5, 3, 4, 3))}

    def build(g, v):
        one, other = (v["r1"], v["t1"]), (v["r2"], v["t2"])
        both = s.frames_compose(g, one, other)
        return {"rotations": both[0], "shifts": both[1], "out": s.frames_apply(g, one, v["x"]), "in": s.frames_apply(g, other, v["x"], True)}

    def reference(p):
        one, other = (p["r1"], p["t1"]), (p["r2"], p["t2"])
        both = structure.compose(NUMPY, one, other)
        wide = [tuple(y.reshape((5, 3, 1) + tuple(y.shape[2:])) for y in f) for f in (one, other)]
        return {
            "rotations": both[0], "shifts": both[1],
            "out": structure.apply(NUMPY, wide[0], p["x"]), "in": structure.apply_inverse(NUMPY, wide[1], p["x"]),
        }

    check(build, reference, arrays, {}, rounding(4, 12))


def test_backbone_update():
    """Alg. 23; the reference takes the six numbers from a layer, here one that changes nothing."""
    identity = {"layer.linear.weight": np.eye(6), "layer.linear.bias": np.zeros(6)}

    def build(g, v):
        made = s.frames_from_update(g, v["update"])
        return {"rotations": made[0], "shifts": made[1]}

    def reference(p):
        made = structure.backbone_update(NUMPY, identity, "layer", p["update"])
        return {"rotations": made[0], "shifts": made[1]}

    plan, _ = check(build, reference, {"update": random(1).standard_normal((9, 6)) * 2}, {}, rounding(8, 16))


# ---- attention and angles ----


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("residues", [7, 37])
def test_point_attention(kind, residues):
    c = names.small(kind)
    weights = part_of(names.random_weights(c, 4), "structure_module.ipa.")
    turns, shifts = random_frames(5, residues)
    mask = np.ones(residues)
    mask[[2, residues - 1]] = 0
    arrays = {
        "s": random(7).standard_normal((residues, c["c_s"])), "z": random(8).standard_normal((residues, residues, c["c_z"])),
        "turns": turns, "shifts": shifts * 3,
    }

    def build(g, v):
        return {"y": s.point_attention(g, config_of(c), v["s"], v["z"], (v["turns"], v["shifts"]), v["mask"])}

    def reference(p):
        named = {f"ipa.{key}": w for key, w in p.items()}
        return {"y": structure.point_attention(NUMPY, c, named, "ipa", p["s"], p["z"], (p["turns"], p["shifts"]), mask)}

    # of a masked residue only rounding is left: 1e5 lies on its scores
    check(build, reference, arrays, weights, rounding(40, 40 * c["c_z"]), seen={"y": mask[:, None]}, fixed={"mask": mask})


@pytest.mark.parametrize("kind", KINDS)
def test_torsion_angles(kind):
    c = names.small(kind)
    weights = part_of(names.random_weights(c, 6), "structure_module.angle_resnet.")
    arrays = {key: random(i).standard_normal((11, c["c_s"])) for i, key in enumerate(("s", "initial"))}

    def build(g, v):
        angles, raw = s.torsion_angles(g, config_of(c), v["s"], v["initial"])
        return {"angles": angles, "raw": raw}

    def reference(p):
        named = {f"net.{key}": w for key, w in p.items()}
        angles, raw = structure.torsion_angles(NUMPY, c, named, "net", p["s"], p["initial"])
        return {"angles": angles, "raw": raw}

    check(build, reference, arrays, weights, rounding(20, 12))


def test_groups_and_atoms():
    """All types, the unknown one too; groups that a type does not have mean nothing."""
    aatype = np.arange(21)
    turns, shifts = random_frames(1, 21)
    angles = random(3).standard_normal((21, 7, 2))
    arrays = {"turns": turns, "shifts": shifts * 20, "angles": angles / np.linalg.norm(angles, axis=-1, keepdims=True)}

    def build(g, v):
        groups = s.group_frames(g, v["aatype"], (v["turns"], v["shifts"]), v["angles"])
        atoms = s.atoms14(g, v["aatype"], groups)
        return {"rotations": groups[0], "origins": groups[1], "atoms14": atoms, "atoms37": s.atoms37(g, v["aatype"], atoms)}

    def reference(p):
        groups = structure.all_frames(NUMPY, aatype, (p["turns"], p["shifts"]), p["angles"])
        atoms = structure.atom_positions(NUMPY, aatype, groups)
        return {"rotations": groups[0], "origins": groups[1], "atoms14": atoms, "atoms37": structure.to_atom37(NUMPY, aatype, atoms)}

    there = TABLES["group_mask"].copy()
    there[:, 1:3], there[20] = 1, 0
    seen = {"rotations": there[..., None, None], "origins": there[..., None]}
    check(build, reference, arrays, {}, rounding(24, 32), integers={"aatype": aatype}, seen=seen)


# ---- the whole ----


def truth_arrays(batch):
    """A batch of the reference by the names of the graph's inputs."""
    found = {name: batch[name] for name, _ in mote._ffi.typeof("mote_structure_truth").fields if name in batch}
    return found | {
        "chains": batch["asym_id"], "ca": batch["all_atom_positions"][:, 1], "atom37_mask": batch["all_atom_mask"],
        "clamped": np.array([0.75]), "well_resolved": np.array([losses.good(batch)]),
    }  # fmt: skip


def whole(kind, seed, residues, padding=0, **changes):
    c = names.small(kind, **changes)
    weights = names.random_weights(c, seed)
    weights = {name: w for name, w in weights.items() if name.startswith(("structure_module.", "aux_heads."))}
    batch = features.random_batch(c, seed, residues=residues, sequences=3, padding=padding)
    n = len(batch["aatype"])
    shapes = {"m": (*batch["true_msa"].shape, c["c_m"]), "z": (n, n, c["c_z"]), "single": (n, c["c_s"])}
    arrays = {key: random(seed + i).standard_normal(shape) for i, (key, shape) in enumerate(shapes.items())}
    return c, weights, batch, arrays


def build_whole(g, c, v, truth_values):
    config = config_of(c)
    truth = mote._ffi.new("mote_structure_truth *", truth_values)
    made = s.structure_module(g, config, v["single"], v["z"], v["aatype"], v["seq_mask"])
    scores = s.structure_heads(g, config, v["m"], v["z"], v["single"], made.single)
    return made, scores, s.structure_loss(g, config, made, scores, truth)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed, residues, padding", [(11, 7, 0), (45, 17, 2)])
def test_module_heads_and_losses(kind, seed, residues, padding):
    c, weights, batch, arrays = whole(kind, seed, residues, padding)
    inputs = truth_arrays(batch)
    integers = {key: inputs.pop(key) for key in ("aatype", "chains", "true_msa")}
    present, last = batch["seq_mask"], c["structure_layers"] - 1

    def build(g, v):
        made, scores, found = build_whole(g, c, v, {key: v[key] for key in (*inputs, *integers)})
        # the loss of all; the others are looked at without having a part in it
        outputs = {"atoms": made.atoms, "angles": made.angles, "frames": made.frames[last].translations, "lddt_scores": scores.lddt}
        outputs |= {"distance_scores": scores.distances, **found}
        return outputs

    def reference(p):
        made = structure.structure_module(NUMPY, c, p, p["single"], p["z"], batch["aatype"], present)
        scores = structure.heads(c, p, p["m"], p["z"], p["single"], made["single"])
        found = losses.losses(NUMPY, c, {**made, "scores": scores}, batch, clamped=0.75)
        total = sum(losses.WEIGHTS[name] * x for name, x in found.items())
        outputs = {"atoms": made["atoms"], "angles": made["angles"], "frames": made["frames"][last][1], "lddt_scores": scores["lddt"]}
        return {**outputs, "distance_scores": scores["distances"], **found, "total": total}

    # Directions of short vectors are known badly: these seeds have none, or no bound in units of rounding would hold.
    made = structure.structure_module(NUMPY, c, weights, arrays["single"], arrays["z"], batch["aatype"], present)
    assert np.linalg.norm(made["raw_angles"], axis=-1).min() > 0.1 * 0.9
    row = present[:, None]
    seen = {"atoms": row[..., None], "angles": row[..., None], "frames": row, "lddt_scores": row}
    # two iterations of about 60 operations each way, sums of up to 37 features
    check(build, reference, arrays, weights, rounding(2 * 2 * 60, 64), integers=integers, seen=seen, fixed=inputs)


def near_truth(c, batch, seed, layers):
    """Structures that are near the truth, some of them with the symmetric atoms' other names."""
    n = len(batch["aatype"])

    def noisy(key, size, x=None):
        x = batch[key] if x is None else x
        return x + size * random(seed + len(key)).standard_normal(x.shape)

    half = (np.arange(n) % 4 > 0)[:, None, None]
    angles = random(seed).standard_normal((layers, n, 7, 2))
    found = {
        "atoms": noisy("atoms14", 0.4, (1 - half) * batch["atoms14"] + half * batch["other_atoms14"]),
        "groups.rotations": noisy("group_rotations", 0.1), "groups.translations": noisy("group_origins", 0.4),
        "raw_angles": angles * 1.3, "angles": angles / np.linalg.norm(angles, axis=-1, keepdims=True),
    }  # fmt: skip
    for i in range(layers):
        found[f"frames.{i}.rotations"] = noisy("other" + "!" * i, 0.1, batch["group_rotations"][:, 0])
        found[f"frames.{i}.translations"] = noisy("origins" + "!" * i, 0.6 + 4 * i, batch["group_origins"][:, 0])
    shapes = {
        "lddt": (n, c["lddt_bins"]), "distances": (n, n, c["distance_bins"]), "msa": (*batch["true_msa"].shape, c["msa_classes"]),
        "resolved": (n, 37), "aligned_error": (n, n, c["error_bins"]),
    }  # fmt: skip
    return found | {f"scores.{key}": random(seed + i).standard_normal(shape) for i, (key, shape) in enumerate(shapes.items())}


@pytest.mark.parametrize("kind", KINDS)
def test_losses_near_the_truth(kind):
    c, layers = names.small(kind), 2
    batch = features.random_batch(c, 3, residues=31, sequences=3, padding=2)
    inputs, arrays = truth_arrays(batch), single_precision(near_truth(c, batch, 5, layers))
    integers = {key: inputs.pop(key) for key in ("aatype", "chains", "true_msa")}
    renamed = losses.rename(NUMPY, arrays["atoms"], batch)
    assert 2 < renamed.sum() < batch["ambiguous14"].any(-1).sum()
    score = losses.true_lddt(NUMPY, arrays["atoms"][:, 1], batch["all_atom_positions"][:, 1], batch["all_atom_mask"][:, 1])
    assert score.std() > 0.05 and (score * 50 % 1 == 0).any()

    def build(g, v):
        result = mote._ffi.new("mote_structure_result *")
        result.layers, result.angles, result.raw_angles, result.atoms = layers, v["angles"], v["raw_angles"], v["atoms"]
        for target, name in [(result.groups, "groups")] + [(result.frames[i], f"frames.{i}") for i in range(layers)]:
            target.rotations, target.translations = v[f"{name}.rotations"], v[f"{name}.translations"]
        scores = mote._ffi.new("mote_structure_scores *", {key[7:]: v[key] for key in arrays if key.startswith("scores")})
        truth = mote._ffi.new("mote_structure_truth *", {key: v[key] for key in (*inputs, *integers)})
        return s.structure_loss(g, config_of(c, structure_layers=layers), result, scores, truth)

    def reference(p):
        out = {key: p[key] for key in ("atoms", "angles", "raw_angles")}
        out["frames"] = [(p[f"frames.{i}.rotations"], p[f"frames.{i}.translations"]) for i in range(layers)]
        out["groups"] = p["groups.rotations"], p["groups.translations"]
        out["scores"] = {key[7:]: x for key, x in p.items() if key.startswith("scores")}
        found = losses.losses(NUMPY, c, out, batch, clamped=0.75)
        return {**found, "total": sum(losses.WEIGHTS[name] * x for name, x in found.items())}

    check(build, reference, arrays, {}, rounding(30, 64), integers=integers, fixed=inputs)


def run_whole(kind, start=None, policy=None, **plan_options):
    """Atoms, the last single representation, the loss and all gradients of a small model."""
    c, weights, batch, arrays = whole(kind, 11, 9)
    inputs = truth_arrays(batch)
    g = mote.Graph()
    v = {key: g.input(key, x.shape, np.int32 if key in ("aatype", "chains", "true_msa") else np.float32) for key, x in {**arrays, **inputs}.items()}
    start = start or (np.tile(np.eye(3), (9, 1, 1)), np.zeros((9, 3)))
    turns, shifts = g.input("turns", (9, 3, 3)), g.input("shifts", (9, 3))
    truth = mote._ffi.new("mote_structure_truth *", {key: v[key] for key in inputs})
    made = s.structure_module(g, config_of(c), v["single"], v["z"], v["aatype"], v["seq_mask"], (turns, shifts))
    scores = s.structure_heads(g, config_of(c), v["m"], v["z"], v["single"], made.single)
    total = s.structure_loss(g, config_of(c), made, scores, truth)["total"]
    for output in (made.atoms, made.single):
        g.output(output)
    g.differentiate(total)
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g, **plan_options)
    for key, x in {**arrays, **inputs}.items():
        plan[v[key]][...] = x
    plan[turns][...], plan[shifts][...] = start
    for name, p in g.parameters.items():
        plan[p][...] = weights[name]
    plan.run()
    gradients = {name: np.array(plan[g.gradient(p)]) for name, p in g.parameters.items()}
    return np.array(plan[made.atoms]), np.array(plan[made.single]), float(plan[total]), gradients, plan, c


@pytest.mark.parametrize("kind", KINDS)
def test_a_moved_start_moves_the_atoms_and_nothing_else(kind):
    turn, shift = features.random_rotations(random(1), 1)[0], random(2).standard_normal(3)
    turns, shifts = random_frames(3, 9)
    atoms, single, loss, gradients, _, c = run_whole(kind, (turns, shifts))
    moved = run_whole(kind, (turn @ turns, shifts @ turn.T + shift))
    expected = atoms @ turn.T.astype(np.float32) + shift * c["position_scale"]
    there = (atoms != 0).any(-1, keepdims=True)
    assert np.abs((moved[0] - expected) * there).max() < rounding(120, 12) * np.abs(expected).max()
    assert np.abs(moved[1] - single).max() < rounding(120, 64) * np.abs(single).max()
    assert abs(moved[2] / loss - 1) < rounding(120, 64)
    for name, x in gradients.items():
        assert np.abs(moved[3][name] - x).max() <= rounding(240, 64) * scale_of(gradients, name), name


def test_memory_limit_changes_no_bit():
    expected = run_whole("monomer_ptm")
    total = expected[4].memory["total"]
    with pytest.raises(mote.MoteMemoryError) as error:
        run_whole("monomer_ptm", memory_limit=1)
    least = int(float(str(error.value).split("works is ")[1].split(" MB")[0]) * 1e6) + 1000
    assert least < total
    found = run_whole("monomer_ptm", memory_limit=least)
    assert found[4].memory["recomputed"] > 0 and found[2] == expected[2]
    assert all(np.array_equal(x, found[3][name]) for name, x in expected[3].items())


@pytest.mark.parametrize("policy", ["bf16", "mxfp8"])
def test_policies_leave_geometry_alone(policy):
    """Products are rounded, positions are not: bonds keep their lengths."""
    exact, found = run_whole("monomer_ptm"), run_whole("monomer_ptm", policy=policy)
    assert not np.array_equal(exact[1], found[1]) and abs(found[2] / exact[2] - 1) < 0.1
    lengths = [np.linalg.norm(x[0][:, 0] - x[0][:, 1], axis=-1) for x in (exact, found)]
    assert np.abs(lengths[0] - lengths[1]).max() < 1e-4
    assert all(np.isfinite(x).all() for x in found[3].values())


# ---- what scores mean, and what cannot be ----


def test_confidence():
    scores, n = random(1).standard_normal((23, 23, 64)) * 3, 23
    scores = scores.astype(np.float32)
    weights, chains = random(2).random(n), np.arange(n) // 8
    lddt = structure.predicted_lddt(NUMPY, scores[0].astype(np.float64))
    error = structure.predicted_aligned_error(NUMPY, scores.astype(np.float64))
    assert np.abs(s.predicted_lddt(scores[0]) - lddt).max() < 1e-4
    assert np.abs(s.predicted_aligned_error(scores) - error).max() < 1e-5
    for some in ({}, {"weights": weights}, {"weights": (weights > 0.5) * 1.0}):
        expected = structure.predicted_tm(NUMPY, scores.astype(np.float64), some.get("weights"))
        assert abs(s.predicted_tm(scores, **some) - expected) < 1e-6
        expected = structure.predicted_tm(NUMPY, scores.astype(np.float64), some.get("weights"), chains)
        assert abs(s.predicted_tm(scores, chains=chains, **some) - expected) < 1e-6


def test_start():
    """A new module leaves residues where they are, and weighs points by 1 (1.11.4)."""
    g, config = mote.Graph(), s.structure_config(c_s=12, c_z=8)
    single, pair, aatype, mask = g.input("single", (5, 12)), g.input("pair", (5, 5, 8)), g.input("t", (5,), "int32"), g.input("mask", (5,))
    made = s.structure_module(g, config, single, pair, aatype, mask)
    g.output(made.frames[7].translations)
    plan = mote.Plan(g)
    plan.initialize(seed=1)
    plan[single][...], plan[pair][...], plan[mask][...] = random(1).standard_normal((5, 12)), random(2).standard_normal((5, 5, 8)), 1
    plan.run()
    assert (plan[made.frames[7].translations] == 0).all()
    assert np.allclose(np.log1p(np.exp(plan[g.parameters["structure_module.ipa.head_weights"]])), 1)


def test_dropout_is_for_training():
    """Drawn for a run's seed, and none elsewhere."""
    found = {}
    for training, seed in ((0, 1), (0, 2), (1, 1), (1, 2), (1, 1)):
        c, weights, batch, arrays = whole("monomer_ptm", 11, 7)
        g = mote.Graph()
        v = {key: g.input(key, arrays[key].shape) for key in ("single", "z")}
        made = s.structure_module(g, config_of(c, training=training), v["single"], v["z"], g.input("t", (7,), "int32"), g.input("mask", (7,)))
        g.output(made.single)
        plan = mote.Plan(g)
        for key in v:
            plan[v[key]][...] = arrays[key]
        for name, p in g.parameters.items():
            plan[p][...] = weights[name]
        plan.run(seed)
        found.setdefault((training, seed), []).append(np.array(plan[made.single]))
    assert np.array_equal(found[0, 1], found[0, 2]) and np.array_equal(*found[1, 1])
    assert not np.array_equal(found[0, 1][0], found[1, 1][0]) and not np.array_equal(found[1, 1][0], found[1, 2][0])


@pytest.mark.parametrize("kind", KINDS)
def test_published_sizes(kind):
    """Every parameter of the published module and heads, and no other, by its name and shape."""
    c = names.sizes(kind)
    config = s.structure_config(bool(c["multimer"]), True)
    assert {key: getattr(config, key) for key in SIZES} == {key: c[key] for key in SIZES}
    g, n = mote.Graph(), 3
    single, pair, msa = g.input("single", (n, 384)), g.input("pair", (n, n, 128)), g.input("msa", (2, n, 256))
    made = s.structure_module(g, config, single, pair, g.input("t", (n,), "int32"), g.input("mask", (n,)))
    s.structure_heads(g, config, msa, pair, single, made.single)
    expected = {name: shape for name, shape in names.canonical_shapes(c).items() if name.startswith(("structure_module", "aux_heads"))}
    assert {name: g.shape(v) for name, v in g.parameters.items()} == expected


@pytest.mark.parametrize("changes, message", [
    ({"ipa_heads": 0}, "ipa_heads: expected 1 to"), ({"structure_layers": 17}, "structure_layers: expected 1 to 16, found 17"),
    ({"dropout": 1.0}, "dropout: expected from 0"), ({"position_scale": 0.0}, "position_scale: expected above 0"),
])
def test_modules_that_cannot_be(changes, message):
    with pytest.raises(mote.MoteValueError, match=message):
        s.structure_config(**changes)
