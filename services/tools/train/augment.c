/* Noise is looped from a random place; rooms are convolved by FFT and keep the level. */
#include "augment.h"

#include "audio/load.h"
#include "base/random.h"
#include "corpus.h"
#include "dsp/dsp.h"

#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sound {
	float *samples;
	size_t count;
} sound;

typedef struct sounds {
	sound *all;
	size_t count;
} sounds;

struct augmenter {
	sounds noises;
	sounds rooms;
};

#define NOISE_SECONDS 10.0
#define ROOM_SECONDS  1.0

static vu_status load_sounds(const char *folder, double seconds, sounds *out, vu_error *error)
{
	corpus files = {0};
	vu_status status = corpus_add_plain(&files, folder, error);

	out->all = calloc(files.file_count + 1, sizeof *out->all);
	if (status == VU_OK && !out->all)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory", folder);
	for (size_t i = 0; i < files.file_count && status == VU_OK; i++) {
		vu_error reason;
		if (vu_audio_load(files.files[i].path, seconds, &out->all[out->count].samples,
		                  &out->all[out->count].count, &reason) == VU_OK)
			out->count++;
		else
			fprintf(stderr, "vu-train: leaving out: %s\n", reason.message);
	}
	if (status == VU_OK && out->count == 0)
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %s: there is no sound file in it", folder);
	corpus_free(&files);
	return status;
}

static void free_sounds(sounds *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->all[i].samples);
	free(s->all);
}

vu_status augmenter_create(const char *noise_folder, const char *room_folder, augmenter **out, vu_error *error)
{
	augmenter *a = calloc(1, sizeof *a);
	vu_status status = VU_OK;

	if (!a)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load noises: out of memory");
	if (noise_folder)
		status = load_sounds(noise_folder, NOISE_SECONDS, &a->noises, error);
	if (status == VU_OK && room_folder)
		status = load_sounds(room_folder, ROOM_SECONDS, &a->rooms, error);
	if (status != VU_OK) {
		augmenter_destroy(a);
		return status;
	}
	*out = a;
	return VU_OK;
}

void augmenter_destroy(augmenter *a)
{
	if (!a)
		return;
	free_sounds(&a->noises);
	free_sounds(&a->rooms);
	free(a);
}

static double power_of(const float *samples, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return sum / (double)(count ? count : 1);
}

static vu_status convolve(const sound *room, float *samples, size_t count)
{
	size_t size = 1;
	size_t bins;
	double before = power_of(samples, count);
	double after;
	float *time_domain = NULL;
	fftwf_complex *speech = NULL;
	fftwf_complex *response = NULL;
	fftwf_plan forward;
	fftwf_plan backward;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	while (size < count + room->count)
		size *= 2;
	bins = size / 2 + 1;
	time_domain = fftwf_alloc_real(size);
	speech = fftwf_alloc_complex(bins);
	response = fftwf_alloc_complex(bins);
	if (!time_domain || !speech || !response)
		goto out;
	forward = fftwf_plan_dft_r2c_1d((int)size, time_domain, speech, FFTW_ESTIMATE);
	backward = fftwf_plan_dft_c2r_1d((int)size, speech, time_domain, FFTW_ESTIMATE);
	memset(time_domain, 0, size * sizeof *time_domain);
	memcpy(time_domain, room->samples, room->count * sizeof *time_domain);
	fftwf_execute_dft_r2c(forward, time_domain, response);
	memset(time_domain, 0, size * sizeof *time_domain);
	memcpy(time_domain, samples, count * sizeof *time_domain);
	fftwf_execute(forward);
	for (size_t i = 0; i < bins; i++) {
		float re = speech[i][0] * response[i][0] - speech[i][1] * response[i][1];
		float im = speech[i][0] * response[i][1] + speech[i][1] * response[i][0];
		speech[i][0] = re;
		speech[i][1] = im;
	}
	fftwf_execute(backward);
	fftwf_destroy_plan(forward);
	fftwf_destroy_plan(backward);
	after = power_of(time_domain, count);
	if (after > 0) {
		float scale = (float)sqrt(before / after);
		for (size_t i = 0; i < count; i++)
			samples[i] = time_domain[i] * scale;
	}
	status = VU_OK;
out:
	fftwf_free(response);
	fftwf_free(speech);
	fftwf_free(time_domain);
	return status;
}

