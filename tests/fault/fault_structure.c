/* The structure module, its heads and its losses under faults: every allocation, from building to running them. */
#include <string.h>

#include "fault.h"

enum { RESIDUES = 3, SEQUENCES = 2 };

static mote_structure_config small_config(void)
{
    mote_structure_config c = mote_structure_preset(1, 1);
    c.c_m = c.c_z = c.c_s = c.c_angles = c.c_lddt = 4;
    c.structure_layers = 2;
    c.ipa_heads = c.ipa_width = c.query_points = c.value_points = 2;
    c.angle_blocks = 1;
    return c;
}

static mote_status build(mote_graph *graph, mote_value *gradient)
{
    mote_structure_config c = small_config();
    mote_structure_result result;
    mote_structure_scores scores;
    mote_structure_truth truth;
    mote_structure_losses losses;
    mote_value single = mote_graph_input(graph, "single", MOTE_FP32, 2, (size_t[]){RESIDUES, c.c_s});
    mote_value pair = mote_graph_input(graph, "pair", MOTE_FP32, 3, (size_t[]){RESIDUES, RESIDUES, c.c_z});
    mote_value msa = mote_graph_input(graph, "msa", MOTE_FP32, 3, (size_t[]){SEQUENCES, RESIDUES, c.c_m});
    mote_structure_truth_inputs(graph, SEQUENCES, RESIDUES, &truth);
    mote_structure_module(graph, &c, single, pair, truth.aatype, truth.seq_mask, NULL, &result);
    mote_structure_heads(graph, &c, msa, pair, single, result.single, &scores);
    mote_structure_loss(graph, &c, &result, &scores, &truth, &losses);
    mote_graph_want_gradient(graph, single);
    mote_status status = mote_graph_differentiate(graph, losses.total);
    *gradient = mote_graph_gradient(graph, single);
    return status;
}

/* Fills what is given with numbers that differ, and masks with ones. */
static void fill_inputs(const mote_plan *plan, mote_graph *graph)
{
    for (mote_value v = 0; (size_t)v < mote_graph_value_count(graph); v++) {
        const char *name = mote_graph_value_name(graph, v);
        float *values = name && !mote_graph_is_parameter(graph, v) ? mote_plan_data(plan, v) : NULL;
        mote_layout layout;
        if (!values || mote_graph_value_layout(graph, v, &layout) != MOTE_OK || layout.format != MOTE_FP32) {
            continue;
        }
        size_t count = 1;
        for (int d = 0; d < layout.rank; d++) {
            count *= layout.shape[d];
        }
        for (size_t i = 0; i < count; i++) {
            values[i] = strstr(name, "mask") ? 1 : (float)(i * 37 % 101) / 50 - 1;
        }
    }
}

/* Ends with the gradient of the single representation. */
static mote_status run_once(mote_context *context, float numbers[FAULT_NUMBERS])
{
    mote_graph *graph = NULL;
    mote_plan *plan = NULL;
    mote_value gradient = MOTE_NO_VALUE;
    mote_plan_options options = {0};
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? build(graph, &gradient) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &options, &plan) : status;
    status = status == MOTE_OK ? mote_plan_initialize(plan, 1) : status;
    if (status == MOTE_OK) {
        fill_inputs(plan, graph);
        status = mote_plan_run(plan, 1);
    }
    if (status == MOTE_OK) {
        memcpy(numbers, mote_plan_data(plan, gradient), (size_t)RESIDUES * 4 * sizeof *numbers);
    }
    mote_plan_destroy(plan);
    mote_graph_destroy(graph);
    return status;
}

void structure_faults(mote_context *context) { allocation_faults(context, "structure module", run_once); }
