/*
 * Services that are killed in the middle of an attempt. The victim is a process
 * of its own (this program again, with --serve), killed by SIGKILL while it
 * works and started anew; the attempt must end as if nothing had happened.
 */
#include "front_fixture.h"

#include "platform/platform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define VICTIMS (FAKE_ONLY(VU_SERVICE_FEATURES) | FAKE_ONLY(VU_SERVICE_ANTISPOOF) | FAKE_ONLY(VU_SERVICE_MODELS))

static char *program;
static pid_t victims[VU_SERVICE_COUNT];

/* The victim's life: serves one scripted service, slowly enough to be killed at work. */
static int serve(const char *service, const char *where)
{
	vu_service_id id = vu_service_by_name(service);
	fake_script *script;

	if (id == VU_SERVICE_COUNT)
		return 2;
	(void)vu_platform_die_with_parent(getppid());
	fake_suite_start(where, FAKE_ONLY(id));
	script = fake_script_lock();
	script->extract_ms = script->assess_ms = script->score_ms = 300;
	fake_script_unlock();
	for (;;)
		pause();
}

static void start_victim(vu_service_id id)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Nothing of NNG is touched between fork and exec. */
		execl(program, program, "--serve", vu_service_name(id), folder, (char *)NULL);
		_exit(127);
	}
	victims[id] = pid;
}

static void kill_victim(vu_service_id id)
{
	int status;
	assert_int_equal(kill(victims[id], SIGKILL), 0);
	assert_int_equal(waitpid(victims[id], &status, 0), victims[id]);
}

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL & ~VICTIMS);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		if (VICTIMS & FAKE_ONLY(id))
			start_victim((vu_service_id)id);
	}
	return 0;
}

static int stop_all(void **state)
{
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		if (VICTIMS & FAKE_ONLY(id))
			kill_victim((vu_service_id)id);
	}
	return stop(state);
}

typedef struct attempt {
	pthread_t thread;
	Vu__AuthenticateResponse *response;
} attempt;

static void *authenticate(void *argument)
{
	attempt *a = argument;
	a->response = front_authenticate("anna", true, 30 * FRONT_SECOND);
	return NULL;
}

static void attempt_survives_death_of(vu_service_id id, useconds_t after_us, bool restarted)
{
	attempt a = {0};
	assert_int_equal(pthread_create(&a.thread, NULL, authenticate, &a), 0);
	usleep(after_us);
	kill_victim(id);
	if (restarted)
		start_victim(id);
	pthread_join(a.thread, NULL);
	if (!restarted)
		start_victim(id);
	assert_non_null(a.response);
	if (a.response->verdict != VU__VERDICT__VERDICT_ACCEPT)
		fail_msg("%s killed: %s", vu_service_name(id), a.response->reason);
	front_free(a.response);
}

static void all_is_well_without_deaths(void **state)
{
	Vu__AuthenticateResponse *r = front_authenticate("anna", true, 30 * FRONT_SECOND);
	(void)state;
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_ACCEPT);
	front_free(r);
}

static void features_may_die_at_work(void **state)
{
	(void)state;
	for (useconds_t after_us = 20000; after_us <= 320000; after_us += 100000)
		attempt_survives_death_of(VU_SERVICE_FEATURES, after_us, true);
}

static void antispoof_may_die_at_work(void **state)
{
	(void)state;
	for (useconds_t after_us = 20000; after_us <= 320000; after_us += 100000)
		attempt_survives_death_of(VU_SERVICE_ANTISPOOF, after_us, true);
}

static void models_may_die_at_work(void **state)
{
	(void)state;
	for (useconds_t after_us = 20000; after_us <= 520000; after_us += 100000)
		attempt_survives_death_of(VU_SERVICE_MODELS, after_us, true);
}

static void who_does_not_come_back_makes_it_unavailable(void **state)
{
	static const vu_service_id IDS[] = {VU_SERVICE_FEATURES, VU_SERVICE_ANTISPOOF, VU_SERVICE_MODELS};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		Vu__AuthenticateResponse *r;
		kill_victim(IDS[i]);
		r = front_authenticate("anna", true, 3 * FRONT_SECOND);
		assert_int_equal(r->verdict, VU__VERDICT__VERDICT_UNAVAILABLE);
		assert_false(r->may_unlock);
		front_free(r);
		start_victim(IDS[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(all_is_well_without_deaths, reset),
	    cmocka_unit_test_setup(features_may_die_at_work, reset),
	    cmocka_unit_test_setup(antispoof_may_die_at_work, reset),
	    cmocka_unit_test_setup(models_may_die_at_work, reset),
	    cmocka_unit_test_setup(who_does_not_come_back_makes_it_unavailable, reset),
	};
	if (argc == 4 && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2], argv[3]);
	program = vu_platform_executable_path();
	if (!program)
		return 1;
	return cmocka_run_group_tests(tests, start, stop_all);
}
