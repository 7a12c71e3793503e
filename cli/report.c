/* mote report */
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

const char cli_report_help[] =
    "usage: mote report RUN... [-o FILE]\n\n"
    "Writes one HTML file on a training run, or on several side by side: loss in bits against steps, time and "
    "measured\n"
    "joules, with the limit that no model can pass where it is known; where the memory goes; a table of all figures; "
    "model,\n"
    "recipe, machine and the command that runs it again. The file works offline. RUN is a folder that 'mote train' "
    "left\n"
    "(run.json and metrics.jsonl), of a run that is done, stopped or still going on.\n\n"
    "  -o, --output FILE   where to write (default: RUN/report.html, or report.html here for several runs)\n\n"
    "The table is printed as well. Losses and speeds are given relative to the FP32 run among the runs, if it has the "
    "same model, recipe and "
    "data.\n\n"
    "examples:\n"
    "  mote report runs/ecoli-mxfp6\n"
    "  mote report runs/ecoli-* -o ecoli.html\n";

/* folder/report.html, to be freed; NULL without memory. */
static char *default_output(const char *folder)
{
    static const char name[] = "/report.html";
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') {
        length--;
    }
    char *path = malloc(length + sizeof name);
    if (path) {
        memcpy(path, folder, length);
        memcpy(path + length, name, sizeof name);
    }
    return path;
}

/* ---- the table on standard output ---- */

/* A number of run.json at a path of keys; NaN where there is none. */
static double number_at(const json_t *root, const char *first, const char *second, const char *third)
{
    const json_t *value = json_object_get(json_object_get(root, first), second);
    value = third ? json_object_get(value, third) : value;
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_at(const json_t *root, const char *first, const char *second)
{
    const json_t *value = json_object_get(root, first);
    value = second ? json_object_get(value, second) : value;
    return json_is_string(value) ? json_string_value(value) : "?";
}

static void cell(const char *format, double number, int width)
{
    char text[32] = "-";
    if (isfinite(number)) {
        snprintf(text, sizeof text, format, number);
    }
    printf(" %*s", width, text);
}

/* True if two runs differ in policy and seed at most, so that their losses compare. */
static bool comparable(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "model"), json_object_get(b, "model")) &&
           json_equal(json_object_get(a, "recipe"), json_object_get(b, "recipe")) &&
           json_equal(json_object_get(a, "data"), json_object_get(b, "data"));
}

static void print_row(const json_t *run, const json_t *reference)
{
    double bits = number_at(run, "results", "bits", NULL), speed = number_at(run, "results", "tokens_per_second", NULL);
    double limit = number_at(run, "data", "limit", "bits");
    double planned = number_at(run, "plan", "peak_bytes", NULL);
    char name[32], bytes[32] = "-";
    bool against = reference && comparable(run, reference);
    double other = against ? number_at(reference, "results", "bits", NULL) : NAN;
    printf("%-24s %-18s", cli_fit(text_at(run, "name", NULL), 24, name, sizeof name), text_at(run, "policy", "name"));
    cell("%.4f", bits, 8);
    cell("%+.4f", bits - limit, 12);
    cell("%+.2f", 100 * (bits / other - 1), 10);
    cell("%.0f", speed, 9);
    cell("%.2f", against ? speed / number_at(reference, "results", "tokens_per_second", NULL) : NAN, 7);
    printf(" %9s  %s\n", isfinite(planned) ? cli_bytes(planned, bytes, sizeof bytes) : bytes,
           text_at(run, "status", NULL));
}

static void print_table(char **runs, int count)
{
    json_t **roots = calloc((size_t)count, sizeof *roots);
    const json_t *reference = NULL;
    for (int i = 0; roots && i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/run.json", runs[i]);
        roots[i] = json_load_file(path, 0, NULL);
        if (!reference && strcmp(text_at(roots[i], "policy", "name"), "fp32") == 0) {
            reference = roots[i];
        }
    }
    printf("%-24s %-18s %8s %12s %10s %9s %7s %9s  %s\n", "run", "policy", "bits", "above limit", "% of fp32",
           "tokens/s", "x fp32", "memory", "status");
    for (int i = 0; roots && i < count; i++) {
        print_row(roots[i], reference);
    }
    for (int i = 0; roots && i < count; i++) {
        json_decref(roots[i]);
    }
    free(roots);
}

static int write_report(char **runs, int count, const char *output)
{
    mote_context *context = cli_context(1, NULL);
    struct stat info;
    char size[32];
    if (!context) {
        return CLI_FAILED;
    }
    mote_status status = mote_report(context, (const char *const *)runs, (size_t)count, output);
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "report", "%s", mote_context_message(context));
    } else {
        double bytes = stat(output, &info) == 0 ? (double)info.st_size : 0;
        print_table(runs, count);
        printf("wrote %s (%d %s, %s)\n", output, count, count == 1 ? "run" : "runs",
               cli_bytes(bytes, size, sizeof size));
    }
    mote_context_destroy(context);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}

int cli_report(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};
    const char *output = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (option != 'o') {
            fprintf(stderr, "Try: mote report --help\n");
            return CLI_USAGE;
        }
        output = optarg;
    }
    int count = argc - optind;
    if (count == 0) {
        return cli_complain(CLI_USAGE, "report", "expected at least one run folder");
    }
    if (output || count > 1) {
        return write_report(argv + optind, count, output ? output : "report.html");
    }
    char *path = default_output(argv[optind]);
    if (!path) {
        return cli_complain(CLI_FAILED, "report", "out of memory");
    }
    int status = write_report(argv + optind, count, path);
    free(path);
    return status;
}
