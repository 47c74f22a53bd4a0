/*
 * jarvis-voice-unlock: the command line. Each verb lives in a file of its own
 * (cmd_<verb>.c); this is the table of them. Exit codes are in cli.h.
 */
#include "cli.h"
#include "verbs.h"

#include "base/log.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

int main(int argc, char **argv)
{
	const cli_verb *verb;
	const char *word = argc > 1 ? argv[1] : NULL;
	int exit_code;

	setlocale(LC_CTYPE, "");
	vu_log_init("cli");
	/* A reader that went away is an error of printf, not the end of an enrolment. */
	signal(SIGPIPE, SIG_IGN);
	if (!word) {
		cli_print_overview(stderr);
		return CLI_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		word = "version";
	verb = cli_find_verb(word);
	if (!verb) {
		cli_fail(CLI_USAGE, "there is no verb '%s'", word);
		cli_suggest_verb(word);
		fprintf(stderr, "run: %s help\n", CLI_NAME);
		return CLI_USAGE;
	}
	exit_code = verb->run(verb, argc - 1, argv + 1);
	/* An answer that nobody could read was not given. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == CLI_OK)
		exit_code = cli_fail(CLI_INTERNAL, "unable to write the answer");
	return exit_code;
}
