/* mote bench evoformer: attention with a mask and a pair bias, forward and backward, against this machine's FP32 peak
 * and torch's with a matrix of scores, in turn. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SEQUENCES = 128, WIDTH = 32, ARRAYS = 8, INPUTS = 4 /* q k v and y's gradient */ };

/* Answers each line "heads length backward repeat" by the seconds of one run, or, with repeat 0, by the bytes that the
 * largest needed beside inputs, result and gradients. */
static const char script[] =
    "import resource, sys, time, torch\n"
    "torch.set_num_threads(int(sys.argv[1]))\n"
    "print(torch.__version__, flush=True)\n"
    "N, D, made = 128, 32, {}\n"
    "def attend(q, k, v, mask, pair):\n"
    "    q, k, v = (x.transpose(-2, -3) for x in (q, k, v))\n"
    "    scores = torch.matmul(q * D ** -0.5, k.transpose(-1, -2)) + mask + pair\n"
    "    return torch.matmul(torch.softmax(scores, -1), v).transpose(-2, -3)\n"
    "for line in sys.stdin:\n"
    "    heads, length, backward, repeat = map(int, line.split())\n"
    "    if (heads, length) not in made:\n"
    "        made = {}\n"
    "        shapes = [(1, N, length, heads, D)] * 3 + [(1, N, 1, 1, length), (1, 1, heads, length, length)]\n"
    "        x = [torch.randn(s) for s in shapes]\n"
    "        for i in (0, 1, 2, 4):\n"
    "            x[i].requires_grad_()\n"
    "        dy = torch.randn(shapes[0])\n"
    "        made[heads, length] = x\n"
    "        rss = int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
    "    if repeat == 0:\n"
    "        results = dy.nbytes + (3 * dy.nbytes + x[4].nbytes if backward else 0)\n"
    "        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - rss - results, flush=True)\n"
    "        continue\n"
    "    with torch.set_grad_enabled(bool(backward)):\n"
    "        start = time.perf_counter()\n"
    "        for _ in range(repeat):\n"
    "            y = attend(*x)\n"
    "            if backward:\n"
    "                for t in x:\n"
    "                    t.grad = None\n"
    "                y.backward(dy)\n"
    "        seconds = (time.perf_counter() - start) / repeat\n"
    "    del y\n"
    "    print(seconds, flush=True)\n";

typedef struct bench {
    const bench_options *options;
    mote_context *context;
    int threads;
    double peak; /* of FP32, all threads */
    bool torch;
    size_t length, heads;
    mote_evoformer_shape shape;
    mote_evoformer_bias biases[2];
    float *arrays[ARRAYS]; /* q k v dy y dq dk dv */
    float *mask, *pair, *statistics;
    double resident; /* bytes of the process before the first run */
    double torch_ms, torch_bytes;
} bench;

static size_t array_count(const bench *b) { return SEQUENCES * b->length * b->heads * WIDTH; }

static size_t pair_count(const bench *b) { return b->heads * b->length * b->length; }

static size_t rows(const bench *b) { return SEQUENCES * b->heads * b->length; }

static bool attend(const bench *b, const mote_policy *policy, bool backward)
{
    float *const *a = b->arrays;
    mote_status status = mote_evoformer_attention(b->context, policy, &b->shape, a[0], a[1], a[2], 2, b->biases, NULL,
                                                  a[4], b->statistics);
    if (status == MOTE_OK && backward) {
        status = mote_evoformer_attention_backward(b->context, policy, &b->shape, a[0], a[1], a[2], 2, b->biases, NULL,
                                                   a[4], b->statistics, a[3], a[5], a[6], a[7], NULL);
    }
    return status == MOTE_OK;
}

/* Two products forward and five backward, of two operations each. */
static double operations(const bench *b, bool backward)
{
    return 2 * 2 * (double)rows(b) * (double)b->length * WIDTH * (backward ? 3.5 : 1);
}

static void report(const bench *b, mote_format format, bool backward, double seconds)
{
    double rate = operations(b, backward) / seconds * 1e-9, share = b->peak > 0 ? rate / b->peak : 0;
    double ms = seconds * 1e3, ratio = b->torch_ms > 0 ? b->torch_ms / ms : 0;
    const char *what = backward ? "forward+backward" : "forward", *name = mote_format_get(format)->name;
    if (b->options->json) {
        json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:s}", "what", what, "format", name,
                                "heads", (json_int_t)b->heads, "length", (json_int_t)b->length, "threads", b->threads,
                                "ms", ms, "gop_per_second", rate, "share_of_peak", share, "torch_ms", b->torch_ms,
                                "ratio", ratio, "cpu", mote_cpu_level_name(mote_context_cpu(b->context)));
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    } else if (b->torch_ms > 0) {
        printf("%-16s  %5zu  %7d  %-10s  %8.1f  %8.1f  %7.2f  %8.1f  %5.2f\n", what, b->heads, b->threads, name, ms,
               rate, share, b->torch_ms, ratio);
    } else {
        printf("%-16s  %5zu  %7d  %-10s  %8.1f  %8.1f  %7.2f\n", what, b->heads, b->threads, name, ms, rate, share);
    }
    fflush(stdout);
}

