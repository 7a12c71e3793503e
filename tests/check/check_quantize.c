/* Family quantize against ref/: every block format, rounding and scale rule. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "mx.h"

enum { X, RANDOM, ELEMENTS, SCALES, EXPECTED_ELEMENTS, EXPECTED_SCALES, MAXIMA };

static const mote_format formats[] = {MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_MXFP6_E3M2, MOTE_MXFP6_E2M3,
                                      MOTE_MXFP4_E2M1, MOTE_MXINT8,     MOTE_NVFP4};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static mote_block_spec make_spec(mote_format format, const mote_quantize_options *options, float largest)
{
    mote_block_spec spec = {.element = mote_element_get(format),
                            .block = mote_format_get(format)->block_length,
                            .rounding = options->rounding,
                            .increment = mote_scale_increment(mote_element_get(format), options->scale_rule),
                            .tensor_scale = 1,
                            .encode_scale = 1};
    if (format == MOTE_NVFP4) {
        ref_nvfp4_scales(largest, &spec.encode_scale, &spec.tensor_scale);
    }
    return spec;
}

static float largest_finite(size_t count, const float *x)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = isfinite(x[i]) && fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    }
    return largest;
}

/* Reference bytes of one block: padded codes, packed. */
static void reference_block(mote_format format, const mote_quantize_options *options, const mote_block_spec *spec,
                            int n, const float *x, const uint32_t *random, uint8_t *elements, uint8_t *scale)
{
    uint8_t codes[32] = {0};
    if (format == MOTE_NVFP4) {
        ref_quantize_nvfp4(options->rounding, spec->encode_scale, spec->tensor_scale, n, x, random, codes, scale);
    } else {
        ref_quantize_mx(format, options, n, x, random, codes, scale);
    }
    int bits = mote_format_get(format)->element_bits, block = mote_format_get(format)->block_length;
    memset(elements, 0, (size_t)(block * bits / 8));
    for (int i = 0; i < block; i++) { /* from the least significant bit up, one bit at a time */
        for (int b = 0; b < bits; b++) {
            int at = i * bits + b;
            elements[at / 8] |= (uint8_t)((codes[i] >> b & 1) << at % 8);
        }
    }
}

static void explain(const char *where, mote_format format, const mote_quantize_options *options, size_t count)
{
    check_fail("%s differ: %s, %s, %s, %zu values", where, mote_format_get(format)->name,
               mote_rounding_name(options->rounding), mote_scale_rule_name(options->scale_rule), count);
}

static void check_rows_once(const check_kernel *kernel, mote_format format, const mote_quantize_options *options,
                            size_t count)
{
    const mote_format_traits *traits = mote_format_get(format);
    size_t block = (size_t)traits->block_length, blocks = (count + block - 1) / block;
    size_t bytes = (size_t)traits->block_bytes;
    bool stochastic = options->rounding == MOTE_STOCHASTIC;
    float *x = check_buffer(X, count * sizeof *x);
    uint32_t *random = stochastic ? check_buffer(RANDOM, count * sizeof *random) : NULL;
    uint8_t *elements = check_buffer(ELEMENTS, blocks * bytes), *scales = check_buffer(SCALES, blocks);
    uint8_t *expected = check_buffer(EXPECTED_ELEMENTS, blocks * bytes);
    uint8_t *expected_scales = check_buffer(EXPECTED_SCALES, blocks);
    check_values(x, count);
    for (size_t i = 0; stochastic && i < count; i++) {
        random[i] = check_random();
    }
    mote_block_spec spec = make_spec(format, options, largest_finite(count, x));
    for (size_t b = 0; b < blocks; b++) {
        size_t n = count - b * block < block ? count - b * block : block;
        reference_block(format, options, &spec, (int)n, x + b * block, random ? random + b * block : NULL,
                        expected + b * bytes, expected_scales + b);
    }
    ((mote_quantize_rows_fn *)kernel->function)(&spec, count, x, random, elements, scales);
    if (memcmp(scales, expected_scales, blocks) != 0) {
        explain("scales", format, options, count);
    }
    if (memcmp(elements, expected, blocks * bytes) != 0) {
        explain("elements", format, options, count);
    }
    if (!check_intact(ELEMENTS) || !check_intact(SCALES)) {
        explain("bytes in front", format, options, count);
    }
}

