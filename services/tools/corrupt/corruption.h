/* One file made from another. */
#ifndef VU_CORRUPT_CORRUPTION_H
#define VU_CORRUPT_CORRUPTION_H

#include "base/status.h"
#include "sounds.h"

#include <stddef.h>
#include <stdint.h>

typedef struct corruption {
	sounds *rooms;  /* NULL: none */
	double seconds; /* 0: all of it */
	sounds *noises; /* NULL: none */
	double snr_db;
	uint64_t seed;
} corruption;

/*
 * In this order: the room, the first `seconds` of that, the noise over that,
 * and a lower level where it would clip. Which room, which noise and where it
 * begins depend on the seed and `name` alone. OUT_OF_RANGE: shorter than
 * `seconds`. The caller frees *samples_out.
 */
vu_status corruption_apply(const corruption *how, const char *name, const char *in_path, float **samples_out,
                           size_t *count_out, vu_error *error);

/* The same into a WAV file of 16 kHz and 16 bits, whole or not at all. `name` is that of in_path without folders. */
vu_status corruption_make(const corruption *how, const char *in_path, const char *out_path, vu_error *error);

#endif
