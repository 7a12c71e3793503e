/* Points turned by the matrix of their group. Composed of products and sums it would read and write nine numbers for
 * each three; here a matrix stays in registers while its points go by. */
#include "base/parallel.h"
#include "ops/ops.h"

typedef struct job {
    const float *rotations, *x, *dy;
    float *y;
    size_t frames, points; /* points: of a frame */
    int inverse;
} job;

enum { FRAME_GROUP = 16 };

/* rotations [..., 3, 3], x [..., points, 3] of the same leading dimensions. */
static mote_status check(mote_graph *graph, mote_node *node, int points)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, points, MOTE_FP32, mote_layout_of(graph, node->inputs[0])->rank) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *r = mote_layout_of(graph, node->inputs[0]), *x = mote_layout_of(graph, node->inputs[points]);
    int rank = r->rank;
    bool fits = rank >= 2 && r->shape[rank - 1] == 3 && r->shape[rank - 2] == 3 && x->shape[rank - 1] == 3;
    for (int d = 0; fits && d < rank - 2; d++) {
        fits = r->shape[d] == x->shape[d];
    }
    return fits ? MOTE_OK : mote_node_fail(graph, node, "expected rotations [..., 3, 3] and points [..., n, 3]");
}

static mote_status rotate_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node, 1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[1]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static void rotate_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t f = index * FRAME_GROUP; f < mote_size_min(j->frames, (index + 1) * FRAME_GROUP); f++) {
        const float *r = j->rotations + 9 * f;
        size_t down = j->inverse ? 1 : 3, along = j->inverse ? 3 : 1;
        for (size_t p = f * j->points; p < (f + 1) * j->points; p++) {
            const float *x = j->x + 3 * p;
            for (size_t i = 0; i < 3; i++) {
                const float *row = r + i * down;
                j->y[3 * p + i] = row[0] * x[0] + row[along] * x[1] + row[2 * along] * x[2];
            }
        }
    }
}

static job open_job(const mote_run *run, const mote_node *node)
{
    job j = {.rotations = mote_run_input(run, node, 0),
             .x = mote_run_input(run, node, 1),
             .y = mote_run_output(run, node, 0),
             .frames = mote_value_count(run->graph, node->inputs[0]) / 9,
             .inverse = *MOTE_ATTRIBUTES(node, int)};
    j.points = j.frames ? mote_value_rows(run->graph, node->inputs[1]) / j.frames : 0;
    return j;
}

static mote_status rotate_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    mote_parallel_for(run->context, mote_size_divide_up(j.frames, FRAME_GROUP), rotate_task, &j);
    return MOTE_OK;
}

/* ---- the rotations' gradient: rotations, x, dy ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node, 1) != MOTE_OK || check(graph, node, 2) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *r = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, r->rank, r->shape);
}

static void gradient_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t f = index * FRAME_GROUP; f < mote_size_min(j->frames, (index + 1) * FRAME_GROUP); f++) {
        const float *left = j->inverse ? j->x : j->dy, *right = j->inverse ? j->dy : j->x;
        double sums[9] = {0};
        for (size_t p = f * j->points; p < (f + 1) * j->points; p++) {
            for (size_t i = 0; i < 9; i++) {
                sums[i] += (double)left[3 * p + i / 3] * (double)right[3 * p + i % 3];
            }
        }
        for (size_t i = 0; i < 9; i++) {
            j->y[9 * f + i] = (float)sums[i];
        }
    }
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    j.dy = mote_run_input(run, node, 2);
    mote_parallel_for(run->context, mote_size_divide_up(j.frames, FRAME_GROUP), gradient_task, &j);
    return MOTE_OK;
}

static const mote_op gradient_op = {
    .name = "rotate_gradient", .infer = gradient_infer, .run = gradient_run, .exact_inputs = 7};

static void rotate_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    int inverse = *MOTE_ATTRIBUTES(node, int);
    mote_value inputs[3] = {node->inputs[0], node->inputs[1], dy[0]};
    dx[0] = needed[0] ? mote_graph_append(graph, &gradient_op, 3, inputs, &inverse, sizeof inverse) : MOTE_NO_VALUE;
    dx[1] = needed[1] ? mote_graph_rotate(graph, node->inputs[0], dy[0], !inverse) : MOTE_NO_VALUE;
}

static const mote_op rotate_op = {.name = "rotate",
                                  .infer = rotate_infer,
                                  .differentiate = rotate_differentiate,
                                  .run = rotate_run,
                                  .exact_inputs = 3};

mote_value mote_graph_rotate(mote_graph *graph, mote_value rotations, mote_value x, int inverse)
{
    return mote_graph_append(graph, &rotate_op, 2, (mote_value[]){rotations, x}, &inverse, sizeof inverse);
}
