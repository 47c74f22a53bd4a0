/* The figures and the list of results of evaluations that were made up, worked out by hand. */
#include "evaluation.h"

#include "ml/trial_scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static char path[128];

/* Two people, three files of theirs, two attacks; "a3" cannot be read. */
static const char TRIALS[] = "a\ta1\ttarget\n"
                             "b\ta1\tnontarget\n"
                             "a\ta2\ttarget\n"
                             "b\tb1\ttarget\n"
                             "a\tb1\tnontarget\n"
                             "a\tx1\tspoof:tts\n"
                             "b\tx1\tspoof:tts\n"
                             "b\tx2\tspoof:vc\n"
                             "a\ta3\ttarget\n"
                             "a\tu1\t-\n";
#define COUNT 10

static evaluation_data data;
static trial_list *trials;
static trial_list *enroll;

static void set(size_t index, voiceunlock_verdict verdict, double score, voiceunlock_spoof_verdict spoof,
                double antispoof_score)
{
	data.results[index] = (evaluation_result){.verdict = verdict,
	                                          .spoof_verdict = spoof,
	                                          .score = score,
	                                          .antispoof_score = antispoof_score,
	                                          .fused_score = vu_fuse_speaker_antispoof(score, antispoof_score),
	                                          .thresholds = {0.1f, 2.5, NAN},
	                                          .speech_ms = 1000};
}

static trial_list *read_list(const char *text, int with_labels)
{
	FILE *file = fopen(path, "w");
	trial_list *list = NULL;

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(trial_list_read(path, with_labels, &list, NULL), VU_OK);
	return list;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-evaluation-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/list", folder);
	trials = read_list(TRIALS, 1);
	enroll = read_list("a\ta0\nb\tb0\n", 0);
	data = (evaluation_data){.trials = trials, .enroll = enroll, .users_enrolled = 2, .level = "strict"};
	data.results = calloc(COUNT, sizeof *data.results);
	data.file_unreadable = calloc(trials->files.count, sizeof *data.file_unreadable);
	set(0, VOICEUNLOCK_ACCEPT, 5, VOICEUNLOCK_SPOOF_BONAFIDE, 2);
	set(1, VOICEUNLOCK_REJECT, -4, VOICEUNLOCK_SPOOF_BONAFIDE, 2);
	set(2, VOICEUNLOCK_SPOOF, 4, VOICEUNLOCK_SPOOF_SPOOF, -1);
	set(3, VOICEUNLOCK_ACCEPT, 6, VOICEUNLOCK_SPOOF_BONAFIDE, 3);
	set(4, VOICEUNLOCK_ACCEPT, 4.5, VOICEUNLOCK_SPOOF_BONAFIDE, 3);
	set(5, VOICEUNLOCK_SPOOF, 3, VOICEUNLOCK_SPOOF_SPOOF, -5);
	set(6, VOICEUNLOCK_SPOOF, -9, VOICEUNLOCK_SPOOF_SPOOF, -5);
	set(7, VOICEUNLOCK_ACCEPT, 7, VOICEUNLOCK_SPOOF_BONAFIDE, 1);
	set(8, VOICEUNLOCK_NO_SPEECH, NAN, VOICEUNLOCK_SPOOF_UNKNOWN, NAN);
	set(9, VOICEUNLOCK_REJECT, 0, VOICEUNLOCK_SPOOF_BONAFIDE, 2);
	data.file_unreadable[trials->trials[8].file] = true;
	data.files_unreadable = 1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	evaluation_clear(&data);
	trial_list_free(trials);
	trial_list_free(enroll);
	remove(path);
	return rmdir(folder);
}

static double figure(const json_t *figures, const char *part, const char *key)
{
	const json_t *value = json_object_get(json_object_get(figures, part), key);

	if (!json_is_number(value))
		fail_msg("%s.%s is no number", part, key);
	return json_number_value(value);
}

#define FIGURE(part, key, expected)                                                                                  \
	do {                                                                                                         \
		double actual = figure(figures, part, key);                                                          \
		if (fabs(actual - (expected)) > 1e-9)                                                                \
			fail_msg("%s.%s is %.9f, not %.9f", part, key, actual, (double)(expected));                  \
	} while (0)

