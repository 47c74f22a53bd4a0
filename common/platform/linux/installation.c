/*
 * Linux-PAM's folders and systemd's units. systemd itself is asked where it runs;
 * what is enabled can be told by its links, also where it does not.
 */
#include "platform/platform.h"

#include "platform/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT      "voice-unlock.service"
#define SYSTEMCTL "/usr/bin/systemctl"
#define LINE_SIZE 1024

const vu_platform_machine VU_PLATFORM_MACHINE = {
    .home = "/var/lib/voice-unlock",
    .runtime = "/run/voice-unlock",
    .key_file = "/var/lib/voice-unlock-keys/master.key",
    .config = "/etc/voice-unlock/config.yaml",
};

const char *const VU_PLATFORM_PAM_SERVICES[] = {"/etc/pam.d", "/usr/lib/pam.d", NULL};
const char *const VU_PLATFORM_PAM_MODULES[] = {"/usr/lib/x86_64-linux-gnu/security",
                                               "/usr/lib/aarch64-linux-gnu/security",
                                               "/usr/lib/arm-linux-gnueabihf/security",
                                               "/usr/lib/riscv64-linux-gnu/security",
                                               "/usr/lib64/security",
                                               "/lib64/security",
                                               "/usr/lib/security",
                                               "/lib/security",
                                               NULL};

/* The first that there is of folder/UNIT; by systemd's order of precedence. */
static bool find_in(const char *folder, const char *name, char path[PATH_MAX])
{
	struct stat info;

	return folder && (size_t)snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX &&
	       lstat(path, &info) == 0;
}

static bool find_in_any(const char *const *folders, const char *own, const char *name, char path[PATH_MAX])
{
	if (find_in(own, name, path))
		return true;
	for (size_t i = 0; folders[i]; i++) {
		if (find_in(folders[i], name, path))
			return true;
	}
	path[0] = '\0';
	return false;
}

/* The caller frees. */
static char *own_folder(void)
{
	const char *config = vu_path_from_environment("XDG_CONFIG_HOME");
	char *home = config ? NULL : vu_path_user_home();
	char *path = config ? vu_path_join(config, "systemd/user")
	             : home ? vu_path_join(home, ".config/systemd/user")
	                    : NULL;

	free(home);
	return path;
}

static void read_program(vu_platform_unit *unit)
{
	FILE *file = fopen(unit->path, "re");
	char line[LINE_SIZE];

	while (file && fgets(line, sizeof line, file)) {
		if (strncmp(line, "ExecStart=/", 11) == 0)
			snprintf(unit->program, sizeof unit->program, "%.*s", (int)strcspn(line + 10, " \t\r\n"),
			         line + 10);
	}
	if (file)
		fclose(file);
}

static void ask_manager(const char *command, vu_platform_unit *unit)
{
	FILE *answer = popen(command, "re");
	char line[LINE_SIZE];

	while (answer && fgets(line, sizeof line, answer)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "ActiveState=active") == 0)
			unit->running = true;
		else if (strcmp(line, "ActiveState=failed") == 0)
			unit->failed = true;
		else if (strcmp(line, "NeedDaemonReload=yes") == 0 || strcmp(line, "LoadState=not-found") == 0)
			unit->stale = true;
		if (strncmp(line, "ActiveState=", 12) == 0)
			unit->managed = true;
	}
	if (answer)
		pclose(answer);
}

static bool manager_runs(bool machine)
{
	const char *runtime = vu_path_from_environment("XDG_RUNTIME_DIR");
	char path[PATH_MAX];

	if (machine)
		return access("/run/systemd/system", F_OK) == 0;
	return find_in(runtime, "systemd/private", path);
}

void vu_platform_find_unit(bool machine, vu_platform_unit *out)
{
	static const char *const SYSTEM[] = {"/etc/systemd/system",           "/run/systemd/system",
	                                     "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	                                     "/lib/systemd/system",           NULL};
	static const char *const USER[] = {"/etc/systemd/user", "/usr/local/lib/systemd/user",
	                                   "/usr/lib/systemd/user", NULL};
	char *own = machine ? NULL : own_folder();
	char wanted[PATH_MAX];

	memset(out, 0, sizeof *out);
	out->name = machine ? "system unit" : "user unit";
	out->enable = machine ? "systemctl enable --now voice-unlock" : "systemctl --user enable --now voice-unlock";
	out->reload = machine ? "systemctl daemon-reload" : "systemctl --user daemon-reload";
	out->explain = machine ? "journalctl -u voice-unlock" : "journalctl --user -u voice-unlock";
	if (find_in_any(machine ? SYSTEM : USER, own, UNIT, out->path)) {
		read_program(out);
		out->enabled =
		    find_in_any(machine ? SYSTEM : USER, own,
		                machine ? "multi-user.target.wants/" UNIT : "default.target.wants/" UNIT, wanted);
		if (manager_runs(machine))
			ask_manager(machine ? SYSTEMCTL " show -p LoadState -p ActiveState -p NeedDaemonReload " UNIT
			                                " 2>/dev/null"
			                    : SYSTEMCTL " --user show -p LoadState -p ActiveState -p "
			                                "NeedDaemonReload " UNIT " 2>/dev/null",
			            out);
	}
	free(own);
}

vu_status vu_platform_reload_units(bool machine, vu_error *error)
{
	int status = system(machine ? SYSTEMCTL " daemon-reload >/dev/null 2>&1"
	                            : SYSTEMCTL " --user daemon-reload >/dev/null 2>&1");

	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to have systemd read its units again");
	return VU_OK;
}
