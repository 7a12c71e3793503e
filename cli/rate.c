/* How fast products are here and now, for predictions of time. */
#include <stdlib.h>

#include "cli.h"

double cli_rate(mote_context *context, const char *policy_name)
{
    enum { ROWS = 1024, COLUMNS = 512, LENGTH = 512, RUNS = 8 };
    mote_policy policy;
    size_t count = (size_t)ROWS * LENGTH + (size_t)COLUMNS * LENGTH + (size_t)ROWS * COLUMNS;
    float *memory = calloc(count, sizeof *memory), *w = memory + (size_t)ROWS * LENGTH,
          *y = w + (size_t)COLUMNS * LENGTH;
    double best = 0;
    if (!memory || !mote_policy_find(policy_name, &policy)) {
        free(memory);
        return 0;
    }
    for (int i = 0; i < RUNS; i++) {
        double began = mote_clock();
        if (mote_linear(context, &policy, ROWS, LENGTH, COLUMNS, memory, 0, w, 0, NULL, y, 0) != MOTE_OK) {
            break;
        }
        double rate = (double)ROWS * COLUMNS * LENGTH / (mote_clock() - began);
        best = rate > best ? rate : best;
    }
    free(memory);
    return best;
}
