/* Names as file names, and the files themselves. */
#include "template_store.h"

#include "base/clock.h"
#include "base/file.h"
#include "name_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static template_store store;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(template_store_init(&store, folder, NULL), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void test_names_there_and_back(void **state)
{
	static const char *const names[] = {"anna", "Anna",  "ANNA", "a.b-c_d", "zoë",
	                                    "李雷", "100 %", "a%41", "x:y*?"};
	char code[NAME_CODE_SIZE];
	char back[VU_USER_NAME_MAX + 1];
	char longest[VU_USER_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		name_code_encode(names[i], code);
		assert_null(strchr(code, '/'));
		assert_true(code[0] != '.');
		for (const char *c = code; *c; c++)
			assert_false(*c >= 'A' && *c <= 'Z');
		assert_true(name_code_decode(code, strlen(code), back));
		assert_string_equal(back, names[i]);
	}
	memset(longest, 'X', VU_USER_NAME_MAX);
	longest[VU_USER_NAME_MAX] = '\0';
	name_code_encode(longest, code);
	assert_int_equal(strlen(code), 3 * VU_USER_NAME_MAX);
	assert_true(name_code_decode(code, strlen(code), back));
	assert_string_equal(back, longest);
}

static void test_codes_that_are_none(void **state)
{
	static const char *const codes[] = {"",     "Anna", "%61", "%4",     "%zz", "%2f",
	                                    "a%00", "..",   ".a",  "%C3%AB", "a b", "%0a"};
	char name[VU_USER_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_false(name_code_decode(codes[i], strlen(codes[i]), name));
}

static bool count_users(void *context, const char *user)
{
	(void)user;
	++*(int *)context;
	return true;
}

static int users_in(const char *namespace)
{
	int count = 0;
	assert_int_equal(template_store_list(&store, namespace, count_users, &count, NULL), VU_OK);
	return count;
}

static void test_namespaces_are_apart(void **state)
{
	static const uint8_t id[VU_ID_BYTES] = {1};
	char path[PATH_MAX];
	struct stat info;
	uint64_t bytes;

	(void)state;
	assert_int_equal(users_in(""), 0);
	assert_int_equal(template_store_write(&store, "", "anna", "real", 4, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "", "Anna", "other", 5, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "users", "anna", "test", 4, NULL), VU_OK);
	assert_int_equal(users_in(""), 2);
	assert_int_equal(users_in("users"), 1);
	assert_int_equal(template_store_path(&store, "", "anna", path, NULL), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(info.st_size, 4);
	assert_int_equal(template_store_remove_namespace(&store, "users", NULL), VU_OK);
	assert_int_equal(template_store_remove_namespace(&store, "users", NULL), VU_OK);
	assert_int_equal(template_store_remove_namespace(&store, "", NULL), VU_INVALID_ARGUMENT);
	assert_int_equal(users_in("users"), 0);
	assert_int_equal(users_in(""), 2);
	assert_int_equal(template_store_remove(&store, "", "Anna", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 5);
	assert_true(template_store_exists(&store, "", "anna"));
	assert_int_equal(template_store_remove(&store, "", "anna", id, &bytes, NULL), VU_OK);
}

static void test_last_use(void **state)
{
	static const uint8_t id[VU_ID_BYTES] = {2};
	uint64_t bytes;

	(void)state;
	assert_int_equal(template_store_write(&store, "", "bert", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_last_used_us(&store, "", "bert"), 0);
	template_store_touch(&store, "", "bert");
	assert_true(template_store_last_used_us(&store, "", "bert") > 1500000000000000);
	assert_int_equal(template_store_remove(&store, "", "bert", id, &bytes, NULL), VU_OK);
	assert_int_equal(template_store_last_used_us(&store, "", "bert"), 0);
}

static void test_removal_is_known_again(void **state)
{
	uint8_t id[VU_ID_BYTES] = {3};
	uint8_t other[VU_ID_BYTES] = {4};
	uint64_t bytes;

	(void)state;
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_NOT_FOUND);
	assert_int_equal(template_store_write(&store, "", "carl", "xyz", 3, NULL), VU_OK);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 3);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 0);
	assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_NOT_FOUND);
	/* The list has an end: after so many others it is forgotten. */
	for (uint8_t i = 0; i < 70; i++) {
		other[1] = (uint8_t)(i + 1);
		assert_int_equal(template_store_write(&store, "", "carl", "xyz", 3, NULL), VU_OK);
		assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_OK);
	}
	assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_OK);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_NOT_FOUND);
}

