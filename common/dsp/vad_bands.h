/* The detector's ear: levels of 18 bands, and the noise floor under each. Private to vad.c. */
#ifndef VU_DSP_VAD_BANDS_H
#define VU_DSP_VAD_BANDS_H

#include "base/status.h"

#include <stdbool.h>

#define VU_VAD_BANDS 18

typedef struct vu_vad_bands vu_vad_bands;

typedef struct vu_vad_levels {
	bool silent;                   /* digital silence, or as good as */
	float total_dbfs;              /* 100 to 7000 Hz, mean square */
	float band_dbfs[VU_VAD_BANDS]; /* smoothed over about 20 ms */
} vu_vad_levels;

vu_status vu_vad_bands_create(vu_vad_bands **bands_out);
void vu_vad_bands_destroy(vu_vad_bands *bands);

/* Measures one frame of VU_FRAME_SAMPLES and lets the floors learn from it. */
void vu_vad_bands_analyze(vu_vad_bands *bands, const float *frame, vu_vad_levels *out);

/*
 * How far `levels` stand above the floors as they are now: the mean over the
 * bands of the decibels above floor and margin (each band counts at most
 * 12 dB), against the floor of the last 2.5 s and of the last 0.3 s.
 */
typedef struct vu_vad_excess {
	float slow_db;
	float fast_db;
	int bands_above; /* bands that stand out from the slow floor */
} vu_vad_excess;

vu_vad_excess vu_vad_bands_excess(const vu_vad_bands *bands, const vu_vad_levels *levels);

/* Sum of the slow floors. */
float vu_vad_bands_noise_dbfs(const vu_vad_bands *bands);

#endif
