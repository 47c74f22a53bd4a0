/*
 * The figures of one condition.
 *
 * Recognition: all trials with a score, target against nontarget; intervals of
 * the EER draw people, since trials of one person stand or fall together.
 * Decisions: what the services say, anti-spoofing included; the run is made at
 * one level, and the thresholds tell what the other two would have said.
 * Trials that no service answered are left out and counted; no speech counts
 * as a refusal, because the person who spoke was refused.
 * Attacks: each file once, since all claims on a file share its anti-spoof
 * verdict.
 */
#include "judge.h"

#include "base/sort.h"
#include "ml/a_dcf.h"
#include "ml/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES     1000
#define BOOTSTRAP_SEED 20240601u
#define CONFIDENCE     0.95

const char *const JUDGE_LEVEL_NAMES[RESULTS_LEVELS] = {"convenient", "standard", "strict"};

static void put(json_t *json, const char *key, double number)
{
	json_object_set_new(json, key, isfinite(number) ? json_real(number) : json_null());
}

static void put_count(json_t *json, const char *key, size_t count)
{
	json_object_set_new(json, key, json_integer((json_int_t)count));
}

/* `key`, `key`_low and `key`_high. */
static void put_share(json_t *json, const char *key, size_t part, size_t whole)
{
	char name[64];
	double low, high;

	vu_wilson_interval(part, whole, CONFIDENCE, &low, &high);
	put(json, key, whole > 0 ? (double)part / (double)whole : NAN);
	snprintf(name, sizeof name, "%s_low", key);
	put(json, name, low);
	snprintf(name, sizeof name, "%s_high", key);
	put(json, name, high);
}

/* Trials that are judged: of all people, or of those of one group. */
typedef struct scope {
	const uint32_t *group_of_user; /* per user of the results, or NULL */
	uint32_t group;
} scope;

static bool is_inside(const scope *within, const result *one)
{
	if (!within->group_of_user)
		return true;
	/* A stranger of unknown voice cannot be said to be one of them. */
	return within->group_of_user[one->user] == within->group && one->speaking != RESULTS_NONE &&
	       within->group_of_user[one->speaking] == within->group;
}

static bool was_answered(const result *one)
{
	return one->verdict != RESULT_UNAVAILABLE && one->verdict != RESULT_NOT_ENROLLED;
}

static json_t *count_trials(const results *from)
{
	static const char *const LABELS[] = {"unlabelled", "target", "nontarget", "spoof"};
	size_t labels[4] = {0}, without_score = 0, unanswered = 0;
	json_t *json = json_object();

	for (size_t i = 0; i < from->count; i++) {
		labels[from->all[i].label]++;
		without_score += isnan(from->all[i].score);
		unanswered += !was_answered(&from->all[i]);
	}
	put_count(json, "total", from->count);
	for (size_t i = 0; i < 4; i++)
		put_count(json, LABELS[i], labels[i]);
	put_count(json, "files", from->files.count);
	put_count(json, "without_score", without_score);
	put_count(json, "unanswered", unanswered);
	return json;
}

static json_t *judge_speaker(const results *from, const scope *within)
{
	double *scores = calloc(from->count, sizeof *scores);
	bool *is_target = calloc(from->count, sizeof *is_target);
	uint32_t *claimed = calloc(from->count, sizeof *claimed);
	uint32_t *speaking = calloc(from->count, sizeof *speaking);
	double low = NAN, high = NAN, threshold = NAN;
	vu_scores *sorted = NULL;
	size_t count = 0;
	json_t *json = NULL;

	if (!scores || !is_target || !claimed || !speaking)
		goto out;
	for (size_t i = 0; i < from->count; i++) {
		const result *one = &from->all[i];
		if ((one->label != RESULT_TARGET && one->label != RESULT_NONTARGET) || isnan(one->score) ||
		    !is_inside(within, one))
			continue;
		scores[count] = one->score;
		is_target[count] = one->label == RESULT_TARGET;
		claimed[count] = one->user;
		speaking[count++] = one->speaking == RESULTS_NONE ? one->user : one->speaking;
	}
	if (vu_scores_create(scores, is_target, count, &sorted, NULL) != VU_OK ||
	    vu_scores_eer_interval(sorted, claimed, speaking, from->users.count, REPLICATES, BOOTSTRAP_SEED,
	                           CONFIDENCE, &low, &high, NULL) != VU_OK)
		goto out;
	json = json_object();
	put_count(json, "targets", vu_scores_targets(sorted));
	put_count(json, "nontargets", vu_scores_others(sorted));
	put(json, "eer", vu_scores_eer(sorted, &threshold));
	put(json, "eer_low", low);
	put(json, "eer_high", high);
	put(json, "eer_threshold", threshold);
	put(json, "min_dcf", vu_scores_min_dcf(sorted, 0.01));
	put(json, "frr_at_far_1", vu_scores_frr_at_far(sorted, 0.01));
	put(json, "frr_at_far_01", vu_scores_frr_at_far(sorted, 0.001));
	put(json, "cllr", vu_scores_cllr(sorted));
	put(json, "min_cllr", vu_scores_min_cllr(sorted));
out:
	vu_scores_destroy(sorted);
	free(speaking);
	free(claimed);
	free(is_target);
	free(scores);
	return json;
}

