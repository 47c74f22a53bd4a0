/*
 * Folders, sockets and keys. Root looks at those of the machine suite with the
 * eyes of its owner, so that nothing of his leads root anywhere; only what
 * belongs to root by mistake is given back with root's rights, by descriptor.
 */
#include "doctor_checks.h"

#include "cli.h"

#include "platform/platform.h"
#include "store/audit.h"
#include "store/master_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As the installation makes it (deploy/sysusers). */
#define MACHINE_USER "_voiceunlock"
/* What serves the other users of the machine. */
#define FRONT_SOCKET "orchestrator.sock"

void doctor_find_suite(const vu_config *config, doctor_suite *out)
{
	const struct passwd *user;
	char *home = vu_platform_home_folder();
	struct stat info;

	out->machine = config && config->system.machine;
	out->pam_wanted = config && config->system.mode != VU_MODE_SCREENSAVER;
	out->owner = geteuid();
	if (out->machine && out->owner == 0) {
		user = getpwnam(MACHINE_USER);
		if (user)
			out->owner = user->pw_uid;
		/* Installed under another user, which is then the folder's. */
		else if (home && lstat(home, &info) == 0 && S_ISDIR(info.st_mode))
			out->owner = info.st_uid;
	}
	user = getpwuid(out->owner);
	if (user)
		snprintf(out->user, sizeof out->user, "%s", user->pw_name);
	else
		snprintf(out->user, sizeof out->user, "%lu", (unsigned long)out->owner);
	free(home);
}

/* false after telling that it cannot be done. */
static bool become(uid_t uid, const doctor_report *report)
{
	if (geteuid() == uid || seteuid(uid) == 0)
		return true;
	doctor_add(report, "user", DOCTOR_PROBLEM, "", "unable to act as user %lu: %s", (unsigned long)uid,
	           strerror(errno));
	return false;
}

/* A folder that may not exist yet, but must be ours alone when it does. */
static void check_folder(const char *name, char *path, mode_t open_to_all, const doctor_suite *suite,
                         const doctor_report *report)
{
	struct stat info;
	char remedy[DOCTOR_TEXT_MAX];

	if (!path) {
		doctor_add(report, name, DOCTOR_PROBLEM, "free memory", "out of memory");
		return;
	}
	if (stat(path, &info) != 0) {
		if (errno == ENOENT)
			doctor_add(report, name, DOCTOR_OK, "",
			           "%s does not exist yet; it is made at the first start", path);
		else
			doctor_add(report, name, DOCTOR_PROBLEM,
			           "make it accessible to this user, or choose another folder", "%s: %s", path,
			           strerror(errno));
	} else if (!S_ISDIR(info.st_mode)) {
		snprintf(remedy, sizeof remedy, "move it away: mv %s %s.old", path, path);
		doctor_add(report, name, DOCTOR_PROBLEM, remedy, "%s is not a folder", path);
	} else if (info.st_uid != geteuid()) {
		snprintf(remedy, sizeof remedy, "run: chown %s %s", suite->user, path);
		doctor_add(report, name, DOCTOR_PROBLEM,
		           suite->machine ? remedy : "run as its owner, or choose another folder",
		           "%s belongs to user %lu%s%s", path, (unsigned long)info.st_uid,
		           suite->machine ? ", not to " : "", suite->machine ? suite->user : "");
	} else if ((info.st_mode & 0077 & ~open_to_all) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod %03o %s", (unsigned)(0700 | open_to_all), path);
		doctor_add(report, name, DOCTOR_PROBLEM, remedy, "%s is open to others (mode %04o)", path,
		           (unsigned)(info.st_mode & 07777));
	} else if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod 700 %s", path);
		doctor_add(report, name, DOCTOR_PROBLEM, remedy, "%s cannot be written", path);
	} else {
		doctor_add(report, name, DOCTOR_OK, "", suite->machine ? "%s, of %s" : "%s", path, suite->user);
	}
	free(path);
}

void doctor_check_folders(const doctor_suite *suite, const doctor_report *report)
{
	uid_t own = geteuid();

	if (!become(suite->owner, report))
		return;
	check_folder("state folder", vu_platform_home_folder(), 0, suite, report);
	/* Others may go through to the front's socket, and look at nothing. */
	check_folder("socket folder", vu_platform_runtime_folder(), suite->machine ? 0011 : 0, suite, report);
	become(own, report);
}

/* ---- sockets ---- */

static bool is_socket_name(const char *name)
{
	size_t length = strlen(name);
	return length > 5 && strcmp(name + length - 5, ".sock") == 0;
}

static mode_t socket_mode(const doctor_suite *suite, const char *name)
{
	return suite->machine && strcmp(name, FRONT_SOCKET) == 0 ? 0666 : 0600;
}

typedef void (*on_socket)(const doctor_suite *suite, int folder, const char *name, const struct stat *info,
                          const doctor_report *report);

