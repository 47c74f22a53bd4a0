/* Rooms and filters work on the whole stretch in the frequency domain. */
#include "channel.h"

#include "audio/load.h"
#include "base/random.h"
#include "codec.h"
#include "dsp/dsp.h"
#include "filter.h"
#include "level.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_SECONDS 10.0
#define ROOM_SECONDS  1.0

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

/* ---- for measuring ---- */

vu_status channels_add_noise(const channels *c, uint64_t seed, double snr_db, float *samples, size_t count)
{
	uint64_t state = seed;
	const sound *noise;

	if (!c->noises.count)
		return VU_FAILED_PRECONDITION;
	noise = &c->noises.all[vu_random_below(&state, c->noises.count)];
	level_add_noise(noise, snr_db, vu_random_uniform(&state), samples, count);
	level_quantize(samples, count);
	return VU_OK;
}

vu_status channels_telephone(float *samples, size_t count)
{
	const filter band = {.low_hz = 300, .high_hz = 3400};
	vu_status status = filter_apply(&band, samples, count);
	level_quantize(samples, count);
	return status;
}

/* ---- drawing ---- */

void channels_cut(uint64_t *state, float *samples, size_t *count)
{
	size_t length = (size_t)(vu_random_between(state, 1.5, 6.0) * VU_SAMPLE_RATE);
	double where = vu_random_uniform(state);

	if (length >= *count)
		return;
	memmove(samples, samples + (size_t)(where * (double)(*count - length)), length * sizeof *samples);
	*count = length;
}

static filter draw_filter(const channels *c, uint64_t *state)
{
	static const double TOPS[] = {3400, 3700, 4000, 5000, 5500, 6500, 7000, 7500};
	filter f = {0};
	double low = vu_random_uniform(state);
	double top = vu_random_uniform(state);
	double which = vu_random_uniform(state);

	if (low < 0.5)
		f.low_hz = vu_random_between(state, 40, 160);
	if (top < 0.2)
		f.high_hz = TOPS[(size_t)(which * (sizeof TOPS / sizeof *TOPS))];
	else if (top < 0.4)
		f = (filter){.low_hz = vu_random_between(state, 200, 350),
		             .high_hz = vu_random_between(state, 3200, 3900)};
	f.tilt_db = vu_random_between(state, -10, 10);
	if (c->rooms.count && vu_random_uniform(state) < 0.25)
		f.room = &c->rooms.all[vu_random_below(state, c->rooms.count)];
	return f;
}

vu_status channels_apply(const channels *c, uint64_t seed, float *samples, size_t *count)
{
	uint64_t state = seed;
	filter f = {0};
	double rms;
	vu_status status;

	channels_cut(&state, samples, count);
	f = draw_filter(c, &state);
	status = filter_apply(&f, samples, *count);
	if (status != VU_OK)
		return status;
	rms = pow(10, vu_random_between(&state, -38, -14) / 20);
	level_set(rms, samples, *count);
	if (c->noises.count && vu_random_uniform(&state) < 0.4) {
		const sound *noise = &c->noises.all[vu_random_below(&state, c->noises.count)];
		double snr_db = vu_random_between(&state, 6, 35);
		level_add_noise(noise, snr_db, vu_random_uniform(&state), samples, *count);
	} else if (vu_random_uniform(&state) < 0.2) {
		/* A gate, as in calls: what is faint becomes zeros. */
		float gate = (float)(rms * vu_random_between(&state, 0.005, 0.05));
		for (size_t i = 0; i < *count; i++)
			samples[i] = fabsf(samples[i]) < gate ? 0 : samples[i];
	}
	level_quantize(samples, *count);
	if (vu_random_uniform(&state) < 0.4) {
		codec_kind kind = (codec_kind)vu_random_below(&state, CODEC_KINDS);
		double compression = vu_random_between(&state, 0.1, 0.9);
		status = codec_apply(kind, compression, samples, *count);
		if (status != VU_OK && status != VU_UNIMPLEMENTED)
			return status;
		level_quantize(samples, *count);
	}
	return VU_OK;
}
