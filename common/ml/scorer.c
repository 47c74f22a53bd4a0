/*
 * One-class SVM and cosine, fused. Training gathers the vectors of all samples
 * (bounded, shared out fairly), trains both scorers on them, asks the cohort
 * what strangers score, and writes the sections of template.h.
 */
#include "ml/scorer.h"

#include "ml/calibration.h"
#include "ml/float16.h"
#include "ml/ocsvm.h"
#include "ml/pca.h"
#include "ml/scaler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

/* Raw vectors of an enrolment and the sample each is of. */
typedef struct gathered {
	float rows[VU_TEMPLATE_KEPT_MAX * D];
	uint8_t sample[VU_TEMPLATE_KEPT_MAX];
	size_t count;
	size_t samples;
} gathered;

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

static void gather_one(gathered *all, const float *row, size_t sample)
{
	memcpy(all->rows + all->count * D, row, D * sizeof *row);
	all->sample[all->count++] = (uint8_t)sample;
}

/* Every sample whole, then crops in turn, so that no long sample crowds out the others. */
static void gather(const vu_scorer_sample *samples, size_t count, gathered *all)
{
	bool more = true;

	all->count = 0;
	all->samples = count;
	for (size_t s = 0; s < count; s++)
		gather_one(all, samples[s].whole.vector, s);
	for (size_t crop = 0; more; crop++) {
		more = false;
		for (size_t s = 0; s < count; s++) {
			if (crop >= samples[s].crop_count || all->count == VU_TEMPLATE_KEPT_MAX)
				continue;
			gather_one(all, samples[s].crops + crop * D, s);
			more = true;
		}
	}
}

static void scale(const vu_scorer *scorer, const float *raw, float *scaled)
{
	vu_scaler_apply(scorer->scaler->mean, scorer->scaler->inverse, D, raw, scaled);
}

static void voice_of(const vu_scorer *scorer, const float *raw, float *voice)
{
	float scaled[D];
	scale(scorer, raw, scaled);
	vu_background_discriminate(scorer->background, scaled, voice);
}

static vu_cohort_statistics voice_strangers(const vu_background *background, const float *voice)
{
	float scores[VU_COHORT_MAX];

	for (uint32_t i = 0; i < background->cohort_count; i++)
		scores[i] = vu_dot(background->cohort_voices + (size_t)i * background->discriminants, voice,
		                   background->discriminants);
	return vu_cohort_compute(scores, background->cohort_count, background->second_top);
}

/*
 * The mean of the unit vectors of the samples' wholes, at unit length. Crops
 * are left out: they say nothing that the whole does not, with more noise.
 */
static void mean_voice(const vu_scorer *scorer, const gathered *all, size_t leave_out, float *voice)
{
	uint32_t n = scorer->background->discriminants;
	bool seen[VU_SCORER_SAMPLES_MAX] = {false};

	memset(voice, 0, n * sizeof *voice);
	for (size_t i = 0; i < all->count; i++) {
		float one[VU_BACKGROUND_DISCRIMINANTS_MAX];
		if (seen[all->sample[i]] || all->sample[i] == leave_out)
			continue;
		seen[all->sample[i]] = true;
		voice_of(scorer, all->rows + i * D, one);
		for (uint32_t k = 0; k < n; k++)
			voice[k] += one[k];
	}
	vu_normalize_length(voice, n);
}

static void agreement_of(const vu_background *background, const float *others, const float *voice,
                         float *agreement_out, bool *agrees_out)
{
	float cosine = vu_dot(others, voice, background->discriminants);
	float second =
	    vu_cohort_normalize_both(cosine, voice_strangers(background, others), voice_strangers(background, voice));
	float ratio = background->agreement_constant + background->agreement_weight * second;

	*agreement_out = 1.0f / (1.0f + expf(-ratio));
	*agrees_out = ratio >= background->agreement_lowest;
}

