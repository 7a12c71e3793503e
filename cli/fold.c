/* mote fold: from an alignment to structures and their report. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char cli_fold_help[] =
    "usage: mote fold INPUT --weights FILE [-o DIR] [options]\n\n"
    "Predicts the structure of a protein, or of a complex, with AlphaFold 2's network. INPUT is an alignment (A3M,\n"
    "Stockholm, aligned FASTA; plain or gzip) or sequences alone (FASTA, one record a chain). Prints what it will "
    "take,\n"
    "predicts, and writes the ranked structures (.pdb, .cif), their scores (.json) and report.html into a folder.\n\n"
    "  -w, --weights FILE   AlphaFold's .npz, OpenFold's .pt, .safetensors with OpenFold's names, or what `mote cast`\n"
    "                       made of them in a narrow format; repeated, each is a model that predicts\n"
    "  -o, --out DIR        (default: the input's name and _fold)\n"
    "  --plan               print what it would take, and stop; works without weights\n"
    "  --policy NAME|FILE   formats of products (default: fp32, or what suits the weights' format)\n"
    "  --pairs FORMAT       in which pairs and MSA are kept between modules: fp32 (default), bf16, mxint8 ...\n"
    "  --max-msa ROWS:EXTRA rows that the network sees (default 512:1024; complexes 508:2048)\n"
    "  --recycles N         rounds after the first, at most (default 3; complexes 20)\n"
    "  --tolerance X        ends recycling when CA distances change by less than X angstrom (default: never; "
    "complexes\n"
    "                       0.5)\n"
    "  --seed N --seeds N   the first seed, and how many predictions each model makes (default 0 and 1)\n"
    "  --memory SIZE        take at most so much, or say what would do (default: what this machine has free)\n"
    "  --threads N\n"
    "  --json               a JSON object a line instead of text\n\n"
    "examples:\n"
    "  mote fold query.a3m --plan\n"
    "  mote fold query.a3m -w params_model_1_ptm.npz -o query\n"
    "  mote cast params_model_1_ptm.npz model_1.safetensors --format mxint8\n"
    "  mote fold query.a3m -w model_1.safetensors --memory 4G --seeds 3\n"
    "  mote fold complex.fasta -w params_model_1_multimer_v3.npz --recycles 5\n";

enum { MOST_WEIGHTS = 64, POLICY = 256, PAIRS, MAX_MSA, RECYCLES, TOLERANCE, SEED, SEEDS, MEMORY, THREADS, JSON, PLAN };

static const struct option long_options[] = {{"weights", required_argument, NULL, 'w'},
                                             {"out", required_argument, NULL, 'o'},
                                             {"policy", required_argument, NULL, POLICY},
                                             {"pairs", required_argument, NULL, PAIRS},
                                             {"max-msa", required_argument, NULL, MAX_MSA},
                                             {"recycles", required_argument, NULL, RECYCLES},
                                             {"tolerance", required_argument, NULL, TOLERANCE},
                                             {"seed", required_argument, NULL, SEED},
                                             {"seeds", required_argument, NULL, SEEDS},
                                             {"memory", required_argument, NULL, MEMORY},
                                             {"threads", required_argument, NULL, THREADS},
                                             {"json", no_argument, NULL, JSON},
                                             {"plan", no_argument, NULL, PLAN},
                                             {0}};

/* What was asked for. */
typedef struct request {
    mote_fold_options options;
    const char *weights[MOST_WEIGHTS], *folder;
    char *policy; /* owned: from a file */
    long threads;
    bool json, plan_only;
} request;

/* ---- options ---- */

static bool parse_rows(const char *text, mote_fold_options *o)
{
    char *end, *last;
    unsigned long rows = strtoul(text, &end, 10), extra = *end == ':' ? strtoul(end + 1, &last, 10) : 0;
    if (end == text || *end != ':' || last == end + 1 || *last || rows < 1 || extra < 1 || rows > 100000 ||
        extra > 1000000) {
        cli_complain(CLI_USAGE, "fold", "--max-msa: expected two numbers such as 512:1024, found '%s'", text);
        return false;
    }
    o->clusters = rows;
    o->extra = extra;
    return true;
}

static bool parse_pairs(const char *text, mote_format *format)
{
    mote_format found[MOTE_FORMAT_COUNT];
    int count = cli_formats("fold", text, found);
    if (count > 1) {
        cli_complain(CLI_USAGE, "fold", "--pairs: expected one format, found '%s'", text);
    }
    *format = count == 1 ? found[0] : MOTE_FP32;
    return count == 1;
}

static bool parse_tolerance(const char *text, double *tolerance)
{
    char *end;
    *tolerance = strtod(text, &end);
    if (end == text || *end || !(*tolerance >= 0)) {
        cli_complain(CLI_USAGE, "fold", "--tolerance: expected angstrom, found '%s'", text);
        return false;
    }
    *tolerance = *tolerance == 0 ? -1 : *tolerance;
    return true;
}

