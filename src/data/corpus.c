/* Opening a corpus: read, choose the vocabulary, split, encode. */
#include "data/corpus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/philox.h"
#include "data/corpus_state.h"
#include "data/gene.h"
#include "data/split.h"
#include "io/fasta.h"

enum { RECORDS_TO_SPLIT = 20 };
static const double usual_fraction = 0.05;

/* All sequences of all files; letters live in the arena. */
typedef struct reading {
    mote_context *context;
    mote_arena arena;
    mote_sequence *sequences; /* [capacity] */
    size_t count, capacity;
    size_t records;
    uint64_t letters, counts[26];
} reading;

static double fraction_of(const mote_corpus_options *options)
{
    return options->validation_fraction == 0 ? usual_fraction : options->validation_fraction;
}

static mote_status check_options(mote_context *context, const mote_corpus_options *options)
{
    if (options->vocabulary && !mote_vocabulary_find(options->vocabulary)) {
        char names[256] = "";
        for (size_t i = 0; mote_vocabulary_row(i); i++) {
            size_t length = strlen(names);
            snprintf(names + length, sizeof names - length, " %s", mote_vocabulary_row(i)->name);
        }
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "vocabulary: unknown name '%.40s'; known:%s",
                         options->vocabulary, names);
    }
    if (!(options->validation_fraction >= 0 && options->validation_fraction <= 1)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "validation fraction: expected 0 .. 1, found %g",
                         options->validation_fraction);
    }
    return MOTE_OK;
}

static mote_status add_record(reading *r, const mote_fasta_record *record)
{
    r->records++;
    if (record->length == 0) {
        return MOTE_OK;
    }
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity : 32;
        mote_sequence *more = NULL;
        if (mote_size_multiply(capacity, 2, &capacity)) {
            more = mote_allocate_array(r->context, capacity, sizeof *more);
        }
        if (!more) {
            return MOTE_ERROR_MEMORY;
        }
        if (r->count) {
            memcpy(more, r->sequences, r->count * sizeof *more);
        }
        mote_release(r->context, r->sequences);
        r->sequences = more;
        r->capacity = capacity;
    }
    uint8_t *letters = mote_arena_allocate(r->context, &r->arena, record->length);
    if (!letters) {
        return MOTE_ERROR_MEMORY;
    }
    memcpy(letters, record->letters, record->length);
    for (size_t i = 0; i < record->length; i++) {
        if (letters[i] != '*') {
            r->counts[letters[i] - 'A']++;
        }
    }
    r->letters += record->length;
    r->sequences[r->count++] = (mote_sequence){.letters = letters, .length = record->length};
    return MOTE_OK;
}

static mote_status read_file(reading *r, const char *path)
{
    mote_fasta *fasta;
    mote_fasta_record record;
    bool found = true;
    mote_status status = mote_fasta_open(r->context, path, &fasta);
    while (status == MOTE_OK && found) {
        status = mote_fasta_next(fasta, &record, &found);
        if (status == MOTE_OK && found) {
            status = add_record(r, &record);
        }
    }
    mote_fasta_close(fasta);
    return status;
}

/* Half of the letters must mean something: otherwise this is another kind of sequence. */
static mote_status check_alphabet(const reading *r, const mote_vocabulary *vocabulary, const char *path)
{
    double share = mote_vocabulary_base_share(r->counts);
    if (!vocabulary->dna) {
        uint64_t known = 0;
        for (int i = 0; i < 26; i++) {
            uint8_t letter = (uint8_t)('A' + i);
            known += mote_vocabulary_token(vocabulary, &letter) == vocabulary->unknown ? 0 : r->counts[i];
        }
        share = (double)known / (double)r->letters;
    }
    if (share < 0.5) {
        return mote_fail(r->context, MOTE_ERROR_FILE,
                         "%s: only %.0f %% of the letters are known to the vocabulary '%s', which is for %s", path,
                         100 * share, vocabulary->name, vocabulary->dna ? "DNA" : "proteins");
    }
    return MOTE_OK;
}

mote_corpus *mote_corpus_create(mote_context *context, const mote_vocabulary *vocabulary,
                                const mote_corpus_options *options)
{
    mote_corpus *corpus = mote_allocate(context, sizeof *corpus);
    if (corpus) {
        *corpus = (mote_corpus){.context = context, .vocabulary = vocabulary, .seed = options->seed};
        corpus->info.vocabulary = vocabulary;
        corpus->info.both_strands = options->strands == MOTE_STRANDS_BOTH ||
                                    (options->strands == MOTE_STRANDS_AUTO && vocabulary->both_strands);
    }
    return corpus;
}

