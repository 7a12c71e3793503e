/* Structures of molecules as XYZ files: a line with the number of atoms, a line of comment, then a line for each atom
 * with its element and three coordinates; what follows on such a line is left out. Any number of structures. */
#ifndef MOTE_IO_XYZ_H
#define MOTE_IO_XYZ_H

#include "base/arena.h"

typedef struct mote_xyz_structure {
    size_t atoms;
    const char *comment;
    uint8_t *elements; /* [atoms]: atomic numbers */
    double *positions; /* [atoms, 3], as in the file */
    size_t line;       /* of the number of atoms, from 1 */
} mote_xyz_structure;

/* Reads all structures of path (plain or gzipped) into arena: [*count], at least one. Errors: MOTE_ERROR_FILE naming
 * file and line: no number of atoms, one that the rest of the file has no room for, an unknown element, a coordinate
 * that is not a finite number; as mote_text_file_read does; MOTE_ERROR_MEMORY. */
mote_status mote_xyz_read(mote_context *context, const char *path, mote_arena *arena, mote_xyz_structure **structures,
                          size_t *count);

/* The number behind "key=" in a comment. Errors: MOTE_ERROR_FILE naming path and line. */
mote_status mote_xyz_number(mote_context *context, const char *path, const mote_xyz_structure *structure,
                            const char *key, double *number);

#endif
