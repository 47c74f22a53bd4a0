/*
 * Connecting, and knowing whether we are connected.
 *
 * Locally, when no connection comes about within a few milliseconds, we look at
 * the socket and its lock file to see why: nobody listens, or we may not. That
 * is how a call to a dead service fails in milliseconds and one to a foreign
 * socket says so.
 */
#include "rpc/connection.h"

#include "base/clock.h"
#include "platform/platform.h"
#include "rpc/farewell.h"
#include "rpc/frame.h"
#include "rpc/nng_aid.h"
#include "rpc/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * NNG doubles its wait between tries, so that it is never late by more than a
 * service was away; and it must not try much faster than its poller closes the
 * descriptors of failed tries, or a busy machine runs out of them.
 */
#define LOCAL_RECONNECT_MIN_MS 1
#define LOCAL_RECONNECT_MAX_MS 25
/* NNG's own, when nobody calls; while somebody does, see REMOTE_REDIAL_MIN_US. */
#define REMOTE_RECONNECT_MIN_MS 1000
#define REMOTE_RECONNECT_MAX_MS 120000
/* How long a first connection may take before we ask why; also between askings. */
#define PROBE_AFTER_US 15000
/* A server that accepts but does not speak NNG: give up on a try after so long. */
#define HANDSHAKE_US      1000000
#define PROBE_GREETING_MS 100
/*
 * How long NNG may be without a connection until we look whether it has given
 * up a dialer, and until dialers are replaced of which it does not tell that.
 * One that is only slow is left alone: closed in mid-connect, NNG 1.5.2 keeps
 * its connection for ever.
 */
#define REDIAL_MIN_US 15000
#define REDIAL_MAX_US 1000000
#define REDIAL_ALL_US 250000
/*
 * How long a dialer that has met such an error stands still until it is taken
 * for given up: longer than NNG ever waits between two tries, or, where NNG
 * should give up none, than it waits for a greeting (10 s) as well.
 */
#define GIVEN_UP_US      (3 * LOCAL_RECONNECT_MAX_MS * 1000LL)
#define GIVEN_UP_KEPT_US (12 * 1000000LL)
/* Elsewhere it is we who dial again, since NNG only knows doubling: 1 s, x1.6, up to 120 s. */
#define REMOTE_REDIAL_MIN_US 1000000
#define REMOTE_REDIAL_MAX_US 120000000
#define LOOK_US              100000

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

/* With the lock held: when to dial again, if no connection comes about by itself. */
static void plan_redial(vu_connection *connection)
{
	int64_t now_us = vu_clock_monotonic_us();
	connection->redial_delay_us = vu_connection_is_remote(connection) ? REMOTE_REDIAL_MIN_US : REDIAL_MIN_US;
	connection->redial_at_us = now_us + connection->redial_delay_us;
	connection->redial_all_us = now_us + REDIAL_ALL_US;
}

/* With the lock held. */
static void forget_pipe(vu_connection *connection, vu_connection_pipe *entry)
{
	connection->pipe_count -= entry->stands;
	entry->id = 0;
	entry->stands = false;
	plan_redial(connection);
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
		                           remote ? REMOTE_RECONNECT_MIN_MS : LOCAL_RECONNECT_MIN_MS);
	if (result == 0)
		result = nng_socket_set_ms(connection->socket, NNG_OPT_RECONNMAXT,
		                           remote ? REMOTE_RECONNECT_MAX_MS : LOCAL_RECONNECT_MAX_MS);
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

/*
 * The pid in the lock file of the server at `path`, 0 when there is none. The
 * lock itself is not tried: that could keep a server from taking it.
 */
