/*
 * The peers of the orchestrator for its tests: capture, features, antispoof,
 * models and supervisor as real RPC servers in a private folder, whose answers
 * follow a script. They judge nothing; the script says what they answer.
 */
#ifndef VU_TESTS_FAKE_SUITE_H
#define VU_TESTS_FAKE_SUITE_H

#include "base/config.h"
#include "base/id.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_IDS_MAX 16

/* What is answered, and what was asked. Zero is an error nowhere: fake_script_reset sets a happy day. */
typedef struct fake_script {
	/* capture */
	vu_status open_status; /* of OpenSession */
	const char *open_message;
	Vu__AudioSource source;
	Vu__SessionState session_state;
	vu_status session_status; /* of GetSession */
	uint32_t failure_status;
	const char *failure;

	/* features */
	unsigned extract_unavailable; /* answers so often UNAVAILABLE before it answers */
	unsigned extract_aborted;
	vu_status extract_status;
	const char *extract_message;
	uint32_t extract_ms; /* takes so long, unless cancelled */
	bool has_vector;
	Vu__QualityProblem problem;
	const char *advice;
	const char *extractor;

	/* antispoof */
	unsigned assess_unavailable;
	vu_status assess_status;
	uint32_t assess_ms;
	Vu__SpoofVerdict spoof;
	float spoof_score;
	const char *spoof_level; /* NULL: the one asked for */
	const char *spoof_reason;

	/* models */
	bool enrolled;
	vu_status list_status;
	vu_status score_status;
	unsigned score_short_of_memory; /* answers so often RESOURCE_EXHAUSTED before it answers */
	const char *score_message;
	uint32_t score_ms;
	float fused;
	float threshold;
	const char *identified; /* "" nobody */
	vu_status enroll_status;
	bool agrees;
	float agreement;
	unsigned phrases;         /* enrolled with */
	vu_status phrases_status; /* of Phrases */
	vu_status check_status;   /* of CheckPhrases */
	bool said;                /* what was asked */
	float distance;
	float margin;
	uint64_t locked_for_s;  /* by failures at other computers */
	vu_status guess_status; /* of CountGuess and ForgetGuesses */
	uint32_t guesses_left;  /* after CountGuess; at 0 it answers locked for 90 s */
	void (*on_score)(void); /* called while Score is answered */

	/* what was asked */
	unsigned opened;
	unsigned closed;
	unsigned extracted;
	unsigned assessed;
	unsigned scored;
	unsigned listed;
	unsigned preloaded;
	unsigned adapted;
	char observed[256]; /* users, each after a blank */
	unsigned enrolled_calls;
	unsigned enrolled_samples; /* in the last Enroll */
	unsigned forgotten;
	unsigned guesses_counted;
	unsigned guesses_forgotten;
	char last_guessed[72];
	unsigned removed;
	bool last_isolated;
	bool last_enrollment;
	bool last_crops;
	bool last_frames;
	bool last_challenged;
	uint32_t last_timeout_ms;
	uint32_t last_silence_ms;
	unsigned checked;
	char asked[2][64];     /* in the last CheckPhrases */
	char last_adapted[80]; /* namespace/user */
	char last_level[32];
	char last_antispoof_level[32];
	char last_namespace[72];
	char last_user[72];
	char assess_ids[FAKE_IDS_MAX][VU_ID_HEX_SIZE]; /* attempt ids in the order of the calls */
	uint8_t enroll_request_id[VU_ID_BYTES];
} fake_script;

/* Bits of the services to serve in this process. */
#define FAKE_ALL      ((1u << VU_SERVICE_COUNT) - 1 - (1u << VU_SERVICE_ORCHESTRATOR))
#define FAKE_ONLY(id) (1u << (id))

/* Starts servers for the services named in `mask`, listening in `folder`. Fails by abort. Once per process. */
void fake_suite_start(const char *folder, unsigned mask);

/* A channel to a service in the folder, made at first use; fits vu_peers.channel (context unused). */
vu_channel *fake_suite_channel(void *context, vu_service_id id, vu_error *error);

/* The script under its lock; change it, then unlock. */
fake_script *fake_script_lock(void);
void fake_script_unlock(void);
/* A copy. */
fake_script fake_script_now(void);
/* Everything goes well from now on, and nothing was asked yet. */
void fake_script_reset(void);

#endif
