/* Alignments: the table of formats, the text they are read from, and the rows they fill. */
#include "io/alignment.h"

#include <string.h>

#include "io/alignment_format.h"
#include "io/format.h"

static const mote_alignment_kind *const kinds[] = {&mote_alignment_stockholm, &mote_alignment_records};

enum { KINDS = sizeof kinds / sizeof kinds[0], DELETIONS_MAXIMUM = UINT16_MAX };

static const char letters[] = "ACDEFGHIKLMNPQRSTVWYX-", types[] = "ARNDCQEGHILKMFPSTWYVX-";

/* Where everything of an alignment lies. */
struct mote_alignment_memory {
    mote_context *context;
    mote_arena arena;
};

/* ---- residues ---- */

uint8_t mote_residue_code(uint8_t letter)
{
    /* the code and one: what is not here has none */
    static const uint8_t codes[256] = {
        ['A'] = 1,  ['a'] = 1,  ['B'] = 3,  ['b'] = 3,  ['C'] = 2,  ['c'] = 2,  ['D'] = 3,  ['d'] = 3,
        ['E'] = 4,  ['e'] = 4,  ['F'] = 5,  ['f'] = 5,  ['G'] = 6,  ['g'] = 6,  ['H'] = 7,  ['h'] = 7,
        ['I'] = 8,  ['i'] = 8,  ['J'] = 21, ['j'] = 21, ['K'] = 9,  ['k'] = 9,  ['L'] = 10, ['l'] = 10,
        ['M'] = 11, ['m'] = 11, ['N'] = 12, ['n'] = 12, ['O'] = 21, ['o'] = 21, ['P'] = 13, ['p'] = 13,
        ['Q'] = 14, ['q'] = 14, ['R'] = 15, ['r'] = 15, ['S'] = 16, ['s'] = 16, ['T'] = 17, ['t'] = 17,
        ['U'] = 2,  ['u'] = 2,  ['V'] = 18, ['v'] = 18, ['W'] = 19, ['w'] = 19, ['X'] = 21, ['x'] = 21,
        ['Y'] = 20, ['y'] = 20, ['Z'] = 4,  ['z'] = 4,  ['-'] = 22, ['.'] = 22, ['~'] = 22, ['_'] = 22,
    };
    return (uint8_t)(codes[letter] - 1);
}

char mote_residue_letter(uint8_t code) { return letters[code]; }

uint8_t mote_residue_type(uint8_t code) { return (uint8_t)(strchr(types, letters[code]) - types); }

/* ---- names ---- */

const char *mote_alignment_name(const mote_text_file *text, const uint8_t *name, size_t length)
{
    while (length > 0 && mote_is_blank(name[length - 1])) {
        length--;
    }
    while (length > 0 && mote_is_blank(*name)) {
        name++;
        length--;
    }
    char *copy = mote_arena_string(text->context, text->arena, (const char *)name, length);
    for (size_t i = 0; copy && i < length; i++) {
        copy[i] = (copy[i] >= ' ' && copy[i] < 0x7F) || copy[i] == '\t' ? copy[i] : '?';
    }
    return copy;
}

/* ---- rows ---- */

mote_status mote_alignment_reserve(const mote_text_file *text, size_t rows, size_t columns, mote_alignment *alignment)
{
    size_t count, bytes;
    if (columns > MOTE_ALIGNMENT_COLUMNS_MAXIMUM || rows > MOTE_ALIGNMENT_ROWS_MAXIMUM) {
        return mote_bad_path(text->context, text->path,
                             "%zu rows of %zu columns: at most %d rows of %d columns are read", rows, columns,
                             MOTE_ALIGNMENT_ROWS_MAXIMUM, MOTE_ALIGNMENT_COLUMNS_MAXIMUM);
    }
    if (!mote_size_multiply(rows, columns, &count) || !mote_size_multiply(count, sizeof(uint16_t), &bytes)) {
        return mote_fail(text->context, MOTE_ERROR_MEMORY, "%s: no memory for %zu rows of %zu columns", text->path,
                         rows, columns);
    }
    mote_alignment_chain *chain = mote_arena_allocate(text->context, text->arena, sizeof *chain);
    alignment->names = mote_arena_allocate(text->context, text->arena, rows * sizeof *alignment->names);
    alignment->query = mote_arena_allocate(text->context, text->arena, columns + 1);
    alignment->codes = mote_arena_allocate(text->context, text->arena, count);
    alignment->deletions = mote_arena_allocate(text->context, text->arena, bytes);
    if (!chain || !alignment->names || !alignment->query || !alignment->codes || !alignment->deletions) {
        return MOTE_ERROR_MEMORY;
    }
    *chain = (mote_alignment_chain){"", columns, 1};
    alignment->chains = chain;
    alignment->chain_count = 1;
    alignment->rows = rows;
    alignment->columns = columns;
    return MOTE_OK;
}

