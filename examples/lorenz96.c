/* A small real tensor: a trajectory of the Lorenz-96 model of an atmosphere, written as .npy through libmote.
 *
 * dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F, forty sites on a circle of latitude, F = 8: chaotic.
 * Source: E. N. Lorenz, "Predictability: a problem partly solved", ECMWF 1996. Classical Runge-Kutta steps of 0.05,
 * six hours of weather each. */
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

enum { SITES = 40, STEPS = 2048, SPIN_UP = 400 };

static void tendency(const double *x, double *rate)
{
    const double forcing = 8;
    for (int i = 0; i < SITES; i++) {
        double next = x[(i + 1) % SITES], before = x[(i + SITES - 1) % SITES], second = x[(i + SITES - 2) % SITES];
        rate[i] = (next - second) * before - x[i] + forcing;
    }
}

static void step(double *x)
{
    const double dt = 0.05;
    static const double weight[4] = {1, 2, 2, 1}, reach[4] = {0, 0.5, 0.5, 1};
    double rate[SITES] = {0}, sum[SITES] = {0}, at[SITES];
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < SITES; i++) {
            at[i] = x[i] + reach[stage] * dt * rate[i];
        }
        tendency(at, rate);
        for (int i = 0; i < SITES; i++) {
            sum[i] += weight[stage] * rate[i];
        }
    }
    for (int i = 0; i < SITES; i++) {
        x[i] += dt / 6 * sum[i];
    }
}

static mote_status save(mote_context *context, const char *path, float *values)
{
    mote_writer *writer;
    mote_tensor tensor = {.layout = {.format = MOTE_FP32, .rank = 2, .axis = 1, .shape = {STEPS, SITES}},
                          .elements = values,
                          .tensor_scale = 1};
    mote_tensor_info info = {.name = "trajectory", .layout = tensor.layout};
    mote_status status = mote_writer_create(context, path, 1, &info, 0, NULL, &writer);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_writer_put(writer, &tensor);
    if (status != MOTE_OK) {
        mote_writer_discard(writer);
        return status;
    }
    return mote_writer_finish(writer);
}

int main(int argc, char **argv)
{
    static float trajectory[STEPS][SITES];
    double x[SITES];
    char message[256];
    mote_context *context;
    if (argc != 2) {
        fprintf(stderr, "usage: lorenz96 OUT.npy\n");
        return 2;
    }
    for (int i = 0; i < SITES; i++) {
        x[i] = i == 0 ? 8.01 : 8; /* the resting state, disturbed a little */
    }
    for (int t = -SPIN_UP; t < STEPS; t++) {
        step(x);
        for (int i = 0; i < SITES && t >= 0; i++) {
            trajectory[t][i] = (float)x[i];
        }
    }
    if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_FAILURE;
    }
    mote_status status = save(context, argv[1], &trajectory[0][0]);
    if (status == MOTE_OK) {
        printf("%s: the Lorenz-96 atmosphere, %d steps of 6 hours at %d sites\n", argv[1], STEPS, SITES);
    } else {
        fprintf(stderr, "%s\n", mote_context_message(context));
    }
    mote_context_destroy(context);
    return status == MOTE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
