/* Model files: what is written is read; whatever else is a clean error of the right kind. */
#include "ml/model_file.h"
#include "ml/model_format.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static char path[96];
static uint8_t *sample; /* a good file */
static size_t sample_bytes;

static vu_model_writer *make_writer(void)
{
	static const float numbers[6] = {1, -2, 0.5f, 0, 65504, 1e-7f};
	static const uint64_t counts[2] = {7, UINT64_MAX};
	vu_model_writer *writer;

	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	vu_model_writer_add_text(writer, "name", "Zoë");
	vu_model_writer_add_floats(writer, "full", VU_ELEMENT_F32, 2, 3, numbers);
	vu_model_writer_add_floats(writer, "half", VU_ELEMENT_F16, 3, 2, numbers);
	vu_model_writer_add(writer, "counts", VU_ELEMENT_U64, 1, 2, counts);
	vu_model_writer_add(writer, "empty", VU_ELEMENT_I8, 0, 4, NULL);
	return writer;
}

static int setup(void **state)
{
	vu_model_writer *writer = make_writer();
	void *data;

	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-model-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/m", folder);
	assert_int_equal(vu_model_writer_finish(writer, &data, &sample_bytes, NULL), VU_OK);
	sample = data;
	vu_model_writer_destroy(writer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(sample);
	unlink(path);
	rmdir(folder);
	return 0;
}

/* Opens bytes as a file of our own would be; from memory, and sometimes through the disk. */
static vu_status try_bytes(const uint8_t *bytes, size_t count, vu_model_kind kind, vu_error *error)
{
	vu_model_file *file = NULL;
	uint8_t *aligned = aligned_alloc(64, (count + 64) / 64 * 64);
	vu_status status;

	assert_non_null(aligned);
	memcpy(aligned, bytes, count);
	status = vu_model_file_from_memory(aligned, count, "bytes", kind, &file, error);
	if (status == VU_OK)
		vu_model_file_close(file);
	free(aligned);
	return status;
}

/* Puts the right hash on changed bytes, as whoever writes files can. */
static void rehash(uint8_t *bytes, size_t count)
{
	uint8_t hash[VU_MODEL_HASH_BYTES];
	vu_model_compute_hash(bytes, count, hash);
	memcpy(bytes + offsetof(vu_model_header, hash), hash, sizeof hash);
}

static void check_content(const vu_model_file *file)
{
	vu_model_section section;
	char text[8];
	float numbers[6];

	assert_int_equal(vu_model_file_kind(file), VU_MODEL_TEMPLATE);
	assert_int_equal(vu_model_file_section_count(file), 5);
	assert_int_equal(vu_model_file_text(file, "name", text, sizeof text, NULL), VU_OK);
	assert_string_equal(text, "Zoë");
	assert_int_equal(vu_model_file_text(file, "name", text, 4, NULL), VU_DATA_LOSS);
	assert_int_equal(vu_model_file_require(file, "full", VU_ELEMENT_F32, 2, 3, &section, NULL), VU_OK);
	assert_int_equal((uintptr_t)section.data % 64, 0);
	assert_int_equal(vu_model_section_floats(file, &section, numbers, NULL), VU_OK);
	assert_true(numbers[1] == -2.0f && numbers[5] == 1e-7f);
	assert_int_equal(vu_model_file_require(file, "half", VU_ELEMENT_F16, 3, 2, &section, NULL), VU_OK);
	assert_int_equal((uintptr_t)section.data % 64, 0);
	assert_int_equal(vu_model_section_floats(file, &section, numbers, NULL), VU_OK);
	assert_true(numbers[4] == 65504.0f && fabsf(numbers[5] - 1e-7f) < 3e-8f);
	assert_true(vu_model_file_find(file, "empty", &section));
	assert_int_equal(section.bytes, 0);
	assert_false(vu_model_file_find(file, "nothing", &section));
	assert_int_equal(vu_model_file_require(file, "full", VU_ELEMENT_F32, 3, 2, &section, NULL), VU_DATA_LOSS);
	assert_int_equal(vu_model_file_require(file, "full", VU_ELEMENT_F16, 2, 3, &section, NULL), VU_DATA_LOSS);
	assert_int_equal(vu_model_file_require(file, "nothing", 0, 0, 0, &section, NULL), VU_DATA_LOSS);
	assert_true(vu_model_file_find(file, "counts", &section));
	assert_int_equal(vu_model_section_floats(file, &section, numbers, NULL), VU_DATA_LOSS);
}

static void test_what_is_written_is_read(void **state)
{
	vu_model_writer *writer = make_writer();
	vu_model_file *file;
	struct stat info;

	(void)state;
	assert_int_equal(vu_model_writer_save(writer, path, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal((size_t)info.st_size, sample_bytes);
	for (int map = 0; map < 2; map++) {
		assert_int_equal(vu_model_file_open(path, VU_MODEL_TEMPLATE, map, &file, NULL), VU_OK);
		assert_int_equal(vu_model_file_is_mapped(file), map);
		assert_int_equal(vu_model_file_bytes(file), sample_bytes);
		check_content(file);
		vu_model_file_close(file);
	}
}

static void test_same_sections_same_bytes(void **state)
{
	vu_model_writer *writer = make_writer();
	void *data;
	size_t bytes;

	(void)state;
	assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, sample_bytes);
	assert_memory_equal(data, sample, bytes);
	free(data);
	vu_model_writer_destroy(writer);
}

static void test_every_bit_flip_is_found(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sample_bytes; bit++) {
		vu_error error = {0};
		vu_status status;
		sample[bit / 8] ^= (uint8_t)(1u << bit % 8);
		status = try_bytes(sample, sample_bytes, VU_MODEL_TEMPLATE, &error);
		sample[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (bit / 8 < 8)
			assert_int_equal(status, VU_INVALID_ARGUMENT); /* magic: foreign */
		else if (bit / 8 < 10)
			assert_true(status == VU_UNIMPLEMENTED || status == VU_FAILED_PRECONDITION); /* version */
		else
			assert_int_equal(status, VU_DATA_LOSS);
		assert_int_equal(error.status, status);
		assert_non_null(strstr(error.message, "unable to"));
	}
	assert_int_equal(try_bytes(sample, sample_bytes, VU_MODEL_TEMPLATE, NULL), VU_OK);
}

static void test_every_truncation_is_found(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes < sample_bytes; bytes++) {
		vu_error error = {0};
		assert_int_equal(try_bytes(sample, bytes, VU_MODEL_TEMPLATE, &error), VU_DATA_LOSS);
		assert_non_null(strstr(error.message, "truncated"));
	}
}

static void test_truncated_on_disk(void **state)
{
	vu_model_writer *writer = make_writer();
	size_t boundaries[] = {0, 1, 63, 64, 128, sample_bytes / 2, sample_bytes - 1};

	(void)state;
	for (size_t i = 0; i < sizeof boundaries / sizeof *boundaries; i++) {
		for (int map = 0; map < 2; map++) {
			vu_model_file *file;
			vu_error error = {0};
			assert_int_equal(vu_model_writer_save(writer, path, NULL), VU_OK);
			assert_int_equal(truncate(path, (off_t)boundaries[i]), 0);
			assert_int_equal(vu_model_file_open(path, VU_MODEL_ANY, map, &file, &error), VU_DATA_LOSS);
			assert_non_null(strstr(error.message, "truncated"));
		}
	}
	vu_model_writer_destroy(writer);
}

static void test_bytes_after_the_end(void **state)
{
	uint8_t *longer = calloc(1, sample_bytes + 1);

	(void)state;
	assert_non_null(longer);
	memcpy(longer, sample, sample_bytes);
	assert_int_equal(try_bytes(longer, sample_bytes + 1, VU_MODEL_TEMPLATE, NULL), VU_DATA_LOSS);
	free(longer);
}

static void test_foreign_older_newer_other_kind(void **state)
{
	vu_error error = {0};
	uint8_t text[128] = "#!/bin/sh\necho hello\n";
	uint8_t *copy = malloc(sample_bytes);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(try_bytes(text, sizeof text, VU_MODEL_ANY, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "not a Voice Unlock model file"));
	memcpy(copy, sample, sample_bytes);
	copy[offsetof(vu_model_header, version)] = 0;
	rehash(copy, sample_bytes);
	assert_int_equal(try_bytes(copy, sample_bytes, VU_MODEL_ANY, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "older"));
	copy[offsetof(vu_model_header, version)] = 2;
	rehash(copy, sample_bytes);
	assert_int_equal(try_bytes(copy, sample_bytes, VU_MODEL_ANY, &error), VU_UNIMPLEMENTED);
	assert_non_null(strstr(error.message, "newer"));
	assert_int_equal(try_bytes(sample, sample_bytes, VU_MODEL_BACKGROUND, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "it is a template, not a background"));
	free(copy);
}

/* Whatever the table says, with a right hash: refused cleanly, or harmless. */
static void test_hostile_tables_with_a_right_hash(void **state)
{
	uint8_t *copy = malloc(sample_bytes);
	static const uint8_t values[] = {0, 1, 2, 0x7F, 0x80, 0xFF};
	size_t table_end = sizeof(vu_model_header) + 5 * sizeof(vu_model_entry);

	(void)state;
	assert_non_null(copy);
	for (size_t at = 10; at < table_end; at++) {
		if (at >= offsetof(vu_model_header, hash) && at < offsetof(vu_model_header, reserved))
			continue;
		for (size_t v = 0; v < sizeof values; v++) {
			vu_status status;
			memcpy(copy, sample, sample_bytes);
			if (copy[at] == values[v])
				continue;
			copy[at] = values[v];
			rehash(copy, sample_bytes);
			status = try_bytes(copy, sample_bytes, VU_MODEL_ANY, NULL);
			/* Only a name, the kind, or the shape of the empty section can change and leave a file in
			 * order. */
			if (status == VU_OK)
				assert_true(at < 12 || (at >= 64 && (at - 64) % 64 < 17) || at >= 64 + 4 * 64);
			else
				assert_int_equal(status, VU_DATA_LOSS);
		}
	}
	free(copy);
}

static void test_numbers_that_are_none(void **state)
{
	vu_model_file *file;
	vu_model_section section;
	float numbers[6];
	vu_error error = {0};
	uint8_t *copy = aligned_alloc(64, (sample_bytes + 63) / 64 * 64);
	float nan_value = NAN;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, sample, sample_bytes);
	assert_int_equal(vu_model_file_from_memory(copy, sample_bytes, "x", VU_MODEL_ANY, &file, NULL), VU_OK);
	assert_true(vu_model_file_find(file, "full", &section));
	memcpy(copy + ((const uint8_t *)section.data - copy), &nan_value, sizeof nan_value);
	assert_int_equal(vu_model_section_floats(file, &section, numbers, &error), VU_DATA_LOSS);
	vu_model_file_close(file);
	free(copy);
}

