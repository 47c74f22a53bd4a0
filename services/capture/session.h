/*
 * One session: from samples to marks and an end.
 *
 *   OPENING ──first samples──▶ LISTENING ──speech──▶ SPEECH ──▶ ENDED
 *      └────────────── any of them ──failure──▶ FAILED
 *
 * A microphone session ends by silence after speech, max_duration_s after
 * speech began, when nobody speaks until the timeout, or when it is finished;
 * an upload at its last chunk or at max_duration_s of audio. What was recorded
 * stays readable until the session is wiped.
 *
 * The record and the samples live in the ring, so they outlive this process.
 * When capture is restarted, session_adopt goes on with what was there: an
 * upload starts over at its first frame and writes the same samples again
 * (readers notice nothing), a microphone that was cut off becomes FAILED.
 *
 * Two locks, always taken in this order. `writer` is held by whoever adds
 * samples or changes the state, for as long as that takes; `lock` guards the
 * record and the waiting calls and is held only to publish and to answer.
 */
#ifndef CAPTURE_SESSION_H
#define CAPTURE_SESSION_H

#include "audio/resampler.h"
#include "audio/ring.h"
#include "base/config.h"
#include "base/status.h"
#include "dsp/vad.h"
#include "waiting.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define SESSION_TIMEOUT_MS_MAX 90000u

/* What the configuration says, copied when the session opens. */
typedef struct session_limits {
	double silence_s;
	double max_duration_s;
} session_limits;

typedef struct capture_session {
	vu_ring *ring;
	unsigned slot;

	uv_mutex_t writer;
	/* Under writer: what turns samples into marks. Present while the session goes on. */
	session_limits limits;
	vu_resampler *resampler;
	vu_vad *vad;
	uint64_t position;      /* samples made by this process */
	uint64_t source_frames; /* of an upload, accepted by this process */
	int32_t peak;           /* largest magnitude of a sample */
	bool heard;             /* a sample was not exactly zero */

	uv_mutex_t lock;
	/* Under lock; changed only by whoever holds writer as well. */
	bool used;
	vu_ring_record record;
	waiting_list waiting;
	int64_t last_access_us;

	/* The microphone's thread feeds sessions that are live; read without a lock as a hint. */
	_Atomic bool live;
} capture_session;

typedef struct session_parameters {
	char id[VU_ID_HEX_SIZE];
	vu_ring_source source;
	uint32_t sample_rate; /* of an upload; the microphone's is set when it opens */
	uint32_t channels;
	uint32_t format;
	uint32_t timeout_ms; /* microphone, not 0 */
	bool whole_upload;
	session_limits limits;
} session_parameters;

/* Under writer: this machine plays sound while the session listens. */
void session_note_playing(capture_session *session);

/* Before and after all use. */
void session_init(capture_session *session, vu_ring *ring, unsigned slot);
void session_destroy(capture_session *session);

/* All that follow are called with `writer` held and take `lock` themselves. */

/* Occupies an unused session. An upload is LISTENING at once, a microphone OPENING. */
void session_begin(capture_session *session, const session_parameters *parameters);

/* True when `parameters` ask for what this used session is. */
bool session_matches(capture_session *session, const session_parameters *parameters);

/* Takes over what a former process left in the slot; true when there is a session in it now. */
bool session_adopt(capture_session *session, const session_limits *limits);

/* The microphone was opened: its name, and what its frames look like. */
vu_status session_set_source(capture_session *session, const char *device, uint32_t sample_rate, uint32_t channels,
                             vu_error *error);

/*
 * Adds interleaved frames of the session's source; with `last` the session
 * ends. Returns false when the session is over and wants no more. A failure
 * (no memory) has made it FAILED.
 */
bool session_add_frames(capture_session *session, const float *interleaved, size_t frames, bool last);

/* Ends a session that goes on; one that is over stays as it is. */
void session_end(capture_session *session, vu_ring_end reason);
void session_fail(capture_session *session, vu_status status, const char *message);

/*
 * Wipes the audio and frees the slot. Those who waited are handed to the
 * caller, who refuses them once the session's id is free as well: whoever
 * tries again then does not meet what is being closed.
 */
waiting_list session_wipe(capture_session *session);

/* Somebody used the session just now; called without any lock or with writer. */
void session_touch(capture_session *session);

bool session_is_over(const capture_session *session);

#endif
