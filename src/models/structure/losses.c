/* The training loss: 1.9, eq. 7. */
#include "models/structure/losses.h"

void mote_structure_truth_inputs(mote_graph *graph, size_t sequences, size_t residues, mote_structure_truth *truth)
{
    const size_t s = sequences, r = residues;
    const struct {
        const char *name;
        mote_value *value;
        int rank;
        size_t shape[4];
        mote_format format;
    } inputs[] = {
        {"aatype", &truth->aatype, 1, {r}, MOTE_INT32},
        {"chains", &truth->chains, 1, {r}, MOTE_INT32},
        {"seq_mask", &truth->seq_mask, 1, {r}, MOTE_FP32},
        {"group_rotations", &truth->group_rotations, 4, {r, 8, 3, 3}, MOTE_FP32},
        {"other_group_rotations", &truth->other_group_rotations, 4, {r, 8, 3, 3}, MOTE_FP32},
        {"group_origins", &truth->group_origins, 3, {r, 8, 3}, MOTE_FP32},
        {"group_mask", &truth->group_mask, 2, {r, 8}, MOTE_FP32},
        {"atoms14", &truth->atoms14, 3, {r, 14, 3}, MOTE_FP32},
        {"other_atoms14", &truth->other_atoms14, 3, {r, 14, 3}, MOTE_FP32},
        {"mask14", &truth->mask14, 2, {r, 14}, MOTE_FP32},
        {"other_mask14", &truth->other_mask14, 2, {r, 14}, MOTE_FP32},
        {"ambiguous14", &truth->ambiguous14, 2, {r, 14}, MOTE_FP32},
        {"chi", &truth->chi, 3, {r, 4, 2}, MOTE_FP32},
        {"chi_mask", &truth->chi_mask, 2, {r, 4}, MOTE_FP32},
        {"pseudo_beta", &truth->pseudo_beta, 2, {r, 3}, MOTE_FP32},
        {"pseudo_beta_mask", &truth->pseudo_beta_mask, 1, {r}, MOTE_FP32},
        {"ca", &truth->ca, 2, {r, 3}, MOTE_FP32},
        {"atom37_mask", &truth->atom37_mask, 2, {r, 37}, MOTE_FP32},
        {"true_msa", &truth->true_msa, 2, {s, r}, MOTE_INT32},
        {"bert_mask", &truth->bert_mask, 2, {s, r}, MOTE_FP32},
        {"clamped", &truth->clamped, 1, {1}, MOTE_FP32},
        {"well_resolved", &truth->well_resolved, 1, {1}, MOTE_FP32},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        *inputs[i].value = mote_graph_input(graph, inputs[i].name, inputs[i].format, inputs[i].rank, inputs[i].shape);
    }
}

void mote_structure_loss(mote_graph *graph, const mote_structure_config *config, const mote_structure_result *result,
                         const mote_structure_scores *scores, const mote_structure_truth *truth,
                         mote_structure_losses *losses)
{
    static mote_value (*const terms[])(mote_graph *, const mote_loss_inputs *) = {
        mote_backbone_loss, mote_side_chain_loss, mote_chi_loss,      mote_angle_norm_loss,   mote_distance_loss,
        mote_msa_loss,      mote_lddt_loss,       mote_resolved_loss, mote_aligned_error_loss};
    static const double weights[] = {0.5, 0.5, 0.5, 0.01, 0.3, 2, 0.01, 0.01, 0.1};
    const mote_loss_inputs in = {config, result, scores, truth, mote_extent(graph, truth->aatype, 0)};
    mote_value *found[] = {&losses->backbone,   &losses->side_chains, &losses->chi,
                           &losses->angle_norm, &losses->distances,   &losses->msa,
                           &losses->lddt,       &losses->resolved,    &losses->aligned_error};
    size_t count = sizeof terms / sizeof *terms - !config->aligned_error;
    *losses = (mote_structure_losses){.aligned_error = MOTE_NO_VALUE, .total = MOTE_NO_VALUE};
    mote_graph_enter(graph, "loss");
    for (size_t i = 0; i < count; i++) {
        *found[i] = terms[i](graph, &in);
        mote_value weighted = mote_graph_scale(graph, *found[i], weights[i]);
        losses->total = i ? mote_graph_add(graph, losses->total, weighted) : weighted;
    }
    mote_graph_leave(graph);
}
