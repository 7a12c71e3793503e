/* Reads the atom_site loop of mmCIF files. */
#include <string.h>

#include "io/cif.h"
#include "io/structure_format.h"

enum { TAGS_MAXIMUM = 256 };

/* The items that are read. Of a pair the first is taken where the loop has it and it says something. */
typedef enum item {
    GROUP,
    ATOM_AUTHOR,
    ATOM,
    RESIDUE_AUTHOR,
    RESIDUE,
    CHAIN_AUTHOR,
    CHAIN,
    NUMBER_AUTHOR,
    NUMBER,
    INSERTION,
    X,
    Y,
    Z,
    OCCUPANCY,
    FACTOR,
    MODEL,
    ITEMS
} item;

static const char *const tags[ITEMS] = {
    "_atom_site.group_PDB",      "_atom_site.auth_atom_id",
    "_atom_site.label_atom_id",  "_atom_site.auth_comp_id",
    "_atom_site.label_comp_id",  "_atom_site.auth_asym_id",
    "_atom_site.label_asym_id",  "_atom_site.auth_seq_id",
    "_atom_site.label_seq_id",   "_atom_site.pdbx_PDB_ins_code",
    "_atom_site.Cartn_x",        "_atom_site.Cartn_y",
    "_atom_site.Cartn_z",        "_atom_site.occupancy",
    "_atom_site.B_iso_or_equiv", "_atom_site.pdbx_PDB_model_num",
};

/* The loop's head, and the words of one row. */
typedef struct loop {
    size_t columns;
    int item_of[TAGS_MAXIMUM];  /* [columns]: which item, or -1 */
    mote_cif_word words[ITEMS]; /* of the row; null where the loop has no such column */
    mote_cif_word model;        /* of the first row */
} loop;

bool mote_structure_is_mmcif(const mote_text_file *text)
{
    size_t at = 0;
    mote_cif_word word;
    while (at < text->size && mote_is_blank(text->bytes[at])) {
        at++;
    }
    /* a comment is one of CIF too, but quotes and fields are not how such a file begins */
    if (at == text->size || text->bytes[at] == '\'' || text->bytes[at] == '"' || text->bytes[at] == ';') {
        return false;
    }
    return mote_cif_next(text, &at, &word) == MOTE_OK && word.kind == MOTE_CIF_DATA;
}

static const mote_cif_word *either(const loop *l, item first, item second)
{
    return l->words[first].null ? &l->words[second] : &l->words[first];
}

static mote_status bad_word(const mote_text_file *text, const mote_cif_word *word, const char *what, const char *tag)
{
    char shown[24] = {0};
    for (size_t i = 0; i < word->length && i < sizeof shown - 1; i++) {
        shown[i] = word->bytes[i] >= ' ' && word->bytes[i] < 0x7F ? word->bytes[i] : '?';
    }
    return mote_text_file_bad(text, word->at, "expected %s as %s, found '%s'", what, tag, shown);
}

/* A number, perhaps with its uncertainty in brackets behind it. */
static bool parse_number(const mote_cif_word *word, float *number)
{
    const char *bracket = memchr(word->bytes, '(', word->length);
    return mote_structure_number(word->bytes, bracket ? (size_t)(bracket - word->bytes) : word->length, number);
}

static mote_status add_row(const mote_text_file *text, const loop *l, mote_structure_builder *builder)
{
    const mote_cif_word *name = either(l, ATOM, ATOM_AUTHOR), *residue = either(l, RESIDUE, RESIDUE_AUTHOR),
                        *chain = either(l, CHAIN_AUTHOR, CHAIN), *number = either(l, NUMBER_AUTHOR, NUMBER);
    bool polymer = !l->words[NUMBER].null || l->words[GROUP].null ||
                   (l->words[GROUP].length == 4 && memcmp(l->words[GROUP].bytes, "ATOM", 4) == 0);
    bool same_model = l->words[MODEL].length == l->model.length &&
                      memcmp(l->words[MODEL].bytes, l->model.bytes, l->model.length) == 0;
    mote_structure_atom atom = {.occupancy = 1, .at = name->at};
    if (!same_model || !polymer) {
        return MOTE_OK;
    }
    if (!mote_structure_integer(number->bytes, number->length, &atom.number)) {
        return bad_word(text, number, "a residue's number", tags[NUMBER_AUTHOR]);
    }
    for (int i = 0; i < 3; i++) {
        if (!parse_number(&l->words[X + i], &atom.position[i])) {
            return bad_word(text, &l->words[X + i], "a coordinate", tags[X + i]);
        }
    }
    if (!l->words[OCCUPANCY].null && !parse_number(&l->words[OCCUPANCY], &atom.occupancy)) {
        return bad_word(text, &l->words[OCCUPANCY], "an occupancy", tags[OCCUPANCY]);
    }
    if (!l->words[FACTOR].null && !parse_number(&l->words[FACTOR], &atom.factor)) {
        return bad_word(text, &l->words[FACTOR], "a B factor", tags[FACTOR]);
    }
    atom.name = name->bytes;
    atom.name_length = name->length;
    atom.residue = residue->bytes;
    atom.residue_length = residue->length;
    atom.chain = chain->bytes;
    atom.chain_length = chain->length;
    atom.insertion = l->words[INSERTION].null || l->words[INSERTION].length == 0 ? '\0' : *l->words[INSERTION].bytes;
    return mote_structure_add(builder, &atom);
}