void mote_alignment_begin(mote_alignment_row *r, size_t row)
{
    r->row = row;
    r->aligned = r->column = r->deletions = 0;
}

mote_status mote_alignment_insert(mote_alignment_row *r, size_t at)
{
    if (r->deletions == DELETIONS_MAXIMUM) {
        return mote_text_file_bad(r->text, at, "an insertion of more than %d residues", DELETIONS_MAXIMUM);
    }
    r->deletions++;
    return MOTE_OK;
}

mote_status mote_alignment_put(mote_alignment_row *r, uint8_t letter, size_t at)
{
    uint8_t code = mote_residue_code(letter);
    if (!r->kept[r->aligned++]) {
        return code == MOTE_RESIDUE_GAP ? MOTE_OK : mote_alignment_insert(r, at);
    }
    mote_alignment *alignment = r->alignment;
    size_t place = r->row * alignment->columns + r->column;
    alignment->codes[place] = code;
    alignment->deletions[place] = (uint16_t)r->deletions;
    r->deletions = 0;
    if (r->row == 0) {
        char *query = (char *)alignment->query;
        query[r->column] = (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
        query[r->column + 1] = '\0';
    }
    r->column++;
    return MOTE_OK;
}

/* ---- the file ---- */

static mote_status parse(const mote_text_file *text, mote_alignment *alignment)
{
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i]->matches(text)) {
            return kinds[i]->parse(text, alignment);
        }
    }
    size_t at = 0;
    char shown[32];
    while (at < text->size && mote_is_blank(text->bytes[at])) {
        at++;
    }
    if (at == text->size) {
        return mote_bad_path(text->context, text->path, "expected an alignment, found an empty file");
    }
    return mote_text_file_bad(text, at, "expected an alignment ('>' of A3M and FASTA, or '# STOCKHOLM 1.0'), found %s",
                              mote_text_file_byte(text->bytes[at], shown));
}

mote_status mote_alignment_read(mote_context *context, const char *path, mote_alignment **read)
{
    uint8_t *bytes;
    size_t size;
    *read = NULL;
    mote_status status = mote_text_file_read(context, path, &bytes, &size);
    struct mote_alignment_memory *memory = status == MOTE_OK ? mote_allocate(context, sizeof *memory) : NULL;
    if (!memory) {
        mote_release(context, bytes);
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    *memory = (struct mote_alignment_memory){.context = context};
    mote_alignment *alignment = mote_arena_allocate(context, &memory->arena, sizeof *alignment);
    if (!alignment) {
        mote_release(context, bytes);
        mote_release(context, memory);
        return MOTE_ERROR_MEMORY;
    }
    *alignment = (mote_alignment){.memory = memory};
    mote_text_file text = {context, path, &memory->arena, bytes, size};
    status = parse(&text, alignment);
    mote_release(context, bytes);
    if (status != MOTE_OK) {
        mote_alignment_free(alignment);
        return status;
    }
    *read = alignment;
    return MOTE_OK;
}

void mote_alignment_free(mote_alignment *alignment)
{
    if (alignment) {
        struct mote_alignment_memory *memory = alignment->memory;
        mote_arena_clear(memory->context, &memory->arena);
        mote_release(memory->context, memory);
    }
}
