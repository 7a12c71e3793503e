/* Masked rows as in BERT: supplement 1.2.6. */
#include "base/parallel.h"
#include "fold/features_state.h"

static const double uniform_part = 0.1, profile_part = 0.1, same_part = 0.1;

enum { NO_AGREEMENT = 255, UNIFORM_TYPES = 20 };

/* What takes the place of code, by a number from 0 up to 1. Small chances for all keep the logarithms finite from
 * which AlphaFold draws; they are part of its distribution. */
static uint8_t draw(const mote_msa *msa, size_t residue, uint8_t code, double number)
{
    const float *profile = msa->profile + residue * MOTE_MSA_PROFILE;
    double floor = msa->multimer ? 1e-6 : 1e-10, ends[MOTE_MSA_CODES], end = 0;
    for (int k = 0; k < MOTE_MSA_PROFILE; k++) {
        end += floor + (k < UNIFORM_TYPES ? uniform_part / UNIFORM_TYPES : 0) + profile_part * profile[k] +
               (k == code ? same_part : 0);
        ends[k] = end;
    }
    ends[MOTE_MSA_MASK] = end + floor + 1 - uniform_part - profile_part - same_part;
    uint8_t drawn = 0;
    while (drawn < MOTE_MSA_MASK && number * ends[MOTE_MSA_MASK] >= ends[drawn]) {
        drawn++;
    }
    return drawn;
}

static void mask_row(void *argument, size_t row, void *scratch)
{
    (void)scratch;
    mote_features_task *t = argument;
    mote_features *f = t->features;
    struct mote_features_memory *m = f->memory;
    const uint8_t *codes = t->msa->codes + m->order[row] * f->length;
    const double unit = 1.0 / 4294967296.0;
    for (size_t i = 0; i < f->length; i++) {
        size_t at = row * f->length + i;
        uint32_t words[4];
        mote_features_words(t, MOTE_DRAW_REPLACE, at, words);
        bool masked = words[0] * unit < (double)f->options.replaced;
        uint8_t code = masked ? draw(t->msa, i, codes[i], words[1] * unit) : codes[i];
        f->true_msa[at] = codes[i];
        f->bert_mask[at] = masked;
        m->codes[at] = code;
        m->keys[at] = code < MOTE_MSA_GAP ? code : NO_AGREEMENT;
    }
}

void mote_features_mask(const mote_context *context, mote_features_task *task)
{
    mote_parallel_for(context, task->features->clusters, mask_row, task);
}
