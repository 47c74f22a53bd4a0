/* Joining detectors fails closed in every combination of what a detector can do. */
#include "assessment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* What a scripted detector does; `shared` points to one. */
typedef struct script {
	vu_status create;
	vu_status finish;
	bool ran;
	float score;
	size_t pushed;
} script;

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	script *s = shared;
	*detector_out = (vu_detector *)s;
	return s->create == VU_OK ? VU_OK : vu_fail(error, s->create, "cannot create");
}
static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	(void)samples;
	((script *)detector)->pushed += count;
}
static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	script *s = (script *)detector;
	(void)context;
	(void)level;
	result->ran = s->ran;
	result->score = s->score;
	result->threshold = 1;
	return s->finish == VU_OK ? VU_OK : vu_fail(error, s->finish, "cannot finish");
}
static void destroy(vu_detector *detector)
{
	(void)detector;
}

static const vu_detector_kind LOW = {"low", VU_ANTISPOOF_LOW, false, create, push, finish, destroy};
static const vu_detector_kind HIGH = {"high", VU_ANTISPOOF_HIGH, false, create, push, finish, destroy};
static const vu_detector_kind MEMORY = {"memory", VU_ANTISPOOF_LOW, true, create, push, finish, destroy};

static vu_assessment_result assess(const vu_detector_entry *entries, size_t count, vu_antispoof_level level,
                                   bool isolated)
{
	vu_attempt_context context = {.attempt_id = "x", .isolated = isolated};
	vu_assessment *assessment;
	vu_assessment_result result;
	int16_t samples[10] = {0};

	assert_int_equal(vu_assessment_create(entries, count, level, &context, &assessment), VU_OK);
	vu_assessment_push(assessment, samples, 10);
	vu_assessment_finish(assessment, &result);
	vu_assessment_destroy(assessment);
	return result;
}

static const script PASSES = {VU_OK, VU_OK, true, 2, 0};
static const script REFUSES = {VU_OK, VU_OK, true, 0.5F, 0};
static const script ABSENT = {VU_UNAVAILABLE, VU_OK, true, 2, 0};
static const script BREAKS = {VU_OK, VU_INTERNAL, true, 2, 0};
static const script SILENT = {VU_OK, VU_OK, false, 0, 0};
static const script NOT_A_NUMBER = {VU_OK, VU_OK, true, NAN, 0};

static void test_every_pair_fails_closed(void **state)
{
	const struct {
		const script *script;
		vu_assessment_verdict alone;
	} cases[] = {
	    {&PASSES, VU_ASSESSMENT_BONAFIDE},    {&REFUSES, VU_ASSESSMENT_SPOOF},
	    {&ABSENT, VU_ASSESSMENT_UNAVAILABLE}, {&BREAKS, VU_ASSESSMENT_UNAVAILABLE},
	    {&SILENT, VU_ASSESSMENT_UNKNOWN},     {&NOT_A_NUMBER, VU_ASSESSMENT_UNAVAILABLE},
	};
	size_t count = sizeof cases / sizeof cases[0];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			script a = *cases[i].script;
			script b = *cases[j].script;
			vu_detector_entry entries[] = {{&LOW, &a}, {&HIGH, &b}};
			vu_assessment_verdict got = assess(entries, 2, VU_ANTISPOOF_HIGH, false).verdict;
			vu_assessment_verdict one = cases[i].alone;
			vu_assessment_verdict two = cases[j].alone;
			if (one == VU_ASSESSMENT_UNAVAILABLE || two == VU_ASSESSMENT_UNAVAILABLE)
				assert_int_equal(got, VU_ASSESSMENT_UNAVAILABLE);
			else if (one == VU_ASSESSMENT_SPOOF || two == VU_ASSESSMENT_SPOOF)
				assert_int_equal(got, VU_ASSESSMENT_SPOOF);
			else if (one == VU_ASSESSMENT_BONAFIDE || two == VU_ASSESSMENT_BONAFIDE)
				assert_int_equal(got, VU_ASSESSMENT_BONAFIDE);
			else
				assert_int_equal(got, VU_ASSESSMENT_UNKNOWN);
		}
	}
}

static void test_levels_choose_detectors(void **state)
{
	script low = PASSES;
	script high = PASSES;
	script memory = PASSES;
	vu_detector_entry entries[] = {{&LOW, &low}, {&HIGH, &high}, {&MEMORY, &memory}};

	(void)state;
	assert_int_equal(assess(entries, 3, VU_ANTISPOOF_LOW, false).detector_count, 2);
	assert_int_equal(assess(entries, 3, VU_ANTISPOOF_MAXIMUM, false).detector_count, 3);
	assert_int_equal(assess(entries, 3, VU_ANTISPOOF_HIGH, true).detector_count, 2);
	assert_int_equal(memory.pushed, 20);
}

static void test_fused_score_turns_at_refusal(void **state)
{
	script a = PASSES;
	script b = REFUSES;
	vu_detector_entry entries[] = {{&LOW, &a}, {&LOW, &b}};
	vu_assessment_result result = assess(entries, 2, VU_ANTISPOOF_LOW, false);

	(void)state;
	assert_true(fabsf(result.score + 0.5F) < 1e-6F);
	assert_non_null(strstr(result.reason, "low"));
	/* What passes is worth its weakest evidence, and never less than nothing. */
	b = PASSES;
	assert_true(fabsf(assess(entries, 2, VU_ANTISPOOF_LOW, false).score - logf(1 + expf(2))) < 1e-5F);
	a.score = 40;
	assert_true(fabsf(assess(entries, 2, VU_ANTISPOOF_LOW, false).score - logf(1 + expf(2))) < 1e-5F);
	b.score = 30;
	assert_true(assess(entries, 2, VU_ANTISPOOF_LOW, false).score == 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_pair_fails_closed),
	    cmocka_unit_test(test_levels_choose_detectors),
	    cmocka_unit_test(test_fused_score_turns_at_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
