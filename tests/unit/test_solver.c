/* Differential equations against their closed forms. */
#include <math.h>

#include "study/solver.h"
#include "unit.h"

enum { TIMES = 65 };

/* x'' = -w^2 x; argument: w. */
static void oscillator(void *argument, double t, const double *y, double *dydt)
{
    const double *w = argument;
    (void)t;
    dydt[0] = y[1];
    dydt[1] = -*w * *w * y[0];
}

/* y' = -1000 (y - cos t) - sin t, whose solution from y(0) = 1 is cos t (Prothero and Robinson, Math. Comp. 28 (1974)
 * 145). */
static void stiff(void *argument, double t, const double *y, double *dydt)
{
    long *calls = argument;
    ++*calls;
    dydt[0] = -1000 * (y[0] - cos(t)) - sin(t);
}

/* y' = y^2 goes to infinity at time 1 from y = 1. */
static void explosion(void *argument, double t, const double *y, double *dydt)
{
    (void)argument, (void)t;
    dydt[0] = y[0] * y[0];
}

static mote_context *context;

static int setup(void **state)
{
    (void)state;
    if (!mote_solver_available()) {
        return 0;
    }
    context = unit_context(1, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mote_context_destroy(context);
    return 0;
}

static void need_solver(void)
{
    if (!mote_solver_available()) {
        skip();
    }
}

/* Ten periods; the largest errors of place and energy, relative. */
static void swing(const mote_solver_options *options, double *place, double *energy)
{
    double w = 3, times[TIMES], path[TIMES][2], start[] = {1, 0};
    for (int i = 0; i < TIMES; i++) {
        times[i] = 20 * M_PI / w * i / (TIMES - 1);
    }
    unit_ok(context, mote_solve(context, options, 2, oscillator, &w, start, TIMES, times, path[0]));
    *place = *energy = 0;
    for (int i = 0; i < TIMES; i++) {
        *place = fmax(*place, fabs(path[i][0] - cos(w * times[i])) + fabs(path[i][1] / w + sin(w * times[i])));
        *energy = fmax(*energy, fabs(path[i][0] * path[i][0] + path[i][1] * path[i][1] / (w * w) - 1));
    }
}

static void test_oscillator(void **state)
{
    double place, energy;
    (void)state;
    need_solver();
    swing(NULL, &place, &energy);
    assert_true(place < 1e-5 && energy < 1e-5);
}

/* Tighter tolerances, smaller errors: a hundredfold each time gives at least tenfold. */
static void test_convergence(void **state)
{
    double before = INFINITY;
    (void)state;
    need_solver();
    for (double relative = 1e-4; relative > 1e-11; relative /= 100) {
        const mote_solver_options options = {.relative = relative, .absolute = relative / 100};
        double place, energy;
        swing(&options, &place, &energy);
        assert_true(place < before / 10);
        before = place;
    }
    assert_true(before < 1e-6);
}

static void test_stiff(void **state)
{
    const double times[] = {0, 1, 5, 20}, start[] = {1};
    double path[4];
    long calls = 0, others = 0;
    (void)state;
    need_solver();
    const mote_solver_options implicit = {.relative = 1e-8, .absolute = 1e-10, .stiff = true},
                              explicit = {.relative = 1e-8, .absolute = 1e-10};
    unit_ok(context, mote_solve(context, &implicit, 1, stiff, &calls, start, 4, times, path));
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(path[i] - cos(times[i])) < 1e-6);
    }
    unit_ok(context, mote_solve(context, &explicit, 1, stiff, &others, start, 4, times, path));
    assert_true(calls < others); /* what the method is for */
}

static void test_start_is_kept(void **state)
{
    const double times[] = {2}, start[] = {0.25, -4};
    double w = 1, path[2];
    (void)state;
    need_solver();
    unit_ok(context, mote_solve(context, NULL, 2, oscillator, &w, start, 1, times, path));
    assert_memory_equal(path, start, sizeof path);
}

/* A solution that does not reach the end is a failure that says where it ended. */
static void test_explosion(void **state)
{
    const double times[] = {0, 0.5, 2}, start[] = {1};
    double path[3];
    (void)state;
    need_solver();
    assert_int_equal(mote_solve(context, NULL, 1, explosion, NULL, start, 3, times, path), MOTE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(mote_context_message(context), "CVODE stopped at time 1 of 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oscillator),    cmocka_unit_test(test_convergence), cmocka_unit_test(test_stiff),
        cmocka_unit_test(test_start_is_kept), cmocka_unit_test(test_explosion),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
