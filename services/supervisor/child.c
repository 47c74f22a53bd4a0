/*
 * Spawning by libuv. A child frees itself once libuv has let go of both its
 * handles, whatever the order in which exit and end of the pipe are noticed.
 */
#include "child.h"

#include "runtime/runtime.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptor numbers in the child. */
enum { CHILD_READY_FD = 3, CHILD_RING_FD = 4, CHILD_ROSTER_FD = 5, CHILD_FD_COUNT = 6 };

struct vu_child {
	uv_process_t process;
	uv_pipe_t ready_pipe;
	char ready_byte[8];
	unsigned open_handles;
	bool gone;
	vu_child_config config;
};

extern char **environ;

static void close_one(uv_handle_t *handle)
{
	vu_child *child = handle->data;
	if (--child->open_handles == 0)
		free(child);
}

static void close_ready_pipe(vu_child *child)
{
	if (!uv_is_closing((uv_handle_t *)&child->ready_pipe))
		uv_close((uv_handle_t *)&child->ready_pipe, close_one);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	vu_child *child = handle->data;
	(void)suggested;
	*buffer = uv_buf_init(child->ready_byte, sizeof child->ready_byte);
}

static void note_ready(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	vu_child *child = stream->data;

	if (count == 0)
		return;
	close_ready_pipe(child);
	if (count > 0 && buffer->base[0] == '1' && !child->gone)
		child->config.on_ready(child->config.context);
}

static void note_exit(uv_process_t *process, int64_t exit_code, int signal)
{
	vu_child *child = process->data;

	child->gone = true;
	close_ready_pipe(child);
	uv_close((uv_handle_t *)process, close_one);
	child->config.on_exit(child->config.context, (int)exit_code, signal);
}

static bool is_assignment_of(const char *assignment, const char *name)
{
	size_t length = strlen(name);
	return strncmp(assignment, name, length) == 0 && assignment[length] == '=';
}

/*
 * Our environment with the runtime's variables set for this child. What is
 * meant for us alone is left out. One allocation for the array and the texts.
 */
static char **make_environment(bool with_ring, uint32_t memory_mb)
{
	static const char *const OWN[] = {VU_ENV_READY_FD,  VU_ENV_PARENT_PID, VU_ENV_RING_FD,
	                                  VU_ENV_ROSTER_FD, VU_ENV_MEMORY_MB,  "UV_THREADPOOL_SIZE"};
	enum { TEXT_MAX = 64, ADDED_MAX = 5 };
	size_t count = 0;
	size_t used = 0;
	char **variables;
	char *texts;

	while (environ[count])
		count++;
	variables = calloc(1, (count + ADDED_MAX + 1) * sizeof *variables + (size_t)ADDED_MAX * TEXT_MAX);
	if (!variables)
		return NULL;
	texts = (char *)(variables + count + ADDED_MAX + 1);
	for (size_t i = 0; i < count; i++) {
		bool own = false;
		for (size_t k = 0; k < sizeof OWN / sizeof OWN[0]; k++)
			own = own || is_assignment_of(environ[i], OWN[k]);
		if (!own)
			variables[used++] = environ[i];
	}
	snprintf(texts, TEXT_MAX, "%s=%d", VU_ENV_READY_FD, CHILD_READY_FD);
	variables[used++] = texts;
	texts += TEXT_MAX;
	snprintf(texts, TEXT_MAX, "%s=%ld", VU_ENV_PARENT_PID, (long)getpid());
	variables[used++] = texts;
	texts += TEXT_MAX;
	snprintf(texts, TEXT_MAX, "%s=%d", VU_ENV_ROSTER_FD, CHILD_ROSTER_FD);
	variables[used++] = texts;
	texts += TEXT_MAX;
	if (memory_mb > 0) {
		snprintf(texts, TEXT_MAX, "%s=%u", VU_ENV_MEMORY_MB, memory_mb);
		variables[used++] = texts;
		texts += TEXT_MAX;
	}
	if (with_ring) {
		snprintf(texts, TEXT_MAX, "%s=%d", VU_ENV_RING_FD, CHILD_RING_FD);
		variables[used++] = texts;
	}
	return variables;
}

