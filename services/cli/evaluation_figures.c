/*
 * The figures of an evaluation.
 *
 * Recognition: all trials with a score, target against nontarget; intervals
 * draw people, since trials of one person stand or fall together. Attack
 * detection: one trial per file, since all claims on a file share its
 * anti-spoof score. Decisions: what the services really said; trials of
 * unreadable files and of services that did not answer are left out.
 */
#include "evaluation.h"

#include "format.h"
#include "output.h"

#include "ml/trial_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOOTSTRAP_REPLICATES 1000
#define BOOTSTRAP_SEED       20240601u
#define CONFIDENCE           0.95
/* Above this, drawing people takes longer than it tells. */
#define BOOTSTRAP_TRIALS_MAX 200000

/* Scores of two classes, collected one by one. */
typedef struct collected {
	double *scores;
	bool *is_target;
	uint32_t *claimed;
	uint32_t *speaking;
	size_t count;
} collected;

static bool collected_create(collected *set, size_t capacity)
{
	memset(set, 0, sizeof *set);
	capacity = capacity > 0 ? capacity : 1;
	set->scores = calloc(capacity, sizeof *set->scores);
	set->is_target = calloc(capacity, sizeof *set->is_target);
	set->claimed = calloc(capacity, sizeof *set->claimed);
	set->speaking = calloc(capacity, sizeof *set->speaking);
	return set->scores && set->is_target && set->claimed && set->speaking;
}

static void collected_clear(collected *set)
{
	free(set->scores);
	free(set->is_target);
	free(set->claimed);
	free(set->speaking);
}

static void collect(collected *set, double score, bool is_target)
{
	if (isnan(score))
		return;
	set->scores[set->count] = score;
	set->is_target[set->count++] = is_target;
}

static double eer_of(const collected *set)
{
	vu_scores *scores = NULL;
	double eer = NAN;

	if (vu_scores_create(set->scores, set->is_target, set->count, &scores, NULL) == VU_OK)
		eer = vu_scores_eer(scores, NULL);
	vu_scores_destroy(scores);
	return eer;
}

static double share(size_t part, size_t whole)
{
	return whole > 0 ? (double)part / (double)whole : NAN;
}

static void put(json_t *json, const char *key, double number)
{
	json_object_set_new(json, key, output_number(number));
}

static void put_count(json_t *json, const char *key, size_t count)
{
	json_object_set_new(json, key, json_integer((json_int_t)count));
}

static json_t *count_trials(const evaluation_data *evaluation)
{
	const trial_list *list = evaluation->trials;
	size_t labels[4] = {0}, without_score = 0;
	json_t *json = json_object();

	for (size_t i = 0; i < list->count; i++) {
		labels[list->trials[i].label]++;
		without_score += isnan(evaluation->results[i].score);
	}
	put_count(json, "total", list->count);
	put_count(json, "target", labels[TRIAL_TARGET]);
	put_count(json, "nontarget", labels[TRIAL_NONTARGET]);
	put_count(json, "spoof", labels[TRIAL_SPOOF]);
	put_count(json, "unlabelled", labels[TRIAL_UNKNOWN]);
	put_count(json, "without_score", without_score);
	put_count(json, "unavailable", evaluation->trials_unavailable);
	return json;
}

/*
 * Whose voice each file is: of the user that it is a target of. UINT32_MAX for
 * files that are nobody's target. NULL when out of memory.
 */
static uint32_t *find_owners(const trial_list *list)
{
	uint32_t *owners = calloc(list->files.count, sizeof *owners);

	for (size_t i = 0; owners && i < list->files.count; i++)
		owners[i] = UINT32_MAX;
	for (size_t i = 0; owners && i < list->count; i++) {
		if (list->trials[i].label == TRIAL_TARGET)
			owners[list->trials[i].file] = list->trials[i].user;
	}
	return owners;
}

