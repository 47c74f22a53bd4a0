/*
 * The model-server over a real socket and with a clock of its own: who is
 * expected is loaded before they come.
 */
#include "models_fixture.h"

static _Atomic int64_t wall_us; /* the service's threads ask for it */

static int64_t tell_wall(void *context)
{
	(void)context;
	return wall_us;
}

static vu_status observe(const char *user, vu_error *error)
{
	Vu__ObserveRequest request = VU__OBSERVE_REQUEST__INIT;
	Vu__Empty *response;
	vu_status status;

	request.user = (char *)(uintptr_t)user;
	status = call("Observe", &request, &response, error);
	if (status == VU_OK)
		done(response);
	return status;
}

static void restart_predicting(double threshold, uint32_t queue)
{
	stop();
	current.predict = true;
	current.preload_threshold = threshold;
	current.preload_queue = queue;
	start();
	service->clock = (vu_clock){vu_clock_system().monotonic_us, tell_wall, NULL};
}

/* Comes at nine on ten days, the last of them yesterday. */
static void come_every_day(const char *user)
{
	for (int day = 0; day < 10; day++) {
		wall_us = (INT64_C(19727) + day) * 86400000000 + INT64_C(9 * 3600) * 1000000;
		assert_int_equal(observe(user, NULL), VU_OK);
	}
	wall_us += INT64_C(23 * 3600) * 1000000;
}

static void be_idle(void)
{
	atomic_store(&service->asked_us, 0);
}

static void test_who_is_expected_is_loaded(void **state)
{
	Vu__StatsResponse *s;
	Vu__ScoreResponse *scored;
	Vu__RemoveRequest removal = VU__REMOVE_REQUEST__INIT;
	Vu__RemoveResponse *removed;
	Vu__UserKey key = VU__USER_KEY__INIT;
	vu_error error = {0};

	(void)state;
	setenv("TZ", "UTC", 1);
	restart_predicting(0.5, 5);
	assert_int_equal(preload_expected(service), 0);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(observe("..", &error), VU_INVALID_ARGUMENT);
	come_every_day("anna");
	assert_int_equal(observe("bert", NULL), VU_OK); /* once is no habit */
	/* It survives a restart, after which nothing is loaded until somebody is expected. */
	restart_predicting(0.5, 5);
	s = stats();
	assert_int_equal(s->total_loaded, 0);
	assert_int_equal(s->n_expected, 0);
	done(s);
	be_idle();
	assert_int_equal(preload_expected(service), 1);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	s = stats();
	assert_int_equal(s->n_expected, 1);
	assert_string_equal(s->expected[0]->user, "anna");
	assert_true(s->expected[0]->p > 0.5 && s->expected[0]->p <= 1);
	assert_non_null(strstr(s->expected[0]->reason, "between 08:00 and 10:00"));
	assert_true(s->preloaded >= 1);
	assert_int_equal(s->caches[0]->misses, 0);
	done(s);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
	/* Whoever is removed is not expected any more. */
	key.user = (char *)(uintptr_t) "anna";
	removal.key = &key;
	assert_int_equal(call("Remove", &removal, &removed, NULL), VU_OK);
	done(removed);
	s = stats();
	assert_int_equal(s->n_expected, 0);
	done(s);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
}

static void test_settings_of_prediction(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	restart_predicting(0.5, 5);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	come_every_day("anna");
	come_every_day("bert");
	restart_predicting(0.99, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	restart_predicting(0.5, 0);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	restart_predicting(0.5, 1);
	be_idle();
	assert_int_equal(preload_expected(service), 1);
	restart_predicting(0.5, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 2);
	/* Not while somebody is being served, nor beyond the budget. */
	restart_predicting(0.5, 5);
	expect_score("anna", STRANGER, true);
	assert_int_equal(preload_expected(service), 0);
	current.cache_bytes = 1000;
	restart_predicting(0.5, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	/* Off: neither learned nor foretold. */
	current.cache_bytes = 16 * 1024 * 1024;
	restart_predicting(0.5, 5);
	current.predict = false;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(observe("anna", NULL), VU_OK);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
}

static void test_preloading_is_paced(void **state)
{
	vu_error error = {0};

	(void)state;
	assert_int_equal(preload_rest_us(1000, 25), 3000);
	assert_int_equal(preload_rest_us(1000, 1), 99000);
	assert_int_equal(preload_rest_us(1000, 100), 0);
	assert_int_equal(preload_rest_us(1000, 0), 0);
	setenv("TZ", "UTC", 1);
	restart_predicting(0.5, 5);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	come_every_day("anna");
	come_every_day("bert");
	current.cpu_percent = 25;
	restart_predicting(0.5, 5);
	assert_int_equal(models_start_preloading(service, &error), VU_OK);
	be_idle();
	assert_int_equal(preload_expected(service), 2);
	current.cpu_percent = 0;
}

static void test_preloading_thread_ends(void **state)
{
	vu_error error = {0};

	(void)state;
	restart_predicting(0.5, 5);
	assert_int_equal(models_start_preloading(service, &error), VU_OK);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	models_stop_preloading(service);
	models_stop_preloading(service);
	assert_int_equal(models_start_preloading(service, &error), VU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVICE(test_who_is_expected_is_loaded),
	    WITH_SERVICE(test_settings_of_prediction),
	    WITH_SERVICE(test_preloading_is_paced),
	    WITH_SERVICE(test_preloading_thread_ends),
	};
	return cmocka_run_group_tests_name("prediction", tests, setup_all, teardown_all);
}
