/* Reading SMILES, from left to right, without recursion. */
#include "io/smiles.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/elements.h"
#include "io/smiles_graph.h"

enum { NONE = UINT32_MAX, RINGS = 100 };

/* An open ring bond; written: its order, 0 where nothing stands. */
typedef struct opening {
    uint32_t atom;
    uint8_t written;
    size_t at;
} opening;

typedef struct reader {
    mote_context *context;
    const char *place, *text;
    size_t length, at;
    mote_molecule *molecule;
    uint32_t *branches; /* [depth]: atoms to return to */
    size_t *branches_at;
    size_t depth;
    opening rings[RINGS]; /* atom NONE: not open */
    uint32_t previous;    /* atom that the next one is bonded to, or NONE */
    uint8_t written;      /* order of the bond symbol in front, 0: none */
    bool may_close;       /* ring numbers may follow */
    bool begun;           /* an atom must follow: begin of a branch, behind a dot, or of the text */
} reader;

__attribute__((format(printf, 3, 4))) static mote_status bad(const reader *r, size_t at, const char *format, ...)
{
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return mote_fail(r->context, MOTE_ERROR_FILE, "%s, column %zu: %s", r->place, at + 1, what);
}

/* What stands at the reader's place, for messages. */
static const char *found(const reader *r, char shown[16])
{
    const uint8_t byte = r->at < r->length ? (uint8_t)r->text[r->at] : 0;
    if (r->at >= r->length) {
        return "the end";
    }
    snprintf(shown, 16, byte > ' ' && byte < 127 ? "'%c'" : "byte 0x%02X", byte);
    return shown;
}

static char peek(const reader *r) { return (char)(r->at < r->length ? r->text[r->at] : '\0'); }

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool take(reader *r, char c)
{
    bool there = r->at < r->length && r->text[r->at] == c;
    r->at += there;
    return there;
}

/* Up to most digits; -1 where there is none. */
static int number(reader *r, int most)
{
    int value = digit(peek(r)) ? 0 : -1;
    for (int i = 0; i < most && digit(peek(r)); i++) {
        value = value * 10 + (r->text[r->at++] - '0');
    }
    return value;
}

/* ---- bonds ---- */

static uint8_t default_order(const reader *r, uint32_t a, uint32_t b)
{
    const mote_smiles_atom *atoms = r->molecule->atoms;
    return atoms[a].aromatic && atoms[b].aromatic ? MOTE_SMILES_UNWRITTEN : MOTE_BOND_SINGLE;
}

static void bond(reader *r, uint32_t a, uint32_t b, uint8_t written)
{
    mote_smiles_bond *made = &r->molecule->bonds[r->molecule->bond_count++];
    *made = (mote_smiles_bond){{a < b ? a : b, a < b ? b : a}, written ? written : default_order(r, a, b), false};
}

static mote_status close_ring(reader *r, int ring, size_t at)
{
    opening *open = &r->rings[ring];
    if (open->atom == NONE) {
        *open = (opening){r->previous, r->written, at};
        r->written = 0;
        return MOTE_OK;
    }
    if (open->written && r->written && open->written != r->written) {
        return bad(r, at, "expected ring %d to close with the bond it was opened with at column %zu", ring,
                   open->at + 1);
    }
    if (open->atom == r->previous) {
        return bad(r, at, "expected ring %d to close at another atom than it was opened at", ring);
    }
    for (size_t i = 0; i < r->molecule->bond_count; i++) {
        const uint32_t *atoms = r->molecule->bonds[i].atoms;
        if ((atoms[0] == open->atom && atoms[1] == r->previous) ||
            (atoms[1] == open->atom && atoms[0] == r->previous)) {
            return bad(r, at, "ring %d: expected atoms that are not bonded already", ring);
        }
    }
    bond(r, open->atom, r->previous, open->written ? open->written : r->written);
    open->atom = NONE;
    r->written = 0;
    return MOTE_OK;
}

static mote_status read_ring(reader *r)
{
    const size_t at = r->at;
    char shown[16];
    int ring;
    if (!r->may_close) {
        return bad(r, at, "expected an atom in front of a ring number");
    }
    if (take(r, '%')) {
        const size_t digits = r->at;
        ring = number(r, 2);
        if (r->at != digits + 2) {
            return bad(r, r->at, "expected two digits behind '%%', found %s", found(r, shown));
        }
    } else {
        ring = number(r, 1);
    }
    return close_ring(r, ring, at);
}

/* ---- atoms ---- */

static mote_status put(reader *r, mote_smiles_atom atom)
{
    mote_molecule *m = r->molecule;
    const uint32_t index = (uint32_t)m->atom_count++;
    m->atoms[index] = atom;
    if (r->previous != NONE) {
        bond(r, r->previous, index, r->written);
    }
    r->previous = index;
    r->written = 0;
    r->may_close = true;
    r->begun = false;
    return MOTE_OK;
}

