/*
 * Where the machine suite is, compiled in: a helper that runs as root takes
 * nothing of this from arguments or the environment.
 */
#ifndef VU_PAM_PLACES_H
#define VU_PAM_PLACES_H

#include "base/status.h"

#include <sys/types.h>

typedef struct vu_pam_places {
	const char *runtime_folder; /* "/run/voice-unlock" */
	const char *config_path;    /* "/etc/voice-unlock/config.yaml" */
	const char *user;           /* the only one whose suite is believed: "_voiceunlock" */
} vu_pam_places;

extern const vu_pam_places VU_PAM_PLACES;

/*
 * Whether what lies there is the machine suite's: its folder and socket belong
 * to its user and nobody else may write there, nor replace the folder. Gives
 * that user's uid, which the process behind the socket must have, too.
 * PERMISSION_DENIED says what is wrong; UNAVAILABLE: there is no suite.
 */
vu_status vu_pam_places_check(const vu_pam_places *places, uid_t *uid_out, vu_error *error);

#endif
