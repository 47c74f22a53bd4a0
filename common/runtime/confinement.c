/*
 * What each service may reach, so that whoever takes one over has gained little:
 *
 *   capture       the microphone and the sound server; no file of the suite
 *   features      the background model, to read
 *   antispoof     its detectors, to read; its replay memory
 *   models        templates, prediction, the master key's folder
 *   orchestrator  history, metrics, audit; listens on the loopback
 *
 * All of them: libraries, /proc and /sys to read, the configuration to read,
 * their socket. Nobody sees the microphone but capture, and nobody templates
 * and keys but models.
 *
 * A service under a supervisor is confined; one that was started by hand, to
 * look into it, is not. Places follow from the configuration as it was at the
 * start: when a new one asks for others, the service wants to be restarted.
 *
 * The configuration's folder is granted, so that a new file in place of the old
 * one can be read, unless the master key lies in it; then the file alone is.
 */
#include "runtime/internal.h"

#include "base/allocator.h"
#include "base/file.h"
#include "base/log.h"
#include "platform/platform.h"
#include "store/audit.h"
#include "store/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES_MAX 64

struct vu_confined {
	vu_confinement confinement;
	vu_place places[PLACES_MAX];
	char *paths[PLACES_MAX];
};

static const char *const SYSTEM_PLACES[] = {
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/sys",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/group",
    "/etc/timezone",
    "/etc/ssl",
    "/etc/nsswitch.conf",
};

/* Relative paths of the user's own folder and of $XDG_RUNTIME_DIR that sound libraries use. */
static const char *const SOUND_OF_USER[] = {".config/pulse", ".config/alsa",  ".config/pipewire", ".asoundrc",
                                            ".pulse",        ".pulse-cookie", ".local/state/alsa"};
static const char *const SOUND_OF_SESSION[] = {"pulse", "pipewire-0", "pipewire-0.lock"};
static const char *const SOUND_OF_SYSTEM[] = {"/etc/alsa",     "/etc/asound.conf", "/etc/pulse",
                                              "/etc/pipewire", "/etc/machine-id",  "/var/lib/dbus/machine-id",
                                              "/run/pulse",    "/var/run/pulse"};

/* Variables that name files of sound libraries. */
static const char *const SOUND_BY_VARIABLE[] = {"PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "PULSE_COOKIE",
                                                "PULSE_CLIENTCONFIG", "ALSA_CONFIG_PATH"};

/* In full or not at all: a place that does not fit is missed and told by the error of who wants it. */
static void add(vu_confined *confined, unsigned may, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(vu_confined *confined, unsigned may, const char *format, ...)
{
	vu_confinement *c = &confined->confinement;
	char path[PATH_MAX];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(path, sizeof path, format, arguments);
	va_end(arguments);
	if (length <= 0 || length >= (int)sizeof path || c->place_count == PLACES_MAX)
		return;
	confined->paths[c->place_count] = strdup(path);
	if (!confined->paths[c->place_count])
		return;
	confined->places[c->place_count] = (vu_place){confined->paths[c->place_count], may};
	c->place_count++;
}

static void cut_name(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash && slash != path)
		*slash = '\0';
}

static void add_configuration(vu_confined *confined, const char *key_path)
{
	char *path = vu_config_default_path();
	char key_folder[PATH_MAX];

	snprintf(key_folder, sizeof key_folder, "%s", key_path);
	cut_name(key_folder);
	if (path) {
		add(confined, VU_MAY_READ, "%s", path);
		cut_name(path);
		if (strcmp(path, key_folder) != 0)
			add(confined, VU_MAY_READ, "%s", path);
	}
	free(path);
	add(confined, VU_MAY_READ, "/etc/voice-unlock");
}

/*
 * Only the orchestrator removes and renames files where the sockets are: the
 * others make theirs, once, and cannot put it in place of anybody else's.
 */
