/* What starts the suite: the user's unit before those of the system, its program, and whether it is enabled. */
#include "platform/platform.h"

#include "../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static char units[TEST_PATH_MAX + 32];

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(units, sizeof units, "%s/systemd", folder);
	assert_int_equal(mkdir(units, 0700), 0);
	snprintf(units, sizeof units, "%s/systemd/user", folder);
	assert_int_equal(mkdir(units, 0700), 0);
	setenv("XDG_CONFIG_HOME", folder, 1);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	test_folder_remove(folder);
	return 0;
}

static void a_unit_of_the_user(void **state)
{
	vu_platform_unit unit;
	char path[TEST_PATH_MAX + 128];
	char wants[TEST_PATH_MAX + 128];

	(void)state;
	test_file_create(units, "voice-unlock.service", "[Service]\nExecStart=/opt/vu/bin/vu-supervisor --now\n",
	                 0644, NULL);
	snprintf(path, sizeof path, "%s/voice-unlock.service", units);
	vu_platform_find_unit(false, &unit);
	if (strcmp(unit.name, "user unit") != 0)
		skip(); /* macOS has other files */
	assert_string_equal(unit.path, path);
	assert_string_equal(unit.program, "/opt/vu/bin/vu-supervisor");
	assert_false(unit.enabled);
	/* No manager of this user's runs there. */
	assert_false(unit.managed || unit.running || unit.failed || unit.stale);
	snprintf(wants, sizeof wants, "%s/default.target.wants", units);
	assert_int_equal(mkdir(wants, 0700), 0);
	snprintf(wants, sizeof wants, "%s/default.target.wants/voice-unlock.service", units);
	assert_int_equal(symlink("../voice-unlock.service", wants), 0);
	vu_platform_find_unit(false, &unit);
	assert_true(unit.enabled);
}

static void what_is_said_to_people(void **state)
{
	vu_platform_unit own;
	vu_platform_unit machine;

	(void)state;
	vu_platform_find_unit(false, &own);
	vu_platform_find_unit(true, &machine);
	assert_string_not_equal(own.name, machine.name);
	assert_string_not_equal(own.enable, machine.enable);
	assert_string_not_equal(own.explain, machine.explain);
	assert_non_null(own.reload);
}

static void the_machine_suite_is_where_its_unit_says(void **state)
{
	char *unit = test_file_content("deploy/systemd/system/voice-unlock.service");
	char *plist = test_file_content("deploy/launchd/org.voiceunlock.machine.plist");
	const char *const PLACES[] = {VU_PLATFORM_MACHINE.home, VU_PLATFORM_MACHINE.runtime,
	                              VU_PLATFORM_MACHINE.key_file, VU_PLATFORM_MACHINE.config};

	(void)state;
	for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
		char in_unit[128];
		char in_plist[128];
		snprintf(in_unit, sizeof in_unit, "=%s\n", PLACES[i]);
		snprintf(in_plist, sizeof in_plist, "<string>%s</string>", PLACES[i]);
		assert_true(strstr(unit, in_unit) || strstr(plist, in_plist));
	}
	free(unit);
	free(plist);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FOLDER(a_unit_of_the_user),
	    WITH_FOLDER(what_is_said_to_people),
	    cmocka_unit_test(the_machine_suite_is_where_its_unit_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
