"""The trunk of AlphaFold 2 in FP64: embedders, templates, extra MSA stack and Evoformer.

Algorithm numbers are those of Jumper et al. 2021, supplementary information 1; multimer means Evans et al. 2021. One protein,
no batch: m [sequences, residues, c_m], z [residues, residues, c_z]. b is reference_models.backend(...), c a dict of
names.sizes, p a flat dict of parameters by OpenFold's names. Masks are FP64 numpy arrays of 0 and 1. No dropout.

Where the published code and the paper differ, this follows the code, since its weights were trained with it.
"""

import math

import numpy as np

from reference_models import layer_norm as layer_norm_with

MASKED = -1e9


def layer_norm(x, p, name):
    return layer_norm_with(x, p, name, 1e-5)


def linear(x, p, name):
    y = x @ p[f"{name}.weight"].swapaxes(0, 1)
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def relu(x):
    return x * (x > 0)


def sigmoid(b, x):
    return 1 / (1 + b.np.exp(-x))


def softmax(b, x):
    e = b.np.exp(x - b.stop(b.np.amax(x, -1))[..., None])
    return e / e.sum(-1)[..., None]


def number(b, truth):
    """FP64 1 and 0; the product of a truth value and 1.0 would be FP32 in torch."""
    return b.np.where(truth, b.array(np.float64(1)), b.array(np.float64(0)))


def one_hot(indices, classes):
    """A row of zeros for an index outside the classes."""
    return (np.asarray(indices)[..., None] == np.arange(classes)).astype(np.float64)


def attention(b, p, name, queries, memory, heads, mask, bias=None):
    """Multi-head attention with a gate where there is one. queries [rows, q, c], memory [rows, k, c], mask [rows, k], bias [heads, q, k].

    A masked key has the score -1e9, whatever its bias: where all keys are masked all weigh the same, as in FP32, where adding
    -1e9 swallows the score."""
    q, k, v = (linear(x, p, f"{name}.linear_{part}") for x, part in ((queries, "q"), (memory, "k"), (memory, "v")))
    q, k, v = (x.reshape(x.shape[0], x.shape[1], heads, -1) for x in (q, k, v))
    scores = b.np.einsum("rqhd,rkhd->rhqk", q, k) / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores + bias[None]
    scores = b.np.where(b.array(mask > 0)[:, None, None, :], scores, MASKED)
    y = b.np.einsum("rhqk,rkhd->rqhd", softmax(b, scores), v)
    y = y.reshape(y.shape[0], y.shape[1], -1)
    if f"{name}.linear_g.weight" in p:
        y = y * sigmoid(b, linear(queries, p, f"{name}.linear_g"))
    return linear(y, p, f"{name}.linear_o")


def msa_row_attention(b, c, p, name, m, z, mask):
    """Alg. 7: each sequence over its residues, biased by the pairs. mask [sequences, residues]."""
    bias = linear(layer_norm(z, p, f"{name}.layer_norm_z"), p, f"{name}.linear_z")
    m = layer_norm(m, p, f"{name}.layer_norm_m")
    return attention(b, p, f"{name}.mha", m, m, c["msa_heads"], mask, b.np.einsum("ijh->hij", bias))


def msa_column_attention(b, c, p, name, m, mask):
    """Alg. 8: each residue over the sequences."""
    m = layer_norm(m.swapaxes(0, 1), p, f"{name}._msa_att.layer_norm_m")
    return attention(b, p, f"{name}._msa_att.mha", m, m, c["msa_heads"], mask.T).swapaxes(0, 1)


def msa_column_global_attention(b, c, p, name, m, mask):
    """Alg. 19: as Alg. 8 with one query, the mean, for all sequences, and keys and values without heads."""
    m = layer_norm(m.swapaxes(0, 1), p, f"{name}.layer_norm_m")
    name = f"{name}.global_attention"
    there = b.array(mask.T)
    mean = (m * there[..., None]).sum(1) / (there.sum(1) + 1e-10)[:, None]
    q = linear(mean, p, f"{name}.linear_q").reshape(m.shape[0], c["msa_heads"], -1)
    k, v = linear(m, p, f"{name}.linear_k"), linear(m, p, f"{name}.linear_v")
    scores = b.np.einsum("rhd,rkd->rhk", q, k) / math.sqrt(q.shape[-1])
    scores = b.np.where(there[:, None, :] > 0, scores, MASKED)
    y = b.np.einsum("rhk,rkd->rhd", softmax(b, scores), v).reshape(m.shape[0], 1, -1)
    y = y * sigmoid(b, linear(m, p, f"{name}.linear_g"))
    return linear(y, p, f"{name}.linear_o").swapaxes(0, 1)


