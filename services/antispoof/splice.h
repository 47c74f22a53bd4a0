/*
 * Traces of a cut: places where what goes on behind the voice does not go on.
 *
 * The floor: within one pause a room's noise is steady; where pieces of two
 * recordings meet it steps from one level to another and stays there. The hum
 * of the mains, where a recording has any, runs on through pauses and words
 * with one phase; a cut breaks it (C. Grigoras, "Applications of ENF analysis",
 * 2005). Both are evidence only: doors, fans and gain controls step as well.
 */
#ifndef VU_ANTISPOOF_SPLICE_H
#define VU_ANTISPOOF_SPLICE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vu_splice vu_splice;

typedef struct vu_splice_traces {
	unsigned floor_steps; /* of 5 dB or more within a pause, from one 10 ms to the next */
	double floor_step_db; /* the highest of them */
	double hum_hz;        /* 50 or 60; 0: no hum */
	unsigned hum_breaks;
} vu_splice_traces;

/* One utterance, one thread; looks at its first 32 s. NULL without memory. */
vu_splice *vu_splice_create(void);
void vu_splice_destroy(vu_splice *splice);
void vu_splice_push(vu_splice *splice, int16_t sample);
void vu_splice_finish(const vu_splice *splice, vu_splice_traces *out);

#endif