static json_t *judge_speaker(const evaluation_data *evaluation)
{
	const trial_list *list = evaluation->trials;
	json_t *json = json_object();
	uint32_t *owners = find_owners(list);
	collected set;
	vu_scores *scores = NULL;
	double low = NAN, high = NAN, threshold = NAN;

	if (!collected_create(&set, list->count) || !owners)
		goto out;
	for (size_t i = 0; i < list->count; i++) {
		const trial *one = &list->trials[i];
		size_t before = set.count;
		if (one->label != TRIAL_TARGET && one->label != TRIAL_NONTARGET)
			continue;
		collect(&set, evaluation->results[i].score, one->label == TRIAL_TARGET);
		if (set.count > before) {
			set.claimed[before] = one->user;
			set.speaking[before] = owners[one->file] == UINT32_MAX ? one->user : owners[one->file];
		}
	}
	if (vu_scores_create(set.scores, set.is_target, set.count, &scores, NULL) != VU_OK)
		goto out;
	put(json, "eer", vu_scores_eer(scores, &threshold));
	if (set.count <= BOOTSTRAP_TRIALS_MAX)
		vu_scores_eer_interval(scores, set.claimed, set.speaking, (uint32_t)list->users.count,
		                       BOOTSTRAP_REPLICATES, BOOTSTRAP_SEED, CONFIDENCE, &low, &high, NULL);
	put(json, "eer_low", low);
	put(json, "eer_high", high);
	put(json, "eer_threshold", threshold);
	put(json, "min_dcf", vu_scores_min_dcf(scores, 0.01));
	put(json, "frr_at_far_1", vu_scores_frr_at_far(scores, 0.01));
	put(json, "frr_at_far_01", vu_scores_frr_at_far(scores, 0.001));
	put(json, "cllr", vu_scores_cllr(scores));
	put(json, "min_cllr", vu_scores_min_cllr(scores));
	put_count(json, "targets", vu_scores_targets(scores));
	put_count(json, "nontargets", vu_scores_others(scores));
out:
	vu_scores_destroy(scores);
	collected_clear(&set);
	free(owners);
	return json;
}

static json_t *judge_decisions(const evaluation_data *evaluation)
{
	const trial_list *list = evaluation->trials;
	size_t seen[4] = {0}, accepted[4] = {0};
	json_t *json = json_object();

	for (size_t i = 0; i < list->count; i++) {
		const trial *one = &list->trials[i];
		voiceunlock_verdict verdict = evaluation->results[i].verdict;
		if (verdict == VOICEUNLOCK_VERDICT_UNAVAILABLE || verdict == VOICEUNLOCK_VERDICT_UNKNOWN ||
		    evaluation->file_unreadable[one->file])
			continue;
		seen[one->label]++;
		accepted[one->label] += verdict == VOICEUNLOCK_ACCEPT;
	}
	json_object_set_new(json, "level", output_text(evaluation->level));
	json_object_set_new(json, "anti_spoofing", output_text(evaluation->anti_spoofing));
	put(json, "far", share(accepted[TRIAL_NONTARGET], seen[TRIAL_NONTARGET]));
	put_count(json, "false_accepts", accepted[TRIAL_NONTARGET]);
	put_count(json, "nontargets", seen[TRIAL_NONTARGET]);
	put(json, "frr", share(seen[TRIAL_TARGET] - accepted[TRIAL_TARGET], seen[TRIAL_TARGET]));
	put_count(json, "false_rejects", seen[TRIAL_TARGET] - accepted[TRIAL_TARGET]);
	put_count(json, "targets", seen[TRIAL_TARGET]);
	put(json, "spoof_far", share(accepted[TRIAL_SPOOF], seen[TRIAL_SPOOF]));
	put_count(json, "spoof_accepts", accepted[TRIAL_SPOOF]);
	put_count(json, "spoofs", seen[TRIAL_SPOOF]);
	return json;
}

/* What is known about one file: the first trial with an anti-spoof verdict speaks for it. */
typedef struct heard_file {
	bool known;
	bool spoof;
	uint32_t kind;
	double score;
	voiceunlock_spoof_verdict verdict;
} heard_file;

static heard_file *hear_files(const evaluation_data *evaluation)
{
	const trial_list *list = evaluation->trials;
	heard_file *files = calloc(list->files.count, sizeof *files);

	for (size_t i = 0; files && i < list->count; i++) {
		const trial *one = &list->trials[i];
		const evaluation_result *result = &evaluation->results[i];
		heard_file *file = &files[one->file];
		if (file->known || one->label == TRIAL_UNKNOWN ||
		    result->spoof_verdict == VOICEUNLOCK_SPOOF_UNKNOWN ||
		    result->spoof_verdict == VOICEUNLOCK_SPOOF_OFF)
			continue;
		*file = (heard_file){.known = true,
		                     .spoof = one->label == TRIAL_SPOOF,
		                     .kind = one->kind,
		                     .score = result->antispoof_score,
		                     .verdict = result->spoof_verdict};
	}
	return files;
}

