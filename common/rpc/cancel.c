/*
 * Cancel tokens. A trigger sets the flag first and wakes everybody second; who
 * waits looks at the flag under the lock that the wake-up takes, so none is
 * missed.
 */
#include "rpc/cancel.h"

#include <stdatomic.h>
#include <stdlib.h>

struct vu_cancel {
	uv_mutex_t lock;
	vu_cancel_waiter *waiters;
	atomic_bool triggered;
};

vu_status vu_cancel_create(vu_cancel **cancel_out)
{
	vu_cancel *cancel = calloc(1, sizeof *cancel);
	if (!cancel)
		return VU_RESOURCE_EXHAUSTED;
	if (uv_mutex_init(&cancel->lock) != 0) {
		free(cancel);
		return VU_RESOURCE_EXHAUSTED;
	}
	atomic_init(&cancel->triggered, false);
	*cancel_out = cancel;
	return VU_OK;
}

void vu_cancel_trigger(vu_cancel *cancel)
{
	atomic_store(&cancel->triggered, true);
	uv_mutex_lock(&cancel->lock);
	for (vu_cancel_waiter *waiter = cancel->waiters; waiter; waiter = waiter->next) {
		uv_mutex_lock(waiter->lock);
		uv_cond_broadcast(waiter->changed);
		uv_mutex_unlock(waiter->lock);
	}
	uv_mutex_unlock(&cancel->lock);
}

bool vu_cancel_is_triggered(const vu_cancel *cancel)
{
	return cancel && atomic_load(&cancel->triggered);
}

void vu_cancel_destroy(vu_cancel *cancel)
{
	if (!cancel)
		return;
	uv_mutex_destroy(&cancel->lock);
	free(cancel);
}

void vu_cancel_add(vu_cancel *cancel, vu_cancel_waiter *waiter)
{
	if (!cancel)
		return;
	uv_mutex_lock(&cancel->lock);
	waiter->next = cancel->waiters;
	cancel->waiters = waiter;
	uv_mutex_unlock(&cancel->lock);
}

void vu_cancel_remove(vu_cancel *cancel, vu_cancel_waiter *waiter)
{
	if (!cancel)
		return;
	uv_mutex_lock(&cancel->lock);
	for (vu_cancel_waiter **link = &cancel->waiters; *link; link = &(*link)->next) {
		if (*link == waiter) {
			*link = waiter->next;
			break;
		}
	}
	uv_mutex_unlock(&cancel->lock);
}
