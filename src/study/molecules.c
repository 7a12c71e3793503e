/* Molecules as numbers. */
#include "study/molecules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"

void mote_molecules_declare(mote_task_data *data, size_t atoms)
{
    mote_data_array(data, "atoms", MOTE_FP32, 2, (size_t[]){atoms, MOTE_ATOM_FEATURES});
    mote_data_array(data, "bonds", MOTE_INT32, 2, (size_t[]){atoms, atoms});
    mote_data_array(data, "mask", MOTE_FP32, 1, &atoms);
    mote_data_array(data, "fingerprint", MOTE_FP32, 1, (size_t[]){MOTE_FINGERPRINT});
}

mote_status mote_sheet_molecule(const mote_sheet *sheet, size_t row, size_t column, mote_molecule **molecule)
{
    char place[512];
    const char *text = mote_sheet_text(sheet, row, column);
    snprintf(place, sizeof place, "%s: row %zu, '%s'", sheet->path, row + 1, sheet->names[column]);
    return mote_smiles_read(sheet->data->context, place, text, strlen(text), molecule);
}

/* ---- features ---- */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void atom_features(const mote_molecule *m, size_t i, float *x)
{
    static const uint8_t elements[] = {6, 7, 8, 16, 9, 17, 35, 53, 15}; /* and any other */
    enum { ELEMENTS = sizeof elements + 1, NEIGHBOURS = 6, HYDROGENS = 5 };
    _Static_assert(ELEMENTS + NEIGHBOURS + HYDROGENS + 3 == MOTE_ATOM_FEATURES, "the number of features");
    const mote_smiles_atom *a = &m->atoms[i];
    size_t element = 0;
    while (element < sizeof elements && elements[element] != a->element) {
        element++;
    }
    x[element] = 1;
    x[ELEMENTS + least(m->first[i + 1] - m->first[i], NEIGHBOURS - 1)] = 1;
    x[ELEMENTS + NEIGHBOURS + least(a->hydrogens, HYDROGENS - 1)] = 1;
    x += ELEMENTS + NEIGHBOURS + HYDROGENS;
    x[0] = a->charge;
    x[1] = a->aromatic;
    x[2] = a->ring;
}

