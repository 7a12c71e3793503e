/* Family matrix: transposing against an index, sums of columns against the same sums in order. */
#include <string.h>

#include "check.h"
#include "kernels/kernels.h"

enum { IN, OUT };

void check_transpose(const check_kernel *kernel)
{
    for (int n = 0; n < 40; n++) {
        size_t rows = kernel->tile * (1 + check_below(4)), columns = kernel->tile * (1 + check_below(4));
        size_t from_stride = columns + check_below(5), to_stride = rows + check_below(5);
        float *from = check_buffer(IN, ((rows - 1) * from_stride + columns) * sizeof *from);
        float *to = check_buffer(OUT, ((columns - 1) * to_stride + rows) * sizeof *to);
        for (size_t i = 0; i < (rows - 1) * from_stride + columns; i++) {
            from[i] = (float)i;
        }
        ((mote_transpose_fn *)kernel->function)(rows, columns, from, from_stride, to, to_stride);
        for (size_t i = 0; i < rows * columns; i++) {
            size_t r = i / columns, c = i % columns;
            if (to[c * to_stride + r] != from[r * from_stride + c]) {
                check_fail("%zu by %zu: row %zu column %zu", rows, columns, r, c);
                return;
            }
        }
        if (!check_intact(OUT)) {
            check_fail("bytes around the result");
        }
    }
}

void check_sum_columns(const check_kernel *kernel)
{
    for (size_t columns = 0; columns <= MOTE_SUM_COLUMNS; columns++) {
        size_t rows = check_below(9), stride = columns + check_below(5);
        float *values = check_buffer(IN, (rows ? (rows - 1) * stride + columns : 0) * sizeof *values);
        double sums[MOTE_SUM_COLUMNS + 1], expected[MOTE_SUM_COLUMNS]; /* guard pages come without the alignment */
        check_values(values, rows ? (rows - 1) * stride + columns : 0);
        for (size_t c = 0; c < columns; c++) {
            expected[c] = sums[c] = (double)check_below(1000) / 7;
            for (size_t r = 0; r < rows; r++) {
                expected[c] += (double)values[r * stride + c];
            }
        }
        sums[columns] = -1;
        ((mote_sum_columns_fn *)kernel->function)(rows, columns, values, (ptrdiff_t)stride, sums);
        for (size_t c = 0; c < columns; c++) {
            if (sums[c] != expected[c] && (sums[c] == sums[c] || expected[c] == expected[c])) {
                check_fail("%zu by %zu: column %zu: %a, expected %a", rows, columns, c, sums[c], expected[c]);
                return;
            }
        }
        if (sums[columns] != -1) {
            check_fail("behind the sums");
        }
    }
}

enum { TIMED = 256 };

typedef struct timing {
    const check_kernel *kernel;
    float *from;
    void *to;
} timing;

static void call_transpose(void *argument)
{
    timing *t = argument;
    ((mote_transpose_fn *)t->kernel->function)(MOTE_TRANSPOSE, TIMED, t->from, TIMED, t->to, MOTE_TRANSPOSE);
}

static void call_sum(void *argument)
{
    timing *t = argument;
    ((mote_sum_columns_fn *)t->kernel->function)(TIMED, MOTE_SUM_COLUMNS, t->from, MOTE_SUM_COLUMNS, t->to);
}

void time_transpose(const check_kernel *kernel)
{
    size_t bytes = MOTE_TRANSPOSE * TIMED * sizeof(float);
    timing t = {kernel, memset(check_buffer(IN, bytes), 0, bytes), check_buffer(OUT, bytes)};
    check_time("16 x 256", bytes, call_transpose, &t);
}

void time_sum_columns(const check_kernel *kernel)
{
    size_t bytes = MOTE_SUM_COLUMNS * TIMED * sizeof(float);
    double sums[MOTE_SUM_COLUMNS] = {0};
    timing t = {kernel, memset(check_buffer(IN, bytes), 0, bytes), sums};
    check_time("256 x 64", bytes, call_sum, &t);
}
