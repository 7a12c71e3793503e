/* Profiles: those that are carried, what is refused, and estimates against sums written out. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "energy/profile.h"
#include "unit.h"

/* A machine of round numbers: MXFP8 E4M3 apart, the others as FP32; 1 kB and 1 MB of cache. */
#define FIGURE(v)            "{\"value\": " v ", \"source\": \"this test\"}"
#define PRICES(rate, joules) "\"per_second\": " FIGURE(rate) ", \"joules\": " FIGURE(joules)
#define OTHERS                                                                                                         \
    "[\"fp32\", \"bf16\", \"fp16\", \"mxfp8_e5m2\", \"mxfp6_e3m2\", \"mxfp6_e2m3\", \"mxfp4_e2m1\", \"mxint8\", "      \
    "\"nvfp4\"]"
#define PRODUCTS                                                                                                       \
    "[{\"formats\": " OTHERS ", " PRICES("1000", "4") "}, {\"formats\": [\"mxfp8_e4m3\"], " PRICES("4000", "0.5") "}]"
#define MOVES(rate, joules)             "\"bytes_per_second\": " FIGURE(rate) ", \"joules_per_byte\": " FIGURE(joules)
#define CACHE(name, size, rate, joules) "{\"name\": \"" name "\", \"bytes\": " FIGURE(size) ", " MOVES(rate, joules) "}"
#define MEMORY(rate, joules)            "{\"name\": \"memory\", " MOVES(rate, joules) "}"
#define NEAR                            CACHE("near", "1024", "1e6", "0.125")
#define FAR                             CACHE("far", "1048576", "1e5", "0.25")
#define LEVELS                          "[" NEAR ", " FAR ", " MEMORY("1e4", "2") "]"
#define PROFILE(products, levels)                                                                                      \
    "{\"description\": \"a test\", \"multiply_adds\": " products ", \"levels\": " levels                               \
    ", \"idle_watts\": " FIGURE("10") "}"

static mote_profile *parse(mote_context *context, const char *text)
{
    mote_profile *profile;
    unit_ok(context, mote_profile_parse(context, "round", text, strlen(text), &profile));
    return profile;
}

/* ---- those that are carried ---- */

static void check_figure(const mote_figure *figure)
{
    assert_true(figure->value > 0 && isfinite(figure->value));
    assert_true(figure->source && strlen(figure->source) >= 10);
}

static void all_have_sources(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    int count = 0;
    for (const char *name; (name = mote_profile_name(count)) != NULL; count++) {
        mote_profile *p;
        unit_ok(context, mote_profile_open(context, name, &p));
        assert_string_equal(p->name, name);
        assert_true(strlen(p->description) > 10);
        check_figure(&p->idle_watts);
        double most = 0;
        for (int f = 0; f < MOTE_OPERAND_FORMATS; f++) {
            check_figure(&p->multiply_adds_per_second[f]);
            check_figure(&p->joules_per_multiply_add[f]);
            double watts = p->multiply_adds_per_second[f].value * p->joules_per_multiply_add[f].value;
            most = watts > most ? watts : most;
        }
        for (int l = 0; l < p->level_count; l++) {
            check_figure(&p->levels[l].bytes_per_second);
            check_figure(&p->levels[l].joules_per_byte);
        }
        assert_true(most > p->idle_watts.value && most < 1000); /* a unit that was mistaken would show */
        mote_profile_close(context, p);
    }
    assert_int_equal(count, 5);
    assert_null(mote_profile_name(-1));
    mote_profile_close(context, NULL);
    mote_context_destroy(context);
}

static void names_and_files(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_profile *p;
    char path[] = "/tmp/mote-profile-XXXXXX";
    assert_int_equal(mote_profile_open(context, "h201", &p), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(mote_context_message(context), "h200"));
    assert_int_equal(mote_profile_open(context, "./h201.json", &p), MOTE_ERROR_IO);
    assert_null(p);
    int descriptor = mkstemp(path);
    const char *text = PROFILE(PRODUCTS, LEVELS);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    unit_ok(context, mote_profile_open(context, path, &p));
    assert_string_equal(p->name, path);
    assert_int_equal(p->level_count, 3);
    mote_profile_close(context, p);
    unlink(path);
    mote_context_destroy(context);
}

/* ---- what is refused, and where the message says it is ---- */

static void refuse(mote_context *context, const char *text, const char *message)
{
    mote_profile *p;
    assert_int_equal(mote_profile_parse(context, "bad", text, strlen(text), &p), MOTE_ERROR_FILE);
    assert_null(p);
    if (!strstr(mote_context_message(context), message)) {
        fail_msg("expected '%s' in: %s", message, mote_context_message(context));
    }
}

/* The profile above with one text replaced by another. */
static void refuse_changed(mote_context *context, const char *from, const char *to, const char *message)
{
    static const char text[] = PROFILE(PRODUCTS, LEVELS);
    char changed[sizeof text + 256];
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    refuse(context, changed, message);
}

