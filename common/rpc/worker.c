/*
 * Threads for handlers that may block. They start when a call waits and none
 * is idle, up to workers_max, and end after a while without work. The queue is
 * bounded by the calls in flight; a call whose time ran out in it is answered
 * by the watchdog and never reaches its handler.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"

#include <pthread.h>

#define WORKER_IDLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#ifdef VU_SANITIZER
#define WORKER_STACK_BYTES (2u * 1024 * 1024)
#else
#define WORKER_STACK_BYTES (256u * 1024)
#endif

typedef struct thread_start {
	void (*entry)(void *);
	void *argument;
} thread_start;

bool vu_server_start_thread(void (*entry)(void *), void *argument, size_t stack_bytes)
{
	uv_thread_t thread;
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = stack_bytes};

	if (uv_thread_create_ex(&thread, &options, entry, argument) != 0)
		return false;
	pthread_detach(thread);
	return true;
}

void vu_worker_withdraw(vu_rpc_call *call)
{
	vu_rpc_server *server = call->server;

	if (call->queue_previous)
		call->queue_previous->queue_next = call->queue_next;
	else
		server->queue_first = call->queue_next;
	if (call->queue_next)
		call->queue_next->queue_previous = call->queue_previous;
	else
		server->queue_last = call->queue_previous;
	call->queue_next = call->queue_previous = NULL;
	call->queued = false;
	server->queue_length--;
}

static void run_worker(void *argument)
{
	vu_rpc_server *server = argument;

	uv_mutex_lock(&server->lock);
	for (;;) {
		vu_rpc_call *call;
		int waited = 0;
		while (!server->queue_first && !server->stopping && waited == 0) {
			server->workers_idle++;
			waited = uv_cond_timedwait(&server->worker_wake, &server->lock, WORKER_IDLE_NS);
			server->workers_idle--;
		}
		call = server->queue_first;
		if (!call)
			break;
		vu_worker_withdraw(call);
		uv_mutex_unlock(&server->lock);
		if (vu_clock_monotonic_us() >= call->deadline_us)
			vu_call_finish(call, VU_DEADLINE_EXCEEDED,
			               "unable to begin the call in time: the service is busy", NULL, NULL);
		else
			call->method->handler(call->method->context, call, call->request);
		uv_mutex_lock(&server->lock);
	}
	server->workers--;
	uv_cond_broadcast(&server->idle);
	uv_mutex_unlock(&server->lock);
}

bool vu_worker_submit(vu_rpc_call *call)
{
	vu_rpc_server *server = call->server;
	bool accepted = true;

	uv_mutex_lock(&server->lock);
	call->queued = true;
	call->queue_previous = server->queue_last;
	if (server->queue_last)
		server->queue_last->queue_next = call;
	else
		server->queue_first = call;
	server->queue_last = call;
	server->queue_length++;
	/* An idle worker that was woken already still counts as idle, hence the comparison. */
	if (server->queue_length <= server->workers_idle) {
		uv_cond_signal(&server->worker_wake);
	} else if (server->workers < server->workers_max) {
		server->workers++;
		if (!vu_server_start_thread(run_worker, server, WORKER_STACK_BYTES)) {
			server->workers--;
			/* Those that run will come to it; with none nobody would. */
			if (server->workers == 0) {
				vu_worker_withdraw(call);
				accepted = false;
			}
		}
	}
	uv_mutex_unlock(&server->lock);
	return accepted;
}
