/* Plain files through io/stream.h; packed ones through htslib's bgzf, which undoes gzip and bgzip. */
#include "io/unpack.h"

#include <string.h>

#include "io/format.h"

#ifdef MOTE_WITH_HTSLIB

#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/hts_log.h>

/* What htslib says on the standard error is ours to say; the level is put back for a host that uses htslib itself. */
static ssize_t read_quietly(BGZF *stream, void *bytes, size_t size)
{
    enum htsLogLevel level = hts_get_log_level();
    hts_set_log_level(HTS_LOG_OFF);
    ssize_t count = bgzf_read(stream, bytes, size);
    hts_set_log_level(level);
    return count;
}

/* Hands the descriptor of the input to htslib. */
static mote_status open_packed(mote_unpack *unpack)
{
    mote_input *input = &unpack->input;
    enum htsLogLevel level = hts_get_log_level();
    hts_set_log_level(HTS_LOG_OFF);
    BGZF *stream = NULL;
    hFILE *file = hdopen(input->descriptor, "r");
    if (file) {
        input->descriptor = -1;
        stream = bgzf_hopen(file, "r");
        if (!stream) {
            (void)!hclose(file);
        }
    }
    unpack->stream = stream;
    bool whole = stream && (bgzf_compression(stream) != bgzf || bgzf_check_EOF(stream) != 0);
    hts_set_log_level(level);
    if (!stream) {
        return mote_fail(input->context, MOTE_ERROR_IO, "%s: cannot be read", input->path);
    }
    if (!whole) {
        return mote_bad_path(input->context, input->path, "truncated: the block that ends a bgzip file is missing");
    }
    return MOTE_OK;
}

static mote_status read_packed(mote_unpack *unpack, size_t size, void *bytes, size_t *count)
{
    const mote_input *input = &unpack->input;
    mote_fault fault = mote_fault_check(input->context, MOTE_FAULT_READ);
    if (fault == MOTE_FAULT_FAIL) {
        return mote_fail(input->context, MOTE_ERROR_IO, "%s: cannot read", input->path);
    }
    ssize_t got = read_quietly(unpack->stream, bytes, fault == MOTE_FAULT_SHORT ? (size + 1) / 2 : size);
    if (got < 0) {
        return mote_bad_path(input->context, input->path, "the compressed data is damaged or cut off");
    }
    *count = (size_t)got;
    return MOTE_OK;
}

static void close_packed(mote_unpack *unpack)
{
    if (unpack->stream) {
        bgzf_close(unpack->stream);
    }
}

#else

static mote_status open_packed(mote_unpack *unpack)
{
    return mote_fail(unpack->input.context, MOTE_ERROR_UNSUPPORTED,
                     "%s: gzip files need htslib, and this build has none", unpack->input.path);
}

static mote_status read_packed(mote_unpack *unpack, size_t size, void *bytes, size_t *count)
{
    (void)size, (void)bytes, (void)count;
    return open_packed(unpack);
}

static void close_packed(mote_unpack *unpack) { (void)unpack; }

#endif

mote_status mote_unpack_open(mote_context *context, const char *path, mote_unpack *unpack)
{
    uint8_t head[2] = {0};
    *unpack = (mote_unpack){.input = {.descriptor = -1}};
    mote_status status = mote_input_open(context, path, &unpack->input);
    if (status == MOTE_OK && unpack->input.size >= sizeof head) {
        status = mote_input_read(&unpack->input, 0, sizeof head, head);
    }
    if (status == MOTE_OK && head[0] == 0x1F && head[1] == 0x8B) {
        status = open_packed(unpack);
    }
    if (status != MOTE_OK) {
        mote_unpack_close(unpack);
    }
    return status;
}

mote_status mote_unpack_read(mote_unpack *unpack, size_t size, void *bytes, size_t *count)
{
    *count = 0;
    if (unpack->stream) {
        return read_packed(unpack, size, bytes, count);
    }
    uint64_t left = unpack->input.size - unpack->at;
    size_t wanted = left < size ? (size_t)left : size;
    mote_status status = mote_input_read(&unpack->input, unpack->at, wanted, bytes);
    if (status == MOTE_OK) {
        unpack->at += wanted;
        *count = wanted;
    }
    return status;
}

void mote_unpack_close(mote_unpack *unpack)
{
    close_packed(unpack);
    if (unpack->input.context) {
        mote_input_close(&unpack->input);
    }
    *unpack = (mote_unpack){.input = {.descriptor = -1}};
}
