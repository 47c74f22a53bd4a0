/* common/dsp/vad_bands.c: levels are calibrated, and the floors lie where white noise is. */
#include "dsp/vad_bands.h"

#include "dsp/dsp.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int create(void **state)
{
	return vu_vad_bands_create((vu_vad_bands **)state) == VU_OK ? 0 : -1;
}

static int destroy(void **state)
{
	vu_vad_bands_destroy(*state);
	return 0;
}

static void test_level_of_a_tone(void **state)
{
	float frame[VU_FRAME_SAMPLES] = {0};
	vu_vad_levels levels;

	dsp_aid_add_tone(frame, VU_FRAME_SAMPLES, 0.1f, 1000.0);
	vu_vad_bands_analyze(*state, frame, &levels);
	/* A sine of 0.1 has -23.01 dBFS; between two centres the triangles share it. */
	assert_true(fabsf(levels.total_dbfs + 23.01f) < 0.3f);
	assert_false(levels.silent);
}

static void test_white_noise(void **state)
{
	size_t count = 10 * 16000;
	float *x = dsp_aid_silence(count);
	double slow = 0.0;
	double band_over = 0.0;
	size_t frames = 0;

	/* Uniform noise of 0.1: -24.8 dBFS in all, -25.4 between 100 and 7000 Hz. */
	dsp_aid_add_noise(x, count, 0.1f, 21);
	for (size_t n = 0; n + VU_FRAME_SAMPLES <= count; n += VU_HOP_SAMPLES) {
		vu_vad_levels levels;
		vu_vad_excess excess;

		vu_vad_bands_analyze(*state, x + n, &levels);
		if (n < 3 * 16000)
			continue;
		excess = vu_vad_bands_excess(*state, &levels);
		slow += (double)excess.slow_db;
		band_over += excess.bands_above;
		frames++;
	}
	/* The bias is right: the tracked level is the true one, and hardly anything stands out. */
	assert_true(fabsf(vu_vad_bands_noise_dbfs(*state) + 25.4f) < 1.5f);
	assert_true(slow / (double)frames < 0.3);
	assert_true(band_over / (double)frames < 0.5);
	free(x);
}

static void test_silence_teaches_nothing(void **state)
{
	float frame[VU_FRAME_SAMPLES] = {0};
	vu_vad_levels levels;
	float before;

	vu_vad_bands_analyze(*state, frame, &levels);
	assert_true(levels.silent);
	assert_true(vu_vad_bands_excess(*state, &levels).slow_db == 0.0f);
	dsp_aid_add_noise(frame, VU_FRAME_SAMPLES, 0.01f, 1);
	vu_vad_bands_analyze(*state, frame, &levels);
	assert_false(levels.silent);
	before = vu_vad_bands_noise_dbfs(*state);
	/* Half a frame of zeros, then all of it. */
	memset(frame, 0, 200 * sizeof *frame);
	vu_vad_bands_analyze(*state, frame, &levels);
	memset(frame, 0, sizeof frame);
	vu_vad_bands_analyze(*state, frame, &levels);
	assert_true(vu_vad_bands_noise_dbfs(*state) == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_level_of_a_tone, create, destroy),
	    cmocka_unit_test_setup_teardown(test_white_noise, create, destroy),
	    cmocka_unit_test_setup_teardown(test_silence_teaches_nothing, create, destroy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
