/* The log: every kind of tampering is found and located; honest accidents are not taken for it. */
#include "store/audit.h"

#include "../folder_aid.h"

#include <limits.h>
#include <math.h>
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
static char log_folder[PATH_MAX];
static char current[PATH_MAX + 32];
static char key_path[PATH_MAX];
static char found[4096]; /* all findings */
static vu_audit *audit;
static vu_error error;

static void append_as(const char *user, bool anonymize, int64_t time_us)
{
	vu_audit_event event = {
	    .event = "attempt",
	    .time_us = time_us,
	    .attempt_id = "a1",
	    .user = user,
	    .anonymize = anonymize,
	    .verdict = "reject",
	    .reason = "a \"quoted\"\nreason",
	    .score = 0.5,
	    .threshold = (double)NAN,
	    .antispoof_score = (double)NAN,
	};
	if (vu_audit_append(audit, &event, &error) != VU_OK)
		fail_msg("%s", error.message);
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(log_folder, sizeof log_folder, "%s/audit", folder);
	snprintf(current, sizeof current, "%s/current.jsonl", log_folder);
	snprintf(key_path, sizeof key_path, "%s/keys/k.audit", folder);
	if (vu_audit_create(log_folder, key_path, &audit, NULL) != VU_OK)
		return -1;
	for (int i = 0; i < 5; i++)
		append_as(i % 2 ? "anna" : "bert", false, 1000 + i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_audit_destroy(audit);
	test_folder_remove(folder);
	return 0;
}

static void keep(void *context, const char *text)
{
	(void)context;
	strncat(found, text, sizeof found - strlen(found) - 2);
	strcat(found, "\n");
}

static uint64_t findings(void)
{
	vu_audit_report report;
	found[0] = '\0';
	if (vu_audit_verify(audit, NULL, keep, NULL, &report, &error) != VU_OK)
		fail_msg("%s", error.message);
	return report.findings;
}

/* Runs a sed script over the log. */
static void edit(const char *script)
{
	char command[5 * PATH_MAX];
	snprintf(command, sizeof command, "sed '%s' %s > %s.new && mv %s.new %s", script, current, current, current,
	         current);
	assert_int_equal(system(command), 0);
}

static void test_an_honest_log_verifies(void **state)
{
	char *content = test_file_content(current);
	vu_audit_report report;

	(void)state;
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &report, &error), VU_OK);
	assert_int_equal(report.lines, 5);
	assert_int_equal(report.findings, 0);
	assert_int_equal(
	    strncmp(content, "{\"seq\":1,\"time_us\":1000,\"event\":\"attempt\",\"attempt_id\":\"a1\",", 59), 0);
	assert_non_null(strstr(content, "\"reason\":\"a \\\"quoted\\\"\\nreason\""));
	assert_null(strstr(content, "threshold"));
	free(content);
}

static void test_an_edited_line_is_found(void **state)
{
	(void)state;
	edit("2s/reject/accept/");
	assert_true(findings() >= 1);
	assert_int_equal(strncmp(found, "current.jsonl line 2: it was edited", 35), 0);
}

static void test_deleted_lines_are_found(void **state)
{
	(void)state;
	edit("2,3d");
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "current.jsonl line 2: 2 lines before it are missing"));
}

static void test_the_first_lines_are_missed_too(void **state)
{
	(void)state;
	edit("1d");
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "current.jsonl line 1: 1 lines before it are missing"));
}

static void test_reordered_and_repeated_lines_are_found(void **state)
{
	(void)state;
	edit("2{h;d;};3G");
	assert_true(findings() >= 1);
	assert_non_null(strstr(found, "current.jsonl line 3: it is out of order"));
}

static void test_a_cut_end_is_found_also_after_more_was_written(void **state)
{
	(void)state;
	edit("$d");
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "1 lines after it were cut off"));
	append_as("anna", false, 2000);
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "current.jsonl line 5: 1 lines before it are missing"));
}

static void test_a_log_that_is_gone_is_found(void **state)
{
	(void)state;
	assert_int_equal(unlink(current), 0);
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "5 lines after it were cut off"));
}

