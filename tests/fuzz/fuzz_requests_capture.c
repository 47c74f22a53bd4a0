/* Requests of capture, as aid/fake_call.h says; the microphone gives silence, and sessions end with the input. */
#include "../../services/capture/service.h"
#include "aid/fake_call.h"
#include "aid/fake_runtime.h"
#include "base/log.h"
#include "platform/platform.h"
#include "voiceunlock/v1/capture.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static capture_service service;

static vu_status open_device(const vu_microphone_config *config, vu_microphone **microphone_out,
                             vu_microphone_info *info_out, vu_error *error)
{
	(void)config;
	(void)error;
	memset(info_out, 0, sizeof *info_out);
	info_out->sample_rate = 16000;
	info_out->channels = 1;
	*microphone_out = (vu_microphone *)&service;
	return VU_OK;
}

static vu_status read_device(vu_microphone *microphone, float *out, size_t frames_max, size_t *frames_out,
                             vu_error *error)
{
	(void)microphone;
	(void)error;
	*frames_out = frames_max < 160 ? frames_max : 160;
	memset(out, 0, *frames_out * sizeof *out);
	return VU_OK;
}

static void close_device(vu_microphone *microphone)
{
	(void)microphone;
}

static vu_status list_devices(vu_device_info *devices, size_t *count_out, vu_error *error)
{
	(void)devices;
	(void)error;
	*count_out = 0;
	return VU_OK;
}

static void shut_down(void)
{
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const microphone_driver driver = {open_device,  read_device, close_device,
	                                         list_devices, shut_down,   NULL};
	session_limits limits;
	vu_error error;
	int fd = -1;
	(void)argc;
	(void)argv;

	vu_log_set_level(VU_LOG_ERROR);
	service.runtime = fake_runtime_create();
	limits.silence_s = vu_runtime_config(service.runtime)->audio.vad_silence_s;
	limits.max_duration_s = vu_runtime_config(service.runtime)->audio.max_duration_s;
	service.own_fd = -1;
	service.sessions_opened = vu_counter_create(service.runtime, "", "", false);
	service.sessions_open = service.sessions_opened;
	service.rpc = (vu_rpc_service){&vu__capture__descriptor, CAPTURE_METHODS, CAPTURE_METHOD_COUNT, &service};
	if (vu_platform_shared_memory("vu-fuzz-rings", VU_RING_MEMORY_BYTES, &fd, &error) != VU_OK ||
	    vu_ring_open(fd, &service.ring, &error) != VU_OK ||
	    sessions_create(service.ring, &limits, &service.sessions, &error) != VU_OK ||
	    timekeeper_start(service.sessions, &service.keeper, &error) != VU_OK ||
	    microphone_create(service.sessions, &driver, &service.microphone, &error) != VU_OK)
		abort();
	return 0;
}

static void close_all(void)
{
	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		capture_session *session = sessions_at(service.sessions, i);
		uv_mutex_lock(&session->writer);
		if (session->used)
			sessions_close(service.sessions, session, VU_NOT_FOUND, "the input is over");
		else
			uv_mutex_unlock(&session->writer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(&service.rpc, data, size);
	close_all();
	return 0;
}
