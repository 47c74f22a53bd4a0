/*
 * vu-supervisor: the parent of all services.
 *
 *   arguments → (background) → folders → configuration → one-instance lock
 *   → predecessors gone → services started → loop until told to stop
 *
 * Whatever goes wrong before the services run ends the process with a message
 * and an exit code (exit_codes.h). Afterwards it ends only when asked to
 * (SIGTERM, SIGINT, Supervisor.Stop), once no service is left, with 0; or, in
 * the background, when the suite did not come up.
 *
 * In the background a guardian starts another one when this one dies (guardian.h).
 *
 * NNG's threads serve the Supervisor service and cross into the loop by
 * uv_async_send (front.c). Health checks run in libuv's thread pool (prober.c).
 */
#include "base/allocator.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "detach.h"
#include "exit_codes.h"
#include "folders.h"
#include "front.h"
#include "guardian.h"
#include "platform/cgroup.h"
#include "platform/platform.h"
#include "predecessor.h"
#include "rpc/placement.h"
#include "rpc/server.h"
#include "store/master_key.h"
#include "service_log.h"
#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* A health check, a cleanup or a reload blocks one thread; no service is to wait for another's. */
#define THREAD_POOL_SIZE "8"
/* For the answer to Stop to leave us. */
#define DRAIN_MS 200
/* An orderly stop takes at most a few timeouts of VU_STOP_TIMEOUT_US. */
#define LEAVING_PATIENCE_US (10 * 1000000LL)

typedef struct vu_supervisor {
	bool detached;
	bool follows_a_death; /* the guardian has started us in place of one that died */
	int report_fd;        /* to the launching process, or -1 */
	int exit_code;
	char failure[1024]; /* why the suite did not come up, when it did not */
	bool on_terminal;
	char *home;
	char *runtime_folder;
	char *program_folder;
	char log_folder[PATH_MAX];
	vu_endpoint endpoint;
	uv_loop_t loop;
	uv_signal_t signals[3];
	vu_rpc_server *server;
	vu_front *front;
	vu_suite *suite;
	vu_cgroup *cgroup; /* or NULL */
} vu_supervisor;

static void print_help(void)
{
	puts("usage: vu-supervisor [--detach]\n"
	     "\n"
	     "Starts the services of Voice Unlock beside this program, watches them, and restarts\n"
	     "what dies, hangs or holds too much memory. Stays in the foreground; SIGTERM or Ctrl-C\n"
	     "stops everything in order, SIGHUP reads the configuration again.\n"
	     "\n"
	     "  --detach    go into the background; returns when every service serves\n"
	     "  --help      this text\n"
	     "  --version   the version\n"
	     "\n"
	     "exit codes: 0 done, 2 usage, 7 a service does not come up, 8 configuration,\n"
	     "9 permission, 70 internal error, 75 already running\n"
	     "\n"
	     "State: $VOICE_UNLOCK_HOME, sockets: $VOICE_UNLOCK_RUNTIME_DIR,\n"
	     "logs in the background: log/ in the state folder.");
}

/* Exits for whatever is not a start. */
static bool parse_arguments(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"detach", no_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	bool detach = false;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		switch (option) {
		case 'd':
			detach = true;
			break;
		case 'h':
			print_help();
			exit(VU_EXIT_DONE);
		case 'v':
			puts("vu-supervisor " VU_VERSION);
			exit(VU_EXIT_DONE);
		default:
			fputs("vu-supervisor: see vu-supervisor --help\n", stderr);
			exit(VU_EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr,
		        "vu-supervisor: unable to use '%s': there are only options; see vu-supervisor --help\n",
		        argv[optind]);
		exit(VU_EXIT_USAGE);
	}
	return detach;
}

