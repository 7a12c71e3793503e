/* FP32 libraries to be measured against, loaded at run time: mote needs none of them. */
#include "bench.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#define HAVE_ONEDNN_TYPES 1
#else
#define HAVE_ONEDNN_TYPES 0
#endif

/* CBLAS, as every library has it: row-major 101, as it is 111, transposed 112. */
typedef void cblas_sgemm_function(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a,
                                  int lda, const float *b, int ldb, float beta, float *c, int ldc);

typedef void cblas_sgemv_function(int order, int trans, int m, int n, float alpha, const float *a, int lda,
                                  const float *x, int step_x, float beta, float *y, int step_y);

typedef struct blas_peer {
    const char *name, *library, *set_threads;
    bool wide_threads; /* the argument of set_threads is 64 bits wide */
    cblas_sgemm_function *multiply;
    cblas_sgemv_function *multiply_vector;
} blas_peer;

static blas_peer blas[] = {{"OpenBLAS", "libopenblas.so.0", "openblas_set_num_threads", false, NULL, NULL},
                           {"BLIS", "libblis.so.4", "bli_thread_set_num_threads", true, NULL, NULL}};
enum { BLAS_PEERS = sizeof blas / sizeof blas[0], ONEDNN = BLAS_PEERS };

static bool open_blas(blas_peer *peer, int threads)
{
    void *library = dlopen(peer->library, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "cblas_sgemm") : NULL, *setter;
    void *vector = library ? dlsym(library, "cblas_sgemv") : NULL;
    if (!symbol || !vector) {
        return false;
    }
    memcpy(&peer->multiply, &symbol, sizeof symbol);
    memcpy(&peer->multiply_vector, &vector, sizeof vector);
    setter = dlsym(library, peer->set_threads);
    if (setter && peer->wide_threads) {
        void (*set)(int64_t);
        memcpy(&set, &setter, sizeof setter);
        set(threads);
    } else if (setter) {
        void (*set)(int);
        memcpy(&set, &setter, sizeof setter);
        set(threads);
    }
    return true;
}

#if HAVE_ONEDNN_TYPES && defined(DNNL_VERSION_MAJOR) && DNNL_VERSION_MAJOR == 2
/* oneDNN 2.x through its C interface: a matmul primitive whose weights it orders as it likes. */
#define ONEDNN_CALLS(CALL)                                                                                             \
    CALL(dnnl_engine_create)                                                                                           \
    CALL(dnnl_stream_create)                                                                                           \
    CALL(dnnl_stream_wait)                                                                                             \
    CALL(dnnl_memory_desc_init_by_tag)                                                                                 \
    CALL(dnnl_matmul_desc_init)                                                                                        \
    CALL(dnnl_primitive_desc_create)                                                                                   \
    CALL(dnnl_primitive_desc_query_md)                                                                                 \
    CALL(dnnl_primitive_create)                                                                                        \
    CALL(dnnl_primitive_execute)                                                                                       \
    CALL(dnnl_primitive_destroy)                                                                                       \
    CALL(dnnl_primitive_desc_destroy)                                                                                  \
    CALL(dnnl_memory_create)                                                                                           \
    CALL(dnnl_memory_destroy)                                                                                          \
    CALL(dnnl_memory_set_data_handle)                                                                                  \
    CALL(dnnl_reorder_primitive_desc_create)                                                                           \
    CALL(dnnl_sgemm)

static struct {
#define CALL(name) __typeof__(name) *name;
    ONEDNN_CALLS(CALL)
#undef CALL
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t multiply;
    dnnl_memory_t x, w, y;
    bool packed;
} onednn;

static bool open_onednn(void)
{
    void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL), *symbol;
    if (!library) {
        return false;
    }
#define CALL(name)                                                                                                     \
    symbol = dlsym(library, #name);                                                                                    \
    if (!symbol) {                                                                                                     \
        return false;                                                                                                  \
    }                                                                                                                  \
    memcpy(&onednn.name, &symbol, sizeof symbol);
    ONEDNN_CALLS(CALL)
#undef CALL
    return onednn.dnnl_engine_create(&onednn.engine, dnnl_cpu, 0) == dnnl_success &&
           onednn.dnnl_stream_create(&onednn.stream, onednn.engine, dnnl_stream_default_flags) == dnnl_success;
}

static bool pack_onednn(const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *packed, const float *w)
{
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    bool ok = onednn.dnnl_memory_create(&from, plain, onednn.engine, (void *)w) == dnnl_success &&
              onednn.dnnl_memory_create(&onednn.w, packed, onednn.engine, DNNL_MEMORY_ALLOCATE) == dnnl_success &&
              onednn.dnnl_reorder_primitive_desc_create(&description, plain, onednn.engine, packed, onednn.engine,
                                                        NULL) == dnnl_success &&
              onednn.dnnl_primitive_create(&reorder, description) == dnnl_success;
    if (ok) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, onednn.w}};
        ok = onednn.dnnl_primitive_execute(reorder, onednn.stream, 2, arguments) == dnnl_success &&
             onednn.dnnl_stream_wait(onednn.stream) == dnnl_success;
    }
    onednn.dnnl_primitive_destroy(reorder);
    onednn.dnnl_primitive_desc_destroy(description);
    onednn.dnnl_memory_destroy(from);
    return ok;
}

