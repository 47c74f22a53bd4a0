/* The bytes of a model file, shared by reader and writer only. See model_file.h. */
#ifndef VU_ML_MODEL_FORMAT_H
#define VU_ML_MODEL_FORMAT_H

#include "ml/model_file.h"

#include <assert.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are used as they lie in memory: this needs a little-endian machine"
#endif

#define VU_MODEL_MAGIC "\x89VUM\r\n\x1a\n"

typedef struct vu_model_header {
	uint8_t magic[8];
	uint16_t version;
	uint16_t kind;
	uint32_t section_count;
	uint64_t file_bytes;
	uint8_t hash[VU_MODEL_HASH_BYTES];
	uint64_t reserved;
} vu_model_header;

typedef struct vu_model_entry {
	char name[VU_MODEL_NAME_SIZE];
	uint16_t element;
	uint16_t reserved_a;
	uint32_t rows;
	uint32_t columns;
	uint32_t reserved_b;
	uint64_t offset;
	uint64_t bytes;
	uint8_t reserved_c[16];
} vu_model_entry;

static_assert(sizeof(vu_model_header) == 64, "the header is 64 bytes");
static_assert(sizeof(vu_model_entry) == 64, "a section's entry is 64 bytes");

static inline uint64_t vu_model_align(uint64_t offset)
{
	return (offset + VU_MODEL_ALIGNMENT - 1) / VU_MODEL_ALIGNMENT * VU_MODEL_ALIGNMENT;
}

/* BLAKE2b-256 of the file with the hash field taken as zero. */
void vu_model_compute_hash(const void *data, size_t bytes, uint8_t hash[VU_MODEL_HASH_BYTES]);

#endif
