/* Vocabularies, corpora, splits and batches, held to brute force. */
#include "folder.h"

#include <math.h>

#include "base/philox.h"
#include "data/corpus.h"
#include "data/gene.h"
#include "data/split.h"

static void vocabularies(void **state)
{
    (void)state;
    static const int sizes[] = {20, 21, 69, 261, 1029, 4101, 69, 33};
    char text[MOTE_TOKEN_TEXT];
    const mote_vocabulary *v;
    for (size_t i = 0; (v = mote_vocabulary_row(i)) != NULL; i++) {
        int ordinary = 0;
        assert_ptr_equal(mote_vocabulary_find(v->name), v);
        assert_int_equal(v->size, sizes[i]);
        for (int t = 0; t < v->size; t++) {
            mote_vocabulary_text(v, t, text);
            bool special = mote_vocabulary_special(v, t);
            assert_true(special == (text[0] == '<'));
            assert_int_equal(mote_vocabulary_units(v, t), special && t != v->unknown ? 0 : v->unit);
            ordinary += !special;
            if (!special && text[0] != '.' && text[0] != '-') {
                assert_int_equal(mote_vocabulary_token(v, (const uint8_t *)text), t);
            }
            if (v->dna) {
                assert_int_equal(mote_vocabulary_complement(v, mote_vocabulary_complement(v, t)), t);
            }
        }
        assert_int_equal(ordinary, v->known);
    }
    assert_null(mote_vocabulary_find("kmer:7"));
    assert_null(mote_vocabulary_find("Byte"));
}

/* The order of ESM-2's dictionary. */
static void protein_is_esm2(void **state)
{
    (void)state;
    const char *order = "<<<<LAGVSERTIDPKQNFYMHWCXBUZO.-<<";
    const mote_vocabulary *v = mote_vocabulary_find("protein");
    char text[MOTE_TOKEN_TEXT];
    for (int t = 0; t < 33; t++) {
        mote_vocabulary_text(v, t, text);
        assert_int_equal(text[0], order[t]);
    }
    assert_int_equal(v->begin, 0);
    assert_int_equal(v->pad, 1);
    assert_int_equal(v->end, 2);
    assert_int_equal(v->unknown, 3);
    assert_int_equal(v->mask, 32);
    assert_int_equal(mote_vocabulary_token(v, (const uint8_t *)"J"), 3);
    assert_int_equal(mote_vocabulary_token(v, (const uint8_t *)"*"), 3);
}

static void encodes(void **state)
{
    (void)state;
    uint16_t tokens[16];
    const mote_vocabulary *byte = mote_vocabulary_find("byte"), *codon = mote_vocabulary_find("codon");
    assert_int_equal(mote_vocabulary_encode(byte, (const uint8_t *)"ACGTUNRQ", 8, tokens), 8);
    static const uint16_t bytes[] = {5, 6, 7, 8, 8, 9, 10, 3};
    assert_memory_equal(tokens, bytes, sizeof bytes);
    assert_int_equal(mote_vocabulary_encode(codon, (const uint8_t *)"AAAACGUUUGANCC", 14, tokens), 4);
    static const uint16_t codons[] = {5, 5 + 6, 5 + 63, 3};
    assert_memory_equal(tokens, codons, sizeof codons);
    int gat = mote_vocabulary_token(codon, (const uint8_t *)"GAT");
    assert_int_equal(mote_vocabulary_complement(codon, gat), mote_vocabulary_token(codon, (const uint8_t *)"ATC"));
    int r = mote_vocabulary_token(byte, (const uint8_t *)"R"), d = mote_vocabulary_token(byte, (const uint8_t *)"D");
    assert_int_equal(mote_vocabulary_complement(byte, r), mote_vocabulary_token(byte, (const uint8_t *)"Y"));
    assert_int_equal(mote_vocabulary_complement(byte, d), mote_vocabulary_token(byte, (const uint8_t *)"H"));
}

