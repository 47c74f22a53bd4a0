/*
 * Services that were taken over: each test enters the confinement of a service
 * in a process of its own and tries there what that service must not do. Where
 * the system has no Landlock, or the build a sanitizer, what these would refuse
 * is skipped.
 */
#include "../folder_aid.h"
#include "runtime/internal.h"

#include "base/log.h"
#include "platform/platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cmocka.h>

/* What a try may come to, beside an errno. */
enum { DONE = 0, NOT_CONFINED = 201, KILLED = 300 };

#define ROLES VU_SERVICE_SUPERVISOR /* all but the supervisor, who is not confined */

typedef int (*attempt)(const char *argument);

static char folder[TEST_PATH_MAX];
static char config_path[TEST_PATH_MAX + 64];

static char *path_of(const char *name)
{
	static char path[TEST_PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void make_file(const char *name)
{
	char *path = path_of(name);
	int fd;

	for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static bool system_can(void)
{
	char text[128];
	return vu_platform_confinement_offered(text, sizeof text);
}

/* In the child: as `id` under a supervisor; `during` runs between files and calls. */
static int enter(vu_service_id id, void (*during)(void))
{
	static vu_service_definition definition;
	static vu_runtime runtime;
	vu_config *config = NULL;
	vu_error error = {VU_OK, ""};
	int fd;

	definition.id = id;
	runtime.definition = &definition;
	runtime.name = vu_service_name(id);
	pthread_mutex_init(&runtime.lock, NULL);
	if (vu_config_load(config_path, &config, &error) != VU_OK ||
	    vu_roster_create(&runtime.roster, &fd, &error) != VU_OK)
		return NOT_CONFINED;
	atomic_store(&runtime.config, config);
	if (vu_runtime_prepare_folders(&runtime, &error) != VU_OK || vu_confinement_enter(&runtime, &error) != VU_OK)
		return NOT_CONFINED;
	if (during)
		during();
	return vu_confinement_close(&runtime, &error) == VU_OK ? DONE : NOT_CONFINED;
}

static int outcome_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return KILLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int try_as(vu_service_id id, attempt try_it, const char *argument)
{
	pid_t child = fork();

	if (child == 0) {
		int entered;
		/* Its complaints are expected, and not this test's. */
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null_fd, STDERR_FILENO);
		entered = enter(id, NULL);
		_exit(entered == DONE ? try_it(argument) : entered);
	}
	assert_true(child > 0);
	return outcome_of(child);
}

/* ---- what is tried: 0 or errno ---- */

static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? DONE : errno;
}

static int open_to_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 ? DONE : errno;
}

static int make_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 ? DONE : errno;
}

static int remove_it(const char *path)
{
	return unlink(path) == 0 ? DONE : errno;
}

static int rename_to_orchestrator(const char *path)
{
	return rename(path, path_of("run/orchestrator.sock")) == 0 ? DONE : errno;
}

static int link_to_new(const char *path)
{
	return link(path, path_of("run/new.sock")) == 0 ? DONE : errno;
}

static int bind_new(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? DONE : errno;
}

static int internet_socket(const char *unused)
{
	(void)unused;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? DONE : errno;
}

static int internet_connect(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return errno;
	return connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? DONE : errno;
}

static int run_program(const char *path)
{
	char *arguments[] = {(char *)(uintptr_t)path, NULL};
	execv(path, arguments);
	return errno;
}

static int start_process(const char *unused)
{
	pid_t child = fork();
	(void)unused;
	if (child == 0)
		_exit(0);
	return child > 0 ? DONE : errno;
}

/* One that does nothing to a process that runs. */
static int signal_parent(const char *unused)
{
	(void)unused;
	return kill(getppid(), SIGCONT) == 0 ? DONE : errno;
}

#ifdef __linux__

static int signal_thread_of_parent(const char *unused)
{
	(void)unused;
	return syscall(SYS_tgkill, getppid(), getppid(), SIGCONT) == 0 ? DONE : errno;
}

/* Sets what is there already. */
static int limit_parent(const char *unused)
{
	struct rlimit limit;
	(void)unused;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return NOT_CONFINED;
	return prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL) == 0 ? DONE : errno;
}

#endif

static int signal_itself(const char *unused)
{
	struct rlimit limit;
	(void)unused;
	if (kill(getpid(), SIGCONT) != 0 || raise(SIGCONT) != 0)
		return errno;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0 ? DONE : errno;
}

static int end_itself(const char *unused)
{
	(void)unused;
	abort();
}

static int read_memory_of_parent(const char *unused)
{
	char path[64];
	(void)unused;
	snprintf(path, sizeof path, "/proc/%ld/mem", (long)getppid());
	return open_to_read(path);
}

/* ---- tests ---- */

