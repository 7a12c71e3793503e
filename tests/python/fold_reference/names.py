"""The parameters of AlphaFold 2: the keys and shapes of its .npz files, OpenFold's names for the same, and the way from the one to the other.

A key is "alphafold/alphafold_iteration/" + the path of a Haiku module + "//" + its parameter. A linear layer has "weights"
[in, out] and "bias" [out], a norm "scale" and "offset", an attention "query_w", "key_w", "value_w" [in, heads, width],
"gating_w" [in, heads, width], "gating_b" [heads, width], "output_w" [heads, width, out] and "output_b" [out]. The blocks of
a stack are one array with a first dimension more. OpenFold has PyTorch's [out, in], all heads in one, and blocks apart.

OpenFold's names are the canonical ones here: `read` gives a flat dict of them from any of the three kinds of file.

How sure this is: keys and shapes are as the published code makes them, and the lengths of the published .npz files follow to
the byte from them. The first two multimer versions, whose products are not fused, are not here. Of OpenFold's checkpoints the
names are sure, present and earlier ones, but not whether a file has them under a prefix such as "module." or "model.".

In incoming triangle multiplication (Alg. 12) AlphaFold 2 calls "left" what the paper calls b: hence the crossed names of the
monomer and the exchanged halves of the multimer, whose fused "projection" and "gate" hold left and right side by side.
"""

import json
from collections import namedtuple
from pathlib import Path

import numpy as np

PREFIX = "alphafold/alphafold_iteration/"
KINDS = ("monomer", "monomer_ptm", "multimer_v3")
LISTING = Path(__file__).with_name("names.json")

Row = namedtuple("Row", "key shape transform name blocks")
"""One array of the .npz: key and shape of one block, how it becomes the tensor `name`; blocks is 0 for an array outside stacks, and name has {} for the block otherwise."""


def sizes(kind="monomer", **changes):
    """All sizes of a model, those of the paper by default. kind: one of KINDS, or monomer_plain (models 3 to 5: no templates)."""
    multimer = kind.startswith("multimer")
    found = dict(
        multimer=multimer,
        templates=not kind.startswith("monomer_plain"),
        aligned_error=multimer or kind.endswith("_ptm"),
        c_m=256, c_z=128, c_s=384, c_e=64, c_t=64,
        target_features=21 if multimer else 22, msa_features=49, extra_features=25,
        template_pair_features=88, template_angle_features=34 if multimer else 57,
        relative_positions=32, relative_chains=2, recycling_bins=15,
        template_bins=39, evoformer_blocks=48, extra_blocks=4, template_blocks=2,
        msa_heads=8, msa_width=32, extra_width=8, pair_heads=4, pair_width=32,
        template_heads=4, template_width=16, c_outer=32, c_triangle=128, c_template_triangle=64,
        transition=4, template_transition=2,
        structure_layers=8, ipa_heads=12, ipa_width=16, query_points=4, value_points=8,
        c_angles=128, angle_blocks=2, c_lddt=128, position_scale=20.0 if multimer else 10.0,
        distance_bins=64, lddt_bins=50, error_bins=64, msa_classes=22 if multimer else 23,
    )  # fmt: skip
    assert set(changes) <= set(found), set(changes) - set(found)
    return {**found, **changes}


def small(kind="monomer", **changes):
    """A model of the same shape, small enough for tests."""
    tiny = dict(
        c_m=16, c_z=8, c_s=12, c_e=8, c_t=8, evoformer_blocks=2, extra_blocks=1, template_blocks=1,
        msa_heads=2, msa_width=6, extra_width=4, pair_heads=2, pair_width=3, template_heads=2, template_width=4,
        c_outer=5, c_triangle=6, c_template_triangle=7, transition=2,
        structure_layers=2, ipa_heads=3, ipa_width=4, query_points=2, value_points=3, c_angles=9, c_lddt=10,
    )  # fmt: skip
    return sizes(kind, **{**tiny, **changes})


# ---- The table ----


def _linear(key, name, c_in, c_out, bias=True):
    yield f"{key}//weights", (c_in, c_out), "transpose", f"{name}.weight"
    if bias:
        yield f"{key}//bias", (c_out,), "same", f"{name}.bias"