static vu_status train_svm(const vu_scorer *scorer, const gathered *all, const vu_scorer_options *options,
                           vu_model_writer *writer, vu_scorer_trained *out, vu_error *error)
{
	const vu_background *background = scorer->background;
	uint32_t components = scorer->projection->components;
	vu_model_element element = options->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	vu_ocsvm_trained trained = {0};
	vu_ocsvm stored;
	vu_float16 *half = NULL;
	float *cohort = NULL;
	float *rows = malloc(all->count * components * sizeof *rows);
	float scores[VU_COHORT_MAX];
	float parameters[4];
	vu_cohort_statistics strangers;
	vu_status status;

	cohort = malloc((size_t)background->cohort_count * D * sizeof *cohort);
	if (!rows || !cohort) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
		goto out;
	}
	for (size_t i = 0; i < all->count; i++) {
		float scaled[D];
		scale(scorer, all->rows + i * D, scaled);
		vu_background_project(scorer->projection, scaled, rows + i * components);
	}
	status = vu_ocsvm_train(rows, all->count, components, background->svm_nu, background->svm_gamma / components,
	                        options->prune, &trained, error);
	if (status == VU_OK)
		status = vu_background_load_cohort(background, cohort, error);
	if (status != VU_OK)
		goto out;
	stored = trained.machine;
	if (options->quantize) {
		/* Strangers are scored with the vectors as they will be stored. */
		size_t count = (size_t)stored.count * components;
		half = malloc(count * sizeof *half);
		if (!half) {
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
			goto out;
		}
		vu_float16_pack(trained.vectors, half, count);
		stored.element = VU_ELEMENT_F16;
		stored.vectors = half;
	}
	for (uint32_t i = 0; i < background->cohort_count; i++) {
		float projected[VU_BACKGROUND_COMPONENTS_MAX];
		vu_background_project(scorer->projection, cohort + (size_t)i * D, projected);
		scores[i] = vu_ocsvm_log_ratio(&stored, projected);
	}
	strangers = vu_cohort_compute(scores, background->cohort_count, background->svm_top);
	parameters[0] = stored.gamma;
	parameters[1] = stored.rho;
	parameters[2] = strangers.mean;
	parameters[3] = strangers.deviation;
	vu_model_writer_add_floats(writer, "svm.vectors", element, stored.count, components, trained.vectors);
	vu_model_writer_add_floats(writer, "svm.alpha", VU_ELEMENT_F32, 1, stored.count, trained.coefficients);
	vu_model_writer_add_floats(writer, "svm.param", VU_ELEMENT_F32, 1, 4, parameters);
	out->support_vectors = stored.count;
out:
	free(half);
	vu_ocsvm_trained_free(&trained);
	free(cohort);
	free(rows);
	return status;
}

static void train_voice(const vu_scorer *scorer, const gathered *all, const vu_scorer_options *options,
                        vu_model_writer *writer, vu_scorer_trained *out)
{
	const vu_background *background = scorer->background;
	float voice[VU_BACKGROUND_DISCRIMINANTS_MAX];
	vu_cohort_statistics strangers;
	float norm[2];

	mean_voice(scorer, all, SIZE_MAX, voice);
	strangers = voice_strangers(background, voice);
	norm[0] = strangers.mean;
	norm[1] = strangers.deviation;
	vu_model_writer_add_floats(writer, "voice", options->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32, 1,
	                           background->discriminants, voice);
	vu_model_writer_add_floats(writer, "voice.norm", VU_ELEMENT_F32, 1, 2, norm);
	out->samples = (uint32_t)all->samples;
	for (size_t s = 0; s < all->samples; s++) {
		float others[VU_BACKGROUND_DISCRIMINANTS_MAX];
		out->agreement[s] = 1;
		out->agrees[s] = true;
		if (all->samples < 2)
			continue;
		mean_voice(scorer, all, s, others);
		for (size_t i = 0; i < all->count; i++) {
			if (all->sample[i] != s)
				continue;
			voice_of(scorer, all->rows + i * D, voice);
			agreement_of(background, others, voice, &out->agreement[s], &out->agrees[s]);
			break;
		}
	}
}

/* Last of all, since values that half precision cannot hold are limited in place. */
static void keep(gathered *all, vu_model_writer *writer)
{
	for (size_t i = 0; i < all->count * D; i++)
		all->rows[i] = fminf(fmaxf(all->rows[i], -VU_FLOAT16_MAX), VU_FLOAT16_MAX);
	vu_model_writer_add_floats(writer, "kept", VU_ELEMENT_F16, (uint32_t)all->count, D, all->rows);
	vu_model_writer_add(writer, "kept.sample", VU_ELEMENT_BYTES, 1, (uint32_t)all->count, all->sample);
}

static vu_status train(const vu_scorer *scorer, gathered *all, const char *extractor,
                       const vu_scorer_options *options, vu_model_writer *writer, vu_scorer_trained *out,
                       vu_error *error)
{
	vu_status status;

	memset(out, 0, sizeof *out);
	vu_model_writer_add_text(writer, "scorer", VU_TEMPLATE_SCORER);
	vu_model_writer_add_text(writer, "extractor", extractor);
	vu_model_writer_add_text(writer, "background", scorer->background->id);
	status = train_svm(scorer, all, options, writer, out, error);
	if (status != VU_OK)
		return status;
	train_voice(scorer, all, options, writer, out);
	keep(all, writer);
	return VU_OK;
}

vu_status vu_scorer_train(const vu_scorer *scorer, const vu_scorer_sample *samples, size_t count,
                          const vu_scorer_options *options, vu_model_writer *writer, vu_scorer_trained *out,
                          vu_error *error)
{
	gathered *all;
	vu_status status;

	if (count == 0 || count > VU_SCORER_SAMPLES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a template from %zu samples: give 1 to %d", count,
		               VU_SCORER_SAMPLES_MAX);
	all = malloc(sizeof *all);
	if (!all)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
	gather(samples, count, all);
	if (all->count < 2)
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to train a template from one stretch of speech: record more samples");
	else
		status = train(scorer, all, scorer->background->extractor, options, writer, out, error);
	free(all);
	return status;
}

