/* Lipophilicity of drug candidates: how much more a compound dissolves in octanol than in water at pH 7.4.
 *
 * Measured log D of 4200 compounds, from ChEMBL by way of MoleculeNet (Wu et al. 2018, arXiv 1703.00564, section 2),
 * from the molecular graph alone. */
#include "study/data.h"
#include "study/losses.h"
#include "study/molecules.h"
#include "study/picture.h"
#include "study/score.h"

enum { ATOMS = 40, DISTRIBUTION = MOTE_MOLECULE_ARRAYS };

typedef struct scales {
    double deviation[1];
} scales;

/* Every fifth compound, in an order that is drawn once, is a test sample. */
static mote_status read(mote_task_data *data)
{
    mote_sheet sheet;
    mote_random random = {.seed = 74};
    size_t smiles, measured;
    mote_status status = mote_sheet_read(data, "lipophilicity.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "smiles", &smiles) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "exp", &measured) : status;
    size_t *order = status == MOTE_OK ? mote_data_memory(data, sheet.rows, sizeof *order) : NULL;
    if (!order) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    const size_t test = sheet.rows / 5;
    mote_random_order(&random, sheet.rows, order);
    status = mote_data_allocate(data, sheet.rows - test, test);
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        const mote_task_split *split = i < test ? &data->test : &data->training;
        const size_t sample = i < test ? i : i - test;
        status = mote_molecule_put(&sheet, order[i], smiles, split, sample);
        status = status == MOTE_OK
                     ? mote_sheet_finite(&sheet, order[i], measured, mote_data_at(data, split, DISTRIBUTION, sample))
                     : status;
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(data->test.count, data->test.values[DISTRIBUTION], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_molecules_declare(data, ATOMS);
    mote_data_array(data, "log D", MOTE_FP32, 0, NULL);
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? read(data) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, DISTRIBUTION, 1, NULL, s->deviation);
    return mote_baselines(data, MOTE_MOLECULE_FINGERPRINT, DISTRIBUTION, 0.1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_molecule_network(graph, inputs, 1);
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[DISTRIBUTION]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "log D, standard deviations", data->test.values[DISTRIBUTION],
                                predictions);
}

const mote_science_task mote_task_lipophilicity = {
    .name = "lipophilicity",
    .science = "chemistry",
    .title = "Lipophilicity of drug candidates",
    .model = "message passing network",
    .metric = "RMSE",
    .unit = "log D",
    .trivial = "mean",
    .strong = "ridge regression on fingerprints",
    .requires = "drug_discovery/lipophilicity",
    .published = 0.7806,
    .published_source = "graph convolutional network on MoleculeNet's leaderboard (deepchem/moleculenet), on the "
                        "leaderboard's own split; here a random fifth are test samples",
    .recipe = {.steps = 700, .batch = 16, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