static int32_t kind_of(const mote_smiles_bond *bond)
{
    return bond->order == MOTE_BOND_AROMATIC ? MOTE_BOND_KINDS : bond->order >= MOTE_BOND_TRIPLE ? 3 : bond->order;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * UINT64_C(0x9E3779B97F4A7C15);
    a = (a ^ a >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return a ^ a >> 29;
}

/* Each atom's colour from its own and those of the atoms that it is bonded to; kept NULL: all atoms count. */
static void recolour(const mote_molecule *m, const bool *kept, const uint64_t *from, uint64_t *to)
{
    for (uint32_t i = 0; i < m->atom_count; i++) {
        uint64_t sum = 0;
        for (uint32_t k = m->first[i]; k < m->first[i + 1]; k++) {
            const mote_smiles_bond *bond = &m->bonds[m->incident[k]];
            const uint32_t other = mote_bond_other(bond, i);
            sum += !kept || kept[other] ? mix(from[other], (uint64_t)(bond->order * 2 + bond->ring)) : 0;
        }
        to[i] = mix(from[i], sum);
    }
}

/* colours: room for two an atom. */
static void fingerprint(const mote_molecule *m, uint64_t *colours, float *counts)
{
    uint64_t *now = colours, *next = colours + m->atom_count;
    for (size_t i = 0; i < m->atom_count; i++) {
        const mote_smiles_atom *a = &m->atoms[i];
        const uint64_t own = a->element + 256u * a->hydrogens + 65536u * (uint64_t)(a->charge + 16) +
                             ((uint64_t)a->aromatic << 32) + ((uint64_t)a->ring << 33);
        now[i] = mix(own, m->first[i + 1] - m->first[i]);
    }
    for (int radius = 0; radius < 3; radius++) {
        for (size_t i = 0; i < m->atom_count; i++) {
            counts[now[i] % MOTE_FINGERPRINT]++;
        }
        recolour(m, NULL, now, next);
        uint64_t *swap = now;
        now = next;
        next = swap;
    }
    for (size_t i = 0; i < MOTE_FINGERPRINT; i++) {
        counts[i] = log1pf(counts[i]);
    }
}

static void put(const mote_task_data *data, const mote_task_split *split, size_t sample, const mote_molecule *m)
{
    const size_t atoms = data->arrays[MOTE_MOLECULE_MASK].size, count = least(m->atom_count, atoms);
    float *features = mote_data_at(data, split, MOTE_MOLECULE_ATOMS, sample);
    float *mask = mote_data_at(data, split, MOTE_MOLECULE_MASK, sample);
    int32_t *bonds = mote_data_classes(data, split, MOTE_MOLECULE_BONDS, sample);
    for (size_t i = 0; i < count; i++) {
        atom_features(m, i, features + i * MOTE_ATOM_FEATURES);
        mask[i] = 1;
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        const size_t i = m->bonds[b].atoms[0], j = m->bonds[b].atoms[1];
        if (i < count && j < count) {
            bonds[i * atoms + j] = bonds[j * atoms + i] = kind_of(&m->bonds[b]);
        }
    }
}

mote_status mote_molecule_put(const mote_sheet *sheet, size_t row, size_t column, const mote_task_split *split,
                              size_t sample)
{
    mote_context *context = sheet->data->context;
    mote_molecule *molecule;
    mote_status status = mote_sheet_molecule(sheet, row, column, &molecule);
    if (status != MOTE_OK) {
        return status;
    }
    uint64_t *colours = mote_allocate_array(context, molecule->atom_count, 2 * sizeof *colours);
    if (colours) {
        put(sheet->data, split, sample, molecule);
        fingerprint(molecule, colours, mote_data_at(sheet->data, split, MOTE_MOLECULE_FINGERPRINT, sample));
    }
    mote_release(context, colours);
    mote_molecule_free(context, molecule);
    return colours ? MOTE_OK : MOTE_ERROR_MEMORY;
}

/* ---- scaffolds ---- */

/* Takes away atoms with one bond left until there are none, then puts back what was bonded twice to the rest. */
static void keep_scaffold(const mote_molecule *m, bool *kept, uint32_t *left)
{
    for (uint32_t i = 0; i < m->atom_count; i++) {
        kept[i] = true;
        left[i] = m->first[i + 1] - m->first[i];
    }
    for (uint32_t i = 0; i < m->atom_count; i++) {
        for (uint32_t at = i; kept[at] && left[at] < 2;) {
            kept[at] = false;
            for (uint32_t k = m->first[at]; k < m->first[at + 1]; k++) {
                const uint32_t other = mote_bond_other(&m->bonds[m->incident[k]], at);
                if (kept[other]) { /* there is one at most, from which the walk goes on */
                    left[other]--;
                    at = other;
                    break;
                }
            }
        }
    }
    for (uint32_t i = 0; i < m->atom_count; i++) {
        left[i] = 0;
        for (uint32_t k = m->first[i]; !kept[i] && k < m->first[i + 1]; k++) {
            const mote_smiles_bond *bond = &m->bonds[m->incident[k]];
            left[i] |= bond->order == MOTE_BOND_DOUBLE && kept[mote_bond_other(bond, i)];
        }
    }
    for (uint32_t i = 0; i < m->atom_count; i++) {
        kept[i] = kept[i] || left[i];
    }
}

static uint64_t hash_kept(const mote_molecule *m, const bool *kept, uint64_t *colours)
{
    uint64_t *now = colours, *next = colours + m->atom_count, hash = 0;
    size_t count = 0;
    for (size_t i = 0; i < m->atom_count; i++) {
        const mote_smiles_atom *a = &m->atoms[i];
        now[i] = mix(a->element + 256u * (uint64_t)(a->charge + 16), a->aromatic);
        count += kept[i];
    }
    for (size_t round = 0; round < count; round++) {
        recolour(m, kept, now, next);
        uint64_t *swap = now;
        now = next;
        next = swap;
    }
    for (size_t i = 0; i < m->atom_count; i++) {
        hash += kept[i] ? mix(now[i], count) : 0;
    }
    return count && !hash ? 1 : hash;
}

mote_status mote_molecule_scaffold(mote_context *context, const mote_molecule *molecule, uint64_t *scaffold)
{
    const size_t count = molecule->atom_count;
    bool *kept = mote_allocate_array(context, count, sizeof *kept);
    uint32_t *left = mote_allocate_array(context, count, sizeof *left);
    uint64_t *colours = mote_allocate_array(context, count, 2 * sizeof *colours);
    const bool made = kept && left && colours;
    if (made) {
        keep_scaffold(molecule, kept, left);
        *scaffold = hash_kept(molecule, kept, colours);
    }
    mote_release(context, kept);
    mote_release(context, left);
    mote_release(context, colours);
    return made ? MOTE_OK : MOTE_ERROR_MEMORY;
}

typedef struct member {
    uint64_t scaffold;
    size_t sample, size, first; /* of its group */
} member;

static int by_scaffold(const void *a, const void *b)
{
    const member *x = a, *y = b;
    return x->scaffold != y->scaffold ? (x->scaffold < y->scaffold ? -1 : 1)
                                      : (x->sample > y->sample) - (x->sample < y->sample);
}

/* Large groups first, among equals the one whose first sample comes last. */
static int by_group(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return x->first != y->first ? (x->first > y->first ? -1 : 1) : (x->sample > y->sample) - (x->sample < y->sample);
}

mote_status mote_split_scaffolds(mote_task_data *data, size_t count, const uint64_t *scaffolds, mote_part *parts)
{
    member *members = mote_allocate_array(data->context, count, sizeof *members);
    if (!members) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        members[i] = (member){.scaffold = scaffolds[i], .sample = i};
    }
    qsort(members, count, sizeof *members, by_scaffold);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && members[end].scaffold == members[begin].scaffold;) {
            end++;
        }
        for (size_t i = begin; i < end; i++) {
            members[i].size = end - begin;
            members[i].first = members[begin].sample;
        }
    }
    qsort(members, count, sizeof *members, by_group);
    size_t taken[3] = {0};
    for (size_t i = 0; i < count; i += members[i].size) {
        const size_t size = members[i].size, training = taken[MOTE_PART_TRAINING];
        const mote_part part = 10 * (training + size) <= 8 * count ? MOTE_PART_TRAINING
                               : 10 * (training + taken[MOTE_PART_VALIDATION] + size) <= 9 * count
                                   ? MOTE_PART_VALIDATION
                                   : MOTE_PART_TEST;
        taken[part] += size;
        for (size_t k = i; k < i + size; k++) {
            parts[members[k].sample] = part;
        }
    }
    mote_release(data->context, members);
    return MOTE_OK;
}

mote_value mote_molecule_network(mote_graph *graph, const mote_value *inputs, size_t outputs)
{
    const mote_message_passing_shape shape = {.channels = 48, .rounds = 3, .heads = 2};
    mote_value edges = mote_bond_edges(graph, "bonds", inputs[MOTE_MOLECULE_BONDS], MOTE_BOND_KINDS, shape.heads);
    mote_value x = mote_message_passing(graph, "messages", inputs[MOTE_MOLECULE_ATOMS], edges, &shape);
    x = mote_pool_atoms(graph, "pool", x, inputs[MOTE_MOLECULE_MASK], 64, 0.1);
    return mote_multilayer(graph, "readout", x, 2, (size_t[]){64, outputs}, "gelu");
}