static void bad_profiles(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    refuse(context, "", "bad: no JSON: line");
    refuse(context, "[]", "bad: the profile: expected an object");
    refuse(context, "{}", "bad: the profile: 'description' is missing");
    refuse(context, PROFILE("[]", LEVELS), "bad: multiply_adds: fp32 is missing");
    refuse(context, PROFILE("{}", LEVELS), "bad: multiply_adds: expected an array");
    refuse(context, PROFILE(PRODUCTS, "[]"), "bad: levels: expected an array of 1 to 4 levels");
    refuse_changed(context, "\"description\"", "\"more\": 1, \"description\"", "unknown key 'more'");
    refuse_changed(context, "\"description\"", "\"idle_watts\": 1, \"description\"", "no JSON: line 1: duplicate");
    refuse_changed(context, "\"mxint8\", ", "", "bad: multiply_adds: mxint8 is missing");
    refuse_changed(context, "\"mxint8\"", "\"mxint8\", \"fp32\"", "bad: multiply_adds[0]: fp32 is there already");
    refuse_changed(context, "\"mxint8\"", "\"mxfp6\"", "bad: multiply_adds[0]: expected formats of operands");
    refuse_changed(context, "\"mxint8\"", "\"int32\"", "bad: multiply_adds[0]: expected formats of operands");
    refuse_changed(context, "\"mxint8\"", "7", "bad: multiply_adds[0]: expected formats of operands");
    refuse_changed(context, "[\"mxfp8_e4m3\"]", "[]", "bad: multiply_adds[1]: expected an array of formats");
    refuse_changed(context, "4000", "0", "bad: multiply_adds[1].per_second: expected a value above 0");
    refuse_changed(context, "4000", "-1", "bad: multiply_adds[1].per_second: expected a value above 0");
    refuse_changed(context, "4000", "\"4000\"", "bad: multiply_adds[1].per_second: expected a value above 0");
    refuse_changed(context, "4000", "1e999", "no JSON");
    refuse_changed(context, "0.5, \"source\": \"this test\"", "0.5",
                   "bad: multiply_adds[1].joules: 'source' is missing");
    refuse_changed(context, "0.5, \"source\": \"this test\"", "0.5, \"source\": \"\"",
                   "bad: multiply_adds[1].joules: expected a text");
    refuse_changed(context, "1048576", "1024", "bad: levels: expected each level larger than the one before");
    refuse_changed(context, "\"name\": \"memory\"", "\"name\": \"memory\", \"bytes\": 5",
                   "bad: levels[2]: unknown key 'bytes'");
    refuse_changed(context, "\"name\": \"near\"", "\"name\": 5", "bad: levels[0]: expected a text");
    mote_context_destroy(context);
}

/* ---- estimates ---- */

static void products_and_formats(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_profile *p = parse(context, PROFILE(PRODUCTS, LEVELS));
    mote_graph_counts counts = {.multiply_adds = {{0}}};
    mote_estimate e;
    counts.multiply_adds[MOTE_FP32][MOTE_FP32] = 100;
    counts.multiply_adds[MOTE_MXFP8_E4M3][MOTE_MXFP8_E4M3] = 8000;
    counts.multiply_adds[MOTE_MXFP8_E4M3][MOTE_FP32] = 10; /* the slower, the costlier one */
    counts.multiply_adds[MOTE_FP32][MOTE_MXFP8_E4M3] = 1;
    mote_profile_estimate(p, &counts, &e);
    assert_true(fabs(e.product_seconds - (111.0 / 1000 + 8000.0 / 4000)) < 1e-12);
    assert_true(fabs(e.product_joules - (111 * 4 + 8000 * 0.5)) < 1e-9);
    assert_true(e.seconds == e.product_seconds && e.byte_joules == 0);
    assert_true(fabs(e.idle_joules - 10 * e.seconds) < 1e-9);
    assert_true(fabs(e.joules - (e.product_joules + e.idle_joules)) < 1e-9);
    mote_profile_close(context, p);
    mote_context_destroy(context);
}

/* A reach below 2^r needs a cache of 2^r bytes. */
static void bytes_and_levels(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_profile *p = parse(context, PROFILE(PRODUCTS, LEVELS));
    mote_graph_counts counts = {.bytes = {0}};
    mote_estimate e;
    counts.bytes[0] = 1;
    counts.bytes[10] = 2; /* 1024 */
    counts.bytes[11] = 30;
    counts.bytes[20] = 40; /* 1048576 */
    counts.bytes[21] = 500;
    counts.bytes[MOTE_REACHES - 1] = 600;
    mote_profile_estimate(p, &counts, &e);
    assert_true(e.level_bytes[0] == 3 && e.level_bytes[1] == 70 && e.level_bytes[2] == 1100);
    assert_true(e.seconds == e.level_seconds[2] && fabs(e.seconds - 0.11) < 1e-12);
    assert_true(fabs(e.level_seconds[1] - 7e-4) < 1e-12);
    assert_true(fabs(e.byte_joules - (3 * 0.125 + 70 * 0.25 + 1100 * 2)) < 1e-9);
    assert_true(fabs(e.joules - (e.byte_joules + 1.1)) < 1e-9);
    mote_profile_close(context, p);
    mote_context_destroy(context);
}

/* Memory alone: everything comes from there. */
static void no_cache(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_profile *p = parse(context, PROFILE(PRODUCTS, "[" MEMORY("1", "1") "]"));
    mote_graph_counts counts = {.bytes = {5, 6}};
    mote_estimate e;
    mote_profile_estimate(p, &counts, &e);
    assert_true(e.level_bytes[0] == 11 && e.seconds == 11);
    mote_profile_close(context, p);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_have_sources),     cmocka_unit_test(names_and_files),  cmocka_unit_test(bad_profiles),
        cmocka_unit_test(products_and_formats), cmocka_unit_test(bytes_and_levels), cmocka_unit_test(no_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
