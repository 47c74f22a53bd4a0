/* The client against a suite that does as it is told. */
#include "client_aid.h"
#include "voiceunlock.h"

#include "base/clock.h"
#include "voiceunlock/v1/capture.pb-c.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define FRAMES   300000u
#define CHANNELS 2u

static client_aid suite;
static voiceunlock_client *client;
static float *samples; /* FRAMES x CHANNELS, all different enough */

static voiceunlock_audio in_memory(void)
{
	return (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_SAMPLES,
	                           .samples = samples,
	                           .frame_count = FRAMES,
	                           .sample_rate = 44100,
	                           .channels = CHANNELS};
}

static voiceunlock_client *connect_to(const char *folder)
{
	voiceunlock_options options = {.size = sizeof options, .runtime_folder = folder};
	voiceunlock_client *made = NULL;
	voiceunlock_error error;

	if (voiceunlock_create(&options, &made, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	return made;
}

static int set_up(void **state)
{
	(void)state;
	client_aid_start(&suite);
	client = connect_to(suite.folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	voiceunlock_destroy(client);
	client_aid_stop(&suite);
	return 0;
}

/* What the services' threads wrote before they answered is there to be read once their lock was taken. */
static void settle(void)
{
	pthread_mutex_lock(&suite.mutex);
	pthread_mutex_unlock(&suite.mutex);
}

/* As the services' threads read it. */
#define SET(assignment)                                                                                              \
	do {                                                                                                         \
		pthread_mutex_lock(&suite.mutex);                                                                    \
		assignment;                                                                                          \
		pthread_mutex_unlock(&suite.mutex);                                                                  \
	} while (0)

static void upload_all(void)
{
	voiceunlock_audio audio = in_memory();
	char session[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_error error;

	if (voiceunlock_upload(client, &audio, true, NULL, session, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	assert_int_equal(strlen(session), 32);
}

static void assert_all_arrived(void)
{
	settle();
	assert_true(suite.ended);
	assert_int_equal(suite.audio_bytes, FRAMES * CHANNELS * sizeof(float));
	assert_memory_equal(suite.audio, samples, suite.audio_bytes);
}

static void samples_arrive_whole(void **state)
{
	(void)state;
	upload_all();
	assert_all_arrived();
	settle();
	assert_int_equal(suite.sample_rate, 44100);
	assert_int_equal(suite.channels, CHANNELS);
	assert_true(suite.whole_upload);
	assert_int_equal(suite.opened, 1);
	assert_int_equal(suite.closed, 0);
}

static void a_lost_place_is_begun_again(void **state)
{
	(void)state;
	SET(suite.lose_place_at = 150000);
	upload_all();
	assert_all_arrived();
	settle();
	assert_int_equal(suite.opened, 1);
}

static void a_lost_session_is_opened_again(void **state)
{
	(void)state;
	SET(suite.forget_sessions = 2);
	upload_all();
	assert_all_arrived();
	settle();
	assert_int_equal(suite.opened, 3);
}

static void a_session_lost_for_ever_is_an_error(void **state)
{
	voiceunlock_audio audio = in_memory();
	char session[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_error error;

	(void)state;
	SET(suite.forget_sessions = 1000);
	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, &error), VOICEUNLOCK_NOT_FOUND);
	assert_string_equal(error.message, "there is no such session");
}

static void chunks_may_be_taken_in_part(void **state)
{
	(void)state;
	SET(suite.take_at_most = 7777);
	upload_all();
	assert_all_arrived();
	settle();
	assert_int_equal(suite.rewinds, 0);
}

static void enough_is_enough(void **state)
{
	(void)state;
	SET(suite.enough_at = 65536);
	upload_all();
	settle();
	assert_int_equal(suite.audio_bytes, 65536 * CHANNELS * sizeof(float));
}

static void files_go_the_same_way(void **state)
{
	char path[128];
	SF_INFO info = {.samplerate = 22050, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *file;
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = path};
	char session[VOICEUNLOCK_SESSION_ID_SIZE];

	(void)state;
	snprintf(path, sizeof path, "%s/a.wav", suite.folder);
	file = sf_open(path, SFM_WRITE, &info);
	assert_non_null(file);
	assert_int_equal(sf_writef_float(file, samples, FRAMES), FRAMES);
	sf_close(file);
	SET(suite.lose_place_at = 270000);
	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, NULL), VOICEUNLOCK_OK);
	settle();
	assert_int_equal(suite.sample_rate, 22050);
	assert_int_equal(suite.format, VU__SAMPLE_FORMAT__SAMPLE_FORMAT_S16LE);
	assert_int_equal(suite.audio_bytes, FRAMES * sizeof(int16_t));
	for (size_t i = 0; i < FRAMES; i += 997) {
		int16_t value;
		memcpy(&value, suite.audio + i * sizeof value, sizeof value);
		assert_true(fabs((double)value - (double)samples[i] * 32768.0) <= 1.0);
	}
}

static void assert_bad_audio(voiceunlock_audio audio, const char *message)
{
	char session[VOICEUNLOCK_SESSION_ID_SIZE] = "unchanged";
	voiceunlock_error error = {.code = VOICEUNLOCK_OK};

	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_int_equal(error.code, VOICEUNLOCK_INVALID_ARGUMENT);
	assert_string_equal(error.message, message);
	assert_string_equal(session, "unchanged");
	settle();
	assert_int_equal(suite.opened, 0);
}

static void bad_samples_are_named(void **state)
{
	voiceunlock_audio audio = in_memory();
	float bad[4] = {0, 0, NAN, 0};

	(void)state;
	audio.frame_count = 0;
	assert_bad_audio(audio, "unable to use the samples: there are none");
	audio = in_memory();
	audio.channels = 9;
	assert_bad_audio(audio, "unable to use the samples: 9 channels are not 1 to 8");
	audio = in_memory();
	audio.sample_rate = 7999;
	assert_bad_audio(audio, "unable to use the samples: 7999 Hz is not 8000 to 192000");
	audio = in_memory();
	audio.samples = bad;
	audio.frame_count = 2;
	assert_bad_audio(audio,
	                 "unable to use the samples: some are not numbers or of another scale; full scale is -1 "
	                 "to 1");
	audio = (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_MICROPHONE};
	assert_bad_audio(audio, "unable to upload: give a file or samples");
	audio = (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_FILE};
	assert_bad_audio(audio, "unable to read a file: no path was given");
}

static voiceunlock_attempt *authenticate(const voiceunlock_audio *audio, const voiceunlock_attempt_options *options)
{
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	if (voiceunlock_authenticate(client, "maria", audio, options, &attempt, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	return attempt;
}

static void an_attempt_is_answered(void **state)
{
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	attempt = authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_ACCEPT);
	assert_true(attempt->may_unlock);
	assert_string_equal(attempt->user, "maria");
	assert_string_equal(attempt->reason, "because");
	assert_true(attempt->score == 1.5);
	assert_true(isnan(attempt->threshold));
	assert_true(isnan(attempt->antispoof.score));
	assert_int_equal(attempt->antispoof.verdict, VOICEUNLOCK_SPOOF_UNKNOWN);
	settle();
	assert_int_equal(suite.opened, 1);
	assert_int_equal(suite.closed, 1);
	assert_int_equal(strlen(suite.authenticated_session), 32);
	voiceunlock_attempt_free(attempt);
}

static void an_unknown_verdict_admits_nobody(void **state)
{
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = 99);
	attempt = authenticate(&audio, NULL);
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
	attempt = authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_NO_SPEECH);
	assert_non_null(strstr(attempt->reason, "/nowhere/a.wav"));
	settle();
	assert_int_equal(suite.audio_bytes, 0);
	assert_true(suite.ended);
	voiceunlock_attempt_free(attempt);
	SET(suite.verdict = VOICEUNLOCK_LOCKED);
	attempt = authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_LOCKED);
	assert_string_equal(attempt->reason, "because");
	voiceunlock_attempt_free(attempt);
	/* Whatever a service says about audio that it never had, it is not let in. */
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	attempt = authenticate(&audio, NULL);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_NO_SPEECH);
	assert_false(attempt->may_unlock);
	voiceunlock_attempt_free(attempt);
}