def _norm(key, name, c):
    yield f"{key}//scale", (c,), "same", f"{name}.weight"
    yield f"{key}//offset", (c,), "same", f"{name}.bias"


def _attention(key, name, c_query, c_memory, heads, width, c_out, gated=True, shared_keys=False):
    yield f"{key}//query_w", (c_query, heads, width), "heads_in", f"{name}.linear_q.weight"
    for part in ("key", "value"):
        shape, transform = ((c_memory, width), "transpose") if shared_keys else ((c_memory, heads, width), "heads_in")
        yield f"{key}//{part}_w", shape, transform, f"{name}.linear_{part[0]}.weight"
    if gated:
        yield f"{key}//gating_w", (c_query, heads, width), "heads_in", f"{name}.linear_g.weight"
        yield f"{key}//gating_b", (heads, width), "flat", f"{name}.linear_g.bias"
    yield f"{key}//output_w", (heads, width, c_out), "heads_out", f"{name}.linear_o.weight"
    yield f"{key}//output_b", (c_out,), "same", f"{name}.linear_o.bias"


def _triangle_product(key, name, c, c_hidden, fused, incoming):
    if fused:
        yield from _norm(f"{key}/left_norm_input", f"{name}.layer_norm_in", c)
        for part, short in (("projection", "p"), ("gate", "g")):
            swap = "_swapped" if incoming else ""
            yield f"{key}/{part}//weights", (c, 2 * c_hidden), f"transpose{swap}", f"{name}.linear_ab_{short}.weight"
            yield f"{key}/{part}//bias", (2 * c_hidden,), f"same{swap}", f"{name}.linear_ab_{short}.bias"
        yield from _norm(f"{key}/center_norm", f"{name}.layer_norm_out", c_hidden)
    else:
        left, right = "ba" if incoming else "ab"
        yield from _norm(f"{key}/layer_norm_input", f"{name}.layer_norm_in", c)
        for part, short in (("projection", "p"), ("gate", "g")):
            yield from _linear(f"{key}/left_{part}", f"{name}.linear_{left}_{short}", c, c_hidden)
            yield from _linear(f"{key}/right_{part}", f"{name}.linear_{right}_{short}", c, c_hidden)
        yield from _norm(f"{key}/center_layer_norm", f"{name}.layer_norm_out", c_hidden)
    yield from _linear(f"{key}/output_projection", f"{name}.linear_z", c_hidden, c)
    yield from _linear(f"{key}/gating_linear", f"{name}.linear_g", c, c)


def _triangle_attention(key, name, c, heads, width):
    yield from _norm(f"{key}/query_norm", f"{name}.layer_norm", c)
    yield f"{key}//feat_2d_weights", (c, heads), "transpose", f"{name}.linear.weight"
    yield from _attention(f"{key}/attention", f"{name}.mha", c, c, heads, width, c)


def _transition(key, name, c, factor):
    yield from _norm(f"{key}/input_layer_norm", f"{name}.layer_norm", c)
    yield from _linear(f"{key}/transition1", f"{name}.linear_1", c, factor * c)
    yield from _linear(f"{key}/transition2", f"{name}.linear_2", factor * c, c)


def _pair_stack(key, name, z, c, width, c_triangle, factor):
    for which, short in (("outgoing", "out"), ("incoming", "in")):
        yield from _triangle_product(
            f"{key}/triangle_multiplication_{which}", f"{name}.tri_mul_{short}", c, c_triangle, z["multimer"], short == "in"
        )
    for which, short in (("starting", "start"), ("ending", "end")):
        yield from _triangle_attention(
            f"{key}/triangle_attention_{which}_node", f"{name}.tri_att_{short}", c, z["pair_heads"], width
        )
    yield from _transition(f"{key}/pair_transition", f"{name}.pair_transition", c, factor)


