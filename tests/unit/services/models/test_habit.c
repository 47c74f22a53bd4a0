/* The estimate of when somebody comes, with time as given. */
#include "habit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define MONDAY 19723 /* 2024-01-01 */

static habit_moment at(int32_t day, int hour, int minute)
{
	return (habit_moment){day, hour * 60 + minute};
}

static double chance(const habit *h, habit_moment now)
{
	habit_forecast forecast;
	habit_predict(h, now, &forecast);
	assert_true(forecast.p >= 0 && forecast.p <= 1);
	return forecast.p;
}

/* At nine on every working day of so many weeks. */
static void work(habit *h, int weeks)
{
	for (int32_t day = MONDAY; day < MONDAY + 7 * weeks; day++)
		if (habit_weekday(day) < 5)
			habit_visit(h, at(day, 9, 0));
}

static void test_days_and_weekdays(void **state)
{
	habit_moment moment;

	(void)state;
	assert_int_equal(habit_weekday(0), 3); /* a Thursday */
	assert_int_equal(habit_weekday(MONDAY), 0);
	assert_int_equal(habit_weekday(-4), 6);
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	/* 2024-06-30 23:30 UTC is the first of July there. */
	moment = habit_moment_of(INT64_C(1719790200000000));
	assert_int_equal(moment.day, MONDAY + 182);
	assert_int_equal(moment.minute, 90);
	/* The day on which an hour is left out, and the one after, are still neighbours. */
	moment = habit_moment_of(INT64_C(1711836000000000)); /* 2024-03-30 23:00 */
	assert_int_equal(moment.day, MONDAY + 89);
	moment = habit_moment_of(INT64_C(1711922400000000)); /* 2024-04-01 00:00 */
	assert_int_equal(moment.day, MONDAY + 91);
	unsetenv("TZ");
	tzset();
	assert_int_equal(habit_moment_of(0).day, 0);
}

static void test_slots_remember_days(void **state)
{
	habit_slot slot = {0};
	static const int32_t DAYS[] = {100, 101, 130, 170, 171, 227};

	(void)state;
	for (size_t i = 0; i < sizeof DAYS / sizeof *DAYS; i++)
		habit_slot_mark(&slot, DAYS[i]);
	for (int32_t day = 90; day < 240; day++) {
		bool marked = false;
		for (size_t i = 0; i < sizeof DAYS / sizeof *DAYS; i++)
			marked |= DAYS[i] == day;
		assert_int_equal(habit_slot_came(&slot, day), marked);
	}
	habit_slot_mark(&slot, 180); /* the clock was set back */
	assert_true(habit_slot_came(&slot, 180));
	habit_slot_mark(&slot, -1000);
	habit_slot_mark(&slot, 228);
	assert_false(habit_slot_came(&slot, 100)); /* out of reach now */
	assert_true(habit_slot_came(&slot, 101));
	habit_slot_mark(&slot, 1000);
	assert_false(habit_slot_came(&slot, 228));
	assert_true(habit_slot_came(&slot, 1000));
}

static void test_nothing_is_expected_of_nobody(void **state)
{
	habit h = {0};
	habit_forecast forecast;
	char text[96];

	(void)state;
	habit_predict(&h, at(MONDAY, 9, 0), &forecast);
	assert_true(forecast.p == 0);
	habit_explain(&forecast, at(MONDAY, 9, 0), text);
	assert_string_equal(text, "no habit is known");
}

static void test_every_weekday_at_nine(void **state)
{
	habit h = {0};
	int32_t monday = MONDAY + 21;
	habit_forecast forecast;
	char text[96];

	(void)state;
	work(&h, 3);
	assert_true(chance(&h, at(monday, 8, 0)) > 0.7);
	assert_true(chance(&h, at(monday, 8, 50)) > 0.7);
	assert_true(chance(&h, at(monday, 6, 50)) < 0.5); /* nine is beyond the horizon, though near */
	assert_true(chance(&h, at(monday, 6, 30)) < 0.05);
	assert_true(chance(&h, at(monday, 15, 0)) < 0.05);
	assert_true(chance(&h, at(monday + 5, 8, 30)) < 0.3); /* Saturday */
	habit_predict(&h, at(monday, 8, 5), &forecast);
	habit_explain(&forecast, at(monday, 8, 5), text);
	assert_string_equal(text, "came on 3 of 3 Mondays between 08:00 and 10:00");
	/* Not early: two days are no habit; after the first working week they are one. */
	memset(&h, 0, sizeof h);
	habit_visit(&h, at(MONDAY, 9, 0));
	assert_true(chance(&h, at(MONDAY + 1, 8, 30)) < 0.5);
	work(&h, 1);
	assert_true(chance(&h, at(MONDAY + 7, 8, 30)) > 0.7);
}

