"""Packed parameters: weights in the format in which products read them are the bytes that quantize() makes, and change no bit of a result."""

import json

import numpy as np
import pytest

import mote
from fold_reference import names
from mote._library import ffi, lib
from test_evoformer_stack import problem, trunk_of
from test_graph import numbers
from test_models import MODELS, SMALL, batch_of, set_parameters

BLOCKS = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4_e2m1", "mxint8", "nvfp4")
BITS = {"mxfp8_e4m3": 8, "mxfp8_e5m2": 8, "mxfp6_e3m2": 6, "mxfp6_e2m3": 6, "mxfp4_e2m1": 4, "mxint8": 8, "nvfp4": 4}


def forward(format, **changes):
    """A policy whose weights have a format."""
    partner = "nvfp4" if format == "nvfp4" else "mxfp6_e3m2"
    return json.dumps({"policy": "fp32", "forward": {"weight": format, "activation": partner}, **changes})


def planned(build, policy, pack, seed=3, share=None):
    """build(g): the results. A plan with its parameters drawn and its inputs set; the results' values after a run."""
    g = mote.Graph()
    results = build(g)
    for y in results:
        g.output(y)
    if policy:
        g.apply_policy(policy)
    if pack:
        g.pack_parameters()
    plan = mote.Plan(g, share=share)
    if not share:
        plan.initialize(seed)
    values = {ffi.string(lib.mote_graph_value_name(g._pointer, v)).decode(): v for v in range(lib.mote_graph_value_count(g._pointer))}
    for i, name in enumerate(("x", "z", "msa_mask", "pair_mask")):
        if name in values:
            plan.set(values[name], numbers(*g.shape(values[name]), seed=i))
    plan.run(5)
    return plan, [np.array(plan[y]) for y in results]


def formats(plan):
    return {name: plan._graph.format(v) for name, v in plan._graph.parameters.items()}


def same_bits(build, policy):
    """Both plans, of FP32 and of packed parameters, after the same results."""
    plain, expected = planned(build, policy, False)
    packed, found = planned(build, policy, True)
    for a, b in zip(expected, found):
        assert np.array_equal(a, b, equal_nan=True) and np.abs(a).max() > 0
    assert set(formats(plain).values()) == {"fp32"}
    return plain, packed


