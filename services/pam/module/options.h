/* What stands behind pam_voice_unlock.so in a file of /etc/pam.d. */
#ifndef VU_PAM_OPTIONS_H
#define VU_PAM_OPTIONS_H

#include <stdbool.h>

#define VU_PAM_TIMEOUT_S_MAX 60
#define VU_PAM_TRIES_MAX     5

typedef struct vu_pam_options {
	int timeout_s;             /* to begin to speak; default 8 */
	int tries;                 /* default 1 */
	const char *level;         /* NULL: configured */
	const char *anti_spoofing; /* NULL: configured; for privileged services the challenge */
	bool user_prompt;          /* ask for Enter before listening */
	bool quiet;                /* say nothing */
} vu_pam_options;

/*
 * NULL, or the first argument that is not understood: then nothing may be
 * listened to, since nobody knows what was meant. Texts point into `argv`.
 */
const char *vu_pam_options_parse(int argc, const char **argv, vu_pam_options *out);

#endif
