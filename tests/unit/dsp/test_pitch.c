/* common/dsp/pitch.c on tones, glides, pulses, noise and silence. */
#include "dsp/pitch.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int create(void **state)
{
	return vu_pitch_create((vu_pitch **)state) == VU_OK ? 0 : -1;
}

static int destroy(void **state)
{
	vu_pitch_destroy(*state);
	return 0;
}

/* A voice-like wave: `harmonics` of `hz` falling at 6 dB an octave, on an offset. */
static void fill_wave(float *frame, double hz, int harmonics, double offset)
{
	for (int n = 0; n < VU_PITCH_FRAME_SAMPLES; n++) {
		double sum = offset;
		for (int k = 1; k <= harmonics; k++)
			sum += 0.2 * sin(2.0 * M_PI * hz * k * n / 16000.0 + k) / k;
		frame[n] = (float)sum;
	}
}

static void test_tones_and_voices(void **state)
{
	float frame[VU_PITCH_FRAME_SAMPLES];

	for (double hz = 70.0; hz < 410.0; hz += 7.0) {
		for (int harmonics = 1; harmonics <= 17; harmonics += 8) {
			vu_pitch_estimate estimate;

			fill_wave(frame, hz, harmonics, 0.3);
			estimate = vu_pitch_analyze(*state, frame);
			if (fabs((double)estimate.hz - hz) > 0.01 * hz || estimate.voicing < 0.9f)
				fail_msg("%g Hz of %d harmonics: found %g Hz, voicing %g", hz, harmonics,
				         (double)estimate.hz, (double)estimate.voicing);
		}
	}
}

static void test_glide(void **state)
{
	size_t count = 32000;
	float *samples = dsp_aid_silence(count);
	double phase = 0.0;

	/* 100 to 300 Hz in two seconds: 4 Hz within a frame. */
	for (size_t n = 0; n < count; n++) {
		phase += 2.0 * M_PI * (100.0 + 100.0 * (double)n / 16000.0) / 16000.0;
		samples[n] = (float)(0.3 * sin(phase) + 0.2 * sin(2.0 * phase) + 0.1 * sin(3.0 * phase));
	}
	for (size_t n = 0; n + VU_PITCH_FRAME_SAMPLES <= count; n += 160) {
		/* The estimate belongs near the middle of the frame. */
		double hz = 100.0 + 100.0 * (double)(n + 320) / 16000.0;
		vu_pitch_estimate estimate = vu_pitch_analyze(*state, samples + n);
		assert_true(fabs((double)estimate.hz - hz) < 0.03 * hz);
		assert_true(estimate.voicing > VU_PITCH_VOICED);
	}
	free(samples);
}

static void test_noise_is_not_voiced(void **state)
{
	int voiced = 0;

	for (uint32_t seed = 1; seed <= 200; seed++) {
		float frame[VU_PITCH_FRAME_SAMPLES] = {0};
		dsp_aid_add_noise(frame, VU_PITCH_FRAME_SAMPLES, 0.3f, seed * 77u);
		voiced += vu_pitch_analyze(*state, frame).voicing >= VU_PITCH_VOICED;
	}
	assert_int_equal(voiced, 0);
}

static void test_silence_and_offset(void **state)
{
	float frame[VU_PITCH_FRAME_SAMPLES] = {0};
	vu_pitch_estimate estimate = vu_pitch_analyze(*state, frame);

	assert_true(estimate.hz == 0.0f && estimate.voicing == 0.0f);
	for (int n = 0; n < VU_PITCH_FRAME_SAMPLES; n++)
		frame[n] = 0.5f;
	estimate = vu_pitch_analyze(*state, frame);
	assert_true(estimate.hz == 0.0f && estimate.voicing == 0.0f);
	for (int n = 0; n < VU_PITCH_FRAME_SAMPLES; n++)
		frame[n] = n % 2 ? 16.0f : -16.0f;
	estimate = vu_pitch_analyze(*state, frame);
	assert_true(isfinite(estimate.hz) && isfinite(estimate.voicing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_tones_and_voices, create, destroy),
	    cmocka_unit_test_setup_teardown(test_glide, create, destroy),
	    cmocka_unit_test_setup_teardown(test_noise_is_not_voiced, create, destroy),
	    cmocka_unit_test_setup_teardown(test_silence_and_offset, create, destroy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
