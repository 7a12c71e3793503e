/* The structures, their aligned errors and their pLDDT, as data for structure.js, maps.js and charts.js. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fold/score.h"
#include "io/structure.h"
#include "report/fold.h"

/* Cells along an edge of a map of errors, and of the maps of all predictions together. */
enum { MAP_EDGE = 400, MAP_CELLS = 6000000, NO_ERROR = 255, NO_POSITION = -32768, LARGEST_POSITION = 32767 };

/* ---- positions ---- */

/* The alpha carbons of all shown predictions. */
typedef struct traces {
    float *points; /* [shown, residues, 3] */
    uint8_t *mask; /* [shown, residues]: 1 where there is one, at a place that can be drawn */
} traces;

static void read_trace(const mote_fold_prediction *p, size_t residues, float *points, uint8_t *mask)
{
    static const float farthest = 1e5f;
    for (size_t i = 0; i < residues; i++) {
        const float *at = p->positions + (i * MOTE_ATOM_COUNT + MOTE_ATOM_CA) * 3;
        mask[i] = p->atom_mask[i * MOTE_ATOM_COUNT + MOTE_ATOM_CA] && fabsf(at[0]) < farthest &&
                  fabsf(at[1]) < farthest && fabsf(at[2]) < farthest;
        for (int k = 0; k < 3; k++) {
            points[3 * i + (size_t)k] = mask[i] ? at[k] : 0;
        }
    }
}

/* Moves points onto those of the best prediction, so that one can be seen for another. */
static void superpose(const traces *t, size_t residues, size_t prediction, uint8_t *common)
{
    float *points = t->points + prediction * residues * 3;
    mote_superposition s;
    for (size_t i = 0; i < residues; i++) {
        common[i] = t->mask[i] && t->mask[prediction * residues + i];
    }
    mote_superpose(residues, points, t->points, common, &s);
    for (size_t i = 0; i < residues; i++) {
        const float x = points[3 * i], y = points[3 * i + 1], z = points[3 * i + 2];
        for (size_t k = 0; k < 3; k++) {
            points[3 * i + k] =
                (float)(s.rotation[k][0] * x + s.rotation[k][1] * y + s.rotation[k][2] * z + s.translation[k]);
        }
    }
}

/* Moves all by the centre of the first. Returns the largest coordinate there is then. */
static double center(const traces *t, size_t residues, size_t shown)
{
    double middle[3] = {0}, count = 0, largest = 0;
    for (size_t i = 0; i < residues; i++) {
        count += t->mask[i];
        for (size_t k = 0; k < 3; k++) {
            middle[k] += t->mask[i] ? t->points[3 * i + k] : 0;
        }
    }
    for (size_t i = 0; i < shown * residues * 3; i++) {
        t->points[i] -= (float)(count > 0 ? middle[i % 3] / count : 0);
        largest = t->mask[i / 3] ? fmax(largest, fabs(t->points[i])) : largest;
    }
    return largest;
}

/* Positions of one prediction in units, as 16-bit numbers, little-endian. bytes: [residues, 3, 2]. */
static void pack_positions(const float *points, const uint8_t *mask, size_t residues, double unit, uint8_t *bytes)
{
    for (size_t i = 0; i < residues * 3; i++) {
        double number = mask[i / 3] ? rint(points[i] / unit) : NO_POSITION;
        uint16_t bits = (uint16_t)(int)number;
        bytes[2 * i] = (uint8_t)bits;
        bytes[2 * i + 1] = (uint8_t)(bits >> 8);
    }
}

/* ---- aligned errors ---- */

/* Cells along an edge. */
static size_t edge_of(const mote_fold_page *page)
{
    size_t edge = mote_size_min(page->result->residues, MAP_EDGE);
    double most = floor(sqrt((double)MAP_CELLS / (double)page->shown));
    return (double)edge > most ? (size_t)most : edge;
}

/* The mean of a rectangle of errors in eighths of an angstrom, up to 254; NO_ERROR where there is none. */
static uint8_t mean_error(const float *error, size_t residues, const size_t rows[2], const size_t columns[2])
{
    double sum = 0, count = 0;
    for (size_t i = rows[0]; i < rows[1]; i++) {
        for (size_t j = columns[0]; j < columns[1]; j++) {
            float value = error[i * residues + j];
            sum += isfinite(value) ? value : 0;
            count += isfinite(value);
        }
    }
    return count > 0 ? (uint8_t)fmin(fmax(rint(8 * sum / count), 0), NO_ERROR - 1) : NO_ERROR;
}