static void test_what_is_not_ours_is_not_listed(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	assert_int_equal(template_store_write(&store, "n", "dora", "x", 1, NULL), VU_OK);
	snprintf(path, sizeof path, "%s/namespace-n/Dora.vut", store.folder);
	assert_int_equal(vu_file_write_atomically(path, "x", 1, NULL), VU_OK);
	snprintf(path, sizeof path, "%s/namespace-n/dora.vut.AbCdEf", store.folder);
	assert_int_equal(vu_file_write_atomically(path, "x", 1, NULL), VU_OK);
	assert_int_equal(users_in("n"), 1);
	assert_int_equal(template_store_remove_namespace(&store, "n", NULL), VU_OK);
}

static void test_abandoned_namespaces_are_swept(void **state)
{
	int64_t now_us = vu_clock_wall_us();

	(void)state;
	assert_int_equal(template_store_write(&store, "cut off", "emil", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "", "emil", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_sweep(&store, now_us), 0);
	assert_int_equal(template_store_sweep(&store, now_us + (TEMPLATE_NAMESPACE_AGE_S - 60) * 1000000LL), 0);
	assert_true(template_store_exists(&store, "cut off", "emil"));
	assert_int_equal(template_store_sweep(&store, now_us + (TEMPLATE_NAMESPACE_AGE_S + 60) * 1000000LL), 1);
	assert_false(template_store_exists(&store, "cut off", "emil"));
	assert_true(template_store_exists(&store, "", "emil"));
}

static void test_home_that_is_too_long(void **state)
{
	template_store other;
	char home[PATH_MAX];

	(void)state;
	memset(home, 'a', sizeof home - 1);
	home[sizeof home - 1] = '\0';
	assert_int_equal(template_store_init(&other, home, NULL), VU_OUT_OF_RANGE);
}

/* ---- with a vault ---- */

static vu_vault *vault;

static int setup_sealed(void **state)
{
	char key_path[128];

	if (setup(state) != 0)
		return -1;
	snprintf(key_path, sizeof key_path, "%s/outside/key", folder);
	return vu_vault_create(key_path, &vault, NULL) == VU_OK ? 0 : -1;
}

static int teardown_sealed(void **state)
{
	vu_vault_destroy(vault);
	return teardown(state);
}

/* A whole template file whose only section is a text. */
static void make_template(const char *text, void **data, size_t *bytes)
{
	vu_model_writer *writer;

	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	vu_model_writer_add_text(writer, "voice", text);
	assert_int_equal(vu_model_writer_finish(writer, data, bytes, NULL), VU_OK);
	vu_model_writer_destroy(writer);
}

static void write_template(const char *namespace, const char *user, const char *text)
{
	void *data;
	size_t bytes;

	make_template(text, &data, &bytes);
	assert_int_equal(template_store_write(&store, namespace, user, data, bytes, NULL), VU_OK);
	free(data);
}

static void expect_template(const char *namespace, const char *user, const char *text)
{
	char found[64];
	vu_model_file *file;
	vu_error error = {VU_OK, ""};

	if (template_store_open(&store, namespace, user, &file, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(vu_model_file_text(file, "voice", found, sizeof found, NULL), VU_OK);
	assert_string_equal(found, text);
	vu_model_file_close(file);
}

static vu_status open_fails(const char *namespace, const char *user)
{
	vu_model_file *file;
	return template_store_open(&store, namespace, user, &file, NULL);
}

/* Whether any file under the folder holds the text. */
static bool on_disk(const char *text)
{
	char command[256];
	snprintf(command, sizeof command, "grep -rqaF -- '%s' %s", text, folder);
	return system(command) == 0;
}

static char *path_of(const char *namespace, const char *user)
{
	static char path[PATH_MAX];
	assert_int_equal(template_store_path(&store, namespace, user, path, NULL), VU_OK);
	return path;
}

static void test_plain_ones_are_sealed_once_and_refused_later(void **state)
{
	char path[PATH_MAX + 16];
	char *plain;
	size_t bytes;

	(void)state;
	write_template("", "anna", "a plain voice");
	write_template("n", "bert", "another plain voice");
	assert_int_equal(vu_file_read(path_of("", "anna"), 100000, &plain, &bytes, NULL), VU_OK);
	assert_true(on_disk("plain voice"));
	/* What a crash between two steps left. */
	snprintf(path, sizeof path, "%s.plain", path_of("", "anna"));
	assert_int_equal(link(path_of("", "anna"), path), 0);
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	assert_false(on_disk("plain voice"));
	assert_int_equal(access(path, F_OK), -1);
	expect_template("", "anna", "a plain voice");
	expect_template("n", "bert", "another plain voice");
	/* Somebody's plain file in her place is not hers. */
	assert_int_equal(vu_file_write_atomically(path_of("", "anna"), plain, bytes, NULL), VU_OK);
	assert_int_equal(open_fails("", "anna"), VU_PERMISSION_DENIED);
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	assert_int_equal(open_fails("", "anna"), VU_PERMISSION_DENIED);
	free(plain);
}

static void test_swapped_edited_and_copied_files_are_refused(void **state)
{
	char anna[PATH_MAX];
	char *data;
	char *hers;
	size_t bytes;
	size_t her_bytes;

	(void)state;
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	write_template("", "anna", "voice of Anna");
	write_template("", "bert", "voice of Bert");
	write_template("n", "anna", "voice of a test");
	assert_false(on_disk("voice of"));
	strcpy(anna, path_of("", "anna"));
	assert_int_equal(vu_file_read(anna, 100000, &hers, &her_bytes, NULL), VU_OK);
	assert_int_equal(vu_file_read(path_of("", "bert"), 100000, &data, &bytes, NULL), VU_OK);
	assert_int_equal(vu_file_write_atomically(anna, data, bytes, NULL), VU_OK);
	assert_int_equal(vu_file_write_atomically(path_of("", "bert"), hers, her_bytes, NULL), VU_OK);
	assert_int_equal(open_fails("", "anna"), VU_DATA_LOSS);
	assert_int_equal(open_fails("", "bert"), VU_DATA_LOSS);
	assert_int_equal(vu_file_write_atomically(path_of("n", "anna"), hers, her_bytes, NULL), VU_OK);
	assert_int_equal(open_fails("n", "anna"), VU_DATA_LOSS);
	hers[her_bytes / 2] ^= 4;
	assert_int_equal(vu_file_write_atomically(anna, hers, her_bytes, NULL), VU_OK);
	assert_int_equal(open_fails("", "anna"), VU_DATA_LOSS);
	hers[her_bytes / 2] ^= 4;
	assert_int_equal(vu_file_write_atomically(anna, hers, her_bytes, NULL), VU_OK);
	expect_template("", "anna", "voice of Anna");
	free(data);
	free(hers);
}

static void test_a_new_key_for_all_refuses_what_is_stale(void **state)
{
	char *stale;
	size_t bytes;
	size_t count;

	(void)state;
	assert_int_equal(template_store_rotate_key(&store, NULL, &count, NULL), VU_FAILED_PRECONDITION);
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	write_template("", "anna", "voice of Anna");
	write_template("n", "bert", "voice of Bert");
	assert_int_equal(vu_file_read(path_of("", "anna"), 100000, &stale, &bytes, NULL), VU_OK);
	assert_int_equal(template_store_rotate_key(&store, NULL, &count, NULL), VU_OK);
	assert_int_equal(count, 2);
	expect_template("", "anna", "voice of Anna");
	expect_template("n", "bert", "voice of Bert");
	assert_int_equal(vu_file_write_atomically(path_of("", "anna"), stale, bytes, NULL), VU_OK);
	assert_int_equal(open_fails("", "anna"), VU_PERMISSION_DENIED);
	free(stale);
}

static void test_an_exchange_cut_short_is_finished_at_the_start(void **state)
{
	bool rotating;

	(void)state;
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	write_template("", "anna", "voice of Anna");
	assert_int_equal(vu_vault_begin_rotation(vault, NULL), VU_OK);
	write_template("", "bert", "voice of Bert");
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	assert_int_equal(vu_vault_is_rotating(vault, &rotating, NULL), VU_OK);
	assert_false(rotating);
	expect_template("", "anna", "voice of Anna");
	expect_template("", "bert", "voice of Bert");
}

static void test_without_encryption_both_are_read(void **state)
{
	(void)state;
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	write_template("", "anna", "voice of Anna");
	assert_int_equal(template_store_use_vault(&store, vault, false, NULL), VU_OK);
	write_template("", "bert", "voice of Bert");
	assert_true(on_disk("voice of Bert"));
	expect_template("", "anna", "voice of Anna");
	expect_template("", "bert", "voice of Bert");
	/* And back. */
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	assert_false(on_disk("voice of Bert"));
	expect_template("", "bert", "voice of Bert");
}

static void test_removal_destroys_the_key(void **state)
{
	static const uint8_t id[VU_ID_BYTES] = {1};
	static const uint8_t zero[VU_SEAL_HEADER_BYTES];
	uint8_t head[VU_SEAL_HEADER_BYTES];
	uint64_t bytes;
	FILE *held;

	(void)state;
	assert_int_equal(template_store_use_vault(&store, vault, true, NULL), VU_OK);
	write_template("", "anna", "voice of Anna");
	held = fopen(path_of("", "anna"), "rb");
	assert_non_null(held);
	assert_int_equal(template_store_remove(&store, "", "anna", id, &bytes, NULL), VU_OK);
	/* Whoever finds the file's blocks on the disk finds no key. */
	assert_int_equal(fread(head, 1, sizeof head, held), sizeof head);
	assert_memory_equal(head, zero, sizeof zero);
	fclose(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_there_and_back),
	    cmocka_unit_test(test_codes_that_are_none),
	    cmocka_unit_test(test_namespaces_are_apart),
	    cmocka_unit_test(test_last_use),
	    cmocka_unit_test(test_removal_is_known_again),
	    cmocka_unit_test(test_what_is_not_ours_is_not_listed),
	    cmocka_unit_test(test_abandoned_namespaces_are_swept),
	    cmocka_unit_test(test_home_that_is_too_long),
	    cmocka_unit_test_setup_teardown(test_plain_ones_are_sealed_once_and_refused_later, setup_sealed,
	                                    teardown_sealed),
	    cmocka_unit_test_setup_teardown(test_swapped_edited_and_copied_files_are_refused, setup_sealed,
	                                    teardown_sealed),
	    cmocka_unit_test_setup_teardown(test_a_new_key_for_all_refuses_what_is_stale, setup_sealed,
	                                    teardown_sealed),
	    cmocka_unit_test_setup_teardown(test_an_exchange_cut_short_is_finished_at_the_start, setup_sealed,
	                                    teardown_sealed),
	    cmocka_unit_test_setup_teardown(test_without_encryption_both_are_read, setup_sealed, teardown_sealed),
	    cmocka_unit_test_setup_teardown(test_removal_destroys_the_key, setup_sealed, teardown_sealed),
	};
	return cmocka_run_group_tests_name("template_store", tests, setup, teardown);
}
