/* Files as vectors: each once as it is, and some times through channels. */
#ifndef VU_TRAIN_DETECTOR_EXAMPLES_H
#define VU_TRAIN_DETECTOR_EXAMPLES_H

#include "channel.h"
#include "dsp/traces.h"
#include "list.h"

#include <stdint.h>

/* Longest stretch of a file that is used. */
#define EXAMPLE_SECONDS_MAX 8.0

/* What became of the file. */
typedef enum example_role {
	ROLE_AS_IS,
	ROLE_ALTERED,   /* through channels, or presented to a microphone */
	ROLE_MEASURING, /* presented through chains of ranges that are only measured with */
} example_role;

typedef struct example {
	uint32_t file; /* in the list */
	example_role role;
	bool spoof; /* an attacking file, or played by a loudspeaker */
	bool narrow;
	float vector[VU_TRACES_MAX];
} example;

typedef struct examples {
	example *all; /* by file */
	size_t count;
	size_t skipped; /* files that could not be read or hold too little speech */
	const vu_traces_kind *traces;
} examples;

typedef enum presentation {
	PRESENT_AS_IS,
	PRESENT_NOISY,     /* 10 dB */
	PRESENT_TELEPHONE, /* 300 to 3400 Hz */
} presentation;

typedef struct examples_how {
	const vu_traces_kind *traces;
	/*
	 * Loudspeakers are what is looked for: genuine files are also spoken in
	 * rooms, and all files are played by loudspeakers there. Otherwise all go
	 * through the same channels.
	 */
	bool loudspeakers;
	presentation how; /* without copies */
	unsigned copies;  /* 0: each file once, in presentation `how` */
	uint64_t seed;
	unsigned threads;
} examples_how;

/* The result does not depend on the number of threads. */
vu_status examples_make(const file_list *list, const channels *c, const examples_how *how, examples *out,
                        vu_error *error);
void examples_free(examples *e);

#endif
