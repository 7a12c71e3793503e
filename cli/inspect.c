/* mote inspect */
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char cli_inspect_help[] =
    "usage: mote inspect FILE [--json]\n\n"
    "Shows what is in a tensor file (.npy, .npz, .pt, .safetensors, a sharded index, GGUF): metadata, then each\n"
    "tensor with shape, format, bytes, range, zeros and values that are not finite, and two small histograms: "
    "magnitudes by\n"
    "powers of two, and block scales.\n\n"
    "  --json   one JSON object with everything, histograms as [exponent, count]\n\n"
    "examples:\n"
    "  mote inspect model.safetensors\n"
    "  mote inspect small.safetensors --json | jq '.tensors[0].scales'\n";

/* First and last bin that is not empty; false if all are. */
static bool bin_range(const size_t *bins, int *first, int *last)
{
    *first = 0;
    *last = MOTE_SUMMARY_BINS - 1;
    while (*first < MOTE_SUMMARY_BINS && bins[*first] == 0) {
        (*first)++;
    }
    while (*last >= 0 && bins[*last] == 0) {
        (*last)--;
    }
    return *first <= *last;
}

/* "2^-12 ▁▂▅█▂ 2^3": at most WIDTH columns, several bins a column if there are more. */
static void print_histogram(const char *title, const size_t *bins, const char *unit, int bias)
{
    static const char *const steps[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    enum { WIDTH = 48 };
    int first, last;
    if (!bin_range(bins, &first, &last)) {
        return;
    }
    int per = (last - first) / WIDTH + 1, columns = (last - first) / per + 1;
    size_t counts[WIDTH] = {0}, most = 0;
    for (int b = first; b <= last; b++) {
        size_t *column = &counts[(b - first) / per];
        *column += bins[b];
        most = *column > most ? *column : most;
    }
    printf("    %-11s %s%-4d ", title, unit, first - bias);
    for (int c = 0; c < columns; c++) {
        int height = counts[c] ? 1 + (int)(7.0 * (double)counts[c] / (double)most) : 0;
        fputs(steps[height], stdout);
    }
    printf(" %s%d", unit, last - bias);
    if (per > 1) {
        printf("  (%d binades a column)", per);
    }
    putchar('\n');
}

static bool scales_are_powers(mote_format format) { return format != MOTE_NVFP4; }

static void print_tensor(const mote_tensor_info *info, const mote_summary *s)
{
    char shape[128], text[32], axis[24] = "";
    const mote_format_traits *traits = mote_format_get(info->layout.format);
    if (traits->block_length > 1 && info->layout.rank > 1 && info->layout.axis != info->layout.rank - 1) {
        snprintf(axis, sizeof axis, ", axis %d", info->layout.axis);
    }
    printf("%s\n    %s %s%s, %s", info->name, traits->name, cli_shape(&info->layout, shape, sizeof shape), axis,
           cli_bytes((double)info->element_bytes + (double)info->scale_bytes, text, sizeof text));
    if (!s || s->count == 0) {
        putchar('\n');
        return;
    }
    size_t finite = s->count - s->nonfinite;
    if (finite) {
        double mean = s->sum / (double)finite;
        printf(", %.4g .. %.4g, mean %.3g, rms %.3g", (double)s->minimum, (double)s->maximum, mean,
               sqrt(s->sum_squares / (double)finite));
    }
    printf(", %.2f %% zero", 100.0 * (double)s->zeros / (double)s->count);
    if (s->nonfinite) {
        printf(", %zu NOT FINITE", s->nonfinite);
    }
    putchar('\n');
    print_histogram("magnitudes", s->magnitudes, "2^", 127);
    if (traits->scale_bytes == 1) {
        bool powers = scales_are_powers(info->layout.format);
        print_histogram("scales", s->scales, powers ? "2^" : "code ", powers ? 127 : 0);
    }
}

static json_t *histogram_json(const size_t *bins, int bias)
{
    json_t *list = json_array();
    for (int b = 0; b < MOTE_SUMMARY_BINS; b++) {
        if (bins[b]) {
            json_array_append_new(list, json_pack("[i, I]", b - bias, (json_int_t)bins[b]));
        }
    }
    return list;
}

static json_t *tensor_json(const mote_tensor_info *info, const mote_summary *s)
{
    json_t *shape = json_array();
    for (int d = 0; d < info->layout.rank; d++) {
        json_array_append_new(shape, json_integer((json_int_t)info->layout.shape[d]));
    }
    const mote_format_traits *traits = mote_format_get(info->layout.format);
    json_t *row = json_pack("{s:s, s:s, s:o, s:I}", "name", info->name, "format", traits->name, "shape", shape, "bytes",
                            (json_int_t)(info->element_bytes + info->scale_bytes));
    if (traits->block_length > 1) {
        json_object_set_new(row, "axis", json_integer(info->layout.axis));
    }
    if (s) {
        size_t finite = s->count - s->nonfinite;
        json_object_set_new(row, "zeros", json_integer((json_int_t)s->zeros));
        json_object_set_new(row, "nonfinite", json_integer((json_int_t)s->nonfinite));
        if (finite) {
            json_object_set_new(row, "minimum", json_real((double)s->minimum));
            json_object_set_new(row, "maximum", json_real((double)s->maximum));
            json_object_set_new(row, "mean", json_real(s->sum / (double)finite));
            json_object_set_new(row, "rms", json_real(sqrt(s->sum_squares / (double)finite)));
        }
        json_object_set_new(row, "magnitudes", histogram_json(s->magnitudes, 127));
        if (traits->scale_bytes == 1) {
            json_object_set_new(row, "scales",
                                histogram_json(s->scales, scales_are_powers(info->layout.format) ? 127 : 0));
        }
    }
    return row;
}

static void print_metadata(const mote_file *file)
{
    enum { VALUE_WIDTH = 100 };
    for (size_t i = 0; i < mote_file_metadata_count(file); i++) {
        const mote_metadata *m = mote_file_metadata(file, i);
        if (strncmp(m->key, "mote:", 5) != 0) {
            size_t length = strcspn(m->text, "\n");
            bool cut = length > VALUE_WIDTH || m->text[length];
            printf("  %s: %.*s%s\n", m->key, (int)(length < VALUE_WIDTH ? length : VALUE_WIDTH), m->text,
                   cut ? " ..." : "");
        }
    }
}

/* Reads tensor index and summarizes it; *known is false for tensors that are not numbers to mote. */
static mote_status summarize(mote_context *context, mote_file *file, size_t index, mote_summary *s, bool *known)
{
    const mote_tensor_info *info = mote_file_tensor(file, index);
    *known = mote_format_get(info->layout.format)->kind != MOTE_KIND_CARRIED;
    if (!*known) {
        return MOTE_OK;
    }
    mote_tensor tensor = {.elements = malloc(info->element_bytes + 1), .scales = malloc(info->scale_bytes + 1)};
    mote_status status = MOTE_ERROR_MEMORY;
    if (tensor.elements && tensor.scales) {
        status = mote_file_read(file, index, &tensor);
        status = status == MOTE_OK ? mote_summarize(context, &tensor, s) : status;
    } else {
        cli_complain(CLI_FAILED, "inspect", "no memory for the %zu bytes of '%s'", info->element_bytes, info->name);
    }
    free(tensor.elements);
    free(tensor.scales);
    return status;
}

static mote_status show(mote_context *context, mote_file *file, const char *path, bool json)
{
    char text[32];
    double total = 0;
    json_t *list = json_array(), *metadata = json_object();
    size_t count = mote_file_tensor_count(file);
    mote_status status = MOTE_OK;
    if (!json) {
        printf("%s: %s, %zu tensor(s)\n", path, mote_file_format(file), count);
        print_metadata(file);
    }
    for (size_t i = 0; i < count && status == MOTE_OK && !cli_interrupted(); i++) {
        mote_summary s;
        bool known;
        const mote_tensor_info *info = mote_file_tensor(file, i);
        cli_bar((double)i / (double)count, info->name);
        status = summarize(context, file, i, &s, &known);
        cli_bar_clear();
        if (status == MOTE_OK && json) {
            json_array_append_new(list, tensor_json(info, known ? &s : NULL));
        } else if (status == MOTE_OK) {
            print_tensor(info, known ? &s : NULL);
        }
        total += (double)info->element_bytes + (double)info->scale_bytes;
    }
    if (status == MOTE_OK && cli_interrupted()) {
        cli_complain(CLI_FAILED, "inspect", "interrupted");
        status = MOTE_ERROR_CANCELLED;
    } else if (json && status == MOTE_OK) {
        for (size_t i = 0; i < mote_file_metadata_count(file); i++) {
            const mote_metadata *m = mote_file_metadata(file, i);
            json_object_set_new(metadata, m->key, json_string(m->text));
        }
        json_t *root = json_pack("{s:s, s:s, s:O, s:O}", "file", path, "format", mote_file_format(file), "metadata",
                                 metadata, "tensors", list);
        json_dumpf(root, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(root);
    } else if (status == MOTE_OK && count > 1) {
        printf("total: %s\n", cli_bytes(total, text, sizeof text));
    }
    json_decref(list);
    json_decref(metadata);
    return status;
}

int cli_inspect(int argc, char **argv)
{
    bool json;
    if (!cli_only_json("inspect", argc, argv, &json)) {
        return CLI_USAGE;
    }
    if (argc - optind != 1) {
        return cli_complain(CLI_USAGE, "inspect", argc == optind ? "which file?" : "one file at a time");
    }
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    mote_file *file;
    mote_status status = mote_file_open(context, argv[optind], &file);
    status = status == MOTE_OK ? show(context, file, argv[optind], json) : status;
    mote_file_close(file);
    int result = status == MOTE_OK ? CLI_DONE
                 : status == MOTE_ERROR_CANCELLED
                     ? CLI_FAILED
                     : cli_complain(CLI_FAILED, "inspect", "%s", mote_context_message(context));
    mote_context_destroy(context);
    return result;
}
