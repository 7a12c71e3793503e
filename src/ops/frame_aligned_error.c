/* The frame aligned point error, Jumper et al. 2021, supplement, Alg. 28. A structure of 256 residues has 2048 frames
 * and 3584 points: what they make of each other exists one pair at a time, in the gradients again. Pairs that are
 * masked cost nothing. */
#include <math.h>
#include <stdio.h>

#include "base/parallel.h"
#include "ops/ops.h"

enum {
    ROTATIONS,
    TRANSLATIONS,
    POINTS,
    TRUE_ROTATIONS,
    TRUE_TRANSLATIONS,
    TRUE_POINTS,
    FRAME_MASK,
    POINT_MASK,
    FRAME_CHAINS,
    POINT_CHAINS,
    INPUTS,
    ROW_WEIGHTS = INPUTS, /* of the gradient */
    GRADIENT,
    GRADIENT_INPUTS
};

enum { FRAME_GROUP = 8, POINT_GROUP = 8 };

/* Added to weights, and to squared distances that have no least value (1.9.2). */
static const float epsilon = 1e-4f;
static const float least_squared = 1e-8f;

typedef struct job {
    mote_frame_error options;
    size_t frames, points;
    const float *in[POINT_CHAINS];
    const int32_t *frame_chains, *point_chains; /* NULL: all pairs count */
    float *sums, *weights;                      /* of each frame */
    float scale;                                /* of a pair's gradient */
    float *drotations, *dtranslations, *dpoints;
} job;

static mote_status check(mote_graph *graph, mote_node *node)
{
    static const int ranks[FRAME_CHAINS] = {3, 2, 2, 3, 2, 2, 1, 1};
    for (int i = 0; i < FRAME_CHAINS; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, ranks[i]) != MOTE_OK) {
            return graph->status;
        }
    }
    bool all = MOTE_ATTRIBUTES(node, mote_frame_error)->pairs == MOTE_PAIRS_ALL;
    for (int i = FRAME_CHAINS; i < INPUTS && !all; i++) {
        if (mote_node_expect(graph, node, i, MOTE_INT32, 1) != MOTE_OK) {
            return graph->status;
        }
    }
    size_t frames = mote_value_count(graph, node->inputs[FRAME_MASK]);
    size_t points = mote_value_count(graph, node->inputs[POINT_MASK]);
    for (int i = 0; i < (all ? FRAME_CHAINS : INPUTS); i++) {
        const mote_layout *x = mote_layout_of(graph, node->inputs[i]);
        bool of_points = i == POINTS || i == TRUE_POINTS || i == POINT_MASK || i == POINT_CHAINS, fits = true;
        for (int d = 0; d < x->rank; d++) {
            fits = fits && x->shape[d] == (d ? 3 : of_points ? points : frames);
        }
        if (!fits) {
            return mote_node_fail(graph, node, "input %d does not have the shape for %zu frames and %zu points", i,
                                  frames, points);
        }
    }
    return MOTE_OK;
}

/* The error, and of each frame the weight of its points. */
static mote_status error_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node) != MOTE_OK) {
        return graph->status;
    }
    size_t frames = mote_value_count(graph, node->inputs[FRAME_MASK]);
    mote_status status = mote_node_result(graph, node, MOTE_FP32, 0, NULL);
    status = status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 1, &frames) : status;
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 1, &frames) : status;
}

static job open_job(const mote_run *run, const mote_node *node)
{
    job j = {.options = *MOTE_ATTRIBUTES(node, mote_frame_error)};
    j.frames = mote_value_count(run->graph, node->inputs[FRAME_MASK]);
    j.points = mote_value_count(run->graph, node->inputs[POINT_MASK]);
    for (int i = 0; i < FRAME_CHAINS; i++) {
        j.in[i] = mote_run_input(run, node, i);
    }
    if (j.options.pairs != MOTE_PAIRS_ALL) {
        j.frame_chains = run->data[node->inputs[FRAME_CHAINS]];
        j.point_chains = run->data[node->inputs[POINT_CHAINS]];
    }
    return j;
}

static float pair_weight(const job *j, size_t frame, size_t point)
{
    float weight = j->in[FRAME_MASK][frame] * j->in[POINT_MASK][point];
    bool same = !j->frame_chains || j->frame_chains[frame] == j->point_chains[point];
    return same == (j->options.pairs != MOTE_PAIRS_BETWEEN_CHAINS) ? weight : 0;
}

