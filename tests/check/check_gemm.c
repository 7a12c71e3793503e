/* Family gemm: tiles against sums in wider arithmetic, packing and expanding against element values. */
#include <math.h>
#include <string.h>

#include "check_gemm.h"
#include "mx.h"

static bool integers(mote_gemm_kind kind)
{
    return kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_INT16;
}

static bool offset(mote_gemm_kind kind) { return kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV; }

static bool same_float(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

/* A random word of an operand: four integers, two, two BF16 or an FP32. Below VNNI INT8 is for e2m1 alone. extreme: 1
 * or -1 for the largest or smallest integers, else 0. */
static uint32_t random_word(mote_gemm_kind kind, bool columns, bool narrow, int extreme)
{
    uint32_t word = 0;
    if (offset(kind)) {
        for (int i = 0; i < 4; i++) {
            int most = narrow ? 12 : 127, value = (int)check_below(2 * (size_t)most + 2 - narrow) - most - !narrow;
            value = extreme ? extreme * most : value;
            word |= (uint32_t)((columns ? value + MOTE_GEMM_OFFSET : value) & 0xFF) << 8 * i;
        }
        return word;
    }
    if (kind == MOTE_GEMM_INT16) {
        int first = extreme ? extreme * 448 : (int)check_below(897) - 448;
        int second = extreme ? extreme * 448 : (int)check_below(897) - 448;
        return ((uint32_t)first & 0xFFFF) | (uint32_t)second << 16;
    }
    bool halves = kind == MOTE_GEMM_BF16;
    for (int i = 0; i < 1 + halves; i++) {
        int most = halves ? 256 : 2048;
        uint32_t bits;
        float value = ldexpf((float)((int)check_below(2 * (size_t)most + 1) - most), (int)check_below(24) - 20);
        memcpy(&bits, &value, sizeof bits);
        word = halves ? word << 16 | bits >> 16 : bits;
    }
    return word;
}

static int32_t random_scale(mote_gemm_kind kind, bool careful, int bias)
{
    if (mote_gemm_is_nv(kind)) {
        float value = (float)ref_element_value(MOTE_FP8_E4M3, check_below(256));
        int32_t bits;
        memcpy(&bits, &value, sizeof bits);
        return bits;
    }
    int spread = careful ? 134 : 30, exponent = (int)check_below(2 * (size_t)spread + 1) - spread;
    if (careful && check_below(40) == 0) {
        return MOTE_GEMM_FIELD_NAN * (1 << 23);
    }
    return (exponent + bias) * (1 << 23);
}

/* One element of a tile by the definition. */
static float expected_sum(mote_gemm_kind kind, size_t blocks, const uint8_t *row, const uint8_t *column,
                          const int32_t *row_scale, const int32_t *column_scale, float total)
{
    size_t steps = mote_gemm_steps(kind) >> mote_gemm_is_nv(kind);
    for (size_t b = 0; b < blocks; b++) {
        long long exact = 0;
        float sum = kind == MOTE_GEMM_PLAIN ? total : 0;
        for (size_t s = b * steps; s < (b + 1) * steps; s++) {
            const uint8_t *x = row + 4 * s, *y = column + s * MOTE_GEMM_LINE;
            for (int i = 0; i < 4 && offset(kind); i++) {
                exact += (int8_t)x[i] * (y[i] - MOTE_GEMM_OFFSET);
            }
            for (int i = 0; i < 2 && kind == MOTE_GEMM_INT16; i++) {
                int16_t p, q;
                memcpy(&p, x + 2 * i, 2);
                memcpy(&q, y + 2 * i, 2);
                exact += p * q;
            }
            for (int i = 1; i >= 0 && kind == MOTE_GEMM_BF16; i--) { /* the high half first */
                float p = 0, q = 0;
                memcpy((char *)&p + 2, x + 2 * i, 2);
                memcpy((char *)&q + 2, y + 2 * i, 2);
                sum = fmaf(p, q, sum);
            }
            if (!integers(kind) && kind != MOTE_GEMM_BF16) {
                float p, q;
                memcpy(&p, x, 4);
                memcpy(&q, y, 4);
                sum = fmaf(p, q, sum);
            }
        }
        if (kind == MOTE_GEMM_PLAIN) {
            total = sum;
            continue;
        }
        long double wide = integers(kind) ? (long double)exact : (long double)sum;
        int32_t sa = row_scale[b], sb = column_scale[b * MOTE_GEMM_PANEL];
        if (mote_gemm_is_nv(kind)) {
            float fa, fb;
            memcpy(&fa, &sa, 4);
            memcpy(&fb, &sb, 4);
            total = (float)((long double)total + wide * (long double)fa * (long double)fb);
        } else if (sa >> 23 == MOTE_GEMM_FIELD_NAN || sb >> 23 == MOTE_GEMM_FIELD_NAN) {
            total = NAN;
        } else {
            total = (float)((long double)total + ldexpl(wide, (sa >> 23) + (sb >> 23) - 127));
        }
    }
    return total;
}

/* One tile of random size with guard pages around every operand. */
static void check_one_tile(const check_kernel *kernel, mote_gemm_kind kind, bool careful, int rows, int panels,
                           size_t blocks)
{
    size_t steps = mote_gemm_steps(kind) >> mote_gemm_is_nv(kind), length = blocks * steps * 4;
    size_t stride = length + 4 * check_below(9), panel = blocks * steps * MOTE_GEMM_LINE;
    bool narrow = strcmp(kernel->isa, "avx2") == 0 || strcmp(kernel->isa, "avx512") == 0;
    static const int extremes[] = {0, 0, 0, 1, -1};
    int extreme = extremes[check_below(5)], extreme_columns = extremes[check_below(5)];
    uint8_t *values = check_buffer(VALUES, (size_t)(rows - 1) * stride + length);
    uint8_t *columns = check_buffer(COLUMNS, (size_t)panels * panel);
    int32_t *row_scales = check_buffer(ROW_SCALES, (size_t)rows * blocks * 4);
    int32_t *column_scales = check_buffer(COLUMN_SCALES, (size_t)panels * blocks * MOTE_GEMM_PANEL * 4);
    int32_t *corrections = check_buffer(CORRECTIONS, (size_t)rows * blocks * 4);
    int pieces = panels > 2 ? 2 : 1, last = (pieces - 1) * MOTE_GEMM_PIECE + rows * MOTE_GEMM_WIDTH;
    float *sums = check_buffer(SUMS, (size_t)last * 4), before[2 * MOTE_GEMM_PIECE];
    for (int r = 0; r < rows; r++) {
        for (size_t b = 0; b < blocks; b++) {
            int32_t sum = 0;
            for (size_t s = b * steps; s < (b + 1) * steps; s++) {
                uint32_t word = random_word(kind, false, narrow, extreme);
                memcpy(values + (size_t)r * stride + 4 * s, &word, 4);
                for (int i = 0; i < 4; i++) {
                    sum += (int8_t)(word >> 8 * i);
                }
            }
            row_scales[(size_t)r * blocks + b] = random_scale(kind, careful, MOTE_GEMM_ROW_BIAS);
            corrections[(size_t)r * blocks + b] = -MOTE_GEMM_OFFSET * sum;
        }
    }
    for (size_t i = 0; i < (size_t)panels * panel; i += 4) {
        uint32_t word = random_word(kind, true, narrow, extreme_columns);
        memcpy(columns + i, &word, 4);
    }
    for (size_t i = 0; i < (size_t)panels * blocks * MOTE_GEMM_PANEL; i++) {
        column_scales[i] = random_scale(kind, careful, MOTE_GEMM_COLUMN_BIAS);
    }
    for (int i = 0; i < last; i++) {
        before[i] = sums[i] = (float)((int)check_below(2001) - 1000);
    }
    mote_gemm_rows a = {values, stride, row_scales, corrections, blocks};
    mote_gemm_columns b = {columns, panel, column_scales, blocks * MOTE_GEMM_PANEL};
    ((mote_gemm_tile_fn *)kernel->function)(kind, careful, rows, panels, blocks, &a, &b, NULL, sums);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < pieces * MOTE_GEMM_WIDTH; c++) {
            int p = c / MOTE_GEMM_PANEL, lane = c % MOTE_GEMM_PANEL;
            int at = p / 2 * MOTE_GEMM_PIECE + r * MOTE_GEMM_WIDTH + c % MOTE_GEMM_WIDTH;
            float expected = p < panels
                                 ? expected_sum(kind, blocks, values + (size_t)r * stride,
                                                columns + (size_t)p * panel + 4 * lane, row_scales + (size_t)r * blocks,
                                                column_scales + (size_t)p * blocks * MOTE_GEMM_PANEL + lane, before[at])
                                 : before[at];
            if (!same_float(sums[at], expected)) {
                check_fail("kind %d%s, %d rows, %d panels, %zu blocks: row %d column %d: %a, expected %a", (int)kind,
                           careful ? " careful" : "", rows, panels, blocks, r, c, (double)sums[at], (double)expected);
                return;
            }
        }
    }
    if (!check_intact(SUMS)) {
        check_fail("bytes around the sums");
    }
}

