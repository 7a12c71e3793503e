/* The fitness landscape of protein G's domain B1: how well variants at four sites bind (Wu et al., eLife 5 (2016)
 * e16965), in the split two_vs_rest of FLIP (Dallago et al., NeurIPS 2021 datasets track): from the wild type and
 * its variants at one or two sites to those at three and four. The network learns a vector for each residue at each
 * site. */
#include <math.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { SITES = 4, LETTERS = 20 };
enum { VARIANT, FITNESS };

/* 0: training, 1: test, -1: in neither. FLIP's validation samples are training samples here: nothing is chosen by them.
 */
static mote_status split_of(const mote_sheet *sheet, size_t row, size_t column, int *split)
{
    static const char *const names[] = {"train", "test", ""};
    int32_t place = 0;
    mote_status status = mote_sheet_class(sheet, row, column, 3, names, &place);
    *split = place < 2 ? place : -1;
    return status;
}

static mote_status read_variant(const mote_sheet *sheet, size_t row, size_t column, float *ones)
{
    static const char amino_acids[] = "ACDEFGHIKLMNPQRSTVWY";
    const char *text = mote_sheet_text(sheet, row, column);
    for (size_t i = 0; i < SITES; i++) {
        const char *place = text[i] ? strchr(amino_acids, text[i]) : NULL;
        if (!place || (i + 1 == SITES && text[SITES])) {
            return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                             "%s: row %zu, column '%s': expected four amino acids, found '%.40s'", sheet->path, row + 1,
                             sheet->names[column], text);
        }
        ones[i * LETTERS + (size_t)(place - amino_acids)] = 1;
    }
    return MOTE_OK;
}

static mote_status read(mote_task_data *data)
{
    mote_sheet sheet;
    size_t variant = 0, fitness = 0, column = 0, counts[2] = {0, 0};
    int split;
    mote_status status = mote_sheet_read(data, "four_mutations.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "Variants", &variant) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "Fitness", &fitness) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "two_vs_rest", &column) : status;
    for (size_t i = 0; status == MOTE_OK && i < sheet.rows; i++) {
        status = split_of(&sheet, i, column, &split);
        if (split >= 0) {
            counts[split]++;
        }
    }
    status = status == MOTE_OK ? mote_data_allocate(data, counts[0], counts[1]) : status;
    for (size_t i = sheet.rows; status == MOTE_OK && i-- > 0;) {
        status = split_of(&sheet, i, column, &split);
        if (split >= 0) {
            const mote_task_split *to = split ? &data->test : &data->training;
            const size_t sample = --counts[split];
            status = read_variant(&sheet, i, variant, mote_data_at(data, to, VARIANT, sample));
            status = status == MOTE_OK
                         ? mote_sheet_complete(&sheet, i, fitness, 1, mote_data_at(data, to, FITNESS, sample))
                         : status;
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_spearman(data->test.count, data->test.values[FITNESS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "variant", MOTE_FP32, 1, (size_t[]){SITES * LETTERS});
    mote_data_array(data, "fitness", MOTE_FP32, 1, (size_t[]){1});
    mote_status status = read(data);
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, FITNESS, 1, NULL, NULL);
    return mote_baselines(data, VARIANT, FITNESS, 1e-1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = mote_multilayer(graph, "residues", inputs[VARIANT], 1, (size_t[]){64}, "gelu");
    x = mote_graph_map(graph, "gelu", x);
    x = training ? mote_graph_dropout(graph, x, 0.2) : x;
    outputs->prediction = mote_multilayer(graph, "fitness", x, 2, (size_t[]){64, 1}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[FITNESS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "fitness, in standard deviations", data->test.values[FITNESS],
                                predictions);
}

const mote_science_task mote_task_gb1_landscape = {
    .name = "gb1_landscape",
    .science = "proteins",
    .title = "Fitness of variants of protein G at three and four sites, from those at one and two",
    .model = "multilayer perceptron",
    .metric = "Spearman correlation",
    .unit = "",
    .larger_is_better = true,
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "proteins/gb1_landscape",
    .recipe = {.steps = 600, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
