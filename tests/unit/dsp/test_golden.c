/* Every stage against numbers that tests/golden/generate.py computed in double precision, from the definitions. */
#include "../../golden/dsp_golden.h"

#include "dsp/cmvn.h"
#include "dsp/delta.h"
#include "dsp/dsp.h"
#include "dsp/fft.h"
#include "dsp/filterbank.h"
#include "dsp/frame.h"
#include "dsp/lfcc.h"
#include "dsp/mfcc.h"
#include "dsp/spectral.h"
#include "dsp/window.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES (sizeof golden_signal / sizeof *golden_signal)
#define BINS    (VU_FFT_SIZE / 2 + 1)

static float signal_samples[SAMPLES];

static void assert_near(float value, float expected, float tolerance, const char *what, size_t index)
{
	if (!(fabsf(value - expected) <= tolerance))
		fail_msg("%s[%zu] is %.8g, expected %.8g within %.2g", what, index, (double)value, (double)expected,
		         (double)tolerance);
}

static void assert_all_near(const float *values, const float *expected, size_t count, float tolerance,
                            const char *what)
{
	for (size_t i = 0; i < count; i++)
		assert_near(values[i], expected[i], tolerance, what, i);
}

static int load_signal(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		signal_samples[n] = (float)golden_signal[n] / 32768.0f;
	return 0;
}

static void test_windows(void **state)
{
	float window[VU_FRAME_SAMPLES];

	(void)state;
	vu_window_fill(VU_WINDOW_HAMMING, window, VU_FRAME_SAMPLES);
	for (size_t i = 0; i < 16; i++)
		assert_near(window[25 * i], golden_hamming[i], 1e-6f, "hamming", i);
	vu_window_fill(VU_WINDOW_HANN, window, VU_FRAME_SAMPLES);
	for (size_t i = 0; i < 16; i++)
		assert_near(window[25 * i], golden_hann[i], 1e-6f, "hann", i);
	vu_window_fill(VU_WINDOW_HANN, window, 1);
	assert_near(window[0], 1.0f, 0.0f, "window of one sample", 0);
}

static void test_spectrum(void **state)
{
	const vu_fft *fft;
	float *time = vu_fft_alloc(VU_FFT_SIZE);
	vu_fft_bin *bins = vu_fft_alloc_bins(BINS);

	(void)state;
	assert_int_equal(vu_fft_get(VU_FFT_SIZE, &fft), VU_OK);
	memcpy(time, signal_samples + 3 * VU_HOP_SAMPLES, VU_FRAME_SAMPLES * sizeof(float));
	vu_fft_forward(fft, time, bins);
	for (size_t k = 0; k < BINS; k++) {
		assert_near(bins[k].re, golden_spectrum_re[k], 2e-5f, "re", k);
		assert_near(bins[k].im, golden_spectrum_im[k], 2e-5f, "im", k);
	}
	vu_fft_free(bins);
	vu_fft_free(time);
}

static void test_mel_filterbank(void **state)
{
	const vu_filterbank_config config = {VU_FILTERBANK_MEL, VU_MFCC_FILTERS, VU_MFCC_LOW_HZ, VU_MFCC_HIGH_HZ,
	                                     VU_FFT_SIZE};
	vu_filterbank *bank;
	float sums[VU_MFCC_FILTERS];

	(void)state;
	assert_int_equal(vu_filterbank_create(&config, &bank), VU_OK);
	assert_int_equal(vu_filterbank_count(bank), VU_MFCC_FILTERS);
	vu_filterbank_apply(bank, golden_power, sums);
	for (size_t i = 0; i < VU_MFCC_FILTERS; i++)
		assert_near(sums[i], golden_mel_sums[i], 1e-5f * (1.0f + golden_mel_sums[i]), "mel sum", i);
	vu_filterbank_destroy(bank);
}

typedef struct collected {
	vu_cepstrum *engine;
	float coefficients[64][20];
	float logs[64][VU_MFCC_FILTERS];
	float power[64][BINS];
	size_t frames;
} collected;

static void collect(void *context, const float *frame, uint64_t index)
{
	collected *c = context;
	assert_true(index < 64);
	vu_cepstrum_compute(c->engine, frame, c->coefficients[index]);
	memcpy(c->power[index], vu_cepstrum_power(c->engine), sizeof c->power[index]);
	c->frames = index + 1;
}

static void collect_with_logs(void *context, const float *frame, uint64_t index)
{
	collected *c = context;
	collect(context, frame, index);
	memcpy(c->logs[index], vu_cepstrum_log_energies(c->engine), sizeof c->logs[index]);
}

