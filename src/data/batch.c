/* Windows over the streams. */
#include <string.h>

#include "base/philox.h"
#include "data/corpus_state.h"

/* A window of a stream: position j is token begin + j, or, on the other strand, the complement of the token as far from
 * the other end. Behind the last token there is pad. */
typedef struct window {
    const mote_vocabulary *vocabulary;
    const mote_token_stream *stream;
    size_t begin;
    bool backward;
} window;

static int token_at(const window *w, size_t position)
{
    size_t index = w->begin + position;
    if (index >= w->stream->count) {
        return w->vocabulary->pad;
    }
    if (w->backward) {
        return mote_vocabulary_complement(w->vocabulary, mote_stream_token(w->stream, w->stream->count - 1 - index));
    }
    return mote_stream_token(w->stream, index);
}

/* Four random words for one use of the seed; a and b number what they are for. */
static void draw(const mote_corpus *corpus, mote_corpus_draw use, uint64_t a, uint32_t b, uint32_t words[4])
{
    words[0] = (uint32_t)a;
    words[1] = (uint32_t)(a >> 32);
    words[2] = b;
    words[3] = (uint32_t)use;
    mote_philox4x32(words, (uint32_t)corpus->seed, (uint32_t)(corpus->seed >> 32));
}

/* Where row of a training batch lies; span tokens must fit from there. */
static window random_window(const mote_corpus *corpus, uint64_t step, size_t row, size_t span)
{
    uint32_t words[4];
    draw(corpus, MOTE_DRAW_WINDOW, step, (uint32_t)row, words);
    size_t places = corpus->training.count - span + 1;
    uint64_t number = (uint64_t)words[0] << 32 | words[1];
    bool backward = corpus->info.both_strands && (words[2] & 1);
    return (window){corpus->vocabulary, &corpus->training, (size_t)(number % places), backward};
}

static void fill_tokens(const window *w, size_t context, int32_t *tokens, int32_t *segments)
{
    int32_t segment = 0;
    int before = w->vocabulary->begin;
    for (size_t j = 0; j < context; j++) {
        int token = token_at(w, j);
        segment +=
            j > 0 && (token == w->vocabulary->begin || (token == w->vocabulary->pad && before != w->vocabulary->pad));
        before = token;
        tokens[j] = token;
        if (segments) {
            segments[j] = segment;
        }
    }
}

/* Next tokens from position from on; -1 before it, behind the last token and where a document begins. */
static void fill_targets(const window *w, size_t from, size_t context, int32_t *targets)
{
    for (size_t j = 0; j < context; j++) {
        bool scored = j >= from && w->begin + j + 1 < w->stream->count;
        int next = scored ? token_at(w, j + 1) : w->vocabulary->begin;
        targets[j] = next == w->vocabulary->begin ? -1 : next;
    }
}

/* Chooses positions of a filled row. number: of the row among all that this use of the seed ever masks. */
static void mask_row(const mote_corpus *corpus, mote_corpus_draw use, uint64_t step, size_t row, size_t context,
                     int32_t *tokens, int32_t *targets)
{
    const mote_vocabulary *v = corpus->vocabulary;
    const uint32_t chosen = (uint32_t)(0.15 * 0x1p32), masked = (uint32_t)(0.8 * 0x1p32),
                   replaced = (uint32_t)(0.9 * 0x1p32);
    uint32_t key[4], words[4];
    draw(corpus, use, step, (uint32_t)row, key);
    for (size_t j = 0; j < context; j++) {
        words[0] = (uint32_t)j;
        words[1] = (uint32_t)((uint64_t)j >> 32);
        words[2] = key[2];
        words[3] = key[3];
        mote_philox4x32(words, key[0], key[1]);
        targets[j] = -1;
        if (words[0] >= chosen || mote_vocabulary_special(v, tokens[j])) {
            continue;
        }
        targets[j] = tokens[j];
        if (words[1] < masked) {
            tokens[j] = v->mask;
        } else if (words[1] < replaced) {
            tokens[j] = v->ordinary + (int32_t)(words[2] % (uint32_t)v->ordinary_count);
        }
    }
}

/* rows windows of span tokens from a stream that must hold one. */
static mote_status check_shape(const mote_corpus *corpus, const mote_token_stream *stream, size_t rows, size_t context,
                               size_t span)
{
    size_t size;
    if (rows == 0 || rows > UINT32_MAX || context == 0 || !mote_size_multiply(rows, context, &size) ||
        !mote_size_multiply(size, sizeof(int32_t), &size)) {
        return mote_fail(corpus->context, MOTE_ERROR_SHAPE, "batch: %zu rows of %zu tokens", rows, context);
    }
    if (span > stream->count) {
        return mote_fail(corpus->context, MOTE_ERROR_SHAPE,
                         "context: %zu tokens asked for, but the data has %zu; the largest context that works is %zu",
                         context, stream->count, stream->count + context > span ? stream->count + context - span : 0);
    }
    return MOTE_OK;
}

