/*
 * Speech as it would have been recorded elsewhere: in a room, cut short, over
 * noise. For evaluations: everything is deterministic, and what is promised
 * about levels holds to the last bit that single precision has.
 *
 * Pure functions of their arguments but for the FFTW plans of vu_corrupt_room,
 * which one thread at a time may make. Samples are float, 16 kHz, mono.
 */
#ifndef VU_DSP_CORRUPT_H
#define VU_DSP_CORRUPT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* What vu_corrupt_limit leaves below full scale. */
#define VU_CORRUPT_PEAK_MAX 0.99f

/*
 * Mean power of the samples in hops of 10 ms that the VAD calls speech; of all
 * samples when it finds none. RESOURCE_EXHAUSTED without memory.
 */
vu_status vu_corrupt_speech_power(const float *samples, size_t count, double *power_out, vu_error *error);

/*
 * Convolves in place with the response of a room, so that the strongest sample
 * of the response (the direct sound) brings no delay, and what rings on past
 * the end is cut off. The level of the speech is then what it was before.
 * INVALID_ARGUMENT: a response that is empty, silent or not finite.
 */
vu_status vu_corrupt_room(float *samples, size_t count, const float *response, size_t response_count,
                          vu_error *error);

/*
 * Adds `noise` from sample `start` of it on (modulo its length), repeated as
 * often as is needed, so that the power of the speech (vu_corrupt_speech_power
 * of `samples` as given) is `snr_db` above the mean power of the noise that
 * was added. INVALID_ARGUMENT: no noise, or nothing but silence where it is
 * taken from, or silent samples, or an SNR beyond +-100 dB.
 */
vu_status vu_corrupt_noise(float *samples, size_t count, const float *noise, size_t noise_count, uint64_t start,
                           double snr_db, vu_error *error);

/*
 * Scales everything down so that no magnitude is above VU_CORRUPT_PEAK_MAX;
 * what already fits stays bit for bit. Returns the factor, 1 or less.
 */
float vu_corrupt_limit(float *samples, size_t count);

/*
 * A number that depends on nothing but `seed` and `text`, evenly spread: which
 * noise, which room, from where on.
 */
uint64_t vu_corrupt_choose(uint64_t seed, const char *text);

#endif
