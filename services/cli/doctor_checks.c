/* Each check looks at one thing, says what it found, and what to do when that is not right. */
#include "doctor_checks.h"

#include "cli.h"
#include "format.h"
#include "output.h"

#include "base/clock.h"
#include "platform/platform.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The pool of keys and opened templates. */
#define LOCKED_BYTES (6ull * 1024 * 1024)
/* Templates of a thousand users; below the second nothing can be written safely. */
#define DISK_MIND_BYTES    (128ull * 1024 * 1024)
#define DISK_PROBLEM_BYTES (16ull * 1024 * 1024)

void doctor_add(const doctor_report *report, const char *name, doctor_result result, const char *remedy,
                const char *format, ...)
{
	char detail[DOCTOR_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	report->add(report->context, name, result, detail, remedy);
}

void doctor_check_config(const vu_config *config, const vu_error *load_error, const doctor_report *report)
{
	if (!config)
		doctor_add(report, "configuration", DOCTOR_PROBLEM,
		           "correct the file, or run: " CLI_NAME " configure KEY VALUE", "%s", load_error->message);
	else if (config->source_path)
		doctor_add(report, "configuration", DOCTOR_OK, "", "%s", config->source_path);
	else
		doctor_add(report, "configuration", DOCTOR_OK, "", "defaults; there is no file");
}

void doctor_check_locked_memory(const doctor_report *report)
{
	struct rlimit limit;
	char text[FORMAT_MAX];

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	if (limit.rlim_max == RLIM_INFINITY || geteuid() == 0) {
		doctor_add(report, "locked memory", DOCTOR_OK, "", "as much as is needed");
		return;
	}
	format_bytes((uint64_t)limit.rlim_max, text);
	if (limit.rlim_max < LOCKED_BYTES)
		doctor_add(
		    report, "locked memory", DOCTOR_MIND,
		    "raise it (LimitMEMLOCK= of the unit, or memlock in limits.conf), or encrypt the swap space",
		    "%s may be locked, so opened templates may be swapped to disk", text);
	else
		doctor_add(report, "locked memory", DOCTOR_OK, "", "%s may be locked", text);
}

void doctor_check_confinement(const vu_config *config, const doctor_report *report)
{
	char text[DOCTOR_TEXT_MAX];
	bool offered = vu_platform_confinement_offered(text, sizeof text);

	if (!config)
		return;
	if (config->security.confinement == VU_CONFINEMENT_OFF)
		doctor_add(report, "confinement", DOCTOR_MIND, "run: " CLI_NAME " configure security.confinement on",
		           "off: each service can reach all that you can");
	else if (offered)
		doctor_add(report, "confinement", DOCTOR_OK, "", "%s", text);
	else if (config->security.confinement == VU_CONFINEMENT_REQUIRED)
		doctor_add(report, "confinement", DOCTOR_PROBLEM,
		           "run: " CLI_NAME " configure security.confinement on", "%s", text);
	else
		doctor_add(report, "confinement", DOCTOR_MIND,
		           "use Linux 5.19 or newer with Landlock among its security modules", "%s", text);
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
			doctor_add(report, "disk", DOCTOR_MIND, "check the state folder", "%s: %s", path,
			           strerror(errno));
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
		doctor_add(report, "disk", DOCTOR_PROBLEM, "make room: templates and history cannot be written",
		           "%s free at %s", free_text, path);
	else if (free_bytes < DISK_MIND_BYTES)
		doctor_add(report, "disk", DOCTOR_MIND, "make room soon", "%s free at %s", free_text, path);
	else
		doctor_add(report, "disk", DOCTOR_OK, "", "%s free at %s", free_text, path);
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
		doctor_add(report, "memory", DOCTOR_MIND, "lower performance.max_memory_mb, or close other programs",
		           "%s available, less than the %u MB that models may take", available_text,
		           config->performance.max_memory_mb);
	else
		doctor_add(report, "memory", DOCTOR_OK, "", "%s available, models may take %u MB", available_text,
		           config->performance.max_memory_mb);
}

static void check_service(voiceunlock_client *client, const voiceunlock_service *service, const doctor_report *report)
{
	voiceunlock_process process;
	voiceunlock_error error;
	voiceunlock_code code;
	char remedy[DOCTOR_TEXT_MAX];
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
		doctor_add(report, service->name, DOCTOR_PROBLEM, remedy, "%s, %s%s%s", service->state,
		           service->health, service->reason[0] ? ": " : "", service->reason);
	else if (is_elsewhere)
		/* Other machines say whether they serve, and nothing of their processes. */
		doctor_add(report, service->name, DOCTOR_OK, "", "ready on another machine");
	else if ((code = voiceunlock_get_process(client, service->name, &process, &error)) ==
	         VOICEUNLOCK_UNIMPLEMENTED)
		/* The supervisor stands on less than its children do, and says nothing of itself. */
		doctor_add(report, service->name, DOCTOR_OK, "", "ready as process %llu",
		           (unsigned long long)service->pid);
	else if (code != VOICEUNLOCK_OK)
		doctor_add(report, service->name, DOCTOR_PROBLEM, remedy, "%s", error.message);
	else if (strcmp(process.version, voiceunlock_version()) != 0)
		doctor_add(report, service->name, DOCTOR_PROBLEM, "run: " CLI_NAME " restart",
		           "it runs version %s, this is %s", process.version, voiceunlock_version());
	else if (service->restarts > 0)
		doctor_add(report, service->name, DOCTOR_MIND, "the log in the state folder says why",
		           "ready, after %u restarts%s%s", service->restarts, service->reason[0] ? ": " : "",
		           service->reason);
	else
		doctor_add(report, service->name, DOCTOR_OK, "", "ready as process %llu, %s",
		           (unsigned long long)service->pid, process.allocator);
}

bool doctor_check_suite(voiceunlock_client *client, const doctor_report *report)
{
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;

	if (voiceunlock_get_status(client, &suite, &error) != VOICEUNLOCK_OK) {
		/* The message names the remedy already. */
		doctor_add(report, "services", DOCTOR_PROBLEM, "", "%s", error.message);
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
		doctor_add(report, "microphone", DOCTOR_PROBLEM, "run: " CLI_NAME " restart capture", "%s",
		           error.message);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(wanted, "default") == 0 ? list->devices[i].is_default
		                                   : strcmp(list->devices[i].name, wanted) == 0)
			found = list->devices[i].name;
	}
	if (list->count == 0)
		doctor_add(report, "microphone", DOCTOR_PROBLEM,
		           "plug one in, start the sound server, and allow access to the microphone",
		           "there is none");
	else if (!found && strcmp(wanted, "default") == 0)
		doctor_add(report, "microphone", DOCTOR_PROBLEM,
		           "choose one: " CLI_NAME " configure audio.device NAME",
		           "none of %zu devices is the default, for example %s", list->count, list->devices[0].name);
	else if (!found)
		doctor_add(report, "microphone", DOCTOR_PROBLEM,
		           "plug it in, or choose another: " CLI_NAME " configure audio.device NAME",
		           "'%s' is not there; %s is, of %zu", wanted, list->devices[0].name, list->count);
	else
		doctor_add(report, "microphone", DOCTOR_OK, "", "%s", found);
	voiceunlock_device_list_free(list);
}

