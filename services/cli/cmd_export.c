/*
 * export USER FILE: everything that is stored about a person, readable, and no
 * key and no template: those are of no use to anybody but the suite, and who
 * has them can attack with them. The suite answers for templates, history and
 * lockout; the audit log and the habits are read from the state folder, which
 * only its owner and root can.
 */
#include "output.h"
#include "verbs.h"

#include "base/clock.h"
#include "base/user_name.h"
#include "format.h"
#include "platform/platform.h"
#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As much as `history` shows at most. */
#define ATTEMPTS_MAX 10000
#define DAY_S        86400

typedef struct audit_lines {
	const char *user;
	json_t *array;
} audit_lines;

static void take_audit_line(void *context, const char *text)
{
	const audit_lines *lines = context;
	json_t *line = json_loads(text, 0, NULL);
	const char *user = json_string_value(json_object_get(line, "user"));

	if (user && strcmp(user, lines->user) == 0)
		json_array_append(lines->array, line);
	json_decref(line);
}

/* The person's lines. NULL: unable, with the reason in `error`. */
static json_t *read_audit(const char *home, const char *user, vu_error *error)
{
	audit_lines lines = {.user = user, .array = json_array()};
	char folder[PATH_MAX];
	char key_path[PATH_MAX];
	vu_audit *audit = NULL;
	vu_audit_report report;
	vu_status status = VU_OK;

	if ((size_t)snprintf(folder, sizeof folder, "%s/audit", home) >= sizeof folder)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to read the audit log: its path is too long");
	if (status == VU_OK)
		status = vu_audit_key_path(home, key_path, sizeof key_path, error);
	if (status == VU_OK)
		status = vu_audit_create(folder, key_path, &audit, error);
	if (status == VU_OK)
		status = vu_audit_verify(audit, take_audit_line, NULL, &lines, &report, error);
	vu_audit_destroy(audit);
	if (status == VU_OK || status == VU_NOT_FOUND)
		return lines.array;
	json_decref(lines.array);
	return NULL;
}

/* The days whose bits are set, as dates. */
static void add_days(json_t *array, int64_t base, uint64_t days, unsigned first)
{
	char text[FORMAT_MAX];

	for (unsigned k = 0; k < 64; k++) {
		if (!(days >> k & 1))
			continue;
		format_time_iso((uint64_t)(base - first - k) * DAY_S * 1000000, text);
		json_array_append_new(array, json_stringn(text, strcspn(text, "T ")));
	}
}

/* When they came, by the quarter-hour of the day, as prediction remembers it. NULL: unable. */
static json_t *read_habits(const char *home, const char *user, vu_error *error)
{
	json_t *array = json_array();
	sqlite3 *database = NULL;
	sqlite3_stmt *rows = NULL;
	char path[PATH_MAX];
	int result = SQLITE_OK;

	if ((size_t)snprintf(path, sizeof path, "%s/models/prediction.db", home) >= sizeof path ||
	    access(path, F_OK) != 0)
		return array; /* nothing has been learned */
	result = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	if (result == SQLITE_OK) {
		sqlite3_busy_timeout(database, 2000);
		result = sqlite3_prepare_v2(database,
		                            "SELECT quarter, base, days0, days1 FROM slot JOIN person ON "
		                            "person.id = slot.person WHERE name = ? ORDER BY quarter",
		                            -1, &rows, NULL);
	}
	if (result == SQLITE_OK)
		sqlite3_bind_text(rows, 1, user, -1, SQLITE_STATIC);
	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		json_t *slot = json_object();
		json_t *days = json_array();
		char time[16];
		int quarter = sqlite3_column_int(rows, 0);
		result = SQLITE_OK;
		snprintf(time, sizeof time, "%02d:%02d", quarter / 4 % 24, quarter % 4 * 15);
		add_days(days, sqlite3_column_int64(rows, 1), (uint64_t)sqlite3_column_int64(rows, 2), 0);
		add_days(days, sqlite3_column_int64(rows, 1), (uint64_t)sqlite3_column_int64(rows, 3), 64);
		json_object_set_new(slot, "time", json_string(time));
		json_object_set_new(slot, "days", days);
		json_array_append_new(array, slot);
	}
	if (result != SQLITE_DONE) {
		vu_fail(error, VU_DATA_LOSS, "unable to read %s: %s", path, sqlite3_errmsg(database));
		json_decref(array);
		array = NULL;
	}
	sqlite3_finalize(rows);
	sqlite3_close(database);
	return array;
}

/* What models knows of them, or null. NULL: unable. */
static json_t *read_template(voiceunlock_client *client, const char *user, voiceunlock_error *error)
{
	voiceunlock_user_list *list = NULL;
	voiceunlock_user_list one = {.count = 1};
	json_t *json = NULL;

	if (voiceunlock_list(client, &list, error) != VOICEUNLOCK_OK)
		return NULL;
	for (size_t i = 0; i < list->count && !json; i++) {
		if (strcmp(list->users[i].user, user) != 0)
			continue;
		one.users = &list->users[i];
		json_t *all = output_users(&one);
		json = json_incref(json_array_get(json_object_get(all, "users"), 0));
		json_decref(all);
	}
	voiceunlock_user_list_free(list);
	return json ? json : json_null();
}

