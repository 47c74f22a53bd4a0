/* Injection traces as a detector; see injection.h for what is looked for. */
#include "detector.h"
#include "device_bands.h"
#include "injection.h"

#include <stdlib.h>

/* What counts as enough audio to look at. */
#define SECONDS_MIN 0.3

struct vu_detector {
	vu_injection *injection;
	vu_device_bands *bands; /* may be NULL: then nothing is known of devices */
};

static vu_status create(void *shared, vu_detector **detector_out, vu_error *error)
{
	vu_detector *detector = calloc(1, sizeof *detector);

	if (!detector || vu_injection_create(&detector->injection) != VU_OK) {
		free(detector);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to look for injection traces: out of memory");
	}
	detector->bands = shared;
	*detector_out = detector;
	return VU_OK;
}

static void push(vu_detector *detector, const int16_t *samples, size_t count)
{
	vu_injection_push(detector->injection, samples, count);
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
	vu_injection_finish(detector->injection, &traces);
	result->ran = traces.seconds >= SECONDS_MIN;
	/* Evaluations and recordings say nothing of a microphone. */
	if (detector->bands && result->ran && !context->isolated && *context->device)
		traces.device_hz =
		    vu_device_bands_meet(detector->bands, context->device, vu_injection_band_hz(&traces));
	result->score = vu_injection_score(&traces, context->source_rate_hz, result->reason, sizeof result->reason);
	/* An enrolment is remembered, not refused. */
	result->threshold = context->enrollment ? -100.0F : threshold_of(level);
	return VU_OK;
}

static void destroy(vu_detector *detector)
{
	vu_injection_destroy(detector->injection);
	free(detector);
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
