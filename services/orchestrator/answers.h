/*
 * Answers to attempts, kept in the ledger beside the attempt's row for as long
 * as a caller may ask for them again. A process that is killed between storing
 * a verdict and sending it has a successor, to which the caller's repeated
 * request comes; that answers it as it was decided, and nobody has to speak
 * again. All of it runs within a transaction of the ledger.
 */
#ifndef VU_ORCHESTRATOR_ANSWERS_H
#define VU_ORCHESTRATOR_ANSWERS_H

#include "base/status.h"
#include "store/store.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

/* As long as the process itself remembers them (VU_ATTEMPTS_KEEP_US). */
#define VU_ANSWERS_KEEP_US (60 * 1000000LL)

typedef struct vu_answer_key {
	const char *attempt_id;
	const char *fingerprint; /* what was asked; recalled only for the same */
	const char *boot_id;     /* the run of the machine that now_us counts in */
	int64_t now_us;          /* monotonic */
} vu_answer_key;

/* Keeps the answer and forgets those that are too old. */
vu_status vu_answer_keep(vu_store *store, const vu_answer_key *key, const ProtobufCMessage *answer, vu_error *error);

/*
 * OK with the answer, a message of `descriptor` that the caller frees; with
 * NULL when there is none, when it is too old, or was one to another question.
 */
vu_status vu_answer_recall(vu_store *store, const vu_answer_key *key, const ProtobufCMessageDescriptor *descriptor,
                           ProtobufCMessage **answer_out, vu_error *error);

#endif
