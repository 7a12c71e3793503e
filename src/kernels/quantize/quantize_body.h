/* The vector kernels of the family, written once over vector_<isa>.h and compiled for each instruction set.
 *
 * Where the speed comes from:
 * - Rounding to nearest even is one floating-point addition. With E the exponent of |y| (at least the
 *   element's smallest) and m its mantissa bits, adding 2^(E + 23 - m) leaves round(|y| / 2^(E - m)) in the
 *   low bits of the sum, ties to even, by the hardware's own rounding. That integer is the k of
 *   formats/element.h; the code is k + ((E - minimum_exponent) << m). Nine instructions for any element.
 * - Sixteen block maxima are found together by a transposing tree, and sixteen scales are chosen together.
 * - Codes of four vectors are narrowed, ordered and packed together; no table, no gather, no branch.
 * - In the column kernel a lane is a column: maxima and scales need no shuffle at all, and codes are shifted
 *   into 32-bit words that are transposed four by four on their way out. */
#include "kernels/kernels.h"
#include "kernels/vector/decode.h"

/* Values that are fetched ahead of their use. A batch is read once for its maxima and once more, from the L1
 * cache, for its codes; without this the memory would idle during the second pass. Decoding reads little, but between
 * streaming stores even that little has to be asked for early. */
enum { AHEAD = 2048, BYTES_AHEAD = 2048 };

/* The element's constants, spread over lanes. */
typedef struct lanes_element {
    vint lowest;  /* exponent field of the smallest normal element, in place */
    vint magic;   /* (23 - m) in the exponent's place */
    vint largest; /* magnitude code */
    int drop;     /* 23 - m */
    int bits;
    int twos_complement;
} lanes_element;

INLINE lanes_element spread_element(const mote_element *element, int bits, int twos_complement)
{
    lanes_element e;
    e.drop = MOTE_FP32_MANTISSA_BITS - element->mantissa_bits;
    e.lowest = vi_set((uint32_t)(element->minimum_exponent + MOTE_FP32_BIAS) << MOTE_FP32_MANTISSA_BITS);
    e.magic = vi_set((uint32_t)e.drop << MOTE_FP32_MANTISSA_BITS);
    e.largest = vi_set(element->largest);
    e.bits = bits;
    e.twos_complement = twos_complement;
    return e;
}

/* Magnitude codes of y (bits without sign), nearest even. */
INLINE vint encode_nearest_even(const lanes_element *e, vint y)
{
    vint exponent = vi_max(vi_and(y, vi_set(MOTE_FP32_INFINITY)), e->lowest);
    vint magic = vi_add(exponent, e->magic);
    vint k = vi_sub(vf_bits(vf_add(vi_float(y), vi_float(magic))), magic);
    vint code = vi_add(k, vi_shr(vi_sub(exponent, e->lowest), e->drop));
    return vi_min(code, e->largest);
}

/* The other roundings: integer arithmetic with a shift for each lane; see mote_encode_magnitude(). */
INLINE vint encode_other(const lanes_element *e, mote_rounding rounding, vint y, vint random)
{
    vint field = vi_and(y, vi_set(MOTE_FP32_INFINITY));
    vint exponent = vi_max(field, e->lowest);
    vint significand = vi_or(vi_and(y, vi_set(MOTE_FP32_IMPLIED_ONE - 1)), vi_set(MOTE_FP32_IMPLIED_ONE));
    vint below = vi_shr(vi_sub(exponent, field), MOTE_FP32_MANTISSA_BITS);
    vint shift = vi_add(below, vi_set((uint32_t)e->drop));
    vint k;
    if (rounding == MOTE_NEAREST_AWAY) {
        vint half = vi_shlv(vi_set(1), vi_sub(shift, vi_set(1)));
        k = vi_shrv(vi_add(significand, half), shift);
    } else if (rounding == MOTE_STOCHASTIC) {
        vint width = vi_set(32);
        vint fraction = vi_or(vi_shlv(significand, vi_sub(width, shift)), vi_shrv(significand, vi_sub(shift, width)));
        k = vi_add(vi_shrv(significand, shift), vi_if_less(random, fraction, vi_set(1)));
    } else {
        k = vi_shrv(significand, shift);
    }
    vint code = vi_add(k, vi_shr(vi_sub(exponent, e->lowest), e->drop));
    return vi_min(code, e->largest);
}

