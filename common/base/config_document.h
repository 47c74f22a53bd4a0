/*
 * The configuration file as a YAML document with positions: which line a key
 * stands on, what a person should change when libcyaml refused the file, and
 * where an edit goes. Made only when something is wrong or edited.
 */
#ifndef VU_BASE_CONFIG_DOCUMENT_H
#define VU_BASE_CONFIG_DOCUMENT_H

#include "base/config.h"

#include <yaml.h>

typedef struct vu_config_document vu_config_document;

/* INVALID_ARGUMENT: "line N: …" for bad syntax or a second document. Free with vu_config_document_free. */
vu_status vu_config_document_create(const char *text, size_t bytes, vu_config_document **document_out,
                                    vu_error *error);
void vu_config_document_free(vu_config_document *document);

/* The root node, or NULL for an empty file. */
yaml_node_t *vu_config_document_root(vu_config_document *document);

/* A node by its number, as pairs and items hold them. */
yaml_node_t *vu_config_document_node(vu_config_document *document, int index);

/* The value of `key` in the mapping `node` (its key node in *key_out unless NULL), or NULL. */
yaml_node_t *vu_config_document_find(vu_config_document *document, yaml_node_t *node, const char *key,
                                     yaml_node_t **key_out);

/* Line of "section.key" or "services.models.endpoints", from 1; of its nearest parent when it is not there; 0 when
 * nothing is. */
unsigned vu_config_document_line(vu_config_document *document, const char *name);

/*
 * Looks for the first thing that the schema does not allow and says "line N:
 * …" with the remedy. OK when it finds nothing, INVALID_ARGUMENT else.
 */
vu_status vu_config_document_explain(vu_config_document *document, vu_error *error);

#endif
