/* mote plan: memory and work of a training run before it runs. */
#include <stdio.h>
#include <string.h>

#include "block.h"
#include "training.h"

const char cli_plan_help[] =
    "usage: mote plan [FILE...] [options]\n"
    "       mote plan evoformer [--policy NAME] [--json]\n\n"
    "Prints what `mote train` with the same options will take: the exact peak of its memory and where it goes, the\n"
    "work of a step, and an estimate of the time from a product measured here and now; on a profile, the time and the\n"
    "joules of another machine, modelled.\n\n"
    "evoformer: the memory of AlphaFold 2's blocks in training and in inference, beside what tensors of scores would "
    "take.\n\n" CLI_TRAINING_HELP "  --json\n\n"
    "examples:\n"
    "  mote plan evoformer\n"
    "  mote plan ecoli.fna.gz --model gpt-medium\n"
    "  mote plan ecoli.fna.gz --model gpt-medium --policy fp32 --memory 500M\n"
    "  mote plan ecoli.fna.gz --model gpt-medium --profile h200\n";

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

/* Time and joules on the profile; NULL: none was named. */
static void print_estimate(const mote_train_plan *p, const mote_profile *profile)
{
    mote_estimate e;
    if (!profile) {
        return;
    }
    mote_profile_estimate(profile, &p->counts, &e);
    double steps = (double)p->steps;
    printf("\nmodelled on %s (%s)\n", profile->name, profile->description);
    printf("  at least %.3g s a step: products %.3g s", e.seconds, e.product_seconds);
    for (int l = 0; l < profile->level_count; l++) {
        printf(", %s %.3g s", profile->levels[l].name, e.level_seconds[l]);
    }
    printf("\n  %.3g J a step: products %.3g J, bytes %.3g J, idle power %.3g J\n", e.joules, e.product_joules,
           e.byte_joules, e.idle_joules);
    printf("  %.3g J a token, %.3g J and %.3g s in all, evaluations apart\n", e.joules * steps / p->tokens,
           e.joules * steps, e.seconds * steps);
}

/* The same for programs: a field, or nothing. */
static void print_json_estimate(const mote_train_plan *p, const mote_profile *profile)
{
    mote_estimate e;
    if (!profile) {
        return;
    }
    mote_profile_estimate(profile, &p->counts, &e);
    double steps = (double)p->steps;
    printf(", \"energy\": {\"status\": \"modelled\", \"step_seconds\": %.9g, \"step_joules\": %.9g, "
           "\"product_joules\": %.9g, \"byte_joules\": %.9g, \"idle_joules\": %.9g, \"joules_per_token\": %.9g, "
           "\"joules\": %.9g, \"seconds\": %.9g}",
           e.seconds, e.joules, e.product_joules, e.byte_joules, e.idle_joules, e.joules * steps / p->tokens,
           e.joules * steps, e.seconds * steps);
}

int cli_plan(int argc, char **argv)
{
    cli_training t;
    mote_train_plan p;
    mote_profile *profile = NULL;
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
    if (status == MOTE_OK && t.options.profile) {
        status = mote_profile_open(context, t.options.profile, &profile);
    }
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "plan", "%s", mote_context_message(context));
    } else if (t.json) {
        const mote_plan_memory *m = &p.training;
        printf("{\"parameters\": %zu, \"tokens\": %.0f, \"total_bytes\": %llu, \"parameter_bytes\": %llu, "
               "\"gradient_bytes\": %llu, \"optimizer_bytes\": %llu, \"saved_bytes\": %llu, \"temporary_bytes\": %llu, "
               "\"workspace_bytes\": %llu, \"segments\": %zu, \"recomputed\": %zu, \"multiply_adds\": %.0f, "
               "\"bytes_moved\": %.0f",
               p.parameters, p.tokens, (unsigned long long)p.total, (unsigned long long)m->parameters,
               (unsigned long long)m->gradients, (unsigned long long)p.optimizer, (unsigned long long)m->saved,
               (unsigned long long)m->temporaries, (unsigned long long)m->workspace, m->segments, m->recomputed,
               p.multiply_adds, p.bytes_moved);
        print_json_estimate(&p, profile);
        printf("}\n");
    } else {
        const char *policy = t.options.policy ? t.options.policy : "mxfp6_e2m3";
        print_plan(&p, t.policy ? "from the file" : policy, t.policy ? 0 : cli_rate(context, policy));
        print_estimate(&p, profile);
    }
    mote_profile_close(context, profile);
    mote_context_destroy(context);
    cli_training_release(&t);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}
