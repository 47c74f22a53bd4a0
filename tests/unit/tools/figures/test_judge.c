/* Figures of a list that was made up, worked out by hand; the tables and the plot of them. */
#include "det.h"
#include "judge.h"
#include "words.h"

#include "ml/rates.h"

#include "../../folder_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Three people: a and b are adults, c is a child. a2 is refused as a fake, c2 holds no speech, b2 got no answer. */
static const char SCORES[] = "user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score\n"
                             "a\ta1\ttarget\taccept\t5\t2\t1000\t2.6\n"
                             "b\ta1\tnontarget\treject\t-4\t2\t1000\t-3.3\n"
                             "c\ta1\tnontarget\treject\t1.5\t2\t1000\t1.7\n"
                             "a\ta2\ttarget\tspoof\t4\t-1\t1000\t-0.3\n"
                             "b\tb1\ttarget\treject\t1\t3\t1000\t1.5\n"
                             "a\tb1\tnontarget\taccept\t2.5\t3\t1000\t2.7\n"
                             "b\tb2\ttarget\tunavailable\tnan\tnan\t0\tnan\n"
                             "c\tc1\ttarget\taccept\t6\t3\t1000\t3.6\n"
                             "c\tc2\ttarget\tno_speech\tnan\tnan\t0\tnan\n"
                             "a\tc1\tnontarget\treject\t-9\t3\t1000\t-8.3\n"
                             "a\tx1\tspoof:tts\tspoof\t3\t-5\t1000\t-4.3\n"
                             "b\tx1\tspoof:tts\tspoof\t-9\t-5\t1000\t-8.3\n"
                             "b\tx2\tspoof:vc\taccept\t7\t1\t1000\t1.6\n"
                             "a\tu1\t-\treject\t0\t2\t1000\t0.6\n";
/* At 0.5, 2 and 5.5. */
#define THRESHOLDS "\t0.5\t2\t5.5\n"
static const char *const TRIALS[] = {"a\ta1", "b\ta1", "c\ta1", "a\ta2", "b\tb1", "a\tb1", "b\tb2",
                                     "c\tc1", "c\tc2", "a\tc1", "a\tx1", "b\tx1", "b\tx2", "a\tu1"};

static char folder[TEST_PATH_MAX];
static results list;
static grouping groups;

static int set_up(void **state)
{
	char thresholds[2048] = "user\tpath\tconvenient\tstandard\tstrict\n";
	char scores_path[TEST_PATH_MAX], thresholds_path[TEST_PATH_MAX], groups_path[TEST_PATH_MAX];

	(void)state;
	test_folder_create(folder);
	for (size_t i = 0; i < sizeof TRIALS / sizeof *TRIALS; i++) {
		strcat(thresholds, TRIALS[i]);
		strcat(thresholds, THRESHOLDS);
	}
	test_file_create(folder, "scores", SCORES, 0600, scores_path);
	test_file_create(folder, "thresholds", thresholds, 0600, thresholds_path);
	test_file_create(folder, "groups", "a\tadults\nb\tadults\nc\tchildren\nz\tghosts\n", 0600, groups_path);
	assert_int_equal(results_read(scores_path, thresholds_path, &list, NULL), VU_OK);
	assert_int_equal(grouping_read(groups_path, &groups, NULL), VU_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	results_clear(&list);
	grouping_clear(&groups);
	test_folder_remove(folder);
	return 0;
}

static double figure(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_number(value))
		fail_msg("%s is no number", key);
	return json_number_value(value);
}

#define FIGURE(json, key, expected)                                                                                  \
	do {                                                                                                         \
		double actual = figure(json, key);                                                                   \
		if (fabs(actual - (expected)) > 1e-9)                                                                \
			fail_msg("%s is %.9f, not %.9f", key, actual, (double)(expected));                           \
	} while (0)

static void recognition(void **state)
{
	json_t *figures = judge_condition("given", &list, NULL);
	const json_t *part;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(figures, "condition")), "given");
	part = json_object_get(figures, "trials");
	FIGURE(part, "total", 14);
	FIGURE(part, "target", 6);
	FIGURE(part, "nontarget", 4);
	FIGURE(part, "spoof", 3);
	FIGURE(part, "unlabelled", 1);
	FIGURE(part, "files", 9);
	FIGURE(part, "without_score", 2);
	FIGURE(part, "unanswered", 1);
	part = json_object_get(figures, "speaker");
	/* Targets 1 4 5 6 against -9 -4 1.5 2.5: behind 1 FRR 1/4 and FAR 1/2, behind 1.5 1/4 and 1/4. */
	FIGURE(part, "targets", 4);
	FIGURE(part, "nontargets", 4);
	FIGURE(part, "eer", 0.25);
	FIGURE(part, "frr_at_far_1", 0.25);
	assert_true(figure(part, "eer_low") <= 0.25 && figure(part, "eer_high") >= 0.25);
	assert_null(json_object_get(figures, "groups"));
	json_decref(figures);
}

