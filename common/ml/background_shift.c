/* Statistics of all recordings of a cohort member together are its voice, as those of an enrolment are a user's. */
#include "ml/background_shift.h"

#include "ml/frames.h"
#include "ml/pca.h"
#include "ml/shift.h"

#include <math.h>
#include <stdlib.h>

#define NOT_CHOSEN UINT32_MAX

/* Of `of` people, which `wanted` are taken: spread evenly. */
static bool is_taken(uint32_t index, uint32_t of, uint32_t wanted)
{
	return (uint64_t)(index + 1) * wanted / of > (uint64_t)index * wanted / of;
}

/* Numbers the chosen people in place[person], others are NOT_CHOSEN. Returns how many there are. */
static uint32_t choose(const uint32_t *recordings, uint32_t people, uint32_t wanted, uint32_t *place)
{
	uint32_t several = 0;
	uint32_t single = 0;
	uint32_t of_several;
	uint32_t of_single;
	uint32_t seen[2] = {0, 0};
	uint32_t chosen = 0;

	for (uint32_t p = 0; p < people; p++) {
		several += recordings[p] > 1;
		single += recordings[p] == 1;
	}
	of_several = several < wanted ? several : wanted;
	of_single = single < wanted - of_several ? single : wanted - of_several;
	for (uint32_t p = 0; p < people; p++) {
		bool more = recordings[p] > 1;
		bool taken =
		    recordings[p] > 0 && is_taken(seen[more], more ? several : single, more ? of_several : of_single);
		seen[more] += recordings[p] > 0;
		place[p] = taken ? chosen++ : NOT_CHOSEN;
	}
	return chosen;
}

static bool counts(const vu_training_utterance *u, const bool *use)
{
	return use[u->person] && !u->augmented && u->statistics;
}

/* Adds up the statistics of the chosen: chosen x components, chosen x length. */
static vu_status add_up(const vu_gmm *ubm, vu_frames_kind kind, const vu_training_utterance *utterances, size_t count,
                        const bool *use, const uint32_t *place, float *zeroth, float *first)
{
	size_t length = ubm->components * ubm->dimensions;
	float *one = malloc((ubm->components + length) * sizeof *one);
	vu_status status = one ? VU_OK : VU_RESOURCE_EXHAUSTED;

	for (size_t i = 0; i < count && status == VU_OK; i++) {
		const vu_training_utterance *u = &utterances[i];
		float *frames;
		size_t frame_count;
		float spread[VU_FRAMES_DIMENSIONS];
		size_t at = place[u->person];
		if (!counts(u, use) || at == NOT_CHOSEN ||
		    vu_frames_describe(u->statistics, u->statistics_bytes, kind, &frames, &frame_count, spread,
		                       NULL) != VU_OK)
			continue;
		vu_gmm_statistics(ubm, frames, frame_count, one, one + ubm->components);
		free(frames);
		for (size_t m = 0; m < ubm->components; m++)
			zeroth[at * ubm->components + m] += one[m];
		for (size_t k = 0; k < length; k++)
			first[at * length + k] += one[ubm->components + k];
	}
	free(one);
	return status;
}

static void write_sections(const vu_training_config *config, const vu_gmm *ubm, uint32_t chosen, const float *zeroth,
                           float *voices, float *mean, float *lengths, vu_model_writer *writer)
{
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	uint32_t length = (uint32_t)(ubm->components * ubm->dimensions);
	float parameters[4] = {(float)config->shift_relevance, (float)config->shift_top,
	                       (float)config->shift_audio_share, (float)config->shift_frames};

	for (size_t p = 0; p < chosen; p++)
		for (size_t k = 0; k < length; k++) {
			float *value = &voices[p * length + k];
			*value /= zeroth[p * ubm->components + k / ubm->dimensions] + parameters[0];
			mean[k] += *value / (float)chosen;
		}
	for (size_t p = 0; p < chosen; p++) {
		float *voice = voices + p * length;
		for (size_t k = 0; k < length; k++)
			voice[k] -= mean[k];
		lengths[p] = sqrtf(vu_dot(voice, voice, length));
		vu_normalize_length(voice, length);
	}
	vu_model_writer_add_floats(writer, "shift.param", VU_ELEMENT_F32, 1, 4, parameters);
	vu_model_writer_add_floats(writer, "shift.mean", element, 1, length, mean);
	vu_model_writer_add_floats(writer, "shift.cohort", config->quantize ? VU_ELEMENT_I8 : VU_ELEMENT_F32, chosen,
	                           length, voices);
	vu_model_writer_add_floats(writer, "shift.length", VU_ELEMENT_F32, 1, chosen, lengths);
}

vu_status vu_background_fit_shift(const vu_training_config *config, const vu_gmm *ubm, vu_frames_kind kind,
                                  const vu_training_utterance *utterances, size_t count, const bool *use,
                                  uint32_t people, vu_model_writer *writer, vu_error *error)
{
	size_t length = ubm->components * ubm->dimensions;
	uint32_t wanted = config->shift_cohort < VU_COHORT_MAX ? config->shift_cohort : VU_COHORT_MAX;
	uint32_t *recordings = calloc(people + 1, sizeof *recordings);
	uint32_t *place = malloc((people + 1) * sizeof *place);
	float *zeroth = NULL;
	float *first = NULL;
	float *mean = NULL;
	uint32_t chosen;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!recordings || !place)
		goto out;
	status = VU_OK;
	for (size_t i = 0; i < count; i++)
		recordings[utterances[i].person] += counts(&utterances[i], use);
	chosen = choose(recordings, people, wanted, place);
	if (chosen < 2 || ubm->components > VU_SHIFT_COMPONENTS_MAX)
		goto out;
	zeroth = calloc(chosen * ubm->components, sizeof *zeroth);
	first = calloc(chosen * length, sizeof *first);
	mean = calloc(length + chosen, sizeof *mean);
	status = zeroth && first && mean ? add_up(ubm, kind, utterances, count, use, place, zeroth, first)
	                                 : VU_RESOURCE_EXHAUSTED;
	if (status == VU_OK)
		write_sections(config, ubm, chosen, zeroth, first, mean, mean + length, writer);
out:
	if (status != VU_OK)
		vu_fail(error, status, "unable to train a background model: out of memory");
	free(mean);
	free(first);
	free(zeroth);
	free(place);
	free(recordings);
	return status;
}
