/* Memory of MSAs, and sets of rows. */
#include "fold/msa_rows.h"

#include <string.h>

#include "base/arena.h"

struct mote_msa_memory {
    mote_context *context;
    mote_arena arena;
};

mote_msa *mote_msa_reserve(mote_context *context, size_t rows, size_t length)
{
    size_t count, bytes;
    if (!mote_size_multiply(rows, length, &count) || !mote_size_multiply(count, sizeof(uint16_t), &bytes) ||
        !mote_size_multiply(length, MOTE_MSA_PROFILE * sizeof(float), &bytes)) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: an MSA of %zu rows of %zu residues", rows, length);
        return NULL;
    }
    struct mote_msa_memory *memory = mote_allocate(context, sizeof *memory);
    if (!memory) {
        return NULL;
    }
    *memory = (struct mote_msa_memory){.context = context};
    mote_arena *arena = &memory->arena;
    mote_msa made = {.rows = rows, .length = length, .memory = memory};
    mote_msa *msa = mote_arena_allocate(context, arena, sizeof *msa);
    made.types = mote_arena_allocate(context, arena, length);
    made.residue_index = mote_arena_allocate(context, arena, length * sizeof(int32_t));
    made.asym_id = mote_arena_allocate(context, arena, length * sizeof(int32_t));
    made.entity_id = mote_arena_allocate(context, arena, length * sizeof(int32_t));
    made.sym_id = mote_arena_allocate(context, arena, length * sizeof(int32_t));
    made.codes = mote_arena_allocate(context, arena, count);
    made.deletions = mote_arena_allocate(context, arena, count * sizeof(uint16_t));
    made.profile = mote_arena_allocate(context, arena, bytes);
    if (!msa || !made.types || !made.residue_index || !made.asym_id || !made.entity_id || !made.sym_id || !made.codes ||
        !made.deletions || !made.profile) {
        mote_arena_clear(context, arena);
        mote_release(context, memory);
        return NULL;
    }
    memset(made.codes, MOTE_MSA_GAP, count);
    memset(made.deletions, 0, count * sizeof(uint16_t));
    *msa = made;
    return msa;
}

void mote_msa_free(mote_msa *msa)
{
    if (msa) {
        struct mote_msa_memory *memory = msa->memory;
        mote_arena_clear(memory->context, &memory->arena);
        mote_release(memory->context, memory);
    }
}

uint8_t mote_msa_type(char letter)
{
    static const char types[] = "ARNDCQEGHILKMFPSTWYV";
    const char *at = memchr(types, letter, sizeof types - 1);
    return (uint8_t)(at ? at - types : MOTE_MSA_X);
}

void mote_msa_fill_profile(mote_msa *msa)
{
    memset(msa->profile, 0, msa->length * MOTE_MSA_PROFILE * sizeof *msa->profile);
    for (size_t i = 0; i < msa->rows * msa->length; i++) {
        msa->profile[i % msa->length * MOTE_MSA_PROFILE + msa->codes[i]] += 1; /* exact: below 2^24 rows */
    }
    for (size_t i = 0; i < msa->length * MOTE_MSA_PROFILE; i++) {
        msa->profile[i] /= (float)msa->rows;
    }
}

/* ---- sets ---- */

mote_status mote_row_set_create(mote_context *context, size_t count, mote_row_set *set)
{
    set->capacity = 16;
    while (set->capacity < 2 * count) {
        set->capacity *= 2;
    }
    set->rows = mote_allocate_array(context, set->capacity, sizeof *set->rows);
    if (!set->rows) {
        return MOTE_ERROR_MEMORY;
    }
    memset(set->rows, 0, set->capacity * sizeof *set->rows);
    return MOTE_OK;
}

/* Where the row is in the set, or where it would go. FNV-1a; linear probing. */
static size_t place_of(const mote_row_set *set, const mote_alignment *alignment, size_t row, size_t begin, size_t end)
{
    const uint8_t *codes = alignment->codes + row * alignment->columns + begin;
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < end - begin; i++) {
        hash = (hash ^ codes[i]) * 0x100000001B3u;
    }
    size_t place = (size_t)(hash ^ hash >> 32) & (set->capacity - 1);
    while (set->rows[place]) {
        const uint8_t *other = alignment->codes + (set->rows[place] - 1) * alignment->columns + begin;
        if (memcmp(codes, other, end - begin) == 0) {
            break;
        }
        place = (place + 1) & (set->capacity - 1);
    }
    return place;
}

bool mote_row_set_add(mote_row_set *set, const mote_alignment *alignment, size_t row, size_t begin, size_t end)
{
    size_t place = place_of(set, alignment, row, begin, end);
    if (set->rows[place]) {
        return false;
    }
    set->rows[place] = row + 1;
    return true;
}

bool mote_row_set_has(const mote_row_set *set, const mote_alignment *alignment, size_t row, size_t begin, size_t end)
{
    return set->rows[place_of(set, alignment, row, begin, end)] != 0;
}
