/* Splice sites of primates: 60 bases of DNA, in whose middle an exon ends, an intron ends, or neither (Noordewier,
 * Towell and Shavlik, NIPS 3 (1991); the UCI repository's "splice-junction gene sequences"). */
#include <xxhash.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { BASES = 4, LENGTH = 60, CLASSES = 3, COLUMNS = LENGTH + 2 };
enum { SEQUENCE, CLASS };

/* The base of each cell; D, N, S and R are several bases, and count as none. */
static mote_status read_bases(const mote_sheet *sheet, size_t row, uint8_t *bases)
{
    static const char *const letters[] = {"A", "C", "G", "T", "D", "N", "S", "R"};
    mote_status status = MOTE_OK;
    for (size_t j = 0; status == MOTE_OK && j < LENGTH; j++) {
        int32_t base = 0;
        status = mote_sheet_class(sheet, row, 1 + j, sizeof letters / sizeof *letters, letters, &base);
        bases[j] = (uint8_t)base;
    }
    return status;
}

/* A fifth are test samples, chosen by a hash of the sequence: some sequences are there more than once, and so stay in
 * one split. */
static bool is_test(const uint8_t *bases) { return XXH3_64bits(bases, LENGTH) % 5 == 0; }

static mote_status read(mote_task_data *data)
{
    static const char *const classes[CLASSES] = {"EI", "IE", "N"};
    mote_sheet sheet;
    size_t counts[2] = {0, 0};
    mote_status status = mote_sheet_read(data, "splice.arff.gz", ',', MOTE_SHEET_ARFF, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, COLUMNS, 10) : status;
    uint8_t *bases = status == MOTE_OK ? mote_data_memory(data, sheet.rows, LENGTH) : NULL;
    if (!bases) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        status = read_bases(&sheet, i, bases + i * LENGTH);
        counts[is_test(bases + i * LENGTH)]++;
    }
    status = status == MOTE_OK ? mote_data_allocate(data, counts[0], counts[1]) : status;
    for (size_t i = sheet.rows; status == MOTE_OK && i-- > 0;) {
        const bool test = is_test(bases + i * LENGTH);
        const mote_task_split *split = test ? &data->test : &data->training;
        const size_t sample = --counts[test];
        for (size_t j = 0; j < LENGTH; j++) {
            const size_t base = bases[i * LENGTH + j];
            if (base < BASES) {
                mote_data_at(data, split, SEQUENCE, sample)[j * BASES + base] = 1;
            }
        }
        status =
            mote_sheet_class(&sheet, i, COLUMNS - 1, CLASSES, classes, mote_data_classes(data, split, CLASS, sample));
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count, CLASSES, data->test.values[CLASS], predictions);
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
    enum { FILTERS = 16 };
    const mote_convolution_line shape = {.filters = FILTERS, .width = 7};
    (void)data;
    mote_value x = mote_convolve_line(graph, "motifs", inputs[SEQUENCE], &shape);
    x = mote_residual_line(graph, "around", mote_graph_map(graph, "gelu", x), 1, &shape);
    x = mote_graph_reshape(graph, x, 2, (size_t[]){batch, (size_t)LENGTH * FILTERS});
    x = training ? mote_graph_dropout(graph, x, 0.3) : x;
    outputs->prediction = mote_multilayer(graph, "classifier", x, 2, (size_t[]){32, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"exon ends", "intron ends", "neither"};
    return mote_picture_confusion(data->test.count, CLASSES, names, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_splice_sites = {
    .name = "splice_sites",
    .science = "genomics",
    .title = "Splice sites of primates, from 60 bases around them",
    .model = "convolutional network",
    .metric = "accuracy",
    .unit = "",
    .larger_is_better = true,
    .trivial = "most frequent class",
    .strong = "ridge regression",
    .requires = "genomics/splice_junctions_uci",
    .published = 0.937,
    .published_source = "KBANN of Towell, Shavlik and Noordewier, by the notes in the data set's file: error rates of "
                        "the classes (4.62, 7.56, 8.47 %), weighted by their shares; tenfold cross-validation on 1000 "
                        "of the 3190 samples, where here four fifths train",
    .recipe = {.steps = 400, .batch = 32, .learning_rate = 2e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
