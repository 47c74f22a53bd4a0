/* identify [--from FILE] [--level L] [--timeout S] [--json] */
#include "attempt_text.h"
#include "interrupt.h"
#include "meter.h"
#include "output.h"
#include "verbs.h"

#include "base/config.h"

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"from", required_argument, NULL, 'f'},    {"level", required_argument, NULL, 'l'},
	    {"timeout", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_MICROPHONE};
	voiceunlock_attempt_options options = {.size = sizeof options};
	voiceunlock_identification *result = NULL;
	voiceunlock_client *client;
	voiceunlock_error error;
	voiceunlock_code code;
	bool as_json = false;
	int exit_code = CLI_OK;
	vu_level level;
	vu_error level_error;
	level_meter meter;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":f:l:t:jh", OPTIONS)) != -1) {
		switch (option) {
		case 'f':
			audio.kind = VOICEUNLOCK_AUDIO_FILE;
			audio.path = optarg;
			break;
		case 'l':
			if (vu_level_parse(optarg, &level, &level_error) != VU_OK)
				return cli_usage(verb, "%s", level_error.message);
			options.level = optarg;
			break;
		case 't':
			if (!cli_parse_number(verb, "--timeout", optarg, 0.1, 3600, &options.timeout_s))
				return CLI_USAGE;
			break;
		case 'j':
			as_json = true;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (optind < argc)
		return cli_usage(verb, "'%s' is unexpected; a recording is named with --from", argv[optind]);
	options.cancel = interrupt_catch();
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	meter_begin(&meter, stderr);
	options.progress = meter.enabled ? meter_show : NULL;
	options.context = &meter;
	code = voiceunlock_identify(client, &audio, &options, &result, &error);
	meter_end(&meter);
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	exit_code = cli_exit_of_verdict(result->verdict);
	if (!as_json)
		attempt_text_print_identification(result, stdout);
	else if (output_print(output_identification(result), stdout) != CLI_OK)
		exit_code = CLI_INTERNAL;
	voiceunlock_identification_free(result);
	return exit_code;
}

const cli_verb CMD_IDENTIFY = {
    .name = "identify",
    .arguments = "[--from FILE] [--level LEVEL] [--timeout S] [--json]",
    .summary = "which enrolled user is this, if any",
    .help = "  -f, --from FILE        a recording instead of the microphone\n"
            "  -l, --level LEVEL      convenient, standard or strict\n"
            "  -t, --timeout SECONDS  give up when nobody has spoken by then\n"
            "  -j, --json             one JSON object\n\n"
            "Exit 0 when somebody was recognized, 1 when nobody, 3 no live voice,\n"
            "4 no usable speech, 7 a service did not answer.\n",
    .run = run,
};
