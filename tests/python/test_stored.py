"""Values that lie in narrow formats between operations: cast and widen, pieces that are decoded and encoded one by one, and AlphaFold 2's
trunk with packed MSA and pairs."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import mote
from fold_reference import names
from mote._structure import structure_config, structure_heads, structure_module
from mote._trunk import MODULES
from test_evoformer_stack import LAYERS, ours, problem, round_inputs, run_round, trunk_of, whole_round
from test_graph import numbers

# Bits of an element's mantissa.
FORMATS = {"bf16": 7, "fp16": 10, "mxfp8_e4m3": 3, "mxfp8_e5m2": 2, "mxfp6_e3m2": 2, "mxfp6_e2m3": 3, "mxfp4_e2m1": 1, "mxint8": 6}


def rounded(x, format):
    """What a value in a format holds of x."""
    return mote.quantize(np.asarray(x, np.float32), format).dequantize()


def mixed(g, x, name="mixed"):
    """Depends on all channels of its place, and on no other place: x plus gelu of a linear layer of its norm."""
    n = g.shape(x)[-1]
    with g.layer(name):
        h = g.layer_norm(x, g.parameter("scale", (n,), spread=1.0))
        return g.add(x, g.map("gelu", g.linear(h, g.parameter("weight", (n, n), spread=0.5))))


def run(build, arrays, forward=False, policy=None, **options):
    """y = build(g, *values): its values, {parameter or input: gradient} of a sum of y with random weights, and the plan."""
    g = mote.Graph()
    inputs = {f"x{i}": g.input(f"x{i}", a.shape) for i, a in enumerate(arrays)}
    for v in inputs.values():
        g.want_gradient(v)
    y = build(g, *[g.scale(v, 1.0) for v in inputs.values()])
    g.output(y)
    w = g.input("weights", g.shape(y))
    g.differentiate(g.sum(g.multiply(y, w), 0, len(g.shape(y))))
    if policy:
        g.apply_policy(policy)
    plan = mote.Plan(g, only_forward=forward, **options)
    plan.initialize(seed=5)
    for v, a in zip(inputs.values(), arrays):
        plan[v][...] = a
    plan[w][...] = numbers(*g.shape(y), seed=6)
    plan.run(seed=1)
    wanted = {} if forward else {name: g.gradient(v) for name, v in [*g.parameters.items(), *inputs.items()]}
    return np.array(plan[y]), {name: np.array(plan[v]) for name, v in wanted.items() if v >= 0}, plan


def same(found, expected, cut=("x0",), places=1):
    """Values and gradients of what is cut bit for bit. Others are sums over the pieces of one term a place: in FP32 two orders of so many
    terms t differ by at most 2 terms 2^-24 sum |t| (Higham, section 4.2), and sum |t| is at least the largest sum, which counts here."""
    assert np.array_equal(found[0], expected[0])
    assert sorted(found[1]) == sorted(expected[1])
    for name, a in found[1].items():
        b = expected[1][name]
        bound = 0 if name in cut else 2 * places * 2.0**-24 * np.abs(b).max()
        assert a.any() and np.abs(a - b).max() <= bound, name


# ---- cast, widen, slice ----


@pytest.mark.parametrize("format", [*FORMATS, "nvfp4"])
@pytest.mark.parametrize("shape", [(5, 3, 40), (3, 33), (7,), (3, 0)])
def test_cast_and_widen(format, shape):
    """The values of mote.quantize, and gradients as if there were no rounding."""
    x = numbers(*shape)
    y, gradients, _ = run(lambda g, v: g.widen(g.cast(v, format)), [x])
    assert np.array_equal(y, rounded(x, format))
    assert np.array_equal(gradients["x0"], numbers(*shape, seed=6).astype(np.float32))


@pytest.mark.parametrize("format", [*FORMATS, "nvfp4"])
def test_slice(format):
    x = numbers(5, 3, 40)
    y, gradients, _ = run(lambda g, v: g.slice(g.cast(v, format), 0, 1, 3), [x])
    assert np.array_equal(y, rounded(x, format)[1:4])
    assert not gradients["x0"][[0, 4]].any() and np.array_equal(gradients["x0"][1:4], numbers(3, 3, 40, seed=6).astype(np.float32))
    y, _, _ = run(lambda g, v: g.slice(g.cast(v, format), 1, 2, 1), [x])
    assert np.array_equal(y, rounded(x, format)[:, 2:])
    if format in ("bf16", "fp16"):
        y, _, _ = run(lambda g, v: g.slice(g.cast(v, format), 2, 3, 30), [x])
        assert np.array_equal(y, rounded(x, format)[:, :, 3:33])


def test_what_lies_so_is_itself():
    g = mote.Graph()
    x = g.input("x", (4, 4))
    assert g.cast(x, "fp32") == x == g.widen(x)
    y = g.cast(x, "mxfp8")
    assert y != x and g.cast(y, "mxfp8_e4m3") == y


def test_nothing_else_reads_narrow_values():
    def refused(message, call):
        g = mote.Graph()
        x, i = g.cast(g.input("x", (4, 40)), "mxint8"), g.input("i", (4, 40), np.int32)
        with pytest.raises(mote.MoteValueError, match=message):
            call(g, x, i)

    refused("binary: input 0: expected fp32, found mxint8", lambda g, x, i: g.add(x, x))
    refused("cast: input 0: expected fp32, found mxint8", lambda g, x, i: g.cast(x, "bf16"))
    refused("cast: input 0: expected fp32, found mxint8", lambda g, x, i: g.cast(x, "fp32"))
    refused("cast: input 0: expected fp32, found int32", lambda g, x, i: g.cast(i, "bf16"))
    refused("cast: expected a format from fp32 to nvfp4, found fp64", lambda g, x, i: g.cast(x, "fp64"))
    refused("widen: input 0: int32 is no format of numbers", lambda g, x, i: g.widen(i))
    refused("slice: blocks of mxint8 run along axis 1", lambda g, x, i: g.slice(x, 1, 0, 32))
    refused("slice: input 0: expected fp32, found int32", lambda g, x, i: g.slice(i, 0, 0, 1))


@pytest.mark.parametrize("format", FORMATS)
def test_planes(format):
    """Bit for bit those of mote.quantize, from pieces too."""
    x = numbers(5, 3, 40).astype(np.float32)
    g = mote.Graph()
    v = g.input("x", x.shape)
    made = [g.cast(v, format), g.pieces(lambda p: p, [v], 2, format=format), g.pieces(lambda p: p, [g.cast(v, format)], 2, 1, 1, format)]
    for y in made:
        g.output(y)
    plan, expected = mote.Plan(g), mote.quantize(x, format)
    plan[v][...] = x
    plan.run()
    for y in made:
        assert plan[y].format == expected.format and np.array_equal(plan[y].packed, expected.packed)
        assert expected.scales is None or np.array_equal(plan[y].scales, expected.scales)


# ---- pieces are casts of the whole ----


@pytest.mark.parametrize("length", [1, 3, 7])
@pytest.mark.parametrize("shape, axis", [((7, 5, 40), 0), ((3, 7, 33), 1), ((2, 3, 7, 70), 2), ((7, 31), 0)])
@pytest.mark.parametrize("format", FORMATS)
def test_pieces_are_casts_of_the_whole(format, shape, axis, length):
    """The first layer reads FP32, the second one takes its place: what casts of the whole between them give. The run that only computes
    forward replaces more."""
    x = numbers(*shape)

    def whole(g, v):
        y = g.cast(mixed(g, v, "one"), format)
        return g.widen(g.cast(mixed(g, g.widen(y), "two"), format))

    def pieces(g, v):
        for name in ("one", "two"):
            v = g.pieces(lambda p: mixed(g, p, name), [v], length, axis, axis, format)
        return g.widen(v)

    expected, found = run(whole, [x]), run(pieces, [x])
    same(found, expected, places=x.size // shape[-1])
    assert np.array_equal(run(pieces, [x], forward=True)[0], expected[0])
    assert f"{format}[" in str(found[2]._graph) and not np.array_equal(expected[0], run(lambda g, v: mixed(g, mixed(g, v, "one"), "two"), [x])[0])


@pytest.mark.parametrize("length", [1, 3, 100])
def test_values_cut_along_different_axes(length):
    """Two formats and FP32, each along its own axis, a result along a third one; large enough for several tasks."""
    a, b, c = numbers(40, 7, 96), numbers(7, 40, 96, seed=1), numbers(40, 96, seed=2)

    def f(g, p, q, r):
        return g.permute(g.add(g.multiply(p, g.permute(q, (1, 0, 2))), g.reshape(r, (g.shape(r)[0], 1, 96))), (1, 0, 2))

    whole = lambda g, p, q, r: g.widen(g.cast(f(g, g.widen(g.cast(p, "mxfp6")), g.widen(g.cast(q, "bf16")), r), "mxint8"))
    pieces = lambda g, p, q, r: g.widen(g.pieces(lambda *x: f(g, *x), [g.cast(p, "mxfp6"), g.cast(q, "bf16"), r], length, [0, 1, 0], 1, "mxint8"))
    same(run(pieces, [a, b, c]), run(whole, [a, b, c]), cut=("x0", "x1", "x2"))


@pytest.mark.parametrize("format", ["bf16", "fp16"])
def test_last_axis(format):
    """16 bits have no blocks, so they may be cut there."""
    x = numbers(3, 4, 7)
    f = lambda g, v: g.add(v, g.map("gelu", v))
    whole = run(lambda g, v: g.widen(g.cast(f(g, g.widen(g.cast(v, format))), format)), [x])
    for length in (1, 3, 7):
        same(run(lambda g, v: g.widen(g.pieces(lambda p: f(g, p), [g.cast(v, format)], length, 2, 2, format)), [x]), whole)


@pytest.mark.parametrize("format", ["bf16", "mxint8", "mxfp6", "nvfp4"])
def test_to_fp32_and_sums(format):
    """Also nvfp4, whose scale of the whole is there when a piece is cut."""
    x = numbers(7, 3, 40)
    for axis in (0, 1):
        whole = run(lambda g, v: mixed(g, g.widen(g.cast(v, format))), [x])
        same(run(lambda g, v: g.pieces(lambda p: mixed(g, p), [g.cast(v, format)], 2, axis, axis), [x]), whole, places=21)
        whole = run(lambda g, v: g.sum(g.widen(g.cast(v, format)), axis, 1), [x])
        pieces = run(lambda g, v: g.pieces(lambda p: g.sum(p, axis, 1), [g.cast(v, format)], 2, axis, None), [x])
        assert np.abs(pieces[0] - whole[0]).max() <= 2 * 7 * 2.0**-24 * np.abs(rounded(x, format)).sum(axis).max()
        assert np.array_equal(pieces[1]["x0"], whole[1]["x0"])


def test_one_value_cut_twice_and_read_whole():
    """A result may not take the memory of what another cut, or a widening inside, still reads."""
    x = numbers(40, 40)
    turned = lambda g, v: g.permute(v, (1, 0))
    packed = lambda g, v: g.cast(v, "bf16")
    whole = run(lambda g, v: g.widen(packed(g, g.add(g.widen(packed(g, v)), turned(g, g.widen(packed(g, v)))))), [x])
    for length in (1, 12):

        def cut(g, v):
            v = packed(g, v)
            return g.widen(g.pieces(lambda p, q: g.add(p, turned(g, q)), [v, v], length, [0, 1], 0, "bf16"))

        same(run(cut, [x]), whole)
    whole = run(lambda g, v: g.widen(g.cast(g.add(g.widen(g.cast(v, "mxint8")), g.matmul(*[g.widen(g.cast(v, "mxint8"))] * 2)), "mxint8")), [x])

    def read(g, v):
        v = g.cast(v, "mxint8")
        return g.widen(g.pieces(lambda p: g.add(p, g.matmul(p, g.widen(v))), [v], 12, format="mxint8"))

    same(run(read, [x]), whole, cut=(), places=3 * 40)


def test_a_body_that_returns_its_piece_and_empty_values():
    x = numbers(5, 33)
    y, gradients, _ = run(lambda g, v: g.widen(g.pieces(lambda p: p, [v], 2, format="mxfp8")), [x])
    assert np.array_equal(y, rounded(x, "mxfp8")) and np.array_equal(gradients["x0"], numbers(5, 33, seed=6).astype(np.float32))
    y, _, _ = run(lambda g, v: g.widen(g.pieces(lambda p: g.map("exp", p), [v], 2, format="mxfp8")), [numbers(5, 0)])
    assert y.shape == (5, 0)


def test_nested():
    """Rows by pieces and, inside, columns, packed in between as well."""
    x = numbers(6, 7, 40)

    def inner(g, p):
        p = g.pieces(lambda q: mixed(g, q, "one"), [p], 3, 1, 1, "mxint8")
        return g.pieces(lambda q: mixed(g, q, "two"), [p], 2, 0, 0)

    whole = run(lambda g, v: g.widen(g.cast(mixed(g, g.widen(g.cast(mixed(g, g.widen(g.cast(v, "bf16")), "one"), "mxint8")), "two"), "bf16")), [x])
    same(run(lambda g, v: g.widen(g.pieces(lambda p: inner(g, p), [g.cast(v, "bf16")], 4, format="bf16")), [x]), whole, places=42)


@pytest.mark.parametrize("format", ["bf16", "mxint8", "mxfp8", "mxfp4"])
def test_gradients_are_those_without_rounding(format):
    """Straight through, in FP64: two layers f(x) = x + tanh(x w), each of whose inputs is what was put down before."""
    x, w = numbers(7, 3, 40), numbers(40, 40, seed=1) * 0.2
    g = mote.Graph()
    v, p = g.input("x", x.shape), g.input("w", w.shape)
    for value in (v, p):
        g.want_gradient(value)
    body = lambda piece: g.add(piece, g.map("tanh", g.linear(piece, p)))
    stages = [g.cast(v, format)]
    for axis in (0, 1):
        stages.append(g.pieces(body, [stages[-1]], 2, axis, axis, format))
    wide = [g.widen(s) for s in stages]
    dy = numbers(*x.shape, seed=6)
    loss = g.sum(g.multiply(wide[-1], g.array(dy)), 0, 3)
    for s in wide:
        g.output(s)
    g.differentiate(loss)
    plan = mote.Plan(g)
    plan[v][...], plan[p][...] = x, w
    plan.run()
    values, w = [np.array(plan[s], np.float64) for s in wide], w.astype(np.float32).astype(np.float64)
    assert np.array_equal(values[0], rounded(x, format))
    d, dw = dy.astype(np.float32).astype(np.float64), np.zeros_like(w)
    for x0, x1 in zip(values[1::-1], values[:0:-1]):
        y = x0 + np.tanh(x0 @ w.T)
        assert np.linalg.norm(x1 - rounded(y, format)) <= 1e-3 * np.linalg.norm(y)  # but for ties that FP32 breaks the other way
        slope = d * (1 - np.tanh(x0 @ w.T) ** 2)
        dw += slope.reshape(-1, 40).T @ x0.reshape(-1, 40)
        d = d + slope @ w
    for found, wanted in ((plan[g.gradient(v)], d), (plan[g.gradient(p)], dw)):
        assert np.abs(found - wanted).max() <= 4 * (2 * 8 * 40) ** 0.5 * 2**-24 * np.abs(wanted).max()


# ---- memory, policies, threads ----


def layers(format, count=4, rows=64, width=64, length=4, segments=False):
    """Residual layers on [rows, rows, width] that lies in a format between them, and a loss; each reads its place alone."""
    g = mote.Graph()
    x = g.input("x", (rows, rows, width))
    h = g.pieces(lambda p: g.scale(p, 1.0), [x], length, format=format)
    for i in range(count):
        with g.segment() if segments else nullcontext():
            h = g.pieces(lambda p: mixed(g, p, f"layer.{i}"), [h], length, format=format)
            h = g.pieces(lambda p: mixed(g, p, f"after.{i}"), [h], length, 1, 1, format)
    loss = g.pieces(lambda p: g.scale(g.sum(g.map("square", p), 0, 3), 1 / rows**2), [h], length, 0, None)
    g.output(loss)
    g.differentiate(loss)
    return g, x, loss


@pytest.mark.parametrize("format", FORMATS)
def test_memory_is_packed(format):
    """Forward: the values, in place, and no more than eight FP32 pieces. For the gradients each layer's packed values, and three FP32
    ones of their gradients."""
    packed, whole, piece = mote.MXArray(format, (64, 64, 64)).nbytes, 64 * 64 * 64 * 4, 4 * 64 * 64 * 4
    g, _, _ = layers(format)
    m = mote.measure(g, only_forward=True)
    assert packed <= m["temporaries"] + m["saved"] <= packed + 8 * piece
    m = mote.measure(g)
    assert m["saved"] <= 9 * packed and m["temporaries"] <= 3 * whole + 16 * piece


def test_segments_are_computed_again():
    g, x, loss = layers("mxint8", segments=True)

    def results(**options):
        plan = mote.Plan(g, **options)
        plan.initialize(seed=1)
        plan[x][...] = numbers(*g.shape(x))
        plan.run(seed=2)
        return plan.memory, [np.array(plan[loss])] + [np.array(plan[g.gradient(v)]) for v in g.parameters.values()]

    free, expected = results()
    held, got = results(memory_limit=free["total"] - mote.MXArray("mxint8", (64, 64, 64)).nbytes)
    assert held["recomputed"] > 0 and all(np.array_equal(a, b) for a, b in zip(expected, got))


@pytest.mark.parametrize("policy", ["bf16", "mxfp6", "mxint8"])
def test_policies(policy):
    """Of products inside. What is saved is what there was, whatever the policy says of the rest."""
    x = numbers(20, 50, 40)
    text = lambda saved: json.dumps({"policy": policy, "saved": saved})
    whole = run(lambda g, v: g.widen(g.cast(mixed(g, g.widen(g.cast(v, "mxfp8"))), "mxint8")), [x], policy=text("fp32"))
    build = lambda g, v: g.widen(g.pieces(lambda p: mixed(g, p), [g.cast(v, "mxfp8")], 7, format="mxint8"))
    pieces = [run(build, [x], policy=text(saved)) for saved in ("fp32", "bf16")]
    assert np.array_equal(pieces[0][0], whole[0]) and np.array_equal(pieces[0][1]["x0"], whole[1]["x0"])
    for name, gradient in pieces[0][1].items():
        assert np.array_equal(gradient, pieces[1][1][name])


def digest():
    """Of values and gradients of pieces in all formats, and of a block of the trunk."""
    out = hashlib.sha256()
    for format in FORMATS:
        for axis in (0, 1):
            y, gradients, _ = run(lambda g, v: g.widen(g.pieces(lambda p: mixed(g, p), [g.cast(v, format)], 40, axis, axis, format)), [numbers(90, 100, 40)])
            for a in (y, *gradients.values()):
                out.update(a.tobytes())
    for values in stored_block("mxint8", piece=3):
        for _, a in sorted(values.items()):
            out.update(a.tobytes())
    return out.hexdigest()


def test_threads_change_no_bit():
    def count(threads):
        environment = dict(os.environ, MOTE_THREADS=str(threads), PYTHONPATH=os.path.dirname(os.path.dirname(mote.__file__)))
        return subprocess.run([sys.executable, "-c", "import test_stored as t; print(t.digest())"], env=environment, cwd=os.path.dirname(__file__),
                              check=True, capture_output=True, text=True).stdout  # fmt: skip

    one = count(1)
    assert len(one) > 60 and one == count(2) == count(3)


def test_cost_counts_what_is_converted():
    def bytes_of(format, axis):
        g = mote.Graph()
        g.output(g.pieces(lambda p: g.map("exp", p), [g.cast(g.input("x", (8, 8, 64)), format)], 2, axis, axis, format))
        out = mote._library.ffi.new("double[2]")
        mote._library.lib.mote_graph_cost(g._pointer, out, out + 1)
        return out[1]

    wide, packed = 8 * 8 * 64 * 4, mote.MXArray("mxint8", (8, 8, 64)).nbytes
    assert bytes_of("fp32", 0) == 2 * wide and bytes_of("fp32", 1) == 6 * wide
    assert bytes_of("mxint8", 0) == bytes_of("mxint8", 1) == (wide + packed) + 2 * (wide + packed) + 2 * wide


def test_text_and_dot():
    g, _, _ = layers("mxint8", count=1)
    assert "mxint8[64,64,64]/2 = pieces {64 by 4 along axis 0}" in str(g) and "input piece.0: fp32[4,64,64]" in str(g)
    assert "mxint8[64,64,64]/2" in g.dot()


def test_overflow_of_16_bits_is_named():
    g = mote.Graph()
    x = g.input("x", (5, 3))
    with g.layer("outer"):
        y = g.pieces(lambda p: g.scale(p, 1000.0), [x], 2, format="fp16")
    with g.layer("next"):
        g.output(g.widen(y))
    plan = mote.Plan(g)
    ffi, lib = mote._library.ffi, mote._library.lib
    found = ffi.new("int *")
    for value, finite in ((65.0, 0), (66.0, 1)):
        plan[x][...] = value
        g._context.check(lib.mote_plan_find_nonfinite(plan._pointer, 0, found))
        assert found[0] == finite
    message = ffi.string(lib.mote_context_message(g._context.pointer)).decode()
    assert message == "pieces of layer 'outer' (forward pass) gives a value that is not finite"


def test_mistakes():
    def mistake(message, given="fp32", length=2, axis=0, result_axis=0, build=lambda g, p: p, **options):
        g = mote.Graph()
        with pytest.raises((mote.MoteValueError, ValueError), match=message):
            g.pieces(lambda p: build(g, p), [g.cast(g.input("x", (6, 4, 40)), given)], length, axis, result_axis, **options)

    mistake("results cannot be put down in nvfp4", format="nvfp4")
    mistake("results cannot be put down in fp64", format="fp64")
    mistake("results cannot be put down in int32", format="int32")
    mistake("format: expected one of", format="mxfp5")
    mistake("a sum of pieces is fp32, not bf16", result_axis=None, format="bf16", build=lambda g, p: g.sum(p, 0, 1))
    mistake("blocks of mxint8 run along the last axis, which is cut", axis=2, result_axis=2, format="mxint8")
    mistake("value 0 of those to cut has blocks of mxint8 along axis 2", "mxint8", axis=2, result_axis=2)


# ---- AlphaFold 2's trunk ----


def widened(g, values):
    return [v if v < 0 else g.widen(v) for v in values]


def stored_block(format, kind="monomer", stack="evoformer", residues=7, sequences=5, gradients=True, **changes):
    c = names.small(kind)
    arrays, loss = problem(c, stack, residues, sequences)
    build = lambda g, trunk, *values: widened(g, trunk.block(stack, 0, *values))
    return ours(build, c, names.random_weights(c, 2), arrays, loss, gradients=gradients, stored=format, **changes)


STACKS = [("monomer", "evoformer"), ("monomer", "extra"), ("multimer_v3", "evoformer"), ("monomer", "template"), ("multimer_v3", "template")]


@pytest.mark.parametrize("format", ["bf16", "mxint8", "mxfp8", "mxfp6"])
@pytest.mark.parametrize("kind, stack", STACKS)
def test_block_is_modules_with_casts_between(kind, stack, format):
    """Bit for bit, gradients too: a body's are computed from the same pieces."""
    c = names.small(kind)
    arrays, loss = problem(c, stack)
    order = {"monomer": [0, 1, 2, 3, 4, 5, 6, 7, 8], "multimer_v3": [3, 0, 1, 2, 4, 5, 6, 7, 8]}[kind]
    if stack == "template":
        order = {"monomer": [6, 7, 4, 5, 8], "multimer_v3": [4, 5, 6, 7, 8]}[kind]

    def explicit(g, trunk, m, z, *masks):
        put_down = lambda v: v if v < 0 else g.widen(g.cast(v, format))
        m, z = put_down(m), put_down(z)
        with g.layer(LAYERS[stack]):
            for i in order:
                n, y = trunk.module(stack, MODULES[i], m, z, *masks)
                m, z = (put_down(n) if n != m else m), (put_down(y) if y != z else z)
        return m, z

    expected = ours(explicit, c, names.random_weights(c, 2), arrays, loss, piece=3)
    found = stored_block(format, kind, stack, piece=3)
    for a, b in zip(found, expected):
        assert sorted(a) == sorted(b)
        assert all(np.array_equal(a[key], b[key]) for key in a)
    plain = stored_block("fp32", kind, stack, piece=3)
    assert all(not np.array_equal(found[0][key], plain[0][key]) for key in loss)


