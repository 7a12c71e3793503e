/* mote bench train: whole training steps of a GPT in each policy, in turn with torch's in FP32. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LAYERS = 6, WIDTH = 512, HEADS = 8, CONTEXT = 512, BATCH = 8, TOKENS = BATCH * CONTEXT, WARM = 2 };

/* The same model and step: answers "step" by seconds, "peak" by the bytes that the process grew by for all of it. */
static const char script[] =
    "import resource, sys, time, torch\n"
    "import torch.nn as nn, torch.nn.functional as F\n"
    "torch.set_num_threads(int(sys.argv[1]))\n"
    "print(torch.__version__, flush=True)\n"
    "L, W, H, T, B, V = 6, 512, 8, 512, 8, 69\n"
    "class Block(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.n1, self.n2 = nn.LayerNorm(W), nn.LayerNorm(W)\n"
    "        self.qkv, self.o, self.up, self.down = nn.Linear(W, 3 * W), nn.Linear(W, W), nn.Linear(W, 4 * W), "
    "nn.Linear(4 * W, W)\n"
    "    def forward(self, x):\n"
    "        q, k, v = self.qkv(self.n1(x)).view(B, T, 3, H, W // H).permute(2, 0, 3, 1, 4)\n"
    "        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, W)\n"
    "        x = x + self.o(y)\n"
    "        return x + self.down(F.gelu(self.up(self.n2(x)), approximate='tanh'))\n"
    "class GPT(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.e, self.n = nn.Embedding(V, W), nn.LayerNorm(W)\n"
    "        self.p = nn.Parameter(0.02 * torch.randn(T, W))\n"
    "        self.b = nn.ModuleList(Block() for _ in range(L))\n"
    "    def forward(self, i, t):\n"
    "        x = self.e(i) + self.p\n"
    "        for b in self.b:\n"
    "            x = b(x)\n"
    "        return F.cross_entropy((self.n(x) @ self.e.weight.T).view(-1, V), t.view(-1))\n"
    "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
    "before = peak()\n"
    "m = GPT()\n"
    "o = torch.optim.AdamW(m.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)\n"
    "i, t = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T))\n"
    "for line in sys.stdin:\n"
    "    if line.strip() == 'peak':\n"
    "        print(peak() - before, flush=True)\n"
    "        continue\n"
    "    start = time.perf_counter()\n"
    "    o.zero_grad()\n"
    "    m(i, t).backward()\n"
    "    torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)\n"
    "    o.step()\n"
    "    print(time.perf_counter() - start, flush=True)\n";

/* Times of one policy, and of torch between its steps. */
typedef struct bench {
    const bench_options *options;
    mote_context *context;
    int threads;
    bool torch;
    const char *data; /* a FASTA file of random bases: the vocabulary of codons has 69 tokens */
    double times[BENCH_RUNS_MAXIMUM + WARM], theirs[BENCH_RUNS_MAXIMUM + WARM], ended;
    int steps;
    double fp32; /* seconds of a step of ours in FP32; 0: not measured */
} bench;

static int on_step(void *user, const mote_train_progress *progress)
{
    bench *b = user;
    if (progress->steps == 0) {
        return cli_interrupted(); /* still reading and planning */
    }
    b->times[b->steps] = mote_clock() - b->ended;
    b->theirs[b->steps++] = b->torch ? bench_torch_ask("step\n") : 0;
    if (b->torch) { /* its threads wait for more work in a loop for some milliseconds: let them go to sleep */
        nanosleep(&(struct timespec){0, 30000000}, NULL);
    }
    b->ended = mote_clock();
    return cli_interrupted();
}