static void test_a_foreign_line_is_found(void **state)
{
	FILE *file = fopen(current, "a");

	(void)state;
	assert_non_null(file);
	fprintf(file, "{\"seq\":6,\"time_us\":1,\"event\":\"attempt\",\"prev\":\"%064d\",\"mac\":\"%064d\"}\n", 0, 0);
	fclose(file);
	assert_int_equal(findings(), 1);
	assert_non_null(strstr(found, "current.jsonl line 6: it was edited"));
}

static void test_key_and_head_must_be_there_and_whole(void **state)
{
	char head[PATH_MAX + 8];
	vu_audit_report report;

	(void)state;
	snprintf(head, sizeof head, "%s.head", key_path);
	assert_int_equal(truncate(head, 20), 0);
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &report, &error), VU_DATA_LOSS);
	assert_int_equal(unlink(head), 0);
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &report, &error), VU_DATA_LOSS);
}

static void test_nothing_recorded_is_not_found(void **state)
{
	vu_audit *other;
	vu_audit_report report;
	char path[PATH_MAX + 8];

	(void)state;
	snprintf(path, sizeof path, "%s/x", folder);
	assert_int_equal(vu_audit_create(path, path, &other, &error), VU_OK);
	assert_int_equal(vu_audit_verify(other, NULL, NULL, NULL, &report, &error), VU_NOT_FOUND);
	vu_audit_destroy(other);
}

static void test_a_killed_writer_loses_and_breaks_nothing(void **state)
{
	char head[PATH_MAX + 8];
	char command[2 * PATH_MAX + 64];
	FILE *file;

	(void)state;
	/* The line was written, the head was not. */
	snprintf(head, sizeof head, "%s.head", key_path);
	snprintf(command, sizeof command, "cp %s %s.old", head, head);
	assert_int_equal(system(command), 0);
	append_as("anna", false, 3000);
	snprintf(command, sizeof command, "cp %s.old %s", head, head);
	assert_int_equal(system(command), 0);
	append_as("bert", false, 3001);
	assert_int_equal(findings(), 0);
	/* Half a line. */
	file = fopen(current, "a");
	assert_non_null(file);
	fputs("{\"seq\":8,\"ti", file);
	fclose(file);
	append_as("bert", false, 3002);
	assert_int_equal(findings(), 0);
}

static void test_names_are_hidden_but_told_apart(void **state)
{
	char *content;

	(void)state;
	append_as("Zaphod", true, 1);
	append_as("Zaphod", true, 2);
	content = test_file_content(current);
	assert_null(strstr(content, "Zaphod"));
	assert_non_null(strstr(content, "\"user\":\"user-"));
	free(content);
	assert_int_equal(findings(), 0);
}

static void test_old_segments_are_forgotten_whole(void **state)
{
	struct stat info;
	vu_audit_report before, after;

	(void)state;
	/* Enough for one full segment. */
	while (stat(current, &info) == 0 && info.st_size > 1000)
		append_as("a-rather-long-name-so-that-it-takes-fewer-lines-to-fill-a-segment", false, 5000);
	for (int i = 0; i < 3; i++)
		append_as("anna", false, 9000);
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &before, &error), VU_OK);
	assert_int_equal(before.findings, 0);
	assert_int_equal(vu_audit_forget_before(audit, 4000, &error), VU_OK);
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &after, &error), VU_OK);
	assert_int_equal(after.lines, before.lines);
	assert_int_equal(vu_audit_forget_before(audit, 8000, &error), VU_OK);
	assert_int_equal(vu_audit_verify(audit, NULL, NULL, NULL, &after, &error), VU_OK);
	assert_int_equal(after.findings, 0);
	assert_true(after.lines < 10);
	append_as("anna", false, 9001);
	assert_int_equal(findings(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_an_honest_log_verifies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_edited_line_is_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deleted_lines_are_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_first_lines_are_missed_too, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reordered_and_repeated_lines_are_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_cut_end_is_found_also_after_more_was_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_log_that_is_gone_is_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_foreign_line_is_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_key_and_head_must_be_there_and_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_recorded_is_not_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_killed_writer_loses_and_breaks_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names_are_hidden_but_told_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_old_segments_are_forgotten_whole, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
