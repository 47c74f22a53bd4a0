/* What is known of microphones: when it counts, what it survives, what is not believed. */
#include "device_bands.h"

#include "../../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[TEST_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	test_folder_create(folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static vu_device_bands *open_bands(void)
{
	vu_device_bands *bands = vu_device_bands_create(folder);
	assert_non_null(bands);
	return bands;
}

static void teach(vu_device_bands *bands, const char *device, double hz, int times)
{
	for (int i = 0; i < times; i++)
		assert_true(vu_device_bands_meet(bands, device, hz) == 0);
}

static void a_narrower_band_counts_once_the_device_is_known(void **state)
{
	vu_device_bands *bands = open_bands();
	(void)state;
	teach(bands, "built-in", 8000, VU_DEVICE_BANDS_KNOWN - 1);
	assert_true(vu_device_bands_meet(bands, "built-in", 4000) == 0);
	assert_true(vu_device_bands_meet(bands, "other", 4000) == 0);
	teach(bands, "built-in", 8000, 4);
	assert_true(vu_device_bands_meet(bands, "built-in", 3900) == 8000);
	/* Not much narrower; wider. */
	assert_true(vu_device_bands_meet(bands, "built-in", 6900) == 0);
	teach(bands, "narrow", 3400, 6);
	assert_true(vu_device_bands_meet(bands, "narrow", 8000) == 0);
	vu_device_bands_destroy(bands);
}

static void a_device_that_changed_is_believed_in_time(void **state)
{
	vu_device_bands *bands = open_bands();
	int counted = 0;
	(void)state;
	teach(bands, "headset", 8000, VU_DEVICE_BANDS_KEPT);
	for (int i = 0; i < 16; i++)
		counted += vu_device_bands_meet(bands, "headset", 3400) > 0;
	assert_int_equal(counted, 4);
	vu_device_bands_destroy(bands);
}

static void what_is_known_outlives_the_process_without_names(void **state)
{
	vu_device_bands *bands = open_bands();
	char path[TEST_PATH_MAX + 32];
	char text[1024] = "";
	struct stat info;
	FILE *file;
	(void)state;
	teach(bands, "Secret Microphone", 8000, VU_DEVICE_BANDS_KNOWN);
	vu_device_bands_destroy(bands);
	snprintf(path, sizeof path, "%s/microphone-bands", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof text - 1, file) > 20);
	fclose(file);
	assert_null(strstr(text, "Secret"));
	bands = open_bands();
	assert_true(vu_device_bands_meet(bands, "Secret Microphone", 4000) == 8000);
	vu_device_bands_destroy(bands);
}

static void a_file_that_is_not_understood_is_begun_anew(void **state)
{
	static const char *const TEXTS[] = {"",
	                                    "\n",
	                                    "no hash 8000\n",
	                                    "0123456789abcdef\n",
	                                    "0123456789abcdef 8000 -1\n",
	                                    "0123456789abcdef 8001\n",
	                                    "0123456789abcdef 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
	                                    "0123456789abcdef 8000 80x\n"};
	(void)state;
	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
		char path[TEST_PATH_MAX];
		test_file_create(folder, "microphone-bands", TEXTS[i], 0600, path);
		vu_device_bands *bands = open_bands();
		teach(bands, "any", 8000, VU_DEVICE_BANDS_KNOWN);
		assert_true(vu_device_bands_meet(bands, "any", 4000) == 8000);
		vu_device_bands_destroy(bands);
		unlink(path);
	}
}

static void more_devices_than_there_is_room_for(void **state)
{
	vu_device_bands *bands = open_bands();
	char name[32];
	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "device %d", i);
		teach(bands, name, 8000, 6);
	}
	assert_true(vu_device_bands_meet(bands, "device 19", 4000) == 8000);
	assert_true(vu_device_bands_meet(bands, "device 0", 4000) == 0);
	vu_device_bands_destroy(bands);
	vu_device_bands_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_narrower_band_counts_once_the_device_is_known, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_device_that_changed_is_believed_in_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_known_outlives_the_process_without_names, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_file_that_is_not_understood_is_begun_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(more_devices_than_there_is_room_for, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
