/* Enrolment against scripted peers over real RPC. */
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

static char enrollment_id[VU_ID_HEX_SIZE];

static Vu__BeginEnrollmentRequest begin_request(const char *user)
{
	Vu__BeginEnrollmentRequest request = VU__BEGIN_ENROLLMENT_REQUEST__INIT;
	vu_id_generate_hex(enrollment_id);
	request.enrollment_id = enrollment_id;
	request.user = front_text(user);
	return request;
}

static void begin(const char *user)
{
	Vu__BeginEnrollmentRequest request = begin_request(user);
	CHANGE(enrolled = false);
	front_free(front_call_ok("BeginEnrollment", &request.base));
}

static Vu__AddSampleRequest sample_request(front_ids *ids)
{
	Vu__AddSampleRequest request = VU__ADD_SAMPLE_REQUEST__INIT;
	*ids = front_new_ids();
	request.enrollment_id = enrollment_id;
	request.sample_id = ids->attempt;
	request.session_id = ids->session;
	return request;
}

static Vu__AddSampleResponse *add_sample(void)
{
	front_ids ids;
	Vu__AddSampleRequest request = sample_request(&ids);
	return front_call_ok("AddSample", &request.base);
}

static Vu__EnrollmentRequest enrollment_request(void)
{
	Vu__EnrollmentRequest request = VU__ENROLLMENT_REQUEST__INIT;
	request.enrollment_id = enrollment_id;
	return request;
}

static void an_enrolment_gathers_samples_and_enrols_once(void **state)
{
	Vu__BeginEnrollmentRequest request = begin_request("anna");
	Vu__BeginEnrollmentResponse *begun;
	Vu__AddSampleResponse *sample;
	Vu__EnrollResponse *done;
	Vu__EnrollmentRequest commit = enrollment_request();
	Vu__HistoryRequest history_request = VU__HISTORY_REQUEST__INIT;
	Vu__HistoryResponse *history;
	char hex[VU_ID_HEX_SIZE];
	fake_script s;
	(void)state;

	CHANGE(enrolled = false);
	begun = front_call_ok("BeginEnrollment", &request.base);
	assert_int_equal(begun->samples_wanted, 3);
	assert_int_equal(begun->samples_max, 4);
	assert_true(begun->n_phrases > 0 && *begun->phrases[0]);
	front_free(begun);
	for (unsigned i = 1; i <= 3; i++) {
		sample = add_sample();
		assert_true(sample->accepted);
		assert_int_equal(sample->samples, i);
		assert_int_equal(sample->enough, i == 3);
		assert_int_equal(sample->quality->speech_ms, 2500);
		front_free(sample);
	}
	s = fake_script_now();
	assert_true(s.last_crops && s.last_enrollment);
	assert_false(s.last_isolated);
	assert_int_equal(s.assessed, 3);
	CHANGE(enrolled = true);      /* as models would say from now on */
	for (int i = 0; i < 2; i++) { /* the second is a repetition */
		done = front_call_ok("CommitEnrollment", &commit.base);
		assert_int_equal(done->samples, 3);
		assert_int_equal(done->template_bytes, 4096);
		front_free(done);
	}
	s = fake_script_now();
	assert_int_equal(s.enrolled_calls, 1);
	assert_int_equal(s.enrolled_samples, 3);
	assert_string_equal(s.last_user, "anna");
	vu_id_to_hex(s.enroll_request_id, hex);
	assert_string_equal(hex, enrollment_id);
	history_request.user = front_text("anna");
	history = front_call_ok("History", &history_request.base);
	assert_int_equal(history->n_attempts, 1);
	assert_string_equal(history->attempts[0]->kind, "enroll");
	front_free(history);
}

static void a_bad_sample_is_judged_at_once_and_not_kept(void **state)
{
	Vu__AddSampleResponse *sample;
	(void)state;
	begin("berta");
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY);
	CHANGE(advice = "It is noisy: go to a quieter place.");
	sample = add_sample();
	assert_false(sample->accepted);
	assert_int_equal(sample->samples, 0);
	assert_string_equal(sample->advice, "It is noisy: go to a quieter place.");
	assert_int_equal(sample->quality->problem, VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY);
	front_free(sample);
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_OK);
	CHANGE(advice = "");
	CHANGE(has_vector = false);
	sample = add_sample();
	assert_false(sample->accepted);
	assert_non_null(strstr(sample->advice, "No speech was heard"));
	front_free(sample);
}

