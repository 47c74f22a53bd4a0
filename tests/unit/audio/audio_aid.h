/* Signals that are made, not recorded: the same in every run. */
#ifndef AUDIO_AID_H
#define AUDIO_AID_H

#include <stddef.h>
#include <stdint.h>

/* White noise of this RMS, added to what is there. `seed` 0 is as good as any. */
void audio_aid_add_noise(float *samples, size_t count, float rms, uint32_t seed);

/*
 * Something that voice activity detection takes for speech: a buzz of 120 Hz
 * with its overtones under a moving vowel's resonances, swelling four times a second. Peak about 0.4.
 */
void audio_aid_add_voice(float *samples, size_t count, double rate);

void audio_aid_add_tone(float *samples, size_t count, double rate, double hz, double amplitude);

/* Correlation of two signals, -1 to 1. */
double audio_aid_correlation(const float *a, const float *b, size_t count);

#endif