/* Symbols outside of brackets, whose hydrogens are not written: the organic subset. */
static mote_status read_organic(reader *r)
{
    static const char *const symbols[] = {"Cl", "Br", "B", "C", "N", "O", "P", "S", "F",
                                          "I",  "b",  "c", "n", "o", "p", "s", "*"};
    char shown[16];
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        const size_t length = strlen(symbols[i]);
        if (r->length - r->at >= length && memcmp(r->text + r->at, symbols[i], length) == 0) {
            const char upper[2] = {(char)(symbols[i][0] & ~0x20), symbols[i][1]};
            const bool any = symbols[i][0] == '*';
            r->at += length;
            return put(r, (mote_smiles_atom){.element = any ? 0 : (uint8_t)mote_element_find(upper, length),
                                             .hydrogens = any ? 0 : MOTE_SMILES_IMPLICIT,
                                             .aromatic = symbols[i][0] >= 'a'});
        }
    }
    return bad(r, r->at, "expected an atom, a bond, a branch or a ring number, found %s", found(r, shown));
}

static mote_status read_symbol(reader *r, mote_smiles_atom *atom)
{
    static const char *const aromatic[] = {"se", "as", "te", "b", "c", "n", "o", "p", "s"};
    char shown[16];
    size_t length;
    if (take(r, '*')) {
        return MOTE_OK;
    }
    for (size_t i = 0; i < sizeof aromatic / sizeof *aromatic; i++) {
        length = strlen(aromatic[i]);
        if (r->length - r->at >= length && memcmp(r->text + r->at, aromatic[i], length) == 0) {
            const char symbol[2] = {(char)(aromatic[i][0] & ~0x20), aromatic[i][1]};
            atom->element = (uint8_t)mote_element_find(symbol, length);
            atom->aromatic = true;
            r->at += length;
            return MOTE_OK;
        }
    }
    atom->element = (uint8_t)mote_element_begin(r->text + r->at, r->length - r->at, &length);
    if (atom->element == 0) {
        return bad(r, r->at, "expected an element, found %s", found(r, shown));
    }
    r->at += length;
    return MOTE_OK;
}

/* '@', '@@' or '@TH1': nothing of it is kept. */
static void skip_chirality(reader *r)
{
    static const char *const classes[] = {"TH", "AL", "SP", "TB", "OH"};
    if (!take(r, '@') || take(r, '@')) {
        return;
    }
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (r->length - r->at > 2 && memcmp(r->text + r->at, classes[i], 2) == 0 && digit(r->text[r->at + 2])) {
            r->at += 2;
            number(r, 2);
            return;
        }
    }
}

static mote_status read_charge(reader *r, mote_smiles_atom *atom)
{
    const size_t at = r->at;
    const char sign = peek(r);
    if (sign != '+' && sign != '-') {
        return MOTE_OK;
    }
    int size = 0;
    while (size <= 15 && take(r, sign)) {
        size++;
    }
    const int written = size == 1 ? number(r, 3) : -1;
    size = written >= 0 ? written : size;
    if (size > 15) {
        return bad(r, at, "expected a charge of at most 15");
    }
    atom->charge = (int8_t)(sign == '+' ? size : -size);
    return MOTE_OK;
}

static mote_status read_bracket(reader *r)
{
    const size_t at = r->at++;
    char shown[16];
    mote_smiles_atom atom = {0};
    number(r, 3); /* the isotope */
    mote_status status = read_symbol(r, &atom);
    skip_chirality(r);
    if (status == MOTE_OK && take(r, 'H')) {
        const int count = number(r, 1);
        atom.hydrogens = (uint8_t)(count < 0 ? 1 : count);
    }
    status = status == MOTE_OK ? read_charge(r, &atom) : status;
    if (status == MOTE_OK && take(r, ':') && number(r, 4) < 0) {
        status = bad(r, r->at, "expected a number behind ':', found %s", found(r, shown));
    }
    if (status == MOTE_OK && !take(r, ']')) {
        status = bad(r, r->at, "expected ']' for the '[' at column %zu, found %s", at + 1, found(r, shown));
    }
    return status == MOTE_OK ? put(r, atom) : status;
}

/* ---- the walk ---- */

static mote_status open_branch(reader *r)
{
    if (r->previous == NONE || r->begun || r->written) {
        return bad(r, r->at, "expected an atom in front of '('");
    }
    r->branches[r->depth] = r->previous;
    r->branches_at[r->depth++] = r->at++;
    r->begun = true;
    r->may_close = false;
    return MOTE_OK;
}

