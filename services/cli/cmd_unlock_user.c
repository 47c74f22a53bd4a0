/*
 * unlock-user USER. The suite obeys root alone, so whoever is not asks sudo:
 * that is the operating system's own way to find out who sits here, and -k
 * makes it ask even when it did a minute ago.
 */
#include "verbs.h"

#include "base/user_name.h"
#include "platform/platform.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns only when sudo cannot be started. */
static int ask_again_as_root(const char *user)
{
	char home[PATH_MAX + 32];
	char runtime[PATH_MAX + 32];
	char *home_folder = vu_platform_home_folder();
	char *runtime_folder = vu_platform_runtime_folder();
	char *program = vu_platform_executable_path();
	char name[VU_USER_NAME_MAX + 1];

	if (!home_folder || !runtime_folder || !program)
		return cli_fail(CLI_INTERNAL, "unable to unlock %s: out of memory", user);
	snprintf(home, sizeof home, "VOICE_UNLOCK_HOME=%s", home_folder);
	snprintf(runtime, sizeof runtime, "VOICE_UNLOCK_RUNTIME_DIR=%s", runtime_folder);
	snprintf(name, sizeof name, "%s", user);
	char *arguments[] = {(char *)(uintptr_t) "sudo",
	                     (char *)(uintptr_t) "-k",
	                     (char *)(uintptr_t) "--",
	                     (char *)(uintptr_t) "/usr/bin/env",
	                     home,
	                     runtime,
	                     program,
	                     (char *)(uintptr_t) "unlock-user",
	                     name,
	                     NULL};
	execv("/usr/bin/sudo", arguments);
	return cli_fail(CLI_PERMISSION,
	                "unable to unlock %s: only root may, and sudo is missing (%s); run this as root", user,
	                strerror(errno));
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	voiceunlock_client *client;
	voiceunlock_error error;
	vu_error name_error;
	bool was_locked = false;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1)
		return option == 'h' ? cli_print_help(verb) : CLI_USAGE;
	if (argc - optind != 1)
		return cli_usage(verb, "unlock-user takes one user");
	if (vu_user_name_check(argv[optind], &name_error) != VU_OK)
		return cli_fail(CLI_USAGE, "%s", name_error.message);
	if (geteuid() != 0)
		return ask_again_as_root(argv[optind]);
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (voiceunlock_unlock_user(client, argv[optind], &was_locked, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	printf("%s %s\n", argv[optind],
	       was_locked ? "is no longer locked" : "was not locked; failures are forgotten");
	return CLI_OK;
}

const cli_verb CMD_UNLOCK_USER = {
    .name = "unlock-user",
    .arguments = "USER",
    .summary = "clear a lockout, as root",
    .help = "Whoever is not root is asked for their password by sudo.\n",
    .run = run,
};
