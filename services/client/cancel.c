/* Cancel tokens: the public face of those that RPC calls carry. */
#include "internal.h"

#include <stdlib.h>

voiceunlock_code voiceunlock_cancel_create(voiceunlock_cancel **cancel_out)
{
	voiceunlock_cancel *cancel = calloc(1, sizeof *cancel);
	vu_status status;

	if (!cancel)
		return VOICEUNLOCK_RESOURCE_EXHAUSTED;
	status = vu_cancel_create(&cancel->rpc);
	if (status != VU_OK) {
		free(cancel);
		return (voiceunlock_code)status;
	}
	*cancel_out = cancel;
	return VOICEUNLOCK_OK;
}

void voiceunlock_cancel_trigger(voiceunlock_cancel *cancel)
{
	vu_cancel_trigger(cancel->rpc);
}

bool voiceunlock_cancel_is_triggered(const voiceunlock_cancel *cancel)
{
	return vu_cancel_is_triggered(cancel->rpc);
}

void voiceunlock_cancel_destroy(voiceunlock_cancel *cancel)
{
	if (!cancel)
		return;
	vu_cancel_destroy(cancel->rpc);
	free(cancel);
}
