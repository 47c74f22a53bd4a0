/* Sums are taken in double, so that levels come out as asked whatever the length. */
#include "dsp/corrupt.h"

#include "base/random.h"
#include "dsp/dsp.h"
#include "dsp/vad.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SNR_DB_MAX 100.0

static double mean_power(const float *samples, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return count > 0 ? sum / (double)count : 0.0;
}

/* Speech decisions of all whole hops, to be freed; NULL without memory. */
static uint8_t *find_speech(const float *samples, size_t count, size_t *hops_out)
{
	const vu_vad_config config = {0};
	size_t hops = count / VU_HOP_SAMPLES;
	uint8_t *speech = calloc(hops + 1, 1);
	vu_vad *vad = NULL;

	if (!speech || vu_vad_create(&config, &vad) != VU_OK) {
		free(speech);
		return NULL;
	}
	vu_vad_push(vad, samples, count);
	vu_vad_flush(vad);
	*hops_out = vu_vad_decisions(vad, 0, hops, speech);
	vu_vad_destroy(vad);
	return speech;
}

/*
 * The power of `samples` where `speech` says that somebody speaks: the same
 * stretches before and after, since a room fills the pauses.
 */
static double power_where(const float *samples, size_t count, const uint8_t *speech, size_t hops)
{
	double sum = 0;
	size_t spoken = 0;

	for (size_t i = 0; i < hops; i++) {
		if (!speech[i])
			continue;
		sum += mean_power(samples + i * VU_HOP_SAMPLES, VU_HOP_SAMPLES);
		spoken++;
	}
	return spoken > 0 ? sum / (double)spoken : mean_power(samples, count);
}

vu_status vu_corrupt_speech_power(const float *samples, size_t count, double *power_out, vu_error *error)
{
	size_t hops = 0;
	uint8_t *speech = find_speech(samples, count, &hops);

	if (!speech)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to measure the speech: out of memory");
	*power_out = power_where(samples, count, speech, hops);
	free(speech);
	return VU_OK;
}

/* `filtered` gets the convolution of the two, from the sample `delay` of it on, `count` long. */
static vu_status convolve(const float *samples, size_t count, const float *response, size_t response_count,
                          size_t delay, float *filtered)
{
	size_t size = 256, bins;
	float *time = NULL;
	fftwf_complex *a = NULL, *b = NULL;
	fftwf_plan forward = NULL, backward = NULL;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	while (size < count + response_count)
		size *= 2;
	bins = size / 2 + 1;
	time = fftwf_alloc_real(size);
	a = fftwf_alloc_complex(bins);
	b = fftwf_alloc_complex(bins);
	if (!time || !a || !b)
		goto out;
	forward = fftwf_plan_dft_r2c_1d((int)size, time, a, FFTW_ESTIMATE);
	backward = fftwf_plan_dft_c2r_1d((int)size, a, time, FFTW_ESTIMATE);
	if (!forward || !backward)
		goto out;
	memset(time, 0, size * sizeof *time);
	memcpy(time, response, response_count * sizeof *time);
	fftwf_execute_dft_r2c(forward, time, b);
	memset(time, 0, size * sizeof *time);
	memcpy(time, samples, count * sizeof *time);
	fftwf_execute(forward);
	for (size_t i = 0; i < bins; i++) {
		float re = a[i][0] * b[i][0] - a[i][1] * b[i][1];
		float im = a[i][0] * b[i][1] + a[i][1] * b[i][0];
		a[i][0] = re / (float)size;
		a[i][1] = im / (float)size;
	}
	fftwf_execute(backward);
	memcpy(filtered, time + delay, count * sizeof *filtered);
	status = VU_OK;
out:
	if (backward)
		fftwf_destroy_plan(backward);
	if (forward)
		fftwf_destroy_plan(forward);
	fftwf_free(b);
	fftwf_free(a);
	fftwf_free(time);
	return status;
}

vu_status vu_corrupt_room(float *samples, size_t count, const float *response, size_t response_count, vu_error *error)
{
	uint8_t *speech = NULL;
	float *filtered = NULL;
	size_t hops = 0, direct = 0;
	double before, after;
	vu_status status = VU_OK;

	for (size_t i = 0; i < response_count; i++) {
		if (!isfinite(response[i]))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to use the room's response: sample %zu is not a number", i);
		if (fabsf(response[i]) > fabsf(response[direct]))
			direct = i;
	}
	if (response_count == 0 || response[direct] == 0.0f)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the room's response: it is silent");
	if (count == 0)
		return VU_OK;
	speech = find_speech(samples, count, &hops);
	filtered = malloc(count * sizeof *filtered);
	if (!speech || !filtered || convolve(samples, count, response, response_count, direct, filtered) != VU_OK) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to use the room's response: out of memory");
		goto out;
	}
	before = power_where(samples, count, speech, hops);
	after = power_where(filtered, count, speech, hops);
	if (after > 0) {
		double scale = sqrt(before / after);
		for (size_t i = 0; i < count; i++)
			samples[i] = (float)(filtered[i] * scale);
	}
out:
	free(filtered);
	free(speech);
	return status;
}

vu_status vu_corrupt_noise(float *samples, size_t count, const float *noise, size_t noise_count, uint64_t start,
                           double snr_db, vu_error *error)
{
	double speech_power, noise_power = 0, scale;
	vu_status status;

	if (!(fabs(snr_db) <= SNR_DB_MAX))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to add noise: the SNR must lie within -%g and %g dB", SNR_DB_MAX, SNR_DB_MAX);
	if (noise_count == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to add noise: there is none");
	for (size_t i = 0; i < count; i++) {
		double value = noise[(start % noise_count + i) % noise_count];
		noise_power += value * value / (double)count;
	}
	if (!(noise_power > 0) || !isfinite(noise_power))
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to add noise: it is %s where it is taken from",
		               noise_power > 0 || isnan(noise_power) ? "not a number" : "silent");
	status = vu_corrupt_speech_power(samples, count, &speech_power, error);
	if (status != VU_OK)
		return status;
	if (!(speech_power > 0))
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to add noise: there is nothing to add it to");
	scale = sqrt(speech_power / noise_power / pow(10.0, snr_db / 10.0));
	for (size_t i = 0; i < count; i++)
		samples[i] = (float)(samples[i] + scale * noise[(start % noise_count + i) % noise_count]);
	return VU_OK;
}

float vu_corrupt_limit(float *samples, size_t count)
{
	float peak = 0, scale;

	for (size_t i = 0; i < count; i++)
		peak = fmaxf(peak, fabsf(samples[i]));
	if (peak <= VU_CORRUPT_PEAK_MAX)
		return 1.0f;
	scale = VU_CORRUPT_PEAK_MAX / peak;
	/* The product may round up to just above. */
	for (size_t i = 0; i < count; i++)
		samples[i] = fmaxf(-VU_CORRUPT_PEAK_MAX, fminf(VU_CORRUPT_PEAK_MAX, samples[i] * scale));
	return scale;
}

/* FNV-1a for the text, then a step of splitmix64, which spreads every bit. */
uint64_t vu_corrupt_choose(uint64_t seed, const char *text)
{
	uint64_t z = 14695981039346656037u ^ seed * 0x9E3779B97F4A7C15u;

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		z = (z ^ *c) * 1099511628211u;
	return vu_random_next(&z);
}
