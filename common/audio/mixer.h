/*
 * From several channels to one.
 *
 * Channels are averaged, but only those that carry something: a stereo file
 * with one dead channel is not halved, and two channels wired in opposite
 * phase do not cancel (the louder one is then taken alone). A channel counts
 * as dead while its energy since the start is 40 dB below the loudest
 * channel's. Weights change by a ramp over 10 ms, so a change is no click.
 *
 * Deterministic: the output does not depend on how the input was cut into
 * pushes. For that the mixer works on whole blocks of 10 ms and holds back a
 * partial one. One mixer is used by one thread at a time.
 */
#ifndef VU_AUDIO_MIXER_H
#define VU_AUDIO_MIXER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_MIXER_CHANNELS_MAX 8

typedef struct vu_mixer vu_mixer;

/* INVALID_ARGUMENT: no channel, or more than VU_MIXER_CHANNELS_MAX. */
vu_status vu_mixer_create(uint32_t sample_rate, uint32_t channels, vu_mixer **mixer_out, vu_error *error);
void vu_mixer_destroy(vu_mixer *mixer);

/* Samples that vu_mixer_push can write for `frames` of input. */
size_t vu_mixer_output_max(const vu_mixer *mixer, size_t frames);

/*
 * Mixes `frames` interleaved frames into `out`; with `last` the partial block
 * comes out as well. Returns the number of samples written.
 */
size_t vu_mixer_push(vu_mixer *mixer, const float *interleaved, size_t frames, bool last, float *out);

#endif
