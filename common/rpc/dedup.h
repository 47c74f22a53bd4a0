/*
 * Answers a retried request once: a bounded memory of request ids and of what
 * was answered to them.
 *
 * A handler that changes state begins with vu_dedup_begin and ends with
 * vu_dedup_reply or vu_dedup_fail:
 *
 *	if (!vu_dedup_begin(dedup, call))
 *		return;               // a retry: it is answered with the first try's answer
 *	…
 *	vu_dedup_reply(dedup, call, &response.base);
 *
 * The retry of a call that is still being worked on waits for its end. Only
 * successes are remembered: a failure changed nothing, so its retry is a new
 * beginning (those that wait get the failure). Two requests are the same when
 * request id, method and the caller's uid are; so nobody reads another user's
 * answers.
 *
 * This covers a connection that broke while the server lives. A server that
 * died forgets: what must be exactly once across a restart is kept by the
 * handler with the change itself.
 */
#ifndef VU_RPC_DEDUP_H
#define VU_RPC_DEDUP_H

#include "base/clock.h"
#include "base/status.h"
#include "rpc/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Retries that may wait for one call. */
#define VU_DEDUP_WAITERS_MAX 8

typedef struct vu_dedup vu_dedup;

typedef struct vu_dedup_config {
	size_t entries_max;    /* 0 = 256; the oldest finished one is forgotten first */
	size_t bytes_max;      /* 0 = 1 MiB of answers; a larger single answer is not remembered */
	int64_t age_max_us;    /* 0 = 2 minutes after the answer */
	const vu_clock *clock; /* NULL: the system's */
} vu_dedup_config;

/* `config` may be NULL. RESOURCE_EXHAUSTED: no memory. */
vu_status vu_dedup_create(const vu_dedup_config *config, vu_dedup **dedup_out);

/* After all calls that began have ended. */
void vu_dedup_destroy(vu_dedup *dedup);

/*
 * True: this is the first try and the caller must end it with vu_dedup_reply
 * or vu_dedup_fail. False: the call has been or will be answered; do not touch
 * it any more. Any thread.
 */
bool vu_dedup_begin(vu_dedup *dedup, vu_rpc_call *call);

/* vu_rpc_reply, remembered. */
void vu_dedup_reply(vu_dedup *dedup, vu_rpc_call *call, const ProtobufCMessage *response);

/* vu_rpc_fail_error, not remembered. */
void vu_dedup_fail(vu_dedup *dedup, vu_rpc_call *call, const vu_error *error);

/* Entries and bytes of answers held now. */
void vu_dedup_usage(vu_dedup *dedup, size_t *entries_out, size_t *bytes_out);

#endif