@pytest.mark.parametrize("format", ["bf16", "mxint8", "mxfp4"])
@pytest.mark.parametrize("kind, stack", STACKS[:4])
def test_pieces_change_no_bit(kind, stack, format):
    first, *others = [stored_block(format, kind, stack, gradients=False, piece=piece)[0] for piece in (1, 3, 100)]
    for other in others:
        assert all(np.array_equal(other[key], first[key]) for key in first)


@pytest.mark.parametrize("format", ["bf16", "mxint8"])
@pytest.mark.parametrize("stack", ["evoformer", "extra"])
def test_padding_changes_no_bit(stack, format):
    c = names.small("monomer")
    arrays, loss = problem(c, stack, residues=40, sequences=40)
    arrays["pair_mask"][:], arrays["msa_mask"][:] = 1, 1
    arrays["pair_mask"][33:], arrays["pair_mask"][:, 33:] = 0, 0
    arrays["msa_mask"][22:], arrays["msa_mask"][:, 33:] = 0, 0
    loss["m"], loss["z"] = loss["m"] * arrays["msa_mask"][..., None], loss["z"] * arrays["pair_mask"][..., None]
    cut = {"m": np.s_[:22, :33], "z": np.s_[:33, :33], "msa_mask": np.s_[:22, :33], "pair_mask": np.s_[:33, :33]}
    build = lambda g, trunk, *values: widened(g, trunk.block(stack, 0, *values))
    weights = names.random_weights(c, 2)
    alone = ours(build, c, weights, {k: x[cut[k]] for k, x in arrays.items()}, {k: x[cut[k]] for k, x in loss.items()}, piece=16, stored=format)
    padded = ours(build, c, weights, arrays, loss, piece=16, stored=format)
    for one, other in zip(alone, padded):
        assert all(np.array_equal(one[key], other[key][cut[key]]) for key in ("m", "z"))


