/*
 * vu-figures: what the scores of `jarvis-voice-unlock evaluate` say, for one
 * list under one or more conditions, as JSON, as a DET plot and in words.
 *
 *   results.c   reading scores and thresholds
 *   grouping.c  reading who belongs to which group
 *   judge.c     figures as JSON
 *   det.c       the plot
 *   words.c     tables
 *
 * Exit 1 when verdicts contradict the thresholds: then either is wrong.
 */
#include "base/file.h"
#include "base/log.h"
#include "det.h"
#include "judge.h"
#include "words.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_CONTRADICTIONS 1
#define EXIT_USAGE          2
#define EXIT_FAILED         70
#define CONDITIONS_MAX      64
#define THRESHOLDS_ENDING   ".thresholds.tsv"
#define SCORES_ENDING       ".scores.tsv"

static const char USAGE[] =
    "usage: vu-figures --name NAME [options] CONDITION=FILE.scores.tsv…\n"
    "       vu-figures --summary JSON…\n"
    "\n"
    "The figures of one list, from what `jarvis-voice-unlock evaluate --out` wrote for each condition. Where\n"
    "FILE.thresholds.tsv (evaluate --thresholds) lies beside, decisions at all levels are judged too.\n"
    "\n"
    "  --json FILE     write the figures\n"
    "  --svg FILE      draw a DET plot; conditions named HOW-WHAT share a colour by WHAT and dashes by HOW\n"
    "  --groups TSV    person and group on each line: groups are judged apart as well\n"
    "  --level LEVEL   at which evaluate was run; verdicts are held against the thresholds of it\n"
    "  --summary       one table of the figures that --json wrote for several lists\n"
    "  --help\n";

typedef struct arguments {
	const char *name;
	const char *json;
	const char *svg;
	const char *groups;
	int level; /* -1: not told */
	bool summary;
} arguments;

typedef struct condition {
	char name[64];
	results results;
} condition;

static int fail(const vu_error *error)
{
	fprintf(stderr, "vu-figures: %s\n", error->message);
	return error->status == VU_INVALID_ARGUMENT || error->status == VU_NOT_FOUND ? EXIT_USAGE : EXIT_FAILED;
}

/* "FILE.scores.tsv" to "FILE.thresholds.tsv" when there is one; false otherwise. */
static bool find_thresholds(const char *scores, char *path, size_t size)
{
	size_t length = strlen(scores), ending = strlen(SCORES_ENDING);
	struct stat info;

	if (length <= ending || strcmp(scores + length - ending, SCORES_ENDING) != 0 ||
	    (size_t)snprintf(path, size, "%.*s" THRESHOLDS_ENDING, (int)(length - ending), scores) >= size)
		return false;
	return stat(path, &info) == 0;
}

static vu_status read_condition(const char *argument, condition *out, vu_error *error)
{
	const char *equals = strchr(argument, '=');
	char thresholds[4096];

	if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof out->name)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use '%.200s': write CONDITION=FILE", argument);
	snprintf(out->name, sizeof out->name, "%.*s", (int)(equals - argument), argument);
	return results_read(equals + 1,
	                    find_thresholds(equals + 1, thresholds, sizeof thresholds) ? thresholds : NULL,
	                    &out->results, error);
}

static vu_status write_json(const json_t *json, const char *path, vu_error *error)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	vu_status status;

	if (!text)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write %s: out of memory", path);
	status = vu_file_write_atomically(path, text, strlen(text), error);
	free(text);
	return status;
}

/* With attacks in the list, what counts is how the two scores and both together fare; else the conditions. */
static vu_status draw(const char *name, condition *conditions, size_t count, const char *path, vu_error *error)
{
	static const char *const NAMES[] = {"speaker", "attacks", "together"};
	det_curve curves[CONDITIONS_MAX + 3];
	bool has_attacks = conditions[0].results.kinds.count > 0, drawn = true;
	size_t curve_count = has_attacks ? 3 : count;
	char title[160], *text = NULL;
	size_t bytes = 0;
	FILE *out = NULL;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	for (size_t i = 0; i < curve_count; i++) {
		curves[i].name = has_attacks ? NAMES[i] : conditions[i].name;
		curves[i].scores = has_attacks ? judge_collect(&conditions[0].results, (judge_scores)i)
		                               : judge_collect(&conditions[i].results, JUDGE_SPEAKER);
		drawn = drawn && curves[i].scores;
	}
	snprintf(title, sizeof title, "%s: detection error trade-off", name);
	if (drawn)
		out = open_memstream(&text, &bytes);
	if (out) {
		drawn = det_draw(title, curves, curve_count, out);
		if (fclose(out) == 0 && drawn)
			status = vu_file_write_atomically(path, text, bytes, error);
	}
	if (status == VU_RESOURCE_EXHAUSTED)
		vu_fail(error, status, "unable to draw %s: out of memory", path);
	free(text);
	for (size_t i = 0; i < curve_count; i++)
		vu_scores_destroy((vu_scores *)(uintptr_t)curves[i].scores);
	return status;
}

