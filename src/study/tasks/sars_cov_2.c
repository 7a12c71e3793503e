/* Where a SARS-CoV-2 genome of spring 2020 was sampled, from the sites at which it differs from the first one: the
 * example data of Nextstrain (Hadfield et al., Bioinformatics 34 (2018) 4121), genomes of GenBank.
 *
 * Genomes are laid along the reference Wuhan-Hu-1 by words of 24 bases that both have; between two such words with
 * the same shift, bases are compared one by one. The network sees the sites that vary most among the training genomes.
 */
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/records.h"
#include "study/score.h"
#include "study/sheet.h"

enum { SITES = 96, CLASSES = 4, ANCHOR = 24, SPACING = 48, SHIFT = 400 };
enum { SITE, REGION };
static const char reference_name[] = "Wuhan/Hu-1/2019";
static const char *const regions[] = {"North America", "Oceania", "Asia", "Europe", "South America"};

typedef struct genomes {
    mote_records records;
    const mote_record *reference;
    size_t count;     /* of those that are used: one alone is from South America */
    size_t *number;   /* [count] their records */
    int32_t *region;  /* [count] */
    uint8_t *differs; /* [count, length of the reference] 1 where a base is known and another one */
} genomes;

/* Whether the reference's word at place lies at place + shift of the genome. */
static bool anchored(const genomes *g, const mote_record *genome, size_t place, long shift)
{
    const long at = (long)place + shift;
    return at >= 0 && at + ANCHOR <= (long)genome->length &&
           memcmp(g->reference->sequence + place, genome->sequence + at, ANCHOR) == 0;
}

/* The shift of a word nearest to an expected one; false: the word is not there. */
static bool find_shift(const genomes *g, const mote_record *genome, size_t place, long *shift)
{
    for (long off = 0; off <= SHIFT; off++) {
        if (anchored(g, genome, place, *shift + off) || anchored(g, genome, place, *shift - off)) {
            *shift += anchored(g, genome, place, *shift + off) ? off : -off;
            return true;
        }
    }
    return false;
}

static void compare(const genomes *g, const mote_record *genome, uint8_t *differs)
{
    long shift = 0, last = 0;
    size_t from = g->reference->length; /* behind the word before; there is none yet */
    for (size_t place = 0; place + ANCHOR <= g->reference->length; place += SPACING) {
        if (!find_shift(g, genome, place, &shift)) {
            continue;
        }
        for (size_t i = from; shift == last && i < place; i++) {
            const char base = genome->sequence[(long)i + shift];
            differs[i] = base != g->reference->sequence[i] && strchr("ACGT", base) && base;
        }
        last = shift;
        from = place + ANCHOR;
    }
}

static mote_status find_reference(genomes *g)
{
    for (size_t i = 0; i < g->records.count; i++) {
        if (strcmp(g->records.records[i].header, reference_name) == 0) {
            g->reference = &g->records.records[i];
            return MOTE_OK;
        }
    }
    return mote_fail(g->records.data->context, MOTE_ERROR_FILE, "%s: expected a record '%s', found none",
                     g->records.path, reference_name);
}

/* The region of each genome by its strain's row. */
static mote_status find_regions(const mote_sheet *sheet, genomes *g)
{
    size_t strain = 0, column = 0;
    mote_status status = mote_sheet_column(sheet, "strain", &strain);
    status = status == MOTE_OK ? mote_sheet_column(sheet, "region", &column) : status;
    for (size_t i = 0; status == MOTE_OK && i < g->records.count; i++) {
        size_t row = 0;
        int32_t region = 0;
        while (row < sheet->rows && strcmp(mote_sheet_text(sheet, row, strain), g->records.records[i].header) != 0) {
            row++;
        }
        if (row == sheet->rows) {
            return mote_fail(sheet->data->context, MOTE_ERROR_FILE, "%s: expected a row of strain '%.60s', found none",
                             sheet->path, g->records.records[i].header);
        }
        status = mote_sheet_class(sheet, row, column, sizeof regions / sizeof *regions, regions, &region);
        if (status == MOTE_OK && region < CLASSES) {
            g->number[g->count] = i;
            g->region[g->count++] = region;
        }
    }
    return status;
}

