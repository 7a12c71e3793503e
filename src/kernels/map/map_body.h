/* The map kernels over lanes.h, once for every instruction set.
 *
 * Their speed: an operation is a constant where its loop is compiled, so a loop has no branch but its own; a value is
 * loaded and stored once, and sixteen of them need fewer instructions (gelu, the longest, about 50 on AVX-512) than the
 * processor runs in the time their cache lines take from the second cache or, for the longest, a few times that. */
#include "kernels/kernels.h"
#include "kernels/vector/lanes_math.h"
#include "kernels/vector/lanes_row.h"

/* Beyond these, silu and gelu are 0 or x, and infinite arguments are taken for them where 0 times infinity threatens.
 */
#define SILU_END 104.0f
#define GELU_END 16.0f

INLINE lanes clamp(lanes x, float end) { return lanes_maximum(lanes_set(-end), lanes_minimum(lanes_set(end), x)); }

INLINE lanes map_maximum(lanes a, lanes b) { return lanes_select(lanes_equal(a, a), lanes_maximum(a, b), a); }

INLINE lanes silu(lanes x)
{
    lanes_logistic_parts p = lanes_logistic(x);
    return lanes_multiply(lanes_maximum(lanes_set(-SILU_END), x), lanes_divide(p.numerator, p.denominator));
}

/* s (1 + x (1 - s)), s = sigmoid(x) */
INLINE lanes silu_derivative(lanes x)
{
    lanes_logistic_parts p = lanes_logistic(x);
    lanes s = lanes_divide(p.numerator, p.denominator), opposite = lanes_divide(p.opposite, p.denominator);
    return lanes_multiply(s, lanes_fma(clamp(x, SILU_END), opposite, lanes_set(1)));
}

/* gelu_tanh(x) = x sigmoid(2 z), because (1 + tanh z) / 2 = sigmoid(2 z): 2 z = x (first + third x^2) */
#define GELU_TANH_FIRST 0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define GELU_TANH_THIRD 0x1.2444f2p-4f /* 0.044715 times that */

INLINE lanes gelu_tanh(lanes x)
{
    lanes inside = clamp(x, GELU_END), square = lanes_multiply(inside, inside);
    lanes z = lanes_multiply(inside, lanes_fma(square, lanes_set(GELU_TANH_THIRD), lanes_set(GELU_TANH_FIRST)));
    lanes_logistic_parts p = lanes_logistic(z);
    return lanes_multiply(lanes_maximum(lanes_set(-GELU_END), x), lanes_divide(p.numerator, p.denominator));
}

/* s + x s (1 - s) (2 z)' */
INLINE lanes gelu_tanh_derivative(lanes x)
{
    lanes inside = clamp(x, GELU_END), square = lanes_multiply(inside, inside);
    lanes z = lanes_multiply(inside, lanes_fma(square, lanes_set(GELU_TANH_THIRD), lanes_set(GELU_TANH_FIRST)));
    lanes slope = lanes_fma(square, lanes_set(3 * GELU_TANH_THIRD), lanes_set(GELU_TANH_FIRST));
    lanes_logistic_parts p = lanes_logistic(z);
    lanes s = lanes_divide(p.numerator, p.denominator), opposite = lanes_divide(p.opposite, p.denominator);
    return lanes_multiply(s, lanes_fma(lanes_multiply(inside, slope), opposite, lanes_set(1)));
}

INLINE lanes gelu(lanes x)
{
    lanes bell, below = lanes_normal(x, &bell);
    return lanes_multiply(lanes_maximum(lanes_set(-GELU_END), x), below);
}

/* the distribution function and x times the density */
INLINE lanes gelu_derivative(lanes x)
{
    const float height = 0x1.988454p-2f; /* 1 / sqrt(2 pi) */
    lanes bell, below = lanes_normal(x, &bell);
    return lanes_fma(lanes_multiply(clamp(x, GELU_END), lanes_set(height)), bell, below);
}

