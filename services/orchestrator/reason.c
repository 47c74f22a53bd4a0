/* Verdicts in words. */
#include "reason.h"

#include <stdio.h>
#include <string.h>

/* `text` with a full stop, unless it ends in punctuation; `otherwise` when it is empty. */
static void end_sentence(const char *text, const char *otherwise, char *out, size_t size)
{
	size_t length;

	snprintf(out, size, "%s", *text ? text : otherwise);
	length = strlen(out);
	if (length > 0 && length + 1 < size && !strchr(".!?", out[length - 1]))
		snprintf(out + length, size - length, ".");
}

static void say_accept(const vu_reason_facts *facts, char *text, size_t size)
{
	if (facts->identify)
		snprintf(text, size, "This is %s. Run jarvis-voice-unlock test to try an authentication.",
		         facts->user);
	else if (facts->may_unlock)
		snprintf(text, size, "The voice is %s's. Nothing more to do.", facts->user);
	else if (facts->upload)
		snprintf(text, size, "The voice is %s's. Audio from a file never unlocks anything: speak to unlock.",
		         facts->user);
	else
		snprintf(text, size, "The voice is %s's. This attempt was only a trial: authenticate to unlock.",
		         facts->user);
}

/* What a failure costs: the tail of reject and spoof. */
static void say_failures(const vu_reason_facts *facts, char *text, size_t size)
{
	if (facts->isolated || facts->identify || facts->unheard)
		*text = '\0';
	else if (facts->locked_for_s > 0)
		snprintf(text, size,
		         " That was the last of the allowed attempts: use your password, or try again in %llu s.",
		         (unsigned long long)facts->locked_for_s);
	else
		snprintf(text, size, " %u %s left before a lockout.", facts->failures_left,
		         facts->failures_left == 1 ? "attempt is" : "attempts are");
}

void vu_reason_write(const vu_reason_facts *facts, char *text, size_t size)
{
	char first[VU_REASON_SIZE - 256];
	char tail[160];

	switch (facts->verdict) {
	case VU__VERDICT__VERDICT_ACCEPT:
		say_accept(facts, text, size);
		break;
	case VU__VERDICT__VERDICT_REJECT:
		if (facts->identify) {
			snprintf(
			    text, size,
			    "This is nobody who is enrolled. Speak again closer to the microphone, or enrol with "
			    "jarvis-voice-unlock enroll USER.");
			break;
		}
		say_failures(facts, tail, sizeof tail);
		snprintf(text, size,
		         "The voice is not %s's.%s Speak again as you did at enrolment, close to the microphone, or "
		         "use your "
		         "password.",
		         facts->user, tail);
		break;
	case VU__VERDICT__VERDICT_SPOOF:
		end_sentence(facts->spoof, "This does not sound like a live person", first, sizeof first);
		if (facts->unheard) {
			snprintf(text, size, "%s%s", first, facts->identify ? "" : " Or use your password.");
			break;
		}
		say_failures(facts, tail, sizeof tail);
		snprintf(text, size, "%s%s Speak yourself, freshly, into the microphone, or use your password.",
		         first, tail);
		break;
	case VU__VERDICT__VERDICT_NO_SPEECH:
		end_sentence(*facts->trouble ? facts->trouble : facts->advice, "No speech was heard", first,
		             sizeof first);
		if (facts->upload)
			snprintf(text, size, "%s Give another recording, or speak into the microphone.", first);
		else
			snprintf(text, size, "%s Then speak again.", first);
		break;
	case VU__VERDICT__VERDICT_NOT_ENROLLED:
		if (facts->identify)
			snprintf(text, size, "Nobody is enrolled. Run jarvis-voice-unlock enroll USER.");
		else if (*facts->trouble)
			snprintf(text, size, "%s", facts->trouble);
		else
			snprintf(text, size, "%s is not enrolled. Run jarvis-voice-unlock enroll %s.", facts->user,
			         facts->user);
		break;
	case VU__VERDICT__VERDICT_LOCKED:
		if (facts->identify) {
			snprintf(text, size,
			         "This user is locked out after too many failed attempts. Try again in %llu s.",
			         (unsigned long long)facts->locked_for_s);
			break;
		}
		snprintf(
		    text, size,
		    "%s is locked out after too many failed attempts. Use your password, or try again in %llu s.",
		    facts->user, (unsigned long long)facts->locked_for_s);
		break;
	case VU__VERDICT__VERDICT_UNAVAILABLE:
	default:
		end_sentence(facts->trouble, "A check gave no answer", first, sizeof first);
		snprintf(text, size, "%s Try again, or run jarvis-voice-unlock status to see what is down.", first);
		break;
	}
}
