/* The sentence that goes with a verdict: what it is, and what to do next. */
#ifndef VU_ORCHESTRATOR_REASON_H
#define VU_ORCHESTRATOR_REASON_H

#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_REASON_SIZE 768

typedef struct vu_reason_facts {
	Vu__Verdict verdict;
	const char *user; /* "" when nobody was claimed or found */
	bool identify;    /* nobody claimed to be anyone */
	bool upload;
	bool isolated;
	bool may_unlock;
	bool unheard; /* refused before anybody spoke, which is nobody's failure */
	uint32_t failures_left;
	uint64_t locked_for_s;
	const char *advice;  /* for the speaker, from features; or "" */
	const char *spoof;   /* antispoof's reason; or "" */
	const char *trouble; /* why something is unavailable or there is no audio; or "" */
} vu_reason_facts;

void vu_reason_write(const vu_reason_facts *facts, char *text, size_t size);

#endif