mote_status mote_corpus_reserve(const mote_corpus *corpus, mote_token_stream *stream, size_t count)
{
    enum { NARROW = 256 };
    bool narrow = corpus->vocabulary->size <= NARROW;
    void *tokens = mote_allocate_array(corpus->context, count, narrow ? sizeof(uint8_t) : sizeof(uint16_t));
    if (!tokens) {
        return MOTE_ERROR_MEMORY;
    }
    *stream = (mote_token_stream){count, narrow ? tokens : NULL, narrow ? NULL : tokens};
    return MOTE_OK;
}

/* Writes the documents of one side: begin, tokens, end. */
static mote_status encode(mote_corpus *corpus, const reading *r, const mote_stretch *stretches, size_t count,
                          bool validation, mote_token_stream *stream, size_t *documents)
{
    enum { BETWEEN = 1 << 22 }; /* tokens between two questions whether to stop */
    const mote_vocabulary *v = corpus->vocabulary;
    size_t total = 0, at = 0, unit = (size_t)v->unit;
    for (size_t i = 0; i < count; i++) {
        total += stretches[i].validation == validation ? stretches[i].count + 2 : 0;
    }
    mote_status status = mote_corpus_reserve(corpus, stream, total);
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        if (stretches[i].validation != validation) {
            continue;
        }
        const uint8_t *letters = r->sequences[stretches[i].sequence].letters + stretches[i].begin * unit;
        mote_stream_put(stream, at++, v->begin);
        for (size_t j = 0; j < stretches[i].count && status == MOTE_OK; j++) {
            status = j % BETWEEN == 0 ? mote_stop_check(corpus->context) : MOTE_OK;
            int token = mote_vocabulary_token(v, letters + j * unit);
            corpus->info.unknown_letters += token == v->unknown ? unit : 0;
            mote_stream_put(stream, at++, token);
        }
        mote_stream_put(stream, at++, v->end);
        ++*documents;
    }
    return status;
}

/* Letters for each target that consecutive windows score. */
static double units_per_target(const mote_corpus *corpus, const mote_token_stream *stream)
{
    const mote_vocabulary *v = corpus->vocabulary;
    uint64_t targets = 0, units = 0;
    for (size_t i = 1; i < stream->count; i++) {
        int token = mote_stream_token(stream, i);
        targets += token != v->begin;
        units += token != v->begin ? (uint64_t)mote_vocabulary_units(v, token) : 0;
    }
    return targets ? (double)units / (double)targets : 0;
}

/* Entropy of single tokens of the training data, in bits a letter. */
static mote_status token_entropy(mote_corpus *corpus)
{
    const mote_vocabulary *v = corpus->vocabulary;
    uint64_t *counts = mote_allocate_array(corpus->context, (size_t)v->size, sizeof *counts), total = 0;
    if (!counts) {
        return MOTE_ERROR_MEMORY;
    }
    memset(counts, 0, (size_t)v->size * sizeof *counts);
    for (size_t i = 0; i < corpus->training.count; i++) {
        counts[mote_stream_token(&corpus->training, i)]++;
    }
    for (int t = 0; t < v->size; t++) {
        counts[t] = mote_vocabulary_units(v, t) ? counts[t] : 0;
        total += counts[t];
    }
    for (int t = 0; t < v->size; t++) {
        double share = total ? (double)counts[t] / (double)total : 0;
        corpus->info.entropy -= share > 0 ? share * log2(share) / v->unit : 0;
    }
    mote_release(corpus->context, counts);
    return MOTE_OK;
}

static mote_status check_lengths(const mote_corpus *corpus, const mote_corpus_options *options)
{
    const mote_corpus_info *info = &corpus->info;
    bool trains = fraction_of(options) < 1;
    if (info->validation_documents == 0 || (trains && info->training_documents == 0)) {
        return mote_fail(corpus->context, MOTE_ERROR_SHAPE,
                         "the data is too short to be split into training and validation: %zu tokens in all, records "
                         "that hold any: %zu; validation %g of them, split by %s",
                         info->training_tokens + info->validation_tokens -
                             2 * (info->training_documents + info->validation_documents),
                         info->records - info->empty_records, fraction_of(options),
                         info->by_record ? "record" : "block");
    }
    if (trains && options->context >= info->training_tokens) {
        return mote_fail(corpus->context, MOTE_ERROR_SHAPE,
                         "context: %zu tokens asked for, but the training data has %zu; the largest context that works "
                         "is %zu",
                         options->context, info->training_tokens, info->training_tokens - 1);
    }
    return MOTE_OK;
}

