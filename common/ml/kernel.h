/*
 * The loops that scoring spends its time in. Compiled twice where that pays
 * (x86-64: with AVX2, FMA and F16C) and chosen by processor at first use; the
 * results differ in the last bits only. No state to speak of, any thread.
 */
#ifndef VU_ML_KERNEL_H
#define VU_ML_KERNEL_H

#include "ml/float16.h"

#include <stddef.h>
#include <stdint.h>

/* Dot product. */
float vu_kernel_dot(const float *a, const float *b, size_t count);

/* Dot product of a row stored in half precision. */
float vu_kernel_dot_half(const vu_float16 *a, const float *b, size_t count);

/* Dot product of a row of bytes. */
float vu_kernel_dot_i8(const int8_t *a, const float *b, size_t count);

/* out[i] += a[i] x + b[i] y */
void vu_kernel_add_two(float *out, const float *a, float x, const float *b, float y, size_t count);

/* "avx2" or "plain". Static. */
const char *vu_kernel_name(void);

#endif
