/* Clusters of rows: supplement 1.2.7.
 *
 * Rows are compared a byte a residue: counts of equal bytes stay in bytes for up to 255 steps of a block, so that one
 * instruction compares as many residues as a register has bytes. Ten thousand rows against 512 clusters of 400 residues
 * take 2e9 comparisons, a tenth of a second on one core with registers of 16 bytes. */
#include <string.h>

#include "base/parallel.h"
#include "fold/features_state.h"

enum { LANES = 32, STEPS = 255 };

static uint32_t count_equal(size_t count, const uint8_t *a, const uint8_t *b)
{
    uint32_t equal = 0;
    size_t i = 0;
    while (count - i >= LANES) {
        uint8_t lanes[LANES] = {0};
        for (int step = 0; step < STEPS && count - i >= LANES; step++, i += LANES) {
            for (int k = 0; k < LANES; k++) {
                lanes[k] = (uint8_t)(lanes[k] + (a[i + (size_t)k] == b[i + (size_t)k]));
            }
        }
        for (int k = 0; k < LANES; k++) {
            equal += lanes[k];
        }
    }
    for (; i < count; i++) {
        equal += a[i] == b[i];
    }
    return equal;
}

/* Finds the clusters nearest to one of the other rows. */
static void assign(void *argument, size_t other, void *scratch)
{
    (void)scratch;
    mote_features_task *t = argument;
    const mote_features *f = t->features;
    struct mote_features_memory *m = f->memory;
    const uint8_t *codes = t->msa->codes + m->order[f->clusters + other] * f->length;
    uint64_t *members = m->members + other * m->words;
    uint32_t best = 0, ties = 0;
    for (size_t c = 0; c < f->clusters; c++) {
        uint32_t equal = count_equal(f->length, m->keys + c * f->length, codes);
        if (c == 0 || equal > best) {
            memset(members, 0, m->words * sizeof *members);
            best = equal;
            ties = 0;
        }
        if (equal == best && (ties == 0 || t->msa->multimer)) {
            members[c / 64] |= (uint64_t)1 << c % 64;
            ties++;
        }
    }
    m->shares[other] = t->msa->multimer ? 1.0f / (float)ties * (float)f->length : 1;
}

/* Adds one row to a cluster's sums, which lie where its means will. */
static void add_row(const mote_features_task *t, size_t row, float share, float *sums)
{
    const uint8_t *codes = t->msa->codes + row * t->msa->length;
    const uint16_t *deletions = t->msa->deletions + row * t->msa->length;
    for (size_t i = 0; i < t->msa->length; i++, sums += MOTE_MSA_CHANNELS) {
        sums[MOTE_FEATURE_PROFILE + codes[i]] += share;
        sums[MOTE_FEATURE_DELETION_MEAN] += share * deletions[i];
    }
}

static void summarize(void *argument, size_t cluster, void *scratch)
{
    (void)scratch;
    mote_features_task *t = argument;
    const mote_features *f = t->features;
    const struct mote_features_memory *m = f->memory;
    const uint8_t *codes = m->codes + cluster * f->length;
    const uint16_t *deletions = t->msa->deletions + m->order[cluster] * f->length;
    float *sums = f->msa + cluster * f->length * MOTE_MSA_CHANNELS, count = 0;
    for (size_t i = 0; i < f->length; i++) {
        memset(sums + i * MOTE_MSA_CHANNELS + MOTE_FEATURE_PROFILE, 0, (MOTE_MSA_CODES + 1) * sizeof *sums);
    }
    for (size_t other = 0; other < m->others; other++) {
        if (m->members[other * m->words + cluster / 64] >> cluster % 64 & 1) {
            add_row(t, m->order[f->clusters + other], m->shares[other], sums);
            count += m->shares[other];
        }
    }
    /* the monomer pipeline keeps an empty cluster from a division by zero, which the row itself already does */
    count = t->msa->multimer ? count + 1 : 1e-6f + 1 + count;
    for (size_t i = 0; i < f->length; i++, sums += MOTE_MSA_CHANNELS) {
        sums[MOTE_FEATURE_PROFILE + codes[i]] += 1;
        for (int k = 0; k < MOTE_MSA_CODES; k++) {
            sums[MOTE_FEATURE_PROFILE + k] /= count;
        }
        float mean = (sums[MOTE_FEATURE_DELETION_MEAN] + deletions[i]) / count;
        sums[MOTE_FEATURE_DELETION_MEAN] = mote_deletion_value(mean);
    }
}

void mote_features_cluster(const mote_context *context, mote_features_task *task)
{
    mote_parallel_for(context, task->features->memory->others, assign, task);
    mote_parallel_for(context, task->features->clusters, summarize, task);
}
