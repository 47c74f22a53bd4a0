/* Reading trial lists. A list is taken whole or not at all. */
#include "trial_list.h"

#include "base/user_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		hash = (hash ^ *c) * 1099511628211u;
	return hash;
}

/* The slot that holds `text`, or the free one where it would go. */
static size_t find_slot(const text_table *table, const char *text)
{
	size_t slot = (size_t)hash_text(text) & (table->slot_count - 1);

	while (table->slots[slot] != 0 && strcmp(table->texts[table->slots[slot] - 1], text) != 0)
		slot = (slot + 1) & (table->slot_count - 1);
	return slot;
}

static int grow_table(text_table *table)
{
	text_table grown = *table;
	char **texts;

	grown.slot_count = table->slot_count > 0 ? table->slot_count * 2 : 64;
	texts = realloc(table->texts, grown.slot_count / 2 * sizeof *texts);
	if (!texts)
		return -1;
	table->texts = grown.texts = texts;
	grown.slots = calloc(grown.slot_count, sizeof *grown.slots);
	if (!grown.slots)
		return -1;
	for (size_t i = 0; i < grown.count; i++)
		grown.slots[find_slot(&grown, grown.texts[i])] = (uint32_t)i + 1;
	free(table->slots);
	*table = grown;
	return 0;
}

uint32_t text_table_add(text_table *table, const char *text)
{
	size_t slot;

	if (table->count >= table->slot_count / 2 && grow_table(table) != 0)
		return UINT32_MAX;
	slot = find_slot(table, text);
	if (table->slots[slot] == 0) {
		char *copy = strdup(text);
		if (!copy)
			return UINT32_MAX;
		table->texts[table->count++] = copy;
		table->slots[slot] = (uint32_t)table->count;
	}
	return table->slots[slot] - 1;
}

uint32_t text_table_find(const text_table *table, const char *text)
{
	if (table->slot_count == 0)
		return UINT32_MAX;
	/* A free slot holds 0, and 0 - 1 is what "not there" is. */
	return table->slots[find_slot(table, text)] - 1;
}

void text_table_clear(text_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->texts[i]);
	free(table->texts);
	free(table->slots);
	memset(table, 0, sizeof *table);
}

static vu_status add_trial(trial_list *list, const trial *one, vu_error *error)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity > 0 ? list->capacity * 2 : 256;
		trial *trials = realloc(list->trials, capacity * sizeof *trials);
		if (!trials)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the list: out of memory");
		list->trials = trials;
		list->capacity = capacity;
	}
	list->trials[list->count++] = *one;
	return VU_OK;
}

/* Cuts `line` at its tabs into up to `max` columns; returns how many there are in all. */
static int split(char *line, char **columns, int max)
{
	int count = 0;

	for (char *at = line; at; count++) {
		char *tab = strchr(at, '\t');
		if (count < max)
			columns[count] = at;
		if (tab)
			*tab++ = '\0';
		at = tab;
	}
	return count;
}

static vu_status parse_label(trial_list *list, const char *text, trial *one, vu_error *error)
{
	if (strcmp(text, "target") == 0)
		one->label = TRIAL_TARGET;
	else if (strcmp(text, "nontarget") == 0)
		one->label = TRIAL_NONTARGET;
	else if (strcmp(text, "-") == 0)
		one->label = TRIAL_UNKNOWN;
	else if (strncmp(text, "spoof:", 6) == 0 && text[6] != '\0' && strlen(text + 6) <= TRIAL_KIND_MAX) {
		one->label = TRIAL_SPOOF;
		one->kind = text_table_add(&list->kinds, text + 6);
		if (one->kind == UINT32_MAX)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	} else
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the label '%.64s' is none of target, nontarget, spoof:<kind>, -", text);
	return VU_OK;
}

