/* Rocks along two wells of the Panoma gas field, told from measurements in the hole: nine facies by gamma rays,
 * resistivity, porosities, the photoelectric effect and two geological hints, every half foot (Hall, The Leading Edge
 * 35 (2016) 906). The network sees 64 depths at a time and names the rock at each. */
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { DEPTHS = 64, LOGS = 7, FEATURES = LOGS + 1, EFFECT = 4, CLASSES = 9, NOT_COUNTED = -1 };
enum { INPUT, CLASS };
enum { TRAINING_STRIDE = 16, TEST_STRIDE = 32 };
static const char *const codes[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char *const names[] = {"sandstone",  "coarse siltstone", "fine siltstone", "marine silt", "mudstone",
                                    "wackestone", "dolomite",         "packstone",      "bafflestone"};

/* The rows of a table, a well after the other. The photoelectric effect was not measured everywhere: the last feature
 * says where, as 1. */
typedef struct logs {
    mote_sheet sheet;
    size_t well; /* column */
    float *features;
    int32_t *classes;
} logs;

static mote_status read_logs(mote_task_data *data, const char *name, size_t columns, logs *l)
{
    size_t first, depth;
    mote_status status = mote_sheet_read(data, name, ',', MOTE_SHEET_HEADER, &l->sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&l->sheet, columns, DEPTHS) : status;
    status = status == MOTE_OK ? mote_sheet_column(&l->sheet, "Well Name", &l->well) : status;
    status = status == MOTE_OK ? mote_sheet_column(&l->sheet, "Depth", &depth) : status;
    status = status == MOTE_OK ? mote_sheet_column(&l->sheet, "GR", &first) : status;
    if (status == MOTE_OK && first + LOGS > columns) {
        status = mote_fail(data->context, MOTE_ERROR_FILE, "%s: expected %d columns from GR on, found %zu",
                           l->sheet.path, LOGS, columns - first);
    }
    if (status != MOTE_OK) {
        return status;
    }
    l->features = mote_data_memory(data, l->sheet.rows * FEATURES, sizeof *l->features);
    l->classes = mote_data_memory(data, l->sheet.rows, sizeof *l->classes);
    for (size_t row = 0; l->features && l->classes && status == MOTE_OK && row < l->sheet.rows; row++) {
        float *f = l->features + row * FEATURES;
        const bool known = *mote_sheet_text(&l->sheet, row, first + EFFECT) != '\0';
        status = mote_sheet_complete(&l->sheet, row, first, EFFECT + (known ? 1 : 0), f);
        status = status == MOTE_OK
                     ? mote_sheet_complete(&l->sheet, row, first + EFFECT + 1, LOGS - EFFECT - 1, f + EFFECT + 1)
                     : status;
        f[LOGS] = known;
    }
    return l->features && l->classes ? status : MOTE_ERROR_MEMORY;
}

/* Rows of the well that row first begins. */
static size_t well_rows(const logs *l, size_t first)
{
    size_t row = first;
    while (row < l->sheet.rows &&
           strcmp(mote_sheet_text(&l->sheet, row, l->well), mote_sheet_text(&l->sheet, first, l->well)) == 0) {
        row++;
    }
    return row - first;
}

static mote_status count_windows(const logs *l, size_t stride, size_t *count)
{
    *count = 0;
    for (size_t first = 0, n; first < l->sheet.rows; first += n) {
        n = well_rows(l, first);
        if (n < DEPTHS) {
            return mote_fail(l->sheet.data->context, MOTE_ERROR_FILE,
                             "%s: row %zu: expected %d rows or more of a well, found %zu", l->sheet.path, first + 1,
                             DEPTHS, n);
        }
        *count += (n - DEPTHS + stride - 1) / stride + 1;
    }
    return MOTE_OK;
}

/* Windows of all wells, the last of each flush with its end. once: each depth counts in the window alone in whose
 * middle it is. */
static void cut_windows(const logs *l, size_t stride, bool once, mote_task_data *data, const mote_task_split *split)
{
    size_t sample = 0;
    for (size_t first = 0, n; first < l->sheet.rows; first += n) {
        n = well_rows(l, first);
        size_t begin = 0, counted = 0;
        for (bool last = false; !last; begin += stride) {
            last = begin + DEPTHS >= n;
            begin = last ? n - DEPTHS : begin;
            memcpy(mote_data_at(data, split, INPUT, sample), l->features + (first + begin) * FEATURES,
                   DEPTHS * FEATURES * sizeof(float));
            const size_t end = last ? n : begin + (DEPTHS + stride) / 2;
            int32_t *classes = mote_data_classes(data, split, CLASS, sample++);
            for (size_t i = 0; i < DEPTHS; i++) {
                const size_t row = begin + i;
                classes[i] = !once || (row >= counted && row < end) ? l->classes[first + row] : NOT_COUNTED;
            }
            counted = end;
        }
    }
}

/* Where the effect is not known it is what it is on average. */
static void fill_effect(const logs *training, const logs *l)
{
    double sum = 0, known = 0;
    for (size_t row = 0; row < training->sheet.rows; row++) {
        const float *f = training->features + row * FEATURES;
        sum += f[LOGS] > 0 ? (double)f[EFFECT] : 0;
        known += (double)f[LOGS];
    }
    for (size_t row = 0; row < l->sheet.rows; row++) {
        float *f = l->features + row * FEATURES;
        f[EFFECT] = f[LOGS] > 0 ? f[EFFECT] : (float)(known > 0 ? sum / known : 0);
    }
}

static mote_status name_training(const logs *l)
{
    size_t column;
    mote_status status = mote_sheet_column(&l->sheet, "Facies", &column);
    for (size_t row = 0; status == MOTE_OK && row < l->sheet.rows; row++) {
        status = mote_sheet_class(&l->sheet, row, column, CLASSES, codes, &l->classes[row]);
    }
    return status;
}

/* The blind wells have their truth in another table, by well and depth. A depth that it lacks does not count, nor does
 * marine sandstone (11), of which the training wells have none. */
static mote_status name_test(mote_task_data *data, const logs *l)
{
    enum { WELL, DEPTH, CODE, COLUMNS = 4 };
    mote_sheet truth;
    size_t depth;
    mote_status status = mote_sheet_read(data, "blind_stuart_crawford_core_facies.csv", ',', MOTE_SHEET_HEADER, &truth);
    status = status == MOTE_OK ? mote_sheet_expect(&truth, COLUMNS, DEPTHS) : status;
    status = status == MOTE_OK ? mote_sheet_column(&l->sheet, "Depth", &depth) : status;
    for (size_t row = 0; status == MOTE_OK && row < l->sheet.rows; row++) {
        l->classes[row] = NOT_COUNTED;
    }
    for (size_t t = 0; status == MOTE_OK && t < truth.rows; t++) {
        int32_t class = NOT_COUNTED;
        float there, here;
        status = mote_sheet_complete(&truth, t, DEPTH, 1, &there);
        if (status == MOTE_OK && strcmp(mote_sheet_text(&truth, t, CODE), "11") != 0) {
            status = mote_sheet_class(&truth, t, CODE, CLASSES, codes, &class);
        }
        for (size_t row = 0; status == MOTE_OK && row < l->sheet.rows; row++) {
            status = mote_sheet_complete(&l->sheet, row, depth, 1, &here);
            if (here == there &&
                strcmp(mote_sheet_text(&truth, t, WELL), mote_sheet_text(&l->sheet, row, l->well)) == 0) {
                l->classes[row] = class;
            }
        }
    }
    return status;
}

static mote_status read(mote_task_data *data)
{
    logs training, test;
    size_t training_windows, test_windows;
    mote_status status = read_logs(data, "facies_vectors.csv.gz", LOGS + 4, &training);
    status = status == MOTE_OK ? read_logs(data, "validation_data_nofacies.csv", LOGS + 3, &test) : status;
    status = status == MOTE_OK ? name_training(&training) : status;
    status = status == MOTE_OK ? name_test(data, &test) : status;
    status = status == MOTE_OK ? count_windows(&training, TRAINING_STRIDE, &training_windows) : status;
    status = status == MOTE_OK ? count_windows(&test, TEST_STRIDE, &test_windows) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training_windows, test_windows) : status;
    if (status == MOTE_OK) {
        fill_effect(&training, &training);
        fill_effect(&training, &test);
        cut_windows(&training, TRAINING_STRIDE, false, data, &data->training);
        cut_windows(&test, TEST_STRIDE, true, data, &data->test);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count * DEPTHS, CLASSES, data->test.values[CLASS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "logs", MOTE_FP32, 2, (size_t[]){DEPTHS, FEATURES});
    mote_data_array(data, "facies", MOTE_INT32, 1, (size_t[]){DEPTHS});
    mote_status status = read(data);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, (size_t)DEPTHS * CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_data_standardize(data, INPUT, FEATURES, NULL, NULL);
    mote_baseline_frequency(data, CLASS, CLASSES, guess);
    data->trivial = score(data, guess);
    mote_task_data rows = *data; /* each depth by itself */
    rows.arrays[INPUT].size = FEATURES;
    rows.arrays[CLASS].size = 1;
    rows.training.count *= DEPTHS;
    rows.test.count *= DEPTHS;
    status = mote_baseline_ridge_classes(&rows, INPUT, CLASS, CLASSES, 1e-3, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_convolution_line line = {.filters = 32, .width = 5};
    (void)data, (void)batch;
    mote_value x = mote_multilayer(graph, "embedding", inputs[INPUT], 1, (size_t[]){32}, "gelu");
    x = mote_residual_line(graph, "middle", training ? mote_graph_dropout(graph, x, 0.3) : x, 2, &line);
    x = training ? mote_graph_dropout(graph, x, 0.3) : x;
    outputs->prediction = mote_multilayer(graph, "last", x, 1, (size_t[]){CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_confusion(data->test.count * DEPTHS, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_well_log_facies = {
    .name = "well_log_facies",
    .science = "geology",
    .title = "Rocks along two wells, told from measurements in the hole",
    .model = "convolutional network",
    .metric = "micro F1",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "geology/well_log_facies",
    .published = 0.641,
    .published_source =
        "LA_Team's boosted trees, which won the SEG's contest of 2016 on the same two wells (leaderboard "
        "of github.com/seg/2016-ml-contest; the article's support vector machine reached 0.43); the "
        "contest may have counted depths otherwise",
    .recipe = {.steps = 400, .batch = 16, .learning_rate = 2e-3, .weight_decay = 0.1},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
