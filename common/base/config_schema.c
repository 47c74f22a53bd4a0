/*
 * The libcyaml schema, built from the table of keys so that there is no second
 * list of them. All scalars are read as text: libcyaml would take a number that
 * is out of range without saying which key it stood at, and environment
 * variables need the same checks anyway. Lists have their own shape here.
 *
 * YAML aliases are refused: they can make a small file stand for a huge one.
 */
#include "base/config_schema.h"

#include "base/config_table.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Scalars, a list, and the end. */
#define FIELDS_MAX (VU_CONFIG_SECTION_KEYS_MAX + 2)

struct vu_config_reading {
	cyaml_schema_value_t text;
	cyaml_schema_value_t loader;
	cyaml_schema_value_t root;
	cyaml_schema_field_t loader_fields[5];
	cyaml_schema_field_t endpoint_fields[2];
	cyaml_schema_field_t service_fields[VU_SERVICE_COUNT + 1];
	cyaml_schema_field_t section_fields[VU_CONFIG_SECTIONS_MAX][FIELDS_MAX];
	cyaml_schema_field_t root_fields[VU_CONFIG_SECTIONS_MAX + 1];
	vu_raw_config *raw;
	char problem[VU_ERROR_MESSAGE_MAX / 2]; /* what libcyaml said first, and where */
	unsigned line;
	bool second_document;
};

/* Absent, and also `key:`, `key: null` and `key: ~`, leave NULL. */
#define OPTIONAL_FLAGS (CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL)

static cyaml_schema_field_t text_field(const char *name, size_t offset)
{
	cyaml_schema_field_t field;

	memset(&field, 0, sizeof field);
	field.key = name;
	field.data_offset = (uint32_t)offset;
	field.value.type = CYAML_STRING;
	field.value.flags = OPTIONAL_FLAGS;
	field.value.data_size = sizeof(char);
	field.value.string.min = 0;
	field.value.string.max = VU_CONFIG_TEXT_MAX;
	return field;
}

static cyaml_schema_field_t mapping_field(const char *name, size_t offset, const cyaml_schema_field_t *fields,
                                          size_t bytes)
{
	cyaml_schema_field_t field;

	memset(&field, 0, sizeof field);
	field.key = name;
	field.data_offset = (uint32_t)offset;
	field.value.type = CYAML_MAPPING;
	field.value.flags = OPTIONAL_FLAGS;
	field.value.data_size = (uint32_t)bytes;
	field.value.mapping.fields = fields;
	return field;
}

static cyaml_schema_field_t list_field(const char *name, size_t offset, size_t count_offset,
                                       const cyaml_schema_value_t *entry, size_t entry_bytes, uint32_t max)
{
	cyaml_schema_field_t field;

	memset(&field, 0, sizeof field);
	field.key = name;
	field.data_offset = (uint32_t)offset;
	field.count_offset = (uint32_t)count_offset;
	field.count_size = sizeof(unsigned);
	field.value.type = CYAML_SEQUENCE;
	field.value.flags = OPTIONAL_FLAGS;
	field.value.data_size = (uint32_t)entry_bytes;
	field.value.sequence.entry = entry;
	field.value.sequence.min = 0;
	field.value.sequence.max = max;
	return field;
}

static void build_lists(vu_config_reading *reading)
{
	reading->text = text_field("", 0).value;
	reading->text.flags = CYAML_FLAG_POINTER;

	reading->loader_fields[0] = text_field("kind", offsetof(vu_raw_loader, kind));
	reading->loader_fields[1] = text_field("object", offsetof(vu_raw_loader, object));
	reading->loader_fields[2] = text_field("path", offsetof(vu_raw_loader, path));
	reading->loader_fields[3] = text_field("sha256", offsetof(vu_raw_loader, sha256));
	reading->loader = mapping_field("", 0, reading->loader_fields, sizeof(vu_raw_loader)).value;
	reading->loader.flags = CYAML_FLAG_DEFAULT;

	reading->endpoint_fields[0] =
	    list_field("endpoints", offsetof(vu_raw_service, endpoints), offsetof(vu_raw_service, endpoint_count),
	               &reading->text, sizeof(char *), VU_CONFIG_ENDPOINTS_MAX);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		reading->service_fields[id] = mapping_field(vu_service_name((vu_service_id)id),
		                                            offsetof(vu_raw_section, services) + id * sizeof(void *),
		                                            reading->endpoint_fields, sizeof(vu_raw_service));
}

