/* A voice in all spaces, against a template: the scores, normalized by the cohort, and their fusion. */
#include "ml/scorer_voices.h"

#include "ml/calibration.h"
#include "ml/ocsvm.h"
#include "ml/pca.h"
#include "ml/scaler.h"
#include "ml/utterance.h"

#include <math.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS
/* Above the first noise does not matter any more; the second is what is taken when it is not known. */
#define SNR_MOST_DB  30.0f
#define SNR_USUAL_DB 20.0f
/* Between these the scorers' weights change from those of quiet to those of noise. */
#define SNR_QUIET_DB 25.0f
#define SNR_NOISY_DB 10.0f

vu_status vu_scorer_check_vector(const float *values, size_t count, vu_error *error)
{
	if (count != D)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the speaker vector has %zu values: give %d", count, D);
	for (size_t i = 0; i < count; i++)
		if (!(fabsf(values[i]) <= VU_SCORER_VALUE_MAX))
			return vu_fail(
			    error, VU_INVALID_ARGUMENT,
			    "value %zu of the speaker vector is not a number within +-%g: extract it again", i,
			    (double)VU_SCORER_VALUE_MAX);
	return VU_OK;
}

void vu_scorer_scale(const vu_scorer *scorer, const float *raw, float *scaled)
{
	vu_scaler_apply(scorer->scaler->mean, scorer->scaler->inverse, D, raw, scaled);
}

vu_status vu_scorer_voices_of(const vu_scorer *scorer, const float *raw, const uint8_t *statistics,
                              size_t statistics_bytes, float voices[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX],
                              float *heard, vu_error *error)
{
	const vu_background *background = scorer->background;
	float scaled[D];
	float place[VU_BACKGROUND_PLACE_MAX];
	float joint[VU_BACKGROUND_DISCRIMINANTS_MAX];
	vu_status status;

	vu_scorer_scale(scorer, raw, scaled);
	vu_background_discriminate(&background->spaces[VU_SPACE_VECTOR], scaled, voices[VU_SPACE_VECTOR]);
	if (background->model_count == 0)
		return VU_OK;
	if (!statistics || statistics_bytes == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the speech statistics are missing: extract them with the vector");
	/* Features has done the work already, unless these are frames that a template kept. */
	status = vu_utterance_is_placed(statistics, statistics_bytes)
	             ? vu_utterance_place(background, statistics, statistics_bytes, place, error)
	             : vu_background_embed(background, statistics, statistics_bytes, place, error);
	for (uint32_t i = 0; i < background->model_count && status == VU_OK; i++) {
		const float *one = vu_background_place_of(background, i, place);
		uint32_t frames = VU_SPACE_FRAMES_OF(i);
		uint32_t both = VU_SPACE_JOINT_OF(i);
		vu_background_discriminate(&background->spaces[frames], one, voices[frames]);
		vu_background_join(&background->models[i], scaled, one, joint);
		vu_background_discriminate(&background->spaces[both], joint, voices[both]);
	}
	if (status == VU_OK && heard && background->shift.length)
		memcpy(heard, vu_background_heard_of(background, place),
		       (background->shift.length + 2) * sizeof *heard);
	/* A version of statistics that this program does not know is the caller's to change, not ours to build. */
	return status == VU_UNIMPLEMENTED ? VU_INVALID_ARGUMENT : status;
}

vu_cohort_statistics vu_scorer_strangers_of(const vu_voice_space *space, const float *voice)
{
	float scores[VU_COHORT_MAX];

	vu_background_ask_cohort(space, voice, scores);
	return vu_cohort_compute(scores, space->cohort_count, space->top);
}

static bool same_discriminants(const vu_background *background, const vu_template *t)
{
	for (uint32_t i = 0; i < background->space_count; i++)
		if (t->spaces[i].discriminants != background->spaces[i].discriminants)
			return false;
	return true;
}

vu_status vu_scorer_check_template(const vu_scorer *scorer, const vu_template *t, bool *retrainable_out,
                                   vu_error *error)
{
	bool ignored = false;

	retrainable_out = retrainable_out ? retrainable_out : &ignored;
	*retrainable_out = false;
	if (strcmp(t->extractor, scorer->background->extractor) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it was made of vectors by '%s', the background model "
		               "needs '%s'; enrol again with --replace",
		               vu_model_file_name(t->file), t->extractor, scorer->background->extractor);
	*retrainable_out = true;
	if (strcmp(t->background, scorer->background->id) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it was made with background model %.12s, this is %.12s; "
		               "enrol again with --replace, or set ml.background_model to the old one",
		               vu_model_file_name(t->file), t->background, scorer->background->id);
	if (t->svm.dimensions != scorer->projection->components ||
	    t->space_count != scorer->background->space_count || !same_discriminants(scorer->background, t))
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it has %u components, ml.pca_components is %u; enrol "
		               "again with --replace",
		               vu_model_file_name(t->file), t->svm.dimensions, scorer->projection->components);
	if (t->shift_length != scorer->background->shift.length)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to use template %s: it has a shift of %u values, the background model needs %u; "
		    "enrol again with --replace",
		    vu_model_file_name(t->file), t->shift_length, scorer->background->shift.length);
	*retrainable_out = false;
	return VU_OK;
}

