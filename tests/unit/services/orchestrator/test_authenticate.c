/*
 * Authentications against scripted peers over real RPC: each verdict, repeated
 * and cancelled attempts, bad requests. One orchestrator for all tests; each
 * takes a user of its own.
 */
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

/* ---- verdicts ---- */

static void a_matching_voice_is_accepted(void **state)
{
	Vu__AuthenticateResponse *r = front_expect("anna", true, VU__VERDICT__VERDICT_ACCEPT, "anna");
	fake_script s = fake_script_now();
	(void)state;
	assert_true(r->may_unlock);
	assert_true(r->score == 2 && r->fused == 2 && r->threshold == 1 && r->svm == 0.25 && r->second == 0.75);
	assert_int_equal(r->antispoof->verdict, VU__SPOOF_VERDICT__SPOOF_BONAFIDE);
	assert_int_equal(r->quality->speech_ms, 2500);
	assert_true(r->timing->features_ms == 1.5 && r->timing->antispoof_ms == 2.5 && r->timing->score_ms == 0.5);
	assert_true(r->timing->capture_ms == 3000);
	assert_true(r->timing->total_ms > 0 && r->timing->decision_ms > 0);
	assert_true(r->timing->decision_ms <= r->timing->total_ms);
	assert_int_equal(s.opened, 1);
	assert_string_equal(s.last_user, "anna");
	assert_string_equal(s.last_level, "standard");
	assert_string_equal(s.last_antispoof_level, "high");
	assert_string_equal(s.assess_ids[0], r->attempt_id);
	assert_false(s.last_isolated || s.last_enrollment || s.last_crops);
	front_free(r);
}

