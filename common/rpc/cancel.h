/*
 * The inside of a cancel token: who waits under it, so that a trigger can wake
 * them. The public part is in channel.h.
 */
#ifndef VU_RPC_CANCEL_H
#define VU_RPC_CANCEL_H

#include "rpc/channel.h"

#include <uv.h>

/* One place where a call may wait; lives on its stack. */
typedef struct vu_cancel_waiter {
	struct vu_cancel_waiter *next;
	uv_mutex_t *lock;
	uv_cond_t *changed; /* woken under lock; who waits on it looks at the flag */
} vu_cancel_waiter;

/* `cancel` may be NULL in all of these. A waiter stays registered, unmoved, until removed. */
void vu_cancel_add(vu_cancel *cancel, vu_cancel_waiter *waiter);
void vu_cancel_remove(vu_cancel *cancel, vu_cancel_waiter *waiter);

#endif
