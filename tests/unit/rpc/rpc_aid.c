/* See rpc_aid.h. Whatever goes wrong here ends the test program: there is nothing to test without it. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "base/log.h"
#include "platform/platform.h"
#include "rpc/frame.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static void on_append(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__AppendRequest *request = (const void *)message;
	Vu__AppendResponse response = VU__APPEND_RESPONSE__INIT;
	(void)context;
	response.next_offset_frames = request->pcm.len;
	vu_rpc_reply(call, &response.base);
}

static void on_get_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__SessionRequest *request = (const void *)message;
	Vu__SessionInfo response = VU__SESSION_INFO__INIT;
	(void)context;
	response.device = request->session_id;
	response.source_rate = vu_rpc_attempt(call);
	response.total_samples = (uint64_t)vu_rpc_time_left_us(call);
	response.speech_start = (uint64_t)vu_rpc_peer_uid(call);
	response.speech_end = (uint64_t)vu_rpc_peer_pid(call);
	if (vu_rpc_metadata(call, "colour"))
		response.failure = (char *)(uintptr_t)vu_rpc_metadata(call, "colour");
	vu_rpc_reply(call, &response.base);
}

static void on_read(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	rpc_aid *aid = context;
	const Vu__ReadRequest *request = (const void *)message;
	Vu__ReadResponse response = VU__READ_RESPONSE__INIT;
	int64_t until_us = vu_clock_monotonic_us() + (int64_t)request->wait_ms * 1000;
	uint8_t *data = calloc(1, (size_t)request->max_samples + 1);

	atomic_fetch_add(&aid->reads_running, 1);
	/* min_samples says: do not look at the deadline. */
	while (vu_clock_monotonic_us() < until_us && (request->min_samples > 0 || !vu_rpc_is_cancelled(call)))
		usleep(1000);
	response.pcm_s16le.data = data;
	response.pcm_s16le.len = data ? request->max_samples : 0;
	vu_rpc_reply(call, &response.base);
	atomic_fetch_sub(&aid->reads_running, 1);
	free(data);
}

static void on_finish_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	rpc_aid *aid = context;
	unsigned index = atomic_load(&aid->kept_count);
	(void)message;
	if (index >= RPC_AID_KEPT_MAX)
		vu_log_panic("too many kept calls");
	aid->kept[index] = call;
	atomic_store(&aid->kept_count, index + 1);
}

static void on_open_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__OpenSessionRequest *request = (const void *)message;
	(void)context;
	vu_rpc_fail(call, VU_FAILED_PRECONDITION, "%s", request->session_id);
}

