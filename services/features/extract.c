/*
 * One extraction: the extractor is created with the first samples, fed as they
 * arrive and asked at the end. Repeating a call is harmless: it reads the same
 * session again from its first sample and reaches the same numbers. The
 * background model is got ready with the first samples, while somebody speaks.
 */
#include "extract.h"

#include "answer.h"
#include "service.h"

#include "dsp/dsp.h"
#include "ml/utterance.h"
#include "voiceunlock/v1/features.pb-c.h"

#include <stdlib.h>
#include <time.h>

typedef struct feeding {
	const vu_features_job *job;
	vu_features_result *result;
	const vu_background *background;
} feeding;

/* CPU time of this thread: what a busy machine does meanwhile is not ours. */
static uint64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static vu_status take_samples(void *context, uint64_t offset, const float *samples, size_t count,
                              const Vu__SessionInfo *info, vu_error *error)
{
	feeding *f = context;
	uint64_t began_us = cpu_us();
	vu_status status = VU_OK;

	(void)offset;
	(void)info;
	if (!f->result->extractor)
		status = vu_extractor_create(&f->job->config, &f->result->extractor);
	if (status == VU_OK)
		status = vu_extractor_push(f->result->extractor, samples, count);
	f->result->compute_us += cpu_us() - began_us;
	if (status != VU_OK)
		return vu_fail(error, status, "unable to describe the audio: it is too long, or memory is short");
	if (!f->background && f->job->background) {
		status = vu_features_background_hold(f->job->background, &f->background, error);
		if (status != VU_OK)
			return status;
	}
	f->result->samples += count;
	return VU_OK;
}

/* Where the frames lie. Enrolment keeps the frames themselves as well. */
static vu_status place(const feeding *f, vu_error *error)
{
	vu_features_result *result = f->result;
	const vu_features *features = &result->features;
	vu_status status;

	if (!f->background || f->background->model_count == 0 || !features->has_vector)
		return VU_OK;
	status = vu_utterance_describe(f->background, features->statistics, features->statistics_bytes,
	                               f->job->frames || f->job->config.crops, &result->utterance,
	                               &result->utterance_bytes, error);
	/* Too few frames for a place: the frames travel as they are, and whoever needs more says so. */
	return status == VU_INVALID_ARGUMENT ? VU_OK : status;
}

vu_status vu_features_run(const vu_features_job *job, vu_features_result *result, vu_error *error)
{
	feeding f = {.job = job, .result = result};
	uint64_t began_us;
	vu_status status = vu_audio_pull(job->capture, job->session_id, job->deadline_us, job->call, take_samples, &f,
	                                 &result->end, error);

	if (status == VU_OK) {
		began_us = cpu_us();
		status = vu_extractor_finish(result->extractor, &result->features);
		if (status != VU_OK)
			vu_fail(error, status, "unable to describe the audio: out of memory");
		else
			status = place(&f, error);
		result->compute_us += cpu_us() - began_us;
	}
	vu_features_background_release(job->background, f.background);
	return status;
}

void vu_features_extract(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_features_service *service = context;
	const Vu__ExtractRequest *request = (const Vu__ExtractRequest *)message;
	const vu_config *config = vu_runtime_config(service->runtime);
	vu_features_job job = {
	    .call = call, .deadline_us = vu_rpc_deadline_us(call), .session_id = request->session_id};
	vu_error error = {0};
	/* Some 14 KB: kept off a worker's small stack. */
	vu_features_result *result = NULL;
	vu_status status = VU_OK;

	if (!request->session_id || !request->session_id[0]) {
		status = vu_fail(&error, VU_INVALID_ARGUMENT, "unable to extract features: no session is named");
		goto out;
	}
	job.background = service->background;
	job.config.crops = request->crops;
	job.frames = request->frames;
	job.config.limits.min_speech_s = config->audio.min_duration_s;
	job.config.limits.min_snr_db = config->audio.min_snr_db;
	job.capture = vu_runtime_channel(service->runtime, VU_SERVICE_CAPTURE, &error);
	result = calloc(1, sizeof *result);
	if (!job.capture) {
		status = error.status != VU_OK ? error.status : VU_INTERNAL;
		goto out;
	}
	if (!result) {
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to extract features: out of memory");
		goto out;
	}
	status = vu_features_run(&job, result, &error);
	vu_counter_add(service->compute_seconds, (double)result->compute_us / 1e6);
	vu_counter_add(service->audio_seconds, (double)result->samples / VU_SAMPLE_RATE);
	if (status == VU_OK)
		vu_features_reply(call, result);
out:
	vu_counter_add(status == VU_OK ? service->extractions : service->failures, 1);
	if (status != VU_OK) {
		error.status = status;
		vu_rpc_fail_error(call, &error);
	}
	if (result) {
		vu_extractor_destroy(result->extractor);
		free(result->utterance);
	}
	free(result);
}
