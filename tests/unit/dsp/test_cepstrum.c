/* common/dsp/cepstrum.c: settings that are refused, silence, offsets, gain. Values are in test_golden.c. */
#include "dsp/cepstrum.h"

#include "dsp/dsp.h"
#include "dsp/lfcc.h"
#include "dsp/mfcc.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const vu_cepstrum_config good = {400, VU_WINDOW_HAMMING, 0.97f, {VU_FILTERBANK_MEL, 40, 20.0, 7600.0, 512}, 20,
                                        22.0};

static void refuse(vu_cepstrum_config config)
{
	vu_cepstrum *c;
	assert_int_equal(vu_cepstrum_create(&config, &c), VU_INVALID_ARGUMENT);
}

static void test_refused(void **state)
{
	vu_cepstrum_config config;

	(void)state;
	config = good;
	config.frame_samples = 513;
	refuse(config);
	config = good;
	config.frame_samples = 1;
	refuse(config);
	config = good;
	config.coefficient_count = 41;
	refuse(config);
	config = good;
	config.coefficient_count = 0;
	refuse(config);
	config = good;
	config.pre_emphasis = 1.0f;
	refuse(config);
	config = good;
	config.pre_emphasis = NAN;
	refuse(config);
	config = good;
	config.lifter = -1.0;
	refuse(config);
	config = good;
	config.filters.fft_size = 500;
	refuse(config);
	config = good;
	config.filters.high_hz = 9000.0;
	refuse(config);
}

static void test_silence_is_finite(void **state)
{
	float frame[VU_FRAME_SAMPLES] = {0};
	float c[VU_MFCC_COEFFICIENTS];
	vu_cepstrum *mfcc;

	(void)state;
	assert_int_equal(vu_mfcc_create(&mfcc), VU_OK);
	vu_cepstrum_compute(mfcc, frame, c);
	/* All logs are ln 1e-10: a constant, so all in C0. */
	assert_true(fabsf(c[0] - (float)(log(1e-10) * sqrt(40.0))) < 1e-3f);
	for (int i = 1; i < VU_MFCC_COEFFICIENTS; i++)
		assert_true(fabsf(c[i]) < 1e-3f);
	/* Full-scale garbage is finite as well. */
	for (int n = 0; n < VU_FRAME_SAMPLES; n++)
		frame[n] = n % 2 ? 16.0f : -16.0f;
	vu_cepstrum_compute(mfcc, frame, c);
	for (int i = 0; i < VU_MFCC_COEFFICIENTS; i++)
		assert_true(isfinite(c[i]));
	vu_cepstrum_destroy(mfcc);
}

static void test_gain_and_offset_move_only_c0(void **state)
{
	float frame[VU_FRAME_SAMPLES] = {0};
	float a[VU_MFCC_COEFFICIENTS];
	float b[VU_MFCC_COEFFICIENTS];
	vu_cepstrum *mfcc;

	(void)state;
	assert_int_equal(vu_mfcc_create(&mfcc), VU_OK);
	dsp_aid_add_noise(frame, VU_FRAME_SAMPLES, 0.4f, 2);
	vu_cepstrum_compute(mfcc, frame, a);
	for (int n = 0; n < VU_FRAME_SAMPLES; n++)
		frame[n] = 0.1f * frame[n] + 0.2f;
	vu_cepstrum_compute(mfcc, frame, b);
	assert_true(fabsf(b[0] - a[0] + (float)(2.0 * log(10.0) * sqrt(40.0))) < 0.02f);
	for (int i = 1; i < VU_MFCC_COEFFICIENTS; i++)
		assert_true(fabsf(b[i] - a[i]) < 0.02f);
	vu_cepstrum_destroy(mfcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_silence_is_finite),
	    cmocka_unit_test(test_gain_and_offset_move_only_c0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
