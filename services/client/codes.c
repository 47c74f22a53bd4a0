/* Names of codes and verdicts, and the way from inner errors to the caller's. Nothing here fails. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)VOICEUNLOCK_UNAUTHENTICATED == (int)VU_UNAUTHENTICATED, "codes are those of the protocol");
_Static_assert((int)VOICEUNLOCK_LOCKED == (int)VU__VERDICT__VERDICT_LOCKED, "verdicts are those of the protocol");
_Static_assert((int)VOICEUNLOCK_SPOOF_OFF == (int)VU__SPOOF_VERDICT__SPOOF_OFF, "so are those on spoofing");
_Static_assert((int)VOICEUNLOCK_PHASE_DONE == (int)VU__ATTEMPT_PHASE__PHASE_DONE, "and the phases");

const char *voiceunlock_code_name(voiceunlock_code code)
{
	return vu_status_name((vu_status)code);
}

const char *voiceunlock_version(void)
{
	return VU_VERSION;
}

const char *voiceunlock_verdict_name(voiceunlock_verdict verdict)
{
	static const char *const NAMES[] = {"unknown",   "accept",      "reject",       "spoof",
	                                    "no_speech", "unavailable", "not_enrolled", "locked"};

	return (unsigned)verdict < sizeof NAMES / sizeof *NAMES ? NAMES[verdict] : NAMES[0];
}

const char *voiceunlock_spoof_verdict_name(voiceunlock_spoof_verdict verdict)
{
	static const char *const NAMES[] = {"unknown", "bonafide", "spoof", "unavailable", "off"};

	return (unsigned)verdict < sizeof NAMES / sizeof *NAMES ? NAMES[verdict] : NAMES[0];
}

voiceunlock_code vu_client_return(vu_status status, const vu_error *inner, voiceunlock_error *error)
{
	if (error && status != VU_OK) {
		error->code = (voiceunlock_code)status;
		snprintf(error->message, sizeof error->message, "%s", inner->message);
	}
	return (voiceunlock_code)status;
}

void voiceunlock_text_free(char *text)
{
	free(text);
}
