/* Rooms and filters work on the whole stretch in the frequency domain. */
#include "channel.h"

#include "audio/load.h"
#include "codec.h"
#include "dsp/dsp.h"
#include "random.h"

#include <dirent.h>
#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_SECONDS 10.0
#define ROOM_SECONDS  1.0
#define SOUNDS_MAX    500

typedef struct sound {
	float *samples;
	size_t count;
} sound;

typedef struct sounds {
	sound all[SOUNDS_MAX];
	size_t count;
} sounds;

struct channels {
	sounds noises;
	sounds rooms;
};

/* ---- loading ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* All sound files of a folder and its folders, in order of name. */
static void load_folder(const char *folder, double seconds, sounds *out)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, by_name);

	for (int i = 0; i < count; i++) {
		char path[4096];
		vu_error error;
		sound *s = &out->all[out->count];
		if (entries[i]->d_name[0] != '.' && out->count < SOUNDS_MAX &&
		    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path) {
			if (entries[i]->d_type == DT_DIR)
				load_folder(path, seconds, out);
			else if (vu_audio_load(path, seconds, &s->samples, &s->count, &error) == VU_OK)
				out->count++;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

vu_status channels_create(const char *noise_folder, const char *room_folder, channels **out, vu_error *error)
{
	channels *c = calloc(1, sizeof *c);

	if (!c)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load noises: out of memory");
	if (noise_folder)
		load_folder(noise_folder, NOISE_SECONDS, &c->noises);
	if (room_folder)
		load_folder(room_folder, ROOM_SECONDS, &c->rooms);
	if ((noise_folder && !c->noises.count) || (room_folder && !c->rooms.count)) {
		channels_destroy(c);
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %s: there is no sound file in it",
		               noise_folder && !c->noises.count ? noise_folder : room_folder);
	}
	*out = c;
	return VU_OK;
}

void channels_destroy(channels *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->noises.count; i++)
		free(c->noises.all[i].samples);
	for (size_t i = 0; i < c->rooms.count; i++)
		free(c->rooms.all[i].samples);
	free(c);
}

/* ---- filters ---- */

/* What a filter does to a frequency; and a room, when there is one. */
typedef struct filter {
	double low_hz;  /* half power at the lower edge; 0 = none */
	double high_hz; /* at the upper; 0 = none */
	double tilt_db; /* over the whole band, in the middle 0 */
	const sound *room;
} filter;

static double gain_at(const filter *f, double hz)
{
	double gain = pow(10, f->tilt_db * (hz / (VU_SAMPLE_RATE / 2.0) - 0.5) / 20);
	if (f->low_hz > 0)
		gain /= sqrt(1 + pow(f->low_hz / (hz + 1e-3), 8));
	if (f->high_hz > 0)
		gain /= sqrt(1 + pow(hz / f->high_hz, 60));
	return gain;
}

static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;

static vu_status apply_filter(const filter *f, float *samples, size_t count)
{
	size_t size = 1;
	size_t bins;
	float *time_domain = NULL;
	fftwf_complex *speech = NULL;
	fftwf_complex *response = NULL;
	fftwf_plan forward;
	fftwf_plan backward;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	while (size < count + (f->room ? f->room->count : 2000))
		size *= 2;
	bins = size / 2 + 1;
	time_domain = fftwf_alloc_real(size);
	speech = fftwf_alloc_complex(bins);
	response = fftwf_alloc_complex(bins);
	if (!time_domain || !speech || !response)
		goto out;
	pthread_mutex_lock(&plan_lock);
	forward = fftwf_plan_dft_r2c_1d((int)size, time_domain, speech, FFTW_ESTIMATE);
	backward = fftwf_plan_dft_c2r_1d((int)size, speech, time_domain, FFTW_ESTIMATE);
	pthread_mutex_unlock(&plan_lock);
	if (f->room) {
		memset(time_domain, 0, size * sizeof *time_domain);
		memcpy(time_domain, f->room->samples, f->room->count * sizeof *time_domain);
		fftwf_execute_dft_r2c(forward, time_domain, response);
	}
	memset(time_domain, 0, size * sizeof *time_domain);
	memcpy(time_domain, samples, count * sizeof *time_domain);
	fftwf_execute(forward);
	for (size_t i = 0; i < bins; i++) {
		float gain = (float)(gain_at(f, (double)i * VU_SAMPLE_RATE / (double)size) / (double)size);
		float re = speech[i][0] * gain;
		float im = speech[i][1] * gain;
		speech[i][0] = f->room ? re * response[i][0] - im * response[i][1] : re;
		speech[i][1] = f->room ? re * response[i][1] + im * response[i][0] : im;
	}
	fftwf_execute(backward);
	pthread_mutex_lock(&plan_lock);
	fftwf_destroy_plan(forward);
	fftwf_destroy_plan(backward);
	pthread_mutex_unlock(&plan_lock);
	memcpy(samples, time_domain, count * sizeof *samples);
	status = VU_OK;
out:
	fftwf_free(response);
	fftwf_free(speech);
	fftwf_free(time_domain);
	return status;
}

