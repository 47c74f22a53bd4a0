/*
 * Synthetic and vocoded speech as a detector: traces of vocoders, judged by a
 * model that was trained on genuine and synthetic speech (see
 * common/dsp/vocoder_traces.h and common/ml/voice_detector.h).
 */
#include "detector.h"
#include "synthetic.h"

#include "dsp/vocoder_traces.h"

#include <stdio.h>
#include <stdlib.h>

/* Operating points of the model. */
#define POINT_MEDIUM 0
#define POINT_HIGH   1

typedef struct synthetic_detector {
	const vu_voice_detector *model;
	vu_vocoder_traces *traces;
	vu_status push_status;
} synthetic_detector;

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	const vu_voice_detector *model;
	synthetic_detector *d;
	vu_status status;

	if (!shared)
		return vu_fail(error, VU_UNAVAILABLE, "the detector of synthetic speech is not there");
	status = vu_synthetic_get(shared, &model, error);
	if (status != VU_OK)
		return status;
	d = calloc(1, sizeof *d);
	if (!d || vu_vocoder_traces_create(&d->traces) != VU_OK) {
		free(d);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to look for synthetic speech: out of memory");
	}
	d->model = model;
	*detector_out = (vu_detector *)d;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	synthetic_detector *d = (synthetic_detector *)detector;
	float piece[512];

	while (count > 0 && d->push_status == VU_OK) {
		size_t part = count < 512 ? count : 512;
		for (size_t i = 0; i < part; i++)
			piece[i] = (float)samples[i] / 32768.0f;
		d->push_status = vu_vocoder_traces_push(d->traces, piece, part);
		samples += part;
		count -= part;
	}
}

static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	synthetic_detector *d = (synthetic_detector *)detector;
	float vector[VU_VOCODER_TRACES];
	size_t frames;
	vu_status status = d->push_status;

	if (status == VU_OK)
		status = vu_vocoder_traces_finish(d->traces, vector, &frames);
	if (status == VU_FAILED_PRECONDITION) {
		snprintf(result->reason, sizeof result->reason, "too little speech to judge");
		return VU_OK;
	}
	if (status != VU_OK)
		return vu_fail(error, status,
		               "unable to look for synthetic speech: the audio is too long or memory ran out");
	result->ran = true;
	result->score = vu_voice_detector_score(d->model, vector);
	/* An enrolment is remembered, not refused. */
	result->threshold =
	    context->enrollment
	        ? -100.0F
	        : vu_voice_detector_threshold(d->model, level >= VU_ANTISPOOF_HIGH ? POINT_HIGH : POINT_MEDIUM);
	if (result->score < result->threshold)
		snprintf(result->reason, sizeof result->reason,
		         "this sounds like a synthetic voice; speak into the microphone");
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	synthetic_detector *d = (synthetic_detector *)detector;
	vu_vocoder_traces_destroy(d->traces);
	free(d);
}

const vu_detector_kind vu_synthetic_detector = {
    .name = "synthetic",
    .least_level = VU_ANTISPOOF_MEDIUM,
    .skip_when_isolated = false,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
