/* Levels are root mean squares over everything, pauses included. */
#include "level.h"

#include <math.h>

double level_power(const float *samples, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return sum / (double)(count ? count : 1);
}

void level_set(double rms, float *samples, size_t count)
{
	double now = sqrt(level_power(samples, count));
	float gain = now > 0 ? (float)(rms / now) : 1;
	for (size_t i = 0; i < count; i++)
		samples[i] *= gain;
}

void level_quantize(float *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float value = fmaxf(-32768, fminf(32767, rintf(samples[i] * 32768)));
		samples[i] = value / 32768;
	}
}

void level_add_noise(const sound *noise, double snr_db, double start, float *samples, size_t count)
{
	double level = level_power(noise->samples, noise->count);
	size_t at = (size_t)(start * (double)noise->count);
	float scale;

	if (!(level > 0))
		return;
	scale = (float)sqrt(level_power(samples, count) / level / pow(10, snr_db / 10));
	for (size_t i = 0; i < count; i++)
		samples[i] += scale * noise->samples[(at + i) % noise->count];
}
