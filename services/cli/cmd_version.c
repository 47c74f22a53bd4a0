/* version */
#include "verbs.h"

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		return CLI_USAGE;
	}
	if (optind < argc)
		return cli_usage(verb, "version takes no arguments");
	printf("%s %s\n", CLI_NAME, voiceunlock_version());
	return CLI_OK;
}

const cli_verb CMD_VERSION = {
    .name = "version",
    .arguments = "",
    .summary = "which version this is",
    .help = "Prints the name and the version.\n",
    .run = run,
};
