/* call PROCESS/METHOD [JSON] */
#include "verbs.h"

#include "base/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (4u * 1024 * 1024)

/* All of standard input; NULL after telling why. The caller frees. */
static char *read_input(void)
{
	char *text = malloc(INPUT_MAX + 1);
	size_t used;

	if (!text) {
		cli_fail(CLI_INTERNAL, "unable to read the request: out of memory");
		return NULL;
	}
	used = fread(text, 1, INPUT_MAX + 1, stdin);
	if (ferror(stdin) || used > INPUT_MAX || memchr(text, '\0', used)) {
		cli_fail(CLI_USAGE, "unable to read the request: it is not JSON of at most %u bytes", INPUT_MAX);
		free(text);
		return NULL;
	}
	text[used] = '\0';
	return text;
}

static int list_methods(const cli_verb *verb, voiceunlock_client *client, const char *process)
{
	voiceunlock_text_list *list = NULL;
	voiceunlock_error error;
	const char *names[VU_SERVICE_COUNT];

	if (vu_service_by_name(process) == VU_SERVICE_COUNT) {
		for (int id = 0; id < VU_SERVICE_COUNT; id++)
			names[id] = vu_service_name((vu_service_id)id);
		cli_usage(verb, "there is no process '%s'", process);
		cli_suggest(process, names, VU_SERVICE_COUNT);
		return CLI_USAGE;
	}
	if (voiceunlock_list_methods(client, process, &list, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	for (size_t i = 0; i < list->count; i++)
		puts(list->texts[i]);
	voiceunlock_text_list_free(list);
	return CLI_OK;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"timeout", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	double timeout_s = 10.0;
	char *input = NULL, *answer = NULL;
	const char *request = NULL;
	voiceunlock_client *client;
	voiceunlock_error error;
	voiceunlock_code code;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":t:h", OPTIONS)) != -1) {
		switch (option) {
		case 't':
			if (!cli_parse_number(verb, "--timeout", optarg, 0.001, 3600, &timeout_s))
				return CLI_USAGE;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(verb, "call takes a method and, if it needs one, a request");
	if (argc - optind == 2)
		request = argv[optind + 1];
	if (request && strcmp(request, "-") == 0) {
		request = input = read_input();
		if (!input)
			return CLI_USAGE;
	}
	client = cli_connect(true, &exit_code);
	if (!client)
		goto out;
	if (!strchr(argv[optind], '/')) {
		exit_code = list_methods(verb, client, argv[optind]);
		goto out;
	}
	code = voiceunlock_call(client, argv[optind], request, timeout_s, &answer, &error);
	if (code == VOICEUNLOCK_OK)
		puts(answer);
	else
		/* No such method is a slip of the one who typed it. */
		exit_code = cli_fail(code == VOICEUNLOCK_UNIMPLEMENTED ? CLI_USAGE : cli_exit_of_code(code), "%s: %s",
		                     voiceunlock_code_name(code), error.message);
	voiceunlock_text_free(answer);
out:
	free(input);
	return exit_code;
}

const cli_verb CMD_CALL = {
    .name = "call",
    .arguments = "PROCESS[/METHOD] [JSON] [--timeout S]",
    .summary = "any method of any process, with JSON in and out",
    .help = "PROCESS is supervisor, capture, features, models, antispoof or orchestrator.\n"
            "Without METHOD, lists what the process offers. JSON '-' is read from standard\n"
            "input. METHOD may be spelled in full: models/voiceunlock.v1.Process/Info.\n\n"
            "  -t, --timeout SECONDS  how long to wait (10)\n\n"
            "For example:  jarvis-voice-unlock call models/Stats\n"
            "              jarvis-voice-unlock call supervisor/WhoIs '{\"pid\": 4711}'\n",
    .run = run,
};
