/* From an answer of the suite to what the module is told. The only way to "unlock" leads through here. */
#ifndef VU_PAM_JUDGE_H
#define VU_PAM_JUDGE_H

#include "voiceunlock.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum vu_pam_outcome {
	VU_PAM_OUTCOME_UNAVAILABLE = 0,
	VU_PAM_OUTCOME_UNLOCK,
	VU_PAM_OUTCOME_REFUSED,
	VU_PAM_OUTCOME_EXHAUSTED,
	VU_PAM_OUTCOME_AGAIN, /* refused, with tries left */
	VU_PAM_OUTCOME_READY,
} vu_pam_outcome;

/* The word of the protocol. */
const char *vu_pam_outcome_word(vu_pam_outcome outcome);

/* What try number `try` (from 1) of `tries` comes to. */
vu_pam_outcome vu_pam_judge(const voiceunlock_attempt *attempt, const char *user, int try, int tries);

#define VU_PAM_DOOR_SIZE 65

/*
 * Where the person stands, for voiceunlock_attempt_options.door: the PAM service and the terminal ("sudo:pts/3").
 * What may not be in it becomes '_', and each half is cut where it is too long, so two doors may become one, never
 * none.
 */
void vu_pam_door_write(char *door, size_t size, const char *service, const char *tty);

/* True for services that hand out more than the user's own session. */
bool vu_pam_is_privileged(const char *service);

#endif
