/* Clients of a suite that is down, hangs, is slow, or is asked by many at once. */
#include "client_fixture.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static void a_suite_that_is_down(void **state)
{
	char folder[] = "/tmp/vu-none-XXXXXX";
	voiceunlock_client *lonely;
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_suite *status = NULL;
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	(void)state;
	assert_non_null(mkdtemp(folder));
	lonely = fixture_connect(folder);
	assert_int_equal(voiceunlock_get_status(lonely, &status, &error), VOICEUNLOCK_UNAVAILABLE);
	assert_null(status);
	assert_string_equal(error.message, "the suite is not running; run: jarvis-voice-unlock start");
	assert_int_equal(voiceunlock_authenticate(lonely, "maria", &audio, NULL, &attempt, &error), VOICEUNLOCK_OK);
	assert_int_equal(attempt->verdict, VOICEUNLOCK_VERDICT_UNAVAILABLE);
	assert_string_equal(attempt->reason, "the suite is not running; run: jarvis-voice-unlock start");
	voiceunlock_attempt_free(attempt);
	voiceunlock_destroy(lonely);
	assert_int_equal(rmdir(folder), 0);
	lonely = fixture_connect("/tmp/vu-there-is-no-such-folder");
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
	lonely = fixture_connect(folder);
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
	voiceunlock_client *hasty = fixture_connect(suite.folder);
	voiceunlock_audio audio = fixture_in_memory();
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
	voiceunlock_audio audio = fixture_in_memory();
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 60};
	voiceunlock_attempt *attempt;

	(void)state;
	SET(suite.verdict = VOICEUNLOCK_ACCEPT);
	SET(suite.slow_statuses = 2);
	client_aid_stop_orchestrator(&suite);
	assert_int_equal(pthread_create(&restarting, NULL, restart_orchestrator, NULL), 0);
	attempt = fixture_authenticate(&audio, &options);
	assert_int_equal(pthread_join(restarting, NULL), 0);
	if (attempt->verdict != VOICEUNLOCK_ACCEPT)
		fail_msg("%s", attempt->reason);
	assert_true(client_aid_slow_statuses_left(&suite) < 2);
	voiceunlock_attempt_free(attempt);
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
	fixture_settle();
	assert_int_equal(suite.authenticated, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SUITE(a_suite_that_is_down),
	    WITH_SUITE(a_supervisor_that_hangs),
	    WITH_SUITE(a_client_that_is_gone_calls_nobody),
	    WITH_SUITE(a_supervisor_that_is_slow),
	    WITH_SUITE(many_threads_share_a_client),
	};

	return cmocka_run_group_tests(tests, fixture_make_samples, fixture_free_samples);
}
