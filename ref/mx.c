/* See mx.h. Every double here holds an exact value: FP32 numbers times powers of two, element values of at
 * most 11 bits, and midpoints of neighbouring elements. */
#include "mx.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Parameters as the tables of OCP MX v1.0 section 5.3 give them (bf16, fp16: IEEE 754 and its cousin). */
typedef struct element_type {
    int exponent_bits, mantissa_bits, bias;
    double largest; /* largest normal number */
    int emax;
    bool has_infinity, has_nan;
} element_type;

static element_type element_of(mote_format format)
{
    switch (format) {
    case MOTE_MXFP8_E5M2:
    case MOTE_FP8_E5M2: return (element_type){5, 2, 15, 57344, 15, true, true};
    case MOTE_MXFP8_E4M3:
    case MOTE_FP8_E4M3: return (element_type){4, 3, 7, 448, 8, false, true};
    case MOTE_MXFP6_E3M2:
    case MOTE_FP6_E3M2: return (element_type){3, 2, 3, 28, 4, false, false};
    case MOTE_MXFP6_E2M3:
    case MOTE_FP6_E2M3: return (element_type){2, 3, 1, 7.5, 2, false, false};
    case MOTE_MXFP4_E2M1:
    case MOTE_FP4_E2M1:
    case MOTE_NVFP4: return (element_type){2, 1, 1, 6, 2, false, false};
    case MOTE_BF16: return (element_type){8, 7, 127, 0x1.fep127, 127, true, true};
    case MOTE_FP16: return (element_type){5, 10, 15, 65504, 15, true, true};
    default: return (element_type){0, 6, 0, 127.0 / 64, 0, false, false}; /* mxint8 */
    }
}

static bool is_int8(mote_format format) { return format == MOTE_MXINT8; }

/* Value of a code without its sign; monotonic in the code up to the largest. */
static double magnitude_value(mote_format format, unsigned code)
{
    element_type e = element_of(format);
    if (is_int8(format)) {
        return code / 64.0;
    }
    unsigned field = code >> e.mantissa_bits, top = (1u << e.exponent_bits) - 1;
    double fraction = (double)(code & ((1u << e.mantissa_bits) - 1)) / (double)(1u << e.mantissa_bits);
    if (e.has_infinity && field == top) {
        return fraction == 0 ? INFINITY : NAN;
    }
    if (e.has_nan && !e.has_infinity && code == (1u << (e.exponent_bits + e.mantissa_bits)) - 1) {
        return NAN; /* E4M3: only S.1111.111 */
    }
    return field == 0 ? ldexp(fraction, 1 - e.bias) : ldexp(1 + fraction, (int)field - e.bias);
}

static int sign_bit(mote_format format)
{
    element_type e = element_of(format);
    return e.exponent_bits + e.mantissa_bits;
}

double ref_element_value(mote_format format, unsigned code)
{
    if (is_int8(format)) {
        return (code < 128 ? (double)code : (double)code - 256) / 64;
    }
    int at = sign_bit(format);
    double value = magnitude_value(format, code & ((1u << at) - 1));
    return code >> at & 1 ? -value : value;
}

/* The magnitudes of a format, decoded once a thread. */
typedef struct table {
    bool filled;
    unsigned largest; /* code of the largest finite magnitude */
    double values[1 << 15];
} table;

static const table *table_of(mote_format format)
{
    static _Thread_local table tables[MOTE_FORMAT_COUNT];
    table *t = &tables[format];
    if (!t->filled) {
        unsigned count = is_int8(format) ? 128u : 1u << sign_bit(format);
        for (unsigned code = 0; code < count; code++) {
            t->values[code] = magnitude_value(format, code);
            if (t->values[code] <= element_of(format).largest) { /* not so for NaN and infinity */
                t->largest = code;
            }
        }
        t->filled = true;
    }
    return t;
}

/* Neighbouring magnitude codes around size, and the fraction of the step at which size lies; false if it is at or above
 * the largest, which is then in *low. */
static bool neighbours(mote_format format, double size, unsigned *low, double *fraction)
{
    double largest = element_of(format).largest;
    const table *t = table_of(format);
    const double *values = t->values;
    unsigned high = t->largest;
    *low = high;
    if (size >= largest) {
        return false;
    }
    *low = 0;
    while (high - *low > 1) { /* value(low) <= size < value(high) */
        unsigned middle = (*low + high) / 2;
        if (values[middle] <= size) {
            *low = middle;
        } else {
            high = middle;
        }
    }
    double below = values[*low], above = values[high];
    *fraction = (size - below) / (above - below); /* a power of two apart: exact */
    return true;
}

uint32_t ref_fraction(mote_format format, double y)
{
    unsigned low;
    double fraction = 0;
    return neighbours(format, fabs(y), &low, &fraction) ? (uint32_t)floor(ldexp(fraction, 32)) : 0;
}

unsigned ref_encode(mote_format format, double y, mote_rounding rounding, uint32_t random)
{
    unsigned code;
    double fraction;
    if (neighbours(format, fabs(y), &code, &fraction)) {
        switch (rounding) {
        case MOTE_NEAREST_EVEN: code += fraction > 0.5 || (fraction == 0.5 && code % 2 == 1); break;
        case MOTE_NEAREST_AWAY: code += fraction >= 0.5; break;
        case MOTE_STOCHASTIC: code += random < floor(ldexp(fraction, 32)); break;
        default: break;
        }
    }
    if (!signbit(y)) {
        return code;
    }
    return is_int8(format) ? (256 - code) % 256 : code | 1u << sign_bit(format);
}

