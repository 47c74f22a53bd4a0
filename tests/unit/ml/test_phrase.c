/* Phrases found in utterances: at another speed, in order, among others; and what is refused. */
#include "ml/phrase.h"

#include "dsp/statistics.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PHRASES 5
#define SOUNDS  10 /* of a phrase */
#define HELD    12 /* frames of each, at normal speed */
#define MOST    2400

typedef struct blob {
	uint8_t *data;
	size_t bytes;
} blob;

static blob enrolled[PHRASES];
static vu_phrase_sample samples[PHRASES];

/* A phrase is a sequence of sounds; a saying of it varies in speed and by chance. */
static size_t say(float *mfcc, size_t at, unsigned phrase, unsigned saying, double speed)
{
	uint64_t chance = saying * 7919u + phrase + 1;

	for (unsigned s = 0; s < SOUNDS; s++) {
		size_t frames = (size_t)lrint(HELD / speed);
		for (size_t t = 0; t < frames; t++, at++) {
			uint64_t sound = (uint64_t)phrase * 1009 + s * 31 + 3;
			assert_true(at < MOST);
			for (int i = 0; i < 4; i++)
				synthetic_random(&sound);
			for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
				mfcc[at * VU_MFCC_COEFFICIENTS + d] =
				    (float)(8 * synthetic_random(&sound) + 2 * synthetic_random(&chance));
		}
	}
	return at;
}

static blob pack(const float *mfcc, size_t frames)
{
	blob b = {malloc(vu_statistics_bytes(frames)), vu_statistics_bytes(frames)};

	assert_non_null(b.data);
	assert_int_equal(vu_statistics_pack(mfcc, NULL, frames, b.data), VU_OK);
	return b;
}

/* An utterance of up to PHRASES phrases. */
static blob utter(const unsigned *phrases, size_t count, unsigned saying, double speed)
{
	float *mfcc = calloc(MOST * VU_MFCC_COEFFICIENTS, sizeof *mfcc);
	size_t at = 0;
	blob b;

	assert_non_null(mfcc);
	for (size_t i = 0; i < count; i++)
		at = say(mfcc, at, phrases[i], saying, speed);
	b = pack(mfcc, at);
	free(mfcc);
	return b;
}

static int setup(void **state)
{
	(void)state;
	for (unsigned p = 0; p < PHRASES; p++) {
		enrolled[p] = utter(&p, 1, 0, 1);
		samples[p] = (vu_phrase_sample){enrolled[p].data, enrolled[p].bytes, p};
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned p = 0; p < PHRASES; p++)
		free(enrolled[p].data);
	return 0;
}

static vu_phrase_match check(const unsigned *said, size_t said_count, double speed, uint32_t first, uint32_t second)
{
	blob b = utter(said, said_count, 1, speed);
	const uint32_t asked[] = {first, second};
	vu_phrase_match match;
	vu_error error = {VU_OK, ""};

	if (vu_phrase_check(samples, PHRASES, asked, 2, b.data, b.bytes, &match, &error) != VU_OK)
		fail_msg("%s", error.message);
	free(b.data);
	return match;
}

static void what_was_asked_matches_at_other_speeds(void **state)
{
	static const double SPEEDS[] = {0.75, 1, 1.3};
	const unsigned said[] = {3, 1};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		vu_phrase_match match = check(said, 2, SPEEDS[i], 3, 1);
		assert_true(match.matches);
		assert_true(match.distance < VU_PHRASE_DISTANCE_MAX / 2);
	}
}

static void another_order_does_not_match(void **state)
{
	const unsigned said[] = {3, 1};
	(void)state;
	assert_false(check(said, 2, 1, 1, 3).matches);
	assert_true(check(said, 2, 1, 1, 3).margin < 0);
}

static void one_of_two_does_not_match(void **state)
{
	const unsigned said[] = {3, 1};
	(void)state;
	assert_false(check(said, 2, 1, 3, 2).matches);
	assert_false(check(said, 2, 1, 0, 1).matches);
	assert_false(check(said, 1, 1, 3, 1).matches);
}

static void all_phrases_together_do_not_match(void **state)
{
	const unsigned said[] = {0, 1, 2, 3, 4};
	(void)state;
	assert_false(check(said, 5, 1, 1, 3).matches);
}

