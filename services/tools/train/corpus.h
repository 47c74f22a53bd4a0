/*
 * Finding people in folders. A folder with sub-folders holds one person per
 * sub-folder, with sound files at any depth below it; a folder of plain files
 * names people by what stands before the first '-' or '_' of a file name.
 * Sorted by name, so that the same folder gives the same order everywhere.
 */
#ifndef VU_TRAIN_CORPUS_H
#define VU_TRAIN_CORPUS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define CORPUS_FILES_MAX 200000

typedef struct corpus_file {
	char *path;
	uint32_t person;
	uint32_t corpus; /* which of the folders added, from 0 */
} corpus_file;

typedef struct corpus {
	corpus_file *files; /* by person, then by path */
	size_t file_count;
	char **people; /* "<folder>/<person>" */
	size_t people_count;
	uint32_t folder_count;
} corpus;

/* Adds what is in `folder`. INVALID_ARGUMENT: no sound file in it; others from the system. */
vu_status corpus_add_folder(corpus *all, const char *folder, vu_error *error);

/* All sound files of a folder at any depth, person 0: noises and rooms. */
vu_status corpus_add_plain(corpus *all, const char *folder, vu_error *error);

void corpus_free(corpus *all);

#endif