mote_status mote_corpus_finish(mote_corpus *corpus, const mote_corpus_options *options)
{
    mote_corpus_info *info = &corpus->info;
    const mote_vocabulary *v = corpus->vocabulary;
    info->training_tokens = corpus->training.count;
    info->validation_tokens = corpus->validation.count;
    mote_status status = check_lengths(corpus, options);
    status = status == MOTE_OK ? token_entropy(corpus) : status;
    if (status != MOTE_OK) {
        return status;
    }
    info->units_per_target =
        units_per_target(corpus, info->validation_tokens > 1 ? &corpus->validation : &corpus->training);
    char source[96] = "simulated genes";
    if (info->files) {
        snprintf(source, sizeof source, "%zu file%s, %zu record%s", info->files, info->files == 1 ? "" : "s",
                 info->records, info->records == 1 ? "" : "s");
    }
    snprintf(info->description, sizeof info->description,
             "%s, %llu %s; vocabulary %s (%d tokens of %d letter%s); training %zu tokens in %zu document%s, validation "
             "%zu in %zu, split by %s; %s; unknown letters %llu, empty records %zu",
             source, (unsigned long long)info->letters, v->dna ? "bases" : "residues", v->name, v->size, v->unit,
             v->unit == 1 ? "" : "s", info->training_tokens, info->training_documents,
             info->training_documents == 1 ? "" : "s", info->validation_tokens, info->validation_documents,
             info->by_record ? "record" : "block", info->both_strands ? "both strands" : "forward strand",
             (unsigned long long)info->unknown_letters, info->empty_records);
    return MOTE_OK;
}

/* From letters to streams. */
static mote_status build(reading *r, const mote_corpus_options *options, const char *path, mote_corpus *corpus)
{
    const mote_vocabulary *v = corpus->vocabulary;
    mote_corpus_info *info = &corpus->info;
    double fraction = fraction_of(options);
    mote_stretch *stretches = NULL;
    size_t stretch_count = 0;
    if (info->both_strands && !v->dna) {
        return mote_fail(r->context, MOTE_ERROR_ARGUMENT, "strands: proteins have one; vocabulary '%s'", v->name);
    }
    mote_status status = check_alphabet(r, v, path);
    info->records = r->records;
    info->empty_records = r->records - r->count;
    info->letters = r->letters;
    info->by_record =
        options->split == MOTE_SPLIT_RECORD || (options->split == MOTE_SPLIT_AUTO && r->count >= RECORDS_TO_SPLIT);
    for (size_t i = 0; i < r->count; i++) {
        mote_sequence *s = &r->sequences[i];
        s->tokens = s->length / (size_t)v->unit;
        s->key = info->by_record ? mote_sequence_key(s->letters, s->length, v->dna) : 0;
        info->dropped_letters += s->length % (size_t)v->unit;
    }
    if (status == MOTE_OK && info->by_record) {
        status = mote_split_records(r->context, r->sequences, r->count, fraction, options->seed);
    }
    if (status == MOTE_OK) {
        status = mote_split_stretches(r->context, r->sequences, r->count, info->by_record, fraction, options->seed,
                                      &stretches, &stretch_count);
    }
    if (status == MOTE_OK) {
        status = encode(corpus, r, stretches, stretch_count, false, &corpus->training, &info->training_documents);
    }
    if (status == MOTE_OK) {
        status = encode(corpus, r, stretches, stretch_count, true, &corpus->validation, &info->validation_documents);
    }
    mote_release(r->context, stretches);
    return status == MOTE_OK ? mote_corpus_finish(corpus, options) : status;
}

