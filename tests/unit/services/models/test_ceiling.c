/* The least memory with which the model-server serves. */
#include "models.h"

#include "../../folder_aid.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MB ((uint64_t)1024 * 1024)

static char folder[TEST_PATH_MAX];
static char path[TEST_PATH_MAX + 16];

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/background.vum", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static void make_background(uint64_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

static vu_status check(uint64_t max_memory_mb, bool map, vu_error *error)
{
	models_settings settings = {.background_path = path, .max_memory_bytes = max_memory_mb * MB, .map = map};
	return models_check_ceiling(&settings, error);
}

static void the_least_value_follows_the_background(void **state)
{
	vu_error error = {VU_OK, ""};
	(void)state;
	make_background(8 * MB);
	assert_int_equal(check(32, true, &error), VU_OK);
	assert_int_equal(check(31, true, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "unable to serve within performance.max_memory_mb 31: "));
	assert_non_null(
	    strstr(error.message, "set it to 32 or more, which is needed with the background model of 8 MB"));
	make_background(100 * MB + 1);
	assert_int_equal(check(125, true, &error), VU_OK);
	assert_int_equal(check(124, true, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "set it to 125 or more"));
}

static void reading_instead_of_mapping_takes_twice_as_much(void **state)
{
	vu_error error = {VU_OK, ""};
	(void)state;
	make_background(8 * MB);
	assert_int_equal(check(40, false, &error), VU_OK);
	assert_int_equal(check(39, false, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message,
	                       "set it to 40 or more, which is needed with the background model of 8 MB that "
	                       "ml.enable_mmap has read into memory"));
}

static void what_is_not_known_is_not_judged(void **state)
{
	vu_error error = {VU_OK, ""};
	(void)state;
	assert_int_equal(check(1, true, &error), VU_OK); /* no background there */
	make_background(100 * MB);
	assert_int_equal(check(0, true, &error), VU_OK); /* no ceiling */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_least_value_follows_the_background, setup, teardown),
	    cmocka_unit_test_setup_teardown(reading_instead_of_mapping_takes_twice_as_much, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_not_known_is_not_judged, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
