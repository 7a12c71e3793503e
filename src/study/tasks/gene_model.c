/* Language modelling of genes whose entropy is known: a hidden Markov chain writes intergenic sequence and genes with
 * codons, three classes of codon usage and introns (data/gene.c), and the network predicts each base from up to 128
 * before it, which it reads as words of four that overlap (as DNABERT does: Ji et al., Bioinformatics 37 (2021) 2112).
 *
 * The chain itself is the perfect model: -log2 P(base | bases before it in the window) by the forward algorithm
 * (Rabiner, Proc. IEEE 77 (1989) 257, section III.A), started from its stationary distribution. The metric is how far
 * the network stays above that on the same test windows. */
#include <math.h>

#include "data/gene.h"
#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum {
    BASES = 4,
    CONTEXT = 128,
    WINDOW = CONTEXT + 1,
    TRAINING = 4000,
    TEST = 256,
    ORDER = 8,
    WORD = 4,
    WORDS = 256,
    WIDTH = 32
};
enum { WORDS_READ, READ, NEXT };

typedef struct limit {
    double bits[CONTEXT]; /* a base, that the chain pays at each place of a test window, mean over the windows */
} limit;

/* Windows side by side in a genome of their own for each split. */
static mote_status write_windows(mote_task_data *data, const mote_task_split *split, uint64_t seed)
{
    uint8_t *bases = mote_data_memory(data, split->count * WINDOW, 1);
    mote_status status =
        bases ? mote_gene_sample(data->context, seed, split->count * WINDOW, bases) : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < split->count; i++) {
        for (size_t j = 0; j < CONTEXT; j++) {
            mote_data_classes(data, split, READ, i)[j] = bases[i * WINDOW + j];
            for (size_t k = 0; k < WORD && k <= j; k++) { /* in front of the window stands A */
                mote_data_classes(data, split, WORDS_READ, i)[j] += bases[i * WINDOW + j - k] << (2 * k);
            }
            mote_data_classes(data, split, NEXT, i)[j] = bases[i * WINDOW + j + 1];
        }
    }
    return status;
}

/* What the chain pays for the test windows. */
static mote_status find_limit(mote_task_data *data)
{
    mote_hmm *chain;
    limit *l = data->own;
    mote_status status = mote_gene_create(data->context, &chain);
    for (size_t i = 0; status == MOTE_OK && i < TEST; i++) {
        uint8_t base = (uint8_t)mote_data_classes(data, &data->test, READ, i)[0];
        mote_hmm_believe(chain, -1);
        mote_hmm_bits(chain, &base, 1);
        for (size_t j = 0; j < CONTEXT; j++) {
            base = (uint8_t)mote_data_classes(data, &data->test, NEXT, i)[j];
            l->bits[j] += mote_hmm_bits(chain, &base, 1) / TEST;
        }
    }
    if (status == MOTE_OK) {
        mote_hmm_destroy(chain);
    }
    return status;
}

