/* A layer's product in every policy: weights packed once, activations quantized on the way, the loss against FP32. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

enum { ROWS = 64, INPUTS = 1000, OUTPUTS = 300 };

static int failed(const mote_context *context)
{
    fprintf(stderr, "%s\n", mote_context_message(context));
    return EXIT_FAILURE;
}

/* y = x w^T under a policy. */
static mote_status multiply(mote_context *context, const char *name, const float *x, const float *w, float *y,
                            size_t *bytes)
{
    mote_policy policy;
    mote_packed *packed;
    ptrdiff_t transposed[2] = {1, INPUTS}; /* w [outputs, inputs] seen as [inputs, outputs] */
    if (!mote_policy_find(name, &policy)) {
        return MOTE_ERROR_ARGUMENT;
    }
    mote_operand b = {
        .values = w, .rank = 2, .shape = {INPUTS, OUTPUTS}, .strides = transposed, .format = policy.forward_weight};
    mote_operand a = {.values = x, .rank = 2, .shape = {ROWS, INPUTS}, .format = policy.forward_activation};
    mote_status status = mote_pack(context, &b, &packed);
    if (status != MOTE_OK) {
        return status;
    }
    *bytes = mote_packed_bytes(packed);
    status = mote_matmul_packed(context, &a, packed, NULL, 0, y, NULL);
    mote_packed_destroy(packed);
    return status;
}

/* Roughly normal numbers: sums of twelve uniform ones. */
static void fill(float *values, size_t count)
{
    static uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        values[i] = -6;
        for (int k = 0; k < 12; k++) {
            state = state * 1664525u + 1013904223u;
            values[i] += (float)(state >> 8) * 0x1p-24f;
        }
    }
}

int main(void)
{
    static float x[ROWS * INPUTS], w[OUTPUTS * INPUTS], exact[ROWS * OUTPUTS], y[ROWS * OUTPUTS];
    fill(x, ROWS * INPUTS);
    fill(w, OUTPUTS * INPUTS);
    mote_context *context;
    char message[256];
    size_t bytes;
    if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_FAILURE;
    }
    if (multiply(context, "fp32", x, w, exact, &bytes) != MOTE_OK) {
        return failed(context);
    }
    printf("%-18s %10s %12s\n", "policy", "weights", "SNR of y, dB");
    for (int p = 0; mote_policy_name(p); p++) {
        double signal = 0, noise = 0;
        if (multiply(context, mote_policy_name(p), x, w, y, &bytes) != MOTE_OK) {
            return failed(context);
        }
        for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
            double error = (double)y[i] - (double)exact[i];
            signal += (double)exact[i] * (double)exact[i];
            noise += error * error;
        }
        printf("%-18s %8.1f kB %12.2f\n", mote_policy_name(p), (double)bytes * 1e-3, 10 * log10(signal / noise));
    }
    mote_context_destroy(context);
    return EXIT_SUCCESS;
}
