/* Every FP32 pattern as a block of one element, against ref/, for every format.
 *
 *   exhaustive          a stratified million patterns for every format, rounding and scale rule
 *   exhaustive --all    all 2^32 patterns at nearest even (and floor), then the stratified set
 *
 * Stratified: in every binade the edges and their neighbours, ties at every mantissa width and their neighbours, then
 * random mantissas; both signs; subnormals, infinities and NaN. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "mx.h"

enum { BATCH = 4096, STRATIFIED = 1 << 20 };

static const mote_format formats[] = {MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_MXFP6_E3M2,
                                      MOTE_MXFP6_E2M3, MOTE_MXFP4_E2M1, MOTE_MXINT8,
                                      MOTE_NVFP4,      MOTE_BF16,       MOTE_FP16};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static uint32_t stratified[STRATIFIED];

static void make_stratified(void)
{
    size_t count = 0;
    uint64_t state = 2026;
    for (uint32_t field = 0; field < 256; field++) {
        uint32_t base = field << 23;
        for (int keep = 0; keep <= 10; keep++) { /* ties of elements with keep mantissa bits, at most 64 of each */
            uint32_t tie = 1u << (22 - keep), step = keep > 6 ? 1u << (keep - 6) : 1;
            for (uint32_t k = 0; k < 1u << keep; k += step) {
                uint32_t middle = base | (k + (k / step % 2)) << (23 - keep) | tie;
                stratified[count++] = middle - 1;
                stratified[count++] = middle;
                stratified[count++] = middle + 1;
            }
        }
        uint32_t edges[] = {base, base + 1, base | 0x7FFFFF, base | 0x7FFFFE};
        memcpy(stratified + count, edges, sizeof edges);
        count += 4;
    }
    for (; count < STRATIFIED; count++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        stratified[count] = (uint32_t)(state >> 32);
    }
    for (count = 0; count < STRATIFIED; count += 2) {
        stratified[count] ^= 0x80000000u;
    }
}

static mote_block_spec make_spec(mote_format format, const mote_quantize_options *options)
{
    const mote_element *element = mote_element_get(format);
    mote_block_spec spec = {.element = element,
                            .block = mote_format_get(format)->block_length,
                            .rounding = options->rounding,
                            .increment = mote_scale_increment(element, options->scale_rule),
                            .tensor_scale = 1,
                            .encode_scale = 1};
    if (format == MOTE_NVFP4) {
        ref_nvfp4_scales(1000, &spec.encode_scale, &spec.tensor_scale);
    }
    return spec;
}

static bool is_half(mote_format format) { return format == MOTE_BF16 || format == MOTE_FP16; }

/* Random words where they decide: at the threshold of stochastic rounding, one below, one above, and anywhere. */
static void choose_words(mote_format format, mote_scale_rule rule, size_t count, const float *x, uint32_t *random)
{
    for (size_t i = 0; i < count; i++) {
        double y = x[i];
        if (!isfinite(x[i])) {
            y = 0;
        } else if (format != MOTE_NVFP4 && !is_half(format)) {
            y = ldexp(y, 127 - (int)ref_block_scale(format, rule, 1, x + i));
        }
        uint32_t threshold = ref_fraction(format, y), word = ref_philox(1, i);
        random[i] = word % 4 == 3 ? word : threshold + word % 4 - 1;
    }
}

/* What ref/ says of one value. */
static void expect(mote_format format, const mote_quantize_options *options, const mote_block_spec *spec, float x,
                   uint32_t random, unsigned *code, uint8_t *scale)
{
    uint8_t byte = 0;
    *scale = 0;
    if (is_half(format)) {
        *code = ref_narrow(format, x, options->rounding, random);
        return;
    }
    if (format == MOTE_NVFP4) {
        ref_quantize_nvfp4(options->rounding, spec->encode_scale, spec->tensor_scale, 1, &x, &random, &byte, scale);
    } else {
        ref_quantize_mx(format, options, 1, &x, &random, &byte, scale);
    }
    *code = byte;
}

/* One batch of blocks of one value through the column kernel (every fourth batch: one call of the row kernel a value)
 * and through ref/; returns the number of differences and prints the first. */
