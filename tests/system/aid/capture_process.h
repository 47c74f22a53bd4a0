/*
 * A real vu-capture for tests: started as a supervisor does, with session
 * rings that outlive it, called over its socket, killed and started again.
 * Included by the programs that check it; prints TAP.
 */
#ifndef CAPTURE_PROCESS_H
#define CAPTURE_PROCESS_H

#include "audio/ring.h"
#include "base/clock.h"
#include "base/id.h"
#include "platform/platform.h"
#include "rpc/channel.h"
#include "runtime/runtime.h"

#include "voiceunlock/v1/capture.pb-c.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_US 20000000ll

static struct {
	const char *program;
	char folder[64];
	int ring_fd;
	pid_t pid;
	vu_channel *channel;
	unsigned tests;
	unsigned failures;
	vu_error error; /* of the last call */
} capture;

static bool check(bool good, const char *what)
{
	capture.tests++;
	capture.failures += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", capture.tests, what);
	fflush(stdout);
	return good;
}

static void diagnose(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void diagnose(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("# ");
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
}

static _Noreturn void give_up(const char *why)
{
	printf("Bail out! %s\n", why);
	if (capture.pid > 0)
		kill(capture.pid, SIGKILL);
	exit(1);
}

/* Starts capture and waits until it says that it is ready. */
static void capture_start(void)
{
	int ready[2];
	char byte = 0;

	if (pipe(ready) != 0)
		give_up("no pipe");
	capture.pid = fork();
	if (capture.pid == 0) {
		char number[16];
		snprintf(number, sizeof number, "%d", ready[1]);
		setenv(VU_ENV_READY_FD, number, 1);
		/* The descriptor of the rings is close-on-exec here; a duplicate is not. */
		snprintf(number, sizeof number, "%d", dup(capture.ring_fd));
		setenv(VU_ENV_RING_FD, number, 1);
		snprintf(number, sizeof number, "%d", (int)getppid());
		setenv(VU_ENV_PARENT_PID, number, 1);
		execl(capture.program, capture.program, (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	if (capture.pid < 0 || read(ready[0], &byte, 1) != 1 || byte != '1')
		give_up("capture did not become ready");
	close(ready[0]);
}

static int capture_end(int signal_number)
{
	int status = 0;

	kill(capture.pid, signal_number);
	if (waitpid(capture.pid, &status, 0) != capture.pid)
		give_up("capture is no child");
	capture.pid = 0;
	return status;
}

static void capture_restart(void)
{
	capture_end(SIGKILL);
	capture_start();
}

/* A private folder, rings as the supervisor holds them, capture, and a channel to it. */
static void capture_prepare(const char *program)
{
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = "capture", .caller = "test", .endpoints = &endpoint, .endpoint_count = 1};
	vu_error error = {0};

	capture.program = program;
	snprintf(capture.folder, sizeof capture.folder, "/tmp/vu-cap-XXXXXX");
	if (!mkdtemp(capture.folder))
		give_up("no folder");
	setenv("VOICE_UNLOCK_HOME", capture.folder, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", capture.folder, 1);
	if (vu_platform_shared_memory("test-rings", VU_RING_MEMORY_BYTES, &capture.ring_fd, &error) != VU_OK ||
	    vu_endpoint_local(capture.folder, "capture", &endpoint, &error) != VU_OK ||
	    vu_channel_create(&config, &capture.channel, &error) != VU_OK)
		give_up(error.message);
	capture_start();
}

static int capture_finish(void)
{
	char command[96];
	int status = capture_end(SIGTERM);

	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "capture stops when told to");
	snprintf(command, sizeof command, "rm -rf '%s'", capture.folder);
	if (system(command) != 0)
		diagnose("unable to remove %s", capture.folder);
	printf("1..%u\n", capture.tests);
	fflush(stdout);
	/* NNG 1.5.2 may hang when it is closed. */
	_exit(capture.failures > 0);
}

/* NULL, with capture.error, when the call failed. Freed by capture_free. */
static void *capture_call(const char *method, const ProtobufCMessage *request, int64_t timeout_us)
{
	vu_call_options options = {.timeout_us = timeout_us, .wait_for_ready = true, .idempotent = true};
	ProtobufCMessage *response = NULL;

	memset(&capture.error, 0, sizeof capture.error);
	if (vu_channel_call(capture.channel, &vu__capture__descriptor, method, request, &response, &options,
	                    &capture.error) != VU_OK)
		return NULL;
	return response;
}

static void capture_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/* The last call failed with this status, and its message says `part`. */
static bool refused(vu_status status, const char *part)
{
	if (capture.error.status == status && strstr(capture.error.message, part))
		return true;
	diagnose("answer was %s: %s", vu_status_name(capture.error.status), capture.error.message);
	return false;
}

static inline bool open_upload(char *id, uint32_t rate, uint32_t channels, bool whole)
{
	Vu__OpenSessionRequest request = VU__OPEN_SESSION_REQUEST__INIT;
	Vu__OpenSessionResponse *response;
	bool good;

	request.session_id = id;
	request.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	request.sample_rate = rate;
	request.channels = channels;
	request.whole_upload = whole;
	response = capture_call("OpenSession", &request.base, CALL_US);
	good = response && strcmp(response->session_id, id) == 0 && response->sample_rate == 16000;
	capture_free(response);
	return good;
}

static inline Vu__AppendResponse *append_chunk(char *id, uint64_t offset, const int16_t *frames, size_t samples,
                                               bool last)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;

	request.session_id = id;
	request.offset_frames = offset;
	request.pcm.data = (uint8_t *)(uintptr_t)frames;
	request.pcm.len = samples * sizeof *frames;
	request.last = last;
	return capture_call("Append", &request.base, CALL_US);
}

static Vu__ReadResponse *read_from(char *id, uint64_t offset, uint32_t max, uint32_t min, uint32_t wait_ms)
{
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;

	request.session_id = id;
	request.offset = offset;
	request.max_samples = max;
	request.min_samples = min;
	request.wait_ms = wait_ms;
	return capture_call("Read", &request.base, CALL_US);
}

/* GetSession, FinishSession or CloseSession. */
static void *about_session(const char *method, char *id)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;

	request.session_id = id;
	return capture_call(method, &request.base, CALL_US);
}

static bool close_it(char *id)
{
	void *response = about_session("CloseSession", id);
	bool good = response != NULL;

	capture_free(response);
	return good;
}

#endif
