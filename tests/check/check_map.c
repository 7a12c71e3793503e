/* Family map against ref/, and its rates. */
#include <stdio.h>

#include "check_vector.h"
#include "functions.h"
#include "mx.h"

enum { X, DY, Y, SAVED, Z };

static double negate(double x) { return -x; }
static double square(double x) { return x * x; }
static double reciprocal(double x) { return 1 / x; }
static double minus_one(double x)
{
    (void)x;
    return -1;
}
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double twice(double x) { return 2 * x; }
static double root_slope(double x) { return 0.5 / sqrt(x); }
static double reciprocal_slope(double x) { return -1 / (x * x); }
static double relu_slope(double x) { return x > 0 || isnan(x) ? 1 : 0; }

/* Bounds of map.h: ulps of the value and of the derivative, or, where that crosses zero, of 1. */
static const struct {
    const char *name;
    double (*value)(double), (*slope)(double);
    double ulps, slope_ulps;
    bool crosses;
} unary[MOTE_UNARY_COUNT] = {
    [MOTE_UNARY_NEGATE] = {"negate", negate, minus_one, 0.5, 0.5, false},
    [MOTE_UNARY_ABSOLUTE] = {"absolute", fabs, sign, 0.5, 0.5, false},
    [MOTE_UNARY_SQUARE] = {"square", square, twice, 0.5, 0.5, false},
    [MOTE_UNARY_SQUARE_ROOT] = {"square_root", sqrt, root_slope, 0.5, 3, false},
    [MOTE_UNARY_RECIPROCAL] = {"reciprocal", reciprocal, reciprocal_slope, 0.5, 3, false},
    [MOTE_UNARY_RELU] = {"relu", ref_relu, relu_slope, 0.5, 0.5, false},
    [MOTE_UNARY_EXP] = {"exp", exp, exp, 1, 4, false},
    [MOTE_UNARY_LOG] = {"log", log, reciprocal, 1, 3, false},
    [MOTE_UNARY_TANH] = {"tanh", tanh, ref_tanh_slope, 2, 5, false},
    [MOTE_UNARY_ERF] = {"erf", erf, ref_erf_slope, 2, 5, false},
    [MOTE_UNARY_SIGMOID] = {"sigmoid", ref_sigmoid, ref_sigmoid_slope, 3, 6, false},
    [MOTE_UNARY_SILU] = {"silu", ref_silu, ref_silu_slope, 4, 8, true},
    [MOTE_UNARY_GELU] = {"gelu", ref_gelu, ref_gelu_slope, 8, 8, true},
    [MOTE_UNARY_GELU_TANH] = {"gelu_tanh", ref_gelu_tanh, ref_gelu_tanh_slope, 4, 16, true},
};

/* The argument of gelu_tanh's hyperbolic tangent, which its bound grows with. */
static double gelu_tanh_argument(double x)
{
    return fabs(x) < 16 ? 0.7978845608 * (fabs(x) + 0.044715 * fabs(x * x * x)) : 0;
}

static bool gates(int op) { return op == MOTE_UNARY_SILU || op == MOTE_UNARY_GELU || op == MOTE_UNARY_GELU_TANH; }

static double unary_expected(int op, double x)
{
    if (isnan(x)) {
        return NAN;
    }
    return gates(op) && x == -INFINITY ? 0 : unary[op].value(x);
}

static double unary_error(int op, double x, double expected)
{
    double ulps = unary[op].ulps + (op == MOTE_UNARY_GELU_TANH ? 6 * gelu_tanh_argument(x) : 0);
    double least = unary[op].ulps > 0.5 ? (1 + (gates(op) && isfinite(x) ? fabs(x) : 0)) * 0x1p-149 : 0;
    return ulps * vector_ulp(expected) + least;
}

