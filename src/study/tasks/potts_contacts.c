/* Contacts in proteins from the sequences of their families: lattice proteins whose sequences a Potts model writes.
 *
 * A structure is a Hamiltonian walk of 27 residues on the 3 x 3 x 3 cube (Shakhnovich and Gutin, J. Chem. Phys. 93
 * (1990) 5967): 28 pairs touch that are no neighbours along the chain. Its family is drawn from P(s) ~ exp(sum over
 * contacts J_ij(s_i, s_j)) by Gibbs sampling in clades that share an ancestor, so that pairs also covary by descent,
 * which is what methods for contacts are tried on by Jacquin et al., PLoS Comput. Biol. 12 (2016) e1004889, and
 * Qin and Colwell, PNAS 115 (2018) 690. The network sees, for each pair, the Frobenius norm of its covariances before
 * and after the average product correction (Dunn, Wahl and Gloor, Bioinformatics 24 (2008) 333), which is the strong
 * baseline, as in Wang et al., PLoS Comput. Biol. 13 (2017) e1005324. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SIDE = 3, LENGTH = 27, LETTERS = 4, CLADES = 8, MEMBERS = 8, SEQUENCES = CLADES * MEMBERS };
enum { PAIRS = LENGTH * LENGTH, FEATURES = 3, CLASSES = 2, TRAINING = 400, TEST = 60 };
enum { FEATURE, CONTACT };
static const double coupling = 0.75; /* standard deviation of a coupling's entries */

typedef struct family {
    mote_random random;
    int walk[LENGTH]; /* sites of the cube in the order of the chain */
    bool touch[LENGTH][LENGTH];
    double couplings[LENGTH][LENGTH][LETTERS][LETTERS];
    uint8_t sequences[SEQUENCES][LENGTH];
} family;

static bool adjacent(int a, int b)
{
    return abs(a % SIDE - b % SIDE) + abs(a / SIDE % SIDE - b / SIDE % SIDE) + abs(a / 9 - b / 9) == 1;
}

/* Mansfield's move (J. Chem. Phys. 77 (1982) 1554): the first residue's site is joined to one beside it, and the piece
 * of the walk before that turns round. Half of the time the chain is read from the other end. */
static void turn(family *f)
{
    int near[6], count = 0;
    bool other = mote_random_below(&f->random, 2);
    for (int i = 0; other && i < LENGTH / 2; i++) {
        int swap = f->walk[i];
        f->walk[i] = f->walk[LENGTH - 1 - i];
        f->walk[LENGTH - 1 - i] = swap;
    }
    for (int k = 2; k < LENGTH; k++) {
        if (adjacent(f->walk[0], f->walk[k])) {
            near[count++] = k;
        }
    }
    const int end =
        near[mote_random_below(&f->random, (size_t)count)]; /* every site has two neighbours beside its own */
    for (int i = 0, j = end - 1; i < j; i++, j--) {
        int swap = f->walk[i];
        f->walk[i] = f->walk[j];
        f->walk[j] = swap;
    }
}

static void fold(family *f)
{
    for (int i = 0; i < 200; i++) {
        turn(f);
    }
    for (int i = 0; i < LENGTH; i++) {
        for (int j = 0; j < i; j++) {
            f->touch[i][j] = f->touch[j][i] = i > j + 1 && adjacent(f->walk[i], f->walk[j]);
            for (int a = 0; f->touch[i][j] && a < LETTERS * LETTERS; a++) {
                f->couplings[i][j][a / LETTERS][a % LETTERS] = f->couplings[j][i][a % LETTERS][a / LETTERS] =
                    coupling * mote_random_normal(&f->random);
            }
        }
    }
}

