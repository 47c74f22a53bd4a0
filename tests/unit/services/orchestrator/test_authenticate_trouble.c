/* Authentications when peers are down, late or wrong: never an accept. Each test takes a user of its own. */
#include "front_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL);
	return 0;
}

static void antispoof_down_is_unavailable_never_an_accept(void **state)
{
	(void)state;
	CHANGE(assess_status = VU_INTERNAL);
	Vu__AuthenticateResponse *r =
	    front_expect("tina", true, VU__VERDICT__VERDICT_UNAVAILABLE, "antispoof has trouble.");
	assert_true(r->score == 2); /* there was speech */
	assert_int_equal(r->failures_left, 3);
	front_free(r);
	CHANGE(assess_status = VU_OK);
	CHANGE(assess_unavailable = 1000000);
	r = front_authenticate("tina", true, 3 * FRONT_SECOND);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	front_free(r);
}

static void a_detector_that_could_not_run_is_unavailable(void **state)
{
	(void)state;
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE);
	CHANGE(spoof_reason = "the replay memory cannot be opened");
	front_free(
	    front_expect("tina2", true, VU__VERDICT__VERDICT_UNAVAILABLE, "the replay memory cannot be opened."));
	fake_script_reset();
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_UNKNOWN);
	front_free(front_expect("tina2", true, VU__VERDICT__VERDICT_UNAVAILABLE, ""));
	fake_script_reset();
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_OFF);
	front_free(front_expect("tina2", true, VU__VERDICT__VERDICT_UNAVAILABLE, ""));
	fake_script_reset();
	CHANGE(spoof_level = "low");
	front_free(front_expect("tina2", true, VU__VERDICT__VERDICT_UNAVAILABLE, ""));
}

