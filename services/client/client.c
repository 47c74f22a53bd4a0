/*
 * The client: configuration, one channel per service, and calls that tell a
 * suite that is down from a service that is being restarted.
 *
 * A call that finds nobody asks the supervisor. When that answers, the service
 * is on its way back and the call is repeated, under the same request id, for
 * as long as its deadline allows. When it does not, waiting would be in vain
 * and the caller hears at once what to do.
 */
#include "internal.h"

#include "base/clock.h"
#include "platform/platform.h"
#include "rpc/credentials.h"
#include "rpc/placement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* One question to the supervisor, and how long one that is there but says nothing is waited for: a busy machine. */
#define PROBE_US    1000000
#define PATIENCE_US 10000000
/* Opening a device and the decision itself, on top of listening. */
#define MICROPHONE_SLACK_S 5.0

voiceunlock_code voiceunlock_create(const voiceunlock_options *options, voiceunlock_client **client_out,
                                    voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};
	vu_status status;
	const char *caller = options && options->caller ? options->caller : "client";
	voiceunlock_client *client;

	if (options && options->size != sizeof *options)
		return vu_client_return(vu_fail(&inner, VU_INVALID_ARGUMENT,
		                                "unable to create a client: options.size is %zu, not %zu; "
		                                "set it to sizeof and build against this header",
		                                options->size, sizeof *options),
		                        &inner, error);
	client = calloc(1, sizeof *client);
	if (!client)
		return vu_client_return(
		    vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to create a client: out of memory"), &inner,
		    error);
	pthread_mutex_init(&client->mutex, NULL);
	snprintf(client->caller, sizeof client->caller, "%s", caller);
	client->machine_suite = options && options->machine_suite;
	client->suite_uid = client->machine_suite ? (uid_t)options->suite_uid : 0;
	status = vu_config_load(options ? options->config_path : NULL, &client->config, &inner);
	if (status != VU_OK && options && options->tolerate_bad_config) {
		client->config = NULL;
		status = VU_OK;
	}
	if (status != VU_OK)
		goto fail;
	client->runtime_folder =
	    options && options->runtime_folder ? strdup(options->runtime_folder) : vu_platform_runtime_folder();
	if (!client->runtime_folder) {
		status = vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to create a client: out of memory");
		goto fail;
	}
	*client_out = client;
	return VOICEUNLOCK_OK;
fail:
	voiceunlock_destroy(client);
	return vu_client_return(status, &inner, error);
}

void voiceunlock_destroy(voiceunlock_client *client)
{
	if (!client)
		return;
	for (int id = 0; id < VU_SERVICE_COUNT; id++)
		vu_channel_destroy(client->channels[id]);
	/* A channel that gave up half-way stays, unused, to the end of the process, and with it what it refers to. */
	if (!client->timed_out)
		vu_credentials_free(client->credentials);
	vu_config_free(client->config);
	free(client->runtime_folder);
	pthread_mutex_destroy(&client->mutex);
	free(client);
}

double vu_client_timeout_s(const voiceunlock_client *client)
{
	return client->config ? client->config->authentication.timeout_s : 10.0;
}

int64_t vu_client_microphone_us(const voiceunlock_client *client, double timeout_s)
{
	const vu_config *config = client->config;
	double listening_s = config ? config->audio.max_duration_s + config->audio.vad_silence_s : 12.0;

	return (int64_t)((timeout_s + listening_s + MICROPHONE_SLACK_S) * 1e6);
}

/* With the mutex held. */
static vu_status read_credentials(voiceunlock_client *client, vu_error *error)
{
	char *home;
	char path[PATH_MAX];
	vu_status status;

	if (client->credentials)
		return VU_OK;
	home = vu_platform_home_folder();
	if (!home || (size_t)snprintf(path, sizeof path, "%s/tls", home) >= sizeof path)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to find the credentials of this host");
	else
		status = vu_credentials_load(path, &client->credentials, error);
	free(home);
	return status;
}

