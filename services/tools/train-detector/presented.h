/*
 * Speech as it comes to a microphone: spoken by a person in a room, or a
 * recording or a synthetic voice played there by a loudspeaker.
 *
 * Two sets of ranges are drawn from: that of training, and another to measure
 * with, which leaves out of the first the loudspeaker's edges and ripples, the
 * rooms, the distances and the noise (those of training lie to either side), so
 * that figures do not come from chains of the kind that was trained on.
 */
#ifndef VU_TRAIN_DETECTOR_PRESENTED_H
#define VU_TRAIN_DETECTOR_PRESENTED_H

#include "channel.h"

#include <stdbool.h>

typedef struct presented_how {
	bool by_loudspeaker;
	bool recorded; /* what the loudspeaker plays was recorded before, with a microphone in a room */
	bool measuring;
} presented_how;

/* Shortens to a random stretch and presents it; sets *count. RESOURCE_EXHAUSTED without memory. Any thread. */
vu_status presented_apply(const channels *c, const presented_how *how, uint64_t seed, float *samples, size_t *count);

#endif