static json_t *judge_level(const results *from, const scope *within, size_t level)
{
	size_t seen[4] = {0}, accepted[4] = {0}, by_antispoof = 0, without_speech = 0;
	json_t *json = json_object();

	for (size_t i = 0; i < from->count; i++) {
		const result *one = &from->all[i];
		if (!was_answered(one) || !is_inside(within, one))
			continue;
		seen[one->label]++;
		accepted[one->label] += result_is_accepted(one, level);
		by_antispoof += one->label == RESULT_TARGET && one->verdict == RESULT_IS_SPOOF;
		without_speech += one->label == RESULT_TARGET && one->verdict == RESULT_NO_SPEECH;
	}
	json_object_set_new(json, "level", json_string(JUDGE_LEVEL_NAMES[level]));
	/* So few strangers pass that the threshold itself was extrapolated, and what is counted here is luck. */
	json_object_set_new(json, "extrapolated", json_boolean(level == RESULTS_LEVELS - 1));
	put_share(json, "far", accepted[RESULT_NONTARGET], seen[RESULT_NONTARGET]);
	put_count(json, "false_accepts", accepted[RESULT_NONTARGET]);
	put_count(json, "nontargets", seen[RESULT_NONTARGET]);
	put_share(json, "frr", seen[RESULT_TARGET] - accepted[RESULT_TARGET], seen[RESULT_TARGET]);
	put_count(json, "false_rejects", seen[RESULT_TARGET] - accepted[RESULT_TARGET]);
	put_count(json, "targets", seen[RESULT_TARGET]);
	put_count(json, "refused_as_spoof", by_antispoof);
	put_count(json, "refused_without_speech", without_speech);
	if (seen[RESULT_SPOOF] > 0) {
		put_share(json, "spoof_far", accepted[RESULT_SPOOF], seen[RESULT_SPOOF]);
		put_count(json, "spoof_accepts", accepted[RESULT_SPOOF]);
		put_count(json, "spoofs", seen[RESULT_SPOOF]);
	}
	return json;
}

static json_t *judge_levels(const results *from, const scope *within)
{
	json_t *levels = json_array();

	for (size_t level = 0; level < RESULTS_LEVELS; level++)
		json_array_append_new(levels, judge_level(from, within, level));
	return levels;
}

