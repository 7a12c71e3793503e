/* mote cast */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char cli_cast_help[] =
    "usage: mote cast IN [OUT] --format FORMAT [options]\n\n"
    "Converts every tensor of numbers in IN to FORMAT and writes OUT. Both may be .npy, .npz, .safetensors,\n"
    ".safetensors.index.json (sharded) or .gguf; IN may be a PyTorch checkpoint (.pt, .pth), in which nothing is run.\n"
    "Files larger than memory work. Without OUT nothing is written and FORMAT may be a list or 'all': the table shows\n"
    "what each format would lose. AlphaFold 2's parameters (params_*.npz, OpenFold's checkpoints) get OpenFold's "
    "names\n"
    "and layouts; only their matrices are converted.\n\n"
    "  --format F, --to F   fp32 bf16 fp16 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 mxfp4_e2m1 mxint8 nvfp4\n"
    "                       (short: mxfp8 = e4m3, mxfp6 = e3m2, mxfp4)\n"
    "  --axis N             blocks run along axis N (default -1, the last)\n"
    "  --rounding R         nearest_even (default), nearest_away, toward_zero, stochastic\n"
    "  --scale-rule S       floor (default, OCP MX v1.0), even, ceil (nothing saturates)\n"
    "  --seed N             for stochastic rounding (default 0)\n"
    "  --include PATTERN    convert only tensors whose name matches (*, ?, [..]); may be repeated\n"
    "  --exclude PATTERN    leave matching tensors as they are; may be repeated\n"
    "  --json               one JSON object a tensor and a total, a line each\n\n"
    "The table: SNR = 10 log10(sum x^2 / sum (x - q)^2) dB; max rel = largest |x - q| / |x|, which is 1 as soon as\n"
    "a value is flushed to zero; saturated = share beyond the largest element; flushed = share of values that\n"
    "became zero.\n\n"
    "examples:\n"
    "  mote cast model.safetensors small.safetensors --format mxfp4 --exclude '*norm*'\n"
    "  mote cast checkpoint.pt small.safetensors --format mxfp6\n"
    "  mote cast weights.npz --format all\n"
    "  mote cast params_model_1_ptm.npz small.safetensors --format mxint8\n"
    "  mote cast small.safetensors back.npz --to fp32\n"
    "  mote cast model.gguf model-mxfp4.gguf --format mxfp4 --include 'blk.*.ffn_*'\n";

enum { PATTERNS = 64, NAME_WIDTH = 32 };

typedef struct cast_arguments {
    const char *input, *output;
    mote_format formats[MOTE_FORMAT_COUNT];
    int format_count;
    mote_cast_options options;
    const char *include[PATTERNS + 1], *exclude[PATTERNS + 1];
    bool json;
} cast_arguments;

/* What the rows add up to. */
typedef struct cast_table {
    const cast_arguments *arguments;
    double bytes_before, bytes_after;
    size_t converted, carried;
    mote_error error;
    bool heading;
} cast_table;

static double share(size_t part, const mote_error *e) { return e->count ? 100.0 * (double)part / (double)e->count : 0; }

static void print_losses(const mote_error *e)
{
    double snr = mote_error_snr(e);
    char text[16];
    bool exact = e->noise == 0 && e->nonfinite == 0;
    snprintf(text, sizeof text, exact ? "exact" : "%.2f", snr);
    printf(" %8s %9.2e %8.3f %% %8.3f %%", text, e->maximum_relative, share(e->saturated, e), share(e->flushed, e));
    if (e->nonfinite) {
        printf("  %zu not finite, %zu poisoned", e->nonfinite, e->poisoned);
    }
    putchar('\n');
}

static void print_heading(void)
{
    printf("%-*s %-18s %-23s %9s %9s %8s %9s %10s %10s\n", NAME_WIDTH, "tensor", "shape", "format", "before", "after",
           "SNR dB", "max rel", "saturated", "flushed");
}

/* JSON has no infinity: null. */
static json_t *real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *losses_json(const mote_error *e)
{
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "snr_db", real(mote_error_snr(e)),
                     "max_relative_error", real(e->maximum_relative), "max_absolute_error", real(e->maximum_absolute),
                     "values", (json_int_t)e->count, "saturated", (json_int_t)e->saturated, "flushed",
                     (json_int_t)e->flushed, "nonfinite", (json_int_t)e->nonfinite, "poisoned",
                     (json_int_t)e->poisoned);
}

