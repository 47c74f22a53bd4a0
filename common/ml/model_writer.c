/*
 * Writing model files. The file is built whole in memory, since models are
 * small, and its bytes depend on nothing but the sections, so the same
 * training gives the same file.
 */
#include "base/file.h"
#include "ml/float16.h"
#include "ml/model_file.h"
#include "ml/model_format.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct vu_model_writer {
	vu_model_kind kind;
	size_t section_count;
	vu_model_entry entries[VU_MODEL_SECTIONS_MAX];
	void *data[VU_MODEL_SECTIONS_MAX];
	vu_error failure; /* the first one; status OK when none */
};

vu_status vu_model_writer_create(vu_model_kind kind, vu_model_writer **writer_out)
{
	vu_model_writer *writer = calloc(1, sizeof *writer);

	if (!writer)
		return VU_RESOURCE_EXHAUSTED;
	writer->kind = kind;
	*writer_out = writer;
	return VU_OK;
}

void vu_model_writer_destroy(vu_model_writer *writer)
{
	if (!writer)
		return;
	/* It may have been somebody's voice. */
	for (size_t i = 0; i < writer->section_count; i++) {
		sodium_memzero(writer->data[i], (size_t)writer->entries[i].bytes);
		free(writer->data[i]);
	}
	free(writer);
}

static void fail(vu_model_writer *writer, vu_status status, const char *name, const char *reason)
{
	if (writer->failure.status == VU_OK)
		vu_fail(&writer->failure, status, "unable to write section '%s' of a %s: %s", name,
		        vu_model_kind_name(writer->kind), reason);
}

/* Takes `data` over, also on failure. */
static void add_owned(vu_model_writer *writer, const char *name, vu_model_element element, uint32_t rows,
                      uint32_t columns, void *data)
{
	vu_model_entry *entry;

	if (!data) {
		fail(writer, VU_RESOURCE_EXHAUSTED, name, "out of memory");
		return;
	}
	if (writer->section_count == VU_MODEL_SECTIONS_MAX || strlen(name) >= VU_MODEL_NAME_SIZE || name[0] == '\0') {
		fail(writer, VU_INVALID_ARGUMENT, name, "too many sections or a name that does not fit");
		free(data);
		return;
	}
	for (size_t i = 0; i < writer->section_count; i++) {
		if (strcmp(writer->entries[i].name, name) == 0) {
			fail(writer, VU_INVALID_ARGUMENT, name, "it is there already");
			free(data);
			return;
		}
	}
	entry = &writer->entries[writer->section_count];
	memcpy(entry->name, name, strlen(name));
	entry->element = (uint16_t)element;
	entry->rows = rows;
	entry->columns = columns;
	entry->bytes = (uint64_t)rows * vu_model_row_bytes(element, columns);
	writer->data[writer->section_count++] = data;
}

void vu_model_writer_add(vu_model_writer *writer, const char *name, vu_model_element element, uint32_t rows,
                         uint32_t columns, const void *data)
{
	size_t row_bytes = vu_model_row_bytes(element, columns);
	size_t bytes;
	void *copy;

	if (vu_model_element_bytes(element) == 0 || (row_bytes && rows > VU_MODEL_FILE_BYTES_MAX / row_bytes)) {
		fail(writer, VU_INVALID_ARGUMENT, name, "its shape does not fit");
		return;
	}
	bytes = rows * row_bytes;
	copy = malloc(bytes ? bytes : 1);
	if (copy && bytes)
		memcpy(copy, data, bytes);
	add_owned(writer, name, element, rows, columns, copy);
}

void vu_model_writer_add_text(vu_model_writer *writer, const char *name, const char *text)
{
	size_t length = strlen(text);

	if (length > VU_MODEL_FILE_BYTES_MAX) {
		fail(writer, VU_INVALID_ARGUMENT, name, "its text is too long");
		return;
	}
	vu_model_writer_add(writer, name, VU_ELEMENT_BYTES, 1, (uint32_t)length, text);
}

