/* Dialling, and dialling again where NNG has given up or only knows doubling. */
#include "base/clock.h"
#include "platform/platform.h"
#include "rpc/connection_internal.h"
#include "rpc/nng_aid.h"

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
#define GIVEN_UP_US      (3 * VU_LOCAL_RECONNECT_MAX_MS * 1000LL)
#define GIVEN_UP_KEPT_US (12 * 1000000LL)
/* Elsewhere it is we who dial again, since NNG only knows doubling: 1 s, x1.6, up to 120 s. */
#define REMOTE_REDIAL_MIN_US 1000000
#define REMOTE_REDIAL_MAX_US 120000000

void vu_connection_plan_redial(vu_connection *connection)
{
	int64_t now_us = vu_clock_monotonic_us();
	connection->redial_delay_us = vu_connection_is_remote(connection) ? REMOTE_REDIAL_MIN_US : REDIAL_MIN_US;
	connection->redial_at_us = now_us + connection->redial_delay_us;
	connection->redial_all_us = now_us + REDIAL_ALL_US;
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

vu_status vu_connection_dial(vu_connection *connection, vu_error *error)
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
	vu_connection_plan_redial(connection);
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

void vu_connection_redial(vu_connection *connection)
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
