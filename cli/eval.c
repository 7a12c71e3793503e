/* mote eval: how well a trained model predicts sequences. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

const char cli_eval_help[] =
    "usage: mote eval DIR [FILE...] [options]\n\n"
    "Scores FASTA files with the model of a run folder: bits a base or residue and perplexity, by a sliding window so\n"
    "that every token but the first ones has at least context - stride tokens to see. Without files: simulated "
    "genes.\n\n"
    "  --policy NAME|FILE   number formats of the forward pass (default fp32)\n"
    "  --context N          tokens of a window (default: the model's)\n"
    "  --stride N           tokens that each window scores (default: half the context)\n"
    "  --batch N            windows at a time (default 8)\n"
    "  --limit N            batches at most\n"
    "  --threads N\n"
    "  --json\n\n"
    "examples:\n"
    "  mote eval runs/ecoli other.fna.gz\n"
    "  mote eval runs/ecoli other.fna.gz --policy mxfp4 --stride 128\n";

static int show(void *user, const mote_train_progress *p)
{
    char label[64];
    (void)user;
    if (p->steps == 0) {
        return cli_interrupted(); /* still reading */
    }
    snprintf(label, sizeof label, "%.4f nats a token", p->loss);
    cli_bar((double)p->step / (double)p->steps, label);
    return cli_interrupted();
}

static bool parse(int argc, char **argv, mote_evaluate_options *o, char **policy, long *threads, bool *json)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, 'p'}, {"context", required_argument, NULL, 'c'},
        {"stride", required_argument, NULL, 's'}, {"batch", required_argument, NULL, 'b'},
        {"limit", required_argument, NULL, 'l'},  {"threads", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},         {0}};
    int option;
    bool ok = true;
    long number = 0;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p': ok = cli_name_or_file("eval", optarg, &o->policy, policy); break;
        case 'c':
            ok = cli_number("eval", "--context", optarg, 1, 1 << 24, &number);
            o->context = (size_t)number;
            break;
        case 's':
            ok = cli_number("eval", "--stride", optarg, 1, 1 << 24, &number);
            o->stride = (size_t)number;
            break;
        case 'b':
            ok = cli_number("eval", "--batch", optarg, 1, 1 << 16, &number);
            o->batch = (size_t)number;
            break;
        case 'l':
            ok = cli_number("eval", "--limit", optarg, 1, 1L << 40, &number);
            o->limit = (size_t)number;
            break;
        case 't': ok = cli_number("eval", "--threads", optarg, 1, 1024, threads); break;
        case 'j': *json = true; break;
        default: ok = false; break;
        }
    }
    return ok;
}

int cli_eval(int argc, char **argv)
{
    mote_evaluate_options o = {0};
    mote_evaluate_result r;
    long threads = 0;
    bool json = false;
    char *policy = NULL;
    if (!parse(argc, argv, &o, &policy, &threads, &json)) {
        free(policy);
        return CLI_USAGE;
    }
    if (optind == argc) {
        free(policy);
        return cli_complain(CLI_USAGE, "eval", "which model? Name the folder of a run");
    }
    o.folder = argv[optind];
    o.data = (const char *const *)(argv + optind + 1);
    o.data_count = (size_t)(argc - optind - 1);
    mote_context *context = cli_context((int)threads, NULL);
    if (!context) {
        free(policy);
        return CLI_FAILED;
    }
    mote_status status = mote_evaluate(context, &o, show, NULL, &r);
    cli_bar_clear();
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "eval", "%s", mote_context_message(context));
    } else if (json) {
        printf("{\"tokens\": %zu, \"units\": %.0f, \"loss\": %.8g, \"bits\": %.8g, \"perplexity\": %.8g, \"seconds\": "
               "%.3f}\n",
               r.tokens, r.units, r.loss, r.bits, r.perplexity, r.seconds);
    } else {
        printf("%zu tokens (%.0f bases or residues): %.4f bits each, perplexity of a token %.4f, in %.1f s (%s)\n",
               r.tokens, r.units, r.bits, r.perplexity, r.seconds,
               policy     ? "policy from the file"
               : o.policy ? o.policy
                          : "fp32");
    }
    mote_context_destroy(context);
    free(policy);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}
