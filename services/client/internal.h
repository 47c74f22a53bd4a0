/*
 * What the files of libvoiceunlock share. Nothing here is seen outside: the
 * library exports voiceunlock.h alone.
 */
#ifndef VOICEUNLOCK_INTERNAL_H
#define VOICEUNLOCK_INTERNAL_H

#include "base/config.h"
#include "base/id.h"
#include "base/status.h"
#include "rpc/channel.h"
#include "voiceunlock.h"

#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/common.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/rpc.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Time for calls that only look something up, and for those that train or restart. */
#define VU_CLIENT_LOOKUP_US (5 * 1000000LL)
#define VU_CLIENT_WORK_US   (30 * 1000000LL)
/* Time for telling a service to forget something when nobody waits for it any more. */
#define VU_CLIENT_FAREWELL_US (2 * 1000000LL)

struct voiceunlock_client {
	vu_config *config;
	char *runtime_folder;
	char caller[64];
	bool machine_suite; /* nobody but suite_uid may serve */
	uid_t suite_uid;
	pthread_mutex_t mutex; /* guards what follows */
	vu_channel *channels[VU_SERVICE_COUNT];
	vu_credentials *credentials; /* for services on other machines; NULL until one is called */
	bool timed_out;              /* a call did: closing its channel could hang, see voiceunlock_destroy */
};

struct voiceunlock_cancel {
	vu_cancel *rpc;
};

/* How one call is made. */
typedef struct vu_client_call_options {
	int64_t timeout_us;
	bool idempotent;
	voiceunlock_cancel *cancel; /* or NULL */
} vu_client_call_options;

/* ---- client.c ---- */

/*
 * Calls a method of one process. A service that is being restarted is waited
 * for as long as the deadline allows; a suite that is down is told at once,
 * with the remedy. *response_out is freed with protobuf_c_message_free_unpacked.
 */
vu_status vu_client_call(voiceunlock_client *client, vu_service_id id, const ProtobufCServiceDescriptor *service,
                         const char *method, const ProtobufCMessage *request, ProtobufCMessage **response_out,
                         const vu_client_call_options *options, vu_error *error);

/* The same with bytes and a full method name. */
vu_status vu_client_call_bytes(voiceunlock_client *client, vu_service_id id, const char *full_method,
                               const void *request, size_t request_bytes, uint8_t **response_out,
                               size_t *response_bytes_out, const vu_client_call_options *options, vu_error *error);

/* The configured time for a person to begin to speak. */
double vu_client_timeout_s(const voiceunlock_client *client);
/* How long a call by microphone may take when the person has `timeout_s` to begin. */
int64_t vu_client_microphone_us(const voiceunlock_client *client, double timeout_s);

/* Copies an inner error into the caller's (which may be NULL) and returns its code. */
voiceunlock_code vu_client_return(vu_status status, const vu_error *inner, voiceunlock_error *error);

/* ---- convert.c ---- */

/* A copy of `text` ("" for NULL); sets *out_of_memory when there is none. */
char *vu_client_copy(const char *text, bool *out_of_memory);
/* Zeroed array; NULL for a count of 0 (that is no failure). */
void *vu_client_array(size_t count, size_t size, bool *out_of_memory);
void vu_client_convert_quality(const Vu__Quality *from, voiceunlock_quality *to);
void vu_client_convert_antispoof(const Vu__AssessResponse *from, voiceunlock_antispoof *to, bool *out_of_memory);
void vu_client_clear_antispoof(voiceunlock_antispoof *antispoof);
vu_status vu_client_convert_attempt(const Vu__AuthenticateResponse *from, voiceunlock_attempt **to, vu_error *error);
/* An attempt that the client itself decided, never an accept. */
vu_status vu_client_make_attempt(const char *attempt_id, const char *user, voiceunlock_verdict verdict,
                                 const char *reason, voiceunlock_attempt **to, vu_error *error);

/* ---- upload.c ---- */

/* What an upload needs to be told. */
typedef struct vu_client_upload_options {
	bool whole;
	voiceunlock_progress_callback progress;
	void *context;
	voiceunlock_cancel *cancel;
} vu_client_upload_options;

/*
 * Opens a session under `session_id` (made by the caller) and sends the audio,
 * which is a file or samples. On failure nothing stays open. *bad_audio_out
 * tells audio that is at fault (unreadable, empty, not supported) from a
 * service that is.
 */
vu_status vu_client_upload(voiceunlock_client *client, const voiceunlock_audio *audio,
                           const vu_client_upload_options *options, const char *session_id, bool *bad_audio_out,
                           vu_error *error);
/* Opens a session that ends at once without a sample, to ask about nobody's speech. */
vu_status vu_client_upload_nothing(voiceunlock_client *client, const char *session_id, voiceunlock_cancel *cancel,
                                   vu_error *error);
/* Wipes it at the service. Never fails: a session that is gone is closed. */
void vu_client_close_session(voiceunlock_client *client, const char *session_id);

/* ---- watch.c ---- */

typedef struct vu_client_watch {
	const char *attempt_id;
	voiceunlock_progress_callback progress; /* NULL: the call is made on this thread and nobody watches */
	void *context;
} vu_client_watch;

/*
 * A call to the orchestrator while its attempt is watched. The call is made on
 * a thread of its own and the callback runs on the caller's.
 */
vu_status vu_client_call_watched(voiceunlock_client *client, const char *method, const ProtobufCMessage *request,
                                 ProtobufCMessage **response_out, const vu_client_call_options *options,
                                 const vu_client_watch *watch, vu_error *error);

#endif
