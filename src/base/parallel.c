/* A pool of threads that share tasks, the floating-point environment, the clock.
 *
 * Each thread begins with a share of its own, the same in every call, so that what one call left in its cache the next
 * one finds there; who is done takes from the others, a piece at a time. Thus a thread that has lost its processor to
 * another program holds the rest up for one piece only. Threads that wait spin for some microseconds, as long as it
 * takes to get from one kernel of a training step to the next, and then sleep.
 */
#define _GNU_SOURCE
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <fenv.h>
#endif

enum {
    PIECES = 16,  /* of a thread's share: few enough to cost nothing, many enough for an even end */
    SPINS = 2000, /* 20 to 40 microseconds; waking a thread takes about 50 */
    FIELD = 24    /* bits of a ticket's begin and end; contexts have 1024 threads at most */
};

/* A thread's place. Its ticket says which pieces of its share, begin .. end - 1, nobody has taken, and how many threads
 * take part: in one word, so that whoever takes a piece takes it from the present call, and no thread joins a call that
 * is not for it. */
typedef struct seat {
    _Alignas(64) _Atomic uint64_t ticket;
    mote_pool *pool;
    pthread_t thread;
} seat;

struct mote_pool {
    pthread_mutex_t lock;
    pthread_cond_t called, finished;
    _Alignas(64) _Atomic uint64_t calls;    /* threads wait for it to change */
    _Alignas(64) _Atomic size_t unfinished; /* pieces */
    _Atomic int sleepers;
    _Atomic bool caller_sleeps, ending;
    /* The present call: written before the tickets, and stable from the taking of a piece to its end. */
    const mote_context *context;
    mote_task *task;
    void *argument;
    size_t count, pieces;
    int threads; /* the caller is number 0 */
    int started; /* threads 1 .. started - 1 run; 0: none was asked for yet */
    seat seats[];
};

static uint64_t ticket_of(size_t begin, size_t end, size_t threads)
{
    return (uint64_t)threads << 2 * FIELD | (uint64_t)end << FIELD | begin;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

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

/* Takes the first piece left of a seat; false when there is none, or thread is not of the call. */
static bool take(seat *from, int thread, size_t *piece)
{
    const uint64_t mask = ((uint64_t)1 << FIELD) - 1;
    uint64_t ticket = atomic_load_explicit(&from->ticket, memory_order_relaxed);
    do {
        if ((ticket & mask) >= (ticket >> FIELD & mask) || (uint64_t)thread >= ticket >> 2 * FIELD) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&from->ticket, &ticket, ticket + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    *piece = (size_t)(ticket & mask);
    return true;
}

/* Runs pieces until none is left: the thread's own, then those of the threads after it. */
static void work(mote_pool *pool, int thread)
{
    for (int i = 0; i < pool->threads; i++) {
        seat *from = &pool->seats[(thread + i) % pool->threads];
        size_t piece;
        while (take(from, thread, &piece)) {
            run_range(pool->task, pool->argument, pool->count * piece / pool->pieces,
                      pool->count * (piece + 1) / pool->pieces,
                      pool->context->scratch + (size_t)thread * pool->context->scratch_bytes);
            if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
                pthread_mutex_lock(&pool->lock);
                pthread_cond_signal(&pool->finished);
                pthread_mutex_unlock(&pool->lock);
            }
        }
    }
}

/* Returns when there was a call since the one of that number, or the pool ends. */
static void wait_for_call(mote_pool *pool, uint64_t last)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->calls, memory_order_acquire) != last) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->calls) == last) {
        pthread_cond_wait(&pool->called, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void wake(mote_pool *pool)
{
    atomic_fetch_add(&pool->calls, 1);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->called);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void *run_worker(void *argument)
{
    seat *own = argument;
    mote_pool *pool = own->pool;
    while (!atomic_load(&pool->ending)) {
        uint64_t last = atomic_load(&pool->calls);
        work(pool, (int)(own - pool->seats));
        wait_for_call(pool, last);
    }
    return NULL;
}

/* Starts as many threads as there can be. They leave signals to the host's own. */
static void start(mote_pool *pool)
{
    sigset_t all, saved;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    for (pool->started = 1; pool->started < pool->threads; pool->started++) {
        seat *own = &pool->seats[pool->started];
        own->pool = pool;
        if (pthread_create(&own->thread, NULL, run_worker, own) != 0) {
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

static void wait_for_end(mote_pool *pool)
{
    for (int i = 0; i < SPINS && atomic_load_explicit(&pool->unfinished, memory_order_acquire); i++) {
        pause_briefly();
    }
    if (atomic_load_explicit(&pool->unfinished, memory_order_acquire)) {
        pthread_mutex_lock(&pool->lock);
        atomic_store(&pool->caller_sleeps, true);
        while (atomic_load(&pool->unfinished)) {
            pthread_cond_wait(&pool->finished, &pool->lock);
        }
        atomic_store(&pool->caller_sleeps, false);
        pthread_mutex_unlock(&pool->lock);
    }
}

void mote_parallel_for(const mote_context *context, size_t count, mote_task *task, void *argument)
{
    mote_pool *pool = context->pool;
    size_t threads = mote_size_min((size_t)context->threads, count);
    if (threads <= 1 || (long)getpid() != context->process) {
        run_range(task, argument, 0, count, context->scratch);
        return;
    }
    pool->context = context;
    pool->task = task;
    pool->argument = argument;
    pool->count = count;
    pool->pieces = mote_size_min(count, threads * PIECES);
    atomic_store_explicit(&pool->unfinished, pool->pieces, memory_order_relaxed);
    for (size_t t = 0; t < threads; t++) {
        uint64_t ticket = ticket_of(pool->pieces * t / threads, pool->pieces * (t + 1) / threads, threads);
        atomic_store_explicit(&pool->seats[t].ticket, ticket, memory_order_release);
    }
    if (pool->started == 0) {
        start(pool);
    }
    wake(pool);
    work(pool, 0);
    wait_for_end(pool);
}

mote_pool *mote_pool_create(const mote_allocator *allocator, int threads)
{
    size_t size = sizeof(mote_pool) + (size_t)threads * sizeof(seat);
    mote_pool *pool = allocator->allocate(allocator->user, size, _Alignof(mote_pool));
    if (pool) {
        memset(pool, 0, size);
        pool->threads = threads;
        pthread_mutex_init(&pool->lock, NULL); /* with default attributes these three cannot fail on Linux */
        pthread_cond_init(&pool->called, NULL);
        pthread_cond_init(&pool->finished, NULL);
    }
    return pool;
}

void mote_pool_destroy(const mote_allocator *allocator, mote_pool *pool, bool forked)
{
    if (pool && !forked) {
        atomic_store(&pool->ending, true);
        wake(pool);
        for (int t = 1; t < pool->started; t++) {
            pthread_join(pool->seats[t].thread, NULL);
        }
        pthread_cond_destroy(&pool->finished);
        pthread_cond_destroy(&pool->called);
        pthread_mutex_destroy(&pool->lock);
    }
    allocator->release(allocator->user, pool);
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