/* e / (1 + e)^2 times scale, e = e^-|x| */
INLINE lanes logistic_derivative(lanes x, float scale)
{
    lanes_logistic_parts p = lanes_logistic(x);
    return lanes_divide(lanes_multiply(p.small, lanes_set(scale)), lanes_multiply(p.denominator, p.denominator));
}

INLINE lanes unary_value(mote_unary op, lanes x)
{
    switch (op) {
    case MOTE_UNARY_NEGATE: return lanes_negate(x);
    case MOTE_UNARY_ABSOLUTE: return lanes_absolute(x);
    case MOTE_UNARY_SQUARE: return lanes_multiply(x, x);
    case MOTE_UNARY_SQUARE_ROOT: return lanes_square_root(x);
    case MOTE_UNARY_RECIPROCAL: return lanes_divide(lanes_set(1), x);
    case MOTE_UNARY_RELU: return map_maximum(x, lanes_zero());
    case MOTE_UNARY_EXP: return lanes_exp(x);
    case MOTE_UNARY_LOG: return lanes_log(x);
    case MOTE_UNARY_TANH: return lanes_tanh(x);
    case MOTE_UNARY_ERF: return lanes_erf(x);
    case MOTE_UNARY_SIGMOID: {
        lanes_logistic_parts p = lanes_logistic(x);
        return lanes_divide(p.numerator, p.denominator);
    }
    case MOTE_UNARY_SILU: return silu(x);
    case MOTE_UNARY_GELU: return gelu(x);
    default: return gelu_tanh(x);
    }
}

/* dy times the derivative. tanh' = 4 e / (1 + e)^2 with e = e^-2|x|, which does not cancel as 1 - tanh^2 does. */
INLINE lanes unary_gradient(mote_unary op, lanes x, lanes dy)
{
    const lanes zero = lanes_zero();
    switch (op) {
    case MOTE_UNARY_NEGATE: return lanes_negate(dy);
    case MOTE_UNARY_ABSOLUTE: {
        lanes sign = lanes_select(lanes_less(x, zero), lanes_set(-1), x); /* x: zeros and NaN */
        return lanes_multiply(dy, lanes_select(lanes_less(zero, x), lanes_set(1), sign));
    }
    case MOTE_UNARY_SQUARE: {
        lanes half = lanes_multiply(dy, x); /* 2 x alone might overflow */
        return lanes_add(half, half);
    }
    case MOTE_UNARY_SQUARE_ROOT: {
        lanes y = lanes_square_root(x);
        return lanes_divide(dy, lanes_add(y, y));
    }
    case MOTE_UNARY_RECIPROCAL: return lanes_negate(lanes_divide(lanes_divide(dy, x), x));
    case MOTE_UNARY_RELU: return lanes_select(lanes_less(zero, x), dy, lanes_select(lanes_equal(x, x), zero, dy));
    case MOTE_UNARY_EXP: return lanes_multiply(dy, lanes_exp(x));
    case MOTE_UNARY_LOG: return lanes_divide(dy, x);
    case MOTE_UNARY_TANH: return lanes_multiply(dy, logistic_derivative(lanes_add(x, x), 4));
    case MOTE_UNARY_ERF:
        return lanes_multiply(dy, lanes_multiply(lanes_set(0x1.20dd76p+0f), lanes_gaussian(clamp(x, GELU_END), 1)));
    case MOTE_UNARY_SIGMOID: return lanes_multiply(dy, logistic_derivative(x, 1));
    case MOTE_UNARY_SILU: return lanes_multiply(dy, silu_derivative(x));
    case MOTE_UNARY_GELU: return lanes_multiply(dy, gelu_derivative(x));
    default: return lanes_multiply(dy, gelu_tanh_derivative(x));
    }
}

INLINE void unary_loop(mote_unary op, size_t count, const float *x, float *y)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        row_store(y + i, lanes_canonical(unary_value(op, row_load(x + i, n))), n);
    }
}

