/*
 * From messages to the structures of voiceunlock.h. Running out of memory is
 * noted in a flag and told once at the end, so that conversion reads straight.
 */
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *vu_client_copy(const char *text, bool *out_of_memory)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		*out_of_memory = true;
	return copy;
}

void *vu_client_array(size_t count, size_t size, bool *out_of_memory)
{
	void *array = count > 0 ? calloc(count, size) : NULL;

	if (count > 0 && !array)
		*out_of_memory = true;
	return array;
}

void vu_client_convert_quality(const Vu__Quality *from, voiceunlock_quality *to)
{
	memset(to, 0, sizeof *to);
	to->level_dbfs = -120.0f;
	if (!from)
		return;
	to->speech_ms = from->speech_ms;
	to->total_ms = from->total_ms;
	to->snr_db = from->snr_db;
	to->clipped_pct = from->clipped_pct;
	to->level_dbfs = from->level_dbfs;
	snprintf(to->advice, sizeof to->advice, "%s", from->advice);
}

void vu_client_convert_antispoof(const Vu__AssessResponse *from, voiceunlock_antispoof *to, bool *out_of_memory)
{
	memset(to, 0, sizeof *to);
	to->score = NAN;
	to->level = vu_client_copy(from ? from->level : NULL, out_of_memory);
	to->reason = vu_client_copy(from ? from->reason : NULL, out_of_memory);
	if (!from)
		return;
	to->verdict = (voiceunlock_spoof_verdict)from->verdict;
	if (to->verdict == VOICEUNLOCK_SPOOF_BONAFIDE || to->verdict == VOICEUNLOCK_SPOOF_SPOOF ||
	    from->n_detectors > 0)
		to->score = (double)from->score;
	to->detectors = vu_client_array(from->n_detectors, sizeof *to->detectors, out_of_memory);
	for (size_t i = 0; to->detectors && i < from->n_detectors; i++) {
		voiceunlock_detector *detector = &to->detectors[to->detector_count++];
		detector->name = vu_client_copy(from->detectors[i]->name, out_of_memory);
		detector->reason = vu_client_copy(from->detectors[i]->reason, out_of_memory);
		detector->score = (double)from->detectors[i]->score;
		detector->verdict = (voiceunlock_spoof_verdict)from->detectors[i]->verdict;
	}
}

void vu_client_clear_antispoof(voiceunlock_antispoof *antispoof)
{
	for (size_t i = 0; i < antispoof->detector_count; i++) {
		free(antispoof->detectors[i].name);
		free(antispoof->detectors[i].reason);
	}
	free(antispoof->detectors);
	free(antispoof->level);
	free(antispoof->reason);
}

#define LEVELS (sizeof((voiceunlock_attempt *)0)->level_thresholds / sizeof(double))

vu_status vu_client_convert_attempt(const Vu__AuthenticateResponse *from, voiceunlock_attempt **to, vu_error *error)
{
	bool out_of_memory = false;
	voiceunlock_attempt *attempt = calloc(1, sizeof *attempt);

	if (!attempt)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	attempt->attempt_id = vu_client_copy(from->attempt_id, &out_of_memory);
	attempt->user = vu_client_copy(from->user, &out_of_memory);
	attempt->reason = vu_client_copy(from->reason, &out_of_memory);
	/* A number this client does not know must not look like one that it does. */
	attempt->verdict = (unsigned)from->verdict <= VOICEUNLOCK_LOCKED ? (voiceunlock_verdict)from->verdict
	                                                                 : VOICEUNLOCK_VERDICT_UNKNOWN;
	attempt->score = from->score;
	attempt->threshold = from->threshold;
	for (size_t i = 0; i < LEVELS; i++)
		attempt->level_thresholds[i] =
		    from->n_level_thresholds == LEVELS ? from->level_thresholds[i] : (double)NAN;
	attempt->speaker.svm = from->svm;
	attempt->speaker.second = from->second;
	attempt->speaker.fused = from->fused;
	vu_client_convert_antispoof(from->antispoof, &attempt->antispoof, &out_of_memory);
	vu_client_convert_quality(from->quality, &attempt->quality);
	if (from->timing) {
		attempt->timing_ms.capture = from->timing->capture_ms;
		attempt->timing_ms.features = from->timing->features_ms;
		attempt->timing_ms.antispoof = from->timing->antispoof_ms;
		attempt->timing_ms.score = from->timing->score_ms;
		attempt->timing_ms.decision = from->timing->decision_ms;
		attempt->timing_ms.total = from->timing->total_ms;
	}
	attempt->failures_left = from->failures_left;
	attempt->locked_for_s = from->locked_for_s;
	attempt->may_unlock = from->may_unlock && attempt->verdict == VOICEUNLOCK_ACCEPT;
	if (out_of_memory) {
		voiceunlock_attempt_free(attempt);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	}
	*to = attempt;
	return VU_OK;
}

vu_status vu_client_make_attempt(const char *attempt_id, const char *user, voiceunlock_verdict verdict,
                                 const char *reason, voiceunlock_attempt **to, vu_error *error)
{
	bool out_of_memory = false;
	voiceunlock_attempt *attempt = calloc(1, sizeof *attempt);

	if (!attempt)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	attempt->attempt_id = vu_client_copy(attempt_id, &out_of_memory);
	attempt->user = vu_client_copy(user, &out_of_memory);
	attempt->reason = vu_client_copy(reason, &out_of_memory);
	attempt->verdict = verdict == VOICEUNLOCK_ACCEPT ? VOICEUNLOCK_VERDICT_UNKNOWN : verdict;
	attempt->score = attempt->threshold = NAN;
	attempt->speaker.svm = attempt->speaker.second = attempt->speaker.fused = NAN;
	for (size_t i = 0; i < LEVELS; i++)
		attempt->level_thresholds[i] = NAN;
	vu_client_convert_antispoof(NULL, &attempt->antispoof, &out_of_memory);
	vu_client_convert_quality(NULL, &attempt->quality);
	if (out_of_memory) {
		voiceunlock_attempt_free(attempt);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	}
	*to = attempt;
	return VU_OK;
}

void voiceunlock_attempt_free(voiceunlock_attempt *attempt)
{
	if (!attempt)
		return;
	vu_client_clear_antispoof(&attempt->antispoof);
	free(attempt->attempt_id);
	free(attempt->user);
	free(attempt->reason);
	free(attempt);
}
