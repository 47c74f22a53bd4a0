/*
 * A service that was taken over, for tests/system/privilege.t.
 *
 * Copied beside vu-supervisor under the name of a service (vu-antispoof, …), it
 * runs as that service on the runtime that all share, and so with all that
 * confines that service. Once it serves, it tries what whoever has taken it
 * over would try, and says to its log what came of each: lines of
 * "tried WHAT: RESULT", and "tried all" at the end.
 */
#include "base/log.h"
#include "runtime/runtime.h"

#include "grpc/health/v1/health.pb-c.h"
#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/rpc.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_US 30000000

static vu_service_definition definition;
static vu_runtime *runtime;

/* ---- calls ---- */

static const ProtobufCServiceDescriptor *const OWN[] = {
    [VU_SERVICE_CAPTURE] = &vu__capture__descriptor,
    [VU_SERVICE_FEATURES] = &vu__features__descriptor,
    [VU_SERVICE_MODELS] = &vu__models__descriptor,
    [VU_SERVICE_ANTISPOOF] = &vu__antispoof__descriptor,
    [VU_SERVICE_ORCHESTRATOR] = &vu__orchestrator__descriptor,
    [VU_SERVICE_SUPERVISOR] = &vu__supervisor__descriptor,
};

/* With an empty request: who may not call is told so before anybody looks at that. */
static void try_call(vu_service_id id, const ProtobufCServiceDescriptor *service,
                     const ProtobufCMethodDescriptor *method)
{
	vu_call_options options = {.timeout_us = CALL_TIMEOUT_US, .wait_for_ready = true};
	ProtobufCMessage *request = calloc(1, method->input->sizeof_message);
	ProtobufCMessage *response = NULL;
	vu_channel *channel;
	vu_error error;
	vu_status status = VU_INTERNAL;

	if (!request)
		return;
	method->input->message_init(request);
	channel = vu_runtime_channel(runtime, id, &error);
	if (channel)
		status = vu_channel_call(channel, service, method->name, request, &response, &options, &error);
	vu_log_info("tried %s/%s.%s: %s", vu_service_name(id), service->name, method->name, vu_status_name(status));
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	free(request);
}

static void try_service(vu_service_id id, const ProtobufCServiceDescriptor *service)
{
	for (unsigned i = 0; i < service->n_methods; i++)
		try_call(id, service, &service->methods[i]);
}

static void try_calls(void)
{
	for (unsigned i = 0; i < VU_SERVICE_COUNT; i++) {
		vu_service_id id = (vu_service_id)i;
		if (id == definition.id)
			continue;
		try_call(id, &vu_health__health__descriptor, &vu_health__health__descriptor.methods[0]);
		try_service(id, &vu__reflection__descriptor);
		try_service(id, &vu__process__descriptor);
		try_service(id, OWN[id]);
	}
}

/* ---- running ---- */

static void *try_all(void *unused)
{
	(void)unused;
	try_calls();
	vu_log_info("tried all");
	return NULL;
}

static vu_status start(vu_runtime *started, void **state_out, vu_error *error)
{
	(void)error;
	runtime = started;
	*state_out = started;
	return VU_OK;
}

static vu_status listening(void *state, vu_error *error)
{
	pthread_t thread;
	(void)state;
	if (pthread_create(&thread, NULL, try_all, NULL) != 0)
		return vu_fail(error, VU_INTERNAL, "unable to start a thread");
	pthread_detach(thread);
	return VU_OK;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *program = slash ? slash + 1 : argv[0];

	definition.id = strncmp(program, "vu-", 3) == 0 ? vu_service_by_name(program + 3) : VU_SERVICE_COUNT;
	if (definition.id == VU_SERVICE_COUNT) {
		fprintf(stderr, "taken_over: unable to run as '%s': copy it under the name of a service\n", program);
		return 2;
	}
	definition.start = start;
	definition.listening = listening;
	return vu_runtime_main(&definition, argc, argv);
}
