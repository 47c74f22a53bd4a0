/* Dependency order, forwards and backwards, and the ceilings. */
#include "service_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SET(id) (1u << (id))

static const vu_service_set ALL = (1u << VU_CHILD_COUNT) - 1;

static void starts_everything_in_order(void **state)
{
	(void)state;
	vu_service_set first = vu_service_set_startable(ALL, 0);
	assert_int_equal(first, SET(VU_SERVICE_CAPTURE) | SET(VU_SERVICE_MODELS));
	assert_int_equal(vu_service_set_startable(ALL & ~first, SET(VU_SERVICE_CAPTURE)),
	                 SET(VU_SERVICE_FEATURES) | SET(VU_SERVICE_ANTISPOOF));
	assert_int_equal(vu_service_set_startable(SET(VU_SERVICE_ORCHESTRATOR), ALL & ~SET(VU_SERVICE_MODELS)), 0);
	assert_int_equal(vu_service_set_startable(SET(VU_SERVICE_ORCHESTRATOR), ALL & ~SET(VU_SERVICE_ORCHESTRATOR)),
	                 SET(VU_SERVICE_ORCHESTRATOR));
}

static void stops_everything_in_reverse(void **state)
{
	(void)state;
	vu_service_set up = ALL;
	assert_int_equal(vu_service_set_stoppable(up), SET(VU_SERVICE_ORCHESTRATOR));
	up &= ~SET(VU_SERVICE_ORCHESTRATOR);
	assert_int_equal(vu_service_set_stoppable(up),
	                 SET(VU_SERVICE_FEATURES) | SET(VU_SERVICE_ANTISPOOF) | SET(VU_SERVICE_MODELS));
	assert_int_equal(vu_service_set_stoppable(SET(VU_SERVICE_CAPTURE)), SET(VU_SERVICE_CAPTURE));
	assert_int_equal(vu_service_set_stoppable(0), 0);
}

/* A circle in the table would hang the start: every set of waiting services must have a first. */
static void the_table_has_no_circle(void **state)
{
	(void)state;
	for (vu_service_set waiting = 1; waiting <= ALL; waiting++) {
		assert_int_not_equal(vu_service_set_startable(waiting, ALL & ~waiting), 0);
		assert_int_not_equal(vu_service_set_stoppable(waiting), 0);
	}
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++)
		assert_int_equal(VU_SERVICE_TABLE[id].id, id);
}

static void only_models_follows_the_configured_ceiling(void **state)
{
	(void)state;
	vu_config config = {.performance.max_memory_mb = 123};
	assert_int_equal(vu_service_memory_limit(VU_SERVICE_MODELS, &config), 123ull << 20);
	assert_int_equal(vu_service_memory_limit(VU_SERVICE_FEATURES, &config), 200ull << 20);
	config.performance.max_memory_mb = 65536;
	assert_int_equal(vu_service_memory_limit(VU_SERVICE_MODELS, &config), 65536ull << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_everything_in_order),
	    cmocka_unit_test(stops_everything_in_reverse),
	    cmocka_unit_test(the_table_has_no_circle),
	    cmocka_unit_test(only_models_follows_the_configured_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