void check_map_unary(const check_kernel *kernel)
{
    mote_map_unary_fn *map = (mote_map_unary_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < MOTE_UNARY_COUNT * VECTOR_PATTERNS; i++) {
            int op = i % MOTE_UNARY_COUNT;
            float *x = check_buffer(X, count * sizeof *x), *y = check_buffer(Y, count * sizeof *y);
            vector_values(i / MOTE_UNARY_COUNT, x, count);
            map((mote_unary)op, count, x, y);
            for (size_t j = 0; j < count; j++) {
                double in = (double)x[j], expected = unary_expected(op, in);
                if (!vector_close(y[j], expected, unary_error(op, in, expected))) {
                    check_fail("%s(%a) = %a, expected %a", unary[op].name, in, (double)y[j], expected);
                    break;
                }
            }
            map((mote_unary)op, count, x, x);
            if (!vector_same(x, y, count) || !check_intact(X) || !check_intact(Y)) {
                check_fail("%s in place or bytes around, %zu values", unary[op].name, count);
            }
        }
    }
}

/* The derivative as FP32 can have it. */
static double slope_of(int op, double x)
{
    double slope = isinf(x) && unary[op].crosses ? (x > 0 ? 1 : 0) : unary[op].slope(x);
    if (isnan(x) && op != MOTE_UNARY_NEGATE && op != MOTE_UNARY_RELU) {
        return NAN;
    }
    if (op == MOTE_UNARY_TANH && fabs(x) > 300) {
        return 0;
    }
    return fabs(slope) > (double)FLT_MAX && op == MOTE_UNARY_EXP ? INFINITY : slope;
}

static bool gradient_close(int op, double x, double dy, float dx)
{
    double slope = slope_of(op, x), expected = dy * slope;
    if (op == MOTE_UNARY_RELU && slope == 0) {
        return dx == 0;
    }
    /* Where it crosses zero it has a factor that vanishes first, below 2^-149, and others of up to 300. */
    if (isinf(dy) && slope != 0 && fabs(slope) < (unary[op].crosses ? 0x1p-140 : 0x1p-148)) {
        return isnan(dx) || isinf(dx); /* the derivative may or may not have become zero */
    }
    double error = unary[op].slope_ulps * (unary[op].crosses ? fabs(dy) * 0x1p-23 : 2 * vector_ulp(expected));
    double least = (1 + (isfinite(dy) ? fabs(dy) : 0)) * 0x1p-148;
    if (op == MOTE_UNARY_RECIPROCAL) {
        least *= 1 + (fabs(1 / x) < 0x1p100 ? fabs(1 / x) : 0x1p100);
    }
    bool exact = unary[op].slope_ulps == 0.5 && op != MOTE_UNARY_SQUARE;
    return vector_close(dx, expected, exact ? 0.5 * vector_ulp(expected) : (isnan(error) ? 0 : error) + least);
}

void check_map_unary_gradient(const check_kernel *kernel)
{
    mote_map_unary_gradient_fn *gradient = (mote_map_unary_gradient_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < MOTE_UNARY_COUNT * VECTOR_PATTERNS; i++) {
            int op = i % MOTE_UNARY_COUNT;
            float *x = check_buffer(X, count * sizeof *x), *dy = check_buffer(DY, count * sizeof *dy);
            float *dx = check_buffer(Y, count * sizeof *dx), *saved = check_buffer(SAVED, count * sizeof *saved);
            vector_values(i / MOTE_UNARY_COUNT, x, count);
            vector_values((int)check_below(VECTOR_PATTERNS), dy, count);
            memcpy(saved, x, count * sizeof *x);
            gradient((mote_unary)op, count, x, dy, dx);
            for (size_t j = 0; j < count; j++) {
                if (!gradient_close(op, (double)x[j], (double)dy[j], dx[j])) {
                    check_fail("%s'(%a) %a = %a, expected %a", unary[op].name, (double)x[j], (double)dy[j],
                               (double)dx[j], (double)dy[j] * slope_of(op, (double)x[j]));
                    break;
                }
            }
            gradient((mote_unary)op, count, x, dy, x);
            gradient((mote_unary)op, count, saved, dy, dy);
            if (!vector_same(x, dx, count) || !vector_same(dy, dx, count) || !check_intact(Y) || !check_intact(X)) {
                check_fail("%s gradient in place or bytes around, %zu values", unary[op].name, count);
            }
        }
    }
}

