/* Peaks of this machine: loops of independent instructions, and reading memory. The best of several runs, because
 * whatever else the machine does only slows them down. */
#include "bench.h"

#include <omp.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum { CHAINS = 12, LOOPS = 400000, TRIES = 7 };

/* Twelve chains hide the latency; the asm keeps the compiler from seeing through them. */
#define PROBE(name, target_, vector, zero, one_, instruction, operations)                                              \
    __attribute__((target(target_))) static double name(void)                                                          \
    {                                                                                                                  \
        double best = 0;                                                                                               \
        for (int try = 0; try < TRIES; try++) {                                                                        \
            vector a[CHAINS], x = one_, y = one_;                                                                      \
            for (int i = 0; i < CHAINS; i++) {                                                                         \
                a[i] = zero;                                                                                           \
            }                                                                                                          \
            double start = mote_clock();                                                                               \
            for (int loop = 0; loop < LOOPS; loop++) {                                                                 \
                _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                                              \
                {                                                                                                      \
                    __asm__ volatile(instruction : "+v"(a[i]) : "v"(x), "v"(y));                                       \
                }                                                                                                      \
            }                                                                                                          \
            double rate = (double)(operations)*CHAINS * LOOPS / (mote_clock() - start) * 1e-9;                         \
            best = rate > best ? rate : best;                                                                          \
        }                                                                                                              \
        return best;                                                                                                   \
    }

PROBE(fma_ymm, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(1), "vfmadd231ps %1, %2, %0", 16)
PROBE(fma_zmm, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(1), "vfmadd231ps %1, %2, %0", 32)
PROBE(dot8_zmm, "avx512f", __m512i, _mm512_setzero_si512(), _mm512_set1_epi32(0), "vpdpbusd %1, %2, %0", 128)
PROBE(bf16_zmm, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(0), "vdpbf16ps %1, %2, %0", 64)
PROBE(dot16_zmm, "avx512f", __m512i, _mm512_setzero_si512(), _mm512_set1_epi32(0), "vpdpwssd %1, %2, %0", 64)

static mote_cpu_level level(void)
{
    mote_context *context = cli_context(1, NULL);
    mote_cpu_level found = context ? mote_context_cpu(context) : MOTE_CPU_C;
    mote_context_destroy(context);
    return found;
}

typedef double probe(void);

/* All threads at once: processors of a virtual machine may share a core, and then do not add up. */
static double together(probe *one, int threads)
{
    double sum = 0;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : sum)
    for (int t = 0; t < threads; t++) {
        sum += one();
    }
    return sum;
}

double bench_peak_fp32(int threads)
{
    mote_cpu_level found = level();
    return found >= MOTE_CPU_AVX2 ? together(found >= MOTE_CPU_AVX512 ? fma_zmm : fma_ymm, threads) : 0;
}
double bench_peak_int8(int threads) { return level() >= MOTE_CPU_AVX512VNNI ? together(dot8_zmm, threads) : 0; }
double bench_peak_int16(int threads) { return level() >= MOTE_CPU_AVX512VNNI ? together(dot16_zmm, threads) : 0; }
double bench_peak_bf16(int threads) { return level() >= MOTE_CPU_AVX512BF16 ? together(bf16_zmm, threads) : 0; }

#else
double bench_peak_fp32(int threads) { return (void)threads, 0; }
double bench_peak_int8(int threads) { return (void)threads, 0; }
double bench_peak_int16(int threads) { return (void)threads, 0; }
double bench_peak_bf16(int threads) { return (void)threads, 0; }
#endif

/* Touches every line once, and asks for each some time before: what memory gives one core. */
static uint64_t read_all(const char *memory, size_t bytes)
{
    enum { LINE = 64, AHEAD = 32 * LINE };
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i += LINE) {
        uint64_t word;
        memcpy(&word, memory + i, sizeof word);
        sum += word;
        __builtin_prefetch(memory + i + AHEAD);
    }
    return sum;
}

double bench_read_rate(const void *memory, size_t bytes, int threads)
{
    volatile uint64_t sink = 0;
    double start = mote_clock();
    size_t share = bytes / (size_t)threads / 4096 * 4096;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int i = 0; i < threads; i++) {
        uint64_t sum = read_all((const char *)memory + (size_t)i * share, share);
#pragma omp atomic
        sink += sum;
    }
    return (double)(share * (size_t)threads) / (mote_clock() - start) * 1e-9;
}
