/* Family update against its definition, operation by operation in FP32, and its rates. */
#include "check_vector.h"
#include "mx.h"

enum { GRADIENT, PARAMETER, M, V, EXPECTED };

static const mote_adamw_step steps[] = {{1, 0.999f, 0.1f, 0.999f, 0.001f, 0.003f, 0.1f, 1e-8f},
                                        {0.125f, 1, 0.75f, 0.95f, 0.05f, 1e-4f, 1, 1e-6f}};

/* torch.optim.AdamW's order. */
static void adamw_value(const mote_adamw_step *s, float gradient, float *parameter, float *m, float *v)
{
    float g = gradient * s->multiplier, p = *parameter * s->decay;
    *m = s->weight1 < 0.5f ? *m + s->weight1 * (g - *m) : g - (g - *m) * (1 - s->weight1);
    *v = *v * s->beta2 + s->weight2 * g * g;
    *parameter = p + -s->rate * *m / (sqrtf(*v) / s->correction + s->epsilon);
}

static bool same_value(float a, float b)
{
    return vector_close(a, (double)b, 0) && (isnan(b) || signbit(a) == signbit(b));
}

void check_update_adamw(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < 2 * VECTOR_PATTERNS; i++) {
            float *g = check_buffer(GRADIENT, count * sizeof *g), *p = check_buffer(PARAMETER, count * sizeof *p);
            float *m = check_buffer(M, count * sizeof *m), *v = check_buffer(V, count * sizeof *v);
            float *old = check_buffer(EXPECTED, 3 * count * sizeof *old);
            vector_values(i / 2, g, count);
            vector_values((int)check_below(VECTOR_PATTERNS), p, count);
            vector_values((int)check_below(VECTOR_PATTERNS), m, count);
            vector_values((int)check_below(VECTOR_PATTERNS), v, count);
            for (size_t j = 0; j < count; j++) {
                v[j] = fabsf(v[j]);
                old[3 * j] = p[j];
                old[3 * j + 1] = m[j];
                old[3 * j + 2] = v[j];
            }
            ((mote_update_adamw_fn *)kernel->function)(count, &steps[i % 2], g, p, m, v);
            for (size_t j = 0; j < count; j++) {
                float *o = old + 3 * j;
                adamw_value(&steps[i % 2], g[j], o, o + 1, o + 2);
                if (!same_value(p[j], o[0]) || !same_value(m[j], o[1]) || !same_value(v[j], o[2])) {
                    check_fail("value %zu of %zu: %a %a %a, expected %a %a %a", j, count, (double)p[j], (double)m[j],
                               (double)v[j], (double)o[0], (double)o[1], (double)o[2]);
                    break;
                }
            }
            if (!check_intact(PARAMETER) || !check_intact(M) || !check_intact(V)) {
                check_fail("bytes around, %zu values", count);
            }
        }
    }
}

void check_update_sgd(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < 3 * VECTOR_PATTERNS; i++) {
            const mote_sgd_step step = {0.5f, 0.99f, 0.9f, 0.01f, i % 3 == 1};
            float *g = check_buffer(GRADIENT, count * sizeof *g), *p = check_buffer(PARAMETER, count * sizeof *p);
            float *b = check_buffer(M, count * sizeof *b), *old = check_buffer(EXPECTED, 2 * count * sizeof *old);
            vector_values(i / 3, g, count);
            vector_values((int)check_below(VECTOR_PATTERNS), p, count);
            vector_values((int)check_below(VECTOR_PATTERNS), b, count);
            memcpy(old, p, count * sizeof *p);
            memcpy(old + count, b, count * sizeof *b);
            ((mote_update_sgd_fn *)kernel->function)(count, &step, g, p, i % 3 == 2 ? NULL : b);
            for (size_t j = 0; j < count; j++) {
                float scaled = g[j] * step.multiplier;
                float buffer = i % 3 == 2 ? old[count + j] : step.momentum * old[count + j] + scaled;
                float move = i % 3 == 2 ? scaled : i % 3 == 1 ? scaled + step.momentum * buffer : buffer;
                float expected = old[j] * step.decay - step.rate * move;
                bool kept = i % 3 == 2 && memcmp(b + j, &buffer, sizeof buffer) == 0; /* a NaN, too, stays as it was */
                if (!same_value(p[j], expected) || !(kept || same_value(b[j], buffer))) {
                    check_fail("value %zu of %zu: %a %a, expected %a %a", j, count, (double)p[j], (double)b[j],
                               (double)expected, (double)buffer);
                    break;
                }
            }
            if (!check_intact(PARAMETER) || !check_intact(M)) {
                check_fail("bytes around, %zu values", count);
            }
        }
    }
}

void check_update_average(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int pattern = 0; pattern < VECTOR_PATTERNS; pattern++) {
            float *x = check_buffer(GRADIENT, count * sizeof *x), *a = check_buffer(PARAMETER, count * sizeof *a);
            float *old = check_buffer(EXPECTED, count * sizeof *old);
            vector_values(pattern, x, count);
            vector_values((int)check_below(VECTOR_PATTERNS), a, count);
            memcpy(old, a, count * sizeof *a);
            ((mote_update_average_fn *)kernel->function)(count, 0.01f, x, a);
            for (size_t j = 0; j < count; j++) {
                if (!same_value(a[j], old[j] + 0.01f * (x[j] - old[j]))) {
                    check_fail("value %zu of %zu: %a", j, count, (double)a[j]);
                    break;
                }
            }
            if (!check_intact(PARAMETER)) {
                check_fail("bytes around, %zu values", count);
            }
        }
    }
}

