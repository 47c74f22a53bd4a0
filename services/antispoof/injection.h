/*
 * Traces of audio that no microphone delivered: exact digital silence, blocks
 * that repeat to the sample, a band limit that the source's rate does not
 * explain, and jumps of the waveform.
 *
 * Each trace is evidence only: real recordings show each of them now and then
 * (13 % of genuine development clips hold 20 ms of exact zeros), so none alone
 * refuses.
 */
#ifndef VU_ANTISPOOF_INJECTION_H
#define VU_ANTISPOOF_INJECTION_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vu_injection vu_injection;

typedef struct vu_injection_traces {
	double seconds;
	double zero_share;    /* of the samples: in runs of exact zeros of 20 ms or more */
	unsigned repeated_ms; /* audio, not silence, that repeats an earlier stretch to the sample */
	double band_limit_hz; /* where the spectrum falls off a cliff; 8000 when it does not */
	double band_drop_db;  /* how deep */
	unsigned jumps;       /* steps of the waveform that its neighbourhood does not explain */
} vu_injection_traces;

vu_status vu_injection_create(vu_injection **injection_out);
void vu_injection_destroy(vu_injection *injection);
vu_status vu_injection_push(vu_injection *injection, const int16_t *samples, size_t count);
void vu_injection_finish(vu_injection *injection, vu_injection_traces *out);

/*
 * The traces as a log-likelihood ratio, higher = more like a microphone, and
 * in words (`reason`, "" when there is nothing to say). `source_rate_hz`
 * explains band limits up to half of it; 0 = not known.
 */
float vu_injection_score(const vu_injection_traces *traces, uint32_t source_rate_hz, char *reason,
                         size_t reason_size);

#endif
