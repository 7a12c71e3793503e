/* Inhibitors of HIV replication among 41127 compounds: the AIDS Antiviral Screen, as in MoleculeNet (Wu et al. 2018,
 * arXiv 1703.00564, section 2).
 *
 * Test samples have scaffolds that no training sample has (MoleculeNet's scaffold split); all of the last tenth are
 * scored. Of the training part all active compounds are taken and a drawn sample of the others, since 96 % are
 * inactive; the validation part chose the recipe and is left out. */
#include <math.h>

#include "study/data.h"
#include "study/losses.h"
#include "study/molecules.h"
#include "study/picture.h"
#include "study/score.h"

enum { ATOMS = 40, CLASSES = 2, INACTIVE = 2800, ACTIVITY = MOTE_MOLECULE_ARRAYS };

/* What is known of each compound before samples are chosen. */
typedef struct compounds {
    mote_sheet sheet;
    size_t smiles;
    int32_t *active;
    mote_part *parts;
    size_t *order;
} compounds;

static mote_status scaffolds(mote_task_data *data, const compounds *c, uint64_t *scaffold)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < c->sheet.rows; i++) {
        mote_molecule *molecule;
        status = mote_sheet_molecule(&c->sheet, i, c->smiles, &molecule);
        status = status == MOTE_OK ? mote_molecule_scaffold(data->context, molecule, &scaffold[i]) : status;
        mote_molecule_free(data->context, molecule);
    }
    return status;
}

static mote_status read(mote_task_data *data, compounds *c)
{
    size_t column;
    mote_status status = mote_sheet_read(data, "hiv.csv.gz", ',', MOTE_SHEET_HEADER, &c->sheet);
    status = status == MOTE_OK ? mote_sheet_column(&c->sheet, "smiles", &c->smiles) : status;
    status = status == MOTE_OK ? mote_sheet_column(&c->sheet, "HIV_active", &column) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const size_t rows = c->sheet.rows;
    c->active = mote_data_memory(data, rows, sizeof *c->active);
    c->parts = mote_data_memory(data, rows, sizeof *c->parts);
    c->order = mote_data_memory(data, rows, sizeof *c->order);
    uint64_t *scaffold = mote_data_memory(data, rows, sizeof *scaffold);
    if (!c->active || !c->parts || !c->order || !scaffold) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; status == MOTE_OK && i < rows; i++) {
        status = mote_sheet_class_number(&c->sheet, i, column, CLASSES, &c->active[i]);
    }
    status = status == MOTE_OK ? scaffolds(data, c, scaffold) : status;
    return status == MOTE_OK ? mote_split_scaffolds(data, rows, scaffold, c->parts) : status;
}

/* Which part a compound goes to, at its turn. */
static mote_part use(const compounds *c, size_t compound, size_t *inactive)
{
    const mote_part part = c->parts[compound];
    if (part == MOTE_PART_TRAINING && !c->active[compound]) {
        return (*inactive)++ < INACTIVE ? MOTE_PART_TRAINING : MOTE_PART_VALIDATION;
    }
    return part;
}

static mote_status choose(mote_task_data *data, const compounds *c)
{
    const size_t rows = c->sheet.rows;
    mote_random random = {.seed = 1};
    size_t counts[3] = {0}, inactive = 0;
    mote_random_order(&random, rows, c->order);
    for (size_t i = 0; i < rows; i++) {
        counts[use(c, c->order[i], &inactive)]++;
    }
    mote_status status = mote_data_allocate(data, counts[MOTE_PART_TRAINING], counts[MOTE_PART_TEST]);
    counts[MOTE_PART_TRAINING] = counts[MOTE_PART_TEST] = inactive = 0;
    for (size_t i = 0; status == MOTE_OK && i < rows; i++) {
        const size_t compound = c->order[i];
        const mote_part part = use(c, compound, &inactive);
        if (part != MOTE_PART_VALIDATION) {
            const mote_task_split *split = part == MOTE_PART_TEST ? &data->test : &data->training;
            *mote_data_classes(data, split, ACTIVITY, counts[part]) = c->active[compound];
            status = mote_molecule_put(&c->sheet, compound, c->smiles, split, counts[part]++);
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(data->test.count, data->test.values[ACTIVITY], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    compounds c = {.smiles = 0};
    mote_molecules_declare(data, ATOMS);
    mote_data_array(data, "active", MOTE_INT32, 0, NULL);
    mote_status status = read(data, &c);
    status = status == MOTE_OK ? choose(data, &c) : status;
    return status == MOTE_OK ? mote_baselines_classes(data, MOTE_MOLECULE_FINGERPRINT, ACTIVITY, CLASSES, 0.1) : status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch, (void)training;
    outputs->prediction = mote_molecule_network(graph, inputs, CLASSES);
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[ACTIVITY]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"inactive", "active"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[ACTIVITY], predictions);
}

const mote_science_task mote_task_hiv = {
    .name = "hiv",
    .science = "chemistry",
    .title = "Inhibitors of HIV among compounds with scaffolds never seen",
    .model = "message passing network",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression on fingerprints",
    .requires = "drug_discovery/hiv",
    .published = 0.74,
    .published_source = "message passing network of DGL-LifeSci (awslabs/dgl-lifesci, "
                        "examples/property_prediction/moleculenet), tuned, scaffold split, trained on all of the "
                        "training part; here on an eighth of it",
    .recipe = {.steps = 600, .batch = 32, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
