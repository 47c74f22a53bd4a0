/*
 * What PAM is configured to do with pam_voice_unlock.so: whether the module is
 * where libpam looks, nobody but root can have changed it or what it executes,
 * and the password is still asked for, after it. Nothing is executed.
 */
#include "doctor_checks.h"

#include "base/file.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE     "pam_voice_unlock.so"
#define HELPER     "/vu-pam-helper"
#define LINE_MAX_  1024
#define MODULE_MAX (4u << 20)
#define WORDS      3

/* What one file says, as far as it concerns us. Line numbers from 1; 0: there is none. */
typedef struct pam_file {
	int line;
	int password_before;
	int password_after;
	char type[16];
	char control[LINE_MAX_];
	char module[LINE_MAX_];
} pam_file;

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Modules and files that ask for a password, or for what stands for one. */
static bool asks_password(const char *control, const char *module)
{
	static const char *const MODULES[] = {"pam_unix.so",        "pam_opendirectory.so", "pam_sss.so",
	                                      "pam_ldap.so",        "pam_krb5.so",          "pam_winbind.so",
	                                      "pam_systemd_home.so"};
	static const char *const FILES[] = {"common-auth", "system-auth", "password-auth", "system-login", "login"};

	for (size_t i = 0; i < sizeof MODULES / sizeof *MODULES; i++) {
		if (strcmp(base_name(module), MODULES[i]) == 0)
			return true;
	}
	if (strcmp(control, "include") != 0 && strcmp(control, "substack") != 0)
		return false;
	for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
		if (strcmp(base_name(module), FILES[i]) == 0)
			return true;
	}
	return false;
}

/* type, control ([…] is one word) and module of a line; false when there are fewer. Changes the line. */
static bool split(char *line, char *words[WORDS])
{
	char *at = line;

	at[strcspn(at, "#\r\n")] = '\0';
	for (int i = 0; i < WORDS; i++) {
		at += strspn(at, " \t");
		if (!*at)
			return false;
		words[i] = at;
		at += *at == '[' ? strcspn(at, "]") : strcspn(at, " \t");
		if (*at == ']')
			at++;
		if (*at)
			*at++ = '\0';
	}
	return true;
}

/*
 * The next line with those that a backslash at the end joins to it; what is too
 * long is cut. Counts them; *number_out is where it begins. False at the end.
 */
static bool read_line(FILE *file, char line[LINE_MAX_], int *count, int *number_out)
{
	size_t used = 0;
	int byte;
	int before = 0;

	*number_out = *count + 1;
	while ((byte = getc(file)) != EOF) {
		if (byte == '\n') {
			++*count;
			if (before != '\\')
				break;
			if (used > 0 && used < LINE_MAX_ - 1)
				line[used - 1] = ' ';
		} else if (used < LINE_MAX_ - 1) {
			line[used++] = (char)byte;
		}
		before = byte;
	}
	line[used] = '\0';
	return used > 0 || byte != EOF;
}

static void read_file(FILE *file, pam_file *out)
{
	char line[LINE_MAX_];
	char *words[WORDS];
	int count = 0;
	int number;

	memset(out, 0, sizeof *out);
	while (read_line(file, line, &count, &number)) {
		bool password;
		if (strncmp(line, "@include", 8) == 0) {
			char name[LINE_MAX_];
			password = sscanf(line + 8, " %1023s", name) == 1 && asks_password("include", name);
		} else if (!split(line, words)) {
			continue;
		} else if (strcmp(base_name(words[2]), MODULE) == 0) {
			if (out->line == 0) {
				out->line = number;
				snprintf(out->type, sizeof out->type, "%s", words[0] + (words[0][0] == '-'));
				snprintf(out->control, sizeof out->control, "%s", words[1]);
				snprintf(out->module, sizeof out->module, "%s", words[2]);
			}
			continue;
		} else {
			password =
			    strcmp(words[0] + (words[0][0] == '-'), "auth") == 0 && asks_password(words[1], words[2]);
		}
		if (password && out->line == 0 && out->password_before == 0)
			out->password_before = number;
		if (password && out->line != 0 && out->password_after == 0)
			out->password_after = number;
	}
}

/* "" or why others than root could have changed it, or it cannot be used. */
static void find_fault(const char *path, uid_t owner, bool executed, char fault[DOCTOR_TEXT_MAX],
                       char remedy[DOCTOR_TEXT_MAX])
{
	struct stat info;

	fault[0] = '\0';
	snprintf(remedy, DOCTOR_TEXT_MAX, "install the suite again (scripts/install --machine)");
	if (stat(path, &info) != 0) {
		snprintf(fault, DOCTOR_TEXT_MAX, "%.900s: %s", path, strerror(errno));
	} else if (!S_ISREG(info.st_mode)) {
		snprintf(fault, DOCTOR_TEXT_MAX, "%.900s is not a file", path);
	} else if (info.st_uid != owner || (info.st_mode & 0022) != 0) {
		snprintf(fault, DOCTOR_TEXT_MAX,
		         "%.800s could have been changed by others than %s (owner %lu, mode %04o)", path,
		         owner == 0 ? "root" : "its owner", (unsigned long)info.st_uid,
		         (unsigned)(info.st_mode & 07777));
	} else if (executed && ((info.st_mode & 0111) != 0111 || (info.st_mode & 06000) != 0)) {
		snprintf(fault, DOCTOR_TEXT_MAX, "%.900s has mode %04o", path, (unsigned)(info.st_mode & 07777));
		snprintf(remedy, DOCTOR_TEXT_MAX, "run: chmod 755 %.900s", path);
	}
}

