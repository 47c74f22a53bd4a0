/*
 * What an earlier supervisor may have left behind. Its children end by
 * themselves when it dies, which takes them a moment; one that was stopped or
 * hangs does not, and would keep its socket from the service that replaces it.
 *
 * Whoever serves a socket holds <socket>.lock (common/rpc), with its pid in it.
 */
#ifndef VU_SUPERVISOR_PREDECESSOR_H
#define VU_SUPERVISOR_PREDECESSOR_H

#include "rpc/endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

/* True when some process holds the lock of this socket; *pid_out is its pid, 0 when it cannot be told. */
bool vu_predecessor_find(const vu_endpoint *endpoint, pid_t *pid_out);

/* True when a supervisor answers there and says that it serves; one that is stopping, or hangs, does not. */
bool vu_predecessor_serves(const vu_endpoint *endpoint);

/*
 * Waits until nobody holds the lock, for at most `patience_ms`; then kills the
 * holder and waits for its end. Blocks: for the time before the loop runs.
 * False when the lock is still held after all.
 */
bool vu_predecessor_replace(const vu_endpoint *endpoint, const char *service, unsigned patience_ms);

#endif
