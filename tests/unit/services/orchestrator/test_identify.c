/* Identification, trials, users and status against scripted peers over real RPC. */
#include "front_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL);
	return 0;
}

/* ---- identification ---- */

static Vu__IdentifySessionResponse *identify(void)
{
	static front_ids ids;
	Vu__IdentifySessionRequest request = VU__IDENTIFY_SESSION_REQUEST__INIT;
	ids = front_new_ids();
	request.attempt_id = ids.attempt;
	return front_call_ok("Identify", &request.base);
}

static void a_known_voice_is_named(void **state)
{
	Vu__IdentifySessionResponse *r;
	(void)state;
	CHANGE(identified = "mona");
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_string_equal(r->result->user, "mona");
	assert_non_null(strstr(r->reason, "This is mona."));
	front_free(r);
}

static void an_unknown_voice_is_nobody(void **state)
{
	Vu__IdentifySessionResponse *r;
	(void)state;
	CHANGE(identified = "");
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_non_null(strstr(r->reason, "nobody who is enrolled"));
	front_free(r);
	CHANGE(identified = "mona");
	CHANGE(fused = 0);
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_REJECT);
	front_free(r);
}

static void identification_is_refused_as_authentication_is(void **state)
{
	Vu__IdentifySessionResponse *r;
	(void)state;
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
	assert_null(r->result);
	front_free(r);
	fake_script_reset();
	CHANGE(assess_status = VU_INTERNAL);
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	front_free(r);
	fake_script_reset();
	CHANGE(score_status = VU_INTERNAL);
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	front_free(r);
	fake_script_reset();
	CHANGE(has_vector = false);
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_NO_SPEECH);
	front_free(r);
}

static void who_is_locked_out_is_not_named(void **state)
{
	Vu__IdentifySessionResponse *r;
	(void)state;
	CHANGE(fused = 0);
	for (int i = 0; i < 3; i++)
		front_free(front_authenticate("nadja", true, 5 * FRONT_SECOND));
	CHANGE(fused = 2);
	CHANGE(identified = "nadja");
	r = identify();
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_LOCKED);
	assert_null(r->result);
	assert_null(strstr(r->reason, "nadja"));
	front_free(r);
	pass_seconds(61);
}

/* ---- trials ---- */

static Vu__TrialsResponse *run_trials(char **users, size_t count)
{
	static front_ids ids;
	Vu__TrialsRequest request = VU__TRIALS_REQUEST__INIT;
	ids = front_new_ids();
	request.session_id = ids.session;
	request.namespace_ = front_text("trial");
	request.users = users;
	request.n_users = count;
	return front_call_ok("RunTrials", &request.base);
}