void vu_model_writer_add_floats(vu_model_writer *writer, const char *name, vu_model_element element, uint32_t rows,
                                uint32_t columns, const float *data)
{
	uint64_t count = (uint64_t)rows * columns;
	float limit = element == VU_ELEMENT_F16 ? VU_FLOAT16_MAX : INFINITY;
	vu_float16 *half;
	uint8_t *bytes;

	if (count > VU_MODEL_FILE_BYTES_MAX / sizeof(float)) {
		fail(writer, VU_INVALID_ARGUMENT, name, "its shape does not fit");
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!isfinite(data[i]) || fabsf(data[i]) > limit) {
			fail(writer, VU_INVALID_ARGUMENT, name,
			     "a value is not a number or too large for its element");
			return;
		}
	}
	if (element == VU_ELEMENT_F32) {
		vu_model_writer_add(writer, name, element, rows, columns, data);
		return;
	}
	if (element == VU_ELEMENT_I8) {
		size_t row_bytes = vu_model_row_bytes(element, columns);
		bytes = malloc(rows ? rows * row_bytes : 1);
		for (uint32_t i = 0; bytes && i < rows; i++)
			vu_model_row_pack_i8(data + (size_t)i * columns, columns, bytes + i * row_bytes);
		add_owned(writer, name, element, rows, columns, bytes);
		return;
	}
	if (element != VU_ELEMENT_F16) {
		fail(writer, VU_INVALID_ARGUMENT, name, "numbers are stored as f32, f16 or i8");
		return;
	}
	half = malloc(count ? (size_t)count * sizeof *half : 1);
	if (half)
		vu_float16_pack(data, half, (size_t)count);
	add_owned(writer, name, element, rows, columns, half);
}

vu_status vu_model_writer_finish(vu_model_writer *writer, void **data_out, size_t *bytes_out, vu_error *error)
{
	vu_model_header header = {.version = VU_MODEL_FILE_VERSION, .kind = (uint16_t)writer->kind};
	uint64_t end = sizeof header + writer->section_count * sizeof(vu_model_entry);
	uint8_t *data;

	if (writer->failure.status != VU_OK) {
		if (error)
			*error = writer->failure;
		return writer->failure.status;
	}
	for (size_t i = 0; i < writer->section_count; i++) {
		writer->entries[i].offset = vu_model_align(end);
		end = writer->entries[i].offset + writer->entries[i].bytes;
	}
	if (end > VU_MODEL_FILE_BYTES_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to write a %s: it would have %llu bytes, more than the %u allowed",
		               vu_model_kind_name(writer->kind), (unsigned long long)end, VU_MODEL_FILE_BYTES_MAX);
	data = aligned_alloc(VU_MODEL_ALIGNMENT, (size_t)vu_model_align(end));
	if (!data)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write a %s: out of memory",
		               vu_model_kind_name(writer->kind));
	memset(data, 0, (size_t)vu_model_align(end));
	memcpy(header.magic, VU_MODEL_MAGIC, sizeof header.magic);
	header.section_count = (uint32_t)writer->section_count;
	header.file_bytes = end;
	memcpy(data, &header, sizeof header);
	memcpy(data + sizeof header, writer->entries, writer->section_count * sizeof(vu_model_entry));
	for (size_t i = 0; i < writer->section_count; i++)
		memcpy(data + writer->entries[i].offset, writer->data[i], (size_t)writer->entries[i].bytes);
	vu_model_compute_hash(data, (size_t)end, header.hash);
	memcpy(data, &header, sizeof header);
	*data_out = data;
	*bytes_out = (size_t)end;
	return VU_OK;
}

vu_status vu_model_writer_save(vu_model_writer *writer, const char *path, vu_error *error)
{
	void *data;
	size_t bytes;
	vu_status status = vu_model_writer_finish(writer, &data, &bytes, error);

	if (status != VU_OK)
		return status;
	status = vu_file_write_atomically(path, data, bytes, error);
	free(data);
	return status;
}