static double median_of(double *values, size_t count)
{
	if (count == 0)
		return NAN;
	vu_sort_doubles(values, count);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* How differently people fare: each one's refused attempts, and strangers that pass as him. */
static json_t *judge_people(const results *from)
{
	size_t people = from->users.count, with_targets = 0;
	size_t(*counts)[4] = calloc(people + 1, sizeof *counts); /* targets, refused, strangers, accepted */
	double *frrs = calloc(people + 1, sizeof *frrs);
	double worst_frr = NAN, worst_far = NAN;
	size_t worst_refused = 0, worst_accepted = 0;
	json_t *json = NULL, *each;

	if (!counts || !frrs)
		goto out;
	for (size_t i = 0; i < from->count; i++) {
		const result *one = &from->all[i];
		bool accepted = result_is_accepted(one, JUDGE_STANDARD);
		if (!was_answered(one))
			continue;
		if (one->label == RESULT_TARGET) {
			counts[one->user][0]++;
			counts[one->user][1] += !accepted;
		} else if (one->label == RESULT_NONTARGET) {
			counts[one->user][2]++;
			counts[one->user][3] += accepted;
		}
	}
	json = json_object();
	each = json_array();
	for (size_t i = 0; i < people; i++) {
		double frr = (double)counts[i][1] / (double)counts[i][0];
		double far = (double)counts[i][3] / (double)counts[i][2];
		json_t *person = json_object();
		json_object_set_new(person, "person", json_string(from->users.texts[i]));
		put(person, "frr", frr);
		put_count(person, "targets", counts[i][0]);
		put(person, "far", far);
		put_count(person, "nontargets", counts[i][2]);
		json_array_append_new(each, person);
		if (counts[i][0] > 0)
			frrs[with_targets++] = frr;
		if (counts[i][0] > 0 && !(frr <= worst_frr)) {
			worst_frr = frr;
			worst_refused = i;
		}
		if (counts[i][2] > 0 && !(far <= worst_far)) {
			worst_far = far;
			worst_accepted = i;
		}
	}
	json_object_set_new(json, "level", json_string(JUDGE_LEVEL_NAMES[JUDGE_STANDARD]));
	put_count(json, "count", with_targets);
	put(json, "median_frr", median_of(frrs, with_targets));
	put(json, "worst_frr", worst_frr);
	if (with_targets > 0)
		json_object_set_new(json, "worst_frr_person", json_string(from->users.texts[worst_refused]));
	put(json, "worst_far", worst_far);
	if (!isnan(worst_far))
		json_object_set_new(json, "worst_far_person", json_string(from->users.texts[worst_accepted]));
	json_object_set_new(json, "each", each);
out:
	free(frrs);
	free(counts);
	return json;
}

static json_t *judge_groups(const results *from, grouping *groups)
{
	uint32_t *group_of_user = calloc(from->users.count + 1, sizeof *group_of_user);
	size_t *members = calloc(groups->groups.count + 1, sizeof *members);
	json_t *list = NULL;

	if (!group_of_user || !members)
		goto out;
	for (uint32_t i = 0; i < from->users.count; i++) {
		uint32_t person = names_find(&groups->people, from->users.texts[i]);
		group_of_user[i] = person == RESULTS_NONE ? RESULTS_NONE : groups->group_of[person];
		if (person != RESULTS_NONE)
			members[group_of_user[i]]++;
	}
	list = json_array();
	for (uint32_t group = 0; group < groups->groups.count; group++) {
		scope within = {.group_of_user = group_of_user, .group = group};
		json_t *one;
		if (members[group] == 0)
			continue;
		one = json_object();
		json_object_set_new(one, "group", json_string(groups->groups.texts[group]));
		put_count(one, "people", members[group]);
		json_object_set_new(one, "speaker", judge_speaker(from, &within));
		json_object_set_new(one, "levels", judge_levels(from, &within));
		json_array_append_new(list, one);
	}
out:
	free(members);
	free(group_of_user);
	return list;
}

/* The first trial of each file that has an anti-spoof verdict speaks for it; RESULTS_NONE: none has. */
static uint32_t *hear_files(const results *from)
{
	uint32_t *spokesmen = malloc((from->files.count + (size_t)1) * sizeof *spokesmen);

	for (uint32_t i = 0; spokesmen && i < from->files.count; i++)
		spokesmen[i] = RESULTS_NONE;
	for (size_t i = 0; spokesmen && i < from->count; i++) {
		const result *one = &from->all[i];
		if (spokesmen[one->file] == RESULTS_NONE && one->label != RESULT_UNLABELLED &&
		    (one->verdict == RESULT_ACCEPT || one->verdict == RESULT_REJECT ||
		     one->verdict == RESULT_IS_SPOOF) &&
		    !isnan(one->antispoof_score))
			spokesmen[one->file] = (uint32_t)i;
	}
	return spokesmen;
}

vu_scores *judge_collect(const results *from, judge_scores which)
{
	double *scores = calloc(from->count + 1, sizeof *scores);
	bool *is_target = calloc(from->count + 1, sizeof *is_target);
	uint32_t *spokesmen = which == JUDGE_ATTACKS ? hear_files(from) : NULL;
	size_t count = 0;
	vu_scores *collected = NULL;

	if (!scores || !is_target || (which == JUDGE_ATTACKS && !spokesmen))
		goto out;
	for (size_t i = 0; i < from->count; i++) {
		const result *one = &from->all[i];
		double score = which == JUDGE_SPEAKER   ? one->score
		               : which == JUDGE_ATTACKS ? one->antispoof_score
		                                        : one->fused_score;
		if (one->label == RESULT_UNLABELLED || isnan(score) ||
		    (which == JUDGE_SPEAKER && one->label == RESULT_SPOOF) ||
		    (which == JUDGE_ATTACKS && spokesmen[one->file] != i))
			continue;
		scores[count] = score;
		is_target[count++] =
		    which == JUDGE_ATTACKS ? one->label != RESULT_SPOOF : one->label == RESULT_TARGET;
	}
	if (vu_scores_create(scores, is_target, count, &collected, NULL) != VU_OK)
		collected = NULL;
out:
	free(spokesmen);
	free(is_target);
	free(scores);
	return collected;
}

static double eer_of(const results *from, judge_scores which)
{
	vu_scores *scores = judge_collect(from, which);
	double eer = scores ? vu_scores_eer(scores, NULL) : NAN;

	vu_scores_destroy(scores);
	return eer;
}

/* Genuine files against attacks of one kind. */
static double eer_of_kind(const results *from, const uint32_t *spokesmen, uint32_t kind)
{
	double *scores = calloc(from->files.count + (size_t)1, sizeof *scores);
	bool *is_target = calloc(from->files.count + (size_t)1, sizeof *is_target);
	vu_scores *sorted = NULL;
	size_t count = 0;
	double eer = NAN;

	for (uint32_t i = 0; scores && is_target && i < from->files.count; i++) {
		const result *one;
		if (spokesmen[i] == RESULTS_NONE)
			continue;
		one = &from->all[spokesmen[i]];
		if (one->label == RESULT_SPOOF && one->kind != kind)
			continue;
		scores[count] = one->antispoof_score;
		is_target[count++] = one->label != RESULT_SPOOF;
	}
	if (scores && is_target && vu_scores_create(scores, is_target, count, &sorted, NULL) == VU_OK)
		eer = vu_scores_eer(sorted, NULL);
	vu_scores_destroy(sorted);
	free(is_target);
	free(scores);
	return eer;
}

static json_t *judge_attacks(const results *from)
{
	uint32_t *spokesmen = hear_files(from);
	size_t *attacks = calloc(from->kinds.count + (size_t)1, sizeof *attacks);
	size_t *passed = calloc(from->kinds.count + (size_t)1, sizeof *passed);
	size_t genuine = 0, refused = 0, all_attacks = 0, all_passed = 0;
	json_t *json = NULL, *kinds;

	if (!spokesmen || !attacks || !passed)
		goto out;
	for (uint32_t i = 0; i < from->files.count; i++) {
		const result *one;
		if (spokesmen[i] == RESULTS_NONE)
			continue;
		one = &from->all[spokesmen[i]];
		if (one->label == RESULT_SPOOF) {
			attacks[one->kind]++;
			passed[one->kind] += one->verdict != RESULT_IS_SPOOF;
		} else {
			genuine++;
			refused += one->verdict == RESULT_IS_SPOOF;
		}
	}
	json = json_object();
	kinds = json_array();
	for (uint32_t kind = 0; kind < from->kinds.count; kind++) {
		json_t *one = json_object();
		json_object_set_new(one, "kind", json_string(from->kinds.texts[kind]));
		put_share(one, "apcer", passed[kind], attacks[kind]);
		put_count(one, "passed", passed[kind]);
		put_count(one, "files", attacks[kind]);
		put(one, "eer", eer_of_kind(from, spokesmen, kind));
		json_array_append_new(kinds, one);
		all_attacks += attacks[kind];
		all_passed += passed[kind];
	}
	put_share(json, "bpcer", refused, genuine);
	put_count(json, "refused", refused);
	put_count(json, "genuine_files", genuine);
	put_share(json, "apcer", all_passed, all_attacks);
	put_count(json, "passed", all_passed);
	put_count(json, "files", all_attacks);
	put(json, "eer", eer_of(from, JUDGE_ATTACKS));
	json_object_set_new(json, "kinds", kinds);
out:
	free(passed);
	free(attacks);
	free(spokesmen);
	return json;
}

static json_t *judge_together(const results *from)
{
	static const vu_trial_class CLASSES[] = {VU_TRIAL_OTHER, VU_TRIAL_TARGET, VU_TRIAL_OTHER, VU_TRIAL_SPOOF};
	double *scores = calloc(from->count + 1, sizeof *scores);
	vu_trial_class *classes = calloc(from->count + 1, sizeof *classes);
	double least = NAN;
	size_t count = 0;
	json_t *json = json_object();

	for (size_t i = 0; scores && classes && i < from->count; i++) {
		const result *one = &from->all[i];
		if (one->label == RESULT_UNLABELLED || isnan(one->fused_score))
			continue;
		scores[count] = one->fused_score;
		classes[count++] = CLASSES[one->label];
	}
	if (scores && classes)
		vu_min_a_dcf(scores, classes, count, &VU_A_DCF_COSTS, &least, NULL);
	put(json, "sasv_eer", eer_of(from, JUDGE_TOGETHER));
	put(json, "min_a_dcf", least);
	free(classes);
	free(scores);
	return json;
}

json_t *judge_condition(const char *name, const results *from, grouping *groups)
{
	const scope everybody = {0};
	json_t *json = json_object();
	json_t *speaker = judge_speaker(from, &everybody), *people = NULL;

	if (!json || !speaker)
		goto fail;
	json_object_set_new(json, "condition", json_string(name));
	json_object_set_new(json, "trials", count_trials(from));
	json_object_set_new(json, "speaker", speaker);
	if (from->has_thresholds) {
		json_object_set_new(json, "levels", judge_levels(from, &everybody));
		people = judge_people(from);
		if (!people)
			goto fail;
		json_object_set_new(json, "people", people);
	}
	if (groups)
		json_object_set_new(json, "groups", judge_groups(from, groups));
	if (from->kinds.count > 0) {
		json_object_set_new(json, "attacks", judge_attacks(from));
		json_object_set_new(json, "both", judge_together(from));
	}
	return json;
fail:
	if (!json_object_get(json, "speaker"))
		json_decref(speaker);
	json_decref(json);
	return NULL;
}