static void decisions(void **state)
{
	json_t *figures = judge_condition("given", &list, NULL);
	const json_t *levels = json_object_get(figures, "levels"), *level;
	double low, high;

	(void)state;
	assert_int_equal(json_array_size(levels), 3);
	/* b2 got no answer and is left out: five targets. a2 is a spoof and c2 not heard at any level. */
	level = json_array_get(levels, 0);
	assert_string_equal(json_string_value(json_object_get(level, "level")), "convenient");
	assert_true(json_is_false(json_object_get(level, "extrapolated")));
	FIGURE(level, "targets", 5);
	FIGURE(level, "false_rejects", 2);
	FIGURE(level, "refused_as_spoof", 1);
	FIGURE(level, "refused_without_speech", 1);
	FIGURE(level, "nontargets", 4);
	FIGURE(level, "false_accepts", 2);
	FIGURE(level, "far", 0.5);
	FIGURE(level, "spoof_accepts", 1);
	FIGURE(level, "spoofs", 3);
	level = json_array_get(levels, 1);
	FIGURE(level, "frr", 3.0 / 5);
	FIGURE(level, "far", 0.25);
	vu_wilson_interval(1, 4, 0.95, &low, &high);
	FIGURE(level, "far_low", low);
	FIGURE(level, "far_high", high);
	level = json_array_get(levels, 2);
	assert_true(json_is_true(json_object_get(level, "extrapolated")));
	FIGURE(level, "false_rejects", 4);
	FIGURE(level, "false_accepts", 0);
	FIGURE(level, "spoof_accepts", 1);
	json_decref(figures);
}

static void spread_over_people(void **state)
{
	json_t *figures = judge_condition("given", &list, NULL);
	const json_t *people = json_object_get(figures, "people"), *each = json_object_get(people, "each");

	(void)state;
	/* At standard a is refused once of twice, b always, c once of twice. */
	FIGURE(people, "count", 3);
	FIGURE(people, "median_frr", 0.5);
	FIGURE(people, "worst_frr", 1);
	assert_string_equal(json_string_value(json_object_get(people, "worst_frr_person")), "b");
	FIGURE(people, "worst_far", 0.5);
	assert_string_equal(json_string_value(json_object_get(people, "worst_far_person")), "a");
	assert_int_equal(json_array_size(each), 3);
	FIGURE(json_array_get(each, 1), "targets", 1);
	json_decref(figures);
}

static void groups_among_themselves(void **state)
{
	json_t *figures = judge_condition("given", &list, &groups);
	const json_t *judged = json_object_get(figures, "groups"), *group;

	(void)state;
	/* Ghosts are not there. */
	assert_int_equal(json_array_size(judged), 2);
	group = json_array_get(judged, 0);
	assert_string_equal(json_string_value(json_object_get(group, "group")), "adults");
	FIGURE(group, "people", 2);
	/* a as b and b as a; what c says or is claimed as does not count. */
	FIGURE(json_object_get(group, "speaker"), "targets", 3);
	FIGURE(json_object_get(group, "speaker"), "nontargets", 2);
	FIGURE(json_array_get(json_object_get(group, "levels"), 1), "false_accepts", 1);
	FIGURE(json_array_get(json_object_get(group, "levels"), 1), "targets", 3);
	group = json_array_get(judged, 1);
	assert_string_equal(json_string_value(json_object_get(group, "group")), "children");
	FIGURE(json_object_get(group, "speaker"), "nontargets", 0);
	assert_true(json_is_null(json_object_get(json_object_get(group, "speaker"), "eer")));
	json_decref(figures);
}

