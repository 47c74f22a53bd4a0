/*
 * Knowing whether we are connected, and waiting until we are. Locally, when no
 * connection comes about within a few milliseconds, we look why
 * (connection_probe.c).
 */
#include "rpc/connection_internal.h"

#include "base/clock.h"
#include "platform/platform.h"
#include "rpc/farewell.h"
#include "rpc/frame.h"
#include "rpc/peer.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <unistd.h>

/* NNG's own, when nobody calls; while somebody does, see connection_dial.c. */
#define REMOTE_RECONNECT_MIN_MS 1000
#define REMOTE_RECONNECT_MAX_MS 120000
/* How long a first connection may take before we ask why; also between askings. */
#define PROBE_AFTER_US 15000
/* A server that accepts but does not speak NNG: give up on a try after so long. */
#define HANDSHAKE_US 1000000
#define LOOK_US      100000

static bool may_talk_to(const vu_connection *connection, nng_pipe pipe)
{
	uint64_t uid;

	if (connection->wants_uid)
		return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 && uid == connection->server_uid;
	/* Root may talk to anybody's server; others to their own and root's. */
	if (connection->any_uid || geteuid() == 0 || vu_connection_is_remote(connection))
		return true;
	return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
	       vu_peer_judge((uid_t)uid, geteuid(), false) == VU_OK;
}

/* The entry of a pipe, or NULL. With the lock held. */
static vu_connection_pipe *find_pipe(vu_connection *connection, int id)
{
	for (unsigned i = 0; i < VU_CONNECTIONS_MAX; i++) {
		if (connection->pipes[i].id == id)
			return &connection->pipes[i];
	}
	return NULL;
}

/* With the lock held. */
static void forget_pipe(vu_connection *connection, vu_connection_pipe *entry)
{
	connection->pipe_count -= entry->stands;
	entry->id = 0;
	entry->stands = false;
	vu_connection_plan_redial(connection);
}

/* The process at the other end, 0 when not known. */
static pid_t server_of(nng_pipe pipe)
{
	uint64_t pid;
	return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/*
 * NNG may tell of the end of a connection before it tells that it stands, so
 * each is entered when it begins and only one that is still there is counted.
 */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	vu_connection *connection = argument;
	int id = nng_pipe_id(pipe);
	vu_connection_pipe *entry;
	pid_t server = event == NNG_PIPE_EV_ADD_PRE ? server_of(pipe) : 0;

	if (event == NNG_PIPE_EV_ADD_PRE && !may_talk_to(connection, pipe)) {
		uv_mutex_lock(&connection->lock);
		connection->foreign = true;
		uv_cond_broadcast(&connection->changed);
		uv_mutex_unlock(&connection->lock);
		nng_pipe_close(pipe);
		return;
	}
	uv_mutex_lock(&connection->lock);
	entry = find_pipe(connection, event == NNG_PIPE_EV_ADD_PRE ? 0 : id);
	if (entry && event == NNG_PIPE_EV_ADD_PRE) {
		entry->id = id;
		entry->server = server;
		entry->stands = false;
	} else if (entry && event == NNG_PIPE_EV_ADD_POST) {
		entry->stands = true;
		connection->pipe_count++;
		connection->foreign = false;
		connection->generation++;
		connection->silent_us = 0;
	} else if (entry) {
		forget_pipe(connection, entry);
	}
	uv_cond_broadcast(&connection->changed);
	uv_mutex_unlock(&connection->lock);
}

bool vu_connection_is_remote(const vu_connection *connection)
{
	for (size_t i = 0; i < connection->endpoint_count; i++) {
		if (connection->endpoints[i].transport != VU_TRANSPORT_IPC)
			return true;
	}
	return false;
}

