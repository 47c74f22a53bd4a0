/*
 * OpenPAM's folders and launchd's property lists. Those in the agents' folder are
 * loaded at each login (RunAtLoad), so being there is being enabled.
 */
#include "platform/platform.h"

#include "platform/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL_OWN     "org.voiceunlock.suite"
#define LABEL_MACHINE "org.voiceunlock.machine"
#define LINE_SIZE     1024

const vu_platform_machine VU_PLATFORM_MACHINE = {
    .home = "/var/db/voice-unlock/state",
    .runtime = "/var/db/voice-unlock/run",
    .key_file = "/var/db/voice-unlock/keys/master.key",
    .config = "/etc/voice-unlock/config.yaml",
};

const char *const VU_PLATFORM_PAM_SERVICES[] = {"/etc/pam.d", NULL};
const char *const VU_PLATFORM_PAM_MODULES[] = {"/usr/lib/pam", "/usr/local/lib/pam", NULL};

/* The first string after ProgramArguments. Our own files have one element a line. */
static void read_program(vu_platform_unit *unit)
{
	FILE *file = fopen(unit->path, "re");
	char line[LINE_SIZE];
	bool next = false;

	while (file && !unit->program[0] && fgets(line, sizeof line, file)) {
		const char *text = strstr(line, "<string>/");
		next = next || strstr(line, "<key>ProgramArguments</key>");
		if (next && text)
			snprintf(unit->program, sizeof unit->program, "%.*s", (int)strcspn(text + 8, "<\n"),
			         text + 8);
	}
	if (file)
		fclose(file);
}

static void ask_manager(const char *target, vu_platform_unit *unit)
{
	char command[LINE_SIZE];
	char line[LINE_SIZE];
	FILE *answer;

	snprintf(command, sizeof command, "/bin/launchctl print %s 2>/dev/null", target);
	answer = popen(command, "r");
	unit->stale = true;
	while (answer && fgets(line, sizeof line, answer)) {
		unit->stale = false;
		if (strstr(line, "state = running"))
			unit->running = true;
	}
	unit->managed = answer != NULL;
	if (answer)
		pclose(answer);
}

void vu_platform_find_unit(bool machine, vu_platform_unit *out)
{
	char *home = machine ? NULL : vu_path_user_home();
	char target[128];

	memset(out, 0, sizeof *out);
	out->name = machine ? "LaunchDaemon" : "LaunchAgent";
	out->enable = machine ? "sudo launchctl bootstrap system /Library/LaunchDaemons/" LABEL_MACHINE ".plist"
	                      : "launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/" LABEL_OWN ".plist";
	out->reload = out->enable;
	out->explain = machine ? "launchctl print system/" LABEL_MACHINE : "launchctl print gui/$(id -u)/" LABEL_OWN;
	if (machine)
		snprintf(out->path, sizeof out->path, "/Library/LaunchDaemons/" LABEL_MACHINE ".plist");
	else
		snprintf(out->path, sizeof out->path, "%s/Library/LaunchAgents/" LABEL_OWN ".plist",
		         home ? home : "");
	free(home);
	if (access(out->path, F_OK) != 0) {
		out->path[0] = '\0';
		return;
	}
	out->enabled = true;
	read_program(out);
	if (machine)
		snprintf(target, sizeof target, "system/" LABEL_MACHINE);
	else
		snprintf(target, sizeof target, "gui/%lu/" LABEL_OWN, (unsigned long)getuid());
	ask_manager(target, out);
}

vu_status vu_platform_reload_units(bool machine, vu_error *error)
{
	(void)machine;
	return vu_fail(error, VU_FAILED_PRECONDITION,
	               "unable to have launchd read its files again: a running suite would be stopped for it");
}
