/* Sequence files in a temporary folder, for tests: plain, gzip or bgzip. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#ifdef MOTE_WITH_HTSLIB
#include <htslib/bgzf.h>
#endif

typedef enum folder_kind { FOLDER_PLAIN, FOLDER_GZIP, FOLDER_BGZIP } folder_kind;

static char folder[64];

static inline int folder_open(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mote-unit-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static inline int folder_close(void **state)
{
    (void)state;
    char path[512];
    DIR *entries = opendir(folder);
    for (struct dirent *e; entries && (e = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        remove(path);
    }
    closedir(entries);
    return rmdir(folder);
}

/* The path of a file in the folder; valid until the eighth call after this one. */
static inline const char *folder_path(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *folder_write(const char *name, const void *bytes, size_t size, folder_kind kind)
{
    const char *path = folder_path(name);
#ifdef MOTE_WITH_HTSLIB
    if (kind != FOLDER_PLAIN) {
        BGZF *stream = bgzf_open(path, kind == FOLDER_GZIP ? "wg" : "w");
        assert_non_null(stream);
        assert_int_equal(bgzf_write(stream, bytes, size), size);
        assert_int_equal(bgzf_close(stream), 0);
        return path;
    }
#endif
    assert_int_equal(kind, FOLDER_PLAIN);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return path;
}

static inline const char *folder_text(const char *name, const char *text)
{
    return folder_write(name, text, strlen(text), FOLDER_PLAIN);
}

/* The file without its last bytes. */
static inline void folder_cut(const char *path, long bytes)
{
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    assert_int_equal(ftruncate(fileno(file), ftell(file) - bytes), 0);
    fclose(file);
}

#endif
