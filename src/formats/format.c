/* The traits table: one row a format. docs/formats.md explains each column. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "formats/element.h"

/* An element type: its codec constants and the two figures that people ask for. */
/* name                                bits m  emin emax largest inf     nan    int8 */
static const mote_element e4m3 = {8, 3, -6, 8, 0x7E, 0, 0x7F, false};
static const mote_element e5m2 = {8, 2, -14, 15, 0x7B, 0x7C, 0x7D, false};
static const mote_element e3m2 = {6, 2, -2, 4, 0x1F, 0, 0, false};
static const mote_element e2m3 = {6, 3, 0, 2, 0x1F, 0, 0, false};
static const mote_element e2m1 = {4, 1, 0, 2, 0x7, 0, 0, false};
static const mote_element int8 = {8, 6, 0, 0, 0x7F, 0, 0, true};
static const mote_element bf16 = {16, 7, -126, 127, 0x7F7F, 0x7F80, 0x7F81, false};
static const mote_element fp16 = {16, 10, -14, 15, 0x7BFF, 0x7C00, 0x7C01, false};

typedef struct row {
    mote_format_traits traits;
    const mote_element *element;
} row;

#define TARGET  MOTE_KIND_TARGET
#define SOURCE  MOTE_KIND_SOURCE
#define CARRIED MOTE_KIND_CARRIED

/* columns: name, summary, kind, element bits, block length, block bytes, scale bytes,
 * exponent bits, mantissa bits, emax, emin, largest, smallest, bits per value; element */
static const row rows[MOTE_FORMAT_COUNT] = {
    [MOTE_FP32] = {{"fp32", "IEEE 754 single precision", TARGET, 32, 1, 0, 0, 8, 23, 127, -126, 0x1.fffffep127,
                    0x1p-149, 32},
                   NULL},
    [MOTE_BF16] = {{"bf16", "bfloat16: FP32 without its last 16 bits", TARGET, 16, 1, 0, 0, 8, 7, 127, -126, 0x1.fep127,
                    0x1p-133, 16},
                   &bf16},
    [MOTE_FP16] = {{"fp16", "IEEE 754 half precision", TARGET, 16, 1, 0, 0, 5, 10, 15, -14, 65504, 0x1p-24, 16}, &fp16},
    [MOTE_MXFP8_E4M3] = {{"mxfp8_e4m3", "OCP MX: 32 E4M3 elements, E8M0 scale", TARGET, 8, 32, 32, 1, 4, 3, 8, -6, 448,
                          0x1p-9, 8.25},
                         &e4m3},
    [MOTE_MXFP8_E5M2] = {{"mxfp8_e5m2", "OCP MX: 32 E5M2 elements, E8M0 scale", TARGET, 8, 32, 32, 1, 5, 2, 15, -14,
                          57344, 0x1p-16, 8.25},
                         &e5m2},
    [MOTE_MXFP6_E3M2] = {{"mxfp6_e3m2", "OCP MX: 32 E3M2 elements, E8M0 scale", TARGET, 6, 32, 24, 1, 3, 2, 4, -2, 28,
                          0x1p-4, 6.25},
                         &e3m2},
    [MOTE_MXFP6_E2M3] = {{"mxfp6_e2m3", "OCP MX: 32 E2M3 elements, E8M0 scale", TARGET, 6, 32, 24, 1, 2, 3, 2, 0, 7.5,
                          0x1p-3, 6.25},
                         &e2m3},
    [MOTE_MXFP4_E2M1] = {{"mxfp4_e2m1", "OCP MX: 32 E2M1 elements, E8M0 scale", TARGET, 4, 32, 16, 1, 2, 1, 2, 0, 6,
                          0x1p-1, 4.25},
                         &e2m1},
    [MOTE_MXINT8] = {{"mxint8", "OCP MX: 32 signed bytes of 1/64, E8M0 scale", TARGET, 8, 32, 32, 1, 0, 6, 0, 0,
                      127.0 / 64, 0x1p-6, 8.25},
                     &int8},
    [MOTE_NVFP4] = {{"nvfp4", "NVIDIA: 16 E2M1 elements, E4M3 scale, FP32 tensor scale", TARGET, 4, 16, 8, 1, 2, 1, 2,
                     0, 6, 0x1p-1, 4.5},
                    &e2m1},
    [MOTE_FP64] = {{"fp64", "IEEE 754 double precision", SOURCE, 64, 1, 0, 0, 11, 52, 1023, -1022,
                    0x1.fffffffffffffp1023, 0x1p-1074, 64},
                   NULL},
    [MOTE_FP8_E4M3] = {{"fp8_e4m3", "E4M3 elements without a block scale", SOURCE, 8, 1, 0, 0, 4, 3, 8, -6, 448, 0x1p-9,
                        8},
                       &e4m3},
    [MOTE_FP8_E5M2] = {{"fp8_e5m2", "E5M2 elements without a block scale", SOURCE, 8, 1, 0, 0, 5, 2, 15, -14, 57344,
                        0x1p-16, 8},
                       &e5m2},
    [MOTE_FP8_E8M0] = {{"fp8_e8m0", "powers of two, the scale type of MX", SOURCE, 8, 1, 0, 0, 8, 0, 127, -127, 0x1p127,
                        0x1p-127, 8},
                       NULL},
    [MOTE_FP6_E3M2] = {{"fp6_e3m2", "E3M2 elements without a block scale", SOURCE, 6, 1, 0, 0, 3, 2, 4, -2, 28, 0x1p-4,
                        6},
                       &e3m2},
    [MOTE_FP6_E2M3] = {{"fp6_e2m3", "E2M3 elements without a block scale", SOURCE, 6, 1, 0, 0, 2, 3, 2, 0, 7.5, 0x1p-3,
                        6},
                       &e2m3},
    [MOTE_FP4_E2M1] = {{"fp4_e2m1", "E2M1 elements without a block scale", SOURCE, 4, 1, 0, 0, 2, 1, 2, 0, 6, 0x1p-1,
                        4},
                       &e2m1},
    [MOTE_Q8_0] = {{"q8_0", "GGUF: 32 signed bytes, FP16 scale", SOURCE, 8, 32, 32, 2, 0, 0, 6, 0, 127, 1, 8.5}, NULL},
    [MOTE_INT8] = {{"int8", "signed 8-bit integers", CARRIED, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 8}, NULL},
    [MOTE_INT16] = {{"int16", "signed 16-bit integers", CARRIED, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 16}, NULL},
    [MOTE_INT32] = {{"int32", "signed 32-bit integers", CARRIED, 32, 1, 0, 0, 0, 0, 0, 0, 0, 0, 32}, NULL},
    [MOTE_INT64] = {{"int64", "signed 64-bit integers", CARRIED, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 64}, NULL},
    [MOTE_UINT8] = {{"uint8", "unsigned 8-bit integers", CARRIED, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 8}, NULL},
    [MOTE_UINT16] = {{"uint16", "unsigned 16-bit integers", CARRIED, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 16}, NULL},
    [MOTE_UINT32] = {{"uint32", "unsigned 32-bit integers", CARRIED, 32, 1, 0, 0, 0, 0, 0, 0, 0, 0, 32}, NULL},
    [MOTE_UINT64] = {{"uint64", "unsigned 64-bit integers", CARRIED, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 64}, NULL},
    [MOTE_BOOL] = {{"bool", "one byte a truth value", CARRIED, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 8}, NULL},
    [MOTE_COMPLEX64] = {{"complex64", "two FP32 a value", CARRIED, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 64}, NULL},
};

