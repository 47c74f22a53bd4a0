/* Adapting, undoing, and reading back what was adapted. */
#include "ml/adaptation.h"

#include "base/secret.h"
#include "ml/pca.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US (24 * 3600 * INT64_C(1000000))

const char *vu_adaptation_outcome_text(vu_adaptation_outcome outcome)
{
	static const char *const TEXTS[] = {
	    [VU_ADAPTED] = "adapted",
	    [VU_ADAPTATION_NOT_SURE] = "not sure enough",
	    [VU_ADAPTATION_NOT_ENROLLED] = "too far from the enrolment",
	    [VU_ADAPTATION_ENOUGH] = "adapted often enough of late",
	};
	return TEXTS[outcome];
}

static void section_name(char name[VU_MODEL_NAME_SIZE], const char *what, uint32_t space)
{
	snprintf(name, VU_MODEL_NAME_SIZE, "%s.%u", what, space);
}

/* ---- reading ---- */

static vu_status unfit(const vu_template *t, vu_error *error)
{
	return vu_fail(error, VU_DATA_LOSS,
	               "unable to use template %s: what it adapted to does not fit; enrol again with --replace",
	               vu_model_file_name(t->file));
}

static vu_status open_space(const vu_template *t, uint32_t space, vu_template_adapted *out, vu_error *error)
{
	uint32_t length = t->spaces[space].discriminants;
	float values[VU_BACKGROUND_DISCRIMINANTS_MAX + 2];
	char name[VU_MODEL_NAME_SIZE];
	vu_model_section section;
	vu_status status;

	section_name(name, "adapt.mean", space);
	status = vu_model_file_require(t->file, name, VU_ELEMENT_F32, 1, length, &section, error);
	if (status == VU_OK)
		status = vu_model_section_floats(t->file, &section, out->mean[space], error);
	section_name(name, "enrolled", space);
	if (status == VU_OK)
		status = vu_model_file_require(t->file, name, VU_ELEMENT_F32, 1, length + 2, &section, error);
	if (status == VU_OK)
		status = vu_model_section_floats(t->file, &section, values, error);
	if (status != VU_OK)
		return status;
	memcpy(out->voice[space], values, length * sizeof *values);
	out->strangers[space] = (vu_cohort_statistics){values[length], values[length + 1]};
	return values[length + 1] > 0 ? VU_OK : unfit(t, error);
}

vu_status vu_adaptation_open(vu_template *t, vu_error *error)
{
	vu_model_section section;
	vu_status status = VU_OK;

	if (!vu_model_file_find(t->file, "adapt.facts", &section))
		return VU_OK;
	status = vu_model_file_require(t->file, "adapt.facts", VU_ELEMENT_U64, 1, 4, &section, error);
	if (status != VU_OK)
		return status;
	t->adapted = vu_secret_alloc(sizeof *t->adapted);
	if (!t->adapted)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open a template: out of memory");
	memcpy(&t->adapted->facts, section.data, sizeof t->adapted->facts);
	if (t->adapted->facts.count == 0)
		return unfit(t, error);
	for (uint32_t i = 0; i < t->space_count && status == VU_OK; i++)
		status = open_space(t, i, t->adapted, error);
	return status;
}

void vu_adaptation_set_aside(vu_template *t)
{
	for (uint32_t i = 0; t->adapted && i < t->space_count; i++) {
		memcpy(t->spaces[i].voice, t->adapted->voice[i], sizeof t->spaces[i].voice);
		t->spaces[i].strangers = t->adapted->strangers[i];
	}
}

/* ---- writing ---- */

static bool is_of_adaptation(const char *name)
{
	return strncmp(name, "adapt.", 6) == 0 || strncmp(name, "enrolled.", 9) == 0;
}

static bool is_a_voice(const char *name)
{
	for (int i = 0; i < VU_SPACES_MAX; i++)
		if (strcmp(name, vu_template_voices[i][0]) == 0 || strcmp(name, vu_template_voices[i][1]) == 0)
			return true;
	return false;
}

/* Everything but the voices and what was adapted. */
static void copy_rest(const vu_template *from, vu_model_writer *writer)
{
	for (size_t i = 0; i < vu_model_file_section_count(from->file); i++) {
		vu_model_section s;
		vu_model_file_section_at(from->file, i, &s);
		if (!is_a_voice(s.name) && !is_of_adaptation(s.name))
			vu_model_writer_add(writer, s.name, s.element, s.rows, s.columns, s.data);
	}
}

/* In the precision that the template has already. */
static void write_voice(const vu_template *from, uint32_t space, const float *voice, vu_cohort_statistics strangers,
                        vu_model_writer *writer)
{
	vu_model_section old;
	float norm[2] = {strangers.mean, strangers.deviation};
	vu_model_element element = VU_ELEMENT_F32;

	if (vu_model_file_find(from->file, vu_template_voices[space][0], &old))
		element = old.element;
	vu_model_writer_add_floats(writer, vu_template_voices[space][0], element, 1,
	                           from->spaces[space].discriminants, voice);
	vu_model_writer_add_floats(writer, vu_template_voices[space][1], VU_ELEMENT_F32, 1, 2, norm);
}

static vu_cohort_statistics strangers_of(const vu_voice_space *space, const float *voice)
{
	float scores[VU_COHORT_MAX];

	vu_background_ask_cohort(space, voice, scores);
	return vu_cohort_compute(scores, space->cohort_count, space->top);
}

