/* Showing one key. The lists are shown as YAML in one line, so that what is shown could be written. */
#include "base/config.h"

#include "base/config_table.h"
#include "base/config_value.h"

#include <stdio.h>
#include <string.h>

typedef struct writer {
	char *text;
	size_t size;
	size_t used;
	int full;
} writer;

static void write_plain(writer *out, const char *text)
{
	size_t length = strlen(text);

	if (out->full || out->used + length >= out->size) {
		out->full = 1;
		return;
	}
	memcpy(out->text + out->used, text, length + 1);
	out->used += length;
}

static void write_quoted(writer *out, const char *text)
{
	if (out->full || vu_config_quote(text, out->text + out->used, out->size - out->used) != VU_OK)
		out->full = 1;
	else
		out->used += strlen(out->text + out->used);
}

static void write_strings(writer *out, char *const *strings, unsigned count)
{
	write_plain(out, "[");
	for (unsigned i = 0; i < count; i++) {
		write_plain(out, i > 0 ? ", " : "");
		write_quoted(out, strings[i]);
	}
	write_plain(out, "]");
}

static void write_pair(writer *out, const char *name, const char *value)
{
	if (!value)
		return;
	write_plain(out, name);
	write_quoted(out, value);
}

static void write_loaders(writer *out, const vu_config *config)
{
	write_plain(out, "[");
	for (unsigned i = 0; i < config->ml.loader_count; i++) {
		const vu_loader_config *loader = &config->ml.loaders[i];
		write_plain(out, i > 0 ? ", {" : "{");
		write_pair(out, "kind: ", loader->kind);
		write_pair(out, ", object: ", loader->object);
		write_pair(out, ", path: ", loader->path);
		write_pair(out, ", sha256: ", loader->sha256);
		write_plain(out, "}");
	}
	write_plain(out, "]");
}

/* VU_SERVICE_COUNT unless `key` is "services.NAME.endpoints". */
static vu_service_id endpoints_key(const char *key)
{
	char name[VU_CONFIG_NAME_MAX];

	if (strlen(key) >= sizeof name || sscanf(key, "services.%63[a-z].endpoints", name) != 1)
		return VU_SERVICE_COUNT;
	if (strlen(key) != strlen("services.") + strlen(name) + strlen(".endpoints") ||
	    strcmp(key + strlen(key) - strlen(".endpoints"), ".endpoints") != 0)
		return VU_SERVICE_COUNT;
	return vu_service_by_name(name);
}

int vu_config_is_list_key(const char *key)
{
	return strcmp(key, VU_CONFIG_PHRASES_KEY) == 0 || strcmp(key, VU_CONFIG_LOADERS_KEY) == 0 ||
	       endpoints_key(key) != VU_SERVICE_COUNT;
}

vu_status vu_config_get(const vu_config *config, const char *key, char *text, size_t size, vu_error *error)
{
	writer out = {text, size, 0, size == 0};
	const vu_config_key *scalar;

	if (!vu_config_is_list_key(key)) {
		scalar = vu_config_find_key(key, error);
		return scalar ? vu_config_value_format(scalar, config, text, size, error) : VU_NOT_FOUND;
	}
	if (strcmp(key, VU_CONFIG_PHRASES_KEY) == 0)
		write_strings(&out, config->enrollment.phrases, config->enrollment.phrase_count);
	else if (strcmp(key, VU_CONFIG_LOADERS_KEY) == 0)
		write_loaders(&out, config);
	else
		write_strings(&out, config->endpoints[endpoints_key(key)].uris,
		              config->endpoints[endpoints_key(key)].count);
	if (out.full)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to show %s: its value is too long", key);
	return VU_OK;
}
