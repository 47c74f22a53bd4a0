/*
 * The Antispoof service. An assessment pulls the session's audio from capture
 * while it is still arriving and answers as soon as it has ended. What cannot
 * be assessed is answered with UNAVAILABLE as its verdict or as its status,
 * never with a pass.
 */
#include "service.h"

#include "assessment.h"
#include "device_bands.h"
#include "replay_memory.h"
#include "trained_model.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "runtime/audio_pull.h"
#include "voiceunlock/v1/antispoof.pb-c.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vu_antispoof {
	vu_runtime *runtime;
	pthread_mutex_t lock; /* guards the opening of `memory` */
	vu_replay_memory *memory;
	vu_device_bands *bands;
	vu_trained_model *synthetic;
	vu_trained_model *loudspeaker;
	vu_counter *assessed;
	vu_counter *refused;
	vu_counter *unavailable;
};

/* The replay memory, opened at first use. A failure is not remembered: the next attempt tries again. */
static vu_replay_memory *open_memory(vu_antispoof *a, vu_error *error)
{
	vu_replay_memory *memory;

	pthread_mutex_lock(&a->lock);
	if (!a->memory) {
		const char *home = vu_runtime_state_folder(a->runtime);
		if (vu_file_make_folder(home, error) != VU_OK ||
		    vu_replay_memory_open(home, vu_clock_system(), NULL, &a->memory, error) != VU_OK) {
			a->memory = NULL;
			vu_log_error("%s", error->message);
		}
	}
	memory = a->memory;
	pthread_mutex_unlock(&a->lock);
	return memory;
}

/* What the pull's callback needs. */
typedef struct pulling {
	vu_assessment *assessment;
	vu_attempt_context *context;
	int64_t compute_us;
	bool playing; /* this machine played sound meanwhile */
} pulling;

static vu_status take_samples(void *context, uint64_t offset, const float *samples, size_t count,
                              const Vu__SessionInfo *info, vu_error *error)
{
	pulling *p = context;
	int64_t began_us = vu_clock_monotonic_us();
	int16_t pcm[1024];

	(void)offset;
	(void)error;
	p->context->source_rate_hz = info->source_rate;
	p->playing = p->playing || info->playing;
	if (info->source == VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE)
		snprintf(p->context->device, sizeof p->context->device, "%s", info->device);
	/* Capture's samples were 16 bits wide; this gives back the same bits. */
	while (count > 0) {
		size_t part = count < 1024 ? count : 1024;
		for (size_t i = 0; i < part; i++)
			pcm[i] = (int16_t)lrintf(samples[i] * 32768.0F);
		vu_assessment_push(p->assessment, pcm, part);
		samples += part;
		count -= part;
	}
	p->compute_us += vu_clock_monotonic_us() - began_us;
	return VU_OK;
}

static Vu__SpoofVerdict verdict_to_wire(vu_assessment_verdict verdict)
{
	switch (verdict) {
	case VU_ASSESSMENT_BONAFIDE:
		return VU__SPOOF_VERDICT__SPOOF_BONAFIDE;
	case VU_ASSESSMENT_SPOOF:
		return VU__SPOOF_VERDICT__SPOOF_SPOOF;
	case VU_ASSESSMENT_UNAVAILABLE:
		return VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE;
	default:
		return VU__SPOOF_VERDICT__SPOOF_UNKNOWN;
	}
}

/*
 * A challenge is the heart of "maximum"; audio that was not asked for cannot
 * answer one. Where one was put, the caller holds the answer against it.
 */
static void demand_challenge(vu_assessment_result *result, const char *reason)
{
	if (result->verdict == VU_ASSESSMENT_UNAVAILABLE)
		return;
	result->verdict = VU_ASSESSMENT_SPOOF;
	if (result->score > -1)
		result->score = -1;
	snprintf(result->reason, sizeof result->reason, "%s", reason);
}

