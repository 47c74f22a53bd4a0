/*
 * Reading model files. Everything is checked before anything is handed out:
 * magic, version, length, hash, then the table. A file that passes can be used
 * without further bounds checks of its sections.
 */
#include "ml/model_file.h"

#include "base/file.h"
#include "base/user_name.h"
#include "ml/float16.h"
#include "ml/model_format.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct vu_model_file {
	const uint8_t *data;
	size_t bytes;
	bool mapped;
	bool owned;                                /* from aligned_alloc */
	void (*release)(void *data, size_t bytes); /* of adopted bytes */
	char name[256];
};

static const vu_model_header *header_of(const vu_model_file *file)
{
	return (const vu_model_header *)(const void *)file->data;
}

static const vu_model_entry *entries_of(const vu_model_file *file)
{
	return (const vu_model_entry *)(const void *)(file->data + sizeof(vu_model_header));
}

static vu_status damaged(const vu_model_file *file, vu_error *error, const char *what)
{
	return vu_fail(error, VU_DATA_LOSS,
	               "unable to read model %s: it is damaged (%s); restore it or make it again", file->name, what);
}

/* Magic, version and length: what can be said before the hash is computed. */
static vu_status check_header(const vu_model_file *file, vu_error *error)
{
	vu_model_header header;
	size_t magic_bytes = file->bytes < sizeof header.magic ? file->bytes : sizeof header.magic;

	if (file->bytes == 0)
		return vu_fail(error, VU_DATA_LOSS, "unable to read model %s: it is truncated (empty file)",
		               file->name);
	/* The magic of common/store/seal.h, which this library does not know. */
	if (file->bytes >= 8 && memcmp(file->data, "\x89VUS\r\n\x1a\n", 8) == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read model %s: it is encrypted; only vu-models can open it", file->name);
	if (memcmp(file->data, VU_MODEL_MAGIC, magic_bytes) != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read model %s: it is not a Voice Unlock model file", file->name);
	if (file->bytes < sizeof header)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to read model %s: it is truncated (%zu bytes, not even a header)", file->name,
		               file->bytes);
	memcpy(&header, file->data, sizeof header);
	if (header.version < VU_MODEL_FILE_VERSION)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to read model %s: its format %u is older than the %u this program reads; make it again",
		    file->name, header.version, VU_MODEL_FILE_VERSION);
	if (header.version > VU_MODEL_FILE_VERSION)
		return vu_fail(error, VU_UNIMPLEMENTED,
		               "unable to read model %s: its format %u is newer than the %u this program reads; "
		               "update Voice Unlock",
		               file->name, header.version, VU_MODEL_FILE_VERSION);
	if (header.file_bytes > file->bytes)
		return vu_fail(
		    error, VU_DATA_LOSS,
		    "unable to read model %s: it is truncated (%zu bytes of %llu); restore it or make it again",
		    file->name, file->bytes, (unsigned long long)header.file_bytes);
	if (header.file_bytes < file->bytes)
		return damaged(file, error, "bytes follow its end");
	return VU_OK;
}

static vu_status check_entry(const vu_model_file *file, size_t index, uint64_t expected_offset, vu_error *error)
{
	static const uint8_t zero[16];
	const vu_model_entry *entry = &entries_of(file)[index];
	size_t element_bytes = vu_model_element_bytes((vu_model_element)entry->element);
	uint64_t elements = (uint64_t)entry->rows * entry->columns;

	if (entry->name[0] == '\0' || !memchr(entry->name, '\0', sizeof entry->name))
		return damaged(file, error, "a section without a name");
	if (element_bytes == 0)
		return damaged(file, error, "a section of an unknown element");
	if (entry->reserved_a || entry->reserved_b || memcmp(entry->reserved_c, zero, sizeof zero) != 0)
		return damaged(file, error, "reserved bytes are used");
	if (elements > VU_MODEL_FILE_BYTES_MAX || entry->rows > VU_MODEL_FILE_BYTES_MAX ||
	    entry->rows * (uint64_t)vu_model_row_bytes((vu_model_element)entry->element, entry->columns) !=
	        entry->bytes)
		return damaged(file, error, "a section's size is not that of its shape");
	if (entry->offset != expected_offset || entry->bytes > file->bytes - entry->offset)
		return damaged(file, error, "a section lies outside its place");
	for (size_t i = 0; i < index; i++)
		if (strcmp(entries_of(file)[i].name, entry->name) == 0)
			return damaged(file, error, "two sections of one name");
	return VU_OK;
}