/* Reads the tags from *at on; word becomes the first word behind them. */
static mote_status read_head(const mote_text_file *text, size_t *at, mote_cif_word *word, loop *l)
{
    bool has[ITEMS] = {false};
    size_t begin = word->at;
    mote_status status = MOTE_OK;
    for (; status == MOTE_OK && word->kind == MOTE_CIF_TAG; status = mote_cif_next(text, at, word)) {
        if (l->columns == TAGS_MAXIMUM) {
            return mote_text_file_bad(text, word->at, "a loop of more than %d columns", TAGS_MAXIMUM);
        }
        int which = -1;
        for (int i = 0; i < ITEMS; i++) {
            which = mote_cif_is_tag(word, tags[i]) ? i : which;
        }
        if (which >= 0) {
            has[which] = true;
        }
        l->item_of[l->columns++] = which;
    }
    for (int i = 0; i < ITEMS && status == MOTE_OK; i++) {
        bool pair = i == ATOM || i == RESIDUE || i == CHAIN || i == NUMBER;
        if (!has[i] && ((pair && !has[i - 1]) || i == X || i == Y || i == Z)) {
            status = mote_text_file_bad(text, begin, "expected a loop of atoms with %s, found none", tags[i]);
        }
        l->words[i] = (mote_cif_word){.kind = MOTE_CIF_VALUE, .bytes = "", .null = true, .at = begin};
    }
    return status;
}

static mote_status read_rows(const mote_text_file *text, size_t *at, mote_cif_word *word, loop *l,
                             mote_structure_builder *builder)
{
    mote_status status = MOTE_OK;
    size_t column = 0, row = 0;
    while (status == MOTE_OK && word->kind == MOTE_CIF_VALUE) {
        if (l->item_of[column] >= 0) {
            l->words[l->item_of[column]] = *word;
        }
        if (++column == l->columns) {
            l->model = row == 0 ? l->words[MODEL] : l->model;
            status = add_row(text, l, builder);
            column = 0;
            row++;
        }
        status = status == MOTE_OK ? mote_cif_next(text, at, word) : status;
    }
    if (status == MOTE_OK && column > 0) {
        status = mote_text_file_bad(text, mote_size_min(word->at, text->size),
                                    "row %zu of the loop of atoms ends after %zu of %zu values", row + 1, column,
                                    l->columns);
    }
    return status;
}

mote_status mote_structure_parse_mmcif(const mote_text_file *text, mote_structure_builder *builder)
{
    static const char category[] = "_atom_site.";
    size_t at = 0, blocks = 0;
    mote_cif_word word;
    bool in_loop = false;
    mote_status status = mote_cif_next(text, &at, &word);
    for (; status == MOTE_OK && word.kind != MOTE_CIF_END; status = mote_cif_next(text, &at, &word)) {
        blocks += word.kind == MOTE_CIF_DATA;
        if (blocks > 1) {
            break; /* one entry a file; others hold what belongs to it, if anything */
        }
        mote_cif_word head = word;
        head.length = mote_size_min(head.length, sizeof category - 1);
        if (in_loop && mote_cif_is_tag(&head, category)) {
            loop l = {0};
            status = read_head(text, &at, &word, &l);
            return status == MOTE_OK ? read_rows(text, &at, &word, &l, builder) : status;
        }
        in_loop = word.kind == MOTE_CIF_LOOP;
    }
    return status;
}
