/* The client against a suite that does as it is told. */
#include "client_fixture.h"

#include <math.h>

static void an_attempt_is_answered(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	attempt = fixture_authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_ACCEPT);
	assert_true(attempt->may_unlock);
	assert_string_equal(attempt->user, "maria");
	assert_string_equal(attempt->reason, "because");
	assert_true(attempt->score == 1.5);
	assert_true(isnan(attempt->threshold));
	assert_true(isnan(attempt->antispoof.score));
	assert_int_equal(attempt->antispoof.verdict, VOICEUNLOCK_SPOOF_UNKNOWN);
	fixture_settle();
	assert_int_equal(suite.opened, 1);
	assert_int_equal(suite.closed, 1);
	assert_int_equal(strlen(suite.authenticated_session), 32);
	voiceunlock_attempt_free(attempt);
}

static void an_unknown_verdict_admits_nobody(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = 99);
	attempt = fixture_authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_VERDICT_UNKNOWN);
	assert_false(attempt->may_unlock);
	assert_string_equal(voiceunlock_verdict_name(attempt->verdict), "unknown");
	voiceunlock_attempt_free(attempt);
}

static void a_bad_file_is_no_speech_or_something_stronger(void **state)
{
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = "/nowhere/a.wav"};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_NO_SPEECH);
	attempt = fixture_authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_NO_SPEECH);
	assert_non_null(strstr(attempt->reason, "/nowhere/a.wav"));
	fixture_settle();
	assert_int_equal(suite.audio_bytes, 0);
	assert_true(suite.ended);
	voiceunlock_attempt_free(attempt);
	SET(suite.verdict = VOICEUNLOCK_LOCKED);
	attempt = fixture_authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_LOCKED);
	assert_string_equal(attempt->reason, "because");
	voiceunlock_attempt_free(attempt);
	/* Whatever a service says about audio that it never had, it is not let in. */
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	attempt = fixture_authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_NO_SPEECH);
	assert_false(attempt->may_unlock);
	voiceunlock_attempt_free(attempt);
}

static void no_answer_in_time_is_unavailable(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 0.3};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	client_aid_hold(&suite, true);
	attempt = fixture_authenticate(&audio, &options);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_VERDICT_UNAVAILABLE);
	assert_false(attempt->may_unlock);
	assert_true(isnan(attempt->score));
	voiceunlock_attempt_free(attempt);
	client_aid_hold(&suite, false);
}

static void *cancel_soon(void *cancel)
{
	bool asked = false;

	/* Not before there is an attempt to cancel, however long the upload takes on a busy machine. */
	for (int tries = 0; tries < 3000 && !asked; tries++) {
		usleep(10000);
		pthread_mutex_lock(&suite.mutex);
		asked = suite.authenticated > 0;
		pthread_mutex_unlock(&suite.mutex);
	}
	voiceunlock_cancel_trigger(cancel);
	return NULL;
}

static void cancelling_tells_the_service(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 60};
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;
	pthread_t thread;

	(void)state;
	client_aid_hold(&suite, true);
	pthread_mutex_lock(&suite.mutex);
	suite.authenticated = 0;
	pthread_mutex_unlock(&suite.mutex);
	assert_int_equal(voiceunlock_cancel_create(&options.cancel), VOICEUNLOCK_OK);
	assert_false(voiceunlock_cancel_is_triggered(options.cancel));
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, options.cancel), 0);
	assert_int_equal(voiceunlock_authenticate(client, "maria", &audio, &options, &attempt, &error),
	                 VOICEUNLOCK_CANCELLED);
	pthread_join(thread, NULL);
	assert_null(attempt);
	assert_true(voiceunlock_cancel_is_triggered(options.cancel));
	fixture_settle();
	assert_int_equal(suite.attempts_cancelled, 1);
	assert_int_equal(suite.closed, 1);
	voiceunlock_cancel_destroy(options.cancel);
}

typedef struct watching {
	pthread_t caller;
	unsigned listening;
	unsigned uploading;
	float level;
} watching;

static void watch(void *context, const voiceunlock_progress *progress)
{
	watching *seen = context;

	assert_true(pthread_equal(pthread_self(), seen->caller));
	seen->uploading += progress->phase == VOICEUNLOCK_PHASE_UPLOADING;
	if (progress->phase == VOICEUNLOCK_PHASE_LISTENING) {
		seen->listening++;
		seen->level = progress->level_dbfs;
		client_aid_hold(&suite, false);
	}
}

static void progress_is_told_on_the_callers_thread(void **state)
{
	watching seen = {.caller = pthread_self()};
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt_options options = {
	    .size = sizeof options, .timeout_s = 60, .progress = watch, .context = &seen};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_REJECT);
	client_aid_hold(&suite, true);
	SET(suite.phase = VOICEUNLOCK_PHASE_LISTENING);
	attempt = fixture_authenticate(&audio, &options);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_REJECT);
	assert_true(seen.uploading >= 2);
	assert_true(seen.listening >= 1);
	assert_true(seen.level == -20.0f);
	voiceunlock_attempt_free(attempt);
}

