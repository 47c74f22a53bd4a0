#include "platform/path.h"
#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int set_up(void **state)
{
	(void)state;
	unsetenv("VOICE_UNLOCK_HOME");
	unsetenv("VOICE_UNLOCK_RUNTIME_DIR");
	setenv("XDG_STATE_HOME", "/state", 1);
	setenv("XDG_RUNTIME_DIR", "/runtime/", 1);
	setenv("XDG_CONFIG_HOME", "/config", 1);
	setenv("HOME", "/home/x/", 1);
	return 0;
}

static void assert_path(char *path, const char *expected)
{
	assert_non_null(path);
	assert_string_equal(path, expected);
	free(path);
}

static void the_environment_names_the_folders(void **state)
{
	(void)state;
	setenv("VOICE_UNLOCK_HOME", "/a/b//", 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", "/c", 1);
	assert_path(vu_platform_home_folder(), "/a/b");
	assert_path(vu_platform_runtime_folder(), "/c");
}

static void xdg_folders_are_next(void **state)
{
	(void)state;
	assert_path(vu_platform_home_folder(), "/state/voice-unlock");
	assert_path(vu_platform_runtime_folder(), "/runtime/voice-unlock");
	assert_path(vu_platform_user_config_path(), "/config/voice-unlock/config.yaml");
}

/* What the specification says of relative paths, and what an empty override means. */
static void relative_and_empty_variables_are_ignored(void **state)
{
	(void)state;
	setenv("VOICE_UNLOCK_HOME", "", 1);
	setenv("XDG_RUNTIME_DIR", "runtime", 1);
	assert_path(vu_platform_home_folder(), "/state/voice-unlock");
	setenv("VOICE_UNLOCK_RUNTIME_DIR", "/c", 1);
	assert_path(vu_platform_runtime_folder(), "/c");
}

static void without_xdg_the_home_folder_is_used(void **state)
{
	char *path;

	(void)state;
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	path = vu_platform_home_folder();
	assert_int_equal(strncmp(path, "/home/x/", 8), 0);
	assert_string_equal(path + strlen(path) - 13, "/voice-unlock");
	free(path);
	path = vu_platform_user_config_path();
	assert_int_equal(strncmp(path, "/home/x/", 8), 0);
	free(path);
	path = vu_platform_runtime_folder();
	assert_int_equal(path[0], '/');
	assert_int_not_equal(strncmp(path, "/tmp/", 5), 0); /* anybody could own it there */
	free(path);
}

static void a_relative_override_is_fixed_at_once(void **state)
{
	char here[PATH_MAX];
	char expected[PATH_MAX + 8];

	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	snprintf(expected, sizeof expected, "%s/demo", here);
	setenv("VOICE_UNLOCK_HOME", "demo/", 1);
	assert_path(vu_platform_home_folder(), expected);
}

static void joining_puts_one_slash(void **state)
{
	(void)state;
	assert_path(vu_path_join("/a", "b"), "/a/b");
	assert_path(vu_path_join("/a/", "b"), "/a/b");
	assert_path(vu_path_join("/", "b"), "/b");
	assert_null(vu_path_join(NULL, "b"));
}

static void the_running_program_is_found(void **state)
{
	char *path = vu_platform_executable_path();

	(void)state;
	assert_non_null(path);
	assert_int_equal(path[0], '/');
	assert_int_equal(access(path, X_OK), 0);
	assert_non_null(strstr(path, "test_paths"));
	free(path);
}

static void the_login_name_is_the_password_databases(void **state)
{
	char name[256];
	char small[1];
	const struct passwd *entry = getpwuid(geteuid());

	(void)state;
	setenv("LOGNAME", "somebody-else", 1);
	setenv("USER", "somebody-else", 1);
	if (!entry) {
		assert_int_equal(vu_platform_login_name(name, sizeof name), VU_NOT_FOUND);
		return;
	}
	assert_int_equal(vu_platform_login_name(name, sizeof name), VU_OK);
	assert_string_equal(name, entry->pw_name);
	assert_int_equal(vu_platform_login_name(small, sizeof small), VU_OUT_OF_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_environment_names_the_folders, set_up),
	    cmocka_unit_test_setup(xdg_folders_are_next, set_up),
	    cmocka_unit_test_setup(relative_and_empty_variables_are_ignored, set_up),
	    cmocka_unit_test_setup(without_xdg_the_home_folder_is_used, set_up),
	    cmocka_unit_test_setup(a_relative_override_is_fixed_at_once, set_up),
	    cmocka_unit_test(joining_puts_one_slash),
	    cmocka_unit_test(the_running_program_is_found),
	    cmocka_unit_test(the_login_name_is_the_password_databases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
