/*
 * vu-trial: scores trial lists without the suite, straight through extractor
 * and scorer. What it prints is what common/ml does; what the running services
 * do is measured by `jarvis-voice-unlock evaluate`.
 *
 *   list.c    reading lists, one extraction a file
 *   report.c  figures
 */
#include "base/log.h"
#include "list.h"
#include "report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: vu-trial --background FILE --enroll TSV --trials TSV [options]\n"
    "\n"
    "Enrols the users of a list and scores its trials (user, path, label; paths are\n"
    "relative to the list), and prints error rates with intervals and decisions by level.\n"
    "\n"
    "  --components N   principal components (50)\n"
    "  --seconds S      of each trial's file no more than this (30)\n"
    "  --full           float32 instead of float16 templates\n"
    "  --element E      numbers of templates: f32, f16 or i8 (f16)\n"
    "  --prune P        share of support vectors dropped (0)\n"
    "  --cross          besides the list's: every trial's file against every user\n"
    "  --out TSV        user, path, label, svm, second, fused, threshold at standard, and what was fused\n"
    "  --help\n";

static vu_model_element element_of(const char *name)
{
	static const vu_model_element elements[] = {VU_ELEMENT_F32, VU_ELEMENT_F16, VU_ELEMENT_I8};

	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (strcmp(name, vu_model_element_name(elements[i])) == 0)
			return elements[i];
	return (vu_model_element)0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"background", required_argument, NULL, 'b'},
	    {"enroll", required_argument, NULL, 'e'},
	    {"trials", required_argument, NULL, 't'},
	    {"components", required_argument, NULL, 'c'},
	    {"seconds", required_argument, NULL, 's'},
	    {"full", no_argument, NULL, 'f'},
	    {"element", required_argument, NULL, 'E'},
	    {"prune", required_argument, NULL, 'p'},
	    {"cross", no_argument, NULL, 'x'},
	    {"out", required_argument, NULL, 'o'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	trial_settings settings = {.components = 50, .seconds = 30, .quantize = true};
	trial_set set = {0};
	const char *enroll = NULL;
	const char *trials = NULL;
	const char *out = NULL;
	vu_error error = {VU_OK, ""};
	vu_status status;
	bool known = true;
	int option;

	vu_log_init("trial");
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			settings.background = optarg;
			break;
		case 'e':
			enroll = optarg;
			break;
		case 't':
			trials = optarg;
			break;
		case 'c':
			settings.components = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			settings.seconds = strtod(optarg, NULL);
			break;
		case 'f':
			settings.quantize = false;
			break;
		case 'E':
			settings.element = element_of(optarg);
			known = settings.element != 0;
			break;
		case 'p':
			settings.prune = strtod(optarg, NULL);
			break;
		case 'x':
			settings.cross = true;
			break;
		case 'o':
			out = optarg;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			fputs(USAGE, stderr);
			return 2;
		}
	}
	if (!settings.background || !enroll || !trials || optind != argc || !(settings.seconds > 0) || !known ||
	    !(settings.prune >= 0 && settings.prune <= 0.9)) {
		fputs(USAGE, stderr);
		return 2;
	}
	status = trial_set_run(&settings, enroll, trials, &set, &error);
	if (status == VU_OK && out)
		status = report_write(&set, out, &error);
	if (status == VU_OK)
		status = report_print(&set, &error);
	if (status != VU_OK)
		fprintf(stderr, "vu-trial: %s\n", error.message);
	trial_set_free(&set);
	return status == VU_OK ? 0 : status == VU_INVALID_ARGUMENT ? 2 : 70;
}
