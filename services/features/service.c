/*
 * State and registration. There is no plan or buffer here: an extraction makes
 * what it needs and gives it back. The background model is shared by all.
 */
#include "service.h"

#include "extract.h"

#include "voiceunlock/v1/features.pb-c.h"

#include <stdlib.h>

static const vu_rpc_method METHODS[] = {
    {"Extract", vu_features_extract, VU_RPC_IDEMPOTENT},
};

static vu_rpc_service rpc_service = {
    .descriptor = &vu__features__descriptor,
    .methods = METHODS,
    .method_count = sizeof METHODS / sizeof *METHODS,
};

/* Now rather than with the first utterance. */
static vu_status load_background(vu_features_service *service, vu_error *error)
{
	const vu_background *background = NULL;
	vu_status status = vu_features_background_hold(service->background, &background, error);

	vu_features_background_release(service->background, background);
	return status;
}

vu_status vu_features_start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	vu_features_service *service = calloc(1, sizeof *service);
	const vu_config *config = vu_runtime_config(runtime);
	vu_status status;

	if (!service)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start features: out of memory");
	service->runtime = runtime;
	service->extractions =
	    vu_counter_create(runtime, "voice_unlock_features_extractions_total", "Utterances described", false);
	service->failures = vu_counter_create(runtime, "voice_unlock_features_failures_total",
	                                      "Extractions that ended in an error", false);
	service->compute_seconds = vu_counter_create(runtime, "voice_unlock_features_compute_seconds_total",
	                                             "CPU time spent on extraction", false);
	service->audio_seconds =
	    vu_counter_create(runtime, "voice_unlock_features_audio_seconds_total", "Audio taken in", false);
	rpc_service.context = service;
	status = vu_features_background_create(config, &service->background, error);
	if (status == VU_OK && !config->ml.enable_lazy_loading)
		status = load_background(service, error);
	if (status == VU_OK)
		status = vu_rpc_server_add(vu_runtime_server(runtime), &rpc_service, error);
	if (status != VU_OK) {
		vu_features_stop(service);
		return status;
	}
	*state_out = service;
	return VU_OK;
}

vu_status vu_features_reload(void *state, const vu_config *config, vu_error *error)
{
	vu_features_service *service = state;

	return vu_features_background_configure(service->background, config, error);
}

uint64_t vu_features_cleanup(void *state, bool aggressive)
{
	vu_features_service *service = state;

	return aggressive ? vu_features_background_drop(service->background) : 0;
}

void vu_features_stop(void *state)
{
	vu_features_service *service = state;

	vu_features_background_destroy(service->background);
	free(service);
}
