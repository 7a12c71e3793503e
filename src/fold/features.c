/* Samples of an MSA as numbers. */
#include "fold/features.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "fold/features_state.h"

/* ---- memory ---- */

/* count items of size bytes, zero; NULL with the message set. */
static void *zeros(mote_features *f, size_t count, size_t size)
{
    mote_context *context = f->memory->context;
    size_t bytes;
    if (!mote_size_multiply(count, size, &bytes)) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: features of %zu rows of %zu residues",
                  f->clusters + f->extra, f->length);
        return NULL;
    }
    f->bytes += bytes;
    void *array = mote_arena_allocate(context, &f->memory->arena, bytes);
    return array ? memset(array, 0, bytes) : NULL;
}

/* Below 2^24 rows of 2^20 residues no product of two sizes overflows; zeros() checks the third. */
static bool allocate(const mote_msa *msa, mote_features *f)
{
    struct mote_features_memory *m = f->memory;
    size_t n = f->length, own = f->clusters * n, extra = f->extra * n, codes = sizeof(uint8_t);
    m->others = msa->rows - f->clusters;
    m->words = mote_size_divide_up(f->clusters, 64);
    f->target = zeros(f, n * f->target_channels, sizeof(float));
    f->msa = zeros(f, own, MOTE_MSA_CHANNELS * sizeof(float));
    f->msa_mask = zeros(f, own, sizeof(float));
    f->true_msa = zeros(f, own, codes);
    f->bert_mask = zeros(f, own, sizeof(float));
    f->extra_msa = zeros(f, extra, codes);
    f->extra_mask = zeros(f, extra, sizeof(float));
    f->extra_has_deletion = zeros(f, extra, sizeof(float));
    f->extra_deletion_value = zeros(f, extra, sizeof(float));
    f->seq_mask = zeros(f, n, sizeof(float));
    f->rows = zeros(f, f->clusters + f->extra_rows, sizeof(uint32_t));
    f->template_types = zeros(f, MOTE_TEMPLATES * n, codes);
    f->template_positions = zeros(f, MOTE_TEMPLATES * n, MOTE_ATOM_COUNT * 3 * sizeof(float));
    f->template_atom_mask = zeros(f, MOTE_TEMPLATES * n, MOTE_ATOM_COUNT * sizeof(float));
    m->order = zeros(f, msa->rows, sizeof(uint32_t));
    m->codes = zeros(f, own, codes);
    m->keys = zeros(f, own, codes);
    m->members = zeros(f, m->others * m->words, sizeof(uint64_t));
    m->shares = zeros(f, m->others, sizeof(float));
    return f->target && f->msa && f->msa_mask && f->true_msa && f->bert_mask && f->extra_msa && f->extra_mask &&
           f->extra_has_deletion && f->extra_deletion_value && f->seq_mask && f->rows && f->template_types &&
           f->template_positions && f->template_atom_mask && m->order && m->codes && m->keys && m->members && m->shares;
}

/* What is the same in every sample. */
static void fill_constants(const mote_msa *msa, mote_features *f)
{
    size_t first = f->target_channels == MOTE_TARGET_CHANNELS; /* behind between_segment_residues */
    for (size_t i = 0; i < f->length; i++) {
        f->target[i * f->target_channels + first + msa->types[i]] = 1;
        f->seq_mask[i] = 1;
    }
    for (size_t i = 0; i < f->clusters * f->length; i++) {
        f->msa_mask[i] = 1;
    }
    for (size_t i = 0; i < f->extra_rows * f->length; i++) {
        f->extra_mask[i] = 1;
    }
}

