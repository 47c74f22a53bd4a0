/* Places of the master key: what was chosen, what answers, and that nothing is made where something is missing. */
#include "store/key_place.h"

#include "platform/platform.h"
#include "store/master_key.h"
#include "store/vault.h"

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

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER  "0123456789abcdef0123456789abcdeF"

static char folder[TEST_PATH_MAX];
static char credentials[PATH_MAX];
static char key_path[PATH_MAX];
static vu_error error;

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(key_path, sizeof key_path, "%s/master.key", folder);
	snprintf(credentials, sizeof credentials, "%s/credentials", folder);
	assert_int_equal(mkdir(credentials, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	test_folder_remove(folder);
	return 0;
}

static void choose(const char *word)
{
	test_file_create(folder, "master.key.place", word, 0600, NULL);
}

static void give_credential(const char *text)
{
	test_file_create(credentials, VU_KEY_CREDENTIAL, text, 0600, NULL);
}

static void take_credential(void)
{
	char path[PATH_MAX];
	assert_true(vu_key_place_credential_path(path));
	assert_int_equal(unlink(path), 0);
}

static void assert_size(long expected)
{
	struct stat info;
	assert_int_equal(stat(key_path, &info), 0);
	assert_int_equal(info.st_size, expected);
}

static void words_of_the_choice(void **state)
{
	static const struct {
		const char *text;
		vu_key_place place;
		bool tpm;
	} WORDS[] = {{"file\n", VU_KEY_PLACE_FILE, false},
	             {"systemd-creds+host\n", VU_KEY_PLACE_CREDENTIAL, false},
	             {"systemd-creds+tpm2", VU_KEY_PLACE_CREDENTIAL, true},
	             {"keychain\n", VU_KEY_PLACE_KEYCHAIN, false}};
	vu_key_choice choice;

	(void)state;
	assert_int_equal(vu_key_place_chosen(key_path, &choice, &error), VU_OK);
	assert_false(choice.made);
	assert_int_equal(choice.place, VU_KEY_PLACE_FILE);
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		choose(WORDS[i].text);
		assert_int_equal(vu_key_place_chosen(key_path, &choice, &error), VU_OK);
		assert_true(choice.made);
		assert_int_equal(choice.place, WORDS[i].place);
		assert_int_equal(choice.tpm, WORDS[i].tpm);
	}
}

static void a_choice_that_cannot_be_told_is_an_error(void **state)
{
	vu_key_choice choice;
	vu_master_key key;
	char path[PATH_MAX + 8];

	(void)state;
	choose("filed\n");
	assert_int_equal(vu_key_place_chosen(key_path, &choice, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_INVALID_ARGUMENT);
	choose("");
	assert_int_equal(vu_key_place_chosen(key_path, &choice, &error), VU_INVALID_ARGUMENT);
	choose("file\n");
	snprintf(path, sizeof path, "%s.place", key_path);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(vu_key_place_chosen(key_path, &choice, &error), VU_PERMISSION_DENIED);
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_PERMISSION_DENIED);
	assert_int_not_equal(access(key_path, F_OK), 0);
}

static void a_credential_seals_the_key(void **state)
{
	vu_master_key made;
	vu_master_key read;
	vu_key_place place;
	char *bytes;

	(void)state;
	choose("systemd-creds+host\n");
	give_credential(SECRET);
	assert_int_equal(vu_master_key_create(key_path, true, &made, &error), VU_OK);
	assert_int_equal(made.place, VU_KEY_PLACE_CREDENTIAL);
	assert_size(168);
	bytes = test_file_content(key_path);
	for (size_t i = 0; i + sizeof made.current <= 168; i++)
		assert_memory_not_equal(bytes + i, made.current, sizeof made.current);
	free(bytes);
	assert_int_equal(vu_master_key_read(key_path, &read, &error), VU_OK);
	assert_memory_equal(read.current, made.current, sizeof made.current);
	assert_int_equal(read.all_sealed, 1);
	assert_int_equal(vu_master_key_place_of(key_path, &place, &error), VU_OK);
	assert_int_equal(place, VU_KEY_PLACE_CREDENTIAL);
	/* Who else makes one gets the one that is there. */
	assert_int_equal(vu_master_key_create(key_path, true, &read, &error), VU_OK);
	assert_memory_equal(read.current, made.current, sizeof made.current);
}

