/*
 * Traces of audio that no microphone delivered, or not in one piece: exact
 * digital silence, blocks that repeat to the sample, a band limit that the
 * source's rate does not explain or that this device has not had before, jumps
 * of the waveform, steps of the noise in pauses and breaks of the mains' hum
 * (splice.h), interpolation between samples (resampling.h).
 *
 * Each trace is evidence only: real recordings show each of them now and then
 * (13 % of genuine development clips hold 20 ms of exact zeros), so none alone
 * refuses.
 */
#ifndef VU_ANTISPOOF_INJECTION_H
#define VU_ANTISPOOF_INJECTION_H

#include "splice.h"

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
	vu_splice_traces splice;
	double resampled; /* nats, see resampling.h */
	double resampled_hz;
	double device_hz; /* the band that this device's attempts had so far; 0 = not known, or no less narrow (set by
	                     the caller) */
} vu_injection_traces;

vu_status vu_injection_create(vu_injection **injection_out);
void vu_injection_destroy(vu_injection *injection);
vu_status vu_injection_push(vu_injection *injection, const int16_t *samples, size_t count);
void vu_injection_finish(vu_injection *injection, vu_injection_traces *out);

/* How far up the sound goes, where that ends in a cliff for sure; else 8000. */
double vu_injection_band_hz(const vu_injection_traces *traces);

/*
 * The traces as a log-likelihood ratio, higher = more like a microphone, and
 * in words (`reason`, "" when there is nothing to say). `source_rate_hz`
 * explains band limits up to half of it; 0 = not known.
 */
float vu_injection_score(const vu_injection_traces *traces, uint32_t source_rate_hz, char *reason,
                         size_t reason_size);

#endif