static void add_socket(vu_confined *confined, const vu_runtime *runtime)
{
	bool whole = runtime->definition->id == VU_SERVICE_ORCHESTRATOR;
	vu_placement placement;
	vu_error error;

	add(confined, VU_MAY_READ | (whole ? VU_MAY_WRITE : VU_MAY_MAKE), "%s", runtime->folder);
	if (vu_runtime_placement(runtime, runtime->definition->id, &placement, &error) == VU_OK)
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s.lock", placement.local.path);
}

static void add_programs_folder(vu_confined *confined)
{
	char *path = vu_platform_executable_path();

	if (!path)
		return;
	cut_name(path);
	add(confined, VU_MAY_READ | VU_MAY_RUN, "%s", path);
	cut_name(path);
	add(confined, VU_MAY_READ, "%s/share/voice-unlock", path);
	free(path);
}

static void add_sound(vu_confined *confined)
{
	const unsigned all = VU_MAY_READ | VU_MAY_WRITE | VU_MAY_CONTROL;
	const char *home = getenv("HOME");
	const char *session = getenv("XDG_RUNTIME_DIR");

	confined->confinement.sound = true;
	add(confined, all, "/dev/snd");
	add(confined, all, "/dev/shm");
	for (size_t i = 0; i < sizeof SOUND_OF_SYSTEM / sizeof *SOUND_OF_SYSTEM; i++)
		add(confined, VU_MAY_READ, "%s", SOUND_OF_SYSTEM[i]);
	for (size_t i = 0; home && i < sizeof SOUND_OF_USER / sizeof *SOUND_OF_USER; i++)
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s/%s", home, SOUND_OF_USER[i]);
	for (size_t i = 0; session && i < sizeof SOUND_OF_SESSION / sizeof *SOUND_OF_SESSION; i++)
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s/%s", session, SOUND_OF_SESSION[i]);
	for (size_t i = 0; i < sizeof SOUND_BY_VARIABLE / sizeof *SOUND_BY_VARIABLE; i++) {
		const char *given = getenv(SOUND_BY_VARIABLE[i]);
		if (given && given[0] == '/')
			add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s", given);
	}
}

static void add_models(vu_confined *confined, const vu_runtime *runtime, const vu_config *config,
                       const char *key_path)
{
	char folder[PATH_MAX];
	vu_key_choice choice;
	vu_error ignored;

	confined->confinement.links = true;
	/* A choice that cannot be read is told by who opens the key. */
	confined->confinement.secrets =
	    vu_key_place_chosen(key_path, &choice, &ignored) == VU_OK && choice.place == VU_KEY_PLACE_KEYCHAIN;
	/* What the key is sealed by, where systemd gave it to the suite. */
	if (vu_key_place_credential_path(folder))
		add(confined, VU_MAY_READ, "%s", folder);
	snprintf(folder, sizeof folder, "%s", key_path);
	cut_name(folder);
	add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s", folder);
	add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s/templates", runtime->home);
	for (unsigned i = 0; i < config->ml.loader_count; i++) {
		const vu_loader_config *loader = &config->ml.loaders[i];
		add(confined, VU_MAY_READ, "%s", loader->path ? loader->path : loader->object);
		if (!loader->object)
			continue;
		/* vu-loader-host takes a copy of it in there; it inherits all of this. */
		confined->confinement.programs = true;
		snprintf(folder, sizeof folder, "%s", loader->object);
		cut_name(folder);
		add(confined, VU_MAY_READ, "%s", folder);
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "/tmp");
		add(confined, VU_MAY_RUN, "/lib");
		add(confined, VU_MAY_RUN, "/lib64");
		add(confined, VU_MAY_RUN, "/usr/lib");
	}
}

static void add_orchestrator(vu_confined *confined, const vu_runtime *runtime, const vu_config *config,
                             const char *key_path)
{
	if (config->security.audit) {
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s/audit", runtime->home);
		add(confined, VU_MAY_READ, "%s.audit", key_path);
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s.audit.head", key_path);
	}
	confined->confinement.internet = true;
	confined->confinement.listens = true;
	confined->confinement.links = true;
}

