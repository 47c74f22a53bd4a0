/*
 * Streaming voice activity detection and end of speech.
 *
 * Deterministic: the same samples give the same marks however they are cut
 * into pushes, so a reader that starts again reaches the same result. Marks
 * are sample offsets from the first sample pushed. No I/O, no threads: one
 * detector is used by one thread at a time.
 *
 * How it decides. Every 10 ms the spectrum of the last 25 ms is summed into 18
 * bands, and each band is held against its own noise floor: the minimum over
 * the last 2.5 s (minimum statistics, Martin 2001), so that stationary noise
 * and hum of any colour drop out. Sound without a pitch must besides rise
 * above the minimum of the last 0.3 s, so that a fan that starts is forgotten
 * soon, and must not lie far under the voice heard so far, which drops breath.
 * Onset needs 60 ms of activity within 120 ms, some of it with a pitch, or 180 ms
 * within 300 without (a whisper), which drops clicks and ticks; a hangover of
 * 60 ms bridges the closures of stops. Digital zeros teach the floor
 * nothing. A second decision is made 200 ms late with the floor that came
 * after: speech that begins with the first sample is found by it, and only it
 * knows a whisper from a fan that starts.
 */
#ifndef VU_DSP_VAD_H
#define VU_DSP_VAD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vu_vad vu_vad;

typedef struct vu_vad_config {
	double silence_s;    /* silence after speech that ends the utterance; 0 = never */
	double min_speech_s; /* speech before an end is declared; 0 = 0.3 */
} vu_vad_config;

typedef struct vu_vad_state {
	bool speech_started;
	bool speech_ended;       /* silence_s of silence after speech */
	bool in_speech;          /* now, hangover included */
	uint64_t speech_start;   /* sample where the first speech began */
	uint64_t speech_end;     /* one past the last sample of speech known so far */
	uint64_t speech_samples; /* total judged to be speech */
	uint64_t position;       /* samples pushed */
	float noise_dbfs;        /* tracked noise floor */
	float level_dbfs;        /* RMS of the last 50 ms */
	float pitch_hz;          /* of the last 40 ms, see dsp/pitch.h */
	float voicing;
} vu_vad_state;

/* Decisions are kept for the first ten minutes; later ones are not remembered. */
#define VU_VAD_DECISIONS_MAX 60000

vu_status vu_vad_create(const vu_vad_config *config, vu_vad **vad_out);
void vu_vad_destroy(vu_vad *vad);

/* Consumes `count` samples. The state is that after the last whole 10 ms hop. */
void vu_vad_push(vu_vad *vad, const float *samples, size_t count);
/*
 * Nothing more will come: decides what is still open, so that every whole hop
 * has its decision. Samples pushed afterwards are ignored.
 */
void vu_vad_flush(vu_vad *vad);
void vu_vad_get_state(const vu_vad *vad, vu_vad_state *out);

/*
 * Speech decisions per 10 ms hop, 1 = speech, for hops [first, first+count);
 * returns how many were written (fewer when not known yet: decisions are final
 * about 520 ms after the hop, or after a flush).
 */
size_t vu_vad_decisions(const vu_vad *vad, size_t first, size_t count, uint8_t *out);

#endif
