/* Biases and gates of family attention: additions bit for bit, gates against FP64; and timings. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "check_vector.h"
#include "functions.h"

enum { SCORES, DS, TO, VALUES, MOST_PIECES = 9, MOST_BIASES = 4, MOST = MOST_PIECES * MOTE_GEMM_WIDTH };

static bool same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

static size_t piece_place(int r, size_t i)
{
    return i / MOTE_GEMM_WIDTH * MOTE_ATTENTION_PIECE + (size_t)r * MOTE_GEMM_WIDTH + i % MOTE_GEMM_WIDTH;
}

/* t log2 e - shift, each step rounded; a finite t stays finite. */
static float finished(float t, float shift)
{
    float binary = t * 0x1.715476p+0f;
    binary = isfinite(t) && isinf(binary) ? copysignf(FLT_MAX, t) : binary;
    return binary - shift;
}

/* A bias of a random kind that ends where its memory does: same for all rows or keys, along them, or with gaps. */
static mote_attention_bias random_bias(int buffer, int rows, size_t keys, size_t *count)
{
    mote_attention_bias b = {.step = (ptrdiff_t)check_below(4)};
    b.row = check_below(3) ? (ptrdiff_t)((keys - 1) * (size_t)b.step + 1 + check_below(3)) : 0;
    *count = (size_t)(rows - 1) * (size_t)b.row + (keys - 1) * (size_t)b.step + 1;
    float *values = check_buffer(buffer, *count * sizeof *values);
    check_values_of((int)check_below(CHECK_PATTERNS), values, *count);
    b.values = values;
    return b;
}

void check_attention_add_biases(const check_kernel *kernel)
{
    for (int n = 0; n < 600 && !check_failed(); n++) {
        int rows = 1 + (int)check_below(MOTE_GEMM_ROWS), count = (int)check_below(MOST_BIASES + 1);
        size_t keys = 1 + check_below(MOST), pieces = (keys + MOTE_GEMM_WIDTH - 1) / MOTE_GEMM_WIDTH, unused;
        size_t values = pieces * MOTE_ATTENTION_PIECE;
        float *scores = check_buffer(SCORES, values * sizeof *scores), before[MOST_PIECES * MOTE_ATTENTION_PIECE];
        float shifts[MOTE_GEMM_ROWS], scale = (float)check_below(8) - 3.5f;
        bool finish = check_below(2), shifted = check_below(2);
        mote_attention_bias biases[MOST_BIASES];
        for (int i = 0; i < count; i++) {
            biases[i] = random_bias(VALUES + i, rows, keys, &unused);
        }
        check_values(scores, values);
        memcpy(before, scores, values * sizeof *scores);
        for (int r = 0; r < rows; r++) {
            shifts[r] = (float)check_below(100) - 50;
        }
        ((mote_attention_add_biases_fn *)kernel->function)(rows, keys, scale, count, biases, finish,
                                                           shifted ? shifts : NULL, scores);
        for (size_t i = 0; i < (size_t)rows * keys; i++) {
            int r = (int)(i / keys);
            size_t key = i % keys, at = piece_place(r, key);
            float t = before[at] * scale;
            for (int b = 0; b < count; b++) {
                t += biases[b].values[r * biases[b].row + (ptrdiff_t)key * biases[b].step];
            }
            float expected = finish ? finished(t, shifted ? shifts[r] : 0) : t;
            if (!same(scores[at], expected)) {
                check_fail("row %d key %zu of %zu, %d biases: %a, expected %a", r, key, keys, count, (double)scores[at],
                           (double)expected);
                return;
            }
        }
        if (!check_intact(SCORES)) {
            check_fail("bytes around the scores");
        }
    }
}

/* Sixteen chains, then lanes 8 apart, 4, 2, 1. */
static float sum_of(const float *x, size_t count)
{
    float lanes[16] = {0};
    for (size_t i = 0; i < count; i++) {
        lanes[i % 16] += x[i];
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            lanes[i] += lanes[i + half];
        }
    }
    return lanes[0];
}

void check_attention_gather_bias(const check_kernel *kernel)
{
    for (int n = 0; n < 600 && !check_failed(); n++) {
        int rows = 1 + (int)check_below(MOTE_GEMM_ROWS);
        size_t keys = 1 + check_below(MOST), stride = keys + check_below(9), count;
        size_t values = (size_t)(rows - 1) * stride + keys;
        mote_attention_bias b = random_bias(TO, rows, keys, &count);
        float *ds = check_buffer(DS, values * sizeof *ds), *to = (float *)(uintptr_t)b.values;
        float expected[MOTE_GEMM_ROWS * (3 * MOST + 3)];
        check_values(ds, values);
        memcpy(expected, to, count * sizeof *to);
        ((mote_attention_gather_bias_fn *)kernel->function)(rows, keys, ds, stride, to, b.row, b.step);
        for (int r = 0; r < rows; r++) {
            if (b.step == 0) {
                expected[r * b.row] += sum_of(ds + (size_t)r * stride, keys);
            }
            for (size_t key = 0; key < keys && b.step; key++) {
                expected[r * b.row + (ptrdiff_t)key * b.step] += ds[(size_t)r * stride + key];
            }
        }
        for (size_t i = 0; i < count; i++) {
            if (!same(to[i], expected[i])) {
                check_fail("value %zu of %zu (%d rows, %zu keys, step %d): %a, expected %a", i, count, rows, keys,
                           (int)b.step, (double)to[i], (double)expected[i]);
                return;
            }
        }
        if (!check_intact(TO)) {
            check_fail("bytes around the gradient");
        }
    }
}

