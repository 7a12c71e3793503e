/* Promoters of E. coli among other pieces of its genome: 839 of sigma 70 and 3000 pieces of genes, 81 bases each, of
 * Umarov and Solovyev (PLoS ONE 12 (2017) e0171410), with a convolutional network like theirs: filters over the
 * bases, means of neighbours, a hidden layer. */
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/records.h"
#include "study/score.h"

enum { BASES = 4, LENGTH = 81, CLASSES = 2, POOL = 9 };
enum { SEQUENCE, CLASS };
static const char alphabet[] = "ACGT";

/* Samples of a class: in an order that is drawn once every fifth is a test sample, as in the paper, where a fifth was
 * held out. */
static mote_status place(mote_task_data *data, const mote_records *records, int32_t class, size_t trained,
                         size_t tested)
{
    mote_random random = {.seed = 70 + (uint64_t) class};
    size_t *order = mote_data_memory(data, records->count, sizeof *order);
    mote_status status = order ? MOTE_OK : MOTE_ERROR_MEMORY;
    if (order) {
        mote_random_order(&random, records->count, order);
    }
    for (size_t i = 0; status == MOTE_OK && i < records->count; i++) {
        const bool test = i % 5 == 0;
        const mote_task_split *split = test ? &data->test : &data->training;
        const size_t sample = test ? tested++ : trained++;
        int32_t bases[LENGTH];
        float *ones = mote_data_at(data, split, SEQUENCE, sample);
        status = mote_records_expect(records, order[i], LENGTH);
        status = status == MOTE_OK ? mote_records_classes(records, order[i], alphabet, false, bases) : status;
        for (size_t j = 0; status == MOTE_OK && j < LENGTH; j++) {
            ones[j * BASES + (size_t)bases[j]] = 1;
        }
        *mote_data_classes(data, split, CLASS, sample) = class;
    }
    return status;
}

static mote_status read(mote_task_data *data)
{
    mote_records others, promoters;
    mote_status status = mote_records_read(data, "Ecoli_non_prom.fa.gz", &others);
    status = status == MOTE_OK ? mote_records_read(data, "Ecoli_prom.fa.gz", &promoters) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const size_t test[] = {(others.count + 4) / 5, (promoters.count + 4) / 5};
    status = mote_data_allocate(data, others.count + promoters.count - test[0] - test[1], test[0] + test[1]);
    status = status == MOTE_OK ? place(data, &others, 0, 0, 0) : status;
    return status == MOTE_OK ? place(data, &promoters, 1, others.count - test[0], test[0]) : status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_matthews(data->test.count, data->test.values[CLASS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "sequence", MOTE_FP32, 2, (size_t[]){LENGTH, BASES});
    mote_data_array(data, "class", MOTE_INT32, 0, NULL);
    mote_status status = read(data);
    return status == MOTE_OK ? mote_baselines_classes(data, SEQUENCE, CLASS, CLASSES, 1e-1) : status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { FILTERS = 32 };
    const mote_convolution_line shape = {.filters = FILTERS, .width = 9};
    (void)data;
    mote_value x = mote_graph_map(graph, "gelu", mote_convolve_line(graph, "motifs", inputs[SEQUENCE], &shape));
    x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, LENGTH / POOL, POOL, FILTERS});
    x = mote_graph_reshape(graph, mote_graph_mean(graph, x, 2, 1), 2, (size_t[]){batch, LENGTH / POOL * FILTERS});
    x = training ? mote_graph_dropout(graph, x, 0.5) : x;
    outputs->prediction = mote_multilayer(graph, "classifier", x, 2, (size_t[]){64, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"other", "promoter"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_promoters = {
    .name = "promoters",
    .science = "genomics",
    .title = "Promoters of E. coli among pieces of its genes",
    .model = "convolutional network",
    .metric = "Matthews correlation",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "genomics/promoters_umarov",
    .published = 0.84,
    .published_source = "the convolutional network of Umarov and Solovyev, PLoS ONE 12 (2017) e0171410, abstract "
                        "(correlation coefficient for E. coli sigma 70); the split is drawn anew here",
    .recipe = {.steps = 400, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
