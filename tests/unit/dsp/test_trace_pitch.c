/* Pitch of made voices to a percent, or a whole part of it; noise and silence have none. */
#include "dsp/trace_pitch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static float samples[VU_TRACE_PITCH_FRAME];

static void make_voice(double hz)
{
	for (size_t i = 0; i < VU_TRACE_PITCH_FRAME; i++) {
		double sum = 0;
		for (int k = 1; k * hz < 4000; k++)
			sum += cos(2 * M_PI * k * hz * (double)i / VU_SAMPLE_RATE + k * k) / k;
		samples[i] = (float)(0.1 * sum);
	}
}

static void test_pitch(void **state)
{
	static const double HERTZ[] = {70, 98.7, 120, 151.3, 210, 260, 333};
	vu_trace_pitch *pitch;
	vu_trace_pitch_frame frame;
	double times;

	(void)state;
	assert_int_equal(vu_trace_pitch_create(&pitch), VU_OK);
	for (size_t i = 0; i < sizeof HERTZ / sizeof *HERTZ; i++) {
		make_voice(HERTZ[i]);
		vu_trace_pitch_measure(pitch, samples, &frame);
		times = round(HERTZ[i] / (double)frame.hertz);
		assert_true(frame.periodic > 0.9f);
		assert_true(fabs(times * (double)frame.hertz - HERTZ[i]) < 0.01 * HERTZ[i]);
		assert_true(times >= 1);
		assert_true(frame.energy > 0);
		/* A harmonic stands above what lies beside it, where 40 ms tell them apart. */
		assert_true(HERTZ[i] < 120 || frame.power[vu_trace_pitch_bin((float)(2 * HERTZ[i]))] >
		                                  10 * frame.power[vu_trace_pitch_bin((float)(2.5 * HERTZ[i]))]);
	}
	vu_trace_pitch_destroy(pitch);
}

static void test_no_pitch(void **state)
{
	vu_trace_pitch *pitch;
	vu_trace_pitch_frame frame;
	uint32_t noise = 1;

	(void)state;
	assert_int_equal(vu_trace_pitch_create(&pitch), VU_OK);
	for (size_t i = 0; i < VU_TRACE_PITCH_FRAME; i++) {
		noise = noise * 1664525u + 1013904223u;
		samples[i] = 0.1f * ((float)(noise >> 8) / 8388608.0f - 1.0f);
	}
	vu_trace_pitch_measure(pitch, samples, &frame);
	assert_true(frame.periodic < VU_TRACE_PITCH_VOICED);
	memset(samples, 0, sizeof samples);
	vu_trace_pitch_measure(pitch, samples, &frame);
	assert_true(frame.periodic < VU_TRACE_PITCH_VOICED);
	assert_true(isfinite(frame.hertz));
	vu_trace_pitch_destroy(pitch);
	vu_trace_pitch_destroy(NULL);
}

static void test_bins(void **state)
{
	(void)state;
	assert_int_equal(vu_trace_pitch_bin(0), 0);
	assert_int_equal(vu_trace_pitch_bin(-50), 0);
	assert_int_equal(vu_trace_pitch_bin(1000), 128);
	assert_int_equal(vu_trace_pitch_bin(9000), VU_TRACE_PITCH_BINS - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pitch),
	    cmocka_unit_test(test_no_pitch),
	    cmocka_unit_test(test_bins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
