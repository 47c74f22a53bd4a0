#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void bytes_become_lower_case_digits(void **state)
{
	const uint8_t id[VU_ID_BYTES] = {0x00, 0x01, 0x0a, 0xff, 0x10, 0xbc, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xf0};
	char hex[VU_ID_HEX_SIZE];

	(void)state;
	vu_id_to_hex(id, hex);
	assert_string_equal(hex, "00010aff10bc0708090a0b0c0d0e0ff0");
	assert_true(vu_id_is_hex(hex));
}

static void no_two_are_alike(void **state)
{
	char hex[64][VU_ID_HEX_SIZE];

	(void)state;
	for (int i = 0; i < 64; i++) {
		vu_id_generate_hex(hex[i]);
		assert_true(vu_id_is_hex(hex[i]));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(hex[i], hex[j]);
	}
}

static void other_texts_are_no_ids(void **state)
{
	(void)state;
	assert_false(vu_id_is_hex(NULL));
	assert_false(vu_id_is_hex(""));
	assert_false(vu_id_is_hex("00010aff10bc0708090a0b0c0d0e0ff"));
	assert_false(vu_id_is_hex("00010aff10bc0708090a0b0c0d0e0ff00"));
	assert_false(vu_id_is_hex("00010AFF10bc0708090a0b0c0d0e0ff0"));
	assert_false(vu_id_is_hex("00010aff10bc0708090a0b0c0d0e0f/0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_become_lower_case_digits),
	    cmocka_unit_test(no_two_are_alike),
	    cmocka_unit_test(other_texts_are_no_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