void check_gemm_tile(const check_kernel *kernel)
{
    for (int kind = 0; kind < MOTE_GEMM_KIND_COUNT; kind++) {
        for (int rows = 1; rows <= MOTE_GEMM_ROWS && offered(kernel, kind); rows++) {
            for (int panels = 1; panels <= MOTE_GEMM_PANELS; panels++) {
                for (size_t blocks = 1; blocks <= 9; blocks += 1 + check_below(3)) {
                    check_one_tile(kernel, (mote_gemm_kind)kind, false, rows, panels, blocks);
                    check_one_tile(kernel, (mote_gemm_kind)kind, true, rows, panels, blocks);
                }
            }
        }
    }
}

/* True if a product of this kind can hold this format. */
static bool holds(mote_gemm_kind kind, mote_format format)
{
    bool small = format == MOTE_MXINT8 || format == MOTE_MXFP6_E2M3 || format == MOTE_MXFP4_E2M1;
    switch (kind) {
    case MOTE_GEMM_INT8: return small;
    case MOTE_GEMM_INT16: return small || format == MOTE_MXFP6_E3M2;
    case MOTE_GEMM_FLOAT:
    case MOTE_GEMM_BF16: return format != MOTE_NVFP4;
    case MOTE_GEMM_INT8_NV:
    case MOTE_GEMM_FLOAT_NV: return format == MOTE_NVFP4;
    default: return false;
    }
}

