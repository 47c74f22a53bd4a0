/*
 * What failures lead to, over scripted peers: lockouts of users, of sources and
 * of doors, and what ends them. One orchestrator for all tests; each takes a
 * user of its own.
 */
#include "front_fixture.h"

#include <stdio.h>
#include <string.h>

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL);
	return 0;
}

static void too_many_failures_lock_out_and_time_unlocks(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(fused = 0);
	front_free(front_expect("lars", true, VU__VERDICT__VERDICT_REJECT, "2 attempts are left"));
	front_free(front_expect("lars", true, VU__VERDICT__VERDICT_REJECT, "1 attempt is left"));
	r = front_expect("lars", true, VU__VERDICT__VERDICT_REJECT, "try again in 60 s");
	assert_int_equal(r->locked_for_s, 60);
	front_free(r);
	/* The right voice does not help now, and is not even listened to. */
	fake_script_reset();
	pass_seconds(20);
	r = front_expect("lars", true, VU__VERDICT__VERDICT_LOCKED, "try again in ");
	assert_true(r->locked_for_s > 0 && r->locked_for_s <= 40);
	assert_false(r->may_unlock);
	assert_int_equal(fake_script_now().opened, 0);
	front_free(r);
	/* Nor do uploads: they are the same guess. */
	front_free(front_expect("lars", false, VU__VERDICT__VERDICT_LOCKED, ""));
	pass_seconds(41);
	front_free(front_expect("lars", true, VU__VERDICT__VERDICT_ACCEPT, ""));
}

static void an_accept_forgets_failures_but_a_file_does_not(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(fused = 0);
	front_free(front_expect("lena", true, VU__VERDICT__VERDICT_REJECT, "2 attempts are left"));
	front_free(front_expect("lena", true, VU__VERDICT__VERDICT_REJECT, "1 attempt is left"));
	fake_script_reset();
	r = front_expect("lena", false, VU__VERDICT__VERDICT_ACCEPT, "");
	assert_int_equal(r->failures_left, 1);
	front_free(r);
	r = front_expect("lena", true, VU__VERDICT__VERDICT_ACCEPT, "");
	assert_int_equal(r->failures_left, 3);
	front_free(r);
}

/* 3 times the 3 that a user has; the time passed is longer than the lockout. */
static void guesses_at_many_users_lock_their_source_out(void **state)
{
	Vu__AuthenticateResponse *r;
	char user[16];
	bool locked = false;
	(void)state;
	CHANGE(fused = 0);
	for (int i = 0; i < 9; i++) {
		assert_false(locked);
		snprintf(user, sizeof user, "guess%d", i);
		r = front_authenticate(user, true, 20 * FRONT_SECOND);
		assert_int_equal(r->verdict, VU__VERDICT__VERDICT_REJECT);
		locked = r->locked_for_s > 0;
		front_free(r);
	}
	assert_true(locked);
	/* The right voice of somebody who never failed has to wait as well; a file, which opens nothing, has not. */
	fake_script_reset();
	front_free(front_expect("innocent", true, VU__VERDICT__VERDICT_LOCKED, "try again in "));
	assert_int_equal(fake_script_now().opened, 0);
	front_free(front_expect("innocent", false, VU__VERDICT__VERDICT_ACCEPT, ""));
	pass_seconds(61);
	front_free(front_expect("innocent", true, VU__VERDICT__VERDICT_ACCEPT, ""));
}

static Vu__AuthenticateResponse *at_door(const char *door, const char *user)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	request.attempt_id = ids.attempt;
	request.user = front_text(user);
	request.door = front_text(door);
	return front_call_ok("Authenticate", &request.base);
}

static Vu__Verdict verdict_at(const char *door, const char *user)
{
	Vu__AuthenticateResponse *r = at_door(door, user);
	Vu__Verdict verdict = r->verdict;
	front_free(r);
	return verdict;
}

static void failures_at_one_door_do_not_shut_another(void **state)
{
	char user[16];
	(void)state;
	if (getuid() != 0)
		skip(); /* nobody but root is believed where somebody stands */
	CHANGE(fused = 0);
	/* More than the 9 of a source, by others and at other doors: each is a source of its own. */
	for (int i = 0; i < 12; i++) {
		snprintf(user, sizeof user, "other%d", i);
		assert_int_equal(verdict_at("login:tty1", user), VU__VERDICT__VERDICT_REJECT);
	}
	fake_script_reset();
	assert_int_equal(verdict_at("login:tty1", "berta"), VU__VERDICT__VERDICT_ACCEPT);
	assert_int_equal(verdict_at("sudo:pts/1", "other0"), VU__VERDICT__VERDICT_ACCEPT);
}

static void another_door_does_not_help_who_guesses(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	CHANGE(fused = 0);
	for (int i = 0; i < 3; i++) {
		char door[16];
		snprintf(door, sizeof door, "su:pts/%d", i);
		assert_int_equal(verdict_at(door, "carla"), VU__VERDICT__VERDICT_REJECT);
	}
	fake_script_reset();
	assert_int_equal(verdict_at("su:pts/3", "carla"), VU__VERDICT__VERDICT_LOCKED);
	assert_int_equal(fake_script_now().opened, 0);
	assert_int_equal(verdict_at("su:pts/3", "dora"), VU__VERDICT__VERDICT_ACCEPT);
}

/* A guesser who waits for the right voice elsewhere to wash the user's failures away is stopped at his door. */
static void accepts_elsewhere_do_not_wash_a_door_clean(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	if (getuid() != 0)
		skip();
	for (int i = 0; i < 8; i++) {
		CHANGE(fused = 0);
		assert_int_equal(verdict_at("su:pts/9", "emma"), VU__VERDICT__VERDICT_REJECT);
		fake_script_reset();
		assert_int_equal(verdict_at("gdm::0", "emma"), VU__VERDICT__VERDICT_ACCEPT);
	}
	CHANGE(fused = 0);
	r = at_door("su:pts/9", "emma");
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_REJECT);
	assert_true(r->locked_for_s > 0);
	front_free(r);
	fake_script_reset();
	assert_int_equal(verdict_at("su:pts/9", "emma"), VU__VERDICT__VERDICT_LOCKED);
	assert_int_equal(verdict_at("gdm::0", "emma"), VU__VERDICT__VERDICT_ACCEPT);
	/* An accept at the door itself forgives it all. */
	pass_seconds(61);
	assert_int_equal(verdict_at("su:pts/9", "emma"), VU__VERDICT__VERDICT_ACCEPT);
}

static void a_door_that_is_none_is_refused(void **state)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_error error;
	(void)state;
	request.attempt_id = ids.attempt;
	request.user = front_text("anna");
	request.door = front_text("sudo: pts");
	assert_int_equal(front_call_fails("Authenticate", &request.base, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "the PAM service and the terminal"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(too_many_failures_lock_out_and_time_unlocks, reset),
	    cmocka_unit_test_setup(an_accept_forgets_failures_but_a_file_does_not, reset),
	    cmocka_unit_test_setup(guesses_at_many_users_lock_their_source_out, reset),
	    cmocka_unit_test_setup(failures_at_one_door_do_not_shut_another, reset),
	    cmocka_unit_test_setup(another_door_does_not_help_who_guesses, reset),
	    cmocka_unit_test_setup(accepts_elsewhere_do_not_wash_a_door_clean, reset),
	    cmocka_unit_test_setup(a_door_that_is_none_is_refused, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
