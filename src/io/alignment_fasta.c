/* The chains of a FASTA file: one row that has them all, one behind the other. */
#include "io/alignment_format.h"

#include <string.h>

mote_status mote_fasta_chains(const mote_text_file *text, size_t count, const mote_record *records,
                              mote_alignment *alignment)
{
    size_t columns = 0; /* at most the size of the text */
    for (size_t i = 0; i < count; i++) {
        size_t length = records[i].upper + records[i].lower;
        if (length == 0) {
            return mote_text_file_bad(text, records[i].header, "record %zu: expected a sequence, found none", i + 1);
        }
        columns += length;
    }
    mote_status status = mote_alignment_reserve(text, 1, columns, alignment);
    bool *kept = status == MOTE_OK ? mote_allocate(text->context, columns) : NULL;
    mote_alignment_chain *chains =
        kept ? mote_arena_allocate(text->context, text->arena, count * sizeof *chains) : NULL;
    if (!chains) {
        mote_release(text->context, kept);
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    memset(kept, true, columns);
    mote_alignment_row row = {.text = text, .alignment = alignment, .kept = kept};
    mote_alignment_begin(&row, 0);
    for (size_t i = 0; i < count && status == MOTE_OK; i++) {
        mote_record_cursor cursor = mote_record_open(text, &records[i]);
        for (int byte; status == MOTE_OK && (byte = mote_record_next(&cursor)) >= 0;) {
            status = mote_alignment_put(&row, (uint8_t)byte, cursor.at - 1);
        }
        chains[i] = (mote_alignment_chain){mote_record_name(text, &records[i]), records[i].upper + records[i].lower, 1};
        status = chains[i].name || status != MOTE_OK ? status : MOTE_ERROR_MEMORY;
    }
    mote_release(text->context, kept);
    alignment->format = "fasta";
    alignment->names[0] = chains[0].name;
    alignment->chains = chains;
    alignment->chain_count = count;
    return status;
}
