/* The order-k context model that models have to beat. */
#include <math.h>
#include <string.h>

#include "data/corpus_state.h"

static const size_t counts_maximum = (size_t)1 << 28; /* of four bytes: 1 GiB */

/* Counts of orders 0 .. order. A context is a number of that many digits, one a token: its place among the ordinary
 * tokens, or `alphabet` for all others and for what is in front of a document. */
typedef struct context_model {
    const mote_vocabulary *vocabulary;
    int order;
    size_t digits;      /* alphabet + 1 */
    size_t contexts;    /* digits^order */
    uint32_t *counts;   /* order after order, [digits^k, size] */
    uint32_t *totals;   /* order after order, [digits^k] */
    size_t all_outside; /* the context of a document's first token */
} context_model;

/* True if contexts of that order can be counted; *rows is the sum of digits^k over all orders up to it. */
static bool measure(const mote_vocabulary *v, int order, size_t *contexts, size_t *rows)
{
    size_t digits = (size_t)v->ordinary_count + 1, size = 0;
    *contexts = *rows = 1;
    for (int k = 0; k < order; k++) {
        if (!mote_size_multiply(*contexts, digits, contexts) || !mote_size_add(*rows, *contexts, rows)) {
            return false;
        }
    }
    return mote_size_multiply(*rows, (size_t)v->size, &size) && size <= counts_maximum;
}

size_t mote_corpus_context_bytes(const mote_corpus *corpus, int order)
{
    size_t contexts, rows;
    return order >= 0 && measure(corpus->vocabulary, order, &contexts, &rows)
               ? rows * ((size_t)corpus->vocabulary->size + 1) * sizeof(uint32_t)
               : 0;
}

static size_t digit(const context_model *m, int token)
{
    size_t number = (size_t)(token - m->vocabulary->ordinary);
    return token >= m->vocabulary->ordinary && number < m->digits - 1 ? number : m->digits - 1;
}

/* Goes through a stream: counts its targets, or adds up their bits and letters. */
static mote_status walk(context_model *m, mote_context *owner, const mote_token_stream *stream, bool counting,
                        double *bits, uint64_t *letters)
{
    enum { BETWEEN = 1 << 20 }; /* tokens between two questions whether to stop: some hundredths of a second */
    const mote_vocabulary *v = m->vocabulary;
    double weight = (double)v->ordinary_count;
    size_t context = m->all_outside;
    for (size_t i = 0; i < stream->count; i++) {
        if (i % BETWEEN == 0 && mote_stop_check(owner) != MOTE_OK) {
            return MOTE_ERROR_CANCELLED;
        }
        int token = mote_stream_token(stream, i);
        bool target = i > 0 && token != v->begin;
        size_t rows = 0, contexts = 1;
        double p = 1.0 / v->size;
        for (int k = 0; k <= m->order && target; k++) {
            size_t row = rows + context % contexts, place = row * (size_t)v->size + (size_t)token;
            if (counting) {
                m->counts[place]++;
                m->totals[row]++;
            } else {
                p = (m->counts[place] + weight * p) / (m->totals[row] + weight);
            }
            rows += contexts;
            contexts *= m->digits;
        }
        if (target && !counting) {
            *bits -= log2(p);
            *letters += (uint64_t)mote_vocabulary_units(v, token);
        }
        context = token == v->begin ? m->all_outside : (context * m->digits + digit(m, token)) % m->contexts;
    }
    return MOTE_OK;
}

mote_status mote_corpus_context_bits(const mote_corpus *corpus, int order, double *bits)
{
    context_model m = {.vocabulary = corpus->vocabulary, .order = order};
    size_t rows;
    uint64_t letters = 0;
    mote_status status = MOTE_ERROR_MEMORY;
    m.digits = (size_t)corpus->vocabulary->ordinary_count + 1;
    if (order < 0 || !measure(corpus->vocabulary, order, &m.contexts, &rows)) {
        return mote_fail(corpus->context, MOTE_ERROR_ARGUMENT, "context model: order %d of vocabulary '%s'", order,
                         corpus->vocabulary->name);
    }
    m.all_outside = m.contexts - 1;
    m.counts = mote_allocate_array(corpus->context, rows * (size_t)corpus->vocabulary->size, sizeof *m.counts);
    m.totals = mote_allocate_array(corpus->context, rows, sizeof *m.totals);
    if (m.counts && m.totals) {
        memset(m.counts, 0, rows * (size_t)corpus->vocabulary->size * sizeof *m.counts);
        memset(m.totals, 0, rows * sizeof *m.totals);
        *bits = 0;
        status = walk(&m, corpus->context, &corpus->training, true, NULL, NULL);
        status = status == MOTE_OK ? walk(&m, corpus->context, &corpus->validation, false, bits, &letters) : status;
        *bits /= (double)letters;
    }
    mote_release(corpus->context, m.counts);
    mote_release(corpus->context, m.totals);
    if (status != MOTE_OK) {
        return status;
    }
    if (corpus->training.count == 0 || letters == 0) {
        return mote_fail(corpus->context, MOTE_ERROR_SHAPE, "context model: no %s tokens",
                         corpus->training.count == 0 ? "training" : "validation");
    }
    return MOTE_OK;
}
