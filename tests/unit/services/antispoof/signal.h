/* Speech-like test signals: harmonic syllables of changing pitch and formants over noise. Deterministic by seed. */
#ifndef VU_TEST_ANTISPOOF_SIGNAL_H
#define VU_TEST_ANTISPOOF_SIGNAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

static inline double test_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(*state >> 11) / 9007199254740992.0;
}

/* Fills `count` samples at 16 kHz; the same seed gives the same "utterance". */
static inline void test_speech(int16_t *out, size_t count, uint64_t seed)
{
	uint64_t state = seed * 2654435761u + 12345;
	double phase = 0;
	double pitch = 120;
	double formants[3] = {500, 1500, 2500};
	double gain = 0;

	for (size_t i = 0; i < count; i++) {
		double value = 0;
		double t = (double)(i % 2400) / 2400;
		if (i % 2400 == 0) {
			pitch = 90 + 130 * test_random(&state);
			formants[0] = 300 + 500 * test_random(&state);
			formants[1] = 900 + 1300 * test_random(&state);
			formants[2] = 2300 + 900 * test_random(&state);
			gain = 0.3 + 0.7 * test_random(&state);
		}
		phase += 2 * M_PI * pitch * (1 + 0.1 * t) / 16000;
		for (int h = 1; h <= 25; h++) {
			double f = pitch * h;
			double weight = 0;
			for (int k = 0; k < 3; k++)
				weight += exp(-(f - formants[k]) * (f - formants[k]) / (2 * 150.0 * 150.0));
			value += weight * sin(h * phase);
		}
		value *= 2500 * gain * sin(M_PI * t);
		value += 500 * (test_random(&state) - 0.5);
		out[i] = (int16_t)lrint(value);
	}
}

#endif