/* Whether a peer of this service, or it itself, may be on another machine. */
static bool has_remote_endpoint(const vu_config *config)
{
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		for (unsigned i = 0; i < config->endpoints[id].count; i++) {
			if (strncmp(config->endpoints[id].uris[i], "ipc:", 4) != 0)
				return true;
		}
	}
	return false;
}

static vu_confined *plan(const vu_runtime *runtime, const vu_config *config)
{
	vu_confined *confined = calloc(1, sizeof *confined);
	const vu_service_id id = runtime->definition->id;
	char key_path[PATH_MAX] = "";

	if (!confined)
		return NULL;
	confined->confinement.name = runtime->name;
	confined->confinement.places = confined->places;
	if (vu_master_key_path(runtime->home, key_path, NULL) != VU_OK)
		key_path[0] = '\0';
	for (size_t i = 0; i < sizeof SYSTEM_PLACES / sizeof *SYSTEM_PLACES; i++)
		add(confined, VU_MAY_READ, "%s", SYSTEM_PLACES[i]);
	add(confined, VU_MAY_READ | VU_MAY_WRITE, "/dev/null");
	add(confined, VU_MAY_READ, "/dev/urandom");
	add_programs_folder(confined);
	add_configuration(confined, key_path);
	add_socket(confined, runtime);
	if (runtime->state_folder)
		add(confined, VU_MAY_READ | VU_MAY_WRITE, "%s", runtime->state_folder);
	if (has_remote_endpoint(config)) {
		confined->confinement.internet = true;
		confined->confinement.dials = true;
		confined->confinement.listens = true;
		add(confined, VU_MAY_READ, "%s/tls", runtime->home);
		add(confined, VU_MAY_READ, "/etc/resolv.conf");
		add(confined, VU_MAY_READ, "/etc/hosts");
	}
	if (config->ml.background_model && (id == VU_SERVICE_FEATURES || id == VU_SERVICE_MODELS)) {
		char folder[PATH_MAX];
		snprintf(folder, sizeof folder, "%s", config->ml.background_model);
		cut_name(folder);
		add(confined, VU_MAY_READ, "%s", folder);
	}
	if (id == VU_SERVICE_CAPTURE)
		add_sound(confined);
	else if (id == VU_SERVICE_MODELS)
		add_models(confined, runtime, config, key_path);
	else if (id == VU_SERVICE_ORCHESTRATOR)
		add_orchestrator(confined, runtime, config, key_path);
	return confined;
}

static void discard(vu_confined *confined)
{
	if (!confined)
		return;
	for (size_t i = 0; i < confined->confinement.place_count; i++)
		free(confined->paths[i]);
	free(confined);
}

static bool is_same(const vu_confined *a, const vu_confined *b)
{
	const vu_confinement *x = &a->confinement;
	const vu_confinement *y = &b->confinement;

	if (x->place_count != y->place_count || x->internet != y->internet || x->dials != y->dials ||
	    x->listens != y->listens || x->links != y->links || x->programs != y->programs || x->sound != y->sound ||
	    x->secrets != y->secrets)
		return false;
	for (size_t i = 0; i < x->place_count; i++) {
		if (a->places[i].may != b->places[i].may || strcmp(a->paths[i], b->paths[i]) != 0)
			return false;
	}
	return true;
}

/* A first configuration is then seen as any other. Where it cannot be made, a restart sees it. */
static void make_configuration_folder(void)
{
	char *path = vu_config_default_path();
	vu_error ignored;

	if (path) {
		cut_name(path);
		(void)vu_file_make_folder(path, &ignored);
	}
	free(path);
}

