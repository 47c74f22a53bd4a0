/* The retry policy: tokens, delays, limits. Randomness is handed in. */
#include "rpc/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000000)

static vu_retry_question unavailable(unsigned tries_made)
{
	return (vu_retry_question){VU_UNAVAILABLE, tries_made, false, HOUR, 0.5};
}

static void only_unavailable_is_retried(void **state)
{
	vu_retry_bucket bucket;
	(void)state;

	vu_retry_bucket_init(&bucket);
	for (int status = 0; status < VU_STATUS_COUNT; status++) {
		vu_retry_question question = unavailable(1);
		question.status = (vu_status)status;
		if (status != VU_UNAVAILABLE)
			assert_int_equal(vu_retry_decide(&bucket, &question), -1);
	}
	assert_int_equal(bucket.tenths, VU_RETRY_TOKENS_MAX);
}

static void at_most_four_tries(void **state)
{
	vu_retry_bucket bucket;
	(void)state;

	for (unsigned tries = 1; tries <= 5; tries++) {
		vu_retry_question question = unavailable(tries);
		vu_retry_bucket_init(&bucket);
		if (tries < 4)
			assert_true(vu_retry_decide(&bucket, &question) >= 0);
		else
			assert_int_equal(vu_retry_decide(&bucket, &question), -1);
	}
}

static void delays_double_up_to_a_second(void **state)
{
	(void)state;
	assert_int_equal(vu_retry_delay_us(1, 0.5), 20000);
	assert_int_equal(vu_retry_delay_us(2, 0.5), 40000);
	assert_int_equal(vu_retry_delay_us(3, 0.5), 80000);
	assert_int_equal(vu_retry_delay_us(6, 0.5), 640000);
	assert_int_equal(vu_retry_delay_us(7, 0.5), 1000000);
	assert_int_equal(vu_retry_delay_us(4000000000u, 0.5), 1000000);
}

static void jitter_is_a_fifth_either_way(void **state)
{
	(void)state;
	assert_int_equal(vu_retry_delay_us(1, 0.0), 16000);
	assert_int_equal(vu_retry_delay_us(1, 0.75), 22000);
	assert_in_range(vu_retry_delay_us(1, 0.999999), 23990, 24000);
	assert_in_range(vu_retry_delay_us(20, 0.999999), 1199000, 1200000);
}

static void the_delay_must_end_before_the_deadline(void **state)
{
	vu_retry_bucket bucket;
	vu_retry_question question = unavailable(1);
	(void)state;

	vu_retry_bucket_init(&bucket);
	question.time_left_us = 20001;
	assert_int_equal(vu_retry_decide(&bucket, &question), 20000);
	question.time_left_us = 20000;
	assert_int_equal(vu_retry_decide(&bucket, &question), -1);
}

static void half_the_tokens_stop_retries(void **state)
{
	vu_retry_bucket bucket;
	vu_retry_question question = unavailable(1);
	(void)state;

	vu_retry_bucket_init(&bucket);
	/* 10 tokens: five failures leave 5, which still allows one. */
	for (int i = 0; i < 5; i++)
		assert_true(vu_retry_decide(&bucket, &question) >= 0);
	assert_int_equal(bucket.tenths, 50);
	assert_int_equal(vu_retry_decide(&bucket, &question), -1);
	assert_int_equal(bucket.tenths, 40);
	/* Ten successes are one token; nineteen are not quite two: 4 + 1.9 - 1 < 5. */
	for (int i = 0; i < 19; i++)
		vu_retry_bucket_success(&bucket);
	assert_int_equal(vu_retry_decide(&bucket, &question), -1);
	for (int i = 0; i < 11; i++)
		vu_retry_bucket_success(&bucket);
	assert_int_equal(bucket.tenths, 60);
	assert_true(vu_retry_decide(&bucket, &question) >= 0);
}

static void the_bucket_neither_overflows_nor_goes_below_zero(void **state)
{
	vu_retry_bucket bucket;
	(void)state;

	vu_retry_bucket_init(&bucket);
	vu_retry_bucket_success(&bucket);
	assert_int_equal(bucket.tenths, VU_RETRY_TOKENS_MAX);
	for (int i = 0; i < 30; i++)
		(void)vu_retry_bucket_failure(&bucket);
	assert_int_equal(bucket.tenths, 0);
}

static void waiting_for_a_service_costs_nothing_and_goes_on(void **state)
{
	vu_retry_bucket bucket;
	vu_retry_question question = unavailable(1);
	(void)state;

	vu_retry_bucket_init(&bucket);
	question.wait_for_ready = true;
	for (unsigned tries = 1; tries < 1000; tries++) {
		question.tries_made = tries;
		assert_true(vu_retry_decide(&bucket, &question) >= 0);
	}
	assert_int_equal(bucket.tenths, VU_RETRY_TOKENS_MAX);
	question.time_left_us = 1000;
	assert_int_equal(vu_retry_decide(&bucket, &question), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_unavailable_is_retried),
	    cmocka_unit_test(at_most_four_tries),
	    cmocka_unit_test(delays_double_up_to_a_second),
	    cmocka_unit_test(jitter_is_a_fifth_either_way),
	    cmocka_unit_test(the_delay_must_end_before_the_deadline),
	    cmocka_unit_test(half_the_tokens_stop_retries),
	    cmocka_unit_test(the_bucket_neither_overflows_nor_goes_below_zero),
	    cmocka_unit_test(waiting_for_a_service_costs_nothing_and_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