static void print_json_line(json_t *row)
{
    json_dumpf(row, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(row);
}

static void row_json(const mote_cast_progress *p, double before, double after)
{
    json_t *shape = json_array();
    for (int d = 0; d < p->input->layout.rank; d++) {
        json_array_append_new(shape, json_integer((json_int_t)p->input->layout.shape[d]));
    }
    json_t *row =
        json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:b}", "tensor", p->input->name, "shape", shape, "from",
                  mote_format_get(p->input->layout.format)->name, "to", mote_format_get(p->output->layout.format)->name,
                  "bytes_before", (json_int_t)before, "bytes_after", (json_int_t)after, "converted", p->converted);
    if (p->converted) {
        json_t *losses = losses_json(&p->error);
        json_object_update(row, losses);
        json_decref(losses);
    }
    print_json_line(row);
}

static void row_text(const mote_cast_progress *p, double before, double after)
{
    char name[64], shape[128], formats[64], text[2][32];
    const char *from = mote_format_get(p->input->layout.format)->name,
               *to = mote_format_get(p->output->layout.format)->name;
    snprintf(formats, sizeof formats, p->converted ? "%s > %s" : "%s", from, to);
    printf("%-*s %-18s %-23s %9s %9s", NAME_WIDTH, cli_fit(p->input->name, NAME_WIDTH, name, sizeof name),
           cli_shape(&p->input->layout, shape, sizeof shape), formats, cli_bytes(before, text[0], sizeof text[0]),
           cli_bytes(after, text[1], sizeof text[1]));
    if (p->converted) {
        print_losses(&p->error);
    } else {
        printf("  unchanged\n");
    }
}

/* Bytes of a tensor in a layout; the tensor scale counts. */
static double bytes_of(mote_context *context, const mote_layout *layout)
{
    mote_layout_sizes sizes = {0};
    mote_layout_measure(context, layout, &sizes);
    return (double)sizes.element_bytes + (double)sizes.scale_bytes + (layout->format == MOTE_NVFP4 ? 4 : 0);
}

typedef struct cast_watch {
    mote_context *context;
    cast_table *table;
} cast_watch;

static mote_status watch(void *user, const mote_cast_progress *p)
{
    cast_watch *w = user;
    cast_table *table = w->table;
    if (cli_interrupted()) {
        return MOTE_ERROR_CANCELLED;
    }
    cli_bar(p->bytes_total ? (double)p->bytes_done / (double)p->bytes_total : 1, p->input->name);
    if (!p->done) {
        return MOTE_OK;
    }
    cli_bar_clear();
    double before = bytes_of(w->context, &p->input->layout), after = bytes_of(w->context, &p->output->layout);
    if (!table->heading && !table->arguments->json) {
        print_heading();
    }
    table->heading = true;
    (table->arguments->json ? row_json : row_text)(p, before, after);
    table->bytes_before += before;
    table->bytes_after += after;
    table->converted += p->converted;
    table->carried += !p->converted;
    mote_error_add(&table->error, &p->error);
    return MOTE_OK;
}

static void print_total(const cast_table *table, double seconds)
{
    char what[64], text[2][32];
    double ratio = table->bytes_after > 0 ? table->bytes_before / table->bytes_after : 1;
    if (table->arguments->json) {
        json_t *row = losses_json(&table->error);
        json_object_update_new(row, json_pack("{s:b, s:I, s:I, s:I, s:I, s:f}", "total", 1, "converted",
                                              (json_int_t)table->converted, "unchanged", (json_int_t)table->carried,
                                              "bytes_before", (json_int_t)table->bytes_before, "bytes_after",
                                              (json_int_t)table->bytes_after, "seconds", seconds));
        print_json_line(row);
        return;
    }
    snprintf(what, sizeof what, "total: %zu converted, %zu unchanged", table->converted, table->carried);
    printf("%-*s %-5.2fx smaller, %.1f s%*s %9s %9s", NAME_WIDTH + 1, what, ratio, seconds,
           seconds < 9.95    ? 22
           : seconds < 99.95 ? 21
                             : 20,
           "", cli_bytes(table->bytes_before, text[0], sizeof text[0]),
           cli_bytes(table->bytes_after, text[1], sizeof text[1]));
    print_losses(&table->error);
}

