/* Choosing a microphone by what the user wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/device_name.h"

#include <stdio.h>
#include <string.h>

static const vu_device_info DEVICES[] = {
    {.name = "HDA Intel: ALC257 (hw:0,0)"},
    {.name = "Blue Yeti: USB Audio (hw:1,0)"},
    {.name = "pulse", .is_default = true},
    {.name = "pulse monitor"},
};
#define COUNT (sizeof DEVICES / sizeof DEVICES[0])

static void assert_chosen(const char *name, size_t expected)
{
	size_t index = 99;
	vu_error error;

	assert_int_equal(vu_device_choose(DEVICES, COUNT, name, &index, &error), VU_OK);
	assert_int_equal(index, expected);
}

static void test_default(void **state)
{
	vu_device_info none_preferred[2] = {{.name = "A"}, {.name = "B"}};
	size_t index = 99;

	(void)state;
	assert_chosen("default", 2);
	assert_chosen("", 2);
	assert_chosen(NULL, 2);
	assert_int_equal(vu_device_choose(none_preferred, 2, "default", &index, NULL), VU_OK);
	assert_int_equal(index, 0);
}

static void test_by_name(void **state)
{
	(void)state;
	assert_chosen("Blue Yeti: USB Audio (hw:1,0)", 1);
	assert_chosen("yeti", 1);
	/* An exact name beats those that contain it. */
	assert_chosen("pulse", 2);
	assert_chosen("MONITOR", 3);
}

static void test_errors_name_the_devices(void **state)
{
	size_t index = 99;
	vu_error error;

	(void)state;
	assert_int_equal(vu_device_choose(DEVICES, COUNT, "nosuch", &index, &error), VU_NOT_FOUND);
	assert_string_equal(
	    error.message,
	    "unable to find microphone 'nosuch': there are 'HDA Intel: ALC257 (hw:0,0)', "
	    "'Blue Yeti: USB Audio (hw:1,0)', 'pulse', 'pulse monitor'; set audio.device to one of them");
	assert_int_equal(vu_device_choose(DEVICES, COUNT, "hw:", &index, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to choose microphone 'hw:': several fit ('HDA Intel: ALC257 (hw:0,0)', "
	                    "'Blue Yeti: USB Audio (hw:1,0)'); set audio.device to one of them");
	assert_int_equal(vu_device_choose(DEVICES, 0, "default", &index, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "no device that can record"));
	assert_int_equal(index, 99);
}

static void test_many_devices_are_cut(void **state)
{
	vu_device_info many[VU_DEVICES_MAX] = {{.name = ""}};
	size_t index;
	vu_error error;

	(void)state;
	for (unsigned i = 0; i < VU_DEVICES_MAX; i++)
		snprintf(many[i].name, sizeof many[i].name, "Device with a rather long name, number %u", i);
	assert_int_equal(vu_device_choose(many, VU_DEVICES_MAX, "nosuch", &index, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "number 0'"));
	assert_non_null(strstr(error.message, ", …; set audio.device"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_default),
	    cmocka_unit_test(test_by_name),
	    cmocka_unit_test(test_errors_name_the_devices),
	    cmocka_unit_test(test_many_devices_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
