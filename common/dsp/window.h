/*
 * Analysis windows, symmetric (the last sample mirrors the first), as HTK and
 * Kaldi use them:
 *   Hann     0.5  - 0.5  cos(2 pi n / (N - 1))
 *   Hamming  0.54 - 0.46 cos(2 pi n / (N - 1))
 */
#ifndef VU_DSP_WINDOW_H
#define VU_DSP_WINDOW_H

#include <stddef.h>

typedef enum vu_window_kind { VU_WINDOW_HANN, VU_WINDOW_HAMMING } vu_window_kind;

/* Fills window[0, count). A window of one sample is 1. */
void vu_window_fill(vu_window_kind kind, float *window, size_t count);

#endif
