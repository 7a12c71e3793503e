/* Learns the weather of the Lorenz-96 model: a convolutional network is shown an atmosphere and says how it will have
 * changed six hours later, trained with every product in one number format after the other.
 *
 *   x [batch, 1, 40 + 8, 1]   the circle of sites, its ends continued
 *   -> convolution 5, gelu -> convolution 5, gelu -> linear -> change at the 40 sites, in standard deviations
 *
 * What is printed is the part of the change's variance that is left unexplained at times that were not trained on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lorenz96.h"
#include "mote/mote.h"

enum {
    TIMES = 2048,
    HELD_OUT = 256,
    BATCH = 32,
    REACH = 4,
    WIDE = SITES + 2 * REACH,
    CHANNELS = 32,
    KERNEL = 5,
    STEPS = 400
};

static float weather[TIMES + 1][SITES];

/* The values of the graph that are filled and read. */
typedef struct network {
    mote_value x, target, loss;
} network;

static mote_value layer(mote_graph *graph, const char *name, mote_value x, size_t channels)
{
    size_t shape[4] = {CHANNELS, 1, KERNEL, channels}, filters[1] = {CHANNELS};
    mote_convolution plain = {.stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1};
    mote_graph_enter(graph, name);
    mote_value weight =
        mote_graph_parameter(graph, "weight", 4, shape, MOTE_INITIAL_NORMAL, 1 / sqrt((double)(KERNEL * channels)));
    mote_value bias = mote_graph_parameter(graph, "bias", 1, filters, MOTE_INITIAL_ZEROS, 0);
    mote_value y = mote_graph_map(graph, "gelu", mote_graph_convolution(graph, x, weight, bias, &plain));
    mote_graph_leave(graph);
    return y;
}

static network build(mote_graph *graph)
{
    network n;
    n.x = mote_graph_input(graph, "x", MOTE_FP32, 4, (size_t[]){BATCH, 1, WIDE, 1});
    n.target = mote_graph_input(graph, "target", MOTE_FP32, 4, (size_t[]){BATCH, 1, SITES, 1});
    mote_value y = layer(graph, "second", layer(graph, "first", n.x, 1), CHANNELS);
    mote_value weight =
        mote_graph_parameter(graph, "head.weight", 2, (size_t[]){1, CHANNELS}, MOTE_INITIAL_NORMAL, 1 / sqrt(CHANNELS));
    mote_value wrong = mote_graph_subtract(graph, mote_graph_linear(graph, y, weight, MOTE_NO_VALUE), n.target);
    n.loss = mote_graph_mean(graph, mote_graph_map(graph, "square", wrong), 0, 4);
    mote_graph_output(graph, n.loss);
    return n;
}

/* Mean size of the changes, so that a loss of 1 is that of knowing nothing. */
static double deviation(void)
{
    double sum = 0;
    for (int t = 0; t < TIMES - HELD_OUT; t++) {
        for (int i = 0; i < SITES; i++) {
            sum += pow((double)weather[t + 1][i] - (double)weather[t][i], 2);
        }
    }
    return sqrt(sum / ((TIMES - HELD_OUT) * SITES));
}

/* Puts the atmosphere of time t into row of the batch. */
static void show(const mote_plan *plan, const network *n, int row, int t, double scale)
{
    float *x = mote_plan_data(plan, n->x), *target = mote_plan_data(plan, n->target);
    for (int i = 0; i < WIDE; i++) {
        x[row * WIDE + i] = weather[t][(i + SITES - REACH) % SITES] / 4; /* of the order of 1 */
    }
    for (int i = 0; i < SITES; i++) {
        target[row * SITES + i] = (weather[t + 1][i] - weather[t][i]) / (float)scale;
    }
}

static mote_status learn(mote_plan *plan, mote_optimizer *optimizer, const network *n, double *unexplained)
{
    double scale = deviation();
    uint32_t state = 1;
    mote_status status = mote_plan_initialize(plan, 1);
    for (size_t step = 1; step <= STEPS && status == MOTE_OK; step++) {
        double left = 1 - (double)step / (STEPS + 1);
        mote_optimizer_settings settings = {
            .learning_rate = 0.01 * left, .beta1 = 0.9, .beta2 = 0.99, .multiplier = 1, .step = step};
        for (int row = 0; row < BATCH; row++) {
            state = state * 1664525u + 1013904223u;
            show(plan, n, row, (int)((state >> 8) % (TIMES - HELD_OUT)), scale);
        }
        status = mote_plan_run(plan, step);
        mote_optimizer_step(optimizer, plan, &settings);
    }
    *unexplained = 0;
    for (int first = TIMES - HELD_OUT; first < TIMES && status == MOTE_OK; first += BATCH) {
        for (int row = 0; row < BATCH; row++) {
            show(plan, n, row, first + row, scale);
        }
        status = mote_plan_run(plan, 0);
        *unexplained += (double)*(const float *)mote_plan_data(plan, n->loss) * BATCH / HELD_OUT;
    }
    return status;
}

/* One network from nothing to its result; *bytes is all the memory that it takes. */
static mote_status train(mote_context *context, const char *name, double *unexplained, uint64_t *bytes)
{
    mote_graph *graph = NULL;
    mote_policy_set *policy = NULL;
    mote_plan *plan = NULL;
    mote_optimizer *optimizer = NULL;
    network n = {0};
    mote_status status = mote_graph_create(context, &graph);
    if (status == MOTE_OK) {
        n = build(graph);
        status = mote_graph_differentiate(graph, n.loss); /* says also what went wrong before */
    }
    status = status == MOTE_OK ? mote_policy_set_create(context, name, &policy) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(graph, policy) : status;
    status = status == MOTE_OK ? mote_plan_create(graph, &(mote_plan_options){0}, &plan) : status;
    status = status == MOTE_OK ? mote_optimizer_create(context, "adamw", graph, &optimizer) : status;
    status = status == MOTE_OK ? learn(plan, optimizer, &n, unexplained) : status;
    *bytes = plan ? mote_plan_get_memory(plan).total : 0;
    mote_optimizer_destroy(optimizer);
    mote_plan_destroy(plan);
    mote_policy_set_destroy(context, policy);
    mote_graph_destroy(graph);
    return status;
}

int main(void)
{
    static const char *const policies[] = {"fp32", "mxfp6", "mxfp4-w_mxfp6-ag", "mxfp4"};
    mote_context *context;
    char message[256];
    double unexplained = 1;
    uint64_t bytes;
    if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_FAILURE;
    }
    lorenz96_run(TIMES + 1, &weather[0][0]);
    printf("%-18s %24s %10s\n", "policy", "variance not explained", "memory");
    for (size_t p = 0; p < sizeof policies / sizeof policies[0]; p++) {
        if (train(context, policies[p], &unexplained, &bytes) != MOTE_OK) {
            fprintf(stderr, "%s\n", mote_context_message(context));
            return EXIT_FAILURE;
        }
        printf("%-18s %22.2f %% %7.0f kB\n", policies[p], 100 * unexplained, (double)bytes / 1e3);
    }
    mote_context_destroy(context);
    return EXIT_SUCCESS;
}