@pytest.mark.parametrize("format", ["bf16", "mxint8", "mxfp8", "mxfp4"])
@pytest.mark.parametrize("kind, templates", [("monomer", 3), ("monomer_plain", 0), ("multimer_v3", 2)])
def test_round(kind, templates, format):
    """A whole round. Every module rounds what it adds to once, by at most 2^-(bits + 1) of a block's largest value, which is less than 4
    times its root mean square here; five blocks of nine modules and ten more are as many independent errors, which blocks carry on
    without making them larger than twice. And never as large as the result."""
    c = names.small(kind)
    weights = names.random_weights(c, 4)
    batch, previous, loss = whole_round(c, templates)
    exact, exact_gradients = run_round(c, weights, batch, previous, loss, piece=3)
    found, gradients = run_round(c, weights, batch, previous, loss, piece=3, stored=format)
    bits = FORMATS[mote.MXArray(format, (1,)).format]
    for key in loss:
        there = loss[key] != 0
        error = np.linalg.norm((found[key] - exact[key])[there]) / np.linalg.norm(exact[key][there])
        assert 0 < error < min(1, 2 * (5 * 9 + 10) ** 0.5 * 2.0 ** -(bits + 1)), (key, error)
    assert sorted(gradients) == sorted(exact_gradients) and all(np.isfinite(x).all() for x in gradients.values())


