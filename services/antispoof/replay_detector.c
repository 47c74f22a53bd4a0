/*
 * The replay memory as a detector: refuses when a past attempt is more alike
 * than two live utterances of one sentence ever are.
 */
#include "detector.h"
#include "imprint.h"
#include "replay_memory.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Of recordings of an attempt through a room, a telephone or noise at 10 dB 99 %
 * reach 0.46 and more; of 1826 other utterances one reaches 0.38 (see
 * tests/unit/services/antispoof/test_replay_reuse.c, which measures it).
 */
#define LIKENESS_AT_ZERO 0.38
#define NATS_PER_UNIT    12.0

typedef struct replay_detector {
	vu_replay_memory *memory;
	vu_imprinter *imprinter;
	vu_status push_status;
} replay_detector;

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	replay_detector *d;

	if (!shared)
		return vu_fail(error, VU_UNAVAILABLE, "the replay memory is not open");
	d = calloc(1, sizeof *d);
	if (!d || vu_imprinter_create(&d->imprinter) != VU_OK) {
		free(d);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to make an imprint: out of memory");
	}
	d->memory = shared;
	*detector_out = (vu_detector *)d;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	replay_detector *d = (replay_detector *)detector;
	if (d->push_status == VU_OK)
		d->push_status = vu_imprinter_push(d->imprinter, samples, count);
}

static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	replay_detector *d = (replay_detector *)detector;
	vu_replay_match match;
	vu_status status;

	(void)level;
	if (d->push_status != VU_OK)
		return vu_fail(error, d->push_status, "unable to make an imprint: out of memory");
	status = vu_replay_memory_meet(d->memory, context->attempt_id, d->imprinter, &match, error);
	if (status != VU_OK)
		return status;
	if (match.peaks < VU_REPLAY_PEAKS_MIN) {
		snprintf(result->reason, sizeof result->reason, "too little speech to compare");
		return VU_OK;
	}
	result->ran = true;
	result->score = (float)(NATS_PER_UNIT * (LIKENESS_AT_ZERO - match.likeness));
	result->threshold = context->enrollment ? -100.0F : 0.0F;
	if (result->score < 0)
		snprintf(result->reason, sizeof result->reason,
		         "this recording was heard before (%.0f %% alike); say it again live", match.likeness * 100);
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	replay_detector *d = (replay_detector *)detector;
	vu_imprinter_destroy(d->imprinter);
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