def _block(z, key, name, c, width, extra):
    """One block of the Evoformer (Alg. 6), or of the extra MSA stack (Alg. 18)."""
    heads, row = z["msa_heads"], f"{key}/msa_row_attention_with_pair_bias"
    yield from _norm(f"{row}/query_norm", f"{name}.msa_att_row.layer_norm_m", c)
    yield from _norm(f"{row}/feat_2d_norm", f"{name}.msa_att_row.layer_norm_z", z["c_z"])
    yield f"{row}//feat_2d_weights", (z["c_z"], heads), "transpose", f"{name}.msa_att_row.linear_z.weight"
    yield from _attention(f"{row}/attention", f"{name}.msa_att_row.mha", c, c, heads, width, c)
    if extra:
        column = f"{key}/msa_column_global_attention"
        yield from _norm(f"{column}/query_norm", f"{name}.msa_att_col.layer_norm_m", c)
        shared = f"{name}.msa_att_col.global_attention"
        yield from _attention(f"{column}/attention", shared, c, c, heads, width, c, shared_keys=True)
    else:
        column = f"{key}/msa_column_attention"
        yield from _norm(f"{column}/query_norm", f"{name}.msa_att_col._msa_att.layer_norm_m", c)
        yield from _attention(f"{column}/attention", f"{name}.msa_att_col._msa_att.mha", c, c, heads, width, c)
    yield from _transition(f"{key}/msa_transition", f"{name}.msa_transition", c, z["transition"])
    outer, o = f"{key}/outer_product_mean", z["c_outer"]
    yield from _norm(f"{outer}/layer_norm_input", f"{name}.outer_product_mean.layer_norm", c)
    yield from _linear(f"{outer}/left_projection", f"{name}.outer_product_mean.linear_1", c, o)
    yield from _linear(f"{outer}/right_projection", f"{name}.outer_product_mean.linear_2", c, o)
    yield f"{outer}//output_w", (o, o, z["c_z"]), "heads_out", f"{name}.outer_product_mean.linear_out.weight"
    yield f"{outer}//output_b", (z["c_z"],), "same", f"{name}.outer_product_mean.linear_out.bias"
    yield from _pair_stack(key, f"{name}.pair_stack", z, z["c_z"], z["pair_width"], z["c_triangle"], z["transition"])


def _embedders(z):
    name, c_m, c_z = "input_embedder", z["c_m"], z["c_z"]
    yield from _linear("evoformer/preprocess_1d", f"{name}.linear_tf_m", z["target_features"], c_m)
    yield from _linear("evoformer/preprocess_msa", f"{name}.linear_msa_m", z["msa_features"], c_m)
    yield from _linear("evoformer/left_single", f"{name}.linear_tf_z_i", z["target_features"], c_z)
    yield from _linear("evoformer/right_single", f"{name}.linear_tf_z_j", z["target_features"], c_z)
    # The first is spelled so in the files.
    relative = "evoformer/~_relative_encoding/position_activations" if z["multimer"] else "evoformer/pair_activiations"
    yield from _linear(relative, f"{name}.linear_relpos", relative_features(z), c_z)
    yield from _linear("evoformer/prev_pos_linear", "recycling_embedder.linear", z["recycling_bins"], c_z)
    yield from _norm("evoformer/prev_msa_first_row_norm", "recycling_embedder.layer_norm_m", c_m)
    yield from _norm("evoformer/prev_pair_norm", "recycling_embedder.layer_norm_z", c_z)
    yield from _linear("evoformer/extra_msa_activations", "extra_msa_embedder.linear", z["extra_features"], z["c_e"])
    yield from _linear("evoformer/single_activations", "evoformer.linear", c_m, z["c_s"])


def relative_features(z):
    """How many values the encoding of relative positions has: Alg. 4, or with chains (Evans et al. 2021, 7.1)."""
    return 2 * z["relative_positions"] + 1 + (2 * z["relative_chains"] + 4 if z["multimer"] else 0)


