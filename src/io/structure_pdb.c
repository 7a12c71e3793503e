/* Reads PDB files, whose columns are all that tells their fields apart. */
#include <string.h>

#include "io/structure_format.h"

/* The columns of ATOM and HETATM records, from 1 to the last, as the format's description counts them. */
typedef struct columns {
    int first, last;
} columns;

static const columns atom_name = {13, 16}, residue_name = {18, 20}, chain_name = {22, 22}, residue_number = {23, 26},
                     insertion_code = {27, 27}, coordinates[3] = {{31, 38}, {39, 46}, {47, 54}}, occupancy = {55, 60},
                     factor = {61, 66};

/* A line without its end. */
typedef struct line {
    const char *bytes;
    size_t length, at;
} line;

/* A field without blanks around it; empty behind the end of the line. */
static const char *field(const line *l, columns c, size_t *length)
{
    size_t begin = mote_size_min((size_t)c.first - 1, l->length), end = mote_size_min((size_t)c.last, l->length);
    while (begin < end && mote_is_blank((uint8_t)l->bytes[begin])) {
        begin++;
    }
    while (end > begin && mote_is_blank((uint8_t)l->bytes[end - 1])) {
        end--;
    }
    *length = end - begin;
    return l->bytes + begin;
}

static mote_status bad_field(const mote_text_file *text, const line *l, columns c, const char *what)
{
    size_t length;
    const char *found = field(l, c, &length);
    char shown[16] = {0};
    for (size_t i = 0; i < length && i < sizeof shown - 1; i++) {
        shown[i] = found[i] >= ' ' && found[i] < 0x7F ? found[i] : '?';
    }
    return mote_text_file_bad(text, l->at + mote_size_min((size_t)c.first - 1, l->length),
                              "expected %s in columns %d to %d, found '%s'", what, c.first, c.last, shown);
}

/* A number, or other where the field is blank. */
static bool optional_number(const line *l, columns c, float other, float *number)
{
    size_t length;
    const char *bytes = field(l, c, &length);
    *number = other;
    return length == 0 || mote_structure_number(bytes, length, number);
}

static mote_status parse_atom(const mote_text_file *text, const line *l, mote_structure_atom *atom)
{
    size_t length;
    *atom = (mote_structure_atom){.at = l->at};
    atom->name = field(l, atom_name, &atom->name_length);
    atom->residue = field(l, residue_name, &atom->residue_length);
    atom->chain = field(l, chain_name, &atom->chain_length);
    const char *bytes = field(l, residue_number, &length);
    if (!mote_structure_integer(bytes, length, &atom->number)) {
        return bad_field(text, l, residue_number, "a residue's number");
    }
    bytes = field(l, insertion_code, &length);
    atom->insertion = length ? *bytes : '\0';
    for (int i = 0; i < 3; i++) {
        bytes = field(l, coordinates[i], &length);
        if (!mote_structure_number(bytes, length, &atom->position[i])) {
            return bad_field(text, l, coordinates[i], "a coordinate");
        }
    }
    if (!optional_number(l, occupancy, 1, &atom->occupancy)) {
        return bad_field(text, l, occupancy, "an occupancy");
    }
    return optional_number(l, factor, 0, &atom->factor) ? MOTE_OK : bad_field(text, l, factor, "a B factor");
}

static bool is_record(const line *l, const char *name)
{
    size_t length = strlen(name);
    if (l->length < length || memcmp(l->bytes, name, length) != 0) {
        return false;
    }
    for (size_t i = length; i < 6 && i < l->length; i++) {
        if (l->bytes[i] != ' ') {
            return false;
        }
    }
    return true;
}

/* The next line from *at on. */
static line next_line(const mote_text_file *text, size_t *at)
{
    const uint8_t *begin = text->bytes + *at, *newline = memchr(begin, '\n', text->size - *at);
    line l = {(const char *)begin, newline ? (size_t)(newline - begin) : text->size - *at, *at};
    *at += l.length + 1;
    while (l.length > 0 && mote_is_blank((uint8_t)l.bytes[l.length - 1])) {
        l.length--;
    }
    return l;
}

mote_status mote_structure_parse_pdb(const mote_text_file *text, mote_structure_builder *builder)
{
    bool ended[256] = {false}; /* chains behind their TER */
    uint8_t last = ' ';
    for (size_t at = 0; at < text->size;) {
        line l = next_line(text, &at);
        bool hetero = is_record(&l, "HETATM");
        if (is_record(&l, "ENDMDL") || is_record(&l, "END")) {
            break;
        }
        uint8_t chain = l.length >= (size_t)chain_name.first ? (uint8_t)l.bytes[chain_name.first - 1] : last;
        if (is_record(&l, "TER")) {
            ended[chain] = true;
        }
        if (!hetero && !is_record(&l, "ATOM")) {
            continue;
        }
        mote_structure_atom atom;
        mote_status status = parse_atom(text, &l, &atom);
        if (status == MOTE_OK && !(hetero && ended[chain])) {
            status = mote_structure_add(builder, &atom);
        }
        if (status != MOTE_OK) {
            return status;
        }
        last = chain;
    }
    return MOTE_OK;
}
