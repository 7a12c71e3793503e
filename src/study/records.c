/* Reading FASTA files. */
#include "study/records.h"

#include <string.h>

#include "io/stream.h"
#include "io/text_file.h"
#include "study/data.h"

/* '>' at the begin of a line. */
static bool begins_record(const uint8_t *bytes, size_t at)
{
    return bytes[at] == '>' && (at == 0 || bytes[at - 1] == '\n');
}

static size_t count_headers(const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += begins_record(bytes, i);
    }
    return count;
}

/* Header and sequence of the record at *at, in place: both end with a NUL where a line end or the text's end was. */
static void cut(const mote_text_file *text, size_t *at, mote_record *record)
{
    char *bytes = (char *)text->bytes;
    const size_t began = *at;
    size_t i = began + 1, to, first;
    record->header = bytes + i;
    while (i < text->size && bytes[i] != '\n') {
        i++;
    }
    for (to = i; to > began + 1 && mote_is_blank((uint8_t)bytes[to - 1]); to--) {
    }
    bytes[to] = '\0';
    first = to = i = i < text->size ? i + 1 : i; /* the line end in front of it may be a NUL now */
    record->sequence = bytes + to;
    while (i < text->size && !(i == first ? bytes[i] == '>' : begins_record(text->bytes, i))) {
        const char c = bytes[i++];
        if (!mote_is_blank((uint8_t)c)) {
            bytes[to++] = c;
        }
    }
    record->length = (size_t)(bytes + to - record->sequence);
    *at = i;
    if (to < i) {
        bytes[to] = '\0';
    }
}

static mote_status cut_all(const mote_text_file *text, mote_records *records)
{
    size_t at = 0;
    mote_status status = MOTE_OK;
    while (at < text->size && mote_is_blank(text->bytes[at])) {
        at++;
    }
    records->count = count_headers(text->bytes, text->size);
    if (at >= text->size || !begins_record(text->bytes, at)) {
        return mote_text_file_bad(text, at, "expected '>' and a header");
    }
    records->records = mote_data_memory(records->data, records->count, sizeof *records->records);
    for (size_t i = 0; records->records && status == MOTE_OK && i < records->count; i++) {
        cut(text, &at, &records->records[i]);
        if (records->records[i].length == 0) {
            status = mote_fail(text->context, MOTE_ERROR_FILE,
                               "%s: record %zu: expected a sequence behind the header, found none", text->path, i + 1);
        }
    }
    return records->records ? status : MOTE_ERROR_MEMORY;
}

mote_status mote_records_read(mote_task_data *data, const char *name, mote_records *records)
{
    char path[MOTE_PATH_BYTES];
    uint8_t *bytes;
    mote_text_file text = {.context = data->context};
    *records = (mote_records){.data = data};
    mote_status status = mote_path_join(data->context, data->folder, name, path);
    status = status == MOTE_OK ? mote_text_file_read(data->context, path, &bytes, &text.size) : status;
    if (status != MOTE_OK) {
        return status;
    }
    uint8_t *kept = mote_data_memory(data, text.size + 1, 1); /* with a NUL at the end */
    records->path = text.path = mote_arena_string(data->context, &data->arena, path, strlen(path));
    if (kept && text.path) {
        memcpy(kept, bytes, text.size);
        text.bytes = kept;
        status = cut_all(&text, records);
    } else {
        status = MOTE_ERROR_MEMORY;
    }
    mote_release(data->context, bytes);
    return status;
}

mote_status mote_records_classes(const mote_records *records, size_t number, const char *alphabet, bool others,
                                 int32_t *classes)
{
    const mote_record *record = &records->records[number];
    for (size_t i = 0; i < record->length; i++) {
        const char letter = record->sequence[i], *place = letter ? strchr(alphabet, letter) : NULL;
        if (!place && !others) {
            char shown[32];
            return mote_fail(records->data->context, MOTE_ERROR_FILE,
                             "%s: record %zu, letter %zu: expected one of %s, found %s", records->path, number + 1,
                             i + 1, alphabet, mote_text_file_byte((uint8_t)letter, shown));
        }
        classes[i] = place ? (int32_t)(place - alphabet) : -1;
    }
    return MOTE_OK;
}

mote_status mote_records_expect(const mote_records *records, size_t number, size_t length)
{
    const size_t found = records->records[number].length;
    return found == length
               ? MOTE_OK
               : mote_fail(records->data->context, MOTE_ERROR_FILE, "%s: record %zu: expected %zu letters, found %zu",
                           records->path, number + 1, length, found);
}
