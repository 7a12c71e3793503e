/* What fuzz targets share: demands, a context, and the input as a file. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding. */
static inline void demand(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* The one context of the program, without an old message. */
static inline mote_context *fuzz_context(void)
{
    static mote_context *context;
    if (!context) {
        mote_context_options options = {.threads = 1};
        demand(mote_context_create(&options, &context, NULL, 0) == MOTE_OK, "no context");
    }
    context->message[0] = '\0';
    return context;
}

/* A failure must say something. */
static inline void demand_message(mote_context *context, mote_status status)
{
    demand(status == MOTE_OK || *mote_context_message(context), "a failure without a message");
}

/* FNV-1a, so that two readings can be compared. */
static inline uint64_t fuzz_digest(uint64_t digest, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3u;
    }
    return digest;
}

/* The path of a file with these bytes, which lies in memory alone; the next call replaces it. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    demand(ftruncate(descriptor, 0) == 0 && pwrite(descriptor, data, size, 0) == (ssize_t)size, "no file");
    return path;
}

static char fuzz_folder_path[64];
static char fuzz_folder_files[4][128];

static inline void fuzz_remove_folder(void)
{
    for (int i = 0; i < 4; i++) {
        unlink(fuzz_folder_files[i]);
    }
    rmdir(fuzz_folder_path);
}

/* A folder that goes with the program, for inputs that are read from folders. */
static inline const char *fuzz_folder(void)
{
    if (!*fuzz_folder_path) {
        bool memory = access("/dev/shm", W_OK) == 0; /* files are flushed to the disk: better to one that is none */
        snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "%s/mote-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
        demand(mkdtemp(fuzz_folder_path) != NULL, "no folder");
        atexit(fuzz_remove_folder);
    }
    return fuzz_folder_path;
}

/* Its file number i, below 4. */
static inline void fuzz_write(int i, const char *name, const uint8_t *data, size_t size)
{
    snprintf(fuzz_folder_files[i], sizeof fuzz_folder_files[i], "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(fuzz_folder_files[i], "wb");
    demand(file && fwrite(data, 1, size, file) == size && fclose(file) == 0, "no file in the folder");
}

/* The input as text, to be freed; a NUL ends it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    demand(text != NULL, "no memory");
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#endif
