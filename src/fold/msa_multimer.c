/* The MSA of a complex: chains grouped to entities, paired rows across them, the others in blocks. */
#include <string.h>

#include "fold/msa_rows.h"

enum {
    ROWS_MAXIMUM = 2048, /* of an entity; AlphaFold-Multimer's MSA_CROP_SIZE */
    CHAINS_MAXIMUM = 4096,
    LENGTH_MAXIMUM = 1 << 20,
    PAIRED = -1,
    EMPTY = -2
};

/* A chain of the alignment, which may occur more than once. */
typedef struct source {
    size_t begin, end, copies; /* its columns */
    size_t entity;
} source;

/* A chain of the complex. */
typedef struct chain {
    size_t source, begin; /* begin: its first residue in the MSA */
} chain;

/* A row to come: of one source's columns, or PAIRED across all. */
typedef struct picked {
    size_t row;
    int source;
} picked;

typedef struct complex {
    mote_context *context;
    const mote_alignment *alignment;
    size_t source_count, entity_count, chain_count, length;
    source *sources;
    chain *chains; /* entity by entity */
    int *touched;  /* [rows]: the one source in which the row has residues, or PAIRED or EMPTY */
    picked *picks;
    size_t pick_count, pair_count;
} complex;

/* ---- chains ---- */

static mote_status find_sources(complex *c)
{
    const mote_alignment *a = c->alignment;
    size_t begin = 0, part;
    if (a->chain_count > CHAINS_MAXIMUM) {
        return mote_fail(c->context, MOTE_ERROR_ARGUMENT, "a complex of %zu different chains; at most %d are folded",
                         a->chain_count, CHAINS_MAXIMUM);
    }
    for (size_t i = 0; i < a->chain_count; i++) {
        source *s = &c->sources[i];
        *s = (source){begin, begin + a->chains[i].length, a->chains[i].copies, c->entity_count};
        for (size_t j = 0; j < i && s->entity == c->entity_count; j++) {
            const source *other = &c->sources[j];
            if (other->end - other->begin == s->end - s->begin &&
                memcmp(a->query + s->begin, a->query + other->begin, s->end - s->begin) == 0) {
                s->entity = other->entity;
            }
        }
        c->entity_count += s->entity == c->entity_count;
        begin = s->end;
        if (!mote_size_multiply(s->copies, s->end - s->begin, &part) || !mote_size_add(c->length, part, &c->length) ||
            c->length > LENGTH_MAXIMUM) {
            return mote_fail(c->context, MOTE_ERROR_ARGUMENT, "a complex of more than %d residues", LENGTH_MAXIMUM);
        }
        c->chain_count += s->copies;
    }
    c->source_count = a->chain_count;
    return MOTE_OK;
}

static void lay_out_chains(complex *c)
{
    size_t at = 0, count = 0;
    for (size_t e = 0; e < c->entity_count; e++) {
        for (size_t i = 0; i < c->source_count; i++) {
            for (size_t k = 0; k < c->sources[i].copies && c->sources[i].entity == e; k++) {
                c->chains[count++] = (chain){i, at};
                at += c->sources[i].end - c->sources[i].begin;
            }
        }
    }
}

/* ---- rows ---- */

static bool has_residue(const mote_alignment *a, size_t row, size_t begin, size_t end)
{
    const uint8_t *codes = a->codes + row * a->columns;
    while (begin < end && codes[begin] == MOTE_RESIDUE_GAP) {
        begin++;
    }
    return begin < end;
}

static int find_touched(const complex *c, size_t row)
{
    int touched = EMPTY;
    for (size_t i = 0; i < c->source_count; i++) {
        if (has_residue(c->alignment, row, c->sources[i].begin, c->sources[i].end)) {
            touched = touched == EMPTY ? (int)i : PAIRED;
        }
    }
    return touched;
}

/* Paired rows, without duplicates; those that are too many are forgotten once they have kept out unpaired ones. */
static mote_status pick_pairs(complex *c)
{
    mote_row_set set;
    mote_status status = mote_row_set_create(c->context, c->alignment->rows, &set);
    for (size_t i = 0; status == MOTE_OK && i < c->alignment->rows; i++) {
        c->touched[i] = find_touched(c, i);
        if (c->touched[i] == PAIRED && mote_row_set_add(&set, c->alignment, i, 0, c->alignment->columns) &&
            c->pair_count < ROWS_MAXIMUM / 2) {
            c->picks[c->pair_count++] = (picked){i, PAIRED};
        }
    }
    if (status == MOTE_OK) {
        mote_release(c->context, set.rows);
    }
    c->pick_count = c->pair_count;
    return status;
}

