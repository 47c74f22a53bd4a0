#include "alerts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_value_that_swings_raises_one_alert(void **state)
{
	vu_alerts *alerts = vu_alerts_create(100);
	vu_alert_event event;
	vu_alert_event events[VU_ALERT_EVENTS_MAX];
	uint64_t last = 0;

	(void)state;
	assert_false(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 81, 80, 1, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 79, 80, 2, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 81, 80, 3, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 82, 80, 4, &event));
	assert_true(event.active);
	assert_int_equal(event.sequence, 100);
	assert_int_equal(event.since_us, 4);
	assert_false(event.critical);
	for (int i = 0; i < 10; i++)
		assert_false(vu_alerts_feed(alerts, VU_ALERT_MEMORY, i % 2 ? 79 : 81, 80, 5 + i, &event));
	assert_int_equal(vu_alerts_wait(alerts, 0, 0, events, &last), 1);
	assert_string_equal(vu_alert_name(events[0].kind), "memory_percent");
	assert_int_equal(last, 100);
	assert_false(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 71, 80, 20, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_MEMORY, 70, 80, 21, &event));
	assert_false(event.active);
	assert_int_equal(vu_alerts_wait(alerts, 0, 0, events, &last), 0);
	assert_int_equal(vu_alerts_wait(alerts, 100, 0, events, &last), 1);
	assert_false(events[0].active);
	assert_int_equal(last, 101);
	vu_alerts_destroy(alerts);
}

static void a_hit_rate_alerts_when_low(void **state)
{
	vu_alerts *alerts = vu_alerts_create(1);
	vu_alert_event event;

	(void)state;
	assert_false(vu_alerts_feed(alerts, VU_ALERT_CACHE, (double)NAN, 70, 1, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_CACHE, 30, 70, 1, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_CACHE, 30, 70, 2, &event));
	assert_true(event.critical);
	assert_false(vu_alerts_feed(alerts, VU_ALERT_CACHE, 72, 70, 3, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_CACHE, 78, 70, 4, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_CACHE, 79, 70, 5, &event));
	assert_false(event.active);
	vu_alerts_destroy(alerts);
}

static void a_secret_that_is_not_locked_alerts_until_it_is_gone(void **state)
{
	vu_alerts *alerts = vu_alerts_create(1);
	vu_alert_event event;

	(void)state;
	assert_string_equal(vu_alert_name(VU_ALERT_SECRETS), "unlocked_secret_bytes");
	assert_false(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 0, 0, 1, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 4096, 0, 2, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 4096, 0, 3, &event));
	assert_true(event.active);
	assert_false(event.critical);
	assert_false(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 1, 0, 4, &event));
	assert_false(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 0, 0, 5, &event));
	assert_true(vu_alerts_feed(alerts, VU_ALERT_SECRETS, 0, 0, 6, &event));
	assert_false(event.active);
	vu_alerts_destroy(alerts);
}

static void waiting_ends_without_an_event(void **state)
{
	vu_alerts *alerts = vu_alerts_create(7);
	vu_alert_event events[VU_ALERT_EVENTS_MAX];
	uint64_t last;

	(void)state;
	assert_int_equal(vu_alerts_wait(alerts, 6, 10, events, &last), 0);
	assert_int_equal(last, 6);
	vu_alerts_destroy(alerts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_value_that_swings_raises_one_alert),
	    cmocka_unit_test(a_hit_rate_alerts_when_low),
	    cmocka_unit_test(a_secret_that_is_not_locked_alerts_until_it_is_gone),
	    cmocka_unit_test(waiting_ends_without_an_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