static const char *const binary[MOTE_BINARY_COUNT] = {"add", "subtract", "multiply", "divide", "maximum"};

/* Correctly rounded by definition: FP64 holds enough digits that rounding twice is rounding once. */
static float binary_expected(int op, float a, float b)
{
    switch (op) {
    case MOTE_BINARY_ADD: return (float)((double)a + (double)b);
    case MOTE_BINARY_SUBTRACT: return (float)((double)a - (double)b);
    case MOTE_BINARY_MULTIPLY: return (float)((double)a * (double)b);
    case MOTE_BINARY_DIVIDE: return (float)((double)a / (double)b);
    default: return a > b || isnan(a) ? a : b;
    }
}

void check_map_binary(const check_kernel *kernel)
{
    mote_map_binary_fn *map = (mote_map_binary_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < 4 * MOTE_BINARY_COUNT * VECTOR_PATTERNS; i++) {
            int op = i % MOTE_BINARY_COUNT;
            size_t a_step = (size_t)i & 1, b_step = (size_t)i >> 1 & 1, a_count = a_step ? count : count > 0;
            size_t b_count = b_step ? count : count > 0;
            float *a = check_buffer(X, a_count * sizeof *a), *b = check_buffer(DY, b_count * sizeof *b);
            float *y = check_buffer(Y, count * sizeof *y);
            vector_values((int)check_below(VECTOR_PATTERNS), a, a_count);
            vector_values(i / (4 * MOTE_BINARY_COUNT), b, b_count);
            map((mote_binary)op, count, a, a_step, b, b_step, y);
            for (size_t j = 0; j < count; j++) {
                float expected = binary_expected(op, a[j * a_step], b[j * b_step]);
                if (!vector_close(y[j], (double)expected, 0)) {
                    check_fail("%s(%a, %a) = %a", binary[op], (double)a[j * a_step], (double)b[j * b_step],
                               (double)y[j]);
                    break;
                }
            }
            if (a_step) {
                map((mote_binary)op, count, a, 1, b, b_step, a);
            } else if (b_step) {
                map((mote_binary)op, count, a, 0, b, 1, b);
            }
            if (((a_step || b_step) && !vector_same(a_step ? a : b, y, count)) || !check_intact(Y)) {
                check_fail("%s in place or bytes around, %zu values", binary[op], count);
            }
        }
    }
}

