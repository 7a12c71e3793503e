/* Eyes open or closed, from a quarter of a second of an electroencephalogram: UCI's EEG Eye State (Roesler 2013), one
 * person, 14 electrodes of a headset, 128 readings a second for 117 seconds.
 *
 * Neighbouring readings hardly differ, so those drawn at random for a test are known from their neighbours, and
 * accuracies reported that way say little. Here time is cut into blocks of two seconds, the last of each three a test;
 * no window reaches from one block into another. Blocks still lie within one session and mostly within one period of
 * open or closed eyes, as slow drifts of the electrodes do: this says nothing of another day or person. */
#include <math.h>
#include <stdlib.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { ELECTRODES = 14, CLASSES = 2, WINDOW = 32, HOP = 4, BLOCK = 256, EACH = (BLOCK - WINDOW) / HOP + 1 };
enum { SIGNAL, CLOSED };

static bool is_test(size_t block) { return block % 3 == 2; }

/* Windows of a block in turn; the last reading tells the class. */
static mote_status read_block(mote_task_data *data, const mote_sheet *sheet, size_t block, size_t first)
{
    const mote_task_split *split = is_test(block) ? &data->test : &data->training;
    mote_status status = MOTE_OK;
    for (size_t w = 0; status == MOTE_OK && w < EACH; w++) {
        float *to = mote_data_at(data, split, SIGNAL, first + w);
        const size_t row = block * BLOCK + w * HOP;
        for (size_t t = 0; status == MOTE_OK && t < WINDOW; t++) {
            status = mote_sheet_complete(sheet, row + t, 0, ELECTRODES, to + t * ELECTRODES);
        }
        if (status == MOTE_OK) {
            status = mote_sheet_class_number(sheet, row + WINDOW - 1, ELECTRODES, CLASSES,
                                             mote_data_classes(data, split, CLOSED, first + w));
        }
    }
    return status;
}

static mote_status read(mote_task_data *data)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, "eeg_eye_state.arff.gz", ',', MOTE_SHEET_ARFF, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, ELECTRODES + 1, 3 * BLOCK) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const size_t blocks = sheet.rows / BLOCK, test = blocks / 3;
    status = mote_data_allocate(data, (blocks - test) * EACH, test * EACH);
    for (size_t b = 0, next[2] = {0}; status == MOTE_OK && b < blocks; b++) {
        status = read_block(data, &sheet, b, next[is_test(b)]);
        next[is_test(b)] += EACH;
    }
    return status;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Four readings are of a thousand times the size of all others: what is further from an electrode's median in training
 * than 200 is set to that. */
static mote_status limit(mote_task_data *data)
{
    const float furthest = 200;
    const size_t count = data->training.count * WINDOW;
    float *values = mote_data_memory(data, count, sizeof *values);
    for (size_t e = 0; values && e < ELECTRODES; e++) {
        for (size_t i = 0; i < count; i++) {
            values[i] = ((const float *)data->training.values[SIGNAL])[i * ELECTRODES + e];
        }
        qsort(values, count, sizeof *values, ascending);
        const float middle = values[count / 2];
        for (int s = 0; s < 2; s++) {
            const mote_task_split *split = s ? &data->test : &data->training;
            float *to = (float *)split->values[SIGNAL] + e;
            for (size_t i = 0; i < split->count * WINDOW; i++, to += ELECTRODES) {
                *to = fminf(fmaxf(*to, middle - furthest), middle + furthest);
            }
        }
    }
    return values ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count, CLASSES, data->test.values[CLOSED], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "signal", MOTE_FP32, 2, (size_t[]){WINDOW, ELECTRODES});
    mote_data_array(data, "closed", MOTE_INT32, 0, NULL);
    mote_status status = read(data);
    status = status == MOTE_OK ? limit(data) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, SIGNAL, ELECTRODES, NULL, NULL);
    return mote_baselines_classes(data, SIGNAL, CLOSED, CLASSES, 1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 32 };
    const mote_convolution_line wide = {.filters = CHANNELS, .width = 5};
    const mote_layer embed = mote_linear_layer(graph, "embed", ELECTRODES, CHANNELS, MOTE_START_PLAIN);
    const mote_layer norm = mote_norm_layer(graph, "norm", CHANNELS);
    (void)data, (void)batch;
    mote_value x = mote_apply_linear(graph, &embed, inputs[SIGNAL]);
    x = mote_residual_line(graph, "middle", x, 2, &wide);
    x = mote_apply_norm(graph, &norm, mote_graph_mean(graph, x, 1, 1));
    x = training ? mote_graph_dropout(graph, x, 0.2) : x;
    outputs->prediction = mote_multilayer(graph, "head", x, 2, (size_t[]){32, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLOSED]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"open", "closed"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLOSED], predictions);
}

const mote_science_task mote_task_eeg_eye_state = {
    .name = "eeg_eye_state",
    .science = "neuroscience",
    .title = "Eyes open or closed, from a quarter of a second of an electroencephalogram",
    .model = "convolutional network",
    .metric = "accuracy",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "neuroscience/eeg_eye_state",
    .recipe = {.steps = 300, .batch = 32, .learning_rate = 1e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