/* The voice of a space moved towards the utterance, and what remains as enrolled. */
static void write_space(const vu_scorer *scorer, const vu_template *from, const vu_template_adapted *enrolled,
                        uint32_t space, const float *heard, uint64_t count, vu_model_writer *writer)
{
	uint32_t length = from->spaces[space].discriminants;
	float mean[VU_BACKGROUND_DISCRIMINANTS_MAX] = {0};
	float voice[VU_BACKGROUND_DISCRIMINANTS_MAX];
	float kept[VU_BACKGROUND_DISCRIMINANTS_MAX + 2];
	char name[VU_MODEL_NAME_SIZE];
	float memory = count < VU_ADAPTATION_MEMORY ? (float)count : (float)VU_ADAPTATION_MEMORY;
	float share = VU_ADAPTATION_SHARE_MAX * (float)count / (float)(count + 2);

	for (uint32_t k = 0; k < length; k++)
		mean[k] = enrolled->mean[space][k] + (heard[k] - enrolled->mean[space][k]) / memory;
	memcpy(voice, mean, length * sizeof *voice);
	vu_normalize_length(voice, length);
	for (uint32_t k = 0; k < length; k++)
		voice[k] = (1 - share) * enrolled->voice[space][k] + share * voice[k];
	vu_normalize_length(voice, length);
	write_voice(from, space, voice, strangers_of(&scorer->background->spaces[space], voice), writer);
	section_name(name, "adapt.mean", space);
	vu_model_writer_add_floats(writer, name, VU_ELEMENT_F32, 1, length, mean);
	memcpy(kept, enrolled->voice[space], length * sizeof *kept);
	kept[length] = enrolled->strangers[space].mean;
	kept[length + 1] = enrolled->strangers[space].deviation;
	section_name(name, "enrolled", space);
	vu_model_writer_add_floats(writer, name, VU_ELEMENT_F32, 1, length + 2, kept);
}

/* What the template was before it adapted; for one that never did, what it is. */
static void find_enrolled(const vu_template *from, vu_template_adapted *out)
{
	if (from->adapted) {
		*out = *from->adapted;
		return;
	}
	memset(out, 0, sizeof *out);
	for (uint32_t i = 0; i < from->space_count; i++) {
		memcpy(out->voice[i], from->spaces[i].voice, sizeof out->voice[i]);
		out->strangers[i] = from->spaces[i].strangers;
	}
}

/* Counts this one; false when it is one too many. A clock that was set back counts as the same day. */
static bool may_adapt(vu_template_facts *facts, int64_t wall_us)
{
	uint64_t now = (uint64_t)wall_us;

	if (facts->count > 0 && now < facts->last_us + VU_ADAPTATION_GAP_US)
		return false;
	if (facts->count == 0 || now >= facts->day_us + DAY_US) {
		facts->day_us = now;
		facts->of_day = 0;
	}
	if (facts->of_day >= VU_ADAPTATIONS_A_DAY)
		return false;
	facts->count++;
	facts->of_day++;
	facts->last_us = now;
	return true;
}

static vu_adaptation_outcome judge(const vu_scorer *scorer, const vu_template *from,
                                   const vu_template_adapted *enrolled, const vu_probe *probe, vu_template *scratch)
{
	vu_score score;

	vu_scorer_compare(scorer, from, probe, VU_LEVEL_STRICT, &score);
	/* Also when one of them is no number. */
	if (!(score.fused >= score.threshold + VU_ADAPTATION_MARGIN))
		return VU_ADAPTATION_NOT_SURE;
	*scratch = *from;
	scratch->adapted = (vu_template_adapted *)(uintptr_t)enrolled; /* read only */
	vu_adaptation_set_aside(scratch);
	vu_scorer_compare(scorer, scratch, probe, VU_LEVEL_STRICT, &score);
	return score.fused >= score.threshold ? VU_ADAPTED : VU_ADAPTATION_NOT_ENROLLED;
}

vu_status vu_adaptation_update(const vu_scorer *scorer, const vu_template *from, const vu_probe *probe,
                               int64_t wall_us, vu_model_writer *writer, vu_adaptation_outcome *outcome_out,
                               vu_error *error)
{
	vu_template_adapted *enrolled = malloc(sizeof *enrolled);
	vu_template *scratch = malloc(sizeof *scratch);
	vu_status status = VU_OK;

	if (!enrolled || !scratch) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to adapt a template: out of memory");
		goto out;
	}
	find_enrolled(from, enrolled);
	*outcome_out = judge(scorer, from, enrolled, probe, scratch);
	if (*outcome_out == VU_ADAPTED && !may_adapt(&enrolled->facts, wall_us))
		*outcome_out = VU_ADAPTATION_ENOUGH;
	if (*outcome_out != VU_ADAPTED)
		goto out;
	copy_rest(from, writer);
	for (uint32_t i = 0; i < from->space_count; i++)
		write_space(scorer, from, enrolled, i, probe->voices[i], enrolled->facts.count, writer);
	vu_model_writer_add(writer, "adapt.facts", VU_ELEMENT_U64, 1, 4, &enrolled->facts);
out:
	free(scratch);
	free(enrolled);
	return status;
}

vu_status vu_adaptation_undo(const vu_template *from, vu_model_writer *writer, vu_error *error)
{
	if (!from->adapted)
		return vu_fail(error, VU_NOT_FOUND, "template %s is as it was enrolled: there is nothing to undo",
		               vu_model_file_name(from->file));
	copy_rest(from, writer);
	for (uint32_t i = 0; i < from->space_count; i++)
		write_voice(from, i, from->adapted->voice[i], from->adapted->strangers[i], writer);
	return VU_OK;
}