static void each_sees_its_own_files_alone(void **state)
{
	static const struct {
		const char *file;
		unsigned readers;
		unsigned writers;
	} FILES[] = {
	    {"home/templates/users/a.vut", 1u << VU_SERVICE_MODELS, 1u << VU_SERVICE_MODELS},
	    {"home/models/prediction.db", 1u << VU_SERVICE_MODELS, 1u << VU_SERVICE_MODELS},
	    {"keys/master.key", 1u << VU_SERVICE_MODELS, 1u << VU_SERVICE_MODELS},
	    {"credentials/voice-unlock-key", 1u << VU_SERVICE_MODELS, 0},
	    {"keys/master.key.audit.head", 1u << VU_SERVICE_MODELS | 1u << VU_SERVICE_ORCHESTRATOR,
	     1u << VU_SERVICE_MODELS | 1u << VU_SERVICE_ORCHESTRATOR},
	    {"home/audit/current.jsonl", 1u << VU_SERVICE_ORCHESTRATOR, 1u << VU_SERVICE_ORCHESTRATOR},
	    {"home/orchestrator/history.db", 1u << VU_SERVICE_ORCHESTRATOR, 1u << VU_SERVICE_ORCHESTRATOR},
	    {"home/antispoof/replay.db", 1u << VU_SERVICE_ANTISPOOF, 1u << VU_SERVICE_ANTISPOOF},
	    {"home/log/models.log", 0, 0},
	    {"elsewhere/letter", 0, 0},
	    {"config/config.yaml", (1u << ROLES) - 1, 0},
	};

	(void)state;
	if (!system_can())
		skip();
	for (unsigned id = 0; id < ROLES; id++) {
		for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
			const char *path = path_of(FILES[i].file);
			int read = try_as((vu_service_id)id, open_to_read, path);
			int written = try_as((vu_service_id)id, open_to_write, path);
			if (read != (FILES[i].readers >> id & 1 ? DONE : EACCES) ||
			    written != (FILES[i].writers >> id & 1 ? DONE : EACCES))
				fail_msg("%s and %s: reading gave %d, writing %d", vu_service_name((vu_service_id)id),
				         FILES[i].file, read, written);
		}
	}
}

static void nobody_makes_or_removes_files_elsewhere(void **state)
{
	(void)state;
	if (!system_can())
		skip();
	for (unsigned id = 0; id < ROLES; id++) {
		assert_int_equal(try_as((vu_service_id)id, make_new, path_of("elsewhere/new")), EACCES);
		assert_int_equal(try_as((vu_service_id)id, make_new, path_of("config/new")), EACCES);
		assert_int_equal(try_as((vu_service_id)id, remove_it, path_of("elsewhere/letter")), EACCES);
		assert_int_equal(try_as((vu_service_id)id, remove_it, path_of("config/config.yaml")), EACCES);
	}
	assert_int_equal(access(path_of("elsewhere/letter"), F_OK), 0);
}

static void capture_alone_sees_the_sound_device(void **state)
{
	(void)state;
	if (!system_can() || access("/dev/snd/timer", R_OK) != 0)
		skip();
	for (unsigned id = 0; id < ROLES; id++)
		assert_int_equal(try_as((vu_service_id)id, open_to_read, "/dev/snd/timer") == EACCES,
		                 id != VU_SERVICE_CAPTURE);
}

static void nobody_takes_anothers_socket_away(void **state)
{
	(void)state;
	if (!system_can())
		skip();
	for (unsigned id = 0; id < ROLES; id++) {
		if (id == VU_SERVICE_ORCHESTRATOR)
			continue;
		assert_int_equal(try_as((vu_service_id)id, remove_it, path_of("run/orchestrator.sock")), EACCES);
		assert_int_equal(try_as((vu_service_id)id, rename_to_orchestrator, path_of("run/own.sock")), EACCES);
	}
}

static void others_processes_are_out_of_reach(void **state)
{
	(void)state;
	if (!system_can())
		skip();
	for (unsigned id = 0; id < ROLES; id++) {
		int memory = try_as((vu_service_id)id, read_memory_of_parent, NULL);
		assert_true(memory == EACCES || memory == EPERM);
	}
}

#ifndef VU_SANITIZER

static void who_serves_binds_nothing_more(void **state)
{
	(void)state;
	for (unsigned id = 0; id < ROLES; id++) {
		if (id == VU_SERVICE_ORCHESTRATOR)
			continue;
		assert_int_equal(try_as((vu_service_id)id, bind_new, path_of("run/new.sock")), EPERM);
		if (id != VU_SERVICE_MODELS)
			assert_int_equal(try_as((vu_service_id)id, link_to_new, path_of("run/own.sock")), EPERM);
	}
}

static void nobody_starts_a_program(void **state)
{
	(void)state;
	for (unsigned id = 0; id < ROLES; id++) {
		/* Sound libraries try to, and are to go on without. */
		int refused = id == VU_SERVICE_CAPTURE ? EPERM : KILLED + SIGSYS;
		assert_int_equal(try_as((vu_service_id)id, start_process, NULL), refused);
		assert_int_equal(try_as((vu_service_id)id, run_program, "/bin/true"), refused);
	}
}

