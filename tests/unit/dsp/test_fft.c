/* common/dsp/fft.c: sizes, the inverse, sharing between threads. */
#include "dsp/fft.h"

#include "dsp_aid.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes(void **state)
{
	static const size_t bad[] = {0, 1, 128, 255, 257, 500, 768, 8192, (size_t)-1};
	const vu_fft *fft;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(vu_fft_get(bad[i], &fft), VU_INVALID_ARGUMENT);
	for (size_t size = VU_FFT_SIZE_MIN; size <= VU_FFT_SIZE_MAX; size *= 2) {
		const vu_fft *again;
		assert_int_equal(vu_fft_get(size, &fft), VU_OK);
		assert_int_equal(vu_fft_get(size, &again), VU_OK);
		assert_ptr_equal(fft, again);
		assert_int_equal(vu_fft_size(fft), size);
		assert_int_equal(vu_fft_bins(fft), size / 2 + 1);
	}
}

static void test_tone_and_inverse(void **state)
{
	(void)state;
	for (size_t size = VU_FFT_SIZE_MIN; size <= VU_FFT_SIZE_MAX; size *= 2) {
		const vu_fft *fft;
		float *time = vu_fft_alloc(size);
		float *back = vu_fft_alloc(size);
		vu_fft_bin *bins = vu_fft_alloc_bins(size / 2 + 1);
		float power[VU_FFT_SIZE_MAX / 2 + 1];

		assert_int_equal(vu_fft_get(size, &fft), VU_OK);
		dsp_aid_add_tone(time, size, 1.0f, 16000.0 * 10 / (double)size);
		vu_fft_forward(fft, time, bins);
		vu_fft_power(bins, size / 2 + 1, power);
		assert_true(fabsf(power[10] / ((float)size * (float)size / 4.0f) - 1.0f) < 1e-4f);
		assert_true(power[12] < 1e-4f * power[10]);
		vu_fft_inverse(fft, bins, back);
		for (size_t n = 0; n < size; n++)
			assert_true(fabsf(back[n] / (float)size - time[n]) < 1e-5f);
		vu_fft_free(bins);
		vu_fft_free(back);
		vu_fft_free(time);
	}
}

static void *transform_often(void *argument)
{
	const float *expected = argument;
	const vu_fft *fft;
	float *time = vu_fft_alloc(1024);
	vu_fft_bin *bins = vu_fft_alloc_bins(513);
	size_t wrong = 0;

	if (vu_fft_get(1024, &fft) != VU_OK)
		return argument;
	dsp_aid_add_noise(time, 1024, 0.5f, 7);
	for (int i = 0; i < 200; i++) {
		vu_fft_forward(fft, time, bins);
		wrong += memcmp(bins, expected, 513 * sizeof *bins) != 0;
	}
	vu_fft_free(bins);
	vu_fft_free(time);
	return wrong ? argument : NULL;
}

static void test_threads_share_a_plan(void **state)
{
	const vu_fft *fft;
	pthread_t threads[4];
	float *time = vu_fft_alloc(1024);
	vu_fft_bin *bins = vu_fft_alloc_bins(513);

	(void)state;
	assert_int_equal(vu_fft_get(1024, &fft), VU_OK);
	dsp_aid_add_noise(time, 1024, 0.5f, 7);
	vu_fft_forward(fft, time, bins);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, transform_often, bins), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	vu_fft_free(bins);
	vu_fft_free(time);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_tone_and_inverse),
	    cmocka_unit_test(test_threads_share_a_plan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
