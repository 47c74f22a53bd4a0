/* Sealed bytes: there and back, and refused in every other place, shape or hand. */
#include "store/seal.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BYTES 1000

static uint8_t master[VU_SEAL_KEY_BYTES];
static uint8_t content[BYTES];
static uint8_t sealed[BYTES + VU_SEAL_OVERHEAD_BYTES];
static uint8_t opened[BYTES];
static vu_error error;

static int setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	randombytes_buf(master, sizeof master);
	randombytes_buf(content, sizeof content);
	return vu_seal_encrypt(master, VU_SEAL_TEMPLATE, "/anna", content, BYTES, sealed, NULL) == VU_OK ? 0 : -1;
}

static vu_status open_as(const uint8_t *key, vu_seal_kind kind, const char *owner)
{
	memset(opened, 0x55, sizeof opened);
	return vu_seal_decrypt(key, kind, owner, "f", sealed, sizeof sealed, opened, &error);
}

static void test_there_and_back(void **state)
{
	(void)state;
	assert_true(vu_seal_is_sealed(sealed, sizeof sealed));
	assert_false(vu_seal_is_sealed(content, sizeof content));
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "/anna"), VU_OK);
	assert_memory_equal(opened, content, BYTES);
	/* Nothing of the content shows, not even eight bytes of it. */
	for (size_t i = 0; i + 8 <= BYTES; i++)
		for (size_t j = 0; j + 8 <= sizeof sealed; j++)
			assert_memory_not_equal(content + i, sealed + j, 8);
}

static void test_an_empty_content_is_bound_too(void **state)
{
	uint8_t empty[VU_SEAL_OVERHEAD_BYTES];
	(void)state;
	assert_int_equal(vu_seal_encrypt(master, VU_SEAL_TEMPLATE, "/anna", "", 0, empty, &error), VU_OK);
	assert_int_equal(vu_seal_decrypt(master, VU_SEAL_TEMPLATE, "/anna", "f", empty, sizeof empty, opened, &error),
	                 VU_OK);
	assert_int_equal(vu_seal_decrypt(master, VU_SEAL_TEMPLATE, "/bert", "f", empty, sizeof empty, opened, &error),
	                 VU_DATA_LOSS);
}

static void test_another_owner_or_kind_is_refused(void **state)
{
	(void)state;
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "/bert"), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "made for somebody else"));
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "test/anna"), VU_DATA_LOSS);
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, ""), VU_DATA_LOSS);
	assert_int_equal(open_as(master, (vu_seal_kind)2, "/anna"), VU_DATA_LOSS);
	/* Not even when the header says so: the kind is bound. */
	sealed[10] = 2;
	assert_int_equal(open_as(master, (vu_seal_kind)2, "/anna"), VU_DATA_LOSS);
}

static void test_another_key_is_told_apart_from_damage(void **state)
{
	uint8_t other[VU_SEAL_KEY_BYTES];
	(void)state;
	randombytes_buf(other, sizeof other);
	assert_int_equal(open_as(other, VU_SEAL_TEMPLATE, "/anna"), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "another master key"));
}

static void test_every_edited_byte_is_found(void **state)
{
	static const uint8_t zero[BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof sealed; i++) {
		sealed[i] ^= 1;
		assert_int_not_equal(open_as(master, VU_SEAL_TEMPLATE, "/anna"), VU_OK);
		if (i >= VU_SEAL_HEADER_BYTES)
			assert_memory_equal(opened, zero, BYTES);
		sealed[i] ^= 1;
	}
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "/anna"), VU_OK);
}

static void test_every_length_but_its_own_is_refused(void **state)
{
	uint8_t *longer = calloc(1, sizeof sealed + 1);
	(void)state;
	assert_non_null(longer);
	memcpy(longer, sealed, sizeof sealed);
	for (size_t bytes = 0; bytes < sizeof sealed; bytes += bytes < 150 ? 1 : 50)
		assert_int_equal(
		    vu_seal_decrypt(master, VU_SEAL_TEMPLATE, "/anna", "f", sealed, bytes, opened, &error),
		    VU_DATA_LOSS);
	assert_int_equal(
	    vu_seal_decrypt(master, VU_SEAL_TEMPLATE, "/anna", "f", longer, sizeof sealed + 1, longer, &error),
	    VU_DATA_LOSS);
	free(longer);
}

static void test_a_newer_format_says_so(void **state)
{
	(void)state;
	sealed[8] = 2;
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "/anna"), VU_UNIMPLEMENTED);
}

static void test_rewrapping_changes_the_key_alone(void **state)
{
	uint8_t other[VU_SEAL_KEY_BYTES];
	uint8_t before[sizeof sealed];
	(void)state;
	randombytes_buf(other, sizeof other);
	memcpy(before, sealed, sizeof sealed);
	assert_int_equal(vu_seal_rewrap(master, other, VU_SEAL_TEMPLATE, "/bert", "f", sealed, sizeof sealed, &error),
	                 VU_DATA_LOSS);
	assert_memory_equal(before, sealed, sizeof sealed);
	assert_int_equal(vu_seal_rewrap(master, other, VU_SEAL_TEMPLATE, "/anna", "f", sealed, sizeof sealed, &error),
	                 VU_OK);
	assert_memory_equal(before + 104, sealed + 104, sizeof sealed - 104);
	assert_int_equal(open_as(other, VU_SEAL_TEMPLATE, "/anna"), VU_OK);
	assert_memory_equal(opened, content, BYTES);
	assert_int_equal(open_as(master, VU_SEAL_TEMPLATE, "/anna"), VU_PERMISSION_DENIED);
}

static void test_what_is_too_much_is_refused(void **state)
{
	char owner[VU_SEAL_OWNER_MAX + 2];
	(void)state;
	memset(owner, 'x', sizeof owner - 1);
	owner[sizeof owner - 1] = '\0';
	assert_int_equal(vu_seal_encrypt(master, VU_SEAL_TEMPLATE, owner, content, 1, sealed, &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(
	    vu_seal_encrypt(master, VU_SEAL_TEMPLATE, "/anna", content, VU_SEAL_CONTENT_MAX + 1, sealed, &error),
	    VU_OUT_OF_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_there_and_back, setup),
	    cmocka_unit_test_setup(test_an_empty_content_is_bound_too, setup),
	    cmocka_unit_test_setup(test_another_owner_or_kind_is_refused, setup),
	    cmocka_unit_test_setup(test_another_key_is_told_apart_from_damage, setup),
	    cmocka_unit_test_setup(test_every_edited_byte_is_found, setup),
	    cmocka_unit_test_setup(test_every_length_but_its_own_is_refused, setup),
	    cmocka_unit_test_setup(test_a_newer_format_says_so, setup),
	    cmocka_unit_test_setup(test_rewrapping_changes_the_key_alone, setup),
	    cmocka_unit_test_setup(test_what_is_too_much_is_refused, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
