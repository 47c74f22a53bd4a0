/*
 * The runtime as whole processes: this program starts itself again as a
 * service, talks to it over its socket, and looks at how it ends. Waits are
 * bounded by alarm(), not measured.
 */
#include "base/clock.h"
#include "grpc/health/v1/health.pb-c.h"
#include "platform/platform.h"
#include "runtime/runtime.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include "../folder_aid.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

extern char **environ;

/* Set for the child: how its start() behaves. */
#define MODE "TEST_RUNTIME_MODE"

/* ---- the service ---- */

static vu_runtime *service_runtime;
static vu_counter *reloads;
static vu_counter *port;

static void handle_who_is(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__WhoIsRequest *request = (const Vu__WhoIsRequest *)message;
	Vu__WhoIsResponse response = VU__WHO_IS_RESPONSE__INIT;
	static char answer[] = "slept";

	(void)context;
	usleep((useconds_t)request->pid * 1000);
	response.service = answer;
	vu_rpc_reply(call, &response.base);
}

/* Ends the process with the exit code 42. */
static void handle_stop(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__Empty done = VU__EMPTY__INIT;

	(void)context;
	(void)message;
	vu_rpc_reply(call, &done.base);
	vu_runtime_stop(service_runtime, 42);
}

static vu_status service_start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	static const vu_rpc_method methods[] = {{"WhoIs", handle_who_is, 0}, {"Stop", handle_stop, VU_RPC_INLINE}};
	static const vu_rpc_service service = {&vu__supervisor__descriptor, methods, 2, NULL};
	const char *mode = getenv(MODE);

	if (getenv(VU_ENV_READY_FD) || getenv(VU_ENV_PARENT_PID) || getenv(VU_ENV_RING_FD))
		return vu_fail(error, VU_INTERNAL, "the descriptors are still in the environment");
	if (strcmp(mode, "invalid") == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to start: invalid");
	if (strcmp(mode, "precondition") == 0)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to start: precondition");
	if (strcmp(mode, "permission") == 0)
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to start: permission");
	if (strcmp(mode, "internal") == 0)
		return vu_fail(error, VU_UNAVAILABLE, "unable to start: internal");
	service_runtime = runtime;
	reloads = vu_counter_create(runtime, "test_reloads_total", "reloads seen", false);
	port = vu_counter_create(runtime, "test_port", "the port configured", true);
	vu_counter_set(port, vu_runtime_config(runtime)->http.port);
	vu_counter_add(reloads, vu_runtime_ring_fd(runtime) >= 0 ? 100 : 0);
	*state_out = runtime;
	return vu_rpc_server_add(vu_runtime_server(runtime), &service, error);
}

static vu_status service_reload(void *state, const vu_config *config, vu_error *error)
{
	if (config->http.port == 13)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to use port 13: bad luck");
	if (state != service_runtime)
		abort();
	vu_counter_add(reloads, 1);
	vu_counter_set(port, config->http.port);
	return VU_OK;
}

static uint64_t service_cleanup(void *state, bool aggressive)
{
	(void)state;
	return aggressive ? 2000 : 1000;
}

static void service_stop(void *state)
{
	/* Runs once, after the drain and outside the loop. */
	if (state != service_runtime || uv_loop_alive(vu_runtime_loop(service_runtime)) == 0)
		abort();
	fputs("service stopped\n", stderr);
}

static const vu_service_definition SERVICE = {
    .id = VU_SERVICE_FEATURES,
    .start = service_start,
    .reload = service_reload,
    .cleanup = service_cleanup,
    .stop = service_stop,
};

/* ---- the test's side ---- */

typedef struct child {
	pid_t pid;
	int ready; /* read end */
	char log[TEST_PATH_MAX];
} child;

/* The same path for every test, so that one channel serves all of them: it reconnects to each new child. */
static char base[TEST_PATH_MAX];
static char folder[TEST_PATH_MAX];
static char socket_path[TEST_PATH_MAX];
static vu_channel *to_child;
static char config_path[TEST_PATH_MAX];

