/*
 * A suite for tests of the client: real RPC servers in a private folder whose
 * handlers do as they are told. What they saw is kept for the test to look at.
 */
#ifndef VU_TESTS_CLIENT_AID_H
#define VU_TESTS_CLIENT_AID_H

#include "rpc/server.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_AID_AUDIO_MAX (8u * 1024 * 1024)
#define CLIENT_AID_SLOW_US   1500000

typedef struct client_aid {
	char folder[64];
	vu_rpc_server *servers[3];
	vu_rpc_service services[3];
	pthread_mutex_t mutex; /* guards all below */

	/* What the supervisor is to do. */
	unsigned slow_statuses; /* answer so many questions after CLIENT_AID_SLOW_US, when nobody waits any more */

	/* What capture is to do. */
	uint64_t lose_place_at;   /* once that many frames came: forget all and ask from 0; 0 = never */
	uint64_t take_at_most;    /* frames of a chunk; 0 = all */
	uint64_t enough_at;       /* frames; 0 = never */
	unsigned forget_sessions; /* answer NOT_FOUND to so many Appends */

	/* What capture saw. */
	uint32_t sample_rate;
	uint32_t channels;
	uint32_t format;
	bool whole_upload;
	uint8_t *audio;
	size_t audio_bytes;
	bool ended;
	unsigned opened;
	unsigned closed;
	unsigned rewinds;

	/* What the orchestrator is to do. */
	int verdict;            /* of Authenticate */
	bool keep_authenticate; /* never answer */
	vu_status commit_status;
	unsigned phase;    /* of WatchAttempt */
	unsigned users;    /* ListUsers: so many, three a page */
	bool circle_pages; /* every page says that the first is next */

	/* What the orchestrator saw. */
	unsigned authenticated;
	char authenticated_session[64];
	unsigned attempts_cancelled;
	unsigned enrollments_cancelled;
	unsigned samples;
} client_aid;

/* Starts supervisor, capture and orchestrator. */
void client_aid_start(client_aid *suite);
void client_aid_stop(client_aid *suite);
/* One service alone, as in a restart. */
void client_aid_start_orchestrator(client_aid *suite);
void client_aid_stop_orchestrator(client_aid *suite);
unsigned client_aid_slow_statuses_left(client_aid *suite);
/* Whether Authenticate is kept waiting; calls of a test before may still be in it. */
void client_aid_hold(client_aid *suite, bool keep);

#endif
