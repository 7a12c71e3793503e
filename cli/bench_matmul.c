/* mote bench matmul: products against FP32 libraries and against what the machine's instructions and memory allow. */
#include "bench.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_ROWS = 512,
    TRAINING_SIZE = 1024,
    COLD_SIZE = 1024,       /* smaller weights are not worth reading from memory */
    COLD_BYTES = 256 << 20, /* of weights that matrix-vector products go through: more than any cache */
    SIDES = MOTE_FORMAT_COUNT + BENCH_PEERS
};

static const size_t forward_rows[] = {512, 128, 32}, vector_rows[] = {1, 4};

typedef struct bench {
    const bench_options *options;
    mote_format formats[MOTE_FORMAT_COUNT];
    int format_count, peers, threads;
    mote_context *context;
    size_t size;
    float *x, *w, *y, *dx, *dw;
    double peak_fp32, peak_int8, peak_int16, peak_bf16, read_rate;
} bench;

/* One measured line: the same work by each format and each peer. */
typedef struct line {
    const char *what;
    size_t rows;
    double operations, times[SIDES][BENCH_RUNS_MAXIMUM];
} line;

/* The peak that bounds products of a format with itself, and its name. */
static double peak_of(const bench *b, mote_format format, const char **name)
{
    switch (format) {
    case MOTE_MXINT8:
    case MOTE_MXFP6_E2M3:
    case MOTE_MXFP4_E2M1:
    case MOTE_NVFP4: *name = "int8"; return b->peak_int8;
    case MOTE_MXFP6_E3M2: *name = "int16"; return b->peak_int16;
    case MOTE_MXFP8_E4M3:
    case MOTE_MXFP8_E5M2:
        *name = b->peak_bf16 > 0 ? "bf16" : "fp32";
        return b->peak_bf16 > 0 ? b->peak_bf16 : b->peak_fp32;
    default: *name = "fp32"; return b->peak_fp32;
    }
}

static int fastest_peer(const bench *b, line *l)
{
    int best = -1;
    double least = INFINITY;
    for (int p = 0; p < b->peers; p++) {
        double time = bench_median(l->times[b->format_count + p], b->options->runs);
        if (time < least) {
            least = time;
            best = p;
        }
    }
    return best;
}

