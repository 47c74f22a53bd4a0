/* stop */
#include "suite_control.h"
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
		return cli_usage(verb, "stop takes no arguments");
	return suite_stop();
}

const cli_verb CMD_STOP = {
    .name = "stop",
    .arguments = "",
    .summary = "stop the suite; returns when its processes are gone",
    .help = "Running attempts are finished first. Exit 0 also when nothing was running.\n",
    .run = run,
};
