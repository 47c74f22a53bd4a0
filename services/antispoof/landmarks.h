/*
 * Landmarks: what stays of an utterance when it is played back.
 *
 * Peaks of the short-time spectrum between 250 and 3600 Hz, paired with those
 * that follow within 0.6 s (A. Wang, "An industrial-strength audio search
 * algorithm", ISMIR 2003). A pair (frequency, frequency difference, time
 * difference) survives scaling, shifting, cutting and moderate noise; two live
 * utterances of one sentence share almost none at a common time offset.
 *
 * Steady tones (hum, fans) are removed by taking each frequency's mean away,
 * or every recording of one microphone would look alike.
 */
#ifndef VU_ANTISPOOF_LANDMARKS_H
#define VU_ANTISPOOF_LANDMARKS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_LANDMARK_HOP_SAMPLES 128 /* 8 ms at 16 kHz */
#define VU_LANDMARKS_MAX        4096
/* Fewer than so many say nothing about an utterance. */
#define VU_LANDMARKS_MIN 20

typedef struct vu_landmark {
	uint32_t pair;  /* 8 bits frequency, 8 bits difference, 6 bits time */
	uint32_t frame; /* of the first peak */
} vu_landmark;

typedef struct vu_landmarker vu_landmarker;

vu_status vu_landmarker_create(vu_landmarker **landmarker_out);
void vu_landmarker_destroy(vu_landmarker *landmarker);

/* Consumes samples as they arrive. RESOURCE_EXHAUSTED past 120 s or without memory. */
vu_status vu_landmarker_push(vu_landmarker *landmarker, const int16_t *samples, size_t count);

/* Writes at most VU_LANDMARKS_MAX landmarks in order of time and returns how many. */
size_t vu_landmarker_finish(vu_landmarker *landmarker, vu_landmark *out);

#endif
