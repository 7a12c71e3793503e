/* mote train: from sequences to a trained model and its report. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "training.h"

const char cli_train_help[] =
    "usage: mote train [FILE...] [-o DIR] [options]\n\n"
    "Trains a language model of DNA or protein sequences, every product in the number formats of a policy. The run\n"
    "folder gets the model (config.json, model.safetensors), checkpoints, metrics.jsonl, run.json and report.html.\n"
    "Ctrl-C stops after the step and saves; the same command with --resume goes on and ends with the same bits as a\n"
    "run that was not stopped. The defaults suit a genome of a few million bases on two cores.\n\n"
    "  -o, --out DIR        the run folder (default: runs/ and the name of data and policy)\n"
    "  --resume             go on from the folder's last checkpoint\n"
    "  --evaluate-every N --evaluate-batches N --checkpoint-every N --keep N\n"
    "  --json               a JSON object a line instead of a table\n\n" CLI_TRAINING_HELP "\n"
    "examples:\n"
    "  mote train                                      simulated genes, a small model, two minutes\n"
    "  mote train ecoli.fna.gz -o runs/ecoli           a genome\n"
    "  mote train ecoli.fna.gz -o runs/ecoli --resume\n"
    "  mote train genes.fa --vocabulary codon --model llama-small --policy mxfp4-w_mxfp6-ag\n"
    "  mote train proteome.fasta.gz --model esm-small --steps 5000 --memory 1G\n";

/* Where progress goes. */
typedef struct display {
    bool json, terminal;
    double printed; /* step of the last line */
    double limit;
} display;

static int show(void *user, const mote_train_progress *p)
{
    display *d = user;
    if (p->steps == 0) {
        return cli_interrupted(); /* still reading or planning */
    }
    size_t every = p->steps / 20 ? p->steps / 20 : 1;
    if (d->json) {
        printf("{\"step\": %zu, \"steps\": %zu, \"loss\": %.6g, \"bits\": %.6g, \"validation_bits\": ", p->step,
               p->steps, p->loss, p->bits);
        printf(isnan(p->validation_bits) ? "null" : "%.6g", p->validation_bits);
        printf(", \"learning_rate\": %.6g, \"gradient_norm\": %.6g, \"seconds\": %.3f, \"tokens_per_second\": %.1f}\n",
               p->learning_rate, p->gradient_norm, p->seconds, p->tokens_per_second);
        fflush(stdout);
    } else if (p->step % every == 0 || p->step == p->steps) {
        cli_bar_clear();
        if (d->printed == 0) {
            printf("%8s %10s %12s %10s %9s %9s %9s\n", "step", "bits", "validation", "rate", "norm", "tokens/s",
                   "seconds");
        }
        printf("%8zu %10.4f ", p->step, p->bits);
        printf(isnan(p->validation_bits) ? "%12s" : "%s%12.4f", "", p->validation_bits);
        printf(" %10.2e %9.3f %9.0f %9.1f\n", p->learning_rate, p->gradient_norm, p->tokens_per_second, p->seconds);
        fflush(stdout);
        d->printed = (double)p->step;
    } else {
        char label[64];
        snprintf(label, sizeof label, "step %zu  %.4f bits  %.0f tokens/s", p->step, p->bits, p->tokens_per_second);
        cli_bar((double)p->step / (double)p->steps, label);
    }
    return cli_interrupted();
}

/* "runs/NAME-POLICY", and a number if that is taken. */
static void name_folder(const mote_train_options *o, char *folder, size_t size)
{
    char name[128] = "genes";
    if (o->data_count) {
        const char *slash = strrchr(o->data[0], '/');
        snprintf(name, sizeof name, "%s", slash ? slash + 1 : o->data[0]);
        name[strcspn(name, ".")] = '\0';
    }
    const char *policy = !o->policy ? "mxfp6_e2m3" : strchr(o->policy, '{') ? "custom" : o->policy;
    for (int i = 1; i < 1000; i++) {
        char run[4096];
        snprintf(folder, size, i > 1 ? "runs/%s-%s-%d" : "runs/%s-%s", name, policy, i);
        snprintf(run, sizeof run, "%s/run.json", folder);
        if (o->resume || access(run, F_OK) != 0) {
            return;
        }
    }
}

static void print_result(const mote_train_result *r, const char *folder)
{
    char bytes[32];
    printf("\n%zu parameters, %zu steps in %.1f s, %.0f tokens/s, %s planned\n", r->parameters, r->steps, r->seconds,
           r->tokens_per_second, cli_bytes((double)r->planned_bytes, bytes, sizeof bytes));
    printf("validation: %.4f nats a token, %.4f bits a base or residue, perplexity %.3f\n", r->loss, r->bits,
           r->perplexity);
    if (!isnan(r->limit_bits)) {
        printf("the data's entropy rate is %.4f +- %.4f bits: %.4f above it\n", r->limit_bits, r->limit_error,
               r->bits - r->limit_bits);
    }
    if (r->energy.kind == MOTE_ENERGY_UNAVAILABLE) {
        printf("joules %s\n", r->energy.source);
    } else {
        printf("%.4g J %s\n", r->energy.joules, r->energy.source);
    }
    printf("wrote %s/: config.json, model.safetensors, run.json, metrics.jsonl, report.html\n", folder);
}

int cli_train(int argc, char **argv)
{
    cli_training t;
    char folder[512], report[4200];
    mote_train_result result = {0};
    if (!cli_training_parse("train", argc, argv, &t)) {
        return CLI_USAGE;
    }
    if (!t.options.output) {
        name_folder(&t.options, folder, sizeof folder);
        t.options.output = folder;
    }
    mote_context *context = cli_context((int)t.threads, NULL);
    if (!context) {
        cli_training_release(&t);
        return CLI_FAILED;
    }
    display d = {.json = t.json};
    cli_interrupted();
    mote_status status = mote_train(context, &t.options, show, &d, &result);
    cli_bar_clear();
    if (*result.notice) {
        cli_complain(CLI_DONE, "train", "%s", result.notice);
    }
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "train", "%s", mote_context_message(context));
        if (status == MOTE_ERROR_CANCELLED && (result.steps || t.options.resume)) {
            fprintf(stderr, "Go on with the same command and --resume -o %s\n", t.options.output);
        }
    } else {
        const char *run = t.options.output;
        snprintf(report, sizeof report, "%s/report.html", run);
        status = mote_report(context, &run, 1, report);
        if (status != MOTE_OK) {
            cli_complain(CLI_FAILED, "train", "the model is saved, its report is not: %s",
                         mote_context_message(context));
        } else if (!t.json) {
            print_result(&result, t.options.output);
        }
    }
    mote_context_destroy(context);
    cli_training_release(&t);
    return status == MOTE_OK ? CLI_DONE : CLI_FAILED;
}
