/* mote bench: what is measured is a table; each benchmark is a file. */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cli_bench_help[] =
    "usage: mote bench quantize|matmul|attention|evoformer|block|train [options]\n\n"
    "quantize  FP32 to each format and back, along the last and the first axis of a matrix, in the L2 cache and in\n"
    "          memory, beside memcpy: 'of copy' is the time that a copy which reads and writes as many bytes would "
    "take,\n"
    "          divided by the time taken. 'x C' is the ratio to mote's portable C kernels. GB/s count the FP32 side.\n"
    "matmul    y = x W^T, quantizing x within the time, with W packed beforehand; matrix-vector products from weights "
    "in\n"
    "          memory; the three products of a training step. Beside the fastest FP32 library of those found "
    "(OpenBLAS,\n"
    "          BLIS, oneDNN; weights packed beforehand where the library can) and this machine's measured peak.\n\n"
    "attention causal attention, 8 heads of 64, forward and with its gradients, beside torch's "
    "scaled_dot_product_attention\n"
    "          where MOTE_TORCH_PYTHON or python3 has it, and the measured FP32 peak.\n\n"
    "evoformer attention of 128 sequences, heads of 32, with a mask and a pair bias, and its gradients, beside torch's "
    "with a\n"
    "          tensor of scores where MOTE_TORCH_PYTHON or python3 has it; milliseconds and memory.\n\n"
    "block     an Evoformer block of AlphaFold 2, 128 sequences, module by module, beside torch's as OpenFold computes "
    "it "
    "where\n"
    "          MOTE_TORCH_PYTHON or python3 has it, and how far their results differ; memory of a smaller one with "
    "gradients.\n\n"
    "train     training steps of a GPT (6 layers of width 512, context 512, batch 8) in each policy, beside torch's in "
    "FP32\n"
    "          where MOTE_TORCH_PYTHON or python3 has it; tokens a second and peak memory.\n\n"
    "Peers run in the same process, in turn with mote; figures are medians of several runs.\n\n"
    "  --format F,...   formats (default: the MX formats and nvfp4; matmul: also fp32)\n"
    "  --threads N,...  thread counts (default: 1 and all)\n"
    "  --size N         quantize: FP32 megabytes of the matrix in memory (default 512; above the last-level cache)\n"
    "                   matmul: inputs and outputs (default: 2048 and 4096; vectors from 1024 on)\n"
    "                   attention: positions (default: 1024, 4096 and 16384)\n"
    "                   evoformer, block: positions of a sequence (default: 256)\n"
    "  --runs N         (default 9)\n"
    "  --json           one JSON object a line\n\n"
    "examples:\n"
    "  mote bench quantize\n"
    "  mote bench quantize --format mxfp4,mxint8 --threads 1\n"
    "  mote bench matmul --size 2048 --threads 1\n"
    "  MOTE_CPU=avx2 mote bench matmul --format mxfp4,mxint8\n";

static const struct {
    const char *name;
    bench_function *run;
} benchmarks[] = {{"quantize", bench_quantize},   {"matmul", bench_matmul}, {"attention", bench_attention},
                  {"evoformer", bench_evoformer}, {"block", bench_block},   {"train", bench_train}};

enum { COUNT = sizeof benchmarks / sizeof benchmarks[0] };

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, compare_doubles);
    return times[count / 2];
}

void bench_fill(float *x, size_t count)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        for (int k = 0; k < 4; k++) {
            sum += (float)(state >> (16 * k) & 0xFFFF) - 32767.5f;
        }
        x[i] = sum * 0x1p-22f;
    }
}

static bool parse_threads(const char *text, bench_options *a)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    a->thread_count = 0;
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        long count;
        if (a->thread_count == BENCH_THREAD_COUNTS || !cli_number("bench", "--threads", part, 1, 64, &count)) {
            return false;
        }
        a->threads[a->thread_count++] = (int)count;
    }
    return a->thread_count > 0;
}

static bool parse(int argc, char **argv, bench_options *a)
{
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'}, {"threads", required_argument, NULL, 't'},
        {"size", required_argument, NULL, 's'},   {"runs", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},         {0}};
    long number;
    bool ok = true;
    int option;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f': ok = (a->format_count = cli_formats("bench", optarg, a->formats)) > 0; break;
        case 't': ok = parse_threads(optarg, a); break;
        case 's': ok = cli_number("bench", "--size", optarg, 1, 1000000, &a->size); break;
        case 'r':
            ok = cli_number("bench", "--runs", optarg, 1, BENCH_RUNS_MAXIMUM, &number);
            a->runs = (int)number;
            break;
        case 'j': a->json = true; break;
        default: ok = false; break;
        }
    }
    return ok;
}

int cli_bench(int argc, char **argv)
{
    bench_options a = {.runs = 9};
    int chosen = 0;
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    a.threads[a.thread_count++] = 1;
    if (mote_context_threads(context) > 1) {
        a.threads[a.thread_count++] = mote_context_threads(context);
    }
    mote_context_destroy(context);
    if (!parse(argc, argv, &a)) {
        return CLI_USAGE;
    }
    while (chosen < COUNT && (argc - optind != 1 || strcmp(argv[optind], benchmarks[chosen].name) != 0)) {
        chosen++;
    }
    if (chosen == COUNT) {
        return cli_complain(CLI_USAGE, "bench",
                            "what is to be measured? known: quantize, matmul, attention, evoformer, block, train");
    }
    return benchmarks[chosen].run(&a);
}