static bool parse_option(int option, request *r)
{
    mote_fold_options *o = &r->options;
    long number = 0;
    bool good = true;
    switch (option) {
    case 'w':
        good = o->weight_count < MOST_WEIGHTS;
        if (good) {
            r->weights[o->weight_count++] = optarg;
        } else {
            cli_complain(CLI_USAGE, "fold", "at most %d weights", MOST_WEIGHTS);
        }
        break;
    case 'o': r->folder = optarg; break;
    case POLICY: good = cli_name_or_file("fold", optarg, &o->policy, &r->policy); break;
    case PAIRS: good = parse_pairs(optarg, &o->pairs); break;
    case MAX_MSA: good = parse_rows(optarg, o); break;
    case RECYCLES:
        good = cli_number("fold", "--recycles", optarg, 0, 1000, &number);
        o->recycles = number ? (int)number : -1;
        break;
    case TOLERANCE: good = parse_tolerance(optarg, &o->tolerance); break;
    case SEED:
        good = cli_number("fold", "--seed", optarg, 0, 1L << 40, &number);
        o->seed = (uint64_t)number;
        break;
    case SEEDS:
        good = cli_number("fold", "--seeds", optarg, 1, 1000, &number);
        o->seeds = (size_t)number;
        break;
    case MEMORY: good = cli_parse_bytes("fold", "memory", optarg, &o->memory_limit); break;
    case THREADS: good = cli_number("fold", "--threads", optarg, 1, 4096, &r->threads); break;
    case JSON: r->json = true; break;
    case PLAN: r->plan_only = true; break;
    default: good = false; /* getopt has complained */
    }
    return good;
}

static bool parse(int argc, char **argv, request *r)
{
    *r = (request){.options = {.weights = r->weights}};
    for (int option; (option = getopt_long(argc, argv, "w:o:", long_options, NULL)) != -1;) {
        if (!parse_option(option, r)) {
            return false;
        }
    }
    if (optind + 1 != argc) {
        cli_complain(CLI_USAGE, "fold",
                     optind < argc ? "one input at a time, found '%s' too" : "expected an alignment%s",
                     optind < argc ? argv[optind + 1] : ", see mote fold --help");
        return false;
    }
    r->options.input = argv[optind];
    return true;
}

/* ---- what is told ---- */

static void print_plan(const mote_fold_plan *p, double rate)
{
    char text[7][32];
    const mote_plan_memory *m = &p->memory;
    printf("%zu residues in %zu chain%s; %zu different rows, of which the network sees %zu and %zu extra; policy %s\n",
           p->residues, p->chains, p->chains == 1 ? "" : "s", p->rows, p->clusters, p->extra, p->policy);
    printf(
        "peak memory %s: weights %s, inputs %s, activations %s, workspace %s, graph %s, features and results %s\n",
        cli_bytes((double)p->total, text[0], sizeof text[0]), cli_bytes((double)m->parameters, text[1], sizeof text[1]),
        cli_bytes((double)m->inputs, text[2], sizeof text[2]),
        cli_bytes((double)(m->saved + m->temporaries), text[3], sizeof text[3]),
        cli_bytes((double)m->workspace, text[4], sizeof text[4]), cli_bytes((double)p->graph, text[5], sizeof text[5]),
        cli_bytes((double)p->features, text[6], sizeof text[6]));
    if (p->longest) {
        printf("with as many rows about %zu residues would fit into %s\n", p->longest,
               cli_bytes((double)p->available, text[0], sizeof text[0]));
    }
    if (rate > 0) {
        double seconds = p->multiply_adds / rate + p->bytes_moved / 20e9;
        printf("about %.3g s a round, %.3g s for %zu prediction%s of at most %zu rounds (estimated from a product "
               "measured now)\n",
               seconds, seconds * (double)((p->recycles + 1) * p->predictions), p->predictions,
               p->predictions == 1 ? "" : "s", p->recycles + 1);
    }
    fflush(stdout);
}

static void print_plan_json(const mote_fold_plan *p)
{
    const mote_plan_memory *m = &p->memory;
    printf(
        "{\"residues\": %zu, \"chains\": %zu, \"rows\": %zu, \"clusters\": %zu, \"extra\": %zu, \"predictions\": %zu, "
        "\"recycles\": %zu, \"piece\": %zu, \"total_bytes\": %llu, \"parameter_bytes\": %llu, \"input_bytes\": %llu, "
        "\"activation_bytes\": %llu, \"workspace_bytes\": %llu, \"graph_bytes\": %llu, \"feature_bytes\": %llu, "
        "\"available_bytes\": %llu, "
        "\"longest\": %zu, \"multiply_adds\": %.0f, \"bytes_moved\": %.0f}\n",
        p->residues, p->chains, p->rows, p->clusters, p->extra, p->predictions, p->recycles, p->piece,
        (unsigned long long)p->total, (unsigned long long)m->parameters, (unsigned long long)m->inputs,
        (unsigned long long)(m->saved + m->temporaries), (unsigned long long)m->workspace, (unsigned long long)p->graph,
        (unsigned long long)p->features, (unsigned long long)p->available, p->longest, p->multiply_adds,
        p->bytes_moved);
    fflush(stdout);
}

