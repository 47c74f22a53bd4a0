/* cleanup [--aggressive] */
#include "output.h"
#include "verbs.h"

#include "base/config.h"

#include <jansson.h>

#define MB (1024.0 * 1024.0)

static json_t *as_json(const char *service, const voiceunlock_cleanup_result *result)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "name", service, "freed_bytes", (json_int_t)result->freed_bytes,
	                 "rss_before_bytes", (json_int_t)result->rss_before_bytes, "rss_after_bytes",
	                 (json_int_t)result->rss_after_bytes);
}

/* What came back is what the system sees, whatever the service thinks that it freed. */
static void print_one(const char *service, const voiceunlock_cleanup_result *result)
{
	double came_back = ((double)result->rss_before_bytes - (double)result->rss_after_bytes) / MB;

	printf("%-13s %6.1f MB now, %5.1f MB given back\n", service, (double)result->rss_after_bytes / MB,
	       came_back > 0 ? came_back : 0.0);
}

/* Every service is asked, whatever became of the one before; the exit code is that of the first that failed. */
static int clean_all(voiceunlock_client *client, bool aggressive, json_t *services)
{
	int exit_code = CLI_OK;

	for (int id = 0; id < VU_SERVICE_COUNT; id++) {
		const char *service = vu_service_name((vu_service_id)id);
		voiceunlock_cleanup_result result;
		voiceunlock_error error;
		if (voiceunlock_cleanup(client, service, aggressive, &result, &error) != VOICEUNLOCK_OK) {
			int code = cli_fail_error(&error);
			exit_code = exit_code == CLI_OK ? code : exit_code;
			/* A suite that is down is told once. */
			if (code == CLI_UNAVAILABLE && id == 0)
				return code;
		} else if (services) {
			json_array_append_new(services, as_json(service, &result));
		} else {
			print_one(service, &result);
		}
	}
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"aggressive", no_argument, NULL, 'a'},
	                                        {"json", no_argument, NULL, 'j'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool aggressive = false;
	bool json = false;
	json_t *services = NULL;
	voiceunlock_client *client;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":ajh", OPTIONS)) != -1) {
		switch (option) {
		case 'a':
			aggressive = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (optind < argc)
		return cli_usage(verb, "cleanup takes no argument");
	client = cli_connect(true, &exit_code);
	if (!client)
		return exit_code;
	if (json)
		services = json_array();
	exit_code = clean_all(client, aggressive, services);
	if (services) {
		int printed = output_print(json_pack("{s:o}", "services", services), stdout);
		exit_code = exit_code == CLI_OK ? printed : exit_code;
	}
	return exit_code;
}

const cli_verb CMD_CLEANUP = {
    .name = "cleanup",
    .arguments = "[--aggressive] [--json]",
    .summary = "give memory back now",
    .help = "Every process frees what it holds without need. What is in use stays, and what\n"
            "is freed is loaded again when it is wanted.\n\n"
            "  -a, --aggressive  also half of what is still of use\n"
            "  -j, --json        one JSON object\n",
    .run = run,
};
