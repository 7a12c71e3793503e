/* mote bench block: a whole Evoformer block of AlphaFold 2 in each policy, beside torch's in FP32, in turn, and where
 * its time goes; then the memory of a smaller one, forward and backward. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "block.h"

enum { SEQUENCES = 128, RESIDUES = 256 };

/* One policy. */
typedef struct side {
    cli_block block;
    mote_plan *plan;
    const char *name;
    double times[BENCH_RUNS_MAXIMUM], modules[CLI_BLOCK_MODULES][BENCH_RUNS_MAXIMUM];
    int slot, module; /* of the present run; module: that is being computed, or -1 */
    double began;
} side;

typedef struct bench {
    const bench_options *options;
    mote_context *context;
    int threads, count;
    double peak; /* of FP32, all threads */
    bool torch;
    mote_trunk_config config;
    size_t residues;
    side *sides;
    double work; /* multiply-adds */
    double theirs[BENCH_RUNS_MAXIMUM], their_modules[CLI_BLOCK_MODULES][BENCH_RUNS_MAXIMUM];
    const char *path; /* of a file for what both sides read */
} bench;

static void print_row(json_t *row)
{
    json_dumpf(row, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(row);
    fflush(stdout);
}

/* ---- runs ---- */

static int module_of(const char *layer)
{
    int module = 0;
    while (module < CLI_BLOCK_MODULES && !strstr(layer, cli_block_layers[module])) {
        module++;
    }
    return module < CLI_BLOCK_MODULES ? module : -1;
}

/* Adds the time since the last node to its module. */
static int on_node(void *user, size_t index, size_t count, const char *layer)
{
    side *s = user;
    double now = mote_clock();
    (void)index, (void)count;
    if (s->module >= 0) {
        s->modules[s->module][s->slot] += now - s->began;
    }
    s->module = layer ? module_of(layer) : -1;
    s->began = now;
    return cli_interrupted();
}

static mote_status run_side(side *s, int slot)
{
    s->slot = slot;
    s->module = -1;
    for (int i = 0; i < CLI_BLOCK_MODULES; i++) {
        s->modules[i][slot] = 0;
    }
    double start = mote_clock();
    mote_status status = mote_plan_run(s->plan, 1);
    s->times[slot] = mote_clock() - start;
    on_node(s, 0, 0, NULL);
    return status;
}

static void run_torch(bench *b, int slot)
{
    b->theirs[slot] = bench_torch_ask("run\n");
    for (int i = 0; i < CLI_BLOCK_MODULES; i++) {
        b->their_modules[i][slot] = bench_torch_ask("module %d\n", i);
    }
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

/* All policies and torch in turn, so that whatever slows the machine slows each. A turn is two blocks, of which the
 * second counts: in a stack, blocks follow one another. */
static mote_status measure(bench *b)
{
    mote_status status = MOTE_OK;
    for (int run = -1; run < b->options->runs && status == MOTE_OK && !cli_interrupted(); run++) { /* first: warm up */
        int slot = run < 0 ? 0 : run;
        for (int i = 0; i < b->count && status == MOTE_OK; i++) {
            rest(b);
            status = run_side(&b->sides[i], slot);
            status = status == MOTE_OK ? run_side(&b->sides[i], slot) : status;
        }
        rest(b);
        for (int i = 0; i < 2 && b->torch; i++) {
            run_torch(b, slot);
        }
    }
    return status;
}

/* ---- what was found ---- */

/* The largest difference of our FP32 results to torch's, over torch's largest magnitude. */
static void compare(const bench *b, const side *s)
{
    if (cli_block_save(b->context, &s->block, s->plan, true, b->path) != MOTE_OK) {
        return;
    }
    double m = bench_torch_ask("difference m %s\n", b->path), z = bench_torch_ask("difference z %s\n", b->path);
    if (b->options->json) {
        print_row(json_pack("{s:s, s:f, s:f}", "what", "difference", "m", m, "z", z));
    } else {
        printf("largest difference of %s to torch, of its largest value: m %.1e, z %.1e\n", s->name, m, z);
    }
}

static void report_block(bench *b, side *s)
{
    double seconds = bench_median(s->times, b->options->runs);
    double theirs = b->torch ? bench_median(b->theirs, b->options->runs) : 0;
    double rate = 2e-9 * b->work / seconds, share = b->peak > 0 ? rate / b->peak : 0, ratio = theirs / seconds;
    if (b->options->json) {
        print_row(json_pack("{s:s, s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "what", "block", "policy",
                            s->name, "length", (json_int_t)b->residues, "threads", b->threads, "ms", 1e3 * seconds,
                            "multiply_adds", b->work, "gop_per_second", rate, "share_of_peak", share, "torch_ms",
                            1e3 * theirs, "ratio", ratio, "cpu", mote_cpu_level_name(mote_context_cpu(b->context))));
        return;
    }
    printf("%-24s  %8.1f  %8.0f  %8.1f  %7.2f", s->name, 1e-9 * b->work, 1e3 * seconds, rate, share);
    if (b->torch) {
        printf("  %8.0f  %6.2f", 1e3 * theirs, ratio);
    }
    putchar('\n');
    fflush(stdout);
}

static void report_module(bench *b, side *s, int i)
{
    double work = cli_block_module_work(b->context, &b->config, MOTE_STACK_EVOFORMER, SEQUENCES, b->residues,
                                        (mote_trunk_module)i);
    double seconds = bench_median(s->modules[i], b->options->runs);
    double theirs = b->torch ? bench_median(b->their_modules[i], b->options->runs) : 0;
    double rate = 2e-9 * work / seconds, share = b->peak > 0 ? rate / b->peak : 0, ratio = theirs / seconds;
    if (b->options->json) {
        print_row(json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "what", "module", "policy", s->name,
                            "module", cli_block_layers[i], "ms", 1e3 * seconds, "multiply_adds", work, "gop_per_second",
                            rate, "share_of_peak", share, "torch_ms", 1e3 * theirs, "ratio", ratio));
        return;
    }
    printf("  %-22s  %8.1f  %8.1f  %8.1f  %7.2f", cli_block_names[i], 1e-9 * work, 1e3 * seconds, rate, share);
    if (b->torch) {
        printf("  %8.1f  %6.2f", 1e3 * theirs, ratio);
    }
    putchar('\n');
}

static void report(bench *b)
{
    for (int i = 0; i < b->count; i++) {
        report_block(b, &b->sides[i]);
        for (int k = 0; k < CLI_BLOCK_MODULES; k++) {
            report_module(b, &b->sides[i], k);
        }
    }
    for (int i = 0; i < b->count && b->torch; i++) {
        if (strcmp(b->sides[i].name, "fp32") == 0) {
            compare(b, &b->sides[i]);
        }
    }
}

/* ---- memory ---- */

/* A number of bytes from /proc/self/status; 0 if there is none. */
static double process_bytes(const char *what)
{
    char line[128];
    double bytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, what, strlen(what)) == 0) {
            bytes = 1024 * strtod(line + strlen(what), NULL);
        }
    }
    if (file) {
        fclose(file);
    }
    return bytes;
}

