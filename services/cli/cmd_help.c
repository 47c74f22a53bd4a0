/* help [VERB] */
#include "verbs.h"

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const cli_verb *about;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		return CLI_USAGE;
	}
	if (argc - optind > 1)
		return cli_usage(verb, "help takes one verb");
	if (optind == argc) {
		cli_print_overview(stdout);
		return CLI_OK;
	}
	about = cli_find_verb(argv[optind]);
	if (!about) {
		cli_fail(CLI_USAGE, "there is no verb '%s'", argv[optind]);
		cli_suggest_verb(argv[optind]);
		return CLI_USAGE;
	}
	return cli_print_help(about);
}

const cli_verb CMD_HELP = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "this list, or what a verb does",
    .help = "Without a verb, lists all of them.\n",
    .run = run,
};
