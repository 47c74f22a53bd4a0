/* What may stand behind the module in a file of /etc/pam.d. */
#include "module/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_means_the_defaults(void **state)
{
	vu_pam_options options;
	(void)state;

	assert_null(vu_pam_options_parse(0, NULL, &options));
	assert_int_equal(options.timeout_s, 8);
	assert_int_equal(options.tries, 1);
	assert_null(options.level);
	assert_null(options.anti_spoofing);
	assert_false(options.user_prompt);
	assert_false(options.quiet);
}

static void all_options_are_taken(void **state)
{
	const char *words[] = {"timeout=5", "tries=3", "level=strict", "anti_spoofing=high", "user_prompt", "quiet"};
	vu_pam_options options;
	(void)state;

	assert_null(vu_pam_options_parse(6, words, &options));
	assert_int_equal(options.timeout_s, 5);
	assert_int_equal(options.tries, 3);
	assert_string_equal(options.level, "strict");
	assert_string_equal(options.anti_spoofing, "high");
	assert_true(options.user_prompt);
	assert_true(options.quiet);
}

static void what_is_not_right_is_named(void **state)
{
	static const char *const BAD[] = {"",
	                                  "tries",
	                                  "tries=",
	                                  "tries=0",
	                                  "tries=6",
	                                  "tries=2x",
	                                  "tries=+1",
	                                  "timeout=0",
	                                  "timeout=61",
	                                  "timeout=-1",
	                                  "level=",
	                                  "level=Strict",
	                                  "level=stric",
	                                  "anti_spoofing=none",
	                                  "user_prompt=1",
	                                  "Quiet",
	                                  "debug",
	                                  "timeout=99999999999999999999"};
	(void)state;

	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		const char *words[] = {"quiet", BAD[i], "tries=2"};
		vu_pam_options options;
		assert_ptr_equal(vu_pam_options_parse(3, words, &options), BAD[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_means_the_defaults),
	    cmocka_unit_test(all_options_are_taken),
	    cmocka_unit_test(what_is_not_right_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
