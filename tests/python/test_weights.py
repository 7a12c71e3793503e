"""AlphaFold 2's parameters in files of every kind, against the mapping of fold_reference.names, which shares nothing with mote's."""

import json
import struct

import numpy as np
import pytest

import mote
from fold_reference import features, model, modules, names
from mote import _structure as s
from reference_models import backend
from test_checkpoints import dict_of, tensor, text, write
from test_evoformer_stack import round_inputs
from test_structure import rounding

NUMPY = backend("numpy")
ALL_KINDS = ("monomer", "monomer_ptm", "monomer_plain", "multimer_v3")


def build(weights, residues=3, sequences=2, extra=2, templates=2, **changes):
    """A graph of all that a file has: the graph, the trunk, its values, the structure module's and the heads'."""
    g = mote.Graph()
    trunk = mote.Trunk(g, {**weights.trunk, **changes})
    values = trunk.build(residues, sequences, extra, templates if weights.templates else 0)
    config = s.structure_config(**{**weights.structure, "structure_layers": 2})
    aatype = g.input("aatype", (residues,), "int32")
    made = s.structure_module(g, config, values["single"], values["z"], aatype, values["residue_mask"])
    scores = s.structure_heads(g, config, values["m"], values["z"], values["single"], made.single)
    return g, trunk, {**values, "aatype": aatype}, made, scores


def loaded(path):
    """All parameters as a plan has them, by their names, and the file."""
    weights = mote.Weights(path)
    g = build(weights)[0]
    plan = mote.Plan(g)
    weights.load(g, plan)
    return {name: np.array(plan[v]) for name, v in g.parameters.items()}, weights


def hold(path, expected):
    found, weights = loaded(path)
    assert found.keys() == expected.keys()
    for name, w in expected.items():
        assert found[name].shape == w.shape and np.array_equal(found[name], w), name
    assert weights.parameters == sum(w.size for w in expected.values())
    return weights