static void key_of_both_strands(void **state)
{
    (void)state;
    const uint8_t *a = (const uint8_t *)"GATTACARN", *b = (const uint8_t *)"NYTGTAATC",
                  *u = (const uint8_t *)"GAUUACARN";
    assert_true(mote_sequence_key(a, 9, true) == mote_sequence_key(b, 9, true));
    assert_true(mote_sequence_key(a, 9, true) == mote_sequence_key(u, 9, true));
    assert_true(mote_sequence_key(a, 9, false) != mote_sequence_key(b, 9, false));
    assert_true(mote_sequence_key(a, 8, true) != mote_sequence_key(a, 9, true));
}

/* The simulated corpus: no markers, every target scored, the entropy rate below every context model. */
static void simulated_genes(void **state)
{
    (void)state;
    enum { BASES = 300000, CONTEXT = 64 };
    mote_context *context = unit_context(1, NULL);
    mote_corpus_options options = {.seed = 4, .validation_fraction = 0.5};
    mote_corpus *corpus;
    int32_t tokens[2 * CONTEXT], targets[2 * CONTEXT];
    double bits[6], rate, error;
    unit_ok(context, mote_corpus_simulate(context, &options, BASES, &corpus));
    const mote_corpus_info *info = mote_corpus_describe(corpus);
    assert_int_equal(info->training_tokens, BASES);
    assert_int_equal(info->validation_tokens, BASES / 2);
    assert_true(info->units_per_target == 1);
    unit_ok(context, mote_corpus_batch(corpus, 3, 2, CONTEXT, tokens, targets, NULL));
    for (size_t i = 0; i < 2 * CONTEXT; i++) {
        assert_true(targets[i] >= 5 && targets[i] < 9);
        assert_true(i % CONTEXT == CONTEXT - 1 || tokens[i + 1] == targets[i]);
    }
    unit_ok(context, mote_gene_entropy_rate(context, 1, 1000000, &rate, &error));
    for (int order = 0; order < 6; order++) {
        unit_ok(context, mote_corpus_context_bits(corpus, order, &bits[order]));
    }
    assert_true(bits[0] < 2 && fabs(bits[0] - info->entropy) < 0.01);
    assert_true(bits[3] < bits[2] && bits[2] < bits[1] && bits[1] < bits[0]);
    assert_true(bits[5] > rate + 0.1);
    mote_corpus_close(corpus);
    options.strands = MOTE_STRANDS_BOTH;
    assert_int_equal(mote_corpus_simulate(context, &options, BASES, &corpus), MOTE_ERROR_ARGUMENT);
    options = (mote_corpus_options){.vocabulary = "codon"};
    assert_int_equal(mote_corpus_simulate(context, &options, BASES, &corpus), MOTE_ERROR_ARGUMENT);
    options = (mote_corpus_options){.context = BASES};
    assert_int_equal(mote_corpus_simulate(context, &options, BASES, &corpus), MOTE_ERROR_SHAPE);
    assert_null(corpus);
    mote_context_destroy(context);
}

#ifdef MOTE_WITH_HTSLIB

enum { GENOME = 40000, CONTEXT = 37, ROWS = 3, SIZE = ROWS * CONTEXT };

static int32_t tokens[SIZE], targets[SIZE], segments[SIZE];
static char genome[GENOME + 1];

/* A genome in which every stretch of 20 bases is the only one of its kind, and of its complement's. */
static const char *make_genome(void)
{
    for (uint32_t i = 0; i < GENOME; i++) {
        genome[i] = "ACGT"[mote_philox_word(11, i) >> 30];
    }
    char *text = malloc(GENOME + 64);
    sprintf(text, ">one\n%.*s\n>two\n%s\n", GENOME / 4, genome, genome + GENOME / 4);
    const char *path = folder_text("genome.fa", text);
    free(text);
    return path;
}

static mote_corpus *open_one(mote_context *context, const char *path, const mote_corpus_options *options)
{
    mote_corpus *corpus;
    unit_ok(context, mote_corpus_open(context, &path, 1, options, &corpus));
    return corpus;
}

