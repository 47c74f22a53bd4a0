/* One pass of dynamic programming per sample over all places in the utterance, and one over all asked in order. */
#include "ml/phrase.h"

#include "ml/frames.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_FRAMES_DIMENSIONS
/* A frame with what fills it up to whole lanes. */
#define LANES  8
#define STRIDE 40
/* Two frames that have nothing in common are about so far apart. */
#define FAR 2.0F

typedef struct sound {
	float *frames;
	size_t count;
} sound;

/* What describes a voice does not stay in freed memory. */
static void wipe(void *data, size_t bytes)
{
	volatile unsigned char *byte = data;
	while (bytes-- > 0)
		*byte++ = 0;
}

static void free_sound(sound *s)
{
	if (s->frames)
		wipe(s->frames, s->count * STRIDE * sizeof *s->frames);
	free(s->frames);
	*s = (sound){0};
}

/* Unit length: what is compared is the shape of the spectrum and of its change. */
static vu_status open_sound(const uint8_t *statistics, size_t bytes, sound *out, vu_error *error)
{
	float *frames = NULL;
	size_t count = 0;
	vu_status status = vu_frames_make(statistics, bytes, &frames, &count, error);

	*out = (sound){0};
	if (status != VU_OK)
		return status;
	if (count > VU_PHRASE_FRAMES_MAX) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "the answer is too long: say only what was asked");
		goto done;
	}
	out->frames = calloc(count * STRIDE, sizeof *out->frames);
	if (!out->frames) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to check the phrases: out of memory");
		goto done;
	}
	out->count = count;
	for (size_t t = 0; t < count; t++) {
		float squares = 1e-9F;
		for (size_t d = 0; d < D; d++)
			squares += frames[t * D + d] * frames[t * D + d];
		for (size_t d = 0; d < D; d++)
			out->frames[t * STRIDE + d] = frames[t * D + d] / sqrtf(squares);
	}
done:
	wipe(frames, count * D * sizeof *frames);
	free(frames);
	return status;
}

/* 0 for the same direction, 2 for opposite ones. Lanes, so that a compiler may add many at once. */
static float frame_distance(const float *restrict a, const float *restrict b)
{
	float lanes[LANES] = {0};
	float product = 0;

	for (size_t d = 0; d < STRIDE; d += LANES)
		for (size_t k = 0; k < LANES; k++)
			lanes[k] += a[d + k] * b[d + k];
	for (size_t k = 0; k < LANES; k++)
		product += lanes[k];
	return 1 - product;
}

/*
 * Walks `phrase` through `heard`. before[j] is what it costs to have come to
 * frame j of `heard` before the phrase begins; after[j] becomes what it costs
 * to have ended the phrase on frame j. May be the same array. `room` holds six
 * times heard->count values.
 *
 * Three steps lead to (i, j): from (i - 1, j - 1); from (i - 1, j - 2), which
 * leaves out a frame of `heard`; and from (i - 2, j - 1), which spends two
 * frames of the phrase on one. Every frame of the phrase is paid once.
 */
static void walk(const sound *phrase, const sound *heard, const float *before, float *after, float *room)
{
	size_t n = heard->count;
	float *cost[3] = {room, room + n, room + 2 * n};
	float *near[2] = {room + 3 * n, room + 4 * n};
	float *swap;

	for (size_t i = 0; i < phrase->count; i++) {
		for (size_t j = 0; j < n; j++)
			near[0][j] = frame_distance(phrase->frames + i * STRIDE, heard->frames + j * STRIDE);
		for (size_t j = 0; j < n; j++) {
			float best = INFINITY;
			if (i == 0) {
				best = before[j];
			} else if (j > 0) {
				best = cost[1][j - 1];
				if (j > 1)
					best = fminf(best, cost[1][j - 2]);
				if (i > 1)
					best = fminf(best, cost[2][j - 1] + near[1][j]);
			}
			cost[0][j] = best + near[0][j];
		}
		swap = cost[2];
		cost[2] = cost[1];
		cost[1] = cost[0];
		cost[0] = swap;
		swap = near[1];
		near[1] = near[0];
		near[0] = swap;
	}
	memcpy(after, cost[1], n * sizeof *after);
}

static float lowest(const float *values, size_t count)
{
	float best = INFINITY;

	for (size_t i = 0; i < count; i++)
		best = fminf(best, values[i]);
	return best;
}

/* What comes next begins on a later frame than what was before ended on. */
static void follow(float *cost, size_t count)
{
	float best = INFINITY;

	for (size_t j = 0; j < count; j++) {
		float here = cost[j];
		cost[j] = best;
		best = fminf(best, here);
	}
}

