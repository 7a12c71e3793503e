/* Flow through a porous medium: the pressure of -div(a grad u) = 1 on a square, 0 at its sides, from the permeability
 * a.
 *
 * The data set of 1000 media of two permeabilities on 16 x 16 places that the neural operator library carries, with its
 * own 50 to test on. A Fourier neural operator (Li et al. 2021, arXiv 2010.08895, section 5.2). */
#include "models/networks.h"
#include "study/arrays.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SIDE = 16, SIZE = SIDE * SIDE };
enum { MEDIUM, PRESSURE };

static mote_status read(mote_task_data *data, const char *medium, const char *pressure, size_t *count,
                        double *values[2])
{
    size_t shape[] = {0, SIDE, SIDE};
    mote_status status = mote_arrays_read(data, "darcy.npz", medium, 3, shape, &values[MEDIUM]);
    *count = shape[0];
    return status == MOTE_OK ? mote_arrays_read(data, "darcy.npz", pressure, 3, shape, &values[PRESSURE]) : status;
}

/* Media become -1 and 1; pressures lie between 0 and 1. */
static void fill(const mote_task_split *split, double *const values[2])
{
    float *medium = split->values[MEDIUM], *pressure = split->values[PRESSURE];
    for (size_t i = 0; i < split->count * SIZE; i++) {
        medium[i] = values[MEDIUM][i] > 0.5 ? 1 : -1;
        pressure[i] = (float)values[PRESSURE][i];
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_relative(data->test.count, SIZE, data->test.values[PRESSURE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    size_t training, test;
    double *training_values[2], *test_values[2];
    mote_data_array(data, "medium", MOTE_FP32, 2, (size_t[]){SIDE, SIDE});
    mote_data_array(data, "pressure", MOTE_FP32, 2, (size_t[]){SIDE, SIDE});
    mote_status status = read(data, "train16_x", "train16_y", &training, training_values);
    status = status == MOTE_OK ? read(data, "test16_x", "test16_y", &test, test_values) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training, test) : status;
    if (status != MOTE_OK) {
        return status;
    }
    fill(&data->training, training_values);
    fill(&data->test, test_values);
    return mote_baselines(data, MEDIUM, PRESSURE, 1e-2);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_fourier shape = {.channels = 16, .modes_height = 6, .modes_width = 6, .layers = 3};
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[MEDIUM], 4, (size_t[]){batch, SIDE, SIDE, 1});
    x = mote_fourier_operator(graph, "operator", mote_with_places(graph, x), 1, &shape);
    outputs->prediction = mote_graph_reshape(graph, x, 3, (size_t[]){batch, SIDE, SIDE});
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[PRESSURE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(SIDE, SIDE, "pressure", data->test.values[PRESSURE], predictions);
}

const mote_science_task mote_task_darcy_flow = {
    .name = "darcy_flow",
    .science = "fluids",
    .title = "Pressure of water in a porous medium from its permeability",
    .model = "Fourier neural operator",
    .metric = "relative L2 error",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "pde/darcy_flow",
    .recipe = {.steps = 600, .batch = 8, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
