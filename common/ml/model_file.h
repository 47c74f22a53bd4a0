/*
 * The one file format of every model: background, template, and whatever
 * comes. Little-endian, versioned, hashed, every section aligned to 64 bytes,
 * so that a read-only mapping of the file is the model.
 *
 *   0    magic        89 'V' 'U' 'M' 0D 0A 1A 0A (spoiled by text conversions)
 *   8    version      u16, this header describes version 1
 *   10   kind         u16, vu_model_kind
 *   12   sections     u32
 *   16   file bytes   u64
 *   24   hash         BLAKE2b-256 of the whole file with these 32 bytes zero
 *   56   reserved     u64, zero
 *   64   section table, 64 bytes each:
 *          name 16 bytes ending in NUL · element u16 · reserved u16 · rows u32 ·
 *          columns u32 · reserved u32 · offset u64 · bytes u64 · reserved 16
 *   then the sections in the order of the table, each beginning at the next
 *   multiple of 64 after the one before, gaps zero; the file ends with the last.
 *
 * There is exactly one valid file for a list of sections, and a file is
 * verified whole before anything in it is used.
 *
 * The hash finds damage, not malice: whoever can write the file can compute
 * it. Who may write is checked when the file is opened (base/file.h).
 */
#ifndef VU_ML_MODEL_FILE_H
#define VU_ML_MODEL_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_MODEL_FILE_VERSION   1
#define VU_MODEL_FILE_BYTES_MAX (64u * 1024 * 1024)
#define VU_MODEL_SECTIONS_MAX   64
#define VU_MODEL_ALIGNMENT      64
#define VU_MODEL_NAME_SIZE      16 /* with the final NUL */
#define VU_MODEL_HASH_BYTES     32
#define VU_MODEL_HASH_HEX_SIZE  (2 * VU_MODEL_HASH_BYTES + 1)

typedef enum vu_model_kind {
	VU_MODEL_ANY = 0, /* for opening: whatever it is */
	VU_MODEL_BACKGROUND = 1,
	VU_MODEL_TEMPLATE = 2,
	VU_MODEL_DETECTOR = 3,
} vu_model_kind;

typedef enum vu_model_element {
	VU_ELEMENT_BYTES = 1, /* text or opaque bytes */
	VU_ELEMENT_I8 = 2,    /* numbers: each row a float32 scale, then a byte a value: value = scale x byte */
	VU_ELEMENT_F16 = 3,
	VU_ELEMENT_F32 = 4,
	VU_ELEMENT_U64 = 5,
} vu_model_element;

/* "background", …; "unknown". Static. */
const char *vu_model_kind_name(vu_model_kind kind);
const char *vu_model_element_name(vu_model_element element);
/* Bytes of one element, the scales of i8 not counted; 0 for an unknown one. */
size_t vu_model_element_bytes(vu_model_element element);
/* Bytes from the beginning of one row to that of the next. */
size_t vu_model_row_bytes(vu_model_element element, uint32_t columns);

/* A row of i8: `out` has vu_model_row_bytes. The error is at most half of the row's largest magnitude / 127. */
void vu_model_row_pack_i8(const float *row, uint32_t columns, uint8_t *out);
void vu_model_row_unpack_i8(const void *packed, uint32_t columns, float *row);

/* ---- reading ---- */

typedef struct vu_model_section {
	const char *name;
	vu_model_element element;
	uint32_t rows;
	uint32_t columns;
	const void *data; /* aligned to 64 bytes; lives as long as the file is open */
	size_t bytes;
} vu_model_section;

typedef struct vu_model_file vu_model_file;

/*
 * Opens, checks and verifies `path`. With `map` the file is mapped read-only,
 * else it is read into memory. Files are replaced by rename, never rewritten,
 * so a mapping stays what it was.
 *
 *   NOT_FOUND, PERMISSION_DENIED, OUT_OF_RANGE   as vu_file_open_safely
 *   INVALID_ARGUMENT      foreign: not a model file, or of another kind
 *   FAILED_PRECONDITION   of a version older than this program reads
 *   UNIMPLEMENTED         of a version newer than this program
 *   DATA_LOSS             truncated or damaged; the message says which
 */
