/* mote plan: memory and work of a training run before it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "training.h"

const char cli_plan_help[] =
    "usage: mote plan [FILE...] [options]\n"
    "       mote plan evoformer [--policy NAME] [--json]\n\n"
    "Prints what `mote train` with the same options will take: the exact peak of its memory and where it goes, the\n"
    "work of a step, and an estimate of the time from a product measured here and now.\n\n"
    "evoformer: the memory of AlphaFold 2's blocks in training and in inference, beside what tensors of scores would "
    "take.\n\n" CLI_TRAINING_HELP "  --json\n\n"
    "examples:\n"
    "  mote plan ecoli.fna.gz --model gpt-medium\n"
    "  mote plan ecoli.fna.gz --model gpt-medium --policy fp32 --memory 500M\n";

/* Multiply-adds a second of a training-sized product under a policy's forward formats, here and now. */
static double measure_rate(mote_context *context, const char *policy_name)
{
    enum { ROWS = 1024, COLUMNS = 512, LENGTH = 512, RUNS = 8 };
    mote_policy policy;
    size_t count = (size_t)ROWS * LENGTH + (size_t)COLUMNS * LENGTH + (size_t)ROWS * COLUMNS;
    float *memory = calloc(count, sizeof *memory), *w = memory + (size_t)ROWS * LENGTH,
          *y = w + (size_t)COLUMNS * LENGTH;
    double best = 0;
    if (!memory || !mote_policy_find(policy_name ? policy_name : "mxfp6_e2m3", &policy)) {
        free(memory);
        return 0;
    }
    for (int i = 0; i < RUNS; i++) {
        double began = mote_clock();
        if (mote_linear(context, &policy, ROWS, LENGTH, COLUMNS, memory, 0, w, 0, NULL, y, 0) != MOTE_OK) {
            break;
        }
        double rate = (double)ROWS * COLUMNS * LENGTH / (mote_clock() - began);
        best = rate > best ? rate : best;
    }
    free(memory);
    return best;
}

static void line(const char *name, uint64_t bytes)
{
    char text[32];
    printf("  %-34s %12s\n", name, cli_bytes((double)bytes, text, sizeof text));
}

static void print_plan(const mote_train_plan *p, const char *policy, double rate)
{
    const mote_model_config *m = &p->model;
    char text[32];
    printf("%s: %zu layers of width %zu, %zu heads, context %zu, vocabulary %zu: %zu parameters; policy %s\n", m->name,
           m->layers, m->width, m->heads, m->context, m->vocabulary, p->parameters, policy);
    printf("%zu steps of %zu x %zu sequences: %.3g tokens\n\npeak memory\n", p->steps, p->batch, p->accumulation,
           p->tokens);
    line("parameters", p->training.parameters);
    line("gradients", p->training.gradients);
    line("optimizer", p->optimizer);
    line("activations saved for the gradients", p->training.saved);
    line("temporaries", p->training.temporaries);
    line("inputs", p->training.inputs);
    line("workspace", p->training.workspace);
    line("data and evaluation", p->data);
    printf("  %-34s %12s\n", "total, beside the program itself", cli_bytes((double)p->total, text, sizeof text));
    if (p->training.recomputed) {
        printf("  %zu of %zu blocks are computed twice to stay below the limit\n", p->training.recomputed,
               p->training.segments);
    }
    printf("\nwork of a step: %.4g multiply-adds, %s moved\n", p->multiply_adds,
           cli_bytes(p->bytes_moved, text, sizeof text));
    if (rate > 0) {
        double seconds = p->multiply_adds / rate + p->bytes_moved / 20e9;
        printf(
            "about %.3g s a step, %.3g s in all (estimated from a product measured now, %.3g multiply-adds a second)\n",
            seconds, seconds * (double)p->steps, rate);
    }
}

int cli_plan(int argc, char **argv)
{
    cli_training t;
    mote_train_plan p;
    if (argc > 1 && strcmp(argv[1], "evoformer") == 0) {
        return cli_plan_evoformer(argc - 1, argv + 1);
    }
    if (!cli_training_parse("plan", argc, argv, &t)) {
        return CLI_USAGE;
    }
    mote_context *context = cli_context((int)t.threads, NULL);
    if (!context) {
        cli_training_release(&t);
        return CLI_FAILED;
    }
    mote_status status = mote_train_measure(context, &t.options, &p);
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "plan", "%s", mote_context_message(context));
    } else if (t.json) {
        const mote_plan_memory *m = &p.training;
        printf("{\"parameters\": %zu, \"tokens\": %.0f, \"total_bytes\": %llu, \"parameter_bytes\": %llu, "
               "\"gradient_bytes\": %llu, \"optimizer_bytes\": %llu, \"saved_bytes\": %llu, \"temporary_bytes\": %llu, "
               "\"workspace_bytes\": %llu, \"segments\": %zu, \"recomputed\": %zu, \"multiply_adds\": %.0f, "
               "\"bytes_moved\": %.0f}\n",
               p.parameters, p.tokens, (unsigned long long)p.total, (unsigned long long)m->parameters,
               (unsigned long long)m->gradients, (unsigned long long)p.optimizer, (unsigned long long)m->saved,
               (unsigned long long)m->temporaries, (unsigned long long)m->workspace, m->segments, m->recomputed,
               p.multiply_adds, p.bytes_moved);
    } else {
        const char *policy = t.options.policy ? t.options.policy : "mxfp6_e2m3";
        print_plan(&p, t.policy ? "from the file" : policy, measure_rate(context, t.policy ? NULL : policy));
    }
    mote_context_destroy(context);
    cli_training_release(&t);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}
