/*
 * The socket of a channel and what is known of its connections.
 *
 * NNG connects and reconnects by itself in the background. This keeps count of
 * the connections that stand, so that a call can fail at once when nobody
 * serves, instead of waiting in NNG's queue until its deadline.
 */
#ifndef VU_RPC_CONNECTION_H
#define VU_RPC_CONNECTION_H

#include "base/status.h"
#include "rpc/cancel.h"
#include "rpc/credentials.h"
#include "rpc/endpoint.h"

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define VU_CONNECTIONS_MAX 32
#define VU_SILENCE_US      1900000

typedef struct vu_connection_pipe {
	int id;       /* 0: the entry is free */
	pid_t server; /* 0 when not known */
	bool stands;
} vu_connection_pipe;

/* How many attempts of a dialer had ended, and since when; 0: not looked at yet. */
typedef struct vu_connection_dials {
	uint64_t ends;
	int64_t since_us;
} vu_connection_dials;

typedef struct vu_connection {
	const char *service;          /* for messages; the owner's */
	const vu_endpoint *endpoints; /* the owner's */
	size_t endpoint_count;
	vu_credentials *credentials; /* the owner's, for remote ones */
	bool any_uid;
	bool wants_uid; /* only a server of server_uid will do */
	uid_t server_uid;

	nng_socket socket;
	bool is_open;
	int64_t farewell_us; /* see farewell.h; this and the next once it has been abandoned */
	struct vu_connection *next_farewell;
	uv_mutex_t lock;
	uv_cond_t changed;
	/* Guarded by lock. */
	bool dialled;
	bool dialling;              /* some thread is at it, without the lock */
	nng_dialer *dialers;        /* one per endpoint */
	vu_connection_dials *dials; /* of each, at the last look */
	bool probing;               /* some thread asks why there is no connection, without the lock */
	int64_t redial_at_us;       /* when the dialers are looked at, unless a connection stands by then */
	int64_t redial_delay_us;    /* from that to the next look */
	int64_t redial_all_us;      /* when those are replaced of which NNG does not tell how they fare */
	vu_connection_pipe pipes[VU_CONNECTIONS_MAX];
	unsigned pipe_count; /* of those that stand */
	uint64_t generation; /* grows with every connection made */
	bool foreign;        /* the last server found belongs to somebody else */
	int64_t silent_us;   /* since when nothing has been heard that was waited for; 0: all is well */
} vu_connection;

vu_status vu_connection_open(vu_connection *connection, vu_error *error);
/*
 * With `abandon`, for one that answers may still come to: hangs up later (see
 * farewell.h) and leaves the socket open, since closing that after timeouts can
 * hang in NNG 1.5.2.
 */
void vu_connection_close(vu_connection *connection, bool abandon);

/*
 * Starts connecting if need be and waits until a connection stands. OK;
 * UNAVAILABLE when nobody listens (at once unless `wait_for_ready`);
 * PERMISSION_DENIED when the socket may not be opened or its server belongs to
 * somebody else; DEADLINE_EXCEEDED; CANCELLED.
 */
vu_status vu_connection_wait(vu_connection *connection, bool wait_for_ready, int64_t deadline_us, vu_cancel *cancel,
                             vu_error *error);

/*
 * To be called when a connection stands and NNG cannot send on it: forgets
 * connections whose server is no more, of which NNG should have told.
 */
void vu_connection_check(vu_connection *connection);

/* Sleeps until `until_us`, a trigger of `cancel`, or a connection later than `generation`. */
void vu_connection_sleep(vu_connection *connection, int64_t until_us, uint64_t generation, const vu_cancel *cancel);
uint64_t vu_connection_generation(vu_connection *connection);

/* Starts connecting, or goes on with it, without waiting. True when a connection stands. */
bool vu_connection_kick(vu_connection *connection, vu_error *error);

/*
 * A link that has gone down may look like one that stands. So whoever receives
 * an answer says that it was heard, and whoever gave up on one since when it
 * waited: after VU_SILENCE_US of nothing else the connection is given up, and
 * made again. Remote ones only.
 */
void vu_connection_heard(vu_connection *connection);
void vu_connection_unheard(vu_connection *connection, int64_t since_us);

/* True when some endpoint is on another machine, where a broken link may go unnoticed. */
bool vu_connection_is_remote(const vu_connection *connection);

#endif