static double resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool found = file && fscanf(file, "%*u %zu", &pages) == 1;
    if (file) {
        fclose(file);
    }
    return found ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 : 0;
}

/* policy: the last one measured; narrow ones take a little more. */
static void report_memory(const bench *b, const mote_policy *policy, bool backward)
{
    double scores = (double)rows(b) * (double)b->length * sizeof(float), grown = peak_bytes() - b->resident;
    double ours = (double)mote_evoformer_workspace(b->context, policy, &b->shape, 2, b->biases, backward);
    double statistics = 2 * (double)rows(b) * sizeof(float);
    char text[5][32];
    const char *what = backward ? "forward+backward" : "forward";
    if (b->options->json) {
        json_t *row =
            json_pack("{s:s, s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "what", "memory", "pass", what, "heads",
                      (json_int_t)b->heads, "threads", b->threads, "bytes", ours, "statistics_bytes", statistics,
                      "process_grew", grown, "torch_bytes", b->torch_bytes, "score_tensor_bytes", scores);
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
        return;
    }
    printf("%-16s  %5zu  %7d  workspace %s, statistics %s (the process grew by %s); a tensor of scores has %s", what,
           b->heads, b->threads, cli_bytes(ours, text[0], sizeof text[0]),
           cli_bytes(statistics, text[1], sizeof text[1]), cli_bytes(grown, text[2], sizeof text[2]),
           cli_bytes(scores, text[3], sizeof text[3]));
    if (b->torch_bytes > 0) {
        printf(", torch took %s beside inputs and results = %.0f times ours",
               cli_bytes(b->torch_bytes, text[4], sizeof text[4]), b->torch_bytes / (ours + statistics));
    }
    putchar('\n');
    fflush(stdout);
}

/* Threads of either process wait for more work in a loop for some milliseconds; let them go to sleep before the other's
 * turn. */
static void rest(const bench *b)
{
    const struct timespec pause = {0, 30000000};
    if (b->torch) {
        nanosleep(&pause, NULL);
    }
}

/* All formats and torch in turn, so that whatever slows the machine slows each. */
static bool measure(bench *b, const mote_format *formats, int count, bool backward)
{
    double times[MOTE_FORMAT_COUNT][BENCH_RUNS_MAXIMUM], theirs[BENCH_RUNS_MAXIMUM];
    for (int run = -1; run < b->options->runs && !cli_interrupted(); run++) { /* the first warms up */
        int slot = run < 0 ? 0 : run;
        for (int f = 0; f < count; f++) {
            mote_policy policy;
            mote_policy_find(mote_format_get(formats[f])->name, &policy);
            rest(b);
            double start = mote_clock();
            if (!attend(b, &policy, backward)) {
                return false;
            }
            times[f][slot] = mote_clock() - start;
        }
        rest(b);
        theirs[slot] = b->torch ? bench_torch_ask("%zu %zu %d 1\n", b->heads, b->length, backward) : 0;
    }
    if (cli_interrupted()) {
        return true;
    }
    b->torch_ms = 1e3 * bench_median(theirs, b->options->runs);
    b->torch_bytes = b->torch ? bench_torch_ask("%zu %zu %d 0\n", b->heads, b->length, backward) : 0;
    for (int f = 0; f < count; f++) {
        report(b, formats[f], backward, bench_median(times[f], b->options->runs));
    }
    mote_policy policy;
    mote_policy_find(mote_format_get(formats[count - 1])->name, &policy);
    report_memory(b, &policy, backward);
    return true;
}

/* Values with a spread of about one. */
static float *values_of(size_t count)
{
    float *values = malloc(2 * count * sizeof *values); /* and room for a gradient */
    if (values) {
        bench_fill(values, 2 * count);
        for (size_t i = 0; i < 2 * count; i++) {
            values[i] *= 0x1p6f;
        }
    }
    return values;
}

