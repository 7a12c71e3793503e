/* Higgs bosons among collisions that look alike: 21 measured numbers of an event and seven that physicists derive from
 * them (Baldi, Sadowski and Whiteson, Nature Communications 5 (2014) 4308). 7000 simulated events to learn from. */
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { FEATURES = 28, CLASSES = 2 };
enum { INPUT, CLASS };
static const char *const labels[] = {"0", "1"}, *const names[] = {"background", "Higgs boson"};

static mote_status open(mote_task_data *data, const char *name, mote_sheet *sheet)
{
    mote_status status = mote_sheet_read(data, name, '\t', MOTE_SHEET_NO_HEADER, sheet);
    return status == MOTE_OK ? mote_sheet_expect(sheet, FEATURES + 1, 100) : status;
}

static mote_status fill(mote_task_data *data, const mote_sheet *sheet, const mote_task_split *split)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < sheet->rows; i++) {
        int32_t *class = mote_data_classes(data, split, CLASS, i);
        status = mote_sheet_complete(sheet, i, 1, FEATURES, mote_data_at(data, split, INPUT, i));
        status = status == MOTE_OK ? mote_sheet_class(sheet, i, 0, CLASSES, labels, class) : status;
    }
    return status;
}

static mote_status read(mote_task_data *data)
{
    mote_sheet training, test;
    mote_status status = open(data, "higgs_train.tsv.gz", &training);
    status = status == MOTE_OK ? open(data, "higgs_test.tsv.gz", &test) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training.rows, test.rows) : status;
    status = status == MOTE_OK ? fill(data, &training, &data->training) : status;
    return status == MOTE_OK ? fill(data, &test, &data->test) : status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(data->test.count, data->test.values[CLASS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "features", MOTE_FP32, 1, (size_t[]){FEATURES});
    mote_data_array(data, "class", MOTE_INT32, 0, NULL);
    mote_status status = read(data);
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, INPUT, FEATURES, NULL, NULL);
    return mote_baselines_classes(data, INPUT, CLASS, CLASSES, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = training ? mote_graph_dropout(graph, inputs[INPUT], 0.2) : inputs[INPUT];
    outputs->prediction = mote_multilayer(graph, "classifier", x, 3, (size_t[]){128, 128, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_higgs = {
    .name = "higgs",
    .science = "particle physics",
    .title = "Higgs bosons among simulated collisions of protons",
    .model = "multilayer perceptron",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "particle_physics/higgs_slice",
    .recipe = {.steps = 3000, .batch = 128, .learning_rate = 1e-3, .weight_decay = 1},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
