/*
 * Every enrolled voice in one packed matrix, so that the few who come into
 * question for an utterance are found among thousands without opening their
 * templates: half-precision rows, one a user, scored as the second scorer does.
 * Full scorers then decide among those few.
 *
 * It is built from the templates when it is first asked and brought up to date
 * when the folder or a template has changed since; nothing of it is written to
 * disk, where voices lie only in their owners' templates. Any thread.
 */
#ifndef VU_MODELS_VOICE_INDEX_H
#define VU_MODELS_VOICE_INDEX_H

#include "base/user_name.h"
#include "ml/scorer.h"
#include "template_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct voice_index voice_index;

/* Where voices come from. */
typedef struct voice_source {
	const template_store *store;
	const char *namespace;
	/* A template fit for the scorer, or an error: then that user is left out until the file changes. */
	vu_status (*read)(void *context, const char *user, vu_template **template_out, vu_error *error);
	/* True when nobody waits any more. */
	bool (*gone)(void *context);
	void *context;
	int64_t deadline_us; /* on vu_clock_monotonic_us */
} voice_source;

/* What a search found, best first. */
#define VOICE_FOUND_MAX 64
typedef struct voice_found {
	char users[VOICE_FOUND_MAX][VU_USER_NAME_MAX + 1];
	float scores[VOICE_FOUND_MAX]; /* of the second scorer */
	size_t count;
	size_t searched; /* users with a usable template */
} voice_found;

/* Holds nothing yet. RESOURCE_EXHAUSTED. */
vu_status voice_index_create(voice_index **index_out, vu_error *error);
void voice_index_destroy(voice_index *index);

/*
 * Brings the index up to date and finds the `room` (at most VOICE_FOUND_MAX)
 * users nearest to the probe. UNAVAILABLE: many templates had to be read and
 * time was short; what was read is kept, so trying again goes on from there.
 * CANCELLED; errors of the template store.
 */
vu_status voice_index_search(voice_index *index, const voice_source *source, const vu_scorer *scorer,
                             const vu_probe *probe, size_t room, voice_found *found, vu_error *error);

/* A user's template was written or erased: what the index has of the voice is wiped at once. */
void voice_index_forget(voice_index *index, const char *user);

/* Wipes and frees all of it, to be built again when asked. Returns the bytes. */
uint64_t voice_index_drop(voice_index *index);

#endif