static void pack_errors(const float *error, size_t residues, size_t edge, uint8_t *bytes)
{
    for (size_t y = 0; y < edge; y++) {
        for (size_t x = 0; x < edge; x++) {
            bytes[y * edge + x] =
                mean_error(error, residues, (size_t[]){y * residues / edge, (y + 1) * residues / edge},
                           (size_t[]){x * residues / edge, (x + 1) * residues / edge});
        }
    }
}

/* ---- data ---- */

static json_t *chains_of(mote_fold_page *page)
{
    json_t *chains = json_array();
    for (size_t i = 0; i < page->result->chains; i++) {
        char name[MOTE_CHAIN_NAME_BYTES];
        mote_data_push(chains,
                       json_pack("{s:s s:I}", "name", mote_chain_name(i, name), "length", (json_int_t)page->lengths[i]),
                       &page->bad);
    }
    return chains;
}

/* NULL without memory. */
static json_t *letters_of(const mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    char *letters = mote_allocate(page->context, r->residues);
    for (size_t i = 0; letters && i < r->residues; i++) {
        letters[i] = "ARNDCQEGHILKMFPSTWYVX"[r->types[i] < MOTE_RESIDUE_X ? r->types[i] : MOTE_RESIDUE_X];
    }
    json_t *text = letters ? json_stringn(letters, r->residues) : NULL;
    mote_release(page->context, letters);
    return text;
}

/* One of data.protein.predictions; bytes has room for positions and for a map of errors. */
static json_t *prediction_data(mote_fold_page *page, const traces *t, size_t rank, double unit, uint8_t *bytes)
{
    const mote_fold_result *r = page->result;
    const float *error = r->predictions[rank].aligned_error;
    json_t *prediction = json_object();
    mote_data_put(prediction, "name", json_string(mote_fold_label_ranked(page, rank).text), &page->bad);
    pack_positions(t->points + rank * r->residues * 3, t->mask + rank * r->residues, r->residues, unit, bytes);
    mote_data_put(prediction, "positions", mote_data_bytes(page->context, bytes, r->residues * 6), &page->bad);
    if (error) {
        size_t edge = edge_of(page);
        pack_errors(error, r->residues, edge, bytes);
        mote_data_put(prediction, "error", mote_data_bytes(page->context, bytes, edge * edge), &page->bad);
    }
    return prediction;
}

static void put_predictions(mote_fold_page *page, json_t *protein, const traces *t, uint8_t *bytes)
{
    static const double finest = 0.01;
    size_t residues = page->result->residues;
    json_t *predictions = json_array();
    for (size_t i = 0; i < page->shown; i++) {
        read_trace(&page->result->predictions[i], residues, t->points + i * residues * 3, t->mask + i * residues);
        if (i > 0) {
            superpose(t, residues, i, bytes);
        }
    }
    double unit = fmax(finest, center(t, residues, page->shown) / LARGEST_POSITION);
    for (size_t i = 0; i < page->shown; i++) {
        mote_data_push(predictions, prediction_data(page, t, i, unit, bytes), &page->bad);
    }
    mote_data_put(protein, "unit", json_real(unit), &page->bad);
    mote_data_put(protein, "edge", json_integer((json_int_t)edge_of(page)), &page->bad);
    mote_data_put(protein, "predictions", predictions, &page->bad);
}

static void put_protein(mote_fold_page *page)
{
    json_t *protein = json_object_get(page->data, "protein");
    size_t residues = page->result->residues, points = page->shown * residues, edge = edge_of(page),
           room = residues * 6 > edge * edge ? residues * 6 : edge * edge;
    traces t = {mote_allocate_array(page->context, points, 3 * sizeof *t.points), mote_allocate(page->context, points)};
    uint8_t *bytes = mote_allocate(page->context, room);
    mote_data_put(protein, "letters", letters_of(page), &page->bad);
    mote_data_put(protein, "chains", chains_of(page), &page->bad);
    page->bad |= !t.points || !t.mask || !bytes;
    if (!page->bad) {
        put_predictions(page, protein, &t, bytes);
    }
    mote_release(page->context, t.points);
    mote_release(page->context, t.mask);
    mote_release(page->context, bytes);
}

