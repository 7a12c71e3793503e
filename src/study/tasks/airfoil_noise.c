/* The noise that an airfoil makes by itself, from frequency, angle of attack, chord, speed and the thickness of the
 * boundary layer: 1503 measurements in a wind tunnel (Brooks, Pope and Marcolini, NASA RP-1218, 1989). The test samples
 * are those of the first of ten masks that come with the data. */
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { FEATURES = 5 };
enum { INPUT, LEVEL };

typedef struct scales {
    double deviation[1]; /* of levels, in dB */
} scales;

static mote_status read_rows(mote_task_data *data, const mote_sheet *sheet, const mote_sheet *masks)
{
    int32_t *tested = mote_data_memory(data, sheet->rows, sizeof *tested);
    size_t test = 0, counts[2] = {0, 0};
    mote_status status = tested ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < sheet->rows; i++) {
        status = mote_sheet_class_number(masks, i, 0, 2, &tested[i]);
        test += (size_t)tested[i];
    }
    status = status == MOTE_OK ? mote_data_allocate(data, sheet->rows - test, test) : status;
    for (size_t i = 0; status == MOTE_OK && i < sheet->rows; i++) {
        const mote_task_split *split = tested[i] ? &data->test : &data->training;
        const size_t sample = counts[tested[i]]++;
        for (size_t f = 0; status == MOTE_OK && f < FEATURES; f++) {
            status = mote_sheet_finite(sheet, i, f, mote_data_at(data, split, INPUT, sample) + f);
        }
        status = status == MOTE_OK ? mote_sheet_finite(sheet, i, FEATURES, mote_data_at(data, split, LEVEL, sample))
                                   : status;
    }
    return status;
}

static mote_status read(mote_task_data *data)
{
    mote_sheet sheet, masks;
    mote_status status = mote_sheet_read(data, "data.csv.gz", ',', MOTE_SHEET_NO_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_read(data, "test_mask.csv.gz", ',', MOTE_SHEET_NO_HEADER, &masks) : status;
    if (status == MOTE_OK && (sheet.columns != FEATURES + 1 || sheet.rows != masks.rows)) {
        return mote_fail(data->context, MOTE_ERROR_FILE,
                         "%s: expected %d columns and the %zu rows of the masks, found %zu and %zu", sheet.path,
                         FEATURES + 1, masks.rows, sheet.columns, sheet.rows);
    }
    return status == MOTE_OK ? read_rows(data, &sheet, &masks) : status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(data->test.count, data->test.values[LEVEL], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "features", MOTE_FP32, 1, (size_t[]){FEATURES});
    mote_data_array(data, "level", MOTE_FP32, 0, NULL);
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? read(data) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, INPUT, FEATURES, NULL, NULL);
    mote_data_standardize(data, LEVEL, 1, NULL, s->deviation);
    return mote_baselines(data, INPUT, LEVEL, 1e-6);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_multilayer(graph, "network", inputs[INPUT], 4, (size_t[]){96, 96, 96, 1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[LEVEL]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "sound pressure level, standard deviations", data->test.values[LEVEL],
                                predictions);
}

const mote_science_task mote_task_airfoil_noise = {
    .name = "airfoil_noise",
    .science = "engineering",
    .title = "Noise of an airfoil in a wind tunnel",
    .model = "multilayer perceptron",
    .metric = "RMSE",
    .unit = "dB",
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "engineering/airfoil_self_noise",
    .recipe = {.steps = 3000, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
