/* The family in portable C: the same operations in the same order, one value at a time. */
#include <math.h>

#include "kernels/kernels.h"

/* Bits of FP32 2^exponent, exponent within FP32's normal range. */
static float power(int exponent)
{
    return mote_bits_float((uint32_t)(exponent + MOTE_FP32_BIAS) << MOTE_FP32_MANTISSA_BITS);
}

static float block_sum(mote_gemm_kind kind, size_t steps, const uint8_t *row, const uint8_t *column, int32_t correction,
                       float start)
{
    int32_t integer = correction;
    float sum = start;
    for (size_t s = 0; s < steps; s++) {
        const uint8_t *a = row + 4 * s, *b = column + s * MOTE_GEMM_LINE;
        if (kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV) {
            for (int i = 0; i < 4; i++) {
                integer += (int8_t)a[i] * b[i];
            }
        } else if (kind == MOTE_GEMM_INT16) {
            int16_t x[2], y[2];
            memcpy(x, a, sizeof x);
            memcpy(y, b, sizeof y);
            integer += x[0] * y[0] + x[1] * y[1];
        } else if (kind == MOTE_GEMM_BF16) {
            uint32_t x, y;
            memcpy(&x, a, sizeof x);
            memcpy(&y, b, sizeof y);
            sum = fmaf(mote_bits_float(x & 0xFFFF0000u), mote_bits_float(y & 0xFFFF0000u), sum);
            sum = fmaf(mote_bits_float(x << 16), mote_bits_float(y << 16), sum);
        } else {
            float x, y;
            memcpy(&x, a, sizeof x);
            memcpy(&y, b, sizeof y);
            sum = fmaf(x, y, sum);
        }
    }
    bool integers = kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_INT16;
    return integers ? (float)integer : sum;
}

/* total + sum * scales, rounded once. */
static float add_block(bool nv, float total, float sum, int32_t scale_a, int32_t scale_b)
{
    if (nv) {
        return fmaf(sum, mote_bits_float((uint32_t)scale_a) * mote_bits_float((uint32_t)scale_b), total);
    }
    int a = scale_a >> MOTE_FP32_MANTISSA_BITS, b = scale_b >> MOTE_FP32_MANTISSA_BITS;
    if (a == MOTE_GEMM_FIELD_NAN || b == MOTE_GEMM_FIELD_NAN) {
        return mote_bits_float(MOTE_FP32_NAN);
    }
    int exponent = a + b - MOTE_FP32_BIAS;
    exponent = exponent < MOTE_GEMM_POWER_LOWEST ? MOTE_GEMM_POWER_LOWEST : exponent;
    exponent = exponent > MOTE_GEMM_POWER_HIGHEST ? MOTE_GEMM_POWER_HIGHEST : exponent;
    int normal = exponent < -126 ? -126 : exponent > MOTE_FP32_BIAS ? MOTE_FP32_BIAS : exponent;
    return fmaf(sum * power(exponent - normal), power(normal), total);
}

void mote_gemm_tile__c(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks, const mote_gemm_rows *a,
                       const mote_gemm_columns *b, const mote_gemm_ahead *ahead, float *sums)
{
    (void)careful, (void)ahead; /* it always is, and asks for nothing */
    bool nv = mote_gemm_is_nv(kind), corrected = kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV;
    size_t steps = mote_gemm_steps(kind) >> nv;
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < panels * MOTE_GEMM_PANEL; c++) {
            int panel = c / MOTE_GEMM_PANEL, lane = c % MOTE_GEMM_PANEL;
            const uint8_t *column = b->values + (size_t)panel * b->stride + 4 * (size_t)lane;
            const uint8_t *row = a->values + (ptrdiff_t)r * (ptrdiff_t)a->stride;
            float *sum_of_all = sums + panel / 2 * MOTE_GEMM_PIECE + r * MOTE_GEMM_WIDTH + c % MOTE_GEMM_WIDTH;
            float total = *sum_of_all;
            for (size_t block = 0; block < blocks; block++) {
                size_t at = (size_t)r * a->scale_stride + block;
                const uint8_t *x = row + 4 * steps * block, *y = column + steps * block * MOTE_GEMM_LINE;
                if (kind == MOTE_GEMM_PLAIN) {
                    total = block_sum(kind, steps, x, y, 0, total);
                    continue;
                }
                float sum = block_sum(kind, steps, x, y, corrected ? a->corrections[at] : 0, 0);
                total = add_block(nv, total, sum, a->scales[at],
                                  b->scales[(size_t)panel * b->scale_stride + block * MOTE_GEMM_PANEL + (size_t)lane]);
            }
            *sum_of_all = total;
        }
    }
}

