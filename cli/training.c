/* The options of mote train and mote plan. */
#include "training.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOCABULARY = 256,
    VALIDATION,
    SPLIT,
    ONE_STRAND,
    MODEL,
    LAYERS,
    WIDTH,
    HEADS,
    CONTEXT,
    DROPOUT,
    POLICY,
    STEPS,
    BATCH,
    ACCUMULATION,
    RATE,
    SCHEDULE,
    WARMUP,
    MINIMUM_RATE,
    OPTIMIZER,
    BETA1,
    BETA2,
    WEIGHT_DECAY,
    CLIP,
    AVERAGE,
    SEED,
    MEMORY,
    THREADS,
    OUTPUT,
    RESUME,
    EVALUATE_EVERY,
    EVALUATE_BATCHES,
    CHECKPOINT_EVERY,
    KEEP,
    PROFILE,
    IDLE,
    JSON
};

static const struct option long_options[] = {{"vocabulary", required_argument, NULL, VOCABULARY},
                                             {"validation", required_argument, NULL, VALIDATION},
                                             {"split", required_argument, NULL, SPLIT},
                                             {"one-strand", no_argument, NULL, ONE_STRAND},
                                             {"model", required_argument, NULL, MODEL},
                                             {"layers", required_argument, NULL, LAYERS},
                                             {"width", required_argument, NULL, WIDTH},
                                             {"heads", required_argument, NULL, HEADS},
                                             {"context", required_argument, NULL, CONTEXT},
                                             {"dropout", required_argument, NULL, DROPOUT},
                                             {"policy", required_argument, NULL, POLICY},
                                             {"steps", required_argument, NULL, STEPS},
                                             {"batch", required_argument, NULL, BATCH},
                                             {"accumulation", required_argument, NULL, ACCUMULATION},
                                             {"rate", required_argument, NULL, RATE},
                                             {"schedule", required_argument, NULL, SCHEDULE},
                                             {"warmup", required_argument, NULL, WARMUP},
                                             {"minimum-rate", required_argument, NULL, MINIMUM_RATE},
                                             {"optimizer", required_argument, NULL, OPTIMIZER},
                                             {"beta1", required_argument, NULL, BETA1},
                                             {"beta2", required_argument, NULL, BETA2},
                                             {"weight-decay", required_argument, NULL, WEIGHT_DECAY},
                                             {"clip", required_argument, NULL, CLIP},
                                             {"average", required_argument, NULL, AVERAGE},
                                             {"seed", required_argument, NULL, SEED},
                                             {"memory", required_argument, NULL, MEMORY},
                                             {"threads", required_argument, NULL, THREADS},
                                             {"out", required_argument, NULL, OUTPUT},
                                             {"resume", no_argument, NULL, RESUME},
                                             {"evaluate-every", required_argument, NULL, EVALUATE_EVERY},
                                             {"evaluate-batches", required_argument, NULL, EVALUATE_BATCHES},
                                             {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
                                             {"keep", required_argument, NULL, KEEP},
                                             {"profile", required_argument, NULL, PROFILE},
                                             {"idle", required_argument, NULL, IDLE},
                                             {"json", no_argument, NULL, JSON},
                                             {0}};

/* A number that may be a fraction. 0 is not a default but the number: options take below 0 for it. */
static bool parse_real(const char *verb, const char *option, const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (!*text || *end || !(*number >= 0) || *number > 1e9) {
        cli_complain(CLI_USAGE, verb, "--%s: expected a number, found '%s'", option, text);
        return false;
    }
    *number = *number == 0 ? -1 : *number;
    return true;
}

static bool parse_size(const char *verb, const char *option, const char *text, size_t *number)
{
    char name[64];
    long value;
    snprintf(name, sizeof name, "--%s", option);
    if (!cli_number(verb, name, text, 1, 1L << 40, &value)) {
        return false;
    }
    *number = (size_t)value;
    return true;
}

bool cli_parse_bytes(const char *verb, const char *option, const char *text, uint64_t *bytes)
{
    static const char units[] = "kMGT";
    char *end;
    double number = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    for (const char *u = units; unit && u <= unit; u++) {
        number *= 1000;
    }
    end += unit != NULL;
    end += *end == 'B';
    if (end == text || *end || !(number >= 1) || number > 1e18) {
        cli_complain(CLI_USAGE, verb, "--%s: expected a size such as 800M or 4G, found '%s'", option, text);
        return false;
    }
    *bytes = (uint64_t)number;
    return true;
}

/* The text of a small file, owned by the caller; NULL after complaining. */
static char *read_text(const char *verb, const char *path)
{
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    int reason = errno;
    char *text = file ? malloc(MOST + 1) : NULL;
    size_t length = text ? fread(text, 1, MOST, file) : 0;
    if (file) {
        fclose(file);
    }
    if (!text || length == MOST) {
        cli_complain(CLI_FAILED, verb, "%s: %s", path, file ? "expected at most a megabyte of JSON" : strerror(reason));
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

bool cli_name_or_file(const char *verb, const char *text, const char **name, char **owned)
{
    size_t length = strlen(text);
    *name = text;
    if (length > 5 && strcmp(text + length - 5, ".json") == 0) {
        *owned = read_text(verb, text);
        *name = *owned;
    }
    return *name != NULL;
}

static bool parse_number_option(const char *verb, int option, const char *name, const char *text, mote_train_options *o,
                                bool *known)
{
    struct {
        int option;
        size_t *number;
    } sizes[] = {{LAYERS, &o->layers},
                 {WIDTH, &o->width},
                 {HEADS, &o->heads},
                 {CONTEXT, &o->context},
                 {STEPS, &o->steps},
                 {BATCH, &o->batch},
                 {ACCUMULATION, &o->accumulation},
                 {WARMUP, &o->warmup},
                 {EVALUATE_EVERY, &o->evaluate_every},
                 {EVALUATE_BATCHES, &o->evaluate_batches},
                 {CHECKPOINT_EVERY, &o->checkpoint_every},
                 {KEEP, &o->keep}};
    struct {
        int option;
        double *number;
    } reals[] = {{VALIDATION, &o->validation},     {DROPOUT, &o->dropout}, {RATE, &o->learning_rate},
                 {MINIMUM_RATE, &o->minimum_rate}, {BETA1, &o->beta1},     {BETA2, &o->beta2},
                 {WEIGHT_DECAY, &o->weight_decay}, {CLIP, &o->clip},       {AVERAGE, &o->average},
                 {IDLE, &o->idle_seconds}};
    *known = true;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].option == option) {
            return parse_size(verb, name, text, sizes[i].number);
        }
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        if (reals[i].option == option) {
            return parse_real(verb, name, text, reals[i].number);
        }
    }
    *known = false;
    return true;
}