static vu_status parse_line(trial_list *list, char *line, int with_labels, vu_error *error)
{
	char *columns[3];
	int wanted = with_labels ? 3 : 2;
	int count = split(line, columns, wanted);
	trial one = {.label = TRIAL_UNKNOWN};
	vu_status status;

	if (count != wanted)
		return vu_fail(error, VU_INVALID_ARGUMENT, "there are %d columns, not %s", count,
		               with_labels ? "user, path and label, with tabs between"
		                           : "user and path, with a tab between");
	status = vu_user_name_check(columns[0], error);
	if (status != VU_OK)
		return status;
	if (columns[1][0] == '\0')
		return vu_fail(error, VU_INVALID_ARGUMENT, "the path is empty");
	if (with_labels) {
		status = parse_label(list, columns[2], &one, error);
		if (status != VU_OK)
			return status;
	}
	one.user = text_table_add(&list->users, columns[0]);
	one.file = text_table_add(&list->files, columns[1]);
	if (one.user == UINT32_MAX || one.file == UINT32_MAX)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	return add_trial(list, &one, error);
}

static vu_status read_lines(FILE *file, const char *path, trial_list *list, int with_labels, vu_error *error)
{
	char line[TRIAL_LIST_LINE_MAX];
	unsigned long number = 0;

	while (fgets(line, sizeof line, file)) {
		size_t length = strlen(line);
		vu_error inner;
		vu_status status;
		number++;
		if (length > 0 && line[length - 1] == '\n')
			line[--length] = '\0';
		else if (!feof(file))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to read %.200s line %lu: it is longer than %d bytes, or holds a NUL",
			               path, number, TRIAL_LIST_LINE_MAX - 2);
		if (length > 0 && line[length - 1] == '\r')
			line[--length] = '\0';
		if (length == 0)
			continue;
		status = parse_line(list, line, with_labels, &inner);
		if (status != VU_OK)
			return vu_fail(error, status, "unable to read %.200s line %lu: %.200s", path, number,
			               inner.message);
	}
	if (ferror(file))
		return vu_fail(error, VU_DATA_LOSS, "unable to read %.200s: %s", path, strerror(errno));
	if (list->count == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %.200s: there is nothing in it", path);
	return VU_OK;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

vu_status trial_list_read(const char *path, int with_labels, trial_list **list_out, vu_error *error)
{
	FILE *file = fopen(path, "re");
	struct stat info;
	trial_list *list = NULL;
	vu_status status;

	if (!file)
		return vu_fail_errno(error, errno, "unable to open %.200s", path);
	if (fstat(fileno(file), &info) != 0) {
		status = vu_fail_errno(error, errno, "unable to examine %.200s", path);
		goto out;
	}
	if (S_ISDIR(info.st_mode) || info.st_size > TRIAL_LIST_BYTES_MAX) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to read %.200s: it is %s", path,
		                 S_ISDIR(info.st_mode) ? "a folder" : "too large");
		goto out;
	}
	list = calloc(1, sizeof *list);
	if (list)
		list->folder = folder_of(path);
	if (!list || !list->folder) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %.200s: out of memory", path);
		goto out;
	}
	status = read_lines(file, path, list, with_labels, error);
	if (status == VU_OK) {
		*list_out = list;
		list = NULL;
	}
out:
	trial_list_free(list);
	fclose(file);
	return status;
}

void trial_list_free(trial_list *list)
{
	if (!list)
		return;
	text_table_clear(&list->users);
	text_table_clear(&list->files);
	text_table_clear(&list->kinds);
	free(list->trials);
	free(list->folder);
	free(list);
}

char *trial_list_resolve(const trial_list *list, uint32_t index)
{
	const char *path = list->files.texts[index];
	size_t size = strlen(list->folder) + 1 + strlen(path) + 1;
	char *resolved;

	if (path[0] == '/')
		return strdup(path);
	resolved = malloc(size);
	if (resolved)
		snprintf(resolved, size, "%s/%s", list->folder, path);
	return resolved;
}
