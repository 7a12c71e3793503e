/* Pneumonia on X-ray pictures of children's chests, 28 x 28 points (PneumoniaMNIST: Yang et al., Scientific Data 10
 * (2023) 41; the pictures are from Kermany et al., Cell 172 (2018) 1122). The test pictures are the official ones; of
 * the official training pictures 3882 are there, nine tenths of them with pneumonia. */
#include "models/networks.h"
#include "study/arrays.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 2 };
enum { IMAGE, CLASS };
static const char *const file_name = "pneumoniamnist.npz", *const names[] = {"normal", "pneumonia"};

typedef struct pictures {
    size_t count;
    double *images, *labels; /* [count, SIDE, SIDE], [count, 1] */
} pictures;

static mote_status read_pictures(mote_task_data *data, const char *images, const char *labels, pictures *p)
{
    size_t shape[] = {0, SIDE, SIDE}, label_shape[] = {0, 1};
    mote_status status = mote_arrays_read(data, file_name, images, 3, shape, &p->images);
    p->count = label_shape[0] = shape[0];
    status = status == MOTE_OK ? mote_arrays_read(data, file_name, labels, 2, label_shape, &p->labels) : status;
    for (size_t i = 0; status == MOTE_OK && i < p->count; i++) {
        if (p->labels[i] != 0 && p->labels[i] != 1) {
            status = mote_fail(data->context, MOTE_ERROR_FILE, "%s/%s: array %s: expected 0 or 1, found %g at %zu",
                               data->folder, file_name, labels, p->labels[i], i);
        }
    }
    return status;
}

static void fill(mote_task_data *data, const mote_task_split *split, const pictures *p)
{
    for (size_t i = 0; i < p->count; i++) {
        float *image = mote_data_at(data, split, IMAGE, i);
        for (size_t j = 0; j < PIXELS; j++) {
            image[j] = (float)p->images[i * PIXELS + j];
        }
        *mote_data_classes(data, split, CLASS, i) = (int32_t)p->labels[i];
    }
}

static mote_status read(mote_task_data *data)
{
    pictures training, test;
    mote_status status = read_pictures(data, "train_images", "train_labels", &training);
    status = status == MOTE_OK ? read_pictures(data, "test_images", "test_labels", &test) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training.count, test.count) : status;
    if (status == MOTE_OK) {
        fill(data, &data->training, &training);
        fill(data, &data->test, &test);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(data->test.count, data->test.values[CLASS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "image", MOTE_FP32, 3, (size_t[]){SIDE, SIDE, 1});
    mote_data_array(data, "class", MOTE_INT32, 0, NULL);
    mote_status status = read(data);
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, IMAGE, 1, NULL, NULL);
    return mote_baselines_classes(data, IMAGE, CLASS, CLASSES, 1e-2);
}

/* Three convolutions that each halve the sides, then the mean over the 4 x 4 places that are left. */
static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    static const char *const stages[] = {"first", "second", "third"};
    static const size_t filters[] = {16, 32, 32};
    mote_value x = inputs[IMAGE];
    (void)data, (void)batch;
    for (int i = 0; i < 3; i++) {
        const mote_convolution_plane plane = {.filters = filters[i], .width = 3, .stride = 2};
        x = mote_convolve_plane(graph, stages[i], x, &plane);
        x = mote_graph_layer_norm(graph, x, MOTE_NO_VALUE, MOTE_NO_VALUE, 1e-5);
        x = mote_graph_map(graph, "gelu", x);
    }
    x = mote_graph_mean(graph, x, 1, 2);
    x = training ? mote_graph_dropout(graph, x, 0.2) : x;
    outputs->prediction = mote_multilayer(graph, "last", x, 1, (size_t[]){CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_pneumonia = {
    .name = "pneumonia",
    .science = "medicine",
    .title = "Pneumonia on X-ray pictures of the chest",
    .model = "convolutional network",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "medical/pneumonia_mnist",
    .recipe = {.steps = 450, .batch = 32, .learning_rate = 3e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
