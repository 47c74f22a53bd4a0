/*
 * Linear-frequency cepstral coefficients: the same path with filters evenly
 * spaced from 0 to 8000 Hz, so that high frequencies, where vocoders and
 * loudspeakers show, weigh as much as low ones. Frames of 20 ms, Hamming,
 * pre-emphasis 0.97, 512 points, 20 filters, coefficients 0 to 19, no lifter,
 * as in the baselines of ASVspoof.
 */
#ifndef VU_DSP_LFCC_H
#define VU_DSP_LFCC_H

#include "dsp/cepstrum.h"

#define VU_LFCC_FRAME_SAMPLES 320
#define VU_LFCC_FILTERS       20
#define VU_LFCC_COEFFICIENTS  20

/* An engine for frames of VU_LFCC_FRAME_SAMPLES, 20 coefficients each. */
vu_status vu_lfcc_create(vu_cepstrum **lfcc_out);

#endif