const mote_format_traits *mote_format_get(mote_format format)
{
    return (unsigned)format < MOTE_FORMAT_COUNT ? &rows[format].traits : NULL;
}

const mote_element *mote_element_get(mote_format format) { return rows[format].element; }

mote_format mote_format_find(const char *name)
{
    static const struct {
        const char *alias;
        mote_format format;
    } aliases[] = {{"mxfp8", MOTE_MXFP8_E4M3}, {"mxfp6", MOTE_MXFP6_E3M2}, {"mxfp4", MOTE_MXFP4_E2M1}};
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(name, aliases[i].alias) == 0) {
            return aliases[i].format;
        }
    }
    int format = 0;
    while (format < MOTE_FORMAT_COUNT && strcmp(name, rows[format].traits.name) != 0) {
        format++;
    }
    return (mote_format)format;
}

double mote_element_value(mote_format format, uint32_t code)
{
    if (format == MOTE_FP8_E8M0) {
        return (double)mote_bits_float(mote_e8m0_bits(code & 0xFF));
    }
    if ((unsigned)format >= MOTE_FORMAT_COUNT || !rows[format].element) {
        return NAN;
    }
    return (double)mote_decode_element(rows[format].element, code);
}

const char *mote_rounding_name(mote_rounding rounding)
{
    static const char *const names[] = {"nearest_even", "nearest_away", "toward_zero", "stochastic"};
    return (unsigned)rounding < MOTE_ROUNDING_COUNT ? names[rounding] : NULL;
}

const char *mote_scale_rule_name(mote_scale_rule rule)
{
    static const char *const names[] = {"floor", "even", "ceil"};
    return (unsigned)rule < MOTE_SCALE_RULE_COUNT ? names[rule] : NULL;
}

uint32_t mote_unpack_code(const uint8_t *elements, int bits, size_t index)
{
    switch (bits) {
    case 4: return elements[index / 2] >> 4 * (index % 2) & 0xF;
    case 6: { /* one or two bytes hold it: a plane may end right behind */
        size_t byte = index * 6 / 8, bit = index * 6 % 8;
        uint32_t word = elements[byte];
        if (bit > 2) {
            word |= (uint32_t)elements[byte + 1] << 8;
        }
        return word >> bit & 0x3F;
    }
    case 8: return elements[index];
    default: return elements[2 * index] | (uint32_t)elements[2 * index + 1] << 8;
    }
}