/* Attacks of one kind, or of all with kind UINT32_MAX. */
static json_t *judge_kind(const evaluation_data *evaluation, const heard_file *files, uint32_t kind)
{
	size_t attacks = 0, passed = 0;
	json_t *json = json_object();
	collected set;

	if (!collected_create(&set, evaluation->trials->files.count)) {
		collected_clear(&set);
		return json;
	}
	for (size_t i = 0; i < evaluation->trials->files.count; i++) {
		if (!files[i].known || (files[i].spoof && kind != UINT32_MAX && files[i].kind != kind))
			continue;
		if (files[i].spoof) {
			attacks++;
			passed += files[i].verdict == VOICEUNLOCK_SPOOF_BONAFIDE;
		}
		collect(&set, files[i].score, !files[i].spoof);
	}
	json_object_set_new(json, "kind",
	                    output_text(kind == UINT32_MAX ? "all" : evaluation->trials->kinds.texts[kind]));
	put_count(json, "files", attacks);
	put_count(json, "passed", passed);
	put(json, "apcer", share(passed, attacks));
	put(json, "eer", eer_of(&set));
	collected_clear(&set);
	return json;
}

static json_t *judge_antispoof(const evaluation_data *evaluation)
{
	heard_file *files = hear_files(evaluation);
	size_t genuine = 0, refused = 0;
	json_t *json = json_object(), *kinds = json_array();

	for (size_t i = 0; files && i < evaluation->trials->files.count; i++) {
		if (!files[i].known || files[i].spoof)
			continue;
		genuine++;
		refused += files[i].verdict != VOICEUNLOCK_SPOOF_BONAFIDE;
	}
	put(json, "bpcer", share(refused, genuine));
	put_count(json, "refused", refused);
	put_count(json, "files", genuine);
	if (files) {
		json_object_set_new(json, "all", judge_kind(evaluation, files, UINT32_MAX));
		for (uint32_t kind = 0; kind < evaluation->trials->kinds.count; kind++)
			json_array_append_new(kinds, judge_kind(evaluation, files, kind));
	}
	json_object_set_new(json, "kinds", kinds);
	free(files);
	return json;
}

static json_t *judge_both(const evaluation_data *evaluation)
{
	const trial_list *list = evaluation->trials;
	json_t *json = json_object();
	collected set;

	if (collected_create(&set, list->count)) {
		for (size_t i = 0; i < list->count; i++) {
			if (list->trials[i].label != TRIAL_UNKNOWN)
				collect(&set, evaluation->results[i].fused_score,
				        list->trials[i].label == TRIAL_TARGET);
		}
		put(json, "sasv_eer", eer_of(&set));
	}
	collected_clear(&set);
	return json;
}

json_t *evaluation_figures(const evaluation_data *evaluation)
{
	json_t *json = json_object();

	if (!json)
		return NULL;
	json_object_set_new(json, "trials", count_trials(evaluation));
	put_count(json, "people", evaluation->enroll->users.count);
	put_count(json, "people_enrolled", evaluation->users_enrolled);
	put_count(json, "files", evaluation->trials->files.count);
	put_count(json, "files_unreadable", evaluation->files_unreadable + evaluation->enroll_files_unreadable);
	put(json, "seconds", evaluation->seconds);
	json_object_set_new(json, "speaker", judge_speaker(evaluation));
	json_object_set_new(json, "decisions", judge_decisions(evaluation));
	json_object_set_new(json, "antispoof", judge_antispoof(evaluation));
	json_object_set_new(json, "both", judge_both(evaluation));
	return json;
}

/* ---- in words ---- */

