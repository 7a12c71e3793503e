/* Binding energies of nuclei: what the liquid drop leaves.
 *
 * B(Z, N) = a_v A - a_s A^(2/3) - a_c Z (Z - 1) / A^(1/3) - a_a (N - Z)^2 / A + a_p delta / A^(1/2), delta = 1 for even
 * Z and N, -1 for odd Z and N, else 0 (von Weizsaecker 1935), fitted to the training nuclei; the network tells the
 * rest, in which shells show, from numbers that say where the next closed shells are (as Niu and Liang, Phys. Lett. B
 * 778 (2018) 48, do for other models). Data: the measured nuclei of the Atomic Mass Evaluation 2016 with Z, N >= 8
 * (Huang et al., Chin. Phys. C 41 (2017) 030002). */
#include <math.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { TERMS = 5, FEATURES = 8, LIGHTEST = 8 };
enum { FEATURE, REST };

typedef struct nucleus {
    double z, n, binding; /* in MeV */
} nucleus;

typedef struct scales {
    double deviation[1]; /* of the rest, in MeV */
} scales;

static void terms_of(const nucleus *x, double *terms)
{
    const double a = x->z + x->n, odd_z = fmod(x->z, 2), odd_n = fmod(x->n, 2);
    terms[0] = a;
    terms[1] = -pow(a, 2.0 / 3);
    terms[2] = -x->z * (x->z - 1) / cbrt(a);
    terms[3] = -(x->n - x->z) * (x->n - x->z) / a;
    terms[4] = (1 - odd_z - odd_n) / sqrt(a);
}

/* From the nearest closed shell, as a share of the way to the middle between two. */
static double shell(double count)
{
    static const double closed[] = {8, 20, 28, 50, 82, 126, 184};
    size_t s = 0;
    while (s < 5 && count > closed[s + 1]) {
        s++;
    }
    return fmin(count - closed[s], closed[s + 1] - count) / (closed[s + 1] - closed[s]) * 2;
}

static void features_of(const nucleus *x, float *features)
{
    const double values[FEATURES] = {x->z,        x->n,        cbrt(x->z + x->n), (x->n - x->z) / (x->n + x->z),
                                     shell(x->z), shell(x->n), fmod(x->z, 2),     fmod(x->n, 2)};
    for (size_t f = 0; f < FEATURES; f++) {
        features[f] = (float)values[f];
    }
}

/* Measured nuclei; those that were extrapolated have their decimal point in the wrong place in this file (6.033 keV a
 * nucleon for 6033), by which they are told. */
static mote_status read(mote_task_data *data, nucleus **nuclei, size_t *count)
{
    mote_sheet sheet;
    size_t z, n, binding;
    mote_status status = mote_sheet_read(data, "ame2016.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "Z", &z) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "N", &n) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "binding", &binding) : status;
    *nuclei = status == MOTE_OK ? mote_data_memory(data, sheet.rows, sizeof **nuclei) : NULL;
    if (!*nuclei) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    *count = 0;
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        int32_t protons, neutrons;
        float energy;
        status = mote_sheet_class_number(&sheet, i, z, 200, &protons);
        status = status == MOTE_OK ? mote_sheet_class_number(&sheet, i, n, 300, &neutrons) : status;
        status = status == MOTE_OK ? mote_sheet_finite(&sheet, i, binding, &energy) : status;
        if (status == MOTE_OK && protons >= LIGHTEST && neutrons >= LIGHTEST && energy > 100) {
            (*nuclei)[(*count)++] = (nucleus){protons, neutrons, (double)energy * (protons + neutrons) * 1e-3};
        }
    }
    return status;
}

/* Every fifth nucleus, in an order that is drawn once, is a test sample. */
static mote_status divide(mote_task_data *data, const nucleus *nuclei, size_t count)
{
    const size_t test = count / 5;
    mote_random random = {.seed = 1935};
    size_t *order = mote_data_memory(data, count, sizeof *order);
    double *terms = mote_data_memory(data, count, TERMS * sizeof *terms), coefficients[TERMS];
    double *rest = mote_data_memory(data, count, sizeof *rest);
    if (!order || !terms || !rest) {
        return MOTE_ERROR_MEMORY;
    }
    mote_random_order(&random, count, order);
    for (size_t i = 0; i < count; i++) {
        terms_of(&nuclei[order[i]], terms + i * TERMS);
        rest[i] = nuclei[order[i]].binding;
    }
    mote_least_squares(count - test, TERMS, terms + test * TERMS, rest + test, coefficients);
    mote_status status = mote_data_allocate(data, count - test, test);
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        const mote_task_split *split = i < test ? &data->test : &data->training;
        const size_t sample = i < test ? i : i - test;
        for (size_t a = 0; a < TERMS; a++) {
            rest[i] -= coefficients[a] * terms[i * TERMS + a];
        }
        features_of(&nuclei[order[i]], mote_data_at(data, split, FEATURE, sample));
        *mote_data_at(data, split, REST, sample) = (float)rest[i];
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(data->test.count, data->test.values[REST], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    nucleus *nuclei;
    size_t count;
    double mean;
    mote_data_array(data, "features", MOTE_FP32, 1, (size_t[]){FEATURES});
    mote_data_array(data, "rest", MOTE_FP32, 0, NULL);
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? read(data, &nuclei, &count) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? divide(data, nuclei, count) : status;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, 1) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_data_standardize(data, FEATURE, FEATURES, NULL, NULL);
    mote_data_standardize(data, REST, 1, &mean, s->deviation);
    for (size_t i = 0; i < data->test.count; i++) {
        guess[i] = (float)(-mean / s->deviation[0]); /* nothing left */
    }
    data->trivial = score(data, guess);
    status = mote_baseline_ridge(data, FEATURE, REST, 1e-6, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_multilayer(graph, "network", inputs[FEATURE], 4, (size_t[]){96, 96, 96, 1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[REST]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "what the liquid drop leaves, standard deviations",
                                data->test.values[REST], predictions);
}

const mote_science_task mote_task_nuclear_masses = {
    .name = "nuclear_masses",
    .science = "nuclear physics",
    .title = "Binding energies of nuclei beyond the liquid drop",
    .model = "multilayer perceptron",
    .metric = "RMSE",
    .unit = "MeV",
    .trivial = "liquid drop",
    .strong = "liquid drop and ridge regression on shells",
    .requires = "nuclear_physics/ame2016_masses",
    .recipe = {.steps = 3000, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
