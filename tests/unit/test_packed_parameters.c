/* Packed parameters as a C program meets them: runs that allocate nothing, planes in the plan, tensors that cannot be.
 */
#include "unit.h"

#include "base/context.h"

enum { ROWS = 37, INPUTS = 75, OUTPUTS = 50 };

typedef struct problem {
    mote_context *context;
    mote_graph *graph;
    mote_plan *plan;
    mote_value x, weight, y;
} problem;

static mote_value transition(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const problem *p = argument;
    return mote_graph_linear(graph, *pieces, p->weight, MOTE_NO_VALUE);
}

static problem prepare(int threads, const char *policy, bool by_pieces)
{
    problem p = {.context = unit_context(threads, NULL)};
    mote_policy_set *set = NULL;
    unit_ok(p.context, mote_graph_create(p.context, &p.graph));
    p.x = mote_graph_input(p.graph, "x", MOTE_FP32, 2, (size_t[]){ROWS, INPUTS});
    p.weight = mote_graph_parameter(p.graph, "weight", 2, (size_t[]){OUTPUTS, INPUTS}, MOTE_INITIAL_NORMAL, 1);
    mote_pieces_options options = {1, &p.x, (int[]){0}, 8, 0, MOTE_FP32};
    p.y = by_pieces ? mote_graph_pieces(p.graph, &options, transition, &p) : transition(p.graph, &p, &p.x);
    mote_graph_output(p.graph, p.y);
    unit_ok(p.context, mote_policy_set_create(p.context, policy, &set));
    unit_ok(p.context, mote_graph_apply_policy(p.graph, set));
    mote_policy_set_destroy(p.context, set);
    unit_ok(p.context, mote_graph_pack_parameters(p.graph));
    unit_ok(p.context, mote_plan_create(p.graph, &(mote_plan_options){0}, &p.plan));
    unit_ok(p.context, mote_plan_initialize(p.plan, 1));
    float *x = mote_plan_data(p.plan, p.x);
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        x[i] = unit_value(i);
    }
    return p;
}

static void finish(problem *p)
{
    mote_plan_destroy(p->plan);
    mote_graph_destroy(p->graph);
    mote_context_destroy(p->context);
}

static mote_fault refuse(void *user, mote_fault_site site)
{
    (void)user;
    return site == MOTE_FAULT_ALLOCATE ? MOTE_FAULT_FAIL : MOTE_FAULT_NONE;
}

/* The workspace of a new context is what the plan took; its runs, the first too, need no more, and any number of
 * threads gives the same bits. */
static void runs_allocate_nothing(void **state)
{
    (void)state;
    const char *policies[] = {"mxint8",     "mxfp8", "mxfp8_e5m2",       "mxfp6",
                              "mxfp6_e2m3", "mxfp4", "mxfp4-w_mxfp6-ag", "nvfp4"};
    for (size_t i = 0; i < 2 * sizeof policies / sizeof *policies; i++) {
        float found[2][ROWS * OUTPUTS];
        for (int t = 0; t < 2; t++) {
            problem p = prepare(1 + 2 * t, policies[i / 2], i % 2);
            assert_null(mote_plan_data(p.plan, p.weight));
            p.context->fault = refuse;
            unit_ok(p.context, mote_plan_run(p.plan, 1));
            p.context->fault = NULL;
            memcpy(found[t], mote_plan_data(p.plan, p.y), sizeof found[t]);
            finish(&p);
        }
        assert_memory_equal(found[0], found[1], sizeof found[0]);
    }
}

/* Planes lie in the plan: written there, they are what the next run reads. */
static void planes_of_the_plan(void **state)
{
    (void)state;
    problem p = prepare(1, "mxint8", false);
    mote_tensor tensor, values;
    unit_ok(p.context, mote_plan_tensor(p.plan, p.weight, &tensor));
    assert_int_equal(tensor.layout.format, MOTE_MXINT8);
    assert_int_equal(tensor.layout.axis, 1);
    unit_ok(p.context, mote_plan_tensor(p.plan, p.x, &values));
    assert_int_equal(values.layout.format, MOTE_FP32);
    assert_ptr_equal(values.elements, mote_plan_data(p.plan, p.x));
    memset(tensor.elements, 0, OUTPUTS * 96); /* three blocks a line */
    unit_ok(p.context, mote_plan_run(p.plan, 1));
    const float *y = mote_plan_data(p.plan, p.y);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
        assert_true(y[i] == 0);
    }
    assert_int_equal(mote_plan_tensor(p.plan, -1, &tensor), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_plan_tensor(p.plan, p.y + 1, &tensor), MOTE_ERROR_ARGUMENT);
    finish(&p);
}

/* Whatever is wrong with a tensor, the parameter keeps its values. */
static void tensors_that_cannot_be(void **state)
{
    (void)state;
    problem p = prepare(1, "nvfp4", false);
    mote_layout layout = {.format = MOTE_NVFP4, .rank = 2, .axis = -1, .shape = {OUTPUTS, INPUTS}};
    mote_tensor good = unit_tensor(p.context, layout), own;
    good.tensor_scale = 0.25f;
    unit_ok(p.context, mote_plan_set(p.plan, p.weight, &good));
    mote_tensor bad[6] = {good, good, good, good, good, good};
    bad[0].elements = NULL;
    bad[1].scales = NULL;
    bad[2].layout.format = (mote_format)99;
    bad[3].layout.axis = 2;
    bad[4].layout.format = MOTE_INT32;
    bad[5].layout.rank = 9;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(mote_plan_set(p.plan, p.weight, &bad[i]), MOTE_OK);
        unit_ok(p.context, mote_plan_tensor(p.plan, p.weight, &own));
        assert_true(own.tensor_scale == 0.25f);
    }
    unit_free(&good);
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_allocate_nothing),
        cmocka_unit_test(planes_of_the_plan),
        cmocka_unit_test(tensors_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