static void add_noise(const sound *noise, double snr_db, double start, float *samples, size_t count)
{
	double speech = power_of(samples, count);
	double level = power_of(noise->samples, noise->count);
	size_t at = (size_t)(start * (double)noise->count);
	float scale;

	if (!(level > 0))
		return;
	scale = (float)sqrt(speech / level / pow(10, snr_db / 10));
	for (size_t i = 0; i < count; i++)
		samples[i] += scale * noise->samples[(at + i) % noise->count];
}

/* A resonance or dip of `gain_db` at `hz` (peaking equalizer of Bristow-Johnson's cookbook). */
static void peak(double hz, double gain_db, double q, float *samples, size_t count)
{
	double a = pow(10, gain_db / 40);
	double w = 2 * M_PI * hz / VU_SAMPLE_RATE;
	double alpha = sin(w) / (2 * q);
	double b0 = 1 + alpha * a;
	double b1 = -2 * cos(w);
	double b2 = 1 - alpha * a;
	double a0 = 1 + alpha / a;
	double a2 = 1 - alpha / a;
	double z1 = 0;
	double z2 = 0;

	for (size_t i = 0; i < count; i++) {
		double y = (b0 * samples[i] + z1) / a0;
		z1 = b1 * samples[i] - b1 * y + z2;
		z2 = b2 * samples[i] - a2 * y;
		samples[i] = (float)y;
	}
}

/* A first-order slope: what is above `hz` goes, or with `above` what is below it. */
static void slope(double hz, bool above, float *samples, size_t count)
{
	double a = exp(-2 * M_PI * hz / VU_SAMPLE_RATE);
	double y = 0;

	for (size_t i = 0; i < count; i++) {
		y = (1 - a) * samples[i] + a * y;
		samples[i] = (float)(above ? samples[i] - y : y);
	}
}

/* Three peaks of up to 8 dB between 100 Hz and 7 kHz, and at times an end of the band that falls off. */
static void color(uint64_t *state, float *samples, size_t count)
{
	double high;
	double low;

	for (int i = 0; i < 3; i++) {
		double hz = 100 * pow(70, vu_random_uniform(state));
		double gain_db = -8 + 16 * vu_random_uniform(state);
		peak(hz, gain_db, 0.4 + vu_random_uniform(state), samples, count);
	}
	high = vu_random_uniform(state);
	if (high < 0.4)
		slope(3000 + 7500 * high, false, samples, count);
	low = vu_random_uniform(state);
	if (low < 0.4)
		slope(100 + 500 * low, true, samples, count);
}

vu_status augmenter_apply(const augmenter *a, uint64_t seed, float *samples, size_t count)
{
	uint64_t state = seed;
	double with_room = vu_random_uniform(&state);
	double which_room = vu_random_uniform(&state);
	double with_noise = vu_random_uniform(&state);
	double which_noise = vu_random_uniform(&state);
	double snr_db = 3 + 17 * vu_random_uniform(&state);
	double start = vu_random_uniform(&state);
	float gain = (float)pow(10, (-10 + 13 * vu_random_uniform(&state)) / 20);

	if (a->rooms.count && with_room < 0.5) {
		vu_status status =
		    convolve(&a->rooms.all[(size_t)(which_room * (double)a->rooms.count)], samples, count);
		if (status != VU_OK)
			return status;
	}
	if (vu_random_uniform(&state) < 0.5)
		color(&state, samples, count);
	if (a->noises.count && with_noise < 0.75)
		add_noise(&a->noises.all[(size_t)(which_noise * (double)a->noises.count)], snr_db, start, samples,
		          count);
	for (size_t i = 0; i < count; i++) {
		float value = samples[i] * gain;
		samples[i] = value > 1 ? 1 : value < -1 ? -1 : value;
	}
	return VU_OK;
}
