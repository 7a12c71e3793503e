/* From codes to what tiles take. */
#include "kernels/gemm/expand.h"

#include <math.h>

enum { ROW_PADDING = 64 }; /* between expanded rows, so that they do not share cache sets */

size_t mote_gemm_row_bytes(mote_gemm_kind kind, size_t blocks)
{
    return blocks * mote_gemm_steps(kind) * 4 + ROW_PADDING;
}

/* What stands for the scales of a side without blocks: one. */
static void unit_scales(mote_gemm_kind kind, int bias, size_t count, int32_t *scales)
{
    int field = mote_gemm_is_nv(kind) ? MOTE_FP32_BIAS : bias;
    for (size_t i = 0; i < count; i++) {
        scales[i] = field << MOTE_FP32_MANTISSA_BITS;
    }
}

/* ---- rows ---- */

/* Scales of rows as the tile takes them. Those of rows that follow one another without a gap are made together. */
static void expand_scales(const mote_kernels *kernels, mote_gemm_kind kind, const mote_element *element,
                          const mote_gemm_lines *lines, size_t count, size_t blocks, int32_t *scales)
{
    if (!lines->scales) {
        unit_scales(kind, MOTE_GEMM_ROW_BIAS, count * blocks, scales);
        return;
    }
    int field = -MOTE_GEMM_COLUMN_BIAS - mote_gemm_fraction(kind, element);
    bool together = lines->scale_stride == blocks;
    for (size_t l = 0; l < (together ? 1 : count); l++) {
        kernels->gemm_expand_scales(mote_gemm_is_nv(kind), field, together ? count * blocks : blocks,
                                    lines->scales + l * lines->scale_stride, scales + l * blocks);
    }
}

/* The range of a row's scales; bytes NULL: of ones. */
static void find_range(const uint8_t *bytes, size_t blocks, uint8_t *range)
{
    uint8_t lowest = bytes ? bytes[0] : MOTE_FP32_BIAS, highest = lowest;
    for (size_t b = 1; bytes && b < blocks; b++) {
        lowest = bytes[b] < lowest ? bytes[b] : lowest;
        highest = bytes[b] > highest ? bytes[b] : highest;
    }
    range[0] = lowest;
    range[1] = highest;
}

/* Blocks of zeros have the smallest scale there is; they get the row's largest instead, for 0 times it is still 0. */
static void lift_zeros(mote_gemm_kind kind, const mote_element *element, const uint8_t *line, const uint8_t *bytes,
                       size_t blocks, int32_t *scales, uint8_t *range)
{
    uint8_t lowest = MOTE_E8M0_NAN;
    int lift = range[1] < MOTE_E8M0_NAN && range[1] > 0 ? range[1] : MOTE_FP32_BIAS;
    int field = lift - MOTE_GEMM_COLUMN_BIAS - mote_gemm_fraction(kind, element);
    for (size_t b = 0; b < blocks; b++) {
        if (bytes[b] == 0 && mote_gemm_block_is_zero(element, line + b * (size_t)element->bits * MOTE_MX_BLOCK / 8)) {
            scales[b] = field * MOTE_FP32_IMPLIED_ONE;
            lowest = lift < lowest ? (uint8_t)lift : lowest;
        } else {
            lowest = bytes[b] < lowest ? bytes[b] : lowest;
        }
    }
    range[0] = lowest;
    range[1] = range[1] > lift ? range[1] : (uint8_t)lift;
}

void mote_gemm_expand_rows(const mote_kernels *kernels, mote_gemm_kind kind, const mote_gemm_source *source,
                           const mote_gemm_lines *lines, size_t count, bool in_place, const mote_gemm_row_area *area,
                           size_t row)
{
    const mote_element *element = source->element;
    size_t padded = area->blocks * MOTE_MX_BLOCK, blocks = area->blocks * mote_gemm_parts(kind);
    if (kind != MOTE_GEMM_PLAIN) {
        expand_scales(kernels, kind, element, lines, count, blocks, area->scales + row * blocks);
    }
    for (size_t l = 0; l < count; l++) {
        const uint8_t *line = lines->elements + l * lines->stride;
        uint8_t *to = area->values + (row + l) * area->stride, *range = area->ranges + 2 * (row + l);
        int32_t *scales = area->scales + (row + l) * blocks;
        const uint8_t *bytes = lines->scales ? lines->scales + l * lines->scale_stride : NULL;
        if (in_place) {
            /* nothing to do */
        } else if (!element) {
            memcpy(to, line, padded * sizeof(float));
        } else if (element->bits == 16) {
            kernels->widen(source->format, padded, (const uint16_t *)(const void *)line, (float *)(void *)to);
        } else {
            kernels->gemm_expand_row(kind, element, padded, line, to, area->corrections + (row + l) * blocks);
        }
        if (kind != MOTE_GEMM_PLAIN) {
            find_range(bytes, blocks, range);
        }
        if (bytes && !mote_gemm_is_nv(kind) && range[0] == 0) {
            lift_zeros(kind, element, line, bytes, blocks, scales, range);
        }
    }
}

