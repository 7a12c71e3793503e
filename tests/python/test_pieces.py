"""Pieces: a body piece by piece is the computation over the whole, in values, gradients, policies; and takes less memory."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import mote
from test_graph import check, numbers

SHAPE = (7, 5, 8)


def normal(g, x):
    return g.layer_norm(x, g.parameter("weight", (8,), spread=0.5), g.parameter("bias", (8,), spread=0.5))


def transition(g, x):
    """Layer norm, SwiGLU, linear and residual: the blockwise transition of Evoformer."""
    with g.layer("norm"):
        h = normal(g, x)
    with g.layer("up"):
        h = g.linear(h, g.parameter("weight", (48, 8), spread=0.4), g.parameter("bias", (48,), spread=0.4))
    with g.layer("down"):
        return g.add(x, g.linear(g.swiglu(h), g.parameter("weight", (8, 24), spread=0.4)))


def rows_of_attention(g, x):
    """Rows attend within themselves: x [rows, positions, 8], two heads."""
    with g.layer("attention"):
        qkv = g.linear(x, g.parameter("qkv", (24, 8), spread=0.5))
        return g.add(x, g.linear(g.attention(qkv, 2, causal=False), g.parameter("out", (8, 8), spread=0.5)))


def softmax(g, x):
    return g.softmax(g.scale(x, 2.0))


BODIES = {"transition": transition, "attention": rows_of_attention, "softmax": softmax}


def run(make, arrays, policy=None):
    """y = make(g, *values) of values that a graph has made: [y, gradients of the arrays], {parameter: gradient}, plan."""
    g = mote.Graph()
    inputs = [g.input(f"x{i}", a.shape) for i, a in enumerate(arrays)]
    for v in inputs:
        g.want_gradient(v)
    with g.layer("tested"):
        y = make(g, *[g.scale(v, 1.0) for v in inputs])
    w = g.input("weights", g.shape(y))
    g.output(y)
    g.differentiate(g.sum(g.multiply(y, w), 0, len(g.shape(y))))
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g)
    plan.initialize(seed=5)
    for v, a in zip(inputs, arrays):
        plan[v][...] = a
    plan[w][...] = numbers(*g.shape(y), seed=6)
    plan.run(seed=1)
    forward = mote.Plan(g, share=plan, only_forward=True)  # where nobody else reads what is cut, results take its place
    for v, a in zip(inputs, arrays):
        forward[v][...] = a
    forward.run(seed=1)
    assert np.array_equal(forward[y], plan[y])
    gradients = {name: np.array(plan[g.gradient(v)]) for name, v in g.parameters.items()}
    return [np.array(plan[v]) for v in [y] + [g.gradient(v) for v in inputs]], gradients, plan


def close(a, b, terms):
    """Two orders of a sum of so many terms t in FP32 differ by at most 2 terms 2^-24 sum |t| (Higham, Accuracy and Stability
    of Numerical Algorithms, section 4.2). sum |t| is no less than the largest sum, which is what counts here."""
    assert np.abs(a - b).max() <= 2 * terms * 2.0**-24 * np.abs(b).max()


# ---- values and gradients are those of the whole ----


@pytest.mark.parametrize("length", [1, 3, 7, 100])
@pytest.mark.parametrize("name, axis", [("attention", 0)] + [(n, a) for n in ("transition", "softmax") for a in (0, 1, 2)])
def test_pieces_are_the_whole(name, axis, length):
    body = BODIES[name]
    x = numbers(*[(7, 5, 8), (5, 7, 8), (2, 3, 7, 8)][axis])
    whole, expected, _ = run(body, [x])
    pieces, got, _ = run(lambda g, v: g.pieces(lambda p: body(g, p), [v], length, axis, axis), [x])
    for a, b in zip(pieces, whole):
        assert np.array_equal(a, b)
    assert sorted(got) == sorted(expected)
    for key in expected:
        assert got[key].any()
        close(got[key], expected[key], x.size // 8)


def test_last_axis():
    """Pieces along the last axis are columns: cut, and put together, value by value."""
    x = numbers(3, 4, 7)
    f = lambda g, v: g.add(v, g.map("gelu", v))
    whole, _, _ = run(f, [x])
    for length in (1, 3, 7):
        pieces, _, _ = run(lambda g, v: g.pieces(lambda p: f(g, p), [v], length, 2, 2), [x])
        assert all(np.array_equal(a, b) for a, b in zip(pieces, whole))


@pytest.mark.parametrize("length", [1, 3, 100])
def test_values_cut_along_different_axes(length):
    """Two values, each along its own axis, the result along a third; and a large one, for copies of several tasks."""
    a, b = numbers(40, 7, 300), numbers(7, 300, 40, seed=1)
    f = lambda g, p, q: g.permute(g.multiply(p, g.permute(q, (2, 0, 1))), (0, 2, 1))
    whole, _, _ = run(f, [a, b])
    pieces, _, _ = run(lambda g, p, q: g.pieces(lambda p, q: f(g, p, q), [p, q], length, [1, 0], 2), [a, b])
    assert all(np.array_equal(x, y) for x, y in zip(pieces, whole))


def test_one_value_cut_twice():
    """The result may not take the memory of a value of which another cut is still to be read."""
    x = numbers(6, 6)
    f = lambda g, v: g.add(v, g.permute(v, (1, 0)))
    whole, _, _ = run(f, [x])
    for length in (1, 4):
        pieces, _, _ = run(lambda g, v: g.pieces(lambda p, q: g.add(p, g.permute(q, (1, 0))), [v, v], length, [0, 1]), [x])
        assert all(np.array_equal(a, b) for a, b in zip(pieces, whole))


def test_one_value_cut_and_read_whole():
    x = numbers(6, 6)
    whole, _, _ = run(lambda g, v: g.add(v, g.matmul(v, v)), [x])
    pieces, _, _ = run(lambda g, v: g.pieces(lambda p: g.add(p, g.matmul(p, v)), [v], 2), [x])
    assert np.array_equal(pieces[0], whole[0])
    close(pieces[1], whole[1], 60)


def test_a_body_that_returns_its_piece():
    x = numbers(5, 3)
    for axis in (0, 1):
        (y, dx), _, _ = run(lambda g, v: g.pieces(lambda p: p, [v], 2, axis, axis), [x])
        assert np.array_equal(y, x.astype(np.float32)) and np.array_equal(dx, numbers(5, 3, seed=6).astype(np.float32))


def test_empty_values():
    g = mote.Graph()
    x = g.input("x", (5, 0))
    y = g.pieces(lambda p: g.map("exp", p), [x], 2)
    g.output(y)
    g.differentiate(g.sum(y, 0, 2))
    plan = mote.Plan(g)
    plan.run()
    assert plan[y].shape == (5, 0)


def test_gradients_that_are_one_value():
    """p + q: both gradients are the result's, one memory for two results."""
    a, b = numbers(5, 3), numbers(5, 3, seed=1)
    whole, _, _ = run(lambda g, p, q: g.add(p, q), [a, b])
    for axis in (0, 1):
        pieces, _, _ = run(lambda g, p, q: g.pieces(lambda p, q: g.add(p, q), [p, q], 2, axis, axis), [a, b])
        assert all(np.array_equal(x, y) for x, y in zip(pieces, whole))


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_definitions(axis, length):
    """Against FP64 and its central differences: cut and whole values, joined and summed."""
    x, w, b = numbers(5, 5, 4), numbers(3, 4, seed=1), numbers(5, 3, seed=2)
    check(
        lambda g, x, w, b: g.pieces(lambda p, q: g.map("tanh", g.add(g.linear(p, w), q)), [x, b], length, [axis, 0], axis)
        if axis == 1 else g.pieces(lambda p: g.map("tanh", g.add(g.linear(p, w), b)), [x], length),
        lambda x, w, b: np.tanh(x @ w.T + b), x, w, b,
    )
    check(
        lambda g, x, w: g.pieces(lambda p: g.sum(g.linear(g.map("exp", p), w), axis, 1), [x], length, axis, None),
        lambda x, w: (np.exp(x) @ w.T).sum(axis), x, w,
    )