static void a_sample_that_differs_is_kept_with_advice(void **state)
{
	static const float TABLE[] = {0.01F, 0.2F};
	Vu__AddSampleResponse *sample;
	unsigned kept = 1;
	(void)state;
	begin("carla");
	front_free(add_sample());
	CHANGE(agrees = false);
	for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
		CHANGE(agreement = TABLE[i]);
		sample = add_sample();
		assert_true(sample->accepted);
		assert_int_equal(sample->samples, ++kept);
		assert_int_equal(sample->enough, kept == 3);
		assert_true(sample->agreement == TABLE[i]);
		assert_non_null(strstr(sample->advice, "does not sound like your other samples"));
		assert_null(strstr(sample->advice, "one more"));
		front_free(sample);
	}
}

/* Two good ones and one of another voice, of three that are needed; one more takes its place when `more`. */
static void enrol_with_a_doubtful_sample(const char *user, bool more)
{
	Vu__EnrollmentRequest commit = enrollment_request();
	Vu__AddSampleResponse *sample;
	Vu__EnrollResponse *done;

	begin(user);
	for (int i = 0; i < 2; i++)
		front_free(add_sample());
	CHANGE(agrees = false);
	CHANGE(agreement = 0.009F);
	sample = add_sample();
	assert_true(sample->accepted);
	assert_int_equal(sample->samples, 3);
	assert_false(sample->enough);
	assert_non_null(strstr(sample->advice, "does not sound like your other samples: say one more"));
	front_free(sample);
	if (more) {
		CHANGE(agrees = true);
		sample = add_sample();
		assert_true(sample->accepted);
		assert_int_equal(sample->samples, 4);
		assert_true(sample->enough);
		assert_string_equal(sample->advice, "");
		front_free(sample);
	}
	done = front_call_ok("CommitEnrollment", &commit.base);
	front_free(done);
	assert_string_equal(fake_script_now().last_user, user);
	assert_int_equal(fake_script_now().enrolled_samples, 3);
}

static void a_doubtful_sample_is_left_out_when_one_more_was_said(void **state)
{
	(void)state;
	enrol_with_a_doubtful_sample("doris", true);
}

static void a_doubtful_sample_is_used_when_there_are_no_others(void **state)
{
	(void)state;
	enrol_with_a_doubtful_sample("doreen", false);
}

/* Whoever is the odd one: who goes on is never asked for more than the most. */
static void doubtful_samples_are_enough_in_the_end(void **state)
{
	Vu__EnrollmentRequest commit = enrollment_request();
	Vu__AddSampleResponse *sample;
	(void)state;
	begin("dolores");
	front_free(add_sample());
	CHANGE(agrees = false);
	CHANGE(agreement = 0);
	for (unsigned i = 2; i <= 4; i++) {
		sample = add_sample();
		assert_true(sample->accepted);
		assert_int_equal(sample->enough, i == 4);
		front_free(sample);
	}
	front_free(front_call_ok("CommitEnrollment", &commit.base));
	assert_int_equal(fake_script_now().enrolled_samples, 4);
}

static void a_repeated_sample_adds_once(void **state)
{
	front_ids ids;
	Vu__AddSampleRequest request;
	Vu__AddSampleResponse *sample;
	(void)state;
	begin("dora");
	request = sample_request(&ids);
	front_free(front_call_ok("AddSample", &request.base));
	sample = front_call_ok("AddSample", &request.base);
	assert_true(sample->accepted);
	assert_int_equal(sample->samples, 1);
	front_free(sample);
	sample = add_sample();
	assert_int_equal(sample->samples, 2);
	front_free(sample);
}

static void too_few_samples_are_not_enrolled(void **state)
{
	Vu__EnrollmentRequest commit;
	vu_error error;
	(void)state;
	begin("emma");
	front_free(add_sample());
	commit = enrollment_request();
	assert_int_equal(front_call_fails("CommitEnrollment", &commit.base, &error), VU_FAILED_PRECONDITION);
	assert_string_equal(error.message, "1 good samples are not enough to enrol emma: record 2 more");
	assert_int_equal(fake_script_now().enrolled_calls, 0);
}

