/* One lead of an electrocardiogram told from another: V5, which sees the heart from the chest, from MLII, which sees it
 * along the body, in record 100 of the MIT-BIH arrhythmia database (Moody and Mark, IEEE Eng. Med. Biol. 20 (2001) 45).
 * A heart's field turns during a beat, so no constant factor and no filter does it. The network sees 1.6 seconds and
 * tells the middle second. The last three tenths of the half hour are the test. */
#include "models/networks.h"
#include "study/arrays.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { LEADS = 2, THIRDS = 3, DRIFT = 60 }; /* 360 samples a second become 120; drift is the mean of a second around */
enum { PATCH = 4, SEEN = 48, TOLD = 32, MARGIN = (SEEN - TOLD) / 2 * PATCH, INPUTS = SEEN * PATCH };
enum { OUTPUTS = TOLD * PATCH, STRIDE = OUTPUTS / 2 };
enum { FIRST_LEAD, SECOND_LEAD };

typedef struct scales {
    double deviation[1]; /* of the second lead, mV */
} scales;

/* A lead as [count / THIRDS] numbers in mV without its drift. */
static double *filter(mote_task_data *data, size_t count, const double *samples, size_t lead, double per_mv)
{
    const size_t n = count / THIRDS;
    double *x = mote_data_memory(data, n, sizeof *x), *sums = mote_data_memory(data, n + 1, sizeof *sums);
    for (size_t i = 0; x && sums && i < n; i++) {
        for (size_t k = 0; k < THIRDS; k++) {
            x[i] += samples[(i * THIRDS + k) * LEADS + lead] / (THIRDS * per_mv);
        }
        sums[i + 1] = sums[i] + x[i];
    }
    for (size_t i = 0; x && sums && i < n; i++) {
        const size_t from = i > DRIFT ? i - DRIFT : 0, to = i + DRIFT < n ? i + DRIFT : n;
        x[i] -= (sums[to] - sums[from]) / (double)(to - from);
    }
    return sums ? x : NULL;
}

static void cut(mote_task_data *data, const mote_task_split *split, size_t sample, const double *first,
                const double *second)
{
    float *seen = mote_data_at(data, split, FIRST_LEAD, sample), *told = mote_data_at(data, split, SECOND_LEAD, sample);
    for (size_t i = 0; i < INPUTS; i++) {
        seen[i] = (float)first[i];
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        told[i] = (float)second[MARGIN + i];
    }
}

/* Windows to learn from overlap by half, those of the test do not. */
static mote_status read(mote_task_data *data)
{
    size_t shape[] = {0, LEADS};
    double *samples, *per_mv;
    mote_status status = mote_arrays_read(data, "record100.npz", "adc", 2, shape, &samples);
    status = status == MOTE_OK ? mote_arrays_read(data, "record100.npz", "adc_per_mv", 0, NULL, &per_mv) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const size_t n = shape[0] / THIRDS, border = n * 7 / 10;
    if (n < 100 * (size_t)INPUTS || *per_mv <= 0) {
        return mote_fail(data->context, MOTE_ERROR_FILE,
                         "%s/record100.npz: expected %d samples or more and units above 0 per mV, found %zu and %g",
                         data->folder, 100 * INPUTS * THIRDS, shape[0], *per_mv);
    }
    const double *first = filter(data, shape[0], samples, 0, *per_mv),
                 *second = filter(data, shape[0], samples, 1, *per_mv);
    const size_t training = (border - INPUTS) / STRIDE + 1, test = (n - border - INPUTS) / OUTPUTS + 1;
    status = first && second ? mote_data_allocate(data, training, test) : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < training; i++) {
        cut(data, &data->training, i, first + i * STRIDE, second + i * STRIDE);
    }
    for (size_t i = 0; status == MOTE_OK && i < test; i++) {
        cut(data, &data->test, i, first + border + i * OUTPUTS, second + border + i * OUTPUTS);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(data->test.count * OUTPUTS, data->test.values[SECOND_LEAD], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "first lead", MOTE_FP32, 2, (size_t[]){SEEN, PATCH});
    mote_data_array(data, "second lead", MOTE_FP32, 2, (size_t[]){TOLD, PATCH});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? read(data) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, FIRST_LEAD, 1, NULL, NULL);
    mote_data_standardize(data, SECOND_LEAD, 1, NULL, s->deviation);
    return mote_baselines(data, FIRST_LEAD, SECOND_LEAD, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_convolution_line line = {.filters = 32, .width = 5};
    (void)data, (void)batch, (void)training;
    mote_value x = mote_multilayer(graph, "embedding", inputs[FIRST_LEAD], 1, (size_t[]){32}, "gelu");
    x = mote_residual_line(graph, "middle", x, 3, &line);
    x = mote_graph_slice(graph, x, 1, MARGIN / PATCH, TOLD);
    outputs->prediction = mote_multilayer(graph, "last", x, 2, (size_t[]){64, PATCH}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[SECOND_LEAD]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    enum { SHOWN = 4 * OUTPUTS };
    const scales *s = data->own;
    float seconds[SHOWN], truth[SHOWN], predicted[SHOWN];
    for (size_t i = 0; i < SHOWN; i++) {
        const float *values = data->test.values[SECOND_LEAD];
        seconds[i] = (float)((double)i / 120);
        truth[i] = (float)(s->deviation[0] * (double)values[i]);
        predicted[i] = (float)(s->deviation[0] * (double)predictions[i]);
    }
    return mote_picture_lines(SHOWN, seconds, "time, s", "lead V5, mV", truth, predicted);
}

const mote_science_task mote_task_ecg_leads = {
    .name = "ecg_leads",
    .science = "medicine",
    .title = "One lead of an electrocardiogram told from another",
    .model = "convolutional network",
    .metric = "RMSE",
    .unit = "mV",
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "medical/mitbih_record_100",
    .recipe = {.steps = 400, .batch = 16, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
