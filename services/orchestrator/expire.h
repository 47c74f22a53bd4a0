/*
 * Templates that nobody uses: asks models now and then to look for them, says in
 * the log whose is about to expire, and writes who was erased into history and
 * audit log. One thread.
 */
#ifndef VU_ORCHESTRATOR_EXPIRE_H
#define VU_ORCHESTRATOR_EXPIRE_H

#include "orchestrator.h"

/* When to look again (monotonic); 0 at first. */
typedef struct vu_expire {
	int64_t due_us;
} vu_expire;

/* Looks when it is time to. */
void vu_expire_look(vu_orchestrator *orchestrator, vu_expire *expire);

#endif
