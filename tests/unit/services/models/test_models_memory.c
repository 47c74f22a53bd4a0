/*
 * The model-server over a real socket: what is loaded, in which state, how much
 * of it, and what goes under pressure.
 */
#include "models_fixture.h"

static void test_preload(void **state)
{
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	Vu__PreloadResponse *response;
	Vu__ScoreResponse *scored;
	Vu__UserKey keys[2] = {VU__USER_KEY__INIT, VU__USER_KEY__INIT};
	Vu__UserKey *pointers[2] = {&keys[0], &keys[1]};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	keys[0].user = (char *)(uintptr_t) "anna";
	keys[1].user = (char *)(uintptr_t) "nobody";
	request.n_keys = 2;
	request.keys = pointers;
	assert_int_equal(call("Preload", &request, &response, NULL), VU_OK);
	assert_int_equal(response->loaded, 1);
	done(response);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
}

static uint64_t cached_bytes(void)
{
	Vu__StatsResponse *s = stats();
	uint64_t total = 0;

	for (size_t i = 0; i < s->n_caches; i++)
		total += s->caches[i]->bytes;
	done(s);
	return total;
}

static void score_everybody(unsigned count)
{
	char name[8];

	for (unsigned i = 0; i < count; i++) {
		Vu__ScoreResponse *response;
		snprintf(name, sizeof name, "u%u", i);
		assert_int_equal(score("ns", name, STRANGER + i, 9, "", &response, NULL), VU_OK);
		assert_true(response->fused >= response->threshold);
		done(response);
	}
}

static void test_ceiling_holds_and_cleanup_frees(void **state)
{
	Vu__StatsResponse *s;
	uint64_t all;
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "u%u", i);
		assert_int_equal(enrol("ns", name, STRANGER + i, false, NULL), VU_OK);
	}
	score_everybody(12);
	all = cached_bytes();
	current.cache_bytes = (size_t)(all * 3 / 4);
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	score_everybody(12);
	score_everybody(12);
	assert_true(cached_bytes() > 0 && cached_bytes() <= current.cache_bytes);
	s = stats();
	assert_true(s->total_unloaded > 0);
	done(s);
	all = cached_bytes();
	assert_true(models_cleanup(service, false) >= all / 2);
	models_cleanup(service, true);
	assert_int_equal(cached_bytes(), 0);
	score_everybody(1);
}