def test_nothing_is_widened_on_the_way():
    """From the embedders to the end there is no cast, no FP32 tensor of pairs or the MSA that is not a gradient or a factor."""
    g = mote.Graph()
    trunk = trunk_of(g, names.small("monomer"), stored="mxint8", piece=3)
    values = trunk.build(residues=11, sequences=5, extra=6, templates=2)
    c = trunk.config
    for key in ("m", "z", "single"):
        g.output(values[key])
    lines = [line for line in str(g).splitlines() if line.startswith("%")]
    assert not any(" = cast" in line or " = widen" in line for line in lines)
    for shape in ((5, 11, c["c_m"]), (7, 11, c["c_m"]), (6, 11, c["c_e"]), (11, 11, c["c_z"]), (11, 11, c["c_t"])):
        made = [line.split(" = ")[0] for line in lines if f"[{','.join(map(str, shape))}]" in line.split(" = ")[0]]
        assert made and all(": mxint8[" in line for line in made)
    assert sum(": mxint8[" in line.split(" = ")[0] for line in lines) > 5 * 9


@pytest.mark.parametrize("format", ["bf16", "mxint8"])
def test_pairs_are_recycled_as_they_are(format):
    """What a round leaves is what the next one reads, bit for bit, as if it had been widened and rounded again."""
    c = names.small("monomer_plain")
    batch, previous, _ = whole_round(c, 0)
    g = mote.Graph()
    trunk = trunk_of(g, c, stored=format, piece=3)
    values = trunk.build(len(batch["aatype"]), len(batch["msa_feat"]), len(batch["extra_msa_feat"]))
    wide = g.widen(values["z"])
    for v in (values["z"], wide):
        g.output(v)
    plan = mote.Plan(g)
    for name, x in names.random_weights(c, 4).items():
        if name in g.parameters:
            plan[g.parameters[name]][...] = x
    for key, x in round_inputs(trunk, c, batch, previous).items():
        plan.set(values[key], x)
    plan.run()
    plan.set(values["previous_z"], plan[values["z"]])
    assert plan[values["z"]].packed.any() and np.array_equal(plan[values["previous_z"]].packed, plan[values["z"]].packed)
    plan.set(values["previous_z"], plan[wide])
    assert np.array_equal(plan[values["previous_z"]].dequantize(), plan[wide])