unsigned ref_block_scale(mote_format format, mote_scale_rule rule, int n, const float *x)
{
    element_type e = element_of(format);
    double largest = 0;
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return 255;
        }
        largest = fmax(largest, fabs((double)x[i]));
    }
    if (largest == 0) {
        return 0;
    }
    int exponent; /* largest = m * 2^exponent, 0.5 <= m < 1 */
    double m = frexp(largest, &exponent) * 2;
    exponent--;
    if (rule == MOTE_SCALE_EVEN) { /* round m to the mantissa's width; at 2 the exponent steps up */
        double unit = ldexp(1, -e.mantissa_bits);
        exponent += m >= 2 - unit / 2;
    } else if (rule == MOTE_SCALE_CEIL) { /* largest / element_type <= 2^k: the smallest such k, plus emax */
        exponent += m > ldexp(e.largest, -e.emax);
    }
    int biased = exponent - e.emax + 127;
    return (unsigned)(biased < 0 ? 0 : biased > 254 ? 254 : biased);
}

void ref_quantize_mx(mote_format format, const mote_quantize_options *options, int n, const float *x,
                     const uint32_t *random, uint8_t *codes, uint8_t *scale)
{
    *scale = (uint8_t)ref_block_scale(format, options->scale_rule, n, x);
    for (int i = 0; i < n; i++) {
        double y = *scale == 255 ? 0 : ldexp((double)x[i], 127 - *scale);
        codes[i] = (uint8_t)ref_encode(format, y, options->rounding, random ? random[i] : 0);
    }
}

void ref_nvfp4_scales(float largest, float *encode, float *decode)
{
    *encode = 1;
    if (largest > 0) {
        *encode = 2688.0f / largest; /* 6 * 448 */
        if (isinf(*encode)) {
            *encode = 0x1.fffffep127f;
        }
    }
    *decode = 1 / *encode;
}

void ref_quantize_nvfp4(mote_rounding rounding, float encode, float decode, int n, const float *x,
                        const uint32_t *random, uint8_t *codes, uint8_t *scale)
{
    float largest = 0;
    memset(codes, 0, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            *scale = 0x7F;
            return;
        }
        largest = fmaxf(largest, fabsf(x[i]));
    }
    float block_decode = largest / 6;
    float scaled = block_decode * encode;
    *scale = (uint8_t)ref_encode(MOTE_FP8_E4M3, (double)scaled, MOTE_NEAREST_EVEN, 0);
    float rounded = (float)ref_element_value(MOTE_FP8_E4M3, *scale);
    float product = rounded * decode;
    float block_encode = 1 / product;
    if (isinf(block_encode)) {
        block_encode = 0x1.fffffep127f;
    }
    for (int i = 0; i < n; i++) {
        float y = rounded == 0 ? copysignf(0, x[i]) : x[i] * block_encode;
        codes[i] = (uint8_t)ref_encode(MOTE_NVFP4, (double)y, rounding, random ? random[i] : 0);
    }
}

float ref_dequantize(mote_format format, unsigned code, unsigned scale, float tensor_scale)
{
    double value = ref_element_value(format, code);
    if (format == MOTE_NVFP4) {
        /* element_type * scale has at most 6 bits and the tensor scale 24: the product is exact in a double */
        return (float)(value * ref_element_value(MOTE_FP8_E4M3, scale) * (double)tensor_scale);
    }
    return scale == 255 ? NAN : (float)ldexp(value, (int)scale - 127);
}

unsigned ref_narrow(mote_format format, float x, mote_rounding rounding, uint32_t random)
{
    element_type e = element_of(format);
    unsigned sign = signbit(x) ? 0x8000u : 0, infinity = ((1u << e.exponent_bits) - 1) << e.mantissa_bits;
    if (isnan(x)) {
        return sign | infinity | 1u << (e.mantissa_bits - 1);
    }
    double size = fabs((double)x), unit = ldexp(1, e.emax - e.mantissa_bits);
    if (size < e.largest + unit) {
        /* below the number that would follow the largest: round between neighbours, infinity being one */
        if (size > e.largest) {
            double fraction = (size - e.largest) / unit;
            bool up = rounding == MOTE_STOCHASTIC ? random < floor(ldexp(fraction, 32))
                                                  : rounding != MOTE_TOWARD_ZERO && fraction >= 0.5;
            return sign | (infinity - !up); /* the largest code is odd: a tie goes up under both nearest rules */
        }
        return ref_encode(format, (double)x, rounding, random);
    }
    return sign | (isinf(x) || rounding != MOTE_TOWARD_ZERO ? infinity : infinity - 1);
}

float ref_widen(mote_format format, unsigned code) { return (float)ref_element_value(format, code); }

uint32_t ref_philox(uint64_t seed, uint64_t index)
{
    uint64_t group = index / 4;
    uint32_t c[4] = {(uint32_t)group, (uint32_t)(group >> 32), 0, 0};
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c[0], p1 = UINT64_C(0xCD9E8D57) * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k[1],
                            (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[index % 4];
}