static void services_that_come_back_are_waited_for(void **state)
{
	fake_script s;
	(void)state;
	CHANGE(extract_unavailable = 3);
	CHANGE(assess_unavailable = 3);
	front_free(front_expect("theo", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	s = fake_script_now();
	assert_int_equal(s.extracted, 4);
	assert_int_equal(s.assessed, 4);
	/* Always the same attempt: a retry is no replay. */
	for (int i = 1; i < 4; i++)
		assert_string_equal(s.assess_ids[i], s.assess_ids[0]);
}

static void a_sequence_that_was_aborted_is_repeated(void **state)
{
	(void)state;
	CHANGE(extract_aborted = 2);
	front_free(front_expect("theo", false, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_int_equal(fake_script_now().extracted, 3);
}

static void a_recording_that_broke_off_is_unavailable_and_says_why(void **state)
{
	(void)state;
	CHANGE(session_state = VU__SESSION_STATE__SESSION_FAILED);
	CHANGE(failure_status = VU_ABORTED);
	CHANGE(failure = "The recording was cut off: please say it again");
	CHANGE(extract_status = VU_ABORTED);
	CHANGE(assess_status = VU_ABORTED);
	Vu__AuthenticateResponse *r =
	    front_expect("tom", true, VU__VERDICT__VERDICT_UNAVAILABLE, "please say it again.");
	assert_int_equal(fake_script_now().extracted, 1);
	assert_int_equal(r->failures_left, 3);
	front_free(r);
}

static void an_unplugged_microphone_is_no_speech(void **state)
{
	(void)state;
	CHANGE(session_state = VU__SESSION_STATE__SESSION_FAILED);
	CHANGE(failure_status = VU_NOT_FOUND);
	CHANGE(failure = "The microphone is gone: plug it in");
	CHANGE(extract_status = VU_NOT_FOUND);
	CHANGE(assess_status = VU_NOT_FOUND);
	front_free(front_expect("tom", true, VU__VERDICT__VERDICT_NO_SPEECH, "The microphone is gone: plug it in."));
}

static void no_device_is_no_speech(void **state)
{
	(void)state;
	CHANGE(open_status = VU_NOT_FOUND);
	CHANGE(open_message = "There is no microphone: plug one in");
	front_free(front_expect("tom", true, VU__VERDICT__VERDICT_NO_SPEECH, "There is no microphone: plug one in."));
}

static void a_forbidden_microphone_is_an_error_of_permission(void **state)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_error error;
	(void)state;
	CHANGE(open_status = VU_PERMISSION_DENIED);
	CHANGE(open_message = "the microphone is not allowed: allow it in the settings");
	request.attempt_id = ids.attempt;
	request.user = front_text("tom");
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "the microphone is not allowed: allow it in the settings");
}

static void models_that_are_too_late_are_unavailable_within_the_deadline(void **state)
{
	Vu__AuthenticateResponse *r;
	int64_t began_us = vu_clock_monotonic_us();
	(void)state;
	CHANGE(score_ms = 30000);
	r = front_authenticate("tess", true, 3 * FRONT_SECOND);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	assert_true(isnan(r->score));
	assert_true(vu_clock_monotonic_us() - began_us < 10 * FRONT_SECOND);
	front_free(r);
}

static void features_that_fail_are_unavailable(void **state)
{
	(void)state;
	CHANGE(extract_status = VU_INTERNAL);
	CHANGE(extract_message = "unable to compute");
	CHANGE(assess_ms = 60000); /* not waited for */
	front_free(front_expect("ted", true, VU__VERDICT__VERDICT_UNAVAILABLE, "unable to compute."));
}

static void a_score_that_is_no_number_is_unavailable(void **state)
{
	(void)state;
	CHANGE(fused = NAN);
	front_free(front_expect("ted", true, VU__VERDICT__VERDICT_UNAVAILABLE, "no usable score"));
	CHANGE(fused = INFINITY);
	front_free(front_expect("ted", true, VU__VERDICT__VERDICT_UNAVAILABLE, "no usable score"));
}

static void a_template_that_does_not_fit_is_unavailable_with_its_reason(void **state)
{
	(void)state;
	CHANGE(score_status = VU_FAILED_PRECONDITION);
	CHANGE(score_message = "the template was made by another extractor: enrol again");
	front_free(front_expect("ted", true, VU__VERDICT__VERDICT_UNAVAILABLE, "enrol again."));
}

static void models_short_of_memory_for_a_moment_cost_nothing(void **state)
{
	(void)state;
	CHANGE(score_short_of_memory = 4);
	front_free(front_expect("ted", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_int_equal(fake_script_now().scored, 5);
}

/* Another program takes the database while the voice is scored. */
static sqlite3 *intruder;
static void lock_database(void)
{
	char path[TEST_PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/history.db", folder);
	if (sqlite3_open(path, &intruder) != SQLITE_OK ||
	    sqlite3_exec(intruder, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		abort();
}

static void what_cannot_be_stored_is_never_an_accept(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(on_score = lock_database);
	r = front_authenticate("vera", true, 8 * FRONT_SECOND);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	assert_non_null(strstr(r->reason, "keeps it locked"));
	assert_false(r->may_unlock);
	front_free(r);
	/* Nor is anybody listened to while it is so. */
	fake_script_reset();
	r = front_authenticate("vera", true, 8 * FRONT_SECOND);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
	assert_int_equal(fake_script_now().opened, 0);
	front_free(r);
	sqlite3_exec(intruder, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(intruder);
	front_free(front_expect("vera", true, VU__VERDICT__VERDICT_ACCEPT, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(antispoof_down_is_unavailable_never_an_accept, reset),
	    cmocka_unit_test_setup(a_detector_that_could_not_run_is_unavailable, reset),
	    cmocka_unit_test_setup(services_that_come_back_are_waited_for, reset),
	    cmocka_unit_test_setup(a_sequence_that_was_aborted_is_repeated, reset),
	    cmocka_unit_test_setup(a_recording_that_broke_off_is_unavailable_and_says_why, reset),
	    cmocka_unit_test_setup(an_unplugged_microphone_is_no_speech, reset),
	    cmocka_unit_test_setup(no_device_is_no_speech, reset),
	    cmocka_unit_test_setup(a_forbidden_microphone_is_an_error_of_permission, reset),
	    cmocka_unit_test_setup(models_that_are_too_late_are_unavailable_within_the_deadline, reset),
	    cmocka_unit_test_setup(features_that_fail_are_unavailable, reset),
	    cmocka_unit_test_setup(models_short_of_memory_for_a_moment_cost_nothing, reset),
	    cmocka_unit_test_setup(a_score_that_is_no_number_is_unavailable, reset),
	    cmocka_unit_test_setup(a_template_that_does_not_fit_is_unavailable_with_its_reason, reset),
	    cmocka_unit_test_setup(what_cannot_be_stored_is_never_an_accept, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
