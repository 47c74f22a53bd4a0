/*
 * audit show|verify|export. Reads the log itself, so it works while the suite
 * is down, and needs nothing of it to be true.
 */
#include "verbs.h"

#include "platform/platform.h"
#include "store/audit.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct printing {
	FILE *lines;    /* may be NULL */
	FILE *findings; /* may be NULL */
} printing;

static void print_line(void *context, const char *text)
{
	const printing *to = context;
	fprintf(to->lines, "%s\n", text);
}

static void print_finding(void *context, const char *text)
{
	const printing *to = context;
	fprintf(to->findings, "%s\n", text);
}

static int read_log(printing *to, vu_audit_report *report)
{
	char *home = vu_platform_home_folder();
	char folder[PATH_MAX];
	char key_path[PATH_MAX];
	vu_audit *audit = NULL;
	vu_error error = {VU_OK, ""};
	vu_status status = VU_OK;
	int exit_code = CLI_OK;

	memset(report, 0, sizeof *report);
	if (!home || (size_t)snprintf(folder, sizeof folder, "%s/audit", home) >= sizeof folder)
		status = vu_fail(&error, VU_OUT_OF_RANGE, "unable to find the audit log: its path is too long");
	if (status == VU_OK)
		status = vu_audit_key_path(home, key_path, sizeof key_path, &error);
	if (status == VU_OK)
		status = vu_audit_create(folder, key_path, &audit, &error);
	if (status == VU_OK)
		status = vu_audit_verify(audit, to->lines ? print_line : NULL, to->findings ? print_finding : NULL,
		                         to, report, &error);
	if (status == VU_NOT_FOUND)
		fprintf(stderr, "nothing has been recorded yet\n");
	else if (status == VU_DATA_LOSS)
		exit_code = cli_fail(CLI_REJECT, "%s", error.message);
	else if (status != VU_OK)
		exit_code = cli_fail(CLI_PERMISSION, "%s", error.message);
	vu_audit_destroy(audit);
	free(home);
	return exit_code;
}

static int show(void)
{
	printing to = {.lines = stdout};
	vu_audit_report report;
	return read_log(&to, &report);
}

static int verify(void)
{
	printing to = {.findings = stdout};
	vu_audit_report report;
	int exit_code = read_log(&to, &report);

	if (exit_code != CLI_OK)
		return exit_code;
	if (report.findings > 0) {
		printf("%llu of %llu lines are not as they were written\n", (unsigned long long)report.findings,
		       (unsigned long long)report.lines);
		return CLI_REJECT;
	}
	printf("%llu lines, all as they were written\n", (unsigned long long)report.lines);
	return CLI_OK;
}

static int export_to(const char *path)
{
	printing to = {.findings = stderr};
	vu_audit_report report;
	int exit_code;

	to.lines = fopen(path, "wxe");
	if (!to.lines)
		return cli_fail(CLI_PERMISSION, "unable to write %s: %s", path, strerror(errno));
	exit_code = read_log(&to, &report);
	if (fclose(to.lines) != 0)
		return cli_fail(CLI_PERMISSION, "unable to write %s: %s", path, strerror(errno));
	if (exit_code == CLI_OK && report.findings > 0)
		exit_code = CLI_REJECT;
	return exit_code;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1)
		return option == 'h' ? cli_print_help(verb) : CLI_USAGE;
	if (argc - optind == 1 && strcmp(argv[optind], "show") == 0)
		return show();
	if (argc - optind == 1 && strcmp(argv[optind], "verify") == 0)
		return verify();
	if (argc - optind == 2 && strcmp(argv[optind], "export") == 0)
		return export_to(argv[optind + 1]);
	return cli_usage(verb, "audit takes show, verify, or export FILE");
}

const cli_verb CMD_AUDIT = {
    .name = "audit",
    .arguments = "show|verify|export FILE",
    .summary = "the tamper-evident log",
    .help = "  show         every line, as JSON\n"
            "  verify       whether lines were edited, deleted, reordered or cut off, and where\n"
            "  export FILE  all lines into a new file\n\n"
            "Exit 1 when something is not as it was written.\n",
    .run = run,
};
