/* Everything that is not an accept which may unlock, for this very user, opens nothing. */
#include "judge.h"

#include <stdio.h>
#include <string.h>

const char *vu_pam_outcome_word(vu_pam_outcome outcome)
{
	switch (outcome) {
	case VU_PAM_OUTCOME_UNLOCK:
		return "unlock";
	case VU_PAM_OUTCOME_REFUSED:
		return "refused";
	case VU_PAM_OUTCOME_EXHAUSTED:
		return "exhausted";
	case VU_PAM_OUTCOME_READY:
		return "ready";
	default:
		return "unavailable";
	}
}

vu_pam_outcome vu_pam_judge(const voiceunlock_attempt *attempt, const char *user, int try, int tries)
{
	switch (attempt->verdict) {
	case VOICEUNLOCK_ACCEPT:
		return attempt->may_unlock && attempt->user && strcmp(attempt->user, user) == 0
		           ? VU_PAM_OUTCOME_UNLOCK
		           : VU_PAM_OUTCOME_UNAVAILABLE;
	case VOICEUNLOCK_REJECT:
	case VOICEUNLOCK_SPOOF:
		/* No challenge could be put to this user: nobody spoke, so nobody was refused. */
		if (attempt->quality.total_ms == 0)
			return VU_PAM_OUTCOME_UNAVAILABLE;
		if (try < tries)
			return VU_PAM_OUTCOME_AGAIN;
		return tries > 1 ? VU_PAM_OUTCOME_EXHAUSTED : VU_PAM_OUTCOME_REFUSED;
	case VOICEUNLOCK_LOCKED:
		return VU_PAM_OUTCOME_EXHAUSTED;
	default:
		return VU_PAM_OUTCOME_UNAVAILABLE;
	}
}

void vu_pam_door_write(char *door, size_t size, const char *service, const char *tty)
{
	static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_@+-";

	if (strncmp(tty, "/dev/", 5) == 0)
		tty += 5;
	snprintf(door, size, "%.31s:%.32s", *service ? service : "-", *tty ? tty : "-");
	for (char *c = door; *c; c++) {
		if (!strchr(ALLOWED, *c))
			*c = '_';
	}
}

bool vu_pam_is_privileged(const char *service)
{
	static const char *const SERVICES[] = {"sudo", "sudo-i",  "sudo_local", "su",    "su-l",
	                                       "doas", "runuser", "polkit-1",   "pkexec"};

	for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++) {
		if (strcmp(service, SERVICES[i]) == 0)
			return true;
	}
	return false;
}
