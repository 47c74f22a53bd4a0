/* start [--foreground] */
#include "suite_control.h"
#include "verbs.h"

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"foreground", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool foreground = false;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":fh", OPTIONS)) != -1) {
		if (option == 'f')
			foreground = true;
		else if (option == 'h')
			return cli_print_help(verb);
		else
			return CLI_USAGE;
	}
	if (optind < argc)
		return cli_usage(verb, "start takes no arguments");
	return suite_start(foreground);
}

const cli_verb CMD_START = {
    .name = "start",
    .arguments = "[--foreground]",
    .summary = "start the suite; returns when all of it is ready",
    .help = "  -f, --foreground  stay, and end with the suite (for systemd and launchd)\n\n"
            "Exit 0 when every service is ready or already was, 7 when one did not get\n"
            "ready, 8 when the configuration is bad, 9 without permission.\n",
    .run = run,
};