static void the_microphone_is_closed_afterwards(void **state)
{
	(void)state;
	front_free(front_expect("anna", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	for (int i = 0; i < 500 && fake_script_now().closed == 0; i++)
		usleep(10000);
	assert_int_equal(fake_script_now().closed, 1);
}

static void prediction_learns_of_who_is_there(void **state)
{
	(void)state;
	/* Neither a file nor somebody else's voice says that uwe sits there. */
	front_free(front_expect("uwe", false, VU__VERDICT__VERDICT_ACCEPT, ""));
	CHANGE(fused = 0);
	front_free(front_expect("uwe", true, VU__VERDICT__VERDICT_REJECT, ""));
	CHANGE(fused = 2);
	front_free(front_expect("bert", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	for (int i = 0; i < 1000 && !strstr(fake_script_now().observed, " bert"); i++)
		usleep(10000);
	assert_non_null(strstr(fake_script_now().observed, " bert"));
	assert_null(strstr(fake_script_now().observed, " uwe"));
}

static void an_upload_is_accepted_but_never_unlocks(void **state)
{
	Vu__AuthenticateResponse *r = front_expect("anna", false, VU__VERDICT__VERDICT_ACCEPT, "never unlocks");
	(void)state;
	assert_false(r->may_unlock);
	assert_int_equal(fake_script_now().opened, 0);
	assert_int_equal(fake_script_now().closed, 0);
	front_free(r);
}

static void weaker_levels_never_unlock(void **state)
{
	static const char *const LEVELS[][2] = {{"convenient", ""}, {"", "low"}, {"", "off"}, {"strict", "maximum"}};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		front_ids ids = front_new_ids();
		Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
		Vu__AuthenticateResponse *r;
		request.attempt_id = ids.attempt;
		request.user = front_text("anna");
		request.level = front_text(LEVELS[i][0]);
		request.anti_spoofing = front_text(LEVELS[i][1]);
		r = front_call_ok("Authenticate", &request.base);
		assert_int_equal(r->verdict, VU__VERDICT__VERDICT_ACCEPT);
		assert_int_equal(r->may_unlock, i == 3);
		front_free(r);
	}
}

/* Waits for what comes after the answer: the microphone is closed last of all. */
static fake_script afterwards(bool microphone)
{
	for (int i = 0; i < 500 && fake_script_now().closed < (microphone ? 1U : 0U); i++)
		usleep(10000);
	if (!microphone)
		usleep(50000);
	return fake_script_now();
}

static void a_sure_voice_is_followed(void **state)
{
	fake_script s;
	(void)state;
	CHANGE(fused = 2.5F);
	front_free(front_expect("fiona", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	s = afterwards(true);
	assert_int_equal(s.adapted, 1);
	assert_string_equal(s.last_adapted, "/fiona");
}

static void nobody_else_is_followed(void **state)
{
	(void)state;
	CHANGE(fused = 1.9F); /* accepted, by less than the margin */
	front_free(front_expect("fred", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_int_equal(afterwards(true).adapted, 0);
	reset(state);
	CHANGE(fused = 2.5F);
	CHANGE(spoof_score = 0.1F); /* bona fide, but not surely */
	front_free(front_expect("fred", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_int_equal(afterwards(true).adapted, 0);
	reset(state);
	CHANGE(fused = 2.5F);
	front_free(front_expect("fred", false, VU__VERDICT__VERDICT_ACCEPT, "never unlocks")); /* an upload */
	assert_int_equal(afterwards(false).adapted, 0);
	reset(state);
	CHANGE(fused = 2.5F);
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	front_free(front_expect("fred", true, VU__VERDICT__VERDICT_SPOOF, ""));
	assert_int_equal(afterwards(true).adapted, 0);
}

static void another_voice_is_rejected(void **state)
{
	CHANGE(fused = 0.5F);
	Vu__AuthenticateResponse *r =
	    front_expect("rita", true, VU__VERDICT__VERDICT_REJECT, "2 attempts are left before a lockout.");
	(void)state;
	assert_true(r->score == 0.5);
	assert_int_equal(r->failures_left, 2);
	assert_false(r->may_unlock);
	front_free(r);
}

static void a_spoof_is_refused_with_both_scores(void **state)
{
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	CHANGE(spoof_reason = "this was said before");
	Vu__AuthenticateResponse *r = front_expect("sven", true, VU__VERDICT__VERDICT_SPOOF, "this was said before.");
	(void)state;
	assert_true(r->score == 2);
	assert_int_equal(r->failures_left, 2);
	front_free(r);
}

static void spoof_outranks_reject(void **state)
{
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	CHANGE(fused = 0);
	(void)state;
	front_free(front_expect("sven2", true, VU__VERDICT__VERDICT_SPOOF, "Speak yourself"));
}

static void silence_is_no_speech(void **state)
{
	CHANGE(has_vector = false);
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_NO_SPEECH);
	CHANGE(advice = "Say the phrase aloud");
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_UNKNOWN);
	Vu__AuthenticateResponse *r =
	    front_expect("nora", true, VU__VERDICT__VERDICT_NO_SPEECH, "Say the phrase aloud.");
	(void)state;
	assert_true(isnan(r->score));
	assert_int_equal(r->failures_left, 3);
	front_free(r);
}

static void noise_is_no_speech_with_scores_and_not_counted(void **state)
{
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY);
	CHANGE(fused = -3);
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	Vu__AuthenticateResponse *r = front_expect("nils", true, VU__VERDICT__VERDICT_NO_SPEECH, "speak again");
	(void)state;
	assert_true(r->score == -3);
	assert_int_equal(r->antispoof->verdict, VU__SPOOF_VERDICT__SPOOF_SPOOF);
	assert_int_equal(r->failures_left, 3);
	front_free(r);
}

static void a_stranger_is_not_enrolled_and_need_not_speak(void **state)
{
	int64_t began_us = vu_clock_monotonic_us();
	CHANGE(enrolled = false);
	CHANGE(extract_ms = 4000);
	CHANGE(assess_ms = 4000);
	(void)state;
	front_free(front_expect("udo", true, VU__VERDICT__VERDICT_NOT_ENROLLED, "jarvis-voice-unlock enroll udo"));
	assert_true(vu_clock_monotonic_us() - began_us < 3 * FRONT_SECOND);
}

/* What a password prompt waits for: no microphone is opened for who has no voice here. */
static void asked_first_a_stranger_opens_no_microphone(void **state)
{
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	Vu__AuthenticateResponse *r;
	front_ids ids;
	vu_error error;
	fake_script s;
	(void)state;

	for (int enrolled = 0; enrolled < 2; enrolled++) {
		fake_script_reset();
		CHANGE(enrolled = enrolled);
		ids = front_new_ids();
		request.attempt_id = ids.attempt;
		request.user = front_text(enrolled ? "vera" : "udo3");
		request.enrolled_first = true;
		r = front_call("Authenticate", &request.base, 5 * FRONT_SECOND, &error);
		assert_non_null(r);
		assert_int_equal(r->verdict,
		                 enrolled ? VU__VERDICT__VERDICT_ACCEPT : VU__VERDICT__VERDICT_NOT_ENROLLED);
		assert_int_equal(r->may_unlock, enrolled);
		s = fake_script_now();
		assert_int_equal(s.opened, enrolled);
		front_free(r);
	}
}

static void a_stranger_without_speech_is_still_not_enrolled(void **state)
{
	CHANGE(enrolled = false);
	CHANGE(has_vector = false);
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_NO_SPEECH);
	(void)state;
	front_free(front_expect("udo2", false, VU__VERDICT__VERDICT_NOT_ENROLLED, "not enrolled"));
}

static void isolated_attempts_leave_no_trace(void **state)
{
	Vu__HistoryResponse *history;
	(void)state;
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY); /* only warns */
	for (int i = 0; i < 5; i++) {
		front_ids ids = front_new_ids();
		Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
		Vu__AuthenticateResponse *r;
		request.attempt_id = ids.attempt;
		request.session_id = ids.session;
		request.user = front_text("iris");
		/* A namespace implies it. */
		request.isolated = i % 2;
		request.namespace_ = front_text(i % 2 ? "" : "trial");
		CHANGE(fused = i == 4 ? 5.0F : 0.0F);
		r = front_call_ok("Authenticate", &request.base);
		assert_int_equal(r->verdict, i == 4 ? VU__VERDICT__VERDICT_ACCEPT : VU__VERDICT__VERDICT_REJECT);
		assert_false(r->may_unlock);
		assert_true(fake_script_now().last_isolated);
		assert_string_equal(fake_script_now().last_namespace, i % 2 ? "" : "trial");
		front_free(r);
	}
	assert_null(last_attempt("iris", &history));
	front_free(history);
}

/* ---- retries, cancelling, watching ---- */

static void a_repeated_attempt_gets_the_same_answer_once(void **state)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	Vu__AuthenticateResponse *first;
	Vu__AuthenticateResponse *second;
	vu_error error;
	(void)state;
	CHANGE(fused = 0);
	request.attempt_id = ids.attempt;
	request.user = front_text("wim");
	first = front_call_ok("Authenticate", &request.base);
	fake_script_reset(); /* would be an accept now */
	second = front_call_ok("Authenticate", &request.base);
	assert_int_equal(first->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_int_equal(second->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_int_equal(second->failures_left, 2);
	assert_string_equal(first->reason, second->reason);
	assert_true(first->timing->total_ms == second->timing->total_ms);
	assert_int_equal(fake_script_now().extracted, 0);
	front_free(first);
	front_free(second);
	request.user = front_text("wanda");
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "choose a new attempt_id"));
}

typedef struct background_call {
	pthread_t thread;
	Vu__AuthenticateRequest request;
	Vu__AuthenticateResponse *response;
	vu_error error;
} background_call;

static void *call_in_background(void *argument)
{
	background_call *call = argument;
	call->response = front_call("Authenticate", &call->request.base, 20 * FRONT_SECOND, &call->error);
	return NULL;
}

static void begin(background_call *call, front_ids *ids, const char *user)
{
	vu__authenticate_request__init(&call->request);
	call->request.attempt_id = ids->attempt;
	call->request.user = front_text(user);
	assert_int_equal(pthread_create(&call->thread, NULL, call_in_background, call), 0);
}

static void wait_until_extracting(void)
{
	for (int i = 0; i < 1000 && fake_script_now().extracted == 0; i++)
		usleep(5000);
	assert_true(fake_script_now().extracted > 0);
}

static void a_caller_who_comes_again_meanwhile_joins(void **state)
{
	front_ids ids = front_new_ids();
	background_call first = {0};
	background_call second = {0};
	(void)state;
	CHANGE(extract_ms = 400);
	begin(&first, &ids, "xenia");
	wait_until_extracting();
	begin(&second, &ids, "xenia");
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	assert_non_null(first.response);
	assert_non_null(second.response);
	assert_int_equal(first.response->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_int_equal(second.response->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_int_equal(fake_script_now().extracted, 1);
	front_free(first.response);
	front_free(second.response);
}

static void the_microphone_serves_one_attempt_at_a_time(void **state)
{
	front_ids ids = front_new_ids();
	front_ids other = front_new_ids();
	background_call first = {0};
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_error error;
	(void)state;
	CHANGE(extract_ms = 600);
	begin(&first, &ids, "yves");
	wait_until_extracting();
	request.attempt_id = other.attempt;
	request.user = front_text("yana");
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_RESOURCE_EXHAUSTED);
	assert_string_equal(error.message,
	                    "the microphone is in use by another attempt; wait until it ends, or cancel it");
	pthread_join(first.thread, NULL);
	assert_non_null(first.response);
	front_free(first.response);
	/* At once after the answer it is free again. */
	CHANGE(extract_ms = 0);
	front_free(front_expect("yana", true, VU__VERDICT__VERDICT_ACCEPT, ""));
}

static void a_cancelled_attempt_ends_and_counts_for_nothing(void **state)
{
	front_ids ids = front_new_ids();
	background_call first = {0};
	Vu__CancelAttemptRequest cancel = VU__CANCEL_ATTEMPT_REQUEST__INIT;
	Vu__HistoryResponse *history;
	vu_error error;
	int64_t began_us = vu_clock_monotonic_us();
	(void)state;
	CHANGE(extract_ms = 15000);
	CHANGE(assess_ms = 15000);
	begin(&first, &ids, "zoe");
	wait_until_extracting();
	cancel.attempt_id = ids.attempt;
	front_free(front_call_ok("CancelAttempt", &cancel.base));
	pthread_join(first.thread, NULL);
	assert_null(first.response);
	assert_int_equal(first.error.status, VU_CANCELLED);
	assert_true(vu_clock_monotonic_us() - began_us < 10 * FRONT_SECOND);
	assert_null(last_attempt("zoe", &history));
	front_free(history);
	front_free(front_call_ok("CancelAttempt", &cancel.base)); /* again: no harm */
	cancel.attempt_id = ids.session;
	assert_int_equal(front_call_fails("CancelAttempt", &cancel.base, &error), VU_NOT_FOUND);
}

static void watching_follows_the_phases(void **state)
{
	front_ids ids = front_new_ids();
	background_call first = {0};
	Vu__WatchAttemptRequest watch = VU__WATCH_ATTEMPT_REQUEST__INIT;
	Vu__WatchAttemptResponse *r;
	(void)state;
	CHANGE(extract_ms = 1500);
	CHANGE(session_state = VU__SESSION_STATE__SESSION_LISTENING);
	watch.attempt_id = ids.attempt;
	watch.wait_ms = 50;
	r = front_call_ok("WatchAttempt", &watch.base);
	assert_int_equal(r->phase, VU__ATTEMPT_PHASE__PHASE_UNKNOWN);
	front_free(r);
	begin(&first, &ids, "willi");
	wait_until_extracting();
	watch.wait_ms = 10000;
	watch.known = VU__ATTEMPT_PHASE__PHASE_OPENING;
	r = front_call_ok("WatchAttempt", &watch.base);
	assert_int_equal(r->phase, VU__ATTEMPT_PHASE__PHASE_LISTENING);
	assert_true(vu_id_is_hex(r->session_id));
	front_free(r);
	CHANGE(session_state = VU__SESSION_STATE__SESSION_SPEECH);
	watch.known = VU__ATTEMPT_PHASE__PHASE_LISTENING;
	r = front_call_ok("WatchAttempt", &watch.base);
	assert_int_equal(r->phase, VU__ATTEMPT_PHASE__PHASE_SPEECH);
	front_free(r);
	CHANGE(session_state = VU__SESSION_STATE__SESSION_ENDED);
	watch.known = VU__ATTEMPT_PHASE__PHASE_SPEECH;
	r = front_call_ok("WatchAttempt", &watch.base);
	assert_true(r->phase == VU__ATTEMPT_PHASE__PHASE_DECIDING || r->phase == VU__ATTEMPT_PHASE__PHASE_DONE);
	front_free(r);
	watch.known = VU__ATTEMPT_PHASE__PHASE_DECIDING;
	r = front_call_ok("WatchAttempt", &watch.base);
	assert_int_equal(r->phase, VU__ATTEMPT_PHASE__PHASE_DONE);
	front_free(r);
	pthread_join(first.thread, NULL);
	front_free(first.response);
}

/* ---- bad requests ---- */

static void bad_requests_are_named(void **state)
{
	char long_name[301];
	static const struct {
		const char *attempt_id, *user, *session_id, *level, *anti_spoofing, *name_space, *words;
	} TABLE[] = {
	    {"", "anna", "", "", "", "", "attempt_id must be 32 lower-case hex digits"},
	    {"0123456789ABCDEF0123456789abcdef", "anna", "", "", "", "", "attempt_id must be"},
	    {NULL, "", "", "", "", "", "user name is empty"},
	    {NULL, "../anna", "", "", "", "", "user name"},
	    {NULL, "an/na", "", "", "", "", "contains '/'"},
	    {NULL, "an\nna", "", "", "", "", "control character"},
	    {NULL, "anna", "../../etc", "", "", "", "session_id must be"},
	    {NULL, "anna", "", "superb", "", "", "superb"},
	    {NULL, "anna", "", "", "sometimes", "", "sometimes"},
	    {NULL, "anna", "", "", "", "a/b", "the namespace is not valid"},
	};
	vu_error error;
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	(void)state;
	for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
		request.attempt_id = TABLE[i].attempt_id ? front_text(TABLE[i].attempt_id) : ids.attempt;
		request.user = front_text(TABLE[i].user);
		request.session_id = front_text(TABLE[i].session_id);
		request.level = front_text(TABLE[i].level);
		request.anti_spoofing = front_text(TABLE[i].anti_spoofing);
		request.namespace_ = front_text(TABLE[i].name_space);
		assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INVALID_ARGUMENT);
		if (!strstr(error.message, TABLE[i].words))
			fail_msg("\"%s\" does not say \"%s\"", error.message, TABLE[i].words);
	}
	memset(long_name, 'a', 300);
	long_name[300] = '\0';
	vu__authenticate_request__init(&request);
	request.attempt_id = ids.attempt;
	request.user = long_name;
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "300 bytes"));
	request.user = front_text("an\xffna"); /* refused before it comes here */
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "UTF-8"));
	assert_int_equal(fake_script_now().opened, 0);
}

