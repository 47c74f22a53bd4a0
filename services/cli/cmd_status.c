/* status [--json] [--watch] */
#include "format.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

#include <string.h>
#include <time.h>

static terminal_colour colour_of(const voiceunlock_service *service)
{
	if (strcmp(service->health, "SERVING") == 0)
		return TERMINAL_GREEN;
	if (strcmp(service->state, "starting") == 0 || strcmp(service->state, "backoff") == 0)
		return TERMINAL_YELLOW;
	return TERMINAL_RED;
}

static void print_services(const voiceunlock_suite *suite, FILE *out)
{
	static const char *const HEADINGS[] = {"SERVICE",   ">PID",    "STATE",  "HEALTH",
	                                       ">RESTARTS", ">MEMORY", ">LIMIT", ">UP"};
	format_table *table = format_table_create(HEADINGS, sizeof HEADINGS / sizeof *HEADINGS);
	char text[FORMAT_MAX];

	if (!table)
		return;
	for (size_t i = 0; i < suite->service_count; i++) {
		const voiceunlock_service *service = &suite->services[i];
		format_table_add(table, service->name);
		snprintf(text, sizeof text, "%llu", (unsigned long long)service->pid);
		format_table_add(table, service->pid ? text : "-");
		format_table_add(table, service->state);
		format_table_add(table, service->health);
		snprintf(text, sizeof text, "%u", service->restarts);
		format_table_add(table, text);
		format_table_add(table, service->pid ? format_bytes(service->rss_bytes, text) : "-");
		format_table_add(table, service->limit_bytes ? format_bytes(service->limit_bytes, text) : "-");
		format_table_add(table, service->pid ? format_duration(service->uptime_s, text) : "-");
	}
	format_table_print(table, out);
	format_table_free(table);
	for (size_t i = 0; i < suite->service_count; i++) {
		const voiceunlock_service *service = &suite->services[i];
		char reason[512];
		if (service->reason[0] && colour_of(service) != TERMINAL_GREEN)
			fprintf(out, "%s%s%s: %s\n", terminal_colour_code(out, colour_of(service)), service->name,
			        terminal_colour_code(out, TERMINAL_PLAIN),
			        cli_printable(service->reason, reason, sizeof reason));
	}
}

static void print_rest(const voiceunlock_suite *suite, FILE *out)
{
	char first[FORMAT_MAX], second[FORMAT_MAX], name[128], why[128];

	if (!suite->complete) {
		fprintf(out, "\nThe orchestrator does not answer: memory, users and lockouts are not known.\n");
		return;
	}
	fprintf(out, "\nmodel memory  %s of %s\n", format_bytes(suite->model_server_rss_bytes, first),
	        format_bytes(suite->max_bytes, second));
	for (size_t i = 0; i < suite->cache_count; i++) {
		const voiceunlock_cache *cache = &suite->caches[i];
		uint64_t asked = cache->hits + cache->misses;
		fprintf(out, "cache         %s: %llu items, %s, %s hits\n", cache->name,
		        (unsigned long long)cache->items, format_bytes(cache->bytes, first),
		        asked ? format_percent((double)cache->hits / (double)asked, second) : "no");
	}
	fprintf(out, "users         %u enrolled\n", suite->users);
	for (size_t i = 0; i < suite->lockout_count; i++)
		fprintf(out, "%slocked%s        %s for another %s, after %u failures\n",
		        terminal_colour_code(out, TERMINAL_RED), terminal_colour_code(out, TERMINAL_PLAIN),
		        cli_printable(suite->lockouts[i].user, name, sizeof name),
		        format_duration((double)suite->lockouts[i].remaining_s, first), suite->lockouts[i].failures);
	for (size_t i = 0; i < suite->expected_count; i++)
		fprintf(out, "expected      %s (%.0f %%): %s\n",
		        cli_printable(suite->expected[i].user, name, sizeof name), suite->expected[i].p * 100.0,
		        cli_printable(suite->expected[i].reason, why, sizeof why));
	if (suite->users == 0)
		fprintf(out, "next: %s enroll NAME\n", CLI_NAME);
}

static void print_suite(const voiceunlock_suite *suite, FILE *out)
{
	char text[FORMAT_MAX];

	fprintf(out, "%s%s%s, up %s\n\n", terminal_colour_code(out, suite->ready ? TERMINAL_GREEN : TERMINAL_YELLOW),
	        suite->ready ? "ready" : "not ready", terminal_colour_code(out, TERMINAL_PLAIN),
	        format_duration(suite->uptime_s, text));
	print_services(suite, out);
	print_rest(suite, out);
}

/* One look; with `as_json` a suite that is down is an object too, as scripts like it. */
static int show(voiceunlock_client *client, bool as_json, bool again)
{
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;
	voiceunlock_code code = voiceunlock_get_status(client, &suite, &error);
	int exit_code = CLI_OK;

	if (again && !as_json)
		fputs("\033[H\033[2J", stdout);
	if (code != VOICEUNLOCK_OK) {
		voiceunlock_suite nothing = {.ready = false};
		if (as_json)
			output_print(output_suite(&nothing), stdout);
		return cli_fail_error(&error);
	}
	if (as_json)
		exit_code = output_print(output_suite(suite), stdout);
	else
		print_suite(suite, stdout);
	voiceunlock_suite_free(suite);
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"json", no_argument, NULL, 'j'},
	                                        {"watch", no_argument, NULL, 'w'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool as_json = false, watch = false;
	voiceunlock_client *client;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":jwh", OPTIONS)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'w':
			watch = true;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (optind < argc)
		return cli_usage(verb, "status takes no arguments");
	client = cli_connect(true, &exit_code);
	if (!client)
		return exit_code;
	do {
		exit_code = show(client, as_json, watch && terminal_is(stdout));
		if (watch) {
			struct timespec pause = {.tv_sec = 1};
			if (fflush(stdout) != 0)
				return exit_code;
			nanosleep(&pause, NULL);
		}
	} while (watch);
	return exit_code;
}

const cli_verb CMD_STATUS = {
    .name = "status",
    .arguments = "[--json] [--watch]",
    .summary = "processes, health, memory, users, lockouts",
    .help = "  -j, --json   one JSON object\n"
            "  -w, --watch  again every second, until Ctrl-C\n\n"
            "Exit 0 when the suite answers, 7 when it is not running.\n",
    .run = run,
};