static vu_status check_table(const vu_model_file *file, vu_error *error)
{
	const vu_model_header *header = header_of(file);
	uint64_t end;

	if (header->reserved != 0)
		return damaged(file, error, "reserved bytes are used");
	if (header->section_count > VU_MODEL_SECTIONS_MAX)
		return damaged(file, error, "too many sections");
	end = sizeof(vu_model_header) + (uint64_t)header->section_count * sizeof(vu_model_entry);
	if (end > file->bytes)
		return damaged(file, error, "its table does not fit");
	for (size_t i = 0; i < header->section_count; i++) {
		uint64_t offset = vu_model_align(end);
		vu_status status;
		if (offset > file->bytes)
			return damaged(file, error, "a section lies outside its place");
		status = check_entry(file, i, offset, error);
		if (status != VU_OK)
			return status;
		for (uint64_t gap = end; gap < offset; gap++)
			if (file->data[gap] != 0)
				return damaged(file, error, "the gap between sections is used");
		end = offset + entries_of(file)[i].bytes;
	}
	if (end != file->bytes)
		return damaged(file, error, "bytes follow its last section");
	return VU_OK;
}

/* `authentic`: nothing can have changed since the hash was written. */
static vu_status verify(const vu_model_file *file, vu_model_kind kind, bool authentic, vu_error *error)
{
	uint8_t hash[VU_MODEL_HASH_BYTES];
	vu_status status = check_header(file, error);

	if (status != VU_OK)
		return status;
	if (!authentic) {
		vu_model_compute_hash(file->data, file->bytes, hash);
		if (memcmp(hash, header_of(file)->hash, sizeof hash) != 0)
			return damaged(file, error, "its hash does not match its content");
	}
	status = check_table(file, error);
	if (status != VU_OK)
		return status;
	if (kind != VU_MODEL_ANY && header_of(file)->kind != kind)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use model %s: it is a %s, not a %s", file->name,
		               vu_model_kind_name((vu_model_kind)header_of(file)->kind), vu_model_kind_name(kind));
	return VU_OK;
}

static vu_model_file *file_new(const char *name)
{
	vu_model_file *file = calloc(1, sizeof *file);
	size_t length = strlen(name);

	if (!file)
		return NULL;
	/* The end of a long path says more than its beginning. */
	if (length >= sizeof file->name)
		name += length - sizeof file->name + 1;
	strcpy(file->name, name);
	return file;
}

static vu_status read_whole(int fd, uint8_t *data, size_t bytes, const char *path, vu_error *error)
{
	size_t used = 0;

	while (used < bytes) {
		ssize_t got = read(fd, data + used, bytes - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return vu_fail_errno(error, errno, "unable to read model %s", path);
		if (got == 0)
			return vu_fail(error, VU_DATA_LOSS,
			               "unable to read model %s: it is truncated (it shrank while being read)", path);
		used += (size_t)got;
	}
	return VU_OK;
}

vu_status vu_model_file_open(const char *path, vu_model_kind kind, bool map, vu_model_file **file_out,
                             vu_error *error)
{
	int fd = -1;
	uint64_t bytes;
	vu_model_file *file = NULL;
	vu_status status = vu_file_open_safely(path, VU_MODEL_FILE_BYTES_MAX, &fd, &bytes, error);

	if (status != VU_OK)
		return status;
	file = file_new(path);
	if (!file) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open model %s: out of memory", path);
		goto out;
	}
	if (map && bytes > 0) {
		void *data = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED) {
			status = vu_fail_errno(error, errno, "unable to map model %s", path);
			goto out;
		}
		file->data = data;
		file->mapped = true;
	} else {
		uint8_t *data = aligned_alloc(VU_MODEL_ALIGNMENT, (size_t)vu_model_align(bytes ? bytes : 1));
		if (!data) {
			status =
			    vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open model %s: out of memory", path);
			goto out;
		}
		file->data = data;
		file->owned = true;
		status = read_whole(fd, data, (size_t)bytes, path, error);
		if (status != VU_OK)
			goto out;
	}
	file->bytes = (size_t)bytes;
	status = verify(file, kind, false, error);
	if (status != VU_OK)
		goto out;
	*file_out = file;
	file = NULL;
out:
	vu_model_file_close(file);
	close(fd);
	return status;
}

static vu_status read_memory(const void *data, size_t bytes, const char *name, vu_model_kind kind, bool authentic,
                             vu_model_file **file_out, vu_error *error)
{
	vu_model_file *file;
	vu_status status;

	if ((uintptr_t)data % VU_MODEL_ALIGNMENT != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read model %s: its bytes are not aligned",
		               name);
	if (bytes > VU_MODEL_FILE_BYTES_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to read model %s: it has %zu bytes, more than the %u allowed", name, bytes,
		               VU_MODEL_FILE_BYTES_MAX);
	file = file_new(name);
	if (!file)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read model %s: out of memory", name);
	file->data = data;
	file->bytes = bytes;
	status = verify(file, kind, authentic, error);
	if (status != VU_OK) {
		vu_model_file_close(file);
		return status;
	}
	*file_out = file;
	return VU_OK;
}

vu_status vu_model_file_from_memory(const void *data, size_t bytes, const char *name, vu_model_kind kind,
                                    vu_model_file **file_out, vu_error *error)
{
	return read_memory(data, bytes, name, kind, false, file_out, error);
}

vu_status vu_model_file_adopt(void *data, size_t bytes, const char *name, vu_model_kind kind,
                              void (*release)(void *data, size_t bytes), vu_model_file **file_out, vu_error *error)
{
	vu_status status = read_memory(data, bytes, name, kind, true, file_out, error);

	if (status == VU_OK)
		(*file_out)->release = release;
	return status;
}

