/* Which alloys can be cooled to a glass: ternary alloys by composition, from a handbook of measurements.
 *
 * 5680 alloys of the Landolt-Boernstein collection (Ward et al., npj Comput. Mater. 2 (2016) 16028) as in Matbench
 * v0.1, whose fold 0 is tested. */
#include "study/composition.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { CLASSES = 2 };

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(data->test.count, data->test.values[MOTE_COMPOSITION_TARGET], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_status status = mote_matbench_read(data, "matbench_glass.csv.gz", CLASSES);
    return status == MOTE_OK
               ? mote_baselines_classes(data, MOTE_COMPOSITION_FRACTION, MOTE_COMPOSITION_TARGET, CLASSES, 1e-2)
               : status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    outputs->prediction = mote_composition_network(graph, inputs, CLASSES, training ? 0.1 : 0);
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[MOTE_COMPOSITION_TARGET]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"crystal", "glass"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[MOTE_COMPOSITION_TARGET],
                                  predictions);
}

const mote_science_task mote_task_matbench_glass = {
    .name = "matbench_glass",
    .science = "materials",
    .title = "Which alloys can be cooled to a metallic glass",
    .model = "multilayer perceptron",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression on fractions",
    .requires = "materials/matbench_glass",
    .published = 0.96,
    .published_source = "MODNet on Matbench v0.1's board (materialsproject/matbench): the mean of five folds, of which "
                        "fold 0 is tested here",
    .recipe = {.steps = 1500, .batch = 64, .learning_rate = 1e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