static void test_who_came_is_not_expected_again(void **state)
{
	habit h = {0};
	int32_t monday = MONDAY + 21;

	(void)state;
	work(&h, 3);
	habit_visit(&h, at(monday, 8, 40));
	assert_true(chance(&h, at(monday, 8, 45)) < 0.3);
	/* Unless they come twice: at nine and at ten. */
	memset(&h, 0, sizeof h);
	for (int32_t day = MONDAY; day < MONDAY + 18; day++) {
		habit_visit(&h, at(day, 9, 0));
		habit_visit(&h, at(day, 10, 0));
	}
	habit_visit(&h, at(MONDAY + 18, 9, 0));
	assert_true(chance(&h, at(MONDAY + 18, 9, 20)) > 0.7);
}

static void test_a_holiday_ends_it_and_old_habits_fade(void **state)
{
	habit h = {0};
	double before;

	(void)state;
	work(&h, 6);
	before = chance(&h, at(MONDAY + 42, 8, 30));
	assert_true(before > 0.8);
	assert_true(chance(&h, at(MONDAY + 49, 8, 30)) < before - 0.15);
	assert_true(chance(&h, at(MONDAY + 63, 8, 30)) < 0.5);
	assert_true(chance(&h, at(MONDAY + 300, 8, 30)) == 0);
}

static void test_sessions(void **state)
{
	habit h = {0};
	habit_forecast forecast;
	char text[96];
	uint32_t seed = 7;

	(void)state;
	/* At any time of the day, but always four times within an hour. */
	for (int32_t day = MONDAY; day < MONDAY + 20; day++) {
		int start;
		seed = seed * 1664525u + 1013904223u;
		start = (int)(seed >> 16) % 1300;
		for (int i = 0; i < 4; i++)
			habit_visit(&h, (habit_moment){day, start + i * 20});
	}
	habit_visit(&h, at(MONDAY + 20, 12, 0));
	habit_predict(&h, at(MONDAY + 20, 12, 1), &forecast);
	assert_int_equal(forecast.reason, HABIT_SESSION);
	assert_true(forecast.p > 0.5);
	habit_explain(&forecast, at(MONDAY + 20, 12, 1), text);
	assert_string_equal(text, "came within the last two hours and usually comes again");
	assert_true(chance(&h, at(MONDAY + 20, 13, 50)) < 0.4);
}

static void test_windows_cross_midnight(void **state)
{
	habit h = {0};

	(void)state;
	for (int32_t day = MONDAY; day < MONDAY + 21; day++)
		habit_visit(&h, at(day, 0, 30));
	assert_true(chance(&h, at(MONDAY + 20, 23, 0)) > 0.7);
	memset(&h, 0, sizeof h);
	for (int32_t day = MONDAY; day < MONDAY + 21; day++)
		habit_visit(&h, at(day, 23, 50));
	/* Came just before midnight: not again just after it. */
	assert_true(chance(&h, at(MONDAY + 21, 0, 10)) < 0.3);
	assert_true(chance(&h, at(MONDAY + 21, 22, 30)) > 0.7);
}

static void test_clock_set_back(void **state)
{
	habit h = {0};

	(void)state;
	work(&h, 2);
	habit_visit(&h, at(MONDAY - 400, 9, 0));
	habit_visit(&h, at(MONDAY + 14, 9, 0));
	assert_true(isfinite(h.visits) && h.visits > 0);
	chance(&h, at(MONDAY + 14, 10, 0));
	chance(&h, at(MONDAY - 500, 10, 0));
	chance(&h, at(INT32_MAX / 2, 10, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_days_and_weekdays),
	    cmocka_unit_test(test_slots_remember_days),
	    cmocka_unit_test(test_nothing_is_expected_of_nobody),
	    cmocka_unit_test(test_every_weekday_at_nine),
	    cmocka_unit_test(test_who_came_is_not_expected_again),
	    cmocka_unit_test(test_a_holiday_ends_it_and_old_habits_fade),
	    cmocka_unit_test(test_sessions),
	    cmocka_unit_test(test_windows_cross_midnight),
	    cmocka_unit_test(test_clock_set_back),
	};
	return cmocka_run_group_tests_name("habit", tests, NULL, NULL);
}
