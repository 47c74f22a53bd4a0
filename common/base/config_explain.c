/*
 * Words for what libcyaml refused: it knows that something is wrong, a person
 * needs to know which key, which line and what to write instead. The schema
 * decides; this file only finds the place, so what it overlooks costs a less
 * helpful message and nothing else.
 */
#include "base/config_document.h"

#include "base/config_table.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 60
#define NAMES_MAX 64

static unsigned line_of(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

static const char *text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static int is_null(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       (text_of(node)[0] == '\0' || strcmp(text_of(node), "~") == 0 || strcmp(text_of(node), "null") == 0);
}

static vu_status unknown_key(const yaml_node_t *key, const char *parent, const char *const *names, size_t count,
                             vu_error *error)
{
	const char *nearest = vu_text_nearest(text_of(key), names, count);
	const char *dot = parent[0] ? "." : "";
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);

	if (nearest)
		return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: unknown key %s%s%.*s; did you mean %s?",
		               line_of(key), parent, dot, SHOWN_MAX, text_of(key), nearest);
	/* Right key, wrong section. */
	for (size_t i = 0; i < key_count; i++) {
		if (strcmp(strchr(keys[i].name, '.') + 1, text_of(key)) == 0)
			return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: unknown key %s%s%.*s; did you mean %s?",
			               line_of(key), parent, dot, SHOWN_MAX, text_of(key), keys[i].name);
	}
	return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: unknown key %s%s%.*s; remove the line", line_of(key),
	               parent, dot, SHOWN_MAX, text_of(key));
}

/* Every key of the mapping is a known word and stands there once. */
static vu_status check_keys(vu_config_document *document, const yaml_node_t *node, const char *parent,
                            const char *const *names, size_t count, vu_error *error)
{
	const yaml_node_pair_t *start = node->data.mapping.pairs.start;
	const yaml_node_pair_t *top = node->data.mapping.pairs.top;

	for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
		const yaml_node_t *key = vu_config_document_node(document, pair->key);
		size_t known = 0;

		if (key->type != YAML_SCALAR_NODE)
			return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: a key must be a word", line_of(key));
		while (known < count && strcmp(names[known], text_of(key)) != 0)
			known++;
		if (known == count)
			return unknown_key(key, parent, names, count, error);
		for (const yaml_node_pair_t *other = start; other < pair; other++) {
			const yaml_node_t *first = vu_config_document_node(document, other->key);
			if (strcmp(text_of(first), text_of(key)) == 0)
				return vu_fail(
				    error, VU_INVALID_ARGUMENT,
				    "line %u: %s%s%s stands here again, first on line %u; keep one of them",
				    line_of(key), parent, parent[0] ? "." : "", text_of(key), line_of(first));
		}
	}
	return VU_OK;
}

static vu_status check_scalar(const yaml_node_t *value, const char *name, vu_error *error)
{
	if (value->type != YAML_SCALAR_NODE)
		return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: %s must be one value, not a list or a section",
		               line_of(value), name);
	if (value->data.scalar.length > VU_CONFIG_TEXT_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: %s is longer than the %d bytes allowed",
		               line_of(value), name, VU_CONFIG_TEXT_MAX);
	return VU_OK;
}

static vu_status check_list(vu_config_document *document, const yaml_node_t *value, const char *name, unsigned max,
                            int of_mappings, vu_error *error)
{
	static const char *const loader_names[] = {"kind", "object", "path", "sha256"};
	size_t count;
	vu_status status = VU_OK;

	if (is_null(value))
		return VU_OK;
	if (value->type != YAML_SEQUENCE_NODE)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "line %u: %s must be a list: write \"- \" before each of its lines", line_of(value),
		               name);
	count = (size_t)(value->data.sequence.items.top - value->data.sequence.items.start);
	if (count > max)
		return vu_fail(error, VU_INVALID_ARGUMENT, "line %u: %s has %zu entries, but may have at most %u",
		               line_of(value), name, count, max);
	for (size_t i = 0; status == VU_OK && i < count; i++) {
		const yaml_node_t *item = vu_config_document_node(document, value->data.sequence.items.start[i]);
		if (!of_mappings)
			status = check_scalar(item, name, error);
		else if (item->type != YAML_MAPPING_NODE)
			status = vu_fail(error, VU_INVALID_ARGUMENT,
			                 "line %u: an entry of %s must have kind, object or path, and sha256",
			                 line_of(item), name);
		else
			status = check_keys(document, item, name, loader_names, 4, error);
	}
	return status;
}

