/* A file of tensors with arbitrary bytes: open, read everything, twice; both times must go the same way. */
#ifndef TESTS_FUZZ_TENSORS_H
#define TESTS_FUZZ_TENSORS_H

#include "fuzz.h"
#include "io/format.h"

static inline uint64_t fuzz_read_tensors(mote_context *context, const char *path)
{
    /* A file of a few KiB has no business asking for more than this: a large request is a finding. */
    const size_t reasonable = (size_t)64 << 20;
    mote_file *file;
    mote_status status = mote_file_open(context, path, &file);
    uint64_t digest = (uint64_t)status;
    for (size_t i = 0; status == MOTE_OK && i < mote_file_tensor_count(file); i++) {
        const mote_tensor_info *info = mote_file_tensor(file, i);
        demand(info->element_bytes <= reasonable && info->scale_bytes <= reasonable, "a tensor claims too many bytes");
        mote_tensor tensor = {.elements = calloc(1, info->element_bytes + 1),
                              .scales = calloc(1, info->scale_bytes + 1)};
        mote_status read = mote_file_read(file, i, &tensor);
        mote_summary summary;
        if (read == MOTE_OK) {
            mote_summarize(context, &tensor, &summary);
        }
        digest = fuzz_digest(digest * 31 + (uint64_t)read + strlen(info->name), tensor.elements, info->element_bytes);
        free(tensor.elements);
        free(tensor.scales);
    }
    demand_message(context, status);
    mote_file_close(file);
    return digest;
}

/* Bytes that are not of the format are left alone. */
static inline int fuzz_tensors(const mote_file_kind *format, const uint8_t *data, size_t size)
{
    uint8_t head[MOTE_HEAD_BYTES] = {0};
    if (size) { /* data may be NULL otherwise */
        memcpy(head, data, size < sizeof head ? size : sizeof head);
    }
    if (format->matches(head, size < sizeof head ? size : sizeof head)) {
        mote_context *context = fuzz_context();
        const char *path = fuzz_file(data, size);
        demand(fuzz_read_tensors(context, path) == fuzz_read_tensors(context, path),
               "the same bytes were read in two ways");
    }
    return 0;
}

#endif
