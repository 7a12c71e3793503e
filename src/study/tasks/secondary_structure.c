/* Secondary structure of proteins from the sequence alone: helix, strand or coil for each residue.
 *
 * Proteins of NetSurfP-2.0 (Klausen et al., Proteins 87 (2019) 520) as FLIP has them (Dallago et al., NeurIPS 2021
 * datasets track), with its split; residues without coordinates do not count. A window of each training protein and all
 * windows of every fourth test protein are used, with a convolutional network over embedded residues. The strong
 * baseline is linear in the residues around each one, as GOR is (Garnier, Osguthorpe and Robson, J. Mol. Biol. 120
 * (1978) 97): the sum of log odds of a state given each neighbour's letter. */
#include <math.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/records.h"
#include "study/score.h"

enum { WINDOW = 64, LETTERS = 22, OTHER = 20, OUTSIDE = 21, CLASSES = 3, REACH = 8, EVERY = 4 };
enum { RESIDUE, STATE };
static const char amino_acids[] = "ACDEFGHIKLMNPQRSTVWY", states[] = "CEH";

typedef struct proteins {
    mote_records sequences, structures, masks;
} proteins;

static bool is_test(const proteins *p, size_t number)
{
    return strstr(p->structures.records[number].header, "SET=test") != NULL;
}

/* The three files have the same proteins in the same order, and as many letters of each. */
static mote_status read_files(mote_task_data *data, proteins *p)
{
    mote_status status = mote_records_read(data, "sequences.fasta.gz", &p->sequences);
    status = status == MOTE_OK ? mote_records_read(data, "sampled.fasta.gz", &p->structures) : status;
    status = status == MOTE_OK ? mote_records_read(data, "mask.fasta.gz", &p->masks) : status;
    if (status == MOTE_OK && (p->sequences.count != p->structures.count || p->sequences.count != p->masks.count)) {
        return mote_fail(data->context, MOTE_ERROR_FILE, "%s: expected %zu records as in %s, found %zu and %zu",
                         p->structures.path, p->sequences.count, p->sequences.path, p->structures.count,
                         p->masks.count);
    }
    for (size_t i = 0; status == MOTE_OK && i < p->sequences.count; i++) {
        status = mote_records_expect(&p->structures, i, p->sequences.records[i].length);
        status = status == MOTE_OK ? mote_records_expect(&p->masks, i, p->sequences.records[i].length) : status;
    }
    return status;
}

/* WINDOW residues of a protein from first on, into a sample. */
static void place(mote_task_data *data, const mote_task_split *split, size_t sample, size_t first, size_t length,
                  const int32_t *letters, const int32_t *classes, const int32_t *seen)
{
    for (size_t j = 0; j < WINDOW; j++) {
        const size_t at = first + j;
        const bool inside = at < length;
        mote_data_classes(data, split, RESIDUE, sample)[j] = !inside ? OUTSIDE : letters[at] < 0 ? OTHER : letters[at];
        mote_data_classes(data, split, STATE, sample)[j] = inside && seen[at] == 1 ? classes[at] : -1;
    }
}

/* Windows that a protein gives. */
static size_t windows_of(const proteins *p, size_t number, size_t *tests)
{
    const size_t length = p->sequences.records[number].length;
    return !is_test(p, number) ? 1 : (*tests)++ % EVERY == 0 ? (length + WINDOW - 1) / WINDOW : 0;
}