def test_outer_product_mean():
    """Summed over sequences, [sequences, residues, c] x the same: [residues, residues, c c]; and joined over residues."""
    s, n, c = 6, 5, 3
    a, b = numbers(s, n, c), numbers(s, n, c, seed=1)
    definition = lambda a, b: np.einsum("sic,sjd->ijcd", a, b).reshape(n, n, c * c) / s

    def product(g, p, q):
        rows, i = g.shape(p)[:2]
        flat = g.matmul(g.reshape(p, (rows, i * c)), g.reshape(q, (rows, n * c)), transpose_a=True)
        return g.scale(g.reshape(g.permute(g.reshape(flat, (i, c, n, c)), (0, 2, 1, 3)), (i, n, c * c)), 1 / s)

    check(lambda g, a, b: g.pieces(lambda p, q: product(g, p, q), [a, b], 4, 0, None), definition, a, b)
    check(lambda g, a, b: g.pieces(lambda p: product(g, p, b), [a], 2, 1, 0), definition, a, b)


def test_triangle_multiplication():
    """Outgoing edges (AlphaFold 2, algorithm 11): z_ij = sum_k a_ik b_jk, rows i by pieces."""
    a, b = numbers(5, 5, 3), numbers(5, 5, 3, seed=1)
    turned = lambda g, v: g.permute(v, (2, 0, 1))
    check(
        lambda g, a, b: g.pieces(lambda p: g.permute(g.matmul(turned(g, p), turned(g, b), False, True), (1, 2, 0)), [a], 2),
        lambda a, b: np.einsum("ikc,jkc->ijc", a, b), a, b,
    )