static bool prepare_onednn(size_t m, size_t n, size_t k, const float *w)
{
    dnnl_dims_t dx = {(dnnl_dim_t)m, (dnnl_dim_t)k}, dw = {(dnnl_dim_t)k, (dnnl_dim_t)n},
                dy = {(dnnl_dim_t)m, (dnnl_dim_t)n};
    dnnl_memory_desc_t x, any, plain, y;
    dnnl_matmul_desc_t operation;
    dnnl_primitive_desc_t description;
    onednn.packed = w != NULL;
    if (!w) {
        return true;
    }
    onednn.dnnl_primitive_destroy(onednn.multiply);
    onednn.dnnl_memory_destroy(onednn.x);
    onednn.dnnl_memory_destroy(onednn.w);
    onednn.dnnl_memory_destroy(onednn.y);
    onednn.multiply = NULL;
    onednn.x = onednn.w = onednn.y = NULL;
    onednn.dnnl_memory_desc_init_by_tag(&x, 2, dx, dnnl_f32, dnnl_ab);
    onednn.dnnl_memory_desc_init_by_tag(&any, 2, dw, dnnl_f32, dnnl_format_tag_any);
    onednn.dnnl_memory_desc_init_by_tag(&plain, 2, dw, dnnl_f32, dnnl_ba);
    onednn.dnnl_memory_desc_init_by_tag(&y, 2, dy, dnnl_f32, dnnl_ab);
    if (onednn.dnnl_matmul_desc_init(&operation, &x, &any, NULL, &y) != dnnl_success ||
        onednn.dnnl_primitive_desc_create(&description, &operation, NULL, onednn.engine, NULL) != dnnl_success) {
        return false;
    }
    bool ok = onednn.dnnl_primitive_create(&onednn.multiply, description) == dnnl_success &&
              pack_onednn(&plain, onednn.dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0), w) &&
              onednn.dnnl_memory_create(&onednn.x, &x, onednn.engine, DNNL_MEMORY_NONE) == dnnl_success &&
              onednn.dnnl_memory_create(&onednn.y, &y, onednn.engine, DNNL_MEMORY_NONE) == dnnl_success;
    onednn.dnnl_primitive_desc_destroy(description);
    return ok;
}

static bool multiply_onednn(size_t m, size_t n, size_t k, const float *x, const float *w, float *y)
{
    if (!onednn.packed) {
        dnnl_dim_t ld = (dnnl_dim_t)k;
        return onednn.dnnl_sgemm('N', 'T', (dnnl_dim_t)m, (dnnl_dim_t)n, ld, 1, x, ld, w, ld, 0, y, (dnnl_dim_t)n) ==
               dnnl_success;
    }
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, onednn.x}, {DNNL_ARG_WEIGHTS, onednn.w}, {DNNL_ARG_DST, onednn.y}};
    onednn.dnnl_memory_set_data_handle(onednn.x, (void *)x);
    onednn.dnnl_memory_set_data_handle(onednn.y, y);
    return onednn.dnnl_primitive_execute(onednn.multiply, onednn.stream, 3, arguments) == dnnl_success &&
           onednn.dnnl_stream_wait(onednn.stream) == dnnl_success;
}
#else
static bool open_onednn(void) { return false; }
static bool prepare_onednn(size_t m, size_t n, size_t k, const float *w)
{
    (void)m, (void)n, (void)k, (void)w;
    return false;
}
static bool multiply_onednn(size_t m, size_t n, size_t k, const float *x, const float *w, float *y)
{
    (void)m, (void)n, (void)k, (void)x, (void)w, (void)y;
    return false;
}
#endif

static int there[BENCH_PEERS], count;

int bench_peers_open(int threads)
{
    /* on processors whose model they do not know (most virtual machines, new ones) these libraries fall back to kernels
     * at half or a quarter of the speed: tell them what to take, unless the user did */
    mote_context *context = cli_context(1, NULL);
    mote_cpu_level level = context ? mote_context_cpu(context) : MOTE_CPU_C;
    mote_context_destroy(context);
    setenv("OPENBLAS_CORETYPE", level >= MOTE_CPU_AVX512 ? "SkylakeX" : "Haswell", 0);
    setenv("BLIS_ARCH_TYPE", level >= MOTE_CPU_AVX512 ? "0" : "3", 0);
    setenv("DNNL_MAX_CPU_ISA", level >= MOTE_CPU_AVX512 ? "ALL" : "AVX2", 0);
    omp_set_num_threads(threads);
    count = 0;
    for (int i = 0; i < BLAS_PEERS; i++) {
        if (open_blas(&blas[i], threads)) {
            there[count++] = i;
        }
    }
    if (open_onednn()) {
        there[count++] = ONEDNN;
    }
    return count;
}

const char *bench_peer_name(int peer) { return there[peer] == ONEDNN ? "oneDNN" : blas[there[peer]].name; }

bool bench_peer_prepare(int peer, size_t m, size_t n, size_t k, const float *w)
{
    return there[peer] != ONEDNN || prepare_onednn(m, n, k, w);
}

bool bench_peer_multiply(int peer, size_t m, size_t n, size_t k, const float *x, const float *w, float *y)
{
    const blas_peer *p = &blas[there[peer] == ONEDNN ? 0 : there[peer]];
    if (there[peer] == ONEDNN) {
        return multiply_onednn(m, n, k, x, w, y);
    }
    if (m == 1) {
        p->multiply_vector(101, 111, (int)n, (int)k, 1, w, (int)k, x, 1, 0, y, 1);
    } else {
        p->multiply(101, 111, 112, (int)m, (int)n, (int)k, 1, x, (int)k, w, (int)k, 0, y, (int)n);
    }
    return true;
}
