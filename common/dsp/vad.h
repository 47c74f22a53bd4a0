/*
 * Streaming voice activity detection and end of speech.
 *
 * Deterministic: the same samples give the same marks however they are cut
 * into pushes, so a reader that starts again reaches the same result. Marks
 * are sample offsets from the first sample pushed. No I/O, no threads: one
 * detector is used by one thread at a time.
 */
#ifndef VU_DSP_VAD_H
#define VU_DSP_VAD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vu_vad vu_vad;

typedef struct vu_vad_config {
	double silence_s;     /* silence after speech that ends the utterance; 0 = never */
	double min_speech_s;  /* speech before an end is declared; 0 = 0.3 */
} vu_vad_config;

typedef struct vu_vad_state {
	bool speech_started;
	bool speech_ended;        /* silence_s of silence after speech */
	bool in_speech;           /* now, hangover included */
	uint64_t speech_start;    /* sample where the first speech began */
	uint64_t speech_end;      /* one past the last sample of speech known so far */
	uint64_t speech_samples;  /* total judged to be speech */
	uint64_t position;        /* samples pushed */
	float noise_dbfs;         /* tracked noise floor */
	float level_dbfs;         /* RMS of the last 50 ms */
} vu_vad_state;

vu_status vu_vad_create(const vu_vad_config *config, vu_vad **vad_out);
void vu_vad_destroy(vu_vad *vad);

/* Consumes `count` samples. The state is that after the last whole 10 ms hop. */
void vu_vad_push(vu_vad *vad, const float *samples, size_t count);
void vu_vad_get_state(const vu_vad *vad, vu_vad_state *out);

/*
 * Speech decisions per 10 ms hop, 1 = speech, for hops [first, first+count);
 * returns how many were written (fewer when not known yet).
 */
size_t vu_vad_decisions(const vu_vad *vad, size_t first, size_t count, uint8_t *out);

#endif