static pid_t lock_holder(const char *path)
{
	char lock_path[VU_SOCKET_PATH_MAX + 8];
	char text[24];
	ssize_t got;
	long pid;
	int fd;

	snprintf(lock_path, sizeof lock_path, "%s.lock", path);
	fd = open(lock_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/*
 * errno of a connection to the socket: 0 when somebody listens. One of our own
 * servers is known by its lock file, without troubling it.
 */
static int probe(const char *path)
{
	pid_t server;
	int fd;
	int result;

	if (access(path, W_OK) != 0)
		return errno;
	server = lock_holder(path);
	if (server > 0)
		return vu_platform_process_alive(server) ? 0 : ECONNREFUSED;
	result = vu_nng_greet(path, &fd);
	/* Left only once it has greeted: to hang up before could end its listener (see nng_aid.h). */
	if (result == 0) {
		(void)vu_nng_is_greeted(fd, PROBE_GREETING_MS);
		close(fd);
	}
	/* A full backlog is somebody who listens; and what is for us to want (descriptors, memory) says nothing. */
	return result == ECONNREFUSED || result == ENOTSOCK ? result : 0;
}

/* Why there is no connection: OK when one may still come about. */
static vu_status diagnose(const vu_connection *connection, vu_error *error)
{
	vu_status status = VU_OK;

	for (size_t i = 0; i < connection->endpoint_count; i++) {
		const vu_endpoint *endpoint = &connection->endpoints[i];
		int reason = endpoint->transport == VU_TRANSPORT_IPC ? probe(endpoint->path) : 0;
		switch (reason) {
		case 0:
			return VU_OK;
		case EACCES:
		case EPERM:
			status = vu_fail(
			    error, VU_PERMISSION_DENIED,
			    "unable to call %s: the socket %s belongs to somebody else; ask as its user, or as root",
			    connection->service, endpoint->path);
			break;
		default:
			if (status != VU_PERMISSION_DENIED)
				status = vu_fail(error, VU_UNAVAILABLE,
				                 "unable to call %s: nobody serves at %s; is the suite started?",
				                 connection->service, endpoint->path);
			break;
		}
	}
	return status;
}

/* Starts one dialer; NNG connects in the background from here on. */
static int start_dialer(vu_connection *connection, size_t index)
{
	const vu_endpoint *endpoint = &connection->endpoints[index];
	nng_tls_config *tls = NULL;
	int result = nng_dialer_create(&connection->dialers[index], connection->socket, endpoint->uri);

	if (result != 0)
		return result;
	if (endpoint->transport == VU_TRANSPORT_TLS) {
		vu_error error;
		(void)vu_credentials_refresh(connection->credentials);
		if (vu_credentials_tls(connection->credentials, endpoint->host, &tls, &error) != VU_OK)
			result = NNG_ECRYPTO;
		if (result == 0)
			result = nng_dialer_set_ptr(connection->dialers[index], NNG_OPT_TLS_CONFIG, tls);
		if (tls)
			nng_tls_config_free(tls);
	}
	if (result == 0)
		result = nng_dialer_start(connection->dialers[index], NNG_FLAG_NONBLOCK);
	if (result != 0)
		nng_dialer_close(connection->dialers[index]);
	return result;
}

/* With the lock held, which is released meanwhile: the first dialling of a channel. */
static vu_status dial(vu_connection *connection, vu_error *error)
{
	int result = 0;
	size_t index = 0;

	if (connection->dialled || connection->dialling)
		return VU_OK;
	connection->dialling = true;
	uv_mutex_unlock(&connection->lock);
	for (; index < connection->endpoint_count && result == 0; index++)
		result = start_dialer(connection, index);
	/* All or none, so that the next call begins afresh. */
	if (result != 0) {
		for (size_t i = 0; i + 1 < index; i++)
			nng_dialer_close(connection->dialers[i]);
	}
	uv_mutex_lock(&connection->lock);
	connection->dialling = false;
	connection->dialled = result == 0;
	plan_redial(connection);
	uv_cond_broadcast(&connection->changed);
	if (result != 0)
		return vu_fail(error, VU_INTERNAL, "unable to connect to %s: %s", connection->service,
		               nng_strerror(result));
	return VU_OK;
}

/*
 * Whether NNG has given up a dialer (see nng_aid.h): it has met an error that
 * may end one, and has not tried again for longer than it waits between tries.
 * Most such errors are harmless, as when a server dies before it has greeted;
 * and NNG 1.5.2 keeps the connection of a dialer for ever that is closed just
 * when a part of its greeting has ended.
 */
static bool is_given_up(vu_connection *connection, size_t index, bool when_unknown)
{
	vu_nng_dialling fared = vu_nng_dialer_fared(connection->dialers[index]);
	vu_connection_dials *seen = &connection->dials[index];
	int64_t now_us = vu_clock_monotonic_us();

	if (!fared.known)
		return when_unknown;
	if (fared.ends != seen->ends || seen->since_us == 0) {
		seen->ends = fared.ends;
		seen->since_us = now_us;
	}
	return fared.errors > 0 &&
	       now_us - seen->since_us >= (vu_platform_keeps_dialling() ? GIVEN_UP_KEPT_US : GIVEN_UP_US);
}

/*
 * With the lock held, which is released meanwhile: replaces dialers that NNG
 * may have given up (see nng_aid.h), soon at first and then ever more seldom.
 */
static void redial(vu_connection *connection)
{
	int64_t now_us = vu_clock_monotonic_us();
	bool remote = vu_connection_is_remote(connection);
	bool all = now_us >= connection->redial_all_us;

	if (connection->dialling || !connection->dialled || now_us < connection->redial_at_us)
		return;
	connection->dialling = true;
	uv_mutex_unlock(&connection->lock);
	for (size_t i = 0; i < connection->endpoint_count; i++) {
		if (!remote && !is_given_up(connection, i, all))
			continue;
		nng_dialer_close(connection->dialers[i]);
		(void)start_dialer(connection, i);
		connection->dials[i] = (vu_connection_dials){0, 0};
	}
	uv_mutex_lock(&connection->lock);
	connection->dialling = false;
	if (!vu_connection_is_remote(connection))
		connection->redial_delay_us =
		    connection->redial_delay_us < REDIAL_MAX_US ? connection->redial_delay_us * 2 : REDIAL_MAX_US;
	else if (connection->redial_delay_us < REMOTE_REDIAL_MAX_US * 5 / 8)
		connection->redial_delay_us = connection->redial_delay_us * 8 / 5;
	else
		connection->redial_delay_us = REMOTE_REDIAL_MAX_US;
	connection->redial_at_us = vu_clock_monotonic_us() + connection->redial_delay_us;
	if (all)
		connection->redial_all_us = now_us + REDIAL_MAX_US;
	uv_cond_broadcast(&connection->changed);
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
	status = diagnose(connection, reason);
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
		status = dial(connection, error);
		if (status)
			break;
		redial(connection);
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
	if (connection->pipe_count == 0 && dial(connection, error) == VU_OK)
		redial(connection);
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
