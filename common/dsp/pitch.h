/*
 * Pitch of one frame by YIN (de Cheveigne and Kawahara, 2002): the cumulative
 * mean normalized difference function, its first dip below a threshold, and a
 * parabola through the dip. Computed at 8 kHz, where FFTs make it cheap and
 * the band of voiced speech is left.
 *
 * One analyser is used by one thread at a time and takes no memory after
 * creation.
 */
#ifndef VU_DSP_PITCH_H
#define VU_DSP_PITCH_H

#include "base/status.h"

#define VU_PITCH_FRAME_SAMPLES 640 /* 40 ms at 16 kHz: more than two periods of the lowest pitch */
#define VU_PITCH_MIN_HZ        60.0f
#define VU_PITCH_MAX_HZ        420.0f
/* Frames with at least this voicing are voiced. */
#define VU_PITCH_VOICED 0.7f

typedef struct vu_pitch vu_pitch;

typedef struct vu_pitch_estimate {
	float hz;      /* best candidate, 60 to 420; 0 for silence */
	float voicing; /* 1 - aperiodicity: 0 for noise and silence, 1 for a perfectly periodic frame */
} vu_pitch_estimate;

vu_status vu_pitch_create(vu_pitch **pitch_out);
void vu_pitch_destroy(vu_pitch *pitch);

/* `frame` has VU_PITCH_FRAME_SAMPLES finite samples of 16 kHz. */
vu_pitch_estimate vu_pitch_analyze(vu_pitch *pitch, const float *frame);

#endif
