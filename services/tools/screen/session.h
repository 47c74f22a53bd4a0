/* The login session as systemd-logind knows it, asked and told through loginctl. */
#ifndef VU_SCREEN_SESSION_H
#define VU_SCREEN_SESSION_H

#include "base/status.h"

#include <stdbool.h>

typedef struct vu_screen_session {
	bool locked;
	bool active;
	bool remote;
} vu_screen_session;

/* UNIMPLEMENTED where there is no loginctl (macOS has no public way to open its lock screen). */
vu_status vu_screen_session_look(const char *id, vu_screen_session *out, vu_error *error);
vu_status vu_screen_session_unlock(const char *id, vu_error *error);
/* OK when `id` can be the name of a session. */
vu_status vu_screen_session_check_id(const char *id, vu_error *error);

#endif
