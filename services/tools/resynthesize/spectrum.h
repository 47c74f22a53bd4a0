/*
 * Sound as overlapping spectra and back: frames of 512 samples every 128, Hann
 * windows on both ways, weighted overlap-add.
 */
#ifndef VU_RESYNTHESIZE_SPECTRUM_H
#define VU_RESYNTHESIZE_SPECTRUM_H

#include "base/status.h"
#include "dsp/fft.h"

#include <stddef.h>

#define SPECTRUM_FRAME 512
#define SPECTRUM_HOP   128
#define SPECTRUM_BINS  (SPECTRUM_FRAME / 2 + 1)

typedef struct spectrum {
	vu_fft_bin (*frames)[SPECTRUM_BINS];
	size_t count;
} spectrum;

/* The caller frees `out` with spectrum_free. RESOURCE_EXHAUSTED without memory. */
vu_status spectrum_of(const float *samples, size_t count, spectrum *out);
/* Fills samples[0, count). */
vu_status spectrum_to_sound(const spectrum *s, float *samples, size_t count);
void spectrum_free(spectrum *s);

#endif
