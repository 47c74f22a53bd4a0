/*
 * enroll USER [--from FILE…] [--samples N] [--replace]
 *
 * Sample by sample, each with its verdict and advice. Nothing is stored before
 * there are enough good ones; whoever gives up leaves nothing behind.
 */
#include "format.h"
#include "interrupt.h"
#include "meter.h"
#include "terminal.h"
#include "verbs.h"

#include "base/user_name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bad takes by microphone in a row before giving up: something else is wrong then. */
#define BAD_TAKES_MAX 5
/* How often recordings are given anew when the orchestrator died with what it had. */
#define BEGIN_MAX 3
/* An inner exit code: the enrolment is gone, but its recordings are all still there. */
#define BEGIN_AGAIN (-2)
/* The same, and it was about to be stored, or was already. */
#define COMMIT_AGAIN (-3)

typedef struct arguments {
	const char *user;
	char **files;
	size_t file_count;
	long samples; /* 0: as configured */
	bool replace;
} arguments;

/*
 * USER is the first word when it comes before --from; else, as in "--from a.wav
 * b.wav maria", the last one. Returns -1 to go on, else the exit code.
 */
static int read_arguments(const cli_verb *verb, int argc, char **argv, arguments *args)
{
	static const struct option OPTIONS[] = {{"from", required_argument, NULL, 'f'},
	                                        {"samples", required_argument, NULL, 's'},
	                                        {"replace", no_argument, NULL, 'r'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool from = false;
	int option;

	args->files = calloc((size_t)argc + 1, sizeof *args->files);
	if (!args->files)
		return cli_fail(CLI_INTERNAL, "unable to read the arguments: out of memory");
	while ((option = cli_next_option(verb, argc, argv, "-:f:s:rh", OPTIONS)) != -1) {
		switch (option) {
		case 'f':
			from = true;
			args->files[args->file_count++] = optarg;
			break;
		case 's':
			if (!cli_parse_whole(verb, "--samples", optarg, 1, 100, &args->samples))
				return CLI_USAGE;
			break;
		case 'r':
			args->replace = true;
			break;
		case 'h':
			return cli_print_help(verb);
		case 1:
			if (!from && !args->user)
				args->user = optarg;
			else
				args->files[args->file_count++] = optarg;
			break;
		default:
			return CLI_USAGE;
		}
	}
	while (optind < argc) {
		if (!args->user)
			args->user = argv[optind++];
		else
			args->files[args->file_count++] = argv[optind++];
	}
	if (!args->user && args->file_count > 1)
		args->user = args->files[--args->file_count];
	if (!args->user)
		return cli_usage(verb, "enroll needs a user");
	if (!from && args->file_count > 0)
		return cli_usage(verb, "'%s' is unexpected; recordings are named with --from", args->files[0]);
	return -1;
}

static void print_sample(const char *name, const voiceunlock_sample *sample)
{
	char time[FORMAT_MAX], printable[VOICEUNLOCK_MESSAGE_MAX], shown[256];
	const char *advice = sample->advice[0] ? sample->advice : sample->quality.advice;

	printf("%s%s%s  %s", terminal_colour_code(stdout, sample->accepted ? TERMINAL_GREEN : TERMINAL_YELLOW),
	       sample->accepted ? "good" : "bad ", terminal_colour_code(stdout, TERMINAL_PLAIN),
	       cli_printable(name, shown, sizeof shown));
	if (sample->quality.speech_ms > 0)
		printf("  %s of speech, %.0f dB above the noise",
		       format_duration(sample->quality.speech_ms / 1000.0, time), (double)sample->quality.snr_db);
	if (advice[0])
		/* Advice is a sentence or two: on a terminal it has a line of its own. */
		printf("%s%s", terminal_is(stdout) ? "\n      " : "  ",
		       cli_printable(advice, printable, sizeof printable));
	putchar('\n');
	fflush(stdout);
}

/*
 * Nothing but a dead orchestrator loses an enrolment in the middle. Files can be
 * given again without asking anybody; what was spoken can not.
 */
static int fail_enrolment(const arguments *args, const voiceunlock_error *error)
{
	if (error->code != VOICEUNLOCK_NOT_FOUND)
		return cli_fail_error(error);
	if (args->file_count > 0)
		return BEGIN_AGAIN;
	return cli_fail(CLI_UNAVAILABLE, "%s", error->message);
}

static int enroll_files(voiceunlock_enrollment *enrollment, const arguments *args, uint32_t *good_out)
{
	uint32_t wanted =
	    args->samples > 0 ? (uint32_t)args->samples : voiceunlock_enrollment_samples_max(enrollment);

	for (size_t i = 0; i < args->file_count && *good_out < wanted; i++) {
		voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = args->files[i]};
		voiceunlock_sample sample;
		voiceunlock_error error;
		if (voiceunlock_enrollment_add(enrollment, &audio, &sample, &error) != VOICEUNLOCK_OK)
			return fail_enrolment(args, &error);
		print_sample(args->files[i], &sample);
		*good_out += sample.accepted;
	}
	return CLI_OK;
}

static int enroll_microphone(voiceunlock_enrollment *enrollment, const arguments *args, level_meter *meter,
                             uint32_t *good_out)
{
	uint32_t wanted =
	    args->samples > 0 ? (uint32_t)args->samples : voiceunlock_enrollment_samples_wanted(enrollment);
	uint32_t most = voiceunlock_enrollment_samples_max(enrollment);
	unsigned bad = 0;
	uint32_t take = 0;
	bool enough = false;

	/* A sample of a voice that may be somebody else's counts, but one more is recorded for it. */
	while ((*good_out < wanted || (!enough && *good_out < most)) && bad < BAD_TAKES_MAX) {
		const char *phrase = voiceunlock_enrollment_phrase(enrollment, take++);
		voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_MICROPHONE};
		voiceunlock_sample sample;
		voiceunlock_error error;
		voiceunlock_code code;
		char name[64], shown[512];

		printf("\n%sSample %u of %u%s", terminal_colour_code(stdout, TERMINAL_BOLD), *good_out + 1,
		       *good_out < wanted ? wanted : *good_out + 1, terminal_colour_code(stdout, TERMINAL_PLAIN));
		if (phrase)
			printf(": say, in your usual voice\n\n    %s\n\n",
			       cli_printable(phrase, shown, sizeof shown));
		else
			printf(": say a sentence or two in your usual voice\n\n");
		fflush(stdout);
		code = voiceunlock_enrollment_ask(enrollment, phrase, &error);
		if (code != VOICEUNLOCK_OK)
			return fail_enrolment(args, &error);
		meter_begin(meter, stderr);
		code = voiceunlock_enrollment_add(enrollment, &audio, &sample, &error);
		meter_end(meter);
		/* Only this take was cut off; the samples before it are kept. */
		if (code == VOICEUNLOCK_ABORTED) {
			bad++;
			cli_fail(0, "%s", error.message);
			continue;
		}
		if (code != VOICEUNLOCK_OK)
			return fail_enrolment(args, &error);
		snprintf(name, sizeof name, "sample %u", *good_out + 1);
		print_sample(name, &sample);
		*good_out += sample.accepted;
		enough = sample.enough;
		bad = sample.accepted ? 0 : bad + 1;
	}
	if (bad >= BAD_TAKES_MAX)
		return cli_fail(CLI_NO_SPEECH,
		                "%d takes in a row were not usable; check the microphone with: %s doctor",
		                BAD_TAKES_MAX, CLI_NAME);
	return CLI_OK;
}