static mote_status read(mote_task_data *data, genomes *g)
{
    mote_sheet sheet;
    *g = (genomes){0};
    mote_status status = mote_records_read(data, "example_sequences.fasta.gz", &g->records);
    status =
        status == MOTE_OK ? mote_sheet_read(data, "example_metadata.tsv.gz", '\t', MOTE_SHEET_HEADER, &sheet) : status;
    status = status == MOTE_OK ? find_reference(g) : status;
    if (status != MOTE_OK) {
        return status;
    }
    size_t numbers;
    g->number = mote_data_memory(data, g->records.count, sizeof *g->number);
    g->region = mote_data_memory(data, g->records.count, sizeof *g->region);
    g->differs = mote_size_multiply(g->records.count, g->reference->length, &numbers)
                     ? mote_data_memory(data, numbers, sizeof *g->differs)
                     : NULL;
    if (!g->number || !g->region || !g->differs) {
        return MOTE_ERROR_MEMORY;
    }
    status = find_regions(&sheet, g);
    for (size_t i = 0; status == MOTE_OK && i < g->count; i++) {
        compare(g, &g->records.records[g->number[i]], g->differs + i * g->reference->length);
    }
    return status;
}

/* The sites where most of the genomes order[first ..] differ, into sites [SITES]. */
static mote_status choose_sites(mote_task_data *data, const genomes *g, const size_t *order, size_t first,
                                size_t *sites)
{
    const size_t length = g->reference->length;
    size_t *counts = mote_data_memory(data, length, sizeof *counts);
    if (!counts) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = first; i < g->count; i++) {
        for (size_t j = 0; j < length; j++) {
            counts[j] += g->differs[order[i] * length + j];
        }
    }
    for (size_t s = 0; s < SITES; s++) {
        sites[s] = 0;
        for (size_t j = 0; j < length; j++) {
            sites[s] = counts[j] > counts[sites[s]] ? j : sites[s];
        }
        counts[sites[s]] = 0;
    }
    return MOTE_OK;
}

/* A third of the genomes, in an order that is drawn once, are test samples. */
static mote_status place(mote_task_data *data)
{
    genomes g;
    size_t sites[SITES];
    mote_random random = {.seed = 2020};
    mote_status status = read(data, &g);
    size_t *order = status == MOTE_OK ? mote_data_memory(data, g.count, sizeof *order) : NULL;
    if (!order) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    const size_t test = g.count / 3;
    mote_random_order(&random, g.count, order);
    status = mote_data_allocate(data, g.count - test, test);
    status = status == MOTE_OK ? choose_sites(data, &g, order, test, sites) : status;
    for (size_t i = 0; status == MOTE_OK && i < g.count; i++) {
        const mote_task_split *split = i < test ? &data->test : &data->training;
        const size_t sample = i < test ? i : i - test;
        for (size_t s = 0; s < SITES; s++) {
            mote_data_at(data, split, SITE, sample)[s] = g.differs[order[i] * g.reference->length + sites[s]];
        }
        *mote_data_classes(data, split, REGION, sample) = g.region[order[i]];
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc_classes(data->test.count, CLASSES, data->test.values[REGION], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "sites", MOTE_FP32, 1, (size_t[]){SITES});
    mote_data_array(data, "region", MOTE_INT32, 0, NULL);
    mote_status status = place(data);
    return status == MOTE_OK ? mote_baselines_classes(data, SITE, REGION, CLASSES, 1e-1) : status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = mote_multilayer(graph, "sites", inputs[SITE], 1, (size_t[]){64}, "gelu");
    x = mote_graph_map(graph, "gelu", x);
    x = training ? mote_graph_dropout(graph, x, 0.3) : x;
    outputs->prediction = mote_multilayer(graph, "classifier", x, 2, (size_t[]){64, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[REGION]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_confusion(data->test.count, CLASSES, regions, data->test.values[REGION], predictions);
}

const mote_science_task mote_task_sars_cov_2 = {
    .name = "sars_cov_2",
    .science = "genomics",
    .title = "Region of the world in which a SARS-CoV-2 genome of spring 2020 was sampled",
    .model = "multilayer perceptron",
    .metric = "mean AUROC of regions",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "ridge regression",
    .requires = "genomics/sars_cov_2",
    .recipe = {.steps = 400, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
