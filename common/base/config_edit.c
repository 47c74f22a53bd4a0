/*
 * Changing one key in the file as a person would: only its value is replaced,
 * or one line is added to its section. The result is read back before anything
 * is written, and must hold the new value and every other one as before; else
 * the file stays as it is and the message asks for an edit by hand. The write
 * is atomic.
 */
#include "base/config.h"

#include "base/config_document.h"
#include "base/config_table.h"
#include "base/config_value.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define VALUE_TEXT_MAX  (VU_CONFIG_TEXT_MAX * 4 + 16)
#define VALUE_SHOWN_MAX 60

/* What is to be set. */
typedef struct setting {
	const char *name;
	const vu_config_key *key; /* NULL: the endpoints of `service` */
	char service[VU_CONFIG_NAME_MAX];
	vu_config *wanted; /* a configuration that has it */
	char text[VALUE_TEXT_MAX];
} setting;

/* `length` bytes at `offset` give way to `text`. */
typedef struct edit {
	size_t offset;
	size_t length;
	char text[VALUE_TEXT_MAX + 2 * VU_CONFIG_NAME_MAX + 64];
} edit;

/* libyaml counts characters, and does not count a byte order mark. */
static size_t byte_offset(const char *file, const yaml_mark_t *mark)
{
	const char *at = strncmp(file, "\xEF\xBB\xBF", 3) == 0 ? file + 3 : file;

	for (size_t i = 0; i < mark->index && *at; i++) {
		at++;
		while (((unsigned char)*at & 0xC0) == 0x80)
			at++;
	}
	return (size_t)(at - file);
}

static size_t next_line(const char *file, size_t offset)
{
	offset += strcspn(file + offset, "\n");
	return file[offset] == '\n' ? offset + 1 : offset;
}

/* A line that is added after a last one without an end needs one first. */
static const char *line_break_before(const char *file, size_t offset)
{
	return offset > 0 && file[offset - 1] != '\n' ? "\n" : "";
}

static void replace_value(const char *file, const yaml_node_t *value, const char *text, edit *out)
{
	out->offset = byte_offset(file, &value->start_mark);
	out->length = byte_offset(file, &value->end_mark) - out->offset;
	/* "key:" without a value ends at its colon. */
	snprintf(out->text, sizeof out->text, "%s%s", out->length == 0 ? " " : "", text);
}

static void add_to_section(const char *file, vu_config_document *document, const yaml_node_t *section_key,
                           const yaml_node_t *section, const char *key, const char *text, edit *out)
{
	unsigned indent = (unsigned)section_key->start_mark.column + 2;
	const yaml_node_pair_t *pairs;

	out->length = 0;
	if (section->type == YAML_MAPPING_NODE && section->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
		pairs = section->data.mapping.pairs.start;
		out->offset = byte_offset(file, &section->start_mark) + 1;
		snprintf(out->text, sizeof out->text, "%s: %s%s", key, text,
		         pairs < section->data.mapping.pairs.top ? ", " : "");
		return;
	}
	if (section->type == YAML_MAPPING_NODE &&
	    section->data.mapping.pairs.start < section->data.mapping.pairs.top) {
		pairs = section->data.mapping.pairs.start;
		indent = (unsigned)vu_config_document_node(document, pairs->key)->start_mark.column;
	} else if (section->type == YAML_SCALAR_NODE && section->data.scalar.length > 0) {
		/* An explicit null gives way to a section. */
		out->offset = byte_offset(file, &section->start_mark);
		out->length = byte_offset(file, &section->end_mark) - out->offset;
		snprintf(out->text, sizeof out->text, "\n%*s%s: %s", (int)indent, "", key, text);
		return;
	}
	/* Directly below the section's name, above comments that belong to its first key. */
	out->offset = next_line(file, byte_offset(file, &section_key->start_mark));
	snprintf(out->text, sizeof out->text, "%s%*s%s: %s\n", line_break_before(file, out->offset), (int)indent, "",
	         key, text);
}