vu_status vu_connection_open(vu_connection *connection, vu_error *error)
{
	bool remote = vu_connection_is_remote(connection);
	int result;

	if (uv_mutex_init(&connection->lock) != 0)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: no memory",
		               connection->service);
	if (uv_cond_init(&connection->changed) != 0) {
		uv_mutex_destroy(&connection->lock);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: no memory",
		               connection->service);
	}
	connection->dialers = calloc(connection->endpoint_count, sizeof *connection->dialers);
	connection->dials = calloc(connection->endpoint_count, sizeof *connection->dials);
	if (!connection->dialers || !connection->dials) {
		vu_connection_close(connection, false);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: no memory",
		               connection->service);
	}
	result = nng_req0_open(&connection->socket);
	if (result == 0) {
		connection->is_open = true;
		/* Repeating a request is for our retry policy to decide, never for NNG. */
		result = nng_socket_set_ms(connection->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	}
	if (result == 0)
		result = nng_socket_set_size(connection->socket, NNG_OPT_RECVMAXSZ,
		                             VU_RPC_MESSAGE_BYTES_MAX + VU_FRAME_NNG_SLACK_BYTES);
	if (result == 0)
		result = nng_socket_set_ms(connection->socket, NNG_OPT_RECONNMINT,
		                           remote ? REMOTE_RECONNECT_MIN_MS : VU_LOCAL_RECONNECT_MIN_MS);
	if (result == 0)
		result = nng_socket_set_ms(connection->socket, NNG_OPT_RECONNMAXT,
		                           remote ? REMOTE_RECONNECT_MAX_MS : VU_LOCAL_RECONNECT_MAX_MS);
	for (int event = NNG_PIPE_EV_ADD_PRE; event <= NNG_PIPE_EV_REM_POST && result == 0; event++)
		result = nng_pipe_notify(connection->socket, (nng_pipe_ev)event, on_pipe, connection);
	if (result != 0) {
		vu_connection_close(connection, false);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: %s",
		               connection->service, nng_strerror(result));
	}
	return VU_OK;
}

void vu_connection_close(vu_connection *connection, bool abandon)
{
	if (abandon) {
		if (connection->dialled)
			vu_farewell_later(connection);
		return;
	}
	if (connection->is_open)
		nng_close(connection->socket);
	connection->is_open = false;
	free(connection->dialers);
	free(connection->dials);
	uv_cond_destroy(&connection->changed);
	uv_mutex_destroy(&connection->lock);
}

void vu_connection_check(vu_connection *connection)
{
	uv_mutex_lock(&connection->lock);
	for (unsigned i = 0; i < VU_CONNECTIONS_MAX; i++) {
		vu_connection_pipe *entry = &connection->pipes[i];
		if (entry->id == 0 || entry->server == 0 || vu_platform_process_alive(entry->server))
			continue;
		forget_pipe(connection, entry);
	}
	uv_mutex_unlock(&connection->lock);
}

static vu_status foreign(const vu_connection *connection, vu_error *error)
{
	return vu_fail(error, VU_PERMISSION_DENIED,
	               "unable to call %s: the process that serves at %s belongs to somebody else",
	               connection->service, connection->endpoints[0].uri);
}

/*
 * With the lock held, which is released meanwhile: asks the system why there
 * is no connection. OK: wait on.
 */
static vu_status ask_why(vu_connection *connection, int64_t waited_us, vu_error *reason)
{
	vu_status status;

	/* Somebody is asking already. */
	if (connection->probing)
		return VU_OK;
	connection->probing = true;
	uv_mutex_unlock(&connection->lock);
	status = vu_connection_diagnose(connection, reason);
	uv_mutex_lock(&connection->lock);
	connection->probing = false;
	if (connection->pipe_count > 0)
		return VU_OK;
	if (status == VU_OK && waited_us >= HANDSHAKE_US)
		status = vu_fail(reason, VU_UNAVAILABLE, "unable to call %s: what listens at %s does not answer",
		                 connection->service, connection->endpoints[0].uri);
	return status;
}

