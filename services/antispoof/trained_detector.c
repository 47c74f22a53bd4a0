/*
 * Detectors that judge a vector of traces by a trained model: of synthetic and
 * vocoded speech (common/dsp/vocoder_traces.h), and of loudspeakers
 * (common/dsp/loudspeaker_traces.h). They differ in the level from which on
 * they run and in what they say.
 */
#include "detector.h"
#include "trained_model.h"

#include <stdio.h>
#include <stdlib.h>

/* Operating points of the model. */
#define POINT_MEDIUM 0
#define POINT_HIGH   1

typedef struct trained_detector {
	const vu_voice_detector *model;
	const vu_traces_kind *kind;
	const char *what;
	vu_traces *traces;
	vu_status push_status;
} trained_detector;

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	const vu_voice_detector *model;
	trained_detector *d;
	vu_status status;

	if (!shared)
		return vu_fail(error, VU_UNAVAILABLE, "the detector is not there");
	status = vu_trained_model_get(shared, &model, error);
	if (status != VU_OK)
		return status;
	d = calloc(1, sizeof *d);
	if (d) {
		d->kind = vu_trained_model_traces(shared);
		d->what = vu_trained_model_what(shared);
		d->model = model;
	}
	if (!d || d->kind->create(&d->traces) != VU_OK) {
		free(d);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to look for %s: out of memory",
		               vu_trained_model_what(shared));
	}
	*detector_out = (vu_detector *)d;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	trained_detector *d = (trained_detector *)detector;
	float piece[512];

	while (count > 0 && d->push_status == VU_OK) {
		size_t part = count < 512 ? count : 512;
		for (size_t i = 0; i < part; i++)
			piece[i] = (float)samples[i] / 32768.0f;
		d->push_status = d->kind->push(d->traces, piece, part);
		samples += part;
		count -= part;
	}
}

static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	trained_detector *d = (trained_detector *)detector;
	float vector[VU_TRACES_MAX];
	bool narrow;
	vu_status status = d->push_status;

	if (status == VU_OK)
		status = d->kind->finish(d->traces, vector, &narrow);
	if (status == VU_FAILED_PRECONDITION) {
		snprintf(result->reason, sizeof result->reason, "too little speech to judge");
		return VU_OK;
	}
	if (status != VU_OK)
		return vu_fail(error, status, "unable to look for %s: the audio is too long or memory ran out",
		               d->what);
	result->ran = true;
	result->score = vu_voice_detector_score(d->model, vector);
	/* An enrolment is remembered, not refused. */
	result->threshold = context->enrollment
	                        ? -100.0F
	                        : vu_voice_detector_threshold(
	                              d->model, level >= VU_ANTISPOOF_HIGH ? POINT_HIGH : POINT_MEDIUM, narrow);
	if (result->score < result->threshold)
		snprintf(result->reason, sizeof result->reason,
		         "this sounds like %s; speak into the microphone yourself", d->what);
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	trained_detector *d = (trained_detector *)detector;
	d->kind->destroy(d->traces);
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

const vu_detector_kind vu_loudspeaker_detector = {
    .name = "loudspeaker",
    .least_level = VU_ANTISPOOF_HIGH,
    .skip_when_isolated = false,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
