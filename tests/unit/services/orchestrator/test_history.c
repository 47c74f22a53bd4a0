/* The table of attempts, and the ledger around it. */
#include "history.h"

#include "../../folder_aid.h"
#include "ledger.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static vu_ledger *ledger;

static int setup(void **state)
{
	vu_error error;
	(void)state;
	test_folder_create(folder);
	assert_int_equal(vu_ledger_create(folder, vu_clock_system(), &ledger, &error), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_ledger_destroy(ledger);
	test_folder_remove(folder);
	return 0;
}

static vu_status add(const char *attempt_id, const char *user, int64_t time_us, double score, vu_error *error)
{
	vu_history_entry entry = {
	    .attempt_id = attempt_id,
	    .time_us = time_us,
	    .user = user,
	    .verdict = "reject",
	    .reason = "The voice is not hers.",
	    .score = score,
	    .threshold = 1.5,
	    .antispoof_score = (double)NAN,
	    .total_ms = 12.25,
	    .kind = "authenticate",
	    .source = "upload",
	};
	vu_store *store;
	vu_status status = vu_ledger_begin(ledger, &store, error);
	if (status != VU_OK)
		return status;
	status = vu_history_add(store, &entry, error);
	if (status == VU_OK)
		return vu_ledger_commit(ledger, error);
	vu_ledger_rollback(ledger, status);
	return status;
}

static Vu__HistoryResponse list(const char *user, uint32_t limit)
{
	Vu__HistoryResponse response = VU__HISTORY_RESPONSE__INIT;
	vu_store *store;
	vu_error error;
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_history_list(store, user, limit, &response, &error), VU_OK);
	vu_ledger_rollback(ledger, VU_OK);
	return response;
}

static void entries_come_back_newest_first(void **state)
{
	Vu__HistoryResponse response;
	vu_error error;
	(void)state;
	assert_int_equal(add("a1", "anna", 100, -2.5, &error), VU_OK);
	assert_int_equal(add("a2", "bert'; DROP TABLE attempt; --", 50, (double)NAN, &error), VU_OK);
	response = list("", 0);
	assert_int_equal(response.n_attempts, 2);
	assert_string_equal(response.attempts[0]->attempt_id, "a2");
	assert_string_equal(response.attempts[0]->user, "bert'; DROP TABLE attempt; --");
	assert_true(isnan(response.attempts[0]->score));
	assert_string_equal(response.attempts[1]->user, "anna");
	assert_int_equal(response.attempts[1]->time_us, 100);
	assert_string_equal(response.attempts[1]->verdict, "reject");
	assert_string_equal(response.attempts[1]->reason, "The voice is not hers.");
	assert_true(response.attempts[1]->score == -2.5);
	assert_true(response.attempts[1]->threshold == 1.5);
	assert_true(isnan(response.attempts[1]->antispoof_score));
	assert_true(response.attempts[1]->total_ms == 12.25);
	assert_string_equal(response.attempts[1]->kind, "authenticate");
	assert_string_equal(response.attempts[1]->source, "upload");
	vu_history_free(&response);
	assert_int_equal(response.n_attempts, 0);
}

static void limits_and_users_are_kept_to(void **state)
{
	Vu__HistoryResponse response;
	vu_error error;
	char id[16];
	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(id, sizeof id, "a%d", i);
		assert_int_equal(add(id, i % 3 ? "anna" : "bert", i, 0, &error), VU_OK);
	}
	response = list("", 0);
	assert_int_equal(response.n_attempts, VU_HISTORY_LIMIT_DEFAULT);
	assert_string_equal(response.attempts[0]->attempt_id, "a29");
	vu_history_free(&response);
	response = list("bert", 100000);
	assert_int_equal(response.n_attempts, 10);
	vu_history_free(&response);
	response = list("nobody", 5);
	assert_int_equal(response.n_attempts, 0);
	vu_history_free(&response);
}

static void an_attempt_is_stored_once(void **state)
{
	Vu__HistoryResponse response;
	vu_error error;
	(void)state;
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_OK);
	assert_int_equal(add("a1", "anna", 2, 0, &error), VU_ALREADY_EXISTS);
	assert_string_equal(error.message,
	                    "unable to store attempt a1: it is in the history already; begin a new one");
	response = list("", 0);
	assert_int_equal(response.n_attempts, 1);
	vu_history_free(&response);
}

static void old_entries_are_forgotten(void **state)
{
	Vu__HistoryResponse response;
	vu_store *store;
	vu_error error;
	(void)state;
	assert_int_equal(add("old", "anna", 100, 0, &error), VU_OK);
	assert_int_equal(add("new", "anna", 200, 0, &error), VU_OK);
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_history_forget_before(store, 200, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
	response = list("", 0);
	assert_int_equal(response.n_attempts, 1);
	assert_string_equal(response.attempts[0]->attempt_id, "new");
	vu_history_free(&response);
}

static void the_file_is_private_and_survives(void **state)
{
	Vu__HistoryResponse response;
	struct stat info;
	char path[TEST_PATH_MAX + 16];
	vu_error error;
	(void)state;
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_OK);
	snprintf(path, sizeof path, "%s/history.db", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	vu_ledger_destroy(ledger);
	assert_int_equal(vu_ledger_create(folder, vu_clock_system(), &ledger, &error), VU_OK);
	response = list("", 0);
	assert_int_equal(response.n_attempts, 1);
	vu_history_free(&response);
}

static void a_damaged_file_is_moved_aside_and_work_goes_on(void **state)
{
	Vu__HistoryResponse response;
	vu_error error;
	(void)state;
	vu_ledger_destroy(ledger);
	test_file_create(folder, "history.db",
	                 "this is no database, and longer than a header of one: "
	                 "0123456789012345678901234567890123456789012345678901234567890123456789",
	                 0600, NULL);
	assert_int_equal(vu_ledger_create(folder, vu_clock_system(), &ledger, &error), VU_OK);
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_OK);
	response = list("", 0);
	assert_int_equal(response.n_attempts, 1);
	vu_history_free(&response);
	/* history.db, its WAL files, and the one moved aside */
	assert_true(test_folder_entries(folder) >= 2);
}

static void a_folder_that_cannot_be_written_is_an_error_each_time_until_it_can(void **state)
{
	vu_error error;
	char target[TEST_PATH_MAX + 16];
	char path[TEST_PATH_MAX + 16];
	(void)state;
	snprintf(path, sizeof path, "%s/history.db", folder);
	snprintf(target, sizeof target, "%s/elsewhere", folder);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_PERMISSION_DENIED);
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_PERMISSION_DENIED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(add("a1", "anna", 1, 0, &error), VU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(entries_come_back_newest_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(limits_and_users_are_kept_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_attempt_is_stored_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(old_entries_are_forgotten, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_file_is_private_and_survives, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_file_is_moved_aside_and_work_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written_is_an_error_each_time_until_it_can, setup,
	                                    teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