void check_swiglu(const check_kernel *kernel)
{
    mote_swiglu_fn *swiglu = (mote_swiglu_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int pattern = CHECK_PATTERNS; pattern < VECTOR_PATTERNS; pattern++) {
            float *gate = check_buffer(X, count * sizeof *gate), *up = check_buffer(DY, count * sizeof *up);
            float *y = check_buffer(Y, count * sizeof *y);
            vector_values(pattern, gate, count);
            vector_values(CHECK_PATTERNS, up, count);
            swiglu(count, gate, up, y);
            for (size_t j = 0; j < count; j++) {
                double expected = ref_silu((double)gate[j]) * (double)up[j];
                if (!vector_close(y[j], expected, 5 * vector_ulp(expected) + 111 * 0x1p-149)) {
                    check_fail("swiglu(%a, %a) = %a", (double)gate[j], (double)up[j], (double)y[j]);
                    break;
                }
            }
            swiglu(count, gate, up, pattern % 2 ? gate : up);
            if (!vector_same(pattern % 2 ? gate : up, y, count) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

void check_swiglu_gradient(const check_kernel *kernel)
{
    mote_swiglu_gradient_fn *gradient = (mote_swiglu_gradient_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int pattern = CHECK_PATTERNS; pattern < VECTOR_PATTERNS; pattern++) {
            float *gate = check_buffer(X, count * sizeof *gate), *up = check_buffer(SAVED, count * sizeof *up);
            float *dy = check_buffer(DY, count * sizeof *dy), *dgate = check_buffer(Y, count * sizeof *dgate);
            float *dup = check_buffer(Z, count * sizeof *dup);
            vector_values(pattern, gate, count);
            vector_values(CHECK_PATTERNS, up, count);
            vector_values(CHECK_PATTERNS, dy, count);
            gradient(count, gate, up, dy, dgate, dup);
            for (size_t j = 0; j < count; j++) {
                double g = (double)gate[j], slope = (double)dy[j] * (double)up[j], value = ref_silu(g) * (double)dy[j];
                if (!vector_close(dgate[j], slope * ref_silu_slope(g), 9 * 0x1p-23 * fabs(slope) + 0x1p-140) ||
                    !vector_close(dup[j], value, 5 * vector_ulp(value) + 111 * 0x1p-149)) {
                    check_fail("gradient of swiglu(%a, %a)", g, (double)up[j]);
                    break;
                }
            }
            gradient(count, gate, up, dy, gate, up);
            if (!vector_same(gate, dgate, count) || !vector_same(up, dup, count) || !check_intact(Y) ||
                !check_intact(Z)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

void check_dropout(const check_kernel *kernel)
{
    mote_dropout_fn *dropout = (mote_dropout_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        size_t length = count == 4 * kernel->tile + 3 ? 2500 : count; /* longer than the words made at a time */
        for (int pattern = 0; pattern < VECTOR_PATTERNS; pattern++) {
            uint64_t seed = check_random(), position = check_random();
            uint32_t threshold = pattern == 0 ? 0 : pattern == 1 ? ~0u : check_random();
            float *x = check_buffer(X, length * sizeof *x), *y = check_buffer(Y, length * sizeof *y);
            vector_values(pattern, x, length);
            dropout(length, seed, position, threshold, 1.25f, x, y);
            for (size_t j = 0; j < length; j++) {
                float expected = ref_philox(seed, position + j) < threshold ? 0 : x[j] * 1.25f;
                if (!vector_close(y[j], (double)expected, 0)) {
                    check_fail("value %zu of %zu", j, length);
                    break;
                }
            }
            size_t part = check_below(length + 1);
            dropout(part, seed, position, threshold, 1.25f, x, x);
            dropout(length - part, seed, position + part, threshold, 1.25f, x + part, x + part);
            if (!vector_same(x, y, length) || !check_intact(Y)) {
                check_fail("in two parts, in place, or bytes around, %zu values", length);
            }
        }
    }
}

void check_rotary(const check_kernel *kernel)
{
    mote_rotary_fn *rotary = (mote_rotary_fn *)kernel->function;
    for (size_t half = 0; half <= 4 * kernel->tile + 3; half++) {
        float *x = check_buffer(X, 2 * half * sizeof *x), *y = check_buffer(Y, 2 * half * sizeof *y);
        float *cosine = check_buffer(SAVED, half * sizeof *cosine), *sine = check_buffer(Z, half * sizeof *sine);
        vector_values(CHECK_PATTERNS + 1, x, 2 * half);
        vector_values(CHECK_PATTERNS, sine, half);
        for (size_t j = 0; j < half; j++) {
            cosine[j] = sqrtf(1 - sine[j] * sine[j]);
        }
        for (int sign = -1; sign <= 1; sign += 2) {
            rotary(half, cosine, sine, (float)sign, x, y);
            for (size_t j = 0; j < half; j++) {
                double a = (double)x[j], b = (double)x[half + j], c = (double)cosine[j], s = sign * (double)sine[j];
                double error = 0x1p-23 * (fabs(a) + fabs(b));
                if (!vector_close(y[j], a * c - b * s, error) || !vector_close(y[half + j], b * c + a * s, error)) {
                    check_fail("pair %zu of %zu, sign %d", j, half, sign);
                    break;
                }
            }
        }
        rotary(half, cosine, sine, 1, x, x);
        if (!vector_same(x, y, 2 * half) || !check_intact(Y)) {
            check_fail("in place or bytes around, %zu pairs", half);
        }
    }
}

/* Rates: arrays that stay in the second cache. */
enum { COUNT = 32768 };

typedef struct timing {
    const check_kernel *kernel;
    int op;
    float *x, *dy, *y, *saved, *z;
} timing;

static void call_unary(void *argument)
{
    const timing *t = argument;
    ((mote_map_unary_fn *)t->kernel->function)((mote_unary)t->op, COUNT, t->x, t->y);
}

static void call_unary_gradient(void *argument)
{
    const timing *t = argument;
    ((mote_map_unary_gradient_fn *)t->kernel->function)((mote_unary)t->op, COUNT, t->x, t->dy, t->y);
}

static void call_binary(void *argument)
{
    const timing *t = argument;
    ((mote_map_binary_fn *)t->kernel->function)((mote_binary)t->op, COUNT, t->x, 1, t->dy, 1, t->y);
}

static void call_swiglu(void *argument)
{
    const timing *t = argument;
    ((mote_swiglu_fn *)t->kernel->function)(COUNT, t->x, t->dy, t->y);
}

static void call_swiglu_gradient(void *argument)
{
    const timing *t = argument;
    ((mote_swiglu_gradient_fn *)t->kernel->function)(COUNT, t->x, t->saved, t->dy, t->y, t->z);
}

static void call_dropout(void *argument)
{
    const timing *t = argument;
    ((mote_dropout_fn *)t->kernel->function)(COUNT, 1, 0, 1u << 30, 1, t->x, t->y);
}

static void call_rotary(void *argument)
{
    const timing *t = argument;
    ((mote_rotary_fn *)t->kernel->function)(COUNT / 2, t->dy, t->saved, 1, t->x, t->y);
}

/* arrays: how many are read and written. */
static void time_one(const check_kernel *kernel, int op, const char *what, size_t arrays, void (*call)(void *))
{
    timing t = {.kernel = kernel, .op = op};
    float **all[] = {&t.x, &t.dy, &t.y, &t.saved, &t.z};
    for (int i = 0; i < 5; i++) {
        *all[i] = check_buffer(i, COUNT * sizeof(float));
        vector_values(CHECK_PATTERNS, *all[i], COUNT);
        for (size_t j = 0; j < COUNT; j++) { /* up to 4, as activations are; positive where that matters */
            float x = 4 * (*all[i])[j];
            (*all[i])[j] = op == MOTE_UNARY_LOG || op == MOTE_UNARY_SQUARE_ROOT ? fabsf(x) : x;
        }
    }
    check_time(what, arrays * COUNT * sizeof(float), call, &t);
}

void time_map_unary(const check_kernel *kernel)
{
    for (int op = 0; op < MOTE_UNARY_COUNT; op++) {
        time_one(kernel, op, unary[op].name, 2, call_unary);
    }
}

void time_map_unary_gradient(const check_kernel *kernel)
{
    for (int op = 0; op < MOTE_UNARY_COUNT; op++) {
        time_one(kernel, op, unary[op].name, 3, call_unary_gradient);
    }
}

void time_map_binary(const check_kernel *kernel)
{
    for (int op = 0; op < MOTE_BINARY_COUNT; op++) {
        time_one(kernel, op, binary[op], 3, call_binary);
    }
}

void time_swiglu(const check_kernel *kernel) { time_one(kernel, 0, "", 3, call_swiglu); }

void time_swiglu_gradient(const check_kernel *kernel) { time_one(kernel, 0, "", 5, call_swiglu_gradient); }

void time_dropout(const check_kernel *kernel) { time_one(kernel, 0, "", 2, call_dropout); }

void time_rotary(const check_kernel *kernel) { time_one(kernel, 0, "", 3, call_rotary); }