static void build_section(vu_config_reading *reading, const char *section, cyaml_schema_field_t *fields)
{
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);
	unsigned used = 0;

	for (size_t i = 0; i < key_count; i++) {
		const char *name = vu_config_key_in_section(&keys[i], section);
		if (name) {
			fields[used] = text_field(name, offsetof(vu_raw_section, values) + used * sizeof(char *));
			used++;
		}
	}
	if (strcmp(section, "enrollment") == 0)
		fields[used++] =
		    list_field("phrases", offsetof(vu_raw_section, phrases), offsetof(vu_raw_section, phrase_count),
		               &reading->text, sizeof(char *), VU_CONFIG_PHRASES_MAX);
	if (strcmp(section, "ml") == 0)
		fields[used++] =
		    list_field("loaders", offsetof(vu_raw_section, loaders), offsetof(vu_raw_section, loader_count),
		               &reading->loader, sizeof(vu_raw_loader), VU_CONFIG_LOADERS_MAX);
}

static void build(vu_config_reading *reading)
{
	unsigned i;

	build_lists(reading);
	for (i = 0; VU_CONFIG_SECTIONS[i]; i++) {
		const cyaml_schema_field_t *fields = reading->section_fields[i];

		if (strcmp(VU_CONFIG_SECTIONS[i], "services") == 0)
			fields = reading->service_fields;
		else
			build_section(reading, VU_CONFIG_SECTIONS[i], reading->section_fields[i]);
		reading->root_fields[i] = mapping_field(
		    VU_CONFIG_SECTIONS[i], offsetof(vu_raw_config, sections) + i * sizeof(vu_raw_section *), fields,
		    sizeof(vu_raw_section));
	}
	reading->root = mapping_field("", 0, reading->root_fields, sizeof(vu_raw_config)).value;
	/* A file of comments alone is as good as none. */
	reading->root.flags = CYAML_FLAG_POINTER_NULL_STR;
}

/* libcyaml tells what is wrong, then where, a line each. The first of both is what matters. */
static void __attribute__((format(printf, 3, 0)))
note_problem(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	vu_config_reading *reading = context;
	char text[sizeof reading->problem];
	const char *place;

	vsnprintf(text, sizeof text, format, arguments);
	text[strcspn(text, "\n")] = '\0';
	if (level < CYAML_LOG_ERROR) {
		/* It would go on with the first, and half of what was written would be ignored. */
		reading->second_document |= strstr(text, "documents after first") != NULL;
		return;
	}
	place = strstr(text, "(line: ");
	if (place) {
		if (reading->line == 0)
			sscanf(place, "(line: %u", &reading->line);
		return;
	}
	if (reading->problem[0] == '\0' && !strstr(text, "Backtrace"))
		snprintf(reading->problem, sizeof reading->problem, "%s",
		         strncmp(text, "Load: ", 6) == 0 ? text + 6 : text);
}

static cyaml_config_t cyaml_settings(vu_config_reading *reading)
{
	cyaml_config_t settings;

	memset(&settings, 0, sizeof settings);
	settings.log_fn = note_problem;
	settings.log_ctx = reading;
	settings.log_level = CYAML_LOG_NOTICE;
	settings.mem_fn = cyaml_mem;
	settings.flags = CYAML_CFG_NO_ALIAS;
	return settings;
}

vu_status vu_config_reading_create(const char *text, size_t bytes, vu_config_reading **reading_out, vu_error *error)
{
	vu_config_reading *reading = calloc(1, sizeof *reading);
	cyaml_config_t settings;
	cyaml_err_t result;
	cyaml_data_t *data = NULL;
	vu_status status;

	if (!reading)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	build(reading);
	settings = cyaml_settings(reading);
	result = cyaml_load_data((const uint8_t *)text, bytes, &settings, &reading->root, &data, NULL);
	if (result != CYAML_OK) {
		if (result == CYAML_ERR_ALIAS)
			status = vu_fail(error, VU_UNIMPLEMENTED,
			                 "line %u: aliases (*name) are not read; write the value out", reading->line);
		else if (result == CYAML_ERR_OOM)
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
		else
			status = vu_fail(error, VU_INVALID_ARGUMENT, "line %u: %s", reading->line,
			                 reading->problem[0] ? reading->problem : cyaml_strerror(result));
		free(reading);
		return status;
	}
	reading->raw = (vu_raw_config *)data;
	if (reading->second_document) {
		vu_config_reading_free(reading);
		return vu_fail(error, VU_INVALID_ARGUMENT, "line 1: more than one document; keep one");
	}
	*reading_out = reading;
	return VU_OK;
}

void vu_config_reading_free(vu_config_reading *reading)
{
	cyaml_config_t settings;

	if (!reading)
		return;
	settings = cyaml_settings(reading);
	if (reading->raw)
		cyaml_free(&settings, &reading->root, (cyaml_data_t *)reading->raw, 0);
	free(reading);
}

const vu_raw_config *vu_config_reading_raw(const vu_config_reading *reading)
{
	return reading->raw;
}
