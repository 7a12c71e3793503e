/* The list is in order, so a later line overwrites an earlier one: C first, then upwards. */
#include "kernels/kernels.h"

/* a kernel's isa names its level; the lower-case spelling is the one in the kernel's name */
enum {
    LEVEL_c = MOTE_CPU_C,
    LEVEL_avx2 = MOTE_CPU_AVX2,
    LEVEL_avx512 = MOTE_CPU_AVX512,
    LEVEL_avx512vnni = MOTE_CPU_AVX512VNNI,
    LEVEL_avx512bf16 = MOTE_CPU_AVX512BF16
};

void mote_kernels_select(mote_kernels *kernels, mote_cpu_level level)
{
#define MOTE_KERNEL(slot, isa, tile)                                                                                   \
    if ((int)level >= LEVEL_##isa) {                                                                                   \
        kernels->slot = mote_##slot##__##isa;                                                                          \
    }
#include "kernels/kernels.inc"
#undef MOTE_KERNEL
}