static size_t check_batch(const mote_kernels *kernels, mote_format format, const mote_quantize_options *options,
                          const float *x, const uint32_t *random, bool rows)
{
    uint32_t maxima[BATCH];
    uint8_t elements[BATCH * 32], scales[BATCH] = {0};
    uint16_t halves[BATCH];
    const mote_format_traits *traits = mote_format_get(format);
    mote_block_spec spec = make_spec(format, options);
    size_t bytes = (size_t)traits->block_bytes, bad = 0;
    if (is_half(format)) {
        kernels->narrow(format, options->rounding, BATCH, x, random, halves);
    } else if (rows) {
        for (size_t i = 0; i < BATCH; i++) {
            kernels->quantize_rows(&spec, 1, x + i, random + i, elements + i * bytes, scales + i);
        }
    } else {
        kernels->column_maxima(1, BATCH, x, BATCH, maxima);
        kernels->quantize_columns(&spec, 1, BATCH, x, x, BATCH, maxima, random, elements, bytes, scales, 1);
    }
    for (size_t i = 0; i < BATCH; i++) {
        unsigned code, found = is_half(format) ? halves[i] : elements[i * bytes] & ((1u << traits->element_bits) - 1);
        uint8_t scale;
        expect(format, options, &spec, x[i], random[i], &code, &scale);
        if ((found != code || scales[i] != scale) && bad++ == 0) {
            printf("%s %s %s of %a: code %#x scale %#x, expected %#x %#x\n", traits->name,
                   mote_rounding_name(options->rounding), mote_scale_rule_name(options->scale_rule), (double)x[i],
                   found, scales[i], code, scale);
        }
    }
    return bad;
}

static size_t check_stratified(const mote_kernels *kernels)
{
    size_t bad = 0;
    for (int f = 0; f < FORMATS; f++) {
        bool one_rule = formats[f] == MOTE_NVFP4 || is_half(formats[f]);
        for (int i = 0; i < MOTE_ROUNDING_COUNT * (one_rule ? 1 : MOTE_SCALE_RULE_COUNT); i++) {
            mote_quantize_options options = {(mote_rounding)(i % MOTE_ROUNDING_COUNT),
                                             (mote_scale_rule)(i / MOTE_ROUNDING_COUNT), 0};
#pragma omp parallel for schedule(dynamic, 4) reduction(+ : bad)
            for (size_t at = 0; at < STRATIFIED; at += BATCH) {
                float x[BATCH];
                uint32_t random[BATCH] = {0};
                memcpy(x, stratified + at, sizeof x);
                if (options.rounding == MOTE_STOCHASTIC) {
                    choose_words(formats[f], options.scale_rule, BATCH, x, random);
                }
                bad += check_batch(kernels, formats[f], &options, x, random, at / BATCH % 4 == 3);
            }
        }
    }
    return bad;
}

static size_t check_all(const mote_kernels *kernels)
{
    const mote_quantize_options options = {MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
    const uint64_t patterns = UINT64_C(1) << 32;
    size_t bad = 0;
    for (int f = 0; f < FORMATS; f++) {
        size_t here = 0;
#pragma omp parallel for schedule(dynamic, 64) reduction(+ : here)
        for (uint64_t at = 0; at < patterns; at += BATCH) {
            float x[BATCH];
            static const uint32_t none[BATCH];
            for (uint32_t k = 0; k < BATCH; k++) {
                uint32_t bits = (uint32_t)at + k;
                memcpy(x + k, &bits, sizeof bits);
            }
            here += check_batch(kernels, formats[f], &options, x, none, false);
        }
        printf("%-11s all 2^32 patterns: %zu differences\n", mote_format_get(formats[f])->name, here);
        fflush(stdout);
        bad += here;
    }
    return bad;
}

int main(int argc, char **argv)
{
    size_t bad = 0;
    int levels = 0;
    make_stratified();
    mote_kernels before = {0};
    for (int level = 0; level <= (int)mote_cpu_best(); level++) {
        mote_kernels kernels;
        mote_kernels_select(&kernels, (mote_cpu_level)level);
        if (memcmp(&kernels, &before, sizeof kernels) == 0) {
            continue; /* a level without kernels of its own here */
        }
        before = kernels;
        size_t here = check_stratified(&kernels);
        printf("level %-10s stratified: %zu differences\n", mote_cpu_level_name((mote_cpu_level)level), here);
        bad += here;
        levels++;
    }
    if (argc > 1 && strcmp(argv[1], "--all") == 0) {
        mote_kernels kernels;
        mote_kernels_select(&kernels, mote_cpu_best());
        bad += check_all(&kernels);
    }
    printf("%d passed, %d failed\n", bad ? 0 : levels, bad ? levels : 0);
    return bad != 0;
}
