/* CPU detection by CPUID and XCR0.
 *
 * An instruction set counts only if the operating system saves its registers: CPUID alone says what the
 * silicon can do, XCR0 says which register state survives a task switch (Intel SDM vol. 1, 13.3). */
#include "cpu/cpu.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[MOTE_CPU_LEVEL_COUNT] = {"c", "avx2", "avx512", "avx512vnni", "avx512bf16"};

const char *mote_cpu_level_name(mote_cpu_level level)
{
    return (unsigned)level < MOTE_CPU_LEVEL_COUNT ? level_names[level] : NULL;
}

mote_cpu_level mote_cpu_level_find(const char *name)
{
    int level = 0;
    while (level < MOTE_CPU_LEVEL_COUNT && strcmp(name, level_names[level]) != 0) {
        level++;
    }
    return (mote_cpu_level)level;
}

#if defined(__x86_64__)
#include <cpuid.h>

/* One bit of CPUID: the leaf, the sub-leaf, the register (0 eax .. 3 edx), the bit, the XCR0 bits that must
 * be set, and the level that needs it. */
typedef struct feature {
    const char *name;
    uint32_t leaf, subleaf;
    uint8_t reg, bit;
    uint32_t state;
    int level; /* mote_cpu_level, or LISTED */
} feature;

enum {
    STATE_AVX = 0x6,     /* XMM and YMM */
    STATE_AVX512 = 0xE6, /* ... and opmask, upper ZMM, high ZMM */
    STATE_AMX = 0x60000, /* tile configuration and data */
    LISTED = MOTE_CPU_LEVEL_COUNT
};

static const feature features[] = {
    {"sse4.2", 1, 0, 2, 20, 0, LISTED},
    {"avx", 1, 0, 2, 28, STATE_AVX, MOTE_CPU_AVX2},
    {"f16c", 1, 0, 2, 29, STATE_AVX, MOTE_CPU_AVX2},
    {"fma", 1, 0, 2, 12, STATE_AVX, MOTE_CPU_AVX2},
    {"avx2", 7, 0, 1, 5, STATE_AVX, MOTE_CPU_AVX2},
    {"bmi2", 7, 0, 1, 8, 0, MOTE_CPU_AVX2},
    {"avx_vnni", 7, 1, 0, 4, STATE_AVX, LISTED},
    {"avx512f", 7, 0, 1, 16, STATE_AVX512, MOTE_CPU_AVX512},
    {"avx512dq", 7, 0, 1, 17, STATE_AVX512, MOTE_CPU_AVX512},
    {"avx512bw", 7, 0, 1, 30, STATE_AVX512, MOTE_CPU_AVX512},
    {"avx512vl", 7, 0, 1, 31, STATE_AVX512, MOTE_CPU_AVX512},
    {"avx512vnni", 7, 0, 2, 11, STATE_AVX512, MOTE_CPU_AVX512VNNI},
    {"avx512vbmi", 7, 0, 2, 1, STATE_AVX512, MOTE_CPU_AVX512BF16},
    {"avx512bf16", 7, 1, 0, 5, STATE_AVX512, MOTE_CPU_AVX512BF16},
    {"avx512fp16", 7, 0, 3, 23, STATE_AVX512, LISTED},
    {"gfni", 7, 0, 2, 8, 0, LISTED},
    {"amx_tile", 7, 0, 3, 24, STATE_AMX, LISTED},
    {"amx_int8", 7, 0, 3, 25, STATE_AMX, LISTED},
    {"amx_bf16", 7, 0, 3, 22, STATE_AMX, LISTED},
};

enum { FEATURE_COUNT = sizeof features / sizeof features[0] };

static uint32_t enabled_state(void)
{
    uint32_t eax, ebx, ecx, edx;
    enum { OSXSAVE_BIT = 27 };
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> OSXSAVE_BIT & 1)) {
        return 0;
    }
    __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

static bool feature_usable(const feature *f, uint32_t state)
{
    uint32_t r[4];
    if (!__get_cpuid_count(f->leaf, f->subleaf, &r[0], &r[1], &r[2], &r[3])) {
        return false;
    }
    return (r[f->reg] >> f->bit & 1) && (state & f->state) == f->state;
}

/* Intel's BF16 dot products run at half the rate of FP32 multiply-adds, AMD's at twice. */
static bool bf16_is_fast(void)
{
    enum { EBX_AUTH = 0x68747541, EDX_ENTI = 0x69746E65, ECX_CAMD = 0x444D4163 }; /* "AuthenticAMD" */
    uint32_t eax, ebx, ecx, edx;
    return __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == EBX_AUTH && edx == EDX_ENTI && ecx == ECX_CAMD;
}

mote_cpu_level mote_cpu_best(void)
{
    uint32_t state = enabled_state();
    int best = MOTE_CPU_LEVEL_COUNT - 1;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        /* a missing feature bars its level and all above it */
        if (features[i].level <= best && !feature_usable(&features[i], state)) {
            best = features[i].level - 1;
        }
    }
    return best == MOTE_CPU_AVX512BF16 && !bf16_is_fast() ? MOTE_CPU_AVX512VNNI : (mote_cpu_level)best;
}

void mote_cpu_features(char *text, size_t size)
{
    uint32_t state = enabled_state();
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < FEATURE_COUNT; i++) {
        size_t length = strlen(features[i].name) + 1;
        if (feature_usable(&features[i], state) && used + length + 1 < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", features[i].name);
        }
    }
}

void mote_cpu_model(char *text, size_t size)
{
    uint32_t brand[13] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        if (!__get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2], &brand[4 * i + 3])) {
            snprintf(text, size, "unknown");
            return;
        }
    }
    const char *name = (const char *)brand;
    name += strspn(name, " ");
    snprintf(text, size, "%s", *name ? name : "unknown");
}

#else

mote_cpu_level mote_cpu_best(void) { return MOTE_CPU_C; }

void mote_cpu_features(char *text, size_t size) { snprintf(text, size, "none"); }

void mote_cpu_model(char *text, size_t size) { snprintf(text, size, "unknown"); }

#endif

size_t mote_cpu_cache_bytes(int level)
{
    static const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
    long bytes = level >= 1 && level <= 3 ? sysconf(names[level - 1]) : 0;
    return bytes > 0 ? (size_t)bytes : 0;
}