/* Codes without NaN: those are marked in their block's scale before a kernel sees them. */
static uint32_t random_code(const mote_element *element)
{
    uint32_t code;
    do {
        code = check_random() & ((1u << element->bits) - 1);
    } while (element->nan && (code & ((1u << (element->bits - 1)) - 1)) >= element->nan);
    return code;
}

static void put_code(uint8_t *line, int bits, size_t index, uint32_t code)
{
    for (int i = 0; i < bits; i++) {
        size_t bit = index * (size_t)bits + (size_t)i;
        line[bit / 8] = (uint8_t)((line[bit / 8] & ~(1u << bit % 8)) | (code >> i & 1) << bit % 8);
    }
}

/* What a kind's word holds of a value; size bytes at where. */
static bool word_is(mote_gemm_kind kind, mote_format format, uint32_t code, bool columns, const uint8_t *where)
{
    double value = ref_element_value(format, code) * ldexp(1, mote_gemm_fraction(kind, mote_element_get(format)));
    if (offset(kind)) {
        return columns ? *where == (uint8_t)(value + MOTE_GEMM_OFFSET) : *(const int8_t *)where == (int8_t)value;
    }
    if (kind == MOTE_GEMM_INT16) {
        int16_t word;
        memcpy(&word, where, sizeof word);
        return word == (int)value;
    }
    float word = 0;
    if (kind == MOTE_GEMM_BF16) {
        memcpy((char *)&word + 2, where, 2);
    } else {
        memcpy(&word, where, sizeof word);
    }
    return (double)word == value;
}

