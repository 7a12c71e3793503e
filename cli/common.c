/* Shared by the verbs. */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

mote_context *cli_context(int threads, const char *cpu)
{
    mote_context *context;
    char message[512];
    mote_context_options options = {.threads = threads, .cpu = cpu};
    if (mote_context_create(&options, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "mote: %s\n", message);
        return NULL;
    }
    return context;
}

int cli_complain(int status, const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_bar_clear();
    fprintf(stderr, "mote %s: ", verb);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    if (status == CLI_USAGE) {
        fprintf(stderr, "Try: mote %s --help\n", verb);
    }
    va_end(arguments);
    return status;
}

const char *cli_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    while (bytes >= 999.5 && unit < 5) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, size, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

const char *cli_shape(const mote_layout *layout, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < layout->rank && used < size; d++) {
        used += (size_t)snprintf(text + used, size - used, "%s%zu", d ? ", " : "", layout->shape[d]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "]");
    }
    return text;
}

bool cli_number(const char *verb, const char *option, const char *text, long least, long most, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    if (!*text || *end || *number < least || *number > most) {
        cli_complain(CLI_USAGE, verb, "%s: expected a whole number from %ld to %ld, found '%s'", option, least, most,
                     text);
        return false;
    }
    return true;
}

bool cli_only_json(const char *verb, int argc, char **argv, bool *json)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    int option;
    *json = false;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j') {
            fprintf(stderr, "Try: mote %s --help\n", verb);
            return false;
        }
        *json = true;
    }
    return true;
}

int cli_formats(const char *verb, const char *text, mote_format formats[MOTE_FORMAT_COUNT])
{
    int count = 0;
    bool all = strcmp(text, "all") == 0;
    for (int f = 0; all && f < MOTE_FORMAT_COUNT; f++) {
        if (mote_format_get((mote_format)f)->kind == MOTE_KIND_TARGET) {
            formats[count++] = (mote_format)f;
        }
    }
    while (!all && text) {
        char name[64];
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : strlen(text);
        snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), text);
        mote_format format = mote_format_find(name);
        if (format == MOTE_FORMAT_COUNT || mote_format_get(format)->kind != MOTE_KIND_TARGET ||
            count == MOTE_FORMAT_COUNT) {
            cli_complain(CLI_USAGE, verb,
                         "unknown format '%s'; known: fp32 bf16 fp16 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 "
                         "mxfp4_e2m1 mxint8 nvfp4 (and mxfp8, mxfp6, mxfp4 for short)",
                         name);
            return 0;
        }
        formats[count++] = format;
        text = comma ? comma + 1 : NULL;
    }
    return count;
}

char *cli_command_line(int argc, char **argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    size_t size = 1;
    for (int i = 0; i < argc; i++) {
        size += 4 * strlen(argv[i]) + 3; /* a quote takes four characters */
    }
    char *text = malloc(size), *at = text;
    for (int i = 0; text && i < argc; i++) {
        bool quoted = i > 0 && (!*argv[i] || argv[i][strspn(argv[i], plain)]); /* argv[0] is "mote train" */
        if (strcmp(argv[i], "--resume") == 0) {
            continue;
        }
        at = stpcpy(at, i ? quoted ? " '" : " " : "");
        for (const char *c = argv[i]; *c; c++) {
            at = *c == '\'' ? stpcpy(at, "'\\''") : stpncpy(at, c, 1);
        }
        at = stpcpy(at, quoted ? "'" : "");
    }
    return text;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

bool cli_interrupted(void)
{
    static bool installed;
    if (!installed) {
        struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        installed = true;
    }
    return interrupted;
}

/* Shown only after a second of work, then ten times a second. */
static double bar_started, bar_drawn;

void cli_bar(double done, const char *label)
{
    enum { WIDTH = 30 };
    double now = mote_clock();
    if (bar_started == 0) {
        bar_started = now;
    }
    double spent = now - bar_started;
    if (!isatty(STDERR_FILENO) || spent < 1 || now - bar_drawn < 0.1) {
        return;
    }
    bar_drawn = now;
    char bar[WIDTH + 1], name[48];
    int filled = (int)(done * WIDTH);
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)(filled < WIDTH ? filled : WIDTH));
    bar[WIDTH] = '\0';
    double left = done > 0 ? spent / done - spent : 0;
    fprintf(stderr, "\r[%s] %3.0f %%  %.0f s left  %-40s", bar, 100 * done, left,
            label ? cli_fit(label, 40, name, sizeof name) : "");
}

void cli_bar_clear(void)
{
    if (bar_drawn > 0) {
        fprintf(stderr, "\r%100s\r", "");
        bar_drawn = 0;
    }
}

const char *cli_fit(const char *text, size_t width, char *buffer, size_t size)
{
    size_t length = strlen(text);
    if (length <= width) {
        snprintf(buffer, size, "%s", text);
    } else {
        snprintf(buffer, size, "...%s", text + length - (width - 3));
    }
    return buffer;
}
