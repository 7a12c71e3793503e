/* Yields of a cross-coupling: how much of an aryl halide becomes the amine, for combinations of ligand, additive, base
 * and halide.
 *
 * 3955 Buchwald-Hartwig reactions run by a robot (Ahneman et al., Science 360 (2018) 186). The network sees which of
 * the components there are (Chuang and Keiser, Science 362 (2018) eaat8603: as good as descriptors within this set).
 * The split is the first of Schwaller et al. (Mach. Learn.: Sci. Technol. 2 (2021) 015016): the first 2768 rows are
 * training samples. */
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { ROLES = 4, COMPONENTS = 48, TRAINING = 2768 };
enum { COMPONENT, YIELD };

/* Components in the order in which they appear; a substance in two roles is two components. */
typedef struct components {
    size_t count;
    const char *names[COMPONENTS];
    size_t roles[COMPONENTS];
} components;

static mote_status component_of(const mote_sheet *sheet, size_t row, size_t column, components *known, size_t *found)
{
    const char *name = mote_sheet_text(sheet, row, column);
    for (*found = 0; *found < known->count; ++*found) {
        if (known->roles[*found] == column && strcmp(known->names[*found], name) == 0) {
            return MOTE_OK;
        }
    }
    if (known->count == COMPONENTS) {
        return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                         "%s: row %zu, column '%s': expected at most %d components, found another", sheet->path,
                         row + 1, sheet->names[column], COMPONENTS);
    }
    known->names[known->count] = name;
    known->roles[known->count++] = column;
    return MOTE_OK;
}

static mote_status read(mote_task_data *data)
{
    static const char *const roles[ROLES] = {"Ligand", "Additive", "Base", "Aryl halide"};
    mote_sheet sheet;
    components known = {0};
    size_t columns[ROLES], yield;
    mote_status status = mote_sheet_read(data, "buchwald_hartwig.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    for (size_t r = 0; status == MOTE_OK && r < ROLES; r++) {
        status = mote_sheet_column(&sheet, roles[r], &columns[r]);
    }
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "Output", &yield) : status;
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_data_allocate(data, mote_size_min(sheet.rows, TRAINING),
                                sheet.rows > TRAINING ? sheet.rows - TRAINING : 0);
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        const mote_task_split *split = i < TRAINING ? &data->training : &data->test;
        const size_t sample = i < TRAINING ? i : i - TRAINING;
        status = mote_sheet_finite(&sheet, i, yield, mote_data_at(data, split, YIELD, sample));
        for (size_t r = 0; status == MOTE_OK && r < ROLES; r++) {
            size_t component;
            status = component_of(&sheet, i, columns[r], &known, &component);
            if (status == MOTE_OK) {
                mote_data_at(data, split, COMPONENT, sample)[component] = 1;
            }
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_r2(data->test.count, data->test.values[YIELD], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "components", MOTE_FP32, 1, (size_t[]){COMPONENTS});
    mote_data_array(data, "yield", MOTE_FP32, 0, NULL);
    mote_status status = read(data);
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, YIELD, 1, NULL, NULL);
    return mote_baselines(data, COMPONENT, YIELD, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_multilayer(graph, "network", inputs[COMPONENT], 4, (size_t[]){128, 128, 128, 1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[YIELD]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "yield, standard deviations", data->test.values[YIELD], predictions);
}

const mote_science_task mote_task_reaction_yield = {
    .name = "reaction_yield",
    .science = "chemistry",
    .title = "Yields of Buchwald-Hartwig reactions from their components",
    .model = "multilayer perceptron",
    .metric = "R2",
    .unit = "",
    .larger_is_better = true,
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "reactions/buchwald_hartwig",
    .recipe = {.steps = 2000, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.02},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
