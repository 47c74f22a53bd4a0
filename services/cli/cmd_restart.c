/* restart [SERVICE] */
#include "suite_control.h"
#include "verbs.h"

#include "base/config.h"

#include <string.h>

static int restart_service(const cli_verb *verb, const char *service)
{
	const char *names[VU_SERVICE_COUNT];
	int exit_code = CLI_OK;
	voiceunlock_client *client;
	voiceunlock_error error;
	voiceunlock_code code;
	uint64_t pid = 0;

	for (int id = 0; id < VU_SERVICE_COUNT; id++)
		names[id] = vu_service_name((vu_service_id)id);
	if (vu_service_by_name(service) == VU_SERVICE_COUNT) {
		cli_usage(verb, "there is no service '%s'", service);
		cli_suggest(service, names, VU_SERVICE_COUNT);
		return CLI_USAGE;
	}
	if (vu_service_by_name(service) == VU_SERVICE_SUPERVISOR)
		return cli_usage(verb, "the supervisor cannot restart itself; run: %s restart", CLI_NAME);
	client = cli_connect(true, &exit_code);
	if (!client)
		return exit_code;
	code = voiceunlock_restart_service(client, service, &pid, &error);
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	printf("%s is ready again as process %llu\n", service, (unsigned long long)pid);
	return CLI_OK;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int exit_code;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		return CLI_USAGE;
	}
	if (argc - optind > 1)
		return cli_usage(verb, "restart takes one service at a time");
	if (optind < argc)
		return restart_service(verb, argv[optind]);
	exit_code = suite_stop();
	return exit_code == CLI_OK ? suite_start(false) : exit_code;
}

const cli_verb CMD_RESTART = {
    .name = "restart",
    .arguments = "[SERVICE]",
    .summary = "restart the suite, or one service without disturbing the rest",
    .help = "SERVICE is capture, features, models, antispoof or orchestrator. Returns when it\n"
            "is ready again. Without one, the whole suite is stopped and started.\n",
    .run = run,
};
