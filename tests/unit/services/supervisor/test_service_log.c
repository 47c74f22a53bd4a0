/* Lines cut anywhere come out whole, files stay bounded and private. */
#include "service_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-log-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof path, "%s/models.log", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/models.log.1", folder);
	unlink(path);
	return rmdir(folder);
}

/* The content of a file in the folder; the caller frees it. */
static char *content(const char *name, size_t *bytes_out)
{
	char path[128];
	struct stat info;
	char *data;
	FILE *file;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	data = calloc(1, (size_t)info.st_size + 1);
	file = fopen(path, "r");
	assert_non_null(data);
	assert_non_null(file);
	assert_int_equal(fread(data, 1, (size_t)info.st_size, file), info.st_size);
	fclose(file);
	if (bytes_out)
		*bytes_out = (size_t)info.st_size;
	return data;
}

static vu_service_log *open_models(void)
{
	vu_service_log *log = NULL;
	vu_error error = {0};
	assert_int_equal(vu_service_log_create(folder, "models", &log, &error), VU_OK);
	return log;
}

static void writes_only_whole_lines(void **state)
{
	(void)state;
	vu_service_log *log = open_models();
	char *data;
	vu_service_log_feed(log, "one\ntw", 6);
	data = content("models.log", NULL);
	assert_string_equal(data, "one\n");
	free(data);
	vu_service_log_feed(log, "o\nthree", 7);
	vu_service_log_destroy(log);
	data = content("models.log", NULL);
	assert_string_equal(data, "one\ntwo\nthree\n");
	free(data);
}

static void appends_to_what_is_there(void **state)
{
	(void)state;
	vu_service_log *log = open_models();
	char *data;
	vu_service_log_feed(log, "before\n", 7);
	vu_service_log_destroy(log);
	log = open_models();
	vu_service_log_feed(log, "after\n", 6);
	vu_service_log_destroy(log);
	data = content("models.log", NULL);
	assert_string_equal(data, "before\nafter\n");
	free(data);
}

/* Every length around the limit, fed in two parts: nothing but newlines is added, nothing is lost. */
static void cuts_lines_that_are_too_long(void **state)
{
	(void)state;
	for (size_t length = VU_LOG_LINE_BYTES_MAX - 3; length <= VU_LOG_LINE_BYTES_MAX + 3; length++) {
		vu_service_log *log = open_models();
		char *line = malloc(length + 1);
		char *data;
		size_t bytes;
		size_t marks = 0;
		size_t longest = 0;
		size_t current = 0;
		assert_non_null(line);
		memset(line, 'x', length);
		line[length] = '\n';
		vu_service_log_feed(log, line, length / 2);
		vu_service_log_feed(log, line + length / 2, length + 1 - length / 2);
		vu_service_log_destroy(log);
		data = content("models.log", &bytes);
		for (size_t i = 0; i < bytes; i++) {
			marks += data[i] == 'x';
			current = data[i] == '\n' ? 0 : current + 1;
			longest = current > longest ? current : longest;
		}
		assert_int_equal(marks, length);
		assert_true(longest < VU_LOG_LINE_BYTES_MAX);
		assert_int_equal(data[bytes - 1], '\n');
		free(data);
		free(line);
		remove_folder(state);
		make_folder(state);
	}
}

static void rotates_before_the_limit(void **state)
{
	(void)state;
	vu_service_log *log = open_models();
	char line[160];
	char *newer;
	char *older;
	size_t newer_bytes;
	size_t older_bytes;
	int last_of_older;
	int first_of_newer;
	for (int i = 0; i < 15000; i++) {
		snprintf(line, sizeof line, "%08d %-90d\n", i, i);
		vu_service_log_feed(log, line, strlen(line));
	}
	vu_service_log_destroy(log);
	newer = content("models.log", &newer_bytes);
	older = content("models.log.1", &older_bytes);
	assert_true(newer_bytes <= VU_LOG_FILE_BYTES_MAX);
	assert_true(older_bytes <= VU_LOG_FILE_BYTES_MAX);
	last_of_older = atoi(older + older_bytes - strlen(line));
	first_of_newer = atoi(newer);
	assert_int_equal(first_of_newer, last_of_older + 1);
	assert_int_equal(atoi(newer + newer_bytes - strlen(line)), 14999);
	free(newer);
	free(older);
}

static void refuses_a_symbolic_link(void **state)
{
	(void)state;
	char path[128];
	vu_service_log *log = NULL;
	vu_error error = {0};
	snprintf(path, sizeof path, "%s/models.log", folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(vu_service_log_create(folder, "models", &log, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "it is a symbolic link"));
	assert_null(log);
}

static void takes_a_file_others_could_read_back_to_private(void **state)
{
	(void)state;
	char path[128];
	vu_service_log *log;
	char *data;
	FILE *file;
	snprintf(path, sizeof path, "%s/models.log", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(path, 0644), 0);
	log = open_models();
	vu_service_log_destroy(log);
	data = content("models.log", NULL);
	assert_string_equal(data, "");
	free(data);
}

/* What a dying service said last, for its status. */
static void keeps_the_last_complaint(void **state)
{
	(void)state;
	static const char FATAL[] = "{\"time\":\"t\",\"level\":\"fatal\",\"service\":\"models\",\"pid\":1,"
	                            "\"message\":\"unable to read \\\"a\\\": line 3\"}\n";
	static const char INFO[] = "{\"time\":\"t\",\"level\":\"info\",\"message\":\"ready\"}\n";
	vu_service_log *log = open_models();
	char text[256];
	assert_false(vu_service_log_complaint(log, text, sizeof text));
	vu_service_log_feed(log, INFO, sizeof INFO - 1);
	assert_false(vu_service_log_complaint(log, text, sizeof text));
	vu_service_log_feed(log, FATAL, sizeof FATAL - 1);
	vu_service_log_feed(log, INFO, sizeof INFO - 1);
	assert_true(vu_service_log_complaint(log, text, sizeof text));
	assert_string_equal(text, "unable to read \"a\": line 3");
	vu_service_log_feed(log, "Assertion failed\n", 17);
	assert_true(vu_service_log_complaint(log, text, sizeof text));
	assert_string_equal(text, "Assertion failed");
	vu_service_log_forget_complaint(log);
	assert_false(vu_service_log_complaint(log, text, sizeof text));
	vu_service_log_destroy(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(writes_only_whole_lines, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(appends_to_what_is_there, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(cuts_lines_that_are_too_long, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(rotates_before_the_limit, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(keeps_the_last_complaint, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(refuses_a_symbolic_link, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(takes_a_file_others_could_read_back_to_private, make_folder,
	                                    remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