def test_packed_parameters_too():
    """Both together: weights in the formats of the products, the MSA and the pairs in theirs; no bit depends on where weights lie."""
    c = names.small("monomer")
    arrays, _ = problem(c, "evoformer")
    found = []
    for pack in (False, True):
        g = mote.Graph()
        inputs = {key: g.input(key, arrays[key].shape) for key in ("m", "z", "msa_mask", "pair_mask")}
        results = trunk_of(g, c, stored="mxint8", piece=3).block("evoformer", 0, *inputs.values())
        for v in results:
            g.output(v)
        g.apply_policy("mxfp6")
        if pack:
            g.pack_parameters()
        plan = mote.Plan(g)
        for name, x in names.random_weights(c, 2).items():
            if name in g.parameters:
                plan.set(g.parameters[name], x)
        for key, v in inputs.items():
            plan[v][...] = arrays[key]
        plan.run()
        found.append([plan[v] for v in results] + [plan.memory["parameters"]])
    assert found[1][2] < found[0][2]
    assert all(np.array_equal(a.packed, b.packed) and np.array_equal(a.scales, b.scales) for a, b in zip(found[0][:2], found[1][:2]))


def test_stacks_cast_what_is_fp32():
    g = mote.Graph()
    c = names.small("monomer")
    trunk = trunk_of(g, c, stored="bf16", piece=3, evoformer_blocks=2)
    arrays, _ = problem(c, "evoformer")
    values = [g.input(key, arrays[key].shape) for key in ("m", "z", "msa_mask", "pair_mask")]
    m, z = trunk.stack("evoformer", *values)
    assert str(g).count(" = cast") == 2
    g.output(m)
    assert str(g).count(" = cast") == 2


