/*
 * From samples to what the scorers need: the seam between features and
 * recognition. An implementation is replaceable; its name travels with every
 * vector and is stored in every template.
 *
 * Streaming: push does the work as audio arrives, finish takes under 2 ms.
 * No I/O; one extractor is used by one thread at a time. FFTW plans are shared
 * by all extractors of a process.
 */
#ifndef VU_DSP_EXTRACTOR_H
#define VU_DSP_EXTRACTOR_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_VECTOR_DIMENSIONS    100
#define VU_CROPS_MAX            32
#define VU_STATISTICS_BYTES_MAX (512 * 1024)

typedef struct vu_extractor vu_extractor;

typedef enum vu_quality_problem {
	VU_QUALITY_OK = 0, /* numbers as in the protocol's QualityProblem */
	VU_QUALITY_NO_SPEECH = 1,
	VU_QUALITY_TOO_SHORT = 2,
	VU_QUALITY_TOO_QUIET = 3,
	VU_QUALITY_CLIPPED = 4,
	VU_QUALITY_TOO_NOISY = 5,
} vu_quality_problem;

typedef struct vu_quality_limits {
	double min_speech_s; /* audio.min_duration_s */
	double min_snr_db;   /* audio.min_snr_db */
} vu_quality_limits;

typedef struct vu_quality {
	uint32_t speech_ms;
	uint32_t total_ms;
	float snr_db;
	float clipped_pct;
	float level_dbfs;
	vu_quality_problem problem;
	const char *advice; /* one sentence for the speaker; "" when fine; static */
} vu_quality;

typedef struct vu_vector {
	float values[VU_VECTOR_DIMENSIONS];
	uint32_t start_ms;
	uint32_t end_ms;
} vu_vector;

typedef struct vu_features {
	bool has_vector; /* false with less than 0.3 s of speech */
	vu_vector vector;
	vu_vector crops[VU_CROPS_MAX];
	size_t crop_count;
	uint8_t *statistics; /* opaque to all but the scorer; owned by the extractor until the next call */
	size_t statistics_bytes;
	vu_quality quality;
} vu_features;

typedef struct vu_extractor_config {
	bool crops; /* also describe overlapping crops of 1.5 to 3 s */
	vu_quality_limits limits;
} vu_extractor_config;

/* "mfcc-stats/1". Static. */
const char *vu_extractor_name(void);

vu_status vu_extractor_create(const vu_extractor_config *config, vu_extractor **extractor_out);
void vu_extractor_destroy(vu_extractor *extractor);

/* RESOURCE_EXHAUSTED past 120 s of audio or without memory. NaN and infinities count as 0. */
vu_status vu_extractor_push(vu_extractor *extractor, const float *samples, size_t count);

/* Fills `out`; afterwards the extractor accepts no more samples. */
vu_status vu_extractor_finish(vu_extractor *extractor, vu_features *out);

#endif