static void test_bytes_are_numbers(void **state)
{
	static const float rows[3][5] = {{1, -0.5f, 0.25f, 0, 1}, {0, 0, 0, 0, 0}, {1e-3f, -2e-3f, 0, 1e-4f, 5e-4f}};
	float back[15];
	vu_model_writer *writer;
	vu_model_file *file;
	vu_model_section section;
	vu_error error = {0};
	uint8_t *data;
	void *finished;
	size_t bytes;
	float bad = NAN;

	(void)state;
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	vu_model_writer_add_floats(writer, "rows", VU_ELEMENT_I8, 3, 5, rows[0]);
	assert_int_equal(vu_model_writer_finish(writer, &finished, &bytes, &error), VU_OK);
	data = finished;
	assert_int_equal(vu_model_file_from_memory(data, bytes, "m", VU_MODEL_ANY, &file, &error), VU_OK);
	assert_true(vu_model_file_find(file, "rows", &section));
	assert_int_equal(section.columns, 5);
	assert_int_equal(section.bytes, 3 * 9);
	assert_int_equal(vu_model_section_floats(file, &section, back, &error), VU_OK);
	for (int r = 0; r < 3; r++) {
		float most = r == 0 ? 1 : r == 1 ? 0 : 2e-3f;
		for (int i = 0; i < 5; i++)
			assert_true(fabsf(back[r * 5 + i] - rows[r][i]) <= most / 127 * 0.501f);
	}
	/* A scale that is none, with a hash that is right. */
	memcpy(data + ((const uint8_t *)section.data - data), &bad, sizeof bad);
	vu_model_compute_hash(data, bytes, data + 24);
	vu_model_file_close(file);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "m", VU_MODEL_ANY, &file, &error), VU_OK);
	assert_true(vu_model_file_find(file, "rows", &section));
	assert_int_equal(vu_model_section_floats(file, &section, back, &error), VU_DATA_LOSS);
	vu_model_file_close(file);
	vu_model_writer_destroy(writer);
	free(data);
}

