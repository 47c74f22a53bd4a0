/* Failures that several computers count here: over a real socket, with time in the test's hands. */
#include "models_fixture.h"

static int64_t passed_us;

static int64_t shifted_monotonic(void *context)
{
	(void)context;
	return vu_clock_monotonic_us() + passed_us;
}

static int64_t wall(void *context)
{
	(void)context;
	return vu_clock_wall_us();
}

static int setup_guesses(void **state)
{
	char command[160];
	int result = setup(state);

	stop();
	snprintf(command, sizeof command, "rm -rf %s/guesses.db*", folder);
	if (result != 0 || system(command) != 0)
		return -1;
	passed_us = 0;
	current.max_attempts = 3;
	current.lockout_s = 300;
	start();
	service->clock = (vu_clock){shifted_monotonic, wall, NULL};
	assert_int_equal(enrol("", "lea", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "mia", STRANGER + 1, false, NULL), VU_OK);
	return 0;
}

static void restart(void)
{
	stop();
	start();
	service->clock = (vu_clock){shifted_monotonic, wall, NULL};
}

static vu_status count_as(const uint8_t *id, const char *namespace, const char *user, uint64_t *locked_for_s,
                          uint32_t *failures_left, vu_error *error)
{
	Vu__CountGuessRequest request = VU__COUNT_GUESS_REQUEST__INIT;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__CountGuessResponse *response;
	vu_status status;

	key.namespace_ = (char *)(uintptr_t) namespace;
	key.user = (char *)(uintptr_t)user;
	request.key = &key;
	status = call_as(id, "CountGuess", &request, &response, error);
	if (status != VU_OK)
		return status;
	*locked_for_s = response->locked_for_s;
	*failures_left = response->failures_left;
	done(response);
	return VU_OK;
}

static void expect_count(const char *user, uint64_t locked_for_s, uint32_t failures_left)
{
	uint64_t locked;
	uint32_t left;
	vu_error error = {0};

	if (count_as(NULL, "", user, &locked, &left, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(locked, locked_for_s);
	assert_int_equal(left, failures_left);
}

static uint64_t seen_locked(const char *user)
{
	Vu__ListUsersResponse *response = list("", user);
	uint64_t seconds;

	assert_int_equal(response->n_users, 1);
	seconds = response->users[0]->locked_for_s;
	done(response);
	return seconds;
}

static bool forget_guesses_of(const char *user)
{
	Vu__ForgetGuessesRequest request = VU__FORGET_GUESSES_REQUEST__INIT;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__ForgetGuessesResponse *response;
	bool was_locked;

	key.user = (char *)(uintptr_t)user;
	request.key = &key;
	assert_int_equal(call("ForgetGuesses", &request, &response, NULL), VU_OK);
	was_locked = response->was_locked;
	done(response);
	return was_locked;
}

static void test_failures_lock_and_the_lock_lasts(void **state)
{
	(void)state;
	assert_int_equal(seen_locked("lea"), 0);
	assert_int_not_equal(access(service->guesses_path, F_OK), 0);
	expect_count("lea", 0, 2);
	expect_count("lea", 0, 1);
	assert_int_equal(seen_locked("lea"), 0);
	expect_count("lea", 300, 0);
	assert_int_equal(seen_locked("lea"), 300);
	assert_int_equal(seen_locked("mia"), 0);
	restart();
	passed_us += 100 * INT64_C(1000000);
	assert_in_range(seen_locked("lea"), 199, 201);
	passed_us += 201 * INT64_C(1000000);
	assert_int_equal(seen_locked("lea"), 0);
	/* Twice as long the next time. */
	expect_count("lea", 0, 2);
	expect_count("lea", 0, 1);
	expect_count("lea", 600, 0);
}

static void test_an_accept_or_an_administrator_forgets(void **state)
{
	(void)state;
	assert_false(forget_guesses_of("lea"));
	expect_count("lea", 0, 2);
	expect_count("lea", 0, 1);
	assert_false(forget_guesses_of("lea"));
	expect_count("lea", 0, 2);
	expect_count("lea", 0, 1);
	expect_count("lea", 300, 0);
	expect_count("mia", 0, 2);
	assert_true(forget_guesses_of("lea"));
	assert_int_equal(seen_locked("lea"), 0);
	expect_count("mia", 0, 1);
}

static void test_a_retry_counts_once(void **state)
{
	const uint8_t id[VU_ID_BYTES] = {7};
	uint64_t locked;
	uint32_t left;

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(count_as(id, "", "lea", &locked, &left, NULL), VU_OK);
		assert_int_equal(left, 2);
	}
	expect_count("lea", 0, 1);
}

static void test_only_enrolled_people_are_counted(void **state)
{
	uint64_t locked;
	uint32_t left;
	vu_error error = {0};

	(void)state;
	assert_int_equal(count_as(NULL, "", "nobody", &locked, &left, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "user 'nobody' is not enrolled");
	assert_int_not_equal(access(service->guesses_path, F_OK), 0);
	assert_int_equal(count_as(NULL, "trial", "lea", &locked, &left, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(count_as(NULL, "", "../lea", &locked, &left, &error), VU_INVALID_ARGUMENT);
}

static void test_who_is_removed_takes_it_along(void **state)
{
	Vu__RemoveRequest request = VU__REMOVE_REQUEST__INIT;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__RemoveResponse *removed;

	(void)state;
	for (int i = 0; i < 3; i++)
		expect_count("lea", i < 2 ? 0 : 300, 2 - (uint32_t)i);
	key.user = (char *)(uintptr_t) "lea";
	request.key = &key;
	assert_int_equal(call("Remove", &request, &removed, NULL), VU_OK);
	done(removed);
	assert_int_equal(enrol("", "lea", STRANGER, false, NULL), VU_OK);
	assert_int_equal(seen_locked("lea"), 0);
}

static void test_a_file_that_cannot_be_read(void **state)
{
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;
	vu_error error = {0};
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	expect_count("lea", 0, 2);
	snprintf(path, sizeof path, "%s", service->guesses_path);
	stop();
	/* Damaged: put aside, and a new one begun. */
	file = fopen(path, "w");
	assert_null(file ? NULL : "unable to write");
	fputs("no database, whatever it was", file);
	fclose(file);
	start();
	assert_int_equal(seen_locked("lea"), 0);
	expect_count("lea", 0, 2);
	stop();
	/* Another program's: nobody can be sure about anybody; lists of all people go on. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	start();
	request.user = (char *)(uintptr_t) "lea";
	assert_int_not_equal(call("ListUsers", &request, &response, &error), VU_OK);
	response = list("", "");
	assert_int_equal(response->n_users, 2);
	done(response);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_failures_lock_and_the_lock_lasts, setup_guesses, teardown),
	    cmocka_unit_test_setup_teardown(test_an_accept_or_an_administrator_forgets, setup_guesses, teardown),
	    cmocka_unit_test_setup_teardown(test_a_retry_counts_once, setup_guesses, teardown),
	    cmocka_unit_test_setup_teardown(test_only_enrolled_people_are_counted, setup_guesses, teardown),
	    cmocka_unit_test_setup_teardown(test_who_is_removed_takes_it_along, setup_guesses, teardown),
	    cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_read, setup_guesses, teardown),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
