/* Writes PDB files, and says where the format ends. */
#include <string.h>

#include "io/structure_format.h"
#include "io/text_writer.h"

enum { SERIAL_MAXIMUM = 99999, NUMBER_MINIMUM = -999, NUMBER_MAXIMUM = 9999 };

/* What rounds to more does not fit into eight columns of three decimals, or six of two. */
static const float coordinate_minimum = -999.999f, coordinate_maximum = 9999.999f, factor_minimum = -99.99f,
                   factor_maximum = 999.99f;

#define ROOM "; mmCIF has room for it"

/* Fails where a chain or residue does not fit. */
static mote_status check_residues(mote_context *context, const char *path, const mote_structure *s)
{
    for (size_t i = 0; i < s->chain_count; i++) {
        if (strlen(s->chain_names[i]) != 1 || *s->chain_names[i] <= ' ' || *s->chain_names[i] >= 0x7F) {
            return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                             "%s: chain '%.60s': PDB files have chain names of one letter" ROOM, path,
                             s->chain_names[i]);
        }
    }
    for (size_t i = 0; i < s->residues; i++) {
        if (s->numbers[i] < NUMBER_MINIMUM || s->numbers[i] > NUMBER_MAXIMUM) {
            return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                             "%s: residue number %d: PDB files have numbers from %d to %d" ROOM, path, s->numbers[i],
                             NUMBER_MINIMUM, NUMBER_MAXIMUM);
        }
    }
    return MOTE_OK;
}

/* Fails where an atom does not fit. */
static mote_status check_atoms(mote_context *context, const char *path, const mote_structure *s)
{
    size_t serials = s->chain_count; /* TER records have theirs */
    for (size_t i = 0; i < s->residues * MOTE_ATOM_COUNT; i++) {
        const float *p = s->positions + 3 * i;
        bool fits =
            s->factors[i / MOTE_ATOM_COUNT] >= factor_minimum && s->factors[i / MOTE_ATOM_COUNT] <= factor_maximum;
        for (int k = 0; k < 3; k++) {
            fits = fits && p[k] >= coordinate_minimum && p[k] <= coordinate_maximum;
        }
        if (s->mask[i] && !fits) {
            return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                             "%s: residue %zu, atom %s: PDB files have coordinates from -999.999 to 9999.999 and "
                             "B factors from -99.99 to 999.99" ROOM,
                             path, i / MOTE_ATOM_COUNT + 1, mote_atom_name((int)(i % MOTE_ATOM_COUNT)));
        }
        serials += s->mask[i];
    }
    return serials <= SERIAL_MAXIMUM ? MOTE_OK
                                     : mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                                                 "%s: %zu atoms and ends of chains: PDB files have at most %d" ROOM,
                                                 path, serials, SERIAL_MAXIMUM);
}

static char insertion_of(const mote_structure *s, size_t i) { return s->insertions[i] ? s->insertions[i] : ' '; }

static void put_residue(mote_text_writer *w, const mote_structure *s, size_t i, size_t *serial)
{
    char x[MOTE_FIXED_BYTES], y[MOTE_FIXED_BYTES], z[MOTE_FIXED_BYTES], factor[MOTE_FIXED_BYTES];
    mote_text_fixed(s->factors[i], 2, factor);
    for (int a = 0; a < MOTE_ATOM_COUNT; a++) {
        const float *p = s->positions + (i * MOTE_ATOM_COUNT + (size_t)a) * 3;
        if (s->mask[i * MOTE_ATOM_COUNT + (size_t)a]) {
            /* names begin in column 14: elements of one letter stand right-aligned in 13 and 14 */
            mote_text_writer_put(w, "ATOM  %5zu  %-3s %3s %s%4d%c   %8s%8s%8s  1.00%6s          %2.1s  \n", ++*serial,
                                 mote_atom_name(a), mote_residue_name(s->types[i]), s->chain_names[s->chains[i]],
                                 s->numbers[i], insertion_of(s, i), mote_text_fixed(p[0], 3, x),
                                 mote_text_fixed(p[1], 3, y), mote_text_fixed(p[2], 3, z), factor, mote_atom_name(a));
        }
    }
    if (i + 1 == s->residues || s->chains[i + 1] != s->chains[i]) {
        mote_text_writer_put(w, "TER   %5zu      %3s %s%4d%c%53s\n", ++*serial, mote_residue_name(s->types[i]),
                             s->chain_names[s->chains[i]], s->numbers[i], insertion_of(s, i), "");
    }
}

mote_status mote_structure_write_pdb(mote_context *context, const char *path, const mote_structure *structure)
{
    mote_text_writer w;
    size_t serial = 0;
    mote_status status = mote_structure_check(context, path, structure);
    status = status == MOTE_OK ? check_residues(context, path, structure) : status;
    status = status == MOTE_OK ? check_atoms(context, path, structure) : status;
    status = status == MOTE_OK ? mote_text_writer_create(context, path, &w) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_text_writer_put(&w, "%-80s\n", "MODEL        1");
    for (size_t i = 0; i < structure->residues; i++) {
        put_residue(&w, structure, i, &serial);
    }
    mote_text_writer_put(&w, "%-80s\n%-80s\n", "ENDMDL", "END");
    return mote_text_writer_finish(&w);
}
