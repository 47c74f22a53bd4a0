/* Each check looks at one thing, says what it found, and what to do when that is not right. */
#include "doctor_checks.h"

#include "cli.h"
#include "format.h"
#include "output.h"

#include "base/clock.h"
#include "platform/platform.h"
#include "store/audit.h"
#include "store/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEXT_MAX 1024
/* The pool of keys and opened templates. */
#define LOCKED_BYTES (6ull * 1024 * 1024)
/* Templates of a thousand users; below the second nothing can be written safely. */
#define DISK_MIND_BYTES    (128ull * 1024 * 1024)
#define DISK_PROBLEM_BYTES (16ull * 1024 * 1024)

static void add(const doctor_report *report, const char *name, doctor_result result, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(const doctor_report *report, const char *name, doctor_result result, const char *remedy,
                const char *format, ...)
{
	char detail[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	report->add(report->context, name, result, detail, remedy);
}

void doctor_check_config(const vu_config *config, const vu_error *load_error, const doctor_report *report)
{
	if (!config)
		add(report, "configuration", DOCTOR_PROBLEM,
		    "correct the file, or run: " CLI_NAME " configure KEY VALUE", "%s", load_error->message);
	else if (config->source_path)
		add(report, "configuration", DOCTOR_OK, "", "%s", config->source_path);
	else
		add(report, "configuration", DOCTOR_OK, "", "defaults; there is no file");
}

/* A folder that may not exist yet, but must be ours alone when it does. */
static void check_folder(const char *name, char *path, const doctor_report *report)
{
	struct stat info;
	char remedy[TEXT_MAX];

	if (!path) {
		add(report, name, DOCTOR_PROBLEM, "free memory", "out of memory");
		return;
	}
	if (stat(path, &info) != 0) {
		if (errno == ENOENT)
			add(report, name, DOCTOR_OK, "", "%s does not exist yet; it is made at the first start",
			    path);
		else
			add(report, name, DOCTOR_PROBLEM, "make it accessible to this user, or choose another folder",
			    "%s: %s", path, strerror(errno));
	} else if (!S_ISDIR(info.st_mode)) {
		snprintf(remedy, sizeof remedy, "move it away: mv %s %s.old", path, path);
		add(report, name, DOCTOR_PROBLEM, remedy, "%s is not a folder", path);
	} else if (info.st_uid != geteuid()) {
		add(report, name, DOCTOR_PROBLEM, "run as its owner, or choose another folder",
		    "%s belongs to user %lu", path, (unsigned long)info.st_uid);
	} else if ((info.st_mode & 0077) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod 700 %s", path);
		add(report, name, DOCTOR_PROBLEM, remedy, "%s is open to others (mode %04o)", path,
		    (unsigned)(info.st_mode & 07777));
	} else if (access(path, R_OK | W_OK | X_OK) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod 700 %s", path);
		add(report, name, DOCTOR_PROBLEM, remedy, "%s cannot be written", path);
	} else {
		add(report, name, DOCTOR_OK, "", "%s", path);
	}
	free(path);
}

/* Of ours alone, and never through a link: only what opens it to others is taken away, and only what the owner needs
 * given. */
static void repair_mode(const char *path, mode_t type, mode_t mode, const doctor_report *report)
{
	struct stat info;
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == type && info.st_uid == geteuid() &&
	    (info.st_mode & 0077) != 0) {
		if (fchmod(fd, mode) == 0)
			add(report, "repaired", DOCTOR_OK, "", "%s: mode %04o, was %04o", path, (unsigned)mode,
			    (unsigned)(info.st_mode & 07777));
		else
			add(report, "repaired", DOCTOR_MIND, "", "unable to change the mode of %s: %s", path,
			    strerror(errno));
	}
	close(fd);
}

void doctor_repair(const doctor_report *report)
{
	char *home = vu_platform_home_folder();
	char *runtime = vu_platform_runtime_folder();
	char path[PATH_MAX];

	repair_mode(home, S_IFDIR, 0700, report);
	repair_mode(runtime, S_IFDIR, 0700, report);
	if (home && vu_master_key_path(home, path, NULL) == VU_OK)
		repair_mode(path, S_IFREG, 0600, report);
	if (home && vu_audit_key_path(home, path, sizeof path, NULL) == VU_OK)
		repair_mode(path, S_IFREG, 0600, report);
	free(home);
	free(runtime);
}

void doctor_check_locked_memory(const doctor_report *report)
{
	struct rlimit limit;
	char text[FORMAT_MAX];

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	if (limit.rlim_max == RLIM_INFINITY || geteuid() == 0) {
		add(report, "locked memory", DOCTOR_OK, "", "as much as is needed");
		return;
	}
	format_bytes((uint64_t)limit.rlim_max, text);
	if (limit.rlim_max < LOCKED_BYTES)
		add(report, "locked memory", DOCTOR_MIND,
		    "raise it (LimitMEMLOCK= of the unit, or memlock in limits.conf), or encrypt the swap space",
		    "%s may be locked, so opened templates may be swapped to disk", text);
	else
		add(report, "locked memory", DOCTOR_OK, "", "%s may be locked", text);
}

void doctor_check_folders(const doctor_report *report)
{
	check_folder("state folder", vu_platform_home_folder(), report);
	check_folder("socket folder", vu_platform_runtime_folder(), report);
}

void doctor_check_confinement(const vu_config *config, const doctor_report *report)
{
	char text[TEXT_MAX];
	bool offered = vu_platform_confinement_offered(text, sizeof text);

	if (!config)
		return;
	if (config->security.confinement == VU_CONFINEMENT_OFF)
		add(report, "confinement", DOCTOR_MIND, "run: " CLI_NAME " configure security.confinement on",
		    "off: each service can reach all that you can");
	else if (offered)
		add(report, "confinement", DOCTOR_OK, "", "%s", text);
	else if (config->security.confinement == VU_CONFINEMENT_REQUIRED)
		add(report, "confinement", DOCTOR_PROBLEM, "run: " CLI_NAME " configure security.confinement on",
		    "%s", text);
	else
		add(report, "confinement", DOCTOR_MIND,
		    "use Linux 5.19 or newer with Landlock among its security modules", "%s", text);
}

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
		add(report, "master key", DOCTOR_PROBLEM, "", "%s", error.message);
		return;
	}
	if (file == VU_NOT_FOUND)
		place = choice.place;
	if (place > VU_KEY_PLACE_KEYCHAIN) {
		add(report, "master key", DOCTOR_PROBLEM, "install the version that made it, or a newer one",
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
		add(report, "master key", DOCTOR_OK, "", "%s is made at the first enrolment; %s", path, what);
	else if (choice.made && choice.place != place)
		add(report, "master key", DOCTOR_MIND,
		    "run: " CLI_NAME
		    " restart models; where it says that it cannot, the log in the state folder says why",
		    "%s is not yet where %s.place has it; %s", path, path, what);
	else
		add(report, "master key", DOCTOR_OK, "", "%s; %s", path, what);
}

void doctor_check_key(const doctor_report *report)
{
	char *home = vu_platform_home_folder();
	char path[PATH_MAX];
	struct stat info;
	char remedy[PATH_MAX + 32];
	vu_error error;

	if (!home || vu_master_key_path(home, path, &error) != VU_OK) {
		add(report, "master key", DOCTOR_PROBLEM, "", "%s", home ? error.message : "out of memory");
	} else if (lstat(path, &info) != 0) {
		if (errno == ENOENT)
			check_key_place(path, report);
		else
			add(report, "master key", DOCTOR_PROBLEM, "make it accessible to this user", "%s: %s", path,
			    strerror(errno));
	} else if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
		add(report, "master key", DOCTOR_PROBLEM, "restore it from a backup", "%s is not a file of this user",
		    path);
	} else if ((info.st_mode & 0077) != 0) {
		snprintf(remedy, sizeof remedy, "run: chmod 600 %s", path);
		add(report, "master key", DOCTOR_PROBLEM, remedy, "%s is open to others (mode %04o)", path,
		    (unsigned)(info.st_mode & 07777));
	} else {
		check_key_place(path, report);
	}
	free(home);
}

