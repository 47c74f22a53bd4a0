/* list [--json] [--unused DAYS] */
#include "format.h"
#include "output.h"
#include "verbs.h"

#include "base/clock.h"

#include <string.h>

#define DAY_US (86400ull * 1000000ull)

/* Moves users whose last use, or enrolment when they were never used, is at least so long ago to the front. */
static size_t sort_out_unused(voiceunlock_user_list *list, long days)
{
	uint64_t now_us = (uint64_t)vu_clock_wall_us();
	size_t unused = 0;

	for (size_t i = 0; i < list->count; i++) {
		voiceunlock_user user = list->users[i];
		uint64_t last_us = user.last_used_us ? user.last_used_us : user.enrolled_us;
		if (last_us < now_us && now_us - last_us >= (uint64_t)days * DAY_US) {
			list->users[i] = list->users[unused];
			list->users[unused++] = user;
		}
	}
	return unused;
}

/* "expires 2026-12-24": nobody uses it. */
static const char *expires_on(const voiceunlock_user *user, char text[FORMAT_MAX])
{
	char date[FORMAT_MAX];

	snprintf(text, FORMAT_MAX, "expires %.10s", format_time_iso(user->expires_us, date));
	return text;
}

static void print_users(const voiceunlock_user_list *list, bool unused)
{
	static const char *const HEADINGS[] = {"USER", ">SAMPLES", ">SIZE", "TEMPLATE", "LAST USED", "PATH"};
	format_table *table;
	char text[FORMAT_MAX];
	uint64_t now_us = (uint64_t)vu_clock_wall_us();

	if (list->count == 0) {
		if (unused)
			printf("nobody: everybody has been here since\n");
		else
			printf("nobody is enrolled\nnext: %s enroll NAME\n", CLI_NAME);
		return;
	}
	table = format_table_create(HEADINGS, sizeof HEADINGS / sizeof *HEADINGS);
	if (!table)
		return;
	for (size_t i = 0; i < list->count; i++) {
		const voiceunlock_user *user = &list->users[i];
		format_table_add(table, user->user);
		snprintf(text, sizeof text, "%u", user->samples);
		format_table_add(table, text);
		format_table_add(table, format_bytes(user->bytes, text));
		format_table_add(table, !user->present                                       ? "missing: enroll again"
		                        : !user->verified                                    ? "damaged: enroll again"
		                        : user->expires_us > 0 && user->expires_us <= now_us ? "expired: enroll again"
		                        : expires_soon(user, now_us)                         ? expires_on(user, text)
		                                                                             : "intact");
		format_table_add(table, format_time(user->last_used_us, text));
		format_table_add(table, user->path);
	}
	format_table_print(table, stdout);
	format_table_free(table);
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"json", no_argument, NULL, 'j'},
	                                        {"unused", required_argument, NULL, 'u'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool as_json = false;
	long unused_days = -1;
	voiceunlock_client *client;
	voiceunlock_user_list *list = NULL;
	voiceunlock_user_list shown; /* shares the users of `list` */
	voiceunlock_error error;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":ju:h", OPTIONS)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'u':
			if (!cli_parse_whole(verb, "--unused", optarg, 0, 36500, &unused_days))
				return CLI_USAGE;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (optind < argc)
		return cli_usage(verb, "list takes no arguments");
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (voiceunlock_list(client, &list, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	shown = *list;
	if (unused_days >= 0)
		shown.count = sort_out_unused(&shown, unused_days);
	if (as_json)
		exit_code = output_print(output_users(&shown), stdout);
	else
		print_users(&shown, unused_days >= 0);
	voiceunlock_user_list_free(list);
	return exit_code;
}

const cli_verb CMD_LIST = {
    .name = "list",
    .arguments = "[--json] [--unused DAYS]",
    .summary = "who is enrolled, and whether their templates are intact",
    .help = "  -j, --json         one JSON object\n"
            "  -u, --unused DAYS  only those who were not here for so many days\n",
    .run = run,
};
