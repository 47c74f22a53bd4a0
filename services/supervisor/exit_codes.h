/* What vu-supervisor exits with, and what its services mean by theirs. */
#ifndef VU_SUPERVISOR_EXIT_CODES_H
#define VU_SUPERVISOR_EXIT_CODES_H

#include "base/status.h"

typedef enum vu_exit_code {
	VU_EXIT_DONE = 0,
	VU_EXIT_USAGE = 2,
	VU_EXIT_UNAVAILABLE = 7, /* a service does not come up */
	VU_EXIT_CONFIGURATION = 8,
	VU_EXIT_PERMISSION = 9,
	VU_EXIT_INTERNAL = 70,
	VU_EXIT_ALREADY_RUNNING = 75, /* a supervisor serves this runtime folder; nothing was changed */
} vu_exit_code;

/* For a start that ended with this status. */
static inline vu_exit_code vu_exit_code_of(vu_status status)
{
	switch (status) {
	case VU_OK:
		return VU_EXIT_DONE;
	case VU_INVALID_ARGUMENT:
	case VU_FAILED_PRECONDITION:
	case VU_NOT_FOUND:
	case VU_OUT_OF_RANGE:
		return VU_EXIT_CONFIGURATION;
	case VU_PERMISSION_DENIED:
		return VU_EXIT_PERMISSION;
	case VU_UNAVAILABLE:
	case VU_DEADLINE_EXCEEDED:
		return VU_EXIT_UNAVAILABLE;
	case VU_ALREADY_EXISTS:
		return VU_EXIT_ALREADY_RUNNING;
	default:
		return VU_EXIT_INTERNAL;
	}
}

#endif
