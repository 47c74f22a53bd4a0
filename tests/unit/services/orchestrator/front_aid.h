/* The orchestrator under test behind a real RPC server, and its client. */
#ifndef VU_TESTS_FRONT_AID_H
#define VU_TESTS_FRONT_AID_H

#include "fake_suite.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"

#define FRONT_SECOND 1000000LL

/* Ids as text in messages, which have no const. */
typedef struct front_ids {
	char attempt[VU_ID_HEX_SIZE];
	char session[VU_ID_HEX_SIZE];
} front_ids;

front_ids front_new_ids(void);

/* `text` as protobuf-c wants it. */
char *front_text(const char *constant);

/* Calls Orchestrator.<method>; the response, freed by vu_peer_free-like protobuf_c_message_free_unpacked, or NULL. */
void *front_call(const char *method, const ProtobufCMessage *request, int64_t timeout_us, vu_error *error);

/* Fails the test on an error. */
void *front_call_ok(const char *method, const ProtobufCMessage *request);

/* The status of a call that must fail, its sentence in `error`. */
vu_status front_call_fails(const char *method, const ProtobufCMessage *request, vu_error *error);

void front_free(void *response);

/* Authenticates an upload (or by microphone) as `user`. */
Vu__AuthenticateResponse *front_authenticate(const char *user, bool microphone, int64_t timeout_us);

#endif
