/* What `evaluate` wrote: one result per trial, with what each score had to reach. */
#ifndef VU_FIGURES_RESULTS_H
#define VU_FIGURES_RESULTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESULTS_LEVELS     3 /* convenient, standard, strict */
#define RESULTS_TRIALS_MAX 10000000u
#define RESULTS_NONE       UINT32_MAX

typedef enum result_label { RESULT_UNLABELLED, RESULT_TARGET, RESULT_NONTARGET, RESULT_SPOOF } result_label;

typedef enum result_verdict {
	RESULT_ACCEPT,
	RESULT_REJECT,
	RESULT_IS_SPOOF,
	RESULT_NO_SPEECH,
	RESULT_NOT_ENROLLED,
	RESULT_UNAVAILABLE, /* and whatever else is no answer about a voice */
} result_verdict;

/* Texts that are told apart by number, in the order in which they came. */
typedef struct names {
	char **texts;
	uint64_t *hashes;
	uint32_t count;
	uint32_t last; /* found the last time */
} names;

typedef struct result {
	uint32_t user; /* claimed; index into users */
	uint32_t file;
	uint32_t kind;     /* index into kinds for RESULT_SPOOF */
	uint32_t speaking; /* user whose target the file is, RESULTS_NONE when nobody's */
	result_label label;
	result_verdict verdict;
	double score; /* NaN where there is none, as all that follow */
	double antispoof_score;
	double fused_score;
	double thresholds[RESULTS_LEVELS];
} result;

typedef struct results {
	names users;
	names files;
	names kinds;
	result *all;
	size_t count;
	bool has_thresholds;
} results;

/*
 * Reads a list that `evaluate --out` wrote and, unless NULL, the one of
 * `--thresholds` beside it, which must be of the same trials.
 * INVALID_ARGUMENT names file and line.
 */
vu_status results_read(const char *path, const char *thresholds_path, results *out, vu_error *error);
void results_clear(results *from);

/* The number of `text`, added when it is new; RESULTS_NONE when out of memory. */
uint32_t names_add(names *among, const char *text);
/* RESULTS_NONE when it is not there. */
uint32_t names_find(names *among, const char *text);
void names_clear(names *from);

/* Whether the services would have accepted the trial at this level. */
bool result_is_accepted(const result *one, size_t level);

/*
 * Trials whose verdict is not what score and threshold of `level`, the level
 * at which they were run, make of it; 0 unless something is wrong.
 */
size_t results_count_contradictions(const results *from, size_t level);

#endif