static int commit(voiceunlock_enrollment *enrollment, const arguments *args, uint32_t good)
{
	voiceunlock_enrolled *enrolled = NULL;
	voiceunlock_error error;
	voiceunlock_code code = voiceunlock_enrollment_commit(enrollment, &enrolled, &error);
	char size[FORMAT_MAX], shown[512];

	if (code == VOICEUNLOCK_FAILED_PRECONDITION)
		return cli_fail(CLI_NO_SPEECH, "%s", error.message);
	if (code != VOICEUNLOCK_OK) {
		int exit_code = fail_enrolment(args, &error);
		return exit_code == BEGIN_AGAIN ? COMMIT_AGAIN : exit_code;
	}
	printf("%senrolled%s %s from %u samples (%s, trained in %.0f ms)\n",
	       terminal_colour_code(stdout, TERMINAL_GREEN), terminal_colour_code(stdout, TERMINAL_PLAIN), args->user,
	       enrolled->samples ? enrolled->samples : good, format_bytes(enrolled->template_bytes, size),
	       enrolled->train_ms);
	for (size_t i = 0; i < enrolled->warning_count; i++)
		printf("%smind%s: %s\n", terminal_colour_code(stdout, TERMINAL_YELLOW),
		       terminal_colour_code(stdout, TERMINAL_PLAIN),
		       cli_printable(enrolled->warnings[i], shown, sizeof shown));
	printf("next: %s test --user '%s'\n", CLI_NAME, args->user);
	voiceunlock_enrolled_free(enrolled);
	return CLI_OK;
}