vu_status vu_scorer_retrain(const vu_scorer *scorer, const vu_template *from, const vu_scorer_options *options,
                            vu_model_writer *writer, vu_scorer_trained *out, vu_error *error)
{
	gathered *all = malloc(sizeof *all);
	vu_status status;

	if (!all)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
	status = vu_template_load_kept(from, all->rows, error);
	if (status != VU_OK)
		goto out;
	all->count = from->kept_count;
	all->samples = 0;
	for (size_t i = 0; i < all->count; i++) {
		all->sample[i] = from->kept_sample[i];
		if (all->sample[i] >= VU_SCORER_SAMPLES_MAX) {
			status = vu_fail(error, VU_DATA_LOSS,
			                 "unable to use template %s: it keeps more samples than it can",
			                 vu_model_file_name(from->file));
			goto out;
		}
		if (all->sample[i] >= all->samples)
			all->samples = (size_t)all->sample[i] + 1;
		status = vu_scorer_check_vector(all->rows + i * D, D, error);
		if (status != VU_OK)
			goto out;
	}
	if (all->count < 2) {
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to train template %s again: nothing was kept of enrolment; enrol again with --replace",
		    vu_model_file_name(from->file));
		goto out;
	}
	status = train(scorer, all, from->extractor, options, writer, out, error);
out:
	free(all);
	return status;
}

vu_status vu_scorer_check_template(const vu_scorer *scorer, const vu_template *t, bool *retrainable_out,
                                   vu_error *error)
{
	bool ignored;

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
	    t->discriminants != scorer->background->discriminants)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it has %u components, ml.pca_components is %u; enrol "
		               "again with --replace",
		               vu_model_file_name(t->file), t->svm.dimensions, scorer->projection->components);
	*retrainable_out = false;
	return VU_OK;
}

void vu_scorer_prepare(const vu_scorer *scorer, const vu_scorer_input *input, vu_probe *probe)
{
	float scaled[D];
	float seconds = input->speech_ms ? (float)input->speech_ms / 1000.0f : 3.0f;

	scale(scorer, input->vector, scaled);
	vu_background_project(scorer->projection, scaled, probe->components);
	vu_background_discriminate(scorer->background, scaled, probe->voice);
	probe->strangers = voice_strangers(scorer->background, probe->voice);
	probe->log_duration = logf(fminf(fmaxf(seconds, 0.3f), 10.0f) / 3.0f);
}

void vu_scorer_compare(const vu_scorer *scorer, const vu_template *t, const vu_probe *probe, vu_level level,
                       vu_score *out)
{
	const float *calibration = vu_background_calibration(scorer->background, scorer->projection->components);
	float cosine = vu_dot(t->voice, probe->voice, t->discriminants);
	float inputs[3];

	out->svm = vu_cohort_normalize(vu_ocsvm_log_ratio(&t->svm, probe->components), t->svm_strangers);
	out->second = vu_cohort_normalize_both(cosine, t->voice_strangers, probe->strangers);
	inputs[0] = out->svm;
	inputs[1] = out->second;
	inputs[2] = probe->log_duration;
	out->fused = vu_calibration_apply(calibration + VU_CALIBRATION_CONSTANT, inputs, 3);
	out->threshold = calibration[VU_CALIBRATION_THRESHOLDS + (int)level];
}

void vu_scorer_thresholds(const vu_scorer *scorer, const vu_probe *probe, float thresholds_out[VU_BACKGROUND_LEVELS])
{
	const float *calibration = vu_background_calibration(scorer->background, scorer->projection->components);

	(void)probe;
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
		thresholds_out[level] = calibration[VU_CALIBRATION_THRESHOLDS + level];
}

void vu_scorer_agreement(const vu_scorer *scorer, const vu_scorer_sample *others, size_t count,
                         const vu_scorer_sample *sample, float *agreement_out, bool *agrees_out)
{
	const vu_background *background = scorer->background;
	float mean[VU_BACKGROUND_DISCRIMINANTS_MAX] = {0};
	float voice[VU_BACKGROUND_DISCRIMINANTS_MAX];

	*agreement_out = 1;
	*agrees_out = true;
	if (count == 0)
		return;
	for (size_t s = 0; s < count; s++) {
		voice_of(scorer, others[s].whole.vector, voice);
		for (uint32_t k = 0; k < background->discriminants; k++)
			mean[k] += voice[k];
	}
	vu_normalize_length(mean, background->discriminants);
	voice_of(scorer, sample->whole.vector, voice);
	agreement_of(background, mean, voice, agreement_out, agrees_out);
}