void check_sum_squares(const check_kernel *kernel)
{
    for (size_t step = 0; step <= 4 * kernel->tile + 4; step++) {
        size_t count = step <= 4 * kernel->tile + 3 ? step : 100000;
        for (int pattern = 0; pattern < VECTOR_PATTERNS; pattern++) {
            float *x = check_buffer(GRADIENT, count * sizeof *x);
            long double expected = 0;
            vector_values(pattern, x, count);
            double found = ((mote_sum_squares_fn *)kernel->function)(count, x);
            for (size_t j = 0; j < count; j++) {
                expected += (long double)x[j] * (long double)x[j];
            }
            long double error = ((long double)count / 32 + 5) * 0x1p-53L * expected;
            if (isnan(expected) ? !isnan(found) : isinf(expected) ? !isinf(found) : fabsl(found - expected) > error) {
                check_fail("%zu values: %a, expected %La", count, found, expected);
            }
        }
    }
}

/* No value above zero may become zero, and those that do not need it stay. */
void check_update_lift_blocks(const check_kernel *kernel)
{
    static const mote_format formats[] = {MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_MXFP4_E2M1};
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < 3 * VECTOR_PATTERNS; i++) {
            mote_format format = formats[i % 3];
            const mote_element *element = mote_element_get(format);
            float *x = check_buffer(PARAMETER, count * sizeof *x), *old = check_buffer(EXPECTED, count * sizeof *old);
            vector_values(i / 3, x, count);
            for (size_t j = 0; j < count; j++) {
                x[j] = isfinite(x[j]) && i / 3 != 3 ? fabsf(x[j]) * (float)(j % 5) : 0; /* subnormals are not roots */
            }
            memcpy(old, x, count * sizeof *x);
            ((mote_update_lift_blocks_fn *)kernel->function)(element, mote_scale_increment(element, MOTE_SCALE_CEIL),
                                                             count, x);
            for (size_t j = 0; j < count; j++) {
                size_t block = j / 32 * 32, n = count - block < 32 ? count - block : 32;
                unsigned scale = ref_block_scale(format, MOTE_SCALE_CEIL, (int)n, old + block);
                double least = mote_format_get(format)->smallest * ldexp(1, (int)scale - 127);
                double expected = old[j] > 0 && (double)old[j] < least ? least : (double)old[j];
                if (isfinite(old[j]) && scale < 255 && (double)x[j] != (double)(float)expected) {
                    check_fail("%s, value %zu of %zu: %a, expected %a", mote_format_get(format)->name, j, count,
                               (double)x[j], expected);
                    break;
                }
            }
            if (!check_intact(PARAMETER)) {
                check_fail("bytes around, %zu values", count);
            }
        }
    }
}

/* Rates: from the second cache, and from memory as an optimizer meets its arrays. */
enum { COUNT = 1 << 15, LARGE = 1 << 23 };

typedef struct timing {
    const check_kernel *kernel;
    size_t count;
    float *g, *p, *m, *v;
} timing;

static void call_adamw(void *argument)
{
    const timing *t = argument;
    ((mote_update_adamw_fn *)t->kernel->function)(t->count, &steps[0], t->g, t->p, t->m, t->v);
}

static void call_sgd(void *argument)
{
    const timing *t = argument;
    const mote_sgd_step step = {1, 1, 0.9f, 0.01f, false};
    ((mote_update_sgd_fn *)t->kernel->function)(t->count, &step, t->g, t->p, t->m);
}

static void call_average(void *argument)
{
    const timing *t = argument;
    ((mote_update_average_fn *)t->kernel->function)(t->count, 0.001f, t->g, t->p);
}

static void call_squares(void *argument)
{
    const timing *t = argument;
    volatile double sink = ((mote_sum_squares_fn *)t->kernel->function)(t->count, t->g);
    (void)sink;
}

static void call_lift(void *argument)
{
    const timing *t = argument;
    const mote_element *element = mote_element_get(MOTE_MXFP8_E4M3);
    ((mote_update_lift_blocks_fn *)t->kernel->function)(element, 0, t->count, t->v);
}

/* arrays: how many are read and written. */
static void time_one(const check_kernel *kernel, size_t arrays, void (*call)(void *))
{
    static const size_t counts[] = {COUNT, LARGE};
    for (int i = 0; i < 2; i++) {
        timing t = {.kernel = kernel, .count = counts[i]};
        float **all[] = {&t.g, &t.p, &t.m, &t.v};
        for (int j = 0; j < 4; j++) {
            *all[j] = check_buffer(j, t.count * sizeof(float));
            memset(*all[j], 0, t.count * sizeof(float));
            check_values_of(0, *all[j], COUNT);
        }
        for (size_t j = 0; j < t.count; j++) {
            t.v[j] = fabsf(t.v[j]);
        }
        check_time(i ? "from memory" : "from the second cache", arrays * t.count * sizeof(float), call, &t);
    }
}

void time_update_adamw(const check_kernel *kernel) { time_one(kernel, 7, call_adamw); }

void time_update_sgd(const check_kernel *kernel) { time_one(kernel, 5, call_sgd); }

void time_update_average(const check_kernel *kernel) { time_one(kernel, 3, call_average); }

void time_sum_squares(const check_kernel *kernel) { time_one(kernel, 1, call_squares); }

void time_update_lift_blocks(const check_kernel *kernel) { time_one(kernel, 2, call_lift); }