/* R^T (x - t). */
static void to_local(const float *rotation, const float *translation, const float *x, float local[3])
{
    float d[3] = {x[0] - translation[0], x[1] - translation[1], x[2] - translation[2]};
    for (int i = 0; i < 3; i++) {
        local[i] = rotation[i] * d[0] + rotation[3 + i] * d[1] + rotation[6 + i] * d[2];
    }
}

/* The clamped distance; difference: its gradient with respect to the predicted local point. */
static float pair_distance(const job *j, size_t f, size_t p, float difference[3])
{
    float local[3], true_local[3], squared = 0;
    to_local(j->in[ROTATIONS] + 9 * f, j->in[TRANSLATIONS] + 3 * f, j->in[POINTS] + 3 * p, local);
    to_local(j->in[TRUE_ROTATIONS] + 9 * f, j->in[TRUE_TRANSLATIONS] + 3 * f, j->in[TRUE_POINTS] + 3 * p, true_local);
    for (int i = 0; i < 3; i++) {
        difference[i] = local[i] - true_local[i];
        squared += difference[i] * difference[i];
    }
    bool flat = j->options.least_distance && !(squared > least_squared);
    squared = !j->options.least_distance ? squared + epsilon : flat ? least_squared : squared;
    float distance = sqrtf(squared);
    bool clamped = j->options.clamp > 0 && !(distance < (float)j->options.clamp);
    for (int i = 0; i < 3; i++) {
        difference[i] = flat || clamped ? 0 : difference[i] / distance;
    }
    return clamped ? (float)j->options.clamp : distance;
}

static void sum_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    float unused[3];
    (void)scratch;
    for (size_t f = index * FRAME_GROUP; f < mote_size_min(j->frames, (index + 1) * FRAME_GROUP); f++) {
        double sum = 0, weights = 0;
        for (size_t p = 0; p < j->points; p++) {
            float weight = pair_weight(j, f, p);
            if (weight > 0) {
                sum += (double)weight * (double)pair_distance(j, f, p, unused);
                weights += (double)weight;
            }
        }
        j->sums[f] = (float)sum;
        j->weights[f] = (float)weights;
    }
}

static double total(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)x[i];
    }
    return sum;
}

static mote_status error_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    j.weights = mote_run_output(run, node, 1);
    j.sums = mote_run_output(run, node, 2);
    mote_parallel_for(run->context, mote_size_divide_up(j.frames, FRAME_GROUP), sum_task, &j);
    double weights = total(j.weights, j.frames) + (double)epsilon;
    *mote_run_output(run, node, 0) = (float)(total(j.sums, j.frames) / weights / j.options.unit);
    return MOTE_OK;
}