/* Two's complement codes of mxint8, nearest even: |scaled| is below 2, so that 1.5 * 2^17 and it add up to a number
 * whose last bit is worth 2^-6 and whose low byte is the code. */
INLINE vint encode_integer(vfloat scaled)
{
    const vint magic = vi_set(0x48400000u); /* 1.5 * 2^17 */
    vint sum = vf_bits(vf_add(scaled, vi_float(magic)));
    sum = vi_min(vi_max(sum, vi_sub(magic, vi_set(127))), vi_add(magic, vi_set(127)));
    return vi_and(sum, vi_set(0xFF));
}

/* Codes with sign of x * factor. random is read only if the rounding is stochastic. */
INLINE vint encode(const lanes_element *e, mote_rounding rounding, vfloat x, vfloat factor, const uint32_t *random)
{
    vint scaled = vf_bits(vf_mul(x, factor));
    vint y = vi_and(scaled, vi_set(MOTE_FP32_ABS));
    vint code;
    if (rounding == MOTE_NEAREST_EVEN && e->twos_complement) {
        return encode_integer(vi_float(scaled));
    }
    if (rounding == MOTE_NEAREST_EVEN) {
        code = encode_nearest_even(e, y);
    } else {
        code = encode_other(e, rounding, y, rounding == MOTE_STOCHASTIC ? vi_load(random) : vi_zero());
    }
    if (e->twos_complement) {
        vint negative = vi_sign_mask(scaled);
        return vi_and(vi_sub(vi_xor(code, negative), negative), vi_set(0xFF));
    }
    return vi_or(code, vi_shl(vi_shr(scaled, 31), e->bits - 1));
}

/* E8M0 scales of LANES blocks and the factors for their elements; NaN blocks get factor 0. */
INLINE vint scales_e8m0(const mote_block_spec *spec, vint largest, vfloat *factor)
{
    vint carry =
        vi_select_less(largest, vi_set(MOTE_FP32_IMPLIED_ONE), vi_set(spec->increment >> 1), vi_set(spec->increment));
    vint emax = vi_set((uint32_t)spec->element->maximum_exponent);
    vint field = vi_shr(vi_add(largest, carry), MOTE_FP32_MANTISSA_BITS);
    vint scale = vi_min(vi_sub(vi_max(field, emax), emax), vi_set(MOTE_E8M0_LARGEST));
    vint reciprocal = vi_shl(vi_sub(vi_set(MOTE_E8M0_LARGEST), scale), MOTE_FP32_MANTISSA_BITS);
    reciprocal = vi_max(reciprocal, vi_set(MOTE_FP32_IMPLIED_ONE >> 1)); /* scale 0xFE: 2^-127 */
    vint finite = vi_set(MOTE_FP32_INFINITY);
    *factor = vi_float(vi_if_less(largest, finite, reciprocal));
    return vi_select_less(largest, finite, scale, vi_set(MOTE_E8M0_NAN));
}

