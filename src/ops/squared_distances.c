/* Squared distances between all pairs of two sets of points, from differences: |a|^2 + |b|^2 - 2 ab would lose what
 * matters where points lie near each other and far from the origin. b is transposed once, so that the inner loops run
 * along memory with the compiler's vectors. */
#include <string.h>

#include "base/parallel.h"
#include "ops/ops.h"

typedef struct job {
    const float *a, *b, *turned, *dy;
    float *y, *da, *db;
    size_t batch, rows, columns, width;
} job;

enum { ROW_GROUP = 8, COLUMN_GROUP = 64, LANES = 16 };

/* a [..., m, n], b [..., k, n]: y [..., m, k]. */
static mote_status check(mote_graph *graph, mote_node *node, mote_layout *y)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, mote_layout_of(graph, node->inputs[0])->rank) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *a = mote_layout_of(graph, node->inputs[0]), *b = mote_layout_of(graph, node->inputs[1]);
    int rank = a->rank;
    bool fits = rank >= 2 && a->shape[rank - 1] == b->shape[rank - 1];
    for (int d = 0; fits && d < rank - 2; d++) {
        fits = a->shape[d] == b->shape[d];
    }
    if (!fits) {
        return mote_node_fail(graph, node, "expected points [..., m, n] and [..., k, n]");
    }
    *y = *a;
    y->shape[rank - 1] = b->shape[rank - 2];
    return MOTE_OK;
}

/* a, b: distances, and b transposed [..., n, k]. */
static mote_status distances_infer(mote_graph *graph, mote_node *node)
{
    mote_layout y = {0};
    if (check(graph, node, &y) != MOTE_OK) {
        return graph->status;
    }
    mote_layout turned = *mote_layout_of(graph, node->inputs[1]);
    turned.shape[y.rank - 2] = turned.shape[y.rank - 1];
    turned.shape[y.rank - 1] = y.shape[y.rank - 1];
    mote_status status = mote_node_result(graph, node, MOTE_FP32, y.rank, y.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, turned.rank, turned.shape) : status;
}

static job open_job(const mote_run *run, const mote_node *node)
{
    const mote_layout *a = mote_layout_of(run->graph, node->inputs[0]),
                      *b = mote_layout_of(run->graph, node->inputs[1]);
    job j = {.a = mote_run_input(run, node, 0), .b = mote_run_input(run, node, 1), .batch = 1};
    for (int d = 0; d < a->rank - 2; d++) {
        j.batch *= a->shape[d];
    }
    j.rows = a->shape[a->rank - 2];
    j.columns = b->shape[a->rank - 2];
    j.width = a->shape[a->rank - 1];
    return j;
}

static void rows_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    size_t groups = mote_size_divide_up(j->rows, ROW_GROUP), batch = index / groups;
    size_t begin = index % groups * ROW_GROUP, end = mote_size_min(j->rows, begin + ROW_GROUP);
    (void)scratch;
    for (size_t i = batch * j->rows + begin; i < batch * j->rows + end; i++) {
        float *restrict y = j->y + i * j->columns;
        memset(y, 0, j->columns * sizeof *y);
        for (size_t c = 0; c < j->width; c++) {
            const float *restrict b = j->turned + (batch * j->width + c) * j->columns;
            float a = j->a[i * j->width + c];
            for (size_t k = 0; k < j->columns; k++) {
                y[k] += (a - b[k]) * (a - b[k]);
            }
        }
    }
}

static mote_status distances_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    float *turned = mote_run_output(run, node, 1);
    for (size_t n = 0; n < j.batch; n++) {
        for (size_t c = 0; c < j.width; c++) {
            for (size_t k = 0; k < j.columns; k++) {
                turned[(n * j.width + c) * j.columns + k] = j.b[(n * j.columns + k) * j.width + c];
            }
        }
    }
    j.turned = turned;
    j.y = mote_run_output(run, node, 0);
    mote_parallel_for(run->context, j.batch * mote_size_divide_up(j.rows, ROW_GROUP), rows_task, &j);
    return MOTE_OK;
}

