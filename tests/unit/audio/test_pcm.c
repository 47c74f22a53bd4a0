/* Conversion of samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/pcm.h"

#include <math.h>
#include <string.h>

static void test_every_s16_comes_back(void **state)
{
	(void)state;
	for (int i = INT16_MIN; i <= INT16_MAX; i++) {
		int16_t in = (int16_t)i;
		int16_t out = 0;
		uint8_t bytes[2] = {(uint8_t)(i & 0xff), (uint8_t)((i >> 8) & 0xff)};
		float value;
		float from_bytes;
		vu_pcm_from_s16(&in, 1, &value);
		vu_pcm_from_s16le(bytes, 1, &from_bytes);
		vu_pcm_to_s16(&value, 1, &out);
		assert_int_equal(in, out);
		assert_true(value == from_bytes);
		assert_true(value >= -1.0f && value < 1.0f);
	}
}

static void test_clipping(void **state)
{
	const float in[] = {1.0f, 1.5f, 1e30f, -1.0f, -1.0001f, -1e30f, NAN, INFINITY, -INFINITY, 0.0f};
	const int16_t expected[] = {32767, 32767, 32767, -32768, -32768, -32768, 0, 32767, -32768, 0};
	int16_t out[10];

	(void)state;
	vu_pcm_to_s16(in, 10, out);
	assert_memory_equal(out, expected, sizeof out);
}

static void test_float_bytes(void **state)
{
	/* 1.0, -0.5 and NaN as little-endian IEEE numbers, at an odd address. */
	const uint8_t bytes[] = {0xff, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf, 0, 0, 0xc0, 0x7f};
	float out[3];

	(void)state;
	vu_pcm_from_f32le(bytes + 1, 3, out);
	assert_true(out[0] == 1.0f && out[1] == -0.5f && isnan(out[2]));
}

static void test_unusable(void **state)
{
	float samples[4] = {0, -1, VU_PCM_FLOAT_MAX, -VU_PCM_FLOAT_MAX};

	(void)state;
	assert_int_equal(vu_pcm_find_unusable(samples, 4), 4);
	samples[3] = NAN;
	assert_int_equal(vu_pcm_find_unusable(samples, 4), 3);
	samples[1] = -INFINITY;
	assert_int_equal(vu_pcm_find_unusable(samples, 4), 1);
	samples[0] = 17;
	assert_int_equal(vu_pcm_find_unusable(samples, 4), 0);
	assert_int_equal(vu_pcm_find_unusable(samples, 0), 0);
}

static void test_levels(void **state)
{
	const float samples[3] = {0.1f, -0.5f, 0.25f};

	(void)state;
	assert_true(vu_pcm_peak(samples, 3) == 0.5f);
	assert_true(fabsf(vu_pcm_dbfs(1.0f)) < 1e-6f);
	assert_true(fabsf(vu_pcm_dbfs(0.1f) + 20.0f) < 1e-4f);
	assert_true(vu_pcm_dbfs(0) == VU_PCM_DBFS_MIN);
	assert_true(vu_pcm_dbfs(1e-20f) == VU_PCM_DBFS_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_s16_comes_back),
	    cmocka_unit_test(test_clipping),
	    cmocka_unit_test(test_float_bytes),
	    cmocka_unit_test(test_unusable),
	    cmocka_unit_test(test_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
