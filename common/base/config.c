/*
 * Loading: defaults, then the file by its schema, then the environment, then
 * the checks. A configuration either comes out whole or not at all; the message
 * names file, line, key and remedy.
 */
#include "base/config.h"

#include "base/config_check.h"
#include "base/config_document.h"
#include "base/config_environment.h"
#include "base/config_schema.h"
#include "base/config_table.h"
#include "base/config_value.h"
#include "base/file.h"
#include "base/user_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a message about a file repeats of its path. */
#define PATH_SHOWN_MAX 160

static void free_strings(char **strings, unsigned *count)
{
	for (unsigned i = 0; i < *count; i++) {
		free(strings[i]);
		strings[i] = NULL;
	}
	*count = 0;
}

void vu_config_free(vu_config *config)
{
	if (!config)
		return;
	free(config->ml.background_model);
	for (unsigned i = 0; i < config->ml.loader_count; i++) {
		free(config->ml.loaders[i].kind);
		free(config->ml.loaders[i].object);
		free(config->ml.loaders[i].path);
		free(config->ml.loaders[i].sha256);
	}
	free(config->audio.device);
	free_strings(config->enrollment.phrases, &config->enrollment.phrase_count);
	free(config->alerts.command);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		free_strings(config->endpoints[id].uris, &config->endpoints[id].count);
	free(config->source_path);
	free(config);
}

/* Copies a list of texts in place of what stood there. */
static vu_status replace_strings(char **to, unsigned *count, const char *const *from, unsigned from_count,
                                 vu_error *error)
{
	free_strings(to, count);
	for (unsigned i = 0; i < from_count; i++) {
		to[i] = strdup(from[i]);
		if (!to[i])
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
		(*count)++;
	}
	return VU_OK;
}

static vu_status apply_defaults(vu_config *config, vu_error *error)
{
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);
	unsigned phrase_count = 0;
	vu_status status = VU_OK;

	for (size_t i = 0; status == VU_OK && i < key_count; i++)
		status = vu_config_value_parse(&keys[i], keys[i].default_text, config, error);
	while (VU_CONFIG_DEFAULT_PHRASES[phrase_count])
		phrase_count++;
	if (status == VU_OK)
		status = replace_strings(config->enrollment.phrases, &config->enrollment.phrase_count,
		                         VU_CONFIG_DEFAULT_PHRASES, phrase_count, error);
	return status;
}

static vu_status copy_text(char **to, const char *from, vu_error *error)
{
	if (!from || !from[0])
		return VU_OK;
	*to = strdup(from);
	return *to ? VU_OK : vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
}

static vu_status apply_loaders(vu_config *config, const vu_raw_section *section, vu_error *error)
{
	vu_status status = VU_OK;

	for (unsigned i = 0; status == VU_OK && i < section->loader_count; i++) {
		vu_loader_config *to = &config->ml.loaders[config->ml.loader_count++];
		const vu_raw_loader *from = &section->loaders[i];

		status = copy_text(&to->kind, from->kind, error);
		if (status == VU_OK)
			status = copy_text(&to->object, from->object, error);
		if (status == VU_OK)
			status = copy_text(&to->path, from->path, error);
		if (status == VU_OK)
			status = copy_text(&to->sha256, from->sha256, error);
	}
	return status;
}

/* *key_out: the key to blame when a value is refused. `given` notes which keys the file has. */
static vu_status apply_section(vu_config *config, const char *name, const vu_raw_section *section, bool *given,
                               const char **key_out, vu_error *error)
{
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);
	unsigned position = 0;
	vu_status status;

	for (size_t i = 0; i < key_count; i++) {
		const char *text;

		if (!vu_config_key_in_section(&keys[i], name))
			continue;
		text = section->values[position++];
		if (!text)
			continue;
		*key_out = keys[i].name;
		status = vu_config_value_parse(&keys[i], text, config, error);
		if (status != VU_OK)
			return status;
		given[i] = true;
	}
	if (section->phrases) {
		*key_out = VU_CONFIG_PHRASES_KEY;
		for (unsigned i = 0; i < section->phrase_count; i++) {
			if (section->phrases[i][0] == '\0' || !vu_utf8_is_valid(section->phrases[i]))
				return vu_fail(error, VU_INVALID_ARGUMENT,
				               "entry %u of %s is empty; write a sentence or remove it", i + 1,
				               VU_CONFIG_PHRASES_KEY);
		}
		status = replace_strings(config->enrollment.phrases, &config->enrollment.phrase_count,
		                         (const char *const *)section->phrases, section->phrase_count, error);
		if (status != VU_OK)
			return status;
	}
	*key_out = VU_CONFIG_LOADERS_KEY;
	status = apply_loaders(config, section, error);
	for (unsigned id = 0; status == VU_OK && id < VU_SERVICE_COUNT; id++) {
		const vu_raw_service *service = section->services[id];
		if (service)
			status =
			    replace_strings(config->endpoints[id].uris, &config->endpoints[id].count,
			                    (const char *const *)service->endpoints, service->endpoint_count, error);
	}
	return status;
}

