/* What the formats of structures share: atoms on their way from a file into residues, and checks before writing. */
#ifndef MOTE_IO_STRUCTURE_FORMAT_H
#define MOTE_IO_STRUCTURE_FORMAT_H

#include "io/structure.h"
#include "io/text_file.h"

/* One atom of a polymer as a file has it; texts lie in the file. */
typedef struct mote_structure_atom {
    const char *chain, *residue, *name;
    size_t chain_length, residue_length, name_length;
    int32_t number;
    char insertion;
    float position[3], occupancy, factor;
    size_t at; /* the record's offset, for messages */
} mote_structure_atom;

/* Residues as they grow. */
typedef struct mote_structure_builder mote_structure_builder;

/* Takes the next atom. Atoms of a residue follow one another. */
mote_status mote_structure_add(mote_structure_builder *builder, const mote_structure_atom *atom);

/* Parsers give every atom of the first model's polymers to the builder. */
mote_status mote_structure_parse_pdb(const mote_text_file *text, mote_structure_builder *builder);
mote_status mote_structure_parse_mmcif(const mote_text_file *text, mote_structure_builder *builder);

/* True if the text is an mmCIF file: its first word, behind comments, begins with "data_". */
bool mote_structure_is_mmcif(const mote_text_file *text);

/* A decimal number of length bytes, with a sign and an exponent if need be; false if it is none or not finite. */
bool mote_structure_number(const char *bytes, size_t length, float *number);

/* A whole number of length bytes that fits; false if it is none. */
bool mote_structure_integer(const char *bytes, size_t length, int32_t *number);

/* What both writers demand: an atom, types in range, finite numbers, and chains in order with residues in each. */
mote_status mote_structure_check(mote_context *context, const char *path, const mote_structure *structure);

#endif
