/* rotate-key, which is written in the audit log from here: models, which does it, has no access to that. */
#include "audit_note.h"
#include "verbs.h"

#include <limits.h>

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	voiceunlock_client *client;
	voiceunlock_error error;
	char key_path[PATH_MAX];
	char note[96];
	uint32_t templates = 0;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1)
		return option == 'h' ? cli_print_help(verb) : CLI_USAGE;
	if (optind < argc)
		return cli_usage(verb, "rotate-key takes no arguments");
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (voiceunlock_rotate_key(client, &templates, key_path, sizeof key_path, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	snprintf(note, sizeof note, "%u templates have a new master key", templates);
	cli_audit_note("rotate", note);
	printf("%u templates have a new master key, kept in %s\n"
	       "Copies of templates from before can no longer be opened: make new backups of both.\n",
	       templates, key_path);
	return CLI_OK;
}

const cli_verb CMD_ROTATE_KEY = {
    .name = "rotate-key",
    .arguments = "",
    .summary = "give all templates a new master key",
    .help = "Everybody stays enrolled. What was copied under the old key, in backups\n"
            "too, can never be opened again. Cut short, it goes on at the next start.\n",
    .run = run,
};