def _templates(z):
    """Outside the stack of blocks."""
    key, name, c_t = "evoformer/template_embedding", "template_embedder", z["c_t"]
    one, pair = f"{key}/single_template_embedding", f"{name}.template_pair_embedder"
    single = f"{name}.template_single_embedder"
    first, second = ("template_single_embedder", "template_projector") if z["multimer"] else ("linear_1", "linear_2")
    yield from _linear("evoformer/template_single_embedding", f"{single}.{first}", z["template_angle_features"], z["c_m"])
    yield from _linear("evoformer/template_projection", f"{single}.{second}", z["c_m"], z["c_m"])
    yield from _norm(f"{one}/output_layer_norm", f"{name}.template_pair_stack.layer_norm", c_t)
    if not z["multimer"]:
        yield from _linear(f"{one}/embedding2d", f"{pair}.linear", z["template_pair_features"], c_t)
        attention = f"{name}.template_pointwise_att.mha"
        heads, width = z["template_heads"], z["template_width"]
        yield from _attention(f"{key}/attention", attention, z["c_z"], c_t, heads, width, z["c_z"], gated=False)
        return
    yield from _norm(f"{one}/query_embedding_norm", f"{pair}.query_embedding_layer_norm", z["c_z"])
    yield from _linear(f"{key}/output_linear", f"{name}.linear_t", c_t, z["c_z"])
    wide = {"dgram": z["template_bins"], "aatype_linear_1": 22, "aatype_linear_2": 22, "query_embedding": z["c_z"]}
    order = "dgram pseudo_beta_mask aatype_linear_1 aatype_linear_2 x y z backbone_mask query_embedding"
    for i, part in enumerate(order.split()):
        to = f"{pair}.{part}" if part.startswith("aatype") else f"{pair}.{part}_linear"
        if part in wide:
            yield from _linear(f"{one}/template_pair_embedding_{i}", to, wide[part], c_t)
        else:  # a weight per channel for a feature that is one number
            yield f"{one}/template_pair_embedding_{i}//weights", (c_t,), "column", f"{to}.weight"
            yield f"{one}/template_pair_embedding_{i}//bias", (c_t,), "same", f"{to}.bias"


def _point_attention(key, name, z):
    """Invariant point attention (Alg. 22)."""
    c, h, width, queries, values = (z[k] for k in ("c_s", "ipa_heads", "ipa_width", "query_points", "value_points"))
    if z["multimer"]:
        for part in "qkv":
            yield f"{key}/{part}_scalar_projection//weights", (c, h, width), "heads_in", f"{name}.linear_{part}.weight"
            points = 3 * (values if part == "v" else queries)
            from_, to = f"{key}/{part}_point_projection/point_projection", f"{name}.linear_{part}_points.linear"
            yield f"{from_}//weights", (c, h, points), "heads_in", f"{to}.weight"
            yield f"{from_}//bias", (h, points), "flat", f"{to}.bias"
    else:
        yield from _linear(f"{key}/q_scalar", f"{name}.linear_q", c, h * width)
        yield from _linear(f"{key}/kv_scalar", f"{name}.linear_kv", c, 2 * h * width)
        yield from _linear(f"{key}/q_point_local", f"{name}.linear_q_points.linear", c, 3 * h * queries)
        yield from _linear(f"{key}/kv_point_local", f"{name}.linear_kv_points.linear", c, 3 * h * (queries + values))
    yield f"{key}//trainable_point_weights", (h,), "same", f"{name}.head_weights"
    yield from _linear(f"{key}/attention_2d", f"{name}.linear_b", z["c_z"], h)
    yield from _linear(f"{key}/output_projection", f"{name}.linear_out", h * (width + 4 * values + z["c_z"]), c)


def _structure(z):
    key, name, c = "structure_module", "structure_module", z["c_s"]
    fold = f"{key}/fold_iteration"
    yield from _norm(f"{key}/single_layer_norm", f"{name}.layer_norm_s", c)
    yield from _norm(f"{key}/pair_layer_norm", f"{name}.layer_norm_z", z["c_z"])
    yield from _linear(f"{key}/initial_projection", f"{name}.linear_in", c, c)
    yield from _point_attention(f"{fold}/invariant_point_attention", f"{name}.ipa", z)
    yield from _norm(f"{fold}/attention_layer_norm", f"{name}.layer_norm_ipa", c)
    for i, part in enumerate(("transition", "transition_1", "transition_2")):
        yield from _linear(f"{fold}/{part}", f"{name}.transition.layers.0.linear_{i + 1}", c, c)
    yield from _norm(f"{fold}/transition_layer_norm", f"{name}.transition.layer_norm", c)
    update = "quat_rigid/rigid" if z["multimer"] else "affine_update"
    yield from _linear(f"{fold}/{update}", f"{name}.bb_update.linear", c, 6)
    side, angles, hidden = f"{fold}/rigid_sidechain", f"{name}.angle_resnet", z["c_angles"]
    yield from _linear(f"{side}/input_projection", f"{angles}.linear_in", c, hidden)
    yield from _linear(f"{side}/input_projection_1", f"{angles}.linear_initial", c, hidden)
    for i in range(z["angle_blocks"]):
        for j in (1, 2):
            yield from _linear(f"{side}/resblock{j}" + f"_{i}" * (i > 0), f"{angles}.layers.{i}.linear_{j}", hidden, hidden)
    yield from _linear(f"{side}/unnormalized_angles", f"{angles}.linear_out", hidden, 14)