vu_status vu_model_file_open(const char *path, vu_model_kind kind, bool map, vu_model_file **file_out,
                             vu_error *error);

/*
 * The same over bytes in memory, aligned to 64, which must outlive the file and
 * stay unchanged. `name` is for messages.
 */
vu_status vu_model_file_from_memory(const void *data, size_t bytes, const char *name, vu_model_kind kind,
                                    vu_model_file **file_out, vu_error *error);

/*
 * The same for bytes that were authenticated just now, as by decrypting them:
 * the hash, which could only say the same, is not computed. The bytes go over
 * to the file: vu_model_file_close calls release(data, bytes). On failure they
 * stay the caller's.
 */
vu_status vu_model_file_adopt(void *data, size_t bytes, const char *name, vu_model_kind kind,
                              void (*release)(void *data, size_t bytes), vu_model_file **file_out, vu_error *error);

void vu_model_file_close(vu_model_file *file);

/* Gives the pages of a mapped file back; they are read again when touched. Nothing for one in memory. Any thread. */
void vu_model_file_release_pages(const vu_model_file *file);

vu_model_kind vu_model_file_kind(const vu_model_file *file);
unsigned vu_model_file_version(const vu_model_file *file);
size_t vu_model_file_bytes(const vu_model_file *file);
bool vu_model_file_is_mapped(const vu_model_file *file);
const char *vu_model_file_name(const vu_model_file *file);
void vu_model_file_hash_hex(const vu_model_file *file, char hex[VU_MODEL_HASH_HEX_SIZE]);
size_t vu_model_file_section_count(const vu_model_file *file);
void vu_model_file_section_at(const vu_model_file *file, size_t index, vu_model_section *out);

/* False when there is no such section. */
bool vu_model_file_find(const vu_model_file *file, const char *name, vu_model_section *out);

/*
 * The section must exist and have this shape (0 = any) and, unless `element`
 * is 0, this element. DATA_LOSS names file, section, and what is wrong.
 */
vu_status vu_model_file_require(const vu_model_file *file, const char *name, vu_model_element element, uint32_t rows,
                                uint32_t columns, vu_model_section *out, vu_error *error);

/*
 * Values of an f32, f16 or i8 section as float32, `count` = rows × columns of them.
 * DATA_LOSS when one is not finite or the section is of another element.
 */
vu_status vu_model_section_floats(const vu_model_file *file, const vu_model_section *section, float *out,
                                  vu_error *error);

/* A bytes section as text with a final NUL; DATA_LOSS when it does not fit, or is not valid UTF-8 without NUL. */
vu_status vu_model_file_text(const vu_model_file *file, const char *name, char *text, size_t size, vu_error *error);

/* ---- writing ---- */

typedef struct vu_model_writer vu_model_writer;

vu_status vu_model_writer_create(vu_model_kind kind, vu_model_writer **writer_out);
void vu_model_writer_destroy(vu_model_writer *writer);

/*
 * Each copies its data. A failure is remembered and returned by finish, so a
 * sequence of adds needs one check. `name` has 1 to 15 bytes and is unique.
 */
void vu_model_writer_add(vu_model_writer *writer, const char *name, vu_model_element element, uint32_t rows,
                         uint32_t columns, const void *data);
void vu_model_writer_add_text(vu_model_writer *writer, const char *name, const char *text);
/* float32 in; stored as `element`, VU_ELEMENT_F32, VU_ELEMENT_F16 or VU_ELEMENT_I8. A value that does not fit is a
 * failure. */
void vu_model_writer_add_floats(vu_model_writer *writer, const char *name, vu_model_element element, uint32_t rows,
                                uint32_t columns, const float *data);

/*
 * The finished file as bytes aligned to 64; the caller frees *data_out with
 * free(). INVALID_ARGUMENT or RESOURCE_EXHAUSTED name the first bad section.
 */
vu_status vu_model_writer_finish(vu_model_writer *writer, void **data_out, size_t *bytes_out, vu_error *error);

/* Finish, and write atomically with mode 0600. */
vu_status vu_model_writer_save(vu_model_writer *writer, const char *path, vu_error *error);

#endif
