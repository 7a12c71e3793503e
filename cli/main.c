/* The mote program: the table of verbs. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct {
    const char *name, *summary, *help;
    cli_verb *run;
} verbs[] = {
    {"info", "this machine: processor, memory, libraries, energy meters", cli_info_help, cli_info},
    {"cast", "convert the tensors of a file to a number format and back", cli_cast_help, cli_cast},
    {"inspect", "what is in a tensor file", cli_inspect_help, cli_inspect},
    {"train", "train a model of sequences from FASTA in any number format", cli_train_help, cli_train},
    {"eval", "bits a base or residue of a trained model", cli_eval_help, cli_eval},
    {"study", "scientific tasks in every number format, with their price in joules", cli_study_help, cli_study},
    {"fold", "the structure of a protein or a complex from its alignment", cli_fold_help, cli_fold},
    {"plan", "what a training run will take, before it runs", cli_plan_help, cli_plan},
    {"report", "one HTML file on one training run or several", cli_report_help, cli_report},
    {"bench", "measure speed against a named peer", cli_bench_help, cli_bench},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void usage(FILE *to)
{
    fprintf(to,
            "mote %s, the MicroscOpic Tensor Engine: science in microscaling number formats.\n\n"
            "usage: mote VERB ...\n\n",
            mote_version());
    for (int i = 0; i < VERBS; i++) {
        fprintf(to, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(to, "\n'mote VERB --help' explains a verb with examples. Environment: MOTE_THREADS=N,\n"
                "MOTE_CPU=c|avx2|avx512|avx512vnni|avx512bf16 (the best instruction set to use).\n"
                "Exit status: 0 done, 1 failed, 2 used wrongly.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    bool help = strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    if (strcmp(argv[1], "--version") == 0) {
        printf("mote %s\n", mote_version());
        return CLI_DONE;
    }
    if (help && argc == 2) {
        usage(stdout);
        return CLI_DONE;
    }
    const char *name = help ? argv[2] : argv[1];
    for (int i = 0; i < VERBS; i++) {
        if (strcmp(name, verbs[i].name) != 0) {
            continue;
        }
        for (int a = 2; a < argc && !help; a++) {
            help = strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0;
        }
        if (help) {
            fputs(verbs[i].help, stdout);
            return CLI_DONE;
        }
        char program[32]; /* how getopt begins its complaints */
        snprintf(program, sizeof program, "mote %s", verbs[i].name);
        argv[1] = program;
        int status = verbs[i].run(argc - 1, argv + 1);
        if (status == CLI_DONE && (fflush(stdout) != 0 || ferror(stdout))) {
            return cli_complain(CLI_FAILED, name, "cannot write to standard output");
        }
        return status;
    }
    fprintf(stderr, "mote: unknown verb '%s'\n\n", name);
    usage(stderr);
    return CLI_USAGE;
}