vu_status vu_scorer_prepare(const vu_scorer *scorer, const vu_scorer_input *input, vu_probe *probe, vu_error *error)
{
	const vu_background *background = scorer->background;
	float scaled[D];
	float seconds = input->speech_ms ? (float)input->speech_ms / 1000.0f : 3.0f;
	vu_status status = vu_scorer_voices_of(scorer, input->vector, input->statistics, input->statistics_bytes,
	                                       probe->voices, probe->heard, error);

	if (status != VU_OK)
		return status;
	vu_scorer_scale(scorer, input->vector, scaled);
	vu_background_project(scorer->projection, scaled, probe->components);
	for (uint32_t i = 0; i < background->space_count; i++)
		probe->strangers[i] = vu_scorer_strangers_of(&background->spaces[i], probe->voices[i]);
	probe->log_duration = logf(fminf(fmaxf(seconds, 0.3f), 10.0f) / 3.0f);
	probe->snr = input->snr_db > 0 ? (fminf(input->snr_db, SNR_MOST_DB) - SNR_USUAL_DB) / 10.0f : 0;
	probe->noise = input->snr_db > 0 ? (SNR_QUIET_DB - input->snr_db) / (SNR_QUIET_DB - SNR_NOISY_DB) : 0;
	probe->noise = fminf(fmaxf(probe->noise, 0), 1);
	return VU_OK;
}

void vu_scorer_compare(const vu_scorer *scorer, const vu_template *t, const vu_probe *probe, vu_level level,
                       vu_score *out)
{
	const vu_background *background = scorer->background;
	const float *calibration = vu_background_calibration(background, scorer->projection->components);
	float cosines[VU_SPACES_MAX] = {0};

	for (uint32_t i = 0; i < background->space_count; i++) {
		float cosine = vu_dot(t->spaces[i].voice, probe->voices[i], t->spaces[i].discriminants);
		cosines[i] = vu_cohort_normalize_both(cosine, t->spaces[i].strangers, probe->strangers[i],
		                                      background->audio_share);
	}
	out->svm = vu_cohort_normalize(vu_ocsvm_log_ratio(&t->svm, probe->components), t->svm_strangers);
	out->second = cosines[vu_background_main_space(background)];
	out->inputs[0] = out->svm;
	memcpy(out->inputs + 1, cosines, sizeof cosines);
	out->inputs[1 + VU_SPACES_MAX] =
	    background->shift.length ? vu_shift_score(&background->shift, &t->shift, t->shift_strangers, probe->heard)
	                             : 0;
	out->inputs[VU_CALIBRATION_SCORERS] = probe->log_duration;
	out->inputs[VU_CALIBRATION_SCORERS + 1] = probe->snr;
	for (int k = 0; k < VU_CALIBRATION_SCORERS; k++)
		out->inputs[VU_CALIBRATION_SCORERS + 2 + k] = probe->noise * out->inputs[k];
	out->fused = vu_calibration_apply(calibration + VU_CALIBRATION_CONSTANT, out->inputs, VU_CALIBRATION_INPUTS);
	out->threshold = calibration[VU_CALIBRATION_THRESHOLDS + (int)level];
}

void vu_scorer_thresholds(const vu_scorer *scorer, const vu_probe *probe, float thresholds_out[VU_BACKGROUND_LEVELS])
{
	const float *calibration = vu_background_calibration(scorer->background, scorer->projection->components);

	(void)probe;
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
		thresholds_out[level] = calibration[VU_CALIBRATION_THRESHOLDS + level];
}
