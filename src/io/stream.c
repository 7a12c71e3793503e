/* POSIX reads and writes with every short count and EINTR handled. */
#include "io/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One system call moves at most this much: Linux stops at 2 GiB, and progress stays visible. */
enum { CHUNK = 1 << 30 };

static mote_status system_failure(mote_context *context, const char *verb, const char *path)
{
    return mote_fail(context, MOTE_ERROR_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

/* The fault hook for a transfer of size bytes: may shorten it, or fail it with the given errno. */
static bool transfer_allowed(mote_context *context, mote_fault_site site, int failure, size_t *size)
{
    switch (mote_fault_check(context, site)) {
    case MOTE_FAULT_FAIL: errno = failure; return false;
    case MOTE_FAULT_SHORT: *size = (*size + 1) / 2; return true;
    default: return true;
    }
}

mote_status mote_path_join(mote_context *context, const char *folder, const char *name, char *path)
{
    int length = snprintf(path, MOTE_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < MOTE_PATH_BYTES
               ? MOTE_OK
               : mote_fail(context, MOTE_ERROR_ARGUMENT, "'%s': the path is too long", folder);
}

mote_status mote_path_make(mote_context *context, const char *path)
{
    char part[MOTE_PATH_BYTES];
    int length = snprintf(part, sizeof part, "%s", path);
    if (length <= 0 || length >= MOTE_PATH_BYTES) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "'%.100s': expected a folder's path of 1 to %d bytes", path,
                         MOTE_PATH_BYTES - 1);
    }
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash) {
            *slash = '\0';
        }
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return system_failure(context, "make the folder", part);
        }
        if (!slash) {
            return MOTE_OK;
        }
        *slash = '/';
    }
}