INLINE void unary_gradient_loop(mote_unary op, size_t count, const float *x, const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes value = unary_gradient(op, row_load(x + i, n), row_load(dy + i, n));
        row_store(dx + i, lanes_canonical(value), n);
    }
}

/* Calls loop with op as a constant. */
#define WITH_UNARY(loop, op, ...)                                                                                      \
    switch (op) {                                                                                                      \
    case MOTE_UNARY_NEGATE: loop(MOTE_UNARY_NEGATE, __VA_ARGS__); break;                                               \
    case MOTE_UNARY_ABSOLUTE: loop(MOTE_UNARY_ABSOLUTE, __VA_ARGS__); break;                                           \
    case MOTE_UNARY_SQUARE: loop(MOTE_UNARY_SQUARE, __VA_ARGS__); break;                                               \
    case MOTE_UNARY_SQUARE_ROOT: loop(MOTE_UNARY_SQUARE_ROOT, __VA_ARGS__); break;                                     \
    case MOTE_UNARY_RECIPROCAL: loop(MOTE_UNARY_RECIPROCAL, __VA_ARGS__); break;                                       \
    case MOTE_UNARY_RELU: loop(MOTE_UNARY_RELU, __VA_ARGS__); break;                                                   \
    case MOTE_UNARY_EXP: loop(MOTE_UNARY_EXP, __VA_ARGS__); break;                                                     \
    case MOTE_UNARY_LOG: loop(MOTE_UNARY_LOG, __VA_ARGS__); break;                                                     \
    case MOTE_UNARY_TANH: loop(MOTE_UNARY_TANH, __VA_ARGS__); break;                                                   \
    case MOTE_UNARY_ERF: loop(MOTE_UNARY_ERF, __VA_ARGS__); break;                                                     \
    case MOTE_UNARY_SIGMOID: loop(MOTE_UNARY_SIGMOID, __VA_ARGS__); break;                                             \
    case MOTE_UNARY_SILU: loop(MOTE_UNARY_SILU, __VA_ARGS__); break;                                                   \
    case MOTE_UNARY_GELU: loop(MOTE_UNARY_GELU, __VA_ARGS__); break;                                                   \
    default: loop(MOTE_UNARY_GELU_TANH, __VA_ARGS__); break;                                                           \
    }

static inline void map_unary(mote_unary op, size_t count, const float *x, float *y)
{
    WITH_UNARY(unary_loop, op, count, x, y)
}

static inline void map_unary_gradient(mote_unary op, size_t count, const float *x, const float *dy,
                                      float *dx){WITH_UNARY(unary_gradient_loop, op, count, x, dy, dx)}

INLINE lanes binary_value(mote_binary op, lanes a, lanes b)
{
    switch (op) {
    case MOTE_BINARY_ADD: return lanes_add(a, b);
    case MOTE_BINARY_SUBTRACT: return lanes_subtract(a, b);
    case MOTE_BINARY_MULTIPLY: return lanes_multiply(a, b);
    case MOTE_BINARY_DIVIDE: return lanes_divide(a, b);
    default: return map_maximum(a, b);
    }
}

INLINE void binary_steps(mote_binary op, size_t count, const float *a, size_t a_step, const float *b, size_t b_step,
                         float *y)
{
    if (count == 0) {
        return;
    }
    const lanes one_a = lanes_set(*a), one_b = lanes_set(*b);
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes value = binary_value(op, a_step ? row_load(a + i, n) : one_a, b_step ? row_load(b + i, n) : one_b);
        row_store(y + i, lanes_canonical(value), n);
    }
}

INLINE void binary_loop(mote_binary op, size_t count, const float *a, size_t a_step, const float *b, size_t b_step,
                        float *y)
{
    if (a_step && b_step) {
        binary_steps(op, count, a, 1, b, 1, y);
    } else if (a_step) {
        binary_steps(op, count, a, 1, b, 0, y);
    } else if (b_step) {
        binary_steps(op, count, a, 0, b, 1, y);
    } else {
        binary_steps(op, count, a, 0, b, 0, y);
    }
}

