/* Presentations: reproducible, in range, and a loudspeaker takes away what is low. */
#include "level.h"
#include "presented.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 24000

static float made[2][COUNT];

static void make_tone(double hz, float *out)
{
	for (size_t i = 0; i < COUNT; i++)
		out[i] = (float)(0.1 * sin(2 * M_PI * hz * (double)i / 16000));
}

static size_t present(bool by_loudspeaker, uint64_t seed, float *samples)
{
	const channels none = {0};
	const presented_how how = {.by_loudspeaker = by_loudspeaker, .recorded = true};
	size_t count = COUNT;

	assert_int_equal(presented_apply(&none, &how, seed, samples, &count), VU_OK);
	return count;
}

static void test_seed_decides(void **state)
{
	size_t counts[3];

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_tone(440, made[i]);
		counts[i] = present(true, 5, made[i]);
	}
	assert_int_equal(counts[0], counts[1]);
	assert_memory_equal(made[0], made[1], counts[0] * sizeof(float));
	make_tone(440, made[1]);
	counts[2] = present(true, 6, made[1]);
	assert_true(counts[2] != counts[0] || memcmp(made[0], made[1], counts[0] * sizeof(float)) != 0);
}

static void test_in_range(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 12; seed++) {
		size_t count;
		double rms;
		make_tone(300, made[0]);
		count = present(seed % 2, seed, made[0]);
		for (size_t i = 0; i < count; i++)
			assert_true(isfinite(made[0][i]) && fabsf(made[0][i]) <= 1);
		rms = sqrt(level_power(made[0], count));
		assert_true(rms > 0.002 && rms < 0.4);
	}
	memset(made[0], 0, sizeof made[0]);
	present(true, 1, made[0]);
}

/* Of a low tone under a higher one, less is left by a loudspeaker than in a room, in the mean over chains. */
static double low_share(bool by_loudspeaker)
{
	double share = 0;

	for (uint64_t seed = 0; seed < 12; seed++) {
		double parts[2][2] = {{0}};
		size_t count;
		for (size_t i = 0; i < COUNT; i++)
			made[0][i] = (float)(0.1 * sin(2 * M_PI * 100 * (double)i / 16000) +
			                     0.1 * sin(2 * M_PI * 1000 * (double)i / 16000));
		count = present(by_loudspeaker, 50 + seed, made[0]);
		for (size_t i = 0; i < count; i++) {
			for (int k = 0; k < 2; k++) {
				double phase = 2 * M_PI * (k ? 1000 : 100) * (double)i / 16000;
				parts[k][0] += (double)made[0][i] * cos(phase);
				parts[k][1] += (double)made[0][i] * sin(phase);
			}
		}
		share += log10((parts[0][0] * parts[0][0] + parts[0][1] * parts[0][1]) /
		               (parts[1][0] * parts[1][0] + parts[1][1] * parts[1][1]));
	}
	return share / 12;
}

static void test_loudspeakers_lack_what_is_low(void **state)
{
	(void)state;
	assert_true(low_share(true) < low_share(false) - 0.5);
}

static void test_filter(void **state)
{
	const filter high = {.low_hz = 1000};
	const filter bump = {.ripples = {{.hz = 440, .octaves = 0.5, .db = 6}}, .ripple_count = 1};
	double before;

	(void)state;
	make_tone(440, made[0]);
	make_tone(440, made[1]);
	before = level_power(made[0], COUNT);
	assert_int_equal(filter_apply(&high, made[0], COUNT), VU_OK);
	assert_true(level_power(made[0], COUNT) < before * 0.01);
	assert_int_equal(filter_apply(&bump, made[1], COUNT), VU_OK);
	assert_true(fabs(10 * log10(level_power(made[1], COUNT) / before) - 6) < 0.3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seed_decides),
	    cmocka_unit_test(test_in_range),
	    cmocka_unit_test(test_loudspeakers_lack_what_is_low),
	    cmocka_unit_test(test_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
