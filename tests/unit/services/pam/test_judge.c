/* What each answer of the suite opens: nothing, but for one. */
#include "helper/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static vu_pam_outcome judge(voiceunlock_verdict verdict, bool may_unlock, const char *user, int try, int tries)
{
	voiceunlock_attempt attempt = {.verdict = verdict, .may_unlock = may_unlock, .quality = {.total_ms = 2500}};
	vu_pam_outcome outcome;

	attempt.user = user ? strdup(user) : NULL;
	outcome = vu_pam_judge(&attempt, "ada", try, tries);
	free(attempt.user);
	return outcome;
}

static void only_an_accept_that_may_unlock_unlocks(void **state)
{
	(void)state;
	for (int verdict = -1; verdict <= 9; verdict++) {
		for (int may = 0; may < 2; may++) {
			vu_pam_outcome outcome = judge((voiceunlock_verdict)verdict, may, "ada", 1, 1);
			assert_int_equal(outcome == VU_PAM_OUTCOME_UNLOCK, verdict == VOICEUNLOCK_ACCEPT && may);
		}
	}
	assert_int_equal(judge(VOICEUNLOCK_ACCEPT, false, "ada", 1, 1), VU_PAM_OUTCOME_UNAVAILABLE);
}

static void an_accept_of_somebody_else_opens_nothing(void **state)
{
	(void)state;
	assert_int_equal(judge(VOICEUNLOCK_ACCEPT, true, "bob", 1, 1), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(judge(VOICEUNLOCK_ACCEPT, true, "", 1, 1), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(judge(VOICEUNLOCK_ACCEPT, true, NULL, 1, 1), VU_PAM_OUTCOME_UNAVAILABLE);
}

static void refusals_count_tries(void **state)
{
	static const voiceunlock_verdict REFUSALS[] = {VOICEUNLOCK_REJECT, VOICEUNLOCK_SPOOF};
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(judge(REFUSALS[i], true, "ada", 1, 1), VU_PAM_OUTCOME_REFUSED);
		assert_int_equal(judge(REFUSALS[i], true, "ada", 1, 3), VU_PAM_OUTCOME_AGAIN);
		assert_int_equal(judge(REFUSALS[i], true, "ada", 2, 3), VU_PAM_OUTCOME_AGAIN);
		assert_int_equal(judge(REFUSALS[i], true, "ada", 3, 3), VU_PAM_OUTCOME_EXHAUSTED);
		assert_int_equal(judge(REFUSALS[i], true, "ada", 4, 3), VU_PAM_OUTCOME_EXHAUSTED);
	}
	assert_int_equal(judge(VOICEUNLOCK_LOCKED, true, "ada", 1, 3), VU_PAM_OUTCOME_EXHAUSTED);
}

static void what_nobody_said_is_no_refusal(void **state)
{
	voiceunlock_attempt unheard = {.verdict = VOICEUNLOCK_SPOOF, .may_unlock = true};
	(void)state;
	assert_int_equal(vu_pam_judge(&unheard, "ada", 1, 3), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(vu_pam_judge(&unheard, "ada", 3, 3), VU_PAM_OUTCOME_UNAVAILABLE);
}

static void what_is_no_refusal_leaves_it_to_the_password(void **state)
{
	(void)state;
	assert_int_equal(judge(VOICEUNLOCK_NO_SPEECH, true, "ada", 1, 3), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(judge(VOICEUNLOCK_NOT_ENROLLED, true, "ada", 1, 3), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(judge(VOICEUNLOCK_VERDICT_UNAVAILABLE, true, "ada", 1, 3), VU_PAM_OUTCOME_UNAVAILABLE);
	assert_int_equal(judge(VOICEUNLOCK_VERDICT_UNKNOWN, true, "ada", 1, 3), VU_PAM_OUTCOME_UNAVAILABLE);
}

static void words_are_those_of_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_UNLOCK), "unlock");
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_REFUSED), "refused");
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_EXHAUSTED), "exhausted");
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_UNAVAILABLE), "unavailable");
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_AGAIN), "unavailable");
	assert_string_equal(vu_pam_outcome_word(VU_PAM_OUTCOME_READY), "ready");
	assert_string_equal(vu_pam_outcome_word((vu_pam_outcome)99), "unavailable");
}

static void privileged_services_are_known(void **state)
{
	(void)state;
	assert_true(vu_pam_is_privileged("sudo"));
	assert_true(vu_pam_is_privileged("su-l"));
	assert_true(vu_pam_is_privileged("polkit-1"));
	assert_false(vu_pam_is_privileged("login"));
	assert_false(vu_pam_is_privileged("swaylock"));
	assert_false(vu_pam_is_privileged(""));
}

static void a_door_is_the_service_and_the_terminal(void **state)
{
	char door[VU_PAM_DOOR_SIZE];
	char service[100];
	(void)state;
	vu_pam_door_write(door, sizeof door, "sudo", "/dev/pts/3");
	assert_string_equal(door, "sudo:pts/3");
	vu_pam_door_write(door, sizeof door, "login", "tty1");
	assert_string_equal(door, "login:tty1");
	vu_pam_door_write(door, sizeof door, "gdm-password", ":0");
	assert_string_equal(door, "gdm-password::0");
	vu_pam_door_write(door, sizeof door, "", "");
	assert_string_equal(door, "-:-");
	vu_pam_door_write(door, sizeof door, "a b\nc", "\xc3\xa9");
	assert_string_equal(door, "a_b_c:__");
	/* A long service leaves the terminal its room. */
	memset(service, 's', sizeof service - 1);
	service[sizeof service - 1] = '\0';
	vu_pam_door_write(door, sizeof door, service, "pts/7");
	assert_string_equal(door, "sssssssssssssssssssssssssssssss:pts/7");
	vu_pam_door_write(door, sizeof door, service, service);
	assert_int_equal(strlen(door), VU_PAM_DOOR_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_an_accept_that_may_unlock_unlocks),
	    cmocka_unit_test(an_accept_of_somebody_else_opens_nothing),
	    cmocka_unit_test(refusals_count_tries),
	    cmocka_unit_test(what_nobody_said_is_no_refusal),
	    cmocka_unit_test(what_is_no_refusal_leaves_it_to_the_password),
	    cmocka_unit_test(words_are_those_of_the_protocol),
	    cmocka_unit_test(privileged_services_are_known),
	    cmocka_unit_test(a_door_is_the_service_and_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
