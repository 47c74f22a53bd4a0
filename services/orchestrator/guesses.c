/*
 * The calls. Each endpoint of models is told, so that a standby knows as much as
 * the first of the list; one that is not there is not waited for, except by who
 * unlocks. A retry carries its request id, so a failure is counted once.
 */
#include "guesses.h"

#include "base/log.h"
#include "base/user_name.h"

#include <stdio.h>

#define COUNT_US  (2 * INT64_C(1000000))
#define UNLOCK_US (5 * INT64_C(1000000))

/* The stricter of all answers. */
static void take_count(void *context, const ProtobufCMessage *message)
{
	const Vu__CountGuessResponse *response = (const Vu__CountGuessResponse *)message;
	vu_guesses *guesses = context;

	if (!guesses->counted || response->failures_left < guesses->failures_left)
		guesses->failures_left = response->failures_left;
	if (response->locked_for_s > guesses->now_locked_s)
		guesses->now_locked_s = response->locked_for_s;
	guesses->counted = true;
}

void vu_guesses_count(vu_orchestrator *orchestrator, const char *user, vu_guesses *guesses)
{
	char name[VU_USER_NAME_MAX + 1];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__CountGuessRequest request = VU__COUNT_GUESS_REQUEST__INIT;
	vu_error error;

	snprintf(name, sizeof name, "%s", user);
	key.user = name;
	request.key = &key;
	if (vu_peer_tell_all(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "CountGuess",
	                     &request.base, COUNT_US, false, take_count, guesses, &error) == 0)
		vu_log_warn("%s; this failure is counted on this computer alone", error.message);
}

static void take_forgotten(void *context, const ProtobufCMessage *message)
{
	const Vu__ForgetGuessesResponse *response = (const Vu__ForgetGuessesResponse *)message;
	bool *was_locked_out = context;

	*was_locked_out = *was_locked_out || response->was_locked;
}

vu_status vu_guesses_forget(vu_orchestrator *orchestrator, const char *user, bool unlocking, bool *was_locked_out,
                            vu_error *error)
{
	char name[VU_USER_NAME_MAX + 1];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__ForgetGuessesRequest request = VU__FORGET_GUESSES_REQUEST__INIT;

	snprintf(name, sizeof name, "%s", user);
	key.user = name;
	request.key = &key;
	*was_locked_out = false;
	return vu_peer_tell_all(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "ForgetGuesses",
	                        &request.base, unlocking ? UNLOCK_US : COUNT_US, unlocking, take_forgotten,
	                        was_locked_out, error) > 0
	           ? VU_OK
	           : error->status;
}
