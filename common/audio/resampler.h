/*
 * From audio of any rate and channel count to 16 kHz mono, as it arrives.
 *
 * Channels are mixed (audio/mixer.h), then libsoxr converts the
 * rate. Sample 0 of the output is at the time of
 * frame 0 of the input: the filter's delay is taken out. 16 kHz mono passes
 * unchanged; other rates come out 40 to 120 ms late.
 *
 * Deterministic: the output does not depend on how the input was cut into
 * pushes. One resampler is used by one thread at a time.
 */
#ifndef VU_AUDIO_RESAMPLER_H
#define VU_AUDIO_RESAMPLER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_RESAMPLER_RATE_MIN     8000u
#define VU_RESAMPLER_RATE_MAX     192000u
#define VU_RESAMPLER_CHANNELS_MAX 8u

/* The most samples that one call of a sink gets: 100 ms. */
#define VU_RESAMPLER_PIECE_SAMPLES 1600u

typedef struct vu_resampler vu_resampler;

/* Takes `count` samples of 16 kHz mono. Returns false when no more are wanted. */
typedef bool (*vu_resampler_sink)(void *context, const float *samples, size_t count);

/* OK, or INVALID_ARGUMENT naming what this resampler can take. */
vu_status vu_resampler_check(uint32_t sample_rate, uint32_t channels, vu_error *error);

/* INVALID_ARGUMENT as above; RESOURCE_EXHAUSTED without memory. */
vu_status vu_resampler_create(uint32_t sample_rate, uint32_t channels, vu_resampler **resampler_out, vu_error *error);
void vu_resampler_destroy(vu_resampler *resampler);

/*
 * Converts `frames` interleaved frames and hands what is ready to `sink`, in
 * pieces of at most VU_RESAMPLER_PIECE_SAMPLES. With `last` everything comes
 * out and the resampler accepts no more. When the sink wants no more the rest
 * is dropped.
 */
vu_status vu_resampler_push(vu_resampler *resampler, const float *interleaved, size_t frames, bool last,
                            vu_resampler_sink sink, void *context, vu_error *error);

#endif
