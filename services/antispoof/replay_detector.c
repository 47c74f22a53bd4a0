/*
 * The replay memory as a detector: refuses when a past attempt shares more
 * landmarks at one time offset than two live utterances ever do.
 */
#include "detector.h"
#include "landmarks.h"
#include "replay_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Two live utterances share by chance a handful of aligned landmarks and at
 * most 5 % of them (0.05 was the largest of 257,000 pairs of development clips); a
 * replayed one keeps 70 to 95 %, half of one 35 %. The
 * score is linear in the logarithm of the share.
 */
#define SHARE_AT_ZERO 0.075
#define NATS_PER_E    2.5
#define ALIGNED_MIN   8
/* With fewer, a stretch is too short to tell: a chance match of a few would be a large share. */
#define SCORE_MAX 6.0F

typedef struct replay_detector {
	vu_replay_memory *memory;
	vu_landmarker *landmarker;
	vu_status push_status;
} replay_detector;

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	replay_detector *d;

	if (!shared)
		return vu_fail(error, VU_UNAVAILABLE, "the replay memory is not open");
	d = calloc(1, sizeof *d);
	if (!d || vu_landmarker_create(&d->landmarker) != VU_OK) {
		free(d);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to make landmarks: out of memory");
	}
	d->memory = shared;
	*detector_out = (vu_detector *)d;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	replay_detector *d = (replay_detector *)detector;
	if (d->push_status == VU_OK)
		d->push_status = vu_landmarker_push(d->landmarker, samples, count);
}

static float score_of(const vu_replay_match *match)
{
	float score;
	if (match->aligned < ALIGNED_MIN)
		return SCORE_MAX;
	score = (float)(-NATS_PER_E * log(match->share / SHARE_AT_ZERO));
	return score < SCORE_MAX ? score : SCORE_MAX;
}

static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	replay_detector *d = (replay_detector *)detector;
	vu_landmark *landmarks;
	vu_replay_match match;
	vu_status status;
	size_t count;

	(void)level;
	if (d->push_status != VU_OK)
		return vu_fail(error, d->push_status,
		               "unable to make landmarks: the audio is too long or memory ran out");
	landmarks = malloc(VU_LANDMARKS_MAX * sizeof *landmarks);
	if (!landmarks)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to make landmarks: out of memory");
	count = vu_landmarker_finish(d->landmarker, landmarks);
	if (count < VU_LANDMARKS_MIN) {
		free(landmarks);
		snprintf(result->reason, sizeof result->reason, "too little speech to compare");
		return VU_OK;
	}
	status = vu_replay_memory_meet(d->memory, context->attempt_id, landmarks, count, &match, error);
	free(landmarks);
	if (status != VU_OK)
		return status;
	result->ran = true;
	result->score = score_of(&match);
	result->threshold = context->enrollment ? -100.0F : 0.0F;
	if (result->score < 0)
		snprintf(result->reason, sizeof result->reason,
		         "%.0f %% of this recording was heard before; say it again live", match.share * 100);
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	replay_detector *d = (replay_detector *)detector;
	vu_landmarker_destroy(d->landmarker);
	free(d);
}

const vu_detector_kind vu_replay_memory_detector = {
    .name = "replay_memory",
    .least_level = VU_ANTISPOOF_LOW,
    .skip_when_isolated = true,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