/* What is granted must be there: what a service would make in a folder that it cannot write. */
static vu_status make_places(const vu_runtime *runtime, const vu_config *config, vu_error *error)
{
	const vu_service_id id = runtime->definition->id;
	char path[PATH_MAX];
	vu_placement placement;
	vu_master_key key;
	vu_status status = vu_runtime_placement(runtime, id, &placement, error);
	int fd;

	if (status != VU_OK || (size_t)snprintf(path, sizeof path, "%s.lock", placement.local.path) >= sizeof path)
		return status;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open %s", path);
	close(fd);
	make_configuration_folder();
	if (id == VU_SERVICE_MODELS) {
		status = vu_master_key_path(runtime->home, path, error);
		cut_name(path);
		if (status == VU_OK)
			status = vu_file_make_folder(path, error);
		if (status == VU_OK &&
		    (size_t)snprintf(path, sizeof path, "%s/templates", runtime->home) < sizeof path)
			status = vu_file_make_folder(path, error);
	}
	if (id != VU_SERVICE_ORCHESTRATOR || !config->security.audit)
		return status;
	if ((size_t)snprintf(path, sizeof path, "%s/audit", runtime->home) < sizeof path)
		status = vu_file_make_folder(path, error);
	if (status == VU_OK)
		status = vu_audit_key_path(runtime->home, path, sizeof path - sizeof ".head", error);
	if (status == VU_OK)
		status = vu_master_key_create(path, true, &key, error);
	sodium_memzero(&key, sizeof key);
	if (status != VU_OK)
		return status;
	strcat(path, ".head");
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open %s", path);
	close(fd);
	return VU_OK;
}

/* What could not be done: an end where it is required, else a line in the log. */
static vu_status judge(const vu_runtime *runtime, vu_status status, vu_error *error)
{
	if (status == VU_OK)
		return VU_OK;
	if (vu_runtime_config(runtime)->security.confinement == VU_CONFINEMENT_REQUIRED)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "%s; set security.confinement to \"on\" to do without where the system lacks it",
		               error->message);
	if (status != VU_UNIMPLEMENTED)
		return status;
	vu_log_warn("%s; going on without", error->message);
	return VU_OK;
}

vu_status vu_confinement_enter(vu_runtime *runtime, vu_error *error)
{
	const vu_config *config = vu_runtime_config(runtime);
	vu_status status;

	if (!runtime->roster || config->security.confinement == VU_CONFINEMENT_OFF)
		return VU_OK;
	vu_platform_protect_memory();
	/* What cannot be made is told by who needs it, at the time. */
	if (make_places(runtime, config, error) != VU_OK)
		vu_log_warn("%s", error->message);
	runtime->confined = plan(runtime, config);
	if (!runtime->confined)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to confine this process: out of memory");
	/* A thread of before would not be bound. */
	vu_allocator_run_thread(false);
	status = vu_platform_confine_files(&runtime->confined->confinement, error);
	vu_allocator_run_thread(true);
	return judge(runtime, status, error);
}

vu_status vu_confinement_close(vu_runtime *runtime, vu_error *error)
{
	if (!runtime->confined)
		return VU_OK;
	return judge(runtime, vu_platform_confine_calls(&runtime->confined->confinement, error), error);
}

vu_status vu_confinement_check(const vu_runtime *runtime, const vu_config *config, vu_error *error)
{
	vu_confined *wanted;
	vu_status status = VU_OK;
	bool same;

	if (!runtime->confined)
		return config->security.confinement == VU_CONFINEMENT_OFF || !runtime->roster
		           ? VU_OK
		           : vu_fail(error, VU_FAILED_PRECONDITION, "unable to confine %s while it runs: restart it",
		                     runtime->name);
	wanted = plan(runtime, config);
	if (!wanted)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the configuration: out of memory");
	same = is_same(runtime->confined, wanted) &&
	       config->security.confinement == vu_runtime_config(runtime)->security.confinement;
	discard(wanted);
	if (!same)
		status = vu_fail(error, VU_FAILED_PRECONDITION,
		                 "unable to change what %s may reach while it runs: restart it", runtime->name);
	return status;
}
