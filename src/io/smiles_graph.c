/* Bonds of atoms, cycles and hydrogens of a molecule. */
#include "io/smiles_graph.h"

static void list_bonds(mote_molecule *m)
{
    for (size_t i = 0; i <= m->atom_count; i++) {
        m->first[i] = 0;
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        m->first[m->bonds[b].atoms[0]]++;
        m->first[m->bonds[b].atoms[1]]++;
    }
    uint32_t end = 0; /* first[i] becomes the end of i's bonds, and goes down to their begin as they are put */
    for (size_t i = 0; i <= m->atom_count; i++) {
        end += m->first[i];
        m->first[i] = end;
    }
    for (size_t b = m->bond_count; b-- > 0;) {
        m->incident[--m->first[m->bonds[b].atoms[0]]] = (uint32_t)b;
        m->incident[--m->first[m->bonds[b].atoms[1]]] = (uint32_t)b;
    }
}

/* A walk in depth, without recursion. */
typedef struct walk {
    uint32_t seen;   /* when the atom was seen, from 1; 0: not yet */
    uint32_t lowest; /* the earliest atom that it and what hangs below it are bonded to */
    uint32_t next;   /* place in incident */
    uint32_t from;   /* the bond that led to it */
} walk;

/* A bond is part of no cycle where nothing below it is bonded to anything above it (Tarjan, Inf. Process. Lett. 2
 * (1974) 160). */
static void walk_from(mote_molecule *m, uint32_t root, walk *w, uint32_t *stack, uint32_t *clock)
{
    size_t depth = 1;
    stack[0] = root;
    w[root] = (walk){++*clock, *clock, m->first[root], UINT32_MAX};
    while (depth > 0) {
        const uint32_t a = stack[depth - 1];
        if (w[a].next < m->first[a + 1]) {
            const uint32_t b = m->incident[w[a].next++], other = mote_bond_other(&m->bonds[b], a);
            if (b == w[a].from) {
                continue;
            }
            if (w[other].seen == 0) {
                w[other] = (walk){++*clock, *clock, m->first[other], b};
                stack[depth++] = other;
            } else if (w[other].seen < w[a].lowest) {
                w[a].lowest = w[other].seen;
            }
            continue;
        }
        if (--depth > 0) {
            const uint32_t above = stack[depth - 1];
            m->bonds[w[a].from].ring = w[a].lowest <= w[above].seen;
            w[above].lowest = w[a].lowest < w[above].lowest ? w[a].lowest : w[above].lowest;
        }
    }
}

/* Bonds of the walk got their answer there; each of the others closes a cycle. */
static mote_status find_rings(mote_context *context, mote_molecule *m)
{
    walk *w = mote_allocate_array(context, m->atom_count, sizeof *w);
    uint32_t *stack = mote_allocate_array(context, m->atom_count, sizeof *stack), clock = 0;
    const bool made = w && stack;
    for (size_t i = 0; made && i < m->atom_count; i++) {
        w[i].seen = 0;
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        m->bonds[b].ring = true;
    }
    for (uint32_t i = 0; made && i < m->atom_count; i++) {
        if (w[i].seen == 0) {
            walk_from(m, i, w, stack, &clock);
        }
    }
    mote_release(context, w);
    mote_release(context, stack);
    return made ? MOTE_OK : MOTE_ERROR_MEMORY;
}

/* What the lowest normal valence leaves (OpenSMILES 3.1.5); aromatic atoms have one bond more than is written and the
 * first valence alone. */
static uint8_t hydrogens_of(const mote_molecule *m, uint32_t atom)
{
    static const struct {
        uint8_t element, valences[3];
    } normal[] = {{5, {3}},        {6, {4}}, {7, {3, 5}}, {8, {2}},  {15, {3, 5}},
                  {16, {2, 4, 6}}, {9, {1}}, {17, {1}},   {35, {1}}, {53, {1}}};
    const mote_smiles_atom *a = &m->atoms[atom];
    unsigned sum = a->aromatic;
    for (uint32_t i = m->first[atom]; i < m->first[atom + 1]; i++) {
        const uint8_t order = m->bonds[m->incident[i]].order;
        sum += order == MOTE_BOND_AROMATIC ? 1u : order;
    }
    for (size_t i = 0; i < sizeof normal / sizeof *normal; i++) {
        for (size_t v = 0; v < (a->aromatic ? 1 : 3) && normal[i].element == a->element; v++) {
            if (normal[i].valences[v] >= sum) {
                return (uint8_t)(normal[i].valences[v] - sum);
            }
        }
    }
    return 0;
}

mote_status mote_molecule_finish(mote_context *context, mote_molecule *m)
{
    list_bonds(m);
    mote_status status = find_rings(context, m);
    if (status != MOTE_OK) {
        return status;
    }
    for (size_t i = 0; i < m->atom_count; i++) {
        m->atoms[i].ring = false;
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        mote_smiles_bond *bond = &m->bonds[b];
        if (bond->order == MOTE_SMILES_UNWRITTEN) {
            bond->order = bond->ring ? MOTE_BOND_AROMATIC : MOTE_BOND_SINGLE;
        }
        m->atoms[bond->atoms[0]].ring |= bond->ring;
        m->atoms[bond->atoms[1]].ring |= bond->ring;
    }
    for (uint32_t i = 0; i < m->atom_count; i++) {
        m->atoms[i].hydrogens =
            m->atoms[i].hydrogens == MOTE_SMILES_IMPLICIT ? hydrogens_of(m, i) : m->atoms[i].hydrogens;
    }
    return MOTE_OK;
}
