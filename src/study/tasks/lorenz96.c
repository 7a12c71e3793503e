/* Weather in one dimension: Lorenz's model of 1996, forecast two days ahead.
 *
 * dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F on a ring of 40 places with F = 8, chaotic; 0.05 units of time are
 * six hours (Lorenz 1996, "Predictability: a problem partly solved", section 3; Lorenz and Emanuel, J. Atmos. Sci. 55
 * (1998) 399). The network sees the state and tells the change over 0.4 units. */
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/solver.h"

enum { PLACES = 40, TRAINING = 4000, TEST = 1000, GAP = 25 };
enum { STATE, CHANGE };
static const double step = 0.4, spin_up = 20;

typedef struct scales {
    double deviation[1]; /* of changes */
} scales;

static void derivative(void *argument, double t, const double *x, double *dxdt)
{
    (void)argument, (void)t;
    for (int i = 0; i < PLACES; i++) {
        dxdt[i] = (x[(i + 1) % PLACES] - x[(i + PLACES - 2) % PLACES]) * x[(i + PLACES - 1) % PLACES] - x[i] + 8;
    }
}

/* One long trajectory; the test samples come after the training samples and a gap. */
static mote_status simulate(mote_task_data *data)
{
    enum { TIMES = TRAINING + GAP + TEST + 2 };
    double *times = mote_data_memory(data, TIMES, sizeof *times);
    double *path = mote_data_memory(data, (size_t)TIMES * PLACES, sizeof *path), start[PLACES];
    mote_random random = {.seed = 1996};
    if (!times || !path) {
        return MOTE_ERROR_MEMORY;
    }
    for (int i = 0; i < PLACES; i++) {
        start[i] = 8 + mote_random_normal(&random);
    }
    for (int t = 1; t < TIMES; t++) {
        times[t] = spin_up + (t - 1) * step;
    }
    const mote_solver_options options = {.relative = 1e-6, .absolute = 1e-8};
    mote_status status = mote_solve(data->context, &options, PLACES, derivative, NULL, start, TIMES, times, path);
    for (size_t i = 0; status == MOTE_OK && i < TRAINING + TEST; i++) {
        bool test = i >= TRAINING;
        const mote_task_split *split = test ? &data->test : &data->training;
        const double *now = path + (1 + i + (test ? GAP : 0)) * PLACES, *next = now + PLACES;
        for (size_t j = 0; j < PLACES; j++) {
            mote_data_at(data, split, STATE, test ? i - TRAINING : i)[j] = (float)now[j];
            mote_data_at(data, split, CHANGE, test ? i - TRAINING : i)[j] = (float)(next[j] - now[j]);
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse((size_t)TEST * PLACES, data->test.values[CHANGE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "state", MOTE_FP32, 1, (size_t[]){PLACES});
    mote_data_array(data, "change", MOTE_FP32, 1, (size_t[]){PLACES});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? simulate(data) : status;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, PLACES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    double mean;
    mote_data_standardize(data, STATE, 1, NULL, NULL);
    mote_data_standardize(data, CHANGE, 1, &mean, s->deviation);
    for (size_t i = 0; i < (size_t)TEST * PLACES; i++) {
        guess[i] = (float)(-mean / s->deviation[0]); /* no change */
    }
    data->trivial = score(data, guess);
    status = mote_baseline_ridge(data, STATE, CHANGE, 1e-6, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_convolution_line line = {.filters = 32, .width = 3, .around = true};
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[STATE], 3, (size_t[]){batch, PLACES, 1});
    x = mote_multilayer(graph, "embedding", x, 1, (size_t[]){32}, "gelu");
    x = mote_residual_line(graph, "middle", x, 3, &line);
    x = mote_multilayer(graph, "last", x, 1, (size_t[]){1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 2, (size_t[]){batch, PLACES});
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[CHANGE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(60, PLACES, "change in two days; down: time, across: place", data->test.values[CHANGE],
                              predictions);
}

const mote_science_task mote_task_lorenz96 = {
    .name = "lorenz96",
    .science = "weather",
    .title = "Forecast of Lorenz's 1996 model of the weather, two days ahead",
    .model = "convolutional network",
    .metric = "RMSE",
    .unit = "",
    .trivial = "persistence",
    .strong = "ridge regression",
    .uses_solver = true,
    .recipe = {.steps = 800, .batch = 16, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
