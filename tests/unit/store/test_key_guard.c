/* The master key's file locked with what the system hands over. */
#include "store/key_guard.h"

#include "../folder_aid.h"
#include "base/secret.h"
#include "store/master_key.h"
#include "store/vault.h"

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
static char path[PATH_MAX];
static char plain_path[PATH_MAX + 8];
static vu_error error;

static void give(const char *secret)
{
	test_file_create(folder, VU_KEY_GUARD_NAME, secret, 0400, NULL);
}

static void take_away(void)
{
	char credential[PATH_MAX];

	snprintf(credential, sizeof credential, "%s/" VU_KEY_GUARD_NAME, folder);
	assert_int_equal(unlink(credential), 0);
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/master.key", folder);
	snprintf(plain_path, sizeof plain_path, "%s.plain", path);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_key_guard_forget();
	unsetenv("CREDENTIALS_DIRECTORY");
	test_folder_remove(folder);
	return 0;
}

/* macOS has a keychain instead, which a test leaves alone. */
static void load(void)
{
	assert_int_equal(vu_key_guard_load(&error), VU_OK);
	if (!vu_key_guard_is_there())
		skip();
}

static void test_without_a_credential_there_is_none(void **state)
{
	vu_master_key key;

	(void)state;
	if (vu_key_guard_load(&error) != VU_OK || vu_key_guard_is_there())
		skip();
	assert_int_equal(vu_master_key_create_guarded(path, true, &key, &error), VU_OK);
	assert_false(key.is_guarded);
	assert_false(vu_master_key_is_guarded(path));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(vu_key_guard_load(&error), VU_OK);
	assert_false(vu_key_guard_is_there());
}

static void test_a_short_one_is_refused(void **state)
{
	(void)state;
	give("fifteen bytes..");
	if (vu_key_guard_load(&error) == VU_OK)
		skip();
	assert_int_equal(error.status, VU_INVALID_ARGUMENT);
	assert_false(vu_key_guard_is_there());
}

static void test_one_that_others_may_write_is_refused(void **state)
{
	char credential[PATH_MAX];

	(void)state;
	give("0123456789abcdef0123456789abcdef");
	snprintf(credential, sizeof credential, "%s/" VU_KEY_GUARD_NAME, folder);
	assert_int_equal(chmod(credential, 0666), 0);
	if (vu_key_guard_load(&error) == VU_OK)
		skip();
	assert_int_equal(error.status, VU_PERMISSION_DENIED);
}

static void test_a_locked_key_needs_its_credential(void **state)
{
	vu_master_key made;
	vu_master_key key;
	struct stat info;

	(void)state;
	give("0123456789abcdef0123456789abcdef");
	load();
	assert_int_equal(vu_master_key_create_guarded(path, true, &made, &error), VU_OK);
	assert_true(made.is_guarded && vu_master_key_is_guarded(path));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(vu_master_key_read(path, &key, &error), VU_OK);
	assert_memory_equal(key.current, made.current, sizeof key.current);
	assert_true(key.is_guarded && key.all_sealed);

	vu_key_guard_forget();
	assert_int_equal(vu_master_key_read(path, &key, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "was not given"));
	assert_int_equal(vu_master_key_write(path, &made, &error), VU_FAILED_PRECONDITION);

	take_away();
	give("fedcba9876543210fedcba9876543210");
	load();
	assert_int_equal(vu_master_key_read(path, &key, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "another credential"));
}

static void test_the_key_is_nowhere_in_the_file(void **state)
{
	vu_master_key key;
	char *content;

	(void)state;
	give("0123456789abcdef0123456789abcdef");
	load();
	assert_int_equal(vu_master_key_create_guarded(path, true, &key, &error), VU_OK);
	content = test_file_content(path);
	for (size_t at = 0; at + 8 <= 160; at++)
		assert_memory_not_equal(content + at, key.current, 8);
	free(content);
	/* Changed in one bit it is not taken for anything. */
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 60, SEEK_SET), 0);
	int byte = fgetc(file);
	assert_int_equal(fseek(file, 60, SEEK_SET), 0);
	assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(vu_master_key_read(path, &key, &error), VU_DATA_LOSS);
}

/* A suite that has a plain key and is given a credential. */
static void test_a_plain_key_is_locked_at_first_use(void **state)
{
	vu_vault *vault;
	void *sealed;
	void *content;
	size_t bytes;
	size_t content_bytes;
	bool rotating;

	(void)state;
	assert_int_equal(vu_vault_create(path, &vault, &error), VU_OK);
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, "/anna", "secret", 6, &sealed, &bytes, &error),
	                 VU_OK);
	vu_vault_destroy(vault);
	assert_false(vu_master_key_is_guarded(path));

	give("0123456789abcdef0123456789abcdef");
	load();
	assert_int_equal(vu_vault_create(path, &vault, &error), VU_OK);
	assert_int_equal(
	    vu_vault_open(vault, VU_SEAL_TEMPLATE, "/anna", "f", sealed, bytes, &content, &content_bytes, &error),
	    VU_OK);
	assert_memory_equal(content, "secret", 6);
	vu_secret_free(content, content_bytes);
	assert_true(vu_master_key_is_guarded(path));
	assert_int_equal(access(plain_path, F_OK), -1);
	/* And stays so when keys are exchanged. */
	assert_int_equal(vu_vault_begin_rotation(vault, &error), VU_OK);
	assert_int_equal(vu_vault_end_rotation(vault, &error), VU_OK);
	assert_int_equal(vu_vault_is_rotating(vault, &rotating, &error), VU_OK);
	assert_false(rotating);
	assert_true(vu_master_key_is_guarded(path));
	vu_vault_destroy(vault);
	free(sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_without_a_credential_there_is_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_short_one_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_that_others_may_write_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_locked_key_needs_its_credential, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_key_is_nowhere_in_the_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_plain_key_is_locked_at_first_use, setup, teardown),
	};
	return cmocka_run_group_tests_name("key_guard", tests, NULL, NULL);
}
