#include "words.h"

#include "judge.h"

#include <math.h>
#include <string.h>

#define TEXT_MAX 32

static double number(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *word(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "-";
}

/* "12.3", "1.23", "0.123": three digits that matter; "-" for no figure. */
static const char *percent(double share, char text[TEXT_MAX])
{
	double value = share * 100;

	if (isnan(share))
		snprintf(text, TEXT_MAX, "-");
	else
		snprintf(text, TEXT_MAX, "%.*f", value >= 10 || value == 0 ? 1 : 2, fmin(value, 999));
	return text;
}

static const char *interval(const json_t *json, const char *key, char text[TEXT_MAX])
{
	char low[TEXT_MAX], high[TEXT_MAX], name[64];

	snprintf(name, sizeof name, "%s_low", key);
	percent(number(json, name), low);
	snprintf(name, sizeof name, "%s_high", key);
	percent(number(json, name), high);
	snprintf(text, TEXT_MAX, "%.12s to %.12s", low, high);
	return text;
}

static const char *plain(double value, char text[TEXT_MAX])
{
	if (isnan(value))
		snprintf(text, TEXT_MAX, "-");
	else
		snprintf(text, TEXT_MAX, "%.3f", value);
	return text;
}

static void print_levels(const json_t *conditions, FILE *out)
{
	const json_t *condition;
	size_t i;

	fprintf(out,
	        "\nDecisions, in %%%*sconvenient           standard                                strict*      "
	        "FRR of a person at standard\n",
	        11, "");
	fprintf(out, "  %-16s %7s %7s   %7s %15s %7s %15s  %7s %7s   %7s %7s\n", "CONDITION", "FAR", "FRR", "FAR",
	        "95 %", "FRR", "95 %", "FAR", "FRR", "median", "worst");
	json_array_foreach(conditions, i, condition)
	{
		const json_t *levels = json_object_get(condition, "levels");
		const json_t *people = json_object_get(condition, "people");
		char a[6][TEXT_MAX], b[4][TEXT_MAX];
		if (json_array_size(levels) != RESULTS_LEVELS)
			continue;
		for (size_t level = 0; level < RESULTS_LEVELS; level++) {
			percent(number(json_array_get(levels, level), "far"), a[2 * level]);
			percent(number(json_array_get(levels, level), "frr"), a[2 * level + 1]);
		}
		interval(json_array_get(levels, JUDGE_STANDARD), "far", b[0]);
		interval(json_array_get(levels, JUDGE_STANDARD), "frr", b[1]);
		fprintf(out, "  %-16s %7s %7s   %7s %15s %7s %15s  %7s %7s   %7s %7s\n", word(condition, "condition"),
		        a[0], a[1], a[2], b[0], a[3], b[1], a[4], a[5], percent(number(people, "median_frr"), b[2]),
		        percent(number(people, "worst_frr"), b[3]));
	}
	fprintf(out,
	        "  * extrapolated: the threshold lies where too few strangers' scores were seen to count them\n");
}

static void print_people(const json_t *conditions, FILE *out)
{
	const json_t *people = json_object_get(json_array_get(conditions, 0), "people");
	char a[TEXT_MAX], b[TEXT_MAX];

	if (isnan(number(people, "worst_frr")))
		return;
	fprintf(out, "  refused most often: %s (%s %%)", word(people, "worst_frr_person"),
	        percent(number(people, "worst_frr"), a));
	if (number(people, "worst_far") > 0)
		fprintf(out, "; passed as most often: %s (%s %%)", word(people, "worst_far_person"),
		        percent(number(people, "worst_far"), b));
	fprintf(out, "; at standard, %s\n", word(json_array_get(conditions, 0), "condition"));
}

static void print_groups(const json_t *conditions, FILE *out)
{
	const json_t *condition, *group;
	size_t i, j;

	if (json_array_size(json_object_get(json_array_get(conditions, 0), "groups")) == 0)
		return;
	fprintf(out, "\nGroups, each among themselves, in %%\n  %-16s %-10s %6s %7s %15s %9s %9s %12s %12s\n",
	        "CONDITION", "GROUP", "PEOPLE", "EER", "95 %", "FRR@FAR1", "FRR@.1", "FAR standard", "FRR standard");
	json_array_foreach(conditions, i, condition)
	{
		json_array_foreach(json_object_get(condition, "groups"), j, group)
		{
			const json_t *speaker = json_object_get(group, "speaker");
			const json_t *level = json_array_get(json_object_get(group, "levels"), JUDGE_STANDARD);
			char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX], d[TEXT_MAX], e[TEXT_MAX], f[TEXT_MAX];
			fprintf(out, "  %-16s %-10s %6.0f %7s %15s %9s %9s %12s %12s\n", word(condition, "condition"),
			        word(group, "group"), number(group, "people"), percent(number(speaker, "eer"), a),
			        interval(speaker, "eer", b), percent(number(speaker, "frr_at_far_1"), c),
			        percent(number(speaker, "frr_at_far_01"), d), percent(number(level, "far"), e),
			        percent(number(level, "frr"), f));
		}
	}
}

