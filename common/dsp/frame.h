/*
 * Cuts a stream of samples into overlapping frames, however the samples are
 * cut into pushes. Frame k holds samples [k * hop - lead, k * hop - lead + frame):
 * with lead 0 the first frame is complete after `frame` samples; with a lead
 * of frame - hop (zeros before the first sample) every hop ends one frame.
 *
 * No memory is taken after creation. One framer is used by one thread.
 */
#ifndef VU_DSP_FRAME_H
#define VU_DSP_FRAME_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Longest frame. */
#define VU_FRAMER_SAMPLES_MAX 8192
/* Samples beyond this magnitude are cut to it: sixteen times full scale, so that powers stay finite. */
#define VU_SAMPLE_MAGNITUDE_MAX 16.0f

typedef struct vu_framer vu_framer;

/* `frame` has the framer's frame length and is valid during the call only. */
typedef void (*vu_frame_sink)(void *context, const float *frame, uint64_t index);

/* INVALID_ARGUMENT unless 1 <= hop <= frame <= 8192 and lead < frame; RESOURCE_EXHAUSTED without memory. */
vu_status vu_framer_create(size_t frame_samples, size_t hop_samples, size_t lead_samples, vu_framer **framer_out);
void vu_framer_destroy(vu_framer *framer);

/* Calls `sink` for every frame that these samples complete. NaN and infinities count as 0. */
void vu_framer_push(vu_framer *framer, const float *samples, size_t count, vu_frame_sink sink, void *context);

/* The value of a sample as all of common/dsp sees it: finite and bounded. */
float vu_sample_sanitize(float sample);

#endif
