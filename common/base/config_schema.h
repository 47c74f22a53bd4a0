/*
 * The configuration file by its libcyaml schema: texts where the file has
 * values, NULL where it has none. What the texts mean is not known here.
 */
#ifndef VU_BASE_CONFIG_SCHEMA_H
#define VU_BASE_CONFIG_SCHEMA_H

#include "base/config.h"

#define VU_CONFIG_SECTION_KEYS_MAX 16
#define VU_CONFIG_SECTIONS_MAX     16

typedef struct vu_raw_loader {
	char *kind;
	char *object;
	char *path;
	char *sha256;
} vu_raw_loader;

typedef struct vu_raw_service {
	char **endpoints;
	unsigned endpoint_count;
} vu_raw_service;

typedef struct vu_raw_section {
	char *values[VU_CONFIG_SECTION_KEYS_MAX]; /* scalar keys in the order of the table */
	char **phrases;
	unsigned phrase_count;
	vu_raw_loader *loaders;
	unsigned loader_count;
	vu_raw_service *services[VU_SERVICE_COUNT];
} vu_raw_section;

typedef struct vu_raw_config {
	vu_raw_section *sections[VU_CONFIG_SECTIONS_MAX]; /* in the order of VU_CONFIG_SECTIONS */
} vu_raw_config;

typedef struct vu_config_reading vu_config_reading;

/*
 * Reads `text`. INVALID_ARGUMENT: what libcyaml says and the line it was at, to
 * be put into better words by config_document.h where that can. UNIMPLEMENTED:
 * an alias, in final words. RESOURCE_EXHAUSTED: no memory. Free with
 * vu_config_reading_free.
 */
vu_status vu_config_reading_create(const char *text, size_t bytes, vu_config_reading **reading_out, vu_error *error);
void vu_config_reading_free(vu_config_reading *reading);

/* What was read; NULL when the file is empty. Lives as long as `reading`. */
const vu_raw_config *vu_config_reading_raw(const vu_config_reading *reading);

#endif
