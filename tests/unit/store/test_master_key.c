/* Where the master key lies, and keys of earlier versions that move there. */
#include "store/master_key.h"

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
static char config_folder[PATH_MAX];
static char key_path[PATH_MAX];
static char home[PATH_MAX];
static vu_error error;

/* Linux: $XDG_CONFIG_HOME; macOS keeps configuration and state together, and the key beside both. */
static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	unsetenv("VOICE_UNLOCK_KEY_FILE");
	unsetenv("VOICE_UNLOCK_HOME");
	setenv("XDG_CONFIG_HOME", folder, 1);
	snprintf(config_folder, sizeof config_folder, "%s/voice-unlock", folder);
	snprintf(home, sizeof home, "%s/state", folder);
	assert_int_equal(mkdir(config_folder, 0700), 0);
	assert_int_equal(vu_master_key_path(home, key_path, &error), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("VOICE_UNLOCK_HOME");
	test_folder_remove(folder);
	return 0;
}

/* Elsewhere these folders do not decide. */
static int is_by_xdg(void)
{
	return strncmp(key_path, folder, strlen(folder)) == 0;
}

static void assert_holds(const char *path, const char *text)
{
	char *content = test_file_content(path);
	assert_string_equal(content, text);
	free(content);
}

static void the_key_is_not_in_the_configuration_folder(void **state)
{
	char expected[PATH_MAX];

	(void)state;
	if (!is_by_xdg())
		skip();
	snprintf(expected, sizeof expected, "%s/voice-unlock-keys/master.key", folder);
	assert_string_equal(key_path, expected);
}

static void keys_of_earlier_versions_move(void **state)
{
	char path[PATH_MAX + 16];
	struct stat info;

	(void)state;
	if (!is_by_xdg())
		skip();
	test_file_create(config_folder, "master.key", "key", 0600, NULL);
	test_file_create(config_folder, "master.key.audit", "audit", 0600, NULL);
	test_file_create(config_folder, "master.key.audit.head", "head", 0600, NULL);
	test_file_create(config_folder, "config.yaml", "", 0600, NULL);
	assert_int_equal(vu_master_key_adopt(home, &error), VU_OK);
	assert_holds(key_path, "key");
	snprintf(path, sizeof path, "%s.audit", key_path);
	assert_holds(path, "audit");
	snprintf(path, sizeof path, "%s.audit.head", key_path);
	assert_holds(path, "head");
	assert_int_equal(test_folder_entries(config_folder), 1);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	/* Once more: nothing to do. */
	assert_int_equal(vu_master_key_adopt(home, &error), VU_OK);
	assert_holds(key_path, "key");
}

static void a_key_that_is_there_stays(void **state)
{
	char path[PATH_MAX + 16];

	(void)state;
	if (!is_by_xdg())
		skip();
	snprintf(path, sizeof path, "%s/voice-unlock-keys", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	test_file_create(path, "master.key", "new", 0600, NULL);
	test_file_create(config_folder, "master.key", "old", 0600, NULL);
	assert_int_equal(vu_master_key_adopt(home, &error), VU_OK);
	assert_holds(key_path, "new");
	snprintf(path, sizeof path, "%s/master.key", config_folder);
	assert_holds(path, "old");
}

static void a_suite_with_a_folder_of_its_own_adopts_nothing(void **state)
{
	char path[PATH_MAX + 16];

	(void)state;
	test_file_create(config_folder, "master.key", "old", 0600, NULL);
	setenv("VOICE_UNLOCK_HOME", home, 1);
	assert_int_equal(vu_master_key_adopt(home, &error), VU_OK);
	snprintf(path, sizeof path, "%s/master.key", config_folder);
	assert_holds(path, "old");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_key_is_not_in_the_configuration_folder, setup, teardown),
	    cmocka_unit_test_setup_teardown(keys_of_earlier_versions_move, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_key_that_is_there_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_suite_with_a_folder_of_its_own_adopts_nothing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