static vu_status create_channel(voiceunlock_client *client, vu_service_id id, vu_channel **channel_out,
                                vu_error *error)
{
	vu_placement placement;
	vu_channel_config config = {.service = vu_service_name(id),
	                            .caller = client->caller,
	                            .server_uid = client->machine_suite ? &client->suite_uid : NULL};
	vu_status status = vu_placement_find(client->config, client->runtime_folder, id, vu_platform_is_own_address,
	                                     &placement, error);
	bool among_others = status == VU_OK && placement.here && placement.remote;

	if (status == VU_OK && placement.remote && !among_others)
		status = read_credentials(client, error);
	if (status != VU_OK)
		return status;
	/* What is asked of a service itself is about the one here, wherever it stands in the list. */
	config.endpoints = among_others ? &placement.local : placement.call;
	config.endpoint_count = among_others ? 1 : placement.call_count;
	config.credentials = client->credentials;
	return vu_channel_create(&config, channel_out, error);
}

static vu_status get_channel(voiceunlock_client *client, vu_service_id id, vu_channel **channel_out, vu_error *error)
{
	vu_status status = VU_OK;

	pthread_mutex_lock(&client->mutex);
	if (!client->channels[id])
		status = create_channel(client, id, &client->channels[id], error);
	*channel_out = client->channels[id];
	pthread_mutex_unlock(&client->mutex);
	return status;
}

/* Why nobody can be there at all: no folder, or one that may not be entered. OK when neither. */
static vu_status examine_folder(const voiceunlock_client *client, vu_error *error)
{
	char path[VU_SOCKET_PATH_MAX + 32];
	struct stat info;

	if (access(client->runtime_folder, X_OK) != 0) {
		if (errno == EACCES || errno == EPERM) {
			if (stat(client->runtime_folder, &info) == 0)
				return vu_fail(error, VU_PERMISSION_DENIED,
				               "unable to enter %s: it belongs to user %lu; run as that user, "
				               "or start a suite of your own with VOICE_UNLOCK_RUNTIME_DIR",
				               client->runtime_folder, (unsigned long)info.st_uid);
			return vu_fail(error, VU_PERMISSION_DENIED,
			               "unable to enter %s: permission denied; run as its owner, "
			               "or set VOICE_UNLOCK_RUNTIME_DIR to a folder of your own",
			               client->runtime_folder);
		}
		return vu_fail(error, VU_UNAVAILABLE, "the suite is not running; run: jarvis-voice-unlock start");
	}
	if ((size_t)snprintf(path, sizeof path, "%s/supervisor.sock", client->runtime_folder) < sizeof path &&
	    access(path, R_OK | W_OK) != 0 && (errno == EACCES || errno == EPERM))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to talk to the suite in %s: it belongs to somebody else; run as its owner",
		               client->runtime_folder);
	return VU_OK;
}

/*
 * Fails with the reason why the supervisor does not answer. Whoever accepts
 * connections without answering is there but stopped or stuck; to start another
 * would not help then.
 */