static uint32_t column_maximum(size_t length, const float *x, size_t ldx)
{
    uint32_t largest = 0;
    for (size_t r = 0; r < length; r++) {
        uint32_t bits;
        memcpy(&bits, x + r * ldx, sizeof bits);
        bits &= 0x7FFFFFFF;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

void check_column_maxima(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        size_t length = 1 + check_below(40), ldx = count + check_below(3);
        float *x = check_buffer(X, ((length - 1) * ldx + count) * sizeof *x);
        uint32_t *maxima = check_buffer(MAXIMA, count * sizeof *maxima);
        check_values(x, (length - 1) * ldx + count);
        ((mote_column_maxima_fn *)kernel->function)(length, count, x, (ptrdiff_t)ldx, maxima);
        for (size_t c = 0; c < count; c++) {
            if (maxima[c] != column_maximum(length, x + c, ldx)) {
                check_fail("column %zu of %zu, %zu rows: %#x", c, count, length, maxima[c]);
                break;
            }
        }
        if (!check_intact(MAXIMA)) {
            check_fail("bytes in front, %zu columns", count);
        }
    }
}

static void check_columns_once(const check_kernel *kernel, mote_format format, const mote_quantize_options *options,
                               size_t length, size_t count)
{
    const mote_format_traits *traits = mote_format_get(format);
    size_t bytes = (size_t)traits->block_bytes, ldx = count + check_below(3);
    size_t element_stride = bytes * (1 + check_below(3)), scale_stride = 1 + check_below(3);
    size_t size = length ? (length - 1) * ldx + count : 0;
    size_t plane = count ? (count - 1) * element_stride + bytes : 0,
           plane_scales = count ? (count - 1) * scale_stride + 1 : 0;
    bool stochastic = options->rounding == MOTE_STOCHASTIC;
    float *x = check_buffer(X, size * sizeof *x);
    uint32_t *random = stochastic ? check_buffer(RANDOM, length * count * sizeof *random) : NULL;
    uint8_t *elements = check_buffer(ELEMENTS, plane), *scales = check_buffer(SCALES, plane_scales);
    uint8_t *expected = check_buffer(EXPECTED_ELEMENTS, plane);
    uint8_t *expected_scales = check_buffer(EXPECTED_SCALES, plane_scales);
    check_values(x, size);
    for (size_t i = 0; stochastic && i < length * count; i++) {
        random[i] = check_random();
    }
    mote_block_spec spec = make_spec(format, options, largest_finite(size, x));
    uint32_t *maxima = check_buffer(MAXIMA, count * sizeof *maxima);
    for (size_t c = 0; c < count; c++) {
        float column[32];
        uint32_t words[32];
        maxima[c] = column_maximum(length, x + c, ldx);
        for (size_t r = 0; r < length; r++) {
            column[r] = x[r * ldx + c];
            words[r] = random ? random[r * count + c] : 0;
        }
        reference_block(format, options, &spec, (int)length, column, words, expected + c * element_stride,
                        expected_scales + c * scale_stride);
    }
    ((mote_quantize_columns_fn *)kernel->function)(&spec, length, count, x, x, (ptrdiff_t)ldx, maxima, random, elements,
                                                   element_stride, scales, scale_stride);
    if (memcmp(scales, expected_scales, plane_scales) != 0 || memcmp(elements, expected, plane) != 0) {
        explain("planes", format, options, length * count);
    }
    if (!check_intact(ELEMENTS) || !check_intact(SCALES)) {
        explain("bytes in front", format, options, length * count);
    }
}

void check_quantize_rows(const check_kernel *kernel)
{
    for (int f = 0; f < FORMATS; f++) {
        mote_quantize_options plain = {MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
        for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
            check_rows_once(kernel, formats[f], &plain, count);
        }
        for (int i = 0; i < 600; i++) {
            mote_quantize_options options = {(mote_rounding)(i % MOTE_ROUNDING_COUNT),
                                             (mote_scale_rule)(i / MOTE_ROUNDING_COUNT % MOTE_SCALE_RULE_COUNT), 0};
            check_rows_once(kernel, formats[f], &options, check_below(4 * kernel->tile + 4));
        }
    }
}

void check_quantize_columns(const check_kernel *kernel)
{
    for (int f = 0; f < FORMATS; f++) {
        size_t block = (size_t)mote_format_get(formats[f])->block_length;
        for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
            for (int i = 0; i < MOTE_ROUNDING_COUNT * MOTE_SCALE_RULE_COUNT; i++) {
                mote_quantize_options options = {(mote_rounding)(i % MOTE_ROUNDING_COUNT),
                                                 (mote_scale_rule)(i / MOTE_ROUNDING_COUNT), 0};
                size_t length = check_below(3) ? 1 + check_below(block) : block;
                check_columns_once(kernel, formats[f], &options, length, count);
            }
        }
    }
}

