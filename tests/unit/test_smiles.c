/* The reader of SMILES: each rule of the grammar, hydrogens and rings of known molecules, and what it refuses. */
#include <stdio.h>

#include "unit.h"

#include "io/elements.h"
#include "io/smiles.h"

/* Atoms as "CH3", "n+", lower case if aromatic and with '!' in a ring; then bonds "0-1", "1=2", "2:3". */
static void describe(const mote_molecule *m, char *all, size_t size)
{
    static const char orders[] = "?-=#$:";
    size_t n = 0;
    for (size_t i = 0; i < m->atom_count; i++) {
        const mote_smiles_atom *a = &m->atoms[i];
        char symbol[4];
        snprintf(symbol, sizeof symbol, "%s", a->element ? mote_element_symbol(a->element) : "*");
        symbol[0] = (char)(a->aromatic ? symbol[0] | 0x20 : symbol[0]);
        n += (size_t)snprintf(all + n, size - n, "%s%s%s", i ? " " : "", symbol, a->ring ? "!" : "");
        if (a->hydrogens > 0) {
            n += (size_t)snprintf(all + n, size - n, "H%d", a->hydrogens);
        }
        if (a->charge != 0) {
            n += (size_t)snprintf(all + n, size - n, "%+d", a->charge);
        }
    }
    for (size_t b = 0; b < m->bond_count; b++) {
        const mote_smiles_bond *bond = &m->bonds[b];
        n += (size_t)snprintf(all + n, size - n, " %u%c%u", bond->atoms[0], orders[bond->order], bond->atoms[1]);
    }
}

static const struct {
    const char *text, *all;
} good[] = {
    {"C", "CH4"},
    {"CC \t\r\n", "CH3 CH3 0-1"},
    {"O=C=O", "O C O 0=1 1=2"},
    {"C#N", "CH1 N 0#1"},
    {"[Rh-](Cl)$[Rh+2]", "Rh-1 Cl Rh+2 0-1 0$2"},
    {"CC(=O)O", "CH3 C O OH1 0-1 1=2 1-3"},
    {"C(C)(C)(C)Br", "C CH3 CH3 CH3 Br 0-1 0-2 0-3 0-4"},
    {"C(C(F)Cl)I", "CH2 CH1 F Cl I 0-1 1-2 1-3 0-4"},
    {"N(=O)(O)C", "NH1 O OH1 CH3 0=1 0-2 0-3"},
    {"N(=O)(=O)C", "N O O CH3 0=1 0=2 0-3"},
    {"S(=O)(=O)(O)O.SP.B", "S O O OH1 OH1 SH1 PH2 BH3 0=1 0=2 0-3 0-4 5-6"},
    {"[Na+].[Cl-]", "Na+1 Cl-1"},
    {"[NH4+].[OH-].[Fe+++].[Cu--].[Ti+4].[13CH3][2H].[*H2]", "NH4+1 OH1-1 Fe+3 Cu-2 Ti+4 CH3 H *H2 5-6"},
    {"*C", "* CH3 0-1"},
    {"C1CC1", "C!H2 C!H2 C!H2 0-1 1-2 0-2"},
    {"C(CC1)1", "C!H2 C!H2 C!H2 0-1 1-2 0-2"},
    {"C%10CC%10", "C!H2 C!H2 C!H2 0-1 1-2 0-2"},
    {"C=1CC1", "C!H1 C!H2 C!H1 0-1 1-2 0=2"},
    {"C1CC=1", "C!H1 C!H2 C!H1 0-1 1-2 0=2"},
    {"C1CC1C1CC1", "C!H2 C!H2 C!H1 C!H1 C!H2 C!H2 0-1 1-2 0-2 2-3 3-4 4-5 3-5"},
    {"C12CC1C2", "C!H1 C!H2 C!H1 C!H2 0-1 1-2 0-2 2-3 0-3"},
    {"C1.C1", "CH3 CH3 0-1"},
    {"C(.O)N", "CH3 OH2 NH2 0-2"},
    {"c1ccccc1C", "c!H1 c!H1 c!H1 c!H1 c!H1 c! CH3 0:1 1:2 2:3 3:4 4:5 0:5 5-6"},
    {"c1cc[nH]c1", "c!H1 c!H1 c!H1 n!H1 c!H1 0:1 1:2 2:3 3:4 0:4"},
    {"o1cccc1", "o! c!H1 c!H1 c!H1 c!H1 0:1 1:2 2:3 3:4 0:4"},
    {"[se]1cccc1", "se! c!H1 c!H1 c!H1 c!H1 0:1 1:2 2:3 3:4 0:4"},
    {"c1cccs1c1ccco1", "c!H1 c!H1 c!H1 c!H1 s! c! c!H1 c!H1 c!H1 o! 0:1 1:2 2:3 3:4 0:4 4-5 5:6 6:7 7:8 8:9 5:9"},
    {"n1ccccc1", "n! c!H1 c!H1 c!H1 c!H1 c!H1 0:1 1:2 2:3 3:4 4:5 0:5"},
    {"O=c1cc[nH]cc1", "O c! c!H1 c!H1 n!H1 c!H1 c!H1 0=1 1:2 2:3 3:4 4:5 5:6 1:6"},
    {"C:1:C:C1", "C!H2 C!H2 C!H2 0:1 1:2 0:2"},
    {"F/C=C\\F", "F CH1 CH1 F 0-1 1=2 2-3"},
    {"N[C@](Br)(O)C[C@@H](F)[P@TB12H]", "NH2 C Br OH1 CH2 CH1 F PH1 0-1 1-2 1-3 1-4 4-5 5-6 5-7"},
    {"[CH3:12][U:0]", "CH3 U 0-1"},
};