static int set_up_all(void **state)
{
	(void)state;
	test_folder_create(base);
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	test_folder_remove(base);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	alarm(120);
	snprintf(folder, sizeof folder, "%.200s/test", base);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(socket_path, sizeof socket_path, "%.200s/run/features.sock", folder);
	test_file_create(folder, "config.yaml", "http:\n  port: 1\n", 0600, config_path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	alarm(0);
	return 0;
}

/* Starts the service with these further variables ("NAME=value", ending in NULL). */
static child start_child(const char *mode, const char *argument, const char *const *further)
{
	char variables[8][TEST_PATH_MAX + 40];
	char *environment[16];
	size_t used = 0;
	char *self = vu_platform_executable_path();
	char *arguments[3] = {self, NULL, NULL};
	char copy[64];
	posix_spawn_file_actions_t actions;
	int ends[2];
	child started = {0, -1, ""};

	assert_non_null(self);
	if (argument) {
		snprintf(copy, sizeof copy, "%s", argument);
		arguments[1] = copy;
	}
	snprintf(started.log, sizeof started.log, "%.200s/log", folder);
	snprintf(variables[0], sizeof variables[0], "%s=%s", MODE, mode);
	snprintf(variables[1], sizeof variables[1], "VOICE_UNLOCK_HOME=%s/home", folder);
	snprintf(variables[2], sizeof variables[2], "VOICE_UNLOCK_RUNTIME_DIR=%s/run", folder);
	snprintf(variables[3], sizeof variables[3], "VOICE_UNLOCK_CONFIG=%s", config_path);
	snprintf(variables[4], sizeof variables[4], "%s=5", VU_ENV_READY_FD);
	for (; used < 5; used++)
		environment[used] = variables[used];
	for (size_t i = 0; further && further[i]; i++) {
		snprintf(variables[used], sizeof variables[used], "%s", further[i]);
		environment[used] = variables[used];
		used++;
	}
	for (char **inherited = environ; *inherited && used < 15; inherited++) {
		if (strstr(*inherited, "SAN_OPTIONS="))
			environment[used++] = *inherited;
	}
	environment[used] = NULL;

	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, started.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 5);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, 6);
	assert_int_equal(posix_spawn(&started.pid, self, &actions, NULL, arguments, environment), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	free(self);
	started.ready = ends[0];
	return started;
}