/* A descriptor of ours must never become 0, 1 or 2, where others would write to it. */
static void occupy_standard_streams(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * What the one who started us forgot to close: held by us and our services for
 * days, a pipe among it would keep somebody waiting for its end.
 */
static void close_inherited(void)
{
	int fds[256];
	size_t count = 0;
	DIR *folder = opendir("/dev/fd");
	const struct dirent *entry;

	if (!folder)
		return;
	while (count < sizeof fds / sizeof fds[0] && (entry = readdir(folder)) != NULL) {
		int fd = atoi(entry->d_name);
		if (fd > STDERR_FILENO && fd != dirfd(folder))
			fds[count++] = fd;
	}
	closedir(folder);
	while (count > 0)
		close(fds[--count]);
}

/* ---- steps of the start ---- */

static vu_status find_folders(vu_supervisor *supervisor, vu_error *error)
{
	char *slash;
	vu_status status;

	supervisor->home = vu_platform_home_folder();
	supervisor->runtime_folder = vu_platform_runtime_folder();
	supervisor->program_folder = vu_platform_executable_path();
	if (!supervisor->home || !supervisor->runtime_folder || !supervisor->program_folder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to find the folders of the suite: out of memory");
	slash = strrchr(supervisor->program_folder, '/');
	if (slash)
		*slash = '\0';
	if ((size_t)snprintf(supervisor->log_folder, sizeof supervisor->log_folder, "%s/log", supervisor->home) >=
	    sizeof supervisor->log_folder)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use state folder %s: its path is too long",
		               supervisor->home);
	status = vu_folder_make_private(supervisor->home, error);
	if (status == VU_OK)
		status = vu_folder_make_private(supervisor->runtime_folder, error);
	if (status == VU_OK && supervisor->detached)
		status = vu_folder_make_private(supervisor->log_folder, error);
	return status;
}

/*
 * The lock of our socket is what makes us the only one. A supervisor that is on
 * its way out is waited for, so that a start right after a stop succeeds.
 */
static vu_status listen_alone(vu_supervisor *supervisor, vu_error *error)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000L};
	int64_t patience_us = vu_clock_monotonic_us() + LEAVING_PATIENCE_US;
	vu_status status = vu_rpc_server_listen(supervisor->server, error);
	pid_t pid;

	if (status == VU_ALREADY_EXISTS && !vu_predecessor_serves(&supervisor->endpoint)) {
		while (status == VU_ALREADY_EXISTS && vu_clock_monotonic_us() < patience_us) {
			nanosleep(&pause, NULL);
			status = vu_rpc_server_listen(supervisor->server, error);
		}
	}
	if (status == VU_ALREADY_EXISTS) {
		vu_predecessor_find(&supervisor->endpoint, &pid);
		return vu_fail(error, VU_ALREADY_EXISTS,
		               "already running (pid %ld) with sockets in %s; see jarvis-voice-unlock status, or set "
		               "VOICE_UNLOCK_HOME and VOICE_UNLOCK_RUNTIME_DIR for another suite",
		               (long)pid, supervisor->runtime_folder);
	}
	return status;
}

static void note_started(void *context, int exit_code, const char *message)
{
	vu_supervisor *supervisor = context;

	if (exit_code == VU_EXIT_DONE)
		vu_log_info("%s", message);
	else
		vu_log_error("%s", message);
	if (exit_code == VU_EXIT_DONE)
		vu_guardian_note_up();
	/* Nobody waits for one that follows a death, and what it has brought up is better than nothing. */
	if (!supervisor->detached || supervisor->follows_a_death)
		return;
	if (exit_code == VU_EXIT_DONE) {
		vu_detach_report(&supervisor->report_fd, exit_code, message);
		return;
	}
	/*
	 * All or nothing: half a suite in the background would only be in the way of
	 * the next start. The launcher is told once nothing is left of this one.
	 */
	supervisor->exit_code = exit_code;
	snprintf(supervisor->failure, sizeof supervisor->failure, "%s", message);
	vu_suite_stop(supervisor->suite);
}

static void take_request(void *context, vu_front_request *request)
{
	vu_supervisor *supervisor = context;
	vu_suite_take_request(supervisor->suite, request);
}

static void note_stopping(void *context)
{
	vu_supervisor *supervisor = context;
	vu_rpc_server_set_health(supervisor->server, "", VU_NOT_SERVING);
}

static void note_stopped(void *context)
{
	vu_supervisor *supervisor = context;
	uv_stop(&supervisor->loop);
}

static void note_signal(uv_signal_t *handle, int number)
{
	vu_supervisor *supervisor = handle->data;
	/* A terminal that went away says SIGHUP, too, and there nobody asked for a reload. */
	bool hung_up = number == SIGHUP && supervisor->on_terminal && !isatty(STDERR_FILENO);

	if (number == SIGHUP && !hung_up)
		vu_suite_reload(supervisor->suite);
	else
		vu_suite_stop(supervisor->suite);
}

static void listen_to_signals(vu_supervisor *supervisor)
{
	static const int NUMBERS[] = {SIGTERM, SIGINT, SIGHUP};
	for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
		uv_signal_init(&supervisor->loop, &supervisor->signals[i]);
		supervisor->signals[i].data = supervisor;
		uv_signal_start(&supervisor->signals[i], note_signal, NUMBERS[i]);
	}
}

/* NULL where there is none for us: the other bounds hold by themselves. */
static vu_cgroup *divide_cgroup(void)
{
	vu_cgroup *cgroup;
	vu_error error;

	if (vu_cgroup_adopt(&cgroup, &error) == VU_OK)
		vu_log_info("the memory of each service is bounded by a control group of its own as well");
	else
		vu_log_debug("no control group bounds the memory of the services: %s", error.message);
	return cgroup;
}