void vu_model_file_close(vu_model_file *file)
{
	if (!file)
		return;
	if (file->release)
		file->release((void *)(uintptr_t)file->data, file->bytes);
	if (file->mapped)
		munmap((void *)(uintptr_t)file->data, file->bytes);
	else if (file->owned)
		free((void *)(uintptr_t)file->data);
	free(file);
}

void vu_model_file_release_pages(const vu_model_file *file)
{
	/* Not posix_madvise: that of glibc ignores this advice. */
	if (file->mapped)
		madvise((void *)(uintptr_t)file->data, file->bytes, MADV_DONTNEED);
}

vu_model_kind vu_model_file_kind(const vu_model_file *file)
{
	return (vu_model_kind)header_of(file)->kind;
}

unsigned vu_model_file_version(const vu_model_file *file)
{
	return header_of(file)->version;
}

size_t vu_model_file_bytes(const vu_model_file *file)
{
	return file->bytes;
}

bool vu_model_file_is_mapped(const vu_model_file *file)
{
	return file->mapped;
}

const char *vu_model_file_name(const vu_model_file *file)
{
	return file->name;
}

void vu_model_file_hash_hex(const vu_model_file *file, char hex[VU_MODEL_HASH_HEX_SIZE])
{
	sodium_bin2hex(hex, VU_MODEL_HASH_HEX_SIZE, header_of(file)->hash, VU_MODEL_HASH_BYTES);
}

size_t vu_model_file_section_count(const vu_model_file *file)
{
	return header_of(file)->section_count;
}

void vu_model_file_section_at(const vu_model_file *file, size_t index, vu_model_section *out)
{
	const vu_model_entry *entry = &entries_of(file)[index];

	out->name = entry->name;
	out->element = (vu_model_element)entry->element;
	out->rows = entry->rows;
	out->columns = entry->columns;
	out->data = file->data + entry->offset;
	out->bytes = (size_t)entry->bytes;
}

bool vu_model_file_find(const vu_model_file *file, const char *name, vu_model_section *out)
{
	for (size_t i = 0; i < header_of(file)->section_count; i++) {
		if (strcmp(entries_of(file)[i].name, name) == 0) {
			vu_model_file_section_at(file, i, out);
			return true;
		}
	}
	return false;
}

vu_status vu_model_file_require(const vu_model_file *file, const char *name, vu_model_element element, uint32_t rows,
                                uint32_t columns, vu_model_section *out, vu_error *error)
{
	if (!vu_model_file_find(file, name, out))
		return vu_fail(error, VU_DATA_LOSS, "unable to use model %s: it has no section '%s'; make it again",
		               file->name, name);
	if ((element && out->element != element) || (rows && out->rows != rows) ||
	    (columns && out->columns != columns))
		return vu_fail(
		    error, VU_DATA_LOSS,
		    "unable to use model %s: its section '%s' is %s %u x %u, which does not fit; make it again",
		    file->name, name, vu_model_element_name(out->element), out->rows, out->columns);
	return VU_OK;
}

vu_status vu_model_section_floats(const vu_model_file *file, const vu_model_section *section, float *out,
                                  vu_error *error)
{
	size_t count = (size_t)section->rows * section->columns;

	if (section->element == VU_ELEMENT_F16)
		vu_float16_unpack(section->data, out, count);
	else if (section->element == VU_ELEMENT_F32)
		memcpy(out, section->data, count * sizeof *out);
	else if (section->element == VU_ELEMENT_I8)
		for (uint32_t i = 0; i < section->rows; i++)
			vu_model_row_unpack_i8((const uint8_t *)section->data +
			                           i * vu_model_row_bytes(VU_ELEMENT_I8, section->columns),
			                       section->columns, out + (size_t)i * section->columns);
	else
		return vu_fail(error, VU_DATA_LOSS, "unable to use model %s: its section '%s' holds %s, not numbers",
		               file->name, section->name, vu_model_element_name(section->element));
	for (size_t i = 0; i < count; i++)
		if (!isfinite(out[i]))
			return vu_fail(error, VU_DATA_LOSS,
			               "unable to use model %s: its section '%s' has a value that is not a number",
			               file->name, section->name);
	return VU_OK;
}

vu_status vu_model_file_text(const vu_model_file *file, const char *name, char *text, size_t size, vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(file, name, VU_ELEMENT_BYTES, 0, 0, &section, error);

	if (status != VU_OK)
		return status;
	if (section.bytes >= size || memchr(section.data, '\0', section.bytes))
		return vu_fail(error, VU_DATA_LOSS, "unable to use model %s: its text '%s' is not as it should be",
		               file->name, name);
	memcpy(text, section.data, section.bytes);
	text[section.bytes] = '\0';
	if (!vu_utf8_is_valid(text))
		return vu_fail(error, VU_DATA_LOSS, "unable to use model %s: its text '%s' is not valid UTF-8",
		               file->name, name);
	return VU_OK;
}
