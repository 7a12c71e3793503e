/* cmocka with what it needs in front of it, and a context for tests. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mote/mote.h"

static inline mote_context *unit_context(int threads, const char *cpu)
{
    mote_context *context = NULL;
    mote_context_options options = {.threads = threads, .cpu = cpu};
    char message[256] = "";
    if (mote_context_create(&options, &context, message, sizeof message) != MOTE_OK) {
        fail_msg("%s", message);
    }
    return context;
}

/* Fails with the context's message if status is not MOTE_OK. */
static inline void unit_ok(const mote_context *context, mote_status status)
{
    if (status != MOTE_OK) {
        fail_msg("%s", mote_context_message(context));
    }
}

/* Planes for a layout, from malloc. */
static inline mote_tensor unit_tensor(mote_context *context, mote_layout layout)
{
    mote_layout_sizes sizes;
    mote_tensor tensor = {.layout = layout, .tensor_scale = 1};
    assert_int_equal(mote_layout_measure(context, &layout, &sizes), MOTE_OK);
    tensor.elements = calloc(1, sizes.element_bytes + 1);
    tensor.scales = calloc(1, sizes.scale_bytes + 1);
    return tensor;
}

static inline void unit_free(mote_tensor *tensor)
{
    free(tensor->elements);
    free(tensor->scales);
}

/* A repeatable value for position i: all signs, many exponents, now and then zero. */
static inline float unit_value(size_t i)
{
    uint32_t r = (uint32_t)(i * 2654435761u) ^ (uint32_t)(i >> 7) * 40503u;
    float mantissa = 1 + (float)(r & 0xFFFF) / 65536;
    float scale = 1.0f / (float)(1u << (r >> 16 & 15));
    return r % 61 == 0 ? 0 : (r >> 31 ? -mantissa : mantissa) * scale;
}

#endif
