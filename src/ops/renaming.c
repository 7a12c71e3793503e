/* Which names of symmetric atoms fit a prediction better: Jumper et al. 2021, supplement, Alg. 26. Only ambiguous atoms
 * cost anything, and they are few. */
#include <math.h>

#include "base/parallel.h"
#include "ops/ops.h"

typedef struct job {
    const float *predicted, *named, *other, *mask, *ambiguous;
    float *y;
    size_t residues, atoms;
} job;

/* atoms, named, other [residues, atoms, 3], mask, ambiguous [residues, atoms]: [residues]. */
static mote_status renaming_infer(mote_graph *graph, mote_node *node)
{
    for (int i = 0; i < 5; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, i < 3 ? 3 : 2) != MOTE_OK) {
            return graph->status;
        }
        const mote_layout *first = mote_layout_of(graph, node->inputs[0]), *x = mote_layout_of(graph, node->inputs[i]);
        if (x->shape[0] != first->shape[0] || x->shape[1] != first->shape[1] || (i < 3 && x->shape[2] != 3)) {
            return mote_node_fail(graph, node, "input %d does not have the atoms of the first", i);
        }
    }
    return mote_node_result(graph, node, MOTE_FP32, 1, mote_layout_of(graph, node->inputs[0])->shape);
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

static double misfit(double found, double wanted) { return sqrt(1e-10 + (found - wanted) * (found - wanted)); }

static void residue_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    double named = 0, other = 0;
    (void)scratch;
    for (size_t a = index * j->atoms; a < (index + 1) * j->atoms; a++) {
        double ambiguous = (double)(j->mask[a] * j->ambiguous[a]);
        for (size_t b = 0; ambiguous > 0 && b < j->residues * j->atoms; b++) {
            double weight = ambiguous * (double)(j->mask[b] * (1 - j->ambiguous[b]));
            if (weight > 0) {
                double found = distance(j->predicted, a, b);
                named += weight * misfit(found, distance(j->named, a, b));
                other += weight * misfit(found, distance(j->other, a, b));
            }
        }
    }
    j->y[index] = other < named;
}

static mote_status renaming_run(const mote_run *run, const mote_node *node)
{
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]);
    job j = {.predicted = mote_run_input(run, node, 0),
             .named = mote_run_input(run, node, 1),
             .other = mote_run_input(run, node, 2),
             .mask = mote_run_input(run, node, 3),
             .ambiguous = mote_run_input(run, node, 4),
             .y = mote_run_output(run, node, 0),
             .residues = x->shape[0],
             .atoms = x->shape[1]};
    mote_parallel_for(run->context, j.residues, residue_task, &j);
    return MOTE_OK;
}

static const mote_op renaming_op = {.name = "renaming", .infer = renaming_infer, .run = renaming_run, .stops = true};

mote_value mote_graph_renaming(mote_graph *graph, mote_value atoms, mote_value named, mote_value other, mote_value mask,
                               mote_value ambiguous)
{
    return mote_graph_append(graph, &renaming_op, 5, (mote_value[]){atoms, named, other, mask, ambiguous}, NULL, 0);
}
