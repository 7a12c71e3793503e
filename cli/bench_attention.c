/* mote bench attention: forward and backward against this machine's FP32 peak and torch, in turn. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { HEADS = 8, WIDTH = 64, ARRAYS = 8, ROW = HEADS * WIDTH, INPUTS = 4 /* q k v and y's gradient */ };

/* Answers each line "length backward repeat" by the seconds of one run on 8 heads of 64. */
static const char script[] =
    "import sys, time, torch\n"
    "torch.set_num_threads(int(sys.argv[1]))\n"
    "print(torch.__version__, flush=True)\n"
    "made = {}\n"
    "for line in sys.stdin:\n"
    "    length, backward, repeat = map(int, line.split())\n"
    "    if length not in made:\n"
    "        made = {length: [torch.randn(1, 8, length, 64, requires_grad=True) for _ in range(3)]}\n"
    "    with torch.set_grad_enabled(bool(backward)):\n"
    "        start = time.perf_counter()\n"
    "        for _ in range(repeat):\n"
    "            y = torch.nn.functional.scaled_dot_product_attention(*made[length], is_causal=True)\n"
    "            if backward:\n"
    "                y.backward(torch.ones_like(y))\n"
    "        print((time.perf_counter() - start) / repeat, flush=True)\n";

typedef struct bench {
    const bench_options *options;
    mote_context *context;
    int threads;
    double peak; /* of FP32, all threads */
    bool torch;
    size_t length;
    mote_attention_shape shape;
    mote_attention_array arrays[ARRAYS]; /* q k v dy y dq dk dv */
    float *logsumexp;
    double torch_seconds[2]; /* forward; forward and backward */
} bench;

static bool attend(const bench *b, const mote_policy *policy, bool backward)
{
    const mote_attention_array *a = b->arrays;
    mote_status status = mote_attention(b->context, policy, &b->shape, a, a + 1, a + 2, a + 4, b->logsumexp);
    if (status == MOTE_OK && backward) {
        status = mote_attention_backward(b->context, policy, &b->shape, a, a + 1, a + 2, a + 4, b->logsumexp, a + 3,
                                         a + 5, a + 6, a + 7);
    }
    return status == MOTE_OK;
}

/* Products of the forward pass, and five more of the same size backward: two operations each, half of them hidden. */
static double operations(const bench *b, bool backward)
{
    double pairs = (double)b->length * ((double)b->length + 1) / 2;
    return 2 * 2 * pairs * HEADS * WIDTH * (backward ? 3.5 : 1);
}

static void report(const bench *b, mote_format format, bool backward, double seconds)
{
    double rate = operations(b, backward) / seconds * 1e-9, theirs = b->torch_seconds[backward];
    double ratio = theirs > 0 ? theirs / seconds : 0, share = b->peak > 0 ? rate / b->peak : 0;
    const char *what = backward ? "forward+backward" : "forward", *name = mote_format_get(format)->name;
    if (b->options->json) {
        json_t *row =
            json_pack("{s:s, s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:s}", "what", what, "format", name, "length",
                      (json_int_t)b->length, "threads", b->threads, "gop_per_second", rate, "share_of_peak", share,
                      "torch_gop_per_second", theirs > 0 ? operations(b, backward) / theirs * 1e-9 : 0.0, "ratio",
                      ratio, "cpu", mote_cpu_level_name(mote_context_cpu(b->context)));
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    } else if (theirs > 0) {
        printf("%-16s  %7zu  %7d  %-10s  %8.1f  %7.2f  %8.1f  %5.2f\n", what, b->length, b->threads, name, rate, share,
               operations(b, backward) / theirs * 1e-9, ratio);
    } else {
        printf("%-16s  %7zu  %7d  %-10s  %8.1f  %7.2f\n", what, b->length, b->threads, name, rate, share);
    }
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
    size_t repeat = 1; /* a turn is as long as one run over a few thousand positions */
    while (repeat * b->length * b->length < (size_t)4096 * 4096) {
        repeat *= 2;
    }
    for (int run = -1; run < b->options->runs && !cli_interrupted(); run++) { /* the first warms up */
        int slot = run < 0 ? 0 : run;
        for (int f = 0; f < count; f++) {
            mote_policy policy;
            mote_policy_find(mote_format_get(formats[f])->name, &policy);
            rest(b);
            double start = mote_clock();
            for (size_t i = 0; i < repeat; i++) {
                if (!attend(b, &policy, backward)) {
                    return false;
                }
            }
            times[f][slot] = (mote_clock() - start) / (double)repeat;
        }
        rest(b);
        theirs[slot] = b->torch ? bench_torch_ask("%zu %d %zu\n", b->length, backward, repeat) : 0;
    }
    b->torch_seconds[backward] = cli_interrupted() ? 0 : bench_median(theirs, b->options->runs);
    for (int f = 0; f < count && !cli_interrupted(); f++) {
        report(b, formats[f], backward, bench_median(times[f], b->options->runs));
    }
    return true;
}

