/*
 * A way to describe an utterance as one vector of a fixed size, so that a
 * detector and its trainer work with any of them. One object is used by one
 * thread. The vector does not depend on how the samples were cut into pushes.
 */
#ifndef VU_DSP_TRACES_H
#define VU_DSP_TRACES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest vector of any kind, and the longest audio. */
#define VU_TRACES_MAX         1024
#define VU_TRACES_SECONDS_MAX 120

typedef struct vu_traces vu_traces;

typedef struct vu_traces_kind {
	const char *name;
	const char *version; /* names the definition: a model made for another one does not fit */
	size_t size;
	/* RESOURCE_EXHAUSTED without memory. */
	vu_status (*create)(vu_traces **traces_out);
	/* Samples of 16 kHz. OUT_OF_RANGE past VU_TRACES_SECONDS_MAX, RESOURCE_EXHAUSTED without memory. */
	vu_status (*push)(vu_traces *traces, const float *samples, size_t count);
	/*
	 * Writes `size` finite values, and whether the sound has a telephone's
	 * band: next to nothing above 5 kHz. FAILED_PRECONDITION with too little
	 * speech: nothing is written.
	 */
	vu_status (*finish)(vu_traces *traces, float *vector, bool *narrow_out);
	void (*destroy)(vu_traces *traces);
} vu_traces_kind;

extern const vu_traces_kind vu_vocoder_traces_kind;
extern const vu_traces_kind vu_synthetic_traces_kind;
extern const vu_traces_kind vu_loudspeaker_traces_kind;

#endif