/* Marks bases of the genome that validation scores or shows, by looking up each window of letters in the genome. */
static void mark_validation(const mote_corpus *corpus, uint8_t *marks)
{
    const mote_vocabulary *v = mote_corpus_describe(corpus)->vocabulary;
    char text[CONTEXT * 8], one[MOTE_TOKEN_TEXT];
    size_t batches = mote_corpus_validation_count(corpus, 1, CONTEXT, CONTEXT);
    for (size_t i = 0; i < batches; i++) {
        assert_int_equal(mote_corpus_validation(corpus, i, 1, CONTEXT, CONTEXT, tokens, targets, segments), MOTE_OK);
        size_t length = 0;
        for (size_t j = 0; j <= CONTEXT; j++) {
            if (j == CONTEXT || mote_vocabulary_special(v, tokens[j])) {
                text[length] = '\0';
                const char *found = length >= 20 ? strstr(genome, text) : NULL;
                assert_true(length < 20 || found);
                memset(marks + (found ? found - genome : 0), 1, found ? length : 0);
                length = 0;
            } else {
                mote_vocabulary_text(v, tokens[j], one);
                length += (size_t)sprintf(text + length, "%s", one);
            }
        }
    }
}

/* Split by block, both strands: no base that validation holds is in any training window, forward or backward. */
static void blocks_do_not_leak(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    static const char *const names[] = {"byte", "kmer:3"};
    const char *path = make_genome();
    for (size_t n = 0; n < 2; n++) {
        mote_corpus_options options = {.vocabulary = names[n], .seed = 5, .validation_fraction = 0.2};
        mote_corpus *corpus = open_one(context, path, &options);
        const mote_corpus_info *info = mote_corpus_describe(corpus);
        const mote_vocabulary *v = info->vocabulary;
        static uint8_t marks[GENOME + 1], trained[GENOME + 1];
        size_t marked = 0, seen = 0, backward = 0;
        assert_false(info->by_record);
        assert_true(info->both_strands);
        assert_int_equal(info->letters, GENOME);
        assert_true(info->validation_documents >= 2 && info->training_documents >= 3);
        memset(marks, 0, sizeof marks);
        memset(trained, 0, sizeof trained);
        mark_validation(corpus, marks);
        for (uint64_t step = 0; step < 3000; step++) {
            unit_ok(context, mote_corpus_batch(corpus, step, 1, CONTEXT, tokens, targets, segments));
            char text[2][CONTEXT * 8], one[MOTE_TOKEN_TEXT];
            for (size_t first = 0, last; first < CONTEXT; first = last + 1) {
                for (last = first; last < CONTEXT && !mote_vocabulary_special(v, tokens[last]); last++) {
                }
                text[0][0] = text[1][0] = '\0';
                for (size_t j = first; j < last; j++) {
                    mote_vocabulary_text(v, tokens[j], one);
                    strcat(text[0], one);
                    mote_vocabulary_text(v, mote_vocabulary_complement(v, tokens[first + last - 1 - j]), one);
                    strcat(text[1], one);
                }
                if (strlen(text[0]) < 20) {
                    continue;
                }
                const char *forward = strstr(genome, text[0]), *reverse = strstr(genome, text[1]);
                assert_true((forward != NULL) != (reverse != NULL));
                backward += reverse != NULL;
                memset(trained + ((forward ? forward : reverse) - genome), 1, strlen(text[0]));
            }
        }
        for (size_t i = 0; i < GENOME; i++) {
            assert_false(marks[i] && trained[i]);
            marked += marks[i];
            seen += trained[i];
        }
        /* windows of less than 20 letters at documents' borders go unseen */
        assert_true(fabs((double)marked / GENOME - 0.2) < 0.02);
        assert_true((double)seen / GENOME > 0.7);
        assert_true(backward > 1300 && backward < 1800);
        mote_corpus_close(corpus);
    }
    mote_context_destroy(context);
}

