/* Signals for tests. */
#include "audio_aid.h"

#include <math.h>

#define TAU 6.283185307179586

void audio_aid_add_noise(float *samples, size_t count, float rms, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 12345u;

	for (size_t i = 0; i < count; i++) {
		state = state * 1664525u + 1013904223u;
		/* A uniform variable of width 2 has an RMS of 1 / sqrt(3). */
		samples[i] += ((float)(state >> 8) / 8388608.0f - 1.0f) * rms * 1.7320508f;
	}
}

static double resonance(double hz, double centre, double width)
{
	double off = (hz - centre) / width;

	return 1.0 / (1.0 + off * off);
}

void audio_aid_add_voice(float *samples, size_t count, double rate)
{
	for (size_t i = 0; i < count; i++) {
		double t = (double)i / rate;
		double f0 = 120 + 10 * sin(TAU * 0.7 * t);
		double moving = 600 + 200 * sin(TAU * 1.3 * t);
		double swell = 0.55 - 0.45 * cos(TAU * 4 * t);
		double sum = 0;
		for (int k = 1; k <= 30; k++) {
			double hz = f0 * k;
			double gain = resonance(hz, moving, 120) + 0.5 * resonance(hz, 1500, 150) +
			              0.3 * resonance(hz, 2600, 200);
			sum += gain / sqrt(k) * sin(TAU * (120 * t - 10 / (TAU * 0.7) * cos(TAU * 0.7 * t)) * k);
		}
		samples[i] += (float)(0.2 * swell * sum);
	}
}

void audio_aid_add_tone(float *samples, size_t count, double rate, double hz, double amplitude)
{
	for (size_t i = 0; i < count; i++)
		samples[i] += (float)(amplitude * sin(TAU * hz * (double)i / rate));
}

double audio_aid_correlation(const float *a, const float *b, size_t count)
{
	double aa = 0;
	double bb = 0;
	double ab = 0;

	for (size_t i = 0; i < count; i++) {
		aa += (double)a[i] * a[i];
		bb += (double)b[i] * b[i];
		ab += (double)a[i] * b[i];
	}
	return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}