static mote_status close_branch(reader *r)
{
    if (r->depth == 0) {
        return bad(r, r->at, "expected no ')' where no branch is open");
    }
    if (r->begun || r->written) {
        return bad(r, r->at, "expected an atom, found ')'");
    }
    r->previous = r->branches[--r->depth];
    r->may_close = true; /* not in the grammar, but files have it and toolkits read it */
    r->at++;
    return MOTE_OK;
}

static mote_status read_dot(reader *r)
{
    const bool branch = r->begun && r->depth > 0 && r->text[r->at - 1] == '(';
    if ((r->begun && !branch) || r->written) {
        return bad(r, r->at, "expected an atom, found '.'");
    }
    r->previous = NONE;
    r->begun = true;
    r->may_close = false;
    r->at++;
    return MOTE_OK;
}

static mote_status read_bond(reader *r, uint8_t order)
{
    if (r->written || r->previous == NONE) {
        return bad(r, r->at, "expected an atom, found the bond '%c'", r->text[r->at]);
    }
    r->written = order;
    r->at++;
    return MOTE_OK;
}

static mote_status read_next(reader *r)
{
    const char c = r->text[r->at];
    switch (c) {
    case '(': return open_branch(r);
    case ')': return close_branch(r);
    case '[': return read_bracket(r);
    case '.': return read_dot(r);
    case '-':
    case '/':
    case '\\': return read_bond(r, MOTE_BOND_SINGLE);
    case '=': return read_bond(r, MOTE_BOND_DOUBLE);
    case '#': return read_bond(r, MOTE_BOND_TRIPLE);
    case '$': return read_bond(r, MOTE_BOND_QUADRUPLE);
    case ':': return read_bond(r, MOTE_BOND_AROMATIC);
    default: return digit(c) || c == '%' ? read_ring(r) : read_organic(r);
    }
}

static mote_status read_all(reader *r)
{
    while (r->at < r->length) {
        mote_status status = read_next(r);
        if (status != MOTE_OK) {
            return status;
        }
    }
    if (r->written || r->begun) {
        return bad(r, r->at, "expected an atom, found the end");
    }
    if (r->depth > 0) {
        return bad(r, r->branches_at[r->depth - 1], "expected ')' for this '(', found none");
    }
    for (int i = 0; i < RINGS; i++) {
        if (r->rings[i].atom != NONE) {
            return bad(r, r->rings[i].at, "expected a second ring number %d, found none", i);
        }
    }
    return MOTE_OK;
}

static mote_molecule *create(mote_context *context, size_t most)
{
    mote_molecule *m = mote_allocate(context, sizeof *m);
    if (m) {
        *m = (mote_molecule){.atoms = mote_allocate_array(context, most, sizeof *m->atoms),
                             .bonds = mote_allocate_array(context, most, sizeof *m->bonds),
                             .first = mote_allocate_array(context, most + 1, sizeof *m->first),
                             .incident = mote_allocate_array(context, 2 * most, sizeof *m->incident)};
        if (!m->atoms || !m->bonds || !m->first || !m->incident) {
            mote_molecule_free(context, m);
            m = NULL;
        }
    }
    return m;
}

mote_status mote_smiles_read(mote_context *context, const char *place, const char *text, size_t length,
                             mote_molecule **molecule)
{
    reader r = {.context = context, .place = place, .text = text, .length = length, .previous = NONE, .begun = true};
    *molecule = NULL;
    while (r.length > 0 && strchr(" \t\r\n", text[r.length - 1]) && text[r.length - 1]) {
        r.length--;
    }
    if (r.length > MOTE_SMILES_BYTES) {
        return bad(&r, MOTE_SMILES_BYTES, "expected at most %d bytes, found %zu", MOTE_SMILES_BYTES, r.length);
    }
    for (int i = 0; i < RINGS; i++) {
        r.rings[i].atom = NONE;
    }
    r.molecule = create(context, r.length + 1); /* an atom or a bond takes a byte */
    r.branches = mote_allocate_array(context, r.length + 1, sizeof *r.branches);
    r.branches_at = mote_allocate_array(context, r.length + 1, sizeof *r.branches_at);
    mote_status status = r.molecule && r.branches && r.branches_at ? read_all(&r) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? mote_molecule_finish(context, r.molecule) : status;
    mote_release(context, r.branches);
    mote_release(context, r.branches_at);
    if (status == MOTE_OK) {
        *molecule = r.molecule;
    } else {
        mote_molecule_free(context, r.molecule);
    }
    return status;
}

void mote_molecule_free(mote_context *context, mote_molecule *molecule)
{
    if (molecule) {
        mote_release(context, molecule->atoms);
        mote_release(context, molecule->bonds);
        mote_release(context, molecule->first);
        mote_release(context, molecule->incident);
        mote_release(context, molecule);
    }
}
