/* The ideal geometry of residues, and arrays of it. */
#include "fold/residue.h"

#include <math.h>
#include <string.h>

/* The names as they stand in the table. */
enum {
    N = MOTE_ATOM_N,
    CA = MOTE_ATOM_CA,
    C = MOTE_ATOM_C,
    CB = MOTE_ATOM_CB,
    O = MOTE_ATOM_O,
    CG = MOTE_ATOM_CG,
    CG1 = MOTE_ATOM_CG1,
    CG2 = MOTE_ATOM_CG2,
    OG = MOTE_ATOM_OG,
    OG1 = MOTE_ATOM_OG1,
    SG = MOTE_ATOM_SG,
    CD = MOTE_ATOM_CD,
    CD1 = MOTE_ATOM_CD1,
    CD2 = MOTE_ATOM_CD2,
    ND1 = MOTE_ATOM_ND1,
    ND2 = MOTE_ATOM_ND2,
    OD1 = MOTE_ATOM_OD1,
    OD2 = MOTE_ATOM_OD2,
    SD = MOTE_ATOM_SD,
    CE = MOTE_ATOM_CE,
    CE1 = MOTE_ATOM_CE1,
    CE2 = MOTE_ATOM_CE2,
    CE3 = MOTE_ATOM_CE3,
    NE = MOTE_ATOM_NE,
    NE1 = MOTE_ATOM_NE1,
    NE2 = MOTE_ATOM_NE2,
    OE1 = MOTE_ATOM_OE1,
    OE2 = MOTE_ATOM_OE2,
    CH2 = MOTE_ATOM_CH2,
    NH1 = MOTE_ATOM_NH1,
    NH2 = MOTE_ATOM_NH2,
    OH = MOTE_ATOM_OH,
    CZ = MOTE_ATOM_CZ,
    CZ2 = MOTE_ATOM_CZ2,
    CZ3 = MOTE_ATOM_CZ3,
    NZ = MOTE_ATOM_NZ
};

