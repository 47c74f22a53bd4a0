/*
 * Listening for other hosts, over TLS, beside the local socket or alone.
 *
 * The allow-list is read again when it changes, and a host that is not in it
 * any more is refused from then on. But NNG takes a listener's certificates
 * once, and to close a listener under way may leave NNG 1.5.2's closing thread
 * waiting for ever: new certificates are shown by the next process, which the
 * supervisor starts by itself (services/supervisor/renewal.h). That costs no
 * request.
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

	if (generation == server->credentials_generation)
		return;
	server->credentials_generation = generation;
	vu_log_info(
	    "the allow-list counts as it is now; other hosts are shown a renewed certificate by the next process "
	    "of %s, which its supervisor starts",
	    server->service);
}
