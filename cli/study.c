/* mote study: scientific tasks in every number format. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char cli_study_help[] =
    "usage: mote study [TASK...] [-o DIR] [options]\n\n"
    "Trains and runs small models of many sciences in every number format, with one recipe a task: in FP32; those\n"
    "weights cast to a format; finetuned in it; trained in it from scratch. The folder gets a file for each result,\n"
    "study.json, results.csv and report.html. Ctrl-C stops; the same command with --resume goes on.\n\n"
    "  -o, --out DIR         the study's folder (default: runs/study)\n"
    "  --policies P,...      default: fp32,mxint8,mxfp8,mxfp6,mxfp4-w_mxfp6-ag,mxfp4\n"
    "  --seeds N             default 3\n"
    "  --quick               six tasks of six sciences, three policies, one seed: two minutes\n"
    "  --resume              keep what the folder already has\n"
    "  --data DIR            real data sets (default: the environment's MOTE_DATA); see docs/data.md\n"
    "  --jobs N              experiments at a time (default: as many as threads); 1 measures each one's joules\n"
    "  --profile NAME        the machine whose joules are modelled (default epyc-9654; see docs/energy.md)\n"
    "  --threads N\n"
    "  --list                the tasks\n"
    "  --json                an object for each result instead of a table\n\n"
    "examples:\n"
    "  mote study --quick\n"
    "  mote study lorenz96 ising --policies mxfp6 --seeds 1\n"
    "  MOTE_DATA=data mote study -o runs/study\n";

typedef struct arguments {
    mote_study_options study;
    const char *policies[16];
    char *policy_text;
    long seeds, jobs, threads;
    bool list, json;
} arguments;

static bool split_policies(arguments *a, const char *text)
{
    a->policy_text = strdup(text);
    for (char *name = a->policy_text ? strtok(a->policy_text, ",") : NULL; name; name = strtok(NULL, ",")) {
        if (a->study.policy_count == 16) {
            cli_complain(CLI_USAGE, "study", "--policies: more than 16");
            return false;
        }
        a->policies[a->study.policy_count++] = name;
    }
    a->study.policies = a->policies;
    return a->policy_text != NULL;
}

static bool parse(int argc, char **argv, arguments *a)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},     {"policies", required_argument, NULL, 'p'},
        {"seeds", required_argument, NULL, 's'},   {"quick", no_argument, NULL, 'q'},
        {"resume", no_argument, NULL, 'r'},        {"data", required_argument, NULL, 'd'},
        {"jobs", required_argument, NULL, 'j'},    {"profile", required_argument, NULL, 'P'},
        {"threads", required_argument, NULL, 't'}, {"list", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'J'},          {0}};
    int option;
    bool good = true;
    a->study.output = "runs/study";
    while (good && (option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        switch (option) {
        case 'o': a->study.output = optarg; break;
        case 'p': good = split_policies(a, optarg); break;
        case 's': good = cli_number("study", "--seeds", optarg, 1, 64, &a->seeds); break;
        case 'q': a->study.quick = 1; break;
        case 'r': a->study.resume = 1; break;
        case 'd': a->study.data = optarg; break;
        case 'j': good = cli_number("study", "--jobs", optarg, 1, 256, &a->jobs); break;
        case 'P': a->study.profile = optarg; break;
        case 't': good = cli_number("study", "--threads", optarg, 1, 4096, &a->threads); break;
        case 'l': a->list = true; break;
        case 'J': a->json = true; break;
        default: fprintf(stderr, "Try: mote study --help\n"); return false;
        }
    }
    a->study.seeds = (size_t)a->seeds;
    a->study.jobs = (size_t)a->jobs;
    a->study.tasks = (const char *const *)(argv + optind);
    a->study.task_count = (size_t)(argc - optind);
    return good;
}

static void list(bool json)
{
    mote_study_task t;
    for (size_t i = 0; mote_study_task_at(i, &t); i++) {
        if (json) {
            printf("{\"name\": \"%s\", \"science\": \"%s\", \"simulated\": %s, \"metric\": \"%s\"}\n", t.name,
                   t.science, t.simulated ? "true" : "false", t.metric);
        } else {
            printf("%-24s %-18s %-9s %s\n", t.name, t.science, t.simulated ? "simulated" : "data", t.title);
        }
    }
}

static int show(void *user, const mote_study_progress *p)
{
    const bool *json = user;
    if (!p->task) {
        cli_bar(p->total ? (double)p->done / (double)p->total : 0, NULL);
        return cli_interrupted();
    }
    if (*json) {
        printf("{\"done\": %zu, \"total\": %zu, \"task\": \"%s\", \"setting\": \"%s\", \"policy\": \"%s\", \"seed\": "
               "%llu, \"score\": ",
               p->done, p->total, p->task, mote_study_setting_name(p->setting), p->policy, (unsigned long long)p->seed);
        printf(isfinite(p->score) ? "%.9g" : "null", p->score);
        printf(", \"seconds\": %.3f}\n", p->seconds);
    } else {
        cli_bar_clear();
        printf("%4zu/%-4zu %-22s %-9s %-18s seed %llu  %-18s %9.4g  %6.1f s\n", p->done, p->total, p->task,
               mote_study_setting_name(p->setting), p->policy, (unsigned long long)p->seed, p->metric, p->score,
               p->seconds);
    }
    fflush(stdout);
    return cli_interrupted();
}

static int finish(mote_context *context, const arguments *a, const mote_study_result *result)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/report.html", a->study.output);
    if (mote_study_report(context, a->study.output, path) != MOTE_OK) {
        return cli_complain(CLI_FAILED, "study", "the results are kept, their report is not written: %s",
                            mote_context_message(context));
    }
    if (!a->json) {
        printf("\n%zu tasks, %zu experiments in %.0f s", result->tasks, result->experiments, result->seconds);
        if (result->not_run) {
            printf("; %zu tasks were not run, the report says why", result->not_run);
        }
        printf("\nwrote %s/: study.json, results.csv\nreport: %s\n", a->study.output, path);
    }
    return result->failed
               ? cli_complain(CLI_FAILED, "study", "%zu tasks failed; the first: %s", result->failed, result->failure)
               : CLI_DONE;
}

int cli_study(int argc, char **argv)
{
    arguments a = {0};
    mote_study_result result;
    if (!parse(argc, argv, &a)) {
        free(a.policy_text);
        return CLI_USAGE;
    }
    if (a.list) {
        list(a.json);
        free(a.policy_text);
        return CLI_DONE;
    }
    mote_context *context = cli_context((int)a.threads, NULL);
    if (!context) {
        free(a.policy_text);
        return CLI_FAILED;
    }
    char *command = cli_command_line(argc, argv);
    a.study.command = command;
    cli_interrupted();
    mote_status status = mote_study(context, &a.study, show, &a.json, &result);
    cli_bar_clear();
    int code = CLI_DONE;
    if (status != MOTE_OK) {
        code = cli_complain(CLI_FAILED, "study", "%s", mote_context_message(context));
        if (status == MOTE_ERROR_CANCELLED) {
            fprintf(stderr, "Go on with the same command and --resume -o %s\n", a.study.output);
        }
    } else {
        code = finish(context, &a, &result);
    }
    mote_context_destroy(context);
    free(command);
    free(a.policy_text);
    return code;
}
