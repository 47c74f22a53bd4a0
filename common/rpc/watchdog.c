/*
 * One thread that answers what nobody answered in time. It sleeps until the
 * earliest deadline; a call with a later one does not wake it. Once a second
 * it has a look at the listener.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"
#include "base/log.h"

#ifdef VU_SANITIZER
#define WATCHDOG_STACK_BYTES (1024u * 1024)
#else
#define WATCHDOG_STACK_BYTES (128u * 1024)
#endif

static void unlink_call(vu_rpc_call *call)
{
	if (call->watch_previous)
		call->watch_previous->watch_next = call->watch_next;
	else
		call->server->watch_first = call->watch_next;
	if (call->watch_next)
		call->watch_next->watch_previous = call->watch_previous;
	call->watch_next = call->watch_previous = NULL;
	call->watched = false;
}

/* Takes all that are due out of the list, chained by watch_next and held. *next_us_out: the earliest of the others.
 */
static vu_rpc_call *collect(vu_rpc_server *server, int64_t now_us, int64_t *next_us_out)
{
	vu_rpc_call *due = NULL;
	vu_rpc_call *next;

	*next_us_out = INT64_MAX;
	for (vu_rpc_call *call = server->watch_first; call; call = next) {
		next = call->watch_next;
		if (call->due_us > now_us) {
			if (call->due_us < *next_us_out)
				*next_us_out = call->due_us;
			continue;
		}
		unlink_call(call);
		vu_call_hold(call);
		/* Out of the queue it has no handler any more, so its part ends here too. */
		call->withdrawn = call->queued;
		if (call->queued)
			vu_worker_withdraw(call);
		call->watch_next = due;
		due = call;
	}
	return due;
}

static void run_watchdog(void *argument)
{
	vu_rpc_server *server = argument;

	uv_mutex_lock(&server->lock);
	while (!server->stopping) {
		int64_t now_us = vu_clock_monotonic_us();
		int64_t next_us;
		int64_t guard_us;
		vu_rpc_call *due = collect(server, now_us, &next_us);
		if (due) {
			uv_mutex_unlock(&server->lock);
			while (due) {
				vu_rpc_call *call = due;
				due = call->watch_next;
				call->watch_next = NULL;
				if (call->is_watcher)
					vu_health_watcher_due(call);
				else if (call->withdrawn)
					vu_call_finish(call, VU_DEADLINE_EXCEEDED,
					               "unable to begin the call in time: the service is busy", NULL,
					               NULL);
				else
					vu_call_expire(call);
				vu_call_release(call);
			}
			uv_mutex_lock(&server->lock);
			continue;
		}
		if (server->guard.next_us <= now_us) {
			uv_mutex_unlock(&server->lock);
			(void)vu_listener_guard(server, now_us);
			uv_mutex_lock(&server->lock);
			continue;
		}
		guard_us = server->guard.next_us;
		server->watchdog_wakes_us = next_us < guard_us ? next_us : guard_us;
		(void)uv_cond_timedwait(&server->watchdog_wake, &server->lock,
		                        (uint64_t)(server->watchdog_wakes_us - now_us) * 1000);
	}
	server->watchdog_runs = false;
	uv_cond_broadcast(&server->idle);
	uv_mutex_unlock(&server->lock);
}

void vu_watchdog_start(vu_rpc_server *server)
{
	uv_mutex_lock(&server->lock);
	server->watchdog_runs = vu_server_start_thread(run_watchdog, server, WATCHDOG_STACK_BYTES);
	uv_mutex_unlock(&server->lock);
	if (!server->watchdog_runs)
		vu_log_error(
		    "unable to start the thread that ends late calls; callers end them by their own deadline");
}

void vu_watchdog_add(vu_rpc_call *call, int64_t due_us)
{
	vu_rpc_server *server = call->server;

	call->due_us = due_us;
	call->watched = true;
	call->watch_previous = NULL;
	call->watch_next = server->watch_first;
	if (server->watch_first)
		server->watch_first->watch_previous = call;
	server->watch_first = call;
	if (due_us < server->watchdog_wakes_us) {
		server->watchdog_wakes_us = due_us;
		uv_cond_signal(&server->watchdog_wake);
	}
}

void vu_watchdog_remove(vu_rpc_call *call)
{
	if (call->watched)
		unlink_call(call);
}