/* The same for nvfp4; the operations are those of mote_nvfp4_block_ratio and mote_nvfp4_reciprocal. */
INLINE vint scales_e4m3(const mote_block_spec *spec, vint largest, vfloat *factor)
{
    const mote_element *element = mote_element_get(MOTE_MXFP8_E4M3);
    lanes_element e4m3 = spread_element(element, 8, 0);
    vint finite = vi_set(MOTE_FP32_INFINITY);
    vfloat magnitude = vi_float(vi_if_less(largest, finite, largest));
    vfloat ratio = vf_mul(vf_div(magnitude, vf_set(6.0f)), vf_set(spec->encode_scale));
    vint scale = encode_nearest_even(&e4m3, vf_bits(ratio));
    vfloat value = vf_mul(decode(element, 8, 0, scale), vf_set(spec->tensor_scale));
    vint reciprocal = vf_bits(vf_min(vf_div(vf_set(1.0f), value), vf_set(0x1.fffffep127f)));
    vint usable =
        vi_and(vi_if_less(largest, finite, vi_set(0xFFFFFFFFu)), vi_if_less(vi_zero(), scale, vi_set(0xFFFFFFFFu)));
    *factor = vi_float(vi_and(reciprocal, usable));
    return vi_select_less(largest, finite, scale, vi_set(MOTE_E4M3_NAN));
}

INLINE vint choose_scales(const mote_block_spec *spec, int block, vint largest, vfloat *factor)
{
    return block == MOTE_MX_BLOCK ? scales_e8m0(spec, largest, factor) : scales_e4m3(spec, largest, factor);
}

/* Largest magnitudes of blocks blocks (at most LANES), one a lane. */
INLINE vint block_maxima(int block, int blocks, const float *x)
{
    const vint absolute = vi_set(MOTE_FP32_ABS);
    const int vectors = block / LANES;
    vint wide[LANES];
    for (int b = 0; b < LANES; b++) {
        wide[b] = vi_zero();
        for (int i = 0; b < blocks && i < vectors; i++) {
            vint v = vf_bits(vf_load(x + b * block + i * LANES));
            wide[b] = vi_max(wide[b], vi_and(v, absolute));
        }
    }
    return vi_maxima(wide);
}

/* Up to LANES whole blocks of a line: maxima, scales, then codes, four vectors at a time. */
INLINE void quantize_batch(const mote_block_spec *spec, const lanes_element *e, int block, int blocks,
                           mote_rounding rounding, const float *x, const uint32_t *random, uint8_t *elements,
                           uint8_t *scales)
{
    float factors[LANES];
    vfloat factor;
    const int group = 4 * LANES, total = blocks * block;
    vint largest = blocks == LANES ? block_maxima(block, LANES, x) : block_maxima(block, blocks, x);
    vi_store_bytes(scales, choose_scales(spec, block, largest, &factor), blocks);
    vf_store(factors, factor);
    for (int at = 0; at < total; at += group) {
        int valid = total - at < group ? total - at : group;
        vint code[4];
        for (int i = 0; i < 4; i++) {
            int begin = at + i * LANES;
            __builtin_prefetch(x + begin + AHEAD);
            code[i] = i * LANES < valid ? encode(e, rounding, vf_load(x + begin), vf_set(factors[begin / block]),
                                                 random ? random + begin : NULL)
                                        : vi_zero();
        }
        vi_store_codes(elements + at * e->bits / 8, code, e->bits, valid);
    }
    if (vi_any_less(vi_set(MOTE_FP32_INFINITY - 1), largest)) {
        int bytes = block * e->bits / 8;
        uint32_t maxima[LANES];
        vi_store(maxima, largest);
        for (int b = 0; b < blocks; b++) {
            if (maxima[b] >= MOTE_FP32_INFINITY) {
                memset(elements + b * bytes, 0, (size_t)bytes);
            }
        }
    }
}

INLINE void quantize_line(const mote_block_spec *spec, int bits, int twos_complement, int block, mote_rounding rounding,
                          size_t count, const float *x, const uint32_t *random, uint8_t *elements, uint8_t *scales)
{
    lanes_element e = spread_element(spec->element, bits, twos_complement);
    size_t batch = (size_t)(LANES * block), tail = count % (size_t)block, whole = count - tail;
    size_t i = 0;
    for (; i < whole; i += batch) {
        int blocks = (int)(mote_size_min(batch, whole - i) / (size_t)block);
        quantize_batch(spec, &e, block, blocks, rounding, x + i, random ? random + i : NULL,
                       elements + i * (size_t)bits / 8, scales + i / (size_t)block);
    }
    if (tail) { /* the last block, padded with zeros */
        float padded[MOTE_MX_BLOCK] = {0};
        uint32_t words[MOTE_MX_BLOCK] = {0};
        memcpy(padded, x + whole, tail * sizeof *x);
        if (random) {
            memcpy(words, random + whole, tail * sizeof *words);
        }
        quantize_batch(spec, &e, block, 1, rounding, padded, random ? words : NULL, elements + whole * (size_t)bits / 8,
                       scales + whole / (size_t)block);
    }
}

