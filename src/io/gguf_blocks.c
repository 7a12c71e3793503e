/* The blocks of GGUF: scale and elements side by side, nibbles split by halves, against mote's two planes with
 * neighbours in one byte. */
#include <string.h>

#include "formats/element.h"
#include "io/gguf.h"

static const mote_gguf_type types[] = {
    {0, MOTE_FP32, 1, 4},          {1, MOTE_FP16, 1, 2},     {30, MOTE_BF16, 1, 2}, {8, MOTE_Q8_0, 32, 34},
    {39, MOTE_MXFP4_E2M1, 32, 17}, {40, MOTE_NVFP4, 64, 36}, {24, MOTE_INT8, 1, 1}, {25, MOTE_INT16, 1, 2},
    {26, MOTE_INT32, 1, 4},        {27, MOTE_INT64, 1, 8},   {28, MOTE_FP64, 1, 8},
};

enum { TYPES = sizeof types / sizeof types[0] };

const mote_gguf_type *mote_gguf_type_by_number(uint32_t number)
{
    for (int i = 0; i < TYPES; i++) {
        if (types[i].number == number) {
            return &types[i];
        }
    }
    return NULL;
}

const mote_gguf_type *mote_gguf_type_for(mote_format format)
{
    format = format == MOTE_MXINT8 ? MOTE_Q8_0 : format;
    for (int i = 0; i < TYPES; i++) {
        if (types[i].format == format) {
            return &types[i];
        }
    }
    return NULL;
}

const char *mote_gguf_type_name(uint32_t number)
{
    static const char *const names[] = {
        "F32",   "F16",    "Q4_0",  "Q4_1", NULL,   NULL,      "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
        "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
        "IQ2_S", "IQ4_XS", "I8",    "I16",  "I32",  "I64",     "F64",    "IQ1_M",   "BF16",  NULL,     NULL,
        NULL,    "TQ1_0",  "TQ2_0", NULL,   NULL,   NULL,      "MXFP4",  "NVFP4",   "Q1_0",  "Q2_0"};
    const char *name = number < sizeof names / sizeof names[0] ? names[number] : NULL;
    return name ? name : "an unknown type";
}

/* half values in the low nibbles, then half in the high ones, to neighbours in one byte; and back. */
static void join_nibbles(int half, const uint8_t *split, uint8_t *joined)
{
    for (int i = 0; i < half / 2; i++) {
        joined[i] = (uint8_t)((split[2 * i] & 0xF) | (split[2 * i + 1] & 0xF) << 4);
        joined[half / 2 + i] = (uint8_t)(split[2 * i] >> 4 | (split[2 * i + 1] & 0xF0));
    }
}

static void split_nibbles(int half, const uint8_t *joined, uint8_t *split)
{
    for (int i = 0; i < half / 2; i++) {
        uint8_t low = joined[i], high = joined[half / 2 + i];
        split[2 * i] = (uint8_t)((low & 0xF) | (high & 0xF) << 4);
        split[2 * i + 1] = (uint8_t)(low >> 4 | (high & 0xF0));
    }
}

void mote_gguf_unpack(const mote_gguf_type *type, size_t count, const uint8_t *bytes, uint8_t *elements,
                      uint8_t *scales)
{
    if (type->values == 1) {
        memcpy(elements, bytes, count * type->bytes);
        return;
    }
    for (size_t i = 0; i < count; i++, bytes += type->bytes) {
        if (type->format == MOTE_MXFP4_E2M1) {
            scales[i] = bytes[0];
            join_nibbles(16, bytes + 1, elements + 16 * i);
        } else if (type->format == MOTE_NVFP4) {
            memcpy(scales + 4 * i, bytes, 4);
            for (size_t s = 0; s < 4; s++) {
                join_nibbles(8, bytes + 4 + 8 * s, elements + 32 * i + 8 * s);
            }
        } else {
            memcpy(scales + 2 * i, bytes, 2);
            memcpy(elements + 32 * i, bytes + 2, 32);
        }
    }
}

/* The FP16 of 2^(scale - 127) / 64, exact; false if FP16 has no such number. */
static bool half_of_scale(uint8_t scale, const uint8_t *elements, uint16_t *half)
{
    static const uint8_t zeros[32]; /* the elements of one block */
    enum { BIAS = 15, SMALLEST = -24, LARGEST = 15, SUBNORMAL = -14 };
    int exponent = scale - MOTE_FP32_BIAS - 6;
    *half = 0;
    if (memcmp(elements, zeros, sizeof zeros) == 0 && scale != MOTE_E8M0_NAN) {
        return true;
    }
    if (exponent < SMALLEST || exponent > LARGEST) {
        return false;
    }
    *half = (uint16_t)(exponent < SUBNORMAL ? 1 << (exponent - SMALLEST) : (exponent + BIAS) << 10);
    return true;
}

bool mote_gguf_pack(const mote_gguf_type *type, mote_format format, size_t count, const uint8_t *elements,
                    const uint8_t *scales, uint8_t *bytes)
{
    if (type->values == 1) {
        memcpy(bytes, elements, count * type->bytes);
        return true;
    }
    for (size_t i = 0; i < count; i++, bytes += type->bytes) {
        if (type->format == MOTE_MXFP4_E2M1) {
            if (scales[i] == MOTE_E8M0_NAN) {
                return false;
            }
            bytes[0] = scales[i];
            split_nibbles(16, elements + 16 * i, bytes + 1);
        } else if (type->format == MOTE_NVFP4) {
            for (size_t s = 0; s < 4; s++) {
                if (scales[4 * i + s] == MOTE_E4M3_NAN) {
                    return false;
                }
                split_nibbles(8, elements + 32 * i + 8 * s, bytes + 4 + 8 * s);
            }
            memcpy(bytes, scales + 4 * i, 4);
        } else {
            uint16_t half = 0;
            if (format == MOTE_MXINT8 && !half_of_scale(scales[i], elements + 32 * i, &half)) {
                return false;
            }
            mote_store_little_endian(bytes, 2, half);
            if (format == MOTE_Q8_0) {
                memcpy(bytes, scales + 2 * i, 2);
            }
            memcpy(bytes + 2, elements + 32 * i, 32);
        }
    }
    return true;
}

const char *mote_gguf_scale_name(mote_context *context, mote_arena *arena, const char *name)
{
    static const char weight[] = ".weight", scale[] = ".scale";
    size_t length = strlen(name), end = sizeof weight - 1;
    size_t stem = length > end && strcmp(name + length - end, weight) == 0 ? length - end : length;
    char *result = mote_arena_allocate(context, arena, stem + sizeof scale);
    if (result) {
        memcpy(result, name, stem);
        memcpy(result + stem, scale, sizeof scale);
    }
    return result;
}