static vu_status prepare(vu_supervisor *supervisor, vu_error *error)
{
	vu_suite_config suite = {.loop = &supervisor->loop,
	                         .on_started = note_started,
	                         .on_stopping = note_stopping,
	                         .on_stopped = note_stopped,
	                         .context = supervisor};
	vu_rpc_server_config server = {.service = "supervisor", .endpoint = &supervisor->endpoint};
	vu_placement placement;
	vu_status status = vu_allocator_check(error);

	if (status == VU_OK)
		status = find_folders(supervisor, error);
	if (status == VU_OK)
		status = vu_master_key_adopt(supervisor->home, error);
	if (status == VU_OK)
		status = vu_config_load(NULL, &suite.config, error);
	if (status == VU_OK && suite.config->system.machine)
		status = vu_folder_let_pass(supervisor->runtime_folder, error);
	if (status == VU_OK)
		status = vu_placement_find(suite.config, supervisor->runtime_folder, VU_SERVICE_SUPERVISOR,
		                           vu_platform_is_own_address, &placement, error);
	if (status == VU_OK)
		supervisor->endpoint = placement.local;
	if (status == VU_OK)
		status = vu_roster_create(&suite.roster, &suite.roster_fd, error);
	if (status == VU_OK) {
		vu_roster_enter(suite.roster, VU_SERVICE_SUPERVISOR, getpid());
		server.roster = suite.roster;
		status = vu_rpc_server_create(&server, &supervisor->server, error);
	}
	if (status != VU_OK)
		return status;
	uv_loop_init(&supervisor->loop);
	/* Requests are taken from the mailbox once the loop runs, when there is a suite. */
	status = vu_front_create(&supervisor->loop, supervisor->server, take_request, supervisor, &supervisor->front,
	                         error);
	if (status == VU_OK)
		status = listen_alone(supervisor, error);
	if (status == VU_OK && supervisor->detached) {
		status = vu_service_log_redirect_stderr(supervisor->log_folder, "supervisor", error);
		vu_log_init("supervisor");
	}
	if (status != VU_OK)
		return status;
	supervisor->cgroup = divide_cgroup();
	suite.cgroup = supervisor->cgroup;
	suite.program_folder = supervisor->program_folder;
	suite.runtime_folder = supervisor->runtime_folder;
	suite.home = supervisor->home;
	suite.log_folder = supervisor->detached ? supervisor->log_folder : NULL;
	return vu_suite_create(&suite, &supervisor->suite, error);
}

/* Without closing anything: NNG's threads may be in the middle of something (common/rpc says why). */
static _Noreturn void leave(int exit_code)
{
	fflush(NULL);
	_exit(exit_code);
}

int main(int argc, char **argv)
{
	static vu_supervisor supervisor = {.report_fd = -1};
	vu_error error = {0};
	vu_status status = VU_OK;

	occupy_standard_streams();
	supervisor.detached = parse_arguments(argc, argv);
	close_inherited();
	umask(077);
	/* Whoever could look into it had the rings, with all that is said, and the credentials of this host. */
	vu_platform_protect_memory();
	vu_platform_keep_listening();
	signal(SIGPIPE, SIG_IGN);
	setenv("UV_THREADPOOL_SIZE", THREAD_POOL_SIZE, 1);
	vu_log_init("supervisor");
	supervisor.on_terminal = isatty(STDERR_FILENO) == 1;
	if (supervisor.detached)
		status = vu_detach(&supervisor.report_fd, &error);
	if (status == VU_OK && supervisor.detached)
		status = vu_guardian_stay(&supervisor.report_fd, &supervisor.follows_a_death, &error);
	if (status == VU_OK)
		status = prepare(&supervisor, &error);
	if (status != VU_OK) {
		vu_detach_report(&supervisor.report_fd, (int)vu_exit_code_of(status), error.message);
		leave((int)vu_exit_code_of(status));
	}
	listen_to_signals(&supervisor);
	vu_log_info("supervisor " VU_VERSION " (pid %ld), sockets in %s", (long)getpid(), supervisor.runtime_folder);
	if (supervisor.follows_a_death)
		vu_log_warn("the supervisor before this one was killed or crashed: all services are started anew");
	vu_rpc_server_set_health(supervisor.server, "", VU_SERVING);
	vu_suite_start(supervisor.suite);
	uv_run(&supervisor.loop, UV_RUN_DEFAULT);

	vu_rpc_server_drain(supervisor.server, DRAIN_MS);
	vu_log_info("all services have stopped");
	vu_cgroup_release(supervisor.cgroup);
	unlink(supervisor.endpoint.path);
	if (supervisor.report_fd >= 0) {
		bool failed = supervisor.exit_code != VU_EXIT_DONE;
		vu_detach_report(&supervisor.report_fd, failed ? supervisor.exit_code : VU_EXIT_UNAVAILABLE,
		                 failed ? supervisor.failure
		                        : "unable to start: it was stopped before all services were up");
	}
	leave(supervisor.exit_code);
}