static void on_list_devices(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	rpc_aid *aid = context;
	Vu__DevicesResponse response = VU__DEVICES_RESPONSE__INIT;
	(void)message;
	atomic_fetch_add(&aid->devices_runs, 1);
	if (atomic_load(&aid->devices_failures) > 0) {
		atomic_fetch_sub(&aid->devices_failures, 1);
		vu_rpc_fail(call, VU_UNAVAILABLE, "not yet");
		return;
	}
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method METHODS[] = {
    {"Append", on_append, 0},
    {"GetSession", on_get_session, VU_RPC_INLINE | VU_RPC_IDEMPOTENT | VU_RPC_ANY_USER},
    {"Read", on_read, VU_RPC_IDEMPOTENT},
    {"FinishSession", on_finish_session, VU_RPC_INLINE},
    {"OpenSession", on_open_session, 0},
    {"ListDevices", on_list_devices, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
};

void rpc_aid_init(rpc_aid *aid)
{
	vu_error error;
	memset(aid, 0, sizeof *aid);
	snprintf(aid->folder, sizeof aid->folder, "/tmp/vu-rpc-XXXXXX");
	if (!mkdtemp(aid->folder) || vu_endpoint_local(aid->folder, "capture", &aid->endpoint, &error) != VU_OK)
		vu_log_panic("unable to make a folder");
}

void rpc_aid_start(rpc_aid *aid, const vu_rpc_server_config *config)
{
	vu_rpc_server_config used = {.service = "capture"};
	vu_error error = {VU_OK, ""};

	if (config)
		used = *config;
	used.service = "capture";
	used.endpoint = &aid->endpoint;
	aid->service.descriptor = &vu__capture__descriptor;
	aid->service.methods = METHODS;
	aid->service.method_count = sizeof METHODS / sizeof *METHODS;
	aid->service.context = aid;
	if (vu_rpc_server_create(&used, &aid->server, &error) != VU_OK ||
	    vu_rpc_server_add(aid->server, &aid->service, &error) != VU_OK ||
	    vu_rpc_server_listen(aid->server, &error) != VU_OK)
		vu_log_panic("unable to start the server: %s", error.message);
}

void rpc_aid_answer_kept(rpc_aid *aid)
{
	unsigned count = atomic_exchange(&aid->kept_count, 0);
	Vu__SessionInfo response = VU__SESSION_INFO__INIT;
	response.device = (char *)(uintptr_t) "kept";
	for (unsigned i = 0; i < count; i++)
		vu_rpc_reply(aid->kept[i], &response.base);
}

void rpc_aid_stop(rpc_aid *aid)
{
	rpc_aid_answer_kept(aid);
	if (aid->server && vu_rpc_server_drain(aid->server, 5000) != 0)
		vu_log_panic("calls are left in the server");
	vu_rpc_server_destroy(aid->server);
	aid->server = NULL;
}

void rpc_aid_fini(rpc_aid *aid)
{
	char path[128];
	unlink(aid->endpoint.path);
	snprintf(path, sizeof path, "%s.lock", aid->endpoint.path);
	unlink(path);
	rmdir(aid->folder);
}

vu_channel *rpc_aid_channel(const rpc_aid *aid)
{
	vu_channel_config config = {
	    .service = "capture", .caller = "test", .endpoints = &aid->endpoint, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error;
	if (vu_channel_create(&config, &channel, &error) != VU_OK)
		vu_log_panic("unable to create a channel: %s", error.message);
	return channel;
}

vu_status rpc_aid_call(vu_channel *channel, const char *method, const ProtobufCMessage *request,
                       ProtobufCMessage **response_out, int64_t timeout_us, vu_error *error)
{
	vu_call_options options = {.timeout_us = timeout_us};
	return vu_channel_call(channel, &vu__capture__descriptor, method, request, response_out, &options, error);
}

int rpc_aid_send_raw(const rpc_aid *aid, const void *frame, size_t bytes, char *text)
{
	nng_socket socket;
	nng_msg *msg;
	vu_response_header header;
	vu_span payload;
	int status = -1;

	if (nng_req0_open(&socket) != 0)
		vu_log_panic("unable to open a bare socket");
	nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 5000);
	nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, 5000);
	if (nng_dial(socket, aid->endpoint.uri, NULL, 0) != 0 || nng_msg_alloc(&msg, 0) != 0)
		vu_log_panic("unable to connect a bare socket");
	if (bytes > 0)
		nng_msg_append(msg, frame, bytes);
	if (nng_sendmsg(socket, msg, 0) != 0) {
		nng_msg_free(msg);
	} else if (nng_recvmsg(socket, &msg, 0) == 0) {
		if (vu_frame_parse_response(nng_msg_body(msg), nng_msg_len(msg), &header, &payload, NULL) == VU_OK) {
			status = (int)header.status;
			if (text)
				snprintf(text, VU_ERROR_MESSAGE_MAX, "%.*s", (int)header.message.bytes,
				         header.message.bytes ? (const char *)header.message.data : "");
		}
		nng_msg_free(msg);
	}
	nng_close(socket);
	return status;
}

int rpc_aid_wait_for(atomic_uint *counter, unsigned value)
{
	for (int i = 0; i < 10000; i++) {
		if (atomic_load(counter) == value)
			return 1;
		usleep(1000);
	}
	return 0;
}

size_t rpc_aid_frame(uint8_t *frame, const char *method, uint64_t timeout_us, const void *payload,
                     size_t payload_bytes)
{
	vu_request_header header;
	size_t bytes;
	memset(&header, 0, sizeof header);
	header.method = (vu_span){(const uint8_t *)method, strlen(method)};
	header.timeout_us = timeout_us;
	header.attempt = 1;
	vu_id_generate(header.request_id);
	bytes = vu_frame_write_request(frame, &header);
	if (payload_bytes > 0)
		memcpy(frame + bytes, payload, payload_bytes);
	return bytes + payload_bytes;
}

/* ---- programs of their own ---- */

static void become(const char *uid)
{
	uid_t number = (uid_t)atoi(uid);
	if (number != 0 && (setgid((gid_t)number) != 0 || setuid(number) != 0))
		vu_log_panic("unable to become uid %s", uid);
}

/* Where a spawned server says that it listens. */
#define READY_FD 3

static void be_server(const char *path, const char *uid, const char *parent)
{
	rpc_aid aid;
	char text[VU_ENDPOINT_URI_MAX];
	vu_rpc_server_config config = {.any_uid = atoi(uid) != 0};
	vu_error error;

	become(uid);
	(void)vu_platform_die_with_parent((pid_t)atoi(parent));
	memset(&aid, 0, sizeof aid);
	snprintf(text, sizeof text, "ipc://%s", path);
	if (vu_endpoint_parse(text, &aid.endpoint, &error) != VU_OK)
		vu_log_panic("%s", error.message);
	rpc_aid_start(&aid, &config);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	if (write(READY_FD, "1", 1) != 1)
		vu_log_panic("unable to say that the server is ready");
	for (;;)
		pause();
}

static void be_client(const char *path, const char *uid, const char *method)
{
	Vu__SessionRequest session = VU__SESSION_REQUEST__INIT;
	Vu__Empty empty = VU__EMPTY__INIT;
	rpc_aid aid;
	char text[VU_ENDPOINT_URI_MAX];
	vu_error error = {VU_OK, ""};
	vu_status status;

	become(uid);
	memset(&aid, 0, sizeof aid);
	snprintf(text, sizeof text, "ipc://%s", path);
	if (vu_endpoint_parse(text, &aid.endpoint, &error) != VU_OK)
		vu_log_panic("%s", error.message);
	status =
	    rpc_aid_call(rpc_aid_channel(&aid), method,
	                 strcmp(method, "GetSession") == 0 ? &session.base : &empty.base, NULL, 10000000, &error);
	_exit((int)status);
}

void rpc_aid_main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		be_server(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "call") == 0)
		be_client(argv[2], argv[3], argv[4]);
}