/* One enrolment from its beginning to its end; BEGIN_AGAIN or COMMIT_AGAIN when it was lost on the way. */
static int enroll_once(const cli_verb *verb, voiceunlock_client *client, const voiceunlock_enroll_options *options,
                       const arguments *args, level_meter *meter)
{
	voiceunlock_enrollment *enrollment = NULL;
	voiceunlock_error error;
	voiceunlock_code code;
	uint32_t good = 0;
	int exit_code;

	code = voiceunlock_enrollment_begin(client, args->user, options, &enrollment, &error);
	if (code == VOICEUNLOCK_ALREADY_EXISTS)
		return cli_fail(CLI_USAGE, "%s", error.message);
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	if (args->samples > 0 && (uint32_t)args->samples > voiceunlock_enrollment_samples_max(enrollment))
		exit_code =
		    cli_usage(verb, "--samples %ld is more than the %u that are kept (enrollment.max_samples)",
		              args->samples, voiceunlock_enrollment_samples_max(enrollment));
	else if (args->samples > 0 && (uint32_t)args->samples < voiceunlock_enrollment_samples_wanted(enrollment))
		exit_code =
		    cli_usage(verb, "--samples %ld is less than the %u that are needed (enrollment.min_samples)",
		              args->samples, voiceunlock_enrollment_samples_wanted(enrollment));
	else if (args->file_count > 0)
		exit_code = enroll_files(enrollment, args, &good);
	else
		exit_code = enroll_microphone(enrollment, args, meter, &good);
	if (exit_code == CLI_OK && good < voiceunlock_enrollment_samples_wanted(enrollment))
		exit_code =
		    cli_fail(CLI_NO_SPEECH,
		             "unable to enroll %s: %u of %zu recordings are good and %u are needed; record more, "
		             "each 3 to 5 seconds of clear speech",
		             args->user, good, args->file_count, voiceunlock_enrollment_samples_wanted(enrollment));
	if (exit_code == CLI_OK)
		exit_code = commit(enrollment, args, good);
	voiceunlock_enrollment_close(enrollment);
	return exit_code;
}

static int enroll(const cli_verb *verb, const arguments *args)
{
	voiceunlock_enroll_options options = {.size = sizeof options, .replace = args->replace};
	voiceunlock_client *client;
	vu_error name_error;
	int exit_code = CLI_OK;
	level_meter meter;

	if (vu_user_name_check(args->user, &name_error) != VU_OK)
		return cli_fail(CLI_USAGE, "%s", name_error.message);
	options.cancel = interrupt_catch();
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	fprintf(stderr,
	        "What describes %s's voice is kept on this machine, encrypted, to tell this person from others, for\n"
	        "nothing else; no audio is kept. Who enrols consents to that; %s remove %s erases it. Stop with "
	        "Ctrl-C.\n",
	        args->user, CLI_NAME, args->user);
	meter_begin(&meter, stderr);
	if (meter.enabled && args->file_count == 0) {
		options.progress = meter_show;
		options.context = &meter;
	}
	exit_code = enroll_once(verb, client, &options, args, &meter);
	for (unsigned begun = 1; exit_code <= BEGIN_AGAIN && begun < BEGIN_MAX; begun++) {
		/* There was no such user when the lost enrolment began: one found now is what it left. */
		if (exit_code == COMMIT_AGAIN)
			options.replace = true;
		printf("the enrolment was lost with a service that died; beginning again\n");
		exit_code = enroll_once(verb, client, &options, args, &meter);
	}
	if (exit_code <= BEGIN_AGAIN)
		exit_code = cli_fail(CLI_UNAVAILABLE, "unable to enroll %s: the suite does not hold; run: %s status",
		                     args->user, CLI_NAME);
	if (exit_code == CLI_INTERRUPTED)
		cli_fail(exit_code, "nothing was stored");
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	arguments args = {0};
	int exit_code = read_arguments(verb, argc, argv, &args);

	if (exit_code < 0)
		exit_code = enroll(verb, &args);
	free(args.files);
	return exit_code;
}

const cli_verb CMD_ENROLL = {
    .name = "enroll",
    .arguments = "USER [--from FILE…] [--samples N] [--replace]",
    .summary = "learn a voice, by microphone or from recordings",
    .help = "  -f, --from FILE…  recordings instead of the microphone\n"
            "  -s, --samples N   so many good samples (enrollment.min_samples)\n"
            "  -r, --replace     an enrolled user is replaced once the new samples are good\n\n"
            "Every sample is judged when it comes, with advice. Nothing is stored before\n"
            "there are enough good ones. Exit 2 when the user is enrolled already, 4 when\n"
            "too few samples were good, 130 interrupted.\n",
    .run = run,
};
