/*
 * What a user may be called. One rule for the command line, every RPC and
 * every file name that is made of it.
 */
#ifndef VU_BASE_USER_NAME_H
#define VU_BASE_USER_NAME_H

#include "base/status.h"

/* Longest user name in bytes. */
#define VU_USER_NAME_MAX 64

/*
 * OK, or INVALID_ARGUMENT saying which rule `name` breaks: 1 to 64 bytes of
 * valid UTF-8 without control or invisible characters, '/', '\', or leading '.', '-', or
 * space, and no trailing space.
 */
vu_status vu_user_name_check(const char *name, vu_error *error);

/* True when the bytes are valid UTF-8 (no overlong forms, no surrogates). */
int vu_utf8_is_valid(const char *text);

#endif