static void trials_compute_once_and_decide_each(void **state)
{
	char *users[] = {front_text("same"), front_text("other"), front_text("unknown"), front_text("same2")};
	Vu__TrialsResponse *r = run_trials(users, 4);
	fake_script s = fake_script_now();
	Vu__HistoryRequest history_request = VU__HISTORY_REQUEST__INIT;
	Vu__HistoryResponse *history;
	(void)state;
	assert_int_equal(r->n_results, 4);
	assert_int_equal(s.extracted, 1);
	assert_int_equal(s.assessed, 1);
	assert_int_equal(s.scored, 1);
	assert_true(s.last_isolated);
	assert_int_equal(r->results[0]->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_false(r->results[0]->may_unlock);
	assert_true(r->results[0]->score == 2 && r->results[0]->antispoof->score == 3);
	assert_int_equal(r->results[1]->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_true(r->results[1]->score == 0);
	assert_int_equal(r->results[2]->verdict, VU__VERDICT__VERDICT_NOT_ENROLLED);
	assert_true(isnan(r->results[2]->score));
	assert_string_equal(r->results[3]->user, "same2");
	front_free(r);
	history_request.user = front_text("same");
	history = front_call_ok("History", &history_request.base);
	assert_int_equal(history->n_attempts, 0);
	front_free(history);
}

/* What each level asks for comes with every score, and not at all from a model-server that tells none. */
static void trials_tell_the_thresholds_of_all_levels(void **state)
{
	char *users[] = {front_text("same"), front_text("other-old"), front_text("unknown")};
	Vu__TrialsResponse *r = run_trials(users, 3);
	double threshold = r->results[0]->threshold;
	(void)state;
	assert_int_equal(r->results[0]->n_level_thresholds, 3);
	assert_true(r->results[0]->level_thresholds[0] == threshold - 1);
	assert_true(r->results[0]->level_thresholds[1] == threshold);
	assert_true(r->results[0]->level_thresholds[2] == threshold + 1);
	assert_int_equal(r->results[1]->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_int_equal(r->results[1]->n_level_thresholds, 0);
	assert_int_equal(r->results[2]->n_level_thresholds, 0);
	front_free(r);
}

static void trials_without_speech_or_services_say_so(void **state)
{
	char *users[] = {front_text("same"), front_text("other")};
	Vu__TrialsResponse *r;
	(void)state;
	CHANGE(has_vector = false);
	r = run_trials(users, 1);
	/* The fake lists one user, "anna", when all are asked for. */
	assert_int_equal(r->results[0]->verdict, VU__VERDICT__VERDICT_NOT_ENROLLED);
	front_free(r);
	users[0] = front_text("anna");
	r = run_trials(users, 1);
	assert_int_equal(r->results[0]->verdict, VU__VERDICT__VERDICT_NO_SPEECH);
	assert_true(isnan(r->results[0]->score));
	front_free(r);
	fake_script_reset();
	CHANGE(score_status = VU_INTERNAL);
	r = run_trials(users, 2);
	assert_int_equal(r->results[0]->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	assert_int_equal(r->results[1]->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	front_free(r);
	fake_script_reset();
	CHANGE(assess_status = VU_INTERNAL);
	r = run_trials(users, 1);
	assert_int_equal(r->results[0]->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	front_free(r);
}

static void trials_need_claims_and_a_session(void **state)
{
	Vu__TrialsRequest request = VU__TRIALS_REQUEST__INIT;
	front_ids ids = front_new_ids();
	char *bad[] = {front_text("a/b")};
	vu_error error;
	(void)state;
	request.session_id = ids.session;
	assert_int_equal(front_call_fails("RunTrials", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "0 users are claimed; send 1 to 1000 in one request");
	request.users = bad;
	request.n_users = 1;
	assert_int_equal(front_call_fails("RunTrials", &request.base, &error), VU_INVALID_ARGUMENT);
	request.session_id = front_text("");
	assert_int_equal(front_call_fails("RunTrials", &request.base, &error), VU_INVALID_ARGUMENT);
}

/* ---- users and status ---- */

static void users_are_listed_and_removed(void **state)
{
	Vu__ListUsersRequest list = VU__LIST_USERS_REQUEST__INIT;
	Vu__RemoveUserRequest remove = VU__REMOVE_USER_REQUEST__INIT;
	Vu__RemoveNamespaceRequest remove_all = VU__REMOVE_NAMESPACE_REQUEST__INIT;
	Vu__ListUsersResponse *users = front_call_ok("ListUsers", &list.base);
	Vu__RemoveResponse *removed;
	Vu__HistoryRequest history_request = VU__HISTORY_REQUEST__INIT;
	Vu__HistoryResponse *history;
	vu_error error;
	(void)state;
	assert_int_equal(users->n_users, 1);
	assert_string_equal(users->users[0]->user, "anna");
	front_free(users);
	remove.user = front_text("olga");
	removed = front_call_ok("RemoveUser", &remove.base);
	assert_string_equal(removed->erased[0], "the template");
	front_free(removed);
	history_request.user = front_text("olga");
	history = front_call_ok("History", &history_request.base);
	assert_int_equal(history->n_attempts, 1);
	assert_string_equal(history->attempts[0]->kind, "remove");
	front_free(history);
	assert_int_equal(front_call_fails("RemoveNamespace", &remove_all.base, &error), VU_INVALID_ARGUMENT);
	remove_all.namespace_ = front_text("trial");
	front_free(front_call_ok("RemoveNamespace", &remove_all.base));
	assert_int_equal(fake_script_now().removed, 2);
}

static void the_status_is_that_of_all(void **state)
{
	Vu__Empty request = VU__EMPTY__INIT;
	Vu__SuiteStatusResponse *status;
	(void)state;
	CHANGE(fused = 0);
	for (int i = 0; i < 3; i++)
		front_free(front_authenticate("paula", true, 5 * FRONT_SECOND));
	status = front_call_ok("Status", &request.base);
	assert_true(status->ready);
	assert_true(status->uptime_s == 42);
	assert_int_equal(status->n_services, 1);
	assert_int_equal(status->model_server_rss_bytes, 12345);
	assert_int_equal(status->max_bytes, 67890);
	assert_int_equal(status->users, 7);
	assert_int_equal(status->n_lockouts, 1);
	assert_string_equal(status->lockouts[0]->user, "paula");
	assert_int_equal(status->lockouts[0]->failures, 3);
	assert_true(status->lockouts[0]->remaining_s > 0 && status->lockouts[0]->remaining_s <= 60);
	front_free(status);
	pass_seconds(61);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_known_voice_is_named, reset),
	    cmocka_unit_test_setup(an_unknown_voice_is_nobody, reset),
	    cmocka_unit_test_setup(identification_is_refused_as_authentication_is, reset),
	    cmocka_unit_test_setup(who_is_locked_out_is_not_named, reset),
	    cmocka_unit_test_setup(trials_compute_once_and_decide_each, reset),
	    cmocka_unit_test_setup(trials_tell_the_thresholds_of_all_levels, reset),
	    cmocka_unit_test_setup(trials_without_speech_or_services_say_so, reset),
	    cmocka_unit_test_setup(trials_need_claims_and_a_session, reset),
	    cmocka_unit_test_setup(users_are_listed_and_removed, reset),
	    cmocka_unit_test_setup(the_status_is_that_of_all, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
