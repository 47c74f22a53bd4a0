/* Deterministic signals for tests of signal processing: no two runs differ. */
#ifndef DSP_AID_H
#define DSP_AID_H

#include <stddef.h>
#include <stdint.h>

/* Uniform noise in [-amplitude, amplitude), added to the samples. */
void dsp_aid_add_noise(float *samples, size_t count, float amplitude, uint32_t seed);

/*
 * Adds something like speech: a gliding pitch around `pitch_hz` with 25
 * harmonics under two moving formants, in syllables of 200 ms, every fifth of
 * them silent. `amplitude` is about the peak.
 */
void dsp_aid_add_voice(float *samples, size_t count, float amplitude, double pitch_hz);

/* The same envelope on noise: no pitch at all. */
void dsp_aid_add_whisper(float *samples, size_t count, float amplitude, uint32_t seed);

void dsp_aid_add_tone(float *samples, size_t count, float amplitude, double hz);

/* Zeroed samples; the caller frees. Fails the test without memory. */
float *dsp_aid_silence(size_t count);

#endif
