/* What the alignment covers, as data for maps.js: which residues its rows have, and how like the query they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/alignment.h"
#include "report/fold.h"

enum { DRAWN_ROWS = 400 };

/* A row and where it stands in the picture. */
typedef struct covering_row {
    double identity;      /* equal residues over residues of the query's chains that the row has */
    size_t chains, first; /* how many, and the first of them */
    size_t row;
} covering_row;

/* From the bottom of the picture up: few chains before many, later before earlier ones, then by identity. */
static int by_height(const void *left, const void *right)
{
    const covering_row *a = left, *b = right;
    if (a->chains != b->chains) {
        return a->chains < b->chains ? -1 : 1;
    }
    if (a->first != b->first) {
        return a->first > b->first ? -1 : 1;
    }
    if (a->identity != b->identity) {
        return a->identity < b->identity ? -1 : 1;
    }
    return a->row > b->row ? -1 : 1;
}

/* Fills rows, unsorted, and depth: how many rows have a residue at each place. */
static void measure(const mote_fold_page *page, covering_row *rows, size_t *depth)
{
    const mote_fold_result *r = page->result;
    memset(depth, 0, r->residues * sizeof *depth);
    for (size_t row = 0; row < r->rows; row++) {
        const unsigned char *codes = r->codes + row * r->residues;
        size_t equal = 0, length = 0;
        rows[row] = (covering_row){.row = row, .first = r->chains};
        for (size_t chain = 0, i = 0; chain < r->chains; chain++) {
            size_t residues = 0, end = i + page->lengths[chain];
            for (; i < end; i++) {
                bool residue = codes[i] != MOTE_RESIDUE_GAP;
                residues += residue;
                depth[i] += residue;
                equal += residue && codes[i] == r->codes[i];
            }
            if (residues > 0) {
                rows[row].first = rows[row].chains++ ? rows[row].first : chain;
                length += page->lengths[chain];
            }
        }
        rows[row].identity = length > 0 ? (double)equal / (double)length : 0;
    }
}

/* The drawn rows, evenly out of all: identities, and a bit a residue. bits: [residues / 8] of each drawn row. */
static json_t *coverage(mote_fold_page *page, const covering_row *rows, const size_t *depth, uint8_t *bits)
{
    const mote_fold_result *r = page->result;
    size_t drawn = mote_size_min(r->rows, DRAWN_ROWS), stride = mote_size_divide_up(r->residues, 8);
    json_t *chart = json_pack("{s:s s:I}", "kind", "coverage", "rows", (json_int_t)r->rows);
    json_t *identity = json_array(), *covered = json_array();
    memset(bits, 0, drawn * stride);
    for (size_t k = 0; k < drawn; k++) {
        const covering_row *row = &rows[drawn > 1 ? k * (r->rows - 1) / (drawn - 1) : 0];
        mote_data_push(identity, mote_data_number(rint(1000 * row->identity) / 1000), &page->bad);
        for (size_t i = 0; i < r->residues; i++) {
            bool residue = r->codes[row->row * r->residues + i] != MOTE_RESIDUE_GAP;
            bits[k * stride + i / 8] |= (uint8_t)(residue << i % 8);
        }
    }
    for (size_t i = 0; i < r->residues; i++) {
        mote_data_push(covered, json_integer((json_int_t)depth[i]), &page->bad);
    }
    mote_data_put(chart, "identity", identity, &page->bad);
    mote_data_put(chart, "cover", mote_data_bytes(page->context, bits, drawn * stride), &page->bad);
    mote_data_put(chart, "depth", covered, &page->bad);
    return chart;
}

void mote_fold_section_alignment(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    if (r->rows < 2) {
        mote_page_section(&page->body, "Alignment",
                          "None: the network saw this sequence alone. With an alignment predictions are better.");
        return;
    }
    size_t room, drawn = mote_size_min(r->rows, DRAWN_ROWS);
    covering_row *rows = mote_allocate_array(page->context, r->rows, sizeof *rows);
    size_t *depth = mote_allocate_array(page->context, r->residues, sizeof *depth);
    uint8_t *bits = mote_size_multiply(drawn, mote_size_divide_up(r->residues, 8), &room)
                        ? mote_allocate(page->context, room)
                        : NULL;
    mote_page_section(&page->body, "Alignment", "");
    mote_page_figure(&page->body, "coverage", "",
                     r->rows > DRAWN_ROWS ? "The rows of the alignment that have a residue, the most like the query on "
                                            "top. Of so many rows 400 are drawn, evenly chosen; the line counts all."
                                          : "The rows of the alignment that have a residue, the most like the query on "
                                            "top.");
    page->bad |= !rows || !depth || !bits;
    if (!page->bad) {
        measure(page, rows, depth);
        qsort(rows, r->rows, sizeof *rows, by_height);
        mote_data_put(json_object_get(page->data, "charts"), "coverage", coverage(page, rows, depth, bits), &page->bad);
    }
    mote_release(page->context, rows);
    mote_release(page->context, depth);
    mote_release(page->context, bits);
}
