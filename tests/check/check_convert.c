/* Families convert and random against ref/. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "mx.h"

enum { X, RANDOM, CODES };

static const mote_format formats[] = {MOTE_BF16, MOTE_FP16};

void check_narrow(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int i = 0; i < 2 * MOTE_ROUNDING_COUNT * CHECK_PATTERNS; i++) {
            mote_format format = formats[i % 2];
            mote_rounding rounding = (mote_rounding)(i / 2 % MOTE_ROUNDING_COUNT);
            float *x = check_buffer(X, count * sizeof *x);
            uint32_t *random = check_buffer(RANDOM, count * sizeof *random);
            uint16_t *codes = check_buffer(CODES, count * sizeof *codes);
            check_values_of(i % CHECK_PATTERNS, x, count);
            for (size_t j = 0; j < count; j++) {
                random[j] = check_random();
            }
            ((mote_narrow_fn *)kernel->function)(format, rounding, count, x, random, codes);
            for (size_t j = 0; j < count; j++) {
                unsigned expected = ref_narrow(format, x[j], rounding, random[j]);
                if (codes[j] != expected) {
                    check_fail("%s %s of %a: %#x, expected %#x", mote_format_get(format)->name,
                               mote_rounding_name(rounding), (double)x[j], codes[j], expected);
                    break;
                }
            }
            if (!check_intact(CODES)) {
                check_fail("bytes in front, %zu values", count);
            }
        }
    }
}

void check_widen(const check_kernel *kernel)
{
    enum { ALL = 65536 };
    for (int f = 0; f < 2; f++) {
        uint16_t *codes = check_buffer(CODES, ALL * sizeof *codes);
        float *y = check_buffer(X, ALL * sizeof *y);
        for (int i = 0; i < ALL; i++) {
            codes[i] = (uint16_t)i;
        }
        for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
            ((mote_widen_fn *)kernel->function)(formats[f], count, codes + ALL - count, y + ALL - count);
        }
        ((mote_widen_fn *)kernel->function)(formats[f], ALL, codes, y);
        for (unsigned i = 0; i < ALL; i++) {
            uint32_t bits, expected_bits;
            float expected = ref_widen(formats[f], i);
            memcpy(&bits, y + i, sizeof bits);
            memcpy(&expected_bits, &expected, sizeof expected_bits);
            if (bits != (isnan(expected) ? 0x7FC00000u : expected_bits)) {
                check_fail("%s code %#x: %a, expected %a", mote_format_get(formats[f])->name, i, (double)y[i],
                           (double)expected);
                break;
            }
        }
    }
}

void check_random_words(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        uint32_t *words = check_buffer(RANDOM, count * sizeof *words);
        uint64_t stream = (uint64_t)check_random() << 32 | check_random();
        uint64_t first = count % 3 ? check_below(9) : (UINT64_C(1) << 34) - check_below(200);
        ((mote_random_words_fn *)kernel->function)(stream, first, count, words);
        for (size_t i = 0; i < count; i++) {
            if (words[i] != ref_philox(stream, first + i)) {
                check_fail("word %zu of %zu from %llu", i, count, (unsigned long long)first);
                break;
            }
        }
        if (!check_intact(RANDOM)) {
            check_fail("bytes in front, %zu words", count);
        }
    }
}

enum { COUNT = 65536 };

typedef struct timing {
    const check_kernel *kernel;
    mote_format format;
    float *x;
    uint32_t *random;
    uint16_t *codes;
} timing;

static void call_narrow(void *argument)
{
    const timing *t = argument;
    ((mote_narrow_fn *)t->kernel->function)(t->format, MOTE_NEAREST_EVEN, COUNT, t->x, NULL, t->codes);
}

static void call_widen(void *argument)
{
    const timing *t = argument;
    ((mote_widen_fn *)t->kernel->function)(t->format, COUNT, t->codes, t->x);
}

static void call_random(void *argument)
{
    const timing *t = argument;
    ((mote_random_words_fn *)t->kernel->function)(1, 0, COUNT, t->random);
}

static void time_all(const check_kernel *kernel, void (*call)(void *))
{
    for (int f = 0; f < 2; f++) {
        timing t = {.kernel = kernel, .format = formats[f]};
        t.x = check_buffer(X, COUNT * sizeof(float));
        t.codes = check_buffer(CODES, COUNT * sizeof(uint16_t));
        check_values_of(0, t.x, COUNT);
        check_time(mote_format_get(formats[f])->name, COUNT * sizeof(float), call, &t);
    }
}

void time_narrow(const check_kernel *kernel) { time_all(kernel, call_narrow); }

void time_widen(const check_kernel *kernel) { time_all(kernel, call_widen); }

void time_random_words(const check_kernel *kernel)
{
    timing t = {.kernel = kernel, .random = check_buffer(RANDOM, COUNT * sizeof(uint32_t))};
    check_time("", COUNT * sizeof(uint32_t), call_random, &t);
}