static void something_else_does_not_match(void **state)
{
	const unsigned said[] = {17, 18};
	(void)state;
	assert_false(check(said, 2, 1, 1, 3).matches);
}

static void one_phrase_alone_may_be_asked(void **state)
{
	const unsigned said = 2;
	const uint32_t asked[] = {2};
	const uint32_t wrong[] = {4};
	blob b = utter(&said, 1, 1, 1.1);
	vu_phrase_match match;
	(void)state;
	assert_int_equal(vu_phrase_check(samples, PHRASES, asked, 1, b.data, b.bytes, &match, NULL), VU_OK);
	assert_true(match.matches);
	assert_int_equal(vu_phrase_check(samples, PHRASES, wrong, 1, b.data, b.bytes, &match, NULL), VU_OK);
	assert_false(match.matches);
	free(b.data);
}

static void several_samples_of_a_phrase_are_one(void **state)
{
	const unsigned said[] = {3, 1};
	const uint32_t asked[] = {3, 1};
	vu_phrase_sample more[PHRASES + 1];
	unsigned three = 3;
	blob again = utter(&three, 1, 9, 0.9);
	blob b = utter(said, 2, 1, 1);
	vu_phrase_match match;
	(void)state;
	memcpy(more, samples, sizeof samples);
	more[PHRASES] = (vu_phrase_sample){again.data, again.bytes, 3};
	assert_int_equal(vu_phrase_check(more, PHRASES + 1, asked, 2, b.data, b.bytes, &match, NULL), VU_OK);
	assert_true(match.matches);
	free(again.data);
	free(b.data);
}

static void bad_requests_are_refused(void **state)
{
	const uint32_t twice[] = {1, 1};
	const uint32_t unknown[] = {1, 9};
	const uint32_t good[] = {0, 1};
	const unsigned said[] = {0, 1};
	blob b = utter(said, 2, 1, 1);
	vu_phrase_match match;
	(void)state;
#define CHECK(count, asked, n, data, bytes) vu_phrase_check(samples, count, asked, n, data, bytes, &match, NULL)
	assert_int_equal(CHECK(PHRASES, twice, 2, b.data, b.bytes), VU_INVALID_ARGUMENT);
	assert_int_equal(CHECK(PHRASES, unknown, 2, b.data, b.bytes), VU_FAILED_PRECONDITION);
	assert_int_equal(CHECK(2, good, 2, b.data, b.bytes), VU_FAILED_PRECONDITION);
	assert_int_equal(CHECK(PHRASES, good, 0, b.data, b.bytes), VU_INVALID_ARGUMENT);
	assert_int_equal(CHECK(0, good, 2, b.data, b.bytes), VU_INVALID_ARGUMENT);
	assert_int_equal(CHECK(PHRASES, good, 2, b.data, b.bytes - 1), VU_INVALID_ARGUMENT);
	assert_false(match.matches);
#undef CHECK
	free(b.data);
}

static void an_endless_answer_is_refused(void **state)
{
	const uint32_t asked[] = {0, 1};
	size_t frames = VU_PHRASE_FRAMES_MAX + 1;
	float *mfcc = calloc(frames * VU_MFCC_COEFFICIENTS, sizeof *mfcc);
	vu_phrase_match match;
	blob b;
	(void)state;
	assert_non_null(mfcc);
	b = pack(mfcc, frames);
	assert_int_equal(vu_phrase_check(samples, PHRASES, asked, 2, b.data, b.bytes, &match, NULL),
	                 VU_INVALID_ARGUMENT);
	free(b.data);
	free(mfcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_asked_matches_at_other_speeds),
	    cmocka_unit_test(another_order_does_not_match),
	    cmocka_unit_test(one_of_two_does_not_match),
	    cmocka_unit_test(all_phrases_together_do_not_match),
	    cmocka_unit_test(something_else_does_not_match),
	    cmocka_unit_test(one_phrase_alone_may_be_asked),
	    cmocka_unit_test(several_samples_of_a_phrase_are_one),
	    cmocka_unit_test(bad_requests_are_refused),
	    cmocka_unit_test(an_endless_answer_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
