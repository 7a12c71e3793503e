/* Reports: facts that must appear, text that must be harmless, folders that are incomplete, broken or hostile. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/embedded.h"
#include "unit.h"

static char folder[64];
static mote_context *context;

static const char good_run[] =
    "{\"mote\":\"0.1.0\",\"name\":\"%s\",\"status\":\"done\",\"started\":\"2026-11-21T05:00:00Z\","
    "\"command\":\"mote train x.fa --policy %s\",\"model\":{\"type\":\"gpt2\",\"parameters\":19214336},"
    "\"policy\":{\"name\":\"%s\"},\"recipe\":{\"optimizer\":\"adamw\",\"learning_rate\":0.001},"
    "\"data\":{\"description\":\"a genome\",\"unit\":\"base\",\"limit\":{\"bits\":1.8125,\"error\":0.0005}},"
    "\"machine\":{\"processor\":\"a processor\",\"level\":\"c\",\"threads\":2,\"memory_bytes\":16000000000},"
    "\"plan\":{\"peak_bytes\":123456789,\"categories\":[{\"name\":\"gradients\",\"bytes\":23000000}],"
    "\"timeline\":[[0,5],[1,123456789],[2,7]]},"
    "\"results\":{\"bits\":%s,\"perplexity\":3.627,\"seconds\":61.26,\"tokens_per_second\":%s,"
    "\"measured_peak_bytes\":234000000,\"energy\":{\"status\":\"measured\",\"joules\":1234,\"source\":\"a meter\"}}}";

static const char good_metrics[] =
    "{\"step\":0,\"bits\":6,\"seconds\":0.5,\"joules\":1}\n{\"step\":10,\"bits\":1.9,\"seconds\":1,\"joules\":2}\n"
    "{\"step\":10,\"validation_bits\":1.9531,\"seconds\":1}\n";

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mote-report-XXXXXX");
    context = unit_context(1, NULL);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    mote_context_destroy(context);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, 160, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A run folder; metrics NULL: without the file. */
static void make_run(const char *name, const char *run, const char *metrics)
{
    char path[200];
    mkdir(path_of(name), 0777);
    snprintf(path, sizeof path, "%s/run.json", path_of(name));
    write_text(path, run);
    snprintf(path, sizeof path, "%s/metrics.jsonl", path_of(name));
    remove(path);
    if (metrics) {
        write_text(path, metrics);
    }
}

static void make_good(const char *name, const char *policy, const char *bits, const char *speed)
{
    char run[2048];
    snprintf(run, sizeof run, good_run, name, policy, policy, bits, speed);
    make_run(name, run, good_metrics);
}

/* The report on one or two runs, to be freed, without the library in it: what is left is ours. */
static char *report(const char *first, const char *second)
{
    const char *runs[] = {path_of(first), second ? path_of(second) : NULL};
    const char *output = path_of("out.html");
    unit_ok(context, mote_report(context, runs, second ? 2 : 1, output));
    FILE *file = fopen(output, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    assert_true(size > 1000 && size < 600000);
    assert_int_equal(strlen(text), size);
    if (mote_embedded_d3.size > 0) {
        char *start = strstr(text, "<script>//"), *end = start ? strstr(start, "</script>") : NULL;
        assert_non_null(end);
        memmove(start, end, strlen(end) + 1);
    }
    return text;
}

static void has(const char *page, const char *part)
{
    if (!strstr(page, part)) {
        fail_msg("the report lacks '%s'", part);
    }
}

static void lacks(const char *page, const char *part)
{
    if (strstr(page, part)) {
        fail_msg("the report has '%s'", part);
    }
}

static void refused(const char *name, mote_status expected, const char *part)
{
    const char *runs[] = {path_of(name)};
    mote_status status = mote_report(context, runs, 1, path_of("refused.html"));
    if (status != expected || !strstr(mote_context_message(context), part)) {
        fail_msg("%s: status %d, message '%s', expected '%s'", name, status, mote_context_message(context), part);
    }
    assert_int_not_equal(access(path_of("refused.html"), F_OK), 0);
}

static void shows_the_facts(void **state)
{
    (void)state;
    make_good("plain", "fp32", "1.8625", "8000");
    char *page = report("plain", NULL);
    static const char *const facts[] = {"<h1>plain</h1>",
                                        "gpt2",
                                        "19.2\u00a0million parameters",
                                        "1.8625",
                                        "0.0500 above the limit",
                                        "3.63",
                                        ">8,000<",
                                        "61.3\u00a0s in all",
                                        "234\u00a0MB",
                                        "planned 123\u00a0MB",
                                        "1.23\u00a0kJ",
                                        "measured",
                                        "21\u00a0November\u00a02026, 05:00\u00a0UTC",
                                        "a processor",
                                        "19,214,336",
                                        "adamw",
                                        "0.001",
                                        "16.0\u00a0GB",
                                        "mote train x.fa --policy fp32",
                                        "23.0\u00a0MB",
                                        "1.9531",
                                        "\"limit\"",
                                        "123456789",
                                        "a meter"};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        has(page, facts[i]);
    }
    free(page);
}