def test_nested():
    x = numbers(6, 7, 8)
    inner = lambda g: lambda p: g.pieces(lambda q: transition(g, q), [p], 3, 1, 1)
    whole, expected, _ = run(transition, [x])
    pieces, got, plan = run(lambda g, v: g.pieces(inner(g), [v], 4), [x])
    assert all(np.array_equal(a, b) for a, b in zip(pieces, whole))
    assert list(got) == list(expected) and str(plan._graph).count("pieces {") == 2 + 2
    for key in expected:
        close(got[key], expected[key], 42)


def test_integers_are_cut_and_captured():
    tokens, segments = np.arange(10, dtype=np.int32).reshape(2, 5) % 4, np.zeros((2, 5), np.int32)
    table = numbers(4, 24)
    results = []
    for length in (1, 2):
        g = mote.Graph()
        t, i, s = g.input("t", table.shape), g.input("i", tokens.shape, np.int32), g.input("s", segments.shape, np.int32)
        g.want_gradient(t)
        y = g.pieces(lambda i, s: g.attention(g.embedding(t, i), 2, segments=s), [i, s], length)
        g.output(y)
        g.differentiate(g.sum(y, 0, 3))
        plan = mote.Plan(g)
        plan[t][...], plan[i][...], plan[s][...] = table, tokens, segments
        plan.run()
        results.append((np.array(plan[y]), np.array(plan[g.gradient(t)])))
    assert np.array_equal(results[0][0], results[1][0])
    close(results[0][1], results[1][1], 10)


# ---- memory ----