static void the_orchestrator_alone_has_internet_and_dials_nobody(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	char port[16];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int reached;

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
	for (unsigned id = 0; id < ROLES; id++)
		assert_int_equal(try_as((vu_service_id)id, internet_socket, NULL),
		                 id == VU_SERVICE_ORCHESTRATOR ? DONE : EPERM);
	reached = try_as(VU_SERVICE_ORCHESTRATOR, internet_connect, port);
	close(fd);
	/* Landlock refuses this since its version 4 only. */
	if (reached == DONE && system_can())
		print_message("this kernel does not keep the orchestrator from connecting\n");
	else
		assert_int_equal(reached, system_can() ? EACCES : DONE);
}

static void other_processes_get_no_signal_and_no_limit(void **state)
{
	(void)state;
	for (unsigned id = 0; id < ROLES; id++) {
		assert_int_equal(try_as((vu_service_id)id, signal_parent, NULL), EPERM);
#ifdef __linux__
		assert_int_equal(try_as((vu_service_id)id, signal_thread_of_parent, NULL), EPERM);
		assert_int_equal(try_as((vu_service_id)id, limit_parent, NULL), EPERM);
#endif
	}
}

static void its_own_signals_and_limits_are_its_business(void **state)
{
	(void)state;
	for (unsigned id = 0; id < ROLES; id++) {
		assert_int_equal(try_as((vu_service_id)id, signal_itself, NULL), DONE);
		assert_int_equal(try_as((vu_service_id)id, end_itself, NULL), KILLED + SIGABRT);
	}
}

/* A thread from before the calls were refused is bound as well. */
static volatile int waiting = 1;
static int tried_by_thread;

static void *wait_and_try(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		usleep(1000);
	tried_by_thread = internet_socket(NULL);
	return NULL;
}

static pthread_t early;

static void start_thread(void)
{
	pthread_create(&early, NULL, wait_and_try, NULL);
}

static void threads_of_before_are_bound_too(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		int entered = enter(VU_SERVICE_FEATURES, start_thread);
		__atomic_store_n(&waiting, 0, __ATOMIC_RELEASE);
		pthread_join(early, NULL);
		_exit(entered == DONE ? tried_by_thread : entered);
	}
	assert_int_equal(outcome_of(child), EPERM);
}

static void what_kills_is_told_to_the_log(void **state)
{
	int ends[2];
	char text[512] = "";
	pid_t child;
	size_t used = 0;
	ssize_t got;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		if (enter(VU_SERVICE_ANTISPOOF, NULL) == DONE)
			start_process(NULL);
		_exit(1);
	}
	close(ends[1]);
	while (used < sizeof text - 1 && (got = read(ends[0], text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	assert_int_equal(outcome_of(child), KILLED + SIGSYS);
	assert_non_null(strstr(text, "\"service\":\"antispoof\",\"message\":\"unable to go on: system call "));
	assert_non_null(strstr(text, " is not for this service, which may have been taken over\"}\n"));
}

#endif

static void it_is_off_when_the_configuration_says_so(void **state)
{
	(void)state;
	setenv("VOICE_UNLOCK_CONFINEMENT", "off", 1);
	assert_int_equal(try_as(VU_SERVICE_FEATURES, open_to_read, path_of("elsewhere/letter")), DONE);
	unsetenv("VOICE_UNLOCK_CONFINEMENT");
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	setenv("VOICE_UNLOCK_HOME", path_of("home"), 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", path_of("run"), 1);
	setenv("VOICE_UNLOCK_KEY_FILE", path_of("keys/master.key"), 1);
	snprintf(config_path, sizeof config_path, "%s", path_of("config/config.yaml"));
	setenv("VOICE_UNLOCK_CONFIG", config_path, 1);
	make_file("home/templates/users/a.vut");
	make_file("home/models/prediction.db");
	make_file("home/audit/current.jsonl");
	make_file("home/orchestrator/history.db");
	make_file("home/antispoof/replay.db");
	make_file("home/log/models.log");
	setenv("CREDENTIALS_DIRECTORY", path_of("credentials"), 1);
	make_file("keys/master.key");
	make_file("credentials/voice-unlock-key");
	make_file("keys/master.key.audit.head");
	make_file("run/orchestrator.sock");
	make_file("run/own.sock");
	make_file("elsewhere/letter");
	make_file("config/config.yaml");
	assert_int_equal(truncate(config_path, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	test_folder_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_sees_its_own_files_alone),
	    cmocka_unit_test(nobody_makes_or_removes_files_elsewhere),
	    cmocka_unit_test(capture_alone_sees_the_sound_device),
	    cmocka_unit_test(nobody_takes_anothers_socket_away),
	    cmocka_unit_test(others_processes_are_out_of_reach),
#ifndef VU_SANITIZER
	    cmocka_unit_test(who_serves_binds_nothing_more),
	    cmocka_unit_test(nobody_starts_a_program),
	    cmocka_unit_test(the_orchestrator_alone_has_internet_and_dials_nobody),
	    cmocka_unit_test(other_processes_get_no_signal_and_no_limit),
	    cmocka_unit_test(its_own_signals_and_limits_are_its_business),
	    cmocka_unit_test(threads_of_before_are_bound_too),
	    cmocka_unit_test(what_kills_is_told_to_the_log),
#endif
	    cmocka_unit_test(it_is_off_when_the_configuration_says_so),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
