/*
 * New configuration while requests run. Handlers on other threads may still
 * read the old one, so it is put aside and freed by a reload that comes long
 * after the longest deadline. Runs on the main thread; those who asked over RPC
 * are answered from there.
 */
#include "runtime/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "voiceunlock/v1/process.pb-c.h"

#include <stdlib.h>

const vu_config *vu_runtime_config(const vu_runtime *runtime)
{
	return atomic_load_explicit(&runtime->config, memory_order_acquire);
}

static void retire(vu_runtime *runtime, vu_config *config)
{
	int64_t now_us = vu_clock_monotonic_us();
	vu_retired_config *retired = malloc(sizeof *retired);

	for (vu_retired_config **link = &runtime->retired; *link;) {
		vu_retired_config *old = *link;
		if (now_us - old->retired_us < VU_RETIRED_CONFIG_US) {
			link = &old->next;
			continue;
		}
		*link = old->next;
		vu_config_free(old->config);
		free(old);
	}
	if (!retired)
		return; /* a few kilobytes lost are better than a reader's crash */
	retired->config = config;
	retired->retired_us = now_us;
	retired->next = runtime->retired;
	runtime->retired = retired;
}

vu_status vu_runtime_reload(vu_runtime *runtime, vu_error *error)
{
	vu_config *fresh;
	vu_status status = vu_config_load(NULL, &fresh, error);

	/* A new file in a folder that this process cannot see: another process can. */
	if (status == VU_PERMISSION_DENIED && runtime->confined)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to read the new configuration while %s runs: restart it", runtime->name);
	if (status != VU_OK)
		return status;
	status = vu_confinement_check(runtime, fresh, error);
	if (status != VU_OK) {
		vu_config_free(fresh);
		return status;
	}
	if (runtime->definition->reload) {
		status = runtime->definition->reload(runtime->state, fresh, error);
		if (status != VU_OK) {
			/* The service may have looked at it from other threads already. */
			retire(runtime, fresh);
			return status;
		}
	}
	retire(runtime, atomic_exchange_explicit(&runtime->config, fresh, memory_order_acq_rel));
	vu_memory_limit_guard(runtime);
	vu_log_info("read the configuration again%s%s", fresh->source_path ? " from " : "",
	            fresh->source_path ? fresh->source_path : "");
	return VU_OK;
}

void vu_runtime_request_reload(vu_runtime *runtime, vu_rpc_call *call)
{
	vu_pending_reload *pending = malloc(sizeof *pending);

	if (!pending) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to read the configuration again: out of memory");
		return;
	}
	pending->call = call;
	pthread_mutex_lock(&runtime->lock);
	pending->next = runtime->reloads;
	runtime->reloads = pending;
	pthread_mutex_unlock(&runtime->lock);
	uv_async_send(&runtime->reload_wanted);
}

void vu_runtime_serve_reloads(vu_runtime *runtime)
{
	Vu__Empty done = VU__EMPTY__INIT;
	vu_pending_reload *pending;
	vu_error error;
	vu_status status;

	pthread_mutex_lock(&runtime->lock);
	pending = runtime->reloads;
	runtime->reloads = NULL;
	pthread_mutex_unlock(&runtime->lock);
	if (!pending)
		return;
	status = vu_runtime_reload(runtime, &error);
	if (status != VU_OK)
		vu_log_error("%s; the previous configuration stays in force", error.message);
	while (pending) {
		vu_pending_reload *next = pending->next;
		if (status == VU_OK)
			vu_rpc_reply(pending->call, &done.base);
		else
			vu_rpc_fail_error(pending->call, &error);
		free(pending);
		pending = next;
	}
}
