/* Positions and syntax errors, by libyaml. Lines count from 1. */
#include "base/config_document.h"

#include "base/config_table.h"

#include <stdlib.h>
#include <string.h>

struct vu_config_document {
	yaml_document_t yaml;
};

static vu_status syntax_error(const yaml_parser_t *parser, vu_error *error)
{
	/* Wrong characters are noticed by the reader, which knows no line. */
	if (parser->error == YAML_MEMORY_ERROR)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		return vu_fail(error, VU_INVALID_ARGUMENT, "byte %zu: %s; write the file as UTF-8 text",
		               parser->problem_offset, parser->problem ? parser->problem : "unreadable");
	return vu_fail(error, VU_INVALID_ARGUMENT, "line %zu: %s%s%s; correct the YAML there",
	               parser->problem_mark.line + 1, parser->problem ? parser->problem : "unreadable",
	               parser->context ? ", " : "", parser->context ? parser->context : "");
}

vu_status vu_config_document_create(const char *text, size_t bytes, vu_config_document **document_out,
                                    vu_error *error)
{
	vu_config_document *document = calloc(1, sizeof *document);
	yaml_parser_t parser;
	yaml_document_t second;
	vu_status status = VU_OK;

	if (!document)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	if (!yaml_parser_initialize(&parser)) {
		free(document);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	if (!yaml_parser_load(&parser, &document->yaml)) {
		status = syntax_error(&parser, error);
		free(document);
		goto out;
	}
	if (yaml_document_get_root_node(&document->yaml)) {
		if (!yaml_parser_load(&parser, &second)) {
			status = syntax_error(&parser, error);
		} else {
			if (yaml_document_get_root_node(&second))
				status = vu_fail(error, VU_INVALID_ARGUMENT,
				                 "line %zu: a second document begins; keep one and remove the "
				                 "\"---\" between them",
				                 second.start_mark.line + 1);
			yaml_document_delete(&second);
		}
	}
	if (status != VU_OK)
		vu_config_document_free(document);
	else
		*document_out = document;
out:
	yaml_parser_delete(&parser);
	return status;
}

void vu_config_document_free(vu_config_document *document)
{
	if (!document)
		return;
	yaml_document_delete(&document->yaml);
	free(document);
}

yaml_node_t *vu_config_document_root(vu_config_document *document)
{
	return yaml_document_get_root_node(&document->yaml);
}

yaml_node_t *vu_config_document_find(vu_config_document *document, yaml_node_t *node, const char *key,
                                     yaml_node_t **key_out)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = yaml_document_get_node(&document->yaml, pair->key);
		if (name && name->type == YAML_SCALAR_NODE && strcmp((char *)name->data.scalar.value, key) == 0) {
			if (key_out)
				*key_out = name;
			return yaml_document_get_node(&document->yaml, pair->value);
		}
	}
	return NULL;
}

unsigned vu_config_document_line(vu_config_document *document, const char *name)
{
	char part[VU_CONFIG_NAME_MAX];
	yaml_node_t *node = vu_config_document_root(document);
	unsigned line = 0;

	while (node && *name) {
		size_t length = strcspn(name, ".");
		yaml_node_t *key = NULL;

		if (length >= sizeof part)
			break;
		memcpy(part, name, length);
		part[length] = '\0';
		node = vu_config_document_find(document, node, part, &key);
		if (key)
			line = (unsigned)key->start_mark.line + 1;
		name += length;
		if (*name == '.')
			name++;
	}
	return line;
}

yaml_node_t *vu_config_document_node(vu_config_document *document, int index)
{
	return yaml_document_get_node(&document->yaml, index);
}
