/*
 * One listening: a capture session, its features and its anti-spoof
 * assessment, both pulled by those services from capture while the audio
 * arrives. Audio never passes through here.
 */
#ifndef VU_ORCHESTRATOR_LISTEN_H
#define VU_ORCHESTRATOR_LISTEN_H

#include "orchestrator.h"

#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"

typedef struct vu_listening vu_listening;

typedef struct vu_listen_order {
	const char *attempt_id;
	const char *session_id;       /* an uploaded session, or "" for the microphone */
	vu_antispoof_level antispoof; /* off: not asked, but for enrolment */
	bool crops;
	bool
	    challenged; /* a challenge was put: antispoof leaves the answer to us, and the frames come along for it */
	bool isolated;
	bool enrollment;
	uint32_t speech_timeout_ms;
	uint32_t silence_ms; /* that ends speech on a microphone, when longer than configured */
	int64_t deadline_us;
	vu_attempt *attempt; /* for cancelling and the level meter; NULL when there is none */
	/*
	 * Called on this thread while the others listen; `cancel` is triggered once
	 * there are features, when nobody needs it any more. May be NULL. Returning
	 * false stops the listening on a microphone: nothing it could bring matters.
	 */
	bool (*meanwhile)(void *context, vu_cancel *cancel);
	/*
	 * Called on another thread as soon as there are features with speech, while
	 * antispoof may still be at work: the place to have them scored. May be NULL.
	 */
	void (*heard)(void *context, const Vu__ExtractResponse *features);
	void *context;
} vu_listen_order;

struct vu_listening {
	bool microphone;
	bool stopped; /* by meanwhile */
	char session_id[VU_ID_HEX_SIZE];
	int64_t started_us;
	vu_error session_error;  /* OK, or why there was nothing to listen to, or the recording broke off */
	vu_error features_error; /* OK when features is set */
	Vu__ExtractResponse *features;
	vu_error antispoof_error; /* OK when antispoof is set, or when it was not asked */
	Vu__AssessResponse *antispoof;
};

/* Listens until everything is in or has failed. Release with vu_listening_end. */
void vu_listen(vu_orchestrator *orchestrator, const vu_listen_order *order, vu_listening *listening);

/* Milliseconds from the first sample to the end of speech, 0 when not known. Asks capture. */
double vu_listening_capture_ms(vu_orchestrator *orchestrator, const vu_listening *listening, int64_t deadline_us);

/* Closes a microphone session (which wipes the audio), wipes and frees the answers. */
void vu_listening_end(vu_orchestrator *orchestrator, vu_listening *listening);

#endif
