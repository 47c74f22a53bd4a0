/* test [--user USER] [--from FILE] [--level L] [--anti-spoofing A] [--timeout S] [--json] */
#include "attempt_text.h"
#include "interrupt.h"
#include "meter.h"
#include "output.h"
#include "verbs.h"

#include "base/config.h"
#include "base/user_name.h"
#include "platform/platform.h"

typedef struct arguments {
	const char *user;
	const char *file;
	const char *level;
	const char *anti_spoofing;
	double timeout_s;
	bool as_json;
} arguments;

typedef struct prompt {
	level_meter meter;
	bool asked;
} prompt;

/* What has to be said is shown once, as soon as the microphone hears, and in a pipe as well: it cannot be guessed. */
static void show(void *context, const voiceunlock_progress *progress)
{
	prompt *p = context;
	char shown[512];

	if (!p->asked && progress->challenge_count > 0 && progress->phase == VOICEUNLOCK_PHASE_LISTENING) {
		meter_end(&p->meter);
		fprintf(stderr, "Say, one after the other:\n\n");
		for (size_t i = 0; i < progress->challenge_count; i++)
			fprintf(stderr, "    %s\n", cli_printable(progress->challenge[i], shown, sizeof shown));
		fprintf(stderr, "\n");
		fflush(stderr);
		p->asked = true;
	}
	if (p->meter.enabled)
		meter_show(&p->meter, progress);
}

/* Returns -1 to go on, else the exit code to end with. */
static int read_arguments(const cli_verb *verb, int argc, char **argv, arguments *args)
{
	static const struct option OPTIONS[] = {
	    {"user", required_argument, NULL, 'u'},    {"from", required_argument, NULL, 'f'},
	    {"level", required_argument, NULL, 'l'},   {"anti-spoofing", required_argument, NULL, 'a'},
	    {"timeout", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
	vu_level level;
	vu_antispoof_level antispoof_level;
	vu_error error;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":u:f:l:a:t:jh", OPTIONS)) != -1) {
		switch (option) {
		case 'u':
			args->user = optarg;
			break;
		case 'f':
			args->file = optarg;
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
		case 't':
			if (!cli_parse_number(verb, "--timeout", optarg, 0.1, 3600, &args->timeout_s))
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
		return cli_usage(verb, "'%s' is unexpected; a user is named with --user", argv[optind]);
	return -1;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	arguments args = {0};
	char login[VU_USER_NAME_MAX + 1];
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_MICROPHONE};
	voiceunlock_attempt_options options = {.size = sizeof options, .progress = show};
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_client *client;
	voiceunlock_error error;
	voiceunlock_code code;
	vu_error name_error;
	prompt live = {.asked = false};
	int exit_code = read_arguments(verb, argc, argv, &args);

	if (exit_code >= 0)
		return exit_code;
	if (!args.user) {
		if (vu_platform_login_name(login, sizeof login) != VU_OK)
			return cli_usage(verb, "unable to find out your login name; give --user USER");
		args.user = login;
	}
	if (vu_user_name_check(args.user, &name_error) != VU_OK)
		return cli_fail(CLI_USAGE, "%s", name_error.message);
	options.cancel = interrupt_catch();
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (args.file) {
		audio.kind = VOICEUNLOCK_AUDIO_FILE;
		audio.path = args.file;
	}
	options.level = args.level;
	options.anti_spoofing = args.anti_spoofing;
	options.timeout_s = args.timeout_s;
	meter_begin(&live.meter, stderr);
	options.context = &live;
	code = voiceunlock_authenticate(client, args.user, &audio, &options, &attempt, &error);
	meter_end(&live.meter);
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	exit_code = cli_exit_of_verdict(attempt->verdict);
	if (!args.as_json)
		attempt_text_print(attempt, stdout);
	else if (output_print(output_attempt(attempt), stdout) != CLI_OK)
		exit_code = CLI_INTERNAL;
	voiceunlock_attempt_free(attempt);
	return exit_code;
}

const cli_verb CMD_TEST = {
    .name = "test",
    .arguments = "[--user USER] [--from FILE] [--level LEVEL] [--anti-spoofing LEVEL] [--timeout S] [--json]",
    .summary = "one authentication, by microphone or from a file",
    .help = "  -u, --user USER            who to be (your login name)\n"
            "  -f, --from FILE            a recording instead of the microphone; never unlocks\n"
            "  -l, --level LEVEL          convenient, standard or strict\n"
            "  -a, --anti-spoofing LEVEL  off, low, medium, high or maximum\n"
            "  -t, --timeout SECONDS      give up when nobody has spoken by then\n"
            "  -j, --json                 one JSON object\n\n"
            "Exit 0 accepted, 1 not the speaker, 3 no live voice, 4 no usable speech,\n"
            "5 not enrolled, 6 locked, 7 a service did not answer, 130 interrupted.\n",
    .run = run,
};