/* Returns how many there are. */
static unsigned each_socket(const doctor_suite *suite, on_socket visit, const doctor_report *report)
{
	char *path = vu_platform_runtime_folder();
	DIR *folder = path ? opendir(path) : NULL;
	const struct dirent *entry;
	struct stat info;
	unsigned count = 0;

	while (folder && (entry = readdir(folder))) {
		if (!is_socket_name(entry->d_name) ||
		    fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		count++;
		visit(suite, dirfd(folder), entry->d_name, &info, report);
	}
	if (folder)
		closedir(folder);
	free(path);
	return count;
}

static bool is_right_socket(const doctor_suite *suite, const char *name, const struct stat *info)
{
	return S_ISSOCK(info->st_mode) && info->st_uid == suite->owner &&
	       (info->st_mode & 0777 & ~socket_mode(suite, name)) == 0;
}

static void check_socket(const doctor_suite *suite, int folder, const char *name, const struct stat *info,
                         const doctor_report *report)
{
	char remedy[DOCTOR_TEXT_MAX];

	(void)folder;
	if (is_right_socket(suite, name, info))
		return;
	snprintf(remedy, sizeof remedy, "run: %s doctor --repair, or %s restart", CLI_NAME, CLI_NAME);
	if (!S_ISSOCK(info->st_mode))
		doctor_add(report, "sockets", DOCTOR_PROBLEM, "remove it", "%s is no socket", name);
	else if (info->st_uid != suite->owner)
		doctor_add(report, "sockets", DOCTOR_PROBLEM, "remove it, and restart the suite",
		           "%s belongs to user %lu, not to %s", name, (unsigned long)info->st_uid, suite->user);
	else
		doctor_add(report, "sockets", DOCTOR_PROBLEM, remedy, "%s is open to others (mode %04o)", name,
		           (unsigned)(info->st_mode & 07777));
}

static void count_wrong(const doctor_suite *suite, int folder, const char *name, const struct stat *info,
                        const doctor_report *report)
{
	(void)folder;
	*(unsigned *)report->context += !is_right_socket(suite, name, info);
}

void doctor_check_sockets(const doctor_suite *suite, const doctor_report *report)
{
	uid_t own = geteuid();
	unsigned wrong = 0;
	doctor_report counter = {.add = NULL, .context = &wrong};
	unsigned count;

	if (!become(suite->owner, report))
		return;
	count = each_socket(suite, count_wrong, &counter);
	if (wrong > 0)
		each_socket(suite, check_socket, report);
	else if (count > 0)
		doctor_add(report, "sockets", DOCTOR_OK, "", "%u, of %s alone%s", count, suite->user,
		           suite->machine ? "; any user may ask " FRONT_SOCKET " for himself" : "");
	become(own, report);
}

/* ---- the master key ---- */

/* What of a place can be told without its secret, which models alone gets. */
static void check_key_place(const char *path, const doctor_report *report)
{
	static const char *const WHAT[] = {
	    [VU_KEY_PLACE_FILE] =
	        "it protects copies of the state folder, not against who takes this disk with the key on "
	        "it: encrypt the disk",
	    [VU_KEY_PLACE_CREDENTIAL] =
	        "sealed by a credential of systemd that a TPM of this machine holds: the disk "
	        "alone opens nothing, root on this machine still does",
	    [VU_KEY_PLACE_KEYCHAIN] =
	        "sealed by a secret in the Keychain of this Mac: the disk without the login password "
	        "opens nothing, whoever is logged in as you still does",
	};
	const char *what;
	vu_key_place place = VU_KEY_PLACE_FILE;
	vu_key_choice choice;
	vu_error error;
	vu_status status = vu_key_place_chosen(path, &choice, &error);
	vu_status file = status == VU_OK ? vu_master_key_place_of(path, &place, &error) : status;

	if (status != VU_OK || (file != VU_OK && file != VU_NOT_FOUND)) {
		doctor_add(report, "master key", DOCTOR_PROBLEM, "", "%s", error.message);
		return;
	}
	if (file == VU_NOT_FOUND)
		place = choice.place;
	if (place > VU_KEY_PLACE_KEYCHAIN) {
		doctor_add(report, "master key", DOCTOR_PROBLEM, "install the version that made it, or a newer one",
		           "%s is sealed by what this version does not know", path);
		return;
	}
	what = WHAT[place];
	if (place == VU_KEY_PLACE_CREDENTIAL && choice.made && choice.place == place && !choice.tpm)
		what = "sealed by a credential of systemd, but without a TPM: what opens it, "
		       "/var/lib/systemd/credential.secret, is on the same disk, so it protects copies of the keys "
		       "and the state folder, not against who takes this disk: encrypt the disk";
	else if (place == VU_KEY_PLACE_CREDENTIAL && (!choice.made || choice.place != place))
		what = "sealed by a credential of systemd";
	if (file == VU_NOT_FOUND)
		doctor_add(report, "master key", DOCTOR_OK, "", "%s is made at the first enrolment; %s", path, what);
	else if (choice.made && choice.place != place)
		doctor_add(report, "master key", DOCTOR_MIND,
		           "run: " CLI_NAME
		           " restart models; where it says that it cannot, the log in the state folder says why",
		           "%s is not yet where %s.place has it; %s", path, path, what);
	else
		doctor_add(report, "master key", DOCTOR_OK, "", "%s; %s", path, what);
}

static void check_key(const doctor_suite *suite, const doctor_report *report)
{
	char *home = vu_platform_home_folder();
	char path[PATH_MAX];
	struct stat info;
	char remedy[PATH_MAX + 32];
	vu_error error;

	if (!home || vu_master_key_path(home, path, &error) != VU_OK) {
		doctor_add(report, "master key", DOCTOR_PROBLEM, "", "%s", home ? error.message : "out of memory");
	} else if (lstat(path, &info) != 0) {
		if (errno == ENOENT)
			check_key_place(path, report);
		else
			doctor_add(report, "master key", DOCTOR_PROBLEM, "make it accessible to this user", "%s: %s",
			           path, strerror(errno));
	} else if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
		doctor_add(report, "master key", DOCTOR_PROBLEM,
		           "restore it from a backup, or give it back to its owner", "%s is not a file of %s", path,
		           suite->user);
	} else if ((info.st_mode & 0077) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod 600 %s", path);
		doctor_add(report, "master key", DOCTOR_PROBLEM, remedy, "%s is open to others (mode %04o)", path,
		           (unsigned)(info.st_mode & 07777));
	} else {
		check_key_place(path, report);
	}
	free(home);
}