static void figures_of_everything(void **state)
{
	json_t *figures = evaluation_figures(&data);
	const json_t *kinds, *kind;

	(void)state;
	assert_non_null(figures);
	FIGURE("trials", "total", 10);
	FIGURE("trials", "target", 4);
	FIGURE("trials", "nontarget", 2);
	FIGURE("trials", "spoof", 3);
	FIGURE("trials", "unlabelled", 1);
	FIGURE("trials", "without_score", 1);
	/* Targets 4 5 6, others -4 4.5: after 4 FRR 1/3 and FAR 1/2, after 4.5 FRR 1/3 and FAR 0. */
	FIGURE("speaker", "eer", 1.0 / 3);
	FIGURE("speaker", "targets", 3);
	FIGURE("speaker", "nontargets", 2);
	FIGURE("speaker", "frr_at_far_1", 1.0 / 3);
	/* The unreadable file is no decision. */
	FIGURE("decisions", "targets", 3);
	FIGURE("decisions", "false_rejects", 1);
	FIGURE("decisions", "frr", 1.0 / 3);
	FIGURE("decisions", "false_accepts", 1);
	FIGURE("decisions", "far", 0.5);
	FIGURE("decisions", "spoof_accepts", 1);
	FIGURE("decisions", "spoof_far", 1.0 / 3);
	assert_string_equal(json_string_value(json_object_get(json_object_get(figures, "decisions"), "level")),
	                    "strict");
	/* By file: a1, a2 (refused), b1 are genuine; x1 (found) and x2 (passed) are attacks. */
	FIGURE("antispoof", "files", 3);
	FIGURE("antispoof", "refused", 1);
	FIGURE("antispoof", "bpcer", 1.0 / 3);
	kinds = json_object_get(json_object_get(figures, "antispoof"), "kinds");
	assert_int_equal(json_array_size(kinds), 2);
	kind = json_array_get(kinds, 0);
	assert_string_equal(json_string_value(json_object_get(kind, "kind")), "tts");
	assert_int_equal(json_integer_value(json_object_get(kind, "files")), 1);
	assert_true(json_number_value(json_object_get(kind, "apcer")) == 0.0);
	assert_true(json_number_value(json_object_get(kind, "eer")) == 0.0);
	kind = json_array_get(kinds, 1);
	assert_true(json_number_value(json_object_get(kind, "apcer")) == 1.0);
	/* Genuine -1 2 3 against 1: FRR 1/3 when the attack is still in, and when it is out. */
	assert_true(fabs(json_number_value(json_object_get(kind, "eer")) - 1.0 / 3) < 1e-9);
	kind = json_object_get(json_object_get(figures, "antispoof"), "all");
	assert_true(json_number_value(json_object_get(kind, "apcer")) == 0.5);
	assert_true(figure(figures, "both", "sasv_eer") > 0);
	json_decref(figures);
}

static void nothing_to_judge(void **state)
{
	json_t *figures;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		set(i, VOICEUNLOCK_VERDICT_UNAVAILABLE, NAN, VOICEUNLOCK_SPOOF_UNKNOWN, NAN);
	figures = evaluation_figures(&data);
	assert_non_null(figures);
	assert_true(json_is_null(json_object_get(json_object_get(figures, "speaker"), "eer")));
	assert_true(json_is_null(json_object_get(json_object_get(figures, "decisions"), "far")));
	assert_non_null(out);
	evaluation_print_figures(figures, out);
	fclose(out);
	assert_non_null(strstr(text, "no figures"));
	assert_non_null(strstr(text, "not judged"));
	free(text);
	json_decref(figures);
}

static void results_are_written(void **state)
{
	char written[160];
	char line[256];
	FILE *file;
	vu_error error;

	(void)state;
	snprintf(written, sizeof written, "%s/out", folder);
	assert_int_equal(evaluation_write(&data, written, NULL), VU_OK);
	file = fopen(written, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	assert_string_equal(line, "user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score\n");
	assert_non_null(fgets(line, sizeof line, file));
	/* -log(0.5 exp(-5) + 0.5 exp(-2)) = 2.64456 */
	assert_string_equal(line, "a\ta1\ttarget\taccept\t5\t2\t1000\t2.64456\n");
	for (int i = 0; i < 5; i++)
		assert_non_null(fgets(line, sizeof line, file));
	assert_memory_equal(line, "a\tx1\tspoof:tts\tspoof\t3\t-5\t", 24);
	for (int i = 0; i < 3; i++)
		assert_non_null(fgets(line, sizeof line, file));
	assert_string_equal(line, "a\ta3\ttarget\tno_speech\tnan\tnan\t1000\tnan\n");
	assert_non_null(fgets(line, sizeof line, file));
	assert_null(fgets(line, sizeof line, file));
	fclose(file);
	remove(written);
	assert_int_equal(evaluation_write(&data, "/nowhere/out", &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "/nowhere/out"));
}

static void thresholds_are_written(void **state)
{
	char written[160];
	char line[256];
	FILE *file;
	unsigned lines = 0;
	vu_error error;

	(void)state;
	snprintf(written, sizeof written, "%s/thresholds", folder);
	assert_int_equal(evaluation_write_thresholds(&data, written, NULL), VU_OK);
	file = fopen(written, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	assert_string_equal(line, "user\tpath\tconvenient\tstandard\tstrict\n");
	assert_non_null(fgets(line, sizeof line, file));
	/* In full: read back as a float it is the same. */
	assert_string_equal(line, "a\ta1\t0.100000001\t2.5\tnan\n");
	assert_true(strtof("0.100000001", NULL) == 0.1f);
	while (fgets(line, sizeof line, file))
		lines++;
	assert_int_equal(lines, COUNT - 1);
	fclose(file);
	remove(written);
	assert_int_equal(evaluation_write_thresholds(&data, "/nowhere/out", &error), VU_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(figures_of_everything, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nothing_to_judge, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(results_are_written, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(thresholds_are_written, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