/* NNG is never touched between fork and exec. */
static pid_t spawn(char **arguments, int ready_fd)
{
	char *executable = vu_platform_executable_path();
	pid_t child;
	if (!executable)
		vu_log_panic("unable to find this program");
	arguments[0] = executable;
	child = fork();
	if (child < 0)
		vu_log_panic("unable to fork");
	if (child == 0) {
		if (ready_fd >= 0 && ready_fd != READY_FD)
			dup2(ready_fd, READY_FD);
		execv(executable, arguments);
		_exit(127);
	}
	free(executable);
	return child;
}

pid_t rpc_aid_spawn_server(const rpc_aid *aid, uid_t uid)
{
	char path[VU_SOCKET_PATH_MAX + 1];
	char number[16];
	char parent[16];
	char *arguments[] = {NULL, (char *)(uintptr_t) "serve", path, number, parent, NULL};
	int ready[2];
	char byte;
	pid_t child;

	snprintf(path, sizeof path, "%s", aid->endpoint.path);
	snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	snprintf(parent, sizeof parent, "%ld", (long)getpid());
	if (pipe(ready) != 0)
		vu_log_panic("unable to make a pipe");
	child = spawn(arguments, ready[1]);
	close(ready[1]);
	/* The end of the pipe without a byte is the end of the server. */
	if (read(ready[0], &byte, 1) == 1) {
		close(ready[0]);
		return child;
	}
	vu_log_panic("the server did not start");
}

void rpc_aid_kill(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int rpc_aid_call_as(const rpc_aid *aid, uid_t uid)
{
	return rpc_aid_call_method_as(aid, uid, "GetSession");
}

int rpc_aid_call_method_as(const rpc_aid *aid, uid_t uid, const char *method)
{
	char path[VU_SOCKET_PATH_MAX + 1];
	char number[16];
	char name[64];
	char *arguments[] = {NULL, (char *)(uintptr_t) "call", path, number, name, NULL};
	int status = -1;

	snprintf(name, sizeof name, "%s", method);
	snprintf(path, sizeof path, "%s", aid->endpoint.path);
	snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	waitpid(spawn(arguments, -1), &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- threads ---- */

static void *run_thread(void *argument)
{
	rpc_aid_thread *call = argument;
	call->status = vu_channel_call(call->channel, &vu__capture__descriptor, call->method, call->request, NULL,
	                               &call->options, &call->error);
	return NULL;
}

void rpc_aid_thread_start(rpc_aid_thread *call, vu_channel *channel, const char *method,
                          const ProtobufCMessage *request, int64_t timeout_us)
{
	call->channel = channel;
	call->method = method;
	call->request = request;
	call->options.timeout_us = timeout_us;
	if (pthread_create(&call->thread, NULL, run_thread, call) != 0)
		vu_log_panic("unable to start a thread");
}

vu_status rpc_aid_thread_join(rpc_aid_thread *call)
{
	pthread_join(call->thread, NULL);
	return call->status;
}