mote_status mote_corpus_batch(const mote_corpus *corpus, uint64_t step, size_t rows, size_t context, int32_t *tokens,
                              int32_t *targets, int32_t *segments)
{
    mote_status status = check_shape(corpus, &corpus->training, rows, context, context + 1);
    for (size_t r = 0; r < rows && status == MOTE_OK; r++) {
        window w = random_window(corpus, step, r, context + 1);
        fill_tokens(&w, context, tokens + r * context, segments ? segments + r * context : NULL);
        fill_targets(&w, 0, context, targets + r * context);
    }
    return status;
}

mote_status mote_corpus_masked_batch(const mote_corpus *corpus, uint64_t step, size_t rows, size_t context,
                                     int32_t *tokens, int32_t *targets, int32_t *segments)
{
    mote_status status = check_shape(corpus, &corpus->training, rows, context, context);
    for (size_t r = 0; r < rows && status == MOTE_OK; r++) {
        window w = random_window(corpus, step, r, context);
        fill_tokens(&w, context, tokens + r * context, segments ? segments + r * context : NULL);
        mask_row(corpus, MOTE_DRAW_MASK, step, r, context, tokens + r * context, targets + r * context);
    }
    return status;
}

size_t mote_corpus_validation_count(const mote_corpus *corpus, size_t rows, size_t context, size_t stride)
{
    size_t targets = corpus->validation.count ? corpus->validation.count - 1 : 0;
    if (targets == 0 || rows == 0 || context == 0 || stride == 0 || stride > context) {
        return 0;
    }
    size_t windows = targets <= context ? 1 : 1 + mote_size_divide_up(targets - context, stride);
    return mote_size_divide_up(windows, rows);
}

size_t mote_corpus_masked_validation_count(const mote_corpus *corpus, size_t rows, size_t context)
{
    return rows && context ? mote_size_divide_up(mote_size_divide_up(corpus->validation.count, context), rows) : 0;
}

/* Row number `number` of all validation rows; behind the last one it is all pad. */
static window validation_window(const mote_corpus *corpus, size_t number, size_t stride)
{
    size_t begin = 0;
    if (!mote_size_multiply(number, stride, &begin) || begin > corpus->validation.count) {
        begin = corpus->validation.count;
    }
    return (window){corpus->vocabulary, &corpus->validation, begin, false};
}

mote_status mote_corpus_validation(const mote_corpus *corpus, size_t index, size_t rows, size_t context, size_t stride,
                                   int32_t *tokens, int32_t *targets, int32_t *segments)
{
    mote_status status = check_shape(corpus, &corpus->validation, rows, context, 1);
    size_t count = mote_corpus_validation_count(corpus, rows, context, stride);
    if (status == MOTE_OK && index >= count) {
        status = mote_fail(corpus->context, MOTE_ERROR_SHAPE,
                           "validation batch %zu: there are %zu of %zu rows, context %zu, stride %zu", index, count,
                           rows, context, stride);
    }
    for (size_t r = 0; r < rows && status == MOTE_OK; r++) {
        size_t number = index * rows + r;
        window w = validation_window(corpus, number, stride);
        fill_tokens(&w, context, tokens + r * context, segments ? segments + r * context : NULL);
        fill_targets(&w, number ? context - stride : 0, context, targets + r * context);
    }
    return status;
}

mote_status mote_corpus_masked_validation(const mote_corpus *corpus, size_t index, size_t rows, size_t context,
                                          int32_t *tokens, int32_t *targets, int32_t *segments)
{
    mote_status status = check_shape(corpus, &corpus->validation, rows, context, 1);
    size_t count = mote_corpus_masked_validation_count(corpus, rows, context);
    if (status == MOTE_OK && index >= count) {
        status = mote_fail(corpus->context, MOTE_ERROR_SHAPE,
                           "validation batch %zu: there are %zu of %zu rows, context %zu", index, count, rows, context);
    }
    for (size_t r = 0; r < rows && status == MOTE_OK; r++) {
        window w = validation_window(corpus, index * rows + r, context);
        fill_tokens(&w, context, tokens + r * context, segments ? segments + r * context : NULL);
        mask_row(corpus, MOTE_DRAW_MASK_VALIDATION, index * rows + r, 0, context, tokens + r * context,
                 targets + r * context);
    }
    return status;
}