enum { GATE, X, Y, DY };

void check_attention_gate(const check_kernel *kernel)
{
    mote_attention_gate_fn *function = (mote_attention_gate_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int pattern = CHECK_PATTERNS; pattern < VECTOR_PATTERNS; pattern++) {
            float *gate = check_buffer(GATE, count * sizeof *gate), *x = check_buffer(X, count * sizeof *x);
            float *y = check_buffer(Y, count * sizeof *y);
            vector_values(pattern, gate, count);
            vector_values(CHECK_PATTERNS, x, count);
            function(count, gate, x, y);
            for (size_t j = 0; j < count; j++) {
                double expected = ref_sigmoid((double)gate[j]) * (double)x[j];
                if (!vector_close(y[j], expected, 5 * vector_ulp(expected) + fabs((double)x[j]) * 0x1p-149)) {
                    check_fail("%a * sigmoid(%a) = %a", (double)x[j], (double)gate[j], (double)y[j]);
                    break;
                }
            }
            function(count, gate, x, pattern % 2 ? gate : x);
            if (!vector_same(pattern % 2 ? gate : x, y, count) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

void check_attention_gate_gradient(const check_kernel *kernel)
{
    mote_attention_gate_gradient_fn *function = (mote_attention_gate_gradient_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int pattern = CHECK_PATTERNS; pattern < VECTOR_PATTERNS; pattern++) {
            float *gate = check_buffer(GATE, count * sizeof *gate), *y = check_buffer(X, count * sizeof *y);
            float *dy = check_buffer(DY, count * sizeof *dy), *dgate = check_buffer(Y, count * sizeof *dgate);
            vector_values(pattern, gate, count);
            vector_values(CHECK_PATTERNS, y, count);
            vector_values(CHECK_PATTERNS, dy, count);
            function(count, gate, y, dy, dgate);
            for (size_t j = 0; j < count; j++) {
                double change = (double)dy[j] * (double)y[j], expected = change * ref_sigmoid(-(double)gate[j]);
                if (!vector_close(dgate[j], expected, 6 * vector_ulp(expected) + (1 + fabs(change)) * 0x1p-149)) {
                    check_fail("gradient of gate %a: %a, expected %a", (double)gate[j], (double)dgate[j], expected);
                    break;
                }
            }
            function(count, gate, y, dy, gate);
            if (!vector_same(gate, dgate, count) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

/* ---- timings: a tile of twelve rows and 256 keys, with a mask and a pair bias ---- */

enum { TIMED = 256, TIMED_VALUES = MOTE_GEMM_ROWS * TIMED };

typedef struct timing {
    const check_kernel *kernel;
    float *scores, *other, *third, *fourth;
} timing;

static void call_add_biases(void *argument)
{
    const timing *t = argument;
    const mote_attention_bias biases[] = {{t->other, 0, 1}, {t->third, TIMED, 1}};
    ((mote_attention_add_biases_fn *)t->kernel->function)(MOTE_GEMM_ROWS, TIMED, 0, 2, biases, true, NULL, t->scores);
}

static void call_gather_bias(void *argument)
{
    const timing *t = argument;
    ((mote_attention_gather_bias_fn *)t->kernel->function)(MOTE_GEMM_ROWS, TIMED, t->scores, TIMED, t->other, TIMED, 1);
}

static void call_gate(void *argument)
{
    const timing *t = argument;
    ((mote_attention_gate_fn *)t->kernel->function)(TIMED_VALUES, t->scores, t->other, t->third);
}

static void call_gate_gradient(void *argument)
{
    const timing *t = argument;
    ((mote_attention_gate_gradient_fn *)t->kernel->function)(TIMED_VALUES, t->scores, t->other, t->third, t->fourth);
}

static void report(const check_kernel *kernel, const char *what, void (*call)(void *))
{
    timing t = {.kernel = kernel};
    float **all[] = {&t.scores, &t.other, &t.third, &t.fourth};
    for (int i = 0; i < 4; i++) {
        *all[i] = check_buffer(i, TIMED_VALUES * sizeof(float));
        vector_values(CHECK_PATTERNS, *all[i], TIMED_VALUES);
    }
    check_time(what, TIMED_VALUES * sizeof(float), call, &t);
}

void time_attention_add_biases(const check_kernel *kernel) { report(kernel, "12 x 256 scores", call_add_biases); }

void time_attention_gather_bias(const check_kernel *kernel) { report(kernel, "12 x 256 scores", call_gather_bias); }

void time_attention_gate(const check_kernel *kernel) { report(kernel, "3072", call_gate); }

void time_attention_gate_gradient(const check_kernel *kernel) { report(kernel, "3072", call_gate_gradient); }
