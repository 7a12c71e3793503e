/* Rotary positions for the heads at the front of each row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct rotary {
    size_t heads, width;
    double base;
    int sign; /* -1: the inverse rotation, which is the gradient */
} rotary;

/* ---- the table: [positions, width], cosines of half a head, then sines ---- */

static mote_status table_infer(mote_graph *graph, mote_node *node)
{
    const rotary *r = MOTE_ATTRIBUTES(node, rotary);
    size_t shape[2] = {r->heads, r->width}; /* heads: of this node, positions */
    return mote_node_result(graph, node, MOTE_FP32, 2, shape);
}

static mote_status table_run(const mote_run *run, const mote_node *node)
{
    const rotary *r = MOTE_ATTRIBUTES(node, rotary);
    float *table = mote_run_output(run, node, 0);
    size_t half = r->width / 2;
    for (size_t i = 0; i < half; i++) {
        double frequency = pow(r->base, -2.0 * (double)i / (double)r->width);
        for (size_t p = 0; p < r->heads; p++) {
            table[p * r->width + i] = (float)cos((double)p * frequency);
            table[p * r->width + half + i] = (float)sin((double)p * frequency);
        }
    }
    return MOTE_OK;
}

static const mote_op table_op = {.name = "rotary_table", .infer = table_infer, .run = table_run};

/* The graph's table for these sizes, made once. */
static mote_value find_table(mote_graph *graph, size_t positions, size_t width, double base)
{
    rotary wanted = {positions, width, base, 0};
    for (int i = 0; i < graph->node_count; i++) {
        const rotary *r = MOTE_ATTRIBUTES(&graph->nodes[i], rotary);
        if (graph->nodes[i].op == &table_op && r->heads == positions && r->width == width && r->base == base) {
            return graph->nodes[i].outputs[0];
        }
    }
    int segment = graph->segment;
    graph->segment = MOTE_NO_SEGMENT;
    mote_value table = mote_graph_append(graph, &table_op, 0, NULL, &wanted, sizeof wanted);
    graph->segment = segment;
    return table;
}

/* ---- the rotation ---- */

static mote_status rotary_infer(mote_graph *graph, mote_node *node)
{
    const rotary *r = MOTE_ATTRIBUTES(node, rotary);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 3) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    if (r->width % 2 || r->width == 0 || r->heads > x->shape[2] / r->width) {
        return mote_node_fail(graph, node, "%zu heads of %zu columns (an even number) in rows of %zu", r->heads,
                              r->width, x->shape[2]);
    }
    return mote_node_result(graph, node, MOTE_FP32, 3, x->shape);
}

typedef struct job {
    const mote_kernels *kernels;
    const rotary *rotary;
    const float *x, *table;
    float *y;
    size_t positions, columns;
} job;

static void row_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    size_t width = j->rotary->width, half = width / 2, turned = j->rotary->heads * width;
    const float *x = j->x + index * j->columns, *table = j->table + index % j->positions * width;
    float *y = j->y + index * j->columns;
    (void)scratch;
    for (size_t h = 0; h < j->rotary->heads; h++) {
        j->kernels->rotary(half, table, table + half, (float)j->rotary->sign, x + h * width, y + h * width);
    }
    if (x != y) {
        memcpy(y + turned, x + turned, (j->columns - turned) * sizeof *y);
    }
}

static mote_status rotary_run(const mote_run *run, const mote_node *node)
{
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]);
    job j = {.kernels = run->context->kernels,
             .rotary = MOTE_ATTRIBUTES(node, rotary),
             .x = mote_run_input(run, node, 0),
             .table = mote_run_input(run, node, 1),
             .y = mote_run_output(run, node, 0),
             .positions = x->shape[1],
             .columns = x->shape[2]};
    mote_parallel_for(run->context, x->shape[0] * x->shape[1], row_task, &j);
    return MOTE_OK;
}

static void rotary_describe(const mote_node *node, char *text, size_t size)
{
    const rotary *r = MOTE_ATTRIBUTES(node, rotary);
    snprintf(text, size, "%zu heads of %zu%s", r->heads, r->width, r->sign < 0 ? ", back" : "");
}

static void rotary_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx);

static const mote_op rotary_op = {.name = "rotary",
                                  .infer = rotary_infer,
                                  .differentiate = rotary_differentiate,
                                  .run = rotary_run,
                                  .describe = rotary_describe,
                                  .exact_inputs = 2,
                                  .in_place = 1};

static void rotary_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    rotary back = *MOTE_ATTRIBUTES(node, rotary);
    (void)needed;
    back.sign = -back.sign;
    dx[0] = mote_graph_append(graph, &rotary_op, 2, (mote_value[]){dy[0], node->inputs[1]}, &back, sizeof back);
}

mote_value mote_graph_rotary(mote_graph *graph, mote_value x, size_t heads, size_t width, double base)
{
    rotary r = {heads, width, base, 1};
    if (x < 0 || x >= graph->value_count || mote_layout_of(graph, x)->rank != 3) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "rotary: expected x [batch, positions, columns]");
        return MOTE_NO_VALUE;
    }
    mote_value table = find_table(graph, mote_layout_of(graph, x)->shape[1], width, base);
    return mote_graph_append(graph, &rotary_op, 2, (mote_value[]){x, table}, &r, sizeof r);
}