void check_gemm_expand_row(const check_kernel *kernel)
{
    for (int kind = 0; kind < MOTE_GEMM_PLAIN; kind++) {
        for (int f = 0; f < FORMATS; f++) {
            const mote_element *element = mote_element_get(gemm_formats[f]);
            size_t word = mote_gemm_steps((mote_gemm_kind)kind) * 4 / MOTE_MX_BLOCK;
            size_t part = (size_t)mote_format_get(gemm_formats[f])->block_length;
            for (size_t count = MOTE_MX_BLOCK;
                 offered(kernel, kind) && holds((mote_gemm_kind)kind, gemm_formats[f]) && count <= 9 * MOTE_MX_BLOCK;
                 count += MOTE_MX_BLOCK) {
                uint32_t codes[9 * MOTE_MX_BLOCK];
                uint8_t *line = check_buffer(VALUES, count * (size_t)element->bits / 8);
                uint8_t *row = check_buffer(COLUMNS, count * word);
                int32_t *corrections = check_buffer(CORRECTIONS, count / part * sizeof *corrections);
                for (size_t i = 0; i < count; i++) {
                    put_code(line, element->bits, i, codes[i] = random_code(element));
                }
                ((mote_gemm_expand_row_fn *)kernel->function)((mote_gemm_kind)kind, element, count, line, row,
                                                              corrections);
                int32_t sum = 0;
                for (size_t i = 0; i < count; i++) {
                    if (!word_is((mote_gemm_kind)kind, gemm_formats[f], codes[i], false,
                                 row + mote_gemm_place((mote_gemm_kind)kind, i) * word)) {
                        check_fail("kind %d, %s: value %zu of %zu, code %#x", kind,
                                   mote_format_get(gemm_formats[f])->name, i, count, codes[i]);
                        return;
                    }
                    sum = (i % part ? sum : 0) + (offset((mote_gemm_kind)kind) ? ((int8_t *)row)[i] : 0);
                    if (offset((mote_gemm_kind)kind) && i % part == part - 1 &&
                        corrections[i / part] != -MOTE_GEMM_OFFSET * sum) {
                        check_fail("kind %d: correction %zu of %zu values", kind, i / part, count);
                        return;
                    }
                }
                if (!check_intact(COLUMNS) || !check_intact(CORRECTIONS)) {
                    check_fail("bytes around the row");
                }
            }
        }
    }
}

/* Where value i of column c lies in an expanded panel whose values take word bytes. */
static size_t panel_place(size_t word, size_t i, size_t c)
{
    return i * word / 4 * MOTE_GEMM_LINE + 4 * c + i * word % 4;
}

/* The packed layout as docs/kernels.md draws it, for codes of at most 8 bits. */
static uint32_t packed_code(const uint8_t *packed, int bits, size_t i, size_t c)
{
    const uint8_t *block = packed + i / 32 * (size_t)bits * MOTE_GEMM_LINE;
    size_t line = i % 32 / 4, byte = 4 * c + i % 4;
    if (bits == 8) {
        return block[line * 64 + byte];
    }
    if (bits == 4) {
        return block[line / 2 * 64 + byte] >> 4 * (line % 2) & 15;
    }
    const uint8_t *planes = block + line / 4 * 192 + byte;
    return line % 4 < 3 ? planes[line % 4 * 64] & 63u
                        : (uint32_t)(planes[0] >> 6 | planes[64] >> 6 << 2 | planes[128] >> 6 << 4);
}

