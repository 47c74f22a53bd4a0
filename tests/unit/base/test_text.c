#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char *const VERBS[] = {"start", "stop", "restart", NULL, "status", "enroll", "test", "list"};
#define COUNT (sizeof VERBS / sizeof VERBS[0])

static void finds_one_slip_of_each_kind(void **state)
{
	(void)state;
	assert_string_equal(vu_text_nearest("enrol", VERBS, COUNT), "enroll");
	assert_string_equal(vu_text_nearest("enrolll", VERBS, COUNT), "enroll");
	assert_string_equal(vu_text_nearest("envoll", VERBS, COUNT), "enroll");
	assert_string_equal(vu_text_nearest("enorll", VERBS, COUNT), "enroll");
	assert_string_equal(vu_text_nearest("STOP", VERBS, COUNT), "stop");
}

static void prefers_the_smallest_distance(void **state)
{
	const char *const choices[] = {"restart", "start"};

	(void)state;
	assert_string_equal(vu_text_nearest("strat", choices, 2), "start");
	assert_string_equal(vu_text_nearest("rstart", choices, 2), "restart");
}

static void finds_nothing_far_away(void **state)
{
	(void)state;
	assert_null(vu_text_nearest("banana", VERBS, COUNT));
	assert_null(vu_text_nearest("", VERBS, COUNT));
	assert_null(vu_text_nearest(NULL, VERBS, COUNT));
	assert_null(vu_text_nearest("xy", VERBS, COUNT));
	assert_null(vu_text_nearest("stop", VERBS, 0));
}

static void ignores_words_without_end(void **state)
{
	char word[VU_TEXT_NEAREST_MAX + 2];
	const char *const choices[] = {word};

	(void)state;
	memset(word, 'a', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	assert_null(vu_text_nearest(word, choices, 1));
	word[VU_TEXT_NEAREST_MAX] = '\0';
	assert_ptr_equal(vu_text_nearest(word, choices, 1), word);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_one_slip_of_each_kind),
	    cmocka_unit_test(prefers_the_smallest_distance),
	    cmocka_unit_test(finds_nothing_far_away),
	    cmocka_unit_test(ignores_words_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
