/*
 * The list of files to train on: one a line, four fields between tabs:
 *
 *   bonafide|spoof   fold group   kind   path
 *
 * Files of one group (a person, a repository of attacks, a vocoder) are never
 * on both sides of a cross-validation. The kind is what figures are given by.
 * Relative paths are relative to the list's folder.
 */
#ifndef VU_TRAIN_DETECTOR_LIST_H
#define VU_TRAIN_DETECTOR_LIST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define LIST_FILES_MAX 20000

typedef struct listed_file {
	bool spoof;
	char *group;
	char *kind;
	char *path;
} listed_file;

typedef struct file_list {
	listed_file *files;
	size_t count;
} file_list;

/* INVALID_ARGUMENT names the line that cannot be understood. */
vu_status list_read(const char *path, file_list *out, vu_error *error);
void list_free(file_list *list);

#endif
