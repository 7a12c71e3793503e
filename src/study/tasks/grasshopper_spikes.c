/* When does an auditory nerve cell fire? Spikes of receptors in a grasshopper's ear, from the sound's loudness and the
 * cell's own past.
 *
 * Two recordings of ten seconds in which the loudness is Gaussian noise (in decibels) up to 200 and up to 800 Hz, as
 * nitime ships them. For each millisecond the network tells whether the cell fires in it from the last 32: the
 * logarithm of the amplitude each half of one, and the spikes until then. With a linear model in a sigmoid's place this
 * is the point-process regression of Truccolo et al. (J. Neurophysiol. 93 (2005) 1074); the network may also be
 * nonlinear. Recordings are cut into blocks of half a second, the last of each four a test; no window reaches into
 * another one. */
#include <math.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { RECORDINGS = 2, TIME = 10000, READINGS = 20 * TIME, HALF = 10, BLOCK = 500, BLOCKS = TIME / BLOCK };
enum { WINDOW = 32, FEATURES = 3, CLASSES = 2, EACH = BLOCK - WINDOW };
enum { HEARD, FIRED };

/* A recording by milliseconds. */
typedef struct recording {
    float loudness[2 * TIME]; /* means of halves of a millisecond of the amplitude's logarithm */
    int32_t spikes[TIME];     /* 0 or 1 */
} recording;

static bool is_test(size_t block) { return block % 4 == 3; }

/* Columns: time in microseconds, every 50, and amplitude. */
static mote_status read_sound(mote_task_data *data, const char *name, recording *to)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, name, ' ', MOTE_SHEET_NO_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, 2, READINGS) : status;
    for (size_t i = 0; status == MOTE_OK && i < READINGS; i++) {
        float amplitude = 1;
        status = mote_sheet_complete(&sheet, i, 1, 1, &amplitude);
        to->loudness[i / HALF] += logf(fmaxf(amplitude, 1e-3F)) / HALF;
    }
    return status;
}

/* A time in microseconds each line; lines with # at their begin say how it was recorded. */
static mote_status read_spikes(mote_task_data *data, const char *name, recording *to)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, name, '\t', MOTE_SHEET_NO_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, 1, 1) : status;
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        const char *text = mote_sheet_text(&sheet, i, 0);
        float time = 0;
        if (text[0] != '#') {
            status = mote_sheet_complete(&sheet, i, 0, 1, &time);
            if (status == MOTE_OK && !(time >= 0 && time < 1000.0F * TIME)) {
                return mote_fail(data->context, MOTE_ERROR_FILE,
                                 "%s: row %zu: expected a time of 0 to %d microseconds, found '%.40s'", sheet.path,
                                 i + 1, 1000 * TIME, text);
            }
            to->spikes[(size_t)(time / 1000)] = 1;
        }
    }
    return status;
}

/* Windows of a block: of each millisecond the loudness of its halves, and whether the cell fired in the one before. */
static void cut(const mote_task_data *data, const recording *from, size_t block, size_t first)
{
    const mote_task_split *split = is_test(block) ? &data->test : &data->training;
    for (size_t w = 0; w < EACH; w++) {
        float *to = mote_data_at(data, split, HEARD, first + w);
        const size_t start = block * BLOCK + w + 1;
        for (size_t t = 0; t < WINDOW; t++, to += FEATURES) {
            to[0] = from->loudness[2 * (start + t)];
            to[1] = from->loudness[2 * (start + t) + 1];
            to[2] = (float)from->spikes[start + t - 1];
        }
        *mote_data_classes(data, split, FIRED, first + w) = from->spikes[start + WINDOW - 1];
    }
}

static mote_status read(mote_task_data *data)
{
    static const char *const sounds[] = {"grasshopper_stimulus1.txt.gz", "grasshopper_stimulus2.txt.gz"};
    static const char *const spikes[] = {"grasshopper_spike_times1.txt", "grasshopper_spike_times2.txt"};
    size_t next[2] = {0};
    mote_status status = mote_data_allocate(data, (size_t)RECORDINGS * (BLOCKS - BLOCKS / 4) * EACH,
                                            (size_t)RECORDINGS * BLOCKS / 4 * EACH);
    for (int r = 0; status == MOTE_OK && r < RECORDINGS; r++) {
        recording *made = mote_data_memory(data, 1, sizeof *made);
        status = made ? read_sound(data, sounds[r], made) : MOTE_ERROR_MEMORY;
        status = status == MOTE_OK ? read_spikes(data, spikes[r], made) : status;
        for (size_t b = 0; status == MOTE_OK && b < BLOCKS; b++) {
            cut(data, made, b, next[is_test(b)]);
            next[is_test(b)] += EACH;
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(data->test.count, data->test.values[FIRED], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "heard", MOTE_FP32, 2, (size_t[]){WINDOW, FEATURES});
    mote_data_array(data, "fired", MOTE_INT32, 0, NULL);
    mote_status status = read(data);
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, HEARD, FEATURES, NULL, NULL);
    return mote_baselines_classes(data, HEARD, FIRED, CLASSES, 1e-2);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { PATCH = 2, PLACES = WINDOW / PATCH, CHANNELS = 32 };
    const mote_convolution_line wide = {.filters = CHANNELS, .width = 3};
    const mote_layer embed = mote_linear_layer(graph, "embed", (size_t)PATCH * FEATURES, CHANNELS, MOTE_START_PLAIN);
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[HEARD], 3, (size_t[]){batch, PLACES, (size_t)PATCH * FEATURES});
    x = mote_apply_linear(graph, &embed, x);
    x = mote_residual_line(graph, "middle", x, 1, &wide);
    x = mote_graph_reshape(graph, x, 2, (size_t[]){batch, (size_t)PLACES * CHANNELS});
    outputs->prediction = mote_multilayer(graph, "head", x, 2, (size_t[]){32, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[FIRED]);
}

/* Spikes and what was expected in the first test block. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    enum { SHOWN = 300 };
    float truth[SHOWN], predicted[SHOWN];
    for (size_t i = 0; i < SHOWN; i++) {
        truth[i] = (float)*mote_data_classes(data, &data->test, FIRED, i);
        predicted[i] = 1 / (1 + expf(predictions[i * CLASSES] - predictions[i * CLASSES + 1]));
    }
    return mote_picture_lines(SHOWN, NULL, "time (ms)", "spikes, and their probability", truth, predicted);
}

const mote_science_task mote_task_grasshopper_spikes = {
    .name = "grasshopper_spikes",
    .science = "neuroscience",
    .title = "When cells in a grasshopper's ear fire, from the loudness they hear",
    .model = "convolutional network",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "neuroscience/grasshopper_auditory",
    .recipe = {.steps = 800, .batch = 64, .learning_rate = 1e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