static void more_than_the_most_samples_are_refused(void **state)
{
	front_ids ids;
	Vu__AddSampleRequest request;
	vu_error error;
	(void)state;
	begin("frida");
	for (int i = 0; i < 4; i++)
		front_free(add_sample());
	request = sample_request(&ids);
	assert_int_equal(front_call_fails("AddSample", &request.base, &error), VU_FAILED_PRECONDITION);
	assert_string_equal(error.message, "4 good samples are the most allowed; finish the enrolment");
}

static void a_duplicate_needs_replace(void **state)
{
	Vu__BeginEnrollmentRequest request = begin_request("gerda");
	vu_error error;
	(void)state;
	assert_int_equal(front_call_fails("BeginEnrollment", &request.base, &error), VU_ALREADY_EXISTS);
	assert_string_equal(error.message, "gerda is enrolled already; add --replace to enrol again");
	request.replace = true;
	front_free(front_call_ok("BeginEnrollment", &request.base));
	/* The same id for something else. */
	request.user = front_text("greta");
	assert_int_equal(front_call_fails("BeginEnrollment", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "choose a new enrollment_id"));
}

static void a_beginning_without_models_is_refused(void **state)
{
	Vu__BeginEnrollmentRequest request = begin_request("gerda2");
	vu_error error;
	(void)state;
	CHANGE(list_status = VU_INTERNAL);
	assert_int_equal(front_call_fails("BeginEnrollment", &request.base, &error), VU_INTERNAL);
	assert_string_equal(error.message, "models has trouble");
}

static void a_sample_that_cannot_be_remembered_is_refused(void **state)
{
	front_ids ids;
	Vu__AddSampleRequest request;
	vu_error error;
	(void)state;
	begin("hanna");
	CHANGE(assess_status = VU_INTERNAL);
	request = sample_request(&ids);
	assert_int_equal(front_call_fails("AddSample", &request.base, &error), VU_INTERNAL);
	assert_string_equal(error.message, "unable to remember the sample against replay: antispoof has trouble");
	CHANGE(assess_status = VU_OK);
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE);
	CHANGE(spoof_reason = "no replay memory");
	request = sample_request(&ids);
	assert_int_equal(front_call_fails("AddSample", &request.base, &error), VU_UNAVAILABLE);
	assert_string_equal(error.message,
	                    "unable to remember the sample against replay: no replay memory; try again");
}

static void features_that_change_in_the_middle_are_noticed(void **state)
{
	front_ids ids;
	Vu__AddSampleRequest request;
	vu_error error;
	(void)state;
	begin("ida");
	front_free(add_sample());
	CHANGE(extractor = "fake-2");
	request = sample_request(&ids);
	assert_int_equal(front_call_fails("AddSample", &request.base, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "cancel it and begin again"));
}

static void cancelling_forgets_what_was_said(void **state)
{
	front_ids ids;
	Vu__AddSampleRequest add;
	Vu__EnrollmentRequest cancel;
	vu_error error;
	(void)state;
	begin("jana");
	front_free(add_sample());
	front_free(add_sample());
	cancel = enrollment_request();
	front_free(front_call_ok("CancelEnrollment", &cancel.base));
	assert_int_equal(fake_script_now().forgotten, 2);
	front_free(front_call_ok("CancelEnrollment", &cancel.base)); /* again: no harm */
	add = sample_request(&ids);
	assert_int_equal(front_call_fails("AddSample", &add.base, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "begin again"));
	assert_int_equal(front_call_fails("CommitEnrollment", &cancel.base, &error), VU_NOT_FOUND);
}

typedef struct background_sample {
	pthread_t thread;
	Vu__AddSampleRequest request;
	void *response;
	vu_error error;
} background_sample;

static void *add_in_background(void *argument)
{
	background_sample *sample = argument;
	sample->response = front_call("AddSample", &sample->request.base, 20 * FRONT_SECOND, &sample->error);
	return NULL;
}

static void cancelling_stops_the_sample_that_is_being_recorded(void **state)
{
	front_ids ids;
	background_sample sample = {0};
	Vu__EnrollmentRequest cancel;
	(void)state;
	begin("karin");
	CHANGE(extract_ms = 15000);
	CHANGE(assess_ms = 15000);
	sample.request = sample_request(&ids);
	sample.request.session_id = front_text(""); /* the microphone */
	assert_int_equal(pthread_create(&sample.thread, NULL, add_in_background, &sample), 0);
	for (int i = 0; i < 1000 && fake_script_now().extracted == 0; i++)
		usleep(5000);
	cancel = enrollment_request();
	front_free(front_call_ok("CancelEnrollment", &cancel.base));
	pthread_join(sample.thread, NULL);
	assert_null(sample.response);
	assert_int_equal(sample.error.status, VU_CANCELLED);
}