/* Forgets the most that the process has held so far. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

static void report_memory(const bench *b, size_t sequences, size_t residues, const mote_plan_memory *m, double grown)
{
    double activations = (double)(m->total - m->inputs - 2 * m->parameters);
    double torch = b->torch ? bench_torch_ask("grow\n") : 0, kept = b->torch ? bench_torch_ask("keep\n") : 0;
    double counted = cli_block_count_standard(&b->config, MOTE_STACK_EVOFORMER, sequences, residues).kept;
    char text[4][32];
    if (b->options->json) {
        print_row(json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "what", "memory", "sequences",
                            (json_int_t)sequences, "length", (json_int_t)residues, "planned_bytes", (double)m->total,
                            "process_grew", grown, "bytes", activations, "torch_bytes", torch, "ratio",
                            torch / activations, "torch_kept_bytes", kept, "counted_bytes", counted));
        return;
    }
    printf(
        "forward and backward, %zu sequences of %zu, fp32: planned %s, the process grew by %s; beside inputs, weights "
        "and their gradients %s",
        sequences, residues, cli_bytes((double)m->total, text[0], sizeof text[0]),
        cli_bytes(grown, text[1], sizeof text[1]), cli_bytes(activations, text[2], sizeof text[2]));
    if (torch > 0) {
        printf(
            ", torch %s = %.1f times ours, of which autograd keeps %.1f MB (counted by mote plan evoformer: %.1f MB)",
            cli_bytes(torch, text[3], sizeof text[3]), torch / activations, kept * 1e-6, counted * 1e-6);
    }
    putchar('\n');
}

/* The process's growth over a context's whole life: what its plan says, and threads. */
static mote_status measure_memory(bench *b)
{
    enum { SMALLER = 2 };
    size_t sequences = SEQUENCES / SMALLER, residues = (b->residues + SMALLER - 1) / SMALLER;
    mote_plan_options options = {0};
    mote_plan *plan = NULL;
    cli_block block;
    if (!cli_block_build(b->context, &b->config, MOTE_STACK_EVOFORMER, sequences, residues, true, &block)) {
        return MOTE_ERROR_MEMORY;
    }
    double before = process_bytes("VmRSS:");
    forget_peak();
    mote_status status = mote_plan_create(block.graph, &options, &plan);
    if (status == MOTE_OK) {
        cli_block_fill(&block, plan);
        status = mote_plan_run(plan, 1);
    }
    if (status == MOTE_OK) {
        double grown = process_bytes("VmHWM:") - before;
        mote_plan_memory memory = mote_plan_get_memory(plan);
        if (b->torch && cli_block_save(b->context, &block, plan, false, b->path) == MOTE_OK) {
            bench_torch_ask("load %s\n", b->path);
        }
        report_memory(b, sequences, residues, &memory, grown);
    }
    mote_plan_destroy(plan);
    mote_graph_destroy(block.graph);
    return status;
}

/* ---- setting up ---- */