/* Each residue drawn anew given all others, sweeps times. */
static void sample(family *f, int sweeps, uint8_t *sequence)
{
    for (int step = 0; step < sweeps * LENGTH; step++) {
        const int i = step % LENGTH;
        double weights[LETTERS], energy[LETTERS] = {0}, sum = 0;
        for (int j = 0; j < LENGTH; j++) {
            for (int a = 0; f->touch[i][j] && a < LETTERS; a++) {
                energy[a] += f->couplings[i][j][a][sequence[j]];
            }
        }
        for (int a = 0; a < LETTERS; a++) {
            sum += weights[a] = exp(energy[a]);
        }
        double drawn = mote_random_uniform(&f->random) * sum;
        sequence[i] = 0;
        while (sequence[i] + 1 < LETTERS && drawn >= weights[sequence[i]]) {
            drawn -= weights[sequence[i]++];
        }
    }
}

static void evolve(family *f)
{
    uint8_t ancestor[LENGTH] = {0}, clade[LENGTH];
    sample(f, 20, ancestor);
    for (size_t s = 0; s < SEQUENCES; s++) {
        if (s % MEMBERS == 0) {
            memcpy(clade, ancestor, sizeof clade);
            sample(f, 3, clade);
        }
        memcpy(f->sequences[s], clade, sizeof clade);
        sample(f, 2, f->sequences[s]);
    }
}

/* The Frobenius norm of the covariances of letters at i and j. */
static double covariance(const family *f, int i, int j)
{
    double both[LETTERS][LETTERS] = {{0}}, at_i[LETTERS] = {0}, at_j[LETTERS] = {0}, sum = 0;
    for (size_t s = 0; s < SEQUENCES; s++) {
        both[f->sequences[s][i]][f->sequences[s][j]] += 1.0 / SEQUENCES;
        at_i[f->sequences[s][i]] += 1.0 / SEQUENCES;
        at_j[f->sequences[s][j]] += 1.0 / SEQUENCES;
    }
    for (int a = 0; a < LETTERS * LETTERS; a++) {
        const double c = both[a / LETTERS][a % LETTERS] - at_i[a / LETTERS] * at_j[a % LETTERS];
        sum += c * c;
    }
    return sqrt(sum);
}

/* On the cube's sites, which are black and white in turn, only residues an odd number apart can touch. */
static bool candidate(int i, int j) { return abs(i - j) % 2 == 1 && abs(i - j) > 1; }

static void describe(const family *f, float *features, int32_t *contacts)
{
    double norms[LENGTH][LENGTH] = {{0}}, means[LENGTH] = {0}, all = 0;
    for (int i = 0; i < LENGTH; i++) {
        for (int j = 0; j < i; j++) {
            norms[i][j] = norms[j][i] = covariance(f, i, j);
            means[i] += norms[i][j] / (LENGTH - 1);
            means[j] += norms[i][j] / (LENGTH - 1);
        }
    }
    for (int i = 0; i < LENGTH; i++) {
        all += means[i] / LENGTH;
    }
    for (int p = 0; p < PAIRS; p++) {
        const int i = p / LENGTH, j = p % LENGTH;
        features[p * FEATURES] = (float)norms[i][j];
        features[p * FEATURES + 1] = i == j ? 0 : (float)(norms[i][j] - means[i] * means[j] / all);
        features[p * FEATURES + 2] = (float)abs(i - j);
        contacts[p] = candidate(i, j) ? f->touch[i][j] : -1;
    }
}