/* Calls body with the kind of the element as constants, so that each kind is compiled by itself. */
#define FOR_EACH_KIND(spec, body, ...)                                                                                 \
    do {                                                                                                               \
        if ((spec)->block == MOTE_NVFP4_BLOCK) {                                                                       \
            body((spec), 4, 0, MOTE_NVFP4_BLOCK, __VA_ARGS__);                                                         \
        } else if ((spec)->element->twos_complement) {                                                                 \
            body((spec), 8, 1, MOTE_MX_BLOCK, __VA_ARGS__);                                                            \
        } else if ((spec)->element->bits == 8) {                                                                       \
            body((spec), 8, 0, MOTE_MX_BLOCK, __VA_ARGS__);                                                            \
        } else if ((spec)->element->bits == 6) {                                                                       \
            body((spec), 6, 0, MOTE_MX_BLOCK, __VA_ARGS__);                                                            \
        } else {                                                                                                       \
            body((spec), 4, 0, MOTE_MX_BLOCK, __VA_ARGS__);                                                            \
        }                                                                                                              \
    } while (0)

INLINE void quantize_rows(const mote_block_spec *spec, size_t count, const float *x, const uint32_t *random,
                          uint8_t *elements, uint8_t *scales)
{
    if (spec->rounding == MOTE_NEAREST_EVEN) {
        FOR_EACH_KIND(spec, quantize_line, MOTE_NEAREST_EVEN, count, x, NULL, elements, scales);
    } else if (spec->rounding == MOTE_STOCHASTIC) {
        FOR_EACH_KIND(spec, quantize_line, MOTE_STOCHASTIC, count, x, random, elements, scales);
    } else {
        FOR_EACH_KIND(spec, quantize_line, spec->rounding, count, x, NULL, elements, scales);
    }
}

/* One block of each of LANES columns; lanes from valid on are computed but not stored. */
INLINE void quantize_panel(const mote_block_spec *spec, const lanes_element *e, int block, mote_rounding rounding,
                           int valid, const float *x, const float *next, ptrdiff_t ldx, vint largest,
                           const uint32_t *random, size_t random_stride, uint8_t *elements, size_t element_stride,
                           uint8_t *scales, size_t scale_stride)
{
    vfloat factor;
    uint32_t scale[LANES];
    vi_store(scale, choose_scales(spec, block, largest, &factor));
    for (int c = 0; c < valid; c++) {
        scales[(size_t)c * scale_stride] = (uint8_t)scale[c];
    }
    /* words[w], lane c: bits 32 w .. 32 w + 31 of column c's packed block */
    vint words[8];
    const int bits = e->bits, used = block * bits / 32;
    for (int w = 0; w < 8; w++) {
        words[w] = vi_zero();
    }
    vint finite = vi_if_less(largest, vi_set(MOTE_FP32_INFINITY), vi_set(0xFFFFFFFFu));
#pragma GCC unroll 32
    for (int r = 0; r < block; r++) {
        __builtin_prefetch(next + r * ldx, 0, 2);
        vint code =
            encode(e, rounding, vf_load(x + r * ldx), factor, random ? random + (size_t)r * random_stride : NULL);
        int w = r * bits / 32, at = r * bits % 32;
        words[w] = vi_or(words[w], at ? vi_shl(code, at) : code);
        if (at + bits > 32) {
            words[w + 1] = vi_shr(code, 32 - at);
        }
    }
    for (int w = 0; w < used; w++) {
        words[w] = vi_and(words[w], finite);
    }
    for (int w = 0; w < used; w += 4) {
        vi_store_transposed(elements + 4 * w, element_stride, words + w, used - w >= 4 ? 16 : 8, valid);
    }
}

