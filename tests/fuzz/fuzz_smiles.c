/* The reader of SMILES against arbitrary bytes: read twice, both times the same way; what is read must be what the
 * header promises. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "io/elements.h"
#include "io/smiles.h"

static uint64_t digest_of(const mote_molecule *m, size_t size)
{
    uint64_t digest = m->atom_count * 31 + m->bond_count;
    demand(m->atom_count > 0 && m->atom_count <= size && m->bond_count <= size, "more than the text has room for");
    demand(m->first[0] == 0 && m->first[m->atom_count] == 2 * m->bond_count, "bonds that are not listed");
    for (uint32_t i = 0; i < m->atom_count; i++) {
        const mote_smiles_atom *a = &m->atoms[i];
        demand(a->element <= MOTE_ELEMENTS && a->hydrogens <= 9 && abs(a->charge) <= 15, "an atom out of range");
        bool ring = false;
        for (uint32_t k = m->first[i]; k < m->first[i + 1]; k++) {
            demand(m->incident[k] < m->bond_count, "a bond out of range");
            const mote_smiles_bond *bond = &m->bonds[m->incident[k]];
            demand(bond->atoms[0] == i || bond->atoms[1] == i, "a bond of another atom");
            ring = ring || bond->ring;
        }
        demand(ring == a->ring, "an atom that is in a ring without its bonds");
        const int fields[] = {a->element, a->hydrogens, a->charge, a->aromatic, a->ring};
        digest = fuzz_digest(digest, fields, sizeof fields);
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        const mote_smiles_bond *bond = &m->bonds[b];
        demand(bond->atoms[0] < bond->atoms[1] && bond->atoms[1] < m->atom_count, "a bond of no two atoms");
        demand(bond->order >= MOTE_BOND_SINGLE && bond->order <= MOTE_BOND_AROMATIC, "an order that is none");
        const uint32_t fields[] = {bond->atoms[0], bond->atoms[1], bond->order, bond->ring};
        digest = fuzz_digest(digest, fields, sizeof fields);
    }
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    uint64_t digests[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        mote_molecule *m;
        mote_status status = mote_smiles_read(context, "the text", (const char *)data, size, &m);
        demand((status == MOTE_OK) == (m != NULL), "a status that does not fit the molecule");
        demand_message(context, status);
        digests[i] = m ? digest_of(m, size) : 0;
        mote_molecule_free(context, m);
    }
    demand(digests[0] == digests[1], "the same bytes were read in two ways");
    return 0;
}
