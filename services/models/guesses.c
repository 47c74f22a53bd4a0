/*
 * CountGuess, ForgetGuesses, and who is locked out: failures counted where the
 * templates are, so that with several computers nobody has as many guesses more.
 * The file is made when the first failure is counted; a computer that keeps its
 * templates to itself counts in its orchestrator alone. Only enrolled users are
 * counted, so made-up names fill nothing. The policy is store/lockout.h's.
 *
 * A file that is damaged is put aside and a new one begun; when it cannot be
 * read otherwise, neither can its users be authenticated.
 */
#include "base/log.h"
#include "internal.h"
#include "store/lockout.h"

#include <unistd.h>

/* "VUgu" */
#define GUESSES_APPLICATION_ID 0x56556775u

static const char *const MIGRATIONS[] = {VU_LOCKOUT_TABLE_SQL};
static const vu_store_schema SCHEMA = {
    .application_id = GUESSES_APPLICATION_ID,
    .migrations = MIGRATIONS,
    .migration_count = 1,
};

typedef vu_status (*guess_action)(vu_store *store, const vu_lockout_rule *rule, const char *user,
                                  vu_lockout_state *state_out, vu_error *error);

static vu_status open_guesses(models *m, bool create, vu_error *error)
{
	if (m->guesses || (!create && access(m->guesses_path, F_OK) != 0))
		return VU_OK;
	return vu_store_open_or_replace(m->guesses_path, &SCHEMA, &m->guesses, NULL, error);
}

/* With the lock held: after damage the file is examined again before the next transaction. */
static void note_damage(models *m, vu_status status)
{
	if (status != VU_DATA_LOSS)
		return;
	vu_store_close(m->guesses);
	m->guesses = NULL;
}

/* One transaction; *state_out is "not locked" when there is no file and none is to be made. */
static vu_status within(models *m, bool create, guess_action action, const char *user, vu_lockout_state *state_out,
                        vu_error *error)
{
	settings with;
	vu_lockout_rule rule;
	vu_status status;

	copy_settings(m, &with);
	rule = (vu_lockout_rule){
	    .max_attempts = with.max_attempts > 0 ? with.max_attempts : 1,
	    .lockout_s = with.lockout_s,
	    .boot_id = m->boot_id,
	    .now_us = m->clock.monotonic_us(m->clock.context),
	};
	*state_out = (vu_lockout_state){.failures_left = rule.max_attempts};
	pthread_mutex_lock(&m->guess_lock);
	status = open_guesses(m, create, error);
	if (status == VU_OK && m->guesses) {
		status = vu_store_begin(m->guesses, error);
		if (status == VU_OK) {
			status = action(m->guesses, &rule, user, state_out, error);
			if (status == VU_OK)
				status = vu_store_commit(m->guesses, error);
			else
				vu_store_rollback(m->guesses);
		}
		note_damage(m, status);
	}
	pthread_mutex_unlock(&m->guess_lock);
	return status;
}

/* *state_out is how things stood before. */
static vu_status forget(vu_store *store, const vu_lockout_rule *rule, const char *user, vu_lockout_state *state_out,
                        vu_error *error)
{
	vu_status status = vu_lockout_read(store, rule, user, state_out, error);
	return status == VU_OK ? vu_lockout_clear(store, user, error) : status;
}

vu_status locked_for(models *m, const char *user, uint64_t *seconds_out, vu_error *error)
{
	vu_lockout_state state;
	vu_status status = within(m, false, vu_lockout_read, user, &state, error);

	*seconds_out = state.remaining_s;
	return status;
}

void drop_guesses(models *m, const char *user)
{
	vu_lockout_state state;
	vu_error error;

	if (within(m, false, forget, user, &state, &error) != VU_OK)
		vu_log_warn("unable to forget the failures of a removed user: %s", error.message);
}

void close_guesses(models *m)
{
	vu_store_close(m->guesses);
	m->guesses = NULL;
}

static vu_status check_real(const Vu__UserKey *given, user_key *key, vu_error *error)
{
	vu_status status = check_key(given, key, error);

	if (status == VU_OK && key->namespace[0])
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to count failures in a namespace: evaluations have none");
	return status;
}

void handle_count_guess(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__CountGuessRequest *request = (const Vu__CountGuessRequest *)(const void *)message;
	Vu__CountGuessResponse response = VU__COUNT_GUESS_RESPONSE__INIT;
	vu_lockout_state state;
	user_key key;
	vu_error error = {VU_OK, ""};
	vu_status status;

	if (!vu_dedup_begin(m->dedup, call))
		return;
	status = check_real(request->key, &key, &error);
	if (status == VU_OK && !template_store_exists(&m->store, key.namespace, key.user))
		status = vu_fail(&error, VU_NOT_FOUND, "user '%s' is not enrolled", key.user);
	if (status == VU_OK)
		status = within(m, true, vu_lockout_count, key.user, &state, &error);
	if (status != VU_OK) {
		vu_dedup_fail(m->dedup, call, &error);
		return;
	}
	response.locked_for_s = state.remaining_s;
	response.failures_left = state.failures_left;
	vu_dedup_reply(m->dedup, call, &response.base);
}

void handle_forget_guesses(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ForgetGuessesRequest *request = (const Vu__ForgetGuessesRequest *)(const void *)message;
	Vu__ForgetGuessesResponse response = VU__FORGET_GUESSES_RESPONSE__INIT;
	vu_lockout_state state;
	user_key key;
	vu_error error = {VU_OK, ""};
	vu_status status = check_real(request->key, &key, &error);

	/* Of nobody there is nothing to forget: who has been removed may still be locked out elsewhere. */
	if (status == VU_OK)
		status = within(m, false, forget, key.user, &state, &error);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	response.was_locked = state.locked;
	vu_rpc_reply(call, &response.base);
}
