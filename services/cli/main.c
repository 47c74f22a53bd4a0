/*
 * jarvis-voice-unlock: the command line. Each verb lives in a file of its own
 * (cmd_<verb>.c); this is the table of them. Exit codes are in cli.h.
 */
#include "cli.h"
#include "verbs.h"

#include "base/log.h"
#include "platform/platform.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the machine suite's unit sets it: whoever gives the option means that suite, whatever the environment names. */
static void choose_machine_suite(void)
{
	setenv("VOICE_UNLOCK_MACHINE", "true", 1);
	setenv("VOICE_UNLOCK_HOME", VU_PLATFORM_MACHINE.home, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", VU_PLATFORM_MACHINE.runtime, 1);
	setenv("VOICE_UNLOCK_KEY_FILE", VU_PLATFORM_MACHINE.key_file, 1);
	setenv("VOICE_UNLOCK_CONFIG", VU_PLATFORM_MACHINE.config, 1);
}

/* A suite of root's in its folders would be another one. Returns CLI_OK when it is left to the system. */
static int leave_start_to_system(int argc, char **argv)
{
	vu_platform_unit unit;
	bool starts = strcmp(argv[1], "start") == 0 || (strcmp(argv[1], "restart") == 0 && argc == 2);

	if (!starts || geteuid() != 0)
		return CLI_OK;
	vu_platform_find_unit(true, &unit);
	return cli_fail(CLI_USAGE, "unable to %s the machine suite as root: it has a user of its own; run: %s",
	                argv[1], unit.enable);
}

int main(int argc, char **argv)
{
	const cli_verb *verb;
	const char *word = argc > 1 ? argv[1] : NULL;
	int exit_code;

	setlocale(LC_CTYPE, "");
	vu_log_init("cli");
	/* A reader that went away is an error of printf, not the end of an enrolment. */
	signal(SIGPIPE, SIG_IGN);
	if (word && strcmp(word, "--machine") == 0) {
		choose_machine_suite();
		argc--;
		argv++;
		word = argc > 1 ? argv[1] : NULL;
		if (word && leave_start_to_system(argc, argv) != CLI_OK)
			return CLI_USAGE;
	}
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