void doctor_check_disk(const doctor_report *report)
{
	char *path = vu_platform_home_folder();
	struct statvfs info;
	char free_text[FORMAT_MAX];
	uint64_t free_bytes;

	/* A folder that is still to be made will lie where its nearest parent does. */
	while (path && statvfs(path, &info) != 0) {
		char *slash = strrchr(path, '/');
		if (!slash || slash == path) {
			add(report, "disk", DOCTOR_MIND, "check the state folder", "%s: %s", path, strerror(errno));
			free(path);
			return;
		}
		*slash = '\0';
	}
	if (!path)
		return;
	free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
	format_bytes(free_bytes, free_text);
	if (free_bytes < DISK_PROBLEM_BYTES)
		add(report, "disk", DOCTOR_PROBLEM, "make room: templates and history cannot be written",
		    "%s free at %s", free_text, path);
	else if (free_bytes < DISK_MIND_BYTES)
		add(report, "disk", DOCTOR_MIND, "make room soon", "%s free at %s", free_text, path);
	else
		add(report, "disk", DOCTOR_OK, "", "%s free at %s", free_text, path);
	free(path);
}

void doctor_check_memory(const vu_config *config, const doctor_report *report)
{
	uint64_t total, available;
	char available_text[FORMAT_MAX];

	if (!config || vu_platform_machine_memory(&total, &available) != VU_OK)
		return;
	format_bytes(available, available_text);
	if (available / (1024 * 1024) < config->performance.max_memory_mb)
		add(report, "memory", DOCTOR_MIND, "lower performance.max_memory_mb, or close other programs",
		    "%s available, less than the %u MB that models may take", available_text,
		    config->performance.max_memory_mb);
	else
		add(report, "memory", DOCTOR_OK, "", "%s available, models may take %u MB", available_text,
		    config->performance.max_memory_mb);
}

