/* Signals made from a linear congruential generator and sines. */
#include "dsp_aid.h"

#include <math.h>
#include <stdlib.h>

#define RATE     16000.0
#define SYLLABLE 3200

static float next_noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

void dsp_aid_add_noise(float *samples, size_t count, float amplitude, uint32_t seed)
{
	uint32_t state = seed;
	for (size_t n = 0; n < count; n++)
		samples[n] += amplitude * next_noise(&state);
}

static double envelope(size_t n)
{
	double position = (double)(n % SYLLABLE) / SYLLABLE;
	if (n / SYLLABLE % 5 == 4)
		return 0.0;
	return position < 0.85 ? sin(M_PI * position / 0.85) : 0.0;
}

static double resonance(double hz, double centre, double width)
{
	double x = (hz - centre) / width;
	return 1.0 / (1.0 + x * x);
}

void dsp_aid_add_voice(float *samples, size_t count, float amplitude, double pitch_hz)
{
	double phase = 0.0;

	for (size_t n = 0; n < count; n++) {
		double t = (double)n / RATE;
		double pitch = pitch_hz * (1.0 + 0.15 * sin(2.0 * M_PI * 0.7 * t));
		double f1 = 500.0 + 200.0 * sin(2.0 * M_PI * 1.9 * t);
		double f2 = 1500.0 + 500.0 * sin(2.0 * M_PI * 1.3 * t + 1.0);
		double sum = 0.0;

		phase += 2.0 * M_PI * pitch / RATE;
		for (int k = 1; k <= 25; k++) {
			double hz = k * pitch;
			sum += sin(k * phase) * (0.05 + resonance(hz, f1, 120.0) + 0.6 * resonance(hz, f2, 180.0));
		}
		samples[n] += (float)((double)amplitude * envelope(n) * sum / 3.0);
	}
}

void dsp_aid_add_whisper(float *samples, size_t count, float amplitude, uint32_t seed)
{
	uint32_t state = seed;
	float previous = 0.0f;

	for (size_t n = 0; n < count; n++) {
		float noise = next_noise(&state);
		samples[n] += amplitude * (float)envelope(n) * 0.5f * (noise + previous);
		previous = noise;
	}
}

void dsp_aid_add_tone(float *samples, size_t count, float amplitude, double hz)
{
	for (size_t n = 0; n < count; n++)
		samples[n] += amplitude * (float)sin(2.0 * M_PI * hz * (double)n / RATE);
}

float *dsp_aid_silence(size_t count)
{
	float *samples = calloc(count ? count : 1, sizeof *samples);
	if (!samples)
		abort();
	return samples;
}