void check_gemm_pack_panel(const check_kernel *kernel)
{
    static const mote_format all[] = {MOTE_MXFP4_E2M1, MOTE_MXFP6_E2M3, MOTE_MXINT8, MOTE_BF16, MOTE_FP32};
    for (int f = 0; f < 5; f++) {
        const mote_element *element = mote_element_get(all[f]);
        int bits = element ? element->bits : 32;
        for (int lines = 1; lines <= MOTE_GEMM_PANEL; lines++) {
            size_t count = MOTE_MX_BLOCK * (1 + check_below(3)), bytes = count * (size_t)bits / 8;
            size_t stride = bytes + 4 * check_below(5);
            uint8_t *line = check_buffer(VALUES, (size_t)(lines - 1) * stride + bytes);
            uint8_t *packed = check_buffer(COLUMNS, bytes * MOTE_GEMM_PANEL);
            for (size_t i = 0; i < (size_t)(lines - 1) * stride + bytes; i++) {
                line[i] = (uint8_t)check_random();
            }
            ((mote_gemm_pack_panel_fn *)kernel->function)(element, count, lines, line, stride, packed);
            for (size_t c = 0; c < MOTE_GEMM_PANEL; c++) {
                for (size_t i = 0; i < count; i++) {
                    uint32_t expected = 0, found = 0;
                    size_t wide = (size_t)bits / 8;
                    if (bits > 8) {
                        memcpy(&found, packed + panel_place(wide, i, c), wide);
                        memcpy(&expected, line + c * stride + i * wide, c < (size_t)lines ? wide : 0);
                    } else {
                        found = packed_code(packed, bits, i, c);
                        expected = c < (size_t)lines ? mote_unpack_code(line + c * stride, bits, i) : 0;
                    }
                    if (found != expected) {
                        check_fail("%d bits, %d lines: value %zu of column %zu: %#x, expected %#x", bits, lines, i, c,
                                   found, expected);
                        return;
                    }
                }
            }
            if (!check_intact(COLUMNS)) {
                check_fail("bytes around the panel");
            }
        }
    }
}

void check_gemm_expand_panel(const check_kernel *kernel)
{
    enum { LONGEST = 3 * MOTE_MX_BLOCK };
    for (int kind = 0; kind < MOTE_GEMM_KIND_COUNT; kind++) {
        for (int f = 0; f < FORMATS + 2; f++) {
            mote_format format = f < FORMATS ? gemm_formats[f] : f == FORMATS ? MOTE_BF16 : MOTE_FP16;
            const mote_element *element = mote_element_get(format);
            bool plain = f >= FORMATS && !integers((mote_gemm_kind)kind) && kind != MOTE_GEMM_BF16;
            if (!offered(kernel, kind) || (!plain && !(f < FORMATS && holds((mote_gemm_kind)kind, format)))) {
                continue;
            }
            size_t count = MOTE_MX_BLOCK * (1 + check_below(3)), bits = (size_t)element->bits;
            size_t word = mote_gemm_steps((mote_gemm_kind)kind) * 4 / MOTE_MX_BLOCK, stride = count * bits / 8;
            uint8_t *lines = check_buffer(VALUES, stride * MOTE_GEMM_PANEL);
            uint8_t *packed = check_buffer(ROW_SCALES, stride * MOTE_GEMM_PANEL);
            uint8_t *panel = check_buffer(COLUMNS, count * word * MOTE_GEMM_PANEL);
            uint32_t codes[LONGEST * MOTE_GEMM_PANEL];
            for (size_t i = 0; i < count * MOTE_GEMM_PANEL; i++) {
                put_code(lines + i / count * stride, element->bits, i % count, codes[i] = random_code(element));
            }
            mote_gemm_pack_panel__c(element, count, MOTE_GEMM_PANEL, lines, stride, packed);
            ((mote_gemm_expand_panel_fn *)kernel->function)((mote_gemm_kind)kind, element, count, packed, panel);
            for (size_t i = 0; i < count * MOTE_GEMM_PANEL; i++) {
                const uint8_t *where =
                    panel + panel_place(word, mote_gemm_place((mote_gemm_kind)kind, i % count), i / count);
                float value, expected = plain ? ref_widen(format, codes[i]) : 0;
                memcpy(&value, where, plain ? sizeof value : 0);
                if (plain ? !same_float(value, expected)
                          : !word_is((mote_gemm_kind)kind, format, codes[i], true, where)) {
                    check_fail("kind %d, %s: value %zu of column %zu, code %#x", kind, mote_format_get(format)->name,
                               i % count, i / count, codes[i]);
                    return;
                }
            }
            if (!check_intact(COLUMNS)) {
                check_fail("bytes around the panel");
            }
        }
    }
}

/* What few rows should give: whole panels expanded and multiplied in portable C, which the other checks hold to the
 * definition. */