static vu_status explain_silence(const voiceunlock_client *client, vu_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	vu_status status = examine_folder(client, error);
	int length, descriptor;
	bool listens = false;

	if (status != VU_OK)
		return status;
	length = snprintf(address.sun_path, sizeof address.sun_path, "%s/supervisor.sock", client->runtime_folder);
	descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	if (descriptor >= 0) {
		/* Never waits: EAGAIN tells of a listener whose queue is full. */
		if (length > 0 && (size_t)length < sizeof address.sun_path &&
		    fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
			listens = connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0 ||
			          errno == EAGAIN || errno == EINPROGRESS;
		close(descriptor);
	}
	if (listens)
		return vu_fail(error, VU_DEADLINE_EXCEEDED,
		               "the suite is running, but its supervisor does not answer; if that lasts, run kill -9 "
		               "on the process named in %s/supervisor.sock.lock, then jarvis-voice-unlock start",
		               client->runtime_folder);
	return vu_fail(error, VU_UNAVAILABLE, "the suite is not running; run: jarvis-voice-unlock start");
}

/* Something was given up half-way: see voiceunlock_destroy. */
static void note_timeout(voiceunlock_client *client)
{
	pthread_mutex_lock(&client->mutex);
	client->timed_out = true;
	pthread_mutex_unlock(&client->mutex);
}

/*
 * OK when the supervisor lives, so that what is missing will come back. One
 * that is there and silent is asked again for a while, until deadline_us at
 * most; where there is none the caller hears so at once.
 */
static vu_status probe_supervisor(voiceunlock_client *client, int64_t deadline_us, vu_cancel *cancel, vu_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_channel *channel;
	vu_status status = examine_folder(client, error);
	int64_t now_us = vu_clock_monotonic_us();
	int64_t end_us = deadline_us < now_us + PATIENCE_US ? deadline_us : now_us + PATIENCE_US;

	if (status == VU_OK)
		status = get_channel(client, VU_SERVICE_SUPERVISOR, &channel, error);
	if (status != VU_OK)
		return status;
	do {
		vu_call_options options = {.timeout_us = PROBE_US, .cancel = cancel};

		status = vu_channel_call(channel, &vu__supervisor__descriptor, "Status", &request.base, &response,
		                         &options, error);
		if (status == VU_OK) {
			protobuf_c_message_free_unpacked(response, NULL);
			return VU_OK;
		}
		if (status != VU_UNAVAILABLE)
			note_timeout(client);
		if (status == VU_UNAVAILABLE || status == VU_DEADLINE_EXCEEDED)
			status = explain_silence(client, error);
	} while (status == VU_DEADLINE_EXCEEDED && vu_clock_monotonic_us() < end_us);
	return status;
}

/* One of the two ways to call, so that both get the same treatment. */
typedef struct any_call {
	const ProtobufCServiceDescriptor *service;
	const char *method;
	const ProtobufCMessage *request;
	ProtobufCMessage **response_out;
	const void *request_data;
	size_t request_bytes;
	uint8_t **bytes_out;
	size_t *bytes_count_out;
} any_call;

static vu_status call_once(vu_channel *channel, const any_call *call, const vu_call_options *options, vu_error *error)
{
	if (call->service)
		return vu_channel_call(channel, call->service, call->method, call->request, call->response_out,
		                       options, error);
	return vu_channel_call_bytes(channel, call->method, call->request_data, call->request_bytes, call->bytes_out,
	                             call->bytes_count_out, options, error);
}

static vu_status call_any(voiceunlock_client *client, vu_service_id id, const any_call *call,
                          const vu_client_call_options *options, vu_error *error)
{
	uint8_t request_id[VU_ID_BYTES];
	int64_t deadline_us = vu_clock_monotonic_us() + options->timeout_us;
	vu_call_options rpc = {.timeout_us = options->timeout_us,
	                       .idempotent = options->idempotent,
	                       .request_id = request_id,
	                       .cancel = options->cancel ? options->cancel->rpc : NULL};
	vu_channel *channel;
	vu_error local = {.status = VU_OK};
	vu_status status;

	if (!error)
		error = &local;
	vu_id_generate(request_id);
	status = get_channel(client, id, &channel, error);
	if (status != VU_OK)
		return status;
	status = call_once(channel, call, &rpc, error);
	if (status == VU_UNAVAILABLE) {
		if (id == VU_SERVICE_SUPERVISOR)
			return explain_silence(client, error);
		status = probe_supervisor(client, deadline_us, rpc.cancel, error);
		rpc.timeout_us = deadline_us - vu_clock_monotonic_us();
		if (status == VU_OK && rpc.timeout_us <= 0)
			status = vu_fail(error, VU_UNAVAILABLE, "%s does not answer; run: jarvis-voice-unlock status",
			                 vu_service_name(id));
		if (status != VU_OK)
			return status;
		rpc.wait_for_ready = true;
		status = call_once(channel, call, &rpc, error);
	}
	if (status == VU_DEADLINE_EXCEEDED || status == VU_CANCELLED)
		note_timeout(client);
	return status;
}

vu_status vu_client_call(voiceunlock_client *client, vu_service_id id, const ProtobufCServiceDescriptor *service,
                         const char *method, const ProtobufCMessage *request, ProtobufCMessage **response_out,
                         const vu_client_call_options *options, vu_error *error)
{
	any_call call = {.service = service, .method = method, .request = request, .response_out = response_out};

	return call_any(client, id, &call, options, error);
}

vu_status vu_client_call_bytes(voiceunlock_client *client, vu_service_id id, const char *full_method,
                               const void *request, size_t request_bytes, uint8_t **response_out,
                               size_t *response_bytes_out, const vu_client_call_options *options, vu_error *error)
{
	any_call call = {.method = full_method,
	                 .request_data = request,
	                 .request_bytes = request_bytes,
	                 .bytes_out = response_out,
	                 .bytes_count_out = response_bytes_out};

	return call_any(client, id, &call, options, error);
}
