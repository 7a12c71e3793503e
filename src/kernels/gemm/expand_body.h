/* Packing and expanding, written once over vector_<isa>.h.
 *
 * A code line of a panel is one step of 8-bit codes: lane c holds codes 4 j .. 4 j + 3 of column c. Packed codes are
 * arranged so that code lines come out of whole vectors with shifts and masks, never with a shuffle across lanes:
 *   8 bits   a code line as it is
 *   6 bits   three lines hold four: their low six bits are a line each, their top two bits the parts of the fourth
 *   4 bits   the low nibbles are one code line, the high nibbles the next
 *   16, 32   the words of the packed line, a word of each column side by side */
#include "kernels/kernels.h"
#include "kernels/vector/decode.h"

/* Sorts of codes that are compiled apart; the width is the number without its last digit. */
enum { FOUR = 40, SIX = 60, INTEGER = 80, E4M3 = 81, E5M2 = 82 };
#define WIDTH(code) ((code) / 10)

enum { BLOCK_LINES = 8, HALVES = MOTE_GEMM_PANEL / LANES, CODES = 4 * LANES };

/* Magnitudes of the elements as integers: their values times 2^mantissa_bits 2^-minimum_exponent. */
static const int8_t e2m1_integers[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
static const int8_t e2m1_columns[16] = {-128, -127, -126, -125, -124, -122, -120, -116,
                                        -128, 127,  126,  125,  124,  122,  120,  116};
static const int8_t e2m3_integers[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                         16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52, 56, 60};
/* indexed by the low five bits of a code: e2m1's sign is among them */
static const int16_t e2m1_words[32] = {0, 1, 2, 3, 4, 6, 8, 12, 0, 1, 2, 3, 4, 6, 8, 12};
static const int16_t e2m3_words[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                       16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52, 56, 60};
static const int16_t e3m2_words[32] = {0,  1,  2,  3,  4,  5,  6,  7,   8,   10,  12,  14,  16,  20,  24,  28,
                                       32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448};

/* Four codes in the low bits of each lane to a byte each. */
INLINE vint spread_nibbles(vint a)
{
    a = vi_and(vi_or(a, vi_shl(a, 8)), vi_set(0x00FF00FF));
    return vi_and(vi_or(a, vi_shl(a, 4)), vi_set(0x0F0F0F0F));
}

INLINE vint spread_sixes(vint a)
{
    vint low = vi_or(vi_and(a, vi_set(0x3F)), vi_and(vi_shl(a, 2), vi_set(0x3F00)));
    vint high = vi_or(vi_and(vi_shl(a, 4), vi_set(0x3F0000)), vi_and(vi_shl(a, 6), vi_set(0x3F000000)));
    return vi_or(low, high);
}

/* Integers of 8-bit codes; only elements whose integers fit a byte. */
INLINE vint integers(int bits, vint code)
{
    if (bits == 8) {
        return code;
    }
    if (bits == 4) {
        return vi_lookup_bytes(e2m1_integers, code);
    }
    vint magnitude = vi_select_bit(code, 4, vi_lookup_bytes(e2m3_integers + 16, vi_and(code, vi_set_bytes(0xF))),
                                   vi_lookup_bytes(e2m3_integers, vi_and(code, vi_set_bytes(0xF))));
    return vi_select_bit(code, 5, vi_sub_bytes(vi_zero(), magnitude), magnitude);
}

/* The same with the offset of columns. */
INLINE vint column_integers(int bits, vint code)
{
    return bits == 4 ? vi_lookup_bytes(e2m1_columns, code) : vi_xor(integers(bits, code), vi_set_bytes(0x80));
}

/* The same for codes in 16-bit words. */
INLINE vint integer_words(const mote_element *element, int bits, vint code)
{
    if (bits == 8) {
        return vi_sar_words(vi_shl_words(code, 8), 8);
    }
    const int16_t *table = bits == 4 ? e2m1_words : element->mantissa_bits == 3 ? e2m3_words : e3m2_words;
    return vi_negate_words(vi_lookup_words(table, code), code, bits - 1);
}

/* FP32 of the LANES codes from byte LANES * i on; e4m3 scaled by 2^-8 (mote_gemm_fraction). */
INLINE vfloat floats(int code, const mote_element *element, vint codes, int i)
{
    if (code == E4M3 || code == E5M2) {
        return code == E4M3 ? vf_from_e4m3(codes, i) : vf_from_e5m2(codes, i);
    }
    return decode(element, WIDTH(code), code == INTEGER, vi_lanes_of_quarter(codes, i));
}

/* BF16 words from codes, by tables of their low and high bytes. Lane i of word number w (0 or 1) holds the values of
 * bytes 2 w (in its high half) and 2 w + 1 of lane i of the codes. */
#if defined(MOTE_GEMM_HAVE_BF16)
typedef struct bf16_table {
    vint low[2], high[2]; /* of the first and the second 64 codes; of 8-bit floats without their sign */
} bf16_table;

INLINE bf16_table bf16_table_of(int sort, const mote_element *element)
{
    bf16_table t;
    for (int half = 0; half < 2; half++) {
        vint codes = vi_add(vi_iota_bytes(), vi_set_bytes(64 * half));
        uint8_t low[64], high[64];
        for (int i = 0; i < 4; i++) {
            vint bits = vf_bits(floats(sort, element, codes, i));
            vi_store_bytes(low + i * LANES, vi_and(vi_shr(bits, 16), vi_set(0xFF)), LANES);
            vi_store_bytes(high + i * LANES, vi_shr(bits, 24), LANES);
        }
        t.low[half] = vi_load(low);
        t.high[half] = vi_load(high);
    }
    return t;
}

INLINE vint bf16_words(int sort, const mote_element *element, const bf16_table *t, vint code, int w)
{
    if (sort == INTEGER) { /* two's complement has no table of half the codes */
        vint bytes = vi_by_byte(code);
        vint first = vf_bits(floats(sort, element, bytes, 2 * w));
        vint second = vf_bits(floats(sort, element, bytes, 2 * w + 1));
        return vi_or(vi_and(first, vi_set(0xFFFF0000u)), vi_shr(second, 16));
    }
    vint low = vi_lookup_two(t->low, code), high = vi_lookup_two(t->high, code);
    if (sort == E4M3 || sort == E5M2) {
        high = vi_or(high, vi_and(code, vi_set_bytes(0x80)));
    }
    return vi_swapped_words(low, high, w);
}
#else /* not chosen */
INLINE vint vi_zip(vint even, vint odd, int i) { return i ? odd : even; }
typedef struct bf16_table {
    int none;
} bf16_table;
INLINE bf16_table bf16_table_of(int sort, const mote_element *element)
{
    return (void)sort, (void)element, (bf16_table){0};
}
INLINE vint bf16_words(int sort, const mote_element *element, const bf16_table *t, vint code, int w)
{
    return (void)sort, (void)element, (void)t, (void)w, code;
}
#endif

/* ---- rows ---- */

INLINE vint load_codes(int bits, const uint8_t *line)
{
    return bits == 8   ? vi_load(line)
           : bits == 4 ? spread_nibbles(vi_lanes_of_words(line))
                       : spread_sixes(vi_lanes_of_triples(line));
}

/* CODES codes of a line. */
INLINE void expand_codes(mote_gemm_kind kind, const mote_element *element, int sort, const bf16_table *table,
                         const uint8_t *line, uint8_t *row, int32_t *corrections)
{
    const int bits = WIDTH(sort);
    vint code = load_codes(bits, line);
    if (kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV) {
        const int part = kind == MOTE_GEMM_INT8 ? MOTE_MX_BLOCK : MOTE_NVFP4_BLOCK;
        vint value = integers(bits, code);
        vi_store(row, value);
        vi_sum_bytes(value, part, corrections);
        for (int i = 0; i < CODES / part; i++) {
            corrections[i] *= -MOTE_GEMM_OFFSET;
        }
        return;
    }
    if (kind == MOTE_GEMM_BF16) { /* words come for even and odd steps apart */
        vint even = bf16_words(sort, element, table, code, 0), odd = bf16_words(sort, element, table, code, 1);
        vi_store(row, vi_zip(even, odd, 0));
        vi_store(row + sizeof(vint), vi_zip(even, odd, 1));
    } else if (kind == MOTE_GEMM_INT16) {
        for (int i = 0; i < 2; i++) {
            vi_store(row + i * (int)sizeof(vint), integer_words(element, bits, vi_words_of_half(code, i)));
        }
    } else {
        for (int i = 0; i < 4; i++) {
            vi_store(row + i * (int)sizeof(vint), vf_bits(floats(sort, element, code, i)));
        }
    }
}

INLINE void expand_line(mote_gemm_kind kind, const mote_element *element, int sort, size_t count, const uint8_t *line,
                        uint8_t *row, int32_t *corrections)
{
    const int bits = WIDTH(sort);
    const int word = (int)mote_gemm_steps(kind) * 4 / MOTE_MX_BLOCK;
    const int part = kind == MOTE_GEMM_INT8_NV ? MOTE_NVFP4_BLOCK : MOTE_MX_BLOCK;
    const bf16_table table = kind == MOTE_GEMM_BF16 ? bf16_table_of(sort, element) : (bf16_table){0};
    size_t i = 0;
    for (; i + CODES <= count; i += CODES) {
        expand_codes(kind, element, sort, &table, line + i * (size_t)bits / 8, row + i * (size_t)word,
                     corrections + i / (size_t)part);
    }
    if (i < count) { /* half a vector of AVX-512 */
        uint8_t padded[CODES] = {0}, values[4 * CODES];
        int32_t sums[CODES / MOTE_NVFP4_BLOCK];
        size_t left = count - i;
        memcpy(padded, line + i * (size_t)bits / 8, left * (size_t)bits / 8);
        expand_codes(kind, element, sort, &table, padded, values, sums);
        memcpy(row + i * (size_t)word, values, left * (size_t)word);
        if (word == 1) {
            memcpy(corrections + i / (size_t)part, sums, left / (size_t)part * sizeof *sums);
        }
    }
}

#if defined(MOTE_GEMM_HAVE_BF16)
#define BF16_CASE(body, element, sort, ...)                                                                            \
    case MOTE_GEMM_BF16:                                                                                               \
        FOR_EACH_SORT(body, MOTE_GEMM_BF16, element, sort, __VA_ARGS__);                                               \
        break;
#else
#define BF16_CASE(body, element, sort, ...)
#endif

/* Calls body with kind and sort of the codes as constants; other pairs do not occur. */
#define FOR_EACH_PAIR(body, kind, element, ...)                                                                        \
    do {                                                                                                               \
        int sort_ = sort_of(element);                                                                                  \
        switch (kind) {                                                                                                \
        case MOTE_GEMM_INT8: FOR_EACH_INTEGER(body, MOTE_GEMM_INT8, element, sort_, __VA_ARGS__); break;               \
        case MOTE_GEMM_INT16:                                                                                          \
            FOR_EACH_INTEGER(body, MOTE_GEMM_INT16, element, sort_, __VA_ARGS__);                                      \
            break;                                                                                                     \
            BF16_CASE(body, element, sort_, __VA_ARGS__)                                                               \
        case MOTE_GEMM_INT8_NV: body(MOTE_GEMM_INT8_NV, element, FOUR, __VA_ARGS__); break;                            \
        default: FOR_EACH_SORT(body, MOTE_GEMM_FLOAT, element, sort_, __VA_ARGS__); break;                             \
        }                                                                                                              \
    } while (0)
#define FOR_EACH_SORT(body, kind, element, sort, ...)                                                                  \
    if ((sort) == E4M3) {                                                                                              \
        body(kind, element, E4M3, __VA_ARGS__);                                                                        \
    } else if ((sort) == E5M2) {                                                                                       \
        body(kind, element, E5M2, __VA_ARGS__);                                                                        \
    } else                                                                                                             \
        FOR_EACH_INTEGER(body, kind, element, sort, __VA_ARGS__)
#define FOR_EACH_INTEGER(body, kind, element, sort, ...)                                                               \
    if ((sort) == INTEGER) {                                                                                           \
        body(kind, element, INTEGER, __VA_ARGS__);                                                                     \
    } else if ((sort) == SIX) {                                                                                        \
        body(kind, element, SIX, __VA_ARGS__);                                                                         \
    } else {                                                                                                           \
        body(kind, element, FOUR, __VA_ARGS__);                                                                        \
    }

INLINE int sort_of(const mote_element *element)
{
    return element->bits < 8          ? 10 * element->bits
           : element->twos_complement ? INTEGER
                                      : (element->mantissa_bits == 3 ? E4M3 : E5M2);
}

INLINE void gemm_expand_row(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *line,
                            void *row, int32_t *corrections)
{
    uint8_t *to = row;
    FOR_EACH_PAIR(expand_line, kind, element, count, line, to, corrections);
}

/* ---- panels ---- */

/* Code lines of a block from the words of packed lines: word w of column c is lane c of words[w]. */
INLINE vint code_line(int bits, const vint *words, int j)
{
    if (bits == 8) {
        return words[j];
    }
    if (bits == 4) {
        return spread_nibbles(j % 2 ? vi_shr(words[j / 2], 16) : vi_and(words[j / 2], vi_set(0xFFFF)));
    }
    int word = 24 * j / 32, at = 24 * j % 32;
    vint low = at ? vi_shr(words[word], at) : words[word];
    return spread_sixes(at > 8 ? vi_or(low, vi_shl(words[word + 1], 32 - at)) : low);
}

/* One block of LANES columns. */
INLINE void pack_block(int bits, const uint8_t *line, size_t stride, int valid, uint8_t *packed)
{
    vint words[32], code[BLOCK_LINES];
    for (int w = 0; w < bits; w += 4) {
        vi_load_transposed(line + 4 * w, stride, bits - w >= 4 ? 16 : 8, valid, words + w);
    }
    for (int w = 0; w < bits && bits > 8; w++) {
        vi_store(packed + w * MOTE_GEMM_LINE, words[w]);
    }
    for (int j = 0; j < BLOCK_LINES && bits <= 8; j++) {
        code[j] = code_line(bits, words, j);
    }
    for (int j = 0; j < BLOCK_LINES && bits == 8; j++) {
        vi_store(packed + j * MOTE_GEMM_LINE, code[j]);
    }
    for (int j = 0; j < BLOCK_LINES && bits == 4; j += 2) {
        vi_store(packed + j / 2 * MOTE_GEMM_LINE, vi_or(code[j], vi_shl(code[j + 1], 4)));
    }
    for (int j = 0; j < BLOCK_LINES && bits == 6; j += 4) {
        for (int i = 0; i < 3; i++) {
            vint part = vi_shl(vi_and(code[j + 3], vi_set_bytes(3 << 2 * i)), 6 - 2 * i);
            vi_store(packed + (j / 4 * 3 + i) * MOTE_GEMM_LINE, vi_or(code[j + i], part));
        }
    }
}

INLINE void pack_blocks(int bits, size_t count, int lines, const uint8_t *line, size_t stride, uint8_t *packed)
{
    for (size_t i = 0; i < count; i += MOTE_MX_BLOCK) {
        for (int h = 0; h < HALVES; h++) {
            int valid = lines - h * LANES;
            valid = valid < 0 ? 0 : valid > LANES ? LANES : valid;
            pack_block(bits, line + (size_t)(h * LANES) * stride + i * (size_t)bits / 8, stride, valid,
                       packed + i * (size_t)bits * 2 + (size_t)h * sizeof(vint));
        }
    }
}

INLINE void gemm_pack_panel(const mote_element *element, size_t count, int lines, const uint8_t *line, size_t stride,
                            uint8_t *packed)
{
    switch (element ? element->bits : 32) {
    case 4: pack_blocks(4, count, lines, line, stride, packed); break;
    case 6: pack_blocks(6, count, lines, line, stride, packed); break;
    case 8: pack_blocks(8, count, lines, line, stride, packed); break;
    case 16: pack_blocks(16, count, lines, line, stride, packed); break;
    default: pack_blocks(32, count, lines, line, stride, packed); break;
    }
}

/* Code lines of a packed block of LANES columns. */
INLINE void unpack_block(int bits, const uint8_t *packed, vint *code)
{
    for (int j = 0; j < BLOCK_LINES && bits == 8; j++) {
        code[j] = vi_load(packed + j * MOTE_GEMM_LINE);
    }
    for (int j = 0; j < BLOCK_LINES && bits == 4; j += 2) {
        vint both = vi_load(packed + j / 2 * MOTE_GEMM_LINE);
        code[j] = vi_and(both, vi_set_bytes(0xF));
        code[j + 1] = vi_and(vi_shr(both, 4), vi_set_bytes(0xF));
    }
    for (int j = 0; j < BLOCK_LINES && bits == 6; j += 4) {
        vint fourth = vi_zero();
        for (int i = 0; i < 3; i++) {
            vint plane = vi_load(packed + (j / 4 * 3 + i) * MOTE_GEMM_LINE);
            code[j + i] = vi_and(plane, vi_set_bytes(0x3F));
            fourth = vi_or(fourth, vi_and(vi_shr(plane, 6 - 2 * i), vi_set_bytes(3 << 2 * i)));
        }
        code[j + 3] = fourth;
    }
}

INLINE void expand_block(mote_gemm_kind kind, const mote_element *element, int sort, const bf16_table *table,
                         const uint8_t *packed, uint8_t *panel)
{
    const int bits = WIDTH(sort);
    vint code[BLOCK_LINES];
    unpack_block(bits, packed, code);
#pragma GCC unroll 8
    for (int j = 0; j < BLOCK_LINES; j++) {
        if (kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV) {
            vi_store(panel + j * MOTE_GEMM_LINE, column_integers(bits, code[j]));
        } else if (kind == MOTE_GEMM_BF16) {
            vi_store(panel + 2 * j * MOTE_GEMM_LINE, bf16_words(sort, element, table, code[j], 0));
            vi_store(panel + (2 * j + 1) * MOTE_GEMM_LINE, bf16_words(sort, element, table, code[j], 1));
        } else if (kind == MOTE_GEMM_INT16) {
            vi_store(panel + 2 * j * MOTE_GEMM_LINE, integer_words(element, bits, vi_words_of_lanes(code[j], 0)));
            vi_store(panel + (2 * j + 1) * MOTE_GEMM_LINE, integer_words(element, bits, vi_words_of_lanes(code[j], 1)));
        } else {
            vint bytes = vi_by_byte(code[j]);
            for (int q = 0; q < 4; q++) {
                vi_store(panel + (4 * j + q) * MOTE_GEMM_LINE, vf_bits(floats(sort, element, bytes, q)));
            }
        }
    }
}

INLINE void expand_blocks(mote_gemm_kind kind, const mote_element *element, int sort, size_t count,
                          const uint8_t *packed, uint8_t *panel)
{
    const int bits = WIDTH(sort);
    const size_t lines = mote_gemm_steps(kind);
    const bf16_table table = kind == MOTE_GEMM_BF16 ? bf16_table_of(sort, element) : (bf16_table){0};
    for (size_t i = 0; i < count / MOTE_MX_BLOCK; i++) {
        for (int h = 0; h < HALVES; h++) {
            expand_block(kind, element, sort, &table,
                         packed + i * (size_t)bits * MOTE_GEMM_LINE + (size_t)h * sizeof(vint),
                         panel + i * lines * MOTE_GEMM_LINE + (size_t)h * sizeof(vint));
        }
    }
}

/* bf16 and fp16: a word holds two values of a column. */
INLINE void expand_sixteens(const mote_element *element, size_t count, const uint8_t *packed, uint8_t *panel)
{
    const vint upper = vi_set(0xFFFF0000u);
    for (size_t i = 0; i < count / 2 * HALVES; i++) {
        vint both = vi_load(packed + i * sizeof(vint));
        uint8_t *to = panel + (i / HALVES * 2) * MOTE_GEMM_LINE + i % HALVES * sizeof(vint);
        bool half = element->mantissa_bits == 10;
        vint low = half ? vf_bits(vf_from_half(vi_and(both, vi_set(0xFFFF)))) : vi_shl(both, 16);
        vint high = half ? vf_bits(vf_from_half(vi_shr(both, 16))) : vi_and(both, upper);
        vi_store(to, low);
        vi_store(to + MOTE_GEMM_LINE, high);
    }
}

INLINE void gemm_expand_panel(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *packed,
                              void *panel)
{
    uint8_t *to = panel;
    if (element->bits == 16) {
        expand_sixteens(element, count, packed, to);
    } else {
        FOR_EACH_PAIR(expand_blocks, kind, element, count, packed, to);
    }
}

/* ---- scales and results ---- */

INLINE void gemm_expand_scales(bool nv, int field, size_t count, const uint8_t *bytes, int32_t *scales)
{
    const vint up = vi_set((uint32_t)field), nan = vi_set((uint32_t)MOTE_GEMM_FIELD_NAN << MOTE_FP32_MANTISSA_BITS);
    const mote_element *e4m3 = mote_element_get(MOTE_MXFP8_E4M3);
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        vint byte = vi_load_bytes(bytes + i, LANES);
        vint power = vi_shl(vi_add(byte, up), MOTE_FP32_MANTISSA_BITS);
        vi_store(scales + i,
                 nv ? vf_bits(decode(e4m3, 8, 0, byte)) : vi_select_less(byte, vi_set(MOTE_E8M0_NAN), power, nan));
    }
    mote_gemm_expand_scales__c(nv, field, count - whole, bytes + whole, scales + whole);
}

INLINE void gemm_finish(int rows, size_t columns, const float *sums, mote_gemm_scale scale, const float *bias, bool add,
                        float *y, ptrdiff_t stride)
{
    const vint nan = vi_set(MOTE_FP32_NAN), infinity = vi_set(MOTE_FP32_INFINITY), absolute = vi_set(MOTE_FP32_ABS);
    size_t whole = columns - columns % LANES;
    for (int r = 0; r < rows; r++) {
        for (size_t c = 0; c < whole; c += LANES) {
            float *to = y + r * stride + c;
            vfloat value = vf_mul(vf_load(sums + r * MOTE_GEMM_WIDTH + c), vf_set(scale.fraction));
            value = vf_mul(vf_mul(value, vf_set(scale.first)), vf_set(scale.second));
            value = bias ? vf_add(value, vf_load(bias + c)) : value;
            value = add ? vf_add(vf_load(to), value) : value;
            vint bits = vf_bits(value);
            vf_store(to, vi_float(vi_select_less(infinity, vi_and(bits, absolute), nan, bits)));
        }
    }
    if (whole < columns) {
        mote_gemm_finish__c(rows, columns - whole, sums + whole, scale, bias ? bias + whole : NULL, add, y + whole,
                            stride);
    }
}
