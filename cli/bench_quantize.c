/* mote bench quantize: conversions against memcpy, measured in the same run. */
#include "bench.h"

#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 4096, SMALL_COLUMNS = 512, SMALL_ROWS = 128, MEGABYTES = 512 };

/* One matrix and its quantized form. threads small matrices are worked on at once for the cache figures. */
typedef struct workload {
    mote_context **contexts; /* one a thread for the cache figures, or one for all */
    int copies;
    size_t rows, columns, repeat;
    float *x, *copy; /* copies matrices, one after the other */
    mote_tensor *tensors;
    bool back;
} workload;

static void convert(const workload *w, int i)
{
    float *x = w->x + (size_t)i * w->rows * w->columns;
    for (size_t r = 0; r < w->repeat; r++) {
        if (w->back) {
            mote_dequantize(w->contexts[i], &w->tensors[i], x, NULL);
        } else {
            mote_quantize(w->contexts[i], x, NULL, NULL, &w->tensors[i]);
        }
    }
}

/* Seconds of one conversion of everything. */
static double time_convert(const workload *w)
{
    double start = mote_clock();
    if (w->copies == 1) {
        convert(w, 0);
    } else {
#pragma omp parallel for num_threads(w->copies) schedule(static, 1)
        for (int i = 0; i < w->copies; i++) {
            convert(w, i);
        }
    }
    return (mote_clock() - start) / (double)w->repeat;
}

/* Seconds of memcpy over the same matrices, threads sharing them as the conversion does. */
static double time_copy(const workload *w, int threads)
{
    size_t total = (size_t)w->copies * w->rows * w->columns * sizeof(float), share = total / (size_t)threads;
    double start = mote_clock();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int i = 0; i < threads; i++) {
        for (size_t r = 0; r < w->repeat; r++) {
            memcpy((char *)w->copy + (size_t)i * share, (char *)w->x + (size_t)i * share, share);
            __asm__ volatile("" : : "r"(w->copy) : "memory");
        }
    }
    return (mote_clock() - start) / (double)w->repeat;
}

static mote_tensor make_tensor(mote_context *context, mote_format format, int axis, size_t rows, size_t columns)
{
    mote_tensor t = {.layout = {.format = format, .rank = 2, .axis = axis, .shape = {rows, columns}}};
    mote_layout_sizes sizes = {0};
    mote_layout_measure(context, &t.layout, &sizes);
    t.elements = aligned_alloc(64, (sizes.element_bytes + 127) / 64 * 64);
    t.scales = aligned_alloc(64, (sizes.scale_bytes + 127) / 64 * 64);
    if (t.elements && t.scales) {
        memset(t.elements, 0, sizes.element_bytes);
        memset(t.scales, 0, sizes.scale_bytes + 1);
    }
    return t;
}

static double plane_bytes(mote_context *context, const mote_tensor *t)
{
    mote_layout_sizes sizes = {0};
    mote_layout_measure(context, &t->layout, &sizes);
    return (double)sizes.element_bytes + (double)sizes.scale_bytes;
}

/* The portable kernels' rate in bytes of FP32 a second on one thread, on the small matrix. */
static double portable_rate(mote_format format, int axis, bool back, const float *x)
{
    mote_context *context = cli_context(1, "c");
    size_t count = SMALL_ROWS * SMALL_COLUMNS;
    float *values = malloc(count * sizeof *values);
    if (!context || !values) {
        free(values);
        mote_context_destroy(context);
        return NAN;
    }
    memcpy(values, x, count * sizeof *values);
    mote_tensor tensor = make_tensor(context, format, axis, SMALL_ROWS, SMALL_COLUMNS);
    mote_quantize(context, values, NULL, NULL, &tensor);
    workload w = {&context, 1, SMALL_ROWS, SMALL_COLUMNS, 1, values, NULL, &tensor, back};
    double times[5];
    for (int i = 0; i < 5; i++) {
        times[i] = time_convert(&w);
    }
    free(tensor.elements);
    free(tensor.scales);
    free(values);
    mote_context_destroy(context);
    return (double)(count * sizeof(float)) / bench_median(times, 5);
}

static void report(const bench_options *a, const workload *w, const char *where, int threads, double seconds,
                   double copy_seconds)
{
    const mote_tensor *t = &w->tensors[0];
    double fp32 = (double)w->copies * (double)(w->rows * w->columns * sizeof(float));
    double planes = (double)w->copies * plane_bytes(w->contexts[0], t);
    /* memcpy of n bytes moves 2 n; the conversion moves fp32 + planes */
    double copy_rate = 2 * fp32 / copy_seconds, ratio = (fp32 + planes) / copy_rate / seconds;
    double c = portable_rate(t->layout.format, t->layout.axis, w->back, w->x) * threads;
    const char *format = mote_format_get(t->layout.format)->name, *axis = t->layout.axis == 1 ? "last" : "first";
    const char *direction = w->back ? "dequantize" : "quantize";
    if (a->json) {
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:s}", "direction", direction, "format", format,
                      "axis", axis, "where", where, "threads", threads, "gb_per_second", fp32 / seconds * 1e-9,
                      "memcpy_gb_per_second", fp32 / copy_seconds * 1e-9, "ratio_to_copy", ratio, "ratio_to_portable_c",
                      fp32 / seconds / c, "cpu", mote_cpu_level_name(mote_context_cpu(w->contexts[0])));
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    } else {
        printf("%-10s  %-10s  %-5s  %-6s  %7d  %7.2f  %7.2f  %7.2f  %6.1f\n", direction, format, axis, where, threads,
               fp32 / seconds * 1e-9, fp32 / copy_seconds * 1e-9, ratio, fp32 / seconds / c);
    }
    fflush(stdout);
}