static void check_service(voiceunlock_client *client, const voiceunlock_service *service, const doctor_report *report)
{
	voiceunlock_process process;
	voiceunlock_error error;
	voiceunlock_code code;
	char remedy[TEXT_MAX];
	bool is_elsewhere = strcmp(service->state, "remote") == 0;

	if (is_elsewhere)
		snprintf(
		    remedy, sizeof remedy,
		    "look after it there: services.%s.endpoints says where; certificates are in tls/ of the state "
		    "folder",
		    service->name);
	else
		snprintf(remedy, sizeof remedy, "run: %s restart %s; the log is in the state folder", CLI_NAME,
		         strcmp(service->name, "supervisor") == 0 ? "" : service->name);
	if (strcmp(service->health, "SERVING") != 0)
		add(report, service->name, DOCTOR_PROBLEM, remedy, "%s, %s%s%s", service->state, service->health,
		    service->reason[0] ? ": " : "", service->reason);
	else if (is_elsewhere)
		/* Other machines say whether they serve, and nothing of their processes. */
		add(report, service->name, DOCTOR_OK, "", "ready on another machine");
	else if ((code = voiceunlock_get_process(client, service->name, &process, &error)) ==
	         VOICEUNLOCK_UNIMPLEMENTED)
		/* The supervisor stands on less than its children do, and says nothing of itself. */
		add(report, service->name, DOCTOR_OK, "", "ready as process %llu", (unsigned long long)service->pid);
	else if (code != VOICEUNLOCK_OK)
		add(report, service->name, DOCTOR_PROBLEM, remedy, "%s", error.message);
	else if (strcmp(process.version, voiceunlock_version()) != 0)
		add(report, service->name, DOCTOR_PROBLEM, "run: " CLI_NAME " restart",
		    "it runs version %s, this is %s", process.version, voiceunlock_version());
	else if (service->restarts > 0)
		add(report, service->name, DOCTOR_MIND, "the log in the state folder says why",
		    "ready, after %u restarts%s%s", service->restarts, service->reason[0] ? ": " : "",
		    service->reason);
	else
		add(report, service->name, DOCTOR_OK, "", "ready as process %llu, %s",
		    (unsigned long long)service->pid, process.allocator);
}

