/* Quantize a matrix to MXFP4, look at what was lost, and get it back. */
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

enum { ROWS = 8, COLUMNS = 100 };

/* Says why the last call failed. */
static int failed(const mote_context *context)
{
    fprintf(stderr, "%s\n", mote_context_message(context));
    return EXIT_FAILURE;
}

int main(void)
{
    static float x[ROWS][COLUMNS], y[ROWS][COLUMNS];
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < COLUMNS; c++) {
            x[r][c] = (float)(r + 1) / (float)(c + 1);
        }
    }
    mote_context *context;
    char message[256];
    if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_FAILURE;
    }
    /* blocks of 32 run along axis 1; the last block of each row has 4 values and 28 zeros of padding */
    mote_tensor w = {.layout = {.format = MOTE_MXFP4_E2M1, .rank = 2, .axis = 1, .shape = {ROWS, COLUMNS}}};
    mote_layout_sizes sizes;
    if (mote_layout_measure(context, &w.layout, &sizes) != MOTE_OK) {
        return failed(context);
    }
    w.elements = malloc(sizes.element_bytes);
    w.scales = malloc(sizes.scale_bytes);
    mote_error error = {0};
    if (!w.elements || !w.scales || mote_quantize(context, &x[0][0], NULL, NULL, &w) != MOTE_OK ||
        mote_compare(context, &x[0][0], NULL, &w, &error) != MOTE_OK ||
        mote_dequantize(context, &w, &y[0][0], NULL) != MOTE_OK) {
        return failed(context);
    }
    printf("%zu bytes became %zu + %zu; SNR %.2f dB; x[0][1] = %g came back as %g\n", sizeof x, sizes.element_bytes,
           sizes.scale_bytes, mote_error_snr(&error), (double)x[0][1], (double)y[0][1]);
    free(w.elements);
    free(w.scales);
    mote_context_destroy(context);
    return EXIT_SUCCESS;
}
