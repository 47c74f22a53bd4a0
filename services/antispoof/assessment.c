/* Joins detectors. Fails closed: what did not run is unavailable, never a pass. */
#include "assessment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct running {
	const vu_detector_kind *kind;
	vu_detector *detector; /* NULL: could not be created, see reason */
	char reason[VU_DETECTOR_REASON_MAX];
} running;

struct vu_assessment {
	vu_antispoof_level level;
	const vu_attempt_context *context;
	running detectors[VU_DETECTORS_MAX];
	size_t count;
};

static void keep_reason(char *reason, const vu_error *error, vu_status status)
{
	snprintf(reason, VU_DETECTOR_REASON_MAX, "%.*s", VU_DETECTOR_REASON_MAX - 1,
	         error->message[0] ? error->message : vu_status_name(status));
}

vu_status vu_assessment_create(const vu_detector_entry *entries, size_t entry_count, vu_antispoof_level level,
                               const vu_attempt_context *context, vu_assessment **assessment_out)
{
	vu_assessment *a = calloc(1, sizeof *a);

	if (!a)
		return VU_RESOURCE_EXHAUSTED;
	a->level = level;
	a->context = context;
	for (size_t i = 0; i < entry_count && a->count < VU_DETECTORS_MAX; i++) {
		const vu_detector_kind *kind = entries[i].kind;
		running *r = &a->detectors[a->count];
		vu_error error = {0};
		vu_status status;

		if (level < kind->least_level || (context->isolated && kind->skip_when_isolated))
			continue;
		r->kind = kind;
		status = kind->create(entries[i].shared, &r->detector, &error);
		if (status != VU_OK) {
			r->detector = NULL;
			keep_reason(r->reason, &error, status);
		}
		a->count++;
	}
	*assessment_out = a;
	return VU_OK;
}

void vu_assessment_push(vu_assessment *a, const int16_t *samples, size_t count)
{
	for (size_t i = 0; i < a->count; i++) {
		if (a->detectors[i].detector)
			a->detectors[i].kind->push(a->detectors[i].detector, samples, count);
	}
}

static void judge(const vu_assessment *a, const running *r, vu_assessment_detector *out)
{
	vu_error error = {0};
	vu_status status;

	out->name = r->kind->name;
	out->verdict = VU_ASSESSMENT_UNAVAILABLE;
	if (!r->detector) {
		memcpy(out->result.reason, r->reason, sizeof out->result.reason);
		return;
	}
	status = r->kind->finish(r->detector, a->context, a->level, &out->result, &error);
	if (status == VU_OK && out->result.ran && !isfinite(out->result.score))
		status = vu_fail(&error, VU_INTERNAL, "the score is not a number");
	if (status != VU_OK) {
		keep_reason(out->result.reason, &error, status);
		return;
	}
	if (!out->result.ran)
		out->verdict = VU_ASSESSMENT_UNKNOWN;
	else
		out->verdict =
		    out->result.score >= out->result.threshold ? VU_ASSESSMENT_BONAFIDE : VU_ASSESSMENT_SPOOF;
}

/* ln(1 + e^x) */
static float soften(float x)
{
	return x > 20 ? x : log1pf(expf(x));
}

void vu_assessment_finish(vu_assessment *a, vu_assessment_result *out)
{
	const vu_assessment_detector *decisive = NULL;
	float weakest = INFINITY;

	memset(out, 0, sizeof *out);
	out->verdict = VU_ASSESSMENT_BONAFIDE;
	out->score = INFINITY;
	for (size_t i = 0; i < a->count; i++) {
		vu_assessment_detector *d = &out->detectors[out->detector_count++];
		float distance;

		judge(a, &a->detectors[i], d);
		if (d->verdict == VU_ASSESSMENT_UNAVAILABLE) {
			out->verdict = VU_ASSESSMENT_UNAVAILABLE;
			decisive = d;
			continue;
		}
		if (d->verdict == VU_ASSESSMENT_UNKNOWN)
			continue;
		weakest = fminf(weakest, d->result.score);
		distance = d->result.score - d->result.threshold;
		if (distance < out->score)
			out->score = distance;
		if (d->verdict == VU_ASSESSMENT_SPOOF && out->verdict != VU_ASSESSMENT_UNAVAILABLE) {
			out->verdict = VU_ASSESSMENT_SPOOF;
			decisive = d;
		}
	}
	if (!isfinite(out->score)) {
		/* Nothing could be judged: too little audio. That is not evidence of a person. */
		out->score = 0;
		if (out->verdict == VU_ASSESSMENT_BONAFIDE && a->count > 0)
			out->verdict = VU_ASSESSMENT_UNKNOWN;
	}
	if (out->verdict == VU_ASSESSMENT_BONAFIDE)
		out->score = soften(weakest);
	if (decisive)
		snprintf(out->reason, sizeof out->reason, "%s: %s", decisive->name, decisive->result.reason);
}

void vu_assessment_destroy(vu_assessment *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		if (a->detectors[i].detector)
			a->detectors[i].kind->destroy(a->detectors[i].detector);
	}
	free(a);
}
