/* Yield strength of 312 maraging steels by composition, as in Matbench v0.1, whose fold 0 is tested: a data set as
 * small as those of laboratories. */
#include "study/composition.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

typedef struct scales {
    double deviation[1]; /* of the target */
} scales;

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_mae(data->test.count, data->test.values[MOTE_COMPOSITION_TARGET], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_matbench_read(data, "matbench_steels.csv.gz", 0) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, MOTE_COMPOSITION_TARGET, 1, NULL, s->deviation);
    return mote_baselines(data, MOTE_COMPOSITION_FRACTION, MOTE_COMPOSITION_TARGET, 1e-2);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data;
    mote_value x = mote_composition_network(graph, inputs, 1, training ? 0.1 : 0);
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[MOTE_COMPOSITION_TARGET]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "yield strength, standard deviations",
                                data->test.values[MOTE_COMPOSITION_TARGET], predictions);
}

const mote_science_task mote_task_matbench_steels = {
    .name = "matbench_steels",
    .science = "materials",
    .title = "Yield strength of steels from their composition",
    .model = "multilayer perceptron",
    .metric = "MAE",
    .unit = "MPa",
    .trivial = "mean",
    .strong = "ridge regression on fractions",
    .requires = "materials/matbench_steels",
    .published = 97.5,
    .published_source =
        "AMMExpress on Matbench v0.1's board (materialsproject/matbench): the mean of five folds, of which "
        "fold 0 is tested here",
    .recipe = {.steps = 600, .batch = 32, .learning_rate = 1e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