/* Equal bits, and every NaN the same NaN. */
static bool same_float(float a, float b)
{
    uint32_t x, y, nan = 0x7FC00000;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return isnan(b) ? x == nan : x == y;
}

static void random_bytes(uint8_t *p, size_t count, bool extreme)
{
    static const uint8_t special[] = {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF};
    for (size_t i = 0; i < count; i++) {
        p[i] = (uint8_t)(extreme && check_below(2) ? special[check_below(sizeof special)] : check_random());
    }
}

static unsigned code_at(const uint8_t *elements, int bits, size_t index)
{
    unsigned code = 0;
    for (int b = 0; b < bits; b++) {
        size_t at = index * (size_t)bits + (size_t)b;
        code |= (unsigned)(elements[at / 8] >> at % 8 & 1) << b;
    }
    return code;
}

static mote_block_spec decode_spec(mote_format format)
{
    static const float tensor_scales[] = {1, 0.37f, 0x1p-120f, 0x1.8p100f, 0, INFINITY, -NAN};
    mote_quantize_options options = {MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
    mote_block_spec spec = make_spec(format, &options, 1);
    spec.tensor_scale = format == MOTE_NVFP4 ? tensor_scales[check_below(7)] : 1;
    spec.stream = check_below(2);
    return spec;
}

void check_dequantize_rows(const check_kernel *kernel)
{
    for (int f = 0; f < FORMATS; f++) {
        const mote_format_traits *traits = mote_format_get(formats[f]);
        size_t block = (size_t)traits->block_length, bytes = (size_t)traits->block_bytes;
        for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
            size_t blocks = (count + block - 1) / block;
            uint8_t *elements = check_buffer(ELEMENTS, blocks * bytes), *scales = check_buffer(SCALES, blocks);
            float *y = check_buffer(X, count * sizeof *y);
            random_bytes(elements, blocks * bytes, check_below(4) == 0);
            random_bytes(scales, blocks, check_below(2) == 0);
            mote_block_spec spec = decode_spec(formats[f]);
            ((mote_dequantize_rows_fn *)kernel->function)(&spec, count, elements, scales, y);
            for (size_t i = 0; i < count; i++) {
                unsigned code = code_at(elements + i / block * bytes, traits->element_bits, i % block);
                float expected = ref_dequantize(formats[f], code, scales[i / block], spec.tensor_scale);
                if (!same_float(y[i], expected)) {
                    check_fail("%s: value %zu of %zu, code %#x, scale %#x: %a, expected %a", traits->name, i, count,
                               code, scales[i / block], (double)y[i], (double)expected);
                    break;
                }
            }
            if (!check_intact(X)) {
                check_fail("%s: bytes in front, %zu values", traits->name, count);
            }
        }
    }
}

