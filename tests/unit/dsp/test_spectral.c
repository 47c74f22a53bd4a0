/* common/dsp/spectral.c at its edges; the values themselves are in test_golden.c. */
#include "dsp/spectral.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BINS 257

static void test_no_power(void **state)
{
	float power[BINS] = {0};
	float flat[BINS];
	vu_spectral s;

	(void)state;
	vu_spectral_analyze(power, NULL, BINS, &s);
	assert_true(s.centroid_hz == 0.0f && s.spread_hz == 0.0f && s.flatness == 0.0f && s.rolloff_hz == 0.0f);
	/* Only the mean: still nothing. */
	power[0] = 100.0f;
	vu_spectral_analyze(power, power, BINS, &s);
	assert_true(s.centroid_hz == 0.0f && s.flux == 0.0f);
	for (int k = 0; k < BINS; k++)
		flat[k] = 1.0f;
	vu_spectral_analyze(flat, power, BINS, &s);
	assert_true(s.flux == 0.0f);
}

static void test_flat_and_single_line(void **state)
{
	float power[BINS];
	vu_spectral s;

	(void)state;
	for (int k = 0; k < BINS; k++)
		power[k] = 2.0f;
	vu_spectral_analyze(power, power, BINS, &s);
	assert_true(fabsf(s.flatness - 1.0f) < 1e-4f);
	assert_true(fabsf(s.centroid_hz - 4015.6f) < 1.0f);
	assert_true(s.flux == 0.0f);
	for (int b = 0; b < VU_SPECTRAL_BANDS; b++)
		assert_true(fabsf(s.band_share[b] - 0.125f) < 1e-4f);
	for (int k = 0; k < BINS; k++)
		power[k] = k == 32 ? 1.0f : 0.0f;
	vu_spectral_analyze(power, NULL, BINS, &s);
	assert_true(fabsf(s.centroid_hz - 1000.0f) < 0.1f);
	assert_true(fabsf(s.rolloff_hz - 1000.0f) < 0.1f);
	assert_true(s.spread_hz < 0.1f);
	assert_true(s.flatness < 1e-6f);
	assert_true(s.band_share[0] == 1.0f);
}

static void test_extremes_stay_finite(void **state)
{
	float power[BINS];
	vu_spectral s;

	(void)state;
	for (int k = 0; k < BINS; k++)
		power[k] = k % 2 ? 1e9f : 0.0f;
	vu_spectral_analyze(power, power, BINS, &s);
	assert_true(isfinite(s.centroid_hz) && isfinite(s.spread_hz) && isfinite(s.flatness) && isfinite(s.flux));
	assert_true(s.rolloff_hz <= 8000.0f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_power),
	    cmocka_unit_test(test_flat_and_single_line),
	    cmocka_unit_test(test_extremes_stay_finite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