static double power_of(const float *samples, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return sum / (double)(count ? count : 1);
}

static void scale_to(double rms, float *samples, size_t count)
{
	double now = sqrt(power_of(samples, count));
	float gain = now > 0 ? (float)(rms / now) : 1;
	for (size_t i = 0; i < count; i++)
		samples[i] *= gain;
}

static void quantize(float *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float value = fmaxf(-32768, fminf(32767, rintf(samples[i] * 32768)));
		samples[i] = value / 32768;
	}
}

static void add_noise(const sound *noise, double snr_db, double start, float *samples, size_t count)
{
	double level = power_of(noise->samples, noise->count);
	size_t at = (size_t)(start * (double)noise->count);
	float scale;

	if (!(level > 0))
		return;
	scale = (float)sqrt(power_of(samples, count) / level / pow(10, snr_db / 10));
	for (size_t i = 0; i < count; i++)
		samples[i] += scale * noise->samples[(at + i) % noise->count];
}

vu_status channels_add_noise(const channels *c, uint64_t seed, double snr_db, float *samples, size_t count)
{
	uint64_t state = seed;
	const sound *noise;

	if (!c->noises.count)
		return VU_FAILED_PRECONDITION;
	noise = &c->noises.all[random_below(&state, c->noises.count)];
	add_noise(noise, snr_db, random_uniform(&state), samples, count);
	quantize(samples, count);
	return VU_OK;
}

vu_status channels_telephone(float *samples, size_t count)
{
	const filter band = {.low_hz = 300, .high_hz = 3400};
	vu_status status = apply_filter(&band, samples, count);
	quantize(samples, count);
	return status;
}

/* ---- drawing ---- */

static void cut(uint64_t *state, float *samples, size_t *count)
{
	size_t length = (size_t)(random_between(state, 1.5, 6.0) * VU_SAMPLE_RATE);
	double where = random_uniform(state);

	if (length >= *count)
		return;
	memmove(samples, samples + (size_t)(where * (double)(*count - length)), length * sizeof *samples);
	*count = length;
}

static filter draw_filter(const channels *c, uint64_t *state)
{
	static const double TOPS[] = {3400, 3700, 4000, 5000, 5500, 6500, 7000, 7500};
	filter f = {0};
	double low = random_uniform(state);
	double top = random_uniform(state);
	double which = random_uniform(state);

	if (low < 0.5)
		f.low_hz = random_between(state, 40, 160);
	if (top < 0.2)
		f.high_hz = TOPS[(size_t)(which * (sizeof TOPS / sizeof *TOPS))];
	else if (top < 0.4)
		f = (filter){.low_hz = random_between(state, 200, 350), .high_hz = random_between(state, 3200, 3900)};
	f.tilt_db = random_between(state, -10, 10);
	if (c->rooms.count && random_uniform(state) < 0.25)
		f.room = &c->rooms.all[random_below(state, c->rooms.count)];
	return f;
}

vu_status channels_apply(const channels *c, uint64_t seed, float *samples, size_t *count)
{
	uint64_t state = seed;
	filter f = {0};
	double rms;
	vu_status status;

	cut(&state, samples, count);
	f = draw_filter(c, &state);
	status = apply_filter(&f, samples, *count);
	if (status != VU_OK)
		return status;
	rms = pow(10, random_between(&state, -38, -14) / 20);
	scale_to(rms, samples, *count);
	if (c->noises.count && random_uniform(&state) < 0.4) {
		const sound *noise = &c->noises.all[random_below(&state, c->noises.count)];
		double snr_db = random_between(&state, 6, 35);
		add_noise(noise, snr_db, random_uniform(&state), samples, *count);
	} else if (random_uniform(&state) < 0.2) {
		/* A gate, as in calls: what is faint becomes zeros. */
		float gate = (float)(rms * random_between(&state, 0.005, 0.05));
		for (size_t i = 0; i < *count; i++)
			samples[i] = fabsf(samples[i]) < gate ? 0 : samples[i];
	}
	quantize(samples, *count);
	if (random_uniform(&state) < 0.4) {
		codec_kind kind = (codec_kind)random_below(&state, CODEC_KINDS);
		double compression = random_between(&state, 0.1, 0.9);
		status = codec_apply(kind, compression, samples, *count);
		if (status != VU_OK && status != VU_UNIMPLEMENTED)
			return status;
		quantize(samples, *count);
	}
	return VU_OK;
}
