/* Losses of torsion angles: Alg. 27. As in the published code omega, phi and psi are left to the frame aligned error.
 */
#include "models/structure/losses.h"

enum { BACKBONE_ANGLES = 3, ANGLES = 7 };

/* The sum of all values of x times mask, which is broadcast, by layers times factor times the sum of mask, and 1e-10.
 */
static mote_value mean_over_layers(mote_graph *graph, const mote_loss_inputs *in, mote_value x, mote_value mask,
                                   int rank, double factor)
{
    mote_value sum = mote_graph_sum(graph, mote_graph_multiply(graph, x, mask), 0, 3);
    mote_value count =
        mote_graph_scale(graph, mote_graph_sum(graph, mask, 0, rank), factor * (double)in->result->layers);
    return mote_graph_divide(graph, sum, mote_structure_offset(graph, count, 1e-10));
}

/* Squared errors of the chi angles, symmetric ones with the nearer of two values. */
mote_value mote_chi_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value angles = mote_graph_slice(graph, in->result->angles, 2, BACKBONE_ANGLES, ANGLES - BACKBONE_ANGLES);
    mote_value turn = mote_residue_rows(graph, MOTE_RESIDUE_CHI_TURN, in->truth->aatype);
    turn = mote_structure_reshape3(graph, turn, in->residues, ANGLES - BACKBONE_ANGLES, 1);
    mote_value truths[2] = {in->truth->chi, mote_graph_multiply(graph, in->truth->chi, turn)}, errors[2];
    for (int i = 0; i < 2; i++) {
        errors[i] = mote_structure_squared_length(graph, mote_graph_subtract(graph, angles, truths[i]), 4);
    }
    /* the smaller one */
    mote_value more = mote_graph_map(graph, "relu", mote_graph_subtract(graph, errors[0], errors[1]));
    mote_value error = mote_graph_subtract(graph, errors[0], more);
    return mean_over_layers(graph, in, error, in->truth->chi_mask, 2, 1);
}

/* How far the vectors of all seven angles are from length 1. */
mote_value mote_angle_norm_loss(mote_graph *graph, const mote_loss_inputs *in)
{
    mote_value squared = mote_structure_squared_length(graph, in->result->raw_angles, 4);
    mote_value length = mote_graph_map(graph, "sqrt", mote_structure_offset(graph, squared, 1e-6));
    mote_value error = mote_graph_map(graph, "abs", mote_structure_offset(graph, length, -1));
    mote_value mask = mote_structure_reshape2(graph, in->truth->seq_mask, in->residues, 1);
    return mean_over_layers(graph, in, error, mask, 2, ANGLES);
}
