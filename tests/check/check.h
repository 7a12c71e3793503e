/* The kernel runner: what a check of one kernel family needs. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/gemm/product.h"
#include "kernels/kernels.h"

/* The kernel under test. */
typedef struct check_kernel {
    const char *slot, *isa, *name;
    size_t tile;
    void (*function)(void); /* cast to mote_<slot>_fn by the check */
} check_kernel;

/* Repeatable random numbers of the run. */
uint32_t check_random(void);
size_t check_below(size_t bound); /* 0 .. bound - 1 */

/* size bytes between unmapped pages, filled with a pattern: at the end, at the beginning or at an odd place (a multiple
 * of 4) between them, by chance. number chooses one of CHECK_BUFFERS. */
enum { CHECK_BUFFERS = 8 };
void *check_buffer(int number, size_t size);
/* True if nothing around the buffer was written since check_buffer(). */
bool check_intact(int number);
/* True if these bytes of a buffer still hold the pattern. */
bool check_untouched(const void *bytes, size_t size);

/* Fills x with count values of a random kind: normal, all exponents, ties, subnormal, zeros, NaN and infinity
 * here and there, heavy tails, near the largest FP32. */
void check_values(float *x, size_t count);
enum { CHECK_PATTERNS = 9 };
void check_values_of(int pattern, float *x, size_t count);

/* Reports a failure of the current kernel (printf format); the run goes on with the next kernel. */
__attribute__((format(printf, 1, 2))) void check_fail(const char *format, ...);
bool check_failed(void);

/* Prints a rate for --bench: bytes moved in one call and a function that makes the call. */
void check_time(const char *what, size_t bytes, void (*call)(void *argument), void *argument);

/* One check and one timing function a slot, in the table of main.c. */
typedef void check_function(const check_kernel *kernel);
check_function check_random_words, time_random_words;
check_function check_narrow, time_narrow, check_widen, time_widen;
check_function check_quantize_rows, time_quantize_rows, check_quantize_columns, time_quantize_columns;
check_function check_column_maxima, time_column_maxima;
check_function check_dequantize_rows, time_dequantize_rows, check_dequantize_columns, time_dequantize_columns;
check_function check_largest_magnitude, time_largest_magnitude;
check_function check_gemm_tile, time_gemm_tile, check_gemm_expand_row, time_gemm_expand_row;
check_function check_gemm_pack_panel, time_gemm_pack_panel, check_gemm_expand_panel, time_gemm_expand_panel;
check_function check_gemm_expand_scales, time_gemm_expand_scales, check_gemm_finish, time_gemm_finish;
check_function check_gemm_few, time_gemm_few;
check_function check_map_unary, time_map_unary;
check_function check_map_unary_gradient, time_map_unary_gradient;
check_function check_map_binary, time_map_binary;
check_function check_swiglu, time_swiglu;
check_function check_swiglu_gradient, time_swiglu_gradient;
check_function check_dropout, time_dropout;
check_function check_rotary, time_rotary;
check_function check_norm_rows, time_norm_rows;
check_function check_norm_rows_gradient, time_norm_rows_gradient;
check_function check_norm_columns_gradient, time_norm_columns_gradient;
check_function check_softmax_row, time_softmax_row;
check_function check_softmax_row_gradient, time_softmax_row_gradient;
check_function check_logsumexp_row, time_logsumexp_row;
check_function check_cross_entropy_row_gradient, time_cross_entropy_row_gradient;
check_function check_update_adamw, time_update_adamw;
check_function check_update_sgd, time_update_sgd;
check_function check_update_average, time_update_average;
check_function check_sum_squares, time_sum_squares;
check_function check_update_lift_blocks, time_update_lift_blocks;
check_function check_attention_softmax, time_attention_softmax, check_attention_gradient, time_attention_gradient;
check_function check_attention_dot, time_attention_dot, check_attention_finish, time_attention_finish;
check_function check_transpose, time_transpose, check_sum_columns, time_sum_columns;
check_function check_attention_add_biases, time_attention_add_biases;
check_function check_attention_gather_bias, time_attention_gather_bias;
check_function check_attention_gate, time_attention_gate;
check_function check_attention_gate_gradient, time_attention_gate_gradient;

#endif