static void report(bench *b, const char *policy, uint64_t planned)
{
    double seconds = bench_median(b->times + WARM, b->options->runs);
    double theirs = bench_median(b->theirs + WARM, b->options->runs),
           torch_bytes = b->torch ? bench_torch_ask("peak\n") : 0;
    char bytes[32];
    b->fp32 = strcmp(policy, "fp32") == 0 ? seconds : b->fp32;
    if (b->options->json) {
        json_t *row = json_pack("{s:s, s:i, s:f, s:f, s:f, s:I, s:f}", "policy", policy, "threads", b->threads,
                                "tokens_per_second", TOKENS / seconds, "torch_tokens_per_second",
                                theirs > 0 ? TOKENS / theirs : 0.0, "ratio", theirs > 0 ? theirs / seconds : 0.0,
                                "planned_bytes", (json_int_t)planned, "torch_bytes", torch_bytes);
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    } else {
        printf("%-18s %7d %10.0f %10.2f", policy, b->threads, TOKENS / seconds, b->fp32 > 0 ? b->fp32 / seconds : 0);
        if (theirs > 0) {
            printf(" %10.0f %7.2f", TOKENS / theirs, theirs / seconds);
        }
        printf(" %10s", cli_bytes((double)planned, bytes, sizeof bytes));
        if (torch_bytes > 0) {
            printf(" %10s %7.2f", cli_bytes(torch_bytes, bytes, sizeof bytes), (double)planned / torch_bytes);
        }
        putchar('\n');
    }
    fflush(stdout);
}

static bool bench_policy(bench *b, const char *policy)
{
    size_t steps = (size_t)(b->options->runs + WARM);
    mote_train_options options = {.data = &b->data,
                                  .data_count = 1,
                                  .vocabulary = "codon",
                                  .model = "gpt-medium",
                                  .policy = policy,
                                  .steps = steps,
                                  .batch = BATCH,
                                  .evaluate_every = steps + 1,
                                  .evaluate_batches = 1,
                                  .warmup = 1};
    mote_train_result result;
    b->steps = 0;
    b->ended = mote_clock();
    mote_status status = mote_train(b->context, &options, on_step, b, &result);
    if (status != MOTE_OK) {
        cli_complain(CLI_FAILED, "bench", "%s: %s", policy, mote_context_message(b->context));
        return false;
    }
    report(b, policy, result.planned_bytes);
    return true;
}

/* Random bases: data only has to be there. */
static bool write_data(char *path)
{
    enum { LINES = 8000, COLUMNS = 60 };
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    uint64_t state = 1;
    for (int i = 0; file && i < LINES; i++) {
        if (i % 400 == 0) {
            fprintf(file, ">random%d\n", i);
        }
        for (int k = 0; k < COLUMNS; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            fputc("ACGT"[state >> 62], file);
        }
        fputc('\n', file);
    }
    return file && fclose(file) == 0;
}

static void print_head(const bench *b, const char *version)
{
    if (b->options->json) {
        return;
    }
    printf("mote bench train: GPT of %d layers, width %d, %d heads, context %d, batch %d, 69 tokens; whole steps with "
           "AdamW;\n"
           "medians of %d\n",
           LAYERS, WIDTH, HEADS, CONTEXT, BATCH, b->options->runs);
    if (b->torch) {
        printf("torch %s: the same model, eager, FP32, in a child process, in turn; its memory: what it grew by\n",
               version);
    } else {
        printf("no torch beside it: %s has none; MOTE_TORCH_PYTHON names an interpreter\n",
               getenv("MOTE_TORCH_PYTHON") ? getenv("MOTE_TORCH_PYTHON") : "python3");
    }
    printf("%-18s %7s %10s %10s", "policy", "threads", "tokens/s", "x our fp32");
    if (b->torch) {
        printf(" %10s %7s %10s %10s %7s\n", "torch", "ratio", "memory", "torch", "of it");
    } else {
        printf(" %10s\n", "memory");
    }
}

int bench_train(const bench_options *options)
{
    static const char *const usual[] = {"fp32", "mxint8", "mxfp6_e2m3", "mxfp6", "mxfp4-w_mxfp6-ag"};
    char path[] = "/tmp/mote-bench-XXXXXX", version[64] = "";
    bool ok = write_data(path);
    for (int t = 0; t < options->thread_count && ok && !cli_interrupted(); t++) {
        bench b = {.options = options, .threads = options->threads[t], .data = path};
        b.context = cli_context(b.threads, NULL);
        if (!b.context) {
            ok = false;
            break;
        }
        b.torch = bench_torch_open(script, b.threads, version, sizeof version);
        print_head(&b, version);
        int count = options->format_count ? options->format_count : (int)(sizeof usual / sizeof *usual);
        for (int i = 0; i < count && ok; i++) {
            ok = bench_policy(&b, options->format_count ? mote_format_get(options->formats[i])->name : usual[i]);
        }
        bench_torch_close();
        mote_context_destroy(b.context);
    }
    unlink(path);
    return ok ? CLI_DONE : CLI_FAILED;
}