/* Puts "unable to read configuration PATH, line N: …" before what is wrong with a value. */
static vu_status blame_value(const char *text, size_t bytes, const char *label, const char *key, vu_status status,
                             const vu_error *problem, vu_error *error)
{
	vu_config_document *document = NULL;
	unsigned line = 0;

	if (vu_config_document_create(text, bytes, &document, NULL) == VU_OK)
		line = vu_config_document_line(document, key);
	vu_config_document_free(document);
	if (line > 0)
		return vu_fail(error, status, "unable to read configuration %.*s, line %u: %.300s", PATH_SHOWN_MAX,
		               label, line, problem->message);
	return vu_fail(error, status, "unable to read configuration %.*s: %.300s", PATH_SHOWN_MAX, label,
	               problem->message);
}

/* The schema refused: say it with our words where we can, with libcyaml's else. */
static vu_status blame_structure(const char *text, size_t bytes, const char *label, vu_status status,
                                 const vu_error *cyaml_problem, vu_error *error)
{
	vu_config_document *document = NULL;
	vu_error ours = {VU_OK, ""};
	const vu_error *problem = cyaml_problem;

	if (status == VU_INVALID_ARGUMENT) {
		if (vu_config_document_create(text, bytes, &document, &ours) != VU_OK ||
		    vu_config_document_explain(document, &ours) != VU_OK)
			problem = &ours;
		vu_config_document_free(document);
	}
	if (status == VU_UNIMPLEMENTED)
		status = VU_INVALID_ARGUMENT;
	return vu_fail(error, status, "unable to read configuration %.*s, %.300s", PATH_SHOWN_MAX, label,
	               problem->message);
}

static vu_status check_encoding(const char *text, size_t bytes, const char *label, vu_error *error)
{
	char *copy;
	int valid;

	if (bytes > VU_CONFIG_FILE_BYTES_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to read configuration %.*s: it has %zu bytes, more than the %d allowed",
		               PATH_SHOWN_MAX, label, bytes, VU_CONFIG_FILE_BYTES_MAX);
	copy = malloc(bytes + 1);
	if (!copy)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read configuration %.*s: out of memory",
		               PATH_SHOWN_MAX, label);
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	valid = strlen(copy) == bytes && vu_utf8_is_valid(copy);
	free(copy);
	if (!valid)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read configuration %.*s: it is not text in UTF-8; save it as such",
		               PATH_SHOWN_MAX, label);
	return VU_OK;
}

/* `label` NULL: no file. `with_environment`: the variables are applied before the checks across keys. */
static vu_status assemble(const char *text, size_t bytes, const char *label, bool with_environment,
                          vu_config **config_out, vu_error *error)
{
	vu_config *config = calloc(1, sizeof *config);
	vu_config_reading *reading = NULL;
	const vu_raw_config *raw = NULL;
	const char *key = "";
	bool given[VU_CONFIG_KEYS_MAX] = {false};
	vu_error problem;
	vu_status status;

	if (!config)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the configuration: out of memory");
	status = apply_defaults(config, error);
	if (status == VU_OK && label) {
		status = check_encoding(text, bytes, label, error);
		if (status != VU_OK)
			goto out;
		status = copy_text(&config->source_path, label, error);
		if (status != VU_OK)
			goto out;
		status = vu_config_reading_create(text, bytes, &reading, &problem);
		if (status != VU_OK) {
			status = blame_structure(text, bytes, label, status, &problem, error);
			goto out;
		}
		raw = vu_config_reading_raw(reading);
	}
	for (unsigned i = 0; status == VU_OK && raw && VU_CONFIG_SECTIONS[i]; i++) {
		if (!raw->sections[i])
			continue;
		status = apply_section(config, VU_CONFIG_SECTIONS[i], raw->sections[i], given, &key, &problem);
		if (status != VU_OK)
			blame_value(text, bytes, label, key, status, &problem, error);
	}
	if (status == VU_OK && with_environment)
		status = vu_config_environment_apply(config, given, error);
	if (status == VU_OK) {
		vu_config_settle(config, given);
		status = vu_config_check(config, &key, &problem);
		if (status != VU_OK && label)
			blame_value(text, bytes, label, key, status, &problem, error);
		else if (status != VU_OK)
			vu_fail(error, status, "unable to use the configuration: %.400s", problem.message);
	}
out:
	vu_config_reading_free(reading);
	if (status == VU_OK)
		*config_out = config;
	else
		vu_config_free(config);
	return status;
}

vu_status vu_config_parse(const char *text, size_t bytes, const char *label, vu_config **config_out, vu_error *error)
{
	return assemble(text, bytes, label, false, config_out, error);
}

vu_status vu_config_load(const char *path, vu_config **config_out, vu_error *error)
{
	const char *named = path ? path : getenv("VOICE_UNLOCK_CONFIG");
	char *own_path = NULL;
	char *text = NULL;
	size_t bytes = 0;
	vu_status status = VU_OK;

	if (!path) {
		own_path = vu_config_default_path();
		if (!own_path)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED,
			               "unable to find the configuration: out of memory");
		path = own_path;
	}
	/* Only a place that nobody named may be empty. */
	if ((named && named[0]) || access(path, F_OK) == 0) {
		status = vu_file_read(path, VU_CONFIG_FILE_BYTES_MAX, &text, &bytes, error);
		if (status != VU_OK)
			goto out;
	}
	status = assemble(text, bytes, text ? path : NULL, true, config_out, error);
	/* A child of the supervisor has the same environment and file: once is enough. */
	if (status == VU_OK && !getenv("VOICE_UNLOCK_PARENT_PID")) {
		vu_config_environment_warn();
		vu_config_check_warn(*config_out);
	}
out:
	free(text);
	free(own_path);
	return status;
}
