/* What the checks and the timings of family gemm share. */
#ifndef TESTS_CHECK_GEMM_H
#define TESTS_CHECK_GEMM_H

#include <string.h>

#include "check.h"

enum { VALUES, COLUMNS, ROW_SCALES, COLUMN_SCALES, CORRECTIONS, SUMS };

static const mote_format gemm_formats[] = {MOTE_MXINT8,     MOTE_MXFP6_E2M3, MOTE_MXFP4_E2M1, MOTE_MXFP6_E3M2,
                                           MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_NVFP4};
enum { FORMATS = sizeof gemm_formats / sizeof gemm_formats[0] };

/* False for the one kind that only its own level and portable C have. */
static inline bool offered(const check_kernel *kernel, int kind)
{
    return kind != MOTE_GEMM_BF16 || strcmp(kernel->isa, "avx512bf16") == 0 || strcmp(kernel->isa, "c") == 0;
}

#endif