static vu_status check_services(vu_config_document *document, const yaml_node_t *section, vu_error *error)
{
	static const char *const endpoint_names[] = {"endpoints"};
	const char *names[VU_SERVICE_COUNT];
	char name[VU_CONFIG_NAME_MAX];
	vu_status status;

	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		names[id] = vu_service_name((vu_service_id)id);
	status = check_keys(document, section, "services", names, VU_SERVICE_COUNT, error);
	for (const yaml_node_pair_t *pair = section->data.mapping.pairs.start;
	     status == VU_OK && pair < section->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = vu_config_document_node(document, pair->key);
		yaml_node_t *service = vu_config_document_node(document, pair->value);
		const yaml_node_t *endpoints;

		if (is_null(service))
			continue;
		snprintf(name, sizeof name, "services.%.20s", text_of(key));
		if (service->type != YAML_MAPPING_NODE)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "line %u: %s must be a section with the key endpoints", line_of(service),
			               name);
		status = check_keys(document, service, name, endpoint_names, 1, error);
		endpoints = vu_config_document_find(document, service, "endpoints", NULL);
		snprintf(name, sizeof name, "services.%.20s.endpoints", text_of(key));
		if (status == VU_OK && endpoints)
			status = check_list(document, endpoints, name, VU_CONFIG_ENDPOINTS_MAX, 0, error);
	}
	return status;
}

static vu_status check_section(vu_config_document *document, const char *section, yaml_node_t *node, vu_error *error)
{
	const char *names[NAMES_MAX];
	char name[VU_CONFIG_NAME_MAX];
	size_t count = 0;
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);
	vu_status status;

	for (size_t i = 0; i < key_count && count < NAMES_MAX - 1; i++) {
		const char *leaf = vu_config_key_in_section(&keys[i], section);
		if (leaf)
			names[count++] = leaf;
	}
	if (strcmp(section, "enrollment") == 0)
		names[count++] = "phrases";
	if (strcmp(section, "ml") == 0)
		names[count++] = "loaders";
	status = check_keys(document, node, section, names, count, error);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     status == VU_OK && pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = vu_config_document_node(document, pair->key);
		const yaml_node_t *value = vu_config_document_node(document, pair->value);

		snprintf(name, sizeof name, "%s.%s", section, text_of(key));
		if (strcmp(name, VU_CONFIG_PHRASES_KEY) == 0)
			status = check_list(document, value, name, VU_CONFIG_PHRASES_MAX, 0, error);
		else if (strcmp(name, VU_CONFIG_LOADERS_KEY) == 0)
			status = check_list(document, value, name, VU_CONFIG_LOADERS_MAX, 1, error);
		else
			status = check_scalar(value, name, error);
	}
	return status;
}

vu_status vu_config_document_explain(vu_config_document *document, vu_error *error)
{
	yaml_node_t *root = vu_config_document_root(document);
	size_t count = 0;
	vu_status status;

	if (!root || is_null(root))
		return VU_OK;
	if (root->type != YAML_MAPPING_NODE)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "line %u: the file must consist of sections, such as \"performance:\" with indented keys below",
		    line_of(root));
	while (VU_CONFIG_SECTIONS[count])
		count++;
	status = check_keys(document, root, "", VU_CONFIG_SECTIONS, count, error);
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     status == VU_OK && pair < root->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = vu_config_document_node(document, pair->key);
		yaml_node_t *section = vu_config_document_node(document, pair->value);

		if (is_null(section))
			continue;
		if (section->type != YAML_MAPPING_NODE)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "line %u: %s must be a section: indent its keys on the lines below",
			               line_of(section), text_of(key));
		if (strcmp(text_of(key), "services") == 0)
			status = check_services(document, section, error);
		else
			status = check_section(document, text_of(key), section, error);
	}
	return status;
}
