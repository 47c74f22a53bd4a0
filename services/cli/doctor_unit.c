/* What starts the suite at the boot or the login. A suite that somebody starts by hand needs none. */
#include "doctor_checks.h"

#include "cli.h"

#include "platform/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root may have meant the other one. */
static void point_to_machine_suite(const doctor_report *report)
{
	vu_platform_unit unit;

	vu_platform_find_unit(true, &unit);
	if (geteuid() == 0 && unit.path[0] && unit.enabled)
		doctor_add(report, unit.name, DOCTOR_OK, "", "%s: look at that suite by %s --machine doctor",
		           unit.path, CLI_NAME);
}

void doctor_check_unit(const doctor_suite *suite, const doctor_report *report)
{
	vu_platform_unit unit;
	char remedy[DOCTOR_TEXT_MAX];
	struct stat info;

	if (!suite->machine)
		point_to_machine_suite(report);
	vu_platform_find_unit(suite->machine, &unit);
	if (!unit.path[0]) {
		doctor_add(report, unit.name, suite->machine ? DOCTOR_MIND : DOCTOR_OK,
		           suite->machine ? "run: scripts/install --machine" : "",
		           "there is none: the suite runs when somebody starts it");
	} else if (stat(unit.path, &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 0022) != 0 ||
	           (info.st_uid != 0 && (suite->machine || info.st_uid != suite->owner))) {
		snprintf(remedy, sizeof remedy,
		         "look at what it starts, then run: chown %s %.400s && chmod 644 %.400s",
		         suite->machine ? "root" : suite->user, unit.path, unit.path);
		doctor_add(report, unit.name, DOCTOR_PROBLEM, remedy, "%s could have been written by others",
		           unit.path);
	} else if (unit.program[0] && access(unit.program, X_OK) != 0) {
		doctor_add(report, unit.name, DOCTOR_PROBLEM,
		           "install the suite again (scripts/install), or remove the file",
		           "%s starts %s, which is not there", unit.path, unit.program);
	} else if (unit.managed && unit.stale) {
		snprintf(remedy, sizeof remedy, "run: %s", unit.reload);
		doctor_add(report, unit.name, DOCTOR_MIND, remedy, "%s is not what was loaded", unit.path);
	} else if (unit.failed) {
		snprintf(remedy, sizeof remedy, "the reason: %s", unit.explain);
		doctor_add(report, unit.name, DOCTOR_PROBLEM, remedy, "%s has failed", unit.path);
	} else if (!unit.enabled) {
		snprintf(remedy, sizeof remedy, "run: %s", unit.enable);
		doctor_add(report, unit.name, DOCTOR_MIND, remedy, "%s is not enabled: nothing starts it by itself",
		           unit.path);
	} else {
		doctor_add(report, unit.name, DOCTOR_OK, "", "%s, enabled%s", unit.path,
		           !unit.managed  ? ""
		           : unit.running ? ", running"
		                          : ", not running");
	}
}
