/* The figures of one condition of a list, as JSON. NaN becomes null. */
#ifndef VU_FIGURES_JUDGE_H
#define VU_FIGURES_JUDGE_H

#include "results.h"

#include "ml/trial_scores.h"

#include <jansson.h>

#define JUDGE_STANDARD 1 /* the level that the spread over people is told of */

/* Which group each person belongs to. */
typedef struct grouping {
	names people;
	names groups;
	uint32_t *group_of; /* per person */
} grouping;

/* Lines of person and group with a tab between. Errors name the line. */
vu_status grouping_read(const char *path, grouping *out, vu_error *error);
void grouping_clear(grouping *from);

/*
 * Everything: trials, speaker, levels, people, groups (NULL: none), and where
 * there are attacks attacks and both. NULL when out of memory.
 */
json_t *judge_condition(const char *name, const results *from, grouping *groups);

extern const char *const JUDGE_LEVEL_NAMES[RESULTS_LEVELS];

/* The scores that a figure or a curve is about. */
typedef enum judge_scores {
	JUDGE_SPEAKER,  /* target against nontarget, the speaker's score */
	JUDGE_ATTACKS,  /* genuine files against attacks, the anti-spoof score, each file once */
	JUDGE_TOGETHER, /* target against nontarget and attacks, the fused score */
} judge_scores;

/* Free with vu_scores_destroy. NULL when out of memory. */
vu_scores *judge_collect(const results *from, judge_scores which);

#endif
