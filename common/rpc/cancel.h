/*
 * The inside of a cancel token: who waits under it, so that a trigger can wake
 * them. The public part is in channel.h.
 */
#ifndef VU_RPC_CANCEL_H
#define VU_RPC_CANCEL_H

#include "rpc/channel.h"

#include <nng/nng.h>
#include <uv.h>

/* One call that waits; lives on its stack. */
typedef struct vu_cancel_waiter {
	struct vu_cancel_waiter *next;
	nng_aio *aio; /* to be cancelled, or NULL */
	uv_mutex_t *lock;
	uv_cond_t *changed; /* to be woken, under lock */
} vu_cancel_waiter;

/* `cancel` may be NULL in all of these. A waiter stays registered, unmoved, until removed. */
void vu_cancel_add(vu_cancel *cancel, vu_cancel_waiter *waiter);
/* Sets the aio of a registered waiter; once it is NULL again no trigger touches the old one. */
void vu_cancel_set_aio(vu_cancel *cancel, vu_cancel_waiter *waiter, nng_aio *aio);
void vu_cancel_remove(vu_cancel *cancel, vu_cancel_waiter *waiter);

#endif
