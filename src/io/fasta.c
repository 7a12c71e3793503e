/* FASTA and FASTQ by lines.
 *
 * htslib's own kseq.h is not used: it skips whatever stands before the first record, does not look whether its memory
 * was granted, and in the version that we build against never returns when the compressed data is cut off. */
#include "io/fasta.h"

#include "io/unpack.h"

#ifdef MOTE_WITH_HTSLIB

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BUFFER_BYTES = 1 << 16, NAME_BYTES = 128, FIRST_CAPACITY = 4096, END = -1, FAILED = -2 };

struct mote_fasta {
    mote_context *context;
    char *path;
    mote_unpack file;
    uint8_t *buffer; /* [BUFFER_BYTES], filled up to filled, used up to at */
    size_t at, filled;
    uint8_t *letters; /* [capacity] of the record */
    size_t length, capacity;
    size_t columns;      /* letters and gaps of the record: what FASTQ has a quality for */
    size_t number, full; /* records so far; those with letters */
    uint64_t line;       /* of the byte at at, from 1 */
    int marker;          /* '>' or '@' that was read and begins the next record; 0: not yet */
    mote_status status;  /* why reading stopped */
    char name[NAME_BYTES];
};

/* Sets the message in front of which file and record are named. */
__attribute__((format(printf, 2, 3))) static mote_status bad_record(mote_fasta *fasta, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fasta->status = fasta->number
                        ? mote_fail(fasta->context, MOTE_ERROR_FILE, "%s: record %zu ('%s'), line %llu: %s",
                                    fasta->path, fasta->number, fasta->name, (unsigned long long)fasta->line, text)
                        : mote_fail(fasta->context, MOTE_ERROR_FILE, "%s: line %llu: %s", fasta->path,
                                    (unsigned long long)fasta->line, text);
    return fasta->status;
}

static bool fill(mote_fasta *fasta)
{
    fasta->status = mote_stop_check(fasta->context);
    if (fasta->status != MOTE_OK) {
        return false;
    }
    fasta->at = 0;
    fasta->status = mote_unpack_read(&fasta->file, BUFFER_BYTES, fasta->buffer, &fasta->filled);
    if (fasta->status == MOTE_ERROR_FILE) {
        bad_record(fasta, "the compressed data is damaged or cut off behind letter %zu", fasta->length);
    }
    return fasta->status == MOTE_OK;
}

/* The next byte, END or FAILED. */
static inline int next_byte(mote_fasta *fasta)
{
    if (fasta->at == fasta->filled) {
        if (fasta->status != MOTE_OK || !fill(fasta)) {
            return FAILED;
        }
        if (fasta->filled == 0) {
            return END;
        }
    }
    int byte = fasta->buffer[fasta->at++];
    fasta->line += byte == '\n';
    return byte;
}

static bool grow(mote_fasta *fasta)
{
    size_t capacity;
    uint8_t *letters = NULL;
    if (mote_size_multiply(fasta->capacity, 2, &capacity)) {
        letters = mote_allocate(fasta->context, capacity);
    }
    if (!letters) {
        fasta->status = mote_fail(fasta->context, MOTE_ERROR_MEMORY,
                                  "%s: record %zu ('%s'): no memory for more than its first %zu letters", fasta->path,
                                  fasta->number, fasta->name, fasta->length);
        return false;
    }
    memcpy(letters, fasta->letters, fasta->length);
    mote_release(fasta->context, fasta->letters);
    fasta->letters = letters;
    fasta->capacity = capacity;
    return true;
}

/* The rest of a header line; its first word is the record's name. */
static mote_status read_name(mote_fasta *fasta)
{
    size_t length = 0;
    bool inside = true;
    int byte;
    memset(fasta->name, 0, sizeof fasta->name);
    while ((byte = next_byte(fasta)) >= 0 && byte != '\n') {
        inside = inside && byte != ' ' && byte != '\t' && byte != '\r';
        if (inside && length + 1 < sizeof fasta->name) {
            fasta->name[length++] = byte > ' ' && byte < 0x7F ? (char)byte : '?';
        }
    }
    return fasta->status;
}

/* The rest of a line of the sequence, from byte on. */
static mote_status read_letters(mote_fasta *fasta, int byte)
{
    for (; byte >= 0 && byte != '\n'; byte = next_byte(fasta)) {
        bool letter = (unsigned)(byte | 0x20) - 'a' < 26u;
        if (letter || byte == '*') {
            if (fasta->length == fasta->capacity && !grow(fasta)) {
                return fasta->status;
            }
            fasta->letters[fasta->length++] = (uint8_t)(letter ? byte & ~0x20 : byte);
            fasta->columns++;
        } else if (byte == '-' || byte == '.') {
            fasta->columns++;
        } else if (byte != '\r' && byte != ' ' && byte != '\t') {
            char shown[8] = "";
            if (byte > ' ' && byte < 0x7F) {
                snprintf(shown, sizeof shown, " ('%c')", byte);
            }
            return bad_record(fasta, "expected a letter behind letter %zu, found the byte 0x%02X%s", fasta->length,
                              (unsigned)byte, shown);
        }
    }
    return fasta->status;
}

/* FASTQ: the rest of the '+' line and as many quality bytes as the sequence has letters and gaps, whatever they are:
 * a quality line may begin with '@', so only the count tells where the record ends. */