void check_dequantize_columns(const check_kernel *kernel)
{
    for (int f = 0; f < FORMATS; f++) {
        const mote_format_traits *traits = mote_format_get(formats[f]);
        size_t block = (size_t)traits->block_length, bytes = (size_t)traits->block_bytes;
        for (size_t count = 1; count <= 4 * kernel->tile + 3; count++) {
            size_t length = check_below(2) ? block : 1 + check_below(block);
            size_t ldy = check_below(2) ? count + check_below(3) : (count + 15) / 16 * 16;
            size_t element_stride = bytes * (1 + check_below(3)), scale_stride = 1 + check_below(3);
            size_t plane = (count - 1) * element_stride + bytes, plane_scales = (count - 1) * scale_stride + 1;
            uint8_t *elements = check_buffer(ELEMENTS, plane), *scales = check_buffer(SCALES, plane_scales);
            float *y = check_buffer(X, ((length - 1) * ldy + count) * sizeof *y);
            random_bytes(elements, plane, check_below(4) == 0);
            random_bytes(scales, plane_scales, check_below(2) == 0);
            mote_block_spec spec = decode_spec(formats[f]);
            ((mote_dequantize_columns_fn *)kernel->function)(&spec, length, count, elements, element_stride, scales,
                                                             scale_stride, y, (ptrdiff_t)ldy);
            for (size_t i = 0; i < length * count; i++) {
                size_t r = i / count, c = i % count;
                unsigned code = code_at(elements + c * element_stride, traits->element_bits, r);
                float expected = ref_dequantize(formats[f], code, scales[c * scale_stride], spec.tensor_scale);
                if (!same_float(y[r * ldy + c], expected)) {
                    check_fail("%s: row %zu of %zu, column %zu of %zu: %a, expected %a", traits->name, r, length, c,
                               count, (double)y[r * ldy + c], (double)expected);
                    break;
                }
            }
            for (size_t r = 0; r + 1 < length; r++) {
                if (!check_untouched(y + r * ldy + count, (ldy - count) * sizeof *y)) {
                    check_fail("%s: values beyond column %zu of row %zu were written", traits->name, count, r);
                    break;
                }
            }
            if (!check_intact(X)) {
                check_fail("%s: bytes in front, %zu x %zu values", traits->name, length, count);
            }
        }
    }
}

void check_largest_magnitude(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        float *x = check_buffer(X, count * sizeof *x), largest = largest_finite(0, x);
        check_values(x, count);
        largest = largest_finite(count, x);
        uint32_t bits, found = ((mote_largest_magnitude_fn *)kernel->function)(count, x);
        memcpy(&bits, &largest, sizeof bits);
        if (found != bits) {
            check_fail("%zu values: %#x, expected %#x", count, found, bits);
        }
    }
}

/* Timings: 64 x 1024 values, 256 KiB of FP32, which stay in the L2 cache. */
enum { ROWS = 64, WIDTH = 1024 };

typedef struct timing {
    const check_kernel *kernel;
    mote_block_spec spec;
    float *x;
    uint32_t *random, *maxima;
    uint8_t *elements, *scales;
    size_t line_bytes, blocks;
} timing;

static void call_quantize_rows(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_quantize_rows_fn *)t->kernel->function)(&t->spec, WIDTH, t->x + r * WIDTH, t->random,
                                                       t->elements + r * t->line_bytes, t->scales + r * t->blocks);
    }
}

static void call_dequantize_rows(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_dequantize_rows_fn *)t->kernel->function)(&t->spec, WIDTH, t->elements + r * t->line_bytes,
                                                         t->scales + r * t->blocks, t->x + r * WIDTH);
    }
}

static void call_quantize_columns(void *argument)
{
    const timing *t = argument;
    size_t block = (size_t)t->spec.block, bytes = block * (size_t)t->spec.element->bits / 8;
    for (size_t r = 0; r < ROWS; r += block) {
        ((mote_quantize_columns_fn *)t->kernel->function)(&t->spec, block, WIDTH, t->x + r * WIDTH, t->x + r * WIDTH,
                                                          WIDTH, t->maxima, t->random, t->elements + r / block * bytes,
                                                          ROWS / block * bytes, t->scales + r / block, ROWS / block);
    }
}

