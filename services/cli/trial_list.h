/*
 * Trial lists: who is enrolled from which files, and which file claims to be
 * whom.
 *
 *   enroll.tsv   user<TAB>path              several lines per user
 *   trials.tsv   user<TAB>path<TAB>label    target, nontarget, spoof:<kind>, or -
 *
 * Paths are relative to the list's folder. Empty lines are skipped, a carriage
 * return at the end of a line is ignored. What is wrong is told with file and
 * line.
 */
#ifndef VU_CLI_TRIAL_LIST_H
#define VU_CLI_TRIAL_LIST_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define TRIAL_LIST_BYTES_MAX (512ll * 1024 * 1024)
#define TRIAL_LIST_LINE_MAX  8192
#define TRIAL_KIND_MAX       64

typedef enum trial_label {
	TRIAL_UNKNOWN,
	TRIAL_TARGET,
	TRIAL_NONTARGET,
	TRIAL_SPOOF,
} trial_label;

typedef struct trial {
	uint32_t user; /* index into users */
	uint32_t file; /* index into files */
	trial_label label;
	uint32_t kind; /* index into kinds, for TRIAL_SPOOF */
} trial;

/* A table of different texts; an index names one for good. */
typedef struct text_table {
	char **texts;
	size_t count;
	uint32_t *slots; /* index + 1, 0 = free; a power of two of them */
	size_t slot_count;
} text_table;

typedef struct trial_list {
	text_table users;
	text_table files; /* as written in the list */
	text_table kinds;
	trial *trials; /* in the order of the list; an enrolment list has TRIAL_UNKNOWN ones */
	size_t count;
	size_t capacity;
	char *folder; /* of the list, "." when it has none */
} trial_list;

/* `with_labels`: three columns, else two. INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, … name the line. */
vu_status trial_list_read(const char *path, int with_labels, trial_list **list_out, vu_error *error);
void trial_list_free(trial_list *list);

/* Where file `index` is; the caller frees. NULL when out of memory. */
char *trial_list_resolve(const trial_list *list, uint32_t index);

/* The index of `text`, added when it is new; UINT32_MAX when out of memory. */
uint32_t text_table_add(text_table *table, const char *text);
/* The index of `text`; UINT32_MAX when it is not there. */
uint32_t text_table_find(const text_table *table, const char *text);
void text_table_clear(text_table *table);

#endif
