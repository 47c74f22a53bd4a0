/*
 * Frames for models of frames: from the blob that travels beside the vector
 * (dsp/statistics.h) to cepstra and their deltas, normalized over the
 * utterance so that channel and level cancel. Any thread.
 */
#ifndef VU_ML_FRAMES_H
#define VU_ML_FRAMES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* C1 to C19, then deltas of C0 to C19; or what stands for them, see below. */
#define VU_FRAMES_DIMENSIONS 39

/* What frames are made of. The number is part of background models. */
typedef enum vu_frames_kind {
	VU_FRAMES_CEPSTRA = 0,
	/*
	 * The smooth spectrum that the cepstra describe is cut into its lower and
	 * its upper half on the mel scale (to some 2 kHz and above) and each half has
	 * ten cepstra of its own: what is peculiar to a voice in one half, or noise
	 * there, no longer spreads over all dimensions. C0 of the lower half takes the
	 * place of C0.
	 */
	VU_FRAMES_BANDS = 1,
	/* The same with four quarters of the mel scale (to some 500 Hz, 1.2, 3 kHz and above), five cepstra each. */
	VU_FRAMES_QUARTERS = 2,
	VU_FRAMES_KINDS,
} vu_frames_kind;

/* Fewer frames than this say nothing about a voice. */
#define VU_FRAMES_MIN 20

/*
 * Frames of kind VU_FRAMES_CEPSTRA.
 * INVALID_ARGUMENT or UNIMPLEMENTED as vu_statistics_open, and INVALID_ARGUMENT
 * for fewer than VU_FRAMES_MIN frames. Every dimension has mean 0 (deltas are
 * not shifted) and variance 1 over the utterance. The caller frees *frames_out,
 * *count_out x VU_FRAMES_DIMENSIONS.
 */
vu_status vu_frames_make(const uint8_t *statistics, size_t bytes, float **frames_out, size_t *count_out,
                         vu_error *error);

/*
 * The same for frames of any kind, and into `spread` (VU_FRAMES_DIMENSIONS values) how much each
 * dimension varied before it was normalized: the natural logarithm of its
 * deviation, which normalization takes away and which belongs to the voice.
 */
vu_status vu_frames_describe(const uint8_t *statistics, size_t bytes, vu_frames_kind kind, float **frames_out,
                             size_t *count_out, float *spread, vu_error *error);

/*
 * The first `frames_max` frames of a blob as a blob of its own, at most
 * vu_statistics_bytes(frames_max) long, into `out`; *bytes_out is its length.
 */
vu_status vu_frames_shorten(const uint8_t *statistics, size_t bytes, size_t frames_max, uint8_t *out,
                            size_t *bytes_out, vu_error *error);

#endif
