/* history [-l N] [--user U] [--json] */
#include "format.h"
#include "output.h"
#include "verbs.h"

static void print_history(const voiceunlock_history *history)
{
	static const char *const HEADINGS[] = {"TIME",    "WHAT",  "USER",  "VERDICT", ">SCORE",
	                                       ">NEEDED", ">LIVE", ">TOOK", "REASON"};
	format_table *table;
	char text[FORMAT_MAX];

	if (history->count == 0) {
		printf("nothing has happened yet\nnext: %s test\n", CLI_NAME);
		return;
	}
	table = format_table_create(HEADINGS, sizeof HEADINGS / sizeof *HEADINGS);
	if (!table)
		return;
	for (size_t i = 0; i < history->count; i++) {
		const voiceunlock_past_attempt *attempt = &history->attempts[i];
		format_table_add(table, format_time(attempt->time_us, text));
		format_table_add(table, attempt->kind);
		format_table_add(table, attempt->user);
		format_table_add(table, attempt->verdict);
		format_table_add(table, format_score(attempt->score, text));
		format_table_add(table, format_score(attempt->threshold, text));
		format_table_add(table, format_score(attempt->antispoof_score, text));
		format_table_add(table, format_duration(attempt->total_ms / 1000.0, text));
		format_table_add(table, attempt->reason);
	}
	format_table_print(table, stdout);
	format_table_free(table);
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"limit", required_argument, NULL, 'l'},
	                                        {"user", required_argument, NULL, 'u'},
	                                        {"json", no_argument, NULL, 'j'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool as_json = false;
	long limit = 20;
	const char *user = NULL;
	voiceunlock_client *client;
	voiceunlock_history *history = NULL;
	voiceunlock_error error;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":l:u:jh", OPTIONS)) != -1) {
		switch (option) {
		case 'l':
			if (!cli_parse_whole(verb, "--limit", optarg, 1, 10000, &limit))
				return CLI_USAGE;
			break;
		case 'u':
			user = optarg;
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
		return cli_usage(verb, "history takes no arguments");
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (voiceunlock_get_history(client, (uint32_t)limit, user, &history, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	if (as_json)
		exit_code = output_print(output_history(history), stdout);
	else
		print_history(history);
	voiceunlock_history_free(history);
	return exit_code;
}

const cli_verb CMD_HISTORY = {
    .name = "history",
    .arguments = "[-l N] [--user USER] [--json]",
    .summary = "past attempts, newest first",
    .help = "  -l, --limit N    so many (20)\n"
            "  -u, --user USER  only of this user\n"
            "  -j, --json       one JSON object\n",
    .run = run,
};
