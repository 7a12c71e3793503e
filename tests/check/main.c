/* Checks every kernel at every instruction-set level that this machine offers against ref/, or times them.
 *
 *   check [--bench] [--seed N] [--kernel PART_OF_NAME] [--list]
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "check.h"

static const check_kernel kernels[] = {
#define MOTE_KERNEL(slot, isa, tile) {#slot, #isa, "mote_" #slot "__" #isa, tile, (void (*)(void))mote_##slot##__##isa},
#include "kernels/kernels.inc"
#undef MOTE_KERNEL
};

static const struct {
    const char *slot;
    check_function *check, *time;
} slots[] = {
#define SLOT(name)                                                                                                     \
    {                                                                                                                  \
#name, check_##name, time_##name                                                                               \
    }
    SLOT(random_words),
    SLOT(narrow),
    SLOT(widen),
    SLOT(quantize_rows),
    SLOT(quantize_columns),
    SLOT(dequantize_rows),
    SLOT(dequantize_columns),
    SLOT(largest_magnitude),
    SLOT(column_maxima),
    SLOT(gemm_tile),
    SLOT(gemm_expand_row),
    SLOT(gemm_pack_panel),
    SLOT(gemm_expand_panel),
    SLOT(gemm_expand_scales),
    SLOT(gemm_finish),
    SLOT(gemm_few),
    SLOT(map_unary),
    SLOT(map_unary_gradient),
    SLOT(map_binary),
    SLOT(swiglu),
    SLOT(swiglu_gradient),
    SLOT(dropout),
    SLOT(rotary),
    SLOT(norm_rows),
    SLOT(norm_rows_gradient),
    SLOT(norm_columns_gradient),
    SLOT(softmax_row),
    SLOT(softmax_row_gradient),
    SLOT(logsumexp_row),
    SLOT(cross_entropy_row_gradient),
    SLOT(update_adamw),
    SLOT(update_sgd),
    SLOT(update_average),
    SLOT(sum_squares),
    SLOT(update_lift_blocks),
    SLOT(attention_softmax),
    SLOT(attention_gradient),
    SLOT(attention_dot),
    SLOT(attention_finish),
    SLOT(transpose),
    SLOT(sum_columns),
    SLOT(attention_add_biases),
    SLOT(attention_gather_bias),
    SLOT(attention_gate),
    SLOT(attention_gate_gradient),
#undef SLOT
};

static uint64_t seed, drawn;
static const char *current = "none";
static int failures;

uint32_t check_random(void) { return mote_philox_word(seed, drawn++); }

size_t check_below(size_t bound) { return bound ? check_random() % bound : 0; }

void check_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (failures++ < 5) {
        printf("\n  ");
        vprintf(format, arguments);
    }
    va_end(arguments);
}

bool check_failed(void) { return failures > 0; }

/* A crash names the kernel and the seed before it ends the run. Only write(2) is safe here. */
static void crashed(int number)
{
    char text[256];
    int length =
        snprintf(text, sizeof text, "\n%s: signal %d (seed %llu)\n", current, number, (unsigned long long)seed);
    ssize_t ignored = write(STDOUT_FILENO, text, (size_t)length);
    (void)ignored;
    _exit(1);
}

/* Unmapped pages on both sides. A buffer ends at the one behind, begins at the one before, or lies between at an odd
 * place; what it leaves of MARGIN bytes on a mapped side is filled with a pattern. */
enum { MARGIN = 64, PATTERN = 0xA5 };

static struct {
    uint8_t *map; /* of the first mapped page */
    size_t mapped;
    uint8_t *start;
    size_t size;
} buffers[CHECK_BUFFERS];

static void map_buffer(int number, size_t wanted, size_t page)
{
    if (buffers[number].map) {
        munmap(buffers[number].map - page, buffers[number].mapped + 2 * page);
    }
    uint8_t *map = mmap(NULL, wanted + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, wanted, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(1);
    }
    buffers[number].map = map + page;
    buffers[number].mapped = wanted;
}

static size_t margin_before(int number)
{
    size_t room = (size_t)(buffers[number].start - buffers[number].map);
    return room < MARGIN ? room : MARGIN;
}

static size_t margin_behind(int number)
{
    size_t room = (size_t)(buffers[number].map + buffers[number].mapped - buffers[number].start) - buffers[number].size;
    return room < MARGIN ? room : MARGIN;
}

void *check_buffer(int number, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), wanted = (size + 2 * MARGIN + page - 1) / page * page;
    if (buffers[number].mapped < wanted) {
        map_buffer(number, wanted, page);
    }
    enum { AT_END, AT_BEGIN, BETWEEN, PLACES };
    size_t place = check_below(PLACES), spare = buffers[number].mapped - size;
    size_t offset = place == AT_END ? spare : place == AT_BEGIN ? 0 : 4 * check_below(MARGIN / 4);
    buffers[number].start = buffers[number].map + offset;
    buffers[number].size = size;
    memset(buffers[number].start - margin_before(number), PATTERN,
           margin_before(number) + size + margin_behind(number));
    return buffers[number].start;
}

