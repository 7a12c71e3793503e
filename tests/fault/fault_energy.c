/* Measuring and modelling under faults: every allocation of a profile, of counts, of a recorder. */
#include <string.h>

#include "energy/energy.h"
#include "fault.h"

enum { ROWS = 6, WIDTH = 4 };

static mote_value row(mote_graph *graph, void *argument, const mote_value *pieces)
{
    return mote_graph_linear(graph, pieces[0], *(mote_value *)argument, MOTE_NO_VALUE);
}

/* Of a graph of pieces whose gradients are computed twice. */
static mote_status count(mote_context *context, mote_graph_counts *counts)
{
    mote_graph *graph = NULL;
    mote_status status = mote_graph_create(context, &graph);
    if (status != MOTE_OK) {
        return status;
    }
    mote_value x = mote_graph_input(graph, "x", MOTE_FP32, 2, (size_t[]){ROWS, WIDTH});
    mote_value w = mote_graph_parameter(graph, "w", 2, (size_t[]){WIDTH, WIDTH}, MOTE_INITIAL_NORMAL, 1);
    mote_pieces_options options = {.count = 1, .values = &x, .axes = (int[]){0}, .length = 4};
    mote_graph_begin_segment(graph);
    x = mote_graph_map(graph, "gelu", mote_graph_linear(graph, x, w, MOTE_NO_VALUE));
    options.values = &x;
    mote_value y = mote_graph_pieces(graph, &options, row, &w);
    mote_graph_end_segment(graph);
    mote_value loss = mote_graph_mean(graph, y, 0, 2);
    mote_graph_output(graph, loss);
    status = mote_graph_differentiate(graph, loss);
    status = status == MOTE_OK ? mote_graph_count(graph, 0, 1, counts) : status;
    mote_graph_destroy(graph);
    return status;
}

static mote_status run_once(mote_context *context, float numbers[FAULT_NUMBERS])
{
    mote_graph_counts counts;
    mote_profile *profile = NULL;
    mote_energy *energy = NULL;
    mote_estimate estimate;
    mote_energy_result result;
    mote_status status = mote_profile_open(context, "h200", &profile);
    status = status == MOTE_OK ? count(context, &counts) : status;
    status = status == MOTE_OK ? mote_energy_start_in(context, NULL, "/none", "./none.so", &energy) : status;
    if (status == MOTE_OK) {
        mote_profile_estimate(profile, &counts, &estimate);
        mote_energy_get(energy, &result);
        numbers[0] = (float)estimate.joules;
        numbers[1] = (float)strlen(profile->idle_watts.source);
        numbers[2] = (float)result.kind;
    }
    mote_energy_stop(energy);
    mote_profile_close(context, profile);
    return status;
}

void energy_faults(mote_context *context) { allocation_faults(context, "energy", run_once); }