static mote_status read_qualities(mote_fasta *fasta)
{
    size_t wanted = fasta->columns;
    int byte;
    while ((byte = next_byte(fasta)) >= 0 && byte != '\n') {
    }
    size_t count = 0;
    while (count < wanted && (byte = next_byte(fasta)) >= 0) {
        count += byte != '\n' && byte != '\r';
    }
    while (wanted > 0 && byte >= 0 && (byte = next_byte(fasta)) == '\r') {
    }
    if (byte == FAILED) {
        return fasta->status;
    }
    if (count < wanted || (byte != '\n' && byte != END)) {
        return bad_record(fasta, "expected %zu qualities, one for each letter, found %s", wanted,
                          count < wanted ? "fewer" : "more");
    }
    return MOTE_OK;
}

/* Blank lines, then the marker of a record: in front of the first one, and behind a FASTQ record. */
static mote_status find_marker(mote_fasta *fasta)
{
    int byte = '\n';
    while (byte == '\n' || byte == '\r' || byte == ' ' || byte == '\t') {
        byte = next_byte(fasta);
    }
    if (byte == '>' || byte == '@' || byte < 0) {
        fasta->marker = byte < 0 ? 0 : byte;
        return fasta->status;
    }
    return bad_record(fasta, "expected a record ('>' of FASTA or '@' of FASTQ)%s, found the byte 0x%02X",
                      fasta->number ? " behind this one" : ": this is another kind of file", (unsigned)byte);
}

static mote_status read_record(mote_fasta *fasta)
{
    bool qualities = fasta->marker == '@';
    int byte = END;
    fasta->number++;
    fasta->length = 0;
    fasta->columns = 0;
    fasta->marker = 0;
    mote_status status = read_name(fasta);
    while (status == MOTE_OK && (byte = next_byte(fasta)) >= 0 && byte != (qualities ? '+' : '>')) {
        status = read_letters(fasta, byte);
    }
    if (status != MOTE_OK || byte == FAILED) {
        return fasta->status;
    }
    if (qualities && byte != '+') {
        return bad_record(fasta, "a FASTQ record without its '+' line");
    }
    if (qualities) {
        status = read_qualities(fasta);
        status = status == MOTE_OK ? find_marker(fasta) : status;
    } else if (byte == '>') {
        fasta->marker = byte;
    }
    while (fasta->length > 0 && fasta->letters[fasta->length - 1] == '*') {
        fasta->length--;
    }
    return status;
}

mote_status mote_fasta_next(mote_fasta *fasta, mote_fasta_record *record, bool *found)
{
    *found = false;
    if (fasta->status == MOTE_OK && fasta->number == 0) {
        find_marker(fasta);
    }
    if (fasta->status != MOTE_OK) {
        return fasta->status;
    }
    if (!fasta->marker) {
        if (fasta->full == 0) {
            fasta->status = mote_fail(fasta->context, MOTE_ERROR_FILE, "%s: %s (%zu)", fasta->path,
                                      fasta->number ? "every record is empty" : "there are no records", fasta->number);
        }
        return fasta->status;
    }
    if (read_record(fasta) == MOTE_OK) {
        fasta->full += fasta->length > 0;
        *record = (mote_fasta_record){fasta->name, fasta->letters, fasta->length, fasta->number};
        *found = true;
    }
    return fasta->status;
}

mote_status mote_fasta_open(mote_context *context, const char *path, mote_fasta **result)
{
    size_t path_size = strlen(path) + 1;
    *result = NULL;
    mote_fasta *fasta = mote_allocate(context, sizeof *fasta);
    if (!fasta) {
        return MOTE_ERROR_MEMORY;
    }
    *fasta = (mote_fasta){.context = context, .line = 1, .capacity = FIRST_CAPACITY};
    fasta->path = mote_allocate(context, path_size);
    fasta->buffer = mote_allocate(context, BUFFER_BYTES);
    fasta->letters = mote_allocate(context, FIRST_CAPACITY);
    mote_status status = MOTE_ERROR_MEMORY;
    if (fasta->path && fasta->buffer && fasta->letters) {
        memcpy(fasta->path, path, path_size);
        status = mote_unpack_open(context, fasta->path, &fasta->file);
    }
    if (status == MOTE_OK && fasta->file.input.size == 0) {
        status = mote_fail(context, MOTE_ERROR_FILE, "%s: expected sequences, found an empty file", path);
    }
    if (status != MOTE_OK) {
        mote_fasta_close(fasta);
        return status;
    }
    *result = fasta;
    return MOTE_OK;
}

void mote_fasta_close(mote_fasta *fasta)
{
    if (!fasta) {
        return;
    }
    mote_context *context = fasta->context;
    mote_unpack_close(&fasta->file);
    mote_release(context, fasta->letters);
    mote_release(context, fasta->buffer);
    mote_release(context, fasta->path);
    mote_release(context, fasta);
}

#else

mote_status mote_fasta_open(mote_context *context, const char *path, mote_fasta **fasta)
{
    *fasta = NULL;
    return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s: FASTA and FASTQ files need htslib, and this build has none",
                     path);
}

mote_status mote_fasta_next(mote_fasta *fasta, mote_fasta_record *record, bool *found)
{
    (void)fasta;
    (void)record;
    *found = false;
    return MOTE_ERROR_UNSUPPORTED;
}

void mote_fasta_close(mote_fasta *fasta) { (void)fasta; }

#endif