bool check_intact(int number)
{
    const uint8_t *start = buffers[number].start, *end = start + buffers[number].size;
    bool intact = true;
    for (size_t i = 0; i < margin_before(number); i++) {
        intact &= start[-1 - (ptrdiff_t)i] == PATTERN;
    }
    for (size_t i = 0; i < margin_behind(number); i++) {
        intact &= end[i] == PATTERN;
    }
    return intact;
}

bool check_untouched(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    while (size > 0 && *p == PATTERN) {
        p++;
        size--;
    }
    return size == 0;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A value in or near the middle between two neighbouring short numbers, at a few binades around 1. */
static float near_tie(void)
{
    uint32_t keep = 1 + check_random() % 8; /* mantissa bits that stay, the last one being the tie */
    uint32_t bits = (120 + check_random() % 16) << 23 | (check_random() & 0x7FFFFF) >> (23 - keep) << (23 - keep);
    bits |= 1u << (23 - keep);
    return from_bits((bits + check_random() % 3 - 1) | check_random() << 31);
}

void check_values_of(int pattern, float *x, size_t count)
{
    uint32_t base = 1 + check_random() % 253;
    for (size_t i = 0; i < count; i++) {
        uint32_t r = check_random(), sign = r & 0x80000000u, mantissa = r & 0x7FFFFF;
        switch (pattern) {
        case 0: x[i] = from_bits(sign | (120 + (r >> 23 & 7)) << 23 | mantissa); break;
        case 1: x[i] = from_bits(r % 16 ? r & 0xFF7FFFFF : sign | base << 23); break; /* any finite exponent */
        case 2: x[i] = near_tie(); break;
        case 3: x[i] = from_bits(sign | mantissa >> r % 23); break; /* subnormal */
        case 4: x[i] = from_bits(sign); break;
        case 5: x[i] = r % 97 == 0 ? from_bits(sign | 0x7F800000 | (r & 0x400000)) : near_tie(); break;
        case 6: x[i] = from_bits(sign | (base > 40 ? base - r % 40 : base) << 23 | mantissa); break;
        case 7: x[i] = from_bits(sign | (254 - (r >> 23 & 3)) << 23 | (r & 1 ? 0x7FFFFF : mantissa)); break;
        default: x[i] = from_bits(sign | base << 23 | (mantissa & 0x7F0000)); break;
        }
    }
}

void check_values(float *x, size_t count) { check_values_of((int)check_below(CHECK_PATTERNS), x, count); }

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void check_time(const char *what, size_t bytes, void (*call)(void *argument), void *argument)
{
    enum { RUNS = 15 };
    double times[RUNS];
    size_t repeat = 1;
    for (double spent = 0; spent < 0.005; repeat *= 2) {
        double start = mote_clock();
        for (size_t i = 0; i < repeat; i++) {
            call(argument);
        }
        spent = mote_clock() - start;
    }
    for (int run = 0; run < RUNS; run++) {
        double start = mote_clock();
        for (size_t i = 0; i < repeat; i++) {
            call(argument);
        }
        times[run] = (mote_clock() - start) / (double)repeat;
    }
    qsort(times, RUNS, sizeof times[0], compare_doubles);
    printf("  %-44s %-28s %8.2f GB/s\n", current, what, (double)bytes / times[RUNS / 2] * 1e-9);
}

static mote_cpu_level level_of(const char *isa)
{
    int level = 0;
    while (strcmp(isa, mote_cpu_level_name((mote_cpu_level)level)) != 0) {
        level++;
    }
    return (mote_cpu_level)level;
}

static void use(int argc, char **argv, bool *bench, bool *list, const char **part)
{
    seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            *bench = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            *list = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--kernel") == 0 && i + 1 < argc) {
            *part = argv[++i];
        } else {
            fprintf(stderr, "usage: check [--bench] [--seed N] [--kernel PART_OF_NAME] [--list]\n");
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    bool bench = false, list = false;
    const char *part = "";
    int bad = 0, good = 0, skipped = 0;
    use(argc, argv, &bench, &list, &part);
    signal(SIGSEGV, crashed);
    signal(SIGBUS, crashed);
    signal(SIGILL, crashed);
    signal(SIGFPE, crashed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        const check_kernel *kernel = &kernels[i];
        size_t s = 0;
        if (!strstr(kernel->name, part)) {
            continue;
        }
        if (list) {
            puts(kernel->name);
            continue;
        }
        if (level_of(kernel->isa) > mote_cpu_best()) {
            printf("  %-44s skipped: not on this machine\n", kernel->name);
            skipped++;
            continue;
        }
        while (s < sizeof slots / sizeof slots[0] && strcmp(slots[s].slot, kernel->slot) != 0) {
            s++;
        }
        current = kernel->name;
        failures = 0;
        drawn = 0;
        if (s == sizeof slots / sizeof slots[0]) {
            check_fail("no check for slot %s", kernel->slot);
        } else if (bench) {
            slots[s].time(kernel);
        } else {
            slots[s].check(kernel);
        }
        if (!bench) {
            printf("  %-44s %s\n", kernel->name, failures ? "FAILED" : "ok");
        }
        bad += failures > 0;
        good += failures == 0;
    }
    if (!list && !bench) {
        printf("%d passed, %d failed, %d skipped\n", good, bad, skipped);
    }
    return bad || (!list && good == 0);
}