static void bad_requests_go_nowhere(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options};
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	(void)state;
	assert_int_equal(voiceunlock_authenticate(client, "a/b", &audio, NULL, &attempt, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_string_equal(error.message, "the user name contains '/': use letters and digits");
	options.level = "lenient";
	assert_int_equal(voiceunlock_authenticate(client, "maria", &audio, &options, &attempt, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "convenient"));
	options.level = NULL;
	options.timeout_s = -1;
	assert_int_equal(voiceunlock_authenticate(client, "maria", &audio, &options, &attempt, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_string_equal(error.message, "the timeout is not between 0 and 3600 seconds");
	options.timeout_s = 0;
	options.size = 4;
	assert_int_equal(voiceunlock_authenticate(client, "maria", &audio, &options, &attempt, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_null(attempt);
	fixture_settle();
	assert_int_equal(suite.opened, 0);
	assert_int_equal(suite.authenticated, 0);
}

static void enrolling_in_one_call(void **state)
{
	voiceunlock_audio audios[3] = {
	    fixture_in_memory(), {.kind = VOICEUNLOCK_AUDIO_FILE, .path = "/nowhere/b.wav"}, fixture_in_memory()};
	voiceunlock_sample judged[3];
	voiceunlock_enrolled *enrolled = NULL;

	(void)state;
	assert_int_equal(voiceunlock_enroll(client, "maria", audios, 3, NULL, judged, &enrolled, NULL),
	                 VOICEUNLOCK_OK);
	assert_true(judged[0].accepted);
	assert_true(isnan(judged[0].agreement));
	assert_false(judged[1].accepted);
	assert_non_null(strstr(judged[1].advice, "/nowhere/b.wav"));
	assert_true(judged[2].accepted);
	assert_true(judged[2].agreement == 0.5);
	assert_true(judged[2].enough);
	assert_int_equal(enrolled->samples, 2);
	assert_int_equal(enrolled->template_bytes, 4711);
	fixture_settle();
	assert_int_equal(suite.enrollments_cancelled, 0);
	assert_int_equal(suite.closed, 2);
	voiceunlock_enrolled_free(enrolled);
}

static void what_is_not_committed_is_cancelled(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_enrollment *enrollment = NULL;
	voiceunlock_enrolled *enrolled = NULL;
	voiceunlock_sample sample;
	voiceunlock_error error;

	(void)state;
	SET(suite.commit_status = VU_FAILED_PRECONDITION);
	assert_int_equal(voiceunlock_enrollment_begin(client, "maria", NULL, &enrollment, NULL), VOICEUNLOCK_OK);
	assert_int_equal(voiceunlock_enrollment_samples_wanted(enrollment), 2);
	assert_int_equal(voiceunlock_enrollment_samples_max(enrollment), 3);
	assert_string_equal(voiceunlock_enrollment_phrase(enrollment, 0), "one");
	assert_string_equal(voiceunlock_enrollment_phrase(enrollment, 3), "two");
	assert_int_equal(voiceunlock_enrollment_add(enrollment, &audio, &sample, NULL), VOICEUNLOCK_OK);
	assert_int_equal(voiceunlock_enrollment_commit(enrollment, &enrolled, &error),
	                 VOICEUNLOCK_FAILED_PRECONDITION);
	assert_string_equal(error.message, "too few good samples");
	voiceunlock_enrollment_close(enrollment);
	fixture_settle();
	assert_int_equal(suite.enrollments_cancelled, 1);
	enrollment = NULL;
	assert_int_equal(voiceunlock_enrollment_begin(client, "taken", NULL, &enrollment, &error),
	                 VOICEUNLOCK_ALREADY_EXISTS);
	assert_string_equal(error.message, "taken is enrolled already");
	assert_null(enrollment);
}

static void methods_are_called_by_name(void **state)
{
	char *json = NULL;
	voiceunlock_error error;

	(void)state;
	assert_int_equal(
	    voiceunlock_call(client, "orchestrator/History", "{\"user\": \"maria\", \"limit\": 7}", 5, &json, &error),
	    VOICEUNLOCK_OK);
	assert_non_null(strstr(json, "\"verdict\": \"accept\""));
	assert_non_null(strstr(json, "\"time_us\": 7"));
	voiceunlock_text_free(json);
	assert_int_equal(voiceunlock_call(client, "voiceunlock.v1.Orchestrator/History", NULL, 5, &json, &error),
	                 VOICEUNLOCK_OK);
	voiceunlock_text_free(json);
	assert_int_equal(voiceunlock_call(client, "orchestrator/Histroy", NULL, 5, &json, &error),
	                 VOICEUNLOCK_UNIMPLEMENTED);
	assert_string_equal(error.message, "orchestrator has no method 'Histroy'; did you mean History");
	assert_int_equal(voiceunlock_call(client, "orchestrator/Nosuch.History", NULL, 5, &json, &error),
	                 VOICEUNLOCK_UNIMPLEMENTED);
	assert_string_equal(error.message, "orchestrator has no service 'Nosuch'");
	assert_int_equal(voiceunlock_call(client, "orchestrater/History", NULL, 5, &json, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_string_equal(error.message, "there is no process 'orchestrater'; did you mean orchestrator");
	assert_int_equal(voiceunlock_call(client, "History", NULL, 5, &json, &error), VOICEUNLOCK_INVALID_ARGUMENT);
	assert_int_equal(voiceunlock_call(client, "orchestrator/History", "{\"usr\": 1}", 5, &json, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "did you mean \"user\""));
	assert_int_equal(voiceunlock_call(client, "orchestrator/History", NULL, -1, &json, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	/* Offered by the protocol, not by this suite: the service's own answer. */
	assert_int_equal(voiceunlock_call(client, "orchestrator/RemoveUser", NULL, 5, &json, &error),
	                 VOICEUNLOCK_UNIMPLEMENTED);
}

static void what_is_not_offered_says_so(void **state)
{
	char *json = NULL;
	voiceunlock_error error;

	(void)state;
	assert_int_equal(voiceunlock_report(client, &json, &error), VOICEUNLOCK_UNIMPLEMENTED);
	assert_null(json);
	assert_string_equal(error.message,
	                    "unable to fetch the performance report: this version of the suite does not offer it");
	assert_int_equal(voiceunlock_watch_alerts(client, NULL, NULL, NULL, &error), VOICEUNLOCK_UNIMPLEMENTED);
}

static void a_bad_configuration(void **state)
{
	char path[128];
	voiceunlock_options options = {.size = sizeof options, .config_path = path};
	voiceunlock_client *made = NULL;
	voiceunlock_error error;
	FILE *file;

	(void)state;
	snprintf(path, sizeof path, "%s/config.yaml", suite.folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("performance:\n  max_memroy_mb: 400\n", file);
	fclose(file);
	assert_int_equal(voiceunlock_create(&options, &made, &error), VOICEUNLOCK_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "max_memroy_mb"));
	assert_null(made);
	options.tolerate_bad_config = true;
	assert_int_equal(voiceunlock_create(&options, &made, &error), VOICEUNLOCK_OK);
	voiceunlock_destroy(made);
	options.size = 1;
	made = NULL;
	assert_int_equal(voiceunlock_create(&options, &made, &error), VOICEUNLOCK_INVALID_ARGUMENT);
	assert_null(made);
}

static void all_pages_of_a_list_are_read(void **state)
{
	static const unsigned counts[] = {0, 1, 3, 4, 10};

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		voiceunlock_user_list *list = NULL;
		char name[8];
		SET(suite.users = counts[i]);
		assert_int_equal(voiceunlock_list(client, &list, NULL), VOICEUNLOCK_OK);
		assert_int_equal(list->count, counts[i]);
		for (unsigned n = 0; n < counts[i]; n++) {
			snprintf(name, sizeof name, "u%03u", n % 1000);
			assert_string_equal(list->users[n].user, name);
			assert_int_equal(list->users[n].samples, n);
		}
		voiceunlock_user_list_free(list);
	}
}

static void pages_that_go_in_circles_end(void **state)
{
	voiceunlock_user_list *list = NULL;
	voiceunlock_error error = {0};

	(void)state;
	SET(suite.users = 2);
	SET(suite.circle_pages = true);
	assert_int_not_equal(voiceunlock_list(client, &list, &error), VOICEUNLOCK_OK);
	assert_string_equal(error.message, "unable to list the users: the pages of the list do not go on");
	assert_null(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SUITE(an_attempt_is_answered),
	    WITH_SUITE(an_unknown_verdict_admits_nobody),
	    WITH_SUITE(a_bad_file_is_no_speech_or_something_stronger),
	    WITH_SUITE(no_answer_in_time_is_unavailable),
	    WITH_SUITE(cancelling_tells_the_service),
	    WITH_SUITE(progress_is_told_on_the_callers_thread),
	    WITH_SUITE(bad_requests_go_nowhere),
	    WITH_SUITE(enrolling_in_one_call),
	    WITH_SUITE(what_is_not_committed_is_cancelled),
	    WITH_SUITE(methods_are_called_by_name),
	    WITH_SUITE(what_is_not_offered_says_so),
	    WITH_SUITE(a_bad_configuration),
	    WITH_SUITE(all_pages_of_a_list_are_read),
	    WITH_SUITE(pages_that_go_in_circles_end),
	};

	return cmocka_run_group_tests(tests, fixture_make_samples, fixture_free_samples);
}
