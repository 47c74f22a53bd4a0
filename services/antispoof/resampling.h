/*
 * Traces of interpolation between samples.
 *
 * Values that were interpolated by a simple rule (nearest, linear, cubic) are
 * smoother the nearer they lie to the middle between two of the old samples,
 * so how rough the waveform is goes up and down with the ratio of the rates
 * (A. Gallagher, "Detection of linear and cubic interpolation in JPEG
 * compressed images", CRV 2005): a line in the spectrum of the size of the
 * second difference, at a frequency that no voice holds. Good band-limited
 * resampling, as capture's own, leaves none.
 */
#ifndef VU_ANTISPOOF_RESAMPLING_H
#define VU_ANTISPOOF_RESAMPLING_H

#include "base/status.h"

#include <stdint.h>

typedef struct vu_resampling vu_resampling;

/* One utterance, one thread. */
vu_status vu_resampling_create(vu_resampling **resampling_out);
void vu_resampling_destroy(vu_resampling *resampling);
void vu_resampling_push(vu_resampling *resampling, int16_t sample);

/*
 * How much the clearest line stands out, in nats over what lies around it, on
 * the mean of the utterance; 0 for less than half a second of sound. *hz_out:
 * where.
 */
double vu_resampling_finish(const vu_resampling *resampling, double *hz_out);

#endif
