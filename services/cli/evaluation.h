/*
 * An evaluation: lists in, one result per trial out, and the figures of them.
 */
#ifndef VU_CLI_EVALUATION_H
#define VU_CLI_EVALUATION_H

#include "trial_list.h"
#include "voiceunlock.h"

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What came out of one trial. Scores are NaN where there are none. */
typedef struct evaluation_result {
	voiceunlock_verdict verdict;
	voiceunlock_spoof_verdict spoof_verdict;
	double score;
	double antispoof_score;
	double fused_score;
	double thresholds[3]; /* of `score`, at convenient, standard and strict */
	uint32_t speech_ms;
} evaluation_result;

typedef struct evaluation_data {
	const trial_list *enroll;
	const trial_list *trials;
	const char *level;         /* NULL: configured */
	const char *anti_spoofing; /* NULL: configured */
	unsigned jobs;             /* files under way at once */
	voiceunlock_client *client;
	voiceunlock_cancel *cancel;
	char name_space[64];

	evaluation_result *results; /* one per trial, in order */
	bool *file_unreadable;      /* per file of the trials */
	size_t users_enrolled;
	size_t users_failed;
	size_t files_unreadable; /* of the trials */
	size_t enroll_files_unreadable;
	size_t trials_unavailable; /* a service did not answer */
	double seconds;
} evaluation_data;

/*
 * Enrols, scores every trial and removes the namespace, whatever happens.
 * Complaints and progress go to `log`. CANCELLED when the token was triggered;
 * UNAVAILABLE when the services went away for good. `results` is released by
 * evaluation_clear.
 */
vu_status evaluation_run(evaluation_data *evaluation, FILE *log, vu_error *error);
void evaluation_clear(evaluation_data *evaluation);

/* The results as a list: user path label verdict score antispoof_score speech_ms fused_score. */
vu_status evaluation_write(const evaluation_data *evaluation, const char *path, vu_error *error);

/* What the score had to reach: user path convenient standard strict, one line per trial in the same order. */
vu_status evaluation_write_thresholds(const evaluation_data *evaluation, const char *path, vu_error *error);

/* The figures, as an object and in words. NULL when out of memory. */
json_t *evaluation_figures(const evaluation_data *evaluation);
void evaluation_print_figures(const json_t *figures, FILE *out);

#endif