static mote_status make_side(bench *b, side *s, const char *policy)
{
    mote_policy_set *set = NULL;
    mote_plan_options options = {.share = b->count ? b->sides[0].plan : NULL};
    *s = (side){.name = policy};
    if (!cli_block_build(b->context, &b->config, MOTE_STACK_EVOFORMER, SEQUENCES, b->residues, false, &s->block)) {
        return MOTE_ERROR_MEMORY;
    }
    b->count++;
    mote_status status = mote_policy_set_create(b->context, policy, &set);
    status = status == MOTE_OK ? mote_graph_apply_policy(s->block.graph, set) : status;
    status = status == MOTE_OK ? mote_plan_create(s->block.graph, &options, &s->plan) : status;
    mote_policy_set_destroy(b->context, set);
    if (status == MOTE_OK) {
        cli_block_fill(&s->block, s->plan);
        mote_plan_set_watch(s->plan, on_node, s);
    }
    return status;
}

static void release(bench *b)
{
    while (b->count > 0) { /* the first has the parameters of all */
        b->count--;
        mote_plan_destroy(b->sides[b->count].plan);
        mote_graph_destroy(b->sides[b->count].block.graph);
    }
}

static void print_head(const bench *b, const char *version)
{
    if (b->options->json) {
        return;
    }
    printf("mote bench block: an Evoformer block of AlphaFold 2, %d sequences of %zu residues, forward; medians of %d "
           "runs, %d thread%s; FP32 peak %.0f GFLOP/s\n",
           SEQUENCES, b->residues, b->options->runs, b->threads, b->threads > 1 ? "s" : "", b->peak);
    if (b->torch) {
        printf(
            "torch %s: the same weights in FP32, eager, as OpenFold computes it, in a child process, in turn; ratio: "
            "torch's time over ours\n",
            version);
    } else {
        printf("no torch beside it: %s has none; MOTE_TORCH_PYTHON names an interpreter\n",
               getenv("MOTE_TORCH_PYTHON") ? getenv("MOTE_TORCH_PYTHON") : "python3");
    }
    printf("%-24s  %8s  %8s  %8s  %7s", "policy, module", "10^9 m-a", "ms", "GFLOP/s", "of peak");
    printf("  %8s  %6s\n", b->torch ? "torch ms" : "", b->torch ? "ratio" : "");
}

/* One number of threads. */
static mote_status bench_threads(bench *b, const mote_format *formats, int count)
{
    double bytes;
    mote_status status = MOTE_OK;
    for (int i = 0; i < count && status == MOTE_OK; i++) {
        status = make_side(b, &b->sides[i], mote_format_get(formats[i])->name);
    }
    if (status == MOTE_OK && b->torch) {
        status = cli_block_save(b->context, &b->sides[0].block, b->sides[0].plan, false, b->path);
        b->torch = status == MOTE_OK && bench_torch_ask("load %s\n", b->path) > 0;
    }
    if (status == MOTE_OK) {
        mote_graph_cost(b->sides[0].block.graph, &b->work, &bytes);
        status = measure(b);
    }
    if (status == MOTE_OK && !cli_interrupted()) {
        report(b);
    }
    release(b);
    return status == MOTE_OK && !cli_interrupted() ? measure_memory(b) : status;
}

int bench_block(const bench_options *options)
{
    static const mote_format usual[] = {MOTE_FP32, MOTE_MXINT8, MOTE_MXFP6_E2M3, MOTE_MXFP6_E3M2, MOTE_MXFP4_E2M1};
    int count = options->format_count ? options->format_count : (int)(sizeof usual / sizeof *usual);
    const mote_format *formats = options->format_count ? options->formats : usual;
    char folder[] = "/tmp/mote-bench-XXXXXX", path[64];
    side *sides = calloc((size_t)count, sizeof *sides);
    if (!sides || !mkdtemp(folder)) {
        free(sides);
        return cli_complain(CLI_FAILED, "bench", "no memory, or no temporary folder");
    }
    snprintf(path, sizeof path, "%s/block.safetensors", folder);
    int status = CLI_DONE;
    for (int t = 0; t < options->thread_count && status == CLI_DONE && !cli_interrupted(); t++) {
        char version[64] = "";
        bench b = {.options = options,
                   .threads = options->threads[t],
                   .config = mote_trunk_preset(0),
                   .residues = options->size ? (size_t)options->size : RESIDUES,
                   .sides = sides,
                   .path = path};
        b.peak = bench_peak_fp32(b.threads);
        b.torch = bench_torch_open(bench_block_script, b.threads, version, sizeof version);
        b.context = cli_context(b.threads, NULL);
        print_head(&b, version);
        if (!b.context) {
            status = CLI_FAILED;
        } else if (bench_threads(&b, formats, count) != MOTE_OK) {
            status = cli_complain(CLI_FAILED, "bench", "%s", mote_context_message(b.context));
        }
        mote_context_destroy(b.context);
        bench_torch_close();
    }
    unlink(path);
    rmdir(folder);
    free(sides);
    return status == CLI_DONE && cli_interrupted() ? cli_complain(CLI_FAILED, "bench", "interrupted") : status;
}