static const struct {
    const char *text, *why;
} refused[] = {
    {"", "x, column 1: expected an atom, found the end"},
    {"   ", "x, column 1: expected an atom, found the end"},
    {"C C", "x, column 2: expected an atom, a bond, a branch or a ring number, found byte 0x20"},
    {"CX", "x, column 2: expected an atom, a bond, a branch or a ring number, found 'X'"},
    {"C\xC3", "x, column 2: expected an atom, a bond, a branch or a ring number, found byte 0xC3"},
    {"Ca", "x, column 2: expected an atom, a bond, a branch or a ring number, found 'a'"},
    {"C=", "x, column 3: expected an atom, found the end"},
    {"C==C", "x, column 3: expected an atom, found the bond '='"},
    {"=C", "x, column 1: expected an atom, found the bond '='"},
    {"C.", "x, column 3: expected an atom, found the end"},
    {"C..C", "x, column 3: expected an atom, found '.'"},
    {".C", "x, column 1: expected an atom, found '.'"},
    {"C=.C", "x, column 3: expected an atom, found '.'"},
    {"C.=C", "x, column 3: expected an atom, found the bond '='"},
    {"(C)C", "x, column 1: expected an atom in front of '('"},
    {"C((C))C", "x, column 3: expected an atom in front of '('"},
    {"C=(C)", "x, column 3: expected an atom in front of '('"},
    {"C()C", "x, column 3: expected an atom, found ')'"},
    {"C(=)C", "x, column 4: expected an atom, found ')'"},
    {"CC)", "x, column 3: expected no ')' where no branch is open"},
    {"C(C(C)", "x, column 2: expected ')' for this '(', found none"},
    {"1CC1", "x, column 1: expected an atom in front of a ring number"},
    {"C(1CC1)", "x, column 3: expected an atom in front of a ring number"},
    {"C1CC", "x, column 2: expected a second ring number 1, found none"},
    {"C%1CC%1", "x, column 4: expected two digits behind '%', found 'C'"},
    {"C11", "x, column 3: expected ring 1 to close at another atom than it was opened at"},
    {"C1C1", "x, column 4: ring 1: expected atoms that are not bonded already"},
    {"C12CC12", "x, column 7: ring 2: expected atoms that are not bonded already"},
    {"C=1CC#1", "x, column 7: expected ring 1 to close with the bond it was opened with at column 3"},
    {"[", "x, column 2: expected an element, found the end"},
    {"[12]", "x, column 4: expected an element, found ']'"},
    {"[Xx]", "x, column 2: expected an element, found 'X'"},
    {"[C", "x, column 3: expected ']' for the '[' at column 1, found the end"},
    {"[CC]", "x, column 3: expected ']' for the '[' at column 1, found 'C'"},
    {"[C+16]", "x, column 3: expected a charge of at most 15"},
    {"[C++++++++++++++++]", "x, column 3: expected a charge of at most 15"},
    {"[C:]", "x, column 4: expected a number behind ':', found ']'"},
};

