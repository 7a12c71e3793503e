/* Packed parameters under faults: whatever allocation fails while weights of a graph and of a body of pieces are
 * packed, planned, drawn, set and looked at, nothing leaks, the error is that of memory, and without a fault the
 * results are the same again. */
#include <string.h>

#include "fault.h"

enum { ROWS = 3, INPUTS = 40, OUTPUTS = 33 };
_Static_assert((int)ROWS *(int)OUTPUTS <= (int)FAULT_NUMBERS, "the result must fit");

typedef struct values {
    mote_value x, inside, last, y;
} values;

static mote_value body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const values *v = argument;
    return mote_graph_linear(graph, *pieces, v->inside, MOTE_NO_VALUE);
}

/* nvfp4 has more to keep than the others: a scale of the whole tensor. */
static mote_status build(mote_context *context, mote_graph *graph, values *v)
{
    mote_policy_set *set = NULL;
    v->x = mote_graph_input(graph, "x", MOTE_FP32, 2, (size_t[]){ROWS, INPUTS});
    v->inside = mote_graph_parameter(graph, "inside", 2, (size_t[]){INPUTS, INPUTS}, MOTE_INITIAL_NORMAL, 0.3);
    v->last = mote_graph_parameter(graph, "last", 2, (size_t[]){OUTPUTS, INPUTS}, MOTE_INITIAL_NORMAL, 0.3);
    mote_pieces_options options = {1, &v->x, (int[]){0}, 2, 0, MOTE_FP32};
    v->y = mote_graph_linear(graph, mote_graph_pieces(graph, &options, body, v), v->last, MOTE_NO_VALUE);
    mote_graph_output(graph, v->y);
    mote_status status = mote_policy_set_create(context, "nvfp4", &set);
    status = status == MOTE_OK ? mote_graph_apply_policy(graph, set) : status;
    status = status == MOTE_OK ? mote_graph_pack_parameters(graph) : status;
    mote_policy_set_destroy(context, set);
    return status;
}

/* Gives a weight values that lie in other blocks. */
static mote_status set_last(mote_context *context, mote_plan *plan, const values *v)
{
    static uint8_t elements[OUTPUTS * INPUTS * 2], scales[OUTPUTS * INPUTS];
    static float numbers[OUTPUTS * INPUTS];
    mote_layout layout = {.format = MOTE_MXINT8, .rank = 2, .axis = 0, .shape = {OUTPUTS, INPUTS}};
    mote_tensor tensor = {.layout = layout, .elements = elements, .scales = scales, .tensor_scale = 1};
    for (int i = 0; i < OUTPUTS * INPUTS; i++) {
        numbers[i] = (float)(i * 37 % 101) / 50 - 1;
    }
    mote_status status = mote_quantize(context, numbers, NULL, NULL, &tensor);
    return status == MOTE_OK ? mote_plan_set(plan, v->last, &tensor) : status;
}

static mote_status run_once(mote_context *context, float numbers[FAULT_NUMBERS])
{
    mote_graph *graph = NULL;
    mote_plan *plan = NULL;
    values v = {MOTE_NO_VALUE, MOTE_NO_VALUE, MOTE_NO_VALUE, MOTE_NO_VALUE};
    int found = 0;
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? build(context, graph, &v) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &(mote_plan_options){0}, &plan) : status;
    status = status == MOTE_OK ? mote_plan_initialize(plan, 1) : status;
    status = status == MOTE_OK ? set_last(context, plan, &v) : status;
    if (status == MOTE_OK) {
        float *x = mote_plan_data(plan, v.x);
        for (int i = 0; i < ROWS * INPUTS; i++) {
            x[i] = (float)(i * 29 % 97) / 48 - 1;
        }
        status = mote_plan_find_nonfinite(plan, 1, &found);
    }
    if (status == MOTE_OK) {
        memcpy(numbers, mote_plan_data(plan, v.y), ROWS * OUTPUTS * sizeof *numbers);
    }
    mote_plan_destroy(plan);
    mote_graph_destroy(graph);
    return status;
}

void packed_faults(mote_context *context) { allocation_faults(context, "packed parameters", run_once); }