static bool parse_names(cast_arguments *a, const char *rounding, const char *rule)
{
    int r = 0, s = 0;
    while (r < MOTE_ROUNDING_COUNT && strcmp(rounding, mote_rounding_name((mote_rounding)r)) != 0) {
        r++;
    }
    while (s < MOTE_SCALE_RULE_COUNT && strcmp(rule, mote_scale_rule_name((mote_scale_rule)s)) != 0) {
        s++;
    }
    if (r == MOTE_ROUNDING_COUNT) {
        cli_complain(CLI_USAGE, "cast",
                     "--rounding: expected nearest_even, nearest_away, toward_zero or stochastic, found '%s'",
                     rounding);
        return false;
    }
    if (s == MOTE_SCALE_RULE_COUNT) {
        cli_complain(CLI_USAGE, "cast", "--scale-rule: expected floor, even or ceil, found '%s'", rule);
        return false;
    }
    a->options.quantize.rounding = (mote_rounding)r;
    a->options.quantize.scale_rule = (mote_scale_rule)s;
    return true;
}

static bool add_pattern(const char **list, const char *pattern)
{
    int count = 0;
    while (list[count]) {
        count++;
    }
    if (count == PATTERNS) {
        cli_complain(CLI_USAGE, "cast", "more than %d patterns", PATTERNS);
        return false;
    }
    list[count] = pattern;
    return true;
}

static bool parse_seed(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (!*text || *end || *text == '-' || errno == ERANGE) {
        cli_complain(CLI_USAGE, "cast", "--seed: expected a whole number below 2^64, found '%s'", text);
        return false;
    }
    return true;
}

static bool parse(int argc, char **argv, cast_arguments *a)
{
    static const struct option options[] = {{"format", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 'f'},
                                            {"axis", required_argument, NULL, 'a'},
                                            {"rounding", required_argument, NULL, 'r'},
                                            {"scale-rule", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'n'},
                                            {"include", required_argument, NULL, 'i'},
                                            {"exclude", required_argument, NULL, 'e'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    const char *rounding = "nearest_even", *rule = "floor";
    long axis = -1;
    bool ok = true;
    int option;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f': ok = (a->format_count = cli_formats("cast", optarg, a->formats)) > 0; break;
        case 'a': ok = cli_number("cast", "--axis", optarg, -MOTE_MAXIMUM_RANK, MOTE_MAXIMUM_RANK - 1, &axis); break;
        case 'r': rounding = optarg; break;
        case 's': rule = optarg; break;
        case 'n': ok = parse_seed(optarg, &a->options.quantize.seed); break;
        case 'i': ok = add_pattern(a->include, optarg); break;
        case 'e': ok = add_pattern(a->exclude, optarg); break;
        case 'j': a->json = true; break;
        default: ok = false; break;
        }
    }
    if (!ok || !parse_names(a, rounding, rule)) {
        return false;
    }
    int left = argc - optind;
    a->input = left > 0 ? argv[optind] : NULL;
    a->output = left > 1 ? argv[optind + 1] : NULL;
    a->options.axis = (int)axis;
    a->options.include = a->include;
    a->options.exclude = a->exclude;
    if (left < 1 || left > 2 || a->format_count == 0) {
        cli_complain(CLI_USAGE, "cast", left < 1 ? "which file?" : left > 2 ? "too many files" : "which --format?");
        return false;
    }
    if (a->output && a->format_count > 1) {
        cli_complain(CLI_USAGE, "cast", "one --format for one OUT; leave OUT out to compare formats");
        return false;
    }
    return true;
}

int cli_cast(int argc, char **argv)
{
    cast_arguments a = {.options = {.axis = -1}};
    if (!parse(argc, argv, &a)) {
        return CLI_USAGE;
    }
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    mote_status status = MOTE_OK;
    cast_table table = {.arguments = &a};
    for (int i = 0; i < a.format_count && status == MOTE_OK; i++) {
        bool heading = table.heading;
        cast_watch w = {context, &table};
        table = (cast_table){.arguments = &a, .heading = heading};
        a.options.format = a.formats[i];
        a.options.progress = watch;
        a.options.user = &w;
        double start = mote_clock();
        status = mote_cast_file(context, a.input, a.output, &a.options);
        cli_bar_clear();
        if (status == MOTE_OK && (a.json || table.converted + table.carried > 1)) {
            print_total(&table, mote_clock() - start);
        }
    }
    int result = status == MOTE_OK ? CLI_DONE : cli_complain(CLI_FAILED, "cast", "%s", mote_context_message(context));
    mote_context_destroy(context);
    return result;
}
