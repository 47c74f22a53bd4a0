/* Status names and error messages. Nothing here fails. */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const STATUS_NAMES[VU_STATUS_COUNT] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

const char *vu_status_name(vu_status status)
{
	if ((unsigned)status >= VU_STATUS_COUNT)
		return STATUS_NAMES[VU_UNKNOWN];
	return STATUS_NAMES[status];
}

vu_status vu_fail(vu_error *error, vu_status status, const char *format, ...)
{
	if (error) {
		va_list arguments;
		error->status = status;
		va_start(arguments, format);
		vsnprintf(error->message, sizeof error->message, format, arguments);
		va_end(arguments);
	}
	return status;
}

vu_status vu_fail_errno(vu_error *error, int errno_value, const char *format, ...)
{
	vu_status status = vu_status_from_errno(errno_value);
	if (error) {
		va_list arguments;
		size_t used;
		error->status = status;
		va_start(arguments, format);
		vsnprintf(error->message, sizeof error->message, format, arguments);
		va_end(arguments);
		used = strlen(error->message);
		snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(errno_value));
	}
	return status;
}

vu_status vu_status_from_errno(int errno_value)
{
	switch (errno_value) {
	case 0:
		return VU_OK;
	case ENOENT:
	case ENOTDIR:
		return VU_NOT_FOUND;
	case EEXIST:
		return VU_ALREADY_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return VU_PERMISSION_DENIED;
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
	case ENFILE:
	case EFBIG:
	case EDQUOT:
		return VU_RESOURCE_EXHAUSTED;
	case EINVAL:
	case ENAMETOOLONG:
		return VU_INVALID_ARGUMENT;
	case ETIMEDOUT:
		return VU_DEADLINE_EXCEEDED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case EAGAIN:
		return VU_UNAVAILABLE;
	case EIO:
		return VU_DATA_LOSS;
	default:
		return VU_INTERNAL;
	}
}