void doctor_check_key(const doctor_suite *suite, const doctor_report *report)
{
	uid_t own = geteuid();

	if (!become(suite->owner, report))
		return;
	check_key(suite, report);
	become(own, report);
}

/* ---- putting right ---- */

/* As root: what root made there by mistake is the owner's again. Not what has another name elsewhere. */
static void give_back(const char *path, const doctor_suite *suite, const doctor_report *report)
{
	struct stat info;
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && info.st_uid == 0 &&
	    (S_ISDIR(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink == 1))) {
		if (fchown(fd, suite->owner, (gid_t)-1) == 0)
			doctor_add(report, "repaired", DOCTOR_OK, "", "%s belongs to %s, was root's", path,
			           suite->user);
		else
			doctor_add(report, "repaired", DOCTOR_MIND, "", "unable to give %s to %s: %s", path,
			           suite->user, strerror(errno));
	}
	close(fd);
}

static void say_mode(const char *path, mode_t mode, mode_t before, bool done, const doctor_report *report)
{
	if (done)
		doctor_add(report, "repaired", DOCTOR_OK, "", "%s: mode %04o, was %04o", path, (unsigned)mode,
		           (unsigned)(before & 07777));
	else
		doctor_add(report, "repaired", DOCTOR_MIND, "", "unable to change the mode of %s: %s", path,
		           strerror(errno));
}

/* Of the owner's alone, and never through a link: only what opens it to others is taken away. */
static void repair_mode(const char *path, mode_t type, mode_t mode, const doctor_report *report)
{
	struct stat info;
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == type && info.st_uid == geteuid() &&
	    (info.st_mode & 0077 & ~mode) != 0)
		say_mode(path, mode, info.st_mode, fchmod(fd, mode) == 0, report);
	close(fd);
}

static void repair_socket(const doctor_suite *suite, int folder, const char *name, const struct stat *info,
                          const doctor_report *report)
{
	mode_t mode = socket_mode(suite, name);

	/* The folder is the owner's, and so are we: nobody else can put a link there in between. */
	if (S_ISSOCK(info->st_mode) && info->st_uid == suite->owner && (info->st_mode & 0777 & ~mode) != 0)
		say_mode(name, mode, info->st_mode, fchmodat(folder, name, mode, 0) == 0, report);
}

void doctor_repair(const doctor_suite *suite, const doctor_report *report)
{
	char *home = vu_platform_home_folder();
	char *runtime = vu_platform_runtime_folder();
	char key[PATH_MAX] = "";
	char place[PATH_MAX + 8] = "";
	char audit_key[PATH_MAX] = "";
	vu_platform_unit unit;
	uid_t own = geteuid();

	if (home && vu_master_key_path(home, key, NULL) == VU_OK)
		snprintf(place, sizeof place, "%s.place", key);
	else
		key[0] = '\0';
	if (!home || vu_audit_key_path(home, audit_key, sizeof audit_key, NULL) != VU_OK)
		audit_key[0] = '\0';
	if (own == 0 && suite->owner != 0) {
		const char *const PATHS[] = {home, runtime, key, place, audit_key};
		for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
			give_back(PATHS[i], suite, report);
	}
	if (become(suite->owner, report)) {
		repair_mode(home, S_IFDIR, 0700, report);
		repair_mode(runtime, S_IFDIR, suite->machine ? 0711 : 0700, report);
		repair_mode(key, S_IFREG, 0600, report);
		repair_mode(place, S_IFREG, 0600, report);
		repair_mode(audit_key, S_IFREG, 0600, report);
		each_socket(suite, repair_socket, report);
		become(own, report);
	}
	vu_platform_find_unit(suite->machine, &unit);
	if (unit.managed && unit.stale && vu_platform_reload_units(suite->machine, NULL) == VU_OK)
		doctor_add(report, "repaired", DOCTOR_OK, "", "%s was read again: %s", unit.path, unit.reload);
	free(home);
	free(runtime);
}
