/* Reading what evaluate wrote, and what is wrong with it. */
#include "judge.h"
#include "results.h"

#include "../../folder_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEADER            "user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score\n"
#define THRESHOLDS_HEADER "user\tpath\tconvenient\tstandard\tstrict\n"

static char folder[TEST_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	test_folder_create(folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static vu_status read_texts(const char *scores, const char *thresholds, results *out, vu_error *error)
{
	char scores_path[TEST_PATH_MAX], thresholds_path[TEST_PATH_MAX];

	test_file_create(folder, "scores", scores, 0600, scores_path);
	if (thresholds)
		test_file_create(folder, "thresholds", thresholds, 0600, thresholds_path);
	return results_read(scores_path, thresholds ? thresholds_path : NULL, out, error);
}

static void everything_is_read(void **state)
{
	results read;

	(void)state;
	assert_int_equal(read_texts(HEADER "a\tf1\ttarget\taccept\t2.5\t1\t1000\t1.7\n"
	                                   "b\tf1\tnontarget\treject\t-3\t1\t1000\t-3.1\n"
	                                   "b\tf2\tspoof:tts\tspoof\t4\t-5\t900\t-4.3\n"
	                                   "a\tf3\t-\tno_speech\tnan\tnan\t0\tnan\n"
	                                   "a\tf4\tnontarget\tunavailable\tnan\tnan\t0\tnan",
	                            THRESHOLDS_HEADER "a\tf1\t1\t2\t3\nb\tf1\t1\t2\t3\nb\tf2\t0.5\t2\t3\n"
	                                              "a\tf3\tnan\tnan\tnan\na\tf4\tnan\tnan\tnan\n",
	                            &read, NULL),
	                 VU_OK);
	assert_int_equal(read.count, 5);
	assert_int_equal(read.users.count, 2);
	assert_int_equal(read.files.count, 4);
	assert_int_equal(read.kinds.count, 1);
	assert_string_equal(read.kinds.texts[read.all[2].kind], "tts");
	assert_int_equal(read.all[1].user, 1);
	assert_int_equal(read.all[1].file, 0);
	/* f1 is a's voice, as its target says; nobody knows whose f4 is. */
	assert_int_equal(read.all[1].speaking, 0);
	assert_int_equal(read.all[4].speaking, RESULTS_NONE);
	assert_int_equal(read.all[0].verdict, RESULT_ACCEPT);
	assert_int_equal(read.all[2].verdict, RESULT_IS_SPOOF);
	assert_int_equal(read.all[3].verdict, RESULT_NO_SPEECH);
	assert_int_equal(read.all[4].verdict, RESULT_UNAVAILABLE);
	assert_true(isnan(read.all[3].score) && isnan(read.all[3].thresholds[1]));
	assert_true(read.all[2].thresholds[0] == 0.5);
	assert_true(read.has_thresholds);
	/* Accepted at convenient and standard, not at strict; the attack at none, whatever its score. */
	assert_true(result_is_accepted(&read.all[0], 0) && result_is_accepted(&read.all[0], 1) &&
	            !result_is_accepted(&read.all[0], 2));
	assert_false(result_is_accepted(&read.all[2], 0));
	assert_false(result_is_accepted(&read.all[3], 0));
	assert_int_equal(results_count_contradictions(&read, 1), 0);
	assert_int_equal(results_count_contradictions(&read, 2), 1);
	results_clear(&read);
}

static void without_thresholds_nothing_is_accepted(void **state)
{
	results read;

	(void)state;
	assert_int_equal(read_texts(HEADER "a\tf1\ttarget\taccept\t2.5\t1\t1000\t1.7\n", NULL, &read, NULL), VU_OK);
	assert_false(read.has_thresholds);
	assert_false(result_is_accepted(&read.all[0], 0));
	results_clear(&read);
}

static void assert_refused(const char *scores, const char *thresholds, const char *why)
{
	results read;
	vu_error error = {VU_OK, ""};

	assert_int_equal(read_texts(scores, thresholds, &read, &error), VU_INVALID_ARGUMENT);
	if (!strstr(error.message, why))
		fail_msg("'%s' does not say: %s", error.message, why);
	assert_int_equal(read.count, 0);
	assert_null(read.all);
}

static void lists_that_are_wrong(void **state)
{
	const char *good = HEADER "a\tf1\ttarget\taccept\t2.5\t1\t1000\t1.7\n";
	results read;
	vu_error error;

	(void)state;
	assert_refused("", NULL, "there is no trial in it");
	assert_refused(HEADER, NULL, "there is no trial in it");
	assert_refused("user\tpath\n", NULL, "line 1: it is not the header that evaluate writes");
	assert_refused(HEADER "a\tf1\ttarget\taccept\t2.5\t1\t1000\n", NULL, "line 2: there are not 8 columns");
	assert_refused(HEADER "a\tf1\ttarget\taccept\t2.5\t1\t1000\t1\t1\n", NULL, "line 2: there are not 8 columns");
	assert_refused(HEADER "a\tf1\ttarget\taccept\tx\t1\t1000\t1\n", NULL, "line 2: 'x' is no number");
	assert_refused(HEADER "a\tf1\tme\taccept\t1\t1\t1000\t1\n", NULL, "line 2: the label 'me' is none of");
	assert_refused(HEADER "a\tf1\tspoof:\taccept\t1\t1\t1000\t1\n", NULL, "line 2: the label 'spoof:'");
	assert_refused(good, "user\tpath\n", "line 1: it is not the header");
	assert_refused(good, THRESHOLDS_HEADER, "there is no trial in it");
	assert_refused(good, THRESHOLDS_HEADER "a\tf2\t1\t2\t3\n",
	               "line 2: it is not of the same trial as the score");
	assert_refused(good, THRESHOLDS_HEADER "a\tf1\t1\t2\t3\na\tf1\t1\t2\t3\n",
	               "line 3: there are more lines than trials");
	assert_refused(HEADER "a\tf1\ttarget\taccept\t2\t1\t9\t1\na\tf2\ttarget\taccept\t2\t1\t9\t1\n",
	               THRESHOLDS_HEADER "a\tf1\t1\t2\t3\n", "it ends before the trials do");
	assert_int_equal(results_read("/nowhere/scores", NULL, &read, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "/nowhere/scores"));
}

static void names_keep_their_numbers(void **state)
{
	names all = {0};
	char text[16];

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(text, sizeof text, "%u", i);
		assert_int_equal(names_add(&all, text), i);
	}
	assert_int_equal(names_add(&all, "7"), 7);
	assert_int_equal(names_add(&all, "7"), 7);
	assert_int_equal(names_find(&all, "299"), 299);
	assert_int_equal(names_find(&all, "300"), RESULTS_NONE);
	assert_int_equal(all.count, 300);
	names_clear(&all);
	assert_int_equal(names_find(&all, "7"), RESULTS_NONE);
}

static void groups_are_read(void **state)
{
	char path[TEST_PATH_MAX];
	grouping read;
	vu_error error;

	(void)state;
	test_file_create(folder, "groups", "a\tadults\nb\tchildren\nc\tadults\na\tadults\n", 0600, path);
	assert_int_equal(grouping_read(path, &read, NULL), VU_OK);
	assert_int_equal(read.people.count, 3);
	assert_int_equal(read.groups.count, 2);
	assert_string_equal(read.groups.texts[read.group_of[names_find(&read.people, "b")]], "children");
	assert_int_equal(read.group_of[0], read.group_of[2]);
	grouping_clear(&read);
	test_file_create(folder, "twice", "a\tadults\na\tchildren\n", 0600, path);
	assert_int_equal(grouping_read(path, &read, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "line 2: 'a' is in two groups"));
	test_file_create(folder, "bad", "a adults\n", 0600, path);
	assert_int_equal(grouping_read(path, &read, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "line 1: write person and group"));
	assert_int_equal(grouping_read("/nowhere/groups", &read, &error), VU_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(everything_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_thresholds_nothing_is_accepted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lists_that_are_wrong, set_up, tear_down),
	    cmocka_unit_test(names_keep_their_numbers),
	    cmocka_unit_test_setup_teardown(groups_are_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