/* An element as the kind's arithmetic wants it: an integer, or FP32 bits. */
static int32_t expand_one(mote_gemm_kind kind, const mote_element *element, uint32_t code)
{
    float value = mote_decode_element(element, code) * power(mote_gemm_fraction(kind, element));
    bool integers = kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_INT16;
    uint32_t word = mote_float_bits(value);
    return integers ? (int32_t)value : (int32_t)(kind == MOTE_GEMM_BF16 ? word >> 16 : word);
}

void mote_gemm_expand_row__c(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *line,
                             void *row, int32_t *corrections)
{
    size_t bytes = mote_gemm_steps(kind) * 4 / MOTE_MX_BLOCK;
    size_t part = kind == MOTE_GEMM_INT8_NV ? MOTE_NVFP4_BLOCK : MOTE_MX_BLOCK;
    for (size_t i = 0; i < count; i++) {
        int32_t value = expand_one(kind, element, mote_unpack_code(line, element->bits, i));
        memcpy((uint8_t *)row + mote_gemm_place(kind, i) * bytes, &value, bytes); /* little-endian: the low bytes */
        if (bytes == 1) {
            corrections[i / part] = (i % part ? corrections[i / part] : 0) - MOTE_GEMM_OFFSET * value;
        }
    }
}

/* Packs one code of 4, 6 or 8 bits: code line j, byte of it. See expand_body.h. */
static void pack_code(int bits, size_t j, size_t byte, uint32_t code, uint8_t *block)
{
    if (bits == 8) {
        block[j * MOTE_GEMM_LINE + byte] = (uint8_t)code;
    } else if (bits == 4) {
        block[j / 2 * MOTE_GEMM_LINE + byte] |= (uint8_t)(code << 4 * (j % 2));
    } else if (j % 4 < 3) {
        block[(j / 4 * 3 + j % 4) * MOTE_GEMM_LINE + byte] |= (uint8_t)code;
    } else {
        for (size_t i = 0; i < 3; i++) {
            block[(j / 4 * 3 + i) * MOTE_GEMM_LINE + byte] |= (uint8_t)((code >> 2 * i & 3) << 6);
        }
    }
}

static uint32_t unpack_code(int bits, size_t j, size_t byte, const uint8_t *block)
{
    if (bits == 8) {
        return block[j * MOTE_GEMM_LINE + byte];
    }
    if (bits == 4) {
        return block[j / 2 * MOTE_GEMM_LINE + byte] >> 4 * (j % 2) & 0xF;
    }
    if (j % 4 < 3) {
        return block[(j / 4 * 3 + j % 4) * MOTE_GEMM_LINE + byte] & 0x3F;
    }
    uint32_t code = 0;
    for (size_t i = 0; i < 3; i++) {
        code |= (uint32_t)(block[(j / 4 * 3 + i) * MOTE_GEMM_LINE + byte] >> 6) << 2 * i;
    }
    return code;
}

void mote_gemm_pack_panel__c(const mote_element *element, size_t count, int lines, const uint8_t *line, size_t stride,
                             uint8_t *packed)
{
    size_t bits = element ? (size_t)element->bits : 32;
    memset(packed, 0, count * bits * 2);
    for (size_t c = 0; c < (size_t)lines; c++) {
        const uint8_t *from = line + c * stride;
        for (size_t w = 0; w < count * bits / 32 && bits > 8; w++) {
            memcpy(packed + w * MOTE_GEMM_LINE + 4 * c, from + 4 * w, 4);
        }
        for (size_t i = 0; i < count && bits <= 8; i++) {
            size_t block = i / MOTE_MX_BLOCK, k = i % MOTE_MX_BLOCK;
            pack_code((int)bits, k / 4, 4 * c + k % 4, mote_unpack_code(from, (int)bits, i),
                      packed + block * bits * MOTE_GEMM_LINE);
        }
    }
}

