/*
 * What may lie between a voice, or a vocoder, and the file: rooms, noise,
 * microphones, narrow bands, codecs, levels, digital silence. Drawn the same
 * way for genuine speech and for attacks, so that a detector learns the
 * vocoder and not the channel.
 */
#ifndef VU_TRAIN_DETECTOR_CHANNEL_H
#define VU_TRAIN_DETECTOR_CHANNEL_H

#include "filter.h"

#include <stdint.h>

#define SOUNDS_MAX 500

typedef struct sounds {
	sound all[SOUNDS_MAX];
	size_t count;
} sounds;

typedef struct channels {
	sounds noises;
	sounds rooms;
} channels;

/* Loads noises and rooms; either folder may be NULL. */
vu_status channels_create(const char *noise_folder, const char *room_folder, channels **out, vu_error *error);
void channels_destroy(channels *c);

/* Shortens to a random stretch of 1.5 to 6 s. */
void channels_cut(uint64_t *state, float *samples, size_t *count);

/* Cuts and passes it through channels drawn from `seed`; sets *count. */
vu_status channels_apply(const channels *c, uint64_t seed, float *samples, size_t *count);

/* Only noise, at this ratio over the mean power, for measuring. */
vu_status channels_add_noise(const channels *c, uint64_t seed, double snr_db, float *samples, size_t count);

/* Only the telephone's band, 300 to 3400 Hz, for measuring. */
vu_status channels_telephone(float *samples, size_t count);

#endif