vu_status vu_connection_wait(vu_connection *connection, bool wait_for_ready, int64_t deadline_us, vu_cancel *cancel,
                             vu_error *error)
{
	int64_t began_us = vu_clock_monotonic_us();
	vu_status status = VU_OK;
	vu_error reason = {VU_OK, ""};

	uv_mutex_lock(&connection->lock);
	while (connection->pipe_count == 0) {
		int64_t now_us = vu_clock_monotonic_us();
		int64_t wait_us = PROBE_AFTER_US;
		if (vu_cancel_is_triggered(cancel)) {
			status = vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller",
			                 connection->service);
			break;
		}
		if (connection->foreign) {
			status = foreign(connection, error);
			break;
		}
		if (now_us >= deadline_us) {
			status = vu_fail(error, VU_DEADLINE_EXCEEDED, "%s",
			                 reason.message[0] ? reason.message : "unable to connect in time");
			break;
		}
		status = vu_connection_dial(connection, error);
		if (status)
			break;
		vu_connection_redial(connection);
		if (now_us - began_us >= PROBE_AFTER_US) {
			status = ask_why(connection, now_us - began_us, &reason);
			if (status == VU_PERMISSION_DENIED || (status == VU_UNAVAILABLE && !wait_for_ready)) {
				vu_fail(error, status, "%s", reason.message);
				break;
			}
			status = VU_OK;
			/* Asking is for the first moments; after that a connection announces itself. */
			if (now_us - began_us > 10 * PROBE_AFTER_US)
				wait_us = LOOK_US;
		}
		if (connection->pipe_count > 0)
			break;
		if (wait_us > deadline_us - now_us)
			wait_us = deadline_us - now_us;
		(void)uv_cond_timedwait(&connection->changed, &connection->lock, (uint64_t)wait_us * 1000);
	}
	uv_mutex_unlock(&connection->lock);
	return status;
}

void vu_connection_sleep(vu_connection *connection, int64_t until_us, uint64_t generation, const vu_cancel *cancel)
{
	uv_mutex_lock(&connection->lock);
	while (connection->generation <= generation && !vu_cancel_is_triggered(cancel)) {
		int64_t left_us = until_us - vu_clock_monotonic_us();
		if (left_us <= 0)
			break;
		(void)uv_cond_timedwait(&connection->changed, &connection->lock, (uint64_t)left_us * 1000);
	}
	uv_mutex_unlock(&connection->lock);
}

uint64_t vu_connection_generation(vu_connection *connection)
{
	uint64_t generation;
	uv_mutex_lock(&connection->lock);
	generation = connection->generation;
	uv_mutex_unlock(&connection->lock);
	return generation;
}

bool vu_connection_kick(vu_connection *connection, vu_error *error)
{
	bool stands;

	uv_mutex_lock(&connection->lock);
	if (connection->pipe_count == 0 && vu_connection_dial(connection, error) == VU_OK)
		vu_connection_redial(connection);
	stands = connection->pipe_count > 0;
	uv_mutex_unlock(&connection->lock);
	return stands;
}

void vu_connection_heard(vu_connection *connection)
{
	if (!vu_connection_is_remote(connection))
		return;
	uv_mutex_lock(&connection->lock);
	connection->silent_us = 0;
	uv_mutex_unlock(&connection->lock);
}

void vu_connection_unheard(vu_connection *connection, int64_t since_us)
{
	int ids[VU_CONNECTIONS_MAX];
	unsigned count = 0;

	if (!vu_connection_is_remote(connection))
		return;
	uv_mutex_lock(&connection->lock);
	if (connection->silent_us == 0)
		connection->silent_us = since_us;
	if (vu_clock_monotonic_us() - connection->silent_us >= VU_SILENCE_US) {
		for (unsigned i = 0; i < VU_CONNECTIONS_MAX; i++) {
			if (connection->pipes[i].id != 0)
				ids[count++] = connection->pipes[i].id;
		}
		connection->silent_us = 0;
	}
	uv_mutex_unlock(&connection->lock);
	/* NNG tells of their end as of any other. */
	for (unsigned i = 0; i < count; i++)
		(void)nng_pipe_close((nng_pipe){.id = (uint32_t)ids[i]});
}
