/* A file of tensors with arbitrary bytes: open, read everything, twice; both times must go the same way. */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/format.h"

/* A file of a few KiB has no business asking for more than this: a large request is a finding. */
static const size_t fuzz_reasonable = (size_t)64 << 20;

static inline uint64_t fuzz_read_all(mote_context *context, const char *path)
{
    mote_file *file;
    mote_status status = mote_file_open(context, path, &file);
    uint64_t digest = (uint64_t)status;
    for (size_t i = 0; status == MOTE_OK && i < mote_file_tensor_count(file); i++) {
        const mote_tensor_info *info = mote_file_tensor(file, i);
        if (info->element_bytes > fuzz_reasonable || info->scale_bytes > fuzz_reasonable) {
            fprintf(stderr, "tensor '%s' claims %zu bytes\n", info->name, info->element_bytes);
            abort();
        }
        mote_tensor tensor = {.elements = calloc(1, info->element_bytes + 1),
                              .scales = calloc(1, info->scale_bytes + 1)};
        mote_status read = mote_file_read(file, i, &tensor);
        mote_summary summary;
        if (read == MOTE_OK) {
            mote_summarize(context, &tensor, &summary);
        }
        digest = digest * 31 + (uint64_t)read + strlen(info->name);
        for (size_t b = 0; b < info->element_bytes; b++) {
            digest = digest * 31 + ((uint8_t *)tensor.elements)[b];
        }
        free(tensor.elements);
        free(tensor.scales);
    }
    if (status != MOTE_OK && !*mote_context_message(context)) {
        fprintf(stderr, "a failure without a message\n");
        abort();
    }
    mote_file_close(file);
    return digest;
}

/* Bytes that are not of the format are left alone. */
static inline int fuzz_file(const mote_file_kind *format, const uint8_t *data, size_t size)
{
    uint8_t head[MOTE_HEAD_BYTES] = {0};
    if (size) { /* data may be NULL otherwise */
        memcpy(head, data, size < sizeof head ? size : sizeof head);
    }
    if (!format->matches(head, size < sizeof head ? size : sizeof head)) {
        return 0;
    }
    static mote_context *context;
    static int descriptor = -1;
    static char path[64];
    if (!context) {
        mote_context_options options = {.threads = 1};
        if (mote_context_create(&options, &context, NULL, 0) != MOTE_OK) {
            abort();
        }
        descriptor = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size) {
        abort();
    }
    if (fuzz_read_all(context, path) != fuzz_read_all(context, path)) {
        fprintf(stderr, "the same bytes were read in two ways\n");
        abort();
    }
    return 0;
}

#endif