/* Stretches lie end to end over every sequence, and validation has the tokens it should. */
static void stretches_tile(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    for (uint32_t trial = 0; trial < 2000; trial++) {
        mote_sequence sequences[4] = {{0}};
        size_t total = 0, wanted, blocks, count, validation = 0, at = 0;
        mote_stretch *stretches;
        double fraction = 0.3 * (mote_philox_word(trial, 9) * 0x1p-32);
        fraction = trial % 2 ? fraction : 1 - fraction / 60; /* hardly any room between blocks */
        for (size_t i = 0; i < 4; i++) {
            sequences[i].tokens = mote_philox_word(trial, i) % (i == 1 ? 60000 : 1500);
            total += sequences[i].tokens;
        }
        wanted = (size_t)((double)total * fraction);
        blocks = wanted / 1024 < 1 ? 1 : wanted / 1024 > 32 ? 32 : wanted / 1024;
        unit_ok(context, mote_split_stretches(context, sequences, 4, false, fraction, trial, &stretches, &count));
        for (size_t i = 0, s = 0; i < 4; i++, at = 0) {
            for (; s < count && stretches[s].sequence == i; at += stretches[s++].count) {
                assert_int_equal(stretches[s].begin, at);
                validation += stretches[s].validation ? stretches[s].count : 0;
            }
            assert_int_equal(at, sequences[i].tokens);
        }
        assert_int_equal(validation, wanted / blocks * blocks);
        mote_release(context, stretches);
    }
    mote_context_destroy(context);
}

/* Thirty records; equal ones and reverse complements stay on one side. Documents of each side are told by their first
 * letters, which spell the record's number. */
static void records_do_not_leak(void **state)
{
    (void)state;
    enum { RECORDS = 30, LENGTH = 50 };
    mote_context *context = unit_context(1, NULL);
    char *text = calloc(RECORDS, 2 * LENGTH), body[LENGTH + 1], *at = text;
    for (uint32_t r = 0; r < RECORDS; r++) {
        for (uint32_t i = 0; i < LENGTH; i++) {
            uint32_t same = r / 3; /* three of each: as is, the same in lower case, the reverse complement */
            uint32_t base = mote_philox_word(same, r % 3 == 2 ? LENGTH - 1 - i : i) >> 30;
            body[i] = r % 3 == 0 ? "ACGT"[base] : r % 3 == 1 ? "acgu"[base] : "TGCA"[base];
        }
        body[LENGTH] = '\0';
        at += sprintf(at, ">r%u\n%s\n", r, body);
    }
    const char *path = folder_text("records.fa", text);
    for (uint64_t seed = 0; seed < 20; seed++) {
        mote_corpus_options options = {.seed = seed, .validation_fraction = 0.1, .strands = MOTE_STRANDS_FORWARD};
        mote_corpus *corpus = open_one(context, path, &options);
        const mote_corpus_info *info = mote_corpus_describe(corpus);
        assert_true(info->by_record);
        assert_int_equal(info->validation_documents, 3); /* one group of ten */
        assert_int_equal(info->training_documents, 27);
        assert_int_equal(info->training_tokens, 27 * (LENGTH + 2));
        mote_corpus_close(corpus);
    }
    mote_corpus_options all = {.validation_fraction = 1}, half = {.split = MOTE_SPLIT_RECORD};
    mote_corpus *corpus = open_one(context, path, &all);
    assert_int_equal(mote_corpus_describe(corpus)->training_tokens, 0);
    assert_int_equal(mote_corpus_describe(corpus)->validation_documents, RECORDS);
    assert_int_equal(mote_corpus_batch(corpus, 0, 1, 8, tokens, targets, segments), MOTE_ERROR_SHAPE);
    mote_corpus_close(corpus);
    const char *same = folder_text("same.fa", ">a\nGATTACA\n>b\nTGTAATC\n");
    assert_int_equal(mote_corpus_open(context, &same, 1, &half, &corpus), MOTE_ERROR_SHAPE);
    assert_non_null(strstr(mote_context_message(context), "too short to be split"));
    free(text);
    mote_context_destroy(context);
}