static void print_kind(const json_t *kind, const char *name, FILE *out)
{
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	fprintf(out, "  %-34s %6.0f %6.0f %7s %15s %7s\n", name, number(kind, "files"), number(kind, "passed"),
	        percent(number(kind, "apcer"), a), interval(kind, "apcer", b), percent(number(kind, "eer"), c));
}

static void print_attacks(const json_t *condition, FILE *out)
{
	const json_t *attacks = json_object_get(condition, "attacks");
	const json_t *both = json_object_get(condition, "both");
	const json_t *levels = json_object_get(condition, "levels"), *level, *kind;
	char a[TEXT_MAX], b[TEXT_MAX];
	size_t i;

	if (!attacks)
		return;
	fprintf(out, "\nAttacks, in %%: BPCER %s (%s; %.0f of %.0f genuine files)\n",
	        percent(number(attacks, "bpcer"), a), interval(attacks, "bpcer", b), number(attacks, "refused"),
	        number(attacks, "genuine_files"));
	fprintf(out, "  %-34s %6s %6s %7s %15s %7s\n", "KIND", "FILES", "PASSED", "APCER", "95 %", "EER");
	print_kind(attacks, "all", out);
	json_array_foreach(json_object_get(attacks, "kinds"), i, kind) print_kind(kind, word(kind, "kind"), out);
	fprintf(out, "  with the speaker's score: SASV-EER %s %%, least a-DCF %s\n",
	        percent(number(both, "sasv_eer"), a), plain(number(both, "min_a_dcf"), b));
	json_array_foreach(levels, i, level)
	    fprintf(out, "  accepted at %s: %.0f of %.0f attacks (%s %%; %s)\n", word(level, "level"),
	            number(level, "spoof_accepts"), number(level, "spoofs"), percent(number(level, "spoof_far"), a),
	            interval(level, "spoof_far", b));
}

void words_print_details(const json_t *list, FILE *out)
{
	const json_t *conditions = json_object_get(list, "conditions");
	const json_t *trials = json_object_get(json_array_get(conditions, 0), "trials");

	fprintf(out, "%s: %.0f trials of %.0f files (%.0f target, %.0f nontarget, %.0f attacks)", word(list, "name"),
	        number(trials, "total"), number(trials, "files"), number(trials, "target"),
	        number(trials, "nontarget"), number(trials, "spoof"));
	if (number(trials, "without_score") > 0 || number(trials, "unanswered") > 0)
		fprintf(out, "; %.0f without a score, %.0f without an answer", number(trials, "without_score"),
		        number(trials, "unanswered"));
	fputc('\n', out);
	if (json_object_get(json_array_get(conditions, 0), "levels")) {
		print_levels(conditions, out);
		print_people(conditions, out);
	}
	print_groups(conditions, out);
	print_attacks(json_array_get(conditions, 0), out);
}

void words_print_heading(FILE *out)
{
	fprintf(out, "%-16s %-12s %7s %7s %6s %13s %9s %7s %7s %6s %6s %9s %9s\n", "LIST", "CONDITION", "TARGETS",
	        "OTHERS", "EER %", "95 %", "FRR@FAR1", "FRR@.1", "minDCF", "Cllr", "least", "FAR std.", "FRR std.");
}

void words_print_summary(const json_t *list, FILE *out)
{
	const json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(list, "conditions"), i, condition)
	{
		const json_t *speaker = json_object_get(condition, "speaker");
		const json_t *level = json_array_get(json_object_get(condition, "levels"), JUDGE_STANDARD);
		char t[9][TEXT_MAX];
		fprintf(out, "%-16s %-12s %7.0f %7.0f %6s %13s %9s %7s %7s %6s %6s %9s %9s\n", word(list, "name"),
		        word(condition, "condition"), number(speaker, "targets"), number(speaker, "nontargets"),
		        percent(number(speaker, "eer"), t[0]), interval(speaker, "eer", t[1]),
		        percent(number(speaker, "frr_at_far_1"), t[2]),
		        percent(number(speaker, "frr_at_far_01"), t[3]), plain(number(speaker, "min_dcf"), t[4]),
		        plain(number(speaker, "cllr"), t[5]), plain(number(speaker, "min_cllr"), t[6]),
		        percent(number(level, "far"), t[7]), percent(number(level, "frr"), t[8]));
	}
}