def transition(p, name, x):
    """Alg. 9 and 15."""
    x = layer_norm(x, p, f"{name}.layer_norm")
    return linear(relu(linear(x, p, f"{name}.linear_1")), p, f"{name}.linear_2")


def outer_product_mean(b, p, name, m, mask):
    """Alg. 10. The bias too is divided by the number of sequences, and that number has 1e-3 more."""
    m, there = layer_norm(m, p, f"{name}.layer_norm"), b.array(mask)
    left, right = (linear(m, p, f"{name}.linear_{i}") * there[..., None] for i in (1, 2))
    outer = b.np.einsum("sic,sje->ijce", left, right)
    outer = linear(outer.reshape(outer.shape[0], outer.shape[1], -1), p, f"{name}.linear_out")
    return outer / (1e-3 + b.np.einsum("si,sj->ij", there, there))[..., None]


def triangle_product(b, c, p, name, z, mask, incoming):
    """Alg. 11 (outgoing) and 12 (incoming). mask [residues, residues]."""
    z = layer_norm(z, p, f"{name}.layer_norm_in")
    if c["multimer"]:
        both = linear(z, p, f"{name}.linear_ab_p") * sigmoid(b, linear(z, p, f"{name}.linear_ab_g"))
        half = both.shape[-1] // 2
        left, right = both[..., :half], both[..., half:]
    else:
        left, right = (
            linear(z, p, f"{name}.linear_{x}_p") * sigmoid(b, linear(z, p, f"{name}.linear_{x}_g")) for x in "ab"
        )
    left, right = (x * b.array(mask)[..., None] for x in (left, right))
    y = b.np.einsum("kic,kjc->ijc" if incoming else "ikc,jkc->ijc", left, right)
    y = linear(layer_norm(y, p, f"{name}.layer_norm_out"), p, f"{name}.linear_z")
    return y * sigmoid(b, linear(z, p, f"{name}.linear_g"))


def triangle_attention(b, c, p, name, z, mask, ending):
    """Alg. 13 (starting node); Alg. 14 (ending node) is the same on the transposed pairs."""
    if ending:
        return triangle_attention(b, c, p, name, z.swapaxes(0, 1), mask.T, False).swapaxes(0, 1)
    z = layer_norm(z, p, f"{name}.layer_norm")
    bias = b.np.einsum("ijh->hij", linear(z, p, f"{name}.linear"))
    return attention(b, p, f"{name}.mha", z, z, c["pair_heads"], mask, bias)


def triangle_updates(b, c, p, name, z, mask, attention_first=False):
    """The pair half of Alg. 6, lines 6 to 10; Alg. 16 has attention first."""
    steps = [
        lambda z: triangle_product(b, c, p, f"{name}.tri_mul_out", z, mask, False),
        lambda z: triangle_product(b, c, p, f"{name}.tri_mul_in", z, mask, True),
        lambda z: triangle_attention(b, c, p, f"{name}.tri_att_start", z, mask, False),
        lambda z: triangle_attention(b, c, p, f"{name}.tri_att_end", z, mask, True),
    ]
    for step in steps[2:] + steps[:2] if attention_first else steps:
        z = z + step(z)
    return z + transition(p, f"{name}.pair_transition", z)


