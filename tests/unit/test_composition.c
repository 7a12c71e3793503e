/* Chemical formulas: amounts of elements by the rules of the notation, statistics of their properties, and what is
 * refused and where. */
#include <math.h>
#include <stdio.h>

#include "unit.h"

#include "study/composition.h"

/* Elements by atomic number. */
enum { H = 1, C = 6, N = 7, O = 8, NA = 11, AL = 13, CL = 17, CA = 20, MN = 25, FE = 26, CU = 29, LA = 57, AU = 79 };

static void expect(mote_context *context, const char *formula, int count, const int *numbers, const double *amounts)
{
    mote_composition found;
    double expected[MOTE_COMPOSITION_ELEMENTS] = {0}, all = 0;
    unit_ok(context, mote_composition_read(context, "x", formula, &found));
    for (int i = 0; i < count; i++) {
        expected[numbers[i] - 1] = amounts[i];
        all += amounts[i];
    }
    for (size_t e = 0; e < MOTE_COMPOSITION_ELEMENTS; e++) {
        if (fabs(found.fractions[e] - expected[e] / all) > 1e-14) {
            fail_msg("%s: element %zu: expected %g, found %g", formula, e + 1, expected[e] / all, found.fractions[e]);
        }
    }
}

static void reads(void **state)
{
    mote_context *context = *state;
    expect(context, "C", 1, (int[]){C}, (double[]){1});
    expect(context, "Fe2O3  ", 2, (int[]){FE, O}, (double[]){2, 3});
    expect(context, "Ca(OH)2", 3, (int[]){CA, O, H}, (double[]){1, 2, 2});
    expect(context, "CaCO3", 3, (int[]){CA, C, O}, (double[]){1, 1, 3}); /* Ca, not C and a */
    expect(context, "CO", 2, (int[]){C, O}, (double[]){1, 1});
    expect(context, "CH3CH2OH", 3, (int[]){C, H, O}, (double[]){2, 6, 1});
    expect(context, "Fe0.62[C0.01Mn0.02]3", 3, (int[]){FE, C, MN}, (double[]){0.62, 0.03, 0.06});
    expect(context, "Fe.5O0.5", 2, (int[]){FE, O}, (double[]){0.5, 0.5});
    expect(context, "((((((((C)2)2)2)2)2)2)2)2H", 2, (int[]){C, H}, (double[]){256, 1});
    expect(context, "Al[N(NaCl)2]0.5", 4, (int[]){AL, N, NA, CL}, (double[]){1, 0.5, 1, 1});
    expect(context, "Cm3", 1, (int[]){96}, (double[]){3});
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } refused[] = {
        {"", "x, column 1: expected an element, found the end"},
        {"  ", "x, column 1: expected an element, found the end"},
        {"2", "x, column 1: expected an element from hydrogen to curium or a bracket, found '2'"},
        {"fe", "x, column 1: expected an element from hydrogen to curium or a bracket, found 'f'"},
        {"FeXx", "x, column 3: expected an element from hydrogen to curium or a bracket, found 'X'"},
        {"FeBk", "x, column 3: expected an element"}, /* berkelium is beyond curium */
        {"Fe O", "x, column 3: expected an element from hydrogen to curium or a bracket, found byte 0x20"},
        {"Fe\xC3", "x, column 3: expected an element from hydrogen to curium or a bracket, found byte 0xC3"},
        {"Fe0", "x, column 3: expected an amount above 0, found '0'"},
        {"Fe0.000", "x, column 3: expected an amount above 0"},
        {"Fe.", "x, column 3: expected an amount above 0"},
        {"Fe1.2.3", "x, column 3: expected an amount of at most 31 digits"},
        {"Fe11111111111111111111111111111111", "x, column 3: expected an amount of at most 31 digits"},
        {"Fe-1", "x, column 3: expected an element"},
        {"Ca(OH2", "x, column 7: expected a closing bracket, found the end"},
        {"CaOH)2", "x, column 5: expected an element or the bracket that fits the open one, found ')'"},
        {"Ca(OH]2", "x, column 6: expected an element or the bracket that fits the open one, found ']'"},
        {"Ca()2", "x, column 4: expected an element in the bracket, found ')'"},
        {"Ca(OH)0", "x, column 7: expected an amount above 0"},
        {"(((((((((C)))))))))", "x, column 9: expected brackets at most 8 deep, found '('"},
    };
    mote_context *context = *state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mote_composition found;
        assert_int_equal(mote_composition_read(context, "x", refused[i].text, &found), MOTE_ERROR_FILE);
        if (!strstr(mote_context_message(context), refused[i].why)) {
            fail_msg("'%s': not '%s' in '%s'", refused[i].text, refused[i].why, mote_context_message(context));
        }
    }
}