static void answer(vu_antispoof *a, vu_rpc_call *call, vu_antispoof_level level, vu_assessment_result *result,
                   int64_t compute_us)
{
	Vu__DetectorResult detectors[VU_DETECTORS_MAX];
	Vu__DetectorResult *pointers[VU_DETECTORS_MAX];
	Vu__AssessResponse response = VU__ASSESS_RESPONSE__INIT;

	for (size_t i = 0; i < result->detector_count; i++) {
		vu_assessment_detector *d = &result->detectors[i];
		vu__detector_result__init(&detectors[i]);
		detectors[i].name = (char *)(uintptr_t)d->name;
		detectors[i].score = d->result.score;
		detectors[i].verdict = verdict_to_wire(d->verdict);
		detectors[i].reason = d->result.reason;
		pointers[i] = &detectors[i];
	}
	response.verdict = verdict_to_wire(result->verdict);
	response.score = result->score;
	response.threshold = 0;
	response.level = (char *)(uintptr_t)vu_antispoof_level_name(level);
	response.reason = result->reason;
	response.detectors = pointers;
	response.n_detectors = result->detector_count;
	response.compute_us = (uint64_t)compute_us;
	response.done_us = (uint64_t)vu_clock_monotonic_us();
	vu_counter_add(a->assessed, 1);
	if (result->verdict == VU_ASSESSMENT_SPOOF)
		vu_counter_add(a->refused, 1);
	if (result->verdict == VU_ASSESSMENT_UNAVAILABLE)
		vu_counter_add(a->unavailable, 1);
	vu_rpc_reply(call, &response.base);
}

static void answer_off(vu_rpc_call *call)
{
	Vu__AssessResponse response = VU__ASSESS_RESPONSE__INIT;
	response.verdict = VU__SPOOF_VERDICT__SPOOF_OFF;
	response.level = (char *)(uintptr_t)vu_antispoof_level_name(VU_ANTISPOOF_OFF);
	response.reason = (char *)(uintptr_t) "anti-spoofing is off";
	response.done_us = (uint64_t)vu_clock_monotonic_us();
	vu_rpc_reply(call, &response.base);
}

static void handle_assess(void *service, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_antispoof *a = service;
	const Vu__AssessRequest *request = (const Vu__AssessRequest *)message;
	vu_attempt_context context = {.isolated = request->isolated,
	                              .enrollment = request->enrollment,
	                              .deadline_us = vu_rpc_deadline_us(call)};
	pulling pull = {.context = &context};
	vu_assessment_result result;
	vu_antispoof_level level;
	vu_channel *capture;
	vu_audio_end end;
	vu_error error = {0};
	int64_t began_us;

	if (vu_antispoof_level_parse(request->level, &level, &error) != VU_OK)
		goto fail;
	if (!vu_id_is_hex(request->session_id) || !vu_id_is_hex(request->attempt_id)) {
		vu_fail(&error, VU_INVALID_ARGUMENT,
		        "session_id and attempt_id must each be 32 lower-case hex digits");
		goto fail;
	}
	if (level == VU_ANTISPOOF_OFF && !request->enrollment) {
		answer_off(call);
		return;
	}
	capture = vu_runtime_channel(a->runtime, VU_SERVICE_CAPTURE, &error);
	if (!capture)
		goto fail;
	context.attempt_id = request->attempt_id;
	vu_detector_entry entries[] = {
	    {&vu_replay_memory_detector, request->isolated ? NULL : open_memory(a, &error)},
	    {&vu_injection_detector, a->bands},
	    {&vu_synthetic_detector, a->synthetic},
	    {&vu_loudspeaker_detector, a->loudspeaker},
	};
	/* An enrolment only has to be remembered, at whatever level. */
	if (vu_assessment_create(entries, request->enrollment ? 1 : sizeof entries / sizeof entries[0],
	                         request->enrollment ? VU_ANTISPOOF_LOW : level, &context,
	                         &pull.assessment) != VU_OK) {
		vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to assess: out of memory");
		goto fail;
	}
	if (vu_audio_pull(capture, request->session_id, context.deadline_us, call, take_samples, &pull, &end,
	                  &error) != VU_OK) {
		vu_assessment_destroy(pull.assessment);
		goto fail;
	}
	began_us = vu_clock_monotonic_us();
	vu_assessment_finish(pull.assessment, &result);
	vu_assessment_destroy(pull.assessment);
	if (!request->enrollment && !request->challenged && level == VU_ANTISPOOF_MAXIMUM)
		demand_challenge(&result,
		                 "level maximum needs the answer to a spoken challenge, and none was put: speak to "
		                 "the microphone, or use level high");
	else if (!request->enrollment && !request->challenged && level == VU_ANTISPOOF_HIGH && pull.playing)
		demand_challenge(&result,
		                 "this machine played sound meanwhile, and it could be that which was heard: stop "
		                 "it and speak again");
	answer(a, call, level, &result, pull.compute_us + vu_clock_monotonic_us() - began_us);
	return;
fail:
	vu_rpc_fail_error(call, &error);
}