/* Short of memory, but whoever comes again finds all that is needed. */
static void test_relief_does_not_hinder_who_comes(void **state)
{
	Vu__ScoreResponse *scored;

	(void)state;
	current.aggressive_unload_timeout_s = 60;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	done(scored);
	for (int i = 0; i < 3; i++)
		models_relieve(service);
	cache_refuse_loads(service->cache, vu_clock_monotonic_us() + 60 * INT64_C(1000000));
	assert_int_equal(score("", "anna", STRANGER, 10, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
	cache_refuse_loads(service->cache, 0);
	/* Who asks for all gets it. */
	for (int i = 0; i < 16; i++)
		models_cleanup(service, true);
	assert_int_equal(cached_bytes(), 0);
}

static Vu__ModelStatesResponse *states_of(const char *user)
{
	Vu__ModelStatesRequest request = VU__MODEL_STATES_REQUEST__INIT;
	Vu__ModelStatesResponse *response;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__UserKey *pointer = &key;

	key.user = (char *)(uintptr_t)user;
	request.n_keys = 1;
	request.keys = &pointer;
	assert_int_equal(call("States", &request, &response, NULL), VU_OK);
	assert_int_equal(response->n_states, 1);
	return response;
}

/* What is foretold of a load (the file and what loading.c adds) is no less than what it takes. */
static void test_sizes_are_told(void **state)
{
	Vu__ModelStatesResponse *s;
	Vu__StatsResponse *all;
	Vu__ScoreResponse *scored;
	struct stat info;
	char path[128];
	uint64_t template_bytes;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	done(scored);
	s = states_of("anna");
	template_bytes = s->states[0]->bytes;
	done(s);
	snprintf(path, sizeof path, "%s/templates/users/anna.vut", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_in_range(template_bytes, 1, (uint64_t)info.st_size + 16384);
	assert_int_equal(stat(current.background_path, &info), 0);
	all = stats();
	assert_int_equal(all->mapped_bytes, info.st_size);
	assert_in_range(all->caches[0]->bytes - template_bytes, (uint64_t)info.st_size,
	                (uint64_t)info.st_size + 512 * 1024);
	done(all);
	current.map = false;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 10, "", &scored, NULL), VU_OK);
	done(scored);
	all = stats();
	assert_int_equal(all->mapped_bytes, 0);
	done(all);
}

static void test_states(void **state)
{
	char path[128];
	Vu__ModelStatesResponse *s;
	Vu__ScoreResponse *scored;
	vu_error error = {0};

	(void)state;
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "NOT_FOUND");
	assert_string_equal(s->states[0]->reason, "user 'anna' is not enrolled");
	done(s);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "NOT_LOADED");
	done(s);
	expect_score("anna", STRANGER, true);
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "LOADED");
	assert_true(s->states[0]->bytes > 0);
	done(s);
	/* Damaged: three tries, then the pause with the reason; a new enrolment ends it. */
	assert_int_equal(models_cleanup(service, true) > 0, true);
	snprintf(path, sizeof path, "%s/templates/users/anna.vut", folder);
	assert_int_equal(vu_file_write_atomically(path, "nonsense", 8, NULL), VU_OK);
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(score("", "anna", STRANGER, 9, "", &scored, &error), VU_OK);
	assert_non_null(strstr(error.message, "it failed 3 times and is tried again in 15 min"));
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "LOADING_FAILED");
	assert_int_equal(s->states[0]->failures, 3);
	assert_true(s->states[0]->paused_s > 800 && s->states[0]->paused_s <= 900);
	assert_non_null(strstr(s->states[0]->reason, "anna.vut"));
	done(s);
	assert_int_equal(enrol("", "anna", STRANGER, true, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
}

static void set_pressure(bool refuse)
{
	Vu__PressureRequest request = VU__PRESSURE_REQUEST__INIT;
	Vu__Empty *response;

	request.refuse_loads = refuse;
	assert_int_equal(call("SetPressure", &request, &response, NULL), VU_OK);
	done(response);
}

static void test_pressure_refuses_loads_and_spares_the_loaded(void **state)
{
	Vu__ScoreResponse *scored;
	Vu__StatsResponse *s;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
	/* Enrolling anew drops what was loaded of bert. */
	assert_int_equal(enrol("", "bert", STRANGER + 1, true, NULL), VU_OK);
	set_pressure(true);
	s = stats();
	assert_true(s->refusing_loads);
	done(s);
	assert_int_equal(score("", "bert", STRANGER + 1, 9, "", &scored, &error), VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "short of memory"));
	expect_score("anna", STRANGER, true);
	set_pressure(false);
	expect_score("bert", STRANGER + 1, true);
}

static void test_hot(void **state)
{
	Vu__HotRequest request = VU__HOT_REQUEST__INIT;
	Vu__HotResponse *hot;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(enrol("ns", "carl", STRANGER + 2, false, NULL), VU_OK);
	expect_score("bert", STRANGER + 1, true);
	expect_score("anna", STRANGER, true);
	assert_int_equal(call("Hot", &request, &hot, NULL), VU_OK);
	assert_int_equal(hot->n_keys, 2);
	assert_string_equal(hot->keys[0]->user, "anna");
	assert_string_equal(hot->keys[1]->user, "bert");
	done(hot);
	request.limit = 1;
	assert_int_equal(call("Hot", &request, &hot, NULL), VU_OK);
	assert_int_equal(hot->n_keys, 1);
	done(hot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVICE(test_preload),
	    WITH_SERVICE(test_ceiling_holds_and_cleanup_frees),
	    WITH_SERVICE(test_sizes_are_told),
	    WITH_SERVICE(test_relief_does_not_hinder_who_comes),
	    WITH_SERVICE(test_states),
	    WITH_SERVICE(test_pressure_refuses_loads_and_spares_the_loaded),
	    WITH_SERVICE(test_hot),
	};
	return cmocka_run_group_tests_name("memory", tests, setup_all, teardown_all);
}