static void add_section(const char *file, vu_config_document *document, const yaml_node_t *root, const char *section,
                        const char *key, const char *text, edit *out)
{
	unsigned indent = 0;
	int has_pairs =
	    root && root->type == YAML_MAPPING_NODE && root->data.mapping.pairs.start < root->data.mapping.pairs.top;

	out->length = 0;
	if (root && root->type == YAML_MAPPING_NODE && root->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
		out->offset = byte_offset(file, &root->start_mark) + 1;
		snprintf(out->text, sizeof out->text, "%s: {%s: %s}%s", section, key, text, has_pairs ? ", " : "");
		return;
	}
	if (has_pairs)
		indent = (unsigned)vu_config_document_node(document, root->data.mapping.pairs.start->key)
		             ->start_mark.column;
	out->offset = strlen(file);
	snprintf(out->text, sizeof out->text, "%s%*s%s:\n%*s%s: %s\n", line_break_before(file, out->offset),
	         (int)indent, "", section, (int)indent + 2, "", key, text);
}

/* services: NAME: endpoints: a level deeper than all others, and a list that may have a line for each item. */
static void plan_endpoints(const char *file, vu_config_document *document, yaml_node_t *section_key,
                           yaml_node_t *section, const setting *wish, edit *out)
{
	char text[VALUE_TEXT_MAX + 32];
	yaml_node_t *service_key = NULL;
	yaml_node_t *list_key = NULL;
	yaml_node_t *service =
	    section ? vu_config_document_find(document, section, wish->service, &service_key) : NULL;
	yaml_node_t *list = service ? vu_config_document_find(document, service, "endpoints", &list_key) : NULL;

	if (list && list->type == YAML_SEQUENCE_NODE && list->data.sequence.style == YAML_BLOCK_SEQUENCE_STYLE &&
	    list->data.sequence.items.start < list->data.sequence.items.top) {
		const yaml_node_t *last = vu_config_document_node(document, list->data.sequence.items.top[-1]);
		out->offset = byte_offset(file, &list_key->end_mark);
		out->offset += strcspn(file + out->offset, ":") + 1;
		out->length = byte_offset(file, &last->end_mark) - out->offset;
		snprintf(out->text, sizeof out->text, " %s", wish->text);
	} else if (list) {
		replace_value(file, list, wish->text, out);
	} else if (service) {
		add_to_section(file, document, service_key, service, "endpoints", wish->text, out);
	} else {
		snprintf(text, sizeof text, "{endpoints: %s}", wish->text);
		if (section)
			add_to_section(file, document, section_key, section, wish->service, text, out);
		else
			add_section(file, document, vu_config_document_root(document), "services", wish->service,
			            text, out);
	}
}

static vu_status plan_edit(const char *file, size_t bytes, const setting *wish, edit *out, vu_error *error)
{
	const char *leaf = strchr(wish->name, '.') + 1;
	char section_name[VU_CONFIG_NAME_MAX];
	vu_config_document *document = NULL;
	yaml_node_t *root;
	yaml_node_t *section_key = NULL;
	yaml_node_t *section;
	yaml_node_t *value;
	vu_status status = vu_config_document_create(file, bytes, &document, error);

	if (status != VU_OK)
		return status;
	snprintf(section_name, sizeof section_name, "%.*s", (int)(leaf - 1 - wish->name), wish->name);
	root = vu_config_document_root(document);
	section = vu_config_document_find(document, root, section_name, &section_key);
	value = vu_config_document_find(document, section, leaf, NULL);
	if (!wish->key)
		plan_endpoints(file, document, section_key, section, wish, out);
	else if (value)
		replace_value(file, value, wish->text, out);
	else if (section)
		add_to_section(file, document, section_key, section, leaf, wish->text, out);
	else
		add_section(file, document, root, section_name, leaf, wish->text, out);
	vu_config_document_free(document);
	return VU_OK;
}

static char *apply_edit(const char *file, size_t bytes, const edit *change)
{
	size_t added = strlen(change->text);
	char *result = malloc(bytes - change->length + added + 1);

	if (!result)
		return NULL;
	memcpy(result, file, change->offset);
	memcpy(result + change->offset, change->text, added);
	memcpy(result + change->offset + added, file + change->offset + change->length,
	       bytes - change->offset - change->length + 1);
	return result;
}