static int judge(const arguments *args, int count, char **inputs)
{
	condition *conditions = calloc((size_t)count, sizeof *conditions);
	grouping groups = {0};
	json_t *list = json_object(), *judged = json_array();
	size_t contradictions = 0;
	vu_error error = {VU_OK, ""};
	vu_status status = conditions ? VU_OK : vu_fail(&error, VU_RESOURCE_EXHAUSTED, "out of memory");

	json_object_set_new(list, "name", json_string(args->name));
	if (status == VU_OK && args->groups)
		status = grouping_read(args->groups, &groups, &error);
	for (int i = 0; i < count && status == VU_OK; i++) {
		json_t *figures;
		status = read_condition(inputs[i], &conditions[i], &error);
		if (status != VU_OK)
			break;
		figures = judge_condition(conditions[i].name, &conditions[i].results, args->groups ? &groups : NULL);
		if (!figures || json_array_append_new(judged, figures) != 0)
			status =
			    vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to judge %s: out of memory", inputs[i]);
		if (args->level >= 0 && conditions[i].results.has_thresholds)
			contradictions += results_count_contradictions(&conditions[i].results, (size_t)args->level);
	}
	json_object_set(list, "conditions", judged);
	if (status == VU_OK && args->json)
		status = write_json(list, args->json, &error);
	if (status == VU_OK && args->svg)
		status = draw(args->name, conditions, (size_t)count, args->svg, &error);
	if (status == VU_OK)
		words_print_details(list, stdout);
	if (contradictions > 0)
		fprintf(stderr,
		        "vu-figures: %zu verdicts are not what scores and thresholds of the level make of them\n",
		        contradictions);
	for (int i = 0; conditions && i < count; i++)
		results_clear(&conditions[i].results);
	free(conditions);
	grouping_clear(&groups);
	json_decref(judged);
	json_decref(list);
	return status != VU_OK ? fail(&error) : contradictions > 0 ? EXIT_CONTRADICTIONS : 0;
}

static int summarize(int count, char **paths)
{
	int exit_code = 0;

	words_print_heading(stdout);
	for (int i = 0; i < count; i++) {
		json_error_t trouble;
		json_t *list = json_load_file(paths[i], 0, &trouble);
		if (list) {
			words_print_summary(list, stdout);
		} else {
			fprintf(stderr, "vu-figures: unable to read %s: %s\n", paths[i], trouble.text);
			exit_code = EXIT_USAGE;
		}
		json_decref(list);
	}
	return exit_code;
}

static int parse_level(const char *text)
{
	for (int i = 0; i < RESULTS_LEVELS; i++)
		if (strcmp(text, JUDGE_LEVEL_NAMES[i]) == 0)
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"name", required_argument, NULL, 'n'},  {"json", required_argument, NULL, 'j'},
	    {"svg", required_argument, NULL, 's'},   {"groups", required_argument, NULL, 'g'},
	    {"level", required_argument, NULL, 'l'}, {"summary", no_argument, NULL, 'S'},
	    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
	};
	arguments args = {.level = -1};
	bool good = true;
	int option;

	vu_log_init("figures");
	while (good && (option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
		switch (option) {
		case 'n':
			args.name = optarg;
			break;
		case 'j':
			args.json = optarg;
			break;
		case 's':
			args.svg = optarg;
			break;
		case 'g':
			args.groups = optarg;
			break;
		case 'l':
			args.level = parse_level(optarg);
			good = args.level >= 0;
			break;
		case 'S':
			args.summary = true;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			good = false;
		}
	}
	if (!good || optind == argc || argc - optind > CONDITIONS_MAX || args.summary == (args.name != NULL)) {
		fputs(USAGE, stderr);
		return EXIT_USAGE;
	}
	return args.summary ? summarize(argc - optind, argv + optind) : judge(&args, argc - optind, argv + optind);
}
