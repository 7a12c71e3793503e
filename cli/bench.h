/* What the benchmarks share. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"

enum { BENCH_RUNS_MAXIMUM = 99, BENCH_THREAD_COUNTS = 8 };

/* Options that every benchmark understands. */
typedef struct bench_options {
    mote_format formats[MOTE_FORMAT_COUNT];
    int format_count; /* 0: the benchmark's own choice */
    int threads[BENCH_THREAD_COUNTS], thread_count;
    long size; /* 0: the benchmark's own choice; what it means is in the help */
    int runs;
    bool json;
} bench_options;

/* One function a benchmark, in the table of bench.c. */
typedef int bench_function(const bench_options *options);
bench_function bench_quantize, bench_matmul, bench_attention, bench_evoformer, bench_block, bench_train;

/* The middle of count times, which are sorted. */
double bench_median(double *times, int count);

/* Values with the spread of a trained layer's weights: a repeatable sequence, roughly normal. */
void bench_fill(float *x, size_t count);

/* What this machine's instructions and memory allow, measured on all threads at once: billions a second. */
double bench_peak_fp32(int threads);  /* FP32 multiply-adds of the widest vectors, two operations each */
double bench_peak_int8(int threads);  /* 8-bit dot products, two operations a product; 0 without them */
double bench_peak_int16(int threads); /* 16-bit dot products */
double bench_peak_bf16(int threads);  /* BF16 dot products, where mote uses them */
double bench_read_rate(const void *memory, size_t bytes, int threads); /* bytes read once, from memory this large */

/* FP32 products of other libraries, found at run time. */
typedef struct bench_peer bench_peer;
enum { BENCH_PEERS = 3 };
/* Loads them; returns how many are there. Call before anything sets their environment. */
int bench_peers_open(int threads);
const char *bench_peer_name(int peer);
/* y [m, n] = x [m, k] w [n, k]^T. A library that can take weights packed beforehand does, as mote does: prepare first,
 * or with NULL for weights that change, which are read as they lie. */
bool bench_peer_prepare(int peer, size_t m, size_t n, size_t k, const float *w);
/* False if the library refused. */
bool bench_peer_multiply(int peer, size_t m, size_t n, size_t k, const float *x, const float *w, float *y);

/* A script in a child process of MOTE_TORCH_PYTHON or python3, with the number of threads as its argument; its first
 * line of output is torch's version. False if there is no torch. */
bool bench_torch_open(const char *script, int threads, char *version, size_t size);
/* Sends it a line; the number that it answers, 0 if it failed. */
__attribute__((format(printf, 1, 2))) double bench_torch_ask(const char *format, ...);
void bench_torch_close(void);
extern const char bench_block_script[]; /* of mote bench block */

#endif
