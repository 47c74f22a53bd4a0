/* A chain of filters, rooms, noises, codecs and gains, each drawn from its range. */
#include "presented.h"

#include "base/random.h"
#include "codec.h"
#include "dsp/dsp.h"
#include "level.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_SECONDS_MAX 1.0
#define REFLECTIONS      8

typedef struct range {
	double low;
	double high;
} range;

/*
 * What differs between training and measuring: [TRAINED] and [BEYOND] are
 * drawn from in training, [MEASURED] in measuring. Training reaches to either
 * side of what is measured, so that a detector has no reason to end between.
 */
enum { TRAINED, MEASURED, BEYOND, RANGES };

/* How often training draws from the further side. */
#define BEYOND_SHARE 0.3

static const range SPEAKER_SMALL_HZ[RANGES] = {{90, 180}, {180, 260}, {90, 180}};
static const range SPEAKER_TINY_HZ[RANGES] = {{260, 420}, {420, 700}, {700, 1000}};
static const range SPEAKER_HIGH_HZ[RANGES] = {{4500, 7800}, {3800, 4500}, {3000, 3800}};
static const range SPEAKER_RIPPLE_DB[RANGES] = {{1, 6}, {6, 9}, {9, 12}};
/* Second and third order, of full scale. */
static const range SPEAKER_BEND[RANGES] = {{0, 0.06}, {0.06, 0.12}, {0.12, 0.2}};
static const range DECAY_S[RANGES] = {{0.15, 0.55}, {0.55, 0.9}, {0.9, 1.2}};
/* Direct over reverberant sound, for a person near the microphone. */
static const range DIRECT_DB[RANGES] = {{2, 16}, {-2, 10}, {-6, -2}};
/* Noise below the speech. */
static const range FLOOR_DB[RANGES] = {{25, 55}, {20, 35}, {14, 20}};
static const range MICROPHONE_LOW_HZ[RANGES] = {{20, 90}, {20, 90}, {20, 90}};
static const range MICROPHONE_RIPPLE_DB[RANGES] = {{0, 3}, {2, 4}, {3, 5}};

typedef struct drawing {
	const channels *channels;
	bool measuring;
	uint64_t state;
} drawing;

static bool chance(drawing *d, double share)
{
	return vu_random_uniform(&d->state) < share;
}

static double draw(drawing *d, const range ranges[RANGES])
{
	const range *r = &ranges[d->measuring ? MEASURED : chance(d, BEYOND_SHARE) ? BEYOND : TRAINED];
	return vu_random_between(&d->state, r->low, r->high);
}

static void draw_ripples(drawing *d, filter *f, double low_hz, double high_hz, double most_db, size_t count)
{
	for (size_t i = 0; i < count && i < FILTER_RIPPLES_MAX; i++) {
		f->ripples[i].hz = low_hz * pow(high_hz / low_hz, vu_random_uniform(&d->state));
		f->ripples[i].octaves = vu_random_between(&d->state, 0.1, 0.8);
		f->ripples[i].db = vu_random_between(&d->state, -most_db, most_db);
	}
	f->ripple_count = count;
}

/*
 * A room made up: the direct sound, some early reflections, and noise that
 * dies away, its high part sooner (Polack's model in two bands).
 */
static vu_status make_room(drawing *d, double decay_s, double direct_db, sound *out)
{
	size_t count = (size_t)(fmin(decay_s * 1.2, ROOM_SECONDS_MAX) * VU_SAMPLE_RATE);
	double low = 0;
	double energy = 0;
	double damping = vu_random_between(&d->state, 0.4, 0.9);
	size_t onset = 16 + (size_t)(vu_random_uniform(&d->state) * 64);
	float scale;

	out->count = count;
	out->samples = calloc(count + 1, sizeof *out->samples);
	if (!out->samples)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = onset; i < count; i++) {
		double t = (double)(i - onset) / VU_SAMPLE_RATE / decay_s;
		double noise = vu_random_normal(&d->state);
		low = 0.75 * low + 0.25 * noise;
		out->samples[i] = (float)(2 * low * exp(-6.9 * t) + (noise - low) * exp(-6.9 * t / damping) * 0.6);
	}
	for (size_t k = 0; k < REFLECTIONS; k++) {
		size_t at = 8 + (size_t)(vu_random_uniform(&d->state) * 0.02 * VU_SAMPLE_RATE);
		double gain = vu_random_between(&d->state, -4, 4);
		if (at < count)
			out->samples[at] += (float)gain;
	}
	for (size_t i = 0; i < count; i++)
		energy += (double)out->samples[i] * (double)out->samples[i];
	scale = (float)(pow(10, -direct_db / 20) / sqrt(energy + 1e-9));
	for (size_t i = 0; i < count; i++)
		out->samples[i] *= scale;
	out->samples[0] = 1;
	return VU_OK;
}

/* A measured room now and then; measuring has the other half of them. */
static const sound *draw_measured(drawing *d)
{
	size_t half = d->channels->rooms.count / 2;

	if (half == 0)
		return NULL;
	return &d->channels->rooms.all[2 * vu_random_below(&d->state, half) + d->measuring];
}

static vu_status go_through_room(drawing *d, float *samples, size_t count)
{
	sound made = {0};
	filter f = {0};
	vu_status status = VU_OK;

	if (chance(d, 0.25))
		f.room = draw_measured(d);
	if (!f.room) {
		status = make_room(d, draw(d, DECAY_S), draw(d, DIRECT_DB), &made);
		f.room = &made;
	}
	if (status == VU_OK)
		status = filter_apply(&f, samples, count);
	free(made.samples);
	return status;
}

