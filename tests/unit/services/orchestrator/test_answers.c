/* Answers that outlive the process which gave them. */
#include "answers.h"

#include "../../folder_aid.h"
#include "ledger.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW_US (1000 * 1000000LL)

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

static const vu_answer_key KEY = {"00112233445566778899aabbccddeeff", "authenticate/anna", "boot", NOW_US};

static void keep(const vu_answer_key *key, const char *reason)
{
	Vu__AuthenticateResponse answer = VU__AUTHENTICATE_RESPONSE__INIT;
	vu_store *store;
	vu_error error;

	answer.reason = (char *)(uintptr_t)reason;
	answer.verdict = VU__VERDICT__VERDICT_ACCEPT;
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_answer_keep(store, key, &answer.base, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
}

/* The reason of the answer that is recalled is `reason`; NULL: none is. */
static void expect(const vu_answer_key *key, const char *reason)
{
	ProtobufCMessage *message = NULL;
	vu_store *store;
	vu_error error;

	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_answer_recall(store, key, &vu__authenticate_response__descriptor, &message, &error),
	                 VU_OK);
	vu_ledger_rollback(ledger, VU_OK);
	if (!reason) {
		assert_null(message);
		return;
	}
	assert_non_null(message);
	assert_string_equal(((const Vu__AuthenticateResponse *)(const void *)message)->reason, reason);
	assert_int_equal(((const Vu__AuthenticateResponse *)(const void *)message)->verdict,
	                 VU__VERDICT__VERDICT_ACCEPT);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void an_answer_comes_back_from_the_file(void **state)
{
	vu_error error;
	(void)state;
	expect(&KEY, NULL);
	keep(&KEY, "Welcome.");
	vu_ledger_destroy(ledger);
	assert_int_equal(vu_ledger_create(folder, vu_clock_system(), &ledger, &error), VU_OK);
	expect(&KEY, "Welcome.");
	keep(&KEY, "Welcome again.");
	expect(&KEY, "Welcome again.");
}

static void only_to_the_same_question(void **state)
{
	vu_answer_key other = KEY;
	(void)state;
	keep(&KEY, "Welcome.");
	other.fingerprint = "authenticate/bert";
	expect(&other, NULL);
	other = KEY;
	other.attempt_id = "ffeeddccbbaa99887766554433221100";
	expect(&other, NULL);
}

static void only_for_a_minute_of_the_same_run_of_the_machine(void **state)
{
	vu_answer_key later = KEY;
	(void)state;
	keep(&KEY, "Welcome.");
	later.now_us = NOW_US + VU_ANSWERS_KEEP_US;
	expect(&later, "Welcome.");
	later.now_us++;
	expect(&later, NULL);
	/* A clock that runs backwards is another one. */
	later.now_us = NOW_US - 1;
	expect(&later, NULL);
	later = KEY;
	later.boot_id = "another boot";
	expect(&later, NULL);
}

static void what_is_too_old_is_forgotten(void **state)
{
	vu_answer_key later = {"ffeeddccbbaa99887766554433221100", "authenticate/anna", "boot",
	                       NOW_US + VU_ANSWERS_KEEP_US + 1};
	(void)state;
	keep(&KEY, "Welcome.");
	keep(&later, "Later.");
	/* Even asked as of then. */
	expect(&KEY, NULL);
	expect(&later, "Later.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_answer_comes_back_from_the_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_to_the_same_question, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_for_a_minute_of_the_same_run_of_the_machine, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_too_old_is_forgotten, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
