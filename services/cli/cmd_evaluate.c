/* evaluate --enroll TSV --trials TSV --out TSV [--thresholds TSV] [--level L] [--anti-spoofing A] [--jobs N] [--json]
 */
#include "evaluation.h"
#include "interrupt.h"
#include "output.h"
#include "verbs.h"

#include "base/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct arguments {
	const char *enroll;
	const char *trials;
	const char *out;
	const char *thresholds;
	const char *level;
	const char *anti_spoofing;
	long jobs;
	bool as_json;
} arguments;

/* Returns -1 to go on, else the exit code to end with. */
static int read_arguments(const cli_verb *verb, int argc, char **argv, arguments *args)
{
	static const struct option OPTIONS[] = {
	    {"enroll", required_argument, NULL, 'e'}, {"trials", required_argument, NULL, 't'},
	    {"out", required_argument, NULL, 'o'},    {"thresholds", required_argument, NULL, 'T'},
	    {"level", required_argument, NULL, 'l'},  {"anti-spoofing", required_argument, NULL, 'a'},
	    {"jobs", required_argument, NULL, 'J'},   {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	vu_level level;
	vu_antispoof_level antispoof_level;
	vu_error error;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":e:t:o:T:l:a:J:jh", OPTIONS)) != -1) {
		switch (option) {
		case 'e':
			args->enroll = optarg;
			break;
		case 't':
			args->trials = optarg;
			break;
		case 'o':
			args->out = optarg;
			break;
		case 'T':
			args->thresholds = optarg;
			break;
		case 'l':
			if (vu_level_parse(optarg, &level, &error) != VU_OK)
				return cli_usage(verb, "%s", error.message);
			args->level = optarg;
			break;
		case 'a':
			if (vu_antispoof_level_parse(optarg, &antispoof_level, &error) != VU_OK)
				return cli_usage(verb, "%s", error.message);
			args->anti_spoofing = optarg;
			break;
		case 'J':
			if (!cli_parse_whole(verb, "--jobs", optarg, 1, 32, &args->jobs))
				return CLI_USAGE;
			break;
		case 'j':
			args->as_json = true;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (optind < argc)
		return cli_usage(verb, "'%s' is unexpected", argv[optind]);
	if (!args->enroll || !args->trials || !args->out)
		return cli_usage(verb, "evaluate needs --enroll, --trials and --out");
	return -1;
}

/* Finds out before the work that the results can be written after it. */
static bool can_write(const char *path)
{
	char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	bool writable = access(path, F_OK) == 0 && access(path, W_OK) == 0;
	struct stat info;

	if (slash && slash != folder)
		*slash = '\0';
	if (access(path, F_OK) != 0)
		writable = folder && access(!slash ? "." : slash == folder ? "/" : folder, W_OK) == 0;
	/* Said before the trials run, not after. */
	if (writable && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
		writable = false;
		errno = EISDIR;
	}
	if (!writable)
		cli_fail(CLI_USAGE, "unable to write %s: %s", path, strerror(errno));
	free(folder);
	return writable;
}

/* Two per processor keep uploading and computing both busy. */
static unsigned default_jobs(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 1 ? 2 : processors > 8 ? 16 : (unsigned)processors * 2;
}

static int evaluate(const arguments *args, voiceunlock_cancel *cancel)
{
	trial_list *enroll = NULL, *trials = NULL;
	evaluation_data evaluation = {.level = args->level,
	                              .anti_spoofing = args->anti_spoofing,
	                              .jobs = args->jobs > 0 ? (unsigned)args->jobs : default_jobs(),
	                              .cancel = cancel};
	json_t *figures = NULL;
	vu_error error;
	int exit_code = CLI_OK;
	vu_status status = trial_list_read(args->enroll, 0, &enroll, &error);

	if (status == VU_OK)
		status = trial_list_read(args->trials, 1, &trials, &error);
	if (status != VU_OK) {
		exit_code =
		    cli_fail(status == VU_PERMISSION_DENIED ? CLI_PERMISSION : CLI_USAGE, "%s", error.message);
		goto out;
	}
	evaluation.enroll = enroll;
	evaluation.trials = trials;
	evaluation.client = cli_connect(false, &exit_code);
	if (!evaluation.client)
		goto out;
	status = evaluation_run(&evaluation, stderr, &error);
	if (status == VU_FAILED_PRECONDITION)
		exit_code = cli_fail(CLI_NO_SPEECH, "%s", error.message);
	else if (status != VU_OK)
		exit_code = cli_fail(cli_exit_of_code((voiceunlock_code)status), "%s", error.message);
	if (status == VU_OK) {
		status = evaluation_write(&evaluation, args->out, &error);
		if (status == VU_OK && args->thresholds)
			status = evaluation_write_thresholds(&evaluation, args->thresholds, &error);
		if (status != VU_OK)
			exit_code = cli_fail(status == VU_PERMISSION_DENIED ? CLI_PERMISSION : CLI_INTERNAL, "%s",
			                     error.message);
	}
	if (status == VU_OK) {
		figures = evaluation_figures(&evaluation);
		if (!figures)
			exit_code = cli_fail(CLI_INTERNAL, "unable to compute the figures: out of memory");
		else if (args->as_json)
			exit_code = output_print(json_incref(figures), stdout);
		else
			evaluation_print_figures(figures, stdout);
	}
out:
	json_decref(figures);
	evaluation_clear(&evaluation);
	trial_list_free(enroll);
	trial_list_free(trials);
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	arguments args = {0};
	int exit_code = read_arguments(verb, argc, argv, &args);

	if (exit_code >= 0)
		return exit_code;
	if (!can_write(args.out) || (args.thresholds && !can_write(args.thresholds)))
		return CLI_USAGE;
	return evaluate(&args, interrupt_catch());
}

const cli_verb CMD_EVALUATE = {
    .name = "evaluate",
    .arguments = "--enroll TSV --trials TSV --out TSV [--thresholds TSV] [--level LEVEL] [--anti-spoofing LEVEL] "
                 "[--jobs N] [--json]",
    .summary = "score a trial list through the running services",
    .help = "  -e, --enroll TSV           user and path of a recording, with a tab between\n"
            "  -t, --trials TSV           claimed user, path, and target, nontarget, spoof:KIND or -\n"
            "  -o, --out TSV              the list with verdicts and scores\n"
            "  -T, --thresholds TSV       besides: what each score had to reach at the three levels\n"
            "  -l, --level LEVEL          convenient, standard or strict\n"
            "  -a, --anti-spoofing LEVEL  off, low, medium, high or maximum\n"
            "  -J, --jobs N               so many recordings under way at once\n"
            "  -j, --json                 the figures as one JSON object\n\n"
            "Paths are relative to their list. The people of the lists are enrolled beside the\n"
            "real users and removed afterwards. A recording that cannot be read is told and\n"
            "counted, and the run goes on. Exit 7 when the services went away, 130 interrupted.\n",
    .run = run,
};