static void attacks(void **state)
{
	json_t *figures = judge_condition("given", &list, NULL);
	const json_t *part = json_object_get(figures, "attacks"), *kinds = json_object_get(part, "kinds");

	(void)state;
	/* By file: a1 b1 c1 pass, a2 does not; x1 is found, x2 passes. */
	FIGURE(part, "genuine_files", 4);
	FIGURE(part, "refused", 1);
	FIGURE(part, "bpcer", 0.25);
	FIGURE(part, "files", 2);
	FIGURE(part, "apcer", 0.5);
	/* Genuine -1 2 3 3 against -5 1: behind -1 FRR 1/4, FAR 1/2; behind 1 FRR 1/4, FAR 0. */
	FIGURE(part, "eer", 0.25);
	assert_int_equal(json_array_size(kinds), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(kinds, 0), "kind")), "tts");
	FIGURE(json_array_get(kinds, 0), "apcer", 0);
	FIGURE(json_array_get(kinds, 0), "eer", 0);
	FIGURE(json_array_get(kinds, 1), "apcer", 1);
	FIGURE(json_array_get(kinds, 1), "eer", 0.25);
	part = json_object_get(figures, "both");
	/*
	 * Targets -0.3 1.5 2.6 3.6; others -8.3 -3.3 1.7 2.7; fakes -8.3 -4.3 1.6. Of seven, behind -0.3 three are
	 * in (FRR 1/4, FAR 3/7), behind 1.5 FRR 1/2: where FRR = 3/7.
	 */
	FIGURE(part, "sasv_eer", 3.0 / 7);
	/*
	 * Over 0.9: behind -0.3 0.225 + 0.5 x 2/4 + 1 x 1/3 = 0.808; behind 1.6 0.45 + 0.25 = 0.7; behind 1.7
	 * 0.45 + 0.125 = 0.575; behind 2.7 0.675.
	 */
	FIGURE(part, "min_a_dcf", 0.575 / 0.9);
	json_decref(figures);
}

static char *drawn(const det_curve *curves, size_t count)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	assert_true(det_draw("a <list> & more", curves, count, out));
	assert_int_equal(fclose(out), 0);
	return text;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		count++;
	return count;
}

static void the_plot(void **state)
{
	const double lone = 1;
	const bool is_target = true;
	vu_scores *speaker = judge_collect(&list, JUDGE_SPEAKER), *nobody = NULL;
	char *text, *again, circle[64];
	double at;

	(void)state;
	assert_int_equal(vu_scores_create(&lone, &is_target, 1, &nobody, NULL), VU_OK);
	const det_curve curves[] = {{"3s", speaker}, {"3s-10dB", speaker}, {"2s-10dB", speaker}, {"2s", nobody}};
	text = drawn(curves, 4);
	again = drawn(curves, 4);
	assert_string_equal(text, again);
	assert_memory_equal(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39);
	assert_non_null(strstr(text, "a &lt;list&gt; &amp; more"));
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	assert_int_equal(count_of(text, "clip-path"), 3);
	assert_int_equal(count_of(text, "EER 25.00 %"), 3);
	assert_int_equal(count_of(text, "no figures"), 1);
	/* 3s and 3s-10dB differ in colour, 3s-10dB and 2s-10dB in dashes. */
	assert_int_equal(count_of(text, "stroke=\"#000000\" stroke-width=\"1.7\""), 1);
	assert_int_equal(count_of(text, "stroke=\"#0072b2\" stroke-width=\"1.7\" stroke-linejoin=\"round\" d="), 1);
	assert_int_equal(
	    count_of(text, "stroke=\"#0072b2\" stroke-width=\"1.7\" stroke-linejoin=\"round\" stroke-dasharray="), 1);
	/* The EER lies on the diagonal, at the normal deviate of 25 %. */
	at = (vu_normal_deviate(0.25) - vu_normal_deviate(DET_SHARE_MIN)) /
	     (vu_normal_deviate(DET_SHARE_MAX) - vu_normal_deviate(DET_SHARE_MIN));
	snprintf(circle, sizeof circle, "<circle cx=\"%.1f\" cy=\"%.1f\"", 74 + 640 * at, 56 + 640 * (1 - at));
	assert_int_equal(count_of(text, circle), 3);
	free(again);
	free(text);
	vu_scores_destroy(nobody);
	vu_scores_destroy(speaker);
}

static void the_tables(void **state)
{
	json_t *figures = judge_condition("given", &list, &groups);
	json_t *whole = json_pack("{s:s, s:[o]}", "name", "made-up", "conditions", figures);
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(whole);
	assert_non_null(out);
	words_print_details(whole, out);
	words_print_heading(out);
	words_print_summary(whole, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "made-up: 14 trials of 9 files (6 target, 4 nontarget, 3 attacks)"));
	assert_non_null(strstr(text, "2 without a score, 1 without an answer"));
	assert_non_null(strstr(text, "refused most often: b (100.0 %); passed as most often: a (50.0 %)"));
	assert_non_null(strstr(text, "BPCER 25.0 ("));
	assert_non_null(strstr(text, "SASV-EER 42.9 %, least a-DCF 0.639"));
	assert_non_null(strstr(text, "accepted at strict: 1 of 3 attacks (33.3 %"));
	assert_non_null(strstr(text, "extrapolated"));
	assert_null(strstr(text, "nan"));
	free(text);
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(recognition, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(decisions, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(spread_over_people, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(groups_among_themselves, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(attacks, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_plot, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_tables, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