static void no_answer_in_time_is_unavailable(void **state)
{
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 0.3};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	client_aid_hold(&suite, true);
	attempt = authenticate(&audio, &options);
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
	voiceunlock_audio audio = in_memory();
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
	settle();
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
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt_options options = {
	    .size = sizeof options, .timeout_s = 60, .progress = watch, .context = &seen};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_REJECT);
	client_aid_hold(&suite, true);
	SET(suite.phase = VOICEUNLOCK_PHASE_LISTENING);
	attempt = authenticate(&audio, &options);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_REJECT);
	assert_true(seen.uploading >= 2);
	assert_true(seen.listening >= 1);
	assert_true(seen.level == -20.0f);
	voiceunlock_attempt_free(attempt);
}

static void bad_requests_go_nowhere(void **state)
{
	voiceunlock_audio audio = in_memory();
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
	settle();
	assert_int_equal(suite.opened, 0);
	assert_int_equal(suite.authenticated, 0);
}

static void enrolling_in_one_call(void **state)
{
	voiceunlock_audio audios[3] = {
	    in_memory(), {.kind = VOICEUNLOCK_AUDIO_FILE, .path = "/nowhere/b.wav"}, in_memory()};
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
	settle();
	assert_int_equal(suite.enrollments_cancelled, 0);
	assert_int_equal(suite.closed, 2);
	voiceunlock_enrolled_free(enrolled);
}

