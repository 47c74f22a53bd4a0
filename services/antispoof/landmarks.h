/*
 * Landmarks: pairs of an imprint's peaks, by which a past attempt is found
 * among many.
 *
 * Each peak is paired with those that follow within 0.6 s (A. Wang, "An
 * industrial-strength audio search algorithm", ISMIR 2003). What names a pair
 * is band, difference of bands and difference of time; copies of an utterance
 * share many pairs at one common time offset, others a handful by chance.
 * Pure functions.
 */
#ifndef VU_ANTISPOOF_LANDMARKS_H
#define VU_ANTISPOOF_LANDMARKS_H

#include "imprint.h"

#include <stddef.h>
#include <stdint.h>

#define VU_LANDMARK_FAN_OUT  6
#define VU_LANDMARKS_MAX     (VU_IMPRINT_PEAKS_MAX * VU_LANDMARK_FAN_OUT)
#define VU_LANDMARK_ROWS_MAX 40
#define VU_LANDMARK_BANDS    14 /* the furthest difference, up or down */
/* Names are below this. */
#define VU_LANDMARK_NAMES (VU_IMPRINT_BANDS * (2 * VU_LANDMARK_BANDS + 1) * (VU_LANDMARK_ROWS_MAX / 2 + 2))

typedef struct vu_landmark {
	uint16_t name;
	uint16_t time; /* of the first peak, in pairs of rows */
} vu_landmark;

/*
 * Writes at most VU_LANDMARKS_MAX landmarks, in order of time, and returns how
 * many. Times are multiplied by `tempo` first (1 as it is; 0.9 to 1.1).
 */
size_t vu_landmarks_make(const vu_imprint_peak *peaks, size_t peak_count, double tempo, vu_landmark *out);

#endif