def _heads(z):
    key, hidden = "predicted_lddt_head", z["c_lddt"]
    yield from _norm(f"{key}/input_layer_norm", "aux_heads.plddt.layer_norm", z["c_s"])
    yield from _linear(f"{key}/act_0", "aux_heads.plddt.linear_1", z["c_s"], hidden)
    yield from _linear(f"{key}/act_1", "aux_heads.plddt.linear_2", hidden, hidden)
    yield from _linear(f"{key}/logits", "aux_heads.plddt.linear_3", hidden, z["lddt_bins"])
    yield from _linear("distogram_head/half_logits", "aux_heads.distogram.linear", z["c_z"], z["distance_bins"])
    yield from _linear("masked_msa_head/logits", "aux_heads.masked_msa.linear", z["c_m"], z["msa_classes"])
    yield from _linear("experimentally_resolved_head/logits", "aux_heads.experimentally_resolved.linear", z["c_s"], 37)
    if z["aligned_error"]:
        yield from _linear("predicted_aligned_error_head/logits", "aux_heads.tm.linear", z["c_z"], z["error_bins"])


def table(z):
    """All rows of a model."""

    def rows(parts, blocks=0):
        return [Row(PREFIX + key, shape, transform, name, blocks) for key, shape, transform, name in parts]

    found = rows(_embedders(z)) + rows(_structure(z)) + rows(_heads(z))
    found += rows(
        _block(z, "evoformer/evoformer_iteration", "evoformer.blocks.{}", z["c_m"], z["msa_width"], False),
        z["evoformer_blocks"],
    )
    extra = "extra_msa_stack.blocks.{}"
    found += rows(_block(z, "evoformer/extra_msa_stack", extra, z["c_e"], z["extra_width"], True), z["extra_blocks"])
    if z["templates"]:
        one = "evoformer/template_embedding/single_template_embedding/"
        key = one + ("template_embedding_iteration" if z["multimer"] else "template_pair_stack/__layer_stack_no_state")
        name = "template_embedder.template_pair_stack.blocks.{}"
        sizes_ = (z["c_t"], z["template_width"], z["c_template_triangle"], z["template_transition"])
        found += rows(_templates(z)) + rows(_pair_stack(key, name, z, *sizes_), z["template_blocks"])
    return found


def listing():
    """What names.json holds, a row for each array: its key without PREFIX, its shape with the blocks of a stack first, the transform of one block to OpenFold's tensor, that tensor's name ({} for the block), and the kinds of file that have it."""
    found = {}
    for kind in KINDS:
        for row in table(sizes(kind)):
            shape = [row.blocks] * (row.blocks > 0) + list(row.shape)
            found.setdefault((row.key[len(PREFIX) :], tuple(shape), row.transform, row.name), []).append(kind)
    return [[key, list(shape), *rest, " ".join(kinds)] for (key, shape, *rest), kinds in sorted(found.items())]


# ---- From the one to the other ----


