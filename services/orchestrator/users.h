/* Questions to models about who is enrolled. */
#ifndef VU_ORCHESTRATOR_USERS_H
#define VU_ORCHESTRATOR_USERS_H

#include "decision.h"
#include "guesses.h"
#include "orchestrator.h"

typedef struct vu_user_query {
	const char *name_space;
	const char *user;
	int64_t deadline_us;
	vu_cancel *cancel;   /* or NULL */
	vu_guesses *guesses; /* or NULL; filled in when passed or refused */
} vu_user_query;

/* Passed: enrolled. Refused: not. Failed: models gave no answer, `error` (required) says why. */
vu_check vu_users_check(vu_orchestrator *orchestrator, const vu_user_query *query, vu_error *error);

/* Asks models to have the template ready; whether it does is of no consequence here. */
void vu_users_preload(vu_orchestrator *orchestrator, const vu_user_query *query);

#endif
