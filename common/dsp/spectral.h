/*
 * The shape of one power spectrum in a few numbers, over the bins from 1 (the
 * mean is left out) to the last.
 */
#ifndef VU_DSP_SPECTRAL_H
#define VU_DSP_SPECTRAL_H

#include <stddef.h>

/* Bands of equal width in hertz between 0 and half the sample rate. */
#define VU_SPECTRAL_BANDS   8
#define VU_SPECTRAL_ROLLOFF 0.85f

typedef struct vu_spectral {
	float centroid_hz; /* mean frequency, weighted by power */
	float spread_hz;   /* standard deviation around it */
	float flatness;    /* geometric over arithmetic mean of power: 1 noise, 0 tone */
	float rolloff_hz;  /* 85 % of the power lies below */
	float flux; /* sum of squared differences of the two spectra, each scaled to sum 1; 0 without `previous` */
	float band_share[VU_SPECTRAL_BANDS]; /* of the power, sum 1 */
} vu_spectral;

/*
 * `power` and `previous` (or NULL) have `bins` = fft_size / 2 + 1 values. A
 * spectrum without power gives zeros, and `flux` 0 when either has none.
 */
void vu_spectral_analyze(const float *power, const float *previous, size_t bins, vu_spectral *out);

#endif
