/* Codecs: what comes back is the sound, not quite as it was, and worse where it is asked to be. */
#include "codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT     32000
#define DELAY_MAX 1600

static float original[COUNT];

/* Something like a voice: harmonics of a pitch that moves, louder and softer. */
static int setup(void **state)
{
	double phase = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		double t = (double)i / 16000;
		double value = 0;
		phase += 2 * M_PI * (140 + 30 * sin(4 * t)) / 16000;
		for (int k = 1; k <= 12; k++)
			value += cos(k * phase + k) / k;
		original[i] = (float)(0.05 * value * (1.2 + sin(11 * t)));
	}
	return 0;
}

/* Cosine of the original and `coded`, at the delay where it is largest. */
static double likeness(const float *coded)
{
	double best = -1;

	for (size_t delay = 0; delay < DELAY_MAX; delay++) {
		double both = 0;
		double a = 0;
		double b = 0;
		for (size_t i = 0; i + delay < COUNT; i++) {
			both += (double)original[i] * (double)coded[i + delay];
			a += (double)original[i] * (double)original[i];
			b += (double)coded[i + delay] * (double)coded[i + delay];
		}
		best = fmax(best, both / (sqrt(a * b) + 1e-12));
	}
	return best;
}

static void test_all_bring_the_sound_back(void **state)
{
	(void)state;
	for (int kind = 0; kind < CODEC_KINDS; kind++) {
		float coded[COUNT];
		vu_status status;
		memcpy(coded, original, sizeof coded);
		status = codec_apply((codec_kind)kind, 0.3, coded, COUNT);
		if (status == VU_UNIMPLEMENTED) { /* this libsndfile was built without it */
			assert_memory_equal(coded, original, sizeof coded);
			assert_int_not_equal(kind, CODEC_SPEEX);
			continue;
		}
		assert_int_equal(status, VU_OK);
		assert_int_not_equal(memcmp(coded, original, sizeof coded), 0);
		if (likeness(coded) < 0.6)
			fail_msg("codec %d: %.2f", kind, likeness(coded));
	}
}

static void test_speex_compresses(void **state)
{
	float good[COUNT];
	float bad[COUNT];
	float again[COUNT];

	(void)state;
	memcpy(good, original, sizeof good);
	memcpy(bad, original, sizeof bad);
	memcpy(again, original, sizeof again);
	assert_int_equal(codec_apply(CODEC_SPEEX, 0.1, good, COUNT), VU_OK);
	assert_int_equal(codec_apply(CODEC_SPEEX, 0.9, bad, COUNT), VU_OK);
	assert_int_equal(codec_apply(CODEC_SPEEX, 0.1, again, COUNT), VU_OK);
	assert_memory_equal(good, again, sizeof good);
	assert_true(likeness(good) > likeness(bad));
	/* Shorter than a frame, and nothing at all. */
	assert_int_equal(codec_apply(CODEC_SPEEX, 0.5, again, 7), VU_OK);
	assert_int_equal(codec_apply(CODEC_SPEEX, 0.5, again, 0), VU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_bring_the_sound_back),
	    cmocka_unit_test(test_speex_compresses),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