static void isolated_enrolments_only_warn(void **state)
{
	Vu__BeginEnrollmentRequest request = begin_request("lotte");
	Vu__AddSampleResponse *sample;
	Vu__EnrollmentRequest commit = enrollment_request();
	(void)state;
	CHANGE(enrolled = false);
	request.namespace_ = front_text("trial");
	front_free(front_call_ok("BeginEnrollment", &request.base));
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY);
	CHANGE(agrees = false);
	sample = add_sample();
	assert_true(sample->accepted);
	assert_true(sample->enough);
	front_free(sample);
	assert_int_equal(fake_script_now().assessed, 0);
	front_free(front_call_ok("CommitEnrollment", &commit.base));
	assert_string_equal(fake_script_now().last_namespace, "trial");
}

static void enrolments_are_bounded(void **state)
{
	Vu__BeginEnrollmentRequest request;
	Vu__EnrollmentRequest cancel = VU__ENROLLMENT_REQUEST__INIT;
	static char ids[VU_ENROLLMENTS_MAX + 1][VU_ID_HEX_SIZE];
	vu_error error;
	int begun = 0;
	vu_status status = VU_OK;
	(void)state;
	CHANGE(enrolled = false);
	while (begun <= VU_ENROLLMENTS_MAX) {
		request = begin_request("many");
		status = front_call_fails("BeginEnrollment", &request.base, &error);
		if (status != VU_OK)
			break;
		memcpy(ids[begun++], enrollment_id, VU_ID_HEX_SIZE);
	}
	assert_int_equal(status, VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "finish or cancel one"));
	while (begun-- > 0) {
		cancel.enrollment_id = ids[begun];
		front_free(front_call_ok("CancelEnrollment", &cancel.base));
	}
}

static void bad_names_are_refused(void **state)
{
	static const char *const NAMES[] = {"", "a/b", "..", "a\nb", "-x", " x", "x "};
	vu_error error;
	(void)state;
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		Vu__BeginEnrollmentRequest request = begin_request(NAMES[i]);
		Vu__RemoveUserRequest remove = VU__REMOVE_USER_REQUEST__INIT;
		assert_int_equal(front_call_fails("BeginEnrollment", &request.base, &error), VU_INVALID_ARGUMENT);
		remove.user = front_text(NAMES[i]);
		assert_int_equal(front_call_fails("RemoveUser", &remove.base, &error), VU_INVALID_ARGUMENT);
	}
	assert_int_equal(fake_script_now().removed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(an_enrolment_gathers_samples_and_enrols_once, reset),
	    cmocka_unit_test_setup(a_bad_sample_is_judged_at_once_and_not_kept, reset),
	    cmocka_unit_test_setup(a_sample_that_differs_is_kept_with_advice, reset),
	    cmocka_unit_test_setup(a_doubtful_sample_is_left_out_when_one_more_was_said, reset),
	    cmocka_unit_test_setup(a_doubtful_sample_is_used_when_there_are_no_others, reset),
	    cmocka_unit_test_setup(doubtful_samples_are_enough_in_the_end, reset),
	    cmocka_unit_test_setup(a_repeated_sample_adds_once, reset),
	    cmocka_unit_test_setup(too_few_samples_are_not_enrolled, reset),
	    cmocka_unit_test_setup(more_than_the_most_samples_are_refused, reset),
	    cmocka_unit_test_setup(a_duplicate_needs_replace, reset),
	    cmocka_unit_test_setup(a_beginning_without_models_is_refused, reset),
	    cmocka_unit_test_setup(a_sample_that_cannot_be_remembered_is_refused, reset),
	    cmocka_unit_test_setup(features_that_change_in_the_middle_are_noticed, reset),
	    cmocka_unit_test_setup(cancelling_forgets_what_was_said, reset),
	    cmocka_unit_test_setup(cancelling_stops_the_sample_that_is_being_recorded, reset),
	    cmocka_unit_test_setup(isolated_enrolments_only_warn, reset),
	    cmocka_unit_test_setup(enrolments_are_bounded, reset),
	    cmocka_unit_test_setup(bad_names_are_refused, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