static double number(const json_t *json, const char *part, const char *key)
{
	const json_t *value = json_object_get(part ? json_object_get(json, part) : json, key);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static unsigned long whole(const json_t *json, const char *part, const char *key)
{
	double value = number(json, part, key);

	return isnan(value) ? 0 : (unsigned long)value;
}

static void print_kinds(const json_t *kinds, FILE *out)
{
	static const char *const HEADINGS[] = {"  KIND OF ATTACK", ">FILES", ">PASSED", ">APCER", ">EER"};
	format_table *table = format_table_create(HEADINGS, sizeof HEADINGS / sizeof *HEADINGS);
	char text[FORMAT_MAX], name[TRIAL_KIND_MAX + 8];
	const json_t *kind;
	size_t i;

	if (!table)
		return;
	json_array_foreach(kinds, i, kind)
	{
		snprintf(name, sizeof name, "  %s", json_string_value(json_object_get(kind, "kind")));
		format_table_add(table, name);
		snprintf(text, sizeof text, "%lu", whole(kind, NULL, "files"));
		format_table_add(table, text);
		snprintf(text, sizeof text, "%lu", whole(kind, NULL, "passed"));
		format_table_add(table, text);
		format_table_add(table, format_percent(number(kind, NULL, "apcer"), text));
		format_table_add(table, format_percent(number(kind, NULL, "eer"), text));
	}
	format_table_print(table, out);
	format_table_free(table);
}

static void print_speaker(const json_t *figures, FILE *out)
{
	char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

	if (isnan(number(figures, "speaker", "eer"))) {
		fprintf(out, "speaker     no figures: scores of both target and nontarget trials are needed\n");
		return;
	}
	fprintf(out, "speaker     EER %s (%s to %s in 95 of 100 draws of people)\n",
	        format_percent(number(figures, "speaker", "eer"), a),
	        format_percent(number(figures, "speaker", "eer_low"), b),
	        format_percent(number(figures, "speaker", "eer_high"), c));
	fprintf(out, "            FRR %s at FAR 1 %%, %s at FAR 0.1 %%; minDCF(0.01) %.3f; Cllr %.3f, least %.3f\n",
	        format_percent(number(figures, "speaker", "frr_at_far_1"), a),
	        format_percent(number(figures, "speaker", "frr_at_far_01"), b), number(figures, "speaker", "min_dcf"),
	        number(figures, "speaker", "cllr"), number(figures, "speaker", "min_cllr"));
}

static void print_antispoof(const json_t *figures, FILE *out)
{
	const json_t *antispoof = json_object_get(figures, "antispoof");
	const json_t *all = json_object_get(antispoof, "all");
	char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

	if (whole(antispoof, NULL, "files") == 0 && whole(all, NULL, "files") == 0) {
		fprintf(out, "attacks     not judged: anti-spoofing was off or did not run\n");
		return;
	}
	fprintf(out, "attacks     BPCER %s (%lu of %lu genuine files)\n",
	        format_percent(number(antispoof, NULL, "bpcer"), a), whole(antispoof, NULL, "refused"),
	        whole(antispoof, NULL, "files"));
	if (whole(all, NULL, "files") == 0)
		return;
	fprintf(out, "            APCER %s (%lu of %lu attacks), EER %s; with the speaker: SASV-EER %s\n",
	        format_percent(number(all, NULL, "apcer"), a), whole(all, NULL, "passed"), whole(all, NULL, "files"),
	        format_percent(number(all, NULL, "eer"), b), format_percent(number(figures, "both", "sasv_eer"), c));
	print_kinds(json_object_get(antispoof, "kinds"), out);
}

void evaluation_print_figures(const json_t *figures, FILE *out)
{
	char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

	fprintf(out, "trials      %lu (%lu target, %lu nontarget, %lu spoof) of %lu people and %lu files, in %s\n",
	        whole(figures, "trials", "total"), whole(figures, "trials", "target"),
	        whole(figures, "trials", "nontarget"), whole(figures, "trials", "spoof"),
	        whole(figures, NULL, "people"), whole(figures, NULL, "files"),
	        format_duration(number(figures, NULL, "seconds"), a));
	if (whole(figures, NULL, "files_unreadable") > 0 || whole(figures, "trials", "unavailable") > 0 ||
	    whole(figures, "trials", "without_score") > 0 ||
	    whole(figures, NULL, "people_enrolled") < whole(figures, NULL, "people"))
		fprintf(out,
		        "            %lu files unreadable, %lu people not enrolled, %lu trials without a score, "
		        "%lu without an answer\n",
		        whole(figures, NULL, "files_unreadable"),
		        whole(figures, NULL, "people") - whole(figures, NULL, "people_enrolled"),
		        whole(figures, "trials", "without_score"), whole(figures, "trials", "unavailable"));
	print_speaker(figures, out);
	fprintf(out, "decisions   FAR %s (%lu of %lu), FRR %s (%lu of %lu), attacks accepted %s (%lu of %lu)\n",
	        format_percent(number(figures, "decisions", "far"), a), whole(figures, "decisions", "false_accepts"),
	        whole(figures, "decisions", "nontargets"), format_percent(number(figures, "decisions", "frr"), b),
	        whole(figures, "decisions", "false_rejects"), whole(figures, "decisions", "targets"),
	        format_percent(number(figures, "decisions", "spoof_far"), c),
	        whole(figures, "decisions", "spoof_accepts"), whole(figures, "decisions", "spoofs"));
	print_antispoof(figures, out);
}
