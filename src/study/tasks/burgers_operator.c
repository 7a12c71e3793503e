/* Burgers' equation, from the start to the whole course: u_t + u u_x = 0.01 u_xx on a ring, for random smooth starts.
 *
 * The data set of 800 and 400 solutions on 17 times and 16 places that the neural operator library carries, with its
 * own split. A Fourier neural operator (Li et al. 2021, arXiv 2010.08895, section 5.1) in time and space sees the start
 * at every time. */
#include "models/networks.h"
#include "study/arrays.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { TIMES = 17, PLACES = 16, SIZE = TIMES * PLACES };
enum { START, COURSE };

/* About the size of the fields, which are held in units of it; relative errors do not mind. */
static const double unit = 0.2;

/* The files' solutions of a split. */
typedef struct solutions {
    const char *start_name, *course_name;
    size_t count;
    double *starts, *courses;
} solutions;

static mote_status read(mote_task_data *data, solutions *s)
{
    size_t shape[] = {0, PLACES}, course[] = {0, TIMES, PLACES};
    mote_status status = mote_arrays_read(data, "burgers_operator.npz", s->start_name, 2, shape, &s->starts);
    course[0] = s->count = shape[0];
    return status == MOTE_OK ? mote_arrays_read(data, "burgers_operator.npz", s->course_name, 3, course, &s->courses)
                             : status;
}

static void fill(const mote_task_data *data, const mote_task_split *split, const solutions *s)
{
    float *starts = split->values[START], *courses = split->values[COURSE];
    for (size_t i = 0; i < data->arrays[START].size * split->count; i++) {
        starts[i] = (float)(s->starts[i] / unit);
    }
    for (size_t i = 0; i < data->arrays[COURSE].size * split->count; i++) {
        courses[i] = (float)(s->courses[i] / unit);
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_relative(data->test.count, SIZE, data->test.values[COURSE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    solutions training = {.start_name = "train_x", .course_name = "train_y"};
    solutions test = {.start_name = "test_x", .course_name = "test_y"};
    mote_data_array(data, "start", MOTE_FP32, 1, (size_t[]){PLACES});
    mote_data_array(data, "course", MOTE_FP32, 2, (size_t[]){TIMES, PLACES});
    mote_status status = read(data, &training);
    status = status == MOTE_OK ? read(data, &test) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training.count, test.count) : status;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, SIZE) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    fill(data, &data->training, &training);
    fill(data, &data->test, &test);
    for (size_t i = 0; i < test.count * SIZE; i++) {
        guess[i] = mote_data_at(data, &data->test, START, i / SIZE)[i % PLACES];
    }
    data->trivial = score(data, guess);
    status = mote_baseline_ridge(data, START, COURSE, 1e-6, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_fourier shape = {.channels = 16, .modes_height = 5, .modes_width = 8, .layers = 3};
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[START], 4, (size_t[]){batch, 1, PLACES, 1});
    x = mote_graph_broadcast(graph, x, 4, (size_t[]){batch, TIMES, PLACES, 1});
    x = mote_fourier_operator(graph, "operator", mote_with_places(graph, x), 1, &shape);
    outputs->prediction = mote_graph_reshape(graph, x, 3, (size_t[]){batch, TIMES, PLACES});
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[COURSE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(TIMES, PLACES, "one solution; down: time, across: place", data->test.values[COURSE],
                              predictions);
}

const mote_science_task mote_task_burgers_operator = {
    .name = "burgers_operator",
    .science = "fluids",
    .title = "Solutions of Burgers' equation from their starts",
    .model = "Fourier neural operator",
    .metric = "relative L2 error",
    .unit = "",
    .trivial = "persistence",
    .strong = "ridge regression",
    .requires = "pde/burgers_operator",
    .recipe = {.steps = 600, .batch = 8, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