INLINE void quantize_panels(const mote_block_spec *spec, int bits, int twos_complement, int block,
                            mote_rounding rounding, size_t length, size_t count, const float *x, const float *next,
                            ptrdiff_t ldx, const uint32_t *maxima, const uint32_t *random, uint8_t *elements,
                            size_t element_stride, uint8_t *scales, size_t scale_stride)
{
    lanes_element e = spread_element(spec->element, bits, twos_complement);
    float padded[MOTE_MX_BLOCK][LANES];
    uint32_t words[MOTE_MX_BLOCK][LANES], largest[LANES];
    for (size_t c = 0; c < count; c += LANES) {
        size_t valid = mote_size_min(LANES, count - c);
        const float *panel = x + c, *panel_next = next + c;
        const uint32_t *panel_maxima = maxima + c, *panel_random = random ? random + c : NULL;
        ptrdiff_t ld = ldx;
        size_t random_stride = count;
        if (valid < LANES || length < (size_t)block) { /* at the edges: a copy, padded with zeros */
            memset(padded, 0, sizeof padded);
            memset(largest, 0, sizeof largest);
            memcpy(largest, maxima + c, valid * sizeof *largest);
            for (size_t r = 0; r < length; r++) {
                memcpy(padded[r], x + (ptrdiff_t)r * ldx + c, valid * sizeof *x);
                if (random) {
                    memcpy(words[r], random + r * count + c, valid * sizeof **words);
                }
            }
            panel = panel_next = padded[0];
            panel_maxima = largest;
            panel_random = random ? words[0] : NULL;
            ld = LANES;
            random_stride = LANES;
        }
        quantize_panel(spec, &e, block, rounding, (int)valid, panel, panel_next, ld, vi_load(panel_maxima),
                       panel_random, random_stride, elements + c * element_stride, element_stride,
                       scales + c * scale_stride, scale_stride);
    }
}

INLINE void quantize_columns(const mote_block_spec *spec, size_t length, size_t count, const float *x,
                             const float *next, ptrdiff_t ldx, const uint32_t *maxima, const uint32_t *random,
                             uint8_t *elements, size_t element_stride, uint8_t *scales, size_t scale_stride)
{
    if (spec->rounding == MOTE_NEAREST_EVEN) {
        FOR_EACH_KIND(spec, quantize_panels, MOTE_NEAREST_EVEN, length, count, x, next, ldx, maxima, NULL, elements,
                      element_stride, scales, scale_stride);
    } else {
        FOR_EACH_KIND(spec, quantize_panels, spec->rounding, length, count, x, next, ldx, maxima, random, elements,
                      element_stride, scales, scale_stride);
    }
}

INLINE void column_maxima(size_t length, size_t count, const float *x, ptrdiff_t ldx, uint32_t *maxima)
{
    const vint absolute = vi_set(MOTE_FP32_ABS);
    size_t whole = count - count % LANES;
    for (size_t r = 0; r < length; r++) {
        const float *row = x + (ptrdiff_t)r * ldx;
        for (size_t c = 0; c < whole; c += LANES) {
            vint m = vi_and(vf_bits(vf_load(row + c)), absolute);
            vi_store(maxima + c, r ? vi_max(vi_load(maxima + c), m) : m);
        }
    }
    mote_column_maxima__c(length, count - whole, x + whole, ldx, maxima + whole);
}

/* Decoded scales of LANES blocks. */
INLINE vfloat decode_scales(int block, vint scale)
{
    if (block == MOTE_NVFP4_BLOCK) {
        return decode(mote_element_get(MOTE_MXFP8_E4M3), 8, 0, scale);
    }
    vint value = vi_shl(scale, MOTE_FP32_MANTISSA_BITS);
    value = vi_max(value, vi_set(MOTE_FP32_IMPLIED_ONE >> 1)); /* scale 0: 2^-127 */
    return vi_float(vi_select_less(scale, vi_set(MOTE_E8M0_NAN), value, vi_set(MOTE_FP32_NAN)));
}

