/* The master key's file, and a vault over it. */
#include "store/vault.h"

#include "base/secret.h"
#include "../folder_aid.h"
#include "store/master_key.h"

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
static vu_vault *vault;
static vu_error error;

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/keys/master.key", folder);
	return vu_vault_create(path, &vault, NULL) == VU_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vu_vault_destroy(vault);
	test_folder_remove(folder);
	return 0;
}

static void reopen(void)
{
	vu_vault_destroy(vault);
	assert_int_equal(vu_vault_create(path, &vault, &error), VU_OK);
}

static void *seal(const char *owner, size_t *bytes)
{
	void *sealed;
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, owner, "secret", 6, &sealed, bytes, &error), VU_OK);
	return sealed;
}

static vu_status open_it(const char *owner, const void *sealed, size_t bytes)
{
	void *content = NULL;
	size_t content_bytes;
	vu_status status =
	    vu_vault_open(vault, VU_SEAL_TEMPLATE, owner, "f", sealed, bytes, &content, &content_bytes, &error);

	if (status == VU_OK) {
		assert_int_equal(content_bytes, 6);
		assert_memory_equal(content, "secret", 6);
		assert_int_equal((uintptr_t)content % 64, 0);
		vu_secret_free(content, content_bytes);
	}
	return status;
}

static void test_the_key_is_made_once_and_private(void **state)
{
	struct stat info;
	size_t bytes;
	void *sealed;
	vu_master_key first;
	vu_master_key again;

	(void)state;
	assert_int_equal(stat(path, &info), -1);
	sealed = seal("/anna", &bytes);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_nlink, 1);
	assert_int_equal(vu_master_key_read(path, &first, &error), VU_OK);
	assert_int_equal(vu_master_key_create(path, true, &again, &error), VU_OK);
	assert_memory_equal(&first, &again, sizeof first);
	reopen();
	assert_int_equal(open_it("/anna", sealed, bytes), VU_OK);
	assert_int_equal(open_it("/bert", sealed, bytes), VU_DATA_LOSS);
	free(sealed);
}

static void test_a_key_that_others_may_read_is_refused(void **state)
{
	size_t bytes;
	void *sealed = seal("/anna", &bytes);

	(void)state;
	reopen();
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_OK);
	free(sealed);
}

static void test_a_lost_or_damaged_key_opens_nothing(void **state)
{
	size_t bytes;
	void *sealed = seal("/anna", &bytes);
	void *other;
	size_t other_bytes;

	(void)state;
	reopen();
	assert_int_equal(truncate(path, 50), 0);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "is damaged"));
	/* A damaged one is never replaced silently. */
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, "/anna", "x", 1, &other, &other_bytes, &error),
	                 VU_DATA_LOSS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "is gone"));
	/* A new one is not the old one. */
	free(seal("/bert", &other_bytes));
	assert_int_equal(open_it("/anna", sealed, bytes), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "another master key"));
	free(sealed);
}

static void test_an_exchange_goes_on_where_it_was_cut_short(void **state)
{
	size_t bytes, other_bytes;
	void *sealed = seal("/anna", &bytes);
	void *copy = malloc(bytes);
	void *other;
	bool flag;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, sealed, bytes);
	assert_int_equal(vu_vault_begin_rotation(vault, &error), VU_OK);
	assert_int_equal(vu_vault_begin_rotation(vault, &error), VU_FAILED_PRECONDITION);
	reopen();
	assert_int_equal(vu_vault_is_rotating(vault, &flag, &error), VU_OK);
	assert_true(flag);
	/* Both keys serve meanwhile; what is new has the new one. */
	other = seal("/bert", &other_bytes);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_OK);
	assert_int_equal(open_it("/bert", other, other_bytes), VU_OK);
	assert_int_equal(vu_vault_rewrap(vault, VU_SEAL_TEMPLATE, "/bert", "f", other, other_bytes, &flag, &error),
	                 VU_OK);
	assert_false(flag);
	assert_int_equal(vu_vault_rewrap(vault, VU_SEAL_TEMPLATE, "/anna", "f", sealed, bytes, &flag, &error), VU_OK);
	assert_true(flag);
	assert_int_equal(vu_vault_end_rotation(vault, &error), VU_OK);
	reopen();
	assert_int_equal(vu_vault_is_rotating(vault, &flag, &error), VU_OK);
	assert_false(flag);
	assert_int_equal(open_it("/anna", sealed, bytes), VU_OK);
	/* A copy from before is under a key that nobody has any more. */
	assert_int_equal(open_it("/anna", copy, bytes), VU_PERMISSION_DENIED);
	free(other);
	free(copy);
	free(sealed);
}

static void test_all_sealed_is_kept_with_the_key(void **state)
{
	bool flag;
	size_t bytes;

	(void)state;
	assert_int_equal(vu_vault_is_all_sealed(vault, &flag, &error), VU_OK);
	assert_false(flag);
	assert_int_equal(vu_vault_set_all_sealed(vault, true, &error), VU_OK);
	assert_int_equal(vu_vault_is_all_sealed(vault, &flag, &error), VU_OK);
	assert_true(flag);
	assert_int_equal(access(path, F_OK), -1);
	free(seal("/anna", &bytes));
	reopen();
	assert_int_equal(vu_vault_is_all_sealed(vault, &flag, &error), VU_OK);
	assert_true(flag);
	assert_int_equal(vu_vault_set_all_sealed(vault, false, &error), VU_OK);
	reopen();
	assert_int_equal(vu_vault_is_all_sealed(vault, &flag, &error), VU_OK);
	assert_false(flag);
}

static void test_the_key_is_never_inside_the_state_folder(void **state)
{
	char found[PATH_MAX];

	(void)state;
	setenv("VOICE_UNLOCK_HOME", "/x/state/", 1);
	assert_int_equal(vu_master_key_path("/x/state", found, &error), VU_OK);
	assert_string_equal(found, "/x/state.key");
	setenv("VOICE_UNLOCK_KEY_FILE", "/x/state/deep/key", 1);
	assert_int_equal(vu_master_key_path("/x/state", found, &error), VU_INVALID_ARGUMENT);
	setenv("VOICE_UNLOCK_KEY_FILE", "/y/key", 1);
	assert_int_equal(vu_master_key_path("/x/state", found, &error), VU_OK);
	assert_string_equal(found, "/y/key");
	unsetenv("VOICE_UNLOCK_KEY_FILE");
	unsetenv("VOICE_UNLOCK_HOME");
	setenv("HOME", "/h", 1);
	setenv("XDG_CONFIG_HOME", "/h/c", 1);
	assert_int_equal(vu_master_key_path("/h/.local/state/voice-unlock", found, &error), VU_OK);
	assert_non_null(strstr(found, "/voice-unlock"));
	assert_int_equal(strncmp(found, "/h/", 3), 0);
	assert_int_equal(vu_master_key_path(folder, found, &error), VU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_key_is_made_once_and_private, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_key_that_others_may_read_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_lost_or_damaged_key_opens_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_exchange_goes_on_where_it_was_cut_short, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_all_sealed_is_kept_with_the_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_key_is_never_inside_the_state_folder, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