/* The mean over proteins of the AUROC of pairs that can touch. */
static double score(const mote_task_data *data, const float *predictions)
{
    double sum = 0;
    for (size_t s = 0; s < TEST; s++) {
        const int32_t *contacts = mote_data_classes(data, &data->test, CONTACT, s);
        const float *scores = predictions + s * PAIRS * CLASSES;
        int32_t truth[PAIRS];
        float told[PAIRS * CLASSES];
        size_t count = 0;
        for (size_t p = 0; p < PAIRS; p++) {
            if (contacts[p] >= 0 && p / LENGTH > p % LENGTH) {
                truth[count] = contacts[p];
                told[CLASSES * count] = scores[CLASSES * p];
                told[CLASSES * count++ + 1] = scores[CLASSES * p + 1];
            }
        }
        sum += mote_score_auroc(count, truth, told);
    }
    return sum / TEST;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "features", MOTE_FP32, 3, (size_t[]){LENGTH, LENGTH, FEATURES});
    mote_data_array(data, "contacts", MOTE_INT32, 2, (size_t[]){LENGTH, LENGTH});
    mote_status status = mote_data_allocate(data, TRAINING, TEST);
    family *f = status == MOTE_OK ? mote_data_memory(data, 1, sizeof *f) : NULL;
    float *guess = f ? mote_data_predictions(data, PAIRS * CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    f->random.seed = 27;
    for (int i = 0; i < LENGTH; i++) { /* back and forth through the cube */
        const int row = i / SIDE, y = row / SIDE % 2 ? SIDE - 1 - row % SIDE : row % SIDE;
        f->walk[i] = 9 * (i / 9) + SIDE * y + (row % 2 ? SIDE - 1 - i % SIDE : i % SIDE);
    }
    for (size_t i = 0; i < TRAINING + TEST; i++) {
        const mote_task_split *split = i < TRAINING ? &data->training : &data->test;
        const size_t s = i < TRAINING ? i : i - TRAINING;
        fold(f);
        evolve(f);
        describe(f, mote_data_at(data, split, FEATURE, s), mote_data_classes(data, split, CONTACT, s));
    }
    for (size_t p = 0; p < (size_t)TEST * PAIRS; p++) {
        guess[CLASSES * p + 1] = ((float *)data->test.values[FEATURE])[p * FEATURES + 1];
    }
    data->strong = score(data, guess);
    mote_data_standardize(data, FEATURE, FEATURES, NULL, NULL);
    memset(guess, 0, (size_t)TEST * PAIRS * CLASSES * sizeof *guess);
    data->trivial = score(data, guess);
    return MOTE_OK;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 16 };
    const mote_convolution_plane shape = {.filters = CHANNELS, .width = 3};
    (void)data, (void)batch, (void)training;
    mote_layer embed = mote_linear_layer(graph, "embed", FEATURES, CHANNELS, MOTE_START_PLAIN);
    mote_layer norm = mote_norm_layer(graph, "norm", CHANNELS);
    mote_layer tell = mote_linear_layer(graph, "tell", CHANNELS, CLASSES, MOTE_START_PLAIN);
    mote_value x = mote_residual_plane(graph, "pairs", mote_apply_linear(graph, &embed, inputs[FEATURE]), 2, &shape);
    x = mote_graph_map(graph, "gelu", mote_apply_norm(graph, &norm, x));
    x = mote_apply_linear(graph, &tell, x);
    x = mote_graph_add(graph, x, mote_graph_permute(graph, x, (int[]){0, 2, 1, 3})); /* a pair has no order */
    outputs->prediction = x;
    outputs->loss = mote_loss_classes(graph, x, inputs[CONTACT]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    float truth[PAIRS], told[PAIRS];
    for (int p = 0; p < PAIRS; p++) {
        const bool can = candidate(p / LENGTH, p % LENGTH);
        truth[p] = can && mote_data_classes(data, &data->test, CONTACT, 0)[p] == 1;
        told[p] = can ? (float)(1 / (1 + exp((double)(predictions[CLASSES * p] - predictions[CLASSES * p + 1])))) : 0;
    }
    return mote_picture_field(LENGTH, LENGTH, "contacts of residues", truth, told);
}

const mote_science_task mote_task_potts_contacts = {
    .name = "potts_contacts",
    .science = "proteins",
    .title = "Contacts in lattice proteins, from how the residues of their families covary",
    .model = "convolutional network",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "all alike",
    .strong = "corrected norm of covariances",
    .recipe = {.steps = 220, .batch = 4, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