/* Bits that scores [TEST, CONTEXT, BASES] pay at each place, mean over the windows. */
static void bits_of(const mote_task_data *data, const float *scores, double *bits)
{
    for (size_t j = 0; j < CONTEXT; j++) {
        bits[j] = 0;
        for (size_t i = 0; i < TEST; i++) {
            const float *s = scores + (i * CONTEXT + j) * BASES;
            double sum = 0;
            for (int b = 0; b < BASES; b++) {
                sum += exp((double)s[b]);
            }
            bits[j] += (log(sum) - (double)s[mote_data_classes(data, &data->test, NEXT, i)[j]]) / M_LN2 / TEST;
        }
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    const limit *l = data->own;
    double bits[CONTEXT], above = 0;
    bits_of(data, predictions, bits);
    for (size_t j = 0; j < CONTEXT; j++) {
        above += (bits[j] - l->bits[j]) / CONTEXT;
    }
    return above;
}

/* Number of the order bases that end with place j of the window, of an index with all shorter ones before it. */
static size_t context_at(const int32_t *window, size_t j, int order)
{
    size_t number = 0, first = 0;
    for (int k = 0; k < order; k++) {
        number += (size_t)window[j - (size_t)k] << (2 * k);
        first += (size_t)1 << (2 * k);
    }
    return first + number;
}

static int orders_at(size_t j) { return j + 1 < ORDER ? (int)j + 1 : ORDER; }

/* The context model: counts of bases behind the 0 .. ORDER bases before them, each order's frequencies drawn to those
 * of the next shorter one with the weight of some observations. */
static mote_status context_model(mote_task_data *data, float *guess)
{
    const double weight = 12;
    const size_t contexts = (((size_t)1 << (2 * (ORDER + 1))) - 1) / 3;
    float *counts = mote_data_memory(data, contexts * BASES, sizeof *counts);
    if (!counts) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < TRAINING; i++) {
        const int32_t *window = mote_data_classes(data, &data->training, READ, i);
        for (size_t j = 0; j < CONTEXT; j++) {
            for (int k = 0; k <= orders_at(j); k++) {
                counts[context_at(window, j, k) * BASES +
                       (size_t)mote_data_classes(data, &data->training, NEXT, i)[j]]++;
            }
        }
    }
    for (size_t i = 0; i < TEST; i++) {
        const int32_t *window = mote_data_classes(data, &data->test, READ, i);
        for (size_t j = 0; j < CONTEXT; j++) {
            double p[BASES] = {0.25, 0.25, 0.25, 0.25};
            for (int k = 0; k <= orders_at(j); k++) {
                const float *n = counts + context_at(window, j, k) * BASES;
                const double all = (double)n[0] + (double)n[1] + (double)n[2] + (double)n[3];
                for (int b = 0; b < BASES; b++) {
                    p[b] = ((double)n[b] + weight * p[b]) / (all + weight);
                }
            }
            for (int b = 0; b < BASES; b++) {
                guess[(i * CONTEXT + j) * BASES + (size_t)b] = (float)log(p[b]);
            }
        }
    }
    return MOTE_OK;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "words", MOTE_INT32, 1, (size_t[]){CONTEXT});
    mote_data_array(data, "read", MOTE_INT32, 1, (size_t[]){CONTEXT});
    mote_data_array(data, "next", MOTE_INT32, 1, (size_t[]){CONTEXT});
    data->own = mote_data_memory(data, 1, sizeof(limit));
    mote_status status = data->own ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? write_windows(data, &data->training, 1) : status;
    status = status == MOTE_OK ? write_windows(data, &data->test, 2) : status;
    status = status == MOTE_OK ? find_limit(data) : status;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, (size_t)CONTEXT * BASES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_baseline_frequency(data, NEXT, BASES, guess);
    for (size_t i = TEST * CONTEXT; i-- > 0;) {
        for (size_t b = 0; b < BASES; b++) {
            guess[i * BASES + b] = guess[b];
        }
    }
    data->trivial = score(data, guess);
    status = context_model(data, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_transformer_shape shape = {.blocks = 2, .heads = 2, .hidden = 3 * WIDTH, .causal = true};
    (void)data, (void)batch, (void)training;
    mote_value table = mote_graph_parameter(graph, "embedding", 2, (size_t[]){WORDS, WIDTH}, MOTE_INITIAL_NORMAL, 0.5);
    mote_value x = mote_graph_embedding(graph, table, inputs[WORDS_READ]);
    x = mote_transformer_blocks(graph, "blocks", x, &shape);
    mote_layer head = mote_linear_layer(graph, "head", WIDTH, BASES, MOTE_START_PLAIN);
    outputs->prediction = mote_apply_linear(graph, &head, x);
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[NEXT]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    const limit *l = data->own;
    double bits[CONTEXT];
    float perfect[CONTEXT], paid[CONTEXT];
    bits_of(data, predictions, bits);
    for (size_t j = 0; j < CONTEXT; j++) {
        perfect[j] = (float)l->bits[j];
        paid[j] = (float)bits[j];
    }
    return mote_picture_lines(CONTEXT, NULL, "bases seen before", "bits a base (truth: the chain itself)", perfect,
                              paid);
}

const mote_science_task mote_task_gene_model = {
    .name = "gene_model",
    .science = "genomics",
    .title = "Next base of simulated genes, above the entropy that is known",
    .model = "transformer",
    .metric = "bits a base above the limit",
    .unit = "bits",
    .trivial = "frequencies of bases",
    .strong = "context model of order 8",
    .recipe = {.steps = 300, .batch = 16, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
