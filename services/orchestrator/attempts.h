/*
 * The attempts that run now, and the results of those that ended within the
 * last minute, by the id that the caller chose.
 *
 * An id names one attempt: whoever comes with it again waits for the same
 * result or gets it at once, so that a retry after a broken connection neither
 * listens twice nor counts twice. The microphone belongs to one attempt at a
 * time. Any thread.
 */
#ifndef VU_ORCHESTRATOR_ATTEMPTS_H
#define VU_ORCHESTRATOR_ATTEMPTS_H

#include "base/id.h"
#include "base/status.h"
#include "rpc/channel.h"
#include "rpc/server.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* Running at once; more are refused. */
#define VU_ATTEMPTS_RUNNING_MAX 12
/* Kept in all; the oldest finished ones go first. */
#define VU_ATTEMPTS_KEPT_MAX 256
/* Callers who wait for an attempt that somebody else's call runs. */
#define VU_ATTEMPTS_WAITING_MAX     8
#define VU_ATTEMPTS_KEEP_US         (60 * 1000000LL)
#define VU_ATTEMPT_FINGERPRINT_SIZE 512

/* Phrases that a challenge asks for, and the room for one. */
#define VU_CHALLENGE_PHRASES     2
#define VU_CHALLENGE_PHRASE_SIZE 201

typedef struct vu_attempts vu_attempts;
typedef struct vu_attempt vu_attempt;

vu_status vu_attempts_create(vu_attempts **table_out, vu_error *error);
/* When nothing runs or waits any more. */
void vu_attempts_destroy(vu_attempts *table);

typedef struct vu_attempt_order {
	const char *id;          /* 32 hex digits */
	const char *fingerprint; /* what is asked; the same id with another one is refused */
	bool microphone;
} vu_attempt_order;

/*
 * Enters an attempt. With *run_out true the caller runs it and must call
 * vu_attempt_finish, then vu_attempt_leave. With false it has finished already:
 * answer with vu_attempt_reply, then vu_attempt_leave.
 * Errors: INVALID_ARGUMENT (no 32 hex digits, or the id is of another attempt),
 * RESOURCE_EXHAUSTED (microphone in use, too many at once), DEADLINE_EXCEEDED
 * (it still runs when the caller's time is up).
 */
vu_status vu_attempts_enter(vu_attempts *table, const vu_attempt_order *order, int64_t deadline_us,
                            vu_attempt **attempt_out, bool *run_out, vu_error *error);

/* Stores the result: `response`, or `error` when that is not NULL and not OK. Wakes who waits. */
void vu_attempt_finish(vu_attempts *table, vu_attempt *attempt, const ProtobufCMessage *response,
                       const vu_error *error);

/* Answers the call with the stored result. */
void vu_attempt_reply(const vu_attempt *attempt, const ProtobufCMessageDescriptor *descriptor, vu_rpc_call *call);

/* Gives the handle back; when it ran on the microphone, that is free now. */
void vu_attempt_leave(vu_attempts *table, vu_attempt *attempt);

/* Stops the attempt's calls: for those made on its behalf. */
vu_cancel *vu_attempt_cancel(vu_attempt *attempt);
/* True once somebody asked for it by vu_attempts_cancel. */
bool vu_attempt_was_cancelled(vu_attempts *table, vu_attempt *attempt);
/* The capture session it listens to, for the level meter. */
void vu_attempt_set_session(vu_attempts *table, vu_attempt *attempt, const char *session_id);

/* What the attempt's person is to say, for whoever watches it; once. Longer texts are cut. */
void vu_attempt_set_challenge(vu_attempts *table, vu_attempt *attempt, char *const *phrases, size_t count);

/* NOT_FOUND: no such attempt is running; one that has finished is OK and stays as it is. */
vu_status vu_attempts_cancel(vu_attempts *table, const char *id, vu_error *error);

typedef struct vu_attempt_view {
	bool known;
	bool finished;
	char session_id[VU_ID_HEX_SIZE]; /* "" before there is one */
	size_t challenge_count;          /* 0: none, or the attempt is over */
	char challenge[VU_CHALLENGE_PHRASES][VU_CHALLENGE_PHRASE_SIZE];
} vu_attempt_view;

/* How the attempt stands. With `wait_ms`, first waits so long for anything in the table to change. */
void vu_attempts_view(vu_attempts *table, const char *id, uint32_t wait_ms, vu_attempt_view *view);

/* Running now. */
unsigned vu_attempts_running(vu_attempts *table);

#endif