mote_status mote_features_create(mote_context *context, const mote_msa *msa, const mote_features_options *options,
                                 mote_features **features)
{
    *features = NULL;
    if (options->clusters == 0 || options->extra == 0 || !(options->replaced >= 0 && options->replaced <= 1)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "expected at least one cluster and one extra row, and a masked part from 0 to 1, found %zu, "
                         "%zu and %g",
                         options->clusters, options->extra, (double)options->replaced);
    }
    mote_features *f = mote_allocate(context, sizeof *f);
    struct mote_features_memory *memory = f ? mote_allocate(context, sizeof *memory) : NULL;
    if (!memory) {
        mote_release(context, f);
        return MOTE_ERROR_MEMORY;
    }
    *memory = (struct mote_features_memory){.context = context};
    *f = (mote_features){.options = *options, .memory = memory, .length = msa->length};
    f->clusters = mote_size_min(options->clusters, msa->rows);
    f->extra_rows = mote_size_min(options->extra, msa->rows - f->clusters);
    f->extra = f->extra_rows > 0 ? f->extra_rows : 1;
    f->target_channels = msa->multimer ? MOTE_TARGET_CHANNELS_MULTIMER : MOTE_TARGET_CHANNELS;
    if (!allocate(msa, f)) {
        mote_features_free(f);
        return MOTE_ERROR_MEMORY;
    }
    fill_constants(msa, f);
    *features = f;
    return MOTE_OK;
}

void mote_features_free(mote_features *features)
{
    if (features) {
        struct mote_features_memory *memory = features->memory;
        mote_context *context = memory->context;
        mote_arena_clear(context, &memory->arena);
        mote_release(context, memory);
        mote_release(context, features);
    }
}

/* ---- samples ---- */

float mote_deletion_value(double deletions)
{
    const double pi = 3.14159265358979323846;
    return deletions > 0 ? (float)(atan(deletions / 3) * (2 / pi)) : 0;
}

/* The query, and the other rows shuffled as far as they are looked at one by one (Fisher and Yates). */
static void draw_order(const mote_features_task *t)
{
    const mote_features *f = t->features;
    uint32_t *order = f->memory->order;
    size_t rows = t->msa->rows, drawn = f->clusters + f->extra_rows;
    for (size_t i = 0; i < rows; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = 1; i < drawn; i++) {
        uint32_t words[4];
        mote_features_words(t, MOTE_DRAW_ORDER, i, words);
        size_t j = i + (size_t)(((uint64_t)words[0] << 32 | words[1]) % (rows - i));
        uint32_t row = order[i];
        order[i] = order[j];
        order[j] = row;
    }
    memcpy(f->rows, order, drawn * sizeof *order);
}

/* The channels of a cluster's own row. */
static void put_cluster(void *argument, size_t cluster, void *scratch)
{
    (void)scratch;
    mote_features_task *t = argument;
    mote_features *f = t->features;
    const uint8_t *codes = f->memory->codes + cluster * f->length;
    const uint16_t *deletions = t->msa->deletions + f->memory->order[cluster] * f->length;
    float *channels = f->msa + cluster * f->length * MOTE_MSA_CHANNELS;
    for (size_t i = 0; i < f->length; i++, channels += MOTE_MSA_CHANNELS) {
        memset(channels, 0, MOTE_MSA_CODES * sizeof *channels);
        channels[codes[i]] = 1;
        channels[MOTE_FEATURE_HAS_DELETION] = deletions[i] > 0;
        channels[MOTE_FEATURE_DELETION_VALUE] = mote_deletion_value(deletions[i]);
    }
}

static void put_extra(void *argument, size_t row, void *scratch)
{
    (void)scratch;
    mote_features_task *t = argument;
    mote_features *f = t->features;
    size_t from = f->rows[f->clusters + row] * f->length, to = row * f->length;
    for (size_t i = 0; i < f->length; i++) {
        uint16_t deletions = t->msa->deletions[from + i];
        f->extra_msa[to + i] = t->msa->codes[from + i];
        f->extra_has_deletion[to + i] = deletions > 0;
        f->extra_deletion_value[to + i] = mote_deletion_value(deletions);
    }
}

void mote_features_sample(const mote_context *context, const mote_msa *msa, uint32_t index, mote_features *features)
{
    mote_features_task task = {msa, features, index};
    draw_order(&task);
    mote_features_mask(context, &task);
    mote_features_cluster(context, &task);
    mote_parallel_for(context, features->clusters, put_cluster, &task);
    mote_parallel_for(context, features->extra_rows, put_extra, &task);
}
