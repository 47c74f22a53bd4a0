/* Habits on disk: what is read back predicts as what was put in, for everybody and for whole days. */
#include "habit_store.h"

#include "base/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MONDAY  19723
#define DAY_US  (INT64_C(86400) * 1000000)
#define PEOPLE  6
#define DAYS    30
#define QUARTER 15

static char folder[64];
static char path[128];
static habit_store *store;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-habit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/prediction.db", folder);
	return habit_store_open(path, &store, NULL) == VU_OK ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	habit_store_close(store);
	store = NULL;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void visit(const char *user, habit_moment at)
{
	int64_t wall_us = at.day * DAY_US + at.minute * INT64_C(60000000);
	assert_int_equal(habit_store_visit(store, user, at, wall_us, NULL), VU_OK);
}

typedef struct seen {
	unsigned count;
	char users[16][32];
	double p[16];
	habit_moment now;
	unsigned stop_after;
} seen;

static bool note(void *context, const char *user, const habit *h)
{
	seen *s = context;
	habit_forecast forecast;

	assert_true(s->count < 16);
	habit_predict(h, s->now, &forecast);
	snprintf(s->users[s->count], sizeof s->users[0], "%s", user);
	s->p[s->count++] = forecast.p;
	return s->count != s->stop_after;
}

static seen scan(habit_moment now)
{
	seen s = {.now = now};
	assert_int_equal(habit_store_scan(store, now, note, &s, NULL), VU_OK);
	return s;
}

static void test_predicts_as_in_memory(void **state)
{
	static habit people[PEOPLE];
	uint32_t seed = 1;

	(void)state;
	memset(people, 0, sizeof people);
	for (int32_t day = MONDAY; day < MONDAY + DAYS; day++)
		for (int p = 0; p < PEOPLE; p++) {
			char name[16];
			int minute = 0;
			snprintf(name, sizeof name, "user%d", p);
			for (int i = 0; i < 3; i++) {
				seed = seed * 1664525u + 1013904223u;
				minute += 1 + (int)(seed >> 16) % (p < 3 ? 60 : 470);
				visit(name, (habit_moment){day, minute});
				habit_visit(&people[p], (habit_moment){day, minute});
			}
		}
	/* It survives being closed. */
	habit_store_close(store);
	assert_int_equal(habit_store_open(path, &store, NULL), VU_OK);
	for (int minute = 0; minute < 1440; minute += 50) {
		habit_moment now = {MONDAY + DAYS, minute};
		seen s = scan(now);
		for (int p = 0; p < PEOPLE; p++) {
			habit_forecast forecast;
			double found = 0;
			char name[16];
			snprintf(name, sizeof name, "user%d", p);
			habit_predict(&people[p], now, &forecast);
			for (unsigned i = 0; i < s.count; i++)
				if (strcmp(s.users[i], name) == 0)
					found = s.p[i];
			/* Who was never near this window is not listed: only a session speaks for them. */
			if (forecast.reason != HABIT_SESSION)
				assert_true(fabs(found - forecast.p) < 1e-12);
		}
	}
}

static void test_repeats_and_order(void **state)
{
	habit_moment at = {MONDAY, 540};
	seen s;

	(void)state;
	for (int i = 0; i < 5; i++)
		visit("anna", at);
	visit("anna", (habit_moment){MONDAY + 1, 540});
	visit("anna", (habit_moment){MONDAY - 3, 540}); /* the clock was set back */
	s = scan((habit_moment){MONDAY + 2, 510});
	assert_int_equal(s.count, 1);
	assert_string_equal(s.users[0], "anna");
	assert_true(s.p[0] > 0);
}

static void test_forgets(void **state)
{
	seen s;

	(void)state;
	visit("anna", (habit_moment){MONDAY, 540});
	visit("it's", (habit_moment){MONDAY, 540});
	assert_int_equal(habit_store_forget(store, "nobody", NULL), VU_OK);
	assert_int_equal(habit_store_forget(store, "anna", NULL), VU_OK);
	s = scan((habit_moment){MONDAY + 1, 530});
	assert_int_equal(s.count, 1);
	assert_string_equal(s.users[0], "it's");
	/* Months later nothing is left of an old hour. */
	visit("it's", (habit_moment){MONDAY + 400, 60});
	assert_int_equal(scan((habit_moment){MONDAY + 400, 530}).count, 0);
}

static void test_scan_can_be_stopped(void **state)
{
	seen s = {.now = {MONDAY + 1, 530}, .stop_after = 2};

	(void)state;
	for (int i = 0; i < 5; i++)
		visit((char[]){(char)('a' + i), 0}, (habit_moment){MONDAY, 540});
	assert_int_equal(habit_store_scan(store, s.now, note, &s, NULL), VU_OK);
	assert_int_equal(s.count, 2);
	assert_int_equal(scan(s.now).count, 5);
}

static void test_private_and_damaged(void **state)
{
	struct stat info;

	(void)state;
	visit("anna", (habit_moment){MONDAY, 540});
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	habit_store_close(store);
	store = NULL;
	assert_int_equal(
	    vu_file_write_atomically(path, "this is no database, and long enough to be seen as none", 56, NULL),
	    VU_OK);
	assert_int_equal(habit_store_open(path, &store, NULL), VU_OK);
	assert_int_equal(scan((habit_moment){MONDAY + 1, 530}).count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_predicts_as_in_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_repeats_and_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_forgets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_scan_can_be_stopped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_private_and_damaged, setup, teardown),
	};
	return cmocka_run_group_tests_name("habit_store", tests, NULL, NULL);
}
