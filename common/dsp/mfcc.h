/*
 * Mel-frequency cepstral coefficients as this system uses them: frames of
 * 25 ms, Hamming, pre-emphasis 0.97, 40 mel filters from 20 to 7600 Hz,
 * coefficients 0 to 19, lifter 22. Use the engine of dsp/cepstrum.h on them.
 */
#ifndef VU_DSP_MFCC_H
#define VU_DSP_MFCC_H

#include "dsp/cepstrum.h"

#define VU_MFCC_FILTERS      40
#define VU_MFCC_COEFFICIENTS 20
#define VU_MFCC_LOW_HZ       20.0
#define VU_MFCC_HIGH_HZ      7600.0
#define VU_MFCC_LIFTER       22.0
#define VU_MFCC_PRE_EMPHASIS 0.97f

/* An engine for frames of VU_FRAME_SAMPLES, 20 coefficients each. */
vu_status vu_mfcc_create(vu_cepstrum **mfcc_out);

#endif
