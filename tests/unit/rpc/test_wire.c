/* Wire encoding: bounds, limits and round trips. */
#include "rpc/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void varints_round_trip(void **state)
{
	static const uint64_t values[] = {0,         1, 127, 128, 300, 16383, 16384, UINT32_MAX, (uint64_t)1 << 63,
	                                  UINT64_MAX};
	(void)state;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		uint8_t bytes[VU_WIRE_VARINT_BYTES_MAX];
		uint8_t *end = vu_wire_write_varint(bytes, values[i]);
		vu_wire_reader reader = {bytes, end};
		uint64_t value;
		assert_int_equal(end - bytes, vu_wire_varint_bytes(values[i]));
		assert_true(vu_wire_read_varint(&reader, &value));
		assert_true(value == values[i]);
		assert_ptr_equal(reader.at, end);
		/* Every shorter piece is refused. */
		reader = (vu_wire_reader){bytes, end - 1};
		assert_false(vu_wire_read_varint(&reader, &value));
	}
}

static void overlong_varints_are_refused(void **state)
{
	const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	const uint8_t over_64_bits[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
	vu_wire_reader reader = {eleven, eleven + sizeof eleven};
	uint64_t value;
	(void)state;

	assert_false(vu_wire_read_varint(&reader, &value));
	reader = (vu_wire_reader){over_64_bits, over_64_bits + sizeof over_64_bits};
	assert_false(vu_wire_read_varint(&reader, &value));
}

static void tags_have_a_number_and_a_known_type(void **state)
{
	const uint8_t good[] = {0x0a};
	const uint8_t number_zero[] = {0x02};
	const uint8_t group[] = {0x0b};
	const uint8_t type_seven[] = {0x0f};
	const uint8_t huge_number[] = {0x82, 0x80, 0x80, 0x80, 0x10};
	vu_wire_reader reader = {good, good + 1};
	uint32_t number;
	vu_wire_type type;
	(void)state;

	assert_true(vu_wire_read_tag(&reader, &number, &type));
	assert_int_equal(number, 1);
	assert_int_equal(type, VU_WIRE_BYTES);
	reader = (vu_wire_reader){number_zero, number_zero + 1};
	assert_false(vu_wire_read_tag(&reader, &number, &type));
	reader = (vu_wire_reader){group, group + 1};
	assert_false(vu_wire_read_tag(&reader, &number, &type));
	reader = (vu_wire_reader){type_seven, type_seven + 1};
	assert_false(vu_wire_read_tag(&reader, &number, &type));
	reader = (vu_wire_reader){huge_number, huge_number + sizeof huge_number};
	assert_false(vu_wire_read_tag(&reader, &number, &type));
}

static void lengths_stay_within_the_span(void **state)
{
	const uint8_t exact[] = {2, 'a', 'b'};
	const uint8_t over[] = {3, 'a', 'b'};
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'};
	vu_wire_reader reader = {exact, exact + sizeof exact};
	const uint8_t *data;
	size_t bytes;
	(void)state;

	assert_true(vu_wire_read_bytes(&reader, &data, &bytes));
	assert_int_equal(bytes, 2);
	assert_ptr_equal(data, exact + 1);
	reader = (vu_wire_reader){over, over + sizeof over};
	assert_false(vu_wire_read_bytes(&reader, &data, &bytes));
	reader = (vu_wire_reader){huge, huge + sizeof huge};
	assert_false(vu_wire_read_bytes(&reader, &data, &bytes));
}

static void fixed_values_are_little_endian(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	vu_wire_reader reader = {bytes, bytes + 8};
	uint64_t wide;
	uint32_t narrow;
	(void)state;

	assert_true(vu_wire_read_fixed64(&reader, &wide));
	assert_true(wide == UINT64_C(0x0807060504030201));
	reader = (vu_wire_reader){bytes, bytes + 7};
	assert_false(vu_wire_read_fixed64(&reader, &wide));
	reader = (vu_wire_reader){bytes, bytes + 4};
	assert_true(vu_wire_read_fixed32(&reader, &narrow));
	assert_int_equal(narrow, 0x04030201);
	reader = (vu_wire_reader){bytes, bytes + 3};
	assert_false(vu_wire_read_fixed32(&reader, &narrow));
}

static bool is_text(const char *text, size_t bytes)
{
	return vu_wire_is_text((const uint8_t *)text, bytes);
}

static void text_is_valid_utf8_without_nul(void **state)
{
	(void)state;
	assert_true(is_text("", 0));
	assert_true(is_text("Gr\xc3\xbc\xc3\x9f"
	                    "e \xf0\x9f\x8e\xa4",
	                    12));
	assert_false(is_text("a\0b", 3));
	assert_false(is_text("\xc3", 1));
	assert_false(is_text("\xc0\x80", 2));         /* NUL, overlong */
	assert_false(is_text("\xe0\x80\xaf", 3));     /* slash, overlong */
	assert_false(is_text("\xed\xa0\x80", 3));     /* a surrogate */
	assert_false(is_text("\xf4\x90\x80\x80", 4)); /* past the last code point */
	assert_false(is_text("\xff", 1));
	assert_false(is_text("\x80", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(varints_round_trip),
	    cmocka_unit_test(overlong_varints_are_refused),
	    cmocka_unit_test(tags_have_a_number_and_a_known_type),
	    cmocka_unit_test(lengths_stay_within_the_span),
	    cmocka_unit_test(fixed_values_are_little_endian),
	    cmocka_unit_test(text_is_valid_utf8_without_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