static void compares_with_fp32(void **state)
{
    (void)state;
    make_good("a", "fp32", "1.8", "8000");
    make_good("b", "mxfp4", "1.809", "20000");
    char *page = report("a", "b");
    has(page, "a genome: 2 runs");
    has(page, "<td data-key=\"0.49999999999998934\">+0.50</td>");
    has(page, "<td data-key=\"2.5\">2.50</td>");
    has(page, "2.50\u00a0×\u00a0FP32");
    lacks(page, "2.47\u00a0kJ"); /* joules are never added up */
    free(page);
    make_good("b", "mxfp4", "1.809", "20000");
    char run[2048];
    snprintf(run, sizeof run, good_run, "b", "mxfp4", "mxfp4", "1.809", "20000");
    memcpy(strstr(run, "adamw"), "other", 5); /* another recipe is no comparison */
    make_run("b", run, good_metrics);
    page = report("a", "b");
    lacks(page, "+0.50");
    lacks(page, ">2.50<");
    free(page);
}

static void unfinished_losses_do_not_compare(void **state)
{
    (void)state;
    char run[2048];
    make_good("a", "fp32", "1.8", "8000");
    snprintf(run, sizeof run, good_run, "b", "mxfp4", "mxfp4", "1.809", "20000");
    memcpy(strstr(run, "\"done\""), "\"dead\"", 6);
    make_run("b", run, good_metrics);
    char *page = report("a", "b");
    lacks(page, "+0.50");
    has(page, ">2.50<");
    free(page);
}

static void text_is_harmless(void **state)
{
    (void)state;
    make_run(
        "evil",
        "{\"name\":\"</title><script>alert(1)</script><!--<script>\",\"policy\":{\"name\":\"\\\" onload='x' &amp;\"},"
        "\"status\":\"<img src=x>\",\"command\":\"a && b > c "
        "</pre>\",\"data\":{\"unit\":\"<b>\",\"description\":\"%s%n\"},"
        "\"recipe\":{\"<i>\":\"</dd>\"},\"plan\":{\"categories\":[{\"name\":\"<u>\",\"bytes\":1}]},"
        "\"results\":{\"bits\":1,\"energy\":{\"status\":\"<s>\",\"joules\":1}}}",
        "{\"step\":1,\"bits\":2}\n");
    char *page = report("evil", NULL);
    char *data = strstr(page, "id=\"data\">");
    assert_non_null(data);
    has(data, "\\u003c/title>\\u003cscript>alert(1)");
    assert_memory_equal(strchr(data, '<'), "</script>", 9); /* nothing in the data ends them */
    *data = '\0';
    static const char *const bad[] = {"<script>alert", "<!--", "\" onload",  "<img", "c </pre>",
                                      "<b>",           "<i>",  "</dd></dd>", "<u>",  "<s>"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lacks(page, bad[i]);
    }
    has(page, "<h1>&lt;/title&gt;&lt;script&gt;alert(1)");
    has(page, "&quot; onload=&#39;x&#39; &amp;amp;");
    has(page, "%s%n");
    free(page);
}

static void asks_for_nothing(void **state)
{
    (void)state;
    make_good("plain", "fp32", "1.8625", "8000");
    char *page = report("plain", NULL);
    static const char *const loads[] = {"src=", "href=\"http", "@import", "url(http", "fetch(", "XMLHttpRequest"};
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        lacks(page, loads[i]);
    }
    has(page, "default-src 'none'");
    if (mote_embedded_d3.size > 0) {
        has(page, "Mike Bostock"); /* the licence is there with the library */
    } else {
        has(page, "built without D3");
    }
    free(page);
}

