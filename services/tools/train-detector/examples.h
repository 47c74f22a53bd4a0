/* Files as vectors: each once as it is, and some times through channels. */
#ifndef VU_TRAIN_DETECTOR_EXAMPLES_H
#define VU_TRAIN_DETECTOR_EXAMPLES_H

#include "channel.h"
#include "dsp/vocoder_traces.h"
#include "list.h"

#include <stdint.h>

/* Longest stretch of a file that is used. */
#define EXAMPLE_SECONDS_MAX 8.0

typedef struct example {
	uint32_t file; /* in the list */
	uint32_t copy; /* 0: as it is */
	float vector[VU_VOCODER_TRACES];
} example;

typedef struct examples {
	example *all; /* by file, then by copy */
	size_t count;
	size_t skipped; /* files that could not be read or hold too little speech */
} examples;

typedef enum presentation {
	PRESENT_AS_IS,
	PRESENT_NOISY,     /* 10 dB */
	PRESENT_TELEPHONE, /* 300 to 3400 Hz */
} presentation;

/* With `threads` threads; the result does not depend on their number. */
vu_status examples_make(const file_list *list, const channels *c, presentation how, unsigned copies, uint64_t seed,
                        unsigned threads, examples *out, vu_error *error);
void examples_free(examples *e);

#endif