def write_pt(path, weights, prefix="", kind="Float", around=lambda pickled: pickled):
    """torch.save of a flat dict, perhaps within others."""
    raw = {"Float": np.float32, "Half": np.float16}[kind]
    arrays = {prefix + name: np.ascontiguousarray(w, raw) for name, w in weights.items()}
    pickled = [
        text(name) + tensor(w.shape, [x // w.itemsize for x in w.strides], key=str(i), count=w.size, kind=kind)
        for i, (name, w) in enumerate(arrays.items())
    ]
    return write(path, around(b"}(" + b"".join(pickled) + b"u"), {str(i): w.tobytes() for i, w in enumerate(arrays.values())})


def arrays_of(c, weights):
    """AlphaFold's arrays by their keys."""
    found = {}
    for row in names.table(c):
        blocks = [names.to_npz(weights[row.name.format(i)], row.transform, row.shape) for i in range(max(row.blocks, 1))]
        found[row.key] = np.ascontiguousarray(np.stack(blocks) if row.blocks else blocks[0], np.float32)
    return found


# ---- files ----


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_of_file(kind, tmp_path):
    c = names.small(kind)
    weights = names.random_weights(c, 1)
    names.write_npz(tmp_path / "w.npz", c, weights)
    found = hold(tmp_path / "w.npz", names.read(tmp_path / "w.npz", c))
    assert (found.names, found.format, found.templates) == ("alphafold", "fp32", c["templates"])
    mote.save(tmp_path / "alphafold.safetensors", arrays_of(c, weights))
    assert hold(tmp_path / "alphafold.safetensors", weights).names == "alphafold"
    names.write_openfold(tmp_path / "w.safetensors", weights)
    found = hold(tmp_path / "w.safetensors", names.read(tmp_path / "w.safetensors", c))
    assert (found.names, found.format, found.templates) == ("openfold", "fp32", c["templates"])
    np.savez(tmp_path / "openfold.npz", **{name: w.astype(np.float32) for name, w in weights.items()})
    assert hold(tmp_path / "openfold.npz", weights).names == "openfold"
    assert hold(write_pt(tmp_path / "w.pt", weights), weights).names == "openfold"
    if not c["multimer"]:
        earlier = {names.earlier_name(name): w for name, w in weights.items()}
        names.write_openfold(tmp_path / "earlier.safetensors", weights, earlier=True)
        for path in (tmp_path / "earlier.safetensors", write_pt(tmp_path / "earlier.pt", earlier, "module.model.")):
            hold(path, weights)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_sizes_follow_from_shapes(kind, tmp_path):
    """But those that no shape has, which are the published models'."""
    odd = dict(c_m=10, c_z=6, c_s=14, c_e=4, c_t=12, evoformer_blocks=3, extra_blocks=2, template_blocks=3, msa_heads=3, pair_heads=5,
               target_features=19, msa_features=31, extra_features=17, template_pair_features=61, template_bins=12, template_angle_features=13,
               relative_positions=7, recycling_bins=9, transition=3, template_transition=5, c_triangle=4, c_template_triangle=3, c_outer=2,
               angle_blocks=3, lddt_bins=20, distance_bins=30, error_bins=40, msa_classes=24)  # fmt: skip
    odd["template_pair_features"] = odd["template_bins"] + 1 + 44 + 3 + 1
    for changes in ({}, odd):
        c = names.small(kind, **changes)
        names.write_npz(tmp_path / "w.npz", c, names.random_weights(c, 1))
        names.write_openfold(tmp_path / "w.safetensors", names.random_weights(c, 1))
        for file in ("w.npz", "w.safetensors"):
            weights = mote.Weights(tmp_path / file)
            found = {**weights.trunk, **weights.structure}
            published = names.sizes(kind)
            unknown = {"structure_layers"} | ({"template_heads", "template_pair_features"} if c["multimer"] else set())
            if not c["templates"]:
                unknown |= {key for key in found if key.startswith("template_")} | {"c_t", "c_template_triangle"}
            if not c["aligned_error"]:
                unknown.add("error_bins")
            for key in found.keys() & c.keys():
                assert found[key] == (published if key in unknown else c)[key], (file, key)
            assert weights.templates == c["templates"] and not found["training"]


def sparse(path, tensors):
    """A safetensors file whose data are a hole."""
    header, at = {}, 0
    for name, shape in tensors.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return path


@pytest.mark.parametrize("kind", [*ALL_KINDS, "monomer_plain_ptm"])
def test_names_and_shapes_of_the_published_files(kind, tmp_path):
    c = names.sizes(kind)
    arrays = {row.key: (row.blocks,) * (row.blocks > 0) + tuple(row.shape) for row in names.table(c)}
    for tensors in (arrays, names.canonical_shapes(c)):
        weights = mote.Weights(sparse(tmp_path / "w.safetensors", tensors))
        assert weights.parameters == names.parameter_count(c)
        found = {**weights.trunk, **weights.structure}
        assert all(found[key] == c[key] for key in found.keys() & c.keys())
        assert weights.structure["aligned_error"] == c["aligned_error"] and weights.templates == c["templates"]


def test_listing_of_the_published_files(tmp_path):
    """Literally as names.json has them."""
    rows = json.loads(names.LISTING.read_text())
    for kind in names.KINDS:
        arrays = {names.PREFIX + key: shape for key, shape, _, _, kinds in rows if kind in kinds.split()}
        assert mote.Weights(sparse(tmp_path / "w.safetensors", arrays)).names == "alphafold"


def test_checkpoints_with_prefixes_and_several_models(tmp_path):
    c = names.small("monomer_ptm")
    weights, others = names.random_weights(c, 1), names.random_weights(c, 2)
    state = {f"state_dict.model.{name}": w for name, w in others.items()}
    averaged = {f"ema.params.{name}": w for name, w in weights.items()}
    rest = {"optimizer.0.exp_avg": np.ones(3)}
    assert hold(write_pt(tmp_path / "a.pt", {**state, **averaged, **rest}), weights)
    assert hold(write_pt(tmp_path / "a.pt", {**state, **rest}), others)
    nested = lambda pickled: dict_of(ema=dict_of(params=pickled, decay=text("0.999")), global_step=b"K\x07")
    assert hold(write_pt(tmp_path / "a.pt", weights, around=nested), weights)
    mote.save(tmp_path / "schema.safetensors", {**{f"schema.{name}": w.astype(np.float32) for name, w in weights.items()}})
    assert hold(tmp_path / "schema.safetensors", weights)


def test_formats(tmp_path):
    """Narrow numbers, whatever names and layouts they have, are those numbers."""
    for kind in ("monomer", "multimer_v3"):
        c = names.small(kind)
        weights = names.random_weights(c, 3)
        half = {name: w.astype(np.float16).astype(np.float64) for name, w in weights.items()}
        hold(write_pt(tmp_path / "w.pt", weights, kind="Half"), half)
        arrays = arrays_of(c, weights)
        np.savez(tmp_path / "half.npz", **{key: w.astype(np.float16) for key, w in arrays.items()})
        hold(tmp_path / "half.npz", half)
        np.savez(tmp_path / "double.npz", **{key: w.astype(np.float64) for key, w in arrays.items()})
        hold(tmp_path / "double.npz", weights)
        for format in ("bf16", "mxfp6", "nvfp4"):
            narrow = {key: mote.quantize(w, format) for key, w in arrays.items()}
            mote.save(tmp_path / "narrow.safetensors", narrow)
            assert hold(tmp_path / "narrow.safetensors", canonical(c, {key: x.dequantize() for key, x in narrow.items()})).format == "fp32"
            narrow = {name: mote.quantize(w.astype(np.float32), format, axis=0) for name, w in weights.items()}
            mote.save(tmp_path / "narrow.safetensors", narrow)
            found = hold(tmp_path / "narrow.safetensors", {name: x.dequantize() for name, x in narrow.items()})
            assert found.format == ("fp32" if format == "bf16" else narrow["evoformer.linear.weight"].format)


def test_parts_that_begin_within_a_byte(tmp_path):
    """Elements of 4 bits without scales, an odd number in a block."""
    c = names.small("monomer", msa_heads=1, msa_width=3, pair_heads=1)
    header, data, random = {}, b"", np.random.default_rng(5)
    for row in names.table(c):
        shape = (row.blocks,) * (row.blocks > 0) + tuple(row.shape)
        count = int(np.prod(shape))
        kind = "F32" if count % 2 else "F4"
        raw = random.standard_normal(count).astype(np.float32).tobytes() if count % 2 else random.bytes(count // 2)
        header[row.key] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    arrays = mote.load(tmp_path / "w.safetensors")
    narrow = {key: x for key, x in arrays.items() if isinstance(x, mote.MXArray)}
    assert {x.format for x in narrow.values()} == {"fp4_e2m1"}
    assert any(np.prod(x.shape[1:]) % 2 for key, x in narrow.items() if "_iteration/" in key)
    hold(tmp_path / "w.safetensors", canonical(c, {**arrays, **{key: x.dequantize() for key, x in narrow.items()}}))


def canonical(c, arrays):
    """OpenFold's tensors of AlphaFold's arrays."""
    found = {}
    for row in names.table(c):
        for i in range(max(row.blocks, 1)):
            found[row.name.format(i)] = names.to_openfold(arrays[row.key][i] if row.blocks else arrays[row.key], row.transform)
    return found


def test_a_graph_may_use_less_but_not_more(tmp_path):
    c = names.small("monomer_ptm")
    weights = names.random_weights(c, 1)
    names.write_npz(tmp_path / "w.npz", c, weights)
    file = mote.Weights(tmp_path / "w.npz")
    g = mote.Graph()
    mote.Trunk(g, file.trunk).build(3, 2, 2)
    plan = mote.Plan(g)
    file.load(g, plan)
    assert len(g.parameters) < len(weights)
    assert all(np.array_equal(plan[v], weights[name]) for name, v in g.parameters.items())
    with g.layer("evoformer"):
        g.parameter("linear.scale", (3,))
        g.parameter("other", (2, 5))
    one = mote.Graph()
    mote.Trunk(one, {**file.trunk, "msa_heads": 3, "msa_width": 4, "evoformer_blocks": 3}).build(3, 2, 2)
    for graph, expected in (
        (g, ["not those of the graph: 2 missing: 'evoformer.linear.scale', 'evoformer.other'"]),
        (one, [" missing: 'evoformer.blocks.2.msa_att_row.", " more; ", "'evoformer.blocks.0.msa_att_row.linear_z.weight' (expected [3, 8], found [2, 8])"]),
    ):  # fmt: skip
        with pytest.raises(mote.MoteValueError) as error:
            file.load(graph, mote.Plan(graph))
        assert error.value.status == "file" and all(part in str(error.value) for part in ["w.npz: ", *expected]), str(error.value)


# ---- casting ----


def wide(kind):
    """Small, but with whole blocks along most inputs."""
    return names.small(kind, c_m=64, c_z=32, c_s=64, c_e=32, c_t=32, msa_width=16, extra_width=16, pair_width=16, template_width=16, c_triangle=32,
                       c_template_triangle=32, c_outer=8, c_angles=32, c_lddt=32, ipa_width=16)  # fmt: skip


TABLES = ("input_embedder.linear_relpos.weight", "recycling_embedder.linear.weight")


def multiplied(name, w):
    """True for what products read: matrices, but those that are tables of positions and distances, or a part of them."""
    table = name in TABLES or ("template_pair_embedder" in name and "query_embedding" not in name)
    return w.ndim == 2 and min(w.shape) > 1 and not table


@pytest.mark.parametrize("kind", ["monomer_ptm", "multimer_v3"])
@pytest.mark.parametrize("format, smaller", [("mxint8", 3.3), ("mxfp4", 5.5), ("fp32", 0.9)])
def test_cast(kind, format, smaller, mote_program, tmp_path):
    c = wide(kind)
    weights = names.random_weights(c, 1)
    names.write_npz(tmp_path / "w.npz", c, weights)
    mote_program("cast", tmp_path / "w.npz", tmp_path / "small.safetensors", "--format", format)
    tensors = mote.load(tmp_path / "small.safetensors")
    expected = {}
    for name, w in weights.items():
        w = w.astype(np.float32)
        if multiplied(name, w) and format != "fp32":
            q = mote.quantize(w, format)
            assert tensors[name].format == q.format and np.array_equal(tensors[name].packed, q.packed), name
            w = q.dequantize()
        expected[name] = w
        if not isinstance(tensors[name], mote.MXArray):
            assert tensors[name].dtype == np.float32 and np.array_equal(tensors[name], w), name
    assert tensors.keys() == weights.keys()
    found = hold(tmp_path / "small.safetensors", expected)
    assert found.names == "openfold" and found.format == (format if format == "fp32" else mote.quantize(np.zeros((1, 32)), format).format)
    size = sum(x.nbytes for x in tensors.values())
    assert 4 * found.parameters / size > smaller
    # the same of OpenFold's names, and once more in another format
    write_pt(tmp_path / "w.pt", weights, "module.")
    mote_program("cast", tmp_path / "w.pt", tmp_path / "again.safetensors", "--format", format)
    again = mote.load(tmp_path / "again.safetensors")
    assert again.keys() == tensors.keys()
    raw = lambda x: x.packed if isinstance(x, mote.MXArray) else x
    assert all(np.array_equal(raw(again[name]), raw(x)) for name, x in tensors.items())
    mote_program("cast", tmp_path / "small.safetensors", tmp_path / "other.safetensors", "--format", "mxfp8")
    assert hold(tmp_path / "other.safetensors", {n: mote.quantize(w, "mxfp8").dequantize() if multiplied(n, w) else w for n, w in expected.items()})


def test_cast_of_other_files_stays_as_it_was(mote_program, tmp_path):
    """A file that has OpenFold's names and more is not the model's; with AlphaFold's names it must be."""
    c = names.small("monomer")
    weights = {name: w.astype(np.float32) for name, w in names.random_weights(c, 1).items()}
    mote.save(tmp_path / "more.safetensors", {**weights, "own.weight": np.ones((3, 64), np.float32)})
    mote_program("cast", tmp_path / "more.safetensors", tmp_path / "small.safetensors", "--format", "mxint8")
    tensors = mote.load(tmp_path / "small.safetensors")
    assert all(x.format == "mxint8" for x in tensors.values()) and len(tensors) == len(weights) + 1
    arrays = arrays_of(c, weights)
    arrays.popitem()
    mote.save(tmp_path / "less.npz", arrays)
    done = mote_program("cast", tmp_path / "less.npz", tmp_path / "no.safetensors", "--format", "mxint8", status=1)
    assert "1 missing" in done.stderr and not (tmp_path / "no.safetensors").exists()
    options = ["--format", "mxfp4", "--exclude", "evoformer.blocks.*", "--json"]
    names.write_npz(tmp_path / "w.npz", c, weights)
    rows = [json.loads(line) for line in mote_program("cast", tmp_path / "w.npz", *options).stdout.splitlines()]
    by_name = {row["tensor"]: row for row in rows[:-1]}
    assert by_name.keys() == weights.keys() and rows[-1]["bytes_before"] == sum(w.nbytes for w in weights.values())
    assert not by_name["evoformer.blocks.0.msa_transition.linear_1.weight"]["converted"] and by_name["evoformer.linear.weight"]["converted"]


# ---- what cannot be ----


def refused(path, *parts, status="file"):
    with pytest.raises(mote.MoteValueError) as error:
        mote.Weights(path)
    assert error.value.status == status and all(part in str(error.value) for part in (str(path), *parts)), str(error.value)
    return str(error.value)


def test_what_is_wrong_is_listed(tmp_path):
    c = names.small("monomer")
    arrays = arrays_of(c, names.random_weights(c, 1))
    key = names.PREFIX + "evoformer/evoformer_iteration/"
    path = tmp_path / "w.npz"

    def changed(*parts, status="file", **changes):
        np.savez(path, **{k: x for k, x in {**arrays, **changes}.items() if x is not None})
        return refused(path, *parts, status=status)

    one = "pair_transition/transition1//bias"
    changed("not those of an AlphaFold 2 monomer: 2 missing: 'evoformer.blocks.0.pair_stack.pair_transition.linear_1.bias', "
            "'evoformer.blocks.1.pair_stack.pair_transition.linear_1.bias'", **{key + one: None})  # fmt: skip
    changed("1 of no such model: 'evoformer/evoformer_iteration/more'", **{key + "more": np.zeros(3, np.float32)})
    changed("1 of no such model: 'other'", other=np.zeros((3, 4), np.float32))
    changed("linear_1.bias' (expected [16], found [17])", **{key + one: np.zeros((2, 17), np.float32)})
    changed("2 of another shape:", **{key + one: np.zeros((2, 4, 5), np.float32)})
    changed("linear_1.bias' (expected 2 blocks, found 3)", **{key + one: np.zeros((3, 16), np.float32)})
    changed("1 missing: 'evoformer.blocks.1.", "found 1)", **{key + one: np.zeros((1, 16), np.float32)})
    changed("2 missing", **{key + one: np.float32(0)})
    changed("(int64 is no format of numbers)", **{key + one: np.zeros((2, 16), np.int64)})
    changed("1 of no such model: 'alphafold_iteration/x'", **{"alphafold_iteration/x": np.zeros(3, np.float32)})
    changed("there is no tensor of what OpenFold calls 'evoformer.linear.weight'", **{names.PREFIX + "evoformer/single_activations//weights": None})
    # everything at once, and each list ends
    some = {k: None if i % 3 == 0 else np.zeros(x.shape + (7,), np.float32) for i, (k, x) in enumerate(arrays.items()) if k.endswith("//bias")}
    strange = {f"{key}strange_{i}": np.zeros(1, np.float32) for i in range(30)}
    message = changed(" missing: ", " of another shape: ", "; 30 of no such model: ", " and 18 more", **{**some, **strange})
    assert message.count("strange_") == 12 and len(message) < 4000

    openfold = {name: w.astype(np.float32) for name, w in names.random_weights(c, 1).items()}
    twice = "evoformer.blocks.0.core.tri_mul_out.linear_g.bias"
    mote.save(path := tmp_path / "w.safetensors", {**openfold, twice: np.zeros(8, np.float32)})
    refused(path, twice, "'evoformer.blocks.0.pair_stack.tri_mul_out.linear_g.bias'", "are the same parameter")
    openfold.pop("evoformer.blocks.1.outer_product_mean.linear_1.bias")
    mote.save(path, openfold)
    refused(path, "1 missing: 'evoformer.blocks.1.outer_product_mean.linear_1.bias'")
    mote.save(path, {"x": np.zeros(3, np.float32)})
    refused(path, "not an AlphaFold 2 model")
    with pytest.raises(mote.MoteOSError):
        mote.Weights(tmp_path / "nothing.npz")


def test_hostile_shapes(tmp_path):
    c = names.small("multimer_v3")
    arrays = {row.key: (row.blocks,) * (row.blocks > 0) + tuple(row.shape) for row in names.table(c)}
    path = tmp_path / "w.safetensors"
    for key, shape in list(arrays.items())[::5]:
        sides = [(0,) + shape[1:], shape[:-1] + (0,), (1 << 40,) + shape[1:-1] + (0,), (1 << 30, 0, 1 << 40, 1 << 40), ()]
        for other in sides:
            refused(sparse(path, {**arrays, key: other}))
    empty = {key: (1 << 20,) * (len(shape) - 1) + (0,) for key, shape in arrays.items()}
    refused(sparse(path, empty))
    many = {key: (1000, *shape[1:]) if "_iteration/" in key or "_stack/" in key else shape for key, shape in arrays.items() if len(shape) > 1}
    refused(sparse(path, {**arrays, **many}), "a stack of more than 256 blocks")


def test_multimers_of_other_versions(tmp_path):
    """Their triangle multiplications are the monomer's, their points the multimer's."""
    c = names.small("multimer_v3")
    arrays = {row.key: (row.blocks,) * (row.blocks > 0) + tuple(row.shape) for row in names.table(c)}
    unfused = {}
    for key, shape in arrays.items():
        if "triangle_multiplication" in key and ("/projection//" in key or "/gate//" in key):
            for side in ("left", "right"):
                unfused[key.replace("/projection//", f"/{side}_projection//").replace("/gate//", f"/{side}_gate//")] = (*shape[:-1], shape[-1] // 2)
        else:
            unfused[key.replace("left_norm_input", "layer_norm_input").replace("center_norm", "center_layer_norm")] = shape
    refused(sparse(tmp_path / "w.safetensors", unfused), "a multimer of version 1 or 2", status="unsupported")


# ---- the whole model ----


@pytest.mark.parametrize("kind, templates, piece", [("monomer_ptm", 2, 3), ("monomer_plain", 0, 0), ("multimer_v3", 2, 4)])
def test_model_of_a_file_against_the_reference(kind, templates, piece, tmp_path):
    """Two rounds of trunk, structure module and heads on AlphaFold's own layout, in FP64 and here; odd lengths, padding, recycling."""
    c = names.small(kind)
    names.write_npz(tmp_path / "w.npz", c, names.random_weights(c, 11))
    weights = mote.Weights(tmp_path / "w.npz")
    batch = features.random_batch(c, 11, residues=9, sequences=5, extra=7, templates=templates, padding=2)
    n = len(batch["aatype"])
    g, trunk, values, made, scores = build(weights, n, len(batch["msa_feat"]), len(batch["extra_msa_feat"]), templates, piece=piece)
    parts = {"lddt": scores.lddt, "distances": scores.distances, "msa": scores.msa, "resolved": scores.resolved}
    parts |= {"aligned_error": scores.aligned_error} if c["aligned_error"] else {}
    atoms37 = s.atoms37(g, values["aatype"], made.atoms)
    for v in (values["m"], values["z"], values["single"], made.atoms, made.angles, atoms37, *parts.values()):
        g.output(v)
    plan = mote.Plan(g)
    weights.load(g, plan)
    p, previous = names.read(tmp_path / "w.npz", c), model.empty(c, n)
    state = {key: np.array(x) for key, x in previous.items()}
    there = batch["seq_mask"] > 0
    pairs, msa = there[:, None] & there[None], batch["msa_mask"] > 0
    seen = {"m": msa, "z": pairs, "single": there, "atoms": there, "angles": there[None], "lddt": there, "distances": pairs, "msa": msa,
            "resolved": there, "aligned_error": pairs}  # fmt: skip
    for _ in range(2):
        expected = model.fold(NUMPY, c, p, batch, previous)
        for key, x in {**round_inputs(trunk, c, batch, state), "aatype": batch["aatype"]}.items():
            plan[values[key]][...] = x
        plan.run()
        found = {key: np.array(plan[values[key]]) for key in ("m", "z", "single")}
        found |= {"atoms": np.array(plan[made.atoms]), "angles": np.array(plan[made.angles])}
        found |= {key: np.array(plan[v]) for key, v in parts.items()}
        for key, x in found.items():
            wanted = np.asarray(expected["scores"][key] if key in parts else expected[key])
            shown = np.broadcast_to(seen[key].reshape(seen[key].shape + (1,) * (x.ndim - seen[key].ndim)), x.shape)
            error = np.abs((x - wanted) * shown).max() / np.abs(wanted * shown).max()
            assert error <= WHOLE, f"{key}: {error:.1e} of {WHOLE:.1e}"
        state = {"m": found["m"][0], "z": found["z"], "atoms": np.array(plan[atoms37])}
        previous = {key: np.asarray(x) for key, x in expected["previous"].items()}


# Representations are sums to which modules add; what rounds most are angles, after two iterations of about 60 operations on sums of up to 64.
WHOLE = rounding(2 * 60, 64)
