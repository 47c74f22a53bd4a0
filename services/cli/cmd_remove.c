/* remove USER [--yes] */
#include "terminal.h"
#include "verbs.h"

#include "base/config.h"
#include "base/user_name.h"

#include <string.h>
#include <unistd.h>

/* Asks only where somebody can answer. */
static bool confirmed(const char *user)
{
	char answer[16] = "";
	char printable[256];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	fprintf(stderr, "Erase the templates of %s? They cannot be brought back. [y/N] ",
	        cli_printable(user, printable, sizeof printable));
	fflush(stderr);
	if (!fgets(answer, sizeof answer, stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* That somebody was here stays provable; nothing of it describes a voice. */
static void say_what_stays(void)
{
	static const char *const WHAT =
	    "  kept   past attempts in the history and the audit log, which have no voice";
	vu_config *config = NULL;
	vu_error error;

	if (vu_config_load(NULL, &config, &error) != VU_OK)
		printf("%s\n", WHAT);
	else if (config->security.audit_retention_days == 0)
		printf("%s, for good (security.audit_retention_days is 0)\n", WHAT);
	else
		printf("%s, until they are %u days old (security.audit_retention_days)\n", WHAT,
		       (unsigned)config->security.audit_retention_days);
	vu_config_free(config);
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"yes", no_argument, NULL, 'y'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool yes = false;
	vu_error name_error;
	voiceunlock_client *client;
	voiceunlock_text_list *erased = NULL;
	voiceunlock_error error;
	int exit_code = CLI_OK;
	char printable[512];
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":yh", OPTIONS)) != -1) {
		if (option == 'y')
			yes = true;
		else if (option == 'h')
			return cli_print_help(verb);
		else
			return CLI_USAGE;
	}
	if (argc - optind != 1)
		return cli_usage(verb, "remove takes one user");
	if (vu_user_name_check(argv[optind], &name_error) != VU_OK)
		return cli_fail(CLI_USAGE, "%s", name_error.message);
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (!yes && !confirmed(argv[optind]))
		return cli_fail(CLI_REJECT, "nothing was removed");
	if (voiceunlock_remove(client, argv[optind], &erased, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	printf("removed %s\n", argv[optind]);
	for (size_t i = 0; i < erased->count; i++)
		printf("  erased %s\n", cli_printable(erased->texts[i], printable, sizeof printable));
	voiceunlock_text_list_free(erased);
	say_what_stays();
	return CLI_OK;
}

const cli_verb CMD_REMOVE = {
    .name = "remove",
    .arguments = "USER [--yes]",
    .summary = "erase a user's templates",
    .help = "  -y, --yes  do not ask (a pipe is never asked)\n\n"
            "Says what was erased and what stays. Exit 5 when there is no such user.\n",
    .run = run,
};
