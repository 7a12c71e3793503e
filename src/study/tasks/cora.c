/* Subjects of papers, told from their words and from who cites whom: the Cora graph with Planetoid's split (Yang,
 * Cohen and Salakhutdinov, ICML 2016), 140 papers to learn from and 1000 for the test.
 *
 * The network is Kipf and Welling's (ICLR 2017, arXiv 1609.02907, equation 9): softmax(A relu(A X W0) W1) with A =
 * D^-1/2 (1 + edges) D^-1/2. A X does not change and is made once. A sample is not the whole graph but what the
 * answers for 140 papers need: the rows of A for them, and A X of their neighbours; its numbers are the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { WORDS = 1433, CLASSES = 7, PAPERS = 140, HIDDEN = 16, NOT_COUNTED = -1 };
enum { FEATURES, ADJACENCY, CLASS };
static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6"};

typedef struct citations {
    size_t nodes;
    int32_t *classes;           /* [nodes] */
    const char **splits;        /* [nodes] */
    float *words;               /* [nodes, WORDS]: ones and zeros, divided by their sum */
    size_t *first, *neighbours; /* those of a node, itself the first: from first[node] to first[node + 1] */
    size_t papers[2], *list[2]; /* for training and test */
} citations;

/* The number in text at *at, below bound, and moves behind it. */
static bool next_number(const char **at, size_t bound, size_t *number)
{
    char *end;
    unsigned long long read = strtoull(*at, &end, 10);
    bool good = end != *at && read < bound;
    *at = end;
    *number = good ? (size_t)read : 0;
    return good;
}

static mote_status read_words(const mote_sheet *sheet, size_t row, size_t column, float *words)
{
    const char *text = mote_sheet_text(sheet, row, column);
    size_t count = 0, word;
    for (const char *at = text; *at; count++) {
        if (!next_number(&at, WORDS, &word)) {
            return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                             "%s: row %zu: expected numbers of words below %d, found '%.40s'", sheet->path, row + 1,
                             WORDS, text);
        }
        words[word] = 1;
    }
    for (size_t w = 0; w < WORDS; w++) {
        words[w] /= count ? (float)count : 1;
    }
    return MOTE_OK;
}

static mote_status read_nodes(mote_task_data *data, citations *c)
{
    enum { NODE, LABEL, SPLIT, TEXT, COLUMNS };
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, "nodes.tsv.gz", '\t', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, COLUMNS, PAPERS) : status;
    if (status != MOTE_OK) {
        return status;
    }
    c->nodes = sheet.rows;
    c->classes = mote_data_memory(data, c->nodes, sizeof *c->classes);
    c->splits = mote_data_memory(data, c->nodes, sizeof *c->splits);
    c->words = mote_data_memory(data, c->nodes * WORDS, sizeof *c->words);
    if (!c->classes || !c->splits || !c->words) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; status == MOTE_OK && i < c->nodes; i++) {
        c->splits[i] = mote_sheet_text(&sheet, i, SPLIT);
        status = mote_sheet_class(&sheet, i, LABEL, CLASSES, numbers, &c->classes[i]);
        status = status == MOTE_OK ? read_words(&sheet, i, TEXT, c->words + i * WORDS) : status;
    }
    return status;
}

static mote_status read_edges(mote_task_data *data, citations *c)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, "edges.tsv.gz", '\t', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, 2, 1) : status;
    if (status != MOTE_OK) {
        return status;
    }
    size_t *ends = mote_data_memory(data, 2 * sheet.rows, sizeof *ends);
    size_t *filled = mote_data_memory(data, c->nodes, sizeof *filled);
    c->first = mote_data_memory(data, c->nodes + 1, sizeof *c->first);
    c->neighbours = mote_data_memory(data, c->nodes + 2 * sheet.rows, sizeof *c->neighbours);
    if (!ends || !filled || !c->first || !c->neighbours) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < 2 * sheet.rows; i++) {
        const char *at = mote_sheet_text(&sheet, i / 2, i % 2);
        if (!next_number(&at, c->nodes, &ends[i]) || *at) {
            return mote_fail(data->context, MOTE_ERROR_FILE, "%s: row %zu: expected a node below %zu, found '%.40s'",
                             sheet.path, i / 2 + 1, c->nodes, mote_sheet_text(&sheet, i / 2, i % 2));
        }
        filled[ends[i]]++;
    }
    for (size_t n = 0; n < c->nodes; n++) {
        c->first[n + 1] = c->first[n] + 1 + filled[n];
        c->neighbours[c->first[n]] = n;
        filled[n] = 1;
    }
    for (size_t i = 0; i < 2 * sheet.rows; i++) {
        c->neighbours[c->first[ends[i]] + filled[ends[i]]++] = ends[i ^ 1];
    }
    return MOTE_OK;
}