/* How many paired rows have residues in an entity. */
static size_t count_pairs(const complex *c, size_t entity)
{
    size_t count = 0;
    for (size_t p = 0; p < c->pair_count; p++) {
        bool has = false;
        for (size_t i = 0; i < c->source_count; i++) {
            const source *s = &c->sources[i];
            has |= s->entity == entity && has_residue(c->alignment, c->picks[p].row, s->begin, s->end);
        }
        count += has;
    }
    return count;
}

/* Unpaired rows of one source: no duplicates, and none that a paired row repeats there. */
static mote_status pick_unpaired(complex *c, int which, size_t *left)
{
    const source *s = &c->sources[which];
    mote_row_set set;
    mote_status status = mote_row_set_create(c->context, c->alignment->rows, &set);
    for (size_t i = 0; status == MOTE_OK && i < c->alignment->rows; i++) {
        if (c->touched[i] == PAIRED) {
            mote_row_set_add(&set, c->alignment, i, s->begin, s->end);
        }
    }
    for (size_t i = 0; status == MOTE_OK && i<c->alignment->rows && * left> 0; i++) {
        if (c->touched[i] == which && mote_row_set_add(&set, c->alignment, i, s->begin, s->end)) {
            c->picks[c->pick_count++] = (picked){i, which};
            --*left;
        }
    }
    if (status == MOTE_OK) {
        mote_release(c->context, set.rows);
    }
    return status;
}

static mote_status pick_rows(complex *c)
{
    mote_status status = pick_pairs(c);
    for (size_t e = 0; e < c->entity_count && status == MOTE_OK; e++) {
        size_t left = ROWS_MAXIMUM - count_pairs(c, e);
        for (size_t i = 0; i < c->source_count && status == MOTE_OK; i++) {
            if (c->sources[i].entity == e) {
                status = pick_unpaired(c, (int)i, &left);
            }
        }
    }
    return status;
}

/* ---- the MSA ---- */

static void put_row(const complex *c, const picked *pick, mote_msa *msa, size_t row)
{
    const mote_alignment *a = c->alignment;
    for (size_t k = 0; k < c->chain_count; k++) {
        size_t own = c->chains[k].source, from = pick->source == PAIRED ? own : (size_t)pick->source;
        const source *s = &c->sources[from];
        if (s->entity != c->sources[own].entity) {
            continue;
        }
        for (size_t i = s->begin; i < s->end; i++) {
            size_t to = row * msa->length + c->chains[k].begin + i - s->begin;
            msa->codes[to] = mote_residue_type(a->codes[pick->row * a->columns + i]);
            msa->deletions[to] = a->deletions[pick->row * a->columns + i];
        }
    }
}

static void put_chains(const complex *c, mote_msa *msa)
{
    int32_t copy = 0;
    for (size_t k = 0; k < c->chain_count; k++) {
        const source *s = &c->sources[c->chains[k].source];
        bool same = k > 0 && c->sources[c->chains[k - 1].source].entity == s->entity;
        copy = same ? copy + 1 : 1;
        for (size_t i = 0; i < s->end - s->begin; i++) {
            size_t to = c->chains[k].begin + i;
            msa->types[to] = mote_msa_type(c->alignment->query[s->begin + i]);
            msa->residue_index[to] = (int32_t)i;
            msa->asym_id[to] = (int32_t)k + 1;
            msa->entity_id[to] = (int32_t)s->entity + 1;
            msa->sym_id[to] = copy;
        }
    }
}

static mote_status build(complex *c, mote_msa **made)
{
    lay_out_chains(c);
    mote_status status = pick_rows(c);
    if (status != MOTE_OK) {
        return status;
    }
    mote_msa *msa = *made = mote_msa_reserve(c->context, c->pick_count, c->length);
    if (!msa) {
        return MOTE_ERROR_MEMORY;
    }
    msa->chain_count = c->chain_count;
    msa->multimer = true;
    for (size_t r = 0; r < c->pick_count; r++) {
        put_row(c, &c->picks[r], msa, r);
    }
    put_chains(c, msa);
    mote_msa_fill_profile(msa);
    return MOTE_OK;
}

mote_status mote_msa_multimer(mote_context *context, const mote_alignment *alignment, mote_msa **msa)
{
    complex c = {.context = context, .alignment = alignment};
    *msa = NULL;
    c.sources = mote_allocate_array(context, alignment->chain_count, sizeof *c.sources);
    c.touched = mote_allocate_array(context, alignment->rows, sizeof *c.touched);
    c.picks = mote_allocate_array(context, alignment->rows, sizeof *c.picks);
    mote_status status = c.sources && c.touched && c.picks ? find_sources(&c) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        c.chains = mote_allocate_array(context, c.chain_count, sizeof *c.chains);
        status = c.chains ? build(&c, msa) : MOTE_ERROR_MEMORY;
    }
    mote_release(context, c.sources);
    mote_release(context, c.touched);
    mote_release(context, c.picks);
    mote_release(context, c.chains);
    return status;
}
