/* Kernels against the definition in double precision, at every length and alignment that matters. */
#include "ml/kernel.h"

#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MOST 531

static float a[MOST];
static float b[MOST];
static vu_float16 half[MOST];

static int setup(void **state)
{
	uint64_t seed = 8;

	(void)state;
	for (int i = 0; i < MOST; i++) {
		half[i] = vu_float16_from_float((float)(synthetic_random(&seed) - 0.5));
		a[i] = vu_float16_to_float(half[i]);
		b[i] = (float)(synthetic_random(&seed) - 0.5);
	}
	return 0;
}

static void test_dots(void **state)
{
	(void)state;
	for (size_t offset = 0; offset < 3; offset++) {
		for (size_t count = 0; count + offset <= MOST; count++) {
			double expected = 0;
			for (size_t i = 0; i < count; i++)
				expected += (double)a[offset + i] * b[i];
			assert_true(fabs(vu_kernel_dot(a + offset, b, count) - expected) < 1e-4);
			assert_true(fabs(vu_kernel_dot_half(half + offset, b, count) - expected) < 1e-4);
		}
	}
}

static void test_dot_of_bytes(void **state)
{
	int8_t bytes[MOST];

	(void)state;
	for (int i = 0; i < MOST; i++)
		bytes[i] = (int8_t)(i % 255 - 127);
	for (size_t offset = 0; offset < 3; offset++) {
		for (size_t count = 0; count + offset <= MOST; count++) {
			double expected = 0;
			for (size_t i = 0; i < count; i++)
				expected += (double)bytes[offset + i] * b[i];
			assert_true(fabs(vu_kernel_dot_i8(bytes + offset, b, count) - expected) < 1e-2);
		}
	}
}

static void test_add_two(void **state)
{
	float out[MOST];

	(void)state;
	for (size_t count = 0; count <= 40; count++) {
		for (size_t i = 0; i < MOST; i++)
			out[i] = (float)i;
		vu_kernel_add_two(out, a, 2, b, -3, count);
		for (size_t i = 0; i < MOST; i++)
			assert_true(fabs(out[i] - ((double)i + (i < count ? 2.0 * a[i] - 3.0 * b[i] : 0))) < 1e-4);
	}
}

static void test_name(void **state)
{
	(void)state;
	assert_true(strcmp(vu_kernel_name(), "avx2") == 0 || strcmp(vu_kernel_name(), "plain") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dots),
	    cmocka_unit_test(test_dot_of_bytes),
	    cmocka_unit_test(test_add_two),
	    cmocka_unit_test(test_name),
	};
	return cmocka_run_group_tests_name("kernel", tests, setup, NULL);
}
