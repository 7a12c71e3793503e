/* The definition: conversion to the block formats, slow and plain, written from the specifications alone.
 *
 * Sources: OCP Microscaling Formats (MX) Specification v1.0, sections 5.1 to 5.3 (formats), 6.3
 * (conversion); scale rule ceil: arXiv 2506.08027; NVFP4: arXiv 2509.25149, appendix B.
 * Only tests link this. It shares no code with src/: element values come from a table that is filled by
 * decoding every code, and rounding compares exact doubles with exact midpoints. */
#ifndef REF_MX_H
#define REF_MX_H

#include <stdint.h>

#include "mote/format.h"
#include "mote/quantize.h"

/* Exact value of an element code of a block format or its plain twin; NaN and infinity as such. */
double ref_element_value(mote_format format, unsigned code);

/* Nearest element code (with sign) of the exact value y under a rounding; saturates. random: one 32-bit
 * word; stochastic rounding goes up if random < floor(discarded fraction * 2^32). */
unsigned ref_encode(mote_format format, double y, mote_rounding rounding, uint32_t random);

/* floor(discarded fraction * 2^32) of y: the number that stochastic rounding compares the random word with. */
uint32_t ref_fraction(mote_format format, double y);

/* Block scale (E8M0 byte) of n values; 255 if one is not finite. */
unsigned ref_block_scale(mote_format format, mote_scale_rule rule, int n, const float *x);

/* One MX block of n <= 32 values: scale and n codes. random: n words or NULL. */
void ref_quantize_mx(mote_format format, const mote_quantize_options *options, int n, const float *x,
                     const uint32_t *random, uint8_t *codes, uint8_t *scale);

/* NVFP4: tensor scales from the largest finite magnitude, then one block of n <= 16 values. */
void ref_nvfp4_scales(float largest, float *encode, float *decode);
void ref_quantize_nvfp4(mote_rounding rounding, float encode, float decode, int n, const float *x,
                        const uint32_t *random, uint8_t *codes, uint8_t *scale);

/* Value of an element with its scales, rounded once to FP32. */
float ref_dequantize(mote_format format, unsigned code, unsigned scale, float tensor_scale);

/* FP32 to bf16 or fp16, and back. */
unsigned ref_narrow(mote_format format, float x, mote_rounding rounding, uint32_t random);
float ref_widen(mote_format format, unsigned code);

/* Words of Philox4x32-10, written from the paper with 64-bit products. */
uint32_t ref_philox(uint64_t seed, uint64_t index);

#endif