/* ---- gradients: rotations, translations, points ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node) != MOTE_OK || mote_node_expect(graph, node, ROW_WEIGHTS, MOTE_FP32, 1) != MOTE_OK ||
        mote_node_expect(graph, node, GRADIENT, MOTE_FP32, 0) != MOTE_OK) {
        return graph->status;
    }
    for (int i = 0; i <= POINTS; i++) {
        mote_layout x = *mote_layout_of(graph, node->inputs[i]);
        if (mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape) != MOTE_OK) {
            return graph->status;
        }
    }
    return MOTE_OK;
}

static void frames_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t f = index * FRAME_GROUP; f < mote_size_min(j->frames, (index + 1) * FRAME_GROUP); f++) {
        const float *rotation = j->in[ROTATIONS] + 9 * f, *translation = j->in[TRANSLATIONS] + 3 * f;
        double turn[9] = {0}, sum[3] = {0};
        for (size_t p = 0; p < j->points; p++) {
            float weight = pair_weight(j, f, p), g[3];
            if (!(weight > 0)) {
                continue;
            }
            pair_distance(j, f, p, g);
            for (int i = 0; i < 3; i++) {
                double d = (double)(j->in[POINTS][3 * p + (size_t)i] - translation[i]);
                for (int k = 0; k < 3; k++) {
                    turn[3 * i + k] += (double)weight * d * (double)g[k];
                }
                sum[i] += (double)weight * (double)g[i];
            }
        }
        for (size_t i = 0; i < 3; i++) {
            double moved = 0;
            for (size_t k = 0; k < 3; k++) {
                j->drotations[9 * f + 3 * i + k] = (float)((double)j->scale * turn[3 * i + k]);
                moved -= (double)rotation[3 * i + k] * sum[k];
            }
            j->dtranslations[3 * f + i] = (float)((double)j->scale * moved);
        }
    }
}

static void points_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t p = index * POINT_GROUP; p < mote_size_min(j->points, (index + 1) * POINT_GROUP); p++) {
        double sum[3] = {0};
        for (size_t f = 0; f < j->frames; f++) {
            const float *rotation = j->in[ROTATIONS] + 9 * f;
            float weight = pair_weight(j, f, p), g[3];
            if (!(weight > 0)) {
                continue;
            }
            pair_distance(j, f, p, g);
            for (int i = 0; i < 3; i++) {
                sum[i] += (double)(weight *
                                   (rotation[3 * i] * g[0] + rotation[3 * i + 1] * g[1] + rotation[3 * i + 2] * g[2]));
            }
        }
        for (size_t i = 0; i < 3; i++) {
            j->dpoints[3 * p + i] = (float)((double)j->scale * sum[i]);
        }
    }
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    double weights = total(mote_run_input(run, node, ROW_WEIGHTS), j.frames) + (double)epsilon;
    j.scale = (float)((double)*mote_run_input(run, node, GRADIENT) / (weights * j.options.unit));
    j.drotations = mote_run_output(run, node, 0);
    j.dtranslations = mote_run_output(run, node, 1);
    j.dpoints = mote_run_output(run, node, 2);
    mote_parallel_for(run->context, mote_size_divide_up(j.frames, FRAME_GROUP), frames_task, &j);
    mote_parallel_for(run->context, mote_size_divide_up(j.points, POINT_GROUP), points_task, &j);
    return MOTE_OK;
}

static void error_describe(const mote_node *node, char *text, size_t size)
{
    static const char *const pairs[] = {[MOTE_PAIRS_ALL] = "all pairs",
                                        [MOTE_PAIRS_WITHIN_CHAINS] = "within chains",
                                        [MOTE_PAIRS_BETWEEN_CHAINS] = "between chains"};
    const mote_frame_error *options = MOTE_ATTRIBUTES(node, mote_frame_error);
    snprintf(text, size, "clamp %g, unit %g, %s", options->clamp, options->unit, pairs[options->pairs]);
}

static const mote_op gradient_op = {.name = "frame_aligned_error_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .describe = error_describe,
                                    .exact_inputs = (1u << GRADIENT_INPUTS) - 1};

static void error_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                mote_value *dx)
{
    mote_value inputs[GRADIENT_INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        inputs[i] = node->inputs[i];
    }
    inputs[ROW_WEIGHTS] = node->outputs[1];
    inputs[GRADIENT] = dy[0];
    if (needed[ROTATIONS] || needed[TRANSLATIONS] || needed[POINTS]) {
        dx[0] =
            mote_graph_append(graph, &gradient_op, GRADIENT_INPUTS, inputs, node->attributes, sizeof(mote_frame_error));
        dx[1] = mote_graph_output_of(graph, dx[0], 1);
        dx[2] = mote_graph_output_of(graph, dx[0], 2);
    }
}

static const mote_op error_op = {.name = "frame_aligned_error",
                                 .infer = error_infer,
                                 .differentiate = error_differentiate,
                                 .run = error_run,
                                 .describe = error_describe};

mote_value mote_graph_frame_aligned_error(mote_graph *graph, const mote_framed_points *predicted,
                                          const mote_framed_points *truth, mote_value frame_mask, mote_value point_mask,
                                          mote_value frame_chains, mote_value point_chains,
                                          const mote_frame_error *options)
{
    mote_value inputs[INPUTS] = {predicted->rotations, predicted->translations,
                                 predicted->points,    truth->rotations,
                                 truth->translations,  truth->points,
                                 frame_mask,           point_mask,
                                 frame_chains,         point_chains};
    if (options->pairs == MOTE_PAIRS_ALL) {
        inputs[FRAME_CHAINS] = inputs[POINT_CHAINS] = MOTE_NO_VALUE;
    }
    return mote_graph_append(graph, &error_op, INPUTS, inputs, options, sizeof *options);
}