static mote_status list_papers(mote_task_data *data, citations *c)
{
    static const char *const names[] = {"train", "test"};
    for (int s = 0; s < 2; s++) {
        c->list[s] = mote_data_memory(data, c->nodes, sizeof *c->list[s]);
        if (!c->list[s]) {
            return MOTE_ERROR_MEMORY;
        }
        for (size_t n = 0; n < c->nodes; n++) {
            if (strcmp(c->splits[n], names[s]) == 0) {
                c->list[s][c->papers[s]++] = n;
            }
        }
    }
    return c->papers[0] == PAPERS && c->papers[1] > 0
               ? MOTE_OK
               : mote_fail(data->context, MOTE_ERROR_FILE,
                           "%s/nodes.tsv.gz: expected %d nodes of split train and some of test, found %zu and %zu",
                           data->folder, PAPERS, c->papers[0], c->papers[1]);
}

/* An element of A beside the diagonal or on it. */
static double weight(const citations *c, size_t a, size_t b)
{
    return 1 / sqrt((double)(c->first[a + 1] - c->first[a]) * (double)(c->first[b + 1] - c->first[b]));
}

/* Numbers the neighbours of papers from begin to end, in places [nodes], from 1 on; how many there are. */
static size_t number_neighbours(const citations *c, const size_t *papers, size_t count, size_t *places)
{
    size_t found = 0;
    memset(places, 0, c->nodes * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = c->first[papers[i]]; k < c->first[papers[i] + 1]; k++) {
            size_t *place = &places[c->neighbours[k]];
            *place = *place ? *place : ++found;
        }
    }
    return found;
}

static void fill(const citations *c, const size_t *papers, size_t count, const size_t *places, mote_task_data *data,
                 const mote_task_split *split, size_t sample)
{
    float *features = mote_data_at(data, split, FEATURES, sample),
          *adjacency = mote_data_at(data, split, ADJACENCY, sample);
    int32_t *classes = mote_data_classes(data, split, CLASS, sample);
    const size_t room = data->arrays[FEATURES].shape[0];
    for (size_t i = 0; i < PAPERS; i++) {
        classes[i] = i < count ? c->classes[papers[i]] : NOT_COUNTED;
        for (size_t k = i < count ? c->first[papers[i]] : 0; i < count && k < c->first[papers[i] + 1]; k++) {
            const size_t j = c->neighbours[k];
            adjacency[i * room + places[j] - 1] += (float)weight(c, papers[i], j);
        }
    }
    for (size_t n = 0; n < c->nodes; n++) {
        float *to = places[n] ? features + (places[n] - 1) * WORDS : NULL;
        for (size_t k = c->first[n]; to && k < c->first[n + 1]; k++) {
            const float a = (float)weight(c, n, c->neighbours[k]), *x = c->words + c->neighbours[k] * WORDS;
            for (size_t w = 0; w < WORDS; w++) {
                to[w] += a * x[w];
            }
        }
    }
}

