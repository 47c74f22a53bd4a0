/*
 * One orchestrator over the fake suite for all tests of a program: its state,
 * its clock, and its fixtures. A header of static functions, because aids in
 * .c files are linked into the tests of all services.
 */
#ifndef VU_TESTS_FRONT_FIXTURE_H
#define VU_TESTS_FRONT_FIXTURE_H

#include "../../folder_aid.h"
#include "fake_suite.h"
#include "front_aid.h"

#include "base/clock.h"
#include "store/lockout.h"
#include "orchestrator.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static vu_orchestrator *orchestrator;
static int64_t clock_offset_us;
static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;

/* What the orchestrator is told of this machine's sound. */
static _Atomic bool sound;

static bool plays_sound(void)
{
	return sound;
}

static int64_t shifted_monotonic(void *context)
{
	int64_t now_us;
	(void)context;
	pthread_mutex_lock(&clock_lock);
	now_us = vu_clock_monotonic_us() + clock_offset_us;
	pthread_mutex_unlock(&clock_lock);
	return now_us;
}

static int64_t wall(void *context)
{
	(void)context;
	return vu_clock_wall_us();
}

__attribute__((unused)) static void pass_seconds(int64_t seconds)
{
	pthread_mutex_lock(&clock_lock);
	clock_offset_us += seconds * FRONT_SECOND;
	pthread_mutex_unlock(&clock_lock);
}

static vu_config *load_config(void)
{
	vu_config *config = NULL;
	vu_error error;
	char path[TEST_PATH_MAX];
	test_file_create(
	    folder, "config.yaml",
	    "authentication:\n  max_attempts: 3\n  lockout_s: 60\nenrollment:\n  min_samples: 3\n  max_samples: 4\n",
	    0600, path);
	if (vu_config_load(path, &config, &error) != VU_OK)
		fail_msg("%s", error.message);
	return config;
}

static void start_front(unsigned fake_mask)
{
	vu_error error;
	vu_endpoint endpoint;
	vu_rpc_server *server;
	vu_config *config;
	vu_rpc_server_config server_config = {.service = "orchestrator", .endpoint = &endpoint, .workers_max = 32};

	test_folder_create(folder);
	config = load_config();
	fake_suite_start(folder, fake_mask);
	vu_orchestrator_setup setup = {
	    .config = config,
	    .peers = {.channel = fake_suite_channel},
	    .home = folder,
	    .plays_sound = plays_sound,
	    .clock = {shifted_monotonic, wall, NULL},
	};
	assert_int_equal(vu_orchestrator_create(&setup, &orchestrator, &error), VU_OK);
	vu_config_free(config);
	assert_int_equal(vu_endpoint_local(folder, "orchestrator", &endpoint, &error), VU_OK);
	assert_int_equal(vu_rpc_server_create(&server_config, &server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(server, vu_orchestrator_service(orchestrator), &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_OK);
}

static int stop(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static int reset(void **state)
{
	(void)state;
	/* A microphone is closed after its answer is out: that still belongs to the test before. */
	for (int i = 0; i < 500 && fake_script_now().opened != fake_script_now().closed; i++)
		usleep(10000);
	fake_script_reset();
	/* All tests of a program are one source, whose failures are not the next one's. */
	vu_store *store;
	vu_error error;
	assert_int_equal(vu_ledger_begin(orchestrator->ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_clear_sources(store, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(orchestrator->ledger, &error), VU_OK);
	return 0;
}

__attribute__((unused)) static Vu__Attempt *last_attempt(const char *user, Vu__HistoryResponse **history)
{
	Vu__HistoryRequest request = VU__HISTORY_REQUEST__INIT;
	request.user = front_text(user);
	*history = front_call_ok("History", &request.base);
	return (*history)->n_attempts > 0 ? (*history)->attempts[0] : NULL;
}

/* One attempt's verdict, and that the history agrees. */
__attribute__((unused)) static Vu__AuthenticateResponse *front_expect(const char *user, bool microphone,
                                                                      Vu__Verdict verdict, const char *words)
{
	Vu__AuthenticateResponse *response = front_authenticate(user, microphone, 5 * FRONT_SECOND);
	Vu__HistoryResponse *history;
	Vu__Attempt *attempt;

	if (response->verdict != verdict)
		fail_msg("verdict %d (%s), expected %d", response->verdict, response->reason, verdict);
	if (!strstr(response->reason, words))
		fail_msg("\"%s\" does not say \"%s\"", response->reason, words);
	attempt = last_attempt(user, &history);
	assert_non_null(attempt);
	assert_string_equal(attempt->attempt_id, response->attempt_id);
	assert_string_equal(attempt->reason, response->reason);
	assert_string_equal(attempt->source, microphone ? "microphone" : "upload");
	front_free(history);
	return response;
}

#define CHANGE(assignment)                                                                                           \
	do {                                                                                                         \
		fake_script *changed = fake_script_lock();                                                           \
		changed->assignment;                                                                                 \
		fake_script_unlock();                                                                                \
	} while (0)

#endif