/* What a causal batch must be, whatever the window: targets follow tokens, documents are kept apart. */
static void check_causal(const mote_vocabulary *v, size_t rows)
{
    for (size_t i = 0; i < rows * CONTEXT; i++) {
        size_t j = i % CONTEXT;
        bool starts = tokens[i] == v->begin;
        if (j == 0) {
            assert_int_equal(segments[i], 0);
        } else {
            assert_int_equal(segments[i], segments[i - 1] + starts);
            assert_int_equal(targets[i - 1], starts ? -1 : tokens[i]);
        }
        assert_true(tokens[i] != v->end || targets[i] == -1);
        assert_true(targets[i] != v->begin && targets[i] != v->pad);
    }
}

static void batches_repeat(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const char *path = folder_text("few.fa", ">a\nACGTACGTAACC\n>b\nGGTNA\n>c\nTTTTCAGATTACAGATTACACC\n");
    mote_corpus_options options = {.seed = 8, .validation_fraction = 0.1, .context = CONTEXT};
    mote_corpus *corpus = open_one(context, path, &options), *again = open_one(context, path, &options);
    const mote_vocabulary *v = mote_corpus_describe(corpus)->vocabulary;
    static int32_t copies[3][SIZE];
    size_t different = 0, documents = 0;
    assert_string_equal(v->name, "byte");
    for (uint64_t step = 0; step < 200; step++) {
        unit_ok(context, mote_corpus_batch(again, step, ROWS, CONTEXT, copies[0], copies[1], copies[2]));
        unit_ok(context, mote_corpus_batch(corpus, step + 1, ROWS, CONTEXT, tokens, targets, segments));
        different += memcmp(copies[0], tokens, sizeof tokens) != 0;
        unit_ok(context, mote_corpus_batch(corpus, step, ROWS, CONTEXT, tokens, targets, segments));
        assert_memory_equal(copies[0], tokens, sizeof tokens);
        assert_memory_equal(copies[1], targets, sizeof targets);
        assert_memory_equal(copies[2], segments, sizeof segments);
        check_causal(v, ROWS);
        documents += (size_t)segments[CONTEXT - 1];
    }
    assert_true(different > 190 && documents > 200);
    mote_corpus_close(corpus);
    mote_corpus_close(again);
    mote_context_destroy(context);
}

/* 15 % chosen, of them 80 % masked, 10 % replaced, never a special; what was not chosen is as it was. */
static void masks(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const char *path = make_genome();
    mote_corpus_options options = {.seed = 2};
    mote_corpus *corpus = open_one(context, path, &options);
    const mote_vocabulary *v = mote_corpus_describe(corpus)->vocabulary;
    static int32_t copy[SIZE];
    double all = 0, chosen = 0, masked = 0, kept = 0;
    for (uint64_t step = 0; step < 2000; step++) {
        unit_ok(context, mote_corpus_masked_batch(corpus, step, ROWS, CONTEXT, tokens, targets, segments));
        for (size_t i = 0; i < SIZE; i++) {
            all += 1;
            chosen += targets[i] >= 0;
            masked += targets[i] >= 0 && tokens[i] == v->mask;
            kept += targets[i] == tokens[i];
            assert_true(targets[i] == -1 || !mote_vocabulary_special(v, targets[i]));
            assert_true(targets[i] >= 0 || tokens[i] != v->mask);
        }
    }
    assert_true(fabs(chosen / all - 0.15) < 0.004);
    assert_true(fabs(masked / chosen - 0.8) < 0.01);
    assert_true(fabs(kept / chosen - 0.125) < 0.01); /* 10 % and a quarter of the 10 % replaced at random */
    unit_ok(context, mote_corpus_masked_batch(corpus, 1999, ROWS, CONTEXT, copy, targets, segments));
    assert_memory_equal(copy, tokens, sizeof copy);
    /* validation: with the targets put back it is the validation stream, and goes the same way twice */
    size_t batches = mote_corpus_masked_validation_count(corpus, ROWS, CONTEXT), shown = 0;
    for (size_t b = 0; b < batches; b++) {
        unit_ok(context, mote_corpus_masked_validation(corpus, b, ROWS, CONTEXT, copy, targets, segments));
        unit_ok(context, mote_corpus_masked_validation(corpus, b, ROWS, CONTEXT, tokens, targets, segments));
        assert_memory_equal(copy, tokens, sizeof copy);
        for (size_t i = 0; i < SIZE; i++) {
            shown += tokens[i] != v->pad;
        }
    }
    assert_int_equal(shown, mote_corpus_describe(corpus)->validation_tokens);
    assert_int_equal(mote_corpus_masked_validation(corpus, batches, ROWS, CONTEXT, tokens, targets, segments),
                     MOTE_ERROR_SHAPE);
    mote_corpus_close(corpus);
    mote_context_destroy(context);
}

