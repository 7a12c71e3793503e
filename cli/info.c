/* mote info */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

const char cli_info_help[] =
    "usage: mote info [--energy] [--json]\n\n"
    "Shows the machine as mote sees it: processor, instruction sets (used and available), caches, memory,\n"
    "threads, library versions, and which energy meters can be read or why they cannot.\n\n"
    "  --energy   the energy meters with the command that grants what may not be read, what each counter says\n"
    "             now, and the profiles of other machines\n"
    "  --json     the same for programs\n\n"
    "examples:\n"
    "  mote info\n"
    "  mote info --energy\n"
    "  MOTE_CPU=avx2 mote info\n"
    "  mote info --json | jq .meters\n";

static void print_json(const mote_machine *m, mote_context *context)
{
    json_t *meters = json_array(), *libraries = json_object(), *caches = json_array();
    for (int i = 0; i < m->meter_count; i++) {
        json_array_append_new(meters, json_pack("{s:s, s:b, s:s, s:s}", "name", m->meters[i].name, "available",
                                                m->meters[i].available, "detail", m->meters[i].detail, "grant",
                                                m->meters[i].grant));
    }
    for (int i = 0; i < m->library_count; i++) {
        json_object_set_new(libraries, m->libraries[i].name, json_string(m->libraries[i].version));
    }
    for (int i = 0; i < MOTE_MACHINE_CACHES; i++) {
        json_array_append_new(caches, json_integer((json_int_t)m->cache_bytes[i]));
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:o, s:o, s:o}", "processor", m->processor,
        "architecture", m->architecture, "system", m->system, "compiler", m->compiler, "features", m->features,
        "cpu_used", mote_cpu_level_name(mote_context_cpu(context)), "cpu_best", mote_cpu_level_name(mote_cpu_best()),
        "processors", m->processors, "threads", mote_context_threads(context), "memory_bytes",
        (json_int_t)m->memory_bytes, "memory_available_bytes", (json_int_t)m->memory_available_bytes, "cache_bytes",
        caches, "meters", meters, "libraries", libraries);
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

static void print_text(const mote_machine *m, mote_context *context)
{
    char text[3][32];
    printf("processor     %s (%s)\n", m->processor, m->architecture);
    printf("kernels       %s; best here: %s\n", mote_cpu_level_name(mote_context_cpu(context)),
           mote_cpu_level_name(mote_cpu_best()));
    printf("features      %s\n", m->features);
    printf("caches        ");
    for (int i = 0; i < MOTE_MACHINE_CACHES; i++) {
        if (m->cache_bytes[i]) {
            printf("%sL%d %s", i ? ", " : "", i + 1, cli_bytes((double)m->cache_bytes[i], text[0], sizeof text[0]));
        }
    }
    printf("\nthreads       %d of %d processors\n", mote_context_threads(context), m->processors);
    printf("memory        %s, %s available\n", cli_bytes((double)m->memory_bytes, text[1], sizeof text[1]),
           cli_bytes((double)m->memory_available_bytes, text[2], sizeof text[2]));
    printf("system        %s\n", m->system);
    printf("compiler      %s\n", m->compiler);
    printf("libraries     ");
    for (int i = 0; i < m->library_count; i++) {
        printf("%s%s %s", i ? ", " : "", m->libraries[i].name, m->libraries[i].version);
    }
    printf("\nenergy        ");
    for (int i = 0; i < m->meter_count; i++) {
        printf("%s%-11s  %s: %s\n", i ? "              " : "", m->meters[i].available ? "available" : "unavailable",
               m->meters[i].name, m->meters[i].detail);
        if (*m->meters[i].grant) {
            printf("%27sto read them: %s\n", "", m->meters[i].grant);
        }
    }
}

int cli_info(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"energy", no_argument, NULL, 'e'}, {0}};
    bool json = false, energy = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?') {
            fprintf(stderr, "Try: mote info --help\n");
            return CLI_USAGE;
        }
        json |= option == 'j';
        energy |= option == 'e';
    }
    if (optind < argc) {
        return cli_complain(CLI_USAGE, "info", "unexpected '%s'", argv[optind]);
    }
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    mote_machine *machine = malloc(sizeof *machine);
    if (!machine) {
        mote_context_destroy(context);
        return cli_complain(CLI_FAILED, "info", "out of memory");
    }
    mote_machine_describe(machine);
    int status = CLI_DONE;
    if (energy) {
        status = cli_energy(context, machine, json);
    } else {
        (json ? print_json : print_text)(machine, context);
    }
    free(machine);
    mote_context_destroy(context);
    return status;
}
