/* What the services answer, as checks: doubt never passes. */
#include "judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void quality_needs_speech_and_no_problem(void **state)
{
	float values[] = {1, 2, 3};
	Vu__SpeakerVector vector = VU__SPEAKER_VECTOR__INIT;
	Vu__Quality quality = VU__QUALITY__INIT;
	Vu__ExtractResponse features = VU__EXTRACT_RESPONSE__INIT;
	(void)state;

	assert_int_equal(vu_judge_quality(NULL, false), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_quality(&features, false), VU_CHECK_REFUSED);
	assert_int_equal(vu_judge_quality(&features, true), VU_CHECK_REFUSED);
	features.vector = &vector;
	assert_int_equal(vu_judge_quality(&features, true), VU_CHECK_REFUSED); /* a vector of nothing */
	vector.values = values;
	vector.n_values = 3;
	assert_int_equal(vu_judge_quality(&features, false), VU_CHECK_FAILED); /* no quality said */
	features.quality = &quality;
	assert_int_equal(vu_judge_quality(&features, false), VU_CHECK_PASSED);
	for (int problem = VU__QUALITY_PROBLEM__QUALITY_NO_SPEECH; problem <= VU__QUALITY_PROBLEM__QUALITY_TOO_NOISY;
	     problem++) {
		quality.problem = (Vu__QualityProblem)problem;
		assert_int_equal(vu_judge_quality(&features, false), VU_CHECK_REFUSED);
		assert_int_equal(vu_judge_quality(&features, true), VU_CHECK_PASSED);
	}
	values[1] = NAN;
	assert_int_equal(vu_judge_quality(&features, true), VU_CHECK_FAILED);
}

static void antispoof_passes_only_what_was_assessed_as_asked(void **state)
{
	Vu__AssessResponse answer = VU__ASSESS_RESPONSE__INIT;
	char high[] = "high";
	char low[] = "low";
	(void)state;

	assert_int_equal(vu_judge_antispoof(NULL, VU_ANTISPOOF_OFF), VU_CHECK_EXEMPT);
	assert_int_equal(vu_judge_antispoof(NULL, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_NOT_RUN);
	answer.verdict = VU__SPOOF_VERDICT__SPOOF_BONAFIDE;
	answer.level = high;
	answer.score = 2;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_PASSED);
	answer.level = low;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
	answer.level = high;
	answer.score = NAN;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
	answer.score = 2;
	answer.verdict = VU__SPOOF_VERDICT__SPOOF_SPOOF;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_REFUSED);
	answer.verdict = VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
	answer.verdict = VU__SPOOF_VERDICT__SPOOF_OFF; /* although it was asked */
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
	answer.verdict = (Vu__SpoofVerdict)42;
	assert_int_equal(vu_judge_antispoof(&answer, VU_ANTISPOOF_HIGH), VU_CHECK_FAILED);
}

static void a_score_passes_at_its_threshold(void **state)
{
	Vu__ScoreResponse score = VU__SCORE_RESPONSE__INIT;
	static const struct {
		float fused;
		float threshold;
		vu_check check;
	} TABLE[] = {
	    {1.0F, 1.0F, VU_CHECK_PASSED},  {1.5F, 1.0F, VU_CHECK_PASSED},   {0.999F, 1.0F, VU_CHECK_REFUSED},
	    {-5, -6, VU_CHECK_PASSED},      {NAN, 1, VU_CHECK_FAILED},       {1, NAN, VU_CHECK_FAILED},
	    {INFINITY, 1, VU_CHECK_FAILED}, {1, -INFINITY, VU_CHECK_FAILED}, {-INFINITY, 1, VU_CHECK_FAILED},
	};
	(void)state;
	assert_int_equal(vu_judge_score(NULL), VU_CHECK_FAILED);
	for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
		score.fused = TABLE[i].fused;
		score.threshold = TABLE[i].threshold;
		assert_int_equal(vu_judge_score(&score), TABLE[i].check);
	}
}

static void an_identity_needs_a_name_and_a_score(void **state)
{
	Vu__IdentifyResponse identity = VU__IDENTIFY_RESPONSE__INIT;
	char anna[] = "anna";
	(void)state;
	assert_int_equal(vu_judge_identity(NULL), VU_CHECK_FAILED);
	identity.score = 9;
	assert_int_equal(vu_judge_identity(&identity), VU_CHECK_REFUSED);
	identity.user = anna;
	assert_int_equal(vu_judge_identity(&identity), VU_CHECK_PASSED);
	identity.threshold = 10;
	assert_int_equal(vu_judge_identity(&identity), VU_CHECK_REFUSED);
	identity.score = NAN;
	assert_int_equal(vu_judge_identity(&identity), VU_CHECK_FAILED);
}

static void a_missing_device_is_no_speech_and_a_broken_service_is_unavailable(void **state)
{
	(void)state;
	assert_int_equal(vu_judge_session_error(VU_NOT_FOUND), VU_CHECK_REFUSED);
	assert_int_equal(vu_judge_session_error(VU_FAILED_PRECONDITION), VU_CHECK_REFUSED);
	assert_int_equal(vu_judge_session_error(VU_UNAVAILABLE), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_session_error(VU_ABORTED), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_session_error(VU_DEADLINE_EXCEEDED), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_session_error(VU_INTERNAL), VU_CHECK_FAILED);
	assert_int_equal(vu_judge_session_error((vu_status)99), VU_CHECK_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(quality_needs_speech_and_no_problem),
	    cmocka_unit_test(antispoof_passes_only_what_was_assessed_as_asked),
	    cmocka_unit_test(a_score_passes_at_its_threshold),
	    cmocka_unit_test(an_identity_needs_a_name_and_a_score),
	    cmocka_unit_test(a_missing_device_is_no_speech_and_a_broken_service_is_unavailable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