static void test_writer_refuses(void **state)
{
	vu_model_writer *writer;
	vu_error error = {0};
	void *data;
	size_t bytes;
	static const struct {
		const char *name;
		vu_model_element element;
		float value;
	} bad[] = {
	    {"nan", VU_ELEMENT_F32, NAN},
	    {"infinite", VU_ELEMENT_F32, INFINITY},
	    {"too.large", VU_ELEMENT_F16, 70000},
	    {"a.name.that.is.too.long", VU_ELEMENT_F32, 1},
	    {"", VU_ELEMENT_F32, 1},
	    {"not.numbers", VU_ELEMENT_U64, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
		vu_model_writer_add_floats(writer, bad[i].name, bad[i].element, 1, 1, &bad[i].value);
		vu_model_writer_add_text(writer, "fine", "fine");
		assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, &error), VU_INVALID_ARGUMENT);
		assert_non_null(strstr(error.message, bad[i].name));
		vu_model_writer_destroy(writer);
	}
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	vu_model_writer_add_text(writer, "twice", "1");
	vu_model_writer_add_text(writer, "twice", "2");
	assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_model_writer_save(writer, path, &error), VU_INVALID_ARGUMENT);
	vu_model_writer_destroy(writer);
}

static void test_unaligned_and_untrusted(void **state)
{
	vu_model_file *file;
	vu_error error = {0};
	vu_model_writer *writer = make_writer();

	(void)state;
	assert_int_equal(vu_model_file_from_memory(sample + 8, 64, "x", VU_MODEL_ANY, &file, &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(vu_model_file_open("/nonexistent/model", VU_MODEL_ANY, true, &file, &error), VU_NOT_FOUND);
	assert_int_equal(vu_model_writer_save(writer, path, NULL), VU_OK);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(vu_model_file_open(path, VU_MODEL_ANY, true, &file, &error), VU_PERMISSION_DENIED);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(vu_model_writer_save(writer, "/nonexistent/folder/m", &error), VU_NOT_FOUND);
	vu_model_writer_destroy(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_read),
	    cmocka_unit_test(test_same_sections_same_bytes),
	    cmocka_unit_test(test_every_bit_flip_is_found),
	    cmocka_unit_test(test_every_truncation_is_found),
	    cmocka_unit_test(test_truncated_on_disk),
	    cmocka_unit_test(test_bytes_after_the_end),
	    cmocka_unit_test(test_foreign_older_newer_other_kind),
	    cmocka_unit_test(test_hostile_tables_with_a_right_hash),
	    cmocka_unit_test(test_numbers_that_are_none),
	    cmocka_unit_test(test_bytes_are_numbers),
	    cmocka_unit_test(test_writer_refuses),
	    cmocka_unit_test(test_unaligned_and_untrusted),
	};
	return cmocka_run_group_tests_name("model_file", tests, setup, teardown);
}
