/* Zip archives through libzip: what is trusted of a directory, and reading a member. */
#include "io/archive.h"

enum {
    DEFLATE_MOST = 1032, /* deflate's best ratio: 258 bytes from 2 bits */
    SLACK = 1024,
};

mote_status mote_archive_open(mote_file *file, zip_t **archive)
{
    int code = 0;
    zip_error_t error;
    *archive = zip_open(file->path, ZIP_RDONLY, &code);
    if (!*archive) {
        zip_error_init_with_code(&error, code);
        mote_status status = mote_bad_file(file, "not a usable zip archive: %s", zip_error_strerror(&error));
        zip_error_fini(&error);
        return status;
    }
    return MOTE_OK;
}

mote_status mote_archive_stat(mote_file *file, zip_t *archive, size_t number, uint64_t *taken, zip_stat_t *info)
{
    zip_uint64_t all = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive, number, 0, info) != 0) {
        return mote_bad_file(file, "member %zu: %s", number, zip_strerror(archive));
    }
    if ((info->valid & all) != all) {
        return mote_bad_file(file, "an archive member without name or size");
    }
    if (info->comp_method != ZIP_CM_STORE && info->comp_method != ZIP_CM_DEFLATE) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: '%.100s' is compressed by method %d; expected stored or deflate", file->path, info->name,
                         info->comp_method);
    }
    if (info->comp_size > file->input.size || info->size / DEFLATE_MOST > info->comp_size + SLACK) {
        return mote_bad_file(file, "'%.100s' claims %llu bytes from %llu compressed ones: a zip bomb", info->name,
                             (unsigned long long)info->size, (unsigned long long)info->comp_size);
    }
    *taken += info->comp_size;
    if (*taken > file->input.size) {
        return mote_bad_file(file, "members overlap: a zip bomb");
    }
    return MOTE_OK;
}

mote_status mote_archive_read(mote_file *file, zip_t *archive, const zip_stat_t *info, uint64_t offset, size_t size,
                              bool whole, uint8_t *bytes)
{
    uint8_t skipped[4096];
    zip_file_t *member = NULL;
    if (mote_fault_check(file->context, MOTE_FAULT_READ) != MOTE_FAULT_FAIL) {
        member = zip_fopen_index(archive, info->index, 0);
    }
    if (!member) {
        return mote_bad_file(file, "'%.100s': %s", info->name, zip_strerror(archive));
    }
    mote_status status = MOTE_OK;
    if (offset > 0 && !whole && info->comp_method == ZIP_CM_STORE) {
        if (offset > info->size || zip_fseek(member, (zip_int64_t)offset, SEEK_SET) != 0) {
            status = mote_bad_file(file, "'%.100s': truncated", info->name);
        }
        offset = 0;
    }
    for (size_t left = (size_t)offset + size, at = 0; left > 0 && status == MOTE_OK;) {
        bool skipping = at < offset;
        size_t wanted = skipping ? mote_size_min(sizeof skipped, (size_t)offset - at) : left;
        zip_int64_t count = zip_fread(member, skipping ? skipped : bytes + (at - offset), wanted);
        if (count <= 0) {
            status =
                mote_bad_file(file, "'%.100s': %s", info->name, count < 0 ? zip_file_strerror(member) : "truncated");
        } else {
            at += (size_t)count;
            left -= (size_t)count;
        }
    }
    /* libzip compares the checksum when the end is read past, so the last read asks for one byte too many */
    if (status == MOTE_OK && whole && zip_fread(member, skipped, 1) != 0) {
        status = mote_bad_file(file, "'%.100s': the data does not have its checksum", info->name);
    }
    zip_fclose(member);
    return status;
}
