/* The sounds to choose from: one file, or all in a folder and below, in the order of their paths; read when needed.
 */
#ifndef VU_CORRUPT_SOUNDS_H
#define VU_CORRUPT_SOUNDS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define SOUNDS_MAX        10000
#define SOUND_SECONDS_MAX 120.0

typedef struct sound {
	char *path;
	float *samples; /* NULL until it was read */
	size_t count;
} sound;

typedef struct sounds {
	sound *all;
	size_t count;
} sounds;

/*
 * Files whose names begin with a dot are passed over, as are all that are no
 * .wav .flac .ogg .aiff of a folder. INVALID_ARGUMENT when there is none.
 */
vu_status sounds_open(const char *path, sounds *out, vu_error *error);
void sounds_close(sounds *from);

/* Sound number `choice` modulo their count, which stays the collection's. One thread. */
vu_status sounds_choose(sounds *from, uint64_t choice, const sound **sound_out, vu_error *error);

#endif