static void handle_forget(void *service, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_antispoof *a = service;
	const Vu__ForgetRequest *request = (const Vu__ForgetRequest *)message;
	Vu__Empty empty = VU__EMPTY__INIT;
	vu_error error = {0};
	vu_replay_memory *memory = open_memory(a, &error);

	if (!memory || vu_replay_memory_forget(memory, request->attempt_id, &error) != VU_OK)
		vu_rpc_fail_error(call, &error);
	else
		vu_rpc_reply(call, &empty.base);
}

static void handle_replay_memory(void *service, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_antispoof *a = service;
	Vu__ReplayMemoryResponse response = VU__REPLAY_MEMORY_RESPONSE__INIT;
	vu_replay_stats stats;
	vu_error error = {0};
	vu_replay_memory *memory = open_memory(a, &error);

	(void)message;
	if (!memory || vu_replay_memory_stats(memory, &stats, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	response.attempts = stats.attempts;
	response.landmarks = stats.index_bytes / sizeof(uint32_t);
	response.bytes = stats.bytes;
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method METHODS[] = {
    {"Assess", handle_assess, VU_RPC_IDEMPOTENT},
    {"Forget", handle_forget, VU_RPC_IDEMPOTENT},
    {"ReplayMemory", handle_replay_memory, VU_RPC_IDEMPOTENT},
};

/* For those who do not want to wait for them at the first attempt. */
static vu_status load_models(vu_antispoof *a, vu_error *error)
{
	const vu_voice_detector *detector;
	vu_status status = vu_trained_model_get(a->synthetic, &detector, error);

	return status == VU_OK ? vu_trained_model_get(a->loudspeaker, &detector, error) : status;
}

vu_status vu_antispoof_create(vu_runtime *runtime, vu_antispoof **antispoof_out, vu_error *error)
{
	static vu_rpc_service service = {
	    .descriptor = &vu__antispoof__descriptor,
	    .methods = METHODS,
	    .method_count = sizeof METHODS / sizeof METHODS[0],
	};
	const vu_config *config = vu_runtime_config(runtime);
	bool map = config->ml.enable_mmap;
	vu_antispoof *a = calloc(1, sizeof *a);

	if (!a)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start: out of memory");
	a->runtime = runtime;
	pthread_mutex_init(&a->lock, NULL);
	a->assessed =
	    vu_counter_create(runtime, "voice_unlock_antispoof_assessments_total", "Sessions assessed.", false);
	a->refused =
	    vu_counter_create(runtime, "voice_unlock_antispoof_refusals_total", "Sessions called spoof.", false);
	a->unavailable = vu_counter_create(runtime, "voice_unlock_antispoof_unavailable_total",
	                                   "Sessions with a detector that could not run.", false);
	a->bands = vu_device_bands_create(vu_runtime_home(runtime));
	if (!a->bands) {
		vu_antispoof_destroy(a);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start: out of memory");
	}
	service.context = a;
	*antispoof_out = a;
	if (vu_trained_model_create("synthetic", "a synthetic voice", &vu_synthetic_traces_kind, NULL, map,
	                            &a->synthetic, error) != VU_OK ||
	    vu_trained_model_create("loudspeaker", "a loudspeaker", &vu_loudspeaker_traces_kind, NULL, map,
	                            &a->loudspeaker, error) != VU_OK)
		return error->status;
	if (!config->ml.enable_lazy_loading && load_models(a, error) != VU_OK)
		return error->status;
	return vu_rpc_server_add(vu_runtime_server(runtime), &service, error);
}

void vu_antispoof_destroy(vu_antispoof *a)
{
	if (!a)
		return;
	vu_replay_memory_close(a->memory);
	vu_device_bands_destroy(a->bands);
	vu_trained_model_destroy(a->synthetic);
	vu_trained_model_destroy(a->loudspeaker);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
