/* Floor 0: memory, arena, random numbers, threads, contexts. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "base/arena.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "cpu/cpu.h"

/* Known answers of Philox4x32-10 as published with the generator (Random123, kat_vectors). */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t words[4];
        memcpy(words, vectors[i].counter, sizeof words);
        mote_philox4x32(words, vectors[i].key[0], vectors[i].key[1]);
        assert_memory_equal(words, vectors[i].answer, sizeof words);
    }
}

static void allocation_checks_sizes(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    assert_null(mote_allocate_array(context, SIZE_MAX / 2, 3));
    assert_non_null(strstr(mote_context_message(context), "out of memory"));
    assert_null(mote_allocate(context, SIZE_MAX));
    void *pointer = mote_allocate(context, 1);
    assert_int_equal((uintptr_t)pointer % 64, 0);
    mote_release(context, pointer);
    mote_context_destroy(context);
}

static void arena_keeps_everything(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_arena arena = {NULL};
    char *pieces[1000];
    for (int i = 0; i < 1000; i++) {
        size_t size = (size_t)(i * 37 % 300) + (i == 500 ? 100000 : 0);
        pieces[i] = mote_arena_allocate(context, &arena, size + 1);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], i & 0xFF, size + 1);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal((unsigned char)pieces[i][0], i & 0xFF);
    }
    assert_null(mote_arena_allocate(context, &arena, SIZE_MAX - 8));
    assert_string_equal(mote_arena_string(context, &arena, "mote", 2), "mo");
    mote_arena_clear(context, &arena);
    mote_context_destroy(context);
}

static void count_task(void *argument, size_t index, void *scratch)
{
    *(char *)scratch = 1;
    ((int *)argument)[index]++;
}

static void parallel_runs_each_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        mote_context *context = unit_context(threads, NULL);
        int counts[37] = {0};
        mote_parallel_for(context, 37, count_task, counts);
        mote_parallel_for(context, 0, count_task, counts);
        for (int i = 0; i < 37; i++) {
            assert_int_equal(counts[i], 1);
        }
        mote_context_destroy(context);
    }
}

/* A host that flushes subnormals to zero must not change our bits, nor lose its own setting. */
static void floating_point_environment(void **state)
{
    (void)state;
#if defined(__x86_64__)
    enum { FLUSH = 0x8040 };
    float x[32] = {0x1p-140f, -0x1.8p-139f}, y[2][32];
    mote_context *context = unit_context(1, NULL);
    for (int f = 0; f <= MOTE_NVFP4; f++) {
        mote_tensor tensor = unit_tensor(context, (mote_layout){(mote_format)f, 1, 0, {32}});
        float scales[2];
        for (int flushing = 0; flushing < 2; flushing++) {
            unsigned saved = _mm_getcsr();
            _mm_setcsr(flushing ? saved | FLUSH : saved);
            assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_OK);
            assert_int_equal(mote_dequantize(context, &tensor, y[flushing], NULL), MOTE_OK);
            assert_int_equal(_mm_getcsr() & FLUSH, flushing ? FLUSH : 0);
            _mm_setcsr(saved);
            scales[flushing] = tensor.tensor_scale;
        }
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        assert_memory_equal(&scales[0], &scales[1], sizeof scales[0]);
        unit_free(&tensor);
    }
    mote_context_destroy(context);
#endif
}

/* Threads do not survive a fork; the child must still get its answer. */
static void fork_and_go_on(void **state)
{
    (void)state;
    enum { COUNT = 1 << 20, PATIENCE = 20 };
    float *x = calloc(COUNT, sizeof *x);
    mote_context *context = unit_context(2, NULL);
    mote_tensor tensor = unit_tensor(context, (mote_layout){MOTE_MXFP4_E2M1, 1, 0, {COUNT}});
    assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_OK);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE); /* a hang ends as a signal */
        _exit(mote_quantize(context, x, NULL, NULL, &tensor) == MOTE_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unit_free(&tensor);
    free(x);
    mote_context_destroy(context);
}

static void context_options(void **state)
{
    (void)state;
    mote_context *context;
    char message[256] = "";
    mote_context_options options = {.cpu = "avx1024"};
    assert_int_equal(mote_context_create(&options, &context, message, sizeof message), MOTE_ERROR_ARGUMENT);
    assert_null(context);
    assert_non_null(strstr(message, "avx1024"));
    options = (mote_context_options){.threads = -1};
    assert_int_equal(mote_context_create(&options, &context, message, sizeof message), MOTE_ERROR_ARGUMENT);
    setenv("MOTE_THREADS", "zero", 1);
    assert_int_equal(mote_context_create(NULL, &context, message, sizeof message), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(message, "MOTE_THREADS"));
    setenv("MOTE_THREADS", "3", 1);
    setenv("MOTE_CPU", "c", 1);
    assert_int_equal(mote_context_create(NULL, &context, message, sizeof message), MOTE_OK);
    assert_int_equal(mote_context_threads(context), 3);
    assert_int_equal(mote_context_cpu(context), MOTE_CPU_C);
    mote_context_destroy(context);
    unsetenv("MOTE_THREADS");
    unsetenv("MOTE_CPU");
    for (int level = 0; level < MOTE_CPU_LEVEL_COUNT; level++) {
        options = (mote_context_options){.cpu = mote_cpu_level_name((mote_cpu_level)level)};
        mote_status status = mote_context_create(&options, &context, message, sizeof message);
        assert_int_equal(status, level <= (int)mote_cpu_best() ? MOTE_OK : MOTE_ERROR_UNSUPPORTED);
        mote_context_destroy(context);
    }
}

static void *own_allocate(void *user, size_t size, size_t alignment)
{
    (*(long *)user)++;
    void *pointer = NULL;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static void own_release(void *user, void *pointer)
{
    (*(long *)user)--;
    free(pointer);
}

static void own_allocator(void **state)
{
    (void)state;
    long live = 0;
    mote_context *context;
    mote_allocator allocator = {own_allocate, own_release, &live};
    mote_context_options options = {.allocator = &allocator};
    assert_int_equal(mote_context_create(&options, &context, NULL, 0), MOTE_OK);
    assert_int_equal(live, 2); /* the context and its threads */
    void *pointer = mote_allocate(context, 100);
    assert_int_equal(live, 3);
    mote_release(context, pointer);
    mote_context_destroy(context);
    assert_int_equal(live, 0);
}

static void machine_description(void **state)
{
    (void)state;
    static mote_machine machine;
    mote_machine_describe(&machine);
    assert_true(machine.processors >= 1);
    assert_true(machine.memory_bytes > 0 && machine.memory_available_bytes <= machine.memory_bytes);
    assert_true(machine.meter_count >= 4);
    for (int i = 0; i < machine.meter_count; i++) {
        assert_true(machine.meters[i].name[0] && machine.meters[i].detail[0]);
    }
    double start = mote_clock();
    assert_true(mote_clock() >= start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(allocation_checks_sizes),
        cmocka_unit_test(arena_keeps_everything),
        cmocka_unit_test(parallel_runs_each_once),
        cmocka_unit_test(floating_point_environment),
        cmocka_unit_test(fork_and_go_on),
        cmocka_unit_test(context_options),
        cmocka_unit_test(own_allocator),
        cmocka_unit_test(machine_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
