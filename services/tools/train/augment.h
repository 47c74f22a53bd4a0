/*
 * Corrupting speech as rooms and microphones do: noise, reverberation, gain.
 * Random, but by a seed of the caller's, so that training can be repeated.
 */
#ifndef VU_TRAIN_AUGMENT_H
#define VU_TRAIN_AUGMENT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct augmenter augmenter;

/* Loads noises and room responses; either folder may be NULL. Files that cannot be read are reported and left out. */
vu_status augmenter_create(const char *noise_folder, const char *room_folder, augmenter **out, vu_error *error);
void augmenter_destroy(augmenter *a);

/*
 * Changes `samples` in place: half of the time a room, half of the time the
 * colour of another microphone, most of the time noise at 3 to 20 dB under the
 * speech, always a gain of -10 to 3 dB, limited to full scale. RESOURCE_EXHAUSTED without memory.
 */
vu_status augmenter_apply(const augmenter *a, uint64_t seed, float *samples, size_t count);

#endif
