/*
 * Spectrum and pitch of frames of 40 ms, for traces that look at harmonics:
 * pitch from 48 to 400 Hz by the autocorrelation less that of the window
 * (Boersma, 1993), taken from the same spectrum; of a very steady voice
 * it may be a half or a third, whose harmonics hold those of the voice. One object is used by one
 * thread; nothing is allocated after creation.
 */
#ifndef VU_DSP_TRACE_PITCH_H
#define VU_DSP_TRACE_PITCH_H

#include "base/status.h"
#include "dsp/dsp.h"

#include <stddef.h>

#define VU_TRACE_PITCH_FRAME 640
#define VU_TRACE_PITCH_HOP   320
#define VU_TRACE_PITCH_FFT   2048
#define VU_TRACE_PITCH_BINS  (VU_TRACE_PITCH_FFT / 2 + 1)
/* A frame more periodic than this has a voice. */
#define VU_TRACE_PITCH_VOICED 0.6f

typedef struct vu_trace_pitch vu_trace_pitch;

typedef struct vu_trace_pitch_frame {
	const float *power; /* VU_TRACE_PITCH_BINS, valid until the next frame */
	float energy;       /* without what lies below 40 Hz */
	float periodic;     /* height of the autocorrelation, 1 at most or little above */
	float hertz;
} vu_trace_pitch_frame;

/* RESOURCE_EXHAUSTED without memory. */
vu_status vu_trace_pitch_create(vu_trace_pitch **pitch_out);
void vu_trace_pitch_destroy(vu_trace_pitch *pitch);
/* `samples` has VU_TRACE_PITCH_FRAME finite samples. */
void vu_trace_pitch_measure(vu_trace_pitch *pitch, const float *samples, vu_trace_pitch_frame *out);

/* The bin nearest to a frequency; those at the upper end are all the last but one. */
size_t vu_trace_pitch_bin(float hertz);

#endif