bool doctor_check_suite(voiceunlock_client *client, const doctor_report *report)
{
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;

	if (voiceunlock_get_status(client, &suite, &error) != VOICEUNLOCK_OK) {
		/* The message names the remedy already. */
		add(report, "services", DOCTOR_PROBLEM, "", "%s", error.message);
		return false;
	}
	for (size_t i = 0; i < suite->service_count; i++)
		check_service(client, &suite->services[i], report);
	voiceunlock_suite_free(suite);
	return true;
}

void doctor_check_microphone(voiceunlock_client *client, const vu_config *config, const doctor_report *report)
{
	const char *wanted = config ? config->audio.device : "default";
	const char *found = NULL;
	voiceunlock_device_list *list = NULL;
	voiceunlock_error error;

	if (voiceunlock_list_devices(client, &list, &error) != VOICEUNLOCK_OK) {
		add(report, "microphone", DOCTOR_PROBLEM, "run: " CLI_NAME " restart capture", "%s", error.message);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(wanted, "default") == 0 ? list->devices[i].is_default
		                                   : strcmp(list->devices[i].name, wanted) == 0)
			found = list->devices[i].name;
	}
	if (list->count == 0)
		add(report, "microphone", DOCTOR_PROBLEM,
		    "plug one in, start the sound server, and allow access to the microphone", "there is none");
	else if (!found && strcmp(wanted, "default") == 0)
		add(report, "microphone", DOCTOR_PROBLEM, "choose one: " CLI_NAME " configure audio.device NAME",
		    "none of %zu devices is the default, for example %s", list->count, list->devices[0].name);
	else if (!found)
		add(report, "microphone", DOCTOR_PROBLEM,
		    "plug it in, or choose another: " CLI_NAME " configure audio.device NAME",
		    "'%s' is not there; %s is, of %zu", wanted, list->devices[0].name, list->count);
	else
		add(report, "microphone", DOCTOR_OK, "", "%s", found);
	voiceunlock_device_list_free(list);
}

void doctor_check_templates(voiceunlock_client *client, const doctor_report *report)
{
	voiceunlock_user_list *list = NULL;
	voiceunlock_error error;
	uint64_t now_us = (uint64_t)vu_clock_wall_us();
	size_t bad = 0;

	if (voiceunlock_list(client, &list, &error) != VOICEUNLOCK_OK) {
		add(report, "templates", DOCTOR_PROBLEM, "run: " CLI_NAME " status", "%s", error.message);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		const voiceunlock_user *user = &list->users[i];
		char remedy[TEXT_MAX];
		char date[FORMAT_MAX];
		if (user->present && user->verified && !expires_soon(user, now_us))
			continue;
		bad++;
		if (user->present && user->verified) {
			bool over = user->expires_us <= now_us;
			snprintf(remedy, sizeof remedy, "keep it: %s %s '%s'; or erase it: %s remove '%s'", CLI_NAME,
			         over ? "enroll --replace" : "test --user", user->user, CLI_NAME, user->user);
			add(report, "templates", DOCTOR_MIND, remedy,
			    over ? "that of %s, which nobody used for a year, has expired on %.10s"
			         : "that of %s, which nobody uses, expires on %.10s",
			    user->user, format_time_iso(user->expires_us, date));
			continue;
		}
		snprintf(remedy, sizeof remedy, "run: %s enroll --replace '%s'", CLI_NAME, list->users[i].user);
		add(report, "templates", DOCTOR_PROBLEM, remedy, "that of %s is %s", list->users[i].user,
		    list->users[i].present ? "damaged" : "missing");
	}
	if (list->count == 0)
		add(report, "templates", DOCTOR_MIND, "run: " CLI_NAME " enroll NAME", "nobody is enrolled");
	else if (bad == 0)
		add(report, "templates", DOCTOR_OK, "", "%zu, all intact", list->count);
	voiceunlock_user_list_free(list);
}
