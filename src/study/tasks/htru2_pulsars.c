/* Pulsars among radio interference: the HTRU2 candidates, by eight numbers that describe a profile and a curve
 * (Lyon et al., MNRAS 459 (2016) 1104). */
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { FEATURES = 8, CLASSES = 2 };
enum { INPUT, CLASS };

/* Every fifth candidate, in an order that is drawn once, is a test sample: there is no official split. */
static mote_status read(mote_task_data *data)
{
    static const char *const names[] = {"not_pulsar", "pulsar"};
    mote_sheet sheet;
    mote_random random = {.seed = 2};
    mote_status status = mote_sheet_read(data, "HTRU_2.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, FEATURES + 1, 10) : status;
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
        int32_t *class = mote_data_classes(data, split, CLASS, sample);
        status = mote_sheet_complete(&sheet, order[i], 0, FEATURES, mote_data_at(data, split, INPUT, sample));
        status = status == MOTE_OK ? mote_sheet_class(&sheet, order[i], FEATURES, CLASSES, names, class) : status;
    }
    return status;
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
    (void)data, (void)batch, (void)training;
    outputs->prediction = mote_multilayer(graph, "classifier", inputs[INPUT], 3, (size_t[]){64, 64, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"interference", "pulsar"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_htru2_pulsars = {
    .name = "htru2_pulsars",
    .science = "astronomy",
    .title = "Pulsars among the candidates of the HTRU2 survey",
    .model = "multilayer perceptron",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "astronomy/htru2_pulsars",
    .recipe = {.steps = 1500, .batch = 128, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