static void what_does_not_answer_makes_nothing(void **state)
{
	vu_master_key key;
	vu_vault *vault;
	void *sealed;
	size_t bytes;

	(void)state;
	choose("systemd-creds+tpm2\n");
	assert_int_equal(vu_vault_create(key_path, &vault, &error), VU_OK);
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, "ada", "x", 1, &sealed, &bytes, &error),
	                 VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "LoadCredentialEncrypted"));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "start the suite by its unit"));
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	give_credential("too short");
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "fewer than 32 bytes"));
	assert_int_equal(test_folder_entries(folder), 2);
	vu_vault_destroy(vault);
}

static void a_sealed_key_without_its_secret_is_refused_and_stays(void **state)
{
	vu_master_key made;
	vu_master_key read;
	vu_vault *vault;
	void *sealed;
	size_t bytes;
	char *before;
	char *after;

	(void)state;
	choose("systemd-creds+host\n");
	give_credential(SECRET);
	assert_int_equal(vu_master_key_create(key_path, true, &made, &error), VU_OK);
	before = test_file_content(key_path);
	give_credential(OTHER);
	assert_int_equal(vu_master_key_read(key_path, &read, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "another secret"));
	take_credential();
	assert_int_equal(vu_master_key_read(key_path, &read, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "restore FILE"));
	assert_int_equal(vu_vault_create(key_path, &vault, &error), VU_OK);
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, "ada", "x", 1, &sealed, &bytes, &error),
	                 VU_PERMISSION_DENIED);
	vu_vault_destroy(vault);
	after = test_file_content(key_path);
	assert_memory_equal(before, after, 168);
	give_credential(SECRET);
	assert_int_equal(vu_master_key_read(key_path, &read, &error), VU_OK);
	free(before);
	free(after);
}

static void edited_bytes_are_refused(void **state)
{
	vu_master_key key;
	struct stat info;

	(void)state;
	choose("systemd-creds+host\n");
	give_credential(SECRET);
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_OK);
	assert_int_equal(stat(key_path, &info), 0);
	for (long at = 0; at < (long)info.st_size; at++) {
		FILE *file = fopen(key_path, "r+b");
		int byte;
		assert_non_null(file);
		fseek(file, at, SEEK_SET);
		byte = fgetc(file);
		fseek(file, at, SEEK_SET);
		fputc(byte ^ 1, file);
		fclose(file);
		assert_int_not_equal(vu_master_key_read(key_path, &key, &error), VU_OK);
		assert_int_not_equal(error.status, VU_NOT_FOUND);
		file = fopen(key_path, "r+b");
		assert_non_null(file);
		fseek(file, at, SEEK_SET);
		fputc(byte, file);
		fclose(file);
	}
	assert_int_equal(vu_master_key_read(key_path, &key, &error), VU_OK);
}