/* Every target of the validation stream is scored once, whatever rows and stride, and sees what the stride promises. */
static void validation_scores_once(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const char *path = folder_text("v.fa", ">a\nACGTACGTAACCGGTNATTTTCAGATTAC\n>b\nA\n>c\nGGGTTTACAGATTACACCAGTTGAC\n");
    mote_corpus_options options = {.validation_fraction = 1};
    mote_corpus *corpus = open_one(context, path, &options);
    const mote_vocabulary *v = mote_corpus_describe(corpus)->vocabulary;
    static int32_t t[64 * 64], y[64 * 64], s[64 * 64];
    int32_t stream[64];
    size_t n = mote_corpus_describe(corpus)->validation_tokens;
    assert_int_equal(n, 29 + 1 + 25 + 6);
    unit_ok(context, mote_corpus_validation(corpus, 0, 1, 61, 61, stream, y, s));
    for (size_t width = 1; width <= 64; width++) {
        for (size_t stride = 1; stride <= width; stride++) {
            size_t rows = 1 + (width + stride) % 4, batches = mote_corpus_validation_count(corpus, rows, width, stride);
            int scored[64] = {0};
            double units = 0, count = 0;
            for (size_t b = 0; b < batches; b++) {
                unit_ok(context, mote_corpus_validation(corpus, b, rows, width, stride, t, y, s));
                for (size_t i = 0; i < rows * width; i++) {
                    size_t place = (b * rows + i / width) * stride + i % width;
                    assert_int_equal(t[i], place < n ? stream[place] : v->pad);
                    if (y[i] >= 0) {
                        scored[place + 1]++;
                        assert_int_equal(y[i], stream[place + 1]);
                        assert_true(b + i / width == 0 || i % width >= width - stride);
                        units += mote_vocabulary_units(v, y[i]);
                        count++;
                    }
                    assert_true(i % width == 0 || place != n || s[i] == s[i - 1] + 1);
                }
            }
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(scored[i], i > 0 && stream[i] != v->begin);
            }
            assert_true(fabs(units / count - mote_corpus_describe(corpus)->units_per_target) < 1e-12);
            assert_int_equal(mote_corpus_validation(corpus, batches, rows, width, stride, t, y, s), MOTE_ERROR_SHAPE);
        }
    }
    mote_corpus_close(corpus);
    mote_context_destroy(context);
}

/* Several files; counts of everything. */
static void counts(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const char *paths[2] = {folder_text("a.fa", ">a\nACGTAC\n>empty\n>b\nACG\n"),
                            folder_write("b.fa.gz", "@c\nTTNGGCC\n+\nIIIIIII\n", 21, FOLDER_BGZIP)};
    mote_corpus_options options = {.vocabulary = "codon", .validation_fraction = 1};
    mote_corpus *corpus;
    unit_ok(context, mote_corpus_open(context, paths, 2, &options, &corpus));
    const mote_corpus_info *info = mote_corpus_describe(corpus);
    assert_int_equal(info->files, 2);
    assert_int_equal(info->records, 4);
    assert_int_equal(info->empty_records, 1);
    assert_int_equal(info->letters, 16);
    assert_int_equal(info->unknown_letters, 3);
    assert_int_equal(info->dropped_letters, 1);
    assert_int_equal(info->validation_tokens, 5 + 3 * 2);
    assert_false(info->both_strands);
    assert_true(fabs(info->units_per_target - 15.0 / 8) < 1e-12); /* five tokens and three ends */
    assert_non_null(strstr(info->description, "2 files, 4 records, 16 bases; vocabulary codon"));
    mote_corpus_close(corpus);
    mote_context_destroy(context);
}