static mote_status cut(mote_task_data *data, const citations *c)
{
    size_t *places = mote_data_memory(data, c->nodes, sizeof *places), room = 0;
    for (int pass = 0; places && pass < 2; pass++) {
        for (int s = 0; s < 2; s++) {
            for (size_t first = 0; first < c->papers[s]; first += PAPERS) {
                const size_t *papers = c->list[s] + first;
                const size_t count = c->papers[s] - first < PAPERS ? c->papers[s] - first : PAPERS;
                const size_t found = number_neighbours(c, papers, count, places);
                if (pass == 0) {
                    room = found > room ? found : room;
                } else {
                    fill(c, papers, count, places, data, s ? &data->test : &data->training, first / PAPERS);
                }
            }
        }
        if (pass == 0) {
            mote_data_array(data, "features", MOTE_FP32, 2, (size_t[]){room, WORDS});
            mote_data_array(data, "adjacency", MOTE_FP32, 2, (size_t[]){PAPERS, room});
            mote_data_array(data, "class", MOTE_INT32, 1, (size_t[]){PAPERS});
            mote_status status = mote_data_allocate(data, 1, (c->papers[1] + PAPERS - 1) / PAPERS);
            if (status != MOTE_OK) {
                return status;
            }
        }
    }
    return places ? MOTE_OK : MOTE_ERROR_MEMORY;
}

/* Classes spread from the training papers to their neighbours and come back to them (Zhou et al., NIPS 2003, section
 * 2), without a look at words. */
static mote_status propagate(mote_task_data *data, const citations *c, float *predictions)
{
    enum { ROUNDS = 50 };
    static const double share = 0.9;
    double *now = mote_data_memory(data, c->nodes * CLASSES, sizeof *now),
           *next = mote_data_memory(data, c->nodes * CLASSES, sizeof *next);
    for (int round = 0; now && next && round < ROUNDS; round++) {
        memset(next, 0, c->nodes * CLASSES * sizeof *next);
        for (size_t i = 0; i < c->papers[0]; i++) {
            next[c->list[0][i] * CLASSES + (size_t)c->classes[c->list[0][i]]] = 1 - share;
        }
        for (size_t n = 0; n < c->nodes; n++) {
            for (size_t k = c->first[n]; k < c->first[n + 1]; k++) {
                for (size_t j = 0; j < CLASSES; j++) {
                    next[n * CLASSES + j] +=
                        share * weight(c, n, c->neighbours[k]) * now[c->neighbours[k] * CLASSES + j];
                }
            }
        }
        double *swap = now;
        now = next;
        next = swap;
    }
    for (size_t i = 0; now && next && i < c->papers[1]; i++) {
        for (size_t j = 0; j < CLASSES; j++) {
            predictions[i * CLASSES + j] = (float)now[c->list[1][i] * CLASSES + j];
        }
    }
    return now && next ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count * PAPERS, CLASSES, data->test.values[CLASS], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    citations c = {0};
    mote_status status = read_nodes(data, &c);
    status = status == MOTE_OK ? read_edges(data, &c) : status;
    status = status == MOTE_OK ? list_papers(data, &c) : status;
    status = status == MOTE_OK ? cut(data, &c) : status;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, (size_t)PAPERS * CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_baseline_frequency(data, CLASS, CLASSES, guess);
    data->trivial = score(data, guess);
    status = propagate(data, &c, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = training ? mote_graph_dropout(graph, inputs[FEATURES], 0.5) : inputs[FEATURES];
    x = mote_graph_map(graph, "relu", mote_multilayer(graph, "first", x, 1, (size_t[]){HIDDEN}, "relu"));
    x = training ? mote_graph_dropout(graph, x, 0.5) : x;
    outputs->prediction = mote_convolve_graph(graph, "second", inputs[ADJACENCY], x, CLASSES);
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_confusion(data->test.count * PAPERS, CLASSES, NULL, data->test.values[CLASS], predictions);
}

const mote_science_task mote_task_cora = {
    .name = "cora",
    .science = "science of science",
    .title = "Subjects of papers by their words and citations",
    .model = "graph convolutional network",
    .metric = "accuracy",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "label propagation",
    .requires = "science_of_science/cora",
    .published = 0.815,
    .published_source = "the same network on the same split: Kipf and Welling, ICLR 2017, arXiv 1609.02907, table 2",
    .recipe = {.steps = 200, .batch = 1, .learning_rate = 1e-2, .weight_decay = 0.05},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
