/*
 * Listening for other hosts, over TLS, beside the local socket or alone.
 *
 * NNG takes a listener's certificates once. So when vu-pki has renewed them or
 * a host was revoked, the listener is started anew with what is on disk;
 * connections break thereby, are made again by their clients, and calls that
 * were under way are tried again. If that fails, it is tried again every second.
 */
#include "rpc/server_internal.h"

#include "base/log.h"

#include <nng/supplemental/tls/tls.h>

static vu_status start(vu_rpc_server *server, vu_remote_listener *remote, vu_error *error)
{
	nng_tls_config *tls = NULL;
	vu_status status = vu_credentials_tls(server->credentials, NULL, &tls, error);
	int result;

	if (status)
		return status;
	result = nng_listener_create(&remote->listener, server->socket, remote->endpoint.uri);
	if (result == 0) {
		result = nng_listener_set_ptr(remote->listener, NNG_OPT_TLS_CONFIG, tls);
		if (result == 0)
			result = nng_listener_start(remote->listener, 0);
		if (result != 0)
			nng_listener_close(remote->listener);
	}
	/* The listener holds it on its own. */
	nng_tls_config_free(tls);
	if (result != 0)
		return vu_listener_failure(&remote->endpoint, result, error);
	remote->listens = true;
	return VU_OK;
}

vu_status vu_remote_listeners_start(vu_rpc_server *server, vu_error *error)
{
	vu_status status = VU_OK;

	server->credentials_generation = vu_credentials_refresh(server->credentials);
	for (size_t i = 0; i < server->remote_count && !status; i++)
		status = start(server, &server->remotes[i], error);
	return status;
}

void vu_remote_listeners_refresh(vu_rpc_server *server)
{
	uint64_t generation = vu_credentials_refresh(server->credentials);
	bool changed = generation != server->credentials_generation;

	server->credentials_generation = generation;
	for (size_t i = 0; i < server->remote_count; i++) {
		vu_remote_listener *remote = &server->remotes[i];
		vu_error error;
		if (remote->listens && !changed)
			continue;
		if (remote->listens)
			(void)nng_listener_close(remote->listener);
		remote->listens = false;
		if (start(server, remote, &error) != VU_OK)
			vu_log_error("%s; trying again", error.message);
		else
			vu_log_info("listening at %s with the certificates as they are now", remote->endpoint.uri);
	}
}