def to_openfold(w, transform):
    """One block's array of the .npz as OpenFold has it."""
    if transform.endswith("_swapped"):
        return np.roll(to_openfold(w, transform[: -len("_swapped")]), w.shape[-1] // 2, 0)
    if transform == "same":
        return w
    if transform == "flat":
        return w.reshape(-1)
    if transform == "column":
        return w[:, None]
    if transform == "transpose":
        return w.T
    if transform == "heads_in":
        return w.reshape(w.shape[0], -1).T
    assert transform == "heads_out", transform
    return w.reshape(-1, w.shape[-1]).T


def to_npz(w, transform, shape):
    """The other way round."""
    if transform.endswith("_swapped"):
        w, transform = np.roll(w, w.shape[0] // 2, 0), transform[: -len("_swapped")]
    if transform in ("same", "flat", "column"):
        return w.reshape(shape)
    return w.T.reshape(shape)


def canonical_shapes(z):
    """The shape of every tensor by its OpenFold name."""
    found = {}
    for row in table(z):
        shape = to_openfold(np.broadcast_to(np.float32(0), row.shape), row.transform).shape
        for block in range(row.blocks) if row.blocks else [None]:
            found[row.name.format(block)] = shape
    return found


def earlier_name(name):
    """What the first published OpenFold checkpoints (2022) call the tensor; monomer only."""
    name = name.replace("template_embedder.template_single_embedder.", "template_angle_embedder.")
    name = name.replace("template_embedder.", "")
    for part in ("msa_transition", "outer_product_mean"):
        name = name.replace(f".{part}.", f".core.{part}.")
    name = name.replace(".pair_stack.", ".core.")
    return name.replace("_points.linear.", "_points.")


def parameter_count(z):
    return sum(max(row.blocks, 1) * int(np.prod(row.shape)) for row in table(z))


def random_weights(z, seed):
    """FP64 tensors by their OpenFold names, all values exact in FP32; nothing is zero, so that every path has a gradient."""
    random, found = np.random.default_rng(seed), {}
    for name, shape in canonical_shapes(z).items():
        values = random.standard_normal(shape)
        if len(shape) == 2:
            values /= np.sqrt(shape[1])
        else:
            values = values * 0.1 + ("norm" in name and name.endswith("weight")) + 0.5 * name.endswith("head_weights")
        found[name] = values.astype(np.float32).astype(np.float64)
    return found


def write_npz(path, z, weights):
    """As AlphaFold 2's own files: np.savez of FP32 arrays."""
    arrays = {}
    for row in table(z):
        blocks = [weights[row.name.format(i)] for i in range(max(row.blocks, 1))]
        blocks = [to_npz(w, row.transform, row.shape) for w in blocks]
        arrays[row.key] = np.stack(blocks) if row.blocks else blocks[0]
    np.savez(path, **{key: np.ascontiguousarray(w, np.float32) for key, w in arrays.items()})


def write_openfold(path, weights, earlier=False):
    """Safetensors or, by the ending .pt, PyTorch's own format; both FP32."""
    named = {earlier_name(k) if earlier else k: np.ascontiguousarray(v, np.float32) for k, v in weights.items()}
    if str(path).endswith(".pt"):
        import torch

        torch.save({k: torch.from_numpy(v) for k, v in named.items()}, path)
    else:
        from safetensors.numpy import save_file

        save_file(named, path)


def _compare(what, found, wanted):
    missing, strange = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or strange:
        raise ValueError(f"{what}: missing {missing[:3]} ({len(missing)}), strange {strange[:3]} ({len(strange)})")
    for key, shape in wanted.items():
        if tuple(found[key].shape) != tuple(shape):
            raise ValueError(f"{what}: {key} is {tuple(found[key].shape)}, expected {tuple(shape)}")


def read(path, z):
    """FP64 tensors by their OpenFold names, from .npz, .safetensors or .pt; every name and shape must be right."""
    if str(path).endswith(".npz"):
        with np.load(path) as arrays:
            found = {key: np.asarray(arrays[key], np.float64) for key in arrays.files}
        rows = table(z)
        _compare(path, found, {row.key: ((row.blocks,) if row.blocks else ()) + row.shape for row in rows})
        weights = {}
        for row in rows:
            for i in range(max(row.blocks, 1)):
                block = found[row.key][i] if row.blocks else found[row.key]
                weights[row.name.format(i)] = to_openfold(block, row.transform)
        return weights
    if str(path).endswith(".pt"):
        import torch

        found = {k: v.numpy() for k, v in torch.load(path, weights_only=True).items()}
    else:
        from safetensors.numpy import load_file

        found = load_file(path)
    shapes = canonical_shapes(z)
    earlier = {earlier_name(name): name for name in shapes}
    if not shapes.keys() & found.keys() - earlier.keys():
        found = {earlier.get(name, name): v for name, v in found.items()}
    _compare(path, found, shapes)
    return {name: np.asarray(v, np.float64) for name, v in found.items()}


if __name__ == "__main__":  # python names.py writes names.json anew
    LISTING.write_text("[\n" + ",\n".join(json.dumps(row) for row in listing()) + "\n]\n")