/* A microphone with its noise; `floor_db` below the speech. */
static vu_status go_through_microphone(drawing *d, float *samples, size_t count)
{
	filter f = {.low_hz = draw(d, MICROPHONE_LOW_HZ),
	            .low_power = vu_random_between(&d->state, 2, 6),
	            .tilt_db = vu_random_between(&d->state, -5, 5)};
	double level;
	double smooth;
	double past = 0;
	vu_status status;

	if (chance(d, 0.3))
		f.high_hz = vu_random_between(&d->state, 6000, 7900);
	draw_ripples(d, &f, 100, 7000, draw(d, MICROPHONE_RIPPLE_DB), 3);
	if ((status = filter_apply(&f, samples, count)) != VU_OK)
		return status;
	level = sqrt(level_power(samples, count)) * pow(10, -draw(d, FLOOR_DB) / 20);
	smooth = vu_random_between(&d->state, 0, 0.95);
	for (size_t i = 0; i < count; i++) {
		past = smooth * past + sqrt(1 - smooth * smooth) * vu_random_normal(&d->state);
		samples[i] += (float)(level * past);
	}
	if (d->channels->noises.count && chance(d, 0.3)) {
		const sound *noise = &d->channels->noises.all[vu_random_below(&d->state, d->channels->noises.count)];
		level_add_noise(noise, vu_random_between(&d->state, 10, 35), vu_random_uniform(&d->state), samples,
		                count);
	}
	return VU_OK;
}

/* A gain that follows the level, quickly down and slowly up. */
static void control_gain(drawing *d, float *samples, size_t count)
{
	double strength = vu_random_between(&d->state, 0.1, 0.7);
	double down = exp(-1 / (vu_random_between(&d->state, 0.005, 0.05) * VU_SAMPLE_RATE));
	double up = exp(-1 / (vu_random_between(&d->state, 0.1, 1.0) * VU_SAMPLE_RATE));
	double target = sqrt(level_power(samples, count)) + 1e-9;
	double level = target;

	for (size_t i = 0; i < count; i++) {
		double now = fabs((double)samples[i]);
		level = now > level ? down * level + (1 - down) * now : up * level + (1 - up) * now;
		samples[i] *= (float)pow(target / (level + 0.05 * target), strength);
	}
}

static void bend(drawing *d, float *samples, size_t count)
{
	double second = draw(d, SPEAKER_BEND);
	double third = draw(d, SPEAKER_BEND);
	float peak = 1e-9f;

	for (size_t i = 0; i < count; i++)
		peak = fmaxf(peak, fabsf(samples[i]));
	for (size_t i = 0; i < count; i++) {
		double x = (double)(samples[i] / peak);
		samples[i] = (float)((double)peak * (x + second * x * x - third * x * x * x));
	}
}

static vu_status go_through_codec(drawing *d, float *samples, size_t count)
{
	codec_kind kind = (codec_kind)vu_random_below(&d->state, CODEC_KINDS);
	double compression = vu_random_between(&d->state, 0.1, 0.8);
	vu_status status;

	/* Encoders take it ill when samples are out of range. */
	level_set(0.1, samples, count);
	level_quantize(samples, count);
	status = codec_apply(kind, compression, samples, count);
	return status == VU_UNIMPLEMENTED ? VU_OK : status;
}

static vu_status go_through_loudspeaker(drawing *d, float *samples, size_t count)
{
	filter f = {.low_hz = draw(d, chance(d, 0.5) ? SPEAKER_TINY_HZ : SPEAKER_SMALL_HZ),
	            .low_power = vu_random_between(&d->state, 3, 9),
	            .high_power = vu_random_between(&d->state, 4, 30),
	            .tilt_db = vu_random_between(&d->state, -6, 6)};

	if (chance(d, 0.6))
		f.high_hz = draw(d, SPEAKER_HIGH_HZ);
	bend(d, samples, count);
	draw_ripples(d, &f, f.low_hz, 7500, draw(d, SPEAKER_RIPPLE_DB), 6);
	return filter_apply(&f, samples, count);
}

vu_status presented_apply(const channels *c, const presented_how *how, uint64_t seed, float *samples, size_t *count)
{
	drawing d = {.channels = c, .measuring = how->measuring, .state = seed};
	vu_status status = VU_OK;

	channels_cut(&d.state, samples, count);
	level_set(0.1, samples, *count);
	if (how->by_loudspeaker) {
		if (how->recorded && chance(&d, 0.7)) {
			if ((chance(&d, 0.5) && (status = go_through_room(&d, samples, *count)) != VU_OK) ||
			    (status = go_through_microphone(&d, samples, *count)) != VU_OK)
				return status;
		}
		if ((chance(&d, 0.4) && (status = go_through_codec(&d, samples, *count)) != VU_OK) ||
		    (status = go_through_loudspeaker(&d, samples, *count)) != VU_OK)
			return status;
	}
	if ((status = go_through_room(&d, samples, *count)) != VU_OK ||
	    (status = go_through_microphone(&d, samples, *count)) != VU_OK)
		return status;
	if (chance(&d, 0.3))
		control_gain(&d, samples, *count);
	level_set(pow(10, vu_random_between(&d.state, -38, -14) / 20), samples, *count);
	level_quantize(samples, *count);
	if (!d.measuring && chance(&d, 0.05) && (status = channels_telephone(samples, *count)) != VU_OK)
		return status;
	if (chance(&d, 0.15) && (status = go_through_codec(&d, samples, *count)) != VU_OK)
		return status;
	level_quantize(samples, *count);
	return VU_OK;
}
