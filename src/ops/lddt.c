/* The local distance difference test, Mariani et al. 2013, on one atom a residue: Jumper et al. 2021, supplement 1.9.6.
 * In FP64: its values are fractions of small numbers, which lie on the edges of bins. */
#include <math.h>

#include "base/parallel.h"
#include "ops/ops.h"

typedef struct job {
    const float *points, *truth, *mask;
    float *scores;
    int32_t *classes;
    size_t residues;
    int bins;
} job;

enum { ROW_GROUP = 8 };

/* points, truth [residues, 3], mask [residues]: scores FP32 [residues], their bins int32 [residues]. */
static mote_status lddt_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 2) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 2) != MOTE_OK ||
        mote_node_expect(graph, node, 2, MOTE_FP32, 1) != MOTE_OK) {
        return graph->status;
    }
    size_t residues = mote_value_count(graph, node->inputs[2]);
    if (mote_value_columns(graph, node->inputs[0]) != 3 || mote_value_rows(graph, node->inputs[0]) != residues ||
        !mote_same_shape(graph, node->inputs[0], node->inputs[1]) || *MOTE_ATTRIBUTES(node, int) < 1) {
        return mote_node_fail(graph, node, "expected points [n, 3] twice, a mask [n] and at least one bin");
    }
    mote_status status = mote_node_result(graph, node, MOTE_FP32, 1, &residues);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_INT32, 1, &residues) : status;
}

static double distance(const float *x, size_t a, size_t b)
{
    double squared = 1e-10;
    for (size_t i = 0; i < 3; i++) {
        double d = (double)x[3 * a + i] - (double)x[3 * b + i];
        squared += d * d;
    }
    return sqrt(squared);
}

static void rows_task(void *argument, size_t index, void *scratch)
{
    static const double limits[] = {0.5, 1, 2, 4}, radius = 15, quarter = 0.25, epsilon = 1e-10;
    const job *j = argument;
    (void)scratch;
    for (size_t a = index * ROW_GROUP; a < mote_size_min(j->residues, (index + 1) * ROW_GROUP); a++) {
        double kept = epsilon, counted = epsilon;
        for (size_t b = 0; b < j->residues; b++) {
            double wanted = distance(j->truth, a, b), weight = (double)(j->mask[a] * j->mask[b]);
            if (a == b || !(wanted < radius) || !(weight > 0)) {
                continue;
            }
            double error = fabs(wanted - distance(j->points, a, b));
            for (int i = 0; i < 4; i++) {
                kept += error < limits[i] ? quarter * weight : 0;
            }
            counted += weight;
        }
        double bin = floor(kept / counted * j->bins);
        j->scores[a] = (float)(kept / counted);
        j->classes[a] = bin < j->bins - 1 ? (int32_t)bin : j->bins - 1; /* of a NaN the last */
    }
}

static mote_status lddt_run(const mote_run *run, const mote_node *node)
{
    job j = {.points = mote_run_input(run, node, 0),
             .truth = mote_run_input(run, node, 1),
             .mask = mote_run_input(run, node, 2),
             .scores = mote_run_output(run, node, 0),
             .classes = run->data[node->outputs[1]],
             .residues = mote_value_count(run->graph, node->inputs[2]),
             .bins = *MOTE_ATTRIBUTES(node, int)};
    mote_parallel_for(run->context, mote_size_divide_up(j.residues, ROW_GROUP), rows_task, &j);
    return MOTE_OK;
}

static const mote_op lddt_op = {.name = "lddt", .infer = lddt_infer, .run = lddt_run, .stops = true};

mote_value mote_graph_lddt(mote_graph *graph, mote_value points, mote_value truth, mote_value mask, int bins,
                           mote_value *classes)
{
    mote_value scores = mote_graph_append(graph, &lddt_op, 3, (mote_value[]){points, truth, mask}, &bins, sizeof bins);
    *classes = mote_graph_output_of(graph, scores, 1);
    return scores;
}