/* Where progress goes. */
typedef struct display {
    bool json;
    size_t told; /* rounds of which a line was printed */
} display;

/* A line for each round that is over, a bar between. */
static int show(void *user, const mote_fold_progress *p)
{
    display *d = user;
    size_t round = p->prediction * p->rounds + p->round;
    if (p->stage == MOTE_FOLD_FEATURES && p->round > 0 && round > d->told) {
        d->told = round;
        cli_bar_clear();
        printf(d->json ? "{\"prediction\": %zu, \"round\": %zu, \"plddt\": %.3f, \"seconds\": %.3f}\n"
                       : "prediction %zu, round %zu: mean pLDDT %.2f, %.1f s\n",
               p->prediction + 1, p->round, p->lddt, p->seconds);
        fflush(stdout);
    } else if (p->stage == MOTE_FOLD_PREDICTING && !d->json) {
        char label[96];
        snprintf(label, sizeof label, "prediction %zu/%zu  round %zu/%zu  %.40s", p->prediction + 1, p->predictions,
                 p->round + 1, p->rounds, p->layer);
        cli_bar(p->done, label);
    }
    return cli_interrupted();
}

static void print_score(const char *format, double score)
{
    if (isnan(score)) {
        printf("%8s", "-");
    } else {
        printf(format, score);
    }
}

static void print_result(const mote_fold_result *r, const char *folder, bool json)
{
    if (!json) {
        printf("\n%4s  %-32s %8s %7s %8s %8s %8s %9s\n", "rank", "model", "seed", "rounds", "pLDDT", "pTM", "ipTM",
               "seconds");
    }
    for (size_t i = 0; i < r->count; i++) {
        const mote_fold_prediction *p = &r->predictions[i];
        char model[64];
        if (json) {
            printf("{\"rank\": %zu, \"seed\": %llu, \"rounds\": %zu, \"plddt\": %.4f, \"score\": %.4f, \"seconds\": "
                   "%.3f}\n",
                   i + 1, (unsigned long long)p->seed, p->rounds, p->lddt, p->score, p->seconds);
            continue;
        }
        printf("%4zu  %-32s %8llu %7zu", i + 1, cli_fit(p->model, 32, model, sizeof model), (unsigned long long)p->seed,
               p->rounds);
        print_score(" %8.2f", p->lddt);
        print_score(" %8.3f", p->tm);
        print_score(" %8.3f", p->interface_tm);
        printf(" %9.1f\n", p->seconds);
    }
    if (!json) {
        printf("wrote %s/: structures (.pdb, .cif), scores (.json), run.json, report.html\n", folder);
    }
}

/* ---- the verb ---- */

static const char no_weights[] =
    "no weights, so this was the plan only: give --weights FILE. mote has none of its own; AlphaFold's parameters "
    "(CC BY 4.0) and OpenFold's are public, see docs/folding.md";

static int predict(mote_context *context, const request *r, const char *folder)
{
    display d = {.json = r->json};
    mote_fold_result *result = NULL;
    char report[4200];
    cli_interrupted();
    mote_status status = mote_fold(context, &r->options, show, &d, &result);
    cli_bar_clear();
    status = status == MOTE_OK ? mote_fold_write(context, result, folder) : status;
    if (status == MOTE_OK) {
        snprintf(report, sizeof report, "%s/report.html", folder);
        status = mote_fold_report(context, result, report);
    }
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "fold", "%s", mote_context_message(context));
    } else {
        print_result(result, folder, r->json);
    }
    mote_fold_free(result);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}

/* "query_fold" beside nothing, whatever folder and endings the input has. */
static void name_folder(const char *input, char *folder, size_t size)
{
    const char *slash = strrchr(input, '/'), *name = slash ? slash + 1 : input;
    size_t length = strcspn(name, ".");
    snprintf(folder, size, "%.*s_fold", (int)(length ? length : strlen(name)), name);
}

int cli_fold(int argc, char **argv)
{
    request r;
    char folder[256];
    mote_fold_plan plan;
    if (!parse(argc, argv, &r)) {
        free(r.policy);
        return CLI_USAGE;
    }
    if (!r.folder) {
        name_folder(r.options.input, folder, sizeof folder);
        r.folder = folder;
    }
    mote_context *context = cli_context((int)r.threads, NULL);
    int done = CLI_FAILED;
    if (context && mote_fold_measure(context, &r.options, &plan) != MOTE_OK) {
        cli_complain(CLI_FAILED, "fold", "%s", mote_context_message(context));
    } else if (context) {
        if (r.json) {
            print_plan_json(&plan);
        } else {
            print_plan(&plan, cli_rate(context, plan.policy)); /* 0 for a policy of one's own */
        }
        if (r.plan_only) {
            done = CLI_DONE;
        } else if (!r.options.weight_count) {
            done = cli_complain(CLI_USAGE, "fold", "%s", no_weights);
        } else {
            done = predict(context, &r, r.folder);
        }
    }
    mote_context_destroy(context);
    free(r.policy);
    return done;
}