def up_to(count, of):
    return -(-count // of) * of


def packed_bytes(format, rows, columns):
    """By docs/formats.md: whole blocks in two planes; with their beginnings at multiples of 64 bytes, and nvfp4's tensor scale."""
    block = 16 if format == "nvfp4" else 32
    blocks = rows * (up_to(columns, block) // block)
    return up_to(blocks * block * BITS[format] // 8, 64) + up_to(blocks, 64) + (64 if format == "nvfp4" else 0)


# ---- the same bits ----


@pytest.mark.parametrize("rows, inputs, outputs", [(35, 40, 33), (1, 70, 17), (3, 15, 1), (200, 129, 70), (1, 4200, 5), (40, 4200, 18)])
@pytest.mark.parametrize("format", BLOCKS)
def test_linear(format, rows, inputs, outputs):
    """Also beyond a segment of the reduction dimension and with one row; the planes are quantize()'s."""

    def build(g):
        w, b = g.parameter("weight", (outputs, inputs), spread=0.3), g.parameter("bias", (outputs,), spread=0.3)
        return [g.linear(g.input("x", (rows, inputs)), w, b)]

    plain, packed = same_bits(build, forward(format))
    w = packed._graph.parameters["weight"]
    expected, found = mote.quantize(np.array(plain[w]), format), packed[w]
    assert formats(packed) == {"weight": format, "bias": "fp32"} and found.axis == 1
    assert np.array_equal(found.packed, expected.packed) and np.array_equal(found.scales, expected.scales)
    assert found.tensor_scale == expected.tensor_scale
    before, after = plain.memory, packed.memory
    saved = up_to(outputs * inputs * 4, 64) - packed_bytes(format, outputs, inputs)
    assert before["parameters"] - after["parameters"] == saved == before["total"] - after["total"]
    assert {k: n for k, n in before.items() if k not in ("parameters", "total")} == {k: n for k, n in after.items() if k not in ("parameters", "total")}
    assert mote.measure(packed._graph) == after


@pytest.mark.parametrize("rounding, rule", [("nearest_away", "even"), ("toward_zero", "ceil"), ("nearest_even", "ceil")])
@pytest.mark.parametrize("format", ["mxfp4_e2m1", "mxint8", "mxfp8_e4m3"])
def test_rounding_and_scale_rule(format, rounding, rule):
    build = lambda g: [g.linear(g.input("x", (5, 77)), g.parameter("weight", (9, 77), spread=1.0))]
    plain, packed = same_bits(build, forward(format, rounding=rounding, scale_rule=rule))
    expected = mote.quantize(np.array(plain[1]), format, rounding=rounding, scale_rule=rule)
    assert np.array_equal(packed[1].packed, expected.packed) and np.array_equal(packed[1].scales, expected.scales)


@pytest.mark.parametrize("policy", ["mxint8", "mxfp4-w_mxfp6-ag", "mxfp8", "nvfp4", "mxfp6_e2m3"])
def test_named_policies_and_empty_weights(policy):
    def build(g):
        x = g.input("x", (4, 30))
        nothing = g.linear(g.slice(x, 1, 0, 0), g.parameter("nothing", (6, 0)), g.parameter("bias", (6,), value=1))
        return [g.concatenate([g.linear(x, g.parameter("weight", (11, 30), spread=1.0)), nothing], 1)]

    packed = same_bits(build, policy)[1]
    assert formats(packed)["weight"] != "fp32"


def test_policies_without_blocks_pack_nothing():
    build = lambda g: [g.linear(g.input("x", (5, 64)), g.parameter("weight", (9, 64), spread=1.0))]
    for policy in (None, "fp32", "bf16", "fp16"):
        plain, packed = same_bits(build, policy)
        assert formats(packed) == {"weight": "fp32"} and plain.memory == packed.memory


# ---- who reads it ----


def test_readers_decide():
    """What stays FP32: weights that something else reads, that are kept, that two policies would make into two, and vectors."""

    def build(g):
        x = g.input("x", (5, 48))

        def linear(name, layer, y=None):
            with g.layer(layer):
                return g.linear(x if y is None else y, weights[name])

        shapes = dict.fromkeys(("shared", "also_added", "also_table", "kept", "disputed", "alone", "unread", "viewed", "activation"), (48, 48))
        weights = {name: g.parameter(name, shape, spread=0.2) for name, shape in shapes.items()}
        y = linear("shared", "narrow.one")
        y = linear("shared", "narrow.two", y)
        y = linear("also_added", "narrow.one", y)
        y = g.add(y, g.slice(weights["also_added"], 0, 0, 5))
        y = linear("also_table", "narrow.one", y)
        y = g.add(y, g.embedding(weights["also_table"], g.input("tokens", (5,), np.int32)))
        y = linear("kept", "narrow.one", y)
        g.output(weights["kept"])
        y = linear("disputed", "other", linear("disputed", "narrow.one", y))
        y = linear("viewed", "narrow.one", y)
        y = g.add(y, g.sum(g.reshape(weights["viewed"], (48, 48, 1)), 1, 2))
        with g.layer("narrow.one"):
            y = g.add(y, g.slice(g.linear(weights["activation"], weights["alone"]), 0, 0, 5))
        return [y]

    policy = {"policy": "mxint8", "layers": [{"match": "other", "policy": "mxfp6"}]}
    packed = same_bits(build, json.dumps(policy))[1]
    assert {name for name, format in formats(packed).items() if format != "fp32"} == {"shared", "alone"}


def test_other_products_keep_fp32():
    """Products other than linear layers convert on the way."""

    def build(g):
        x = g.input("x", (4, 4, 32))
        y = g.matmul(x, g.reshape(g.parameter("matrix", (128, 32), spread=0.3), (4, 32, 32)))
        y = g.convolution(g.reshape(y, (1, 4, 4, 32)), g.parameter("filters", (32, 1, 1, 32), spread=0.3))
        losses = g.linear_cross_entropy(g.reshape(y, (16, 32)), g.parameter("head", (7, 32), spread=0.3), g.input("targets", (16,), np.int32))
        return [g.add(g.reshape(losses, (16, 1)), g.reshape(g.sum(y, 3, 1), (16, 1)))]

    packed = same_bits(build, "mxint8")[1]
    assert set(formats(packed).values()) == {"fp32"}


def test_stochastic_weights_stay():
    build = lambda g: [g.linear(g.input("x", (5, 64)), g.parameter("weight", (9, 64), spread=1.0))]
    packed = same_bits(build, '{"policy": "mxint8", "rounding": "stochastic"}')[1]
    assert formats(packed) == {"weight": "fp32"}
    gradients = same_bits(build, '{"policy": "mxint8", "gradient_rounding": "stochastic"}')[1]
    assert formats(gradients) == {"weight": "mxint8"}


# ---- pieces ----


def transition(g, x, width):
    with g.layer("up"):
        h = g.linear(g.rms_norm(x), g.parameter("weight", (3 * width, width), spread=0.3), g.parameter("bias", (3 * width,), spread=0.3))
    with g.layer("down"):
        return g.add(x, g.linear(g.map("relu", h), g.parameter("weight", (width, 3 * width), spread=0.3)))


@pytest.mark.parametrize("format", BLOCKS)
def test_pieces(format):
    """A shorter last piece, bodies in bodies, and a weight that inside and outside read; inside, one is added too."""
    width = 20

    def rows(g, v, outer, added):
        y = transition(g, v, width)
        with g.layer("columns"):
            y = g.pieces(lambda c: transition(g, g.linear(c, outer), width), [y], 3, axes=1, result_axis=1)
        return g.add(g.linear(y, added), g.slice(added, 0, 0, 1))

    def build(g):
        x = g.input("x", (7, 5, width))
        outer, added = (g.parameter(name, (width, width), spread=0.2) for name in ("outer", "added"))
        cut = g.parameter("cut", (7, width), spread=0.2)
        x = g.linear(x, outer)
        y = g.pieces(lambda v, c: g.add(rows(g, v, outer, added), g.broadcast(g.linear(g.reshape(c, (g.shape(c)[0], 1, width)), outer), g.shape(v))), [x, cut], 4)
        return [y]

    plain, packed = same_bits(build, forward(format))
    found = formats(packed)
    assert {name for name, f in found.items() if f == format} == {"outer", "up.weight", "down.weight", "columns.up.weight", "columns.down.weight"}
    text = str(packed._graph)
    assert text.count(f"outer: {format}[20,20]/1") == 3 and "added: fp32[20,20]" in text  # outside, in the body and in the body's body
    fp32, narrow = cost(plain), cost(packed)
    assert fp32[0] == narrow[0]
    reads = {"outer": 1 + 2 * (1 + 2), "up.weight": 2, "down.weight": 2, "columns.up.weight": 4, "columns.down.weight": 4}
    shapes = {name: packed._graph.shape(packed._graph.parameters[name]) for name in reads}
    saved = sum(n * (up_to(4 * np.prod(shapes[name]), 64) - packed_bytes(format, *shapes[name])) for name, n in reads.items())
    assert fp32[1] - narrow[1] == saved


def cost(plan):
    out = ffi.new("double[2]")
    lib.mote_graph_cost(plan._graph._pointer, out, out + 1)
    return list(out)


@pytest.mark.parametrize("policy", ["mxint8", "mxfp6", "nvfp4"])
@pytest.mark.parametrize("stack", ["evoformer", "extra", "template"])
def test_trunk(stack, policy):
    """A block of AlphaFold 2, by pieces: every matrix that is no bias of heads' is packed, or all that products read."""
    c = names.small("monomer")
    arrays, _ = problem(c, stack)

    def build(g):
        trunk = trunk_of(g, c, piece=3)
        values = {key: g.input("x" if key == "m" else key, x.shape) for key, x in arrays.items()}
        m, z = trunk.block(stack, 0, values.get("m", -1), values["z"], values.get("msa_mask", -1), values["pair_mask"])
        return [v for v in (m, z) if v >= 0]

    plain, packed = same_bits(build, policy)
    matrices = {name for name, v in packed._graph.parameters.items() if len(packed._graph.shape(v)) == 2}
    narrow = {name for name, format in formats(packed).items() if format != "fp32"}
    assert narrow and narrow <= matrices
    assert {name for name in matrices - narrow} == set(), matrices - narrow
    expected = sum(up_to(4 * np.prod(packed._graph.shape(v)), 64) for v in packed._graph.parameters.values())
    for name in narrow:
        v = packed._graph.parameters[name]
        expected -= up_to(4 * np.prod(packed._graph.shape(v)), 64) - packed_bytes(packed._graph.format(v), *packed._graph.shape(v))
    assert packed.memory["parameters"] == expected


# ---- setting and reading ----


@pytest.mark.parametrize("source", ("float32", "float64", "bf16", "fp16", *BLOCKS))
@pytest.mark.parametrize("format", ["mxfp4_e2m1", "mxint8", "mxfp8_e4m3", "nvfp4"])
def test_set(format, source):
    """From arrays and every format: planes bit for bit where they lie alike, otherwise one rounding of the values."""
    shape = (9, 70)
    w = numbers(*shape, seed=4) * 3
    plan, _ = planned(lambda g: [g.linear(g.input("x", (5, 70)), g.parameter("weight", shape))], forward(format, scale_rule="floor"), True)
    for axis in (1, 0, -1):
        given = w.astype(source) if source.startswith("float") else mote.quantize(w, source, axis=axis, rounding="toward_zero")
        plan.set(1, given)
        values = given if source.startswith("float") else given.dequantize()
        alike = source == format and axis != 0
        expected = given if alike else mote.quantize(np.asarray(values, np.float32), format)
        found = plan[1]
        assert np.array_equal(found.packed, expected.packed) and np.array_equal(found.scales, expected.scales)
        assert found.tensor_scale == expected.tensor_scale
        plan.run()
        product = mote.matmul(np.array(plan[0]), found.transpose(), a_format="nvfp4" if format == "nvfp4" else "mxfp6_e3m2")
        assert np.array_equal(plan[2], product)


def test_set_inputs_and_plain_parameters():
    g = mote.Graph()
    x, t, w = g.input("x", (3, 40)), g.input("t", (3,), np.int32), g.parameter("w", (2, 40))
    g.output(g.linear(x, w))
    plan = mote.Plan(g)
    narrow = mote.quantize(numbers(3, 40), "mxfp6_e2m3", axis=0)
    plan.set(x, narrow)
    values = numbers(2, 40).astype(np.float32)
    plan.set(w, np.asfortranarray(values)[:, ::-1])
    plan.set(t, [1, -2, 3])
    assert np.array_equal(plan[x], narrow.dequantize()) and np.array_equal(plan[w], values[:, ::-1]) and list(plan[t]) == [1, -2, 3]
    with pytest.raises(TypeError):
        plan.set(t, [1.0, 2.0, 3.0])
    with pytest.raises(mote.MoteValueError, match="'t' takes int32, found mxint8"):
        plan.set(t, mote.quantize(np.ones(3), "mxint8"))
    for wrong in (np.ones((40, 3)), np.ones(3), np.ones((3, 40, 1)), mote.quantize(np.ones((40, 3)), "mxint8")):
        with pytest.raises(mote.MoteValueError, match="'x' has another shape than its values"):
            plan.set(x, wrong)
    for value in (3, -1, 99):
        with pytest.raises(mote.MoteValueError):
            plan.set(value, np.ones((3, 2)))
        if value != 3:
            with pytest.raises(KeyError):
                plan[value]


def test_nonfinite_weights_are_found():
    plan, _ = planned(lambda g: [g.linear(g.input("x", (2, 40)), g.parameter("weight", (3, 40), spread=1.0))], "mxfp6", True)
    found, context = ffi.new("int *"), plan._graph._context
    context.check(lib.mote_plan_find_nonfinite(plan._pointer, 0, found))
    assert found[0] == 0
    w = np.ones((3, 40))
    w[1, 39] = np.inf
    plan.set(1, w)
    context.check(lib.mote_plan_find_nonfinite(plan._pointer, 0, found))
    assert found[0] == 1 and "parameter 'weight' has a value that is not finite" in ffi.string(lib.mote_context_message(context.pointer)).decode()
    plan.run()
    assert np.isnan(plan[2]).tolist() == [[False, True, False]] * 2


# ---- sharing ----


def test_share():
    build = lambda g, rows: [g.linear(g.input("x", (rows, 50)), g.parameter("weight", (6, 50), spread=1.0))]
    first, _ = planned(lambda g: build(g, 3), "mxfp4", True)
    second, found = planned(lambda g: build(g, 8), "mxfp4", True, share=first)
    assert second.memory["parameters"] == 0
    assert np.array_equal(found[0], planned(lambda g: build(g, 8), "mxfp4", False)[1][0])
    cases = [("mxfp4", False, "is mxfp4_e2m1 in the plan to share with, fp32 in this graph: pack the parameters of both or of none"),
             ("mxint8", True, "is mxfp4_e2m1 in the plan to share with, mxint8 in this graph"),
             ('{"policy": "mxfp4", "scale_rule": "ceil"}', True, "is packed as mxfp4_e2m1 under another rounding or scale rule")]
    for policy, pack, message in cases:
        with pytest.raises(mote.MoteValueError, match=f"shared parameter 'weight' {message}"):
            planned(lambda g: build(g, 3), policy, pack, share=first)
    with pytest.raises(mote.MoteValueError, match="shared parameter 'weight' has another shape"):
        planned(lambda g: [g.linear(g.input("x", (3, 51)), g.parameter("weight", (6, 51)))], "mxfp4", True, share=first)
    plain, _ = planned(lambda g: build(g, 3), "mxfp4", False)
    with pytest.raises(mote.MoteValueError, match="is fp32 in the plan to share with, mxfp4_e2m1 in this graph"):
        planned(lambda g: build(g, 3), "mxfp4", True, share=plain)


# ---- order of the passes ----


def small():
    g = mote.Graph()
    x = g.input("x", (3, 40))
    w = g.parameter("weight", (40, 40), spread=1.0)
    with g.layer("one"):
        y = g.linear(x, w)
    return g, x, w, y


def test_gradients_and_packing_exclude_each_other():
    g, _, w, y = small()
    g.differentiate(g.sum(y, 0, 2))
    g.apply_policy("mxint8")
    with pytest.raises(mote.MoteValueError, match="pack parameters: the graph has gradients"):
        g.pack_parameters()
    assert g.format(w) == "fp32" and mote.Plan(g)
    for read_by in (lambda g, y: y, lambda g, y: g.pieces(lambda v: g.linear(v, g.parameter("inside", (40, 40))), [y], 2)):
        g, _, w, y = small()
        y = read_by(g, y)
        g.apply_policy("mxint8")
        loss = g.sum(y, 0, 2)
        g.pack_parameters()
        with pytest.raises(mote.MoteValueError, match="differentiate: parameter 'weight' is packed"):
            g.differentiate(loss)
        assert g.format(w) == "mxint8" and mote.Plan(g)  # as it was


def test_twice_and_after_a_measurement():
    g, x, w, y = small()
    g.output(g.pieces(lambda v: transition(g, v, 40), [y], 2))
    g.apply_policy("mxint8")
    before = mote.measure(g)
    g.pack_parameters()
    after, text = mote.measure(g), str(g)
    g.pack_parameters()
    assert mote.measure(g) == after and str(g) == text
    assert before["total"] - after["total"] == before["parameters"] - after["parameters"] > 0
    plan = mote.Plan(g)
    plan.initialize(1)
    plan.run()


@pytest.mark.parametrize("policy", ["mxfp6", "fp32", '{"policy": "mxint8", "scale_rule": "ceil"}', '{"policy": "mxint8", "rounding": "stochastic"}'])
def test_another_policy_is_refused(policy):
    g, *_ = small()
    g.apply_policy("mxint8")
    g.pack_parameters()
    with pytest.raises(mote.MoteValueError, match="one: linear: its policy does not read the weight as it is packed, in mxint8"):
        g.apply_policy(policy)


def test_a_complete_graph():
    for more in (lambda g, x, w: g.linear(x, w), lambda g, x, w: g.add(w, w), lambda g, x, w: g.reshape(w, (1600,))):
        g, x, w, y = small()
        g.apply_policy("mxint8")
        g.pack_parameters()
        with pytest.raises(mote.MoteValueError, match="linear: its policy does not read|expected fp32, found mxint8"):
            more(g, x, w)


# ---- models ----


def loaded(folder, policy, pack):
    g = mote.Graph()
    model = mote.build_model(g, folder, 3, 40)
    g.output(model.hidden)
    g.output(model.losses)
    g.apply_policy(policy)
    if pack:
        g.pack_parameters()
    plan = mote.Plan(g, only_forward=True)
    model.load(plan, folder)
    plan[model.tokens][...], plan[model.targets][...], plan[model.segments][...] = batch_of(False)
    plan.run()
    return model, plan, [np.array(plan[v]) for v in (model.hidden, model.losses)]


@pytest.mark.parametrize("policy", ["mxfp4", "nvfp4"])
@pytest.mark.parametrize("name", MODELS)
def test_models_from_files(name, policy, tmp_path):
    """Of whose tensors several, some transposed, make one parameter."""
    g = mote.Graph()
    model = mote.build_model(g, {**MODELS[name][1], **SMALL}, 1, 8)
    g.output(model.hidden)
    plan = mote.Plan(g)
    set_parameters(g, plan)
    model.save(plan, tmp_path / "model")
    expected, (packed, narrow, found) = loaded(tmp_path / "model", policy, False)[2], loaded(tmp_path / "model", policy, True)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found))
    kinds = formats(narrow)
    matrices = {key for key in kinds if len(g.shape(g.parameters[key])) == 2}
    tables = {key for key in matrices if "embed" in key or ".wte." in key or ".wpe." in key or key == "lm_head.weight"}
    assert tables and {key for key, format in kinds.items() if format != "fp32"} == matrices - tables
    with pytest.raises(mote.MoteValueError, match="save: parameter '.*' is packed; a model is saved from FP32 parameters"):
        packed.save(narrow, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("policy", ["mxint8", "mxfp4", "nvfp4"])
def test_evaluation(policy, tmp_path):
    """mote.evaluate packs: its loss is that of a plan which does not, on the one window that the data fill."""
    letters = "GATTACAGATTACCATTGACACG"
    tokens = [1, *("ACGT".index(letter) + 5 for letter in letters), 2]  # begin ... end
    context = len(tokens) - 1
    (tmp_path / "data.fa").write_text(f">record\n{letters}\n")
    g = mote.Graph()
    model = mote.build_model(g, {"model": "gpt-tiny", **SMALL, "vocabulary": 20, "context": context}, 1, context)
    g.output(model.losses)
    g.apply_policy(policy)
    plan = mote.Plan(g, only_forward=True)
    set_parameters(g, plan)
    model.save(plan, tmp_path / "model", {"vocabulary": "byte"})
    for value, x in ((model.tokens, tokens[:-1]), (model.targets, tokens[1:]), (model.segments, [0] * context)):
        plan.set(value, np.reshape(x, g.shape(value)))
    plan.run()
    result = mote.evaluate(tmp_path / "model", tmp_path / "data.fa", policy=policy, batch=1, limit=1)
    assert result.tokens == context and result.loss == sum(float(x) for x in plan[model.losses].ravel()) / context
