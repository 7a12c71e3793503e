/* AlphaFold 2's trunk under faults: whatever allocation fails while it is built and measured, nothing leaks and the
 * error is that of memory. */
#include "fault.h"

/* As small as it gets with every module, templates and chains. */
static mote_status run_once(mote_context *context, uint64_t *bytes)
{
    mote_trunk_config config = mote_trunk_preset(1);
    mote_trunk_lengths lengths = {.residues = 3, .sequences = 2, .extra = 2, .templates = 2};
    mote_trunk trunk;
    mote_graph *graph = NULL;
    mote_plan_memory memory = {0};
    config.evoformer_blocks = config.extra_blocks = config.template_blocks = 1;
    config.training = 1;
    config.piece = 2;
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? mote_trunk_build(graph, &config, &lengths, &trunk) : status;
    if (status == MOTE_OK) {
        mote_graph_output(graph, trunk.m);
        mote_graph_output(graph, trunk.z);
        mote_graph_output(graph, trunk.single);
        status = mote_plan_measure(graph, &(mote_plan_options){0}, &memory);
    }
    *bytes = memory.total;
    mote_graph_destroy(graph);
    return status;
}

void trunk_faults(mote_context *context)
{
    static const char name[] = "trunk";
    uint64_t expected, found;
    armed.left = -1;
    if (run_once(context, &expected) != MOTE_OK) {
        complain(name, mote_context_message(context));
        return;
    }
    armed.site = MOTE_FAULT_ALLOCATE;
    armed.kind = MOTE_FAULT_FAIL;
    for (long k = 0;; k++) {
        long before = live;
        armed.left = k;
        armed.fired = armed.inside = false;
        mote_status status = run_once(context, &found);
        armed.left = -1;
        runs++;
        if (live != before) {
            complain(name, "memory leaked");
        }
        if (status == MOTE_OK && (armed.fired || found != expected)) {
            complain(name, armed.fired ? "a failure was swallowed" : "it takes other memory");
        }
        if (status != MOTE_OK && status != MOTE_ERROR_MEMORY) {
            complain(name, mote_context_message(context));
        }
        if (!armed.fired) {
            break;
        }
    }
}
