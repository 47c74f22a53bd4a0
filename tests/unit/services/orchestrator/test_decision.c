/* The whole table of the decision, against the precedence written another way. */
#include "decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What holds of the evidence, each on its own; the strongest wins. */
static Vu__Verdict expected(const vu_evidence *e)
{
	const vu_check all[] = {e->lockout, e->enrolled, e->quality, e->antispoof, e->speaker, e->record};
	bool holds[8] = {false};

	holds[VU__VERDICT__VERDICT_LOCKED] = e->lockout == VU_CHECK_REFUSED;
	holds[VU__VERDICT__VERDICT_NOT_ENROLLED] = e->enrolled == VU_CHECK_REFUSED;
	holds[VU__VERDICT__VERDICT_NO_SPEECH] = e->quality == VU_CHECK_REFUSED;
	holds[VU__VERDICT__VERDICT_SPOOF] = e->antispoof == VU_CHECK_REFUSED;
	holds[VU__VERDICT__VERDICT_REJECT] = e->speaker == VU_CHECK_REFUSED;
	for (size_t i = 0; i < 6; i++) {
		bool judges_voice = i == 3 || i == 4;
		bool may_be_exempt = i == 0 || i == 3 || i == 5;
		bool missing = all[i] == VU_CHECK_NOT_RUN || (all[i] == VU_CHECK_EXEMPT && !may_be_exempt);
		if (all[i] == VU_CHECK_FAILED)
			holds[VU__VERDICT__VERDICT_UNAVAILABLE] = true;
		/* A voice that was not there need not have been judged. */
		if (missing && !(judges_voice && e->quality == VU_CHECK_REFUSED))
			holds[VU__VERDICT__VERDICT_UNAVAILABLE] = true;
	}
	/* A record is kept or not; "refused" is no such answer. */
	if (e->record == VU_CHECK_REFUSED)
		holds[VU__VERDICT__VERDICT_UNAVAILABLE] = true;
	for (int verdict = VU__VERDICT__VERDICT_LOCKED; verdict > VU__VERDICT__VERDICT_ACCEPT; verdict--) {
		if (holds[verdict])
			return (Vu__Verdict)verdict;
	}
	return VU__VERDICT__VERDICT_ACCEPT;
}

static void every_combination_follows_the_precedence(void **state)
{
	unsigned accepts = 0;
	(void)state;

	for (int n = 0;
	     n < VU_CHECK_COUNT * VU_CHECK_COUNT * VU_CHECK_COUNT * VU_CHECK_COUNT * VU_CHECK_COUNT * VU_CHECK_COUNT;
	     n++) {
		int rest = n;
		vu_check marks[6];
		for (int i = 0; i < 6; i++) {
			marks[i] = (vu_check)(rest % VU_CHECK_COUNT);
			rest /= VU_CHECK_COUNT;
		}
		vu_evidence evidence = {marks[0], marks[1], marks[2], marks[3], marks[4], marks[5], VU_CHECK_NOT_RUN};
		Vu__Verdict verdict = vu_decide(&evidence);
		if (verdict != expected(&evidence))
			fail_msg(
			    "lockout %d enrolled %d quality %d antispoof %d speaker %d record %d: %s, expected %s",
			    marks[0], marks[1], marks[2], marks[3], marks[4], marks[5], vu_verdict_name(verdict),
			    vu_verdict_name(expected(&evidence)));
		accepts += verdict == VU__VERDICT__VERDICT_ACCEPT;
	}
	/* Passed or exempt for lockout, antispoof and record, passed for the rest: nothing else. */
	assert_int_equal(accepts, 8);
}

static void nothing_checked_is_no_accept(void **state)
{
	vu_evidence evidence = {0};
	(void)state;
	assert_int_equal(vu_decide(&evidence), VU__VERDICT__VERDICT_UNAVAILABLE);
}

static void marks_out_of_range_are_no_accept(void **state)
{
	vu_evidence good = {VU_CHECK_PASSED, VU_CHECK_PASSED, VU_CHECK_PASSED, VU_CHECK_PASSED,
	                    VU_CHECK_PASSED, VU_CHECK_PASSED, VU_CHECK_NOT_RUN};
	(void)state;
	assert_int_equal(vu_decide(&good), VU__VERDICT__VERDICT_ACCEPT);
	for (int i = 0; i < 6; i++) {
		static const int ODD[] = {VU_CHECK_COUNT, 77, INT32_MAX};
		for (size_t j = 0; j < sizeof ODD / sizeof *ODD; j++) {
			vu_evidence bad = good;
			vu_check *marks[] = {&bad.lockout,   &bad.enrolled, &bad.quality,
			                     &bad.antispoof, &bad.speaker,  &bad.record};
			*marks[i] = (vu_check)ODD[j];
			assert_int_equal(vu_decide(&bad), VU__VERDICT__VERDICT_UNAVAILABLE);
		}
	}
}

/* A challenge that could not be put: nobody was asked to speak, and no other check makes up for it. */
static void a_challenge_that_cannot_be_put_is_a_spoof(void **state)
{
	vu_evidence unheard = {.lockout = VU_CHECK_PASSED,
	                       .enrolled = VU_CHECK_PASSED,
	                       .record = VU_CHECK_PASSED,
	                       .challenge = VU_CHECK_REFUSED};
	vu_evidence other = unheard;
	(void)state;
	assert_int_equal(vu_decide(&unheard), VU__VERDICT__VERDICT_SPOOF);
	other.quality = other.antispoof = other.speaker = VU_CHECK_PASSED;
	assert_int_equal(vu_decide(&other), VU__VERDICT__VERDICT_SPOOF);
	other = unheard;
	other.lockout = VU_CHECK_REFUSED;
	assert_int_equal(vu_decide(&other), VU__VERDICT__VERDICT_LOCKED);
	other.lockout = VU_CHECK_PASSED;
	other.enrolled = VU_CHECK_REFUSED;
	assert_int_equal(vu_decide(&other), VU__VERDICT__VERDICT_NOT_ENROLLED);
	other.enrolled = VU_CHECK_NOT_RUN;
	assert_int_equal(vu_decide(&other), VU__VERDICT__VERDICT_UNAVAILABLE);
	other = unheard;
	other.record = VU_CHECK_FAILED;
	assert_int_equal(vu_decide(&other), VU__VERDICT__VERDICT_UNAVAILABLE);
	for (int mark = VU_CHECK_NOT_RUN; mark <= VU_CHECK_COUNT; mark++) {
		other.record = other.quality = other.antispoof = other.speaker = VU_CHECK_PASSED;
		other.enrolled = other.lockout = VU_CHECK_PASSED;
		other.challenge = (vu_check)mark;
		assert_int_equal(vu_decide(&other) == VU__VERDICT__VERDICT_ACCEPT, mark == VU_CHECK_NOT_RUN);
	}
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(vu_verdict_name(VU__VERDICT__VERDICT_NOT_ENROLLED), "not_enrolled");
	assert_string_equal(vu_verdict_name(VU__VERDICT__VERDICT_UNKNOWN), "unknown");
	assert_string_equal(vu_verdict_name((Vu__Verdict)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_combination_follows_the_precedence),
	    cmocka_unit_test(nothing_checked_is_no_accept),
	    cmocka_unit_test(marks_out_of_range_are_no_accept),
	    cmocka_unit_test(a_challenge_that_cannot_be_put_is_a_spoof),
	    cmocka_unit_test(verdicts_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