/* What the module was built to execute stands in it. */
static bool read_helper_path(const char *module, char path[PATH_MAX])
{
	char *data = malloc(MODULE_MAX);
	FILE *file = fopen(module, "rb");
	size_t bytes = data && file ? fread(data, 1, MODULE_MAX, file) : 0;
	bool found = false;

	for (size_t at = 0; !found && at + sizeof HELPER <= bytes; at++) {
		size_t begin = at;
		if (memcmp(data + at, HELPER, sizeof HELPER) != 0)
			continue;
		while (begin > 0 && data[begin - 1] > ' ' && data[begin - 1] < 0x7f)
			begin--;
		found = data[begin] == '/' && at - begin + sizeof HELPER <= PATH_MAX;
		if (found)
			memcpy(path, data + begin, at - begin + sizeof HELPER);
	}
	if (file)
		fclose(file);
	free(data);
	return found;
}

static bool find_module(const char *name, const doctor_pam_places *places, char path[PATH_MAX])
{
	if (name[0] == '/') {
		snprintf(path, PATH_MAX, "%s", name);
		return true;
	}
	for (size_t i = 0; places->modules[i]; i++) {
		if ((size_t)snprintf(path, PATH_MAX, "%s/%s", places->modules[i], name) < PATH_MAX &&
		    access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void check_service(const char *name, const pam_file *file, const doctor_pam_places *places,
                          const doctor_report *report)
{
	char label[64];
	char module[PATH_MAX];
	char helper[PATH_MAX] = "";
	char fault[DOCTOR_TEXT_MAX];
	char remedy[DOCTOR_TEXT_MAX];

	snprintf(label, sizeof label, "PAM %.40s", name);
	if (strcmp(file->type, "auth") != 0) {
		doctor_add(report, label, DOCTOR_PROBLEM, "write: auth sufficient " MODULE,
		           "line %d has the module for '%s'; it can authenticate only", file->line, file->type);
		return;
	}
	if (!find_module(file->module, places, module)) {
		doctor_add(report, label, DOCTOR_PROBLEM,
		           "write the module's whole path; it was installed as lib/security/" MODULE,
		           "line %d: %s is in none of the folders where libpam looks", file->line, file->module);
		return;
	}
	find_fault(module, places->owner, false, fault, remedy);
	if (!fault[0] && !read_helper_path(module, helper)) {
		snprintf(fault, sizeof fault, "%.900s is not the module of this suite", module);
	} else if (!fault[0]) {
		find_fault(helper, places->owner, true, fault, remedy);
	}
	if (fault[0])
		doctor_add(report, label, DOCTOR_PROBLEM, remedy, "line %d: %s", file->line, fault);
	else if (strcmp(file->control, "sufficient") != 0 && file->control[0] != '[')
		doctor_add(report, label, DOCTOR_PROBLEM, "write: auth sufficient " MODULE,
		           "line %d: '%s' lets nobody in whom it does not know by voice, password or not", file->line,
		           file->control);
	else if (file->password_before)
		doctor_add(report, label, DOCTOR_MIND, "move the line to before that of the password",
		           "line %d asks for the password before line %d for the voice", file->password_before,
		           file->line);
	else if (!file->password_after && strcmp(name, "sudo_local") != 0)
		doctor_add(report, label, DOCTOR_MIND, "let the password's line follow",
		           "after line %d no password is asked for: whoever cannot be heard stays outside",
		           file->line);
	else
		doctor_add(report, label, DOCTOR_OK, "", "line %d, %s", file->line, module);
}

void doctor_check_pam(const doctor_suite *suite, const doctor_pam_places *places, const doctor_report *report)
{
	const doctor_pam_places system_places = {VU_PLATFORM_PAM_SERVICES, VU_PLATFORM_PAM_MODULES, 0};
	unsigned found = 0;

	if (!places)
		places = &system_places;
	for (size_t i = 0; places->services[i]; i++) {
		DIR *folder = opendir(places->services[i]);
		const struct dirent *entry;
		while (folder && (entry = readdir(folder))) {
			char path[PATH_MAX];
			pam_file content;
			FILE *file;
			/* What an editor or a package left beside it is no service. */
			if (entry->d_name[0] == '.' || strchr(entry->d_name, '~') ||
			    strstr(entry->d_name, ".dpkg-") ||
			    (size_t)snprintf(path, sizeof path, "%s/%s", places->services[i], entry->d_name) >=
			        sizeof path)
				continue;
			file = fopen(path, "r");
			if (!file)
				continue;
			read_file(file, &content);
			fclose(file);
			if (content.line == 0)
				continue;
			found++;
			check_service(entry->d_name, &content, places, report);
		}
		if (folder)
			closedir(folder);
	}
	if (found == 0 && suite->machine && suite->pam_wanted)
		doctor_add(report, "PAM", DOCTOR_MIND, "see man pam_voice_unlock",
		           "system.mode wants it, but no file in %s names " MODULE, places->services[0]);
	else if (found > 0 && suite->machine && !suite->pam_wanted)
		doctor_add(report, "PAM", DOCTOR_MIND,
		           "set system.mode to pam or both in the machine's configuration",
		           "system.mode is screensaver: PAM opens nothing by voice");
	else if (found == 0)
		doctor_add(report, "PAM", DOCTOR_OK, "", "no file in %s names " MODULE ": it opens nothing",
		           places->services[0]);
}
