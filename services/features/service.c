/*
 * State and registration. There is no model, plan or buffer here: an
 * extraction makes what it needs and gives it back.
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

vu_status vu_features_start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	vu_features_service *service = calloc(1, sizeof *service);
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
	status = vu_rpc_server_add(vu_runtime_server(runtime), &rpc_service, error);
	if (status != VU_OK) {
		free(service);
		return status;
	}
	*state_out = service;
	return VU_OK;
}

void vu_features_stop(void *state)
{
	free(state);
}