static vu_status check_asked(const vu_phrase_sample *samples, size_t sample_count, const uint32_t *asked,
                             size_t asked_count, vu_error *error)
{
	size_t others = sample_count;

	if (sample_count == 0 || sample_count > VU_PHRASES_MAX || asked_count == 0 ||
	    asked_count > VU_PHRASES_ASKED_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to check %zu phrases of %zu samples: ask 1 to %d of "
		               "at most %d",
		               asked_count, sample_count, VU_PHRASES_ASKED_MAX, VU_PHRASES_MAX);
	for (size_t a = 0; a < asked_count; a++) {
		size_t found = 0;
		for (size_t b = 0; b < a; b++)
			if (asked[a] == asked[b])
				return vu_fail(error, VU_INVALID_ARGUMENT,
				               "unable to check the phrases: one of them is asked twice");
		for (size_t s = 0; s < sample_count; s++)
			found += samples[s].phrase == asked[a];
		if (found == 0)
			return vu_fail(error, VU_FAILED_PRECONDITION, "unable to check phrase %u: nobody enrolled it",
			               asked[a]);
		others -= found;
	}
	if (others == 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to check the phrases: there is no other phrase to compare them with");
	return VU_OK;
}

static bool is_asked(uint32_t phrase, const uint32_t *asked, size_t asked_count)
{
	for (size_t a = 0; a < asked_count; a++)
		if (asked[a] == phrase)
			return true;
	return false;
}

/* Of all samples of a phrase the one that is nearest. */
static size_t nearest_sample(const vu_phrase_sample *samples, size_t sample_count, const float *distances,
                             uint32_t phrase)
{
	size_t best = sample_count;

	for (size_t s = 0; s < sample_count; s++)
		if (samples[s].phrase == phrase && (best == sample_count || distances[s] < distances[best]))
			best = s;
	return best;
}

/* The two one after the other, anywhere: the mean distance. */
static float follow_up(const sound *first, const sound *second, const sound *heard, float *room)
{
	float *cost = room + 5 * heard->count;

	memset(cost, 0, heard->count * sizeof *cost);
	walk(first, heard, cost, cost, room);
	follow(cost, heard->count);
	walk(second, heard, cost, cost, room);
	return fminf(lowest(cost, heard->count) / (float)(first->count + second->count), FAR);
}

static void compare(const vu_phrase_sample *samples, const sound *phrases, size_t sample_count, const uint32_t *asked,
                    size_t asked_count, const sound *heard, float *room, vu_phrase_match *match)
{
	float distances[VU_PHRASES_MAX];
	float other = INFINITY;
	float *cost = room + 5 * heard->count;
	size_t best[VU_PHRASES_ASKED_MAX];

	for (size_t s = 0; s < sample_count; s++) {
		memset(cost, 0, heard->count * sizeof *cost);
		walk(&phrases[s], heard, cost, cost, room);
		/* Too short an utterance leaves no path at all: as far as anything can be. */
		distances[s] = fminf(lowest(cost, heard->count) / (float)phrases[s].count, FAR);
		if (!is_asked(samples[s].phrase, asked, asked_count))
			other = fminf(other, distances[s]);
	}
	match->distance = 0;
	for (size_t a = 0; a < asked_count; a++) {
		best[a] = nearest_sample(samples, sample_count, distances, asked[a]);
		match->distance = fmaxf(match->distance, distances[best[a]]);
	}
	match->margin = INFINITY;
	if (asked_count == VU_PHRASES_ASKED_MAX) {
		float in_order = follow_up(&phrases[best[0]], &phrases[best[1]], heard, room);
		float reversed = follow_up(&phrases[best[1]], &phrases[best[0]], heard, room);
		match->distance = fmaxf(match->distance, in_order);
		match->margin = (reversed - in_order) / reversed;
	}
	match->margin = fminf(match->margin, (other - match->distance) / other);
	/* Written so that what is not a number matches nothing. */
	match->matches = match->distance <= VU_PHRASE_DISTANCE_MAX && match->margin >= VU_PHRASE_MARGIN_MIN;
}

vu_status vu_phrase_check(const vu_phrase_sample *samples, size_t sample_count, const uint32_t *asked,
                          size_t asked_count, const uint8_t *statistics, size_t bytes, vu_phrase_match *match_out,
                          vu_error *error)
{
	sound phrases[VU_PHRASES_MAX] = {{0}};
	sound heard = {0};
	float *room = NULL;
	vu_status status = check_asked(samples, sample_count, asked, asked_count, error);

	*match_out = (vu_phrase_match){.distance = INFINITY, .margin = -INFINITY};
	if (status == VU_OK)
		status = open_sound(statistics, bytes, &heard, error);
	for (size_t s = 0; s < sample_count && status == VU_OK; s++)
		status = open_sound(samples[s].statistics, samples[s].bytes, &phrases[s], error);
	if (status != VU_OK)
		goto out;
	room = malloc(6 * heard.count * sizeof *room);
	if (!room) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to check the phrases: out of memory");
		goto out;
	}
	compare(samples, phrases, sample_count, asked, asked_count, &heard, room, match_out);
out:
	free(room);
	for (size_t s = 0; s < VU_PHRASES_MAX; s++)
		free_sound(&phrases[s]);
	free_sound(&heard);
	return status;
}
