/* Creation of a context: options, environment, kernels. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/parallel.h"
#include "cpu/cpu.h"
#include "kernels/gemm/product.h"
#include "kernels/kernels.h"

enum { THREADS_MAXIMUM = 1024, LEVEL2_USUAL = 1 << 20, LARGE_PAGE = 2 << 20, LARGE = 8 << 20 };

/* Large arrays ask for large pages: rows and columns of them that are far apart would each need an entry of the
 * processor's page tables of its own, of which it remembers some thousand. */
static void *default_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    void *pointer = NULL;
    bool large = size >= LARGE;
    if (posix_memalign(&pointer, large ? LARGE_PAGE : alignment, size) != 0) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (large) {
        madvise(pointer, size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* a wish: refused, nothing is lost */
    }
#endif
    return pointer;
}

static void default_release(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

static const mote_allocator default_allocator = {default_allocate, default_release, NULL};

const char *mote_version(void) { return MOTE_VERSION; }

__attribute__((format(printf, 4, 5))) static mote_status explain(char *message, size_t size, mote_status status,
                                                                 const char *format, ...)
{
    if (message && size) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, size, format, arguments);
        va_end(arguments);
    }
    return status;
}

/* The level asked for by name, or the best one; refused if this machine cannot run it. */
static mote_status choose_level(const char *name, mote_cpu_level *level, char *message, size_t size)
{
    mote_cpu_level best = mote_cpu_best();
    *level = best;
    if (!name || !*name) {
        return MOTE_OK;
    }
    *level = mote_cpu_level_find(name);
    if (*level == MOTE_CPU_LEVEL_COUNT) {
        return explain(message, size, MOTE_ERROR_ARGUMENT,
                       "MOTE_CPU: unknown instruction set '%s'; known: c avx2 avx512 avx512vnni avx512bf16", name);
    }
    if (*level > best) {
        return explain(message, size, MOTE_ERROR_UNSUPPORTED,
                       "MOTE_CPU: this machine does not offer '%s'; its best level is '%s'", name,
                       mote_cpu_level_name(best));
    }
    return MOTE_OK;
}

static mote_status choose_threads(int asked, int *threads, char *message, size_t size)
{
    const char *text = getenv("MOTE_THREADS");
    long count = asked;
    if (asked == 0 && text && *text) {
        char *end;
        count = strtol(text, &end, 10);
        if (*end || count < 1 || count > THREADS_MAXIMUM) {
            return explain(message, size, MOTE_ERROR_ARGUMENT, "MOTE_THREADS: expected 1 .. %d, found '%s'",
                           THREADS_MAXIMUM, text);
        }
    } else if (asked == 0) {
        count = mote_processor_count();
    } else if (asked < 0 || asked > THREADS_MAXIMUM) {
        return explain(message, size, MOTE_ERROR_ARGUMENT, "threads: expected 0 .. %d, found %d", THREADS_MAXIMUM,
                       asked);
    }
    *threads = (int)count;
    return MOTE_OK;
}

mote_status mote_context_create(const mote_context_options *options, mote_context **context, char *message,
                                size_t message_size)
{
    mote_context_options chosen = options ? *options : (mote_context_options){0};
    const mote_allocator *allocator = chosen.allocator ? chosen.allocator : &default_allocator;
    mote_cpu_level level;
    int threads = 1;
    *context = NULL;
    mote_status status = choose_level(chosen.cpu ? chosen.cpu : getenv("MOTE_CPU"), &level, message, message_size);
    if (status == MOTE_OK) {
        status = choose_threads(chosen.threads, &threads, message, message_size);
    }
    if (status != MOTE_OK) {
        return status;
    }
    struct together {
        mote_context context;
        mote_kernels kernels;
        mote_kept_rows kept;
        _Alignas(64) char scratch[];
    };
    size_t size = sizeof(struct together) + (size_t)threads * sizeof(mote_gemm_scratch);
    struct together *created = allocator->allocate(allocator->user, size, _Alignof(struct together));
    mote_pool *pool = created ? mote_pool_create(allocator, threads) : NULL;
    if (!pool) {
        allocator->release(allocator->user, created);
        return explain(message, message_size, MOTE_ERROR_MEMORY, "out of memory: no room for a context of %d threads",
                       threads);
    }
    memset(created, 0, sizeof *created); /* the scratch stays untouched: pages that nobody uses cost nothing */
    created->context.scratch = created->scratch;
    created->context.scratch_bytes = sizeof(mote_gemm_scratch);
    mote_kernels_select(&created->kernels, level);
    created->context.threads = threads;
    created->context.pool = pool;
    created->context.process = (long)getpid();
    created->context.cpu = level;
    created->context.level2_bytes = mote_cpu_cache_bytes(2) ? mote_cpu_cache_bytes(2) : LEVEL2_USUAL;
    created->context.allocator = *allocator;
    created->context.kernels = &created->kernels;
    created->context.kept = &created->kept;
    *context = &created->context;
    return MOTE_OK;
}

void mote_context_destroy(mote_context *context)
{
    if (context) {
        mote_allocator allocator = context->allocator;
        mote_pool_destroy(&allocator, context->pool, (long)getpid() != context->process);
        mote_release(context, context->workspace);
        allocator.release(allocator.user, context);
    }
}