static bool is_yaml(const char *text)
{
	vu_config_document *document = NULL;
	vu_status status = vu_config_document_create(text, strlen(text), &document, NULL);

	vu_config_document_free(document);
	return status == VU_OK;
}

/* What the file gives for `name`, as text: lists too. The caller frees. */
static char *shown(const vu_config *config, const char *name)
{
	char *text = malloc(VU_CONFIG_FILE_BYTES_MAX * 4);

	if (text && vu_config_get(config, name, text, VU_CONFIG_FILE_BYTES_MAX * 4, NULL) != VU_OK) {
		free(text);
		text = NULL;
	}
	return text;
}

static bool same(const vu_config *a, const vu_config *b, const char *name)
{
	char *text_a = shown(a, name);
	char *text_b = shown(b, name);
	bool equal = text_a && text_b && strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return equal;
}

/* Everything else that the file sets is as it was. */
static bool others_kept(const char *file, size_t bytes, const setting *wish, const vu_config *before,
                        const vu_config *after)
{
	static const char *const lists[] = {
	    VU_CONFIG_PHRASES_KEY,
	    VU_CONFIG_LOADERS_KEY,
	    "services.capture.endpoints",
	    "services.features.endpoints",
	    "services.models.endpoints",
	    "services.antispoof.endpoints",
	    "services.orchestrator.endpoints",
	    "services.supervisor.endpoints",
	};
	vu_config_document *document = NULL;
	yaml_node_t *root;
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);
	bool kept = true;

	if (vu_config_document_create(file, bytes, &document, NULL) != VU_OK)
		return false;
	root = vu_config_document_root(document);
	for (size_t i = 0; kept && VU_CONFIG_SECTIONS[i]; i++) {
		yaml_node_t *section = vu_config_document_find(document, root, VU_CONFIG_SECTIONS[i], NULL);
		for (size_t k = 0; kept && section && k < count; k++) {
			const char *leaf = vu_config_key_in_section(&keys[k], VU_CONFIG_SECTIONS[i]);
			/* Defaults that nobody wrote may follow the new value. */
			if (leaf && &keys[k] != wish->key && vu_config_document_find(document, section, leaf, NULL))
				kept = vu_config_value_equals(&keys[k], before, after);
		}
	}
	for (size_t i = 0; kept && i < sizeof lists / sizeof lists[0]; i++)
		kept = strcmp(lists[i], wish->name) == 0 || same(before, after, lists[i]);
	vu_config_document_free(document);
	return kept;
}

static vu_status make_folder_of(const char *path, vu_error *error)
{
	char folder[PATH_MAX];
	char *slash;

	if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to write a configuration: its path is too long");
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return VU_OK;
	*slash = '\0';
	return vu_file_make_folder(folder, error);
}

/* The words of a refused file without its place, which the person did not write. */
static const char *without_place(const char *message)
{
	const char *place = strstr(message, ", line ");
	const char *words = place ? strstr(place, ": ") : NULL;

	return words ? words + 2 : message;
}

static vu_status take_value(setting *wish, const char *value, vu_error *error)
{
	vu_error problem;
	vu_status status = vu_config_value_parse(wish->key, value, wish->wanted, &problem);

	if (status != VU_OK)
		return vu_fail(error, status, "unable to set %s: %.400s", wish->name, problem.message);
	status = vu_config_value_format(wish->key, wish->wanted, wish->text, sizeof wish->text, error);
	if (status == VU_OK && wish->text[0] == '\0')
		snprintf(wish->text, sizeof wish->text, "\"\"");
	return status;
}