def test_trunk_mistakes():
    g = mote.Graph()
    with pytest.raises(mote.MoteValueError, match="trunk: stored: expected fp32, bf16, fp16 .*, found nvfp4"):
        mote.Trunk(g, {"stored": "nvfp4"})
    with pytest.raises(mote.MoteValueError, match="trunk: stored: .*, found int32"):
        mote.Trunk(g, {"stored": "int32"})
    with pytest.raises(mote.MoteValueError, match="trunk: stored: bf16 needs pieces, .*found 0"):
        mote.Trunk(g, {"stored": "bf16", "piece": 0})
    with pytest.raises(ValueError, match="format: expected one of .*found 'mxint9'"):
        mote.Trunk(g, {"stored": "mxint9"})
    assert mote.Trunk(g, {"stored": "mxfp8"}).config["stored"] == "mxfp8_e4m3" and mote.Trunk(g).config["stored"] == "fp32"
    m, z = g.input("m", (4, 5, 256)), g.input("z", (5, 5, 128))
    masks = g.input("msa_mask", (4, 5)), g.input("pair_mask", (5, 5))
    with pytest.raises(mote.MoteValueError, match=r"trunk: z must be fp32 or mxint8 \[5, 5, 128\]"):
        mote.Trunk(g, {"stored": "mxint8"}).block("evoformer", 0, m, g.cast(z, "bf16"), *masks)


