/* Good lists, and each way in which a list can be bad, with the line that is named. */
#include "trial_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];
static char path[512];

static void write_list(const char *text, size_t bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static vu_status read_text(const char *text, int with_labels, trial_list **list, vu_error *error)
{
	write_list(text, strlen(text));
	return trial_list_read(path, with_labels, list, error);
}

static void assert_bad(const char *text, int with_labels, const char *reason)
{
	trial_list *list = NULL;
	vu_error error;
	char expected[1024];

	assert_int_equal(read_text(text, with_labels, &list, &error), VU_INVALID_ARGUMENT);
	assert_null(list);
	snprintf(expected, sizeof expected, "unable to read %s %s", path, reason);
	assert_string_equal(error.message, expected);
}

static void trials_are_read(void **state)
{
	trial_list *list = NULL;
	char *resolved;

	(void)state;
	assert_int_equal(read_text("maria\ta.wav\ttarget\n"
	                           "jos\xc3\xa9 luis\ta.wav\tnontarget\r\n"
	                           "\n"
	                           "maria\t/abs/b.wav\tspoof:tts one\n"
	                           "maria\tsub/c.wav\t-",
	                           1, &list, NULL),
	                 VU_OK);
	assert_int_equal(list->count, 4);
	assert_int_equal(list->users.count, 2);
	assert_int_equal(list->files.count, 3);
	assert_int_equal(list->kinds.count, 1);
	assert_string_equal(list->users.texts[1], "jos\xc3\xa9 luis");
	assert_string_equal(list->kinds.texts[0], "tts one");
	assert_int_equal(list->trials[0].label, TRIAL_TARGET);
	assert_int_equal(list->trials[1].label, TRIAL_NONTARGET);
	assert_int_equal(list->trials[1].user, 1);
	assert_int_equal(list->trials[1].file, 0);
	assert_int_equal(list->trials[2].label, TRIAL_SPOOF);
	assert_int_equal(list->trials[2].kind, 0);
	assert_int_equal(list->trials[3].label, TRIAL_UNKNOWN);
	resolved = trial_list_resolve(list, 1);
	assert_string_equal(resolved, "/abs/b.wav");
	free(resolved);
	resolved = trial_list_resolve(list, 2);
	assert_true(strncmp(resolved, folder, strlen(folder)) == 0);
	assert_string_equal(resolved + strlen(folder), "/sub/c.wav");
	free(resolved);
	trial_list_free(list);
}

static void enrolment_has_two_columns(void **state)
{
	trial_list *list = NULL;

	(void)state;
	assert_int_equal(read_text("maria\ta.wav\nmaria\tb.wav\nota\tc.wav\n", 0, &list, NULL), VU_OK);
	assert_int_equal(list->count, 3);
	assert_int_equal(list->users.count, 2);
	assert_int_equal(list->trials[2].label, TRIAL_UNKNOWN);
	trial_list_free(list);
}

static void bad_lines_are_named(void **state)
{
	(void)state;
	assert_bad("maria\ta.wav\n", 1, "line 1: there are 2 columns, not user, path and label, with tabs between");
	assert_bad("maria\ta.wav\ttarget\nmaria a.wav\n", 1,
	           "line 2: there are 1 columns, not user, path and label, with tabs between");
	assert_bad("maria\ta.wav\ttarget\n", 0, "line 1: there are 3 columns, not user and path, with a tab between");
	assert_bad("maria\ta.wav\tTarget\n", 1,
	           "line 1: the label 'Target' is none of target, nontarget, spoof:<kind>, -");
	assert_bad("maria\ta.wav\tspoof:\n", 1,
	           "line 1: the label 'spoof:' is none of target, nontarget, spoof:<kind>, -");
	assert_bad("maria\ta.wav\t\n", 1, "line 1: the label '' is none of target, nontarget, spoof:<kind>, -");
	assert_bad("maria\t\ttarget\n", 1, "line 1: the path is empty");
	assert_bad("\ta.wav\ttarget\n", 1, "line 1: the user name is empty: give a name of 1 to 64 bytes");
	assert_bad("../x\ta.wav\ttarget\n", 1, "line 1: the user name contains '/': use letters and digits");
	assert_bad("\xff\ta.wav\ttarget\n", 1, "line 1: the user name is not valid UTF-8");
}

static void nothing_in_it(void **state)
{
	trial_list *list = NULL;
	vu_error error;
	char expected[1024];

	(void)state;
	assert_int_equal(read_text("\n\n", 1, &list, &error), VU_INVALID_ARGUMENT);
	snprintf(expected, sizeof expected, "unable to use %s: there is nothing in it", path);
	assert_string_equal(error.message, expected);
}

static void long_lines_and_nul_bytes(void **state)
{
	char *text = malloc(TRIAL_LIST_LINE_MAX + 16);
	trial_list *list = NULL;
	vu_error error;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', TRIAL_LIST_LINE_MAX + 16);
	write_list(text, TRIAL_LIST_LINE_MAX + 16);
	assert_int_equal(trial_list_read(path, 1, &list, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "line 1: it is longer than 8190 bytes, or holds a NUL"));
	write_list("maria\ta.wav\0\ttarget\nx\ty\ttarget\n", 32);
	assert_int_equal(trial_list_read(path, 1, &list, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "line 1: it is longer than 8190 bytes, or holds a NUL"));
	free(text);
}

static void missing_and_wrong_files(void **state)
{
	trial_list *list = NULL;
	vu_error error;

	(void)state;
	assert_int_equal(trial_list_read("/nowhere/list.tsv", 1, &list, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to open /nowhere/list.tsv: No such file or directory");
	assert_int_equal(trial_list_read(folder, 1, &list, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "it is a folder"));
}

static void tables_hold_many_texts(void **state)
{
	text_table table = {0};
	char text[32];

	(void)state;
	assert_int_equal(text_table_find(&table, "x"), UINT32_MAX);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "text %u", i);
		assert_int_equal(text_table_add(&table, text), i);
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "text %u", i);
		assert_int_equal(text_table_add(&table, text), i);
		assert_int_equal(text_table_find(&table, text), i);
	}
	assert_int_equal(table.count, 5000);
	assert_int_equal(text_table_find(&table, "text 5000"), UINT32_MAX);
	text_table_clear(&table);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-list-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/list.tsv", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	remove(path);
	return remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trials_are_read),          cmocka_unit_test(enrolment_has_two_columns),
	    cmocka_unit_test(bad_lines_are_named),      cmocka_unit_test(nothing_in_it),
	    cmocka_unit_test(long_lines_and_nul_bytes), cmocka_unit_test(missing_and_wrong_files),
	    cmocka_unit_test(tables_hold_many_texts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