static inline void map_binary(mote_binary op, size_t count, const float *a, size_t a_step, const float *b,
                              size_t b_step, float *y)
{
    switch (op) {
    case MOTE_BINARY_ADD: binary_loop(MOTE_BINARY_ADD, count, a, a_step, b, b_step, y); break;
    case MOTE_BINARY_SUBTRACT: binary_loop(MOTE_BINARY_SUBTRACT, count, a, a_step, b, b_step, y); break;
    case MOTE_BINARY_MULTIPLY: binary_loop(MOTE_BINARY_MULTIPLY, count, a, a_step, b, b_step, y); break;
    case MOTE_BINARY_DIVIDE: binary_loop(MOTE_BINARY_DIVIDE, count, a, a_step, b, b_step, y); break;
    default: binary_loop(MOTE_BINARY_MAXIMUM, count, a, a_step, b, b_step, y); break;
    }
}

static inline void swiglu(size_t count, const float *gate, const float *up, float *y)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes value = lanes_multiply(silu(row_load(gate + i, n)), row_load(up + i, n));
        row_store(y + i, lanes_canonical(value), n);
    }
}

static inline void swiglu_gradient(size_t count, const float *gate, const float *up, const float *dy, float *dgate,
                                   float *dup)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes g = row_load(gate + i, n), u = row_load(up + i, n), d = row_load(dy + i, n);
        lanes_logistic_parts p = lanes_logistic(g);
        lanes s = lanes_divide(p.numerator, p.denominator), opposite = lanes_divide(p.opposite, p.denominator);
        lanes slope = lanes_multiply(s, lanes_fma(clamp(g, SILU_END), opposite, lanes_set(1)));
        lanes value = lanes_multiply(lanes_maximum(lanes_set(-SILU_END), g), s);
        row_store(dgate + i, lanes_canonical(lanes_multiply(lanes_multiply(d, u), slope)), n);
        row_store(dup + i, lanes_canonical(lanes_multiply(d, value)), n);
    }
}

/* random: this instruction set's words. */
static inline void dropout(mote_random_words_fn *random, size_t count, uint64_t seed, uint64_t position,
                           uint32_t threshold, float scale, const float *x, float *y)
{
    enum { WORDS = 1024 };
    uint32_t words[WORDS];
    for (size_t begin = 0; begin < count; begin += WORDS) {
        size_t here = mote_size_min(WORDS, count - begin);
        random(seed, position + begin, here, words);
        memset(words + here, 0, (WORDS - here) % LANES * sizeof *words); /* a last vector reads whole */
        for (size_t i = 0; i < here; i += LANES) {
            size_t n = mote_size_min(LANES, here - i);
            lanes kept = lanes_multiply(row_load(x + begin + i, n), lanes_set(scale));
            lanes_mask dropped = bits_less(bits_load(words + i), bits_set(threshold));
            row_store(y + begin + i, lanes_canonical(lanes_select(dropped, lanes_zero(), kept)), n);
        }
    }
}

static inline void rotary(size_t half, const float *cosine, const float *sine, float sign, const float *x, float *y)
{
    for (size_t i = 0; i < half; i += LANES) {
        size_t n = mote_size_min(LANES, half - i);
        lanes a = row_load(x + i, n), b = row_load(x + half + i, n);
        lanes c = row_load(cosine + i, n), s = lanes_multiply(lanes_set(sign), row_load(sine + i, n));
        row_store(y + i, lanes_canonical(lanes_fma(lanes_negate(s), b, lanes_multiply(a, c))), n);
        row_store(y + half + i, lanes_canonical(lanes_fma(s, a, lanes_multiply(b, c))), n);
    }
}