mote_status mote_input_open(mote_context *context, const char *path, mote_input *input)
{
    struct stat info;
    *input = (mote_input){.context = context, .path = path, .descriptor = -1};
    if (mote_fault_check(context, MOTE_FAULT_OPEN) != MOTE_FAULT_NONE) {
        errno = EMFILE;
        return system_failure(context, "open", path);
    }
    /* O_NONBLOCK: a named pipe must not hold us up before it is refused */
    input->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (input->descriptor < 0) {
        return system_failure(context, "open", path);
    }
    if (fstat(input->descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        bool directory = S_ISDIR(info.st_mode);
        mote_input_close(input);
        return mote_fail(context, MOTE_ERROR_IO, "%s: expected a regular file, found %s", path,
                         directory ? "a directory" : "something else (pipe or device)");
    }
    input->size = (uint64_t)info.st_size;
    return MOTE_OK;
}

void mote_input_close(mote_input *input)
{
    if (input->descriptor >= 0) {
        close(input->descriptor);
        input->descriptor = -1;
    }
}

mote_status mote_input_read(const mote_input *input, uint64_t offset, size_t size, void *bytes)
{
    uint8_t *at = bytes;
    if (offset > input->size || size > input->size - offset) {
        return mote_fail(input->context, MOTE_ERROR_FILE,
                         "%s: truncated: expected %zu bytes at offset %llu, but the file has %llu bytes", input->path,
                         size, (unsigned long long)offset, (unsigned long long)input->size);
    }
    while (size > 0) {
        size_t wanted = mote_size_min(size, CHUNK);
        ssize_t count = -1;
        if (transfer_allowed(input->context, MOTE_FAULT_READ, EIO, &wanted)) {
            count = pread(input->descriptor, at, wanted, (off_t)offset);
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return system_failure(input->context, "read", input->path);
        }
        if (count == 0) {
            return mote_fail(input->context, MOTE_ERROR_FILE, "%s: the file became shorter while it was read",
                             input->path);
        }
        at += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return MOTE_OK;
}

mote_status mote_input_whole(mote_context *context, const char *path, uint64_t most, char **bytes, size_t *size)
{
    mote_input input;
    *bytes = NULL;
    mote_status status = mote_input_open(context, path, &input);
    if (status == MOTE_OK && input.size > most) {
        status = mote_fail(context, MOTE_ERROR_FILE, "%s: expected at most %llu bytes, found %llu", path,
                           (unsigned long long)most, (unsigned long long)input.size);
    }
    if (status == MOTE_OK) {
        *bytes = mote_allocate(context, (size_t)input.size);
        status = *bytes ? mote_input_read(&input, 0, (size_t)input.size, *bytes) : MOTE_ERROR_MEMORY;
    }
    *size = status == MOTE_OK ? (size_t)input.size : 0;
    mote_input_close(&input);
    return status;
}

static char *copy_text(mote_context *context, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mote_allocate(context, size);
    if (copy) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* Opens a new file beside path under a name that nobody uses; -1 with errno. */
static int create_temporary(const char *path, char *temporary, size_t size)
{
    enum { TRIES = 100 };
    int descriptor = -1;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (long i = 0; i < TRIES && descriptor < 0 && (i == 0 || errno == EEXIST); i++) {
        snprintf(temporary, size, "%s.%ld-%09ld.part", path, (long)getpid(), (now.tv_nsec + i) % 1000000000);
        descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return descriptor;
}

mote_status mote_output_create(mote_context *context, const char *path, mote_output *output)
{
    enum { SUFFIX = 64 };
    size_t size = strlen(path) + SUFFIX;
    *output = (mote_output){.context = context, .descriptor = -1};
    output->path = copy_text(context, path);
    output->temporary = output->path ? mote_allocate(context, size) : NULL;
    if (!output->temporary) {
        mote_output_discard(output);
        return MOTE_ERROR_MEMORY;
    }
    output->temporary[0] = '\0';
    if (mote_fault_check(context, MOTE_FAULT_OPEN) != MOTE_FAULT_NONE) {
        errno = ENOSPC;
    } else {
        output->descriptor = create_temporary(path, output->temporary, size);
    }
    if (output->descriptor < 0) {
        mote_status status = system_failure(context, "create", path);
        mote_release(context, output->temporary);
        output->temporary = NULL;
        mote_output_discard(output);
        return status;
    }
    return MOTE_OK;
}

mote_status mote_output_write(mote_output *output, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        size_t wanted = mote_size_min(size, CHUNK);
        ssize_t count = -1;
        if (transfer_allowed(output->context, MOTE_FAULT_WRITE, ENOSPC, &wanted)) {
            count = write(output->descriptor, at, wanted);
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return system_failure(output->context, "write", output->path);
        }
        at += count;
        output->written += (uint64_t)count;
        size -= (size_t)count;
    }
    return MOTE_OK;
}

mote_status mote_output_pad(mote_output *output, size_t size)
{
    static const uint8_t zeros[64];
    mote_status status = MOTE_OK;
    while (size > 0 && status == MOTE_OK) {
        size_t count = mote_size_min(size, sizeof zeros);
        status = mote_output_write(output, zeros, count);
        size -= count;
    }
    return status;
}

mote_status mote_output_finish(mote_output *output)
{
    mote_context *context = output->context;
    mote_status status = MOTE_OK;
    size_t everything = 1;
    if (!transfer_allowed(context, MOTE_FAULT_WRITE, EIO, &everything) || fsync(output->descriptor) != 0) {
        status = system_failure(context, "flush", output->path);
    }
    if (close(output->descriptor) != 0 && status == MOTE_OK) {
        status = system_failure(context, "close", output->path);
    }
    output->descriptor = -1;
    if (status == MOTE_OK && (!transfer_allowed(context, MOTE_FAULT_RENAME, EACCES, &everything) ||
                              rename(output->temporary, output->path) != 0)) {
        status = system_failure(context, "rename the temporary file to", output->path);
    }
    if (status == MOTE_OK) {
        mote_release(context, output->temporary);
        output->temporary = NULL;
    }
    mote_output_discard(output);
    return status;
}

mote_status mote_output_finish_replaced(mote_output *output)
{
    int descriptor = open(output->temporary, O_RDWR | O_CLOEXEC);
    struct stat info;
    if (descriptor < 0) {
        return system_failure(output->context, "reopen", output->path);
    }
    if (fstat(output->descriptor, &info) == 0) {
        fchmod(descriptor, info.st_mode & 07777);
    }
    close(output->descriptor);
    output->descriptor = descriptor;
    return mote_output_finish(output);
}

mote_status mote_output_whole(mote_context *context, const char *path, const void *bytes, size_t size)
{
    mote_output output;
    mote_status status = mote_output_create(context, path, &output);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_output_write(&output, bytes, size);
    if (status == MOTE_OK) {
        return mote_output_finish(&output);
    }
    mote_output_discard(&output);
    return status;
}

void mote_output_discard(mote_output *output)
{
    if (!output->context) {
        return;
    }
    if (output->descriptor >= 0) {
        close(output->descriptor);
    }
    if (output->temporary) {
        unlink(output->temporary);
    }
    mote_release(output->context, output->temporary);
    mote_release(output->context, output->path);
    *output = (mote_output){.descriptor = -1};
}
