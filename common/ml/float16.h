/*
 * IEEE 754 half precision as storage: models are written in it and computed
 * with in float32. Conversion uses F16C on x86 and the native instructions of
 * aarch64 where the processor has them, plain C elsewhere; all give the same
 * bits (round to nearest even, subnormals kept, overflow to infinity, NaN
 * stays NaN). No state, any thread.
 */
#ifndef VU_ML_FLOAT16_H
#define VU_ML_FLOAT16_H

#include <stddef.h>
#include <stdint.h>

/* The largest finite value; what is larger in magnitude becomes infinity. */
#define VU_FLOAT16_MAX 65504.0f

typedef uint16_t vu_float16;

vu_float16 vu_float16_from_float(float value);
float vu_float16_to_float(vu_float16 value);

/* `count` values each; the arrays must not overlap. Dispatched by processor. */
void vu_float16_pack(const float *from, vu_float16 *to, size_t count);
void vu_float16_unpack(const vu_float16 *from, float *to, size_t count);

/* What the array functions use here: "f16c", "neon" or "scalar". Static. */
const char *vu_float16_kernel(void);

#endif
