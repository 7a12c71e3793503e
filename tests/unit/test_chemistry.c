/* Molecules and compositions: XYZ files, formulas, scaffolds and the split by them, least squares. */
#include <math.h>

#include "folder.h"

#include "io/xyz.h"
#include "study/composition.h"
#include "study/data.h"
#include "study/molecules.h"

/* ---- XYZ files ---- */

static void reads_structures(void **state)
{
    mote_context *context = *state;
    static const char text[] = "3\nnot_energy=1 energy=-76.4 x\nO 0 0 0.117\nH 0 0.757 -0.469\n"
                               " H\t0 -0.757 -4.69e-1 0.1 more\n1\r\n\r\nCl 1 2 3\r\n";
    const char *path = folder_write("two.xyz", text, sizeof text - 1, FOLDER_PLAIN);
    mote_arena arena = {0};
    mote_xyz_structure *x;
    size_t count;
    double number;
    unit_ok(context, mote_xyz_read(context, path, &arena, &x, &count));
    assert_int_equal(count, 2);
    assert_int_equal(x[0].atoms, 3);
    assert_int_equal(x[0].elements[0], 8);
    assert_int_equal(x[0].elements[2], 1);
    assert_true(x[0].positions[8] == -0.469);
    assert_int_equal(x[1].atoms, 1);
    assert_int_equal(x[1].line, 6);
    assert_int_equal(x[1].elements[0], 17);
    assert_true(x[1].positions[1] == 2);
    unit_ok(context, mote_xyz_number(context, path, &x[0], "energy", &number));
    assert_true(number == -76.4);
    assert_int_equal(mote_xyz_number(context, path, &x[1], "energy", &number), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "line 7: expected 'energy=' and a number"));
    mote_arena_clear(context, &arena);
}