static void expect_few(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                       const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    static uint8_t values[9 * 32 * MOTE_GEMM_LINE];
    static int32_t scales[9 * 2 * MOTE_GEMM_PANEL];
    size_t parts = mote_gemm_is_nv(kind) ? 2 : 1;
    for (int p = 0; p < panels; p++) {
        mote_gemm_columns columns = {values, 0, scales, 0};
        mote_gemm_expand_panel__c(kind, element, blocks * MOTE_MX_BLOCK, b->codes + (size_t)p * b->stride, values);
        mote_gemm_expand_scales__c(parts == 2, b->field, blocks * parts * MOTE_GEMM_PANEL,
                                   b->scales + (size_t)p * b->scale_stride, scales);
        mote_gemm_tile__c(kind, true, rows, 1, blocks * parts, a, &columns, NULL, sums + p * MOTE_GEMM_PANEL);
    }
}

void check_gemm_few(const check_kernel *kernel)
{
    bool narrow = strcmp(kernel->isa, "avx2") == 0 || strcmp(kernel->isa, "avx512") == 0;
    for (int i = 0; i < MOTE_GEMM_FLOAT_NV * FORMATS * MOTE_GEMM_ROWS * 2; i++) {
        mote_gemm_kind kind = (mote_gemm_kind)(i % MOTE_GEMM_FLOAT_NV);
        mote_format format = gemm_formats[i / MOTE_GEMM_FLOAT_NV % FORMATS];
        int rows = 1 + i / MOTE_GEMM_FLOAT_NV / FORMATS % MOTE_GEMM_ROWS, panels = 1 + (int)check_below(2);
        if (!holds(kind, format) || !offered(kernel, (int)kind) ||
            (narrow && kind == MOTE_GEMM_INT8 && format != MOTE_MXFP4_E2M1)) {
            continue;
        }
        const mote_element *element = mote_element_get(format);
        size_t blocks = 1 + check_below(9), parts = mote_gemm_is_nv(kind) ? 2 : 1, bits = (size_t)element->bits;
        size_t row = blocks * mote_gemm_steps(kind) * 4, codes = blocks * bits * MOTE_GEMM_LINE;
        size_t scales = blocks * parts * MOTE_GEMM_PANEL;
        uint8_t *values = check_buffer(VALUES, (size_t)rows * row);
        uint8_t *packed = check_buffer(COLUMNS, (size_t)panels * codes);
        uint8_t *scale_bytes = check_buffer(COLUMN_SCALES, (size_t)panels * scales);
        int32_t *row_scales = check_buffer(ROW_SCALES, (size_t)rows * blocks * parts * 4);
        int32_t *corrections = check_buffer(CORRECTIONS, (size_t)rows * blocks * parts * 4);
        float *sums = check_buffer(SUMS, MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * 4);
        float expected[MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH];
        uint8_t lines[MOTE_GEMM_PANEL * 9 * MOTE_MX_BLOCK];
        for (size_t at = 0; at < (size_t)rows * row; at += 4) {
            uint32_t word = random_word(kind, false, narrow, 0);
            memcpy(values + at, &word, 4);
        }
        for (int p = 0; p < panels; p++) {
            for (size_t at = 0; at < MOTE_GEMM_PANEL * blocks * MOTE_MX_BLOCK; at++) {
                put_code(lines, (int)bits, at, random_code(element));
            }
            mote_gemm_pack_panel__c(element, blocks * MOTE_MX_BLOCK, MOTE_GEMM_PANEL, lines,
                                    blocks * MOTE_MX_BLOCK * bits / 8, packed + (size_t)p * codes);
        }
        for (size_t at = 0; at < (size_t)panels * scales; at++) {
            scale_bytes[at] = (uint8_t)(parts == 2 ? check_below(0x7F) : 100 + check_below(50));
        }
        for (size_t at = 0; at < (size_t)rows * blocks * parts; at++) {
            row_scales[at] = parts == 2 ? random_scale(kind, false, 0) : (int32_t)(20 + check_below(24)) * (1 << 23);
            corrections[at] = (int32_t)check_below(2000) * (narrow ? 1 : 100);
        }
        for (int at = 0; at < MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH; at++) {
            expected[at] = sums[at] = (float)((int)check_below(2001) - 1000);
        }
        mote_gemm_rows a = {values, row, row_scales, corrections, blocks * parts};
        mote_gemm_codes b = {packed, scale_bytes, codes, scales, -40};
        ((mote_gemm_few_fn *)kernel->function)(kind, element, rows, panels, blocks, &a, &b, sums);
        expect_few(kind, element, rows, panels, blocks, &a, &b, expected);
        for (int at = 0; at < rows * MOTE_GEMM_WIDTH; at++) {
            if (!same_float(sums[at], expected[at])) {
                check_fail("kind %d, %s, %d rows, %d panels, %zu blocks: sum %d: %a, expected %a", (int)kind,
                           mote_format_get(format)->name, rows, panels, blocks, at, (double)sums[at],
                           (double)expected[at]);
                return;
            }
        }
        if (!check_intact(SUMS)) {
            check_fail("bytes around the sums");
        }
    }
}