static mote_status read(mote_task_data *data)
{
    proteins p;
    mote_random random = {.seed = 3};
    size_t counts[2] = {0, 0}, tests = 0, longest = 0;
    mote_status status = read_files(data, &p);
    for (size_t i = 0; status == MOTE_OK && i < p.sequences.count; i++) {
        const size_t length = p.sequences.records[i].length;
        counts[is_test(&p, i)] += windows_of(&p, i, &tests);
        longest = length > longest ? length : longest;
    }
    status = status == MOTE_OK ? mote_data_allocate(data, counts[0], counts[1]) : status;
    int32_t *letters = status == MOTE_OK ? mote_data_memory(data, 3 * longest, sizeof *letters) : NULL;
    if (!letters) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    int32_t *classes = letters + longest, *seen = classes + longest;
    counts[0] = counts[1] = tests = 0;
    for (size_t i = 0; status == MOTE_OK && i < p.sequences.count; i++) {
        const bool test = is_test(&p, i);
        const size_t length = p.sequences.records[i].length, windows = windows_of(&p, i, &tests);
        status = mote_records_classes(&p.sequences, i, amino_acids, true, letters);
        status = status == MOTE_OK ? mote_records_classes(&p.structures, i, states, false, classes) : status;
        status = status == MOTE_OK ? mote_records_classes(&p.masks, i, "01", false, seen) : status;
        for (size_t w = 0; status == MOTE_OK && w < windows; w++) {
            const size_t room = length > WINDOW ? length - WINDOW : 0;
            const size_t first = test ? w * WINDOW : mote_random_below(&random, room + 1);
            place(data, test ? &data->test : &data->training, counts[test]++, first, length, letters, classes, seen);
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count * WINDOW, CLASSES, data->test.values[STATE], predictions);
}

/* The letter at an offset from place j of a window. */
static size_t letter_at(const int32_t *window, size_t j, int offset)
{
    const long at = (long)j + offset;
    return at < 0 || at >= WINDOW ? OUTSIDE : (size_t)window[at];
}

/* Log frequencies of the states given the letter at each place within REACH, less those without, all added up. */
static mote_status strong_baseline(mote_task_data *data, float *guess)
{
    enum { PLACES = 2 * REACH + 1 };
    double *counts = mote_data_memory(data, (size_t)PLACES * LETTERS * CLASSES, sizeof *counts),
           all[CLASSES] = {1, 1, 1};
    if (!counts) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < (size_t)PLACES * LETTERS * CLASSES; i++) {
        counts[i] = 1;
    }
    for (size_t i = 0; i < data->training.count * WINDOW; i++) {
        const int32_t *window = mote_data_classes(data, &data->training, RESIDUE, i / WINDOW);
        const int32_t state = ((int32_t *)data->training.values[STATE])[i];
        for (int k = 0; state >= 0 && k < PLACES; k++) {
            counts[((size_t)k * LETTERS + letter_at(window, i % WINDOW, k - REACH)) * CLASSES + (size_t)state]++;
        }
        if (state >= 0) {
            all[state]++;
        }
    }
    for (size_t i = 0; i < data->test.count * WINDOW; i++) {
        const int32_t *window = mote_data_classes(data, &data->test, RESIDUE, i / WINDOW);
        for (size_t c = 0; c < CLASSES; c++) {
            double sum = log(all[c]);
            for (int k = 0; k < PLACES; k++) {
                sum += log(counts[((size_t)k * LETTERS + letter_at(window, i % WINDOW, k - REACH)) * CLASSES + c] /
                           all[c]);
            }
            guess[i * CLASSES + c] = (float)sum;
        }
    }
    return MOTE_OK;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "residues", MOTE_INT32, 1, (size_t[]){WINDOW});
    mote_data_array(data, "states", MOTE_INT32, 1, (size_t[]){WINDOW});
    mote_status status = read(data);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, (size_t)WINDOW * CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t i = 0; i < data->test.count * WINDOW; i++) {
        guess[i * CLASSES] = 1; /* coil, the commonest */
    }
    data->trivial = score(data, guess);
    status = strong_baseline(data, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 32 };
    const mote_convolution_line near = {.filters = CHANNELS, .width = 7}, far = {.filters = CHANNELS, .width = 7};
    (void)data, (void)batch, (void)training;
    mote_value table =
        mote_graph_parameter(graph, "embedding", 2, (size_t[]){LETTERS, CHANNELS}, MOTE_INITIAL_NORMAL, 1);
    mote_value x = mote_graph_embedding(graph, table, inputs[RESIDUE]);
    x = mote_graph_map(graph, "gelu", mote_convolve_line(graph, "first", x, &near));
    x = mote_residual_line(graph, "middle", x, 1, &far);
    mote_layer norm = mote_norm_layer(graph, "norm", CHANNELS);
    mote_layer tell = mote_linear_layer(graph, "tell", CHANNELS, CLASSES, MOTE_START_PLAIN);
    x = mote_graph_map(graph, "gelu", mote_apply_norm(graph, &norm, x));
    outputs->prediction = mote_apply_linear(graph, &tell, x);
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[STATE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"coil", "strand", "helix"};
    return mote_picture_confusion(data->test.count * WINDOW, CLASSES, names, data->test.values[STATE], predictions);
}

const mote_science_task mote_task_secondary_structure = {
    .name = "secondary_structure",
    .science = "proteins",
    .title = "Secondary structure of proteins from their sequence alone",
    .model = "convolutional network",
    .metric = "accuracy",
    .unit = "",
    .larger_is_better = true,
    .trivial = "coil",
    .strong = "log odds of neighbours",
    .requires = "proteins/flip_secondary_structure",
    .recipe = {.steps = 400, .batch = 16, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
