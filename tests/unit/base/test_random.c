/* Against what splitmix64 gives elsewhere: models are reproduced bit by bit only while it stays so. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void numbers_are_those_of_splitmix64(void **state)
{
	uint64_t seed = 0;
	uint64_t other = 1234567;

	(void)state;
	assert_true(vu_random_next(&seed) == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(vu_random_next(&seed) == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(vu_random_next(&other) == UINT64_C(6457827717110365317));
}

static void numbers_stay_within_their_bounds(void **state)
{
	uint64_t seed = 7;
	double sum = 0;
	double square = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double u = vu_random_uniform(&seed);
		double b = vu_random_between(&seed, -3, 5);
		double n = vu_random_normal(&seed);
		assert_true(u >= 0 && u < 1);
		assert_true(b >= -3 && b < 5);
		assert_true(vu_random_below(&seed, 3) < 3);
		sum += n;
		square += n * n;
	}
	assert_float_equal(sum / 100000, 0, 0.02);
	assert_float_equal(square / 100000, 1, 0.02);
	assert_true(vu_random_hash("a", 1) != vu_random_hash("a", 2));
	assert_true(vu_random_hash("a", 1) != vu_random_hash("b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_those_of_splitmix64),
	    cmocka_unit_test(numbers_stay_within_their_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