static void stream(collected *c, size_t frame_samples, vu_frame_sink sink)
{
	vu_framer *framer;

	assert_int_equal(vu_framer_create(frame_samples, VU_HOP_SAMPLES, 0, &framer), VU_OK);
	/* In uneven pieces: streaming must not show. */
	for (size_t n = 0, step = 1; n < SAMPLES; n += step, step = step * 7 % 613 + 1)
		vu_framer_push(framer, signal_samples + n, n + step <= SAMPLES ? step : SAMPLES - n, sink, c);
	vu_framer_destroy(framer);
}

static void test_mfcc(void **state)
{
	static collected c;
	static float delta[GOLDEN_FRAMES * 20];
	static float delta_delta[GOLDEN_FRAMES * 20];

	(void)state;
	assert_int_equal(vu_mfcc_create(&c.engine), VU_OK);
	stream(&c, VU_FRAME_SAMPLES, collect_with_logs);
	assert_int_equal(c.frames, GOLDEN_FRAMES);
	assert_all_near(&c.logs[0][0], golden_mel_logs, GOLDEN_FRAMES * VU_MFCC_FILTERS, 2e-3f, "log mel");
	assert_all_near(&c.coefficients[0][0], golden_mfcc, GOLDEN_FRAMES * 20, 5e-3f, "mfcc");
	vu_delta_compute(golden_mfcc, GOLDEN_FRAMES, 20, 2, delta);
	assert_all_near(delta, golden_delta, GOLDEN_FRAMES * 20, 1e-4f, "delta");
	vu_delta_compute(delta, GOLDEN_FRAMES, 20, 2, delta_delta);
	assert_all_near(delta_delta, golden_delta_delta, GOLDEN_FRAMES * 20, 1e-4f, "delta delta");
	vu_cepstrum_destroy(c.engine);
}

static void test_cmvn(void **state)
{
	static float values[GOLDEN_FRAMES * 20];
	float constant[6] = {3.0f, 1.0f, 3.0f, 2.0f, 3.0f, 3.0f};

	(void)state;
	memcpy(values, golden_mfcc, sizeof values);
	vu_cmvn_apply(values, GOLDEN_FRAMES, 20, true);
	assert_all_near(values, golden_cmvn, GOLDEN_FRAMES * 20, 1e-4f, "cmvn");
	/* A dimension that never changes becomes zero, not NaN. */
	vu_cmvn_apply(constant, 3, 2, true);
	for (size_t i = 0; i < 6; i += 2)
		assert_near(constant[i], 0.0f, 0.0f, "constant", i);
	vu_cmvn_apply(constant, 0, 2, true);
}

static void test_lfcc(void **state)
{
	static collected c;

	(void)state;
	assert_int_equal(vu_lfcc_create(&c.engine), VU_OK);
	stream(&c, VU_LFCC_FRAME_SAMPLES, collect);
	assert_int_equal(c.frames, GOLDEN_LFCC_FRAMES);
	assert_all_near(&c.coefficients[0][0], golden_lfcc, GOLDEN_LFCC_FRAMES * 20, 5e-3f, "lfcc");
	vu_cepstrum_destroy(c.engine);
}

static void test_spectral(void **state)
{
	static collected c;
	static const size_t frames[] = {1, 4, 7};

	(void)state;
	assert_int_equal(vu_mfcc_create(&c.engine), VU_OK);
	stream(&c, VU_FRAME_SAMPLES, collect);
	for (size_t i = 0; i < 3; i++) {
		const float *expected = golden_spectral + 13 * i;
		vu_spectral s;

		vu_spectral_analyze(c.power[frames[i]], c.power[frames[i] - 1], BINS, &s);
		assert_near(s.centroid_hz, expected[0], 0.1f, "centroid", i);
		assert_near(s.spread_hz, expected[1], 0.1f, "spread", i);
		assert_near(s.flatness, expected[2], 1e-4f, "flatness", i);
		assert_near(s.rolloff_hz, expected[3], 0.01f, "roll-off", i);
		assert_near(s.flux, expected[4], 1e-5f, "flux", i);
		assert_all_near(s.band_share, expected + 5, VU_SPECTRAL_BANDS, 1e-5f, "band share");
	}
	vu_cepstrum_destroy(c.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_windows),  cmocka_unit_test(test_spectrum), cmocka_unit_test(test_mel_filterbank),
	    cmocka_unit_test(test_mfcc),     cmocka_unit_test(test_cmvn),     cmocka_unit_test(test_lfcc),
	    cmocka_unit_test(test_spectral),
	};
	return cmocka_run_group_tests(tests, load_signal, NULL);
}
