/* Solubility of small molecules in water: Delaney's set.
 *
 * Logarithms of measured solubilities (mol/l) of 1128 compounds (Delaney, J. Chem. Inf. Comput. Sci. 44 (2004) 1000, as
 * in MoleculeNet, arXiv 1703.00564), from the molecular graph alone. The strong baseline is Delaney's own linear model
 * of four descriptors, whose predictions come with the data and which was fitted on most of it. */
#include "study/data.h"
#include "study/losses.h"
#include "study/molecules.h"
#include "study/picture.h"
#include "study/score.h"

enum { ATOMS = 32, SOLUBILITY = MOTE_MOLECULE_ARRAYS };

typedef struct scales {
    double mean[1], deviation[1];
    float *delaney; /* of the test samples, in units of the data */
} scales;

/* Every fifth compound, in an order that is drawn once, is a test sample. */
static mote_status read(mote_task_data *data, scales *s)
{
    mote_sheet sheet;
    mote_random random = {.seed = 2004};
    size_t smiles, measured, predicted;
    mote_status status = mote_sheet_read(data, "esol.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "smiles", &smiles) : status;
    status =
        status == MOTE_OK ? mote_sheet_column(&sheet, "measured log solubility in mols per litre", &measured) : status;
    status = status == MOTE_OK
                 ? mote_sheet_column(&sheet, "ESOL predicted log solubility in mols per litre", &predicted)
                 : status;
    size_t *order = status == MOTE_OK ? mote_data_memory(data, sheet.rows, sizeof *order) : NULL;
    if (!order) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    const size_t test = sheet.rows / 5;
    mote_random_order(&random, sheet.rows, order);
    status = mote_data_allocate(data, sheet.rows - test, test);
    s->delaney = status == MOTE_OK ? mote_data_predictions(data, 1) : NULL;
    if (!s->delaney) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        const mote_task_split *split = i < test ? &data->test : &data->training;
        const size_t sample = i < test ? i : i - test;
        status = mote_molecule_put(&sheet, order[i], smiles, split, sample);
        status = status == MOTE_OK
                     ? mote_sheet_finite(&sheet, order[i], measured, mote_data_at(data, split, SOLUBILITY, sample))
                     : status;
        status = status == MOTE_OK && i < test ? mote_sheet_finite(&sheet, order[i], predicted, &s->delaney[sample])
                                               : status;
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(data->test.count, data->test.values[SOLUBILITY], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_molecules_declare(data, ATOMS);
    mote_data_array(data, "solubility", MOTE_FP32, 0, NULL);
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? read(data, s) : MOTE_ERROR_MEMORY;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, 1) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_data_standardize(data, SOLUBILITY, 1, s->mean, s->deviation);
    mote_baseline_mean(data, SOLUBILITY, guess);
    data->trivial = score(data, guess);
    for (size_t i = 0; i < data->test.count; i++) {
        guess[i] = (float)(((double)s->delaney[i] - s->mean[0]) / s->deviation[0]);
    }
    data->strong = score(data, guess);
    return MOTE_OK;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_molecule_network(graph, inputs, 1);
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[SOLUBILITY]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "solubility, standard deviations", data->test.values[SOLUBILITY],
                                predictions);
}

const mote_science_task mote_task_esol = {
    .name = "esol",
    .science = "chemistry",
    .title = "Solubility of small molecules in water",
    .model = "message passing network",
    .metric = "RMSE",
    .unit = "log mol/l",
    .trivial = "mean",
    .strong = "Delaney's linear model",
    .requires = "drug_discovery/esol",
    .published = 0.86,
    .published_source = "graph convolutional network of DGL-LifeSci (awslabs/dgl-lifesci, "
                        "examples/property_prediction/moleculenet), tuned, one fifth of the molecules split off by "
                        "scaffold; here a random fifth, which is easier",
    .recipe = {.steps = 400, .batch = 32, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
