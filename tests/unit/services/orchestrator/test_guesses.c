/* Failures at other computers that authenticate with the same templates: models is scripted, and told to be shared.
 */
#include "front_fixture.h"

#include <string.h>

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL);
	orchestrator->policy.shares_models = true;
	return 0;
}

static bool wait_for_forgetting(unsigned times)
{
	for (int i = 0; i < 500 && fake_script_now().guesses_forgotten < times; i++)
		usleep(10000);
	return fake_script_now().guesses_forgotten == times;
}

static void who_is_locked_out_elsewhere_is_so_here(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(locked_for_s = 200);
	r = front_expect("lea", true, VU__VERDICT__VERDICT_LOCKED, "try again in ");
	assert_int_equal(r->locked_for_s, 200);
	assert_int_equal(r->failures_left, 0);
	assert_false(r->may_unlock);
	front_free(r);
	fake_script_reset();
	CHANGE(locked_for_s = 200);
	front_free(front_expect("lea", false, VU__VERDICT__VERDICT_LOCKED, "try again in "));
	assert_int_equal(fake_script_now().guesses_counted, 0);
	CHANGE(locked_for_s = 0);
	front_free(front_expect("lea", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_true(wait_for_forgetting(1));
}

static void failures_here_are_counted_there(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(fused = 0);
	CHANGE(guesses_left = 1);
	r = front_expect("mia", true, VU__VERDICT__VERDICT_REJECT, "");
	/* Two are left by our own count of three. */
	assert_int_equal(r->failures_left, 1);
	front_free(r);
	assert_string_equal(fake_script_now().last_guessed, "mia");
	CHANGE(guesses_left = 0);
	r = front_expect("mia", true, VU__VERDICT__VERDICT_REJECT, "");
	assert_int_equal(r->locked_for_s, 90);
	assert_int_equal(r->failures_left, 0);
	front_free(r);
	assert_int_equal(fake_script_now().guesses_counted, 2);
	/* Somebody else's voice or none at all: each failure counts, whatever else does not. */
	fake_script_reset();
	CHANGE(problem = VU__QUALITY_PROBLEM__QUALITY_TOO_SHORT);
	front_free(front_authenticate("mia", true, 5 * FRONT_SECOND));
	CHANGE(enrolled = false);
	CHANGE(score_status = VU_NOT_FOUND);
	front_free(front_expect("nobody", true, VU__VERDICT__VERDICT_NOT_ENROLLED, ""));
	assert_int_equal(fake_script_now().guesses_counted, 0);
}

static void without_their_count_nobody_is_let_in(void **state)
{
	(void)state;
	CHANGE(list_status = VU_INTERNAL);
	front_free(front_expect("ida", true, VU__VERDICT__VERDICT_UNAVAILABLE, "models has trouble"));
	/* A failure that cannot be counted there counts here. */
	fake_script_reset();
	CHANGE(fused = 0);
	CHANGE(guess_status = VU_INTERNAL);
	for (int i = 0; i < 3; i++)
		front_free(front_expect("ida", true, VU__VERDICT__VERDICT_REJECT, ""));
	front_free(front_expect("ida", true, VU__VERDICT__VERDICT_LOCKED, ""));
}

static void an_accept_that_opens_nothing_forgets_nothing(void **state)
{
	(void)state;
	front_free(front_expect("eva", false, VU__VERDICT__VERDICT_ACCEPT, ""));
	front_free(front_expect("eva", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	assert_true(wait_for_forgetting(1));
	usleep(50000);
	assert_int_equal(fake_script_now().guesses_forgotten, 1);
}

static void unlocking_unlocks_there(void **state)
{
	Vu__UnlockUserRequest request = VU__UNLOCK_USER_REQUEST__INIT;
	Vu__UnlockUserResponse *response;
	vu_error error;
	(void)state;
	if (geteuid() != 0)
		skip();
	request.user = front_text("lea");
	CHANGE(locked_for_s = 200);
	response = front_call_ok("UnlockUser", &request.base);
	assert_true(response->was_locked);
	front_free(response);
	assert_int_equal(fake_script_now().guesses_forgotten, 1);
	CHANGE(guess_status = VU_INTERNAL);
	assert_int_equal(front_call_fails("UnlockUser", &request.base, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "and not where the templates are"));
}

static void templates_of_our_own_need_none_of_this(void **state)
{
	(void)state;
	orchestrator->policy.shares_models = false;
	CHANGE(fused = 0);
	CHANGE(locked_for_s = 200);
	front_free(front_expect("own", true, VU__VERDICT__VERDICT_REJECT, ""));
	CHANGE(fused = 2);
	front_free(front_expect("own", true, VU__VERDICT__VERDICT_ACCEPT, ""));
	usleep(50000);
	assert_int_equal(fake_script_now().guesses_counted, 0);
	assert_int_equal(fake_script_now().guesses_forgotten, 0);
	orchestrator->policy.shares_models = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(who_is_locked_out_elsewhere_is_so_here, reset),
	    cmocka_unit_test_setup(failures_here_are_counted_there, reset),
	    cmocka_unit_test_setup(without_their_count_nobody_is_let_in, reset),
	    cmocka_unit_test_setup(an_accept_that_opens_nothing_forgets_nothing, reset),
	    cmocka_unit_test_setup(unlocking_unlocks_there, reset),
	    cmocka_unit_test_setup(templates_of_our_own_need_none_of_this, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
