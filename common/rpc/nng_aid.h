/*
 * Around a defect of NNG 1.5.2 (mended in later ones): when the other end
 * closes a connection before NNG has sent its greeting, the error is taken for
 * the end of the endpoint itself. A listener then never accepts again, though
 * clients still connect and wait; a dialer never dials again. A process that
 * is killed while it connects is enough.
 *
 * Where the system allows it, vu_platform_keep_listening meets this at its
 * root. Elsewhere NNG's own statistics tell when a listener may have ended, and
 * it is started anew; a dialer that does not connect for a while is replaced.
 */
#ifndef VU_RPC_NNG_AID_H
#define VU_RPC_NNG_AID_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Errors that the endpoint has counted as of no known kind, among which are
 * those that end it; 0 as well when NNG was built without statistics. Takes
 * some ten microseconds.
 */
uint64_t vu_nng_listener_errors(nng_listener listener);

typedef struct vu_nng_dialling {
	bool known; /* NNG was built with statistics */
	uint64_t
	    errors;    /* of no known kind, among which are those that end the dialer; nobody listening is not one */
	uint64_t ends; /* attempts that have ended, in whatever way */
} vu_nng_dialling;

/* How a dialer has fared so far. Takes some ten microseconds. */
vu_nng_dialling vu_nng_dialer_fared(nng_dialer dialer);

/*
 * Connects to a socket as a REQ peer would and sends the greeting. 0 with
 * *fd_out, to be closed by the caller once the server has greeted; else the
 * errno: ENOENT and ECONNREFUSED when nobody listens, EACCES.
 */
int vu_nng_greet(const char *path, int *fd_out);

/* True once the server's greeting has come within `timeout_ms`. */
bool vu_nng_is_greeted(int fd, int timeout_ms);

#endif