static void what_is_not_committed_is_cancelled(void **state)
{
	voiceunlock_audio audio = in_memory();
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
	settle();
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

static void a_suite_that_is_down(void **state)
{
	char folder[] = "/tmp/vu-none-XXXXXX";
	voiceunlock_client *lonely;
	voiceunlock_audio audio = in_memory();
	voiceunlock_suite *status = NULL;
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	(void)state;
	assert_non_null(mkdtemp(folder));
	lonely = connect_to(folder);
	assert_int_equal(voiceunlock_get_status(lonely, &status, &error), VOICEUNLOCK_UNAVAILABLE);
	assert_null(status);
	assert_string_equal(error.message, "the suite is not running; run: jarvis-voice-unlock start");
	assert_int_equal(voiceunlock_authenticate(lonely, "maria", &audio, NULL, &attempt, &error), VOICEUNLOCK_OK);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_VERDICT_UNAVAILABLE);
	assert_string_equal(attempt->reason, "the suite is not running; run: jarvis-voice-unlock start");
	voiceunlock_attempt_free(attempt);
	voiceunlock_destroy(lonely);
	assert_int_equal(rmdir(folder), 0);
	lonely = connect_to("/tmp/vu-there-is-no-such-folder");
	assert_int_equal(voiceunlock_get_status(lonely, &status, &error), VOICEUNLOCK_UNAVAILABLE);
	voiceunlock_destroy(lonely);
}

/* Somebody accepts connections at the supervisor's socket and says nothing, as a stopped process does. */
static void a_supervisor_that_hangs(void **state)
{
	char folder[] = "/tmp/vu-hung-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);
	voiceunlock_client *lonely;
	voiceunlock_suite *status = NULL;
	voiceunlock_error error;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof address.sun_path, "%s/supervisor.sock", folder);
	assert_int_equal(bind(listening, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listening, 16), 0);
	lonely = connect_to(folder);
	assert_int_equal(voiceunlock_get_status(lonely, &status, &error), VOICEUNLOCK_DEADLINE_EXCEEDED);
	assert_null(status);
	assert_non_null(strstr(error.message, "its supervisor does not answer"));
	voiceunlock_destroy(lonely);
	close(listening);
	unlink(address.sun_path);
	assert_int_equal(rmdir(folder), 0);
}

/* Whoever gave up half-way leaves nothing behind that goes on calling, other than for a second. */
static void a_client_that_is_gone_calls_nobody(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd listening = {.events = POLLIN};
	int64_t until_us = vu_clock_monotonic_us() + 20 * INT64_C(1000000);
	voiceunlock_client *hasty = connect_to(suite.folder);
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 0.2};
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	(void)state;
	client_aid_hold(&suite, true);
	assert_int_equal(voiceunlock_authenticate(hasty, "maria", &audio, &options, &attempt, &error),
	                 VOICEUNLOCK_OK);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_VERDICT_UNAVAILABLE);
	voiceunlock_attempt_free(attempt);
	voiceunlock_destroy(hasty);
	client_aid_hold(&suite, false);
	client_aid_stop_orchestrator(&suite);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/orchestrator.sock", suite.folder);
	unlink(address.sun_path);
	listening.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listening.fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listening.fd, 16), 0);
	while (poll(&listening, 1, 500) > 0) {
		assert_true(vu_clock_monotonic_us() < until_us);
		close(accept(listening.fd, NULL, NULL));
	}
	close(listening.fd);
}