static void sessions_that_are_no_uploads_are_refused(void **state)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_error error;
	(void)state;
	request.attempt_id = ids.attempt;
	request.session_id = ids.session;
	request.user = front_text("anna");
	CHANGE(source = VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE);
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "it is not uploaded audio"));
	ids = front_new_ids();
	CHANGE(session_status = VU_NOT_FOUND);
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "there is no such session");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_matching_voice_is_accepted, reset),
	    cmocka_unit_test_setup(the_microphone_is_closed_afterwards, reset),
	    cmocka_unit_test_setup(a_sure_voice_is_followed, reset),
	    cmocka_unit_test_setup(nobody_else_is_followed, reset),
	    cmocka_unit_test_setup(prediction_learns_of_who_is_there, reset),
	    cmocka_unit_test_setup(an_upload_is_accepted_but_never_unlocks, reset),
	    cmocka_unit_test_setup(weaker_levels_never_unlock, reset),
	    cmocka_unit_test_setup(another_voice_is_rejected, reset),
	    cmocka_unit_test_setup(a_spoof_is_refused_with_both_scores, reset),
	    cmocka_unit_test_setup(spoof_outranks_reject, reset),
	    cmocka_unit_test_setup(silence_is_no_speech, reset),
	    cmocka_unit_test_setup(noise_is_no_speech_with_scores_and_not_counted, reset),
	    cmocka_unit_test_setup(a_stranger_is_not_enrolled_and_need_not_speak, reset),
	    cmocka_unit_test_setup(asked_first_a_stranger_opens_no_microphone, reset),
	    cmocka_unit_test_setup(a_stranger_without_speech_is_still_not_enrolled, reset),
	    cmocka_unit_test_setup(isolated_attempts_leave_no_trace, reset),
	    cmocka_unit_test_setup(a_repeated_attempt_gets_the_same_answer_once, reset),
	    cmocka_unit_test_setup(a_caller_who_comes_again_meanwhile_joins, reset),
	    cmocka_unit_test_setup(the_microphone_serves_one_attempt_at_a_time, reset),
	    cmocka_unit_test_setup(a_cancelled_attempt_ends_and_counts_for_nothing, reset),
	    cmocka_unit_test_setup(watching_follows_the_phases, reset),
	    cmocka_unit_test_setup(bad_requests_are_named, reset),
	    cmocka_unit_test_setup(sessions_that_are_no_uploads_are_refused, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