static void reads(void **state)
{
    mote_context *context = *state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mote_molecule *m;
        char all[1024] = "";
        mote_status status = mote_smiles_read(context, "x", good[i].text, strlen(good[i].text), &m);
        unit_ok(context, status);
        describe(m, all, sizeof all);
        assert_string_equal(all, good[i].all);
        mote_molecule_free(context, m);
    }
}

static void refuses(void **state)
{
    mote_context *context = *state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mote_molecule *m;
        mote_status status = mote_smiles_read(context, "x", refused[i].text, strlen(refused[i].text), &m);
        assert_int_equal(status, MOTE_ERROR_FILE);
        assert_null(m);
        assert_string_equal(mote_context_message(context), refused[i].why);
    }
}

/* Bonds of an atom are listed where first says, each twice in all. */
static void lists_bonds(void **state)
{
    mote_context *context = *state;
    const char *text = "CC(C)(C)c1ccc(cc1)C2CC3CC2CC3.N#N";
    mote_molecule *m;
    unit_ok(context, mote_smiles_read(context, "x", text, strlen(text), &m));
    size_t seen = 0;
    for (uint32_t i = 0; i < m->atom_count; i++) {
        for (uint32_t k = m->first[i]; k < m->first[i + 1]; k++, seen++) {
            const mote_smiles_bond *bond = &m->bonds[m->incident[k]];
            assert_true(bond->atoms[0] == i || bond->atoms[1] == i);
            assert_true(mote_bond_other(bond, i) != i);
        }
    }
    assert_int_equal(seen, 2 * m->bond_count);
    mote_molecule_free(context, m);
}

/* Bounded: a text that is too long is refused, one of the longest is read without recursion. */
static void is_bounded(void **state)
{
    mote_context *context = *state;
    static char text[MOTE_SMILES_BYTES + 1];
    mote_molecule *m;
    memset(text, 'C', sizeof text);
    assert_int_equal(mote_smiles_read(context, "x", text, sizeof text, &m), MOTE_ERROR_FILE);
    for (size_t i = 0; i < MOTE_SMILES_BYTES / 2 - 1; i++) { /* branches in branches */
        text[i] = i % 2 ? '(' : 'C';
        text[MOTE_SMILES_BYTES / 2 + i] = ')';
    }
    const size_t depth = (MOTE_SMILES_BYTES / 2 - 1) / 2;
    text[2 * depth] = 'C';
    memset(text + 2 * depth + 1, ')', depth);
    unit_ok(context, mote_smiles_read(context, "x", text, 3 * depth + 1, &m));
    assert_int_equal(m->atom_count, depth + 1);
    assert_int_equal(m->bond_count, depth);
    mote_molecule_free(context, m);
}

static void knows_elements(void **state)
{
    (void)state;
    size_t length;
    assert_int_equal(mote_element_find("C", 1), 6);
    assert_int_equal(mote_element_find("Fe", 2), 26);
    assert_int_equal(mote_element_find("Og", 2), MOTE_ELEMENTS);
    assert_int_equal(mote_element_find("fe", 2), 0);
    assert_int_equal(mote_element_find("", 0), 0);
    for (int i = 1; i <= MOTE_ELEMENTS; i++) {
        const char *symbol = mote_element_symbol(i);
        assert_int_equal(mote_element_find(symbol, strlen(symbol)), i);
    }
    assert_int_equal(mote_element_begin("CoO", 3, &length), 27);
    assert_int_equal(length, 2);
    assert_int_equal(mote_element_begin("CO2", 3, &length), 6);
    assert_int_equal(length, 1);
    assert_int_equal(mote_element_begin("C", 1, &length), 6);
    assert_int_equal(mote_element_begin("2", 1, &length), 0);
}

int main(void)
{
    mote_context *context = unit_context(1, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(reads, context),          cmocka_unit_test_prestate(refuses, context),
        cmocka_unit_test_prestate(lists_bonds, context),    cmocka_unit_test_prestate(is_bounded, context),
        cmocka_unit_test_prestate(knows_elements, context),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mote_context_destroy(context);
    return failed;
}