static void call_dequantize_columns(void *argument)
{
    const timing *t = argument;
    size_t block = (size_t)t->spec.block, bytes = block * (size_t)t->spec.element->bits / 8;
    for (size_t r = 0; r < ROWS; r += block) {
        ((mote_dequantize_columns_fn *)t->kernel->function)(&t->spec, block, WIDTH, t->elements + r / block * bytes,
                                                            ROWS / block * bytes, t->scales + r / block, ROWS / block,
                                                            t->x + r * WIDTH, WIDTH);
    }
}

static void time_all(const check_kernel *kernel, void (*call)(void *), bool quantizing)
{
    for (int f = 0; f < FORMATS; f++) {
        for (int rounding = 0; rounding < (quantizing ? MOTE_ROUNDING_COUNT : 1); rounding++) {
            mote_quantize_options options = {(mote_rounding)rounding, MOTE_SCALE_FLOOR, 0};
            timing t = {.kernel = kernel, .spec = make_spec(formats[f], &options, 1)};
            char what[64];
            t.x = check_buffer(X, ROWS * WIDTH * sizeof(float));
            t.random = check_buffer(RANDOM, ROWS * WIDTH * sizeof(uint32_t));
            t.random = rounding == MOTE_STOCHASTIC ? t.random : NULL;
            t.line_bytes = (size_t)(WIDTH / t.spec.block * mote_format_get(formats[f])->block_bytes);
            t.blocks = (size_t)(WIDTH / t.spec.block);
            t.elements = check_buffer(ELEMENTS, ROWS * t.line_bytes);
            t.scales = check_buffer(SCALES, ROWS * t.blocks);
            t.maxima = check_buffer(MAXIMA, WIDTH * sizeof(uint32_t));
            check_values_of(0, t.x, ROWS * WIDTH);
            mote_column_maxima__c(ROWS, WIDTH, t.x, WIDTH, t.maxima);
            memset(t.scales, 0x38, ROWS * t.blocks);
            snprintf(what, sizeof what, "%s %s", mote_format_get(formats[f])->name,
                     quantizing ? mote_rounding_name((mote_rounding)rounding) : "");
            check_time(what, ROWS * WIDTH * sizeof(float), call, &t);
        }
    }
}

void time_quantize_rows(const check_kernel *kernel) { time_all(kernel, call_quantize_rows, true); }

void time_quantize_columns(const check_kernel *kernel) { time_all(kernel, call_quantize_columns, true); }

void time_dequantize_rows(const check_kernel *kernel) { time_all(kernel, call_dequantize_rows, false); }

void time_dequantize_columns(const check_kernel *kernel) { time_all(kernel, call_dequantize_columns, false); }

static void call_largest(void *argument)
{
    const timing *t = argument;
    volatile uint32_t sink = ((mote_largest_magnitude_fn *)t->kernel->function)(ROWS * WIDTH, t->x);
    (void)sink;
}

void time_largest_magnitude(const check_kernel *kernel)
{
    timing t = {.kernel = kernel, .x = check_buffer(X, ROWS * WIDTH * sizeof(float))};
    check_values_of(0, t.x, ROWS * WIDTH);
    check_time("", ROWS * WIDTH * sizeof(float), call_largest, &t);
}

static void call_maxima(void *argument)
{
    const timing *t = argument;
    ((mote_column_maxima_fn *)t->kernel->function)(ROWS, WIDTH, t->x, WIDTH, t->maxima);
}

void time_column_maxima(const check_kernel *kernel)
{
    timing t = {.kernel = kernel, .x = check_buffer(X, ROWS * WIDTH * sizeof(float))};
    t.maxima = check_buffer(MAXIMA, WIDTH * sizeof(uint32_t));
    check_values_of(0, t.x, ROWS * WIDTH);
    check_time("", ROWS * WIDTH * sizeof(float), call_maxima, &t);
}