static double peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 : 0;
}

static bool allocate(bench *b)
{
    size_t count = b->length * ROW;
    bool ok = (b->logsumexp = calloc(b->length * HEADS, sizeof(float))) != NULL;
    for (int i = 0; i < ARRAYS; i++) {
        b->arrays[i] = (mote_attention_array){malloc(count * sizeof(float)), (ptrdiff_t)count, ROW, WIDTH};
        ok = ok && b->arrays[i].values;
    }
    for (int i = 0; i < ARRAYS && ok; i++) {
        bench_fill(b->arrays[i].values, count);
        for (size_t k = 0; k < count && i < INPUTS; k++) { /* to a spread of about one */
            b->arrays[i].values[k] *= 0x1p6f;
        }
    }
    return ok;
}

static bool bench_length(bench *b, const mote_format *formats, int count)
{
    bool ok = allocate(b);
    b->shape = (mote_attention_shape){1, b->length, b->length, HEADS, HEADS, WIDTH, 0, 1, 0, NULL};
    double before = peak_bytes(), arrays = (double)(ARRAYS * b->length * ROW + b->length * HEADS) * sizeof(float);
    ok = ok && measure(b, formats, count, false) && (cli_interrupted() || measure(b, formats, count, true));
    if (ok && !b->options->json && !cli_interrupted()) {
        char text[2][32];
        double workspace = (double)mote_attention_workspace(b->context, &b->shape, 1), grown = peak_bytes() - before;
        printf("%-16s  %7zu  %7d  beside %s of inputs and results: workspace %s; the process grew by %.2f %% of them\n",
               "memory", b->length, b->threads, cli_bytes(arrays, text[0], sizeof text[0]),
               cli_bytes(workspace, text[1], sizeof text[1]), 100 * grown / arrays);
    }
    for (int i = 0; i < ARRAYS; i++) {
        free(b->arrays[i].values);
    }
    free(b->logsumexp);
    return ok;
}

static void print_head(const bench *b, const char *version)
{
    if (b->options->json) {
        return;
    }
    printf("mote bench attention: %d heads of %d, causal, medians of %d runs, %d thread%s; FP32 peak %.0f GFLOP/s\n",
           HEADS, WIDTH, b->options->runs, b->threads, b->threads > 1 ? "s" : "", b->peak);
    if (b->torch) {
        printf("torch %s: scaled_dot_product_attention in a child process, in turn; ratio: torch's time over ours\n",
               version);
    } else {
        printf("no torch beside it: %s has none; MOTE_TORCH_PYTHON names an interpreter\n",
               getenv("MOTE_TORCH_PYTHON") ? getenv("MOTE_TORCH_PYTHON") : "python3");
    }
    printf("%-16s  %7s  %7s  %-10s  %8s  %7s  %8s  %5s\n", "what", "length", "threads", "format", "GFLOP/s", "of peak",
           b->torch ? "torch" : "", b->torch ? "ratio" : "");
}

int bench_attention(const bench_options *options)
{
    static const mote_format usual[] = {MOTE_FP32, MOTE_MXINT8, MOTE_MXFP6_E2M3, MOTE_MXFP6_E3M2};
    static const size_t lengths[] = {1024, 4096, 16384};
    int count = options->format_count ? options->format_count : (int)(sizeof usual / sizeof *usual);
    const mote_format *formats = options->format_count ? options->formats : usual;
    bool ok = true;
    for (int t = 0; t < options->thread_count && ok && !cli_interrupted(); t++) {
        char version[64] = "";
        bench b = {.options = options, .threads = options->threads[t]};
        b.context = cli_context(b.threads, NULL);
        if (!b.context) {
            return CLI_FAILED;
        }
        b.peak = bench_peak_fp32(b.threads);
        b.torch = bench_torch_open(script, b.threads, version, sizeof version);
        print_head(&b, version);
        for (size_t i = 0; i < (options->size ? 1 : sizeof lengths / sizeof *lengths) && ok && !cli_interrupted();
             i++) {
            b.length = options->size ? (size_t)options->size : lengths[i];
            ok = bench_length(&b, formats, count);
        }
        bench_torch_close();
        if (!ok) {
            cli_complain(CLI_FAILED, "bench", "attention failed: %s", mote_context_message(b.context));
        }
        mote_context_destroy(b.context);
    }
    if (ok && cli_interrupted()) {
        return cli_complain(CLI_FAILED, "bench", "interrupted");
    }
    return ok ? CLI_DONE : CLI_FAILED;
}