/* letter, atoms, angles, symmetric angles, {atom, group, position}, chain of the angles, ambiguous pairs */
static const mote_residue residues[MOTE_RESIDUE_TYPES] = {
    {'A',
     5,
     0,
     0,
     {{N, 0, {-525, 1363, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {627, 1062, 0}},
      {CB, 0, {-529, -774, -1205}}},
     {0},
     {{0}}},
    {'R',
     11,
     4,
     0,
     {{N, 0, {-524, 1362, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-524, -778, -1209}},
      {CG, 4, {616, 1390, 0}},
      {CD, 5, {564, 1414, 0}},
      {NE, 6, {539, 1357, 0}},
      {CZ, 7, {758, 1093, 0}},
      {NH1, 7, {206, 2301, 0}},
      {NH2, 7, {2078, 978, 0}}},
     {N, CA, CB, CG, CD, NE, CZ},
     {{0}}},
    {'N',
     8,
     2,
     0,
     {{N, 0, {-536, 1357, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {625, 1062, 0}},
      {CB, 0, {-531, -787, -1200}},
      {CG, 4, {584, 1399, 0}},
      {OD1, 5, {633, 1059, 0}},
      {ND2, 5, {593, -1188, 1}}},
     {N, CA, CB, CG, OD1},
     {{0}}},
    {'D',
     8,
     2,
     2,
     {{N, 0, {-525, 1362, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1527, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-526, -778, -1208}},
      {CG, 4, {593, 1398, 0}},
      {OD1, 5, {610, 1091, 0}},
      {OD2, 5, {592, -1101, -3}}},
     {N, CA, CB, CG, OD1},
     {{6, 7}}},
    {'C',
     6,
     1,
     0,
     {{N, 0, {-522, 1362, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1524, 0, 0}},
      {O, 3, {625, 1062, 0}},
      {CB, 0, {-519, -773, -1212}},
      {SG, 4, {728, 1653, 0}}},
     {N, CA, CB, SG},
     {{0}}},
    {'Q',
     9,
     3,
     0,
     {{N, 0, {-526, 1361, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-525, -779, -1207}},
      {CG, 4, {615, 1393, 0}},
      {CD, 5, {587, 1399, 0}},
      {OE1, 6, {634, 1060, 0}},
      {NE2, 6, {593, -1189, -1}}},
     {N, CA, CB, CG, CD, OE1},
     {{0}}},
    {'E',
     9,
     3,
     4,
     {{N, 0, {-528, 1361, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-526, -781, -1207}},
      {CG, 4, {615, 1392, 0}},
      {CD, 5, {600, 1397, 0}},
      {OE1, 6, {607, 1095, 0}},
      {OE2, 6, {589, -1104, -1}}},
     {N, CA, CB, CG, CD, OE1},
     {{7, 8}}},
    {'G',
     4,
     0,
     0,
     {{N, 0, {-572, 1337, 0}}, {CA, 0, {0, 0, 0}}, {C, 0, {1517, 0, 0}}, {O, 3, {626, 1062, 0}}},
     {0},
     {{0}}},
    {'H',
     10,
     2,
     0,
     {{N, 0, {-527, 1360, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {625, 1063, 0}},
      {CB, 0, {-525, -778, -1208}},
      {CG, 4, {600, 1370, 0}},
      {ND1, 5, {744, 1160, 0}},
      {CD2, 5, {889, -1021, 3}},
      {CE1, 5, {2030, 851, 2}},
      {NE2, 5, {2145, -466, 4}}},
     {N, CA, CB, CG, ND1},
     {{0}}},
    {'I',
     8,
     2,
     0,
     {{N, 0, {-493, 1373, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1527, 0, 0}},
      {O, 3, {627, 1062, 0}},
      {CB, 0, {-536, -793, -1213}},
      {CG1, 4, {534, 1437, 0}},
      {CG2, 4, {540, -785, -1199}},
      {CD1, 5, {619, 1391, 0}}},
     {N, CA, CB, CG1, CD1},
     {{0}}},
    {'L',
     8,
     2,
     0,
     {{N, 0, {-520, 1363, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {625, 1063, 0}},
      {CB, 0, {-522, -773, -1214}},
      {CG, 4, {678, 1371, 0}},
      {CD1, 5, {530, 1430, 0}},
      {CD2, 5, {535, -774, 1200}}},
     {N, CA, CB, CG, CD1},
     {{0}}},
    {'K',
     9,
     4,
     0,
     {{N, 0, {-526, 1362, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-524, -778, -1208}},
      {CG, 4, {619, 1390, 0}},
      {CD, 5, {559, 1417, 0}},
      {CE, 6, {560, 1416, 0}},
      {NZ, 7, {554, 1387, 0}}},
     {N, CA, CB, CG, CD, CE, NZ},
     {{0}}},
    {'M',
     8,
     3,
     0,
     {{N, 0, {-521, 1364, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {625, 1062, 0}},
      {CB, 0, {-523, -776, -1210}},
      {CG, 4, {613, 1391, 0}},
      {SD, 5, {703, 1695, 0}},
      {CE, 6, {320, 1786, 0}}},
     {N, CA, CB, CG, SD, CE},
     {{0}}},
    {'F',
     11,
     2,
     2,
     {{N, 0, {-518, 1363, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1524, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-525, -776, -1212}},
      {CG, 4, {607, 1377, 0}},
      {CD1, 5, {709, 1195, 0}},
      {CD2, 5, {706, -1196, 0}},
      {CE1, 5, {2102, 1198, 0}},
      {CE2, 5, {2098, -1201, 0}},
      {CZ, 5, {2794, -3, -1}}},
     {N, CA, CB, CG, CD1},
     {{6, 7}, {8, 9}}},
    {'P',
     7,
     2,
     0,
     {{N, 0, {-566, 1351, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1527, 0, 0}},
      {O, 3, {621, 1066, 0}},
      {CB, 0, {-546, -611, -1293}},
      {CG, 4, {382, 1445, 0}},
      {CD, 5, {477, 1424, 0}}},
     {N, CA, CB, CG, CD},
     {{0}}},
    {'S',
     6,
     1,
     0,
     {{N, 0, {-529, 1360, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-518, -777, -1211}},
      {OG, 4, {503, 1325, 0}}},
     {N, CA, CB, OG},
     {{0}}},
    {'T',
     7,
     1,
     0,
     {{N, 0, {-517, 1364, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1526, 0, 0}},
      {O, 3, {626, 1062, 0}},
      {CB, 0, {-516, -793, -1215}},
      {OG1, 4, {472, 1353, 0}},
      {CG2, 4, {550, -718, -1228}}},
     {N, CA, CB, OG1},
     {{0}}},
    {'W',
     14,
     2,
     0,
     {{N, 0, {-521, 1363, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1525, 0, 0}},
      {O, 3, {627, 1062, 0}},
      {CB, 0, {-523, -776, -1212}},
      {CG, 4, {609, 1370, 0}},
      {CD1, 5, {824, 1091, 0}},
      {CD2, 5, {854, -1148, -5}},
      {NE1, 5, {2140, 690, -4}},
      {CE2, 5, {2186, -678, -7}},
      {CE3, 5, {622, -2530, -7}},
      {CZ2, 5, {3283, -1543, -11}},
      {CZ3, 5, {1715, -3389, -11}},
      {CH2, 5, {3028, -2890, -13}}},
     {N, CA, CB, CG, CD1},
     {{0}}},
    {'Y',
     12,
     2,
     2,
     {{N, 0, {-522, 1362, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1524, 0, 0}},
      {O, 3, {627, 1062, 0}},
      {CB, 0, {-522, -776, -1213}},
      {CG, 4, {607, 1382, 0}},
      {CD1, 5, {716, 1195, 0}},
      {CD2, 5, {713, -1194, -1}},
      {CE1, 5, {2107, 1200, -2}},
      {CE2, 5, {2104, -1201, -3}},
      {CZ, 5, {2791, -1, -3}},
      {OH, 5, {4168, -2, -5}}},
     {N, CA, CB, CG, CD1},
     {{6, 7}, {8, 9}}},
    {'V',
     7,
     1,
     0,
     {{N, 0, {-494, 1373, 0}},
      {CA, 0, {0, 0, 0}},
      {C, 0, {1527, 0, 0}},
      {O, 3, {627, 1062, 0}},
      {CB, 0, {-533, -795, -1213}},
      {CG1, 4, {540, 1429, 0}},
      {CG2, 4, {533, -776, 1203}}},
     {N, CA, CB, CG1},
     {{0}}},
    {'X', 0, 0, 0, {{0, 0, {0}}}, {0}, {{0}}}};

const mote_residue *mote_residue_row(int type) { return &residues[type]; }

/* ---- frames ---- */

static double dot(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void scale_to_one(double v[3])
{
    double length = sqrt(dot(v, v));
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
}

/* The frame with x along along, y in the plane of along and aside, and this origin. */
static void make_frame(const double along[3], const double aside[3], const double origin[3], float frame[3][4])
{
    double x[3], y[3];
    memcpy(x, along, sizeof x);
    memcpy(y, aside, sizeof y);
    scale_to_one(x);
    double projection = dot(y, x);
    for (int i = 0; i < 3; i++) {
        y[i] -= projection * x[i];
    }
    scale_to_one(y);
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        frame[i][0] = (float)x[i];
        frame[i][1] = (float)y[i];
        frame[i][2] = (float)(x[j] * y[k] - x[k] * y[j]);
        frame[i][3] = (float)origin[i];
    }
}

/* The ideal position of an atom in its group's frame. */
static void place_of(const mote_residue *residue, int atom, double place[3])
{
    int i = 0;
    while (residue->atoms[i].atom != atom) {
        i++;
    }
    for (int k = 0; k < 3; k++) {
        place[k] = residue->atoms[i].position[k] / 1000.0;
    }
}

static void subtract(const double a[3], const double b[3], double difference[3])
{
    for (int i = 0; i < 3; i++) {
        difference[i] = a[i] - b[i];
    }
}

static void fill_frames(const mote_residue *residue, float frames[MOTE_RIGID_GROUPS][3][4])
{
    const double x[3] = {1, 0, 0}, back[3] = {-1, 0, 0};
    double n[3], ca[3], c[3], along[3], aside[3], end[3];
    for (int i = 0; i < 3; i++) {
        frames[0][i][i] = frames[1][i][i] = 1;
    }
    place_of(residue, N, n);
    place_of(residue, CA, ca);
    place_of(residue, C, c);
    subtract(n, ca, along);
    make_frame(along, x, n, frames[2]);
    subtract(c, ca, along);
    subtract(ca, n, aside);
    make_frame(along, aside, c, frames[3]);
    if (residue->chi_count > 0) {
        place_of(residue, residue->chi_chain[2], end);
        subtract(end, ca, along);
        subtract(n, ca, aside);
        make_frame(along, aside, end, frames[4]);
    }
    /* the axes of all further groups begin where the group before has its origin */
    for (int k = 1; k < residue->chi_count; k++) {
        place_of(residue, residue->chi_chain[k + 2], end);
        make_frame(end, back, end, frames[4 + k]);
    }
}

/* ---- arrays ---- */

static void fill_atoms(const mote_residue *residue, int type, mote_residue_tables *tables)
{
    for (int i = 0; i < MOTE_ATOM14; i++) {
        tables->atom14_swap[type][i] = (uint8_t)i;
    }
    for (int i = 0; i < residue->atom_count; i++) {
        const mote_residue_atom *atom = &residue->atoms[i];
        tables->atom14_mask[type][i] = tables->atom37_mask[type][atom->atom] = 1;
        tables->atom14_to_atom37[type][i] = atom->atom;
        tables->atom37_to_atom14[type][atom->atom] = (uint8_t)i;
        tables->atom14_group[type][i] = atom->group;
        for (int k = 0; k < 3; k++) {
            tables->atom14_position[type][i][k] = (float)(atom->position[k] / 1000.0);
        }
    }
    for (int i = 0; i < MOTE_RESIDUE_SWAPS; i++) {
        const uint8_t *pair = residue->swaps[i];
        if (pair[0] != pair[1]) {
            tables->atom14_swap[type][pair[0]] = pair[1];
            tables->atom14_swap[type][pair[1]] = pair[0];
            tables->atom14_ambiguous[type][pair[0]] = tables->atom14_ambiguous[type][pair[1]] = 1;
        }
    }
}

static void fill_angles(const mote_residue *residue, int type, mote_residue_tables *tables)
{
    for (int k = 0; k < residue->chi_count; k++) {
        tables->chi_mask[type][k] = 1;
        tables->chi_symmetric[type][k] = (float)(residue->chi_symmetric >> k & 1);
        memcpy(tables->chi_atoms[type][k], residue->chi_chain + k, MOTE_CHI_GROUP);
    }
}

void mote_residue_tables_fill(mote_residue_tables *tables)
{
    memset(tables, 0, sizeof *tables);
    for (int type = 0; type < MOTE_RESIDUE_TYPES; type++) {
        fill_atoms(&residues[type], type, tables);
        fill_angles(&residues[type], type, tables);
        if (residues[type].atom_count > 0) {
            fill_frames(&residues[type], tables->frames[type]);
        }
    }
}