static vu_status fail_uv(vu_error *error, int result, const char *program)
{
	/* libuv's errors are negated errno values on every system that we run on. */
	return vu_fail_errno(error, -result, "unable to start %s", program);
}

vu_status vu_child_spawn(const vu_child_config *config, vu_child **child_out, vu_error *error)
{
	uv_file ready[2] = {-1, -1};
	uv_stdio_container_t stdio[CHILD_FD_COUNT];
	uv_process_options_t options;
	char *program = NULL;
	char *arguments[2];
	char **environment = NULL;
	vu_child *child = NULL;
	vu_status status = VU_OK;
	int result;

	memset(&options, 0, sizeof options);
	memset(stdio, 0, sizeof stdio);
	child = calloc(1, sizeof *child);
	program = strdup(config->program);
	environment = make_environment(config->ring_fd >= 0, config->memory_mb);
	if (!child || !program || !environment) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start %s: out of memory", config->program);
		goto out;
	}
	child->config = *config;
	result = uv_pipe(ready, UV_NONBLOCK_PIPE, 0);
	if (result != 0) {
		status = fail_uv(error, result, config->program);
		goto out;
	}

	stdio[STDIN_FILENO].flags = UV_IGNORE;
	stdio[STDOUT_FILENO].flags = UV_INHERIT_FD;
	stdio[STDOUT_FILENO].data.fd = config->log_fd;
	stdio[STDERR_FILENO].flags = UV_INHERIT_FD;
	stdio[STDERR_FILENO].data.fd = config->log_fd;
	stdio[CHILD_READY_FD].flags = UV_INHERIT_FD;
	stdio[CHILD_READY_FD].data.fd = ready[1];
	if (config->ring_fd >= 0) {
		stdio[CHILD_RING_FD].flags = UV_INHERIT_FD;
		stdio[CHILD_RING_FD].data.fd = config->ring_fd;
	}
	stdio[CHILD_ROSTER_FD].flags = UV_INHERIT_FD;
	stdio[CHILD_ROSTER_FD].data.fd = config->roster_fd;
	arguments[0] = program;
	arguments[1] = NULL;
	options.file = program;
	options.args = arguments;
	options.env = environment;
	options.flags = UV_PROCESS_DETACHED;
	options.stdio = stdio;
	options.stdio_count = CHILD_FD_COUNT;
	options.exit_cb = note_exit;

	/* From here on the handles belong to the loop and `child` is freed by closing them. */
	uv_pipe_init(config->loop, &child->ready_pipe, 0);
	child->ready_pipe.data = child;
	child->process.data = child;
	child->open_handles = 2;
	result = uv_spawn(config->loop, &child->process, &options);
	if (result == 0) {
		*child_out = child;
		result = uv_pipe_open(&child->ready_pipe, ready[0]);
		if (result == 0) {
			ready[0] = -1;
			uv_read_start((uv_stream_t *)&child->ready_pipe, give_buffer, note_ready);
		}
		/* A child that cannot tell us that it is ready runs into its start timeout. */
	} else {
		status = fail_uv(error, result, config->program);
		child->gone = true;
		close_ready_pipe(child);
		uv_close((uv_handle_t *)&child->process, close_one);
	}
	child = NULL;

out:
	if (ready[0] >= 0)
		close(ready[0]);
	if (ready[1] >= 0)
		close(ready[1]);
	free(program);
	free(environment);
	free(child);
	return status;
}

pid_t vu_child_pid(const vu_child *child)
{
	return uv_process_get_pid(&child->process);
}

void vu_child_signal(vu_child *child, int signal)
{
	if (!child->gone)
		uv_process_kill(&child->process, signal);
}