/* A figure, or null for want of a peer or a probe. */
static json_t *figure(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static void report_json(const bench *b, const line *l, const char *format, double rate, const char *peer,
                        double peer_rate, const char *limit, double peak, double used)
{
    json_t *row =
        json_pack("{s:s, s:I, s:I, s:i, s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "what", l->what, "size",
                  (json_int_t)b->size, "rows", (json_int_t)l->rows, "threads", b->threads, "format", format,
                  "gop_per_second", figure(rate), "peer", peer, "peer_gop_per_second", figure(peer_rate),
                  "ratio_to_peer", figure(rate / peer_rate), "limit", limit, "limit_per_second", figure(peak),
                  "of_limit", figure(used), "cpu", mote_cpu_level_name(mote_context_cpu(b->context)));
    json_dumpf(row, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(row);
}

/* Prints a line for each format. bytes: packed weights of a product, for those bound by memory; else NULL. */
static void report(const bench *b, line *l, const double *bytes)
{
    int peer = fastest_peer(b, l);
    double peer_time = peer < 0 ? NAN : bench_median(l->times[b->format_count + peer], b->options->runs);
    double peer_rate = l->operations / peer_time * 1e-9;
    const char *peer_name = peer < 0 ? "none" : bench_peer_name(peer);
    for (int f = 0; f < b->format_count; f++) {
        const char *limit, *format = mote_format_get(b->formats[f])->name;
        double time = bench_median(l->times[f], b->options->runs), rate = l->operations / time * 1e-9;
        double peak = peak_of(b, b->formats[f], &limit);
        double used = peak > 0 ? rate / peak : NAN; /* no probe below VNNI */
        if (bytes) {
            limit = "read";
            peak = b->read_rate;
            used = bytes[f] / time * 1e-9 / peak;
        }
        if (b->options->json) {
            report_json(b, l, format, rate, peer_name, peer_rate, limit, peak > 0 ? peak : NAN, used);
        } else {
            printf("%-8s  %5zu  %4zu  %7d  %-10s  %8.1f  %8.1f %-8s  %5.2f", l->what, b->size, l->rows, b->threads,
                   format, rate, peer_rate, peer_name, rate / peer_rate);
            if (isfinite(used)) {
                printf("  %8.1f %-5s  %5.2f\n", peak, limit, used);
            } else {
                printf("  %8s %-5s  %5s\n", "-", limit, "-");
            }
        }
    }
    fflush(stdout);
}

static mote_packed *pack(const bench *b, mote_format format, const float *w)
{
    ptrdiff_t strides[2] = {1, (ptrdiff_t)b->size};
    mote_operand operand = {.values = w, .rank = 2, .shape = {b->size, b->size}, .strides = strides, .format = format};
    mote_packed *packed = NULL;
    if (mote_pack(b->context, &operand, &packed) != MOTE_OK) {
        cli_complain(CLI_FAILED, "bench", "%s", mote_context_message(b->context));
    }
    return packed;
}

/* A call that failed has no time; saying so once is enough. */
static double failed(const char *why)
{
    cli_complain(CLI_FAILED, "bench", "a product failed: %s", why);
    return NAN;
}

static double time_product(const bench *b, mote_format format, size_t rows, const mote_packed *packed)
{
    mote_operand x = {.values = b->x, .rank = 2, .shape = {rows, b->size}, .format = format};
    double start = mote_clock();
    mote_status status = mote_matmul_packed(b->context, &x, packed, NULL, 0, b->y, NULL);
    return status == MOTE_OK ? mote_clock() - start : failed(mote_context_message(b->context));
}

static double time_peer(const bench *b, int peer, size_t rows, const float *w)
{
    double start = mote_clock();
    bool ok = bench_peer_multiply(peer, rows, b->size, b->size, b->x, w, b->y);
    return ok ? mote_clock() - start : failed(bench_peer_name(peer));
}

static bool bench_forward(const bench *b, size_t rows)
{
    line *l = calloc(1, sizeof *l);
    mote_packed *packed[MOTE_FORMAT_COUNT] = {NULL};
    bool ok = l != NULL;
    for (int f = 0; f < b->format_count && ok; f++) {
        packed[f] = pack(b, b->formats[f], b->w);
        ok = packed[f] != NULL;
    }
    for (int p = 0; p < b->peers && ok; p++) {
        ok = bench_peer_prepare(p, rows, b->size, b->size, b->w);
    }
    if (ok) {
        l->what = "forward";
        l->rows = rows;
        l->operations = 2.0 * (double)rows * (double)b->size * (double)b->size;
        for (int run = -1; run < b->options->runs; run++) { /* the first warms up */
            for (int p = 0; p < b->peers; p++) {
                l->times[b->format_count + p][run < 0 ? 0 : run] = time_peer(b, p, rows, b->w);
            }
            for (int f = 0; f < b->format_count; f++) {
                l->times[f][run < 0 ? 0 : run] = time_product(b, b->formats[f], rows, packed[f]);
            }
        }
        report(b, l, NULL);
    }
    for (int f = 0; f < b->format_count; f++) {
        mote_packed_destroy(packed[f]);
    }
    free(l);
    return ok;
}

/* Copies of weights that together no cache holds. */
typedef struct cold {
    mote_packed **copies;
    int count;
} cold;

static bool open_cold(const bench *b, mote_format format, cold *c)
{
    mote_packed *first = pack(b, format, b->w);
    int wanted = first ? (int)(COLD_BYTES / mote_packed_bytes(first)) + 1 : 0;
    c->copies = first ? calloc((size_t)wanted, sizeof(mote_packed *)) : NULL;
    c->count = 0;
    if (!c->copies) {
        mote_packed_destroy(first);
        return false;
    }
    c->copies[c->count++] = first;
    while (c->count < wanted && (c->copies[c->count] = pack(b, format, b->w))) {
        c->count++;
    }
    return c->count == wanted;
}

static void close_cold(cold *c)
{
    for (int i = 0; i < c->count; i++) {
        mote_packed_destroy(c->copies[i]);
    }
    free(c->copies);
}

/* Time of one product with weights from memory: all copies in turn. */
static double time_cold(const bench *b, mote_format format, size_t rows, const cold *c)
{
    double total = 0;
    for (int i = 0; i < c->count; i++) {
        total += time_product(b, format, rows, c->copies[i]);
    }
    return total / c->count;
}

static double time_cold_peer(const bench *b, int peer, size_t rows, const float *weights, size_t copies)
{
    double total = 0;
    for (size_t i = 0; i < copies; i++) {
        total += time_peer(b, peer, rows, weights + i * b->size * b->size);
    }
    return total / (double)copies;
}

/* Matrix-vector products from memory. Each format in turn beside the read probe, for all together would not fit into
 * it. */
static bool bench_vector(bench *b, size_t rows)
{
    size_t matrix = b->size * b->size, copies = COLD_BYTES / (matrix * sizeof(float)) + 1;
    size_t all = copies * matrix * sizeof(float);
    line *l = calloc(1, sizeof *l);
    float *weights = malloc(all);
    double bytes[MOTE_FORMAT_COUNT], rates[BENCH_RUNS_MAXIMUM];
    bool ok = l && weights;
    for (size_t i = 0; i < copies && ok; i++) {
        memcpy(weights + i * matrix, b->w, matrix * sizeof *weights);
    }
    for (int p = 0; p < b->peers && ok; p++) {
        ok = bench_peer_prepare(p, rows, b->size, b->size, NULL);
    }
    for (int run = -1; run < b->options->runs && ok; run++) {
        for (int p = 0; p < b->peers; p++) {
            l->times[b->format_count + p][run < 0 ? 0 : run] = time_cold_peer(b, p, rows, weights, copies);
        }
    }
    for (int f = 0; f < b->format_count && ok; f++) {
        cold c = {NULL, 0};
        ok = open_cold(b, b->formats[f], &c);
        for (int run = -1; run < b->options->runs && ok; run++) {
            rates[run < 0 ? 0 : run] = bench_read_rate(weights, all, b->threads);
            l->times[f][run < 0 ? 0 : run] = time_cold(b, b->formats[f], rows, &c);
        }
        bytes[f] = ok ? (double)mote_packed_bytes(c.copies[0]) : 0;
        close_cold(&c);
    }
    if (ok) {
        b->read_rate = bench_median(rates, b->options->runs);
        l->what = "vector";
        l->rows = rows;
        l->operations = 2.0 * (double)rows * (double)matrix;
        report(b, l, bytes);
    }
    free(weights);
    free(l);
    return ok;
}

/* A layer's three products from FP32, every operand quantized within the time. Peers: three products of that size. */
static double time_training(const bench *b, mote_format format)
{
    size_t n = b->size;
    mote_policy policy = {
        format, format, format, format, format, format, MOTE_NEAREST_EVEN, MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
    double start = mote_clock();
    mote_status status = mote_linear(b->context, &policy, n, n, n, b->x, 0, b->w, 0, NULL, b->y, 0);
    if (status == MOTE_OK) {
        status =
            mote_linear_backward(b->context, &policy, n, n, n, b->x, 0, b->w, 0, b->y, 0, 0, b->dx, 0, b->dw, 0, NULL);
    }
    return status == MOTE_OK ? mote_clock() - start : failed(mote_context_message(b->context));
}

static bool bench_training(bench *b)
{
    line *l = calloc(1, sizeof *l);
    size_t asked = b->size, n = b->size = TRAINING_SIZE;
    b->dx = malloc(n * n * sizeof *b->dx);
    b->dw = malloc(n * n * sizeof *b->dw);
    bool ok = l && b->dx && b->dw;
    for (int p = 0; p < b->peers && ok; p++) {
        ok = bench_peer_prepare(p, n, n, n, b->w);
    }
    if (ok) {
        l->what = "training";
        l->rows = n;
        l->operations = 6.0 * (double)n * (double)n * (double)n;
        for (int run = -1; run < b->options->runs; run++) {
            for (int p = 0; p < b->peers; p++) {
                double time = 0;
                for (int i = 0; i < 3; i++) {
                    time += time_peer(b, p, n, b->w);
                }
                l->times[b->format_count + p][run < 0 ? 0 : run] = time;
            }
            for (int f = 0; f < b->format_count; f++) {
                l->times[f][run < 0 ? 0 : run] = time_training(b, b->formats[f]);
            }
        }
        report(b, l, NULL);
    }
    free(b->dx);
    free(b->dw);
    free(l);
    b->size = asked;
    return ok;
}

/* training: also the training step, whose size is its own. */
static bool bench_size(bench *b, size_t size, bool training)
{
    size_t rows = size > MOST_ROWS ? size : MOST_ROWS, least = (size_t)TRAINING_SIZE * TRAINING_SIZE;
    size_t matrix = rows * size > least ? rows * size : least;
    b->size = size;
    b->x = malloc(matrix * sizeof *b->x);
    b->w = malloc(matrix * sizeof *b->w);
    b->y = malloc(matrix * sizeof *b->y);
    bool ok = b->x && b->w && b->y;
    if (ok) {
        bench_fill(b->x, matrix);
        bench_fill(b->w, matrix);
    }
    for (size_t i = 0; i < sizeof forward_rows / sizeof *forward_rows && ok && !cli_interrupted(); i++) {
        ok = bench_forward(b, forward_rows[i]);
    }
    for (size_t i = 0; i < sizeof vector_rows / sizeof *vector_rows && ok && size >= COLD_SIZE && !cli_interrupted();
         i++) {
        ok = bench_vector(b, vector_rows[i]);
    }
    if (ok && training && !cli_interrupted()) {
        ok = bench_training(b);
    }
    free(b->x);
    free(b->w);
    free(b->y);
    return ok;
}

static void print_head(const bench *b)
{
    if (b->options->json) {
        return;
    }
    printf("mote bench matmul: y [rows, size] = x [rows, size] W^T, medians of %d runs, %d thread%s; peers (FP32):",
           b->options->runs, b->threads, b->threads > 1 ? "s" : "");
    for (int p = 0; p < b->peers; p++) {
        printf(" %s", bench_peer_name(p));
    }
    printf("%s\nagain: MOTE_CPU=%s mote bench matmul --threads %d --runs %d\n",
           b->peers ? "" : " none found; install libopenblas0-pthread, libblis4-pthread or libdnnl2",
           mote_cpu_level_name(mote_context_cpu(b->context)), b->threads, b->options->runs);
    printf("OPENBLAS_CORETYPE=%s BLIS_ARCH_TYPE=%s (set unless you did: by themselves they may take slow kernels)\n",
           getenv("OPENBLAS_CORETYPE"), getenv("BLIS_ARCH_TYPE"));
    printf("forward: x quantized within the time, W packed before; vector: W read from memory, 'of it' counts packed "
           "bytes;\n"
           "training: y, dx and dW, all operands quantized within the time; a peer's figure is three products of that "
           "size\n");
    printf("%-8s  %5s  %4s  %7s  %-10s  %8s  %8s %-8s  %5s  %8s %-5s  %5s\n", "what", "size", "rows", "threads",
           "format", "GOP/s", "best", "peer", "ratio", "limit", "", "of it");
}

int bench_matmul(const bench_options *options)
{
    static const mote_format usual[] = {MOTE_MXINT8,     MOTE_MXFP6_E2M3, MOTE_MXFP4_E2M1, MOTE_MXFP6_E3M2,
                                        MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_NVFP4,      MOTE_FP32};
    static const size_t sizes[] = {2048, 4096};
    bench b = {.options = options, .format_count = options->format_count};
    bool ok = true;
    memcpy(b.formats, options->formats, sizeof b.formats);
    if (!b.format_count) {
        b.format_count = sizeof usual / sizeof usual[0];
        memcpy(b.formats, usual, sizeof usual);
    }
    for (int t = 0; t < options->thread_count && ok && !cli_interrupted(); t++) {
        b.threads = options->threads[t];
        b.context = cli_context(b.threads, NULL);
        if (!b.context) {
            return CLI_FAILED;
        }
        b.peers = bench_peers_open(b.threads);
        b.peak_fp32 = bench_peak_fp32(b.threads);
        b.peak_int8 = bench_peak_int8(b.threads);
        b.peak_int16 = bench_peak_int16(b.threads);
        b.peak_bf16 = bench_peak_bf16(b.threads);
        print_head(&b);
        for (size_t i = 0; i < (options->size ? 1 : sizeof sizes / sizeof *sizes) && ok && !cli_interrupted(); i++) {
            ok = bench_size(&b, options->size ? (size_t)options->size : sizes[i], i == 0);
        }
        mote_context_destroy(b.context);
    }
    if (ok && cli_interrupted()) {
        return cli_complain(CLI_FAILED, "bench", "interrupted");
    }
    return ok ? CLI_DONE
              : cli_complain(CLI_FAILED, "bench", "a product or a peer failed, or there is not enough memory");
}
