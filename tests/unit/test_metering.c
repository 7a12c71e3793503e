/* The joules of training, as its counters, its run.json and its metrics have them. */
#include <jansson.h>
#include <math.h>

#include "base/context.h"
#include "meters.h"
#include "mote/train.h"

enum { STEPS = 6, STOP = 3, CHECKPOINT = 2 };

/* After each step the package has used 5 J more, the memory 1 J. */
typedef struct machine {
    double package, memory;
    size_t stop;
    bool vanishes;
} machine;

static int after_step(void *user, const mote_train_progress *progress)
{
    machine *m = user;
    if (progress->steps == 0) {
        return 0;
    }
    m->package += 5e6;
    m->memory += 1e6;
    put_counter("intel-rapl:0", m->package);
    put_counter("intel-rapl:0:0", m->memory);
    if (m->vanishes && progress->step == STOP) {
        assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0:0/energy_uj")), 0);
        m->vanishes = false;
    }
    return progress->step == m->stop;
}

static machine start(void)
{
    char text[2048];
    machine m = {.package = 7e6, .memory = 8e6};
    put_domain("intel-rapl:0", "package-0\n", m.package, 1e12);
    put_domain("intel-rapl:0:0", "dram\n", m.memory, 1e12);
    int length = snprintf(text, sizeof text, ">a\n");
    for (int i = 0; i < 1500; i++) {
        text[length++] = "ACGT"[(i * i + i / 7) % 11 % 4];
    }
    strcpy(text + length, "\n");
    put("data.fa", text);
    return m;
}

/* The results of a run that goes on where it stopped. */
static mote_train_result train(machine *m, bool resume, const char *profile)
{
    char data[512], output[512];
    mote_context *context = unit_context(1, NULL);
    mote_train_result result;
    snprintf(data, sizeof data, "%s", tree_path("data.fa"));
    snprintf(output, sizeof output, "%s", tree_path("run"));
    const char *files[] = {data};
    mote_train_options options = {.data = files,
                                  .data_count = 1,
                                  .model = "gpt-tiny",
                                  .layers = 1,
                                  .width = 16,
                                  .heads = 2,
                                  .context = 16,
                                  .steps = STEPS,
                                  .batch = 2,
                                  .log_every = 1,
                                  .checkpoint_every = CHECKPOINT,
                                  .evaluate_every = 100,
                                  .output = output,
                                  .profile = profile,
                                  .resume = resume};
    context->meters = tree;
    mote_status status = mote_train(context, &options, after_step, m, &result);
    if (m->stop) {
        assert_int_equal(status, MOTE_ERROR_CANCELLED);
    } else {
        unit_ok(context, status);
    }
    mote_context_destroy(context);
    return result;
}

static json_t *read_energy(void)
{
    json_t *run = json_load_file(tree_path("run/run.json"), 0, NULL);
    json_t *energy = json_incref(json_object_get(json_object_get(run, "results"), "energy"));
    assert_non_null(energy);
    json_decref(run);
    return energy;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Joules of the line of a training step; NaN: null. */
static double logged(size_t step)
{
    char line[512];
    double joules = -1;
    FILE *file = fopen(tree_path("run/metrics.jsonl"), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, 0, NULL);
        const json_t *value = json_object_get(object, "joules");
        if (value && json_integer_value(json_object_get(object, "step")) == (json_int_t)step) {
            joules = json_is_null(value) ? NAN : json_number_value(value);
        }
        json_decref(object);
    }
    fclose(file);
    return joules;
}

static void assert_near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-6 * fabs(expected))) {
        fail_msg("found %.17g, expected %.17g", found, expected);
    }
}

/* Lines are written before the step's callback, the results after the last one. At the first line of a process, after
 * step number first, counters have not moved: it has no joules. */
static void check_whole_run(const mote_train_result *result, size_t first)
{
    const double joules = 6.0 * STEPS, tokens = 2.0 * 16 * STEPS;
    assert_int_equal(result->energy.kind, MOTE_ENERGY_MEASURED);
    assert_near(result->energy.joules, joules);
    json_t *energy = read_energy();
    assert_string_equal(json_string_value(json_object_get(energy, "status")), "measured");
    assert_string_equal(json_string_value(json_object_get(energy, "source")), "package-0, package-0/dram");
    assert_near(number(energy, "joules"), joules);
    assert_near(number(energy, "joules_per_token"), joules / tokens);
    double bases = result->loss / log(2) / result->bits; /* of a token: some are ends */
    assert_near(number(energy, "joules_per_base"), joules / tokens / bases);
    json_decref(energy);
    for (size_t step = 1; step <= STEPS; step++) {
        if (step == first) {
            assert_true(isnan(logged(step)));
        } else if (step > 1) {
            assert_near(logged(step), 6.0 * (double)(step - 1));
        }
    }
}

static void measured(void **state)
{
    (void)state;
    machine m = start();
    mote_train_result result = train(&m, false, "ryzen-7840u"); /* which is not asked */
    check_whole_run(&result, 1);
}

/* What the counters did in between is not the run's; steps behind the checkpoint are run, and paid, again. */
static void resumed(void **state)
{
    (void)state;
    machine m = start();
    m.stop = STOP;
    mote_train_result result = train(&m, false, NULL);
    assert_near(result.energy.joules, 6.0 * STOP);
    m.package += 1000e6;
    put_counter("intel-rapl:0", m.package);
    m.stop = 0;
    result = train(&m, true, NULL);
    /* the checkpoint of a stop is written behind its callback */
    check_whole_run(&result, STOP + 1);
}

/* Part of a run that nobody measured cannot be made good. */
static void resumed_unmeasured(void **state)
{
    (void)state;
    machine m = start();
    m.stop = STOP;
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0/name")), 0);
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0/energy_uj")), 0);
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0:0/energy_uj")), 0);
    mote_train_result result = train(&m, false, NULL);
    assert_int_equal(result.energy.kind, MOTE_ENERGY_UNAVAILABLE);
    put_domain("intel-rapl:0", "package-0\n", m.package, 1e12);
    m.stop = 0;
    result = train(&m, true, NULL);
    assert_int_equal(result.energy.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_true(isnan(result.energy.joules) && isnan(logged(STEPS)));
    assert_string_equal(result.energy.source, "unavailable: not measured before the run was resumed");
}

static void vanishing(void **state)
{
    (void)state;
    machine m = start();
    m.vanishes = true;
    m.stop = STOP + 1;
    mote_train_result result = train(&m, false, NULL);
    assert_int_equal(result.energy.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_string_equal(result.energy.source, "unavailable: package-0/dram could not be read to the end");
    assert_near(logged(STOP), 6.0 * (STOP - 1));
    assert_true(isnan(logged(STOP + 1)));
    json_t *energy = read_energy();
    assert_true(json_is_null(json_object_get(energy, "joules")));
    json_decref(energy);
}

/* A model stands in only where it was asked for, and is called one. */
static void modelled(void **state)
{
    (void)state;
    machine m = start();
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0/energy_uj")), 0);
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0:0/energy_uj")), 0);
    mote_train_result result = train(&m, false, "h200");
    assert_int_equal(result.energy.kind, MOTE_ENERGY_MODELLED);
    assert_true(result.energy.joules > 0 && isnan(logged(STEPS)));
    assert_string_equal(result.energy.source, "modelled: the steps on profile h200");
    json_t *energy = read_energy();
    assert_string_equal(json_string_value(json_object_get(energy, "status")), "modelled");
    json_decref(energy);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_open, tree_close)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(measured), TEST(resumed), TEST(resumed_unmeasured), TEST(vanishing),
                                       TEST(modelled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