static json_t *read_history(voiceunlock_client *client, const char *user, voiceunlock_error *error)
{
	voiceunlock_history *history = NULL;
	json_t *all;
	json_t *attempts;

	if (voiceunlock_get_history(client, ATTEMPTS_MAX, user, &history, error) != VOICEUNLOCK_OK)
		return NULL;
	all = output_history(history);
	attempts = json_incref(json_object_get(all, "attempts"));
	json_decref(all);
	voiceunlock_history_free(history);
	return attempts;
}

static json_t *read_lockout(voiceunlock_client *client, const char *user)
{
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;
	json_t *json = json_null();

	if (voiceunlock_get_status(client, &suite, &error) != VOICEUNLOCK_OK)
		return json;
	for (size_t i = 0; i < suite->lockout_count; i++) {
		if (strcmp(suite->lockouts[i].user, user) != 0)
			continue;
		json = json_object();
		json_object_set_new(json, "remaining_s", json_integer((json_int_t)suite->lockouts[i].remaining_s));
		json_object_set_new(json, "failures", json_integer((json_int_t)suite->lockouts[i].failures));
	}
	voiceunlock_suite_free(suite);
	return json;
}

/* *exit_code_out tells why when it is NULL. */
static json_t *collect(voiceunlock_client *client, const char *user, int *exit_code_out)
{
	static const char NOTE[] =
	    "Voices are kept as numbers from which no speech can be heard again; they and the keys are not in this "
	    "file. The replay memory holds imprints of past attempts, under the ids in history and not by name.";
	char *home = vu_platform_home_folder();
	json_t *all = json_object();
	json_t *part = NULL;
	char now[FORMAT_MAX];
	voiceunlock_error error;
	vu_error own = {VU_OK, ""};

	json_object_set_new(all, "user", json_string(user));
	json_object_set_new(all, "exported", json_string(format_time_iso((uint64_t)vu_clock_wall_us(), now)));
	json_object_set_new(all, "purpose", json_string("to tell this person from others by voice, on this machine"));
	json_object_set_new(all, "note", json_string(NOTE));
	if ((part = read_template(client, user, &error)) == NULL)
		goto suite_failed;
	json_object_set_new(all, "template", part);
	json_object_set_new(all, "lockout", read_lockout(client, user));
	if ((part = read_history(client, user, &error)) == NULL)
		goto suite_failed;
	json_object_set_new(all, "history", part);
	if (!home || (part = read_habits(home, user, &own)) == NULL)
		goto failed;
	json_object_set_new(all, "habits", part);
	if ((part = read_audit(home, user, &own)) == NULL)
		goto failed;
	json_object_set_new(all, "audit", part);
	free(home);
	return all;
suite_failed:
	*exit_code_out = cli_fail_error(&error);
	json_decref(all);
	free(home);
	return NULL;
failed:
	*exit_code_out = cli_fail(CLI_PERMISSION, "%s", home ? own.message : "out of memory");
	json_decref(all);
	free(home);
	return NULL;
}

static bool is_nothing(const json_t *all)
{
	return json_is_null(json_object_get(all, "template")) && json_is_null(json_object_get(all, "lockout")) &&
	       json_array_size(json_object_get(all, "history")) == 0 &&
	       json_array_size(json_object_get(all, "habits")) == 0 &&
	       json_array_size(json_object_get(all, "audit")) == 0;
}

static int write_file(const json_t *all, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
	int exit_code = CLI_OK;

	if (!stream) {
		int saved = errno;
		if (fd >= 0)
			close(fd);
		return cli_fail(saved == EEXIST ? CLI_USAGE : CLI_PERMISSION, "unable to write %s: %s%s", path,
		                strerror(saved), saved == EEXIST ? "; choose a new name" : "");
	}
	if (json_dumpf(all, stream, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0 || fputc('\n', stream) == EOF ||
	    fflush(stream) != 0)
		exit_code = cli_fail(CLI_PERMISSION, "unable to write %s: %s", path, strerror(errno));
	if (fclose(stream) != 0 && exit_code == CLI_OK)
		exit_code = cli_fail(CLI_PERMISSION, "unable to write %s: %s", path, strerror(errno));
	if (exit_code != CLI_OK)
		unlink(path);
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	voiceunlock_client *client;
	vu_error name_error;
	json_t *all;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1)
		return option == 'h' ? cli_print_help(verb) : CLI_USAGE;
	if (argc - optind != 2)
		return cli_usage(verb, "export takes a user and a file");
	if (vu_user_name_check(argv[optind], &name_error) != VU_OK)
		return cli_fail(CLI_USAGE, "%s", name_error.message);
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	all = collect(client, argv[optind], &exit_code);
	if (!all)
		return exit_code;
	if (is_nothing(all))
		exit_code = cli_fail(CLI_NOT_ENROLLED, "nothing is stored about %s", argv[optind]);
	else
		exit_code = write_file(all, argv[optind + 1]);
	if (exit_code == CLI_OK)
		printf("%s: %zu attempts, %zu lines of the audit log%s\n", argv[optind + 1],
		       json_array_size(json_object_get(all, "history")),
		       json_array_size(json_object_get(all, "audit")),
		       json_is_null(json_object_get(all, "template")) ? ", no template" : "");
	json_decref(all);
	return exit_code;
}

const cli_verb CMD_EXPORT = {
    .name = "export",
    .arguments = "USER FILE",
    .summary = "everything that is stored about a person, without keys",
    .help = "Writes a new file, 0600, in JSON: enrolment, history, habits, lockout and audit lines.\n"
            "Lines of the audit log that were written with security.anonymize_logs have no name, and are not in it.\n"
            "Exit 5 when nothing is stored.\n",
    .run = run,
};
