/* A corpus: sequences as one stream of tokens for training and one for validation, and batches of windows from them.
 *
 * Every record, or every stretch that a split cuts from one, is a document: begin ... end. Documents lie one behind the
 * other without padding; a window may hold several, and `segments` says which position belongs to which.
 * Batches are pure functions of (corpus, step): none depends on those before it, so a run can stop and go on anywhere.
 */
#ifndef MOTE_DATA_CORPUS_H
#define MOTE_DATA_CORPUS_H

#include "base/context.h"
#include "data/vocabulary.h"

typedef struct mote_corpus mote_corpus;

typedef enum mote_corpus_split {
    MOTE_SPLIT_AUTO,   /* by record if there are 20 of them, else by block */
    MOTE_SPLIT_RECORD, /* whole records; equal ones, and reverse complements of each other, go together */
    MOTE_SPLIT_BLOCK   /* up to 32 blocks spread over all records, placed by the seed, are validation */
} mote_corpus_split;

typedef enum mote_corpus_strands {
    MOTE_STRANDS_AUTO,    /* as the vocabulary has it */
    MOTE_STRANDS_FORWARD, /* as in the file */
    MOTE_STRANDS_BOTH     /* a random bit chooses the strand of every training window; DNA only */
} mote_corpus_strands;

/* All zero is a good choice. */
typedef struct mote_corpus_options {
    const char *vocabulary;     /* NULL: byte if nine of ten letters are ACGTUN, else protein */
    double validation_fraction; /* of the tokens; 0: 0.05; 1: all of them, and nothing to train on */
    mote_corpus_split split;
    mote_corpus_strands strands;
    size_t context; /* tokens; when not 0, opening fails if a training window of it does not fit */
    uint64_t seed;  /* of the split and of all batches */
} mote_corpus_options;

typedef struct mote_corpus_info {
    const mote_vocabulary *vocabulary;
    bool by_record, both_strands;
    size_t files, records, empty_records;            /* records include the empty ones, which are left out */
    uint64_t letters;                                /* in all records */
    uint64_t unknown_letters;                        /* of those, in tokens <unknown> */
    uint64_t dropped_letters;                        /* less than a token, at the end of a record */
    size_t training_tokens, validation_tokens;       /* begin and end included */
    size_t training_documents, validation_documents; /* records or stretches */
    /* Letters for each scored target of the consecutive validation windows. bits a base = (mean loss in nats / ln 2) /
     * this. Below unit because begin and end are targets or tokens without a letter; of the training tokens if there is
     * no validation. 0 if there are no targets. */
    double units_per_target;
    double entropy;        /* of single tokens of the training data (without specials), bits a letter; 0 without them */
    char description[512]; /* for a person */
} mote_corpus_info;

/* Reads count FASTA or FASTQ files into memory: one byte a token (two in vocabularies of more than 256), and while
 * opening one more a letter. options may be NULL. On success the caller owns *corpus (mote_corpus_close). Fails with
 * MOTE_ERROR_ARGUMENT (unknown vocabulary, a fraction outside 0 .. 1, both strands of proteins), MOTE_ERROR_SHAPE (the
 * data is too short for the context, or to be split: the message says what would work), MOTE_ERROR_FILE (not FASTA, see
 * io/fasta.h; letters that the vocabulary does not know), MOTE_ERROR_IO, MOTE_ERROR_MEMORY, MOTE_ERROR_UNSUPPORTED. */
mote_status mote_corpus_open(mote_context *context, const char *const *paths, size_t count,
                             const mote_corpus_options *options, mote_corpus **corpus);

/* A corpus of the gene model (data/gene.h): one document of bases bases for training, and validation_fraction times as
 * many of another, independent sample. No begin and end, forward strand: so the entropy rate bounds the bits of a base.
 * options: vocabulary must be NULL or "byte", strands not BOTH; split means nothing. */
mote_status mote_corpus_simulate(mote_context *context, const mote_corpus_options *options, size_t bases,
                                 mote_corpus **corpus);

/* NULL is allowed. */
void mote_corpus_close(mote_corpus *corpus);

const mote_corpus_info *mote_corpus_describe(const mote_corpus *corpus);

/* Of all tokens and how they are split: the same if, and almost only if, they are. */
uint64_t mote_corpus_hash(const mote_corpus *corpus);

/* Batches. tokens, targets and segments are [rows, context], the caller's, row-major; segments may be NULL. A target of
 * -1 is not scored. segments counts documents from 0 within each window; padding at the end of validation has
 * a number of its own. All fail with MOTE_ERROR_SHAPE if rows or context is 0 or too large for the data, and write
 * nothing then. */

/* Training batch number step for a causal model: each row is a window from a random place, drawn by Philox from (seed,
 * step, row); targets are the next tokens, -1 where that begins another document. */
mote_status mote_corpus_batch(const mote_corpus *corpus, uint64_t step, size_t rows, size_t context, int32_t *tokens,
                              int32_t *targets, int32_t *segments);

/* Training batch number step for a bidirectional model: 15 % of the positions are chosen (never specials); of those 80
 * % become mask, 10 % a random ordinary token, 10 % stay. targets are what stood there, -1 elsewhere. Source: Devlin et
 * al., BERT, section 3.1, with ESM-2's choice of random residues. */
mote_status mote_corpus_masked_batch(const mote_corpus *corpus, uint64_t step, size_t rows, size_t context,
                                     int32_t *tokens, int32_t *targets, int32_t *segments);

/* Number of batches that validation has. stride: how far a window is from the one before it, 1 .. context. */
size_t mote_corpus_validation_count(const mote_corpus *corpus, size_t rows, size_t context, size_t stride);

/* Validation batch index (below the count): windows at 0, stride, 2 stride ... of the validation stream; each target is
 * scored in exactly one window, the first that holds it. stride = context gives consecutive windows; a smaller one
 * gives every target but the first ones at least context - stride tokens to see. The last rows are filled up with pad.
 */
mote_status mote_corpus_validation(const mote_corpus *corpus, size_t index, size_t rows, size_t context, size_t stride,
                                   int32_t *tokens, int32_t *targets, int32_t *segments);

/* The same for a bidirectional model: consecutive windows of all tokens, masked by index and seed alone. */
size_t mote_corpus_masked_validation_count(const mote_corpus *corpus, size_t rows, size_t context);
mote_status mote_corpus_masked_validation(const mote_corpus *corpus, size_t index, size_t rows, size_t context,
                                          int32_t *tokens, int32_t *targets, int32_t *segments);

/* A baseline: what an order-k context model pays, in bits a letter, for the targets of the consecutive validation
 * windows after counting the training stream once. Each order is smoothed towards the one below it: p_k = (count + a
 * p_(k-1)) / (total + a), a = number of ordinary tokens, p_(-1) uniform. Contexts end where documents do. Fails with
 * MOTE_ERROR_ARGUMENT if the counts would take more than 1 GiB, MOTE_ERROR_SHAPE without training or validation tokens.
 */
mote_status mote_corpus_context_bits(const mote_corpus *corpus, int order, double *bits);

/* Bytes that counting this order takes; 0 if it would be refused. */
size_t mote_corpus_context_bytes(const mote_corpus *corpus, int order);

#endif