@pytest.mark.parametrize("format", ["bf16", "mxint8"])
def test_structure_module_and_heads_read_packed_values(format):
    """As if they were widened in front, bit for bit, gradients too."""
    n, config = 19, structure_config(c_z=40, c_m=48, c_s=32, structure_layers=2)
    arrays = {"m": numbers(3, n, 48), "z": numbers(n, n, 40, seed=1), "s": numbers(n, 32, seed=2)}

    def results(read):
        g = mote.Graph()
        given = {key: g.input(key, x.shape) for key, x in arrays.items()}
        types, mask = g.input("types", (n,), np.int32), g.input("mask", (n,))
        for v in given.values():
            g.want_gradient(v)
        m, z = read(g, g.cast(given["m"], format)), read(g, g.cast(given["z"], format))
        found = structure_module(g, config, given["s"], z, types, mask)
        scores = structure_heads(g, config, m, z, given["s"], found.single)
        outputs = [found.atoms, scores.distances, scores.msa]
        loss = g.constant((), 0)
        for y in outputs:
            g.output(y)
            loss = g.add(loss, g.sum(g.map("square", y), 0, len(g.shape(y))))
        g.differentiate(loss)
        plan = mote.Plan(g)
        for i, v in enumerate(g.parameters.values()):
            plan[v][...] = numbers(*g.shape(v), seed=i) * 0.3
        for key, x in arrays.items():
            plan[given[key]][...] = x
        plan[types][...], plan[mask][...] = np.arange(n) % 20, 1
        plan.run()
        gradients = [g.gradient(v) for v in [*given.values(), *g.parameters.values()]]
        return [np.array(plan[v]) for v in outputs + [v for v in gradients if v >= 0]]

    found, expected = results(lambda g, v: v), results(lambda g, v: g.widen(v))
    assert all(a.any() for a in found[:6]) and all(np.array_equal(a, b) for a, b in zip(found, expected))