/* element * scale (exact), and for nvfp4 the one rounding product with the tensor scale. The element comes
 * first: x86 returns the first NaN operand, and both NaNs that can come here are MOTE_FP32_NAN. */
INLINE vfloat apply_scale(const mote_block_spec *spec, int block, vfloat value, vfloat scale)
{
    vfloat product = vf_mul(value, scale);
    if (block == MOTE_MX_BLOCK) {
        return product;
    }
    /* a file's tensor scale may be anything, and so may the NaN that it makes */
    vint bits = vf_bits(vf_mul(product, vf_set(spec->tensor_scale)));
    vint magnitude = vi_and(bits, vi_set(MOTE_FP32_ABS));
    return vi_float(vi_select_less(vi_set(MOTE_FP32_INFINITY), magnitude, vi_set(MOTE_FP32_NAN), bits));
}

INLINE void store(float *y, vfloat value, bool stream)
{
    if (stream) {
        vf_stream(y, value);
    } else {
        vf_store(y, value);
    }
}

/* Streaming saves fetching each line of the result before it is overwritten, half of the memory traffic. */
INLINE bool can_stream(const mote_block_spec *spec, const float *y, ptrdiff_t ldy)
{
    return spec->stream && (uintptr_t)y % sizeof(vfloat) == 0 && ldy % LANES == 0;
}

INLINE void dequantize_batch(const mote_block_spec *spec, int bits, int twos_complement, int block, int blocks,
                             bool stream, const uint8_t *elements, const uint8_t *scales, float *y)
{
    float factors[LANES];
    const int group = 4 * LANES, total = blocks * block;
    vf_store(factors, decode_scales(block, vi_load_bytes(scales, blocks)));
    for (int at = 0; at < total; at += group) {
        int valid = total - at < group ? total - at : group;
        vint code[4];
        __builtin_prefetch(elements + at * bits / 8 + BYTES_AHEAD);
        vi_load_codes(elements + at * bits / 8, bits, valid, code);
        for (int i = 0; i < 4 && i * LANES < valid; i++) {
            int begin = at + i * LANES;
            vfloat value = decode(spec->element, bits, twos_complement, code[i]);
            store(y + begin, apply_scale(spec, block, value, vf_set(factors[begin / block])), stream);
        }
    }
}

INLINE void dequantize_line(const mote_block_spec *spec, int bits, int twos_complement, int block, bool stream,
                            size_t count, const uint8_t *elements, const uint8_t *scales, float *y)
{
    size_t batch = (size_t)(LANES * block), tail = count % (size_t)block, whole = count - tail;
    for (size_t i = 0; i < whole; i += batch) {
        int blocks = (int)(mote_size_min(batch, whole - i) / (size_t)block);
        dequantize_batch(spec, bits, twos_complement, block, blocks, stream, elements + i * (size_t)bits / 8,
                         scales + i / (size_t)block, y + i);
    }
    if (tail) {
        float padded[MOTE_MX_BLOCK];
        dequantize_batch(spec, bits, twos_complement, block, 1, false, elements + whole * (size_t)bits / 8,
                         scales + whole / (size_t)block, padded);
        memcpy(y + whole, padded, tail * sizeof *y);
    }
}

INLINE void dequantize_rows(const mote_block_spec *spec, size_t count, const uint8_t *elements, const uint8_t *scales,
                            float *y)
{
    if (can_stream(spec, y, 0)) {
        FOR_EACH_KIND(spec, dequantize_line, true, count, elements, scales, y);
        _mm_sfence();
    } else {
        FOR_EACH_KIND(spec, dequantize_line, false, count, elements, scales, y);
    }
}

