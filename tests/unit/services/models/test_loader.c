/*
 * Custom loaders: the example loads the background model that ships; those
 * that fail, hang, crash, grow, or lie end in an error and do no harm. Run from
 * the top of the source tree.
 */
#include "loader.h"

#include "base/clock.h"
#include "base/file.h"
#include "platform/platform.h"
#include "ml/model_file.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char hash_text[65];

static char *hash_of(const char *path)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char *data;
	size_t bytes;

	assert_int_equal(vu_file_read(path, 64u * 1024 * 1024, &data, &bytes, NULL), VU_OK);
	crypto_hash_sha256(hash, (const unsigned char *)data, bytes);
	sodium_bin2hex(hash_text, sizeof hash_text, hash, sizeof hash);
	free(data);
	return hash_text;
}

static vu_status run(const char *object, const char *sha256, int timeout_ms, void **data, size_t *bytes,
                     vu_error *error)
{
	char kind[] = "background";
	vu_loader_config loader = {kind, (char *)(uintptr_t)object, NULL, (char *)(uintptr_t)sha256};
	loader_limits limits = {64u * 1024 * 1024, timeout_ms};

	return loader_run(&loader, LOADER_HOST, &limits, data, bytes, error);
}

/* Nothing is left of the child. */
static void expect_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void expect_failure(const char *behaviour, int timeout_ms, vu_status expected, const char *words)
{
	char object[64];
	void *data = &data;
	size_t bytes = 1;
	vu_error error = {VU_OK, ""};
	vu_status status;

	snprintf(object, sizeof object, "build/tests/loaders/odd-%s.so", behaviour);
	status = run(object, hash_of(object), timeout_ms, &data, &bytes, &error);
	if (status != expected || !strstr(error.message, words))
		fail_msg("%s: status %d: %s", behaviour, status, error.message);
	assert_null(data);
	expect_no_child();
}

static void test_the_example_loads(void **state)
{
	void *data;
	size_t bytes;
	vu_model_file *file;
	vu_error error = {VU_OK, ""};
	vu_status status = run("build/tests/loaders/example.so", hash_of("build/tests/loaders/example.so"), 60000,
	                       &data, &bytes, &error);

	(void)state;
	if (status != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "loaded", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	vu_model_file_close(file);
	free(data);
	expect_no_child();
}

static void test_misbehaviour_is_an_error(void **state)
{
	(void)state;
	expect_failure("FAILS", 60000, VU_FAILED_PRECONDITION, "it could not load");
	expect_failure("LIES", 60000, VU_OUT_OF_RANGE, "it foretold 4096 bytes and made 40960");
	expect_failure("GROWS", 60000, VU_RESOURCE_EXHAUSTED, "it foretells 1099511627776 bytes");
	expect_failure("CRASHES", 60000, VU_DATA_LOSS, "it ended before all was there");
	expect_failure("ABI", 60000, VU_INVALID_ARGUMENT, "it is no loader");
}

/* Not even what its parent may read. */
static void test_files_of_others_are_hidden(void **state)
{
	char words[160];

	(void)state;
	if (!vu_platform_confinement_offered(words, sizeof words))
		skip();
	expect_failure("PRIES", 60000, VU_FAILED_PRECONDITION, "it could not load");
}

static void test_hanging_is_ended(void **state)
{
	int64_t began_us = vu_clock_monotonic_us();

	(void)state;
	expect_failure("HANGS", 1500, VU_DEADLINE_EXCEEDED, "it took too long and was ended");
	assert_true(vu_clock_monotonic_us() - began_us >= 1500000);
}

static void test_nonsense_is_no_model(void **state)
{
	void *data;
	size_t bytes;
	vu_model_file *file;

	(void)state;
	assert_int_equal(run("build/tests/loaders/odd-NONSENSE.so", hash_of("build/tests/loaders/odd-NONSENSE.so"),
	                     60000, &data, &bytes, NULL),
	                 VU_OK);
	assert_int_equal(bytes, 4096);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "loaded", VU_MODEL_BACKGROUND, &file, NULL),
	                 VU_INVALID_ARGUMENT);
	free(data);
}

static void test_another_object_than_was_listed(void **state)
{
	void *data;
	size_t bytes;
	vu_error error = {VU_OK, ""};

	(void)state;
	assert_int_equal(run("build/tests/loaders/example.so", hash_of("build/tests/loaders/odd-FAILS.so"), 60000,
	                     &data, &bytes, &error),
	                 VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "another object than ml.loaders lists"));
	assert_int_equal(run("build/none.so", hash_text, 60000, &data, &bytes, &error), VU_PERMISSION_DENIED);
	/* A file that is no object at all. */
	assert_int_equal(run(MODEL, hash_of(MODEL), 60000, &data, &bytes, &error), VU_INVALID_ARGUMENT);
	expect_no_child();
}

static void test_known_kinds_by_path(void **state)
{
	char kind[] = "background";
	char path[] = MODEL;
	vu_loader_config loader = {kind, NULL, path, hash_of(MODEL)};
	loader_limits limits = {64u * 1024 * 1024, 1000};
	void *data;
	size_t bytes;
	vu_model_file *file;
	vu_error error = {VU_OK, ""};

	(void)state;
	assert_int_equal(loader_run(&loader, LOADER_HOST, &limits, &data, &bytes, &error), VU_OK);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "loaded", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	vu_model_file_close(file);
	free(data);
	hash_text[0] = hash_text[0] == '0' ? '1' : '0';
	assert_int_equal(loader_run(&loader, LOADER_HOST, &limits, &data, &bytes, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "it is another file than ml.loaders lists"));
	limits.bytes_max = 100;
	assert_int_equal(loader_run(&loader, LOADER_HOST, &limits, &data, &bytes, &error), VU_OUT_OF_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_example_loads),          cmocka_unit_test(test_misbehaviour_is_an_error),
	    cmocka_unit_test(test_files_of_others_are_hidden), cmocka_unit_test(test_hanging_is_ended),
	    cmocka_unit_test(test_nonsense_is_no_model),       cmocka_unit_test(test_another_object_than_was_listed),
	    cmocka_unit_test(test_known_kinds_by_path),
	};
	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