static void *restart_orchestrator(void *argument)
{
	(void)argument;
	while (client_aid_slow_statuses_left(&suite) == 2)
		usleep(10000);
	client_aid_start_orchestrator(&suite);
	return NULL;
}

/* On a machine that has no time for anybody, while the orchestrator is being restarted. */
static void a_supervisor_that_is_slow(void **state)
{
	pthread_t restarting;
	voiceunlock_audio audio = in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 60};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	SET(suite.slow_statuses = 2);
	client_aid_stop_orchestrator(&suite);
	assert_int_equal(pthread_create(&restarting, NULL, restart_orchestrator, NULL), 0);
	attempt = authenticate(&audio, &options);
	assert_int_equal(pthread_join(restarting, NULL), 0);
	if (attempt->verdict != VOICEUNLOCK_ACCEPT)
		fail_msg("%s", attempt->reason);
	assert_true(client_aid_slow_statuses_left(&suite) < 2);
	voiceunlock_attempt_free(attempt);
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

static void *authenticate_often(void *context)
{
	bool *good = context;
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_SAMPLES,
	                           .samples = samples,
	                           .frame_count = 16000,
	                           .sample_rate = 16000,
	                           .channels = 1};

	*good = true;
	for (int i = 0; i < 20; i++) {
		voiceunlock_attempt *attempt = NULL;
		*good &= voiceunlock_authenticate(client, "maria", &audio, NULL, &attempt, NULL) == VOICEUNLOCK_OK &&
		         attempt->verdict == VOICEUNLOCK_REJECT;
		voiceunlock_attempt_free(attempt);
	}
	return NULL;
}

static void many_threads_share_a_client(void **state)
{
	pthread_t threads[4];
	bool good[4];

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_REJECT);
	/* The sessions of several threads meet in one fake capture, which takes them for lost places: all it must do
	 * is end. */
	SET(suite.enough_at = 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, authenticate_often, &good[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(good[i]);
	}
	settle();
	assert_int_equal(suite.authenticated, 80);
}

static int make_samples(void **state)
{
	uint32_t random = 1;

	(void)state;
	samples = malloc(FRAMES * CHANNELS * sizeof *samples);
	if (!samples)
		return -1;
	for (size_t i = 0; i < FRAMES * CHANNELS; i++) {
		random = random * 1664525u + 1013904223u;
		samples[i] = (float)(random >> 8) / (float)(1u << 24) - 0.5f;
	}
	/* No configuration of the person who runs this. */
	unsetenv("VOICE_UNLOCK_CONFIG");
	setenv("XDG_CONFIG_HOME", "/tmp/vu-there-is-no-such-folder", 1);
	return 0;
}

static int free_samples(void **state)
{
	(void)state;
	free(samples);
	return 0;
}

int main(void)
{
#define WITH_SUITE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH_SUITE(samples_arrive_whole),
	    WITH_SUITE(a_lost_place_is_begun_again),
	    WITH_SUITE(a_lost_session_is_opened_again),
	    WITH_SUITE(a_session_lost_for_ever_is_an_error),
	    WITH_SUITE(chunks_may_be_taken_in_part),
	    WITH_SUITE(enough_is_enough),
	    WITH_SUITE(files_go_the_same_way),
	    WITH_SUITE(bad_samples_are_named),
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
	    WITH_SUITE(a_suite_that_is_down),
	    WITH_SUITE(a_supervisor_that_hangs),
	    WITH_SUITE(a_client_that_is_gone_calls_nobody),
	    WITH_SUITE(a_supervisor_that_is_slow),
	    WITH_SUITE(a_bad_configuration),
	    WITH_SUITE(all_pages_of_a_list_are_read),
	    WITH_SUITE(pages_that_go_in_circles_end),
	    WITH_SUITE(many_threads_share_a_client),
	};

	return cmocka_run_group_tests(tests, make_samples, free_samples);
}
