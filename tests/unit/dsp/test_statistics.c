/* common/dsp/statistics.c: a round trip, and every kind of hostile bytes. */
#include "dsp/statistics.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 300
#define D      VU_MFCC_COEFFICIENTS

static float values[FRAMES * D];
static uint8_t blob[VU_STATISTICS_HEADER_BYTES + FRAMES * (1 + D)];

static void fill(void)
{
	memset(values, 0, sizeof values);
	dsp_aid_add_noise(values, FRAMES * D, 30.0f, 3);
	for (size_t t = 0; t < FRAMES; t++)
		values[t * D] -= 80.0f;
}

static void test_round_trip(void **state)
{
	static float back[FRAMES * D];
	uint8_t follows[FRAMES];
	vu_statistics_view view;
	vu_error error;

	(void)state;
	fill();
	for (size_t t = 0; t < FRAMES; t++)
		follows[t] = t % 7 != 3;
	assert_int_equal(vu_statistics_bytes(FRAMES), sizeof blob);
	assert_int_equal(vu_statistics_pack(values, follows, FRAMES, blob), VU_OK);
	assert_int_equal(vu_statistics_open(blob, sizeof blob, &view, &error), VU_OK);
	assert_int_equal(view.frames, FRAMES);
	vu_statistics_expand(&view, back);
	for (size_t t = 0; t < FRAMES; t++) {
		assert_int_equal(view.follows[t], t > 0 && t % 7 != 3);
		for (size_t i = 0; i < D; i++)
			assert_true(fabsf(back[t * D + i] - values[t * D + i]) <= 0.501f * view.scale[i]);
	}
	/* 60 wide in 254 steps. */
	assert_true(view.scale[5] < 0.24f);
	assert_true(vu_statistics_bytes(VU_STATISTICS_FRAMES_MAX) <= 512 * 1024);
}

static void test_odd_values(void **state)
{
	float odd[2 * D] = {0};
	float back[2 * D];
	uint8_t small[VU_STATISTICS_HEADER_BYTES + 2 * (1 + D)];
	vu_statistics_view view;
	vu_error error;

	(void)state;
	odd[0] = NAN;
	odd[1] = INFINITY;
	odd[2] = -INFINITY;
	odd[3] = 3e38f;
	odd[4] = odd[4 + D] = 7.5f;
	assert_int_equal(vu_statistics_pack(odd, NULL, 2, small), VU_OK);
	assert_int_equal(vu_statistics_open(small, sizeof small, &view, &error), VU_OK);
	assert_int_equal(view.follows[0], 0);
	assert_int_equal(view.follows[1], 1);
	vu_statistics_expand(&view, back);
	for (size_t i = 0; i < 2 * D; i++)
		assert_true(isfinite(back[i]));
	assert_true(back[0] == 0.0f);
	assert_true(fabsf(back[4] - 7.5f) < 1e-4f);
	assert_int_equal(vu_statistics_pack(odd, NULL, VU_STATISTICS_FRAMES_MAX + 1, small), VU_OUT_OF_RANGE);
	/* No frames at all is a blob too. */
	assert_int_equal(vu_statistics_pack(odd, NULL, 0, small), VU_OK);
	assert_int_equal(vu_statistics_open(small, vu_statistics_bytes(0), &view, &error), VU_OK);
	assert_int_equal(view.frames, 0);
}

static void put_float(uint8_t *out, float value)
{
	memcpy(out, &value, sizeof value);
}

static void refuse(size_t bytes, vu_status status, const char *part)
{
	vu_statistics_view view;
	vu_error error;

	assert_int_equal(vu_statistics_open(blob, bytes, &view, &error), status);
	assert_int_equal(error.status, status);
	if (!strstr(error.message, part))
		fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

static void pack_again(void)
{
	fill();
	assert_int_equal(vu_statistics_pack(values, NULL, FRAMES, blob), VU_OK);
}

static void test_hostile_bytes(void **state)
{
	static const float bad_scales[] = {0.0f, -1.0f, NAN, INFINITY, 1e7f};
	static const float bad_offsets[] = {NAN, INFINITY, -INFINITY, 1e7f};

	(void)state;
	pack_again();
	for (size_t bytes = 0; bytes < sizeof blob; bytes += bytes < 400 ? 1 : 97)
		refuse(bytes, VU_INVALID_ARGUMENT,
		       bytes < 8                            ? "format"
		       : bytes < VU_STATISTICS_HEADER_BYTES ? "cut off"
		                                            : "bytes instead of");
	blob[0] ^= 1;
	refuse(sizeof blob, VU_INVALID_ARGUMENT, "format");
	pack_again();
	blob[4] = 2;
	refuse(sizeof blob, VU_UNIMPLEMENTED, "version 2");
	pack_again();
	blob[6] = 21;
	refuse(sizeof blob, VU_INVALID_ARGUMENT, "sizes");
	pack_again();
	memset(blob + 8, 0xFF, 4);
	refuse(sizeof blob, VU_INVALID_ARGUMENT, "sizes");
	pack_again();
	blob[12] = 80;
	refuse(sizeof blob, VU_INVALID_ARGUMENT, "sizes");
	pack_again();
	blob[8]++;
	refuse(sizeof blob, VU_INVALID_ARGUMENT, "bytes instead of");
	for (size_t i = 0; i < sizeof bad_scales / sizeof *bad_scales; i++) {
		pack_again();
		put_float(blob + 16 + 4 * 19, bad_scales[i]);
		refuse(sizeof blob, VU_INVALID_ARGUMENT, "scale of coefficient 19");
	}
	for (size_t i = 0; i < sizeof bad_offsets / sizeof *bad_offsets; i++) {
		pack_again();
		put_float(blob + 16 + 4 * D, bad_offsets[i]);
		refuse(sizeof blob, VU_INVALID_ARGUMENT, "scale of coefficient 0");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_odd_values),
	    cmocka_unit_test(test_hostile_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