static void context_models(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char *text = malloc(GENOME + 8);
    memcpy(text, ">a\n", 4);
    for (size_t i = 0; i < GENOME; i++) {
        text[3 + i] = "AACAGT"[i % 6]; /* order 1 leaves A C G, order 2 leaves nothing but AA and CA */
    }
    text[3 + GENOME] = '\0';
    mote_corpus_options options = {.seed = 1, .validation_fraction = 0.5};
    mote_corpus *corpus = open_one(context, folder_text("r.fa", text), &options);
    double bits[4];
    for (int order = 0; order < 4; order++) {
        unit_ok(context, mote_corpus_context_bits(corpus, order, &bits[order]));
    }
    double order0 = 0.5 * 1 + 3 * log2(6) / 6, order1 = 0.5 * log2(3);
    assert_true(fabs(mote_corpus_describe(corpus)->entropy - order0) < 0.001);
    /* twenty documents in 20000 bases, whose borders cost some 14 bits each */
    assert_true(fabs(bits[0] - order0) < 0.02 && fabs(bits[1] - order1) < 0.02);
    assert_true(bits[2] < 0.02 && bits[3] < 0.02);
    assert_int_equal(mote_corpus_context_bits(corpus, -1, bits), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_corpus_context_bits(corpus, 40, bits), MOTE_ERROR_ARGUMENT);
    mote_corpus_close(corpus);
    free(text);
    mote_context_destroy(context);
}

static void hold_failure(mote_context *context, const char *text, const mote_corpus_options *options,
                         mote_status status, const char *said)
{
    mote_corpus *corpus;
    const char *path = folder_text("e.fa", text);
    assert_int_equal(mote_corpus_open(context, &path, 1, options, &corpus), status);
    assert_null(corpus);
    if (!strstr(mote_context_message(context), said)) {
        fail_msg("expected '%s', found '%s'", said, mote_context_message(context));
    }
}

static void errors(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const char *dna = ">a\nACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\n", *protein = ">p\nMKVLAWERTYPLLKKQEEFWIILPPQEF\n";
    mote_corpus *corpus;
    hold_failure(context, dna, &(mote_corpus_options){.vocabulary = "kmer:9"}, MOTE_ERROR_ARGUMENT,
                 "'kmer:9'; known: byte kmer:2");
    hold_failure(context, dna, &(mote_corpus_options){.validation_fraction = 1.5}, MOTE_ERROR_ARGUMENT, "found 1.5");
    hold_failure(context, dna, &(mote_corpus_options){.validation_fraction = NAN}, MOTE_ERROR_ARGUMENT, "found");
    hold_failure(context, protein, &(mote_corpus_options){.strands = MOTE_STRANDS_BOTH}, MOTE_ERROR_ARGUMENT,
                 "strands");
    hold_failure(context, protein, &(mote_corpus_options){.vocabulary = "codon"}, MOTE_ERROR_FILE,
                 "known to the vocabulary 'codon', which is for DNA");
    hold_failure(context, ">a\n0123\n", NULL, MOTE_ERROR_FILE, "found the byte 0x30 ('0')");
    hold_failure(context, dna, &(mote_corpus_options){.validation_fraction = 0.5, .context = 24}, MOTE_ERROR_SHAPE,
                 "24 tokens asked for, but the training data has 24; the largest context that works is 23");
    hold_failure(context, ">a\nACGT\n", NULL, MOTE_ERROR_SHAPE, "too short to be split");
    hold_failure(context, ">a\nAC\n", &(mote_corpus_options){.vocabulary = "codon"}, MOTE_ERROR_SHAPE, "0 tokens");
    assert_int_equal(mote_corpus_open(context, NULL, 0, NULL, &corpus), MOTE_ERROR_ARGUMENT);
    const char *path = folder_text("ok.fa", dna);
    corpus = open_one(context, path, &(mote_corpus_options){.validation_fraction = 0.5});
    assert_int_equal(mote_corpus_batch(corpus, 0, 0, 4, tokens, targets, NULL), MOTE_ERROR_SHAPE);
    assert_int_equal(mote_corpus_batch(corpus, 0, SIZE_MAX, 4, tokens, targets, NULL), MOTE_ERROR_SHAPE);
    assert_int_equal(mote_corpus_batch(corpus, 0, 1, SIZE_MAX, tokens, targets, NULL), MOTE_ERROR_SHAPE);
    assert_int_equal(mote_corpus_batch(corpus, 0, 1, 24, tokens, targets, NULL), MOTE_ERROR_SHAPE);
    assert_non_null(strstr(mote_context_message(context), "the largest context that works is 23"));
    unit_ok(context, mote_corpus_batch(corpus, 0, 1, 23, tokens, targets, NULL));
    unit_ok(context, mote_corpus_masked_batch(corpus, 0, 1, 24, tokens, targets, NULL));
    assert_int_equal(mote_corpus_validation(corpus, 0, 1, 4, 5, tokens, targets, NULL), MOTE_ERROR_SHAPE);
    mote_corpus_close(corpus);
    mote_context_destroy(context);
}