mote_status mote_corpus_open(mote_context *context, const char *const *paths, size_t count,
                             const mote_corpus_options *given, mote_corpus **result)
{
    mote_corpus_options options = given ? *given : (mote_corpus_options){0};
    reading r = {.context = context};
    mote_corpus *corpus = NULL;
    *result = NULL;
    mote_status status = check_options(context, &options);
    if (status == MOTE_OK && count == 0) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "corpus: expected one file or more, found none");
    }
    for (size_t i = 0; i < count && status == MOTE_OK; i++) {
        status = read_file(&r, paths[i]);
    }
    if (status == MOTE_OK) {
        corpus = mote_corpus_create(
            context, options.vocabulary ? mote_vocabulary_find(options.vocabulary) : mote_vocabulary_guess(r.counts),
            &options);
        status = corpus ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
    if (status == MOTE_OK) {
        corpus->info.files = count;
        status = build(&r, &options, paths[0], corpus);
    }
    mote_arena_clear(context, &r.arena);
    mote_release(context, r.sequences);
    if (status != MOTE_OK) {
        mote_corpus_close(corpus);
        return status;
    }
    *result = corpus;
    return MOTE_OK;
}

/* One document of length bases of the gene model, number which of the seed. */
static mote_status simulate(mote_corpus *corpus, mote_hmm *hmm, uint64_t which, size_t length,
                            mote_token_stream *stream)
{
    uint32_t words[4] = {(uint32_t)which, 0, 0, MOTE_DRAW_SAMPLE};
    mote_philox4x32(words, (uint32_t)corpus->seed, (uint32_t)(corpus->seed >> 32));
    mote_status status = mote_corpus_reserve(corpus, stream, length);
    if (status == MOTE_OK) {
        mote_hmm_sample(hmm, (uint64_t)words[0] << 32 | words[1], length, stream->narrow, NULL);
        for (size_t i = 0; i < length; i++) {
            stream->narrow[i] = (uint8_t)(stream->narrow[i] + corpus->vocabulary->ordinary);
        }
    }
    return status;
}

mote_status mote_corpus_simulate(mote_context *context, const mote_corpus_options *given, size_t bases,
                                 mote_corpus **result)
{
    mote_corpus_options options = given ? *given : (mote_corpus_options){0};
    mote_hmm *hmm;
    *result = NULL;
    mote_status status = check_options(context, &options);
    if (status != MOTE_OK) {
        return status;
    }
    if (options.strands == MOTE_STRANDS_BOTH || (options.vocabulary && strcmp(options.vocabulary, "byte") != 0)) {
        return mote_fail(
            context, MOTE_ERROR_ARGUMENT,
            "simulated genes: the vocabulary is byte and the strand forward, or the entropy rate would not "
            "be theirs");
    }
    if (bases < 2) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "simulated genes: expected 2 bases or more, found %zu", bases);
    }
    options.strands = MOTE_STRANDS_FORWARD;
    status = mote_gene_create(context, &hmm);
    if (status != MOTE_OK) {
        return status;
    }
    double wanted = fraction_of(&options) * (double)bases;
    mote_corpus *corpus = mote_corpus_create(context, mote_vocabulary_find("byte"), &options);
    status = corpus ? simulate(corpus, hmm, 0, bases, &corpus->training) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        status = simulate(corpus, hmm, 1, wanted < 2 ? 2 : (size_t)wanted, &corpus->validation);
    }
    mote_hmm_destroy(hmm);
    if (status == MOTE_OK) {
        corpus->info.records = 2;
        corpus->info.by_record = true;
        corpus->info.training_documents = corpus->info.validation_documents = 1;
        corpus->info.letters = corpus->training.count + corpus->validation.count;
        status = mote_corpus_finish(corpus, &options);
    }
    if (status != MOTE_OK) {
        mote_corpus_close(corpus);
        return status;
    }
    *result = corpus;
    return MOTE_OK;
}

void mote_corpus_close(mote_corpus *corpus)
{
    if (!corpus) {
        return;
    }
    mote_context *context = corpus->context;
    mote_release(context, corpus->training.narrow);
    mote_release(context, corpus->training.wide);
    mote_release(context, corpus->validation.narrow);
    mote_release(context, corpus->validation.wide);
    mote_release(context, corpus);
}

const mote_corpus_info *mote_corpus_describe(const mote_corpus *corpus) { return &corpus->info; }

uint64_t mote_corpus_hash(const mote_corpus *corpus)
{
    const mote_token_stream *streams[] = {&corpus->training, &corpus->validation};
    uint64_t hash = 0;
    for (int i = 0; i < 2; i++) {
        const mote_token_stream *s = streams[i];
        const void *tokens = s->narrow ? (const void *)s->narrow : s->wide;
        size_t width = s->narrow ? sizeof *s->narrow : sizeof *s->wide;
        hash = XXH3_64bits_withSeed(tokens, tokens ? s->count * width : 0, hash);
    }
    return hash;
}