static void missing_is_not_there(void **state)
{
    (void)state;
    make_run("empty", "{}", NULL);
    char *page = report("empty", NULL);
    has(page, "<h1>empty</h1>");
    has(page, "not stated");
    free(page);
    make_run("empty", "{\"results\":{}}", "");
    free(report("empty", "empty"));
    make_good("a", "fp32", "1.8", "8000");
    free(report("a", "empty"));
    make_run("killed", "{\"data\":{\"unit\":\"base\"},\"status\":\"running\"}", good_metrics);
    page = report("killed", NULL);
    has(page, "1.9531");
    has(page, "at step 10");
    free(page);
}

static void broken_lines(void **state)
{
    (void)state;
    make_run("cut", "{}", "{\"step\":1,\"bits\":2}\n\n{\"step\":2,\"validation_bits\":1.7531}\n{\"step\":3,\"bi");
    char *page = report("cut", NULL);
    has(page, "1.7531");
    has(page, "the last line of metrics.jsonl was cut off");
    free(page);
    make_run("cut", "{}", "{\"step\":1,\"bits\":2}\n{\"step\":2,\n{\"step\":3,\"bits\":2}\n");
    refused("cut", MOTE_ERROR_FILE, "cut/metrics.jsonl: line 2: ");
    make_run("cut", "{}", "{\"step\":1}\n[1]\n{\"step\":3}\n");
    refused("cut", MOTE_ERROR_FILE, "metrics.jsonl: line 2: expected a JSON object");
    make_run("cut", "{\n\n\"name\": nope}", "");
    refused("cut", MOTE_ERROR_FILE, "cut/run.json: line 3: ");
    make_run("cut", "[]", "");
    refused("cut", MOTE_ERROR_FILE, "cut/run.json: expected a JSON object");
    make_run("cut", "", "");
    refused("cut", MOTE_ERROR_FILE, "cut/run.json");
    refused("absent", MOTE_ERROR_IO, "absent/run.json: cannot open: No such file");
    make_run("pipe", "{}", NULL);
    mkdir(path_of("pipe/metrics.jsonl"), 0777);
    refused("pipe", MOTE_ERROR_IO, "metrics.jsonl: expected a regular file");
    assert_int_equal(mote_report(context, NULL, 0, path_of("refused.html")), MOTE_ERROR_ARGUMENT);
}

/* A resumed run goes back to its checkpoint: what came after it the first time is gone. */
static void resumed_runs(void **state)
{
    (void)state;
    make_run("resumed", "{}",
             "{\"step\":10,\"bits\":3}\n{\"step\":10,\"validation_bits\":3.1415}\n{\"step\":20,\"bits\":2}\n"
             "{\"step\":20,\"validation_bits\":2.7182}\n{\"step\":15,\"bits\":2.5}\n");
    char *page = report("resumed", NULL);
    has(page, "3.1415");
    lacks(page, "2.7182");
    has(page, "\"step\":[10,15]");
    free(page);
}

