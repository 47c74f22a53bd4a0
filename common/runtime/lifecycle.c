/*
 * Signals, the loop and the end. Signals only wake the loop. The first SIGTERM
 * or SIGINT drains on a thread of its own while the loop goes on, because
 * running requests may need it; the second ends the process at once.
 */
#include "runtime/internal.h"

#include "base/allocator.h"
#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void exit_at_once(int number)
{
	(void)number;
	_exit(VU_EXIT_INTERRUPTED);
}

static void *drain(void *argument)
{
	vu_runtime *runtime = argument;
	unsigned left = vu_rpc_server_drain(runtime->server, VU_DRAIN_MS);

	if (left > 0)
		vu_log_warn("%u requests were still running when the time to stop was over", left);
	uv_sleep(VU_LINGER_MS);
	uv_async_send(&runtime->drained);
	return NULL;
}

static void begin_stop(vu_runtime *runtime)
{
	struct sigaction action;

	if (runtime->stopping)
		return;
	runtime->stopping = true;
	uv_signal_stop(&runtime->terminate);
	uv_signal_stop(&runtime->interrupt);
	memset(&action, 0, sizeof action);
	action.sa_handler = exit_at_once;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	vu_rpc_server_set_health(runtime->server, "", VU_NOT_SERVING);
	if (pthread_create(&runtime->drainer, NULL, drain, runtime) == 0) {
		runtime->drainer_started = true;
	} else {
		vu_log_error("unable to start a thread to drain: ending without waiting for requests");
		uv_stop(&runtime->loop);
	}
}

static void on_terminate(uv_signal_t *handle, int number)
{
	vu_runtime *runtime = handle->data;

	vu_log_info("stopping on %s", number == SIGINT ? "SIGINT" : "SIGTERM");
	if (number == SIGINT)
		atomic_store(&runtime->exit_code, VU_EXIT_INTERRUPTED);
	begin_stop(runtime);
}

static void on_hang_up(uv_signal_t *handle, int number)
{
	vu_error error;

	(void)number;
	if (vu_runtime_reload(handle->data, &error) != VU_OK)
		vu_log_error("%s; the previous configuration stays in force", error.message);
}

/* Ready is who answers and also hears signals: reported from inside the loop. */
static void on_running(uv_async_t *handle)
{
	vu_runtime *runtime = handle->data;

	uv_close((uv_handle_t *)handle, NULL);
	if (runtime->stopping)
		return;
	vu_rpc_server_set_health(runtime->server, "", VU_SERVING);
	vu_log_info("ready");
	vu_inherited_report_ready(&runtime->inherited);
	/* What reading the configuration took is not needed again soon. */
	vu_allocator_purge();
	vu_memory_limit_guard(runtime);
}

static void on_stop_wanted(uv_async_t *handle)
{
	begin_stop(handle->data);
}

static void on_reload_wanted(uv_async_t *handle)
{
	vu_runtime_serve_reloads(handle->data);
}

static void on_drained(uv_async_t *handle)
{
	vu_runtime *runtime = handle->data;
	uv_stop(&runtime->loop);
}

static int init_signal(vu_runtime *runtime, uv_signal_t *handle, uv_signal_cb callback, int number)
{
	int failure = uv_signal_init(&runtime->loop, handle);
	handle->data = runtime;
	return failure ? failure : uv_signal_start(handle, callback, number);
}

static int init_async(vu_runtime *runtime, uv_async_t *handle, uv_async_cb callback)
{
	int failure = uv_async_init(&runtime->loop, handle, callback);
	handle->data = runtime;
	return failure;
}

vu_status vu_lifecycle_init(vu_runtime *runtime, vu_error *error)
{
	int failure;

	/* A peer that goes away in the middle of a write is an error of that write, not of the process. */
	signal(SIGPIPE, SIG_IGN);
	failure = uv_loop_init(&runtime->loop);
	if (failure == 0)
		failure = init_async(runtime, &runtime->running, on_running);
	if (failure == 0)
		failure = init_async(runtime, &runtime->stop_wanted, on_stop_wanted);
	if (failure == 0)
		failure = init_async(runtime, &runtime->reload_wanted, on_reload_wanted);
	if (failure == 0)
		failure = init_async(runtime, &runtime->drained, on_drained);
	if (failure == 0)
		failure = init_signal(runtime, &runtime->terminate, on_terminate, SIGTERM);
	if (failure == 0)
		failure = init_signal(runtime, &runtime->interrupt, on_terminate, SIGINT);
	if (failure == 0)
		failure = init_signal(runtime, &runtime->hang_up, on_hang_up, SIGHUP);
	if (failure != 0)
		return vu_fail(error, VU_INTERNAL, "unable to start the event loop: %s", uv_strerror(failure));
	return VU_OK;
}

void vu_lifecycle_run(vu_runtime *runtime)
{
	uv_async_send(&runtime->running);
	uv_run(&runtime->loop, UV_RUN_DEFAULT);
	if (runtime->drainer_started)
		pthread_join(runtime->drainer, NULL);
}

void vu_runtime_stop(vu_runtime *runtime, int exit_code)
{
	atomic_store(&runtime->exit_code, exit_code);
	uv_async_send(&runtime->stop_wanted);
}