# ---- what the trunk takes ----


def trunk_memory(stored, blocks=1, residues=1024, sequences=128, train=False, **options):
    """Of blocks of the published size in pair tensors, without the weights and inputs. m and z are made in the format, as embedders do."""
    g = mote.Graph()
    trunk = mote.Trunk(g, {"evoformer_blocks": blocks, "stored": stored})
    tables = [g.parameter("m", (4, 256), spread=1), g.parameter("z", (4, 128), spread=1)]
    kinds = [g.input("rows", (sequences, residues), "int32"), g.input("kinds", (residues, residues), "int32")]
    m, z = [g.pieces(lambda p: g.embedding(table, p), [kind], 16, format=stored) for table, kind in zip(tables, kinds)]
    m, z = trunk.stack("evoformer", m, z, g.input("msa_mask", (sequences, residues)), g.input("pair_mask", (residues, residues)))
    if train:
        g.differentiate(g.add(*[g.pieces(lambda p: g.sum(p, 0, 3), [v], 16, 0, None) for v in (m, z)]))
    else:
        g.output(m)
        g.output(z)
    memory = mote.measure(g, **options)
    return (memory["total"] - memory["parameters"] - memory["gradients"] - memory["inputs"]) / (residues**2 * 128 * 4)


@pytest.mark.parametrize("format, share", [("fp32", 1), ("bf16", 1 / 2), ("mxint8", 33 / 128), ("mxfp8", 33 / 128), ("mxfp6", 25 / 128), ("mxfp4", 17 / 128)])
def test_memory_of_a_block(format, share):
    """1.25 pair tensors of pairs and MSA in their format, the one whole factor of a triangle multiplication in FP32, and a piece."""
    assert 1.25 * share + 1 < trunk_memory(format) < 1.25 * share + 1 + 0.11


def test_memory_of_training():
    """What a block more takes where all are computed twice: its packed input."""
    for format, share in (("fp32", 1), ("bf16", 1 / 2), ("mxint8", 33 / 128)):
        took = []
        for blocks in (4, 8):
            with pytest.raises(mote.MoteMemoryError) as error:
                trunk_memory(format, blocks, train=True, memory_limit=1)
            least = float(str(error.value).split("works is ")[1].split(" MB")[0]) * 1e6
            took.append(trunk_memory(format, blocks, train=True, memory_limit=int(least) + 1))
        assert abs((took[1] - took[0]) / 4 - 1.25 * share) < 0.05, format
