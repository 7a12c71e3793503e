/* Pieces under faults: whatever allocation fails while a graph of them is built, differentiated, given a policy,
 * planned and run, nothing leaks, the error is that of memory, and without a fault the gradients are the same again. */
#include <string.h>

#include "fault.h"

enum { ROWS = 5, POSITIONS = 3, WIDTH = 8, VALUES = ROWS * POSITIONS * WIDTH };
_Static_assert((int)VALUES <= (int)FAULT_NUMBERS, "the gradient must fit");

static mote_value columns(mote_graph *graph, void *argument, const mote_value *pieces)
{
    (void)argument;
    mote_graph_enter(graph, "columns");
    mote_value weight = mote_graph_parameter(graph, "weight", 2, (size_t[]){WIDTH, WIDTH}, MOTE_INITIAL_NORMAL, 0.5);
    mote_value y =
        mote_graph_linear(graph, mote_graph_rms_norm(graph, *pieces, MOTE_NO_VALUE, 1e-6), weight, MOTE_NO_VALUE);
    mote_graph_leave(graph);
    return mote_graph_add(graph, *pieces, y);
}

/* Rows by pieces, and within each its positions. */
static mote_value rows(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const mote_format *format = argument;
    mote_pieces_options options = {1, pieces, (int[]){1}, 2, 1, *format};
    return mote_graph_widen(graph, mote_graph_pieces(graph, &options, columns, NULL));
}

/* format: of what is cut and put together. */
static mote_status build(mote_graph *graph, mote_format format, mote_value *x, mote_value *loss)
{
    *x = mote_graph_input(graph, "x", MOTE_FP32, 3, (size_t[]){ROWS, POSITIONS, WIDTH});
    mote_graph_want_gradient(graph, *x);
    mote_value cast = mote_graph_cast(graph, *x, format);
    mote_pieces_options options = {1, &cast, (int[]){0}, 2, 0, format};
    mote_value y = mote_graph_widen(graph, mote_graph_pieces(graph, &options, rows, &format));
    *loss = mote_graph_mean(graph, mote_graph_map(graph, "square", y), 0, 3);
    return mote_graph_differentiate(graph, *loss);
}

/* Ends with the gradient of x. */
static mote_status run_once(mote_context *context, mote_format format, float gradient[FAULT_NUMBERS])
{
    mote_graph *graph = NULL;
    mote_plan *plan = NULL;
    mote_policy_set *set = NULL;
    mote_value x = MOTE_NO_VALUE, loss = MOTE_NO_VALUE;
    mote_plan_options options = {0};
    mote_status status = mote_graph_create(context, &graph);
    status = status == MOTE_OK ? build(graph, format, &x, &loss) : status;
    status = status == MOTE_OK ? mote_policy_set_create(context, "mxfp6", &set) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(graph, set) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &options, &plan) : status;
    status = status == MOTE_OK ? mote_plan_initialize(plan, 1) : status;
    if (status == MOTE_OK) {
        float *values = mote_plan_data(plan, x);
        for (int i = 0; i < VALUES; i++) {
            values[i] = (float)(i * 37 % 101) / 50 - 1;
        }
        status = mote_plan_run(plan, 1);
    }
    if (status == MOTE_OK) {
        memcpy(gradient, mote_plan_data(plan, mote_graph_gradient(graph, x)), VALUES * sizeof *gradient);
    }
    mote_plan_destroy(plan);
    mote_policy_set_destroy(context, set);
    mote_graph_destroy(graph);
    return status;
}

static mote_status run_plain(mote_context *context, float gradient[FAULT_NUMBERS])
{
    return run_once(context, MOTE_FP32, gradient);
}

static mote_status run_packed(mote_context *context, float gradient[FAULT_NUMBERS])
{
    return run_once(context, MOTE_MXINT8, gradient);
}

void pieces_faults(mote_context *context)
{
    allocation_faults(context, "pieces", run_plain);
    allocation_faults(context, "packed pieces", run_packed);
}
