/* Checks of everything that requests carry. Whatever passes is safe to compute with. */
#include "base/user_name.h"
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

vu_status check_namespace(const char *namespace, vu_error *error)
{
	vu_error reason;

	if (!namespace || !namespace[0])
		return VU_OK;
	if (vu_user_name_check(namespace, &reason) != VU_OK)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the namespace as one: as a name, %s",
		               reason.message);
	return VU_OK;
}

vu_status check_key(const Vu__UserKey *key, user_key *out, vu_error *error)
{
	vu_status status;

	if (!key)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the request names no user");
	status = vu_user_name_check(key->user, error);
	if (status == VU_OK)
		status = check_namespace(key->namespace_, error);
	*out = (user_key){key->namespace_, key->user};
	return status;
}

vu_status check_level(const settings *with, const char *text, vu_level *level_out, vu_error *error)
{
	if (!text || !text[0]) {
		*level_out = with->level;
		return VU_OK;
	}
	return vu_level_parse(text, level_out, error);
}

vu_status check_extractor(const held_scorer *held, const char *extractor, vu_error *error)
{
	const char *needed = held->scorer.background->extractor;

	if (!vu_utf8_is_valid(extractor) || strlen(extractor) >= VU_EXTRACTOR_NAME_SIZE)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the name of the extractor is not a name");
	if (strcmp(extractor, needed) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to score vectors by '%s': the background model was trained for '%s'; set "
		               "ml.background_model to one that fits",
		               extractor, needed);
	return VU_OK;
}

static vu_status check_vector(const Vu__SpeakerVector *vector, const char *what, vu_error *error)
{
	if (!vector || vector->n_values == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "%s has no speaker vector: speak for at least 0.3 s",
		               what);
	return vu_scorer_check_vector(vector->values, vector->n_values, error);
}

vu_status check_input(const Vu__SpeakerVector *vector, ProtobufCBinaryData statistics, const Vu__Quality *quality,
                      vu_scorer_input *input, vu_error *error)
{
	vu_status status = check_vector(vector, "the request", error);

	if (status != VU_OK)
		return status;
	*input = (vu_scorer_input){
	    .vector = vector->values,
	    .statistics = statistics.data,
	    .statistics_bytes = statistics.len,
	    .speech_ms = quality ? quality->speech_ms : 0,
	    .snr_db = quality && isfinite(quality->snr_db) ? quality->snr_db : 0,
	};
	return VU_OK;
}

vu_status check_samples(Vu__EnrollSample *const *messages, size_t count, vu_scorer_sample *samples, float **crops_out,
                        vu_error *error)
{
	size_t total = 0;
	size_t used = 0;
	float *crops;
	vu_status status;

	*crops_out = NULL;
	if (count > VU_SCORER_SAMPLES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the request has %zu samples: give at most %d", count,
		               VU_SCORER_SAMPLES_MAX);
	for (size_t s = 0; s < count; s++) {
		const Vu__EnrollSample *message = messages[s];
		status =
		    check_input(message->vector, message->statistics, message->quality, &samples[s].whole, error);
		if (status != VU_OK)
			return status;
		if (message->n_crops > VU_SCORER_CROPS_MAX)
			return vu_fail(error, VU_INVALID_ARGUMENT, "a sample has %zu crops: give at most %d",
			               message->n_crops, VU_SCORER_CROPS_MAX);
		for (size_t c = 0; c < message->n_crops; c++) {
			status = check_vector(message->crops[c], "a crop of a sample", error);
			if (status != VU_OK)
				return status;
		}
		total += message->n_crops;
	}
	crops = malloc((total + 1) * VU_BACKGROUND_DIMENSIONS * sizeof *crops);
	if (!crops)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to take the samples: out of memory");
	for (size_t s = 0; s < count; s++) {
		samples[s].crops = crops + used * VU_BACKGROUND_DIMENSIONS;
		samples[s].crop_count = messages[s]->n_crops;
		for (size_t c = 0; c < messages[s]->n_crops; c++, used++)
			memcpy(crops + used * VU_BACKGROUND_DIMENSIONS, messages[s]->crops[c]->values,
			       VU_BACKGROUND_DIMENSIONS * sizeof *crops);
	}
	*crops_out = crops;
	return VU_OK;
}
