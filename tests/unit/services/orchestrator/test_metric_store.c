#include "metric_store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define BEGIN 1700000100 /* a multiple of 300 */

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-metrics.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof path, "%s/metrics.ring", folder);
	unlink(path);
	return rmdir(folder);
}

static void add(vu_metric_store *store, int64_t time_s, float value)
{
	float values[VU_METRIC_COUNT];
	vu_error error;

	for (unsigned id = 0; id < VU_METRIC_COUNT; id++)
		values[id] = NAN;
	values[VU_METRIC_CPU_PERCENT] = value;
	assert_int_equal(vu_metric_store_add(store, time_s, values, &error), VU_OK);
}

static size_t read_points(vu_metric_store *store, int64_t now_s, int64_t since_s, vu_metric_point **points,
                          uint32_t *step)
{
	vu_error error;
	size_t count;

	assert_int_equal(
	    vu_metric_store_read(store, VU_METRIC_CPU_PERCENT, now_s, since_s, points, &count, step, &error), VU_OK);
	return count;
}

static void an_hour_and_a_month_are_kept_and_no_more(void **state)
{
	vu_metric_store *store = vu_metric_store_create(folder);
	vu_metric_point *points;
	uint32_t step;
	int64_t end = BEGIN + 2 * 3600;
	struct stat info;
	char path[96];

	(void)state;
	for (int64_t t = BEGIN; t < end; t += 5)
		add(store, t, (float)(t - BEGIN));
	vu_metric_store_destroy(store);
	/* It outlives the process. */
	store = vu_metric_store_create(folder);
	assert_int_equal(read_points(store, end - 1, 3600, &points, &step), 720);
	assert_int_equal(step, 5);
	assert_int_equal(points[0].time_s, end - 3600);
	assert_int_equal(points[719].time_s, end - 5);
	assert_true(points[719].value == (double)(end - 5 - BEGIN));
	free(points);
	assert_int_equal(read_points(store, end - 1, 86400, &points, &step), 24);
	assert_int_equal(step, 300);
	/* The mean of 0, 5, … 295. */
	assert_true(fabs(points[0].value - 147.5) < 0.01);
	free(points);
	/* What lies 32 days back is gone, and does not come back as something new. */
	assert_int_equal(read_points(store, end + 32 * 86400, 31 * 86400, &points, &step), 0);
	free(points);
	/* A clock that was set back sees what was then. */
	assert_int_equal(read_points(store, BEGIN - 10, 3600, &points, &step), 0);
	free(points);
	vu_metric_store_destroy(store);
	snprintf(path, sizeof path, "%s/metrics.ring", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_true(info.st_size < 1000000);
}

static void an_hour_is_summarized(void **state)
{
	vu_metric_store *store = vu_metric_store_create(folder);
	vu_metric_summary all[VU_METRIC_COUNT];
	vu_error error;

	(void)state;
	assert_int_equal(vu_metric_store_summarize(store, BEGIN, all, &error), VU_OK);
	assert_true(isnan(all[VU_METRIC_CPU_PERCENT].last) && isnan(all[VU_METRIC_CPU_PERCENT].p99));
	/* Older than an hour, then a hundred, the last not the largest. */
	add(store, BEGIN - 3700, 9999);
	for (int i = 0; i < 100; i++)
		add(store, BEGIN + 5 * i, (float)(100 - i));
	assert_int_equal(vu_metric_store_summarize(store, BEGIN + 500, all, &error), VU_OK);
	assert_true(all[VU_METRIC_CPU_PERCENT].last == 1);
	assert_true(all[VU_METRIC_CPU_PERCENT].p50 == 50);
	assert_true(all[VU_METRIC_CPU_PERCENT].p90 == 90);
	assert_true(all[VU_METRIC_CPU_PERCENT].p99 == 99);
	assert_true(isnan(all[VU_METRIC_AUTH_TIME_MS].p50));
	/* An hour later all of it is old. */
	assert_int_equal(vu_metric_store_summarize(store, BEGIN + 2 * 3600, all, &error), VU_OK);
	assert_true(isnan(all[VU_METRIC_CPU_PERCENT].p50));
	vu_metric_store_destroy(store);
}

/* Measured more often than is kept: the mean of what was something. */
static void measurements_of_one_moment_are_joined(void **state)
{
	vu_metric_store *store = vu_metric_store_create(folder);
	vu_metric_point *points;
	uint32_t step;

	(void)state;
	add(store, BEGIN, NAN);
	add(store, BEGIN + 1, 10);
	add(store, BEGIN + 2, 20);
	add(store, BEGIN + 4, NAN);
	add(store, BEGIN + 5, 30);
	assert_int_equal(read_points(store, BEGIN + 9, 3600, &points, &step), 2);
	assert_true(points[0].value == 15);
	assert_true(points[1].value == 30);
	free(points);
	vu_metric_store_destroy(store);
}

static void a_damaged_file_is_begun_anew(void **state)
{
	vu_metric_store *store;
	vu_metric_point *points;
	uint32_t step;
	char path[96];
	FILE *file;

	(void)state;
	snprintf(path, sizeof path, "%s/metrics.ring", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("something else", file);
	fclose(file);
	store = vu_metric_store_create(folder);
	assert_int_equal(read_points(store, BEGIN, 3600, &points, &step), 0);
	free(points);
	add(store, BEGIN, 1);
	assert_int_equal(read_points(store, BEGIN, 3600, &points, &step), 1);
	free(points);
	vu_metric_store_destroy(store);
}

static void quantiles(void **state)
{
	double values[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		values[i] = 100 - i;
	assert_true(vu_metric_quantile(values, 100, 0.5) == 50);
	assert_true(vu_metric_quantile(values, 100, 0.9) == 90);
	assert_true(vu_metric_quantile(values, 100, 0.99) == 99);
	assert_true(vu_metric_quantile(values, 1, 0.99) == 1);
	assert_true(isnan(vu_metric_quantile(values, 0, 0.5)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_hour_and_a_month_are_kept_and_no_more, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(an_hour_is_summarized, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(measurements_of_one_moment_are_joined, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(a_damaged_file_is_begun_anew, make_folder, remove_folder),
	    cmocka_unit_test(quantiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
