"""Graphs: every operation and its gradient against FP64 definitions and their central differences, passes, plans, errors."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import definitions as d
import mote

RNG = np.random.default_rng


def numbers(*shape, seed=0, low=None, high=None):
    if low is not None:
        return RNG(seed).uniform(low, high, shape)
    return RNG(seed).normal(size=shape)


def central_differences(f, arrays, index, step=1e-6):
    """Gradient of the number f(*arrays) with respect to arrays[index], in FP64."""
    x = arrays[index]
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = f(*arrays)
        x[i] = kept - step
        below = f(*arrays)
        x[i] = kept
        gradient[i] = (above - below) / (2 * step)
    return gradient


def check(build, definition, *arrays, integers=(), tolerance=2e-6, policy=None):
    """Holds y = build(graph, *values) and all gradients of sum(y * signed random weights) against the definition."""
    arrays = [np.asarray(a, np.float32).astype(np.float64) for a in arrays]
    g = mote.Graph()
    values = [g.input(f"x{i}", a.shape) for i, a in enumerate(arrays)]
    tokens = [g.input(f"t{i}", t.shape, np.int32) for i, t in enumerate(integers)]
    for v in values:
        g.want_gradient(v)
    with g.layer("tested"):
        y = build(g, *values, *tokens)
    expected = definition(*arrays)
    assert g.shape(y) == expected.shape
    g.output(y)
    weights = numbers(*expected.shape, seed=99)
    w = g.input("weights", expected.shape)
    loss = g.sum(g.multiply(y, w), 0, len(expected.shape))
    g.differentiate(loss)
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g)
    for v, a in zip(values + tokens, list(arrays) + list(integers)):
        plan[v][...] = a
    plan[w][...] = weights
    plan.run(seed=3)
    scale = np.abs(expected).max() + 1e-30
    assert np.abs(plan[y] - expected).max() <= tolerance * scale
    for i, v in enumerate(values):
        wanted = central_differences(lambda *a: float((definition(*a) * weights.astype(np.float32)).sum()), arrays, i)
        got = plan[g.gradient(v)]
        assert np.abs(got - wanted).max() <= tolerance * 5 * (np.abs(wanted).max() + 1e-3), f"gradient of input {i}"
    return plan


@pytest.mark.parametrize("name", sorted(d.MAPS))
def test_map(name):
    positive = name in ("log", "sqrt", "reciprocal")
    x = numbers(5, 37, low=0.3, high=3) if positive else numbers(5, 37) * 2
    x[np.abs(x) < 0.01] = 0.5  # away from the corners of relu and abs
    check(lambda g, v: g.map(name, v), d.MAPS[name], x)


@pytest.mark.parametrize("a_shape, b_shape", [((3, 5), (3, 5)), ((4, 3, 5), (5,)), ((4, 1, 5), (3, 1)), ((), (2, 3)), ((1, 7), (6, 1))])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_binary(name, a_shape, b_shape):
    f = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}[name]
    a, b = numbers(*a_shape, seed=1), numbers(*b_shape, seed=2, low=0.5, high=2)
    check(lambda g, x, y: getattr(g, name)(x, y), f, a, b)


def test_a_repeated_operand_keeps_its_memory():
    """Both sides take 64 bytes: the smaller one must not be written over while it is repeated."""
    x, z = numbers(3, 1), numbers(3, 4, seed=1)
    check(lambda g, a, b: g.add(g.map("exp", a), b), lambda a, b: np.exp(a) + b, x, z)


def test_shapes():
    x = numbers(4, 3, 5, 2)
    check(lambda g, v: g.reshape(v, (12, 10)), lambda a: a.reshape(12, 10), x)
    check(lambda g, v: g.permute(v, (2, 0, 3, 1)), lambda a: a.transpose(2, 0, 3, 1), x)
    check(lambda g, v: g.slice(v, 2, 1, 3), lambda a: a[:, :, 1:4], x)
    check(lambda g, v: g.slice(g.slice(v, 0, 1, 2), 3, 1, 1), lambda a: a[1:3, :, :, 1:], x)
    check(lambda g, *v: g.concatenate(v, 1), lambda *a: np.concatenate(a, 1), x, numbers(4, 2, 5, 2, seed=1), numbers(4, 1, 5, 2, seed=2))
    check(lambda g, v: g.concatenate([v, v], 3), lambda a: np.concatenate([a, a], 3), x)
    check(lambda g, v: g.sum(v, 1, 2), lambda a: a.sum((1, 2)), x)
    check(lambda g, v: g.mean(v, 0, 4), lambda a: a.mean(), x)
    check(lambda g, v: g.broadcast(v, (6, 4, 5)), lambda a: np.broadcast_to(a, (6, 4, 5)).copy(), numbers(4, 1))
    check(lambda g, v: g.scale(v, -2.5), lambda a: -2.5 * a, x)


@pytest.mark.parametrize("shape", [(), (5,), (1, 7, 1), (33, 17), (64, 128), (5, 1, 40, 3), (20, 19, 18), (2, 3, 4, 5, 6), (0, 3), (70, 300), (3, 48, 2, 32)])
def test_permute_in_every_order(shape):
    """Rows that are copied, and planes that are transposed in blocks: whole ones, their edges, and neither."""
    x = numbers(*shape)
    for axes in itertools.permutations(range(len(shape))):
        g = mote.Graph()
        v = g.input("x", shape)
        y = g.permute(v, axes)
        g.output(y)
        plan = mote.Plan(g)
        plan[v][...] = x
        plan.run(seed=1)
        np.testing.assert_array_equal(plan[y], x.astype(np.float32).transpose(axes), err_msg=str(axes))


def test_shared_parameters():
    """A network that is applied twice has one set of parameters, and the sum of both gradients; outside, names are taken again."""
    w = numbers(5, 5, seed=3)
    made = []

    def twice(g, x):
        first = x
        for _ in range(2):
            with g.shared(first):
                made.append(g.parameter("w", (5, 5)))
            x = g.map("tanh", g.linear(x, made[-1]))
        return x

    g = mote.Graph()
    x = g.input("x", (3, 5))
    y = twice(g, x)
    assert made[0] == made[1] and len(g.parameters) == 1
    g.differentiate(g.sum(y, 0, 2))
    plan = mote.Plan(g)
    values = numbers(3, 5)
    plan[x][...], plan[made[0]][...] = values, w
    plan.run()
    f = lambda a, b: np.tanh(np.tanh(a @ b.T) @ b.T).sum()
    wanted = central_differences(f, [values.astype(np.float32).astype(np.float64), w.astype(np.float32).astype(np.float64)], 1)
    assert np.abs(plan[g.gradient(made[0])] - wanted).max() <= 1e-5 * np.abs(wanted).max()
    g = mote.Graph()
    g.parameter("w", (5, 5))
    with pytest.raises(mote.MoteValueError, match="the name is taken"):
        g.parameter("w", (5, 5))
    g = mote.Graph()
    first = g.parameter("w", (5, 5))
    with pytest.raises(mote.MoteValueError, match="it had another shape before"), g.shared(first):
        g.parameter("w", (5, 4))


def test_concatenate_refuses():
    g = mote.Graph()
    with pytest.raises(mote.MoteValueError, match="dimension 1: value 1 has 4 entries, expected 3"):
        g.concatenate([g.input("a", (2, 3)), g.input("b", (2, 4))], 0)
    g = mote.Graph()
    with pytest.raises(mote.MoteValueError, match="axis 2 of 2 dimensions"):
        g.concatenate([g.input("a", (2, 3))], 2)
    with pytest.raises(mote.MoteValueError, match="expected 1 to 32 values, found 0"):
        mote.Graph().concatenate([], 0)


@pytest.mark.parametrize("turns", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_matmul(turns):
    a, b = numbers(2, 3, 5, 7, seed=1), numbers(2, 3, 7, 4, seed=2)
    ta, tb = turns
    check(
        lambda g, x, y: g.matmul(x, y, ta, tb),
        lambda x, y: (x.swapaxes(-1, -2) if ta else x) @ (y.swapaxes(-1, -2) if tb else y),
        a.swapaxes(-1, -2).copy() if ta else a,
        b.swapaxes(-1, -2).copy() if tb else b,
    )


def test_linear():
    x, w, b = numbers(2, 9, 33, seed=1), numbers(17, 33, seed=2), numbers(17, seed=3)
    check(lambda g, *v: g.linear(*v), lambda x, w, b: x @ w.T + b, x, w, b)
    check(lambda g, *v: g.linear(*v), lambda x, w: x @ w.T, x, w)


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": (1, 2)}, {"dilation": (2, 2), "padding": (2, 1)}])
def test_convolution(options):
    x, w, b = numbers(2, 7, 6, 3, seed=1), numbers(5, 3, 2, 3, seed=2), numbers(5, seed=3)
    check(lambda g, *v: g.convolution(*v, **options), lambda *a: d.convolution(*a, **options), x, w, b)


def test_norms():
    x, w, b = numbers(3, 4, 37, seed=1) * 3 + 1, numbers(37, seed=2), numbers(37, seed=3)
    check(lambda g, *v: g.layer_norm(*v), lambda *a: d.layer_norm(*a, 1e-5), x, w, b, tolerance=4e-6)
    check(lambda g, v: g.layer_norm(v), lambda a: d.layer_norm(a, 1, 0, 1e-5), x, tolerance=4e-6)
    check(lambda g, *v: g.rms_norm(*v, epsilon=1e-6), lambda *a: d.rms_norm(*a, 1e-6), x, w, tolerance=4e-6)


def test_softmax_swiglu_and_gates():
    check(lambda g, v: g.softmax(v), d.softmax, numbers(3, 5, 41) * 4)
    check(lambda g, v: g.swiglu(v), d.swiglu, numbers(3, 5, 42) * 2)
    check(lambda g, x, v: g.gate(x, v), lambda x, v: x * d.sigmoid(v), numbers(3, 5, 21), numbers(3, 5, 21, seed=1) * 2)


def test_rotary():
    x = numbers(2, 6, 40)
    check(lambda g, v: g.rotary(v, 3, 8, 100.0), lambda a: d.rotary(a, 3, 8, 100.0), x)


@pytest.mark.parametrize("leading, heads, queries, keys, width", [((), 2, 5, 7, 3), ((2, 3), 2, 6, 6, 4)])
@pytest.mark.parametrize("biases, gated", [((), False), (("mask", "pair"), True), (("pair", "mask", "keys", "full"), False)])
def test_evoformer_attention(leading, heads, queries, keys, width, biases, gated):
    """The mask and the pair bias of the Evoformer, one for each key, one for each score; with and without a gate."""
    shapes = {
        "mask": (*leading, 1, 1, keys),
        "pair": (*leading[:-1], 1, heads, queries, keys) if leading else (heads, queries, keys),
        "keys": (keys,),
        "full": (*leading, heads, queries, keys),
    }
    arrays = [numbers(*leading, n, heads, width, seed=i) for i, n in enumerate((queries, keys, keys))]
    arrays += [numbers(*shapes[b], seed=10 + i) for i, b in enumerate(biases)]
    arrays += [numbers(*leading, queries, heads, width, seed=5)] if gated else []
    count = len(biases)

    def build(g, q, k, v, *rest):
        return g.evoformer_attention(q, k, v, rest[:count], rest[count] if gated else -1, 0.4)

    def definition(q, k, v, *rest):
        return d.evoformer_attention(q, k, v, rest[:count], rest[count] if gated else None, 0.4)

    check(build, definition, *arrays, tolerance=4e-6)


def test_evoformer_attention_refuses():
    g = mote.Graph()
    q, k, b = g.input("q", (3, 5, 2, 4)), g.input("k", (3, 6, 2, 4)), g.input("b", (2, 5, 5))
    with pytest.raises(mote.MoteValueError, match="bias 0 does not broadcast"):
        g.evoformer_attention(q, k, k, [b])


def test_embedding():
    tokens = RNG(1).integers(0, 7, (3, 9)).astype(np.int32)
    check(lambda g, t, i: g.embedding(t, i), lambda t: t[tokens], numbers(7, 5), integers=(tokens,))


@pytest.mark.parametrize("rows, classes", [(5, 7), (70, 33)])
def test_linear_cross_entropy(rows, classes):
    x, w, b = numbers(rows, 12, seed=1), numbers(classes, 12, seed=2), numbers(classes, seed=3)
    targets = RNG(4).integers(-1, classes, rows).astype(np.int32)
    check(
        lambda g, x, w, b, t: g.linear_cross_entropy(x, w, t, b),
        lambda x, w, b: d.linear_cross_entropy(x, w, b, targets),
        x, w, b, integers=(targets,), tolerance=4e-6,
    )


def test_mean_loss():
    targets = np.array([3, -1, 0, 5, -1], np.int32)
    check(lambda g, x, t: g.mean_loss(x, t), lambda x: x[targets >= 0].mean(), numbers(5), integers=(targets,))


def test_softmax_cross_entropy():
    targets = RNG(4).integers(-1, 7, (3, 70)).astype(np.int32)

    def definition(x):
        entropy = d.linear_cross_entropy(x.reshape(210, 7), np.eye(7), 0, targets.reshape(-1))
        return entropy.reshape(3, 70)

    check(lambda g, x, t: g.softmax_cross_entropy(x, t), definition, numbers(3, 70, 7), integers=(targets,), tolerance=4e-6)


def test_a_target_outside_of_the_classes():
    g = mote.Graph()
    t = g.input("t", (2,), np.int32)
    g.output(g.softmax_cross_entropy(g.input("x", (2, 3)), t))
    plan = mote.Plan(g)
    plan[t][...] = 2, 3
    with pytest.raises(mote.MoteValueError, match="target 1 is 3, there are 3 classes"):
        plan.run()


def test_arrays_and_concatenation():
    x, y, z = numbers(2, 3, 4), numbers(2, 1, 4, seed=1), numbers(2, 5, 4, seed=2).astype(np.float32)
    check(
        lambda g, a, b: g.concatenate([a, g.array(z), b, a], 1),
        lambda a, b: np.concatenate([a, z, b, a], 1),
        x, y,
    )
    check(lambda g, a, b: g.concatenate([a, b], 0), lambda a, b: np.concatenate([a, b]), numbers(3), numbers(4, seed=1))
    check(lambda g, a: g.add(a, g.array(np.float32(2.5))), lambda a: a + 2.5, numbers(3))
    g = mote.Graph()
    with pytest.raises(mote.MoteValueError, match="dimension 0: value 1 has 3 entries, expected 2"):
        g.concatenate([g.input("a", (2, 3)), g.input("b", (3, 3))], 1)


def test_stopped_gradients():
    x = numbers(5, 3)
    g = mote.Graph()
    v = g.input("x", x.shape)
    g.want_gradient(v)
    stopped = g.stop_gradient(g.map("square", v))
    y = g.multiply(g.map("exp", stopped), g.stop_gradient(v))
    g.output(y)
    g.differentiate(g.sum(g.multiply(y, v), 0, 2))
    assert "map_gradient" not in str(g)
    plan = mote.Plan(g)
    plan[v][...] = x
    plan.run()
    assert np.allclose(plan[y], np.exp(x**2) * x, rtol=1e-5) and np.array_equal(plan[g.gradient(v)], plan[y])


def test_bins():
    breaks = np.array([-1, 0, 0.5, 2], np.float32)
    x = np.concatenate([numbers(20), breaks, np.nextafter(breaks, 9), [-np.inf, np.inf]]).astype(np.float32)
    g = mote.Graph()
    v = g.input("x", x.shape)
    found = g.bins(v, breaks)
    g.output(found)
    plan = mote.Plan(g)
    plan[v][...] = x
    plan.run()
    assert plan[found].dtype == np.int32 and np.array_equal(plan[found], (x[:, None] > breaks).sum(-1))


@pytest.mark.parametrize("leading, points", [((5,), 7), ((2, 19), 1), ((), 4)])
@pytest.mark.parametrize("inverse", [False, True])
def test_rotate(leading, points, inverse):
    spec = "...ji,...pj->...pi" if inverse else "...ij,...pj->...pi"
    check(
        lambda g, r, x: g.rotate(r, x, inverse),
        lambda r, x: np.einsum(spec, r, x),
        numbers(*leading, 3, 3, seed=1), numbers(*leading, points, 3, seed=2),
    )


@pytest.mark.parametrize("leading, m, k, n", [((), 5, 7, 3), ((2, 3), 9, 67, 4), ((1,), 17, 16, 1)])
def test_squared_distances(leading, m, k, n):
    check(
        lambda g, a, b: g.squared_distances(a, b),
        lambda a, b: ((a[..., :, None, :] - b[..., None, :, :]) ** 2).sum(-1),
        numbers(*leading, m, n, seed=1), numbers(*leading, k, n, seed=2),
    )


def test_squared_distances_far_from_the_origin():
    """As exact as the differences are: |a|^2 + |b|^2 - 2 ab would have an error of 0.06 here."""
    a = (numbers(9, 3) + 500).astype(np.float32)
    g = mote.Graph()
    v = g.input("a", a.shape)
    y = g.squared_distances(v, v)
    g.output(y)
    plan = mote.Plan(g)
    plan[v][...] = a
    plan.run()
    expected = ((a.astype(np.float64)[:, None] - a[None]) ** 2).sum(-1)
    assert np.abs(plan[y] - expected).max() < 4 * 2**-24 * expected.max()


FRAME_ERRORS = {
    "as it is": {},
    "clamped": {"clamp": 2.5},
    "least": {"clamp": 2.5, "least_distance": True, "unit": 20.0},
    "within": {"pairs": "within", "clamp": 3.0},
    "between": {"pairs": "between"},
}


@pytest.mark.parametrize("name", FRAME_ERRORS)
def test_frame_aligned_error(name):
    options, frames, points = FRAME_ERRORS[name], 11, 9
    masks = (RNG(1).random(frames) > 0.3) * 0.5, (RNG(2).random(points) > 0.3) * 1.0
    chains = tuple((np.arange(n) % 3).astype(np.int32) for n in (frames, points))
    truth = [numbers(*s, seed=3 + i).astype(np.float32) for i, s in enumerate([(frames, 3, 3), (frames, 3), (points, 3)])]

    def build(g, r, t, x, *chains):
        return g.frame_aligned_error((r, t, x), [g.array(a) for a in truth], *map(g.array, masks), chains, **options)

    def definition(r, t, x):
        def local(r, t, x):
            return np.einsum("fji,fpj->fpi", r, x[None] - t[:, None])

        squared = ((local(r, t, x) - local(*truth)) ** 2).sum(-1)
        distance = np.sqrt(np.maximum(squared, 1e-8) if options.get("least_distance") else squared + 1e-4)
        distance = np.minimum(distance, options.get("clamp", np.inf))
        same = chains[0][:, None] == chains[1][None]
        pairs = {"within": same, "between": ~same}.get(options.get("pairs"), True)
        weights = masks[0][:, None] * masks[1] * pairs
        return np.array((distance * weights).sum() / (weights.sum() + 1e-4) / options.get("unit", 10.0))

    shapes = (frames, 3, 3), (frames, 3), (points, 3)
    check(build, definition, *(numbers(*s, seed=7 + i) for i, s in enumerate(shapes)), integers=chains)


def test_renaming_and_lddt():
    """Held against loops over atoms."""
    n, atoms = 9, 5
    x, named, other = (numbers(n, atoms, 3, seed=i) * 3 for i in range(3))
    mask, ambiguous = (RNG(3).random((n, atoms)) > 0.2) * 1.0, (RNG(4).random((n, atoms)) > 0.6) * 1.0
    other[ambiguous == 0] = named[ambiguous == 0]
    g = mote.Graph()
    inputs = [g.input(f"x{i}", a.shape) for i, a in enumerate((x, named, other, mask, ambiguous))]
    renamed = g.renaming(*inputs)
    atom = [g.reshape(g.slice(v, 1, 1, 1), (n, 3)) for v in inputs[:2]] + [g.reshape(g.slice(inputs[3], 1, 1, 1), (n,))]
    score, classes = g.lddt(*atom, 6)
    for v in (renamed, score, classes):
        g.output(v)
    plan = mote.Plan(g)
    for v, a in zip(inputs, (x, named, other, mask, ambiguous)):
        plan[v][...] = a
    plan.run()

    def distance(x, a, b):
        return np.linalg.norm(x[a] - x[b])

    every = [(i, j) for i in range(n) for j in range(atoms) if mask[i, j]]
    for i in range(n):
        pairs = [(a, b) for a in every for b in every if a[0] == i and ambiguous[a] and not ambiguous[b]]
        errors = [sum(abs(distance(x, a, b) - distance(y, a, b)) for a, b in pairs) for y in (named, other)]
        assert plan[renamed][i] == (errors[1] < errors[0])
        near = [j for j in range(n) if j != i and mask[i, 1] * mask[j, 1] and distance(named, (i, 1), (j, 1)) < 15]
        off = [abs(distance(named, (i, 1), (j, 1)) - distance(x, (i, 1), (j, 1))) for j in near]
        expected = np.mean([np.mean([o < limit for limit in (0.5, 1, 2, 4)]) for o in off]) if off else 1
        assert abs(plan[score][i] - expected) < 1e-6
        assert plan[classes][i] == min(5, int(expected * 6 + 1e-9))
    assert 0 < plan[renamed].sum() < n and 0 < plan[score].min() < 1


def test_dropout_is_the_same_backward():
    g = mote.Graph()
    x = g.input("x", (64, 50))
    g.want_gradient(x)
    y = g.dropout(x, 0.25)
    g.output(y)
    g.differentiate(g.sum(y, 0, 2))
    plan = mote.Plan(g)
    plan[x][...] = 1
    plan.run(seed=1)
    first = np.array(plan[y])
    kept = first > 0
    assert abs(kept.mean() - 0.75) < 0.03 and np.allclose(first[kept], 1 / 0.75)
    assert np.array_equal(plan[g.gradient(x)], first)
    plan.run(seed=2)
    assert not np.array_equal(plan[y], first)
    plan.run(seed=1)
    assert np.array_equal(plan[y], first)


# ---- fused operations are their compositions of core ones ----


def composed(build, reference, arrays, tolerance=5e-6):
    """Two graphs, one of a fused operation, one of its composition: values and gradients agree."""
    results = []
    for make in (build, reference):
        g = mote.Graph()
        values = [g.input(f"x{i}", a.shape) for i, a in enumerate(arrays)]
        for v in values:
            g.want_gradient(v)
        y = make(g, *values)
        w = g.input("weights", g.shape(y))
        g.output(y)
        g.differentiate(g.sum(g.multiply(y, w), 0, len(g.shape(y))))
        plan = mote.Plan(g)
        for v, a in zip(values, arrays):
            plan[v][...] = a
        plan[w][...] = numbers(*g.shape(y), seed=5)
        plan.run()
        results.append([np.array(plan[y])] + [np.array(plan[g.gradient(v)]) for v in values])
    for a, b in zip(*results):
        assert np.abs(a - b).max() <= tolerance * (np.abs(b).max() + 1e-6)


def test_softmax_is_its_composition():
    def reference(g, x):
        e = g.map("exp", x)
        return g.divide(e, g.reshape(g.sum(e, 1, 1), (6, 1)))

    composed(lambda g, x: g.softmax(x), reference, [numbers(6, 19)])


def test_layer_norm_is_its_composition():
    def reference(g, x, w, b):
        centred = g.subtract(x, g.reshape(g.mean(x, 1, 1), (6, 1)))
        variance = g.reshape(g.mean(g.map("square", centred), 1, 1), (6, 1))
        deviation = g.map("sqrt", g.add(variance, g.constant((), 1e-5)))
        return g.add(g.multiply(g.divide(centred, deviation), w), b)

    composed(lambda g, *v: g.layer_norm(*v), reference, [numbers(6, 19), numbers(19, seed=1), numbers(19, seed=2)])


def test_linear_is_its_composition():
    composed(
        lambda g, *v: g.linear(*v),
        lambda g, x, w, b: g.add(g.matmul(x, w, False, True), b),
        [numbers(6, 19), numbers(5, 19, seed=1), numbers(5, seed=2)],
    )


def test_gelu_swiglu_and_gates_are_their_compositions():
    def gelu(g, x):
        half = g.map("erf", g.scale(x, 0.5**0.5))
        return g.multiply(g.scale(x, 0.5), g.add(half, g.constant((), 1.0)))

    def swiglu(g, x):
        gate, up = g.slice(x, 1, 0, 9), g.slice(x, 1, 9, 9)
        return g.multiply(g.multiply(gate, g.map("sigmoid", gate)), up)

    composed(lambda g, x: g.map("gelu", x), gelu, [numbers(6, 19)])
    composed(lambda g, x: g.swiglu(x), swiglu, [numbers(6, 18)])
    composed(lambda g, x, v: g.gate(x, v), lambda g, x, v: g.multiply(x, g.map("sigmoid", v)), [numbers(6, 18), numbers(6, 18, seed=1)])


# ---- passes and plans ----


def small_model(layers=4, segments=True, rows=128, width=64):
    g = mote.Graph()
    x = g.input("x", (rows, width))
    h = x
    for i in range(layers):
        with g.layer(f"block.{i}"):
            def body(h):
                with g.layer("up"):
                    u = g.map("gelu", g.linear(g.layer_norm(h), g.parameter("weight", (4 * width, width), spread=0.05)))
                with g.layer("down"):
                    return g.add(h, g.linear(g.dropout(u, 0.1), g.parameter("weight", (width, 4 * width), spread=0.05)))
            if segments:
                with g.segment():
                    h = body(h)
            else:
                h = body(h)
    loss = g.mean(g.map("square", h), 0, 2)
    g.differentiate(loss)
    return g, x, loss


def run_model(g, x, loss, **options):
    plan = mote.Plan(g, **options)
    plan.initialize(seed=5)
    plan[x][...] = numbers(*g.shape(x), seed=6)
    plan.run(seed=7)
    return plan, [np.array(plan[loss])] + [np.array(plan[g.gradient(v)]) for v in g.parameters.values()]


@pytest.mark.parametrize("policy", ["fp32", "bf16", "mxfp6", "mxint8", "mxfp4-w_mxfp6-ag", "nvfp4"])
def test_memory_limit_changes_no_bit(policy):
    g, x, loss = small_model(rows=1024)
    g.apply_policy(policy)
    plan, expected = run_model(g, x, loss)
    total = plan.memory["total"]
    with pytest.raises(mote.MoteMemoryError, match="smallest limit that works is ([0-9.]+) MB") as error:
        mote.Plan(g, memory_limit=1)
    least = float(str(error.value).split("works is ")[1].split(" MB")[0]) * 1e6
    assert least < total
    for limit in (int(least) + 1, int((least + total) / 2)):
        small, got = run_model(g, x, loss, memory_limit=limit)
        assert small.memory["total"] <= limit and small.memory["recomputed"] > 0
        assert all(np.array_equal(a, b) for a, b in zip(expected, got))


def test_narrow_saved_activations_take_less():
    sizes = {}
    for policy in ("fp32", "mxfp6"):
        g, x, loss = small_model(rows=2048)
        g.apply_policy(policy)
        sizes[policy] = mote.Plan(g).memory["saved"]
    assert sizes["mxfp6"] < 0.5 * sizes["fp32"]


def test_saving_in_blocks_gives_the_bits_of_quantizing_later():
    """dW reads x from blocks along the rows; the products of mote.linear_backward quantize it on the way."""
    x, w, dy = (numbers(*s, seed=i).astype(np.float32) for i, s in enumerate([(70, 40), (24, 40), (70, 24)]))
    for policy in ("mxfp6", "mxint8", "mxfp4-w_mxfp6-ag", "mxfp8"):
        g = mote.Graph()
        v, weights = g.input("x", x.shape), g.input("dy", dy.shape)
        p = g.parameter("w", w.shape)
        h = g.scale(v, 1.0)
        y = g.linear(h, p)
        g.differentiate(g.sum(g.multiply(y, weights), 0, 2))
        g.apply_policy(policy)
        assert "cast" in str(g)
        plan = mote.Plan(g)
        plan[v][...], plan[p][...], plan[weights][...] = x, w, dy
        plan.run()
        _, dw, _ = mote.linear_backward(x, w, dy, policy=policy)
        assert np.array_equal(plan[g.gradient(p)], dw)


def test_policy_by_layer():
    g, x, loss = small_model(2)
    g.apply_policy(json.dumps({"policy": "mxfp6", "saved": "fp32", "layers": [{"match": "*.down", "policy": "fp32"}]}))
    lines = [line for line in str(g).splitlines() if "= linear " in line]
    assert [line.endswith(" mx") for line in lines] == [True, False] * 2


@pytest.mark.parametrize(
    "policy, message",
    [
        ("mxfp7", "unknown policy 'mxfp7'"),
        ('{"policy": "mxfp6", "layers": [{"match": "nothing*", "policy": "fp32"}]}', "no layer matches 'nothing\\*'.*block.\\*.up"),
        ('{"policy": "mxfp6", "forward": {"weight": "mxfp9"}}', "forward.weight: unknown format 'mxfp9'"),
        ('{"policy": "mxfp6", "forward": {"bias": "mxfp8"}}', "found 'bias'"),
        ('{"policy": "mxfp6", "wat": 1}', "unknown key 'wat'"),
        ('{"policy": ', "line 1, column"),
        ('{"policy": "mxfp6", "saved": "mxfp4"}', "saved: expected"),
        ('{"rounding": "up"}', "rounding: unknown name 'up'"),
    ],
)
def test_bad_policies(policy, message):
    g, _, _ = small_model(1)
    with pytest.raises(mote.MoteValueError, match=message):
        g.apply_policy(policy)


def test_a_mistake_sticks_and_names_its_place():
    g = mote.Graph()
    x = g.input("x", (3, 4))
    with pytest.raises(mote.MoteValueError, match="layer.one: linear: x has 4 columns, the weight 5"):
        with g.layer("layer.one"):
            g.linear(x, g.parameter("weight", (2, 5)))
    with pytest.raises(mote.MoteValueError, match="layer.one: linear"):
        g.input("y", (2,))


def test_tokens_outside_of_the_table():
    g = mote.Graph()
    t = g.input("t", (3,), np.int32)
    y = g.embedding(g.parameter("table", (4, 2)), t)
    g.output(y)
    plan = mote.Plan(g)
    plan[t][...] = [0, 4, 1]
    with pytest.raises(mote.MoteValueError, match="token 1 is 4, the table has 4 entries"):
        plan.run()


def test_text_and_dot():
    g, _, _ = small_model(1)
    assert "linear_weight_gradient" in str(g) and "block.0.up.weight" in str(g)
    assert g.dot().startswith("digraph") and g.dot().count("->") > 20


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    script = (
        "import numpy as np, mote, test_graph as t, hashlib\n"
        "out = hashlib.sha256()\n"
        "for p in ('fp32', 'mxfp6', 'mxint8'):\n"
        "    g, x, loss = t.small_model(2)\n"
        "    g.apply_policy(p)\n"
        "    for a in t.run_model(g, x, loss)[1]: out.update(a.tobytes())\n"
        "print(out.hexdigest())\n"
    )
    def run(count):
        environment = dict(os.environ, MOTE_THREADS=str(count), PYTHONPATH=os.path.dirname(os.path.dirname(mote.__file__)))
        return subprocess.run([sys.executable, "-c", script], env=environment, cwd=os.path.dirname(__file__), check=True,
                              capture_output=True, text=True).stdout

    assert run(1) == run(threads)