/* Interleaves conversion and copy, and reports their medians. */
static void measure(const bench_options *a, workload *w, const char *where, int threads)
{
    double times[BENCH_RUNS_MAXIMUM], copies[BENCH_RUNS_MAXIMUM];
    time_convert(w);
    time_copy(w, threads);
    for (int i = 0; i < a->runs; i++) {
        times[i] = time_convert(w);
        copies[i] = time_copy(w, threads);
    }
    report(a, w, where, threads, bench_median(times, a->runs), bench_median(copies, a->runs));
}

static bool bench_small(const bench_options *a, int threads, mote_format format, int axis, float *x, float *copy)
{
    mote_context *contexts[64];
    mote_tensor tensors[64];
    int copies = threads < 64 ? threads : 64;
    for (int i = 0; i < copies; i++) {
        contexts[i] = cli_context(1, NULL);
        if (!contexts[i]) {
            return false;
        }
        tensors[i] = make_tensor(contexts[i], format, axis, SMALL_ROWS, SMALL_COLUMNS);
    }
    workload w = {contexts, copies, SMALL_ROWS, SMALL_COLUMNS, 100, x, copy, tensors, false};
    measure(a, &w, "L2", threads);
    w.back = true;
    measure(a, &w, "L2", threads);
    for (int i = 0; i < copies; i++) {
        free(tensors[i].elements);
        free(tensors[i].scales);
        mote_context_destroy(contexts[i]);
    }
    return true;
}

static bool bench_large(const bench_options *a, int threads, mote_format format, int axis, float *x, float *copy)
{
    mote_context *context = cli_context(threads, NULL);
    if (!context) {
        return false;
    }
    size_t rows = ((size_t)a->size << 20) / sizeof(float) / COLUMNS;
    mote_tensor tensor = make_tensor(context, format, axis, rows, COLUMNS);
    bool ok = tensor.elements && tensor.scales;
    if (ok) {
        workload w = {&context, 1, rows, COLUMNS, 1, x, copy, &tensor, false};
        measure(a, &w, "memory", threads);
        w.back = true;
        measure(a, &w, "memory", threads);
    }
    free(tensor.elements);
    free(tensor.scales);
    mote_context_destroy(context);
    return ok;
}

int bench_quantize(const bench_options *options)
{
    static const mote_format usual[] = {MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_MXFP6_E3M2, MOTE_MXFP6_E2M3,
                                        MOTE_MXFP4_E2M1, MOTE_MXINT8,     MOTE_NVFP4};
    bench_options a = *options;
    if (!a.format_count) {
        a.format_count = sizeof usual / sizeof usual[0];
        memcpy(a.formats, usual, sizeof usual);
    }
    a.size = a.size ? a.size : MEGABYTES;
    /* the cache figures use one small matrix a thread, whatever --size says */
    size_t small = (size_t)64 * SMALL_ROWS * SMALL_COLUMNS * sizeof(float), asked = (size_t)a.size << 20;
    size_t bytes = asked > small ? asked : small;
    float *x = aligned_alloc(64, bytes), *copy = aligned_alloc(64, bytes);
    bool ok = x && copy;
    if (ok) {
        bench_fill(x, bytes / sizeof *x);
        memset(copy, 0, bytes);
    }
    if (ok && !a.json) {
        mote_context *context = cli_context(1, NULL);
        printf("mote bench quantize: %ld MB in memory, %d kB in the cache, medians of %d runs; peer: memcpy\n", a.size,
               (int)(SMALL_ROWS * SMALL_COLUMNS * sizeof(float)) >> 10, a.runs);
        printf("again: MOTE_CPU=%s mote bench quantize --size %ld --runs %d\n",
               mote_cpu_level_name(mote_context_cpu(context)), a.size, a.runs);
        printf("%-10s  %-10s  %-5s  %-6s  %7s  %7s  %7s  %7s  %6s\n", "direction", "format", "axis", "where", "threads",
               "GB/s", "memcpy", "of copy", "x C");
        mote_context_destroy(context);
    }
    for (int t = 0; t < a.thread_count && ok; t++) {
        for (int f = 0; f < a.format_count && ok; f++) {
            for (int axis = 1; axis >= 0 && ok && !cli_interrupted(); axis--) {
                ok = bench_small(&a, a.threads[t], a.formats[f], axis, x, copy) &&
                     bench_large(&a, a.threads[t], a.formats[f], axis, x, copy);
            }
        }
    }
    free(x);
    free(copy);
    if (ok && cli_interrupted()) {
        return cli_complain(CLI_FAILED, "bench", "interrupted");
    }
    return ok ? CLI_DONE : cli_complain(CLI_FAILED, "bench", "not enough memory for --size %ld", a.size);
}