void doctor_check_templates(voiceunlock_client *client, const doctor_report *report)
{
	voiceunlock_user_list *list = NULL;
	voiceunlock_error error;
	uint64_t now_us = (uint64_t)vu_clock_wall_us();
	size_t bad = 0;

	if (voiceunlock_list(client, &list, &error) != VOICEUNLOCK_OK) {
		doctor_add(report, "templates", DOCTOR_PROBLEM, "run: " CLI_NAME " status", "%s", error.message);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		const voiceunlock_user *user = &list->users[i];
		char remedy[DOCTOR_TEXT_MAX];
		char date[FORMAT_MAX];
		if (user->present && user->verified && !expires_soon(user, now_us))
			continue;
		bad++;
		if (user->present && user->verified) {
			bool over = user->expires_us <= now_us;
			snprintf(remedy, sizeof remedy, "keep it: %s %s '%s'; or erase it: %s remove '%s'", CLI_NAME,
			         over ? "enroll --replace" : "test --user", user->user, CLI_NAME, user->user);
			doctor_add(report, "templates", DOCTOR_MIND, remedy,
			           over ? "that of %s, which nobody used for a year, has expired on %.10s"
			                : "that of %s, which nobody uses, expires on %.10s",
			           user->user, format_time_iso(user->expires_us, date));
			continue;
		}
		snprintf(remedy, sizeof remedy, "run: %s enroll --replace '%s'", CLI_NAME, list->users[i].user);
		doctor_add(report, "templates", DOCTOR_PROBLEM, remedy, "that of %s is %s", list->users[i].user,
		           list->users[i].present ? "damaged" : "missing");
	}
	if (list->count == 0)
		doctor_add(report, "templates", DOCTOR_MIND, "run: " CLI_NAME " enroll NAME", "nobody is enrolled");
	else if (bad == 0)
		doctor_add(report, "templates", DOCTOR_OK, "", "%zu, all intact", list->count);
	voiceunlock_user_list_free(list);
}
