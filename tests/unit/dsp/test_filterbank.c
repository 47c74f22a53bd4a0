/* common/dsp/filterbank.c: settings that are refused, and what the triangles add up to. */
#include "dsp/filterbank.h"

#include "dsp/mel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_refused(void **state)
{
	static const vu_filterbank_config bad[] = {
	    {VU_FILTERBANK_MEL, 0, 20.0, 7600.0, 512},  {VU_FILTERBANK_MEL, 129, 20.0, 7600.0, 512},
	    {VU_FILTERBANK_MEL, 40, -1.0, 7600.0, 512}, {VU_FILTERBANK_MEL, 40, 300.0, 300.0, 512},
	    {VU_FILTERBANK_MEL, 40, 20.0, 8001.0, 512}, {VU_FILTERBANK_LINEAR, 40, NAN, 7600.0, 512},
	    {VU_FILTERBANK_LINEAR, 40, 20.0, NAN, 512}, {VU_FILTERBANK_MEL, 128, 20.0, 7600.0, 256},
	    {VU_FILTERBANK_LINEAR, 20, 0.0, 8000.0, 1},
	};
	vu_filterbank *bank;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(vu_filterbank_create(&bad[i], &bank), VU_INVALID_ARGUMENT);
}

static void test_neighbours_add_up_to_one(void **state)
{
	const vu_filterbank_config config = {VU_FILTERBANK_LINEAR, 20, 0.0, 8000.0, 512};
	vu_filterbank *bank;
	float power[257];
	float sums[20];

	(void)state;
	assert_int_equal(vu_filterbank_create(&config, &bank), VU_OK);
	/* Between the first and the last centre every bin has total weight 1. */
	for (size_t bin = 13; bin <= 243; bin++) {
		float total = 0.0f;
		for (size_t k = 0; k < 257; k++)
			power[k] = k == bin ? 1.0f : 0.0f;
		vu_filterbank_apply(bank, power, sums);
		for (size_t i = 0; i < 20; i++)
			total += sums[i];
		assert_true(fabsf(total - 1.0f) < 1e-5f);
	}
	vu_filterbank_destroy(bank);
}

static void test_mel_inverts(void **state)
{
	(void)state;
	assert_true(fabs(vu_mel_from_hz(1000.0) - 999.9855) < 1e-3);
	for (double hz = 0.0; hz <= 8000.0; hz += 250.0)
		assert_true(fabs(vu_mel_to_hz(vu_mel_from_hz(hz)) - hz) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_neighbours_add_up_to_one),
	    cmocka_unit_test(test_mel_inverts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