static int wait_for_exit(child *process)
{
	int status;

	while (waitpid(process->pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	close(process->ready);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_logged(const child *process, const char *words)
{
	char *log = test_file_content(process->log);

	if (!strstr(log, words))
		fail_msg("\"%s\" is not in: %s", words, log);
	free(log);
}

static child start_ready_child(const char *const *further)
{
	child started = start_child("good", NULL, further);
	char byte = 0;

	if (read(started.ready, &byte, 1) != 1 || byte != '1') {
		char *log = test_file_content(started.log);
		fail_msg("not ready: %s", log);
	}
	return started;
}

static void assert_fails(const char *mode, const char *argument, const char *variable, int code, const char *words)
{
	const char *const further[] = {variable, NULL};
	child started = start_child(mode, argument, further);
	char byte;

	assert_int_equal(read(started.ready, &byte, 1), 0); /* never said to be ready */
	assert_int_equal(wait_for_exit(&started), code);
	assert_logged(&started, words);
	unlink(started.log);
}

static vu_channel *connect_to_child(void)
{
	vu_endpoint endpoint;
	vu_channel_config config;
	char uri[TEST_PATH_MAX + 8];
	vu_error error;

	if (to_child)
		return to_child;
	snprintf(uri, sizeof uri, "ipc://%s", socket_path);
	assert_int_equal(vu_endpoint_parse(uri, &endpoint, &error), VU_OK);
	memset(&config, 0, sizeof config);
	config.service = "features";
	config.caller = "test";
	config.endpoints = &endpoint;
	config.endpoint_count = 1;
	assert_int_equal(vu_channel_create(&config, &to_child, &error), VU_OK);
	return to_child;
}

static vu_status call_when(bool ready, vu_channel *channel, const ProtobufCServiceDescriptor *service,
                           const char *method, const ProtobufCMessage *request, ProtobufCMessage **response,
                           vu_error *error)
{
	vu_call_options options;

	memset(&options, 0, sizeof options);
	options.timeout_us = 20 * 1000000;
	/* The channel may not have noticed yet that there is a new child. */
	options.wait_for_ready = ready;
	return vu_channel_call(channel, service, method, request, response, &options, error);
}

static vu_status call(vu_channel *channel, const ProtobufCServiceDescriptor *service, const char *method,
                      const ProtobufCMessage *request, ProtobufCMessage **response, vu_error *error)
{
	return call_when(true, channel, service, method, request, response, error);
}

static void call_process(vu_channel *channel, const char *method, const ProtobufCMessage *request,
                         ProtobufCMessage **response)
{
	vu_error error = {VU_OK, ""};

	if (call(channel, &vu__process__descriptor, method, request, response, &error) != VU_OK)
		fail_msg("%s: %s", method, error.message);
}

static VuHealth__HealthCheckResponse__ServingStatus health(vu_channel *channel)
{
	VuHealth__HealthCheckRequest request = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	VuHealth__HealthCheckResponse__ServingStatus status;
	vu_error error;

	assert_int_equal(call(channel, &vu_health__health__descriptor, "Check", &request.base, &response, &error),
	                 VU_OK);
	status = ((VuHealth__HealthCheckResponse *)response)->status;
	protobuf_c_message_free_unpacked(response, NULL);
	return status;
}

/* The counter of that name (and peer, unless NULL); -1 when there is none. */
static double counter(vu_channel *channel, const char *name)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__CountersResponse *list;
	double value = -1;

	call_process(channel, "Counters", &request.base, &response);
	list = (const Vu__CountersResponse *)response;
	for (size_t i = 0; i < list->n_counters; i++) {
		assert_true(list->counters[i]->help[0] != '\0');
		if (strcmp(list->counters[i]->name, name) == 0)
			value = list->counters[i]->value;
	}
	protobuf_c_message_free_unpacked(response, NULL);
	return value;
}

static void it_is_ready_tells_about_itself_and_stops(void **state)
{
	child started = start_ready_child(NULL);
	vu_channel *channel = connect_to_child();
	Vu__Empty empty = VU__EMPTY__INIT;
	Vu__CleanupRequest cleanup = VU__CLEANUP_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__InfoResponse *info;
	char byte;

	(void)state;
	assert_int_equal(health(channel), VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	assert_int_equal(read(started.ready, &byte, 1), 0); /* said once, then closed */

	call_process(channel, "Info", &empty.base, &response);
	info = (const Vu__InfoResponse *)response;
	assert_string_equal(info->service, "features");
	assert_int_equal(info->pid, started.pid);
	assert_string_equal(info->version, VU_VERSION);
	assert_true(info->rss_bytes > 100 * 1024);
	assert_true(info->allocator[0] != '\0');
	protobuf_c_message_free_unpacked(response, NULL);

	assert_true(counter(channel, "voice_unlock_rpc_requests_total") >= 2);
	assert_true(counter(channel, "voice_unlock_rpc_failures_total") == 0);
	assert_true(counter(channel, "voice_unlock_process_resident_bytes") > 100 * 1024);
	assert_true(counter(channel, "voice_unlock_process_uptime_seconds") > 0);
	assert_true(counter(channel, "test_port") == 1);
	assert_true(counter(channel, "test_reloads_total") == 0);
	assert_true(counter(channel, "test_nothing") == -1);

	cleanup.aggressive = 1;
	call_process(channel, "Cleanup", &cleanup.base, &response);
	assert_int_equal(((Vu__CleanupResponse *)response)->freed_bytes, 2000);
	assert_true(((Vu__CleanupResponse *)response)->rss_after_bytes > 0);
	protobuf_c_message_free_unpacked(response, NULL);

	kill(started.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&started), 0);
	assert_logged(&started, "service stopped");
}

static void its_folders_are_its_own(void **state)
{
	child started = start_ready_child(NULL);
	struct stat info;
	char path[TEST_PATH_MAX];

	(void)state;
	snprintf(path, sizeof path, "%.200s/run", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	snprintf(path, sizeof path, "%.200s/home", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	assert_int_equal(stat(socket_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	kill(started.pid, SIGINT);
	assert_int_equal(wait_for_exit(&started), 130);
}

typedef struct slow_call {
	vu_channel *channel;
	uint64_t sleep_ms;
	vu_status status;
} slow_call;

static void *make_slow_call(void *argument)
{
	slow_call *slow = argument;
	Vu__WhoIsRequest request = VU__WHO_IS_REQUEST__INIT;
	ProtobufCMessage *response = NULL;

	request.pid = slow->sleep_ms;
	/* Without waiting: when the process is gone, this is over. */
	slow->status =
	    call_when(false, slow->channel, &vu__supervisor__descriptor, "WhoIs", &request.base, &response, NULL);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	return NULL;
}

/* Returns once the request is running in the child. */
static void start_slow_call(slow_call *slow, pthread_t *thread)
{
	/* Connected, so that a call that does not wait gets through. */
	assert_int_equal(health(slow->channel), VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	assert_int_equal(pthread_create(thread, NULL, make_slow_call, slow), 0);
	/* The question itself is in flight too. */
	while (counter(slow->channel, "voice_unlock_rpc_in_flight") < 2)
		usleep(1000);
}

static void running_requests_are_answered_before_it_stops(void **state)
{
	child started = start_ready_child(NULL);
	slow_call slow = {connect_to_child(), 300, VU_UNKNOWN};
	pthread_t thread;

	(void)state;
	start_slow_call(&slow, &thread);
	kill(started.pid, SIGTERM);
	pthread_join(thread, NULL);
	assert_int_equal(slow.status, VU_OK);
	assert_int_equal(wait_for_exit(&started), 0);
}

static void while_it_drains_it_is_not_serving_and_a_second_signal_ends_it(void **state)
{
	child started = start_ready_child(NULL);
	slow_call slow = {connect_to_child(), 60000, VU_UNKNOWN};
	pthread_t thread;

	(void)state;
	start_slow_call(&slow, &thread);
	kill(started.pid, SIGTERM);
	while (health(slow.channel) != VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING)
		usleep(1000);
	kill(started.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&started), 130);
	pthread_join(thread, NULL);
	assert_int_not_equal(slow.status, VU_OK);
}

static void a_request_without_end_does_not_keep_it(void **state)
{
	child started = start_ready_child(NULL);
	slow_call slow = {connect_to_child(), 60000, VU_UNKNOWN};
	pthread_t thread;

	(void)state;
	start_slow_call(&slow, &thread);
	kill(started.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&started), 0);
	assert_logged(&started, "1 requests were still running");
	pthread_join(thread, NULL);
	assert_int_not_equal(slow.status, VU_OK);
}

static void a_service_can_stop_itself(void **state)
{
	child started = start_ready_child(NULL);
	Vu__Empty empty = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_error error;

	(void)state;
	assert_int_equal(
	    call(connect_to_child(), &vu__supervisor__descriptor, "Stop", &empty.base, &response, &error), VU_OK);
	protobuf_c_message_free_unpacked(response, NULL);
	assert_int_equal(wait_for_exit(&started), 42);
}

static void new_configuration_is_taken_whole_or_not_at_all(void **state)
{
	child started = start_ready_child(NULL);
	vu_channel *channel = connect_to_child();
	Vu__Empty empty = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_error error;

	(void)state;
	test_file_create(folder, "config.yaml", "http:\n  port: 2\n", 0600, NULL);
	call_process(channel, "Reload", &empty.base, &response);
	protobuf_c_message_free_unpacked(response, NULL);
	assert_true(counter(channel, "test_reloads_total") == 1);
	assert_true(counter(channel, "test_port") == 2);

	test_file_create(folder, "config.yaml", "http:\n  prot: 3\n", 0600, NULL);
	assert_int_equal(call(channel, &vu__process__descriptor, "Reload", &empty.base, &response, &error),
	                 VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "line 2: unknown key http.prot; did you mean port?"));
	assert_true(counter(channel, "test_port") == 2);

	test_file_create(folder, "config.yaml", "http:\n  port: 13\n", 0600, NULL);
	assert_int_equal(call(channel, &vu__process__descriptor, "Reload", &empty.base, &response, &error),
	                 VU_FAILED_PRECONDITION);
	assert_string_equal(error.message, "unable to use port 13: bad luck");

	test_file_create(folder, "config.yaml", "http:\n  port: 4\n", 0600, NULL);
	kill(started.pid, SIGHUP);
	while (counter(channel, "test_port") != 4)
		usleep(1000);
	assert_true(counter(channel, "test_reloads_total") == 2);
	kill(started.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&started), 0);
}

static void inherited_descriptors_are_taken(void **state)
{
	/* Any open descriptor can stand for the rings. */
	static const char *const further[] = {VU_ENV_RING_FD "=6", NULL};
	child started = start_ready_child(further);

	(void)state;
	assert_true(counter(connect_to_child(), "test_reloads_total") == 100);
	kill(started.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&started), 0);
}

static void it_ends_with_its_parent(void **state)
{
	char variable[64];
	const char *const further[] = {variable, NULL};
	child started;
	int status;
	pid_t gone = fork();

	(void)state;
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	snprintf(variable, sizeof variable, "%s=%ld", VU_ENV_PARENT_PID, (long)gone);
	started = start_child("good", NULL, further);
	assert_int_equal(waitpid(started.pid, &status, 0), started.pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGTERM : WEXITSTATUS(status) == 0);
	close(started.ready);
}

static void a_second_instance_leaves_the_first_alone(void **state)
{
	child first = start_ready_child(NULL);
	vu_channel *channel = connect_to_child();

	(void)state;
	assert_int_equal(health(channel), VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	assert_fails("good", NULL, NULL, 70, "serves there already");
	assert_int_equal(health(channel), VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	kill(first.pid, SIGKILL);
	waitpid(first.pid, NULL, 0);
	close(first.ready);
	/* The socket it left behind is no obstacle, and the same channel reaches the next one. */
	first = start_ready_child(NULL);
	assert_true(counter(channel, "voice_unlock_rpc_requests_total") >= 1);
	kill(first.pid, SIGTERM);
	assert_int_equal(wait_for_exit(&first), 0);
}

static void failures_have_their_exit_codes(void **state)
{
	char path[TEST_PATH_MAX];

	(void)state;
	assert_fails("invalid", NULL, NULL, 8, "unable to start: invalid");
	assert_fails("precondition", NULL, NULL, 8, "unable to start: precondition");
	assert_fails("permission", NULL, NULL, 9, "unable to start: permission");
	assert_fails("internal", NULL, NULL, 70, "unable to start: internal");
	assert_fails("good", "--nonsense", NULL, 2, "takes no argument but --help and --version");
	assert_fails("good", NULL, "VOICE_UNLOCK_CHANNELS=9", 8, "audio.channels is");
	assert_fails("good", NULL, VU_ENV_RING_FD "=99", 8, "that descriptor is not open; unset it");
	assert_fails("good", NULL, VU_ENV_RING_FD "=1", 8,
	             "it must be a number that a supervisor hands over; unset it");
	assert_fails("good", NULL, VU_ENV_PARENT_PID "=x", 8,
	             "it must be a number that a supervisor hands over; unset it");
	snprintf(path, sizeof path, "%.200s/run", folder);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	assert_int_equal(chmod(path, 0777), 0);
	assert_fails("good", NULL, NULL, 9, "others can write into it; run chmod 700 on it");
	assert_int_equal(chmod(path, 0700), 0);
	unlink(config_path);
	assert_fails("good", NULL, NULL, 8, "No such file or directory");
}

static void version_and_help_are_told(void **state)
{
	child started = start_child("good", "--version", NULL);

	(void)state;
	assert_int_equal(wait_for_exit(&started), 0);
	assert_logged(&started, "vu-features " VU_VERSION);
	started = start_child("good", "--help", NULL);
	assert_int_equal(wait_for_exit(&started), 0);
	assert_logged(&started, "usage: vu-features");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(it_is_ready_tells_about_itself_and_stops, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(its_folders_are_its_own, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(running_requests_are_answered_before_it_stops, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(while_it_drains_it_is_not_serving_and_a_second_signal_ends_it, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(a_request_without_end_does_not_keep_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_service_can_stop_itself, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(new_configuration_is_taken_whole_or_not_at_all, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(inherited_descriptors_are_taken, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(it_ends_with_its_parent, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_second_instance_leaves_the_first_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(failures_have_their_exit_codes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(version_and_help_are_told, set_up, tear_down),
	};

	if (getenv(MODE))
		return vu_runtime_main(&SERVICE, argc, argv);
	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
