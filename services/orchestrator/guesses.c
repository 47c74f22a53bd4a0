/* The calls. A retry of one carries its request id, so a failure is counted once. */
#include "guesses.h"

#include "base/log.h"
#include "base/user_name.h"

#include <stdio.h>

static ProtobufCMessage *ask(vu_orchestrator *orchestrator, const char *method, const ProtobufCMessage *request,
                             int64_t deadline_us, vu_error *error)
{
	vu_peer_plan plan = {.deadline_us = deadline_us, .wait_for_ready = true};

	return vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, method, request, &plan,
	                    error);
}

void vu_guesses_count(vu_orchestrator *orchestrator, const char *user, int64_t deadline_us, vu_guesses *guesses)
{
	char name[VU_USER_NAME_MAX + 1];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__CountGuessRequest request = VU__COUNT_GUESS_REQUEST__INIT;
	Vu__CountGuessResponse *response;
	vu_error error;

	snprintf(name, sizeof name, "%s", user);
	key.user = name;
	request.key = &key;
	response = (Vu__CountGuessResponse *)ask(orchestrator, "CountGuess", &request.base, deadline_us, &error);
	if (!response) {
		vu_log_warn("%s; this failure is counted on this computer alone", error.message);
		return;
	}
	guesses->counted = true;
	guesses->now_locked_s = response->locked_for_s;
	guesses->failures_left = response->failures_left;
	vu_peer_free(&response->base);
}

vu_status vu_guesses_forget(vu_orchestrator *orchestrator, const char *user, int64_t deadline_us,
                            bool *was_locked_out, vu_error *error)
{
	char name[VU_USER_NAME_MAX + 1];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__ForgetGuessesRequest request = VU__FORGET_GUESSES_REQUEST__INIT;
	Vu__ForgetGuessesResponse *response;

	snprintf(name, sizeof name, "%s", user);
	key.user = name;
	request.key = &key;
	response = (Vu__ForgetGuessesResponse *)ask(orchestrator, "ForgetGuesses", &request.base, deadline_us, error);
	if (!response)
		return error->status;
	*was_locked_out = response->was_locked;
	vu_peer_free(&response->base);
	return VU_OK;
}
