/*
 * Whether an utterance is good enough to judge, and one sentence for the
 * speaker when it is not. Problems in order of precedence: no speech, too
 * short, too quiet, clipped, too noisy.
 */
#ifndef VU_DSP_QUALITY_H
#define VU_DSP_QUALITY_H

#include "dsp/extractor.h"

#include <stddef.h>
#include <stdint.h>

/* Less than this is a noise, not a word: NO_SPEECH. */
#define VU_QUALITY_SPEECH_LEAST_MS 100
/* Below this there is no vector, and the problem is TOO_SHORT whatever the limits. */
#define VU_QUALITY_VECTOR_LEAST_MS 300
/* RMS of speech below this is too quiet: some 20 dB under a normal voice at an arm's length. */
#define VU_QUALITY_LEVEL_LEAST_DBFS (-50.0f)
/* Share of speech samples at full scale above which it is clipped. */
#define VU_QUALITY_CLIPPED_MOST_PCT 1.0f
/* Magnitude that counts as full scale: 16 bits less 16 steps. */
#define VU_QUALITY_FULL_SCALE  0.9995f
#define VU_QUALITY_SNR_MOST_DB 60.0f

/*
 * Signal-to-noise ratio from levels per hop (dBFS): the mean power of the
 * speech hops less that of the noise, over the noise, which is the median
 * level of the others; `tracked_noise_dbfs` stands in when fewer than 10 hops
 * (100 ms) are free of speech. Between 0 and 60 dB; 0 without speech.
 */
float vu_quality_snr_db(const float *level_dbfs, const uint8_t *speech, size_t hops, float tracked_noise_dbfs);

/* Fills problem and advice from the figures and the limits. */
void vu_quality_judge(const vu_quality_limits *limits, vu_quality *quality);

#endif