void check_gemm_expand_scales(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int nv = 0; nv < 2; nv++) {
            int field = (int)check_below(60) - 105;
            uint8_t *bytes = check_buffer(VALUES, count);
            int32_t *scales = check_buffer(ROW_SCALES, count * sizeof *scales);
            for (size_t i = 0; i < count; i++) {
                bytes[i] = (uint8_t)(check_below(8) ? check_random() : 255);
            }
            ((mote_gemm_expand_scales_fn *)kernel->function)(nv, field, count, bytes, scales);
            for (size_t i = 0; i < count; i++) {
                float value, decoded = (float)ref_element_value(MOTE_FP8_E4M3, bytes[i]);
                memcpy(&value, scales + i, sizeof value);
                int expected = bytes[i] == 255 ? MOTE_GEMM_FIELD_NAN : bytes[i] + field;
                if (nv ? !same_float(value, decoded) : scales[i] != expected * (1 << 23)) {
                    check_fail("scale %#x of %zu: %#x", bytes[i], count, (unsigned)scales[i]);
                    break;
                }
            }
            if (!check_intact(ROW_SCALES)) {
                check_fail("bytes around the scales");
            }
        }
    }
}

void check_gemm_finish(const check_kernel *kernel)
{
    for (size_t columns = 1; columns <= MOTE_GEMM_WIDTH; columns++) {
        for (int i = 0; i < 4 * CHECK_PATTERNS; i++) {
            int rows = 1 + (int)check_below(MOTE_GEMM_ROWS);
            ptrdiff_t stride = (ptrdiff_t)(columns + check_below(5));
            float *sums = check_buffer(SUMS, MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * sizeof *sums);
            float *bias = check_buffer(VALUES, columns * sizeof *bias);
            float *y = check_buffer(COLUMNS, ((size_t)(rows - 1) * (size_t)stride + columns) * sizeof *y),
                  before[MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH];
            mote_gemm_scale scale = {1, 1, 1}, odd = {0x1.8p-1f, 0x1p-100f, 0x1p-120f};
            scale = i % 3 ? scale : odd;
            check_values_of(i % CHECK_PATTERNS, sums, MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH);
            check_values_of(i % CHECK_PATTERNS, bias, columns);
            for (int r = 0; r < rows; r++) {
                check_values_of(i % CHECK_PATTERNS, y + r * stride, columns);
                memcpy(before + (size_t)r * columns, y + r * stride, columns * sizeof *y);
            }
            bool biased = i & 1, add = i & 2;
            ((mote_gemm_finish_fn *)kernel->function)(rows, columns, sums, scale, biased ? bias : NULL, add, y, stride);
            for (size_t at = 0; at < (size_t)rows * columns; at++) {
                float value = sums[at / columns * MOTE_GEMM_WIDTH + at % columns], nan = NAN;
                value = value * scale.fraction * scale.first * scale.second;
                value = biased ? value + bias[at % columns] : value;
                value = add ? before[at] + value : value;
                value = isnan(value) ? nan : value;
                if (memcmp(&value, y + (ptrdiff_t)(at / columns) * stride + at % columns, sizeof value) != 0) {
                    check_fail("%d rows, %zu columns: value %zu", rows, columns, at);
                    return;
                }
            }
            if (!check_intact(COLUMNS)) {
                check_fail("bytes around the result");
            }
        }
    }
}