static void refuses_structures(void **state)
{
    mote_context *context = *state;
    static const char *const bad[][2] = {
        {"two\n\nH 0 0 0\n", "line 1: expected a number of atoms that the file has room for, found 'two'"},
        {"0\n\n", "line 1: expected a number of atoms that the file has room for, found '0'"},
        {"9\n\nH 0 0 0\n", "line 1: expected a number of atoms that the file has room for, found '9'"},
        {"99999999999999999999\n\nH 0 0 0\n", "line 1: expected a number of atoms"},
        {"2\n\nH 0.000000 0.000000 0\n", "line 4: expected an element, found ''"},
        {"1\n\nXx 0 0 0\n", "line 3: expected an element, found 'Xx'"},
        {"1\n\nH 0.0 0.0\n", "line 3: expected three finite coordinates, found ''"},
        {"1\n\nH 0 nan 0\n", "line 3: expected three finite coordinates, found ' nan 0'"},
        {"1\n\nH 0 0 0\n1\n\nH 0 x 0\n", "line 6: expected three finite coordinates, found ' x 0'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = folder_write("bad.xyz", bad[i][0], strlen(bad[i][0]), FOLDER_PLAIN);
        mote_arena arena = {0};
        mote_xyz_structure *x = NULL;
        size_t count;
        assert_int_equal(mote_xyz_read(context, path, &arena, &x, &count), MOTE_ERROR_FILE);
        if (!strstr(mote_context_message(context), bad[i][1])) {
            fail_msg("%s: %s", bad[i][0], mote_context_message(context));
        }
        mote_arena_clear(context, &arena);
    }
}

/* ---- formulas ---- */

static void reads_formulas(void **state)
{
    mote_context *context = *state;
    static const struct {
        const char *text;
        int elements[3];
        double fractions[3];
    } good[] = {
        {"Fe2O3", {26, 8}, {0.4, 0.6}},
        {"CoO", {27, 8}, {0.5, 0.5}},
        {"CO ", {6, 8}, {0.5, 0.5}},
        {"Ca(OH)2", {20, 8, 1}, {0.2, 0.4, 0.4}},
        {"Fe0.5[C.25(Mn1.0)0.25]2", {26, 6, 25}, {1.0 / 3, 1.0 / 3, 1.0 / 3}},
        {"HOH", {1, 8}, {2.0 / 3, 1.0 / 3}},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mote_composition c;
        double all = 0;
        unit_ok(context, mote_composition_read(context, "x", good[i].text, &c));
        for (int e = 0; e < 3 && good[i].elements[e]; e++) {
            assert_true(fabs(c.fractions[good[i].elements[e] - 1] - good[i].fractions[e]) < 1e-15);
        }
        for (int e = 0; e < MOTE_COMPOSITION_ELEMENTS; e++) {
            all += c.fractions[e];
        }
        assert_true(fabs(all - 1) < 1e-15);
    }
}

static void refuses_formulas(void **state)
{
    mote_context *context = *state;
    static const char *const bad[][2] = {
        {"", "x, column 1: expected an element, found the end"},
        {"fe", "x, column 1: expected an element from hydrogen to curium or a bracket, found 'f'"},
        {"Fe2Cf", "x, column 4: expected an element from hydrogen to curium or a bracket, found 'C'"},
        {"2Fe", "x, column 1: expected an element from hydrogen to curium or a bracket, found '2'"},
        {"Fe-1", "x, column 3: expected an element from hydrogen to curium or a bracket, found '-'"},
        {"Fe0", "x, column 3: expected an amount above 0, found '0'"},
        {"Fe1.2.3", "x, column 3: expected an amount of at most 31 digits, found '1'"},
        {"Fe.", "x, column 3: expected an amount above 0, found '.'"},
        {"Fe(O", "x, column 5: expected a closing bracket, found the end"},
        {"Fe[O)", "x, column 5: expected an element or the bracket that fits the open one, found ')'"},
        {"Fe)", "x, column 3: expected an element or the bracket that fits the open one, found ')'"},
        {"Fe()", "x, column 4: expected an element in the bracket, found ')'"},
        {"(((((((((Fe", "x, column 9: expected brackets at most 8 deep, found '('"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mote_composition c;
        assert_int_equal(mote_composition_read(context, "x", bad[i][0], &c), MOTE_ERROR_FILE);
        assert_string_equal(mote_context_message(context), bad[i][1]);
    }
}

/* Iron oxide by hand; places in the table of elements where its rows change. */
static void knows_properties(void **state)
{
    mote_context *context = *state;
    static const struct {
        const char *symbol;
        float period, group;
    } places[] = {{"H", 1, 1},  {"He", 1, 18}, {"Li", 2, 1}, {"Be", 2, 2},  {"B", 2, 13},  {"Ne", 2, 18}, {"Al", 3, 13},
                  {"K", 4, 1},  {"Sc", 4, 3},  {"Ti", 4, 4}, {"Zn", 4, 12}, {"Ga", 4, 13}, {"Xe", 5, 18}, {"Ba", 6, 2},
                  {"La", 6, 3}, {"Gd", 6, 3},  {"Lu", 6, 3}, {"Hf", 6, 4},  {"Rn", 6, 18}, {"Ra", 7, 2},  {"U", 7, 3}};
    mote_composition c;
    float p[MOTE_COMPOSITION_PROPERTIES];
    unit_ok(context, mote_composition_read(context, "x", "Fe2O3", &c));
    mote_composition_properties(&c, p);
    const double expected[] = {15.2,
                               8.64,
                               8,
                               26,
                               0.4 * 55.845 + 0.6 * 15.999,
                               0.48 * (55.845 - 15.999),
                               15.999,
                               55.845,
                               2.8,
                               0.96,
                               2,
                               4,
                               12.8,
                               3.84,
                               8,
                               16,
                               2.796,
                               0.7728,
                               1.83,
                               3.44,
                               92.4 + 4,
                               36.48,
                               66,
                               142};
    for (int i = 0; i < MOTE_COMPOSITION_PROPERTIES; i++) {
        assert_true(fabs((double)p[i] - expected[i]) < 1e-5 * expected[i]);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        unit_ok(context, mote_composition_read(context, "x", places[i].symbol, &c));
        mote_composition_properties(&c, p);
        assert_true(p[8] == places[i].period && p[12] == places[i].group);
    }
}

/* ---- scaffolds ---- */

static uint64_t scaffold_of(mote_context *context, const char *text)
{
    mote_molecule *molecule;
    uint64_t scaffold = 0;
    unit_ok(context, mote_smiles_read(context, "x", text, strlen(text), &molecule));
    unit_ok(context, mote_molecule_scaffold(context, molecule, &scaffold));
    mote_molecule_free(context, molecule);
    return scaffold;
}

static void finds_scaffolds(void **state)
{
    mote_context *context = *state;
    static const char *const same[][2] = {
        {"c1ccccc1", "Cc1c(CCN)cc(O)cc1"},                       /* side chains go */
        {"c1ccc(CCC2CCCCC2)cc1", "CC(C1CCCC(F)C1)C(N)c1ccccc1"}, /* what links rings stays */
        {"O=C1CCCCC1", "O=C1C(CC=O)CCCC1"},                      /* and what is bonded twice */
        {"CCC(=O)O", "N#N"},                                     /* no ring at all */
        {"c1ccncc1", "n1ccccc1"},                                /* whatever the order of atoms */
    };
    static const char *const different[][2] = {
        {"c1ccccc1", "c1ccncc1"},
        {"c1ccccc1", "C1CCCCC1"},
        {"C1CCCCC1", "O=C1CCCCC1"},
        {"c1ccc(Cc2ccccc2)cc1", "c1ccc(CCc2ccccc2)cc1"},
        {"C1CCC2CCCCC2C1", "C1CCCC1C1CCCC1"}, /* that colours alone do not tell apart */
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(scaffold_of(context, same[i][0]) == scaffold_of(context, same[i][1]));
    }
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        assert_true(scaffold_of(context, different[i][0]) != scaffold_of(context, different[i][1]));
    }
    assert_true(scaffold_of(context, "CC") == 0);
}

/* Twenty samples: groups of 12, 4, 2 and two single ones. The 4 fill the training part to its 16; the 2 are the
 * validation part; what is left is tested. */
static void splits_by_scaffold(void **state)
{
    static const uint64_t scaffolds[20] = {7, 5, 7, 7, 3, 7, 7, 5, 7, 7, 9, 9, 7, 7, 5, 7, 7, 5, 7, 4};
    mote_task_data data = {.context = *state};
    mote_part parts[20];
    unit_ok(*state, mote_split_scaffolds(&data, 20, scaffolds, parts));
    for (size_t i = 0; i < 20; i++) {
        const mote_part expected = scaffolds[i] == 7 || scaffolds[i] == 5 ? MOTE_PART_TRAINING
                                   : scaffolds[i] == 9                    ? MOTE_PART_VALIDATION
                                                                          : MOTE_PART_TEST;
        assert_int_equal(parts[i], expected);
    }
}

static void fits_least_squares(void **state)
{
    (void)state;
    double x[40 * 3], y[40], coefficients[3];
    for (int i = 0; i < 40; i++) {
        x[3 * i] = i + 1;
        x[3 * i + 1] = 0;
        x[3 * i + 2] = (double)((i * 7) % 11);
        y[i] = 2.5 * x[3 * i] - 4 * x[3 * i + 2];
    }
    mote_least_squares(40, 3, x, y, coefficients);
    assert_true(fabs(coefficients[0] - 2.5) < 1e-12 && coefficients[1] == 0 && fabs(coefficients[2] + 4) < 1e-12);
}

int main(void)
{
    mote_context *context = unit_context(1, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(reads_structures, context),   cmocka_unit_test_prestate(refuses_structures, context),
        cmocka_unit_test_prestate(reads_formulas, context),     cmocka_unit_test_prestate(refuses_formulas, context),
        cmocka_unit_test_prestate(knows_properties, context),   cmocka_unit_test_prestate(finds_scaffolds, context),
        cmocka_unit_test_prestate(splits_by_scaffold, context), cmocka_unit_test(fits_least_squares),
    };
    int failed = cmocka_run_group_tests(tests, folder_open, folder_close);
    mote_context_destroy(context);
    return failed;
}