void mote_gemm_expand_panel__c(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *packed,
                               void *panel)
{
    size_t bits = (size_t)element->bits, bytes = mote_gemm_steps(kind) * 4 / MOTE_MX_BLOCK;
    for (size_t c = 0; c < MOTE_GEMM_PANEL; c++) {
        for (size_t i = 0; i < count; i++) {
            size_t block = i / MOTE_MX_BLOCK, k = i % MOTE_MX_BLOCK, byte = mote_gemm_place(kind, i) * bytes;
            uint32_t code;
            int32_t value;
            if (bits == 16) {
                uint16_t half;
                memcpy(&half, packed + i / 2 * MOTE_GEMM_LINE + 4 * c + 2 * (i % 2), sizeof half);
                code = half;
            } else {
                code = unpack_code((int)bits, k / 4, 4 * c + k % 4, packed + block * bits * MOTE_GEMM_LINE);
            }
            value = expand_one(kind, element, code);
            if (bytes == 1) {
                value ^= 0x80;
            }
            memcpy((uint8_t *)panel + byte / 4 * MOTE_GEMM_LINE + 4 * c + byte % 4, &value, bytes);
        }
    }
}

void mote_gemm_expand_scales__c(bool nv, int field, size_t count, const uint8_t *bytes, int32_t *scales)
{
    const mote_element *e4m3 = mote_element_get(MOTE_MXFP8_E4M3);
    for (size_t i = 0; i < count; i++) {
        scales[i] = nv ? (int32_t)mote_float_bits(mote_decode_element(e4m3, bytes[i]))
                       : (bytes[i] == MOTE_E8M0_NAN ? MOTE_GEMM_FIELD_NAN : bytes[i] + field) * MOTE_FP32_IMPLIED_ONE;
    }
}

void mote_gemm_finish__c(int rows, size_t columns, const float *sums, mote_gemm_scale scale, const float *bias,
                         bool add, float *y, ptrdiff_t stride)
{
    for (int r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            float *to = y + r * stride + c, value = sums[(size_t)r * MOTE_GEMM_WIDTH + c];
            value = value * scale.fraction * scale.first * scale.second;
            value = bias ? value + bias[c] : value;
            value = add ? *to + value : value;
            *to = value == value ? value : mote_bits_float(MOTE_FP32_NAN);
        }
    }
}

void mote_gemm_few__c(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                      const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    size_t parts = mote_gemm_is_nv(kind) ? 2 : 1, row_bytes = mote_gemm_steps(kind) * 4;
    for (size_t i = 0; i < (size_t)panels * blocks; i++) { /* a block at a time, so that a small area is enough */
        size_t panel = i / blocks, block = i % blocks;
        uint8_t values[MOTE_MX_BLOCK * MOTE_GEMM_LINE];
        int32_t scales[2 * MOTE_GEMM_PANEL];
        mote_gemm_rows rest = {a->values + block * row_bytes, a->stride, a->scales + block * parts,
                               a->corrections + block * parts, a->scale_stride};
        mote_gemm_columns columns = {values, 0, scales, 0};
        mote_gemm_expand_panel__c(kind, element, MOTE_MX_BLOCK,
                                  b->codes + panel * b->stride + block * (size_t)element->bits * MOTE_GEMM_LINE,
                                  values);
        mote_gemm_expand_scales__c(parts == 2, b->field, parts * MOTE_GEMM_PANEL,
                                   b->scales + panel * b->scale_stride + block * parts * MOTE_GEMM_PANEL, scales);
        mote_gemm_tile__c(kind, false, rows, 1, parts, &rest, &columns, NULL, sums + panel * MOTE_GEMM_PANEL);
    }
}