/* Atomic number, mass, period, group, electronegativity and covalent radius of elements from all over the table, as
 * reference works print them (radii: Cordero et al. 2008, table 2). */
static const struct {
    int number;
    double values[6];
} known[] = {
    {H, {1, 1.008, 1, 1, 2.20, 31}},       {2, {2, 4.003, 1, 18, 0, 28}},        {C, {6, 12.011, 2, 14, 2.55, 73}},
    {9, {9, 18.998, 2, 17, 3.98, 56}},     {NA, {11, 22.990, 3, 1, 0.93, 166}},  {18, {18, 39.948, 3, 18, 0, 106}},
    {21, {21, 44.956, 4, 3, 1.36, 170}},   {CU, {29, 63.546, 4, 11, 1.90, 132}}, {35, {35, 79.904, 4, 17, 2.96, 120}},
    {LA, {57, 138.905, 6, 3, 1.10, 206}},  {71, {71, 174.967, 6, 3, 1.00, 187}}, {72, {72, 178.49, 6, 4, 1.30, 175}},
    {AU, {79, 196.967, 6, 11, 2.40, 136}}, {92, {92, 238.029, 7, 3, 1.70, 196}}, {54, {54, 131.293, 5, 18, 2.60, 140}},
};

static void knows_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mote_composition pure = {{0}};
        float found[MOTE_COMPOSITION_PROPERTIES];
        pure.fractions[known[i].number - 1] = 1;
        mote_composition_properties(&pure, found);
        for (size_t p = 0; p < 6; p++) {
            const float value = (float)known[i].values[p];
            if (found[4 * p] != value || found[4 * p + 1] != 0 || found[4 * p + 2] != value ||
                found[4 * p + 3] != value) {
                fail_msg("element %d, property %zu: expected %g, found %g", known[i].number, p, (double)value,
                         (double)found[4 * p]);
            }
        }
    }
}

/* Mean, mean deviation, least and largest of a mixture. */
static void makes_statistics(void **state)
{
    static const size_t parts[] = {0, 3, 7, 9}; /* of known */
    static const double fractions[] = {0.5, 0.25, 0.125, 0.125};
    mote_composition mixed = {{0}};
    float found[MOTE_COMPOSITION_PROPERTIES];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mixed.fractions[known[parts[i]].number - 1] = fractions[i];
    }
    mote_composition_properties(&mixed, found);
    for (size_t p = 0; p < 6; p++) {
        double mean = 0, deviation = 0, least = INFINITY, most = -INFINITY;
        for (size_t i = 0; i < 4; i++) {
            const double value = known[parts[i]].values[p];
            mean += fractions[i] * value;
            least = fmin(least, value);
            most = fmax(most, value);
        }
        for (size_t i = 0; i < 4; i++) {
            deviation += fractions[i] * fabs(known[parts[i]].values[p] - mean);
        }
        const double expected[] = {mean, deviation, least, most};
        for (size_t k = 0; k < 4; k++) {
            assert_true(fabs((double)found[4 * p + k] - expected[k]) <= 1e-6 * fabs(expected[k]));
        }
    }
}

int main(void)
{
    mote_context *context = unit_context(1, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(reads, context),
        cmocka_unit_test_prestate(refuses, context),
        cmocka_unit_test(knows_elements),
        cmocka_unit_test(makes_statistics),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mote_context_destroy(context);
    return failed;
}
