/* Cepstral mean and variance normalization over an utterance. */
#ifndef VU_DSP_CMVN_H
#define VU_DSP_CMVN_H

#include <stdbool.h>
#include <stddef.h>

/* Deviations below this are not scaled up. */
#define VU_CMVN_DEVIATION_MIN 1e-5f

/*
 * Subtracts the mean of every dimension of `frames` x `dimensions` values, in
 * place, and with `variance` divides by the population standard deviation.
 */
void vu_cmvn_apply(float *values, size_t frames, size_t dimensions, bool variance);

#endif