INLINE void dequantize_panel(const mote_block_spec *spec, int bits, int twos_complement, int block, int valid,
                             const uint8_t *elements, size_t element_stride, const uint8_t *scales, size_t scale_stride,
                             float *y, ptrdiff_t ldy)
{
    uint32_t scale[LANES] = {0};
    for (int c = 0; c < valid; c++) {
        scale[c] = scales[(size_t)c * scale_stride];
    }
    vfloat factor = decode_scales(block, vi_load(scale));
    vint words[8];
    const int used = block * bits / 32;
    for (int w = 0; w < used; w += 4) {
        vi_load_transposed(elements + 4 * w, element_stride, used - w >= 4 ? 16 : 8, valid, words + w);
    }
    const vint mask = vi_set((1u << bits) - 1);
#pragma GCC unroll 32
    for (int r = 0; r < block; r++) {
        int w = r * bits / 32, at = r * bits % 32;
        vint code = at ? vi_shr(words[w], at) : words[w];
        if (at + bits > 32) {
            code = vi_or(code, vi_shl(words[w + 1], 32 - at));
        }
        vfloat value = decode(spec->element, bits, twos_complement, vi_and(code, mask));
        vf_store(y + r * ldy, apply_scale(spec, block, value, factor));
    }
}

INLINE void dequantize_panels(const mote_block_spec *spec, int bits, int twos_complement, int block, bool stream,
                              size_t length, size_t count, const uint8_t *elements, size_t element_stride,
                              const uint8_t *scales, size_t scale_stride, float *y, ptrdiff_t ldy)
{
    /* Four panels side by side go through a small copy, so that rows are written in longer runs: where rows are a power
     * of two apart their lines share a few cache sets, and writing one line of each in turn halves the speed. */
    enum { WIDE = 4 * LANES };
    float padded[MOTE_MX_BLOCK][WIDE + LANES];
    for (size_t c = 0; c < count; c += WIDE) {
        size_t columns = mote_size_min(WIDE, count - c);
        for (size_t at = 0; at < columns; at += LANES) {
            dequantize_panel(spec, bits, twos_complement, block, (int)mote_size_min(LANES, columns - at),
                             elements + (c + at) * element_stride, element_stride, scales + (c + at) * scale_stride,
                             scale_stride, padded[0] + at, WIDE + LANES);
        }
        for (size_t r = 0; r < length; r++) {
            float *row = y + (ptrdiff_t)r * ldy + c;
            if (columns < WIDE) {
                memcpy(row, padded[r], columns * sizeof *row);
                continue;
            }
            for (int v = 0; v < WIDE; v += LANES) {
                store(row + v, vf_load(padded[r] + v), stream);
            }
        }
    }
}

INLINE void dequantize_columns(const mote_block_spec *spec, size_t length, size_t count, const uint8_t *elements,
                               size_t element_stride, const uint8_t *scales, size_t scale_stride, float *y,
                               ptrdiff_t ldy)
{
    bool stream = can_stream(spec, y, ldy);
    FOR_EACH_KIND(spec, dequantize_panels, stream, length, count, elements, element_stride, scales, scale_stride, y,
                  ldy);
    if (stream) {
        _mm_sfence();
    }
}

INLINE uint32_t largest_magnitude(size_t count, const float *x)
{
    vint largest[4] = {vi_zero(), vi_zero(), vi_zero(), vi_zero()};
    const vint absolute = vi_set(MOTE_FP32_ABS), infinity = vi_set(MOTE_FP32_INFINITY);
    size_t i = 0;
    for (; count - i >= 4 * LANES; i += 4 * LANES) {
        for (int j = 0; j < 4; j++) {
            vint m = vi_and(vf_bits(vf_load(x + i + (size_t)j * LANES)), absolute);
            largest[j] = vi_max(largest[j], vi_if_less(m, infinity, m));
        }
    }
    uint32_t wide = vi_reduce_max(vi_max(vi_max(largest[0], largest[1]), vi_max(largest[2], largest[3])));
    uint32_t tail = mote_largest_magnitude__c(count - i, x + i);
    return wide > tail ? wide : tail;
}
