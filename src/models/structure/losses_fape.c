/* Losses of structures: Alg. 20 lines 17 and 28, with Alg. 26 and 28. */
#include "models/structure/losses.h"

enum { GROUPS = 8, ATOMS = 14 };

/* Group 0 of x [residues, 8, 3] or [residues, 8, 3, 3], which has rank dimensions. */
static mote_value backbone_of(mote_graph *graph, mote_value x, size_t residues, int rank)
{
    return mote_graph_reshape(graph, mote_graph_slice(graph, x, 1, 0, 1), rank - 1, (size_t[]){residues, 3, 3});
}

static mote_value backbone_mask(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value mask = mote_graph_slice(graph, in->truth->group_mask, 1, 0, 1);
    return mote_graph_reshape(graph, mask, 1, &in->residues);
}

/* The mean over layers. Monomer: clamped at 10 angstrom, for a share of the proteins only (1.11.5). Multimer: clamped
 * within chains, practically not between them (Evans et al. 7.4). */
mote_value mote_backbone_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    static const mote_frame_error kinds[2][2] = {
        {{10, 10, 0, MOTE_PAIRS_ALL}, {0, 10, 0, MOTE_PAIRS_ALL}},
        {{10, 10, 1, MOTE_PAIRS_WITHIN_CHAINS}, {1000, 20, 1, MOTE_PAIRS_BETWEEN_CHAINS}}};
    const mote_frame_error *kind = kinds[in->config->multimer != 0];
    mote_value mask = backbone_mask(graph, in), chains = in->truth->chains, sums[2] = {MOTE_NO_VALUE, MOTE_NO_VALUE};
    mote_framed_points truth = {backbone_of(graph, in->truth->group_rotations, in->residues, 4),
                                backbone_of(graph, in->truth->group_origins, in->residues, 3), MOTE_NO_VALUE};
    truth.points = truth.translations;
    for (size_t i = 0; i < in->result->layers; i++) {
        const mote_frames *frames = &in->result->frames[i];
        mote_framed_points found = {frames->rotations, frames->translations, frames->translations};
        for (int k = 0; k < 2; k++) {
            mote_value one =
                mote_graph_frame_aligned_error(graph, &found, &truth, mask, mask, chains, chains, &kind[k]);
            sums[k] = i ? mote_graph_add(graph, sums[k], one) : one;
        }
    }
    if (!in->config->multimer) {
        mote_value share = mote_graph_reshape(graph, in->truth->clamped, 0, &in->residues);
        sums[0] = mote_graph_multiply(graph, share, mote_graph_subtract(graph, sums[0], sums[1]));
    }
    return mote_graph_scale(graph, mote_graph_add(graph, sums[0], sums[1]), 1.0 / (double)in->result->layers);
}

/* one where chosen [residues] is 0, other where it is 1; of rank dimensions, the first of which are residues. */
static mote_value choose(mote_graph *graph, mote_value chosen, mote_value one, mote_value other, int rank)
{
    size_t shape[4] = {mote_extent(graph, chosen, 0), 1, 1, 1};
    chosen = mote_graph_reshape(graph, chosen, rank, shape);
    mote_value rest = mote_structure_offset(graph, mote_graph_scale(graph, chosen, -1), 1);
    return mote_graph_add(graph, mote_graph_multiply(graph, rest, one), mote_graph_multiply(graph, chosen, other));
}

/* All frames and all atoms of the last layer, the true ones by the names that fit better. */
mote_value mote_side_chain_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    const mote_structure_truth *t = in->truth;
    const mote_frame_error error = {10, 10, in->config->multimer != 0, MOTE_PAIRS_ALL};
    size_t frames = in->residues * GROUPS, atoms = in->residues * ATOMS;
    mote_value renamed =
        mote_graph_renaming(graph, in->result->atoms, t->atoms14, t->other_atoms14, t->mask14, t->ambiguous14);
    mote_value rotations = choose(graph, renamed, t->group_rotations, t->other_group_rotations, 4);
    mote_value points = choose(graph, renamed, t->atoms14, t->other_atoms14, 3);
    mote_value mask = choose(graph, renamed, t->mask14, t->other_mask14, 2);
    mote_framed_points truth = {mote_structure_reshape3(graph, rotations, frames, 3, 3),
                                mote_structure_reshape2(graph, t->group_origins, frames, 3),
                                mote_structure_reshape2(graph, points, atoms, 3)};
    mote_framed_points found = {mote_structure_reshape3(graph, in->result->groups.rotations, frames, 3, 3),
                                mote_structure_reshape2(graph, in->result->groups.translations, frames, 3),
                                mote_structure_reshape2(graph, in->result->atoms, atoms, 3)};
    return mote_graph_frame_aligned_error(graph, &found, &truth, mote_graph_reshape(graph, t->group_mask, 1, &frames),
                                          mote_graph_reshape(graph, mask, 1, &atoms), MOTE_NO_VALUE, MOTE_NO_VALUE,
                                          &error);
}