def stack(layers=2, rows=64, width=32, length=0, segments=False, leading=True, dropout=0.0):
    """Residual transitions whose hidden layer is eight times as wide as what they read."""
    g = mote.Graph()
    shape = (rows, rows, width) if leading else (2, rows * rows // 2, width)
    x = g.input("x", shape)
    h = g.scale(x, 1.0)

    def body(p):
        up = g.linear(g.layer_norm(p), g.parameter("up", (8 * width, width), spread=0.1))
        return g.add(p, g.linear(g.dropout(g.map("gelu", up), dropout), g.parameter("down", (width, 8 * width), spread=0.1)))

    for i in range(layers):
        with g.layer(f"block.{i}"):
            with g.segment() if segments else nullcontext():
                h = g.pieces(body, [h], length, 0 if leading else 1, 0 if leading else 1) if length else body(h)
                h = g.map("tanh", h) if segments else h
    loss = g.mean(g.map("square", h), 0, 3)
    g.differentiate(loss)
    return g, x, loss


def test_memory_is_that_of_a_piece():
    """Forward: the stream, in place, and one piece: its up and gelu in place of it, eight times as wide, its normal and
    its sum, and, where it is not used where it lies, its copy."""
    rows, width, length = 64, 32, 4
    whole, piece = rows * rows * width * 4, length * rows * width * 4
    arena = {}
    for leading in (True, False):
        g, _, _ = stack(length=length if leading else length * rows // 2, leading=leading)
        m = mote.Plan(g, only_forward=True).memory
        arena[leading] = m["temporaries"] + m["saved"]
    assert arena[False] == arena[True] + piece
    assert whole + 9 * piece <= arena[True] <= whole + 9 * piece + 2 * piece // width + 1024
    m = mote.Plan(stack()[0], only_forward=True).memory
    assert m["temporaries"] >= 9 * whole


def test_gradients_keep_no_intermediate():
    rows, width = 64, 32
    whole = rows * rows * width * 4
    plain, pieces = (mote.Plan(stack(layers=4, length=n)[0]).memory for n in (0, 4))
    assert plain["saved"] >= 4 * 16 * whole
    assert pieces["saved"] <= 5 * whole and pieces["total"] < 0.2 * plain["total"]


def test_the_process_takes_what_the_plan_says():
    script = (
        "import resource, mote, numpy as np, test_pieces as t, sys\n"
        "g, x, loss = t.stack(layers=3, rows=192, width=32, length=int(sys.argv[1]))\n"
        "resident = lambda: int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "before = resident()\n"
        "p = mote.Plan(g); p.initialize(1); p[x][...] = 0.5; p.run()\n"
        "print(p.memory['total'], resident() - before)\n"
    )
    environment = dict(os.environ, MOTE_THREADS="1", PYTHONPATH=os.path.dirname(os.path.dirname(mote.__file__)))
    out = subprocess.run([sys.executable, "-c", script, "8"], env=environment, cwd=os.path.dirname(__file__), check=True,
                         capture_output=True, text=True).stdout.split()
    said, taken = int(out[0]), int(out[1])
    assert 0.8 * said <= taken <= said + (6 << 20), (said, taken)


def test_segments_that_hold_pieces_are_recomputed():
    g, x, loss = stack(layers=4, length=16, segments=True, dropout=0.1)

    def results(**options):
        plan = mote.Plan(g, **options)
        plan.initialize(seed=1)
        plan[x][...] = numbers(*g.shape(x))
        plan.run(seed=2)
        return plan, [np.array(plan[loss])] + [np.array(plan[g.gradient(v)]) for v in g.parameters.values()]

    _, expected = results()
    with pytest.raises(mote.MoteMemoryError) as error:
        mote.Plan(g, memory_limit=1)
    least = float(str(error.value).split("works is ")[1].split(" MB")[0]) * 1e6
    plan, got = results(memory_limit=int(least) + 1)
    assert plan.memory["recomputed"] > 0
    assert all(np.array_equal(a, b) for a, b in zip(expected, got))


def test_cost_counts_all_pieces():
    cost = []
    for length in (0, 5, 16, 64):
        g, _, _ = stack(length=length, layers=1)
        out = mote._library.ffi.new("double[2]")
        mote._library.lib.mote_graph_cost(g._pointer, out, out + 1)
        cost.append(out[0])
    product = 64 * 64 * 32 * 256
    assert cost[0] == 5 * product  # two products, two gradients of their weights, one of the second's input
    assert cost[1:] == [6 * product] * 3  # and the first product again


# ---- policies, dropout, threads ----


@pytest.mark.parametrize("policy", ["bf16", "mxfp6", "mxint8", "mxfp4-w_mxfp6-ag"])
def test_policies_reach_inside(policy):
    """Blocks lie along rows, so the values are those of the whole; so are the gradients of cut values where what is kept
    in between is not rounded."""
    policy = json.dumps({"policy": policy, "saved": "fp32"})
    f = lambda g, v: rows_of_attention(g, transition(g, v))
    x = numbers(9, 5, 8)
    whole, expected, _ = run(f, [x], policy)
    pieces, got, plan = run(lambda g, v: g.pieces(lambda p: f(g, p), [v], 4), [x], policy)
    plain, _, _ = run(f, [x])
    assert np.array_equal(pieces[0], whole[0]) and np.array_equal(pieces[1], whole[1])
    assert not np.array_equal(pieces[0], plain[0])
    if policy.startswith('{"policy": "mx'):
        assert str(plan._graph).count(" mx\n") == 5 + 4 + 9  # forward; again, but for the last; gradients


def test_gradients_compute_from_what_the_forward_pass_had():
    """What pieces read is not rounded when it is saved, whatever the policy says of the rest."""
    f = lambda g, v: g.pieces(lambda p: transition(g, p), [v], 4)
    results = [run(f, [numbers(16, 40, 8)], json.dumps({"policy": "mxfp6", "saved": s})) for s in ("fp32", "bf16")]
    for key in results[0][1]:
        assert np.array_equal(results[0][1][key], results[1][1][key])


def test_policy_by_layer_inside():
    def lines(policy):
        g = mote.Graph()
        x = g.input("x", SHAPE)
        with g.layer("block.0"):
            y = g.pieces(lambda p: rows_of_attention(g, transition(g, p)), [x], 3)
        g.differentiate(g.sum(y, 0, 3))
        g.apply_policy(json.dumps(policy))
        return [line.strip() for line in str(g).splitlines() if "= linear " in line or "= attention " in line]

    mixed = lines({"policy": "fp32", "layers": [{"match": "*.up", "policy": "mxfp6"}]})
    assert [line.endswith(" mx") for line in mixed if ".up" in line] == [True, True]
    assert not any(line.endswith(" mx") for line in mixed if ".up" not in line)
    attention = lines({"policy": "fp32", "layers": [{"match": "*.attention", "policy": "mxfp8"}]})
    assert sum(line.endswith(" mx") for line in attention if "= attention" in line) == 2
    with pytest.raises(mote.MoteValueError, match="no layer matches 'none'; layers with products:.*block.\\*.up"):
        lines({"policy": "fp32", "layers": [{"match": "none", "policy": "mxfp6"}]})


def test_a_policy_after_a_plan():
    """Bodies keep their plans; other formats need another workspace."""
    g, x, loss = stack(length=16, layers=1)
    first = mote.Plan(g).memory
    results = []
    for h in (g, stack(length=16, layers=1)[0]):
        h.apply_policy("mxfp8")
        plan = mote.Plan(h)
        plan.initialize(1)
        plan[x][...] = numbers(*h.shape(x))
        plan.run()
        results.append(np.array(plan[loss]))
    assert np.array_equal(*results) and first["workspace"] != plan.memory["workspace"]


def test_dropout_draws_for_each_piece_and_the_same_backward():
    g = mote.Graph()
    x = g.input("x", (12, 500))
    g.want_gradient(x)
    y = g.pieces(lambda p: g.dropout(p, 0.25), [x], 3)
    g.output(y)
    g.differentiate(g.sum(y, 0, 2))
    plan = mote.Plan(g)
    plan[x][...] = 1
    plan.run(seed=1)
    first = np.array(plan[y])
    assert abs((first > 0).mean() - 0.75) < 0.02
    assert np.array_equal(plan[g.gradient(x)], first)
    parts = first.reshape(4, 3, 500)
    assert not any(np.array_equal(parts[i], parts[j]) for i in range(4) for j in range(i))
    plan.run(seed=2)
    assert not np.array_equal(plan[y], first)
    plan.run(seed=1)
    assert np.array_equal(plan[y], first)


def test_two_dropouts_in_a_body_are_two():
    g = mote.Graph()
    x = g.input("x", (12, 500))
    y = g.pieces(lambda p: g.dropout(g.dropout(p, 0.5), 0.5), [x], 3)
    g.output(y)
    plan = mote.Plan(g)
    plan[x][...] = 1
    plan.run(seed=1)
    assert abs((plan[y] > 0).mean() - 0.25) < 0.03


def threads_digest():
    out = hashlib.sha256()
    for axis in (0, 1):
        for policy in (None, "mxfp6"):
            results, gradients, _ = run(lambda g, v: g.pieces(lambda p: g.dropout(transition(g, p), 0.1), [v], 40, axis, axis), [numbers(90, 100, 8)], policy)
            for a in results + list(gradients.values()):
                out.update(a.tobytes())
    return out.hexdigest()


def test_threads_change_no_bit():
    def count(threads):
        environment = dict(os.environ, MOTE_THREADS=str(threads), PYTHONPATH=os.path.dirname(os.path.dirname(mote.__file__)))
        return subprocess.run([sys.executable, "-c", "import test_pieces as t; print(t.threads_digest())"], env=environment,
                              cwd=os.path.dirname(__file__), check=True, capture_output=True, text=True).stdout

    one = count(1)
    assert len(one) > 60 and one == count(2) == count(3)


# ---- looking inside, and mistakes ----


def test_text_and_dot():
    g, _, _ = stack(length=16, layers=1)
    text = str(g)
    assert "pieces {64 by 16 along axis 0} %2, block.0.up, block.0.down  # block.0" in text
    assert "    gives %" in text and "joined along axis 0\n" in text and " summed" in text
    assert g.dot().count("subgraph cluster_") == 2 and g.dot().count("{") == g.dot().count("}")


def test_nonfinite_inside_is_named():
    g = mote.Graph()
    x = g.input("x", (5, 3))

    def body(p):
        with g.layer("inner"):
            return g.map("log", p)

    with g.layer("outer"):
        y = g.pieces(body, [x], 2)
    g.output(y)
    plan = mote.Plan(g)
    plan[x][...] = 1
    ffi, lib = mote._library.ffi, mote._library.lib
    found = ffi.new("int *")
    g._context.check(lib.mote_plan_find_nonfinite(plan._pointer, 0, found))
    assert found[0] == 0
    plan[x][4, 1] = -1
    g._context.check(lib.mote_plan_find_nonfinite(plan._pointer, 0, found))
    assert found[0] == 1
    message = ffi.string(lib.mote_context_message(g._context.pointer)).decode()
    assert message == "map of layer 'outer.inner' (forward pass) gives a value that is not finite"


def mistake(build, message, count=1, length=2, axes=0, result_axis=0, error=mote.MoteValueError):
    g = mote.Graph()
    values = [g.input("x", (5, 4)), g.input("y", (4, 5))][:count]
    with pytest.raises(error, match=message):
        g.pieces(lambda *p: build(g, *p), values, length, axes, result_axis)
    return g


def test_mistakes():
    same = lambda g, *p: p[0]
    mistake(same, "value 1 of those to cut has 4 entries along axis 0, expected 5", count=2)
    mistake(same, "value 1 of those to cut has 2 dimensions, no 2", count=2, axes=[0, 2])
    mistake(same, "expected 1 to 30 values to cut, found 0", count=0)
    mistake(same, "at least 1 entry, found 0", length=0)
    mistake(same, "1 values to cut, 2 axes", axes=[0, 1])
    mistake(lambda g, p: mote._graph.NONE, "the builder returns no value")
    mistake(lambda g, p: 10**6, "the builder returns no value")
    mistake(lambda g, p: g.sum(p, 0, 1), "1 dimensions, 4 entries along axis 0, cannot be joined: expected 2")
    mistake(lambda g, p: g.reshape(p, (g.shape(p)[0] * 4,)), "cannot be joined", result_axis=1)
    mistake(same, "the last, shorter piece gives another shape", result_axis=None)
    mistake(lambda g, p: g.linear(p, g.parameter("w", (3, 9))), "linear: x has 4 columns, the weight 9")
    mistake(lambda g, p: g.linear(p, g.parameter("w", (g.shape(p)[0], 4))), "parameter 'w': it had another shape before", result_axis=1, length=3)
    mistake(lambda g, p: 1 / 0, "division", error=ZeroDivisionError)

    def layer(g, p):
        g.layer("open").__enter__()
        return p

    def segment(g, p):
        with g.segment():
            return p

    def output(g, p):
        q = g.map("exp", p)
        g.output(q)
        return q

    def differentiate(g, p):
        g.differentiate(g.sum(p, 0, 2))
        return p

    def plan(g, p):
        mote.Plan(g)
        return p

    def many(g, p):
        for i in range(31):
            p = g.add(p, g.parameter(f"p{i}", (4,)))
        return p

    def other(g, p):
        return g.add(p, g.parameter(f"p{g.shape(p)[0]}", (4,)))

    mistake(layer, "leaves another layer open")
    mistake(segment, "none begins inside of pieces")
    mistake(output, "a value inside of the body cannot be read from outside")
    mistake(differentiate, "the body of pieces is not finished")
    mistake(plan, "the body of pieces is not finished")
    mistake(many, "the body reads more than 31 values")
    mistake(other, "for the last, shorter piece the builder reads 'p1' too")


def test_a_piece_is_not_read_outside():
    g = mote.Graph()
    x, kept = g.input("x", (5, 4)), []

    def body(p):
        kept.append(g.map("exp", p))
        return kept[-1]

    y = g.pieces(body, [x], 5)
    with pytest.raises(mote.MoteValueError, match="value [0-9]+ exists inside of pieces only"):
        g.add(y, kept[0])


def test_parameters_are_made_once():
    g = mote.Graph()
    x, made = g.input("x", (5, 4)), []

    def body(p):
        made.append(g.parameter("w", (4,), value=1))
        return g.multiply(p, made[-1])

    with g.layer("a"):
        y = g.pieces(body, [x], 2)
    assert len(made) == 2 and made[0] == made[1] == g.parameters["a.w"]
    with pytest.raises(mote.MoteValueError, match="the name is taken"):
        with g.layer("a"):
            g.parameter("w", (4,))
