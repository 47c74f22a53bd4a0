/* Injection traces as a detector; see injection.h for what is looked for. */
#include "detector.h"
#include "injection.h"

/* What counts as enough audio to look at. */
#define SECONDS_MIN 0.3

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	vu_injection *injection;
	vu_status status = vu_injection_create(&injection);

	(void)shared;
	if (status != VU_OK)
		return vu_fail(error, status, "unable to look for injection traces: out of memory");
	*detector_out = (vu_detector *)injection;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	vu_injection_push((vu_injection *)detector, samples, count);
}

/* Stricter levels want clearer audio; each is still out of reach of a single trace. */
static float threshold_of(vu_antispoof_level level)
{
	switch (level) {
	case VU_ANTISPOOF_LOW:
		return 0.0F;
	case VU_ANTISPOOF_MEDIUM:
		return 0.2F;
	default:
		return 0.4F;
	}
}

static vu_status finish(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
                        vu_detector_result *result, vu_error *error)
{
	vu_injection_traces traces;

	(void)error;
	vu_injection_finish((vu_injection *)detector, &traces);
	result->ran = traces.seconds >= SECONDS_MIN;
	result->score = vu_injection_score(&traces, context->source_rate_hz, result->reason, sizeof result->reason);
	/* An enrolment is remembered, not refused. */
	result->threshold = context->enrollment ? -100.0F : threshold_of(level);
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	vu_injection_destroy((vu_injection *)detector);
}

const vu_detector_kind vu_injection_detector = {
    .name = "injection",
    .least_level = VU_ANTISPOOF_LOW,
    .skip_when_isolated = false,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