/* ---- columns ---- */

mote_gemm_columns mote_gemm_expand_columns(const mote_kernels *kernels, mote_gemm_kind kind,
                                           const mote_gemm_packed *packed, size_t segment, size_t panel, size_t panels,
                                           size_t first, size_t blocks, uint8_t *values, int32_t *scales)
{
    const mote_gemm_packed *p = packed;
    size_t bytes = blocks * mote_gemm_steps(kind) * MOTE_GEMM_LINE;
    size_t there = mote_size_min(MOTE_GEMM_SEGMENT_BLOCKS, p->blocks - segment * MOTE_GEMM_SEGMENT_BLOCKS);
    mote_gemm_columns out = {values, bytes, scales, blocks * mote_gemm_parts(kind) * MOTE_GEMM_PANEL};
    for (size_t i = 0; i < panels; i++) {
        size_t before = mote_gemm_blocks_before(p, panel + i, segment) + first;
        const uint8_t *codes = p->codes + before * p->block_codes;
        int32_t *to = scales + i * out.scale_stride;
        if (!p->element) { /* FP32 is what the tile takes */
            out.values = i ? out.values : codes;
            out.stride = there * p->block_codes;
        } else {
            kernels->gemm_expand_panel(kind, p->element, blocks * MOTE_MX_BLOCK, codes, values + i * bytes);
        }
        if (!mote_format_is_block(p->format)) {
            unit_scales(kind, MOTE_GEMM_COLUMN_BIAS, kind == MOTE_GEMM_PLAIN ? 0 : out.scale_stride, to);
        } else {
            int fraction = mote_gemm_fraction(kind, p->element);
            kernels->gemm_expand_scales(mote_gemm_is_nv(kind), -fraction - MOTE_GEMM_ROW_BIAS, out.scale_stride,
                                        p->scales + before * p->block_scales, to);
        }
    }
    return out;
}

/* ---- scales ---- */

static mote_gemm_range widen_range(mote_gemm_range r, const uint8_t *bytes)
{
    return (mote_gemm_range){bytes[0] < r.lowest ? bytes[0] : r.lowest, bytes[1] > r.highest ? bytes[1] : r.highest};
}

mote_gemm_range mote_gemm_range_of_rows(const uint8_t *ranges, size_t row, size_t rows)
{
    mote_gemm_range r = {MOTE_E8M0_NAN, 0};
    for (size_t i = 0; i < rows; i++) {
        r = widen_range(r, ranges + 2 * (row + i));
    }
    return r;
}

mote_gemm_range mote_gemm_range_of_panels(const mote_gemm_packed *packed, size_t segment, size_t panel, size_t panels)
{
    mote_gemm_range r = {MOTE_E8M0_NAN, 0};
    if (!mote_format_is_block(packed->format)) {
        return (mote_gemm_range){MOTE_FP32_BIAS, MOTE_FP32_BIAS};
    }
    for (size_t i = 0; i < panels; i++) {
        r = widen_range(r, packed->ranges + 2 * (segment * packed->panels + panel + i));
    }
    return r;
}

int mote_gemm_bias(mote_gemm_kind kind, mote_format a, mote_format b)
{
    int bias = MOTE_FP32_BIAS;
    bias += mote_format_is_block(a) ? mote_gemm_fraction(kind, mote_element_get(a)) : 0;
    bias += mote_format_is_block(b) ? mote_gemm_fraction(kind, mote_element_get(b)) : 0;
    return bias;
}

/* nvfp4's integers are twice their elements, a factor that the powers of two of the other formats carry in their
 * exponents. */
mote_gemm_scale mote_gemm_scale_of(mote_gemm_kind kind, float a, float b)
{
    int power_a, power_b;
    if (!mote_gemm_is_nv(kind)) {
        return (mote_gemm_scale){1, 1, 1};
    }
    float fraction = frexpf(a, &power_a) * frexpf(b, &power_b);
    bool finite = isfinite(fraction); /* a file's may be anything; frexpf leaves the powers of others undefined */
    int power = finite ? power_a + power_b - (kind == MOTE_GEMM_INT8_NV ? 2 : 0) : 0;
    power = power < MOTE_GEMM_POWER_LOWEST ? MOTE_GEMM_POWER_LOWEST : power;
    power = power > MOTE_E8M0_LARGEST ? MOTE_E8M0_LARGEST : power; /* whose halves are the largest powers of FP32 */
    return (mote_gemm_scale){fraction, ldexpf(1, power / 2), ldexpf(1, power - power / 2)};
}
