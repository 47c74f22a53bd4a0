/*
 * Failures at all computers that authenticate with the same templates, which
 * models counts where those are (CountGuess). Only where models is shared, that
 * is when its endpoints are of the network; else there is nothing to ask. They
 * are counted beside our own, and the stricter of the two holds.
 */
#ifndef VU_ORCHESTRATOR_GUESSES_H
#define VU_ORCHESTRATOR_GUESSES_H

#include "orchestrator.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vu_guesses {
	bool known;            /* models was asked and has answered */
	uint64_t locked_for_s; /* before this attempt; 0: not locked */
	bool counted;          /* this attempt failed and was counted: the next two hold */
	uint64_t now_locked_s; /* 0: not locked yet */
	uint32_t failures_left;
} vu_guesses;

/* Counts a failure of `user`. What fails is logged: our own count holds all the same. */
void vu_guesses_count(vu_orchestrator *orchestrator, const char *user, vu_guesses *guesses);

/*
 * Forgets the user's failures and lockout. When `unlocking`, endpoints that do
 * not answer are waited for, some seconds each. Fails when none answers.
 */
vu_status vu_guesses_forget(vu_orchestrator *orchestrator, const char *user, bool unlocking, bool *was_locked_out,
                            vu_error *error);

#endif
