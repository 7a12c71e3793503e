/* Losses of the heads: 1.9.6 to 1.9.10. */
#include "models/structure/losses.h"

enum { MOST_BREAKS = 255, ATOMS = 37 };

mote_value mote_masked_mean(mote_graph *graph, mote_value x, mote_value mask, int rank, double epsilon)
{
    mote_value sum = mote_graph_sum(graph, mote_graph_multiply(graph, x, mask), 0, rank);
    return mote_graph_divide(graph, sum, mote_structure_offset(graph, mote_graph_sum(graph, mask, 0, rank), epsilon));
}

mote_value mote_mask_pairs(mote_graph *graph, mote_value mask)
{
    size_t n = mote_extent(graph, mask, 0);
    return mote_graph_multiply(graph, mote_structure_reshape2(graph, mask, n, 1),
                               mote_structure_reshape2(graph, mask, 1, n));
}

/* Classes of squared distances: bins - 1 breaks, equally far from one another, from first to last angstrom. */
static mote_value classes_of(mote_graph *graph, mote_value squared, size_t bins, double first, double last)
{
    float breaks[MOST_BREAKS];
    for (size_t i = 0; i + 1 < bins && i < MOST_BREAKS; i++) {
        double edge = first + (last - first) * (double)i / (double)(bins - 2);
        breaks[i] = (float)(edge * edge);
    }
    return mote_graph_bins(graph, squared, bins - 1, breaks);
}

/* 1.9.8, eq. 41: of CB atoms, CA for glycine. */
mote_value mote_distance_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value x = in->truth->pseudo_beta;
    mote_value classes =
        classes_of(graph, mote_graph_squared_distances(graph, x, x), in->config->distance_bins, 2.3125, 21.6875);
    mote_value errors = mote_graph_softmax_cross_entropy(graph, in->scores->distances, classes);
    return mote_masked_mean(graph, errors, mote_mask_pairs(graph, in->truth->pseudo_beta_mask), 2, 1e-6);
}

/* 1.9.9, eq. 42: the letters that were masked. */
mote_value mote_msa_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value errors = mote_graph_softmax_cross_entropy(graph, in->scores->msa, in->truth->true_msa);
    return mote_masked_mean(graph, errors, in->truth->bert_mask, 2, 1e-8);
}

/* Entry index of x [residues, entries] or [residues, entries, 3]: of rank dimensions. */
static mote_value atom(mote_graph *graph, mote_value x, size_t residues, size_t index, int rank)
{
    return mote_graph_reshape(graph, mote_graph_slice(graph, x, 1, index, 1), rank, (size_t[]){residues, 3});
}

static mote_value if_resolved(mote_graph *graph, const mote_loss_inputs *in, mote_value loss)
{
    return mote_graph_multiply(graph, loss, mote_graph_reshape(graph, in->truth->well_resolved, 0, &in->residues));
}

/* 1.9.6: the lDDT of CA. */
mote_value mote_lddt_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value mask = atom(graph, in->truth->atom37_mask, in->residues, 1, 1), classes;
    mote_graph_lddt(graph, atom(graph, in->result->atoms, in->residues, 1, 2), in->truth->ca, mask,
                    (int)in->config->lddt_bins, &classes);
    mote_value errors = mote_graph_softmax_cross_entropy(graph, in->scores->lddt, classes);
    return if_resolved(graph, in, mote_masked_mean(graph, errors, mask, 1, 1e-8));
}

/* 1.9.10, eq. 43: which of the atoms a residue has were seen. The cross entropy of a sigmoid as max(x, 0) - x seen +
 * ln(1
 * + e^-|x|), which does not overflow. */
mote_value mote_resolved_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value x = in->scores->resolved, seen = in->truth->atom37_mask;
    mote_value small = mote_graph_scale(graph, mote_graph_map(graph, "abs", x), -1);
    small = mote_structure_offset(graph, mote_graph_map(graph, "exp", small), 1);
    mote_value errors =
        mote_graph_subtract(graph, mote_graph_map(graph, "relu", x), mote_graph_multiply(graph, x, seen));
    errors = mote_graph_add(graph, errors, mote_graph_map(graph, "log", small));
    mote_value mask = mote_graph_multiply(graph, mote_residue_rows(graph, MOTE_RESIDUE_MASK37, in->truth->aatype),
                                          mote_structure_reshape2(graph, in->truth->seq_mask, in->residues, 1));
    return if_resolved(graph, in, mote_masked_mean(graph, errors, mask, 2, 1e-8));
}

/* Each CA in each residue's frame: [residues, residues, 3]. */
static mote_value local_points(mote_graph *graph, const mote_loss_inputs *in, mote_value rotations, mote_value points)
{
    size_t n = in->residues;
    mote_value moved = mote_graph_subtract(graph, mote_structure_reshape3(graph, points, 1, n, 3),
                                           mote_structure_reshape3(graph, points, n, 1, 3));
    return mote_graph_rotate(graph, rotations, moved, 1);
}

/* 1.9.7: the error of each CA in each residue's frame. A residue's own is exactly 0, which is a break: it is not
 * beyond. */
mote_value mote_aligned_error_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    size_t n = in->residues;
    const mote_frames *frames = &in->result->frames[in->result->layers - 1];
    const mote_structure_truth *t = in->truth;
    mote_value found = local_points(graph, in, mote_graph_stop_gradient(graph, frames->rotations),
                                    mote_graph_stop_gradient(graph, frames->translations));
    mote_value wanted = local_points(
        graph, in, mote_structure_reshape3(graph, mote_graph_slice(graph, t->group_rotations, 1, 0, 1), n, 3, 3),
        mote_structure_reshape2(graph, mote_graph_slice(graph, t->group_origins, 1, 0, 1), n, 3));
    mote_value squared = mote_structure_squared_length(graph, mote_graph_subtract(graph, found, wanted), 3);
    mote_value classes = classes_of(graph, squared, in->config->error_bins, 0, 31);
    mote_value errors = mote_graph_softmax_cross_entropy(graph, in->scores->aligned_error, classes);
    mote_value mask = mote_mask_pairs(graph, atom(graph, t->group_mask, n, 0, 1));
    return if_resolved(graph, in, mote_masked_mean(graph, errors, mask, 2, 1e-8));
}
