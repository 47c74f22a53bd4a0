/*
 * vu-capture: where audio comes in.
 *
 *   microphone.c   the device's thread feeds the sessions that listen
 *   upload.c       or a client hands audio in, chunk by chunk
 *   session.c      samples become 16 kHz mono, marks of speech, and an end
 *   waiting.c      readers wait for them without a thread
 *   sessions.c     the table of sessions, in shared memory that outlives this process
 *   timekeeper.c   what is due while nothing arrives
 *   methods.c      the RPC methods that reach all this
 *
 * Nothing is opened and no buffer is made before the first session asks.
 */
#include "service.h"

#include "base/log.h"
#include "platform/platform.h"

#include "voiceunlock/v1/capture.pb-c.h"

#include <stdlib.h>
#include <unistd.h>

static void stop(void *state)
{
	capture_service *service = state;

	if (!service)
		return;
	microphone_destroy(service->microphone);
	timekeeper_stop(service->keeper);
	sessions_destroy(service->sessions);
	vu_ring_close(service->ring);
	if (service->own_fd >= 0)
		close(service->own_fd);
	free(service);
}

/* The supervisor's rings, or some of our own that end with this process. */
static vu_status open_rings(capture_service *service, vu_error *error)
{
	int fd = vu_runtime_ring_fd(service->runtime);
	vu_status status = VU_OK;

	if (fd < 0) {
		status =
		    vu_platform_shared_memory("voice-unlock-rings", VU_RING_MEMORY_BYTES, &service->own_fd, error);
		fd = service->own_fd;
	}
	if (status == VU_OK)
		status = vu_ring_open(fd, &service->ring, error);
	return status;
}

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	const vu_config *config = vu_runtime_config(runtime);
	const session_limits limits = {config->audio.vad_silence_s, config->audio.max_duration_s};
	capture_service *service = calloc(1, sizeof *service);
	vu_status status;

	if (!service)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start capture: out of memory");
	service->runtime = runtime;
	service->own_fd = -1;
	service->sessions_opened =
	    vu_counter_create(runtime, "voice_unlock_capture_sessions_total", "audio sessions opened", false);
	service->sessions_open =
	    vu_counter_create(runtime, "voice_unlock_capture_sessions", "audio sessions that hold audio now", true);
	service->rpc.descriptor = &vu__capture__descriptor;
	service->rpc.methods = CAPTURE_METHODS;
	service->rpc.method_count = CAPTURE_METHOD_COUNT;
	service->rpc.context = service;

	status = open_rings(service, error);
	if (status == VU_OK)
		status = sessions_create(service->ring, &limits, &service->sessions, error);
	if (status == VU_OK)
		status = timekeeper_start(service->sessions, &service->keeper, error);
	if (status == VU_OK)
		status = microphone_create(service->sessions, microphone_portaudio(), &service->microphone, error);
	if (status == VU_OK)
		status = vu_rpc_server_add(vu_runtime_server(runtime), &service->rpc, error);
	if (status != VU_OK) {
		stop(service);
		return status;
	}
	*state_out = service;
	return VU_OK;
}

static uint64_t cleanup(void *state, bool aggressive)
{
	capture_service *service = state;

	(void)aggressive;
	/* What PortAudio gives back is its own affair, so no bytes are claimed. */
	microphone_release(service->microphone);
	return 0;
}

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_CAPTURE,
	    .in_flight_max = 256, /* a waiting reader is in flight */
	    .start = start,
	    .cleanup = cleanup,
	    .stop = stop,
	};

	/* The sound libraries must not start servers on their own; read before there are threads. */
	setenv("JACK_NO_START_SERVER", "1", 0);
	return vu_runtime_main(&definition, argc, argv);
}
