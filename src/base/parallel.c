/* OpenMP, the floating-point environment, the clock. */
#define _GNU_SOURCE
#include "base/parallel.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <fenv.h>
#endif

/* A host compiled with -ffast-math sets flush-to-zero for its threads; our bits must not depend on it. */
static void run_range(mote_task *task, void *argument, size_t begin, size_t end, void *scratch)
{
#if defined(__x86_64__)
    enum { MXCSR_DEFAULT = 0x1F80 };
    unsigned saved = _mm_getcsr();
    _mm_setcsr(MXCSR_DEFAULT);
#else
    fenv_t saved;
    fegetenv(&saved);
    fesetenv(FE_DFL_ENV);
#endif
    for (size_t i = begin; i < end; i++) {
        task(argument, i, scratch);
    }
#if defined(__x86_64__)
    _mm_setcsr(saved);
#else
    fesetenv(&saved);
#endif
}

void mote_parallel_for(const mote_context *context, size_t count, mote_task *task, void *argument)
{
    size_t threads = mote_size_min((size_t)context->threads, count);
    if (threads <= 1 || (long)getpid() != context->process) {
        run_range(task, argument, 0, count, context->scratch);
        return;
    }
#pragma omp parallel for num_threads((int)threads) schedule(static, 1)
    for (size_t t = 0; t < threads; t++) {
        run_range(task, argument, count * t / threads, count * (t + 1) / threads,
                  context->scratch + t * context->scratch_bytes);
    }
}

int mote_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

double mote_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