def evoformer_block(b, c, p, name, m, z, msa_mask, pair_mask, extra=False):
    """One pass of the loop of Alg. 6, or of Alg. 18 where extra. The multimer has the outer product mean first."""
    if c["multimer"]:
        z = z + outer_product_mean(b, p, f"{name}.outer_product_mean", m, msa_mask)
    m = m + msa_row_attention(b, c, p, f"{name}.msa_att_row", m, z, msa_mask)
    column = msa_column_global_attention if extra else msa_column_attention
    m = m + column(b, c, p, f"{name}.msa_att_col", m, msa_mask)
    m = m + transition(p, f"{name}.msa_transition", m)
    if not c["multimer"]:
        z = z + outer_product_mean(b, p, f"{name}.outer_product_mean", m, msa_mask)
    return m, triangle_updates(b, c, p, f"{name}.pair_stack", z, pair_mask)


def evoformer(b, c, p, m, z, msa_mask, pair_mask):
    """Alg. 6: MSA and pair representations, and the single one."""
    for i in range(c["evoformer_blocks"]):
        m, z = evoformer_block(b, c, p, f"evoformer.blocks.{i}", m, z, msa_mask, pair_mask)
    return m, z, linear(m[0], p, "evoformer.linear")


def extra_msa_stack(b, c, p, features, z, msa_mask, pair_mask):
    """Alg. 2 lines 14 to 16 and Alg. 18: the pairs after the extra MSA. features [sequences, residues, 25]."""
    m = linear(b.array(features), p, "extra_msa_embedder.linear")
    for i in range(c["extra_blocks"]):
        m, z = evoformer_block(b, c, p, f"extra_msa_stack.blocks.{i}", m, z, msa_mask, pair_mask, extra=True)
    return z


# ---- Embedders ----


def relative_encoding(c, batch):
    """What relpos (Alg. 4) projects: the clipped offset of residues. In the multimer also "another chain", "same entity" and the clipped offset of copies (Evans 7.1)."""
    index, reach = batch["residue_index"], c["relative_positions"]
    offset = np.clip(index[:, None] - index[None, :] + reach, 0, 2 * reach)
    if not c["multimer"]:
        return one_hot(offset, 2 * reach + 1)
    same_chain = batch["asym_id"][:, None] == batch["asym_id"][None, :]
    same_entity = batch["entity_id"][:, None] == batch["entity_id"][None, :]
    chains = c["relative_chains"]
    copies = np.clip(batch["sym_id"][:, None] - batch["sym_id"][None, :] + chains, 0, 2 * chains)
    return np.concatenate(
        [
            one_hot(np.where(same_chain, offset, 2 * reach + 1), 2 * reach + 2),
            same_entity[..., None].astype(np.float64),
            one_hot(np.where(same_entity, copies, 2 * chains + 1), 2 * chains + 2),
        ],
        -1,
    )


def input_embedder(b, c, p, batch):
    """Alg. 3: m [sequences, residues, c_m] and z."""
    target, name = b.array(batch["target_feat"]), "input_embedder"
    m = linear(b.array(batch["msa_feat"]), p, f"{name}.linear_msa_m") + linear(target, p, f"{name}.linear_tf_m")[None]
    z = linear(target, p, f"{name}.linear_tf_z_i")[:, None] + linear(target, p, f"{name}.linear_tf_z_j")[None]
    return m, z + linear(b.array(relative_encoding(c, batch)), p, f"{name}.linear_relpos")


def distance_bins(b, x, first, last, bins):
    """One-hot distances of points x [residues, 3]: bin i begins at first + i (last - first) / (bins - 1), the last has no end. Nearer than first: all zeros."""
    squared = ((x[:, None] - x[None]) ** 2).sum(-1)[..., None]
    lower = np.linspace(first, last, bins) ** 2
    upper = np.append(lower[1:], 1e8)
    return number(b, (squared > b.array(lower)) & (squared < b.array(upper)))


def pseudo_beta(b, aatype, atoms):
    """CB, or CA of glycine and of nothing else. atoms [residues, 37, 3]."""
    return b.np.where(b.array(np.asarray(aatype) == 7)[..., None], atoms[..., 1, :], atoms[..., 3, :])


