/* float16: every half, every rounding boundary, and the kernels against each other. */
#include "ml/float16.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What the half's bits mean, by the definition in IEEE 754. */
static double meaning(unsigned half)
{
	unsigned exponent = (half >> 10) & 31;
	unsigned mantissa = half & 1023;
	double magnitude = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024.0 + mantissa, (int)exponent - 25);
	return half & 0x8000 ? -magnitude : magnitude;
}

static void test_every_half_survives(void **state)
{
	(void)state;
	for (unsigned half = 0; half < 65536; half++) {
		float value = vu_float16_to_float((vu_float16)half);
		if (((half >> 10) & 31) == 31 && (half & 1023)) {
			assert_true(isnan(value));
			assert_true(isnan(vu_float16_to_float(vu_float16_from_float(value))));
			continue;
		}
		if (((half >> 10) & 31) == 31)
			assert_true(isinf(value));
		else
			assert_true((double)value == meaning(half));
		assert_int_equal(vu_float16_from_float(value), half);
	}
}

static void test_rounds_to_nearest_even(void **state)
{
	(void)state;
	for (unsigned half = 0; half < 0x7BFF; half++) {
		double low = meaning(half);
		double high = meaning(half + 1);
		float middle = (float)((low + high) / 2); /* exact: a half has 11 bits */
		unsigned even = half & 1 ? half + 1 : half;
		assert_int_equal(vu_float16_from_float(middle), even);
		assert_int_equal(vu_float16_from_float(nextafterf(middle, 0)), half);
		assert_int_equal(vu_float16_from_float(nextafterf(middle, INFINITY)), half + 1);
		assert_int_equal(vu_float16_from_float(-middle), even | 0x8000);
	}
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(vu_float16_from_float(65504.0f), 0x7BFF);
	assert_int_equal(vu_float16_from_float(65519.0f), 0x7BFF);
	assert_int_equal(vu_float16_from_float(65520.0f), 0x7C00);
	assert_int_equal(vu_float16_from_float(1e30f), 0x7C00);
	assert_int_equal(vu_float16_from_float(-INFINITY), 0xFC00);
	assert_int_equal(vu_float16_from_float(0x1p-25f), 0);
	assert_int_equal(vu_float16_from_float(nextafterf(0x1p-25f, 1)), 1);
	assert_int_equal(vu_float16_from_float(-0.0f), 0x8000);
}

static void test_arrays_equal_scalars(void **state)
{
	enum { COUNT = 4099 }; /* not a multiple of any vector's width */
	float *values = malloc(COUNT * sizeof *values);
	float *back = malloc(COUNT * sizeof *back);
	vu_float16 *halves = malloc(COUNT * sizeof *halves);
	uint32_t bits = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < COUNT; i++) {
			bits = bits * 1664525u + 1013904223u;
			memcpy(&values[i], &bits, sizeof bits);
			if (round % 2) /* mostly numbers that fit */
				values[i] = (float)((int32_t)bits) * 1e-6f;
		}
		vu_float16_pack(values, halves, COUNT);
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(halves[i], vu_float16_from_float(values[i]));
		vu_float16_unpack(halves, back, COUNT);
		for (int i = 0; i < COUNT; i++) {
			float expected = vu_float16_to_float(halves[i]);
			assert_memory_equal(&back[i], &expected, sizeof expected);
		}
	}
	free(halves);
	free(back);
	free(values);
}

static void test_kernel_is_named(void **state)
{
	const char *kernel = vu_float16_kernel();
	(void)state;
	assert_true(strcmp(kernel, "f16c") == 0 || strcmp(kernel, "neon") == 0 || strcmp(kernel, "scalar") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_half_survives),
	    cmocka_unit_test(test_rounds_to_nearest_even),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_arrays_equal_scalars),
	    cmocka_unit_test(test_kernel_is_named),
	};
	return cmocka_run_group_tests_name("float16", tests, NULL, NULL);
}