static bool parse_option(const char *verb, int option, const char *name, cli_training *t)
{
    mote_train_options *o = &t->options;
    bool known;
    long number = 0;
    bool ok = parse_number_option(verb, option, name, optarg, o, &known);
    if (known) {
        return ok;
    }
    switch (option) {
    case VOCABULARY: o->vocabulary = optarg; return true;
    case SPLIT: o->split = optarg; return true;
    case ONE_STRAND: o->no_reverse_complement = 1; return true;
    case MODEL: return cli_name_or_file(verb, optarg, &o->model, &t->model);
    case POLICY: return cli_name_or_file(verb, optarg, &o->policy, &t->policy);
    case SCHEDULE: o->schedule = optarg; return true;
    case OPTIMIZER: o->optimizer = optarg; return true;
    case SEED:
        if (!cli_number(verb, "--seed", optarg, 0, 1L << 52, &number)) {
            return false;
        }
        o->seed = (uint64_t)number;
        return true;
    case MEMORY: return cli_parse_bytes(verb, name, optarg, &o->memory_limit);
    case THREADS: return cli_number(verb, "--threads", optarg, 1, 1024, &t->threads);
    case OUTPUT: o->output = optarg; return true;
    case PROFILE: o->profile = optarg; return true;
    case RESUME: o->resume = 1; return true;
    case JSON: t->json = true; return true;
    default: return false;
    }
}

bool cli_training_parse(const char *verb, int argc, char **argv, cli_training *t)
{
    int option, index;
    *t = (cli_training){.command = cli_command_line(argc, argv)};
    t->options.command = t->command;
    while ((option = getopt_long(argc, argv, "o:", long_options, &index)) != -1) {
        const char *name = option >= VOCABULARY ? long_options[index].name : "";
        option = option == 'o' ? OUTPUT : option;
        if (option == '?' || !parse_option(verb, option, name, t)) {
            if (option == '?') {
                fprintf(stderr, "Try: mote %s --help\n", verb);
            }
            cli_training_release(t);
            return false;
        }
    }
    t->options.data = (const char *const *)(argv + optind);
    t->options.data_count = (size_t)(argc - optind);
    return true;
}

void cli_training_release(cli_training *t)
{
    free(t->policy);
    free(t->model);
    free(t->command);
    *t = (cli_training){0};
}
