/*
 * The 100 numbers of "mfcc-stats/1", computed over a stretch of speech frames.
 *
 *   0-18   mean of C1 to C19                      (voice and channel)
 *   19-37  mean of C1 to C19 of the voiced frames (vowels only: less of what was said)
 *   38-56  mean of C1 to C19 of the quietest third by C0, less 0-18 (the channel cancels)
 *   57-64  standard deviation of the delta of C0 to C7 (manner of articulation; the channel cancels)
 *   65-69  median, mean, standard deviation, 10th and 90th percentile of ln(pitch in Hz), voiced frames
 *   70-71  share of voiced frames, mean voicing
 *   72-79  mean and standard deviation of spectral centroid, spread and roll-off (kHz) and of ln(flatness),
 *          of the pre-emphasized spectrum
 *   80-99  long-term average spectrum: mean log mel energy in 20 pairs of filters, less their mean
 *
 * No number depends on the gain. The background's scaler makes their units
 * comparable. Means carry the channel as well as the voice; a user's own
 * device is part of what a first extractor recognizes, and 38-71 hold without
 * it. The blocks were chosen by cosine after PCA 50, with background and
 * development people both in view: neither gives a held-out figure for them.
 */
#ifndef VU_DSP_VECTOR_H
#define VU_DSP_VECTOR_H

#include "dsp/extractor.h"
#include "dsp/mfcc.h"

#include <stddef.h>
#include <stdint.h>

#define VU_VECTOR_DELTAS 8
#define VU_VECTOR_BANDS  (VU_MFCC_FILTERS / 2)
#define VU_VECTOR_SHAPES 4

/* Frames with at least this voicing count as voiced here. */
#define VU_VECTOR_VOICED 0.75f
/* With fewer voiced frames the pitch is unknown: ln 148 Hz, spread 0. */
#define VU_VECTOR_VOICED_FRAMES_MIN 6
#define VU_VECTOR_PITCH_UNKNOWN     5.0f

/* What is kept of each hop of 10 ms. */
typedef struct vu_frame_record {
	float mfcc[VU_MFCC_COEFFICIENTS];
	float delta[VU_VECTOR_DELTAS];
	float band[VU_VECTOR_BANDS];
	float shape[VU_VECTOR_SHAPES]; /* centroid, spread, roll-off (kHz), ln(flatness) */
	float pitch_hz;
	float voicing;
} vu_frame_record;

/*
 * Describes frames[chosen[0]] to frames[chosen[count - 1]], count >= 1.
 * `scratch` has room for `count` floats. All results are finite.
 */
void vu_vector_describe(const vu_frame_record *frames, const uint32_t *chosen, size_t count, float *scratch,
                        float values[VU_VECTOR_DIMENSIONS]);

#endif