/* Real data, where MOTE_DATA names a folder with it. */
static void real_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *path, *vocabulary;
        size_t records;
    } files[] = {
        {"genomics/e_coli_k12_mg1655/GCF_000005845.2_ASM584v2_genomic.fna.gz", "byte", 1},
        {"genomics/m_genitalium_g37/genome.fasta.gz", "byte", 1},
        {"genomics/sars_cov_2/example_sequences.fasta.gz", "byte", 418},
        {"proteins/ecoli_proteome/UP000000625_83333.fasta.gz", "protein", 4391},
    };
    const char *data = getenv("MOTE_DATA");
    if (!data) {
        print_message("MOTE_DATA is not set\n");
        skip();
    }
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        const char *at = path;
        mote_corpus *corpus;
        double bits[6] = {0};
        snprintf(path, sizeof path, "%s/%s", data, files[i].path);
        double start = mote_clock();
        unit_ok(context, mote_corpus_open(context, &at, 1, NULL, &corpus));
        double took = mote_clock() - start;
        const mote_corpus_info *info = mote_corpus_describe(corpus);
        assert_string_equal(info->vocabulary->name, files[i].vocabulary);
        assert_int_equal(info->records, files[i].records);
        int orders = info->vocabulary->dna ? 6 : 3;
        print_message("%s\n  %s\n  %.2f s; entropy %.4f; orders:", files[i].path, info->description, took,
                      info->entropy);
        for (int order = 0; order < orders; order++) {
            unit_ok(context, mote_corpus_context_bits(corpus, order, &bits[order]));
            print_message(" %.4f", bits[order]);
        }
        print_message("; %.4f letters a target\n", info->units_per_target);
        assert_true(bits[2] < bits[0]);
        mote_corpus_close(corpus);
    }
    mote_context_destroy(context);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(protein_is_esm2),
        cmocka_unit_test(encodes),
        cmocka_unit_test(key_of_both_strands),
        cmocka_unit_test(simulated_genes),
#ifdef MOTE_WITH_HTSLIB
        cmocka_unit_test(blocks_do_not_leak),
        cmocka_unit_test(stretches_tile),
        cmocka_unit_test(records_do_not_leak),
        cmocka_unit_test(batches_repeat),
        cmocka_unit_test(masks),
        cmocka_unit_test(validation_scores_once),
        cmocka_unit_test(counts),
        cmocka_unit_test(context_models),
        cmocka_unit_test(errors),
        cmocka_unit_test(real_sequences),
#endif
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