static void hostile_values(void **state)
{
    (void)state;
    static const char *const values[] = {"null",     "true",        "\"x\"",      "[]",
                                         "{}",       "-1",          "1e308",      "-1e308",
                                         "[[[[]]]]", "[{},1]",      "{\"a\":{}}", "9223372036854775807",
                                         "1e-320",   "[[1,2],[3]]", "[null]",     "0.1"};
    static const char *const paths[] = {"\"name\":%s",
                                        "\"status\":%s",
                                        "\"started\":%s",
                                        "\"command\":%s",
                                        "\"model\":%s",
                                        "\"model\":{\"parameters\":%s}",
                                        "\"policy\":%s",
                                        "\"recipe\":%s",
                                        "\"recipe\":{\"a_bytes\":%s}",
                                        "\"data\":%s",
                                        "\"data\":{\"limit\":%s}",
                                        "\"data\":{\"limit\":{\"bits\":%s,\"error\":%s}}",
                                        "\"data\":{\"baselines\":%s}",
                                        "\"data\":{\"baselines\":[%s,{\"name\":\"b\",\"bits\":%s}]}",
                                        "\"plan\":%s",
                                        "\"plan\":{\"categories\":%s}",
                                        "\"plan\":{\"categories\":[{\"name\":\"x\",\"bytes\":%s},{\"name\":%s}]}",
                                        "\"plan\":{\"timeline\":%s}",
                                        "\"plan\":{\"timeline\":[%s,[%s,%s]]}",
                                        "\"results\":%s",
                                        "\"results\":{\"bits\":%s,\"tokens_per_second\":%s}",
                                        "\"results\":{\"seconds\":%s,\"measured_peak_bytes\":%s,\"perplexity\":%s}",
                                        "\"results\":{\"energy\":%s}",
                                        "\"results\":{\"energy\":{\"status\":%s,\"joules\":%s}}",
                                        "\"results\":{\"energy\":{\"status\":\"measured\",\"joules\":%s}}",
                                        "\"machine\":{\"threads\":%s}"};
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            char member[512], run[600], metrics[600];
            const char *x = values[v];
            snprintf(member, sizeof member, paths[p], x, x, x);
            snprintf(run, sizeof run, "{%s}", member);
            snprintf(metrics, sizeof metrics,
                     "{\"step\":1,\"bits\":%s,\"seconds\":%s}\n{\"step\":%s,\"bits\":2,\"joules\":%s}\n"
                     "{\"step\":%s,\"validation_bits\":%s}\n",
                     x, x, x, x, x, x);
            make_run("hostile", run, metrics);
            free(report("hostile", p % 4 == 0 ? "hostile" : NULL));
        }
    }
}

static void hostile_files(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    static char text[2 * DEEP];
    make_run("hostile", "{\"a\":1e999}", "");
    refused("hostile", MOTE_ERROR_FILE, "run.json: line 1");
    make_run("hostile", "{}", "{\"step\":1e999}\n{}\n");
    refused("hostile", MOTE_ERROR_FILE, "metrics.jsonl: line 1");
    make_run("hostile", "{}", "{\"step\":99999999999999999999}\n{}\n");
    refused("hostile", MOTE_ERROR_FILE, "metrics.jsonl: line 1");
    make_run("hostile", "{\"name\":\"\xff\"}", "");
    refused("hostile", MOTE_ERROR_FILE, "run.json: line 1");
    size_t used = (size_t)snprintf(text, sizeof text, "{\"recipe\":");
    memset(text + used, '[', DEEP);
    make_run("hostile", text, "");
    refused("hostile", MOTE_ERROR_FILE, "run.json");
    used = (size_t)snprintf(text, sizeof text, "{\"recipe\":{\"a\":"); /* as deep as the parser allows, and whole */
    memset(text + used, '[', 2000);
    memset(text + used + 2000, ']', 2000);
    snprintf(text + used + 4000, 8, "}}");
    make_run("hostile", text, "");
    free(report("hostile", "hostile"));
    used = (size_t)snprintf(text, sizeof text, "{\"name\":\""); /* a long name */
    memset(text + used, 'n', DEEP / 4);
    snprintf(text + used + DEEP / 4, 8, "\"}");
    make_run("hostile", text, "");
    free(report("hostile", "hostile"));
}

/* However long a run was, its page stays small, and the last point is the last. */
static void long_runs(void **state)
{
    (void)state;
    enum { LINES = 20000, WIDTH = 48 };
    char *metrics = calloc(2 * LINES, WIDTH), *at = metrics;
    for (int i = 0; i < LINES; i++) {
        at += snprintf(at, WIDTH, "{\"step\":%d,\"bits\":%d.5}\n", i, 2 + i % 3);
        at += snprintf(at, WIDTH, "{\"step\":%d,\"validation_bits\":%d.25}\n", i, 2 + i % 3);
    }
    make_run("long", "{}", metrics);
    char *page = report("long", NULL);
    has(page, "\"points\":{\"step\":[0,");
    has(page, ",19999],\"bits\"");
    free(page);
    free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_facts),
        cmocka_unit_test(compares_with_fp32),
        cmocka_unit_test(unfinished_losses_do_not_compare),
        cmocka_unit_test(text_is_harmless),
        cmocka_unit_test(asks_for_nothing),
        cmocka_unit_test(missing_is_not_there),
        cmocka_unit_test(broken_lines),
        cmocka_unit_test(resumed_runs),
        cmocka_unit_test(hostile_values),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(long_runs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
