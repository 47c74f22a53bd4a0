/* Reads a list of labelled files. */
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *resolve(const char *list_path, const char *path)
{
	const char *slash = strrchr(list_path, '/');
	size_t folder = slash && path[0] != '/' ? (size_t)(slash - list_path) + 1 : 0;
	char *full = malloc(folder + strlen(path) + 1);

	if (full) {
		memcpy(full, list_path, folder);
		strcpy(full + folder, path);
	}
	return full;
}

/* False when the line has not four fields or another label. */
static bool parse(char *line, const char *list_path, listed_file *out)
{
	char *fields[4];
	char *rest = line;

	for (size_t i = 0; i < 4; i++)
		fields[i] = strsep(&rest, "\t");
	if (!fields[3] || rest || !*fields[1] || !*fields[2] || !*fields[3])
		return false;
	out->spoof = strcmp(fields[0], "spoof") == 0;
	if (!out->spoof && strcmp(fields[0], "bonafide") != 0)
		return false;
	out->group = strdup(fields[1]);
	out->kind = strdup(fields[2]);
	out->path = resolve(list_path, fields[3]);
	return true;
}

vu_status list_read(const char *path, file_list *out, vu_error *error)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t capacity = 0;
	size_t number = 0;
	ssize_t length;
	vu_status status = VU_OK;

	*out = (file_list){0};
	if (!file)
		return vu_fail(error, VU_NOT_FOUND, "unable to open %s: %s", path, strerror(errno));
	out->files = calloc(LIST_FILES_MAX, sizeof *out->files);
	if (!out->files)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s: out of memory", path);
	while (status == VU_OK && (length = getline(&line, &capacity, file)) != -1) {
		number++;
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		if (out->count == LIST_FILES_MAX)
			status = vu_fail(error, VU_OUT_OF_RANGE, "unable to read %s: more than %d files", path,
			                 LIST_FILES_MAX);
		else if (!parse(line, path, &out->files[out->count]))
			status = vu_fail(error, VU_INVALID_ARGUMENT,
			                 "unable to read %s: line %zu is not label, group, kind, path between tabs",
			                 path, number);
		else if (!out->files[out->count].group || !out->files[out->count].kind ||
		         !out->files[out->count].path)
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s: out of memory", path);
		else
			out->count++;
	}
	free(line);
	fclose(file);
	if (status != VU_OK)
		list_free(out);
	return status;
}

void list_free(file_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->files[i].group);
		free(list->files[i].kind);
		free(list->files[i].path);
	}
	free(list->files);
	*list = (file_list){0};
}