/* "[A, B]", or the same without brackets: whatever is no list of endpoints is refused as in a file. */
static vu_status take_endpoints(setting *wish, const char *value, vu_error *error)
{
	char text[VALUE_TEXT_MAX];
	bool bare = value[strspn(value, " ")] != '[';
	vu_error problem;
	vu_status status;

	for (const char *at = value; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to set %s: it contains a control character", wish->name);
	}
	if ((size_t)snprintf(text, sizeof text, "services: {%s: {endpoints: %s%s%s}}\n", wish->service,
	                     bare ? "[" : "", value, bare ? "]" : "") >= sizeof text)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to set %s: it is too long", wish->name);
	vu_config_free(wish->wanted);
	wish->wanted = NULL;
	status = vu_config_parse(text, strlen(text), "it", &wish->wanted, &problem);
	if (status != VU_OK)
		return vu_fail(error, status, "unable to set %s to %.*s: %.300s", wish->name, VALUE_SHOWN_MAX, value,
		               without_place(problem.message));
	return vu_config_get(wish->wanted, wish->name, wish->text, sizeof wish->text, error);
}

static vu_status find_setting(const char *path, const char *name, const char *value, setting *out, vu_error *error)
{
	out->name = name;
	if (!vu_config_is_list_key(name)) {
		out->key = vu_config_find_key(name, error);
		return out->key ? take_value(out, value, error) : VU_NOT_FOUND;
	}
	if (sscanf(name, "services.%63[a-z].endpoints", out->service) != 1)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to set %s: it is a list; write it into %.200s",
		               name, path);
	return take_endpoints(out, value, error);
}

/* Whether `after` is what was wanted and nothing else has changed. */
static bool is_done(const char *file, size_t bytes, const setting *wish, const vu_config *before,
                    const vu_config *after)
{
	bool there = wish->key ? vu_config_value_equals(wish->key, wish->wanted, after) != 0
	                       : same(wish->wanted, after, wish->name);

	return there && others_kept(file, bytes, wish, before, after);
}

vu_status vu_config_set(const char *path, const char *name, const char *value, vu_error *error)
{
	setting *wish = NULL;
	vu_config *before = NULL;
	vu_config *after = NULL;
	char *file = NULL;
	char *changed = NULL;
	edit *change = NULL;
	size_t bytes = 0;
	struct stat info;
	bool existed;
	vu_error problem;
	vu_status status;

	wish = calloc(1, sizeof *wish);
	change = calloc(1, sizeof *change);
	if (wish)
		wish->wanted = calloc(1, sizeof *wish->wanted);
	if (!wish || !wish->wanted || !change) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to set %s: out of memory", name);
		goto out;
	}
	status = find_setting(path, name, value, wish, error);
	if (status != VU_OK)
		goto out;
	existed = stat(path, &info) == 0;
	if (existed)
		status = vu_file_read(path, VU_CONFIG_FILE_BYTES_MAX, &file, &bytes, error);
	else if (!(file = strdup("")))
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to set %s: out of memory", name);
	if (status == VU_OK)
		status = vu_config_parse(file, bytes, path, &before, error);
	if (status == VU_OK)
		status = plan_edit(file, bytes, wish, change, error);
	if (status != VU_OK)
		goto out;
	changed = apply_edit(file, bytes, change);
	if (!changed) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to set %s: out of memory", name);
		goto out;
	}
	status = vu_config_parse(changed, strlen(changed), path, &after, &problem);
	if (status == VU_OK ? !is_done(file, bytes, wish, before, after) : !is_yaml(changed))
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT,
		            "unable to set %s: the layout of %.200s is too unusual; write \"%.*s\" into it by hand",
		            name, path, VALUE_SHOWN_MAX, wish->text);
	else if (status != VU_OK)
		vu_fail(error, status, "unable to set %s to %.*s: %.300s", name, VALUE_SHOWN_MAX, wish->text,
		        without_place(problem.message));
	if (status == VU_OK)
		status = make_folder_of(path, error);
	if (status == VU_OK)
		status = vu_file_write_atomically(path, changed, strlen(changed), error);
	/* Whoever could read it can read it still: the machine suite is not root, who edits its file. */
	if (status == VU_OK && existed && chmod(path, info.st_mode & 0644) != 0)
		status = vu_fail_errno(error, errno, "unable to keep the mode of %s", path);
out:
	free(changed);
	free(change);
	free(file);
	vu_config_free(after);
	vu_config_free(before);
	if (wish)
		vu_config_free(wish->wanted);
	free(wish);
	return status;
}
