/* The inside of mote_corpus, for the files of this room. */
#ifndef MOTE_DATA_CORPUS_STATE_H
#define MOTE_DATA_CORPUS_STATE_H

#include "data/corpus.h"

/* Tokens one behind the other, as narrow as the vocabulary allows: one of the two is NULL. */
typedef struct mote_token_stream {
    size_t count;
    uint8_t *narrow;
    uint16_t *wide;
} mote_token_stream;

struct mote_corpus {
    mote_context *context;
    const mote_vocabulary *vocabulary;
    mote_token_stream training, validation;
    uint64_t seed;
    mote_corpus_info info;
};

/* What the seed is used for; the high word of Philox's counter, so that no two uses share a number. */
typedef enum mote_corpus_draw {
    MOTE_DRAW_SPLIT,
    MOTE_DRAW_WINDOW,
    MOTE_DRAW_MASK,
    MOTE_DRAW_MASK_VALIDATION,
    MOTE_DRAW_SAMPLE
} mote_corpus_draw;

static inline int mote_stream_token(const mote_token_stream *stream, size_t index)
{
    return stream->narrow ? stream->narrow[index] : stream->wide[index];
}

static inline void mote_stream_put(mote_token_stream *stream, size_t index, int token)
{
    if (stream->narrow) {
        stream->narrow[index] = (uint8_t)token;
    } else {
        stream->wide[index] = (uint16_t)token;
    }
}

/* An empty corpus without tokens; the caller owns it. NULL with the message set. */
mote_corpus *mote_corpus_create(mote_context *context, const mote_vocabulary *vocabulary,
                                const mote_corpus_options *options);

/* Memory for count tokens of the corpus's vocabulary. */
mote_status mote_corpus_reserve(const mote_corpus *corpus, mote_token_stream *stream, size_t count);

/* Fills in the counts that follow from the streams, checks them against options, and writes the description. */
mote_status mote_corpus_finish(mote_corpus *corpus, const mote_corpus_options *options);

#endif