/* ---- pLDDT ---- */

static json_t *lddt_set(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    json_t *set = json_array();
    for (size_t k = 0; k < page->shown; k++) {
        json_t *lddt = json_array();
        for (size_t i = 0; i < r->residues; i++) {
            mote_data_push(lddt, mote_data_number(rint(10 * (double)r->predictions[k].residue_lddt[i]) / 10),
                           &page->bad);
        }
        mote_fold_label name = mote_fold_label_ranked(page, k);
        mote_data_push(set,
                       json_pack("{s:s s:s s:I s:{s:o}}", "name", name.text, "label", name.text, "color", (json_int_t)k,
                                 "line", "lddt", lddt),
                       &page->bad);
    }
    return set;
}

static json_t *lddt_chart(mote_fold_page *page)
{
    json_t *x = mote_data_axis("", "residue", "residue"), *y = mote_data_axis("lddt", "pLDDT", "score");
    mote_data_put(x, "parts", chains_of(page), &page->bad);
    mote_data_put(y, "range", json_pack("[i, i]", 0, 100), &page->bad);
    mote_data_put(y, "bands",
                  json_pack("[{s:s s:i s:i s:s} {s:s s:i s:i s:s} {s:s s:i s:i s:s} {s:s s:i s:i s:s}]", "name",
                            "very high", "from", 90, "to", 100, "class", "band0", "name", "confident", "from", 70, "to",
                            90, "class", "band1", "name", "low", "from", 50, "to", 70, "class", "band2", "name",
                            "very low", "from", 0, "to", 50, "class", "band3"),
                  &page->bad);
    json_t *chart = json_pack("{s:s s:s s:o s:o}", "kind", "lines", "set", "lddt", "x", x, "y", y);
    return chart;
}

/* ---- the section ---- */

static void add_error_map(mote_fold_page *page, json_t *charts)
{
    char caption[256] = "The error that is expected of a residue's position (left to right) when prediction and truth "
                        "are aligned on another (top to bottom).";
    size_t edge = edge_of(page), used = strlen(caption);
    if (edge < page->result->residues) {
        snprintf(caption + used, sizeof caption - used, " Drawn in %s cells an edge, each the mean of its residues.",
                 mote_show_fixed((double)edge, 0).text);
    }
    mote_page_figure(&page->body, "errors", "", caption);
    mote_data_put(charts, "errors", json_pack("{s:s}", "kind", "errors"), &page->bad);
}

static void add_lddt_chart(mote_fold_page *page, json_t *charts)
{
    if (!mote_page_draws_charts()) {
        mote_page_section(&page->body, "Confidence along the chain",
                          "No chart: this mote was built without D3. The structure has its colours.");
        return;
    }
    mote_page_section(&page->body, "Confidence along the chain", "");
    mote_page_tabs_begin(&page->body);
    mote_page_chart(&page->body, "lddt", "",
                    "pLDDT, the expected share of distances to neighbours that are right, of each residue. Bands as in "
                    "the AlphaFold database.");
    mote_page_tabs_end(&page->body);
    mote_data_put(charts, "lddt", lddt_chart(page), &page->bad);
}

void mote_fold_section_structure(mote_fold_page *page)
{
    json_t *charts = json_object_get(page->data, "charts");
    char note[128] = "";
    bool errors = false;
    for (size_t i = 0; i < page->shown; i++) {
        errors |= page->result->predictions[i].aligned_error != NULL;
    }
    if (page->shown < page->result->count) {
        snprintf(note, sizeof note, "The best %zu of %zu predictions are drawn.", page->shown, page->result->count);
    }
    put_protein(page);
    mote_data_put(charts, "structure", json_pack("{s:s}", "kind", "structure"), &page->bad);
    mote_data_put(json_object_get(page->data, "sets"), "lddt", lddt_set(page), &page->bad);
    mote_page_section(&page->body, "Structure", note);
    mote_page_pair_begin(&page->body);
    mote_page_figure(&page->body, "structure", "",
                     "Drag to turn, wheel or two fingers to zoom, double click to go back; with keys: arrows, + and "
                     "\u2212, 0. Predictions are superposed on the best.");
    if (errors) {
        add_error_map(page, charts);
    }
    mote_page_pair_end(&page->body);
    if (page->result->residues > 1) {
        add_lddt_chart(page, charts);
    }
}