/* ---- gradients: a, b, b transposed, dy: da, db ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    mote_layout y = {0};
    if (check(graph, node, &y) != MOTE_OK || mote_node_expect(graph, node, 2, MOTE_FP32, y.rank) != MOTE_OK ||
        mote_node_expect(graph, node, 3, MOTE_FP32, y.rank) != MOTE_OK) {
        return graph->status;
    }
    mote_layout a = *mote_layout_of(graph, node->inputs[0]), b = *mote_layout_of(graph, node->inputs[1]);
    mote_status status = mote_node_result(graph, node, MOTE_FP32, a.rank, a.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, b.rank, b.shape) : status;
}

/* da = 2 sum over k of dy (a - b), in LANES sums whose order is fixed. */
static void a_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    size_t groups = mote_size_divide_up(j->rows, ROW_GROUP), batch = index / groups;
    size_t begin = index % groups * ROW_GROUP, end = mote_size_min(j->rows, begin + ROW_GROUP);
    (void)scratch;
    for (size_t i = batch * j->rows + begin; i < batch * j->rows + end; i++) {
        const float *dy = j->dy + i * j->columns;
        for (size_t c = 0; c < j->width; c++) {
            const float *b = j->turned + (batch * j->width + c) * j->columns;
            float a = j->a[i * j->width + c], lanes[LANES] = {0}, sum = 0;
            size_t k = 0;
            for (; k + LANES <= j->columns; k += LANES) {
                for (size_t l = 0; l < LANES; l++) {
                    lanes[l] += dy[k + l] * (a - b[k + l]);
                }
            }
            for (; k < j->columns; k++) {
                sum += dy[k] * (a - b[k]);
            }
            for (size_t l = 0; l < LANES; l++) {
                sum += lanes[l];
            }
            j->da[i * j->width + c] = 2 * sum;
        }
    }
}

/* db = 2 sum over i of dy (b - a), for a group of b's rows. */
static void b_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    size_t groups = mote_size_divide_up(j->columns, COLUMN_GROUP), batch = index / groups;
    size_t begin = index % groups * COLUMN_GROUP, count = mote_size_min(COLUMN_GROUP, j->columns - begin);
    (void)scratch;
    for (size_t c = 0; c < j->width; c++) {
        const float *b = j->turned + (batch * j->width + c) * j->columns + begin;
        float sums[COLUMN_GROUP] = {0};
        for (size_t i = batch * j->rows; i < (batch + 1) * j->rows; i++) {
            const float *dy = j->dy + i * j->columns + begin;
            float a = j->a[i * j->width + c];
            for (size_t k = 0; k < count; k++) {
                sums[k] += dy[k] * (b[k] - a);
            }
        }
        for (size_t k = 0; k < count; k++) {
            j->db[(batch * j->columns + begin + k) * j->width + c] = 2 * sums[k];
        }
    }
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    j.turned = mote_run_input(run, node, 2);
    j.dy = mote_run_input(run, node, 3);
    j.da = mote_run_output(run, node, 0);
    j.db = mote_run_output(run, node, 1);
    mote_parallel_for(run->context, j.batch * mote_size_divide_up(j.rows, ROW_GROUP), a_task, &j);
    mote_parallel_for(run->context, j.batch * mote_size_divide_up(j.columns, COLUMN_GROUP), b_task, &j);
    return MOTE_OK;
}

static const mote_op gradient_op = {
    .name = "squared_distances_gradient", .infer = gradient_infer, .run = gradient_run, .exact_inputs = 15};

static void distances_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                    mote_value *dx)
{
    mote_value inputs[4] = {node->inputs[0], node->inputs[1], node->outputs[1], dy[0]};
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 4, inputs, NULL, 0);
    dx[1] = mote_graph_output_of(graph, dx[0], 1);
}

static const mote_op distances_op = {.name = "squared_distances",
                                     .infer = distances_infer,
                                     .differentiate = distances_differentiate,
                                     .run = distances_run};

mote_value mote_graph_squared_distances(mote_graph *graph, mote_value a, mote_value b)
{
    return mote_graph_append(graph, &distances_op, 2, (mote_value[]){a, b}, NULL, 0);
}
