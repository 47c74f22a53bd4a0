/*
 * Status codes and errors, used by every library and every process.
 *
 * The numbers and meanings are those of gRPC, so that a status can travel over
 * RPC unchanged. A function that can fail returns a vu_status; where a person
 * will have to act on the failure it also takes a vu_error (may be NULL) as its
 * last parameter and fills it with "unable to <verb> <object>: <reason>" and,
 * where one is known, the remedy.
 */
#ifndef VU_BASE_STATUS_H
#define VU_BASE_STATUS_H

#include <stdarg.h>

typedef enum vu_status {
	VU_OK = 0,
	VU_CANCELLED = 1,
	VU_UNKNOWN = 2,
	VU_INVALID_ARGUMENT = 3,
	VU_DEADLINE_EXCEEDED = 4,
	VU_NOT_FOUND = 5,
	VU_ALREADY_EXISTS = 6,
	VU_PERMISSION_DENIED = 7,
	VU_RESOURCE_EXHAUSTED = 8,
	VU_FAILED_PRECONDITION = 9,
	VU_ABORTED = 10,
	VU_OUT_OF_RANGE = 11,
	VU_UNIMPLEMENTED = 12,
	VU_INTERNAL = 13,
	VU_UNAVAILABLE = 14,
	VU_DATA_LOSS = 15,
	VU_UNAUTHENTICATED = 16,
} vu_status;

#define VU_STATUS_COUNT 17

/* The longest message kept; longer ones are cut. */
#define VU_ERROR_MESSAGE_MAX 512

typedef struct vu_error {
	vu_status status;
	char message[VU_ERROR_MESSAGE_MAX];
} vu_error;

/* "NOT_FOUND" and so on; "STATUS_<n>" is never returned: unknown numbers give "UNKNOWN". */
const char *vu_status_name(vu_status status);

/*
 * Fills `error` (unless NULL) and returns `status`, so that a failure is one
 * line: return vu_fail(error, VU_NOT_FOUND, "unable to open %s: …", path).
 */
vu_status vu_fail(vu_error *error, vu_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like vu_fail, appending ": <strerror(errno_value)>"; the status is derived from errno. */
vu_status vu_fail_errno(vu_error *error, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The status that fits an errno: ENOENT is NOT_FOUND, EACCES is PERMISSION_DENIED, … */
vu_status vu_status_from_errno(int errno_value);

#endif