static bool allocate(bench *b)
{
    bool ok = (b->statistics = calloc(2 * rows(b), sizeof(float))) != NULL;
    ok = (b->mask = values_of(SEQUENCES * b->length)) != NULL && ok;
    ok = (b->pair = values_of(pair_count(b))) != NULL && ok;
    for (int i = 0; i < ARRAYS; i++) {
        b->arrays[i] = malloc(array_count(b) * sizeof(float));
        ok = ok && b->arrays[i];
    }
    for (int i = 0; i < ARRAYS && ok; i++) {
        bench_fill(b->arrays[i], array_count(b));
        for (size_t k = 0; k < array_count(b) && i < INPUTS; k++) {
            b->arrays[i][k] *= 0x1p6f;
        }
    }
    b->biases[0] = (mote_evoformer_bias){b->mask, NULL, 5, {1, SEQUENCES, 1, 1, b->length}};
    b->biases[1] =
        (mote_evoformer_bias){b->pair, ok ? b->pair + pair_count(b) : NULL, 5, {1, 1, b->heads, b->length, b->length}};
    return ok;
}

/* One number of heads, with a context of its own, so that the process grows by what this one needs. */
static int bench_heads(const bench *all, size_t heads, const mote_format *formats, int count)
{
    bench b = *all;
    b.heads = heads;
    b.shape = (mote_evoformer_shape){2, {1, SEQUENCES}, b.length, b.length, heads, WIDTH, 0};
    b.context = cli_context(b.threads, NULL);
    if (!b.context) {
        return CLI_FAILED;
    }
    int status = CLI_DONE;
    if (!allocate(&b)) {
        status = cli_complain(CLI_FAILED, "bench", "not enough memory");
    }
    b.resident = resident_bytes();
    for (int backward = 0; backward < 2 && status == CLI_DONE && !cli_interrupted(); backward++) {
        if (!measure(&b, formats, count, backward)) {
            status = cli_complain(CLI_FAILED, "bench", "attention failed: %s", mote_context_message(b.context));
        }
    }
    for (int i = 0; i < ARRAYS; i++) {
        free(b.arrays[i]);
    }
    free(b.mask);
    free(b.pair);
    free(b.statistics);
    mote_context_destroy(b.context);
    return status;
}

static void print_head(const bench *b, const char *version)
{
    if (b->options->json) {
        return;
    }
    printf("mote bench evoformer: %d sequences of %zu, heads of %d, a mask of keys and a pair bias with its gradient; "
           "medians of %d runs, %d thread%s; FP32 peak %.0f GFLOP/s\n",
           SEQUENCES, b->length, WIDTH, b->options->runs, b->threads, b->threads > 1 ? "s" : "", b->peak);
    if (b->torch) {
        printf(
            "torch %s: softmax(q k^T / sqrt(%d) + mask + pair) v, eager, in a child process, in turn; ratio: torch's "
            "time over ours\n",
            version, WIDTH);
    } else {
        printf("no torch beside it: %s has none; MOTE_TORCH_PYTHON names an interpreter\n",
               getenv("MOTE_TORCH_PYTHON") ? getenv("MOTE_TORCH_PYTHON") : "python3");
    }
    printf("%-16s  %5s  %7s  %-10s  %8s  %8s  %7s  %8s  %5s\n", "what", "heads", "threads", "format", "ms", "GFLOP/s",
           "of peak", b->torch ? "torch ms" : "", b->torch ? "ratio" : "");
}

int bench_evoformer(const bench_options *options)
{
    static const mote_format usual[] = {MOTE_FP32, MOTE_MXINT8, MOTE_MXFP6_E2M3, MOTE_MXFP6_E3M2, MOTE_MXFP4_E2M1};
    static const size_t heads[] = {4, 8};
    int count = options->format_count ? options->format_count : (int)(sizeof usual / sizeof *usual);
    const mote_format *formats = options->format_count ? options->formats : usual;
    int status = CLI_DONE;
    for (int t = 0; t < options->thread_count && status == CLI_DONE && !cli_interrupted(); t++) {
        char version[64] = "";
        bench b = {
            .options = options, .threads = options->threads[t], .length = options->size ? (size_t)options->size : 256};
        b.peak = bench_peak_fp32(b.threads);
        b.torch = bench_torch_open(script, b.threads, version, sizeof version);
        print_head(&b, version);
        for (size_t i = 0; i < sizeof heads / sizeof *heads && status == CLI_DONE && !cli_interrupted(); i++) {
            status = bench_heads(&b, heads[i], formats, count);
        }
        bench_torch_close();
    }
    if (status == CLI_DONE && cli_interrupted()) {
        return cli_complain(CLI_FAILED, "bench", "interrupted");
    }
    return status;
}
