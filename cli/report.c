/* mote report */
#include <getopt.h>
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
    "Losses and speeds are given relative to the FP32 run among the runs, if it has the same model, recipe and "
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
