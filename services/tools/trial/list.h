/* Trial lists: read, enrolled, scored. */
#ifndef VU_TRIAL_LIST_H
#define VU_TRIAL_LIST_H

#include "base/status.h"
#include "ml/scorer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trial_settings {
	const char *background;
	uint32_t components;
	double seconds;
	bool quantize;
	vu_model_element element; /* of templates; 0: as quantize says */
	double prune;             /* share of support vectors dropped */
	bool cross;
} trial_settings;

typedef struct trial {
	char *user;
	char *path;
	char *label;
	bool scored;
	bool added; /* by --cross, not in the list */
	uint32_t claimed;
	uint32_t speaking; /* user number, or that of "somebody else" */
	vu_score score;
	float thresholds[VU_BACKGROUND_LEVELS];
} trial;

typedef struct trial_set {
	trial *trials;
	size_t count;
	size_t users;
	size_t template_bytes;   /* of all users together */
	size_t support_vectors;  /* the same */
	size_t background_bytes; /* of the file */
	size_t unreadable;       /* files that could not be used */
} trial_set;

/* Does it all. Files that cannot be used are named on standard error and counted. */
vu_status trial_set_run(const trial_settings *settings, const char *enroll_path, const char *trials_path,
                        trial_set *set, vu_error *error);
void trial_set_free(trial_set *set);

#endif
