/* The losses, each file some of them. All are one number. */
#ifndef MOTE_MODELS_STRUCTURE_LOSSES_H
#define MOTE_MODELS_STRUCTURE_LOSSES_H

#include "models/structure/layers.h"

/* What losses read. */
typedef struct mote_loss_inputs {
    const mote_structure_config *config;
    const mote_structure_result *result;
    const mote_structure_scores *scores;
    const mote_structure_truth *truth;
    size_t residues;
} mote_loss_inputs;

/* The sum of x times mask (both of rank dimensions) by the sum of mask and epsilon. */
mote_value mote_masked_mean(mote_graph *graph, mote_value x, mote_value mask, int rank, double epsilon);

/* mask [n] as [n, n]: of pairs. */
mote_value mote_mask_pairs(mote_graph *graph, mote_value mask);

mote_value mote_backbone_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_side_chain_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_chi_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_angle_norm_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_distance_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_msa_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_lddt_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_resolved_loss(mote_graph *graph, const mote_loss_inputs *in);
mote_value mote_aligned_error_loss(mote_graph *graph, const mote_loss_inputs *in);

#endif
