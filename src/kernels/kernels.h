/* The dispatch table: one pointer a slot, the best version that the chosen level allows. */
#ifndef MOTE_KERNELS_KERNELS_H
#define MOTE_KERNELS_KERNELS_H

#include "base/context.h"
#include "kernels/attention/kernel.h"
#include "kernels/convert/convert.h"
#include "kernels/gemm/kernel.h"
#include "kernels/map/map.h"
#include "kernels/matrix/matrix.h"
#include "kernels/norm/norm.h"
#include "kernels/quantize/kernel.h"
#include "kernels/random/random.h"
#include "kernels/softmax/softmax.h"
#include "kernels/update/update.h"

#define MOTE_KERNEL(slot, isa, tile) mote_##slot##_fn mote_##slot##__##isa;
#include "kernels/kernels.inc"
#undef MOTE_KERNEL

typedef struct mote_kernels {
    mote_random_words_fn *random_words;
    mote_largest_magnitude_fn *largest_magnitude;
    mote_quantize_rows_fn *quantize_rows;
    mote_column_maxima_fn *column_maxima;
    mote_quantize_columns_fn *quantize_columns;
    mote_dequantize_rows_fn *dequantize_rows;
    mote_dequantize_columns_fn *dequantize_columns;
    mote_narrow_fn *narrow;
    mote_widen_fn *widen;
    mote_gemm_tile_fn *gemm_tile;
    mote_gemm_expand_row_fn *gemm_expand_row;
    mote_gemm_pack_panel_fn *gemm_pack_panel;
    mote_gemm_expand_panel_fn *gemm_expand_panel;
    mote_gemm_expand_scales_fn *gemm_expand_scales;
    mote_gemm_few_fn *gemm_few;
    mote_gemm_finish_fn *gemm_finish;
    mote_map_unary_fn *map_unary;
    mote_map_unary_gradient_fn *map_unary_gradient;
    mote_map_binary_fn *map_binary;
    mote_swiglu_fn *swiglu;
    mote_swiglu_gradient_fn *swiglu_gradient;
    mote_dropout_fn *dropout;
    mote_rotary_fn *rotary;
    mote_norm_rows_fn *norm_rows;
    mote_norm_rows_gradient_fn *norm_rows_gradient;
    mote_norm_columns_gradient_fn *norm_columns_gradient;
    mote_softmax_row_fn *softmax_row;
    mote_softmax_row_gradient_fn *softmax_row_gradient;
    mote_logsumexp_row_fn *logsumexp_row;
    mote_cross_entropy_row_gradient_fn *cross_entropy_row_gradient;
    mote_update_adamw_fn *update_adamw;
    mote_update_sgd_fn *update_sgd;
    mote_update_average_fn *update_average;
    mote_sum_squares_fn *sum_squares;
    mote_update_lift_blocks_fn *update_lift_blocks;
    mote_attention_softmax_fn *attention_softmax;
    mote_attention_gradient_fn *attention_gradient;
    mote_attention_dot_fn *attention_dot;
    mote_attention_finish_fn *attention_finish;
    mote_transpose_fn *transpose;
    mote_sum_columns_fn *sum_columns;
    mote_attention_add_biases_fn *attention_add_biases;
    mote_attention_gather_bias_fn *attention_gather_bias;
    mote_attention_gate_fn *attention_gate;
    mote_attention_gate_gradient_fn *attention_gate_gradient;
} mote_kernels;

/* Fills the table with the best kernels of this level and below. */
void mote_kernels_select(mote_kernels *kernels, mote_cpu_level level);

#endif