static void a_key_moves_to_the_place_that_was_chosen(void **state)
{
	vu_master_key made;
	vu_master_key key;
	vu_key_place place;
	char path[PATH_MAX + 8];
	bool moved;

	(void)state;
	assert_int_equal(vu_master_key_create(key_path, true, &made, &error), VU_OK);
	assert_size(112);
	choose("systemd-creds+host\n");
	/* Not without the secret. */
	assert_int_equal(vu_master_key_read(key_path, &key, &error), VU_OK);
	assert_int_equal(vu_master_key_settle(key_path, &key, &moved, &error), VU_PERMISSION_DENIED);
	assert_size(112);
	give_credential(SECRET);
	assert_int_equal(vu_master_key_settle(key_path, &key, &moved, &error), VU_OK);
	assert_true(moved);
	assert_size(168);
	assert_int_equal(vu_master_key_settle(key_path, &key, &moved, &error), VU_OK);
	assert_false(moved);
	/* Where the choice is lost it stays sealed, also when it is written. */
	snprintf(path, sizeof path, "%s.place", key_path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(vu_master_key_read(key_path, &key, &error), VU_OK);
	assert_int_equal(vu_master_key_settle(key_path, &key, &moved, &error), VU_OK);
	assert_false(moved);
	assert_int_equal(vu_master_key_write(key_path, &key, &error), VU_OK);
	assert_size(168);
	/* And back, when that is asked for by name. */
	choose("file\n");
	assert_int_equal(vu_master_key_settle(key_path, &key, &moved, &error), VU_OK);
	assert_true(moved);
	assert_int_equal(vu_master_key_place_of(key_path, &place, &error), VU_OK);
	assert_int_equal(place, VU_KEY_PLACE_FILE);
	assert_int_equal(vu_master_key_read(key_path, &key, &error), VU_OK);
	assert_memory_equal(key.current, made.current, sizeof made.current);
}

static void the_key_under_a_credential_can_be_exchanged(void **state)
{
	vu_vault *vault;
	vu_master_key before;
	vu_master_key after;
	void *sealed;
	size_t bytes;
	bool changed;

	(void)state;
	choose("systemd-creds+host\n");
	give_credential(SECRET);
	assert_int_equal(vu_vault_create(key_path, &vault, &error), VU_OK);
	assert_int_equal(vu_vault_seal(vault, VU_SEAL_TEMPLATE, "ada", "x", 1, &sealed, &bytes, &error), VU_OK);
	assert_int_equal(vu_master_key_read(key_path, &before, &error), VU_OK);
	assert_int_equal(vu_vault_begin_rotation(vault, &error), VU_OK);
	assert_int_equal(vu_vault_rewrap(vault, VU_SEAL_TEMPLATE, "ada", "ada", sealed, bytes, &changed, &error),
	                 VU_OK);
	assert_true(changed);
	assert_int_equal(vu_vault_end_rotation(vault, &error), VU_OK);
	assert_size(168);
	assert_int_equal(vu_master_key_read(key_path, &after, &error), VU_OK);
	assert_memory_not_equal(before.current, after.current, sizeof after.current);
	assert_int_equal(after.has_previous, 0);
	free(sealed);
	vu_vault_destroy(vault);
}

static void a_keychain_that_the_system_lacks_is_said(void **state)
{
	uint8_t secret[VU_KEY_SECRET_BYTES];
	vu_master_key key;

	(void)state;
	if (vu_platform_key_load("test", secret, sizeof secret, &error) != VU_UNIMPLEMENTED)
		skip(); /* a Mac */
	assert_int_equal(vu_platform_key_store("test", secret, sizeof secret, &error), VU_UNIMPLEMENTED);
	choose("keychain\n");
	assert_int_equal(vu_master_key_create(key_path, true, &key, &error), VU_UNIMPLEMENTED);
	assert_int_not_equal(access(key_path, F_OK), 0);
}

static void a_credential_that_everybody_reads_is_refused(void **state)
{
	uint8_t secret[VU_KEY_SECRET_BYTES];
	char path[PATH_MAX];

	(void)state;
	give_credential(SECRET);
	assert_true(vu_key_place_credential_path(path));
	/* As systemd does where the unit has a user of its own: group's bits are a mask. */
	assert_int_equal(chmod(path, 0440), 0);
	assert_int_equal(vu_key_place_secret(key_path, VU_KEY_PLACE_CREDENTIAL, false, secret, &error), VU_OK);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(vu_key_place_secret(key_path, VU_KEY_PLACE_CREDENTIAL, false, secret, &error),
	                 VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "everybody can read it"));
	assert_int_equal(vu_key_place_secret(key_path, (vu_key_place)77, false, secret, &error), VU_DATA_LOSS);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FOLDER(words_of_the_choice),
	    WITH_FOLDER(a_choice_that_cannot_be_told_is_an_error),
	    WITH_FOLDER(a_credential_seals_the_key),
	    WITH_FOLDER(what_does_not_answer_makes_nothing),
	    WITH_FOLDER(a_sealed_key_without_its_secret_is_refused_and_stays),
	    WITH_FOLDER(edited_bytes_are_refused),
	    WITH_FOLDER(a_key_moves_to_the_place_that_was_chosen),
	    WITH_FOLDER(the_key_under_a_credential_can_be_exchanged),
	    WITH_FOLDER(a_keychain_that_the_system_lacks_is_said),
	    WITH_FOLDER(a_credential_that_everybody_reads_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