def recycling_embedder(b, c, p, aatype, previous):
    """Alg. 32: what to add to the first row of m and to z. previous: {"m": first row, "z", "atoms" [residues, 37, 3]}; zeros in the first round, where the biases still count."""
    name = "recycling_embedder"
    bins = distance_bins(b, pseudo_beta(b, aatype, previous["atoms"]), 3.25, 20.75, c["recycling_bins"])
    z = linear(bins, p, f"{name}.linear") + layer_norm(previous["z"], p, f"{name}.layer_norm_z")
    return layer_norm(previous["m"], p, f"{name}.layer_norm_m"), z


# ---- Templates ----


def template_pair_stack(b, c, p, t, mask):
    """Alg. 16 for one template, with the norm that ends it; the multimer has products before attention."""
    name = "template_embedder.template_pair_stack"
    for i in range(c["template_blocks"]):
        t = triangle_updates(b, c, p, f"{name}.blocks.{i}", t, mask, attention_first=not c["multimer"])
    return layer_norm(t, p, f"{name}.layer_norm")


def template_pairs(b, c, p, z, batch, mask):
    """Alg. 2 lines 9 to 13, what to add to z: Alg. 16 for each template and Alg. 17 over them. template_pair_feat [templates, residues, residues, 88], template_mask [templates]."""
    if c["multimer"]:
        return template_pairs_multimer(b, c, p, z, batch, mask)
    name, there = "template_embedder.template_pair_embedder.linear", batch["template_mask"]
    stack = [template_pair_stack(b, c, p, linear(b.array(t), p, name), mask) for t in batch["template_pair_feat"]]
    residues = z.shape[0]
    memory = b.np.stack(stack, 2).reshape(residues * residues, len(stack), -1)
    queries = z.reshape(residues * residues, 1, -1)
    seen = np.broadcast_to(there, (residues * residues, len(stack)))
    name = "template_embedder.template_pointwise_att.mha"
    y = attention(b, p, name, queries, memory, c["template_heads"], seen)
    return y.reshape(residues, residues, -1) * float(there.sum() > 0)


def template_pairs_multimer(b, c, p, z, batch, mask):
    """Evans 7.2: no attention over the templates but their mean, and the pairs so far are an input of each. template_pair_parts: for each template the features by the names of their layers."""
    name, total = "template_embedder.template_pair_embedder", 0
    query = layer_norm(z, p, f"{name}.query_embedding_layer_norm")
    for parts in batch["template_pair_parts"]:
        t = linear(query, p, f"{name}.query_embedding_linear")
        for part, values in parts.items():
            t = t + linear(b.array(np.array(values)), p, f"{name}.{part}")
        total = total + template_pair_stack(b, c, p, t, mask)
    return linear(relu(total / len(batch["template_pair_parts"])), p, "template_embedder.linear_t")


def template_rows(b, c, p, batch):
    """Alg. 2 lines 7 and 8: a row of m for each template. template_angle_feat [templates, residues, 57], or 34 in the multimer."""
    name = "template_embedder.template_single_embedder"
    first, second = ("template_single_embedder", "template_projector") if c["multimer"] else ("linear_1", "linear_2")
    a = relu(linear(b.array(batch["template_angle_feat"]), p, f"{name}.{first}"))
    return linear(a, p, f"{name}.{second}")


def trunk(b, c, p, batch, previous):
    """Alg. 2 lines 5 to 18 for one round: {"m" without the rows of templates, "first_row", "z", "single"}."""
    m, z = input_embedder(b, c, p, batch)
    mask = batch["seq_mask"][:, None] * batch["seq_mask"][None, :]
    first, pairs = recycling_embedder(b, c, p, batch["aatype"], previous)
    m, z = b.concatenate([m[:1] + first[None], m[1:]], 0), z + pairs
    sequences, msa_mask = m.shape[0], batch["msa_mask"]
    if c["templates"]:
        z = z + template_pairs(b, c, p, z, batch, mask)
        m = b.concatenate([m, template_rows(b, c, p, batch)], 0)
        msa_mask = np.concatenate([msa_mask, batch["template_angle_mask"]])
    z = extra_msa_stack(b, c, p, batch["extra_msa_feat"], z, batch["extra_msa_mask"], mask)
    m, z, single = evoformer(b, c, p, m, z, msa_mask, mask)
    return {"m": m[:sequences], "first_row": m[0], "z": z, "single": single}
