/* AlphaFold 2's trunk under faults: whatever allocation fails while it is built and measured, nothing leaks and the
 * error is that of memory. */
#include "fault.h"

/* As small as it gets with every module, templates and chains. */
static mote_status run_once(mote_context *context, mote_format stored, float numbers[FAULT_NUMBERS])
{
    mote_trunk_config config = mote_trunk_preset(1);
    mote_trunk_lengths lengths = {.residues = 3, .sequences = 2, .extra = 2, .templates = 2};
    mote_trunk trunk;
    mote_graph *graph = NULL;
    mote_plan_memory memory = {0};
    config.evoformer_blocks = config.extra_blocks = config.template_blocks = 1;
    config.training = 1;
    config.piece = 2;
    config.stored = stored;
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? mote_trunk_build(graph, &config, &lengths, &trunk) : status;
    if (status == MOTE_OK) {
        mote_graph_output(graph, mote_graph_widen(graph, trunk.m));
        mote_graph_output(graph, mote_graph_widen(graph, trunk.z));
        mote_graph_output(graph, trunk.single);
        status = mote_plan_measure(graph, &(mote_plan_options){0}, &memory);
    }
    numbers[0] = (float)(memory.total >> 20); /* in two parts, each exact */
    numbers[1] = (float)(memory.total & 0xFFFFF);
    mote_graph_destroy(graph);
    return status;
}

static mote_status run_plain(mote_context *context, float numbers[FAULT_NUMBERS])
{
    return run_once(context, MOTE_FP32, numbers);
}

static mote_status run_packed(mote_context *context, float numbers[FAULT_NUMBERS])
{
    return run_once(context, MOTE_MXINT8, numbers);
}

void trunk_faults(mote_context *context)
{
    allocation_faults(context, "trunk", run_plain);
    allocation_faults(context, "packed trunk", run_packed);
}
