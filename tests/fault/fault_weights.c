/* Weights of AlphaFold 2 under faults: whatever fails while a file is opened and a plan filled, nothing leaks. */
#include "../unit/weights_file.h"
#include "fault.h"

enum { BLOCKS = 2 };

static mote_graph *graph;
static mote_plan *given, *filled;

void weights_begin(mote_context *context, const char *name)
{
    const mote_plan_options plain = {0};
    char path[FAULT_PATH];
    mote_trunk_config config = weights_small(BLOCKS);
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? weights_build(graph, &config) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &plain, &given) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &plain, &filled) : status;
    if (status == MOTE_OK) {
        weights_fill(graph, given);
    }
    status = status == MOTE_OK ? weights_write(context, graph, given, BLOCKS, true, path_of(name, path)) : status;
    if (status != MOTE_OK) {
        complain(name, mote_context_message(context));
    }
}

mote_status weights_run(mote_context *context, const char *name)
{
    char path[FAULT_PATH];
    mote_weights *weights;
    mote_status status = mote_weights_open(context, path_of(name, path), &weights);
    if (status == MOTE_OK) {
        mote_plan_initialize(filled, 1);
        status = mote_weights_load(weights, graph, filled);
    }
    if (status == MOTE_OK && !weights_same(graph, given, filled)) {
        status = mote_fail(context, MOTE_ERROR_FILE, "other parameters");
    }
    mote_weights_close(weights);
    return status;
}

void weights_end(void)
{
    mote_plan_destroy(given);
    mote_plan_destroy(filled);
    mote_graph_destroy(graph);
}
